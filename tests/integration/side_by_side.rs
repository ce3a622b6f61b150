//! Calls that meet: several at once in one job, one inside the other, somebody else at our address, and
//! directories of others.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::step::Step;
use crate::support::tools::ANY;
use crate::support::world::World;
use crate::support::{fake, leftovers, until};

/// A step of a GitHub job: all of them have the same temporary directory, and none has `SCCACHE_STEP_STATE`.
fn in_job(world: &World, arguments: &[&str]) -> Step {
    let step = world.real(ANY, arguments).without("SCCACHE_STEP_STATE").env("GITHUB_ACTIONS", "true");
    let names = ["GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"];
    let step = names.into_iter().fold(step, |step, name| step.env(name, world.path("work").join(name)));
    step.env("RUNNER_TEMP", world.path("tmp"))
}

fn supervisors(world: &World) -> usize {
    let found = leftovers::of(world.root());
    // Each leads a session with the process that holds its address.
    let keepers = found.iter().filter(|found| found.arguments.contains("supervise"));
    keepers.map(|found| leftovers::session(found.pid)).collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn several_pre_at_once_in_one_job_share_one_server() {
    let world = World::new();
    let running = [(); 4].map(|()| in_job(&world, &["pre"]).start());
    let finished = running.map(|running| running.finish().expect(0));
    let starts = finished.iter().filter(|one| one.stderr.contains("listens at")).count();
    let joins = finished.iter().filter(|one| one.stderr.contains("is already running (pid")).count();
    assert_eq!((starts, joins), (1, 3), "{finished:?}");
    assert_eq!(supervisors(&world), 1);
    let roles = std::fs::read_to_string(world.path("work/GITHUB_STATE")).unwrap();
    assert_eq!((roles.matches("owner").count(), roles.matches("guest").count()), (1, 3), "{roles}");
    in_job(&world, &["post"]).run().expect(0);
    world.nothing_runs_within(Duration::from_secs(1));
}

#[test]
fn several_run_at_once_in_one_job_have_a_server_each() {
    let world = World::new();
    let build =
        "echo \"int here(void) { return $$; }\" > $$.c && $CC -c $$.c && echo \"$SCCACHE_SERVER_UDS\"";
    let command = ["run", "--wrap", "cc", "--format", "json", "--", "sh", "-c", build];
    let running = [(); 3].map(|()| in_job(&world, &command).start());
    let finished = running.map(|running| running.finish().expect(0));
    let addresses: std::collections::BTreeSet<&str> = finished.iter().map(|one| one.stdout.trim()).collect();
    assert_eq!(addresses.len(), 3, "{finished:?}");
    for one in &finished {
        assert_eq!(crate::real::report_of_run(one)["misses"], 1, "its own build, and no other one's: {one}");
    }
    world.nothing_runs_within(Duration::from_secs(1));
    let left = std::fs::read_dir(world.path("tmp")).unwrap().flatten();
    let left: Vec<_> = left.map(|entry| entry.file_name()).filter(|name| name != "state").collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_post_inside_a_run_leaves_the_server_to_it() {
    let world = World::new();
    let script = format!("'{}' post", env!("CARGO_BIN_EXE_sccache-step"));
    let run = world.real(ANY, &["run", "--", "sh", "-c", &script]).without("SCCACHE_STEP_STATE");
    let finished = run.run().expect(0);
    assert!(finished.stderr.contains("the server belongs to a `run`"), "{finished}");
    assert!(finished.stderr.contains("nothing compiled") && !finished.stderr.contains("lost"), "{finished}");
    world.nothing_runs_within(Duration::from_millis(300));
}

#[test]
fn whoever_took_over_the_address_is_not_asked_to_stop() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    let socket = world.state()["server"]["address"]["socket"].as_str().unwrap().to_owned();
    std::fs::remove_file(&socket).unwrap();
    // This test is the other server now.
    let other = UnixListener::bind(&socket).unwrap();
    other.set_nonblocking(true).unwrap();
    let post = world.real(ANY, &["post"]).start();
    let mut asked = Vec::new();
    until("the end of post", || {
        while let Ok((mut stream, _)) = other.accept() {
            use std::io::Read as _;
            stream.set_nonblocking(false).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            let mut bytes = [0; 8];
            // A caller that says nothing, or a question for statistics, is no request to stop.
            if stream.read_exact(&mut bytes).is_ok() {
                asked.push(bytes);
            }
        }
        sccache_step::process::identify(post.pid()).is_none().then_some(())
    });
    post.finish().expect(0);
    assert!(!asked.contains(&[0, 0, 0, 4, 3, 0, 0, 0]), "{asked:?}");
    world.nothing_runs_within(Duration::from_secs(1));
}

#[test]
fn without_a_home_nothing_of_a_shared_directory_is_used() {
    let world = World::new();
    let plan =
        world.step(&["pre", "--dry-run"]).env("HOME", "").env("PATH", world.path("work")).run().expect(0);
    assert!(!plan.stdout.contains("/tmp/.cache"), "{plan}");
    assert!(plan.stdout.contains("install sccache"), "{plan}");
}

#[test]
fn a_server_whose_address_nobody_reads_is_stopped() {
    let world = World::new();
    // Writing until it fails is how a shell learns that its reader is gone.
    let wait = "trap '' PIPE; while echo x 2> /dev/null; do :; done";
    let script = format!("{{ {wait}; '{}' pre; }} | true", env!("CARGO_BIN_EXE_sccache-step"));
    let shell = world.command("bash").args(&["-c", &script]).env("SHELL", "/bin/bash");
    let step = shell.env("SCCACHE_STEP_SCCACHE", crate::support::tools::sccache(ANY));
    let finished = step.env("SCCACHE_STEP_STATE", world.state_path()).run().expect(0);
    assert!(finished.stderr.contains("the shell code `/dev/stdout` cannot be written"), "{finished}");
    world.nothing_runs_within(Duration::from_secs(1));
}

#[test]
fn post_with_a_wrong_input_stops_the_server_all_the_same() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    let finished = world.real(ANY, &["post"]).env("SCCACHE_STEP_FAIL_FAST", "maybe").run().expect(2);
    assert!(finished.stderr.contains("input `fail-fast` does not take `maybe`"), "{finished}");
    assert!(finished.stdout.contains("nothing compiled"), "{finished}");
    world.nothing_runs_within(Duration::from_secs(1));
}

#[test]
fn a_descendant_that_holds_a_pipe_is_not_waited_for() {
    let world = World::new();
    let program = fake::sccache(&world, "0.16.0", "exit 1");
    let held = std::fs::read_to_string(&program).unwrap().replace("#!/bin/sh\n", "#!/bin/sh\nsleep 30 &\n");
    std::fs::write(&program, held).unwrap();
    let began = Instant::now();
    world.step(&["pre", "--dry-run"]).env("SCCACHE_STEP_SCCACHE", &program).run().expect(0);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    for left in leftovers::of(world.root()) {
        leftovers::kill(left.pid, Signal::KILL);
    }
}
