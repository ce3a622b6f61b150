//! What this machine has: sccache, a private place for the server, and what earlier jobs left.

use std::path::Path;

use super::Check;
use crate::environment::{Environment, SavedState};
use crate::inputs::Inputs;
use crate::process::{self, NotifyListener};
use crate::state::{Phase, State};

pub(super) fn sccache(inputs: &Inputs, environment: &Environment) -> Check {
    let looked_at = environment.looked.join(", ");
    match &environment.sccache {
        Some(Ok(found)) => Check::good(
            "sccache",
            looked_at,
            format!("{} at `{}`, found by {}", found.version, found.path.display(), found.origin),
        ),
        Some(Err(error)) => Check::of_error("sccache", looked_at, error),
        None if inputs.install_from.is_empty() => {
            Check::fault("sccache", looked_at, "there is none, and `install-from` is `none`")
                .remedy("install sccache, name it with `sccache`, or allow an installer in `install-from`")
        }
        None => {
            let version = inputs.sccache_version;
            Check::warning("sccache", looked_at, format!("there is none yet; `pre` installs {version}"))
                .remedy("nothing needs to be done; the checks that need sccache are left out")
        }
    }
}

/// Whether a server could have a private socket here.
pub(super) fn address(environment: &Environment) -> Check {
    let place = environment.socket_dir.parent().unwrap_or_else(|| Path::new("/"));
    let looked_at = format!("a private directory in `{}`", place.display());
    let remedy =
        "make the directory writable for this user, or name another one by the host's temporary directory";
    let directory = tempfile::Builder::new().prefix("sccache-step-doctor-").tempdir_in(place);
    let directory = match directory {
        Ok(directory) => directory,
        Err(error) => return Check::fault("address", looked_at, error.to_string()).remedy(remedy),
    };
    match NotifyListener::bind(directory.path()) {
        Ok(listener) => {
            NotifyListener::release(&listener.name());
            let limit = environment.system.socket_path_limit_bytes();
            let is_long = environment.socket_dir.join("s").as_os_str().len() > limit;
            let found = if is_long && limit > 0 {
                "the path is too long for a socket: a port is used"
            } else {
                "a server can listen there"
            };
            Check::good("address", looked_at, found)
        }
        Err(error) => Check::fault("address", looked_at, error.to_string()).remedy(remedy),
    }
}

/// The server of this job, if it has one.
pub(super) fn server(environment: &Environment) -> Check {
    let looked_at = format!("`{}`", environment.state_path.display());
    match &environment.saved {
        SavedState::Absent => Check::good("server", looked_at, "this job has no server yet"),
        SavedState::Unusable(error) => Check::of_error("server", looked_at, error),
        SavedState::Present { state, .. } if state.phase == Phase::Finished => {
            Check::good("server", looked_at, "this job's server has been stopped")
        }
        SavedState::Present { state, is_live } => match (&state.server, is_live, &state.failure) {
            (Some(server), true, _) => {
                let (pid, address) = (server.server.pid, &server.address);
                Check::good("server", looked_at, format!("alive, pid {pid}, at {address}"))
            }
            (Some(server), false, _) => {
                let found = format!("the server, pid {}, was lost", server.server.pid);
                Check::fault("server", looked_at, found).remedy(format!(
                    "see its log `{}`; `post` ends the job, and `pre` starts another server",
                    server.log.display()
                ))
            }
            (None, _, failure) => {
                let why = failure.as_deref().unwrap_or("it was not started");
                Check::fault("server", looked_at, why).remedy("call `pre` again when its cause is gone")
            }
        },
    }
}

/// Directories of jobs that nobody ended. Their servers are gone, or the state would not say otherwise.
pub(super) fn leftovers(environment: &Environment) -> Check {
    let place = environment.run_dir.parent().unwrap_or_else(|| Path::new("/"));
    let looked_at = format!("`{}/sccache-step*`", place.display());
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("sccache-step"));
    let left = ours.map(|entry| entry.path()).filter(|path| {
        *path != environment.run_dir
            && matches!(process::foreign_directory(path), Ok(None))
            && State::read(&path.join("state.json")).ok().flatten().is_some_and(|state| is_left(&state))
    });
    let mut left: Vec<String> = left.map(|path| path.display().to_string()).collect();
    left.sort();
    if left.is_empty() {
        return Check::good("leftovers", looked_at, "no job that has crashed left anything");
    }
    let (first, more) = (&left[0], left.len() - 1);
    let others = if more > 0 { format!(" and {more} more") } else { String::new() };
    Check::warning("leftovers", looked_at, format!("`{first}`{others} is left of a job that was not ended"))
        .remedy("remove what is no longer needed; logs in it may tell why the job ended")
}

fn is_left(state: &State) -> bool {
    let is_alive = state.server.as_ref().is_some_and(|server| process::is_alive(server.server));
    state.phase == Phase::Started && !is_alive
}
