//! A chain that lost its quorum for good goes on by what its members signed; whoever did not is refused with a number.

use crate::{
    setup,
    town::{MEMBERS, Town, id, list, organisation, voter},
};
use althing_daemon::node::{Event, Progress, RequestId, Timer};
use althing_network::CertifiedBlock;
use althing_state::Storage;
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    codec::{self, List},
    crypto::SecretKey,
    govern::{MemberList, Standing},
    hash::Hash,
    id::{ChainId, Height},
    keyspace,
    recovery::{LastFinal, RecoveryPlan, SignedRecovery, check_round},
};

/// Two of four authorities are gone; the others have voted at the next height and stand still there.
fn stalled() -> Town {
    stall(Town::new())
}

fn stall(mut town: Town) -> Town {
    town.run_to(0, 3);
    town.switch_off(2);
    town.switch_off(3);
    // What is under way may still be decided; then nothing is.
    town.run(5_000);
    let before = town.heights();
    town.run(30_000);
    assert_eq!(town.heights(), before, "two of four are no quorum");
    assert_eq!([before[0], before[0]], [before[1], before[4]], "all that are on stand at one height: {before:?}");
    town
}

/// Follows a chain as a program does that trusts nothing but the first list: by headers, certificates and recoveries.
fn follow(town: &Town, of: usize) -> usize {
    let mut list = town.genesis.authority_list().unwrap();
    let mut recoveries = 0;
    let mut before: Option<CertifiedBlock> = None;
    for one in town.past(of) {
        let header = &one.block.header;
        if let Some(proven) = &one.block.recovery {
            let end = &before.as_ref().expect("not the first block").block.header;
            let (chain, block) = (&town.genesis.chain, end.hash());
            let last = LastFinal { chain, height: end.height, block, state_root: end.state_root };
            proven.verify(&last).expect("the recovery stands for itself");
            list = proven.signed.plan.authorities.clone();
            recoveries += 1;
        } else if let Some(before) = &before {
            assert_eq!(before.block.header.next_authorities, header.authorities, "height {}", header.height);
        }
        assert_eq!(header.authorities, list.hash(), "height {}", header.height);
        one.certificate.verify(&town.genesis.chain, &list).expect("a certificate of that list");
        check_round(one.certificate.round, one.block.recovery.as_ref().map(|r| &r.signed.plan)).unwrap();
        before = Some(one);
    }
    recoveries
}

fn number(outcome: Result<Progress, althing_types::recovery::RecoveryError>) -> u16 {
    outcome.expect_err("a refusal").number()
}

#[test]
fn after_a_recovery_the_rest_and_a_backup_go_on_with_one_state() {
    let mut town = stalled();
    let last = town.tip(0).height;
    let plan = town.plan(0, 1, &[0, 1, 4], &[0, 1, 4]);
    // One apply, at a node that decides nothing yet, is enough.
    assert_eq!(town.recover(4, plan.clone()).unwrap(), Progress::InForce);
    town.run_to(0, last.0 + 4);
    town.run(300);
    town.check(&[0, 1, 4]);
    assert_eq!(town.recover(0, plan.clone()).unwrap(), Progress::Final);

    // Governance follows: the backup is an authority, the lost ones wait to be promoted again.
    let read = |key: Vec<u8>| town.stores[0].view().read(&key).unwrap().unwrap();
    let members: MemberList = codec::decode("members", &read(keyspace::members()), 1 << 20).unwrap();
    let standing = |n: usize| members.nodes.iter().find(|node| node.node == id(n)).unwrap().standing;
    let expected = [Standing::Authority, Standing::Authority, Standing::Backup, Standing::Backup, Standing::Authority];
    assert_eq!((0..MEMBERS).map(standing).collect::<Vec<_>>(), expected);
    let stored: RecoveryPlan = codec::decode("plan", &read(keyspace::recovery()), 1 << 20).unwrap();
    assert_eq!(stored, plan.plan);
    let header = town.stores[0].header(last.next()).unwrap().unwrap();
    assert_eq!(town.stores[0].authorities(last.next()).unwrap().unwrap().hash(), header.authorities);

    // The lost ones come back, one of them with nothing but the genesis: they follow, and decide nothing.
    town.stores[3] = town.fresh_store();
    town.switch_on(2);
    town.switch_on(3);
    let goal = town.tip(0).height.0 + 3;
    town.run_to(0, goal);
    town.run_to(2, goal);
    town.run_to(3, goal);
    town.check(&[0, 1, 2, 3, 4]);
    assert_eq!(town.stores[3].authorities(Height(goal)).unwrap().unwrap(), list(&[0, 1, 4]));
    assert_eq!((follow(&town, 0), follow(&town, 3)), (1, 1));
}

