//! The container of a GitLab job: the script's shell is its first process, and `after_script` runs in another one.

use std::time::Duration;

use rustix::process::Signal;

use super::Job;
use crate::gitlab;
use crate::support::step::Step;
use crate::support::tools::program;

/// `text` as the first process of a container: whatever it leaves is killed with it, and ends whoever waits for it.
fn contained(job: &Job, text: &str) -> Step {
    let step = job.counted(gitlab::job(&job.world, "bash", text)).env("SCCACHE_STEP_WRAP", "cc");
    let namespaces = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"];
    step.wrapped(&program("unshare", "util-linux"), &namespaces)
}

/// `before_script` and `script`, joined as the runner does.
fn script(job: &Job, user: &str) -> Step {
    contained(job, &format!("set -eo pipefail\n{}\n{user}\n", gitlab::script("before_script")))
}

#[test]
fn a_container_that_ends_with_its_script() {
    let job = Job::new();
    let build = job.sources("unit", 4);
    let finished = script(&job, &format!("{build}\n{build}")).run().expect(0);
    job.world.nothing_runs_within(Duration::from_secs(1));
    assert!(finished.stdout.starts_with("4\n4\n"), "{finished}");
    assert!(
        finished.stdout.contains("0 of 4 from cache"),
        "the trap reports while the server lives: {finished}"
    );
    assert_eq!(job.compilations().len(), 4);
    let after = contained(&job, &gitlab::script("after_script")).run();
    assert!(after.stderr.contains("the server was stopped and reported before"), "{after}");
}

#[test]
fn a_container_that_is_killed() {
    let job = Job::new();
    let (build, more) = (job.sources("unit", 4), job.sources("more", 1));
    // The supervisor asks the server at the latest 0.1 s after the last request.
    let known = "until grep -q '\"compilations\":4' \"$(dirname \"$SCCACHE_SERVER_UDS\")/history.jsonl\"; \
                 do sleep 0.05; done";
    let running = script(&job, &format!("{build}\n{known}\ntouch hold\n{more}")).start();
    job.await_compilations(5);
    running.signal(Signal::KILL);
    let finished = running.finish().expect(137);
    job.world.nothing_runs_within(Duration::from_secs(1));
    assert_eq!(finished.stdout, "4\n", "there was no time for a trap: {finished}");
    let after = contained(&job, &gitlab::script("after_script")).run().expect(0);
    job.world.nothing_runs_within(Duration::from_secs(1));
    assert!(after.stdout.contains("0 of 4 from cache"), "as last told: {after}");
    let told = job.world.clean(&after.stderr);
    let told: Vec<&str> = told.lines().filter(|line| line.starts_with("cause:")).collect();
    insta::assert_snapshot!(told.join("\n"), @"cause: the server (pid [pid]) and its supervisor were killed; what is known is complete up to [clock] UTC");
}
