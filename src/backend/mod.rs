//! The storages a server can use: inputs in, variables of the server out.
//!
//! A closed set: one enum, one trait, one file per member. Credentials leave here as
//! [`ServerValue::Hidden`](crate::secret::ServerValue) and go to the server's environment only.

mod access;
mod auto;
mod azure;
mod chain;
mod choice;
mod cos;
mod disk;
mod dist;
mod gcs;
mod general;
mod gha;
mod memcached;
mod oss;
mod reader;
mod redis;
mod s3;
#[cfg(test)]
mod tests;
mod url;
mod variables;
mod webdav;

use std::path::Path;

pub use azure::{Azure, AzureAccess};
pub use chain::Chain;
pub use choice::{Choice, choose, fallback_on_disk};
pub use cos::Cos;
pub use disk::Disk;
pub use dist::Dist;
pub use gcs::Gcs;
pub use gha::Gha;
pub use memcached::Memcached;
pub use oss::Oss;
pub use reader::Known;
pub use redis::{Redis, RedisPlace};
pub use s3::{S3, S3Access};
pub use variables::{Access, ServerVariables, read_only_variable};
pub use webdav::{WebDav, WebDavAccess};

use crate::error::Error;
use crate::inputs::Storage;
use crate::secret::{Secret, ServerValue};
use crate::version::Version;
use reader::Reader;

/// What every storage tells about itself.
pub trait ServerConfig {
    /// The storage in the user's words, without credentials.
    fn description(&self) -> String;

    /// The variables that make a server of this version use the storage, as far as `access` lets it.
    fn variables(&self, version: Version, access: &Access) -> ServerVariables;

    /// The local directory that the storage writes to, where it has one.
    fn directory(&self) -> Option<&Path> {
        None
    }

    /// Credentials that are a part of a value, and could show up in a log without the rest.
    fn inner_secrets(&self) -> Vec<Secret> {
        Vec::new()
    }
}

/// A storage with its settings.
#[derive(Clone, Debug)]
pub enum Backend {
    /// A local directory.
    Disk(Disk),
    /// Amazon S3, or a service that speaks its protocol.
    S3(S3),
    /// Redis.
    Redis(Redis),
    /// memcached.
    Memcached(Memcached),
    /// Google Cloud Storage.
    Gcs(Gcs),
    /// GitHub's cache service, object by object.
    Gha(Gha),
    /// Azure Blob Storage.
    Azure(Azure),
    /// A WebDAV server.
    WebDav(WebDav),
    /// Alibaba Cloud OSS.
    Oss(Oss),
    /// Tencent Cloud COS.
    Cos(Cos),
    /// Several of them as levels.
    Chain(Chain),
}

/// The settings that a storage has; those of the disk are inputs of their own.
#[must_use]
pub const fn known_settings(storage: Storage) -> &'static [Known] {
    match storage {
        Storage::Disk => &[],
        Storage::S3 => s3::KNOWN,
        Storage::Redis => redis::KNOWN,
        Storage::Memcached => memcached::KNOWN,
        Storage::Gcs => gcs::KNOWN,
        Storage::Gha => gha::KNOWN,
        Storage::Azure => azure::KNOWN,
        Storage::WebDav => webdav::KNOWN,
        Storage::Oss => oss::KNOWN,
        Storage::Cos => cos::KNOWN,
    }
}

impl Backend {
    /// The storage with the settings that were given for it.
    fn read(storage: Storage, reader: &mut Reader<'_>) -> Result<Self, Error> {
        Ok(match storage {
            Storage::Disk => Self::Disk(Disk::from_inputs(reader.inputs(), reader.environment())?),
            Storage::S3 => Self::S3(S3::read(reader)?),
            Storage::Redis => Self::Redis(Redis::read(reader)?),
            Storage::Memcached => Self::Memcached(Memcached::read(reader)?),
            Storage::Gcs => Self::Gcs(Gcs::read(reader)?),
            Storage::Gha => Self::Gha(Gha::read(reader)?),
            Storage::Azure => Self::Azure(Azure::read(reader)?),
            Storage::WebDav => Self::WebDav(WebDav::read(reader)?),
            Storage::Oss => Self::Oss(Oss::read(reader)?),
            Storage::Cos => Self::Cos(Cos::read(reader)?),
        })
    }

    /// The one place that knows which member is which.
    #[must_use]
    pub fn config(&self) -> &dyn ServerConfig {
        match self {
            Self::Disk(disk) => disk,
            Self::S3(s3) => s3,
            Self::Redis(redis) => redis,
            Self::Memcached(memcached) => memcached,
            Self::Gcs(gcs) => gcs,
            Self::Gha(gha) => gha,
            Self::Azure(azure) => azure,
            Self::WebDav(webdav) => webdav,
            Self::Oss(oss) => oss,
            Self::Cos(cos) => cos,
            Self::Chain(chain) => chain,
        }
    }

    /// The storages of a chain, fastest first; else this one.
    #[must_use]
    pub fn levels(&self) -> &[Self] {
        match self {
            Self::Chain(chain) => &chain.levels,
            single => std::slice::from_ref(single),
        }
    }

    /// Its name; of a chain that of its first level.
    #[must_use]
    pub fn storage(&self) -> Storage {
        match self {
            Self::Disk(_) => Storage::Disk,
            Self::S3(_) => Storage::S3,
            Self::Redis(_) => Storage::Redis,
            Self::Memcached(_) => Storage::Memcached,
            Self::Gcs(_) => Storage::Gcs,
            Self::Gha(_) => Storage::Gha,
            Self::Azure(_) => Storage::Azure,
            Self::WebDav(_) => Storage::WebDav,
            Self::Oss(_) => Storage::Oss,
            Self::Cos(_) => Storage::Cos,
            Self::Chain(chain) => chain.levels.first().map_or(Storage::Disk, Self::storage),
        }
    }

    /// Every credential in it, as it could show up in a log.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let variables = self.config().variables(Version::NEWEST, &Access::default());
        let values = variables.into_iter().filter_map(|(_, value)| match value {
            ServerValue::Hidden(secret) => Some(secret),
            ServerValue::Plain(_) => None,
        });
        values.chain(self.config().inner_secrets()).collect()
    }
}
