//! What a simulated chain starts with, and the changes of its lists that its governing contract makes.

use althing_abi::{
    Abi,
    schema::{ABI_VERSION, Method, MethodKind, Type},
};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    codec::{self, Bytes, List, Text},
    crypto::{SecretKey, Signed},
    genesis::{ChainKind, FaultModel, Genesis, GenesisContract, Parameters},
    govern::{GenesisGovernance, GovernanceSettings, MemberList, MemberNode, Standing, SystemChange},
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId, Sequence},
    keyspace,
    organisation::{MemberKey, Organisation, Role},
    transaction::{Attributes, Content, Operation, TRANSACTION_VERSION, Transaction},
};
use std::{collections::BTreeSet, fmt::Write};

pub(crate) const START_MS: u64 = 1_700_000_000_000;

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// Who is a member and who of them decides, from a height on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) height: u64,
    pub(crate) members: BTreeSet<usize>,
    pub(crate) authorities: Vec<usize>,
}

/// Nodes of a chain whose lists change.
pub(crate) const CHANGING: usize = 5;

/// The changes of a seed: from one authority over two to four, then lists that shrink, grow and rotate, with a node
/// removed now and then; in the end everybody is a member and node 0 decides no more. Node 0 is always a member, and
/// everybody has its address.
pub(crate) fn schedule(seed: u64) -> Vec<Step> {
    let mut random = Random(seed ^ 0x11_57);
    let all: BTreeSet<usize> = (0..CHANGING).collect();
    let mut steps = vec![Step { height: 0, members: (0..1 + draw(&mut random, 2)).collect(), authorities: vec![0] }];
    let mut height = 0;
    let mut step = |random: &mut Random, members: BTreeSet<usize>, authorities: Vec<usize>| {
        height += 1 + random.below(4);
        steps.push(Step { height, members, authorities });
    };
    step(&mut random, (0..2).collect(), vec![0, 1]);
    step(&mut random, all.clone(), vec![0, 1, 2, 3]);
    for _ in 0..4 + random.below(5) {
        let mut members = all.clone();
        if random.below(2) == 0 {
            members.remove(&(1 + draw(&mut random, CHANGING as u64 - 1)));
        }
        let mut order: Vec<usize> = members.iter().copied().collect();
        for last in (1..order.len()).rev() {
            order.swap(last, draw(&mut random, last as u64 + 1));
        }
        order.truncate(1 + draw(&mut random, 4));
        step(&mut random, members, order);
    }
    step(&mut random, all, vec![4, 2, 1, 3]);
    steps
}

fn draw(random: &mut Random, bound: u64) -> usize {
    usize::try_from(random.below(bound)).unwrap()
}

fn organisation() -> OrganisationId {
    OrganisationId::new("registry").unwrap()
}

fn authority_list(keys: &[SecretKey], authorities: &[usize]) -> Vec<Authority> {
    authorities.iter().map(|n| Authority { node: keys[*n].public().into(), organisation: organisation() }).collect()
}

fn member_list(keys: &[SecretKey], addresses: &[String], step: &Step) -> Vec<MemberNode> {
    let member = |n: &usize| MemberNode {
        node: keys[*n].public().into(),
        organisation: organisation(),
        kind: Role::Registry,
        standing: if step.authorities.contains(n) { Standing::Authority } else { Standing::Ordinary },
        address: Text::new(addresses.get(*n).map_or("", String::as_str)).unwrap(),
        since: Height(0),
    };
    let mut members: Vec<_> = step.members.iter().map(member).collect();
    members.sort_by_key(|member| member.node);
    members
}

