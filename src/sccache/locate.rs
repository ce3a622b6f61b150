//! Where programs are: PATH and the runner's tool cache.
//!
//! Only looks. Surfaces: PATH and PATHEXT; the tool cache of GitHub's runner as its toolkit lays it out, a
//! directory `<tool>/<version>/<arch>/` and an empty file `<tool>/<version>/<arch>.complete` beside it, of
//! which both are needed.

use std::env::consts::{ARCH, EXE_SUFFIX};
use std::path::{Path, PathBuf};

use crate::environment::Variables;
use crate::process;
use crate::version::Version;

/// Searches PATH for `program`, a bare name without extension. Relative entries are skipped: what they
/// name depends on the working directory.
#[must_use]
pub fn on_path(variables: &Variables, program: &str) -> Option<PathBuf> {
    let path = variable(variables, "PATH")?;
    let names = file_names(program, variable(variables, "PATHEXT"));
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .flat_map(|directory| names.iter().map(move |name| directory.join(name)).collect::<Vec<_>>())
        .find(|candidate| process::is_executable(candidate))
}

/// A variable that is set and not empty; on Windows whatever the case of its name.
pub(super) fn variable<'a>(variables: &'a Variables, name: &str) -> Option<&'a str> {
    let any_case = || {
        let mut named = variables.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        named.next().filter(|_| !EXE_SUFFIX.is_empty()).map(|(_, value)| value)
    };
    variables.get(name).or_else(any_case).map(String::as_str).filter(|value| !value.is_empty())
}

/// The file names that a program can have: its own, or on Windows one for each extension of PATHEXT.
fn file_names(program: &str, path_extensions: Option<&str>) -> Vec<String> {
    if EXE_SUFFIX.is_empty() {
        return vec![program.to_owned()];
    }
    let extensions = path_extensions.unwrap_or(".COM;.EXE;.BAT;.CMD");
    extensions
        .split(';')
        .filter(|e| !e.is_empty())
        .map(|e| format!("{program}{}", e.to_lowercase()))
        .collect()
}

/// The directory `<tool cache>/sccache/<version>`.
pub(super) fn version_directory(tool_cache: &Path, version: &Version) -> PathBuf {
    tool_cache.join("sccache").join(version.to_string())
}

/// This machine's name for its architecture in the tool cache: node's `os.arch()`.
pub(super) fn tool_cache_arch() -> &'static str {
    match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        "x86" => "ia32",
        other => other,
    }
}

/// The file whose presence says that the directory beside it is complete.
pub(super) fn tool_cache_marker(tool_cache: &Path, version: &Version) -> PathBuf {
    version_directory(tool_cache, version).join(format!("{}.complete", tool_cache_arch()))
}

/// Where the sccache of that version is, or will be once installed.
#[must_use]
pub fn tool_cache_program(tool_cache: &Path, version: &Version) -> PathBuf {
    version_directory(tool_cache, version).join(tool_cache_arch()).join(format!("sccache{EXE_SUFFIX}"))
}

/// The sccache of that version in the tool cache, when directory, program and marker are all there.
#[must_use]
pub fn in_tool_cache(tool_cache: &Path, version: &Version) -> Option<PathBuf> {
    let program = tool_cache_program(tool_cache, version);
    let complete = tool_cache_marker(tool_cache, version).is_file() && process::is_executable(&program);
    complete.then_some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version { major: 0, minor: 16, patch: 0 };

    fn program_at(path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "#!/bin/sh\n").unwrap();
        process::make_executable(path).unwrap();
    }

    fn path_of(directories: &[PathBuf]) -> Variables {
        let joined = std::env::join_paths(directories).unwrap().into_string().unwrap();
        [("PATH".to_owned(), joined)].into()
    }

    #[test]
    fn the_first_executable_file_on_path_is_found() {
        let home = tempfile::tempdir().unwrap();
        let [directory, plain, first, second] =
            ["dir", "plain", "first", "second"].map(|d| home.path().join(d));
        let name = format!("sccache{EXE_SUFFIX}");
        std::fs::create_dir_all(directory.join(&name)).unwrap();
        std::fs::create_dir_all(&plain).unwrap();
        if EXE_SUFFIX.is_empty() {
            std::fs::write(plain.join(&name), "not executable").unwrap();
        }
        program_at(&first.join(&name));
        program_at(&second.join(&name));
        let variables = path_of(&["relative".into(), directory, plain, first.clone(), second]);
        assert_eq!(on_path(&variables, "sccache"), Some(first.join(&name)));
        assert_eq!(on_path(&variables, "absent"), None);
        assert_eq!(on_path(&Variables::new(), "sccache"), None);
    }

    #[test]
    fn relative_path_entries_are_skipped() {
        assert!(Path::new("src/sccache").is_dir(), "tests run in the package's directory");
        assert_eq!(on_path(&path_of(&["".into(), ".".into(), "src".into()]), "sccache"), None);
    }

    #[test]
    fn the_tool_cache_needs_directory_program_and_marker() {
        let cache = tempfile::tempdir().unwrap();
        let program = tool_cache_program(cache.path(), &VERSION);
        let marker = tool_cache_marker(cache.path(), &VERSION);
        assert_eq!(marker.parent().unwrap(), cache.path().join("sccache").join("0.16.0"));
        assert_eq!(in_tool_cache(cache.path(), &VERSION), None);
        program_at(&program);
        assert_eq!(in_tool_cache(cache.path(), &VERSION), None, "no marker");
        std::fs::write(&marker, "").unwrap();
        assert_eq!(in_tool_cache(cache.path(), &VERSION), Some(program.clone()));
        std::fs::remove_file(&program).unwrap();
        assert_eq!(in_tool_cache(cache.path(), &VERSION), None, "no program");
    }
}
