//! What we say to a server ourselves, and what we understand of its answers.
//!
//! Surface: sccache's own protocol between client and server, frames of a 4-byte big-endian length and a
//! bincode 1 value (little-endian, fixed width). Requests 1 (statistics), 3 (shut down) and 4 (compile) are
//! the same in sccache 0.8 to 0.19. The statistics grew with the versions, and their form is not announced,
//! so the known forms are tried; one counts only if it explains the answer to its last byte, and if the
//! version in the answer has that form.
//!
//! The program can do the same with `--show-stats`, but is slower by a process, and waits for ever for a
//! server that hangs; it may also have been replaced or removed since the server started.

mod reader;

use anyhow::{Context as _, bail};

use crate::stats::{Counts, Level, Stats};
use crate::version::Version;
use reader::Reader;

/// The longest answer accepted, in bytes.
pub const ANSWER_LIMIT_BYTES: u32 = 8 << 20;

/// The request for the statistics, as a frame.
pub const GET_STATISTICS: [u8; 8] = [0, 0, 0, 4, 1, 0, 0, 0];

/// The request to finish what was begun and to exit, as a frame.
pub const SHUT_DOWN: [u8; 8] = [0, 0, 0, 4, 3, 0, 0, 0];

/// The answer upon which a client runs the compiler itself, without a word, as a frame: a compile response
/// (0) that the request is not handled (1).
pub const COMPILE_YOURSELF: [u8; 12] = [0, 0, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0];

/// How a server begins the line that tells that its storage takes no writes; the reason follows.
pub const WRITE_CHECK_FAILED: &str = "storage write check failed: ";

const COMPILE: u32 = 4;
const STATISTICS: u32 = 2;
const SHUTTING_DOWN: u32 = 4;

/// Whether the body of a request asks for a compilation.
#[must_use]
pub fn is_compile(body: &[u8]) -> bool {
    body.first_chunk().is_some_and(|variant| u32::from_le_bytes(*variant) == COMPILE)
}

/// Whether the body of an answer agrees to shut down.
#[must_use]
pub fn is_shutting_down(body: &[u8]) -> bool {
    body.first_chunk().is_some_and(|variant| u32::from_le_bytes(*variant) == SHUTTING_DOWN)
}

/// What the versions added to the statistics.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Form {
    /// Since 0.9.
    has_compilations: bool,
    /// Since 0.14.
    has_basedirs: bool,
    /// Since 0.15.
    has_levels: bool,
}

impl Form {
    const ALL: [Self; 4] = [
        Self { has_compilations: true, has_basedirs: true, has_levels: true },
        Self { has_compilations: true, has_basedirs: true, has_levels: false },
        Self { has_compilations: true, has_basedirs: false, has_levels: false },
        Self { has_compilations: false, has_basedirs: false, has_levels: false },
    ];

    fn of(version: Version) -> Self {
        let since = |minor| version >= Version::new(0, minor, 0);
        Self { has_compilations: since(9), has_basedirs: since(14), has_levels: since(15) }
    }
}

/// Reads the body of the answer to [`GET_STATISTICS`].
///
/// # Errors
/// When it is another answer, or of a form that no known version has.
pub fn statistics(body: &[u8]) -> anyhow::Result<Stats> {
    let (variant, fields) = body.split_first_chunk().context("the answer is empty")?;
    match u32::from_le_bytes(*variant) {
        STATISTICS => {}
        other => bail!("the server answered with variant {other}, not with its statistics"),
    }
    let read = Form::ALL.iter().find_map(|form| read(fields, *form));
    read.with_context(|| format!("{} bytes of statistics are of no known form", fields.len()))
}

