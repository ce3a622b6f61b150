//! Calls that are not cached and could be.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::time::Duration;

use super::{COMPILE, has, is_clean, report, report_of, run, world};
use crate::support::fake;
use crate::support::tools::{program, sccache};
use crate::support::webdav::{Manner, Webdav};
use crate::support::world::World;

/// The test below.
pub(super) const TEST: &str = "calls_that_could_be_cached_are_found";

/// A finding, a call that has it, and the call after the remedy.
struct Call {
    id: &'static str,
    found: &'static str,
    remedied: &'static str,
}

const CALLS: &[Call] = &[
    Call {
        id: "incremental-on",
        found: "rustc --crate-name g$n --crate-type lib --emit link,dep-info,metadata --out-dir . -C incremental=inc g$n.rs",
        remedied: "rustc --crate-name g$n --crate-type lib --emit link,dep-info,metadata --out-dir . g$n.rs",
    },
    Call {
        id: "extra-emit",
        found: "rustc --crate-name g$n --crate-type lib --emit link,asm --out-dir . g$n.rs",
        remedied: "rustc --crate-name g$n --crate-type lib --emit link --out-dir . g$n.rs",
    },
    Call {
        id: "rustc-by-hand",
        found: "rustc --crate-type lib --emit link --out-dir . g$n.rs",
        remedied: "rustc --crate-name g$n --crate-type lib --emit link --out-dir . g$n.rs",
    },
    Call {
        id: "rustc-output-file",
        found: "rustc --crate-name g$n --crate-type lib --emit link -o libg$n.rlib g$n.rs",
        remedied: "rustc --crate-name g$n --crate-type lib --emit link --out-dir . g$n.rs",
    },
    Call { id: "several-sources", found: "gcc -c f$n.c f9.c", remedied: "gcc -c f$n.c; $S gcc -c f9.c" },
    Call { id: "response-file", found: "gcc @missing -c f$n.c || true", remedied: "gcc -DX=1 -c f$n.c" },
    Call { id: "intermediates-kept", found: "gcc -save-temps -c f$n.c", remedied: "gcc -c f$n.c" },
    Call { id: "extra-file", found: "gcc -fstack-usage -c f$n.c", remedied: "gcc -c f$n.c" },
    Call { id: "timings-recorded", found: "clang -ftime-trace -c f$n.c", remedied: "clang -c f$n.c" },
    Call {
        id: "several-architectures",
        found: "clang --target=x86_64-apple-darwin -arch x86_64 -arch arm64 -c f$n.c",
        // It is the server that looks for the variable, so it is set around the whole job.
        remedied: "clang --target=x86_64-apple-darwin -arch x86_64 -arch arm64 -c f$n.c # SCCACHE_CACHE_MULTIARCH",
    },
    Call {
        id: "arguments-unreadable",
        found: "rustc --crate-name g$n --crate-type lib --emit link --out-dir . --extern x g$n.rs || true",
        remedied: "rustc --crate-name g$n --crate-type lib --emit link --out-dir . g$n.rs",
    },
    Call {
        id: "malformed-call",
        found: "rustc --crate-name g$n --crate-type lib --emit link --out-dir . -C extra-filename g$n.rs || true",
        remedied: "rustc --crate-name g$n --crate-type lib --emit link --out-dir . -C extra-filename=-1 g$n.rs",
    },
    Call {
        id: "minimal-rebuild",
        found: "clang-cl /Gm /c f$n.c /Fof$n.obj",
        remedied: "clang-cl /c f$n.c /Fof$n.obj",
    },
    Call { id: "shared-pdb", found: "cl /Zi /c f$n.c /Fof$n.obj", remedied: "cl /Z7 /c f$n.c /Fof$n.obj" },
];

pub(super) fn ids() -> impl Iterator<Item = &'static str> {
    CALLS.iter().map(|call| call.id)
}

/// Clang as its own stand-in for MSVC, the same without the macro by which sccache tells it from MSVC, and what joins
/// objects of several architectures.
fn compilers(world: &World) {
    let bin = world.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let clang = program("clang", "clang");
    symlink(&clang, bin.join("clang-cl")).unwrap();
    let lipo = clang.canonicalize().unwrap().with_file_name("llvm-lipo");
    assert!(lipo.is_file(), "there is no `{}`: install package `llvm`", lipo.display());
    symlink(lipo, bin.join("lipo")).unwrap();
    let cl = format!("exec '{}' --driver-mode=cl -U__clang__ \"$@\"", clang.display());
    fake::script(&bin.join("cl"), &cl);
}

fn path(world: &World) -> String {
    format!("{}:{}", world.path("bin").display(), crate::support::tools::outer("PATH").unwrap())
}

#[test]
fn calls_that_could_be_cached_are_found() {
    for Call { id, found, remedied } in CALLS {
        let world = world();
        compilers(&world);
        let thrice = |call: &str| {
            let script = format!(
                "S=$SCCACHE_PATH; for n in 0 1 2; do $S {call}\ndone 2> said || {{ cat said >&2; exit 9; }}"
            );
            let step = run(&world, "0.19.0", &[], &script).env("PATH", path(&world));
            match call.rsplit_once("# ") {
                Some((_, variable)) => report_of(step.env(variable, "1")),
                None => report_of(step),
            }
        };
        let report = thrice(found);
        has(&report, id);
        assert_eq!(report["verdict"], "needs-attention", "{id}: {report:#}");
        is_clean(&thrice(remedied), id);
    }
}

#[test]
fn a_reason_of_the_future_is_found() {
    let world = world();
    // An sccache that says something else: every reason of today's is known.
    let program = world.path("bin/sccache");
    std::fs::create_dir(program.parent().unwrap()).unwrap();
    let mut bytes = std::fs::read(sccache("0.19.0")).unwrap();
    let (today, future) = (b"multiple input files", b"reason of the future");
    let places: Vec<usize> =
        (0..bytes.len() - today.len()).filter(|at| bytes[*at..].starts_with(today)).collect();
    assert!(!places.is_empty());
    places.iter().for_each(|at| bytes[*at..*at + today.len()].copy_from_slice(future));
    std::fs::write(&program, bytes).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let build =
        |script: &str| report_of(run(&world, "0.19.0", &[], script).env("SCCACHE_STEP_SCCACHE", &program));
    let found = build("$CC -c f0.c; $CC -c f1.c f2.c");
    has(&found, "unknown-reason");
    assert_eq!(found["verdict"], "healthy", "a hint: {found:#}");
    let remedied = build(COMPILE);
    is_clean(&remedied, "unknown-reason");
}

#[test]
fn a_lookup_that_times_out_is_found() {
    let world = world();
    let storage = Webdav::start();
    let url = storage.url();
    let inputs = ["--cache", "webdav", "--webdav-endpoint", &url];
    storage.behave(Manner { get_delay: Duration::from_secs(64), ..Manner::default() });
    let found = report(&world, "0.16.0", &inputs, "$CC -c f0.c");
    has(&found, "lookup-timeouts");
    assert!(found["command"]["took_ms"].as_u64().unwrap() >= 60_000, "sccache waits a minute: {found:#}");
    storage.behave(Manner::default());
    is_clean(&report(&world, "0.16.0", &inputs, "$CC -c f0.c"), "lookup-timeouts");
}
