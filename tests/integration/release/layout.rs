//! The tree that a tag leads to, and the archives beside it.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use super::forged::{self, Fault};
use super::{local_layout, script, targets};
use crate::support::runner::Runner;
use crate::support::tools::repository;

/// A directory with everything in PATH but cargo, under the same names.
fn path_without_cargo(directory: &Path) -> String {
    std::fs::create_dir(directory).unwrap();
    let path = std::env::var_os("PATH").unwrap();
    for entry in std::env::split_paths(&path).filter_map(|from| std::fs::read_dir(from).ok()).flatten() {
        let entry = entry.unwrap();
        if !entry.file_name().to_string_lossy().starts_with("cargo") {
            // The first of a name is the one that is found.
            let _ = symlink(entry.path(), directory.join(entry.file_name()));
        }
    }
    directory.display().to_string()
}

#[test]
fn a_release_runs_with_neither_network_nor_cargo() {
    let mut runner = Runner::new();
    let action = runner.world.path("action");
    std::fs::remove_dir_all(&action).unwrap();
    std::fs::rename(local_layout(runner.world.root()), &action).unwrap();
    runner.machine_path = path_without_cargo(&runner.world.path("programs"));
    runner.offline = true;
    let look =
        runner.command("sh").args(&["-c", "command -v cargo; node --version; ls /sys/class/net"]).run();
    assert!(!look.stdout.contains("cargo") && look.stdout.starts_with('v'), "{look}");

    let main = runner.action("main", &[("cache", "disk"), ("fail-fast", "true")], &BTreeMap::new());
    assert_eq!(main.finished.code(), 0, "{}", main.finished);
    let build = runner.compile("offline");
    assert_eq!(build.code(), 0, "{build}");
    let post = runner.action("post", &[("fail-fast", "true")], &main.state);
    assert_eq!(post.finished.code(), 0, "{}", post.finished);
    assert!(post.summary.contains("| Rust | 0 | 1 |"), "{}", post.summary);
    assert!(!action.join("target").exists(), "it was built");
}

#[test]
fn a_release_has_every_program_or_is_none() {
    let home = tempfile::tempdir().unwrap();
    let (programs, assembled) = (home.path().join("programs"), home.path().join("assembled"));
    let assemble = || {
        let _ = std::fs::remove_dir_all(&assembled);
        script("assemble.sh", &[&programs, &assembled])
    };
    let first = forged::path(&programs, "x86_64-unknown-linux-musl");
    let last = forged::path(&programs, "aarch64-pc-windows-msvc");

    let faults: [(&str, &dyn Fn()); 8] = [
        ("there is no `", &|| std::fs::remove_file(&last).unwrap()),
        ("is not static", &|| std::fs::write(&first, forged::elf(0x3e, Fault::Dynamic)).unwrap()),
        ("is not stripped", &|| std::fs::write(&first, forged::elf(0x3e, Fault::NotStripped)).unwrap()),
        ("another processor", &|| std::fs::write(&first, forged::elf(0xb7, Fault::None)).unwrap()),
        ("is no Windows program", &|| std::fs::write(&last, forged::elf(0xb7, Fault::None)).unwrap()),
        ("is no 64-bit ELF file", &|| std::fs::write(&first, "#!/bin/sh").unwrap()),
        ("more than the 5000000 of the size budget", &|| {
            let file = std::fs::File::options().append(true).open(&last).unwrap();
            file.set_len(5_000_001).unwrap();
        }),
        ("holds more than `sccache-step`", &|| std::fs::write(first.with_file_name("notes"), "").unwrap()),
    ];
    for (words, damage) in faults {
        forged::all(&programs);
        damage();
        assemble().refused(words);
        assert!(!assembled.exists(), "{words}: something was laid out all the same");
        let _ = std::fs::remove_file(first.with_file_name("notes"));
    }

    forged::all(&programs);
    assemble().succeeded();
    for target in targets() {
        let program = forged::path(&assembled.join("bin"), &target);
        assert_eq!(
            std::fs::read(&program).unwrap(),
            std::fs::read(forged::path(&programs, &target)).unwrap()
        );
        assert_eq!(program.metadata().unwrap().permissions().mode() & 0o777, 0o755, "{target}");
    }
    for file in ["action.yml", "action/launch.js", "gitlab/sccache-step.yml", "Cargo.lock"] {
        assert_eq!(
            std::fs::read(assembled.join(file)).unwrap(),
            std::fs::read(repository().join(file)).unwrap(),
            "{file}"
        );
    }
    script("assemble.sh", &[&programs, &assembled]).refused("is there already");
}

#[test]
fn archives_are_named_as_cargo_binstall_looks_for_them() {
    let home = tempfile::tempdir().unwrap();
    let (programs, assembled) = (home.path().join("programs"), home.path().join("assembled"));
    forged::all(&programs);
    script("assemble.sh", &[&programs, &assembled]).succeeded();
    let (archives, again) = (home.path().join("archives"), home.path().join("again"));
    script("archives.sh", &[&assembled, &archives]).succeeded();
    script("archives.sh", &[&assembled, &again]).succeeded();

    let mut names = vec!["SHA256SUMS".to_owned()];
    for target in targets() {
        let (url, program) = super::names::binstall(&target);
        let name = url.rsplit('/').next().unwrap().to_owned();
        let archive = archives.join(&name);
        assert!(archive.is_file(), "there is no {name}");
        assert_eq!(std::fs::read(&archive).unwrap(), std::fs::read(again.join(&name)).unwrap(), "{name}");
        let listing = if name.ends_with(".zip") {
            Command::new("python3").args(["-m", "zipfile", "-l"]).arg(&archive).output().unwrap()
        } else {
            Command::new("tar").args(["--verbose", "-tzf"]).arg(&archive).output().unwrap()
        };
        let listing = String::from_utf8(listing.stdout).unwrap();
        assert!(listing.contains(&program), "{name} has no {program}: {listing}");
        assert!(name.ends_with(".zip") || listing.contains("-rwxr-xr-x 0/0"), "{listing}");
        for text in ["LICENSE-APACHE", "LICENSE-MIT", "README.md"] {
            assert!(listing.contains(text), "{name} has no {text}");
        }
        names.push(name);
    }
    let mut found: Vec<String> = std::fs::read_dir(&archives)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    found.sort();
    assert_eq!(found, names);
    let check =
        Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&archives).output().unwrap();
    assert!(check.status.success(), "{check:?}");
    assert_eq!(String::from_utf8(check.stdout).unwrap().lines().count(), targets().len());
}
