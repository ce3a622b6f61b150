//! The first line, and the second when something is wrong.

use serde::{Deserialize, Serialize};

use super::Report;
use super::figures::{count, counted, hit_rate, percent, time};
use super::phrase::Phrase;
use crate::stats::{Statistics, Stats};

/// What a report comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No server was started.
    NoServer,
    /// The server was gone when it was asked; counters, if any, are the last seen.
    ServerLost,
    /// The server was alive and did not tell its counters.
    NoAnswer,
    /// The server ran, and nobody called it.
    NothingCompiled,
    /// The server was called, for nothing that could be cached.
    NothingCacheable,
    /// There were cache hits or misses.
    Compiled,
}

impl Verdict {
    /// The verdict on a job.
    #[must_use]
    pub fn of(statistics: &Statistics) -> Self {
        match statistics {
            Statistics::NoServer => Self::NoServer,
            Statistics::Lost { .. } => Self::ServerLost,
            Statistics::Unanswered { .. } => Self::NoAnswer,
            Statistics::Known { stats } if stats.is_empty() => Self::NothingCompiled,
            Statistics::Known { stats } if stats.hit_rate_percent().is_none() => Self::NothingCacheable,
            Statistics::Known { .. } => Self::Compiled,
        }
    }
}

/// The first line.
pub(super) fn headline(report: &Report) -> Phrase {
    match &report.statistics {
        Statistics::NoServer if report.failure.is_some() => Phrase::strong("sccache: no cache")
            .then(" · the sccache server could not be started, so nothing was cached"),
        Statistics::NoServer => {
            Phrase::strong("sccache: no cache").then(" · no sccache server was started for this job")
        }
        Statistics::Lost { how, .. } => {
            let lost = Phrase::strong("sccache: server lost")
                .then(" · the sccache server was gone before the end of the job");
            if how.is_empty() { lost } else { lost.then(": ").then_foreign(how) }
        }
        Statistics::Unanswered { how } => Phrase::strong("sccache: no statistics")
            .then(" · the sccache server did not tell what it did: ")
            .then_foreign(how),
        Statistics::Known { stats } => match Verdict::of(&report.statistics) {
            Verdict::NothingCompiled => Phrase::strong("sccache: nothing compiled")
                .then(" · the sccache server ran, but no compile request reached it"),
            Verdict::NothingCacheable => {
                Phrase::strong("sccache: nothing cacheable").then(format!(" · {}", calls(stats)))
            }
            _ => measured(report, stats),
        },
    }
}

/// How much a [`Remark`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Good to know.
    Note,
    /// Something is wrong.
    Warning,
}

/// A line below the first one.
#[derive(Clone, Debug)]
pub(super) struct Remark {
    /// How much it matters.
    pub(super) tone: Tone,
    /// What it says.
    pub(super) words: Phrase,
}

/// What stands below the first line: why there is nothing to show, and what is wrong.
pub(super) fn remarks(report: &Report) -> Vec<Remark> {
    let mut remarks = Vec::new();
    let mut say = |tone, words| remarks.push(Remark { tone, words });
    match &report.statistics {
        Statistics::NoServer => match &report.failure {
            Some(failure) => say(Tone::Warning, Phrase::from("the reason: ").then_foreign(failure)),
            None => say(Tone::Note, "`sccache-step pre` did not run in this job, or did not get that far".into()),
        },
        Statistics::Unanswered { .. } => {}
        Statistics::Lost { last: None, .. } => {
            say(Tone::Warning, "no statistics were seen before it was lost: what it did is not known".into());
        }
        Statistics::Lost { last: Some(last), .. } => {
            let lookups = last.hits_total().saturating_add(last.misses_total());
            let seen = match lookups {
                0 => "no cache hit or miss".to_owned(),
                _ => format!("{} hit rate, {}", hit_rate(last.hit_rate_percent()), from_cache(last)),
            };
            say(Tone::Warning, format!("last seen: {seen}; what came after is not counted").into());
        }
        Statistics::Known { stats } if stats.is_empty() => say(
            Tone::Warning,
            "no compiler was called through sccache: check that `RUSTC_WRAPPER` or the CMake launcher variables \
             reach the build and are not overridden"
                .into(),
        ),
        Statistics::Known { stats } if all_missed(stats) => {
            say(Tone::Note, "nothing came from the cache, as is normal for a first run only".into());
        }
        Statistics::Known { .. } => {}
    }
    let warnings = warnings(report);
    if !warnings.is_empty() {
        say(Tone::Warning, warnings.join(" · ").into());
    }
    remarks
}

