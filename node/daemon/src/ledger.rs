//! The API's two sides, over the store, the mempool and the node's inbox.

use crate::{
    checkpoint::Offered,
    contacts,
    driver::{Inbox, Shared},
    node::{Progress, SharedPool, Verdict, following},
    preverify,
    remediation::LastPlan,
};
use althing_api::{
    ApiError, ErrorCode, Refusal, RefusalCode,
    checkpoint::CheckpointDocument,
    dry_run::{DryRunChange, DryRunEvent, DryRunRequest, DryRunResponse, MAX_DRY_RUN_CHANGES},
    model::{
        AbnormalDocument, AccountDocument, ContractDocument, EventDocument, HexBytes, StatusDocument,
        TransactionStatus, TransactionSummary, ViewResponse,
    },
    recovery::{RecoveryNotice, RecoveryProgress, RecoveryResponse},
    remediation::RemediationPlanResponse,
};
use althing_execution::{BlockContext, Candidate, ExecutionError, Executor};
use althing_network::Handle;
use althing_rpc::{Ledger, LedgerError, Scanned, Submit};
use althing_runtime::CallContext;
use althing_state::{Storage, StoreError};
use althing_types::{
    authority::AuthorityList,
    block::{Block, Header},
    certificate::QuorumCertificate,
    codec::{self, Bytes},
    crypto::{NodeId, PublicKey},
    event::EventId,
    genesis::Genesis,
    hash::Hash,
    id::{ContractId, Height, OrganisationId},
    keyspace::{self, ContractEntry},
    organisation::KeyEntry,
    proof::StateProof,
    receipt::{Receipt, Status},
    recovery::{ProvenRecovery, SignedRecovery},
    transaction::{Abnormal, AbnormalCode, Content, SignedTransaction, Transaction},
};
use std::sync::{Arc, Mutex, PoisonError, RwLock, atomic::Ordering};
use tokio::sync::watch;

/// Fuel that one view call may use.
const VIEW_FUEL: u64 = 200_000_000;
/// Blocks that are searched for a key's recent transactions.
const RECENT_BLOCKS: u64 = 1_000;

/// The store of a running node; empty while the node is being opened again.
pub type StoreSlot<S> = Arc<RwLock<Option<Arc<S>>>>;

/// What the API reads and writes.
pub struct LedgerService<S: Storage> {
    /// The store.
    pub store: StoreSlot<S>,
    /// The chain's genesis.
    pub genesis: Arc<Genesis>,
    /// Hash of the genesis.
    pub genesis_hash: Hash,
    /// This node.
    pub me: NodeId,
    /// Runs views.
    pub executor: Executor,
    /// The mempool.
    pub pool: SharedPool,
    /// Figures of the running node.
    pub shared: Arc<Shared>,
    /// The way into the node's thread.
    pub inbox: Inbox,
    /// Connected peers.
    pub network: Handle,
    /// The remediation plan that was computed last.
    pub plans: LastPlan,
    /// Checkpoints that are offered.
    pub checkpoints: Arc<Offered>,
    /// Why the node has stopped, when it has.
    pub halted: Arc<Mutex<Option<String>>>,
}

pub(crate) fn fault(error: StoreError) -> LedgerError {
    match error {
        StoreError::Pruned { height, oldest } => LedgerError::Pruned { height, oldest },
        StoreError::NotYet { height, tip } => LedgerError::Ahead { height, tip },
        other => LedgerError::Fault { reason: other.to_string() },
    }
}

pub(crate) fn execution_fault(error: ExecutionError) -> LedgerError {
    LedgerError::Fault { reason: error.to_string() }
}

fn decode<T: borsh::BorshDeserialize>(what: &'static str, bytes: &[u8]) -> Result<T, LedgerError> {
    codec::decode(what, bytes, 1 << 20).map_err(|e| LedgerError::Fault { reason: e.to_string() })
}

impl<S: Storage> LedgerService<S> {
    pub(crate) fn store(&self) -> Result<Arc<S>, LedgerError> {
        let slot = self.store.read().unwrap_or_else(PoisonError::into_inner);
        let stopped =
            || LedgerError::NotReady { reason: self.halted().unwrap_or_else(|| "the store is being opened".into()) };
        slot.clone().ok_or_else(stopped)
    }

