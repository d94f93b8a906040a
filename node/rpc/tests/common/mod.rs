//! A ledger of a few made-up blocks, and a server over it on a free port.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

use althing_api::{
    ApiError, ErrorCode, Refusal, RefusalCode,
    checkpoint::CheckpointDocument,
    config::ApiLimits,
    dry_run::{DryRunRequest, DryRunResponse},
    model::{
        AbnormalDocument, AccountDocument, ContractDocument, EventDocument, StatusDocument, TransactionStatus,
        TransactionSummary, ViewResponse,
    },
    recovery::{RecoveryProgress, RecoveryResponse},
    remediation::RemediationPlanResponse,
};
use althing_rpc::{Ledger, LedgerError, Metrics, Scanned, Services, Submit, serve};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    block::{Block, HEADER_VERSION, Header, NodeInstruction},
    certificate::QuorumCertificate,
    codec::{Bytes, List, Text},
    crypto::{NodeId, PublicKey, SecretKey, Signed},
    event::{Event, EventId},
    genesis::{ChainKind, FaultModel, Genesis, Parameters},
    hash::{Hash, sha3_256},
    id::{ChainId, ContractId, Height, OrganisationId, Round, Sequence},
    keyspace::ContractEntry,
    organisation::{MemberKey, Organisation, Role},
    proof::StateProof,
    receipt::{Receipt, Status},
    recovery::{ProvenRecovery, RecoveryError, RecoveryPlan, SignedRecovery},
    remediation::{Plan, PlanCounts, PlanHead, PlanItem},
    transaction::{Abnormal, AbnormalCode, Attributes, Content, Operation, SignedTransaction, Transaction},
};
use prometheus_client::registry::Registry;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{sync::watch, task::JoinHandle};

pub const PRUNED_BELOW: u64 = 2;
/// The one height that a checkpoint is offered of.
pub const CHECKPOINT: u64 = 1;

pub fn contract() -> ContractId {
    ContractId::new("counter").unwrap()
}

/// A plan with so many signatures, none of which is checked here.
pub fn recovery(signatures: u8) -> SignedRecovery {
    let organisation = OrganisationId::new("registry").unwrap();
    let authority = Authority { node: NodeId([1; 32]), organisation };
    let mut signed = SignedRecovery::unsigned(RecoveryPlan {
        chain: ChainId::new("test").unwrap(),
        height: Height(3),
        block: Hash::ZERO,
        number: 1,
        authorities: AuthorityList::new(vec![authority], Threshold::TwoThirds).unwrap(),
        reason: Text::default(),
        drafted_ms: 0,
    });
    for n in 0..signatures {
        let key = SecretKey::from_seed(&[n + 1; 32]);
        signed.sign(OrganisationId::new(format!("member-{n}")).unwrap(), &key).unwrap();
    }
    signed
}

pub fn transaction(sequence: u64) -> SignedTransaction {
    let key = SecretKey::from_seed(&[1; 32]);
    let content =
        Content::Call { contract: contract(), method: Text::new("add").unwrap(), arguments: Bytes::default() };
    let value = Transaction {
        version: 1,
        chain: ChainId::new("test").unwrap(),
        attributes: Attributes::Root,
        operation: Operation::Call,
        content,
        postscript: Text::default(),
        operator: key.public(),
        sequence: Sequence(sequence),
        timestamp_ms: 1,
        expiry: Height(100),
        fuel_limit: 1_000_000,
    };
    Signed::sign(value, &key)
}

pub fn genesis() -> Genesis {
    let organisation = OrganisationId::new("registry-one").unwrap();
    let operator = SecretKey::from_seed(&[1; 32]).public();
    Genesis {
        chain: ChainId::new("test").unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: 0,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(list(0).members().to_vec()).unwrap(),
        organisations: List::new(vec![Organisation {
            id: organisation,
            roles: BTreeSet::from([Role::Registry]),
            keys: List::new(vec![MemberKey::whole(operator)]).unwrap(),
        }])
        .unwrap(),
        operator: Some(operator),
        governance: None,
        contracts: List::default(),
        parameters: Parameters::default(),
    }
}

/// The list changes at height 3.
pub fn list(height: u64) -> AuthorityList {
    let seed = if height >= 3 { 20u8 } else { 10 };
    let members = (0..4u8).map(|i| Authority {
        node: NodeId([seed + i; 32]),
        organisation: OrganisationId::new("registry-one").unwrap(),
    });
    AuthorityList::new(members.collect(), Threshold::TwoThirds).unwrap()
}

/// The fake. Block `h` holds transaction `h` and emits two events.
pub struct Fake {
    tip: watch::Sender<Height>,
    pub pending: Mutex<BTreeSet<Hash>>,
    pub halted: Mutex<bool>,
    /// Views of the method `stuck` wait for this.
    pub gate: Mutex<()>,
}

