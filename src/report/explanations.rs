//! What sccache's reasons for not caching a call mean, and what helps.
//!
//! The texts of the reasons are those of sccache 0.8 to 0.19.

/// Whether a reason is worth acting on; in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Matter {
    /// The build can be changed so that these calls are cached.
    Fixable,
    /// Not known here, so better looked at.
    Unknown,
    /// No compiler cache can hold these.
    Expected,
    /// Questions to the compiler, not compilations.
    Noise,
}

impl Matter {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Fixable => "fixable",
            Self::Unknown => "unknown",
            Self::Expected => "expected",
            Self::Noise => "noise",
        }
    }
}

/// Reasons that share an explanation.
#[derive(Debug)]
pub(super) struct Explanation {
    /// As sccache words them.
    pub(super) reasons: &'static [&'static str],
    /// Whether they are worth acting on.
    pub(super) matter: Matter,
    /// The id of the finding; empty where there is nothing to do.
    pub(super) id: &'static str,
    /// What happened.
    pub(super) words: &'static str,
    /// What to do; empty where there is nothing.
    pub(super) remedy: &'static str,
}

const fn fixable(
    id: &'static str,
    reasons: &'static [&'static str],
    words: &'static str,
    remedy: &'static str,
) -> Explanation {
    Explanation { reasons, matter: Matter::Fixable, id, words, remedy }
}

const fn expected(reasons: &'static [&'static str], words: &'static str) -> Explanation {
    Explanation { reasons, matter: Matter::Expected, id: "", words, remedy: "" }
}

const fn noise(reasons: &'static [&'static str], words: &'static str) -> Explanation {
    Explanation { reasons, matter: Matter::Noise, id: "", words, remedy: "" }
}

