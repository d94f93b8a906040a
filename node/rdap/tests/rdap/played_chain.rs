//! A chain that the test makes up: contract `bootstrap` with real certificates and state proofs, and a node that tells of
//! it, truly or not.

use crate::made_up::{Tree, certify};
use althing_api::{
    ApiError, ErrorCode,
    model::{
        EventDocument, EventPage, HeaderDocument, HeaderList, HexBytes, StateBatch, StateBatchRequest, StateEntry,
        cursor_text, parse_cursor,
    },
};
use althing_interface::{
    bootstrap::{self, Counts, Entry, EntryDeleted, EntrySet},
    layout,
};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    block::{HEADER_VERSION, Header, NodeInstruction},
    codec::{Bytes, List, Text, encode},
    crypto::{NodeId, SecretKey},
    event::{Event, EventId},
    genesis::{ChainKind, FaultModel, Genesis, Parameters},
    hash::{Hash, sha3_256},
    id::{ChainId, ContractId, Height, OrganisationId, Round},
    keyspace::storage,
    name::DomainName,
    organisation::{MemberKey, Organisation, Role},
    wire::Event as Described,
};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event as Frame, Sse},
    },
    routing::{get, post},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard},
};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// What the node tells that is not so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    #[default]
    None,
    /// Values of entries have one more octet than they have.
    Value,
    /// There are no such entries, with the proofs of those that there are.
    Absence,
    /// Entries come without proofs.
    NoProof,
    /// No list of keys has the entries.
    HiddenKeys,
    /// Nothing happened after this height.
    Old(u64),
    /// Headers of another chain, with good signatures of the same authority.
    OtherChain,
    /// Headers that somebody else signed.
    Forged,
    /// Headers with another state root and the certificate of the real one.
    OtherRoot,
}

#[derive(Default)]
struct Inner {
    entries: BTreeMap<DomainName, Entry>,
    changes: u64,
    /// State and events of each height from 1.
    blocks: Vec<(Entries, Vec<Event>)>,
    lie: Lie,
}

/// The chain and its node.
#[derive(Default)]
pub(crate) struct PlayedChain(Mutex<Inner>);

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}
fn organisation() -> OrganisationId {
    OrganisationId::new("registry-1").unwrap()
}
fn list() -> AuthorityList {
    let authority = Authority { node: NodeId::from(key(7).public()), organisation: organisation() };
    AuthorityList::new(vec![authority], Threshold::TwoThirds).unwrap()
}
fn own(key: Vec<u8>) -> Vec<u8> {
    storage(&ContractId::new(bootstrap::ID).unwrap(), &key)
}

/// What every reader of this chain trusts.
pub(crate) fn genesis() -> Genesis {
    let operator = key(7).public();
    let member = Organisation {
        id: organisation(),
        roles: BTreeSet::from([Role::Registry]),
        keys: List::new(vec![MemberKey::whole(operator)]).unwrap(),
    };
    Genesis {
        chain: ChainId::new("played").unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: 0,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(list().members().to_vec()).unwrap(),
        organisations: List::new(vec![member]).unwrap(),
        operator: Some(operator),
        governance: None,
        contracts: List::default(),
        parameters: Parameters::default(),
    }
}

fn event<E: Described>(event: &E) -> Event {
    Event {
        contract: ContractId::new(bootstrap::ID).unwrap(),
        name: Text::new(E::SCHEMA.name).unwrap(),
        topic: Bytes::new(event.topic()).unwrap(),
        data: Bytes::new(event.data()).unwrap(),
    }
}

