//! GitHub's job summary: GitHub-flavoured Markdown, details folded, below GitHub's size limit.

use super::escape::{cell, code_span, fenced, is_tame, visible};
use super::findings::{Finding, Weight};
use super::merge::MergedPage;
use super::page::Page;
use super::phrase::{Align, Phrase, Span, Table};
use super::verdict::Verdict;
use super::{Format, Render, Report, SUMMARY_LIMIT_BYTES};
use crate::error::Lines;
use crate::incident::Incident;

/// The most characters of foreign words in a line, and in a table cell.
const LINE_CHARS: usize = 500;
const CELL_CHARS: usize = 120;

/// GitHub's job summary.
pub(super) struct Markdown;

/// How much is left out to stay below the limit.
#[derive(Clone, Copy)]
struct Cut {
    raw_json: RawJson,
    rows: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum RawJson {
    Shown,
    LeftOut,
}

/// From nothing left out to a summary that is below the limit whatever it holds.
const CUTS: [Cut; 5] = [
    Cut { raw_json: RawJson::Shown, rows: usize::MAX },
    Cut { raw_json: RawJson::LeftOut, rows: usize::MAX },
    Cut { raw_json: RawJson::LeftOut, rows: 1000 },
    Cut { raw_json: RawJson::LeftOut, rows: 100 },
    Cut { raw_json: RawJson::LeftOut, rows: 20 },
];

impl Render for Markdown {
    fn render(&self, report: &Report) -> String {
        let page = Page::of(report);
        let mut summary = String::new();
        for cut in CUTS {
            summary = render(report, &page, cut);
            if summary.len() < SUMMARY_LIMIT_BYTES {
                break;
            }
        }
        summary
    }
}

fn render(report: &Report, page: &Page<'_>, cut: Cut) -> String {
    let mut blocks = vec![first_line(report.verdict(), &page.headline)];
    // What is wrong comes before the numbers, what could be better after them.
    let (wrong, others): (Vec<_>, Vec<_>) =
        page.findings.iter().partition(|finding| finding.weight == Weight::Problem);
    let list = |findings: Vec<&Finding>| {
        let list: String = findings.into_iter().map(finding).collect();
        Some(list).filter(|list| !list.is_empty())
    };
    blocks.extend(list(wrong));
    blocks.extend(page.languages.as_ref().map(|languages| table(languages, cut.rows)));
    blocks.extend(page.glance.as_ref().map(|glance| format!("{}\n", line(glance))));
    blocks.extend(list(others));
    if !page.incidents.is_empty() {
        blocks.push(incidents(page.incidents, cut.rows));
    }
    if !page.troubles.is_empty() {
        blocks.push(troubles(page.troubles, cut.rows));
    }
    blocks.extend(page.reasons.as_ref().map(|(summary, reasons)| folded(summary, &table(reasons, cut.rows))));
    if let Some(timeline) = &page.timeline {
        let charts: Vec<String> = timeline.mermaid().iter().map(|chart| fenced("mermaid", chart)).collect();
        blocks.push(folded(&timeline.title(), &charts.join("\n")));
    }
    for (summary, units) in &page.units {
        blocks.push(folded(summary, &table(units, cut.rows)));
    }
    if !page.facts.is_empty() {
        let rows = page.facts.iter().map(|(label, value)| vec![(*label).into(), value.clone()]).collect();
        let columns = vec![("Fact", Align::Left), ("Value", Align::Left)];
        blocks.push(folded(
            "Cache, counters and times",
            &table(&Table { columns, rows, total: None }, cut.rows),
        ));
    }
    if let Some(estimate) = &page.estimate {
        blocks
            .push(folded("How the compile time saved is estimated", &format!("{}\n", estimate.join("\n\n"))));
    }
    blocks.push(match cut.raw_json {
        RawJson::Shown => {
            folded("This report as JSON", &fenced("json", &Format::Json.renderer().render(report)))
        }
        RawJson::LeftOut => {
            "The report as JSON is left out here: it exceeds GitHub's limit for a summary.\n".into()
        }
    });
    blocks.join("\n")
}

fn first_line(verdict: Verdict, headline: &Phrase) -> String {
    let sign = match verdict {
        Verdict::Healthy => "✅",
        Verdict::NeedsAttention => "⚠️",
        Verdict::NotUsed => "⚪",
    };
    format!("{sign} {}\n", line(headline))
}

/// Many jobs as one summary, cut as one job's is.
pub(super) fn merged(page: &MergedPage) -> String {
    let mut summary = String::new();
    for Cut { rows, .. } in CUTS {
        let mut blocks = vec![first_line(page.verdict, &page.headline), table(&page.jobs, rows)];
        blocks.extend(page.findings.as_ref().map(|findings| table(findings, rows)));
        summary = blocks.join("\n");
        if summary.len() < SUMMARY_LIMIT_BYTES {
            break;
        }
    }
    summary
}

/// One finding: what, why, what to do, and its page.
fn finding(finding: &Finding) -> String {
    let Finding { id, weight, what, why, remedy } = finding;
    let sign = match weight {
        Weight::Problem => "⚠️",
        Weight::Hint => "💡",
        Weight::Note => "ℹ️",
    };
    let [what, why, remedy] = [what, why, remedy].map(line);
    format!(
        "- {sign} **{what}**: {why}. *What helps:* {remedy}. ({})\n",
        spans(&Phrase(vec![Span::Id(id)]), 0)
    )
}

/// A block under a heading of our own words, closed until clicked.
fn folded(heading: &str, block: &str) -> String {
    format!("<details><summary>{heading}</summary>\n\n{block}\n</details>\n")
}

fn line(phrase: &Phrase) -> String {
    spans(phrase, LINE_CHARS)
}

fn spans(phrase: &Phrase, limit_chars: usize) -> String {
    let dressed = phrase.0.iter().map(|span| match span {
        Span::Plain(words) => words.clone(),
        Span::Strong(words) => format!("**{words}**"),
        Span::Foreign(words) => code_span(words, limit_chars),
        Span::Name(words) if is_tame(words) => words.clone(),
        Span::Name(words) => code_span(words, limit_chars),
        Span::Id(id) => format!("[`{id}`]({}{id})", super::FINDINGS_PAGE),
    });
    dressed.collect()
}

fn table(table: &Table, limit_rows: usize) -> String {
    let join = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let row = |cells: &[Phrase]| join(cells.iter().map(|phrase| cell(&spans(phrase, CELL_CHARS))).collect());
    let mut shown = join(table.columns.iter().map(|(head, _)| (*head).to_owned()).collect());
    let rule = |align: &Align| match align {
        Align::Left => ":--",
        Align::Right => "--:",
    };
    shown.push_str(&join(table.columns.iter().map(|(_, align)| rule(align).to_owned()).collect()));
    for cells in table.rows.iter().take(limit_rows) {
        shown.push_str(&row(cells));
    }
    if let Some(total) = &table.total {
        shown.push_str(&join(
            total.iter().map(|phrase| format!("**{}**", spans(phrase, CELL_CHARS))).collect(),
        ));
    }
    shown.push_str(&more(table.rows.len(), limit_rows));
    shown
}

/// What stands for rows that are left out; a table ends before the empty line.
fn more(rows: usize, limit_rows: usize) -> String {
    match super::figures::left_out(rows, limit_rows) {
        Some(words) => format!("\n{words}\n"),
        None => String::new(),
    }
}

fn incidents(incidents: &[Incident], limit_rows: usize) -> String {
    let shown: String = incidents
        .iter()
        .take(limit_rows)
        .map(|incident| format!("- {}\n", code_span(&incident.to_string(), LINE_CHARS)))
        .collect();
    format!("**Incidents**\n\n{shown}{}", more(incidents.len(), limit_rows))
}

/// The troubles as the log tells them: in a block nothing in their words can act.
fn troubles(troubles: &[Lines], limit_rows: usize) -> String {
    let told = troubles.iter().take(limit_rows).map(|Lines { what, cause, help }| {
        let [what, cause, help] = [what, cause, help].map(|words| visible(words, LINE_CHARS));
        format!("warning: {what}\ncause:   {cause}\nhelp:    {help}\n")
    });
    let block = fenced("text", &told.collect::<Vec<_>>().join("\n"));
    format!("**Troubles**\n\n{block}{}", more(troubles.len(), limit_rows))
}
