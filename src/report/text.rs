//! A log or a terminal: plain, aligned, no colour, no line that a runner takes for a command.

use super::escape::{log_line, logged, visible};
use super::figures::left_out;
use super::findings::{Finding, Weight};
use super::merge::MergedPage;
use super::page::Page;
use super::phrase::{Align, Phrase, Span, Table};
use super::{Render, Report, Verdict};
use crate::error::Lines;
use crate::incident::Incident;

/// The widest line, in characters.
const WIDTH: usize = 100;
/// The widest column but the last, in characters.
const COLUMN_WIDTH: usize = 40;
/// The most characters of foreign words in a line.
const FOREIGN_CHARS: usize = 500;
/// The most rows of one kind: a log is read, JSON is searched.
const ROWS: usize = 50;

/// A log or a terminal.
pub(super) struct Text;

impl Render for Text {
    fn render(&self, report: &Report) -> String {
        let page = Page::of(report);
        let mut lines = wrapped("", &plain(&page.headline));
        let (wrong, others): (Vec<_>, Vec<_>) =
            page.findings.iter().partition(|finding| finding.weight == Weight::Problem);
        lines.extend(wrong.into_iter().flat_map(finding));
        lines.extend(page.languages.as_ref().map(table).into_iter().flat_map(apart));
        lines.extend(apart(others.into_iter().flat_map(finding).collect()));
        lines.extend(apart(facts(&page)));
        if let Some((summary, reasons)) = &page.reasons {
            lines.extend(apart(vec![summary.clone()]));
            lines.extend(table(reasons));
        }
        if let Some(timeline) = &page.timeline {
            let rows = timeline.sparklines();
            lines.extend(apart(rows.iter().map(|(label, blocks)| format!("{label:6}  {blocks}")).collect()));
        }
        for (summary, units) in &page.units {
            lines.extend(apart(vec![summary.clone()]));
            lines.extend(table(units));
        }
        if let Some(estimate) = &page.estimate {
            lines.extend(apart(wrapped("", &estimate.join(" "))));
        }
        lines.extend(apart(incidents(page.incidents)));
        for Lines { what, cause, help } in page.troubles.iter().take(ROWS) {
            let parts = [("warning: ", what), ("cause:   ", cause), ("help:    ", help)];
            let told = parts.iter().flat_map(|(label, words)| wrapped(label, &logged(words, FOREIGN_CHARS)));
            lines.extend(apart(told.collect()));
        }
        lines.extend(left_out(page.troubles.len(), ROWS));
        lines.iter().map(|line| format!("{}\n", log_line(line.trim_end()))).collect()
    }
}

/// Many jobs as one text.
pub(super) fn merged(page: &MergedPage) -> String {
    let mut lines = wrapped("", &plain(&page.headline));
    lines.extend(apart(table(&page.jobs)));
    lines.extend(apart(page.findings.as_ref().map(table).unwrap_or_default()));
    lines.iter().map(|line| format!("{}\n", log_line(line.trim_end()))).collect()
}

/// One finding: what and its id, why, what to do.
fn finding(finding: &Finding) -> Vec<String> {
    let Finding { id, weight, what, why, remedy } = finding;
    let label = match weight {
        Weight::Problem => "warning: ",
        Weight::Hint => "hint:    ",
        Weight::Note => "note:    ",
    };
    let mut lines = wrapped(label, &format!("{} [{id}]", plain(what)));
    lines.extend(wrapped("         ", &plain(why)));
    lines.extend(wrapped("  help:  ", &plain(remedy)));
    lines
}

/// The lines after an empty one; nothing for none.
fn apart(lines: Vec<String>) -> Vec<String> {
    if lines.is_empty() { lines } else { std::iter::once(String::new()).chain(lines).collect() }
}

/// The words without dress; foreign ones made visible.
pub(super) fn plain(phrase: &Phrase) -> String {
    let spans = phrase.0.iter().map(|span| match span {
        Span::Plain(words) | Span::Strong(words) => words.clone(),
        Span::Foreign(words) | Span::Name(words) if words.trim().is_empty() => "(empty)".into(),
        Span::Foreign(words) | Span::Name(words) => logged(words, FOREIGN_CHARS),
        Span::Id(id) => (*id).to_owned(),
    });
    spans.collect()
}

