//! The directory of a local cache. sccache notices an unusable one only at the first compilation, and then
//! fails those of C and C++.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

use crate::error::Error;

/// Creates a cache directory and tries it as sccache will use it.
///
/// # Errors
/// [`Error::DirectoryUnusable`].
pub fn try_cache_directory(path: &Path) -> Result<(), Error> {
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
