//! Jobs that end, or begin, otherwise than planned: others' stops, closed sessions, stale states, failed starts.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::tools::{ANY, program, sccache};
use crate::support::world::World;
use crate::support::{fake, leftovers, until};

fn is_gone(pid: u32) -> Option<()> {
    sccache_step::process::identify(pid).is_none().then_some(())
}

#[test]
fn a_server_that_somebody_else_stopped_is_told_as_such() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    let address = world.state()["server"]["address"]["socket"].as_str().unwrap().to_owned();
    let stop = world.command(sccache(ANY)).arg("--stop-server").env("SCCACHE_SERVER_UDS", address);
    stop.run().expect(0);
    until("the end of the server", || is_gone(world.server_pid()));
    until("the next server", || (world.current_server() != Some(world.server_pid())).then_some(()));
    let finished = world.real(ANY, &["post"]).run().expect(0);
    assert!(finished.stdout.contains("was stopped by somebody else"), "{finished}");
}

#[test]
fn a_pre_after_a_lost_server_starts_a_new_one() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    let old = world.server_pid();
    world.kill_keepers();
    let finished = world.real(ANY, &["pre"]).run().expect(0);
    assert!(finished.stderr.contains("left behind by an earlier job"), "{finished}");
    assert_ne!(world.server_pid(), old);
    until("the end of the old server", || is_gone(old));
    let report = world.real(ANY, &["post", "--format", "json"]).run().expect(0).json();
    assert_eq!(report["basis"], "nothing-compiled", "{report:#}");
    assert_eq!(
        report["incidents"],
        serde_json::json!([]),
        "the old server's end is not this one's: {report:#}"
    );
}

#[test]
fn a_failed_pre_leaves_no_server_and_tells_of_none() {
    let world = World::new();
    std::fs::write(world.path("work/file"), "").unwrap();
    for (fail_fast, code) in [("false", 0), ("true", 1)] {
        let step = world.real(ANY, &["pre", "--format", "json"]).env("SCCACHE_STEP_FAIL_FAST", fail_fast);
        let finished = step.env("SCCACHE_STEP_STATE", world.path("work/file/state.json")).run().expect(code);
        assert!(finished.json()["server"].is_null(), "its state cannot be written: {finished}");
        world.nothing_runs_within(Duration::from_millis(300));
    }
}

