//! The static programs for Linux: on a root file system with nothing in it, as a user without a name and a home, and
//! for another processor.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::step::Step;
use crate::support::tools::{ANY, built_for, installed, program, sccache};
use crate::support::world::World;

const HERE: &str = "x86_64-unknown-linux-musl";
const OTHER: &str = "aarch64-unknown-linux-musl";

/// The program where the root file system has it.
const STEP: &str = "/bin/sccache-step";

#[test]
fn the_programs_are_static() {
    let world = World::new();
    for (triple, machine) in [(HERE, "X86-64"), (OTHER, "AArch64")] {
        let readelf =
            world.command(program("readelf", "binutils")).args(&["--file-header", "--program-headers"]);
        let told = readelf.arg("--wide").arg(built_for(triple)).run().expect(0).stdout;
        assert!(told.contains(machine), "{told}");
        // One that relocates itself may have a dynamic section; a loader is what it must not ask for.
        assert!(!told.contains("INTERP"), "{triple} is not static: {told}");
    }
}

/// A root file system of this world with these files in it, and with nothing else. Without a network and other
/// processes.
fn bare_root(world: &World, files: &[(PathBuf, PathBuf)], more: &[&str]) -> Step {
    let mut step =
        world.command(program("bwrap", "bubblewrap")).args(&["--unshare-all", "--die-with-parent"]);
    for (from, to) in files {
        step = step.arg("--ro-bind").arg(from).arg(to);
    }
    step.args(more).arg("--clearenv")
}

#[test]
fn an_empty_root_file_system_is_enough() {
    let world = World::new();
    let only = [(built_for(HERE), PathBuf::from(STEP))];
    let call = |words: &[&str]| bare_root(&world, &only, &[]).arg(STEP).args(words).run().expect(0);
    assert!(call(&["--version"]).stdout.starts_with("sccache-step "));
    let plan = call(&["pre", "--dry-run"]);
    assert!(plan.stdout.contains("install sccache 0.16.0"), "{plan}");
    let pre = call(&["pre"]);
    assert!(pre.stderr.contains("warning: sccache 0.16.0 could not be installed"), "{pre}");
    assert_eq!(pre.stdout, "", "no wrapper is set when there is no server");
    let post = call(&["post"]);
    assert!(post.stderr.contains("nothing to stop"), "{post}");
}

/// A program and the libraries that it needs, each where it is.
fn with_libraries(world: &World, program: &Path, as_name: &str) -> BTreeSet<(PathBuf, PathBuf)> {
    let told = world.command("/usr/bin/ldd").arg(program).run().expect(0).stdout;
    let libraries = told.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from);
    let files = libraries.map(|library| (library.canonicalize().unwrap(), library));
    files.chain([(program.canonicalize().unwrap(), as_name.into())]).collect()
}

/// The part of gcc that has this name.
fn part_of_gcc(world: &World, name: &str) -> PathBuf {
    let told = world.command(program("gcc", "gcc")).arg(format!("-print-prog-name={name}")).run().expect(0);
    let path = PathBuf::from(told.stdout.trim_end());
    if path.is_absolute() { path } else { program(name, "binutils") }
}

#[test]
fn a_user_without_name_and_home_builds_on_a_bare_root_file_system() {
    let world = World::new();
    let mut files = BTreeSet::from([(built_for(HERE), PathBuf::from(STEP))]);
    let compiler = part_of_gcc(&world, "cc1");
    let programs = [
        (program("dash", "dash"), "/bin/sh"),
        (program("gcc", "gcc"), "/usr/bin/gcc"),
        (part_of_gcc(&world, "as"), "/usr/bin/as"),
        (compiler.clone(), compiler.to_str().unwrap()),
        (sccache(ANY), "/usr/bin/sccache"),
    ];
    for (path, name) in programs {
        files.extend(with_libraries(&world, &path, name));
    }
    let files: Vec<_> = files.into_iter().collect();
    std::fs::write(world.path("work/seven.c"), "int seven(void) { return 7; }\n").unwrap();
    let work = world.path("work");
    // Not root, and nobody that a file could tell of: there is no `/etc/passwd`.
    let user = ["--uid", "12345", "--gid", "12345", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp"];
    let place = ["--bind", work.to_str().unwrap(), "/work", "--chdir", "/work"];
    let script = "set -e
        eval \"$(sccache-step pre --wrap cc --shell sh)\"
        for round in 1 2; do $CC -nostdinc -c seven.c -o seven$round.o; done
        sccache-step post --format json";
    let finished = bare_root(&world, &files, &[&user[..], &place].concat())
        .args(&["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "CC", "gcc", "/bin/sh", "-c", script])
        .run()
        .expect(0);
    let report = finished.json();
    assert_eq!((&report["hits"], &report["misses"]), (&Value::from(1), &Value::from(1)), "{finished}");
    assert!(!finished.stderr.contains("warning"), "{finished}");
}

/// Everything but the compiler is of the other processor: our program, its supervisor, sccache's server and clients.
#[test]
fn another_processor_builds_with_a_cache() {
    let world = World::new();
    let sccache = installed().join("aarch64/sccache");
    assert!(sccache.is_file(), "there is no `{}`: run `.ci/prepare`", sccache.display());
    let call = |words: &[&str]| {
        let emulated = world.command(program("proot", "proot"));
        let emulator = program("qemu-aarch64-static", "qemu-user-static");
        let emulated = emulated.arg("-q").arg(format!("{} -L /usr/aarch64-linux-gnu", emulator.display()));
        let emulated = emulated.arg(built_for(OTHER)).args(words);
        emulated
            .env("SCCACHE_STEP_SCCACHE", &sccache)
            .env("SCCACHE_STEP_CACHE_DIR", world.path("cache"))
            .env("SCCACHE_STEP_STATE", world.state_path())
            .env("CC", program("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"))
    };
    let plan = call(&["pre", "--dry-run"]).run().expect(0);
    assert!(plan.stdout.contains("start a server with local disk"), "{plan}");
    std::fs::write(world.path("work/seven.c"), "int seven(void) { return 7; }\n").unwrap();
    let script = "for round in 1 2; do rm -f seven.o; $CC -c seven.c || exit; done";
    let run = call(&["run", "--wrap", "cc", "--", "sh", "-c", script]).run().expect(0);
    assert!(run.stderr.contains("1 of 2 from cache"), "{run}");
    let object = std::fs::read(world.path("work/seven.o")).unwrap();
    assert_eq!(object[18..20], [0xb7, 0], "it is compiled for the other processor");
    // The phases as a job calls them. Each is a world of emulation of its own, whose end is its processes' end.
    let phases = format!(
        "'{0}' pre --wrap cc --shell sh > exports && . ./exports && $CC -c seven.c && '{0}' post --format json",
        built_for(OTHER).display()
    );
    let run = call(&["--version"]);
    let step = run.words()[1..3].iter().fold(world.command(&run.words()[0]), |step, word| step.arg(word));
    let phases = step.args(&["sh", "-c", &phases]).envs(&run.variables()).run().expect(0);
    let report = phases.json();
    assert_eq!((&report["hits"], &report["misses"]), (&Value::from(1), &Value::from(0)), "{phases}");
}
