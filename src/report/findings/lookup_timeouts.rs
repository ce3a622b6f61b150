//! Look-ups that took longer than sccache waits.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::counted;

pub(super) const RULE: Rule = Rule { ids: || vec!["lookup-timeouts"], find };

fn find(report: &Report) -> Vec<Finding> {
    let timeouts = report.statistics.stats().map_or(0, |stats| stats.timeouts);
    if timeouts == 0 {
        return Vec::new();
    }
    vec![Finding {
        id: "lookup-timeouts",
        weight: Weight::Problem,
        what: format!("{} timed out", counted(timeouts, "cache look-up")).into(),
        why: "sccache waits a minute for the storage and compiles then, so each cost the build a minute"
            .into(),
        remedy: "check the way to the storage; without a good one, a local disk cache is faster".into(),
    }]
}
