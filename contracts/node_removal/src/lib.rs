//! Contract `node_removal`: complaints, evidence and reviews (P 0050, P 0057, P 0064).
//!
//! A review is a vote of contract `governance` on a removal. Entry points are here, checks without storage in `rules`,
//! the state in `state`, who may open a review in `review`.
#![cfg_attr(target_arch = "wasm32", no_std)]

mod review;
mod rules;
mod state;

use althing_interface::{
    Refused,
    node_removal::{
        Complained, Complaint, ComplaintPage, EvidenceFound, EvidencePage, EvidenceRecord, MAX_EVIDENCE, MAX_PAGE,
        MAX_TEXT, MAX_UNANSWERED, RemovalError, Review, ReviewPage,
    },
};
use althing_sdk::{prelude::*, types::crypto::NodeId};
pub use state::NodeRemoval;
use state::{Accused, accused_key};

/// A refusal of this contract.
type Refusal = Refused<RemovalError>;

#[contract_api]
impl NodeRemoval {
    /// Complains of a member or of one of its nodes. A member's key with the duty voter or operator.
    #[call]
    fn complain(
        &mut self,
        cx: &mut Ctx,
        organisation: OrganisationId,
        node: Option<NodeId>,
        evidence: Text<MAX_TEXT>,
        reference: Hash,
    ) -> Result<(), Refusal> {
        ensure!(!evidence.trim().is_empty(), RemovalError::NoEvidence { what: "evidence" });
        let complainant = state::acting(cx)?;
        let accused = Accused { organisation, node };
        state::check_accused(cx, &accused)?;
        let settings = state::settings(cx)?;
        let (height, time_ms) = (cx.height(), cx.time_ms());
        let key = accused_key(&accused, &complainant);
        if let Some(last) = self.complaints.get(&key) {
            let until_ms = last.time_ms.saturating_add(settings.complaint_ms);
            let Accused { organisation: accused, .. } = accused.clone();
            ensure!(
                last.review.is_some() || until_ms <= time_ms,
                RemovalError::AlreadyComplained { complainant, accused, until_ms }
            );
        }
        let Accused { organisation, node } = accused.clone();
        let complaint = Complaint {
            complainant: complainant.clone(),
            accused: organisation.clone(),
            node,
            evidence,
            reference,
            height,
            time_ms,
            review: None,
        };
        self.complaints.put(&key, &complaint);
        let counting = self.counting(&accused, time_ms, settings.complaint_ms).len();
        let counting = u32::try_from(counting).unwrap_or(u32::MAX);
        cx.emit(Complained { accused: organisation, node, complainant, counting });
        Ok(())
    }

    /// Reports two conflicting messages that one node signed. Any member's key.
    #[call]
    fn report(&mut self, cx: &mut Ctx, evidence: Bytes<MAX_EVIDENCE>) -> Result<(), Refusal> {
        let reporter = state::member_of(cx)?;
        let found = rules::offence(&cx.chain(), &evidence)?;
        let node = found.node;
        for (signature, message) in &found.signed {
            let good = cx.signature_is_good(&node.key(), signature, &cx.sha3(message).0);
            ensure!(good, RemovalError::BadSignature { node });
        }
        let Some(owner) = state::owner(cx, node)? else {
            return Err(RemovalError::UnknownAccused { organisation: reporter }.into());
        };
        let key = (node.key(), found.height, u64::from(found.round.0), found.offence as u8);
        ensure!(
            !self.evidence.has(&key),
            RemovalError::KnownEvidence { node, height: found.height, round: found.round }
        );
        let unanswered = self.evidence.iter_prefix(&node.key()).filter(|(_, record)| record.review.is_none()).count();
        ensure!(
            unanswered < MAX_UNANSWERED,
            RemovalError::EnoughEvidence { node, found: u32::try_from(unanswered).unwrap_or(u32::MAX) }
        );
        let record = EvidenceRecord {
            node,
            signed_height: found.height,
            signed_round: found.round,
            offence: found.offence,
            hash: cx.sha3(&evidence),
            reporter,
            time_ms: cx.time_ms(),
            review: None,
        };
        self.evidence.put(&key, &record);
        cx.emit(EvidenceFound {
            node,
            organisation: owner,
            signed_height: found.height,
            signed_round: found.round,
            offence: found.offence,
        });
        Ok(())
    }

    /// Opens a review, which is a vote on the removal; gives its number. The coordinator, or, when it is silent, one
    /// who complained or reported.
    #[call]
    fn open_review(
        &mut self,
        cx: &mut Ctx,
        organisation: OrganisationId,
        node: Option<NodeId>,
        reason: Text<MAX_TEXT>,
    ) -> Result<u64, Refusal> {
        ensure!(!reason.trim().is_empty(), RemovalError::NoEvidence { what: "reason" });
        self.review_accused(cx, &Accused { organisation, node }, reason)
    }

    /// Complaints of an organisation, by node and complainant.
    #[view]
    fn complaints(
        &self,
        organisation: OrganisationId,
        after: Option<(Option<NodeId>, OrganisationId)>,
    ) -> ComplaintPage {
        let after = after.map(|(node, complainant)| (state::node_key(node), complainant));
        let all = self.complaints.iter_prefix(&organisation);
        let rest = all.skip_while(|((_, node, complainant), _)| {
            after.as_ref().is_some_and(|(last, by)| (node, complainant) <= (last, by))
        });
        List::new(rest.take(MAX_PAGE).map(|(_, complaint)| complaint).collect()).unwrap_or_default()
    }

    /// Evidence against a node, by height and round.
    #[view]
    fn evidence(&self, node: NodeId) -> EvidencePage {
        let all = self.evidence.iter_prefix(&node.key()).take(MAX_PAGE);
        List::new(all.map(|(_, record)| record).collect()).unwrap_or_default()
    }

    /// The review behind a proposal.
    #[view]
    fn review(&self, proposal: u64) -> Option<Review> {
        self.reviews.get(&proposal)
    }

    /// Reviews by number.
    #[view]
    fn reviews(&self, after: Option<u64>) -> ReviewPage {
        let page = self.reviews.page::<MAX_PAGE>(after.as_ref()).into_vec();
        List::new(page.into_iter().map(|(_, review)| review).collect()).unwrap_or_default()
    }
}
