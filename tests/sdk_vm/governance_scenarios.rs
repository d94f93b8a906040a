//! What members decide together, in steps that both machines make: contracts `governance`, `node_admission` and
//! `node_removal`, with `tld_binding` as what proposals call. The claims in detail are the contracts' own tests.

use althing_governance::Governance;
use althing_interface::{
    call::Call,
    governance::{self, Choice, ProposalKind, ProposalStatus, ProposedCall},
    node_admission, node_removal, tld_binding,
};
use althing_node_admission::NodeAdmission;
use althing_node_removal::NodeRemoval;
use althing_sdk::{
    prelude::*,
    testing::{Deployed, Net, Org},
};
use althing_tld_binding::TldBinding;
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    codec::encode,
    crypto::{NodeId, SecretKey, Signed},
    genesis::Parameters,
    govern::{BlockFacts, GovernanceSettings, GovernorSeed, MemberNode, Standing},
    id::{ChainId, Round},
    organisation::{MemberKey, Organisation},
    vote::{Evidence, Vote, VoteKind},
};

const WHOLE: &[Role] = &[Role::Registry, Role::Operator, Role::Voter, Role::Deployer];
const A: Org = Org::new("org-a", WHOLE);
const B: Org = Org::new("org-b", WHOLE);
const C: Org = Org::new("org-c", WHOLE);
const D: Org = Org::new("org-d", WHOLE);

struct Chain {
    net: Net,
    governance: Deployed<Governance>,
    admission: Deployed<NodeAdmission>,
    removal: Deployed<NodeRemoval>,
    bindings: Deployed<TldBinding>,
}

fn secret(org: Org) -> SecretKey {
    let mut seed = [0; 32];
    seed[..org.name().len()].copy_from_slice(org.name().as_bytes());
    SecretKey::from_seed(&seed)
}

fn node_of(org: Org) -> NodeId {
    NodeId::from(secret(org).public())
}

fn organisation(org: Org) -> Organisation {
    let keys = List::new(vec![MemberKey::whole(org.key())]).unwrap();
    Organisation { id: org.id(), roles: [Role::Registry].into(), keys }
}

impl Chain {
    fn start(net: Net, orgs: &[Org]) -> Self {
        let node = |org: &Org| MemberNode {
            node: node_of(*org),
            organisation: org.id(),
            kind: Role::Registry,
            standing: Standing::Authority,
            address: Text::default(),
            since: Height(0),
        };
        let authority = |org: &Org| Authority { node: node_of(*org), organisation: org.id() };
        let seed = GovernorSeed {
            organisations: List::new(orgs.iter().map(|org| organisation(*org)).collect()).unwrap(),
            nodes: List::new(orgs.iter().map(node).collect()).unwrap(),
            coordinator: orgs[0].id(),
            certificate_authority: Bytes::default(),
            settings: GovernanceSettings {
                vote_ms: 1_000,
                timelock_ms: 50,
                promotion_ms: 100,
                ..GovernanceSettings::default()
            },
            parameters: Parameters::default(),
            authorities: AuthorityList::new(orgs.iter().map(authority).collect(), Threshold::TwoThirds).unwrap(),
        };
        net.set_governor(governance::ID);
        Self {
            governance: net.deploy_with(A, governance::ID, &(seed,)),
            admission: net.deploy_with(A, node_admission::ID, &()),
            removal: net.deploy_with(A, node_removal::ID, &()),
            bindings: net.deploy_with(A, tld_binding::ID, &()),
            net,
        }
    }

    fn end_block(&self) {
        let list = self.governance.by(A).authorities().ok().unwrap();
        let facts = BlockFacts {
            height: self.net.height(),
            time_ms: self.net.time_ms(),
            packer: node_of(A),
            previous_round: Round(1),
            verified: List::new(list.members().iter().map(|authority| authority.node).collect()).unwrap(),
            recovered: None,
            results: List::default(),
        };
        self.net.end_block(governance::ID, &facts);
        self.net.pass(60);
    }

    fn decide(&self, by: &[Org], id: u64) -> ProposalStatus {
        let content = self.governance.by(A).proposal(id).ok().unwrap().proposal.content;
        for org in by {
            self.governance.by(*org).vote(id, content, Choice::Agree).ok();
        }
        for _ in 0..3 {
            self.end_block();
        }
        self.governance.by(A).status(id).ok().unwrap()
    }

    fn request(&self, newcomer: Org, serial: u8) -> u64 {
        let der = vec![0x30, 10, 0x30, 8, 0xa0, 3, 2, 1, 2, 2, 1, serial];
        let certificates = List::new(vec![Bytes::new(der).unwrap()]).unwrap();
        let (node, address) = (node_of(newcomer), Text::new("192.0.2.1:4000").unwrap());
        self.admission.by(A).request(node, Role::Registry, address, organisation(newcomer), certificates).ok()
    }
}

fn bind(tld: &str, organisation: Org) -> ProposedCall {
    let call = tld_binding::Bind { tld: DomainName::parse(tld).unwrap(), organisation: organisation.id() };
    ProposedCall {
        contract: ContractId::new(tld_binding::Bind::CONTRACT).unwrap(),
        method: Text::new(tld_binding::Bind::METHOD).unwrap(),
        arguments: Bytes::new(encode(&call)).unwrap(),
    }
}

