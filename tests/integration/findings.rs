//! Each finding by a real build that has it, and by one that applies the remedy and has it no more.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::real::report_of_run;
use crate::support::project::Project;
use crate::support::step::Step;
use crate::support::tools::{ANY, sccache};
use crate::support::webdav::{Manner, Webdav};
use crate::support::world::World;

/// The sources of the small builds: a few of C, and crates of Rust.
fn sources(world: &World) {
    for number in 0..12 {
        let c = format!("int f{number}(int x) {{ return x + {number}; }}\n");
        std::fs::write(world.path(&format!("work/f{number}.c")), c).unwrap();
    }
    for number in 0..4 {
        let rust = format!("pub fn g() -> u32 {{ {number} }}\n");
        std::fs::write(world.path(&format!("work/g{number}.rs")), rust).unwrap();
    }
}

/// A world with sources.
fn world() -> World {
    let world = World::new();
    sources(&world);
    world
}

/// The report of a `run` of this script, with these inputs.
fn report(world: &World, version: &str, inputs: &[&str], script: &str) -> Value {
    report_of(run(world, version, inputs, script))
}

fn run(world: &World, version: &str, inputs: &[&str], script: &str) -> Step {
    let wrap = if inputs.contains(&"--wrap") { &[][..] } else { &["--wrap", "cc,rust"][..] };
    let step =
        world.step(&["run", "--format", "json"]).args(wrap).args(inputs).args(&["--", "bash", "-c", script]);
    let step = step.env("SCCACHE_STEP_SCCACHE", sccache(version));
    if inputs.contains(&"--cache") { step } else { step.env("SCCACHE_STEP_CACHE_DIR", world.path("cache")) }
}

fn report_of(step: Step) -> Value {
    let finished = step.run();
    assert!(finished.code() == 0, "{finished}");
    report_of_run(&finished)
}

fn ids(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

/// The finding is there, and says what to do.
fn has(report: &Value, id: &str) {
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id);
    let finding = finding.unwrap_or_else(|| panic!("no {id}: {report:#}"));
    assert!(finding["remedy"].as_str().is_some_and(|remedy| remedy.len() > 10), "{finding:#}");
    if finding["weight"] == "problem" {
        assert_ne!(report["verdict"], "healthy", "{report:#}");
    }
}

/// Nothing is wrong.
fn is_clean(report: &Value, id: &str) {
    assert!(!ids(report).contains(id), "{id}: {report:#}");
    assert_eq!(report["warnings"], Value::Array(vec![]), "{report:#}");
    assert_eq!(report["verdict"], "healthy", "{report:#}");
}

const COMPILE: &str = "for n in 0 1 2; do $CC -c f$n.c; done";
const ALL: &str = "for n in 0 1 2 3 4 5 6 7 8 9 10 11; do $CC $FLAGS -c f$n.c; done";

#[test]
fn a_server_that_is_missing_or_lost_is_found() {
    let world = world();
    let without = world.step(&["run", "--format", "json", "--install-from", "none", "--", "true"]);
    let report_without = report_of(without.env("PATH", "/usr/bin:/bin"));
    has(&report_without, "no-server");
    assert_eq!(report_without["verdict"], "not-used");
    is_clean(&report(&world, ANY, &[], COMPILE), "no-server");
}

#[test]
fn a_wrapper_that_is_not_set_is_found() {
    let world = world();
    let unset = report(&world, ANY, &["--wrap", "none"], "gcc -c f0.c");
    has(&unset, "wrapper-not-set");
    assert_eq!(unset["verdict"], "not-used", "{unset:#}");
    std::fs::create_dir(world.path("work/.cargo")).unwrap();
    std::fs::write(world.path("work/.cargo/config.toml"), "[build]\nrustc-wrapper = \"ccache\"\n").unwrap();
    let overridden = report(&world, ANY, &["--wrap", "none"], "gcc -c f0.c");
    has(&overridden, "wrapper-overridden");
    assert!(overridden["findings"].to_string().contains(".cargo/config.toml"), "{overridden:#}");
    is_clean(&report(&world, ANY, &["--wrap", "cc"], COMPILE), "wrapper-not-set");
}

