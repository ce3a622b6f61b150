//! Every trouble a user can meet: what happened, why, and what to do about it.
//!
//! Owns the texts, written once here and rendered by the hosts, and the exit codes. Decides nothing about
//! whether a trouble stops the job: that is the plan's [`OnFailure`](crate::plan::OnFailure).

mod texts;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The exit codes of every command but `run`, which passes on its command's own.
///
/// The table in `docs/exit-codes.md` is held equal to these by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// The phase did what it could; cache troubles were warnings.
    Fine,
    /// Failed under `fail-fast`, `stats` had no server to ask, or `doctor` found a fault.
    Failed,
    /// Wrong usage or a wrong input.
    Usage,
    /// `run` itself failed before its command could start.
    RunFailed,
    /// `run` found its command but could not execute it.
    NotExecutable,
    /// `run` did not find its command.
    NotFound,
    /// The command's own code, or 128 + the signal that ended it.
    Command(u8),
}

impl ExitCode {
    /// The number the process ends with, 0..=255.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::RunFailed => 125,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
            Self::Command(code) => code,
        }
    }
}

/// One way of installing sccache that was tried, and how it ended.
#[derive(Debug)]
pub struct Attempt {
    /// The installer's name, as `install-from` spells it.
    pub installer: &'static str,
    /// Why it did not serve, in one line.
    pub reason: String,
}

