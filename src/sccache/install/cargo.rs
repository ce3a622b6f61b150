//! sccache compiled by `cargo install --locked`, with the user's own cargo configuration.
//!
//! Cargo verifies what it downloads against the checksums of its index, so no digest of ours is involved.

use std::env::consts::EXE_SUFFIX;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use super::{Failure, Order, Progress};
use crate::process;
use crate::sccache::locate::on_path;

/// Variables that are meant for the job's own build and would break or redirect this one.
const NOT_FOR_US: &[&str] = &[
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_INCREMENTAL",
    "CARGO_BUILD_INCREMENTAL",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
];

/// Compiles and installs sccache below `staging`; returns the program.
pub(super) fn fetch(order: &Order<'_>, staging: &Path, progress: &dyn Progress) -> Result<PathBuf, Failure> {
    let cargo = on_path(order.variables, "cargo").context("no cargo was found in PATH")?;
    let root = staging.join("root");
    let mut command = process::command(cargo);
    command.args(["install", "--locked", "sccache", "--version"]).arg(format!("={}", order.version));
    command.arg("--root").arg(&root);
    // Outside the workspace, whose toolchain file may name a Rust too old for sccache.
    command.current_dir(staging).env_clear().envs(order.variables);
    for name in NOT_FOR_US {
        command.env_remove(name);
    }
    // Empty, and not removed: so it also wins over a wrapper in cargo's configuration files, which would be
    // the sccache that is not there yet.
    command.env("RUSTC_WRAPPER", "").env("RUSTC_WORKSPACE_WRAPPER", "");
    command.env("CARGO_TARGET_DIR", staging.join("target"));

    progress.start(&format!("cargo install sccache {}", order.version), None);
    let captured = process::capture(&mut command, order.timeout);
    progress.finish();
    let captured = captured?;
    if !captured.status.success() {
        return Err(Failure::Reason(format!("`cargo install` failed: {}", captured.last_words())));
    }
    let program = root.join("bin").join(format!("sccache{EXE_SUFFIX}"));
    check(&program)?;
    Ok(program)
}

fn check(program: &Path) -> anyhow::Result<()> {
    ensure!(process::is_executable(program), "`cargo install` left no program `{}`", program.display());
    Ok(())
}
