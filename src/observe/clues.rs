//! Why nobody may have called the server: the variables as they are now, Cargo's configuration, old results.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::set;
use crate::environment::{
    CargoWrapper, Clues, Environment, Replaced, WRAPPER_VARIABLES, cargo_configurations,
};

/// The longest configuration file that is read, in bytes.
const CONFIGURATION_LIMIT_BYTES: u64 = 1 << 20;

/// What shows now. `exported` are the names that `pre` handed to the job, `began_unix_ms` is when it did.
#[must_use]
pub fn clues(environment: &Environment, exported: &[String], began_unix_ms: u64) -> Clues {
    let variables = &environment.variables;
    let names_sccache = |value: &str| value.contains("sccache");
    let handed = |name: &&str| exported.iter().any(|exported| exported == name);
    let is_wrapping = |name: &str| handed(&name) || set(variables, name).is_some_and(names_sccache);
    let wrappers = WRAPPER_VARIABLES.into_iter().filter(|name| is_wrapping(name)).map(ToOwned::to_owned);
    // A shell that was not given what `pre` handed over has neither of them, which is no override.
    let is_told =
        variables.contains_key("SCCACHE_SERVER_UDS") || variables.contains_key("SCCACHE_SERVER_PORT");
    let replaced = WRAPPER_VARIABLES.into_iter().filter(|name| is_told && handed(name)).find_map(|name| {
        let value = variables.get(name);
        let other = !value.is_some_and(|value| names_sccache(value));
        other.then(|| Replaced { name: name.to_owned(), value: value.cloned() })
    });
    let home = set(variables, "CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(set(variables, "HOME")?).join(".cargo")));
    let configurations = cargo_configurations(&environment.workspace, home);
    let began = SystemTime::UNIX_EPOCH + Duration::from_millis(began_unix_ms);
    Clues {
        wrappers: wrappers.collect(),
        replaced,
        cargo_wrapper: configurations.iter().find_map(|file| cargo_wrapper(file)),
        old_build: old_build(environment, began).map(|path| path.to_string_lossy().into_owned()),
    }
}

/// The wrapper that a Cargo configuration names, when it is another one than sccache.
fn cargo_wrapper(file: &Path) -> Option<CargoWrapper> {
    let metadata = std::fs::metadata(file).ok()?;
    if !metadata.is_file() || metadata.len() > CONFIGURATION_LIMIT_BYTES {
        return None;
    }
    let text = std::fs::read_to_string(file).ok()?;
    let program = wrapper_in(&text).filter(|program| !program.contains("sccache"))?;
    Some(CargoWrapper { file: file.to_string_lossy().into_owned(), program })
}

/// `rustc-wrapper` of the table `build`, as a line of TOML: all of TOML is not worth a dependency here.
fn wrapper_in(toml: &str) -> Option<String> {
    let mut table = String::new();
    for line in toml.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            name.trim_end_matches(']').trim().clone_into(&mut table);
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let key = key.trim();
        if (table == "build" && key == "rustc-wrapper") || (table.is_empty() && key == "build.rustc-wrapper")
        {
            let value = value.trim();
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            return value[1..].split(quote).next().map(ToOwned::to_owned);
        }
    }
    None
}

/// A directory of results that is older than the job and has got nothing new since.
fn old_build(environment: &Environment, began: SystemTime) -> Option<PathBuf> {
    let is_old = |mark: &Path| {
        let changed = std::fs::metadata(mark).and_then(|metadata| metadata.modified());
        changed.is_ok_and(|changed| changed < began)
    };
    let target = set(&environment.variables, "CARGO_TARGET_DIR")
        .map_or_else(|| environment.workspace.join("target"), |named| environment.workspace.join(named));
    let profiles = directories(&target).into_iter().flat_map(|profile| {
        let nested = directories(&profile);
        std::iter::once(profile).chain(nested)
    });
    let cargo = profiles
        .map(|profile| (profile.clone(), profile.join(".fingerprint")))
        .find(|(_, mark)| is_old(mark));
    let cmake = || {
        let places =
            std::iter::once(environment.workspace.clone()).chain(directories(&environment.workspace));
        places.map(|place| (place.clone(), place.join("CMakeCache.txt"))).find(|(_, mark)| is_old(mark))
    };
    cargo.or_else(cmake).map(|(directory, _)| directory)
}

/// The directories in a directory, in the order of their names; not those behind links.
fn directories(of: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(of).into_iter().flatten().filter_map(Result::ok);
    let found = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    let mut paths: Vec<PathBuf> = found.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::wrapper_in;

    #[test]
    fn the_wrapper_is_found_in_its_table_only() {
        let found = |toml: &str| wrapper_in(toml);
        assert_eq!(found("[build]\njobs = 2\nrustc-wrapper = \"ccache\" # x\n"), Some("ccache".into()));
        assert_eq!(found("build.rustc-wrapper = '/opt/a b/wrap'"), Some("/opt/a b/wrap".into()));
        assert_eq!(found("[build]\nrustc-wrapper = \"\"\n"), Some(String::new()));
        assert_eq!(found("[other]\nrustc-wrapper = \"x\"\n"), None);
        assert_eq!(found("[build]\nrustc-wrapper = \n"), None);
        assert_eq!(found("[build]\n# rustc-wrapper = \"x\"\n[é"), None);
    }
}
