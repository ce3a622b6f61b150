//! What the job's servers counted, from whatever still tells: the server itself, or the history.
//!
//! Without a server sccache prints zeros and exits with 0, so an answer counts only from a process that the
//! history names, or that answers at the job's own address.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};

use super::account::{Account, Record};
use super::connection::{CANCELLED_LIMIT, statistics_at};
use crate::environment::Variables;
use crate::error::Error;
use crate::incident::{Incident, time_of_day};
use crate::process;
use crate::sccache;
use crate::state::{Address, ServerState};
use crate::stats::{Sample, Statistics, Stats};
use crate::version::Version;

/// How long the server may take to answer.
const LIMIT: Duration = Duration::from_secs(5);

/// The same before the counters are asked for, only to see whether writes are outstanding.
const DRAIN_ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// How long a server that is just being started is waited for.
const RESTART_LIMIT: Duration = Duration::from_secs(2);

/// What the job's servers told.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Their counters, summed.
    pub statistics: Statistics,
    /// What befell them, oldest first.
    pub incidents: Vec<Incident>,
    /// How the counters grew, oldest first.
    pub samples: Vec<Sample>,
}

/// Asks a job's servers, those that are gone through the history.
#[must_use]
pub fn ask(sccache: &Path, server: &ServerState, variables: &Variables) -> Told {
    let (account, current) = settled(server);
    let mut incidents = account.incidents.clone();
    let (is_supervised, has_finished) = (account.is_kept(server), account.finished.is_some());
    if !is_supervised && !has_finished {
        incidents.push(supervisor_lost(server, &account));
    }
    let others = account.total_without(current.as_ref().map(|record| record.server));
    let strangers = if is_supervised { None } else { from_stranger(server, &account, &mut incidents) };
    let with = |newest: Option<&Stats>| -> Option<Box<Stats>> {
        let mut told = [others.as_ref(), newest, strangers.as_ref()].into_iter().flatten();
        let mut total = told.next()?.clone();
        told.for_each(|stats| total.add(stats));
        Some(Box::new(total))
    };
    let statistics = match &current {
        Some(record) => match from_server(sccache, record, variables) {
            Ok(stats) => Statistics::Known { stats: with(Some(&stats)).unwrap_or_default() },
            Err(error) => {
                Statistics::Unanswered { how: format!("{error:#}"), last: with(record.stats.as_ref()) }
            }
        },
        None => match with(None) {
            // Its supervisor read the counters before it stopped it.
            Some(stats) if has_finished && account.lost.is_none() => Statistics::Known { stats },
            last => Statistics::Lost { how: how_lost(server, &account), last },
        },
    };
    Told { statistics, incidents, samples: account.samples }
}

/// The counters of one server that has no supervisor and no history.
///
/// # Errors
/// [`Error::StatisticsUnreadable`] when it gives no answer that can be understood.
pub fn statistics(sccache: &Path, server: &ServerState, variables: &Variables) -> Result<Stats, Error> {
    let record = Record {
        server: server.server,
        listens: server.address.clone(),
        storage: server.storage.clone(),
        stats: None,
        has_ended: false,
    };
    from_server(sccache, &record, variables).map_err(|source| Error::StatisticsUnreadable { source })
}

/// Waits until a chain of storages has written what it does in the background; the number of writes that it
/// still owes at the end.
#[must_use]
pub fn drain(server: &ServerState, limit: Duration) -> u64 {
    let Some(record) = settled(server).1 else { return 0 };
    let began = Instant::now();
    let mut owed = 0;
    loop {
        // A server that does not answer is told by the next question.
        let Ok((stats, _)) = statistics_at(&record.listens, DRAIN_ANSWER_LIMIT) else { return owed };
        owed = stats.writes_outstanding();
        let is_over = began.elapsed() >= limit || process::cancellation().deferred_signal().is_some();
        if owed == 0 || is_over {
            return owed;
        }
        process::pause(Duration::from_millis(50));
    }
}

/// The history, and the server that is alive now. One that is just being started is waited for.
fn settled(server: &ServerState) -> (Account, Option<Record>) {
    let began = Instant::now();
    loop {
        let account = Account::read(&server.run_dir);
        let current = account.current().filter(|record| process::is_alive(record.server)).cloned();
        let is_coming = account.finished.is_none() && account.is_kept(server);
        if current.is_some() || !is_coming || began.elapsed() >= RESTART_LIMIT {
            return (account, current);
        }
        process::pause(Duration::from_millis(20));
    }
}

