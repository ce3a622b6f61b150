//! GitHub's cache service v2, and servers that stand in for it.
//!
//! A layer is an entry. Its key is reserved only when the layer is ready, because a reservation that is never
//! finalized blocks the key for a day; keys carry the time, so no later save needs the same one.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{anyhow, bail};
use sha2::{Digest as _, Sha256};

use super::blob::{Failed, Transfers};
use super::twirp::{Reserved, Service};
use super::{Head, Opened, Source, Store, StoreError, Stored, Traffic};
use crate::bundle::layer::Layer;
use crate::bundle::object::hexadecimal;
use crate::bundle::{Halt, Pieces};
use crate::environment::Variables;
use crate::sccache::proxy;
use crate::secret::Secret;

/// How long to wait for a host name or a connection.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The longest silence of a server.
const STALL: Duration = Duration::from_secs(20);

/// The store.
#[derive(Debug)]
pub struct Actions {
    service: Arc<Service>,
    transfers: Transfers,
}

/// The version of our entries on the service, where every other version is invisible: 64 hexadecimal digits, as
/// the service wants them.
#[must_use]
pub fn entry_version() -> String {
    let name = format!("sccache-step bundle, format {}", crate::bundle::index::FORMAT);
    hexadecimal(&Sha256::digest(name.as_bytes()))
}

impl Actions {
    /// The service at `base` (`ACTIONS_RESULTS_URL`), used as `token` (`ACTIONS_RUNTIME_TOKEN`) allows.
    ///
    /// # Errors
    /// When a variable for proxies is not understood.
    pub fn new(base: &str, token: Secret, variables: &Variables, halt: Arc<Halt>) -> anyhow::Result<Self> {
        let tls = ureq::tls::TlsConfig::builder().root_certs(ureq::tls::RootCerts::PlatformVerifier).build();
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .tls_config(tls)
            .proxy(proxy(variables, base.starts_with("https:"))?)
            .user_agent(concat!("sccache-step/", env!("CARGO_PKG_VERSION")))
            .http_status_as_error(false)
            .timeout_resolve(Some(CONNECT_LIMIT))
            .timeout_connect(Some(CONNECT_LIMIT))
            .timeout_recv_response(Some(STALL))
            .timeout_per_read(Some(STALL))
            .build()
            .into();
        let traffic: Arc<Traffic> = Arc::default();
        let pieces = Pieces::default();
        let transfers = Transfers {
            agent: agent.clone(),
            halt: Arc::clone(&halt),
            traffic: Arc::clone(&traffic),
            pieces,
        };
        let service =
            Service { agent, base: base.to_owned(), token, version: entry_version(), halt, traffic };
        Ok(Self { service: Arc::new(service), transfers })
    }

    /// The same store with pieces of other sizes.
    #[must_use]
    pub fn in_pieces(mut self, pieces: Pieces) -> Self {
        self.transfers.pieces = pieces;
        self
    }

    fn source(&self, key: String, url: String) -> Box<dyn Source> {
        let (service, transfers) = (Arc::clone(&self.service), self.transfers.clone());
        Box::new(Entry { key, url: Mutex::new(url), service, transfers })
    }
}

impl Store for Actions {
    fn find(&self, prefixes: &[String]) -> Result<Option<Head>, StoreError> {
        let Some((first, rest)) = prefixes.split_first() else { return Ok(None) };
        let found = self.service.look_up(first, rest)?;
        Ok(found.map(|(key, url)| (key.clone(), self.source(key, url))))
    }

    fn open(&self, key: &str) -> Result<Option<Box<dyn Source>>, StoreError> {
        // The key counts as a prefix, too, so another one may come back.
        let found = self.service.look_up(key, &[])?.filter(|(matched, _)| matched == key);
        Ok(found.map(|(key, url)| self.source(key, url)))
    }

    fn save(&self, key: &str, layer: &Layer) -> Result<Stored, StoreError> {
        match self.service.create(key)? {
            Reserved::Before => Ok(Stored::Before),
            Reserved::Upload(url) => {
                self.transfers.upload(&url, layer).map_err(StoreError::Unavailable)?;
                self.service.finalize(key, layer.bytes())?;
                Ok(Stored::Now)
            }
        }
    }

    fn traffic(&self) -> &Traffic {
        &self.service.traffic
    }
}

/// An entry of the service. Its URL is good for some minutes only.
struct Entry {
    key: String,
    url: Mutex<String>,
    service: Arc<Service>,
    transfers: Transfers,
}

impl Source for Entry {
    fn read(&self, from: u64, length: u64) -> anyhow::Result<Opened> {
        let url = self.url();
        match self.transfers.get(&url, from, length) {
            Ok(opened) => Ok(opened),
            Err(Failed::Other(error)) => Err(error),
            Err(Failed::Url(status)) => {
                // Others may have renewed it meanwhile.
                let fresh = Some(self.url()).filter(|fresh| *fresh != url);
                let fresh = fresh.map_or_else(|| self.renewed(status), Ok)?;
                match self.transfers.get(&fresh, from, length) {
                    Ok(opened) => Ok(opened),
                    Err(Failed::Other(error)) => Err(error),
                    Err(Failed::Url(status)) => {
                        bail!("the storage answered {status} for a URL that was just made")
                    }
                }
            }
        }
    }
}

impl Entry {
    fn url(&self) -> String {
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn renewed(&self, status: u16) -> anyhow::Result<String> {
        let found = self.service.look_up(&self.key, &[]).map_err(|error| anyhow!(error.reason()))?;
        let Some((_, url)) = found.filter(|(matched, _)| *matched == self.key) else {
            bail!("the entry is gone (the storage answered {status})");
        };
        self.url.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&url);
        Ok(url)
    }
}
