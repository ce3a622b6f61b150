//! `report merge`: the reports that real jobs wrote, and files that are none.

use std::path::PathBuf;

use crate::support::tools::ANY;
use crate::support::world::World;

/// Reports of three jobs: all missed, all hit, nothing compiled.
fn reports(world: &World) -> Vec<PathBuf> {
    std::fs::write(world.path("work/a.c"), "int a(void) { return 1; }\n").unwrap();
    let job = |name: &str, script: &str| {
        let file = world.path(&format!("reports/{name}.json"));
        let step = world.real(ANY, &["run", "--wrap", "cc", "--", "sh", "-c", script]);
        step.env("SCCACHE_STEP_REPORT_FILE", &file).run().expect(0);
        file
    };
    vec![job("cold", "$CC -c a.c"), job("warm", "$CC -c a.c"), job("idle", "true")]
}

#[test]
fn reports_of_many_jobs_become_one() {
    let world = World::new();
    let files = reports(&world);
    let merge = |format: &str| {
        let step = files
            .iter()
            .fold(world.step(&["report", "merge", "--format", format]), |step, file| step.arg(file));
        step.run()
    };
    let merged = merge("json").expect(0).json();
    assert_eq!((&merged["totals"]["hits"], &merged["totals"]["misses"]), (&1.into(), &1.into()));
    let names: Vec<&str> =
        merged["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        ["idle", "cold", "warm"],
        "the worst first, by their files, as all have one name: {merged:#}"
    );
    assert_eq!(merged["verdict"], "healthy");
    let text = merge("text").expect(0);
    assert!(text.stdout.starts_with("sccache: 50.0 % hit rate in 3 jobs · 1 of 2 from cache"), "{text}");
    assert_eq!(text.stderr, "", "{text}");
    let markdown = merge("markdown").expect(0);
    assert!(markdown.stdout.contains("| **Total** | **50.0 %** |"), "{markdown}");
}

#[test]
fn the_merged_report_is_a_summary_on_github() {
    let world = World::new();
    let files = reports(&world);
    let summary = world.path("summary.md");
    let step = world.step(&["report", "merge"]).arg(&files[0]).arg(&files[1]);
    step.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary).run().expect(0);
    let summary = std::fs::read_to_string(summary).unwrap();
    assert!(summary.starts_with("✅ **sccache: 50.0 % hit rate** in 2 jobs"), "{summary}");
}

#[test]
fn a_file_that_is_no_report_is_a_row_and_a_warning() {
    let world = World::new();
    let files = reports(&world);
    let bad = [("garbage", "no json"), ("empty", ""), ("other", "{\"a\":1}"), ("newer", "newer")];
    for (name, text) in bad {
        let newer = std::fs::read_to_string(&files[0]).unwrap().replacen("\"schema\": 1", "\"schema\": 9", 1);
        std::fs::write(world.path(name), if text == "newer" { newer.as_str() } else { text }).unwrap();
    }
    let step = bad.iter().fold(world.step(&["report", "merge", "--format", "json"]), |step, (name, _)| {
        step.arg(world.path(name))
    });
    let finished = step.clone().arg(&files[1]).arg(world.path("absent")).run().expect(0);
    let merged = finished.json();
    assert_eq!((&merged["verdict"], &merged["totals"]["unreadable"]), (&"needs-attention".into(), &5.into()));
    assert_eq!(merged["totals"]["hits"], 1);
    assert_eq!(finished.stderr.matches("warning: the report `").count(), 5, "{finished}");
    assert!(
        finished.stderr.contains("it has schema version 9, and this program reads versions up to 1"),
        "{finished}"
    );
    let none = step.run().expect(1);
    assert_eq!(none.stderr.matches("error: the report `").count(), 4, "{none}");
    world.step(&["report", "merge"]).run().expect(2);
}
