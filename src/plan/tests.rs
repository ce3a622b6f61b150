//! Plans from hand-made inputs and environments: no clock, no disk, no process.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use insta::assert_snapshot;

use super::{Plan, ServerRole};
use crate::environment::{Environment, FoundSccache, SavedState, System, Variables};
use crate::error::Error;
use crate::inputs::Inputs;
use crate::state::{Address, Phase, Policy, ProcessIdentity, ServerState, State};
use crate::version::Version;

fn inputs(flags: &[(&str, &str)]) -> Inputs {
    let flags: BTreeMap<String, String> =
        flags.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Inputs::resolve(&flags, &Variables::new()).expect("the inputs of a test are right")
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::sample(variables)
}

fn state(phase: Phase) -> Box<State> {
    let process = |pid| ProcessIdentity { pid, start_time: 7 };
    Box::new(State {
        schema: 1,
        writer: "0.1.0".into(),
        job: None,
        began_unix_ms: 0,
        pre_ms: 12,
        phase,
        started_by: "pre".into(),
        sccache: "/usr/bin/sccache".into(),
        sccache_version: "0.16.0".into(),
        server: Some(ServerState {
            server: process(4711),
            supervisor: process(4710),
            holder: None,
            address: Address::Socket("/temp/run/s".into()),
            log: "/temp/run/server.log".into(),
            run_dir: "/temp/run".into(),
            socket_dir: "/temp/run".into(),
            storage: "local disk".into(),
            cache_dir: Some("/cache".into()),
        }),
        failure: None,
        exported: Vec::new(),
        policy: Policy {
            fail_fast: false,
            min_hit_rate_percent: Some(80.0),
            summary: true,
            annotations: "problems".into(),
            drain_timeout_ms: 30_000,
            stop_timeout_ms: 15_000,
        },
        bundle: None,
    })
}

fn present(phase: Phase, is_live: bool) -> SavedState {
    SavedState::Present { state: state(phase), is_live }
}

/// The steps and policies of a plan, one line each, without details.
fn steps(plan: &Plan) -> String {
    let lines =
        plan.steps.iter().map(|planned| format!("{} [{:?}]", planned.step.name(), planned.on_failure));
    lines.chain(plan.notices.iter().map(|notice| format!("note: {notice}"))).collect::<Vec<_>>().join("\n")
}

#[test]
fn pre_with_defaults_is_planned_whole() {
    let plan = super::pre(&inputs(&[]), &environment(&[("PATH", "/usr/bin"), ("HOME", "/home/ci")])).unwrap();
    assert_snapshot!("pre_with_defaults", plan.to_string());
}

#[test]
fn the_credentials_of_azure_are_in_no_form_of_the_plan() {
    let given = [
        ("cache", "azure"),
        ("azure-connection-string", "AccountName=ci;AccountKey=c2VjcmV0"),
        ("azure-container", "objects"),
        ("azure-key-prefix", "main"),
    ];
    let plan =
        super::pre(&inputs(&given), &environment(&[("https_proxy", "http://ci:pw@proxy:3128")])).unwrap();
    for shown in [plan.to_string(), plan.to_json().to_string(), format!("{plan:?}")] {
        assert!(!shown.contains("c2VjcmV0") && !shown.contains("ci:pw"), "{shown}");
    }
    assert_snapshot!("pre_with_azure", plan.to_string());
}

#[test]
fn a_missing_sccache_is_installed_or_the_cache_is_left_out() {
    let mut bare = environment(&[]);
    bare.sccache = None;
    let plan = super::pre(&inputs(&[("install-from", "pip,cargo")]), &bare).unwrap();
    assert_snapshot!("pre_installs", plan.to_string());
    let plan = super::pre(&inputs(&[("install-from", "none")]), &bare).unwrap();
    assert_snapshot!("pre_may_not_install", steps(&plan));
}

#[test]
fn fail_fast_makes_every_failure_stop() {
    let plan = super::pre(&inputs(&[("fail-fast", "true")]), &environment(&[])).unwrap();
    assert!(plan.steps.iter().all(|planned| planned.on_failure == super::OnFailure::Stop), "{plan}");
}

#[test]
fn the_address_fits_the_system_and_the_version() {
    let planned = |change: fn(&mut Environment)| {
        let mut environment = environment(&[]);
        change(&mut environment);
        let plan = super::pre(&inputs(&[]), &environment).unwrap();
        let title =
            plan.steps.iter().map(|planned| planned.step.title()).find(|title| title.contains("start a"));
        title.unwrap_or_default()
    };
    let addresses = [
        planned(|_| {}),
        planned(|environment| environment.system = System::Windows),
        planned(|environment| {
            let version = Version { major: 0, minor: 8, patch: 2 };
            let found = FoundSccache { path: "/usr/bin/sccache".into(), version, origin: "PATH" };
            environment.sccache = Some(Ok(found));
        }),
        planned(|environment| environment.socket_dir = Path::new("/").join("x".repeat(101))),
        planned(|environment| environment.socket_dir = Path::new("/").join("x".repeat(100))),
    ];
    assert_snapshot!("addresses", addresses.join("\n"));
}

