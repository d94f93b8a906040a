//! A change of code tried on a fork of the present state, before anyone votes on it.
//!
//! It runs the very steps that the end of a block would run, and writes nothing: what comes back is what would change.

use crate::{
    error::ExecutionError,
    executor::Executor,
    outcome::{BlockContext, Writes},
    overlay::Overlay,
    transaction::Runner,
};
use althing_runtime::World;
use althing_types::{
    event::Event, govern::SystemChange, hash::Hash, id::ContractId, keyspace, receipt::Failure, view::StateView,
};

/// What a change of code would do.
#[derive(Clone, Debug)]
pub struct DryRun {
    /// Why it would fail; nothing would change then.
    pub failure: Option<Failure>,
    /// What would change in the state.
    pub writes: Writes,
    /// The migration's, or the initialiser's, events.
    pub events: Vec<Event>,
    /// Fuel that it would use.
    pub fuel_used: u64,
    /// Why the chain could not be governed afterwards: the governing contract's work at the end of the next block,
    /// tried on the fork, fails.
    pub ungoverned: Option<Failure>,
}

impl Executor {
    /// Tries to replace a contract's code by code that is stored, or to deploy it when there is no such contract.
    ///
    /// # Errors
    /// [`ExecutionError`]: the node's own fault.
    pub fn dry_run(
        &self,
        view: &dyn StateView,
        block: &BlockContext,
        contract: &ContractId,
        code: Hash,
    ) -> Result<DryRun, ExecutionError> {
        let governor = Self::governor(view)?;
        let runner = Runner { runtime: self.runtime(), chain: self.chain(), block, governor: governor.as_ref() };
        let mut overlay = Overlay::new(view);
        let exists = overlay.read_key(&keyspace::contract(contract))?.is_some();
        let contract = contract.clone();
        let change = if exists {
            SystemChange::Upgrade { tag: 0, contract, code }
        } else {
            SystemChange::Deploy { tag: 0, contract, code, arguments: Default::default() }
        };
        let context = runner.nobody(governor.clone());
        overlay.checkpoint();
        let (_, (result, fuel_used)) = runner.change_code(&mut overlay, &context, change)?;
        let failure = result.err();
        match failure {
            None => overlay.accept(),
            Some(_) => overlay.revert(),
        }
        let events = overlay.finish_transaction();
        let writes = overlay.staged().clone();
        let receipt = if failure.is_none() { runner.end_block(&mut overlay)? } else { None };
        let ungoverned = receipt.and_then(|receipt| receipt.status.failure().cloned());
        Ok(DryRun { failure, writes, events, fuel_used, ungoverned })
    }
}
