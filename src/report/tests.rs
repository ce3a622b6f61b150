//! The surfaces as whole texts, and what must hold for any text that others wrote.

mod programs;

use std::fmt::Write;

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::samples::{self, HOSTILE, counts, idle, known};
use super::{FINDINGS_PAGE, Format, Report, SUMMARY_LIMIT_BYTES};
use crate::error::Lines;
use crate::stats::{Counts, Statistics, Stats};

fn snapshot(format: Format, surface: &str) {
    for (case, report) in samples::all() {
        snapshot_of(&format!("{surface}_{case}"), &format.renderer().render(&report));
    }
}

fn snapshot_of(name: &str, rendered: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, rendered));
}

#[test]
fn markdown_says_it_all() {
    snapshot(Format::Markdown, "markdown");
}

#[test]
fn text_says_it_all() {
    snapshot(Format::Text, "text");
}

#[test]
fn json_says_it_all_and_is_a_report_again() {
    for (case, report) in samples::all() {
        let json = Format::Json.renderer().render(&report);
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report, "{case}");
        assert!(json.starts_with("{\n  \"schema\": 1,\n  \"verdict\": \""), "{case}");
    }
    // Those that differ in shape; `.ci/run` holds them to the published schema.
    for case in ["mixed", "in_full", "hostile", "no_server_failed", "server_lost", "server_lost_last_seen"] {
        let report = samples::all().into_iter().find(|(name, _)| *name == case).unwrap().1;
        snapshot_of(&format!("json_{case}"), &Format::Json.renderer().render(&report));
    }
}

/// What a Markdown parser makes of a summary.
#[derive(Debug, Default, PartialEq)]
struct Parsed {
    /// Cells of each row, row by row, heads included, table by table.
    tables: Vec<Vec<Vec<String>>>,
    /// Links other than to our findings, images, and HTML other than our folds.
    foreign: Vec<String>,
    /// Folds opened less folds closed; never negative on the way.
    folds: i64,
}

fn parse(markdown: &str) -> Parsed {
    let mut parsed = Parsed::default();
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        match event {
            Event::Start(Tag::Table(_)) => parsed.tables.push(Vec::new()),
            Event::Start(Tag::TableHead | Tag::TableRow) => {
                parsed.tables.last_mut().unwrap().push(Vec::new())
            }
            Event::Start(Tag::TableCell) => {
                parsed.tables.last_mut().unwrap().last_mut().unwrap().push(String::new())
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let id = dest_url.strip_prefix(FINDINGS_PAGE);
                if !id.is_some_and(|id| super::finding_ids().contains(&id)) {
                    parsed.foreign.push(dest_url.into_string());
                }
            }
            Event::Text(words) | Event::Code(words) => {
                let cell = parsed
                    .tables
                    .last_mut()
                    .and_then(|table| table.last_mut())
                    .and_then(|row| row.last_mut());
                if let Some(cell) = cell {
                    cell.push_str(&words);
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                for tag in html.lines() {
                    match tag {
                        "</details>" => parsed.folds -= 1,
                        _ if tag.starts_with("<details><summary>") && tag.ends_with("</summary>") => {
                            parsed.folds += 1
                        }
                        _ => parsed.foreign.push(tag.to_owned()),
                    }
                    assert!(parsed.folds >= 0, "{markdown}");
                }
            }
            Event::End(TagEnd::Table) => {}
            _ => {}
        }
    }
    parsed
}

/// Nothing foreign acts: every table is whole, nothing but our folds is HTML, and the raw JSON can be read.
fn assert_harmless(report: &Report) {
    let markdown = Format::Markdown.renderer().render(report);
    assert!(markdown.len() < SUMMARY_LIMIT_BYTES);
    assert!(!markdown.chars().any(|c| c.is_control() && c != '\n'), "{markdown:?}");
    let parsed = parse(&markdown);
    assert_eq!((&parsed.foreign, parsed.folds), (&Vec::new(), 0), "{markdown}");
    for row in parsed.tables.iter().flat_map(|table| table.iter().map(move |row| (table, row))) {
        assert_eq!(row.0[0].len(), row.1.len(), "{markdown}");
    }
    if let Some(stats) = report.statistics.stats() {
        let languages = stats.languages().count();
        let reasons = stats.not_cached.len();
        let rows: Vec<usize> = parsed.tables.iter().map(|table| table.len() - 1).collect();
        let total = usize::from(languages > 1);
        let expected = [(languages > 0).then_some(languages + total), (reasons > 0).then_some(reasons)];
        let expected: Vec<usize> = expected.into_iter().flatten().collect();
        assert_eq!(rows[..expected.len()], expected, "{markdown}");
    }
    assert_quiet(report);
    programs::assert_readable(report);
}

