//! How transactions come in: from the API with a verdict, from peers without.

use super::{Checked, Effect, Halt, Node, Submission, Verdict};
use althing_execution::{Executor, Refusal};
use althing_mempool::Selection;
use althing_state::Storage;
use althing_types::{
    codec::Text,
    crypto::{NodeId, PublicKey},
    id::Sequence,
    transaction::{Abnormal, AbnormalCode},
};
use std::collections::BTreeMap;

/// Most transactions that a node passes on again at a time.
const PASSED_ON: usize = 512;
/// Most bytes of them.
const PASSED_ON_BYTES: usize = 1024 * 1024;

impl<S: Storage> Node<S> {
    pub(super) fn on_submit(
        &mut self,
        now_ms: u64,
        submission: Submission,
        transactions: Vec<Checked>,
    ) -> Result<(), Halt> {
        let verdicts = self.enter(&transactions)?;
        let fresh: Vec<_> = transactions
            .into_iter()
            .zip(&verdicts)
            .filter(|(_, (verdict, fresh))| *fresh && *verdict == Verdict::Accepted)
            .map(|(checked, _)| checked.transaction)
            .collect();
        if !fresh.is_empty() {
            self.effect(Effect::PublishTransactions(fresh));
        }
        let verdicts = verdicts.into_iter().map(|(verdict, _)| verdict).collect();
        self.effect(Effect::Verdicts { submission, verdicts });
        self.on_new_transactions(now_ms)
    }

    pub(super) fn on_transactions(
        &mut self,
        now_ms: u64,
        _from: NodeId,
        transactions: Vec<Checked>,
    ) -> Result<(), Halt> {
        self.enter(&transactions)?;
        self.on_new_transactions(now_ms)
    }

    fn on_new_transactions(&mut self, now_ms: u64) -> Result<(), Halt> {
        if !self.proposed.wanted().is_empty() {
            self.try_wanted(now_ms)?;
        }
        self.pace(now_ms)
    }

    /// Checks each transaction against the present state and puts it into the mempool. The flag says whether it is
    /// new to this node.
    pub(super) fn enter(&mut self, transactions: &[Checked]) -> Result<Vec<(Verdict, bool)>, Halt> {
        let height = self.next_height();
        let mut known: BTreeMap<PublicKey, Option<Sequence>> = BTreeMap::new();
        let mut out = Vec::with_capacity(transactions.len());
        let mut marks = Vec::new();
        {
            let view = self.store.view();
            let admission = self.executor.admission(&self.parameters, height);
            for checked in transactions {
                if self.pool().contains(&checked.hash) {
                    out.push((Verdict::Accepted, false));
                    continue;
                }
                let transaction = checked.transaction.value();
                let key = transaction.operator;
                let next = match known.get(&key) {
                    Some(next) => *next,
                    None => {
                        let next = admission
                            .is_member(&*view, &key)?
                            .then(|| Executor::next_sequence(&*view, &key))
                            .transpose()?;
                        known.insert(key, next);
                        next
                    }
                };
                let verdict = admission.check_form(transaction).and_then(|()| match next {
                    Some(next) => admission.check_sequence(transaction, next).map(|()| next),
                    None => Err(Refusal::unknown_operator(&key)),
                });
                match verdict {
                    Ok(next) => {
                        let entered =
                            self.pool().insert(checked.transaction.clone(), checked.hash, checked.length, next);
                        out.push(match entered {
                            Ok(()) => (Verdict::Accepted, true),
                            Err(refused) => (Verdict::Full { message: refused.to_string() }, false),
                        });
                    }
                    Err(refusal) => {
                        let final_already = refusal.code == AbnormalCode::SequenceUsed
                            && self.store.transaction(&checked.hash)?.is_some();
                        if final_already {
                            out.push((Verdict::Accepted, false));
                            continue;
                        }
                        marks.push(Abnormal {
                            transaction: checked.hash,
                            operator: key,
                            height,
                            code: refusal.code,
                            message: Text::truncated(&refusal.message),
                        });
                        out.push((Verdict::Abnormal { code: refusal.code, message: refusal.message }, false));
                    }
                }
            }
        }
        self.mark_abnormal(&marks)?;
        Ok(out)
    }

    /// Tells the others again of transactions that wait here, when this node packs no blocks itself: what it sent while
    /// nobody was connected is known to nobody else.
    pub(super) fn pass_on(&mut self) {
        if self.authorities.position(&self.me).is_some() {
            return;
        }
        let selection = Selection { count: PASSED_ON, bytes: PASSED_ON_BYTES, fuel: u64::MAX };
        let waiting = self.pool().select(selection);
        if !waiting.is_empty() {
            self.effect(Effect::PublishTransactions(waiting));
        }
    }

    /// Keeps marks on transactions that were left out.
    pub(super) fn mark_abnormal(&mut self, marks: &[Abnormal]) -> Result<(), Halt> {
        for mark in marks {
            self.store.put_abnormal(mark)?;
        }
        Ok(())
    }

    /// Begins a height, or a primary's block, when there is reason to; else waits.
    pub(super) fn pace(&mut self, now_ms: u64) -> Result<(), Halt> {
        let (since, due_ms) = if !self.pool().is_ready() {
            (now_ms.saturating_sub(self.last_commit_ms), self.parameters.empty_block_interval_ms)
        } else {
            (now_ms.saturating_sub(self.paced_ms), self.parameters.block_interval_ms)
        };
        if since >= due_ms {
            match self.building {
                Some((height, round)) => return self.build(now_ms, height, round),
                None if self.working.is_none() => return self.begin_height(now_ms),
                None => return Ok(()),
            }
        }
        // A node that only waits for its primary has nothing to pace.
        if self.building.is_some() || self.working.is_none() {
            self.timer(super::Timer::Pace, due_ms.saturating_sub(since));
        }
        Ok(())
    }
}