/// The statistics, if they have this form.
fn read(fields: &[u8], form: Form) -> Option<Stats> {
    let mut from = Reader::new(fields);
    let mut stats = Stats {
        compile_requests: from.number()?,
        requests_unsupported_compiler: from.number()?,
        requests_not_compile: from.number()?,
        requests_not_cacheable: from.number()?,
        requests_executed: from.number()?,
        errors: by_language(&mut from)?,
        hits: by_language(&mut from)?,
        misses: by_language(&mut from)?,
        timeouts: from.number()?,
        ..Stats::default()
    };
    let _read_errors_that_no_version_counts = from.number()?;
    stats.non_cacheable_compilations = from.number()?;
    stats.forced_recaches = from.number()?;
    stats.write_errors = from.number()?;
    stats.writes = from.number()?;
    stats.write_duration = from.duration()?;
    stats.read_hit_duration = from.duration()?;
    // Without a count of its own the misses stand in, as for the JSON.
    stats.compilations = if form.has_compilations { from.number()? } else { stats.misses_total() };
    stats.compile_duration = from.duration()?;
    stats.compile_fails = from.number()?;
    stats.not_cached = from.counts()?;
    stats.dist_compiles = from.counts()?;
    stats.dist_errors = from.number()?;
    if form.has_levels && from.is_present()? {
        for _ in 0..from.length()? {
            stats.levels.push(level(&mut from)?);
        }
    }
    stats.set_location(&from.text()?);
    stats.cache_size_bytes = if from.is_present()? { Some(from.number()?) } else { None };
    stats.max_cache_size_bytes = if from.is_present()? { Some(from.number()?) } else { None };
    stats.preprocessor_mode = Some(from.is_present()?);
    stats.version = from.text()?;
    if form.has_basedirs {
        for _ in 0..from.length()? {
            stats.basedirs.push(from.text()?);
        }
    }
    // The version that the answer names must be one that answers in this form.
    let fits = Version::parse(&stats.version).is_some_and(|version| Form::of(version) == form);
    (from.is_at_end() && fits).then_some(stats)
}

/// Counts by language; the same by compiler, which follow, are not kept.
fn by_language(from: &mut Reader<'_>) -> Option<Counts> {
    let counts = from.counts()?;
    from.counts()?;
    Some(counts)
}

fn level(from: &mut Reader<'_>) -> Option<Level> {
    let name = from.text()?;
    let _location = from.text()?;
    let level = Level {
        name,
        hits: from.number()?,
        misses: from.number()?,
        writes: from.number()?,
        write_failures: from.number()?,
        backfills_from: from.number()?,
        backfills_to: from.number()?,
    };
    from.duration()?;
    from.duration()?;
    Some(level)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use proptest::prelude::*;

    use super::*;

    const VERSIONS: [&str; 6] = ["0.8.2", "0.9.1", "0.10.0", "0.14.0", "0.16.0", "0.19.0"];

    fn recorded(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sccache-wire").join(name)
    }

    #[test]
    fn an_answer_says_what_the_program_prints() {
        for version in VERSIONS {
            let reply = std::fs::read(recorded(&format!("{version}.reply"))).unwrap();
            let json = std::fs::read_to_string(recorded(&format!("{version}.json"))).unwrap();
            let mut printed = Stats::from_json(&json).unwrap();
            // The one thing that the program asks for separately.
            printed.effective_cache_mode = None;
            let read = statistics(&reply).unwrap();
            assert_eq!(read, printed, "{version}");
            assert_eq!(read.version, version);
            assert_eq!((read.hits_total(), read.misses_total()), (2, 3), "{version}: {read:?}");
            let is_chain = ["0.16.0", "0.19.0"].contains(&version);
            assert_eq!(read.levels.len(), usize::from(is_chain), "{version}");
        }
    }

    #[test]
    fn a_cut_or_longer_answer_is_refused() {
        for version in VERSIONS {
            let reply = std::fs::read(recorded(&format!("{version}.reply"))).unwrap();
            for end in 0..reply.len() {
                assert!(statistics(&reply[..end]).is_err(), "{version}, cut at {end}");
            }
            assert!(statistics(&[&reply[..], &[0]].concat()).is_err(), "{version}");
        }
    }

    #[test]
    fn another_answer_is_refused() {
        let error = statistics(&[5, 0, 0, 0]).unwrap_err();
        assert_eq!(error.to_string(), "the server answered with variant 5, not with its statistics");
        assert!(is_shutting_down(&[4, 0, 0, 0, 9]) && !is_shutting_down(&[2, 0, 0, 0]));
        assert!(is_compile(&[4, 0, 0, 0]) && !is_compile(&GET_STATISTICS[4..]) && !is_compile(&[4]));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = statistics(&[&[2, 0, 0, 0], &bytes[..]].concat());
        }

        #[test]
        fn no_damage_makes_it_panic(place in 0_usize..570, value in any::<u8>()) {
            let mut reply = std::fs::read(recorded("0.19.0.reply")).unwrap();
            reply[place] = value;
            let _ = statistics(&reply);
        }
    }
}
