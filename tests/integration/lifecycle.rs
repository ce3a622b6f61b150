//! From `pre` to `post` with the real sccache: reuse, loss, second times, and what is on disk between.

use std::os::unix::fs::PermissionsExt as _;

use std::path::Path;

use regex::Regex;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::step::{Finished, Step};
use crate::support::tools::ANY;
use crate::support::world::World;
use crate::support::{leftovers, until};

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

const PRE: &str = concat!("eval \"$('", env!("CARGO_BIN_EXE_sccache-step"), "' pre --wrap cc)\"");

/// Compiles one C file through the server of this world.
fn compile(world: &World, source: &str) -> Finished {
    let file = world.path("work").join(format!("{source}.c"));
    std::fs::write(&file, format!("int {source}(void) {{ return 7; }}\n")).unwrap();
    within_bash(world, &format!("{PRE} && $CC -c {source}.c")).run().expect(0)
}

/// A script with the variables that [`World::real`] sets.
fn within_bash(world: &World, script: &str) -> Step {
    world
        .command("bash")
        .args(&["-c", script])
        .env("SHELL", "/bin/bash")
        .env("SCCACHE_STEP_SCCACHE", crate::support::tools::sccache(ANY))
        .env("SCCACHE_STEP_CACHE_DIR", world.path("cache"))
        .env("SCCACHE_STEP_STATE", world.state_path())
}

