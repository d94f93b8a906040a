//! Tests of the contract: two chains that run it, with made-up consensus: real keys, real certificates, real state proofs
//! over what the contract really wrote.

mod flow;
mod history;
mod hostile;
#[path = "../../../../node/types/tests/made_up/mod.rs"]
mod made_up;
mod real;
mod stub;
mod votes;

use crate::RootSync;
use althing_interface::{
    domain_records::{self, Delegation, Host, HostEntry},
    layout,
    root_sync::{
        self, Init, Peer, PeerSeed, RefusalRecord, Side, TldImage, Verdict,
        delivery::{Delivery, Progress, ProvenCursor, ProvenMessage, RefusalCode, Taken},
    },
};
use althing_sdk::{
    prelude::*,
    testing::{Deployed, Net, Org},
    types::{
        authority::{Authority, AuthorityList, Threshold},
        block::{HEADER_VERSION, Header, NodeInstruction},
        certificate::QuorumCertificate,
        codec::encode,
        crypto::{NodeId, SecretKey},
        id::{ChainId, Round},
        keyspace,
    },
    wire::borsh::BorshDeserialize,
};
use made_up::Tree;
use std::{cell::RefCell, collections::BTreeMap, ops::RangeInclusive};
use stub::Stub;

const COUNCIL: Org = Org::new("council", &[Role::Governance]);
const REGISTRY: Org = Org::new("registry-1", &[Role::Registry, Role::Operator]);
/// Carries, and is trusted by nobody.
const CARRIER: Org = Org::new("carrier", &[]);

/// No message.
const NONE: RangeInclusive<u64> = RangeInclusive::new(1, 0);

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn list<T, const MAX: usize>(values: Vec<T>) -> List<T, MAX> {
    List::new(values).ok().unwrap()
}

fn chain_id(text: &str) -> ChainId {
    ChainId::new(text).unwrap()
}

/// Keys of four authorities.
fn keys(set: u8) -> Vec<SecretKey> {
    let mut keys: Vec<SecretKey> = (0..4).map(|i| SecretKey::from_seed(&[set * 8 + i + 1; 32])).collect();
    keys.sort_by_key(SecretKey::public);
    keys
}

fn authorities(set: u8) -> AuthorityList {
    let member = |key: &SecretKey| Authority { node: NodeId::from(key.public()), organisation: REGISTRY.id() };
    AuthorityList::new(keys(set).iter().map(member).collect(), Threshold::TwoThirds).unwrap()
}

/// An image that the number tells from others.
fn image(number: u8) -> TldImage {
    let host = Host { v4: list(vec![format!("192.0.2.{number}").parse().unwrap()]), a_ttl: 60, ..empty_host() };
    TldImage {
        delegation: Some(Delegation {
            ns: list(vec![name("ns.lab")]),
            ns_ttl: 172_800 + u32::from(number),
            ds: List::default(),
            ds_ttl: 0,
        }),
        hosts: list(vec![HostEntry { name: name("ns.lab"), host }]),
    }
}

fn empty_host() -> Host {
    Host { v4: List::default(), a_ttl: 0, v6: List::default(), aaaa_ttl: 0 }
}

/// Signs a header with the first keys of a set.
fn certify(header: &Header, set: u8, signers: usize) -> QuorumCertificate {
    made_up::certify(header, Round(0), &keys(set)[..signers])
}

/// A chain: the contract on its machine, the contract whose records it changes, and who decides blocks.
struct Chain {
    id: ChainId,
    net: Net,
    sync: Deployed<RootSync>,
    records: Deployed<Stub>,
    /// Authorities of this height and of the next one.
    sets: RefCell<(u8, u8)>,
}

