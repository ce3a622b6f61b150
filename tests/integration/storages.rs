//! Every storage that has a server to test against, live: warm from the storage alone, wrong credentials, a
//! storage that is stopped in the middle, read-only, levels, and two machines that share one.

use serde_json::Value;

use crate::support::project::Project;
use crate::support::service::{self, Moto, Redis, Service, given};
use crate::support::step::{Finished, Step};
use crate::support::tools::{ANY, VERSIONS, program, sccache};
use crate::support::world::World;

/// A build of the sample project in `directory` through a server of its own.
fn build(world: &World, version: &str, directory: &std::path::Path) -> Step {
    let run = ["run", "--wrap", "cc", "--format", "json", "--", "bash", "-c", Project::Make.build()];
    // Without a server the compiler is called as it is.
    world.step(&run).env("SCCACHE_STEP_SCCACHE", sccache(version)).env("CC", "cc").within(directory)
}

fn hits_and_misses(report: &Value) -> (u64, u64) {
    (report["hits"].as_u64().unwrap(), report["misses"].as_u64().unwrap())
}

/// Builds, cleans up, and tells hits and misses.
fn built(step: &Step, copy: &std::path::Path) -> (Value, Finished) {
    let finished = step.run().expect(0);
    assert_eq!(finished.stdout, Project::Make.prints(), "{finished}");
    Project::clean(copy);
    (crate::real::report_of_run(&finished), finished)
}

fn cold_then_warm(world: &World, service: &dyn Service) {
    let copy = Project::Make.copy(world);
    let units = Project::Make.units(world, &copy);
    let name = service.name();
    // The variables of all versions are pinned in a table; two storages stand for the rest here.
    let all = matches!(name, "redis" | "webdav");
    for version in if all { &VERSIONS[..] } else { &VERSIONS[1..2] } {
        let mut inputs = service.inputs();
        // A cache of another version would be warm already.
        let prefix = format!("{name}-key-prefix");
        inputs
            .iter_mut()
            .filter(|(input, _)| *input == prefix)
            .for_each(|(_, value)| value.push_str(version));
        let step = given(build(world, version, &copy), &inputs);
        for expected in [(0, units), (units, 0)] {
            let (report, finished) = built(&step, &copy);
            assert_eq!(hits_and_misses(&report), expected, "{name} {version}: {report:#}");
            assert_eq!(report["storage_errors"].as_u64().unwrap_or(0), 0, "{report:#}");
            for secret in service.secrets() {
                assert!(!finished.to_string().contains(&secret), "{name}: {finished}");
            }
        }
    }
    assert!(!service.contents().is_empty(), "{name} holds nothing");
    assert!(!world.path("home/.cache/sccache").exists(), "{name}: there is a local cache");
}

#[test]
fn a_warm_build_takes_everything_from_the_storage() {
    let world = World::new();
    for mut service in service::all(&world) {
        cold_then_warm(&world, &*service);
        service.stop();
        std::fs::remove_dir_all(world.path("work/make")).unwrap();
    }
}

#[test]
fn wrong_credentials_are_told_and_the_build_goes_on() {
    let world = World::new();
    let copy = Project::Make.copy(&world);
    for mut service in service::all(&world) {
        let wrong = service.wrong_credentials();
        if wrong.is_empty() {
            continue;
        }
        let before = service.contents();
        let step = given(given(build(&world, ANY, &copy), &service.inputs()), &wrong);
        let finished = step.clone().env("SCCACHE_STEP_STARTUP_TIMEOUT", "4s").run().expect(0);
        Project::clean(&copy);
        assert_eq!(finished.stdout, Project::Make.prints(), "{finished}");
        assert!(finished.stderr.contains("warning: "), "{}: {finished}", service.name());
        for secret in wrong.iter().map(|(_, value)| value).chain(&service.secrets()) {
            assert!(!finished.to_string().contains(secret.as_str()), "{}: {finished}", service.name());
        }
        assert_eq!(service.contents(), before, "{}", service.name());
        service.stop();
    }
}

