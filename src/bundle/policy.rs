//! What a save stores: decided from what is on the disk and what a restore has seen, before anything is read or sent.
//!
//! Pure. A log-structured store with three rules: what is new becomes a layer, young layers that are no larger go
//! into it, and when layers or dead weight become too many one full layer replaces them all.

use std::collections::{HashMap, HashSet};

use super::index::{OBJECT_LIMIT, Parent};
use super::object::{Found, Name};
use super::view::{Arrival, View};

/// The bounds of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// `cache-size`: no more bytes of objects are kept; those that were not used for the longest time go first.
    pub cap_bytes: u64,
    /// The most layers in force.
    pub layers: usize,
    /// The most bytes that are stored but no longer in force, in hundredths of those that are.
    pub dead_percent: u64,
    /// How much more than what is new a layer may hold, in hundredths, to take in its predecessors.
    pub absorb_percent: u64,
    /// Objects that were last used this long before the last save, in milliseconds, are dead weight, and are left out
    /// when everything is stored anew.
    pub idle_ms: u64,
}

impl Bounds {
    /// The bounds that a year of daily work has shown to be good: see `docs/bundles.md`.
    #[must_use]
    pub const fn with_cap(cap_bytes: u64) -> Self {
        Self { cap_bytes, layers: 8, dead_percent: 50, absorb_percent: 220, idle_ms: 3 * 24 * 60 * 60 * 1000 }
    }
}

/// Why a layer is as large as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// There was nothing before it.
    First,
    /// Only what is new.
    New,
    /// What is new and young layers that are no larger.
    Absorbing,
    /// All but the oldest layer, because there were too many.
    Gathered,
    /// Everything, because there were too many layers.
    TooManyLayers,
    /// Everything, because too much of what is stored is no longer in force.
    TooMuchDeadWeight,
}

/// What a save will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is new, so nothing is stored.
    Nothing,
    /// A layer.
    Layer {
        /// Why it is as large as it is.
        shape: Shape,
        /// The objects in it.
        objects: Vec<Found>,
        /// The older layers that stay in force, oldest first.
        parents: Vec<Parent>,
    },
}

/// What was seen in deciding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Objects on the disk.
    pub objects: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Those of them that the restore brought and the job used.
    pub used: usize,
    /// Those that no layer in force holds.
    pub new: usize,
    /// The bytes of those.
    pub new_bytes: u64,
    /// Objects that were in force and no longer are: over `cache-size`, evicted, damaged, or idle.
    pub dropped: usize,
}

/// Decides.
#[must_use]
pub fn decide(mut found: Vec<Found>, view: &View, bounds: &Bounds) -> (Decision, Tally) {
    let mut tally = Tally {
        objects: found.len(),
        bytes: found.iter().map(|object| object.bytes).sum(),
        ..Tally::default()
    };
    within_cap(&mut found, view, bounds.cap_bytes);
    let on_disk: HashMap<Name, Found> = found.iter().map(|object| (object.name, *object)).collect();
    // The marks as they will be, layer by layer.
    let mut marks: Vec<Vec<u64>> = view.layers.iter().map(|layer| layer.listed.used_ms.clone()).collect();
    let mut known = HashSet::new();
    for (layer, marks) in view.layers.iter().zip(&mut marks) {
        for ((entry, arrival), mark) in layer.objects.iter().flatten().zip(marks) {
            if *mark == 0 {
                continue;
            }
            let object = on_disk.get(&entry.name).filter(|object| object.bytes == entry.bytes);
            let object = object.filter(|object| !is_rewritten(object, view) || *arrival == Arrival::Missing);
            match (arrival, object) {
                // A newer layer has it, too.
                _ if known.contains(&entry.name) => *mark = 0,
                (Arrival::Wrong, _) | (Arrival::There, None) => {
                    *mark = 0;
                    tally.dropped += 1;
                }
                (Arrival::Missing, None) => {}
                (_, Some(object)) => {
                    tally.used += usize::from(object.used_ms > view.restored_ms);
                    *mark = object.used_ms.max(1);
                    known.insert(entry.name);
                }
            }
        }
    }
    let new: Vec<Found> = found.iter().filter(|object| !known.contains(&object.name)).copied().collect();
    (tally.new, tally.new_bytes) = (new.len(), new.iter().map(|object| object.bytes).sum());
    if new.is_empty() {
        return (Decision::Nothing, tally);
    }
    // Counted from the last save and not from now, so that a long holiday is not taken for idleness.
    let idle_since_ms = view.saved_ms.saturating_sub(bounds.idle_ms);
    let weights: Vec<Weight> = view
        .layers
        .iter()
        .zip(&marks)
        .map(|(layer, marks)| Weight::of(layer, marks, idle_since_ms))
        .collect();
    let (from, shape) = merge_from(tally.new_bytes, &weights, bounds);
    let mut carried: Vec<Found> = Vec::new();
    for (layer, marks) in view.layers.iter().zip(&marks).skip(from) {
        for ((entry, _), mark) in layer.objects.iter().flatten().zip(marks) {
            carried.extend(on_disk.get(&entry.name).filter(|_| *mark > 0));
        }
    }
    if matches!(shape, Shape::TooManyLayers | Shape::TooMuchDeadWeight) {
        let before = carried.len();
        carried.retain(|object| object.used_ms > idle_since_ms);
        tally.dropped += before - carried.len();
    }
    let mut objects = [new, carried].concat();
    // The longest unused last: what is cut off by a limit of time or room is missed the least.
    objects.sort_by_key(|object| (std::cmp::Reverse(object.used_ms), object.name));
    let parents = view
        .layers
        .iter()
        .zip(marks)
        .take(from)
        .map(|(layer, used_ms)| Parent { used_ms, ..layer.listed.clone() });
    let parents = parents.filter(|parent| parent.used_ms.iter().any(|used_ms| *used_ms > 0)).collect();
    (Decision::Layer { shape, objects, parents }, tally)
}

