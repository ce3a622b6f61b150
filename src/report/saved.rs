//! How much compile time the cache saved: an estimate, and what it is taken from.

use serde::{Deserialize, Serialize};

use crate::stats::{Averages, Stats};

/// The estimate of compile time saved.
///
/// Cache hits × average compile time − time spent reading hits, never below 0. It is the compiler's own time:
/// the clock on the wall shows less when compilers run side by side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// The compile time saved, in seconds.
    pub secs: f64,
    /// The average compile time it is taken from, in seconds.
    pub average_compile_secs: f64,
    /// How many compilations that average is taken from.
    pub compilations: u64,
    /// Some of those compilations were in earlier jobs.
    pub from_earlier_jobs: bool,
}

impl Saved {
    /// Estimates from this job's compilations and those of earlier jobs; `None` when there are neither.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn estimate(stats: &Stats, earlier: Option<&Averages>) -> Option<Self> {
        let earlier = earlier.copied().unwrap_or_default();
        let pool = Averages::of(stats).pooled_with(earlier);
        let average_compile_secs = pool.average_secs()?;
        let compiling = stats.hits_total() as f64 * average_compile_secs;
        Some(Self {
            secs: to_micros((compiling - stats.read_hit_duration.as_secs_f64()).max(0.0)),
            average_compile_secs: to_micros(average_compile_secs),
            compilations: pool.compilations,
            from_earlier_jobs: earlier.average_secs().is_some(),
        })
    }
}

/// An estimate in seconds to six digits behind the point: more would be noise, and would not survive JSON.
fn to_micros(secs: f64) -> f64 {
    (secs * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stats::Counts;

    fn job(hits: u64, compilations: u64, compile_secs: u64, read_secs: u64) -> Stats {
        Stats {
            hits: Counts::from([("Rust".to_owned(), hits)]),
            compilations,
            compile_duration: Duration::from_secs(compile_secs),
            read_hit_duration: Duration::from_secs(read_secs),
            ..Stats::default()
        }
    }

    #[test]
    fn saved_time_is_hits_times_average_less_reading() {
        let saved = Saved::estimate(&job(50, 10, 20, 3), None).unwrap();
        assert_eq!(
            saved,
            Saved { secs: 97.0, average_compile_secs: 2.0, compilations: 10, from_earlier_jobs: false }
        );
        assert_eq!(Saved::estimate(&job(1, 10, 20, 3), None).unwrap().secs, 0.0);
    }

    #[test]
    fn a_job_without_compilations_uses_earlier_ones() {
        let all_hits = job(50, 0, 0, 0);
        assert_eq!(Saved::estimate(&all_hits, None), None);
        let earlier = Averages { compilations: 10, compile_secs: 40.0 };
        let saved = Saved::estimate(&all_hits, Some(&earlier)).unwrap();
        assert_eq!(
            saved,
            Saved { secs: 200.0, average_compile_secs: 4.0, compilations: 10, from_earlier_jobs: true }
        );
        for damaged in [f64::NAN, f64::INFINITY, -1.0] {
            let earlier = Averages { compilations: 10, compile_secs: damaged };
            assert_eq!(Saved::estimate(&all_hits, Some(&earlier)), None);
        }
    }
}
