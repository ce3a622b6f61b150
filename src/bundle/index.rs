//! What a layer says about itself: the header and the index, as bytes and as a value.
//!
//! Surface: `docs/bundle-format.md`, format 2. Reading trusts nothing: every number is held against what is left
//! and against the limits here before anything is allocated for it.

use std::collections::HashSet;

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::object::{NAME_BYTES, Name};

/// The format written, and the only one read.
pub const FORMAT: u32 = 2;

/// The length of the header, in bytes.
pub const HEADER_BYTES: usize = 64;

/// The longest index, in bytes.
pub const INDEX_LIMIT_BYTES: u64 = 24 << 20;

/// The most objects of one layer, and of all layers in force together.
pub const OBJECT_LIMIT: usize = 200_000;

/// The most layers a head can list.
pub const LAYER_LIMIT: usize = 64;

/// The longest key, in bytes. Source: GitHub's cache service.
pub const KEY_LIMIT_BYTES: usize = 512;

/// The longest note, in bytes.
pub const NOTE_LIMIT_BYTES: usize = 64 << 10;

/// The most bytes that the objects of a run have together, before compression. Each run is unpacked in memory.
pub const RUN_LIMIT_BYTES: u64 = 1 << 20;

const MAGIC: &[u8; 8] = b"sccstep\n";
const SAVED: u32 = 1;
const PARENTS: u32 = 2;
const OBJECTS: u32 = 3;
const RUNS: u32 = 4;
/// Sections from here on may be passed over by who does not know them.
const OPTIONAL: u32 = 0x8000_0000;
const NOTE: u32 = OPTIONAL | 1;
const ENTRY_BYTES: usize = NAME_BYTES + 8 + 8 + 32;
const RUN_BYTES: usize = 4 + 4 + 8;

/// A SHA-256.
pub type Digest = [u8; 32];

/// An object of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: Name,
    /// Its length in bytes.
    pub bytes: u64,
    /// When it was used last, in milliseconds since 1970 (UTC).
    pub used_ms: u64,
    /// The SHA-256 of its bytes.
    pub digest: Digest,
}

/// An older layer that is still in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The key it is stored under.
    pub key: String,
    /// Its identity: the SHA-256 of its index.
    pub digest: Digest,
    /// The bytes of all its objects, dropped ones included.
    pub bytes: u64,
    /// When each of its objects, in its own order, was used last, in milliseconds since 1970 (UTC); 0 for one
    /// that is dropped.
    pub used_ms: Vec<u64>,
}

/// Objects that follow each other and are stored as one Zstandard frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The number of the first one.
    pub first: u32,
    /// How many they are.
    pub count: u32,
    /// The length of the frame in bytes.
    pub stored_bytes: u64,
}

/// The index of a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// When the layer was made, in milliseconds since 1970 (UTC).
    pub saved_ms: u64,
    /// The older layers in force, oldest first.
    pub parents: Vec<Parent>,
    /// The layer's own objects, in the order of their bytes.
    pub objects: Vec<Entry>,
    /// Which of them are stored compressed, in their order. The others are stored as they are.
    pub runs: Vec<Run>,
    /// What travels with the cache besides its objects.
    pub note: Vec<u8>,
}

/// What the header tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The length of the index in bytes.
    pub index_bytes: u64,
    /// The SHA-256 of the index: the layer's identity.
    pub digest: Digest,
}

impl Header {
    /// The header of an index.
    #[must_use]
    pub fn of(index: &[u8]) -> Self {
        Self { index_bytes: index.len() as u64, digest: Sha256::digest(index).into() }
    }

    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.index_bytes.to_le_bytes());
        bytes[24..56].copy_from_slice(&self.digest);
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// When it is no header, of another format, or announces an index that is too long.
    pub fn decode(bytes: &[u8; HEADER_BYTES]) -> anyhow::Result<Self> {
        let mut rest = Rest(bytes);
        ensure!(rest.take(8)? == MAGIC, "it is no layer of a bundle");
        let format = rest.u32()?;
        ensure!(format == FORMAT, "its format is {format}, and this version reads format {FORMAT} only");
        ensure!(rest.u32()? == 0, "it has flags that this version does not know");
        let header = Self { index_bytes: rest.u64()?, digest: rest.digest()? };
        ensure!(rest.u64()? == 0, "it has flags that this version does not know");
        ensure!(
            header.index_bytes <= INDEX_LIMIT_BYTES,
            "its index is too long: {} bytes",
            header.index_bytes
        );
        Ok(header)
    }
}

