//! Who is a member: admission, promotion, demotion, removal, keys, certificates, and the authority list of it.

use crate::chain::{A, B, C, Chain, D, certificate, node_of, organisation, refused, settings};
use althing_interface::{
    governance::{CertificateRevoked, ProposalKind, ProposalStatus, Serial},
    layout,
};
use althing_sdk::{
    prelude::*,
    testing::Org,
    types::{
        authority::AuthorityList,
        codec::decode,
        govern::{BlockFacts, GovernanceSettings, MemberList, SelectionPolicy, Standing},
        id::Round,
        keyspace,
        organisation::{KeyEntry, MemberKey, Organisation},
    },
};

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).unwrap()
}

fn member_nodes(chain: &Chain) -> Vec<String> {
    let bytes = chain.net.system().get(&keyspace::members()).cloned().unwrap();
    let list: MemberList = decode("members", &bytes, bytes.len()).unwrap();
    let mut names: Vec<String> = list.nodes.iter().map(|node| node.organisation.to_string()).collect();
    names.sort();
    names
}

fn key_entry(chain: &Chain, key: PublicKey) -> Option<KeyEntry> {
    let bytes = chain.net.system().get(&keyspace::key_entry(&key)).cloned()?;
    Some(decode("key entry", &bytes, bytes.len()).unwrap())
}

/// Admits a newcomer, waits, and promotes its node.
fn grow(chain: &Chain, members: &[Org], newcomer: Org, serial: u8) {
    let id = chain.request(A, newcomer, serial);
    assert_eq!(chain.pass_proposal(members, id), ProposalStatus::Done, "{}", chain.proposal(id).message);
    let voters: Vec<Org> = members.iter().copied().chain([newcomer]).collect();
    let kind = ProposalKind::Promote { node: node_of(newcomer) };
    refused(chain.governance.by(A).open(kind.clone()), 14, &["promoted"]);
    chain.net.pass(500);
    let id = chain.open(A, &kind);
    assert_eq!(chain.pass_proposal(&voters[..voters.len() / 2 + 1], id), ProposalStatus::Done);
}

#[test]
fn a_chain_grows_from_one_to_two_to_four_authorities_and_back() {
    let chain = Chain::of(&[A]);
    assert_eq!(chain.authorities(), ["org-a"]);
    grow(&chain, &[A], B, 1);
    assert_eq!(chain.authorities(), ["org-a", "org-b"]);
    grow(&chain, &[A, B], C, 2);
    grow(&chain, &[A, B, C], D, 3);
    assert_eq!(chain.authorities(), ["org-a", "org-b", "org-c", "org-d"]);
    assert_eq!(member_nodes(&chain), ["org-a", "org-b", "org-c", "org-d"]);
    // What the node reads is what the contract says, in the order of ids.
    let bytes = chain.net.system().get(&keyspace::authorities()).cloned().unwrap();
    let list: AuthorityList = decode("authorities", &bytes, bytes.len()).unwrap();
    assert_eq!(Some(list.clone()), chain.governance.by(A).authorities().ok());
    assert!(list.members().windows(2).all(|pair| pair[0].node < pair[1].node));
    let demote = ProposalKind::Demote { node: node_of(D), standing: Standing::Ordinary };
    let id = chain.open(B, &demote);
    assert_eq!(chain.pass_proposal(&[A, B, C], id), ProposalStatus::Done);
    assert_eq!(chain.authorities(), ["org-a", "org-b", "org-c"]);
    assert_eq!(member_nodes(&chain).len(), 4);
    for gone in [C, B] {
        let id = chain.removal.by(A).open_review(gone.id(), None, text("goes")).ok();
        let members = chain.governance.by(A).counts().ok().members;
        let left = [A, B, C, D].into_iter().filter(|org| chain.governance.by(A).member(org.id()).ok().is_some());
        let voters: Vec<Org> = left.take(members as usize / 2 + 1).collect();
        assert_eq!(chain.pass_proposal(&voters, id), ProposalStatus::Done, "{}", chain.proposal(id).message);
        assert!(key_entry(&chain, gone.key()).is_none() && key_entry(&chain, node_of(gone).key()).is_none());
    }
    assert_eq!(chain.authorities(), ["org-a"]);
    assert_eq!(member_nodes(&chain), ["org-a", "org-d"]);
}

#[test]
fn a_removal_or_demotion_below_the_quorum_is_refused_when_opened_and_when_carried_out() {
    let chain = Chain::with(&[A, B, C], GovernanceSettings { least_authorities: 2, ..settings() });
    let first = chain.removal.by(A).open_review(B.id(), Some(node_of(B)), text("bad")).ok();
    let second = chain.open(A, &ProposalKind::Demote { node: node_of(C), standing: Standing::Backup });
    assert_eq!(chain.pass_proposal(&[A, B], first), ProposalStatus::Done);
    assert_eq!(chain.pass_proposal(&[A, B], second), ProposalStatus::Failed);
    assert!(chain.proposal(second).message.contains("at least 2"), "{}", chain.proposal(second).message);
    assert_eq!(chain.authorities(), ["org-a", "org-c"]);
    let demote = ProposalKind::Demote { node: node_of(C), standing: Standing::Backup };
    refused(chain.governance.by(A).open(demote), 17, &["1 nodes", "2"]);
    refused(chain.removal.by(A).open_review(C.id(), None, text("bad")), 15, &["QuorumAtRisk"]);
    refused(chain.removal.by(A).open_review(A.id(), None, text("bad")), 15, &["IsCoordinator"]);
}

