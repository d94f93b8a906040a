//! Bugs planted on purpose: a simulation that does not find them proves nothing by finding nothing.

use crate::{
    byzantine::Vice,
    engine_node::{EngineNode, Plant},
    network::Climate,
    oracle::{Ears, Oracle, Violation},
    setup::Setup,
    world::World,
};
use althing_types::authority::Threshold;

/// The first violation among some seeds, with its seed.
fn first_violation(
    climate: Climate,
    ears: Ears,
    setup: impl Fn() -> Setup,
    seeds: u64,
    heights: u64,
) -> Option<(u64, Violation)> {
    (0..seeds).find_map(|seed| {
        let setup = setup();
        let (correct, oracle) = (setup.correct(), Oracle::new(ears, setup.dishonest()));
        let found = World::<EngineNode>::new(seed, setup, &correct, oracle, climate).run(heights).err()?;
        println!("seed {seed}: {found}");
        Some((seed, found))
    })
}

fn planted(n: usize, plant: Option<Plant>, vices: &[Vice]) -> Setup {
    let mut setup = Setup::plain(n, Threshold::TwoThirds);
    setup.plant = plant;
    for (index, vice) in vices.iter().enumerate() {
        setup.vices[index] = Some(*vice);
    }
    setup
}

const TWO: [Vice; 2] = [Vice::TwoProposals, Vice::TwoProposals];

#[test]
fn a_quorum_of_2f_is_caught_by_the_certificate() {
    let setup = || planted(7, Some(Plant::QuorumOf2f), &TWO);
    let found = first_violation(Climate::Mixed, Ears::All, setup, 20, 50);
    assert!(matches!(found, Some((_, Violation::Certificate { .. } | Violation::Agreement { .. }))), "{found:?}");
}

#[test]
fn a_quorum_of_2f_is_caught_by_agreement() {
    let setup = || planted(7, Some(Plant::QuorumOf2f), &TWO);
    let found = first_violation(Climate::Mixed, Ears::AgreementOnly, setup, 200, 100);
    assert!(matches!(found, Some((_, Violation::Agreement { .. }))), "{found:?}");
}

#[test]
fn a_missing_sync_before_send_is_caught() {
    let setup = || planted(4, Some(Plant::NoSync), &[]);
    let found = first_violation(Climate::Mixed, Ears::EquivocationOnly, setup, 100, 100);
    assert!(matches!(found, Some((_, Violation::Equivocation { .. }))), "{found:?}");
}

#[test]
fn a_missing_lock_is_caught_by_agreement() {
    let setup = || planted(4, Some(Plant::NoLock), &[]);
    let found = first_violation(Climate::Mixed, Ears::AgreementOnly, setup, 1_000, 100);
    assert!(matches!(found, Some((_, Violation::Agreement { .. }))), "{found:?}");
}

#[test]
fn the_same_worlds_without_a_bug_break_no_rule() {
    assert_eq!(first_violation(Climate::Mixed, Ears::All, || planted(7, None, &TWO), 10, 50), None);
    for climate in [Climate::Mixed, Climate::Stormy] {
        assert_eq!(first_violation(climate, Ears::All, || planted(4, None, &[]), 10, 50), None);
    }
}
