//! C and C++ units that missed because the checkout has moved.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::counted;
use crate::report::phrase::Phrase;

pub(super) const RULE: Rule = Rule { ids: || vec!["absolute-paths"], find };

fn find(report: &Report) -> Vec<Finding> {
    let Some(stats) = report.statistics.stats() else { return Vec::new() };
    let Some((earlier, _)) = report.trend.closest() else { return Vec::new() };
    let of_c = |counts: &crate::stats::Counts| counts.get("C/C++").copied().unwrap_or_default();
    let (hits, misses) = (of_c(&stats.hits), of_c(&stats.misses));
    let workspace = report.job.as_ref().map_or("", |job| job.workspace.as_str());
    let moved = !workspace.is_empty() && !earlier.workspace.is_empty() && workspace != earlier.workspace;
    if !moved || misses <= hits || !stats.basedirs.is_empty() {
        return Vec::new();
    }
    vec![Finding {
        id: "absolute-paths",
        weight: Weight::Problem,
        what: format!("{} of C and C++ missed after the checkout moved", counted(misses, "unit")).into(),
        why: Phrase::from("this checkout is at ")
            .then_foreign(workspace)
            .then(", the last one was at ")
            .then_foreign(&earlier.workspace)
            .then(": the path of the working directory is part of the key"),
        remedy: "check out at the same path, or let `basedirs` take the path out of the key, with sccache 0.14 and newer"
            .into(),
    }]
}
