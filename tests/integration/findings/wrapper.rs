//! Servers that nobody calls, and compilers that cannot be called.

use super::{COMPILE, has, is_clean, report, report_of, run, world};
use crate::support::project::Project;
use crate::support::tools::{ANY, program, sccache};
use crate::support::world::World;

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
    std::fs::remove_file(world.path("work/.cargo/config.toml")).unwrap();
    let remedied = report(&world, ANY, &["--wrap", "cc"], COMPILE);
    is_clean(&remedied, "wrapper-not-set");
    is_clean(&remedied, "wrapper-overridden");
}

#[test]
fn a_wrapper_that_is_set_and_not_called_is_found() {
    let world = world();
    has(&report(&world, ANY, &[], "gcc -c f0.c"), "wrapper-not-called");
    // A container in between has neither the variables nor the directory of the socket.
    let root = world.root().to_str().unwrap();
    let container = [
        "--dev-bind",
        "/",
        "/",
        "--tmpfs",
        &format!("{root}/tmp"),
        "--clearenv",
        "--setenv",
        "PATH",
        "/usr/bin:/bin",
        "--",
        "sh",
        "-c",
        "${CC:-gcc} -c f0.c",
    ];
    let bwrap = program("bwrap", "bubblewrap");
    let quoted: String = container.iter().map(|word| format!(" '{word}'")).collect();
    has(&report(&world, ANY, &[], &format!("{}{quoted}", bwrap.display())), "wrapper-not-called");
    let inside = run(&world, ANY, &[], COMPILE);
    let inside = inside.wrapped(&bwrap, &["--dev-bind", "/", "/", "--tmpfs", &format!("{root}/tmp"), "--"]);
    is_clean(&report_of(inside), "wrapper-not-called");
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

#[test]
fn a_compiler_that_sccache_does_not_know_is_found() {
    let world = world();
    let unknown = report(&world, ANY, &[], &format!("$SCCACHE_PATH /bin/echo x 2> said || true; {COMPILE}"));
    has(&unknown, "unsupported-compiler");
    let without = format!("/bin/echo x >&2; {COMPILE}");
    is_clean(&report(&world, ANY, &[], &without), "unsupported-compiler");
}
