//! The parsers against every recorded sample, and against anything else.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{Counts, Duration, Stats};

/// Every recorded file with that ending, by its name without it.
fn samples(ending: &str) -> BTreeMap<String, String> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sccache-stats");
    let files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let named = files.filter(|path| path.extension().is_some_and(|found| found == ending));
    named
        .map(|path| {
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect()
}

fn both_forms() -> Vec<(String, Stats, Stats)> {
    let texts = samples("txt");
    let json = samples("json");
    let paired = json.iter().filter_map(|(case, json)| texts.get(case).map(|text| (case, json, text)));
    paired
        .map(|(case, json, text)| {
            (case.clone(), Stats::from_json(json).unwrap(), Stats::from_text(text).unwrap())
        })
        .collect()
}

/// The text rounds averages to 1 ms and sizes to a unit, tells nothing of levels, 0.19 hides the mode, and whether the preprocessor is run is
/// told for a local disk alone.
fn without_rounded_values(mut stats: Stats) -> Stats {
    stats.write_duration = Duration::ZERO;
    stats.read_hit_duration = Duration::ZERO;
    stats.compile_duration = Duration::ZERO;
    stats.cache_size_bytes = None;
    stats.effective_cache_mode = None;
    stats.preprocessor_mode = None;
    stats.levels.clear();
    stats
}

#[test]
fn every_recorded_answer_is_read() {
    for (case, json) in samples("json") {
        let stats = Stats::parse(&json).unwrap_or_else(|error| panic!("{case}: {error:#}"));
        assert_eq!(stats, Stats::from_json(&json).unwrap(), "{case}");
        assert!(case.starts_with(&stats.version), "{case}");
    }
    for (case, text) in samples("txt") {
        let stats = Stats::parse(&text).unwrap_or_else(|error| panic!("{case}: {error:#}"));
        assert!(case.starts_with(&stats.version), "{case}");
    }
}

#[test]
fn text_and_json_of_a_case_agree() {
    let cases = both_forms();
    assert!(cases.len() > 40, "the samples have moved");
    for (case, json, text) in cases {
        assert_eq!(without_rounded_values(text.clone()), without_rounded_values(json.clone()), "{case}");
        let told = text.preprocessor_mode.is_some();
        assert_eq!(text.preprocessor_mode, json.preprocessor_mode.filter(|_| told), "{case}");
        let apart = |text: Duration, json: Duration, count: u64| {
            text.as_secs_f64() - json.as_secs_f64() <= 0.0011 * count as f64
                && json.as_secs_f64() - text.as_secs_f64() <= 0.0011 * count as f64
        };
        assert!(apart(text.compile_duration, json.compile_duration, json.compilations), "{case}");
        assert!(apart(text.write_duration, json.write_duration, json.writes), "{case}");
        assert!(apart(text.read_hit_duration, json.read_hit_duration, json.hits_total()), "{case}");
        match (text.cache_size_bytes, json.cache_size_bytes) {
            (Some(text), Some(json)) => {
                assert!(text.abs_diff(json) * 2 <= 1 << (10 * (json.ilog2() / 10)), "{case}")
            }
            (text, json) => assert_eq!(text, json, "{case}"),
        }
    }
}

#[test]
fn the_summary_of_a_stopping_server_is_read_as_its_statistics() {
    let texts = samples("txt");
    for version in ["0.10.0", "0.16.0", "0.19.0"] {
        let stopped = Stats::parse(&texts[&format!("{version}-stop-server")]).unwrap();
        assert_eq!((stopped.hits_total(), stopped.misses_total()), (4, 5), "{version}");
        assert_eq!(stopped.not_cached, Counts::from([("-E".to_owned(), 2)]), "{version}");
    }
}

#[test]
fn failed_reads_are_told_from_failed_preprocessors() {
    for (case, stats, _) in both_forms() {
        let expected = match case.split_once('-').unwrap() {
            (_, "local-corrupt") | ("0.19.0", "remote-errors") => 3,
            _ => 0,
        };
        assert_eq!(stats.read_errors_at_least(), expected, "{case}");
    }
}

#[test]
fn a_server_without_requests_is_empty_but_one_in_client_side_mode_is_not() {
    for (case, stats, text) in both_forms() {
        let expected = case.ends_with("-empty") || case.ends_with("-noserver");
        assert_eq!((stats.is_empty(), text.is_empty()), (expected, expected), "{case}");
    }
}

#[test]
fn hit_rate_is_hits_of_lookups_and_absent_without_any() {
    let json = samples("json");
    let rate = |case: &str| Stats::from_json(&json[case]).unwrap().hit_rate_percent();
    assert_eq!(rate("0.19.0-empty"), None);
    assert_eq!(rate("0.19.0-c-cold"), Some(0.0));
    assert_eq!(rate("0.16.0-multilevel-warm"), Some(100.0));
    let huge =
        Stats { hits: Counts::from([("a".into(), u64::MAX), ("b".into(), u64::MAX)]), ..Stats::default() };
    assert_eq!((huge.hits_total(), huge.hit_rate_percent()), (u64::MAX, Some(100.0)));
}

#[test]
fn an_old_answer_without_newer_fields_is_read() {
    let json = r#"{"stats":{"compile_requests":3,"requests_executed":3,"cache_misses":{"counts":{"Rust":3}},
        "compiler_write_duration":{"secs":6,"nanos":0},"field_of_the_future":{"a":[1]}},
        "cache_location":"redis, name: redis://u:secret@h, prefix: /","cache_size":null,"max_cache_size":null}"#;
    let stats = Stats::from_json(json).unwrap();
    assert_eq!((stats.compilations, stats.misses_total(), stats.compile_duration.as_secs()), (3, 3, 6));
    assert_eq!(stats.cache_location, "redis, name: redis://***@h, prefix: /");
    assert_eq!((stats.cache_size_bytes, stats.version.as_str()), (None, ""));
}

