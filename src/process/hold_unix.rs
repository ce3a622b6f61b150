//! The holder, on Unix: one loop without threads, so that a child may be made by `fork`.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, WaitStatus, waitpid};

use super::board::{Board, Mark, PLACES};
use super::channel::Channel;
use super::channel::Word;
use super::hold::{Inheritance, Predecessor, Terms};
use super::{Entrance, Listener, Socket, Urgency, identify};

/// The number that means [`Terms::release`]; all others are places.
pub(super) const RELEASED: u32 = u32::MAX;

/// The number that comes with a listener that takes the old one's place.
pub(super) const LISTENER: u32 = u32::MAX - 1;

/// How long somebody who was told to help himself may still talk.
const FAREWELL_LIMIT: Duration = Duration::from_secs(10);

/// A child that lived this long worked; what befalls the next is a new misfortune.
const WORKING: Duration = Duration::from_secs(2);

/// How many children in a row may die young.
const CHILDREN: u32 = 8;

struct Holder {
    terms: Terms,
    listener: Listener,
    board: Board,
    began: Instant,
    clients: BTreeMap<usize, Socket>,
    /// Places that the child has not been told of.
    untold: VecDeque<usize>,
    /// Those who were told to help themselves, and may not have said all.
    leaving: Vec<(Socket, Instant)>,
    is_leash_held: bool,
    is_released: bool,
    is_ending: bool,
    said: Vec<u8>,
}

/// Holds this listener. Comes back with `None` when all is over, and in each child with what it begins with.
/// The caller must have no other thread.
///
/// # Errors
/// When the system refuses what it needs.
pub fn hold(listener: Listener, terms: Terms) -> io::Result<Option<Inheritance>> {
    let (signals, ids) = signals()?;
    let mut holder = Holder {
        terms,
        listener,
        board: Board::new()?,
        began: Instant::now(),
        clients: BTreeMap::new(),
        untold: VecDeque::new(),
        leaving: Vec::new(),
        is_leash_held: true,
        is_released: false,
        is_ending: false,
        said: Vec::new(),
    };
    let (mut before, mut in_a_row) = (None, 0);
    loop {
        let (ours, theirs) = Channel::pair()?;
        // SAFETY: this process has one thread, so the child finds nothing locked and nothing half done.
        let child = unsafe { libc::fork() };
        if child < 0 {
            return Err(io::Error::last_os_error());
        }
        if child == 0 {
            for id in ids {
                signal_hook::low_level::unregister(id);
            }
            return holder.into_inheritance(theirs, before).map(Some);
        }
        drop(theirs);
        if before.is_none() {
            // The child answers our starter, who is to see its end.
            super::release_stdout()?;
        }
        super::return_unused_memory();
        let (started, pid) = (Instant::now(), child.unsigned_abs());
        holder.serve(&ours, &signals, pid)?;
        let status = reap(child);
        if status.is_some_and(|status| status.exit_status() == Some(0)) || holder.is_ending {
            return Ok(None);
        }
        if !holder.board.is_serving() {
            // Nobody was told of a server. One that was being started is left without a parent.
            super::proc::end_session();
            return Ok(None);
        }
        in_a_row = if started.elapsed() >= WORKING { 1 } else { in_a_row + 1 };
        if in_a_row > CHILDREN {
            super::proc::end_session();
            return Err(io::Error::other("each child died soon after its start"));
        }
        let signal = status.and_then(|status| status.terminating_signal());
        before = Some(holder.settle(pid, signal));
    }
}

/// Where the signals that ask us to end are heard, and what undoes that.
fn signals() -> io::Result<(UnixStream, Vec<signal_hook::SigId>)> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let (heard, write) = UnixStream::pair()?;
    heard.set_nonblocking(true)?;
    write.set_nonblocking(true)?;
    let register = |signal| signal_hook::low_level::pipe::register(signal, write.try_clone()?);
    let ids = [SIGINT, SIGTERM, SIGHUP].map(register).into_iter().collect::<io::Result<_>>()?;
    Ok((heard, ids))
}

fn reap(child: i32) -> Option<WaitStatus> {
    let pid = Pid::from_raw(child)?;
    loop {
        match waitpid(Some(pid), WaitOptions::empty()) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Some(other.ok()??.1),
        }
    }
}

impl Holder {
    /// What the child begins with. It holds no connection but those that it is given.
    fn into_inheritance(self, channel: Channel, before: Option<Predecessor>) -> io::Result<Inheritance> {
        Ok(Inheritance {
            entrance: Entrance::held(self.listener, channel),
            holder: identify(std::os::unix::process::parent_id()),
            board: self.board,
            began: self.began,
            is_released: self.is_released,
            before,
        })
    }

    /// Until the child is gone.
    fn serve(&mut self, channel: &Channel, signals: &UnixStream, child: u32) -> io::Result<()> {
        self.untold = self.clients.keys().copied().collect();
        loop {
            self.tell(channel);
            let (leash, listens) = (self.is_leash_held, self.untold.is_empty());
            let ready = self.wait(channel, signals, leash, listens)?;
            if ready.leash {
                self.hear_leash(channel, child);
            }
            if ready.signal {
                drain(signals);
                self.end_child(child);
            }
            if ready.channel && !self.hear(channel)? {
                return Ok(());
            }
            self.forget();
            if ready.listener {
                self.accept(channel);
            }
        }
    }

