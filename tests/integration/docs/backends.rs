//! The examples of the storages' pages, executed: each one is planned by the program as it stands, and a project is
//! built with it against a server of this machine.
#![cfg(unix)]

use std::collections::BTreeMap;

use yaml_rust2::{Yaml, YamlLoader};

use super::page::{all_captures, fences};
use super::read;
use crate::support::project::Project;
use crate::support::service::{
    Azure, Dialect, Gcs, Gha, Login, Memcached, Moto, Nginx, ObjectServer, Redis, Service,
};
use crate::support::tools::sccache;
use crate::support::world::World;

/// The version that knows all of the examples.
const NEWEST: &str = "0.19.0";

/// The pages, and what the plan says of each one's storage.
const PAGES: [(&str, &str); 12] = [
    ("azure", "Azure Blob Storage"),
    ("chain", "local disk, then Redis"),
    ("cos", "Tencent Cloud COS"),
    ("disk", "local disk"),
    ("distribution", "what misses is compiled by http://farm.internal:10600"),
    ("gcs", "Google Cloud Storage"),
    ("gha", "GitHub's cache service"),
    ("memcached", "memcached"),
    ("oss", "Alibaba Cloud OSS"),
    ("redis", "Redis"),
    ("s3", "S3, bucket"),
    ("webdav", "WebDAV"),
];

type Inputs = BTreeMap<String, String>;

/// What one example gives to the program: of GitHub `true`, of GitLab `false`.
struct Example {
    is_github: bool,
    inputs: Inputs,
}

fn text(yaml: &Yaml) -> Option<String> {
    match yaml {
        Yaml::String(text) | Yaml::Real(text) => Some(text.clone()),
        Yaml::Integer(number) => Some(number.to_string()),
        Yaml::Boolean(flag) => Some(flag.to_string()),
        _ => None,
    }
}

fn pairs(yaml: &Yaml) -> impl Iterator<Item = (String, String)> {
    let pairs = yaml.as_hash().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((text(name)?, text(value)?)))
}

/// The value of an expression, as a job with all secrets would have it.
fn evaluated(input: &str, value: &str) -> String {
    match value {
        _ if !value.contains("${{") => value.to_owned(),
        _ if input == "azure-connection-string" => "AccountName=a;AccountKey=cGxhbnRlZA==".into(),
        _ if input == "cache" => "azure".into(),
        _ if input == "azure-container" => "sccache".into(),
        _ if input == "cache-dir" => "/tmp/sccache".into(),
        _ => format!("planted-{input}"),
    }
}

fn examples(page: &str) -> Vec<Example> {
    let page_text = read(&format!("docs/backends/{page}.md"));
    // Credentials that a GitLab job has as masked variables are named in the text.
    let named = all_captures("`SCCACHE_STEP_([A-Z0-9_]+)`", &page_text);
    let mut found = Vec::new();
    for fence in fences(&page_text).into_iter().filter(|fence| fence.language == "yaml") {
        let document = &YamlLoader::load_from_str(&fence.body).unwrap()[0];
        if let Some(steps) = document["steps"].as_vec() {
            let is_ours = |step: &&Yaml| step["uses"].as_str().is_some_and(|uses| uses.starts_with("org/"));
            let step = steps.iter().find(is_ours).unwrap();
            let inputs = pairs(&step["with"]).map(|(name, value)| (name.clone(), evaluated(&name, &value)));
            found.push(Example { is_github: true, inputs: inputs.collect() });
        } else {
            let input = |name: &str| name.to_lowercase().replace('_', "-");
            let variables = pairs(&document["build"]["variables"]);
            let of_block = variables.map(|(name, value)| {
                (input(name.strip_prefix("SCCACHE_STEP_").expect("a variable of ours")), value)
            });
            let masked = named.iter().map(|name| (input(name), evaluated(&input(name), "${{ masked }}")));
            found.push(Example { is_github: false, inputs: masked.chain(of_block).collect() });
        }
    }
    found
}

