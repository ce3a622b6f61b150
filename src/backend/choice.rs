//! The storage of a server: which one, with what access, and what there is to say about it.

use super::access::{Ruling, rule};
use super::auto::{Decision, decide};
use super::chain::{self, Chain};
use super::general::general;
use super::reader::Reader;
use super::{Access, Backend, Disk, Dist, ServerVariables, known_settings};
use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::{Cache, Inputs, Storage, WritePolicy};
use crate::secret::Secret;
use crate::version::Version;

/// A storage that was decided on.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The storage.
    pub backend: Backend,
    /// Why this one.
    pub reason: String,
    /// What may be written.
    pub access: Access,
    /// Why something may not.
    pub read_only_reason: Option<String>,
    /// What is worth knowing about the decision.
    pub notices: Vec<String>,
    /// What the server is told whatever its storage.
    pub general: ServerVariables,
    /// Who compiles what misses, where that is not this machine.
    pub dist: Option<Dist>,
}

impl Choice {
    /// The storage in the user's words, and why it is only read.
    #[must_use]
    pub fn description(&self) -> String {
        let storage = self.backend.config().description();
        match &self.read_only_reason {
            Some(why) => format!("{storage}; read-only, because {why}"),
            None => storage,
        }
    }

    /// The variables that make a server of this version use it.
    #[must_use]
    pub fn variables(&self, version: Version) -> ServerVariables {
        let mut variables = self.backend.config().variables(version, &self.access);
        variables.extend(self.general.iter().cloned());
        variables
    }

    /// Every credential of storage and scheduler, as it could show up in a log.
    #[must_use]
    pub fn secrets(&self) -> Vec<Secret> {
        let token = self.dist.as_ref().and_then(|dist| dist.token.clone());
        self.backend.secrets().into_iter().chain(token).collect()
    }
}

/// The storage that inputs and variables ask for, for an sccache of this version.
///
/// # Errors
/// [`Error::SettingMissing`], [`Error::SettingUnused`], [`Error::SettingConflict`],
/// [`Error::SettingUnsupported`], [`Error::InputInvalid`] and [`Error::VariableInvalid`].
pub fn choose(inputs: &Inputs, environment: &Environment, version: Version) -> Result<Choice, Error> {
    let decision = decide(inputs, environment)?;
    refuse_strangers(inputs, &decision)?;
    let Ruling { access, reason: read_only_reason, is_beyond } =
        rule(inputs, environment, &decision, version)?;
    if is_beyond {
        let why = read_only_reason.unwrap_or_default();
        let mut choice = fallback_on_disk(inputs, environment, version)?;
        choice.notices.push(format!(
            "{why}, and sccache {version} cannot keep from writing to `{}`: this job uses the local disk",
            names(&decision.levels)
        ));
        return Ok(choice);
    }
    let mut notices = Vec::new();
    let mut levels = Vec::new();
    for storage in &decision.levels {
        let mut reader = Reader::new(storage.name(), known_settings(*storage), inputs, environment, version);
        levels.push(Backend::read(*storage, &mut reader)?);
        if !reader.taken.is_empty() {
            let taken: Vec<String> = reader.taken.iter().map(|name| format!("`{name}`")).collect();
            notices.push(format!(
                "`{}` is set up by the variables {} of the job; they go to the server",
                storage.name(),
                taken.join(", ")
            ));
        }
        notices.append(&mut reader.notices);
    }
    let backend = match (levels.pop(), levels.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            if version < chain::SINCE {
                return Err(Error::SettingUnsupported {
                    setting: format!("cache: {}", names(&decision.levels)),
                    since: chain::SINCE.to_string(),
                    version: version.to_string(),
                });
            }
            levels.extend(last);
            let chain = Chain { levels, write_policy: write_policy(inputs, environment)? };
            say_of_chain(&chain, &access, version, &mut notices);
            Backend::Chain(chain)
        }
    };
    say_of_strangers(environment, &decision, &mut notices);
    let general = general(inputs, environment, version, &mut notices)?;
    let dist = Dist::from_inputs(inputs, environment, version)?;
    Ok(Choice { backend, reason: decision.reason, access, read_only_reason, notices, general, dist })
}

