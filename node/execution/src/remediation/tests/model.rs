//! Random transactions against a model that is a map.

use super::chain::{Chain, Sent, absent, add, delete, present, put, restored};
use althing_types::{hash::Hash, remediation::PlanItem};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Registers = BTreeMap<u8, u8>;

/// What a program does to registers: nothing when it fails, else it gives the registers that it wrote.
fn apply(registers: &mut Registers, steps: &[[u8; 3]]) -> Option<BTreeSet<u8>> {
    let (mut after, mut written) = (registers.clone(), BTreeSet::new());
    for [step, key, value] in steps {
        match step {
            2 if after.contains_key(key) => return None,
            3 if !after.contains_key(key) => return None,
            2 | 3 => continue,
            // Deleting what is not there is no write.
            1 if !after.contains_key(key) => continue,
            1 => after.remove(key),
            0 => after.insert(*key, *value),
            _ => after.insert(*key, after.get(key).unwrap_or(&0).wrapping_add(*value)),
        };
        written.insert(*key);
    }
    *registers = after;
    Some(written)
}

const WHO: [&str; 3] = ["bad", "one", "two"];

fn step(keys: std::ops::Range<u8>) -> impl Strategy<Value = [u8; 3]> {
    (keys, 0..5u8, 1..9u8).prop_map(|(key, which, value)| match which {
        0 => put(key, value),
        1 => delete(key),
        2 => absent(key),
        3 => present(key),
        _ => add(key, value),
    })
}

type Call = (usize, Vec<[u8; 3]>);

fn call(keys: std::ops::Range<u8>) -> impl Strategy<Value = Call> {
    (0..3usize, prop::collection::vec(step(keys), 1..4))
}

/// Makes blocks of the calls; their hashes in order.
fn run(chain: &mut Chain, calls: &[Call]) -> Vec<Hash> {
    let sent = |(who, steps): &Call| -> Sent<'static> { (WHO[*who], "registers", steps.clone()) };
    calls.chunks(3).flat_map(|calls| chain.block(calls.iter().map(sent).collect())).collect()
}

fn of(items: &[PlanItem], wanted: fn(&PlanItem) -> Option<Hash>) -> BTreeSet<Hash> {
    items.iter().filter_map(wanted).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each register ends at the last value that a good call gave it, unless a lost call is packed again; which calls
    /// were lost is what the model says.
    #[test]
    fn a_plan_does_to_each_register_what_the_model_says(
        first in prop::collection::vec(call(0..4), 0..4),
        calls in prop::collection::vec(call(0..4), 1..12),
    ) {
        let mut chain = Chain::new();
        run(&mut chain, &first);
        let from = chain.height().0 + 1;
        let hashes = run(&mut chain, &calls);
        let plan = chain.plan(from).unwrap();

        let mut registers = Registers::new();
        for (_, steps) in &first {
            apply(&mut registers, steps);
        }
        let (mut actual, mut other) = (registers.clone(), registers.clone());
        // The value to be, for registers whose last writer is bad.
        let (mut good, mut last_bad) = (registers, BTreeMap::new());
        let (mut lost, mut dependent, mut marked) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for ((who, steps), hash) in calls.iter().zip(&hashes) {
            let written = apply(&mut actual, steps);
            let bad = *who == 0;
            for key in written.iter().flatten() {
                last_bad.insert(*key, bad);
                if !bad {
                    match actual.get(key) {
                        Some(value) => good.insert(*key, *value),
                        None => good.remove(key),
                    };
                }
            }
            if bad {
                marked.extend(written.map(|_| *hash));
                continue;
            }
            match (written, apply(&mut other, steps)) {
                (None, Some(_)) => drop(lost.insert(*hash)),
                (Some(_), None) => drop(dependent.insert(*hash)),
                _ => {}
            }
        }
        let found_marked = of(&plan.items, |item| match item { PlanItem::Mark { transaction, .. } => Some(*transaction), _ => None });
        prop_assert_eq!(found_marked, marked);
        let found_dependent = of(&plan.items, |item| match item { PlanItem::Depends { transaction, .. } => Some(*transaction), _ => None });
        prop_assert_eq!(found_dependent, dependent);
        let repackaged = of(&plan.items, |item| match item { PlanItem::Repackage { transaction, .. } => Some(*transaction), _ => None });
        let left = of(&plan.items, |item| match item { PlanItem::Leave { transaction, .. } => Some(*transaction), _ => None });
        prop_assert_eq!(repackaged.union(&left).copied().collect::<BTreeSet<_>>(), lost);
        prop_assert!(repackaged.is_disjoint(&left));

        let mut expected = actual.clone();
        for key in last_bad.iter().filter(|(_, bad)| **bad).map(|(key, _)| key) {
            match good.get(key) {
                Some(value) => expected.insert(*key, *value),
                None => expected.remove(key),
            };
        }
        for ((_, steps), _) in calls.iter().zip(&hashes).filter(|(_, hash)| repackaged.contains(*hash)) {
            prop_assert!(apply(&mut expected, steps).is_some(), "it was packed again and fails");
        }
        let mut repaired = actual;
        for (key, value) in restored(&plan) {
            prop_assert_ne!(repaired.get(&key).copied(), value, "an entry changes something");
            match value {
                Some(value) => repaired.insert(key, value),
                None => repaired.remove(&key),
            };
        }
        prop_assert_eq!(repaired, expected);
    }

    /// When the bad calls touch no register of the good ones, the repaired state is the one without them.
    #[test]
    fn without_common_registers_nothing_of_the_bad_is_left(
        bad in prop::collection::vec(call(0..3), 1..6),
        good in prop::collection::vec(call(3..6), 1..6),
    ) {
        let mut calls = Vec::new();
        for (index, (bad, good)) in bad.iter().zip(good.iter().cycle()).enumerate() {
            calls.push((0, bad.1.clone()));
            calls.push((1 + index % 2, good.1.clone()));
        }
        let (mut whole, mut without) = (Chain::new(), Chain::new());
        run(&mut whole, &calls);
        let only: Vec<Call> = calls.iter().filter(|(who, _)| *who != 0).cloned().collect();
        run(&mut without, &only);
        let plan = whole.plan(1).unwrap();
        let mut repaired: Registers =
            (0..6).filter_map(|key| Some((key, whole.register(whole.height(), key)?))).collect();
        for (key, value) in restored(&plan) {
            match value {
                Some(value) => repaired.insert(key, value),
                None => repaired.remove(&key),
            };
        }
        let clean: Registers =
            (0..6).filter_map(|key| Some((key, without.register(without.height(), key)?))).collect();
        prop_assert_eq!(repaired, clean);
        let counts = plan.head.counts;
        prop_assert_eq!((counts.kept, counts.repackaged, counts.left, counts.dependent), (0, 0, 0, 0));
    }
}
