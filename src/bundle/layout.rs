//! Where the objects of a layer are: each by itself, or in a run with others.

use std::ops::Range;

use super::index::Index;

/// What is stored in one piece: one object as it is, or a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// The numbers of its objects.
    pub(super) objects: Range<usize>,
    /// Where it is in the layer.
    pub(super) bytes: Range<u64>,
    /// Whether it is a Zstandard frame.
    pub(super) is_run: bool,
}

impl Unit {
    /// Its length in the layer, in bytes.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.bytes.end - self.bytes.start
    }
}

/// The units of a layer whose header and index are so many bytes long, in their order. Numbers that no layer could have
/// are cut off at the greatest.
pub(super) fn units(index: &Index, front_bytes: u64) -> impl Iterator<Item = Unit> {
    let mut runs = index.runs.iter().peekable();
    let (mut number, mut at) = (0, front_bytes);
    std::iter::from_fn(move || {
        let entry = index.objects.get(number)?;
        let run = runs.next_if(|run| run.first as usize == number);
        let (count, stored) = run.map_or((1, entry.bytes), |run| (run.count as usize, run.stored_bytes));
        let unit = Unit {
            objects: number..number + count,
            bytes: at..at.saturating_add(stored),
            is_run: run.is_some(),
        };
        (number, at) = (unit.objects.end, unit.bytes.end);
        Some(unit)
    })
}
