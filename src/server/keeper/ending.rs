//! Servers that end: on their own, because they were replaced, or because the job is over.

use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use super::{Event, Keeper, Serving};
use crate::process;
use crate::server::connection::statistics_at;
use crate::server::history;
use crate::server::order::last_line;
use crate::server::relay::Target;
use crate::server::sampler::Traffic;
use crate::server::stop;
use crate::state::ProcessIdentity;

/// How long a server that nobody needs any more may take to finish its requests.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long it may take to tell its counters before.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Keeper {
    /// A server has ended: if the job still needs one, the next is started.
    pub(super) fn has_ended(&mut self, identity: ProcessIdentity, status: Option<ExitStatus>) {
        let is_retired = self.retiring.contains(&identity);
        self.retiring.retain(|retiring| *retiring != identity);
        let ours = self.serving.take_if(|serving| serving.identity == identity);
        let requested = is_retired || ours.is_none() || stop::is_requested(&self.order.run_dir);
        let (code, signal) = (status.and_then(|s| s.code()), status.and_then(process::ending_signal));
        let traffic = self.traffic();
        let (uncounted, why) = match &ours {
            Some(serving) if !requested => (serving.sampler.uncounted(traffic), self.why(serving, signal)),
            _ => (0, None),
        };
        let pid = identity.pid;
        // Everybody who asks it to leave does so at the job's address.
        let idle = !requested && code == Some(0) && self.relay.take_shutdowns() == 0;
        self.chronicle.note(history::Event::Ended { pid, code, signal, requested, uncounted, idle, why });
        let Some(serving) = ours.filter(|_| !requested) else { return };
        let now = self.chronicle.elapsed();
        self.down_since = Some(now);
        self.relay.aim(Target::Soon);
        match self.restarts.after(now.saturating_sub(serving.ready_at)) {
            Some(pause) => self.launch_after(pause),
            None => self.give_up("each died soon after its start"),
        }
    }

    /// What is known about the reason of a server's end.
    fn why(&mut self, serving: &Serving, signal: Option<i32>) -> Option<String> {
        if let Some(why) = &serving.condemned {
            return Some(why.clone());
        }
        let mut known = Vec::new();
        if signal == Some(9) {
            known.push(match self.surroundings.new_out_of_memory_kills() {
                0 => "as the kernel does when memory runs out".to_owned(),
                _ => "memory had run out: the kernel has just killed a process of this control group"
                    .to_owned(),
            });
        }
        if let Some(bytes) = serving.rss_bytes {
            known.push(format!("it had {} MiB resident at the last sample", bytes >> 20));
        }
        let words = last_line(&self.order.log).filter(|_| signal != Some(9));
        known.extend(words.map(|words| format!("its log ends with: {words}")));
        (!known.is_empty()).then(|| known.join("; "))
    }

    /// Lets a server finish what it has begun, and keeps its numbers.
    pub(super) fn retire(&mut self, serving: Serving) {
        self.retiring.push(serving.identity);
        let outbox = self.outbox.clone();
        let (identity, listens) = (serving.identity, serving.listens);
        thread::spawn(move || {
            if let Ok((stats, _)) = statistics_at(&listens, LAST_WORDS) {
                outbox.send(Event::Sampled(identity, Traffic::default(), Ok(Box::new(stats))));
            }
            // Its end is told by who waits for it; one that survives SIGKILL cannot be helped.
            let _ = stop::stop(identity, &listens, FAREWELL);
        });
    }

    /// Ends everything, because nobody needs it any more.
    pub(super) fn dismiss(&mut self, why: &str) {
        self.relay.aim(Target::Nobody);
        // Without the mark the history calls the end unexpected; that is no reason to leave the server alive.
        let _ = stop::mark_requested(&self.order.run_dir);
        if let Some(serving) = self.serving.take() {
            let identity = serving.identity;
            if let Ok((stats, _)) = statistics_at(&serving.listens, LAST_WORDS) {
                self.note_sample(identity, Box::new(stats), process::usage(identity));
            }
            self.retiring.push(identity);
            let _ = stop::stop(identity, &serving.listens, FAREWELL);
        }
        self.finished = Some(why.to_owned());
        self.await_ends();
    }

    /// Waits for starts under way, which are cut short, and for ends, so that they are written down.
    fn await_ends(&mut self) {
        process::cancellation().cancel();
        let began = self.chronicle.elapsed();
        let patience = FAREWELL + FAREWELL;
        while (!self.retiring.is_empty() || self.is_launching())
            && self.chronicle.elapsed().saturating_sub(began) < patience
        {
            match self.inbox.recv_timeout(Duration::from_millis(50)) {
                Ok(Event::Ended(identity, status)) => self.has_ended(identity, status),
                Ok(Event::Launched(Ok((server, listens)))) => {
                    self.launch_is_over();
                    self.retiring.push(server);
                    let _ = stop::stop(server, &listens, FAREWELL);
                }
                Ok(Event::Launched(Err(_))) => self.launch_is_over(),
                Ok(Event::Sampled(identity, _, Ok(stats))) => {
                    self.note_sample(identity, stats, process::usage(identity));
                }
                Ok(_) | Err(_) => {}
            }
        }
    }
}
