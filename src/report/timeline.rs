//! Hits, misses and memory over the job: as a chart for a summary, and as a line of blocks for a terminal.

use std::fmt::Write as _;

use super::figures::{time, time_of_ms};
use crate::inputs::Bytes;
use crate::stats::Sample;

/// Points of a chart; a summary is no place for more.
const POINTS: usize = 40;
/// Fewer samples than this are no course.
const ENOUGH: usize = 3;
/// Hits and misses, to be seen on a light page and on a dark one: Mermaid's own are too pale.
const COLOURS: &str = "#2da44e, #cf222e";
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The job's course, evened out to a few points in time.
pub(super) struct Timeline {
    /// How long it covers, in milliseconds.
    took_ms: u64,
    /// Hits since the point before.
    hits: Vec<u64>,
    /// Misses since the point before.
    misses: Vec<u64>,
    /// Resident memory of the server in bytes, the most since the point before.
    memory: Vec<u64>,
}

impl Timeline {
    /// The course; `None` with too few samples, or when nothing happened in them.
    pub(super) fn of(samples: &[Sample]) -> Option<Self> {
        let (first, last) = (samples.first()?, samples.last()?);
        let took_ms = last.elapsed_ms.checked_sub(first.elapsed_ms).filter(|took| *took > 0)?;
        if samples.len() < ENOUGH || (last.hits == 0 && last.misses == 0) {
            return None;
        }
        let points = POINTS.min(samples.len() - 1);
        let mut of =
            Self { took_ms, hits: vec![0; points], misses: vec![0; points], memory: vec![0; points] };
        let (mut hits, mut misses) = (first.hits, first.misses);
        for sample in &samples[1..] {
            let at = place(sample.elapsed_ms.saturating_sub(first.elapsed_ms), took_ms, points);
            // Counters of a job never go back, but a file may be damaged.
            of.hits[at] += sample.hits.saturating_sub(hits);
            of.misses[at] += sample.misses.saturating_sub(misses);
            (hits, misses) = (hits.max(sample.hits), misses.max(sample.misses));
            of.memory[at] = of.memory[at].max(sample.rss_bytes.unwrap_or_default());
        }
        of.memory[0] = of.memory[0].max(first.rss_bytes.unwrap_or_default());
        // Nobody asked in between, so the server's memory is taken to have stayed as it was.
        for at in 1..points {
            if of.memory[at] == 0 {
                of.memory[at] = of.memory[at - 1];
            }
        }
        Some(of)
    }

    /// What a fold with the charts is called.
    pub(super) fn title(&self) -> String {
        format!("Timeline over {}", time_of_ms(self.took_ms))
    }

    /// Charts as GitHub draws them.
    pub(super) fn mermaid(&self) -> Vec<String> {
        let mut charts = vec![self.chart(
            "Hits (bars) and misses (line)",
            "look-ups",
            &[("bar", &self.hits), ("line", &self.misses)],
        )];
        if self.memory.iter().any(|bytes| *bytes > 0) {
            let mebibytes: Vec<u64> = self.memory.iter().map(|bytes| bytes.div_ceil(1 << 20)).collect();
            charts.push(self.chart("Memory of the server", "MiB", &[("line", &mebibytes)]));
        }
        charts
    }

    #[expect(clippy::cast_precision_loss, reason = "a scale, shown with few digits")]
    fn chart(&self, title: &str, unit: &str, series: &[(&str, &[u64])]) -> String {
        let most =
            series.iter().flat_map(|(_, values)| values.iter()).max().copied().unwrap_or_default().max(1);
        let secs = self.took_ms as f64 / 1000.0;
        let mut chart = format!(
            "---\nconfig:\n  xyChart:\n    width: 700\n    height: 260\n  themeVariables:\n    xyChart:\n      \
             backgroundColor: transparent\n      plotColorPalette: \"{COLOURS}\"\n---\nxychart-beta\n    title \"{title}\"\n    x-axis \"seconds\" 0 --> {secs:.1}\n    y-axis \"{unit}\" 0 --> {most}\n"
        );
        for (kind, values) in series {
            let values: Vec<String> = values.iter().map(u64::to_string).collect();
            // Writing to a string does not fail.
            let _ = writeln!(chart, "    {kind} [{}]", values.join(", "));
        }
        chart
    }

