//! Storages that refuse, lose, forget or dawdle.

use std::time::Duration;

use super::{ALL, COMPILE, has, is_clean, report, report_of, run, world};
use crate::support::step::Step;
use crate::support::tools::ANY;
use crate::support::webdav::{Manner, Webdav};
use crate::support::world::World;

#[test]
fn a_cache_that_cannot_be_written_is_found() {
    let world = world();
    let removed = format!("{COMPILE}; rm -rf \"$CACHE\"; for n in 3 4 5; do $CC -c f$n.c; done");
    let found = report_of(run(&world, ANY, &[], &removed).env("CACHE", world.path("cache")));
    has(&found, "write-errors");
    is_clean(&report(&world, ANY, &[], COMPILE), "write-errors");
    let world = super::world();
    report(&world, "0.19.0", &[], COMPILE);
    let read_only = report(&world, "0.19.0", &["--read-only", "true"], &format!("{COMPILE}; $CC -c f3.c"));
    has(&read_only, "read-only");
    assert_eq!(read_only["verdict"], "healthy", "as was asked for: {read_only:#}");
    is_clean(&report(&world, "0.19.0", &[], COMPILE), "read-only");
}

#[test]
fn damaged_entries_are_found_and_heal() {
    let world = world();
    is_clean(&report(&world, "0.19.0", &[], COMPILE), "read-errors");
    let objects = |world: &World| -> Vec<std::path::PathBuf> {
        let found = world.command("find").args(&[
            world.path("cache").to_str().unwrap(),
            "-type",
            "f",
            "-not",
            "-path",
            "*preprocessor*",
            "-not",
            "-name",
            "*.json",
        ]);
        found.run().expect(0).stdout.lines().map(Into::into).collect()
    };
    let all = objects(&world);
    assert_eq!(all.len(), 3, "{all:?}");
    std::fs::write(&all[0], "no archive").unwrap();
    // An archive as such, whose content is no longer what was compressed.
    let mut bytes = std::fs::read(&all[1]).unwrap();
    let start = bytes.windows(4).position(|window| window == [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    bytes[start..start + 4].copy_from_slice(b"xxxx");
    std::fs::write(&all[1], bytes).unwrap();
    let found = report(&world, "0.19.0", &[], COMPILE);
    has(&found, "read-errors");
    has(&found, "corrupt-entries");
    is_clean(&report(&world, "0.19.0", &[], COMPILE), "corrupt-entries");
}

#[test]
fn a_cache_at_its_limit_is_found() {
    let world = world();
    let flags = |step: Step| step.env("FLAGS", "-g");
    let small = report_of(flags(run(&world, ANY, &["--cache-size", "8K"], ALL)));
    has(&small, "cache-full");
    let large = report_of(flags(run(&world, ANY, &["--cache-size", "100M"], ALL)));
    is_clean(&large, "cache-full");
}

#[test]
fn a_storage_that_is_slow_or_refuses_is_found() {
    let world = world();
    let storage = Webdav::start();
    let url = storage.url();
    let inputs = ["--cache", "webdav", "--webdav-endpoint", &url, "--log-level", "debug"];
    storage.behave(Manner { put: Some(429), ..Manner::default() });
    let refused = report(&world, "0.16.0", &inputs, COMPILE);
    has(&refused, "rate-limited");
    has(&refused, "write-errors");
    has(&refused, "preprocessor-mode-off");
    storage.behave(Manner::default());
    is_clean(&report(&world, "0.16.0", &inputs, COMPILE), "rate-limited");
    storage.behave(Manner { get_delay: Duration::from_millis(400), ..Manner::default() });
    // One unit is compiled, so that there is a time to compare with.
    let slow = report(&world, "0.16.0", &inputs, &format!("{COMPILE}; $CC -c f5.c"));
    has(&slow, "storage-slower-than-compiling");
    storage.behave(Manner::default());
    let fast = report(&world, "0.16.0", &inputs, &format!("{COMPILE}; $CC -c f6.c"));
    is_clean(&fast, "storage-slower-than-compiling");
    is_clean(&report(&world, ANY, &[], COMPILE), "preprocessor-mode-off");
    let off = report_of(run(&world, ANY, &[], COMPILE).env("SCCACHE_DIRECT", "false"));
    has(&off, "preprocessor-mode-off");
    assert!(off["findings"].to_string().contains("`SCCACHE_DIRECT`"), "why: {off:#}");
}
