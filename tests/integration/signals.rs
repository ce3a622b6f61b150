//! Signals at every phase: the right code, and nothing left running.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::fake;
use crate::support::step::Running;
use crate::support::tools::{ANY, program};
use crate::support::world::World;
use crate::support::{leftovers, until};

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

/// Longer than we may take before GitHub's runner ends a cancelled step by force: 7.5 s.
const PATIENCE: Duration = Duration::from_secs(7);

fn wait_for(path: &Path) {
    until(&format!("`{}`", path.display()), || path.exists().then_some(()));
}

fn wait_for_arguments(world: &World, part: &str) -> u32 {
    until(&format!("a process with `{part}`"), || {
        leftovers::of(world.root())
            .into_iter()
            .find(|found| found.arguments.contains(part))
            .map(|found| found.pid)
    })
}

/// `pre` in the middle of a start that never ends.
fn slow_pre(world: &World) -> Running {
    let program =
        fake::sccache(world, "0.16.0", &format!("touch '{}'\nexec sleep 300", world.path("up").display()));
    let step = world.step(&["pre"]).env("SCCACHE_STEP_SCCACHE", program);
    let running = step.env("SCCACHE_STEP_STATE", world.state_path()).start();
    wait_for(&world.path("up"));
    running
}

#[test]
fn a_signal_during_a_slow_start_ends_pre_and_the_server() {
    for (signal, code) in SIGNALS {
        let world = World::new();
        let running = slow_pre(&world);
        running.signal(signal);
        let began = std::time::Instant::now();
        let finished = running.finish().expect(code);
        assert!(began.elapsed() < PATIENCE, "{:?}: {finished}", began.elapsed());
        assert!(finished.stderr.contains("stopped by signal"), "{finished}");
        world.nothing_runs_within(Duration::from_millis(200));
    }
}

#[test]
fn a_killed_pre_takes_its_starting_server_with_it() {
    let world = World::new();
    let running = slow_pre(&world);
    running.signal(Signal::KILL);
    running.finish();
    world.nothing_runs_within(Duration::from_secs(5));
}

#[test]
fn a_signal_while_sccache_is_asked_for_its_version_ends_that_too() {
    let world = World::new();
    let program = world.path("fake/sccache");
    fake::script(&program, &format!("touch '{}'\nsleep 300", world.path("asked").display()));
    let running = world.step(&["pre"]).env("SCCACHE_STEP_SCCACHE", &program).start();
    wait_for(&world.path("asked"));
    running.signal(Signal::TERM);
    running.finish().expect(143);
    world.nothing_runs_within(Duration::from_millis(500));
}

#[test]
fn a_signal_during_an_installation_ends_the_installer() {
    let world = World::new();
    let body = format!("touch '{}'\nsleep 300 & wait", world.path("installing").display());
    for name in ["cargo", "pip", "pip3", "python3", "python"] {
        fake::script(&world.path("fake").join(name), &body);
    }
    let path = format!("{}:/usr/bin:/bin", world.path("fake").display());
    let step = world.step(&["pre", "--install-from", "cargo"]).env("PATH", path);
    let running = step.env("SCCACHE_STEP_STATE", world.state_path()).start();
    wait_for(&world.path("installing"));
    running.signal(Signal::INT);
    running.finish().expect(130);
    world.nothing_runs_within(Duration::from_millis(500));
}

/// `run` with a command that tells when it is ready for signals.
fn run(world: &World, script: &str) -> Running {
    let script = format!("{script}\ntouch ready\nwhile :; do sleep 0.05; done");
    let running = world.real(ANY, &["run", "--", "sh", "-c", &script]).start();
    wait_for(&world.path("work/ready"));
    running
}

#[test]
fn the_command_of_run_gets_the_signal_and_its_code_counts() {
    for (signal, code) in SIGNALS {
        let world = World::new();
        let name = &format!("{signal:?}");
        let script = "trap 'echo trapped; exit 7' INT TERM HUP";
        let running = run(&world, script);
        running.signal(signal);
        let finished = running.finish().expect(7);
        assert_eq!(finished.stdout, "trapped\n", "{name}");
        assert!(finished.stderr.contains("sccache: nothing compiled"), "it still reports: {finished}");
        let world = World::new();
        let running = run(&world, "");
        running.signal(signal);
        let finished = running.finish().expect(code);
        assert!(finished.stderr.contains("sccache: nothing compiled"), "it still reports: {finished}");
    }
}

#[test]
fn a_command_that_ignores_the_signal_goes_on() {
    let world = World::new();
    let script = "trap '' INT\ntouch ready\nwhile [ ! -e go ]; do sleep 0.05; done\nexit 3";
    let running = world.real(ANY, &["run", "--", "sh", "-c", script]).start();
    wait_for(&world.path("work/ready"));
    running.signal(Signal::INT);
    let server = world.server_pid();
    std::fs::write(world.path("work/go"), "").unwrap();
    let finished = running.finish().expect(3);
    assert!(finished.stderr.contains(&format!("(pid {server}) has stopped")), "{finished}");
}

#[test]
fn nohup_keeps_a_hang_up_from_run() {
    let world = World::new();
    let script = "touch ready\nwhile [ ! -e go ]; do sleep 0.05; done\nexit 3";
    let run = world.real(ANY, &["run", "--", "sh", "-c", script]);
    let running = run.wrapped(&program("nohup", "coreutils"), &[]).start();
    wait_for(&world.path("work/ready"));
    running.signal(Signal::HUP);
    // Had it been heard, the command would be gone before it can see this.
    std::thread::sleep(Duration::from_millis(300));
    std::fs::write(world.path("work/go"), "").unwrap();
    let finished = running.finish().expect(3);
    assert!(finished.stderr.contains("has stopped"), "{finished}");
}

