//! Contract `governance`: members and their nodes, proposals and votes, the authority list, the numbers a chain works by.
//!
//! ```text
//!  open --votes--> open --more than half agree--> waiting --timelock--> executing --> done
//!                   |  \                            |                       '------> failed
//!                   |   '--> rejected, expired      '--fewer agree--> vetoed
//!                   '--more than half agree, kinds without timelock--> executing
//! ```
//!
//! The electorate of a proposal is every organisation that was a member when it opened: each member has a number,
//! [`Member::joined`], in the order of joining, and a proposal keeps the number that the next one would get. One who
//! was removed votes no more, and one who came back has a new number; votes that were cast stay.

mod notice;
mod proposal;

pub use notice::{
    AuthoritiesChanged, CertificateRevoked, CoordinatorChanged, GovernanceError, KeysChanged, MemberAdded,
    MemberRemoved, ParametersChanged, ProposalDecided, ProposalExecuted, ProposalOpened, Recovered, Remedied,
    SettingsChanged, StandingChanged, VoteCast, VoteWithdrawn,
};
pub use proposal::{
    CertificateFacts, Choice, Electorate, Forecast, Proposal, ProposalClass, ProposalKind, ProposalStatus,
    ProposalView, ProposedCall, Serial, VoteRecord, ballot_bytes, content_hash,
};

use crate::{call::calls, describe::values};
use althing_types::{
    authority::{AuthorityList, MAX_AUTHORITIES},
    codec::{List, Text},
    crypto::NodeId,
    govern::{GovernanceSettings, MAX_NODES, MemberNode, Standing},
    hash::Hash,
    id::{Height, OrganisationId},
    organisation::{MAX_KEYS, MemberKey, Organisation, Role},
};

/// The contract's id.
pub const ID: &str = "governance";
/// Version of its state schema.
pub const STATE_VERSION: u32 = 1;
/// Most members or nodes of one page of a view.
pub const MAX_PAGE: usize = 64;
/// Most proposals that are not ended at a time.
pub const MAX_OPEN: usize = 256;
/// Most proposals of one organisation that are not ended at a time, so that none can keep the others from opening one.
pub const MAX_OPEN_OF_ONE: usize = 16;
/// Longest canonical form of a proposal's content in bytes: it must fit into one transaction.
pub const MAX_CONTENT: usize = 30 * 1024;
/// Most calls of a proposal.
pub const MAX_CALLS: usize = 512;
/// Longest arguments of one proposed call in bytes.
pub const MAX_CALL_ARGUMENTS: usize = 4096;
/// Longest arguments of a proposed contract's initialiser in bytes.
pub const MAX_INIT_ARGUMENTS: usize = 16 * 1024;
/// Longest message about how a proposal ended.
pub const MAX_OUTCOME: usize = 256;
/// Longest reason of a revocation.
pub const MAX_REASON: usize = 1024;
/// Most calls that are executed in one block.
pub const CALLS_PER_BLOCK: u32 = 64;
/// What one missed round takes from a node's score.
pub const MISSED_WEIGHT: u64 = 100;
/// What the names of methods begin with that a data change may call (A6). Their first argument is the organisation
/// that submitted the change; they must demand the role governance.
pub const REVIEWED_PREFIX: &str = "reviewed_";

