//! The JSON that sccache 0.8 to 0.19 prints for `--show-stats --stats-format=json`.
//!
//! Fields a version lacks are 0 or unknown; fields added later are ignored.

use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

use super::{Counts, Level, Stats, location, sum};

#[derive(Deserialize)]
struct Answer {
    stats: Counters,
    #[serde(default)]
    cache_location: Option<String>,
    #[serde(default)]
    cache_size: Option<u64>,
    #[serde(default)]
    max_cache_size: Option<u64>,
    #[serde(default)]
    version: Option<String>,
    #[serde(default)]
    effective_cache_mode: Option<String>,
    #[serde(default)]
    use_preprocessor_cache_mode: Option<bool>,
    #[serde(default)]
    basedirs: Option<Vec<String>>,
}

/// `compile_requests` is in every version, so it tells sccache's counters from any other object.
#[derive(Deserialize)]
struct Counters {
    compile_requests: u64,
    #[serde(flatten)]
    rest: Rest,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Rest {
    requests_unsupported_compiler: u64,
    requests_not_compile: u64,
    requests_not_cacheable: u64,
    requests_executed: u64,
    cache_errors: ByLanguage,
    cache_hits: ByLanguage,
    cache_misses: ByLanguage,
    cache_timeouts: u64,
    non_cacheable_compilations: u64,
    forced_recaches: u64,
    cache_write_errors: u64,
    cache_writes: u64,
    cache_write_duration: Duration,
    cache_read_hit_duration: Duration,
    compilations: Option<u64>,
    compiler_write_duration: Duration,
    compile_fails: u64,
    not_cached: Counts,
    dist_compiles: Counts,
    dist_errors: u64,
    multi_level: Option<Vec<Level>>,
}

/// `adv_counts`, the same by compiler, is not read.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ByLanguage {
    counts: Counts,
}

impl Stats {
    /// Reads `sccache --show-stats --stats-format=json`.
    ///
    /// # Errors
    /// When it is no JSON, or not the object that sccache prints.
    pub fn from_json(json: &str) -> anyhow::Result<Self> {
        let answer: Answer =
            serde_json::from_str(json).context("this is not sccache's statistics in JSON")?;
        let Counters { compile_requests, rest } = answer.stats;
        Ok(Self {
            compile_requests,
            requests_executed: rest.requests_executed,
            requests_not_compile: rest.requests_not_compile,
            requests_not_cacheable: rest.requests_not_cacheable,
            requests_unsupported_compiler: rest.requests_unsupported_compiler,
            compilations: rest.compilations.unwrap_or_else(|| sum(&rest.cache_misses.counts)),
            hits: rest.cache_hits.counts,
            misses: rest.cache_misses.counts,
            errors: rest.cache_errors.counts,
            timeouts: rest.cache_timeouts,
            writes: rest.cache_writes,
            write_errors: rest.cache_write_errors,
            forced_recaches: rest.forced_recaches,
            compile_fails: rest.compile_fails,
            non_cacheable_compilations: rest.non_cacheable_compilations,
            write_duration: rest.cache_write_duration,
            read_hit_duration: rest.cache_read_hit_duration,
            compile_duration: rest.compiler_write_duration,
            not_cached: rest.not_cached,
            dist_compiles: rest.dist_compiles,
            dist_errors: rest.dist_errors,
            levels: rest.multi_level.unwrap_or_default(),
            cache_location: location::without_credentials(&answer.cache_location.unwrap_or_default()),
            cache_size_bytes: answer.cache_size,
            max_cache_size_bytes: answer.max_cache_size,
            version: answer.version.unwrap_or_default(),
            effective_cache_mode: answer.effective_cache_mode,
            preprocessor_mode: answer.use_preprocessor_cache_mode,
            basedirs: answer.basedirs.unwrap_or_default(),
        })
    }
}
