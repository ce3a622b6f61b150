//! Calls of a compiler that sccache does not know.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::counted;

pub(super) const RULE: Rule = Rule { ids: || vec!["unsupported-compiler"], find };

fn find(report: &Report) -> Vec<Finding> {
    let calls = report.statistics.stats().map_or(0, |stats| stats.requests_unsupported_compiler);
    if calls == 0 {
        return Vec::new();
    }
    vec![Finding {
        id: "unsupported-compiler",
        weight: Weight::Problem,
        what: format!("{} of a compiler that sccache does not know", counted(calls, "call")).into(),
        why: "sccache ends such a call with an error instead of compiling".into(),
        remedy: "leave the wrapper away from that compiler, or use one of gcc, clang, MSVC, nvcc, rustc"
            .into(),
    }]
}
