//! Going on after the chain lost its quorum for good (P 0049): a plan that the member organisations signed comes in,
//! is checked against this node's own tip, is made durable, and decides who decides the next height.
//!
//! ```text
//!  API, peer --> on_recovery --behind--> waits here until the tip is the plan's
//!                    |--beyond, or wrong--> refused with a number
//!                    '--of this tip--> proven from our state, checked, kept in the store
//!                                         '--> the core begins the height anew, in rounds of the recovery
//!                                         '--> told to peers with every status, until the height is final
//! ```
//! Votes of before stay where they were: the rounds of a recovery are others, so nothing signed now can contradict
//! them, and nothing of the old list is of use for this height any more.

use super::{Effect, Halt, Node, Submission};
use althing_network::Gossip;
use althing_state::Storage;
use althing_types::{
    authority::AuthorityList,
    certificate::QuorumCertificate,
    crypto::NodeId,
    id::Height,
    recovery::{LastFinal, ProvenRecovery, RecoveryError, RecoveryPlan, SignedRecovery, check_round},
};

/// What became of a plan that is no mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The height after the plan's is final with it.
    Final,
    /// The node works on that height under the plan.
    InForce,
    /// The node is behind the plan's height, keeps the plan in memory, and looks at it when it has caught up.
    Waiting {
        /// Where the node is.
        height: Height,
    },
}

impl<S: Storage> Node<S> {
    /// Takes up the recovery that was in force when the node stopped.
    pub(super) fn resume_recovery(&mut self) -> Result<(), Halt> {
        let Some(proven) = self.store.kept_recovery()? else { return Ok(()) };
        let plan = &proven.signed.plan;
        if let Err(error) = proven.verify(&self.last_final()) {
            return Err(Halt::Broken {
                reason: format!("the recovery {} that is kept: {}", plan.hash(), error.text()),
            });
        }
        tracing::warn!(plan = %plan.hash(), height = plan.first_height().0, "going on under a recovery");
        self.adopt(proven);
        Ok(())
    }

    /// A plan from the API.
    pub(super) fn on_recover(
        &mut self,
        now_ms: u64,
        submission: Submission,
        signed: SignedRecovery,
    ) -> Result<(), Halt> {
        let outcome = self.take_recovery(now_ms, signed.clone())?;
        if let Ok(Progress::Waiting { .. }) = outcome {
            self.waiting_recovery = Some(signed);
        }
        self.effect(Effect::Recovered { submission, outcome });
        Ok(())
    }

    /// A plan from a peer; peers tell it again, so nothing is kept of one that cannot be used now.
    pub(super) fn on_peer_recovery(&mut self, now_ms: u64, from: NodeId, signed: SignedRecovery) -> Result<(), Halt> {
        if signed.plan.height != self.tip.height || signed.plan.chain != self.genesis.chain {
            return Ok(());
        }
        if let Err(error) = self.take_recovery(now_ms, signed)? {
            match error {
                // He may know another one, or may not know yet that the height is final.
                RecoveryError::InForce { .. } | RecoveryError::Final { .. } | RecoveryError::Block { .. } => {
                    tracing::debug!(%from, error = error.text(), "a peer's recovery");
                }
                other => self.effect(Effect::Penalise { node: from, reason: other.text() }),
            }
        }
        Ok(())
    }

    /// Looks again at a plan that waited for this node to catch up.
    pub(super) fn try_waiting_recovery(&mut self, now_ms: u64) -> Result<(), Halt> {
        let due = self.waiting_recovery.as_ref().is_some_and(|waiting| waiting.plan.height <= self.tip.height);
        let Some(signed) = self.waiting_recovery.take_if(|_| due) else { return Ok(()) };
        if let Err(error) = self.take_recovery(now_ms, signed)? {
            tracing::warn!(error = error.text(), "a recovery that waited for this node to catch up");
        }
        Ok(())
    }

