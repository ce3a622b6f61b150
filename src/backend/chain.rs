//! Several storages as levels: read in order, filled backwards. Needs: sccache 0.15 or newer, and every level's
//! own settings.

use std::path::Path;

use super::variables::{Access, Building, ServerVariables};
use super::{Backend, ServerConfig};
use crate::inputs::WritePolicy;
use crate::secret::Secret;
use crate::version::Version;

/// The first sccache with chains.
pub(super) const SINCE: Version = Version { major: 0, minor: 15, patch: 0 };

/// The first sccache that can be told not to try a level with a request of its own before each write.
const SKIPS_CHECKS: Version = Version { major: 0, minor: 18, patch: 0 };

/// A chain of storages.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Fastest first.
    pub levels: Vec<Backend>,
    /// Which levels a write must reach.
    pub write_policy: WritePolicy,
}

impl Chain {
    /// Whether sccache tries every level with requests of its own before each write.
    pub(super) fn checks_each_write(&self, version: Version) -> bool {
        self.write_policy != WritePolicy::All && version < SKIPS_CHECKS
    }
}

impl ServerConfig for Chain {
    fn description(&self) -> String {
        let levels: Vec<String> = self.levels.iter().map(|level| level.config().description()).collect();
        levels.join(", then ")
    }

    fn variables(&self, version: Version, access: &Access) -> ServerVariables {
        let names: Vec<&str> = self.levels.iter().map(|level| level.storage().name()).collect();
        let mut variables = Building::default()
            .set("SCCACHE_MULTILEVEL_CHAIN", names.join(","))
            .set("SCCACHE_MULTILEVEL_WRITE_ERROR_POLICY", self.write_policy.name())
            .done();
        // Otherwise these policies try every level, with one read and one write, before each object.
        if self.write_policy != WritePolicy::All && version >= SKIPS_CHECKS {
            variables = Building(variables).set("SCCACHE_SKIP_CACHE_CHECK", true).done();
        }
        variables.extend(self.levels.iter().flat_map(|level| level.config().variables(version, access)));
        variables
    }

    fn directory(&self) -> Option<&Path> {
        self.levels.iter().find_map(|level| level.config().directory())
    }

    fn inner_secrets(&self) -> Vec<Secret> {
        self.levels.iter().flat_map(|level| level.config().inner_secrets()).collect()
    }
}
