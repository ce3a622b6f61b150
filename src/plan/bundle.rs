//! Whether the cache travels as a bundle, where to, and under which key.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use crate::backend::{self, Backend, Choice};
use crate::environment::Environment;
use crate::error::Error;
use crate::inputs::{Cache, Inputs, Save};
use crate::state::{BundleState, StorePlace};

/// The size limit of a bundle when none is given, in bytes: all jobs of a repository share 10 GB of GitHub's cache
/// service.
const DEFAULT_CAP_BYTES: u64 = 2 << 30;

/// The most prefixes that are looked for. Source: `@actions/cache` takes ten keys in all.
const PREFIX_LIMIT: usize = 10;

/// What was decided.
#[derive(Clone, Debug, Default)]
pub(super) struct Decision {
    /// The bundle; `None`: the cache stays where it is.
    pub(super) bundle: Option<BundleState>,
    /// Why.
    pub(super) reason: String,
    /// What is worth knowing when there is none.
    pub(super) notice: Option<String>,
}

/// Decides for a storage that was chosen.
///
/// # Errors
/// [`Error::SettingMissing`] when a bundle was asked for and there is no place for it, [`Error::SettingUnused`].
pub(super) fn decide(
    inputs: &Inputs,
    environment: &Environment,
    storage: &Choice,
) -> Result<Decision, Error> {
    let Backend::Disk(disk) = &storage.backend else { return unused(inputs, "another storage") };
    if matches!(inputs.cache, Cache::Levels(_)) || environment.variable("SCCACHE_MULTILEVEL_CHAIN").is_some()
    {
        return unused(inputs, "disk");
    }
    let is_asked_for = inputs.cache == Cache::Bundle;
    let origin = || inputs.origins.get("cache").map_or("its default", String::as_str);
    let (place, reason) = match (&inputs.bundle_dir, cache_service(environment)) {
        (Some(directory), _) => {
            let place = StorePlace::Directory(environment.workspace.join(directory));
            (place, "`bundle-dir` is given".to_owned())
        }
        (None, Ok(())) if is_asked_for => (StorePlace::Actions, format!("`cache` is given by {}", origin())),
        (None, Ok(())) => {
            (StorePlace::Actions, "`cache` is `auto`, and the host has a cache service v2".to_owned())
        }
        (None, Err(_)) if !is_asked_for => return Ok(Decision::default()),
        (None, Err(why)) if environment.variable("GITHUB_ACTIONS") == Some("true") => {
            let notice = format!(
                "`cache` is `bundle`, but {why}: this job uses the local disk; `bundle-dir` names a directory instead"
            );
            return Ok(Decision { notice: Some(notice), ..Decision::default() });
        }
        (None, Err(_)) => return Err(Error::SettingMissing { input: "bundle-dir", backend: "bundle" }),
    };
    let key = key(inputs, environment);
    let cap_bytes = if inputs.origins.contains_key("cache-size") { disk.size.0 } else { DEFAULT_CAP_BYTES };
    let bundle = BundleState {
        no_save: no_save(inputs, environment, &place),
        place,
        directory: disk.directory.clone(),
        prefix: key.prefix,
        restore_prefixes: key.restore_prefixes,
        ingredients: key.ingredients,
        cap_bytes,
        timeout_ms: u64::try_from(inputs.cache_timeout.as_millis()).unwrap_or(u64::MAX),
        view: environment.run_dir.join("bundle.view"),
        restored: None,
    };
    Ok(Decision { bundle: Some(bundle), reason, notice: None })
}

/// The bundle by itself, for an environment in which no server is started. `cache` may be left at `auto`.
///
/// # Errors
/// As for a server's storage, and [`Error::SettingMissing`] when there is no place for a bundle.
pub fn alone(inputs: &Inputs, environment: &Environment) -> Result<BundleState, Error> {
    let storage = backend::fallback_on_disk(inputs, environment, inputs.sccache_version)?;
    let decision = decide(inputs, environment, &storage)?;
    decision.bundle.ok_or(Error::SettingMissing { input: "bundle-dir", backend: "bundle" })
}

fn unused(inputs: &Inputs, cache: &str) -> Result<Decision, Error> {
    match inputs.bundle_dir {
        Some(_) => {
            Err(Error::SettingUnused { input: "bundle-dir", backend: "bundle", cache: cache.to_owned() })
        }
        None => Ok(Decision::default()),
    }
}