impl Fake {
    pub fn new(height: u64) -> Arc<Self> {
        let (tip, _) = watch::channel(Height(height));
        Arc::new(Self { tip, pending: Mutex::default(), halted: Mutex::default(), gate: Mutex::default() })
    }
    pub fn commit(&self) {
        self.tip.send_modify(|h| *h = h.next());
    }
    pub fn height(&self) -> u64 {
        self.tip.borrow().0
    }
    fn make_header(&self, height: u64) -> Header {
        Header {
            version: HEADER_VERSION,
            chain: ChainId::new("test").unwrap(),
            height: Height(height),
            previous: Hash::ZERO,
            packer: NodeId([10; 32]),
            transactions_root: Hash::ZERO,
            state_root: sha3_256(&height.to_le_bytes()),
            receipts_root: Hash::ZERO,
            authorities: list(height).hash(),
            next_authorities: list(height + 1).hash(),
            timestamp_ms: height,
            instruction: NodeInstruction::None,
            previous_certificate: Hash::ZERO,
        }
    }
    fn certificate(&self, height: u64) -> QuorumCertificate {
        QuorumCertificate {
            chain: ChainId::new("test").unwrap(),
            height: Height(height),
            round: Round(0),
            block: self.make_header(height).hash(),
            signatures: List::default(),
        }
    }
    fn receipt(height: u64) -> Receipt {
        let events = (0..2).map(|i| event(height, i)).collect();
        Receipt {
            transaction: transaction(height).value.hash(),
            status: Status::Succeeded,
            fuel_used: 5,
            result: Bytes::default(),
            events: List::new(events).unwrap(),
        }
    }
    fn entries(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        (0..10u8).map(|i| (vec![1, i], vec![i; 3])).collect()
    }
}

pub fn event(height: u64, index: u8) -> Event {
    Event {
        contract: contract(),
        name: Text::new(if index == 0 { "added" } else { "seen" }).unwrap(),
        topic: Bytes::new(vec![u8::try_from(height).unwrap(), index]).unwrap(),
        data: Bytes::default(),
    }
}

