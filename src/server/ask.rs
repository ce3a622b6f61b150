//! Asking the server for its counters, and telling a server that is gone from one that counted nothing.
//!
//! Without a server sccache prints zeros and exits with 0, so the answer counts only while the process that
//! we know is alive.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};

use super::history;
use crate::environment::Variables;
use crate::error::Error;
use crate::process;
use crate::sccache;
use crate::state::ServerState;
use crate::stats::{Statistics, Stats};

/// How long the server may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// The counters of a server; [`Statistics::Lost`] when it is gone.
///
/// # Errors
/// [`Error::StatisticsUnreadable`] when a live server's answer cannot be understood.
pub fn statistics(sccache: &Path, server: &ServerState, variables: &Variables) -> Result<Statistics, Error> {
    let lost = |how: String| Ok(Statistics::Lost { how, last: None });
    if !process::is_alive(server.server) {
        return lost(how_it_ended(server));
    }
    let mut command = process::command(sccache);
    let (address_name, address_value) = server.address.variable();
    command
        .args(["--show-stats", "--stats-format=json"])
        .env_clear()
        .envs(sccache::probe_environment(variables))
        .env(address_name, address_value);
    let captured = process::capture(&mut command, LIMIT);
    if !process::is_alive(server.server) {
        return lost(how_it_ended(server));
    }
    let parsed = captured.and_then(|captured| {
        let text = String::from_utf8_lossy(&captured.stdout).into_owned();
        if !captured.status.success() {
            return Err(anyhow!("sccache ended with {}: {}", captured.status, captured.last_words()));
        }
        Stats::parse(&text).context("its answer is no statistics")
    });
    match parsed {
        Ok(stats) => Ok(Statistics::Known { stats: Box::new(stats) }),
        Err(source) => Err(Error::StatisticsUnreadable { source }),
    }
}

fn how_it_ended(server: &ServerState) -> String {
    // Its parent learns how it ended a moment after the end itself.
    if server.supervisor != server.server {
        let _ = process::wait_for_exit(server.supervisor, Duration::from_secs(1));
    }
    let incident = history::read(&server.run_dir).iter().rev().find_map(history::Event::incident);
    incident.unwrap_or_else(|| format!("the server (pid {}) is gone", server.server.pid))
}
