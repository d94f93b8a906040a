//! A TLD chain that a test makes up: blocks with real certificates and state proofs, and a node that tells of them.

#[path = "../../../types/tests/made_up/mod.rs"]
mod chain;

use althing_api::{
    ApiError, ErrorCode,
    model::{
        EventDocument, EventPage, HeaderDocument, HeaderList, HexBytes, StateBatch, StateBatchRequest, StateEntry,
        cursor_text, parse_cursor,
    },
};
use althing_interface::{
    layout::registrations as keys,
    registrations::{
        self, Action, ApexChanged, Counts, DomainChanged, HostChanged, Settings, TldZone, apex_image, domain_image,
        host_image,
    },
    zone::Record,
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

use chain::Tree;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Whether the node tells of a block's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Truly,
    Not,
}

/// What the node tells that is not so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lies {
    /// Domains have one more octet than they have.
    pub value: bool,
    /// This domain is in no list.
    pub hidden: Option<DomainName>,
}

struct Inner {
    tld: DomainName,
    zone: TldZone,
    /// State and events of each height from 1.
    blocks: Vec<(Entries, Vec<Event>)>,
    lies: Lies,
    next: Option<TldZone>,
}

/// The chain and its node.
pub(crate) struct Node(Mutex<Inner>);

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}
fn organisation() -> OrganisationId {
    OrganisationId::new("registry-1").unwrap()
}
fn list() -> AuthorityList {
    let authority = Authority { node: NodeId::from(key().public()), organisation: organisation() };
    AuthorityList::new(vec![authority], Threshold::TwoThirds).unwrap()
}
fn contract() -> ContractId {
    ContractId::new(registrations::ID).unwrap()
}

fn entries(zone: &TldZone, changed: u64) -> Entries {
    let own = |key: Vec<u8>| storage(&contract(), &key);
    let mut out = Entries::new();
    out.extend(zone.apex.iter().map(|apex| (own(keys::apex_key()), encode(apex))));
    out.extend(zone.domains.iter().map(|(name, domain)| (own(keys::domain_key(name)), encode(domain))));
    out.extend(zone.hosts.iter().map(|(name, host)| (own(keys::host_key(name)), encode(host))));
    out.insert(own(keys::settings_key()), encode(&Settings::default()));
    let small = |count: usize| u32::try_from(count).unwrap();
    let records = zone.domains.values().map(|d| d.ns.len() + d.ds.len()).sum::<usize>()
        + zone.hosts.values().map(|h| h.v4.len() + h.v6.len()).sum::<usize>();
    let counts = Counts {
        domains: small(zone.domains.len()),
        published: small(zone.domains.values().filter(|d| d.published()).count()),
        hosts: small(zone.hosts.len()),
        records: small(records),
        changed: Height(changed),
        ..Counts::default()
    };
    out.insert(own(keys::counts_key()), encode(&counts));
    out
}

fn event<E: Described>(event: &E) -> Event {
    Event {
        contract: contract(),
        name: Text::new(E::SCHEMA.name).unwrap(),
        topic: Bytes::new(event.topic()).unwrap(),
        data: Bytes::new(event.data()).unwrap(),
    }
}

/// The events of a change from one zone to another.
fn events(before: &TldZone, after: &TldZone) -> Vec<Event> {
    let mut out = Vec::new();
    let domains: BTreeSet<&DomainName> = before.domains.keys().chain(after.domains.keys()).collect();
    for name in domains.into_iter().filter(|name| before.domains.get(name) != after.domains.get(name)) {
        out.push(event(&DomainChanged {
            name: name.clone(),
            action: Action::Updated,
            sponsor: organisation(),
            published: after.domains.get(name).is_some_and(|d| d.published()),
            image: sha3_256(&domain_image(after.domains.get(name))),
        }));
    }
    let hosts: BTreeSet<&DomainName> = before.hosts.keys().chain(after.hosts.keys()).collect();
    for host in hosts.into_iter().filter(|host| before.hosts.get(host) != after.hosts.get(host)) {
        out.push(event(&HostChanged { host: host.clone(), image: sha3_256(&host_image(after.hosts.get(host))) }));
    }
    if before.apex != after.apex {
        out.push(event(&ApexChanged { from_root: false, image: sha3_256(&apex_image(after.apex.as_ref())) }));
    }
    out
}

