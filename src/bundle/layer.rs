//! Packing: a layer as a stream of bytes, made from the objects where they are.
//!
//! Compile results are neither copied nor written: a cache that fills half the disk can still be saved. Each is
//! read twice, for its digest and for the transfer, which may take any part of the layer in any order. Preprocessor
//! entries are compressed into a temporary file, see `packing.rs`.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Halt;
use super::index::{Digest, Header, Index, Parent};
use super::layout::{self, Unit};
use super::object::Found;
use super::packing::{self, Frames, Packed};

/// A layer that is ready to be stored.
#[derive(Debug)]
pub struct Layer {
    directory: PathBuf,
    index: Index,
    /// Header and index.
    front: Vec<u8>,
    digest: Digest,
    units: Vec<Unit>,
    frames: Frames,
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
        let Packed { objects, runs, frames } = packing::pack(directory, objects, halt)?;
        let index = Index { saved_ms, parents, objects, runs, note };
        let bytes = index.encode();
        let header = Header::of(&bytes);
        let mut front = header.encode().to_vec();
        front.extend(bytes);
        let units = layout::units(&index, front.len() as u64).collect();
        let directory = directory.to_owned();
        Ok(Self { directory, index, front, digest: header.digest, units, frames })
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
        self.units.last().map_or(self.front.len() as u64, |last| last.bytes.end)
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
            let number = self.layer.units.partition_point(|unit| unit.bytes.end <= self.at);
            let unit = &self.layer.units[number];
            let within = self.at - unit.bytes.start;
            if unit.is_run {
                let left = usize::try_from(unit.bytes.end - self.at).unwrap_or(usize::MAX);
                let buffer = &mut buffer[..wanted.min(left)];
                return self.passed(self.layer.frames.read(unit.objects.start, within, buffer)?);
            }
            let entry = &self.layer.index.objects[unit.objects.start];
            let mut file = File::open(self.layer.directory.join(entry.name.path()))?;
            file.seek(SeekFrom::Start(within))?;
            self.file = Some((file, unit.bytes.end));
        }
        let Some((file, end)) = &mut self.file else { return Ok(0) };
        let wanted = wanted.min(usize::try_from(*end - self.at).unwrap_or(usize::MAX));
        let length = file.read(&mut buffer[..wanted])?;
        self.passed(length)
    }
}

impl Reader<'_> {
    fn passed(&mut self, length: usize) -> std::io::Result<usize> {
        if length == 0 {
            return Err(std::io::Error::other("an object of the cache became shorter"));
        }
        self.at += length as u64;
        Ok(length)
    }
}
