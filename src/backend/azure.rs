//! Azure Blob Storage, by connection string or by Entra ID. Needs: a container that exists; the storage
//! account's connection string, or the account's name and an identity that the machine or the job has.

use super::ServerConfig;
use super::reader::{Known, Reader, known};
use super::variables::{Access, Building, ServerVariables};
use crate::error::Error;
use crate::inputs::Storage;
use crate::secret::Secret;
use crate::version::Version;

pub(super) const KNOWN: &[Known] = &[
    known("azure-connection-string", &["SCCACHE_AZURE_CONNECTION_STRING"]).switch(),
    known("azure-container", &["SCCACHE_AZURE_BLOB_CONTAINER"]),
    known("azure-key-prefix", &["SCCACHE_AZURE_KEY_PREFIX"]),
    known("azure-storage-account", &["SCCACHE_AZURE_STORAGE_ACCOUNT"]).since(18).switch(),
    known("azure-endpoint", &["SCCACHE_AZURE_ENDPOINT"]).since(18).switch(),
];

/// The variables by which an identity is handed to Azure's own tools, and whether each is a credential.
const IDENTITY: &[(&str, bool)] = &[
    ("AZURE_CLIENT_ID", false),
    ("AZURE_TENANT_ID", false),
    ("AZURE_CLIENT_SECRET", true),
    ("AZURE_FEDERATED_TOKEN_FILE", false),
    ("AZURE_AUTHORITY_HOST", false),
];

/// How the server proves who it is.
#[derive(Clone, Debug)]
pub enum AzureAccess {
    /// By the key or the signature in a connection string.
    ConnectionString(Secret),
    /// By Entra ID, with what the machine or the job has of it.
    EntraId {
        /// The storage account.
        account: Option<String>,
        /// The blob service's URL.
        endpoint: Option<String>,
        /// The variables that tell the identity.
        identity: ServerVariables,
    },
}

/// The `azure` storage.
#[derive(Clone, Debug)]
pub struct Azure {
    /// How the server proves who it is.
    pub access: AzureAccess,
    /// The container.
    pub container: String,
    /// A prefix for the blob names.
    pub key_prefix: Option<String>,
}

impl Azure {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let connection_string = reader.secret("azure-connection-string")?;
        let account = reader.text("azure-storage-account")?;
        let endpoint = reader.plain_url("azure-endpoint", &["https", "http"])?;
        let access = match (connection_string, account.is_some() || endpoint.is_some()) {
            (Some(_), true) => {
                return Err(Error::SettingConflict {
                    first: "azure-connection-string".into(),
                    second: if account.is_some() { "azure-storage-account" } else { "azure-endpoint" }.into(),
                    why: "a connection string names its account itself; sccache refuses both".into(),
                    remedy: "give the connection string, or account and endpoint for Entra ID".into(),
                });
            }
            (Some(secret), false) if !parts(&secret).any(|(name, _)| is_credential(name)) => {
                let pairs = "`Name=value` pairs joined by `;`, among them";
                return Err(Error::InputInvalid {
                    input: "azure-connection-string".into(),
                    value: "***".into(),
                    accepted: format!("{pairs} `AccountKey` or `SharedAccessSignature`"),
                });
            }
            (Some(secret), false) => AzureAccess::ConnectionString(secret),
            (None, true) => AzureAccess::EntraId { account, endpoint, identity: reader.ambient(IDENTITY) },
            (None, false) => return Err(reader.missing("azure-connection-string")),
        };
        let container = reader.text("azure-container")?.ok_or_else(|| reader.missing("azure-container"))?;
        Ok(Self { access, container, key_prefix: reader.text("azure-key-prefix")? })
    }
}

impl ServerConfig for Azure {
    fn description(&self) -> String {
        let prefix = self.key_prefix.as_deref().map(|prefix| format!(", key prefix {prefix}"));
        format!("Azure Blob Storage, container {}{}", self.container, prefix.unwrap_or_default())
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        let building = match &self.access {
            AzureAccess::ConnectionString(secret) => {
                Building::default().hidden("SCCACHE_AZURE_CONNECTION_STRING", Some(secret))
            }
            AzureAccess::EntraId { account, endpoint, identity } => Building::default()
                .given("SCCACHE_AZURE_STORAGE_ACCOUNT", account.as_ref())
                .given("SCCACHE_AZURE_ENDPOINT", endpoint.as_ref())
                .ambient(identity),
        };
        building
            .set("SCCACHE_AZURE_BLOB_CONTAINER", &self.container)
            .given("SCCACHE_AZURE_KEY_PREFIX", self.key_prefix.as_ref())
            .access(Storage::Azure, access)
            .done()
    }

    fn inner_secrets(&self) -> Vec<Secret> {
        let AzureAccess::ConnectionString(secret) = &self.access else { return Vec::new() };
        let keys = parts(secret).filter(|(name, _)| is_credential(name));
        keys.map(|(_, value)| Secret::new(value)).collect()
    }
}

fn parts(connection_string: &Secret) -> impl Iterator<Item = (&str, &str)> {
    connection_string.expose().split(';').filter_map(|part| part.split_once('='))
}

fn is_credential(name: &str) -> bool {
    ["AccountKey", "SharedAccessSignature"].iter().any(|known| known.eq_ignore_ascii_case(name.trim()))
}
