//! The surfaces as whole texts, and what must hold for any text that others wrote.

use std::collections::BTreeSet;
use std::fmt::Write;

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

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
    let (_, mixed) = samples::all().swap_remove(1);
    snapshot_of("json_mixed", &Format::Json.renderer().render(&mixed));
}

#[test]
fn every_surface_for_programs_says_it_all() {
    let samples = samples::all();
    let of = |case: &str| &samples.iter().find(|(name, _)| *name == case).unwrap().1;
    for (format, surface) in [
        (Format::OpenMetrics, "openmetrics"),
        (Format::GitLabMetrics, "gitlab_metrics"),
        (Format::Dotenv, "dotenv"),
        (Format::Trace, "trace"),
    ] {
        for case in ["in_full", "hostile", "no_server", "ten_million_requests"] {
            snapshot_of(&format!("{surface}_{case}"), &format.renderer().render(of(case)));
        }
    }
}

/// What must hold for the surfaces that other programs read, whatever others wrote.
fn assert_readable(report: &Report) {
    let dotenv = Format::Dotenv.renderer().render(report);
    let variable = Regex::new("^SCCACHE_[A-Z_]+=[a-z0-9.-]+$").unwrap();
    assert!(dotenv.lines().all(|line| variable.is_match(line)) && dotenv.len() < 5_000, "{dotenv}");
    assert!(dotenv.lines().count() <= 20 && !dotenv.is_empty());
    let metric = Regex::new("^sccache_[a-z_]+ [a-z0-9.%-]+$").unwrap();
    assert!(Format::GitLabMetrics.renderer().render(report).lines().all(|line| metric.is_match(line)));
    let metrics = Format::OpenMetrics.renderer().render(report);
    let sample =
        Regex::new(r#"^[a-z_]+(\{[a-z_]+="([^"\\]|\\.)*"(,[a-z_]+="([^"\\]|\\.)*")*\})? [-+.0-9eE]+$"#)
            .unwrap();
    let comment = Regex::new("^# (TYPE|UNIT|HELP) [a-z_]+ .+$").unwrap();
    for line in metrics.strip_suffix("# EOF\n").unwrap().lines() {
        assert!(sample.is_match(line) || comment.is_match(line), "{line}");
    }
    let series: Vec<&str> = metrics.lines().filter(|line| !line.starts_with('#')).collect();
    let names: BTreeSet<&str> = series.iter().map(|line| line.rsplit_once(' ').unwrap().0).collect();
    assert_eq!(names.len(), series.len(), "a series is given once: {metrics}");
    let trace: serde_json::Value = serde_json::from_str(&Format::Trace.renderer().render(report)).unwrap();
    assert!(trace["traceEvents"].as_array().unwrap().iter().all(|event| event["ph"].is_string()));
    for (name, value) in report.outputs() {
        assert!(!value.contains('\n') && !value.chars().any(super::escape::acts), "{name}: {value}");
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
    assert_readable(report);
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
        incidents: vec![long; 1_000],
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

/// What is found in the statistics of a recorded server.
fn found_in_recorded(case: &str) -> BTreeSet<&'static str> {
    let path = format!("{}/tests/fixtures/sccache-stats/{case}.json", env!("CARGO_MANIFEST_DIR"));
    let stats = Stats::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
    super::findings::find(&known(stats, None)).iter().map(|finding| finding.id).collect()
}

#[test]
fn recorded_servers_have_the_findings_that_their_cases_are_about() {
    for version in ["0.10.0", "0.16.0", "0.19.0"] {
        let found = |case: &str| found_in_recorded(&format!("{version}-{case}"));
        assert!(found("timeout").contains("lookup-timeouts"), "{version}");
        assert!(found("local-corrupt").contains("read-errors"), "{version}");
        assert!(found("local-enospc").contains("write-errors"), "{version}");
        assert!(found("rust-incremental").contains("incremental-on"), "{version}");
        assert!(found("webdav").contains("preprocessor-mode-off"), "{version}");
        assert!(found("empty").contains("wrapper-not-called"), "{version}");
        let zoo = found("notcached-zoo");
        for id in ["several-sources", "response-file", "intermediates-kept", "extra-emit", "rustc-by-hand"] {
            assert!(zoo.contains(id), "{version}: {zoo:?}");
        }
        for case in ["rust-warm", "c-warm"] {
            let others: Vec<&str> = found(case).into_iter().filter(|id| *id != "several-sources").collect();
            assert_eq!(others, Vec::<&str>::new(), "{version}-{case}: what is as it should be is no finding");
        }
    }
    assert!(found_in_recorded("0.19.0-dist").contains("distribution-failed"));
    assert!(found_in_recorded("0.19.0-local-readonly").contains("read-only"));
    assert!(!found_in_recorded("0.16.0-dist").contains("distribution-failed"));
}

/// One number of a report as each surface tells it.
fn told(report: &Report, name: &str) -> Vec<u128> {
    let json: serde_json::Value = serde_json::from_str(&Format::Json.renderer().render(report)).unwrap();
    let metrics = Format::OpenMetrics.renderer().render(report);
    let samples = metrics.lines().filter(|line| line.starts_with(&format!("sccache_{name}_total{{")));
    let dotenv = Format::Dotenv.renderer().render(report);
    let variable = format!("SCCACHE_{}=", name.to_uppercase());
    vec![
        u128::from(json[name].as_u64().unwrap()),
        samples.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u128>().unwrap()).sum(),
        dotenv.lines().find_map(|line| line.strip_prefix(&variable)).unwrap().parse().unwrap(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_report_on_a_job_with_restarts_is_the_sum_of_its_servers(
        servers in proptest::collection::vec(
            proptest::collection::vec((0..3_usize, 0..3_usize, 1..50_u64), 0..12), 1..6),
    ) {
        // Each server counts from 0; what it did is a sequence of events by language.
        let languages = ["Rust", "C/C++", "CUDA"];
        let mut sum = Stats::default();
        let mut expected = [0_u128; 3];
        for events in &servers {
            let mut server = Stats { version: "0.16.0".into(), ..Stats::default() };
            for (kind, language, number) in events {
                let counts = [&mut server.hits, &mut server.misses, &mut server.errors];
                let counts = counts.into_iter().nth(*kind).unwrap();
                *counts.entry(languages[*language].to_owned()).or_default() += number;
                server.compile_requests += number;
                expected[*kind] += u128::from(*number);
            }
            sum.add(&server);
        }
        let report = known(sum, None);
        for (name, expected) in ["hits", "misses", "errors"].into_iter().zip(expected) {
            prop_assert_eq!(told(&report, name), vec![expected; 3], "{}", name);
        }
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
        report.incidents = vec![words[7].clone()];
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