impl Ledger for Fake {
    fn genesis(&self) -> Arc<Genesis> {
        Arc::new(genesis())
    }
    fn tip(&self) -> watch::Receiver<Height> {
        self.tip.subscribe()
    }
    fn status(&self) -> Result<StatusDocument, LedgerError> {
        let height = self.height();
        Ok(StatusDocument {
            chain_id: ChainId::new("test").unwrap(),
            chain_kind: ChainKind::Root,
            genesis_hash: genesis().hash(),
            height: Height(height),
            block_hash: self.make_header(height).hash(),
            state_root: self.make_header(height).state_root,
            block_time_ms: height,
            authorities: list(height).members().iter().map(|m| m.node).collect(),
            peers: vec![NodeId([11; 32])],
            node_id: NodeId([10; 32]),
            is_authority: true,
            member: true,
            standing: Some(althing_types::govern::Standing::Authority),
            syncing: false,
            highest_known: Height(height),
            halted: None,
            recovery: None,
            pending_transactions: 0,
            pending_bytes: 0,
            oldest_state: Height(PRUNED_BELOW),
            base: Height(0),
            version: "0".into(),
        })
    }
    fn ready(&self) -> Result<(), LedgerError> {
        if *self.halted.lock().unwrap() {
            return Err(LedgerError::NotReady { reason: "disk full".into() });
        }
        Ok(())
    }
    fn transaction(&self, hash: &Hash) -> Result<TransactionStatus, LedgerError> {
        for height in 1..=self.height() {
            if transaction(height).value.hash() == *hash {
                let receipt = Box::new(Self::receipt(height));
                return Ok(TransactionStatus::Final { height: Height(height), index: 0, receipt });
            }
        }
        let pending = self.pending.lock().unwrap().contains(hash);
        Ok(if pending { TransactionStatus::Pending } else { TransactionStatus::Unknown })
    }
    fn transactions_of(&self, _: &PublicKey, limit: usize) -> Result<Vec<TransactionSummary>, LedgerError> {
        let one = |height: u64| TransactionSummary {
            hash: transaction(height).value.hash(),
            sequence: Sequence(height),
            operation: Operation::Call,
            contract: Some(contract()),
            method: Some("add".into()),
            height: Some(Height(height)),
            succeeded: Some(true),
        };
        Ok((1..=self.height()).rev().map(one).take(limit).collect())
    }
    fn account(&self, key: &PublicKey) -> Result<AccountDocument, LedgerError> {
        Ok(AccountDocument {
            key: *key,
            height: Height(self.height()),
            sequence: Sequence(3),
            next_sequence: Sequence(4),
            organisation: None,
            roles: BTreeSet::new(),
        })
    }
    fn block(&self, height: Height) -> Result<Option<(Block, QuorumCertificate)>, LedgerError> {
        if height.0 == 0 || height.0 > self.height() {
            return Ok(None);
        }
        let transactions = List::new(vec![transaction(height.0)]).unwrap();
        Ok(Some((
            Block { header: self.make_header(height.0), previous: None, recovery: None, transactions },
            self.certificate(height.0),
        )))
    }
    fn height_of_block(&self, hash: &Hash) -> Result<Option<Height>, LedgerError> {
        Ok((1..=self.height()).find(|h| self.make_header(*h).hash() == *hash).map(Height))
    }
    fn chain(&self, from: Height) -> Result<Vec<(Block, QuorumCertificate)>, LedgerError> {
        (from.0..=self.height()).filter_map(|height| self.block(Height(height)).transpose()).collect()
    }
    fn checkpoints(&self) -> Result<Vec<CheckpointDocument>, LedgerError> {
        let (height, state_root) = (Height(CHECKPOINT), Hash::ZERO);
        Ok(vec![CheckpointDocument { height, state_root, chunks: 2, entries: 3, bytes: 4 }])
    }
    fn chunk(&self, height: Height, place: &Hash) -> Result<Vec<u8>, LedgerError> {
        if height != Height(CHECKPOINT) {
            return Err(LedgerError::NoCheckpoint { height });
        }
        Ok(place.0.to_vec())
    }
    fn receipts(&self, height: Height) -> Result<Vec<Receipt>, LedgerError> {
        Ok(vec![Self::receipt(height.0)])
    }
    fn header(&self, height: Height) -> Result<Option<(Header, QuorumCertificate, AuthorityList)>, LedgerError> {
        if height.0 == 0 || height.0 > self.height() {
            return Ok(None);
        }
        Ok(Some((self.make_header(height.0), self.certificate(height.0), list(height.0))))
    }
    fn recovery(&self, _: Height) -> Result<Option<ProvenRecovery>, LedgerError> {
        Ok(None)
    }
    fn prove(&self, height: Height, key: &[u8]) -> Result<(Option<Vec<u8>>, StateProof), LedgerError> {
        if height.0 > self.height() {
            return Err(LedgerError::Ahead { height, tip: Height(self.height()) });
        }
        if height.0 < PRUNED_BELOW {
            return Err(LedgerError::Pruned { height, oldest: Height(PRUNED_BELOW) });
        }
        assert!(key != b"panic", "a fault of the node");
        if key == b"fault" {
            return Err(LedgerError::Fault { reason: "secret path".into() });
        }
        Ok((self.entries().get(key).cloned(), StateProof { leaf: None, siblings: List::default() }))
    }
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Scanned, LedgerError> {
        let entries = self
            .entries()
            .into_iter()
            .filter(|(k, _)| k.starts_with(prefix) && after.is_none_or(|a| k.as_slice() > a))
            .take(limit)
            .collect();
        Ok(Scanned { height: Height(self.height()), entries })
    }
    fn view(&self, _: &ContractId, method: &str, arguments: &[u8]) -> Result<ViewResponse, LedgerError> {
        if method == "stuck" {
            drop(self.gate.lock());
        }
        Ok(ViewResponse {
            height: Height(self.height()),
            result: Some(arguments.to_vec().into()),
            failure: None,
            fuel_used: 1,
            logs: Vec::new(),
        })
    }
    fn dry_run(&self, request: &DryRunRequest) -> Result<DryRunResponse, LedgerError> {
        Ok(DryRunResponse {
            height: Height(self.height()),
            predicted: Hash::ZERO,
            blocks: 1,
            events: Vec::new(),
            state_root: request.code.unwrap_or_default(),
            failure: None,
            ungoverned: None,
            fuel_used: 1,
            changed: 0,
            changes: Vec::new(),
        })
    }
    fn remediation_plan(
        &self,
        organisation: &OrganisationId,
        from: Height,
        base: Option<Height>,
    ) -> Result<RemediationPlanResponse, LedgerError> {
        if from.0 == 0 {
            return Err(LedgerError::NoPlan { number: 1, message: "from_height 0: must be at least 1".into() });
        }
        let head = PlanHead {
            chain: ChainId::new("test").unwrap(),
            organisation: organisation.clone(),
            from,
            base: base.unwrap_or(Height(self.height())),
            block: Hash::ZERO,
            counts: PlanCounts::default(),
            parts: List::default(),
        };
        let mark = PlanItem::Mark { transaction: Hash::ZERO, height: from };
        Ok(Plan::make(head, vec![mark]).unwrap().into())
    }
    fn contracts(&self) -> Result<Vec<ContractDocument>, LedgerError> {
        let entry = ContractEntry {
            code: Hash::ZERO,
            state_version: 1,
            schema: Hash::ZERO,
            upgrades: 0,
            deployer: None,
            since: Height(0),
        };
        Ok(vec![ContractDocument { id: contract(), entry, abi: None }])
    }
    fn contract(&self, id: &ContractId) -> Result<Option<ContractDocument>, LedgerError> {
        Ok(self.contracts()?.into_iter().find(|c| c.id == *id))
    }
    fn code(&self, id: &ContractId) -> Result<Option<Vec<u8>>, LedgerError> {
        Ok((*id == contract()).then(|| b"\0asm".to_vec()))
    }
    fn events(&self, from: EventId, limit: usize) -> Result<Vec<EventDocument>, LedgerError> {
        let all = (1..=self.height()).flat_map(|height| {
            (0..2u8).map(move |index| EventDocument {
                id: EventId { height: Height(height), index: index.into() },
                transaction: transaction(height).value.hash(),
                event: event(height, index),
            })
        });
        Ok(all.filter(|d| d.id >= from).take(limit).collect())
    }
    fn abnormal(&self, after: Option<u64>, limit: usize) -> Result<Vec<AbnormalDocument>, LedgerError> {
        let abnormal = |number| AbnormalDocument {
            number,
            abnormal: Abnormal {
                transaction: Hash::ZERO,
                operator: PublicKey([0; 32]),
                height: Height(1),
                code: AbnormalCode::Expired,
                message: Text::new("expiry 1 has passed").unwrap(),
            },
        };
        Ok((0..5).filter(|n| after.is_none_or(|a| *n > a)).take(limit).map(abnormal).collect())
    }
}