    fn halted(&self) -> Option<String> {
        self.halted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Refuses what is older than the checkpoint that the store began with.
    fn check_base(&self, height: Height) -> Result<(), LedgerError> {
        let base = self.store()?.base().map_err(fault)?;
        if Height(0) < height && height <= base { Err(LedgerError::BeforeBase { height, base }) } else { Ok(()) }
    }

    fn pending(&self, hash: &Hash) -> bool {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).contains(hash)
    }
}

impl<S: Storage + 'static> Ledger for LedgerService<S> {
    fn genesis(&self) -> Arc<Genesis> {
        Arc::clone(&self.genesis)
    }

    fn tip(&self) -> watch::Receiver<Height> {
        self.shared.tip.subscribe()
    }

    fn status(&self) -> Result<StatusDocument, LedgerError> {
        let store = self.store()?;
        let missing = || LedgerError::NotReady { reason: "the store holds no genesis state yet".into() };
        let tip = store.tip().map_err(fault)?.ok_or_else(missing)?;
        let named = store.authorities(tip.height.next()).map_err(fault)?.ok_or_else(missing)?;
        let plan = store.kept_recovery().map_err(fault)?.map(|kept| kept.signed.plan);
        let list = plan.as_ref().map_or(&named, |plan| &plan.authorities);
        let (pending_transactions, pending_bytes) = {
            let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
            (pool.len() as u64, pool.bytes() as u64)
        };
        let members = Executor::members(&*store.view()).map_err(execution_fault)?;
        let member = contacts::member(&members.unwrap_or_else(|| self.genesis.member_list()), &self.me);
        Ok(StatusDocument {
            chain_id: self.genesis.chain.clone(),
            chain_kind: self.genesis.kind.clone(),
            genesis_hash: self.genesis_hash,
            height: tip.height,
            block_hash: tip.block,
            state_root: tip.state_root,
            block_time_ms: tip.header.map_or(self.genesis.timestamp_ms, |h| h.timestamp_ms),
            is_authority: list.position(&self.me).is_some(),
            member: member.is_some(),
            standing: member.map(|member| member.standing),
            authorities: list.members().iter().map(|m| m.node).collect(),
            peers: self.network.peers(),
            node_id: self.me,
            syncing: self.shared.syncing.load(Ordering::Relaxed),
            highest_known: Height(self.shared.highest.load(Ordering::Relaxed)).max(tip.height),
            halted: self.halted(),
            recovery: plan.as_ref().map(|plan| RecoveryNotice {
                plan: plan.hash(),
                number: plan.number,
                height: plan.first_height(),
            }),
            pending_transactions,
            pending_bytes,
            oldest_state: store.oldest().map_err(fault)?,
            base: store.base().map_err(fault)?,
            version: env!("CARGO_PKG_VERSION").into(),
        })
    }

    fn ready(&self) -> Result<(), LedgerError> {
        if let Some(reason) = self.halted() {
            return Err(LedgerError::NotReady { reason });
        }
        self.store()?;
        if self.shared.syncing.load(Ordering::Relaxed) {
            let (tip, highest) = (*self.shared.tip.borrow(), self.shared.highest.load(Ordering::Relaxed));
            return Err(LedgerError::NotReady { reason: format!("catching up: at height {tip} of {highest}") });
        }
        if !self.shared.member.load(Ordering::Relaxed) {
            let reason = "this node is no member of the chain: what it shows stays as it is".into();
            return Err(LedgerError::NotReady { reason });
        }
        Ok(())
    }

    fn transaction(&self, hash: &Hash) -> Result<TransactionStatus, LedgerError> {
        let store = self.store()?;
        // The pool first: a transaction leaves it only after its block is in the store.
        let pending = self.pending(hash);
        if let Some((height, index)) = store.transaction(hash).map_err(fault)? {
            let receipt = store.receipt(height, index).map_err(fault)?;
            let missing = || LedgerError::Fault { reason: format!("receipt {index} of height {height} is missing") };
            return Ok(TransactionStatus::Final { height, index, receipt: Box::new(receipt.ok_or_else(missing)?) });
        }
        if pending {
            return Ok(TransactionStatus::Pending);
        }
        Ok(match store.abnormal_of(hash).map_err(fault)? {
            Some(Abnormal { height, code, message, .. }) => {
                TransactionStatus::Abnormal { height, code, message: message.to_string() }
            }
            None => TransactionStatus::Unknown,
        })
    }

    fn transactions_of(&self, key: &PublicKey, limit: usize) -> Result<Vec<TransactionSummary>, LedgerError> {
        let store = self.store()?;
        let Some(tip) = store.tip().map_err(fault)? else { return Ok(Vec::new()) };
        let mut out = Vec::new();
        let mut height = tip.height;
        let last = tip.height.0.saturating_sub(RECENT_BLOCKS);
        while height.0 > last && out.len() < limit {
            let Some(block) = store.block(height).map_err(fault)? else { break };
            let mut own = Vec::new();
            for (index, signed) in block.transactions.iter().enumerate() {
                if signed.value.operator == *key {
                    let index = u32::try_from(index).unwrap_or(u32::MAX);
                    let receipt = store.receipt(height, index).map_err(fault)?;
                    let succeeded = receipt.map(|r| r.status == Status::Succeeded);
                    own.push(summary(&signed.value, height, succeeded));
                }
            }
            out.extend(own.into_iter().rev());
            height = height.previous();
        }
        out.truncate(limit);
        Ok(out)
    }

    fn account(&self, key: &PublicKey) -> Result<AccountDocument, LedgerError> {
        let store = self.store()?;
        let view = store.view();
        let sequence = Executor::next_sequence(&*view, key).map_err(execution_fault)?;
        let member = view.read(&keyspace::key_entry(key))?;
        let member: Option<KeyEntry> = member.map(|bytes| decode("key entry", &bytes)).transpose()?;
        let next_sequence = self.pool.lock().unwrap_or_else(PoisonError::into_inner).next_sequence(key, sequence);
        let (organisation, roles) = member.map_or((None, Default::default()), |m| (Some(m.organisation), m.roles));
        let height = *self.shared.tip.borrow();
        Ok(AccountDocument { key: *key, height, sequence, next_sequence, organisation, roles })
    }

    fn block(&self, height: Height) -> Result<Option<(Block, QuorumCertificate)>, LedgerError> {
        let store = self.store()?;
        let block = store.block(height).map_err(fault)?;
        if block.is_none() {
            self.check_base(height)?;
        }
        Ok(block.zip(store.certificate(height).map_err(fault)?))
    }

    fn height_of_block(&self, hash: &Hash) -> Result<Option<Height>, LedgerError> {
        self.store()?.height_of_block(hash).map_err(fault)
    }

    fn chain(&self, from: Height) -> Result<Vec<(Block, QuorumCertificate)>, LedgerError> {
        self.check_base(from)?;
        following::blocks_from(&*self.store()?, from, following::ANSWER_BLOCKS).map_err(fault)
    }

    fn checkpoints(&self) -> Result<Vec<CheckpointDocument>, LedgerError> {
        Ok(self.checkpoints.documents())
    }

    fn chunk(&self, height: Height, place: &Hash) -> Result<Vec<u8>, LedgerError> {
        self.checkpoints.chunk(height, place)
    }

    fn receipts(&self, height: Height) -> Result<Vec<Receipt>, LedgerError> {
        Ok(self.store()?.receipts(height).map_err(fault)?.unwrap_or_default())
    }

    fn header(&self, height: Height) -> Result<Option<(Header, QuorumCertificate, AuthorityList)>, LedgerError> {
        let store = self.store()?;
        let header = store.header(height).map_err(fault)?;
        if header.is_none() {
            self.check_base(height)?;
        }
        let certificate = store.certificate(height).map_err(fault)?;
        let authorities = store.authorities(height).map_err(fault)?;
        Ok(header.zip(certificate).zip(authorities).map(|((h, c), a)| (h, c, a)))
    }

    fn recovery(&self, height: Height) -> Result<Option<ProvenRecovery>, LedgerError> {
        self.store()?.recovery(height).map_err(fault)
    }

    fn prove(&self, height: Height, key: &[u8]) -> Result<(Option<Vec<u8>>, StateProof), LedgerError> {
        self.store()?.prove(height, key).map_err(fault)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Scanned, LedgerError> {
        let store = self.store()?;
        // The height is read on both sides of taking the view: when it is the same, the view is of that height.
        for _ in 0..100 {
            let before = store.tip().map_err(fault)?.map_or(Height(0), |t| t.height);
            let view = store.view();
            if store.tip().map_err(fault)?.map_or(Height(0), |t| t.height) == before {
                return Ok(Scanned { height: before, entries: view.scan(prefix, after, limit)? });
            }
        }
        Err(LedgerError::NotReady { reason: "blocks follow each other too fast for a scan; ask again".into() })
    }

    fn view(&self, contract: &ContractId, method: &str, arguments: &[u8]) -> Result<ViewResponse, LedgerError> {
        let store = self.store()?;
        let tip = store.tip().map_err(fault)?;
        let view = store.view();
        let height = tip.as_ref().map_or(Height(0), |t| t.height);
        let header = tip.and_then(|t| t.header);
        let context = CallContext {
            chain: self.genesis.chain.clone(),
            height,
            timestamp_ms: header.map_or(self.genesis.timestamp_ms, |h| h.timestamp_ms),
            transaction: Hash::ZERO,
            signer: PublicKey([0; 32]),
            organisation: None,
            roles: Default::default(),
            governor: Executor::governor(&*view).map_err(execution_fault)?,
        };
        let outcome =
            self.executor.view(&*view, &context, contract, method, arguments, VIEW_FUEL).map_err(execution_fault)?;
        let (result, failure) = match outcome.result {
            Ok(bytes) => (Some(bytes.into()), None),
            Err(failure) => (None, Some(failure)),
        };
        Ok(ViewResponse { height, result, failure, fuel_used: outcome.fuel_used, logs: outcome.logs })
    }

    fn dry_run(&self, request: &DryRunRequest) -> Result<DryRunResponse, LedgerError> {
        let store = self.store()?;
        let tip = store.tip().map_err(fault)?.ok_or(LedgerError::NotReady { reason: "no state yet".into() })?;
        let timestamp_ms = tip.header.as_ref().map_or(self.genesis.timestamp_ms, |h| h.timestamp_ms);
        let height = tip.height.next();
        let timestamp_ms = timestamp_ms.saturating_add(1);
        let block = BlockContext { height, timestamp_ms, packer: self.me, previous: None, recovered: None };
        let view = store.view();
        let candidate = match (&request.module, request.code) {
            (Some(module), _) => Candidate::Module(&module.0),
            (None, code) => Candidate::Stored(code.unwrap_or_default()),
        };
        let arguments = Bytes::new(request.arguments.0.clone()).unwrap_or_default();
        let run = self.executor.dry_run(&*view, &block, &request.contract, candidate, &arguments);
        let run = run.map_err(execution_fault)?;
        let staged = store.stage(height, &run.writes).map_err(|error| match error {
            StoreError::Mismatch { .. } => LedgerError::NotReady { reason: "a block was committed; ask again".into() },
            other => fault(other),
        })?;
        let mut changes = Vec::new();
        for (key, after) in run.writes.iter().take(MAX_DRY_RUN_CHANGES) {
            let before = view.read(key)?.map(HexBytes);
            changes.push(DryRunChange { key: HexBytes(key.clone()), before, after: after.clone().map(HexBytes) });
        }
        let events = run.events.into_iter().take(MAX_DRY_RUN_CHANGES);
        let events = events
            .map(|e| DryRunEvent { contract: e.contract, name: e.name.to_string(), data: HexBytes(e.data.into_vec()) })
            .collect();
        Ok(DryRunResponse {
            height: tip.height,
            predicted: run.predicted,
            blocks: run.blocks,
            events,
            state_root: staged.root,
            failure: run.failure,
            ungoverned: run.ungoverned,
            fuel_used: run.fuel_used,
            changed: run.writes.len() as u64,
            changes,
        })
    }

    fn remediation_plan(
        &self,
        organisation: &OrganisationId,
        from: Height,
        base: Option<Height>,
    ) -> Result<RemediationPlanResponse, LedgerError> {
        self.plan(organisation, from, base)
    }

    fn contracts(&self) -> Result<Vec<ContractDocument>, LedgerError> {
        let store = self.store()?;
        let prefix = keyspace::contracts();
        let mut out = Vec::new();
        for (key, value) in store.view().scan(&prefix, None, 4_096)? {
            let id = key.get(prefix.len()..).and_then(|id| std::str::from_utf8(id).ok());
            let Some(id) = id.and_then(|id| ContractId::new(id).ok()) else { continue };
            out.push(ContractDocument { id, entry: decode("contract entry", &value)?, abi: None });
        }
        Ok(out)
    }

    fn contract(&self, id: &ContractId) -> Result<Option<ContractDocument>, LedgerError> {
        let store = self.store()?;
        let view = store.view();
        let Some(bytes) = view.read(&keyspace::contract(id))? else { return Ok(None) };
        let entry: ContractEntry = decode("contract entry", &bytes)?;
        let code = view.read(&keyspace::code(&entry.code))?.unwrap_or_default();
        let abi = althing_abi::Abi::read(&code).map_err(|e| LedgerError::Fault { reason: e.to_string() })?;
        let abi = serde_json::to_value(&abi).map_err(|e| LedgerError::Fault { reason: e.to_string() })?;
        Ok(Some(ContractDocument { id: id.clone(), entry, abi: Some(abi) }))
    }

    fn code(&self, id: &ContractId) -> Result<Option<Vec<u8>>, LedgerError> {
        let store = self.store()?;
        let view = store.view();
        let Some(bytes) = view.read(&keyspace::contract(id))? else { return Ok(None) };
        let entry: ContractEntry = decode("contract entry", &bytes)?;
        Ok(view.read(&keyspace::code(&entry.code))?)
    }

    fn events(&self, from: EventId, limit: usize) -> Result<Vec<EventDocument>, LedgerError> {
        let store = self.store()?;
        let tip = *self.shared.tip.borrow();
        self.check_base(from.height.max(Height(1)))?;
        let mut from = from;
        // The store looks at a bounded number of receipts at a time: an empty page is not yet the end.
        loop {
            let page = store.events(from, limit).map_err(fault)?;
            let ended = page.next.height > tip || page.next == from;
            if !page.events.is_empty() || ended {
                let documents = page.events.into_iter();
                return Ok(documents
                    .map(|e| EventDocument { id: e.id, transaction: e.transaction, event: e.event })
                    .collect());
            }
            from = page.next;
        }
    }

    fn abnormal(&self, after: Option<u64>, limit: usize) -> Result<Vec<AbnormalDocument>, LedgerError> {
        let kept = self.store()?.abnormal(after.unwrap_or(0), limit).map_err(fault)?;
        Ok(kept.into_iter().map(|k| AbnormalDocument { number: k.number, abnormal: k.value }).collect())
    }
}

