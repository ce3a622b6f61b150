//! Fills [`Environment`]: the only reader of the process environment and of what others left on disk.
//!
//! Changes nothing.

mod clues;
mod job;
mod machine;
mod trust;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub use clues::clues;

use crate::environment::{Environment, FoundSccache, SavedState, System, Variables};
use crate::error::Error;
use crate::host::Host;
use crate::inputs::Inputs;
use crate::process;
use crate::sccache;
use crate::state::{Phase, ProcessIdentity, State};

/// The process environment. Variables that are not Unicode are left out.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the process environment")]
pub fn variables() -> Variables {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the process environment")]
fn search_path() -> Option<OsString> {
    std::env::var_os("PATH").filter(|path| !path.is_empty())
}

/// What the observation is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A server for the rest of the job.
    Job,
    /// A server for one command. Unless the job has one, it is that command's alone, because several may run
    /// side by side.
    Command,
    /// Phases that go by the state file alone; no program is run to find one out.
    Ending,
}

/// What is true now, for a phase with these inputs.
#[must_use]
pub fn observe(inputs: &Inputs, variables: Variables, host: Host, purpose: Purpose) -> Environment {
    let began = Instant::now();
    let system = system();
    let workspace = workspace(&variables);
    let private = match purpose {
        Purpose::Command => unique_directory_name(),
        Purpose::Job | Purpose::Ending => private_directory_name(&variables, host),
    };
    let default_run_dir = temporary_directory(&variables, host).join(&private);
    let id = job_id(&variables, host);
    let (state_path, saved) = state(inputs, &workspace, &default_run_dir, purpose, id.as_deref());
    let run_dir = match &saved {
        SavedState::Present { state, .. } => state.server.as_ref().map(|server| server.run_dir.clone()),
        _ => None,
    };
    let run_dir = run_dir.filter(|dir| Some(dir.as_path()) == state_path.parent()).unwrap_or(default_run_dir);
    let socket_dir = if system.can_bind_in(&run_dir) { run_dir.clone() } else { short_directory(&run_dir) };
    let user_cache = user_cache_directory(&variables, system).unwrap_or_else(|| run_dir.join("home"));
    let is_homeless = system != System::Windows && home(&variables).is_none();
    let home_substitute = is_homeless.then(|| run_dir.join("home"));
    let tool_cache = tool_cache(&variables, &user_cache);
    let (found, looked) = if purpose == Purpose::Ending {
        (None, Vec::new())
    } else {
        find_sccache(inputs, &variables, &tool_cache)
    };
    Environment {
        job: job::job(&variables, host, &workspace, unix_ms()),
        search_path: search_path(),
        system,
        archive_target: archive_target(system),
        program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("sccache-step")),
        workspace: workspace.clone(),
        run_dir,
        socket_dir,
        state_path,
        saved,
        default_cache_dir: user_cache.join(sccache_cache_name(system)),
        home_substitute,
        installed_program: sccache::tool_cache_program(&tool_cache, &inputs.sccache_version),
        tool_cache,
        sccache: found,
        looked,
        untrusted: trust::untrusted(&variables),
        machine: if purpose == Purpose::Ending {
            Vec::new()
        } else {
            machine::machine(&variables, &workspace)
        },
        watched: watched(&variables, host),
        job_id: id,
        began,
        is_run_dir_throwaway: host == Host::Local || purpose == Purpose::Command,
        now_unix_ms: unix_ms(),
        variables,
    }
}

fn system() -> System {
    match std::env::consts::OS {
        "windows" => System::Windows,
        "macos" => System::MacOs,
        _ => System::Linux,
    }
}

fn archive_target(system: System) -> Option<&'static str> {
    match (system, std::env::consts::ARCH) {
        (System::Linux, "x86_64") => Some("x86_64-unknown-linux-musl"),
        (System::Linux, "aarch64") => Some("aarch64-unknown-linux-musl"),
        (System::Linux, "s390x") => Some("s390x-unknown-linux-musl"),
        (System::Linux, "riscv64") => Some("riscv64gc-unknown-linux-musl"),
        (System::MacOs, "x86_64") => Some("x86_64-apple-darwin"),
        (System::MacOs, "aarch64") => Some("aarch64-apple-darwin"),
        (System::Windows, "x86_64") => Some("x86_64-pc-windows-msvc"),
        (System::Windows, "aarch64") => Some("aarch64-pc-windows-msvc"),
        _ => None,
    }
}

