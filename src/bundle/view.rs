//! What a restore found and brought, for the save at the end of the job: which layers are in force, which objects
//! they hold, and which of these have arrived.
//!
//! Kept in a file of the run's private directory. Nobody else reads or writes it.

use std::path::Path;

use anyhow::{Context as _, ensure};

use super::index::{self, Entry, OBJECT_LIMIT, Parent, Rest};

const MAGIC: &[u8; 8] = b"sccview1";

/// What became of an object of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Its bytes did not come.
    Missing,
    /// It is in its place.
    There,
    /// Its bytes are not what the index promises.
    Wrong,
}

/// A layer in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerView {
    /// As the head lists it, or would list itself.
    pub listed: Parent,
    /// Its objects, in the order of `listed.used_ms`, and what became of each. `None`: its index did not come, and
    /// it stays as it is listed.
    pub objects: Option<Vec<(Entry, Arrival)>>,
}

impl LayerView {
    /// The bytes of the objects that are not dropped; for an unread layer all of its bytes.
    #[must_use]
    pub fn live_bytes(&self) -> u64 {
        match &self.objects {
            None => self.listed.bytes,
            Some(objects) => {
                let live = objects.iter().zip(&self.listed.used_ms).filter(|(_, used_ms)| **used_ms > 0);
                live.map(|((entry, _), _)| entry.bytes).sum()
            }
        }
    }
}

/// What is stored, as a restore has seen it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// When the head was saved, in milliseconds since 1970 (UTC); 0 when there was none.
    pub saved_ms: u64,
    /// When the restore had ended, in milliseconds since 1970 (UTC): what is newer was made by the job.
    pub restored_ms: u64,
    /// The layers in force, oldest first. The last one is the head.
    pub layers: Vec<LayerView>,
}

impl View {
    /// How many objects are in force, and their bytes.
    #[must_use]
    pub fn live(&self) -> (usize, u64) {
        let live = self.layers.iter().map(|layer| {
            let count = layer.listed.used_ms.iter().filter(|used_ms| **used_ms > 0).count();
            (count, layer.live_bytes())
        });
        live.fold((0, 0), |sum, layer| (sum.0 + layer.0, sum.1 + layer.1))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> anyhow::Result<()> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.saved_ms.to_le_bytes());
        bytes.extend(self.restored_ms.to_le_bytes());
        for layer in &self.layers {
            index::put_parents(&mut bytes, std::slice::from_ref(&layer.listed));
            bytes.push(u8::from(layer.objects.is_some()));
            if let Some(objects) = &layer.objects {
                let (entries, arrivals): (Vec<Entry>, Vec<Arrival>) = objects.iter().copied().unzip();
                index::put_objects(&mut bytes, &entries);
                bytes.extend(arrivals.iter().map(|arrival| match arrival {
                    Arrival::Missing => 0,
                    Arrival::There => 1,
                    Arrival::Wrong => 2,
                }));
            }
        }
        std::fs::write(path, bytes).with_context(|| format!("`{}` cannot be written", path.display()))
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read or is not what was written. `Ok(None)`: there is none.
    pub fn read(path: &Path) -> anyhow::Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("`{}` cannot be read", path.display())),
        };
        Self::decode(&bytes).map(Some).with_context(|| format!("`{}` is damaged", path.display()))
    }

    fn decode(bytes: &[u8]) -> anyhow::Result<Self> {
        let mut rest = Rest(bytes);
        ensure!(rest.take(8)? == MAGIC, "it begins with something else");
        let mut view = Self { saved_ms: rest.u64()?, restored_ms: rest.u64()?, layers: Vec::new() };
        while !rest.0.is_empty() {
            let mut listed = index::parents(&mut rest)?;
            let (1, Some(listed)) = (listed.len(), listed.pop()) else { anyhow::bail!("it lists no layer") };
            let objects = match rest.take(1)? {
                [0] => None,
                _ => {
                    let entries = index::objects(&mut rest)?;
                    ensure!(entries.len() == listed.used_ms.len(), "a layer has another number of objects");
                    let arrivals = rest.take(entries.len())?.iter().map(|arrival| match arrival {
                        1 => Arrival::There,
                        2 => Arrival::Wrong,
                        _ => Arrival::Missing,
                    });
                    Some(entries.into_iter().zip(arrivals).collect())
                }
            };
            view.layers.push(LayerView { listed, objects });
        }
        let all: usize = view.layers.iter().map(|layer| layer.listed.used_ms.len()).sum();
        ensure!(all <= OBJECT_LIMIT, "it tells of too many objects");
        Ok(view)
    }
}
