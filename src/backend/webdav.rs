//! A WebDAV server. Needs: a URL below which files may be written, and user and password, a bearer token, or a
//! server that asks for neither.

use super::ServerConfig;
use super::reader::{Known, Reader, known};
use super::variables::{Access, Building, ServerVariables};
use crate::error::Error;
use crate::inputs::Storage;
use crate::secret::Secret;
use crate::version::Version;

pub(super) const KNOWN: &[Known] = &[
    known("webdav-endpoint", &["SCCACHE_WEBDAV_ENDPOINT"]).switch(),
    known("webdav-key-prefix", &["SCCACHE_WEBDAV_KEY_PREFIX"]),
    known("webdav-username", &["SCCACHE_WEBDAV_USERNAME"]),
    known("webdav-password", &["SCCACHE_WEBDAV_PASSWORD"]),
    known("webdav-token", &["SCCACHE_WEBDAV_TOKEN"]),
    // sccache's own variable says the opposite, so it is read where the storage is.
    known("webdav-create-directories", &[]).since(19),
];

const NO_DIRECTORIES: &str = "SCCACHE_WEBDAV_DISABLE_CREATE_DIR";

/// How the server proves who it is.
#[derive(Clone, Debug)]
pub enum WebDavAccess {
    /// By user and password.
    Basic {
        /// The user.
        username: String,
        /// The password.
        password: Option<Secret>,
    },
    /// By a bearer token.
    Token(Secret),
    /// Not at all.
    Anonymous,
}

/// The `webdav` storage.
#[derive(Clone, Debug)]
pub struct WebDav {
    /// The server's URL, without user and password.
    pub endpoint: String,
    /// The directory below the URL.
    pub key_prefix: Option<String>,
    /// How the server proves who it is.
    pub access: WebDavAccess,
    /// Whether directories are created before a write; sccache does, unless it is told not to.
    pub create_directories: bool,
}

impl WebDav {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let url = reader.url("webdav-endpoint", &["https", "http"])?;
        let url = url.ok_or_else(|| reader.missing("webdav-endpoint"))?;
        let username = reader.text("webdav-username")?.or_else(|| url.username.clone());
        let password = reader.secret("webdav-password")?.or_else(|| url.password.clone());
        let token = reader.secret("webdav-token")?;
        let access = match (username, password, token) {
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                return Err(Error::SettingConflict {
                    first: "webdav-password".into(),
                    second: "webdav-token".into(),
                    why: "a request is made with a password or with a token".into(),
                    remedy: "leave one of them out".into(),
                });
            }
            (Some(username), password, None) => WebDavAccess::Basic { username, password },
            (None, Some(_), None) => return Err(reader.missing("webdav-username")),
            (None, None, Some(token)) => WebDavAccess::Token(token),
            (None, None, None) => WebDavAccess::Anonymous,
        };
        let disabled = reader.environment().variable(NO_DIRECTORIES);
        let disabled = disabled.is_some_and(|value| ["true", "on", "1"].contains(&&*value.to_lowercase()));
        let create_directories = reader.flag("webdav-create-directories")?.unwrap_or(!disabled);
        if !create_directories && reader.version() < (Version { major: 0, minor: 19, patch: 0 }) {
            return Err(Error::SettingUnsupported {
                setting: "webdav-create-directories".into(),
                since: "0.19.0".into(),
                version: reader.version().to_string(),
            });
        }
        Ok(Self {
            endpoint: url.without_credentials(),
            key_prefix: reader.text("webdav-key-prefix")?,
            access,
            create_directories,
        })
    }
}

impl ServerConfig for WebDav {
    fn description(&self) -> String {
        let prefix = self.key_prefix.as_deref().map(|prefix| format!(", directory {prefix}"));
        format!("WebDAV at {}{}", self.endpoint, prefix.unwrap_or_default())
    }

    fn variables(&self, _version: Version, access: &Access) -> ServerVariables {
        let building = Building::default()
            .set("SCCACHE_WEBDAV_ENDPOINT", &self.endpoint)
            .given("SCCACHE_WEBDAV_KEY_PREFIX", self.key_prefix.as_ref());
        let building = match &self.access {
            WebDavAccess::Basic { username, password } => building
                .set("SCCACHE_WEBDAV_USERNAME", username)
                .hidden("SCCACHE_WEBDAV_PASSWORD", password.as_ref()),
            WebDavAccess::Token(token) => building.hidden("SCCACHE_WEBDAV_TOKEN", Some(token)),
            WebDavAccess::Anonymous => building,
        };
        let building = if self.create_directories { building } else { building.set(NO_DIRECTORIES, true) };
        building.access(Storage::WebDav, access).done()
    }
}
