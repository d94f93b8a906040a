//! A made-up chain with real signatures and real state proofs, and a node of it, which tells the truth or not.

use althing_api::model::{GenesisDocument, HeaderDocument, HeaderList, StateBatch, StateBatchRequest, StateEntry};
use althing_interface::registrations;
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    block::{HEADER_VERSION, Header, NodeInstruction},
    certificate::{CertificateSignature, QuorumCertificate},
    codec::{List, encode},
    crypto::{NodeId, SecretKey, Signed},
    genesis::{ChainKind, FaultModel, Genesis, Parameters},
    hash::{Hash, sha3_256},
    id::{ChainId, ContractId, Height, OrganisationId, Round},
    keyspace::{key_hash, storage},
    organisation::{MemberKey, Organisation, Role},
    proof::{ProofLeaf, StateProof},
    vote::{Vote, VoteKind},
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

/// The tree of `althing_types::proof`, built the plain way.
struct Tree(Vec<ProofLeaf>);

impl Tree {
    fn new(state: &Entries) -> Self {
        let leaf = |(k, v): (&Vec<u8>, &Vec<u8>)| ProofLeaf { key: key_hash(k), value: sha3_256(v) };
        let mut leaves: Vec<_> = state.iter().map(leaf).collect();
        leaves.sort_by_key(|leaf| leaf.key);
        Self(leaves)
    }
    fn bit(hash: &Hash, depth: usize) -> bool {
        hash.0[depth / 8] >> (7 - depth % 8) & 1 == 1
    }
    fn split(leaves: &[ProofLeaf], depth: usize) -> (&[ProofLeaf], &[ProofLeaf]) {
        leaves.split_at(leaves.partition_point(|leaf| !Self::bit(&leaf.key, depth)))
    }
    fn node(leaves: &[ProofLeaf], depth: usize) -> Hash {
        let combine = |tag: &[u8], left: &Hash, right: &Hash| sha3_256(&[tag, &left.0, &right.0].concat());
        match leaves {
            [] => Hash(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__"),
            [one] => combine(b"JMT::LeafNode", &one.key, &one.value),
            many => {
                let (left, right) = Self::split(many, depth);
                combine(b"JMT::IntrnalNode", &Self::node(left, depth + 1), &Self::node(right, depth + 1))
            }
        }
    }
    fn prove(&self, key: &[u8]) -> StateProof {
        let (wanted, mut leaves, mut siblings) = (key_hash(key), self.0.as_slice(), Vec::new());
        while leaves.len() > 1 {
            let depth = siblings.len();
            let (left, right) = Self::split(leaves, depth);
            let (mine, other) = if Self::bit(&wanted, depth) { (right, left) } else { (left, right) };
            siblings.push(Self::node(other, depth + 1));
            leaves = mine;
        }
        siblings.reverse();
        StateProof { leaf: leaves.first().copied(), siblings: List::new(siblings).unwrap() }
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
        state_root: Tree::node(&Tree::new(&ledger.state(height)).0, 0),
        receipts_root: Hash::ZERO,
        authorities: authorities.hash(),
        next_authorities: authorities.hash(),
        timestamp_ms: height * 1_000,
        instruction: NodeInstruction::None,
        previous_certificate: Hash::ZERO,
    };
    let sign = |key: &SecretKey| {
        let (voter, block) = (NodeId::from(key.public()), Some(header.hash()));
        let kind = VoteKind::Precommit;
        let vote = Vote { chain: header.chain.clone(), height: header.height, round: Round(0), kind, block, voter };
        CertificateSignature { voter, signature: Signed::sign(vote, key).signature }
    };
    let certificate = QuorumCertificate {
        chain: header.chain.clone(),
        height: header.height,
        round: Round(0),
        block: header.hash(),
        signatures: List::new(keys().iter().take(3).map(sign).collect()).unwrap(),
    };
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
