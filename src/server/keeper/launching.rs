//! Starting servers: the first one, the next one after a death, another storage when the first is out of
//! reach, and one more when a passing error made the server read-only.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use super::{Event, Keeper, Serving};
use crate::process;
use crate::sccache::wire;
use crate::server::account::Account;
use crate::server::history;
use crate::server::launch::{Group, Launched, launch};
use crate::server::order::{Answer, Order};
use crate::server::relay::Target;
use crate::server::restarts::Restarts;
use crate::server::sampler::Sampler;
use crate::server::supervise::tell;
use crate::state::{Address, ProcessIdentity};

/// How long a storage that turned writes away is given until it is asked once more.
const READ_ONLY_PAUSE: Duration = Duration::from_secs(2);

/// What is known about the next start.
#[derive(Default)]
pub(super) struct Launching {
    /// When it is due.
    due: Option<Duration>,
    /// Whether one is under way.
    under_way: bool,
    /// How many there were.
    number: u32,
    /// When the row of failures began that is going on.
    failing_since: Option<Duration>,
    /// How long the server's log was when the last start began.
    log_bytes: u64,
    /// Why the storage asked for was given up.
    pub(super) storage_lost: Option<String>,
    /// Whether a read-only server was replaced already.
    replaced_read_only: bool,
    /// Whether nothing is started any more.
    pub(super) gave_up: bool,
}

impl Launching {
    /// Goes on where a supervisor before us was.
    pub(super) fn go_on(&mut self, order: &Order, account: &Account) {
        let names = std::fs::read_dir(&order.socket_dir).into_iter().flatten().filter_map(Result::ok);
        let numbers = names.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        self.number = numbers.max().unwrap_or(0).max(u32::try_from(account.servers.len()).unwrap_or(0));
        let storage = account.servers.last().map(|record| record.storage.as_str());
        if storage.is_some() && storage != Some(order.storage.as_str()) {
            self.storage_lost = Some("it could not be used before".into());
        }
    }
}

impl Keeper {
    pub(super) fn launch_after(&mut self, pause: Duration) {
        self.launching.due = Some(self.chronicle.elapsed() + pause);
    }

    pub(super) fn launch_if_due(&mut self) {
        let is_due = self.launching.due.is_some_and(|due| self.chronicle.elapsed() >= due);
        if !is_due || self.launching.under_way {
            return;
        }
        self.launching.due = None;
        self.launching.under_way = true;
        self.launching.number += 1;
        self.launching.log_bytes = std::fs::metadata(&self.order.log).map_or(0, |metadata| metadata.len());
        let (order, outbox) = (self.next_order(), self.outbox.clone());
        thread::spawn(move || match launch(&order, Group::Own) {
            Ok(Launched { identity, address, ended }) => {
                outbox.send(Event::Launched(Ok((identity, address))));
                outbox.send(Event::Ended(identity, ended.recv().ok()));
            }
            Err(answer) => outbox.send(Event::Launched(Err(answer))),
        });
    }

    pub(super) fn is_launching(&self) -> bool {
        self.launching.under_way
    }

    pub(super) fn launch_is_over(&mut self) {
        self.launching.under_way = false;
    }

    /// The order with an address of its own for the next server, and with the storage in force.
    fn next_order(&self) -> Order {
        let mut order = self.order.clone();
        order.address = match &self.order.address {
            Address::Socket(_) => {
                Address::Socket(self.order.socket_dir.join(self.launching.number.to_string()))
            }
            Address::Port(_) => Address::Port(0),
        };
        if let (Some(fallback), true) = (&self.order.fallback, self.launching.storage_lost.is_some()) {
            order.variables.clone_from(&fallback.variables);
            order.storage.clone_from(&fallback.storage);
        }
        order
    }

    /// A server is ready: it gets the requests from now on.
    pub(super) fn welcome(&mut self, identity: ProcessIdentity, listens: Address) -> anyhow::Result<()> {
        self.launching.under_way = false;
        self.launching.failing_since = None;
        self.down_since = None;
        let storage = match (&self.order.fallback, self.launching.storage_lost.is_some()) {
            (Some(fallback), true) => fallback.storage.clone(),
            _ => self.order.storage.clone(),
        };
        self.chronicle.note(history::Event::Started { server: identity, listens: listens.clone(), storage });
        let serving = Serving {
            identity,
            listens: listens.clone(),
            anchor: listens.socket().and_then(process::Anchor::hold),
            ready_at: self.chronicle.elapsed(),
            sampler: Sampler::default(),
            condemned: None,
            rss_bytes: None,
        };
        if let Some(before) = self.serving.replace(serving) {
            self.retire(before);
        }
        self.relay.aim(Target::Server(listens));
        self.replace_if_read_only();
        if self.has_answered {
            return Ok(());
        }
        self.has_answered = true;
        let address = self.relay.address().clone();
        let supervisor = process::identify(std::process::id()).context("there is no telling who we are")?;
        let instead = self.instead().map(Box::new);
        let ready = Answer::Ready { server: identity, supervisor, address, instead };
        self.relay.serving();
        if tell(&ready).is_err() {
            // Nobody is there to hand it over to.
            process::cancellation().cancel();
        }
        process::release_stdout()?;
        Ok(())
    }

