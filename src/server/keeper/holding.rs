//! What a supervisor has to do with the holder of its address, and with a supervisor before it that was killed.

use std::time::Instant;

use super::Keeper;
use crate::process::{self, News, Predecessor};
use crate::server::account::{Account, requests, seconds};
use crate::server::connection::statistics_at;
use crate::server::history;
use crate::server::sampler::ANSWER_LIMIT;
use crate::server::supervise::hold_leash;
use crate::server::veil::Veil;
use crate::state::ProcessIdentity;

/// How we came to be.
pub(in crate::server) struct Holding {
    /// When the holder began.
    pub(in crate::server) began: Instant,
    /// The process that accepts connections.
    pub(in crate::server) holder: Option<ProcessIdentity>,
    /// Whether our starter has let go of us.
    pub(in crate::server) is_released: bool,
}

impl Keeper {
    /// Writes down who we are, so that `post` finds us.
    pub(super) fn introduce(&mut self) {
        if let Some(supervisor) = process::identify(std::process::id()) {
            self.chronicle.note(history::Event::Supervised { supervisor, holder: self.holding.holder });
        }
    }

    /// Takes over from a supervisor that was killed.
    pub(in crate::server) fn succeed(&mut self, before: &Predecessor) {
        self.has_answered = true;
        // Nobody of ours reads what is said there any more.
        let _ = process::release_stdout();
        if self.holding.is_released {
            self.surroundings.remember_state();
        }
        // What that one had not looked at any more.
        self.veil = Veil::over(&self.order.secrets, 0);
        let account = Account::read(&self.order.run_dir);
        self.launching.go_on(&self.order, &account);
        let mut uncounted = before.uncounted;
        if let Some(record) = account.current().filter(|record| process::is_alive(record.server)) {
            // What it counts, and the compilations that it goes on with, nobody waits for any more.
            if let Ok((stats, _)) = statistics_at(&record.listens, ANSWER_LIMIT) {
                self.note_sample(record.server, Box::new(stats), process::usage(record.server));
                uncounted = before.answered + before.asked;
            }
            process::end(record.server, process::Urgency::Kill);
        }
        process::end_session();
        if let Some(record) = account.current() {
            self.chronicle.note(history::Event::Ended {
                pid: record.server.pid,
                code: None,
                signal: None,
                requested: true,
                uncounted: 0,
                idle: false,
                why: None,
            });
        }
        let manner =
            before.signal.map_or_else(|| "ended".into(), |signal| format!("was killed by signal {signal}"));
        let took = u64::try_from(before.at.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut costs = vec![format!("another one and a new server took over, which took {}", seconds(took))];
        if before.answered + before.asked > 0 {
            costs.push("clients under way compiled by themselves".to_owned());
        }
        if uncounted > 0 {
            costs.push(format!("up to {} not counted", requests(uncounted)));
        }
        self.chronicle.note(history::Event::Noted {
            what: format!("the supervisor (pid {}) {manner}", before.pid),
            why: None,
            cost: Some(costs.join(", ")),
        });
    }

    pub(super) fn hear_holder(&mut self) {
        for news in self.relay.take_news() {
            match news {
                News::Released => {
                    self.holding.is_released = true;
                    self.surroundings.remember_state();
                }
                News::HolderLost => self.holder_lost(),
            }
        }
    }

    /// From now on we do all by ourselves.
    fn holder_lost(&mut self) {
        let holder = self.holding.holder.take();
        if !self.holding.is_released {
            hold_leash(self.outbox.clone());
        }
        self.introduce();
        self.chronicle.note(history::Event::Noted {
            what: format!(
                "the holder of the address (pid {}) was killed",
                holder.map_or(0, |holder| holder.pid)
            ),
            why: None,
            cost: Some("the supervisor holds it now".into()),
        });
    }

    /// Leaves for a successor what only we know.
    pub(super) fn note_uncounted(&self) {
        let traffic = self.traffic();
        let uncounted = self.serving.as_ref().map_or(0, |serving| serving.sampler.uncounted(traffic));
        self.relay.note_uncounted(uncounted);
    }
}
