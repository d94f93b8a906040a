//! Scenarios of one height or a few, on virtual time.

mod bench;
mod record;
mod recovery;
mod replay;

use self::bench::{Bench, HOP_MS, TIMEOUTS, Wire, block, chain, key, list, node_id};
use crate::{Engine, Fault, Input, Output, TimerKey, TimerKind};
use althing_types::{
    authority::Threshold,
    crypto::Signed,
    id::{ChainId, Height, Round},
    vote::{Evidence, Proposal, Vote, VoteKind},
};

fn signed_vote(voter: usize, height: u64, round: u32, kind: VoteKind, salt: Option<u8>) -> Signed<Vote> {
    let (height, round) = (Height(height), Round(round));
    let block = salt.map(|salt| block(height, round, salt));
    Signed::sign(Vote { chain: chain(), height, round, kind, block, voter: node_id(voter) }, &key(voter))
}

fn signed_proposal(proposer: usize, height: u64, round: u32, salt: u8) -> Signed<Proposal> {
    let (height, round) = (Height(height), Round(round));
    let block = block(height, round, salt);
    let proposer_id = node_id(proposer);
    let value = Proposal { chain: chain(), height, round, block, valid_round: None, proposer: proposer_id };
    Signed::sign(value, &key(proposer))
}

fn started(me: usize, n: usize) -> (Engine, Vec<Output>) {
    let mut engine = Engine::new(chain(), node_id(me), Box::new(key(me)));
    let start =
        Input::StartHeight { height: Height(1), authorities: list(n, Threshold::TwoThirds), timeouts: TIMEOUTS };
    let outputs = engine.step(0, start);
    (engine, outputs)
}

#[test]
fn one_four_and_seven_authorities_decide_at_both_thresholds() {
    for n in [1, 4, 7] {
        for threshold in [Threshold::TwoThirds, Threshold::Half] {
            let mut bench = Bench::new(n, threshold);
            assert!(bench.run_until(60_000, |bench| bench.all_decided(Height(20))), "{n} {threshold:?}");
            assert!(bench.agrees() && bench.nobody_equivocates());
            assert!(bench.now_ms < 20 * 100, "no time-out was needed: {} ms", bench.now_ms);
            let certificate = &bench.nodes[0].decided[&Height(20)];
            assert_eq!(certificate.round, Round(0));
            assert!(certificate.signatures.len() >= bench.list.quorum());
        }
    }
}

#[test]
fn the_primary_is_the_modulus_of_height_and_round() {
    let (_, outputs) = started(1, 4);
    assert!(outputs.contains(&Output::Build { height: Height(1), round: Round(0) }));
    let (_, outputs) = started(2, 4);
    assert!(!outputs.iter().any(|output| matches!(output, Output::Build { .. })));
}

#[test]
fn a_silent_primary_costs_one_propose_timeout() {
    let mut bench = Bench::new(4, Threshold::TwoThirds);
    bench.silent.insert(1);
    assert!(bench.run_until(60_000, |bench| (0..4).all(|i| i == 1 || bench.nodes[i].decided.contains_key(&Height(1)))));
    let certificate = &bench.nodes[0].decided[&Height(1)];
    assert_eq!(certificate.round, Round(1));
    assert!((2_000..3_000).contains(&bench.now_ms), "{}", bench.now_ms);
}

#[test]
fn two_silent_of_four_never_decide() {
    let mut bench = Bench::new(4, Threshold::TwoThirds);
    bench.silent.extend([2, 3]);
    assert!(!bench.run_until(600_000, |bench| bench.nodes.iter().any(|node| !node.decided.is_empty())));
    assert!(bench.nobody_equivocates());
    assert!(bench.nodes.iter().all(|node| node.faults.is_empty()));
}

#[test]
fn one_crashed_of_three_decides_at_one_half() {
    let mut bench = Bench::new(3, Threshold::Half);
    bench.silent.insert(0);
    assert!(bench.run_until(120_000, |bench| bench.nodes[1].decided.contains_key(&Height(10))));
    assert!(bench.agrees());
}

#[test]
fn an_equivocating_primary_cannot_fork_two_thirds() {
    let mut bench = Bench::new(4, Threshold::TwoThirds);
    bench.silent.insert(1);
    // Authority 1 is primary of height 1, round 0: one block for 0, another for 2 and 3, and votes for both.
    for (to, salt) in [(0, 90), (2, 91), (3, 91)] {
        bench.inject(to, Wire::Proposal(signed_proposal(1, 1, 0, salt)));
        for kind in [VoteKind::Prevote, VoteKind::Precommit] {
            bench.inject(to, Wire::Vote(signed_vote(1, 1, 0, kind, Some(salt))));
        }
    }
    assert!(
        bench.run_until(60_000, |bench| [0, 2, 3].iter().all(|i| bench.nodes[*i].decided.contains_key(&Height(1))))
    );
    assert!(bench.agrees() && bench.nobody_equivocates());
}

