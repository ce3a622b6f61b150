//! sccache's counters: parsed from its JSON or its text, named in the field's words, summed over servers.
//!
//! Speaks `sccache --show-stats --stats-format=json` of sccache 0.8 to 0.19, and its human text as a
//! fallback. Never asks a server itself.

mod averages;
mod json;
mod location;
mod run;
mod sample;
mod text;
mod units;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::version::Version;

pub use averages::Averages;
pub use run::{Run, Trend};
pub use sample::Sample;
pub use units::{Missed, Place, Repeated, UNITS_DIRECTIVE, Units};

/// Counts by language, as sccache names them (`C/C++`, `Rust`, `CUDA`, …).
pub type Counts = BTreeMap<String, u64>;

/// The statistics of one server, or the sum over several.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Compile requests received.
    pub compile_requests: u64,
    /// Requests that went through the cache pipeline.
    pub requests_executed: u64,
    /// Requests that are no compilation (linking, `--version`); run by the client.
    pub requests_not_compile: u64,
    /// Non-cacheable calls, the sum over `not_cached`; run by the client.
    pub requests_not_cacheable: u64,
    /// Calls of a compiler that sccache does not know.
    pub requests_unsupported_compiler: u64,
    /// Cache hits by language.
    pub hits: Counts,
    /// Cache misses by language, forced recaches, time-outs and read errors included.
    pub misses: Counts,
    /// Cache errors by language: read errors, and failing preprocessor runs.
    pub errors: Counts,
    /// Look-ups that took longer than sccache's 60 s; each is also a miss.
    pub timeouts: u64,
    /// Successful cache writes. sccache's text does not tell them: read from there they are the misses that
    /// were not failed writes.
    pub writes: u64,
    /// Failed cache writes.
    pub write_errors: u64,
    /// Misses because of `SCCACHE_RECACHE`.
    pub forced_recaches: u64,
    /// Compiler runs by the server. sccache 0.8 does not count them: then the misses stand in.
    pub compilations: u64,
    /// Compiler runs that failed.
    pub compile_fails: u64,
    /// Compiled, then found to be non-cacheable.
    pub non_cacheable_compilations: u64,
    /// Time spent in cache writes.
    pub write_duration: Duration,
    /// Time spent in look-ups that hit.
    pub read_hit_duration: Duration,
    /// Time spent in the compiler. sccache's JSON calls it `compiler_write_duration`.
    pub compile_duration: Duration,
    /// Reasons of non-cacheable calls.
    pub not_cached: Counts,
    /// Distributed compilations by build server.
    pub dist_compiles: Counts,
    /// Failed distributed compilations.
    pub dist_errors: u64,
    /// The levels of a chain of storages, nearest first; empty without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<Level>,
    /// Where the cache is, without credentials; empty when the server did not say.
    pub cache_location: String,
    /// Size of a local disk cache in bytes; `None` for remote storages and before the first cache access.
    pub cache_size_bytes: Option<u64>,
    /// Size limit of a local disk cache in bytes.
    pub max_cache_size_bytes: Option<u64>,
    /// Version of the server.
    pub version: String,
    /// `ReadWrite` or `ReadOnly`, told by sccache 0.19 and newer.
    pub effective_cache_mode: Option<String>,
    /// Whether C and C++ are looked up without running the preprocessor; `None` when the server did not say.
    #[serde(default)]
    pub preprocessor_mode: Option<bool>,
    /// The directories that sccache takes out of C and C++ paths; told by sccache 0.14 and newer, in JSON.
    #[serde(default)]
    pub basedirs: Vec<String>,
}

/// One level of a chain of storages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Level {
    /// As sccache names it: `L0 (disk)`.
    pub name: String,
    /// Look-ups that were answered here.
    pub hits: u64,
    /// Look-ups that were not.
    pub misses: u64,
    /// Successful writes.
    pub writes: u64,
    /// Failed writes.
    pub write_failures: u64,
    /// How often something found here was to be copied to a nearer level.
    pub backfills_from: u64,
    /// How often something from a farther level was copied here.
    pub backfills_to: u64,
}

/// What one language did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language<'a> {
    /// As sccache names it.
    pub name: &'a str,
    /// Cache hits.
    pub hits: u64,
    /// Cache misses.
    pub misses: u64,
    /// Cache errors.
    pub errors: u64,
}

impl Language<'_> {
    /// Hits of all that was looked up and answered, 0..=100; `None` when nothing was.
    #[must_use]
    pub fn hit_rate_percent(&self) -> Option<f64> {
        hit_rate_percent(self.hits, self.misses)
    }
}

