//! Servers that are missing, lost, silent or restarted, and their logs.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;
use serde_json::Value;

use super::{COMPILE, has, is_clean, report, report_of, run, world};
use crate::faults::Job;
use crate::support::tools::{ANY, program};
use crate::support::{leftovers, until};

#[test]
fn a_server_that_is_missing_is_found() {
    let world = world();
    let without = world.step(&["run", "--format", "json", "--install-from", "none", "--", "true"]);
    let report_without = report_of(without.env("PATH", "/usr/bin:/bin"));
    has(&report_without, "no-server");
    assert_eq!(report_without["verdict"], "not-used");
    is_clean(&report(&world, ANY, &[], COMPILE), "no-server");
}

/// A process may use this much more address space than it does now.
fn limit(job: &Job, pid: u32, more_bytes: u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let bytes = size.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024 + more_bytes;
    let limit = ["--pid", &pid.to_string(), &format!("--as={bytes}")].map(str::to_owned);
    job.world.command(program("prlimit", "util-linux")).args(&limit).run().expect(0);
}

/// A unit of which the preprocessor says 32 MiB, which the server holds in memory as a whole.
fn big(job: &Job) {
    let doubled = (0..15).map(|power| format!("#define S{} S{power} S{power}\n", power + 1));
    let source = format!(
        "#define S0 \"{}\"\n{}int big(void) {{ return sizeof(S15) > 9; }}\n",
        "x".repeat(1024),
        doubled.collect::<String>()
    );
    std::fs::write(job.world.path("work/big.c"), source).unwrap();
}

#[test]
fn a_server_that_runs_out_of_memory_is_found() {
    let job = |limited: bool| {
        let job = Job::new();
        big(&job);
        job.pre(&[]);
        let old = job.server();
        if limited {
            limit(&job, old, 8 << 20);
        }
        job.script("$CC -c big.c").run().expect(0);
        if limited {
            job.await_server_after(old);
        }
        job.build("unit", 2);
        job.post().report
    };
    let found = job(true);
    has(&found, "server-incident");
    assert!(found["incidents"].to_string().contains("memory allocation of "), "{found:#}");
    is_clean(&job(false), "server-incident");
}

#[test]
fn a_lost_server_is_found() {
    let job = |is_lost: bool| {
        let job = Job::new();
        job.pre(&[]);
        job.build("unit", 2);
        job.settle(2);
        // As the kernel does with a whole group of processes that has no memory left.
        if is_lost {
            let server = job.server();
            job.world.kill_keepers();
            leftovers::kill(server, Signal::KILL);
            until("its end", || sccache_step::process::identify(server).is_none().then_some(()));
        }
        job.post_by(job.phase(&["post", "--format", "json"])).report
    };
    let found = job(true);
    has(&found, "server-lost");
    assert_eq!((&found["basis"], &found["misses"]), (&"server-lost".into(), &2.into()), "{found:#}");
    is_clean(&job(false), "server-lost");
}

#[test]
fn a_server_that_is_silent_is_found() {
    let job = |is_stopped: bool| {
        let job = Job::new();
        job.pre(&["--stop-timeout", "1s"]);
        job.build("unit", 2);
        job.settle(2);
        if is_stopped {
            leftovers::kill(job.server(), Signal::STOP);
        }
        job.post_by(job.phase(&["post", "--format", "json"])).report
    };
    has(&job(true), "no-answer");
    is_clean(&job(false), "no-answer");
}

#[test]
fn a_trouble_of_our_own_is_found() {
    let world = world();
    let record = world.path("cache/sccache-step.json");
    std::fs::create_dir_all(record.join("in the way")).unwrap();
    has(&report(&world, ANY, &[], COMPILE), "trouble");
    std::fs::remove_dir_all(&record).unwrap();
    is_clean(&report(&world, ANY, &[], COMPILE), "trouble");
}

#[test]
fn a_log_is_private_whatever_the_umask() {
    let world = world();
    let log = world.path("work/server.log");
    let step = run(&world, ANY, &["--log-file", log.to_str().unwrap()], COMPILE);
    step.wrapped(&program("sh", "dash"), &["-c", "umask 0; exec \"$0\" \"$@\""]).run().expect(0);
    assert!(std::fs::read_to_string(&log).unwrap().contains("get_cached_or_compile"));
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_log_that_is_a_device_is_not_waited_for() {
    let world = world();
    let pipe = world.path("work/pipe");
    world.command("mkfifo").arg(&pipe).run().expect(0);
    // Somebody reads what the server says, and stops; opened by us, the pipe would wait for another writer.
    let script = format!("{COMPILE}; kill $READER");
    let reader = world.command("cat").arg(&pipe).start();
    let step = run(&world, ANY, &["--log-file", pipe.to_str().unwrap()], &script);
    let report = report_of(step.env("READER", reader.pid().to_string()));
    reader.finish();
    assert_eq!((&report["misses"], &report["units"]), (&3.into(), &Value::Null), "{report:#}");
}