#[test]
fn every_example_of_a_storage_is_planned_as_it_stands() {
    let world = World::new();
    let pages = std::fs::read_dir(super::root().join("docs/backends")).unwrap();
    let pages: Vec<String> = pages
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(pages.len(), PAGES.len() + 1, "a page is not tested: {pages:?}");
    for (page, storage) in PAGES {
        let examples = examples(page);
        let on_github = examples.iter().filter(|example| example.is_github).count();
        assert!(on_github > 0 && on_github < examples.len(), "{page} has no example for one of the hosts");
        for example in examples {
            let step = world.step(&["pre", "--dry-run"]).env("SCCACHE_STEP_SCCACHE", sccache(NEWEST));
            let step = if example.is_github {
                let step = step.env("GITHUB_ACTIONS", "true").env("ACTIONS_RUNTIME_TOKEN", "planted-token");
                let step = step.env("ACTIONS_RESULTS_URL", "https://results.example/");
                let step = step.env("ACTIONS_CACHE_SERVICE_V2", "true");
                example.inputs.iter().fold(step, |step, (name, value)| {
                    step.env(format!("INPUT_{}", name.to_uppercase()), value)
                })
            } else {
                let step = step.env("GITLAB_CI", "true").env("CI_JOB_ID", "1");
                example.inputs.iter().fold(step, |step, (name, value)| {
                    step.env(format!("SCCACHE_STEP_{}", name.to_uppercase().replace('-', "_")), value)
                })
            };
            let finished = step.run().expect(0);
            // GitLab has no cache service of GitHub's, and its example says so.
            let wanted = if page == "gha" && !example.is_github { "local disk" } else { storage };
            assert!(finished.stdout.contains(wanted), "{page}: {finished}");
            assert!(!finished.stdout.contains("planted-token"), "{page}: {finished}");
        }
    }
}

/// A server for each page's examples; of webdav those of GitLab have a token, the others a password.
fn service(world: &World, page: &str, is_github: bool) -> Option<Box<dyn Service>> {
    Some(match page {
        "azure" => Box::new(Azure::start(world)),
        "chain" | "redis" => Box::new(Redis::start(world)),
        "cos" => Box::new(ObjectServer::start(Dialect::Cos)),
        "gcs" => Box::new(Gcs::start(world)),
        "gha" if is_github => Box::new(Gha::start(world)),
        "memcached" => Box::new(Memcached::start(world)),
        "oss" => Box::new(ObjectServer::start(Dialect::Oss)),
        "s3" => Box::new(Moto::start(world)),
        "webdav" => Box::new(Nginx::start(world, if is_github { Login::Basic } else { Login::Bearer })),
        // The disk needs none, nor does what GitLab has in the place of `gha`.
        "disk" | "gha" => return None,
        // A scheduler needs the rights of root, and has tests of its own.
        "distribution" => return None,
        page => panic!("{page} has no server"),
    })
}

/// Builds a project twice with the inputs of an example, in the place of which what only this machine knows is put.
fn builds(page: &str, example: Example) {
    let world = World::new();
    let mut service = service(&world, page, example.is_github);
    let mut inputs = example.inputs;
    let live = service.iter().flat_map(|service| service.inputs());
    let is_of_machine = |name: &str| !name.ends_with("key-prefix") && !name.ends_with("expiration");
    for (name, value) in live.filter(|(name, _)| is_of_machine(name)) {
        inputs.insert(name.to_owned(), value);
    }
    if matches!(page, "disk" | "chain" | "gha") && service.as_ref().is_none_or(|it| it.name() != "gha") {
        inputs.insert("cache-dir".into(), world.path("cache").display().to_string());
    }
    if page == "gcs" {
        // Identities of Google are not to be had.
        inputs.remove("gcs-key-path");
    }
    let copy = Project::Make.copy(&world);
    let units = Project::Make.units(&world, &copy);
    let run = ["run", "--wrap", "cc", "--format", "json", "--", "bash", "-c", Project::Make.build()];
    let step = world.step(&run).env("SCCACHE_STEP_SCCACHE", sccache(NEWEST)).within(&copy);
    let environment = service.iter().flat_map(|service| service.environment());
    let step = environment.fold(step, |step, (name, value)| step.env(name, value));
    let step = inputs.iter().fold(step, |step, (name, value)| {
        step.env(format!("SCCACHE_STEP_{}", name.to_uppercase().replace('-', "_")), value)
    });
    for expected in [(0, units), (units, 0)] {
        let report = crate::real::report_of_run(&step.run().expect(0));
        let told = (report["hits"].as_u64().unwrap(), report["misses"].as_u64().unwrap());
        assert_eq!(told, expected, "{page}: {report:#}");
        Project::clean(&copy);
    }
    if let Some(service) = &mut service {
        service.stop();
    }
}

#[test]
fn every_example_of_a_storage_builds_a_project() {
    let pages = PAGES.map(|(page, _)| page).into_iter().filter(|page| *page != "distribution");
    for page in pages {
        for example in examples(page) {
            builds(page, example);
        }
    }
}
