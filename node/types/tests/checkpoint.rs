//! Chunks of checkpoints: what is accepted under a root is exactly what is there, and all of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

use althing_types::{
    checkpoint::{Chunk, ChunkEntry, ChunkError, DEPTH, Part, Prefix, Subtree, root, siblings},
    codec::{Bytes, List},
    hash::{Hash, sha3_256},
    id::Height,
    proof::ProofLeaf,
};
use proptest::prelude::*;

const HEIGHT: Height = Height(12);

fn entry(key: &[u8], value: &[u8]) -> ChunkEntry {
    ChunkEntry { key: Bytes::new(key.to_vec()).unwrap(), value: Bytes::new(value.to_vec()).unwrap() }
}

fn sorted(count: u32) -> Vec<ChunkEntry> {
    let mut entries: Vec<_> = (0..count).map(|i| entry(&i.to_be_bytes(), &[i as u8; 5])).collect();
    entries.sort_by_key(|e| e.leaf().key);
    entries
}

fn leaves(entries: &[ChunkEntry]) -> Vec<ProofLeaf> {
    entries.iter().map(ChunkEntry::leaf).collect()
}

/// Splits until no chunk has more than `most` entries, and some chunks once more.
fn chunks(entries: &[ChunkEntry], most: usize, deeper: u16) -> Vec<Chunk> {
    fn split(
        entries: &[ChunkEntry],
        prefix: Prefix,
        most: usize,
        deeper: u16,
        out: &mut Vec<(Prefix, Vec<ChunkEntry>)>,
    ) {
        let more = prefix.bits < deeper && prefix.start.0[0].count_ones().is_multiple_of(2);
        if (entries.len() <= most && !more) || prefix.bits == DEPTH {
            return out.push((prefix, entries.to_vec()));
        }
        let (lower, upper) = prefix.halves().unwrap();
        let (below, above) = entries.split_at(entries.partition_point(|e| e.leaf().key < upper.start));
        split(below, lower, most, deeper, out);
        split(above, upper, most, deeper, out);
    }
    let mut found = Vec::new();
    split(entries, Prefix::ALL, most, deeper, &mut found);
    let parts: Vec<Part> = found
        .iter()
        .map(|(prefix, entries)| Part { prefix: *prefix, subtree: Subtree::over(&leaves(entries), prefix.bits) })
        .collect();
    assert_eq!(root(&parts), Subtree::over(&leaves(entries), 0).hash(), "the parts are not the whole");
    found
        .into_iter()
        .enumerate()
        .map(|(index, (prefix, entries))| Chunk {
            height: HEIGHT,
            prefix,
            siblings: siblings(&parts, index),
            entries: List::new(entries).unwrap(),
        })
        .collect()
}

fn whole(entries: &[ChunkEntry]) -> Hash {
    Subtree::over(&leaves(entries), 0).hash()
}

#[test]
fn chunks_cover_the_whole_tree_without_gap_or_overlap() {
    for (count, most, deeper) in [(0, 1, 0), (0, 1, 2), (1, 1, 0), (1, 1, 3), (2, 1, 5), (50, 1, 0), (400, 7, 9)] {
        let entries = sorted(count);
        let (root, mut place, mut found) = (whole(&entries), Some(Hash::ZERO), Vec::new());
        for chunk in chunks(&entries, most, deeper) {
            let at = place.expect("a chunk behind the end");
            assert_eq!(chunk.prefix.start, at);
            chunk.verify_at(HEIGHT, &root, &at).unwrap();
            found.extend(chunk.entries.to_vec());
            place = chunk.prefix.after();
        }
        assert_eq!(place, None);
        assert_eq!(found, entries);
    }
}

#[test]
fn each_rule_of_a_chunk_has_its_number() {
    let entries = sorted(40);
    let root = whole(&entries);
    let all = chunks(&entries, 6, 0);
    let good = all.iter().find(|c| c.entries.len() >= 2).unwrap();
    let refused = |change: &dyn Fn(&mut Chunk)| {
        let mut chunk = good.clone();
        change(&mut chunk);
        chunk.verify(HEIGHT, &root).unwrap_err().number()
    };
    let with = |entries: Vec<ChunkEntry>| List::new(entries).unwrap();
    assert_eq!(refused(&|c| c.height = Height(13)), 1);
    assert_eq!(refused(&|c| c.prefix.start.0[31] |= 1), 2);
    assert_eq!(refused(&|c| c.prefix.bits = 257), 2);
    assert_eq!(refused(&|c| c.siblings = List::default()), 4);
    let stranger = all.iter().find(|c| c.prefix != good.prefix && !c.entries.is_empty()).unwrap().entries[0].clone();
    assert_eq!(refused(&|c| c.entries = with([c.entries.to_vec(), vec![stranger.clone()]].concat())), 5);
    assert_eq!(refused(&|c| c.entries = with(c.entries.iter().rev().cloned().collect())), 6);
    assert_eq!(refused(&|c| c.entries = with(vec![c.entries[0].clone(), c.entries[0].clone()])), 6);
    assert_eq!(refused(&|c| c.entries = with(c.entries[1..].to_vec())), 8);
    let other = all.iter().find(|c| c.prefix != good.prefix).unwrap();
    let error = good.verify_at(HEIGHT, &root, &other.prefix.start).unwrap_err();
    assert!(matches!(error, ChunkError::Elsewhere { .. }) && error.number() == 3);
}

