//! A hit rate that is too low: for the user, against earlier runs, or nothing at all.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::{counted, percent};
use crate::report::phrase::Phrase;
use crate::stats::{Run, Stats};

pub(super) const RULE: Rule =
    Rule { ids: || vec!["hit-rate-below-minimum", "hit-rate-dropped", "no-hits", "first-run"], find };

/// A drop of fewer points than this is the weather.
const DROP_POINTS: f64 = 20.0;
/// Fewer look-ups than this say nothing about a rate.
const ENOUGH_LOOKUPS: u64 = 10;

fn find(report: &Report) -> Vec<Finding> {
    let Some(stats) = report.statistics.stats() else { return Vec::new() };
    let Some(rate) = stats.hit_rate_percent() else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(minimum) = report.min_hit_rate_percent.filter(|minimum| rate < *minimum) {
        found.push(Finding {
            id: "hit-rate-below-minimum",
            weight: Weight::Problem,
            what: format!("hit rate below the wanted {}", percent(minimum)).into(),
            why: format!("it is {}; input `min-hit-rate` asks for more", percent(rate)).into(),
            remedy: "see the other findings, and which units missed".into(),
        });
    }
    found.extend(dropped(report, stats, rate).or_else(|| nothing(report, stats)));
    found
}

fn dropped(report: &Report, stats: &Stats, rate: f64) -> Option<Finding> {
    let (earlier, of) = report.trend.closest()?;
    let lookups = stats.hits_total().saturating_add(stats.misses_total());
    let enough = lookups >= ENOUGH_LOOKUPS && earlier.hits.saturating_add(earlier.misses) >= ENOUGH_LOOKUPS;
    let before = earlier.hit_rate_percent()?;
    if !enough || before - rate < DROP_POINTS {
        return None;
    }
    let changed = changed(Some(earlier), stats);
    Some(Finding {
        id: "hit-rate-dropped",
        weight: Weight::Problem,
        what: format!("hit rate dropped from {} to {}", percent(before), percent(rate)).into(),
        why: Phrase::from(format!("compared with {of}; ")).and(&changed),
        remedy: "compare compiler, flags and variables of both runs; expected once after an upgrade".into(),
    })
}

/// What may have changed every key since that run.
fn changed(earlier: Option<&Run>, stats: &Stats) -> Phrase {
    match (earlier.map_or("", |run| &run.sccache_version), stats.version.as_str()) {
        (before, now) if !before.is_empty() && !now.is_empty() && before != now => {
            Phrase::from("sccache was ")
                .then_foreign(before)
                .then(" then, and its keys differ between versions")
        }
        _ => "a changed compiler, flag, `CARGO_*` variable or path of the checkout changes every key".into(),
    }
}

fn nothing(report: &Report, stats: &Stats) -> Option<Finding> {
    if stats.hits_total() > 0 || stats.forced_recaches >= stats.misses_total() {
        return None;
    }
    let seen_before =
        report.saved.is_some_and(|saved| saved.from_earlier_jobs) || report.trend.closest().is_some();
    let missed = counted(stats.misses_total(), "unit");
    Some(if seen_before {
        Finding {
            id: "no-hits",
            weight: Weight::Problem,
            what: "nothing came from the cache".into(),
            why: Phrase::from(format!("{missed} missed, although earlier jobs have filled this cache; "))
                .and(&changed(report.trend.closest().map(|(run, _)| run), stats)),
            remedy: "look for what changes from job to job: compiler, flags, `CARGO_*` variables, path of the checkout"
                .into(),
        }
    } else {
        Finding {
            id: "first-run",
            weight: Weight::Note,
            what: "nothing came from the cache".into(),
            why: format!("{missed} missed, as is normal for a first run only").into(),
            remedy: "keep the cache for the next job, and compare".into(),
        }
    })
}
