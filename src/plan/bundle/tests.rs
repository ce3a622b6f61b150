//! Where a bundle is kept and under which key, decided without a machine.

use std::collections::BTreeMap;

use super::*;
use crate::backend;
use crate::environment::Variables;
use crate::version::Version;

const GITHUB: [(&str, &str); 7] = [
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("ACTIONS_CACHE_SERVICE_V2", "True"),
    ("ACTIONS_RESULTS_URL", "https://results.example/"),
    ("ACTIONS_RUNTIME_TOKEN", "token"),
    ("GITHUB_WORKFLOW", "CI / main"),
    ("GITHUB_JOB", "build"),
];

fn decided(flags: &[(&str, &str)], variables: &[(&str, &str)]) -> Result<Decision, Error> {
    let flags: BTreeMap<String, String> =
        flags.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let inputs = Inputs::resolve(&flags, &Variables::new()).unwrap();
    let environment = Environment::sample(variables);
    let storage = backend::choose(&inputs, &environment, Version { major: 0, minor: 16, patch: 0 }).unwrap();
    decide(&inputs, &environment, &storage)
}

fn bundle(flags: &[(&str, &str)], variables: &[(&str, &str)]) -> BundleState {
    decided(flags, variables).unwrap().bundle.expect("there is a bundle")
}

/// GitHub with one variable changed.
fn github_but(name: &str, value: &'static str) -> Vec<(&'static str, &'static str)> {
    GITHUB.iter().map(|(known, old)| (*known, if *known == name { value } else { old })).collect()
}

#[test]
fn a_bundle_is_the_default_where_there_is_a_cache_service_v2() {
    let decision = decided(&[], &GITHUB).unwrap();
    assert_eq!(decision.reason, "`cache` is `auto`, and the host has a cache service v2");
    let bundle = decision.bundle.unwrap();
    assert_eq!((bundle.place, bundle.cap_bytes), (StorePlace::Actions, 2 << 30));
    for server in ["https://acme.ghe.com", "https://GitHub.com/", "http://github.localhost:8080"] {
        assert!(decided(&[], &github_but("GITHUB_SERVER_URL", server)).unwrap().bundle.is_some(), "{server}");
    }
}

#[test]
fn without_a_cache_service_v2_the_disk_is_used_and_who_asked_is_told() {
    for (name, value, why) in [
        ("GITHUB_SERVER_URL", "https://ghes.corp.example", "`ghes.corp.example` has no cache service v2"),
        ("GITHUB_SERVER_URL", "https://evilgithub.com", "`evilgithub.com` has no cache service v2"),
        (
            "ACTIONS_CACHE_SERVICE_V2",
            "",
            "the runner offers no cache service v2 (`ACTIONS_CACHE_SERVICE_V2` is not set)",
        ),
        (
            "ACTIONS_RUNTIME_TOKEN",
            "",
            "the runner offers no cache service v2 (`ACTIONS_RUNTIME_TOKEN` is not set)",
        ),
    ] {
        let variables = github_but(name, value);
        let silent = decided(&[], &variables).unwrap();
        assert!(silent.bundle.is_none() && silent.notice.is_none());
        let told = decided(&[("cache", "bundle")], &variables).unwrap();
        let expected = format!(
            "`cache` is `bundle`, but {why}: this job uses the local disk; `bundle-dir` names a directory instead"
        );
        assert_eq!((told.bundle, told.notice), (None, Some(expected)));
    }
    assert!(decided(&[], &[]).unwrap().bundle.is_none());
    assert!(matches!(
        decided(&[("cache", "bundle")], &[]),
        Err(Error::SettingMissing { input: "bundle-dir", .. })
    ));
}

