//! Amazon S3 and services that speak its protocol: R2, MinIO and others. Needs: a bucket that exists, its
//! region, and credentials, given here or found by the AWS variables and files of the machine.

use super::ServerConfig;
use super::reader::{Known, Reader, known};
use super::variables::{Access, Building, ServerVariables};
use crate::error::Error;
use crate::inputs::Storage;
use crate::secret::Secret;
use crate::version::Version;

pub(super) const KNOWN: &[Known] = &[
    known("s3-bucket", &["SCCACHE_BUCKET"]).switch(),
    // sccache reads the last one itself only since 0.18.
    known("s3-region", &["SCCACHE_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"]),
    known("s3-endpoint", &["SCCACHE_ENDPOINT"]),
    known("s3-key-prefix", &["SCCACHE_S3_KEY_PREFIX"]),
    known("s3-access-key-id", &["AWS_ACCESS_KEY_ID"]),
    known("s3-secret-access-key", &["AWS_SECRET_ACCESS_KEY"]),
    known("s3-session-token", &["AWS_SESSION_TOKEN"]),
    known("s3-anonymous", &["SCCACHE_S3_NO_CREDENTIALS"]),
    known("s3-use-ssl", &["SCCACHE_S3_USE_SSL"]),
    known("s3-virtual-host-style", &["SCCACHE_S3_ENABLE_VIRTUAL_HOST_STYLE"]).since(11),
    known("s3-server-side-encryption", &["SCCACHE_S3_SERVER_SIDE_ENCRYPTION"]),
    known("s3-kms", &["SCCACHE_S3_SERVER_SIDE_ENCRYPTION_AWS_KMS"]).since(17),
    known("s3-kms-key-id", &["SCCACHE_S3_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID"]).since(17),
];

/// The variables and files by which AWS tools find credentials when no key is given, and whether each is one.
const IDENTITY: &[(&str, bool)] = &[
    ("AWS_PROFILE", false),
    ("AWS_CONFIG_FILE", false),
    ("AWS_SHARED_CREDENTIALS_FILE", false),
    ("AWS_ROLE_ARN", false),
    ("AWS_ROLE_SESSION_NAME", false),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", false),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", false),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", false),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", true),
    ("AWS_EC2_METADATA_DISABLED", false),
];

/// How the server proves who it is.
#[derive(Clone, Debug)]
pub enum S3Access {
    /// By an access key.
    Key {
        /// Its id.
        id: Secret,
        /// Its secret.
        secret: Secret,
        /// The token of a temporary one.
        session_token: Option<Secret>,
    },
    /// By what the machine or the job has: these variables, files in the home directory, the metadata service.
    Machine(ServerVariables),
    /// Not at all.
    Anonymous,
}

/// The `s3` storage.
#[derive(Clone, Debug)]
pub struct S3 {
    /// The bucket.
    pub bucket: String,
    /// Its region.
    pub region: Option<String>,
    /// The service's URL, for another than Amazon's.
    pub endpoint: Option<String>,
    /// A prefix for the object keys.
    pub key_prefix: Option<String>,
    /// How the server proves who it is.
    pub access: S3Access,
    /// HTTPS for an endpoint without a scheme.
    pub use_ssl: Option<bool>,
    /// The bucket as part of the host's name.
    pub virtual_host_style: Option<bool>,
    /// Encryption with keys of the service.
    pub server_side_encryption: Option<bool>,
    /// Encryption with keys of AWS KMS.
    pub kms: Option<bool>,
    /// The key of AWS KMS.
    pub kms_key_id: Option<String>,
}

