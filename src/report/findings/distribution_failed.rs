//! Distributed compilations that came back to this machine.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::counted;

pub(super) const RULE: Rule = Rule { ids: || vec!["distribution-failed"], find };

fn find(report: &Report) -> Vec<Finding> {
    let failed = report.statistics.stats().map_or(0, |stats| stats.dist_errors);
    if failed == 0 {
        return Vec::new();
    }
    vec![Finding {
        id: "distribution-failed",
        weight: Weight::Problem,
        what: format!("{} failed", counted(failed, "distributed compilation")).into(),
        why: "these units were compiled on this machine instead, after the attempt".into(),
        remedy:
            "run the same sccache version here and on the build servers; the server's log tells each reason"
                .into(),
    }]
}
