//! Changes of data and who reviews them (A6).

use crate::{Governance, Refusal, carry_out::make, rules, vote::Reviewers};
use althing_interface::governance::{GovernanceError, ProposalKind, ProposedCalls};
use althing_sdk::{
    prelude::*,
    types::govern::{GovernanceSettings, ReviewMode},
};

impl Governance {
    /// Writes a change at once when nobody reviews, else asks the reviewers of the moment.
    pub(crate) fn submit(&mut self, cx: &mut Ctx, calls: ProposedCalls) -> Result<Option<u64>, Refusal> {
        let submitter = self.acting(cx)?;
        rules::reviewable(&submitter, &calls)?;
        match self.data_reviewers(cx, &submitter, &self.numbers()?) {
            Some(reviewers) => {
                let kind = ProposalKind::Change { calls };
                self.open_vote(cx, submitter, &kind, Some(reviewers)).map(Some)
            }
            None => {
                for (index, call) in (0u32..).zip(calls.iter()) {
                    if let Err(error) = make(cx, call, 0) {
                        let reason = error.failure.message.as_str().to_owned();
                        return Err(GovernanceError::ChangeFailed { index, reason }.into());
                    }
                }
                Ok(None)
            }
        }
    }

    /// The organisations that review a change at this height: from the management node's on, each once, and never the one
    /// that submits it while there is another.
    fn data_reviewers(&self, cx: &Ctx, submitter: &OrganisationId, settings: &GovernanceSettings) -> Option<Reviewers> {
        let (size, needed) = match settings.review {
            ReviewMode::None => return None,
            ReviewMode::Management => (1, 1),
            ReviewMode::Committee => (settings.committee_size, settings.committee_needed),
        };
        let mut chosen: Vec<OrganisationId> = Vec::new();
        for authority in self.reviewers(cx.height(), usize::MAX) {
            let organisation = authority.organisation;
            if chosen.len() < usize::from(size) && organisation != *submitter && !chosen.contains(&organisation) {
                chosen.push(organisation);
            }
        }
        if chosen.is_empty() {
            chosen.push(submitter.clone());
        }
        let needed = u32::from(needed).min(u32::try_from(chosen.len()).unwrap_or(u32::MAX)).max(1);
        Some((List::new(chosen).unwrap_or_default(), needed))
    }
}
