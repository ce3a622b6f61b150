//! What goes wrong costs hits, never the build, and the next job heals it.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::jobs::hits_and_misses;
use super::service::{Hosted, MAIN};
use crate::support::cache_service::Effect;
use crate::support::until;

const LOOK_UP: &str = "GetCacheEntryDownloadURL";
const CREATE: &str = "CreateCacheEntry";
const FINALIZE: &str = "FinalizeCacheEntryUpload";

/// A service that holds what five files make.
fn filled() -> Hosted {
    let hosted = Hosted::new();
    hosted.jobs.sources(5, 1);
    hosted.job();
    hosted.service.calls();
    hosted
}

/// Everything hits, and nothing is uploaded.
fn assert_healed(hosted: &Hosted) {
    hosted.service.heal();
    let (report, log) = hosted.job();
    assert_eq!(hits_and_misses(&report), (5, 0), "{log}");
}

fn saved(report: &Value) -> &Value {
    &report["bundle"]["saved"]
}

#[test]
fn a_service_that_is_down_costs_the_hits_of_one_job() {
    let hosted = filled();
    hosted.service.fault(LOOK_UP, 99, Effect::Answer(503, "", "<html>down</html>"));
    let (report, log) = hosted.job();
    assert_eq!(hits_and_misses(&report), (0, 5));
    assert!(log.contains("cause: the cache service answered 503"), "{log}");
    // What is stored is not known, so it is not replaced.
    assert_eq!(
        (saved(&report)["reason"].as_str(), hosted.service.entries().len()),
        (Some("it is not known what is stored"), 1)
    );
    assert_healed(&hosted);
    // One that comes back within a few seconds costs nothing.
    hosted.service.fault(LOOK_UP, 1, Effect::HangUp);
    hosted.service.fault(LOOK_UP, 1, Effect::Answer(500, "", "{}"));
    hosted.service.fault(LOOK_UP, 1, Effect::Answer(200, "", "no json"));
    assert_eq!(hits_and_misses(&hosted.job().0), (5, 0));
    hosted.service.stop();
}

#[test]
fn a_service_that_asks_to_wait_is_waited_for_when_it_is_short() {
    let hosted = filled();
    hosted.service.fault(LOOK_UP, 1, Effect::Answer(429, "Retry-After: 1\r\n", "{}"));
    assert_eq!(hits_and_misses(&hosted.job().0), (5, 0));
    hosted.service.allow_uploads(0);
    hosted.jobs.source(0, 2);
    let began = Instant::now();
    let (report, log) = hosted.job();
    assert_eq!(hits_and_misses(&report), (4, 1));
    assert!(log.contains("cause: the cache service has had too many requests, for 40 s more"), "{log}");
    assert!(began.elapsed() < Duration::from_secs(20));
    hosted.service.allow_uploads(1);
    hosted.job();
    assert_healed(&hosted);
    hosted.service.stop();
}

