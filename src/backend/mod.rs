//! The storages a server can use: inputs in, variables of the server out.
//!
//! A closed set: one enum, one trait, one file per member. Credentials leave here as
//! [`ServerValue::Hidden`](crate::secret::ServerValue) and go to the server's environment only.

mod azure;
mod disk;

use std::path::Path;

pub use azure::Azure;
pub use disk::Disk;

use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::{Cache, Inputs};
use crate::secret::{Secret, ServerValue};
use crate::version::Version;

/// What every storage tells about itself.
pub trait ServerConfig {
    /// The storage in the user's words, without credentials.
    fn description(&self) -> String;

    /// The variables that make a server of this version use the storage.
    fn variables(&self, version: Version) -> Vec<(&'static str, ServerValue)>;

    /// The local directory that the storage writes to, where it has one.
    fn directory(&self) -> Option<&Path>;

    /// The credentials in it, each as it could show up in a log.
    fn secrets(&self) -> Vec<Secret>;
}

/// A storage with its settings.
#[derive(Clone, Debug)]
pub enum Backend {
    /// A local directory.
    Disk(Disk),
    /// Azure Blob Storage.
    Azure(Azure),
}

impl Backend {
    /// The storage that the inputs ask for.
    ///
    /// # Errors
    /// [`Error::SettingMissing`] and [`Error::SettingUnused`].
    pub fn choose(inputs: &Inputs, environment: &Environment) -> Result<Self, Error> {
        match inputs.cache {
            Cache::Disk => Disk::from_inputs(inputs, environment).map(Self::Disk),
            Cache::Azure => Azure::from_inputs(inputs).map(Self::Azure),
        }
    }

    /// The one place that knows which member is which.
    #[must_use]
    pub fn config(&self) -> &dyn ServerConfig {
        match self {
            Self::Disk(disk) => disk,
            Self::Azure(azure) => azure,
        }
    }
}
