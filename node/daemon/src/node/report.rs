//! Evidence against an authority becomes a transaction, signed with the node's own key.
//!
//! The consensus core finds the evidence; the contract `node_removal` judges it. Only some nodes see both of two
//! conflicting messages, and each of them reports: the contract takes the first report and refuses the others.

use super::{Effect, Halt, Node, Verdict};
use crate::preverify;
use althing_execution::Executor;
use althing_state::Storage;
use althing_types::{
    codec::{self, Bytes, Text},
    crypto::{NodeId, Signed},
    id::{ContractId, Height, Round},
    organisation::Role,
    transaction::{Content, Operation, TRANSACTION_VERSION, Transaction},
    vote::{Evidence, VoteKind},
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The contract that evidence is reported to.
pub const REPORT_CONTRACT: &str = "node_removal";
/// Its method; the one argument is `Bytes<4096>`, the canonical bytes of an [`Evidence`].
pub const REPORT_METHOD: &str = "report";
/// Longest evidence in bytes that the method takes.
const MAX_EVIDENCE: usize = 4096;
/// Most pieces of evidence that wait to be reported; further ones are only stored.
const MAX_WAITING: usize = 64;
/// Most reports that are remembered, so that none is made twice.
const MAX_REMEMBERED: usize = 1024;
/// Most reports of one offender in [`REPORTS_PERIOD`]: one is enough for a review, and each of them is a transaction, which lets a block be
/// made, in which the offender may offend again.
const MAX_REPORTS_OF_ONE: u32 = 4;
/// Heights after which an offender is reported again: it may have been removed, and be back.
const REPORTS_PERIOD: u64 = 10_000;
/// Fuel limit of a report: two signatures and a few writes.
const REPORT_FUEL: u64 = 100_000_000;
/// How many blocks a report may wait for, unless the chain allows fewer.
const REPORT_EXPIRY: u64 = 1_000;

/// What one piece of evidence is about: more about the same is not reported again.
type Subject = (NodeId, Height, Round, u8);

/// Evidence that is to be reported, and what was reported. Forgotten with the process: the contract knows it.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    waiting: VecDeque<Evidence>,
    known: BTreeSet<Subject>,
    order: VecDeque<Subject>,
    made: BTreeMap<NodeId, (Height, u32)>,
    /// After a full mempool: not tried again before this height.
    not_before: Height,
}

fn subject(evidence: &Evidence) -> Option<Subject> {
    let offender = evidence.offender()?;
    Some(match evidence {
        Evidence::Votes(a, _) => {
            let kind = match a.value.kind {
                VoteKind::Prevote => 0,
                VoteKind::Precommit => 1,
            };
            (offender, a.value.height, a.value.round, kind)
        }
        Evidence::Proposals(a, _) => (offender, a.value.height, a.value.round, 2),
    })
}

impl Reports {
    /// Keeps evidence until it can be reported; ignores what is known, and more than a bounded number, of one offender
    /// too.
    pub(crate) fn add(&mut self, evidence: Evidence) {
        let Some(subject) = subject(&evidence) else { return };
        if self.waiting.len() >= MAX_WAITING || !self.known.insert(subject) {
            return;
        }
        self.order.push_back(subject);
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        let (since, made) = self.made.entry(subject.0).or_insert((subject.1, 0));
        if subject.1.0 > since.0.saturating_add(REPORTS_PERIOD) {
            (*since, *made) = (subject.1, 0);
        }
        if *made < MAX_REPORTS_OF_ONE {
            *made = made.saturating_add(1);
            self.waiting.push_back(evidence);
        }
    }
}

