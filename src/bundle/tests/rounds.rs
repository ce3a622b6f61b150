//! What is saved comes back.

use super::*;

#[test]
fn what_was_saved_comes_back_with_its_times() {
    let place = Place::new();
    for seed in 0..40 {
        let kind = if seed % 3 == 0 { Kind::Preprocessor } else { Kind::Result };
        put(&place.cache(), kind, seed, &bytes(seed, (seed * 997) as usize));
    }
    std::fs::write(place.cache().join("sccache-step.json"), "not an object").unwrap();
    let before = place.objects();
    assert_eq!(before.len(), 40);
    let saved = place.save(&View::default()).layer.unwrap();
    assert_eq!((saved.objects, saved.parents), (40, 0));
    assert_eq!(std::fs::metadata(&place.stored()[0]).unwrap().len(), saved.bytes);
    place.empty_cache();
    let restored = place.restore();
    assert_eq!((restored.found, restored.troubles.len()), (Found::Head, 0), "{:?}", restored.troubles);
    assert_eq!(restored.note, b"a note");
    assert_eq!(place.objects(), before);
    assert_eq!(restored.view.live(), (40, before.iter().map(|object| object.1.len() as u64).sum()));
}

#[test]
fn only_what_is_new_is_saved_and_all_of_it_comes_back() {
    let place = Place::new();
    for seed in 0..20 {
        put(&place.cache(), Kind::Result, seed, &bytes(seed, 5000));
    }
    place.save(&View::default());
    place.empty_cache();
    let view = place.restore().view;
    assert_eq!(place.save(&view).layer, None);
    assert_eq!(place.stored().len(), 1);
    put(&place.cache(), Kind::Result, 100, &bytes(100, 700));
    let saved = place.save(&view).layer.unwrap();
    assert_eq!((saved.objects, saved.parents), (1, 1));
    // The object, its entry, eight bytes for each older one, and what frames them.
    assert!(saved.bytes < 700 + 20 * 8 + 400, "{saved:?}");
    let before = place.objects();
    place.empty_cache();
    assert!(place.restore().troubles.is_empty());
    assert_eq!(place.objects(), before);
}

#[test]
fn preprocessor_entries_travel_compressed_and_come_back_by_every_way() {
    let place = Place::new();
    let entry = |seed: u64| [b"/usr/include/stdio.h ".repeat(1500), bytes(seed, 40)].concat();
    for seed in 0..90 {
        put(&place.cache(), Kind::Preprocessor, seed, &entry(seed));
        put(&place.cache(), Kind::Result, 1000 + seed, &bytes(seed, 2000));
    }
    put(&place.cache(), Kind::Preprocessor, 500, &b"long ".repeat(300_000));
    let before = place.objects();
    let saved = place.save(&View::default()).layer.unwrap();
    let plain: usize = before.iter().map(|object| object.1.len()).sum();
    assert!(plain > 4_000_000 && saved.bytes < 1_800_000, "{saved:?} of {plain} bytes");
    // Nothing is left of the file that the frames were in.
    assert_eq!(
        std::fs::read_dir(place.cache())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
            .count(),
        0
    );
    place.empty_cache();
    assert!(place.restore().troubles.is_empty());
    assert_eq!(place.objects(), before);
    // Again in small parts, with some of the objects there already.
    let front = 70_000;
    for (at, object) in before.iter().enumerate().filter(|(at, _)| at % 3 > 0) {
        std::fs::remove_file(place.cache().join(&object.0)).unwrap_or_else(|error| panic!("{at}: {error}"));
    }
    let pieces = Pieces { first_bytes: front, part_bytes: 9000, ..Pieces::default() };
    let restore = Restore::new(place.store(), &place.cache(), CAP, halt(), Arc::new(Deaf)).in_pieces(pieces);
    let restored = restore.run(&[PREFIX.to_owned()]);
    assert!(restored.troubles.is_empty(), "{:?}", restored.troubles);
    assert_eq!(place.objects(), before);
}

#[test]
fn a_view_comes_back_from_its_file() {
    let place = Place::new();
    for seed in 0..5 {
        put(&place.cache(), Kind::Result, seed, b"abc");
    }
    place.save(&View::default());
    let view = place.restore().view;
    let path = place.root.path().join("view");
    assert_eq!(View::read(&path).unwrap(), None);
    view.write(&path).unwrap();
    assert_eq!(View::read(&path).unwrap(), Some(view));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    assert!(View::read(&path).is_err());
}

#[test]
fn nothing_stored_is_nothing_found() {
    let place = Place::new();
    let restored = place.restore();
    assert_eq!((restored.found, restored.view.layers.len()), (Found::Nothing, 0));
    assert_eq!(place.save(&restored.view).layer, None);
    assert!(place.stored().is_empty());
}

