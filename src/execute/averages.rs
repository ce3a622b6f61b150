//! The average compile time that a cache directory carries from job to job.
//!
//! A job that finds everything in the cache compiles nothing, and so cannot tell from its own numbers what
//! it saved. sccache passes over the file, apart from counting its few bytes as part of the cache.

use std::path::{Path, PathBuf};

use super::Work;
use crate::error::Error;
use crate::stats::{Averages, Statistics};

impl Work<'_> {
    /// Adds what this job compiled to what earlier jobs left.
    pub(super) fn record_averages(&mut self) -> Result<(), Error> {
        let directory = self.outcome.server.as_ref().and_then(|server| server.cache_dir.as_deref());
        let Some(path) = directory.map(file) else { return Ok(()) };
        let Some(stats) = self.outcome.statistics.as_ref().and_then(Statistics::stats) else { return Ok(()) };
        if stats.compilations == 0 {
            return Ok(());
        }
        let pooled = self.outcome.averages.unwrap_or_default().pooled_with(Averages::of(stats));
        write(&path, pooled).map_err(|source| Error::FileUnwritable {
            purpose: "record of compile times",
            path: path.clone(),
            source,
        })
    }
}

fn file(directory: &Path) -> PathBuf {
    directory.join("sccache-step.json")
}

/// What earlier jobs left. An estimate is not worth a complaint: what cannot be read counts as nothing.
pub(super) fn read(directory: &Path) -> Option<Averages> {
    serde_json::from_slice(&std::fs::read(file(directory)).ok()?).ok()
}

fn write(path: &Path, averages: Averages) -> anyhow::Result<()> {
    let directory = path.parent().unwrap_or(path);
    let file = tempfile::Builder::new().prefix(".sccachetmp").tempfile_in(directory)?;
    serde_json::to_writer(&file, &averages)?;
    file.persist(path)?;
    Ok(())
}
