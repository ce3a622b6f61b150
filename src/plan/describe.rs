//! A plan for people and for programs: the dry run.

use std::fmt;

use serde_json::{Value, json};

use super::bundle::directory_of;
use super::server::is_passed_on;
use super::{Audience, ExportValue, OnFailure, Plan, Planned, PlannedServer, Step};

impl OnFailure {
    /// What happens, as the second half of a sentence.
    #[must_use]
    pub const fn consequence(self) -> &'static str {
        match self {
            Self::Warn => "warn and go on",
            Self::LeaveOutCache => "warn and go on without a cache",
            Self::Stop => "stop with an error",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::LeaveOutCache => "leave-out-cache",
            Self::Stop => "stop",
        }
    }
}

impl Step {
    /// The step's name for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Refuse(_) => "refuse",
            Self::Mask(_) => "mask",
            Self::UseSccache(_) => "use-sccache",
            Self::InstallSccache { .. } => "install-sccache",
            Self::PrepareRunDirectory { .. } => "prepare-run-directory",
            Self::WriteConfiguration { .. } => "write-configuration",
            Self::PrepareCacheDirectory(_) => "prepare-cache-directory",
            Self::RestoreCache(_) => "restore-cache",
            Self::SaveCache => "save-cache",
            Self::StartServer(_) => "start-server",
            Self::ReapLeftovers(_) => "reap-leftovers",
            Self::ReuseServer(_) => "reuse-server",
            Self::WriteState { .. } => "write-state",
            Self::Export { .. } => "export",
            Self::HandOver => "hand-over",
            Self::RunCommand(_) => "run-command",
            Self::Drain { .. } => "drain",
            Self::ReadStatistics => "read-statistics",
            Self::StopServer { .. } => "stop-server",
            Self::ReadLog => "read-log",
            Self::RecordAverages => "record-averages",
            Self::FinishState { .. } => "finish-state",
            Self::RemoveRunDirectory(_) => "remove-run-directory",
            Self::CheckHitRate { .. } => "check-hit-rate",
        }
    }

    /// Whether it is part of the end of a job (ask, stop, remember), which is done even when the phase has to
    /// stop early.
    #[must_use]
    pub const fn belongs_to_end(&self) -> bool {
        matches!(
            self,
            Self::Drain { .. }
                | Self::ReadStatistics
                | Self::StopServer { .. }
                | Self::ReadLog
                | Self::RecordAverages
                | Self::SaveCache
                | Self::FinishState { .. }
                | Self::RemoveRunDirectory(_)
                | Self::CheckHitRate { .. }
        )
    }

    /// What is done, in one line for people.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::Refuse(error) => format!("refuse: {}", error.lines().what),
            Self::Mask(secrets) => format!("hide {} credentials in the log", secrets.len()),
            Self::UseSccache(found) => format!("use sccache {} at `{}`", found.version, found.path.display()),
            Self::InstallSccache { version, sources, tool_cache, .. } => {
                let sources: Vec<&str> = sources.iter().map(|source| source.name()).collect();
                format!(
                    "install sccache {version} from {} into `{}`",
                    sources.join(", else "),
                    tool_cache.display()
                )
            }
            Self::PrepareRunDirectory { run_dir, .. } => {
                format!("create the private directory `{}`", run_dir.display())
            }
            Self::WriteConfiguration { path, purpose, .. } => {
                format!("write the server's configuration `{}`: {purpose}", path.display())
            }
            Self::PrepareCacheDirectory(path) => {
                format!("create and try the cache directory `{}`", path.display())
            }
            Self::RestoreCache(bundle) => match directory_of(&bundle.place) {
                None => "restore the cache from the host's cache service".into(),
                Some(path) => format!("restore the cache from `{}`", path.display()),
            },
            Self::SaveCache => "save what is new in the cache as one layer".into(),
            Self::StartServer(server) => {
                format!("start a server with {} at {}", server.storage, address(server))
            }
            Self::ReapLeftovers(state) => {
                let pid = state.server.as_ref().map_or(0, |server| server.server.pid);
                format!("end what is left of an earlier job's server, pid {pid}")
            }
            Self::ReuseServer(state) => match &state.server {
                Some(server) => {
                    format!("reuse the running server, pid {} at {}", server.server.pid, server.address)
                }
                None => "reuse the running server".into(),
            },
            Self::WriteState { path, .. } => format!("write the state file `{}`", path.display()),
            Self::Export { variables, path, audience } => {
                let entry = if path.is_some() { " and a PATH entry" } else { "" };
                let audience = match audience {
                    Audience::Job => "the job",
                    Audience::Command => "the command",
                };
                format!("export {} variables{entry} to {audience}", variables.len())
            }
            Self::HandOver => "let the server go on when this phase ends".into(),
            Self::RunCommand(command) => {
                let words: Vec<_> = command.iter().map(|word| word.to_string_lossy()).collect();
                format!("run `{}`", words.join(" "))
            }
            Self::Drain { limit } => {
                format!("wait for writes in the background, for up to {} s", limit.as_secs_f64())
            }
            Self::ReadStatistics => "ask the server for its statistics".into(),
            Self::StopServer { timeout } => {
                format!("stop the server, politely for up to {} s", timeout.as_secs_f64())
            }
            Self::ReadLog => "read from the server's log which units missed".into(),
            Self::RecordAverages => {
                "keep the average compile time and this run's figures beside the cache".into()
            }
            Self::FinishState { path } => format!("mark `{}` as finished", path.display()),
            Self::RemoveRunDirectory(path) => {
                format!("remove `{}`, unless there was trouble", path.display())
            }
            Self::CheckHitRate { minimum_percent } => {
                format!("compare the hit rate with {minimum_percent} %")
            }
        }
    }

    /// Details, one line each: the variables of the server and of the job.
    #[must_use]
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::RestoreCache(bundle) => {
                let prefixes = std::iter::once(&bundle.prefix).chain(&bundle.restore_prefixes);
                let prefixes = prefixes.map(|prefix| format!("key {prefix}…"));
                let ingredients = bundle.ingredients.iter().map(|(name, value)| format!("{name}: {value}"));
                prefixes.chain(ingredients).collect()
            }
            Self::StartServer(server) => {
                let shown = server.variables.iter().filter(|(name, _)| !is_passed_on(name));
                let shown = shown.map(|(name, value)| format!("{name}={}", value.shown()));
                let fallback = server.fallback.as_ref().map(|fallback| {
                    let directory = fallback.directory.display();
                    format!("if the storage cannot be reached: {} at `{directory}`", fallback.storage)
                });
                shown.chain(fallback).collect()
            }
            Self::Export { variables, path, .. } => {
                let shown = variables.iter().map(|variable| match &variable.value {
                    ExportValue::Text(value) => format!("{}={value}  ({})", variable.name, variable.reason),
                    ExportValue::ServerAddress => format!("{}  ({})", variable.name, variable.reason),
                });
                shown.chain(path.iter().map(|path| format!("PATH entry {}", path.display()))).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn address(server: &PlannedServer) -> String {
    match &server.address.address {
        crate::state::Address::Port(0) => format!("a free port of 127.0.0.1 ({})", server.address.reason),
        other => format!("`{other}` ({})", server.address.reason),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "`{}` would do this, in this order:", self.phase)?;
        for (number, Planned { step, reason, on_failure }) in (1..).zip(&self.steps) {
            writeln!(formatter, "{number:2}. {}", step.title())?;
            for detail in step.details() {
                writeln!(formatter, "      {detail}")?;
            }
            writeln!(formatter, "    because {reason}; on failure {}", on_failure.consequence())?;
        }
        if self.steps.is_empty() {
            writeln!(formatter, "  nothing")?;
        }
        self.notices.iter().try_for_each(|notice| writeln!(formatter, "note: {notice}"))
    }
}

impl Plan {
    /// The plan as JSON: `schema`, `phase`, `steps` (each with `step`, `title`, `details`, `reason`,
    /// `on_failure`) and `notices`. No credential is in it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let steps = self.steps.iter().map(|Planned { step, reason, on_failure }| {
            json!({
                "step": step.name(),
                "title": step.title(),
                "details": step.details(),
                "reason": reason,
                "on_failure": on_failure.name(),
            })
        });
        json!({
            "schema": 1,
            "phase": self.phase,
            "steps": steps.collect::<Vec<_>>(),
            "notices": self.notices,
        })
    }
}
