//! OpenMetrics 1.0, for Prometheus and what reads its form.

use std::fmt::Write as _;

use super::escape::visible;
use super::{Render, Report};
use crate::stats::{Counts, Stats};

/// The longest value of a label, in characters.
const LABEL_CHARS: usize = 200;

/// OpenMetrics.
pub(super) struct OpenMetrics;

impl Render for OpenMetrics {
    fn render(&self, report: &Report) -> String {
        let mut page = Exposition::default();
        let job = report.job.as_ref().map_or("", |job| job.name.as_str());
        let version = report.sccache_version.as_deref().unwrap_or_default();
        page.family("sccache_job", "info", "", "What the report is about.");
        let labels = [
            ("job", job),
            ("phase", &report.phase),
            ("sccache_version", version),
            ("verdict", report.verdict().name()),
        ];
        page.sample("sccache_job_info", &labels, 1.0);
        if let Some(stats) = report.statistics.stats() {
            page.counters(stats);
            page.times(stats);
            page.storage(stats);
        }
        if let Some(saved) = report.saved {
            page.gauge("sccache_saved_seconds", "seconds", "Estimate of the compile time saved.", saved.secs);
        }
        page.family("sccache_overhead_seconds", "gauge", "seconds", "What sccache-step itself took.");
        for (phase, ms) in [("pre", report.overhead.pre_ms), ("post", report.overhead.post_ms)] {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of one job")]
            page.sample("sccache_overhead_seconds", &[("phase", phase)], ms as f64 / 1000.0);
        }
        page.gauge("sccache_incidents", "", "What befell the server.", count(report.incidents.len()));
        page.0 + "# EOF\n"
    }
}

#[derive(Default)]
struct Exposition(String);

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.0, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.0, "# HELP {name} {help}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn gauge(&mut self, name: &str, unit: &str, help: &str, value: f64) {
        self.family(name, "gauge", unit, help);
        self.sample(name, &[], value);
    }

    fn by(&mut self, name: &str, label: &str, help: &str, counts: &Counts) {
        self.family(name, "counter", "", help);
        let total = format!("{name}_total");
        // Two names that look the same after escaping would be one series given twice.
        let mut shown = Counts::new();
        for (of, number) in counts {
            let sum = shown.entry(visible(of, LABEL_CHARS)).or_default();
            *sum = sum.saturating_add(*number);
        }
        shown.iter().for_each(|(of, number)| self.sample(&total, &[(label, of)], float(*number)));
    }

    fn counters(&mut self, stats: &Stats) {
        self.by("sccache_hits", "language", "Cache hits.", &stats.hits);
        self.by("sccache_misses", "language", "Cache misses.", &stats.misses);
        self.by("sccache_errors", "language", "Cache errors.", &stats.errors);
        self.by("sccache_non_cacheable_calls", "reason", "Calls that were not cached.", &stats.not_cached);
        for (name, help, number) in [
            ("sccache_requests", "Compile requests.", stats.compile_requests),
            ("sccache_compilations", "Compilations by the server.", stats.compilations),
            ("sccache_writes", "Cache writes.", stats.writes),
            ("sccache_write_errors", "Failed cache writes.", stats.write_errors),
            ("sccache_timeouts", "Look-ups that timed out.", stats.timeouts),
        ] {
            self.family(name, "counter", "", help);
            self.sample(&format!("{name}_total"), &[], float(number));
        }
        if let Some(rate) = stats.hit_rate_percent() {
            self.gauge("sccache_hit_ratio", "ratio", "Hits of hits and misses, 0 to 1.", rate / 100.0);
        }
    }

    fn times(&mut self, stats: &Stats) {
        for (name, help, duration) in [
            ("sccache_compile_seconds", "Time in compilers.", stats.compile_duration),
            ("sccache_read_seconds", "Time reading hits.", stats.read_hit_duration),
            ("sccache_write_seconds", "Time in cache writes.", stats.write_duration),
        ] {
            self.family(name, "counter", "seconds", help);
            self.sample(&format!("{name}_total"), &[], duration.as_secs_f64());
        }
    }

    fn storage(&mut self, stats: &Stats) {
        for (name, help, bytes) in [
            ("sccache_cache_size_bytes", "Size of a local cache.", stats.cache_size_bytes),
            ("sccache_cache_limit_bytes", "Size limit of a local cache.", stats.max_cache_size_bytes),
        ] {
            if let Some(bytes) = bytes {
                self.gauge(name, "bytes", help, float(bytes));
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "OpenMetrics has floating-point numbers")]
fn float(number: u64) -> f64 {
    number as f64
}

fn count(number: usize) -> f64 {
    float(u64::try_from(number).unwrap_or(u64::MAX))
}

fn escaped(value: &str) -> String {
    visible(value, LABEL_CHARS).replace('\\', "\\\\").replace('"', "\\\"")
}
