//! The first line: what the cache did, what it was worth, and whether anything is wrong.

use serde::{Deserialize, Serialize};

use super::Report;
use super::figures::{count, counted, hit_rate, time, time_of_ms};
use super::findings::{self, Weight};
use super::phrase::Phrase;
use crate::stats::{Statistics, Stats};

/// What a report comes down to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The cache does what it can.
    Healthy,
    /// Something is wrong with it.
    NeedsAttention,
    /// Nothing was looked up in it.
    NotUsed,
}

impl Verdict {
    pub(super) fn of(report: &Report) -> Self {
        let wrong = findings::find(report).iter().any(|finding| finding.weight == Weight::Problem);
        match Basis::of(&report.statistics) {
            Basis::NoServer | Basis::NothingCompiled => Self::NotUsed,
            _ if wrong => Self::NeedsAttention,
            Basis::NothingCacheable => Self::NotUsed,
            _ => Self::Healthy,
        }
    }

    /// Its name, for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::NeedsAttention => "needs-attention",
            Self::NotUsed => "not-used",
        }
    }

    /// Its name, for people.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::NeedsAttention => "needs attention",
            Self::NotUsed => "not used",
        }
    }
}

/// What the numbers of a report stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
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

impl Basis {
    /// What these numbers stand for.
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
    let verdict = Verdict::of(report);
    let first = happened(report).then(" · ").and(&Phrase::strong(verdict.words()));
    // What the first words say already need not be said again, and it is among the troubles.
    let told: &[&str] = match Basis::of(&report.statistics) {
        Basis::NoServer | Basis::ServerLost | Basis::NoAnswer => {
            &["no-server", "server-lost", "no-answer", "trouble"]
        }
        _ => &[],
    };
    let findings = findings::find(report);
    let wrong: Vec<_> = findings
        .iter()
        .filter(|found| found.weight == Weight::Problem && !told.contains(&found.id))
        .collect();
    let Some(gravest) = wrong.first() else { return first };
    let line = first.then(": ").and(&gravest.what);
    match wrong.len() {
        1 => line,
        more => line.then(format!(" and {} more", more - 1)),
    }
}

/// What the cache did, and what that was worth.
fn happened(report: &Report) -> Phrase {
    match (Basis::of(&report.statistics), &report.statistics) {
        (Basis::NoServer, _) if report.failure.is_some() => Phrase::strong("sccache: no cache")
            .then(" · the sccache server could not be started, so nothing was cached"),
        (Basis::NoServer, _) => {
            Phrase::strong("sccache: no cache").then(" · no sccache server was started for this job")
        }
        (_, Statistics::Lost { last, .. }) => {
            let lost = Phrase::strong("sccache: server lost")
                .then(" · the sccache server was gone before the end of the job");
            match last.as_ref().filter(|last| last.hit_rate_percent().is_some()) {
                Some(last) => lost.then(format!(
                    " · last seen: {} hit rate, {}",
                    hit_rate(last.hit_rate_percent()),
                    from_cache(last)
                )),
                None => lost,
            }
        }
        (Basis::NothingCompiled, _) => Phrase::strong("sccache: nothing compiled")
            .then(" · the sccache server ran, but no compile request reached it"),
        (_, Statistics::Known { stats }) if stats.hit_rate_percent().is_none() => {
            Phrase::strong("sccache: nothing cacheable").then(format!(" · {}", calls(stats)))
        }
        (_, Statistics::Known { stats }) => measured(report, stats),
        _ => Phrase::strong("sccache: no statistics").then(" · the sccache server did not tell what it did"),
    }
}

/// Hit rate, what was saved, what was spent, and the difference.
fn measured(report: &Report, stats: &Stats) -> Phrase {
    let rate = hit_rate(stats.hit_rate_percent());
    let first = Phrase::strong(format!("sccache: {rate} hit rate")).then(format!(" · {}", from_cache(stats)));
    let spent_ms = report.overhead.pre_ms.saturating_add(report.overhead.post_ms);
    let saved_secs = match report.saved {
        Some(saved) if stats.hits_total() > 0 => saved.secs,
        None if stats.hits_total() > 0 => return first,
        _ => 0.0,
    };
    let saved = if saved_secs > 0.0 {
        format!(" · about {} of compile time saved", time(saved_secs))
    } else {
        " · no compile time saved".into()
    };
    if spent_ms == 0 {
        return first.then(saved);
    }
    #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
    let net_secs = saved_secs - spent_ms as f64 / 1000.0;
    let sign = if net_secs < 0.0 { "−" } else { "" };
    first.then(format!("{saved}, {} spent: net {sign}{}", time_of_ms(spent_ms), time(net_secs.abs())))
}

/// What is wrong, a few words each, the gravest first.
pub(super) fn warnings(report: &Report) -> Vec<String> {
    let findings = findings::find(report);
    let wrong = findings.iter().filter(|finding| finding.weight == Weight::Problem);
    wrong.map(|finding| super::text::plain(&finding.what)).collect()
}

/// The storage takes no writes; sccache then counts every miss as a failed one.
pub(super) fn is_read_only(stats: &Stats) -> bool {
    stats.effective_cache_mode.as_deref() == Some("ReadOnly")
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
