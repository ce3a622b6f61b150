//! The sample projects, and how many compilations of each can be cached.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::step::Step;
use super::tools::repository;
use super::world::World;

/// A sample project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Project {
    Rust,
    Make,
    Cmake,
}

impl Project {
    pub const ALL: [Self; 3] = [Self::Rust, Self::Make, Self::Cmake];

    const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Make => "make",
            Self::Cmake => "cmake",
        }
    }

    /// A copy in this world.
    pub fn copy(self, world: &World) -> PathBuf {
        let target = world.path("work").join(self.name());
        copy(&repository().join("tests/fixtures/projects").join(self.name()), &target);
        target
    }

    /// What builds it and runs the result, as a shell command in its directory.
    pub const fn build(self) -> &'static str {
        match self {
            Self::Rust => "cargo build --locked --quiet && ./target/debug/app",
            Self::Make => "make --silent CC=\"$CC\" && ./build/sample",
            Self::Cmake => {
                "cmake -S . -B build > cmake.log && cmake --build build -j2 >> cmake.log && ./build/sample"
            }
        }
    }

    /// What its program prints.
    pub const fn prints(self) -> &'static str {
        match self {
            Self::Rust => "Report: circle, polygon of 4 corners; area 9.14; 15 vectors; prime 997\n",
            Self::Make => "MAKE: sum 2080; trace 68880; hash cd216eef\n",
            Self::Cmake => "CMake: circle, rectangle; area 9.14; inch 2.54 cm\n",
        }
    }

    /// The input `wrap` that it needs.
    pub const fn wrap(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Make => "cc",
            Self::Cmake => "cmake",
        }
    }

    /// Removes everything that a build made.
    pub fn clean(copy: &Path) {
        for name in ["target", "build"] {
            let directory = copy.join(name);
            if directory.exists() {
                std::fs::remove_dir_all(directory).unwrap();
            }
        }
    }

    /// How many compilations sccache can cache, computed from the sources.
    pub fn units(self, world: &World, copy: &Path) -> u64 {
        match self {
            Self::Rust => library_crates(&world.command("cargo").within(copy)),
            Self::Make => sources(copy),
            // CMake's own check compiles one file for each of its two languages.
            Self::Cmake => sources(copy) + 2,
        }
    }
}

/// Members with a library that is not loaded by rustc itself.
fn library_crates(cargo: &Step) -> u64 {
    let metadata =
        cargo.clone().args(&["metadata", "--no-deps", "--format-version", "1"]).run().expect(0).json();
    let has = |package: &&Value| {
        let targets = package["targets"].as_array().unwrap();
        let kinds = targets.iter().flat_map(|target| target["kind"].as_array().unwrap());
        kinds.clone().any(|kind| kind == "lib")
    };
    u64::try_from(metadata["packages"].as_array().unwrap().iter().filter(has).count()).unwrap()
}

/// The files of C and C++ below a directory.
fn sources(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .map(|path| match path.extension().and_then(|e| e.to_str()) {
            _ if path.is_dir() => sources(&path),
            Some("c" | "cpp" | "cc") => 1,
            _ => 0,
        })
        .sum()
}

/// Copies a directory with everything in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            if entry.file_name() != "target" {
                copy(&entry.path(), &target);
            }
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
