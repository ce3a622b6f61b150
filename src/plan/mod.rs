//! What will be done, and why, before anything is done.
//!
//! Pure: (inputs, environment) -> plan. A plan's `Display` is the dry run; its JSON is the dry run for
//! programs. Nothing below the library's `run` knows of dry runs.

mod bundle;
mod describe;
mod exports;
mod post;
mod pre;
mod run;
mod server;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use bundle::alone as bundle;
pub use exports::{ExportValue, PlannedVariable};
pub use post::{post, stats};
pub use pre::pre;
pub use run::run;
pub use server::{PlannedAddress, PlannedFallback, PlannedServer, passed_on, plan_server};

use crate::environment::FoundSccache;
use crate::error::Error;
use crate::installer::Installer;
use crate::secret::Secret;
use crate::state::{BundleState, Policy, State};
use crate::version::Version;

/// What happens when a step fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// A warning; the next step follows.
    Warn,
    /// A warning; the steps that need the server are left out, and the job goes on without a cache.
    LeaveOutCache,
    /// The phase stops with an error, and what it had started is stopped.
    Stop,
}

/// Who gets the exported variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// The rest of the job, through the host.
    Job,
    /// The command of `run` alone.
    Command,
}

/// Who started the server that a phase uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerRole {
    /// This job's own phase: its end stops it.
    Owner,
    /// An earlier step: that one's `post` stops it.
    Guest,
}

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Step {
    /// Cannot be done, as was seen beforehand.
    Refuse(Arc<Error>),
    /// Hide credentials in the host's log.
    Mask(Vec<Secret>),
    /// Use the sccache that was found.
    UseSccache(FoundSccache),
    /// Install sccache into the tool cache.
    InstallSccache {
        /// The version.
        version: Version,
        /// The ways to try, in order.
        sources: Vec<Installer>,
        /// Whether a version without a compiled-in digest is accepted.
        allow_unpinned: bool,
        /// How long each installer may take.
        timeout: Duration,
        /// The tool cache.
        tool_cache: PathBuf,
    },
    /// Create the private directory of this run.
    PrepareRunDirectory {
        /// For state, log and history.
        run_dir: PathBuf,
        /// For the socket.
        socket_dir: PathBuf,
    },
    /// Leave a configuration file for the server, readable by this user alone.
    WriteConfiguration {
        /// The file.
        path: PathBuf,
        /// What is in it; may hold a credential.
        content: Secret,
        /// What it is for, without credentials.
        purpose: String,
    },
    /// Create and try the cache directory.
    PrepareCacheDirectory(PathBuf),
    /// Bring the cache from where its bundle is kept.
    RestoreCache(Box<BundleState>),
    /// Bring what is new there.
    SaveCache,
    /// Start the server under its supervisor.
    StartServer(Box<PlannedServer>),
    /// End what an earlier job on this host has left behind.
    ReapLeftovers(Box<State>),
    /// Go on with the server of an earlier `pre`.
    ReuseServer(Box<State>),
    /// Leave the state file for `post`.
    WriteState {
        /// The file.
        path: PathBuf,
        /// What holds for `post`.
        policy: Policy,
    },
    /// Hand variables and a PATH entry to the job.
    Export {
        /// The variables.
        variables: Vec<PlannedVariable>,
        /// The directory for PATH.
        path: Option<PathBuf>,
        /// Who gets them.
        audience: Audience,
    },
    /// Let the server outlive this phase.
    HandOver,
    /// Run the command of `run`.
    RunCommand(Vec<OsString>),
    /// Wait for cache writes that go on in the background.
    Drain {
        /// How long at most.
        limit: Duration,
    },
    /// Ask the server for its statistics.
    ReadStatistics,
    /// Stop the server and its supervisor.
    StopServer {
        /// How long it may take politely.
        timeout: Duration,
    },
    /// Read from the server's log what each unit did.
    ReadLog,
    /// Keep the average compile time for the estimate of later jobs, and this run's figures for them to compare with.
    RecordAverages,
    /// Mark the state file as finished.
    FinishState {
        /// The file.
        path: PathBuf,
    },
    /// Remove the private directory of a run that nobody will look for again, unless something in it tells
    /// of trouble.
    RemoveRunDirectory(PathBuf),
    /// Compare the hit rate with its minimum.
    CheckHitRate {
        /// `min-hit-rate`, 0..=100.
        minimum_percent: f64,
    },
}

/// A step with its reason and its policy.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What is done.
    pub step: Step,
    /// Why.
    pub reason: String,
    /// What happens when it fails.
    pub on_failure: OnFailure,
}

/// What one phase will do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The command: `pre`, `post`, `run` or `stats`.
    pub phase: &'static str,
    /// The steps, in order.
    pub steps: Vec<Planned>,
    /// What is worth knowing about decisions that lead to no step.
    pub notices: Vec<String>,
    /// The state of an earlier `pre` that this phase goes by.
    pub saved: Option<Box<State>>,
    /// Whether the phase ends with a report.
    pub reports: bool,
    /// Whether troubles fail the phase.
    pub fail_fast: bool,
}

impl Plan {
    fn new(phase: &'static str, fail_fast: bool) -> Self {
        Self { phase, steps: Vec::new(), notices: Vec::new(), saved: None, reports: false, fail_fast }
    }

    /// The names of the variables that the job will be handed.
    #[must_use]
    pub fn exported(&self) -> Vec<String> {
        let variables = self.steps.iter().filter_map(|planned| match &planned.step {
            Step::Export { variables, audience: Audience::Job, .. } => Some(variables),
            _ => None,
        });
        variables.flatten().map(|variable| variable.name.clone()).collect()
    }

    fn push(&mut self, step: Step, reason: impl Into<String>, on_failure: OnFailure) {
        let on_failure = if self.fail_fast { OnFailure::Stop } else { on_failure };
        self.steps.push(Planned { step, reason: reason.into(), on_failure });
    }
}
