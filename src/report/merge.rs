//! Many reports as one: a row a job, the worst first, totals, and what was found in how many jobs.

use serde::Serialize;

use super::escape;
use super::figures::{count, counted, hit_rate, time, time_of_ms};
use super::findings::{self, Weight};
use super::phrase::{Align, Phrase, Table};
use super::{Basis, Report, Verdict, markdown, text};
use crate::stats::Stats;

/// A report and what to call its job.
#[derive(Clone, Debug)]
pub struct Part {
    /// The file it was read from, without its directory and ending.
    pub file: String,
    /// The report, or why there is none.
    pub report: Result<Report, String>,
    name: String,
}

impl Part {
    /// One job.
    #[must_use]
    pub fn new(file: String, report: Result<Report, String>) -> Self {
        Self { name: file.clone(), file, report }
    }
}

/// Many reports as one.
#[derive(Clone, Debug)]
pub struct Merged {
    parts: Vec<Part>,
}

/// A surface that a merged report is rendered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergedFormat {
    /// A log or a terminal.
    Text,
    /// GitHub's job summary, or a comment.
    Markdown,
    /// Programs.
    Json,
}

/// What a merged report says, before a surface dresses it.
pub(super) struct MergedPage {
    pub(super) verdict: Verdict,
    pub(super) headline: Phrase,
    pub(super) jobs: Table,
    pub(super) findings: Option<Table>,
}

#[derive(Serialize)]
struct Totals {
    jobs: usize,
    healthy: usize,
    needs_attention: usize,
    not_used: usize,
    unreadable: usize,
    hits: u64,
    misses: u64,
    errors: u64,
    hit_rate_percent: Option<f64>,
    saved_seconds: f64,
    overhead_ms: u64,
}

#[derive(Serialize)]
struct Row<'a> {
    name: String,
    file: &'a str,
    unreadable: Option<&'a str>,
    verdict: Option<Verdict>,
    basis: Option<Basis>,
    headline: Option<String>,
    hit_rate_percent: Option<f64>,
    hits: Option<u64>,
    misses: Option<u64>,
    errors: Option<u64>,
    saved_seconds: Option<f64>,
    overhead_ms: Option<u64>,
    findings: Vec<&'static str>,
}

#[derive(Serialize)]
struct Document<'a> {
    schema: u64,
    verdict: Verdict,
    headline: String,
    totals: Totals,
    jobs: Vec<Row<'a>>,
}

impl Merged {
    /// Puts reports together, the worst first.
    #[must_use]
    pub fn of(mut parts: Vec<Part>) -> Self {
        // Where a host has one name for all jobs of a matrix, only the files tell them apart.
        let names: Vec<String> = parts.iter().map(job_name).collect();
        for (part, name) in parts.iter_mut().zip(&names) {
            if !name.is_empty() && names.iter().filter(|other| *other == name).count() == 1 {
                part.name.clone_from(name);
            }
        }
        // What could not be read may hide anything; then what needs attention, then what was not used; a lower hit
        // rate before a higher one.
        let rank = |part: &Part| match part.report.as_ref().map(Report::verdict) {
            Err(_) => 0,
            Ok(Verdict::NeedsAttention) => 1,
            Ok(Verdict::NotUsed) => 2,
            Ok(Verdict::Healthy) => 3,
        };
        let rate = |part: &Part| stats(part).and_then(Stats::hit_rate_percent).unwrap_or(100.0);
        parts.sort_by(|a, b| {
            rank(a)
                .cmp(&rank(b))
                .then(rate(a).total_cmp(&rate(b)))
                .then_with(|| (&a.name, &a.file).cmp(&(&b.name, &b.file)))
        });
        Self { parts }
    }

    /// Renders it.
    #[must_use]
    pub fn render(&self, format: MergedFormat) -> String {
        match format {
            MergedFormat::Text => text::merged(&self.page()),
            MergedFormat::Markdown => markdown::merged(&self.page()),
            MergedFormat::Json => self.json(),
        }
    }

    fn totals(&self) -> Totals {
        let reports = || self.parts.iter().filter_map(|part| part.report.as_ref().ok());
        let of = |verdict| reports().filter(|report| report.verdict() == verdict).count();
        let mut sum = Stats::default();
        self.parts.iter().filter_map(stats).for_each(|stats| sum.add(stats));
        Totals {
            jobs: self.parts.len(),
            healthy: of(Verdict::Healthy),
            needs_attention: of(Verdict::NeedsAttention),
            not_used: of(Verdict::NotUsed),
            unreadable: self.parts.iter().filter(|part| part.report.is_err()).count(),
            hits: sum.hits_total(),
            misses: sum.misses_total(),
            errors: sum.errors_total(),
            hit_rate_percent: sum.hit_rate_percent(),
            saved_seconds: reports().filter_map(saved_secs).sum(),
            overhead_ms: reports().map(overhead_ms).fold(0, u64::saturating_add),
        }
    }

    fn verdict(totals: &Totals) -> Verdict {
        if totals.needs_attention > 0 || totals.unreadable > 0 {
            Verdict::NeedsAttention
        } else if totals.healthy > 0 {
            Verdict::Healthy
        } else {
            Verdict::NotUsed
        }
    }

