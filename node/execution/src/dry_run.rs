//! A change of code tried on a fork of the present state, before anyone votes on it.
//!
//! It runs the very steps that the ends of blocks would run, one block after the other, and writes nothing: what comes
//! back is what would change.

use crate::{
    error::ExecutionError,
    executor::Executor,
    migration::{Ended, present},
    outcome::{BlockContext, Writes},
    overlay::Overlay,
    transaction::Runner,
};
use althing_types::{
    codec::Bytes,
    event::Event,
    govern::SystemChange,
    hash::{Hash, Tag, hash_of},
    id::{ContractId, Height},
    keyspace,
    migration::Phase,
    receipt::{Failure, FailureCode},
    transaction::MAX_ARGUMENTS,
    view::StateView,
};

/// Most blocks over which a migration is tried.
const MAX_BLOCKS: u64 = 64;

/// The code to be tried.
#[derive(Clone, Copy, Debug)]
pub enum Candidate<'a> {
    /// Code that the state holds.
    Stored(Hash),
    /// Code that nobody has uploaded yet.
    Module(&'a [u8]),
}

/// What a change of code would do.
#[derive(Clone, Debug)]
pub struct DryRun {
    /// Why it would fail; nothing would change then.
    pub failure: Option<Failure>,
    /// What would change in the state, the code itself left out.
    pub writes: Writes,
    /// The migration's, or the initialiser's, events.
    pub events: Vec<Event>,
    /// Fuel that migration or initialiser would use.
    pub fuel_used: u64,
    /// Blocks that it would take; 1 when it is done at the end of the first one.
    pub blocks: u64,
    /// Hash of what it would write into the state of contracts. It does not depend on the height, so that it can be
    /// compared with a later dry run.
    pub predicted: Hash,
    /// Why the chain could not be governed afterwards; `failure` says so too.
    pub ungoverned: Option<Failure>,
}

impl Executor {
    /// Tries to replace a contract's code, or to deploy it with these arguments when there is no such contract.
    ///
    /// # Errors
    /// [`ExecutionError`]: the node's own fault.
    pub fn dry_run(
        &self,
        view: &dyn StateView,
        block: &BlockContext,
        contract: &ContractId,
        candidate: Candidate<'_>,
        arguments: &Bytes<MAX_ARGUMENTS>,
    ) -> Result<DryRun, ExecutionError> {
        let governor = Self::governor(view)?;
        let mut overlay = Overlay::new(view);
        let code = match candidate {
            Candidate::Stored(hash) => hash,
            Candidate::Module(bytes) => {
                let hash = keyspace::code_hash(bytes);
                overlay.write_key(keyspace::code(&hash), Some(bytes.to_vec()));
                hash
            }
        };
        let exists = overlay.read_key(&keyspace::contract(contract))?.is_some();
        let id = contract.clone();
        let change = if exists {
            SystemChange::Upgrade { tag: 0, contract: id, code }
        } else {
            SystemChange::Deploy { tag: 0, contract: id, code, arguments: arguments.clone() }
        };
        let mut run = DryRun {
            failure: None,
            writes: Writes::new(),
            events: Vec::new(),
            fuel_used: 0,
            blocks: 1,
            predicted: Hash::ZERO,
            ungoverned: None,
        };
        let runner = Runner { runtime: self.runtime(), chain: self.chain(), block, governor: governor.as_ref() };
        let context = runner.nobody(governor.clone());
        let mut ended = runner.change_code(&mut overlay, &context, change)?;
        for after in 0..MAX_BLOCKS {
            let Some(migration) = present(&overlay, contract)? else { break };
            if let Phase::Back { failure } = migration.phase {
                ended = Some(Ended { tag: 0, failure: Some(failure), fuel: migration.fuel_used });
                break;
            }
            let timestamp_ms = block.timestamp_ms.saturating_add(after);
            let height = Height(block.height.0.saturating_add(after));
            let block = BlockContext { height, timestamp_ms, ..block.clone() };
            let runner = Runner { block: &block, ..runner };
            let context = runner.nobody(governor.clone());
            if !migration.is_open() {
                run.blocks = after.saturating_add(1);
            }
            ended = ended.or(runner.migrate(&mut overlay, &context, Some(contract))?.pop());
            run.events.extend(overlay.finish_transaction());
        }
        if let Some(ended) = ended {
            (run.failure, run.fuel_used) = (ended.failure, ended.fuel);
        }
        if run.failure.is_none() && present(&overlay, contract)?.is_some_and(|migration| !migration.is_open()) {
            let message = format!("the migration has not ended after {MAX_BLOCKS} blocks; no more are tried");
            run.failure = Some(Failure::new(FailureCode::OutOfFuel, &message));
        }
        run.events.extend(overlay.finish_transaction());
        run.ungoverned = run.failure.clone().filter(|failure| failure.code == FailureCode::WouldBrickGovernance);
        if run.failure.is_none() {
            run.writes = changes(view, overlay.into_writes(), &keyspace::code(&code))?;
        }
        run.predicted = prediction(contract, &code, &run.writes);
        Ok(run)
    }
}

/// What is otherwise than in the state, without one key.
fn changes(view: &dyn StateView, staged: Writes, without: &[u8]) -> Result<Writes, ExecutionError> {
    let mut out = Writes::new();
    for (key, value) in staged {
        if key != without && view.read(&key)? != value {
            out.insert(key, value);
        }
    }
    Ok(out)
}

/// Hash of what a change of code writes into the state of contracts: contract, code, then key and value of each entry.
fn prediction(contract: &ContractId, code: &Hash, writes: &Writes) -> Hash {
    let entries: Vec<_> = writes.iter().filter(|(key, _)| key.first() == Some(&1)).collect();
    hash_of(Tag::StateDiff, &(contract, code, entries))
}
