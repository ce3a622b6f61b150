//! The steps around the server: install, start, hand over, ask, stop, and the state file between them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;

use super::{Work, prepare};
use crate::error::Error;
use crate::host;
use crate::incident::Incident;
use crate::installer::Installer;
use crate::plan::PlannedServer;
use crate::process;
use crate::sccache::{self, Digests, Terminal};
use crate::secret::ServerValue;
use crate::server;
use crate::server::order::{Fallback, Instead, Order};
use crate::state::{Phase, Policy, SCHEMA_VERSION, ServerState, State};
use crate::stats::Statistics;
use crate::version::Version;

/// How long another call of `pre` may take to start its server.
const LOCK_LIMIT: Duration = Duration::from_secs(60);

impl Work<'_> {
    pub(super) fn install(
        &mut self,
        version: Version,
        sources: &[Installer],
        allow_unpinned: bool,
        timeout: Duration,
        tool_cache: &Path,
    ) -> Result<(), Error> {
        self.voice.say(&format!("installing sccache {version} into `{}`", tool_cache.display()));
        let order = sccache::Order {
            version: &version,
            sources,
            tool_cache,
            target: self.environment.archive_target,
            allow_unpinned,
            timeout,
            variables: &self.environment.variables,
            archive_base: None,
            digests: Digests::compiled_in(),
        };
        let installed = sccache::install(&order, &Terminal::default())?;
        for attempt in &installed.attempts {
            self.voice.say(&format!("not from {}: {}", attempt.installer, attempt.reason));
        }
        let source = installed.source.map_or("by another job", Installer::name);
        self.voice
            .say(&format!("sccache {version} was installed ({source}) at `{}`", installed.path.display()));
        self.outcome.sccache = Some((installed.path, version));
        Ok(())
    }

    /// Creates the directories, and looks once more for a server when nobody else can be starting one.
    pub(super) fn prepare_run_directory(&mut self, run_dir: &Path, socket_dir: &Path) -> Result<(), Error> {
        prepare::run_directories(run_dir, socket_dir)?;
        if !self.environment.is_run_dir_throwaway {
            self.lock = prepare::lock(run_dir, LOCK_LIMIT);
            let state = State::read(&self.environment.state_path).ok().flatten();
            let is_live = |state: &State| {
                let server = state.server.as_ref();
                state.phase == Phase::Started && server.is_some_and(server::is_kept)
            };
            if let Some(state) = state.filter(is_live) {
                self.reuse(&state);
                self.outcome.sccache =
                    Version::parse(&state.sccache_version).map(|version| (state.sccache.clone(), version));
                self.outcome.server.clone_from(&state.server);
                self.outcome.joined = true;
                self.state = Some(state);
                return Ok(());
            }
        }
        prepare::begin_anew(run_dir)
    }

    /// Whether the state file still tells of our server, and not of one that was started since.
    fn is_still_ours(&self, path: &Path, server: Option<&ServerState>) -> bool {
        let on_disk = State::read(path).ok().flatten();
        on_disk.is_some_and(|state| state.server.as_ref() == server)
    }

    pub(super) fn start_server(&mut self, planned: PlannedServer) -> Result<(), Error> {
        let Some((sccache, _)) = self.outcome.sccache.clone() else { return Ok(()) };
        let order = Order {
            sccache,
            variables: exposed(&planned.variables),
            secrets: planned.secrets.iter().map(|secret| secret.expose().to_owned()).collect(),
            storage: planned.storage,
            fallback: planned.fallback.map(|fallback| Fallback {
                variables: exposed(&fallback.variables),
                storage: fallback.storage,
                directory: fallback.directory,
            }),
            address: planned.address.address,
            log: planned.log,
            state: self.environment.state_path.clone(),
            run_dir: self.environment.run_dir.clone(),
            socket_dir: self.environment.socket_dir.clone(),
            startup_timeout_ms: millis(planned.startup_timeout),
            watched: planned.watched,
        };
        let supervised = server::start(&self.environment.program, &order)?;
        let (storage, cache_dir) = match supervised.instead.as_deref().cloned() {
            None => (order.storage, planned.cache_dir),
            Some(Instead { storage: instead, directory, reason }) => {
                let error =
                    Error::StorageReplaced { storage: order.storage, instead: instead.clone(), reason };
                self.voice.complain(host::Level::Warning, &error);
                self.outcome.troubles.push(Arc::new(error));
                (instead, Some(directory))
            }
        };
        self.voice.say(&format!(
            "sccache server, pid {}, listens at {} with {storage}",
            supervised.server.pid, supervised.address
        ));
        self.outcome.server = Some(ServerState {
            server: supervised.server,
            supervisor: supervised.supervisor,
            holder: supervised.holder,
            address: supervised.address.clone(),
            log: order.log,
            run_dir: order.run_dir,
            socket_dir: order.socket_dir,
            storage,
            cache_dir,
        });
        self.supervised = Some(supervised);
        Ok(())
    }

    pub(super) fn reuse(&mut self, state: &State) {
        if let Some(server) = &state.server {
            self.voice.say(&format!(
                "the sccache server is already running (pid {}) at {}; it is used again",
                server.server.pid, server.address
            ));
        }
    }

    pub(super) fn hand_over(&mut self) -> Result<(), Error> {
        if let Some(signal) = process::cancellation().signal() {
            return Err(Error::Interrupted { signal });
        }
        self.supervised.take().map_or(Ok(()), server::Supervised::hand_over)
    }

    pub(super) fn write_state(&mut self, path: &Path, policy: Policy) -> Result<(), Error> {
        let (sccache, version) = self
            .outcome
            .sccache
            .as_ref()
            .map_or_else(Default::default, |(path, version)| (path.clone(), version.to_string()));
        let state = State {
            schema: SCHEMA_VERSION,
            writer: env!("CARGO_PKG_VERSION").to_owned(),
            job: self.environment.job_id.clone(),
            began_unix_ms: self.environment.now_unix_ms,
            pre_ms: millis(self.began.elapsed()),
            phase: Phase::Started,
            started_by: self.phase.to_owned(),
            sccache,
            sccache_version: version,
            server: self.outcome.server.clone(),
            failure: self.outcome.failure.clone(),
            exported: if self.outcome.server.is_some() { self.exported.clone() } else { Vec::new() },
            policy,
            bundle: self.bundle.take(),
        };
        if let Some(directory) = path.parent().filter(|directory| !directory.exists()) {
            // What cannot be created is told by the write.
            let _ = process::create_private_directory(directory);
        }
        state.write(path)?;
        self.state = Some(state);
        Ok(())
    }

    /// Waits for cache writes that go on in the background; those that do not end in time are lost.
    pub(super) fn drain(&mut self, limit: Duration) -> Result<(), Error> {
        let Some(server) = &self.outcome.server else { return Ok(()) };
        match server::drain(server, limit) {
            0 => Ok(()),
            lost => Err(Error::WritesLost { lost, limit }),
        }
    }

    pub(super) fn read_statistics(&mut self) -> Result<(), Error> {
        let (Some((sccache, _)), Some(server)) = (self.outcome.sccache.clone(), self.outcome.server.clone())
        else {
            return Ok(());
        };
        if let Some(directory) = server.cache_dir.clone() {
            self.recall(&directory);
        }
        let told = server::ask(&sccache, &server, &self.environment.variables);
        let trouble = match &told.statistics {
            Statistics::Lost { how, .. } => {
                Some(Error::ServerLost { how: how.clone(), log: server.log.clone() })
            }
            Statistics::Unanswered { how, .. } => {
                Some(Error::StatisticsUnreadable { source: anyhow!(how.clone()) })
            }
            Statistics::NoServer | Statistics::Known { .. } => None,
        };
        self.outcome.statistics = Some(told.statistics);
        self.outcome.incidents = told.incidents;
        self.outcome.samples = told.samples;
        trouble.map_or(Ok(()), Err)
    }

    pub(super) fn stop_server(&mut self, timeout: Duration) -> Result<(), Error> {
        let Some(server) = self.outcome.server.clone() else { return Ok(()) };
        let program = self.outcome.sccache.as_ref().map(|(path, _)| path.as_path());
        let ended = server::stop_all(&server, program, &self.environment.state_path, timeout);
        if let Some(supervised) = self.supervised.take() {
            supervised.reap();
        }
        for (line, severity) in &ended.lines {
            self.voice.say(line);
            if *severity == server::Severity::Incident {
                self.outcome.incidents.push(Incident {
                    at_unix_ms: self.environment.now_unix_ms + millis(self.began.elapsed()),
                    what: line.clone(),
                    why: None,
                    cost: None,
                });
            }
        }
        ended.result
    }

    /// Ends what a job that crashed has left behind.
    pub(super) fn reap(&mut self, state: &State) -> Result<(), Error> {
        let Some(server) = &state.server else { return Ok(()) };
        let ended =
            server::stop_all(server, Some(&state.sccache), &self.environment.state_path, Duration::ZERO);
        for (line, _) in &ended.lines {
            self.voice.say(&format!("left behind by an earlier job: {line}"));
        }
        ended.result
    }

    pub(super) fn finish_state(&mut self, path: &Path) -> Result<(), Error> {
        let Some(mut state) = self.state.take() else { return Ok(()) };
        if !self.is_still_ours(path, state.server.as_ref()) {
            return Ok(());
        }
        state.phase = Phase::Finished;
        let run_dir = state.server.as_ref().map_or(&self.environment.run_dir, |server| &server.run_dir);
        // It may hold the token of a scheduler, and no server reads it any more.
        let _ = std::fs::remove_file(run_dir.join("sccache.toml"));
        if let Some(server) = &state.server {
            // A socket that outlives its server only misleads; it goes with its directory otherwise.
            server::remove_sockets(&server.socket_dir);
            if server.socket_dir != server.run_dir {
                let _ = std::fs::remove_dir(&server.socket_dir);
            }
        }
        state.write(path)
    }

    /// Removes what we put there, and then the directory if nothing else is in it.
    pub(super) fn remove_run_directory(&self, path: &Path) {
        if !matches!(process::foreign_directory(path), Ok(None)) {
            return;
        }
        let ours = [
            "lock",
            "state.json",
            "history.jsonl",
            "stop-requested",
            "sccache.toml",
            "server.log",
            "supervisor.log",
        ];
        // Whatever resists is a few bytes in a temporary directory.
        ours.iter().for_each(|name| drop(std::fs::remove_file(path.join(name))));
        server::remove_sockets(path);
        let _ = std::fs::remove_dir(path);
    }

    pub(super) fn check_hit_rate(&mut self, minimum_percent: f64) -> Result<(), Error> {
        let stats = self.outcome.statistics.as_ref().and_then(Statistics::stats);
        match stats.and_then(crate::stats::Stats::hit_rate_percent) {
            Some(rate_percent) if rate_percent < minimum_percent => {
                Err(Error::HitRateLow { rate_percent, minimum_percent })
            }
            _ => Ok(()),
        }
    }

    /// A server that was neither handed over nor stopped is one that nobody would ever stop.
    pub(super) fn tidy_up(&mut self) {
        let Some(supervised) = self.supervised.take() else { return };
        let (server, keepers) = (supervised.server, supervised.keepers());
        // Dropping it lets go of the leash, upon which the supervisor stops the server.
        drop(supervised);
        if let Err(error) = server::stop_supervisor(&keepers) {
            process::end(server, process::Urgency::Kill);
            self.outcome.troubles.push(Arc::new(error));
        }
        self.outcome.server = None;
        let path = &self.environment.state_path;
        let state = self.state.take().filter(|state| self.is_still_ours(path, state.server.as_ref()));
        if let Some(mut state) = state {
            state.server = None;
            state.exported.clear();
            state.failure.clone_from(&self.outcome.failure);
            if state.failure.is_none() {
                state.phase = Phase::Finished;
            }
            // The state of a server that is gone is found out by `post` as well.
            let _ = state.write(path);
        }
    }
}

fn exposed(variables: &[(String, ServerValue)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
