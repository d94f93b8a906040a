//! Crashes: a node that starts again from its log says nothing else than before.

use super::bench::{Bench, TIMEOUTS, Wire, chain, key, list, node_id};
use super::{signed_proposal, signed_vote};
use crate::{Engine, Fault, Input, Output, Record};
use althing_types::{
    authority::Threshold,
    id::{Height, Round},
    vote::VoteKind,
};

#[test]
fn restart_at_every_step_gives_no_conflicting_message() {
    // Authority 0 is a plain voter at first, 1 and 2 are the primaries of the first two heights.
    for victim in 0..3 {
        for at_ms in 0..40 {
            let mut bench = Bench::new(4, Threshold::TwoThirds);
            bench.run_until(at_ms, |_| false);
            bench.restart(victim);
            assert!(bench.run_until(60_000, |bench| bench.all_decided(Height(3))), "{victim} at {at_ms} ms");
            assert!(bench.agrees() && bench.nobody_equivocates(), "{victim} at {at_ms} ms");
            assert!(bench.nodes.iter().all(|node| node.faults.is_empty()));
        }
    }
}

#[test]
fn all_restart_at_once_and_go_on() {
    for at_ms in [3, 8, 13, 14, 19, 24] {
        let mut bench = Bench::new(4, Threshold::TwoThirds);
        bench.run_until(at_ms, |_| false);
        (0..4).for_each(|index| bench.restart(index));
        assert!(bench.run_until(60_000, |bench| bench.all_decided(Height(3))), "at {at_ms} ms");
        assert!(bench.agrees() && bench.nobody_equivocates());
    }
}

#[test]
fn own_messages_leave_only_after_the_sync() {
    let mut engine = Engine::new(chain(), node_id(1), Box::new(key(1)));
    let start =
        Input::StartHeight { height: Height(1), authorities: list(4, Threshold::TwoThirds), timeouts: TIMEOUTS };
    engine.step(0, start);
    let block = super::block(Height(1), Round(0), 1);
    let outputs = engine.step(1, Input::Built { height: Height(1), round: Round(0), block });
    let place = |wanted: fn(&Output) -> bool| outputs.iter().position(wanted).unwrap();
    let last_log = outputs.iter().rposition(|output| matches!(output, Output::Log(_))).unwrap();
    let sync = place(|output| matches!(output, Output::Sync));
    assert!(last_log < sync);
    assert!(sync < place(|output| matches!(output, Output::SendProposal(_))));
    assert!(sync < place(|output| matches!(output, Output::SendVote(_))));
    let logged =
        |wanted: fn(&Record) -> bool| outputs.iter().any(|o| matches!(o, Output::Log(record) if wanted(record)));
    assert!(logged(|record| matches!(record, Record::Built { .. })));
    assert!(
        logged(|record| matches!(record, Record::Proposal(_))) && logged(|record| matches!(record, Record::Vote(_)))
    );
}

#[test]
fn replay_asks_again_for_what_was_asked() {
    let start =
        || Input::StartHeight { height: Height(1), authorities: list(4, Threshold::TwoThirds), timeouts: TIMEOUTS };
    let mut engine = Engine::new(chain(), node_id(0), Box::new(key(0)));
    engine.step(0, start());
    let records: Vec<Record> = engine
        .step(1, Input::Proposal(signed_proposal(1, 1, 0, 1).verify().unwrap()))
        .into_iter()
        .filter_map(|output| if let Output::Log(record) = output { Some(record) } else { None })
        .collect();
    let mut again = Engine::new(chain(), node_id(0), Box::new(key(0)));
    again.step(0, start());
    let outputs = again.step(1, Input::Replay(records));
    assert!(matches!(outputs[..], [Output::NeedBlock { .. }]), "{outputs:?}");
}

