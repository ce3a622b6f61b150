//! The README's commands for a terminal, run as they stand against the real sccache.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::page::fences;
use super::{read, root};

/// Where the sccache of this version is, for the tests.
fn sccache(version: &str) -> PathBuf {
    let named = std::env::var_os("SCCACHE_STEP_TEST_SCCACHE").map(PathBuf::from);
    let directory =
        named.unwrap_or_else(|| root().join("target/test-tools/sccache")).join(version).join("bin");
    assert!(directory.join("sccache").is_file(), "no sccache in {}: run .ci/prepare", directory.display());
    directory
}

/// The shell blocks behind the marker, in order.
fn marked() -> Vec<String> {
    let readme = read("README.md");
    let parts = readme.split("<!-- run by tests/integration/docs.rs -->\n").skip(1);
    parts.map(|part| fences(part).remove(0).body).collect()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        match source.is_dir() {
            true if entry.file_name() == "target" => {}
            true => copy(&source, &target),
            false => drop(std::fs::copy(&source, &target).unwrap()),
        }
    }
}

/// A directory of the toolchain that a private HOME would hide.
fn toolchain(name: &str, default: &str) -> PathBuf {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    std::env::var_os(name).map_or_else(|| home.join(default), PathBuf::from)
}

/// Command lines of processes whose command line or environment names this directory.
fn processes_of(directory: &Path) -> Vec<String> {
    let needle = directory.to_string_lossy().into_owned();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.path());
    let numbered = entries.filter(|path| path.file_name().unwrap().to_string_lossy().parse::<u32>().is_ok());
    let seen = numbered.filter_map(|path| {
        let text = |name: &str| {
            std::fs::read(path.join(name)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        let (line, environment) = (text("cmdline").ok()?, text("environ").unwrap_or_default());
        (line.contains(&needle) || environment.contains(&needle)).then_some(line)
    });
    seen.collect()
}

#[test]
fn the_commands_for_a_terminal_work_as_they_stand() {
    let scripts = marked();
    assert_eq!(scripts.len(), 2, "the README has marked other blocks than this test knows");
    let home = tempfile::Builder::new().prefix("docs").tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_sccache-step")).parent().unwrap();
    let old_path = std::env::var_os("PATH").unwrap();
    let path = [program.to_owned(), sccache("0.16.0")].into_iter().chain(std::env::split_paths(&old_path));
    let path = std::env::join_paths(path).unwrap();
    let project = home.path().join("project");
    copy(&root().join("tests/fixtures/projects/rust"), &project);
    for script in scripts {
        let output = Command::new("bash")
            .args(["-eu", "-c", &script])
            .current_dir(&project)
            .env_clear()
            .env("PATH", &path)
            .env("HOME", home.path())
            .env("TMPDIR", home.path())
            .env("XDG_RUNTIME_DIR", home.path())
            .env("SHELL", "/bin/bash")
            .env("CARGO_HOME", toolchain("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", toolchain("RUSTUP_HOME", ".rustup"))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(output.status.success(), "{script}\nended with {}:\n{text}", output.status);
        assert!(text.contains("hit rate"), "no report:\n{text}");
        assert!(!text.contains("warning:"), "a warning:\n{text}");
        assert_eq!(processes_of(home.path()), Vec::<String>::new(), "left running after:\n{script}");
        std::fs::remove_dir_all(project.join("target")).unwrap();
    }
}
