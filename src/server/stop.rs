//! Ending a server: politely, then less so, each with a deadline; and its supervisor after it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::anyhow;

use super::account::Account;
use super::connection::request_shutdown;
use crate::error::Error;
use crate::process::{self, Urgency};
use crate::state::{Address, ProcessIdentity, ServerState};

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
    // A stopped process hears nothing but SIGKILL.
    let is_stopped = process::usage(server).is_some_and(|usage| usage.is_stopped);
    for (urgency, manner) in [(Urgency::Terminate, Manner::Terminated), (Urgency::Kill, Manner::Killed)] {
        if urgency == Urgency::Terminate && is_stopped {
            continue;
        }
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

/// Waits for the processes that kept a server which has ended, and ends them when they do not by themselves.
///
/// # Errors
/// [`Error::StopFailed`] when even SIGKILL had no effect.
pub fn stop_supervisor(keepers: &[ProcessIdentity]) -> Result<(), Error> {
    let wait = || {
        let began = Instant::now();
        keepers
            .iter()
            .all(|keeper| process::wait_for_exit(*keeper, SIGNAL_LIMIT.saturating_sub(began.elapsed())))
    };
    if wait() {
        return Ok(());
    }
    for urgency in [Urgency::Terminate, Urgency::Kill] {
        // The holder comes first: it would have another supervisor.
        keepers.iter().for_each(|keeper| process::end(*keeper, urgency));
        if wait() {
            return Ok(());
        }
    }
    let left = keepers.iter().find(|keeper| process::is_alive(**keeper)).map_or(0, |keeper| keeper.pid);
    let source = anyhow!("it survived SIGKILL for {} s", SIGNAL_LIMIT.as_secs());
    Err(Error::StopFailed { pid: left, source })
}

/// How much a line about an end matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// As it should be.
    Notice,
    /// For the report.
    Incident,
}

/// What came of [`stop_all`].
#[derive(Debug)]
pub struct AllStopped {
    /// One line for each process that was ended.
    pub lines: Vec<(String, Severity)>,
    /// The first one that could not be.
    pub result: Result<(), Error>,
}

/// Stops all servers of a job and their supervisor, and whatever server its clients started when nobody of
/// ours was there any more. `program` is the sccache in use, `state_path` what those servers are marked with.
#[must_use]
pub fn stop_all(
    server: &ServerState,
    program: Option<&Path>,
    state_path: &Path,
    timeout: Duration,
) -> AllStopped {
    let mut lines = Vec::new();
    let mut result = Ok(());
    // Without the mark the supervisor would start another one; the directory may have been removed.
    let _ = mark_requested(&server.run_dir);
    let account = Account::read(&server.run_dir);
    let newest = account.servers.last();
    let (identity, listens) =
        newest.map_or((server.server, &server.address), |record| (record.server, &record.listens));
    let mut end = |identity: ProcessIdentity, listens: &Address, timeout| {
        let manner = match stop(identity, listens, timeout) {
            Ok(stopped) => stopped.manner,
            Err(error) => {
                if result.is_ok() {
                    result = Err(error);
                }
                return;
            }
        };
        let (words, severity) = match manner {
            Manner::Gone => ("was gone", Severity::Notice),
            Manner::Politely => ("has stopped", Severity::Notice),
            Manner::Terminated => ("had to be terminated", Severity::Incident),
            Manner::Killed => ("had to be killed", Severity::Incident),
        };
        lines.push((format!("the sccache server (pid {}) {words}", identity.pid), severity));
    };
    end(identity, listens, timeout);
    // Who they are may have changed just now.
    let supervisor = stop_supervisor(&Account::read(&server.run_dir).keepers(server));
    // A server that the supervisor was just starting, and one that was being replaced.
    let left = Account::read(&server.run_dir).servers.into_iter().rev();
    for record in left.filter(|record| process::is_alive(record.server)) {
        end(record.server, &record.listens, timeout);
    }
    let name = program.and_then(Path::file_name).and_then(|name| name.to_str()).unwrap_or("sccache");
    let mark = state_path.to_string_lossy();
    for stranger in process::marked("SCCACHE_STEP_STATE", &mark, name) {
        // Nobody compiles any more, so nobody is harmed when it ends at once.
        end(stranger, &server.address, Duration::ZERO);
    }
    AllStopped { lines, result: result.and(supervisor) }
}

/// Removes the sockets of ended servers: one that outlives its server only misleads.
pub fn remove_sockets(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let is_numbered = name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if is_numbered || ["s", "s.n", "n"].iter().any(|ours| name == *ours) {
            // It is a few bytes in a temporary directory.
            let _ = std::fs::remove_file(entry.path());
        }
    }
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
