//! C and C++ looked up the slow way, through the preprocessor.

use super::{Finding, Rule, Weight};
use crate::report::Report;

pub(super) const RULE: Rule = Rule { ids: || vec!["preprocessor-mode-off"], find };

fn find(report: &Report) -> Vec<Finding> {
    let Some(stats) = report.statistics.stats() else { return Vec::new() };
    let has_c = stats.languages().any(|language| language.name == "C/C++");
    if stats.preprocessor_mode != Some(false) || !has_c {
        return Vec::new();
    }
    let is_local = stats.max_cache_size_bytes.is_some();
    let (why, remedy) = if is_local {
        ("it was turned off by `SCCACHE_DIRECT` or in sccache's configuration", "turn it on again")
    } else {
        (
            "sccache has it for a local disk only, and this storage is none",
            "put a local disk in front of it as first level",
        )
    };
    vec![Finding {
        id: "preprocessor-mode-off",
        weight: Weight::Note,
        what: "each look-up of C and C++ runs the preprocessor first".into(),
        why: why.into(),
        remedy: remedy.into(),
    }]
}