impl Inner {
    fn tip(&self) -> u64 {
        self.blocks.len() as u64
    }
    fn state(&self, height: u64) -> Option<&Entries> {
        self.blocks.get(usize::try_from(height).ok()?.checked_sub(1)?).map(|block| &block.0)
    }
    fn push(&mut self, told: Told, after: TldZone) {
        let events = if told == Told::Truly { events(&self.zone, &after) } else { Vec::new() };
        let height = self.tip() + 1;
        self.blocks.push((entries(&after, height), events));
        self.zone = after;
    }
    fn genesis(&self) -> Genesis {
        let operator = key().public();
        let member = Organisation {
            id: organisation(),
            roles: BTreeSet::from([Role::Registry]),
            keys: List::new(vec![MemberKey::whole(operator)]).unwrap(),
        };
        Genesis {
            chain: ChainId::new("tld-lab").unwrap(),
            kind: ChainKind::Tld(Text::new(self.tld.as_str()).unwrap()),
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
    fn header(&self, height: u64) -> Option<Header> {
        Some(Header {
            version: HEADER_VERSION,
            chain: self.genesis().chain,
            height: Height(height),
            previous: if height == 1 { self.genesis().hash() } else { sha3_256(b"previous") },
            packer: NodeId([1; 32]),
            transactions_root: Hash::ZERO,
            state_root: Tree::new(self.state(height)?).root(),
            receipts_root: Hash::ZERO,
            authorities: list().hash(),
            next_authorities: list().hash(),
            timestamp_ms: height,
            instruction: NodeInstruction::None,
            previous_certificate: Hash::ZERO,
        })
    }
    fn after(&self, from: EventId) -> Vec<EventDocument> {
        let mut out = Vec::new();
        for (height, (_, events)) in (1u64..).zip(&self.blocks) {
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

impl Node {
    /// A chain without blocks.
    pub(crate) fn new(tld: DomainName) -> Arc<Self> {
        let (zone, lies) = (TldZone::default(), Lies::default());
        Arc::new(Self(Mutex::new(Inner { tld, zone, blocks: Vec::new(), lies, next: None })))
    }
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }
    /// Makes a block that changes the zone.
    pub(crate) fn block(&self, told: Told, change: impl FnOnce(&mut TldZone)) {
        let mut inner = self.lock();
        let mut after = inner.zone.clone();
        change(&mut after);
        inner.push(told, after);
    }
    /// Makes a block when keys are listed next.
    pub(crate) fn before_listing(&self, change: impl FnOnce(&mut TldZone)) {
        let mut inner = self.lock();
        let mut after = inner.zone.clone();
        change(&mut after);
        inner.next = Some(after);
    }
    /// Changes what the node tells.
    pub(crate) fn lie(&self, change: impl FnOnce(&mut Lies)) {
        change(&mut self.lock().lies);
    }
    pub(crate) fn genesis(&self) -> Genesis {
        self.lock().genesis()
    }
    /// The records of the zone as it is now.
    pub(crate) fn records(&self) -> Vec<Record> {
        let inner = self.lock();
        inner.zone.records(&inner.tld, &Settings::default())
    }
    /// Answers on a free port; gives the URL.
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

type Shared = State<Arc<Node>>;
type Arguments = Query<BTreeMap<String, String>>;

async fn status(State(node): Shared) -> Json<serde_json::Value> {
    let (zero, height) = (Hash::ZERO, node.lock().tip());
    Json(serde_json::json!({
        "chain_id": "tld-lab", "chain_kind": { "tld": "lab" }, "genesis_hash": zero, "height": height, "block_hash": zero,
        "state_root": zero, "block_time_ms": 0, "authorities": [], "peers": [], "node_id": zero, "is_authority": true,
        "member": true, "syncing": false, "highest_known": height, "pending_transactions": 0, "pending_bytes": 0,
        "oldest_state": 1, "version": "0",
    }))
}

async fn headers(State(node): Shared, Path(height): Path<u64>) -> Response {
    let Some(header) = node.lock().header(height) else {
        return (StatusCode::NOT_FOUND, Json(ApiError::new(ErrorCode::HeightAhead, "ahead"))).into_response();
    };
    let certificate = chain::certify(&header, Round(0), &[key()]);
    let document =
        HeaderDocument { hash: header.hash(), header, certificate, authorities: Some(list()), recovery: None };
    Json(HeaderList { headers: vec![document] }).into_response()
}

async fn batch(State(node): Shared, Json(request): Json<StateBatchRequest>) -> Json<StateBatch> {
    let inner = node.lock();
    let height = request.height.map_or(inner.tip(), |h| h.0);
    let state = inner.state(height).unwrap();
    let tree = Tree::new(state);
    let domains = storage(&contract(), &keys::domains_prefix());
    let entry = |HexBytes(key): HexBytes| {
        let mut value = state.get(&key).cloned();
        if let Some(value) = value.as_mut().filter(|_| inner.lies.value && key.starts_with(&domains)) {
            value.push(0);
        }
        StateEntry { proof: Some(tree.prove(&key)), value: value.map(HexBytes), key: HexBytes(key) }
    };
    Json(StateBatch { height: Height(height), entries: request.keys.into_iter().map(entry).collect(), next: None })
}

/// One key a page.
async fn scan(State(node): Shared, Query(arguments): Arguments) -> Json<StateBatch> {
    let mut inner = node.lock();
    if let Some(next) = inner.next.take() {
        inner.push(Told::Truly, next);
    }
    let prefix = hex::decode(&arguments["prefix"]).unwrap();
    let after = arguments.get("after").map(|a| hex::decode(a).unwrap());
    let hidden = inner.lies.hidden.as_ref().map(|name| storage(&contract(), &keys::domain_key(name)));
    let tip = inner.tip();
    let mut all = inner
        .state(tip)
        .unwrap()
        .keys()
        .filter(|k| k.starts_with(&prefix) && after.as_ref().is_none_or(|a| *k > a) && hidden.as_ref() != Some(*k));
    let first = all.next().cloned();
    let next = all.next().and(first.clone()).map(HexBytes);
    let entries = first.into_iter().map(|key| StateEntry { key: HexBytes(key), value: None, proof: None }).collect();
    Json(StateBatch { height: Height(tip), entries, next })
}

async fn told(State(node): Shared, headers: HeaderMap, Query(arguments): Arguments) -> Response {
    let inner = node.lock();
    let from = parse_cursor(&arguments["from"]).unwrap();
    let (events, height) = (inner.after(from), Height(inner.tip()));
    let end = EventId { height: height.next(), index: 0 };
    if !headers.get("accept").is_some_and(|accept| accept.to_str().unwrap().contains("text/event-stream")) {
        return Json(EventPage { events, next: cursor_text(from.max(end)), height }).into_response();
    }
    let frames = events.into_iter().map(|document| {
        let id = cursor_text(document.id);
        Frame::default().event("event").id(id).data(serde_json::to_string(&document).unwrap())
    });
    let last = EventId { height, index: u32::MAX };
    let told = Frame::default()
        .event("height")
        .id(cursor_text(last))
        .data(serde_json::json!({ "height": height }).to_string());
    let frames: Vec<Result<Frame, Infallible>> = frames.chain([told]).map(Ok).collect();
    Sse::new(futures::stream::iter(frames)).into_response()
}
