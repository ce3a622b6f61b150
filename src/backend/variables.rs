//! The variables of a server, as a storage builds them up, and what may be written.

use std::collections::BTreeSet;

use crate::inputs::Storage;
use crate::secret::{Secret, ServerValue};
use crate::version::Version;

/// What a storage tells the server.
pub type ServerVariables = Vec<(&'static str, ServerValue)>;

/// The storages that are only read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    read_only: BTreeSet<Storage>,
}

impl Access {
    /// Nothing is written to these.
    #[must_use]
    pub fn read_only(storages: impl IntoIterator<Item = Storage>) -> Self {
        Self { read_only: storages.into_iter().collect() }
    }

    /// Whether nothing is written to this one.
    #[must_use]
    pub fn is_read_only(&self, storage: Storage) -> bool {
        self.read_only.contains(&storage)
    }
}

/// The variable that keeps a storage from being written to, and the first sccache that obeys it.
#[must_use]
pub const fn read_only_variable(storage: Storage) -> (&'static str, Version) {
    let newer = Version { major: 0, minor: 16, patch: 0 };
    match storage {
        Storage::Disk => ("SCCACHE_LOCAL_RW_MODE", Version::MINIMUM),
        Storage::Gcs => ("SCCACHE_GCS_RW_MODE", Version::MINIMUM),
        Storage::S3 => ("SCCACHE_S3_RW_MODE", newer),
        Storage::Redis => ("SCCACHE_REDIS_RW_MODE", newer),
        Storage::Memcached => ("SCCACHE_MEMCACHED_RW_MODE", newer),
        Storage::Gha => ("SCCACHE_GHA_RW_MODE", newer),
        Storage::Azure => ("SCCACHE_AZURE_RW_MODE", newer),
        Storage::WebDav => ("SCCACHE_WEBDAV_RW_MODE", newer),
        Storage::Oss => ("SCCACHE_OSS_RW_MODE", newer),
        Storage::Cos => ("SCCACHE_COS_RW_MODE", newer),
    }
}

/// A list under construction. What is not given is not set: up to sccache 0.15 an empty value is a value, and
/// switches a storage on.
#[derive(Default)]
pub(super) struct Building(pub(super) ServerVariables);

impl Building {
    pub(super) fn set(mut self, name: &'static str, value: impl ToString) -> Self {
        self.0.push((name, ServerValue::Plain(value.to_string())));
        self
    }

    pub(super) fn given(self, name: &'static str, value: Option<&impl ToString>) -> Self {
        match value.map(ToString::to_string).filter(|value| !value.is_empty()) {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    pub(super) fn hidden(mut self, name: &'static str, value: Option<&Secret>) -> Self {
        if let Some(secret) = value.filter(|secret| !secret.expose().is_empty()) {
            self.0.push((name, ServerValue::Hidden(secret.clone())));
        }
        self
    }

    /// The variable that keeps the storage from being written to. sccache before 0.16 takes upper case only.
    pub(super) fn access(self, storage: Storage, access: &Access) -> Self {
        let (name, _) = read_only_variable(storage);
        match (access.is_read_only(storage), storage) {
            (true, _) => self.set(name, "READ_ONLY"),
            // The only one that sccache does not write to unless it is told.
            (false, Storage::Gcs) => self.set(name, "READ_WRITE"),
            (false, _) => self,
        }
    }

    pub(super) fn ambient(mut self, variables: &ServerVariables) -> Self {
        self.0.extend(variables.iter().cloned());
        self
    }

    pub(super) fn done(self) -> ServerVariables {
        self.0
    }
}