#[test]
fn a_storage_that_stops_in_the_middle_costs_hits_and_not_the_build() {
    let world = World::new();
    std::fs::write(world.path("work/unit.c"), "int unit(void) { return 7; }\n").unwrap();
    for mut service in service::all(&world) {
        // The newest one waits the shortest time for a server that is gone.
        let newest = VERSIONS[VERSIONS.len() - 1];
        let pre = given(world.step(&["pre", "--shell", "sh", "--wrap", "cc"]), &service.inputs());
        let pre =
            pre.env("SCCACHE_STEP_SCCACHE", sccache(newest)).env("SCCACHE_STEP_STATE", world.state_path());
        std::fs::write(world.path("work/exports.sh"), pre.run().expect(0).stdout).unwrap();
        let script = format!(". '{}'; $CC -c unit.c", world.path("work/exports.sh").display());
        let compile = world.command("sh").args(&["-c", &script]);
        compile.run().expect(0);
        std::fs::remove_file(world.path("work/unit.o")).unwrap();
        service.stop();
        compile.run().expect(0);
        assert!(world.path("work/unit.o").is_file(), "{}", service.name());
        let post = world.step(&["post", "--format", "json"]).env("SCCACHE_STEP_STATE", world.state_path());
        let report = post.run().expect(0).json();
        // What was stored is out of reach, so it was compiled a second time.
        assert_eq!(hits_and_misses(&report), (0, 2), "{}: {report:#}", service.name());
        std::fs::remove_dir_all(world.path("tmp/state")).unwrap();
        std::fs::create_dir(world.path("tmp/state")).unwrap();
    }
}

#[test]
fn a_read_only_job_hits_and_leaves_the_storage_as_it_was() {
    let world = World::new();
    for mut service in service::all(&world) {
        let copy = Project::Make.copy(&world);
        let units = Project::Make.units(&world, &copy);
        let step = given(build(&world, ANY, &copy), &service.inputs());
        built(&step, &copy);
        let before = service.contents();
        let source = std::fs::read_dir(copy.join("src")).unwrap().map(|entry| entry.unwrap().path());
        let source = source.filter(|path| path.extension().is_some_and(|e| e == "c")).min().unwrap();
        let text = std::fs::read_to_string(&source).unwrap();
        std::fs::write(&source, format!("{text}\nint only_in_this_job;\n")).unwrap();
        for named in [("SCCACHE_STEP_READ_ONLY", "true"), ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "7")] {
            let (report, _) = built(&step.clone().env(named.0, named.1), &copy);
            assert_eq!(hits_and_misses(&report), (units - 1, 1), "{}: {report:#}", service.name());
            let storage = report["storage"].as_str().unwrap();
            let why =
                if named.1 == "true" { "`read-only` is given by" } else { "the change comes from a fork" };
            assert!(storage.contains("; read-only, because ") && storage.contains(why), "{storage}");
            assert_eq!(service.contents(), before, "{} was written to ({})", service.name(), named.0);
        }
        let (report, _) = built(&step, &copy);
        assert_eq!(hits_and_misses(&report), (units - 1, 1), "{}: {report:#}", service.name());
        assert_ne!(service.contents(), before, "{} is not written to at all", service.name());
        service.stop();
        std::fs::remove_dir_all(copy).unwrap();
    }
}

#[test]
fn a_chain_fills_its_first_level_from_its_second() {
    for version in ["0.16.0", "0.19.0"] {
        let world = World::new();
        let mut redis = Redis::start(&world);
        let copy = Project::Make.copy(&world);
        let units = Project::Make.units(&world, &copy);
        let step =
            given(build(&world, version, &copy), &redis.inputs()).env("SCCACHE_STEP_CACHE", "disk,redis");
        let step = step.env("SCCACHE_STEP_CACHE_DIR", world.path("cache"));
        assert_eq!(hits_and_misses(&built(&step, &copy).0), (0, units), "cold");
        assert_eq!(hits_and_misses(&built(&step, &copy).0), (units, 0), "warm");
        // A new machine has the second level only.
        std::fs::remove_dir_all(world.path("cache")).unwrap();
        assert_eq!(hits_and_misses(&built(&step, &copy).0), (units, 0), "from redis");
        let objects = || redis.contents().into_iter().filter(|key| !key.contains("check")).count();
        assert!(objects() >= usize::try_from(units).unwrap(), "{:?}", redis.contents());
        redis.stop();
        if version == "0.19.0" {
            // An older one does not start without its second level, nor does this one with the policy `all`.
            let step = step.env("SCCACHE_STEP_CHAIN_WRITE_POLICY", "l0");
            assert_eq!(hits_and_misses(&built(&step, &copy).0), (units, 0), "from disk alone");
        }
    }
}

