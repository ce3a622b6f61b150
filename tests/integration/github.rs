//! A job on GitHub: the shim under node, the runner's files, and the steps between.

use std::collections::BTreeMap;

use crate::support::runner::Runner;
use crate::support::{leftovers, until};

fn no_state() -> BTreeMap<String, String> {
    BTreeMap::new()
}

#[test]
fn a_job_compiles_through_the_server_and_ends_with_a_summary() {
    let mut runner = Runner::new();
    let main = runner.action("main", &[("cache-dir", "my cache")], &no_state());
    assert_eq!(main.finished.code(), 0, "{}", main.finished);
    assert!(main.finished.took.as_secs() < 15, "the step does not wait for the server: {}", main.finished);
    assert_eq!(main.finished.stdout, "", "all talk goes to standard error");
    let pid: u32 = main.outputs["server-pid"].parse().unwrap();
    assert!(leftovers::arguments(pid).contains("sccache"));
    assert_eq!(main.outputs["sccache-version"], "0.16.0");
    assert_eq!(main.outputs["cache-dir"], runner.world.path("work/my cache").display().to_string());
    assert_eq!(
        main.outputs["state"],
        runner.world.path("temp/sccache-step/state.json").display().to_string()
    );
    let address = &main.outputs["server-address"];
    assert!(address.starts_with('/') && !address.contains("4226"), "{address}");
    assert_eq!(main.state, [("role".to_owned(), "owner".to_owned())].into());
    assert_eq!(main.exported["SCCACHE_SERVER_UDS"], *address);
    assert_eq!(main.summary, "", "the summary is `post`'s");
    let build = runner.compile("first");
    assert_eq!(build.code(), 0, "{build}");
    let later = runner.action("main", &[("cache-dir", "my cache")], &no_state());
    let names: Vec<&str> = later.outputs.keys().map(String::as_str).collect();
    let declared = crate::support::action::section("outputs");
    let mut declared: Vec<&str> = declared.iter().map(|output| output.name.as_str()).collect();
    declared.sort_unstable();
    assert_eq!(names, declared, "a later use tells what the cache did so far");
    let told = ["hit-rate", "hits", "misses", "errors", "verdict"].map(|name| later.outputs[name].as_str());
    assert_eq!(told, ["0.00", "0", "1", "0", "healthy"]);
    let report: serde_json::Value = serde_json::from_str(&later.outputs["stats-json"]).unwrap();
    assert_eq!((&report["misses"], &report["phase"]), (&1.into(), &"pre".into()));
    let post = runner.action("post", &[], &main.state);
    assert_eq!(post.finished.code(), 0, "{}", post.finished);
    assert!(post.summary.contains("0 of 1"), "{}", post.summary);
    assert!(post.summary.contains("Rust"), "{}", post.summary);
    assert!(post.finished.stdout.contains("0 of 1"), "{}", post.finished);
    assert_eq!(post.outputs, BTreeMap::new(), "the runner drops what `post` writes to an output");
    assert!(!post.finished.stderr.contains("::warning"), "{}", post.finished);
}

#[test]
fn the_runtime_token_goes_nowhere() {
    let mut runner = Runner::new();
    let main = runner.action("main", &[], &no_state());
    let token = "planted-runtime-token";
    assert!(!main.files.contains(token) && !main.finished.to_string().contains(token), "{}", main.finished);
    let state = std::fs::read_to_string(&main.outputs["state"]).unwrap();
    assert!(!state.contains(token), "{state}");
    let processes = leftovers::of(runner.world.root());
    assert_eq!(processes.len(), 3, "the holder, the supervisor and the server: {processes:#?}");
    for process in processes {
        let seen = leftovers::environment(process.pid) + &process.arguments;
        assert!(!seen.contains(token) && !seen.contains("ACTIONS_"), "{seen}");
        assert!(!seen.contains("INPUT_") && !seen.contains("GITHUB_"), "{seen}");
        assert!(
            seen.contains("RUNNER_TRACKING_ID"),
            "GitHub's clean-up finds what a lost job leaves: {seen}"
        );
    }
    runner.action("post", &[], &main.state);
}

