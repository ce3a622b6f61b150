//! Real builds with a directory as the store: cold, warm, changed, over the cap.

use serde_json::Value;

use super::jobs::{Jobs, hits_and_misses};

#[test]
fn what_one_job_compiled_the_next_one_has() {
    let jobs = Jobs::new();
    jobs.sources(20, 1);
    let (cold, log) = jobs.job_and_log(&[]);
    assert_eq!(hits_and_misses(&cold), (0, 20));
    assert!(log.contains("bundle: nothing is stored yet under"), "{log}");
    // Compile results and preprocessor entries.
    assert_eq!((cold["bundle"]["saved"]["new"].as_u64(), jobs.layers()), (Some(40), 1), "{cold:#}");
    let (warm, log) = jobs.job_and_log(&[]);
    assert_eq!(hits_and_misses(&warm), (20, 0));
    assert!(
        log.contains("bundle: nothing is new among 40 objects, 40 of them used; nothing is saved"),
        "{log}"
    );
    assert_eq!(jobs.layers(), 1);
    jobs.source(7, 2);
    let changed = jobs.job(&[]);
    assert_eq!(hits_and_misses(&changed), (19, 1));
    assert_eq!((changed["bundle"]["saved"]["new"].as_u64(), jobs.layers()), (Some(2), 2), "{changed:#}");
    // Both branches are in the cache now.
    jobs.source(7, 1);
    assert_eq!(hits_and_misses(&jobs.job(&[])), (20, 0));
    jobs.source(7, 2);
    let both = jobs.job(&[]);
    assert_eq!((hits_and_misses(&both), jobs.layers()), ((20, 0), 2));
    assert_eq!(both["bundle"]["restored"]["layers"].as_u64(), Some(2));
}

#[test]
fn a_job_that_may_not_save_only_reads() {
    let jobs = Jobs::new();
    jobs.sources(3, 1);
    let (report, log) = jobs.job_and_log(&["--save", "false"]);
    assert_eq!((hits_and_misses(&report), jobs.layers()), ((0, 3), 0));
    assert!(log.contains("bundle: nothing is saved, because `save` is given by flag `--save`"), "{log}");
    jobs.job(&[]);
    jobs.source(0, 2);
    let report = jobs.job(&["--read-only", "true"]);
    assert_eq!((hits_and_misses(&report), jobs.layers()), ((2, 1), 1));
}

#[test]
fn the_average_compile_time_travels_with_the_cache() {
    let jobs = Jobs::new();
    jobs.sources(3, 1);
    jobs.job(&[]);
    let warm = jobs.job(&[]);
    assert_eq!(warm["saved"]["from_earlier_jobs"], Value::Bool(true), "{warm:#}");
}

#[test]
fn over_its_cap_a_cache_keeps_what_was_used_last() {
    let jobs = Jobs::new();
    jobs.sources(20, 1);
    let whole = jobs.job(&[]);
    let bytes = whole["bundle"]["saved"]["sent_bytes"].as_u64().unwrap();
    let cap = (bytes * 3 / 4).to_string();
    let flags = ["--cache-size", cap.as_str()];
    for generation in 2..5 {
        jobs.source(0, generation);
        jobs.job(&flags);
        let restored = jobs.job(&flags);
        let restored = &restored["bundle"]["restored"]["object_bytes"];
        assert!(restored.as_u64().unwrap() <= bytes * 3 / 4, "{restored}");
    }
}

#[test]
fn a_damaged_bundle_costs_hits_and_heals() {
    let jobs = Jobs::new();
    jobs.sources(5, 1);
    jobs.job(&[]);
    for entry in std::fs::read_dir(jobs.world.path("layers")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..].fill(0);
        std::fs::write(path, bytes).unwrap();
    }
    let damaged = jobs.job(&[]);
    let (hits, misses) = hits_and_misses(&damaged);
    assert!(hits < 5 && hits + misses == 5, "{damaged:#}");
    assert_eq!(hits_and_misses(&jobs.job(&[])), (5, 0));
}