#[test]
fn a_directory_serves_everywhere_and_another_storage_takes_none() {
    let directory = [("bundle-dir", "layers")];
    for variables in [&GITHUB[..], &[]] {
        assert_eq!(bundle(&directory, variables).place, StorePlace::Directory("/work/layers".into()));
    }
    let disk = decided(&[("cache", "disk"), directory[0]], &[]);
    assert!(matches!(disk, Err(Error::SettingUnused { input: "bundle-dir", .. })));
    assert!(decided(&[("cache", "disk")], &GITHUB).unwrap().bundle.is_none());
}

#[test]
fn the_key_tells_jobs_apart_and_falls_back_to_their_relatives() {
    let of = |flags: &[(&str, &str)], job: &'static str| bundle(flags, &github_but("GITHUB_JOB", job));
    let plain = of(&[], "build");
    assert!(plain.prefix.starts_with("sccache-step-linux-x86-64-"), "{}", plain.prefix);
    assert!(plain.prefix.contains("-build."), "{}", plain.prefix);
    assert!(plain.restore_prefixes.iter().all(|shorter| plain.prefix.starts_with(shorter)));
    let matrix = of(&[("matrix", r#"{"os":"a"}"#)], "build");
    let other = of(&[("matrix", r#"{"os":"b"}"#)], "build");
    assert_ne!(matrix.prefix, other.prefix);
    assert_eq!(matrix.restore_prefixes, other.restore_prefixes);
    assert_eq!(of(&[("matrix", "null")], "build").prefix, plain.prefix);
    // Names that look alike when they are made fit.
    assert_ne!(of(&[], "a b").prefix, of(&[], "a/b").prefix);
    let keyed = of(&[("key", "nightly"), ("restore-keys", "stable, beta")], "build");
    assert!(keyed.prefix.starts_with("sccache-step-nightly."), "{}", keyed.prefix);
    assert_eq!(keyed.restore_prefixes.len(), 4);
    assert_eq!(keyed.restore_prefixes[2], of(&[("key", "stable")], "build").restore_prefixes[1]);
}

#[test]
fn a_key_can_be_the_name_of_a_file_whatever_the_job_is_called() {
    let hostile = "../..\u{1F980}\n,%2F\\ \"`$(x)` -- .";
    let variables = github_but("GITHUB_JOB", hostile);
    let bundle = bundle(
        &[("key", hostile), ("matrix", hostile), ("restore-keys", "a,b,c,d,e,f,g,h,i,j,k")],
        &variables,
    );
    assert_eq!(bundle.restore_prefixes.len(), PREFIX_LIMIT - 1);
    for prefix in std::iter::once(&bundle.prefix).chain(&bundle.restore_prefixes) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
        assert!(prefix.bytes().all(plain) && !prefix.contains("..") && prefix.len() < 200, "{prefix}");
    }
}

#[test]
fn what_must_not_be_saved_is_not_and_says_why() {
    let why = |flags: &[(&str, &str)], variables: &[(&str, &str)]| bundle(flags, variables).no_save;
    assert_eq!(why(&[], &GITHUB), None);
    assert_eq!(why(&[("save", "false")], &GITHUB).as_deref(), Some("`save` is given by flag `--save`"));
    assert_eq!(
        why(&[("read-only", "true")], &GITHUB).as_deref(),
        Some("`read-only` is given by flag `--read-only`")
    );
    let mode = [&GITHUB[..], &[("ACTIONS_CACHE_MODE", "read")]].concat();
    assert_eq!(why(&[("save", "true")], &mode).as_deref(), Some("the job's `cache-mode` is `read`"));
    let inputs = |save: &str| {
        let flags = [("save".to_owned(), save.to_owned())].into();
        Inputs::resolve(&flags, &Variables::new()).unwrap()
    };
    let mut fork = Environment::sample(&GITHUB);
    fork.untrusted = Some("the change comes from a fork".into());
    let told = |save| no_save(&inputs(save), &fork, &StorePlace::Actions);
    assert_eq!(told("auto").as_deref(), Some("the change comes from a fork"));
    assert_eq!(told("true"), None);
}
