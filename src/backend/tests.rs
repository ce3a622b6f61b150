//! All storages by all versions: the exact variables, and what is refused.

mod table;

use std::collections::BTreeMap;

use super::{Choice, choose, fallback_on_disk, known_settings};
use crate::environment::{Environment, Variables};
use crate::error::Error;
use crate::inputs::{Inputs, Kind, Storage, TABLE};
use crate::secret::ServerValue;
use crate::version::Version;
use table::{FULL, MACHINE};

const VERSIONS: [&str; 3] = ["0.10.0", "0.16.0", "0.19.0"];

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

fn chosen(inputs: Pairs<'_>, variables: Pairs<'_>, of: &str) -> Result<Choice, Error> {
    chosen_in(inputs, &Environment::sample(variables), of)
}

fn chosen_in(inputs: Pairs<'_>, environment: &Environment, of: &str) -> Result<Choice, Error> {
    let flags: BTreeMap<String, String> =
        inputs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    choose(&Inputs::resolve(&flags, &Variables::new())?, environment, version(of))
}

/// What the server is told, one variable a line, in the order of the names.
fn told(choice: &Choice, of: &str) -> String {
    let shown = |value: &ServerValue| match value {
        ServerValue::Plain(value) => value.clone(),
        ServerValue::Hidden(secret) => format!("secret {}", secret.expose()),
    };
    let mut lines: Vec<String> = choice
        .variables(version(of))
        .iter()
        .map(|(name, value)| format!("  {name}={}", shown(value)))
        .collect();
    lines.sort();
    lines.join("\n")
}

#[test]
fn every_storage_tells_each_version_what_it_understands() {
    let mut told_all = String::new();
    for (name, given) in FULL {
        for read_only in ["false", "true"] {
            let given = [*given, &[("read-only", read_only), ("basedirs", "none")]].concat();
            let mut before = String::new();
            for of in VERSIONS {
                let told = match chosen(&given, MACHINE, of) {
                    Ok(choice) => told(&choice, of),
                    Err(error) => format!("  {}", error.lines().what),
                };
                let same = told == before;
                let body = if same { "  the same" } else { &told };
                told_all += &format!("{name}, read-only {read_only}, sccache {of}\n{body}\n");
                before = told;
            }
        }
    }
    insta::assert_snapshot!("variables", told_all);
}

#[test]
fn inputs_and_sccaches_own_variables_say_the_same() {
    for (name, given) in FULL {
        let named = |input: &str| {
            let known = Storage::ALL.into_iter().flat_map(known_settings);
            known.filter(|known| known.input == input).find_map(|known| known.variables.first().copied())
        };
        let own = |input: &str| match input {
            "cache-dir" => Some("SCCACHE_DIR"),
            "cache-size" => Some("SCCACHE_CACHE_SIZE"),
            "chain-write-policy" => Some("SCCACHE_MULTILEVEL_WRITE_ERROR_POLICY"),
            "webdav-create-directories" => Some("SCCACHE_WEBDAV_DISABLE_CREATE_DIR"),
            input => named(input),
        };
        let mut variables = MACHINE.to_vec();
        for (input, value) in given.iter().filter(|(input, _)| *input != "cache") {
            let variable = own(input).unwrap_or_else(|| panic!("{input} has no variable"));
            let seconds = if *input == "redis-expiration" { "172800" } else { value };
            variables.push((variable, if variable.ends_with("CREATE_DIR") { "true" } else { seconds }));
        }
        if name.starts_with("chain") {
            variables.push(("SCCACHE_MULTILEVEL_CHAIN", "disk,redis"));
        }
        let by_inputs = chosen(given, MACHINE, "0.19.0").unwrap();
        let by_variables = chosen(&[], &variables, "0.19.0").unwrap();
        assert_eq!(told(&by_variables, "0.19.0"), told(&by_inputs, "0.19.0"), "{name}");
        let notices = by_variables.notices.join("\n");
        let is_named = variables[MACHINE.len()..]
            .iter()
            .filter(|(variable, _)| !variable.contains("MULTILEVEL") && !variable.contains("CREATE_DIR"))
            .all(|(variable, _)| notices.contains(&format!("`{variable}`")));
        assert!(is_named || *name == "disk", "{name}: {notices}");
    }
}

