//! The file that `pre` leaves for `post`: its schema, its version, reading and writing it; nowhere else.
//!
//! The state file is the only hand-off between phases. It holds no credential. It is written atomically,
//! readable by its owner only, and read only when it is a regular file of the reading user.

mod bundle;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::error::Error;

pub use bundle::{BundleState, BundleTraffic, Restored, Saved, StorePlace};

/// The schema version written, and the newest one read.
pub const SCHEMA_VERSION: u64 = 1;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// A Unix socket.
    Socket(PathBuf),
    /// A port on 127.0.0.1; 0 lets the server choose a free one.
    Port(u16),
}

impl Address {
    /// The variable, and its value, that make sccache's clients and servers use this address.
    #[must_use]
    pub fn variable(&self) -> (&'static str, String) {
        match self {
            Self::Socket(path) => ("SCCACHE_SERVER_UDS", path.to_string_lossy().into_owned()),
            Self::Port(port) => ("SCCACHE_SERVER_PORT", port.to_string()),
        }
    }

    /// The socket's path, if this is one.
    #[must_use]
    pub fn socket(&self) -> Option<&Path> {
        match self {
            Self::Socket(path) => Some(path),
            Self::Port(_) => None,
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => write!(formatter, "{}", path.display()),
            Self::Port(port) => write!(formatter, "127.0.0.1:{port}"),
        }
    }
}

/// A process that cannot be mistaken for another: a pid alone is reused sooner or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Process id.
    pub pid: u32,
    /// Start time in the system's own unit and epoch (Linux: clock ticks since boot); only compared.
    pub start_time: u64,
}

/// What became of the job's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// `pre` started it.
    Started,
    /// `post` stopped it and reported.
    Finished,
}

/// The server that `pre` started, as `post` needs to know it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerState {
    /// The first server process; the history tells of those after it.
    pub server: ProcessIdentity,
    /// Their parent, `sccache-step supervise`; the history tells of those after it.
    pub supervisor: ProcessIdentity,
    /// The parent of that one, which holds the address, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<ProcessIdentity>,
    /// Where the job finds a server.
    pub address: Address,
    /// Its log.
    pub log: PathBuf,
    /// The private directory of the run: history, marks, socket.
    pub run_dir: PathBuf,
    /// The private directory of the socket, where it is another one.
    pub socket_dir: PathBuf,
    /// Where the cache is, in the user's words, without credentials.
    pub storage: String,
    /// The local cache directory, for storages that have one.
    pub cache_dir: Option<PathBuf>,
}

/// The whole state file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema: u64,
    /// Version of the sccache-step that wrote it.
    pub writer: String,
    /// The job that this is the state of, where the host tells jobs apart.
    #[serde(default)]
    pub job: Option<String>,
    /// When `pre` began, in milliseconds since 1970 (UTC).
    pub began_unix_ms: u64,
    /// How long `pre` took, in milliseconds.
    pub pre_ms: u64,
    /// Whether the server was started, or already stopped and reported.
    pub phase: Phase,
    /// The command that started the server and whose end stops it: `pre`, by its `post`, or `run`.
    pub started_by: String,
    /// The sccache in use.
    pub sccache: PathBuf,
    /// Its version.
    pub sccache_version: String,
    /// The server; `None` when none could be started.
    pub server: Option<ServerState>,
    /// Why there is no server, in one line.
    pub failure: Option<String>,
    /// The names of the variables handed to the job.
    pub exported: Vec<String>,
    /// Settings that `post` takes from here and not from inputs, which a host may evaluate anew.
    pub policy: Policy,
    /// The bundle that the cache travels as, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<BundleState>,
}

/// What was decided in `pre` and holds for `post`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Input `fail-fast`.
    pub fail_fast: bool,
    /// Input `min-hit-rate`, 0..=100.
    pub min_hit_rate_percent: Option<f64>,
    /// Input `summary`.
    pub summary: bool,
    /// Input `annotations`, as spelt there.
    pub annotations: String,
    /// Input `drain-timeout`, in milliseconds.
    #[serde(default)]
    pub drain_timeout_ms: u64,
    /// Input `stop-timeout`, in milliseconds.
    pub stop_timeout_ms: u64,
}

// A percentage read from text is never NaN (`inputs` refuses it), so equality is total.
impl Eq for Policy {}

impl State {
    /// Reads a state file.
    ///
    /// # Errors
    /// [`Error::StateForeign`] when it is not a regular file, [`Error::StateUnreadable`] when it cannot be
    /// read or parsed, [`Error::StateVersion`] when a newer sccache-step wrote it. `Ok(None)`: there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, Error> {
        let unreadable = |source: anyhow::Error| Error::StateUnreadable { path: path.to_owned(), source };
        let metadata = match std::fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error.into())),
        };
        if !metadata.is_file() {
            let reason = "it is not a regular file".into();
            return Err(Error::StateForeign { path: path.to_owned(), reason });
        }
        let bytes = std::fs::read(path).map_err(|error| unreadable(error.into()))?;
        let value: serde_json::Value =
            serde_json::from_slice(&bytes).context("it is not JSON").map_err(unreadable)?;
        let found = value.get("schema").and_then(serde_json::Value::as_u64);
        let found = found.context("it has no schema version").map_err(unreadable)?;
        if found > SCHEMA_VERSION {
            return Err(Error::StateVersion { path: path.to_owned(), found, supported: SCHEMA_VERSION });
        }
        let state = serde_json::from_value(value).context("it has another shape than its version promises");
        state.map(Some).map_err(unreadable)
    }

    /// Writes the state file: complete or not at all, mode 0600.
    ///
    /// # Errors
    /// [`Error::FileUnwritable`].
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        self.try_write(path).map_err(|source| Error::FileUnwritable {
            purpose: "state file",
            path: path.to_owned(),
            source,
        })
    }

    fn try_write(&self, path: &Path) -> anyhow::Result<()> {
        let directory = path.parent().context("it has no parent directory")?;
        // A temporary file of this crate is created with mode 0600 and renamed over the old one.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        file.write_all(&text)?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/state").join(name)
    }

    #[test]
    fn every_released_schema_is_read_and_written_back_unchanged() {
        for schema in 1..=SCHEMA_VERSION {
            let path = golden(&format!("schema-{schema}.json"));
            let state = State::read(&path).unwrap().expect("there is a golden file for every schema");
            assert_eq!(state.schema, schema);
            let directory = tempfile::tempdir().unwrap();
            let copy = directory.path().join("state.json");
            state.write(&copy).unwrap();
            let values = [path, copy].map(|path| {
                serde_json::from_slice::<serde_json::Value>(&std::fs::read(path).unwrap()).unwrap()
            });
            assert_eq!(values[0], values[1]);
        }
    }

    #[test]
    fn the_address_names_its_variable() {
        assert_eq!(Address::Port(40213).variable(), ("SCCACHE_SERVER_PORT", "40213".to_owned()));
        assert_eq!(Address::Socket("/r/s".into()).variable(), ("SCCACHE_SERVER_UDS", "/r/s".to_owned()));
    }
}
