//! What was true before we acted: variables, directories, the job, the sccache at hand, the saved state.
//!
//! A value. It is filled by [`observe`](crate::observe) and never changes anything.

mod clues;
mod job;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

pub use clues::{CargoWrapper, Clues, Replaced, WRAPPER_VARIABLES, cargo_configurations};
pub use job::Job;

use crate::error::Error;
use crate::state::{ProcessIdentity, State};
use crate::version::Version;

/// Environment variables by name. Values that are not Unicode are left out: nothing here needs one.
pub type Variables = BTreeMap<String, String>;

/// The sccache that was found without installing anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSccache {
    /// The program, as an absolute path.
    pub path: PathBuf,
    /// What it answers to `--version`.
    pub version: Version,
    /// Where it was found: `sccache`, `PATH` or `tool cache`.
    pub origin: &'static str,
}

/// The state file, as found.
#[derive(Debug, Default)]
pub enum SavedState {
    /// There is none.
    #[default]
    Absent,
    /// Ours, with or without a live server.
    Present {
        /// What it says.
        state: Box<State>,
        /// Its supervisor is alive (same pid, same start time), and it is of this job.
        is_live: bool,
    },
    /// There is one that must not be used, and why.
    Unusable(Arc<Error>),
}

/// Which system this is, as far as decisions need to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Linux.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

impl System {
    /// The longest Unix socket path that can be bound, in bytes; 0 where sccache has none.
    ///
    /// Source: `sun_path` is 108 bytes on Linux and 104 on macOS, with a closing NUL.
    #[must_use]
    pub const fn socket_path_limit_bytes(self) -> usize {
        match self {
            Self::Linux => 107,
            Self::MacOs => 103,
            Self::Windows => 0,
        }
    }

    /// Whether the paths of our sockets in this directory are short enough: the one that the job knows is
    /// `s`, and those of the servers behind it are numbers.
    #[must_use]
    pub fn can_bind_in(self, directory: &Path) -> bool {
        directory.join("99999").as_os_str().len() <= self.socket_path_limit_bytes()
    }
}

/// What was true before we acted.
#[derive(Debug)]
pub struct Environment {
    /// The process environment.
    pub variables: Variables,
    /// PATH, which may hold directories that are not Unicode; `None` when it is unset or empty.
    pub search_path: Option<OsString>,
    /// The system.
    pub system: System,
    /// The target triple's short form that release archives are named by, for example `x86_64-unknown-linux-musl`.
    pub archive_target: Option<&'static str>,
    /// Our own program.
    pub program: PathBuf,
    /// The job's workspace, or the working directory.
    pub workspace: PathBuf,
    /// The private directory of this job's run: socket, log, state. May not exist yet.
    pub run_dir: PathBuf,
    /// Where the socket goes: `run_dir`, or another private directory when that path would be too long.
    pub socket_dir: PathBuf,
    /// The state file, inside `run_dir` unless the input `state` says otherwise.
    pub state_path: PathBuf,
    /// The state file's content.
    pub saved: SavedState,
    /// sccache's default cache directory on this system for this user.
    pub default_cache_dir: PathBuf,
    /// A home for a user who has none, neither in a variable nor in the system's user database: without one every
    /// sccache panics, clients included. `None` where there is one.
    pub home_substitute: Option<PathBuf>,
    /// The runner's tool cache, or our own for hosts without one.
    pub tool_cache: PathBuf,
    /// The sccache found, or why the one named cannot be used. `None`: nothing was found.
    pub sccache: Option<Result<FoundSccache, Arc<Error>>>,
    /// Where an installed sccache of the version asked for will be.
    pub installed_program: PathBuf,
    /// The process whose end means that nobody needs the server any more; `None` where the host itself
    /// cleans up.
    pub watched: Option<ProcessIdentity>,
    /// Why nothing that this job writes should be used by others; `None` for a job that is to be trusted.
    pub untrusted: Option<String>,
    /// What makes the objects of one machine useless on another, name and value: `system`, `architecture`, toolchains.
    pub machine: Vec<(&'static str, String)>,
    /// What tells this job from others on the host, where the host says: run and attempt, or job id.
    pub job_id: Option<String>,
    /// Where sccache was looked for.
    pub looked: Vec<String>,
    /// When we began, for measuring our own time.
    pub began: Instant,
    /// Whether the run directory was named for this run alone, so that nobody will look for it again.
    pub is_run_dir_throwaway: bool,
    /// Now, in milliseconds since 1970 (UTC).
    pub now_unix_ms: u64,
    /// Which job this is.
    pub job: Job,
}

impl Environment {
    /// A variable that is set and not empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
impl Environment {
    /// A machine with sccache 0.16.0 in PATH, for tests of decisions.
    pub(crate) fn sample(variables: &[(&str, &str)]) -> Self {
        let found = FoundSccache {
            path: "/usr/bin/sccache".into(),
            version: Version { major: 0, minor: 16, patch: 0 },
            origin: "PATH",
        };
        Self {
            variables: variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            search_path: None,
            system: System::Linux,
            archive_target: Some("x86_64-unknown-linux-musl"),
            program: "/opt/sccache-step".into(),
            workspace: "/work".into(),
            run_dir: "/temp/run".into(),
            socket_dir: "/temp/run".into(),
            state_path: "/temp/run/state.json".into(),
            saved: SavedState::Absent,
            default_cache_dir: "/home/ci/.cache/sccache".into(),
            home_substitute: None,
            tool_cache: "/tools".into(),
            sccache: Some(Ok(found)),
            installed_program: "/tools/sccache/0.16.0/x64/sccache".into(),
            watched: None,
            untrusted: None,
            machine: vec![
                ("system", "linux".into()),
                ("architecture", "x86_64".into()),
                ("rust", "1.90".into()),
            ],
            job_id: None,
            looked: vec!["PATH".into()],
            began: Instant::now(),
            is_run_dir_throwaway: false,
            now_unix_ms: 0,
            job: Job::default(),
        }
    }
}