#[test]
fn anything_else_is_an_error_that_says_why() {
    let why = |answer: &str| format!("{:#}", Stats::parse(answer).unwrap_err());
    let no_row = "this is not sccache's statistics: it has no `Compile requests` row";
    assert_eq!(why(""), no_row);
    assert_eq!(why("sccache: error: failed to get stats from server"), no_row);
    assert_eq!(why("[]"), no_row);
    let no_counters = "this is not sccache's statistics in JSON: missing field `stats` at line 1 column 2";
    assert_eq!(why("{}"), no_counters);
    assert!(why(r#"{"stats":{}}"#).contains("missing field `compile_requests`"));
    assert!(why(r#"{"stats":{"compile_requests":-1}}"#).contains("invalid value: integer `-1`"));
}

#[test]
fn a_second_server_on_another_storage_replaces_location_and_sizes() {
    let disk =
        Stats { cache_location: "Local disk: \"/a\"".into(), cache_size_bytes: Some(5), ..Stats::default() };
    let remote = Stats {
        cache_location: "ghac, name: v, prefix: /".into(),
        version: "0.16.0".into(),
        ..Stats::default()
    };
    let mut sum = disk.clone();
    sum.add(&remote);
    assert_eq!((sum.cache_location.as_str(), sum.cache_size_bytes), ("ghac, name: v, prefix: /", None));
    sum.add(&Stats::default());
    assert_eq!((sum.cache_location.as_str(), sum.version.as_str()), ("ghac, name: v, prefix: /", "0.16.0"));
    let mut again = disk.clone();
    again.add(&Stats { cache_size_bytes: None, ..disk.clone() });
    assert_eq!(again.cache_size_bytes, Some(5));
}

fn counts() -> impl Strategy<Value = Counts> {
    proptest::collection::btree_map("[A-D]", prop_oneof![0..1000_u64, Just(u64::MAX)], 0..4)
}

prop_compose! {
    fn server()(
        numbers in proptest::collection::vec(prop_oneof![0..1000_u64, Just(u64::MAX)], 4),
        secs in 0..1_000_000_u64,
        hits in counts(), misses in counts(), not_cached in counts(),
    ) -> Stats {
        Stats {
            compile_requests: numbers[0],
            writes: numbers[1],
            write_errors: numbers[2],
            dist_errors: numbers[3],
            compile_duration: Duration::from_secs(secs),
            hits, misses, not_cached,
            ..Stats::default()
        }
    }
}

fn saturated(values: impl Iterator<Item = u64>) -> u64 {
    u64::try_from(values.map(u128::from).sum::<u128>()).unwrap_or(u64::MAX)
}

proptest! {
    #[test]
    fn no_string_makes_a_parser_panic(answer in any::<String>(), row in "(Compile requests|Cache size|Average compiler) .*") {
        let _ = Stats::parse(&answer);
        let _ = Stats::from_text(&format!("Compile requests 1\n{row}\n{answer}"));
    }

    #[test]
    fn no_damaged_sample_makes_a_parser_panic(
        pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), length in 0..40_usize, junk in "\\PC{0,20}",
    ) {
        let all: Vec<String> = samples("json").into_values().chain(samples("txt").into_values()).collect();
        let sample = pick.get(&all);
        let start = sample.floor_char_boundary(at.index(sample.len()));
        let end = sample.floor_char_boundary((start + length).min(sample.len())).max(start);
        let damaged = format!("{}{junk}{}", &sample[..start], &sample[end..]);
        if let Ok(stats) = Stats::parse(&damaged) {
            let _ = (stats.hit_rate_percent(), stats.read_errors_at_least(), stats.languages().count());
        }
    }

    #[test]
    fn the_sum_of_servers_is_the_sum_of_each_counter(servers in proptest::collection::vec(server(), 0..5)) {
        let mut added = Stats::default();
        servers.iter().for_each(|server| added.add(server));
        prop_assert_eq!(added.compile_requests, saturated(servers.iter().map(|s| s.compile_requests)));
        prop_assert_eq!(added.writes, saturated(servers.iter().map(|s| s.writes)));
        prop_assert_eq!(added.write_errors, saturated(servers.iter().map(|s| s.write_errors)));
        prop_assert_eq!(added.dist_errors, saturated(servers.iter().map(|s| s.dist_errors)));
        prop_assert_eq!(added.compile_duration.as_secs(), servers.iter().map(|s| s.compile_duration.as_secs()).sum::<u64>());
        for language in ["A", "B", "C", "D"] {
            let of = |counts: &Counts| counts.get(language).copied().unwrap_or_default();
            prop_assert_eq!(of(&added.hits), saturated(servers.iter().map(|s| of(&s.hits))));
            prop_assert_eq!(of(&added.misses), saturated(servers.iter().map(|s| of(&s.misses))));
            prop_assert_eq!(of(&added.not_cached), saturated(servers.iter().map(|s| of(&s.not_cached))));
        }
    }

    #[test]
    fn every_counter_is_summed(count in 1..1000_u64) {
        let number = serde_json::json!(count);
        let mut value = serde_json::to_value(Stats::default()).unwrap();
        for (name, field) in value.as_object_mut().unwrap() {
            if field.is_u64() && !name.ends_with("_bytes") { *field = number.clone(); }
            if name.ends_with("_duration") { field["secs"] = number.clone(); }
            if field.as_object().is_some_and(serde_json::Map::is_empty) { field["x"] = number.clone(); }
        }
        let one: Stats = serde_json::from_value(value).unwrap();
        let mut two = one.clone();
        two.add(&one);
        let twice = serde_json::to_string(&one).unwrap().replace(&format!(":{count}"), &format!(":{}", 2 * count));
        prop_assert_eq!(serde_json::to_string(&two).unwrap(), twice);
    }
}
