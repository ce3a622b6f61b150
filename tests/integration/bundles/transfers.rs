//! Transfers in many pieces and at a bad pace: by content, against a real Azurite.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use sccache_step::bundle::object::{Kind, Name, scan};
use sccache_step::bundle::policy::Bounds;
use sccache_step::bundle::store::{Actions, Store};
use sccache_step::bundle::view::View;
use sccache_step::bundle::{Deaf, Found, Halt, Order, Pieces, Restore, save};
use sccache_step::environment::Variables;
use sccache_step::secret::Secret;
use sha2::{Digest as _, Sha256};

use super::jobs::hits_and_misses;
use super::service::{Hosted, MAIN};
use crate::support::blob_proxy::{BlobProxy, Pace};
use crate::support::cache_service::{CacheService, Effect, token};
use crate::support::until;
use crate::support::world::World;

/// Many pieces of few bytes.
const PIECES: Pieces =
    Pieces { single_bytes: 30_000, block_bytes: 20_000, first_bytes: 60_000, part_bytes: 25_000 };

/// Objects of many lengths: none, odd ones, longer than a block.
fn fill(cache: &Path) {
    for seed in 0..60_u64 {
        let digits = Sha256::digest(seed.to_le_bytes());
        let name = Name::new(if seed % 4 == 0 { Kind::Preprocessor } else { Kind::Result }, digits.into());
        let content: Vec<u8> = (0..seed * 137 % 9001).map(|at| digits[at as usize % 32] ^ at as u8).collect();
        let content = if seed == 7 { content.repeat(60) } else { content };
        let path = cache.join(name.path());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// Each object's path and digest.
fn digests(cache: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = scan(cache)
        .iter()
        .map(|found| {
            let content = std::fs::read(cache.join(found.name.path())).unwrap();
            (found.name.path().display().to_string(), Sha256::digest(content).to_vec())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn blocks_that_end_in_any_order_and_parts_of_any_kind_bring_the_same_bytes() {
    let world = World::new();
    let service = CacheService::start(&world);
    let proxy = BlobProxy::start(service.storage_port(), Pace::Backwards);
    service.blobs_at(Some(proxy.port));
    let cache = world.path("full");
    fill(&cache);
    let halt = Arc::new(Halt::within(Duration::from_secs(60)));
    let store = || -> Arc<dyn Store> {
        let secret = Secret::new(token(MAIN, &[], 3));
        let actions = Actions::new(&service.url(), secret, &Variables::default(), Arc::clone(&halt));
        Arc::new(actions.unwrap().in_pieces(PIECES))
    };
    let view = View::default();
    let order =
        Order { directory: &cache, prefix: "t-", bounds: Bounds::with_cap(1 << 30), view: &view, note: b"" };
    let saved = save(&order, &*store(), &halt).unwrap().layer.unwrap();
    let ended = std::mem::take(&mut *proxy.ended.lock().unwrap());
    let blocks: Vec<&String> = ended.iter().filter(|line| line.contains("comp=block&")).collect();
    assert_eq!(blocks.len() as u64, saved.bytes.div_ceil(PIECES.block_bytes));
    assert!(blocks.len() > 10 && !blocks.is_sorted(), "they were to end in another order: {blocks:#?}");
    assert!(ended.last().unwrap().contains("comp=blocklist"), "{ended:#?}");
    // The ways down: parts side by side; a server that knows no ranges, tells no length, and whose URL has no query.
    for fault in [None, Some(Effect::Plain)] {
        let parts = fault.is_none();
        fault.into_iter().for_each(|effect| service.fault("GET", 1, effect));
        let target = world.path(if parts { "parts" } else { "plain" });
        std::fs::create_dir(&target).unwrap();
        let restore = Restore::new(store(), &target, 1 << 30, Arc::clone(&halt), Arc::new(Deaf));
        let restored = restore.in_pieces(PIECES).run(&["t-".to_owned()]);
        assert_eq!((restored.found, restored.troubles.len()), (Found::Head, 0), "{:?}", restored.troubles);
        assert_eq!(digests(&target), digests(&cache));
        let ended = std::mem::take(&mut *proxy.ended.lock().unwrap());
        assert_eq!(ended.len() > 5, parts, "{ended:#?}");
    }
    service.stop();
}

/// A service with what five files make, and a job after a change.
fn changed() -> Hosted {
    let hosted = Hosted::new();
    hosted.jobs.sources(5, 1);
    hosted.job();
    hosted.jobs.source(0, 2);
    hosted
}

fn healed(hosted: Hosted) {
    hosted.service.blobs_at(None);
    hosted.job();
    assert_eq!(hits_and_misses(&hosted.job().0), (5, 0));
    hosted.service.stop();
}

#[test]
fn a_byte_a_second_holds_the_job_no_longer_than_the_timeout() {
    let hosted = changed();
    for after in [0, 700] {
        let proxy = BlobProxy::start(hosted.service.storage_port(), Pace::ByteASecondAfter(after));
        hosted.service.blobs_at(Some(proxy.port));
        let began = Instant::now();
        let (report, log) = hosted.job_on(MAIN, &[], &["--cache-timeout", "2s"]);
        // The restore and its grace; nothing is saved after it unless the head had come.
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        let (hits, misses) = hits_and_misses(&report);
        assert_eq!(hits + misses, 5, "{log}");
        assert!(log.contains("warning") && log.contains("2 s of `cache-timeout`"), "{log}");
    }
    // The save alone: nothing is stored under this key, so the restore asks for no blob.
    let proxy = BlobProxy::start(hosted.service.storage_port(), Pace::ByteASecondAfter(0));
    hosted.service.blobs_at(Some(proxy.port));
    let before = hosted.service.entries().len();
    let began = Instant::now();
    let flags = ["--cache-timeout", "2s", "--key", "another"];
    let (report, log) = hosted.job_on(MAIN, &[], &flags);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(hits_and_misses(&report), (0, 5), "{log}");
    assert!(report["bundle"]["saved"]["key"].is_null() && log.contains("2 s of `cache-timeout`"), "{log}");
    let ready = hosted.service.entries().into_iter().filter(|entry| entry.bytes.is_some()).count();
    assert_eq!((ready, hosted.service.entries().len()), (before, before + 1));
    healed(hosted);
}

#[test]
fn a_job_cancelled_in_the_middle_of_a_transfer_ends_and_the_next_one_heals() {
    for signal in [Signal::INT, Signal::TERM] {
        for flags in [&[][..], &["--key", "another"]] {
            let is_save = !flags.is_empty();
            let hosted = changed();
            let proxy = BlobProxy::start(hosted.service.storage_port(), Pace::ByteASecondAfter(300));
            hosted.service.blobs_at(Some(proxy.port));
            let step = hosted.jobs.begun(flags, "cache");
            let running = hosted.service.job(step, MAIN, &[]).start();
            until("a transfer", || (proxy.begun.load(std::sync::atomic::Ordering::SeqCst) > 0).then_some(()));
            let began = Instant::now();
            running.signal(signal);
            let finished = running.finish();
            // GitHub's runner ends a cancelled step after 7.5 s.
            assert!(began.elapsed() < Duration::from_secs(15), "{signal:?}: {:?}", began.elapsed());
            // A command that had ended by then ended as it did.
            let expected = if is_save { 0 } else { 128 + signal.as_raw() };
            assert_eq!(finished.code(), expected, "{signal:?}: {finished}");
            // An object that was being unpacked may be left half; sccache removes files of that name.
            let half = |name: &str| name.starts_with('.') && (is_save || !name.starts_with(".sccachetmp"));
            let files = std::fs::read_dir(hosted.jobs.world.path("cache")).unwrap();
            assert!(!files.flatten().any(|file| half(&file.file_name().to_string_lossy())));
            healed(hosted);
        }
    }
}
