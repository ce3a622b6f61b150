//! The history, read: which servers there were, what they counted, and what befell them.

use std::path::Path;

use super::history::{self, Entry, Event};
use crate::incident::Incident;
use crate::process;
use crate::state::{Address, ProcessIdentity, ServerState};
use crate::stats::{Sample, Stats};

/// One server of the job.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The process.
    pub server: ProcessIdentity,
    /// Where it listens itself.
    pub listens: Address,
    /// Its storage in the user's words.
    pub storage: String,
    /// Its counters, as last told.
    pub stats: Option<Stats>,
    /// Whether its end was noted.
    pub has_ended: bool,
}

/// What the history tells.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// The servers, oldest first.
    pub servers: Vec<Record>,
    /// What befell them, oldest first.
    pub incidents: Vec<Incident>,
    /// How the counters grew, oldest first.
    pub samples: Vec<Sample>,
    /// The supervisor, and the holder of its address where there is one; `None` where the history tells of none.
    pub keepers: Option<(ProcessIdentity, Option<ProcessIdentity>)>,
    /// Why the supervisor is done, once it is.
    pub finished: Option<String>,
    /// When anything was written last, in milliseconds since 1970 (UTC).
    pub until_unix_ms: Option<u64>,
    /// How the last server ended, once it has and nobody had wanted it to.
    pub lost: Option<Incident>,
    // The place of the last incident that a new server puts right, and when that was.
    down: Option<(usize, u64)>,
}

impl Account {
    /// Reads the history of a run.
    #[must_use]
    pub fn read(run_dir: &Path) -> Self {
        let mut account = Self::default();
        history::read(run_dir, |entry| account.take(entry));
        account
    }

    fn take(&mut self, entry: Entry) {
        let Entry { at_unix_ms, elapsed_ms, event } = entry;
        self.until_unix_ms = Some(at_unix_ms);
        match event {
            Event::Started { server, listens, storage } => {
                if let Some((place, since_ms)) = self.down.take() {
                    let took = seconds(elapsed_ms.saturating_sub(since_ms));
                    self.add_cost(place, &format!("a new one was ready after {took}"));
                }
                self.lost = None;
                self.servers.push(Record { server, listens, storage, stats: None, has_ended: false });
            }
            Event::Supervised { supervisor, holder } => self.keepers = Some((supervisor, holder)),
            Event::Moved { server, listens } => {
                let record = self.servers.iter_mut().find(|record| record.server == server);
                if let Some(record) = record {
                    record.listens = listens;
                }
            }
            Event::Sampled { pid, stats, rss_bytes, cpu_ms } => {
                if let Some(record) = self.newest(pid) {
                    record.stats = Some(*stats);
                }
                let sample = Sample { at_unix_ms, elapsed_ms, pid, rss_bytes, cpu_ms, ..self.counters() };
                self.samples.push(sample);
            }
            Event::Ended { pid, code, signal, requested, uncounted, idle, why } => {
                if let Some(record) = self.newest(pid) {
                    record.has_ended = true;
                }
                if requested {
                    return;
                }
                let what = manner(pid, code, signal, idle);
                let cost = (uncounted > 0).then(|| format!("up to {} not counted", requests(uncounted)));
                let incident = Incident { at_unix_ms, what, why, cost };
                self.lost = Some(incident.clone());
                self.down = Some((self.incidents.len(), elapsed_ms));
                self.incidents.push(incident);
            }
            Event::Noted { what, why, cost } => {
                self.incidents.push(Incident { at_unix_ms, what, why, cost });
            }
            Event::Finished { why } => self.finished = Some(why),
        }
    }

    /// The processes that keep the job's servers: those that `pre` started, or that took their place since.
    #[must_use]
    pub fn keepers(&self, server: &ServerState) -> Vec<ProcessIdentity> {
        let (supervisor, holder) = self.keepers.unwrap_or((server.supervisor, server.holder));
        [holder, Some(supervisor)].into_iter().flatten().collect()
    }

    /// Whether one of them is there.
    #[must_use]
    pub fn is_kept(&self, server: &ServerState) -> bool {
        self.keepers(server).into_iter().any(process::is_alive)
    }

    /// The server that gets the job's requests, as far as the history knows.
    #[must_use]
    pub fn current(&self) -> Option<&Record> {
        self.servers.last().filter(|record| !record.has_ended)
    }

    /// The counters of all servers but one, whose own answer is newer.
    #[must_use]
    pub fn total_without(&self, newer: Option<ProcessIdentity>) -> Option<Stats> {
        let others = self.servers.iter().filter(|record| Some(record.server) != newer);
        let mut told = others.filter_map(|record| record.stats.as_ref());
        let mut total = told.next()?.clone();
        told.for_each(|stats| total.add(stats));
        Some(total)
    }

    /// Whether the process was one of the job's servers.
    #[must_use]
    pub fn knows(&self, server: ProcessIdentity) -> bool {
        self.servers.iter().any(|record| record.server == server)
    }

    fn newest(&mut self, pid: u32) -> Option<&mut Record> {
        self.servers.iter_mut().rev().find(|record| record.server.pid == pid)
    }

    fn add_cost(&mut self, place: usize, words: &str) {
        if let Some(incident) = self.incidents.get_mut(place) {
            incident.cost = Some(match incident.cost.take() {
                Some(cost) => format!("{words}, {cost}"),
                None => words.to_owned(),
            });
        }
    }

    /// What all servers counted up to now.
    fn counters(&self) -> Sample {
        let told = || self.servers.iter().filter_map(|record| record.stats.as_ref());
        let sum = |count: fn(&Stats) -> u64| told().map(count).fold(0, u64::saturating_add);
        Sample {
            hits: sum(Stats::hits_total),
            misses: sum(Stats::misses_total),
            errors: sum(Stats::errors_total),
            requests: sum(|stats| stats.compile_requests),
            ..Sample::default()
        }
    }
}

/// Whether the processes that keep the job's servers are there.
#[must_use]
pub fn is_kept(server: &ServerState) -> bool {
    Account::read(&server.run_dir).is_kept(server)
}

/// How a server ended, in words.
fn manner(pid: u32, code: Option<i32>, signal: Option<i32>, idle: bool) -> String {
    match (signal, code) {
        _ if idle => format!("the server (pid {pid}) left because it was idle"),
        (Some(signal), _) => format!("the server (pid {pid}) was killed by signal {signal}"),
        (None, Some(0)) => format!("the server (pid {pid}) was stopped by somebody else"),
        (None, Some(code)) => format!("the server (pid {pid}) ended with exit code {code}"),
        (None, None) => format!("the server (pid {pid}) ended"),
    }
}

pub(super) fn requests(number: u64) -> String {
    if number == 1 { "1 request".into() } else { format!("{number} requests") }
}

/// Seconds with one digit behind the point.
pub(super) fn seconds(milliseconds: u64) -> String {
    let tenths = milliseconds.saturating_add(50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}
