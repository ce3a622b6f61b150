//! Keeps a server behind the job's address: starts it, and starts the next when it has died; asks it for its
//! counters; ends one that hangs; replaces one that came up read-only; writes down what happened.
//!
//! One loop, which never waits for a server: starts, ends, answers and words arrive as [`Event`]s.

mod ending;
mod holding;
mod launching;
mod surroundings;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::Duration;

use mio::Waker;

use super::chronicle::Chronicle;
use super::connection::statistics_at;
use super::history;
use super::order::{Answer, Instead, Order};
use super::relay::{Relay, Target};
use super::restarts::Restarts;
use super::sampler::{ANSWER_LIMIT, Sampler, Traffic};
use super::stop;
use super::veil::Veil;
use crate::process;
use crate::state::{Address, ProcessIdentity};
use crate::stats::Stats;
pub(super) use holding::Holding;
use launching::Launching;

/// How often the supervisor looks around when nothing happens.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The same while something is about to happen.
const LOOK_SOON: Duration = Duration::from_millis(20);

/// How often it looks at most while a server serves: each look costs some system calls, each client some turns.
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// What other threads tell the loop.
pub(super) enum Event {
    /// A start has come to an end.
    Launched(Result<(ProcessIdentity, Address), Answer>),
    /// A server has ended.
    Ended(ProcessIdentity, Option<std::process::ExitStatus>),
    /// A server has answered, or not.
    Sampled(ProcessIdentity, Traffic, anyhow::Result<Box<Stats>>),
    /// The starter lets us go on alone.
    HandedOver,
}

/// Where other threads tell it.
#[derive(Clone)]
pub(super) struct Outbox {
    sender: Sender<Event>,
    waker: Arc<Waker>,
}

impl Outbox {
    pub(super) fn new(sender: Sender<Event>, waker: Waker) -> Self {
        Self { sender, waker: Arc::new(waker) }
    }

    pub(super) fn send(&self, event: Event) {
        // A loop that is over needs no news; one that is not woken looks by itself a moment later.
        let _ = self.sender.send(event);
        let _ = self.waker.wake();
    }
}

/// A server that is ready.
struct Serving {
    identity: ProcessIdentity,
    listens: Address,
    /// Leads to it when its path is taken away.
    anchor: Option<process::Anchor>,
    ready_at: Duration,
    sampler: Sampler,
    /// Why we ended it ourselves, if we did.
    condemned: Option<String>,
    rss_bytes: Option<u64>,
}

/// The loop and all it knows.
pub(super) struct Keeper {
    order: Order,
    relay: Relay,
    outbox: Outbox,
    inbox: Receiver<Event>,
    chronicle: Chronicle,
    restarts: Restarts,
    serving: Option<Serving>,
    launching: Launching,
    /// Servers that were replaced and finish what they had begun.
    retiring: Vec<ProcessIdentity>,
    /// Whether the starter knows that there is a server.
    has_answered: bool,
    /// Since when there has been no server.
    down_since: Option<Duration>,
    surroundings: surroundings::Surroundings,
    /// Over the server's log.
    veil: Veil,
    holding: Holding,
    /// When the files and processes around us were looked at last.
    looked_at: Option<Duration>,
    finished: Option<String>,
}

impl Keeper {
    pub(super) fn new(
        order: Order,
        relay: Relay,
        outbox: Outbox,
        inbox: Receiver<Event>,
        holding: Holding,
    ) -> Self {
        let chronicle = Chronicle::new(&order.run_dir, holding.began);
        let surroundings = surroundings::Surroundings::of(&order, &relay);
        let log_bytes = std::fs::metadata(&order.log).map_or(0, |metadata| metadata.len());
        let veil = Veil::over(&order.secrets, log_bytes);
        Self {
            order,
            relay,
            outbox,
            inbox,
            chronicle,
            restarts: Restarts::default(),
            serving: None,
            launching: Launching::default(),
            retiring: Vec::new(),
            has_answered: false,
            down_since: None,
            surroundings,
            veil,
            holding,
            looked_at: None,
            finished: None,
        }
    }

