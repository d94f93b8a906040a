//! The block loop, shared by those who propose and those who verify.

use crate::{
    admission::{Admission, Refusal, decode_entry, key_entry, next_sequence, unknown_operator},
    error::{ExecutionError, Illegal},
    outcome::{BlockContext, Execution, Writes},
    overlay::Overlay,
    transaction::Runner,
};
use althing_runtime::{CallContext, Entry, Invocation, Outcome, Runtime, World};
use althing_types::{
    authority::AuthorityList,
    block::NodeInstruction,
    codec::{self, Text},
    crypto::{NodeId, PublicKey, Verified},
    genesis::{ChainKind, Genesis, Parameters},
    govern::MemberList,
    hash::Hash,
    id::{ChainId, ContractId},
    keyspace,
    organisation::KeyEntry,
    receipt::{Failure, FailureCode},
    transaction::{Abnormal, AbnormalCode, Transaction},
    view::StateView,
};
use std::{collections::BTreeSet, sync::Arc};

/// Executes the blocks of one chain. Cheap to clone; holds no state of the chain.
#[derive(Clone)]
pub struct Executor {
    runtime: Arc<Runtime>,
    chain: ChainId,
    kind: ChainKind,
}

/// What the loop does with a transaction that may be in no block.
enum OnRefusal {
    /// Leaves it out, and all others once so much fuel is used.
    LeaveOut {
        enough: u64,
    },
    Reject,
}

impl Executor {
    /// An executor for the chain of this id and kind.
    pub const fn new(runtime: Arc<Runtime>, chain: ChainId, kind: ChainKind) -> Self {
        Self { runtime, chain, kind }
    }

    /// The chain's id.
    pub const fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// The contract machine.
    pub const fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// The writes that make the state of height 0.
    ///
    /// # Errors
    /// [`ExecutionError::GenesisContract`] when a contract's code is missing, refused, or its initialiser fails.
    pub fn genesis(
        &self,
        genesis: &Genesis,
        code: impl Fn(&Hash) -> Option<Vec<u8>>,
    ) -> Result<Writes, ExecutionError> {
        crate::genesis::first_state(&self.runtime, genesis, code)
    }

    /// The parameters that are in force.
    ///
    /// # Errors
    /// [`ExecutionError`] when the store cannot answer.
    pub fn parameters(view: &dyn StateView) -> Result<Parameters, ExecutionError> {
        let stored = decode_entry("parameters", view.read(&keyspace::parameters())?)?;
        stored.ok_or(ExecutionError::SystemEntry { entry: "parameters", reason: "missing".into() })
    }