#[test]
fn a_wrapper_that_is_set_and_not_called_is_found() {
    let world = world();
    has(&report(&world, ANY, &[], "gcc -c f0.c"), "wrapper-not-called");
    is_clean(&report(&world, ANY, &[], COMPILE), "wrapper-not-called");
}

#[test]
fn a_wrapper_that_is_overridden_is_found() {
    let world = world();
    let program = env!("CARGO_BIN_EXE_sccache-step");
    let shell = |build: &str| {
        let script =
            format!("set -e; eval \"$('{program}' pre --wrap cc)\"\n{build}\n'{program}' post --format json");
        let step = world.command("bash").args(&["-c", &script]).env("SCCACHE_STEP_SCCACHE", sccache(ANY));
        step.env("SCCACHE_STEP_CACHE_DIR", world.path("cache"))
            .env("SHELL", "/bin/bash")
            .run()
            .expect(0)
            .json()
    };
    let overridden = shell("export CC=gcc; $CC -c f0.c");
    has(&overridden, "wrapper-overridden");
    assert!(overridden["clues"]["replaced"]["value"] == "gcc", "{overridden:#}");
    is_clean(&shell(COMPILE), "wrapper-overridden");
}

#[test]
fn a_cached_build_directory_is_found() {
    let world = World::new();
    let copy = Project::Rust.copy(&world);
    let build = || report_of(run(&world, ANY, &["--wrap", "rust"], Project::Rust.build()).within(&copy));
    is_clean(&build(), "build-directory-cached");
    let again = build();
    has(&again, "build-directory-cached");
    assert!(again["clues"]["old_build"].as_str().unwrap().ends_with("target/debug"), "{again:#}");
    Project::clean(&copy);
    is_clean(&build(), "build-directory-cached");
}

/// Reasons for which calls are not cached: the finding, the call that has it, the call that has it no more.
const CALLS: &[(&str, &str, &str)] = &[
    (
        "incremental-on",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link,dep-info,metadata --out-dir . -C incremental=inc g$n.rs",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link,dep-info,metadata --out-dir . g$n.rs",
    ),
    (
        "extra-emit",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link,asm --out-dir . g$n.rs",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link --out-dir . g$n.rs",
    ),
    (
        "rustc-by-hand",
        "$RUSTC_WRAPPER rustc --crate-type lib --emit link --out-dir . g$n.rs",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link --out-dir . g$n.rs",
    ),
    (
        "rustc-output-file",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link -o libg$n.rlib g$n.rs",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link --out-dir . g$n.rs",
    ),
    ("several-sources", "$CC -c f$n.c f9.c", "$CC -c f$n.c; $CC -c f9.c"),
    ("response-file", "$CC @missing -c f$n.c || true", "$CC -DX=1 -c f$n.c"),
    ("intermediates-kept", "$CC -save-temps -c f$n.c", "$CC -c f$n.c"),
    ("extra-file", "$CC -fstack-usage -c f$n.c", "$CC -c f$n.c"),
    (
        "arguments-unreadable",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link --out-dir . --extern x g$n.rs || true",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link --out-dir . g$n.rs",
    ),
    (
        "malformed-call",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link --out-dir . -C extra-filename g$n.rs || true",
        "$RUSTC_WRAPPER rustc --crate-name g$n --crate-type lib --emit link --out-dir . -C extra-filename=-1 g$n.rs",
    ),
    ("several-architectures", "$CC -arch x86_64 -arch arm64 -c f$n.c || true", "$CC -c f$n.c"),
];

#[test]
fn calls_that_could_be_cached_are_found() {
    for (id, call, remedied) in CALLS {
        let world = world();
        let thrice =
            |call: &str| format!("for n in 0 1 2; do {call}; done 2> said || {{ cat said >&2; exit 9; }}");
        let found = report(&world, "0.19.0", &[], &thrice(call));
        has(&found, id);
        assert_ne!(found["verdict"], "healthy", "{id}: {found:#}");
        is_clean(&report(&world, "0.19.0", &[], &thrice(remedied)), id);
    }
}