    /// Serves until the job is over.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        self.introduce();
        self.launch_after(Duration::ZERO);
        while self.finished.is_none() {
            // What is passed on wakes us by itself.
            let is_calm = self.serving.is_some() && !self.relay.has_waiting();
            self.relay.turn(if is_calm { LOOK_EVERY } else { LOOK_SOON })?;
            self.hear_holder();
            while let Ok(event) = self.inbox.try_recv() {
                self.hear(event)?;
            }
            self.look()?;
        }
        self.veil_log();
        let why = self.finished.take().unwrap_or_default();
        self.chronicle.note(history::Event::Finished { why });
        Ok(())
    }

    fn hear(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Launched(Ok((server, listens))) => self.welcome(server, listens),
            Event::Launched(Err(answer)) => self.launch_failed(answer),
            Event::Ended(identity, status) => {
                self.has_ended(identity, status);
                Ok(())
            }
            Event::Sampled(identity, traffic, answer) => {
                self.sampled(identity, traffic, answer);
                Ok(())
            }
            Event::HandedOver => {
                self.surroundings.remember_state();
                Ok(())
            }
        }
    }

    fn look(&mut self) -> anyhow::Result<()> {
        self.note_uncounted();
        let now = self.chronicle.elapsed();
        let is_recent = self.looked_at.is_some_and(|at| now.saturating_sub(at) < LOOK_PAUSE);
        if is_recent && self.serving.is_some() {
            self.sample_if_due();
            return Ok(());
        }
        self.looked_at = Some(now);
        if let Some(why) = self.is_over() {
            self.dismiss(&why);
            return Ok(());
        }
        self.launch_if_due();
        self.tell_clients_to_help_themselves();
        self.sample_if_due();
        self.look_around();
        self.veil_log();
        Ok(())
    }

    /// The log is the server's own, and what cannot be hidden in it is no reason to stop serving.
    fn veil_log(&mut self) {
        let _ = self.veil.file(&self.order.log);
    }

    fn traffic(&self) -> Traffic {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        Traffic {
            begun: self.relay.begun(),
            unfinished: count(self.relay.unfinished()),
            clients: count(self.relay.clients()),
        }
    }

    fn sample_if_due(&mut self) {
        let (now, traffic) = (self.chronicle.elapsed(), self.traffic());
        let Some(serving) = &mut self.serving else { return };
        if serving.condemned.is_some() || !serving.sampler.is_due(now, traffic) {
            return;
        }
        let (identity, listens, outbox) = (serving.identity, serving.listens.clone(), self.outbox.clone());
        thread::spawn(move || {
            let answer = statistics_at(&listens, ANSWER_LIMIT).map(|(stats, _)| Box::new(stats));
            outbox.send(Event::Sampled(identity, traffic, answer));
        });
    }

    fn sampled(&mut self, identity: ProcessIdentity, traffic: Traffic, answer: anyhow::Result<Box<Stats>>) {
        let (now, usage) = (self.chronicle.elapsed(), process::usage(identity));
        if let Ok(stats) = &answer {
            self.note_sample(identity, stats.clone(), usage);
        }
        let Some(serving) = self.serving.as_mut().filter(|serving| serving.identity == identity) else {
            return;
        };
        match answer {
            Ok(_) => {
                serving.rss_bytes = usage.map(|usage| usage.rss_bytes);
                serving.sampler.answered(now, traffic);
            }
            // One that has ended is told by its end.
            Err(_) if !process::is_alive(identity) => {}
            Err(_) => {
                if let Some(silent_for) = serving.sampler.unanswered(now, usage) {
                    let state = if usage.is_some_and(|usage| usage.is_stopped) {
                        ", stopped by a signal"
                    } else {
                        ""
                    };
                    serving.condemned = Some(format!(
                        "it had not answered for {} s{state}, and clients wait for ever for such a server",
                        silent_for.as_secs()
                    ));
                    process::end(identity, process::Urgency::Kill);
                }
            }
        }
    }

    fn note_sample(&mut self, identity: ProcessIdentity, stats: Box<Stats>, usage: Option<process::Usage>) {
        self.chronicle.note(history::Event::Sampled {
            pid: identity.pid,
            stats,
            rss_bytes: usage.map(|usage| usage.rss_bytes),
            cpu_ms: usage.map(|usage| usage.cpu_ms),
        });
    }

    /// Requests do not wait long for a server: their clients can compile without one.
    fn tell_clients_to_help_themselves(&mut self) {
        let down_for = self.down_since.map(|since| self.chronicle.elapsed().saturating_sub(since));
        if self.has_answered && down_for.is_some_and(|down_for| down_for >= Duration::from_secs(1)) {
            self.relay.aim(Target::Nobody);
        }
    }

    /// What took the place of the storage that was asked for.
    fn instead(&self) -> Option<Instead> {
        let fallback = self.order.fallback.as_ref()?;
        let reason = self.launching.storage_lost.clone()?;
        let (storage, directory) = (fallback.storage.clone(), fallback.directory.clone());
        Some(Instead { storage, directory, reason })
    }

    /// Why we are done, if we are.
    fn is_over(&self) -> Option<String> {
        if stop::is_requested(&self.order.run_dir) && self.serving.is_none() {
            return Some("it was told to stop".into());
        }
        // By a signal, or by the end of our starter.
        if process::cancellation().signal().is_some() {
            return Some("it was told to end".into());
        }
        self.surroundings.is_abandoned(self.chronicle.elapsed())
    }
}