    /// The rules for entry into the block at `height`.
    pub const fn admission<'a>(
        &'a self,
        parameters: &'a Parameters,
        height: althing_types::id::Height,
    ) -> Admission<'a> {
        Admission { chain: &self.chain, kind: &self.kind, parameters, height }
    }

    /// The next unused sequence number of a key.
    ///
    /// # Errors
    /// [`ExecutionError`] when the store cannot answer.
    pub fn next_sequence(view: &dyn StateView, key: &PublicKey) -> Result<althing_types::id::Sequence, ExecutionError> {
        next_sequence(view, key)
    }

    /// Packs a block from candidates, in their order, as far as the chain's limits allow; what may be in no block is
    /// left out and reported. None is added once those before have used `enough` fuel: what a primary wants to pack of
    /// what the chain allows.
    ///
    /// # Errors
    /// [`ExecutionError`]: the node must stop.
    pub fn propose(
        &self,
        view: &dyn StateView,
        block: &BlockContext,
        candidates: &[Arc<Verified<Transaction>>],
        enough: u64,
    ) -> Result<Execution, ExecutionError> {
        match self.run(view, block, candidates, OnRefusal::LeaveOut { enough })? {
            Ok(execution) => Ok(execution),
            Err(illegal) => Err(ExecutionError::SystemEntry { entry: "own proposal", reason: illegal.to_string() }),
        }
    }

    /// Executes a proposed block exactly as it is.
    ///
    /// # Errors
    /// The outer error is the node's own; the inner [`Illegal`] is the proposer's.
    pub fn verify(
        &self,
        view: &dyn StateView,
        block: &BlockContext,
        transactions: &[Arc<Verified<Transaction>>],
    ) -> Result<Result<Execution, Illegal>, ExecutionError> {
        self.run(view, block, transactions, OnRefusal::Reject)
    }

    fn run(
        &self,
        view: &dyn StateView,
        block: &BlockContext,
        transactions: &[Arc<Verified<Transaction>>],
        on_refusal: OnRefusal,
    ) -> Result<Result<Execution, Illegal>, ExecutionError> {
        let parameters = Self::parameters(view)?;
        let admission = self.admission(&parameters, block.height);
        let mut overlay = Overlay::new(view);
        if let Some(plan) = &block.recovered {
            // Before anything else and outside of all contracts: a governing contract that cannot run must not matter.
            overlay.write_key(keyspace::authorities(), Some(codec::encode(&plan.authorities)));
            overlay.write_key(keyspace::recovery(), Some(codec::encode(plan)));
        }
        let governor = governor(&overlay)?;
        let runner = Runner { runtime: &self.runtime, chain: &self.chain, block, governor: governor.as_ref() };
        let members: Option<MemberList> = decode_entry("members", overlay.read_key(&keyspace::members())?)?;
        let (mut kept, mut hashes, mut receipts, mut abnormal) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut fuel_used, mut bytes) = (0u64, 0u64);
        for transaction in transactions {
            // One is always packed: a chain must go on whatever its primary thinks of its size.
            if matches!(on_refusal, OnRefusal::LeaveOut { enough } if fuel_used >= enough && !kept.is_empty()) {
                break;
            }
            let size = codec::encode(transaction.signed()).len() as u64;
            let full = Self::first_limit(
                &parameters,
                kept.len(),
                bytes.saturating_add(size),
                fuel_used.saturating_add(transaction.fuel_limit),
            );
            if let Some(illegal) = full {
                match on_refusal {
                    OnRefusal::LeaveOut { .. } => break,
                    OnRefusal::Reject => return Ok(Err(illegal)),
                }
            }
            let hash = transaction.hash();
            if let Err(Refusal { code, message }) = Self::check(&admission, &overlay, transaction)? {
                match on_refusal {
                    OnRefusal::Reject => return Ok(Err(Illegal::Abnormal { transaction: hash, code, message })),
                    // A gap may close with the next block: it is no fault of the sender's.
                    OnRefusal::LeaveOut { .. } if code == AbnormalCode::SequenceGap => {}
                    OnRefusal::LeaveOut { .. } => abnormal.push(Abnormal {
                        transaction: hash,
                        operator: transaction.operator,
                        height: block.height,
                        code,
                        message: Text::truncated(&message),
                    }),
                }
                continue;
            }
            let receipt = runner.run(&mut overlay, transaction, hash)?;
            fuel_used = fuel_used.saturating_add(receipt.fuel_used);
            bytes = bytes.saturating_add(size);
            kept.push(Arc::clone(transaction));
            hashes.push(hash);
            receipts.push(receipt);
        }
        receipts.extend(runner.end_block(&mut overlay)?);
        let next_authorities: Option<AuthorityList> =
            decode_entry("authorities", overlay.read_key(&keyspace::authorities())?)?;
        let Some(next_authorities) = next_authorities else {
            return Err(ExecutionError::SystemEntry { entry: "authorities", reason: "missing".into() });
        };
        let parameters = Self::parameters(&overlay)?;
        let after: Option<MemberList> = decode_entry("members", overlay.read_key(&keyspace::members())?)?;
        let instruction = instruction(members.as_ref(), after.as_ref());
        let writes = overlay.into_writes();
        Ok(Ok(Execution {
            transactions: kept,
            hashes,
            receipts,
            writes,
            abnormal,
            instruction,
            members: if after == members { None } else { after },
            next_authorities,
            parameters,
            fuel_used,
        }))
    }

    fn first_limit(parameters: &Parameters, count: usize, bytes: u64, fuel: u64) -> Option<Illegal> {
        let limits = [
            ("transactions", (count as u64).saturating_add(1), u64::from(parameters.max_block_transactions)),
            // One transaction always fits, however long: an upload of code may exceed the block's usual size.
            ("bytes", if count == 0 { 0 } else { bytes }, u64::from(parameters.max_block_bytes)),
            ("fuel", fuel, parameters.max_block_fuel),
        ];
        let broken = limits.into_iter().find(|(_, found, maximum)| found > maximum);
        broken.map(|(what, found, maximum)| Illegal::TooLarge { what, found, maximum })
    }

    fn check(
        admission: &Admission<'_>,
        overlay: &Overlay<'_>,
        transaction: &Transaction,
    ) -> Result<Result<(), Refusal>, ExecutionError> {
        if let Err(refusal) = admission.check_form(transaction) {
            return Ok(Err(refusal));
        }
        if key_entry(overlay, &transaction.operator)?.is_none() {
            return Ok(Err(unknown_operator(&transaction.operator)));
        }
        let next = next_sequence(overlay, &transaction.operator)?;
        if transaction.sequence > next {
            let message = format!("sequence is {}, the next one is {next}", transaction.sequence);
            return Ok(Err(Refusal { code: AbnormalCode::SequenceGap, message }));
        }
        Ok(admission.check_sequence(transaction, next))
    }

    /// The contract that governs the state of a view; `None` on a chain without governance.
    ///
    /// # Errors
    /// [`ExecutionError`] when the store cannot answer.
    pub fn governor(view: &dyn StateView) -> Result<Option<ContractId>, ExecutionError> {
        decode_entry("governor", view.read(&keyspace::governor())?)
    }

    /// The member list of a view; `None` when the state has none.
    ///
    /// # Errors
    /// [`ExecutionError`] when the store cannot answer.
    pub fn members(view: &dyn StateView) -> Result<Option<MemberList>, ExecutionError> {
        decode_entry("members", view.read(&keyspace::members())?)
    }

    /// Whose key it is; `None` for strangers.
    ///
    /// # Errors
    /// [`ExecutionError`] when the store cannot answer.
    pub fn key_entry(view: &dyn StateView, key: &PublicKey) -> Result<Option<KeyEntry>, ExecutionError> {
        key_entry(view, key)
    }

    /// Whether the state has a contract of this id.
    ///
    /// # Errors
    /// [`ExecutionError`] when the store cannot answer.
    pub fn has_contract(view: &dyn StateView, contract: &ContractId) -> Result<bool, ExecutionError> {
        Ok(view.read(&keyspace::contract(contract))?.is_some())
    }

    /// Calls a view of a contract; nothing is written.
    ///
    /// # Errors
    /// [`ExecutionError`]: the node's own fault, the watchdog's deadline among them.
    pub fn view(
        &self,
        view: &dyn StateView,
        context: &CallContext,
        contract: &ContractId,
        method: &str,
        input: &[u8],
        fuel: u64,
    ) -> Result<Outcome, ExecutionError> {
        let mut overlay = Overlay::new(view);
        let Some(code) = overlay.code_hash(contract)? else {
            let message = format!("no contract '{contract}' on this chain");
            let result = Err(Failure::new(FailureCode::NoSuchContract, &message));
            return Ok(Outcome { result, fuel_used: 0, logs: Vec::new() });
        };
        let invocation = Invocation { contract, code, entry: Entry::View(method), input, fuel };
        Ok(self.runtime.invoke_view(&mut overlay, context, &invocation)?)
    }
}

/// The contract that governs; `None` on a chain without governance.
fn governor(overlay: &Overlay<'_>) -> Result<Option<ContractId>, ExecutionError> {
    decode_entry("governor", overlay.read_key(&keyspace::governor())?)
}

/// What changed in the member list; a removal is told before an addition in the same block.
fn instruction(before: Option<&MemberList>, after: Option<&MemberList>) -> NodeInstruction {
    let nodes = |list: Option<&MemberList>| -> BTreeSet<NodeId> {
        list.map(|list| list.nodes.iter().map(|member| member.node).collect()).unwrap_or_default()
    };
    let (before, after) = (nodes(before), nodes(after));
    match (before.difference(&after).next(), after.difference(&before).next()) {
        (Some(_), _) => NodeInstruction::Removed,
        (None, Some(_)) => NodeInstruction::Added,
        (None, None) => NodeInstruction::None,
    }
}
