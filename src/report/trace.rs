//! The timeline as a trace, in the JSON that Perfetto and Chrome's trace viewer read.
//!
//! Counters come from the samples of the supervisor, slices from the slowest misses in the server's log.

use serde_json::{Value, json};

use super::{Render, Report, escape};
use crate::stats::Missed;

/// A trace.
pub(super) struct Trace;

impl Render for Trace {
    fn render(&self, report: &Report) -> String {
        let mut events = vec![
            json!({"ph": "M", "name": "process_name", "pid": 1, "args": {"name": "sccache"}}),
            json!({"ph": "M", "name": "thread_name", "pid": 1, "tid": 0, "args": {"name": "job"}}),
        ];
        for sample in &report.samples {
            let mut counter = |name: &str, args: Value| {
                let ts = sample.at_unix_ms.saturating_mul(1000);
                events.push(json!({"ph": "C", "name": name, "pid": 1, "ts": ts, "args": args}));
            };
            counter(
                "look-ups",
                json!({"hits": sample.hits, "misses": sample.misses, "errors": sample.errors}),
            );
            if let Some(bytes) = sample.rss_bytes {
                counter("memory of the server in bytes", json!({"resident": bytes}));
            }
        }
        let slowest = report.units.as_ref().map_or(&[][..], |units| &units.slowest);
        for (lane, unit) in lanes(slowest) {
            let (start_us, took_us) = span(unit);
            events.push(json!({
                "ph": "X", "name": unit.name, "cat": "miss", "pid": 1, "tid": lane + 1,
                "ts": start_us, "dur": took_us, "args": {"place": unit.place},
            }));
        }
        let trace = json!({"displayTimeUnit": "ms", "traceEvents": events});
        escape::json(&format!("{trace:#}")) + "\n"
    }
}

/// Start and length of a unit, in microseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast to an integer saturates")]
fn span(unit: &Missed) -> (u64, u64) {
    let took = (unit.compile_secs.max(0.0) * 1e6) as u64;
    (unit.ended_unix_ms.saturating_mul(1000).saturating_sub(took), took)
}

/// Units side by side in as few rows as keep them apart: slices of one row must not overlap.
fn lanes(units: &[Missed]) -> Vec<(usize, &Missed)> {
    let mut sorted: Vec<&Missed> = units.iter().collect();
    sorted.sort_by_key(|unit| span(unit).0);
    let mut ends: Vec<u64> = Vec::new();
    let mut placed = Vec::new();
    for unit in sorted {
        let (start, took) = span(unit);
        let free = ends.iter().position(|end| *end <= start);
        let lane = free.unwrap_or(ends.len());
        match ends.get_mut(lane) {
            Some(end) => *end = start.saturating_add(took),
            None => ends.push(start.saturating_add(took)),
        }
        placed.push((lane, unit));
    }
    placed
}
