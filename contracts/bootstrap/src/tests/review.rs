//! Claims about changes that the management node or a committee reviews (A6), with the real governing contract.

use super::*;
use althing_governance::Governance;
use althing_interface::{
    bootstrap::EntrySubmitted,
    governance::{self, Choice, ProposalStatus},
};
use althing_sdk::types::{
    authority::{Authority, AuthorityList, Threshold},
    crypto::NodeId,
    genesis::Parameters,
    govern::{BlockFacts, GovernanceSettings, GovernorSeed, MemberNode, ReviewMode, Standing},
    hash::sha3_256,
    id::Round,
    organisation::{MemberKey, Organisation},
};

const WHOLE: [Role; 3] = [Role::Registry, Role::Operator, Role::Voter];
const A: Org = Org::new("lab-registry", &WHOLE);
const B: Org = Org::new("net-registry", &WHOLE);
const C: Org = Org::new("org-registry", &WHOLE);
const D: Org = Org::new("coordinator", &WHOLE);
const ALL: [Org; 4] = [A, B, C, D];

struct Reviewed {
    net: Net,
    governance: Deployed<Governance>,
    bindings: Deployed<TldBinding>,
    bootstrap: Deployed<Bootstrap>,
}

fn node_of(org: Org) -> NodeId {
    NodeId(sha3_256(format!("node of {}", org.name()).as_bytes()).0)
}

fn reviewed(review: ReviewMode) -> Reviewed {
    let net = Net::native();
    let member = |org: &Org| Organisation {
        id: org.id(),
        roles: [Role::Registry].into(),
        keys: List::new(vec![MemberKey::whole(org.key())]).unwrap(),
    };
    let node = |org: &Org| MemberNode {
        node: node_of(*org),
        organisation: org.id(),
        kind: Role::Registry,
        standing: Standing::Authority,
        address: Text::default(),
        since: Height(0),
    };
    let authorities = ALL.iter().map(|org| Authority { node: node_of(*org), organisation: org.id() }).collect();
    let seed = GovernorSeed {
        organisations: List::new(ALL.iter().map(member).collect()).unwrap(),
        nodes: List::new(ALL.iter().map(node).collect()).unwrap(),
        coordinator: D.id(),
        certificate_authority: Bytes::default(),
        settings: GovernanceSettings {
            review,
            vote_ms: 1_000,
            timelock_ms: 10,
            committee_size: 3,
            committee_needed: 2,
            ..GovernanceSettings::default()
        },
        parameters: Parameters::default(),
        authorities: AuthorityList::new(authorities, Threshold::TwoThirds).unwrap(),
    };
    net.set_governor(governance::ID);
    let governance = net.deploy_with::<Governance>(A, governance::ID, &(seed,));
    let bindings = net.deploy::<TldBinding>(GOVERNOR);
    bindings.by(GOVERNOR).bind(name("lab"), A.id()).ok();
    let bootstrap = net.deploy_with::<Bootstrap>(GOVERNOR, ID, &(Init::default(),));
    Reviewed { net, governance, bindings, bootstrap }
}

impl Reviewed {
    fn end_and_pass(&self) {
        let facts = BlockFacts {
            height: self.net.height(),
            time_ms: self.net.time_ms(),
            packer: node_of(A),
            previous_round: Round(0),
            verified: List::default(),
            recovered: None,
            results: List::default(),
        };
        self.net.end_block(governance::ID, &facts);
        self.net.pass(20);
    }
    fn vote(&self, by: Org, proposal: u64, choice: Choice) {
        let content = self.governance.by(by).proposal(proposal).ok().unwrap().proposal.content;
        self.governance.by(by).vote(proposal, content, choice).ok();
    }
    /// Everyone who may review says this; then the proposal is carried out or ends.
    fn decide(&self, proposal: u64, choice: Choice) -> ProposalStatus {
        for org in ALL {
            let view = self.governance.by(org).proposal(proposal).ok().unwrap();
            if view.proposal.status != ProposalStatus::Open {
                break;
            }
            let _ = self.governance.by(org).vote(proposal, view.proposal.content, choice);
        }
        for _ in 0..200 {
            let status = self.governance.by(A).status(proposal).ok().unwrap();
            if status.is_final() {
                return status;
            }
            self.end_and_pass();
        }
        panic!("proposal {proposal} does not end")
    }
    fn manager(&self) -> Org {
        let node = self.governance.by(A).management_node().ok().unwrap();
        ALL.into_iter().find(|org| node_of(*org) == node).unwrap()
    }
}

