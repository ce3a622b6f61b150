//! A year of a busy repository, thirty jobs a day, through the decision that a save makes: what travels, for the
//! bounds that are in use, for others, and for the two other ways of keeping such a cache. Prints the table of
//! `docs/bundles.md`. One unit stands for ten, so that a year takes minutes:
//!
//! ```sh
//! cargo run --release --example year
//! ```

#![expect(clippy::print_stdout, reason = "an example prints")]
#![expect(clippy::cast_precision_loss, reason = "shown with one digit")]

use std::collections::HashMap;

use sccache_step::bundle::index::{Entry, Parent};
use sccache_step::bundle::object::{Found, Kind, Name};
use sccache_step::bundle::policy::{Bounds, Decision, decide};
use sccache_step::bundle::view::{Arrival, LayerView, View};

const UNITS: u64 = 100;
const DAYS: u64 = 365;
const JOBS_A_DAY: u64 = 30;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const MIB: u64 = 1 << 20;

/// A xorshift generator: the same year each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// The object of a unit in one of its generations: ten times as large as they are, from 40 to 1600 KiB.
fn object(unit: u64, generation: u64) -> (Name, u64) {
    let mut dice = Dice(
        (unit + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ generation.wrapping_mul(0xff51_afd7_ed55_8ccd) | 1,
    );
    let _warmed_up = (0..8).map(|_| dice.roll(2)).count();
    let mut digits = [0; 32];
    digits[..8].copy_from_slice(&unit.to_le_bytes());
    digits[8..16].copy_from_slice(&generation.to_le_bytes());
    let bytes = (40 << 10) + dice.roll(520 << 10) + if dice.roll(5) == 0 { dice.roll(1040 << 10) } else { 0 };
    (Name::new(Kind::Result, digits), bytes)
}

/// What a year came to.
#[derive(Default)]
struct Year {
    jobs: u64,
    hits: u64,
    restore_requests: u64,
    most_restore_requests: u64,
    save_requests: u64,
    down: u64,
    up: u64,
    most_layers: usize,
    last_bytes: u64,
    saves: u64,
}

/// Requests for a layer of so many bytes: looking it up, the first 32 MiB, and 16 MiB each.
fn downloads(bytes: u64) -> u64 {
    2 + bytes.saturating_sub(32 * MIB).div_ceil(16 * MIB)
}

/// Requests for storing one: reserving, sending, making it visible.
fn uploads(bytes: u64) -> u64 {
    if bytes <= 64 * MIB { 3 } else { 3 + bytes.div_ceil(16 * MIB) }
}

/// The sources of a job: the generation of each unit. Most jobs have the change of one branch, some a change of a
/// header that many units read; a tenth goes back to what another branch had.
fn next(sources: &mut [u64], history: &mut Vec<Vec<u64>>, dice: &mut Dice, job: u64) {
    if dice.roll(10) == 0 && !history.is_empty() {
        let back = &history[usize::try_from(dice.roll(history.len() as u64)).unwrap_or(0)];
        sources.copy_from_slice(back);
        return;
    }
    let changed = match dice.roll(100) {
        0..60 => 0,
        60..90 => UNITS / 100,
        90..99 => UNITS / 20,
        _ => UNITS * 6 / 10,
    };
    for _ in 0..changed {
        let unit = usize::try_from(dice.roll(UNITS)).unwrap_or(0);
        sources[unit] = job + 1;
    }
    history.push(sources.to_vec());
    if history.len() > 40 {
        history.remove(0);
    }
}

/// The year with bundles.
fn bundles(bounds: &Bounds) -> Year {
    let mut dice = Dice(2026);
    let (mut sources, mut history) = (vec![0; 100], Vec::new());
    let mut year = Year::default();
    // The stored layers in force, oldest first, as the head has them.
    let mut layers: Vec<(Parent, Vec<Entry>)> = Vec::new();
    let mut saved_ms = 0;
    for job in 0..DAYS * JOBS_A_DAY {
        let now_ms = DAY_MS + job * DAY_MS / JOBS_A_DAY;
        next(&mut sources, &mut history, &mut dice, job);
        let mut disk: HashMap<Name, Found> = HashMap::new();
        let mut requests = u64::from(layers.is_empty());
        for (listed, entries) in &layers {
            let live = entries.iter().zip(&listed.used_ms).filter(|(_, used_ms)| **used_ms > 0);
            let mut bytes = 64 + 81 * entries.len() as u64;
            for (entry, used_ms) in live {
                bytes += entry.bytes;
                disk.insert(
                    entry.name,
                    Found {
                        name: entry.name,
                        bytes: entry.bytes,
                        used_ms: *used_ms,
                        created_ms: Some(now_ms),
                    },
                );
            }
            requests += downloads(bytes);
            year.down += bytes;
        }
        year.restore_requests += requests;
        year.most_restore_requests = year.most_restore_requests.max(requests);
        let view = View {
            saved_ms,
            restored_ms: now_ms,
            layers: layers
                .iter()
                .map(|(listed, entries)| LayerView {
                    listed: listed.clone(),
                    objects: Some(entries.iter().map(|entry| (*entry, Arrival::There)).collect()),
                })
                .collect(),
        };
        for (unit, generation) in sources.iter().enumerate() {
            let (name, bytes) = object(unit as u64, *generation);
            let found = disk.get_mut(&name);
            year.hits += u64::from(found.is_some());
            match found {
                Some(found) => found.used_ms = now_ms + 1000,
                None => drop(disk.insert(
                    name,
                    Found { name, bytes, used_ms: now_ms + 1000, created_ms: Some(now_ms + 1000) },
                )),
            }
        }
        year.jobs += 1;
        if let (Decision::Layer { objects, parents, .. }, _) =
            decide(disk.into_values().collect(), &view, bounds)
        {
            let entries: Vec<Entry> = objects
                .iter()
                .map(|found| Entry {
                    name: found.name,
                    bytes: found.bytes,
                    used_ms: found.used_ms,
                    digest: [0; 32],
                })
                .collect();
            let own: u64 = entries.iter().map(|entry| entry.bytes).sum();
            let marks: usize = parents.iter().map(|parent| parent.used_ms.len()).sum();
            let bytes = own + 64 + 81 * entries.len() as u64 + 8 * marks as u64;
            year.save_requests += uploads(bytes);
            year.saves += 1;
            year.up += bytes;
            let old: HashMap<String, Vec<Entry>> =
                layers.drain(..).map(|(listed, entries)| (listed.key, entries)).collect();
            layers = parents.into_iter().map(|parent| (parent.clone(), old[&parent.key].clone())).collect();
            let used_ms = entries.iter().map(|entry| entry.used_ms).collect();
            let key = format!("layer{job}");
            layers.push((Parent { key, digest: [0; 32], bytes: own, used_ms }, entries));
            saved_ms = now_ms + 2000;
        }
        year.most_layers = year.most_layers.max(layers.len());
        year.last_bytes = layers.iter().map(|(listed, _)| listed.bytes).sum();
    }
    year
}

/// The year with one archive of everything under a new key whenever something is new, objects kept for a week.
fn archives() -> Year {
    let everything = Bounds { layers: 0, dead_percent: 0, ..Bounds::with_cap(2 << 30) };
    bundles(&everything)
}

fn row(name: &str, year: &Year) {
    let jobs = year.jobs as f64;
    println!(
        "| {name} | {:.1} | {} | {:.1} | {:.1} | {:.1} | {} | {:.0} | {:.1} % |",
        year.restore_requests as f64 / jobs,
        year.most_restore_requests,
        year.save_requests as f64 / jobs,
        year.down as f64 / jobs / MIB as f64,
        year.up as f64 / jobs / MIB as f64,
        year.most_layers,
        year.last_bytes as f64 / MIB as f64,
        year.hits as f64 * 100.0 / (jobs * UNITS as f64),
    );
}

fn main() {
    println!(
        "| policy | requests, restore | at most | requests, save | MiB received | MiB sent | layers at most | MiB stored at the end | hit rate |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let ours = Bounds::with_cap(2 << 30);
    row("**as it is**", &bundles(&ours));
    row("4 layers", &bundles(&Bounds { layers: 4, ..ours }));
    row("16 layers", &bundles(&Bounds { layers: 16, ..ours }));
    row("nothing absorbed", &bundles(&Bounds { absorb_percent: 0, ..ours }));
    row("25 % dead weight", &bundles(&Bounds { dead_percent: 25, ..ours }));
    row("100 % dead weight", &bundles(&Bounds { dead_percent: 100, ..ours }));
    row("idle objects kept for 7 days", &bundles(&Bounds { idle_ms: 7 * DAY_MS, ..ours }));
    row("idle objects kept for 1 day", &bundles(&Bounds { idle_ms: DAY_MS, ..ours }));

    row("cap of 100 MiB", &bundles(&Bounds { cap_bytes: 100 * MIB, ..ours }));
    row("one archive of everything", &archives());
}