    /// A start has failed: another try, the storage's substitute, or the end of it.
    pub(super) fn launch_failed(&mut self, answer: Answer) -> anyhow::Result<()> {
        self.launching.under_way = false;
        let now = self.chronicle.elapsed();
        let reason = match &answer {
            Answer::Failed { reason } => reason.clone(),
            Answer::TimedOut | Answer::Ready { .. } => {
                format!("it was not ready within {} s", self.order.startup_timeout().as_secs())
            }
        };
        if self.serving.is_some() {
            // It was to replace a read-only one, which is better than none.
            return Ok(());
        }
        let since = *self.launching.failing_since.get_or_insert(now);
        let is_on_substitute = self.launching.storage_lost.is_some();
        let substitute = self.order.fallback.as_ref().filter(|_| !is_on_substitute);
        if let Some(directory) = substitute.map(|fallback| fallback.directory.clone()) {
            let failing_for = now.saturating_sub(since);
            let pause =
                self.restarts.after(Duration::ZERO).unwrap_or_default().max(Duration::from_millis(250));
            let has_time = failing_for + pause < self.order.startup_timeout();
            if has_time && answer_may_change(&answer) {
                self.launch_after(pause);
                return Ok(());
            }
            match crate::sccache::try_cache_directory(&directory) {
                Ok(()) => {
                    self.give_up_storage(reason);
                    self.launch_after(Duration::ZERO);
                    return Ok(());
                }
                // A server with an unusable directory would fail compilations: better none.
                Err(_) => self.order.fallback = None,
            }
        }
        if !self.has_answered {
            self.finished = Some(reason);
            return tell(&answer);
        }
        match self.restarts.after(Duration::ZERO) {
            Some(pause) => self.launch_after(pause),
            None => self.give_up(&reason),
        }
        Ok(())
    }

    fn give_up_storage(&mut self, reason: String) {
        self.restarts = Restarts::default();
        let substitute = self.order.fallback.as_ref().map_or("nothing", |fallback| fallback.storage.as_str());
        self.chronicle.note(history::Event::Noted {
            what: format!("the storage ({}) could not be used", self.order.storage),
            why: Some(reason.clone()),
            cost: Some(format!("the server runs on {substitute} instead")),
        });
        self.launching.storage_lost = Some(reason);
    }

    /// No server any more: clients compile by themselves, uncached.
    pub(super) fn give_up(&mut self, reason: &str) {
        self.launching.gave_up = true;
        self.launching.due = None;
        self.relay.aim(Target::Nobody);
        self.chronicle.note(history::Event::Noted {
            what: format!("no new server after {} failures in a row", self.restarts.in_a_row()),
            why: Some(reason.to_owned()),
            cost: Some("from then on everything was compiled without a cache".into()),
        });
    }

    /// sccache tries a write when it starts, and after one refusal, however passing, it stays read-only.
    fn replace_if_read_only(&mut self) {
        let Some(refusal) = self.write_refusal() else { return };
        let once_more = !std::mem::replace(&mut self.launching.replaced_read_only, true);
        let cost = if once_more {
            self.launch_after(READ_ONLY_PAUSE);
            "another server was started to try once more"
        } else {
            "nothing new was stored from then on"
        };
        self.chronicle.note(history::Event::Noted {
            what: "the server came up read-only".into(),
            why: Some(refusal),
            cost: Some(cost.into()),
        });
    }

    /// What the storage said when the server that has just started tried to write.
    fn write_refusal(&self) -> Option<String> {
        let mut log = File::open(&self.order.log).ok()?;
        log.seek(SeekFrom::Start(self.launching.log_bytes)).ok()?;
        let mut said = Vec::new();
        log.take(64 << 10).read_to_end(&mut said).ok()?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let refusal = said.lines().find_map(|line| line.split_once(wire::WRITE_CHECK_FAILED))?;
        Some(self.veil.text(refusal.1.trim()).chars().take(300).collect())
    }
}

/// Whether asking once more could help: sccache's storage library marks what will stay as it is.
fn answer_may_change(answer: &Answer) -> bool {
    !matches!(answer, Answer::Failed { reason } if reason.contains("(permanent)"))
}