/// Whether the job may use a cache service v2, and why not.
///
/// Source: `@actions/cache` 6 tells v2 by the host's name and the variable; an earlier step may have exported the
/// variable alone.
fn cache_service(environment: &Environment) -> Result<(), String> {
    if environment.variable("GITHUB_ACTIONS") != Some("true") {
        return Err("this is no job of GitHub Actions".into());
    }
    let url = environment.variable("GITHUB_SERVER_URL").unwrap_or("https://github.com");
    let host = url.split("://").nth(1).unwrap_or(url).split(['/', ':']).next().unwrap_or_default();
    let host = host.to_ascii_lowercase();
    if host != "github.com" && !host.ends_with(".ghe.com") && !host.ends_with(".localhost") {
        return Err(format!("`{host}` has no cache service v2"));
    }
    for name in ["ACTIONS_CACHE_SERVICE_V2", "ACTIONS_RESULTS_URL", "ACTIONS_RUNTIME_TOKEN"] {
        if environment.variable(name).is_none() {
            return Err(format!("the runner offers no cache service v2 (`{name}` is not set)"));
        }
    }
    Ok(())
}

fn no_save(inputs: &Inputs, environment: &Environment, place: &StorePlace) -> Option<String> {
    use crate::inputs::ReadOnly;
    let given = |name| inputs.origins.get(name).map_or("its default", String::as_str);
    if inputs.save == Save::Never {
        return Some(format!("`save` is given by {}", given("save")));
    }
    if inputs.read_only == ReadOnly::Always {
        return Some(format!("`read-only` is given by {}", given("read-only")));
    }
    let is_service = *place == StorePlace::Actions;
    let mode = environment.variable("ACTIONS_CACHE_MODE").filter(|_| is_service);
    if let Some(mode @ ("read" | "none")) = mode {
        return Some(format!("the job's `cache-mode` is `{mode}`"));
    }
    let is_trusted = inputs.save == Save::Always || inputs.read_only == ReadOnly::Never;
    environment.untrusted.clone().filter(|_| !is_trusted)
}

struct Key {
    prefix: String,
    restore_prefixes: Vec<String>,
    ingredients: Vec<(String, String)>,
}

/// The prefix of the keys, from what makes objects useful to each other: the machine, the toolchain, the job.
fn key(inputs: &Inputs, environment: &Environment) -> Key {
    let variable =
        |names: [&str; 2]| names.iter().find_map(|name| environment.variable(name)).unwrap_or_default();
    let workflow = variable(["GITHUB_WORKFLOW", "CI_CONFIG_PATH"]);
    let job = variable(["GITHUB_JOB", "CI_JOB_NAME"]);
    // GitHub gives `null` for a job without a matrix.
    let matrix =
        inputs.matrix.as_deref().filter(|matrix| *matrix != "null" && *matrix != "{}").unwrap_or_default();
    let own = inputs.key.as_deref().unwrap_or_default();
    let machine = &environment.machine;
    let part =
        |name: &str| machine.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value.as_str());
    let toolchain: Vec<&str> = machine
        .iter()
        .filter(|(name, _)| !["system", "architecture"].contains(name))
        .map(|(_, value)| value.as_str())
        .collect();
    let start = |own: &str| {
        let own =
            if own.is_empty() { String::new() } else { format!("{}.{}-", slug(own), short_hash(&[own])) };
        format!(
            "sccache-step-{own}{}-{}-{}-",
            slug(part("system")),
            slug(part("architecture")),
            short_hash(&toolchain)
        )
    };
    let of_job = format!("{}{}.{}-", start(own), slug(job), short_hash(&[workflow, job]));
    let prefix = format!("{of_job}{}-", short_hash(&[matrix]));
    let mut restore_prefixes = vec![of_job, start(own)];
    restore_prefixes.extend(inputs.restore_keys.iter().map(|key| start(key)));
    restore_prefixes.truncate(PREFIX_LIMIT - 1);
    let told = [("key", own), ("workflow", workflow), ("job", job), ("matrix", matrix)];
    let told = told.into_iter().filter(|(_, value)| !value.is_empty());
    let ingredients = machine.iter().map(|(name, value)| (*name, value.as_str())).chain(told);
    let ingredients = ingredients.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Key { prefix, restore_prefixes, ingredients }
}

/// A text as a part of a key: letters, digits and single hyphens, and not too many of them.
fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars() {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_alphanumeric() {
            slug.push(letter);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
        if slug.len() >= 24 {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "any".into() } else { slug.to_owned() }
}

/// What tells texts apart that look alike as a [`slug`].
fn short_hash(texts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update((text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// The directory in which a bundle's layers are kept, where it is one.
#[must_use]
pub(super) fn directory_of(place: &StorePlace) -> Option<&PathBuf> {
    match place {
        StorePlace::Actions => None,
        StorePlace::Directory(path) => Some(path),
    }
}

#[cfg(test)]
mod tests;