values! {
    /// A member organisation.
    Member {
        /// Roles and keys; the keys of its nodes are among them, with the duty node.
        organisation: Organisation,
        /// Its number in the order of joining.
        joined: u64,
        /// Height at which it joined.
        since: Height,
        /// Block time at which it joined.
        since_ms: u64,
    }
    /// A member's node.
    NodeRecord {
        /// As in the member list.
        node: MemberNode,
        /// Block time at which it was admitted.
        admitted_ms: u64,
        /// Serial number of the certificate it was admitted with; empty for nodes of the genesis.
        serial: Serial,
    }
    /// What is counted of one node (A2).
    Score {
        /// The node.
        node: NodeId,
        /// Blocks whose certificate carries its precommit.
        verified: u64,
        /// Rounds in which it was primary and no block came to its end.
        missed: u64,
    }
    /// A node's score as it stands.
    ScoreEntry {
        /// What is counted.
        counted: Score,
        /// Heights since it was admitted, plus blocks verified, minus [`MISSED_WEIGHT`] for each missed round; at
        /// least 0.
        score: u64,
        /// What the node may do.
        standing: Standing,
    }
    /// Everything that is counted in each block.
    Scores {
        /// Ascending by node; only nodes that were authorities are in it.
        nodes: List<Score, MAX_NODES>,
    }
    /// The authority list, and the one before.
    Lists {
        /// In force after the height `changed`.
        present: AuthorityList,
        /// In force at the height `changed`.
        before: AuthorityList,
        /// Height at whose end the list was changed.
        changed: Height,
        /// Height of the last election.
        elected: Height,
        /// Whether members or standings have changed since.
        stale: bool,
    }
    /// A proposal that is not ended.
    AgendaEntry {
        /// Its number.
        proposal: u64,
        /// Who opened it.
        opener: OrganisationId,
        /// Block time from which on something is to be done at the end of a block; 0 for at once.
        due_ms: u64,
    }
    /// Every proposal that is not ended, ascending by number.
    #[derive(Default)]
    Agenda {
        /// The proposals.
        entries: List<AgendaEntry, MAX_OPEN>,
    }
    /// Totals: who holds this proof and that many entries holds them all.
    #[derive(Copy, Default)]
    GovernanceCounts {
        /// Proposals ever opened; the next one has this number.
        proposals: u64,
        /// Members that ever joined; the next one has this number.
        joined: u64,
        /// Members now.
        members: u32,
        /// Their nodes now.
        nodes: u32,
    }
    /// Who leads votes (P 0049): receives complaints and proposes promotions; its voice counts once like any other.
    CoordinatorRecord {
        /// The organisation.
        organisation: OrganisationId,
        /// Block time from which on it has led.
        since_ms: u64,
    }
    /// A certificate with which a node was admitted, or that was revoked before any was.
    CertificateRecord {
        /// The node; `None` when nobody was admitted with it.
        node: Option<NodeId>,
        /// The organisation that it names; when nobody was admitted with it, the one that revoked it.
        organisation: OrganisationId,
        /// Height at which it was revoked.
        revoked: Option<Height>,
    }
    /// One vote of the view `votes`.
    VoteEntry {
        /// Who voted.
        organisation: OrganisationId,
        /// What.
        vote: VoteRecord,
    }
}

/// Result of the view `members`.
pub type MemberPage = List<Member, 16>;
/// Result of the view `nodes`.
pub type NodePage = List<NodeRecord, MAX_PAGE>;
/// Result of the view `proposals`.
pub type ProposalPage = List<Proposal, 16>;
/// Result of the view `votes`.
pub type VotePage = List<VoteEntry, MAX_PAGE>;
/// Nodes that a member wants as authorities.
pub type Candidates = List<NodeId, MAX_AUTHORITIES>;
/// Calls of a proposal.
pub type ProposedCalls = List<ProposedCall, MAX_CALLS>;

calls! { ID;
    /// Opens a proposal; gives its number. A member's key with the duty voter or operator.
    Open("open", Call) {
        /// What is proposed. Admissions, removals and data changes are opened in their own ways.
        kind: ProposalKind,
    }
    /// Opens the vote on an admission. Only contract `node_admission`.
    OpenAdmission("open_admission", Call) {
        /// The node.
        node: MemberNode,
        /// Its organisation.
        organisation: Organisation,
        /// Its certificate.
        certificate: CertificateFacts,
    }
    /// Opens the vote on a removal. Only contract `node_removal`.
    OpenRemoval("open_removal", Call) {
        /// The organisation.
        organisation: OrganisationId,
        /// One of its nodes; `None` for the whole organisation.
        node: Option<NodeId>,
    }
    /// Submits a change of data for review (A6); gives the number of the vote, `None` when it was written at once.
    SubmitChange("submit_change", Call) {
        /// Calls of methods whose names begin with [`REVIEWED_PREFIX`].
        calls: ProposedCalls,
    }
    /// Casts or changes an organisation's vote. Duty: voter.
    CastVote("vote", Call) {
        /// The proposal.
        proposal: u64,
        /// [`content_hash`] of what the voter has read.
        content: Hash,
        /// The vote.
        choice: Choice,
    }
    /// Takes an organisation's vote back. Duty: voter.
    Withdraw("withdraw", Call) {
        /// The proposal.
        proposal: u64,
        /// [`content_hash`] of the proposal.
        content: Hash,
    }
    /// Replaces the keys of the signer's organisation; those of its nodes stay. Duty: voter.
    SetKeys("set_keys", Update) {
        /// Every key from now on; one of them must have the duty voter.
        keys: List<MemberKey, MAX_KEYS>,
    }
    /// Revokes a certificate; the node that was admitted with it leaves the member list at once. A voter's key of the
    /// coordinator or of the organisation that the certificate names. The coordinator may also revoke one that nobody
    /// was admitted with, so that nobody ever is.
    Revoke("revoke", Delete) {
        /// The certificate's serial number.
        serial: Serial,
        /// Why.
        reason: Text<MAX_REASON>,
    }
    /// Names the nodes that the signer's organisation wants as authorities (A2, election). Duty: voter.
    Elect("elect", Update) {
        /// The nodes; an empty list takes the voice back.
        nodes: Candidates,
    }
    /// Says that the signer's organisation has rebuilt a module from its source and got these bytes. Duty: deployer.
    Attest("attest", Update) {
        /// Hash of the module.
        code: Hash,
    }
    /// View: a member, `Option<Member>`.
    ViewMember("member", Call) {
        /// Its id.
        organisation: OrganisationId,
    }
    /// View: [`MemberPage`].
    ViewMembers("members", Call) {
        /// The last one of the page before.
        after: Option<OrganisationId>,
    }
    /// View: a node, `Option<NodeRecord>`.
    ViewNode("node", Call) {
        /// Its id.
        node: NodeId,
    }
    /// View: [`NodePage`].
    ViewNodes("nodes", Call) {
        /// The last one of the page before.
        after: Option<NodeId>,
    }
    /// View: a proposal with its content, `Option<ProposalView>`.
    ViewProposal("proposal", Call) {
        /// Its number.
        proposal: u64,
    }
    /// View: where a proposal is, `Option<ProposalStatus>`.
    ViewStatus("status", Call) {
        /// Its number.
        proposal: u64,
    }
    /// View: proposals by number, [`ProposalPage`].
    ViewProposals("proposals", Call) {
        /// The last one of the page before.
        after: Option<u64>,
    }
    /// View: the votes on a proposal, [`VotePage`].
    ViewVotes("votes", Call) {
        /// The proposal.
        proposal: u64,
        /// The last organisation of the page before.
        after: Option<OrganisationId>,
    }
    /// View: the authority list of the next height.
    ViewAuthorities("authorities", Call) {}
    /// View: the score of each node, as `List<ScoreEntry, 512>`.
    ViewScores("scores", Call) {}
    /// View: [`GovernanceSettings`].
    ViewSettings("settings", Call) {}
    /// View: the chain's parameters as the members set them.
    ViewParameters("parameters", Call) {}
    /// View: the organisation that leads votes.
    ViewCoordinator("coordinator", Call) {}
    /// View: the node that reviews changes of data at this height, `Option<NodeId>`.
    ViewManagementNode("management_node", Call) {}
    /// View: the committee that endorses changes of data at this height, [`Candidates`].
    ViewCommittee("committee", Call) {}
    /// View: [`GovernanceCounts`].
    ViewCounts("counts", Call) {}
    /// View: organisations that have rebuilt a module, as `List<OrganisationId, 256>`.
    ViewAttestations("attestations", Call) {
        /// Hash of the module.
        code: Hash,
    }
}

