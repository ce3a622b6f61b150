//! Directories: the private one of a run, and the cache's.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::error::Error;
use crate::process;

/// Creates the directories of a run, for this user alone, with an empty sccache configuration.
pub(super) fn run_directory(run_dir: &Path, socket_dir: &Path) -> Result<(), Error> {
    let unusable = |path: &Path, source: anyhow::Error| Error::DirectoryUnusable {
        path: path.to_owned(),
        purpose: "state directory",
        source,
    };
    for path in [run_dir, socket_dir] {
        match process::create_private_directory(path) {
            Ok(None) => {}
            Ok(Some(reason)) => return Err(Error::DirectoryForeign { path: path.to_owned(), reason }),
            Err(error) => return Err(unusable(path, error.into())),
        }
    }
    let begin_anew = || -> std::io::Result<()> {
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
    begin_anew().map_err(|error| unusable(run_dir, error.into()))
}

/// Creates a cache directory and tries it as sccache will use it.
///
/// # Errors
/// [`Error::DirectoryUnusable`].
pub fn cache_directory(path: &Path) -> Result<(), Error> {
    let attempt = || -> anyhow::Result<()> {
        std::fs::create_dir_all(path).context("it cannot be created")?;
        // The name begins as sccache's own temporary files do, so that a crash here leaves what it removes.
        let mut probe = tempfile::Builder::new()
            .prefix(".sccachetmp")
            .tempfile_in(path)
            .context("no file can be created in it")?;
        probe
            .write_all(b"sccache-step")
            .and_then(|()| probe.flush())
            .context("no file in it can be written")?;
        probe.close().context("no file in it can be removed")
    };
    attempt().map_err(|source| Error::DirectoryUnusable {
        path: path.to_owned(),
        purpose: "cache directory",
        source,
    })
}
