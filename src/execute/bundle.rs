//! The cache travels: restored before the server starts, saved after it has stopped.
//!
//! Whatever goes wrong costs hits and nothing else. Neither may take longer than `cache-timeout`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Work, averages};
use crate::bundle::policy::{Bounds, Shape};
use crate::bundle::store::{Actions, Directory, Store, StoreError, Stored};
use crate::bundle::view::View;
use crate::bundle::{self, Found, Halt, Listener, Order, Restore};
use crate::environment::{Environment, Variables};
use crate::error::Error;
use crate::inputs::Bytes;
use crate::process;
use crate::sccache::{Progress, Terminal};
use crate::secret::Secret;
use crate::state::{BundleState, Restored, Saved, StorePlace};

/// A person sees objects arriving.
#[derive(Default)]
struct Bar {
    terminal: Terminal,
    expected: AtomicU64,
    arrived: AtomicU64,
    drawing: Mutex<()>,
}

impl Listener for Bar {
    fn expect(&self, _objects: u64, bytes: u64) {
        let _one_at_a_time = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
        let expected = self.expected.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.terminal.start("restoring the cache", Some(expected));
        self.terminal.advance(self.arrived.load(Ordering::Relaxed));
    }

    fn arrived(&self, bytes: u64) {
        self.arrived.fetch_add(bytes, Ordering::Relaxed);
        self.terminal.advance(bytes);
    }
}

/// The store of a bundle.
///
/// # Errors
/// Why it cannot be reached.
pub fn store(place: &StorePlace, variables: &Variables, halt: &Arc<Halt>) -> Result<Arc<dyn Store>, String> {
    match place {
        StorePlace::Directory(path) => Ok(Arc::new(Directory::new(path, Arc::clone(halt)))),
        StorePlace::Actions => {
            let variable = |name: &str| {
                let value = variables.get(name).filter(|value| !value.is_empty());
                value.ok_or_else(|| format!("`{name}` is not set, so the cache service cannot be reached"))
            };
            let token = Secret::new(variable("ACTIONS_RUNTIME_TOKEN")?);
            let actions = Actions::new(variable("ACTIONS_RESULTS_URL")?, token, variables, Arc::clone(halt));
            Ok(Arc::new(actions.map_err(|error| format!("{error:#}"))?))
        }
    }
}

/// Restores a bundle into its directory and leaves what was seen for a save. The second value is what the log is told.
///
/// # Errors
/// [`Error::CacheNotRestored`], after whatever could be done.
pub fn restore(bundle: &mut BundleState, environment: &Environment) -> (Result<(), Error>, Vec<String>) {
    let began = Instant::now();
    let limit = Duration::from_millis(bundle.timeout_ms);
    let halt = Arc::new(Halt::within(limit));
    let store = match store(&bundle.place, &environment.variables, &halt) {
        Ok(store) => store,
        Err(reason) => {
            bundle.no_save.get_or_insert_with(|| reason.clone());
            return (Err(Error::CacheNotRestored { reason }), Vec::new());
        }
    };
    let bar = Arc::new(Bar::default());
    let listener: Arc<dyn Listener> = Arc::clone(&bar) as _;
    let work =
        Restore::new(Arc::clone(&store), &bundle.directory, bundle.cap_bytes, Arc::clone(&halt), listener);
    let work = Arc::new(work);
    let prefixes: Vec<String> =
        std::iter::once(&bundle.prefix).chain(&bundle.restore_prefixes).cloned().collect();
    let inner = Arc::clone(&work);
    let restored = bundle::within(&halt, move || inner.run(&prefixes));
    bar.terminal.finish();
    let restored = restored.unwrap_or_else(|| {
        let mut restored = work.so_far(Found::Unknown);
        let reason = halt.check().err().map_or_else(|| "it broke off".into(), |error| format!("{error:#}"));
        restored.troubles.push(reason);
        if !restored.view.layers.is_empty() {
            restored.found = Found::Head;
        }
        restored
    });
    let (objects, object_bytes) = restored.view.live();
    let [requests, _, received_bytes] = store.traffic().counts();
    let mut told = Vec::new();
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    match (&restored.key, restored.found) {
        (Some(key), Found::Head) => told.push(format!(
            "bundle: {objects} objects, {}, in {}; {} received with {} in {took_ms} ms; key `{key}`",
            Bytes(object_bytes),
            counted(restored.view.layers.len(), "layer"),
            Bytes(received_bytes),
            counted(usize::try_from(requests).unwrap_or(usize::MAX), "request"),
        )),
        (_, Found::Nothing) if restored.troubles.is_empty() => {
            told.push(format!("bundle: nothing is stored yet under `{}`", bundle.prefix));
        }
        _ => {}
    }
    if restored.found == Found::Unknown {
        // The new head would hide what is stored.
        bundle.no_save.get_or_insert_with(|| "it is not known what is stored".into());
    } else if let Err(error) = restored.view.write(&bundle.view) {
        bundle.no_save.get_or_insert_with(|| format!("{error:#}"));
    }
    if !restored.note.is_empty() && restored.found == Found::Head {
        averages::receive(&bundle.directory, &restored.note);
    }
    let troubles = restored.troubles.clone();
    bundle.restored = Some(Restored {
        key: restored.key,
        layers: restored.view.layers.len() as u64,
        objects: objects as u64,
        object_bytes,
        requests,
        received_bytes,
        took_ms,
        troubles: restored.troubles,
    });
    let result = match troubles.first() {
        None => Ok(()),
        Some(first) if troubles.len() == 1 => Err(Error::CacheNotRestored { reason: first.clone() }),
        Some(first) => {
            let reason = format!("{first}; and {} more", troubles.len() - 1);
            Err(Error::CacheNotRestored { reason })
        }
    };
    (result, told)
}