fn facts(page: &Page<'_>) -> Vec<String> {
    let widest = page.facts.iter().map(|(label, _)| label.chars().count()).max().unwrap_or_default();
    let rows =
        page.facts.iter().flat_map(|(label, value)| wrapped(&format!("{label:widest$}  "), &plain(value)));
    rows.collect()
}

fn incidents(incidents: &[Incident]) -> Vec<String> {
    let mut lines: Vec<String> = incidents
        .iter()
        .take(ROWS)
        .flat_map(|words| wrapped("incident: ", &logged(&words.to_string(), FOREIGN_CHARS)))
        .collect();
    lines.extend(left_out(incidents.len(), ROWS));
    lines
}

fn table(table: &Table) -> Vec<String> {
    let head = table.columns.iter().map(|(head, _)| head.to_lowercase()).collect();
    let cells = |row: &Vec<Phrase>| row.iter().map(plain).collect::<Vec<String>>();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(table.rows.iter().take(ROWS).map(cells))
        .chain(table.total.iter().map(cells))
        .collect();
    let last = table.columns.len() - 1;
    let widths: Vec<usize> = (0..last)
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default().min(COLUMN_WIDTH))
        .collect();
    let last_width = rows.iter().map(|row| row[last].chars().count()).max().unwrap_or_default();
    let mut lines = Vec::new();
    for row in &rows {
        let mut start = String::new();
        for ((words, width), (_, align)) in row.iter().zip(&widths).zip(&table.columns) {
            start.push_str(&aligned(&visible(words, COLUMN_WIDTH - 1), *width, *align));
            start.push_str("  ");
        }
        match table.columns[last].1 {
            Align::Right => lines.push(start + &aligned(&row[last], last_width, Align::Right)),
            Align::Left => lines.extend(wrapped(&start, &row[last])),
        }
    }
    lines.extend(left_out(table.rows.len(), ROWS));
    lines
}

fn aligned(words: &str, width: usize, align: Align) -> String {
    match align {
        Align::Left => format!("{words:<width$}"),
        Align::Right => format!("{words:>width$}"),
    }
}

/// The words after a label, on as many lines as they need, each set under the first.
fn wrapped(label: &str, words: &str) -> Vec<String> {
    let indent = label.chars().count();
    let width = WIDTH.saturating_sub(indent).max(20);
    let mut rows = vec![String::new()];
    for word in words.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        let row = rows.last_mut().expect("there is always a row");
        let used = row.chars().count();
        if used > 0 && used + 1 + word.len() <= width {
            row.push(' ');
            row.extend(&word);
            continue;
        }
        if used > 0 {
            rows.push(String::new());
        }
        while word.len() > width {
            let rest = word.split_off(width);
            rows.last_mut().expect("there is always a row").extend(&word);
            rows.push(String::new());
            word = rest;
        }
        rows.last_mut().expect("there is always a row").extend(&word);
    }
    let blank = " ".repeat(indent);
    rows.iter()
        .enumerate()
        .map(|(at, row)| format!("{}{row}", if at == 0 { label } else { &blank }))
        .collect()
}

/// The text with the verdict and the labels of its findings in colour, for a terminal. Only our own words are
/// dressed, and none is changed.
pub(super) fn coloured(text: &str, verdict: Verdict) -> String {
    let colour = match verdict {
        Verdict::Healthy => "32",
        Verdict::NeedsAttention => "33",
        Verdict::NotUsed => "36",
    };
    let mut dressed = String::new();
    for (at, line) in text.lines().enumerate() {
        let label = [
            ("warning: ", "33"),
            ("hint:    ", "36"),
            ("note:    ", "36"),
            ("  help:  ", "32"),
            ("incident: ", "33"),
        ];
        let label = label.into_iter().find(|(label, _)| line.starts_with(label));
        match label {
            _ if at == 0 => dressed.push_str(&format!("\x1b[1;{colour}m{line}\x1b[0m")),
            Some((label, colour)) => {
                dressed.push_str(&format!("\x1b[{colour}m{label}\x1b[0m{}", &line[label.len()..]));
            }
            None => dressed.push_str(line),
        }
        dressed.push('\n');
    }
    dressed
}
