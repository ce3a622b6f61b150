//! Where layers are kept: what every store can do, and what can come in between.
//!
//! A closed set: one trait, one file for each member, told apart by [`StorePlace`](crate::state::StorePlace).

pub mod actions;
mod blob;
mod directory;
mod twirp;

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

pub use actions::Actions;
pub use directory::Directory;

use super::layer::Layer;
use super::object::hexadecimal;

/// Something that stands between us and a layer.
#[derive(Debug)]
pub enum StoreError {
    /// It may work later or for others: nothing is known about what is stored.
    Unavailable(anyhow::Error),
    /// The store says no, in these words.
    Denied(String),
}

impl StoreError {
    /// The reason, in one line.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::Unavailable(error) => format!("{error:#}"),
            Self::Denied(reason) => reason.clone(),
        }
    }
}

/// How a save ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The layer is there now.
    Now,
    /// Somebody else has stored one under that key.
    Before,
}

/// A layer that was looked for: its key, and where its bytes are.
pub type Head = (String, Box<dyn Source>);

/// A place for layers. Entries are never changed, only added.
pub trait Store: Send + Sync {
    /// The newest layer whose key begins with one of these prefixes, the earlier prefix before the later.
    ///
    /// # Errors
    /// [`StoreError`]. `Ok(None)`: there is none.
    fn find(&self, prefixes: &[String]) -> Result<Option<Head>, StoreError>;

    /// The layer of this key.
    ///
    /// # Errors
    /// [`StoreError`]. `Ok(None)`: there is none, any more.
    fn open(&self, key: &str) -> Result<Option<Box<dyn Source>>, StoreError>;

    /// Stores a layer.
    ///
    /// # Errors
    /// [`StoreError`].
    fn save(&self, key: &str, layer: &Layer) -> Result<Stored, StoreError>;

    /// Removes the layers with this prefix that no head needs any more, where that is ours to do. Returns how many.
    fn retire(&self, _prefix: &str, _in_force: &[String]) -> usize {
        0
    }

    /// What has been asked of it so far.
    fn traffic(&self) -> &Traffic;
}

/// A part of a layer, or all of it.
pub struct Opened {
    /// The bytes, from the place that was asked for, or from the very beginning.
    pub stream: Box<dyn Read + Send>,
    /// Whether the stream is the part that was asked for. `false`: it is the whole layer, and every other part
    /// would be, too.
    pub is_part: bool,
    /// The length of the whole layer, where it is known.
    pub total_bytes: Option<u64>,
}

/// A layer that can be read.
pub trait Source: Send + Sync {
    /// Opens `length` bytes from `from` on, or fewer where the layer ends before.
    ///
    /// # Errors
    /// When it cannot be read at all.
    fn read(&self, from: u64, length: u64) -> anyhow::Result<Opened>;
}

/// Requests and bytes.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// Counts a request.
    pub fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes that were sent.
    pub fn sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Counts bytes that were received.
    pub fn received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Requests, bytes sent, bytes received.
    #[must_use]
    pub fn counts(&self) -> [u64; 3] {
        [&self.requests, &self.sent, &self.received].map(|counter| counter.load(Ordering::Relaxed))
    }
}

/// The key of a layer: the prefix by which it is found, when it was made, and which one it is.
///
/// The time comes first and has a fixed width, so that of two keys with one prefix the greater is the newer.
#[must_use]
pub fn layer_key(prefix: &str, layer: &Layer) -> String {
    let digest = hexadecimal(&layer.digest());
    format!("{prefix}{:013}-{}", layer.index().saved_ms.min(9_999_999_999_999), &digest[..12])
}

/// Whether a key is `prefix` followed by what [`layer_key`] adds, and nothing else.
#[must_use]
pub fn is_layer_of(key: &str, prefix: &str) -> bool {
    let Some((time, digest)) = key.strip_prefix(prefix).and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    time.len() == 13
        && time.bytes().all(|digit| digit.is_ascii_digit())
        && digest.len() == 12
        && digest.bytes().all(|digit| digit.is_ascii_hexdigit())
}
