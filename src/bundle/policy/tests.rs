//! The decision alone: no disk, no clock, no store.

use super::super::index::Entry;
use super::super::object::Kind;
use super::super::view::LayerView;
use super::*;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
/// When the restore of these tests had ended.
const RESTORED_MS: u64 = 100 * DAY_MS;

fn name(number: u8) -> Name {
    Name::new(Kind::Result, [number; 32])
}

/// An object on the disk that was restored and not used.
fn idle(number: u8, bytes: u64) -> Found {
    let used_ms = RESTORED_MS - 1000 - u64::from(number);
    Found { name: name(number), bytes, used_ms, created_ms: Some(RESTORED_MS - 10) }
}

fn used(number: u8, bytes: u64) -> Found {
    Found { used_ms: RESTORED_MS + 500, ..idle(number, bytes) }
}

fn made(number: u8, bytes: u64) -> Found {
    Found { created_ms: Some(RESTORED_MS + 500), ..used(number, bytes) }
}

fn layer(key: &str, objects: &[(u8, u64, Arrival)]) -> LayerView {
    let entry = |number, bytes| Entry { name: name(number), bytes, used_ms: 1, digest: [0; 32] };
    let objects: Vec<_> =
        objects.iter().map(|(number, bytes, arrival)| (entry(*number, *bytes), *arrival)).collect();
    let listed = Parent {
        key: key.into(),
        digest: [0; 32],
        bytes: objects.iter().map(|(entry, _)| entry.bytes).sum(),
        used_ms: objects.iter().map(|(entry, _)| idle(entry.name.to_bytes()[1], 0).used_ms).collect(),
    };
    LayerView { listed, objects: Some(objects) }
}

fn view(layers: Vec<LayerView>) -> View {
    View { saved_ms: 99 * DAY_MS, restored_ms: RESTORED_MS, layers }
}

fn bounds() -> Bounds {
    Bounds::with_cap(1_000_000)
}

/// The decision in a few words: shape, numbers of the objects, and the marks of each layer that stays.
fn told(found: Vec<Found>, view: &View, bounds: &Bounds) -> String {
    match decide(found, view, bounds).0 {
        Decision::Nothing => "nothing".into(),
        Decision::Layer { shape, objects, parents } => {
            let numbers: Vec<u8> = objects.iter().map(|object| object.name.to_bytes()[1]).collect();
            let parents: Vec<String> = parents
                .iter()
                .map(|parent| {
                    let marks = parent.used_ms.iter().map(|mark| match *mark {
                        0 => 'x',
                        mark if mark > RESTORED_MS => 'u',
                        _ => '.',
                    });
                    format!("{}:{}", parent.key, marks.collect::<String>())
                })
                .collect();
            format!("{shape:?} {numbers:?} on [{}]", parents.join(" "))
        }
    }
}

use Arrival::{Missing, There, Wrong};

#[test]
fn the_first_layer_holds_everything_and_no_news_is_no_layer() {
    assert_eq!(told(vec![], &View::default(), &bounds()), "nothing");
    assert_eq!(told(vec![made(1, 10), made(2, 10)], &View::default(), &bounds()), "First [1, 2] on []");
    let view = view(vec![layer("a", &[(1, 10, There), (2, 10, There)])]);
    assert_eq!(told(vec![used(1, 10), idle(2, 10)], &view, &bounds()), "nothing");
}

#[test]
fn what_is_new_goes_up_and_what_was_used_is_marked() {
    let view = view(vec![layer("a", &[(1, 4000, There), (2, 4000, There), (3, 4000, There)])]);
    let found = vec![used(1, 4000), idle(2, 4000), idle(3, 4000), made(4, 100)];
    assert_eq!(told(found.clone(), &view, &bounds()), "New [4] on [a:u..]");
    let tally = decide(found, &view, &bounds()).1;
    assert_eq!((tally.objects, tally.used, tally.new, tally.new_bytes, tally.dropped), (4, 1, 1, 100, 0));
}

#[test]
fn what_was_evicted_or_came_damaged_is_dropped_and_what_did_not_come_stays() {
    let view =
        view(vec![layer("a", &[(1, 4000, There), (2, 4000, Wrong), (3, 4000, Missing), (4, 4000, There)])]);
    let found = vec![idle(4, 4000), made(9, 100)];
    assert_eq!(told(found.clone(), &view, &bounds()), "New [9] on [a:xx..]");
    assert_eq!(decide(found, &view, &bounds()).1.dropped, 2);
}