#[test]
fn a_job_that_could_not_be_told_of_the_server_has_none() {
    let world = World::new();
    let on_github = |phase: &str| {
        let step =
            world.real(ANY, &[phase]).env("GITHUB_ACTIONS", "true").env("GITHUB_ENV", world.path("work"));
        let names = ["GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];
        names.into_iter().fold(step, |step, name| step.env(name, world.path("work").join(name)))
    };
    let finished = on_github("pre").run().expect(0);
    assert!(finished.stderr.contains("the environment file `"), "{finished}");
    world.nothing_runs_within(Duration::from_millis(300));
    let outputs = std::fs::read_to_string(world.path("work/GITHUB_OUTPUT")).unwrap();
    assert!(outputs.contains("sccache-version<<") && !outputs.contains("server-pid"), "{outputs}");
    let post = on_github("post").run().expect(0);
    let summary = std::fs::read_to_string(world.path("work/GITHUB_STEP_SUMMARY")).unwrap();
    assert!(summary.contains("no cache") && summary.contains("environment file"), "{summary} {post}");
}

#[test]
fn the_end_of_a_persons_session_is_the_end_of_the_server() {
    let world = World::new();
    let pre = format!("'{}' pre > /dev/null 2>&1; true", env!("CARGO_BIN_EXE_sccache-step"));
    let step = world.command("setsid").args(&["--wait", "sh", "-c", &pre]);
    let step = step.env("SCCACHE_STEP_SCCACHE", sccache(ANY)).env("SCCACHE_STEP_STATE", world.state_path());
    step.run().expect(0);
    assert!(world.state_path().exists());
    world.nothing_runs_within(Duration::from_secs(5));
    let ci = step.env("CI", "true").run().expect(0);
    let server = world.server_pid();
    let began = std::time::Instant::now();
    until("the moment in which a person's server would be gone", || {
        assert!(is_gone(server).is_none(), "on a CI each step may be a session of its own: {ci}");
        (began.elapsed() > Duration::from_millis(800)).then_some(())
    });
    world.real(ANY, &["post"]).run().expect(0);
}

#[test]
fn a_slow_server_is_waited_for() {
    let world = World::new();
    let real = sccache(ANY);
    let program = fake::sccache(&world, "0.16.0", &format!("sleep 1\nexec '{}' \"$@\"", real.display()));
    world.real(ANY, &["pre"]).env("SCCACHE_STEP_SCCACHE", program).run().expect(0);
    let report = world.real(ANY, &["post", "--format", "json"]).run().expect(0).json();
    assert_eq!(report["basis"], "nothing-compiled", "{report:#}");
}

#[test]
fn two_jobs_at_once_have_a_server_each() {
    let (one, two) = (World::new(), World::new());
    one.real(ANY, &["pre"]).run().expect(0);
    two.real(ANY, &["pre"]).run().expect(0);
    assert_ne!(one.server_pid(), two.server_pid());
    one.real(ANY, &["post"]).run().expect(0);
    assert!(is_gone(two.server_pid()).is_none(), "the other job goes on");
    two.real(ANY, &["post"]).run().expect(0);
}

#[test]
fn an_address_in_use_is_no_trouble() {
    // A socket file that an ended server left, in the directory that a GitHub job reuses.
    let world = World::new();
    let step = |phase: &str| {
        let step = world.real(ANY, &[phase]).without("SCCACHE_STEP_STATE").env("GITHUB_ACTIONS", "true");
        let step = step.env("RUNNER_TEMP", world.path("tmp"));
        ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE"]
            .into_iter()
            .fold(step, |step, name| step.env(name, world.path("work/files")))
    };
    step("pre").run().expect(0);
    let all = leftovers::of(world.root());
    assert_eq!(all.len(), 3, "the holder, the supervisor and the server: {all:?}");
    for signal in [Signal::STOP, Signal::KILL] {
        all.iter().for_each(|one| leftovers::kill(one.pid, signal));
    }
    world.nothing_runs_within(Duration::from_secs(3));
    assert!(world.path("tmp/sccache-step/s").exists(), "the killed supervisor's socket");
    let finished = step("pre").run().expect(0);
    assert!(!finished.stderr.contains("::warning"), "{finished}");
    step("post").run().expect(0);
}

#[test]
fn a_job_in_a_directory_with_a_very_long_name_works() {
    let world = World::new();
    let long = world.path(&format!("tmp/{}", "long".repeat(40)));
    std::fs::create_dir(&long).unwrap();
    let step = |phase: &str| {
        let step = world.real(ANY, &[phase]).without("SCCACHE_STEP_STATE").env("GITHUB_ACTIONS", "true");
        let step = step.env("RUNNER_TEMP", &long);
        ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE"]
            .into_iter()
            .fold(step, |step, name| step.env(name, world.path("work/files")))
    };
    let finished = step("pre").run().expect(0);
    assert!(!finished.stderr.contains("::warning"), "{finished}");
    let env = std::fs::read_to_string(world.path("work/files")).unwrap();
    let socket =
        env.split("/tmp/sccache-step-").nth(1).map(|rest| rest.split('/').next().unwrap().to_owned());
    let directory = format!("/tmp/sccache-step-{}", socket.unwrap_or_else(|| panic!("{env}")));
    assert!(std::path::Path::new(&directory).is_dir());
    step("post").run().expect(0);
    assert!(!std::path::Path::new(&directory).exists(), "the short directory goes with the server");
}

#[test]
fn a_session_of_another_pid_namespace_is_no_session_to_watch() {
    // As in a container whose first process made no session of its own: the kernel calls its session 0.
    let world = World::new();
    let unshare = program("unshare", "util-linux");
    let namespace = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"];
    let inside = world.real(ANY, &["run", "--", "true"]).wrapped(&unshare, &namespace);
    let finished = inside.run().expect(0);
    assert!(finished.stderr.contains("sccache server, pid "), "{finished}");
}