    fn wait(
        &mut self,
        channel: &Channel,
        signals: &UnixStream,
        leash: bool,
        listens: bool,
    ) -> io::Result<Ready> {
        let on_channel = if listens { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        // What is not wanted now is only asked for its end.
        let of = |wanted: bool| if wanted { PollFlags::IN } else { PollFlags::empty() };
        let mut fds = vec![
            PollFd::from_borrowed_fd(channel.as_fd(), on_channel),
            PollFd::new(signals, PollFlags::IN),
            PollFd::from_borrowed_fd(self.listener.as_fd(), of(listens)),
        ];
        if leash {
            fds.push(PollFd::from_borrowed_fd(rustix::stdio::stdin(), PollFlags::IN));
        }
        let limit = Timespec { tv_sec: 1, tv_nsec: 0 };
        let first = fds.len();
        fds.extend(
            self.leaving.iter().map(|(client, _)| PollFd::from_borrowed_fd(client.as_fd(), PollFlags::IN)),
        );
        let limit = (!self.leaving.is_empty()).then_some(&limit);
        match poll(&mut fds, limit) {
            Err(rustix::io::Errno::INTR) => return Ok(Ready::default()),
            other => other?,
        };
        let is_ready = |at: usize| !fds[at].revents().is_empty();
        let ready = Ready {
            channel: fds[0].revents().intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR),
            signal: is_ready(1),
            listener: fds[2].revents().intersects(PollFlags::IN),
            leash: leash && is_ready(3),
        };
        let talking: Vec<bool> = (first..fds.len()).map(is_ready).collect();
        drop(fds);
        let mut talking = talking.into_iter();
        self.leaving.retain_mut(|(client, since)| {
            let has_more = !talking.next().unwrap_or(false) || listen(client);
            has_more && since.elapsed() < FAREWELL_LIMIT
        });
        Ok(ready)
    }

    /// Passes connections on. What the child cannot take yet waits.
    fn tell(&mut self, channel: &Channel) {
        while let Some(place) = self.untold.front().copied() {
            if let Some(client) = self.clients.get(&place) {
                let number = u32::try_from(place).unwrap_or(RELEASED);
                match channel.say(number, Some(client.as_fd())) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                    // A child that is gone is noticed by its end.
                    Ok(()) | Err(_) => {}
                }
            }
            self.untold.pop_front();
        }
    }

    /// What the child says; `false` when it is gone.
    fn hear(&mut self, channel: &Channel) -> io::Result<bool> {
        loop {
            match channel.hear() {
                Ok(Word::File(LISTENER, file)) => {
                    let listener = self.listener.like(file);
                    // What had connected to the old one is still in its queue.
                    self.accept(channel);
                    self.listener = listener;
                }
                Ok(Word::File(..) | Word::Number(_)) => {}
                Ok(Word::End) => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// One after the other: whom we have accepted and not passed on goes with us when we are killed.
    fn accept(&mut self, channel: &Channel) {
        // Anything but a connection means that nobody is waiting any more; the next event tries again.
        while let Ok(client) = self.listener.accept() {
            let free = (0..PLACES).find(|place| !self.clients.contains_key(place));
            // More clients than a machine can compile for: the rest waits in the system's queue, this one goes.
            let Some(place) = free else { return };
            self.board.note(place, Mark::Fresh);
            self.clients.insert(place, client);
            self.untold.push_back(place);
            self.tell(channel);
        }
    }

    /// Lets go of connections that are over.
    fn forget(&mut self) {
        let board = self.board;
        self.clients.retain(|place, _| board.mark(*place) != Mark::Over);
    }

    fn hear_leash(&mut self, channel: &Channel, child: u32) {
        let mut piece = [0; 64];
        let count = match rustix::io::read(rustix::stdio::stdin(), &mut piece) {
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => return,
            other => other.unwrap_or(0),
        };
        self.said.extend_from_slice(&piece[..count]);
        if self.said.trim_ascii_end() == self.terms.release.as_bytes() && self.said.ends_with(b"\n") {
            (self.is_released, self.is_leash_held) = (true, false);
            // A child that is gone is noticed by its end, and the next one knows.
            let _ = channel.say(RELEASED, None);
        } else if count == 0 {
            // The end without the word means that the starter is gone, and nobody needs the child.
            self.is_leash_held = false;
            self.end_child(child);
        }
    }

    fn end_child(&mut self, child: u32) {
        self.is_ending = true;
        super::system::end(child, Urgency::Terminate);
    }

    /// Does right by the connections of a child that has died.
    fn settle(&mut self, pid: u32, signal: Option<i32>) -> Predecessor {
        let (mut answered, mut asked) = (0, 0);
        for (place, mut client) in std::mem::take(&mut self.clients) {
            match self.board.mark(place) {
                Mark::Fresh => {
                    self.clients.insert(place, client);
                    continue;
                }
                Mark::Asked => {
                    asked += 1;
                    // Whoever has gone meanwhile needs no answer.
                    let _ = client.write_all(self.terms.farewell);
                    client.close_writing();
                    self.leaving.push((client, Instant::now()));
                }
                Mark::Answered => {
                    answered += 1;
                    client.close();
                }
                Mark::Over => client.close(),
            }
            self.board.note(place, Mark::Over);
        }
        let (at, uncounted) = (Instant::now(), u64::from(self.board.uncounted()));
        Predecessor { pid, signal, at, answered, asked, uncounted }
    }
}

#[derive(Default)]
struct Ready {
    channel: bool,
    signal: bool,
    listener: bool,
    leash: bool,
}

/// Takes what somebody still says; `false` when that was all.
fn listen(client: &mut Socket) -> bool {
    let mut piece = [0; 4096];
    loop {
        match client.read(&mut piece) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

fn drain(mut signals: &UnixStream) {
    let mut piece = [0; 16];
    while signals.read(&mut piece).is_ok_and(|count| count > 0) {}
}
