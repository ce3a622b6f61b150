//! From a temporary directory into the tool cache, safe against other jobs that do the same.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::Order;
use crate::error::Error;
use crate::process;
use crate::sccache::locate::{
    in_tool_cache, tool_cache_arch, tool_cache_marker, tool_cache_program, version_directory,
};
use crate::sccache::probe::ask;
use crate::version::Version;

/// How temporary directories in the tool cache begin.
const STAGING_PREFIX: &str = ".sccache-step-";

/// When a temporary directory must be one that a killed job has left: no way of installing takes so long.
const ABANDONED_AFTER: Duration = Duration::from_secs(48 * 60 * 60);

/// How long to wait for another job that is publishing; it only renames.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// A private directory on the tool cache's file system, removed when dropped.
pub(super) fn staging(tool_cache: &Path) -> anyhow::Result<TempDir> {
    let unusable = || format!("the tool cache `{}` cannot be written", tool_cache.display());
    std::fs::create_dir_all(tool_cache).with_context(unusable)?;
    sweep(tool_cache);
    tempfile::Builder::new().prefix(STAGING_PREFIX).tempdir_in(tool_cache).with_context(unusable)
}

/// Removes what killed jobs have left. Failing to is no trouble: it is tried again next time.
fn sweep(tool_cache: &Path) {
    for entry in std::fs::read_dir(tool_cache).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX);
        let changed = entry.metadata().and_then(|metadata| metadata.modified());
        let age = changed.ok().and_then(|changed| SystemTime::now().duration_since(changed).ok());
        if ours && age.is_some_and(|age| age > ABANDONED_AFTER) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// The program in the tool cache, when it is complete and answers with the version it should have.
pub(super) fn present(order: &Order<'_>) -> Option<PathBuf> {
    let program = in_tool_cache(order.tool_cache, order.version)?;
    let answers = ask(&program, order.variables).is_ok_and(|version| version == *order.version);
    answers.then_some(program)
}

/// Runs the new program once: it must work here and be of the version ordered.
pub(super) fn verify(program: &Path, order: &Order<'_>) -> anyhow::Result<()> {
    let version = ask_new(program, order).map_err(|error| match error {
        Error::SccacheUnusable { source, .. } => source.context("the sccache received cannot be used"),
        other => anyhow::anyhow!(other.lines().what),
    })?;
    ensure!(version == *order.version, "the sccache received is version {version}");
    Ok(())
}

/// A program just written may be "busy": a process that another thread was starting at that moment holds
/// the file open for writing until it executes its own program.
fn ask_new(program: &Path, order: &Order<'_>) -> Result<Version, Error> {
    let mut tries = 0;
    loop {
        match ask(program, order.variables) {
            Err(Error::SccacheUnusable { source, .. }) if tries < 50 && is_busy(&source) => {
                tries += 1;
                process::pause(Duration::from_millis(20));
            }
            answer => return answer,
        }
    }
}

fn is_busy(error: &anyhow::Error) -> bool {
    let busy = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ExecutableFileBusy;
    error.chain().any(|cause| cause.downcast_ref().is_some_and(busy))
}

/// Puts `program` into its place and marks it complete, unless another job has done so meanwhile; returns
/// the place.
///
/// What a killed or broken installation left there is moved to `staging`, and goes with it.
pub(super) fn publish(program: &Path, staging: &Path, order: &Order<'_>) -> anyhow::Result<PathBuf> {
    let final_program = tool_cache_program(order.tool_cache, order.version);
    let destination = final_program.parent().context("the tool cache has no such directory")?;
    let version_directory = version_directory(order.tool_cache, order.version);
    std::fs::create_dir_all(&version_directory).context("the tool cache cannot be written")?;
    let complete = staging.join("complete");
    std::fs::create_dir(&complete)?;
    let name = final_program.file_name().context("the program has no name")?;
    std::fs::rename(program, complete.join(name)).context("the program cannot be moved")?;

    let _lock = lock(&version_directory);
    if let Some(present) = present(order) {
        return Ok(present);
    }
    let marker = tool_cache_marker(order.tool_cache, order.version);
    remove_if_there(&marker)?;
    if destination.symlink_metadata().is_ok() {
        std::fs::rename(destination, staging.join("replaced"))
            .with_context(|| format!("`{}` is incomplete and cannot be replaced", destination.display()))?;
    }
    std::fs::rename(&complete, destination).context("the program cannot be put into the tool cache")?;
    std::fs::write(&marker, "").context("the tool cache cannot be marked complete")?;
    Ok(final_program)
}

/// Holds other jobs off while this one renames. Without it, where the file system has no locks or the
/// holder hangs, renaming is still atomic: at worst one whole program replaces another.
fn lock(version_directory: &Path) -> Option<std::fs::File> {
    let path = version_directory.join(format!("{}.lock", tool_cache_arch()));
    process::lock(&path, LOCK_PATIENCE)
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