fn all_missed(stats: &Stats) -> bool {
    stats.hits_total() == 0 && stats.misses_total() > 0
}

/// What is wrong, a few words each, the gravest first.
pub(super) fn warnings(report: &Report) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(stats) = report.statistics.stats() {
        let rate = stats.hit_rate_percent();
        if let (Some(rate), Some(minimum)) = (rate, report.min_hit_rate_percent)
            && rate < minimum
        {
            wrong.push(format!("hit rate below the wanted {}", percent(minimum)));
        }
        let mut failures = |number: u64, noun: &str, verb: &str| {
            if number > 0 {
                wrong.push(format!("{} {verb}", counted(number, noun)));
            }
        };
        let write_failure = if is_read_only(stats) { "not stored: the cache is read-only" } else { "failed" };
        failures(stats.write_errors, "cache write", write_failure);
        failures(stats.read_errors_at_least(), "cache read", "failed");
        failures(stats.timeouts, "cache look-up", "timed out");
        failures(stats.dist_errors, "distributed compilation", "failed");
        failures(stats.requests_unsupported_compiler, "call", "of a compiler that sccache does not know");
    }
    for (listed, noun) in [(report.incidents.len(), "incident"), (report.troubles.len(), "trouble")] {
        if listed > 0 {
            wrong.push(counted(u64::try_from(listed).unwrap_or(u64::MAX), noun));
        }
    }
    wrong
}

/// The storage takes no writes; sccache then counts every miss as a failed one.
pub(super) fn is_read_only(stats: &Stats) -> bool {
    stats.effective_cache_mode.as_deref() == Some("ReadOnly")
}

fn measured(report: &Report, stats: &Stats) -> Phrase {
    let rate = hit_rate(stats.hit_rate_percent());
    let first = Phrase::strong(format!("sccache: {rate} hit rate")).then(format!(" · {}", from_cache(stats)));
    match report.saved {
        Some(saved) if stats.hits_total() > 0 && saved.secs > 0.0 => {
            first.then(format!(" · about {} of compile time saved", time(saved.secs)))
        }
        Some(_) if stats.hits_total() > 0 => first.then(" · no compile time saved"),
        _ => first,
    }
}

fn from_cache(stats: &Stats) -> String {
    let hits = stats.hits_total();
    format!("{} of {} from cache", count(hits), count(hits.saturating_add(stats.misses_total())))
}

/// What the calls were when there was no cache hit or miss among them.
fn calls(stats: &Stats) -> String {
    let kinds = [
        (stats.requests_not_cacheable, "non-cacheable call"),
        (stats.requests_not_compile, "call without a compilation"),
        (stats.requests_unsupported_compiler, "call of an unknown compiler"),
        (stats.compile_fails, "failed compilation"),
        (stats.errors_total(), "cache error"),
    ];
    let some = kinds.iter().filter(|(number, _)| *number > 0);
    let parts: Vec<String> = some.map(|(number, noun)| counted_calls(*number, noun)).collect();
    if parts.is_empty() {
        return counted(stats.compile_requests.max(stats.requests_executed), "request");
    }
    parts.join(", ")
}

/// `2 calls without a compilation`: the noun is the first word there.
fn counted_calls(number: u64, noun: &str) -> String {
    match noun.split_once("call ") {
        Some((before, after)) => format!("{} {after}", counted(number, &format!("{before}call"))),
        None => counted(number, noun),
    }
}
