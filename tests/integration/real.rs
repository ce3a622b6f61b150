//! Real projects through the real sccache: cold, then warm, with the hits that the sources promise.

use serde_json::Value;

use crate::support::project::Project;
use crate::support::step::{Finished, Step};
use crate::support::tools::{ANY, VERSIONS, sccache};
use crate::support::world::World;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sccache-step");

/// The whole job in one shell, as a person types it.
fn job(world: &World, project: Project, version: &str) -> Step {
    let script = format!(
        "set -e\neval \"$('{PROGRAM}' pre --wrap {})\"\n{}\n'{PROGRAM}' stats --format json > \"$REPORTS/stats.json\"\n\
         '{PROGRAM}' post --format json > \"$REPORTS/post.json\"\n",
        project.wrap(),
        project.build()
    );
    let step = world.command("bash").args(&["-c", &script]).env("REPORTS", world.path("work"));
    let step = step.env("SCCACHE_STEP_SCCACHE", sccache(version)).env("SCCACHE_STEP_LOG_LEVEL", "debug");
    step.env("SCCACHE_STEP_CACHE_DIR", world.path("cache")).env("SHELL", "/bin/bash")
}

fn report(world: &World, name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(world.path("work").join(name)).unwrap()).unwrap()
}

fn hits_and_misses(report: &Value) -> (u64, u64) {
    (report["hits"].as_u64().unwrap(), report["misses"].as_u64().unwrap())
}

fn cold_then_warm(project: Project, version: &str) {
    let world = World::new();
    let copy = project.copy(&world);
    let units = project.units(&world, &copy);
    let job = job(&world, project, version).within(&copy);
    for (build, expected, verdict) in [("cold", (0, units), "healthy"), ("warm", (units, 0), "healthy")] {
        let finished = job.run().expect(0);
        assert_eq!(finished.stdout, project.prints(), "{build} {version}: {finished}");
        for name in ["stats.json", "post.json"] {
            let report = report(&world, name);
            assert_eq!(hits_and_misses(&report), expected, "{build} {version} {name}: {report:#}");
            assert_eq!(report["verdict"], verdict, "{report:#}");
            assert_eq!(report["sccache_version"], version, "{report:#}");
            assert_eq!(report["storage"], "local disk");
            assert_eq!(
                (&report["warnings"], &report["troubles"]),
                (&Value::Array(vec![]), &Value::Array(vec![]))
            );
            assert_eq!(report["incidents"], Value::Array(vec![]), "{report:#}");
        }
        let (stats, post) = (report(&world, "stats.json"), report(&world, "post.json"));
        assert_eq!((&stats["phase"], &post["phase"]), (&Value::from("stats"), &Value::from("post")));
        let rate = if build == "cold" { 0.0 } else { 100.0 };
        assert_eq!(post["hit_rate_percent"].as_f64(), Some(rate), "{post:#}");
        world.nothing_runs_within(std::time::Duration::from_secs(1));
        Project::clean(&copy);
    }
    // A job in which everything was found still tells what it saved, from what the cold one left.
    let saved = &report(&world, "post.json")["saved"];
    assert_eq!(saved["from_earlier_jobs"], true, "{saved:#}");
}

#[test]
fn a_rust_workspace_is_warm_the_second_time() {
    VERSIONS.into_iter().for_each(|version| cold_then_warm(Project::Rust, version));
}

#[test]
fn a_make_project_is_warm_the_second_time() {
    VERSIONS.into_iter().for_each(|version| cold_then_warm(Project::Make, version));
}

#[test]
fn a_cmake_project_is_warm_the_second_time() {
    VERSIONS.into_iter().for_each(|version| cold_then_warm(Project::Cmake, version));
}

#[test]
fn the_oldest_supported_sccache_serves_on_a_free_port() {
    let world = World::new();
    let copy = Project::Make.copy(&world);
    let units = Project::Make.units(&world, &copy);
    let job = job(&world, Project::Make, "0.8.2").within(&copy);
    for expected in [(0, units), (units, 0)] {
        let finished = job.run().expect(0);
        assert_eq!(finished.stdout, Project::Make.prints());
        let port = finished.stderr.split("127.0.0.1:").nth(1).and_then(|rest| rest.split_whitespace().next());
        let port: u16 = port.unwrap_or_else(|| panic!("no port is told: {finished}")).parse().unwrap();
        assert_ne!(port, 4226, "the address of everybody's server is never ours");
        assert_eq!(hits_and_misses(&report(&world, "post.json")), expected);
        Project::clean(&copy);
    }
}

