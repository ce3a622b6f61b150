//! Packing: a layer as a stream of bytes, made from the objects where they are.
//!
//! Nothing is copied and nothing is written: a cache that fills half the disk can still be saved. Every object is
//! read twice, for its digest and for the transfer, which may take any part of the layer in any order.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest as _, Sha256};

use super::Halt;
use super::index::{Digest, Entry, Header, Index, Parent};
use super::object::Found;

/// A layer that is ready to be stored.
#[derive(Debug)]
pub struct Layer {
    directory: PathBuf,
    index: Index,
    /// Header and index.
    front: Vec<u8>,
    digest: Digest,
    /// Where each object ends in the layer.
    ends: Vec<u64>,
}

impl Layer {
    /// Packs these objects of a cache directory. One that cannot be read any more is left out.
    ///
    /// # Errors
    /// When it is told to stop.
    pub fn pack(
        directory: &Path,
        objects: &[Found],
        parents: Vec<Parent>,
        note: Vec<u8>,
        saved_ms: u64,
        halt: &Halt,
    ) -> anyhow::Result<Self> {
        let objects = digests(directory, objects, halt)?;
        let index = Index { saved_ms, parents, objects, note };
        let bytes = index.encode();
        let header = Header::of(&bytes);
        let mut front = header.encode().to_vec();
        front.extend(bytes);
        let mut end = front.len() as u64;
        let ends = index.objects.iter().map(|entry| {
            end += entry.bytes;
            end
        });
        let ends = ends.collect();
        Ok(Self { directory: directory.to_owned(), index, front, digest: header.digest, ends })
    }

    /// Its identity.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// What it says about itself.
    #[must_use]
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Its length in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.ends.last().copied().unwrap_or(self.front.len() as u64)
    }

    /// A part of its bytes, or all of them.
    #[must_use]
    pub fn reader(&self, range: Range<u64>) -> Reader<'_> {
        Reader { layer: self, at: range.start, end: range.end.min(self.bytes()), file: None }
    }
}

/// Reads a part of a layer. Fails where an object is not what it was when the layer was packed.
#[derive(Debug)]
pub struct Reader<'a> {
    layer: &'a Layer,
    at: u64,
    end: u64,
    /// The object that is being read, and where it ends in the layer.
    file: Option<(File, u64)>,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        use std::io::{Seek as _, SeekFrom};
        let left = usize::try_from(self.end - self.at.min(self.end)).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        if wanted == 0 {
            return Ok(0);
        }
        let front =
            usize::try_from(self.at).ok().and_then(|at| self.layer.front.get(at..)).unwrap_or_default();
        if !front.is_empty() {
            let length = wanted.min(front.len());
            buffer[..length].copy_from_slice(&front[..length]);
            self.at += length as u64;
            return Ok(length);
        }
        if self.file.as_ref().is_none_or(|(_, end)| *end <= self.at) {
            let number = self.layer.ends.partition_point(|end| *end <= self.at);
            let entry = self.layer.index.objects[number];
            let end = self.layer.ends[number];
            let mut file = File::open(self.layer.directory.join(entry.name.path()))?;
            file.seek(SeekFrom::Start(self.at - (end - entry.bytes)))?;
            self.file = Some((file, end));
        }
        let Some((file, end)) = &mut self.file else { return Ok(0) };
        let wanted = wanted.min(usize::try_from(*end - self.at).unwrap_or(usize::MAX));
        let length = file.read(&mut buffer[..wanted])?;
        if length == 0 {
            return Err(std::io::Error::other("an object of the cache became shorter"));
        }
        self.at += length as u64;
        Ok(length)
    }
}

/// The entries of these objects, in their order, hashed by several threads.
fn digests(directory: &Path, objects: &[Found], halt: &Halt) -> anyhow::Result<Vec<Entry>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        let mut buffer = vec![0; 128 << 10];
        while let Some((at, found)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            objects.get(at).map(|found| (at, found))
        } {
            if halt.check().is_err() {
                break;
            }
            if let Ok((bytes, digest)) = digest(&directory.join(found.name.path()), &mut buffer) {
                done.push((at, Entry { name: found.name, bytes, used_ms: found.used_ms, digest }));
            }
        }
        done
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let mut entries: Vec<(usize, Entry)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    halt.check()?;
    entries.sort_by_key(|(at, _)| *at);
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn digest(path: &Path, buffer: &mut [u8]) -> std::io::Result<(u64, Digest)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    loop {
        match file.read(buffer)? {
            0 => return Ok((bytes, hasher.finalize().into())),
            length => {
                hasher.update(&buffer[..length]);
                bytes += length as u64;
            }
        }
    }
}