impl Inner {
    /// The height that the node admits to.
    fn tip(&self) -> u64 {
        let tip = self.blocks.len() as u64;
        if let Lie::Old(height) = self.lie { tip.min(height) } else { tip }
    }
    fn state(&self, height: u64) -> Option<&Entries> {
        self.blocks.get(usize::try_from(height).ok()?.checked_sub(1)?).map(|block| &block.0)
    }
    fn push(&mut self, events: Vec<Event>) {
        let height = Height(self.blocks.len() as u64 + 1);
        let mut state: Entries =
            self.entries.iter().map(|(tld, entry)| (own(layout::bootstrap_entry_key(tld)), encode(entry))).collect();
        let changed = if self.entries.values().any(|entry| entry.changed == height) || !events.is_empty() {
            height
        } else {
            self.entries.values().map(|entry| entry.changed).max().unwrap_or_default()
        };
        let counts = Counts {
            entries: u32::try_from(self.entries.len()).unwrap(),
            changes: self.changes,
            changed,
            ..Counts::default()
        };
        state.insert(own(layout::bootstrap_counts_key()), encode(&counts));
        self.blocks.push((state, events));
    }
    fn header(&self, height: u64) -> Option<Header> {
        if height > self.tip() {
            return None;
        }
        let mut header = Header {
            version: HEADER_VERSION,
            chain: genesis().chain,
            height: Height(height),
            previous: if height == 1 { genesis().hash() } else { sha3_256(b"previous") },
            packer: NodeId([1; 32]),
            transactions_root: Hash::ZERO,
            state_root: Tree::new(self.state(height)?).root(),
            receipts_root: Hash::ZERO,
            authorities: list().hash(),
            next_authorities: list().hash(),
            timestamp_ms: height,
            instruction: NodeInstruction::None,
            previous_certificate: Hash::ZERO,
        };
        if self.lie == Lie::OtherChain {
            header.chain = ChainId::new("another").unwrap();
        }
        Some(header)
    }
    fn document(&self, height: u64) -> Option<HeaderDocument> {
        let mut header = self.header(height)?;
        let mut certificate = certify(&header, Round(0), &[key(7)]);
        if self.lie == Lie::Forged {
            // The authority's name beside what somebody else signed.
            let mut signatures = certify(&header, Round(0), &[key(8)]).signatures.into_vec();
            signatures[0].voter = NodeId::from(key(7).public());
            certificate.signatures = List::new(signatures).unwrap();
        }
        if self.lie == Lie::OtherRoot {
            header.state_root = Hash::ZERO;
        }
        Some(HeaderDocument { hash: header.hash(), header, certificate, authorities: Some(list()), recovery: None })
    }
    fn after(&self, from: EventId) -> Vec<EventDocument> {
        let mut out = Vec::new();
        let tip = usize::try_from(self.tip()).unwrap();
        for (height, (_, events)) in (1u64..).zip(self.blocks.iter().take(tip)) {
            for (index, event) in (0u32..).zip(events) {
                let id = EventId { height: Height(height), index };
                if id >= from {
                    out.push(EventDocument { id, transaction: Hash::ZERO, event: event.clone() });
                }
            }
        }
        out
    }
}

/// Whether the node tells of a block's change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Truly,
    Not,
}

impl PlayedChain {
    /// A chain of one block without entries, and where its node is.
    pub(crate) async fn start() -> (Arc<Self>, String) {
        let chain = Arc::new(Self::default());
        chain.lock().push(Vec::new());
        let url = chain.serve().await;
        (chain, url)
    }
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
    /// Makes a block in which a TLD's base URL is set, or its entry deleted.
    pub(crate) fn set(&self, told: Told, tld: &str, url: Option<&str>) {
        let mut inner = self.lock();
        let (tld, height) = (DomainName::parse(tld).unwrap(), Height(inner.blocks.len() as u64 + 1));
        inner.changes += 1;
        let revision = inner.changes;
        let event = match url {
            Some(url) => {
                let urls = List::new(vec![Text::new(url).unwrap()]).unwrap();
                let entry =
                    Entry { urls: urls.clone(), by: organisation(), revision, changed: height, changed_ms: height.0 };
                inner.entries.insert(tld.clone(), entry);
                event(&EntrySet { tld, by: organisation(), revision, urls })
            }
            None => {
                inner.entries.remove(&tld);
                event(&EntryDeleted { tld, by: organisation(), revision })
            }
        };
        // The totals follow the change, whether the node tells of it or not.
        inner.push(vec![event]);
        if told == Told::Not
            && let Some((_, events)) = inner.blocks.last_mut()
        {
            events.clear();
        }
    }
    /// Changes what the node tells.
    pub(crate) fn lie(&self, lie: Lie) {
        self.lock().lie = lie;
    }
    /// Answers on another free port; gives the URL.
    pub(crate) async fn serve(self: &Arc<Self>) -> String {
        let router = Router::new()
            .route("/v1/status", get(status))
            .route("/v1/headers/{height}", get(headers))
            .route("/v1/state/batch", post(batch))
            .route("/v1/state", get(scan))
            .route("/v1/events", get(told))
            .with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        format!("http://{address}")
    }
}

