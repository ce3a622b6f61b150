//! Plan -> outcome: one exhaustive match over the steps, and the only place from which anything is changed.
//!
//! Invents no decision: what a plan could not know in advance, it states as each step's policy.

mod averages;
mod bundle;
mod command;
mod log;
mod prepare;
mod serving;

pub use bundle::{restore as restore_bundle, save as save_bundle, store as bundle_store};

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crate::environment::Environment;
use crate::error::Error;
use crate::exports::Exports;
use crate::host::{self, After, Handover, HostAdapter, Level, Prominence, Refusal};
use crate::inputs::Annotations;
use crate::outcome::{Ending, Finished, Outcome};
use crate::plan::{Audience, ExportValue, OnFailure, Plan, Planned, PlannedVariable, Step};
use crate::process;
use crate::sccache;
use crate::server::Supervised;
use crate::state::{BundleState, State};
use crate::version::Version;

/// How a phase speaks to its host.
#[derive(Clone, Copy)]
pub struct Voice<'a> {
    /// The host.
    pub adapter: &'a dyn HostAdapter,
    /// Which annotations are wanted.
    pub annotations: Annotations,
    /// Whether a shell evaluates our standard output, so that exports may be printed there.
    pub is_evaluated: bool,
}

impl Voice<'_> {
    /// One plain line of the log.
    pub fn say(&self, line: &str) {
        self.write(&self.adapter.talk(line));
    }

    /// A trouble in three lines, annotated where that is wanted.
    pub fn complain(&self, level: Level, error: &Error) {
        self.write(&self.adapter.message(level, &error.lines(), self.prominence()));
    }

    /// Hands something over: writes it, and tells what had to be left out and what could not be written.
    pub fn hand_over(&self, handover: &Handover) -> Vec<Error> {
        let mut told = Vec::new();
        for refused in &handover.refused {
            // A file that the host does not name is missing for everything that goes there: said once.
            if matches!(refused.reason, Refusal::NoFile(_)) {
                if told.contains(&&refused.reason) {
                    continue;
                }
                told.push(&refused.reason);
            }
            self.write(&self.adapter.message(Level::Warning, &refused.lines(), self.prominence()));
        }
        host::deliver(&handover.outputs)
    }

    fn prominence(&self) -> Prominence {
        if self.annotations == Annotations::None { Prominence::Log } else { Prominence::Annotation }
    }

    fn write(&self, outputs: &[host::Output]) {
        // A log that cannot be written has nowhere to be complained about.
        let _ = host::perform(outputs);
    }
}

/// What the steps of one phase hand to each other.
struct Work<'a> {
    environment: &'a Environment,
    voice: Voice<'a>,
    outcome: Outcome,
    state: Option<State>,
    // Restored, for the state that is written afterwards.
    bundle: Option<BundleState>,
    supervised: Option<Supervised>,
    // Held while we look for a server and start one, so that two calls of `pre` in one job start one.
    lock: Option<std::fs::File>,
    phase: &'static str,
    // The names of what the job will be handed, for the state, which is written before.
    exported: Vec<String>,
    began: Instant,
}

/// Carries out a plan.
pub fn execute(plan: Plan, environment: &Environment, voice: Voice<'_>) -> Outcome {
    let exported = plan.exported();
    let mut work = Work {
        environment,
        voice,
        outcome: Outcome::default(),
        state: plan.saved.map(|state| *state),
        bundle: None,
        supervised: None,
        lock: None,
        phase: plan.phase,
        exported,
        began: environment.began,
    };
    if let Some(state) = &work.state {
        work.outcome.sccache =
            Version::parse(&state.sccache_version).map(|version| (state.sccache.clone(), version));
        work.outcome.server.clone_from(&state.server);
    }
    for notice in &plan.notices {
        voice.say(notice);
    }
    let mut stopped = false;
    for planned in plan.steps {
        work.take(planned, &mut stopped);
    }
    work.tidy_up();
    work.outcome
}

