//! What surrounds a job: another job, the clock, the sccache program itself.

use rustix::process::Signal;

use super::Job;
use super::job::contents;
use crate::support::leftovers;
use crate::support::tools::{ANY, program, repository, sccache};

#[test]
fn two_jobs_on_one_host_that_both_crash() {
    let jobs = [Job::new(), Job::new()];
    jobs.iter().for_each(|job| drop(job.pre(&[])));
    let builds = jobs.each_ref().map(|job| job.build_held("unit", 12, 1));
    let servers = jobs.each_ref().map(Job::server);
    servers.iter().for_each(|server| leftovers::kill(*server, Signal::KILL));
    for (job, server) in jobs.iter().zip(servers) {
        job.await_server_after(server);
        job.release();
    }
    builds.into_iter().for_each(|build| drop(Job::is_right(build.finish(), 12)));
    let [one, two] = &jobs;
    let before = contents(&two.world.path("cache"));
    let told = one.post();
    insta::assert_snapshot!(told.incidents(&one.world), @"the server (pid [pid]) was killed by signal 9; as the kernel does when memory runs out; a new one was ready after [time]");
    assert_eq!(contents(&two.world.path("cache")), before, "one job's end touches nothing of the other's");
    assert!(two.world.current_server().is_some_and(|pid| sccache_step::process::identify(pid).is_some()));
    two.clean("unit");
    two.build("unit", 12);
    two.post();
}

#[test]
fn an_sccache_that_is_replaced_and_removed() {
    let job = Job::new();
    let program = job.world.path("bin/sccache");
    std::fs::create_dir(program.parent().unwrap()).unwrap();
    std::fs::copy(sccache(ANY), &program).unwrap();
    let pre = job.phase(&["pre", "--wrap", "cc", "--shell", "sh"]).env("SCCACHE_STEP_SCCACHE", &program);
    job.pre_by(pre);
    job.build("unit", 3);
    job.settle(3);
    let newer = program.with_extension("new");
    std::fs::copy(sccache("0.19.0"), &newer).unwrap();
    std::fs::rename(&newer, &program).unwrap();
    // A new program speaks to the old server, and the next server is a new one.
    job.build("mixed", 2);
    job.settle(5);
    let old = job.kill_server();
    job.build("new", 2);
    job.settle(7);
    std::fs::rename(&program, &newer).unwrap();
    leftovers::kill(old, Signal::KILL);
    let build = job.sources("none", 2);
    let finished = job.script(&build).run().expect(2);
    assert!(finished.stderr.contains("sccache"), "there is nothing to be called: {finished}");
    std::fs::rename(&newer, &program).unwrap();
    job.await_server_after(old);
    job.build("none", 2);
    let told = job.post();
    assert_eq!((told.counts(), told.stated_loss()), ((0, 9), 0), "{:#}", told.report);
    assert_eq!(job.compilations().len(), 9);
    insta::assert_snapshot!(told.incidents(&job.world), @r"
    the server (pid [pid]) was killed by signal 9; as the kernel does when memory runs out; a new one was ready after [time]
    the server (pid [pid]) was killed by signal 9; as the kernel does when memory runs out; a new one was ready after [time]
    ");
}

#[test]
fn a_clock_that_is_set_back() {
    let job = Job::new();
    let (work, file) = (job.world.path("work"), job.world.path("work/clock"));
    std::fs::write(&file, "0").unwrap();
    let (library, source) = (work.join("clock.so"), repository().join("tests/integration/faults/clock.c"));
    let cc = job.world.command(program("cc", "gcc")).args(&["-shared", "-fPIC", "-O1", "-o"]).arg(&library);
    cc.arg(format!("-DCLOCK_FILE=\"{}\"", file.display())).arg(source).run().expect(0);
    // An /etc of its own in which every program is made to load that library, also those with an empty
    // environment, such as the supervisor.
    let etc = job.world.path("etc");
    // What only root may read is not needed.
    job.world.command(program("cp", "coreutils")).args(&["-a", "/etc"]).arg(&etc).run();
    std::fs::write(etc.join("ld.so.preload"), format!("{}\n", library.display())).unwrap();
    let step = env!("CARGO_BIN_EXE_sccache-step");
    let (first, second) = (job.sources("unit", 3), job.sources("more", 2));
    // The supervisor's history tells when the server has been asked.
    let script = format!(
        "mount --bind '{etc}' /etc\n\
         trap \"'{step}' post > report 2>&1\" EXIT\n\
         '{step}' pre --wrap cc --shell sh > exports\n. ./exports\n{first}\n\
         until grep -q '\"compilations\":3' \"$(dirname \"$SCCACHE_SERVER_UDS\")/history.jsonl\"; do sleep 0.05; done\n\
         echo -7200 > clock\n{second}\n\
         until grep -q '\"compilations\":5' \"$(dirname \"$SCCACHE_SERVER_UDS\")/history.jsonl\"; do sleep 0.05; done\n\
         cp \"$(dirname \"$SCCACHE_SERVER_UDS\")/history.jsonl\" history\n\
         '{step}' post --format json > report\n\
         trap - EXIT",
        etc = etc.display()
    );
    let unshare = job.counted(job.world.command(program("unshare", "util-linux")));
    let unshare = unshare.args(&["--map-root-user", "--mount", "sh", "-ec", &script]);
    let unshare =
        unshare.env("SCCACHE_STEP_SCCACHE", sccache(ANY)).env("SCCACHE_STEP_STATE", job.world.state_path());
    let finished = unshare.env("SCCACHE_STEP_CACHE_DIR", job.world.path("cache")).run().expect(0);
    assert_eq!(finished.stdout, "3\n2\n", "{finished}");
    let history = std::fs::read_to_string(work.join("history")).unwrap();
    let times = |name: &str| -> Vec<u64> {
        let entries = history.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        entries.map(|entry| entry[name].as_u64().unwrap()).collect()
    };
    let (by_day, elapsed) = (times("at_unix_ms"), times("elapsed_ms"));
    assert!(by_day.windows(2).any(|pair| pair[1] + 7_000_000 < pair[0]), "the clock was set back: {history}");
    assert!(elapsed.is_sorted() && elapsed.last() < Some(&120_000), "no duration goes back: {elapsed:?}");
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(work.join("report")).unwrap()).unwrap();
    assert_eq!((&report["misses"], job.compilations().len()), (&5.into(), 5), "{report:#}");
    let took = ["pre_ms", "post_ms"].map(|name| report["overhead"][name].as_u64());
    assert!(took.iter().all(|took| took.is_some_and(|took| took < 60_000)), "{:#}", report["overhead"]);
    assert_eq!(report["incidents"], serde_json::json!([]), "{report:#}");
}
