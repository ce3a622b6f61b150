//! Programs: the report with what is derived from it, one object, versioned by `schema`.
//!
//! A [`Report`] can be read back from it. Within one `schema` fields are added, never renamed or removed.

use serde::Serialize;

use super::findings::{self, Weight};
use super::{Basis, Render, Report, Saved, Verdict, escape, text};
use crate::environment::{Clues, Job};
use crate::error::Lines;
use crate::incident::Incident;
use crate::outcome::{CommandEnd, Overhead};
use crate::state::BundleTraffic;
use crate::stats::{Sample, Statistics, Stats, Trend, Units};

/// Programs.
pub(super) struct Json;

/// What is derived comes first, after `schema`; the report's own fields, described there, follow.
#[derive(Serialize)]
struct Document<'a> {
    schema: u64,
    /// `healthy`, `needs-attention` or `not-used`.
    verdict: Verdict,
    /// What the numbers stand for.
    basis: Basis,
    /// The first line, for people.
    headline: String,
    /// What is wrong, for people; empty when nothing is.
    warnings: Vec<String>,
    /// What is wrong or could be better, the gravest first.
    findings: Vec<Found>,
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
    incidents: &'a [Incident],
    troubles: &'a [Lines],
    command: &'a Option<CommandEnd>,
    job: &'a Option<Job>,
    clues: &'a Option<Clues>,
    units: &'a Option<Units>,
    trend: &'a Trend,
    samples: &'a [Sample],
    /// Absent when the cache does not travel.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: &'a Option<BundleTraffic>,
}

/// A finding, in plain words.
#[derive(Serialize)]
struct Found {
    id: &'static str,
    weight: Weight,
    what: String,
    why: String,
    remedy: String,
}

fn found(finding: &findings::Finding) -> Found {
    let [what, why, remedy] = [&finding.what, &finding.why, &finding.remedy].map(text::plain);
    Found { id: finding.id, weight: finding.weight, what, why, remedy }
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
            job,
            clues,
            units,
            trend,
            samples,
            bundle,
        } = report;
        let stats = statistics.stats();
        let document = Document {
            schema: *schema,
            verdict: report.verdict(),
            basis: Basis::of(statistics),
            headline: report.headline(),
            warnings: report.warnings(),
            findings: findings::find(report).iter().map(found).collect(),
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
            job,
            clues,
            units,
            trend,
            samples,
            bundle,
        };
        let json = serde_json::to_string_pretty(&document).expect("a report has only string keys");
        escape::json(&json) + "\n"
    }
}