#[test]
fn a_double_voter_cannot_hide_a_lock() {
    // Authority 3 completes the quorum of prevotes for 0 only; 1 and 2 count its prevote for nothing and are left with
    // no quorum. Then 3 is silent for ever, so 0, 1 and 2 must all agree: 0 must convince them of its lock.
    let mut bench = Bench::new(4, Threshold::TwoThirds);
    bench.silent.insert(3);
    bench.loss = Box::new(|now, _, to, wire| match wire {
        // In the first round 2 sees no proposal, so it prevotes for nothing.
        Wire::Proposal(signed) => now < 1_900 && signed.value.round == Round(0) && to == 2,
        Wire::Vote(_) => false,
    });
    bench.inject(0, Wire::Vote(signed_vote(3, 1, 0, VoteKind::Prevote, Some(1))));
    for to in [1, 2] {
        bench.inject(to, Wire::Vote(signed_vote(3, 1, 0, VoteKind::Prevote, None)));
    }
    assert!(
        bench.run_until(120_000, |bench| [0, 1, 2].iter().all(|i| bench.nodes[*i].decided.contains_key(&Height(1))))
    );
    assert!(bench.agrees() && bench.nobody_equivocates());
    let blamed = |bench: &Bench, i: usize| bench.nodes[i].evidence.iter().all(|e| e.offender() == Some(node_id(3)));
    assert!(blamed(&bench, 1) && blamed(&bench, 2) && !bench.nodes[1].evidence.is_empty());
}

#[test]
fn messages_lost_for_a_while_are_made_up_for() {
    for lossy_ms in [500, 3_000, 20_000] {
        let mut bench = Bench::new(4, Threshold::TwoThirds);
        let mut count = 0u64;
        bench.loss = Box::new(move |now, from, to, _| {
            count += 1;
            now < lossy_ms && (count * 7 + from as u64 * 3 + to as u64) % 5 < 3
        });
        bench.last_height = Height(1);
        assert!(bench.run_until(200_000, |bench| bench.all_decided(Height(1))), "{lossy_ms}");
        assert!(bench.agrees() && bench.nobody_equivocates());
    }
}

#[test]
fn a_peer_that_missed_the_precommits_is_answered() {
    let mut bench = Bench::new(4, Threshold::TwoThirds);
    bench.loss = Box::new(|now, _, to, wire| match wire {
        Wire::Vote(signed) => now < 400 && to == 0 && signed.value.kind == VoteKind::Precommit,
        Wire::Proposal(_) => false,
    });
    bench.last_height = Height(1);
    assert!(bench.run_until(60_000, |bench| bench.all_decided(Height(1))));
    assert!(bench.agrees());
}

#[test]
fn a_certificate_decides_and_a_second_one_stops() {
    let mut bench = Bench::new(4, Threshold::TwoThirds);
    bench.run_until(60_000, |bench| bench.all_decided(Height(1)));
    let certificate = bench.nodes[0].decided[&Height(1)].clone();
    let (mut engine, _) = started(2, 4);
    let outputs = engine.step(1, Input::Certificate(certificate.clone()));
    assert!(outputs.contains(&Output::Decide { certificate: certificate.clone() }));
    assert!(engine.step(2, Input::Certificate(certificate.clone())).is_empty(), "a repetition changes nothing");
    assert!(engine.step(2, Input::Vote(signed_vote(3, 1, 0, VoteKind::Prevote, None).verify().unwrap())).is_empty());
    let mut other = certificate;
    other.block = block(Height(1), Round(0), 77);
    let outputs = engine.step(3, Input::Certificate(other));
    assert!(matches!(outputs[..], [Output::Fault(Fault::ConflictingDecisions { .. })]));
    assert!(
        engine
            .step(
                4,
                Input::StartHeight {
                    height: Height(2),
                    authorities: list(4, Threshold::TwoThirds),
                    timeouts: TIMEOUTS,
                }
            )
            .is_empty(),
        "it has stopped"
    );
}

#[test]
fn double_votes_and_double_proposals_are_evidence_but_capped() {
    let (mut engine, _) = started(0, 4);
    let mut found = Vec::new();
    for salt in 0..50 {
        let vote = signed_vote(3, 1, 0, VoteKind::Prevote, Some(salt)).verify().unwrap();
        let proposal = signed_proposal(1, 1, 0, salt).verify().unwrap();
        for input in [Input::Vote(vote), Input::Proposal(proposal)] {
            found.extend(engine.step(1, input).into_iter().filter_map(|output| match output {
                Output::Evidence(evidence) => Some(evidence),
                _ => None,
            }));
        }
    }
    assert_eq!(found.iter().filter(|e| matches!(e, Evidence::Votes(..))).count(), 2);
    assert_eq!(found.iter().filter(|e| matches!(e, Evidence::Proposals(..))).count(), 1);
    assert!(found.iter().all(|e| [Some(node_id(3)), Some(node_id(1))].contains(&e.offender())));
}

