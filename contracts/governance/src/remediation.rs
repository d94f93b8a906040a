//! Plans that put right what a removed member did (P 0064 (4)): what is checked before a vote, and the steps after it.
//!
//! The contract knows a plan by its hash. That it is stored whole, and is about what the proposal says, the node checks;
//! the node also does each part, at the end of a block, and tells the contract in the next one.

use crate::{Governance, Refusal, carry_out::Step, state::govern};
use althing_interface::governance::{Proposal, ProposalKind, ProposalStatus, Remedied};
use althing_sdk::{
    prelude::*,
    types::{
        govern::{MAX_CHANGE_MESSAGE, SystemChange},
        remediation::{PlanSubject, RemediationStep},
    },
};

/// Refuses a proposal whose plan is not stored, or is about something else.
pub(crate) fn check(cx: &mut Ctx, kind: &ProposalKind) -> Result<(), Refusal> {
    let ProposalKind::Remediate { plan, organisation, from, parts, restored, marked } = kind else { return Ok(()) };
    let subject = PlanSubject {
        organisation: organisation.clone(),
        from: *from,
        parts: *parts,
        restored: *restored,
        marked: *marked,
    };
    govern(cx, &SystemChange::Remediate(RemediationStep::Check { plan: *plan, subject }))
}

/// Asks the node for the next part.
pub(crate) fn repair(cx: &mut Ctx, proposal: &Proposal, plan: Hash, parts: u32) -> Result<Step, String> {
    if proposal.progress >= parts {
        return Ok(Step::Done);
    }
    let apply = RemediationStep::Apply { tag: proposal.id, plan, part: proposal.progress };
    match govern(cx, &SystemChange::Remediate(apply)) {
        Ok(()) => Ok(Step::PutOff),
        Err(refusal) => Err(refusal.error.to_string()),
    }
}

impl Governance {
    /// A part is done: the next one begins with the end of this block.
    pub(crate) fn part_done(&mut self, cx: &mut Ctx, mut proposal: Proposal, message: &Text<MAX_CHANGE_MESSAGE>) {
        let Some(ProposalKind::Remediate { plan, parts, .. }) = self.contents.get(&proposal.id) else { return };
        proposal.progress = proposal.progress.saturating_add(1);
        proposal.message = Text::truncated(message);
        let (id, done, message) = (proposal.id, proposal.progress, proposal.message.clone());
        cx.emit(Remedied { proposal: id, plan, done, parts, message: message.clone() });
        if done >= parts {
            self.conclude(cx, proposal, ProposalStatus::Done, &message);
        } else {
            self.leave(&proposal, 0);
        }
    }
}
