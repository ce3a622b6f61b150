//! What `pre` and the supervisor tell each other, one JSON line each, over the supervisor's standard streams.
//!
//! `pre` -> supervisor: an [`Order`]. Supervisor -> `pre`: an [`Answer`]. Then `pre` either says
//! [`HAND_OVER`], and the supervisor goes on alone, or goes away, and the supervisor stops the server. So
//! nothing is left when `pre` is killed at any moment. The order holds credentials, which is why it travels
//! through a pipe and not through arguments, variables or a file.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::state::{Address, ProcessIdentity};

/// The line that lets the supervisor go on without its starter.
pub const HAND_OVER: &str = "hand-over";

/// A server to be started. No `Debug`: its variables hold credentials.
#[derive(Clone, Serialize, Deserialize)]
pub struct Order {
    /// The sccache program.
    pub sccache: PathBuf,
    /// The server's whole environment.
    pub variables: Vec<(String, String)>,
    /// What must not be in anything that the server says.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Its storage in the user's words.
    pub storage: String,
    /// What serves the job while that storage cannot be reached.
    pub fallback: Option<Fallback>,
    /// Where the job finds it; port 0 leaves the choice to the system.
    pub address: Address,
    /// Its log.
    pub log: PathBuf,
    /// The state file, which our starter is about to write.
    pub state: PathBuf,
    /// For the history and the marks of a stop.
    pub run_dir: PathBuf,
    /// For the socket on which it tells that it is ready.
    pub socket_dir: PathBuf,
    /// How long it may take until it is ready, in milliseconds.
    pub startup_timeout_ms: u64,
    /// The process whose end means that nobody needs the server any more.
    pub watched: Option<ProcessIdentity>,
}

impl Order {
    /// How long the server may take until it is ready.
    #[must_use]
    pub fn startup_timeout(&self) -> Duration {
        Duration::from_millis(self.startup_timeout_ms)
    }
}

/// The same server with its cache on local disk. No `Debug`, as for [`Order`].
#[derive(Clone, Serialize, Deserialize)]
pub struct Fallback {
    /// The server's whole environment.
    pub variables: Vec<(String, String)>,
    /// Its storage in the user's words.
    pub storage: String,
    /// Its cache directory, which may not exist yet.
    pub directory: PathBuf,
}

/// How a start ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// The server is ready.
    Ready {
        /// The server process.
        server: ProcessIdentity,
        /// Its supervisor.
        supervisor: ProcessIdentity,
        /// Where the job finds it.
        address: Address,
        /// Why the storage asked for cannot be used, when another one took its place.
        instead: Option<Box<Instead>>,
    },
    /// It is not, for this reason, in the server's own words.
    Failed {
        /// The reason.
        reason: String,
    },
    /// It was not ready in time.
    TimedOut,
}

/// The storage that took another one's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instead {
    /// In the user's words.
    pub storage: String,
    /// Its cache directory.
    pub directory: PathBuf,
    /// Why, in the server's own words.
    pub reason: String,
}

/// The last line of a log that says something, at most 300 characters of it.
#[must_use]
pub fn last_line(log: &std::path::Path) -> Option<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(16 * 1024))).ok()?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail).into_owned();
    // A panic ends with advice for programmers, which is no reason.
    let says_something =
        |line: &&str| !line.is_empty() && !line.starts_with("note: run with `RUST_BACKTRACE");
    let line = tail.lines().rev().map(str::trim).find(says_something)?;
    Some(line.chars().take(300).collect())
}

/// The error for an answer that is not [`Answer::Ready`].
#[must_use]
pub fn failure(answer: &Answer, order: &Order) -> Option<Error> {
    match answer {
        Answer::Ready { .. } => None,
        Answer::Failed { reason } => {
            Some(Error::ServerStartFailed { reason: reason.clone(), log: order.log.clone() })
        }
        Answer::TimedOut => Some(Error::ServerStartTimeout {
            limit: order.startup_timeout(),
            last_line: last_line(&order.log),
            log: order.log.clone(),
        }),
    }
}
