//! What a cache directory carries from job to job: the average compile time, and the figures of the last runs.
//!
//! A job that finds everything in the cache compiles nothing, and so cannot tell from its own numbers what
//! it saved; and only an earlier run tells whether a hit rate is low. sccache passes over the file, apart from
//! counting its few bytes as part of the cache.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Work;
use crate::bundle::index::NOTE_LIMIT_BYTES;
use crate::environment::Job;
use crate::error::Error;
use crate::stats::{Averages, Run, Statistics, Stats};

/// The most branches remembered; the one that ran longest ago is forgotten first.
const BRANCHES: usize = 20;
/// The longest file that is read, in bytes.
const LIMIT_BYTES: u64 = 1 << 20;

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    #[serde(flatten)]
    averages: Averages,
    /// The last run of each branch.
    #[serde(default)]
    runs: Vec<Run>,
}

impl Work<'_> {
    /// Reads what earlier jobs left.
    pub(super) fn recall(&mut self, directory: &Path) {
        if let Some(memory) = read(directory) {
            self.outcome.averages = Some(memory.averages).filter(|averages| averages.compilations > 0);
            self.outcome.trend = crate::stats::Trend::of(&memory.runs, &self.environment.job.branch);
        }
    }

    /// Adds what this job did to what earlier jobs left.
    pub(super) fn record_averages(&mut self) -> Result<(), Error> {
        let directory = self.outcome.server.as_ref().and_then(|server| server.cache_dir.as_deref());
        let Some(directory) = directory else { return Ok(()) };
        let Some(stats) = self.outcome.statistics.as_ref().and_then(Statistics::stats) else { return Ok(()) };
        if stats.compilations == 0 && stats.hit_rate_percent().is_none() {
            return Ok(());
        }
        // Read anew: another job on this directory may have ended meanwhile.
        let mut memory = read(directory).unwrap_or_default();
        memory.averages = memory.averages.pooled_with(Averages::of(stats));
        if stats.hit_rate_percent().is_some() {
            let run = run(stats, &self.environment.job);
            memory.runs.retain(|other| other.branch != run.branch);
            memory.runs.insert(0, run);
            memory.runs.truncate(BRANCHES);
        }
        let path = file(directory);
        write(&path, &memory).map_err(|source| Error::FileUnwritable {
            purpose: "record of compile times",
            path: path.clone(),
            source,
        })
    }
}

fn run(stats: &Stats, job: &Job) -> Run {
    Run {
        at_unix_ms: job.at_unix_ms,
        branch: job.branch.clone(),
        is_default_branch: job.is_default_branch,
        hits: stats.hits_total(),
        misses: stats.misses_total(),
        saved_secs: None,
        compile_secs: stats.compile_duration.as_secs_f64(),
        sccache_version: stats.version.clone(),
        workspace: job.workspace.clone(),
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("sccache-step.json")
}

/// What earlier jobs left. Neither estimate nor comparison is worth a complaint: what cannot be read counts as nothing.
fn read(directory: &Path) -> Option<Memory> {
    let path = file(directory);
    let metadata = std::fs::metadata(&path).ok()?;
    if !metadata.is_file() || metadata.len() > LIMIT_BYTES {
        return None;
    }
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn write(path: &Path, memory: &Memory) -> anyhow::Result<()> {
    let directory = path.parent().unwrap_or(path);
    let file = tempfile::Builder::new().prefix(".sccachetmp").tempfile_in(directory)?;
    serde_json::to_writer(&file, memory)?;
    file.persist(path)?;
    Ok(())
}

/// The record as it travels with a bundle, as much of it as fits; nothing where there is none.
pub(super) fn send(directory: &Path) -> Vec<u8> {
    let Some(memory) = read(directory) else { return Vec::new() };
    let forms = [serde_json::to_vec(&memory), serde_json::to_vec(&memory.averages)];
    forms.into_iter().flatten().find(|form| form.len() <= NOTE_LIMIT_BYTES).unwrap_or_default()
}

/// Takes the record that came with a bundle, unless there is one. It is foreign, so only what it means is kept.
pub(super) fn receive(directory: &Path, note: &[u8]) {
    if let (None, Ok(memory)) = (read(directory), serde_json::from_slice::<Memory>(note)) {
        // Neither estimate nor comparison is worth a complaint.
        let _ = write(&file(directory), &memory);
    }
}
