//! The settings of one storage, from the inputs, and where those say nothing from the variables that sccache
//! itself would read.

use super::url::Url;
use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::{Inputs, Setting, parse_setting};
use crate::secret::{Secret, ServerValue};
use crate::version::Version;

/// A setting that a storage has.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its input.
    pub input: &'static str,
    /// The variables that give it to sccache or to its cloud's tools; the first one that is set counts.
    pub variables: &'static [&'static str],
    /// The first sccache that knows it.
    pub since: Version,
    /// Whether sccache uses the storage as soon as it is set.
    pub is_switch: bool,
}

/// A setting that every supported sccache knows.
pub(super) const fn known(input: &'static str, variables: &'static [&'static str]) -> Known {
    Known { input, variables, since: Version::MINIMUM, is_switch: false }
}

impl Known {
    /// The first sccache that knows it.
    pub(super) const fn since(self, minor: u32) -> Self {
        Self { since: Version { major: 0, minor, patch: 0 }, ..self }
    }

    /// Setting it makes sccache use the storage.
    pub(super) const fn switch(self) -> Self {
        Self { is_switch: true, ..self }
    }
}

/// Reads the settings of one storage.
pub(super) struct Reader<'a> {
    backend: &'static str,
    known: &'static [Known],
    inputs: &'a Inputs,
    environment: &'a Environment,
    version: Version,
    /// The variables that gave something, for the plan.
    pub(super) taken: Vec<&'static str>,
    /// What is worth saying, for the plan.
    pub(super) notices: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        backend: &'static str,
        known: &'static [Known],
        inputs: &'a Inputs,
        environment: &'a Environment,
        version: Version,
    ) -> Self {
        Self { backend, known, inputs, environment, version, taken: Vec::new(), notices: Vec::new() }
    }

    /// The setting and what gave it.
    fn find(&mut self, input: &'static str) -> Result<Option<(Setting, String)>, Error> {
        let known = self.known.iter().find(|known| known.input == input);
        let Some(known) = known else { return Ok(None) };
        if let Some(setting) = self.inputs.settings.get(input) {
            if known.since > self.version && !matches!(setting, Setting::Flag(false)) {
                return Err(self.unsupported(input, known.since));
            }
            return Ok(Some((setting.clone(), input.to_owned())));
        }
        let set = known.variables.iter().find_map(|name| Some((*name, self.environment.variable(name)?)));
        let Some((variable, value)) = set else { return Ok(None) };
        if known.since > self.version {
            if known.is_switch {
                return Err(self.unsupported(variable, known.since));
            }
            let (since, version) = (known.since, self.version);
            self.notices
                .push(format!("`{variable}` is not known to sccache {version}, only from {since} on"));
            return Ok(None);
        }
        // sccache counts expirations in seconds, and 0 means never.
        if value.trim() == "0" && input.ends_with("-expiration") {
            return Ok(None);
        }
        let setting = parse_setting(input, value.trim());
        let setting = setting.map_err(|accepted| invalid(variable, value, accepted.into()))?;
        self.taken.push(variable);
        Ok(Some((setting, variable.to_owned())))
    }

    fn unsupported(&self, setting: &str, since: Version) -> Error {
        let (since, version) = (since.to_string(), self.version.to_string());
        Error::SettingUnsupported { setting: setting.into(), since, version }
    }

    pub(super) fn text(&mut self, input: &'static str) -> Result<Option<String>, Error> {
        Ok(match self.find(input)? {
            Some((Setting::Text(text), _)) => Some(text),
            _ => None,
        })
    }

    pub(super) fn secret(&mut self, input: &'static str) -> Result<Option<Secret>, Error> {
        Ok(match self.find(input)? {
            Some((Setting::Hidden(secret), _)) => Some(secret),
            _ => None,
        })
    }

    pub(super) fn flag(&mut self, input: &'static str) -> Result<Option<bool>, Error> {
        Ok(match self.find(input)? {
            Some((Setting::Flag(flag), _)) => Some(flag),
            _ => None,
        })
    }

    pub(super) fn number(&mut self, input: &'static str) -> Result<Option<u64>, Error> {
        Ok(match self.find(input)? {
            Some((Setting::Number(number), _)) => Some(number),
            _ => None,
        })
    }

    /// A URL with one of these schemes; an empty one among them lets it be left out.
    pub(super) fn url(&mut self, input: &'static str, schemes: &[&str]) -> Result<Option<Url>, Error> {
        let Some((Setting::Hidden(secret), origin)) = self.find(input)? else { return Ok(None) };
        parse_url(&origin, secret.expose(), schemes).map(Some)
    }

    /// Several URLs, joined by commas.
    pub(super) fn urls(&mut self, input: &'static str, schemes: &[&str]) -> Result<Vec<Url>, Error> {
        let Some((Setting::Hidden(secret), origin)) = self.find(input)? else { return Ok(Vec::new()) };
        let parts = secret.expose().split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| parse_url(&origin, part, schemes)).collect()
    }

    /// A URL in which no credentials may be, because there are settings of their own for them.
    pub(super) fn plain_url(
        &mut self,
        input: &'static str,
        schemes: &[&str],
    ) -> Result<Option<String>, Error> {
        match self.url(input, schemes)? {
            Some(url) if url.has_credentials() => {
                Err(invalid(input, "***", "a URL without user and password".into()))
            }
            url => Ok(url.map(|url| url.without_credentials())),
        }
    }

    /// The error for a setting that is missing.
    pub(super) fn missing(&self, input: &'static str) -> Error {
        Error::SettingMissing { input, backend: self.backend }
    }

    /// Variables of the storage's own tools that are handed on as they are, when they are set.
    pub(super) fn ambient(&mut self, names: &[(&'static str, bool)]) -> Vec<(&'static str, ServerValue)> {
        let mut found = Vec::new();
        for (name, is_secret) in names {
            if let Some(value) = self.environment.variable(name) {
                self.taken.push(name);
                let hidden = || ServerValue::Hidden(Secret::new(value));
                let plain = || ServerValue::Plain(value.to_owned());
                found.push((*name, if *is_secret { hidden() } else { plain() }));
            }
        }
        found
    }

    pub(super) fn environment(&self) -> &'a Environment {
        self.environment
    }

    pub(super) fn inputs(&self) -> &'a Inputs {
        self.inputs
    }

    pub(super) const fn version(&self) -> Version {
        self.version
    }
}

fn parse_url(origin: &str, text: &str, schemes: &[&str]) -> Result<Url, Error> {
    let url = Url::parse(text).filter(|url| schemes.contains(&url.scheme.as_str()));
    url.ok_or_else(|| {
        let named = schemes.iter().filter(|scheme| !scheme.is_empty());
        let named: Vec<String> = named.map(|scheme| format!("`{scheme}://`")).collect();
        let bare = if schemes.contains(&"") { ", or `host:port`" } else { "" };
        invalid(origin, text, format!("a URL that begins with {}{bare}", named.join(" or ")))
    })
}

/// The error for a value, whichever way it came. What could be a credential is not shown.
pub(super) fn invalid(origin: &str, value: &str, accepted: String) -> Error {
    let hides =
        ["PASSWORD", "TOKEN", "SECRET", "CONNECTION_STRING", "KEY"].iter().any(|w| origin.contains(w));
    let is_shown = !hides && !value.contains('@');
    let value = if is_shown { value.to_owned() } else { "***".to_owned() };
    if origin.starts_with(|c: char| c.is_ascii_uppercase()) {
        Error::VariableInvalid { variable: origin.to_owned(), value, accepted }
    } else {
        Error::InputInvalid { input: origin.to_owned(), value, accepted }
    }
}
