//! `doctor` on machines that are well and on machines that are not: what it says, its exit code, and that it leaves
//! everything as it was.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::fake;
use crate::support::http::Server;
use crate::support::leftovers;
use crate::support::service::{Redis, Service, given, led_to};
use crate::support::step::{Finished, Step};
use crate::support::tools::{ANY, VERSIONS, program, sccache};
use crate::support::world::World;

fn doctor(world: &World, version: &str) -> Step {
    let step = world.step(&["doctor", "--format", "json"]).env("SCCACHE_STEP_SCCACHE", sccache(version));
    step.env("SCCACHE_STEP_STATE", world.state_path()).env("SCCACHE_STEP_STARTUP_TIMEOUT", "4s")
}

/// The verdict and the finding of a check; of the first one that is not good where several have the name.
fn found(finished: &Finished, name: &str) -> (String, String) {
    let report = finished.json();
    let checks: Vec<&Value> =
        report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == name).collect();
    let check = checks.iter().find(|check| check["verdict"] != "good").or(checks.first());
    let check = check.unwrap_or_else(|| panic!("no check {name}: {report:#}"));
    let text = |field: &str| check[field].as_str().unwrap().to_owned();
    assert!(!text("looked_at").is_empty(), "{check:#}");
    assert_eq!(
        check["remedy"].is_null(),
        ["good", "skipped"].contains(&&*text("verdict")),
        "every trouble has a remedy: {check:#}"
    );
    (text("verdict"), text("finding"))
}

fn is(finished: &Finished, name: &str, verdict: &str, finding: &str) {
    let (was, says) = found(finished, name);
    assert!(was == verdict && says.contains(finding), "{name} is {was}: {says}\n{finished}");
}

#[test]
fn a_healthy_machine_is_told_so_and_left_as_it_was() {
    for version in VERSIONS.into_iter().chain(["0.8.2"]) {
        let world = World::new();
        let before = crate::dry_run::tree(world.root());
        let finished = doctor(&world, version).run().expect(0);
        assert_eq!(finished.json()["verdict"], "good", "{finished}");
        is(&finished, "sccache", "good", version);
        is(&finished, "storage", "good", "an object was written and found again");
        assert!(finished.stderr.is_empty(), "{finished}");
        let after = crate::dry_run::tree(world.root());
        let names = |tree: &std::collections::BTreeMap<std::path::PathBuf, _>| {
            tree.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(&after), names(&before), "{version}");
        world.nothing_runs_within(std::time::Duration::from_secs(1));
    }
}

/// `doctor` for this storage; the tests of the storages ask for what follows.
pub fn of(world: &World, service: &dyn Service) -> Step {
    led_to(doctor(world, ANY), service).env("SCCACHE_STEP_STARTUP_TIMEOUT", "2s")
}

pub fn tries_a_storage_by_a_write_and_a_read(step: &Step, service: &dyn Service) {
    for _ in 0..2 {
        is(&step.run().expect(0), "storage", "good", "an object was written and found again");
    }
    let before = service.contents();
    let finished = step.clone().env("SCCACHE_STEP_READ_ONLY", "true").run().expect(0);
    is(&finished, "access", "good", "read-only, because `read-only` is given by");
    is(&finished, "storage", "good", "it answers, and is only read");
    assert_eq!(service.contents(), before, "{}", service.name());
    let wrong = service.wrong_credentials();
    if !wrong.is_empty() {
        let finished = given(step.clone(), &wrong).run().expect(1);
        is(&finished, "storage", "fault", "the sccache server");
        for secret in wrong.iter().map(|(_, value)| value).chain(&service.secrets()) {
            let is_hidden = !secret.starts_with("http");
            assert!(!is_hidden || !finished.to_string().contains(secret.as_str()), "{finished}");
        }
    }
}

pub fn tells_that_a_storage_is_gone(step: &Step) {
    is(&step.run().expect(1), "storage", "fault", "the sccache server");
}

#[test]
fn what_keeps_a_job_from_caching_is_told_with_its_remedy() {
    let world = World::new();
    let well = || doctor(&world, ANY);
    std::fs::write(world.path("a-file"), "").unwrap();
    let finished = well().env("SCCACHE_STEP_CACHE_DIR", world.path("a-file")).run().expect(1);
    is(&finished, "cache directory", "fault", "cannot be used");
    is(&finished, "storage", "skipped", "its directory is not usable");
    let finished = well().env("SCCACHE_STEP_CACHE", "s3").run().expect(1);
    is(&finished, "settings", "fault", "`s3-bucket` is not given");
    let finished = well().env("SCCACHE_STEP_WRAP", "none").env("CARGO_INCREMENTAL", "1").run().expect(1);
    is(&finished, "incremental compilation", "fault", "`CARGO_INCREMENTAL` is set");
    let finished = well().env("RUSTC_WRAPPER", "ccache").run().expect(0);
    is(&finished, "wrapper", "warning", "`RUSTC_WRAPPER` is `ccache`");
    std::fs::create_dir_all(world.path("work/.cargo")).unwrap();
    std::fs::write(world.path("work/.cargo/config.toml"), "[build]\nrustc-wrapper = \"ccache\"\n").unwrap();
    is(&well().run().expect(0), "cargo configuration", "warning", "it names `ccache`");
    let finished =
        well().env("SCCACHE_STEP_SCCACHE", fake::sccache(&world, "0.7.0", "exit 1")).run().expect(1);
    is(&finished, "sccache", "fault", "too old");
    let bare = well().without("SCCACHE_STEP_SCCACHE").env("PATH", "/usr/bin:/bin");
    is(&bare.run().expect(0), "sccache", "warning", "`pre` installs");
    let finished =
        well().env("SCCACHE_STEP_SCCACHE", fake::sccache(&world, "0.16.0", "echo broken; exit 3")).run();
    is(&finished.expect(1), "storage", "fault", "broken");
    let finished = world.step(&["doctor", "--cache", "tape"]).run().expect(2);
    assert!(finished.stderr.contains("input `cache` does not take `tape`"), "{finished}");
}

