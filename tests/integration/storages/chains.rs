//! Several storages as levels.

use super::{UNITS, build, built, hits_and_misses, write_units};
use crate::support::service::{Redis, Service, led_to};
use crate::support::tools::VERSIONS;
use crate::support::webdav::{Manner, Webdav};
use crate::support::world::World;

/// The versions with chains.
const WITH_CHAINS: &[&str] = VERSIONS.split_at(1).1;

#[test]
fn a_chain_fills_its_first_level_from_its_second() {
    for version in WITH_CHAINS {
        let world = World::new();
        let mut redis = Redis::start(&world);
        write_units(&world, &[]);
        let step = led_to(build(&world, version), &redis).env("SCCACHE_STEP_CACHE", "disk,redis");
        let step = step.env("SCCACHE_STEP_CACHE_DIR", world.path("cache"));
        assert_eq!(hits_and_misses(&built(&step).0), (0, UNITS), "cold");
        assert_eq!(hits_and_misses(&built(&step).0), (UNITS, 0), "warm");
        // A new machine has the second level only.
        std::fs::remove_dir_all(world.path("cache")).unwrap();
        assert_eq!(hits_and_misses(&built(&step).0), (UNITS, 0), "from redis");
        let objects = redis.contents().into_iter().filter(|key| !key.contains("check")).count();
        assert!(objects >= usize::try_from(UNITS).unwrap(), "{:?}", redis.contents());
        let wrong = step.clone().env("SCCACHE_STEP_REDIS_PASSWORD", "wrong-planted-password");
        let (_, finished) = built(&wrong.env(LIMIT.0, LIMIT.1));
        assert!(finished.stderr.contains("the server runs on local disk instead"), "{finished}");
        assert!(!finished.to_string().contains("planted"), "{finished}");
        redis.stop();
    }
}

/// A chain of a disk and a storage that counts.
fn counting(
    world: &World,
    version: &str,
    webdav: &Webdav,
    more: &[(&str, &str)],
) -> crate::support::step::Step {
    let step = build(world, version).env("SCCACHE_STEP_CACHE", "disk,webdav");
    let step = step.env("SCCACHE_STEP_CACHE_DIR", world.path("cache"));
    let step = step.env("SCCACHE_STEP_WEBDAV_ENDPOINT", webdav.url());
    more.iter().fold(step, |step, (name, value)| step.env(name, value))
}

const POLICY: &str = "SCCACHE_STEP_CHAIN_WRITE_POLICY";
/// Until then a storage out of reach is asked again.
const LIMIT: (&str, &str) = ("SCCACHE_STEP_STARTUP_TIMEOUT", "1s");

#[test]
fn only_old_versions_with_two_of_the_policies_check_before_each_write_and_that_is_told() {
    for version in WITH_CHAINS {
        for policy in ["all", "l0", "ignore"] {
            let world = World::new();
            let webdav = Webdav::start();
            write_units(&world, &[]);
            let (report, finished) = built(&counting(&world, version, &webdav, &[(POLICY, policy)]));
            assert_eq!(hits_and_misses(&report), (0, UNITS), "{report:#}");
            let units = usize::try_from(UNITS).unwrap();
            let told = ["GET check", "PUT check", "PUT object"].map(|of| webdav.requests(of));
            let has_checks = policy != "all" && *version == "0.16.0";
            // One pair at the start; none where sccache is told to skip them all.
            let expected = match (policy, has_checks) {
                ("all", _) => [1, 1, units],
                (_, true) => [1 + units, 1 + units, units],
                (_, false) => [0, 0, units],
            };
            assert_eq!(told, expected, "{version} {policy}: {finished}");
            let notice = "makes two more requests to every level for each object";
            assert_eq!(finished.stderr.contains(notice), has_checks, "{version} {policy}: {finished}");
        }
    }
}

#[test]
fn a_level_that_is_only_read_stops_all_writes_of_0_16_and_is_told() {
    for version in WITH_CHAINS {
        let world = World::new();
        let webdav = Webdav::start();
        write_units(&world, &[]);
        let fork = [("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "7")];
        let step = counting(&world, version, &webdav, &fork);
        let (report, finished) = built(&step);
        assert_eq!(hits_and_misses(&report), (0, UNITS), "{report:#}");
        assert_eq!(webdav.requests("PUT object") + webdav.requests("PUT check"), 0, "{version}: {finished}");
        let is_poisoned = *version == "0.16.0";
        let notice = "writes to no level of a chain when one of them is read-only";
        assert_eq!(finished.stderr.contains(notice), is_poisoned, "{version}: {finished}");
        // From the disk, where that was written to.
        let expected = if is_poisoned { (0, UNITS) } else { (UNITS, 0) };
        assert_eq!(hits_and_misses(&built(&step).0), expected, "{version}");
    }
}

#[test]
fn a_level_out_of_reach_at_the_start_is_passed_over_by_the_newest_version_only() {
    for version in WITH_CHAINS {
        for policy in ["all", "l0"] {
            let world = World::new();
            let webdav = Webdav::start();
            webdav.leave();
            write_units(&world, &[]);
            let (report, finished) = built(&counting(&world, version, &webdav, &[(POLICY, policy), LIMIT]));
            assert_eq!(hits_and_misses(&report), (0, UNITS), "{report:#}");
            // Told not to check, it does not notice at its start.
            let goes_on = policy == "l0" && *version == "0.19.0";
            let told = finished.stderr.contains("cannot be used: the server runs on local disk instead");
            assert_eq!(told, !goes_on, "{version} {policy}: {finished}");
        }
    }
}

#[test]
fn a_level_that_refuses_writes_is_an_error_of_that_level_and_of_no_build() {
    for version in WITH_CHAINS {
        let world = World::new();
        let webdav = Webdav::start();
        webdav.behave(Manner { put: Some(507), ..Manner::default() });
        write_units(&world, &[]);
        let step = counting(&world, version, &webdav, &[]);
        let (report, _) = built(&step);
        assert_eq!(hits_and_misses(&report), (0, UNITS), "{report:#}");
        let told: Vec<&str> =
            report["findings"].as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
        assert!(told.contains(&"3 cache writes failed"), "{told:?}");
        // The disk has them all the same.
        assert_eq!(hits_and_misses(&built(&step).0), (UNITS, 0), "{version}");
    }
}
