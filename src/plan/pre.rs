//! `pre`: find or install sccache, start the server, export the environment.

use std::path::PathBuf;
use std::sync::Arc;

use super::bundle;
use super::exports::push_exports;
use super::server::plan_server;
use super::{OnFailure, Plan, Planned, Step};
use crate::backend;
use crate::environment::{Environment, SavedState};
use crate::error::Error;
use crate::inputs::Inputs;
use crate::state::{Phase, Policy};
use crate::version::Version;

/// Plans `pre`.
///
/// # Errors
/// Wrong settings of the storage; these stop the phase before anything is done.
pub fn pre(inputs: &Inputs, environment: &Environment) -> Result<Plan, Error> {
    let mut plan = start(inputs, environment, "pre")?;
    if !matches!(plan.steps.first(), Some(planned) if matches!(planned.step, Step::ReuseServer(_))) {
        plan.push(Step::HandOver, "the server must outlive `pre`", OnFailure::LeaveOutCache);
    }
    Ok(plan)
}

/// The steps that `pre` and `run` share: everything up to a working server and its variables.
pub(super) fn start(inputs: &Inputs, environment: &Environment, phase: &'static str) -> Result<Plan, Error> {
    let mut plan = Plan::new(phase, inputs.fail_fast);
    match &environment.saved {
        SavedState::Present { state, is_live: true } if state.phase == Phase::Started => {
            plan.push(
                Step::ReuseServer(state.clone()),
                format!("an earlier `pre` of this job started it (`{}`)", environment.state_path.display()),
                OnFailure::LeaveOutCache,
            );
            plan.saved = Some(state.clone());
            if let Some(server) = &state.server {
                let address_name = server.address.variable().0;
                push_exports(&mut plan, inputs, environment, &state.sccache, address_name);
            }
            if phase == "pre" {
                let reason = "the outputs of a later use tell what the cache did so far";
                plan.steps.push(Planned {
                    step: Step::ReadStatistics,
                    reason: reason.into(),
                    on_failure: OnFailure::Warn,
                });
            }
            return Ok(plan);
        }
        SavedState::Unusable(error) => {
            // It may tell of a server that is alive, so it is not replaced: there is no cache until somebody
            // has looked.
            let reason = "a state file was found that must not be replaced";
            plan.push(Step::Refuse(Arc::clone(error)), reason, OnFailure::LeaveOutCache);
            return Ok(plan);
        }
        SavedState::Present { state, .. } if state.phase == Phase::Started && state.server.is_some() => {
            let reason = "an earlier job on this host, or an earlier `pre`, did not come to its end";
            plan.push(Step::ReapLeftovers(state.clone()), reason, OnFailure::Warn);
        }
        SavedState::Present { .. } | SavedState::Absent => {}
    }
    let storage = backend::choose(inputs, environment, planned_version(inputs, environment))?;
    plan.notices.extend(storage.notices.iter().cloned());
    let bundle = bundle::decide(inputs, environment, &storage)?;
    plan.notices.extend(bundle.notice.clone());
    let secrets = storage.secrets();
    if !secrets.is_empty() {
        plan.push(Step::Mask(secrets), "no credential may be printed", OnFailure::Warn);
    }
    plan.push(
        Step::PrepareRunDirectory {
            run_dir: environment.run_dir.clone(),
            socket_dir: environment.socket_dir.clone(),
        },
        "the server is private to this job",
        OnFailure::LeaveOutCache,
    );
    if let Some(dist) = &storage.dist {
        let step = Step::WriteConfiguration {
            path: environment.run_dir.join("sccache.toml"),
            content: dist.configuration(),
            purpose: format!("what misses is compiled by {}", dist.scheduler_url),
        };
        let reason = origin(inputs, "dist-scheduler-url", "sccache has no variables for it");
        plan.push(step, reason, OnFailure::LeaveOutCache);
    }
    let Some((program, version)) = push_sccache(&mut plan, inputs, environment) else {
        push_state(&mut plan, inputs, environment);
        return Ok(plan);
    };
    if let Some(directory) = storage.backend.config().directory() {
        let reason =
            origin(inputs, "cache-dir", "the server notices a bad directory only at the first compile");
        plan.push(Step::PrepareCacheDirectory(directory.to_owned()), reason, OnFailure::LeaveOutCache);
    }
    let mut server = plan_server(inputs, environment, &storage, version);
    if let Some(state) = bundle.bundle {
        server.storage = format!("{}, travelling as a bundle", server.storage);
        plan.push(Step::RestoreCache(Box::new(state)), bundle.reason, OnFailure::Warn);
    }
    let address_name = server.address.address.variable().0;
    plan.push(Step::StartServer(Box::new(server)), storage.reason, OnFailure::LeaveOutCache);
    push_state(&mut plan, inputs, environment);
    push_exports(&mut plan, inputs, environment, &program, address_name);
    Ok(plan)
}

/// The version that the server will have, as far as it can be known beforehand.
fn planned_version(inputs: &Inputs, environment: &Environment) -> Version {
    match &environment.sccache {
        Some(Ok(found)) => found.version,
        _ => inputs.sccache_version,
    }
}

/// The step that gives us an sccache, where it will be, and which version; `None` when there is none to be had.
fn push_sccache(plan: &mut Plan, inputs: &Inputs, environment: &Environment) -> Option<(PathBuf, Version)> {
    match &environment.sccache {
        Some(Ok(found)) => {
            let reason = match found.origin {
                "sccache" => origin(inputs, "sccache", "it was named"),
                origin => format!("it was found in {origin}"),
            };
            plan.push(Step::UseSccache(found.clone()), reason, OnFailure::LeaveOutCache);
            return Some((found.path.clone(), found.version));
        }
        Some(Err(error)) => {
            let reason = origin(inputs, "sccache", "this sccache was found first");
            plan.push(Step::Refuse(Arc::clone(error)), reason, OnFailure::LeaveOutCache);
            return None;
        }
        None => {}
    }
    if inputs.install_from.is_empty() {
        let error = Error::SccacheMissing { looked: environment.looked.clone() };
        plan.push(Step::Refuse(Arc::new(error)), "input `install-from` is `none`", OnFailure::LeaveOutCache);
        return None;
    }
    let version = inputs.sccache_version;
    plan.push(
        Step::InstallSccache {
            version,
            sources: inputs.install_from.clone(),
            allow_unpinned: inputs.allow_unpinned,
            timeout: inputs.install_timeout,
            tool_cache: environment.tool_cache.clone(),
        },
        format!("none was found: looked at {}", environment.looked.join(", ")),
        OnFailure::LeaveOutCache,
    );
    Some((environment.installed_program.clone(), version))
}

fn push_state(plan: &mut Plan, inputs: &Inputs, environment: &Environment) {
    let policy = Policy {
        fail_fast: inputs.fail_fast,
        min_hit_rate_percent: inputs.min_hit_rate_percent,
        summary: inputs.summary,
        annotations: inputs.annotations.name().to_owned(),
        drain_timeout_ms: u64::try_from(inputs.drain_timeout.as_millis()).unwrap_or(u64::MAX),
        stop_timeout_ms: u64::try_from(inputs.stop_timeout.as_millis()).unwrap_or(u64::MAX),
    };
    let step = Step::WriteState { path: environment.state_path.clone(), policy };
    plan.push(step, "`post` needs to know what was started", OnFailure::LeaveOutCache);
}

/// Where the value of an input came from, or what to say of its default.
fn origin(inputs: &Inputs, name: &str, default: &str) -> String {
    inputs.origins.get(name).map_or_else(|| default.to_owned(), |origin| format!("given by {origin}"))
}