/// Saves what is new in a bundle's directory. The second value is what the log is told.
///
/// # Errors
/// [`Error::CacheNotSaved`].
pub fn save(bundle: &BundleState, environment: &Environment) -> (Result<Saved, Error>, String) {
    let began = Instant::now();
    let halt = Arc::new(Halt::within(Duration::from_millis(bundle.timeout_ms)));
    let (store, view) = match (store(&bundle.place, &environment.variables, &halt), View::read(&bundle.view))
    {
        (Ok(store), Ok(view)) => (store, view.unwrap_or_default()),
        (Err(reason), _) => return (Err(Error::CacheNotSaved { reason }), String::new()),
        (_, Err(error)) => {
            return (Err(Error::CacheNotSaved { reason: format!("{error:#}") }), String::new());
        }
    };
    let owned = (bundle.clone(), Arc::clone(&store), Arc::clone(&halt), averages::send(&bundle.directory));
    let saved = bundle::within(&halt, move || {
        let (bundle, store, halt, note) = owned;
        let bounds = Bounds::with_cap(bundle.cap_bytes);
        let order =
            Order { directory: &bundle.directory, prefix: &bundle.prefix, bounds, view: &view, note: &note };
        let layers = view.layers.len();
        bundle::save(&order, &*store, &halt).map(|saved| (saved, layers))
    });
    let stopped = || halt.check().err().unwrap_or_else(|| anyhow::anyhow!("it broke off"));
    let saved = saved.unwrap_or_else(|| Err(StoreError::Unavailable(stopped())));
    let (saved, layers_before) = match saved {
        Ok(saved) => saved,
        Err(StoreError::Denied(reason)) => {
            let done = Saved { reason: Some(reason.clone()), ..Saved::default() };
            return (Ok(done), format!("bundle: nothing is saved: {reason}"));
        }
        Err(error) => return (Err(Error::CacheNotSaved { reason: error.reason() }), String::new()),
    };
    let [requests, sent_bytes, _] = store.traffic().counts();
    let mut done = Saved {
        objects: saved.tally.objects as u64,
        used: saved.tally.used as u64,
        new: saved.tally.new as u64,
        dropped: saved.tally.dropped as u64,
        layers: layers_before as u64,
        requests,
        sent_bytes,
        took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        ..Saved::default()
    };
    let told = match saved.layer {
        None => {
            done.reason = Some("nothing is new".into());
            format!(
                "bundle: nothing is new among {} objects, {} of them used; nothing is saved",
                done.objects, done.used
            )
        }
        Some(layer) if layer.stored == Stored::Before => {
            done.reason = Some("somebody else has saved it".into());
            format!("bundle: somebody else has saved `{}`", layer.key)
        }
        Some(layer) => {
            done.layers = layer.parents as u64 + 1;
            done.key = Some(layer.key.clone());
            format!(
                "bundle: {} new of {} objects, {} used, {} dropped; a layer of {}{}, {} in force; {} in {} ms; key `{}`",
                done.new,
                done.objects,
                done.used,
                done.dropped,
                Bytes(layer.bytes),
                why(layer.shape),
                done.layers,
                counted(usize::try_from(requests).unwrap_or(usize::MAX), "request"),
                done.took_ms,
                layer.key,
            )
        }
    };
    (Ok(done), told)
}

impl Work<'_> {
    pub(super) fn restore_cache(&mut self, mut bundle: BundleState) -> Result<(), Error> {
        let ingredients: Vec<String> =
            bundle.ingredients.iter().map(|(name, value)| format!("{name} {value}")).collect();
        self.voice.say(&format!("bundle: key `{}…` of {}", bundle.prefix, ingredients.join(", ")));
        let (result, told) = restore(&mut bundle, self.environment);
        told.iter().for_each(|line| self.voice.say(line));
        self.outcome.bundle.get_or_insert_default().restored.clone_from(&bundle.restored);
        self.bundle = Some(bundle);
        // Told to stop is told once, by the next step.
        if process::cancellation().signal().is_some() { Ok(()) } else { result }
    }

    pub(super) fn save_cache(&mut self) -> Result<(), Error> {
        let state = self.state.as_ref().and_then(|state| state.bundle.clone());
        let Some(bundle) = state else { return Ok(()) };
        let traffic = self.outcome.bundle.get_or_insert_default();
        if traffic.restored.is_none() {
            traffic.restored.clone_from(&bundle.restored);
        }
        if let Some(why) = &bundle.no_save {
            self.voice.say(&format!("bundle: nothing is saved, because {why}"));
            traffic.saved = Some(Saved { reason: Some(why.clone()), ..Saved::default() });
            return Ok(());
        }
        let (saved, told) = save(&bundle, self.environment);
        if !told.is_empty() {
            self.voice.say(&told);
        }
        match saved {
            Ok(saved) => traffic.saved = Some(saved),
            Err(error) => {
                traffic.saved = Some(Saved { reason: Some(error.lines().cause), ..Saved::default() });
                return Err(error);
            }
        }
        // It is of no use to anybody else, and this server will not come back.
        let _ = std::fs::remove_file(&bundle.view);
        Ok(())
    }
}

/// Why a layer is larger than what is new.
const fn why(shape: Shape) -> &'static str {
    match shape {
        Shape::First | Shape::New => "",
        Shape::Absorbing => " with the small ones before it",
        Shape::Gathered => " with all but the oldest, because they were too many",
        Shape::TooManyLayers => " with everything, because they were too many",
        Shape::TooMuchDeadWeight => {
            " with everything, because too much of what is stored is no longer in force"
        }
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}
