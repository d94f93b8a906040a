//! A made-up chain with real signatures and real state proofs, and a node that serves it, truly or not.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

#[path = "../../../../node/types/tests/made_up/mod.rs"]
mod made_up;

use althing_api::{
    ApiError, ErrorCode, Refusal, RefusalCode,
    model::{
        AccountDocument, EventDocument, GenesisDocument, HeaderDocument, HeaderList, HexBytes, StateBatch,
        StateBatchRequest, StateDocument, StateEntry, StatusRequest, StatusResponse, SubmitResponse, SubmitResult,
        TransactionDocument, TransactionStatus, cursor_text, parse_cursor,
    },
};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    block::{HEADER_VERSION, Header, NodeInstruction},
    certificate::QuorumCertificate,
    codec::{Bytes, List, Text, decode},
    crypto::{NodeId, PublicKey, SecretKey},
    event::{Event, EventId},
    genesis::{ChainKind, FaultModel, Genesis, Parameters},
    hash::{Hash, sha3_256},
    id::{ChainId, ContractId, Height, OrganisationId, Round, Sequence},
    organisation::{MemberKey, Organisation, Role},
    receipt::{Receipt, Status},
    transaction::SignedTransaction,
};
use axum::{
    Json, Router,
    body::Bytes as Body,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event as Frame, Sse},
    },
    routing::{get, post},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};
use tokio::task::JoinHandle;

pub(crate) use made_up::{Tree, certify as certify_with};

// ---- the chain

pub fn authority_keys(list: u8) -> Vec<SecretKey> {
    let mut keys: Vec<SecretKey> = (0..4u8).map(|i| SecretKey::from_seed(&[list * 10 + i + 1; 32])).collect();
    keys.sort_by_key(SecretKey::public);
    keys
}

pub fn authorities(list: u8) -> AuthorityList {
    let organisation = OrganisationId::new("registry-one").unwrap();
    let member = |k: &SecretKey| Authority { node: NodeId::from(k.public()), organisation: organisation.clone() };
    AuthorityList::new(authority_keys(list).iter().map(member).collect(), Threshold::TwoThirds).unwrap()
}

pub fn genesis() -> Genesis {
    let operator = SecretKey::from_seed(&[99; 32]).public();
    let organisation = Organisation {
        id: OrganisationId::new("registry-one").unwrap(),
        roles: BTreeSet::from([Role::Registry]),
        keys: List::new(vec![MemberKey::whole(operator)]).unwrap(),
    };
    Genesis {
        chain: ChainId::new("test").unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: 0,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(authorities(0).members().to_vec()).unwrap(),
        organisations: List::new(vec![organisation]).unwrap(),
        operator: Some(operator),
        governance: None,
        contracts: List::default(),
        parameters: Parameters::default(),
    }
}

/// Which list decides a height: it changes at 40 and at 41.
pub fn list_of(height: u64) -> u8 {
    match height {
        0..40 => 0,
        40 => 1,
        _ => 2,
    }
}

/// The state of a height: key `k<i>` for each i up to the height, and the height itself.
pub fn state_of(height: u64) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut state: BTreeMap<Vec<u8>, Vec<u8>> =
        (0..height.min(60)).map(|i| (format!("k{i:03}").into_bytes(), i.to_le_bytes().to_vec())).collect();
    state.insert(b"height".to_vec(), height.to_le_bytes().to_vec());
    state
}

pub fn header(height: u64) -> Header {
    Header {
        version: HEADER_VERSION,
        chain: genesis().chain,
        height: Height(height),
        previous: if height == 1 { genesis().hash() } else { sha3_256(b"previous") },
        packer: NodeId([10; 32]),
        transactions_root: Hash::ZERO,
        state_root: Tree::new(&state_of(height)).root(),
        receipts_root: Hash::ZERO,
        authorities: authorities(list_of(height)).hash(),
        next_authorities: authorities(list_of(height + 1)).hash(),
        timestamp_ms: height,
        instruction: NodeInstruction::None,
        previous_certificate: Hash::ZERO,
    }
}

pub fn certify(header: &Header, list: u8, signers: usize) -> QuorumCertificate {
    certify_with(header, Round(0), &authority_keys(list)[..signers])
}

pub fn document(height: u64) -> HeaderDocument {
    let header = header(height);
    let list = list_of(height);
    let certificate = certify(&header, list, 3);
    HeaderDocument { hash: header.hash(), header, certificate, authorities: Some(authorities(list)), recovery: None }
}

// ---- the node

type Tamper<T> = Option<Box<dyn Fn(&mut T) + Send>>;

pub struct Inner {
    pub height: u64,
    /// Changes headers on their way out.
    pub tamper_header: Tamper<HeaderDocument>,
    /// Changes state entries on their way out.
    pub tamper_entry: Tamper<StateEntry>,
    pub headers_served: usize,
    /// Accepted and not yet in a block.
    pub pool: BTreeMap<Hash, SignedTransaction>,
    /// In blocks, in order.
    pub included: Vec<SignedTransaction>,
    /// Most pending transactions of one key.
    pub per_key: usize,
    /// Forgets the whole pool at these submissions, as a killed node does.
    pub lose_at: BTreeSet<usize>,
    pub submissions: usize,
    /// Events served per connection.
    pub events_per_stream: usize,
}

