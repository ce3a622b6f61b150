//! What happened to the job's servers, as an append-only file beside the state file.
//!
//! One JSON object a line, so that a process killed while writing costs at most its last line. The
//! supervisor writes; `post`, `stats` and a later `pre` read, and need nobody alive for it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::state::{Address, ProcessIdentity};
use crate::stats::Stats;

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in milliseconds since 1970 (UTC), by a clock that may be set meanwhile.
    pub at_unix_ms: u64,
    /// When, in milliseconds since the supervisor began, by a clock that nobody sets.
    pub elapsed_ms: u64,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A server became ready and gets the job's requests from now on.
    Started {
        /// The server process.
        server: ProcessIdentity,
        /// Where it listens itself; the job knows another address.
        listens: Address,
        /// Its storage in the user's words.
        storage: String,
    },
    /// Who keeps the servers from now on.
    Supervised {
        /// The supervisor.
        supervisor: ProcessIdentity,
        /// The process that holds the address for it, where there is one.
        holder: Option<ProcessIdentity>,
    },
    /// A server is reached otherwise, because its own socket was taken away.
    Moved {
        /// The server process.
        server: ProcessIdentity,
        /// Where it can be reached now.
        listens: Address,
    },
    /// A server told its counters.
    Sampled {
        /// Its process id.
        pid: u32,
        /// The counters since its start.
        stats: Box<Stats>,
        /// Its resident memory in bytes, where the system tells.
        rss_bytes: Option<u64>,
        /// Its own processor time in milliseconds, where the system tells.
        cpu_ms: Option<u64>,
    },
    /// A server ended.
    Ended {
        /// Its process id.
        pid: u32,
        /// Its exit code, if it had one.
        code: Option<i32>,
        /// The signal that ended it, if one did.
        signal: Option<i32>,
        /// Whether we had wanted it to.
        requested: bool,
        /// Requests that came after its last sample, and are in no counter that we know.
        uncounted: u64,
        /// Whether it left by itself, because nobody had asked it anything for long enough.
        #[serde(default)]
        idle: bool,
        /// What is known about the reason, in one line.
        why: Option<String>,
    },
    /// Something else that the report should tell.
    Noted {
        /// What, in one line.
        what: String,
        /// Why, in one line.
        why: Option<String>,
        /// What it cost, in one line.
        cost: Option<String>,
    },
    /// The supervisor is done: nothing comes after this.
    Finished {
        /// Why, in one line.
        why: String,
    },
}

/// The history's file.
#[must_use]
pub fn path(run_dir: &Path) -> PathBuf {
    run_dir.join("history.jsonl")
}

/// Adds entries.
///
/// # Errors
/// When the file cannot be written.
pub fn append<'a>(run_dir: &Path, entries: impl IntoIterator<Item = &'a Entry>) -> anyhow::Result<()> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    let mut file = std::fs::File::options().append(true).create(true).open(path(run_dir))?;
    // One call, so that a line is written whole or not at all.
    file.write_all(&lines)?;
    Ok(())
}

/// Hands over all entries, oldest first, one at a time: the file of a long job is larger than we want to
/// be. No file, unfinished lines and events of newer versions are passed over.
pub fn read(run_dir: &Path, mut take: impl FnMut(Entry)) {
    let Ok(file) = std::fs::File::open(path(run_dir)) else { return };
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
        if let Ok(entry) = serde_json::from_slice(&line) {
            take(entry);
        }
        line.clear();
    }
}
