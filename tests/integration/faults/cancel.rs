//! Cancelled jobs: in `pre`, in the build, in `post`. GitHub's runner gives a cancelled step 7.5 s.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::Job;
use crate::support::webdav::Webdav;
use crate::support::{leftovers, until};

const PATIENCE: Duration = Duration::from_secs(7);

#[test]
fn a_cancelled_pre() {
    let job = Job::new();
    let webdav = Webdav::start();
    webdav.leave();
    let step = job.phase(&["pre", "--wrap", "cc", "--shell", "sh", "--startup-timeout", "60s"]);
    let step = step.without("SCCACHE_STEP_CACHE_DIR").env("SCCACHE_STEP_CACHE", "webdav");
    let step = step.env("SCCACHE_STEP_WEBDAV_ENDPOINT", webdav.url());
    let running = step.start();
    until("a server that cannot start", || {
        leftovers::of(job.world.root())
            .iter()
            .any(|found| found.arguments.contains("supervise"))
            .then_some(())
    });
    running.signal(Signal::INT);
    let began = Instant::now();
    let finished = running.finish().expect(130);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    job.world.nothing_runs_within(Duration::from_millis(500));
    assert!(!finished.stdout.contains("SCCACHE_SERVER_UDS"), "no address of a server: {finished}");
    insta::assert_snapshot!(job.world.clean(&finished.stderr), @r"
    sccache-step pre
    sccache 0.16.0 at `[sccache]` (sccache)
    error: stopped by signal 2
    cause: the phase was cancelled from outside
    help:  everything that was started has been stopped
    ");
    std::fs::write(job.world.path("work/exports"), "").unwrap();
    let build = job.sources("unit", 2);
    Job::is_right(job.counted(job.script(&build)).run(), 2);
}

#[test]
fn a_cancelled_build_under_run() {
    let job = Job::new();
    let build = job.sources("unit", 8);
    job.hold();
    let run = ["run", "--wrap", "cc", "--format", "json", "--", "sh", "-c", &build];
    let running = job.phase(&run).start();
    job.await_compilations(1);
    running.signal(Signal::TERM);
    let began = Instant::now();
    let finished = running.finish().expect(143);
    assert!(began.elapsed() < PATIENCE, "{:?}: {finished}", began.elapsed());
    // Also the compilers that were under way, although they are held.
    job.world.nothing_runs_within(Duration::from_secs(1));
    let report = crate::real::report_of_run(&finished);
    assert!(report["statistics"]["stats"]["compile_requests"].as_u64() >= Some(1), "{report:#}");
    // What make says of it, and the report itself, are not ours or not here.
    let before = finished.stderr.lines().take_while(|line| !line.starts_with('{'));
    let told: Vec<&str> = before.filter(|line| line.contains("sccache")).collect();
    insta::assert_snapshot!(job.world.clean(&told.join("\n")), @r"
    sccache-step run
    sccache 0.16.0 at `[sccache]` (sccache)
    sccache server, pid [pid], listens at [root]/tmp/sccache-step-[run]/s with local disk
    the sccache server (pid [pid]) had to be terminated
    ");
}

#[test]
fn a_cancelled_post() {
    let job = Job::new();
    job.pre(&["--stop-timeout", "60s"]);
    job.build("unit", 3);
    job.settle(3);
    leftovers::kill(job.server(), Signal::STOP);
    let running = job.phase(&["post", "--format", "json"]).start();
    let asks = |pid: u32| {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        let targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        // Its third socket, after the pair that signals come in by.
        (targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() > 2).then_some(())
    };
    until("`post` asking for the statistics", || asks(running.pid()));
    running.signal(Signal::TERM);
    let began = Instant::now();
    let finished = running.finish().expect(143);
    assert!(began.elapsed() < PATIENCE, "{:?}: {finished}", began.elapsed());
    job.world.nothing_runs_within(Duration::from_millis(500));
    assert_eq!((finished.json()["misses"].as_u64(), job.compilations().len()), (Some(3), 3), "{finished}");
    insta::assert_snapshot!(job.world.clean(&finished.stderr), @r"
    warning: the server's statistics could not be read
    cause: the server did not answer within 1 s: no answer came: timed out
    help:  see the server's log; the build itself is not affected
    the sccache server (pid [pid]) had to be killed
    ");
}
