//! What makes the objects of one machine useless on another: system, architecture, toolchain.
//!
//! sccache itself tells compilers apart, so this only keeps caches of different toolchains from travelling
//! together. No program is run for it: `rustc` may be rustup's, and would install a toolchain to answer.

use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::set;
use crate::environment::Variables;
use crate::sccache;

/// The longest file that is looked into, in bytes.
const LONGEST: u64 = 64 << 10;

/// Name and value of each part.
pub(super) fn machine(variables: &Variables, workspace: &Path) -> Vec<(&'static str, String)> {
    let mut parts = vec![
        ("system", std::env::consts::OS.to_owned()),
        ("architecture", std::env::consts::ARCH.to_owned()),
    ];
    parts.extend(rust(variables, workspace).map(|rust| ("rust", rust)));
    parts.extend(c_compiler(variables).map(|compiler| ("C compiler", compiler)));
    parts
}

/// rustup's choice and what it has installed, else the program.
fn rust(variables: &Variables, workspace: &Path) -> Option<String> {
    let program = sccache::on_path(variables, "rustc")?;
    let home = set(variables, "RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| {
        set(variables, "HOME")
            .or_else(|| set(variables, "USERPROFILE"))
            .map(|home| Path::new(home).join(".rustup"))
    });
    let installed = home.as_deref().map(update_hashes).unwrap_or_default();
    if installed.is_empty() {
        let real = program.canonicalize().ok()?;
        let bytes = real.metadata().ok()?.len();
        return Some(format!("`{}` of {bytes} bytes", real.display()));
    }
    let files = ["rust-toolchain.toml", "rust-toolchain"].map(|name| text(&workspace.join(name)));
    let default = home.and_then(|home| text(&home.join("settings.toml")));
    let chosen = set(variables, "RUSTUP_TOOLCHAIN").map(str::to_owned);
    let chosen = chosen.or_else(|| files.into_iter().flatten().next()).or(default).unwrap_or_default();
    Some(format!("rustup {}", digest(&[chosen.as_bytes(), installed.as_bytes()])))
}

/// Which release of each toolchain rustup has installed.
fn update_hashes(home: &Path) -> String {
    let entries = std::fs::read_dir(home.join("update-hashes")).into_iter().flatten().flatten();
    let mut hashes: Vec<String> = entries
        .filter_map(|entry| Some(format!("{}={}", entry.file_name().to_str()?, text(&entry.path())?)))
        .collect();
    hashes.sort();
    hashes.join(";")
}

/// `CC` and `CXX`, else the program behind `cc`, whose name has its version on most systems.
fn c_compiler(variables: &Variables) -> Option<String> {
    let named: Vec<&str> = ["CC", "CXX"].into_iter().filter_map(|name| set(variables, name)).collect();
    if !named.is_empty() {
        return Some(named.join(" and "));
    }
    let real = sccache::on_path(variables, "cc")?.canonicalize().ok()?;
    Some(real.file_name()?.to_string_lossy().into_owned())
}

fn text(path: &Path) -> Option<String> {
    let is_short = std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LONGEST);
    std::fs::read_to_string(path).ok().filter(|_| is_short).map(|text| text.trim().to_owned())
}

fn digest(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
