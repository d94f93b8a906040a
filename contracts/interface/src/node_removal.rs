//! Contract `node_removal`: complaints, evidence and reviews (P 0050, P 0064).
//!
//! ```text
//!  complain, complain ..(enough of different members)..  --coordinator: at once--------> review = vote on a removal
//!  report(two signed messages that conflict)        ..   --silence of the coordinator,
//!                                                          then any complainant---------> review
//!  the coordinator's own finding, a few at a time ---------------------------------------> review
//! ```

use crate::{
    call::calls,
    describe::{errors, events, values},
};
use alloc::string::String;
use althing_types::{
    codec::{Bytes, List, Text},
    crypto::NodeId,
    hash::Hash,
    id::{Height, OrganisationId, Round},
    wire::{Schema, VariantSchema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The contract's id.
pub const ID: &str = "node_removal";
/// Version of its state schema.
pub const STATE_VERSION: u32 = 1;
/// Most entries of one page of a view.
pub const MAX_PAGE: usize = 16;
/// Most pieces of evidence against one node that no review has answered.
pub const MAX_UNANSWERED: usize = 8;
/// Longest text of evidence or reason in bytes.
pub const MAX_TEXT: usize = 1024;
/// Longest canonical form of two conflicting messages in bytes.
pub const MAX_EVIDENCE: usize = 2048;
/// Most complaints of different members that are looked at for one accused.
pub const MAX_COMPLAINTS: usize = 256;

/// Which message an authority signed twice.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Offence {
    /// Two prevotes.
    Prevote = 0,
    /// Two precommits.
    Precommit = 1,
    /// Two proposals.
    Proposal = 2,
}

impl Wire for Offence {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Offence",
        variants: &[
            VariantSchema { name: "Prevote", fields: &[] },
            VariantSchema { name: "Precommit", fields: &[] },
            VariantSchema { name: "Proposal", fields: &[] },
        ],
    };
}

/// Why a review was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Ground {
    /// Enough complaints.
    Complaints = 0,
    /// Two signed messages that conflict.
    Evidence = 1,
    /// The coordinator's own finding.
    Finding = 2,
}

impl Wire for Ground {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Ground",
        variants: &[
            VariantSchema { name: "Complaints", fields: &[] },
            VariantSchema { name: "Evidence", fields: &[] },
            VariantSchema { name: "Finding", fields: &[] },
        ],
    };
}

values! {
    /// A complaint as it stands.
    Complaint {
        /// Who complains.
        complainant: OrganisationId,
        /// Of whom.
        accused: OrganisationId,
        /// Of which of its nodes; `None` for the organisation.
        node: Option<NodeId>,
        /// What happened.
        evidence: Text<MAX_TEXT>,
        /// Hash of a document or of a block that shows it; zeros when there is none.
        reference: Hash,
        /// Height at which it was made.
        height: Height,
        /// Block time of that.
        time_ms: u64,
        /// The review that answered it.
        review: Option<u64>,
    }
    /// Proof that a node signed two messages of which a correct one signs only one.
    EvidenceRecord {
        /// The node.
        node: NodeId,
        /// Height that the messages were to decide.
        signed_height: Height,
        /// Their round.
        signed_round: Round,
        /// What they are.
        offence: Offence,
        /// SHA3-256 of the two messages as they were sent.
        hash: Hash,
        /// Who reported it.
        reporter: OrganisationId,
        /// Block time at which it was found good.
        time_ms: u64,
        /// The review that answered it.
        review: Option<u64>,
    }
    /// A review that was opened.
    Review {
        /// The vote on the removal.
        proposal: u64,
        /// Who is to be removed.
        accused: OrganisationId,
        /// Only this node of it.
        node: Option<NodeId>,
        /// Who opened it.
        opener: OrganisationId,
        /// Why.
        ground: Ground,
        /// In words.
        reason: Text<MAX_TEXT>,
        /// Block time at which it opened.
        time_ms: u64,
    }
}

/// Result of the view `complaints`.
pub type ComplaintPage = List<Complaint, MAX_PAGE>;
/// Result of the view `evidence`.
pub type EvidencePage = List<EvidenceRecord, MAX_PAGE>;
/// Result of the view `reviews`.
pub type ReviewPage = List<Review, MAX_PAGE>;

calls! { ID;
    /// Complains of a member or of one of its nodes. A member's key with the duty voter or operator.
    Complain("complain", Register) {
        /// Of whom.
        organisation: OrganisationId,
        /// Of which of its nodes.
        node: Option<NodeId>,
        /// What happened; not empty.
        evidence: Text<MAX_TEXT>,
        /// Hash of what shows it; zeros for none.
        reference: Hash,
    }
    /// Reports two conflicting signed messages. Any member's key.
    Report("report", Register) {
        /// Canonical bytes of [`althing_types::vote::Evidence`].
        evidence: Bytes<MAX_EVIDENCE>,
    }
    /// Opens a review, which is a vote on the removal; gives its number.
    OpenReview("open_review", Call) {
        /// Who is to be removed.
        organisation: OrganisationId,
        /// Only this node of it.
        node: Option<NodeId>,
        /// Why; not empty.
        reason: Text<MAX_TEXT>,
    }
    /// View: complaints of an organisation, [`ComplaintPage`].
    ViewComplaints("complaints", Call) {
        /// The accused.
        organisation: OrganisationId,
        /// Node and complainant of the last one of the page before.
        after: Option<(Option<NodeId>, OrganisationId)>,
    }
    /// View: evidence against a node, [`EvidencePage`].
    ViewEvidence("evidence", Call) {
        /// The node.
        node: NodeId,
    }
    /// View: the review behind a proposal, `Option<Review>`.
    ViewReview("review", Call) {
        /// The proposal.
        proposal: u64,
    }
    /// View: reviews by number, [`ReviewPage`].
    ViewReviews("reviews", Call) {
        /// The last one of the page before.
        after: Option<u64>,
    }
}

