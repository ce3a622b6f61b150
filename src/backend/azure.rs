//! Azure Blob Storage through a connection string. Needs: the storage account's connection string and the
//! name of an existing container.

use std::path::Path;

use super::ServerConfig;
use crate::error::Error;
use crate::inputs::Inputs;
use crate::secret::{Secret, ServerValue};
use crate::version::Version;

/// The `azure` storage.
#[derive(Clone, Debug)]
pub struct Azure {
    connection_string: Secret,
    container: String,
    key_prefix: Option<String>,
}

impl Azure {
    pub(super) fn from_inputs(inputs: &Inputs) -> Result<Self, Error> {
        if inputs.cache_dir.is_some() {
            return Err(Error::SettingUnused { input: "cache-dir", backend: "disk", cache: "azure".into() });
        }
        let missing = |input| move || Error::SettingMissing { input, backend: "azure" };
        let connection_string =
            inputs.azure_connection_string.clone().ok_or_else(missing("azure-connection-string"))?;
        if !parts(&connection_string).any(|(name, _)| is_credential(name)) {
            return Err(Error::InputInvalid {
                input: "azure-connection-string".into(),
                value: "***".into(),
                accepted:
                    "`Name=value` pairs joined by `;`, among them `AccountKey` or `SharedAccessSignature`"
                        .into(),
            });
        }
        let container = inputs.azure_container.clone().ok_or_else(missing("azure-container"))?;
        Ok(Self { connection_string, container, key_prefix: inputs.azure_key_prefix.clone() })
    }
}

impl ServerConfig for Azure {
    fn description(&self) -> String {
        let prefix = self.key_prefix.as_deref().map(|prefix| format!(", key prefix {prefix}"));
        format!("Azure Blob Storage, container {}{}", self.container, prefix.unwrap_or_default())
    }

    fn variables(&self, _version: Version) -> Vec<(&'static str, ServerValue)> {
        let mut variables = vec![
            ("SCCACHE_AZURE_CONNECTION_STRING", ServerValue::Hidden(self.connection_string.clone())),
            ("SCCACHE_AZURE_BLOB_CONTAINER", ServerValue::Plain(self.container.clone())),
        ];
        // Up to sccache 0.15 an empty value is a value, so what is not given is not set.
        if let Some(prefix) = &self.key_prefix {
            variables.push(("SCCACHE_AZURE_KEY_PREFIX", ServerValue::Plain(prefix.clone())));
        }
        variables
    }

    fn directory(&self) -> Option<&Path> {
        None
    }

    fn secrets(&self) -> Vec<Secret> {
        let keys = parts(&self.connection_string).filter(|(name, _)| is_credential(name));
        let keys = keys.map(|(_, value)| Secret::new(value));
        std::iter::once(self.connection_string.clone()).chain(keys).collect()
    }
}

fn parts(connection_string: &Secret) -> impl Iterator<Item = (&str, &str)> {
    connection_string.expose().split(';').filter_map(|part| part.split_once('='))
}

fn is_credential(name: &str) -> bool {
    ["AccountKey", "SharedAccessSignature"].iter().any(|known| known.eq_ignore_ascii_case(name.trim()))
}
