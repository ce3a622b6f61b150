//! Every storage that has a server to test against, live: warm from the storage alone, wrong credentials, a
//! storage that is stopped in the middle, read-only, levels, and two machines that share one.

mod chains;
mod gha;
mod live;
mod machines;
mod trust;

use serde_json::Value;

use crate::support::service::{Redis, Service};
use crate::support::step::{Finished, Step};
use crate::support::tools::{ANY, sccache};
use crate::support::world::World;

/// How many units [`build`] compiles.
const UNITS: u64 = 3;

/// Writes these units, and one more for each of `more`.
fn write_units(world: &World, more: &[&str]) {
    for name in ["one", "two", "three"].iter().chain(more) {
        let text = format!("int {name}(void) {{ return {}; }}\n", name.len());
        std::fs::write(world.path("work").join(format!("{name}.c")), text).unwrap();
    }
}

/// A job that compiles all units through a server of its own, and says so.
fn build(world: &World, version: &str) -> Step {
    let script = "for unit in *.c; do $CC -c \"$unit\" -o \"$unit.o\" || exit; done; echo compiled";
    let run = ["run", "--wrap", "cc", "--format", "json", "--", "sh", "-c", script];
    world.step(&run).env("SCCACHE_STEP_SCCACHE", sccache(version)).env("CC", "cc")
}

fn hits_and_misses(report: &Value) -> (u64, u64) {
    (report["hits"].as_u64().unwrap(), report["misses"].as_u64().unwrap())
}

/// The job's report, and all that it said.
fn built(step: &Step) -> (Value, Finished) {
    let finished = step.run().expect(0);
    assert_eq!(finished.stdout, "compiled\n", "{finished}");
    (crate::real::report_of_run(&finished), finished)
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
