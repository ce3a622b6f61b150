//! The one value that every surface renders, and the renderers.
//!
//! Owns what a report says; the hosts own where it goes. Pure: no clock, no files.

mod assemble;
mod escape;
mod explanations;
mod facts;
mod figures;
mod findings;
mod json;
mod markdown;
mod merge;
mod openmetrics;
mod outputs;
mod page;
mod phrase;
mod reasons;
mod saved;
mod text;
mod timeline;
mod trace;
mod units;
mod verdict;

use serde::{Deserialize, Serialize};

pub use findings::{Weight, ids as finding_ids};
pub use merge::{Merged, MergedFormat, Part};
pub use saved::Saved;
pub use verdict::{Basis, Verdict};

use crate::environment::{Clues, Job};
use crate::error::Lines;
use crate::incident::Incident;
use crate::outcome::{CommandEnd, Overhead};
use crate::state::BundleTraffic;
use crate::stats::{Sample, Statistics, Trend, Units};

/// The schema version of the JSON form.
pub const SCHEMA_VERSION: u64 = 1;

/// The largest job summary GitHub takes, in bytes; above it GitHub drops the whole summary.
///
/// Source: the runner's limit for one `GITHUB_STEP_SUMMARY` file (1024 KiB).
pub const SUMMARY_LIMIT_BYTES: usize = 1_048_576;

/// The page that describes the findings of this version; an id after it leads to its section.
pub const FINDINGS_PAGE: &str =
    concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/v", env!("CARGO_PKG_VERSION"), "/docs/findings.md#");

/// What a job's cache did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema: u64,
    /// The command that made it: `post`, `run` or `stats`.
    pub phase: String,
    /// The job's counters, or why there are none.
    pub statistics: Statistics,
    /// Why no server could be started, when that is why there are no counters.
    pub failure: Option<String>,
    /// The storage in the user's words, without credentials: `local disk`, `Azure Blob Storage, container c`.
    pub storage: Option<String>,
    /// Version of sccache.
    pub sccache_version: Option<String>,
    /// The estimate of compile time saved; `None` when there is nothing to estimate from.
    pub saved: Option<Saved>,
    /// What sccache-step itself took.
    pub overhead: Overhead,
    /// `min-hit-rate`, 0..=100.
    pub min_hit_rate_percent: Option<f64>,
    /// What befell the servers: when, what, why, and what it cost.
    pub incidents: Vec<Incident>,
    /// Troubles of this phase, as told in the log.
    pub troubles: Vec<Lines>,
    /// How the command of `run` ended.
    pub command: Option<CommandEnd>,
    /// Which job it is, for comparing and joining reports.
    #[serde(default)]
    pub job: Option<Job>,
    /// What shows why nobody called the server, when nobody did.
    #[serde(default)]
    pub clues: Option<Clues>,
    /// What each unit did, when the server's log tells.
    #[serde(default)]
    pub units: Option<Units>,
    /// The earlier runs to compare with.
    #[serde(default)]
    pub trend: Trend,
    /// The job's counters over time.
    #[serde(default)]
    pub samples: Vec<Sample>,
    /// What travelled, when the cache does.
    #[serde(default)]
    pub bundle: Option<BundleTraffic>,
}

impl Report {
    /// The verdict.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        Verdict::of(self)
    }

    /// What its numbers stand for.
    #[must_use]
    pub fn basis(&self) -> Basis {
        Basis::of(&self.statistics)
    }

    /// The first line of the text form, without line breaks or control characters, however long.
    #[must_use]
    pub fn headline(&self) -> String {
        escape::log_line(&text::plain(&verdict::headline(self))).into_owned()
    }

    /// The text form in colour, for a terminal.
    #[must_use]
    pub fn coloured(&self) -> String {
        text::coloured(&Format::Text.renderer().render(self), self.verdict())
    }

    /// What is wrong, a few words each, the gravest first; empty when nothing is.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        verdict::warnings(self)
    }
}

/// A surface a report is rendered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// GitHub's job summary.
    Markdown,
    /// A log or a terminal.
    Text,
    /// Programs.
    Json,
    /// Prometheus and its kin.
    OpenMetrics,
    /// GitLab's metrics report.
    GitLabMetrics,
    /// GitLab's dotenv report.
    Dotenv,
    /// Perfetto and Chrome's trace viewer.
    Trace,
}

/// Turns a report into the bytes of one surface.
pub trait Render {
    /// Renders the whole report.
    fn render(&self, report: &Report) -> String;
}

impl Format {
    /// The renderer of this surface.
    #[must_use]
    pub fn renderer(self) -> &'static dyn Render {
        match self {
            Self::Markdown => &markdown::Markdown,
            Self::Text => &text::Text,
            Self::Json => &json::Json,
            Self::OpenMetrics => &openmetrics::OpenMetrics,
            Self::GitLabMetrics => &outputs::GitLabMetrics,
            Self::Dotenv => &outputs::Dotenv,
            Self::Trace => &trace::Trace,
        }
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
