//! What nobody should have stored.

use std::io::{Read, Write as _};

use super::super::index::{Entry, HEADER_BYTES, Header, INDEX_LIMIT_BYTES, Index, Parent, Run};
use super::super::object::hexadecimal;
use super::*;

/// Stores these bytes as the newest head.
fn plant(place: &Place, key: &str, bytes: &[u8]) {
    std::fs::create_dir_all(place.layers()).unwrap();
    std::fs::write(place.layers().join(key), bytes).unwrap();
}

const KEY: &str = "bundle-test-1700000000000-0123456789ab";

fn entry(seed: u64, content: &[u8]) -> Entry {
    let name = Name::new(Kind::Result, Sha256::digest(seed.to_le_bytes()).into());
    Entry { name, bytes: content.len() as u64, used_ms: 5, digest: Sha256::digest(content).into() }
}

fn layer(index: &Index, objects: &[u8]) -> Vec<u8> {
    let encoded = index.encode();
    [&Header::of(&encoded).encode()[..], &encoded, objects].concat()
}

/// Everything below the test's directory, so that a file written anywhere shows.
fn everything(place: &Place) -> Vec<PathBuf> {
    let mut open = vec![place.root.path().to_owned()];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        for entry in std::fs::read_dir(path).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path())
            } else {
                found.push(entry.path())
            }
        }
    }
    found.sort();
    found
}

fn refused(bytes: &[u8]) -> String {
    let place = Place::new();
    plant(&place, KEY, bytes);
    let restored = place.restore();
    assert_eq!(restored.found, Found::DamagedHead, "{:?}", restored.troubles);
    assert_eq!(everything(&place), [place.layers().join(KEY)]);
    // The next save heals it.
    put(&place.cache(), Kind::Result, 1, b"new");
    assert_eq!(place.save(&restored.view).layer.unwrap().parents, 0);
    place.empty_cache();
    assert_eq!((place.restore().found, place.objects().len()), (Found::Head, 1));
    restored.troubles.join("; ")
}

#[test]
fn bytes_that_are_no_layer_are_refused_and_the_next_save_heals() {
    for bytes in [&b"junk"[..].repeat(50), &vec![0; 5000]] {
        assert!(refused(bytes).ends_with("it is no layer of a bundle"));
    }
    let whole = layer(&Index { objects: vec![entry(1, b"abc")], ..Index::default() }, b"abc");
    let told = refused(&[&whole[..], b"and more"].concat());
    assert!(told.contains("bytes long instead of"), "{told}");
    let mut changed = whole.clone();
    changed[HEADER_BYTES + 3] ^= 1;
    assert!(refused(&changed).ends_with("its index has another digest than its header says"));
}

#[test]
fn an_index_of_absurd_length_is_refused_unread() {
    let header = Header { index_bytes: INDEX_LIMIT_BYTES + 1, digest: [0; 32] }.encode();
    assert!(refused(&[&header[..], &[0; 100]].concat()).contains("its index is too long"));
}

#[test]
fn an_object_with_another_digest_is_not_put_in_its_place_and_the_others_are() {
    let place = Place::new();
    let index =
        Index { objects: vec![entry(1, b"good"), entry(2, b"bad!"), entry(3, b"fine")], ..Index::default() };
    plant(&place, KEY, &layer(&index, b"goodBAD!fine"));
    let restored = place.restore();
    assert_eq!((restored.found, restored.troubles.len()), (Found::Head, 0));
    assert_eq!(
        place.objects().iter().map(|object| object.1.clone()).collect::<std::collections::BTreeSet<_>>(),
        [b"good".to_vec(), b"fine".to_vec()].into()
    );
    // It is made anew by the job, and goes up again.
    let path = place.cache().join(index.objects[1].name.path());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, b"bad!").unwrap();
    assert_eq!(place.save(&restored.view).tally.new, 1);
}

#[test]
fn an_object_that_promises_more_than_there_is_takes_nothing() {
    let place = Place::new();
    let endless = Entry { bytes: u64::MAX / 2, ..entry(1, b"") };
    let index = Index { objects: vec![endless, entry(2, b"x")], ..Index::default() };
    plant(&place, KEY, &layer(&index, b"x"));
    assert_eq!(place.restore().found, Found::DamagedHead);
    assert_eq!(everything(&place), [place.layers().join(KEY)]);
}

#[test]
fn a_compressed_bomb_takes_nothing_and_the_objects_around_it_are_used() {
    let place = Place::new();
    let bomb = zstd::bulk::compress(&vec![0; 32 << 20], 3).unwrap();
    let preprocessor = |seed: u64, content: &[u8]| {
        let name = Name::new(Kind::Preprocessor, Sha256::digest(seed.to_le_bytes()).into());
        Entry { name, ..entry(seed, content) }
    };
    let long = vec![0; 100_000];
    let objects =
        vec![entry(1, b"before"), preprocessor(2, &long), preprocessor(3, &long), entry(4, b"after")];
    let runs = vec![Run { first: 1, count: 2, stored_bytes: bomb.len() as u64 }];
    let index = Index { objects, runs, ..Index::default() };
    plant(&place, KEY, &layer(&index, &[b"before", &bomb[..], b"after"].concat()));
    let restored = place.restore();
    assert_eq!((restored.found, restored.troubles.len()), (Found::Head, 0), "{:?}", restored.troubles);
    let contents: Vec<Vec<u8>> = place.objects().into_iter().map(|object| object.1).collect();
    assert!(
        contents.len() == 2
            && contents.contains(&b"before".to_vec())
            && contents.contains(&b"after".to_vec())
    );
    assert_eq!(everything(&place).len(), 3);
}