/// Every reason there is an explanation for.
pub(super) static EXPLANATIONS: &[Explanation] = &[
    fixable("incremental-on", &["incremental"], "incremental compilation is on", "set `CARGO_INCREMENTAL=0`"),
    fixable(
        "several-sources",
        &["multiple input files"],
        "several sources in one compiler call",
        "compile one source a call",
    ),
    fixable(
        "response-file",
        &["@", "-@", "-f", "--option-file"],
        "a response file that cannot be read or is quoted",
        "pass the arguments directly",
    ),
    fixable(
        "shared-pdb",
        &["shared pdb"],
        "all objects share one debug database",
        "use `/Z7` instead of `/Zi` or `/ZI`",
    ),
    fixable(
        "intermediates-kept",
        &[
            "-save-temps",
            "--save-temps",
            "-save-temps=cwd",
            "-save-temps=obj",
            "--save-temps=cwd",
            "--save-temps=obj",
        ],
        "intermediate files are kept",
        "drop the flag in CI",
    ),
    fixable(
        "extra-emit",
        &["more than one --emit", "unsupported --emit"],
        "rustc is asked for extra outputs",
        "drop `--emit` in CI",
    ),
    fixable(
        "rustc-by-hand",
        &["missing output_dir", "missing emit", "missing crate_name"],
        "rustc is called by hand",
        "let cargo call it",
    ),
    fixable("rustc-output-file", &["-o"], "rustc is told an output file", "use `--out-dir`"),
    fixable(
        "several-architectures",
        &["multiple different -arch, and SCCACHE_CACHE_MULTIARCH not set"],
        "one object for several architectures",
        "set `SCCACHE_CACHE_MULTIARCH=1`",
    ),
    fixable(
        "timings-recorded",
        &[
            "-ftime-trace",
            "-time",
            "--time",
            "-fdevice-time-trace",
            "--fdevice-time-trace",
            "-save-stats",
            "--save-stats",
        ],
        "the compiler's timings are recorded",
        "drop the flag in CI",
    ),
    fixable(
        "extra-file",
        &[
            "-MJ",
            "-fstack-usage",
            "-fcallgraph-info",
            "-index-store-path",
            "-fsave-optimization-record",
            "-foptimization-record-file",
            "-fthin-link-bitcode",
            "-dependency-dot",
            "-dsym-dir",
            "-dumpdir",
            "--symbol-graph-dir",
            "-frepo",
            "--mil-split",
            "-FA",
            "-Fa",
            "-Fx",
            "-FR",
            "-Fr",
            "-doc",
            "-experimental:log",
            "-dynamicdeopt",
            "-dynamicdeopt:suffix",
            "-dynamicdeopt:sync",
        ],
        "an extra file is written beside the object",
        "drop the flag in CI",
    ),
    fixable("minimal-rebuild", &["-Gm"], "MSVC's minimal rebuild is on", "drop the flag in CI"),
    fixable(
        "arguments-unreadable",
        &["argument parse", "CL environment variable value broken", "_CL_ environment variable value broken"],
        "sccache cannot read the arguments",
        "look for an incomplete flag",
    ),
    fixable(
        "malformed-call",
        &["extra-filename", "invalid input file"],
        "a malformed compiler call",
        "look for an incomplete flag",
    ),
    expected(&["crate-type"], "links or builds a test: only `lib`, `rlib` and `staticlib` crates are cached"),
    expected(&["-Yc", "-Fp"], "a precompiled header is made or used"),
    expected(
        &[
            "-fprofile-use",
            "-fno-profile-use",
            "-fno-profile-generate",
            "-fno-profile-instr-use",
            "-fno-profile-instr-generate",
            "-fcodegen-data-generate",
            "-fmemory-profile",
        ],
        "compiled with a recorded profile, or to record one, which sccache does not track",
    ),
    expected(
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
            "-fmodules-user-build-path",
            "-module-dependency-dir",
            "-experimental:module",
            "-ifcMap",
            "-ifcOnly",
            "-ifcOutput",
            "-ifcSearchDir",
            "-x c++-module with /Tc or /Tp",
            "-x c++-module without -fmodule-output= or vice versa",
        ],
        "C++ modules, which sccache does not track",
    ),
    expected(&["-fplugin", "-fplugin=libcc1plugin"], "a compiler plugin, whose work sccache cannot see"),
    expected(
        &["--sysroot", "target unsure", "target"],
        "rustc compiles for a target whose files sccache cannot name",
    ),
    expected(&["--remap-path-prefix"], "rustc renames paths, which sccache before 0.9 does not track"),
    expected(&["-Fe", "-S"], "the call makes no object, but a program or assembler text"),
    expected(
        &["--config", "-working-directory", "--embed-dir", "-FU", "-Ft"],
        "the call depends on files that sccache does not track",
    ),
    expected(
        &[
            "Can't handle Raw arguments with -Xclang",
            "Can't handle UnknownFlag arguments with -Xclang",
            "Can't handle complex arguments through clang",
        ],
        "an argument after `-Xclang` that sccache does not know",
    ),
    expected(&["unknown source language", "-x", "no input file"], "not a source file that sccache knows"),
    noise(&["missing input"], "rustc is asked for its version or settings; nothing is compiled"),
    noise(&["-"], "the source comes from standard input: a probe by cargo or configure"),
    noise(&["-E", "-P", "--preprocess", "-Fi"], "preprocesses only: a probe by configure or CMake"),
    noise(&["-M", "-MM"], "lists dependencies only"),
    noise(
        &["-fsyntax-only", "--analyze", "--analyzer-output", "output to nul", "-n", "--dry-run"],
        "checks only, and writes no object",
    ),
    noise(&["-V", "-VV", "-##", "-###"], "the compiler is asked for its version, or what it would do"),
];

static UNKNOWN: Explanation = Explanation {
    reasons: &[],
    matter: Matter::Unknown,
    id: "",
    words: "not known to this version of sccache-step",
    remedy: "",
};

/// The explanation of a reason. sccache 0.19 adds the crate types: `crate-type (bin)`. A flag of MSVC is told as it was
/// written, with a dash or a slash, and nvcc's may end in `=`.
pub(super) fn explain(reason: &str) -> &'static Explanation {
    let flag = reason.strip_prefix('/').map(|rest| format!("-{rest}"));
    let plain = match flag.as_deref().unwrap_or(reason) {
        types if types.starts_with("crate-type (") => "crate-type",
        plain => plain.strip_suffix('=').unwrap_or(plain),
    };
    EXPLANATIONS.iter().find(|explanation| explanation.reasons.contains(&plain)).unwrap_or(&UNKNOWN)
}
