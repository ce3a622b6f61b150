//! Which storage is meant: the one asked for, else the one that was set up, by inputs or by the variables that
//! sccache itself would read, else a local disk.

use super::{known_settings, reader::invalid};
use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::{Cache, Inputs, Setting, Storage, parse_setting};

/// The storages in use, and why these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// One, or the levels of a chain.
    pub(super) levels: Vec<Storage>,
    /// Why.
    pub(super) reason: String,
}

/// sccache's own variable for a chain.
const CHAIN: &str = "SCCACHE_MULTILEVEL_CHAIN";
/// sccache's own switch for `gha`, which is no setting.
const GHA_ENABLED: &str = "SCCACHE_GHA_ENABLED";

pub(super) fn decide(inputs: &Inputs, environment: &Environment) -> Result<Decision, Error> {
    if let Cache::Levels(levels) = &inputs.cache {
        let origin = inputs.origins.get("cache").map_or("its default", String::as_str);
        return Ok(Decision { levels: levels.clone(), reason: format!("given by {origin}") });
    }
    if inputs.cache == Cache::Bundle {
        let origin = inputs.origins.get("cache").map_or("its default", String::as_str);
        return Ok(Decision { levels: vec![Storage::Disk], reason: format!("given by {origin}") });
    }
    let of_inputs: Vec<(Storage, String)> =
        Storage::ALL.into_iter().filter_map(|storage| Some((storage, by_input(storage, inputs)?))).collect();
    // What was said to us outweighs what was said to sccache.
    if let Some(text) = environment.variable(CHAIN).filter(|_| of_inputs.is_empty()) {
        let accepted = "storages that sccache knows, joined by commas, such as `disk,redis`";
        let levels = Storage::parse_levels(text).ok_or_else(|| invalid(CHAIN, text, accepted.to_owned()))?;
        return Ok(Decision { levels, reason: format!("`cache` is `auto`, and the job has `{CHAIN}`") });
    }
    let mut found = of_inputs;
    if found.is_empty() {
        for storage in Storage::ALL {
            if let Some(variable) = by_variable(storage, environment)? {
                found.push((storage, format!("`{variable}`")));
            }
        }
    }
    match found.as_slice() {
        [] => Ok(by_default()),
        [(storage, given)] => Ok(Decision {
            levels: vec![*storage],
            reason: format!("`cache` is `auto`, and {given} is given"),
        }),
        [(first, _), (second, _), ..] => Err(Error::SettingConflict {
            first: first.name().into(),
            second: second.name().into(),
            why: format!(
                "both are set up: {} and {}; sccache would use one without a word",
                found[0].1, found[1].1
            ),
            remedy: format!(
                "set `cache` to one of them, or to `{},{}` for two levels",
                second.name(),
                first.name()
            ),
        }),
    }
}

/// The storage when nobody has set one up.
fn by_default() -> Decision {
    Decision {
        levels: vec![Storage::Disk],
        reason: "`cache` is `auto`, and no other storage is set up".into(),
    }
}

/// The first input of ours that sets this storage up. A directory sets up nothing: it is for the disk, whoever
/// comes to use that.
fn by_input(storage: Storage, inputs: &Inputs) -> Option<String> {
    let given = inputs.settings.keys().find(|input| storage.owns(input))?;
    Some(format!("`{given}`")).filter(|_| storage != Storage::Disk)
}

/// The first variable that makes sccache use this storage.
fn by_variable(storage: Storage, environment: &Environment) -> Result<Option<&'static str>, Error> {
    let switch = environment.variable(GHA_ENABLED).filter(|_| storage == Storage::Gha);
    if let Some(value) = switch {
        // Of a boolean input: sccache takes the same words.
        return match parse_setting("s3-use-ssl", value.trim()) {
            Ok(Setting::Flag(true)) => Ok(Some(GHA_ENABLED)),
            Ok(_) => Ok(None),
            Err(accepted) => Err(invalid(GHA_ENABLED, value, accepted.into())),
        };
    }
    let switches = known_settings(storage).iter().filter(|known| known.is_switch);
    let mut variables = switches.flat_map(|known| known.variables);
    Ok(variables.find(|name| environment.variable(name).is_some()).copied())
}
