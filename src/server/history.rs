//! What happened to the job's servers, as an append-only file beside the state file.
//!
//! One JSON object a line, so that a process killed while writing costs at most its last line. The
//! supervisor writes, `post` reads.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A server became ready.
    Started {
        /// When, in milliseconds since 1970 (UTC).
        at_unix_ms: u64,
        /// Its process id.
        pid: u32,
    },
    /// A server ended.
    Ended {
        /// When, in milliseconds since 1970 (UTC).
        at_unix_ms: u64,
        /// Its process id.
        pid: u32,
        /// Its exit code, if it had one.
        code: Option<i32>,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
        /// Whether we had asked it to.
        requested: bool,
    },
}

impl Event {
    /// The event as an incident for the report; `None` for what is as it should be.
    #[must_use]
    pub fn incident(&self) -> Option<String> {
        match self {
            Self::Started { .. } | Self::Ended { requested: true, .. } => None,
            Self::Ended { pid, code, signal, .. } => Some(match (signal, code) {
                (Some(9), _) => {
                    format!("the server (pid {pid}) was killed by signal 9, as an out-of-memory killer does")
                }
                (Some(signal), _) => format!("the server (pid {pid}) was ended by signal {signal}"),
                (None, Some(0)) => format!("the server (pid {pid}) was stopped by somebody else"),
                (None, Some(code)) => format!("the server (pid {pid}) ended with exit code {code}"),
                (None, None) => format!("the server (pid {pid}) ended"),
            }),
        }
    }
}

/// The history's file.
#[must_use]
pub fn path(run_dir: &Path) -> PathBuf {
    run_dir.join("history.jsonl")
}

/// Adds an event.
///
/// # Errors
/// When the file cannot be written.
pub fn append(run_dir: &Path, event: &Event) -> anyhow::Result<()> {
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    let mut file = std::fs::File::options().append(true).create(true).open(path(run_dir))?;
    file.write_all(&line)?;
    Ok(())
}

/// All events, oldest first. No file, unfinished lines and events of newer versions are passed over.
#[must_use]
pub fn read(run_dir: &Path) -> Vec<Event> {
    let text = std::fs::read(path(run_dir)).unwrap_or_default();
    let lines = text.split(|byte| *byte == b'\n');
    lines.filter_map(|line| serde_json::from_slice(line).ok()).collect()
}
