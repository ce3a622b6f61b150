//! Unpacking: objects out of a stream of bytes that is not trusted.
//!
//! An object is written beside its place, verified, given its time and renamed, so that what is in its place is
//! whole. Its path is made from its name, so a layer cannot express one outside the cache directory, nor a link or
//! a device; and no more is written than was allowed.

use std::fs::FileTimes;
use std::io::{ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use super::index::{Digest, Entry, HEADER_BYTES, Header, Index};
use super::object::{self, Name};

/// The size of a copy's buffer.
pub(super) const BUFFER_BYTES: usize = 128 << 10;

/// A cache directory that objects are unpacked into.
#[derive(Debug)]
pub struct Target {
    directory: PathBuf,
    /// How many more bytes may be written.
    allowance: AtomicU64,
    written: Mutex<Vec<Name>>,
}

/// Why an object was not put in its place.
#[derive(Debug)]
pub enum Trouble {
    /// Its bytes did not come: another try may bring them.
    Stream(std::io::Error),
    /// They are not what the index promises.
    Wrong,
    /// They cannot be written: no other object can be, either.
    Disk(std::io::Error),
}

/// Reads header and index from the beginning of a layer.
///
/// # Errors
/// When they are not what they should be, or do not come. `expected` is the identity that the head promises.
pub fn front(stream: &mut dyn Read, expected: Option<Digest>) -> anyhow::Result<(Header, Index)> {
    let mut bytes = [0; HEADER_BYTES];
    stream.read_exact(&mut bytes).context("its header did not come")?;
    let header = Header::decode(&bytes)?;
    ensure!(expected.is_none_or(|digest| digest == header.digest), "it is another layer than was saved");
    let mut index = Vec::new();
    // What is announced is allocated as it comes, not before.
    stream.take(header.index_bytes).read_to_end(&mut index).context("its index did not come")?;
    ensure!(index.len() as u64 == header.index_bytes, "it ends within its index");
    ensure!(Header::of(&index) == header, "its index has another digest than its header says");
    Ok((header, Index::decode(&index)?))
}

impl Target {
    /// A cache directory that at most `allowance` bytes may be written to.
    #[must_use]
    pub fn new(directory: &Path, allowance: u64) -> Self {
        let directory = directory.to_owned();
        Self { directory, allowance: AtomicU64::new(allowance), written: Mutex::default() }
    }

    /// Whether the object is there already.
    #[must_use]
    pub fn has(&self, entry: &Entry) -> bool {
        object::look(&self.directory, entry.name).is_some_and(|found| found.bytes == entry.bytes)
    }

    /// Sets bytes aside for an object; `false` when they would be too many.
    #[must_use]
    pub fn allow(&self, bytes: u64) -> bool {
        let left = |left: u64| left.checked_sub(bytes);
        self.allowance.fetch_update(Ordering::AcqRel, Ordering::Acquire, left).is_ok()
    }

    /// Takes an object's bytes from the stream and puts them in their place.
    ///
    /// # Errors
    /// [`Trouble`]. Nothing of the object is left then. After [`Trouble::Wrong`] the stream is at the next object.
    pub fn place(
        &self,
        entry: &Entry,
        used_ms: u64,
        stream: &mut dyn Read,
        buffer: &mut [u8],
    ) -> Result<(), Trouble> {
        // sccache removes files of this name when it starts: so nothing of a crash is left for long.
        let temporary = tempfile::Builder::new().prefix(".sccachetmp").tempfile_in(&self.directory);
        let mut temporary = temporary.map_err(Trouble::Disk)?;
        let mut hasher = Sha256::new();
        let mut left = entry.bytes;
        while left > 0 {
            let length = read_some(stream, buffer, left).map_err(Trouble::Stream)?;
            hasher.update(&buffer[..length]);
            temporary.write_all(&buffer[..length]).map_err(Trouble::Disk)?;
            left -= length as u64;
        }
        if Digest::from(hasher.finalize()) != entry.digest {
            return Err(Trouble::Wrong);
        }
        let time = object::time_of(used_ms);
        let times = FileTimes::new().set_accessed(time).set_modified(time);
        // A file system that cannot do it only loses the order of eviction.
        let _ = temporary.as_file().set_times(times);
        let path = self.directory.join(entry.name.path());
        let mut persisted = temporary.persist(&path);
        if let Err(failed) = persisted {
            let parent = path.parent().unwrap_or(&self.directory);
            std::fs::create_dir_all(parent).map_err(Trouble::Disk)?;
            persisted = failed.file.persist(&path);
        }
        persisted.map_err(|failed| Trouble::Disk(failed.error))?;
        if let Ok(mut written) = self.written.lock() {
            written.push(entry.name);
        }
        Ok(())
    }

    /// Takes back everything that was written, to leave the disk to the build.
    pub fn take_back(&self) {
        let written = self.written.lock().map(|mut written| std::mem::take(&mut *written));
        for name in written.unwrap_or_default() {
            // What resists is left to sccache's own limit.
            let _ = std::fs::remove_file(self.directory.join(name.path()));
        }
    }
}

/// Reads over what is not wanted.
///
/// # Errors
/// When the stream ends or fails.
pub fn pass_over(stream: &mut dyn Read, mut bytes: u64, buffer: &mut [u8]) -> std::io::Result<()> {
    while bytes > 0 {
        bytes -= read_some(stream, buffer, bytes)? as u64;
    }
    Ok(())
}

fn read_some(stream: &mut dyn Read, buffer: &mut [u8], limit: u64) -> std::io::Result<usize> {
    let wanted = buffer.len().min(usize::try_from(limit).unwrap_or(usize::MAX));
    loop {
        match stream.read(&mut buffer[..wanted]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
