//! sccache's reasons for not caching a call, in plain words.
//!
//! The texts of the reasons are those of sccache 0.8 to 0.19. A reason that is not listed is shown verbatim.

use super::figures;
use super::phrase::{Align, Phrase, Table};
use crate::stats::{Stats, sum};

/// Whether a reason is worth acting on; in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// The build can be changed so that these calls are cached.
    Fixable,
    /// Not known here, so better looked at.
    Unknown,
    /// No compiler cache can hold these.
    Expected,
    /// Questions to the compiler, not compilations.
    Noise,
}

impl Weight {
    fn word(self) -> &'static str {
        match self {
            Self::Fixable => "fixable",
            Self::Unknown => "unknown",
            Self::Expected => "expected",
            Self::Noise => "noise",
        }
    }
}

use Weight::{Expected, Fixable, Noise};

/// Reasons that share an explanation, and that explanation.
const EXPLANATIONS: &[(&[&str], Weight, &str)] = &[
    (&["incremental"], Fixable, "incremental compilation is on: set `CARGO_INCREMENTAL=0`"),
    (&["multiple input files"], Fixable, "several sources in one compiler call: compile one source a call"),
    (&["@"], Fixable, "a response file that cannot be read or is quoted: pass the arguments directly"),
    (&["shared pdb"], Fixable, "all objects share one debug database: use `/Z7` instead of `/Zi` or `/ZI`"),
    (
        &[
            "-save-temps",
            "--save-temps",
            "-save-temps=cwd",
            "-save-temps=obj",
            "--save-temps=cwd",
            "--save-temps=obj",
        ],
        Fixable,
        "intermediate files are kept: drop the flag in CI",
    ),
    (
        &["more than one --emit", "unsupported --emit"],
        Fixable,
        "rustc is asked for extra outputs: drop `--emit` in CI",
    ),
    (
        &["missing output_dir", "missing emit", "missing crate_name"],
        Fixable,
        "rustc is called by hand: let cargo call it",
    ),
    (&["-o"], Fixable, "rustc is told an output file: use `--out-dir`"),
    (
        &["multiple different -arch, and SCCACHE_CACHE_MULTIARCH not set"],
        Fixable,
        "one object for several architectures: set `SCCACHE_CACHE_MULTIARCH=1`",
    ),
    (
        &["-ftime-trace", "-time", "--time", "-fdevice-time-trace", "--fdevice-time-trace", "-save-stats"],
        Fixable,
        "the compiler's timings are recorded: drop the flag in CI",
    ),
    (
        &["-MJ", "-fstack-usage", "-fcallgraph-info", "-index-store-path", "-FA", "-Fa", "-Fx", "-FR"],
        Fixable,
        "an extra file is written beside the object: drop the flag in CI",
    ),
    (&["-Gm"], Fixable, "MSVC's minimal rebuild is on: drop the flag in CI"),
    (&["argument parse"], Fixable, "sccache cannot read the arguments: look for an incomplete flag"),
    (
        &["extra-filename", "invalid input file"],
        Fixable,
        "a malformed compiler call: look for an incomplete flag",
    ),
    (
        &["crate-type"],
        Expected,
        "links or builds a test: only `lib`, `rlib` and `staticlib` crates are cached",
    ),
    (&["-Yc", "-Fp"], Expected, "a precompiled header is made or used"),
    (
        &[
            "-fprofile-use",
            "-fno-profile-use",
            "-fno-profile-generate",
            "-fno-profile-instr-use",
            "-fno-profile-instr-generate",
        ],
        Expected,
        "compiled with a recorded profile, which sccache does not track",
    ),
    (
        &[
            "-fmodules",
            "-fmodules-ts",
            "-fcxx-modules",
            "-fprebuilt-implicit-modules",
            "-fprebuilt-module-path",
            "-fmodule-header",
            "-fimplicit-modules",
            "-fmodules-cache-path",
            "-fbuiltin-module-map",
            "unknown module output format",
            "-interface",
            "-internalPartition",
            "-reference",
            "-stdIfcDir",
        ],
        Expected,
        "C++ modules, which sccache does not track",
    ),
    (&["-fplugin", "-fplugin=libcc1plugin"], Expected, "a compiler plugin, whose work sccache cannot see"),
    (
        &["--sysroot", "target unsure"],
        Expected,
        "rustc compiles for a target whose files sccache cannot name",
    ),
    (
        &["--config", "-working-directory", "--embed-dir"],
        Expected,
        "the call depends on files that sccache does not track",
    ),
    (
        &["Can't handle Raw arguments with -Xclang", "Can't handle UnknownFlag arguments with -Xclang"],
        Expected,
        "an argument after `-Xclang` that sccache does not know",
    ),
    (&["unknown source language", "-x", "no input file"], Expected, "not a source file that sccache knows"),
    (&["missing input"], Noise, "rustc is asked for its version or settings; nothing is compiled"),
    (&["-"], Noise, "the source comes from standard input: a probe by cargo or configure"),
    (&["-E", "-P", "--preprocess"], Noise, "preprocesses only: a probe by configure or CMake"),
    (&["-M", "-MM"], Noise, "lists dependencies only"),
    (&["-fsyntax-only", "--analyze", "output to nul"], Noise, "checks only, and writes no object"),
];

