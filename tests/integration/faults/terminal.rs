//! A person's terminal, and streams that are closed, while `run` builds.

use std::time::Duration;

use super::Job;
use crate::support::step::Step;
use crate::support::tools::{ANY, repository, sccache};
use crate::support::until;

/// `run` at a terminal of its own. What is written into the file `keys` is typed there; `close` closes it.
fn at_terminal(job: &Job, build: &str) -> Step {
    let terminal = repository().join("tests/integration/faults/terminal.py");
    let step =
        job.counted(job.world.command("python3")).arg(terminal).arg(env!("CARGO_BIN_EXE_sccache-step"));
    let step = step.args(&["run", "--wrap", "cc", "--", "sh", "-c", build]);
    let step =
        step.env("SCCACHE_STEP_STATE", job.world.state_path()).env("SCCACHE_STEP_SCCACHE", sccache(ANY));
    step.env("SCCACHE_STEP_CACHE_DIR", job.world.path("cache")).env("SCCACHE_STEP_COLOR", "never")
}

fn write(job: &Job, keys: &str) {
    // Whoever reads this sees all of it or nothing.
    let path = job.world.path("work/keys");
    std::fs::write(path.with_extension("new"), keys).unwrap();
    std::fs::rename(path.with_extension("new"), &path).unwrap();
    until("the keys being typed", || (!path.exists()).then_some(()));
}

#[test]
fn ctrl_c_twice_at_a_terminal() {
    let job = Job::new();
    let build = job.sources("unit", 8);
    job.hold();
    // The build takes the first one as a reason to go on for a while, as a test runner does.
    let command = format!("trap 'touch interrupted' INT; {build}; touch ended; sleep 300");
    let running = at_terminal(&job, &command).start();
    job.await_compilations(1);
    let server = job.server();
    write(&job, "\u{3}");
    until("the build's own end", || job.world.path("work/ended").exists().then_some(()));
    write(&job, "\u{3}");
    job.release();
    let finished = running.finish();
    job.world.nothing_runs_within(Duration::from_secs(1));
    let finished = finished.expect(130);
    assert!(job.world.path("work/interrupted").exists(), "the first one reaches the build: {finished}");
    let stopped = format!("the sccache server (pid {server}) has stopped");
    assert!(finished.stdout.contains(&stopped), "{finished}");
    assert!(finished.stdout.contains("ended with exit code 130"), "the second one, too: {finished}");
    assert!(finished.stdout.contains("compile requests  "), "the report is out: {finished}");
}

#[test]
fn a_terminal_that_is_closed() {
    let job = Job::new();
    let build = job.sources("unit", 8);
    job.hold();
    let running = at_terminal(&job, &build).start();
    job.await_compilations(1);
    write(&job, "close");
    let finished = running.finish().expect(129);
    // Also the compilers that were under way, although they are held.
    job.world.nothing_runs_within(Duration::from_secs(2));
    assert_eq!(job.world.state()["phase"], "finished", "{finished}");
    job.nothing_else_changed();
}

#[test]
fn a_reader_of_the_output_that_is_gone() {
    let job = Job::new();
    let build = job.sources("unit", 4);
    for reader in ["2>&1 | true", "2> /dev/null | true", "2>&1 >/dev/null | true"] {
        let run = format!(
            "set -o pipefail; '{}' run --wrap cc -- sh -c 'cat fifo > made; {build} >> made' {reader}; echo $? > code",
            env!("CARGO_BIN_EXE_sccache-step"),
        );
        let _ = std::fs::remove_file(job.world.path("work/fifo"));
        job.world.command("mkfifo").arg("fifo").run().expect(0);
        let step = job.counted(job.world.command("bash")).args(&["-c", &run]);
        let step = step.env("SCCACHE_STEP_STATE", job.world.state_path());
        let step = step.env("SCCACHE_STEP_SCCACHE", sccache(ANY));
        let running = step.env("SCCACHE_STEP_CACHE_DIR", job.world.path("cache")).start();
        std::fs::write(job.world.path("work/fifo"), "").unwrap();
        let finished = running.finish();
        job.world.nothing_runs_within(Duration::from_secs(1));
        assert_eq!(
            std::fs::read_to_string(job.world.path("work/made")).unwrap(),
            "4\n",
            "{reader}: {finished}"
        );
        assert_eq!(
            std::fs::read_to_string(job.world.path("work/code")).unwrap(),
            "0\n",
            "{reader}: {finished}"
        );
        job.clean("unit");
    }
    job.nothing_else_changed();
    assert_eq!(job.compilations().len(), 4, "the second and third time it comes from the cache");
}

#[test]
fn closed_streams() {
    let job = Job::new();
    let build = job.sources("unit", 4);
    for closed in ["<&-", "<&- >&-", "<&- >&- 2>&-"] {
        let step = env!("CARGO_BIN_EXE_sccache-step");
        let script = format!(
            "'{step}' pre --wrap cc {closed}\necho $? >> codes\n\
             '{step}' run --wrap cc -- sh -c '{build} > made' {closed}\necho $? >> codes\n\
             '{step}' post {closed}\necho $? >> codes\n",
        );
        let shell = job.counted(job.world.command("sh")).args(&["-c", &script]);
        let shell = shell.env("SCCACHE_STEP_STATE", job.world.state_path());
        let shell = shell.env("SCCACHE_STEP_SCCACHE", sccache(ANY));
        let finished = shell.env("SCCACHE_STEP_CACHE_DIR", job.world.path("cache")).run().expect(0);
        job.world.nothing_runs_within(Duration::from_secs(1));
        assert_eq!(
            std::fs::read_to_string(job.world.path("work/made")).unwrap(),
            "4\n",
            "{closed}: {finished}"
        );
        let codes = std::fs::read_to_string(job.world.path("work/codes")).unwrap();
        assert_eq!(codes, "0\n0\n0\n", "{closed}: {finished}");
        std::fs::remove_file(job.world.path("work/codes")).unwrap();
        job.clean("unit");
    }
    job.nothing_else_changed();
    assert_eq!(job.compilations().len(), 4, "the second and third time it comes from the cache");
}