impl S3 {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let bucket = reader.text("s3-bucket")?.ok_or_else(|| reader.missing("s3-bucket"))?;
        let access = read_access(reader)?;
        let region = reader.text("s3-region")?;
        // A profile may name the region in a file.
        let may_be_elsewhere = matches!(&access, S3Access::Machine(found) if !found.is_empty());
        if region.is_none() && !may_be_elsewhere {
            return Err(reader.missing("s3-region"));
        }
        let (kms, kms_key_id) = (reader.flag("s3-kms")?, reader.text("s3-kms-key-id")?);
        if kms_key_id.is_some() && kms == Some(false) {
            return Err(Error::SettingConflict {
                first: "s3-kms-key-id".into(),
                second: "s3-kms".into(),
                why: "a key is named, and its use is turned off".into(),
                remedy: "leave one of them out".into(),
            });
        }
        Ok(Self {
            bucket,
            region,
            endpoint: reader.plain_url("s3-endpoint", &["https", "http", ""])?,
            key_prefix: reader.text("s3-key-prefix")?,
            access,
            use_ssl: reader.flag("s3-use-ssl")?,
            virtual_host_style: reader.flag("s3-virtual-host-style")?,
            server_side_encryption: reader.flag("s3-server-side-encryption")?,
            kms: kms.or(kms_key_id.as_ref().map(|_| true)),
            kms_key_id,
        })
    }
}

fn read_access(reader: &mut Reader<'_>) -> Result<S3Access, Error> {
    let anonymous = reader.flag("s3-anonymous")? == Some(true);
    let given = |name: &str| reader.inputs().settings.contains_key(name);
    if anonymous {
        if let Some(second) =
            ["s3-access-key-id", "s3-secret-access-key"].into_iter().find(|name| given(name))
        {
            return Err(Error::SettingConflict {
                first: "s3-anonymous".into(),
                second: second.into(),
                why: "a request is made with credentials or without; sccache refuses both".into(),
                remedy: "leave one of them out".into(),
            });
        }
        return Ok(S3Access::Anonymous);
    }
    let (id, secret) = (reader.secret("s3-access-key-id")?, reader.secret("s3-secret-access-key")?);
    match (id, secret) {
        (Some(id), Some(secret)) => {
            Ok(S3Access::Key { id, secret, session_token: reader.secret("s3-session-token")? })
        }
        (Some(_), None) => Err(reader.missing("s3-secret-access-key")),
        (None, Some(_)) => Err(reader.missing("s3-access-key-id")),
        (None, None) => Ok(S3Access::Machine(reader.ambient(IDENTITY))),
    }
}

impl ServerConfig for S3 {
    fn description(&self) -> String {
        let at = self.endpoint.as_deref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
        let prefix = self.key_prefix.as_deref().map(|prefix| format!(", key prefix {prefix}"));
        format!("S3, bucket {}{at}{}", self.bucket, prefix.unwrap_or_default())
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        let building = Building::default()
            .set("SCCACHE_BUCKET", &self.bucket)
            .given("SCCACHE_REGION", self.region.as_ref())
            .given("SCCACHE_ENDPOINT", self.endpoint.as_ref())
            .given("SCCACHE_S3_KEY_PREFIX", self.key_prefix.as_ref())
            .given("SCCACHE_S3_USE_SSL", self.use_ssl.as_ref())
            .given("SCCACHE_S3_ENABLE_VIRTUAL_HOST_STYLE", self.virtual_host_style.as_ref())
            .given("SCCACHE_S3_SERVER_SIDE_ENCRYPTION", self.server_side_encryption.as_ref())
            .given("SCCACHE_S3_SERVER_SIDE_ENCRYPTION_AWS_KMS", self.kms.as_ref())
            .given("SCCACHE_S3_SERVER_SIDE_ENCRYPTION_AWS_KMS_KEY_ID", self.kms_key_id.as_ref());
        let building = match &self.access {
            S3Access::Key { id, secret, session_token } => building
                .hidden("AWS_ACCESS_KEY_ID", Some(id))
                .hidden("AWS_SECRET_ACCESS_KEY", Some(secret))
                .hidden("AWS_SESSION_TOKEN", session_token.as_ref()),
            S3Access::Machine(found) => building.ambient(found),
            S3Access::Anonymous => building.set("SCCACHE_S3_NO_CREDENTIALS", true),
        };
        building.access(Storage::S3, access).done()
    }
}