/// Its own answer; through the program where the answer's form is of a version that we do not know.
fn from_server(sccache: &Path, record: &Record, variables: &Variables) -> anyhow::Result<Stats> {
    let began = Instant::now();
    let unread = match statistics_at(&record.listens, LIMIT) {
        Ok((stats, _)) => return Ok(with_mode(stats, sccache, record, variables)),
        Err(error) if is_silence(&error) => {
            let seconds = began.elapsed().as_secs();
            return Err(error.context(format!("the server did not answer within {seconds} s")));
        }
        Err(error) => error,
    };
    through_program(sccache, &record.listens, variables, LIMIT).map_err(|error| {
        let program = format!("{error:#}");
        unread.context(program).context("neither its answer nor the program's could be read")
    })
}

/// What sccache 0.19 and newer tell of their mode is the answer to a question of its own, whose form we do not
/// know; the program does.
fn with_mode(mut stats: Stats, sccache: &Path, record: &Record, variables: &Variables) -> Stats {
    let tells = Version::parse(&stats.version).is_some_and(|version| version >= Version::new(0, 19, 0));
    if tells && let Ok(told) = through_program(sccache, &record.listens, variables, CANCELLED_LIMIT) {
        stats.effective_cache_mode = told.effective_cache_mode;
    }
    stats
}

fn is_silence(error: &anyhow::Error) -> bool {
    let kind = error.chain().find_map(|cause| Some(cause.downcast_ref::<std::io::Error>()?.kind()));
    matches!(kind, Some(std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut))
}

fn through_program(
    sccache: &Path,
    address: &Address,
    variables: &Variables,
    limit: Duration,
) -> anyhow::Result<Stats> {
    let mut command = process::command(sccache);
    let (address_name, address_value) = address.variable();
    command
        .args(["--show-stats", "--stats-format=json"])
        .env_clear()
        .envs(sccache::probe_environment(variables))
        .env(address_name, address_value);
    let captured = process::capture(&mut command, limit)?;
    let text = String::from_utf8_lossy(&captured.stdout).into_owned();
    if !captured.status.success() {
        return Err(anyhow!("sccache ended with {}: {}", captured.status, captured.last_words()));
    }
    Stats::parse(&text).context("its answer is no statistics")
}

/// The counters of a server that a client started after everything of ours had been killed.
fn from_stranger(server: &ServerState, account: &Account, incidents: &mut Vec<Incident>) -> Option<Stats> {
    let (stats, peer) = statistics_at(&server.address, CANCELLED_LIMIT).ok()?;
    if account.servers.iter().any(|record| Some(record.server.pid) == peer) {
        return None;
    }
    let who = peer.map_or_else(String::new, |pid| format!(" (pid {pid})"));
    incidents.push(Incident {
        at_unix_ms: account.until_unix_ms.unwrap_or_default(),
        what: format!("a client of sccache started a server of its own{who}"),
        why: Some("nobody listened at the job's address any more".into()),
        cost: Some(format!("it cached at: {}", stats.cache_location)),
    });
    Some(stats)
}

fn supervisor_lost(server: &ServerState, account: &Account) -> Incident {
    let at_unix_ms = account.until_unix_ms.unwrap_or_default();
    let (hours, minutes, seconds) = time_of_day(at_unix_ms);
    let keepers = account.keepers(server);
    let pid = keepers.last().map_or(0, |supervisor| supervisor.pid);
    let with = if keepers.len() > 1 { ", and with it the holder of its address" } else { "" };
    Incident {
        at_unix_ms,
        what: format!("the supervisor (pid {pid}) was killed{with}"),
        why: None,
        cost: Some(format!(
            "from {hours:02}:{minutes:02}:{seconds:02} UTC on nothing was recorded, and no server was restarted"
        )),
    }
}

fn how_lost(server: &ServerState, account: &Account) -> String {
    if let Some(lost) = &account.lost {
        return lost.what.clone();
    }
    let pid = account.servers.last().map_or(server.server.pid, |record| record.server.pid);
    match (&account.finished, account.until_unix_ms) {
        (Some(why), _) => why.clone(),
        (None, Some(until)) => {
            let (hours, minutes, seconds) = time_of_day(until);
            format!(
                "the server (pid {pid}) and its supervisor were killed; what is known is complete up to \
                 {hours:02}:{minutes:02}:{seconds:02} UTC"
            )
        }
        (None, None) => format!("the server (pid {pid}) is gone"),
    }
}
