//! What is worth knowing besides the verdict: the languages, and one fact a row.

use super::figures::{count, counted, hit_rate, percent, time, time_of_ms};
use super::phrase::{Align, Phrase, Table};
use super::verdict::is_read_only;
use super::{Report, Saved};
use crate::inputs::Bytes;
use crate::state::BundleTraffic;
use crate::stats::{Language, Stats, sum};

/// A label and what is to be said under it.
pub(super) type Fact = (&'static str, Phrase);

/// A row a language, the busiest first, and a total of several; `None` without any.
pub(super) fn languages(stats: &Stats) -> Option<Table> {
    let mut languages: Vec<Language<'_>> = stats.languages().collect();
    languages.sort_by_key(|language| std::cmp::Reverse(language.hits.saturating_add(language.misses)));
    let row = |name: Phrase, hits, misses, rate, errors| {
        let [hits, misses, errors] = [hits, misses, errors].map(|number| Phrase::from(count(number)));
        vec![name, hits, misses, hit_rate(rate).into(), errors]
    };
    let rows: Vec<_> = languages
        .iter()
        .map(|of| row(Phrase::name(of.name), of.hits, of.misses, of.hit_rate_percent(), of.errors))
        .collect();
    let total = (rows.len() > 1).then(|| {
        let sums = (stats.hits_total(), stats.misses_total(), stats.errors_total());
        row("Total".into(), sums.0, sums.1, stats.hit_rate_percent(), sums.2)
    });
    let columns = vec![
        ("Language", Align::Left),
        ("Hits", Align::Right),
        ("Misses", Align::Right),
        ("Hit rate", Align::Right),
        ("Errors", Align::Right),
    ];
    (!rows.is_empty()).then_some(Table { columns, rows, total })
}

/// Where the cache is, how full it is and what drives it, in one line; `None` when nothing is known.
pub(super) fn glance(report: &Report) -> Option<Phrase> {
    let sized = report.statistics.stats().is_some_and(|stats| stats.cache_size_bytes.is_some());
    let shown = ["storage", if sized { "cache size" } else { "" }, "sccache version"];
    let mut glance = Phrase::default();
    for (label, value) in facts(report).into_iter().filter(|(label, _)| shown.contains(label)) {
        if !glance.0.is_empty() {
            glance = glance.then(" · ");
        }
        if label == "sccache version" {
            glance = glance.then("sccache ");
        }
        glance.0.extend(value.0);
    }
    (!glance.0.is_empty()).then_some(glance)
}

/// Everything else, the cache first, then the counters, then times. Counters that are 0 and say nothing by
/// being 0 are left out.
pub(super) fn facts(report: &Report) -> Vec<Fact> {
    let stats = report.statistics.stats();
    let mut facts = Vec::new();
    if let Some(storage) = &report.storage {
        facts.push(("storage", Phrase::name(storage)));
    }
    facts.extend(stats.into_iter().flat_map(cache));
    facts.extend(report.bundle.iter().flat_map(travelled));
    let version = stats.map(|stats| stats.version.as_str()).filter(|version| !version.is_empty());
    if let Some(version) = version.or(report.sccache_version.as_deref()) {
        facts.push(("sccache version", Phrase::name(version)));
    }
    facts.extend(stats.into_iter().flat_map(counters));
    for (run, of) in report.trend.earlier() {
        let rate = hit_rate(run.hit_rate_percent());
        let lookups = counted(run.hits.saturating_add(run.misses), "look-up");
        facts
            .push((of, format!("{rate} hit rate of {lookups}, {} compiling", time(run.compile_secs)).into()));
    }
    let Report { overhead, .. } = report;
    if overhead.pre_ms > 0 || overhead.post_ms > 0 {
        let [pre, post] = [overhead.pre_ms, overhead.post_ms].map(time_of_ms);
        facts.push(("overhead", format!("{pre} before the build, {post} after it").into()));
    }
    if let Some(command) = &report.command {
        let ended = format!(" ended with exit code {} after {}", command.code, time_of_ms(command.took_ms));
        facts.push(("command", Phrase::foreign(&command.command).then(ended)));
    }
    facts
}

/// What travelled before the build and after it.
fn travelled(bundle: &BundleTraffic) -> Vec<Fact> {
    let transfer = |bytes, requests, took_ms| {
        format!("{} with {} in {}", Bytes(bytes), counted(requests, "request"), time_of_ms(took_ms))
    };
    let mut facts: Vec<Fact> = Vec::new();
    if let Some(restored) = &bundle.restored {
        let transfer = transfer(restored.received_bytes, restored.requests, restored.took_ms);
        facts.push((
            "bundle restored",
            match &restored.key {
                Some(key) => {
                    let objects = counted(restored.objects, "object");
                    let layers = counted(restored.layers, "layer");
                    joined(format!("{objects} of {layers}, {transfer}; "), Phrase::name(key))
                }
                None if restored.troubles.is_empty() => "nothing was stored yet".into(),
                None => "nothing".into(),
            },
        ));
    }
    if let Some(saved) = &bundle.saved {
        facts.push((
            "bundle saved",
            match (&saved.key, &saved.reason) {
                (Some(_), _) => format!(
                    "{} new, {} used, {} dropped; {}; {} in force",
                    count(saved.new),
                    count(saved.used),
                    count(saved.dropped),
                    transfer(saved.sent_bytes, saved.requests, saved.took_ms),
                    counted(saved.layers, "layer"),
                )
                .into(),
                (None, Some(reason)) => joined("nothing: ".into(), Phrase::foreign(reason)),
                (None, None) => "nothing".into(),
            },
        ));
    }
    facts
}

fn joined(first: String, then: Phrase) -> Phrase {
    let mut phrase = Phrase::from(first);
    phrase.0.extend(then.0);
    phrase
}

fn cache(stats: &Stats) -> Vec<Fact> {
    let mut facts = Vec::new();
    if !stats.cache_location.is_empty() {
        facts.push(("cache location", Phrase::foreign(&stats.cache_location)));
    }
    match (stats.cache_size_bytes, stats.max_cache_size_bytes) {
        (Some(size), Some(limit)) if limit > 0 => {
            #[expect(clippy::cast_precision_loss, reason = "shown with one digit behind the point")]
            let share = percent(size as f64 / limit as f64 * 100.0);
            facts.push(("cache size", format!("{} of {} ({share})", Bytes(size), Bytes(limit)).into()));
        }
        (Some(size), _) => facts.push(("cache size", Bytes(size).to_string().into())),
        (None, Some(limit)) => {
            facts.push(("cache size", format!("not known, limit {}", Bytes(limit)).into()))
        }
        (None, None) => {}
    }
    if is_read_only(stats) {
        facts.push(("cache mode", "read-only: nothing new is stored".into()));
    }
    facts
}

fn counters(stats: &Stats) -> Vec<Fact> {
    let mut facts: Vec<Fact> = Vec::new();
    let client_side = stats.compile_requests == 0 && stats.requests_executed > 0;
    let requests = if client_side {
        format!("{} (counted by the clients)", count(stats.requests_executed))
    } else {
        count(stats.compile_requests)
    };
    facts.push(("compile requests", requests.into()));
    for (label, number) in [
        ("non-cacheable calls", stats.requests_not_cacheable),
        ("calls without a compilation", stats.requests_not_compile),
        ("calls of unknown compilers", stats.requests_unsupported_compiler),
        ("forced recaches", stats.forced_recaches),
        ("compilations", stats.compilations),
        ("failed compilations", stats.compile_fails),
        ("compiled, then not cacheable", stats.non_cacheable_compilations),
    ] {
        if number > 0 {
            facts.push((label, count(number).into()));
        }
    }
    facts.push(("cache writes", {
        let verb = if is_read_only(stats) { "not stored" } else { "failed" };
        failing(stats.writes, stats.write_errors, verb)
    }));
    let errors = match (stats.errors_total(), stats.read_errors_at_least()) {
        (0, _) => "0".into(),
        (errors, 0) => format!("{}, failing preprocessor runs included", count(errors)),
        (errors, reads) => {
            format!("{}, of these at least {}", count(errors), counted(reads, "failed cache read"))
        }
    };
    facts.push(("cache errors", errors.into()));
    if stats.timeouts > 0 {
        facts.push(("cache look-ups timed out", count(stats.timeouts).into()));
    }
    let distributed = sum(&stats.dist_compiles);
    if distributed > 0 || stats.dist_errors > 0 {
        facts.push(("distributed compilations", failing(distributed, stats.dist_errors, "failed")));
    }
    let times = [
        (stats.compile_duration, "compiling"),
        (stats.read_hit_duration, "reading hits"),
        (stats.write_duration, "writing"),
    ];
    let spent: Vec<String> = times
        .iter()
        .filter(|(duration, _)| !duration.is_zero())
        .map(|(duration, what)| format!("{} {what}", time(duration.as_secs_f64())))
        .collect();
    if !spent.is_empty() {
        facts.push(("time spent", spent.join(", ").into()));
    }
    facts
}

fn failing(done: u64, failed: u64, verb: &str) -> Phrase {
    if failed == 0 { count(done).into() } else { format!("{}, {} {verb}", count(done), count(failed)).into() }
}

/// How the estimate of compile time saved came about, or why there is none; `None` when there is nothing to save.
pub(super) fn estimate(saved: Option<&Saved>, stats: &Stats) -> Option<Vec<String>> {
    if stats.hits_total() == 0 {
        return None;
    }
    let Some(saved) = saved else {
        return Some(vec![
            "There is no estimate: sccache ran no compiler in this job, and the cache carries no average of earlier \
             jobs, so it is not known how long a compilation would have taken."
                .into(),
        ]);
    };
    let of = if saved.from_earlier_jobs { "this job and earlier ones on this cache" } else { "this job" };
    let Saved { secs, average_compile_secs, .. } = saved;
    let read_secs = stats.read_hit_duration.as_secs_f64();
    let hits = counted(stats.hits_total(), "hit");
    // As exact as the headline, which gives short times in milliseconds.
    let digits = if *secs < 10.0 { 3 } else { 1 };
    Some(vec![
        "Compile time saved = cache hits × average compile time − time spent reading hits, and never below 0.".into(),
        format!("Here: {hits} × {average_compile_secs:.3} s − {read_secs:.3} s = {secs:.digits$} s."),
        format!("The average is taken from {} of {of}.", counted(saved.compilations, "compilation")),
        "It is an estimate of the compilers' own time: with several at once, the build gets shorter by less.".into(),
    ])
}
