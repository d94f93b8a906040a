//! Claims about plans, over a contract of registers.

mod carry_out;
pub(crate) mod chain;
mod model;

use super::{PastBlock, PlanRefusal, Source};
use althing_types::{
    hash::Hash,
    id::Height,
    remediation::{LeftReason, Plan, PlanItem},
    view::StateFault,
};
use chain::{Chain, absent, add, delete, present, put, restored};

fn marked(plan: &Plan) -> Vec<Hash> {
    let marks = plan.items.iter().filter_map(|item| match item {
        PlanItem::Mark { transaction, .. } => Some(*transaction),
        _ => None,
    });
    marks.collect()
}

#[test]
fn what_a_bad_transaction_wrote_gets_its_value_from_before() {
    let mut chain = Chain::new();
    chain.block(vec![("one", "registers", vec![put(1, 10), put(2, 20), put(3, 30)])]);
    let bad = chain.block(vec![("bad", "registers", vec![put(1, 66), delete(2), put(4, 66)])]);
    let plan = chain.plan(2).unwrap();
    assert_eq!(restored(&plan), [(1, Some(10)), (2, Some(20)), (4, None)].into());
    assert_eq!(marked(&plan), bad);
    assert_eq!((plan.head.counts.kept, plan.head.base), (0, Height(2)));
    let because = plan.items.iter().filter_map(|item| match item {
        PlanItem::Restore(entry) => Some(entry.because),
        _ => None,
    });
    assert!(because.into_iter().all(|because| because == bad[0]));
}

#[test]
fn a_bad_write_over_a_good_one_gives_way_to_it() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "registers", vec![put(1, 60)]), ("one", "registers", vec![put(1, 11)])]);
    chain.block(vec![("bad", "registers", vec![put(1, 66)])]);
    assert_eq!(restored(&chain.plan(1).unwrap()), [(1, Some(11))].into());
}

#[test]
fn a_good_write_over_a_bad_one_stays_and_is_named() {
    let mut chain = Chain::new();
    let bad = chain.block(vec![("bad", "registers", vec![put(1, 66)])]);
    let good = chain.block(vec![("one", "registers", vec![put(1, 12)])]);
    let plan = chain.plan(1).unwrap();
    assert_eq!(restored(&plan), [].into());
    let kept: Vec<_> = plan.items.iter().filter(|item| matches!(item, PlanItem::Keep { .. })).collect();
    assert!(
        matches!(kept[..], [PlanItem::Keep { key, because, by, .. }] if **key == [1] && *because == bad[0] && *by == Some(good[0]))
    );
    assert_eq!(marked(&plan), bad);
}

#[test]
fn lists_keep_what_others_added_in_between() {
    // Entries are numbered, register 0 holds the next number.
    let mut chain = Chain::new();
    let entry = |number: u8, value: u8| vec![absent(number), put(number, value), add(0, 1)];
    chain.block(vec![("bad", "registers", entry(1, 66)), ("one", "registers", entry(2, 12))]);
    chain.block(vec![("bad", "registers", entry(3, 67))]);
    let plan = chain.plan(1).unwrap();
    assert_eq!(restored(&plan), [(0, Some(2)), (1, None), (3, None)].into());
}

#[test]
fn a_failed_bad_transaction_is_neither_marked_nor_undone() {
    let mut chain = Chain::new();
    let sent = chain.block(vec![("bad", "registers", vec![put(1, 66), present(9)])]);
    assert!(!chain.succeeded(&sent[0]));
    assert_eq!(chain.plan(1).unwrap().items, []);
}

#[test]
fn a_lost_transaction_is_packed_again_with_its_own_writes() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "registers", vec![absent(1), put(1, 66)])]);
    let lost = chain.block(vec![("one", "registers", vec![absent(1), put(1, 11), put(2, 12)])]);
    let hopeless = chain.block(vec![("two", "registers", vec![present(9), put(1, 13)])]);
    assert!(!chain.succeeded(&lost[0]) && !chain.succeeded(&hopeless[0]));
    let plan = chain.plan(1).unwrap();
    assert_eq!(restored(&plan), [(1, Some(11)), (2, Some(12))].into());
    let repackaged = PlanItem::Repackage { transaction: lost[0], height: Height(2) };
    assert!(plan.items.contains(&repackaged), "{:?}", plan.items);
    assert_eq!((plan.head.counts.repackaged, plan.head.counts.left), (1, 0));
}

