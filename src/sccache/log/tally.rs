//! Adds up what units did, within limits.
//!
//! A log names a unit only by its crate or object, and units of one name may be under way at once; so each line is
//! taken to be of the one that has waited for it longest.

use std::collections::{HashMap, VecDeque};

use crate::stats::{Missed, Place, Repeated, Units};

/// The most of each kind that is remembered.
const NAMES: usize = 4_096;
const UNDER_WAY: usize = 64;
const PLACES: usize = 4_096;
const KEYS: usize = 1 << 17;
const REPEATED: usize = 256;
/// The most of each kind that is told.
const SHOWN: usize = 20;
/// The longest name, and the longest reason, in characters.
const NAME_CHARS: usize = 200;
const REASON_CHARS: usize = 300;

/// How a look-up ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Hit,
    Miss,
    /// A miss that was asked for, or a unit for which the cache was not asked.
    Unasked,
}

/// A unit that is under way.
#[derive(Debug, Default)]
struct UnderWay {
    place: String,
    key: Option<u64>,
    outcome: Option<Outcome>,
    hit_secs: f64,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    units: Units,
    under_way: HashMap<String, VecDeque<UnderWay>>,
    places: HashMap<String, Place>,
    // Compilations by key, of which a few bytes are enough to tell them apart.
    keys: HashMap<u64, u32>,
    repeated: HashMap<u64, Repeated>,
}

impl Tally {
    pub(super) fn begin(&mut self, name: &str, place: String) {
        if self.under_way.len() >= NAMES && !self.under_way.contains_key(name) {
            // Units whose end was not logged; those of today are more likely to end.
            self.under_way.clear();
            self.units.is_cut = true;
        }
        let waiting = self.under_way.entry(cut(name, NAME_CHARS)).or_default();
        if waiting.len() >= UNDER_WAY {
            waiting.pop_front();
        }
        waiting.push_back(UnderWay { place, ..UnderWay::default() });
    }

    pub(super) fn key(&mut self, name: &str, key: &str) {
        let key = key.get(..16).and_then(|start| u64::from_str_radix(start, 16).ok());
        if let Some(unit) = self.waiting(name, |unit| unit.key.is_none() && unit.outcome.is_none()) {
            unit.key = key;
        }
    }

    pub(super) fn looked_up(&mut self, name: &str, outcome: Outcome, secs: f64) {
        if outcome == Outcome::Hit {
            self.units.hits += 1;
            self.units.hit_secs += secs;
        }
        let Some(unit) = self.waiting(name, |unit| unit.outcome.is_none()) else { return };
        unit.outcome = Some(outcome);
        unit.hit_secs = secs;
        if outcome == Outcome::Hit {
            let place = unit.place.clone();
            if let Some(of_place) = self.place(&place) {
                of_place.hits += 1;
            }
            self.forget_hits(name);
        }
    }

    /// An entry that was found and could not be unpacked: a miss after all.
    pub(super) fn corrupt(&mut self, name: &str) {
        self.units.corrupt += 1;
        self.units.hits = self.units.hits.saturating_sub(1);
        let unit = self.waiting(name, |unit| unit.outcome == Some(Outcome::Hit));
        let Some((place, secs)) = unit.map(|unit| {
            unit.outcome = Some(Outcome::Miss);
            (unit.place.clone(), unit.hit_secs)
        }) else {
            return;
        };
        self.units.hit_secs = (self.units.hit_secs - secs).max(0.0);
        if let Some(of_place) = self.place(&place) {
            of_place.hits = of_place.hits.saturating_sub(1);
        }
    }

    /// A unit has compiled. Only what is then stored was a miss in sccache's count: a unit that fails to compile has
    /// no such line, and one for which the cache was not asked is not stored. `stored_unix_ms` is when, if it is.
    pub(super) fn compiled(&mut self, name: &str, secs: f64, stored_unix_ms: Option<u64>) {
        self.units.compile_secs += secs;
        let waiting = self.under_way.get_mut(name);
        let unit = waiting.and_then(|waiting| {
            let at =
                waiting.iter().position(|unit| unit.outcome.is_some_and(|outcome| outcome != Outcome::Hit));
            at.and_then(|at| waiting.remove(at))
        });
        let Some(ended_unix_ms) = stored_unix_ms else { return };
        self.units.misses += 1;
        let unit = unit.unwrap_or_default();
        if let Some(of_place) = self.place(&unit.place) {
            of_place.misses += 1;
            of_place.compile_secs += secs;
        }
        if let (Some(key), Some(Outcome::Miss)) = (unit.key, unit.outcome) {
            self.count(key, name, &unit.place);
        }
        let slowest = &mut self.units.slowest;
        if slowest.len() < SHOWN || slowest.last().is_some_and(|last| last.compile_secs < secs) {
            let at = slowest.partition_point(|other| other.compile_secs >= secs);
            slowest.insert(
                at,
                Missed { name: cut(name, NAME_CHARS), place: unit.place, compile_secs: secs, ended_unix_ms },
            );
            slowest.truncate(SHOWN);
        }
    }