pub struct Node(Mutex<Inner>);

impl Node {
    pub fn new(height: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Inner {
            height,
            tamper_header: None,
            tamper_entry: None,
            headers_served: 0,
            pool: BTreeMap::new(),
            included: Vec::new(),
            per_key: 1_000,
            lose_at: BTreeSet::new(),
            submissions: 0,
            events_per_stream: 3,
        })))
    }
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
}

impl Inner {
    fn next(&self, key: &PublicKey) -> u64 {
        self.included.iter().filter(|t| t.value.operator == *key).count() as u64
    }
    /// Takes up to 50 transactions that have no gap before them.
    fn include(&mut self) {
        for _ in 0..50 {
            let next = self.pool.values().find(|t| t.value.sequence.0 == self.next(&t.value.operator)).cloned();
            let Some(next) = next else { return };
            self.pool.remove(&next.value.hash());
            self.included.push(next);
        }
    }
    fn submit(&mut self, transaction: SignedTransaction) -> Result<Hash, Refusal> {
        let (hash, key) = (transaction.value.hash(), transaction.value.operator);
        if transaction.clone().verify().is_err() {
            return Err(Refusal::new(RefusalCode::BadSignature, "signature"));
        }
        if self.pool.contains_key(&hash) || self.included.contains(&transaction) {
            return Ok(hash);
        }
        if transaction.value.sequence.0 < self.next(&key) {
            return Err(Refusal::new(RefusalCode::SequenceUsed, "sequence"));
        }
        if transaction.value.postscript.as_str() == "refuse me" {
            return Err(Refusal::new(RefusalCode::WrongKind, "operation"));
        }
        if self.pool.values().filter(|t| t.value.operator == key).count() >= self.per_key {
            return Err(Refusal::new(RefusalCode::SenderLimit, "too many"));
        }
        self.pool.insert(hash, transaction);
        Ok(hash)
    }
    fn status(&self, hash: Hash) -> TransactionDocument {
        let place = self.included.iter().position(|t| t.value.hash() == hash);
        let status = match place {
            Some(at) => TransactionStatus::Final {
                height: Height(1),
                index: u32::try_from(at).unwrap(),
                receipt: Box::new(Receipt {
                    transaction: hash,
                    status: Status::Succeeded,
                    fuel_used: 1,
                    result: Bytes::default(),
                    events: List::default(),
                }),
            },
            None if self.pool.contains_key(&hash) => TransactionStatus::Pending,
            None => TransactionStatus::Unknown,
        };
        TransactionDocument { hash, status }
    }
    fn entry(&self, height: u64, key: Vec<u8>) -> StateEntry {
        let state = state_of(height);
        let proof = Some(Tree::new(&state).prove(&key));
        let mut entry = StateEntry { value: state.get(&key).cloned().map(HexBytes), key: key.into(), proof };
        if let Some(tamper) = &self.tamper_entry {
            tamper(&mut entry);
        }
        entry
    }
}

fn ahead() -> Response {
    (StatusCode::NOT_FOUND, Json(ApiError::new(ErrorCode::HeightAhead, "ahead"))).into_response()
}

type Shared = State<Arc<Node>>;
type Arguments = Query<BTreeMap<String, String>>;

async fn headers(State(node): Shared, Path(height): Path<u64>) -> Response {
    let mut inner = node.lock();
    inner.headers_served += 1;
    if height > inner.height {
        return ahead();
    }
    let mut document = document(height);
    if let Some(tamper) = &inner.tamper_header {
        tamper(&mut document);
    }
    Json(HeaderList { headers: vec![document] }).into_response()
}

async fn entry(State(node): Shared, Path(key): Path<String>, Query(arguments): Arguments) -> Response {
    let inner = node.lock();
    let height = arguments.get("height").map_or(inner.height, |h| h.parse().unwrap());
    if height > inner.height {
        return ahead();
    }
    let entry = inner.entry(height, hex::decode(key).unwrap());
    Json(StateDocument { height: Height(height), entry }).into_response()
}

async fn batch(State(node): Shared, Json(request): Json<StateBatchRequest>) -> Json<StateBatch> {
    let mut inner = node.lock();
    let height = request.height.map_or(inner.height, |h| h.0);
    let entries = request.keys.into_iter().map(|k| inner.entry(height, k.0)).collect();
    // The chain moves while pages are read.
    inner.height += 1;
    Json(StateBatch { height: Height(height), entries, next: None })
}

