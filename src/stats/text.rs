//! The human text that sccache 0.8 to 0.19 prints for `--show-stats` and `--stop-server`: the fallback.
//!
//! Rows are a label, blanks and a value; two sections, of reasons and of build servers, hold a name and a
//! count each. Averages times counts give estimated totals, sizes are rounded.

use std::sync::LazyLock;
use std::time::Duration;

use anyhow::ensure;
use regex::Regex;

use super::{Counts, Stats, location, sum};

/// Which kind of rows comes next.
#[derive(Clone, Copy)]
enum Section {
    Rows,
    Reasons,
    BuildServers,
}

/// What the text tells besides the counters, in the order it is met.
#[derive(Default)]
struct Reading {
    stats: Stats,
    compile_requests: Option<u64>,
    compilations: Option<u64>,
    average_write: Duration,
    average_compile: Duration,
    average_read_hit: Duration,
}

impl Stats {
    /// Reads the human text of `--show-stats` or `--stop-server`.
    ///
    /// Durations are estimates: the printed average, rounded to 1 ms, times the count.
    ///
    /// # Errors
    /// When the text has no `Compile requests` row.
    pub fn from_text(text: &str) -> anyhow::Result<Self> {
        let mut reading = Reading::default();
        let mut section = Section::Rows;
        for line in text.lines().map(str::trim_end) {
            section = match (line, section) {
                ("Non-cacheable reasons:", _) => Section::Reasons,
                ("Successful distributed compiles", _) => Section::BuildServers,
                ("", _) => Section::Rows,
                (_, Section::Reasons) if count(&mut reading.stats.not_cached, line) => section,
                (_, Section::BuildServers)
                    if line.starts_with("  ")
                        && count(&mut reading.stats.dist_compiles, line.trim_start()) =>
                {
                    section
                }
                _ => {
                    reading.row(line);
                    Section::Rows
                }
            };
        }
        ensure!(
            reading.compile_requests.is_some(),
            "this is not sccache's statistics: it has no `Compile requests` row"
        );
        Ok(reading.into_stats())
    }
}

impl Reading {
    /// Takes one row. Rows of cache levels are indented and, like unknown ones, left alone.
    fn row(&mut self, line: &str) {
        if let Some((label, number)) = split_count(line) {
            self.counter(label, number);
        }
        for (label, average) in [
            ("Average cache write", &mut self.average_write),
            ("Average compiler", &mut self.average_compile),
            ("Average cache read hit", &mut self.average_read_hit),
        ] {
            if let Some(found) = value(line, label).and_then(seconds) {
                *average = found;
            }
        }
        let stats = &mut self.stats;
        if let Some(found) = value(line, "Cache location") {
            stats.cache_location = location::without_credentials(found);
        } else if let Some(found) = value(line, "Version (client)") {
            found.clone_into(&mut stats.version);
        } else if let Some(found) = value(line, "Use direct/preprocessor mode?") {
            stats.preprocessor_mode = Some(found == "yes");
        } else if let Some(found) = value(line, "Effective cache mode") {
            stats.effective_cache_mode = Some(found.to_owned());
        } else if let Some(found) = value(line, "Cache size") {
            stats.cache_size_bytes = size_bytes(found);
        } else if let Some(found) = value(line, "Max cache size") {
            stats.max_cache_size_bytes = size_bytes(found);
        }
    }

    fn counter(&mut self, label: &str, number: u64) {
        let stats = &mut self.stats;
        for (prefix, counts) in [
            ("Cache hits (", &mut stats.hits),
            ("Cache misses (", &mut stats.misses),
            ("Cache errors (", &mut stats.errors),
        ] {
            if let Some(language) = label.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(')')) {
                counts.insert(language.to_owned(), number);
            }
        }
        let counter = match label {
            "Compile requests" => self.compile_requests.insert(0),
            "Compile requests executed" => &mut stats.requests_executed,
            "Cache timeouts" => &mut stats.timeouts,
            "Forced recaches" => &mut stats.forced_recaches,
            "Cache write errors" => &mut stats.write_errors,
            "Compilations" => self.compilations.insert(0),
            "Compilation failures" => &mut stats.compile_fails,
            "Non-cacheable compilations" => &mut stats.non_cacheable_compilations,
            "Non-cacheable calls" => &mut stats.requests_not_cacheable,
            "Non-compilation calls" => &mut stats.requests_not_compile,
            "Unsupported compiler calls" => &mut stats.requests_unsupported_compiler,
            "Failed distributed compilations" => &mut stats.dist_errors,
            _ => return,
        };
        *counter = number;
    }

    /// Derives what the text does not tell. Every miss is written once it has compiled, so misses that are no
    /// failed writes are writes: so in every recorded sample, and a test holds it.
    fn into_stats(self) -> Stats {
        let mut stats = self.stats;
        let misses = sum(&stats.misses);
        stats.compile_requests = self.compile_requests.unwrap_or_default();
        stats.compilations = self.compilations.unwrap_or(misses);
        stats.writes = misses.saturating_sub(stats.write_errors);
        stats.write_duration = total(self.average_write, stats.writes);
        stats.compile_duration = total(self.average_compile, stats.compilations);
        stats.read_hit_duration = total(self.average_read_hit, sum(&stats.hits));
        stats
    }
}

/// The label and the number of a row that ends with one. A number too large for 64 bits is the largest.
fn split_count(line: &str) -> Option<(&str, u64)> {
    static ROW: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^(.*\S)\s+([0-9]+)$").ok());
    let (_, [label, number]) = ROW.as_ref()?.captures(line)?.extract();
    Some((label, number.parse().unwrap_or(u64::MAX)))
}

/// Counts a row of a section; `false` when it is none.
fn count(counts: &mut Counts, line: &str) -> bool {
    let Some((name, number)) = split_count(line) else { return false };
    counts.insert(name.to_owned(), number);
    true
}

fn value<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(label)?;
    rest.starts_with(char::is_whitespace).then(|| rest.trim())
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix(" s")?.parse().ok()?).ok()
}

#[expect(clippy::cast_precision_loss, reason = "an estimate from a rounded average")]
fn total(average: Duration, count: u64) -> Duration {
    Duration::try_from_secs_f64(average.as_secs_f64() * count as f64).unwrap_or(Duration::MAX)
}

/// sccache rounds sizes to a whole number of the largest binary unit.
fn size_bytes(text: &str) -> Option<u64> {
    let (number, unit) = text.split_once(' ')?;
    let power = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"].iter().position(|name| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(1024_u64.checked_pow(u32::try_from(power).ok()?)?)
}