#[test]
fn an_overwritten_object_is_new_and_a_touched_one_is_not() {
    let view = view(vec![layer("a", &[(1, 4000, There), (2, 4000, There)])]);
    assert_eq!(told(vec![made(1, 4000), used(2, 4000)], &view, &bounds()), "New [1] on [a:xu]");
    assert_eq!(told(vec![used(1, 4001), used(2, 4000)], &view, &bounds()), "New [1] on [a:xu]");
    // Made again by the job, because its layer did not come: it need not go up again.
    let view = self::view(vec![layer("a", &[(1, 4000, Missing), (2, 4000, There)])]);
    assert_eq!(told(vec![made(1, 4000), used(2, 4000)], &view, &bounds()), "nothing");
}

#[test]
fn a_file_system_without_times_of_creation_goes_by_the_length() {
    let view = view(vec![layer("a", &[(1, 4000, There), (2, 4000, There)])]);
    let bounds = Bounds { dead_percent: 1000, ..bounds() };
    let without = |found: Found| Found { created_ms: None, ..found };
    assert_eq!(told(vec![without(made(1, 4000)), without(made(2, 5))], &view, &bounds), "New [2] on [a:ux]");
}

#[test]
fn over_the_cap_the_longest_unused_go_first() {
    let view = view(vec![layer("a", &[(1, 400, There), (2, 400, There), (3, 400, There)])]);
    let found = vec![idle(1, 400), used(2, 400), idle(3, 400), made(4, 100)];
    let bounds = Bounds { cap_bytes: 1000, dead_percent: 100, ..bounds() };
    assert_eq!(told(found, &view, &bounds), "New [4] on [a:.ux]");
}

#[test]
fn young_layers_that_are_no_larger_are_taken_in() {
    let bounds = Bounds { absorb_percent: 200, ..bounds() };
    let old = || layer("a", &[(1, 90_000, There)]);
    let with = |bytes| view(vec![old(), layer("b", &[(2, bytes, There)])]);
    let found = |bytes| vec![idle(1, 90_000), idle(2, bytes), made(3, 1000)];
    assert_eq!(told(found(1000), &with(1000), &bounds), "Absorbing [3, 2] on [a:.]");
    assert_eq!(told(found(1001), &with(1001), &bounds), "New [3] on [a:. b:.]");
    let missing = view(vec![old(), layer("b", &[(2, 1000, Missing)])]);
    assert_eq!(told(vec![idle(1, 90_000), made(3, 1000)], &missing, &bounds), "New [3] on [a:. b:.]");
}

#[test]
fn too_many_layers_become_one_or_two() {
    let small = |number: u8| layer(&format!("l{number}"), &[(number, 2000, There)]);
    let layers = |first: u64| {
        let first = layer("a", &[(0, first, There)]);
        view(std::iter::once(first).chain((1..8).map(small)).collect())
    };
    let found = |first| {
        std::iter::once(idle(0, first))
            .chain((1..8).map(|number| idle(number, 2000)))
            .chain([made(9, 100)])
            .collect()
    };
    assert_eq!(told(found(90_000), &layers(90_000), &bounds()), "Gathered [9, 1, 2, 3, 4, 5, 6, 7] on [a:.]");
    assert_eq!(told(found(100), &layers(100), &bounds()), "TooManyLayers [9, 0, 1, 2, 3, 4, 5, 6, 7] on []");
}

#[test]
fn too_much_dead_weight_makes_everything_new_without_what_is_idle() {
    let mut view = view(vec![layer("a", &[(1, 4000, There), (2, 4000, There), (3, 4000, There)])]);
    let old = Found { used_ms: 10 * DAY_MS, ..idle(3, 4000) };
    let found = vec![used(1, 4000), used(2, 4000), made(4, 100), old];
    assert_eq!(told(found.clone(), &view, &bounds()), "New [4] on [a:uu.]");
    view.layers[0].listed.bytes += 90_000;
    assert_eq!(
        told(vec![used(1, 4000), made(4, 100), old], &view, &bounds()),
        "TooMuchDeadWeight [1, 4] on []"
    );
}

#[test]
fn a_layer_that_did_not_come_stays_as_it_is_listed() {
    let unread = LayerView { objects: None, ..layer("b", &[(2, 10, There)]) };
    let view = view(vec![layer("a", &[(1, 10, There)]), unread]);
    assert_eq!(told(vec![idle(1, 10), made(3, 100)], &view, &bounds()), "New [3] on [a:. b:.]");
}

#[test]
fn an_object_in_two_layers_counts_once() {
    let view = view(vec![layer("a", &[(1, 4000, There)]), layer("b", &[(1, 4000, There), (2, 4000, There)])]);
    assert_eq!(
        told(vec![used(1, 4000), idle(2, 4000), made(3, 10)], &view, &bounds()),
        "New [3] on [a:u b:x.]"
    );
}