#[test]
fn every_input_of_a_storage_is_read_and_tested() {
    let tested: Vec<&str> =
        FULL.iter().flat_map(|(_, given)| given.iter().map(|(input, _)| *input)).collect();
    let owned = |input: &&str| Storage::ALL.iter().any(|storage| storage.owns(input));
    for input in TABLE.iter().map(|input| input.name).filter(owned) {
        assert!(tested.contains(&input), "`{input}` is in no case of the table");
        let is_known = Storage::ALL.into_iter().flat_map(known_settings).any(|known| known.input == input);
        assert!(is_known || input.starts_with("cache-"), "no storage reads `{input}`");
    }
}

#[test]
fn no_credential_is_a_plain_value_and_each_is_told_to_the_mask() {
    for (name, given) in FULL {
        let choice = chosen(given, MACHINE, "0.19.0").unwrap();
        let secrets: Vec<String> =
            choice.backend.secrets().iter().map(|secret| secret.expose().to_owned()).collect();
        for (input, value) in given.iter() {
            let row = TABLE.iter().find(|row| row.name == *input).unwrap();
            if row.kind == Kind::Secret {
                assert!(secrets.iter().any(|secret| secret == value), "{name}: {input} is not masked");
            }
        }
        for (variable, value) in choice.variables(version("0.19.0")) {
            if let ServerValue::Plain(value) = value {
                assert!(!secrets.contains(&value) && !value.contains("pw"), "{name}: {variable} is shown");
            }
        }
        assert!(!format!("{choice:?}").contains("secret-"), "{name}");
        let words = [choice.description(), choice.reason.clone(), choice.notices.join(" ")].concat();
        let is_told = secrets.iter().any(|secret| secret.len() > 3 && words.contains(secret.as_str()));
        assert!(!is_told, "{name}: {words}");
    }
    let azure = chosen(FULL[11].1, &[], "0.16.0").unwrap();
    assert!(azure.backend.secrets().iter().any(|secret| secret.expose() == "c2VjcmV0"), "the key alone");
}

