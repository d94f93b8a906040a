//! A made-up chain with real signatures and real state proofs, and a node of it, which tells the truth or not.

use crate::made_up::{Tree, certify};
use althing_api::model::{GenesisDocument, HeaderDocument, HeaderList, StateBatch, StateBatchRequest, StateEntry};
use althing_interface::registrations;
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    block::{HEADER_VERSION, Header, NodeInstruction},
    codec::{List, encode},
    crypto::{NodeId, SecretKey},
    genesis::{ChainKind, FaultModel, Genesis, Parameters},
    hash::{Hash, sha3_256},
    id::{ChainId, ContractId, Height, OrganisationId, Round},
    keyspace::storage,
    organisation::{MemberKey, Organisation, Role},
};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    routing::{get, post},
};
use borsh::BorshSerialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a node of the chain does with an entry on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Honesty {
    Honest,
    /// Says that nothing is there.
    Hides,
    /// Says something else.
    Forges,
}

/// A chain whose every change is a block.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    blocks: Arc<Mutex<Vec<Entries>>>,
    /// What the node does.
    pub(crate) honesty: Arc<Mutex<Honesty>>,
    /// Height that the node takes for the tip; 0: the last block.
    pub(crate) tip: Arc<Mutex<u64>>,
}

fn keys() -> Vec<SecretKey> {
    let mut keys: Vec<SecretKey> = (1..5u8).map(|i| SecretKey::from_seed(&[i; 32])).collect();
    keys.sort_by_key(SecretKey::public);
    keys
}

fn authorities() -> AuthorityList {
    let organisation = OrganisationId::new("registry-one").unwrap();
    let member = |k: &SecretKey| Authority { node: NodeId::from(k.public()), organisation: organisation.clone() };
    AuthorityList::new(keys().iter().map(member).collect(), Threshold::TwoThirds).unwrap()
}

pub(crate) fn genesis() -> Genesis {
    let operator = SecretKey::from_seed(&[99; 32]).public();
    let organisation = Organisation {
        id: OrganisationId::new("registry-one").unwrap(),
        roles: BTreeSet::from([Role::Registry]),
        keys: List::new(vec![MemberKey::whole(operator)]).unwrap(),
    };
    Genesis {
        chain: ChainId::new("lab-chain").unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: 0,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(authorities().members().to_vec()).unwrap(),
        organisations: List::new(vec![organisation]).unwrap(),
        operator: Some(operator),
        governance: None,
        contracts: List::default(),
        parameters: Parameters::default(),
    }
}

impl Ledger {
    /// A chain with one empty block, and the URL of its node.
    pub(crate) async fn start() -> (Self, String) {
        let ledger = Self {
            blocks: Arc::new(Mutex::new(vec![Entries::new()])),
            honesty: Arc::new(Mutex::new(Honesty::Honest)),
            tip: Arc::default(),
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/v1/genesis", get(async || Json(GenesisDocument { hash: genesis().hash(), genesis: genesis() })))
            .route("/v1/headers/{height}", get(header))
            .route("/v1/state/batch", post(batch))
            .route("/v1/state", get(scan))
            .with_state(ledger.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (ledger, url)
    }

    /// A block that sets an entry of contract `registrations`, or deletes it.
    pub(crate) fn set<T: BorshSerialize>(&self, own: &[u8], value: Option<&T>) {
        let key = key(own);
        let mut blocks = self.blocks.lock().unwrap();
        let mut state = blocks.last().unwrap().clone();
        match value {
            Some(value) => state.insert(key, encode(value)),
            None => state.remove(&key),
        };
        blocks.push(state);
    }

    /// The last block's height.
    pub(crate) fn height(&self) -> u64 {
        self.blocks.lock().unwrap().len() as u64
    }

    fn told(&self) -> u64 {
        match *self.tip.lock().unwrap() {
            0 => self.height(),
            tip => tip,
        }
    }

    fn state(&self, height: u64) -> Entries {
        self.blocks.lock().unwrap()[usize::try_from(height).unwrap() - 1].clone()
    }
}

/// The key of an entry of contract `registrations`.
pub(crate) fn key(own: &[u8]) -> Vec<u8> {
    storage(&ContractId::new(registrations::ID).unwrap(), own)
}

async fn header(State(ledger): State<Ledger>, Path(height): Path<u64>) -> Json<HeaderList> {
    let authorities = authorities();
    let header = Header {
        version: HEADER_VERSION,
        chain: genesis().chain,
        height: Height(height),
        previous: if height == 1 { genesis().hash() } else { sha3_256(b"previous") },
        packer: NodeId([10; 32]),
        transactions_root: Hash::ZERO,
        state_root: Tree::new(&ledger.state(height)).root(),
        receipts_root: Hash::ZERO,
        authorities: authorities.hash(),
        next_authorities: authorities.hash(),
        timestamp_ms: height * 1_000,
        instruction: NodeInstruction::None,
        previous_certificate: Hash::ZERO,
    };
    let certificate = certify(&header, Round(0), &keys()[..3]);
    let hash = header.hash();
    let authorities = Some(authorities);
    Json(HeaderList { headers: vec![HeaderDocument { hash, header, certificate, authorities, recovery: None }] })
}

async fn batch(State(ledger): State<Ledger>, Json(request): Json<StateBatchRequest>) -> Json<StateBatch> {
    let height = request.height.map_or_else(|| ledger.told(), |height| height.0);
    let (state, honesty) = (ledger.state(height), *ledger.honesty.lock().unwrap());
    let tree = Tree::new(&state);
    let entry = |key: Vec<u8>| {
        let value = match (state.get(&key).cloned(), honesty) {
            (_, Honesty::Hides) => None,
            (Some(mut value), Honesty::Forges) => {
                value.push(1);
                Some(value)
            }
            (value, _) => value,
        };
        StateEntry { proof: Some(tree.prove(&key)), value: value.map(Into::into), key: key.into() }
    };
    let entries = request.keys.into_iter().map(|key| entry(key.0)).collect();
    Json(StateBatch { height: Height(height), entries, next: None })
}

async fn scan(State(ledger): State<Ledger>, Query(query): Query<BTreeMap<String, String>>) -> Json<StateBatch> {
    let (height, prefix) = (ledger.told(), hex::decode(&query["prefix"]).unwrap());
    let limit: usize = query["limit"].parse().unwrap();
    let keys = ledger.state(height).into_keys().filter(|key| key.starts_with(&prefix)).take(limit);
    let entries = keys.map(|key| StateEntry { key: key.into(), value: None, proof: None }).collect();
    Json(StateBatch { height: Height(height), entries, next: None })
}
