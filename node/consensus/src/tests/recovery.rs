//! A height that is begun anew under another list: rounds of its own, and nothing of before counts.

use super::bench::{TIMEOUTS, chain, key, list, node_id};
use super::{block, signed_proposal, signed_vote};
use crate::{Engine, Input, Output, Record};
use althing_types::{
    authority::{AuthorityList, Threshold},
    id::{Height, Round},
    vote::VoteKind,
};

const FIRST: Round = Round::of_recovery(1);

/// The first three of four go on.
fn three() -> AuthorityList {
    AuthorityList::new(list(4, Threshold::TwoThirds).members()[..3].to_vec(), Threshold::TwoThirds).unwrap()
}

fn recovered() -> Input {
    Input::StartRecovered { height: Height(1), authorities: three(), timeouts: TIMEOUTS, first_round: FIRST }
}

fn engine(me: usize) -> Engine {
    Engine::new(chain(), node_id(me), Box::new(key(me)))
}

fn started(me: usize) -> Engine {
    let mut engine = engine(me);
    let authorities = list(4, Threshold::TwoThirds);
    engine.step(0, Input::StartHeight { height: Height(1), authorities, timeouts: TIMEOUTS });
    engine
}

fn vote(voter: usize, round: Round, kind: VoteKind, salt: u8) -> Input {
    // The block is the same whichever the round of the vote.
    let mut signed = signed_vote(voter, 1, round.0, kind, None);
    signed.value.block = Some(block(Height(1), FIRST, salt));
    Input::Vote(althing_types::crypto::Signed::sign(signed.value, &key(voter)).verify().unwrap())
}

fn votes(outputs: &[Output]) -> Vec<Round> {
    let round = |o: &Output| if let Output::SendVote(v) = o { Some(v.value.round) } else { None };
    outputs.iter().filter_map(round).collect()
}

/// Who is primary of the first round of height 1 in the list of three.
fn primary() -> usize {
    let id = three().primary(Height(1), FIRST);
    (0..3).find(|n| node_id(*n) == id).unwrap()
}

#[test]
fn a_height_begun_anew_is_decided_in_rounds_of_the_recovery() {
    let me = (primary() + 1) % 3;
    let other = (primary() + 2) % 3;
    let mut engine = started(me);
    // It has voted under the old list: for nothing, as no proposal came.
    let old: Vec<Input> = (0..3).map(|n| vote(n, Round(0), VoteKind::Prevote, 1)).collect();
    let begun = engine.step(10, recovered());
    assert!(begun.iter().any(|o| matches!(o, Output::SetTimer { key, .. } if key.round == FIRST)), "{begun:?}");
    for old in old {
        assert_eq!(engine.step(11, old), Vec::new(), "a vote of before is of no use");
    }
    assert_eq!(engine.step(12, recovered()), Vec::new(), "the same recovery does not begin anew");
    let proposal = signed_proposal(primary(), 1, FIRST.0, 1);
    let block = proposal.value.block;
    engine.step(20, Input::Proposal(proposal.verify().unwrap()));
    let ready = Input::BlockReady { height: Height(1), round: FIRST, block, valid: true };
    assert_eq!(votes(&engine.step(21, ready)), [FIRST]);
    engine.step(22, vote(primary(), FIRST, VoteKind::Prevote, 1));
    assert_eq!(votes(&engine.step(23, vote(other, FIRST, VoteKind::Prevote, 1))), [FIRST]);
    engine.step(24, vote(primary(), FIRST, VoteKind::Precommit, 1));
    let outputs = engine.step(25, vote(other, FIRST, VoteKind::Precommit, 1));
    let decided =
        outputs.iter().find_map(|o| if let Output::Decide { certificate } = o { Some(certificate) } else { None });
    let certificate = decided.expect("three of three are a quorum");
    assert_eq!((certificate.round, certificate.block), (FIRST, block));
    certificate.verify(&chain(), &three()).unwrap();
    assert_eq!(engine.step(26, recovered()), Vec::new(), "what is decided is not begun anew");
}

#[test]
fn a_replay_passes_over_what_was_said_before_the_recovery() {
    let me = primary();
    let mut engine = started(me);
    let mut log: Vec<Record> = Vec::new();
    let mut keep = |outputs: &[Output]| {
        log.extend(
            outputs.iter().filter_map(|o| if let Output::Log(record) = o { Some(record.clone()) } else { None }),
        );
    };
    let old = vote((me + 1) % 3, Round(0), VoteKind::Prevote, 9);
    keep(&engine.step(1, old));
    engine.step(10, recovered());
    let own = block(Height(1), FIRST, 1);
    let outputs = engine.step(11, Input::Built { height: Height(1), round: FIRST, block: own });
    assert_eq!(votes(&outputs), [FIRST]);
    keep(&outputs);
    assert!(log.iter().any(|record| record.round() == Round(0)) && log.iter().any(|record| record.round() == FIRST));
    let mut again = self::engine(me);
    again.step(20, recovered());
    let outputs = again.step(21, Input::Replay(log));
    assert!(!outputs.iter().any(|o| matches!(o, Output::Fault(_))), "{outputs:?}");
    assert_eq!(votes(&outputs), [FIRST], "it says the same again, and nothing of the list before");
}
