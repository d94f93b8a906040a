//! Contract `governance`: who is a member, what members decide together, and what the node is told of it.
//!
//! ```text
//!  open, vote, withdraw --> vote.rs --decided--> agenda
//!  end of each block --> block_end.rs --due--> carry_out.rs --> members.rs --govern--> the node
//!                             '--> authorities.rs --govern--> the node
//! ```
//!
//! Entry points are here, checks without storage in `rules`, the state in `state`. Nothing here calls back into the
//! contract that is calling, and what the end of a block costs is bounded: see `block_end`.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod authorities;
mod block_end;
mod carry_out;
mod members;
mod opening;
mod remediation;
mod review;
mod rules;
mod state;
mod vote;

use althing_interface::{
    Refused,
    governance::{
        Candidates, CertificateFacts, Choice, CoordinatorRecord, GovernanceCounts, GovernanceError, MAX_PAGE,
        MAX_REASON, Member, MemberPage, NodePage, NodeRecord, ProposalKind, ProposalPage, ProposalStatus, ProposalView,
        ProposedCalls, ScoreEntry, Serial, VoteEntry, VotePage,
    },
};
use althing_sdk::{
    prelude::*,
    types::{
        authority::AuthorityList,
        codec::encode,
        crypto::NodeId,
        genesis::Parameters,
        govern::{BlockFacts, GovernanceSettings, GovernorSeed, MAX_NODES, MAX_ROOT_CERTIFICATE, MemberNode},
        organisation::{MAX_KEYS, MemberKey, Organisation},
    },
};
pub use state::Governance;

/// Longest page of proposals in bytes: below the longest result of a call.
const MAX_PAGE_BYTES: usize = 60_000;

/// A refusal of this contract.
type Refusal = Refused<GovernanceError>;

#[contract_api]
impl Governance {
    /// Takes over the members, nodes and numbers of the genesis.
    #[init]
    fn init(&mut self, cx: &mut Ctx, seed: GovernorSeed) -> Result<(), Refusal> {
        self.start(cx, seed)
    }

    /// Opens a proposal; gives its number. A member's key with the duty voter or operator.
    #[call]
    fn open(&mut self, cx: &mut Ctx, kind: ProposalKind) -> Result<u64, Refusal> {
        let opener = self.acting(cx)?;
        self.may_open(cx, &opener, &kind)?;
        remediation::check(cx, &kind)?;
        self.open_vote(cx, opener, &kind, None)
    }

    /// Opens the vote on an admission. Only contract `node_admission`.
    #[call]
    fn open_admission(
        &mut self,
        cx: &mut Ctx,
        node: MemberNode,
        organisation: Organisation,
        certificate: CertificateFacts,
    ) -> Result<u64, Refusal> {
        called_by(cx, althing_interface::node_admission::ID)?;
        let opener = self.acting(cx)?;
        self.admissible(&node, &organisation, &certificate)?;
        self.open_vote(cx, opener, &ProposalKind::Admit { node, organisation, certificate }, None)
    }

    /// Opens the vote on a removal. Only contract `node_removal`.
    #[call]
    fn open_removal(
        &mut self,
        cx: &mut Ctx,
        organisation: OrganisationId,
        node: Option<NodeId>,
    ) -> Result<u64, Refusal> {
        called_by(cx, althing_interface::node_removal::ID)?;
        let opener = self.acting(cx)?;
        self.removable(&organisation, node)?;
        self.open_vote(cx, opener, &ProposalKind::Remove { organisation, node }, None)
    }

    /// Submits a change of data for review; gives the number of the vote, nothing when it was written at once.
    #[call]
    fn submit_change(&mut self, cx: &mut Ctx, calls: ProposedCalls) -> Result<Option<u64>, Refusal> {
        self.submit(cx, calls)
    }

    /// Casts or changes the vote of the signer's organisation.
    #[call(role = "voter")]
    fn vote(&mut self, cx: &mut Ctx, proposal: u64, content: Hash, choice: Choice) -> Result<(), Refusal> {
        self.cast(cx, proposal, content, choice)
    }

    /// Takes the vote of the signer's organisation back.
    #[call(role = "voter")]
    fn withdraw(&mut self, cx: &mut Ctx, proposal: u64, content: Hash) -> Result<(), Refusal> {
        self.take_back(cx, proposal, content)
    }

    /// Replaces the keys of the signer's organisation; those of its nodes stay.
    #[call(role = "voter")]
    fn set_keys(&mut self, cx: &mut Ctx, keys: List<MemberKey, MAX_KEYS>) -> Result<(), Refusal> {
        self.replace_keys(cx, keys)
    }

    /// Revokes a certificate: the node that was admitted with it leaves at once.
    #[call(role = "voter")]
    fn revoke(&mut self, cx: &mut Ctx, serial: Serial, reason: Text<MAX_REASON>) -> Result<(), Refusal> {
        self.revoke_certificate(cx, serial, reason)
    }

    /// Names the nodes that the signer's organisation wants as authorities.
    #[call(role = "voter")]
    fn elect(&mut self, cx: &mut Ctx, nodes: Candidates) -> Result<(), Refusal> {
        self.set_election(cx, &nodes)
    }

