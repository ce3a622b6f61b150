//! A local directory. Needs: a directory that can be written, found out before the start, because the server
//! itself notices only at the first compile, and then fails C and C++ builds.

use std::path::{Path, PathBuf};

use super::ServerConfig;
use super::reader::invalid;
use super::variables::{Access, Building, ServerVariables};
use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::{Bytes, Inputs, Setting, Storage, parse_setting};
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
    /// What the inputs say, else sccache's own variables, else the defaults.
    pub(super) fn from_inputs(inputs: &Inputs, environment: &Environment) -> Result<Self, Error> {
        let given = inputs.cache_dir.clone();
        let from_sccache = environment.variable("SCCACHE_DIR").map(PathBuf::from);
        let directory = given.or(from_sccache).unwrap_or_else(|| environment.default_cache_dir.clone());
        // A server resolves a relative path under a directory of its own choice.
        Ok(Self { directory: environment.workspace.join(directory), size: size(inputs, environment)? })
    }
}

/// sccache takes what it does not understand for 10 GiB, without a word.
fn size(inputs: &Inputs, environment: &Environment) -> Result<Bytes, Error> {
    let variable = "SCCACHE_CACHE_SIZE";
    match environment.variable(variable).filter(|_| !inputs.origins.contains_key("cache-size")) {
        None => Ok(inputs.cache_size),
        Some(value) => match parse_setting("cache-size", value.trim()) {
            Ok(Setting::Number(bytes)) => Ok(Bytes(bytes)),
            Ok(_) => Ok(inputs.cache_size),
            Err(accepted) => Err(invalid(variable, value, accepted.into())),
        },
    }
}

impl ServerConfig for Disk {
    fn description(&self) -> String {
        "local disk".into()
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        Building::default()
            .set("SCCACHE_DIR", self.directory.to_string_lossy())
            .set("SCCACHE_CACHE_SIZE", self.size.0)
            .access(Storage::Disk, access)
            .done()
    }

    fn directory(&self) -> Option<&Path> {
        Some(&self.directory)
    }
}
