//! `run`: `pre`, a command and `post` in one process.

use std::ffi::OsString;

use super::post::{Timeouts, push_end, push_end_with, push_finish};
use super::pre::start;
use super::{OnFailure, Plan, Planned, Step};
use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::Inputs;

/// Plans `run`.
///
/// # Errors
/// Wrong settings of the storage; these stop the phase before anything is done.
pub fn run(inputs: &Inputs, environment: &Environment, command: Vec<OsString>) -> Result<Plan, Error> {
    let mut plan = start(inputs, environment, "run")?;
    plan.reports = true;
    let reused = plan.saved.is_some();
    // The command's failure is its own affair: it is reported, and what follows is done all the same.
    plan.steps.push(Planned {
        step: Step::RunCommand(command),
        reason: "it was asked for".into(),
        on_failure: OnFailure::Warn,
    });
    if reused {
        let reason = "the server belongs to an earlier `pre`, whose `post` stops it";
        plan.push(Step::ReadStatistics, reason, OnFailure::Warn);
        plan.push(Step::ReadLog, super::post::LOG, OnFailure::Warn);
        if let Some(minimum_percent) = inputs.min_hit_rate_percent {
            plan.push(
                Step::CheckHitRate { minimum_percent },
                "input `min-hit-rate` is given",
                OnFailure::Warn,
            );
        }
        return Ok(plan);
    }
    match plan.saved.clone() {
        Some(state) => push_end(&mut plan, &state),
        None => {
            let travels = plan.steps.iter().any(|planned| matches!(planned.step, Step::RestoreCache(_)));
            let timeouts = Timeouts { drain: inputs.drain_timeout, stop: inputs.stop_timeout };
            push_end_with(&mut plan, timeouts, inputs.min_hit_rate_percent, travels);
        }
    }
    push_finish(&mut plan, environment, Some(environment.run_dir.clone()));
    Ok(plan)
}
