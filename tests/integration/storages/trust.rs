//! `read-only: auto`: each reason that a host has for not trusting a job, and the report that says so.

use super::{UNITS, build, built, hits_and_misses, write_units};
use crate::support::cache_service::token;
use crate::support::service::{Redis, Service, led_to};
use crate::support::tools::ANY;
use crate::support::world::World;

type Variables = Vec<(&'static str, String)>;

/// A pull request of this repository to `org/here`, as the runner's event file tells it.
fn event(world: &World, head: &str) -> String {
    let path = world.path(&format!("event-{}.json", head.replace('/', "-")));
    let repository = |name: &str| serde_json::json!({ "full_name": name });
    let event = serde_json::json!({
        "pull_request": { "head": { "repo": repository(head) } },
        "repository": repository("org/here"),
    });
    std::fs::write(&path, event.to_string()).unwrap();
    path.display().to_string()
}

#[test]
fn a_job_that_its_host_does_not_trust_only_reads_and_is_told_why() {
    let world = World::new();
    let mut redis = Redis::start(&world);
    write_units(&world, &[]);
    let step = led_to(build(&world, ANY), &redis);
    built(&step);
    write_units(&world, &["only_here"]);
    let before = redis.contents();
    let fork = "the change comes from a fork";
    let pull = |head: &str| {
        vec![("GITHUB_EVENT_NAME", "pull_request".into()), ("GITHUB_EVENT_PATH", event(&world, head))]
    };
    let merge = |source: &str| {
        let names = ["CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_ID"];
        vec![(names[0], source.to_owned()), (names[1], "1".to_owned())]
    };
    let may = |permission| vec![("ACTIONS_RUNTIME_TOKEN", token("refs/heads/main", &[], permission))];
    let cases: [(Variables, Option<&str>); 8] = [
        (pull("someone/there"), Some(fork)),
        (merge("7"), Some(fork)),
        (may(1), Some("the job's cache token may not write")),
        // A job of GitLab with `policy: pull` says so itself.
        (
            vec![("SCCACHE_STEP_READ_ONLY", "true".into())],
            Some("`read-only` is given by variable `SCCACHE_STEP_READ_ONLY`"),
        ),
        (vec![("SCCACHE_REDIS_RW_MODE", "READ_ONLY".into())], Some("the job has `SCCACHE_REDIS_RW_MODE`")),
        (pull("org/here"), None),
        (merge("1"), None),
        (may(3), None),
    ];
    for (variables, why) in cases {
        let more: String = if why.is_none() { variables[0].0.to_lowercase() } else { "only_here".into() };
        write_units(&world, &[&more]);
        let step = variables.iter().fold(step.clone(), |step, (name, value)| step.env(name, value));
        let (report, finished) = built(&step);
        let storage = report["storage"].as_str().unwrap();
        match why {
            Some(why) => {
                assert_eq!(hits_and_misses(&report), (UNITS, 1), "{variables:?}: {report:#}");
                assert!(storage.ends_with(&format!("; read-only, because {why}")), "{storage}");
                assert_eq!(redis.contents(), before, "{variables:?}: {finished}");
            }
            None => {
                assert!(!storage.contains("read-only"), "{storage}");
                assert_ne!(redis.contents(), before, "{variables:?}: {finished}");
            }
        }
    }
    redis.stop();
}