type Shared = State<Arc<PlayedChain>>;
type Arguments = Query<BTreeMap<String, String>>;

fn ahead() -> Response {
    (StatusCode::NOT_FOUND, Json(ApiError::new(ErrorCode::HeightAhead, "ahead"))).into_response()
}

async fn status(State(chain): Shared) -> Json<serde_json::Value> {
    let (zero, height) = (Hash::ZERO, chain.lock().tip());
    Json(serde_json::json!({
        "chain_id": "played", "chain_kind": "root", "genesis_hash": zero, "height": height, "block_hash": zero,
        "state_root": zero, "block_time_ms": 0, "authorities": [], "peers": [], "node_id": zero, "is_authority": true,
        "member": true, "syncing": false, "highest_known": height, "pending_transactions": 0, "pending_bytes": 0,
        "oldest_state": 1, "version": "0",
    }))
}

async fn headers(State(chain): Shared, Path(height): Path<u64>) -> Response {
    match chain.lock().document(height) {
        Some(document) => Json(HeaderList { headers: vec![document] }).into_response(),
        None => ahead(),
    }
}

async fn batch(State(chain): Shared, Json(request): Json<StateBatchRequest>) -> Response {
    let inner = chain.lock();
    let height = request.height.map_or(inner.tip(), |h| h.0);
    let Some(state) = inner.state(height).filter(|_| height <= inner.tip()) else { return ahead() };
    let (tree, about) = (Tree::new(state), own(layout::bootstrap_entries_prefix()));
    let entry = |HexBytes(key): HexBytes| {
        let mut value = state.get(&key).cloned();
        let mut proof = Some(tree.prove(&key));
        if key.starts_with(&about) {
            match (&inner.lie, value.as_mut()) {
                (Lie::Value, Some(value)) => value.push(0),
                (Lie::Absence, _) => value = None,
                (Lie::NoProof, _) => proof = None,
                _ => {}
            }
        }
        StateEntry { proof, value: value.map(HexBytes), key: HexBytes(key) }
    };
    let entries = request.keys.into_iter().map(entry).collect();
    Json(StateBatch { height: Height(height), entries, next: None }).into_response()
}

async fn scan(State(chain): Shared, Query(arguments): Arguments) -> Json<StateBatch> {
    let inner = chain.lock();
    let prefix = hex::decode(&arguments["prefix"]).unwrap();
    let tip = inner.tip();
    let all = inner.state(tip).unwrap().keys().filter(|key| key.starts_with(&prefix));
    let shown = all.filter(|_| inner.lie != Lie::HiddenKeys);
    let entries = shown.map(|key| StateEntry { key: HexBytes(key.clone()), value: None, proof: None }).collect();
    Json(StateBatch { height: Height(tip), entries, next: None })
}

async fn told(State(chain): Shared, headers: HeaderMap, Query(arguments): Arguments) -> Response {
    let inner = chain.lock();
    let from = parse_cursor(&arguments["from"]).unwrap();
    let (events, height) = (inner.after(from), Height(inner.tip()));
    if !headers.get("accept").is_some_and(|accept| accept.to_str().unwrap().contains("text/event-stream")) {
        let end = EventId { height: height.next(), index: 0 };
        return Json(EventPage { events, next: cursor_text(from.max(end)), height }).into_response();
    }
    let frames = events.into_iter().map(|document| {
        let id = cursor_text(document.id);
        Frame::default().event("event").id(id).data(serde_json::to_string(&document).unwrap())
    });
    let last = cursor_text(EventId { height, index: u32::MAX });
    let end = Frame::default().event("height").id(last).data(serde_json::json!({ "height": height }).to_string());
    let frames: Vec<Result<Frame, Infallible>> = frames.chain([end]).map(Ok).collect();
    Sse::new(futures::stream::iter(frames)).into_response()
}