#[test]
fn a_user_without_a_home_gets_one_for_the_server_and_the_clients() {
    let mut homeless = environment(&[]);
    homeless.home_substitute = Some("/temp/run/home".into());
    let homes = |environment: &Environment| {
        let plan = super::pre(&inputs(&[]), environment).unwrap();
        let server = plan.steps.iter().find_map(|planned| match &planned.step {
            super::Step::StartServer(server) => Some(server),
            _ => None,
        });
        let of_server = server.unwrap().variables.iter().rev().find(|(name, _)| name == "HOME");
        let of_server = of_server.map(|(_, value)| format!("{value:?}"));
        (of_server, plan.to_string().matches("HOME=/temp/run/home").count())
    };
    assert_eq!(homes(&homeless), (Some("Plain(\"/temp/run/home\")".into()), 1));
    assert_eq!(homes(&environment(&[])), (None, 0));
}

#[test]
fn the_users_wrappers_are_left_alone() {
    let exported = |variables: &[(&str, &str)], wrap: &str| {
        let plan = super::pre(&inputs(&[("wrap", wrap)]), &environment(variables)).unwrap();
        let export = plan.steps.iter().find(|planned| planned.step.name() == "export");
        let details = export.map(|planned| planned.step.details()).unwrap_or_default();
        let names = details
            .iter()
            .filter(|line| ["RUSTC", "CARGO", "CMAKE", "CC=", "CXX="].iter().any(|n| line.starts_with(n)));
        let lines: Vec<String> = names.cloned().chain(plan.notices).collect();
        format!("{variables:?} {wrap}\n  {}", lines.join("\n  "))
    };
    let cases = [
        exported(&[], "rust,cmake,cc"),
        exported(&[("RUSTC_WRAPPER", "my-wrapper"), ("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")], "rust,cmake"),
        exported(&[("CARGO_BUILD_RUSTC_WRAPPER", "my-wrapper")], "rust"),
        exported(
            &[("RUSTC_WRAPPER", "sccache"), ("CARGO_INCREMENTAL", "1"), ("CARGO_BUILD_INCREMENTAL", "true")],
            "rust",
        ),
        exported(&[("CC", "ccache gcc")], "cc"),
        exported(&[("CC", "/opt/a b/sccache"), ("CXX", "sccache g++ -m32")], "cc"),
        exported(&[("CC", "clang-19"), ("CXX", "clang++-19 -stdlib=libc++")], "cc"),
        exported(&[], "none"),
    ];
    assert_snapshot!("wrappers", cases.join("\n"));
}

#[test]
fn post_goes_by_the_state_alone() {
    let planned = |saved: SavedState, role| {
        let mut environment = environment(&[]);
        environment.saved = saved;
        let plan = super::post(&inputs(&[("fail-fast", "true")]), &environment, role);
        format!("fail-fast {}, reports {}\n{}", plan.fail_fast, plan.reports, steps(&plan))
    };
    let foreign = Error::StateForeign { path: "/temp/run/state.json".into(), reason: "theirs".into() };
    let cases = [
        planned(SavedState::Absent, ServerRole::Owner),
        planned(SavedState::Unusable(Arc::new(foreign)), ServerRole::Owner),
        planned(present(Phase::Started, true), ServerRole::Owner),
        planned(present(Phase::Started, false), ServerRole::Owner),
        planned(present(Phase::Started, true), ServerRole::Guest),
        planned(present(Phase::Finished, false), ServerRole::Owner),
    ];
    assert_snapshot!("posts", cases.join("\n\n"));
}

#[test]
fn run_is_pre_a_command_and_post_and_leaves_a_server_of_pre_running() {
    let command = || vec!["cargo".into(), "build".into()];
    let mut fresh = environment(&[]);
    fresh.is_run_dir_throwaway = true;
    let alone = super::run(&inputs(&[("min-hit-rate", "50")]), &fresh, command()).unwrap();
    let mut inside = environment(&[]);
    inside.saved = present(Phase::Started, true);
    let guest = super::run(&inputs(&[]), &inside, command()).unwrap();
    assert_snapshot!("runs", format!("{}\n\n{}", steps(&alone), steps(&guest)));
}

#[test]
fn stats_needs_a_server_that_was_not_stopped() {
    let mut environment = environment(&[]);
    assert!(matches!(*super::stats(&environment).unwrap_err(), Error::NoServer { .. }));
    environment.saved = present(Phase::Finished, false);
    assert!(matches!(*super::stats(&environment).unwrap_err(), Error::NoServer { .. }));
    // One that was lost is told as lost, and not as one that never was.
    for is_live in [true, false] {
        environment.saved = present(Phase::Started, is_live);
        assert_eq!(steps(&super::stats(&environment).unwrap()), "read-statistics [Stop]\nread-log [Warn]");
    }
}

#[test]
fn a_storage_gets_what_it_needs_and_nothing_of_another() {
    let refused =
        |given: &[(&str, &str)]| super::pre(&inputs(given), &environment(&[])).unwrap_err().lines().what;
    let cases = [
        refused(&[("cache", "azure")]),
        refused(&[("cache", "azure"), ("azure-connection-string", "AccountKey=x")]),
        refused(&[("cache", "azure"), ("azure-connection-string", "no key"), ("azure-container", "c")]),
        refused(&[("cache", "azure"), ("cache-dir", "/x")]),
        refused(&[("azure-container", "c")]),
    ];
    assert_snapshot!("refused", cases.join("\n"));
    let relative =
        super::pre(&inputs(&[("cache-dir", "objects")]), &environment(&[("SCCACHE_DIR", "/old")])).unwrap();
    assert!(relative.to_string().contains("SCCACHE_DIR=/work/objects\n"), "{relative}");
    let inherited = super::pre(&inputs(&[]), &environment(&[("SCCACHE_DIR", "/old")])).unwrap();
    assert!(inherited.to_string().contains("SCCACHE_DIR=/old\n"), "{inherited}");
}
