//! Every storage's credentials, planted, and looked for in everything that a job leaves: environment files, state,
//! logs, summary, plan, JSON, and the arguments and environments of its processes.

use std::collections::BTreeMap;

use crate::support::azurite::Azurite;
use crate::support::leftovers;
use crate::support::runner::Runner;
use crate::support::service::{Login, Memcached, Moto, Nginx, Redis, Service};

/// A job with this storage, from its plan to its report. `pids` are the storage's own processes, `data` its files.
struct Job<'a> {
    storage: &'a str,
    inputs: Vec<(&'a str, String)>,
    secrets: Vec<String>,
    pids: Vec<u32>,
    data: &'a str,
}

impl Job<'_> {
    fn leaks_nothing(&self, runner: &mut Runner) {
        let inputs: Vec<(&str, &str)> =
            self.inputs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let inputs =
            [&inputs[..], &[("cache", self.storage), ("log-level", "trace"), ("startup-timeout", "8s")]]
                .concat();
        let mut told = Vec::new();
        for format in ["text", "json"] {
            let plan = runner.command(env!("CARGO_BIN_EXE_sccache-step"));
            let plan = plan.args(&["pre", "--dry-run", "--format", format]);
            let plan = plan.env("ACTIONS_RUNTIME_TOKEN", "planted-runtime-token");
            let plan = plan.env("ACTIONS_RESULTS_URL", "http://127.0.0.1:1/");
            let plan = inputs
                .iter()
                .fold(plan, |plan, (name, value)| plan.env(format!("INPUT_{}", name.to_uppercase()), value));
            let finished = plan.run().expect(0);
            assert!(
                finished.stdout.contains("***") || self.secrets.is_empty(),
                "{}: {finished}",
                self.storage
            );
            told.push(("plan", finished.to_string()));
        }
        let main = runner.action("main", &inputs, &BTreeMap::new());
        assert_eq!(main.finished.code(), 0, "{}", main.finished);
        runner.compile("unit").expect(0);
        let server: Option<u32> = main.outputs.get("server-pid").map(|pid| pid.parse().unwrap());
        if let Some(server) = server {
            // The one on local disk, that takes over from a storage out of reach, needs no credential.
            let needs_them = !main.finished.stderr.contains("the server runs on local disk instead");
            let environment = leftovers::environment(server);
            for secret in &self.secrets {
                assert_eq!(environment.contains(secret), needs_them, "{}: {secret}", self.storage);
            }
        }
        for process in leftovers::of(runner.world.root()) {
            told.push(("arguments", process.arguments.clone()));
            if Some(process.pid) != server && !self.pids.contains(&process.pid) {
                told.push(("environment", leftovers::environment(process.pid)));
            }
        }
        let files = crate::azure::contents(runner.world.root(), &runner.world.path(self.data));
        let stats =
            runner.command(env!("CARGO_BIN_EXE_sccache-step")).args(&["stats", "--format", "json"]).run();
        told.push(("stats", stats.to_string()));
        let post = runner.action("post", &[], &main.state);
        // GitHub learns what to hide by being told it, and hides that line itself.
        let (masks, log): (Vec<&str>, Vec<&str>) =
            main.finished.stderr.lines().partition(|line| line.starts_with("::add-mask::"));
        for secret in &self.secrets {
            assert!(
                masks.iter().any(|mask| mask.contains(secret)),
                "{}: {secret} is not masked",
                self.storage
            );
        }
        told.push(("log of main", log.join("\n") + &main.finished.stdout));
        told.push(("files of main", main.files));
        told.push(("log of post", post.finished.to_string()));
        told.push(("files of post", post.files));
        let files = files
            .into_iter()
            .chain(crate::azure::contents(runner.world.root(), &runner.world.path(self.data)));
        for (path, text) in files
            .collect::<Vec<_>>()
            .iter()
            .map(|(path, text)| (path.as_str(), text))
            .chain(told.iter().map(|(what, text)| (*what, text)))
        {
            for secret in &self.secrets {
                assert!(!text.contains(secret), "{}: {secret} is in {path}: {text}", self.storage);
            }
        }
    }
}

fn of_service(storage: &str, data: &str, start: impl Fn(&Runner) -> Box<dyn Service>) {
    let mut runner = Runner::new();
    let mut service = start(&runner);
    let job = Job {
        storage,
        inputs: service.inputs(),
        secrets: service.secrets(),
        pids: vec![service.pid()],
        data,
    };
    job.leaks_nothing(&mut runner);
    service.stop();
}

#[test]
fn no_credential_of_a_storage_that_is_there_is_found_outside_the_servers_environment() {
    of_service("redis", "redis", |runner| Box::new(Redis::start(&runner.world)));
    of_service("memcached", "none", |runner| Box::new(Memcached::start(&runner.world)));
    of_service("s3", "none", |runner| Box::new(Moto::start(&runner.world)));
    of_service("webdav", "dav-basic", |runner| Box::new(Nginx::start(&runner.world, Login::Basic)));
    of_service("webdav", "dav-bearer", |runner| Box::new(Nginx::start(&runner.world, Login::Bearer)));
}

#[test]
fn a_password_in_a_url_is_taken_out_of_it() {
    let mut runner = Runner::new();
    let mut redis = Redis::start(&runner.world);
    let job = Job {
        storage: "redis",
        inputs: vec![("redis-endpoint", redis.url_with_password())],
        secrets: redis.secrets(),
        pids: vec![redis.pid()],
        data: "redis",
    };
    job.leaks_nothing(&mut runner);
    redis.stop();
}

#[test]
fn the_connection_string_of_azure_and_the_levels_of_a_chain_leak_nothing() {
    for storage in ["azure", "disk,azure"] {
        let mut runner = Runner::new();
        let azurite = Azurite::start(&runner.world, "objects");
        let job = Job {
            storage,
            inputs: vec![
                ("azure-container", "objects".into()),
                ("azure-connection-string", azurite.connection_string()),
            ],
            secrets: vec![Azurite::key().into()],
            pids: vec![azurite.pid()],
            data: "azurite",
        };
        job.leaks_nothing(&mut runner);
        azurite.stop();
    }
}

#[test]
fn a_storage_that_cannot_be_reached_leaks_nothing_either() {
    let nowhere = || "http://127.0.0.1:1".to_owned();
    let cases = [
        (
            "oss",
            vec![
                ("oss-bucket", "ci".into()),
                ("oss-endpoint", nowhere()),
                ("oss-access-key-id", "planted-oss-id".into()),
                ("oss-access-key-secret", "planted-oss-secret".into()),
            ],
            vec!["planted-oss-id", "planted-oss-secret"],
        ),
        (
            "cos",
            vec![
                ("cos-bucket", "ci".into()),
                ("cos-endpoint", nowhere()),
                ("cos-secret-id", "planted-cos-id".into()),
                ("cos-secret-key", "planted-cos-key".into()),
            ],
            vec!["planted-cos-id", "planted-cos-key"],
        ),
        ("gcs", vec![("gcs-bucket", "ci".into()), ("gcs-credentials-url", nowhere())], vec![]),
        // The runner model plants this token in every step of the action, as the runner does.
        ("gha", vec![], vec!["planted-runtime-token"]),
    ];
    for (storage, inputs, secrets) in cases {
        let mut runner = Runner::new();
        let secrets = secrets.into_iter().map(str::to_owned).collect();
        Job { storage, inputs, secrets, pids: vec![], data: "none" }.leaks_nothing(&mut runner);
    }
}
