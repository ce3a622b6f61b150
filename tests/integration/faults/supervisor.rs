//! The supervisor is killed, the process that holds the address for it, and all of it.

use rustix::process::Signal;

use super::Job;
use crate::support::{leftovers, until};

fn is_gone(pid: u32) -> Option<()> {
    sccache_step::process::identify(pid).is_none().then_some(())
}

/// A build in whose middle `kill` is done; then the same once more, and another one.
fn built_with(job: &Job, kill: impl FnOnce()) {
    job.pre(&[]);
    job.build("unit", 4);
    job.settle(4);
    let build = job.build_held("more", 12, 1);
    kill();
    job.release();
    Job::is_right(build.finish(), 12);
    job.clean("unit");
    job.build("unit", 4);
    job.build("last", 3);
}

#[test]
fn a_supervisor_killed_while_compiling() {
    let job = Job::new();
    built_with(&job, || {
        let old = job.server();
        let supervisor = job.world.supervisor_pid();
        leftovers::kill(supervisor, Signal::KILL);
        job.await_server_after(old);
        assert!(leftovers::group(old).is_empty() && is_gone(old).is_some(), "the old server went with it");
    });
    let told = job.post();
    assert_eq!(told.count("hits"), 4, "{:#}", told.report);
    assert!(told.count("misses") >= 7 && told.stated_loss() <= 12, "{:#}", told.report);
    insta::assert_snapshot!(told.incidents(&job.world), @"the supervisor (pid [pid]) was killed by signal 9; another one and a new server took over, which took [time], clients under way compiled by themselves");
}

#[test]
fn a_holder_killed_while_compiling() {
    let job = Job::new();
    built_with(&job, || {
        let holder = job.world.keepers()[0];
        leftovers::kill(holder, Signal::KILL);
        until("the incident", || job.world.account().incidents.first().cloned());
    });
    let told = job.post();
    assert_eq!((told.counts(), told.stated_loss()), ((4, 19), 0), "{:#}", told.report);
    insta::assert_snapshot!(told.incidents(&job.world), @"the holder of the address (pid [pid]) was killed; the supervisor holds it now");
}

#[test]
fn the_supervisor_and_its_server_killed_while_compiling() {
    let job = Job::new();
    built_with(&job, || {
        let old = job.server();
        for pid in [job.world.supervisor_pid(), old] {
            leftovers::kill(pid, Signal::KILL);
        }
        job.await_server_after(old);
    });
    let told = job.post();
    assert_eq!(told.count("hits"), 4, "{:#}", told.report);
    insta::assert_snapshot!(told.incidents(&job.world), @"the supervisor (pid [pid]) was killed by signal 9; another one and a new server took over, which took [time], clients under way compiled by themselves");
}

#[test]
fn everything_of_ours_killed_while_compiling() {
    let job = Job::new();
    job.pre(&[]);
    job.build("unit", 4);
    job.settle(4);
    // Every client has been told that its compilation has begun, and none is about to ask.
    let build = job.build_held("more", 1, 1);
    let server = job.server();
    job.world.kill_keepers();
    leftovers::kill(server, Signal::KILL);
    until("its end", || is_gone(server));
    job.release();
    Job::is_right(build.finish(), 1);
    let told = job.post_by(job.phase(&["post", "--format", "json"]));
    assert_eq!((told.count("hits"), told.count("misses")), (0, 4), "as last told: {:#}", told.report);
    assert_eq!(told.report["basis"], "server-lost");
    insta::assert_snapshot!(told.incidents(&job.world), @"the supervisor (pid [pid]) was killed, and with it the holder of its address; from [clock] UTC on nothing was recorded, and no server was restarted");
}
