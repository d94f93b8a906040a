//! Computing a plan: the blocks are executed again over the old state, once as they were and once without the
//! organisation's transactions.
//!
//! ```text
//!  state before `from` --all transactions-------> who wrote which key last, and what good ones had left in it
//!                      --without the bad ones---> which good ones were lost, which ones depended on the bad ones
//!  present state, keys of bad ones put back ----> lost ones once more, in order (see `lost`)
//! ```
//!
//! A key is put back to the last value that anybody else gave it; without one, to its value before `from`. What the
//! second run leaves in a key is never written: numbers and lists would not fit those of later transactions, which
//! stay. Both runs are checked against the receipts and the values that the store keeps.

use super::lost::{Lost, repackage};
use crate::{
    admission::{decode_entry, key_entry},
    error::ExecutionError,
    executor::Executor,
    outcome::BlockContext,
    overlay::Overlay,
    transaction::Runner,
};
use althing_types::{
    codec::{Bytes, List, encode},
    hash::{Hash, sha3_256},
    id::{ContractId, Height, OrganisationId},
    keyspace,
    organisation::KeyEntry,
    receipt::{Receipt, Status},
    remediation::{Plan, PlanCounts, PlanError, PlanHead, PlanItem, RestoredEntry, is_governing},
    transaction::{Content, Transaction},
    view::{StateFault, StateView},
};
use std::collections::BTreeMap;

/// Most blocks that a plan looks at.
pub const MAX_BLOCKS: u64 = 20_000;
/// Most transactions that a plan looks at.
pub const MAX_TRANSACTIONS: u64 = 200_000;

/// What a plan is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRequest {
    /// Whose transactions are to be repaired.
    pub organisation: OrganisationId,
    /// The first height that is looked at, from 1.
    pub from: Height,
    /// The last one.
    pub base: Height,
    /// Hash of the header of that height.
    pub block: Hash,
}

/// A block of the chain as it was executed.
#[derive(Clone, Debug)]
pub struct PastBlock {
    /// In what its transactions ran.
    pub block: BlockContext,
    /// Its transactions with their hashes, in order.
    pub transactions: Vec<(Hash, Transaction)>,
    /// What became of them, and of the end of the block when it had something to tell.
    pub receipts: Vec<Receipt>,
}

/// Where old blocks come from.
pub trait Source {
    /// The block of a height; `None` when there is none.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    fn past_block(&self, height: Height) -> Result<Option<PastBlock>, StateFault>;
    /// Hears how much is done, of `all`; `false` ends the computation.
    fn go_on(&self, done: u64, all: u64) -> bool;
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanRefusal {
    /// There is nothing between the two heights.
    #[error("from_height {from}: must be at least 1 and at most base_height {base}")]
    BadRange {
        /// The first height.
        from: Height,
        /// The last height.
        base: Height,
    },
    /// More than one computation may look at.
    #[error("{found} {what} from height {from} on; at most {maximum} are looked at: choose a later from_height")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: u64,
        /// How many may be.
        maximum: u64,
        /// The first height.
        from: Height,
    },
    /// A block is not in the store.
    #[error("the block of height {height} is not kept here")]
    NoBlock {
        /// Its height.
        height: Height,
    },
    /// What is computed again differs from what the chain holds: this program is not the one that made it.
    #[error("height {height}: {what} computed again differs from the chain's; ask a node of the version that made it")]
    Differs {
        /// The height.
        height: Height,
        /// What differs.
        what: String,
    },
    /// The time for it was over.
    #[error("the computation was stopped after {done} of {all} blocks: choose a later from_height")]
    Stopped {
        /// Blocks done, of both runs.
        done: u64,
        /// All.
        all: u64,
    },
    /// The plan has no form.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

impl PlanRefusal {
    /// Its number; numbers never change their meaning.
    pub const fn number(&self) -> u16 {
        match self {
            Self::BadRange { .. } => 1,
            Self::TooMany { .. } => 2,
            Self::NoBlock { .. } => 3,
            Self::Differs { .. } => 4,
            Self::Stopped { .. } => 5,
            Self::Plan(_) => 6,
        }
    }
}

/// Why a computation ended early.
pub(super) enum Stop {
    Refused(PlanRefusal),
    Fault(ExecutionError),
}

impl From<ExecutionError> for Stop {
    fn from(error: ExecutionError) -> Self {
        Self::Fault(error)
    }
}

impl From<StateFault> for Stop {
    fn from(error: StateFault) -> Self {
        Self::Fault(error.into())
    }
}

/// Where a transaction stands; the end of a block comes after all of them.
pub(super) type Place = (Height, u32);

/// A write of anybody but the organisation.
pub(super) struct GoodWrite {
    pub(super) place: Place,
    /// The transaction; `None`: the end of a block.
    by: Option<Hash>,
    /// The value that it left.
    value: Option<Vec<u8>>,
}

/// What was written to a key.
#[derive(Default)]
pub(super) struct KeyHistory {
    /// The last write of somebody else.
    pub(super) good: Option<GoodWrite>,
    /// The organisation's last write.
    pub(super) bad: Option<(Place, Hash)>,
}

pub(super) type Histories = BTreeMap<Vec<u8>, KeyHistory>;

/// What became of a transaction in the first run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Bad,
    Succeeded,
    Failed,
}

