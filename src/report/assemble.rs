//! From an outcome to a report.

use std::time::Duration;

use super::{Report, SCHEMA_VERSION, Saved};
use crate::outcome::{Outcome, Overhead};
use crate::stats::{Run, Statistics, Stats, Trend};

impl Report {
    /// The report on counters alone, for the library.
    #[must_use]
    pub fn of_stats(phase: &str, stats: Stats, storage: String) -> Self {
        Self {
            schema: SCHEMA_VERSION,
            phase: phase.to_owned(),
            failure: None,
            storage: Some(storage),
            sccache_version: Some(stats.version.clone()).filter(|version| !version.is_empty()),
            saved: Saved::estimate(&stats, None),
            overhead: Overhead::default(),
            min_hit_rate_percent: None,
            incidents: Vec::new(),
            troubles: Vec::new(),
            command: None,
            job: None,
            clues: None,
            units: None,
            trend: Trend::default(),
            samples: Vec::new(),
            bundle: None,
            statistics: Statistics::Known { stats: Box::new(stats) },
        }
    }

    /// What it leaves for a later run to be compared with; `None` without counters.
    #[must_use]
    pub fn as_run(&self) -> Option<Run> {
        let stats = self.statistics.stats()?;
        let job = self.job.clone().unwrap_or_default();
        Some(Run {
            at_unix_ms: job.at_unix_ms,
            branch: job.branch,
            is_default_branch: job.is_default_branch,
            hits: stats.hits_total(),
            misses: stats.misses_total(),
            saved_secs: self.saved.map(|saved| saved.secs),
            compile_secs: stats.compile_duration.as_secs_f64(),
            sccache_version: stats.version.clone(),
            workspace: job.workspace,
        })
    }

    /// The report on a phase. `pre_ms` is what an earlier `pre` took, in milliseconds; `None` when it was part
    /// of this phase. `failure` tells why an earlier `pre` could start no server.
    #[must_use]
    pub fn assemble(
        phase: &str,
        outcome: &Outcome,
        pre_ms: Option<u64>,
        failure: Option<String>,
        min_hit_rate_percent: Option<f64>,
    ) -> Self {
        let statistics = outcome.statistics.clone().unwrap_or(Statistics::NoServer);
        let saved = statistics.stats().and_then(|stats| Saved::estimate(stats, outcome.averages.as_ref()));
        let failure = failure.or_else(|| outcome.failure.clone());
        let times = |wanted: bool| -> Duration {
            let steps = outcome.steps.iter().filter(|finished| finished.step != "run-command");
            steps.filter(|finished| finished.belongs_to_end == wanted).map(|finished| finished.took).sum()
        };
        Self {
            schema: SCHEMA_VERSION,
            phase: phase.to_owned(),
            statistics,
            failure,
            storage: outcome.server.as_ref().map(|server| server.storage.clone()),
            sccache_version: outcome.sccache.as_ref().map(|(_, version)| version.to_string()),
            saved,
            overhead: Overhead {
                pre_ms: pre_ms.unwrap_or_else(|| millis(times(false))),
                post_ms: millis(times(true)),
            },
            min_hit_rate_percent,
            incidents: outcome.incidents.clone(),
            troubles: outcome.troubles.iter().map(|trouble| trouble.lines()).collect(),
            command: outcome.command.clone(),
            job: None,
            clues: None,
            units: outcome.units.clone(),
            trend: outcome.trend.clone(),
            samples: outcome.samples.clone(),
            bundle: outcome.bundle.clone(),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
