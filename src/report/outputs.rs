//! The report as outputs of a step, and as variables for later jobs.

use super::{Format, Report};
use crate::stats::Stats;

impl Report {
    /// The outputs by name. One that is not known is left out.
    #[must_use]
    pub fn outputs(&self) -> Vec<(&'static str, String)> {
        let json = || {
            let report: serde_json::Value =
                serde_json::from_str(&Format::Json.renderer().render(self)).unwrap_or_default();
            // The compact form of what was escaped: nothing in it acts on a log.
            super::escape::json(&report.to_string())
        };
        let mut outputs = self.figures();
        outputs.push(("stats-json", json()));
        outputs
    }

    /// The outputs that are one word each.
    fn figures(&self) -> Vec<(&'static str, String)> {
        let stats = self.statistics.stats();
        let rate = stats.and_then(Stats::hit_rate_percent).map(|rate| format!("{rate:.2}"));
        let saved = self.saved.map(|saved| format!("{:.3}", saved.secs));
        let known = [
            ("hit-rate", rate),
            ("hits", stats.map(|stats| stats.hits_total().to_string())),
            ("misses", stats.map(|stats| stats.misses_total().to_string())),
            ("errors", stats.map(|stats| stats.errors_total().to_string())),
            ("saved-seconds", saved),
            ("verdict", Some(self.verdict().name().to_owned())),
        ];
        known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// GitLab's dotenv report: `KEY=value` lines, no blanks, quotes or comments.
///
/// Source: GitLab refuses the whole file, and fails the job, for one line of another form, for 5 KB or more, and for
/// more than 20 variables.
pub(super) struct Dotenv;

impl super::Render for Dotenv {
    fn render(&self, report: &Report) -> String {
        let line = |(name, value): (&str, String)| {
            format!("SCCACHE_{}={value}\n", name.to_ascii_uppercase().replace('-', "_"))
        };
        report.figures().into_iter().map(line).collect()
    }
}

/// GitLab's metrics report: a name and a value a line, shown in a merge request as they stand.
///
/// Source: GitLab cuts lines at `#`, splits them as a shell does, compares the values as text, and refuses the whole
/// file for an unbalanced quote. So names have no labels and values no blanks.
pub(super) struct GitLabMetrics;

impl super::Render for GitLabMetrics {
    fn render(&self, report: &Report) -> String {
        let line = |(name, value): (&str, String)| {
            let unit = if name == "hit-rate" { "%" } else { "" };
            format!("sccache_{} {value}{unit}\n", name.replace('-', "_"))
        };
        report.figures().into_iter().map(line).collect()
    }
}
