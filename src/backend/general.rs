//! What a server is told whatever its storage: base directories, compression, and what the user told sccache.

use std::path::Path;

use super::reader::invalid;
use super::variables::{Building, ServerVariables};
use crate::environment::{Environment, System};
use crate::error::Error;
use crate::inputs::{Basedirs, Inputs, Setting, parse_setting};
use crate::version::Version;

/// The first sccache with base directories.
const BASEDIRS: Version = Version { major: 0, minor: 14, patch: 0 };
/// The first sccache that lets the level of compression be chosen.
const LEVELS: Version = Version { major: 0, minor: 8, patch: 2 };
/// The levels of zstd.
const ZSTD: std::ops::RangeInclusive<u64> = 1..=22;

/// The variables, and what is worth saying about them.
pub(super) fn general(
    inputs: &Inputs,
    environment: &Environment,
    version: Version,
    notices: &mut Vec<String>,
) -> Result<ServerVariables, Error> {
    let basedirs = basedirs(inputs, environment, version, notices)?;
    let building = Building::default()
        .given("SCCACHE_BASEDIRS", basedirs.as_ref())
        .given("SCCACHE_CACHE_ZSTD_LEVEL", level(inputs, environment, version)?.as_ref());
    let mut variables = building.done();
    // Settings of the user for which there is no input: a wrong one would keep the server from starting.
    for (name, like, accepted) in [
        ("SCCACHE_DIRECT", "s3-use-ssl", "`true` or `false`"),
        ("SCCACHE_MAX_FRAME_LENGTH", "redis-db", "a number of bytes"),
        ("SCCACHE_CACHE_MULTIARCH", "s3-bucket", "one line of text"),
    ] {
        let Some(value) = environment.variable(name) else { continue };
        parse_setting(like, value.trim()).map_err(|_| invalid(name, value, accepted.into()))?;
        variables = Building(variables).set(name, value.trim()).done();
    }
    Ok(variables)
}

fn basedirs(
    inputs: &Inputs,
    environment: &Environment,
    version: Version,
    notices: &mut Vec<String>,
) -> Result<Option<String>, Error> {
    let separator = if environment.system == System::Windows { ';' } else { ':' };
    let variable = environment.variable("SCCACHE_BASEDIRS");
    let directories = match (&inputs.basedirs, variable) {
        (Basedirs::None, _) => return Ok(None),
        (Basedirs::Auto, None) => {
            let workspace = environment.workspace.to_string_lossy().into_owned();
            // Older ones know none, and that is no reason to refuse anything.
            let is_usable = !workspace.contains(separator) && environment.workspace.parent().is_some();
            return Ok((version >= BASEDIRS && is_usable).then_some(workspace));
        }
        (Basedirs::Auto, Some(said)) => said.split(separator).map(|part| part.trim().to_owned()).collect(),
        (Basedirs::These(directories), _) => directories.clone(),
    };
    let origin = if inputs.basedirs == Basedirs::Auto { "SCCACHE_BASEDIRS" } else { "basedirs" };
    let is_right = |directory: &String| Path::new(directory).is_absolute() && !directory.contains(separator);
    if let Some(wrong) = directories.iter().find(|directory| !is_right(directory)) {
        return Err(invalid(origin, wrong, "absolute paths, for sccache refuses others".into()));
    }
    if version < BASEDIRS {
        if origin == "basedirs" {
            let (since, version) = (BASEDIRS.to_string(), version.to_string());
            return Err(Error::SettingUnsupported { setting: origin.into(), since, version });
        }
        notices.push(format!("`{origin}` is not known to sccache {version}, only from {BASEDIRS} on"));
        return Ok(None);
    }
    Ok(Some(directories.join(&separator.to_string())))
}

/// sccache takes whatever is no number for its default, without a word.
fn level(inputs: &Inputs, environment: &Environment, version: Version) -> Result<Option<u64>, Error> {
    let variable = "SCCACHE_CACHE_ZSTD_LEVEL";
    let (origin, level) = match (inputs.settings.get("compression-level"), environment.variable(variable)) {
        (Some(Setting::Number(level)), _) => ("compression-level", Some(*level)),
        (_, Some(said)) => (variable, said.trim().parse().ok()),
        _ => return Ok(None),
    };
    let Some(level) = level.filter(|level| ZSTD.contains(level)) else {
        let said = environment.variable(variable).filter(|_| origin == variable).unwrap_or("this level");
        let said = level.map_or_else(|| said.to_owned(), |level| level.to_string());
        return Err(invalid(origin, &said, "a whole number from 1 to 22".into()));
    };
    if version < LEVELS {
        let (since, version) = (LEVELS.to_string(), version.to_string());
        return Err(Error::SettingUnsupported { setting: origin.into(), since, version });
    }
    Ok(Some(level))
}