/// One execution of all blocks.
pub(super) struct Replay<'a> {
    executor: &'a Executor,
    request: &'a PlanRequest,
    source: &'a dyn Source,
}

/// What the first run found.
#[derive(Default)]
struct Found {
    keys: Histories,
    outcomes: BTreeMap<Place, Outcome>,
    marks: Vec<(Place, Hash)>,
}

/// What the bad transactions did to good ones, as the second run shows it.
#[derive(Default)]
struct Consequences {
    /// Good ones that failed and would not have.
    lost: Vec<Lost>,
    /// Good ones that succeeded and would not have.
    dependent: Vec<(Place, Hash)>,
}

impl Executor {
    /// Computes the plan that repairs what an organisation did from one height to another. `before` is the state
    /// before the first of them, `present` the state after the last.
    ///
    /// # Errors
    /// The outer error is the node's own; the inner one says why there is no plan.
    pub fn remediation_plan(
        &self,
        before: &dyn StateView,
        present: &dyn StateView,
        request: &PlanRequest,
        source: &dyn Source,
    ) -> Result<Result<Plan, PlanRefusal>, ExecutionError> {
        match (Replay { executor: self, request, source }).plan(before, present) {
            Ok(plan) => Ok(Ok(plan)),
            Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
            Err(Stop::Fault(error)) => Err(error),
        }
    }
}

fn governor_of(overlay: &Overlay<'_>) -> Result<Option<ContractId>, ExecutionError> {
    decode_entry("governor", overlay.read_key(&keyspace::governor())?)
}

/// The contract that a transaction calls, when it is one whose state may be put back.
fn calls<'a>(transaction: &'a Transaction, governor: Option<&ContractId>) -> Option<&'a ContractId> {
    match &transaction.content {
        Content::Call { contract, .. } if !is_governing(governor, contract) => Some(contract),
        _ => None,
    }
}

/// Whether a state key is a contract's that may be put back.
pub(super) fn is_restorable(key: &[u8], governor: Option<&ContractId>) -> bool {
    keyspace::parse_storage(key).is_some_and(|(contract, _)| !is_governing(governor, &contract))
}

