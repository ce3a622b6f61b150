//! A local cache at its limit, where each write pushes an older entry out.

use super::{Finding, Rule, Weight};
use crate::inputs::Bytes;
use crate::report::Report;

pub(super) const RULE: Rule = Rule { ids: || vec!["cache-full"], find };

/// From this share of the limit on, 0..=100, the next writes evict.
const FULL_PERCENT: u64 = 90;

fn find(report: &Report) -> Vec<Finding> {
    let Some(stats) = report.statistics.stats() else { return Vec::new() };
    let (Some(size), Some(limit)) = (stats.cache_size_bytes, stats.max_cache_size_bytes) else {
        return Vec::new();
    };
    let is_full = u128::from(size) * 100 >= u128::from(limit) * u128::from(FULL_PERCENT);
    if limit == 0 || !is_full || stats.writes == 0 {
        return Vec::new();
    }
    // With hits all the same the cache holds what matters; with few, it throws away what the next job needs.
    let weight = if stats.hits_total() > stats.misses_total() { Weight::Hint } else { Weight::Problem };
    vec![Finding {
        id: "cache-full",
        weight,
        what: "the cache is at its size limit".into(),
        why: format!(
            "{} of {} are used, so each write evicts the entries that were not used for longest",
            Bytes(size),
            Bytes(limit)
        )
        .into(),
        remedy: "raise `cache-size`, or give jobs that share nothing a cache each".into(),
    }]
}
