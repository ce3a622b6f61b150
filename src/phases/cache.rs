//! `cache`: the bundle by itself, for people and for hosts that we do not know.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Job, print, write};
use crate::bundle::index::Index;
use crate::bundle::object::hexadecimal;
use crate::bundle::store::{Source, Store};
use crate::bundle::{self, Halt};
use crate::cli::{CacheAction, OutputFormat};
use crate::environment::Environment;
use crate::error::{Error, ExitCode};
use crate::execute::{bundle_store, restore_bundle, save_bundle};
use crate::host::Level;
use crate::inputs::{Bytes, Inputs};
use crate::plan;
use crate::sccache::try_cache_directory;
use crate::state::{BundleState, StorePlace};

/// What `save` needs to know of `restore`, in the cache directory: there is no run directory that both would find.
const VIEW: &str = "sccache-step.view";

impl Job {
    /// Does one action on the bundle that these inputs lead to.
    pub(super) fn cache(&self, action: &CacheAction, inputs: &Inputs, environment: &Environment) -> ExitCode {
        let mut bundle = match plan::bundle(inputs, environment) {
            Ok(bundle) => bundle,
            Err(error) => return self.refuse(&error, inputs.annotations),
        };
        bundle.view = bundle.directory.join(VIEW);
        if self.arguments.dry_run {
            let prefixes = std::iter::once(&bundle.prefix).chain(&bundle.restore_prefixes);
            return print(prefixes.fold(String::new(), |text, prefix| format!("{text}key {prefix}\n")));
        }
        let done = match action {
            CacheAction::Restore => self.cache_restore(&mut bundle, environment),
            CacheAction::Save => self.cache_save(&bundle, environment),
            CacheAction::List => self.look(&bundle, environment, None),
            CacheAction::Inspect(key) => self.look(&bundle, environment, Some(key.as_deref())),
            CacheAction::Prune => self.cache_prune(&bundle, environment),
        };
        match done {
            Ok(code) => code,
            Err(error) => {
                self.voice(inputs.annotations).complain(Level::Error, &error);
                ExitCode::Failed
            }
        }
    }

    fn say(&self, line: &str) {
        write(&self.adapter.talk(line));
    }

    fn tell(&self, text: String, json: &Value) -> ExitCode {
        print(if self.arguments.format == OutputFormat::Json { format!("{json:#}\n") } else { text })
    }

    fn cache_restore(&self, bundle: &mut BundleState, environment: &Environment) -> Result<ExitCode, Error> {
        try_cache_directory(&bundle.directory)?;
        let (result, told) = restore_bundle(bundle, environment);
        told.iter().for_each(|line| self.say(line));
        let code = self.tell(String::new(), &json!({ "schema": 1, "restored": bundle.restored }));
        result.map(|()| code)
    }

    fn cache_save(&self, bundle: &BundleState, environment: &Environment) -> Result<ExitCode, Error> {
        if let Some(why) = &bundle.no_save {
            self.say(&format!("bundle: nothing is saved, because {why}"));
            return Ok(ExitCode::Fine);
        }
        let (saved, told) = save_bundle(bundle, environment);
        let saved = saved?;
        self.say(&told);
        let _ = std::fs::remove_file(&bundle.view);
        Ok(self.tell(String::new(), &json!({ "schema": 1, "saved": saved })))
    }

    /// The layers in force, or the objects of one of them.
    fn look(
        &self,
        bundle: &BundleState,
        environment: &Environment,
        objects_of: Option<Option<&str>>,
    ) -> Result<ExitCode, Error> {
        let Some((store, key, source)) = head(bundle, environment)? else {
            self.say(&format!("bundle: nothing is stored under `{}`", bundle.prefix));
            return Ok(self.tell(String::new(), &json!({ "schema": 1, "layers": [], "objects": [] })));
        };
        let head = index(&*source)?;
        let Some(wanted) = objects_of else {
            let (text, layers) = layers(&key, &head);
            return Ok(self.tell(text, &json!({ "schema": 1, "layers": layers })));
        };
        let wanted = wanted.unwrap_or(&key);
        let chosen = if wanted == key { head } else { index(&*open(&*store, wanted)?)? };
        let (text, objects) = objects(&chosen);
        Ok(self.tell(text, &json!({ "schema": 1, "key": wanted, "objects": objects })))
    }

