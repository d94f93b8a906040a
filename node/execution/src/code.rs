//! Contract code: who may upload, deploy and replace it, and how that is done.

use crate::{
    admission::decode_entry,
    error::ExecutionError,
    overlay::Overlay,
    transaction::{Run, Runner, failed},
};
use althing_runtime::{CallContext, Entry, ModuleInfo, World};
use althing_types::{
    codec,
    id::ContractId,
    keyspace::{self, ContractEntry},
    organisation::Role,
    receipt::FailureCode,
};

/// Fuel charged for each byte of uploaded code: checking and compiling it costs every node time.
const FUEL_PER_CODE_BYTE: u64 = 500;
/// Between an organisation's id and the name of a contract of its own.
const NAMESPACE: char = '.';

/// Whether a contract's id lies in the namespace of the caller's organisation.
fn own(context: &CallContext, contract: &ContractId) -> bool {
    context.organisation.as_ref().is_some_and(|organisation| {
        let rest = contract.as_str().strip_prefix(organisation.as_str());
        rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with(NAMESPACE))
    })
}

impl Runner<'_> {
    /// Checks who uploads and what, and stages the code: the module's facts and the fuel for them.
    pub(crate) fn admit(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        code: &[u8],
        limit: u64,
    ) -> Result<Result<(ModuleInfo, u64), Run>, ExecutionError> {
        let open: Option<bool> = decode_entry("deploy policy", overlay.read_key(&keyspace::open_deploy())?)?;
        let deployer = context.roles.contains(&Role::Deployer);
        let allowed =
            context.roles.contains(&Role::Governance) || (open == Some(true) && deployer && own(context, contract));
        if !allowed {
            let organisation = context.organisation.as_ref().map_or("?", |id| id.as_str());
            let message = if open == Some(true) {
                format!(
                    "'{contract}' needs a proposal: a key with the duty deployer may deploy and upgrade '{organisation}.NAME'"
                )
            } else {
                format!("'{contract}' needs a proposal that the members accept")
            };
            return Ok(Err(failed(FailureCode::NotAllowed, &message, 0)));
        }
        let checked = self.check_code(code, limit)?;
        if let Ok((info, _)) = &checked {
            overlay.write_key(keyspace::code(&info.hash), Some(code.to_vec()));
        }
        Ok(checked)
    }

    fn check_code(&self, code: &[u8], limit: u64) -> Result<Result<(ModuleInfo, u64), Run>, ExecutionError> {
        let fuel = FUEL_PER_CODE_BYTE.saturating_mul(code.len() as u64);
        if fuel > limit {
            let message = format!("code of {} bytes needs {fuel} fuel, the limit is {limit}", code.len());
            return Ok(Err(failed(FailureCode::OutOfFuel, &message, limit)));
        }
        Ok(self.runtime.admit(code)?.map(|info| (info, fuel)).map_err(|failure| (Err(failure), fuel)))
    }

    /// Stores checked code, so that a proposal can name it by its hash.
    pub(crate) fn upload(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        code: &[u8],
        limit: u64,
    ) -> Result<Run, ExecutionError> {
        if !context.roles.contains(&Role::Deployer) && !context.roles.contains(&Role::Governance) {
            return Ok(failed(FailureCode::NotAllowed, "only a key with the duty deployer may upload code", 0));
        }
        let (info, fuel) = match self.check_code(code, limit)? {
            Ok(checked) => checked,
            Err(run) => return Ok(run),
        };
        overlay.write_key(keyspace::code(&info.hash), Some(code.to_vec()));
        Ok((Ok(codec::encode(&info.hash)), fuel))
    }

    /// Puts a contract in place and runs its initialiser. `fuel` is what was used so far, and the limit.
    pub(crate) fn deploy(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        info: &ModuleInfo,
        arguments: &[u8],
        (fuel, limit): (u64, u64),
    ) -> Result<Run, ExecutionError> {
        let key = keyspace::contract(contract);
        if overlay.read_key(&key)?.is_some() {
            let message = format!("contract '{contract}' exists; use upgrade");
            return Ok(failed(FailureCode::ContractExists, &message, fuel));
        }
        let entry = ContractEntry {
            code: info.hash,
            state_version: info.abi.state_version,
            schema: info.abi.schema_hash(),
            upgrades: 0,
            deployer: Some(context.signer),
            since: context.height,
        };
        overlay.write_key(key, Some(codec::encode(&entry)));
        if !info.has_init() {
            if arguments.is_empty() {
                return self.in_order(overlay, context, contract, info, (fuel, limit));
            }
            let message = "the contract has no initialiser and takes no arguments";
            return Ok(failed(FailureCode::BadArguments, message, fuel));
        }
        let left = limit.saturating_sub(fuel);
        let (result, used) = self.invoke(overlay, context, contract, Entry::Init, arguments, left)?;
        let fuel = used.saturating_add(fuel);
        match result {
            Ok(_) => self.in_order(overlay, context, contract, info, (fuel, limit)),
            Err(failure) => Ok((Err(failure), fuel)),
        }
    }

    /// Replaces a contract's code and runs its migration. `fuel` is what was used so far, and the limit.
    pub(crate) fn upgrade(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        info: &ModuleInfo,
        (fuel, limit): (u64, u64),
    ) -> Result<Run, ExecutionError> {
        if self.governor == Some(contract) {
            let message = "the governing contract is replaced by a proposal that the members accept";
            return Ok(failed(FailureCode::NotAllowed, message, fuel));
        }
        let old = match self.replaceable(overlay, contract, info)? {
            Ok(old) => old,
            Err(failure) => return Ok((Err(failure), fuel)),
        };
        let mut fuel = fuel;
        if old.state_version != info.abi.state_version {
            let left = limit.saturating_sub(fuel);
            let (outcome, used) = self.migrate_at_once(overlay, context, (contract, info, old.state_version), left)?;
            fuel = fuel.saturating_add(used);
            if outcome.is_err() {
                return Ok((outcome, fuel));
            }
        }
        self.flip(overlay, contract, info)?;
        self.in_order(overlay, context, contract, info, (fuel, limit))
    }

    /// Asks the invariants of new code within the fuel that is left.
    fn in_order(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        info: &ModuleInfo,
        (fuel, limit): (u64, u64),
    ) -> Result<Run, ExecutionError> {
        let (outcome, used) = self.hold_invariants(overlay, context, contract, info)?;
        let fuel = fuel.saturating_add(used);
        Ok(match outcome {
            Ok(()) if fuel > limit => failed(FailureCode::OutOfFuel, "no fuel is left for the invariants", limit),
            Ok(()) => (Ok(Vec::new()), fuel),
            Err(failure) => (Err(failure), fuel),
        })
    }

    /// Facts of code that was stored before; the failure says that it was not, or is not code.
    pub(crate) fn stored(
        &self,
        overlay: &Overlay<'_>,
        code: &althing_types::hash::Hash,
    ) -> Result<Result<ModuleInfo, Run>, ExecutionError> {
        let Some(bytes) = World::code(overlay, code)? else {
            return Ok(Err(failed(FailureCode::CodeRefused, &format!("code {code} was not uploaded"), 0)));
        };
        Ok(self.runtime.admit(&bytes)?.map_err(|failure| (Err(failure), 0)))
    }
}