    fn take_recovery(&mut self, now_ms: u64, signed: SignedRecovery) -> Result<Result<Progress, RecoveryError>, Halt> {
        let plan = &signed.plan;
        if plan.chain != self.genesis.chain {
            let (found, expected) = (plan.chain.clone(), self.genesis.chain.clone());
            return Ok(Err(RecoveryError::Chain { found, expected }));
        }
        let height = plan.first_height();
        if plan.height > self.tip.height {
            return Ok(Ok(Progress::Waiting { height: self.tip.height }));
        }
        if plan.height < self.tip.height {
            let done = self.store.recovery(height)?.is_some_and(|done| done.signed.plan == *plan);
            let block = self.store.header(height)?.map_or(self.tip.block, |header| header.hash());
            return Ok(if done { Ok(Progress::Final) } else { Err(RecoveryError::Final { height, block }) });
        }
        if let Some(decided) = &self.decided {
            return Ok(Err(RecoveryError::Final { height, block: decided.block }));
        }
        if let Some(present) = self.recovery.as_ref().map(|present| &present.signed.plan) {
            if *present == *plan {
                return Ok(Ok(Progress::InForce));
            }
            if plan.number <= present.number {
                return Ok(Err(RecoveryError::InForce { plan: present.hash(), number: present.number }));
            }
        }
        // Before the state is read: who is wrong here is wrong anyway.
        if let Err(error) = plan.check(&self.last_final()) {
            return Ok(Err(error));
        }
        let proven = match signed.prove(|key| self.store.prove(self.tip.height, key))? {
            Ok(proven) => proven,
            Err(error) => return Ok(Err(error)),
        };
        if let Err(error) = proven.verify(&self.last_final()) {
            return Ok(Err(error));
        }
        self.store.keep_recovery(&proven)?;
        let plan = &proven.signed.plan;
        tracing::warn!(
            plan = %plan.hash(),
            height = plan.first_height().0,
            number = plan.number,
            authorities = plan.authorities.count(),
            reason = plan.reason.as_str(),
            "recovery in force: the members go on with another authority list"
        );
        self.adopt(proven);
        self.tell_recovery();
        self.begin_height(now_ms)?;
        Ok(Ok(Progress::InForce))
    }

    /// Puts a checked recovery into force for the next height. What was under way there is of no use any more.
    pub(super) fn adopt(&mut self, proven: ProvenRecovery) {
        self.authorities = proven.signed.plan.authorities.clone();
        self.recovery = Some(proven);
        self.proposed.clear();
        self.outputs.clear();
        self.needed.clear();
        self.working = None;
        self.building = None;
    }

    /// Tells peers of the recovery in force: they may not have heard of it.
    pub(super) fn tell_recovery(&mut self) {
        if let Some(present) = &self.recovery {
            let signed = Box::new(present.signed.clone());
            self.effect(Effect::Publish(Gossip::Recovery(signed)));
        }
    }

    /// The plan that the next height begins with.
    pub(super) fn plan(&self) -> Option<&RecoveryPlan> {
        self.recovery.as_ref().map(|present| &present.signed.plan)
    }

    /// Checks what a block of the next height carries against the recovery in force.
    pub(super) fn check_carried(&self, carried: Option<&ProvenRecovery>) -> Result<(), RecoveryError> {
        match (&self.recovery, carried) {
            (None, None) => Ok(()),
            (Some(present), Some(carried)) if *present == *carried => Ok(()),
            // Others may have collected other signatures under the same plan.
            (Some(present), Some(carried)) if present.signed.plan == carried.signed.plan => {
                carried.verify(&self.last_final())
            }
            _ => Err(RecoveryError::NotCarried { height: self.tip.height.next() }),
        }
    }

    /// Who decides the next height as a final block of it says: the list that the state names, or the one of the
    /// recovery that the block carries. With a recovery in force, a block without one is refused.
    pub(super) fn list_of_final(
        &self,
        certificate: &QuorumCertificate,
        carried: Option<&ProvenRecovery>,
    ) -> Result<AuthorityList, RecoveryError> {
        check_round(certificate.round, carried.map(|carried| &carried.signed.plan))?;
        match carried {
            None => {
                self.check_carried(None)?;
                Ok(self.authorities.clone())
            }
            Some(carried) => {
                carried.verify(&self.last_final())?;
                Ok(carried.signed.plan.authorities.clone())
            }
        }
    }

    /// The end of the chain, as a recovery is checked against it.
    fn last_final(&self) -> LastFinal<'_> {
        LastFinal {
            chain: &self.genesis.chain,
            height: self.tip.height,
            block: self.tip.block,
            state_root: self.tip.state_root,
        }
    }
}