impl Stats {
    /// Reads what `--show-stats` or `--stop-server` gave: JSON, or the human text.
    ///
    /// # Errors
    /// When it is neither; the error tells why, without the text itself.
    pub fn parse(answer: &str) -> anyhow::Result<Self> {
        Self::from_json(answer).or_else(|no_json| {
            let looks_like_json = answer.trim_start().starts_with('{');
            Self::from_text(answer).map_err(|no_text| if looks_like_json { no_json } else { no_text })
        })
    }

    /// Adds the counters of another server of the same job. What cannot be summed (location, sizes, version,
    /// mode) is taken from the later one, as far as it tells.
    pub fn add(&mut self, later: &Self) {
        if !later.cache_location.is_empty() && later.cache_location != self.cache_location {
            self.cache_location.clone_from(&later.cache_location);
            self.cache_size_bytes = None;
            self.max_cache_size_bytes = None;
        }
        self.cache_size_bytes = later.cache_size_bytes.or(self.cache_size_bytes);
        self.max_cache_size_bytes = later.max_cache_size_bytes.or(self.max_cache_size_bytes);
        self.effective_cache_mode = later.effective_cache_mode.clone().or(self.effective_cache_mode.take());
        self.preprocessor_mode = later.preprocessor_mode.or(self.preprocessor_mode);
        if !later.basedirs.is_empty() {
            self.basedirs.clone_from(&later.basedirs);
        }
        if !later.version.is_empty() {
            self.version.clone_from(&later.version);
        }
        self.add_counters(later);
        self.write_duration = self.write_duration.saturating_add(later.write_duration);
        self.read_hit_duration = self.read_hit_duration.saturating_add(later.read_hit_duration);
        self.compile_duration = self.compile_duration.saturating_add(later.compile_duration);
        add_counts(&mut self.hits, &later.hits);
        add_counts(&mut self.misses, &later.misses);
        add_counts(&mut self.errors, &later.errors);
        add_counts(&mut self.not_cached, &later.not_cached);
        add_counts(&mut self.dist_compiles, &later.dist_compiles);
        for level in &later.levels {
            match self.levels.iter_mut().find(|known| known.name == level.name) {
                Some(known) => known.add(level),
                None => self.levels.push(level.clone()),
            }
        }
    }

    /// Sets where the cache is, as sccache tells it, without the credentials that it may tell as well.
    pub fn set_location(&mut self, told: &str) {
        self.cache_location = location::without_credentials(told);
    }

    /// Writes that a chain of storages still does in the background: to farther levels, which get what the
    /// nearest one got, and to nearer ones, which get what was found farther away. A read-only level, which
    /// the statistics do not tell from others, seems to owe all of them.
    #[must_use]
    pub fn writes_outstanding(&self) -> u64 {
        let settled =
            self.levels.iter().skip(1).map(|level| level.writes.saturating_add(level.write_failures));
        let behind =
            settled.fold(0_u64, |behind, settled| behind.saturating_add(self.writes.saturating_sub(settled)));
        // Up to 0.8 the client goes on before its miss is written.
        let early = Version::parse(&self.version).filter(|version| *version < Version::new(0, 9, 0));
        let settled = self.writes.saturating_add(self.write_errors);
        let unwritten = early.map_or(0, |_| self.misses_total().saturating_sub(settled));
        let behind = behind.saturating_add(unwritten);
        let (from, to) = self.levels.iter().fold((0_u64, 0_u64), |(from, to), level| {
            (from.saturating_add(level.backfills_from), to.saturating_add(level.backfills_to))
        });
        behind.saturating_add(from.saturating_sub(to))
    }

    fn add_counters(&mut self, later: &Self) {
        let pairs = [
            (&mut self.compile_requests, later.compile_requests),
            (&mut self.requests_executed, later.requests_executed),
            (&mut self.requests_not_compile, later.requests_not_compile),
            (&mut self.requests_not_cacheable, later.requests_not_cacheable),
            (&mut self.requests_unsupported_compiler, later.requests_unsupported_compiler),
            (&mut self.timeouts, later.timeouts),
            (&mut self.writes, later.writes),
            (&mut self.write_errors, later.write_errors),
            (&mut self.forced_recaches, later.forced_recaches),
            (&mut self.compilations, later.compilations),
            (&mut self.compile_fails, later.compile_fails),
            (&mut self.non_cacheable_compilations, later.non_cacheable_compilations),
            (&mut self.dist_errors, later.dist_errors),
        ];
        for (sum, counter) in pairs {
            *sum = sum.saturating_add(counter);
        }
    }

