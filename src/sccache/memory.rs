//! Which version a program said it is, remembered beside the tool cache, so that it is not run again just to
//! say the same.
//!
//! A file is taken for the same while its real path, size and time of change are. Only real programs are
//! remembered: a version manager's stand-in may become another sccache without changing itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::process;
use crate::version::Version;

/// What every sccache exceeds and no stand-in script reaches, in bytes.
const SMALLEST_BYTES: u64 = 1 << 20;

/// More programs than one machine has; beyond that the memory begins anew.
const CAPACITY: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    size_bytes: u64,
    modified_unix_ns: u64,
    version: String,
}

type Memory = BTreeMap<String, Seen>;

/// The version that `program` said it is when it was last asked, unless it has changed since.
#[must_use]
pub fn recall(tool_cache: &Path, program: &Path) -> Option<Version> {
    let (path, seen) = look(program, String::new())?;
    let remembered = read(tool_cache).remove(&path)?;
    let same =
        (remembered.size_bytes, remembered.modified_unix_ns) == (seen.size_bytes, seen.modified_unix_ns);
    Version::parse(&remembered.version).filter(|_| same)
}

/// Remembers what `program` said. It is no trouble when that cannot be done: it is asked again next time.
pub fn remember(tool_cache: &Path, program: &Path, version: Version) {
    let Some((path, seen)) = look(program, version.to_string()) else { return };
    let mut memory = read(tool_cache);
    if memory.get(&path) == Some(&seen) {
        return;
    }
    if memory.len() >= CAPACITY {
        memory.clear();
    }
    memory.insert(path, seen);
    let _ = write(tool_cache, &memory);
}

fn look(program: &Path, version: String) -> Option<(String, Seen)> {
    let real = program.canonicalize().ok()?;
    let metadata = real.metadata().ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let is_program = real.file_stem()? == "sccache" && metadata.len() >= SMALLEST_BYTES;
    let modified_unix_ns = u64::try_from(modified.as_nanos()).ok()?;
    let seen = Seen { size_bytes: metadata.len(), modified_unix_ns, version };
    is_program.then_some((real.to_str()?.to_owned(), seen))
}

fn file(tool_cache: &Path) -> PathBuf {
    tool_cache.join("sccache-step-versions.json")
}

fn read(tool_cache: &Path) -> Memory {
    let path = file(tool_cache);
    // What somebody else wrote, or something else than a memory, is as good as nothing.
    match process::foreign_file(&path) {
        Ok(None) => {
            std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
        }
        _ => Memory::new(),
    }
}

fn write(tool_cache: &Path, memory: &Memory) -> anyhow::Result<()> {
    std::fs::create_dir_all(tool_cache)?;
    let temporary = tempfile::NamedTempFile::new_in(tool_cache)?;
    std::fs::write(temporary.path(), serde_json::to_vec(memory)?)?;
    temporary.persist(file(tool_cache))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version { major: 0, minor: 16, patch: 0 };

    fn program(directory: &Path, name: &str, size: usize) -> PathBuf {
        let path = directory.join(name);
        std::fs::write(&path, vec![b'x'; size]).unwrap();
        path
    }

    #[test]
    fn a_program_is_remembered_until_it_changes() {
        let directory = tempfile::tempdir().unwrap();
        let tools = directory.path().join("tools");
        let sccache = program(directory.path(), "sccache", 2 << 20);
        assert_eq!(recall(&tools, &sccache), None);
        remember(&tools, &sccache, VERSION);
        assert_eq!(recall(&tools, &sccache), Some(VERSION));
        program(directory.path(), "sccache", (2 << 20) + 1);
        assert_eq!(recall(&tools, &sccache), None);
    }

    #[test]
    fn stand_ins_and_garbage_are_not_believed() {
        let directory = tempfile::tempdir().unwrap();
        let tools = directory.path().join("tools");
        let script = program(directory.path(), "sccache", 100);
        remember(&tools, &script, VERSION);
        assert_eq!(recall(&tools, &script), None);
        let manager = program(directory.path(), "version-manager", 2 << 20);
        remember(&tools, &manager, VERSION);
        assert_eq!(recall(&tools, &manager), None);
        let sccache = program(directory.path(), "sccache", 2 << 20);
        std::fs::create_dir_all(&tools).unwrap();
        std::fs::write(file(&tools), "garbage").unwrap();
        assert_eq!(recall(&tools, &sccache), None);
        remember(&tools, &sccache, VERSION);
        assert_eq!(recall(&tools, &sccache), Some(VERSION));
    }
}
