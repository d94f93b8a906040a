//! The end of a block. With nothing to do it reads three values and writes what is counted, no more.
//!
//! | part | bound in one block |
//! |---|---|
//! | counting | the authorities |
//! | closing votes whose time is over | [`MAX_CLOSED`] |
//! | carrying out | 64 calls, or one other proposal |
//! | renewing the authority list | once |
//!
//! An error here would be met again in every later block; therefore what a proposal does is bounded in fuel and its
//! failure ends that proposal alone.

use crate::{Governance, Refusal};
use althing_interface::governance::{Agenda, ProposalStatus};
use althing_sdk::{prelude::*, types::govern::BlockFacts};

/// Most votes that are closed in one block.
const MAX_CLOSED: u32 = 32;

impl Governance {
    /// Everything that is to be done at the end of a block.
    pub(crate) fn end(&mut self, cx: &mut Ctx, facts: &BlockFacts) -> Result<(), Refusal> {
        self.account(facts)?;
        if let Some(list) = &facts.recovered {
            self.recover(cx, list)?;
        }
        for result in facts.results.iter() {
            self.put_off_ended(cx, result.tag, result.done, &result.message);
        }
        self.attend(cx, facts.time_ms);
        self.renew(cx)
    }

    /// Goes through the proposals for which something is due.
    fn attend(&mut self, cx: &mut Ctx, time_ms: u64) {
        let Agenda { entries } = self.agenda.get().unwrap_or_default();
        let (mut closed, mut acted) = (0u32, false);
        for entry in entries.iter().filter(|entry| entry.due_ms <= time_ms) {
            let Some(mut proposal) = self.proposals.get(&entry.proposal) else { continue };
            match proposal.status {
                ProposalStatus::Open if closed < MAX_CLOSED => {
                    closed = closed.saturating_add(1);
                    self.close(cx, &mut proposal, ProposalStatus::Expired);
                    self.proposals.put(&proposal.id, &proposal);
                }
                ProposalStatus::Waiting | ProposalStatus::Executing if !acted => {
                    acted = true;
                    proposal.status = ProposalStatus::Executing;
                    self.carry_out(cx, proposal);
                }
                _ => {}
            }
        }
    }
}
