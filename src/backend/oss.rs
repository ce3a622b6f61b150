//! Alibaba Cloud OSS. Needs: a bucket that exists, its endpoint, and an access key.

use super::ServerConfig;
use super::reader::{Known, Reader, known};
use super::variables::{Access, Building, ServerVariables};
use crate::error::Error;
use crate::inputs::Storage;
use crate::secret::Secret;
use crate::version::Version;

pub(super) const KNOWN: &[Known] = &[
    known("oss-bucket", &["SCCACHE_OSS_BUCKET"]).switch(),
    known("oss-endpoint", &["SCCACHE_OSS_ENDPOINT"]),
    known("oss-key-prefix", &["SCCACHE_OSS_KEY_PREFIX"]),
    known("oss-access-key-id", &["ALIBABA_CLOUD_ACCESS_KEY_ID"]),
    known("oss-access-key-secret", &["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]),
    known("oss-anonymous", &["SCCACHE_OSS_NO_CREDENTIALS"]),
];

/// The `oss` storage.
#[derive(Clone, Debug)]
pub struct Oss {
    /// The bucket.
    pub bucket: String,
    /// The service's URL.
    pub endpoint: String,
    /// A prefix for the object keys.
    pub key_prefix: Option<String>,
    /// The access key: its id and its secret. `None`: requests are made without credentials.
    pub key: Option<(Secret, Secret)>,
}

impl Oss {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let bucket = reader.text("oss-bucket")?.ok_or_else(|| reader.missing("oss-bucket"))?;
        let endpoint = reader.plain_url("oss-endpoint", &["https", "http", ""])?;
        let endpoint = endpoint.ok_or_else(|| reader.missing("oss-endpoint"))?;
        let key = if reader.flag("oss-anonymous")? == Some(true) {
            None
        } else {
            let id = reader.secret("oss-access-key-id")?;
            let secret = reader.secret("oss-access-key-secret")?;
            let id = id.ok_or_else(|| reader.missing("oss-access-key-id"))?;
            Some((id, secret.ok_or_else(|| reader.missing("oss-access-key-secret"))?))
        };
        Ok(Self { bucket, endpoint, key_prefix: reader.text("oss-key-prefix")?, key })
    }
}

impl ServerConfig for Oss {
    fn description(&self) -> String {
        let prefix = self.key_prefix.as_deref().map(|prefix| format!(", key prefix {prefix}"));
        format!("Alibaba Cloud OSS, bucket {}{}", self.bucket, prefix.unwrap_or_default())
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        let building = Building::default()
            .set("SCCACHE_OSS_BUCKET", &self.bucket)
            .set("SCCACHE_OSS_ENDPOINT", &self.endpoint)
            .given("SCCACHE_OSS_KEY_PREFIX", self.key_prefix.as_ref());
        let building = match &self.key {
            Some((id, secret)) => building
                .hidden("ALIBABA_CLOUD_ACCESS_KEY_ID", Some(id))
                .hidden("ALIBABA_CLOUD_ACCESS_KEY_SECRET", Some(secret)),
            None => building.set("SCCACHE_OSS_NO_CREDENTIALS", true),
        };
        building.access(Storage::Oss, access).done()
    }
}