#[test]
fn objects_that_are_there_already_are_left_alone() {
    let place = Place::new();
    let name = put(&place.cache(), Kind::Result, 1, b"stored");
    place.save(&View::default());
    std::fs::write(place.cache().join(name.path()), b"sTored").unwrap();
    place.restore();
    assert_eq!(place.objects()[0].1, b"sTored");
}

#[test]
fn a_restore_takes_no_more_room_than_the_cap() {
    let place = Place::new();
    for seed in 0..10 {
        put(&place.cache(), Kind::Result, seed, &bytes(seed, 1000));
    }
    place.save(&View::default());
    place.empty_cache();
    let restored = place.restore_up_to(3500);
    assert_eq!(restored.found, Found::Head);
    let kept: Vec<u64> = place.objects().iter().map(|object| object.2).collect();
    // The ones that were used last.
    let kept: std::collections::BTreeSet<u64> = kept.into_iter().map(|ms| ms - BASE_MS).collect();
    assert_eq!(kept.into_iter().collect::<Vec<_>>(), [7, 8, 9]);
}

#[test]
fn an_object_that_grew_or_shrank_since_it_was_packed_is_no_layer() {
    let place = Place::new();
    let name = put(&place.cache(), Kind::Result, 1, b"twelve bytes");
    let found = scan(&place.cache());
    let layer = super::super::layer::Layer::pack(&place.cache(), &found, vec![], vec![], 1, &halt()).unwrap();
    let path = place.cache().join(name.path());
    let read = || {
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut layer.reader(0..layer.bytes()), &mut all).map(|_| all.len() as u64)
    };
    std::fs::write(&path, b"more than twelve bytes").unwrap();
    assert_eq!(read().unwrap(), layer.bytes());
    std::fs::write(&path, b"short").unwrap();
    assert!(read().is_err());
    std::fs::remove_file(&path).unwrap();
    assert!(read().is_err());
}

#[test]
fn any_part_of_a_layer_can_be_read() {
    use std::io::Read as _;
    let place = Place::new();
    for seed in 0..9 {
        put(&place.cache(), Kind::Result, seed, &bytes(seed, seed as usize * 31));
    }
    let found = scan(&place.cache());
    let layer = super::super::layer::Layer::pack(&place.cache(), &found, vec![], vec![], 1, &halt()).unwrap();
    let mut whole = Vec::new();
    layer.reader(0..u64::MAX).read_to_end(&mut whole).unwrap();
    assert_eq!(whole.len() as u64, layer.bytes());
    for (from, to) in [(0, 10), (60, 70), (500, 1200), (1200, whole.len()), (whole.len(), whole.len())] {
        let mut part = Vec::new();
        layer.reader(from as u64..to as u64).read_to_end(&mut part).unwrap();
        assert_eq!(part, whole[from..to], "{from}..{to}");
    }
}

#[test]
fn jobs_that_save_at_once_leave_whole_layers_and_the_newest_is_found() {
    let place = Place::new();
    let store = place.store();
    std::thread::scope(|scope| {
        for job in 0..4_u64 {
            let (place, store) = (&place, Arc::clone(&store));
            scope.spawn(move || {
                let cache = place.root.path().join(format!("cache{job}"));
                for seed in 0..30 {
                    put(&cache, Kind::Result, job * 100 + seed, &bytes(seed, 3000));
                }
                let view = View::default();
                let bounds = Bounds::with_cap(CAP);
                let order = Order { directory: &cache, prefix: PREFIX, bounds, view: &view, note: b"" };
                save(&order, &*store, &halt()).unwrap().layer.unwrap();
            });
        }
    });
    assert_eq!(place.stored().len(), 4);
    let restored = place.restore();
    assert_eq!((restored.found, place.objects().len()), (Found::Head, 30));
    assert!(
        restored.key.unwrap()
            >= place.stored().last().unwrap().file_name().unwrap().to_string_lossy().into_owned()
    );
}

#[test]
fn a_longer_life_stays_within_its_bounds() {
    let place = Place::new();
    let bounds = Bounds { layers: 4, idle_ms: u64::MAX / 2, ..Bounds::with_cap(60_000) };
    for round in 0..30_u64 {
        place.empty_cache();
        let restored = place.restore();
        assert!(restored.troubles.is_empty(), "{:?}", restored.troubles);
        for seed in 0..3 {
            put(&place.cache(), Kind::Result, 1000 * (round + 1) + seed, &bytes(seed, 2000));
        }
        let saved = place.save_with(&restored.view, bounds).layer.unwrap();
        assert!(saved.parents < 4, "round {round}: {saved:?}");
        let bytes: usize = place.objects().iter().map(|object| object.1.len()).sum();
        assert!(bytes <= 60_000 + 6000, "round {round}: {bytes}");
    }
}
