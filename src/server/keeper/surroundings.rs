//! What the supervisor depends on and others can take away: the job itself, the directory of the run, the
//! socket in it.

use std::path::PathBuf;
use std::time::Duration;

use super::Keeper;
use crate::process;
use crate::server::history;
use crate::server::order::Order;
use crate::server::relay::{Relay, Target};
use crate::state::{Address, ProcessIdentity};

/// The longest life of a supervisor; no job runs longer.
const TIME_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What was there when we began.
pub(super) struct Surroundings {
    watched: Option<ProcessIdentity>,
    state_path: PathBuf,
    /// The state file as our starter left it, for putting it back.
    state: Option<Vec<u8>>,
    /// The file that the socket's path led to when we bound it.
    socket: Option<u64>,
    out_of_memory_kills: u64,
    /// Whether it was told that the socket cannot be put back.
    has_complained: bool,
}

impl Surroundings {
    pub(super) fn of(order: &Order, relay: &Relay) -> Self {
        Self {
            watched: order.watched,
            state_path: order.state.clone(),
            state: None,
            socket: relay.socket().and_then(process::file_number),
            out_of_memory_kills: process::out_of_memory_kills(),
            has_complained: false,
        }
    }

    /// Why nobody needs us any more, if that is so.
    pub(super) fn is_abandoned(&self, elapsed: Duration) -> Option<String> {
        if self.watched.is_some_and(|watched| !process::is_alive(watched)) {
            return Some("the job's own process had ended".into());
        }
        (elapsed >= TIME_LIMIT).then(|| "it had run for a day".into())
    }

    pub(super) fn remember_state(&mut self) {
        self.state = std::fs::read(&self.state_path).ok();
    }

    /// How many processes the kernel has killed for want of memory since the last time.
    pub(super) fn new_out_of_memory_kills(&mut self) -> u64 {
        let before = std::mem::replace(&mut self.out_of_memory_kills, process::out_of_memory_kills());
        self.out_of_memory_kills.saturating_sub(before)
    }
}

impl Keeper {
    /// Puts back what others took away.
    pub(super) fn look_around(&mut self) {
        let Some(socket) = self.relay.socket() else { return };
        if process::file_number(socket) == self.surroundings.socket {
            return;
        }
        let was_replaced = socket.exists();
        let peer = self.relay.socket().and_then(|_| process::peer_at(self.relay.address()));
        match self.put_back() {
            Ok(()) => {
                self.surroundings.socket = self.relay.socket().and_then(process::file_number);
                self.surroundings.has_complained = false;
                let what = if was_replaced { "was taken by another listener" } else { "was removed" };
                self.chronicle.note(history::Event::Noted {
                    what: format!("the server's socket {what}"),
                    why: peer.map(|pid| format!("process {pid} listened there")),
                    cost: Some("it was put back".into()),
                });
            }
            Err(error) if !self.surroundings.has_complained => {
                self.surroundings.has_complained = true;
                self.chronicle.note(history::Event::Noted {
                    what: "the server's socket was removed and cannot be put back".into(),
                    why: Some(format!("{error:#}")),
                    cost: Some("until then compilations may fail, as they cannot reach any server".into()),
                });
            }
            Err(_) => {}
        }
    }

    /// A server whose own socket went with the directory goes on: what holds its file leads to it.
    fn reach_server_otherwise(&mut self) {
        let Some(serving) = &mut self.serving else { return };
        let is_gone = serving.listens.socket().is_some_and(|path| !path.exists());
        let Some(anchor) = serving.anchor.as_ref().filter(|_| is_gone) else { return };
        let listens = Address::Socket(anchor.path());
        serving.listens = listens.clone();
        let server = serving.identity;
        self.chronicle.note(history::Event::Moved { server, listens: listens.clone() });
        self.relay.aim(Target::Server(listens));
    }

    fn put_back(&mut self) -> anyhow::Result<()> {
        for directory in [&self.order.socket_dir, &self.order.run_dir] {
            if let Some(foreign) = process::create_private_directory(directory)? {
                anyhow::bail!("`{}`: {foreign}", directory.display());
            }
        }
        self.relay.rebind()?;
        self.chronicle.write_again()?;
        self.reach_server_otherwise();
        if let Some(state) =
            self.surroundings.state.as_ref().filter(|_| !self.surroundings.state_path.exists())
        {
            std::fs::write(&self.surroundings.state_path, state)?;
        }
        Ok(())
    }
}
