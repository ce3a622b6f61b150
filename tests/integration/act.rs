//! A real workflow engine runs our action: the examples that people copy, and what goes wrong in jobs.
//!
//! act is not the runner. It gives steps a terminal, ends them with SIGHUP and SIGKILL, and cleans up after nobody;
//! what is true for both is asserted here.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::act::{Act, Run};
use crate::support::cache_service::CacheService;
use crate::support::project::Project;
use crate::support::until;
use crate::support::webdav::Webdav;

const MAIN: &str = "refs/heads/main";

/// The verdict's part of a summary: `3 of 3 from cache`.
fn says(run: &Run, text: &str) {
    let summaries = run.summaries();
    assert_eq!(summaries.len(), 1, "{summaries:#?} {}", run.finished);
    assert!(summaries[0].contains(text), "no `{text}` in {}", summaries[0]);
}

#[test]
fn the_example_for_rust_builds_and_is_reported() {
    let act = Act::sample("rust");
    let units = Project::Rust.units(&act.world, &act.world.path("work"));
    let run = act.run("examples/github/rust.yml").expect("success");
    says(&run, &format!("0 of {units} from cache"));
    says(&run, "| Rust |");
    assert_eq!(run.annotations("warning"), [] as [&str; 0]);
    assert_eq!(run.annotations("error"), [] as [&str; 0]);
    let exported: Vec<_> = run.pairs("set-env").into_iter().map(|(name, _)| name).collect();
    assert!(exported.contains(&"RUSTC_WRAPPER") && exported.contains(&"SCCACHE_SERVER_UDS"), "{exported:?}");
    assert!(!exported.iter().any(|name| name.starts_with("ACTIONS_")), "{exported:?}");
    act.world.nothing_runs_within(Duration::from_secs(2));
}

#[test]
fn a_rust_build_that_is_repeated_comes_from_the_cache() {
    let act = Act::sample("rust");
    let units = Project::Rust.units(&act.world, &act.world.path("work"));
    let run = act.run("tests/fixtures/workflows/twice.yml").expect("success");
    says(&run, &format!("{units} of {} from cache", 2 * units));
}

#[test]
fn the_example_for_cmake_is_cached_from_run_to_run() {
    let act = Act::sample("cmake");
    let units = Project::Cmake.units(&act.world, &act.world.path("work"));
    for hits in [0, units] {
        let run = act.run("examples/github/cmake.yml").expect("success");
        says(&run, &format!("{hits} of {units} from cache"));
    }
}

#[test]
fn each_leg_of_the_example_with_a_matrix_has_its_own_server_and_summary() {
    let act = Act::sample("cmake");
    let units = Project::Cmake.units(&act.world, &act.world.path("work"));
    for is_warm in [false, true] {
        let run = act.run("examples/github/matrix.yml").expect("success");
        let summaries = run.summaries();
        assert_eq!(summaries.len(), 2, "{summaries:#?}");
        // CMake's own check is the same in both legs, so the later one may find the other's.
        let verdict =
            if is_warm { format!("{units} of {units} from cache") } else { format!(" of {units} from") };
        assert!(summaries.iter().all(|summary| summary.contains(&verdict)), "{summaries:#?}");
        let outputs = run.pairs("set-output");
        let mut addresses: Vec<_> = outputs.iter().filter(|(name, _)| *name == "server-address").collect();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), 2, "{outputs:#?}");
    }
}

#[test]
fn a_second_use_in_the_example_with_outputs_tells_how_it_went_so_far() {
    let act = Act::sample("rust");
    let units = Project::Rust.units(&act.world, &act.world.path("work"));
    let run = act.run("examples/github/outputs.yml").expect("success");
    let told = format!("0 hits, {units} misses, 0.00 %, healthy");
    assert!(run.log().contains(&told), "{told}: {}", run.log());
    let pids =
        run.pairs("set-output").into_iter().filter(|(name, _)| *name == "server-pid").collect::<Vec<_>>();
    assert!(pids.len() == 2 && pids[0] == pids[1], "{pids:?}");
    // One of the two posts has the report; the other says that it was made.
    says(&run, &format!("0 of {units} from cache"));
}

#[test]
fn a_build_that_fails_is_a_job_that_fails_and_is_reported() {
    let act = Act::sample("cmake");
    let units = Project::Cmake.units(&act.world, &act.world.path("work"));
    let run = act.run("tests/fixtures/workflows/failing.yml").expect("failure");
    says(&run, &format!("0 of {units} from cache"));
    let results = run.step_results();
    let posts: Vec<_> = results.iter().filter(|(step, _)| step.starts_with("Post org/")).collect();
    assert!(posts.len() == 1 && posts[0].1 == "success", "{results:#?}");
    assert!(run.finished.stdout.contains("exit status 7"), "{}", run.finished);
    act.world.nothing_runs_within(Duration::from_secs(2));
}

