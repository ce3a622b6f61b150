//! What is wrong or could be better: each finding with its id, what it means, and the remedy.
//!
//! One file for each rule. A rule is a pure function of the report; it never looks anywhere else.
//! `docs/findings.md` describes every id, held by a test.

mod absolute_paths;
mod cache_full;
mod distribution_failed;
mod hit_rate;
mod incidents;
mod lookup_timeouts;
mod non_cacheable;
mod not_called;
mod not_served;
mod preprocessor_mode;
mod read_errors;
mod read_only;
mod storage_slow;
mod troubles;
mod unsupported_compiler;
mod write_errors;

use serde::{Deserialize, Serialize};

use super::Report;
use super::phrase::Phrase;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// Something is wrong: the job needs attention.
    Problem,
    /// The cache works, and could do more.
    Hint,
    /// Good to know.
    Note,
}

/// Something worth telling, and what to do about it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    /// Its name, for its page and for programs.
    pub(super) id: &'static str,
    /// How much it matters.
    pub(super) weight: Weight,
    /// What was seen, in a few words.
    pub(super) what: Phrase,
    /// What it means.
    pub(super) why: Phrase,
    /// What to do.
    pub(super) remedy: Phrase,
}

/// One kind of finding.
struct Rule {
    /// What it may find.
    ids: fn() -> Vec<&'static str>,
    /// Finds it.
    find: fn(&Report) -> Vec<Finding>,
}

/// Every rule, those about the whole job first.
const RULES: &[Rule] = &[
    not_served::RULE,
    not_called::RULE,
    hit_rate::RULE,
    absolute_paths::RULE,
    write_errors::RULE,
    read_errors::RULE,
    lookup_timeouts::RULE,
    storage_slow::RULE,
    cache_full::RULE,
    distribution_failed::RULE,
    unsupported_compiler::RULE,
    non_cacheable::RULE,
    incidents::RULE,
    troubles::RULE,
    preprocessor_mode::RULE,
    read_only::RULE,
];

/// What there is to find in a report, the gravest first.
pub(super) fn find(report: &Report) -> Vec<Finding> {
    let mut found: Vec<Finding> = RULES.iter().flat_map(|rule| (rule.find)(report)).collect();
    found.sort_by_key(|finding| finding.weight);
    found
}

/// The ids of all findings there are.
#[must_use]
pub fn ids() -> Vec<&'static str> {
    RULES.iter().flat_map(|rule| (rule.ids)()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_id_names_one_finding_and_is_kebab_case() {
        let ids = ids();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
        let kebab = |id: &&str| {
            id.split('-').all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()))
        };
        assert!(ids.iter().all(kebab), "{ids:?}");
    }

    #[test]
    fn a_rule_finds_only_what_it_names() {
        for (case, report) in crate::report::samples::all() {
            for rule in RULES {
                let named = (rule.ids)();
                let found: Vec<&str> = (rule.find)(&report).iter().map(|finding| finding.id).collect();
                assert!(found.iter().all(|id| named.contains(id)), "{case}: {found:?} of {named:?}");
            }
        }
    }
}
