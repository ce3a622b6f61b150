//! memcached. Needs: a server that can be reached. What it holds is gone when it is stopped or full.

use super::ServerConfig;
use super::reader::{Known, Reader, known};
use super::variables::{Access, Building, ServerVariables};
use crate::error::Error;
use crate::inputs::Storage;
use crate::secret::Secret;
use crate::version::Version;

pub(super) const KNOWN: &[Known] = &[
    known("memcached-endpoint", &["SCCACHE_MEMCACHED_ENDPOINT", "SCCACHE_MEMCACHED"]).switch(),
    known("memcached-username", &["SCCACHE_MEMCACHED_USERNAME"]),
    known("memcached-password", &["SCCACHE_MEMCACHED_PASSWORD"]),
    known("memcached-key-prefix", &["SCCACHE_MEMCACHED_KEY_PREFIX"]),
    known("memcached-expiration", &["SCCACHE_MEMCACHED_EXPIRATION"]),
];

/// The `memcached` storage.
#[derive(Clone, Debug)]
pub struct Memcached {
    /// The server's URL.
    pub endpoint: String,
    /// The user.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// A prefix for the keys.
    pub key_prefix: Option<String>,
    /// Seconds that an object stays; sccache's own default is a day.
    pub expiration_secs: Option<u64>,
}

impl Memcached {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let url = reader.plain_url("memcached-endpoint", &["tcp", ""])?;
        let url = url.ok_or_else(|| reader.missing("memcached-endpoint"))?;
        let endpoint = if url.contains("://") { url } else { format!("tcp://{url}") };
        Ok(Self {
            endpoint,
            username: reader.text("memcached-username")?,
            password: reader.secret("memcached-password")?,
            key_prefix: reader.text("memcached-key-prefix")?,
            expiration_secs: reader.number("memcached-expiration")?,
        })
    }
}

impl ServerConfig for Memcached {
    fn description(&self) -> String {
        let prefix = self.key_prefix.as_deref().map(|prefix| format!(", key prefix {prefix}"));
        format!("memcached at {}{}", self.endpoint, prefix.unwrap_or_default())
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        Building::default()
            .set("SCCACHE_MEMCACHED_ENDPOINT", &self.endpoint)
            .given("SCCACHE_MEMCACHED_USERNAME", self.username.as_ref())
            .hidden("SCCACHE_MEMCACHED_PASSWORD", self.password.as_ref())
            .given("SCCACHE_MEMCACHED_KEY_PREFIX", self.key_prefix.as_ref())
            .given("SCCACHE_MEMCACHED_EXPIRATION", self.expiration_secs.as_ref())
            .access(Storage::Memcached, access)
            .done()
    }
}
