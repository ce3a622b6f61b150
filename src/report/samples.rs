//! Reports to test with: one for each thing a report can have to say.

use std::time::Duration;

use super::{Report, SCHEMA_VERSION, Saved};
use crate::environment::Job;
use crate::error::Lines;
use crate::incident::Incident;
use crate::outcome::{CommandEnd, Overhead};
use crate::stats::Averages;
use crate::stats::{Counts, Missed, Place, Repeated, Run, Sample, Statistics, Stats, Trend, Units};

/// Text that tries everything a surface could take for more than text.
pub(super) const HOSTILE: &str = "a|b\\|c`d``e</code><img src=x>&amp;\r\n::error::@octocat #1 ##[group]x \u{1b}[31m\
    http://evil.example [x](y) | **bold** \u{202e}";

pub(super) fn counts(counts: &[(&str, u64)]) -> Counts {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// A report of a server that answered.
pub(super) fn known(stats: Stats, earlier: Option<&Averages>) -> Report {
    Report {
        saved: Saved::estimate(&stats, earlier),
        statistics: Statistics::Known { stats: Box::new(stats) },
        ..no_server(None)
    }
}

/// A report without statistics.
pub(super) fn no_server(failure: Option<&str>) -> Report {
    Report {
        schema: SCHEMA_VERSION,
        phase: "post".into(),
        statistics: Statistics::NoServer,
        failure: failure.map(str::to_owned),
        storage: failure.is_none().then(|| "local disk".into()),
        sccache_version: Some("0.16.0".into()),
        saved: None,
        overhead: Overhead { pre_ms: 38, post_ms: 12 },
        min_hit_rate_percent: None,
        incidents: Vec::new(),
        troubles: Vec::new(),
        command: None,
        job: None,
        clues: None,
        units: None,
        trend: Trend::default(),
        samples: Vec::new(),
        bundle: None,
    }
}

/// A server on a local disk that nobody has called.
pub(super) fn idle() -> Stats {
    Stats {
        cache_location: "Local disk: \"/home/ci/.cache/sccache\"".into(),
        max_cache_size_bytes: Some(10 << 30),
        version: "0.16.0".into(),
        ..Stats::default()
    }
}

/// A Cargo workspace with C code in it, most of it cached.
pub(super) fn mixed() -> Stats {
    Stats {
        compile_requests: 87,
        requests_executed: 61,
        requests_not_compile: 9,
        requests_not_cacheable: 17,
        hits: counts(&[("Rust", 41), ("C/C++", 12)]),
        misses: counts(&[("Rust", 1), ("C/C++", 6)]),
        errors: counts(&[("C/C++", 1)]),
        writes: 7,
        compilations: 7,
        compile_duration: Duration::from_millis(9_630),
        read_hit_duration: Duration::from_millis(412),
        write_duration: Duration::from_millis(61),
        not_cached: counts(&[
            ("crate-type", 9),
            ("missing input", 4),
            ("-", 2),
            ("incremental", 1),
            ("-fnew", 1),
        ]),
        cache_size_bytes: Some(418 << 20),
        ..idle()
    }
}

fn all_hits() -> Report {
    let hits = Stats {
        misses: Counts::new(),
        compilations: 0,
        compile_duration: Duration::ZERO,
        writes: 0,
        ..mixed()
    };
    known(
        Stats { requests_executed: 53, errors: Counts::new(), ..hits },
        Some(&Averages { compilations: 212, compile_secs: 301.5 }),
    )
}

fn write_and_read_errors() -> Report {
    let stats = Stats {
        requests_executed: 60,
        errors: counts(&[("C/C++", 3)]),
        writes: 2,
        write_errors: 5,
        timeouts: 2,
        cache_location: "azblob, name: ci-cache, prefix: /main/".into(),
        cache_size_bytes: None,
        max_cache_size_bytes: None,
        ..mixed()
    };
    Report {
        storage: Some("Azure Blob Storage, container ci-cache".into()),
        incidents: vec![Incident {
            at_unix_ms: 1_763_820_191_000,
            what: "the server (pid 4711) was killed by signal 9".into(),
            why: Some(
                "as the kernel does when memory runs out; it had 3,812 MiB resident at the last sample"
                    .into(),
            ),
            cost: Some("a new one was ready after 0.4 s, up to 3 requests not counted".into()),
        }],
        troubles: vec![Lines {
            what: "the summary file `/tmp/summary.md` cannot be written".into(),
            cause: "No space left on device (os error 28)".into(),
            help: "check free space and permissions; the rest of the phase goes on".into(),
        }],
        ..known(stats, None)
    }
}

fn only_non_cacheable() -> Report {
    let stats = Stats {
        compile_requests: 20,
        requests_not_compile: 3,
        requests_not_cacheable: 17,
        not_cached: mixed().not_cached,
        ..idle()
    };
    known(stats, None)
}

/// A report with everything that only a long job has: units, a course, earlier runs.
fn in_full() -> Report {
    let unit = |name: &str, place: &str, compile_secs, at: u64| Missed {
        name: name.into(),
        place: place.into(),
        compile_secs,
        ended_unix_ms: 1_795_368_000_000 + at,
    };
    let units = Units {
        hits: 53,
        misses: 7,
        hit_secs: 0.412,
        compile_secs: 9.63,
        slowest: vec![
            unit("regex_automata", "regex-automata-0.4.13", 4.212, 4_300),
            unit("engine.o", "/home/ci/app/native/engine", 2.9, 5_100),
            unit("app", "app", 1.1, 6_000),
        ],
        places: vec![
            Place { name: "regex-automata-0.4.13".into(), hits: 0, misses: 1, compile_secs: 4.212 },
            Place { name: "/home/ci/app/native/engine".into(), hits: 12, misses: 5, compile_secs: 4.318 },
            Place { name: "app".into(), hits: 3, misses: 1, compile_secs: 1.1 },
        ],
        repeated: vec![Repeated {
            name: "engine.o".into(),
            place: "/home/ci/app/native/engine".into(),
            times: 2,
        }],
        ..Units::default()
    };
    let sample = |number: u64| Sample {
        at_unix_ms: 1_795_368_000_000 + number * 2_000,
        elapsed_ms: number * 2_000,
        pid: 4711,
        hits: [0, 4, 11, 30, 41, 52, 53][usize::try_from(number).unwrap()],
        misses: [0, 0, 1, 3, 4, 5, 7][usize::try_from(number).unwrap()],
        errors: 0,
        requests: number * 14,
        rss_bytes: Some((20 + number * 3) << 20),
        cpu_ms: Some(number * 90),
    };
    let run = |hits, misses, branch: &str, is_default_branch| Run {
        at_unix_ms: 1_795_300_000_000,
        branch: branch.into(),
        is_default_branch,
        hits,
        misses,
        saved_secs: None,
        compile_secs: 31.2,
        sccache_version: "0.16.0".into(),
        workspace: "/home/ci/app".into(),
    };
    Report {
        units: Some(units),
        samples: (0..7).map(sample).collect(),
        trend: Trend {
            same_branch: Some(run(50, 9, "fix", false)),
            default_branch: Some(run(58, 2, "main", true)),
        },
        job: Some(Job {
            host: "github".into(),
            name: "build".into(),
            branch: "fix".into(),
            workspace: "/home/ci/app".into(),
            ..Job::default()
        }),
        ..known(mixed(), None)
    }
}

fn huge() -> Report {
    let stats = Stats {
        compile_requests: 10_000_000,
        requests_executed: 10_000_000,
        hits: counts(&[("C/C++", 9_999_999)]),
        misses: counts(&[("C/C++", 1)]),
        writes: 1,
        compilations: 1,
        compile_duration: Duration::from_secs(4),
        read_hit_duration: Duration::from_secs(8_000),
        cache_size_bytes: Some((10 << 30) - 1),
        ..idle()
    };
    known(stats, None)
}

fn hostile() -> Report {
    let stats = Stats {
        hits: counts(&[(HOSTILE, 3), ("Rust", 1)]),
        not_cached: counts(&[(HOSTILE, 7), ("::warning::x", 1), ("`", 1), ("", 1)]),
        dist_compiles: counts(&[(HOSTILE, 2)]),
        cache_location: format!("Local disk: \"{HOSTILE}\""),
        version: HOSTILE.into(),
        ..mixed()
    };
    let words = || HOSTILE.to_owned();
    let missed = |secs| Missed { name: words(), place: words(), compile_secs: secs, ended_unix_ms: 7 };
    Report {
        units: Some(Units {
            misses: 2,
            slowest: vec![missed(2.0), missed(1.0)],
            places: vec![Place { name: words(), hits: 0, misses: 2, compile_secs: 3.0 }],
            repeated: vec![Repeated { name: words(), place: words(), times: 2 }],
            last_write_error: Some(words()),
            ..Units::default()
        }),
        job: Some(Job { name: words(), branch: words(), workspace: words(), ..Job::default() }),
        storage: Some(words()),
        incidents: vec![incident(words()), incident("x".repeat(2_000))],
        troubles: vec![Lines { what: words(), cause: "```\n```".into(), help: words() }],
        command: Some(CommandEnd { command: words(), code: 137, took_ms: 61_000 }),
        ..known(stats, None)
    }
}

/// Every case by the name of its snapshot.
pub(super) fn all() -> Vec<(&'static str, Report)> {
    let lost = |last: Option<Stats>| Report {
        statistics: Statistics::Lost { how: "killed by signal 9 (SIGKILL)".into(), last: last.map(Box::new) },
        ..no_server(None)
    };
    vec![
        ("all_hits", all_hits()),
        ("mixed", known(mixed(), None)),
        ("first_run", known(Stats { hits: Counts::new(), ..mixed() }, None)),
        ("below_minimum", Report { min_hit_rate_percent: Some(95.0), ..known(mixed(), None) }),
        ("write_and_read_errors", write_and_read_errors()),
        ("read_only", {
            let mode = Some("ReadOnly".to_owned());
            known(Stats { writes: 0, write_errors: 7, effective_cache_mode: mode, ..mixed() }, None)
        }),
        ("nothing_compiled", known(idle(), None)),
        ("only_non_cacheable", only_non_cacheable()),
        ("no_server", no_server(None)),
        ("no_server_failed", {
            let reason = "cache storage failed to read: PermissionDenied (permanent) at read, \
                context: { service: azblob, path: .sccache_check } => AuthenticationFailed";
            no_server(Some(reason))
        }),
        ("server_lost", lost(None)),
        ("server_lost_last_seen", lost(Some(mixed()))),
        ("in_full", in_full()),
        (
            "zero_requests",
            Report {
                job: Some(Job::default()),
                overhead: Overhead::default(),
                ..known(Stats::default(), None)
            },
        ),
        ("server_lost_twice", {
            let died = |pid: u32, seconds: u64| Incident {
                at_unix_ms: 1_763_820_191_000 + seconds * 1000,
                what: format!("the server (pid {pid}) was killed by signal 9"),
                why: Some("as the kernel does when memory runs out".into()),
                cost: Some("a new one was ready after 0.1 s".into()),
            };
            Report { incidents: vec![died(4711, 0), died(4790, 71)], ..known(mixed(), None) }
        }),
        ("ten_million_requests", huge()),
        ("hostile", hostile()),
    ]
}

/// Something that befell the server, all in these words.
pub(super) fn incident(words: String) -> Incident {
    Incident { at_unix_ms: 0, why: Some(words.clone()), cost: Some(words.clone()), what: words }
}