#[test]
fn a_chain_whose_governing_contract_cannot_run_recovers_too() {
    let code = wat::parse_str(
        "(module (memory (export \"memory\") 1) (func (export \"althing_abi_1\"))
           (func (export \"c_end_block\") unreachable))",
    );
    let mut town = stall(Town::governed_by(setup::describe(code.unwrap(), "governance", "end_block")));
    let last = town.tip(0).height;
    let plan = town.plan(0, 1, &[0, 1, 4], &[0, 1, 4]);
    assert_eq!(town.recover(0, plan).unwrap(), Progress::InForce);
    town.run_to(0, last.0 + 4);
    town.run(300);
    town.check(&[0, 1, 4]);
    // Nobody but the node itself has put the list in force, and it stays so.
    let failed = |height: Height| {
        let receipts = town.stores[0].receipts(height).unwrap().unwrap();
        receipts.last().is_some_and(|receipt| receipt.status.failure().is_some())
    };
    assert!(failed(last) && failed(last.next()));
    assert_eq!(town.stores[0].authorities(Height(last.0 + 3)).unwrap().unwrap(), list(&[0, 1, 4]));
    assert_eq!(follow(&town, 4), 1);
}

#[test]
fn a_node_that_stops_after_the_recovery_goes_on_under_it() {
    let mut town = stalled();
    let last = town.tip(0).height.0;
    town.switch_off(1);
    town.switch_off(4);
    let plan = town.plan(0, 1, &[0, 1, 4], &[0, 1, 2]);
    assert_eq!(town.recover(0, plan.clone()).unwrap(), Progress::InForce);
    // It votes alone under the plan, and loses power.
    town.run(10_000);
    town.switch_off(0);
    town.switch_on(0);
    town.run(3_000);
    assert_eq!(town.recover(0, plan).unwrap(), Progress::InForce);
    assert_eq!(town.tip(0).height.0, last);
    town.switch_on(1);
    town.switch_on(4);
    town.run_to(4, last + 3);
    town.run(300);
    town.check(&[0, 1, 4]);
    assert_eq!(follow(&town, 4), 1);
}

#[test]
fn a_second_plan_replaces_one_that_does_not_help() {
    let mut town = stalled();
    let last = town.tip(0).height.0;
    let first = town.plan(0, 1, &[0, 1, 2], &[0, 1, 4]);
    assert_eq!(town.recover(0, first.clone()).unwrap(), Progress::InForce);
    town.run(20_000);
    assert_eq!(town.tip(0).height.0, last, "node 2 of the plan is gone");
    let second = town.plan(0, 2, &[0, 1, 4], &[0, 1, 4]);
    assert_eq!(town.recover(1, second).unwrap(), Progress::InForce);
    town.run(5_000);
    assert_eq!(number(town.recover(0, first)), 15, "too late: the height is final by the second plan");
    town.run_to(0, last + 3);
    town.run(300);
    town.check(&[0, 1, 4]);
    // One that comes back with its votes of both lists before follows too.
    town.switch_on(2);
    town.run_to(2, last + 3);
    town.check(&[0, 1, 2, 4]);
    assert_eq!(follow(&town, 2), 1);
}

#[test]
fn every_rule_of_a_plan_has_its_number() {
    let mut town = stalled();
    let good = || town.plan(0, 1, &[0, 1, 4], &[0, 1, 4]);
    let changed = |change: &dyn Fn(&mut RecoveryPlan)| {
        let mut plan = good().plan;
        change(&mut plan);
        let mut signed = SignedRecovery::unsigned(plan);
        [0, 1, 4].iter().for_each(|n| signed.sign(organisation(*n), &voter(*n)).unwrap());
        signed
    };
    let half = |plan: &mut RecoveryPlan| {
        plan.authorities = AuthorityList::new(plan.authorities.members().to_vec(), Threshold::Half).unwrap();
    };
    let foreign = |plan: &mut RecoveryPlan| {
        let stranger = Authority { node: althing_types::crypto::NodeId([9; 32]), organisation: organisation(0) };
        plan.authorities = AuthorityList::new(vec![stranger], Threshold::TwoThirds).unwrap();
    };
    let elsewhere = |plan: &mut RecoveryPlan| {
        let moved = Authority { node: id(0), organisation: organisation(1) };
        plan.authorities = AuthorityList::new(vec![moved], Threshold::TwoThirds).unwrap();
    };
    let by = |change: &dyn Fn(&mut Vec<althing_types::recovery::RecoverySignature>)| {
        let mut signed = good();
        let mut all = signed.signatures.to_vec();
        change(&mut all);
        signed.signatures = List::new(all).unwrap();
        signed
    };
    let stranger = || {
        let mut signed = town.plan(0, 1, &[0, 1, 4], &[0, 1]);
        signed.sign(organisation(4), &SecretKey::from_seed(&[77; 32])).unwrap();
        signed
    };
    let node_key = || {
        let mut signed = town.plan(0, 1, &[0, 1, 4], &[0, 1]);
        signed.sign(organisation(4), &crate::town::node_key(4)).unwrap();
        signed
    };
    let refused: Vec<(u16, SignedRecovery)> = vec![
        (1, changed(&|plan| plan.chain = ChainId::new("other").unwrap())),
        (15, changed(&|plan| plan.height = plan.height.previous())),
        (3, changed(&|plan| plan.block = Hash([1; 32]))),
        (4, changed(&|plan| plan.number = 0)),
        (4, changed(&|plan| plan.number = 4096)),
        (5, changed(&|plan| plan.authorities = list(&[0, 1, 2, 3]))),
        (6, changed(&half)),
        (7, changed(&foreign)),
        (7, changed(&elsewhere)),
        (8, by(&|all| all.push(all[2].clone()))),
        (8, by(&|all| all.swap(0, 1))),
        (9, by(&|all| all[0].organisation = organisation(3)).reordered()),
        (9, stranger()),
        (9, node_key()),
        (10, by(&|all| all[1].signature = all[0].signature)),
        (10, SignedRecovery { plan: changed(&|plan| plan.drafted_ms += 1).plan, ..good() }),
        (11, town.plan(0, 1, &[0, 1, 4], &[0, 4])),
        (11, town.plan(0, 1, &[0, 1, 4], &[])),
    ];
    let good = good();
    for (at, (expected, plan)) in refused.into_iter().enumerate() {
        let found = number(town.recover(0, plan));
        assert_eq!(found, expected, "row {at}");
    }
    // A plan for a height that is not there yet waits, and does no harm.
    let ahead = SignedRecovery {
        plan: RecoveryPlan { height: good.plan.height.next(), ..good.plan.clone() },
        signatures: good.signatures.clone(),
    };
    let height = good.plan.height;
    assert_eq!(town.recover(0, ahead).unwrap(), Progress::Waiting { height });
    assert_eq!(town.recover(0, good.clone()).unwrap(), Progress::InForce);
    assert_eq!(town.recover(0, good).unwrap(), Progress::InForce);
    let other = town.plan(0, 1, &[0, 1], &[0, 1, 4]);
    assert_eq!(number(town.recover(0, other)), 16);
}

trait Reordered {
    fn reordered(self) -> Self;
}

impl Reordered for SignedRecovery {
    /// The same signatures in the order of their organisations.
    fn reordered(mut self) -> Self {
        let mut all = self.signatures.to_vec();
        all.sort_by(|a, b| a.organisation.cmp(&b.organisation));
        self.signatures = List::new(all).unwrap();
        self
    }
}

/// A peer claims a height and answers the question that follows with these blocks.
fn offer(town: &mut Town, to: usize, from: usize, blocks: Vec<CertifiedBlock>) {
    let height = blocks.last().unwrap().block.header.height;
    town.on(to, Event::PeerStatus { from: id(from), height });
    town.now_ms += 1_500;
    town.on(to, Event::Timer(Timer::CatchUp));
    // The first question of a fresh node has the first number.
    for request in 0..4 {
        town.on(to, Event::Blocks { from: id(from), request: RequestId(request), blocks: Some(blocks.clone()) });
    }
}

#[test]
fn blocks_of_the_old_list_and_plans_for_decided_heights_are_refused() {
    let mut town = Town::new();
    town.run_to(0, 4);
    (0..MEMBERS).for_each(|n| town.switch_off(n));
    let past = town.past(0);
    // A node that stands at height 2 while height 3 was decided by the list that it names itself.
    let at = |town: &mut Town, height: usize| {
        town.stores[4] = town.fresh_store();
        town.switch_on(4);
        offer(town, 4, 1, past[..height].to_vec());
        assert_eq!(town.tip(4).height.0, height as u64);
        town.penalties.clear();
    };
    at(&mut town, 2);
    let plan = town.plan(4, 1, &[0, 1, 4], &[0, 1, 4]);
    assert_eq!(town.recover(4, plan.clone()).unwrap(), Progress::InForce);
    offer(&mut town, 4, 2, past[2..3].to_vec());
    assert_eq!(town.tip(4).height.0, 2, "a block without the recovery is not taken any more");
    assert!(town.penalties.iter().any(|(by, of, _)| (*by, *of) == (4, id(2))), "{:?}", town.penalties);
    town.switch_off(4);
    // The same plan where the height is final already.
    at(&mut town, 3);
    assert_eq!(number(town.recover(4, plan)), 15);
}
