//! The restore: the newest head, and the layers it lists, side by side.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::arriving::Arriving;
use super::fetch::{Broken, Fetch};
use super::index::Parent;
use super::object::unix_ms;
use super::store::{Source, Store, StoreError};
use super::unpack::Target;
use super::view::{LayerView, View};
use super::{Halt, Listener, Pieces};

/// How many layers are fetched at once; each of them in several parts.
const LAYERS_AT_ONCE: usize = 3;

/// How a restore ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing is stored under these keys.
    Nothing,
    /// There was a head.
    Head,
    /// There was one, and it is damaged: what is saved next takes its place.
    DamagedHead,
    /// It is not known what is stored.
    Unknown,
}

/// What a restore brought.
#[derive(Debug)]
pub struct Restored {
    /// How it ended.
    pub found: Found,
    /// The key of the head.
    pub key: Option<String>,
    /// What is stored, as far as it was seen.
    pub view: View,
    /// What travelled with the cache besides its objects.
    pub note: Vec<u8>,
    /// What went wrong, in one line each.
    pub troubles: Vec<String>,
    /// Whether the disk was full, and everything was taken back.
    pub disk_full: bool,
}

impl Restored {
    fn ended(found: Found) -> Self {
        let (key, view, note) = (None, View::default(), Vec::new());
        Self { found, key, view, note, troubles: Vec::new(), disk_full: false }
    }
}

/// What is known so far, for who does not want to wait any longer.
#[derive(Debug, Default)]
struct Progress {
    key: Option<String>,
    note: Vec<u8>,
    saved_ms: u64,
    /// The layers that the head lists, then the head.
    layers: Vec<Slot>,
    troubles: Vec<String>,
}

/// A layer in force.
#[derive(Debug)]
enum Slot {
    /// Its index has not come.
    Listed(Parent),
    /// Its index has come.
    Arriving(String, Arc<Arriving>),
    /// There is none, any more, or nothing in it can be used.
    Lost,
}

/// A restore under way.
pub struct Restore {
    store: Arc<dyn Store>,
    target: Target,
    halt: Arc<Halt>,
    listener: Arc<dyn Listener>,
    pieces: Pieces,
    progress: Mutex<Progress>,
}

