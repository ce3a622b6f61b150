//! `post` and `stats`: decided from the state file alone.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::{OnFailure, Plan, Planned, ServerRole, Step};
use crate::environment::{Environment, SavedState};
use crate::error::Error;
use crate::inputs::Inputs;
use crate::state::{Phase, State};

/// Why the log is read.
pub(super) const LOG: &str = "the counters do not tell which units missed";

/// Plans `post`.
#[must_use]
pub fn post(inputs: &Inputs, environment: &Environment, role: ServerRole) -> Plan {
    let mut plan = Plan::new("post", inputs.fail_fast);
    let path = &environment.state_path;
    let state = match &environment.saved {
        SavedState::Absent => {
            plan.notices.push(format!("nothing to stop: no `pre` left a state file at `{}`", path.display()));
            return plan;
        }
        SavedState::Unusable(error) => {
            plan.push(
                Step::Refuse(Arc::clone(error)),
                "the state file decides what is stopped",
                OnFailure::Warn,
            );
            return plan;
        }
        SavedState::Present { state, .. } => state,
    };
    plan.fail_fast = state.policy.fail_fast;
    plan.saved = Some(state.clone());
    if state.phase == Phase::Finished {
        plan.notices.push("nothing to stop: the server was stopped and reported before".into());
        return plan;
    }
    if state.started_by == "run" {
        plan.notices
            .push("the server belongs to a `run`, which stops it and reports when its command ends".into());
        return plan;
    }
    if role == ServerRole::Guest {
        plan.notices.push("the server belongs to an earlier step, whose `post` stops it and reports".into());
        return plan;
    }
    plan.reports = true;
    push_end(&mut plan, state);
    // The directory stays: the shell that `pre` was evaluated in still names it, and without it the next
    // compiler call there would fail, because sccache could not bind a socket for a server of its own.
    push_finish(&mut plan, environment, None);
    plan
}

/// Plans `stats`.
///
/// # Errors
/// [`Error::NoServer`] when there is none of ours to ask, and whatever makes the state file unusable.
pub fn stats(environment: &Environment) -> Result<Plan, Arc<Error>> {
    let mut plan = Plan::new("stats", true);
    match &environment.saved {
        SavedState::Unusable(error) => return Err(Arc::clone(error)),
        // One that was lost is reported as such.
        SavedState::Present { state, .. } if state.phase == Phase::Started && state.server.is_some() => {
            plan.saved = Some(state.clone());
        }
        _ => return Err(Arc::new(Error::NoServer { state: environment.state_path.clone() })),
    }
    plan.push(Step::ReadStatistics, "only the server knows its counters", OnFailure::Stop);
    plan.steps.push(Planned { step: Step::ReadLog, reason: LOG.into(), on_failure: OnFailure::Warn });
    plan.reports = true;
    Ok(plan)
}

/// The steps that `post` and `run` share: ask, stop, remember, judge.
pub(super) fn push_end(plan: &mut Plan, state: &State) {
    let policy = &state.policy;
    let timeouts = Timeouts {
        drain: Duration::from_millis(policy.drain_timeout_ms),
        stop: Duration::from_millis(policy.stop_timeout_ms),
    };
    push_end_with(plan, timeouts, policy.min_hit_rate_percent, state.bundle.is_some());
}

/// How long the end of a server may take.
#[derive(Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) drain: Duration,
    pub(super) stop: Duration,
}

pub(super) fn push_end_with(
    plan: &mut Plan,
    timeouts: Timeouts,
    min_hit_rate_percent: Option<f64>,
    travels: bool,
) {
    let reason = "sccache does not wait for what it writes in the background when it stops";
    plan.push(Step::Drain { limit: timeouts.drain }, reason, OnFailure::Warn);
    plan.push(Step::ReadStatistics, "the counters end with the server", OnFailure::Warn);
    let reason = "no process may outlive the job";
    plan.push(Step::StopServer { timeout: timeouts.stop }, reason, OnFailure::Warn);
    plan.push(Step::ReadLog, LOG, OnFailure::Warn);
    plan.push(
        Step::RecordAverages,
        "later jobs compare with it, and those that compile nothing need an average to go by",
        OnFailure::Warn,
    );
    if travels {
        plan.push(Step::SaveCache, "nobody writes to the cache any more", OnFailure::Warn);
    }
    if let Some(minimum_percent) = min_hit_rate_percent {
        plan.push(Step::CheckHitRate { minimum_percent }, "input `min-hit-rate` is given", OnFailure::Warn);
    }
}

/// The last steps of `post` and `run`: nothing of the job is left to do, and nothing of it left to find.
pub(super) fn push_finish(plan: &mut Plan, environment: &Environment, run_dir: Option<PathBuf>) {
    let path = environment.state_path.clone();
    plan.push(Step::FinishState { path }, "a second `post` must find nothing to do", OnFailure::Warn);
    if let Some(run_dir) = run_dir.filter(|_| environment.is_run_dir_throwaway) {
        plan.push(Step::RemoveRunDirectory(run_dir), "nobody will look for it again", OnFailure::Warn);
    }
}
