//! Remediation plans for the API: old blocks and old state out of the store, one computation at a time.
//!
//! A computation may take longer than a request: its plan is kept, and the same question asked again gives it.

use crate::ledger::{LedgerService, execution_fault, fault};
use althing_api::remediation::RemediationPlanResponse;
use althing_execution::{
    BlockContext,
    remediation::{PastBlock, PlanRequest, Source},
};
use althing_rpc::LedgerError;
use althing_state::{Storage, StoreError};
use althing_types::{
    hash::Hash,
    id::{Height, OrganisationId},
    view::StateFault,
};
use std::{
    cell::Cell,
    sync::{Mutex, TryLockError},
    time::{Duration, Instant},
};

/// Longest computation.
const LONGEST: Duration = Duration::from_secs(600);
/// Time between two lines of the log on how far it is.
const TELL: Duration = Duration::from_secs(10);

/// The plan that was computed last, with what was asked for.
pub type LastPlan = Mutex<Option<(PlanRequest, RemediationPlanResponse)>>;

/// Old blocks out of a store, until the time is over.
struct Stored<'a, S> {
    store: &'a S,
    began: Instant,
    told: Cell<Instant>,
}

impl<S: Storage> Source for Stored<'_, S> {
    fn past_block(&self, height: Height) -> Result<Option<PastBlock>, StateFault> {
        let Some(block) = self.store.block(height).map_err(StateFault::from)? else { return Ok(None) };
        let Some(receipts) = self.store.receipts(height).map_err(StateFault::from)? else { return Ok(None) };
        let header = block.header;
        let context = BlockContext {
            height,
            timestamp_ms: header.timestamp_ms,
            packer: header.packer,
            previous: block.previous,
            recovered: block.recovery.map(|recovery| recovery.signed.plan),
        };
        let transactions = block.transactions.into_vec().into_iter().map(|t| (t.value.hash(), t.value)).collect();
        Ok(Some(PastBlock { block: context, transactions, receipts }))
    }

    fn go_on(&self, done: u64, all: u64) -> bool {
        if self.told.get().elapsed() >= TELL {
            self.told.set(Instant::now());
            tracing::info!(done, all, "a remediation plan is being computed");
        }
        self.began.elapsed() < LONGEST
    }
}

impl<S: Storage + 'static> LedgerService<S> {
    /// Computes a plan, or gives the last one when it is asked for again.
    pub(crate) fn plan(
        &self,
        organisation: &OrganisationId,
        from: Height,
        base: Option<Height>,
    ) -> Result<RemediationPlanResponse, LedgerError> {
        let store = self.store()?;
        let tip = store.tip().map_err(fault)?.map_or(Height(0), |tip| tip.height);
        let base = base.unwrap_or(tip);
        if base > tip {
            return Err(LedgerError::Ahead { height: base, tip });
        }
        let block = store.header(base).map_err(fault)?.map_or(Hash::ZERO, |header| header.hash());
        let request = PlanRequest { organisation: organisation.clone(), from, base, block };
        let mut last = match self.plans.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(LedgerError::NotReady { reason: "a plan is being computed; ask again".into() });
            }
        };
        if let Some((_, plan)) = last.as_ref().filter(|(asked, _)| *asked == request) {
            return Ok(plan.clone());
        }
        let gone = |error: StoreError| fault(error);
        let before = store.view_at(from.previous()).map_err(gone)?;
        let present = store.view_at(base).map_err(gone)?;
        let began = Instant::now();
        let source = Stored { store: &*store, began, told: Cell::new(began) };
        tracing::info!(%organisation, from = from.0, base = base.0, "computing a remediation plan");
        let plan = self.executor.remediation_plan(&*before, &*present, &request, &source).map_err(execution_fault)?;
        let plan = plan.map_err(|refusal| LedgerError::NoPlan {
            number: refusal.number(),
            message: format!("no plan ({}): {refusal}", refusal.number()),
        })?;
        let counts = plan.head.counts;
        let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(took_ms, ?counts, "a remediation plan is computed");
        let answer = RemediationPlanResponse::from(plan);
        *last = Some((request, answer.clone()));
        Ok(answer)
    }
}
