//! Azure Blob Storage, live against Azurite: warm from the storage alone, and no credential anywhere.

use std::path::Path;

use crate::support::azurite::Azurite;
use crate::support::entra::{self, Entra, Identity};
use crate::support::leftovers;
use crate::support::project::Project;
use crate::support::runner::Runner;
use crate::support::service::given;
use crate::support::step::Step;
use crate::support::tools::{ANY, VERSIONS, sccache};
use crate::support::world::World;

/// The one that knows Entra ID.
const NEWEST: &str = VERSIONS[VERSIONS.len() - 1];

fn azure(step: Step, connection_string: &str) -> Step {
    step.env("SCCACHE_STEP_CACHE", "azure")
        .env("SCCACHE_STEP_AZURE_CONTAINER", "objects")
        .env("SCCACHE_STEP_AZURE_KEY_PREFIX", "ci/main")
        .env("SCCACHE_STEP_AZURE_CONNECTION_STRING", connection_string)
}

#[test]
fn a_warm_build_takes_everything_from_the_storage() {
    let world = World::new();
    let azurite = Azurite::start(&world, "objects");
    for version in VERSIONS {
        let copy = Project::Make.copy(&world);
        let units = Project::Make.units(&world, &copy);
        for (hits, misses) in [(0, units), (units, 0)] {
            let run = ["run", "--wrap", "cc", "--format", "json", "--", "bash", "-c", Project::Make.build()];
            let step = world.step(&run).env("SCCACHE_STEP_SCCACHE", sccache(version)).within(&copy);
            let step = azure(step, &azurite.connection_string());
            let finished = step.env("SCCACHE_STEP_AZURE_KEY_PREFIX", version).run().expect(0);
            assert_eq!(finished.stdout, Project::Make.prints());
            let report = crate::real::report_of_run(&finished);
            assert_eq!(
                (report["hits"].as_u64(), report["misses"].as_u64()),
                (Some(hits), Some(misses)),
                "{report:#}"
            );
            assert!(report["storage"].as_str().unwrap().starts_with("Azure Blob Storage, container objects"));
            assert!(!finished.to_string().contains(Azurite::key()), "{finished}");
            Project::clean(&copy);
        }
    }
    assert!(!world.path("home/.cache/sccache").exists(), "there is no local cache");
    azurite.stop();
}

#[test]
fn a_wrong_key_is_told_in_the_servers_own_words() {
    let world = World::new();
    let azurite = Azurite::start(&world, "objects");
    let wrong = "d3Jvbmcta2V5LXBsYW50ZWQ=";
    for (fail_fast, code) in [("true", 1), ("false", 0)] {
        let step = world.step(&["pre", "--shell", "sh"]).env("SCCACHE_STEP_SCCACHE", sccache(ANY));
        let step =
            azure(step, &azurite.connection_string_with(wrong)).env("SCCACHE_STEP_STATE", world.state_path());
        let finished = step.env("SCCACHE_STEP_FAIL_FAST", fail_fast).run().expect(code);
        let words = match code {
            0 => "cannot be used: the server runs on local disk instead\ncause: ",
            _ => "the sccache server did not start\ncause: ",
        };
        assert!(finished.stderr.contains(words), "{finished}");
        assert!(
            finished.stderr.contains("AuthorizationFailure") || finished.stderr.contains("403"),
            "{finished}"
        );
        assert!(
            !finished.to_string().contains("wrong-key") && !finished.to_string().contains(wrong),
            "{finished}"
        );
        assert_eq!(finished.stdout == "(exit 1)\n", code == 1, "{finished}");
    }
    let report = world.step(&["post", "--format", "json"]).env("SCCACHE_STEP_STATE", world.state_path());
    let report = report.run().expect(0).json();
    assert_eq!(report["storage"], "local disk", "{report:#}");
    assert!(report["incidents"][0]["what"].as_str().unwrap().contains("could not be used"), "{report:#}");
    azurite.stop();
}

