//! A dry run starts nothing and writes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::leftovers;
use crate::support::step::Step;
use crate::support::tools::ANY;
use crate::support::world::World;

/// Every file below a directory: its time of change and size. Of the history only that it is there: the
/// supervisor writes it all the time.
pub fn tree(root: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let metadata = entry.path().symlink_metadata().unwrap();
            let is_history = entry.file_name() == "history.jsonl";
            let told =
                if is_history { (UNIX_EPOCH, 0) } else { (metadata.modified().unwrap(), metadata.len()) };
            found.insert(entry.path(), told);
            if metadata.is_dir() {
                open.push(entry.path());
            }
        }
    }
    found
}

fn changes_nothing(world: &World, step: &Step, code: i32) {
    let (files, processes) = (tree(world.root()), leftovers::of(world.root()));
    let finished = step.run().expect(code);
    assert_eq!(tree(world.root()), files, "{finished}");
    assert_eq!(leftovers::of(world.root()), processes, "{finished}");
    assert_eq!(finished.stderr.is_empty(), code == 0, "{finished}");
    if code == 0 {
        assert!(!finished.stdout.is_empty(), "{finished}");
    }
}

fn all_phases(world: &World, on: impl Fn(Step) -> Step, stats: i32) {
    for format in ["text", "json"] {
        for (phase, code) in [("pre", 0), ("post", 0), ("stats", stats)] {
            changes_nothing(world, &on(world.real(ANY, &[phase, "--dry-run", "--format", format])), code);
        }
        let run = ["run", "--dry-run", "--format", format, "--", "touch", "touched"];
        changes_nothing(world, &on(world.real(ANY, &run)), 0);
    }
}

#[test]
fn nothing_is_started_or_written_before_and_during_a_job() {
    let world = World::new();
    all_phases(&world, |step| step, 1);
    world.real(ANY, &["pre"]).run().expect(0);
    all_phases(&world, |step| step, 0);
    world.real(ANY, &["post"]).run().expect(0);
    all_phases(&world, |step| step, 1);
}

#[test]
fn nothing_is_written_on_github_and_gitlab() {
    let world = World::new();
    std::fs::write(world.path("work/env"), "").unwrap();
    let github = |step: Step| {
        let step = step
            .without("SCCACHE_STEP_STATE")
            .env("GITHUB_ACTIONS", "true")
            .env("RUNNER_TEMP", world.path("tmp"));
        let names = ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];
        names.into_iter().fold(step, |step, name| step.env(name, world.path("work/env")))
    };
    all_phases(&world, github, 1);
    all_phases(&world, |step| step.env("GITLAB_CI", "true").env("CI_JOB_ID", "1"), 1);
}

#[test]
fn nothing_is_installed() {
    let world = World::new();
    let step = world.step(&["pre", "--dry-run"]).env("PATH", "/usr/bin:/bin");
    changes_nothing(&world, &step, 0);
    let finished = step.run();
    assert!(finished.stdout.contains("install sccache 0.16.0"), "{finished}");
}

#[test]
fn the_plan_tells_no_credential() {
    let world = World::new();
    for format in ["text", "json"] {
        let step = world.real(
            ANY,
            &["pre", "--dry-run", "--format", format, "--cache", "azure", "--azure-container", "c"],
        );
        let key = "AccountName=a;AccountKey=cGxhbnRlZA==;BlobEndpoint=http://127.0.0.1:1/a";
        let step = step.without("SCCACHE_STEP_CACHE_DIR").env("SCCACHE_STEP_AZURE_CONNECTION_STRING", key);
        let finished = step.env("HTTPS_PROXY", "http://me:planted@proxy:1").run().expect(0);
        assert!(finished.stdout.contains("SCCACHE_AZURE_CONNECTION_STRING"), "{finished}");
        for secret in ["cGxhbnRlZA", "planted", key] {
            assert!(!finished.to_string().contains(secret), "{secret} in {finished}");
        }
    }
}

#[test]
fn a_plan_that_cannot_be_printed_is_no_success() {
    let world = World::new();
    for command in ["pre --dry-run", "completions bash", "man run"] {
        let script = format!("'{}' {command} > /dev/full", env!("CARGO_BIN_EXE_sccache-step"));
        let finished = world.command("sh").args(&["-c", &script]).run().expect(1);
        assert!(finished.stderr.starts_with("error: the standard output"), "{finished}");
    }
}
