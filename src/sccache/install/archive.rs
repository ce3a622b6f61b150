//! sccache from its release archive.
//!
//! Surface: `<base>/v<version>/sccache-v<version>-<target>.tar.gz`, which holds
//! `sccache-v<version>-<target>/sccache` (`sccache.exe` for Windows) and documents.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};
use flate2::read::MultiGzDecoder;

use super::{Failure, Order, Progress, SIZE_LIMIT_BYTES, compare, download, unpack_program};

/// Where the project publishes its releases.
const RELEASES: &str = "https://github.com/mozilla/sccache/releases/download";

/// Downloads, verifies and unpacks the release archive; returns the program, inside `staging`.
pub(super) fn fetch(order: &Order<'_>, staging: &Path, progress: &dyn Progress) -> Result<PathBuf, Failure> {
    let target = order.target.context("no release archive is published for this system")?;
    let digest = order.digests.archive(order.version, target);
    if digest.is_none() && !order.allow_unpinned {
        return Err(Failure::Reason(format!("no digest of the archive for `{target}` is compiled in")));
    }
    let stem = format!("sccache-v{}-{target}", order.version);
    let base = order.archive_base.unwrap_or(RELEASES).trim_end_matches('/');
    let request = download::Request {
        url: format!("{base}/v{}/{stem}.tar.gz", order.version),
        limit_bytes: SIZE_LIMIT_BYTES,
        deadline: Instant::now() + order.timeout,
        patience: download::Patience::default(),
        variables: order.variables,
    };
    let file = staging.join("archive");
    let actual = download::download(&request, &file, progress)?;
    compare(&request.url, digest, &actual)?;
    let program = super::program_in(staging);
    unpack(&file, &stem, &program).with_context(|| format!("`{}` cannot be unpacked", request.url))?;
    Ok(program)
}

/// Unpacks the one file that is wanted; whatever else the archive holds is not touched.
fn unpack(archive: &Path, stem: &str, program: &Path) -> anyhow::Result<()> {
    let suffix = if stem.contains("-windows-") { ".exe" } else { "" };
    let wanted = format!("{stem}/sccache{suffix}");
    let bytes = MultiGzDecoder::new(std::fs::File::open(archive)?);
    // An archive without a digest could be a bomb: entries in front of the wanted one are read, too.
    let mut archive = tar::Archive::new(bytes.take(2 * SIZE_LIMIT_BYTES));
    for entry in archive.entries()? {
        let entry = entry?;
        let path = entry.path_bytes();
        if path.strip_prefix(b"./").unwrap_or(&path) == wanted.as_bytes() {
            ensure!(entry.header().entry_type().is_file(), "`{wanted}` in it is not a regular file");
            return unpack_program(entry, program);
        }
    }
    bail!("it holds no `{wanted}`")
}
