//! A chain with the contract, the contract whose records it changes, and made-up blocks.

use crate::{
    made_up::{Tree, certify},
    stub::Stub,
};
use althing_interface::{
    domain_records::{self, Delegation},
    root_sync::{self, Init, PeerSeed, Side, TldImage},
};
use althing_root_sync::RootSync;
use althing_sdk::testing::{Deployed, Entry, Net, Org};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    block::{HEADER_VERSION, Header, NodeInstruction},
    certificate::QuorumCertificate,
    codec::{List, encode},
    crypto::{NodeId, SecretKey},
    genesis::{ChainKind, FaultModel, Genesis, Parameters},
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId, Round},
    keyspace,
    name::DomainName,
    organisation::{MemberKey, Organisation, Role},
    receipt::{Receipt, Status},
    transaction::{Content, SignedTransaction},
};
use std::collections::BTreeMap;

const COUNCIL: Org = Org::new("council", &[Role::Governance]);
const CARRIER: Org = Org::new("carrier", &[]);

fn keys(set: u8) -> Vec<SecretKey> {
    let mut keys: Vec<SecretKey> = (0..4).map(|i| SecretKey::from_seed(&[set * 8 + i + 1; 32])).collect();
    keys.sort_by_key(SecretKey::public);
    keys
}

