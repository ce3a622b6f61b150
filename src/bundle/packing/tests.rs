//! What is packed comes back, and nothing longer does.

use super::super::object::Name;
use super::*;

fn found(kind: Kind, seed: u8, bytes: u64) -> Found {
    Found { name: Name::new(kind, [seed; 32]), bytes, used_ms: 0, created_ms: None }
}

#[test]
fn preprocessor_entries_are_gathered_and_results_stay_by_themselves() {
    let third = RUN_LIMIT_BYTES / 3;
    let objects = [
        found(Kind::Preprocessor, 1, third),
        found(Kind::Result, 2, 10),
        found(Kind::Preprocessor, 3, third),
        found(Kind::Preprocessor, 4, RUN_LIMIT_BYTES + 1),
        found(Kind::Preprocessor, 5, third),
        found(Kind::Preprocessor, 6, third),
    ];
    let expected = [vec![0, 2, 4], vec![1], vec![3], vec![5]];
    assert_eq!(batches(&objects), expected.map(|run| run.iter().map(|at| objects[*at]).collect::<Vec<_>>()));
}

#[test]
fn a_frame_is_objects_of_these_lengths_or_nothing() {
    let frame = zstd::bulk::compress(b"abcdefghij", LEVEL).unwrap();
    let contents = unpacked(&frame, [3, 0, 7].into_iter()).unwrap();
    assert_eq!(
        [0, 1, 2].map(|at| contents.of(at).to_vec()),
        [&b"abc"[..], b"", b"defghij"].map(<[u8]>::to_vec)
    );
    for lengths in [vec![3, 6], vec![3, 8], vec![u64::MAX, 11], vec![]] {
        assert!(unpacked(&frame, lengths.clone().into_iter()).is_none(), "{lengths:?}");
    }
    assert!(unpacked(b"no frame", [8].into_iter()).is_none());
    // A bomb: much more than it promises, or as much as no run has.
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], LEVEL).unwrap();
    assert!(bomb.len() < 10_000);
    assert!(unpacked(&bomb, [1000].into_iter()).is_none());
    assert!(unpacked(&bomb, [64 << 20].into_iter()).is_none());
}
