//! Entries that could not be read, and entries that were damaged.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::counted;

pub(super) const RULE: Rule = Rule { ids: || vec!["read-errors", "corrupt-entries"], find };

fn find(report: &Report) -> Vec<Finding> {
    let Some(stats) = report.statistics.stats() else { return Vec::new() };
    let corrupt = report.units.as_ref().map_or(0, |units| units.corrupt);
    let failed = stats.read_errors_at_least().saturating_sub(corrupt);
    let mut found = Vec::new();
    if failed > 0 {
        found.push(Finding {
            id: "read-errors",
            weight: Weight::Problem,
            what: format!("{} failed", counted(failed, "cache read")).into(),
            why: "these units were compiled although the cache had them, or could not be asked".into(),
            remedy: "check that the storage is reachable, and that no other program removes or damages its files; \
                     `log-level: debug` tells each reason"
                .into(),
        });
    }
    if corrupt > 0 {
        let noun = if corrupt == 1 { "cache entry was".to_owned() } else { "cache entries were".to_owned() };
        found.push(Finding {
            id: "corrupt-entries",
            weight: Weight::Problem,
            what: format!("{} {noun} damaged", crate::report::figures::count(corrupt)).into(),
            why: "they were compiled again and replaced, so this heals itself unless it comes back".into(),
            remedy: "if it comes back, look for a disk that fails, or for two jobs that write one directory"
                .into(),
        });
    }
    found
}
