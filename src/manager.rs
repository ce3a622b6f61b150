//! A server for Rust programs: [`SccacheManager`] with its contract of old, [`SccacheTask`] as its guard.
//!
//! Thin over [`server`]. The program itself is the server's parent here, so the server cannot
//! outlive the program's own care for it: dropping the manager stops it.

use std::path::PathBuf;
use std::time::Duration;

use crate::backend::{Access, Backend};
use crate::environment::Variables;
use crate::error::Error;
use crate::host::{self, Output};
use crate::plan::passed_on;
use crate::process;
use crate::report::{Format, Report};
use crate::sccache;
use crate::secret::Secret;
use crate::server::order::{Order, failure};
use crate::server::{self, Group, Launched};
use crate::state::{Address, ServerState};
use crate::stats::Stats;
use crate::version::Version;

/// Starts and stops one private sccache server.
///
/// ```no_run
/// use sccache_step::{SccacheManager, backend::{Backend, Disk}, inputs::Bytes};
///
/// let disk = Disk { directory: "/var/cache/objects".into(), size: Bytes(10 << 30) };
/// let mut manager = SccacheManager::new(Backend::Disk(disk)).log_level("info");
/// manager.start()?;
/// println!("{}", manager.cache_location()?);
/// let mut cargo = std::process::Command::new("cargo");
/// cargo.arg("build").envs(manager.client_variables());
/// assert!(cargo.status().is_ok_and(|status| status.success()));
/// let stats = manager.stop(true)?;
/// # Ok::<(), sccache_step::error::Error>(())
/// ```
#[derive(Debug)]
pub struct SccacheManager {
    backend: Backend,
    log_level: String,
    log_file: Option<PathBuf>,
    binary: PathBuf,
    startup_timeout: Duration,
    stop_timeout: Duration,
    variables: Variables,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    // Held for its lifetime: the socket and the default log are in it.
    _directory: tempfile::TempDir,
    launched: Launched,
    state: ServerState,
    sccache: PathBuf,
}

