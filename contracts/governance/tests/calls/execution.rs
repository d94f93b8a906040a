//! What is carried out at the end of blocks, and that it is bounded.

use crate::chain::{A, B, C, Chain, notes, refused, settings};
use althing_interface::governance::{self, ProposalKind, ProposalStatus};
use althing_sdk::{
    prelude::*,
    testing::{Entry, Org},
    types::{
        codec::{decode, encode},
        genesis::Parameters,
        govern::{BlockFacts, ChangeResult, GovernanceSettings, SystemChange, deferred_of},
        keyspace,
    },
};

#[test]
fn a_batch_of_calls_is_carried_out_over_several_blocks() {
    let chain = Chain::of(&[A, B]);
    let id = chain.open(A, &ProposalKind::Calls { calls: notes(100..250) });
    chain.agree(&[A, B], id);
    chain.end_and_pass(100);
    for (made, status) in
        [(64, ProposalStatus::Executing), (128, ProposalStatus::Executing), (150, ProposalStatus::Done)]
    {
        chain.end_and_pass(10);
        chain.notebook.by(A).count().gives(made);
        assert_eq!((chain.status(id), chain.proposal(id).progress), (status, made as u32));
    }
    chain.end_and_pass(10);
    chain.notebook.by(A).count().gives(150);
}

#[test]
fn the_first_failing_call_ends_a_batch_and_names_itself() {
    let chain = Chain::of(&[A]);
    let id = chain.open(A, &ProposalKind::Calls { calls: notes([1, 2, 13, 4]) });
    chain.agree(&[A], id);
    chain.end_and_pass(100);
    let outcome = chain.end_and_pass(10);
    let told = outcome.events.iter().any(|event| event.name.as_str() == "ProposalExecuted");
    assert!(told, "{outcome:?}");
    let proposal = chain.proposal(id);
    assert_eq!((proposal.status, proposal.progress), (ProposalStatus::Failed, 2));
    assert!(proposal.message.contains("call 2") && proposal.message.contains("Unlucky"), "{}", proposal.message);
    chain.notebook.by(A).count().gives(2);
}

#[test]
fn a_failing_proposal_does_not_hold_up_the_next_one() {
    let chain = Chain::of(&[A]);
    let calls = [notes([13]), notes([1]), notes([2])];
    let ids = calls.map(|calls| chain.open(A, &ProposalKind::Calls { calls }));
    ids.iter().for_each(|id| chain.agree(&[A], *id));
    chain.end_and_pass(100);
    for _ in 0..3 {
        chain.end_and_pass(1);
    }
    use ProposalStatus::{Done, Failed};
    assert_eq!(ids.map(|id| chain.status(id)), [Failed, Done, Done]);
    assert!(chain.governance.state().get(&althing_interface::layout::agenda_key()).unwrap() == &[0; 4]);
}

#[test]
fn a_call_of_governance_itself_fails_and_changes_nothing() {
    let chain = Chain::of(&[A]);
    let call = governance::ProposedCall {
        contract: ContractId::new(governance::ID).unwrap(),
        method: Text::new("end_block").unwrap(),
        arguments: Bytes::new(encode(&(chain.facts(),))).unwrap(),
    };
    let id = chain.open(A, &ProposalKind::Calls { calls: List::new(vec![call]).unwrap() });
    assert_eq!(chain.pass_proposal(&[A], id), ProposalStatus::Failed);
}

#[test]
fn the_node_alone_ends_a_block() {
    const MIGHTY: Org = Org::new("org-a", &[Role::Governance]);
    let chain = Chain::of(&[A]);
    chain.governance.by(A).end_block(chain.facts()).lacks_role();
    refused(chain.governance.by(MIGHTY).end_block(chain.facts()), 30, &["node"]);
}

