//! Ending a server: politely, then less so, each with a deadline; and its supervisor after it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::connection::request_shutdown;
use crate::error::Error;
use crate::process::{self, Urgency};
use crate::state::{Address, ProcessIdentity};

/// How a server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// It was gone before we asked.
    Gone,
    /// It finished its requests and exited.
    Politely,
    /// By SIGTERM, after it had not done so in time.
    Terminated,
    /// By SIGKILL, after SIGTERM had had no effect.
    Killed,
}

/// A stop that worked.
#[derive(Clone, Copy, Debug)]
pub struct Stopped {
    /// How.
    pub manner: Manner,
    /// How long it took.
    pub took: Duration,
}

/// How long a server may finish its requests when the job is being cancelled. Source: GitHub's runner ends
/// a cancelled step after 7.5 s.
const CANCELLED_LIMIT: Duration = Duration::from_secs(3);

/// How long a signal may take to have its effect.
const SIGNAL_LIMIT: Duration = Duration::from_secs(2);

/// Stops a server: a request to shut down with `timeout` to finish in, then SIGTERM, then SIGKILL.
///
/// # Errors
/// [`Error::StopFailed`] when even SIGKILL had no effect.
pub fn stop(server: ProcessIdentity, address: &Address, timeout: Duration) -> Result<Stopped, Error> {
    let began = Instant::now();
    let done = |manner| Ok(Stopped { manner, took: began.elapsed() });
    if !process::is_alive(server) {
        return done(Manner::Gone);
    }
    // A server that does not even answer is not waited for any longer.
    let cancelled = process::cancellation().deferred_signal().is_some();
    let patience = Duration::from_secs(if cancelled { 1 } else { 5 });
    let asked = request_shutdown(server, address, timeout.min(patience));
    if asked.is_ok() && wait_politely(server, timeout.saturating_sub(began.elapsed())) {
        return done(Manner::Politely);
    }
    for (urgency, manner) in [(Urgency::Terminate, Manner::Terminated), (Urgency::Kill, Manner::Killed)] {
        process::end(server, urgency);
        if process::wait_for_exit(server, SIGNAL_LIMIT) {
            return done(manner);
        }
    }
    let source = anyhow!("it survived SIGKILL for {} s", SIGNAL_LIMIT.as_secs());
    Err(Error::StopFailed { pid: server.pid, source })
}

/// Waits for a server that has agreed to exit; shorter once we were told to stop ourselves, because a host
/// that cancels a job ends us soon after.
fn wait_politely(server: ProcessIdentity, timeout: Duration) -> bool {
    let began = Instant::now();
    loop {
        let cancelled = process::cancellation().deferred_signal().is_some();
        let limit = if cancelled { timeout.min(CANCELLED_LIMIT) } else { timeout };
        let left = limit.saturating_sub(began.elapsed());
        if process::wait_for_exit(server, left.min(Duration::from_millis(100))) {
            return true;
        }
        if left.is_zero() {
            return false;
        }
    }
}

/// Waits for a supervisor whose server has ended, and ends it when it does not end by itself.
///
/// # Errors
/// [`Error::StopFailed`] when even SIGKILL had no effect.
pub fn stop_supervisor(supervisor: ProcessIdentity) -> Result<(), Error> {
    if process::wait_for_exit(supervisor, SIGNAL_LIMIT) {
        return Ok(());
    }
    for urgency in [Urgency::Terminate, Urgency::Kill] {
        process::end(supervisor, urgency);
        if process::wait_for_exit(supervisor, SIGNAL_LIMIT) {
            return Ok(());
        }
    }
    let source = anyhow!("it survived SIGKILL for {} s", SIGNAL_LIMIT.as_secs());
    Err(Error::StopFailed { pid: supervisor.pid, source })
}

/// Leaves the mark by which the supervisor knows that the coming end of its server is wanted.
///
/// # Errors
/// When the mark cannot be written.
pub fn mark_requested(run_dir: &Path) -> std::io::Result<()> {
    std::fs::write(run_dir.join(REQUESTED), b"")
}

/// Whether the end of the server is wanted.
#[must_use]
pub fn is_requested(run_dir: &Path) -> bool {
    run_dir.join(REQUESTED).exists()
}

const REQUESTED: &str = "stop-requested";