#[test]
fn a_leaf_of_the_chunk_cannot_be_passed_off_as_its_sibling() {
    // One leaf alone stands for all parts around it: who leaves it out would like to show it as a sibling.
    let only = sorted(1);
    let (leaf, root) = (only[0].leaf(), whole(&only));
    let bits = 4;
    let mut start = leaf.key;
    start.0[0] &= 0xf0;
    start.0[1..].fill(0);
    let siblings = |first| List::new(vec![first, Subtree::Empty, Subtree::Empty, Subtree::Empty]).unwrap();
    let chunk = |entries: &[ChunkEntry], first| Chunk {
        height: HEIGHT,
        prefix: Prefix { start, bits },
        siblings: siblings(first),
        entries: List::new(entries.to_vec()).unwrap(),
    };
    chunk(&only, Subtree::Empty).verify(HEIGHT, &root).unwrap();
    let hidden = chunk(&[], Subtree::Leaf(leaf)).verify(HEIGHT, &root).unwrap_err();
    assert_eq!(hidden.number(), 7);
    let hidden = chunk(&[], Subtree::Node(root)).verify(HEIGHT, &root).unwrap_err();
    assert_eq!(hidden.number(), 8);
}

proptest! {
    #[test]
    fn no_change_omission_or_addition_passes(
        count in 1u32..120, most in 1usize..20, deeper in 0u16..7, pick in any::<prop::sample::Index>(),
        which in any::<prop::sample::Index>(), kind in 0u8..5, byte in any::<u8>(),
    ) {
        let entries = sorted(count);
        let root = whole(&entries);
        let all = chunks(&entries, most, deeper);
        let good = &all[pick.index(all.len())];
        prop_assert!(good.verify(HEIGHT, &root).is_ok());
        let mut own = good.entries.to_vec();
        let at = which.index(own.len().max(1));
        match kind {
            0 if !own.is_empty() => { own.remove(at); }
            1 if !own.is_empty() => own[at] = entry(&own[at].key, &[byte; 6]),
            2 if !own.is_empty() => own[at] = entry(&[byte; 7], &own[at].value),
            3 => own.clear(),
            _ => {
                own.push(entry(&[byte; 9], b"more"));
                own.sort_by_key(|e| e.leaf().key);
            }
        }
        let bad = Chunk { entries: List::new(own).unwrap(), ..good.clone() };
        prop_assert!(bad == *good || bad.verify(HEIGHT, &root).is_err());
    }

    #[test]
    fn no_other_siblings_hide_entries(
        count in 2u32..60, pick in any::<prop::sample::Index>(), which in any::<prop::sample::Index>(), kind in 0u8..4,
        seed in any::<u8>(),
    ) {
        let entries = sorted(count);
        let root = whole(&entries);
        let all = chunks(&entries, 3, 0);
        let good = &all[pick.index(all.len())];
        let leaf = entries[which.index(entries.len())].leaf();
        let mut others = good.siblings.to_vec();
        let at = which.index(others.len().max(1));
        if let Some(other) = others.get_mut(at) {
            *other = match kind {
                0 => Subtree::Empty,
                1 => Subtree::Leaf(leaf),
                2 => Subtree::Node(sha3_256(&[seed])),
                _ => Subtree::Node(root),
            };
        }
        for own in [vec![], good.entries.to_vec()] {
            let bad = Chunk { siblings: List::new(others.clone()).unwrap(), entries: List::new(own).unwrap(), ..good.clone() };
            let same = bad.entries == good.entries;
            prop_assert!(same || bad.verify(HEIGHT, &root).is_err());
        }
    }

    #[test]
    fn the_place_behind_a_prefix_is_the_next_one(bits in 0u16..=256, seed in any::<u64>()) {
        let mut prefix = Prefix::ALL;
        let path = sha3_256(&seed.to_be_bytes());
        for depth in 0..bits {
            let (lower, upper) = prefix.halves().unwrap();
            prefix = if path.0[usize::from(depth / 8)] >> (7 - depth % 8) & 1 == 1 { upper } else { lower };
        }
        prop_assert!(prefix.is_good() && prefix.contains(&path) && prefix.contains(&prefix.start));
        match prefix.after() {
            Some(next) => prop_assert!(next > prefix.start && !prefix.contains(&next)),
            None => prop_assert!(prefix.contains(&Hash([255; 32]))),
        }
    }
}
