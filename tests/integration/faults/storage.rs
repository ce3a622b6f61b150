//! Storages that are down, slow, or turn writes away.

use std::time::Duration;

use super::Job;
use crate::support::step::Step;
use crate::support::webdav::{Manner, Webdav};

fn pre(job: &Job, url: &str) -> Step {
    // Without a directory of its own: that of the substitute is where a user's cache is.
    let step = job.phase(&["pre", "--wrap", "cc", "--shell", "sh", "--startup-timeout", "1s"]);
    let step = step.without("SCCACHE_STEP_CACHE_DIR").env("SCCACHE_STEP_CACHE", "webdav");
    step.env("SCCACHE_STEP_WEBDAV_ENDPOINT", url)
}

#[test]
fn a_storage_that_is_down_at_the_start() {
    let job = Job::new();
    let webdav = Webdav::start();
    webdav.leave();
    job.pre_by(pre(&job, &webdav.url()));
    job.build("unit", 4);
    job.clean("unit");
    job.build("unit", 4);
    let told = job.post();
    assert_eq!((told.counts(), job.compilations().len()), ((4, 4), 4), "{:#}", told.report);
    assert_eq!(told.report["storage"], "local disk");
    insta::assert_snapshot!(told.incidents(&job.world), @"the storage (WebDAV at http://127.0.0.1:[port]) could not be used; cache storage failed to read: Unexpected (temporary) at read => send http request / Context: / url: http://127.0.0.1:[port]/.sccache_check / called: http_util::Client::send / service: webdav / path: .sccache_check / range: 0- / Source: / error sending request for url (http://127.0.0.1:[port]/.sccache_check): [how]; the server runs on local disk instead");
}

#[test]
fn a_storage_that_is_down_after_a_restart() {
    let job = Job::new();
    let webdav = Webdav::start();
    job.pre_by(pre(&job, &webdav.url()));
    job.build("unit", 4);
    job.settle(4);
    webdav.leave();
    let old = job.server();
    crate::support::leftovers::kill(old, rustix::process::Signal::KILL);
    // These come while there is neither a server nor a storage.
    job.build("meanwhile", 4);
    job.await_server_after(old);
    job.clean("unit");
    job.build("unit", 4);
    job.clean("unit");
    job.build("unit", 4);
    let told = job.post();
    assert_eq!(told.count("hits"), 4, "the second time they are on local disk: {:#}", told.report);
    insta::assert_snapshot!(told.incidents(&job.world), @r"
    the server (pid [pid]) was killed by signal 9; as the kernel does when memory runs out; a new one was ready after [time]
    the storage (WebDAV at http://127.0.0.1:[port]) could not be used; cache storage failed to read: Unexpected (temporary) at read => send http request / Context: / url: http://127.0.0.1:[port]/.sccache_check / called: http_util::Client::send / service: webdav / path: .sccache_check / range: 0- / Source: / error sending request for url (http://127.0.0.1:[port]/.sccache_check): [how]; the server runs on local disk instead
    ");
}

#[test]
fn a_slow_storage_with_writes_in_flight_at_post() {
    let job = Job::new();
    let webdav = Webdav::start();
    // What a single storage is to hold is there before the client hears of its compilation; this level has time.
    let chain = pre(&job, &webdav.url()).env("SCCACHE_STEP_CACHE", "disk,webdav");
    let chain = chain.env("SCCACHE_STEP_CHAIN_WRITE_POLICY", "l0");
    job.pre_by(chain.env("SCCACHE_STEP_CACHE_DIR", job.world.path("cache")));
    webdav.behave(Manner { put_delay: Duration::from_secs(2), ..Manner::default() });
    job.build("unit", 4);
    assert!(webdav.objects() < 4, "writes are still in flight");
    let told = job.post();
    assert_eq!((told.counts(), told.stated_loss()), ((0, 4), 0), "{:#}", told.report);
    assert_eq!(webdav.objects(), 4, "{}", told.finished);
    insta::assert_snapshot!(told.incidents(&job.world), @"");
}

#[test]
fn a_storage_that_rejects_writes() {
    let job = Job::new();
    let webdav = Webdav::start();
    webdav.behave(Manner { put: Some(403), put_check: Some(403), ..Manner::default() });
    job.pre_by(pre(&job, &webdav.url()));
    job.build("unit", 4);
    let old = job.world.server_pid();
    job.await_server_after(old);
    webdav.behave(Manner { put: Some(403), ..Manner::default() });
    job.build("more", 2);
    let told = job.post();
    assert_eq!((told.counts(), webdav.objects()), ((0, 6), 0), "{:#}", told.report);
    insta::assert_snapshot!(told.incidents(&job.world), @r"
    the server came up read-only; PermissionDenied (temporary) at write; another server was started to try once more
    the server came up read-only; PermissionDenied (temporary) at write; nothing new was stored from then on
    ");
}
