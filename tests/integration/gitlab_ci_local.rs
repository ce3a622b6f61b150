//! A program that runs GitLab's job files runs our template: the examples that people copy, and scripts that fail.
//!
//! gitlab-ci-local is not GitLab's runner: it waits for the end of the output and never for a process, has no cache
//! for plain shell jobs, and ends with 1 for any failure. What is true for both is asserted here.

use std::time::Duration;

use crate::support::gitlab_ci_local::GitlabCiLocal;
use crate::support::project::Project;
use crate::support::step::Finished;

/// All that was said, whatever the stream.
fn told(finished: &Finished) -> String {
    format!("{}{}", finished.stdout, finished.stderr)
}

#[test]
fn the_example_for_rust_is_cached_from_job_to_job() {
    let lab = GitlabCiLocal::sample("rust");
    let units = Project::Rust.units(&lab.world, &lab.world.path("work"));
    for hits in [0, units] {
        let finished = lab.run("examples/gitlab/rust.yml", &["build"]).expect(0);
        let text = told(&finished);
        assert!(text.contains(&format!("{hits} of {units} from cache")), "{finished}");
        assert!(text.contains("PASS"), "{finished}");
        assert!(text.contains("stopped and reported before"), "{finished}");
        // The report comes while the shell that owns the server lives.
        let place =
            |what: &str| finished.stdout.find(what).unwrap_or_else(|| panic!("no `{what}` in {finished}"));
        assert!(place("from cache") < place("Running after script"), "{finished}");
        assert!(lab.file(".sccache").is_dir(), "where GitLab's cache takes it from");
        lab.world.nothing_runs_within(Duration::from_secs(2));
        Project::clean(&lab.world.path("work"));
    }
}

#[test]
fn the_example_with_references_is_cached_from_job_to_job() {
    let lab = GitlabCiLocal::sample("cmake");
    let units = Project::Cmake.units(&lab.world, &lab.world.path("work"));
    for hits in [0, units] {
        let finished = lab.run("examples/gitlab/references.yml", &["build"]).expect(0);
        let text = told(&finished);
        assert!(text.contains("cmake version") && text.contains("stopped and reported before"), "{finished}");
        assert!(text.contains(&format!("{hits} of {units} from cache")), "{finished}");
        lab.world.nothing_runs_within(Duration::from_secs(2));
        Project::clean(&lab.world.path("work"));
    }
}

#[test]
fn a_script_that_fails_is_a_job_that_fails_with_its_code_and_is_reported() {
    let lab = GitlabCiLocal::sample("cmake");
    let units = Project::Cmake.units(&lab.world, &lab.world.path("work"));
    let finished = lab.run("tests/fixtures/gitlab-jobs/failing.yml", &["build"]).expect(1);
    let text = told(&finished);
    assert!(text.contains("FAIL 7"), "{finished}");
    assert!(text.contains(&format!("0 of {units} from cache")), "{finished}");
    lab.world.nothing_runs_within(Duration::from_secs(2));
}

#[test]
fn the_example_with_a_bundle_travels_in_the_cache_of_gitlab() {
    let lab = GitlabCiLocal::sample("cmake");
    let units = Project::Cmake.units(&lab.world, &lab.world.path("work"));
    for hits in [0, units] {
        let file = "tests/fixtures/gitlab-jobs/isolated.yml";
        let finished = lab.run(file, &["--shell-isolation", "build"]).expect(0);
        let text = told(&finished);
        assert!(text.contains(&format!("{hits} of {units} from cache")), "{finished}");
        assert!(!lab.file(".sccache").exists(), "the job has a directory of its own");
        lab.world.nothing_runs_within(Duration::from_secs(2));
    }
}

#[test]
fn the_example_with_reports_hands_its_figures_to_later_jobs() {
    let lab = GitlabCiLocal::sample("rust");
    let units = Project::Rust.units(&lab.world, &lab.world.path("work"));
    let finished = lab.run("examples/gitlab/reports.yml", &[]).expect(0);
    let text = told(&finished);
    assert!(text.contains(&format!("0 hits, {units} misses, healthy")), "{finished}");
    let metrics = std::fs::read_to_string(lab.file("sccache-metrics.txt")).unwrap();
    let values: Vec<_> = metrics.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(values.iter().any(|line| line.starts_with("sccache_misses")), "{metrics}");
    assert!(values.iter().all(|line| line.split(' ').count() == 2), "a name and a value each: {metrics}");
    let report = std::fs::read(lab.file("sccache-report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(report["misses"], units);
    lab.world.nothing_runs_within(Duration::from_secs(2));
}
