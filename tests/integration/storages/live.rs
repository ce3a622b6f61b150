//! Each storage by each version of sccache: cold and warm, wrong credentials, read-only, and stopped in the middle.

use super::{UNITS, build, built, hits_and_misses, write_units};
use crate::doctor;
use crate::support::service::{
    Azure, Dialect, Gcs, Gha, Login, Memcached, Moto, Nginx, ObjectServer, Redis, RedisCluster, Service,
    Transport, given, led_to,
};
use crate::support::tools::{ANY, VERSIONS, sccache};
use crate::support::world::World;

/// One test for each storage, so that they run side by side.
macro_rules! live {
    ($($name:ident: $start:expr,)*) => {
        $(
            #[test]
            fn $name() {
                let world = World::new();
                let start: fn(&World) -> Box<dyn Service> = $start;
                holds(&world, &mut *start(&world));
            }
        )*
    };
}

live! {
    azure: |world| Box::new(Azure::start(world)),
    cos: |_| Box::new(ObjectServer::start(Dialect::Cos)),
    gcs: |world| Box::new(Gcs::start(world)),
    gha: |world| Box::new(Gha::start(world)),
    memcached: |world| Box::new(Memcached::start(world)),
    oss: |_| Box::new(ObjectServer::start(Dialect::Oss)),
    redis: |world| Box::new(Redis::start(world)),
    redis_cluster: |world| Box::new(RedisCluster::start(world)),
    redis_over_tls: |world| Box::new(Redis::speaking(world, Transport::Tls)),
    s3: |world| Box::new(Moto::start(world)),
    webdav_with_a_password: |world| Box::new(Nginx::start(world, Login::Basic)),
    webdav_with_a_token: |world| Box::new(Nginx::start(world, Login::Bearer)),
}

fn holds(world: &World, service: &mut dyn Service) {
    a_warm_build_takes_everything_from_the_storage(world, service);
    wrong_credentials_are_told_and_the_build_goes_on(world, service);
    a_read_only_job_hits_and_leaves_the_storage_as_it_was(world, service);
    let doctor = doctor::of(world, service);
    doctor::tries_a_storage_by_a_write_and_a_read(&doctor, service);
    one_that_stops_in_the_middle_costs_hits_and_not_the_build(world, service);
    doctor::tells_that_a_storage_is_gone(&doctor);
}

/// The versions that know this storage.
fn versions(service: &dyn Service) -> &'static [&'static str] {
    if service.name() == "cos" { &VERSIONS[1..] } else { &VERSIONS }
}

fn a_warm_build_takes_everything_from_the_storage(world: &World, service: &dyn Service) {
    let name = service.name();
    write_units(world, &[]);
    for version in versions(service) {
        let mut inputs = service.inputs();
        // A cache of another version would be warm already.
        let prefix = format!("{name}-key-prefix");
        let prefix = inputs.iter_mut().filter(|(input, _)| *input == prefix);
        prefix.for_each(|(_, value)| value.push_str(version));
        let step = given(led_to(build(world, version), service), &inputs);
        for expected in [(0, UNITS), (UNITS, 0)] {
            let (report, finished) = built(&step);
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

fn wrong_credentials_are_told_and_the_build_goes_on(world: &World, service: &dyn Service) {
    let wrong = service.wrong_credentials();
    if wrong.is_empty() {
        // memcached asks for none.
        return;
    }
    let before = service.contents();
    let step = given(led_to(build(world, ANY), service), &wrong);
    let (_, finished) = built(&step.env("SCCACHE_STEP_STARTUP_TIMEOUT", "1s"));
    let told = "cannot be used: the server runs on local disk instead";
    assert!(finished.stderr.contains(told), "{}: {finished}", service.name());
    for secret in wrong.iter().map(|(_, value)| value).chain(&service.secrets()) {
        let is_hidden = !secret.starts_with("http");
        assert!(!is_hidden || !finished.to_string().contains(secret.as_str()), "{finished}");
    }
    assert_eq!(service.contents(), before, "{}", service.name());
}

fn a_read_only_job_hits_and_leaves_the_storage_as_it_was(world: &World, service: &dyn Service) {
    let name = service.name();
    for version in &VERSIONS[1..] {
        write_units(world, &[]);
        let step = led_to(build(world, version), service);
        built(&step);
        let before = service.contents();
        let more = format!("only_{}", version.replace('.', "_"));
        write_units(world, &[&more]);
        for named in [("SCCACHE_STEP_READ_ONLY", "true"), ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "7")] {
            let (report, _) = built(&step.clone().env(named.0, named.1));
            assert_eq!(hits_and_misses(&report), (UNITS, 1), "{name} {version}: {report:#}");
            let storage = report["storage"].as_str().unwrap();
            let why =
                if named.1 == "true" { "`read-only` is given by" } else { "the change comes from a fork" };
            assert!(storage.contains("; read-only, because ") && storage.contains(why), "{storage}");
            assert_eq!(service.contents(), before, "{name} was written to ({})", named.0);
        }
        let (report, _) = built(&step);
        assert_eq!(hits_and_misses(&report), (UNITS, 1), "{name} {version}: {report:#}");
        assert_ne!(service.contents(), before, "{name} is not written to at all");
        std::fs::remove_file(world.path("work").join(format!("{more}.c"))).unwrap();
    }
}

fn one_that_stops_in_the_middle_costs_hits_and_not_the_build(world: &World, service: &mut dyn Service) {
    std::fs::write(world.path("work/last.c"), "int last(void) { return 7; }\n").unwrap();
    // The newest one waits the shortest time for a server that is gone.
    let newest = VERSIONS[VERSIONS.len() - 1];
    let pre = led_to(world.step(&["pre", "--shell", "sh", "--wrap", "cc"]), service);
    let pre = pre.env("SCCACHE_STEP_SCCACHE", sccache(newest)).env("SCCACHE_STEP_STATE", world.state_path());
    std::fs::write(world.path("exports.sh"), pre.run().expect(0).stdout).unwrap();
    let script = format!(". '{}'; $CC -c last.c", world.path("exports.sh").display());
    let compile = world.command("sh").args(&["-c", &script]);
    compile.run().expect(0);
    std::fs::remove_file(world.path("work/last.o")).unwrap();
    service.stop();
    compile.run().expect(0);
    assert!(world.path("work/last.o").is_file(), "{}", service.name());
    let post = world.step(&["post", "--format", "json"]).env("SCCACHE_STEP_STATE", world.state_path());
    let report = post.run().expect(0).json();
    // What was stored is out of reach, so it was compiled a second time.
    assert_eq!(hits_and_misses(&report), (0, 2), "{}: {report:#}", service.name());
}
