//! Google Cloud Storage. Needs: a bucket that exists, and an identity: a key file, a URL that gives out tokens,
//! or what the machine has. The only storage that sccache does not write to unless it is told.

use super::ServerConfig;
use super::reader::{Known, Reader, known};
use super::variables::{Access, Building, ServerVariables};
use crate::error::Error;
use crate::inputs::Storage;
use crate::version::Version;

pub(super) const KNOWN: &[Known] = &[
    known("gcs-bucket", &["SCCACHE_GCS_BUCKET"]).switch(),
    known("gcs-key-prefix", &["SCCACHE_GCS_KEY_PREFIX"]),
    known("gcs-key-path", &["SCCACHE_GCS_KEY_PATH"]),
    known("gcs-service-account", &["SCCACHE_GCS_SERVICE_ACCOUNT"]),
    known("gcs-credentials-url", &["SCCACHE_GCS_CREDENTIALS_URL"]),
];

/// The variables by which Google's own tools find an identity.
const IDENTITY: &[(&str, bool)] = &[("GOOGLE_APPLICATION_CREDENTIALS", false)];

/// The `gcs` storage.
#[derive(Clone, Debug)]
pub struct Gcs {
    /// The bucket.
    pub bucket: String,
    /// A prefix for the object names.
    pub key_prefix: Option<String>,
    /// The file with the key of a service account, as an absolute path.
    pub key_path: Option<String>,
    /// The service account whose token the metadata server gives.
    pub service_account: Option<String>,
    /// The URL that gives out tokens.
    pub credentials_url: Option<String>,
    /// What the machine or the job has of an identity.
    pub identity: ServerVariables,
}

impl Gcs {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let bucket = reader.text("gcs-bucket")?.ok_or_else(|| reader.missing("gcs-bucket"))?;
        let key_path = reader.text("gcs-key-path")?;
        let workspace = &reader.environment().workspace;
        let key_path = key_path.map(|path| workspace.join(path).to_string_lossy().into_owned());
        Ok(Self {
            bucket,
            key_prefix: reader.text("gcs-key-prefix")?,
            key_path,
            service_account: reader.text("gcs-service-account")?,
            credentials_url: reader.plain_url("gcs-credentials-url", &["https", "http"])?,
            identity: reader.ambient(IDENTITY),
        })
    }
}

impl ServerConfig for Gcs {
    fn description(&self) -> String {
        let prefix = self.key_prefix.as_deref().map(|prefix| format!(", key prefix {prefix}"));
        format!("Google Cloud Storage, bucket {}{}", self.bucket, prefix.unwrap_or_default())
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        Building::default()
            .set("SCCACHE_GCS_BUCKET", &self.bucket)
            .given("SCCACHE_GCS_KEY_PREFIX", self.key_prefix.as_ref())
            .given("SCCACHE_GCS_KEY_PATH", self.key_path.as_ref())
            .given("SCCACHE_GCS_SERVICE_ACCOUNT", self.service_account.as_ref())
            .given("SCCACHE_GCS_CREDENTIALS_URL", self.credentials_url.as_ref())
            .ambient(&self.identity)
            .access(Storage::Gcs, access)
            .done()
    }
}