/// The score of a node at a height, from what is counted of it.
pub fn score(since: Height, height: Height, counted: &Score) -> u64 {
    let earned = height.0.saturating_sub(since.0).saturating_add(counted.verified);
    earned.saturating_sub(counted.missed.saturating_mul(MISSED_WEIGHT))
}

/// Fewest of so many electors that are more than one half (G2, G3): exactly half does not decide.
pub const fn more_than_half(electors: u32) -> u32 {
    (electors / 2).saturating_add(1)
}

/// Whether a role says what a member organisation is: no duty of single keys, and not governance itself.
pub fn is_membership(role: Role) -> bool {
    !role.is_duty() && role != Role::Governance
}

/// Whether settings can be worked by.
///
/// # Errors
/// [`GovernanceError::BadSettings`] for the first number out of range.
pub fn check_settings(settings: &GovernanceSettings) -> Result<(), GovernanceError> {
    let within = |field, value: u64, low: u64, high: u64| {
        if (low..=high).contains(&value) {
            Ok(())
        } else {
            Err(GovernanceError::BadSettings { field, value, low, high })
        }
    };
    let most = MAX_AUTHORITIES as u64;
    within("most_authorities", settings.most_authorities.into(), 1, most)?;
    within("least_authorities", settings.least_authorities.into(), 1, settings.most_authorities.into())?;
    within("election_blocks", settings.election_blocks, 1, u64::MAX)?;
    within("vote_ms", settings.vote_ms, 1, MAX_PERIOD_MS)?;
    within("timelock_ms", settings.timelock_ms, 0, MAX_PERIOD_MS)?;
    within("promotion_ms", settings.promotion_ms, 0, MAX_PERIOD_MS)?;
    within("complaints_needed", settings.complaints_needed.into(), 1, u64::from(u16::MAX))?;
    within("complaint_ms", settings.complaint_ms, 1, MAX_PERIOD_MS)?;
    within("silence_ms", settings.silence_ms, 0, MAX_PERIOD_MS)?;
    within("open_reviews", settings.open_reviews.into(), 1, 64)?;
    within("rotation_blocks", settings.rotation_blocks, 1, u64::MAX)?;
    within("committee_size", settings.committee_size.into(), 1, most)?;
    within("committee_needed", settings.committee_needed.into(), 1, settings.committee_size.into())
}

/// Longest period of the settings: a vote or a wait beyond it would take what it is for out of the members' hands.
pub const MAX_PERIOD_MS: u64 = 366 * 24 * 60 * 60 * 1000;