async fn scan(State(node): Shared, Query(arguments): Arguments) -> Json<StateBatch> {
    let inner = node.lock();
    let prefix = hex::decode(&arguments["prefix"]).unwrap();
    let after = arguments.get("after").map(|a| hex::decode(a).unwrap());
    let state = state_of(inner.height);
    let keys = state.into_keys().filter(|k| k.starts_with(&prefix) && after.as_ref().is_none_or(|a| k > a));
    let entries: Vec<StateEntry> =
        keys.take(7).map(|key| StateEntry { key: key.into(), value: None, proof: None }).collect();
    let next = (entries.len() == 7).then(|| entries.last().unwrap().key.clone());
    Json(StateBatch { height: Height(inner.height), entries, next })
}

async fn status(State(node): Shared) -> Json<serde_json::Value> {
    let zero = Hash::ZERO;
    let height = node.lock().height;
    Json(serde_json::json!({
        "chain_id": "test", "chain_kind": "root", "genesis_hash": zero, "height": height, "block_hash": zero,
        "state_root": zero, "block_time_ms": 0, "authorities": [], "peers": [], "node_id": zero, "is_authority": true, "member": true,
        "syncing": false, "highest_known": height, "pending_transactions": 0, "pending_bytes": 0, "oldest_state": 0,
        "version": "0",
    }))
}

async fn submit(State(node): Shared, body: Body) -> (StatusCode, Json<SubmitResponse>) {
    let list: List<SignedTransaction, 512> = decode("list", &body, body.len()).unwrap();
    let mut inner = node.lock();
    let results = list.into_vec().into_iter().map(|t| {
        let hash = t.value.hash();
        match inner.submit(t) {
            Ok(hash) => SubmitResult { hash, accepted: true, refusal: None },
            Err(refusal) => SubmitResult { hash, accepted: false, refusal: Some(refusal) },
        }
    });
    let results = results.collect();
    inner.submissions += 1;
    let at = inner.submissions;
    if inner.lose_at.contains(&at) {
        inner.pool.clear();
    }
    (StatusCode::ACCEPTED, Json(SubmitResponse { results }))
}

async fn statuses(State(node): Shared, Json(request): Json<StatusRequest>) -> Json<StatusResponse> {
    let mut inner = node.lock();
    inner.include();
    Json(StatusResponse { transactions: request.hashes.into_iter().map(|h| inner.status(h)).collect() })
}

async fn one(State(node): Shared, Path(hash): Path<String>) -> Json<TransactionDocument> {
    Json(node.lock().status(hash.parse().unwrap()))
}

async fn account(State(node): Shared, Path(key): Path<String>) -> Json<AccountDocument> {
    let key: PublicKey = key.parse().unwrap();
    let inner = node.lock();
    let sequence = Sequence(inner.next(&key));
    Json(AccountDocument {
        key,
        height: Height(inner.height),
        sequence,
        next_sequence: sequence,
        organisation: None,
        roles: BTreeSet::new(),
    })
}

/// Serves a few events of those after the cursor and then breaks off, in the middle of a frame.
async fn events(State(node): Shared, Query(arguments): Arguments) -> Response {
    let (tip, count) = {
        let inner = node.lock();
        (inner.height, inner.events_per_stream)
    };
    let from = parse_cursor(&arguments["from"]).unwrap();
    let all = (1..=tip).flat_map(|height| (0..2).map(move |index| EventId { height: Height(height), index }));
    let mut frames: Vec<Result<Frame, Infallible>> = all
        .filter(|id| *id >= from)
        .take(count)
        .map(|id| {
            let event = Event {
                contract: ContractId::new("counter").unwrap(),
                name: Text::new("added").unwrap(),
                topic: Bytes::default(),
                data: Bytes::default(),
            };
            let document = EventDocument { id, transaction: Hash::ZERO, event };
            Ok(Frame::default().event("event").id(cursor_text(id)).data(serde_json::to_string(&document).unwrap()))
        })
        .collect();
    if frames.len() < count {
        let data = serde_json::json!({ "height": tip }).to_string();
        frames.push(Ok(Frame::default().event("height").data(data)));
    }
    Sse::new(futures::stream::iter(frames)).into_response()
}

pub fn router(node: Arc<Node>) -> Router {
    Router::new()
        .route("/v1/genesis", get(async || Json(GenesisDocument { hash: genesis().hash(), genesis: genesis() })))
        .route("/v1/status", get(status))
        .route("/v1/headers/{height}", get(headers))
        .route("/v1/state/{key}", get(entry))
        .route("/v1/state/batch", post(batch))
        .route("/v1/state", get(scan))
        .route("/v1/transactions", post(submit))
        .route("/v1/transactions/status", post(statuses))
        .route("/v1/transactions/{hash}", get(one))
        .route("/v1/accounts/{key}", get(account))
        .route("/v1/events", get(events))
        .with_state(node)
}

pub async fn serve(node: Arc<Node>, address: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, tokio::spawn(async move { axum::serve(listener, router(node)).await.unwrap() }))
}

/// A node on a free port, with its URL.
pub async fn start(height: u64) -> (Arc<Node>, String) {
    let node = Node::new(height);
    let (address, _) = serve(node.clone(), "127.0.0.1:0".parse().unwrap()).await;
    (node, format!("http://{address}"))
}
