//! One layer, out of a store and into the cache directory: in one stream, or in parts side by side.
//!
//! The first request brings the index and as many objects as fit; the rest is asked for in parts that begin and end
//! with objects, so that each part is unpacked while it comes and nothing waits for anything else. Objects that are
//! there already, or no longer in force, are not asked for. A store that ignores ranges is read in one stream.

use std::io::Read;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::anyhow;

use super::arriving::{Arriving, THERE, UNWANTED, WRONG};
use super::index::{Entry, HEADER_BYTES, Parent};
use super::layout::{self, Unit};
use super::packing;
use super::store::{Opened, Source};
use super::unpack::{self, BUFFER_BYTES, Target, Trouble};
use super::{Halt, Listener, Pieces};

/// How many parts of a layer are under way at once.
const PARTS_AT_ONCE: usize = 6;

/// How many threads write the objects of one stream, and up to which length an object is handed to them, in bytes: at most
/// twice as many of them are in memory.
const WRITERS: usize = 6;
const SMALL_BYTES: u64 = 256 << 10;

/// A gap of this length in what is wanted is worth a request of its own, in bytes.
const GAP_BYTES: u64 = 1 << 20;

/// How often the same bytes are asked for.
const TRIES: usize = 3;

/// Why a layer did not come, or not all of it.
#[derive(Debug)]
pub(super) enum Broken {
    /// It is not what it should be: nothing of it will ever be of use.
    Corrupt(anyhow::Error),
    /// It may come another time.
    Passing(anyhow::Error),
    /// The disk takes no more.
    Disk(std::io::Error),
}

/// What is fetched, and for whom.
pub(super) struct Fetch<'a> {
    pub(super) source: &'a dyn Source,
    pub(super) target: &'a Target,
    pub(super) halt: &'a Halt,
    pub(super) listener: &'a dyn Listener,
    pub(super) pieces: Pieces,
}

/// Takes an object that is in memory, by its number.
type Taker<'a> = dyn FnMut(usize, &[u8]) -> Result<(), Broken> + 'a;

/// What one request brings: units by number, from the place of the first to the end of the last.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    units: Range<usize>,
    bytes: Range<u64>,
}

