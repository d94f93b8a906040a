//! The end of a block: the governing contract hears what the block was like, and what it put off is done.
//!
//! ```text
//! results of the block before --> end_block(facts) --> govern(..) --> system entries
//!                                                  '-> deferred changes of code --> done here --> results
//! ```
//!
//! Nothing here can make a block illegal. What fails is undone and told: the contract's own failure in the receipt, a
//! change of code to the contract in the next block.

use crate::{
    admission::decode_entry,
    error::ExecutionError,
    overlay::Overlay,
    transaction::{Run, Runner},
};
use althing_runtime::{CallContext, Entry, World};
use althing_types::{
    codec::{self, Bytes, List, Text},
    crypto::PublicKey,
    govern::{BlockFacts, ChangeResult, END_BLOCK, END_BLOCK_FUEL, MAX_DEFERRED, SystemChange, deferred_of},
    hash::{Tag, hash_of},
    id::{ContractId, Round},
    keyspace,
    organisation::Role,
    receipt::{Receipt, Status},
    remediation::RemediationStep,
};

impl Runner<'_> {
    /// Runs the governing contract's part, if there is one; its receipt when there is something to tell.
    pub(crate) fn end_block(&self, overlay: &mut Overlay<'_>) -> Result<Option<Receipt>, ExecutionError> {
        let Some(governor) = self.governor else { return Ok(None) };
        let context = self.nobody(Some(governor.clone()));
        let facts = self.facts(overlay)?;
        if !facts.results.is_empty() {
            overlay.write_key(keyspace::results(), None);
        }
        overlay.checkpoint();
        let input = codec::encode(&(facts,));
        let (result, fuel_used) =
            self.invoke(overlay, &context, governor, Entry::Call(END_BLOCK), &input, END_BLOCK_FUEL)?;
        if result.is_ok() {
            overlay.accept();
        } else {
            overlay.revert();
        }
        self.carry_out(overlay, &context)?;
        let events = List::new(overlay.finish_transaction()).unwrap_or_default();
        if result.is_ok() && events.is_empty() {
            return Ok(None);
        }
        let status = result.map_or_else(Status::Failed, |_| Status::Succeeded);
        let transaction = context.transaction;
        Ok(Some(Receipt { transaction, status, fuel_used, result: Bytes::default(), events }))
    }

    /// The context of what the node itself begins: no key has signed it, and it decides for all.
    pub(crate) fn nobody(&self, governor: Option<ContractId>) -> CallContext {
        CallContext {
            chain: self.chain.clone(),
            height: self.block.height,
            timestamp_ms: self.block.timestamp_ms,
            transaction: hash_of(Tag::BlockEnd, &(self.chain, self.block.height)),
            signer: PublicKey([0; 32]),
            organisation: None,
            roles: [Role::Governance].into(),
            governor,
        }
    }

    fn facts(&self, overlay: &Overlay<'_>) -> Result<BlockFacts, ExecutionError> {
        let results: Option<List<ChangeResult, MAX_DEFERRED>> =
            decode_entry("results", overlay.read_key(&keyspace::results())?)?;
        let previous = self.block.previous.as_ref();
        let verified = previous.map(|c| c.signatures.iter().map(|s| s.voter).collect()).unwrap_or_default();
        Ok(BlockFacts {
            height: self.block.height,
            time_ms: self.block.timestamp_ms,
            packer: self.block.packer,
            previous_round: Round(previous.map_or(0, |c| c.round.turn())),
            verified: List::new(verified).unwrap_or_default(),
            recovered: self.block.recovered.as_ref().map(|plan| plan.authorities.clone()),
            results: results.unwrap_or_default(),
        })
    }

    /// Does what was put off, each change whole or not at all.
    fn carry_out(&self, overlay: &mut Overlay<'_>, context: &CallContext) -> Result<(), ExecutionError> {
        let Some(bytes) = overlay.read_key(&keyspace::deferred())? else { return Ok(()) };
        overlay.write_key(keyspace::deferred(), None);
        let mut results = Vec::new();
        for change in deferred_of(&bytes).unwrap_or_default().into_vec() {
            overlay.checkpoint();
            // What an initialiser or a migration gives back is nobody's; a remediation tells how far it is.
            let tells = matches!(change, SystemChange::Remediate(_));
            let (tag, (result, _)) = self.change_code(overlay, context, change)?;
            match &result {
                Ok(_) => overlay.accept(),
                Err(_) => overlay.revert(),
            }
            let (done, message) = match result {
                Ok(message) if tells => (true, String::from_utf8(message).unwrap_or_default()),
                Ok(_) => (true, String::new()),
                Err(failure) => (false, failure.message.as_str().to_owned()),
            };
            results.push(ChangeResult { tag, done, message: Text::truncated(&message) });
        }
        let results: List<ChangeResult, MAX_DEFERRED> = List::new(results).unwrap_or_default();
        overlay.write_key(keyspace::results(), Some(codec::encode(&results)));
        Ok(())
    }

    pub(crate) fn change_code(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        change: SystemChange,
    ) -> Result<(u64, Run), ExecutionError> {
        let spare = (0, END_BLOCK_FUEL);
        Ok(match change {
            SystemChange::Deploy { tag, contract, code, arguments } => match self.stored(overlay, &code)? {
                Ok(info) => (tag, self.deploy(overlay, context, &contract, &info, &arguments, spare)?),
                Err(run) => (tag, run),
            },
            SystemChange::Upgrade { tag, contract, code } => match self.stored(overlay, &code)? {
                Ok(info) => (tag, self.upgrade(overlay, context, &contract, &info, spare)?),
                Err(run) => (tag, run),
            },
            SystemChange::Remediate(RemediationStep::Apply { tag, plan, part }) => {
                (tag, self.remediate(overlay, tag, &plan, part)?)
            }
            // No other change is put off.
            _ => (0, (Ok(Vec::new()), 0)),
        })
    }
}