fn set<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// gitlab-ci-local names a project directory that does not exist for jobs with an image, so a directory
/// counts only when it is there.
fn workspace(variables: &Variables) -> PathBuf {
    let named = ["GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY"]
        .into_iter()
        .find_map(|name| set(variables, name));
    let named = named.map(PathBuf::from).filter(|path| path.is_absolute() && path.is_dir());
    named.or_else(|| std::env::current_dir().ok()).unwrap_or_else(|| PathBuf::from("/"))
}

fn temporary_directory(variables: &Variables, host: Host) -> PathBuf {
    let names: &[&str] = match host {
        Host::GitHub => &["RUNNER_TEMP"],
        Host::GitLab => &["RUNNER_TEMP_PROJECT_DIR"],
        Host::AzurePipelines => &["AGENT_TEMPDIRECTORY"],
        Host::Local => &["XDG_RUNTIME_DIR"],
    };
    let named = names.iter().find_map(|name| set(variables, name)).map(PathBuf::from);
    named.filter(|path| path.is_absolute()).unwrap_or_else(std::env::temp_dir)
}

/// One name for all phases of a job where the host tells jobs apart, a fresh one elsewhere.
fn private_directory_name(variables: &Variables, host: Host) -> String {
    let user = process::user_id();
    let job = match host {
        // The runner gives each job a temporary directory of its own, and empties it.
        Host::GitHub if set(variables, "RUNNER_TEMP").is_some() => return "sccache-step".into(),
        Host::AzurePipelines if set(variables, "AGENT_TEMPDIRECTORY").is_some() => {
            return "sccache-step".into();
        }
        Host::GitHub => set(variables, "GITHUB_RUN_ID"),
        Host::GitLab => set(variables, "CI_JOB_ID"),
        Host::AzurePipelines => set(variables, "SYSTEM_JOBID"),
        Host::Local => None,
    };
    match job {
        Some(job) => {
            format!("sccache-step-{user}-{}", job.replace(|c: char| !c.is_ascii_alphanumeric(), "-"))
        }
        None => unique_directory_name(),
    }
}

fn unique_directory_name() -> String {
    format!("sccache-step-{}-{}-{}", process::user_id(), std::process::id(), unix_ms())
}

/// The state file and what it says. A command of its own goes by the variable that `pre` exported only while
/// that server is alive; afterwards the file is a finished job's.
fn state(
    inputs: &Inputs,
    workspace: &Path,
    run_dir: &Path,
    purpose: Purpose,
    job: Option<&str>,
) -> (PathBuf, SavedState) {
    let default = run_dir.join("state.json");
    let path = inputs.state.as_ref().map_or_else(|| default.clone(), |path| workspace.join(path));
    let saved = saved_state(&path, job);
    let is_asked_for = inputs.origins.get("state").is_none_or(|origin| origin.starts_with("flag"));
    let is_over = match &saved {
        SavedState::Present { state, is_live } => state.phase == Phase::Finished || !is_live,
        SavedState::Absent | SavedState::Unusable(_) => false,
    };
    if purpose == Purpose::Command && is_over && !is_asked_for {
        return (default, SavedState::Absent);
    }
    (path, saved)
}

/// A private directory with a short path for the socket of a run whose own path is too long. Its name
/// follows from the long path, so that all phases find it.
fn short_directory(run_dir: &Path) -> PathBuf {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(run_dir);
    PathBuf::from("/tmp").join(format!("sccache-step-{}-{hash:016x}", process::user_id()))
}

/// `None` for a user without a home. A directory that others can write to is no substitute: a program in it
/// would be executed, and objects in it would become part of the build.
fn user_cache_directory(variables: &Variables, system: System) -> Option<PathBuf> {
    let named = |name: &str| set(variables, name).map(PathBuf::from).filter(|path| path.is_absolute());
    match system {
        System::Linux => named("XDG_CACHE_HOME").or_else(|| Some(home(variables)?.join(".cache"))),
        System::MacOs => Some(home(variables)?.join("Library/Caches")),
        System::Windows => named("LOCALAPPDATA"),
    }
}

/// The user's home, which may be known to the system's user database only.
fn home(variables: &Variables) -> Option<PathBuf> {
    let named = set(variables, "HOME").map(PathBuf::from);
    named.or_else(std::env::home_dir).filter(|path| path.is_absolute())
}