/// act ends the step with SIGKILL and itself soon after; nobody there ends processes that are left.
#[test]
fn a_cancelled_job_leaves_nothing_and_the_next_one_is_warm() {
    let act = Act::sample("cmake");
    let units = Project::Cmake.units(&act.world, &act.world.path("work"));
    let step = act.workflow("tests/fixtures/workflows/cancelled.yml");
    let built = act.world.path("home/built");
    let running = step.start();
    until("the build", || built.exists().then_some(()));
    running.signal(Signal::INT);
    let run = Run::of(running.finish());
    assert_ne!(run.finished.code(), 0, "{}", run.finished);
    act.world.nothing_runs_within(Duration::from_secs(20));
    let next = act.run("tests/fixtures/workflows/failing.yml").expect("failure");
    says(&next, &format!("{units} of {units} from cache"));
}

#[test]
fn a_bundle_travels_from_job_to_job_through_the_cache_service() {
    let act = Act::sample("cmake");
    let units = Project::Cmake.units(&act.world, &act.world.path("work"));
    let service = CacheService::start(&act.world);
    for (at, hits) in [0, units].into_iter().enumerate() {
        let step = service.job(act.workflow("examples/github/cmake.yml"), MAIN, &[]);
        let step = step.without("GITHUB_ACTIONS").without("GITHUB_WORKFLOW").without("GITHUB_JOB");
        let run = Run::of(step.env("SCCACHE_STEP_CACHE_DIR", act.world.path(&format!("cache{at}"))).run());
        let run = run.expect("success");
        says(&run, &format!("{hits} of {units} from cache"));
        // A run of this engine has a directory of its own, for which the preprocessor's entries are new.
        let saved = service.calls().iter().filter(|call| *call == "CreateCacheEntry").count();
        assert_eq!((saved, service.entries().len()), (1, at + 1));
        let exported: Vec<_> = run.pairs("set-env").into_iter().map(|(name, _)| name).collect();
        assert!(!exported.iter().any(|name| name.starts_with("ACTIONS_")), "{exported:?}");
    }
    service.stop();
}

#[test]
fn later_steps_see_no_credential_of_the_storage() {
    let act = Act::sample("rust");
    let storage = Webdav::start();
    let step = act.workflow("tests/fixtures/workflows/secret.yml");
    let token = "planted-webdav-token";
    let run = step
        .args(&["--var", &format!("STORAGE={}", storage.url())])
        .args(&["--secret", &format!("TOKEN={token}")])
        .without("SCCACHE_STEP_CACHE_DIR")
        .run();
    let run = Run::of(run).expect("success");
    says(&run, "webdav");
    assert!(storage.objects() > 0, "the server has the token, and writes");
    // The engine shows `***` where it masked the token, so both would tell that a step has seen it.
    let log = run.log();
    assert!(log.contains("SCCACHE_STEP_STATE="), "the step shows its environment: {log}");
    let with_token: Vec<_> = run.finished.stdout.lines().filter(|line| line.contains(token)).collect();
    assert!(with_token.len() == 1 && with_token[0].contains("add-mask"), "{with_token:#?}");
    assert!(!log.contains("***"), "{log}");
}

#[test]
fn the_action_works_out_of_its_own_checkout() {
    let act = Act::of_the_action();
    let units = Project::Rust.units(&act.world, &act.world.path("work/tests/fixtures/projects/rust"));
    let run = act.run("tests/fixtures/workflows/checkout.yml").expect("success");
    says(&run, &format!("0 of {units} from cache"));
}

/// Their runners descend from act, set these variables, and have no cache service of version 2.
#[test]
fn forgejo_and_gitea_cache_on_disk_and_have_the_report_in_the_log() {
    for mark in ["FORGEJO_ACTIONS", "GITEA_ACTIONS"] {
        let act = Act::sample("rust");
        let units = Project::Rust.units(&act.world, &act.world.path("work"));
        let step = act.workflow("examples/github/rust.yml").env(mark, "true");
        let run = Run::of(step.args(&["--github-instance", "forge.example"]).run()).expect("success");
        let verdict = format!("0 of {units} from cache");
        says(&run, &verdict);
        says(&run, "local disk");
        assert!(run.log().contains(&verdict), "{}", run.log());
    }
}
