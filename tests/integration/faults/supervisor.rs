//! The supervisor is killed, alone and with its server.

use rustix::process::Signal;

use super::Job;
use crate::support::{leftovers, until};

fn is_gone(pid: u32) -> Option<()> {
    sccache_step::process::identify(pid).is_none().then_some(())
}

#[test]
fn a_supervisor_killed_while_compiling() {
    let job = Job::new();
    job.pre(&[]);
    job.build("unit", 4);
    job.settle(4);
    // Every client has been told that its compilation has begun, and none is about to ask.
    let build = job.build_held("more", 1, 1);
    let supervisor = job.world.supervisor_pid();
    leftovers::kill(supervisor, Signal::KILL);
    until("the end of the supervisor", || is_gone(supervisor));
    job.release();
    Job::is_right(build.finish(), 1);
    // Whoever comes now finds nobody at the address, and starts a server of its own.
    job.clean("unit");
    job.script("make -s -f unit.mk CC=\"$CC\" unit && ./unit").run().expect(0);
    let told = job.post();
    assert_eq!(told.counts(), (0, 9), "also those of the client's server: {:#}", told.report);
    insta::assert_snapshot!(told.incidents(&job.world), @r#"
    the supervisor (pid [pid]) was killed; from [clock] UTC on nothing was recorded, and no server was restarted
    a client of sccache started a server of its own (pid [pid]); nobody listened at the job's address any more; it cached at: Local disk: "[root]/home/.cache/sccache"
    the sccache server (pid [pid]) had to be terminated
    "#);
}

#[test]
fn the_supervisor_and_its_server_killed_while_compiling() {
    let job = Job::new();
    job.pre(&[]);
    job.build("unit", 4);
    job.settle(4);
    let build = job.build_held("more", 1, 1);
    for pid in [job.world.supervisor_pid(), job.server()] {
        leftovers::kill(pid, Signal::KILL);
        until("its end", || is_gone(pid));
    }
    job.release();
    Job::is_right(build.finish(), 1);
    let told = job.post_by(job.phase(&["post", "--format", "json"]));
    assert_eq!((told.count("hits"), told.count("misses")), (0, 4), "as last told: {:#}", told.report);
    assert_eq!(told.report["basis"], "server-lost");
    insta::assert_snapshot!(told.incidents(&job.world), @"the supervisor (pid [pid]) was killed; from [clock] UTC on nothing was recorded, and no server was restarted");
}