#[test]
fn auto_takes_sccaches_own_variables_and_the_command_does_not_get_them() {
    let world = World::new();
    let mut redis = Redis::start(&world);
    let url = redis.url_with_password();
    let print = ["run", "--format", "json", "--", "env"];
    let step = world.step(&print).env("SCCACHE_STEP_SCCACHE", sccache(ANY)).env("SCCACHE_REDIS", &url);
    let finished = step.run().expect(0);
    assert!(finished.stdout.contains("SCCACHE_SERVER_UDS="), "{finished}");
    assert!(!finished.stdout.contains("SCCACHE_REDIS"), "{finished}");
    assert!(!finished.to_string().contains(&redis.secrets()[0]), "{finished}");
    assert!(
        finished.stderr.contains("`redis` is set up by the variables `SCCACHE_REDIS` of the job"),
        "{finished}"
    );
    let report = crate::real::report_of_run(&finished);
    assert!(report["storage"].as_str().unwrap().starts_with("Redis at redis://127.0.0.1:"), "{report:#}");
    assert_eq!(
        redis.contents().len(),
        1,
        "the check that sccache makes at its start: {:?}",
        redis.contents()
    );
    redis.stop();
}

/// A command as root, for what only root may do.
fn as_root(world: &World, words: &[&str]) -> Step {
    match sccache_step::process::user_id() {
        0 => world.command(words[0]).args(&words[1..]),
        _ => world.command(program("sudo", "sudo")).args(&["-n", "--"]).args(words),
    }
}

#[test]
fn two_users_of_one_storage_share_what_either_compiled() {
    let world = World::new();
    let mut moto = Moto::start(&world);
    let source = world.path("work/unit.c");
    std::fs::write(&source, "int shared(void) { return 7; }\n").unwrap();
    // Everybody may enter this world; what is private in it stays so.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(world.root(), open).unwrap();
    let mut told = Vec::new();
    let ourselves = sccache_step::process::user_id();
    for (user, name) in [(ourselves, "first"), (65_534, "second")] {
        let home = world.path(name);
        std::fs::create_dir_all(home.join("tmp")).unwrap();
        std::fs::copy(sccache(ANY), home.join("sccache")).unwrap();
        std::fs::copy(env!("CARGO_BIN_EXE_sccache-step"), home.join("sccache-step")).unwrap();
        for path in [home.clone(), home.join("tmp"), home.join("sccache"), home.join("sccache-step")] {
            as_root(&world, &["chown", &format!("{user}:{user}"), path.to_str().unwrap()]).run().expect(0);
        }
        let compile = format!("$SCCACHE_PATH gcc -c '{}' -o unit.o", source.display());
        let step = world.command(home.join("sccache-step"));
        let step = step.args(&["run", "--format", "json", "--", "sh", "-c", &compile]);
        let step =
            given(step, &moto.inputs()).env("HOME", &home).env("TMPDIR", home.join("tmp")).within(&home);
        let step = step.env("SCCACHE_STEP_SCCACHE", home.join("sccache"));
        let id = user.to_string();
        let become_user = ["--reuid", &id, "--regid", &id, "--clear-groups"];
        let step = if user == ourselves {
            step
        } else {
            step.wrapped(&program("setpriv", "util-linux"), &become_user)
        };
        let is_ours = user == ourselves || ourselves == 0;
        let step = if is_ours { step } else { step.wrapped(&program("sudo", "sudo"), &["-n", "-E", "--"]) };
        let finished = step.run().expect(0);
        told.push(hits_and_misses(&crate::real::report_of_run(&finished)));
    }
    assert_eq!(told, [(0, 1), (1, 0)]);
    moto.stop();
}

#[test]
fn two_checkouts_share_what_either_compiled_unless_their_names_count() {
    for (basedirs, expected) in [("auto", (1, 0)), ("none", (0, 1))] {
        let world = World::new();
        let mut told = Vec::new();
        for name in ["one", "two"] {
            let checkout = world.path("work").join(name);
            std::fs::create_dir(&checkout).unwrap();
            std::fs::write(checkout.join("unit.c"), "int shared(void) { return 7; }\n").unwrap();
            let compile = "$SCCACHE_PATH gcc -c \"$PWD/unit.c\" -o unit.o";
            let step = world.real(ANY, &["run", "--format", "json", "--", "sh", "-c", compile]);
            let step = step.without("SCCACHE_STEP_STATE").env("SCCACHE_STEP_BASEDIRS", basedirs);
            let finished = step.within(&checkout).run().expect(0);
            told.push(hits_and_misses(&crate::real::report_of_run(&finished)));
        }
        assert_eq!(told, [(0, 1), expected], "{basedirs}");
    }
}
