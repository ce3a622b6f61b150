//! Tencent Cloud COS. Needs: a bucket that exists, its endpoint, a secret, and sccache 0.14 or newer.

use super::ServerConfig;
use super::reader::{Known, Reader, known};
use super::variables::{Access, Building, ServerVariables};
use crate::error::Error;
use crate::inputs::Storage;
use crate::secret::Secret;
use crate::version::Version;

pub(super) const KNOWN: &[Known] = &[
    known("cos-bucket", &["SCCACHE_COS_BUCKET"]).since(14).switch(),
    known("cos-endpoint", &["SCCACHE_COS_ENDPOINT"]).since(14),
    known("cos-key-prefix", &["SCCACHE_COS_KEY_PREFIX"]).since(14),
    known("cos-secret-id", &["TENCENTCLOUD_SECRET_ID"]),
    known("cos-secret-key", &["TENCENTCLOUD_SECRET_KEY"]),
];

/// The `cos` storage.
#[derive(Clone, Debug)]
pub struct Cos {
    /// The bucket.
    pub bucket: String,
    /// The service's URL.
    pub endpoint: String,
    /// A prefix for the object keys.
    pub key_prefix: Option<String>,
    /// The id of the secret.
    pub secret_id: Secret,
    /// The key of the secret.
    pub secret_key: Secret,
}

impl Cos {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let bucket = reader.text("cos-bucket")?.ok_or_else(|| reader.missing("cos-bucket"))?;
        let endpoint = reader.plain_url("cos-endpoint", &["https", "http", ""])?;
        let endpoint = endpoint.ok_or_else(|| reader.missing("cos-endpoint"))?;
        let secret_id = reader.secret("cos-secret-id")?.ok_or_else(|| reader.missing("cos-secret-id"))?;
        let secret_key = reader.secret("cos-secret-key")?.ok_or_else(|| reader.missing("cos-secret-key"))?;
        Ok(Self { bucket, endpoint, key_prefix: reader.text("cos-key-prefix")?, secret_id, secret_key })
    }
}

impl ServerConfig for Cos {
    fn description(&self) -> String {
        let prefix = self.key_prefix.as_deref().map(|prefix| format!(", key prefix {prefix}"));
        format!("Tencent Cloud COS, bucket {}{}", self.bucket, prefix.unwrap_or_default())
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        Building::default()
            .set("SCCACHE_COS_BUCKET", &self.bucket)
            .set("SCCACHE_COS_ENDPOINT", &self.endpoint)
            .given("SCCACHE_COS_KEY_PREFIX", self.key_prefix.as_ref())
            .hidden("TENCENTCLOUD_SECRET_ID", Some(&self.secret_id))
            .hidden("TENCENTCLOUD_SECRET_KEY", Some(&self.secret_key))
            .access(Storage::Cos, access)
            .done()
    }
}