/// Everything readable below a directory, with its path.
pub fn contents(directory: &Path, except: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry == except || entry.is_symlink() {
            continue;
        }
        if entry.is_dir() {
            found.extend(contents(&entry, except));
        } else if let Ok(bytes) = std::fs::read(&entry) {
            found.push((entry.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

#[test]
fn the_credential_is_in_the_servers_environment_and_nowhere_else() {
    let mut runner = Runner::new();
    let azurite = Azurite::start(&runner.world, "objects");
    let connection = azurite.connection_string();
    let inputs = [
        ("cache", "azure"),
        ("azure-container", "objects"),
        ("azure-connection-string", &*connection),
        ("log-level", "trace"),
    ];
    let main = runner.action("main", &inputs, &std::collections::BTreeMap::new());
    assert_eq!(main.finished.code(), 0, "{}", main.finished);
    runner.compile("stored").expect(0);
    let server: u32 = main.outputs["server-pid"].parse().unwrap();
    assert!(leftovers::environment(server).contains(Azurite::key()));
    for process in leftovers::of(runner.world.root()) {
        assert!(!process.arguments.contains(Azurite::key()), "{process:?}");
        if process.pid != server && process.pid != azurite.pid() {
            assert!(!leftovers::environment(process.pid).contains(Azurite::key()), "{process:?}");
        }
    }
    for (path, text) in contents(runner.world.root(), &runner.world.path("storage/azurite")) {
        assert!(!text.contains(Azurite::key()), "the key is in `{path}`");
    }
    let stats = runner.command(env!("CARGO_BIN_EXE_sccache-step")).args(&["stats", "--format", "json"]).run();
    let post = runner.action("post", &[], &main.state);
    assert!(post.summary.contains("0 of 1"), "{}", post.summary);
    let told =
        [&main.finished.stdout, &stats.stdout, &stats.stderr, &post.finished.stdout, &post.finished.stderr];
    assert!(
        told.into_iter().all(|text| !text.contains(Azurite::key())),
        "{} {}",
        main.finished,
        post.finished
    );
    // GitHub learns what to hide by being told it, and hides that line itself.
    let masks = |line: &&str| line.starts_with("::add-mask::");
    assert!(main.finished.stderr.lines().any(|line| masks(&line) && line.contains(Azurite::key())));
    let rest: Vec<&str> = main.finished.stderr.lines().filter(|line| !masks(line)).collect();
    assert!(!rest.join("\n").contains(Azurite::key()), "{}", main.finished);
    assert!(!(main.files + &post.files).contains(Azurite::key()));
    azurite.stop();
}

#[test]
fn the_command_of_run_does_not_inherit_the_credential() {
    let world = World::new();
    let azurite = Azurite::start(&world, "objects");
    let step = world
        .step(&["run", "--", env!("CARGO_BIN_EXE_sccache-step"), "run", "--", "env"])
        .env("SCCACHE_STEP_SCCACHE", sccache(ANY));
    let finished = azure(step, &azurite.connection_string()).run().expect(0);
    assert!(finished.stdout.contains("SCCACHE_SERVER_UDS="), "{finished}");
    assert!(!finished.stdout.contains(Azurite::key()), "{finished}");
    azurite.stop();
}

#[test]
fn an_identity_in_entra_id_leads_to_the_storage() {
    let world = World::new();
    let mut entra = Entra::start(&world, "objects");
    std::fs::write(world.path("work/unit.c"), "int unit(void) { return 7; }\n").unwrap();
    let job = |identity, prefix: &str| {
        let run = ["run", "--wrap", "cc", "--format", "json", "--", "sh", "-c", "$CC -c unit.c -o unit.o"];
        let step = world.step(&run).env("SCCACHE_STEP_SCCACHE", sccache(NEWEST)).env("CC", "cc");
        let step = step.env("SCCACHE_STEP_CACHE", "azure").env("SCCACHE_STEP_AZURE_CONTAINER", "objects");
        let step = step.env("SCCACHE_STEP_STARTUP_TIMEOUT", "20s");
        given(step, &entra.variables(&world, identity)).env("SCCACHE_STEP_AZURE_KEY_PREFIX", prefix)
    };
    let secret = Identity::ClientSecret(entra::SECRET);
    for (identity, prefix) in [(secret, "secret"), (Identity::Federated, "federated")] {
        for expected in [(Some(0), Some(1)), (Some(1), Some(0))] {
            let before = entra.tokens_asked_for();
            let finished = job(identity, prefix).run().expect(0);
            let report = crate::real::report_of_run(&finished);
            let told = (report["hits"].as_u64(), report["misses"].as_u64());
            assert_eq!(told, expected, "{identity:?}: {finished}");
            assert!(
                entra.tokens_asked_for() > before && !finished.to_string().contains("planted"),
                "{finished}"
            );
        }
    }
    let wrong = job(Identity::ClientSecret("planted-wrong-secret"), "secret")
        .env("SCCACHE_STEP_STARTUP_TIMEOUT", "3s");
    let finished = wrong.run().expect(0);
    assert!(finished.stderr.contains("the server runs on local disk instead"), "{finished}");
    assert!(!finished.to_string().contains("planted"), "{finished}");
    entra.stop();
}
