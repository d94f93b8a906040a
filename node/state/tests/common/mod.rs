//! A small chain over any store: makes blocks that belong together, without consensus.
#![allow(dead_code, reason = "each test file uses its own part")]

use althing_state::{Commit, Storage, StoreError, Writes};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    block::{Block, HEADER_VERSION, Header, NodeInstruction},
    certificate::QuorumCertificate,
    codec::{Bytes, List, Text},
    crypto::{NodeId, PublicKey, Signature},
    event::Event,
    genesis::{ChainKind, FaultModel, Genesis, Parameters},
    hash::{Hash, sha3_256},
    id::{ChainId, ContractId, Height, OrganisationId, Round, Sequence},
    merkle,
    receipt::{Receipt, Status},
    transaction::{Attributes, Content, Operation, SignedTransaction, TRANSACTION_VERSION, Transaction},
};

pub(crate) fn genesis(name: &str) -> Genesis {
    let organisation = OrganisationId::new("org").unwrap();
    let authorities = (1..=4u8).map(|n| Authority { node: NodeId([n; 32]), organisation: organisation.clone() });
    Genesis {
        chain: ChainId::new(name).unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: 1_700_000_000_000,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(authorities.collect()).unwrap(),
        organisations: List::default(),
        operator: Some(PublicKey([9; 32])),
        governance: None,
        contracts: List::default(),
        parameters: Parameters::default(),
    }
}

pub(crate) fn list() -> AuthorityList {
    genesis("x").authority_list().unwrap()
}

pub(crate) fn transaction(number: u64) -> SignedTransaction {
    let value = Transaction {
        version: TRANSACTION_VERSION,
        chain: ChainId::new("test").unwrap(),
        attributes: Attributes::Root,
        operation: Operation::Call,
        content: Content::Call {
            contract: ContractId::new("c").unwrap(),
            method: Text::new("m").unwrap(),
            arguments: Bytes::new(vec![1; 100]).unwrap(),
        },
        postscript: Text::default(),
        operator: PublicKey([3; 32]),
        sequence: Sequence(number),
        timestamp_ms: 5,
        expiry: Height(1_000_000),
        fuel_limit: 1_000_000,
    };
    SignedTransaction { value, signature: Signature([0; 64]) }
}

pub(crate) fn receipt(hash: Hash, events: usize) -> Receipt {
    let event = |n: usize| Event {
        contract: ContractId::new("c").unwrap(),
        name: Text::new("happened").unwrap(),
        topic: Bytes::new(vec![n as u8]).unwrap(),
        data: Bytes::new(hash.0.to_vec()).unwrap(),
    };
    Receipt {
        transaction: hash,
        status: Status::Succeeded,
        fuel_used: 7,
        result: Bytes::default(),
        events: List::new((0..events).map(event).collect()).unwrap(),
    }
}

/// A block that follows the store's tip, with its certificate and receipts.
pub(crate) fn next_block(
    store: &dyn Storage,
    root: Hash,
    transactions: u64,
) -> (Block, QuorumCertificate, Vec<Receipt>) {
    let tip = store.tip().unwrap().unwrap();
    let height = tip.height.next();
    let transactions: Vec<_> = (0..transactions).map(|n| transaction(height.0 * 1000 + n)).collect();
    let hashes: Vec<_> = transactions.iter().map(|t| t.value.hash()).collect();
    let receipts: Vec<_> = hashes.iter().zip(0..).map(|(hash, n)| receipt(*hash, n % 3)).collect();
    let header = Header {
        version: HEADER_VERSION,
        chain: ChainId::new("test").unwrap(),
        height,
        previous: tip.block,
        packer: NodeId([1; 32]),
        transactions_root: merkle::root(&hashes),
        state_root: root,
        receipts_root: Hash::ZERO,
        authorities: list().hash(),
        next_authorities: list().hash(),
        timestamp_ms: 1_700_000_000_000 + height.0,
        instruction: NodeInstruction::None,
        previous_certificate: Hash::ZERO,
    };
    let certificate = QuorumCertificate {
        chain: header.chain.clone(),
        height,
        round: Round(0),
        block: header.hash(),
        signatures: List::default(),
    };
    (
        Block { header, previous: None, recovery: None, transactions: List::new(transactions).unwrap() },
        certificate,
        receipts,
    )
}

/// Commits a block with these writes and so many transactions; returns its state root.
pub(crate) fn try_commit(store: &dyn Storage, writes: &Writes, transactions: u64) -> Result<Hash, StoreError> {
    let height = store.tip()?.unwrap().height.next();
    let staged = store.stage(height, writes)?;
    let root = staged.root;
    let (block, certificate, receipts) = next_block(store, root, transactions);
    let next_authorities = &list();
    let commit =
        Commit { block: &block, certificate: &certificate, receipts: &receipts, next_authorities, staged, writes };
    store.commit(commit).map(|()| root)
}

pub(crate) fn commit(store: &dyn Storage, writes: &Writes, transactions: u64) -> Hash {
    try_commit(store, writes, transactions).unwrap()
}

/// `count` writes that depend on the number of the block only.
pub(crate) fn some_writes(block: u64, count: u64) -> Writes {
    let write = |n: u64| {
        let key = sha3_256(&((block * 7 + n * 13) % 97).to_le_bytes()).0[..12].to_vec();
        (key, (!(block + n).is_multiple_of(5)).then(|| (block * 1000 + n).to_le_bytes().to_vec()))
    };
    (0..count).map(write).collect()
}

pub(crate) fn key(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

pub(crate) fn put(pairs: &[(&str, &str)]) -> Writes {
    pairs.iter().map(|(k, v)| (key(k), (!v.is_empty()).then(|| key(v)))).collect()
}
