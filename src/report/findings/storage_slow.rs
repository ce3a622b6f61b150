//! A storage that takes longer to answer than the compiler.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::time;

pub(super) const RULE: Rule = Rule { ids: || vec!["storage-slower-than-compiling"], find };

/// Fewer hits than this may be an accident.
const ENOUGH_HITS: u64 = 3;

#[expect(clippy::cast_precision_loss, reason = "a mean, shown with two digits")]
fn find(report: &Report) -> Vec<Finding> {
    let (Some(stats), Some(saved)) = (report.statistics.stats(), report.saved) else { return Vec::new() };
    let hits = stats.hits_total();
    if hits < ENOUGH_HITS {
        return Vec::new();
    }
    let reading_secs = stats.read_hit_duration.as_secs_f64() / hits as f64;
    if reading_secs <= saved.average_compile_secs {
        return Vec::new();
    }
    vec![Finding {
        id: "storage-slower-than-compiling",
        weight: Weight::Problem,
        what: "reading a hit takes longer than compiling".into(),
        why: format!(
            "a hit takes {} on average, a compilation {}: the cache makes the build slower",
            time(reading_secs),
            time(saved.average_compile_secs)
        )
        .into(),
        remedy: "use a storage nearer to the job, such as a local disk, or build without the cache".into(),
    }]
}
