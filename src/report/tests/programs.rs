//! The surfaces that programs read, many jobs as one, and the findings and sums that all of them tell.

use std::collections::BTreeSet;

use proptest::prelude::*;
use regex::Regex;

use super::{parse, snapshot_of};
use crate::environment::Job;
use crate::report::samples::{self, HOSTILE, known};
use crate::report::{Format, Merged, MergedFormat, Part, Report, SUMMARY_LIMIT_BYTES};
use crate::stats::Stats;

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

fn merged() -> Merged {
    let samples = samples::all();
    let of = |case: &str| samples.iter().find(|(name, _)| *name == case).unwrap().1.clone();
    let named = |case: &str, name: &str| {
        let job = Job { name: name.into(), ..Job::default() };
        Part::new(case.into(), Ok(Report { job: Some(job), ..of(case) }))
    };
    Merged::of(vec![
        named("all_hits", "linux"),
        named("mixed", "test"),
        named("read_only", "test"),
        named("hostile", HOSTILE),
        named("nothing_compiled", "windows"),
        named("write_and_read_errors", "macos"),
        Part::new("gone".into(), Err("No such file or directory (os error 2)".into())),
        Part::new(HOSTILE.into(), Err(HOSTILE.into())),
    ])
}

#[test]
fn reports_of_many_jobs_are_one_with_the_worst_first() {
    let merged = merged();
    snapshot_of("merged_text", &merged.render(MergedFormat::Text));
    snapshot_of("merged_markdown", &merged.render(MergedFormat::Markdown));
    snapshot_of("merged_json", &merged.render(MergedFormat::Json));
    let parsed = parse(&merged.render(MergedFormat::Markdown));
    assert_eq!((&parsed.foreign, parsed.folds), (&Vec::new(), 0));
    let jobs = &parsed.tables[0];
    assert_eq!(jobs.len(), 1 + 8 + 1);
    assert!(jobs.iter().all(|row| row.len() == jobs[0].len()));
    let text = merged.render(MergedFormat::Text);
    assert!(!text.contains("##[") && text.lines().all(|line| !line.trim_start().starts_with("::")), "{text}");
    let many: Vec<Part> =
        (0..20_000).map(|at| Part::new(format!("{at} {}", HOSTILE.repeat(2)), Err(HOSTILE.into()))).collect();
    assert!(Merged::of(many).render(MergedFormat::Markdown).len() < SUMMARY_LIMIT_BYTES);
}

#[test]
fn colour_changes_no_word() {
    let codes = Regex::new("\x1b\\[[0-9;]+m").unwrap();
    for (case, report) in samples::all() {
        let coloured = report.coloured();
        assert!(coloured.starts_with("\x1b[1;3"), "{case}");
        assert_eq!(codes.replace_all(&coloured, ""), Format::Text.renderer().render(&report), "{case}");
    }
}

/// What must hold for the surfaces that other programs read, whatever others wrote.
pub(super) fn assert_readable(report: &Report) {
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
        assert!(!value.contains('\n') && !value.chars().any(crate::report::escape::acts), "{name}: {value}");
    }
}

/// What is found in the statistics of a recorded server.
fn found_in_recorded(case: &str) -> BTreeSet<&'static str> {
    let path = format!("{}/tests/fixtures/sccache-stats/{case}.json", env!("CARGO_MANIFEST_DIR"));
    let stats = Stats::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
    crate::report::findings::find(&known(stats, None)).iter().map(|finding| finding.id).collect()
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