#[test]
fn post_without_pre_is_one_sentence() {
    let world = World::new();
    let finished = world.real(ANY, &["post"]).run();
    insta::assert_snapshot!(finished.told(&world), @r"
    exit 0
    stderr:
    nothing to stop: no `pre` left a state file at `[root]/tmp/state/state.json`
    ");
    let finished = world.real(ANY, &["stats"]).run();
    insta::assert_snapshot!(finished.told(&world), @r"
    exit 1
    stderr:
    error: there is no sccache server of ours to ask
    cause: no server was started, or it was stopped (`[root]/tmp/state/state.json`)
    help:  run `sccache-step pre` first
    ");
}

#[test]
fn post_twice_has_nothing_to_do_the_second_time() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    world.real(ANY, &["post"]).run().expect(0);
    let finished = world.real(ANY, &["post"]).run();
    insta::assert_snapshot!(finished.told(&world), @r"
    exit 0
    stderr:
    nothing to stop: the server was stopped and reported before
    ");
}

#[test]
fn a_second_pre_names_the_server_and_uses_it() {
    let world = World::new();
    let first = world.real(ANY, &["pre", "--shell", "sh"]).run().expect(0);
    let pid = world.server_pid();
    let second = world.real(ANY, &["pre", "--shell", "sh"]).run().expect(0);
    assert!(second.stderr.contains(&format!("already running (pid {pid})")), "{second}");
    assert_eq!(second.stdout, first.stdout, "a second shell gets the same variables");
    assert_eq!(world.server_pid(), pid);
    let json = world.real(ANY, &["pre", "--format", "json"]).run().expect(0).json();
    assert_eq!(json["server"]["pid"], pid, "{json:#}");
    world.real(ANY, &["post"]).run().expect(0);
    world.nothing_runs_within(std::time::Duration::from_millis(500));
    let third = world.real(ANY, &["pre"]).run().expect(0);
    assert!(!third.stderr.contains("already running"), "{third}");
    world.real(ANY, &["post"]).run().expect(0);
}

#[test]
fn what_pre_leaves_is_private() {
    let world = World::new();
    let finished = world.real(ANY, &["pre", "--shell", "sh"]).without("SCCACHE_STEP_STATE").run().expect(0);
    let state = finished.stdout.lines().find_map(|line| line.strip_prefix("export SCCACHE_STEP_STATE='"));
    let state = std::path::PathBuf::from(state.unwrap().trim_end_matches('\''));
    let directory = state.parent().unwrap();
    assert_eq!((mode(&state), mode(directory)), (0o600, 0o700));
    let socket = directory.join("s");
    assert!(
        finished.stdout.contains(&format!("export SCCACHE_SERVER_UDS='{}'", socket.display())),
        "{finished}"
    );
    assert!(!finished.stdout.contains("4226") && !finished.stderr.contains("4226"), "{finished}");
    let value: Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    assert_eq!((&value["schema"], &value["phase"]), (&Value::from(1), &Value::from("started")));
    let post = world.step(&["post"]).env("SCCACHE_STEP_STATE", &state).run().expect(0);
    assert!(!post.stderr.contains("warning") && post.stdout.contains("nothing compiled"), "{post}");
    let value: Value = serde_json::from_slice(&std::fs::read(&state).unwrap()).unwrap();
    assert_eq!(value["phase"], "finished");
    assert!(!socket.exists() && mode(&state) == 0o600);
}

#[test]
fn the_supervisor_is_a_session_of_its_own_and_holds_no_credential() {
    let world = World::new();
    let step = world.real(ANY, &["pre"]).env("GITLAB_TOKEN", "planted-token").env("CC", "gcc");
    step.run().expect(0);
    for pid in [world.server_pid(), world.supervisor_pid()] {
        let environment = leftovers::environment(pid);
        assert!(!environment.contains("planted-token") && !environment.contains("CC=gcc"), "{environment}");
        assert!(environment.contains(world.state_path().to_str().unwrap()), "{environment}");
    }
    let keepers = world.keepers();
    for pid in &keepers {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap().to_owned();
        assert_eq!(session, keepers[0].to_string(), "the holder leads it");
    }
    world.real(ANY, &["post"]).run().expect(0);
}

#[test]
fn post_reports_a_lost_server() {
    let world = World::new();
    compile(&world, "lost");
    let server = world.server_pid();
    until("the sample of what was compiled", || (world.account().samples.last()?.misses == 1).then_some(()));
    world.kill_keepers();
    leftovers::kill(server, Signal::KILL);
    until("its end", || sccache_step::process::identify(server).is_none().then_some(()));
    // How long its unit took is another number each time.
    let units = Regex::new("(?m)^(Slowest|Where) .*\n(.+\n)+\n").unwrap();
    let told = |finished: &Finished| {
        let told = finished.told(&world);
        assert_eq!(units.find_iter(&told).count(), 2, "its log is left, and tells of the unit: {told}");
        // Where a line is wrapped depends on how long the pids are.
        let wrapped = Regex::new(r"\n {9,}").unwrap();
        wrapped.replace_all(&units.replace_all(&told, ""), " ").into_owned()
    };
    let stats = world.real(ANY, &["stats"]).run();
    insta::assert_snapshot!(told(&stats), @r#"
    exit 1
    stdout:
    sccache: server lost · the sccache server was gone before the end of the job · last seen: 0 % hit
    rate, 0 of 1 from cache · needs attention: 1 incident
    warning: the server was lost [server-lost] how it ended: the server (pid [pid]) and its supervisor were killed; what is known is complete up to [clock] UTC; what came after the last sample is not counted
      help:  give the job more memory if it was killed; else see the end of the server's log
    warning: 1 incident [server-incident] the first: [clock] UTC: the supervisor (pid [pid]) was killed, and with it the holder of its address; from [clock] UTC on nothing was recorded, and no server was restarted
      help:  see all of them below; a server that is killed wants more memory or fewer compilers at once
    warning: 1 trouble [trouble] the first: the sccache server was lost before the end of the job
      help:  each is told below with its cause and its help

    language  hits  misses  hit rate  errors
    C/C++        0       1       0 %       0

    note:    nothing came from the cache [first-run] 1 unit missed, as is normal for a first run only
      help:  keep the cache for the next job, and compare

    storage           local disk
    cache location    Local disk: "[root]/cache"
    cache size        [size] of 10 GiB (under 0.1 %)
    sccache version   0.16.0
    compile requests  1
    compilations      1
    cache writes      1
    cache errors      0
    time spent        [time] compiling, [time] writing
    overhead          [time] before the build, [time] after it

    incident: [clock] UTC: the supervisor (pid [pid]) was killed, and with it the holder of its address; from [clock] UTC on nothing was recorded, and no server was restarted

    warning: the sccache server was lost before the end of the job
    cause:   the server (pid [pid]) and its supervisor were killed; what is known is complete up to [clock] UTC
    help:    see its log `[root]/tmp/sccache-step-[run]/server.log`; a server that was killed may have needed more memory
    stderr:
    error: the sccache server was lost before the end of the job
    cause: the server (pid [pid]) and its supervisor were killed; what is known is complete up to [clock] UTC
    help:  see its log `[root]/tmp/sccache-step-[run]/server.log`; a server that was killed may have needed more memory
    "#);
    let finished = world.real(ANY, &["post"]).run();
    insta::assert_snapshot!(told(&finished), @r#"
    exit 0
    stdout:
    sccache: server lost · the sccache server was gone before the end of the job · last seen: 0 % hit
    rate, 0 of 1 from cache · needs attention: 1 incident
    warning: the server was lost [server-lost] how it ended: the server (pid [pid]) and its supervisor were killed; what is known is complete up to [clock] UTC; what came after the last sample is not counted
      help:  give the job more memory if it was killed; else see the end of the server's log
    warning: 1 incident [server-incident] the first: [clock] UTC: the supervisor (pid [pid]) was killed, and with it the holder of its address; from [clock] UTC on nothing was recorded, and no server was restarted
      help:  see all of them below; a server that is killed wants more memory or fewer compilers at once
    warning: 1 trouble [trouble] the first: the sccache server was lost before the end of the job
      help:  each is told below with its cause and its help

    language  hits  misses  hit rate  errors
    C/C++        0       1       0 %       0

    note:    nothing came from the cache [first-run] 1 unit missed, as is normal for a first run only
      help:  keep the cache for the next job, and compare

    storage           local disk
    cache location    Local disk: "[root]/cache"
    cache size        [size] of 10 GiB (under 0.1 %)
    sccache version   0.16.0
    compile requests  1
    compilations      1
    cache writes      1
    cache errors      0
    time spent        [time] compiling, [time] writing
    overhead          [time] before the build, [time] after it

    incident: [clock] UTC: the supervisor (pid [pid]) was killed, and with it the holder of its address; from [clock] UTC on nothing was recorded, and no server was restarted

    warning: the sccache server was lost before the end of the job
    cause:   the server (pid [pid]) and its supervisor were killed; what is known is complete up to [clock] UTC
    help:    see its log `[root]/tmp/sccache-step-[run]/server.log`; a server that was killed may have needed more memory
    stderr:
    warning: the sccache server was lost before the end of the job
    cause: the server (pid [pid]) and its supervisor were killed; what is known is complete up to [clock] UTC
    help:  see its log `[root]/tmp/sccache-step-[run]/server.log`; a server that was killed may have needed more memory
    the sccache server (pid [pid]) was gone
    "#);
}

#[test]
fn post_in_json_calls_a_lost_server_lost() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    world.kill_keepers();
    leftovers::kill(world.server_pid(), Signal::KILL);
    let report = world.real(ANY, &["post", "--format", "json"]).run().expect(0).json();
    assert_eq!(report["basis"], "server-lost", "{report:#}");
    assert!(report.to_string().contains("and its supervisor were killed"), "{report:#}");
}

#[test]
fn a_server_that_lost_its_supervisor_is_stopped_by_post() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    world.kill_keepers();
    let report = world.real(ANY, &["post", "--format", "json"]).run().expect(0).json();
    assert_eq!(report["basis"], "nothing-compiled", "{report:#}");
}

#[test]
fn a_server_that_hangs_is_ended() {
    let world = World::new();
    world.real(ANY, &["pre", "--stop-timeout", "1s"]).run().expect(0);
    leftovers::kill(world.server_pid(), Signal::STOP);
    let finished = world.real(ANY, &["post"]).run().expect(0);
    assert!(finished.stdout.contains("had to be killed"), "{finished}");
    assert!(finished.took.as_secs() < 20, "{finished}");
}

#[test]
fn a_process_that_only_has_the_pid_is_not_signalled() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    let before = world.state();
    // Start times are told in ticks of 10 ms: no process gets a pid again within the same one.
    let other = until("a process of a later tick", || {
        let other = world.command("sleep").arg("300").start();
        let start_time = sccache_step::process::identify(other.pid())?.start_time;
        if before["server"]["server"]["start_time"].as_u64()? < start_time {
            return Some(other);
        }
        other.signal(Signal::KILL);
        other.finish();
        None
    });
    let mut edited = before.clone();
    edited["server"]["server"]["pid"] = other.pid().into();
    edited["server"]["supervisor"]["pid"] = other.pid().into();
    std::fs::write(world.state_path(), edited.to_string()).unwrap();
    let history = Path::new(before["server"]["run_dir"].as_str().unwrap()).join("history.jsonl");
    std::fs::rename(&history, history.with_extension("aside")).unwrap();
    let report = world.real(ANY, &["post", "--format", "json"]).run().expect(0).json();
    assert_eq!(report["basis"], "server-lost", "{report:#}");
    std::fs::rename(history.with_extension("aside"), &history).unwrap();
    assert!(sccache_step::process::identify(other.pid()).is_some(), "another's process was ended");
    other.signal(Signal::KILL);
    other.finish();
    std::fs::write(world.state_path(), before.to_string()).unwrap();
    world.real(ANY, &["post"]).run().expect(0);
}

#[test]
fn the_server_of_a_removed_directory_is_still_stopped() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    let run_dir = world.state()["server"]["run_dir"].as_str().unwrap().to_owned();
    std::fs::remove_dir_all(run_dir).unwrap();
    let finished = world.real(ANY, &["post"]).run().expect(0);
    assert!(finished.took.as_secs() < 20, "{finished}");
    world.nothing_runs_within(std::time::Duration::from_secs(1));
}