    /// A line of blocks for each course, with its label and its peak.
    pub(super) fn sparklines(&self) -> Vec<(&'static str, String)> {
        let count = |values: &[u64]| {
            format!("{}  {} in {}", blocks(values), values.iter().sum::<u64>(), time(self.secs()))
        };
        let mut lines = vec![("hits", count(&self.hits)), ("misses", count(&self.misses))];
        if let Some(peak) = self.memory.iter().max().filter(|peak| **peak > 0) {
            lines.push(("memory", format!("{}  at most {}", blocks(&self.memory), Bytes(*peak))));
        }
        lines
    }

    #[expect(clippy::cast_precision_loss, reason = "shown with a few digits")]
    fn secs(&self) -> f64 {
        self.took_ms as f64 / 1000.0
    }
}

fn place(at_ms: u64, took_ms: u64, points: usize) -> usize {
    // What a sample tells happened before it.
    let scaled = u128::from(at_ms.saturating_sub(1)) * points as u128 / u128::from(took_ms).max(1);
    usize::try_from(scaled).unwrap_or(points).min(points - 1)
}

fn blocks(values: &[u64]) -> String {
    let most = values.iter().max().copied().unwrap_or_default().max(1);
    let block = |value: &u64| match value {
        0 => ' ',
        _ => BLOCKS[usize::try_from(u128::from(*value) * 7 / u128::from(most)).unwrap_or(7)],
    };
    values.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(elapsed_ms: u64, hits: u64, misses: u64, rss_bytes: Option<u64>) -> Sample {
        Sample { elapsed_ms, hits, misses, rss_bytes, ..Sample::default() }
    }

    #[test]
    fn a_course_shows_what_happened_when() {
        let samples = [
            sample(1_000, 0, 0, Some(10 << 20)),
            sample(2_000, 8, 0, Some(30 << 20)),
            sample(3_000, 8, 2, None),
            sample(5_000, 12, 2, Some(20 << 20)),
        ];
        let timeline = Timeline::of(&samples).unwrap();
        assert_eq!(
            (timeline.took_ms, &timeline.hits[..], &timeline.misses[..]),
            (4_000, &[8, 0, 4][..], &[0, 2, 0][..])
        );
        assert_eq!(timeline.sparklines()[0].1, "█ ▄  12 in 4.0 s");
        assert_eq!(timeline.sparklines()[2].1, "█▆▅  at most 30 MiB".replace('▆', "█"));
        assert!(
            timeline.mermaid()[0].contains("bar [8, 0, 4]\n    line [0, 2, 0]"),
            "{:?}",
            timeline.mermaid()
        );
    }

    #[test]
    fn no_course_is_told_of_nothing_and_of_damage() {
        assert!(Timeline::of(&[]).is_none());
        assert!(
            Timeline::of(&[sample(0, 0, 0, None), sample(1, 0, 0, None), sample(2, 0, 0, None)]).is_none()
        );
        assert!(
            Timeline::of(&[sample(9, 1, 0, None), sample(5, 2, 0, None), sample(9, 3, 0, None)]).is_none()
        );
        let odd = [
            sample(0, u64::MAX, 0, None),
            sample(u64::MAX, 3, u64::MAX, None),
            sample(u64::MAX, 9, 0, Some(1)),
        ];
        let timeline = Timeline::of(&odd).unwrap();
        assert_eq!(timeline.misses.iter().max(), Some(&u64::MAX));
    }

    #[test]
    fn a_long_course_has_few_points_and_loses_nothing() {
        let samples: Vec<Sample> = (0..10_000).map(|at| sample(at * 7, at * 3, at, Some(at))).collect();
        let timeline = Timeline::of(&samples).unwrap();
        assert_eq!(timeline.hits.len(), POINTS);
        assert_eq!(timeline.hits.iter().sum::<u64>(), 9_999 * 3);
    }
}
