//! Asking a program whether it is sccache, and which version.
//!
//! Surface: `sccache --version`, which prints `sccache 0.16.0`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::environment::Variables;
use crate::error::Error;
use crate::process;
use crate::version::Version;

/// How long a program may take to say its version; a machine under load needs some of it.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// What a probe may see: enough to be loaded and to find a home directory.
const PROBE_VARIABLES: &[&str] = &[
    "PATH",
    "HOME",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "TMPDIR",
    "SystemRoot",
    "SystemDrive",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "ProgramData",
    "PATHEXT",
    "TEMP",
    "TMP",
];

/// The variables, out of the job's, that a probe of sccache may see.
///
/// sccache up to 0.10 refuses every command, `--version` included, when it sees `CARGO_INCREMENTAL=1`, and
/// every sccache panics for a user without `HOME` and without a password entry: so nothing is inherited,
/// and `HOME` is made up when there is none.
#[must_use]
pub fn probe_environment(variables: &Variables) -> Vec<(String, String)> {
    // Windows does not tell names apart by case, and calls the first of these `Path`.
    let wanted = |name: &str| PROBE_VARIABLES.iter().any(|probe| probe.eq_ignore_ascii_case(name));
    let seen = variables.iter().filter(|(name, value)| wanted(name) && !value.is_empty());
    let mut seen: Vec<(String, String)> = seen.map(|(name, value)| (name.clone(), value.clone())).collect();
    if !seen.iter().any(|(name, _)| name == "HOME" || name.eq_ignore_ascii_case("USERPROFILE")) {
        seen.push(("HOME".to_owned(), "/".to_owned()));
    }
    seen
}

/// Asks `program` for its version. `variables` are the job's; it sees [`probe_environment`] of them.
/// A program that is not called `sccache` is not run.
///
/// # Errors
/// [`Error::SccacheUnusable`] when it is called otherwise, cannot be run, fails, takes longer than 10 s or
/// does not answer like sccache; [`Error::SccacheTooOld`] below [`Version::MINIMUM`];
/// [`Error::Interrupted`] when we are told to stop.
pub fn ask(program: &Path, variables: &Variables) -> Result<Version, Error> {
    let version = answer(program, variables).map_err(|source| match process::cancellation().signal() {
        Some(signal) => Error::Interrupted { signal },
        None => Error::SccacheUnusable { path: program.to_owned(), source },
    })?;
    if version < Version::MINIMUM {
        let path = program.to_owned();
        return Err(Error::SccacheTooOld {
            path,
            version: version.to_string(),
            minimum: Version::MINIMUM.to_string(),
        });
    }
    Ok(version)
}

fn answer(program: &Path, variables: &Variables) -> anyhow::Result<Version> {
    // Under another name sccache takes itself for a compiler (`ln -s sccache gcc`), and even `--version`
    // would start a server and hang (seen with 0.16.0).
    let stem = program.file_stem().unwrap_or_default();
    ensure!(stem == "sccache", "sccache works under its own name only, and this file is called otherwise");
    let mut command = process::command(program);
    command.arg("--version").env_clear().envs(probe_environment(variables));
    let captured = process::capture(&mut command, ANSWER_LIMIT)?;
    let words = captured.last_words();
    ensure!(captured.status.success(), "`--version` failed with {}: {words}", captured.status);
    let output = String::from_utf8_lossy(&captured.stdout);
    parse_output(&output).with_context(|| format!("`--version` says `{words}`"))
}

/// Parses what `sccache --version` prints. `None` when it is not sccache that speaks.
fn parse_output(output: &str) -> Option<Version> {
    let line = output.lines().map(str::trim).find(|line| !line.is_empty())?;
    Version::parse(line.strip_prefix("sccache ")?.split_whitespace().next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(major: u32, minor: u32, patch: u32) -> Version {
        Version { major, minor, patch }
    }

    #[test]
    fn only_sccache_speaks_for_sccache() {
        assert_eq!(parse_output("sccache 0.16.0\n"), Some(version(0, 16, 0)));
        assert_eq!(parse_output("\nsccache 0.9.1-alpha+x (abc)\r\n"), Some(version(0, 9, 1)));
        for output in ["", "ccache 4.8.0", "0.16.0", "sccache", "sccache: error", "sccache-dist 0.16.0"] {
            assert_eq!(parse_output(output), None, "{output}");
        }
    }

    #[test]
    fn a_program_of_another_name_is_not_run() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("sccache-0.16");
        std::fs::write(&program, "#!/bin/sh\necho ran > \"$0.ran\"\n").unwrap();
        process::make_executable(&program).unwrap();
        let error = ask(&program, &Variables::new()).unwrap_err();
        assert!(error.to_string().contains("under its own name only"), "{error}");
        assert!(!directory.path().join("sccache-0.16.ran").exists());
    }

    #[test]
    fn a_probe_sees_no_variable_that_makes_sccache_refuse() {
        let job = [("PATH", "/bin"), ("CARGO_INCREMENTAL", "1"), ("SCCACHE_DIR", "x"), ("AWS_SECRET", "y")];
        let job: Variables = job.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let seen = probe_environment(&job);
        let pairs: Vec<_> = seen.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("PATH", "/bin"), ("HOME", "/")]);
    }
}