#[test]
fn the_bundle_can_be_restored_saved_and_looked_at_by_hand() {
    let jobs = Jobs::new();
    jobs.sources(4, 1);
    jobs.job(&["--key", "nightly"]);
    jobs.source(0, 2);
    jobs.job(&["--key", "nightly"]);
    let cache = jobs.world.path("by-hand");
    let cache = cache.to_str().unwrap();
    let call = |words: &[&str]| {
        let flags =
            ["--bundle-dir", "../layers", "--cache-dir", cache, "--key", "nightly", "--format", "json"];
        jobs.world.step(&[&["cache"], words, &flags].concat()).run().expect(0)
    };
    let layers = call(&["ls"]).json();
    let in_force =
        |at: usize| (layers["layers"][at]["in_force"].as_u64(), layers["layers"][at]["objects"].as_u64());
    assert_eq!((in_force(0), in_force(1)), ((Some(2), Some(2)), (Some(8), Some(8))), "{layers:#}");
    let oldest = layers["layers"][1]["key"].as_str().unwrap();
    assert_eq!(call(&["inspect"]).json()["objects"].as_array().unwrap().len(), 2);
    assert_eq!(call(&["inspect", oldest]).json()["objects"].as_array().unwrap().len(), 8);
    let restored = call(&["restore"]).json();
    assert_eq!(restored["restored"]["objects"].as_u64(), Some(10), "{restored:#}");
    assert_eq!(call(&["save"]).json()["saved"]["new"].as_u64(), Some(0));
    assert_eq!(call(&["prune"]).json()["removed"].as_u64(), Some(0));
    assert_eq!(jobs.layers(), 2);
    let missing = jobs
        .world
        .step(&["cache", "inspect", "nobody", "--bundle-dir", "../layers", "--key", "nightly"])
        .run();
    assert_eq!(missing.code(), 1);
    assert!(missing.stderr.contains("cause: there is no layer `nobody`"), "{missing}");
    let nowhere = jobs.world.step(&["cache", "ls"]).run();
    assert_eq!(nowhere.code(), 2, "{nowhere}");
}

#[test]
fn its_hits_are_those_of_a_local_cache_that_nobody_touched() {
    let jobs = Jobs::new();
    jobs.sources(8, 1);
    let local = |number: usize| {
        let kept = jobs.world.path("kept");
        let flags: &[&str] =
            &["--cache-dir", kept.to_str().unwrap(), "--bundle-dir", "../unused", "--save", "false"];
        hits_and_misses(&jobs.end(&jobs.begun(flags, &format!("o{number}")).run()).0)
    };
    // Cold, warm, a change, another branch, back, both changed.
    for (number, change) in
        [None, None, Some((0, 2)), Some((1, 2)), Some((0, 1)), Some((1, 1)), None].into_iter().enumerate()
    {
        if let Some((file, generation)) = change {
            jobs.source(file, generation);
        }
        let travelled = hits_and_misses(&jobs.job(&[]));
        assert_eq!(travelled, local(number), "job {number}");
    }
}

#[test]
fn a_disk_that_is_full_while_unpacking_is_left_to_the_build() {
    let jobs = Jobs::new();
    jobs.sources(5, 1);
    jobs.job(&[]);
    // Objects that the next restore has no room for.
    let cache = jobs.world.path("cache");
    for digit in "0123456789abcdef".chars() {
        let name = digit.to_string().repeat(64);
        let path = cache.join(digit.to_string()).join(digit.to_string()).join(&name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, vec![digit as u8; 200_000]).unwrap();
    }
    let flags = ["--bundle-dir", "../layers", "--cache-dir", cache.to_str().unwrap()];
    jobs.world.step(&[&["cache", "save"][..], &flags].concat()).run().expect(0);
    let step = jobs.begun(&["--bundle-dir", "../layers"], "small");
    let small = jobs.world.path("small");
    std::fs::create_dir_all(&small).unwrap();
    let mount = "mount -t tmpfs -o mode=700,size=1m none \"$0\" && exec \"$@\"";
    let options = ["--map-root-user", "--mount", "sh", "-c", mount, small.to_str().unwrap()];
    let unshare = crate::support::tools::program("unshare", "util-linux");
    let (report, log) = jobs.end(&step.wrapped(&unshare, &options).run());
    assert_eq!(hits_and_misses(&report), (0, 5), "{log}");
    assert!(log.contains("the cache directory takes no more"), "{log}");
    // The objects of the build found room, and what is stored is left as it is.
    assert_eq!(report["statistics"]["stats"]["write_errors"], 0, "{report:#}");
    assert!(report["bundle"]["saved"]["key"].is_null(), "{report:#}");
    assert_eq!(hits_and_misses(&jobs.job(&[])), (5, 0));
}