#[test]
fn what_a_cancelled_command_left_behind_is_ended_too() {
    let world = World::new();
    let running = run(&world, "trap 'exit 9' TERM\nsleep 301 &");
    running.signal(Signal::TERM);
    running.finish().expect(9);
    world.nothing_runs_within(Duration::from_millis(500));
}

#[test]
fn a_command_ended_by_a_signal_of_its_own_is_told_as_such() {
    let world = World::new();
    let finished = world.real(ANY, &["run", "--", "sh", "-c", "kill -9 $$"]).run().expect(137);
    assert!(finished.stderr.contains("sccache: nothing compiled"), "{finished}");
}

#[test]
fn a_killed_run_takes_its_server_with_it() {
    let world = World::new();
    let running = run(&world, "");
    let command = wait_for_arguments(&world, "touch ready\nwhile");
    let _ = command;
    running.signal(Signal::KILL);
    let server = world.server_pid();
    until("the end of the server", || sccache_step::process::identify(server).is_none().then_some(()));
    let supervisor = world.supervisor_pid();
    until("the end of the supervisor", || {
        sccache_step::process::identify(supervisor).is_none().then_some(())
    });
    // The command itself has nobody left who could tell it.
    for left in leftovers::of(world.root()) {
        leftovers::kill(left.pid, Signal::KILL);
    }
    running.finish();
}

/// Waits until `post` has a connection to the server: its third socket, after the pair that signals come in by.
fn until_it_asks(pid: u32) {
    until("`post` asking for the statistics", || {
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        let targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        (targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() > 2).then_some(())
    });
}

#[test]
fn a_signal_during_post_does_not_keep_it_from_its_work() {
    for (signal, code) in SIGNALS {
        let world = World::new();
        world.real(ANY, &["pre", "--stop-timeout", "30s"]).run().expect(0);
        let server = world.server_pid();
        // Frozen, so that `post` is still at work when the signal comes.
        leftovers::kill(server, Signal::STOP);
        let running = world.real(ANY, &["post"]).start();
        until_it_asks(running.pid());
        running.signal(signal);
        leftovers::kill(server, Signal::CONT);
        let finished = running.finish().expect(code);
        assert!(finished.stdout.contains("sccache: "), "it still reports: {finished}");
        world.nothing_runs_within(Duration::from_millis(500));
        assert_eq!(world.state()["phase"], "finished");
    }
}

#[test]
fn a_cancelled_post_does_not_wait_long_for_a_frozen_server() {
    let world = World::new();
    world.real(ANY, &["pre", "--stop-timeout", "60s"]).run().expect(0);
    leftovers::kill(world.server_pid(), Signal::STOP);
    let running = world.real(ANY, &["post"]).start();
    until_it_asks(running.pid());
    running.signal(Signal::TERM);
    let began = std::time::Instant::now();
    let finished = running.finish().expect(143);
    assert!(began.elapsed() < PATIENCE, "{:?}: {finished}", began.elapsed());
}

#[test]
fn the_end_of_the_supervisor_on_a_signal_is_the_end_of_the_server() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    leftovers::kill(world.supervisor_pid(), Signal::TERM);
    world.nothing_runs_within(Duration::from_secs(5));
    world.real(ANY, &["post"]).run().expect(0);
}

const TERMINAL: &str = r#"
import os, pty, select, signal, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said, sent, limit = b"", False, time.monotonic() + 20
while time.monotonic() < limit:
    if select.select([terminal], [], [], 0.05)[0]:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        said += piece
    if not sent and b"ready for it" in said:
        os.write(terminal, b"\x03")
        sent = True
else:
    os.kill(pid, signal.SIGKILL)
_, status = os.waitpid(pid, 0)
sys.stdout.write(said.decode(errors="replace"))
sys.exit(os.waitstatus_to_exitcode(status) if not os.WIFSIGNALED(status) else 99)
"#;

#[test]
fn ctrl_c_at_a_terminal_reaches_the_command_exactly_once() {
    let world = World::new();
    let command = "import signal, time\ncount = []\n\
                   signal.signal(signal.SIGINT, lambda *_: count.append(1))\n\
                   print('ready for it', flush=True)\nend = time.monotonic() + 20\n\
                   while not count and time.monotonic() < end: time.sleep(0.01)\n\
                   settled = time.monotonic() + 0.5\n\
                   while time.monotonic() < settled: time.sleep(0.01)\n\
                   print('interrupts:', len(count))\nraise SystemExit(5)\n";
    let step = world.command("python3").args(&["-c", TERMINAL, env!("CARGO_BIN_EXE_sccache-step")]);
    let step =
        step.args(&["run", "--", "python3", "-c", command]).env("SCCACHE_STEP_STATE", world.state_path());
    let step = step.env("SCCACHE_STEP_SCCACHE", crate::support::tools::sccache(ANY));
    let finished = step.env("SCCACHE_STEP_CACHE_DIR", world.path("cache")).run().expect(5);
    assert!(finished.stdout.contains("interrupts: 1\r\n"), "{finished}");
    assert!(finished.stdout.contains("has stopped"), "{finished}");
}
