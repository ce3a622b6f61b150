//! From the text that was given to a typed value, or to an error that names input, value and accepted form.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::setting::{Settings, parse_setting};
use super::storage::{Basedirs, Cache, Storage};
use super::table::{Kind, STORAGES, TABLE};
use crate::environment::Variables;
use crate::error::Error;
use crate::version::Version;

/// A number of bytes. `Display` uses binary units, as sccache does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut unit = "B";
        #[expect(clippy::cast_precision_loss, reason = "shown with one digit behind the point")]
        let mut value = self.0 as f64;
        for next in ["KiB", "MiB", "GiB", "TiB"] {
            if value < 1024.0 {
                break;
            }
            value /= 1024.0;
            unit = next;
        }
        if value.fract() < 0.05 {
            write!(formatter, "{value:.0} {unit}")
        } else {
            write!(formatter, "{value:.1} {unit}")
        }
    }
}

/// The variables that give this input: GitHub's `INPUT_*`, whose hyphens the runner keeps, and ours.
#[must_use]
pub fn variable_names(name: &str) -> [String; 2] {
    let upper = name.to_ascii_uppercase();
    [format!("INPUT_{upper}"), format!("SCCACHE_STEP_{}", upper.replace('-', "_"))]
}

/// The texts that were given, and where.
pub(super) struct Given<'a> {
    flags: &'a BTreeMap<String, String>,
    variables: &'a Variables,
    origins: BTreeMap<&'static str, String>,
}

impl<'a> Given<'a> {
    pub(super) fn new(flags: &'a BTreeMap<String, String>, variables: &'a Variables) -> Self {
        Self { flags, variables, origins: BTreeMap::new() }
    }

    pub(super) fn into_origins(self) -> BTreeMap<&'static str, String> {
        self.origins
    }

    /// The text of an input that was given somewhere, or its default; `None` for neither.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        let [input, variable] = variable_names(name);
        let candidates = [
            (self.flags.get(name), format!("flag `--{name}`")),
            (self.variables.get(&input), format!("input `{name}`")),
            (self.variables.get(&variable), format!("variable `{variable}`")),
        ];
        let default = TABLE.iter().find(|input| input.name == name).map_or("", |input| input.default);
        for (value, origin) in candidates {
            let Some(value) = value.map(|value| value.trim()).filter(|value| !value.is_empty()) else {
                continue;
            };
            // GitHub hands over every default of action.yml, so a value equal to it was chosen by nobody and
            // must not hide a variable that somebody set.
            if value != default || !origin.starts_with("input") {
                self.origins.insert(name, origin);
                return Some(value.to_owned());
            }
        }
        // An expression is for GitHub alone, which hands over its value.
        Some(default).filter(|value| !value.is_empty() && !value.starts_with("${{")).map(str::to_owned)
    }

    pub(super) fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    pub(super) fn boolean(&mut self, name: &'static str) -> Result<bool, Error> {
        let value = self.text(name).unwrap_or_default();
        match value.as_str() {
            "true" | "True" | "TRUE" => Ok(true),
            "false" | "False" | "FALSE" => Ok(false),
            _ => Err(invalid(name, &value, "`true` or `false`".into())),
        }
    }

    pub(super) fn choice<T: Clone>(&mut self, name: &'static str, members: &[(&str, T)]) -> Result<T, Error> {
        let value = self.text(name).unwrap_or_default();
        member(&value, members).ok_or_else(|| invalid(name, &value, one_of(members)))
    }

    pub(super) fn list<T: Clone>(
        &mut self,
        name: &'static str,
        members: &[(&str, T)],
    ) -> Result<Vec<T>, Error> {
        let value = self.text(name).unwrap_or_default();
        if value == "none" {
            return Ok(Vec::new());
        }
        let parts = value.split(',').map(str::trim).filter(|part| !part.is_empty());
        let found = parts.map(|part| member(part, members)).collect::<Option<Vec<T>>>();
        found.ok_or_else(|| {
            invalid(name, &value, format!("a comma-separated list of {}, or `none`", one_of(members)))
        })
    }

    /// Any words, separated by commas.
    pub(super) fn words(&mut self, name: &'static str) -> Vec<String> {
        let value = self.text(name).unwrap_or_default();
        let words = value.split([',', '\n']).map(str::trim).filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }

    pub(super) fn duration(&mut self, name: &'static str) -> Result<Duration, Error> {
        let value = self.text(name).unwrap_or_default();
        parse_duration(&value)
            .ok_or_else(|| invalid(name, &value, "a time such as `90s`, `5m` or `1h`, above 0".into()))
    }

    pub(super) fn bytes(&mut self, name: &'static str) -> Result<Bytes, Error> {
        let value = self.text(name).unwrap_or_default();
        let accepted = "a size such as `500M`, `10G` or `2T` (base 1024), or a number of bytes, above 0";
        parse_bytes(&value).ok_or_else(|| invalid(name, &value, accepted.into()))
    }

    pub(super) fn percent(&mut self, name: &'static str) -> Result<Option<f64>, Error> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let number = value.trim_end_matches('%').trim_end().parse::<f64>().ok();
        match number.filter(|number| (0.0..=100.0).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(invalid(name, &value, "a number from 0 to 100".into())),
        }
    }

    /// `auto`, a storage, or the levels of a chain.
    pub(super) fn cache(&mut self) -> Result<Cache, Error> {
        let value = self.text("cache").unwrap_or_default();
        if value == "auto" {
            return Ok(Cache::Auto);
        }
        if value == "bundle" {
            return Ok(Cache::Bundle);
        }
        Storage::parse_levels(&value).map(Cache::Levels).ok_or_else(|| {
            let names: Vec<String> =
                Storage::ALL.iter().map(|storage| format!("`{}`", storage.name())).collect();
            let accepted = format!(
                "`auto`, `bundle`, one of {}, or several of these joined by commas",
                names.join(", ")
            );
            invalid("cache", &value, accepted)
        })
    }

    /// `auto`, `none`, or directories.
    pub(super) fn basedirs(&mut self) -> Basedirs {
        match self.text("basedirs").unwrap_or_default().as_str() {
            "auto" => Basedirs::Auto,
            "none" => Basedirs::None,
            list => Basedirs::These(list.split(',').map(|part| part.trim().to_owned()).collect()),
        }
    }

    /// What was given for the storages.
    pub(super) fn settings(&mut self) -> Result<Settings, Error> {
        let mut settings = Settings::new();
        for input in STORAGES {
            if let Some(text) = self.text(input.name) {
                let setting = parse_setting(input.name, &text);
                let setting = setting.map_err(|accepted| invalid(input.name, &text, accepted.into()))?;
                settings.insert(input.name, setting);
            }
        }
        Ok(settings)
    }

    /// A version such as `0.16.0`; a leading `v`, as in release tags, is dropped.
    pub(super) fn version(&mut self, name: &'static str) -> Result<Version, Error> {
        let value = self.text(name).unwrap_or_default();
        let version = Version::parse(value.strip_prefix('v').unwrap_or(&value));
        version.ok_or_else(|| invalid(name, &value, "a version of three numbers, such as `0.16.0`".into()))
    }
}