#[test]
fn a_node_or_key_that_is_a_members_already_is_not_admitted_again() {
    let chain = Chain::of(&[A, B]);
    let request = |node, organisation: Organisation, serial| {
        chain.admission.by(A).request(node, Role::Registry, Text::default(), organisation, certificate(serial))
    };
    refused(request(node_of(B), organisation(C), 1), 4, &["org-b"]);
    let stolen = Organisation { keys: organisation(B).keys, ..organisation(C) };
    refused(request(node_of(C), stolen, 1), 5, &["org-b"]);
    let node_as_key = List::new(vec![MemberKey::whole(node_of(B).key())]).unwrap();
    refused(request(node_of(C), Organisation { keys: node_as_key, ..organisation(C) }, 1), 5, &["org-b"]);
    let rank = Organisation { roles: [Role::Registry, Role::Governance].into(), ..organisation(C) };
    refused(request(node_of(C), rank, 1), 6, &["BadOrganisation"]);
    let id = request(node_of(C), organisation(C), 1).ok();
    refused(request(node_of(C), organisation(C), 1), 1, &[&format!("{id}")]);
    // The same key in two requests: the second one fails when it is carried out.
    let twin = Organisation { id: D.id(), ..organisation(C) };
    let second = request(node_of(D), twin, 2).ok();
    assert_eq!(chain.pass_proposal(&[A, B], id), ProposalStatus::Done);
    assert_eq!(chain.pass_proposal(&[A, B, C], second), ProposalStatus::Failed);
    assert!(chain.governance.by(A).member(D.id()).ok().is_none());
    let none =
        chain.admission.by(A).request(node_of(D), Role::Registry, Text::default(), organisation(D), List::default());
    refused(none, 2, &[]);
    // A second node of a member brings no keys.
    let bare = Organisation { id: B.id(), roles: [].into(), keys: List::default() };
    let id = request(node_of(D), bare, 3).ok();
    assert_eq!(chain.pass_proposal(&[A, B], id), ProposalStatus::Done);
    assert_eq!(chain.governance.by(A).node(node_of(D)).ok().unwrap().node.standing, Standing::Backup);
    assert_eq!(key_entry(&chain, node_of(D).key()).unwrap().organisation, B.id());
    let record = chain.admission.by(A).request_of(node_of(D)).ok().unwrap();
    assert_eq!((record.proposal, record.forwarder), (id, A.id()));
}

#[test]
fn a_promotion_is_the_coordinators_to_propose_until_it_is_silent_for_too_long() {
    let chain = Chain::of(&[A, B]);
    let id = chain.request(B, C, 1);
    assert_eq!(chain.pass_proposal(&[A, B], id), ProposalStatus::Done);
    let kind = ProposalKind::Promote { node: node_of(C) };
    chain.net.pass(500);
    refused(chain.governance.by(B).open(kind.clone()), 13, &["org-b", "org-a"]);
    chain.net.pass(200);
    let id = chain.open(B, &kind);
    assert_eq!(chain.pass_proposal(&[B, C], id), ProposalStatus::Done);
    refused(chain.governance.by(A).open(kind), 16, &["needs no promotion"]);
    assert_eq!(chain.authorities().len(), 3);
}

#[test]
fn keys_are_rotated_and_nodes_keys_stay() {
    let chain = Chain::of(&[A, B]);
    let keys = |keys: &[(PublicKey, &[Role])]| {
        let keys = keys.iter().map(|(key, duties)| MemberKey { key: *key, duties: duties.iter().copied().collect() });
        List::new(keys.collect()).unwrap()
    };
    let key = PublicKey([9; 32]);
    chain.governance.by(B).set_keys(keys(&[(key, &Role::DUTIES)])).ok();
    assert!(key_entry(&chain, B.key()).is_none());
    assert!(key_entry(&chain, key).unwrap().roles.contains(&Role::Voter));
    let node = key_entry(&chain, node_of(B).key()).unwrap();
    assert!(node.roles.contains(&Role::Node) && !node.roles.contains(&Role::Voter));
    refused(chain.governance.by(B).set_keys(keys(&[(key, &[Role::Operator])])), 20, &["voter"]);
    refused(chain.governance.by(B).set_keys(keys(&[(key, &[Role::Voter, Role::Governance])])), 20, &["no other role"]);
    refused(chain.governance.by(B).set_keys(keys(&[(key, &[Role::Voter]), (key, &[Role::Operator])])), 20, &["twice"]);
    refused(chain.governance.by(B).set_keys(keys(&[(A.key(), &Role::DUTIES)])), 19, &["org-a"]);
    refused(chain.governance.by(B).set_keys(keys(&[(node_of(A).key(), &Role::DUTIES)])), 19, &["org-a"]);
    assert!(key_entry(&chain, key).is_some());
}