#[test]
fn what_is_wrong_is_told_before_anything_is_done() {
    let cases: &[(Pairs<'_>, Pairs<'_>, &str)] = &[
        (&[("cache", "azure")], &[], "0.16.0"),
        (&[("cache", "azure"), ("azure-connection-string", "AccountKey=x")], &[], "0.16.0"),
        (&[("azure-connection-string", "no key"), ("azure-container", "c")], &[], "0.16.0"),
        (&[("azure-connection-string", "AccountKey=x"), ("azure-storage-account", "a")], &[], "0.19.0"),
        (&[("azure-storage-account", "a"), ("azure-container", "c")], &[], "0.16.0"),
        (&[("cache", "azure"), ("cache-dir", "/x")], &[], "0.16.0"),
        (&[("cache", "disk"), ("s3-bucket", "b")], &[], "0.16.0"),
        (&[("s3-bucket", "b"), ("redis-endpoint", "redis://h")], &[], "0.16.0"),
        (&[], &[("SCCACHE_BUCKET", "b"), ("SCCACHE_REDIS", "redis://h")], "0.16.0"),
        (&[("s3-bucket", "b")], &[], "0.16.0"),
        (&[("s3-bucket", "b"), ("s3-region", "x"), ("s3-access-key-id", "i")], &[], "0.16.0"),
        (&[("s3-bucket", "b"), ("s3-anonymous", "true"), ("s3-access-key-id", "i")], &[], "0.16.0"),
        (&[("s3-bucket", "b"), ("s3-region", "x"), ("s3-kms", "off"), ("s3-kms-key-id", "k")], &[], "0.19.0"),
        (&[("s3-bucket", "b"), ("s3-region", "x"), ("s3-kms", "true")], &[], "0.16.0"),
        (&[("s3-bucket", "b"), ("s3-region", "x"), ("s3-endpoint", "ftp://h")], &[], "0.16.0"),
        (&[("s3-bucket", "b"), ("s3-region", "x"), ("s3-endpoint", "https://u:p@h")], &[], "0.16.0"),
        (&[("redis-endpoint", "cache:6379")], &[], "0.16.0"),
        (&[("redis-endpoint", "redis://:hunter2@")], &[], "0.16.0"),
        (&[("redis-endpoint", "redis://h/zero")], &[], "0.16.0"),
        (&[("redis-endpoint", "redis://h"), ("redis-cluster-endpoints", "redis://a")], &[], "0.16.0"),
        (&[("redis-key-prefix", "main")], &[], "0.16.0"),
        (&[("redis-db", "two")], &[], "0.16.0"),
        (&[("memcached-endpoint", "udp://h")], &[], "0.16.0"),
        (&[("memcached-endpoint", "h:1"), ("memcached-expiration", "0")], &[], "0.16.0"),
        (&[("cache", "gcs")], &[], "0.16.0"),
        (&[("cache", "gha")], &[], "0.16.0"),
        (&[("cache", "gha")], &[("ACTIONS_RUNTIME_TOKEN", "t")], "0.16.0"),
        (
            &[("cache", "gha")],
            &[
                ("ACTIONS_RUNTIME_TOKEN", "t"),
                ("ACTIONS_RESULTS_URL", "https://r"),
                ("ACTIONS_CACHE_SERVICE_V2", "true"),
            ],
            "0.9.1",
        ),
        (&[], &[("SCCACHE_GHA_ENABLED", "maybe")], "0.16.0"),
        (&[("webdav-endpoint", "https://h"), ("webdav-password", "p")], &[], "0.16.0"),
        (&[("webdav-endpoint", "https://u:p@h"), ("webdav-token", "t")], &[], "0.16.0"),
        (&[("webdav-endpoint", "https://h"), ("webdav-create-directories", "false")], &[], "0.16.0"),
        (&[("oss-bucket", "b"), ("oss-endpoint", "https://o")], &[], "0.16.0"),
        (&[("cos-bucket", "b"), ("cos-endpoint", "https://c")], &[], "0.10.0"),
        (&[("cache", "disk,redis"), ("redis-endpoint", "redis://h")], &[], "0.10.0"),
        (&[("cache", "disk,redis")], &[], "0.16.0"),
        (&[("cache", "disk,disk")], &[], "0.16.0"),
        (&[("cache", "disk"), ("chain-write-policy", "l0")], &[], "0.16.0"),
        (&[], &[("SCCACHE_MULTILEVEL_CHAIN", "disk,tape")], "0.16.0"),
        (
            &[("cache", "disk,redis"), ("redis-endpoint", "redis://h")],
            &[("SCCACHE_MULTILEVEL_WRITE_ERROR_POLICY", "some")],
            "0.16.0",
        ),
        (&[], &[("SCCACHE_CACHE_SIZE", "5 gigs")], "0.16.0"),
        (&[], &[("SCCACHE_LOCAL_RW_MODE", "read-only")], "0.16.0"),
        (&[("redis-endpoint", "redis://h"), ("read-only", "true")], &[], "0.15.0"),
        (&[("redis-endpoint", "redis://h")], &[("SCCACHE_REDIS_RW_MODE", "READ_ONLY")], "0.15.0"),
        (&[("read-only", "maybe")], &[], "0.16.0"),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(inputs, variables, of)| {
            let error = chosen(inputs, variables, of).expect_err("it is refused");
            assert_eq!(error.exit_code().number(), 2, "{error}");
            format!("{inputs:?} {variables:?} {of}\n  {}", error.to_string().replace('\n', "\n  "))
        })
        .collect();
    for secret in ["hunter2", "u:p"] {
        assert!(told.iter().all(|told| !told.split('\n').skip(1).any(|line| line.contains(secret))));
    }
    insta::assert_snapshot!("refused", told.join("\n"));
}