impl Work<'_> {
    /// Carries out one step, or leaves it out, and applies its policy when it fails.
    fn take(&mut self, planned: Planned, stopped: &mut bool) {
        let Planned { step, on_failure, .. } = planned;
        let name = step.name();
        let began = Instant::now();
        let belongs_to_end = step.belongs_to_end();
        // Why a phase stopped is for `post` to report, so the state is written even then.
        let tells_why = matches!(step, Step::WriteState { .. }) && process::cancellation().signal().is_none();
        let left_out = (*stopped && !belongs_to_end && !tells_why) || self.is_pointless(&step);
        let (result, ending) =
            if left_out { (Ok(()), Ending::LeftOut) } else { (self.carry_out(step), Ending::Done) };
        let ending = if result.is_err() { Ending::Failed } else { ending };
        self.outcome.steps.push(Finished { step: name, belongs_to_end, ending, took: began.elapsed() });
        let Err(error) = result else { return };
        let interrupted = matches!(*error, Error::Interrupted { .. });
        if interrupted {
            // What is left to do is the tidying up, which must not be interrupted in turn.
            process::cancellation().defer();
        }
        let stops = interrupted || on_failure == OnFailure::Stop || error.exit_code().number() >= 125;
        self.voice.complain(if stops { Level::Error } else { Level::Warning }, &error);
        if on_failure != OnFailure::Warn && self.outcome.failure.is_none() {
            self.outcome.failure = Some(error.lines().what);
        }
        if stops && self.outcome.stopped_by.is_none() {
            self.outcome.stopped_by = Some(self.outcome.troubles.len());
        }
        *stopped |= stops;
        self.outcome.troubles.push(error);
    }

    /// Whether an earlier failure took away what the step needs.
    fn is_pointless(&self, step: &Step) -> bool {
        match step {
            Step::Refuse(_)
            | Step::Mask(_)
            | Step::PrepareRunDirectory { .. }
            | Step::RunCommand(_)
            | Step::ReapLeftovers(_)
            | Step::ReuseServer(_) => false,
            Step::Drain { .. }
            | Step::ReadStatistics
            | Step::StopServer { .. }
            | Step::CheckHitRate { .. }
            | Step::ReadLog
            | Step::RecordAverages => self.outcome.server.is_none(),
            Step::SaveCache => {
                self.outcome.joined || self.state.as_ref().is_none_or(|state| state.bundle.is_none())
            }
            Step::FinishState { .. } => self.state.is_none(),
            // Its logs are what the troubles tell of. Being stopped is none.
            Step::RemoveRunDirectory(_) => {
                let is_trouble = |error: &Arc<Error>| !matches!(**error, Error::Interrupted { .. });
                self.outcome.troubles.iter().any(is_trouble) || !self.outcome.incidents.is_empty()
            }
            // Without a server the state still tells `post` why.
            Step::WriteState { path, .. } => {
                self.outcome.joined || !may_hold_state(path, &self.environment.run_dir)
            }
            Step::UseSccache(_)
            | Step::InstallSccache { .. }
            | Step::WriteConfiguration { .. }
            | Step::PrepareCacheDirectory(_)
            | Step::RestoreCache(_)
            | Step::StartServer(_)
            | Step::HandOver => self.outcome.joined || self.outcome.failure.is_some(),
            Step::Export { .. } => self.outcome.failure.is_some(),
        }
    }

    fn carry_out(&mut self, step: Step) -> Result<(), Arc<Error>> {
        if let Some(signal) = process::cancellation().signal() {
            return Err(Arc::new(Error::Interrupted { signal }));
        }
        match step {
            Step::Refuse(error) => Err(error),
            Step::Mask(secrets) => {
                self.voice.write(&self.voice.adapter.mask(&secrets));
                Ok(())
            }
            Step::UseSccache(found) => {
                self.voice.say(&format!(
                    "sccache {} at `{}` ({})",
                    found.version,
                    found.path.display(),
                    found.origin
                ));
                sccache::remember(&self.environment.tool_cache, &found.path, found.version);
                self.outcome.sccache = Some((found.path, found.version));
                Ok(())
            }
            Step::InstallSccache { version, sources, allow_unpinned, timeout, tool_cache } => {
                Ok(self.install(version, &sources, allow_unpinned, timeout, &tool_cache)?)
            }
            Step::PrepareRunDirectory { run_dir, socket_dir } => {
                Ok(self.prepare_run_directory(&run_dir, &socket_dir)?)
            }
            Step::WriteConfiguration { path, content, .. } => Ok(prepare::configuration(&path, &content)?),
            Step::PrepareCacheDirectory(path) => Ok(sccache::try_cache_directory(&path)?),
            Step::RestoreCache(bundle) => Ok(self.restore_cache(*bundle)?),
            Step::SaveCache => Ok(self.save_cache()?),
            Step::StartServer(server) => Ok(self.start_server(*server)?),
            Step::ReapLeftovers(state) => Ok(self.reap(&state)?),
            Step::ReuseServer(state) => {
                self.reuse(&state);
                Ok(())
            }
            Step::WriteState { path, policy } => Ok(self.write_state(&path, policy)?),
            Step::Export { variables, path, audience } => {
                Ok(self.export(&variables, path.as_deref(), audience)?)
            }
            Step::HandOver => Ok(self.hand_over()?),
            Step::RunCommand(words) => Ok(self.run_command(&words)?),
            Step::Drain { limit } => Ok(self.drain(limit)?),
            Step::ReadStatistics => Ok(self.read_statistics()?),
            Step::StopServer { timeout } => Ok(self.stop_server(timeout)?),
            Step::ReadLog => Ok(self.read_log()?),
            Step::RecordAverages => Ok(self.record_averages()?),
            Step::FinishState { path } => Ok(self.finish_state(&path)?),
            Step::RemoveRunDirectory(path) => {
                self.remove_run_directory(&path);
                Ok(())
            }
            Step::CheckHitRate { minimum_percent } => Ok(self.check_hit_rate(minimum_percent)?),
        }
    }

    fn export(
        &mut self,
        variables: &[PlannedVariable],
        path: Option<&Path>,
        audience: Audience,
    ) -> Result<(), Error> {
        let Some(server) = &self.outcome.server else { return Ok(()) };
        let variables = variables.iter().map(|variable| match &variable.value {
            ExportValue::Text(value) => (variable.name.clone(), value.clone()),
            ExportValue::ServerAddress => {
                let (name, value) = server.address.variable();
                (name.to_owned(), value)
            }
        });
        let exports = Exports { variables: variables.collect(), path: path.map(ToOwned::to_owned) };
        self.outcome.exports = exports;
        if audience == Audience::Command {
            return Ok(());
        }
        let after = After {
            program: self.environment.program.clone(),
            state: self.environment.state_path.clone(),
            failure: None,
        };
        let mut handover = self.voice.adapter.export(&self.outcome.exports, &after);
        handover
            .outputs
            .retain(|output| self.voice.is_evaluated || !matches!(output, host::Output::Stdout(_)));
        self.voice.hand_over(&handover).into_iter().next().map_or(Ok(()), Err)
    }
}

/// Whether the state file can be put there without touching anything of somebody else.
fn may_hold_state(path: &Path, run_dir: &Path) -> bool {
    let Some(parent) = path.parent() else { return false };
    let foreign = parent == run_dir && !matches!(process::foreign_directory(parent), Ok(None));
    let occupied = path.exists() && !matches!(process::foreign_file(path), Ok(None));
    !foreign && !occupied
}
