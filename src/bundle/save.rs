//! The save: what is new becomes one layer, and nothing new is nothing to do.

use std::path::Path;

use super::Halt;
use super::layer::Layer;
use super::object::{scan, unix_ms};
use super::policy::{Bounds, Decision, Shape, Tally, decide};
use super::store::{Store, StoreError, Stored, layer_key};
use super::view::View;

/// What is to be saved.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The cache directory. Nobody else writes to it meanwhile.
    pub directory: &'a Path,
    /// What the key begins with, and by which the next restore will find the layer.
    pub prefix: &'a str,
    /// The bounds of what is stored.
    pub bounds: Bounds,
    /// What a restore has seen.
    pub view: &'a View,
    /// What travels with the cache besides its objects.
    pub note: &'a [u8],
}

/// What a save did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// What was seen.
    pub tally: Tally,
    /// The layer that was stored; `None` when there was nothing new.
    pub layer: Option<SavedLayer>,
}

/// A layer that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedLayer {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// How many objects are in it.
    pub objects: usize,
    /// How many older layers stay in force.
    pub parents: usize,
    /// Why it is as large as it is.
    pub shape: Shape,
    /// Whether it was stored now or by somebody else before.
    pub stored: Stored,
}

/// Saves.
///
/// # Errors
/// [`StoreError`]: nothing has changed for later restores.
pub fn save(order: &Order<'_>, store: &dyn Store, halt: &Halt) -> Result<Saved, StoreError> {
    let (decision, tally) = decide(scan(order.directory), order.view, &order.bounds);
    let Decision::Layer { shape, objects, parents } = decision else {
        return Ok(Saved { tally, layer: None });
    };
    // Later than the head, or it would never be found: clocks of machines differ.
    let saved_ms = unix_ms(std::time::SystemTime::now()).max(order.view.saved_ms + 1);
    let in_force: Vec<String> = parents.iter().map(|parent| parent.key.clone()).collect();
    let layer = Layer::pack(order.directory, &objects, parents, order.note.to_vec(), saved_ms, halt);
    let layer = layer.map_err(StoreError::Unavailable)?;
    if layer.index().objects.is_empty() {
        return Ok(Saved { tally, layer: None });
    }
    let key = layer_key(order.prefix, &layer);
    let stored = store.save(&key, &layer)?;
    let saved = SavedLayer {
        bytes: layer.bytes(),
        objects: layer.index().objects.len(),
        parents: in_force.len(),
        shape,
        stored,
        key: key.clone(),
    };
    if stored == Stored::Now {
        store.retire(order.prefix, &[in_force, vec![key]].concat());
    }
    Ok(Saved { tally, layer: Some(saved) })
}
