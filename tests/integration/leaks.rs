//! Every storage's credentials, planted, and looked for in everything that a job leaves: environment files, state,
//! history, logs, summary, plan, JSON, timeline, metrics, and the arguments and environments of its processes.

use std::collections::{BTreeMap, BTreeSet};

use sccache_step::inputs::{Kind, TABLE};

use crate::support::leftovers;
use crate::support::runner::Runner;
use crate::support::service::{
    Azure, Dialect, Gcs, Gha, Login, Memcached, Moto, Nginx, ObjectServer, Redis, RedisCluster, Service,
    Transport,
};
use crate::support::step::Step;
use crate::support::tools::{VERSIONS, sccache};
use crate::support::world::World;

type Pairs = Vec<(&'static str, String)>;

/// A job with this storage, from its plan to its report.
struct Job {
    storage: &'static str,
    inputs: Pairs,
    /// What the runner or the machine gives to the step besides.
    environment: Pairs,
    secrets: Vec<String>,
    /// The storage's own processes.
    pids: Vec<u32>,
    startup_timeout: &'static str,
}

/// The storage's own files, which know its credentials.
const OF_STORAGE: &str = "storage";
/// Which have to be written where the configuration of the server is.
const CONFIGURATION: &str = "sccache.toml";

impl Job {
    fn of(storage: &'static str, services: &[&dyn Service]) -> Self {
        Self {
            storage,
            inputs: services.iter().flat_map(|service| service.inputs()).collect(),
            environment: services.iter().flat_map(|service| service.environment()).collect(),
            secrets: services.iter().flat_map(|service| service.secrets()).collect(),
            pids: services.iter().flat_map(|service| service.pids()).collect(),
            startup_timeout: "8s",
        }
    }

    /// One that has nowhere to go: a start that fails is a run as well.
    fn without_server(storage: &'static str, given: &[(&'static str, &str)]) -> Self {
        let is_variable = |name: &str| name.starts_with(|c: char| c.is_ascii_uppercase());
        let pairs: Pairs = given.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let (environment, inputs): (Pairs, Pairs) =
            pairs.into_iter().partition(|(name, _)| is_variable(name));
        let planted = given.iter().flat_map(|(_, value)| value.split(['/', ':', '@', '=', ';', '&']));
        let secrets = planted.filter(|part| part.starts_with("planted-")).map(str::to_owned).collect();
        Self { storage, inputs, environment, secrets, pids: Vec::new(), startup_timeout: "1s" }
    }

    /// The secrets that we were given, and not the storage's own.
    fn given(&self) -> impl Iterator<Item = &String> {
        let values: Vec<&String> =
            self.inputs.iter().chain(&self.environment).map(|(_, value)| value).collect();
        self.secrets.iter().filter(move |secret| values.iter().any(|value| value.contains(secret.as_str())))
    }

    /// Whether there is a token for a scheduler, which sccache takes from a file only.
    fn is_dist(&self) -> bool {
        self.inputs.iter().any(|(name, _)| *name == "dist-auth-token")
    }

    fn plan(&self, runner: &Runner, inputs: &[(&str, &str)], format: &str) -> String {
        let step = runner.command(env!("CARGO_BIN_EXE_sccache-step"));
        let step = step.args(&["pre", "--dry-run", "--format", format]);
        let step = step.env("ACTIONS_RUNTIME_TOKEN", "planted-runtime-token");
        let step = step.env("ACTIONS_RESULTS_URL", "http://127.0.0.1:1/");
        let given = |step: Step, (name, value): &(&str, &str)| {
            step.env(format!("INPUT_{}", name.to_uppercase()), value)
        };
        let step = inputs.iter().fold(step, given);
        let step = self.environment.iter().fold(step, |step, (name, value)| step.env(name, value));
        let finished = step.run().expect(0);
        // Of a scheduler the plan names the file that gets the token.
        let hides = finished.stdout.contains("***") || self.is_dist() || self.given().count() == 0;
        assert!(hides, "{}: {finished}", self.storage);
        finished.to_string()
    }

    fn leaks_nothing(&self, runner: &mut Runner) {
        let storage = self.storage;
        let files = ["report", "openmetrics", "gitlab-metrics", "trace"]
            .map(|name| (format!("{name}-file"), runner.world.path(name).display().to_string()));
        let mut inputs: Vec<(&str, &str)> =
            self.inputs.iter().map(|(name, value)| (*name, value.as_str())).collect();
        inputs.extend(files.iter().map(|(name, path)| (name.as_str(), path.as_str())));
        inputs.retain(|(name, _)| *name != "cache");
        inputs.extend([
            ("cache", storage),
            ("log-level", "trace"),
            ("startup-timeout", self.startup_timeout),
            ("units", "true"),
        ]);
        let mut told: Vec<(String, String)> = Vec::new();
        for format in ["text", "json"] {
            told.push((format!("the plan as {format}"), self.plan(runner, &inputs, format)));
        }
        runner.given_to_actions = self.environment.clone();
        let main = runner.action("main", &inputs, &BTreeMap::new());
        assert_eq!(main.finished.code(), 0, "{storage}: {}", main.finished);
        runner.compile("unit").expect(0);
        let server: Option<u32> = main.outputs.get("server-pid").map(|pid| pid.parse().unwrap());
        if let Some(server) = server {
            // The one on local disk, that takes over from a storage out of reach, needs no credential.
            let needs_them = !main.finished.stderr.contains("the server runs on local disk instead");
            let environment = leftovers::environment(server);
            for secret in self.given().filter(|_| !self.is_dist()) {
                assert_eq!(environment.contains(secret), needs_them, "{storage}: {secret}");
            }
        }
        for process in leftovers::of(runner.world.root()) {
            told.push((format!("the arguments of {}", process.pid), process.arguments.clone()));
            if Some(process.pid) != server && !self.pids.contains(&process.pid) {
                told.push((format!("the environment of {process:?}"), leftovers::environment(process.pid)));
            }
        }
        let files = |runner: &Runner| {
            let found = crate::azure::contents(runner.world.root(), &runner.world.path(OF_STORAGE));
            found.into_iter().filter(|(path, _)| !path.ends_with(CONFIGURATION))
        };
        told.extend(files(runner));
        let stats = runner.command(env!("CARGO_BIN_EXE_sccache-step")).args(&["stats", "--format", "json"]);
        told.push(("what stats says".into(), stats.run().to_string()));
        let post = runner.action("post", &inputs, &main.state);
        // GitHub learns what to hide by being told it, and hides that line itself.
        let (masks, log): (Vec<&str>, Vec<&str>) =
            main.finished.stderr.lines().partition(|line| line.starts_with("::add-mask::"));
        for secret in self.given() {
            let is_masked = masks.iter().any(|mask| mask.contains(secret.as_str()));
            assert!(is_masked, "{storage}: {secret} is not masked");
        }
        let rest = |text: &str| {
            let lines = text.lines().filter(|line| !line.starts_with("::add-mask::"));
            lines.collect::<Vec<_>>().join("\n")
        };
        told.push(("the log of main".into(), log.join("\n") + &main.finished.stdout));
        told.push(("the files of main".into(), main.files));
        told.push(("the log of post".into(), rest(&post.finished.to_string())));
        told.push(("the files of post".into(), post.files));
        told.extend(files(runner));
        let written = ["report", "openmetrics", "gitlab-metrics", "trace"];
        let is_there = |name: &&str| runner.world.path(name).is_file();
        let missing: Vec<&str> = written.into_iter().filter(|name| !is_there(name)).collect();
        assert!(missing.is_empty(), "{storage}: {missing:?}: {}", post.finished);
        for (what, text) in &told {
            for secret in &self.secrets {
                assert!(!text.contains(secret.as_str()), "{storage}: {secret} is in {what}: {text}");
            }
        }
    }
}