    pub(super) fn read_failed(&mut self, reason: &str) {
        self.units.read_errors += 1;
        self.note_rate_limit(reason);
    }

    pub(super) fn write_failed(&mut self, reason: &str) {
        self.note_rate_limit(reason);
        self.units.last_write_error = Some(cut(reason, REASON_CHARS));
    }

    /// opendal, which sccache reaches its storages with, has a kind of error for it, and tells the answer's status.
    fn note_rate_limit(&mut self, reason: &str) {
        if reason.starts_with("RateLimited") || reason.contains("status: 429") {
            self.units.rate_limits += 1;
        }
    }

    fn waiting(&mut self, name: &str, is_it: impl Fn(&UnderWay) -> bool) -> Option<&mut UnderWay> {
        self.under_way.get_mut(name)?.iter_mut().find(|unit| is_it(unit))
    }

    /// A hit is over once another one follows it, since a damaged one is told right after it.
    fn forget_hits(&mut self, name: &str) {
        let Some(waiting) = self.under_way.get_mut(name) else { return };
        let hit = |unit: &UnderWay| unit.outcome == Some(Outcome::Hit);
        while waiting.iter().filter(|unit| hit(unit)).count() > 1 {
            if let Some(at) = waiting.iter().position(hit) {
                waiting.remove(at);
            }
        }
        if waiting.is_empty() {
            self.under_way.remove(name);
        }
    }

    fn place(&mut self, name: &str) -> Option<&mut Place> {
        if name.is_empty() {
            return None;
        }
        if self.places.len() >= PLACES && !self.places.contains_key(name) {
            self.units.is_cut = true;
            return None;
        }
        Some(
            self.places
                .entry(name.to_owned())
                .or_insert_with(|| Place { name: name.to_owned(), ..Place::default() }),
        )
    }

    fn count(&mut self, key: u64, name: &str, place: &str) {
        if self.keys.len() >= KEYS && !self.keys.contains_key(&key) {
            self.units.is_cut = true;
            return;
        }
        let times = self.keys.entry(key).or_default();
        *times = times.saturating_add(1);
        if *times > 1 && (self.repeated.len() < REPEATED || self.repeated.contains_key(&key)) {
            let repeated = self.repeated.entry(key).or_insert_with(|| Repeated {
                name: cut(name, NAME_CHARS),
                place: place.to_owned(),
                times: 0,
            });
            repeated.times = u64::from(*times);
        }
    }

    pub(super) fn into_units(self) -> Units {
        let Self { mut units, places, repeated, .. } = self;
        let mut places: Vec<Place> = places.into_values().filter(|place| place.misses > 0).collect();
        places.sort_by(|a, b| {
            b.compile_secs.total_cmp(&a.compile_secs).then(b.misses.cmp(&a.misses)).then(a.name.cmp(&b.name))
        });
        places.truncate(SHOWN);
        let mut repeated: Vec<Repeated> = repeated.into_values().collect();
        repeated.sort_by(|a, b| {
            b.times.cmp(&a.times).then_with(|| (&a.place, &a.name).cmp(&(&b.place, &b.name)))
        });
        repeated.truncate(SHOWN);
        (units.places, units.repeated) = (places, repeated);
        units.hit_secs = to_millis(units.hit_secs);
        units.compile_secs = to_millis(units.compile_secs);
        units.places.iter_mut().for_each(|place| place.compile_secs = to_millis(place.compile_secs));
        units
    }
}

fn cut(text: &str, limit_chars: usize) -> String {
    text.chars().take(limit_chars).collect()
}

/// The log's own precision: sums of its numbers have no more.
fn to_millis(secs: f64) -> f64 {
    (secs * 1e3).round() / 1e3
}