#[test]
fn auto_goes_by_what_is_set_up_and_says_so() {
    let cases: &[(Pairs<'_>, Pairs<'_>)] = &[
        (&[], &[]),
        (&[("cache-dir", "/x")], &[]),
        (&[("s3-bucket", "b"), ("s3-region", "x")], &[]),
        (&[("cache-dir", "/x")], &[("SCCACHE_BUCKET", "b"), ("AWS_DEFAULT_REGION", "x")]),
        // What was said to us outweighs what was said to sccache.
        (
            &[("redis-endpoint", "redis://h")],
            &[("SCCACHE_BUCKET", "b"), ("SCCACHE_MULTILEVEL_CHAIN", "disk,s3")],
        ),
        (&[("cache", "disk")], &[("SCCACHE_BUCKET", "b"), ("SCCACHE_CONF", "/x")]),
        // Empty is unset, in every version.
        (&[], &[("SCCACHE_BUCKET", ""), ("SCCACHE_REDIS_ENDPOINT", ""), ("SCCACHE_DIR", "")]),
        // Settings that switch nothing on.
        (&[], &[("SCCACHE_REGION", "x"), ("SCCACHE_AZURE_BLOB_CONTAINER", "c")]),
        (&[], &[("SCCACHE_GHA_ENABLED", "off"), ("ACTIONS_RUNTIME_TOKEN", "t")]),
        (
            &[],
            &[
                ("SCCACHE_GHA_ENABLED", "on"),
                ("ACTIONS_RUNTIME_TOKEN", "t"),
                ("ACTIONS_CACHE_URL", "https://v1.example"),
            ],
        ),
        (
            &[],
            &[
                ("SCCACHE_MULTILEVEL_CHAIN", "disk, redis"),
                ("SCCACHE_REDIS", "redis://h"),
                ("SCCACHE_MULTILEVEL_WRITE_ERROR_POLICY", "L0"),
            ],
        ),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(inputs, variables)| {
            let choice = chosen(inputs, variables, "0.16.0").unwrap_or_else(|error| panic!("{error}"));
            let notices: String = choice.notices.iter().map(|notice| format!("\n  note: {notice}")).collect();
            format!(
                "{inputs:?} {variables:?}\n  {}\n  because {}{notices}\n{}",
                choice.description(),
                choice.reason,
                told(&choice, "0.16.0")
            )
        })
        .collect();
    insta::assert_snapshot!("auto", told.join("\n"));
}

#[test]
fn a_job_that_is_not_trusted_only_reads_what_others_use() {
    let mut fork = Environment::sample(&[]);
    fork.untrusted = Some("the change comes from a fork".into());
    let redis: Pairs<'_> = &[("redis-endpoint", "redis://h")];
    let chain: Pairs<'_> = &[("cache", "disk,redis"), ("redis-endpoint", "redis://h")];
    let gcs: Pairs<'_> = &[("gcs-bucket", "b")];
    let lenient: Pairs<'_> = &[("redis-endpoint", "redis://h"), ("read-only", "false")];
    let cases = [
        (redis, "0.16.0"),
        (redis, "0.10.0"),
        (lenient, "0.10.0"),
        (gcs, "0.10.0"),
        (chain, "0.16.0"),
        (chain, "0.19.0"),
        (&[], "0.16.0"),
    ];
    let told: Vec<String> = cases
        .iter()
        .map(|(inputs, of)| {
            let choice = chosen_in(inputs, &fork, of).unwrap();
            let notices: String = choice.notices.iter().map(|notice| format!("\n  note: {notice}")).collect();
            format!("{inputs:?} {of}\n  {}{notices}\n{}", choice.description(), told(&choice, of))
        })
        .collect();
    insta::assert_snapshot!("untrusted", told.join("\n"));
}

#[test]
fn a_storage_that_cannot_be_used_is_replaced_by_the_disk_of_the_inputs() {
    let flags = [("cache", "redis"), ("redis-endpoint", "redis://:pw@h"), ("read-only", "true")];
    let flags = flags.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let inputs = Inputs::resolve(&flags.into(), &Variables::new()).unwrap();
    let disk = fallback_on_disk(
        &inputs,
        &Environment::sample(&[("SCCACHE_DIR", "/var/objects")]),
        version("0.16.0"),
    )
    .unwrap();
    assert_eq!(
        told(&disk, "0.16.0"),
        "  SCCACHE_BASEDIRS=/work\n  SCCACHE_CACHE_SIZE=10737418240\n  SCCACHE_DIR=/var/objects"
    );
    assert!(disk.backend.secrets().is_empty());
}