#[test]
fn replay_restores_the_lock() {
    // Authority 0 locks block 1 in round 0, crashes, and is offered block 2 without proof in round 1.
    let mut bench = Bench::new(4, Threshold::TwoThirds);
    bench.silent.extend([0, 1, 2, 3]);
    bench.inject(0, Wire::Proposal(signed_proposal(1, 1, 0, 1)));
    for voter in [1, 2] {
        bench.inject(0, Wire::Vote(signed_vote(voter, 1, 0, VoteKind::Prevote, Some(1))));
    }
    let locked =
        |wire: &Wire| matches!(wire, Wire::Vote(v) if v.value.kind == VoteKind::Precommit && v.value.block.is_some());
    assert!(bench.run_until(1_000, |bench| bench.nodes[0].sent.iter().any(locked)));
    bench.restart(0);
    for voter in [1, 2, 3] {
        bench.inject(0, Wire::Vote(signed_vote(voter, 1, 0, VoteKind::Precommit, None)));
    }
    bench.inject(0, Wire::Proposal(signed_proposal(2, 1, 1, 2)));
    bench.run_until(1_500, |_| false);
    let second = bench.nodes[0].sent.iter().find_map(|wire| match wire {
        Wire::Vote(v) if v.value.round == Round(1) && v.value.voter == node_id(0) => Some(v.value.block),
        _ => None,
    });
    assert_eq!(second, Some(None), "a locked authority prevotes for nothing");
}

#[test]
fn a_lost_log_silences_the_node_for_the_height() {
    let mut engine = Engine::new(chain(), node_id(0), Box::new(key(0)));
    let start = |height| Input::StartHeight { height, authorities: list(4, Threshold::TwoThirds), timeouts: TIMEOUTS };
    engine.step(0, start(Height(1)));
    let old = signed_vote(0, 1, 0, VoteKind::Prevote, None).verify().unwrap();
    let outputs = engine.step(1, Input::Vote(old));
    assert!(outputs.contains(&Output::Fault(Fault::UnknownOwnMessage { height: Height(1), round: Round(0) })));
    let records: Vec<Record> =
        outputs.into_iter().filter_map(|o| if let Output::Log(record) = o { Some(record) } else { None }).collect();
    let offer = |engine: &mut Engine| {
        let proposal = signed_proposal(1, 1, 0, 1);
        let block = proposal.value.block;
        engine.step(2, Input::Proposal(proposal.verify().unwrap()));
        engine.step(3, Input::BlockReady { height: Height(1), round: Round(0), block, valid: true })
    };
    assert!(!offer(&mut engine).iter().any(|output| matches!(output, Output::SendVote(_))));
    // Its next life stays silent too.
    let mut again = Engine::new(chain(), node_id(0), Box::new(key(0)));
    again.step(0, start(Height(1)));
    again.step(1, Input::Replay(records));
    assert!(!offer(&mut again).iter().any(|output| matches!(output, Output::SendVote(_))));
    // At the next height it takes part again.
    let outputs = again.step(4, start(Height(4)));
    assert!(outputs.contains(&Output::Build { height: Height(4), round: Round(0) }));
}

#[test]
fn a_log_that_does_not_fit_stops_the_engine() {
    let mut engine = Engine::new(chain(), node_id(0), Box::new(key(0)));
    let start =
        Input::StartHeight { height: Height(1), authorities: list(4, Threshold::TwoThirds), timeouts: TIMEOUTS };
    engine.step(0, start);
    let proposal = signed_proposal(1, 1, 0, 1);
    let records = vec![
        Record::Proposal(proposal.clone()),
        Record::BlockReady { height: Height(1), round: Round(0), block: proposal.value.block, valid: true },
        Record::Vote(signed_vote(0, 1, 0, VoteKind::Prevote, Some(9))),
    ];
    let outputs = engine.step(1, Input::Replay(records));
    assert_eq!(outputs, [Output::Fault(Fault::ConflictingMessage { height: Height(1), round: Round(0) })]);
    assert_eq!(engine.step(2, Input::Vote(signed_vote(2, 1, 0, VoteKind::Prevote, None).verify().unwrap())), []);
}

#[test]
fn a_late_replay_stops_the_engine() {
    let mut engine = Engine::new(chain(), node_id(0), Box::new(key(0)));
    let start =
        Input::StartHeight { height: Height(1), authorities: list(4, Threshold::TwoThirds), timeouts: TIMEOUTS };
    engine.step(0, start);
    engine.step(1, Input::Vote(signed_vote(2, 1, 0, VoteKind::Prevote, None).verify().unwrap()));
    let outputs = engine.step(2, Input::Replay(Vec::new()));
    assert_eq!(outputs, [Output::Fault(Fault::LateReplay { height: Height(1) })]);
}
