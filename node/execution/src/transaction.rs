//! One transaction: sequence, dispatch, receipt.

use crate::{admission::key_entry, error::ExecutionError, outcome::BlockContext, overlay::Overlay};
use althing_runtime::{CallContext, Entry, Invocation, Outcome, Runtime, World};
use althing_types::{
    codec::{self, Bytes, List},
    hash::Hash,
    id::{ChainId, ContractId},
    keyspace,
    organisation::KeyEntry,
    receipt::{Failure, FailureCode, Receipt, Status},
    transaction::{Content, Transaction},
};

/// Result bytes with fuel used, or the failure with fuel used.
pub(crate) type Run = (Result<Vec<u8>, Failure>, u64);

pub(crate) fn failed(code: FailureCode, message: &str, fuel: u64) -> Run {
    (Err(Failure::new(code, message)), fuel)
}

/// Runs admitted transactions, one at a time, over one overlay.
pub(crate) struct Runner<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) chain: &'a ChainId,
    pub(crate) block: &'a BlockContext,
    pub(crate) governor: Option<&'a ContractId>,
}

impl Runner<'_> {
    /// Uses up the sequence number, runs the content, keeps or undoes its writes.
    pub(crate) fn run(
        &self,
        overlay: &mut Overlay<'_>,
        transaction: &Transaction,
        hash: Hash,
    ) -> Result<Receipt, ExecutionError> {
        let key = keyspace::sequence(&transaction.operator);
        overlay.write_key(key, Some(codec::encode(&transaction.sequence.next())));
        let member = key_entry(overlay, &transaction.operator)?;
        self.perform(overlay, transaction, hash, member)
    }

    /// Runs the content for its signer, and keeps or undoes its writes. The sequence number is the caller's business.
    pub(crate) fn perform(
        &self,
        overlay: &mut Overlay<'_>,
        transaction: &Transaction,
        hash: Hash,
        member: Option<KeyEntry>,
    ) -> Result<Receipt, ExecutionError> {
        let (organisation, roles) = member.map_or((None, Default::default()), |m| (Some(m.organisation), m.roles));
        let context = CallContext {
            chain: self.chain.clone(),
            height: self.block.height,
            timestamp_ms: self.block.timestamp_ms,
            transaction: hash,
            signer: transaction.operator,
            organisation,
            roles,
            governor: self.governor.cloned(),
        };
        overlay.checkpoint();
        let (result, fuel) = self.dispatch(overlay, &context, transaction)?;
        if result.is_ok() {
            overlay.accept();
        } else {
            overlay.revert();
        }
        let events = List::new(overlay.finish_transaction()).unwrap_or_default();
        let (status, result) = match result.map(Bytes::new) {
            Ok(Ok(result)) => (Status::Succeeded, result),
            Ok(Err(_)) => (Status::Succeeded, Bytes::default()),
            Err(failure) => (Status::Failed(failure), Bytes::default()),
        };
        Ok(Receipt { transaction: hash, status, fuel_used: fuel.min(transaction.fuel_limit), result, events })
    }

    fn dispatch(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        transaction: &Transaction,
    ) -> Result<Run, ExecutionError> {
        let limit = transaction.fuel_limit;
        match &transaction.content {
            Content::Call { contract, method, arguments } => {
                self.invoke(overlay, context, contract, Entry::Call(method), arguments, limit)
            }
            Content::Deploy { contract, code, arguments } => {
                match self.admit(overlay, context, contract, code, limit)? {
                    Ok((info, fuel)) => self.deploy(overlay, context, contract, &info, arguments, (fuel, limit)),
                    Err(run) => Ok(run),
                }
            }
            Content::Upgrade { contract, code } => match self.admit(overlay, context, contract, code, limit)? {
                Ok((info, fuel)) => self.upgrade(overlay, context, contract, &info, (fuel, limit)),
                Err(run) => Ok(run),
            },
            Content::Upload { code } => self.upload(overlay, context, code, limit),
            Content::StorePlan { document } => self.store_plan(overlay, context, document, limit),
        }
    }

    pub(crate) fn invoke(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        entry: Entry<'_>,
        input: &[u8],
        fuel: u64,
    ) -> Result<Run, ExecutionError> {
        let Some(code) = overlay.code_hash(contract)? else {
            return Ok(failed(FailureCode::NoSuchContract, &format!("no contract '{contract}' on this chain"), 0));
        };
        let Outcome { result, fuel_used, .. } =
            self.runtime.invoke(overlay, context, &Invocation { contract, code, entry, input, fuel })?;
        Ok((result, fuel_used))
    }
}