impl SccacheManager {
    /// A manager for this storage, with the `sccache` in PATH, no log, and time limits of 30 s to start and
    /// 10 s to stop.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self {
            backend,
            log_level: "off".into(),
            log_file: None,
            binary: "sccache".into(),
            startup_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(10),
            variables: crate::observe::variables(),
            running: None,
        }
    }

    /// Sets the level of the server's log: `off`, `error`, `warn`, `info`, `debug` or `trace`.
    #[must_use]
    pub fn log_level(mut self, level: impl Into<String>) -> Self {
        self.log_level = level.into();
        self
    }

    /// Sets the server's log file; without it the log is kept until the server stops.
    #[must_use]
    pub fn log_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.log_file = Some(path.into());
        self
    }

    /// Sets the sccache program; a bare name is looked up in PATH.
    #[must_use]
    pub fn binary(mut self, program: impl Into<PathBuf>) -> Self {
        self.binary = program.into();
        self
    }

    /// Starts the server and returns when it is ready.
    ///
    /// # Errors
    /// [`Error::ServerRunning`] when it runs already; [`Error::SccacheMissing`], [`Error::SccacheUnusable`] and
    /// [`Error::SccacheTooOld`]; [`Error::DirectoryUnusable`]; [`Error::ServerStartFailed`] and
    /// [`Error::ServerStartTimeout`].
    pub fn start(&mut self) -> Result<(), Error> {
        if let Some(running) = self.running.as_ref().filter(|_| self.is_running()) {
            return Err(Error::ServerRunning { pid: running.launched.identity.pid });
        }
        self.running = None;
        let sccache = self.find_binary()?;
        let version = sccache::ask(&sccache, &self.variables)?;
        let config = self.backend.config();
        if let Some(directory) = config.directory() {
            sccache::try_cache_directory(directory)?;
        }
        let directory = tempfile::Builder::new().prefix("sccache-step-").tempdir().map_err(|error| {
            let path = std::env::temp_dir();
            Error::DirectoryUnusable { path, purpose: "state directory", source: error.into() }
        })?;
        let order = self.order(&sccache, version, directory.path());
        let launched = match server::launch(&order, Group::Ours) {
            Ok(launched) => launched,
            Err(answer) => {
                return Err(failure(&answer, &order).unwrap_or(Error::ServerRunning { pid: 0 }));
            }
        };
        let state = ServerState {
            server: launched.identity,
            supervisor: launched.identity,
            holder: None,
            address: launched.address.clone(),
            log: order.log,
            run_dir: order.run_dir,
            socket_dir: order.socket_dir,
            storage: config.description(),
            cache_dir: config.directory().map(ToOwned::to_owned),
        };
        self.running = Some(Running { _directory: directory, launched, state, sccache });
        Ok(())
    }

    /// Whether the server that this manager started is alive.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.as_ref().is_some_and(|running| process::is_alive(running.launched.identity))
    }

    /// The variables that make sccache's clients use this server: give them to the build.
    #[must_use]
    pub fn client_variables(&self) -> Vec<(String, String)> {
        let Some(running) = &self.running else { return Vec::new() };
        let (name, value) = running.launched.address.variable();
        let program = running.sccache.to_string_lossy().into_owned();
        let wrapper = ["RUSTC_WRAPPER", "CMAKE_C_COMPILER_LAUNCHER", "CMAKE_CXX_COMPILER_LAUNCHER"];
        let wrapper = wrapper.into_iter().map(|name| (name.to_owned(), program.clone()));
        let first = [(name.to_owned(), value), ("CARGO_INCREMENTAL".to_owned(), "0".to_owned())];
        first.into_iter().chain(wrapper).collect()
    }

    /// The server's counters now.
    ///
    /// # Errors
    /// [`Error::NoServer`] when none is running, [`Error::StatisticsUnreadable`] when it does not answer.
    pub fn stats(&self) -> Result<Stats, Error> {
        let none = || Error::NoServer { state: PathBuf::from("this manager") };
        let running = self.running.as_ref().filter(|_| self.is_running()).ok_or_else(none)?;
        server::statistics(&running.sccache, &running.state, &self.variables)
    }

    /// Where the cache is, in sccache's words, without credentials.
    ///
    /// # Errors
    /// Those of [`SccacheManager::stats`], and [`Error::LocationMissing`].
    pub fn cache_location(&self) -> Result<String, Error> {
        let location = self.stats()?.cache_location;
        if location.is_empty() { Err(Error::LocationMissing) } else { Ok(location) }
    }

    /// Stops the server: politely, then by SIGTERM, then by SIGKILL. Without a running server it does
    /// nothing. With `show_stats` the last counters are returned, and shown as a report on standard error.
    ///
    /// # Errors
    /// [`Error::StopFailed`] when it survives all of that.
    pub fn stop(&mut self, show_stats: bool) -> Result<Option<Stats>, Error> {
        // Counters that cannot be had are no reason to leave the server running.
        let stats = if show_stats { self.stats().ok() } else { None };
        if let Some(running) = self.running.take() {
            server::stop(running.launched.identity, &running.launched.address, self.stop_timeout)?;
            if let Some(stats) = &stats {
                let report = Report::of_stats("stop", stats.clone(), running.state.storage);
                // Statistics that cannot be shown are still returned.
                let _ = host::perform(&[Output::Stderr(Format::Text.renderer().render(&report))]);
            }
        }
        Ok(stats)
    }

    fn find_binary(&self) -> Result<PathBuf, Error> {
        if self.binary.components().count() > 1 {
            // The server starts in a directory of its own, and builds in theirs.
            return Ok(std::path::absolute(&self.binary).unwrap_or_else(|_| self.binary.clone()));
        }
        let name = self.binary.to_string_lossy();
        sccache::on_path(&self.variables, &name)
            .ok_or_else(|| Error::SccacheMissing { looked: vec![format!("PATH for `{name}`")] })
    }

    fn order(&self, sccache: &std::path::Path, version: Version, directory: &std::path::Path) -> Order {
        let plain = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut variables: Vec<(String, String)> = passed_on(&self.variables)
            .into_iter()
            .map(|(name, value)| (name, value.expose().to_owned()))
            .collect();
        variables.extend([
            plain("SCCACHE_START_SERVER", "1"),
            plain("SCCACHE_NO_DAEMON", "1"),
            // Should the program be killed, its server goes after an hour without a request.
            plain("SCCACHE_IDLE_TIMEOUT", "3600"),
            plain("SCCACHE_CONF", &directory.join("sccache.toml").to_string_lossy()),
        ]);
        if self.log_level != "off" {
            variables.push(("SCCACHE_LOG".into(), format!("sccache={}", self.log_level)));
        }
        let storage = self.backend.config().variables(version, &Access::default());
        variables.extend(storage.into_iter().map(|(name, value)| plain(name, value.expose())));
        let socket = directory.join("s");
        let sockets = version >= Version::UNIX_SOCKET
            && std::env::consts::OS != "windows"
            && socket.as_os_str().len() <= 103;
        Order {
            sccache: sccache.to_owned(),
            variables,
            secrets: self.secrets().iter().map(|secret| secret.expose().to_owned()).collect(),
            storage: self.backend.config().description(),
            fallback: None,
            state: directory.join("state.json"),
            address: if sockets { Address::Socket(socket) } else { Address::Port(0) },
            log: self.log_file.clone().unwrap_or_else(|| directory.join("server.log")),
            run_dir: directory.to_owned(),
            socket_dir: directory.to_owned(),
            startup_timeout_ms: u64::try_from(self.startup_timeout.as_millis()).unwrap_or(u64::MAX),
            watched: None,
        }
    }

    /// The credentials of the storage, for masking in logs.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        self.backend.secrets()
    }
}