pub(crate) fn a_chain_grows_by_votes_and_shrinks_by_reviews(net: Net) {
    let chain = Chain::start(net, &[A, B]);
    for (newcomer, by, serial) in [(C, &[A, B][..], 1), (D, &[A, B], 2)] {
        let id = chain.request(newcomer, serial);
        assert_eq!(chain.decide(by, id), ProposalStatus::Done);
        chain.net.pass(100);
        let id = chain.governance.by(A).open(ProposalKind::Promote { node: node_of(newcomer) }).ok();
        let by = if newcomer.id() == C.id() { &[A, C][..] } else { &[A, C, D] };
        assert_eq!(chain.decide(by, id), ProposalStatus::Done);
    }
    assert_eq!(chain.governance.by(A).authorities().ok().unwrap().count(), 4);
    chain.governance.by(C).revoke(Text::new("01").unwrap(), Text::new("stolen").unwrap()).ok();
    chain.end_block();
    assert_eq!(chain.governance.by(A).authorities().ok().unwrap().count(), 3);
    let vote = |block: u8| {
        let vote = Vote {
            chain: ChainId::new("test").unwrap(),
            height: Height(4),
            round: Round(0),
            kind: VoteKind::Prevote,
            block: Some(Hash([block; 32])),
            voter: node_of(D),
        };
        Signed::sign(vote, &secret(D))
    };
    let evidence = Bytes::new(encode(&Evidence::Votes(vote(1), vote(2)))).unwrap();
    chain.removal.by(B).report(evidence).ok();
    let id = chain.removal.by(A).open_review(D.id(), None, Text::new("equivocation").unwrap()).ok();
    assert_eq!(chain.decide(&[A, B, C], id), ProposalStatus::Done);
    let keys = List::new(vec![MemberKey::whole(PublicKey([8; 32]))]).unwrap();
    chain.governance.by(B).set_keys(keys).ok();
    chain.governance.by(A).scores().ok();
    assert_eq!(chain.governance.by(A).counts().ok().members, 3);
}

pub(crate) fn accepted_calls_are_made_over_several_blocks(net: Net) {
    let chain = Chain::start(net, &[A, B]);
    let calls = (0..130).map(|n| bind(&format!("tld{n}"), B)).collect();
    let id = chain.governance.by(B).open(ProposalKind::Calls { calls: List::new(calls).unwrap() }).ok();
    assert_eq!(chain.decide(&[A, B], id), ProposalStatus::Executing);
    chain.end_block();
    assert_eq!(chain.governance.by(A).status(id).ok(), Some(ProposalStatus::Done));
    assert_eq!(chain.bindings.by(A).counts().ok().bindings, 130);
    let calls = List::new(vec![bind("new", A), bind("tld1", A), bind("other", A)]).unwrap();
    let id = chain.governance.by(B).open(ProposalKind::Calls { calls }).ok();
    assert_eq!(chain.decide(&[A, B], id), ProposalStatus::Failed);
    assert_eq!(chain.governance.by(A).proposal(id).ok().unwrap().proposal.progress, 1);
}

pub(crate) fn refused_votes_and_complaints_leave_no_trace(net: Net) {
    let chain = Chain::start(net, &[A, B, C]);
    let kind = ProposalKind::Coordinator { organisation: B.id() };
    let id = chain.governance.by(A).open(kind.clone()).ok();
    let content = governance::content_hash(&ChainId::new("test").unwrap(), id, &kind);
    let other = governance::content_hash(&ChainId::new("other").unwrap(), id, &kind);
    chain.governance.by(A).vote(id, content, Choice::Agree).ok();
    let numbers = [
        chain.governance.by(A).vote(id, content, Choice::Agree),
        chain.governance.by(B).vote(id, other, Choice::Agree),
        chain.governance.by(D).vote(id, content, Choice::Agree),
        chain.governance.by(B).withdraw(id, content),
        chain.governance.by(B).vote(id.saturating_add(1), content, Choice::Agree),
    ]
    .map(|answer| answer.outcome().result.unwrap_err().detail);
    assert_eq!(numbers, [5, 6, 4, 7, 1]);
    let complain = |text: &str| chain.removal.by(B).complain(C.id(), None, Text::new(text).unwrap(), Hash::default());
    assert_eq!(complain("").outcome().result.unwrap_err().detail, 1);
    complain("late blocks").ok();
    assert_eq!(complain("again").outcome().result.unwrap_err().detail, 3);
    let review = chain.removal.by(B).open_review(C.id(), None, Text::new("late").unwrap());
    assert_eq!(review.outcome().result.unwrap_err().detail, 10);
    chain.net.pass(2_000);
    let late = chain.governance.by(B).vote(id, content, Choice::Agree);
    assert_eq!(late.outcome().result.unwrap_err().detail, 3);
    chain.end_block();
    assert_eq!(chain.governance.by(A).status(id).ok(), Some(ProposalStatus::Expired));
}