/// A decided block: its header, and what was in the state.
struct Block {
    header: Header,
    set: u8,
    next: u8,
    state: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Chain {
    /// A chain with one peer. A contract of this id stands for those that keep records.
    fn new(id: &str, peer: PeerSeed, set: u8, stub: &str) -> Self {
        let net = Net::native().named(id);
        let init = Init { peers: list(vec![peer]) };
        let sync = net.deploy_with::<RootSync>(COUNCIL, root_sync::ID, &(init,));
        let records = net.deploy_with::<Stub>(COUNCIL, stub, &());
        Self { id: chain_id(id), net, sync, records, sets: RefCell::new((set, set)) }
    }

    /// Decides a block with the present state.
    fn decide(&self) -> Block {
        self.net.pass(1_000);
        let contract = ContractId::new(root_sync::ID).unwrap();
        let state = self.sync.state();
        let state = state.into_iter().map(|(key, value)| (keyspace::storage(&contract, &key), value)).collect();
        let mut sets = self.sets.borrow_mut();
        let (set, next) = *sets;
        sets.0 = next;
        let header = Header {
            version: HEADER_VERSION,
            chain: self.id.clone(),
            height: self.net.height(),
            previous: Hash([1; 32]),
            packer: NodeId([9; 32]),
            transactions_root: Hash::ZERO,
            state_root: Tree::new(&state).root(),
            receipts_root: Hash::ZERO,
            authorities: authorities(set).hash(),
            next_authorities: authorities(next).hash(),
            timestamp_ms: self.net.time_ms(),
            instruction: NodeInstruction::None,
            previous_certificate: Hash::ZERO,
        };
        Block { header, set, next, state }
    }

    fn peer(&self, of: &Self) -> Peer {
        self.sync.by(CARRIER).peer(of.id.clone()).ok().unwrap()
    }

    fn received(&self, from: &Self) -> u64 {
        self.sync.by(CARRIER).received(from.id.clone()).ok()
    }

    fn deliver(&self, from: &Self, delivery: &Delivery) -> Taken {
        self.deliver_bytes(&from.id, encode(delivery))
    }

    fn deliver_bytes(&self, from: &ChainId, bytes: Vec<u8>) -> Taken {
        self.net.pass(1);
        let taken = self.sync.by(CARRIER).deliver(from.clone(), Bytes::new(bytes).unwrap()).ok();
        assert!(self.sync.by(CARRIER).outboxes_hold_what_is_not_acknowledged().ok());
        taken
    }

    fn image(&self) -> Option<TldImage> {
        self.records.by(CARRIER).image(name("lab")).ok()
    }

    fn refusals(&self, of: &ChainId) -> Vec<RefusalRecord> {
        self.sync.by(CARRIER).refusals(of.clone(), None).ok().into_vec()
    }

    /// Changes the TLD here; the number of the message.
    fn change(&self, number: u8) -> Option<u64> {
        self.net.pass(1);
        self.records.by(REGISTRY).change(name("lab"), image(number)).ok()
    }
}

impl Block {
    /// A delivery of the messages with these numbers to a chain, with all else that can be proven.
    fn delivery(&self, to: &ChainId, messages: RangeInclusive<u64>) -> Delivery {
        let contract = ContractId::new(root_sync::ID).unwrap();
        let tree = Tree::new(&self.state);
        let prove = |key: &[u8]| {
            let key = keyspace::storage(&contract, key);
            (self.state.get(&key).cloned(), tree.prove(&key))
        };
        let end = messages.end() + 1;
        let proven = messages.map(|sequence| {
            let (value, proof) = prove(&layout::outbox_key(to, sequence));
            ProvenMessage { message: Bytes::new(value.expect("a message")).unwrap(), proof }
        });
        let messages = list(proven.collect());
        let (beyond, end) = prove(&layout::outbox_key(to, end));
        let (cursor, proof) = prove(&layout::received_key(to));
        let received = cursor.map(|value| u64::try_from_slice(&value).unwrap());
        Delivery {
            header: self.header.clone(),
            certificate: certify(&self.header, self.set, 3),
            next_list: (self.set != self.next).then(|| authorities(self.next)),
            messages,
            end: beyond.is_none().then_some(end),
            acknowledged: received.map(|received| ProvenCursor { received, proof }),
        }
    }
}

/// The root chain and the chain of the TLD `lab`.
fn pair() -> (Chain, Chain) {
    pair_with([domain_records::ID, crate::outbox::REGISTRATIONS])
}

fn pair_with(stubs: [&str; 2]) -> (Chain, Chain) {
    let seed = |chain: &str, side, set| PeerSeed {
        chain: chain_id(chain),
        tld: name("lab"),
        side,
        list: authorities(set),
        since: Height(1),
    };
    let root = Chain::new("althing-root", seed("tld-lab", Side::Tld, 1), 0, stubs[0]);
    let tld = Chain::new("tld-lab", seed("althing-root", Side::Root, 0), 1, stubs[1]);
    (root, tld)
}

/// Carries everything that is due from one chain to the other; what became of it.
fn carry(from: &Chain, to: &Chain) -> Progress {
    let block = from.decide();
    let first = to.received(from) + 1;
    let sent = from.peer(to).sent;
    match to.deliver(from, &block.delivery(&to.id, first..=sent)) {
        Taken::Accepted(progress) => progress,
        Taken::Refused(code) => panic!("{code:?}: {:?}", to.refusals(&from.id).last()),
    }
}

/// The delivery is refused with this code, recorded, and changes nothing but the record.
#[track_caller]
fn refused(from: &Chain, to: &Chain, delivery: &Delivery, code: RefusalCode) {
    refused_bytes(from, to, encode(delivery), code);
}

#[track_caller]
fn refused_bytes(from: &Chain, to: &Chain, bytes: Vec<u8>, code: RefusalCode) {
    let kept = |chain: &Chain| {
        let mut state = chain.sync.state();
        state.retain(|key, _| !matches!(key[0], layout::root_sync::PEERS | layout::root_sync::REFUSALS));
        (state, chain.image(), Peer { refusals: 0, ..chain.peer(from) })
    };
    let before = kept(to);
    assert_eq!(to.deliver_bytes(&from.id, bytes), Taken::Refused(code), "{:?}", to.refusals(&from.id).last());
    assert!(kept(to) == before, "a refused delivery changed the state");
    let last = to.refusals(&from.id).pop().unwrap();
    assert_eq!((last.code, last.by), (code, CARRIER.id()));
}