    fn cache_prune(&self, bundle: &BundleState, environment: &Environment) -> Result<ExitCode, Error> {
        if bundle.place == StorePlace::Actions {
            self.say("bundle: the cache service removes by itself what nobody has read for a week");
            return Ok(ExitCode::Fine);
        }
        let Some((store, key, source)) = head(bundle, environment)? else { return Ok(ExitCode::Fine) };
        let parents = index(&*source)?.parents.into_iter().map(|parent| parent.key);
        let removed = store.retire(&bundle.prefix, &parents.chain([key]).collect::<Vec<_>>());
        self.say(&format!("bundle: {removed} layers that no head needs were removed"));
        Ok(self.tell(String::new(), &json!({ "schema": 1, "removed": removed })))
    }
}

type Opened = (Arc<dyn Store>, String, Box<dyn Source>);

fn head(bundle: &BundleState, environment: &Environment) -> Result<Option<Opened>, Error> {
    let halt = Arc::new(Halt::within(Duration::from_millis(bundle.timeout_ms)));
    let store = bundle_store(&bundle.place, &environment.variables, &halt);
    let store = store.map_err(|reason| Error::CacheNotRestored { reason })?;
    let prefixes: Vec<String> =
        std::iter::once(&bundle.prefix).chain(&bundle.restore_prefixes).cloned().collect();
    let found = store.find(&prefixes).map_err(|error| Error::CacheNotRestored { reason: error.reason() })?;
    Ok(found.map(|(key, source)| (store, key, source)))
}

fn open(store: &dyn Store, key: &str) -> Result<Box<dyn Source>, Error> {
    let opened = store.open(key).map_err(|error| Error::CacheNotRestored { reason: error.reason() })?;
    opened.ok_or_else(|| Error::CacheNotRestored { reason: format!("there is no layer `{key}`") })
}

fn index(source: &dyn Source) -> Result<Index, Error> {
    bundle::index_of(source).map_err(|error| Error::CacheNotRestored { reason: format!("{error:#}") })
}

fn layers(key: &str, head: &Index) -> (String, Vec<Value>) {
    let own = head.objects.len();
    let mut rows = vec![(key, own, own, head.object_bytes())];
    rows.extend(head.parents.iter().rev().map(|parent| {
        let live = parent.used_ms.iter().filter(|used_ms| **used_ms > 0).count();
        (parent.key.as_str(), live, parent.used_ms.len(), parent.bytes)
    }));
    let mut text = String::new();
    for (key, live, all, bytes) in &rows {
        // Writing to memory does not fail.
        let _ = writeln!(text, "{key}  {live} of {all} objects in force, {}", Bytes(*bytes));
    }
    let json = rows.iter().map(
        |(key, live, all, bytes)| json!({ "key": key, "in_force": live, "objects": all, "bytes": bytes }),
    );
    (text, json.collect())
}

fn objects(index: &Index) -> (String, Vec<Value>) {
    let path = |path: PathBuf| path.display().to_string();
    let mut text = String::new();
    for entry in &index.objects {
        // Writing to memory does not fail.
        let _ = writeln!(text, "{:>12}  {}", entry.bytes, path(entry.name.path()));
    }
    let json = index.objects.iter().map(|entry| {
        json!({
            "path": path(entry.name.path()),
            "bytes": entry.bytes,
            "used_unix_ms": entry.used_ms,
            "sha256": hexadecimal(&entry.digest),
        })
    });
    (text, json.collect())
}
