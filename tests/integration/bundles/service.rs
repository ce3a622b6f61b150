//! GitHub's cache service as the store: requests, scopes, jobs side by side.

use serde_json::Value;

use super::jobs::{Jobs, hits_and_misses};
use crate::support::cache_service::{CacheService, token};

pub const MAIN: &str = "refs/heads/main";

/// Jobs on runners of their own, and the service.
pub struct Hosted {
    pub jobs: Jobs,
    pub service: CacheService,
}

impl Hosted {
    pub fn new() -> Self {
        let jobs = Jobs::new();
        let service = CacheService::start(&jobs.world);
        Self { jobs, service }
    }

    /// A job on this branch that also reads `others`.
    pub fn job_on(&self, scope: &str, others: &[&str], flags: &[&str]) -> (Value, String) {
        let step = self.service.job(self.jobs.begun(flags, "cache"), scope, others);
        self.jobs.end(&step.run())
    }

    pub fn job(&self) -> (Value, String) {
        self.job_on(MAIN, &[], &[])
    }
}

/// Requests made for the restore and for the save.
fn requests(report: &Value) -> (Option<u64>, Option<u64>) {
    let of = |part: &str| report["bundle"][part]["requests"].as_u64();
    (of("restored"), of("saved"))
}

#[test]
fn a_job_on_github_needs_a_handful_of_requests_and_none_without_news() {
    let hosted = Hosted::new();
    hosted.jobs.sources(20, 1);
    let (cold, log) = hosted.job();
    assert_eq!((hits_and_misses(&cold), requests(&cold)), ((0, 20), (Some(1), Some(3))), "{log}");
    assert_eq!(
        hosted.service.calls(),
        ["GetCacheEntryDownloadURL", "CreateCacheEntry", "FinalizeCacheEntryUpload"]
    );
    let (warm, log) = hosted.job();
    assert_eq!((hits_and_misses(&warm), requests(&warm)), ((20, 0), (Some(2), Some(0))), "{log}");
    assert_eq!(hosted.service.calls(), ["GetCacheEntryDownloadURL"]);
    hosted.jobs.source(3, 2);
    let (changed, log) = hosted.job();
    assert_eq!((hits_and_misses(&changed), requests(&changed)), ((19, 1), (Some(2), Some(3))), "{log}");
    let whole = hosted.service.entries()[0].bytes.unwrap();
    assert!(changed["bundle"]["saved"]["sent_bytes"].as_u64().unwrap() < whole / 5);
    // A second change takes the first one's layer in, so what three jobs have made comes with four requests.
    hosted.jobs.source(4, 2);
    hosted.job();
    let (both, log) = hosted.job();
    assert_eq!((hits_and_misses(&both), requests(&both)), ((20, 0), (Some(4), Some(0))), "{log}");
    let keys = both["bundle"]["restored"]["key"].as_str().unwrap();
    assert!(keys.starts_with("sccache-step-linux-"), "{keys}");
    hosted.service.stop();
}

#[test]
fn neither_token_nor_signed_url_is_told_or_handed_on() {
    let hosted = Hosted::new();
    hosted.jobs.sources(2, 1);
    let state = hosted.jobs.world.state_path();
    let script = format!("cat {}; env; $SCCACHE_PATH gcc -c a0.c -o out/a0.o", state.display());
    let step = hosted.jobs.world.real("0.16.0", &["run", "--log-level", "trace", "--", "sh", "-c", &script]);
    let step = hosted.service.job(step, MAIN, &[]);
    let secret = token(MAIN, &[], 3);
    let finished = step.run().expect(0);
    // The job's own environment has what the runner gave this step; nothing else may.
    let told =
        finished.stdout.lines().filter(|line| !line.starts_with("ACTIONS_")).collect::<Vec<_>>().join("\n");
    assert!(told.contains("\"bundle\""), "{finished}");
    for text in [told.as_str(), &finished.stderr] {
        assert!(!text.contains(&secret) && !text.contains("sig="), "{text}");
    }
    hosted.service.stop();
}

#[test]
fn a_pull_request_reads_its_base_and_writes_for_itself() {
    let hosted = Hosted::new();
    hosted.jobs.sources(6, 1);
    hosted.job();
    let pull = "refs/pull/7/merge";
    hosted.jobs.source(0, 2);
    let (first, _) = hosted.job_on(pull, &[MAIN], &[]);
    assert_eq!(hits_and_misses(&first), (5, 1));
    // A push to the same pull request finds what its first run has made, in the layers of both scopes.
    let (again, log) = hosted.job_on(pull, &[MAIN], &[]);
    assert_eq!(hits_and_misses(&again), (6, 0), "{log}");
    // Nobody else sees it.
    assert_eq!(hits_and_misses(&hosted.job_on("refs/heads/other", &[MAIN], &["--save", "false"]).0), (5, 1));
    assert_eq!(hits_and_misses(&hosted.job().0), (5, 1));
    hosted.service.stop();
}

#[test]
fn a_token_that_may_not_write_is_not_tried_and_a_denial_is_no_trouble() {
    let hosted = Hosted::new();
    hosted.jobs.sources(2, 1);
    let job = |permission, flags: &[&str]| {
        let step = hosted.service.job(hosted.jobs.begun(flags, "cache"), MAIN, &[]);
        hosted.jobs.end(&step.env("ACTIONS_RUNTIME_TOKEN", token(MAIN, &[], permission)).run())
    };
    let (report, log) = job(1, &[]);
    assert!(log.contains("bundle: nothing is saved, because the job's cache token may not write"), "{log}");
    assert_eq!(hosted.service.calls(), ["GetCacheEntryDownloadURL"], "{report:#}");
    let (_, log) = job(1, &["--save", "true"]);
    let denied = "bundle: nothing is saved: the cache service refused (200): cache write denied: token has no writable scopes";
    assert!(log.contains(denied) && !log.contains("warning"), "{log}");
    hosted.service.stop();
}

#[test]
fn the_jobs_of_a_matrix_do_not_meet_and_help_each_other() {
    let hosted = Hosted::new();
    hosted.jobs.sources(4, 1);
    let legs = |round: &str| -> Vec<(Value, String)> {
        let legs: Vec<_> = (0..4)
            .map(|leg| {
                let (matrix, cache) = (format!("{{\"leg\":{leg}}}"), format!("{round}{leg}"));
                let step = hosted.jobs.begun(&["--matrix", &matrix], &cache);
                let step = step
                    .env("SCCACHE_STEP_STATE", hosted.jobs.world.path(&format!("tmp/state/{cache}.json")));
                hosted.service.job(step, MAIN, &[]).start()
            })
            .collect();
        legs.into_iter().map(|leg| hosted.jobs.end(&leg.finish())).collect()
    };
    for (report, log) in legs("cold") {
        assert_eq!(hits_and_misses(&report), (0, 4), "{log}");
    }
    let mut keys: Vec<String> = hosted.service.entries().into_iter().map(|entry| entry.key).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4);
    for (report, log) in legs("warm") {
        assert_eq!(hits_and_misses(&report), (4, 0), "{log}");
    }
    assert_eq!(hosted.service.entries().len(), 4);
    // A new leg begins with what a relative has.
    let (report, log) = hosted.job_on(MAIN, &[], &["--matrix", "{\"leg\":9}"]);
    assert_eq!(hits_and_misses(&report), (4, 0), "{log}");
    hosted.service.stop();
}