impl Fetch<'_> {
    /// Fetches a layer. `promised` is what the head says of an older one. `begun` is called as soon as the index has
    /// come and been believed, before any object is put in its place.
    pub(super) fn layer(
        &self,
        promised: Option<&Parent>,
        begun: impl FnOnce(Arriving) -> std::sync::Arc<Arriving>,
    ) -> Result<(), Broken> {
        let opened = self.source.read(0, self.pieces.first_bytes).map_err(Broken::Passing)?;
        let Opened { mut stream, is_part, total_bytes } = opened;
        let front = unpack::front(&mut *stream, promised.map(|parent| parent.digest));
        let (header, index) = front.map_err(|error| self.broken(error))?;
        let front_bytes = HEADER_BYTES as u64 + header.index_bytes;
        let whole = layout::units(&index, front_bytes).last().map_or(front_bytes, |last| last.bytes.end);
        if total_bytes.is_some_and(|total| total != whole) {
            return Err(Broken::Corrupt(anyhow!(
                "it is {} bytes long instead of {whole}",
                total_bytes.unwrap_or(0)
            )));
        }
        let used_ms = promised.map(|parent| parent.used_ms.clone());
        let arriving = Arriving::new(index, header.digest, front_bytes, used_ms).map_err(Broken::Corrupt)?;
        let arriving = begun(arriving);
        self.leave_out(&arriving);
        let fits = |unit: &Unit| !is_part || unit.bytes.end <= self.pieces.first_bytes;
        let in_first = arriving.units.partition_point(fits);
        let all = 0..in_first;
        // A transfer that breaks off is taken up below.
        let mut last = self.objects_by_several(&arriving, all, &mut *stream).err();
        drop(stream);
        for _ in 1..TRIES {
            match last {
                Some(Broken::Passing(_)) | None => {}
                Some(broken) => return Err(broken),
            }
            let parts = parts(&arriving, self.pieces.part_bytes);
            if parts.is_empty() {
                return Ok(());
            }
            if let Some(Broken::Passing(_)) = last {
                self.halt.rest(Duration::from_millis(300)).map_err(Broken::Passing)?;
            }
            last = if is_part {
                self.side_by_side(&arriving, &parts).err()
            } else {
                self.once_more(&arriving).err()
            };
        }
        match last {
            Some(broken) => Err(broken),
            None if parts(&arriving, self.pieces.part_bytes).is_empty() => Ok(()),
            None => Err(Broken::Passing(anyhow!("not all of it came"))),
        }
    }

    /// A stream that ends or fails early is not the fault of what it carries.
    fn broken(&self, error: anyhow::Error) -> Broken {
        let is_cut = error.downcast_ref::<std::io::Error>().is_some();
        if is_cut { Broken::Passing(error) } else { Broken::Corrupt(error) }
    }

    /// What is there already has arrived; what would be too much never will.
    fn leave_out(&self, arriving: &Arriving) {
        let (mut objects, mut bytes) = (0_u64, 0_u64);
        for (number, entry) in arriving.index.objects.iter().enumerate() {
            if !arriving.is_wanted(number) {
                continue;
            }
            if self.target.has(entry) {
                arriving.note(number, THERE);
            } else if self.target.allow(entry.bytes) {
                objects += 1;
                bytes += entry.bytes;
            } else {
                arriving.note(number, UNWANTED);
            }
        }
        self.listener.expect(objects, bytes);
    }

    fn once_more(&self, arriving: &Arriving) -> Result<(), Broken> {
        let opened = self.source.read(0, u64::MAX).map_err(Broken::Passing)?;
        let mut stream = opened.stream;
        let mut buffer = vec![0; BUFFER_BYTES];
        let passed = unpack::pass_over(&mut *stream, arriving.front_bytes, &mut buffer);
        passed.map_err(|error| Broken::Passing(error.into()))?;
        self.objects_by_several(arriving, 0..arriving.units.len(), &mut *stream)
    }

    fn side_by_side(&self, arriving: &Arriving, parts: &[Part]) -> Result<(), Broken> {
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                let opened = self.source.read(part.bytes.start, part.bytes.end - part.bytes.start);
                let mut opened = opened.map_err(Broken::Passing)?;
                if !opened.is_part {
                    return Err(Broken::Passing(anyhow!("the store no longer sends parts")));
                }
                self.objects(arriving, part.units.clone(), &mut *opened.stream)?;
            }
            Ok(())
        };
        let results: Vec<Result<(), Broken>> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..PARTS_AT_ONCE.min(parts.len())).map(|_| scope.spawn(work)).collect();
            let panicked = |_| Err(Broken::Passing(anyhow!("a transfer panicked")));
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(panicked)).collect()
        });
        results.into_iter().collect()
    }

    /// As [`Fetch::objects`], with several threads that write: creating small files is mostly waiting for the disk.
    fn objects_by_several(
        &self,
        arriving: &Arriving,
        numbers: Range<usize>,
        stream: &mut dyn Read,
    ) -> Result<(), Broken> {
        let (sender, small) = sync_channel::<(usize, Vec<u8>)>(WRITERS);
        let small = Mutex::new(small);
        let full: Mutex<Option<std::io::Error>> = Mutex::new(None);
        let write = || {
            let mut buffer = vec![0; BUFFER_BYTES];
            loop {
                let next = small.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((number, bytes)) = next else { return };
                if let Err(Broken::Disk(error)) = self.object(arriving, number, &mut &bytes[..], &mut buffer)
                {
                    full.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
        };
        let read = std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(write);
            }
            // Dropped at the end, upon which the writers end.
            let sender = sender;
            let mut buffer = vec![0; BUFFER_BYTES];
            for unit in needed(arriving, numbers) {
                self.halt.check().map_err(Broken::Passing)?;
                if full.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
                    break;
                }
                self.unit(arriving, unit, stream, &mut buffer, &mut |number, content| {
                    // The writers end only when nobody sends any more.
                    let _ = sender.send((number, content.to_vec()));
                    Ok(())
                })?;
            }
            Ok(())
        });
        match full.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(Broken::Disk(error)),
            None => read,
        }
    }

    /// Unpacks one object.
    fn object(
        &self,
        arriving: &Arriving,
        number: usize,
        stream: &mut dyn Read,
        buffer: &mut [u8],
    ) -> Result<(), Broken> {
        let entry: &Entry = &arriving.index.objects[number];
        match self.target.place(entry, arriving.used_ms[number], stream, buffer) {
            Ok(()) => {
                arriving.note(number, THERE);
                self.listener.arrived(entry.bytes);
            }
            Err(Trouble::Wrong) => arriving.note(number, WRONG),
            Err(Trouble::Stream(error)) => return Err(Broken::Passing(error.into())),
            Err(Trouble::Disk(error)) => return Err(Broken::Disk(error)),
        }
        Ok(())
    }

    /// Unpacks consecutive units from a stream that begins with the first of them.
    fn objects(
        &self,
        arriving: &Arriving,
        numbers: Range<usize>,
        stream: &mut dyn Read,
    ) -> Result<(), Broken> {
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut writing = vec![0; BUFFER_BYTES];
        for unit in needed(arriving, numbers) {
            self.halt.check().map_err(Broken::Passing)?;
            self.unit(arriving, unit, stream, &mut buffer, &mut |number, mut content| {
                self.object(arriving, number, &mut content, &mut writing)
            })?;
        }
        Ok(())
    }

    /// Takes a unit from a stream that is at it. What is small, or was in a run, is given to `small`.
    fn unit(
        &self,
        arriving: &Arriving,
        unit: &Unit,
        stream: &mut dyn Read,
        buffer: &mut [u8],
        small: &mut Taker<'_>,
    ) -> Result<(), Broken> {
        let passing = |error: std::io::Error| Broken::Passing(error.into());
        if !arriving.needs(unit) {
            return unpack::pass_over(stream, unit.stored_bytes(), buffer).map_err(passing);
        }
        let first = unit.objects.start;
        if !unit.is_run && unit.stored_bytes() > SMALL_BYTES {
            return self.object(arriving, first, stream, buffer);
        }
        let mut stored = vec![0; usize::try_from(unit.stored_bytes()).unwrap_or_default()];
        stream.read_exact(&mut stored).map_err(passing)?;
        if !unit.is_run {
            return small(first, &stored);
        }
        let objects = &arriving.index.objects[unit.objects.clone()];
        let contents = packing::unpacked(&stored, objects.iter().map(|entry| entry.bytes));
        for number in unit.objects.clone().filter(|number| arriving.is_wanted(*number)) {
            match &contents {
                Some(contents) => small(number, contents.of(number - first))?,
                None => arriving.note(number, WRONG),
            }
        }
        Ok(())
    }
}

/// These units up to the last one that is needed: what follows it need not be read at all.
fn needed(arriving: &Arriving, numbers: Range<usize>) -> &[Unit] {
    let units = &arriving.units[numbers];
    let last = units.iter().rposition(|unit| arriving.needs(unit));
    last.map_or(&[], |last| &units[..=last])
}

/// The requests that bring what is still wanted.
fn parts(arriving: &Arriving, part_bytes: u64) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (number, unit) in arriving.units.iter().enumerate().filter(|(_, unit)| arriving.needs(unit)) {
        match parts.last_mut() {
            Some(part)
                if unit.bytes.end - part.bytes.start <= part_bytes
                    && unit.bytes.start - part.bytes.end < GAP_BYTES =>
            {
                part.units.end = number + 1;
                part.bytes.end = unit.bytes.end;
            }
            _ => parts.push(Part { units: number..number + 1, bytes: unit.bytes.clone() }),
        }
    }
    parts
}
