//! Redis: one server or a cluster, with TLS by `rediss://`. Needs: a server that can be reached.
//!
//! sccache prints the URL as it was configured, in its statistics and its log, so user and password are taken
//! out of it here and go by variables of their own.

use super::ServerConfig;
use super::reader::{Known, Reader, invalid, known};
use super::url::Url;
use super::variables::{Access, Building, ServerVariables};
use crate::error::Error;
use crate::inputs::Storage;
use crate::secret::Secret;
use crate::version::Version;

pub(super) const KNOWN: &[Known] = &[
    known("redis-endpoint", &["SCCACHE_REDIS_ENDPOINT", "SCCACHE_REDIS"]).switch(),
    known("redis-cluster-endpoints", &["SCCACHE_REDIS_CLUSTER_ENDPOINTS"]).switch(),
    known("redis-username", &["SCCACHE_REDIS_USERNAME"]),
    known("redis-password", &["SCCACHE_REDIS_PASSWORD"]),
    known("redis-db", &["SCCACHE_REDIS_DB"]),
    known("redis-key-prefix", &["SCCACHE_REDIS_KEY_PREFIX"]),
    known("redis-expiration", &["SCCACHE_REDIS_EXPIRATION", "SCCACHE_REDIS_TTL"]),
];

const SCHEMES: &[&str] = &["redis", "rediss", "tcp", "unix", "redis+unix"];

/// Where Redis is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedisPlace {
    /// One server, by its URL without user and password.
    Server(String),
    /// The nodes of a cluster, likewise.
    Cluster(Vec<String>),
}

/// The `redis` storage.
#[derive(Clone, Debug)]
pub struct Redis {
    /// Where it is.
    pub place: RedisPlace,
    /// The user.
    pub username: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// The number of the database.
    pub db: Option<u64>,
    /// A prefix for the keys.
    pub key_prefix: Option<String>,
    /// Seconds that an object stays.
    pub expiration_secs: Option<u64>,
}

impl Redis {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let server = reader.url("redis-endpoint", SCHEMES)?;
        let nodes = reader.urls("redis-cluster-endpoints", SCHEMES)?;
        if server.is_some() && !nodes.is_empty() {
            return Err(Error::SettingConflict {
                first: "redis-endpoint".into(),
                second: "redis-cluster-endpoints".into(),
                why: "the storage is one server or a cluster; sccache refuses both".into(),
                remedy: "leave one of them out".into(),
            });
        }
        let mut db = reader.number("redis-db")?;
        let all: Vec<&Url> = server.iter().chain(&nodes).collect();
        let of_url = all.iter().find(|url| url.has_credentials());
        let username = reader.text("redis-username")?.or_else(|| of_url?.username.clone());
        let password = reader.secret("redis-password")?.or_else(|| of_url?.password.clone());
        let place = match server {
            Some(mut url) => {
                if !url.scheme.contains("unix") {
                    db = take_db(&mut url)?.or(db);
                }
                RedisPlace::Server(url.without_credentials())
            }
            None if !nodes.is_empty() => {
                RedisPlace::Cluster(nodes.iter().map(Url::without_credentials).collect())
            }
            None => return Err(reader.missing("redis-endpoint")),
        };
        Ok(Self {
            place,
            username,
            password,
            db,
            key_prefix: reader.text("redis-key-prefix")?,
            expiration_secs: reader.number("redis-expiration")?,
        })
    }
}

/// Takes the database out of the URL, where it is the path or `?db=`: sccache has a variable of its own for it.
fn take_db(url: &mut Url) -> Result<Option<u64>, Error> {
    let rest = std::mem::take(&mut url.rest);
    let (path, query) = rest.split_once('?').unwrap_or((&rest, ""));
    let path = path.trim_matches('/');
    let named = query.split('&').find_map(|pair| pair.strip_prefix("db=")).unwrap_or(path);
    let others: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("db=")).collect();
    if !others.is_empty() {
        url.rest = format!("?{}", others.join("&"));
    }
    match named {
        "" => Ok(None),
        named => named.parse::<u32>().map(|db| Some(u64::from(db))).map_err(|_| {
            invalid("redis-endpoint", &url.without_credentials(), "a URL whose path is a number".into())
        }),
    }
}

impl ServerConfig for Redis {
    fn description(&self) -> String {
        let place = match &self.place {
            RedisPlace::Server(url) => format!("Redis at {url}"),
            RedisPlace::Cluster(nodes) => format!("Redis, a cluster of {}", nodes.join(", ")),
        };
        let prefix = self.key_prefix.as_deref().map(|prefix| format!(", key prefix {prefix}"));
        format!("{place}{}", prefix.unwrap_or_default())
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        let building = match &self.place {
            RedisPlace::Server(url) => Building::default().set("SCCACHE_REDIS_ENDPOINT", url),
            RedisPlace::Cluster(nodes) => {
                Building::default().set("SCCACHE_REDIS_CLUSTER_ENDPOINTS", nodes.join(","))
            }
        };
        building
            .given("SCCACHE_REDIS_USERNAME", self.username.as_ref())
            .hidden("SCCACHE_REDIS_PASSWORD", self.password.as_ref())
            .given("SCCACHE_REDIS_DB", self.db.as_ref())
            .given("SCCACHE_REDIS_KEY_PREFIX", self.key_prefix.as_ref())
            .given("SCCACHE_REDIS_EXPIRATION", self.expiration_secs.as_ref())
            .access(Storage::Redis, access)
            .done()
    }
}
