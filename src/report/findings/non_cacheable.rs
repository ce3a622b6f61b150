//! Calls that could be cached if the build were changed, and calls for reasons that are not known here.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::explanations::Matter;
use crate::report::figures::{count, counted, percent};
use crate::report::phrase::Phrase;
use crate::report::reasons;

pub(super) const RULE: Rule = Rule { ids, find };

/// From this share of all compilations on, 0..=100, calls that could be cached are a problem.
const MATTERS_PERCENT: f64 = 10.0;
/// Fewer calls than this are not worth a warning.
const MATTERS_CALLS: u64 = 3;

fn ids() -> Vec<&'static str> {
    reasons::fixable_ids().chain(["unknown-reason"]).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share, shown with one digit")]
fn find(report: &Report) -> Vec<Finding> {
    let Some(stats) = report.statistics.stats() else { return Vec::new() };
    let lookups = stats.hits_total().saturating_add(stats.misses_total());
    let mut found = Vec::new();
    for group in reasons::groups(stats) {
        let (id, remedy) = match group.matter {
            Matter::Fixable => (group.id, Phrase::from(group.remedy)),
            Matter::Unknown => {
                ("unknown-reason", "look at the calls in the server's log with `log-level: debug`".into())
            }
            Matter::Expected | Matter::Noise => continue,
        };
        let share = group.calls as f64 / (group.calls as f64 + lookups as f64) * 100.0;
        let matters =
            share >= MATTERS_PERCENT && group.calls >= MATTERS_CALLS && group.matter == Matter::Fixable;
        let weight = if matters { Weight::Problem } else { Weight::Hint };
        let verb = if group.calls == 1 { "was" } else { "were" };
        let mut why = Phrase::from("sccache says ");
        for (at, reason) in group.reasons.iter().take(3).enumerate() {
            why = if at > 0 { why.then(", ") } else { why };
            why = why.then_foreign(*reason);
        }
        if group.reasons.len() > 3 {
            why = why.then(format!(
                " and {} more",
                count((group.reasons.len() - 3).try_into().unwrap_or(u64::MAX))
            ));
        }
        found.push(Finding {
            id,
            weight,
            what: format!("{} {verb} not cached: {}", counted(group.calls, "call"), group.words).into(),
            why: why.then(format!("; they are {} of what could come from the cache", percent(share))),
            remedy,
        });
    }
    found
}
