//! State files that are damaged or tell of somebody else, addresses that others take, and phases out of order.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;

use rustix::process::Signal;

use super::Job;
use crate::support::{leftovers, until};

#[test]
fn a_state_file_that_cannot_be_trusted() {
    let job = Job::new();
    job.pre(&[]);
    let build = job.build_held("unit", 4, 1);
    let (path, server) = (job.world.state_path(), job.server());
    let state = std::fs::read_to_string(&path).unwrap();
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    let with_schema = |number: u32| state.replacen("\"schema\": 1", &format!("\"schema\": {number}"), 1);
    assert_ne!(with_schema(99), state);
    let mut told = String::new();
    let mut post = |name: &str| {
        let finished = job.phase(&["post"]).run().expect(0);
        told += &format!("--- {name}\n{}", job.world.clean(&finished.stderr));
        assert!(sccache_step::process::identify(server).is_some(), "{name}: the server is not touched");
    };
    write(&state[..20]);
    post("truncated");
    write("garbage");
    post("garbage");
    write(&with_schema(99));
    post("newer");
    write(&state);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    post("writable for others");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    if rustix::process::geteuid().is_root() {
        std::os::unix::fs::chown(&path, Some(12345), None).unwrap();
        post("another owner");
        std::os::unix::fs::chown(&path, Some(0), None).unwrap();
        // Who is not root can give nothing away: `bad_state` has that case.
        told.truncate(told.find("--- another owner").unwrap());
    }
    insta::assert_snapshot!(told, @r"
    --- truncated
    warning: the state file `[root]/tmp/state/state.json` cannot be read
    cause: it is not JSON: EOF while parsing a string at line 3 column 3
    help:  nothing was touched; remove the file and run `sccache-step pre` again
    --- garbage
    warning: the state file `[root]/tmp/state/state.json` cannot be read
    cause: it is not JSON: expected value at line 1 column 1
    help:  nothing was touched; remove the file and run `sccache-step pre` again
    --- newer
    warning: the state file `[root]/tmp/state/state.json` has schema version 99
    cause: this program reads versions up to 1
    help:  use the same version of sccache-step for `pre` and `post`
    --- writable for others
    warning: the state file `[root]/tmp/state/state.json` is not ours
    cause: its mode 666 lets others in
    help:  nothing was touched; point `state` to a file of this user
    ");
    job.release();
    Job::is_right(build.finish(), 4);
    // One of an older version is understood.
    write(&with_schema(0));
    let told = job.post();
    assert_eq!((told.counts(), told.stated_loss()), ((0, 4), 0), "{:#}", told.report);
}

#[test]
fn a_pid_of_the_state_that_is_another_process_now() {
    let job = Job::new();
    job.pre(&[]);
    job.build("unit", 4);
    job.settle(4);
    let server = job.server();
    job.world.kill_keepers();
    leftovers::kill(server, Signal::KILL);
    until("its end", || sccache_step::process::identify(server).is_none().then_some(()));
    let mut state = job.world.state();
    let began = state["server"]["server"]["start_time"].as_u64().unwrap();
    // Start times are told in ticks of 10 ms: no process gets a pid again within the same one.
    let other = until("a process of a later tick", || {
        let other = job.world.command("sleep").arg("300").start();
        if began < sccache_step::process::identify(other.pid())?.start_time {
            return Some(other);
        }
        other.signal(Signal::KILL);
        other.finish();
        None
    });
    state["server"]["server"]["pid"] = other.pid().into();
    state["server"]["supervisor"]["pid"] = other.pid().into();
    state["server"]["holder"]["pid"] = other.pid().into();
    std::fs::write(job.world.state_path(), state.to_string()).unwrap();
    let finished = job.phase(&["post", "--format", "json"]).run().expect(0);
    assert!(sccache_step::process::identify(other.pid()).is_some(), "another's process was ended");
    other.signal(Signal::KILL);
    other.finish();
    insta::assert_snapshot!(job.world.clean(&finished.stderr), @r"
    warning: the sccache server was lost before the end of the job
    cause: the server (pid [pid]) and its supervisor were killed; what is known is complete up to [clock] UTC
    help:  see its log `[root]/tmp/sccache-step-[run]/server.log`; a server that was killed may have needed more memory
    the sccache server (pid [pid]) was gone
    ");
    let report = finished.json();
    assert_eq!((&report["basis"], &report["misses"]), (&"server-lost".into(), &4.into()), "{report:#}");
    assert_eq!(job.compilations().len(), 4);
}

#[test]
fn an_address_that_a_foreign_listener_takes() {
    let job = Job::new();
    job.pre(&[]);
    let build = job.build_held("unit", 1, 1);
    std::fs::remove_file(job.socket()).unwrap();
    let foreign = UnixListener::bind(job.socket()).unwrap();
    until("the incident", || job.world.account().incidents.first().cloned());
    drop(foreign);
    job.release();
    Job::is_right(build.finish(), 1);
    job.build("after", 4);
    let told = job.post();
    assert_eq!((told.counts(), told.stated_loss()), ((0, 5), 0), "{:#}", told.report);
    assert_eq!(job.compilations().len(), 5);
    let pid = std::process::id().to_string();
    insta::assert_snapshot!(told.incidents(&job.world).replace(&pid, "[pid]"), @"the server's socket was taken by another listener; process [pid] listened there; it was put back");
}

#[test]
fn phases_out_of_order() {
    let job = Job::new();
    let post = job.phase(&["post"]).run().expect(0);
    insta::assert_snapshot!(post.told(&job.world), @r"
    exit 0
    stderr:
    nothing to stop: no `pre` left a state file at `[root]/tmp/state/state.json`
    ");
    let first = job.pre(&[]);
    job.build("unit", 3);
    let second = job.pre(&[]);
    assert_eq!(first.stdout, second.stdout, "the same server");
    job.clean("unit");
    job.build("unit", 3);
    let told = job.post();
    assert_eq!((told.counts(), job.compilations().len()), ((3, 3), 3), "{:#}", told.report);
    let again = job.phase(&["post"]).run();
    insta::assert_snapshot!(again.told(&job.world), @r"
    exit 0
    stderr:
    nothing to stop: the server was stopped and reported before
    ");
    assert!(leftovers::of(job.world.root()).is_empty());
}
