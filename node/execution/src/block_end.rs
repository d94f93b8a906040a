//! The end of a block: the governing contract hears what the block was like, and what it put off is done; then other
//! contracts that the genesis names do what is due.
//!
//! ```text
//! results of the block before --> end_block(facts) --> govern(..) --> system entries
//!                                                  '-> deferred changes of code --> done here --> results
//!                                                              migrations of earlier blocks go on --^
//! ```
//!
//! Nothing here can make a block illegal. What fails is undone and told: the first contract's own failure in the receipt
//! (events in it are of those that did not fail), a change of code to the governing contract in the next block.

use crate::{admission::decode_entry, error::ExecutionError, migration::Ended, overlay::Overlay, transaction::Runner};
use althing_runtime::{CallContext, Entry, World};
use althing_types::{
    codec::{self, Bytes, List, Text},
    crypto::PublicKey,
    genesis::MAX_BLOCK_END,
    govern::{
        BlockFacts, CONTRACT_END_BLOCK_FUEL, ChangeResult, END_BLOCK, END_BLOCK_FUEL, MAX_RESULTS, SystemChange,
        deferred_of,
    },
    hash::{Hash, Tag, hash_of},
    id::{ContractId, Round},
    keyspace,
    organisation::Role,
    receipt::{Failure, Receipt, Status},
    remediation::RemediationStep,
};

impl Runner<'_> {
    /// Runs the part of the governing contract and of the others that work then; the receipt when there is something to
    /// tell.
    pub(crate) fn end_block(&self, overlay: &mut Overlay<'_>) -> Result<Option<Receipt>, ExecutionError> {
        let others: Option<List<ContractId, MAX_BLOCK_END>> =
            decode_entry("block_end", overlay.read_key(&keyspace::block_end())?)?;
        if self.governor.is_none() && others.is_none() {
            return Ok(None);
        }
        let context = self.nobody(self.governor.cloned());
        let (mut result, mut fuel_used) = (Ok(()), 0u64);
        if let Some(governor) = self.governor {
            (result, fuel_used) = self.end_governor(overlay, &context, governor)?;
        }
        for contract in others.iter().flat_map(|list| list.iter()) {
            let (outcome, fuel) = self.end_contract(overlay, &context, contract, &[], CONTRACT_END_BLOCK_FUEL)?;
            fuel_used = fuel_used.saturating_add(fuel);
            // The first failure is told.
            result = result.and(outcome);
        }
        let events = List::new(overlay.finish_transaction()).unwrap_or_default();
        if result.is_ok() && events.is_empty() {
            return Ok(None);
        }
        let status = result.map_or_else(Status::Failed, |()| Status::Succeeded);
        let transaction = context.transaction;
        Ok(Some(Receipt { transaction, status, fuel_used, result: Bytes::default(), events }))
    }

    /// Tells the governing contract what the block was like, then does what was put off.
    fn end_governor(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        governor: &ContractId,
    ) -> Result<(Result<(), Failure>, u64), ExecutionError> {
        let facts = self.facts(overlay)?;
        // While it migrates it is not asked, and what it has to be told waits.
        if !World::migrating(overlay, governor)? && !facts.results.is_empty() {
            overlay.write_key(keyspace::results(), None);
        }
        let input = codec::encode(&(facts,));
        let ended = self.end_contract(overlay, context, governor, &input, END_BLOCK_FUEL)?;
        self.carry_out(overlay, context)?;
        Ok(ended)
    }

    /// Calls one contract's method, whose failure undoes what it did. A contract that migrates is left alone.
    fn end_contract(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        input: &[u8],
        fuel: u64,
    ) -> Result<(Result<(), Failure>, u64), ExecutionError> {
        if World::migrating(overlay, contract)? {
            return Ok((Ok(()), 0));
        }
        overlay.checkpoint();
        let (result, fuel_used) = self.invoke(overlay, context, contract, Entry::Call(END_BLOCK), input, fuel)?;
        if result.is_ok() {
            overlay.accept();
        } else {
            overlay.revert();
        }
        Ok((result.map(|_| ()), fuel_used))
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
        let results: Option<List<ChangeResult, MAX_RESULTS>> =
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

    /// Does what was put off, each change whole or not at all, and goes on with migrations.
    fn carry_out(&self, overlay: &mut Overlay<'_>, context: &CallContext) -> Result<(), ExecutionError> {
        let mut told = Vec::new();
        if let Some(bytes) = overlay.read_key(&keyspace::deferred())? {
            overlay.write_key(keyspace::deferred(), None);
            for change in deferred_of(&bytes).unwrap_or_default().into_vec() {
                match change {
                    SystemChange::Remediate(RemediationStep::Apply { tag, plan, part }) => {
                        told.push(self.remediate_part(overlay, tag, &plan, part)?);
                    }
                    other => told.extend(self.change_code(overlay, context, other)?.as_ref().map(Ended::told)),
                }
            }
        }
        told.extend(self.migrate(overlay, context, None)?.iter().map(Ended::told));
        if told.is_empty() {
            return Ok(());
        }
        let before: Option<List<ChangeResult, MAX_RESULTS>> =
            decode_entry("results", overlay.read_key(&keyspace::results())?)?;
        let mut results = before.unwrap_or_default().into_vec();
        results.append(&mut told);
        results.truncate(MAX_RESULTS);
        let results: List<ChangeResult, MAX_RESULTS> = List::new(results).unwrap_or_default();
        overlay.write_key(keyspace::results(), Some(codec::encode(&results)));
        Ok(())
    }

    /// Makes one change of code; how it ended, unless it goes on.
    /// Does one part of a remediation, whole or not at all; what comes back tells how far it is.
    fn remediate_part(
        &self,
        overlay: &mut Overlay<'_>,
        tag: u64,
        plan: &Hash,
        part: u32,
    ) -> Result<ChangeResult, ExecutionError> {
        overlay.checkpoint();
        let (result, _) = self.remediate(overlay, tag, plan, part)?;
        let (done, message) = match result {
            Ok(message) => {
                overlay.accept();
                (true, String::from_utf8(message).unwrap_or_default())
            }
            Err(failure) => {
                overlay.revert();
                (false, failure.message.as_str().to_owned())
            }
        };
        Ok(ChangeResult { tag, done, message: Text::truncated(&message) })
    }

    pub(crate) fn change_code(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        change: SystemChange,
    ) -> Result<Option<Ended>, ExecutionError> {
        let (tag, contract, code, arguments) = match change {
            SystemChange::Upgrade { tag, contract, code } => {
                return self.begin_upgrade(overlay, context, (tag, contract, code));
            }
            SystemChange::Deploy { tag, contract, code, arguments } => (tag, contract, code, arguments),
            // No other change is put off.
            _ => return Ok(None),
        };
        overlay.checkpoint();
        let (outcome, fuel) = match self.stored(overlay, &code)? {
            Ok(info) => self.deploy(overlay, context, &contract, &info, &arguments, (0, END_BLOCK_FUEL))?,
            Err(run) => run,
        };
        let failure: Option<Failure> = outcome.err();
        match failure {
            None => overlay.accept(),
            Some(_) => overlay.revert(),
        }
        Ok(Some(Ended { tag, failure, fuel }))
    }
}

#[cfg(test)]
mod tests;