/// The explanation of a reason. sccache 0.19 adds the crate types: `crate-type (bin)`.
fn explain(reason: &str) -> (Weight, &'static str) {
    let plain = if reason.starts_with("crate-type (") { "crate-type" } else { reason };
    let found = EXPLANATIONS.iter().find(|(reasons, ..)| reasons.contains(&plain));
    found.map_or((Weight::Unknown, "not known to this version of sccache-step"), |(_, weight, words)| {
        (*weight, words)
    })
}

/// How many non-cacheable calls there were, and how much they matter; `None` without any.
pub(super) fn summary(stats: &Stats) -> Option<String> {
    let total = sum(&stats.not_cached).max(stats.requests_not_cacheable);
    let of = |wanted: Weight| {
        let counts = stats.not_cached.iter().filter(|(reason, _)| explain(reason).0 == wanted);
        counts.fold(0_u64, |total, (_, count)| total.saturating_add(*count))
    };
    let parts: Vec<String> = [Fixable, Weight::Unknown, Expected, Noise]
        .into_iter()
        .map(|weight| (of(weight), weight.word()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{} {word}", figures::count(count)))
        .collect();
    (total > 0).then(|| format!("{}: {}", figures::counted(total, "non-cacheable call"), parts.join(", ")))
}

/// Every reason with its count: what is worth acting on first, then by count.
pub(super) fn table(stats: &Stats) -> Option<Table> {
    let mut reasons: Vec<_> =
        stats.not_cached.iter().map(|(reason, count)| (explain(reason), *count, reason)).collect();
    reasons.sort_by(|((a, _), a_count, a_name), ((b, _), b_count, b_name)| {
        a.cmp(b).then(b_count.cmp(a_count)).then(a_name.cmp(b_name))
    });
    let rows: Vec<_> = reasons
        .into_iter()
        .map(|((weight, words), count, reason)| {
            vec![Phrase::foreign(reason), figures::count(count).into(), weight.word().into(), words.into()]
        })
        .collect();
    let columns = vec![
        ("Reason", Align::Left),
        ("Calls", Align::Right),
        ("Kind", Align::Left),
        ("What it means", Align::Left),
    ];
    (!rows.is_empty()).then_some(Table { columns, rows, total: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_explained_once() {
        let mut reasons: Vec<&str> =
            EXPLANATIONS.iter().flat_map(|(reasons, ..)| *reasons).copied().collect();
        let listed = reasons.len();
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), listed);
    }

    #[test]
    fn every_recorded_reason_is_known() {
        for version in ["0.10.0", "0.16.0", "0.19.0"] {
            let root = env!("CARGO_MANIFEST_DIR");
            let path = format!("{root}/tests/fixtures/sccache-stats/{version}-notcached-zoo.json");
            let stats = Stats::from_json(&std::fs::read_to_string(path).unwrap()).unwrap();
            for reason in stats.not_cached.keys() {
                assert_ne!(explain(reason).0, Weight::Unknown, "{reason}");
            }
        }
        assert_eq!(explain("crate-type (bin,cdylib)").0, Expected);
        assert_eq!(explain("reason of the future").0, Weight::Unknown);
    }
}