#[test]
fn the_end_of_a_block_with_nothing_to_do_changes_nothing() {
    let chain = Chain::of(&[A, B]);
    let before = chain.governance.state();
    let outcome = chain.end_and_pass(10);
    assert!(outcome.events.is_empty());
    assert_eq!(before, chain.governance.state());
}

#[test]
fn code_is_changed_by_the_node_and_its_answer_ends_the_proposal() {
    let chain = Chain::with(&[A, B], GovernanceSettings { attestations_needed: 2, ..settings() });
    let (contract, code) = (ContractId::new("late").unwrap(), Hash([3; 32]));
    let kind = ProposalKind::Deploy { contract: contract.clone(), code, arguments: Bytes::default() };
    let id = chain.open(A, &kind);
    assert_eq!(chain.pass_proposal(&[A, B], id), ProposalStatus::Failed);
    assert!(chain.proposal(id).message.contains("0 members have rebuilt"), "{}", chain.proposal(id).message);
    for org in [A, B] {
        chain.governance.by(org).attest(code).ok();
    }
    for (done, status) in [(true, ProposalStatus::Done), (false, ProposalStatus::Failed)] {
        let id = chain.open(A, &kind);
        chain.agree(&[A, B], id);
        chain.end_and_pass(100);
        chain.end_and_pass(10);
        assert_eq!(chain.status(id), ProposalStatus::Executing);
        let deferred = deferred_of(chain.net.system().get(&keyspace::deferred()).unwrap()).unwrap();
        let change = SystemChange::Deploy { tag: id, contract: contract.clone(), code, arguments: Bytes::default() };
        assert!(deferred.contains(&change));
        let results = List::new(vec![ChangeResult { tag: id, done, message: Text::new("why").unwrap() }]).unwrap();
        let outcome = chain.net.end_block(governance::ID, &BlockFacts { results, ..chain.facts() });
        assert_eq!(chain.status(id), status);
        assert!(outcome.events.iter().any(|event| event.name.as_str() == "ProposalExecuted"));
        chain.net.pass(10);
    }
}

#[test]
fn parameters_and_settings_are_what_members_make_them() {
    let chain = Chain::of(&[A, B, C]);
    let parameters = Parameters { block_interval_ms: 77, ..Parameters::default() };
    let id = chain.open(B, &ProposalKind::Parameters { parameters: parameters.clone() });
    assert_eq!(chain.pass_proposal(&[A, B], id), ProposalStatus::Done);
    let bytes = chain.net.system().get(&keyspace::parameters()).cloned().unwrap();
    assert_eq!(decode::<Parameters>("parameters", &bytes, bytes.len()).unwrap(), parameters);
    chain.governance.by(A).parameters().gives(Some(parameters));
    let wanted = GovernanceSettings { vote_ms: 5, timelock_ms: 0, ..settings() };
    let id = chain.open(B, &ProposalKind::Settings { settings: wanted.clone() });
    chain.agree(&[A, B], id);
    chain.end_and_pass(100);
    let outcome = chain.end_and_pass(10);
    let names: Vec<&str> = outcome.events.iter().map(|event| event.name.as_str()).collect();
    assert_eq!(names, ["SettingsChanged", "ProposalExecuted"]);
    chain.governance.by(A).settings().gives(Some(wanted));
    // Without a timelock a proposal is carried out in the block that accepts it.
    let id = chain.open(B, &ProposalKind::Calls { calls: notes([1]) });
    chain.agree(&[A, B], id);
    chain.end_and_pass(1);
    assert_eq!(chain.status(id), ProposalStatus::Done);
    // A coordinator is chosen like anything else.
    let id = chain.open(C, &ProposalKind::Coordinator { organisation: C.id() });
    chain.agree(&[B, C], id);
    chain.end_and_pass(1);
    assert_eq!(chain.governance.by(A).coordinator().ok().unwrap().organisation, C.id());
    let bad = chain.governance.by(A).raw(Entry::Call("open"), &[250]);
    assert!(bad.result.is_err());
}
