//! What a tag becomes: the layout that the action is taken from, the archives, the version, the tags. With the
//! scripts of the release workflow, on this machine.

mod forged;
mod layout;
mod names;
mod tags;
mod versions;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::tools::repository;

/// What a call of a release script came to.
struct Called(Output);

impl Called {
    fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    fn stderr(&self) -> String {
        String::from_utf8(self.0.stderr.clone()).unwrap()
    }

    fn succeeded(self) -> Self {
        assert!(self.0.status.success(), "{}{}", self.stdout(), self.stderr());
        self
    }

    /// That it failed, and said this.
    fn refused(&self, words: &str) {
        let stderr = self.stderr();
        assert!(!self.0.status.success() && stderr.contains(words), "not refused with `{words}`: {stderr}");
    }
}

/// A script of `scripts/release` in this tree.
fn script_in(tree: &Path, name: &str, arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Called {
    let mut command = Command::new(tree.join("scripts/release").join(name));
    command.args(arguments.iter().map(|argument| argument.as_ref())).current_dir(tree);
    // The date of a release and the git of whoever runs the tests must not matter.
    command.env_remove("SOURCE_DATE_EPOCH").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"] {
        command.env_remove(name);
    }
    Called(command.output().unwrap())
}

fn script(name: &str, arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Called {
    script_in(repository(), name, arguments)
}

fn git(tree: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(tree).args(["-c", "user.name=test", "-c", "user.email=test@localhost"]);
    command.args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().expect("git is not installed: install package `git`");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The files of this repository, as they are now, with the program under test as a release has it.
fn local_layout(directory: &Path) -> PathBuf {
    let tree = directory.join("assembled");
    script("assemble.sh", &[&"--local", &env!("CARGO_BIN_EXE_sccache-step"), &tree]).succeeded();
    tree
}

/// A repository of its own with the files of this one, all committed.
fn repository_of_its_own(directory: &Path) -> PathBuf {
    let tree = local_layout(directory);
    std::fs::remove_dir_all(tree.join("bin")).unwrap();
    git(&tree, &["init", "--quiet", "--initial-branch=main"]);
    git(&tree, &["add", "--all", "--force", "."]);
    git(&tree, &["commit", "--quiet", "--message=everything"]);
    tree
}

/// The targets of a release.
fn targets() -> Vec<String> {
    let listed = std::fs::read_to_string(repository().join("scripts/release/targets.txt")).unwrap();
    listed.lines().map(str::to_owned).collect()
}
