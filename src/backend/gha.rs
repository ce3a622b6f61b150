//! GitHub's cache service, as sccache itself uses it: object by object. Needs: the token and the address that
//! the runner gives to actions, not to `run:` steps.

use super::ServerConfig;
use super::reader::{Known, Reader, known};
use super::variables::{Access, Building, ServerVariables};
use crate::error::Error;
use crate::inputs::Storage;
use crate::secret::Secret;
use crate::version::Version;

pub(super) const KNOWN: &[Known] = &[known("gha-version", &["SCCACHE_GHA_VERSION"]).switch()];

/// The first sccache that speaks the service's second protocol, the one that github.com has left.
const SECOND_PROTOCOL: Version = Version { major: 0, minor: 10, patch: 0 };

/// The `gha` storage.
#[derive(Clone, Debug)]
pub struct Gha {
    /// A part of every key.
    pub version: Option<String>,
    /// The runner's token.
    pub token: Secret,
    /// The addresses of the service, and which protocol it speaks.
    pub service: ServerVariables,
}

impl Gha {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let environment = reader.environment();
        let token = environment.variable("ACTIONS_RUNTIME_TOKEN").map(Secret::new);
        let token = token.ok_or_else(|| reader.missing("ACTIONS_RUNTIME_TOKEN"))?;
        let service = reader.ambient(&[
            ("ACTIONS_RESULTS_URL", false),
            ("ACTIONS_CACHE_URL", false),
            ("ACTIONS_CACHE_SERVICE_V2", false),
            ("GITHUB_SERVER_URL", false),
        ]);
        let has = |name: &str| service.iter().any(|(known, _)| *known == name);
        if has("ACTIONS_CACHE_SERVICE_V2") && reader.version() < SECOND_PROTOCOL {
            return Err(Error::SettingUnsupported {
                setting: "cache: gha".into(),
                since: SECOND_PROTOCOL.to_string(),
                version: reader.version().to_string(),
            });
        }
        if !has("ACTIONS_RESULTS_URL") && !has("ACTIONS_CACHE_URL") {
            return Err(reader.missing("ACTIONS_RESULTS_URL"));
        }
        reader.notices.push(
            "`gha` makes four requests for each object that is stored and two for each that is found; GitHub \
             takes 200 uploads a minute from a repository, and more are lost. `cache: bundle` needs \
             a few requests in all"
                .into(),
        );
        Ok(Self { version: reader.text("gha-version")?, token, service })
    }
}

impl ServerConfig for Gha {
    fn description(&self) -> String {
        let version = self.version.as_deref().map(|version| format!(", version {version}"));
        format!("GitHub's cache service, object by object{}", version.unwrap_or_default())
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        let mut building = Building::default()
            .set("SCCACHE_GHA_ENABLED", true)
            .given("SCCACHE_GHA_VERSION", self.version.as_ref())
            .hidden("ACTIONS_RUNTIME_TOKEN", Some(&self.token));
        for (name, value) in &self.service {
            // Up to 0.17, sccache appends its paths to the address as it is.
            let slash = if name.ends_with("_URL") && name.starts_with("ACTIONS_") { "/" } else { "" };
            building = building.set(name, format!("{}{slash}", value.expose().trim_end_matches('/')));
        }
        building.access(Storage::Gha, access).done()
    }
}