#[async_trait::async_trait]
impl Submit for Fake {
    async fn submit(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<Hash, Refusal>> {
        transactions
            .into_iter()
            .map(|t| {
                let hash = t.value.hash();
                t.verify().map_err(|e| Refusal::new(RefusalCode::BadSignature, e.to_string()))?;
                self.pending.lock().unwrap().insert(hash);
                Ok(hash)
            })
            .collect()
    }

    async fn recover(&self, recovery: SignedRecovery) -> Result<RecoveryResponse, ApiError> {
        let plan = recovery.plan.hash();
        if recovery.signatures.is_empty() {
            let error = RecoveryError::TooFew { found: 0, needed: 2, members: 3 };
            let value = Some(error.number().to_string());
            return Err(ApiError { value, ..ApiError::new(ErrorCode::RecoveryRefused, error.text()) });
        }
        Ok(RecoveryResponse { plan, progress: RecoveryProgress::InForce, height: recovery.plan.height })
    }
}

pub struct Server {
    pub url: String,
    pub address: SocketAddr,
    pub fake: Arc<Fake>,
    pub http: reqwest::Client,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    pub async fn start(height: u64, limits: ApiLimits) -> Self {
        let fake = Fake::new(height);
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        let ledger: Arc<dyn Ledger> = fake.clone();
        let submit: Arc<dyn Submit> = fake.clone();
        let services = Services { ledger, submit, registry: Arc::new(registry), metrics };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, mut stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let shutdown = async move {
                let _ = stopped.wait_for(|s| *s).await;
            };
            serve(listener, services, limits, shutdown).await.unwrap();
        });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { url: format!("http://{address}"), address, fake, http, stop, task }
    }
    pub async fn get(&self, target: &str) -> Answer {
        Answer::of(self.http.get(format!("{}{target}", self.url)).send().await.unwrap()).await
    }
    pub async fn post(&self, target: &str, form: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.http.post(format!("{}{target}", self.url)).header("content-type", form).body(body);
        Answer::of(request.send().await.unwrap()).await
    }
    pub async fn json(&self, target: &str, body: serde_json::Value) -> Answer {
        self.post(target, "application/json", body.to_string()).await
    }
    pub fn begin_stop(&self) {
        self.stop.send(true).unwrap();
    }
    pub async fn stopped(self) {
        self.task.await.unwrap();
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub form: String,
    pub text: String,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).map(|v| v.to_str().unwrap().to_owned());
        let (retry_after, form) = (header("retry-after"), header("content-type").unwrap_or_default());
        Self { status, retry_after, form, text: response.text().await.unwrap() }
    }
    pub fn value(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }
    pub fn code(&self) -> String {
        self.value()["code"].as_str().unwrap_or_default().to_owned()
    }
}