/// One test for each storage that there is a server for.
macro_rules! live {
    ($($name:ident: $start:expr,)*) => {
        $(
            #[test]
            fn $name() {
                let mut runner = Runner::new();
                let start: fn(&World) -> Box<dyn Service> = $start;
                let mut service = start(&runner.world);
                Job::of(service.name(), &[&*service]).leaks_nothing(&mut runner);
                service.stop();
            }
        )*
    };
}

live! {
    azure: |world| Box::new(Azure::start(world)),
    cos: |_| Box::new(ObjectServer::start(Dialect::Cos)),
    gcs: |world| Box::new(Gcs::start(world)),
    gha: |world| Box::new(Gha::start(world)),
    memcached: |world| Box::new(Memcached::start(world)),
    oss: |_| Box::new(ObjectServer::start(Dialect::Oss)),
    redis: |world| Box::new(Redis::start(world)),
    redis_cluster: |world| Box::new(RedisCluster::start(world)),
    redis_over_tls: |world| Box::new(Redis::speaking(world, Transport::Tls)),
    s3: |world| Box::new(Moto::start(world)),
    webdav_with_a_password: |world| Box::new(Nginx::start(world, Login::Basic)),
    webdav_with_a_token: |world| Box::new(Nginx::start(world, Login::Bearer)),
}

#[test]
fn a_password_in_a_url_is_taken_out_of_it() {
    let mut runner = Runner::new();
    let mut redis = Redis::start(&runner.world);
    let job = Job::of("redis", &[&redis]);
    let inputs = vec![("redis-endpoint", redis.url_with_password())];
    Job { inputs, ..job }.leaks_nothing(&mut runner);
    redis.stop();
}