#[test]
fn a_change_waits_until_the_management_node_accepts_it() {
    let chain = reviewed(ReviewMode::Management);
    let first = urls(&["https://rdap.nic.lab/"]);
    let answer = chain.bootstrap.by(A).set(name("lab"), first.clone());
    let answer = answer.emits(&EntrySubmitted { tld: name("lab"), proposal: 0 });
    let proposal = answer.ok().unwrap();
    chain.end_and_pass();
    chain.bootstrap.by(A).entry(name("lab")).gives(None);
    // Here the management node is the submitter's own: who comes next in turn reviews.
    assert_eq!(chain.manager().id(), A.id());
    let view = chain.governance.by(A).proposal(proposal).ok().unwrap();
    chain.governance.by(A).vote(proposal, view.proposal.content, Choice::Agree).fails(FailureCode::ContractError);
    assert_eq!(chain.decide(proposal, Choice::Agree), ProposalStatus::Done);
    let entry = chain.bootstrap.by(A).entry(name("lab")).ok().unwrap();
    assert_eq!((entry.urls, entry.by, entry.revision), (first, A.id(), 1));
    // Deleting is reviewed too, and a refusal leaves everything as it is.
    let proposal = chain.bootstrap.by(A).delete(name("lab")).ok().unwrap();
    assert_ne!(chain.decide(proposal, Choice::Object), ProposalStatus::Done);
    assert!(chain.bootstrap.by(A).entry(name("lab")).ok().is_some());
    let proposal = chain.bootstrap.by(A).delete(name("lab")).ok().unwrap();
    assert_eq!(chain.decide(proposal, Choice::Agree), ProposalStatus::Done);
    chain.bootstrap.by(A).entry(name("lab")).gives(None);
}

#[test]
fn a_committee_of_k_endorses() {
    let chain = reviewed(ReviewMode::Committee);
    let proposal = chain.bootstrap.by(A).set(name("lab"), urls(&["https://rdap.nic.lab/"])).ok().unwrap();
    let members: Vec<Org> = ALL.into_iter().filter(|org| org.id() != A.id()).collect();
    chain.vote(members[0], proposal, Choice::Agree);
    chain.end_and_pass();
    chain.bootstrap.by(A).entry(name("lab")).gives(None);
    chain.vote(members[1], proposal, Choice::Agree);
    chain.end_and_pass();
    assert!(chain.bootstrap.by(A).entry(name("lab")).ok().is_some());
}

#[test]
fn what_changed_hands_under_review_is_not_written() {
    let chain = reviewed(ReviewMode::Management);
    let set = |url: &str| chain.bootstrap.by(A).set(name("lab"), urls(&[url])).ok().unwrap();
    let (first, second) = (set("https://one.nic.lab/"), set("https://two.nic.lab/"));
    assert_eq!(chain.decide(first, Choice::Agree), ProposalStatus::Done);
    // The second was made on what the first has changed.
    assert_eq!(chain.decide(second, Choice::Agree), ProposalStatus::Failed);
    let third = set("https://three.nic.lab/");
    chain.bindings.by(GOVERNOR).rebind(name("lab"), B.id()).ok();
    assert_eq!(chain.decide(third, Choice::Agree), ProposalStatus::Failed);
    let entry = chain.bootstrap.by(A).entry(name("lab")).ok().unwrap();
    assert_eq!(entry.urls, urls(&["https://one.nic.lab/"]));
}

#[test]
fn only_the_management_node_of_the_moment_keeps_the_list() {
    let chain = reviewed(ReviewMode::Management);
    let manager = chain.manager();
    let list = || batch(vec![listed(7, "Seller Ltd.", RegistrarStatus::Accredited)]);
    for org in ALL.into_iter().filter(|org| org.id() != manager.id()) {
        refused(chain.bootstrap.by(org).load_accreditation(list(), 1_000), 16, &[org.name()]);
    }
    chain.bootstrap.by(manager).load_accreditation(list(), 1_000).ok();
    chain.bootstrap.by(SELLER).apply(7).ok();
    chain.bootstrap.by(manager).approve(SELLER.id(), 7).ok();
}

#[test]
fn nobody_reviews_when_the_members_say_so() {
    let chain = reviewed(ReviewMode::None);
    chain.bootstrap.by(A).set(name("lab"), urls(&["https://rdap.nic.lab/"])).gives(None);
    assert!(chain.bootstrap.by(A).entry(name("lab")).ok().is_some());
}