    /// Cache hits of all languages.
    #[must_use]
    pub fn hits_total(&self) -> u64 {
        sum(&self.hits)
    }

    /// Cache misses of all languages.
    #[must_use]
    pub fn misses_total(&self) -> u64 {
        sum(&self.misses)
    }

    /// Cache errors of all languages.
    #[must_use]
    pub fn errors_total(&self) -> u64 {
        sum(&self.errors)
    }

    /// The fewest of the cache errors that must have been failed reads.
    ///
    /// sccache counts a failing preprocessor (a probe for a missing header, say) as a cache error too, and does
    /// not tell which is which. Such a unit is neither a hit nor a miss nor a failed compilation, so whatever
    /// errors exceed the requests without such an end were reads.
    #[must_use]
    pub fn read_errors_at_least(&self) -> u64 {
        let ended =
            [self.hits_total(), self.misses_total(), self.compile_fails, self.non_cacheable_compilations];
        let endless = ended.iter().fold(self.requests_executed, |rest, end| rest.saturating_sub(*end));
        self.errors_total().saturating_sub(endless)
    }

    /// Hits / (hits + misses) as sccache counts it, 0..=100; `None` when both are 0.
    #[must_use]
    pub fn hit_rate_percent(&self) -> Option<f64> {
        hit_rate_percent(self.hits_total(), self.misses_total())
    }

    /// The languages that were looked up or failed, by name.
    pub fn languages(&self) -> impl Iterator<Item = Language<'_>> {
        let names: BTreeSet<&String> =
            self.hits.keys().chain(self.misses.keys()).chain(self.errors.keys()).collect();
        let count = |counts: &Counts, name: &str| counts.get(name).copied().unwrap_or_default();
        names.into_iter().map(move |name| Language {
            name,
            hits: count(&self.hits, name),
            misses: count(&self.misses, name),
            errors: count(&self.errors, name),
        })
    }

    /// Nothing was compiled through this server: no compile request came, and, as client-side mode counts
    /// none, nothing was looked up, executed or turned away either.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let signs = [
            self.compile_requests,
            self.requests_executed,
            self.requests_not_compile,
            self.requests_not_cacheable,
            self.requests_unsupported_compiler,
            self.hits_total(),
            self.misses_total(),
            self.errors_total(),
        ];
        signs.iter().all(|count| *count == 0)
    }
}

impl Level {
    fn add(&mut self, later: &Self) {
        let pairs = [
            (&mut self.hits, later.hits),
            (&mut self.misses, later.misses),
            (&mut self.writes, later.writes),
            (&mut self.write_failures, later.write_failures),
            (&mut self.backfills_from, later.backfills_from),
            (&mut self.backfills_to, later.backfills_to),
        ];
        for (sum, counter) in pairs {
            *sum = sum.saturating_add(counter);
        }
    }
}

fn add_counts(sum: &mut Counts, later: &Counts) {
    for (name, count) in later {
        let entry = sum.entry(name.clone()).or_default();
        *entry = entry.saturating_add(*count);
    }
}

/// The sum of counts, at most the largest number there is.
pub(crate) fn sum(counts: &Counts) -> u64 {
    counts.values().fold(0, |sum, count| sum.saturating_add(*count))
}

#[expect(clippy::cast_precision_loss, reason = "a rate, shown with one digit behind the point")]
fn hit_rate_percent(hits: u64, misses: u64) -> Option<f64> {
    let lookups = hits as f64 + misses as f64;
    (lookups > 0.0).then(|| hits as f64 / lookups * 100.0)
}

/// Where the sum stands when sccache's numbers were read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Statistics {
    /// No server was started, so there is nothing to count.
    NoServer,
    /// The server was gone when it was asked.
    Lost {
        /// How it ended, as far as known, in one line.
        how: String,
        /// The last counters seen, if any.
        last: Option<Box<Stats>>,
    },
    /// The server was alive and gave no answer that could be read.
    Unanswered {
        /// What it did instead, in one line.
        how: String,
        /// The last counters seen, if any.
        #[serde(default)]
        last: Option<Box<Stats>>,
    },
    /// The server answered.
    Known {
        /// Its counters.
        stats: Box<Stats>,
    },
}

impl Statistics {
    /// The counters, where there are any.
    #[must_use]
    pub fn stats(&self) -> Option<&Stats> {
        match self {
            Self::NoServer => None,
            Self::Lost { last, .. } | Self::Unanswered { last, .. } => last.as_deref(),
            Self::Known { stats } => Some(stats),
        }
    }
}

#[cfg(test)]
mod tests;
