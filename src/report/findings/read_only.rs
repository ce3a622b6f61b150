//! A cache that takes no writes.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::counted;
use crate::report::verdict::is_read_only;

pub(super) const RULE: Rule = Rule { ids: || vec!["read-only"], find };

fn find(report: &Report) -> Vec<Finding> {
    let Some(stats) = report.statistics.stats().filter(|stats| is_read_only(stats)) else {
        return Vec::new();
    };
    vec![Finding {
        id: "read-only",
        weight: Weight::Note,
        what: "the cache is read-only".into(),
        why: format!(
            "{} not stored; sccache counts each as a failed write",
            counted(stats.write_errors, "result")
        )
        .into(),
        remedy: "as it should be for a job that is not trusted; else give it the right to write".into(),
    }]
}