impl Replay<'_> {
    fn blocks(&self) -> u64 {
        self.request.base.0.saturating_sub(self.request.from.0).saturating_add(1)
    }

    fn plan(&self, before: &dyn StateView, present: &dyn StateView) -> Result<Plan, Stop> {
        let PlanRequest { from, base, .. } = *self.request;
        if from.0 == 0 || from > base {
            return Err(Stop::Refused(PlanRefusal::BadRange { from, base }));
        }
        self.bound("blocks", self.blocks(), MAX_BLOCKS)?;
        let mut actual = Overlay::noting(before);
        let found = self.as_it_was(&mut actual)?;
        let mut other = Overlay::new(before);
        let Consequences { lost, dependent } = self.without_the_bad(&mut other, &found.outcomes)?;
        let undone = undone(before, &found.keys)?;
        let packed = repackage(self, &actual, &other, &undone, &found.keys, lost)?;
        let mut items = Vec::new();
        for (key, (value, because)) in packed.writes {
            self.item(&mut items, &actual, present, (key, value, because))?;
        }
        let mark = |&((height, _), transaction): &(Place, Hash)| PlanItem::Mark { transaction, height };
        items.extend(found.marks.iter().map(mark));
        let repackage = |&((height, _), transaction): &(Place, Hash)| PlanItem::Repackage { transaction, height };
        items.extend(packed.packed.iter().map(repackage));
        items.extend(kept(&found.keys)?);
        items.extend(packed.left.into_iter().map(|((height, _), transaction, reason)| PlanItem::Leave {
            transaction,
            height,
            reason,
        }));
        items.extend(dependent.into_iter().map(|((height, _), transaction)| PlanItem::Depends { transaction, height }));
        let head = PlanHead {
            chain: self.executor.chain().clone(),
            organisation: self.request.organisation.clone(),
            from,
            base,
            block: self.request.block,
            counts: PlanCounts::default(),
            parts: List::default(),
        };
        Plan::make(head, items).map_err(|error| Stop::Refused(error.into()))
    }

    /// Adds what is to be put back, when it is another value than the present one.
    fn item(
        &self,
        items: &mut Vec<PlanItem>,
        actual: &Overlay<'_>,
        present: &dyn StateView,
        (key, value, because): (Vec<u8>, Option<Vec<u8>>, Hash),
    ) -> Result<(), Stop> {
        let now = actual.read_key(&key)?;
        if now != present.read(&key)? {
            return Err(self.differs(self.request.base, format!("state key {}", hex(&key))));
        }
        if now == value {
            return Ok(());
        }
        let (contract, key) = split(&key)?;
        let value = value.map(Bytes::new).transpose().map_err(|error| Stop::Fault(too_long(&error)))?;
        let expected = now.map(|value| sha3_256(&value));
        items.push(PlanItem::Restore(RestoredEntry { contract, key, expected, value, because }));
        Ok(())
    }

    fn differs(&self, height: Height, what: String) -> Stop {
        Stop::Refused(PlanRefusal::Differs { height, what })
    }

    fn bound(&self, what: &'static str, found: u64, maximum: u64) -> Result<(), Stop> {
        if found > maximum {
            let from = self.request.from;
            return Err(Stop::Refused(PlanRefusal::TooMany { what, found, maximum, from }));
        }
        Ok(())
    }

    /// Goes through the blocks; `done` are those of the run before.
    fn each(&self, done: u64, mut work: impl FnMut(&PastBlock) -> Result<(), Stop>) -> Result<(), Stop> {
        let all = self.blocks().saturating_mul(2);
        let mut done = done;
        for height in self.request.from.0..=self.request.base.0 {
            if !self.source.go_on(done, all) {
                return Err(Stop::Refused(PlanRefusal::Stopped { done, all }));
            }
            let height = Height(height);
            let block = self.source.past_block(height)?;
            work(&block.ok_or(Stop::Refused(PlanRefusal::NoBlock { height }))?)?;
            done = done.saturating_add(1);
        }
        Ok(())
    }

    pub(super) fn runner<'r>(&'r self, block: &'r BlockContext, governor: Option<&'r ContractId>) -> Runner<'r> {
        Runner { runtime: self.executor.runtime(), chain: self.executor.chain(), block, governor }
    }

    fn as_it_was(&self, overlay: &mut Overlay<'_>) -> Result<Found, Stop> {
        let mut found = Found::default();
        let mut transactions = 0u64;
        self.each(0, |past| {
            let height = past.block.height;
            transactions = transactions.saturating_add(past.transactions.len() as u64);
            self.bound("transactions", transactions, MAX_TRANSACTIONS)?;
            let governor = governor_of(overlay)?;
            let runner = self.runner(&past.block, governor.as_ref());
            let mut receipts = past.receipts.iter();
            for (index, (hash, transaction)) in (0u32..).zip(&past.transactions) {
                let member = key_entry(overlay, &transaction.operator)?;
                let own = member.is_some_and(|member| member.organisation == self.request.organisation);
                let bad = own && calls(transaction, governor.as_ref()).is_some();
                let receipt = runner.run(overlay, transaction, *hash)?;
                if receipts.next() != Some(&receipt) {
                    return Err(self.differs(height, format!("the receipt of transaction {hash}")));
                }
                let place = (height, index);
                let succeeded = receipt.status == Status::Succeeded;
                let outcome = match (bad, succeeded) {
                    (true, _) => Outcome::Bad,
                    (false, true) => Outcome::Succeeded,
                    (false, false) => Outcome::Failed,
                };
                found.outcomes.insert(place, outcome);
                if bad && succeeded {
                    found.marks.push((place, *hash));
                }
                found.keys.note(overlay, governor.as_ref(), place, Some(*hash), bad)?;
            }
            let end = runner.end_block(overlay)?;
            if receipts.next() != end.as_ref() || receipts.next().is_some() {
                return Err(self.differs(height, "the receipt of the end of the block".into()));
            }
            found.keys.note(overlay, governor.as_ref(), (height, u32::MAX), None, false)
        })?;
        Ok(found)
    }

    /// Good transactions that failed and would not have, and those that succeeded and would not have.
    fn without_the_bad(
        &self,
        overlay: &mut Overlay<'_>,
        outcomes: &BTreeMap<Place, Outcome>,
    ) -> Result<Consequences, Stop> {
        let mut found = Consequences::default();
        self.each(self.blocks(), |past| {
            let governor = governor_of(overlay)?;
            let runner = self.runner(&past.block, governor.as_ref());
            for (index, (hash, transaction)) in (0u32..).zip(&past.transactions) {
                let place = (past.block.height, index);
                let was = outcomes.get(&place).copied().unwrap_or(Outcome::Bad);
                if was == Outcome::Bad {
                    let key = keyspace::sequence(&transaction.operator);
                    overlay.write_key(key, Some(encode(&transaction.sequence.next())));
                    overlay.finish_transaction();
                    continue;
                }
                let member: Option<KeyEntry> = key_entry(overlay, &transaction.operator)?;
                let receipt = runner.run(overlay, transaction, *hash)?;
                match (was, receipt.status == Status::Succeeded) {
                    (Outcome::Succeeded, false) => found.dependent.push((place, *hash)),
                    (Outcome::Failed, true) if calls(transaction, governor.as_ref()).is_some() => {
                        let (block, transaction) = (past.block.clone(), transaction.clone());
                        found.lost.push(Lost { place, hash: *hash, transaction, member, block });
                    }
                    _ => {}
                }
            }
            runner.end_block(overlay)?;
            Ok(())
        })?;
        Ok(found)
    }

    /// Whether there is time left once the blocks are done.
    pub(super) fn go_on(&self) -> Result<(), Stop> {
        let all = self.blocks().saturating_mul(2);
        if self.source.go_on(all, all) { Ok(()) } else { Err(Stop::Refused(PlanRefusal::Stopped { done: all, all })) }
    }

    pub(super) fn governor(&self, overlay: &Overlay<'_>) -> Result<Option<ContractId>, Stop> {
        Ok(governor_of(overlay)?)
    }
}

