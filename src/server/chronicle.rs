//! The supervisor's own hand on the history: writes it, and can write it once more.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::history::{self, Entry, Event};

/// Writes what happens, and keeps what it takes to write it again when the directory was taken away.
#[derive(Debug)]
pub(super) struct Chronicle {
    run_dir: PathBuf,
    began: Instant,
    // All that happened, of the samples only the last of each server.
    kept: Vec<Entry>,
}

impl Chronicle {
    /// One that goes on with what is there; `began` is when the first supervisor did.
    pub(super) fn new(run_dir: &Path, began: Instant) -> Self {
        let mut chronicle = Self { run_dir: run_dir.to_owned(), began, kept: Vec::new() };
        history::read(run_dir, |entry| chronicle.keep(entry));
        chronicle
    }

    /// The time since the supervisor began, by a clock that nobody sets.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(super) fn note(&mut self, event: Event) {
        let elapsed_ms = u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX);
        let entry = Entry { at_unix_ms: unix_ms(), elapsed_ms, event };
        // A directory that was taken away is noticed, and the history written once more, by whoever looks.
        let _ = history::append(&self.run_dir, [&entry]);
        self.keep(entry);
    }

    fn keep(&mut self, entry: Entry) {
        if let Event::Sampled { pid, .. } = entry.event {
            self.kept.retain(|kept| !matches!(&kept.event, Event::Sampled { pid: of, .. } if *of == pid));
        }
        self.kept.push(entry);
    }

    /// Writes everything that is known once more, into a directory that has nothing of it.
    pub(super) fn write_again(&self) -> anyhow::Result<()> {
        if history::path(&self.run_dir).exists() {
            return Ok(());
        }
        history::append(&self.run_dir, &self.kept)
    }
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
