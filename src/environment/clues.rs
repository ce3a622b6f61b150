//! Why nobody may have called the server, as far as it shows from outside the build.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A wrapper variable that the job was handed, and that says something else now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The variable.
    pub name: String,
    /// What it says now; `None` when it is not set any more.
    pub value: Option<String>,
}

/// A Cargo configuration file that names a wrapper other than sccache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CargoWrapper {
    /// The file.
    pub file: String,
    /// The wrapper.
    pub program: String,
}

/// What is seen when a job ends in which nothing was compiled through sccache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clues {
    /// The wrapper variables that name sccache, handed over by us or set by the job itself.
    pub wrappers: Vec<String>,
    /// The first of those handed over that says something else now.
    pub replaced: Option<Replaced>,
    /// A Cargo configuration that names another wrapper.
    pub cargo_wrapper: Option<CargoWrapper>,
    /// A directory of build results that is older than the job.
    pub old_build: Option<String>,
}

/// The variables through which a build is made to call sccache.
pub const WRAPPER_VARIABLES: [&str; 6] = [
    "RUSTC_WRAPPER",
    "CMAKE_C_COMPILER_LAUNCHER",
    "CMAKE_CXX_COMPILER_LAUNCHER",
    "CMAKE_CUDA_COMPILER_LAUNCHER",
    "CC",
    "CXX",
];

/// Where Cargo looks for configuration, from a working directory up to the root, then in its home.
#[must_use]
pub fn cargo_configurations(workspace: &std::path::Path, cargo_home: Option<PathBuf>) -> Vec<PathBuf> {
    let ancestors = workspace.ancestors().map(|directory| directory.join(".cargo"));
    let directories: Vec<PathBuf> = ancestors.chain(cargo_home).collect();
    directories
        .iter()
        .flat_map(|directory| [directory.join("config.toml"), directory.join("config")])
        .collect()
}
