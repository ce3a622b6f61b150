//! Whole rounds through a real directory: what is saved comes back, and what is hostile does no harm.

mod hostile;
mod rounds;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::object::{Kind, Name, scan};
use super::policy::Bounds;
use super::store::{Directory, Store};
use super::view::View;
use super::{Deaf, Found, Halt, Order, Pieces, Restore, Restored, Saved, save};

const CAP: u64 = 1 << 30;
/// In the year 2096, so that nothing is idle.
const BASE_MS: u64 = 4_000_000_000_000;
const PREFIX: &str = "bundle-test-";

/// A cache directory and a store.
struct Place {
    root: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("cache")).unwrap();
        Self { root }
    }

    fn cache(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    fn layers(&self) -> PathBuf {
        self.root.path().join("layers")
    }

    /// The files of the store, oldest first.
    fn stored(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(self.layers())
            .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
            .unwrap_or_default();
        files.sort();
        files
    }

    fn store(&self) -> Arc<dyn Store> {
        Arc::new(Directory::new(&self.layers(), halt()))
    }

    fn empty_cache(&self) {
        std::fs::remove_dir_all(self.cache()).unwrap();
        std::fs::create_dir_all(self.cache()).unwrap();
    }

    fn restore_up_to(&self, cap_bytes: u64) -> Restored {
        let restore = Restore::new(self.store(), &self.cache(), cap_bytes, halt(), Arc::new(Deaf));
        restore.run(&[PREFIX.to_owned()])
    }

    fn restore(&self) -> Restored {
        self.restore_up_to(CAP)
    }

    fn save_with(&self, view: &View, bounds: Bounds) -> Saved {
        let cache = self.cache();
        let order = Order { directory: &cache, prefix: PREFIX, bounds, view, note: b"a note" };
        save(&order, &*self.store(), &halt()).unwrap()
    }

    fn save(&self, view: &View) -> Saved {
        self.save_with(view, Bounds::with_cap(CAP))
    }

    /// Every object: its path, its content and when it was used last.
    fn objects(&self) -> Vec<(PathBuf, Vec<u8>, u64)> {
        let mut objects: Vec<_> = scan(&self.cache())
            .into_iter()
            .map(|found| {
                let path = found.name.path();
                let content = std::fs::read(self.cache().join(&path)).unwrap();
                (path, content, found.used_ms)
            })
            .collect();
        objects.sort();
        objects
    }
}

fn halt() -> Arc<Halt> {
    Arc::new(Halt::within(Duration::from_secs(60)))
}

/// Puts an object there, used so many milliseconds after a time that will be long in the future.
fn put(cache: &Path, kind: Kind, seed: u64, content: &[u8]) -> Name {
    let name = Name::new(kind, Sha256::digest(seed.to_le_bytes()).into());
    let path = cache.join(name.path());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, content).unwrap();
    let file = std::fs::File::options().write(true).open(&path).unwrap();
    file.set_modified(super::object::time_of(BASE_MS + seed)).unwrap();
    name
}

/// Bytes that do not repeat.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}
