//! What goes into a layer: digests of all objects, and preprocessor entries compressed in runs.
//!
//! sccache has compressed its compile results already. Its preprocessor entries are lists of the same headers over and
//! over: together they shrink to a fiftieth, each by itself to a third.

use std::fs::File;
use std::io::{Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::Halt;
use super::index::{Digest, Entry, RUN_LIMIT_BYTES, Run};
use super::object::{Found, Kind};

/// Zstandard's own default: higher levels take longer and gain little on lists of headers.
const LEVEL: i32 = 3;

/// What a layer holds, in the order of its bytes.
#[derive(Debug)]
pub(super) struct Packed {
    pub(super) objects: Vec<Entry>,
    pub(super) runs: Vec<Run>,
    pub(super) frames: Frames,
}

/// The frames of the runs, in a temporary file without a name in the cache directory: nothing of it is left, however
/// the process ends.
#[derive(Debug, Default)]
pub(super) struct Frames {
    file: Option<Mutex<File>>,
    /// For each run the number of its first object and where its frame begins, in order.
    places: Vec<(usize, u64)>,
}

impl Frames {
    /// Reads from the frame of the run that begins with this object, so many bytes behind its beginning.
    pub(super) fn read(&self, first: usize, within: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        let at = self.places.binary_search_by_key(&first, |(first, _)| *first);
        let place = at.ok().and_then(|at| self.places.get(at));
        let Some((file, (_, place))) = self.file.as_ref().zip(place) else {
            return Err(std::io::Error::other("a run has no frame"));
        };
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(place + within))?;
        file.read(buffer)
    }
}

/// The objects of a run, unpacked.
pub(super) struct Contents {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Contents {
    /// The object at this place of the run.
    pub(super) fn of(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[at]]
    }
}

/// What a frame holds, if it is objects of these lengths in bytes, which are no longer together than a run may be.
/// Nothing longer is ever unpacked.
pub(super) fn unpacked(frame: &[u8], lengths: impl Iterator<Item = u64>) -> Option<Contents> {
    let mut end = 0_usize;
    let ends = lengths.map(|length| {
        end = end.checked_add(usize::try_from(length).ok()?)?;
        Some(end)
    });
    let ends: Vec<usize> = ends.collect::<Option<_>>()?;
    let total = ends.last().copied().filter(|total| *total as u64 <= RUN_LIMIT_BYTES)?;
    let bytes = zstd::bulk::decompress(frame, total).ok()?;
    (bytes.len() == total).then_some(Contents { bytes, ends })
}

/// Objects that are read by one thread: one by itself, or preprocessor entries that become a run.
type Batch = Vec<Found>;

/// A batch that was read.
struct Done {
    objects: Vec<Entry>,
    /// Where its frame is and how long it is.
    frame: Option<(u64, u64)>,
}

/// Reads these objects, by several threads. One that cannot be read any more is left out.
///
/// # Errors
/// When it is told to stop.
pub(super) fn pack(directory: &Path, objects: &[Found], halt: &Halt) -> anyhow::Result<Packed> {
    let batches = batches(objects);
    let has_runs = batches.iter().any(is_run);
    // Without it everything is stored as it is.
    let file = || tempfile::tempfile_in(directory).ok().map(|file| (file, 0));
    let frames = Mutex::new(has_runs.then(file).flatten());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        let mut buffer = vec![0; 128 << 10];
        while let Some((at, batch)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            batches.get(at).map(|batch| (at, batch))
        } {
            if halt.check().is_err() {
                break;
            }
            done.push((at, read(directory, batch, &frames, &mut buffer)));
        }
        done
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let mut all: Vec<(usize, Done)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    halt.check()?;
    all.sort_by_key(|(at, _)| *at);
    let file = frames.into_inner().unwrap_or_else(PoisonError::into_inner).map(|(file, _)| Mutex::new(file));
    let mut packed =
        Packed { objects: Vec::new(), runs: Vec::new(), frames: Frames { file, places: Vec::new() } };
    for (_, Done { objects, frame }) in all {
        if let Some((place, stored_bytes)) = frame {
            let first = packed.objects.len();
            packed.frames.places.push((first, place));
            let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
            packed.runs.push(Run { first: number(first), count: number(objects.len()), stored_bytes });
        }
        packed.objects.extend(objects);
    }
    Ok(packed)
}

/// Preprocessor entries fill runs, each of which is where its first entry was; everything else stays by itself.
fn batches(objects: &[Found]) -> Vec<Batch> {
    let mut batches: Vec<Batch> = Vec::new();
    let mut open: Option<(usize, u64)> = None;
    for found in objects {
        let may_join = may_join(found);
        match &mut open {
            Some((at, bytes)) if may_join && *bytes + found.bytes <= RUN_LIMIT_BYTES => {
                *bytes += found.bytes;
                batches[*at].push(*found);
            }
            open => {
                if may_join {
                    *open = Some((batches.len(), found.bytes));
                }
                batches.push(vec![*found]);
            }
        }
    }
    batches
}

fn is_run(batch: &Batch) -> bool {
    batch.first().is_some_and(may_join)
}

/// A longer one would be too much to be unpacked in memory.
fn may_join(found: &Found) -> bool {
    found.name.kind() == Kind::Preprocessor && found.bytes <= RUN_LIMIT_BYTES
}

fn read(directory: &Path, batch: &Batch, frames: &Mutex<Option<(File, u64)>>, buffer: &mut [u8]) -> Done {
    let is_run = is_run(batch);
    let mut kept = Vec::new();
    let mut objects = Vec::new();
    for found in batch {
        let before = kept.len();
        let path = directory.join(found.name.path());
        // One that grew meanwhile is not kept beyond what a run may have.
        let mut keep = |bytes: &[u8]| {
            if is_run && kept.len() as u64 <= RUN_LIMIT_BYTES {
                kept.extend_from_slice(bytes);
            }
        };
        match digest(&path, buffer, &mut keep) {
            Ok((bytes, digest)) => {
                objects.push(Entry { name: found.name, bytes, used_ms: found.used_ms, digest });
            }
            Err(_) => kept.truncate(before),
        }
    }
    let whole: u64 = objects.iter().map(|entry| entry.bytes).sum();
    let fits = is_run && whole == kept.len() as u64 && whole <= RUN_LIMIT_BYTES;
    let frame = fits.then(|| zstd::bulk::compress(&kept, LEVEL).ok()).flatten();
    let frame = frame.filter(|frame| (frame.len() as u64) < whole);
    Done { objects, frame: frame.and_then(|frame| kept_in(frames, &frame)) }
}

/// Where the frame is in the file, and its length; `None` when the file takes no more.
fn kept_in(frames: &Mutex<Option<(File, u64)>>, frame: &[u8]) -> Option<(u64, u64)> {
    let mut frames = frames.lock().unwrap_or_else(PoisonError::into_inner);
    let (file, end) = frames.as_mut()?;
    let place = *end;
    // Written at its place, in case that an earlier write ended half-way.
    file.seek(SeekFrom::Start(place)).ok()?;
    file.write_all(frame).ok()?;
    *end += frame.len() as u64;
    Some((place, frame.len() as u64))
}

fn digest(path: &Path, buffer: &mut [u8], keep: &mut dyn FnMut(&[u8])) -> std::io::Result<(u64, Digest)> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    loop {
        match file.read(buffer)? {
            0 => return Ok((bytes, hasher.finalize().into())),
            length => {
                hasher.update(&buffer[..length]);
                keep(&buffer[..length]);
                bytes += length as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests;