#[test]
fn the_second_use_in_a_job_shares_the_server_of_the_first() {
    let mut runner = Runner::new();
    let first = runner.action("main", &[], &no_state());
    let second = runner.action("main", &[], &no_state());
    assert_eq!(second.finished.code(), 0, "{}", second.finished);
    assert_eq!(second.outputs["server-pid"], first.outputs["server-pid"]);
    assert_eq!(second.state, [("role".to_owned(), "guest".to_owned())].into());
    runner.compile("shared").expect(0);
    // The runner calls the posts in reverse order.
    let guest = runner.action("post", &[], &second.state);
    assert_eq!(guest.summary, "");
    assert!(guest.finished.stderr.contains("belongs to an earlier step"), "{}", guest.finished);
    assert_eq!(leftovers::of(runner.world.root()).len(), 3, "the server is not the guest's to stop");
    let owner = runner.action("post", &[], &first.state);
    assert!(owner.summary.contains("0 of 1"), "{}", owner.summary);
}

#[test]
fn a_wrapper_of_the_user_is_left_alone_with_a_notice() {
    let mut runner = Runner::new();
    runner.job.insert("RUSTC_WRAPPER".into(), "/opt/wrapper".into());
    let main = runner.action("main", &[], &no_state());
    assert!(!main.exported.contains_key("RUSTC_WRAPPER"), "{:?}", main.exported);
    assert!(main.finished.stderr.contains("`RUSTC_WRAPPER` is already `/opt/wrapper`"), "{}", main.finished);
    runner.action("post", &[], &main.state);
}

#[test]
fn summary_and_annotations_are_separate_switches() {
    for (summary, annotations) in [("false", "all"), ("true", "none"), ("false", "problems")] {
        let mut runner = Runner::new();
        let inputs =
            [("summary", summary), ("annotations", annotations), ("min-hit-rate", "99"), ("cache-dir", "c")];
        let main = runner.action("main", &inputs, &no_state());
        runner.compile("low").expect(0);
        let post = runner.action("post", &[], &main.state);
        let told = &post.finished.stderr;
        assert_eq!(!post.summary.is_empty(), summary == "true", "{}", post.summary);
        assert_eq!(told.contains("::warning"), annotations != "none", "{told}");
        assert_eq!(told.contains("::notice"), annotations == "all", "{told}");
        assert!(told.contains("below the wanted 99 %"), "{told}");
    }
}

#[test]
fn trouble_warns_and_fails_the_step_only_under_fail_fast() {
    for (fail_fast, code, level) in [("false", 0, "::warning"), ("true", 1, "::error")] {
        let mut runner = Runner::new();
        std::fs::write(runner.world.path("work/file"), "").unwrap();
        let main = runner.action("main", &[("cache-dir", "file/x"), ("fail-fast", fail_fast)], &no_state());
        assert_eq!(main.finished.code(), code, "{}", main.finished);
        assert!(main.finished.stderr.contains(level), "{}", main.finished);
        assert_eq!(main.exported, BTreeMap::new());
        runner.compile("uncached").expect(0);
        let post = runner.action("post", &[], &main.state);
        assert!(post.summary.contains("no cache"), "{} {}", post.summary, post.finished);
        assert!(post.summary.contains("cache directory"), "the reason is told: {}", post.summary);
    }
}

#[test]
fn a_lost_server_does_not_fail_the_build_and_is_reported() {
    let mut runner = Runner::new();
    let main = runner.action("main", &[], &no_state());
    let server = main.outputs["server-pid"].parse().unwrap();
    leftovers::kill(server, rustix::process::Signal::KILL);
    until("its end", || sccache_step::process::identify(server).is_none().then_some(()));
    let build = runner.compile("alone");
    assert_eq!(build.code(), 0, "{build}");
    let post = runner.action("post", &[], &main.state);
    assert!(post.summary.contains("killed by signal 9; "), "{}", post.summary);
    assert!(post.summary.contains("a new one was ready after"), "{}", post.summary);
    assert!(post.summary.contains("0 of 1 from cache"), "{}", post.summary);
}

#[test]
fn post_in_a_new_job_knows_of_no_server() {
    let mut runner = Runner::new();
    let post = runner.action("post", &[], &no_state());
    assert_eq!(post.finished.code(), 0, "{}", post.finished);
    assert!(post.finished.stderr.contains("nothing to stop"), "{}", post.finished);
    assert_eq!(post.summary, "");
}
