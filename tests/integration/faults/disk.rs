//! Directories that are full, read-only, or taken away.

use std::path::Path;

use super::{Job, Told};
use crate::support::step::Step;
use crate::support::tools::program;
use crate::support::until;

/// The job as one `run` in a mount namespace of its own, in which `directory` is a file system of this size.
fn run_with_mount(job: &Job, directory: &Path, size: &str, script: &str) -> Told {
    let mount = format!("mount -t tmpfs -o mode=700,size={size} none \"$0\" && exec \"$@\"");
    let options = ["--map-root-user", "--mount", "sh", "-c", &mount, directory.to_str().unwrap()];
    let step: Step = job.phase(&["run", "--wrap", "cc", "--format", "json", "--", "sh", "-ec", script]);
    // Compilers have their temporary files elsewhere, as on GitHub's runners.
    let step = step.without("SCCACHE_STEP_STATE").env("RUNNER_TEMP", job.world.path("runner-temp"));
    let step = step.env("GITHUB_ACTIONS", "true");
    let finished = step.wrapped(&program("unshare", "util-linux"), &options).run().expect(0);
    job.world.nothing_runs_within(std::time::Duration::from_secs(2));
    let report = crate::real::report_of_run(&finished);
    Told { report, finished }
}

#[test]
fn a_cache_directory_that_is_full() {
    let job = Job::new();
    let cache = job.world.path("cache");
    std::fs::create_dir(&cache).unwrap();
    let fill = format!("dd if=/dev/zero of='{}/fill' bs=1k 2> /dev/null || true", cache.display());
    let script = format!("{fill}\n{}", job.sources("unit", 4));
    let told = run_with_mount(&job, &cache, "64k", &script);
    assert_eq!(told.finished.stdout, "4\n", "{}", told.finished);
    assert_eq!((told.count("misses"), job.compilations().len()), (4, 4), "{:#}", told.report);
    assert_eq!(told.report["statistics"]["stats"]["write_errors"], 4, "{:#}", told.report);
    insta::assert_snapshot!(told.findings(&job.world), @r"
    write-errors; 4 cache writes failed; what is not stored is compiled again by the next job
    trouble; 1 trouble; the first: the record of compile times `[root]/cache/sccache-step.json` cannot be written
    first-run; nothing came from the cache; 4 units missed, as is normal for a first run only
    ");
}

#[test]
fn a_cache_directory_that_becomes_read_only() {
    let job = Job::new();
    let cache = job.world.path("cache");
    std::fs::create_dir(&cache).unwrap();
    let (before, after) = (job.sources("unit", 3), job.sources("more", 2));
    let remount = format!("mount -o remount,ro '{}'", cache.display());
    let script = format!("{before}\n{remount}\nrm -f unit unit*.o\n{before}\n{after}");
    let told = run_with_mount(&job, &cache, "1m", &script);
    assert_eq!(told.finished.stdout, "3\n3\n2\n", "{}", told.finished);
    // sccache notes when it used an object, in the object's file: it takes one where it cannot for a miss.
    assert_eq!((told.counts(), job.compilations().len()), ((0, 8), 8), "{:#}", told.report);
    assert_eq!(told.report["statistics"]["stats"]["write_errors"], 5, "{:#}", told.report);
    insta::assert_snapshot!(told.findings(&job.world), @r"
    write-errors; 5 cache writes failed; what is not stored is compiled again by the next job
    read-errors; 3 cache reads failed; these units were compiled although the cache had them, or could not be asked
    trouble; 1 trouble; the first: the record of compile times `[root]/cache/sccache-step.json` cannot be written
    first-run; nothing came from the cache; 8 units missed, as is normal for a first run only
    ");
}

#[test]
fn a_runner_temp_that_is_full() {
    let job = Job::new();
    let temp = job.world.path("runner-temp");
    std::fs::create_dir(&temp).unwrap();
    let fill = format!("dd if=/dev/zero of='{}/fill' bs=1k 2> /dev/null || true", temp.display());
    let script = format!("{fill}\n{}", job.sources("unit", 4));
    let told = run_with_mount(&job, &temp, "1m", &script);
    assert!(
        told.finished.stderr.contains("/runner-temp/sccache-step"),
        "that is where it works: {}",
        told.finished
    );
    assert_eq!(told.finished.stdout, "4\n", "{}", told.finished);
    assert_eq!((told.count("misses"), job.compilations().len()), (4, 4), "{:#}", told.report);
    insta::assert_snapshot!(told.findings(&job.world), @"first-run; nothing came from the cache; 4 units missed, as is normal for a first run only");
}

#[test]
fn a_runner_temp_that_is_removed_while_compiling() {
    let job = Job::new();
    job.pre(&[]);
    job.build("before", 2);
    job.settle(2);
    let build = job.build_held("unit", 1, 1);
    let (run_dir, state) = (job.run_dir(), job.world.state_path());
    std::fs::remove_file(&state).unwrap();
    std::fs::remove_dir_all(&run_dir).unwrap();
    until("everything back in its place", || {
        let back = [&state, &run_dir.join("s"), &run_dir.join("history.jsonl")];
        back.iter().all(|path| path.exists()).then_some(())
    });
    job.release();
    Job::is_right(build.finish(), 1);
    job.build("after", 4);
    let told = job.post();
    assert_eq!((told.counts(), told.stated_loss()), ((0, 7), 0), "{:#}", told.report);
    assert_eq!(job.compilations().len(), 7);
    insta::assert_snapshot!(told.incidents(&job.world), @"the server's socket was removed; it was put back");
}
