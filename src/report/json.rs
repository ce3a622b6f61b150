//! Programs: the report with what is derived from it, one object, versioned by `schema`.
//!
//! A [`Report`] can be read back from it. Within one `schema` fields are added, never renamed or removed.

use serde::Serialize;

use super::{Render, Report, Saved, Verdict, escape};
use crate::error::Lines;
use crate::outcome::{CommandEnd, Overhead};
use crate::stats::{Statistics, Stats};

/// Programs.
pub(super) struct Json;

/// What is derived comes first, after `schema`; the report's own fields, described there, follow.
#[derive(Serialize)]
struct Document<'a> {
    schema: u64,
    /// One of the five verdicts.
    verdict: Verdict,
    /// The first line, for people.
    headline: String,
    /// What is wrong, for people; empty when nothing is.
    warnings: Vec<String>,
    /// Hits / (hits + misses), 0..=100 to two digits; null when both are 0 or nothing is known.
    hit_rate_percent: Option<f64>,
    /// Cache hits of all languages; null when nothing is known, as for the counters below.
    hits: Option<u64>,
    misses: Option<u64>,
    errors: Option<u64>,
    phase: &'a str,
    statistics: &'a Statistics,
    failure: &'a Option<String>,
    storage: &'a Option<String>,
    sccache_version: &'a Option<String>,
    saved: &'a Option<Saved>,
    overhead: &'a Overhead,
    min_hit_rate_percent: Option<f64>,
    incidents: &'a [String],
    troubles: &'a [Lines],
    command: &'a Option<CommandEnd>,
}

impl Render for Json {
    fn render(&self, report: &Report) -> String {
        // Taken apart in full, so that no field of a report can be forgotten here.
        let Report {
            schema,
            phase,
            statistics,
            failure,
            storage,
            sccache_version,
            saved,
            overhead,
            min_hit_rate_percent,
            incidents,
            troubles,
            command,
        } = report;
        let stats = statistics.stats();
        let document = Document {
            schema: *schema,
            verdict: Verdict::of(statistics),
            headline: report.headline(),
            warnings: report.warnings(),
            hit_rate_percent: stats
                .and_then(Stats::hit_rate_percent)
                .map(|rate| (rate * 100.0).round() / 100.0),
            hits: stats.map(Stats::hits_total),
            misses: stats.map(Stats::misses_total),
            errors: stats.map(Stats::errors_total),
            phase,
            statistics,
            failure,
            storage,
            sccache_version,
            saved,
            overhead,
            min_hit_rate_percent: *min_hit_rate_percent,
            incidents,
            troubles,
            command,
        };
        let json = serde_json::to_string_pretty(&document).expect("a report has only string keys");
        escape::json(&json) + "\n"
    }
}