/// Notes who wrote what.
trait Note {
    fn note(
        &mut self,
        overlay: &mut Overlay<'_>,
        governor: Option<&ContractId>,
        place: Place,
        by: Option<Hash>,
        bad: bool,
    ) -> Result<(), Stop>;
}

impl Note for Histories {
    fn note(
        &mut self,
        overlay: &mut Overlay<'_>,
        governor: Option<&ContractId>,
        place: Place,
        by: Option<Hash>,
        bad: bool,
    ) -> Result<(), Stop> {
        for key in overlay.take_written() {
            if !is_restorable(&key, governor) {
                continue;
            }
            let value = if bad { None } else { overlay.read_key(&key)? };
            let history = self.entry(key).or_default();
            match by.filter(|_| bad) {
                Some(hash) => history.bad = Some((place, hash)),
                None => history.good = Some(GoodWrite { place, by, value }),
            }
        }
        Ok(())
    }
}

/// Keys whose last writer is the organisation, with the value to be and the transaction that wrote them.
pub(super) type Undone = BTreeMap<Vec<u8>, (Option<Vec<u8>>, Hash)>;

fn undone(before: &dyn StateView, keys: &Histories) -> Result<Undone, Stop> {
    let mut out = Undone::new();
    for (key, history) in keys {
        let Some((bad, hash)) = history.bad else { continue };
        let value = match &history.good {
            Some(good) if good.place > bad => continue,
            Some(good) => good.value.clone(),
            None => before.read(key)?,
        };
        out.insert(key.clone(), (value, hash));
    }
    Ok(out)
}

/// Keys that the organisation wrote and somebody else wrote later.
fn kept(keys: &Histories) -> Result<Vec<PlanItem>, Stop> {
    let mut out = Vec::new();
    for (key, history) in keys {
        if let (Some((bad, because)), Some(good)) = (&history.bad, &history.good)
            && good.place > *bad
        {
            let (contract, key) = split(key)?;
            out.push(PlanItem::Keep { contract, key, because: *because, by: good.by });
        }
    }
    Ok(out)
}

fn split<const MAX: usize>(key: &[u8]) -> Result<(ContractId, Bytes<MAX>), Stop> {
    let reason = || ExecutionError::SystemEntry { entry: "contract key", reason: hex(key) };
    let (contract, own) = keyspace::parse_storage(key).ok_or_else(reason)?;
    Ok((contract, Bytes::new(own).map_err(|error| too_long(&error))?))
}

fn too_long(error: &althing_types::codec::TooLong) -> ExecutionError {
    ExecutionError::SystemEntry { entry: "contract entry", reason: error.to_string() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
