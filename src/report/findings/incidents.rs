//! Servers that died, were restarted or replaced.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::counted;
use crate::report::phrase::Phrase;

pub(super) const RULE: Rule = Rule { ids: || vec!["server-incident"], find };

fn find(report: &Report) -> Vec<Finding> {
    let Some(first) = report.incidents.first() else { return Vec::new() };
    let listed = u64::try_from(report.incidents.len()).unwrap_or(u64::MAX);
    vec![Finding {
        id: "server-incident",
        weight: Weight::Problem,
        what: counted(listed, "incident").into(),
        why: Phrase::from("the first: ").then_foreign(first.to_string()),
        remedy: "see all of them below; a server that is killed wants more memory or fewer compilers at once"
            .into(),
    }]
}