    fn headline(totals: &Totals) -> Phrase {
        let jobs = u64::try_from(totals.jobs).unwrap_or(u64::MAX);
        let lookups = totals.hits.saturating_add(totals.misses);
        let mut line = Phrase::strong(format!("sccache: {} hit rate", hit_rate(totals.hit_rate_percent)))
            .then(format!(
                " in {} · {} of {} from cache",
                counted(jobs, "job"),
                count(totals.hits),
                count(lookups)
            ));
        if totals.saved_seconds > 0.0 {
            line = line.then(format!(" · about {} of compile time saved", time(totals.saved_seconds)));
        }
        line = line.then(" · ").and(&Phrase::strong(Self::verdict(totals).words()));
        let parts: Vec<String> = [
            (totals.needs_attention, "with problems"),
            (totals.not_used, "without use of the cache"),
            (totals.unreadable, "without a readable report"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, what)| format!("{} {what}", count(u64::try_from(number).unwrap_or(u64::MAX))))
        .collect();
        if parts.is_empty() { line } else { line.then(format!(": {}", parts.join(", "))) }
    }

    fn page(&self) -> MergedPage {
        let totals = self.totals();
        let number = |number: u64| Phrase::from(count(number));
        let columns = vec![
            ("Job", Align::Left),
            ("Hit rate", Align::Right),
            ("Hits", Align::Right),
            ("Misses", Align::Right),
            ("Saved", Align::Right),
            ("Spent", Align::Right),
            ("Verdict", Align::Left),
        ];
        let rows = self.parts.iter().map(|part| {
            let stats = stats(part);
            let or_none = |words: Option<String>| Phrase::from(words.unwrap_or_else(|| "n/a".into()));
            let report = part.report.as_ref().ok();
            vec![
                Phrase::name(&part.name),
                Phrase::from(hit_rate(stats.and_then(Stats::hit_rate_percent))),
                or_none(stats.map(|stats| count(stats.hits_total()))),
                or_none(stats.map(|stats| count(stats.misses_total()))),
                or_none(report.and_then(saved_secs).map(time)),
                or_none(report.map(|report| time_of_ms(overhead_ms(report)))),
                match &part.report {
                    Err(why) => Phrase::strong("no report").then(": ").then_foreign(why),
                    Ok(report) => judged(report),
                },
            ]
        });
        let total = vec![
            "Total".into(),
            hit_rate(totals.hit_rate_percent).into(),
            number(totals.hits),
            number(totals.misses),
            time(totals.saved_seconds).into(),
            time_of_ms(totals.overhead_ms).into(),
            Self::verdict(&totals).words().into(),
        ];
        MergedPage {
            verdict: Self::verdict(&totals),
            headline: Self::headline(&totals),
            jobs: Table { columns, rows: rows.collect(), total: Some(total) },
            findings: self.findings(),
        }
    }

    /// What was found, with the jobs it was found in.
    fn findings(&self) -> Option<Table> {
        let mut found: Vec<(findings::Finding, Vec<&Part>)> = Vec::new();
        for part in &self.parts {
            let Ok(report) = &part.report else { continue };
            for finding in findings::find(report).into_iter().filter(|finding| finding.weight != Weight::Note)
            {
                match found.iter_mut().find(|(other, _)| other.id == finding.id) {
                    Some((other, parts)) => {
                        other.weight = other.weight.min(finding.weight);
                        parts.push(part);
                    }
                    None => found.push((finding, vec![part])),
                }
            }
        }
        found.sort_by_key(|(finding, parts)| (finding.weight, std::cmp::Reverse(parts.len())));
        let rows: Vec<Vec<Phrase>> = found
            .into_iter()
            .map(|(finding, parts)| {
                let jobs = u64::try_from(parts.len()).unwrap_or(u64::MAX);
                vec![Phrase::id(finding.id), count(jobs).into(), finding.remedy]
            })
            .collect();
        let columns = vec![("Finding", Align::Left), ("Jobs", Align::Right), ("What helps", Align::Left)];
        (!rows.is_empty()).then_some(Table { columns, rows, total: None })
    }

    fn json(&self) -> String {
        let totals = self.totals();
        let jobs = self.parts.iter().map(|part| {
            let report = part.report.as_ref().ok();
            let stats = stats(part);
            Row {
                name: part.name.clone(),
                file: &part.file,
                unreadable: part.report.as_ref().err().map(String::as_str),
                verdict: report.map(Report::verdict),
                basis: report.map(Report::basis),
                headline: report.map(Report::headline),
                hit_rate_percent: stats.and_then(Stats::hit_rate_percent),
                hits: stats.map(Stats::hits_total),
                misses: stats.map(Stats::misses_total),
                errors: stats.map(Stats::errors_total),
                saved_seconds: report.and_then(saved_secs),
                overhead_ms: report.map(overhead_ms),
                findings: report
                    .map(findings::find)
                    .unwrap_or_default()
                    .iter()
                    .map(|found| found.id)
                    .collect(),
            }
        });
        let document = Document {
            schema: super::SCHEMA_VERSION,
            verdict: Self::verdict(&totals),
            headline: text::plain(&Self::headline(&totals)),
            jobs: jobs.collect(),
            totals,
        };
        let json = serde_json::to_string_pretty(&document).expect("a merged report has only string keys");
        escape::json(&json) + "\n"
    }
}

/// The verdict on one job, and why.
fn judged(report: &Report) -> Phrase {
    let verdict = Phrase::from(report.verdict().words());
    match findings::find(report).into_iter().find(|finding| finding.weight == Weight::Problem) {
        Some(finding) => verdict.then(": ").and(&finding.what),
        None => verdict,
    }
}

fn stats(part: &Part) -> Option<&Stats> {
    part.report.as_ref().ok()?.statistics.stats()
}

/// What the host calls the job; empty when it does not say.
fn job_name(part: &Part) -> String {
    let job = part.report.as_ref().ok().and_then(|report| report.job.as_ref());
    job.map_or_else(String::new, |job| job.name.clone())
}

fn saved_secs(report: &Report) -> Option<f64> {
    report.saved.map(|saved| saved.secs)
}

fn overhead_ms(report: &Report) -> u64 {
    report.overhead.pre_ms.saturating_add(report.overhead.post_ms)
}
