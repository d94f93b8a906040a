//! Storing the documents of a plan, and doing one part of it.

use crate::{
    admission::decode_entry,
    error::ExecutionError,
    overlay::Overlay,
    transaction::{Run, Runner, failed},
};
use althing_abi::schema::MethodKind;
use althing_runtime::{CallContext, Entry, World};
use althing_types::{
    codec::{Bytes, encode},
    govern::END_BLOCK_FUEL,
    hash::{Hash, sha3_256},
    id::ContractId,
    keyspace,
    organisation::Role,
    receipt::{Failure, FailureCode},
    remediation::{
        MarkKind, PlanDocument, PlanItem, PlanProgress, RestoredEntry, TransactionMark, document_hash, is_governing,
        stored_head,
    },
};
use std::collections::BTreeSet;

/// Fuel charged for each byte of a stored document: every node keeps it.
const FUEL_PER_BYTE: u64 = 500;

/// Name of the method by which a contract counts its entries anew; it takes nothing, and demands the role governance.
const RECOUNT: &str = "recount";
/// Fuel limit of that: some hundred thousand entries.
const RECOUNT_FUEL: u64 = 4 * END_BLOCK_FUEL;

impl Runner<'_> {
    /// Stores a document, so that a proposal can name the plan by its hash. The head comes after its parts.
    pub(crate) fn store_plan(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        document: &[u8],
        limit: u64,
    ) -> Result<Run, ExecutionError> {
        if !context.roles.contains(&Role::Operator) && !context.roles.contains(&Role::Voter) {
            let message = "only a member's key with the duty operator or voter may store a plan";
            return Ok(failed(FailureCode::NotAllowed, message, 0));
        }
        let fuel = FUEL_PER_BYTE.saturating_mul(document.len() as u64);
        if fuel > limit {
            let message = format!("a document of {} bytes needs {fuel} fuel, the limit is {limit}", document.len());
            return Ok(failed(FailureCode::OutOfFuel, &message, limit));
        }
        let hash = document_hash(document);
        match PlanDocument::read(document) {
            Err(error) => return Ok(failed(FailureCode::BadArguments, &format!("document: {error}"), fuel)),
            Ok(PlanDocument::Part(_)) => {
                overlay.write_key(keyspace::remediation_part(&hash), Some(vec![1]));
            }
            Ok(PlanDocument::Head(head)) => {
                if head.chain != *self.chain {
                    let message = format!("chain: the plan is for '{}', this chain is '{}'", head.chain, self.chain);
                    return Ok(failed(FailureCode::NotAllowed, &message, fuel));
                }
                for part in head.parts.iter() {
                    if overlay.read_key(&keyspace::remediation_part(part))?.is_none() {
                        let message = format!("parts: {part} is not stored; the head is stored after its parts");
                        return Ok(failed(FailureCode::NotAllowed, &message, fuel));
                    }
                }
            }
        }
        overlay.write_key(keyspace::remediation(&hash), Some(document.to_vec()));
        Ok((Ok(encode(&hash)), fuel))
    }

    /// Does one part of an accepted plan. The result's bytes are a sentence on what was done so far.
    pub(crate) fn remediate(
        &self,
        overlay: &mut Overlay<'_>,
        proposal: u64,
        plan: &Hash,
        part: u32,
    ) -> Result<Run, ExecutionError> {
        let head = match stored_head(plan, overlay.read_key(&keyspace::remediation(plan))?.as_deref()) {
            Ok(head) => head,
            Err(failure) => return Ok((Err(failure), 0)),
        };
        let refuse = |message: &str| Ok(failed(FailureCode::NotAllowed, message, 0));
        let Some(name) = usize::try_from(part).ok().and_then(|part| head.parts.get(part)) else {
            return refuse(&format!("plan {plan} has no part {part}"));
        };
        let stored = overlay.read_key(&keyspace::remediation(name))?.map(|bytes| PlanDocument::read(&bytes));
        let Some(Ok(PlanDocument::Part(items))) = stored else {
            return refuse(&format!("part {part} of plan {plan} cannot be read"));
        };
        let at = keyspace::remediation_progress(plan);
        let before: Option<PlanProgress> = decode_entry("remediation progress", overlay.read_key(&at)?)?;
        let mut progress = before.filter(|_| part > 0).unwrap_or_default();
        let mut touched = BTreeSet::new();
        for item in items.items.into_vec() {
            match item {
                PlanItem::Restore(entry) => {
                    touched.insert(entry.contract.clone());
                    self.restore(overlay, entry, &mut progress)?;
                }
                PlanItem::Mark { transaction, .. } => {
                    progress.marked = progress.marked.saturating_add(1);
                    self.mark(overlay, MarkKind::Remedied, proposal, *plan, &transaction);
                }
                PlanItem::Repackage { transaction, .. } => {
                    self.mark(overlay, MarkKind::Repackaged, proposal, *plan, &transaction);
                }
                PlanItem::Keep { .. } | PlanItem::Leave { .. } | PlanItem::Depends { .. } => {}
            }
        }
        overlay.write_key(at, Some(encode(&progress)));
        for contract in touched {
            if let Err(failure) = self.recount(overlay, &contract)? {
                return refuse(&format!("{contract}.{RECOUNT}: {}", failure.message.as_str()));
            }
        }
        let PlanProgress { restored, skipped, marked } = progress;
        let said = format!("{restored} values put back, {skipped} skipped, {marked} transactions marked");
        Ok((Ok(said.into_bytes()), 0))
    }

    /// Lets a contract that keeps totals over its entries count them anew: other transactions have changed the totals
    /// since, so that they cannot be put back like an entry. A contract without such a method keeps none.
    fn recount(&self, overlay: &mut Overlay<'_>, contract: &ContractId) -> Result<Result<(), Failure>, ExecutionError> {
        let Some(code) = overlay.code_hash(contract)? else { return Ok(Ok(())) };
        let Ok(info) = self.stored(overlay, &code)? else { return Ok(Ok(())) };
        let method = info.abi.methods.iter().find(|method| method.name == RECOUNT);
        let counts = method.is_some_and(|method| {
            method.kind == MethodKind::Call && method.role == Some(Role::Governance) && method.arguments.is_empty()
        });
        if !counts || is_governing(self.governor, contract) {
            return Ok(Ok(()));
        }
        let context = self.nobody(self.governor.cloned());
        let (result, _) = self.invoke(overlay, &context, contract, Entry::Call(RECOUNT), &encode(&()), RECOUNT_FUEL)?;
        Ok(result.map(|_| ()))
    }

    fn mark(&self, overlay: &mut Overlay<'_>, kind: MarkKind, proposal: u64, plan: Hash, transaction: &Hash) {
        let mark = TransactionMark { kind, proposal, plan, height: self.block.height };
        overlay.write_key(keyspace::mark(transaction), Some(encode(&mark)));
    }

    /// Puts a value back, unless another one than the plan found is there.
    fn restore(
        &self,
        overlay: &mut Overlay<'_>,
        entry: RestoredEntry,
        progress: &mut PlanProgress,
    ) -> Result<(), ExecutionError> {
        let key = keyspace::storage(&entry.contract, &entry.key);
        let present = overlay.read_key(&key)?.map(|value| sha3_256(&value));
        // Whoever made the plan, it never touches what members said and decided.
        if present != entry.expected || is_governing(self.governor, &entry.contract) {
            progress.skipped = progress.skipped.saturating_add(1);
            return Ok(());
        }
        overlay.write_key(key, entry.value.map(Bytes::into_vec));
        progress.restored = progress.restored.saturating_add(1);
        Ok(())
    }
}
