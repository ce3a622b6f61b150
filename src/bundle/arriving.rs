//! A layer on its way in: what it says it holds, and what has come of that.

use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::ensure;

use super::index::{Digest, Index, Parent};
use super::layout::{self, Unit};
use super::view::Arrival;

/// A layer whose index has come.
#[derive(Debug)]
pub(super) struct Arriving {
    pub(super) index: Index,
    pub(super) digest: Digest,
    /// What became of each object; see [`Arriving::arrivals`].
    states: Vec<AtomicU8>,
    /// What is stored in one piece.
    pub(super) units: Vec<Unit>,
    /// When each was used last, 0 for one that is dropped.
    pub(super) used_ms: Vec<u64>,
    /// Where the first object begins.
    pub(super) front_bytes: u64,
}

const MISSING: u8 = 0;
pub(super) const THERE: u8 = 1;
pub(super) const WRONG: u8 = 2;
/// There is no room for it; it stays where it is.
pub(super) const UNWANTED: u8 = 3;

impl Arriving {
    pub(super) fn new(
        index: Index,
        digest: Digest,
        front_bytes: u64,
        used_ms: Option<Vec<u64>>,
    ) -> anyhow::Result<Self> {
        let own = || index.objects.iter().map(|entry| entry.used_ms.max(1)).collect();
        let used_ms: Vec<u64> = used_ms.unwrap_or_else(own);
        ensure!(used_ms.len() == index.objects.len(), "it has another number of objects than the head says");
        let states = index.objects.iter().map(|_| AtomicU8::new(MISSING)).collect();
        let units = layout::units(&index, front_bytes).collect();
        Ok(Self { index, digest, states, units, used_ms, front_bytes })
    }

    /// What became of each object so far.
    pub(super) fn arrivals(&self) -> Vec<Arrival> {
        let states = self.states.iter().map(|state| match state.load(Ordering::Acquire) {
            THERE => Arrival::There,
            WRONG => Arrival::Wrong,
            _ => Arrival::Missing,
        });
        states.collect()
    }

    /// As a head would list it.
    pub(super) fn listed(&self, key: &str) -> Parent {
        let (key, used_ms) = (key.to_owned(), self.used_ms.clone());
        Parent { key, digest: self.digest, bytes: self.index.object_bytes(), used_ms }
    }

    pub(super) fn note(&self, number: usize, state: u8) {
        self.states[number].store(state, Ordering::Release);
    }

    pub(super) fn is_wanted(&self, number: usize) -> bool {
        self.used_ms[number] > 0 && self.states[number].load(Ordering::Acquire) == MISSING
    }

    /// Whether anything of a unit is wanted.
    pub(super) fn needs(&self, unit: &Unit) -> bool {
        unit.objects.clone().any(|number| self.is_wanted(number))
    }
}
