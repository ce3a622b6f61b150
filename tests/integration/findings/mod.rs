//! Each finding by a real build that has it, and by one that applies the remedy and has it no more.

mod calls;
mod rates;
mod server;
mod storage;
mod wrapper;

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

use crate::real::report_of_run;
use crate::support::step::Step;
use crate::support::tools::sccache;
use crate::support::world::World;

/// The sources of the small builds: a few of C, and crates of Rust.
fn sources(world: &World) {
    for number in 0..12 {
        let c = format!("int f{number}(int x) {{ return x + {number}; }}\n");
        std::fs::write(world.path(&format!("work/f{number}.c")), c).unwrap();
    }
    for number in 0..4 {
        let rust = format!("pub fn g() -> u32 {{ {number} }}\n");
        std::fs::write(world.path(&format!("work/g{number}.rs")), rust).unwrap();
    }
}

/// A world with sources.
fn world() -> World {
    let world = World::new();
    sources(&world);
    world
}

/// The report of a `run` of this script, with these inputs.
fn report(world: &World, version: &str, inputs: &[&str], script: &str) -> Value {
    report_of(run(world, version, inputs, script))
}

fn run(world: &World, version: &str, inputs: &[&str], script: &str) -> Step {
    let wrap = if inputs.contains(&"--wrap") { &[][..] } else { &["--wrap", "cc,rust"][..] };
    let step =
        world.step(&["run", "--format", "json"]).args(wrap).args(inputs).args(&["--", "bash", "-c", script]);
    let step = step.env("SCCACHE_STEP_SCCACHE", sccache(version));
    if inputs.contains(&"--cache") { step } else { step.env("SCCACHE_STEP_CACHE_DIR", world.path("cache")) }
}

fn report_of(step: Step) -> Value {
    let finished = step.run();
    assert!(finished.code() == 0, "{finished}");
    report_of_run(&finished)
}

fn ids(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

/// The finding is there, and says what to do.
pub fn has(report: &Value, id: &str) {
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id);
    let finding = finding.unwrap_or_else(|| panic!("no {id}: {report:#}"));
    assert!(finding["remedy"].as_str().is_some_and(|remedy| remedy.len() > 10), "{finding:#}");
    if finding["weight"] == "problem" {
        assert_ne!(report["verdict"], "healthy", "{report:#}");
    }
}

/// The finding is not there.
pub fn is_gone(report: &Value, id: &str) {
    assert!(!ids(report).contains(id), "{id}: {report:#}");
}

/// Nothing is wrong, and the finding is not there.
pub fn is_clean(report: &Value, id: &str) {
    is_gone(report, id);
    assert_eq!(report["warnings"], Value::Array(vec![]), "{report:#}");
    assert_eq!(report["verdict"], "healthy", "{report:#}");
}

const COMPILE: &str = "for n in 0 1 2; do $CC -c f$n.c; done";
const ALL: &str = "for n in 0 1 2 3 4 5 6 7 8 9 10 11; do $CC $FLAGS -c f$n.c; done";

/// Tests by the id of the finding.
type Proofs = BTreeMap<String, BTreeSet<String>>;

/// The tests that ask for a finding by a call of this form.
fn tests_with(call: &str) -> Proofs {
    let directory = crate::docs::root().join("tests/integration");
    let own = std::fs::read_dir(directory.join("findings")).unwrap().map(|entry| entry.unwrap().path());
    let files = own.filter(|path| !path.ends_with("mod.rs")).chain([directory.join("distribution.rs")]);
    let call = Regex::new(call).unwrap();
    let mut tests = Proofs::new();
    for file in files {
        let text = std::fs::read_to_string(file).unwrap();
        for body in text.split("#[test]\nfn ").skip(1) {
            let name = body.split('(').next().unwrap();
            for found in call.captures_iter(body) {
                tests.entry(found[1].to_owned()).or_default().insert(name.to_owned());
            }
        }
    }
    for id in calls::ids() {
        tests.entry(id.to_owned()).or_default().insert(calls::TEST.to_owned());
    }
    tests
}

#[test]
fn every_finding_is_proved_both_ways_and_so_it_says_in_the_documentation() {
    let shown = tests_with(r#"[ \n]has\([ \n]*&[^;]*?"([a-z-]+)",?[ \n]*\);"#);
    let remedied = tests_with(r#"[ \n]is_(?:clean|gone)\([ \n]*&[^;]*?"([a-z-]+)",?[ \n]*\);"#);
    let page = crate::docs::read("docs/findings.md");
    let row = Regex::new(r"(?m)^\| `([a-z-]+)` \| (.+) \| (.+) \| `([a-z_]+)` \|$").unwrap();
    let told: Vec<[String; 2]> =
        row.captures_iter(&page).map(|found| [found[1].to_owned(), found[4].to_owned()]).collect();
    let mut ids: Vec<&str> = told.iter().map(|[id, _]| id.as_str()).collect();
    assert_eq!(ids, sccache_step::report::finding_ids(), "a row for each finding, in this order");
    for [id, test] in &told {
        for (proofs, way) in [(&shown, "a build that has it"), (&remedied, "a build without it")] {
            assert!(proofs.get(id).is_some_and(|tests| tests.contains(test)), "{id}: no {way} in {test}");
        }
    }
    ids.sort_unstable();
    let others: Vec<&String> = shown.keys().filter(|id| ids.binary_search(&id.as_str()).is_err()).collect();
    assert!(others.is_empty(), "these are no findings: {others:?}");
}