    /// Says that the signer's organisation has rebuilt a module from its source and got the same bytes.
    #[call(role = "deployer")]
    fn attest(&mut self, cx: &mut Ctx, code: Hash) -> Result<(), Refusal> {
        let organisation = self.member_of(cx)?;
        self.attestations.add(&code, &organisation);
        Ok(())
    }

    /// The end of a block: counts, closes votes, carries out, renews the authority list. Only the node.
    #[call(role = "governance")]
    fn end_block(&mut self, cx: &mut Ctx, facts: BlockFacts) -> Result<(), Refusal> {
        ensure!(cx.signer() == PublicKey([0; 32]) && cx.caller().is_none(), GovernanceError::NotTheNode {});
        self.end(cx, &facts)
    }

    /// A member.
    #[view]
    fn member(&self, organisation: OrganisationId) -> Option<Member> {
        self.members.get(&organisation)
    }

    /// Members by id.
    #[view]
    fn members(&self, after: Option<OrganisationId>) -> MemberPage {
        let page = self.members.page::<16>(after.as_ref()).into_vec();
        List::new(page.into_iter().map(|(_, member)| member).collect()).unwrap_or_default()
    }

    /// A node.
    #[view]
    fn node(&self, node: NodeId) -> Option<NodeRecord> {
        self.nodes.get(&node.key())
    }

    /// Nodes by id.
    #[view]
    fn nodes(&self, after: Option<NodeId>) -> NodePage {
        let page = self.nodes.page::<MAX_PAGE>(after.map(|node| node.key()).as_ref()).into_vec();
        List::new(page.into_iter().map(|(_, node)| node).collect()).unwrap_or_default()
    }

    /// A proposal with its content.
    #[view]
    fn proposal(&self, proposal: u64) -> Option<ProposalView> {
        Some(ProposalView { proposal: self.proposals.get(&proposal)?, kind: self.contents.get(&proposal)? })
    }

    /// Where a proposal is.
    #[view]
    fn status(&self, proposal: u64) -> Option<ProposalStatus> {
        self.proposals.get(&proposal).map(|proposal| proposal.status)
    }

    /// Proposals by number: as many as fit.
    #[view]
    fn proposals(&self, after: Option<u64>) -> ProposalPage {
        let (mut page, mut bytes) = (Vec::new(), 0usize);
        for (_, proposal) in self.proposals.page::<16>(after.as_ref()).into_vec() {
            bytes = bytes.saturating_add(encode(&proposal).len());
            if bytes > MAX_PAGE_BYTES {
                break;
            }
            page.push(proposal);
        }
        List::new(page).unwrap_or_default()
    }

    /// Votes on a proposal by organisation.
    #[view]
    fn votes(&self, proposal: u64, after: Option<OrganisationId>) -> VotePage {
        let entries =
            self.votes.iter_prefix(&proposal).map(|((_, organisation), vote)| VoteEntry { organisation, vote });
        let rest = entries.skip_while(|entry| after.as_ref().is_some_and(|after| entry.organisation <= *after));
        List::new(rest.take(MAX_PAGE).collect()).unwrap_or_default()
    }

    /// The authority list of the next height.
    #[view]
    fn authorities(&self) -> Option<AuthorityList> {
        self.lists.get().map(|lists| lists.present)
    }

    /// The score of each node.
    #[view]
    fn scores(&self, cx: &Ctx) -> List<ScoreEntry, MAX_NODES> {
        self.score_entries(cx.height())
    }

    /// The numbers that governance works by.
    #[view]
    fn settings(&self) -> Option<GovernanceSettings> {
        self.settings.get()
    }

    /// The chain's parameters as the members set them.
    #[view]
    fn parameters(&self) -> Option<Parameters> {
        self.parameters.get()
    }

    /// Who leads votes.
    #[view]
    fn coordinator(&self) -> Option<CoordinatorRecord> {
        self.coordinator.get()
    }

    /// The consortium's certificate authority: X.509 in DER; empty when the genesis names none.
    #[view]
    fn certificate_authority(&self) -> Bytes<MAX_ROOT_CERTIFICATE> {
        self.certificate_authority.get().unwrap_or_default()
    }

    /// The node that reviews changes of data at this height.
    #[view]
    fn management_node(&self, cx: &Ctx) -> Option<NodeId> {
        self.reviewers(cx.height(), 1).first().map(|authority| authority.node)
    }

    /// The committee that endorses changes of data at this height.
    #[view]
    fn committee(&self, cx: &Ctx) -> Candidates {
        let size = self.settings.get().map_or(0, |settings| settings.committee_size);
        let nodes = self.reviewers(cx.height(), size.into());
        List::new(nodes.into_iter().map(|authority| authority.node).collect()).unwrap_or_default()
    }

    /// Totals.
    #[view]
    fn counts(&self) -> GovernanceCounts {
        self.counts.get().unwrap_or_default()
    }

    /// Members that have rebuilt a module.
    #[view]
    fn attestations(&self, code: Hash) -> List<OrganisationId, 256> {
        List::new(self.attesting(&code).take(256).collect()).unwrap_or_default()
    }
}

/// Refuses calls that do not come from one contract.
fn called_by(cx: &Ctx, contract: &'static str) -> Result<(), Refusal> {
    let called = cx.caller().is_some_and(|caller| caller.as_str() == contract);
    ensure!(called, GovernanceError::NotTheContract { contract });
    Ok(())
}