/// A trouble, told in three lines. `Display` gives all three.
#[derive(Debug)]
pub enum Error {
    /// An input has a value that it does not take.
    InputInvalid {
        /** its name */
        input: String,
        /** the value given */
        value: String,
        /** what it takes */
        accepted: String,
    },
    /// A variable of sccache has a value that it does not take, or that sccache would take for another.
    VariableInvalid {
        /** its name */
        variable: String,
        /** the value given */
        value: String,
        /** what it takes */
        accepted: String,
    },
    /// Two settings exclude each other.
    SettingConflict {
        /** the one */
        first: String,
        /** the other */
        second: String,
        /** why they do not go together */
        why: String,
        /** what to do */
        remedy: String,
    },
    /// This sccache does not know a setting yet.
    SettingUnsupported {
        /** the setting */
        setting: String,
        /** the first version that knows it */
        since: String,
        /** the version in use */
        version: String,
    },
    /// A storage lacks a setting that it cannot do without.
    SettingMissing {
        /** the missing input */
        input: &'static str,
        /** the storage */
        backend: &'static str,
    },
    /// A setting was given for a storage that is not in use.
    SettingUnused {
        /** the superfluous input */
        input: &'static str,
        /** the storage it belongs to */
        backend: &'static str,
        /** what is in use */
        cache: String,
    },
    /// No sccache was found, and none may be installed.
    SccacheMissing {
        /** where it was looked for */
        looked: Vec<String>,
    },
    /// A program that should be sccache does not answer like one.
    SccacheUnusable {
        /** the program */
        path: PathBuf,
        /** what it did instead */
        source: anyhow::Error,
    },
    /// sccache is older than the oldest supported version.
    SccacheTooOld {
        /** the program */
        path: PathBuf,
        /** its version */
        version: String,
        /** the oldest supported */
        minimum: String,
    },
    /// No digest of that version is compiled in.
    VersionUnpinned {
        /** the version asked for */
        version: String,
        /** the versions with a digest, newest first */
        pinned: Vec<String>,
    },
    /// A download is not what was published under that name.
    DigestMismatch {
        /** what was downloaded */
        artefact: String,
        /** the compiled-in SHA-256 */
        expected: String,
        /** the SHA-256 of the bytes received */
        actual: String,
    },
    /// Every installer failed.
    InstallFailed {
        /** the version asked for */
        version: String,
        /** each installer and its reason */
        attempts: Vec<Attempt>,
    },
    /// A directory that must be ours alone is not.
    DirectoryForeign {
        /** the directory */
        path: PathBuf,
        /** whose it is, or what is wrong with it */
        reason: String,
    },
    /// A directory cannot be created or written.
    DirectoryUnusable {
        /** the directory */
        path: PathBuf,
        /** what it is for */
        purpose: &'static str,
        /** why not */
        source: anyhow::Error,
    },
    /// The server said why it could not start, or ended before it was ready.
    ServerStartFailed {
        /** the server's own words */
        reason: String,
        /** its log */
        log: PathBuf,
    },
    /// The server was not ready in time.
    ServerStartTimeout {
        /** `startup-timeout` */
        limit: Duration,
        /** the last line of its log, if any */
        last_line: Option<String>,
        /** its log */
        log: PathBuf,
    },
    /// The storage asked for cannot be used, and another one has taken its place.
    StorageReplaced {
        /** the storage asked for */
        storage: String,
        /** the one in its place */
        instead: String,
        /** the server's own words */
        reason: String,
    },
    /// Cache writes in the background did not end in time.
    WritesLost {
        /** how many */
        lost: u64,
        /** `drain-timeout` */
        limit: Duration,
    },
    /// The library was asked to start a server that runs already.
    ServerRunning {
        /** its process id */
        pid: u32,
    },
    /// The supervisor could not be started or fell silent.
    SupervisorLost {
        /** what it did */
        source: anyhow::Error,
    },
    /// A server could not be ended within every deadline.
    StopFailed {
        /** its process id */
        pid: u32,
        /** what was tried last */
        source: anyhow::Error,
    },
    /// The server was gone when it was asked for its statistics.
    ServerLost {
        /// How it ended, as far as known.
        how: String,
        /// Its log.
        log: PathBuf,
    },
    /// The server was asked for its statistics and gave none.
    StatisticsUnreadable {
        /** what came instead */
        source: anyhow::Error,
    },
    /// The statistics hold no cache location.
    LocationMissing,
    /// `stats` found no server of ours.
    NoServer {
        /** the state file looked at */
        state: PathBuf,
    },
    /// The state file cannot be read as one.
    StateUnreadable {
        /** the file */
        path: PathBuf,
        /** why not */
        source: anyhow::Error,
    },
    /// The state file was written by another version of this program.
    StateVersion {
        /** the file */
        path: PathBuf,
        /** its schema version */
        found: u64,
        /** the schema version read here */
        supported: u64,
    },
    /// The state file belongs to somebody else.
    StateForeign {
        /** the file */
        path: PathBuf,
        /** whose it is, or what is wrong with it */
        reason: String,
    },
    /// A file of ours or of the host (environment, outputs, summary, state) cannot be written.
    FileUnwritable {
        /** what it is for */
        purpose: &'static str,
        /** the file */
        path: PathBuf,
        /** why not */
        source: anyhow::Error,
    },
    /// A file that the report is made of (the server's log, a baseline, another report) cannot be read.
    FileUnreadable {
        /** what it is for */
        purpose: &'static str,
        /** the file */
        path: PathBuf,
        /** why not */
        source: anyhow::Error,
    },
    /// The hit rate is below `min-hit-rate`.
    HitRateLow {
        /** measured, 0..=100 */
        rate_percent: f64,
        /** `min-hit-rate`, 0..=100 */
        minimum_percent: f64,
    },
    /// `run` did not find its command.
    CommandNotFound {
        /** the command */
        command: String,
    },
    /// `run` could not execute its command.
    CommandNotExecutable {
        /** the command */
        command: String,
        /** why not */
        source: anyhow::Error,
    },
    /// A bundle, or a part of it, could not be restored.
    CacheNotRestored {
        /** why not */
        reason: String,
    },
    /// A bundle could not be saved.
    CacheNotSaved {
        /** why not */
        reason: String,
    },
    /// The phase was told to stop.
    Interrupted {
        /** the signal's number */
        signal: i32,
    },
}

/// The three lines of an [`Error`]: lower case, no full stop, numbers with units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lines {
    /// What happened.
    pub what: String,
    /// Why.
    pub cause: String,
    /// What to do.
    pub help: String,
}

impl Error {
    /// The three lines.
    #[must_use]
    pub fn lines(&self) -> Lines {
        let (what, cause, help) = self.texts();
        Lines { what, cause, help }
    }

    /// The code that the process ends with when this error stops it.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::InputInvalid { .. }
            | Self::VariableInvalid { .. }
            | Self::SettingConflict { .. }
            | Self::SettingUnsupported { .. }
            | Self::SettingMissing { .. }
            | Self::SettingUnused { .. } => ExitCode::Usage,
            Self::CommandNotFound { .. } => ExitCode::NotFound,
            Self::CommandNotExecutable { .. } => ExitCode::NotExecutable,
            Self::Interrupted { signal } => ExitCode::Command(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
            _ => ExitCode::Failed,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lines { what, cause, help } = self.lines();
        write!(formatter, "{what}\ncause: {cause}\nhelp:  {help}")
    }
}

impl std::error::Error for Error {}
