//! The programs that tests drive: sccache in several versions, node, shells.

use std::path::{Path, PathBuf};

use super::step::Step;

/// The versions that every end-to-end test runs with.
pub const VERSIONS: [&str; 3] = ["0.10.0", "0.16.0", "0.19.0"];

/// The one for tests in which the version does not matter.
pub const ANY: &str = "0.16.0";

/// A variable of the environment in which the tests were started.
pub fn outer(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where tests keep what is installed for them; `.ci/prepare` fills it.
pub fn installed() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("test-tools")
}

/// Our program for another target, as the sources are now.
pub fn built_for(triple: &str) -> PathBuf {
    let target = installed().parent().unwrap().to_owned();
    let mut build = std::process::Command::new(repository().join("scripts/cross.sh"));
    build.args([triple, "build", "--quiet"]).env("CARGO_TARGET_DIR", &target);
    let built = build.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let suffix = if triple.contains("windows") { ".exe" } else { "" };
    target.join(triple).join("debug").join(format!("sccache-step{suffix}"))
}

/// sccache of this version. Tests fail without it: a silent pass would prove nothing.
pub fn sccache(version: &str) -> PathBuf {
    let named = outer("SCCACHE_STEP_TEST_SCCACHE").map(PathBuf::from);
    let directory = named.unwrap_or_else(|| installed().join("sccache"));
    let program = directory.join(version).join("bin/sccache");
    assert!(
        program.is_file(),
        "there is no `{}`: run `.ci/prepare`, or name a directory that holds <version>/bin/sccache in \
         SCCACHE_STEP_TEST_SCCACHE",
        program.display()
    );
    program
}

/// A program in PATH.
pub fn program(name: &str, package: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed: install package `{package}`"))
}

/// The call in a network namespace of its own, in which nothing can be reached.
pub fn without_network(step: Step) -> Step {
    let root = rustix::process::geteuid().is_root();
    // Anybody else gets a user namespace with it, in which he is root.
    let arguments: &[&str] = if root { &["--net"] } else { &["--map-root-user", "--net"] };
    step.wrapped(&program("unshare", "util-linux"), arguments)
}