#[test]
fn the_levels_of_a_chain() {
    let mut runner = Runner::new();
    let (mut redis, mut azure) = (Redis::start(&runner.world), Azure::start(&runner.world));
    Job::of("redis,azure", &[&redis, &azure]).leaks_nothing(&mut runner);
    redis.stop();
    azure.stop();
    let mut runner = Runner::new();
    let mut nginx = Nginx::start(&runner.world, Login::Bearer);
    Job::of("disk,webdav", &[&nginx]).leaks_nothing(&mut runner);
    nginx.stop();
}

/// Jobs whose storage is nowhere, which between them are given every credential that there is an input for.
fn without_server() -> Vec<Job> {
    let nowhere = "http://127.0.0.1:1";
    let mut jobs = vec![
        Job::without_server(
            "s3",
            &[
                ("s3-bucket", "ci"),
                ("s3-region", "auto"),
                ("s3-endpoint", nowhere),
                ("s3-access-key-id", "planted-s3-id"),
                ("s3-secret-access-key", "planted-s3-key"),
                ("s3-session-token", "planted-s3-token"),
            ],
        ),
        Job::without_server(
            "redis",
            &[
                ("redis-cluster-endpoints", "redis://ci:planted-node-pw@127.0.0.1:1,redis://127.0.0.1:2"),
                ("redis-username", "ci"),
            ],
        ),
        Job::without_server(
            "redis",
            &[("redis-endpoint", "tcp://127.0.0.1:1"), ("redis-password", "planted-pw")],
        ),
        Job::without_server(
            "memcached",
            &[
                ("memcached-endpoint", "tcp://127.0.0.1:1"),
                ("memcached-username", "ci"),
                ("memcached-password", "planted-memcached-pw"),
            ],
        ),
        Job::without_server("gcs", &[("gcs-bucket", "ci"), ("gcs-credentials-url", nowhere)]),
        Job::without_server(
            "gha",
            &[("ACTIONS_RUNTIME_TOKEN", "planted-gha-token"), ("ACTIONS_RESULTS_URL", nowhere)],
        ),
        Job::without_server(
            "azure",
            &[
                ("azure-container", "ci"),
                (
                    "azure-connection-string",
                    "BlobEndpoint=http://127.0.0.1:1/ci;SharedAccessSignature=sv=2024&sig=planted-azure-sas",
                ),
            ],
        ),
        Job::without_server(
            "oss",
            &[
                ("oss-bucket", "ci"),
                ("oss-endpoint", nowhere),
                ("oss-access-key-id", "planted-oss-id"),
                ("oss-access-key-secret", "planted-oss-secret"),
            ],
        ),
        Job::without_server(
            "cos",
            &[
                ("cos-bucket", "ci"),
                ("cos-endpoint", nowhere),
                ("cos-secret-id", "planted-cos-id"),
                ("cos-secret-key", "planted-cos-key"),
            ],
        ),
        Job::without_server(
            "disk",
            &[("dist-scheduler-url", nowhere), ("dist-auth-token", "planted-scheduler-token")],
        ),
    ];
    // Whatever is asked of other hosts, such as Azure's metadata service, has nowhere to go either.
    let newest = sccache(VERSIONS[VERSIONS.len() - 1]).display().to_string();
    jobs.push(Job::without_server(
        "azure",
        &[
            ("sccache", &newest),
            ("azure-container", "ci"),
            ("azure-storage-account", "account"),
            ("azure-endpoint", nowhere),
            ("AZURE_AUTHORITY_HOST", nowhere),
            ("AZURE_TENANT_ID", "tenant"),
            ("AZURE_CLIENT_ID", "client"),
            ("AZURE_CLIENT_SECRET", "planted-azure-secret"),
            ("HTTP_PROXY", nowhere),
        ],
    ));
    for (user, password, token) in [("ci", "planted-dav-pw", ""), ("", "", "planted-dav-token")] {
        jobs.push(Job::without_server(
            "webdav",
            &[
                ("webdav-endpoint", nowhere),
                ("webdav-username", user),
                ("webdav-password", password),
                ("webdav-token", token),
            ],
        ));
    }
    jobs
}

#[test]
fn a_storage_that_cannot_be_reached() {
    for job in without_server() {
        job.leaks_nothing(&mut Runner::new());
    }
}

#[test]
fn every_input_for_a_credential_is_planted() {
    let jobs = without_server();
    let planted: BTreeSet<&str> =
        jobs.iter().flat_map(|job| job.inputs.iter().map(|(name, _)| *name)).collect();
    for input in TABLE.iter().filter(|input| input.kind == Kind::Secret) {
        assert!(planted.contains(input.name), "`{}` is planted nowhere", input.name);
    }
}