/// The same server on a local disk: for a storage that cannot be used.
///
/// # Errors
/// [`Error::VariableInvalid`] for a size that sccache would misread.
pub fn fallback_on_disk(
    inputs: &Inputs,
    environment: &Environment,
    version: Version,
) -> Result<Choice, Error> {
    let mut notices = Vec::new();
    Ok(Choice {
        backend: Backend::Disk(Disk::from_inputs(inputs, environment)?),
        reason: "the storage that was asked for cannot be used".into(),
        access: Access::default(),
        read_only_reason: None,
        general: general(inputs, environment, version, &mut notices)?,
        notices,
        dist: Dist::from_inputs(inputs, environment, version)?,
    })
}

fn names(levels: &[Storage]) -> String {
    levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(",")
}

/// Inputs of a storage that is not in use.
fn refuse_strangers(inputs: &Inputs, decision: &Decision) -> Result<(), Error> {
    let is_in_use = |storage: &Storage| decision.levels.contains(storage);
    let of_disk = ["cache-dir", "cache-size"].into_iter().filter(|name| inputs.origins.contains_key(name));
    // Without a storage named, the directory is there for the case that the disk is used.
    let of_disk = of_disk.filter(|_| inputs.cache != Cache::Auto);
    for input in inputs.settings.keys().copied().chain(of_disk) {
        let owner = Storage::ALL.into_iter().find(|storage| storage.owns(input));
        if let Some(owner) = owner.filter(|owner| !is_in_use(owner)) {
            let cache = names(&decision.levels);
            return Err(Error::SettingUnused { input, backend: owner.name(), cache });
        }
    }
    let policy = "chain-write-policy";
    if decision.levels.len() == 1 && inputs.origins.contains_key(policy) {
        let cache = names(&decision.levels);
        return Err(Error::SettingUnused { input: policy, backend: "disk,redis", cache });
    }
    Ok(())
}

/// Variables of sccache for a storage that is not in use: it never sees them.
fn say_of_strangers(environment: &Environment, decision: &Decision, notices: &mut Vec<String>) {
    let others = Storage::ALL.into_iter().filter(|storage| !decision.levels.contains(storage));
    for storage in others {
        let variables = known_settings(storage).iter().flat_map(|known| known.variables);
        let set =
            variables.filter(|name| name.starts_with("SCCACHE_") && environment.variable(name).is_some());
        let set: Vec<String> = set.map(|name| format!("`{name}`")).collect();
        if !set.is_empty() {
            notices.push(format!("`{}` is not in use, so {} has no effect", storage.name(), set.join(", ")));
        }
    }
    if environment.variable("SCCACHE_CONF").is_some() {
        notices.push("the file named by `SCCACHE_CONF` is not read: the server has one of its own".into());
    }
}

/// The input, else sccache's own variable, which it takes for `l0` when it does not understand it.
fn write_policy(inputs: &Inputs, environment: &Environment) -> Result<WritePolicy, Error> {
    let variable = "SCCACHE_MULTILEVEL_WRITE_ERROR_POLICY";
    let said = environment.variable(variable).filter(|_| !inputs.origins.contains_key("chain-write-policy"));
    let Some(said) = said else { return Ok(inputs.chain_write_policy) };
    let found = WritePolicy::ALL.into_iter().find(|policy| policy.name() == said.trim().to_ascii_lowercase());
    found.ok_or_else(|| super::reader::invalid(variable, said, "`all`, `l0` or `ignore`".into()))
}

fn say_of_chain(chain: &Chain, access: &Access, version: Version, notices: &mut Vec<String>) {
    let read_only = chain.levels.iter().filter(|level| access.is_read_only(level.storage())).count();
    let is_poisoned = read_only > 0 && read_only < chain.levels.len();
    if is_poisoned && version < (Version { major: 0, minor: 18, patch: 0 }) {
        notices.push(format!(
            "sccache {version} writes to no level of a chain when one of them is read-only; 0.18.0 writes to the \
             others"
        ));
    }
    if chain.checks_each_write(version) {
        notices.push(format!(
            "with `chain-write-policy` `{}`, sccache {version} makes two more requests to every level for each \
             object that it stores; `all` makes none, and neither does 0.18.0",
            chain.write_policy.name()
        ));
    }
    if chain.write_policy != WritePolicy::All {
        notices.push(
            "with this `chain-write-policy`, writes to slower levels that are under way when the server stops \
             are lost; with `all` none are"
                .into(),
        );
    }
}
