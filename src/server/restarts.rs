//! When a server that died is started again, and when no more. Pure: times are handed in.

use std::time::Duration;

/// A server that lived this long was a working one: what comes after it is a new misfortune.
const WORKING: Duration = Duration::from_secs(2);

/// How many servers in a row may die young, or not start at all.
const LIMIT: u32 = 8;

/// The longest pause between two starts.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Counts misfortunes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Restarts {
    in_a_row: u32,
}

impl Restarts {
    /// How long to wait before the next start, after a server that was ready for this long; `None` to give up.
    pub(super) fn after(&mut self, ready_for: Duration) -> Option<Duration> {
        if ready_for >= WORKING {
            self.in_a_row = 0;
        }
        self.in_a_row += 1;
        if self.in_a_row > LIMIT {
            return None;
        }
        // At once, then 0.1 s, 0.2 s, 0.4 s, and so on.
        let doubled = self.in_a_row.checked_sub(2).map(|times| Duration::from_millis(100) * 2_u32.pow(times));
        Some(doubled.unwrap_or_default().min(LONGEST_PAUSE))
    }

    /// How many misfortunes there were in a row.
    pub(super) fn in_a_row(self) -> u32 {
        self.in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_the_pauses_grow_until_we_give_up() {
        let mut restarts = Restarts::default();
        let pauses: Vec<_> = std::iter::from_fn(|| restarts.after(Duration::ZERO)).collect();
        let milliseconds: Vec<u128> = pauses.iter().map(Duration::as_millis).collect();
        assert_eq!(milliseconds, [0, 100, 200, 400, 800, 1600, 3200, 5000]);
        assert_eq!(restarts.after(Duration::from_millis(1999)), None);
    }

    #[test]
    fn a_server_that_worked_makes_up_for_those_before() {
        let mut restarts = Restarts::default();
        for _ in 0..1000 {
            assert_eq!(restarts.after(WORKING), Some(Duration::ZERO));
        }
    }
}
