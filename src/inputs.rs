//! The one table of inputs, and their values for this call.
//!
//! The table is the source for command-line flags, `INPUT_*` (GitHub; the runner keeps hyphens),
//! `SCCACHE_STEP_*`, `action.yml` and `docs/inputs.md`; a test holds them equal. Precedence: flag,
//! `INPUT_*`, `SCCACHE_STEP_*`, default. An empty string means "not given". Reads no process environment
//! itself.

mod setting;
mod storage;
mod table;
mod value;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

pub use setting::{Setting, Settings, parse_setting};
pub use storage::{Basedirs, Cache, ReadOnly, Save, Storage, WritePolicy};
pub use table::{Input, Kind, TABLE};
pub use value::{Bytes, variable_names};

use crate::environment::Variables;
use crate::error::Error;
use crate::installer::Installer;
use crate::version::Version;

/// What is made to call sccache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// `RUSTC_WRAPPER`.
    Rust,
    /// CMake's compiler launchers.
    Cmake,
    /// `CC` and `CXX`.
    Cc,
}

/// Which annotations the host is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annotations {
    /// None.
    None,
    /// Warnings and errors.
    Problems,
    /// Also one notice with the verdict.
    All,
}

impl Annotations {
    /// The member of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::None, Self::Problems, Self::All].into_iter().find(|member| member.name() == name)
    }

    /// Its name, as the input spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Problems => "problems",
            Self::All => "all",
        }
    }
}

/// The values of all inputs for this call.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// `sccache`.
    pub sccache: Option<PathBuf>,
    /// `sccache-version`.
    pub sccache_version: Version,
    /// `install-from`; empty for `none`.
    pub install_from: Vec<Installer>,
    /// `install-timeout`.
    pub install_timeout: Duration,
    /// `allow-unpinned`.
    pub allow_unpinned: bool,
    /// `cache`.
    pub cache: Cache,
    /// `cache-dir`.
    pub cache_dir: Option<PathBuf>,
    /// `cache-size`.
    pub cache_size: Bytes,
    /// `bundle-dir`.
    pub bundle_dir: Option<PathBuf>,
    /// `key`.
    pub key: Option<String>,
    /// `matrix`.
    pub matrix: Option<String>,
    /// `restore-keys`.
    pub restore_keys: Vec<String>,
    /// `save`.
    pub save: Save,
    /// `cache-timeout`.
    pub cache_timeout: Duration,
    /// `read-only`.
    pub read_only: ReadOnly,
    /// `chain-write-policy`.
    pub chain_write_policy: WritePolicy,
    /// `basedirs`.
    pub basedirs: Basedirs,
    /// The settings of the storages, as far as they were given.
    pub settings: Settings,
    /// `wrap`; empty for `none`.
    pub wrap: Vec<Wrap>,
    /// `startup-timeout`.
    pub startup_timeout: Duration,
    /// `drain-timeout`.
    pub drain_timeout: Duration,
    /// `stop-timeout`.
    pub stop_timeout: Duration,
    /// `log-level`.
    pub log_level: String,
    /// `units`.
    pub units: bool,
    /// `log-file`.
    pub log_file: Option<PathBuf>,
    /// `state`.
    pub state: Option<PathBuf>,
    /// `fail-fast`.
    pub fail_fast: bool,
    /// `min-hit-rate`, 0..=100.
    pub min_hit_rate_percent: Option<f64>,
    /// `baseline`.
    pub baseline: Option<PathBuf>,
    /// `report-file`.
    pub report_file: Option<PathBuf>,
    /// `summary-file`.
    pub summary_file: Option<PathBuf>,
    /// `openmetrics-file`.
    pub openmetrics_file: Option<PathBuf>,
    /// `gitlab-metrics-file`.
    pub gitlab_metrics_file: Option<PathBuf>,
    /// `dotenv-file`.
    pub dotenv_file: Option<PathBuf>,
    /// `trace-file`.
    pub trace_file: Option<PathBuf>,
    /// `summary`.
    pub summary: bool,
    /// `annotations`.
    pub annotations: Annotations,
    /// Where each value that is not a default came from, by input name: for the plan's reasons.
    pub origins: BTreeMap<&'static str, String>,
}

impl Inputs {
    /// Takes each input from `flags` (by kebab-case name), else from `variables`, else its default.
    ///
    /// # Errors
    /// [`Error::InputInvalid`] for the first value, in table order, that its input does not take.
    pub fn resolve(flags: &BTreeMap<String, String>, variables: &Variables) -> Result<Self, Error> {
        let mut given = value::Given::new(flags, variables);
        Ok(Self {
            sccache: given.path("sccache"),
            sccache_version: given.version("sccache-version")?,
            install_from: given
                .list("install-from", &Installer::ALL.map(|installer| (installer.name(), installer)))?,
            install_timeout: given.duration("install-timeout")?,
            allow_unpinned: given.boolean("allow-unpinned")?,
            cache: given.cache()?,
            cache_dir: given.path("cache-dir"),
            cache_size: given.bytes("cache-size")?,
            bundle_dir: given.path("bundle-dir"),
            key: given.text("key"),
            matrix: given.text("matrix"),
            restore_keys: given.words("restore-keys"),
            save: given
                .choice("save", &[("auto", Save::Auto), ("true", Save::Always), ("false", Save::Never)])?,
            cache_timeout: given.duration("cache-timeout")?,
            read_only: given.choice(
                "read-only",
                &[("auto", ReadOnly::Auto), ("true", ReadOnly::Always), ("false", ReadOnly::Never)],
            )?,
            chain_write_policy: given
                .choice("chain-write-policy", &WritePolicy::ALL.map(|policy| (policy.name(), policy)))?,
            basedirs: given.basedirs(),
            settings: given.settings()?,
            wrap: given.list("wrap", &[("rust", Wrap::Rust), ("cmake", Wrap::Cmake), ("cc", Wrap::Cc)])?,
            startup_timeout: given.duration("startup-timeout")?,
            drain_timeout: given.duration("drain-timeout")?,
            stop_timeout: given.duration("stop-timeout")?,
            log_level: given.choice(
                "log-level",
                &["off", "error", "warn", "info", "debug", "trace"].map(|level| (level, level.to_owned())),
            )?,
            units: given.boolean("units")?,
            log_file: given.path("log-file"),
            state: given.path("state"),
            fail_fast: given.boolean("fail-fast")?,
            min_hit_rate_percent: given.percent("min-hit-rate")?,
            baseline: given.path("baseline"),
            report_file: given.path("report-file"),
            summary_file: given.path("summary-file"),
            openmetrics_file: given.path("openmetrics-file"),
            gitlab_metrics_file: given.path("gitlab-metrics-file"),
            dotenv_file: given.path("dotenv-file"),
            trace_file: given.path("trace-file"),
            summary: given.boolean("summary")?,
            annotations: given.choice(
                "annotations",
                &[
                    ("none", Annotations::None),
                    ("problems", Annotations::Problems),
                    ("all", Annotations::All),
                ],
            )?,
            origins: given.into_origins(),
        })
    }
}