/// sccache's own default below the user's cache directory, so that its users find their cache again.
fn sccache_cache_name(system: System) -> &'static str {
    match system {
        System::Linux => "sccache",
        System::MacOs => "Mozilla.sccache",
        System::Windows => r"Mozilla\sccache\cache",
    }
}

fn tool_cache(variables: &Variables, user_cache: &Path) -> PathBuf {
    let names = ["RUNNER_TOOL_CACHE", "RUNNER_TOOLSDIRECTORY", "AGENT_TOOLSDIRECTORY"];
    let named = names.into_iter().find_map(|name| set(variables, name)).map(PathBuf::from);
    named.unwrap_or_else(|| user_cache.join("sccache-step").join("tools"))
}

type Found = Option<Result<FoundSccache, Arc<Error>>>;

/// The sccache named, else the first in PATH, else the wanted version in the tool cache; and where we looked.
fn find_sccache(inputs: &Inputs, variables: &Variables, tool_cache: &Path) -> (Found, Vec<String>) {
    let look = |path: PathBuf, origin| {
        let recalled = sccache::recall(tool_cache, &path).map(Ok);
        let version = recalled.unwrap_or_else(|| sccache::ask(&path, variables).map_err(Arc::new));
        Some(version.map(|version| FoundSccache { path, version, origin }))
    };
    if let Some(path) = &inputs.sccache {
        let absolute = workspace(variables).join(path);
        return (look(absolute, "sccache"), vec![format!("`{}`", path.display())]);
    }
    if let Some(program) = sccache::on_path(variables, "sccache") {
        return (look(program, "PATH"), vec!["PATH".into()]);
    }
    let looked = vec!["PATH".into(), format!("the tool cache `{}`", tool_cache.display())];
    let found = sccache::in_tool_cache(tool_cache, &inputs.sccache_version);
    (found.and_then(|program| look(program, "tool cache")), looked)
}

fn saved_state(path: &Path, job: Option<&str>) -> SavedState {
    match process::foreign_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return SavedState::Absent,
        Err(error) => {
            let source = error.into();
            return SavedState::Unusable(Arc::new(Error::StateUnreadable { path: path.to_owned(), source }));
        }
        Ok(Some(reason)) => {
            return SavedState::Unusable(Arc::new(Error::StateForeign { path: path.to_owned(), reason }));
        }
        Ok(None) => {}
    }
    match State::read(path) {
        Ok(None) => SavedState::Absent,
        Ok(Some(state)) => {
            let is_alive = state.server.as_ref().is_some_and(crate::server::is_kept);
            let is_live = is_alive && is_of(&state, job);
            SavedState::Present { state: Box::new(state), is_live }
        }
        Err(error) => SavedState::Unusable(Arc::new(error)),
    }
}

/// Whether a state is of this job, as far as the host and the state tell.
fn is_of(state: &State, job: Option<&str>) -> bool {
    match (&state.job, job) {
        (Some(theirs), Some(ours)) => theirs == ours,
        _ => true,
    }
}

fn job_id(variables: &Variables, host: Host) -> Option<String> {
    let names: &[&str] = match host {
        Host::GitHub => &["GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"],
        Host::GitLab => &["CI_JOB_ID"],
        Host::AzurePipelines => &["SYSTEM_JOBID", "SYSTEM_JOBATTEMPT"],
        Host::Local => &[],
    };
    let told: Vec<&str> = names.iter().filter_map(|name| set(variables, name)).collect();
    (!told.is_empty()).then(|| told.join("-"))
}

/// The process whose end is the job's. On GitHub the runner's worker, which may die with its job on a host
/// that lives on. On GitLab the shell of the script: the section after it is another one, and reads the
/// history. For a person at a terminal the session's leader: closing the terminal must not leave a server
/// behind. On other CI hosts, some of which run each step in a session of its own, nobody.
fn watched(variables: &Variables, host: Host) -> Option<ProcessIdentity> {
    match host {
        Host::GitHub => process::ancestor_named("Runner.Worker"),
        Host::GitLab => process::group_leader(),
        Host::Local if set(variables, "CI").is_none() => process::session_leader(),
        Host::AzurePipelines | Host::Local => None,
    }
}

/// Now, in seconds since 1970 (UTC): the time stamps of log sections.
#[must_use]
pub fn unix_secs() -> u64 {
    unix_ms() / 1000
}

/// Now, in milliseconds since 1970 (UTC).
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