/// A governing contract that does nothing but to change the lists as the schedule says.
pub(crate) fn governor(keys: &[SecretKey], addresses: &[String], schedule: &[Step]) -> Vec<u8> {
    let (mut data, mut calls) = (String::new(), String::new());
    let mut at = 4096;
    for step in schedule.iter().skip(1) {
        let authorities = AuthorityList::new(authority_list(keys, &step.authorities), Threshold::TwoThirds).unwrap();
        let members = MemberList { nodes: List::new(member_list(keys, addresses, step)).unwrap() };
        for change in [SystemChange::Authorities(authorities), SystemChange::Members(members)] {
            let bytes = codec::encode(&change);
            let text: String = bytes.iter().fold(String::new(), |mut text, byte| {
                write!(text, "\\{byte:02x}").unwrap();
                text
            });
            writeln!(data, "(data (i32.const {at}) \"{text}\")").unwrap();
            let (height, length) = (step.height, bytes.len());
            writeln!(
                calls,
                "(if (i64.eq (local.get $height) (i64.const {height})) (then
                   (if (i64.ne (call $govern (i32.const {at}) (i32.const {length})) (i64.const 0))
                     (then (call $abort (i32.const 1) (i32.const 0) (i32.const 0))))))"
            )
            .unwrap();
            at += length;
        }
    }
    // The facts of the block begin with its height.
    let text = format!(
        "(module
           (import \"althing\" \"input\" (func $input (param i32)))
           (import \"althing\" \"abort\" (func $abort (param i32 i32 i32)))
           (import \"althing\" \"govern\" (func $govern (param i32 i32) (result i64)))
           (memory (export \"memory\") 2)
           (func (export \"althing_abi_1\"))
           {data}
           (func (export \"c_end_block\") (local $height i64)
             (call $input (i32.const 65536))
             (local.set $height (i64.load (i32.const 65536)))
             {calls}))"
    );
    assert!(at < 65536, "the changes fit into the first page");
    describe(wat::parse_str(text).unwrap(), "governance", "end_block")
}

/// A module with a description that names one call without arguments.
pub(crate) fn describe(mut code: Vec<u8>, name: &str, method: &str) -> Vec<u8> {
    let abi = Abi {
        abi_version: ABI_VERSION,
        name: name.into(),
        version: "1".into(),
        docs: String::new(),
        state_version: 1,
        migrates_from: Vec::new(),
        state: Vec::new(),
        methods: vec![Method {
            name: method.into(),
            kind: MethodKind::Call,
            role: None,
            arguments: Vec::new(),
            result: Type::Unit,
            docs: String::new(),
        }],
        events: Vec::new(),
        errors: Vec::new(),
        build: Vec::new(),
    };
    let section = althing_abi::exports::SECTION;
    let mut body = vec![u8::try_from(section.len()).unwrap()];
    body.extend_from_slice(section.as_bytes());
    body.extend_from_slice(&abi.encode());
    code.push(0);
    let mut left = body.len();
    while left >= 128 {
        code.push(u8::try_from(left & 127).unwrap() | 128);
        left >>= 7;
    }
    code.push(u8::try_from(left).unwrap());
    code.extend_from_slice(&body);
    code
}

/// The genesis of nodes that all decide, or of a schedule with its governing contract.
pub(crate) fn genesis(keys: &[SecretKey], users: &[SecretKey], schedule: &[Step], governor: Option<Hash>) -> Genesis {
    let contract = |id: &str, code: Hash| GenesisContract::new(ContractId::new(id).unwrap(), code);
    let mut contracts = vec![contract("load", keyspace::code_hash(althing_bundle::load()))];
    let everybody: Vec<usize> = (0..keys.len()).collect();
    let mut authorities = authority_list(keys, &everybody);
    let mut governance = None;
    if let (Some(code), Some(first)) = (governor, schedule.first()) {
        contracts.push(contract("governance", code));
        authorities = authority_list(keys, &first.authorities);
        governance = Some(GenesisGovernance {
            contract: ContractId::new("governance").unwrap(),
            coordinator: organisation(),
            certificate_authority: Bytes::default(),
            nodes: List::new(member_list(keys, &[], first)).unwrap(),
            settings: GovernanceSettings::default(),
        });
    }
    Genesis {
        chain: ChainId::new("simulated").unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: START_MS - 1,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(authorities).unwrap(),
        organisations: List::new(vec![Organisation {
            id: organisation(),
            roles: [Role::Registry].into(),
            keys: List::new(users.iter().map(|user| MemberKey::whole(user.public())).collect()).unwrap(),
        }])
        .unwrap(),
        operator: Some(users[0].public()),
        governance,
        contracts: List::new(contracts).unwrap(),
        parameters: Parameters::default(),
    }
}

/// A user's transaction.
pub(crate) fn transaction(chain: &ChainId, key: &SecretKey, sequence: u64) -> Signed<Transaction> {
    let note = Bytes::<128>::new(vec![7; 40]).unwrap();
    let slot = u32::try_from(sequence % 16).unwrap();
    let transaction = Transaction {
        version: TRANSACTION_VERSION,
        chain: chain.clone(),
        attributes: Attributes::Root,
        operation: Operation::Call,
        content: Content::Call {
            contract: ContractId::new("load").unwrap(),
            method: Text::new("record").unwrap(),
            arguments: Bytes::new(codec::encode(&(slot, note))).unwrap(),
        },
        postscript: Text::default(),
        operator: key.public(),
        sequence: Sequence(sequence),
        timestamp_ms: 0,
        expiry: Height(10_000),
        fuel_limit: 1_000_000,
    };
    Signed::sign(transaction, key)
}
