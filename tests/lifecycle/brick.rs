//! An upgrade after which the members could not decide anything is found out before it is proposed, and undone when it is
//! voted through all the same.

use crate::{
    chain::Chain,
    trap::{Instead, with},
};
use althing_execution::Candidate;
use althing_interface::governance::{self, ProposalKind, ProposalStatus};
use althing_types::{hash::Hash, keyspace, receipt::FailureCode};

fn governor() -> &'static [u8] {
    althing_bundle::contracts().iter().find(|bundled| bundled.id == governance::ID).unwrap().code
}

/// The entry point and what it does instead, with words of the reason.
const FAULTS: [(&str, Instead, &str); 6] = [
    ("c_vote", Instead::Trap, "no member can vote"),
    ("c_vote", Instead::Nothing, "decide nothing"),
    ("c_end_block", Instead::Trap, "the end of a block fails"),
    ("c_end_block", Instead::Nothing, "not done at the end of any block"),
    ("c_open", Instead::Trap, "no member can open a proposal"),
    ("v_status", Instead::Trap, "asking for a proposal"),
];

#[test]
fn code_that_would_brick_governance_fails_its_dry_run() {
    let chain = Chain::start();
    let before = chain.state.0.clone();
    for (export, instead, reason) in FAULTS {
        let run = chain.dry_run(governance::ID, Candidate::Module(&with(governor(), export, instead)));
        let failure = run.ungoverned.unwrap_or_else(|| panic!("{export} passes: {:?}", run.failure));
        assert_eq!(failure.code, FailureCode::WouldBrickGovernance);
        assert!(failure.message.starts_with("would_brick_governance: "), "{failure:?}");
        assert!(failure.message.contains(reason), "{export}: {failure:?}");
        assert!(run.writes.is_empty() && run.failure.is_some());
    }
    assert!(chain.state.0 == before, "a dry run wrote something");
}

#[test]
fn a_harmless_build_of_the_governing_contract_passes() {
    let chain = Chain::start();
    // An entry point that no decision needs.
    let code = with(governor(), "v_scores", Instead::Trap);
    let run = chain.dry_run(governance::ID, Candidate::Module(&code));
    assert_eq!(run.failure, None);
    let hash = keyspace::code_hash(&code);
    assert!(!run.writes.contains_key(&keyspace::code(&hash)), "the code itself is no part of the change");
    assert_eq!(run.writes.len(), 1, "{:?}", run.writes.keys());
}

#[test]
fn a_bricking_upgrade_that_was_voted_through_is_undone_and_governance_goes_on() {
    for (export, instead, reason) in [FAULTS[0], FAULTS[2], FAULTS[4]] {
        let mut chain = Chain::start();
        let code: Hash = chain.store(&with(governor(), export, instead));
        let contract = crate::chain::id(governance::ID);
        let old = chain.entry(governance::ID);
        let number = chain.accept(ProposalKind::Upgrade { contract, code, forecast: None });
        let ended = chain.end(number);
        assert_eq!(ended.status, ProposalStatus::Failed, "{export}");
        assert!(
            ended.message.contains("would_brick_governance") && ended.message.contains(reason),
            "{}",
            ended.message
        );
        assert_eq!(chain.entry(governance::ID), old);
        assert!(chain.decides(), "{export}: members can decide nothing any more");
    }
}

#[test]
fn a_good_upgrade_of_the_governing_contract_is_carried_out_by_itself() {
    let mut chain = Chain::start();
    let code = chain.store(&with(governor(), "v_scores", Instead::Trap));
    let contract = crate::chain::id(governance::ID);
    let number = chain.accept(ProposalKind::Upgrade { contract, code, forecast: None });
    let ended = chain.end(number);
    assert_eq!((ended.status, ended.message.as_str()), (ProposalStatus::Done, ""));
    assert_eq!((chain.entry(governance::ID).code, chain.entry(governance::ID).upgrades), (code, 1));
    assert!(chain.decides());
}