#[test]
fn a_revoked_certificate_takes_its_node_off_the_list_at_once() {
    let chain = Chain::of(&[A, B]);
    let id = chain.request(A, C, 5);
    assert_eq!(chain.pass_proposal(&[A, B], id), ProposalStatus::Done);
    let serial = Serial::new("05").unwrap();
    refused(chain.governance.by(B).revoke(serial.clone(), text("stolen")), 13, &["org-b"]);
    refused(chain.governance.by(C).revoke(Serial::new("06").unwrap(), text("stolen")), 28, &["06"]);
    let event = CertificateRevoked { serial: serial.clone(), node: Some(node_of(C)), reason: text("stolen") };
    chain.governance.by(C).revoke(serial.clone(), text("stolen")).emits(&event).ok();
    assert_eq!(member_nodes(&chain), ["org-a", "org-b"]);
    assert!(key_entry(&chain, node_of(C).key()).is_none() && chain.governance.by(A).member(C.id()).ok().is_some());
    refused(chain.governance.by(C).revoke(serial, text("stolen")), 28, &[]);
    let bare = Organisation { id: C.id(), roles: [].into(), keys: List::default() };
    let again = chain.admission.by(A).request(node_of(C), Role::Registry, Text::default(), bare, certificate(5));
    refused(again, 6, &["SerialTaken"]);
}

#[test]
fn nobody_is_admitted_with_a_certificate_that_was_revoked_before() {
    let chain = Chain::of(&[A, B]);
    let serial = Serial::new("05").unwrap();
    let event = CertificateRevoked { serial: serial.clone(), node: None, reason: text("sent to the wrong people") };
    chain.governance.by(A).revoke(serial.clone(), text("sent to the wrong people")).emits(&event).ok();
    refused(chain.governance.by(A).revoke(serial, text("again")), 28, &["05"]);
    let new = organisation(C);
    let request = chain.admission.by(B).request(node_of(C), Role::Registry, Text::default(), new, certificate(5));
    refused(request, 6, &["SerialTaken"]);
}

#[test]
fn verified_blocks_and_missed_rounds_make_the_score() {
    let chain = Chain::with(&[A, B, C], GovernanceSettings { most_authorities: 2, ..settings() });
    let list = chain.governance.by(A).authorities().ok().unwrap();
    let facts = |height, round, verified: &[Org]| BlockFacts {
        height: Height(height),
        previous_round: Round(round),
        verified: List::new(verified.iter().map(|org| node_of(*org)).collect()).unwrap(),
        ..chain.facts()
    };
    let end = |facts: &BlockFacts| {
        chain.net.end_block(althing_interface::governance::ID, facts);
        chain.net.pass(10);
    };
    end(&facts(2, 0, &[A, B]));
    end(&facts(3, 1, &[A, B]));
    let silent = list.primary(Height(2), Round(0));
    let scores = chain.governance.by(A).scores().ok();
    let of = |node| scores.iter().find(|entry| entry.counted.node == node).unwrap();
    assert_eq!(scores.iter().map(|entry| entry.counted.missed).sum::<u64>(), 1);
    assert_eq!(of(silent).counted.missed, 1);
    assert_eq!((of(node_of(A)).counted.verified, of(node_of(C)).counted.verified), (2, 0));
    assert!(chain.governance.state().contains_key(&layout::scores_key()));
    // At the next election two of three are chosen; the one that was silent is not.
    let id =
        chain.open(A, &ProposalKind::Settings { settings: GovernanceSettings { most_authorities: 2, ..settings() } });
    assert_eq!(chain.pass_proposal(&[A, B], id), ProposalStatus::Done);
    assert_eq!(chain.authorities().len(), 2);
    assert!(chain.governance.by(A).authorities().ok().unwrap().position(&silent).is_none());
}

#[test]
fn members_elect_authorities_when_the_policy_says_so() {
    let elected =
        GovernanceSettings { policy: SelectionPolicy::Election, most_authorities: 1, election_blocks: 2, ..settings() };
    let chain = Chain::with(&[A, B, C], elected);
    chain.governance.by(A).elect(List::new(vec![node_of(C)]).unwrap()).ok();
    chain.governance.by(B).elect(List::new(vec![node_of(C), node_of(A)]).unwrap()).ok();
    refused(chain.governance.by(B).elect(List::new(vec![node_of(D)]).unwrap()), 15, &[]);
    for _ in 0..3 {
        chain.end_and_pass(10);
    }
    assert_eq!(chain.authorities(), ["org-c"]);
    chain.governance.by(A).elect(List::new(vec![node_of(A)]).unwrap()).ok();
    chain.governance.by(B).elect(List::new(vec![node_of(A)]).unwrap()).ok();
    for _ in 0..3 {
        chain.end_and_pass(10);
    }
    assert_eq!(chain.authorities(), ["org-a"]);
}
