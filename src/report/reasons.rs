//! The calls that were not cached, by sccache's reasons, in plain words. A reason without an explanation is shown verbatim.

use super::explanations::{EXPLANATIONS, Explanation, Matter, explain};
use super::figures;
use super::phrase::{Align, Phrase, Table};
use crate::stats::{Stats, sum};

use Matter::{Expected, Fixable, Noise};

/// The ids of the findings that reasons lead to.
pub(super) fn fixable_ids() -> impl Iterator<Item = &'static str> {
    EXPLANATIONS.iter().map(|explanation| explanation.id).filter(|id| !id.is_empty())
}

/// Calls that were not cached for reasons with one explanation.
pub(super) struct Group<'a> {
    pub(super) matter: Matter,
    pub(super) id: &'static str,
    pub(super) words: &'static str,
    pub(super) remedy: &'static str,
    /// How many calls.
    pub(super) calls: u64,
    /// The reasons, as sccache words them.
    pub(super) reasons: Vec<&'a str>,
}

/// The reasons by explanation, those with the most calls first.
pub(super) fn groups(stats: &Stats) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (reason, calls) in &stats.not_cached {
        let Explanation { matter, id, words, remedy, .. } = *explain(reason);
        match groups.iter_mut().find(|group| group.words == words) {
            Some(group) => {
                group.calls = group.calls.saturating_add(*calls);
                group.reasons.push(reason);
            }
            None => groups.push(Group { matter, id, words, remedy, calls: *calls, reasons: vec![reason] }),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.calls));
    groups
}

/// How many non-cacheable calls there were, and how much they matter; `None` without any.
pub(super) fn summary(stats: &Stats) -> Option<String> {
    let total = sum(&stats.not_cached).max(stats.requests_not_cacheable);
    let of = |wanted: Matter| {
        let counts = stats.not_cached.iter().filter(|(reason, _)| explain(reason).matter == wanted);
        counts.fold(0_u64, |total, (_, count)| total.saturating_add(*count))
    };
    let parts: Vec<String> = [Fixable, Matter::Unknown, Expected, Noise]
        .into_iter()
        .map(|matter| (of(matter), matter.word()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", figures::count(count)))
        .collect();
    (total > 0).then(|| format!("{}: {}", figures::counted(total, "non-cacheable call"), parts.join(", ")))
}

/// Every reason with its count: what is worth acting on first, then by count.
pub(super) fn table(stats: &Stats) -> Option<Table> {
    let mut reasons: Vec<(&Explanation, u64, &String)> =
        stats.not_cached.iter().map(|(reason, count)| (explain(reason), *count, reason)).collect();
    reasons.sort_by(|(a, a_count, a_name), (b, b_count, b_name)| {
        a.matter.cmp(&b.matter).then(b_count.cmp(a_count)).then(a_name.cmp(b_name))
    });
    let rows: Vec<_> = reasons
        .into_iter()
        .map(|(Explanation { matter, words, remedy, .. }, count, reason)| {
            let colon = if remedy.is_empty() { "" } else { ": " };
            let means = format!("{words}{colon}{remedy}");
            vec![Phrase::foreign(reason), figures::count(count).into(), matter.word().into(), means.into()]
        })
        .collect();
    let columns = vec![
        ("Reason", Align::Left),
        ("Calls", Align::Right),
        ("Kind", Align::Left),
        ("What it means", Align::Left),
    ];
    (!rows.is_empty()).then_some(Table { columns, rows, total: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_explained_once() {
        let mut reasons: Vec<&str> =
            EXPLANATIONS.iter().flat_map(|explanation| explanation.reasons).copied().collect();
        let listed = reasons.len();
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), listed);
    }

    #[test]
    fn every_recorded_reason_is_known() {
        for version in ["0.10.0", "0.16.0", "0.19.0"] {
            let root = env!("CARGO_MANIFEST_DIR");
            let path = format!("{root}/tests/fixtures/sccache-stats/{version}-notcached-zoo.json");
            let stats = Stats::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
            for reason in stats.not_cached.keys() {
                assert_ne!(explain(reason).matter, Matter::Unknown, "{reason}");
            }
        }
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sccache-reasons/reasons.txt");
        let reasons = std::fs::read_to_string(path).unwrap();
        let unknown: Vec<&str> =
            reasons.lines().filter(|reason| explain(reason).matter == Matter::Unknown).collect();
        assert!(unknown.is_empty() && reasons.lines().count() > 150, "{unknown:?}");
        assert_eq!(explain("crate-type (bin,cdylib)").matter, Expected);
        assert_eq!(explain("/Gm").id, "minimal-rebuild");
        assert_eq!(explain("reason of the future").matter, Matter::Unknown);
    }
}
