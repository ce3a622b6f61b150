//! A directory with a file for each layer: a cache that the host carries, a shared volume, a disk of one's own.
//!
//! Safe for jobs side by side: a layer appears complete under its name or not at all, and is never changed. Which
//! one is the newest is told by its name, because archives and copies lose times.

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, anyhow};

use super::{Head, Opened, Source, Store, StoreError, Stored, Traffic, is_layer_of};
use crate::bundle::Halt;
use crate::bundle::index::is_key;
use crate::bundle::layer::Layer;
use std::sync::Arc;

/// How long a layer that is no longer needed stays: a job that has just read the head may want it.
const GRACE: Duration = Duration::from_secs(60 * 60);

/// The store.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    halt: Arc<Halt>,
    traffic: Arc<Traffic>,
}

impl Directory {
    /// A store in this directory, which is created when something is saved.
    #[must_use]
    pub fn new(path: &Path, halt: Arc<Halt>) -> Self {
        Self { path: path.to_owned(), halt, traffic: Arc::default() }
    }

    fn keys(&self) -> Result<Vec<String>, StoreError> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.unavailable(error)),
        };
        let plain = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
        Ok(plain
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_key(name))
            .collect())
    }

    fn unavailable(&self, error: std::io::Error) -> StoreError {
        let error = anyhow::Error::from(error);
        StoreError::Unavailable(error.context(format!("`{}` cannot be used", self.path.display())))
    }

    fn try_save(&self, path: &Path, layer: &Layer) -> anyhow::Result<Stored> {
        std::fs::create_dir_all(&self.path).context("it cannot be created")?;
        // A name that is no key, so that nobody takes it for a layer.
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.path)?;
        let mut reader = layer.reader(0..layer.bytes());
        let mut buffer = vec![0; 256 << 10];
        loop {
            self.halt.check()?;
            let length = std::io::Read::read(&mut reader, &mut buffer).context("the cache cannot be read")?;
            if length == 0 {
                break;
            }
            std::io::Write::write_all(&mut file, &buffer[..length])?;
            self.traffic.sent(length as u64);
        }
        match file.persist_noclobber(path) {
            Ok(_) => Ok(Stored::Now),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Ok(Stored::Before),
            Err(error) => Err(error.error.into()),
        }
    }
}

impl Store for Directory {
    fn find(&self, prefixes: &[String]) -> Result<Option<Head>, StoreError> {
        self.traffic.request();
        let keys = self.keys()?;
        for prefix in prefixes {
            // A longer prefix has other dashes after it, so the last two parts are taken from the end.
            let newest =
                keys.iter().filter(|key| key.starts_with(prefix.as_str())).max_by_key(|key| tail(key));
            if let Some(source) = newest.map(|key| self.open(key)).transpose()?.flatten() {
                return Ok(newest.cloned().map(|key| (key, source)));
            }
        }
        Ok(None)
    }

    fn open(&self, key: &str) -> Result<Option<Box<dyn Source>>, StoreError> {
        if !is_key(key) {
            return Ok(None);
        }
        self.traffic.request();
        match File::open(self.path.join(key)) {
            Ok(file) => {
                let metadata = file.metadata().map_err(|error| self.unavailable(error))?;
                if !metadata.is_file() {
                    return Ok(None);
                }
                let total_bytes = metadata.len();
                let traffic = Arc::clone(&self.traffic);
                Ok(Some(Box::new(Entry { path: self.path.join(key), total_bytes, traffic })))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unavailable(error)),
        }
    }

    fn save(&self, key: &str, layer: &Layer) -> Result<Stored, StoreError> {
        if !is_key(key) {
            return Err(StoreError::Unavailable(anyhow!("`{key}` is no key of a layer")));
        }
        self.traffic.request();
        let context = || format!("`{}` cannot be used", self.path.display());
        self.try_save(&self.path.join(key), layer).with_context(context).map_err(StoreError::Unavailable)
    }

    fn retire(&self, prefix: &str, in_force: &[String]) -> usize {
        let keys = self.keys().unwrap_or_default();
        let idle = |path: &Path| {
            let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
            modified.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > GRACE))
        };
        let needless = keys.iter().filter(|key| is_layer_of(key, prefix) && !in_force.contains(key));
        let paths = needless.map(|key| self.path.join(key)).filter(|path| idle(path));
        paths.filter(|path| std::fs::remove_file(path).is_ok()).count()
    }

    fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

/// The time and the digest at the end of a key, for telling which is newer.
fn tail(key: &str) -> &str {
    // 13 digits, a dash, 12 digits.
    key.len().checked_sub(26).and_then(|at| key.get(at..)).unwrap_or(key)
}

/// A layer's file.
struct Entry {
    path: PathBuf,
    total_bytes: u64,
    traffic: Arc<Traffic>,
}

impl Source for Entry {
    fn read(&self, from: u64, length: u64) -> anyhow::Result<Opened> {
        let mut file = File::open(&self.path).context("the layer's file cannot be opened")?;
        file.seek(SeekFrom::Start(from)).context("the layer's file cannot be read")?;
        let length = length.min(self.total_bytes.saturating_sub(from));
        self.traffic.received(length);
        let stream = Box::new(std::io::Read::take(file, length));
        Ok(Opened { stream, is_part: true, total_bytes: Some(self.total_bytes) })
    }
}