fn member<T: Clone>(value: &str, members: &[(&str, T)]) -> Option<T> {
    members.iter().find(|(name, _)| *name == value).map(|(_, member)| member.clone())
}

fn one_of<T>(members: &[(&str, T)]) -> String {
    members.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn invalid(name: &str, value: &str, accepted: String) -> Error {
    let kind = TABLE.iter().find(|input| input.name == name).map(|input| input.kind);
    let secret = kind == Some(Kind::Secret) || (kind == Some(Kind::Url) && value.contains('@'));
    let value = if secret { "***".to_owned() } else { value.to_owned() };
    Error::InputInvalid { input: name.to_owned(), value, accepted }
}

pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let (number, factor) = match text.char_indices().last()? {
        (at, 's') => (&text[..at], 1.0),
        (at, 'm') => (&text[..at], 60.0),
        (at, 'h') => (&text[..at], 3600.0),
        _ => (text, 1.0),
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let secs = number.parse::<f64>().ok().filter(|_| plain)? * factor;
    Duration::try_from_secs_f64(secs).ok().filter(|duration| !duration.is_zero() && secs <= 1e7)
}

/// sccache itself takes junk such as `5GiB` for 10 GiB without a word, so sizes are parsed here and handed
/// to it as a number of bytes.
pub(super) fn parse_bytes(text: &str) -> Option<Bytes> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let power = match unit.trim() {
        "" | "B" => 0,
        "K" | "k" | "KiB" => 1,
        "M" | "m" | "MiB" => 2,
        "G" | "g" | "GiB" => 3,
        "T" | "t" | "TiB" => 4,
        _ => return None,
    };
    let bytes = number.parse::<u64>().ok()?.checked_mul(1024_u64.pow(power))?;
    Some(Bytes(bytes)).filter(|bytes| bytes.0 > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_of_base_1024() {
        let accepted =
            [("512", 512), ("10K", 10 << 10), ("3MiB", 3 << 20), ("10G", 10 << 30), ("2 T", 2 << 40)];
        for (text, bytes) in accepted {
            assert_eq!(parse_bytes(text), Some(Bytes(bytes)), "{text}");
        }
        for text in ["", "0", "G", "-1G", "1.5G", "10GB", "99999999999999999999", "10G junk"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn durations_have_units_and_are_above_zero() {
        assert_eq!(parse_duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(parse_duration("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("2m"), Some(Duration::from_secs(120)));
        assert_eq!(parse_duration("1h"), Some(Duration::from_secs(3600)));
        for text in ["", "0", "s", "-1s", "1d", "inf", "nan", "1e9s", "5 minutes"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn bytes_are_shown_in_binary_units() {
        let shown = [0, 1023, 1024, 1536, 10 << 30].map(|bytes| Bytes(bytes).to_string());
        assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "10 GiB"]);
    }
}