/// A hit changes a file's time of use, overwriting makes a new file: sccache does so with what it cannot read.
fn is_rewritten(object: &Found, view: &View) -> bool {
    object.created_ms.is_some_and(|created_ms| created_ms > view.restored_ms)
}

/// Leaves out what is over the cap or the limit of a layer, the longest unused first.
fn within_cap(found: &mut Vec<Found>, view: &View, cap_bytes: u64) {
    let not_arrived = view.layers.iter().flat_map(|layer| {
        let entries = layer.objects.iter().flatten().zip(&layer.listed.used_ms);
        entries
            .filter(|((_, arrival), mark)| *arrival == Arrival::Missing && **mark > 0)
            .map(|((entry, _), _)| entry.bytes)
    });
    let (missing, missing_bytes) = not_arrived.fold((0, 0), |(count, sum), bytes| (count + 1, sum + bytes));
    found.sort_by_key(|object| (std::cmp::Reverse(object.used_ms), object.name));
    let mut left = cap_bytes.saturating_sub(missing_bytes);
    let mut room = OBJECT_LIMIT.saturating_sub(missing);
    let kept = found.iter().take_while(|object| {
        let fits = object.bytes <= left && room > 0;
        left = left.saturating_sub(object.bytes);
        room = room.saturating_sub(1);
        fits
    });
    let kept = kept.count();
    found.truncate(kept);
}

/// So many hundredths of a number of bytes.
fn percent(bytes: u64, percent: u64) -> u64 {
    u64::try_from(u128::from(bytes) * u128::from(percent) / 100).unwrap_or(u64::MAX)
}

/// What a layer weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The bytes of all its objects.
    pub bytes: u64,
    /// The bytes of those that are in force and not idle.
    pub live_bytes: u64,
    /// Whether all that is in force is at hand.
    pub at_hand: bool,
}

impl Weight {
    fn of(layer: &super::view::LayerView, marks: &[u64], idle_since_ms: u64) -> Self {
        let Some(objects) = &layer.objects else {
            return Self { bytes: layer.listed.bytes, live_bytes: layer.listed.bytes, at_hand: false };
        };
        let listed = |since: u64| {
            objects.iter().zip(marks).filter(move |(_, mark)| **mark > since).map(|(object, _)| object)
        };
        Self {
            bytes: layer.listed.bytes,
            live_bytes: listed(idle_since_ms).map(|(entry, _)| entry.bytes).sum(),
            at_hand: listed(0).all(|(_, arrival)| *arrival == Arrival::There),
        }
    }
}

/// From which layer on everything goes into the new one, and why.
#[must_use]
pub fn merge_from(new_bytes: u64, layers: &[Weight], bounds: &Bounds) -> (usize, Shape) {
    if layers.is_empty() {
        return (0, Shape::First);
    }
    // What is not at hand cannot be stored again; it stays where it is.
    let may = layers.iter().rposition(|layer| !layer.at_hand).map_or(0, |at| at + 1);
    let live: u64 = layers.iter().map(|layer| layer.live_bytes).sum::<u64>() + new_bytes;
    let dead: u64 = layers.iter().map(|layer| layer.bytes.saturating_sub(layer.live_bytes)).sum();
    if may == 0 && dead > percent(live, bounds.dead_percent) {
        return (0, Shape::TooMuchDeadWeight);
    }
    let mut from = layers.len();
    let mut carried = new_bytes;
    while from > may.max(1)
        && carried + layers[from - 1].live_bytes <= percent(new_bytes, bounds.absorb_percent)
    {
        from -= 1;
        carried += layers[from].live_bytes;
    }
    if from < bounds.layers {
        return (from, if from == layers.len() { Shape::New } else { Shape::Absorbing });
    }
    let young: u64 = layers[1..].iter().map(|layer| layer.live_bytes).sum();
    if may <= 1 && young <= layers[0].live_bytes / 2 {
        return (1, Shape::Gathered);
    }
    if may == 0 { (0, Shape::TooManyLayers) } else { (may, Shape::Gathered) }
}

#[cfg(test)]
mod tests;