fn authorities(set: u8) -> AuthorityList {
    let organisation = OrganisationId::new("registry-1").unwrap();
    let member = |key: &SecretKey| Authority { node: NodeId::from(key.public()), organisation: organisation.clone() };
    AuthorityList::new(keys(set).iter().map(member).collect(), Threshold::TwoThirds).unwrap()
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

/// An image that the number tells from others.
pub fn image(number: u8) -> TldImage {
    let ns = List::new(vec![name("ns.lab")]).unwrap();
    let delegation = Delegation { ns, ns_ttl: 100 + u32::from(number), ds: List::default(), ds_ttl: 0 };
    TldImage { delegation: Some(delegation), hosts: List::default() }
}

fn genesis(chain: &str, set: u8) -> Genesis {
    let operator = SecretKey::from_seed(&[77; 32]).public();
    let organisation = Organisation {
        id: OrganisationId::new("registry-1").unwrap(),
        roles: [Role::Registry].into(),
        keys: List::new(vec![MemberKey::whole(operator)]).unwrap(),
    };
    Genesis {
        chain: ChainId::new(chain).unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: 0,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(authorities(set).members().to_vec()).unwrap(),
        organisations: List::new(vec![organisation]).unwrap(),
        operator: Some(operator),
        governance: None,
        contracts: List::default(),
        parameters: Parameters::default(),
    }
}

/// A decided block.
pub struct Block {
    pub header: Header,
    pub certificate: QuorumCertificate,
    pub list: AuthorityList,
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What there is on one chain. Lives in a thread of its own.
pub struct World {
    net: Net,
    sync: Deployed<RootSync>,
    records: Deployed<Stub>,
    peer: ChainId,
    genesis: Genesis,
    pub blocks: Vec<Block>,
    set: u8,
    next: u8,
}

/// Makes a world in the thread that it will live in.
pub type Maker = Box<dyn FnOnce() -> World + Send>;

impl World {
    /// The root chain and the chain of the TLD `lab`.
    pub fn pair() -> [(Genesis, Maker); 2] {
        let one = |id: &'static str, set: u8, peer: &'static str, peer_set: u8, side: Side| {
            let genesis = genesis(id, set);
            let own = genesis.clone();
            let make: Maker = Box::new(move || Self::new(own, set, peer, peer_set, side));
            (genesis, make)
        };
        [one("althing-root", 0, "tld-lab", 1, Side::Tld), one("tld-lab", 1, "althing-root", 0, Side::Root)]
    }

    fn new(genesis: Genesis, set: u8, peer: &str, peer_set: u8, side: Side) -> Self {
        let net = Net::native().named(genesis.chain.as_str());
        let seed = seed(peer, peer_set, side);
        let init = Init { peers: List::new(vec![seed]).unwrap() };
        let sync = net.deploy_with::<RootSync>(COUNCIL, root_sync::ID, &(init,));
        let records = if side == Side::Tld { domain_records::ID } else { "registrations" };
        let records = net.deploy_with::<Stub>(COUNCIL, records, &());
        let peer = ChainId::new(peer).unwrap();
        let mut world = Self { net, sync, records, peer, genesis, blocks: Vec::new(), set, next: set };
        world.decide();
        world
    }

    /// Decides a block with the present state.
    pub fn decide(&mut self) {
        self.net.pass(1_000);
        let contract = ContractId::new(root_sync::ID).unwrap();
        let own = self.sync.state().into_iter();
        let mut state: BTreeMap<Vec<u8>, Vec<u8>> =
            own.map(|(key, value)| (keyspace::storage(&contract, &key), value)).collect();
        let (list, next) = (authorities(self.set), authorities(self.next));
        state.insert(keyspace::authorities(), encode(&next));
        let previous = self.blocks.last().map_or_else(|| self.genesis.hash(), |block| block.header.hash());
        let header = Header {
            version: HEADER_VERSION,
            chain: self.genesis.chain.clone(),
            height: Height(self.blocks.len() as u64 + 1),
            previous,
            packer: NodeId([9; 32]),
            transactions_root: Hash::ZERO,
            state_root: Tree::new(&state).root(),
            receipts_root: Hash::ZERO,
            authorities: list.hash(),
            next_authorities: next.hash(),
            timestamp_ms: self.net.time_ms(),
            instruction: NodeInstruction::None,
            previous_certificate: Hash::ZERO,
        };
        let certificate = certify(&header, Round(0), &keys(self.set)[..3]);
        self.blocks.push(Block { header, certificate, list, state });
        self.set = self.next;
    }

    /// Runs one transaction in a block of its own.
    pub fn execute(&mut self, transaction: &SignedTransaction) -> Receipt {
        let Content::Call { contract, method, arguments } = &transaction.value.content else { panic!("no call") };
        assert_eq!(contract.as_str(), root_sync::ID);
        let (status, result) = match self.sync.by(CARRIER).raw(Entry::Call(method.as_str()), arguments).result {
            Ok(result) => (Status::Succeeded, result),
            Err(failure) => (Status::Failed(failure), Vec::new()),
        };
        self.decide();
        Receipt {
            transaction: transaction.value.hash(),
            status,
            fuel_used: 1,
            result: althing_types::codec::Bytes::new(result).unwrap(),
            events: List::default(),
        }
    }

    pub fn change(&mut self, number: u8) {
        self.records.by(COUNCIL).change(name("lab"), image(number)).ok();
        self.decide();
    }
    pub fn change_authorities(&mut self, set: u8) {
        self.next = set;
    }
    pub fn tell_much(&mut self) {
        self.records.by(COUNCIL).tell_much().ok();
    }
    pub fn image(&self) -> Option<TldImage> {
        self.records.by(COUNCIL).image(name("lab")).ok()
    }
    pub fn refusals(&self) -> usize {
        self.sync.by(COUNCIL).refusals(self.peer.clone(), None).ok().len()
    }
    pub fn trust_another_list(&mut self) {
        self.sync.by(COUNCIL).trust(seed("tld-lab", 7, Side::Tld)).ok();
        self.decide();
    }
    pub fn distrust(&mut self) {
        self.sync.by(COUNCIL).distrust(self.peer.clone()).ok();
        self.decide();
    }
}

fn seed(chain: &str, set: u8, side: Side) -> PeerSeed {
    let (chain, list) = (ChainId::new(chain).unwrap(), authorities(set));
    PeerSeed { chain, tld: name("lab"), side, list, since: Height(1) }
}