#[test]
fn an_upload_that_is_not_seen_at_once_is_finalized_again() {
    let hosted = Hosted::new();
    hosted.jobs.sources(5, 1);
    hosted.service.fault(FINALIZE, 1, Effect::Answer(404, "", r#"{"code":"not_found","msg":"no blob"}"#));
    let (_, log) = hosted.job();
    assert!(!log.contains("warning"), "{log}");
    assert_healed(&hosted);
    hosted.service.stop();
}

#[test]
fn a_save_that_fails_leaves_what_is_stored_as_it_is() {
    let hosted = filled();
    hosted.jobs.source(0, 2);
    for (on, effect, cause) in [
        (CREATE, Effect::Answer(409, "", r#"{"code":"already_exists","msg":"exists"}"#), None),
        (CREATE, Effect::Answer(403, "", r#"{"code":"permission_denied","msg":"no"}"#), None),
        (CREATE, Effect::Answer(400, "", r#"{"code":"x","msg":"insufficient usage to create"}"#), None),
        (
            CREATE,
            Effect::Answer(200, "", r#"{"ok":true}"#),
            Some("the cache service's answer to `CreateCacheEntry` is incomplete"),
        ),
        (
            CREATE,
            Effect::Answer(200, "", r#"{"ok":true,"signed_upload_url":"http://127.0.0.1:9/x?sig=secret"}"#),
            Some("the storage cannot be reached"),
        ),
        (FINALIZE, Effect::Answer(500, "", "{}"), Some("the cache service answered 500")),
    ] {
        hosted.service.fault(on, 9, effect);
        let (report, log) = hosted.job();
        assert_eq!(hits_and_misses(&report), (4, 1), "{log}");
        assert!(saved(&report)["key"].is_null() && !log.contains("secret"), "{log}");
        assert_eq!(log.contains("warning"), cause.is_some(), "{log}");
        assert!(log.contains(cause.unwrap_or("bundle: ")), "{log}");
        hosted.service.heal();
    }
    hosted.job();
    assert_healed(&hosted);
    hosted.service.stop();
}

#[test]
fn layers_that_are_gone_or_damaged_cost_their_objects() {
    let hosted = filled();
    hosted.jobs.source(0, 2);
    hosted.job();
    // The older layer is evicted: the newer one has one file's objects.
    hosted.service.evict(0);
    let (report, log) = hosted.job();
    assert_eq!(hits_and_misses(&report), (1, 4), "{log}");
    assert!(log.contains("it is gone"), "{log}");
    assert_healed(&hosted);
    // Half of the newest one is overwritten: some objects are left out, and made again.
    let last = hosted.service.entries().len() - 1;
    hosted.service.damage(last, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle..].fill(7);
    });
    let (hits, misses) = hits_and_misses(&hosted.job().0);
    assert!(hits < 5 && hits + misses == 5);
    assert_healed(&hosted);
    // Its index is damaged: everything is made again.
    let last = hosted.service.entries().len() - 1;
    hosted.service.damage(last, |bytes| bytes[80] ^= 1);
    let (report, log) = hosted.job();
    assert_eq!(hits_and_misses(&report), (0, 5), "{log}");
    assert_healed(&hosted);
    hosted.service.stop();
}

#[test]
fn downloads_survive_expired_urls_missing_ranges_and_cuts() {
    let hosted = filled();
    for effect in [Effect::Expired, Effect::Plain, Effect::Cut(3000), Effect::Cut(40)] {
        hosted.service.fault("GET", 1, effect.clone());
        let (report, log) = hosted.job();
        let (hits, misses) = hits_and_misses(&report);
        // A transfer that is always cut at the same place brings what is before it.
        let whole = !matches!(effect, Effect::Cut(_));
        assert!(hits + misses == 5 && (hits == 5 || !whole), "{effect:?}: {log}");
        assert_eq!(hosted.service.entries().len(), 1, "{effect:?}");
        assert_healed(&hosted);
    }
    hosted.service.stop();
}

#[test]
fn a_slow_service_does_not_hold_the_job() {
    let hosted = filled();
    hosted.service.fault(LOOK_UP, 1, Effect::Late(Duration::from_secs(30)));
    let began = Instant::now();
    let (report, log) = hosted.job_on(MAIN, &[], &["--cache-timeout", "1s"]);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(hits_and_misses(&report), (0, 5));
    assert!(log.contains("it took longer than the 1 s of `cache-timeout`"), "{log}");
    assert_healed(&hosted);
    hosted.service.stop();
}

#[test]
fn a_cancelled_job_stops_its_transfers_and_leaves_no_half_of_a_layer() {
    let hosted = filled();
    hosted.jobs.source(0, 2);
    // A command that had ended by then ended as it did.
    for (on, told, code) in [(LOOK_UP, "restoring", 128 + 15), (CREATE, "saving", 0)] {
        hosted.service.fault(on, 1, Effect::Late(Duration::from_secs(30)));
        hosted.service.calls();
        let running = hosted.service.job(hosted.jobs.begun(&[], "cache"), MAIN, &[]).start();
        until("the call", || hosted.service.calls().iter().any(|call| call == on).then_some(()));
        let began = Instant::now();
        running.signal(Signal::TERM);
        let finished = running.finish();
        assert!(began.elapsed() < Duration::from_secs(10), "{told}: {:?}", began.elapsed());
        assert_eq!(finished.code(), code, "{told}: {finished}");
        assert_eq!(hosted.service.entries().len(), 1, "{told}");
    }
    hosted.service.heal();
    hosted.job();
    assert_healed(&hosted);
    hosted.service.stop();
}
