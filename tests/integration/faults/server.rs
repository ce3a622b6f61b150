//! Servers that are killed, hang, run out of memory or leave.

use rustix::process::Signal;

use super::Job;
use crate::support::tools::{ANY, program, sccache};
use crate::support::{fake, leftovers, until};

#[test]
fn a_server_killed_while_compiling() {
    let job = Job::new();
    job.pre(&[]);
    let build = job.build_held("unit", 12, 1);
    let old = job.server();
    assert!(!leftovers::group(old).is_empty(), "the compilers of a server are found with it");
    leftovers::kill(old, Signal::KILL);
    job.await_server_after(old);
    until("the end of its compilers", || leftovers::group(old).is_empty().then_some(()));
    job.release();
    Job::is_right(build.finish(), 12);
    let told = job.post();
    assert!(told.stated_loss() <= 8, "no more than were under way: {:#}", told.report);
    insta::assert_snapshot!(told.incidents(&job.world), @"the server (pid [pid]) was killed by signal 9; as the kernel does when memory runs out; a new one was ready after [time]");
}

#[test]
fn a_server_killed_while_idle() {
    let job = Job::new();
    job.pre(&[]);
    job.build("unit", 5);
    job.settle(5);
    job.kill_server();
    job.clean("unit");
    job.build("unit", 5);
    job.build("more", 2);
    let told = job.post();
    assert_eq!(told.counts(), (5, 7), "nothing is lost: {:#}", told.report);
    assert_eq!((told.stated_loss(), job.compilations().len()), (0, 7));
    insta::assert_snapshot!(told.incidents(&job.world), @"the server (pid [pid]) was killed by signal 9; as the kernel does when memory runs out; a new one was ready after [time]");
}

#[test]
fn a_server_that_hangs_while_compiling() {
    let job = Job::new();
    job.pre(&[]);
    let build = job.build_held("unit", 12, 1);
    let old = job.server();
    leftovers::kill(old, Signal::STOP);
    job.release();
    job.await_server_after(old);
    Job::is_right(build.finish(), 12);
    let told = job.post();
    insta::assert_snapshot!(told.incidents(&job.world), @"the server (pid [pid]) was killed by signal 9; it had not answered for [time], stopped by a signal, and clients wait for ever for such a server; a new one was ready after [time]");
}

#[test]
fn a_server_that_hangs_at_post() {
    let job = Job::new();
    job.pre(&["--stop-timeout", "1s"]);
    job.build("unit", 4);
    job.settle(4);
    leftovers::kill(job.server(), Signal::STOP);
    let told = job.post();
    assert_eq!(told.counts(), (0, 4), "as last told: {:#}", told.report);
    assert!(told.finished.took.as_secs() < 20, "{:?}", told.finished.took);
    insta::assert_snapshot!(told.incidents(&job.world), @"the sccache server (pid [pid]) had to be killed");
}

#[test]
fn a_server_without_memory() {
    let job = Job::new();
    job.pre(&[]);
    job.build("unit", 2);
    job.settle(2);
    // What the preprocessor says of this is held in memory as a whole: 32 MiB.
    let doubled = (0..15).map(|power| format!("#define S{} S{power} S{power}\n", power + 1));
    let source = format!(
        "#define S0 \"{}\"\n{}int big(void) {{ return sizeof(S15) > 9; }}\n",
        "x".repeat(1024),
        doubled.collect::<String>()
    );
    std::fs::write(job.world.path("work/big.c"), source).unwrap();
    let old = job.server();
    let status = std::fs::read_to_string(format!("/proc/{old}/status")).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let bytes = size.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024 + (8 << 20);
    let limit = ["--pid", &old.to_string(), &format!("--as={bytes}")].map(str::to_owned);
    job.world.command(program("prlimit", "util-linux")).args(&limit).run().expect(0);
    job.script("$CC -c big.c").run().expect(0);
    job.await_server_after(old);
    job.clean("unit");
    job.build("unit", 2);
    let told = job.post();
    assert_eq!((told.counts(), told.stated_loss()), ((2, 2), 1), "{:#}", told.report);
    insta::assert_snapshot!(told.incidents(&job.world), @"the server (pid [pid]) was killed by signal 6; its log ends with: memory allocation of 67108864 bytes failed; a new one was ready after [time]");
}

#[test]
fn a_server_that_leaves_because_it_was_idle() {
    let job = Job::new();
    let real = sccache(ANY);
    let hasty = format!("export SCCACHE_IDLE_TIMEOUT=3\nexec '{}' \"$@\"", real.display());
    let program = fake::sccache(&job.world, ANY, &hasty);
    let pre = job.phase(&["pre", "--wrap", "cc", "--shell", "sh"]).env("SCCACHE_STEP_SCCACHE", program);
    job.pre_by(pre);
    job.build("unit", 3);
    job.settle(3);
    let old = job.server();
    job.await_server_after(old);
    job.clean("unit");
    job.build("unit", 3);
    let told = job.post();
    assert_eq!((told.counts(), told.stated_loss()), ((3, 3), 0), "{:#}", told.report);
    insta::assert_snapshot!(told.incidents(&job.world), @"the server (pid [pid]) left because it was idle; its log ends with: [[time] INFO  sccache::server] ok, fully shutting down now; a new one was ready after [time]");
}

#[test]
fn eight_clients_that_meet_after_a_kill() {
    let job = Job::new();
    job.pre(&[]);
    job.build("before", 1);
    job.settle(1);
    let old = job.server();
    let build = job.sources("unit", 8);
    leftovers::kill(old, Signal::KILL);
    let build = job.script(&build).start();
    job.await_server_after(old);
    Job::is_right(build.finish(), 8);
    let servers = || {
        leftovers::of(job.world.root())
            .into_iter()
            .filter(|found| found.arguments.ends_with("sccache") && found.pid != job.world.supervisor_pid())
    };
    until("one server, and none that a client started", || (servers().count() == 1).then_some(()));
    let told = job.post();
    assert_eq!((told.counts(), told.stated_loss()), ((0, 9), 0), "{:#}", told.report);
    assert_eq!(job.compilations().len(), 9);
    insta::assert_snapshot!(told.incidents(&job.world), @"the server (pid [pid]) was killed by signal 9; as the kernel does when memory runs out; a new one was ready after [time]");
}
