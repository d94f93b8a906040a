//! One transaction: sequence, dispatch, receipt.

use crate::{
    admission::{decode_entry, key_entry},
    error::ExecutionError,
    outcome::BlockContext,
    overlay::Overlay,
};
use althing_runtime::{CallContext, Entry, Invocation, ModuleInfo, Outcome, Runtime, World};
use althing_types::{
    codec::{self, Bytes, List},
    hash::Hash,
    id::{ChainId, ContractId},
    keyspace::{self, ContractEntry},
    organisation::Role,
    receipt::{Failure, FailureCode, Receipt, Status},
    transaction::{Content, Transaction},
};

/// Fuel charged for each byte of uploaded code: checking and compiling it costs every node time.
const FUEL_PER_CODE_BYTE: u64 = 500;

/// Result bytes with fuel used, or the failure with fuel used.
type Run = (Result<Vec<u8>, Failure>, u64);

fn failed(code: FailureCode, message: &str, fuel: u64) -> Run {
    (Err(Failure::new(code, message)), fuel)
}

/// Runs admitted transactions, one at a time, over one overlay.
pub(crate) struct Runner<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) chain: &'a ChainId,
    pub(crate) block: &'a BlockContext,
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
        let (organisation, roles) = member.map_or((None, Default::default()), |m| (Some(m.organisation), m.roles));
        let context = CallContext {
            chain: self.chain.clone(),
            height: self.block.height,
            timestamp_ms: self.block.timestamp_ms,
            transaction: hash,
            signer: transaction.operator,
            organisation,
            roles,
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
                self.deploy(overlay, context, contract, code, arguments, limit)
            }
            Content::Upgrade { contract, code } => self.upgrade(overlay, context, contract, code, limit),
        }
    }

    fn invoke(
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

    fn check_code(
        &self,
        context: &CallContext,
        code: &[u8],
        limit: u64,
    ) -> Result<Result<(ModuleInfo, u64), Run>, ExecutionError> {
        if !context.roles.contains(&Role::Operator) {
            let message = "only a key with the role operator may deploy or upgrade";
            return Ok(Err(failed(FailureCode::NotAllowed, message, 0)));
        }
        let fuel = FUEL_PER_CODE_BYTE.saturating_mul(code.len() as u64);
        if fuel > limit {
            let message = format!("code of {} bytes needs {fuel} fuel, the limit is {limit}", code.len());
            return Ok(Err(failed(FailureCode::OutOfFuel, &message, limit)));
        }
        Ok(self.runtime.admit(code)?.map(|info| (info, fuel)).map_err(|failure| (Err(failure), fuel)))
    }

    fn deploy(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        code: &[u8],
        arguments: &[u8],
        limit: u64,
    ) -> Result<Run, ExecutionError> {
        let (info, fuel) = match self.check_code(context, code, limit)? {
            Ok(checked) => checked,
            Err(run) => return Ok(run),
        };
        let key = keyspace::contract(contract);
        if overlay.read_key(&key)?.is_some() {
            return Ok(failed(
                FailureCode::ContractExists,
                &format!("contract '{contract}' exists; use upgrade"),
                fuel,
            ));
        }
        let entry = ContractEntry {
            code: info.hash,
            state_version: info.abi.state_version,
            schema: info.abi.schema_hash(),
            upgrades: 0,
            deployer: Some(context.signer),
            since: context.height,
        };
        overlay.write_key(keyspace::code(&info.hash), Some(code.to_vec()));
        overlay.write_key(key, Some(codec::encode(&entry)));
        if !info.has_init() {
            if arguments.is_empty() {
                return Ok((Ok(Vec::new()), fuel));
            }
            return Ok(failed(
                FailureCode::BadArguments,
                "the contract has no initialiser and takes no arguments",
                fuel,
            ));
        }
        let (result, used) =
            self.invoke(overlay, context, contract, Entry::Init, arguments, limit.saturating_sub(fuel))?;
        Ok((result, used.saturating_add(fuel)))
    }

    fn upgrade(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        code: &[u8],
        limit: u64,
    ) -> Result<Run, ExecutionError> {
        let (info, fuel) = match self.check_code(context, code, limit)? {
            Ok(checked) => checked,
            Err(run) => return Ok(run),
        };
        let key = keyspace::contract(contract);
        let Some(old) = decode_entry::<ContractEntry>("contract", overlay.read_key(&key)?)? else {
            return Ok(failed(FailureCode::NoSuchContract, &format!("no contract '{contract}' on this chain"), fuel));
        };
        let (from, to, schema) = (old.state_version, info.abi.state_version, info.abi.schema_hash());
        let migrates = to > from && info.has_migration();
        if !migrates && (from != to || old.schema != schema) {
            let message = format!(
                "state version {from} -> {to} with {} schema: raise state_version and add a #[migrate(from = {from})]",
                if old.schema == schema { "the same" } else { "another" }
            );
            return Ok(failed(FailureCode::MigrationMissing, &message, fuel));
        }
        let entry = ContractEntry {
            code: info.hash,
            state_version: to,
            schema,
            upgrades: old.upgrades.saturating_add(1),
            deployer: old.deployer,
            since: context.height,
        };
        overlay.write_key(keyspace::code(&info.hash), Some(code.to_vec()));
        overlay.write_key(key, Some(codec::encode(&entry)));
        if !migrates {
            return Ok((Ok(Vec::new()), fuel));
        }
        let input = codec::encode(&from);
        let (result, used) =
            self.invoke(overlay, context, contract, Entry::Migrate, &input, limit.saturating_sub(fuel))?;
        Ok((result, used.saturating_add(fuel)))
    }
}