#[test]
fn a_cache_that_cannot_be_written_is_found() {
    let world = world();
    let removed = format!("{COMPILE}; rm -rf \"$CACHE\"; for n in 3 4 5; do $CC -c f$n.c; done");
    let found = report_of(run(&world, ANY, &[], &removed).env("CACHE", world.path("cache")));
    has(&found, "write-errors");
    is_clean(&report(&world, ANY, &[], COMPILE), "write-errors");
    let world = self::world();
    is_clean(&report(&world, "0.19.0", &[], COMPILE), "read-only");
    let read_only = report(&world, "0.19.0", &["--read-only", "true"], &format!("{COMPILE}; $CC -c f3.c"));
    has(&read_only, "read-only");
    assert_eq!(read_only["verdict"], "healthy", "as was asked for: {read_only:#}");
    assert!(!ids(&report(&world, "0.19.0", &[], COMPILE)).contains("read-only"));
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
    assert!(!ids(&large).contains("cache-full"), "{large:#}");
}

#[test]
fn a_hit_rate_that_fell_is_found() {
    let world = world();
    let build = |flags: &str, inputs: &[&str]| report_of(run(&world, ANY, inputs, ALL).env("FLAGS", flags));
    has(&build("-O0", &[]), "first-run");
    is_clean(&build("-O0", &[]), "first-run");
    let dropped = build("-O1", &["--min-hit-rate", "50"]);
    has(&dropped, "hit-rate-dropped");
    has(&dropped, "hit-rate-below-minimum");
    let text = dropped["findings"].to_string();
    assert!(text.contains("from 100 % to 0 %"), "{text}");
    is_clean(&build("-O1", &["--min-hit-rate", "50"]), "hit-rate-dropped");
    let few = |define: &str| report(&world, ANY, &[], &format!("$CC -D{define} -c f0.c"));
    has(&few("A"), "no-hits");
    is_clean(&few("A"), "no-hits");
}

#[test]
fn a_checkout_that_moved_is_found() {
    let world = world();
    for name in ["one", "two"] {
        std::fs::create_dir(world.path(&format!("work/{name}"))).unwrap();
        std::fs::write(world.path(&format!("work/{name}/a.c")), "int a(void) { return 1; }\n").unwrap();
    }
    let build = |name: &str, basedirs: &[&str]| {
        let script = "$CC -c \"$PWD/a.c\" -o a.o";
        report_of(run(&world, ANY, basedirs, script).within(world.path("work").join(name)))
    };
    build("one", &["--basedirs", "none"]);
    has(&build("two", &["--basedirs", "none"]), "absolute-paths");
    build("one", &[]);
    is_clean(&build("two", &[]), "absolute-paths");
}

#[test]
fn a_compiler_that_sccache_does_not_know_is_found() {
    let world = world();
    let unknown = report(&world, ANY, &[], &format!("$SCCACHE_PATH /bin/echo x 2> said || true; {COMPILE}"));
    has(&unknown, "unsupported-compiler");
    is_clean(&report(&world, ANY, &[], &format!("/bin/echo x >&2; {COMPILE}")), "unsupported-compiler");
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
    let local = report(&world, ANY, &[], COMPILE);
    assert!(!ids(&local).contains("preprocessor-mode-off"), "{local:#}");
}

#[test]
fn a_log_that_is_a_device_is_not_waited_for() {
    let world = world();
    let pipe = world.path("work/pipe");
    world.command("mkfifo").arg(&pipe).run().expect(0);
    // Somebody reads what the server says, and stops; opened by us, the pipe would wait for another writer.
    let script = format!("{COMPILE}; kill $READER");
    let reader = world.command("cat").arg(&pipe).start();
    let step = run(&world, ANY, &["--log-file", pipe.to_str().unwrap()], &script);
    let report = report_of(step.env("READER", reader.pid().to_string()));
    reader.finish();
    assert_eq!((&report["misses"], &report["units"]), (&3.into(), &Value::Null), "{report:#}");
}
