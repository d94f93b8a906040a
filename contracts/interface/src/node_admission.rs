//! Contract `node_admission`: requests to join (P 0054, P 0060).
//!
//! A new node makes its id and its keys and hands its request to any chained node, whose organisation forwards it with
//! a key of its own (P 0065). What is sent is kept here for the members to examine; the vote itself is contract
//! `governance`'s.

use crate::{
    call::calls,
    describe::{errors, events, values},
    governance::CertificateFacts,
};
use alloc::string::String;
use althing_types::{
    codec::{Bytes, List, Text},
    crypto::NodeId,
    govern::{MAX_ADDRESS, MemberNode},
    id::{Height, OrganisationId},
    organisation::{Organisation, Role},
};

/// The contract's id.
pub const ID: &str = "node_admission";
/// Version of its state schema.
pub const STATE_VERSION: u32 = 1;
/// Most requests of one page of the view `requests`.
pub const MAX_PAGE: usize = 16;
/// Longest DER form of one certificate in bytes.
pub const MAX_CERTIFICATE: usize = 4096;
/// Most certificates of a chain: the node's own first, its issuers after it.
pub const MAX_CHAIN: usize = 4;

/// A certificate chain: X.509 in DER, the node's own certificate first.
pub type CertificateChain = List<Bytes<MAX_CERTIFICATE>, MAX_CHAIN>;

values! {
    /// The last request of a node. Its certificates are stored apart.
    AdmissionRecord {
        /// The node as it would stand in the member list.
        node: MemberNode,
        /// Its organisation with roles and keys; both are empty for one that is a member already.
        organisation: Organisation,
        /// What its own certificate says.
        certificate: CertificateFacts,
        /// The member that forwarded it.
        forwarder: OrganisationId,
        /// Height at which it was made.
        height: Height,
        /// Block time of that.
        time_ms: u64,
        /// The vote on it.
        proposal: u64,
    }
}

/// Result of the view `requests`.
pub type RequestPage = List<AdmissionRecord, MAX_PAGE>;

calls! { ID;
    /// Forwards a request to join and opens the vote on it; gives the proposal's number. Duty: operator.
    Request("request", Register) {
        /// The new node.
        node: NodeId,
        /// What its organisation is to the chain.
        kind: Role,
        /// Where other nodes reach it; empty when only it dials.
        address: Text<MAX_ADDRESS>,
        /// Its organisation with roles and keys; both empty for one that is a member already.
        organisation: Organisation,
        /// Its certificates.
        certificates: CertificateChain,
    }
    /// View: the last request of a node, `Option<AdmissionRecord>`.
    ViewRequest("request_of", Call) {
        /// The node.
        node: NodeId,
    }
    /// View: the certificates of that request, `Option<CertificateChain>`.
    ViewCertificates("certificates", Call) {
        /// The node.
        node: NodeId,
    }
    /// View: requests by node, [`RequestPage`].
    ViewRequests("requests", Call) {
        /// The last node of the page before.
        after: Option<NodeId>,
    }
}

errors! {
    /// Why a call of `node_admission` was refused. Numbers never change their meaning.
    AdmissionError {
        /// The node's last request is being voted on.
        1 Pending("node {node} is voted on already, in proposal {proposal}") {
            /// The node.
            node: NodeId,
            /// The vote.
            proposal: u64,
        }
        /// The request brings no certificate.
        2 NoCertificate("the request brings no certificate of node {node}") {
            /// The node.
            node: NodeId,
        }
        /// The certificates do not authenticate the node.
        3 NotAuthenticated("node {node} is not authenticated: {rule}") {
            /// The node.
            node: NodeId,
            /// The rule that is broken.
            rule: String,
        }
        /// The node is a member's already.
        4 NodeTaken("{reason}") {
            /// Whose it is, in governance's words.
            reason: String,
        }
        /// A key is a member's already.
        5 KeyTaken("{reason}") {
            /// Whose it is, in governance's words.
            reason: String,
        }
        /// Contract `governance` refused to open the vote.
        6 Governance("contract governance refused: {reason}") {
            /// In its own words.
            reason: String,
        }
        /// The signing key is no member's.
        7 NotMember("the request is not signed by a member's key") {}
    }
}

events! {
    /// Someone wants to join; members are asked to examine and to vote.
    Requested {
        /// The node.
        node: NodeId;
        /// Its organisation.
        organisation: OrganisationId,
        /// The vote on it.
        proposal: u64,
        /// The member that forwarded it.
        forwarder: OrganisationId,
    }
}
