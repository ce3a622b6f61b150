//! Results that could not be stored.

use super::{Finding, Rule, Weight};
use crate::report::Report;
use crate::report::figures::{count, counted};
use crate::report::phrase::Phrase;
use crate::report::verdict::is_read_only;

pub(super) const RULE: Rule = Rule { ids: || vec!["write-errors", "rate-limited"], find };

fn find(report: &Report) -> Vec<Finding> {
    let Some(stats) = report.statistics.stats() else { return Vec::new() };
    let limited = report.units.as_ref().map_or(0, |units| units.rate_limits);
    let mut found = Vec::new();
    if stats.write_errors > 0 && !is_read_only(stats) {
        let why = Phrase::from("what is not stored is compiled again by the next job");
        let why = match report.units.as_ref().and_then(|units| units.last_write_error.as_deref()) {
            Some(error) => why.then("; the last reason: ").then_foreign(error),
            None => why,
        };
        found.push(Finding {
            id: "write-errors",
            weight: Weight::Problem,
            what: format!("{} failed", counted(stats.write_errors, "cache write")).into(),
            why,
            remedy:
                "check free space, permissions and quota of the storage; `log-level: debug` tells each reason"
                    .into(),
        });
    }
    if limited > 0 {
        found.push(Finding {
            id: "rate-limited",
            weight: Weight::Problem,
            what: format!("the storage refused {} as too many", count_of_requests(limited)).into(),
            why: "sccache does not try again: a refused look-up is a miss, a refused write is lost".into(),
            remedy: "use a storage without a limit for each request, or fewer jobs at once".into(),
        });
    }
    found
}

fn count_of_requests(number: u64) -> String {
    if number == 1 { "1 request".into() } else { format!("{} requests", count(number)) }
}
