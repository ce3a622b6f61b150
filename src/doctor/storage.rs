//! The storage: its settings, its directory and space, and a real probe through sccache itself.

use std::path::{Path, PathBuf};

use super::{Check, clock, probe};
use crate::backend::{self, Choice};
use crate::environment::Environment;
use crate::inputs::{Bytes, Inputs};
use crate::process;
use crate::sccache::try_cache_directory;

/// With less than this the next jobs will meet a full disk.
const LITTLE_SPACE: Bytes = Bytes(1 << 30);

pub(super) fn checks(inputs: &Inputs, environment: &Environment) -> Vec<Check> {
    let version = match &environment.sccache {
        Some(Ok(found)) => found.version,
        _ => inputs.sccache_version,
    };
    let looked_at = "the inputs, and the variables of sccache";
    let choice = match backend::choose(inputs, environment, version) {
        Ok(choice) => choice,
        Err(error) => {
            let left_out = Check::skipped("storage", looked_at, "without right settings it cannot be tried");
            let settings = Check::of_error("settings", looked_at, &error);
            return vec![settings, clock::clock(environment, None, version), left_out];
        }
    };
    let mut checks = vec![
        Check::good("settings", looked_at, format!("{}, because {}", choice.description(), choice.reason)),
        access(&choice),
        clock::clock(environment, Some(&choice), version),
    ];
    let directory = choice.backend.config().directory().map(Path::to_owned);
    if let Some(directory) = &directory {
        let usable = cache_directory(directory);
        let is_usable = usable.remedy.is_none();
        checks.push(usable);
        // A directory that is full cannot be used either.
        checks.push(space(directory));
        if !is_usable {
            checks.push(Check::skipped(
                "storage",
                format!("`{}`", directory.display()),
                "its directory is not usable",
            ));
            return checks;
        }
    }
    checks.extend(match &environment.sccache {
        Some(Ok(found)) => probe::probe(inputs, environment, &choice, &found.path, version),
        _ => vec![Check::skipped("storage", choice.description(), "without sccache it cannot be tried")],
    });
    checks
}

/// The directories on the way to one that are not there yet: what was absent before is absent afterwards.
pub(super) struct Absent(Vec<PathBuf>);

impl Absent {
    pub(super) fn below(directory: &Path) -> Self {
        Self(directory.ancestors().take_while(|path| !path.exists()).map(Path::to_owned).collect())
    }

    /// Removes them, the deepest first. One that somebody has put something into meanwhile stays.
    pub(super) fn restore(&self) {
        let _ = self.0.iter().try_for_each(std::fs::remove_dir);
    }
}

fn access(choice: &Choice) -> Check {
    let looked_at = "`read-only`, the host, and the job's tokens";
    match &choice.read_only_reason {
        Some(why) => Check::good("access", looked_at, format!("read-only, because {why}")),
        None => Check::good("access", looked_at, "the job may write to the storage"),
    }
}

fn cache_directory(directory: &Path) -> Check {
    let looked_at = format!("`{}`", directory.display());
    let absent = Absent::below(directory);
    let tried = try_cache_directory(directory);
    absent.restore();
    match tried {
        Ok(()) => {
            Check::good("cache directory", looked_at, "files can be created, written and removed in it")
        }
        Err(error) => Check::of_error("cache directory", looked_at, &error),
    }
}

fn space(directory: &Path) -> Check {
    let looked_at = format!("the file system of `{}`", directory.display());
    let nearest = directory.ancestors().find(|path| path.exists()).unwrap_or(directory);
    match process::free_bytes(nearest).map(Bytes) {
        None => Check::skipped("disk space", looked_at, "it does not say how much is free"),
        Some(free) if free < LITTLE_SPACE => {
            Check::warning("disk space", looked_at, format!("only {free} are free"))
                .remedy("make room, or choose a smaller `cache-size`")
        }
        Some(free) => Check::good("disk space", looked_at, format!("{free} are free")),
    }
}