#[test]
fn what_holds_for_every_storage_is_checked_and_fits_the_version() {
    let general = |inputs: Pairs<'_>, variables: Pairs<'_>, of: &str| {
        let is_disk = |name: &str| matches!(name, "SCCACHE_DIR" | "SCCACHE_CACHE_SIZE");
        match chosen(inputs, variables, of) {
            Ok(choice) => {
                let lines = told(&choice, of);
                let kept = lines.lines().filter(|line| !is_disk(line.trim().split('=').next().unwrap()));
                kept.map(|line| line.trim().to_owned()).chain(choice.notices).collect::<Vec<_>>().join("; ")
            }
            Err(error) => error.lines().what,
        }
    };
    let with_colon = || {
        let mut environment = Environment::sample(&[]);
        environment.workspace = "/work:1".into();
        told(&chosen_in(&[], &environment, "0.19.0").unwrap(), "0.19.0")
    };
    assert!(!with_colon().contains("BASEDIRS"), "sccache would take it for two directories");
    let cases = [
        general(&[], &[], "0.19.0"),
        general(&[], &[], "0.10.0"),
        general(&[("basedirs", "none")], &[("SCCACHE_BASEDIRS", "/a")], "0.19.0"),
        general(&[("basedirs", "/a, /b")], &[], "0.14.0"),
        general(&[("basedirs", "/a")], &[], "0.10.0"),
        general(&[("basedirs", "a")], &[], "0.19.0"),
        general(&[], &[("SCCACHE_BASEDIRS", "/a:/b")], "0.19.0"),
        general(&[], &[("SCCACHE_BASEDIRS", "/a:b")], "0.19.0"),
        general(&[], &[("SCCACHE_BASEDIRS", "/a")], "0.10.0"),
        general(&[("compression-level", "9"), ("basedirs", "none")], &[], "0.16.0"),
        general(&[("compression-level", "23")], &[], "0.16.0"),
        general(&[], &[("SCCACHE_CACHE_ZSTD_LEVEL", "best")], "0.16.0"),
        general(&[("compression-level", "9")], &[], "0.8.1"),
        general(&[("basedirs", "none")], &[("SCCACHE_DIRECT", "off")], "0.16.0"),
        general(&[], &[("SCCACHE_DIRECT", "yes")], "0.16.0"),
        general(&[("dist-auth-token", "t")], &[], "0.16.0"),
        general(&[("dist-scheduler-url", "ftp://h")], &[], "0.16.0"),
    ];
    insta::assert_snapshot!(cases.join("\n"), @r"
    SCCACHE_BASEDIRS=/work


    SCCACHE_BASEDIRS=/a:/b
    `basedirs` needs sccache 0.14.0 or newer, and this one is 0.10.0
    input `basedirs` does not take `a`
    SCCACHE_BASEDIRS=/a:/b
    the variable `SCCACHE_BASEDIRS` does not take `b`
    `SCCACHE_BASEDIRS` is not known to sccache 0.10.0, only from 0.14.0 on
    SCCACHE_CACHE_ZSTD_LEVEL=9
    input `compression-level` does not take `23`
    the variable `SCCACHE_CACHE_ZSTD_LEVEL` does not take `best`
    `compression-level` needs sccache 0.8.2 or newer, and this one is 0.8.1
    SCCACHE_DIRECT=off
    the variable `SCCACHE_DIRECT` does not take `yes`
    input `dist-scheduler-url` does not take ``
    input `dist-scheduler-url` does not take `ftp://h`
    ");
}

#[test]
fn a_scheduler_goes_into_the_configuration_of_the_server_and_its_token_to_the_mask() {
    let given: Pairs<'_> = &[
        ("dist-scheduler-url", "http://farm:10600"),
        ("dist-auth-token", "a \"quoted\" \\ token"),
        ("dist-toolchain-cache-size", "2G"),
        ("dist-toolchain-cache-dir", "tool chains"),
    ];
    let choice = chosen(given, &[], "0.16.0").unwrap();
    assert!(choice.secrets().iter().any(|secret| secret.expose() == "a \"quoted\" \\ token"));
    assert!(!format!("{choice:?}").contains("quoted"));
    insta::assert_snapshot!(choice.dist.unwrap().configuration().expose(), @r#"
    [dist]
    scheduler_url = "http://farm:10600"
    toolchain_cache_size = 2147483648
    cache_dir = "/work/tool chains"

    [dist.auth]
    type = "token"
    token = "a \"quoted\" \\ token"
    "#);
}
