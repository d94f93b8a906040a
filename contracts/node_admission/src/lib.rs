//! Contract `node_admission`: requests to join, kept for the members to examine (P 0054, P 0060, P 0065).
//!
//! The vote is contract `governance`'s. Entry points are here, checks without storage in `rules`, the state in `state`.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod rules;
mod state;

use althing_interface::{
    Refused,
    governance::ProposalStatus,
    node_admission::{AdmissionError, AdmissionRecord, CertificateChain, MAX_PAGE, RequestPage, Requested},
};
use althing_sdk::{
    prelude::*,
    types::{
        crypto::NodeId,
        govern::{MAX_ADDRESS, MAX_ROOT_CERTIFICATE, MemberNode, Standing},
        organisation::Organisation,
    },
};
pub use state::NodeAdmission;

/// A refusal of this contract.
type Refusal = Refused<AdmissionError>;

#[contract_api]
impl NodeAdmission {
    /// Forwards a request to join and opens the vote on it; gives the proposal's number. The signer is a chained
    /// node's organisation; what the new node says of itself is in its certificates.
    #[call(role = "operator")]
    fn request(
        &mut self,
        cx: &mut Ctx,
        node: NodeId,
        kind: Role,
        address: Text<MAX_ADDRESS>,
        organisation: Organisation,
        certificates: CertificateChain,
    ) -> Result<u64, Refusal> {
        let Some(forwarder) = cx.organisation() else { return Err(AdmissionError::NotMember {}.into()) };
        if let Some(last) = self.requests.get(&node.key()) {
            let status = state::governance::<Option<ProposalStatus>>(cx, "status", &(last.proposal,))?;
            let pending = status.is_some_and(|status| !status.is_final());
            ensure!(!pending, AdmissionError::Pending { node, proposal: last.proposal });
        }
        let authority: Bytes<MAX_ROOT_CERTIFICATE> = state::governance(cx, "certificate_authority", &())?;
        let certificate = rules::authenticate(cx, node, kind, &organisation, &authority, &certificates)?;
        let node = MemberNode {
            node,
            organisation: organisation.id.clone(),
            kind,
            standing: Standing::Backup,
            address,
            since: cx.height(),
        };
        let proposal = state::governance(cx, "open_admission", &(&node, &organisation, &certificate))?;
        let key = node.node.key();
        cx.emit(Requested {
            node: node.node,
            organisation: organisation.id.clone(),
            proposal,
            forwarder: forwarder.clone(),
        });
        let (height, time_ms) = (cx.height(), cx.time_ms());
        let record = AdmissionRecord { node, organisation, certificate, forwarder, height, time_ms, proposal };
        self.requests.put(&key, &record);
        self.certificates.put(&key, &certificates);
        Ok(proposal)
    }

    /// The last request of a node.
    #[view]
    fn request_of(&self, node: NodeId) -> Option<AdmissionRecord> {
        self.requests.get(&node.key())
    }

    /// The certificates of that request.
    #[view]
    fn certificates(&self, node: NodeId) -> Option<CertificateChain> {
        self.certificates.get(&node.key())
    }

    /// Requests by node.
    #[view]
    fn requests(&self, after: Option<NodeId>) -> RequestPage {
        let page = self.requests.page::<MAX_PAGE>(after.map(|node| node.key()).as_ref()).into_vec();
        List::new(page.into_iter().map(|(_, record)| record).collect()).unwrap_or_default()
    }
}