errors! {
    /// Why a call of `node_removal` was refused. Numbers never change their meaning.
    RemovalError {
        /// A complaint or review gives no evidence or reason.
        1 NoEvidence("{what} is empty") {
            /// The field.
            what: &'static str,
        }
        /// The accused is no member, or the node is not its own.
        2 UnknownAccused("organisation {organisation} is no member, or the node is not its own") {
            /// The organisation.
            organisation: OrganisationId,
        }
        /// The same organisation has complained of the same accused, and that still counts.
        3 AlreadyComplained("organisation {complainant} has complained of {accused} already; that counts until {until_ms}") {
            /// Who complains.
            complainant: OrganisationId,
            /// Of whom.
            accused: OrganisationId,
            /// Until when in block time.
            until_ms: u64,
        }
        /// The signing key is no member's, or has not the duty for this.
        4 NoDuty("this needs a member's key with the duty {duty}") {
            /// The duty.
            duty: &'static str,
        }
        /// The evidence is no canonical form of two messages.
        5 BadEvidence("the evidence is not two signed messages: {rule}") {
            /// What is wrong.
            rule: &'static str,
        }
        /// The two messages do not conflict.
        6 NoConflict("the two messages do not conflict") {}
        /// The messages are of another chain.
        7 OtherChain("the messages are of chain {chain}") {
            /// The chain that they name.
            chain: String,
        }
        /// A signature is not the accused node's.
        8 BadSignature("a signature is not good under the key of node {node}") {
            /// The node.
            node: NodeId,
        }
        /// This offence was reported before.
        9 KnownEvidence("node {node} was reported for height {height}, round {round} already") {
            /// The node.
            node: NodeId,
            /// The height.
            height: Height,
            /// The round.
            round: Round,
        }
        /// Too few complaints count.
        10 TooFewComplaints("{found} complaints of organisation {accused} count; {needed} are needed") {
            /// The accused.
            accused: OrganisationId,
            /// How many count.
            found: u32,
            /// How many are needed.
            needed: u32,
        }
        /// The coordinator still has time to answer.
        11 CoordinatorHasTime("the coordinator may answer until {until_ms}; it is {time_ms}") {
            /// Until when in block time.
            until_ms: u64,
            /// Block time.
            time_ms: u64,
        }
        /// Who opens a review without being the coordinator must have complained or reported.
        12 NotComplainant("organisation {organisation} has not complained of {accused}") {
            /// Who wanted to open it.
            organisation: OrganisationId,
            /// The accused.
            accused: OrganisationId,
        }
        /// A review of the same accused is being voted on.
        13 ReviewOpen("organisation {accused} is reviewed already, in proposal {proposal}") {
            /// The accused.
            accused: OrganisationId,
            /// The vote.
            proposal: u64,
        }
        /// The coordinator has as many reviews on its own finding open as it may.
        14 TooManyReviews("{open} reviews on the coordinator's own finding are open; at most {most} may be") {
            /// How many.
            open: u32,
            /// Most.
            most: u32,
        }
        /// Contract `governance` refused.
        15 Governance("contract governance refused: {reason}") {
            /// In its own words.
            reason: String,
        }
        /// There is more evidence against the node than a review needs; who votes twice without end fills no state.
        16 EnoughEvidence("there are {found} pieces of evidence against node {node} that no review has answered") {
            /// The node.
            node: NodeId,
            /// How many.
            found: u32,
        }
    }
}

events! {
    /// A member complained.
    Complained {
        /// Of whom.
        accused: OrganisationId;
        /// Of which of its nodes.
        node: Option<NodeId>,
        /// Who.
        complainant: OrganisationId,
        /// Complaints of different members that count now.
        counting: u32,
    }
    /// A node was proved to have signed two conflicting messages.
    EvidenceFound {
        /// The node.
        node: NodeId;
        /// Whose it is.
        organisation: OrganisationId,
        /// Height of the messages.
        signed_height: Height,
        /// Their round.
        signed_round: Round,
        /// What they are.
        offence: Offence,
    }
    /// A review was opened: members are asked to examine and to vote.
    ReviewOpened {
        /// The vote.
        proposal: u64;
        /// Who is to be removed.
        accused: OrganisationId,
        /// Only this node of it.
        node: Option<NodeId>,
        /// Why.
        ground: Ground,
        /// Who opened it.
        opener: OrganisationId,
    }
}
