//! Storing documents, and carrying parts out.

use super::chain::{Chain, State, put};
use crate::{BlockContext, overlay::Overlay, transaction::Runner};
use althing_types::{
    codec::{Bytes, decode, encode},
    crypto::NodeId,
    hash::Hash,
    id::Height,
    keyspace,
    receipt::{FailureCode, Status},
    remediation::{MarkKind, Plan, PlanItem, PlanProgress, RestoredEntry, TransactionMark},
    transaction::{Content, Operation},
};

fn store(chain: &mut Chain, who: &str, document: &[u8]) -> Status {
    let content = Content::StorePlan { document: Bytes::new(document.to_vec()).unwrap() };
    chain.contents(vec![(who.to_owned(), Operation::StorePlan, content)]).remove(0).status
}

fn code(status: &Status) -> Option<FailureCode> {
    status.failure().map(|failure| failure.code)
}

/// Carries a part out over the last state; gives the state after it and what the node said.
fn carry_out(chain: &Chain, plan: &Plan, part: u32) -> (State, Result<String, String>) {
    let state = chain.states.last().unwrap();
    let block =
        BlockContext { height: Height(50), timestamp_ms: 0, packer: NodeId([1; 32]), previous: None, recovered: None };
    let governor = super::chain::contract("governance");
    let runner = Runner {
        runtime: chain.executor.runtime(),
        chain: chain.executor.chain(),
        block: &block,
        governor: Some(&governor),
    };
    let mut overlay = Overlay::new(state);
    let (result, _) = runner.remediate(&mut overlay, 3, &plan.hash(), part).unwrap();
    let mut after = state.clone();
    after.apply(overlay.into_writes());
    let said = result.map(|bytes| String::from_utf8(bytes).unwrap());
    (after, said.map_err(|failure| failure.message.to_string()))
}

fn stored(chain: &mut Chain, plan: &Plan) {
    for document in &plan.documents {
        assert_eq!(store(chain, "one", document), Status::Succeeded);
    }
}

#[test]
fn a_plan_puts_back_what_is_as_it_found_it_and_skips_the_rest() {
    let mut chain = Chain::new();
    chain.block(vec![("one", "registers", vec![put(1, 10)])]);
    let bad = chain.block(vec![("bad", "registers", vec![put(1, 66), put(2, 66), put(3, 66)])]);
    let plan = chain.plan(2).unwrap();
    stored(&mut chain, &plan);
    chain.block(vec![("two", "registers", vec![put(2, 22)])]);
    let (after, said) = carry_out(&chain, &plan, 0);
    assert_eq!(said.unwrap(), "2 values put back, 1 skipped, 1 transactions marked");
    let register = |key: u8| after.0.get(&keyspace::storage(&super::chain::contract("registers"), &[key]));
    assert_eq!((register(1), register(2), register(3)), (Some(&vec![10]), Some(&vec![22]), None));
    let mark: TransactionMark = decode("mark", &after.0[&keyspace::mark(&bad[0])], 1024).unwrap();
    assert_eq!(mark, TransactionMark { kind: MarkKind::Remedied, proposal: 3, plan: plan.hash(), height: Height(50) });
    let progress: PlanProgress =
        decode("progress", &after.0[&keyspace::remediation_progress(&plan.hash())], 1024).unwrap();
    assert_eq!(progress, PlanProgress { restored: 2, skipped: 1, marked: 1 });
    assert!(carry_out(&chain, &plan, 1).1.unwrap_err().contains("no part 1"));
}

#[test]
fn parts_are_carried_out_one_by_one_and_counted_together() {
    let mut chain = Chain::new();
    let steps = |value: u8| (0..200).map(move |key| put(key, value)).collect::<Vec<_>>();
    chain.block(vec![("one", "registers", steps(1))]);
    let bad: Vec<_> = (0..90).map(|_| ("bad", "registers", steps(66))).collect();
    chain.block(bad);
    let plan = chain.plan(2).unwrap();
    assert_eq!((plan.head.counts.restored, plan.head.counts.marked, plan.head.parts.len()), (200, 90, 2));
    stored(&mut chain, &plan);
    let (first, said) = carry_out(&chain, &plan, 0);
    assert_eq!(said.unwrap(), "200 values put back, 0 skipped, 56 transactions marked");
    chain.states.push(first);
    let (_, said) = carry_out(&chain, &plan, 1);
    assert_eq!(said.unwrap(), "200 values put back, 0 skipped, 90 transactions marked");
    assert!(chain.register(chain.height(), 7) == Some(1));
}

#[test]
fn a_plan_that_somebody_wrote_by_hand_cannot_touch_what_members_decided() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "registers", vec![put(1, 66)])]);
    let head = chain.plan(1).unwrap().head;
    let entry = |contract: &str| {
        PlanItem::Restore(RestoredEntry {
            contract: super::chain::contract(contract),
            key: Bytes::new(vec![9]).unwrap(),
            expected: None,
            value: Some(Bytes::new(vec![1]).unwrap()),
            because: Hash::ZERO,
        })
    };
    let plan = Plan::make(head, ["governance", "node_admission", "node_removal"].map(entry).into()).unwrap();
    stored(&mut chain, &plan);
    let (_, said) = carry_out(&chain, &plan, 0);
    assert_eq!(said.unwrap(), "0 values put back, 3 skipped, 0 transactions marked");
}

#[test]
fn only_whole_plans_of_this_chain_are_stored() {
    let mut chain = Chain::new();
    chain.block(vec![("bad", "registers", vec![put(1, 66)])]);
    let plan = chain.plan(1).unwrap();
    let [part, head] = &plan.documents[..] else { panic!("one part and the head") };
    assert_eq!(code(&store(&mut chain, "one", head)), Some(FailureCode::NotAllowed), "its part is missing");
    assert_eq!(code(&store(&mut chain, "one", &part[1..])), Some(FailureCode::BadArguments));
    assert_eq!(store(&mut chain, "one", part), Status::Succeeded);
    assert_eq!(store(&mut chain, "two", head), Status::Succeeded);
    let other = althing_types::remediation::PlanHead {
        chain: althing_types::id::ChainId::new("other").unwrap(),
        ..plan.head.clone()
    };
    let other = encode(&althing_types::remediation::PlanDocument::Head(other));
    assert_eq!(code(&store(&mut chain, "one", &other)), Some(FailureCode::NotAllowed));
}