#[test]
fn wrong_chain_far_future_and_strangers_are_dropped_without_a_trace() {
    let (mut engine, _) = started(0, 4);
    let vote = |change: fn(&mut Vote), signer: usize| {
        let mut value = signed_vote(3, 1, 0, VoteKind::Prevote, None).value;
        change(&mut value);
        value.voter = node_id(signer);
        Input::Vote(Signed::sign(value, &key(signer)).verify().unwrap())
    };
    let cases = [
        vote(|v| v.chain = ChainId::new("other").unwrap(), 3),
        vote(|v| v.height = Height(3), 3),
        vote(|v| v.height = Height(0), 3),
        vote(|v| v.round = Round(11), 3),
        vote(|v| v.round = Round(u32::MAX), 3),
        vote(|_| (), 9),
        vote(|v| (v.height, v.round) = (Height(2), Round(4)), 3),
        Input::Proposal(signed_proposal(2, 1, 0, 1).verify().unwrap()),
        Input::BlockReady { height: Height(1), round: Round(0), block: block(Height(1), Round(0), 9), valid: true },
        Input::Built { height: Height(1), round: Round(0), block: block(Height(1), Round(0), 9) },
        Input::Timer(TimerKey { height: Height(1), round: Round(0), kind: TimerKind::Propose, epoch: 99 }),
    ];
    for input in cases {
        assert_eq!(engine.step(1, input.clone()), [], "{input:?}");
    }
    assert!(!engine.step(1, vote(|_| (), 3)).is_empty(), "the same vote in its place is counted");
    assert_eq!(engine.step(1, vote(|_| (), 3)), [], "and once only");
}

#[test]
fn messages_of_the_next_height_wait_for_it() {
    let (mut engine, _) = started(0, 4);
    for voter in [1, 2, 3] {
        let vote = signed_vote(voter, 2, 0, VoteKind::Prevote, None).verify().unwrap();
        assert_eq!(engine.step(1, Input::Vote(vote)), []);
    }
    let start =
        Input::StartHeight { height: Height(2), authorities: list(4, Threshold::TwoThirds), timeouts: TIMEOUTS };
    let logged = engine.step(2, start).into_iter().filter(|output| matches!(output, Output::Log(_))).count();
    assert_eq!(logged, 3);
}

#[test]
fn an_invalid_block_gets_no_vote() {
    let (mut engine, _) = started(0, 4);
    let proposal = signed_proposal(1, 1, 0, 1);
    let block = proposal.value.block;
    let outputs = engine.step(1, Input::Proposal(proposal.verify().unwrap()));
    assert!(outputs.iter().any(|output| matches!(output, Output::NeedBlock { .. })));
    let ready = Input::BlockReady { height: Height(1), round: Round(0), block, valid: false };
    let votes: Vec<_> = engine
        .step(2, ready)
        .into_iter()
        .filter_map(|output| match output {
            Output::SendVote(signed) => Some(signed.value.block),
            _ => None,
        })
        .collect();
    assert_eq!(votes, [None]);
}

#[test]
fn work_ends_the_idle_wait() {
    let idle = crate::Timeouts { idle_ms: 5_000, ..TIMEOUTS };
    let mut engine = Engine::new(chain(), node_id(0), Box::new(key(0)));
    let start = Input::StartHeight { height: Height(1), authorities: list(4, Threshold::TwoThirds), timeouts: idle };
    let wait = |outputs: &[Output]| {
        outputs.iter().find_map(|output| match output {
            Output::SetTimer { key, after_ms } if key.kind == TimerKind::Propose => Some(*after_ms),
            _ => None,
        })
    };
    assert_eq!(wait(&engine.step(0, start)), Some(7_000));
    assert_eq!(wait(&engine.step(100, Input::Work { height: Height(1) })), Some(2_000));
    assert_eq!(engine.step(200, Input::Work { height: Height(1) }), []);
}

#[test]
fn a_follower_decides_and_never_signs() {
    let mut bench = Bench::with_followers(4, 1, Threshold::TwoThirds);
    assert!(bench.run_until(60_000, |bench| bench.all_decided(Height(5))));
    assert!(bench.nodes[4].sent.is_empty());
    assert!(bench.now_ms > HOP_MS);
}