fn summary(transaction: &Transaction, height: Height, succeeded: Option<bool>) -> TransactionSummary {
    let (contract, method) = match &transaction.content {
        Content::Call { contract, method, .. } => (Some(contract), Some(method.to_string())),
        Content::Deploy { contract, .. } | Content::Upgrade { contract, .. } => (Some(contract), None),
        Content::Upload { .. } | Content::StorePlan { .. } => (None, None),
    };
    TransactionSummary {
        hash: transaction.hash(),
        sequence: transaction.sequence,
        operation: transaction.operation,
        contract: contract.cloned(),
        method,
        height: Some(height),
        succeeded,
    }
}

#[async_trait::async_trait]
impl<S: Storage + 'static> Submit for LedgerService<S> {
    async fn submit(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<Hash, Refusal>> {
        let hashes: Vec<(Hash, PublicKey)> = transactions.iter().map(|t| (t.value.hash(), t.value.operator)).collect();
        let all = |code, message: &str| -> Vec<Result<Hash, Refusal>> {
            hashes.iter().map(|_| Err(Refusal::new(code, message))).collect()
        };
        if let Some(reason) = self.halted() {
            return all(RefusalCode::Halted, &reason);
        }
        if !self.shared.member.load(Ordering::Relaxed) {
            let message = "this node is no member of the chain: nobody would take a transaction from it";
            return all(RefusalCode::Halted, message);
        }
        // What waits already is not checked again.
        let (known, fresh): (Vec<_>, Vec<_>) = {
            let pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
            let flags = hashes.iter().map(|(hash, _)| pool.contains(hash));
            let rows: Vec<_> = transactions.into_iter().zip(flags).enumerate().collect();
            rows.into_iter().partition(|(_, (_, known))| *known)
        };
        let mut results: Vec<Option<Result<Hash, Refusal>>> = vec![None; hashes.len()];
        let mut put = |index: usize, result| {
            if let Some(slot) = results.get_mut(index) {
                *slot = Some(result);
            }
        };
        for (index, _) in known {
            put(
                index,
                hashes
                    .get(index)
                    .map(|(hash, _)| *hash)
                    .ok_or_else(|| Refusal::new(RefusalCode::Halted, String::new())),
            );
        }
        let indices: Vec<usize> = fresh.iter().map(|(index, _)| *index).collect();
        let signed: Vec<SignedTransaction> = fresh.into_iter().map(|(_, (signed, _))| signed).collect();
        let Ok(checked) = tokio::task::spawn_blocking(move || preverify::transactions(signed)).await else {
            return all(RefusalCode::Halted, "the node is stopping");
        };
        let mut good = Vec::new();
        let mut good_indices = Vec::new();
        for (index, checked) in indices.into_iter().zip(checked) {
            match checked {
                Some(checked) => {
                    good.push(checked);
                    good_indices.push(index);
                }
                None => {
                    let Some((hash, operator)) = hashes.get(index).copied() else { continue };
                    let message = format!("signature: does not verify under operator key {operator}");
                    self.mark_bad_signature(hash, operator, &message);
                    put(index, Err(Refusal::new(RefusalCode::BadSignature, message)));
                }
            }
        }
        if !good.is_empty() {
            let accepted: Vec<Hash> = good.iter().map(|c| c.hash).collect();
            let verdicts = match self.inbox.submit(good) {
                Some(answer) => answer.await.ok(),
                None => None,
            };
            for (position, index) in good_indices.into_iter().enumerate() {
                let hash = accepted.get(position).copied().unwrap_or_default();
                let verdict = verdicts.as_ref().and_then(|v| v.get(position).cloned());
                put(
                    index,
                    match verdict {
                        Some(Verdict::Accepted) => Ok(hash),
                        Some(Verdict::Abnormal { code, message }) => Err(Refusal::new(code, message)),
                        Some(Verdict::Full { message }) => Err(Refusal::new(RefusalCode::PoolFull, message)),
                        None => Err(Refusal::new(RefusalCode::PoolFull, "the node has too many transactions waiting")),
                    },
                );
            }
        }
        let lost = || Err(Refusal::new(RefusalCode::Halted, "the node gave no verdict"));
        results.into_iter().map(|r| r.unwrap_or_else(lost)).collect()
    }

    async fn recover(&self, recovery: SignedRecovery) -> Result<RecoveryResponse, ApiError> {
        if let Some(reason) = self.halted() {
            return Err(ApiError::new(ErrorCode::NotReady, reason));
        }
        let plan = recovery.plan.hash();
        let answer = self.inbox.recover(recovery);
        let answer = answer.ok_or_else(|| ApiError::new(ErrorCode::Busy, "the node has too much to do; try again"))?;
        let outcome = answer.await.map_err(|_| ApiError::new(ErrorCode::NotReady, "the node gave no answer"))?;
        let progress = outcome.map_err(|error| ApiError {
            field: Some("recovery".into()),
            value: Some(error.number().to_string()),
            rule: Some(error.to_string()),
            ..ApiError::new(ErrorCode::RecoveryRefused, error.text())
        })?;
        let tip = *self.shared.tip.borrow();
        let (progress, height) = match progress {
            Progress::Waiting { height } => (RecoveryProgress::Waiting, height),
            Progress::InForce => (RecoveryProgress::InForce, tip),
            Progress::Final => (RecoveryProgress::Final, tip),
        };
        Ok(RecoveryResponse { plan, progress, height })
    }
}

impl<S: Storage> LedgerService<S> {
    fn mark_bad_signature(&self, transaction: Hash, operator: PublicKey, message: &str) {
        let Ok(store) = self.store() else { return };
        let mark = Abnormal {
            transaction,
            operator,
            height: self.shared.tip.borrow().next(),
            code: AbnormalCode::BadSignature,
            message: althing_types::codec::Text::truncated(message),
        };
        if let Err(error) = store.put_abnormal(&mark) {
            tracing::warn!(%error, "a mark on an abnormal transaction was not kept");
        }
    }
}