impl Index {
    /// The bytes of all objects together.
    #[must_use]
    pub fn object_bytes(&self) -> u64 {
        self.objects.iter().map(|entry| entry.bytes).fold(0, u64::saturating_add)
    }

    /// The index's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.objects.len() * ENTRY_BYTES + 256);
        section(&mut bytes, SAVED, |bytes| bytes.extend(self.saved_ms.to_le_bytes()));
        section(&mut bytes, PARENTS, |bytes| put_parents(bytes, &self.parents));
        section(&mut bytes, OBJECTS, |bytes| put_objects(bytes, &self.objects));
        section(&mut bytes, RUNS, |bytes| put_runs(bytes, &self.runs));
        if !self.note.is_empty() {
            section(&mut bytes, NOTE, |bytes| bytes.extend(&self.note));
        }
        bytes
    }

    /// Reads an index, whose digest has been verified or not: it is not believed either way.
    ///
    /// # Errors
    /// When it breaks a rule of the format or one of its limits.
    pub fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut index = Self::default();
        let mut seen = HashSet::new();
        let mut rest = Rest(bytes);
        while !rest.0.is_empty() {
            let tag = rest.u32()?;
            let length = usize::try_from(rest.u64()?).context("a section is too long")?;
            let mut section = Rest(rest.take(length)?);
            ensure!(seen.insert(tag), "section {tag:#x} is there twice");
            match tag {
                SAVED => index.saved_ms = section.u64()?,
                PARENTS => index.parents = parents(&mut section)?,
                OBJECTS => index.objects = objects(&mut section)?,
                RUNS => index.runs = runs(&mut section)?,
                NOTE => {
                    ensure!(length <= NOTE_LIMIT_BYTES, "its note is too long");
                    index.note = section.take(length)?.to_vec();
                }
                _ if tag & OPTIONAL != 0 => continue,
                _ => bail!("it has a section {tag:#x}, which this version does not know"),
            }
            ensure!(section.0.is_empty(), "section {tag:#x} is longer than what it holds");
        }
        for tag in [SAVED, PARENTS, OBJECTS, RUNS] {
            ensure!(seen.contains(&tag), "section {tag:#x} is missing");
        }
        index.check_runs()?;
        let all =
            index.parents.iter().map(|parent| parent.used_ms.len()).sum::<usize>() + index.objects.len();
        ensure!(all <= OBJECT_LIMIT, "it tells of {all} objects, and the limit is {OBJECT_LIMIT}");
        Ok(index)
    }
}

impl Index {
    /// Runs follow each other, hold objects that there are, and are short enough to be unpacked in memory.
    fn check_runs(&self) -> anyhow::Result<()> {
        let mut free = 0_usize;
        for run in &self.runs {
            let (first, count) = (run.first as usize, run.count as usize);
            let objects = first.checked_add(count).and_then(|end| self.objects.get(first..end));
            let objects = objects.context("a run has objects that are not there")?;
            ensure!(first >= free && count > 0, "a run is empty or begins within another one");
            free = first + count;
            let bytes = objects.iter().map(|entry| entry.bytes).fold(0, u64::saturating_add);
            ensure!(bytes <= RUN_LIMIT_BYTES, "a run is too long: {bytes} bytes");
            ensure!((1..bytes).contains(&run.stored_bytes), "a run is longer than what it holds");
        }
        Ok(())
    }
}

fn runs(section: &mut Rest<'_>) -> anyhow::Result<Vec<Run>> {
    let number = section.count_of(RUN_BYTES)?;
    let run = |_| Ok(Run { first: section.u32()?, count: section.u32()?, stored_bytes: section.u64()? });
    (0..number).map(run).collect()
}

fn put_runs(bytes: &mut Vec<u8>, runs: &[Run]) {
    bytes.extend(count(runs.len()));
    for Run { first, count, stored_bytes } in runs {
        bytes.extend(first.to_le_bytes());
        bytes.extend(count.to_le_bytes());
        bytes.extend(stored_bytes.to_le_bytes());
    }
}