impl<S: Storage> Node<S> {
    /// Reports what waits, as far as the chain takes reports of this node.
    pub(super) fn report(&mut self, now_ms: u64) -> Result<(), Halt> {
        if self.reports.waiting.is_empty() || self.next_height() < self.reports.not_before {
            return Ok(());
        }
        let Ok(contract) = ContractId::new(REPORT_CONTRACT) else { return Ok(()) };
        let may_report = {
            let view = self.store.view();
            let exists = Executor::has_contract(&*view, &contract)?;
            let entry = Executor::key_entry(&*view, &self.me.key())?;
            exists && entry.is_some_and(|entry| entry.roles.contains(&Role::Node))
        };
        if !may_report {
            tracing::info!("evidence is kept in the store only: the chain takes no reports of this node");
            self.reports.waiting.clear();
            return Ok(());
        }
        while let Some(evidence) = self.reports.waiting.pop_front() {
            let Some(signed) = self.report_of(now_ms, &contract, &evidence)? else { continue };
            let Some(checked) = preverify::transaction(signed) else { continue };
            let verdicts = self.enter(std::slice::from_ref(&checked))?;
            match verdicts.into_iter().next() {
                Some((Verdict::Accepted, _)) => {
                    tracing::warn!(offender = ?evidence.offender(), transaction = ?checked.hash, "misbehaviour reported");
                    self.effect(Effect::PublishTransactions(vec![checked.transaction]));
                }
                Some((Verdict::Full { message }, _)) => {
                    tracing::warn!(message, "evidence is reported later");
                    self.reports.waiting.push_front(evidence);
                    self.reports.not_before = self.next_height().next();
                    break;
                }
                Some((Verdict::Abnormal { message, .. }, _)) => tracing::warn!(message, "evidence cannot be reported"),
                None => {}
            }
        }
        self.pace(now_ms)
    }

    fn report_of(
        &self,
        now_ms: u64,
        contract: &ContractId,
        evidence: &Evidence,
    ) -> Result<Option<Signed<Transaction>>, Halt> {
        let Ok(bytes) = Bytes::<MAX_EVIDENCE>::new(codec::encode(evidence)) else { return Ok(None) };
        let operator = self.me.key();
        let sequence = Executor::next_sequence(&*self.store.view(), &operator)?;
        let arguments = Bytes::new(codec::encode(&(bytes,)));
        let Some((method, arguments)) = Text::new(REPORT_METHOD).ok().zip(arguments.ok()) else { return Ok(None) };
        let blocks = self.parameters.max_expiry_blocks.min(REPORT_EXPIRY);
        let transaction = Transaction {
            version: TRANSACTION_VERSION,
            chain: self.genesis.chain.clone(),
            attributes: self.genesis.kind.attributes(),
            operation: Operation::Register,
            content: Content::Call { contract: contract.clone(), method, arguments },
            postscript: Text::default(),
            operator,
            sequence: self.pool().next_sequence(&operator, sequence),
            timestamp_ms: now_ms,
            expiry: Height(self.next_height().0.saturating_add(blocks)),
            fuel_limit: self.parameters.max_transaction_fuel.min(REPORT_FUEL),
        };
        Ok(Some(Signed::sign(transaction, &self.key)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::{crypto::SecretKey, hash::Hash, id::ChainId, vote::Vote};

    fn evidence(height: u64, round: u32) -> Evidence {
        let key = SecretKey::from_seed(&[7; 32]);
        let vote = |block: u8| {
            let vote = Vote {
                chain: ChainId::new("test").unwrap(),
                height: Height(height),
                round: Round(round),
                kind: VoteKind::Prevote,
                block: Some(Hash([block; 32])),
                voter: key.public().into(),
            };
            Signed::sign(vote, &key)
        };
        Evidence::Votes(vote(1), vote(2))
    }

    #[test]
    fn who_offends_without_end_is_reported_a_few_times_in_a_period() {
        let mut reports = Reports::default();
        for height in 1..20 {
            reports.add(evidence(height, 0));
            reports.add(evidence(height, 0));
        }
        assert_eq!(reports.waiting.len(), 4);
        reports.add(evidence(REPORTS_PERIOD + 2, 0));
        assert_eq!(reports.waiting.len(), 5);
    }
}
