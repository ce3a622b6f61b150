//! A local directory. Needs: a directory that can be written, found out before the start, because the server
//! itself notices only at the first compile, and then fails C and C++ builds.

use std::path::{Path, PathBuf};

use super::ServerConfig;
use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::{Bytes, Inputs};
use crate::secret::{Secret, ServerValue};
use crate::version::Version;

/// The `disk` storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Where the objects are, as an absolute path.
    pub directory: PathBuf,
    /// Size limit; the oldest objects go first.
    pub size: Bytes,
}

impl Disk {
    pub(super) fn from_inputs(inputs: &Inputs, environment: &Environment) -> Result<Self, Error> {
        let azure = [
            ("azure-container", inputs.azure_container.is_some()),
            ("azure-connection-string", inputs.azure_connection_string.is_some()),
            ("azure-key-prefix", inputs.azure_key_prefix.is_some()),
        ];
        if let Some((input, _)) = azure.into_iter().find(|(_, given)| *given) {
            return Err(Error::SettingUnused { input, backend: "azure", cache: "disk".into() });
        }
        let given = inputs.cache_dir.clone();
        let from_sccache = environment.variable("SCCACHE_DIR").map(PathBuf::from);
        let directory = given.or(from_sccache).unwrap_or_else(|| environment.default_cache_dir.clone());
        // A server resolves a relative path under a directory of its own choice.
        Ok(Self { directory: environment.workspace.join(directory), size: inputs.cache_size })
    }
}

impl ServerConfig for Disk {
    fn description(&self) -> String {
        "local disk".into()
    }

    fn variables(&self, _version: Version) -> Vec<(&'static str, ServerValue)> {
        vec![
            ("SCCACHE_DIR", ServerValue::Plain(self.directory.to_string_lossy().into_owned())),
            ("SCCACHE_CACHE_SIZE", ServerValue::Plain(self.size.0.to_string())),
        ]
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.directory)
    }

    fn secrets(&self) -> Vec<Secret> {
        Vec::new()
    }
}