#[test]
fn a_lost_transaction_that_a_later_one_overtook_is_left_to_its_sender() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "registers", vec![put(5, 66)])]);
    let lost = chain.block(vec![("one", "registers", vec![absent(5), put(1, 11), add(2, 1)])]);
    chain.block(vec![("two", "registers", vec![put(1, 12), add(2, 1)])]);
    let plan = chain.plan(1).unwrap();
    assert_eq!(restored(&plan), [(5, None)].into());
    let left = PlanItem::Leave { transaction: lost[0], height: Height(2), reason: LeftReason::Overtaken };
    assert!(plan.items.contains(&left), "{:?}", plan.items);
}

#[test]
fn a_number_that_later_ones_raised_too_keeps_no_lost_transaction_back() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "registers", vec![put(5, 66)])]);
    chain.block(vec![("one", "registers", vec![absent(5), add(2, 1), put(3, 13)])]);
    chain.block(vec![("two", "registers", vec![add(2, 1)])]);
    let plan = chain.plan(1).unwrap();
    assert_eq!(restored(&plan), [(2, Some(2)), (3, Some(13)), (5, None)].into());
    assert_eq!((plan.head.counts.repackaged, plan.head.counts.left), (1, 0));
}

#[test]
fn who_succeeded_only_because_of_the_bad_is_named_and_stays() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "registers", vec![put(1, 66)])]);
    let good = chain.block(vec![("one", "registers", vec![present(1), put(2, 12)])]);
    let plan = chain.plan(1).unwrap();
    assert_eq!(restored(&plan), [(1, None)].into());
    assert!(plan.items.contains(&PlanItem::Depends { transaction: good[0], height: Height(2) }));
}

#[test]
fn what_members_said_and_decided_is_never_touched() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "governance", vec![put(1, 66)]), ("bad", "registers", vec![put(1, 66)])]);
    let plan = chain.plan(1).unwrap();
    assert_eq!((plan.head.counts.restored, plan.head.counts.marked), (1, 1));
    assert_eq!(restored(&plan), [(1, None)].into(), "of contract registers");
}

#[test]
fn a_key_counts_for_the_organisation_that_it_belonged_to_then() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "registers", vec![put(1, 66)])]);
    chain.belongs("bad", "two");
    chain.belongs("new", "bad");
    let both = vec![("bad", "registers", vec![put(2, 12)]), ("new", "registers", vec![put(3, 66)])];
    let sent = chain.block(both);
    // The keys changed between two blocks here, in no block: each side is looked at by itself.
    let plan = chain.plan(2).unwrap();
    assert_eq!(restored(&plan), [(3, None)].into());
    assert_eq!(marked(&plan), [sent[1]]);
}

#[test]
fn equal_chains_give_equal_bytes() {
    let plan = || {
        let mut chain = Chain::new();
        chain.block(vec![("bad", "registers", vec![put(1, 66), put(2, 66)]), ("one", "registers", vec![put(2, 12)])]);
        chain.plan(1).unwrap()
    };
    assert_eq!(plan().documents, plan().documents);
    assert_eq!(Plan::read(plan().documents).unwrap(), plan());
}

/// A source that changes what a chain tells.
struct Told<'a> {
    chain: &'a Chain,
    change: fn(&mut PastBlock),
    stop: bool,
}

impl Source for Told<'_> {
    fn past_block(&self, height: Height) -> Result<Option<PastBlock>, StateFault> {
        let mut block = self.chain.past_block(height)?;
        if let Some(block) = &mut block {
            (self.change)(block);
        }
        Ok(block)
    }
    fn go_on(&self, done: u64, _: u64) -> bool {
        !self.stop || done < 1
    }
}

#[test]
fn refusals_are_numbered_and_name_what_is_wrong() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "registers", vec![put(1, 66)])]);
    chain.block(vec![("one", "registers", vec![put(2, 12)])]);
    let number = |change: fn(&mut PastBlock), stop: bool, from: u64| {
        let told = Told { chain: &chain, change, stop };
        let refusal = chain.plan_of(&told, from).unwrap().unwrap_err();
        assert!(!refusal.to_string().is_empty());
        refusal.number()
    };
    let nothing: fn(&mut PastBlock) = |_| {};
    assert_eq!(number(nothing, false, 0), 1);
    assert_eq!(number(nothing, false, 3), 1);
    assert_eq!(number(nothing, true, 1), 5);
    assert_eq!(number(|block| block.receipts[0].fuel_used += 1, false, 1), 4);
    assert_eq!(number(|block| drop(block.receipts.pop()), false, 1), 4);
    let other = Chain::new();
    assert_eq!(chain.plan_of(&other, 1).unwrap().unwrap_err(), PlanRefusal::NoBlock { height: Height(1) });
}