/// No line of the log is a command, too wide, or holds anything that acts.
fn assert_quiet(report: &Report) {
    for line in Format::Text.renderer().render(report).lines() {
        assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{line}");
        assert!(line.chars().count() <= 101, "{line}");
        assert!(!line.chars().any(super::escape::acts), "{line}");
    }
    let json = Format::Json.renderer().render(report);
    assert!(!json.contains("##[") && !json.chars().any(|c| c != '\n' && super::escape::acts(c)), "{json}");
    assert_eq!(&serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn no_sample_acts_on_any_surface() {
    for (_, report) in samples::all() {
        assert_harmless(&report);
    }
}

#[test]
fn forty_languages_are_shown_in_full() {
    let names: Vec<String> = (0..40).map(|number| format!("Language {number}")).collect();
    let hits: Counts = names.iter().map(|name| (name.clone(), 7)).collect();
    let report = known(Stats { hits, ..idle() }, None);
    assert_harmless(&report);
    let markdown = Format::Markdown.renderer().render(&report);
    assert!(names.iter().all(|name| markdown.contains(&format!("| {name} |"))));
}

#[test]
fn a_summary_above_the_limit_is_cut_and_stays_whole() {
    let reasons = |number: u32, length: usize| -> Counts {
        (0..number).map(|at| (format!("{at} {}", HOSTILE.repeat(length)), u64::from(at))).collect()
    };
    let cut = "The report as JSON is left out here: it exceeds GitHub's limit for a summary.";
    for (number, length, rows, more) in
        [(2_000, 5, 2_000, None), (100_000, 1, 1_000, Some("… and 99,000 more"))]
    {
        let not_cached = reasons(number, length);
        let report = known(Stats { not_cached, ..samples::mixed() }, None);
        let markdown = Format::Markdown.renderer().render(&report);
        assert!(markdown.len() < SUMMARY_LIMIT_BYTES && markdown.contains(cut), "{number} x {length}");
        let parsed = parse(&markdown);
        assert_eq!((parsed.foreign, parsed.folds), (vec![], 0));
        assert_eq!(parsed.tables[1].len(), rows + 1);
        assert_eq!(more.map(|words| markdown.contains(words)), more.map(|_| true));
        assert!(Format::Text.renderer().render(&report).lines().count() < 200);
    }
    let long = HOSTILE.repeat(8);
    let lines = Lines { what: long.clone(), cause: long.clone(), help: long.clone() };
    let troubles = Report {
        troubles: vec![lines; 1_000],
        incidents: vec![samples::incident(long); 1_000],
        ..known(Stats { hits: reasons(2_000, 1), not_cached: reasons(2_000, 1), ..samples::mixed() }, None)
    };
    let markdown = Format::Markdown.renderer().render(&troubles);
    assert!(markdown.len() < SUMMARY_LIMIT_BYTES);
    assert_eq!((parse(&markdown).foreign, parse(&markdown).folds), (vec![], 0));
}

#[test]
fn no_estimate_is_explained() {
    let report = known(Stats { hits: counts(&[("Rust", 9)]), compile_requests: 9, ..idle() }, None);
    assert_eq!(report.saved, None);
    for format in [Format::Markdown, Format::Text] {
        assert!(format.renderer().render(&report).contains("There is no estimate: "));
    }
}

/// Any text, and text made of what surfaces are sensitive to.
fn foreign() -> impl Strategy<Value = String> {
    let tokens = proptest::sample::select(vec![
        "|",
        "\\",
        "`",
        "``",
        "\n",
        "\r",
        "\t",
        " ",
        "<",
        ">",
        "&",
        "</details>",
        "<!--",
        "::",
        "##[",
        "#",
        "@a",
        "*",
        "_",
        "[a](b)",
        "http://a.b",
        "\u{1b}[0m",
        "\u{202e}",
        "---",
        "a",
        "-->",
        "~~",
        "::error::",
        "\u{a0}",
        "",
    ]);
    prop_oneof![any::<String>(), proptest::collection::vec(tokens, 0..12).prop_map(|parts| parts.concat())]
}

proptest! {
    #[test]
    fn no_text_that_others_wrote_acts(words in proptest::collection::vec(foreign(), 9), code in any::<u8>()) {
        let mut report = known(Stats {
            hits: counts(&[(&words[0], 1), (&words[1], 2)]),
            not_cached: counts(&[(&words[2], 1), (&words[3], 2)]),
            cache_location: words[4].clone(),
            version: words[5].clone(),
            ..samples::mixed()
        }, None);
        report.storage = Some(words[6].clone());
        report.incidents = vec![samples::incident(words[7].clone())];
        report.troubles = vec![Lines { what: words[8].clone(), cause: words[0].clone(), help: words[1].clone() }];
        report.command = Some(super::CommandEnd { command: words[2].clone(), code, took_ms: 5 });
        assert_harmless(&report);
        report.statistics = Statistics::Lost { how: words[3].clone(), last: None };
        assert_harmless(&report);
        report.statistics = Statistics::NoServer;
        report.failure = Some(words[4].clone());
        assert_harmless(&report);
        prop_assert!(!report.headline().contains('\n'));
    }

    #[test]
    fn a_code_span_shows_what_it_was_given(words in "[ -~]{1,60}") {
        prop_assume!(!words.trim().is_empty() && !words.contains("\\|"));
        let mut table = String::new();
        writeln!(table, "| a |\n| :-- |\n| {} |", super::escape::cell(&super::escape::code_span(&words, 100))).unwrap();
        let parsed = parse(&table);
        prop_assert_eq!(&parsed.tables[0][1][0], &words);
    }
}
