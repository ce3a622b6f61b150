//! Distributed compilation: what misses is compiled by the machines of a scheduler. Needs: a scheduler and
//! servers of sccache-dist; and, unless they ask for none, the token of its clients.
//!
//! sccache has no variables for it, so it goes into the server's own configuration file, which is private to this
//! user, and is removed with the server.

use std::fmt::Write as _;

use super::reader::{Known, Reader, known};
use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::Inputs;
use crate::secret::Secret;
use crate::version::Version;

const KNOWN: &[Known] = &[
    known("dist-scheduler-url", &[]),
    known("dist-auth-token", &[]),
    known("dist-toolchain-cache-size", &[]),
    known("dist-toolchain-cache-dir", &[]),
];

/// A scheduler, and how to speak to it.
#[derive(Clone, Debug)]
pub struct Dist {
    /// The scheduler's URL.
    pub scheduler_url: String,
    /// The token of its clients.
    pub token: Option<Secret>,
    /// How large the packed toolchains may become, in bytes.
    pub toolchain_cache_size_bytes: Option<u64>,
    /// Where they are kept, as an absolute path.
    pub toolchain_cache_dir: Option<String>,
}

impl Dist {
    /// What the inputs ask for; `None` when they ask for nothing.
    pub(super) fn from_inputs(
        inputs: &Inputs,
        environment: &Environment,
        version: Version,
    ) -> Result<Option<Self>, Error> {
        let Some(given) =
            KNOWN.iter().map(|known| known.input).find(|name| inputs.settings.contains_key(name))
        else {
            return Ok(None);
        };
        let mut reader = Reader::new("dist", KNOWN, inputs, environment, version);
        let scheduler_url = reader.plain_url("dist-scheduler-url", &["http", "https"])?;
        let scheduler_url = scheduler_url.ok_or_else(|| Error::InputInvalid {
            input: "dist-scheduler-url".into(),
            value: String::new(),
            accepted: format!("the URL of a scheduler, and `{given}` is given for one"),
        })?;
        let directory = reader.text("dist-toolchain-cache-dir")?;
        Ok(Some(Self {
            scheduler_url,
            token: reader.secret("dist-auth-token")?,
            toolchain_cache_size_bytes: reader.number("dist-toolchain-cache-size")?,
            toolchain_cache_dir: directory
                .map(|path| environment.workspace.join(path).to_string_lossy().into_owned()),
        }))
    }

    /// The configuration file of the server.
    #[must_use]
    pub fn configuration(&self) -> Secret {
        let mut text = format!("[dist]\nscheduler_url = {}\n", quoted(&self.scheduler_url));
        if let Some(bytes) = self.toolchain_cache_size_bytes {
            // Writing to memory does not fail.
            let _ = writeln!(text, "toolchain_cache_size = {bytes}");
        }
        if let Some(directory) = &self.toolchain_cache_dir {
            let _ = writeln!(text, "cache_dir = {}", quoted(directory));
        }
        if let Some(token) = &self.token {
            let _ = write!(text, "\n[dist.auth]\ntype = \"token\"\ntoken = {}\n", quoted(token.expose()));
        }
        Secret::new(text)
    }
}

/// A string of TOML. Of what the two notations differ in, only DEL could occur, and inputs take no control
/// characters.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