#[test]
fn a_low_hit_rate_warns_and_fails_only_under_fail_fast() {
    for (fail_fast, code) in [("false", 0), ("true", 1)] {
        let world = World::new();
        let policy =
            |step: Step| step.env("SCCACHE_STEP_MIN_HIT_RATE", "50").env("SCCACHE_STEP_FAIL_FAST", fail_fast);
        let script = format!("{PRE} && echo 'int x;' > x.c && $CC -c x.c");
        policy(within_bash(&world, &script)).run().expect(0);
        // The policy is `pre`'s: a host may evaluate inputs anew.
        let finished = world.real(ANY, &["post"]).run().expect(code);
        assert!(finished.stderr.contains("the hit rate is 0.0 %, below the wanted 50 %"), "{finished}");
        let level = if code == 0 { "\nwarning: the hit" } else { "\nerror: the hit" };
        assert!(finished.stderr.contains(level), "{finished}");
    }
}

#[test]
fn stats_tell_the_job_so_far_and_the_server_goes_on() {
    let world = World::new();
    compile(&world, "first");
    let report = world.real(ANY, &["stats", "--format", "json"]).run().expect(0).json();
    assert_eq!((&report["misses"], &report["phase"]), (&Value::from(1), &Value::from("stats")));
    compile(&world, "second");
    let text = world.real(ANY, &["stats"]).run().expect(0);
    assert!(text.stderr.is_empty() && text.stdout.contains("0 of 2"), "{text}");
    let report = world.real(ANY, &["post", "--format", "json"]).run().expect(0).json();
    assert_eq!(report["misses"], 2);
}

