//! Directories: the private one of a run, and the cache's.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::process;
use crate::secret::Secret;

fn unusable(path: &Path, source: anyhow::Error) -> Error {
    Error::DirectoryUnusable { path: path.to_owned(), purpose: "state directory", source }
}

/// Creates the directories of a run, for this user alone.
pub(super) fn run_directories(run_dir: &Path, socket_dir: &Path) -> Result<(), Error> {
    for path in [run_dir, socket_dir] {
        match process::create_private_directory(path) {
            Ok(None) => {}
            Ok(Some(reason)) => return Err(Error::DirectoryForeign { path: path.to_owned(), reason }),
            Err(error) => return Err(unusable(path, error.into())),
        }
    }
    Ok(())
}

/// Waits until no other call works in this directory, and holds the others off while the file is open. `None`
/// where the file system has no locks, or the holder hangs: the server's own start then fails or succeeds.
pub(super) fn lock(run_dir: &Path, limit: Duration) -> Option<File> {
    process::lock(&run_dir.join("lock"), limit)
}

/// Clears what an earlier job left, and puts an empty sccache configuration there.
pub(super) fn begin_anew(run_dir: &Path) -> Result<(), Error> {
    let attempt = || -> std::io::Result<()> {
        // What an earlier job left here would be read as this one's.
        for stale in ["history.jsonl", "stop-requested"] {
            match std::fs::remove_file(run_dir.join(stale)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::write(
            run_dir.join("sccache.toml"),
            "# sccache-step: the server is set up by its environment\n",
        )
    };
    attempt().map_err(|error| unusable(run_dir, error.into()))
}

/// Writes the server's configuration, for this user alone.
pub(super) fn configuration(path: &Path, content: &Secret) -> Result<(), Error> {
    let attempt = || -> anyhow::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(path))?;
        file.write_all(content.expose().as_bytes())?;
        file.persist(path)?;
        Ok(())
    };
    let purpose = "configuration of the server";
    attempt().map_err(|source| Error::FileUnwritable { purpose, path: path.to_owned(), source })
}
