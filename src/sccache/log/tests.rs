//! The reader against every recorded log, and against anything else.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::{read_units, timestamp, unix_ms};
use crate::stats::{Stats, Units};

fn fixtures(directory: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(directory)
}

fn units(log: &str) -> Units {
    read_units(log.as_bytes(), 0).unwrap()
}

fn logs() -> Vec<(String, String)> {
    let files = fs::read_dir(fixtures("sccache-logs")).unwrap().map(|entry| entry.unwrap().path());
    let mut logs: Vec<(String, String)> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .map(|path| {
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    logs.sort();
    assert!(logs.len() > 35, "the samples have moved");
    logs
}

/// The statistics of the server that wrote this log, where they were recorded.
fn stats_of(case: &str) -> Option<Stats> {
    let (version, name) = case.split_once('-').unwrap();
    let name = match name {
        "c" => "c-recache",
        "rust" => "rust-warm",
        // Hits and misses of client-side mode are never logged.
        "clientside" | "idle-shutdown" | "stop-timeout" => return None,
        name => name,
    };
    let text = fs::read_to_string(fixtures("sccache-stats").join(format!("{version}-{name}.json"))).unwrap();
    Some(Stats::from_json(&text).unwrap())
}

#[test]
fn every_recorded_log_tells_the_hits_and_misses_of_its_statistics() {
    for (case, log) in logs() {
        let Some(stats) = stats_of(&case) else { continue };
        let told = units(&log);
        // Its statistics were taken before the last unit, which met a storage that was gone.
        let later = u64::from(case.ends_with("remote-errors"));
        assert_eq!((told.hits, told.misses), (stats.hits_total(), stats.misses_total() + later), "{case}");
        let apart = told.compile_secs - stats.compile_duration.as_secs_f64();
        let limit = later as f64 * 0.1 + 0.001 * (stats.compilations + 1) as f64;
        assert!(apart.abs() <= limit, "{case}: {apart} s");
        let placed: u64 = told.places.iter().map(|place| place.misses).sum();
        assert_eq!(placed, told.misses, "{case}: every miss has its crate or directory");
    }
}

#[test]
fn the_slowest_misses_and_their_crates_are_told() {
    let logs = logs();
    for version in ["0.10.0", "0.16.0", "0.19.0"] {
        let (_, log) = logs.iter().find(|(case, _)| *case == format!("{version}-rust")).unwrap();
        let told = units(log);
        let times: Vec<f64> = told.slowest.iter().map(|unit| unit.compile_secs).collect();
        assert!(times.is_sorted_by(|a, b| a >= b) && times.len() > 5, "{version}: {times:?}");
        let of =
            |name: &str| told.slowest.iter().find(|unit| unit.name == name).map(|unit| unit.place.as_str());
        assert!(of("quote").is_some_and(|place| place.starts_with("quote-1.")), "{version}: {told:#?}");
    }
}

#[test]
fn trouble_with_the_storage_is_told() {
    for (case, log) in logs() {
        let told = units(&log);
        let expected = match case.split_once('-').unwrap().1 {
            "local-corrupt" => 1..=3,
            _ => 0..=0,
        };
        assert!(expected.contains(&told.corrupt), "{case}: {}", told.corrupt);
        match case.split_once('-').unwrap().1 {
            "local-enospc" => assert_eq!(
                told.last_write_error.as_deref(),
                Some("No space left on device (os error 28)"),
                "{case}"
            ),
            "remote-errors" => {
                assert!(told.read_errors > 0, "{case}");
                assert!(told.rate_limits > 0 || log.matches("429").count() == 0, "{case}");
            }
            _ => {}
        }
    }
}

/// The lines of one unit that missed, as sccache 0.16 writes them.
fn missed(name: &str, key: u64, secs: f64) -> String {
    let at = "[2026-11-22T17:22:36Z DEBUG sccache::compiler::compiler]";
    format!(
        "{at} [{name}]: get_cached_or_compile: [\"-c\", \"/w/lib/{name}.c\", \"-o\", \"{name}.o\"]\n\
         {at} [{name}]: Hash key: {key:064x}\n{at} [{name}]: Cache miss in 0.000 s\n\
         {at} [{name}]: Compiled in {secs:.3} s, storing in cache\n"
    )
    .replace(&format!("{key:064x}"), &format!("{key:016x}{:048x}", 0))
}

#[test]
fn a_unit_compiled_again_with_the_same_key_is_told() {
    let log =
        [missed("a.o", 7, 1.0), missed("b.o", 8, 1.0), missed("a.o", 7, 2.0), missed("a.o", 9, 1.0)].concat();
    let told = units(&log);
    assert_eq!(told.repeated.len(), 1, "{told:#?}");
    assert_eq!((told.repeated[0].name.as_str(), told.repeated[0].times), ("a.o", 2));
    assert_eq!(told.places.len(), 1);
    assert_eq!(
        (told.places[0].name.as_str(), told.places[0].misses, told.places[0].compile_secs),
        ("/w/lib", 4, 5.0)
    );
}

#[test]
fn lines_of_an_earlier_job_are_passed_over() {
    let log = missed("a.o", 7, 1.0);
    let at = 1_795_368_156; // 2026-11-22T17:22:36Z
    assert_eq!(timestamp(at), "2026-11-22T17:22:36");
    assert_eq!(read_units(log.as_bytes(), at).unwrap().misses, 1);
    assert_eq!(read_units(log.as_bytes(), at + 1).unwrap().misses, 0);
    assert_eq!(units(&log).slowest[0].ended_unix_ms, at * 1000);
    let with_millis = log.replace("36Z", "36.307Z");
    assert_eq!(read_units(with_millis.as_bytes(), at).unwrap().misses, 1);
    assert_eq!(units(&with_millis).slowest[0].ended_unix_ms, at * 1000 + 307);
    let dates = [
        (0, "1970-01-01T00:00:00"),
        (951_827_696, "2000-02-29T12:34:56"),
        (4_102_444_799, "2099-12-31T23:59:59"),
    ];
    for (secs, shown) in dates {
        assert_eq!((timestamp(secs).as_str(), unix_ms(shown.as_bytes())), (shown, secs * 1000));
    }
}

#[test]
fn memory_is_bounded_whatever_the_log_holds() {
    let mut log = String::new();
    for number in 0..20_000_u64 {
        let name = format!("u{number}");
        writeln!(log, "{}", missed(&name, number, 0.001).replace("/w/lib", &format!("/w/{number}"))).unwrap();
    }
    let told = units(&log);
    assert_eq!((told.misses, told.places.len(), told.slowest.len()), (20_000, 20, 20));
    assert!(told.is_cut);
    let long =
        format!("[2026-11-22T17:22:36Z DEBUG sccache::compiler::compiler] [{}]: x", "n".repeat(3_000_000));
    assert_eq!(units(&format!("{long}\n{}", missed("a.o", 1, 1.0))).misses, 1);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_units(&bytes[..], 0).unwrap();
    }

    #[test]
    fn no_damaged_log_makes_the_reader_panic(
        lines in proptest::collection::vec((0..40_u8, "[ -~]{0,40}", 0..60_usize), 0..60),
    ) {
        let forms = ["get_cached_or_compile: [\"", "Hash key: ", "Cache hit in ", "Cache miss in ", "Cache timed out ",
            "Failed to decompress object", "Compiled in ", "Cache read error: ", "Cache recache in "];
        let mut log = String::new();
        for (form, junk, cut) in lines {
            let form = forms[usize::from(form) % forms.len()];
            let line = format!("[2026-11-22T17:22:36Z DEBUG sccache::compiler::compiler] [a.o]: {form}{junk}");
            writeln!(log, "{}", &line[..line.len().saturating_sub(cut)]).unwrap();
        }
        let told = units(&log);
        prop_assert!(told.slowest.len() <= 20 && told.compile_secs.is_finite());
    }
}