impl Drop for SccacheManager {
    fn drop(&mut self) {
        // There is nobody to tell; `stop` is there for those who want to know.
        let _ = self.stop(false);
    }
}

/// A server for a scope: started at its beginning, stopped at its end.
///
/// ```no_run
/// use sccache_step::{SccacheManager, SccacheTask, backend::{Backend, Disk}, inputs::Bytes};
///
/// let disk = Disk { directory: "/var/cache/objects".into(), size: Bytes(10 << 30) };
/// let task = SccacheTask::begin(SccacheManager::new(Backend::Disk(disk)), true)?;
/// println!("{}", task.status());
/// // ... compile with `task.manager().client_variables()` ...
/// let stats = task.end()?;
/// # Ok::<(), sccache_step::error::Error>(())
/// ```
#[derive(Debug)]
pub struct SccacheTask {
    manager: SccacheManager,
    status: String,
    trouble: Option<Error>,
}

impl SccacheTask {
    /// Starts the server. Its cache location becomes the task's status.
    ///
    /// # Errors
    /// With `fail_fast` those of [`SccacheManager::start`] and [`SccacheManager::cache_location`]. Without it the
    /// task goes on without a cache, and [`SccacheTask::trouble`] tells why.
    pub fn begin(mut manager: SccacheManager, fail_fast: bool) -> Result<Self, Error> {
        let begun = manager.start().and_then(|()| manager.cache_location());
        match begun {
            Ok(status) => Ok(Self { manager, status, trouble: None }),
            Err(error) if fail_fast => Err(error),
            Err(error) => {
                let status = format!("no cache: {}", error.lines().what);
                Ok(Self { manager, status, trouble: Some(error) })
            }
        }
    }

    /// Where the cache is, or why there is none.
    #[must_use]
    pub fn status(&self) -> &str {
        &self.status
    }

    /// Why there is no cache, when there is none.
    #[must_use]
    pub fn trouble(&self) -> Option<&Error> {
        self.trouble.as_ref()
    }

    /// The manager, for its client variables and counters.
    #[must_use]
    pub fn manager(&self) -> &SccacheManager {
        &self.manager
    }

    /// Stops the server, shows its statistics as a report on standard error, and hands them out. Dropping the
    /// task does the same without handing them out.
    ///
    /// # Errors
    /// Those of [`SccacheManager::stop`].
    pub fn end(mut self) -> Result<Option<Stats>, Error> {
        self.manager.stop(true)
    }
}

impl Drop for SccacheTask {
    fn drop(&mut self) {
        // After `end` there is nothing left to stop or to show; before it, nobody to tell.
        let _ = self.manager.stop(true);
    }
}
