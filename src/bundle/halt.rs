//! When to stop: told to, by a signal, or because the time is over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};

use crate::process;

/// Looked at by everything that takes long.
#[derive(Debug)]
pub struct Halt {
    asked: AtomicBool,
    deadline: Instant,
    limit: Duration,
}

impl Halt {
    /// Stops after `limit` at the latest.
    #[must_use]
    pub fn within(limit: Duration) -> Self {
        Self { asked: AtomicBool::new(false), deadline: Instant::now() + limit, limit }
    }

    /// Stops now.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::Release);
    }

    /// How much time is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Goes on or not.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self) -> anyhow::Result<()> {
        if let Some(signal) = process::cancellation().deferred_signal() {
            bail!("stopped by signal {signal}");
        }
        ensure!(!self.asked.load(Ordering::Acquire), "stopped");
        ensure!(
            !self.left().is_zero(),
            "it took longer than the {} s of `cache-timeout`",
            self.limit.as_secs_f64()
        );
        Ok(())
    }

    /// Waits, unless there is a reason to stop.
    ///
    /// # Errors
    /// Why it stopped.
    pub fn rest(&self, pause: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + pause;
        loop {
            self.check()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            process::pause(left.min(Duration::from_millis(50)));
        }
    }
}
