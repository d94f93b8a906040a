//! The pool's promises: bounded, per-key order, fairness, and no way to push others out.

use crate::*;
use althing_types::{
    codec::{Bytes, Text},
    crypto::{PublicKey, SecretKey, Signed, Verified},
    hash::Hash,
    id::{ChainId, ContractId, Height, Sequence},
    transaction::{Attributes, Content, Operation, TRANSACTION_VERSION, Transaction},
};
use proptest::prelude::*;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

type Tx = Arc<Verified<Transaction>>;

fn secret(key: u8) -> SecretKey {
    SecretKey::from_seed(&[key; 32])
}

fn transaction(key: u8, sequence: u64, expiry: u64, fuel_limit: u64) -> (Tx, Hash) {
    let value = Transaction {
        version: TRANSACTION_VERSION,
        chain: ChainId::new("test").unwrap(),
        attributes: Attributes::Root,
        operation: Operation::Call,
        content: Content::Call {
            contract: ContractId::new("c").unwrap(),
            method: Text::new("m").unwrap(),
            arguments: Bytes::default(),
        },
        postscript: Text::default(),
        operator: secret(key).public(),
        sequence: Sequence(sequence),
        timestamp_ms: 0,
        expiry: Height(expiry),
        fuel_limit,
    };
    let hash = value.hash();
    (Arc::new(Signed::sign(value, &secret(key)).verify().unwrap()), hash)
}

fn insert(pool: &mut Pool, key: u8, sequence: u64, length: usize, next: u64) -> Result<Hash, Refused> {
    let (transaction, hash) = transaction(key, sequence, 100, 10);
    pool.insert(transaction, hash, length, Sequence(next)).map(|()| hash)
}

fn selected(pool: &Pool, count: usize) -> Vec<(PublicKey, u64)> {
    let selection = Selection { count, bytes: usize::MAX, fuel: u64::MAX };
    pool.select(selection).iter().map(|t| (t.operator, t.sequence.0)).collect()
}

fn key(n: u8) -> PublicKey {
    secret(n).public()
}

fn small() -> Pool {
    let limits = Limits { count: 10, bytes: 100_000, count_per_key: 8, bytes_per_key: 50_000, gap: 20 };
    Pool::new(limits)
}

#[test]
fn each_key_is_served_in_order_and_without_gaps() {
    let mut pool = small();
    for sequence in [7, 5, 6, 9] {
        insert(&mut pool, 1, sequence, 100, 5).unwrap();
    }
    assert_eq!(selected(&pool, 10), [(key(1), 5), (key(1), 6), (key(1), 7)]);
    assert_eq!(pool.next_sequence(&key(1), Sequence(5)), Sequence(8));
    assert_eq!(pool.next_sequence(&key(2), Sequence(3)), Sequence(3));
    insert(&mut pool, 1, 8, 100, 5).unwrap();
    assert_eq!(selected(&pool, 10).len(), 5);
    assert_eq!(selected(&pool, 2), [(key(1), 5), (key(1), 6)]);
    assert!(pool.is_ready());
}

#[test]
fn keys_take_turns() {
    let mut pool = small();
    for sequence in 0..5 {
        insert(&mut pool, 1, sequence, 100, 0).unwrap();
    }
    insert(&mut pool, 2, 0, 100, 0).unwrap();
    insert(&mut pool, 3, 0, 100, 0).unwrap();
    let first: BTreeSet<_> = selected(&pool, 3).into_iter().collect();
    assert_eq!(first, BTreeSet::from([(key(1), 0), (key(2), 0), (key(3), 0)]));
    assert_eq!(selected(&pool, 100).len(), 7);
}

#[test]
fn with_more_keys_than_places_all_are_served_in_turn() {
    let mut pool = Pool::new(Limits::default());
    for n in 1..=9 {
        for sequence in 0..10 {
            insert(&mut pool, n, sequence, 100, 0).unwrap();
        }
    }
    let mut served: BTreeMap<PublicKey, usize> = BTreeMap::new();
    for height in 1..=9 {
        let block = selected(&pool, 4);
        for (key, _) in &block {
            *served.entry(*key).or_default() += 1;
        }
        let used: Vec<_> = block.into_iter().map(|(key, sequence)| (key, Sequence(sequence))).collect();
        pool.committed(&used, Height(height));
    }
    assert_eq!(served.len(), 9);
    assert!(served.values().all(|count| *count == 4), "{served:?}");
}