/// A store that sends an endless stream, as a server can that does not tell a length.
struct Endless {
    front: Vec<u8>,
    traffic: super::super::store::Traffic,
}

impl Store for Endless {
    fn find(
        &self,
        _: &[String],
    ) -> Result<Option<(String, Box<dyn super::super::store::Source>)>, super::super::store::StoreError> {
        Ok(Some((KEY.into(), Box::new(EndlessSource(self.front.clone())))))
    }
    fn open(
        &self,
        _: &str,
    ) -> Result<Option<Box<dyn super::super::store::Source>>, super::super::store::StoreError> {
        Ok(None)
    }
    fn save(
        &self,
        _: &str,
        _: &super::super::layer::Layer,
    ) -> Result<super::super::store::Stored, super::super::store::StoreError> {
        Ok(super::super::store::Stored::Before)
    }
    fn traffic(&self) -> &super::super::store::Traffic {
        &self.traffic
    }
}

struct EndlessSource(Vec<u8>);

impl super::super::store::Source for EndlessSource {
    fn read(&self, _: u64, _: u64) -> anyhow::Result<super::super::store::Opened> {
        let stream = Box::new(std::io::Cursor::new(self.0.clone()).chain(std::io::repeat(7)));
        Ok(super::super::store::Opened { stream, is_part: false, total_bytes: None })
    }
}

#[test]
fn an_endless_stream_writes_no_more_than_the_cap() {
    let place = Place::new();
    let objects = (0..100).map(|seed| Entry { bytes: 1 << 40, ..entry(seed, b"") }).collect();
    let index = Index { objects, ..Index::default() };
    let store = Endless { front: layer(&index, b""), traffic: Default::default() };
    let halt = Arc::new(Halt::within(Duration::from_secs(60)));
    let restore = Restore::new(Arc::new(store), &place.cache(), 1 << 20, Arc::clone(&halt), Arc::new(Deaf));
    let began = std::time::Instant::now();
    assert_eq!(restore.run(&[PREFIX.to_owned()]).found, Found::Head);
    assert!(began.elapsed() < Duration::from_secs(30) && everything(&place).is_empty());
}

#[test]
fn layers_that_a_head_lists_must_be_what_it_says() {
    let place = Place::new();
    let older = Index { objects: vec![entry(1, b"older")], ..Index::default() };
    let older_key = "bundle-test-1600000000000-0123456789ab";
    plant(&place, older_key, &layer(&older, b"older"));
    let right = Header::of(&older.encode()).digest;
    let head = |digest, used_ms: Vec<u64>, key: &str| {
        let parents = vec![Parent { key: key.into(), digest, bytes: 5, used_ms }];
        layer(&Index { parents, objects: vec![entry(2, b"head")], ..Index::default() }, b"head")
    };
    for (bytes, expected, objects) in [
        (head(right, vec![9], older_key), "", 2),
        (head([1; 32], vec![9], older_key), "it is another layer than was saved", 1),
        (head(right, vec![9, 9], older_key), "it has another number of objects than the head says", 1),
        (head(right, vec![9], "gone"), "it is gone", 1),
        // One that is dropped is not asked for.
        (head(right, vec![0], older_key), "", 1),
        // A head that lists itself.
        (head(right, vec![9], KEY), "it is another layer than was saved", 1),
    ] {
        place.empty_cache();
        plant(&place, KEY, &bytes);
        let restored = place.restore();
        assert_eq!(restored.found, Found::Head);
        assert!(restored.troubles.join(";").ends_with(expected), "{:?}", restored.troubles);
        assert_eq!(restored.troubles.is_empty(), expected.is_empty());
        assert_eq!(place.objects().len(), objects, "{expected}");
    }
}

#[cfg(unix)]
#[test]
fn what_lies_in_the_store_under_a_link_or_another_name_is_no_layer() {
    let place = Place::new();
    let whole = layer(&Index { objects: vec![entry(1, b"abc")], ..Index::default() }, b"abc");
    plant(&place, "other", &whole);
    plant(&place, ".bundle-test-1700000000000-0123456789ab", &whole);
    std::os::unix::fs::symlink(place.layers().join("other"), place.layers().join(KEY)).unwrap();
    assert_eq!(place.restore().found, Found::Nothing);
}

#[test]
fn a_full_disk_gets_back_what_was_taken() {
    let place = Place::new();
    for seed in 0..20 {
        put(&place.cache(), Kind::Result, seed, &bytes(seed, 100));
    }
    place.save(&View::default());
    place.empty_cache();
    let hex = |seed: u64| hexadecimal(&Sha256::digest(seed.to_le_bytes()));
    // A file where a directory has to be stands for whatever the disk may refuse.
    std::fs::write(place.cache().join(&hex(3)[..1]), "in the way").unwrap();
    let restored = place.restore();
    assert!(restored.disk_full && restored.troubles[0].starts_with("the cache directory takes no more"));
    assert_eq!((restored.found, place.objects().len()), (Found::Unknown, 0));
}

#[test]
fn a_layer_cut_short_gives_what_it_has() {
    let place = Place::new();
    for seed in 0..20 {
        put(&place.cache(), Kind::Result, seed, &bytes(seed, 100));
    }
    place.save(&View::default());
    place.empty_cache();
    let file = place.stored().remove(0);
    let whole = std::fs::read(&file).unwrap();
    let mut short = std::fs::File::create(&file).unwrap();
    short.write_all(&whole[..whole.len() - 1]).unwrap();
    assert_eq!(place.restore().found, Found::DamagedHead);
    assert!(place.objects().is_empty());
}
