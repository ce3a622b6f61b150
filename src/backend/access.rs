//! What may be written: everything, or nothing where the job is not to be trusted or somebody said so.

use super::auto::Decision;
use super::reader::invalid;
use super::variables::{Access, read_only_variable};
use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::{Inputs, ReadOnly, Storage};
use crate::version::Version;

/// What was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ruling {
    /// What may be written.
    pub(super) access: Access,
    /// Why something may not.
    pub(super) reason: Option<String>,
    /// Whether this sccache cannot keep its hands off, so that another storage must be used.
    pub(super) is_beyond: bool,
}

/// Decides for these levels.
pub(super) fn rule(
    inputs: &Inputs,
    environment: &Environment,
    decision: &Decision,
    version: Version,
) -> Result<Ruling, Error> {
    let levels = &decision.levels;
    let unknown = |storage: &Storage| read_only_variable(*storage).1 > version;
    let unsupported = |setting: &str, storage: Storage| Error::SettingUnsupported {
        setting: setting.to_owned(),
        since: read_only_variable(storage).1.to_string(),
        version: version.to_string(),
    };
    match inputs.read_only {
        ReadOnly::Never => Ok(Ruling::default()),
        ReadOnly::Always => match levels.iter().find(|storage| unknown(storage)) {
            Some(storage) => Err(unsupported("read-only", *storage)),
            None => {
                let origin = inputs.origins.get("read-only").map_or("its default", String::as_str);
                let reason = Some(format!("`read-only` is given by {origin}"));
                Ok(Ruling { access: Access::read_only(levels.clone()), reason, is_beyond: false })
            }
        },
        ReadOnly::Auto => {
            let mut named = Vec::new();
            for storage in levels {
                let (variable, since) = read_only_variable(*storage);
                if said_read_only(variable, environment)? {
                    if since > version {
                        return Err(unsupported(variable, *storage));
                    }
                    named.push((*storage, variable));
                }
            }
            if let Some(why) = &environment.untrusted {
                // A disk is the machine's own, and the job can write to it with or without sccache.
                let shared: Vec<Storage> = levels.iter().copied().filter(|s| *s != Storage::Disk).collect();
                if shared.is_empty() && named.is_empty() {
                    return Ok(Ruling::default());
                }
                let is_beyond = shared.iter().any(unknown);
                let all = shared.into_iter().chain(named.iter().map(|(storage, _)| *storage));
                return Ok(Ruling { access: Access::read_only(all), reason: Some(why.clone()), is_beyond });
            }
            let reason = named.first().map(|(_, variable)| format!("the job has `{variable}`"));
            let access = Access::read_only(named.into_iter().map(|(storage, _)| storage));
            Ok(Ruling { access, reason, is_beyond: false })
        }
    }
}

/// What sccache's own variable says. Before 0.16, sccache takes everything but `READ_ONLY` for read and write.
fn said_read_only(variable: &str, environment: &Environment) -> Result<bool, Error> {
    match environment.variable(variable).map(|value| (value, value.trim().to_ascii_uppercase())) {
        None => Ok(false),
        Some((_, value)) if value == "READ_ONLY" => Ok(true),
        Some((_, value)) if value == "READ_WRITE" => Ok(false),
        Some((value, _)) => Err(invalid(variable, value, "`READ_ONLY` or `READ_WRITE`".into())),
    }
}
