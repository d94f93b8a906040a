//! The chain of these tests: some organisations with one node each, the three contracts, and one that proposals call.

use althing_governance::Governance;
use althing_interface::{
    governance::{self, Choice, Proposal, ProposalKind, ProposalStatus, ProposedCall, ProposedCalls, content_hash},
    node_admission, node_removal,
};
use althing_node_admission::NodeAdmission;
use althing_node_removal::NodeRemoval;
use althing_sdk::{
    prelude::*,
    testing::{Answer, Deployed, Net, Org, Outcome},
    types::{
        authority::{Authority, AuthorityList, Threshold},
        codec::encode,
        crypto::NodeId,
        genesis::Parameters,
        govern::{BlockFacts, GovernanceSettings, GovernorSeed, MemberNode, Standing},
        hash::sha3_256,
        id::{ChainId, Round},
        organisation::{MemberKey, Organisation},
        receipt::FailureCode,
    },
};

const WHOLE: &[Role] = &[Role::Registry, Role::Operator, Role::Voter, Role::Deployer];
pub(crate) const A: Org = Org::new("org-a", WHOLE);
pub(crate) const B: Org = Org::new("org-b", WHOLE);
pub(crate) const C: Org = Org::new("org-c", WHOLE);
pub(crate) const D: Org = Org::new("org-d", WHOLE);
pub(crate) const E: Org = Org::new("org-e", WHOLE);
pub(crate) const F: Org = Org::new("org-f", WHOLE);
pub(crate) const ALL: [Org; 6] = [A, B, C, D, E, F];
pub(crate) const STRANGER: Org = Org::new("stranger", WHOLE);

/// What proposals call: remembers numbers in order.
#[contract(name = "notebook", state_version = 1)]
pub(crate) struct Notebook {
    pub(crate) numbers: Map<u64, u64>,
    pub(crate) count: Value<u64>,
}

/// Refusals of the notebook.
#[derive(ContractError, Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotebookError {
    /// The number 13 is refused.
    #[code(1)]
    Unlucky,
}

#[contract_api]
impl Notebook {
    /// Remembers a number.
    #[call(role = "governance")]
    fn note(&mut self, number: u64) -> Result<u64, NotebookError> {
        ensure!(number != 13, NotebookError::Unlucky);
        let at = self.count.get().unwrap_or(0);
        self.numbers.put(&at, &number);
        self.count.put(&(at + 1));
        Ok(at)
    }

    /// The same as a data change.
    #[call(role = "governance")]
    fn reviewed_note(&mut self, _organisation: OrganisationId, number: u64) -> Result<(), NotebookError> {
        self.note(number).map(|_| ())
    }

    /// How many.
    #[view]
    fn count(&self) -> u64 {
        self.count.get().unwrap_or(0)
    }
}

pub(crate) struct Chain {
    pub(crate) net: Net,
    pub(crate) governance: Deployed<Governance>,
    pub(crate) admission: Deployed<NodeAdmission>,
    pub(crate) removal: Deployed<NodeRemoval>,
    pub(crate) notebook: Deployed<Notebook>,
}

pub(crate) fn settings() -> GovernanceSettings {
    GovernanceSettings {
        vote_ms: 1_000,
        timelock_ms: 100,
        promotion_ms: 500,
        complaint_ms: 1_000,
        silence_ms: 200,
        complaints_needed: 2,
        open_reviews: 2,
        election_blocks: 1_000,
        rotation_blocks: 10,
        ..GovernanceSettings::default()
    }
}

pub(crate) fn node_of(org: Org) -> NodeId {
    NodeId(sha3_256(format!("node of {}", org.name()).as_bytes()).0)
}

pub(crate) fn organisation(org: Org) -> Organisation {
    let keys = List::new(vec![MemberKey::whole(org.key())]).unwrap();
    Organisation { id: org.id(), roles: [Role::Registry].into(), keys }
}

/// Something with the outer form of a certificate.
pub(crate) fn certificate(serial: u8) -> node_admission::CertificateChain {
    let inner = [0x30, 8, 0xa0, 3, 2, 1, 2, 2, 1, serial];
    let der = [&[0x30, inner.len() as u8][..], &inner].concat();
    List::new(vec![Bytes::new(der).unwrap()]).unwrap()
}

pub(crate) fn note(number: u64) -> ProposedCall {
    ProposedCall {
        contract: ContractId::new("notebook").unwrap(),
        method: Text::new("note").unwrap(),
        arguments: Bytes::new(encode(&(number,))).unwrap(),
    }
}

pub(crate) fn notes(numbers: impl IntoIterator<Item = u64>) -> ProposedCalls {
    List::new(numbers.into_iter().map(note).collect()).unwrap()
}

