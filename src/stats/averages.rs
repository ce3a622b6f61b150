//! What the compiler took on average, as the cache directory carries it from job to job.

use serde::{Deserialize, Serialize};

use super::Stats;

/// Compilations remembered before older ones begin to fade.
const MEMORY: u64 = 10_000;

/// What the compiler took on average, as the cache directory carries it from job to job.
///
/// Without it a job in which everything hit would have nothing to estimate from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Averages {
    /// How many compilations there were, halved whenever they are many: newer ones weigh more.
    pub compilations: u64,
    /// The time of all of them together, in seconds.
    pub compile_secs: f64,
}

impl Averages {
    /// Those of one job.
    #[must_use]
    pub fn of(stats: &Stats) -> Self {
        Self { compilations: stats.compilations, compile_secs: stats.compile_duration.as_secs_f64() }
    }

    /// Both together. One that cannot be true (a damaged file) is left out.
    #[must_use]
    pub fn pooled_with(self, other: Self) -> Self {
        match (self.average_secs(), other.average_secs()) {
            (None, None) => Self::default(),
            (_, None) => self.faded(),
            (None, _) => other.faded(),
            (Some(_), Some(_)) => {
                let compilations = self.compilations.saturating_add(other.compilations);
                Self { compilations, compile_secs: self.compile_secs + other.compile_secs }.faded()
            }
        }
    }

    /// The mean time of one compilation in seconds; `None` without any.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn average_secs(&self) -> Option<f64> {
        let sound = self.compilations > 0 && self.compile_secs.is_finite() && self.compile_secs >= 0.0;
        sound.then(|| self.compile_secs / self.compilations as f64)
    }

    fn faded(mut self) -> Self {
        while self.compilations > MEMORY {
            self.compilations /= 2;
            self.compile_secs /= 2.0;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_pool_and_fade() {
        let earlier = Averages { compilations: 9_000, compile_secs: 9_000.0 };
        let pooled = earlier.pooled_with(Averages { compilations: 3_000, compile_secs: 9_000.0 });
        assert_eq!(pooled, Averages { compilations: 6_000, compile_secs: 9_000.0 });
        let huge = Averages { compilations: u64::MAX, compile_secs: f64::MAX };
        assert!(huge.pooled_with(huge).compilations <= MEMORY);
    }
}