/// The JSON report that `run` leaves on standard error after the log.
pub fn report_of_run(finished: &Finished) -> Value {
    let start =
        finished.stderr.find("\n{\n").map(|at| at + 1).unwrap_or_else(|| panic!("no report: {finished}"));
    let mut values = serde_json::Deserializer::from_str(&finished.stderr[start..]).into_iter::<Value>();
    values.next().unwrap().unwrap()
}

#[test]
fn run_compiles_through_a_server_of_its_own() {
    for (project, version) in Project::ALL.into_iter().zip(VERSIONS) {
        let world = World::new();
        let copy = project.copy(&world);
        let units = project.units(&world, &copy);
        for expected in [(0, units), (units, 0)] {
            let step = world
                .step(&[
                    "run",
                    "--format",
                    "json",
                    "--wrap",
                    project.wrap(),
                    "--",
                    "bash",
                    "-c",
                    project.build(),
                ])
                .env("SCCACHE_STEP_SCCACHE", sccache(version))
                .env("SCCACHE_STEP_CACHE_DIR", world.path("cache"));
            let finished = step.within(&copy).run().expect(0);
            assert_eq!(finished.stdout, project.prints(), "standard output is the command's alone");
            let report = report_of_run(&finished);
            assert_eq!(hits_and_misses(&report), expected, "{report:#}");
            assert_eq!(report["command"]["code"], 0);
            Project::clean(&copy);
        }
        // The world's own directory for a state file is the one that is there from the beginning.
        let left = std::fs::read_dir(world.path("tmp")).unwrap().count();
        assert_eq!(left, 1, "a run with nothing to hand over leaves no directory behind");
    }
}

#[test]
fn run_passes_its_commands_code_on_and_reports_all_the_same() {
    let world = World::new();
    for code in [0, 1, 7, 125, 255] {
        let step = world.real(ANY, &["run", "--", "sh", "-c", &format!("echo out; exit {code}")]);
        let finished = step.run().expect(code);
        assert_eq!(finished.stdout, "out\n");
        assert!(finished.stderr.contains("sccache: nothing compiled"), "{finished}");
    }
}

#[test]
fn run_goes_on_without_a_cache_when_the_server_does_not_start() {
    let world = World::new();
    let step = world.step(&["run", "--install-from", "none", "--", "sh", "-c", "echo built; exit 4"]);
    let finished = step.env("PATH", "/usr/bin:/bin").run().expect(4);
    assert_eq!(finished.stdout, "built\n");
    assert!(finished.stderr.contains("no sccache was found"), "{finished}");
    let strict = world.step(&["run", "--install-from", "none", "--fail-fast", "--", "echo", "built"]);
    let finished = strict.env("PATH", "/usr/bin:/bin").run().expect(125);
    assert_eq!(finished.stdout, "", "the command does not run under fail-fast: {finished}");
}

#[test]
fn run_keeps_a_path_that_is_empty_or_odd() {
    use std::os::unix::ffi::OsStrExt as _;
    let world = World::new();
    let tools = sccache_step::sccache::tool_cache_program(
        &world.path("tools"),
        &sccache_step::version::Version::parse(ANY).unwrap(),
    );
    let directory = tools.parent().unwrap();
    std::fs::create_dir_all(directory).unwrap();
    std::os::unix::fs::symlink(sccache(ANY), &tools).unwrap();
    std::fs::write(directory.with_extension("complete"), "").unwrap();
    let print = ["run", "--sccache-version", ANY, "--", "/bin/sh", "-c", "printf '%s\\n' \"$PATH\""];
    let step = world.step(&print).env("RUNNER_TOOL_CACHE", world.path("tools"));
    let without = step.clone().without("PATH").run().expect(0);
    let directory = directory.display().to_string();
    assert_eq!(without.stdout.trim_end(), directory, "an empty entry means the working directory");
    let odd = std::ffi::OsStr::from_bytes(b"/usr/bin:/bin:/caf\xe9");
    let kept = step.env("PATH", odd).run().expect(0);
    assert!(kept.stdout.starts_with(&format!("{directory}:/usr/bin:/bin:/caf")), "{kept}");
}
