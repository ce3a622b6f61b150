//! What a run leaves for the next one to be compared with.

use serde::{Deserialize, Serialize};

/// The figures of one earlier run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// When it was reported, in milliseconds since 1970 (UTC).
    pub at_unix_ms: u64,
    /// Its branch; empty when that is not known.
    pub branch: String,
    /// Whether that is the default branch.
    pub is_default_branch: bool,
    /// Cache hits.
    pub hits: u64,
    /// Cache misses.
    pub misses: u64,
    /// The compile time saved, as estimated, in seconds.
    pub saved_secs: Option<f64>,
    /// The time spent compiling, in seconds.
    pub compile_secs: f64,
    /// Version of sccache.
    pub sccache_version: String,
    /// Where the checkout was.
    pub workspace: String,
}

impl Run {
    /// Hits / (hits + misses), 0..=100; `None` when both are 0.
    #[must_use]
    pub fn hit_rate_percent(&self) -> Option<f64> {
        super::hit_rate_percent(self.hits, self.misses)
    }
}

/// The earlier runs to compare with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Trend {
    /// The last run of the same branch.
    pub same_branch: Option<Run>,
    /// The last run of the default branch.
    pub default_branch: Option<Run>,
}

impl Trend {
    /// Finds them among the last runs of all branches, the newest first.
    #[must_use]
    pub fn of(runs: &[Run], branch: &str) -> Self {
        Self {
            same_branch: runs.iter().find(|run| run.branch == branch).cloned(),
            default_branch: runs.iter().find(|run| run.is_default_branch && run.branch != branch).cloned(),
        }
    }

    /// The earlier runs, each with what to call it.
    pub fn earlier(&self) -> impl Iterator<Item = (&Run, &'static str)> {
        let same = self.same_branch.iter().map(|run| (run, "last run of the branch"));
        same.chain(self.default_branch.iter().map(|run| (run, "last run of the default branch")))
    }

    /// The run that says most about this one, and what to call it.
    #[must_use]
    pub fn closest(&self) -> Option<(&Run, &'static str)> {
        let same = self.same_branch.as_ref().map(|run| (run, "the last run of this branch"));
        same.or_else(|| self.default_branch.as_ref().map(|run| (run, "the last run of the default branch")))
    }
}
