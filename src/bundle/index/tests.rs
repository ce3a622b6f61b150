//! The index comes back as it was, and nothing else is taken for one.

use proptest::prelude::*;

use super::super::object::Kind;
use super::*;

fn entry() -> impl Strategy<Value = Entry> {
    (
        any::<bool>(),
        any::<[u8; 32]>(),
        prop_oneof![0..1_u64 << 40, 0..2 * RUN_LIMIT_BYTES],
        any::<u64>(),
        any::<[u8; 32]>(),
    )
        .prop_map(|(result, digits, bytes, used_ms, digest)| Entry {
            name: Name::new(if result { Kind::Result } else { Kind::Preprocessor }, digits),
            bytes,
            used_ms,
            digest,
        })
}

fn parent() -> impl Strategy<Value = Parent> {
    (
        "[a-z0-9][a-zA-Z0-9_.-]{0,40}",
        any::<[u8; 32]>(),
        any::<u64>(),
        prop::collection::vec(any::<u64>(), 0..9),
    )
        .prop_map(|(key, digest, bytes, used_ms)| Parent { key, digest, bytes, used_ms })
}

/// Every second object that may be compressed, by itself.
fn runs_of(objects: &[Entry]) -> Vec<Run> {
    let numbers =
        (0..).zip(objects).step_by(2).filter(|(_, entry)| (2..RUN_LIMIT_BYTES).contains(&entry.bytes));
    numbers.map(|(first, entry)| Run { first, count: 1, stored_bytes: entry.bytes / 2 }).collect()
}

fn index() -> impl Strategy<Value = Index> {
    let objects = prop::collection::vec(entry(), 0..9);
    let parents = prop::collection::vec(parent(), 0..5);
    (any::<u64>(), parents, objects, prop::collection::vec(any::<u8>(), 0..40)).prop_map(
        |(saved_ms, mut parents, mut objects, note)| {
            parents.sort_by(|a: &Parent, b| a.key.cmp(&b.key));
            parents.dedup_by(|a, b| a.key == b.key);
            objects.sort_by_key(|entry: &Entry| entry.name);
            objects.dedup_by_key(|entry| entry.name);
            let runs = runs_of(&objects);
            Index { saved_ms, parents, objects, runs, note }
        },
    )
}