impl Restore {
    /// Into `directory`, at most `cap_bytes` of objects.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        directory: &Path,
        cap_bytes: u64,
        halt: Arc<Halt>,
        listener: Arc<dyn Listener>,
    ) -> Self {
        let target = Target::new(directory, cap_bytes);
        Self { store, target, halt, listener, pieces: Pieces::default(), progress: Mutex::default() }
    }

    /// The same restore with pieces of other sizes.
    #[must_use]
    pub fn in_pieces(mut self, pieces: Pieces) -> Self {
        self.pieces = pieces;
        self
    }

    /// Restores what the first of these prefixes with any head leads to.
    #[must_use]
    pub fn run(&self, prefixes: &[String]) -> Restored {
        let head = match self.store.find(prefixes) {
            Ok(None) => return Restored::ended(Found::Nothing),
            Ok(Some(head)) => head,
            Err(error) => {
                let troubles = vec![error.reason()];
                // A store that does not let us read will hardly have a head of ours that a save could hide.
                let found =
                    if matches!(error, StoreError::Denied(_)) { Found::Nothing } else { Found::Unknown };
                return Restored { troubles, ..Restored::ended(found) };
            }
        };
        let (key, source) = head;
        self.progress().key = Some(key.clone());
        match self.layers(&key, &*source) {
            Ok(()) => self.so_far(Found::Head),
            Err(Broken::Corrupt(error)) => {
                self.trouble(&key, &error);
                self.so_far(Found::DamagedHead)
            }
            Err(Broken::Passing(error)) => {
                self.trouble(&key, &error);
                let has_head = matches!(self.progress().layers.last(), Some(Slot::Arriving(..)));
                self.so_far(if has_head { Found::Head } else { Found::Unknown })
            }
            Err(Broken::Disk(error)) => {
                self.target.take_back();
                let mut restored = Restored { disk_full: true, ..Restored::ended(Found::Unknown) };
                restored.troubles.push(format!("the cache directory takes no more: {error}"));
                restored
            }
        }
    }

    /// What has come so far.
    #[must_use]
    pub fn so_far(&self, found: Found) -> Restored {
        let progress = self.progress();
        let layers = progress.layers.iter().filter_map(|slot| match slot {
            Slot::Listed(parent) => Some(LayerView { listed: parent.clone(), objects: None }),
            Slot::Arriving(key, arriving) => {
                let objects = arriving.index.objects.iter().copied().zip(arriving.arrivals()).collect();
                Some(LayerView { listed: arriving.listed(key), objects: Some(objects) })
            }
            Slot::Lost => None,
        });
        let view = View {
            saved_ms: progress.saved_ms,
            restored_ms: unix_ms(std::time::SystemTime::now()),
            layers: layers.collect(),
        };
        let (key, note, troubles) = (progress.key.clone(), progress.note.clone(), progress.troubles.clone());
        Restored { found, key, view, note, troubles, disk_full: false }
    }

    fn fetch<'a>(&'a self, source: &'a dyn Source) -> Fetch<'a> {
        Fetch {
            source,
            target: &self.target,
            halt: &self.halt,
            listener: &*self.listener,
            pieces: self.pieces,
        }
    }

    /// The head, and as soon as its index tells of them the layers it lists.
    fn layers(&self, key: &str, source: &dyn Source) -> Result<(), Broken> {
        std::thread::scope(|scope| {
            let mut older = None;
            let fetched = self.fetch(source).layer(None, |arriving| {
                let arriving = Arc::new(arriving);
                let parents = self.begin(key, &arriving);
                older = Some(scope.spawn(move || self.older(&parents)));
                arriving
            });
            let older = older.and_then(|older| older.join().ok()).unwrap_or(Ok(()));
            fetched.and(older)
        })
    }

    fn begin(&self, key: &str, head: &Arc<Arriving>) -> Vec<Parent> {
        let mut progress = self.progress();
        progress.note.clone_from(&head.index.note);
        progress.saved_ms = head.index.saved_ms;
        let parents = head.index.parents.clone();
        progress.layers = parents.iter().cloned().map(Slot::Listed).collect();
        progress.layers.push(Slot::Arriving(key.to_owned(), Arc::clone(head)));
        parents
    }

    fn older(&self, parents: &[Parent]) -> Result<(), Broken> {
        let next = std::sync::atomic::AtomicUsize::new(0);
        let work = || {
            while let Some(at) =
                Some(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).filter(|at| *at < parents.len())
            {
                // The newest first: it is the likeliest to be of use when the time is over.
                let at = parents.len() - 1 - at;
                match self.one(at, &parents[at]) {
                    Ok(()) => {}
                    Err(Broken::Corrupt(error)) => {
                        self.progress().layers[at] = Slot::Lost;
                        self.trouble(&parents[at].key, &error);
                    }
                    Err(Broken::Passing(error)) => self.trouble(&parents[at].key, &error),
                    Err(disk) => return Err(disk),
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..LAYERS_AT_ONCE.min(parents.len())).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Ok(())))
        })
    }

    fn one(&self, at: usize, parent: &Parent) -> Result<(), Broken> {
        self.halt.check().map_err(Broken::Passing)?;
        let opened = self.store.open(&parent.key);
        let source = match opened {
            Ok(Some(source)) => source,
            Ok(None) => return Err(Broken::Corrupt(anyhow::anyhow!("it is gone"))),
            Err(error) => return Err(Broken::Passing(anyhow::anyhow!(error.reason()))),
        };
        self.fetch(&*source).layer(Some(parent), |arriving| {
            let arriving = Arc::new(arriving);
            self.progress().layers[at] = Slot::Arriving(parent.key.clone(), Arc::clone(&arriving));
            arriving
        })
    }

    fn trouble(&self, key: &str, error: &anyhow::Error) {
        // When the time is over, every transfer ends with words of its own.
        let over = self.halt.check().err();
        let error = over.as_ref().unwrap_or(error);
        self.progress().troubles.push(format!("layer `{key}`: {error:#}"));
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
