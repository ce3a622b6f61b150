//! Troubles of sccache-step itself, as told in the log.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::counted;
use crate::report::phrase::Phrase;

pub(super) const RULE: Rule = Rule { ids: || vec!["trouble"], find };

fn find(report: &Report) -> Vec<Finding> {
    let Some(first) = report.troubles.first() else { return Vec::new() };
    let listed = u64::try_from(report.troubles.len()).unwrap_or(u64::MAX);
    vec![Finding {
        id: "trouble",
        weight: Weight::Problem,
        what: counted(listed, "trouble").into(),
        why: Phrase::from("the first: ").then_foreign(&first.what),
        remedy: "each is told below with its cause and its help".into(),
    }]
}