pub(super) fn parents(section: &mut Rest<'_>) -> anyhow::Result<Vec<Parent>> {
    let number = section.count()?;
    ensure!(number <= LAYER_LIMIT, "it lists {number} layers, and the limit is {LAYER_LIMIT}");
    let mut parents = Vec::with_capacity(number);
    let mut keys = HashSet::new();
    for _ in 0..number {
        let length = section.count()?;
        ensure!(length <= KEY_LIMIT_BYTES, "a key is too long");
        let key = std::str::from_utf8(section.take(length)?).context("a key is not text")?.to_owned();
        ensure!(is_key(&key), "`{}` is no key of a layer", key.escape_debug());
        ensure!(keys.insert(key.clone()), "`{key}` is listed twice");
        let (digest, bytes) = (section.digest()?, section.u64()?);
        let objects = section.count_of(8)?;
        let used_ms = (0..objects).map(|_| section.u64()).collect::<anyhow::Result<_>>()?;
        parents.push(Parent { key, digest, bytes, used_ms });
    }
    Ok(parents)
}

pub(super) fn objects(section: &mut Rest<'_>) -> anyhow::Result<Vec<Entry>> {
    let number = section.count_of(ENTRY_BYTES)?;
    ensure!(number <= OBJECT_LIMIT, "it has {number} objects, and the limit is {OBJECT_LIMIT}");
    let mut objects = Vec::with_capacity(number);
    let mut names = HashSet::with_capacity(number);
    let mut total = 0_u64;
    for _ in 0..number {
        let name = section.take(NAME_BYTES)?.try_into().ok().and_then(Name::from_bytes);
        let name = name.context("an object has a name that the cache would not give")?;
        ensure!(names.insert(name), "`{}` is there twice", name.path().display());
        let entry = Entry { name, bytes: section.u64()?, used_ms: section.u64()?, digest: section.digest()? };
        total = total.checked_add(entry.bytes).context("its objects are longer than a number can be")?;
        objects.push(entry);
    }
    Ok(objects)
}

/// Whether a text can be the key of a layer: it is also the name of a file in the directory store.
#[must_use]
pub fn is_key(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= KEY_LIMIT_BYTES && !text.starts_with('.') && text.bytes().all(plain)
}

pub(super) fn put_parents(bytes: &mut Vec<u8>, parents: &[Parent]) {
    bytes.extend(count(parents.len()));
    for parent in parents {
        bytes.extend(count(parent.key.len()));
        bytes.extend(parent.key.as_bytes());
        bytes.extend(parent.digest);
        bytes.extend(parent.bytes.to_le_bytes());
        bytes.extend(count(parent.used_ms.len()));
        parent.used_ms.iter().for_each(|used_ms| bytes.extend(used_ms.to_le_bytes()));
    }
}

pub(super) fn put_objects(bytes: &mut Vec<u8>, objects: &[Entry]) {
    bytes.extend(count(objects.len()));
    for Entry { name, bytes: length, used_ms, digest } in objects {
        bytes.extend(name.to_bytes());
        bytes.extend(length.to_le_bytes());
        bytes.extend(used_ms.to_le_bytes());
        bytes.extend(digest);
    }
}

fn section(bytes: &mut Vec<u8>, tag: u32, write: impl FnOnce(&mut Vec<u8>)) {
    bytes.extend(tag.to_le_bytes());
    let at = bytes.len();
    bytes.extend([0; 8]);
    write(bytes);
    let length = (bytes.len() - at - 8) as u64;
    bytes[at..at + 8].copy_from_slice(&length.to_le_bytes());
}

fn count(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

/// What is left to read.
pub(super) struct Rest<'a>(pub(super) &'a [u8]);

impl<'a> Rest<'a> {
    pub(super) fn take(&mut self, length: usize) -> anyhow::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).context("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> anyhow::Result<[u8; N]> {
        self.take(N)?.try_into().context("it ends too early")
    }

    fn u32(&mut self) -> anyhow::Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(super) fn u64(&mut self) -> anyhow::Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn digest(&mut self) -> anyhow::Result<Digest> {
        self.array()
    }

    pub(super) fn count(&mut self) -> anyhow::Result<usize> {
        usize::try_from(self.u32()?).context("a number is too large")
    }

    /// A number of items of this length, all of which must still be there.
    fn count_of(&mut self, item_bytes: usize) -> anyhow::Result<usize> {
        let number = self.count()?;
        ensure!(number <= self.0.len() / item_bytes, "it ends before its {number} items do");
        Ok(number)
    }
}

#[cfg(test)]
mod tests;