proptest! {
    #[test]
    fn an_index_comes_back_as_it_was(index in index()) {
        let bytes = index.encode();
        prop_assert_eq!(Index::decode(&bytes).unwrap(), index);
    }

    #[test]
    fn a_shortened_index_is_refused(index in index(), at in any::<prop::sample::Index>()) {
        let bytes = index.encode();
        let short = &bytes[..at.index(bytes.len())];
        // The note is the last section, and the only one that may be missing.
        let without_note = Index { note: Vec::new(), ..index };
        prop_assert!(Index::decode(short).is_ok_and(|read| read == without_note) || Index::decode(short).is_err());
    }

    #[test]
    fn a_changed_index_is_refused_or_within_every_limit(
        index in index(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = index.encode();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Ok(read) = Index::decode(&bytes) {
            prop_assert!(read.objects.len() <= OBJECT_LIMIT && read.parents.len() <= LAYER_LIMIT);
            prop_assert!(read.parents.iter().all(|parent| is_key(&parent.key)));
            prop_assert!(read.objects.iter().all(|entry| entry.name.path().is_relative()));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Index::decode(&bytes);
    }

    #[test]
    fn a_header_comes_back_or_is_refused(header in any::<[u8; 32]>(), length in any::<u64>()) {
        let header = Header { index_bytes: length, digest: header };
        let read = Header::decode(&header.encode());
        prop_assert_eq!(read.is_ok(), length <= INDEX_LIMIT_BYTES);
        if let Ok(read) = read {
            prop_assert_eq!(read, header);
        }
    }
}

fn refusal(bytes: &[u8]) -> String {
    Index::decode(bytes).expect_err("it was read").to_string()
}

/// An index with these raw sections after the two that are as they should be.
fn with_sections(sections: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    section(&mut bytes, SAVED, |bytes| bytes.extend(7_u64.to_le_bytes()));
    for (tag, content) in sections {
        section(&mut bytes, *tag, |bytes| bytes.extend(content));
    }
    bytes
}

fn raw_parent(key: &[u8]) -> Vec<u8> {
    let mut bytes = count(1).to_vec();
    bytes.extend(count(key.len()));
    bytes.extend(key);
    bytes.extend([0; 32]);
    bytes.extend(0_u64.to_le_bytes());
    bytes.extend(count(0));
    bytes
}

fn raw_object(kind: u8, bytes: u64) -> Vec<u8> {
    let mut raw = vec![kind];
    raw.extend([1; 32]);
    raw.extend(bytes.to_le_bytes());
    raw.extend(0_u64.to_le_bytes());
    raw.extend([0; 32]);
    raw
}

#[test]
fn numbers_that_promise_more_than_there_is_are_refused_before_anything_is_allocated() {
    let none = count(0).to_vec();
    let millions = count(u32::MAX as usize).to_vec();
    for (sections, expected) in [
        (
            vec![(PARENTS, none.clone()), (OBJECTS, millions.clone())],
            "it ends before its 4294967295 items do",
        ),
        (
            vec![(PARENTS, millions.clone()), (OBJECTS, none.clone())],
            "it lists 4294967295 layers, and the limit is 64",
        ),
    ] {
        assert_eq!(refusal(&with_sections(&sections)), expected);
    }
    let mut marks = raw_parent(b"k");
    marks.truncate(marks.len() - 4);
    marks.extend(millions);
    let told = refusal(&with_sections(&[(PARENTS, marks), (OBJECTS, none)]));
    assert_eq!(told, "it ends before its 4294967295 items do");
}

#[test]
fn more_objects_than_the_limit_are_refused() {
    let mut raw = count(OBJECT_LIMIT + 1).to_vec();
    raw.resize(4 + ENTRY_BYTES * (OBJECT_LIMIT + 1), 0);
    let told = refusal(&with_sections(&[(PARENTS, count(0).to_vec()), (OBJECTS, raw)]));
    assert_eq!(told, "it has 200001 objects, and the limit is 200000");
}

#[test]
fn keys_that_could_leave_a_directory_are_refused() {
    for key in [
        &b"../up"[..],
        b"/etc/passwd",
        b"a/b",
        b".hidden",
        b"",
        b"a\\b",
        b"a\nb",
        b"C:x",
        b"nul\0",
        "\u{e9}".as_bytes(),
    ] {
        let told = refusal(&with_sections(&[(PARENTS, raw_parent(key)), (OBJECTS, count(0).to_vec())]));
        assert!(told.contains("is no key of a layer"), "{key:?}: {told}");
    }
    let told = refusal(&with_sections(&[(PARENTS, raw_parent(b"\xff")), (OBJECTS, count(0).to_vec())]));
    assert_eq!(told, "a key is not text");
}

#[test]
fn objects_with_other_names_twice_or_endless_are_refused() {
    let list = |objects: &[Vec<u8>]| {
        let raw = [count(objects.len()).to_vec(), objects.concat()].concat();
        refusal(&with_sections(&[(PARENTS, count(0).to_vec()), (OBJECTS, raw)]))
    };
    assert_eq!(list(&[raw_object(9, 1)]), "an object has a name that the cache would not give");
    assert!(list(&[raw_object(0, 1), raw_object(0, 1)]).ends_with("is there twice"));
    assert_eq!(
        list(&[raw_object(0, u64::MAX), raw_object(1, 1)]),
        "its objects are longer than a number can be"
    );
}

#[test]
fn what_a_newer_version_may_add_is_passed_over_and_what_it_must_not_is_refused() {
    let plain = vec![(PARENTS, count(0).to_vec()), (OBJECTS, count(0).to_vec()), (RUNS, count(0).to_vec())];
    let with = |tag| [plain.clone(), vec![(tag, vec![1, 2, 3])]].concat();
    assert!(Index::decode(&with_sections(&with(OPTIONAL | 77))).is_ok());
    assert!(refusal(&with_sections(&with(77))).contains("which this version does not know"));
    assert_eq!(refusal(&with_sections(&plain[..1])), "section 0x3 is missing");
    assert_eq!(refusal(&with_sections(&[plain.clone(), plain].concat())), "section 0x2 is there twice");
}

#[test]
fn a_header_of_another_format_says_which() {
    let mut bytes = Header { index_bytes: 3, digest: [1; 32] }.encode();
    bytes[8] = 1;
    let told = Header::decode(&bytes).unwrap_err().to_string();
    assert_eq!(told, "its format is 1, and this version reads format 2 only");
    assert_eq!(Header::decode(&[0; HEADER_BYTES]).unwrap_err().to_string(), "it is no layer of a bundle");
}

#[test]
fn runs_that_could_not_be_unpacked_in_memory_are_refused() {
    let three = |bytes: u64| -> Vec<u8> {
        let objects: Vec<Vec<u8>> = (0..3_u8)
            .map(|seed| {
                let mut raw = raw_object(1, bytes);
                raw[1] = seed;
                raw
            })
            .collect();
        [count(3).to_vec(), objects.concat()].concat()
    };
    let told = |bytes: u64, runs: &[(u32, u32, u64)]| {
        let runs: Vec<Run> = runs
            .iter()
            .map(|(first, count, stored_bytes)| Run {
                first: *first,
                count: *count,
                stored_bytes: *stored_bytes,
            })
            .collect();
        let mut raw = Vec::new();
        put_runs(&mut raw, &runs);
        let sections = [(PARENTS, count(0).to_vec()), (OBJECTS, three(bytes)), (RUNS, raw)];
        Index::decode(&with_sections(&sections)).map_or_else(|error| error.to_string(), |_| "read".into())
    };
    assert_eq!(told(10, &[(0, 2, 19), (2, 1, 1)]), "read");
    let missing = "a run has objects that are not there";
    assert_eq!([told(10, &[(2, 2, 1)]), told(10, &[(u32::MAX, u32::MAX, 1)])], [missing, missing]);
    let within = "a run is empty or begins within another one";
    assert_eq!([told(10, &[(0, 2, 1), (1, 1, 1)]), told(10, &[(0, 0, 1)])], [within, within]);
    let longer = "a run is longer than what it holds";
    assert_eq!(
        [told(10, &[(0, 1, 10)]), told(10, &[(0, 1, 0)]), told(0, &[(0, 1, 0)])],
        [longer, longer, longer]
    );
    assert_eq!(told(RUN_LIMIT_BYTES / 3 + 1, &[(0, 3, 1)]), "a run is too long: 1048578 bytes");
    assert_eq!(told(u64::MAX / 4, &[(0, 3, 1)]), format!("a run is too long: {} bytes", u64::MAX / 4 * 3));
}
