//! What became of a plan: each step, how it ended, how long it took, and what the steps brought back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, ExitCode};
use crate::exports::Exports;
use crate::incident::Incident;
use crate::state::{BundleTraffic, ServerState};
use crate::stats::{Averages, Sample, Statistics, Trend, Units};
use crate::version::Version;

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Done.
    Done,
    /// Failed; it is among the troubles.
    Failed,
    /// Left out, because an earlier step had failed.
    LeftOut,
}

impl Ending {
    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::LeftOut => "left-out",
        }
    }
}

/// One step that was, or was not, carried out.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The step's name for programs.
    pub step: &'static str,
    /// Whether it is part of the end of a job (ask, stop, remember) and not of its beginning.
    pub belongs_to_end: bool,
    /// How it ended.
    pub ending: Ending,
    /// How long it took.
    pub took: Duration,
}

/// What sccache-step itself took, in milliseconds of wall-clock time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overhead {
    /// Finding sccache, starting the server, exporting.
    pub pre_ms: u64,
    /// Reading the statistics and stopping the server.
    pub post_ms: u64,
}

/// How the command of `run` ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandEnd {
    /// The command as typed.
    pub command: String,
    /// Its exit code, or 128 + the signal that ended it.
    pub code: u8,
    /// How long it ran, in milliseconds.
    pub took_ms: u64,
}

/// What became of a plan.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The steps, in order.
    pub steps: Vec<Finished>,
    /// Every trouble, in order, as told in the log.
    pub troubles: Vec<Arc<Error>>,
    /// The trouble that stopped the phase, by its place in `troubles`.
    pub stopped_by: Option<usize>,
    /// The sccache in use.
    pub sccache: Option<(PathBuf, Version)>,
    /// The server that was started or reused.
    pub server: Option<ServerState>,
    /// Whether another `pre` of the job had started a server in the meantime, which is used now.
    pub joined: bool,
    /// What the job was handed.
    pub exports: Exports,
    /// Why there is no cache, when that became certain in this phase.
    pub failure: Option<String>,
    /// The counters.
    pub statistics: Option<Statistics>,
    /// What befell the server.
    pub incidents: Vec<Incident>,
    /// How the counters grew, oldest first.
    pub samples: Vec<Sample>,
    /// What earlier jobs on this cache directory left for the estimate.
    pub averages: Option<Averages>,
    /// How the command of `run` ended.
    pub command: Option<CommandEnd>,
    /// Earlier runs on this cache directory.
    pub trend: Trend,
    /// What each unit did, when the server's log tells.
    pub units: Option<Units>,
    /// What travelled, when the cache does.
    pub bundle: Option<BundleTraffic>,
}

impl Outcome {
    /// The code that the phase ends with: the command's own, else that of the trouble that stopped it.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        let stopped =
            self.stopped_by.and_then(|place| self.troubles.get(place)).map(|error| error.exit_code());
        match (&self.command, stopped) {
            (Some(command), None) => ExitCode::Command(command.code),
            (Some(command), Some(_)) if command.code != 0 => ExitCode::Command(command.code),
            (_, Some(code)) => code,
            (None, None) => ExitCode::Fine,
        }
    }

    /// The outcome as JSON: `schema`, `phase`, `sccache`, `server`, `exports`, `path`, `steps`, `troubles`.
    #[must_use]
    pub fn to_json(&self, phase: &str) -> Value {
        let steps = self.steps.iter().map(|finished| {
            json!({
                "step": finished.step,
                "ending": finished.ending.name(),
                "took_ms": u64::try_from(finished.took.as_millis()).unwrap_or(u64::MAX),
            })
        });
        let exports: serde_json::Map<String, Value> =
            self.exports.variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({
            "schema": 1,
            "phase": phase,
            "sccache": self.sccache.as_ref().map(|(path, version)| json!({
                "path": path,
                "version": version.to_string(),
            })),
            "server": self.server.as_ref().map(|server| json!({
                "pid": server.server.pid,
                "supervisor_pid": server.supervisor.pid,
                "address": server.address.to_string(),
                "log": server.log,
                "storage": server.storage,
                "cache_dir": server.cache_dir,
            })),
            "exports": exports,
            "path": self.exports.path,
            "steps": steps.collect::<Vec<_>>(),
            "troubles": self.troubles.iter().map(|trouble| json!(trouble.lines())).collect::<Vec<_>>(),
        })
    }
}