#[test]
fn a_run_inside_a_job_uses_the_jobs_server() {
    let world = World::new();
    world.real(ANY, &["pre"]).run().expect(0);
    let pid = world.server_pid();
    std::fs::write(world.path("work/x.c"), "int x;\n").unwrap();
    let finished = world.real(ANY, &["run", "--wrap", "cc", "--", "sh", "-c", "$CC -c x.c"]).run().expect(0);
    assert!(finished.stderr.contains("0 of 1"), "{finished}");
    assert!(sccache_step::process::identify(pid).is_some(), "the job's server is not `run`'s to stop");
    let report = world.real(ANY, &["post", "--format", "json"]).run().expect(0).json();
    assert_eq!(report["misses"], 1, "{report:#}");
}

#[test]
fn a_wrapper_of_the_user_is_left_alone() {
    let world = World::new();
    let finished =
        world.real(ANY, &["pre", "--shell", "sh"]).env("RUSTC_WRAPPER", "/opt/mine").run().expect(0);
    assert!(
        finished.stderr.contains("`RUSTC_WRAPPER` is already `/opt/mine` and is left alone"),
        "{finished}"
    );
    assert!(!finished.stdout.contains("RUSTC_WRAPPER"), "{finished}");
    world.real(ANY, &["post"]).run().expect(0);
}