#[test]
fn a_job_under_way_is_looked_at_and_not_disturbed() {
    let world = World::new();
    let pre = world.real(ANY, &["pre", "--shell", "sh"]).run().expect(0);
    std::fs::write(world.path("exports"), &pre.stdout).unwrap();
    let finished = doctor(&world, ANY).run().expect(0);
    is(&finished, "server", "good", "alive, pid ");
    let stats = world.step(&["stats", "--format", "json"]).env("SCCACHE_STEP_STATE", world.state_path());
    assert_eq!(stats.run().expect(0).json()["verdict"], "not-used");
    let script = format!(
        ". '{}'; RUSTC_WRAPPER=ccache exec '{}' doctor --format json",
        world.path("exports").display(),
        env!("CARGO_BIN_EXE_sccache-step")
    );
    let step = world.command("sh").args(&["-c", &script]).env("SCCACHE_STEP_SCCACHE", sccache(ANY));
    is(&step.run().expect(1), "override", "fault", "it is `ccache` now");
    world.kill_keepers();
    leftovers::kill(world.server_pid(), Signal::KILL);
    world.nothing_runs_within(std::time::Duration::from_secs(5));
    is(&doctor(&world, ANY).run().expect(1), "server", "fault", "was lost");
    // Seen from another job, it is what a crash has left.
    let other = doctor(&world, ANY).without("SCCACHE_STEP_STATE").env("TMPDIR", world.path("tmp"));
    let crashed = world.path("tmp/sccache-step-of-another");
    std::fs::rename(world.path("tmp/state"), &crashed).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&crashed, private).unwrap();
    is(&other.run().expect(0), "leftovers", "warning", "is left of a job that was not ended");
}

#[test]
fn the_text_is_for_people() {
    let world = World::new();
    let mut redis = Redis::start(&world);
    redis.stop();
    let step = given(world.step(&["doctor"]), &redis.inputs()).env("SCCACHE_STEP_SCCACHE", sccache(ANY));
    let finished = step.env("SCCACHE_STEP_STARTUP_TIMEOUT", "1s").run().expect(1);
    for part in [
        "good     sccache: 0.16.0 at ",
        "\nfault    storage: ",
        "\n         looked at Redis at redis://",
        "\n         help: ",
        "\n1 fault (storage), 0 warnings, 0 skipped, ",
    ] {
        assert!(finished.stdout.contains(part), "{part}: {finished}");
    }
}

/// `doctor` where `directory` is a file system of its own, after these commands there.
fn doctor_on_a_mount(world: &World, directory: &std::path::Path, commands: &str) -> Finished {
    std::fs::create_dir_all(directory).unwrap();
    let script = format!("mount -t tmpfs -o mode=700,size=64k none \"$0\" && {commands} exec \"$@\"");
    let options = ["--map-root-user", "--mount", "sh", "-c", &script, directory.to_str().unwrap()];
    let step = doctor(world, ANY).env("SCCACHE_STEP_CACHE_DIR", directory);
    step.wrapped(&program("unshare", "util-linux"), &options).run().expect(1)
}

#[test]
fn a_full_and_a_read_only_disk_are_told_apart() {
    let world = World::new();
    let directory = world.path("cache");
    let full = "{ dd if=/dev/zero of=\"$0/fill\" bs=1k 2> /dev/null || true; } &&";
    let finished = doctor_on_a_mount(&world, &directory, full);
    is(&finished, "cache directory", "fault", "No space left on device");
    is(&finished, "disk space", "warning", "only 0 B are free");
    let finished = doctor_on_a_mount(&world, &directory, "mount -o remount,ro \"$0\" &&");
    is(&finished, "cache directory", "fault", "Read-only file system");
}

#[test]
fn a_clock_that_the_storage_would_not_trust_is_told() {
    let world = World::new();
    for (date, verdict) in [("Sun, 22 Nov 2020 22:03:15 GMT", "fault"), ("", "good")] {
        let server = Server::start(move |mut stream, _| {
            use std::io::Write as _;
            let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
            if crate::support::http::read(&mut reader).is_some() {
                let date = if date.is_empty() { String::new() } else { format!("Date: {date}\r\n") };
                let head = format!("HTTP/1.1 403 x\r\n{date}Content-Length: 0\r\nConnection: close\r\n\r\n");
                // The other side may be gone already.
                let _ = stream.write_all(head.as_bytes());
            }
        });
        let step = doctor(&world, ANY).env("SCCACHE_STEP_STARTUP_TIMEOUT", "1s");
        let step = step.env("SCCACHE_STEP_WEBDAV_ENDPOINT", format!("http://127.0.0.1:{}", server.port));
        let finished = step.run().expect(1);
        let says = if verdict == "fault" { "s from the time of this machine" } else { "not behind it" };
        is(&finished, "clock", verdict, says);
        is(&finished, "storage", "fault", "the sccache server");
    }
}
