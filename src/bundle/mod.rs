//! Bundles: a local disk cache that travels as a few large entries, and of which only what is new travels back.
//!
//! ```text
//! store ──find──▶ head ──lists──▶ older layers ──fetch, unpack──▶ cache directory   (restore, before the server)
//! store ◀──save── layer ◀──pack── policy::decide ◀──scan── cache directory          (save, after the server)
//! ```
//!
//! Owns the format (`docs/bundle-format.md`), the stores and the decision what is stored. Knows nothing of jobs,
//! plans and reports. What comes out of a store is not trusted.

mod arriving;
mod fetch;
mod halt;
pub mod index;
pub mod layer;
mod layout;
pub mod object;
mod packing;
mod pieces;
pub mod policy;
mod restore;
mod save;
pub mod store;
mod timebox;
mod unpack;
pub mod view;

pub use halt::Halt;
pub use pieces::Pieces;
pub use restore::{Found, Restore, Restored};
pub use save::{Order, Saved, SavedLayer, save};
pub use timebox::within;

/// The index of a layer.
///
/// # Errors
/// When it does not come, or is not what it should be.
pub fn index_of(source: &dyn store::Source) -> anyhow::Result<index::Index> {
    let mut opened = source.read(0, index::INDEX_LIMIT_BYTES + index::HEADER_BYTES as u64)?;
    unpack::front(&mut *opened.stream, None).map(|(_, index)| index)
}

/// Is told how far a transfer is.
pub trait Listener: Send + Sync {
    /// So many objects and bytes more are on their way.
    fn expect(&self, objects: u64, bytes: u64);
    /// An object of so many bytes is in its place.
    fn arrived(&self, bytes: u64);
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deaf;

impl Listener for Deaf {
    fn expect(&self, _objects: u64, _bytes: u64) {}
    fn arrived(&self, _bytes: u64) {}
}

#[cfg(test)]
mod tests;
