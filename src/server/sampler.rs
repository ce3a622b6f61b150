//! When the server is asked for its counters, and when its silence means that it hangs. Pure: times are
//! handed in, since the supervisor's start.

use std::time::Duration;

use crate::process::Usage;

/// The pause between two samples while requests are under way: what a server did since the last one is lost
/// when it is killed.
pub(super) const BUSY: Duration = Duration::from_secs(1);

/// How soon after the last request the counters are read: from then on nothing can be lost.
const SETTLED: Duration = Duration::from_millis(100);

/// The pause between two samples while nothing happens. Also what keeps the server from its own idle exit.
pub(super) const IDLE: Duration = Duration::from_secs(20);

/// How long one answer may take.
pub(super) const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How long a server without an answer is given while it uses processor time: it may just be overwhelmed.
const OVERWHELMED: Duration = Duration::from_secs(60);

/// How long it is given while it uses none.
const SILENT: Duration = Duration::from_secs(10);

/// What the address has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    /// Requests that a server has begun to answer so far.
    pub(super) begun: u64,
    /// Those of them that are not at their end.
    pub(super) unfinished: u64,
    /// Clients that are there, also those that wait for a server.
    pub(super) clients: u64,
}

/// The state of asking one server.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sampler {
    asked_at: Option<Duration>,
    answered_at: Option<Duration>,
    at_answer: Traffic,
    last_change: Option<(Traffic, Duration)>,
    silence: Option<(Duration, u64)>,
}

impl Sampler {
    /// Whether the server should be asked now. Once this says yes, [`Sampler::answered`] or
    /// [`Sampler::unanswered`] has to follow.
    pub(super) fn is_due(&mut self, now: Duration, traffic: Traffic) -> bool {
        if self.last_change.is_none_or(|(last, _)| last != traffic) {
            self.last_change = Some((traffic, now));
        }
        if self.asked_at.is_some() {
            return false;
        }
        let since_answer = self.answered_at.map_or(Duration::MAX, |at| now.saturating_sub(at));
        let since_change = self.last_change.map_or(Duration::MAX, |(_, at)| now.saturating_sub(at));
        let pause = if traffic.clients > 0 {
            BUSY
        } else if self.uncounted(traffic) > 0 && since_change >= SETTLED {
            SETTLED
        } else if self.uncounted(traffic) > 0 {
            BUSY
        } else {
            IDLE
        };
        let is_due = since_answer >= pause;
        if is_due {
            self.asked_at = Some(now);
        }
        is_due
    }

    /// Requests that are in no counter that we know: those since the last answer, and those that were under
    /// way then.
    pub(super) fn uncounted(&self, traffic: Traffic) -> u64 {
        traffic.begun.saturating_sub(self.at_answer.begun).saturating_add(self.at_answer.unfinished)
    }

    /// The server has answered; `traffic` is what there was when it was asked.
    pub(super) fn answered(&mut self, now: Duration, traffic: Traffic) {
        self.asked_at = None;
        self.silence = None;
        self.answered_at = Some(now);
        self.at_answer = traffic;
    }

    /// The server has not answered; the time since when, if that means that it hangs.
    pub(super) fn unanswered(&mut self, now: Duration, usage: Option<Usage>) -> Option<Duration> {
        let asked_at = self.asked_at.take().unwrap_or(now);
        let cpu_ms = usage.map_or(0, |usage| usage.cpu_ms);
        let (since, cpu_then_ms) = *self.silence.get_or_insert((asked_at, cpu_ms));
        let silent_for = now.saturating_sub(since);
        let limit = match usage {
            Some(usage) if usage.is_stopped => Duration::ZERO,
            Some(_) if cpu_ms > cpu_then_ms => OVERWHELMED,
            // Without knowledge of its processor time it might be working.
            None => OVERWHELMED,
            Some(_) => SILENT,
        };
        (silent_for >= limit).then_some(silent_for)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn traffic(begun: u64, unfinished: u64) -> Traffic {
        Traffic { begun, unfinished, clients: unfinished }
    }

    fn answered_at(milliseconds: u64, at_answer: Traffic) -> Sampler {
        let mut sampler = Sampler::default();
        assert!(sampler.is_due(MS(milliseconds), at_answer), "a new server is asked at once");
        assert!(!sampler.is_due(MS(milliseconds + 60_000), at_answer), "one question at a time");
        sampler.answered(MS(milliseconds), at_answer);
        sampler
    }

    #[test]
    fn a_busy_server_is_asked_every_second_and_an_idle_one_rarely() {
        let mut busy = answered_at(0, traffic(0, 0));
        assert!(!busy.is_due(MS(999), traffic(5, 2)));
        assert!(busy.is_due(MS(1000), traffic(5, 2)));
        let mut idle = answered_at(0, traffic(5, 0));
        assert!(!idle.is_due(MS(19_999), traffic(5, 0)));
        assert!(idle.is_due(MS(20_000), traffic(5, 0)));
    }

    #[test]
    fn the_last_request_of_a_burst_is_soon_counted() {
        let mut sampler = answered_at(0, traffic(0, 0));
        assert!(!sampler.is_due(MS(300), traffic(1, 0)));
        assert!(!sampler.is_due(MS(399), traffic(1, 0)));
        assert!(sampler.is_due(MS(400), traffic(1, 0)));
    }

    #[test]
    fn what_was_under_way_at_the_last_answer_is_not_counted_yet() {
        let mut sampler = answered_at(0, traffic(5, 2));
        assert_eq!(sampler.uncounted(traffic(5, 0)), 2);
        assert_eq!(sampler.uncounted(traffic(7, 1)), 4);
        sampler.answered(MS(100), traffic(7, 0));
        assert_eq!(sampler.uncounted(traffic(7, 0)), 0);
    }

    #[test]
    fn silence_means_a_hang_sooner_or_later() {
        let usage = |cpu_ms, is_stopped| Some(Usage { rss_bytes: 1, cpu_ms, is_stopped });
        let ask = |sampler: &mut Sampler, at| assert!(sampler.is_due(MS(at), traffic(1, 1)));
        let mut stopped = answered_at(0, traffic(0, 0));
        ask(&mut stopped, 1000);
        assert_eq!(stopped.unanswered(MS(6000), usage(10, true)), Some(MS(5000)));
        let mut silent = answered_at(0, traffic(0, 0));
        ask(&mut silent, 1000);
        assert_eq!(silent.unanswered(MS(6000), usage(10, false)), None);
        ask(&mut silent, 6000);
        assert_eq!(silent.unanswered(MS(11_000), usage(10, false)), Some(MS(10_000)));
        let mut working = answered_at(0, traffic(0, 0));
        for at in (1..12).map(|round| round * 5000) {
            ask(&mut working, at);
            assert_eq!(working.unanswered(MS(at + 5000), usage(at, false)), None);
        }
        ask(&mut working, 60_000);
        assert_eq!(working.unanswered(MS(65_000), usage(65_000, false)), Some(MS(60_000)));
        working.answered(MS(66_000), traffic(1, 1));
        ask(&mut working, 67_000);
        assert_eq!(working.unanswered(MS(72_000), usage(72_000, false)), None, "an answer starts anew");
    }
}