#[test]
fn limits_of_a_block_are_kept_and_a_large_one_only_stops_its_own_key() {
    let mut pool = small();
    let (large, hash) = transaction(1, 0, 100, 1_000);
    pool.insert(large, hash, 9_000, Sequence(0)).unwrap();
    insert(&mut pool, 1, 1, 100, 0).unwrap();
    insert(&mut pool, 2, 0, 100, 0).unwrap();
    let by_bytes = pool.select(Selection { count: 10, bytes: 8_999, fuel: u64::MAX });
    assert_eq!(by_bytes.iter().map(|t| t.operator).collect::<Vec<_>>(), [key(2)]);
    let by_fuel = pool.select(Selection { count: 10, bytes: 100_000, fuel: 999 });
    assert_eq!(by_fuel.iter().map(|t| t.operator).collect::<Vec<_>>(), [key(2)]);
    assert_eq!(pool.select(Selection { count: 10, bytes: 100_000, fuel: 1_020 }).len(), 3);
}

#[test]
fn a_selection_goes_on_behind_a_block_that_is_being_decided() {
    let mut pool = small();
    for sequence in 0..4 {
        insert(&mut pool, 1, sequence, 100, 0).unwrap();
    }
    let selection = Selection { count: 2, bytes: 10_000, fuel: 10_000 };
    let pending = BTreeMap::from([(key(1), Sequence(2))]);
    let next = pool.select_after(selection, &pending);
    assert_eq!(next.iter().map(|t| t.sequence.0).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn what_cannot_run_is_refused_with_its_reason() {
    let mut pool = small();
    let hash = insert(&mut pool, 1, 5, 100, 5).unwrap();
    let (again, same) = transaction(1, 5, 100, 10);
    assert_eq!(pool.insert(again, same, 100, Sequence(5)), Err(Refused::Known { hash }));
    let (other, other_hash) = transaction(1, 5, 99, 10);
    assert_eq!(pool.insert(other, other_hash, 100, Sequence(5)), Err(Refused::Taken { sequence: Sequence(5), hash }));
    assert_eq!(insert(&mut pool, 1, 4, 100, 5), Err(Refused::Used { found: Sequence(4), next: Sequence(5) }));
    assert_eq!(insert(&mut pool, 1, 26, 100, 5), Err(Refused::Gap { found: Sequence(26), next: Sequence(5), gap: 20 }));
    pool.committed(&[], Height(100));
    assert_eq!(insert(&mut pool, 2, 0, 100, 0), Err(Refused::Expired { expiry: Height(100), height: Height(100) }));
    assert!(pool.is_empty(), "the one that waited expired too");
}

#[test]
fn committed_and_expired_ones_leave() {
    let mut pool = small();
    let hashes: Vec<_> = (0..4).map(|sequence| insert(&mut pool, 1, sequence, 100, 0).unwrap()).collect();
    let (late, late_hash) = transaction(2, 0, 7, 10);
    pool.insert(late, late_hash, 100, Sequence(0)).unwrap();
    pool.committed(&[(key(1), Sequence(0)), (key(1), Sequence(1))], Height(6));
    assert!(!pool.contains(&hashes[1]) && pool.contains(&hashes[2]) && pool.contains(&late_hash));
    pool.committed(&[], Height(7));
    assert!(!pool.contains(&late_hash));
    assert_eq!(pool.get(&hashes[3]).unwrap().sequence, Sequence(3));
    assert!(pool.remove(&hashes[2]).is_some());
    assert!(selected(&pool, 9).is_empty(), "3 waits for 2");
    assert!(!pool.is_ready());
    assert_eq!((pool.len(), pool.bytes()), (1, 100 + ENTRY_OVERHEAD));
}

#[test]
fn a_flooding_key_only_displaces_itself() {
    let mut pool = small();
    for sequence in 0..8 {
        insert(&mut pool, 1, sequence, 100, 0).unwrap();
    }
    assert!(matches!(insert(&mut pool, 1, 8, 100, 0), Err(Refused::KeyFull { count: 8, .. })));
    insert(&mut pool, 2, 0, 100, 0).unwrap();
    insert(&mut pool, 2, 1, 100, 0).unwrap();
    assert_eq!(pool.len(), 10);
    // The pool is full: others still get their share, at the flooder's cost, from its end.
    insert(&mut pool, 3, 0, 100, 0).unwrap();
    insert(&mut pool, 3, 1, 100, 0).unwrap();
    assert_eq!(selected(&pool, 20).iter().filter(|(k, _)| *k == key(1)).count(), 6);
    insert(&mut pool, 3, 2, 100, 0).unwrap();
    insert(&mut pool, 3, 3, 100, 0).unwrap();
    // 1 and 3 have four each, 2 has two: only 2 may still displace.
    assert!(matches!(insert(&mut pool, 3, 4, 100, 0), Err(Refused::Full { .. })));
    assert!(matches!(insert(&mut pool, 1, 4, 100, 0), Err(Refused::Full { .. })));
    insert(&mut pool, 2, 2, 100, 0).unwrap();
    let counts = |n: u8| selected(&pool, 20).iter().filter(|(k, _)| *k == key(n)).count();
    assert_eq!(counts(1) + counts(2) + counts(3), 10);
    assert_eq!(counts(2), 3);
}

#[test]
fn a_newcomer_that_is_refused_displaces_nobody() {
    let limits = Limits { count: 10, bytes: 6_000, count_per_key: 8, bytes_per_key: 6_000, gap: 20 };
    let mut pool = Pool::new(limits);
    for n in 1..=5 {
        insert(&mut pool, n, 0, 488, 0).unwrap();
    }
    assert_eq!(pool.bytes(), 5_000);
    assert!(matches!(insert(&mut pool, 6, 0, 3_000, 0), Err(Refused::Full { .. })));
    assert_eq!(pool.len(), 5);
}

/// One step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Insert { key: u8, sequence: u64, length: usize, expiry: u64 },
    Commit { count: usize },
    Remove { at: usize },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1..6u8, 0..30u64, 1..3_000usize, 1..40u64)
            .prop_map(|(key, sequence, length, expiry)| Step::Insert { key, sequence, length, expiry }),
        1 => (0..6usize).prop_map(|count| Step::Commit { count }),
        1 => (0..20usize).prop_map(|at| Step::Remove { at }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_keeps_the_promises(steps in prop::collection::vec(step(), 1..120)) {
        let limits = Limits { count: 20, bytes: 30_000, count_per_key: 12, bytes_per_key: 16_000, gap: 15 };
        let mut pool = Pool::new(limits);
        let mut nexts: BTreeMap<PublicKey, u64> = BTreeMap::new();
        let mut height = 0;
        for step in steps {
            match step {
                Step::Insert { key: owner, sequence, length, expiry } => {
                    let (transaction, hash) = transaction(owner, sequence, expiry, 10);
                    let next = nexts.get(&key(owner)).copied().unwrap_or(0);
                    let before = pool.len();
                    match pool.insert(transaction, hash, length, Sequence(next)) {
                        Ok(()) => prop_assert!(pool.contains(&hash) && sequence >= next && expiry > height),
                        Err(_) => prop_assert_eq!(pool.len(), before),
                    }
                }
                Step::Commit { count } => {
                    height += 1;
                    let used: Vec<_> = selected(&pool, count).into_iter().map(|(k, s)| (k, Sequence(s))).collect();
                    for (key, sequence) in &used {
                        nexts.insert(*key, sequence.0 + 1);
                    }
                    pool.committed(&used, Height(height));
                }
                Step::Remove { at } => {
                    let hash = pool.hashes().nth(at).copied();
                    if let Some(hash) = hash {
                        prop_assert!(pool.remove(&hash).is_some() && !pool.contains(&hash));
                    }
                }
            }
            prop_assert!(pool.len() <= limits.count && pool.bytes() <= limits.bytes);
            prop_assert_eq!(pool.hashes().count(), pool.len());
            prop_assert!(pool.hashes().all(|hash| pool.get(hash).is_some_and(|t| t.expiry.0 > height)));
            let all = selected(&pool, usize::MAX);
            prop_assert_eq!(pool.is_ready(), !all.is_empty());
            let mut at = nexts.clone();
            for (key, sequence) in all {
                let next = at.entry(key).or_insert(0);
                prop_assert_eq!(sequence, *next, "gap-free from the state's sequence");
                *next += 1;
            }
        }
        // Whatever happened, everything can be taken out and the accounts close.
        let hashes: Vec<_> = pool.hashes().copied().collect();
        for hash in hashes {
            pool.remove(&hash);
        }
        prop_assert_eq!((pool.len(), pool.bytes(), selected(&pool, 9).len()), (0, 0, 0));
    }
}