impl Chain {
    /// Members with one authority each; the first one is the coordinator.
    pub(crate) fn of(orgs: &[Org]) -> Self {
        Self::with(orgs, settings())
    }

    pub(crate) fn with(orgs: &[Org], settings: GovernanceSettings) -> Self {
        let net = Net::native();
        let nodes: Vec<MemberNode> = orgs
            .iter()
            .map(|org| MemberNode {
                node: node_of(*org),
                organisation: org.id(),
                kind: Role::Registry,
                standing: Standing::Authority,
                address: Text::default(),
                since: Height(0),
            })
            .collect();
        let authorities =
            nodes.iter().map(|n| Authority { node: n.node, organisation: n.organisation.clone() }).collect();
        let seed = GovernorSeed {
            organisations: List::new(orgs.iter().map(|org| organisation(*org)).collect()).unwrap(),
            nodes: List::new(nodes).unwrap(),
            coordinator: orgs[0].id(),
            certificate_authority: Bytes::default(),
            settings,
            parameters: Parameters::default(),
            authorities: AuthorityList::new(authorities, Threshold::TwoThirds).unwrap(),
        };
        net.set_governor(governance::ID);
        let governance = net.deploy_with::<Governance>(A, governance::ID, &(seed,));
        let admission = net.deploy_with::<NodeAdmission>(A, node_admission::ID, &());
        let removal = net.deploy_with::<NodeRemoval>(A, node_removal::ID, &());
        let notebook = net.deploy_with::<Notebook>(A, "notebook", &());
        Self { net, governance, admission, removal, notebook }
    }

    pub(crate) fn facts(&self) -> BlockFacts {
        BlockFacts {
            height: self.net.height(),
            time_ms: self.net.time_ms(),
            packer: node_of(A),
            previous_round: Round(0),
            verified: List::default(),
            recovered: None,
            results: List::default(),
        }
    }

    /// Ends the present block; the next one is so much later.
    pub(crate) fn end_and_pass(&self, ms: u64) -> Outcome {
        let outcome = self.net.end_block(governance::ID, &self.facts());
        self.net.pass(ms);
        outcome
    }

    pub(crate) fn proposal(&self, id: u64) -> Proposal {
        self.governance.by(A).proposal(id).ok().expect("proposal").proposal
    }

    pub(crate) fn status(&self, id: u64) -> ProposalStatus {
        self.proposal(id).status
    }

    pub(crate) fn open(&self, by: Org, kind: &ProposalKind) -> u64 {
        let id = self.governance.by(by).open(kind.clone()).ok();
        assert_eq!(self.proposal(id).content, content_hash(&ChainId::new("test").unwrap(), id, kind));
        id
    }

    pub(crate) fn vote(
        &self,
        by: Org,
        id: u64,
        choice: Choice,
    ) -> Answer<(), althing_interface::Refused<governance::GovernanceError>> {
        let content = self.proposal(id).content;
        self.governance.by(by).vote(id, content, choice)
    }

    pub(crate) fn agree(&self, by: &[Org], id: u64) {
        for org in by {
            self.vote(*org, id, Choice::Agree).ok();
        }
    }

    /// Has a proposal accepted by the first ones of some, and waits until it is ended.
    pub(crate) fn pass_proposal(&self, by: &[Org], id: u64) -> ProposalStatus {
        for org in by.iter().take_while(|_| self.status(id) == ProposalStatus::Open) {
            self.agree(&[*org], id);
        }
        for _ in 0..20 {
            if self.status(id).is_final() {
                break;
            }
            self.end_and_pass(60);
        }
        self.status(id)
    }

    pub(crate) fn request(&self, by: Org, newcomer: Org, serial: u8) -> u64 {
        self.admission
            .by(by)
            .request(node_of(newcomer), Role::Registry, Text::default(), organisation(newcomer), certificate(serial))
            .ok()
    }

    /// The organisations of the authority list.
    pub(crate) fn authorities(&self) -> Vec<String> {
        let list = self.governance.by(A).authorities().ok().unwrap();
        let mut names: Vec<String> = list.members().iter().map(|a| a.organisation.to_string()).collect();
        names.sort();
        names
    }
}

/// The call was refused with this number, and the message has these parts.
#[track_caller]
pub(crate) fn refused<R: althing_sdk::wire::Wire, X: althing_sdk::wire::ContractError>(
    answer: Answer<R, X>,
    number: u32,
    parts: &[&str],
) {
    let failure = answer.fails(FailureCode::ContractError);
    assert_eq!(failure.detail, number, "{}", failure.message);
    for part in parts {
        assert!(failure.message.contains(part), "'{part}' is not in '{}'", failure.message);
    }
}
