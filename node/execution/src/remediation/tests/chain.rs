//! A chain in memory with one contract, whose calls are short programs over one-byte registers.

use crate::{
    BlockContext, ExecutionError, Executor,
    outcome::Writes,
    remediation::{PastBlock, PlanRefusal, PlanRequest, Source},
};
use althing_abi::{
    Abi,
    schema::{ABI_VERSION, Method, MethodKind, Type},
};
use althing_runtime::{Config, Runtime};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    codec::{Bytes, Text, encode},
    crypto::{NodeId, SecretKey, Signed},
    genesis::{ChainKind, Parameters},
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId, Sequence},
    keyspace::{self, ContractEntry, code_hash},
    organisation::{KeyEntry, Role},
    receipt::{Receipt, Status},
    remediation::{Plan, PlanItem},
    transaction::{Content, Operation, TRANSACTION_VERSION, Transaction},
    view::{Entry, StateFault, StateView},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

/// Steps of a program: three bytes each.
pub(super) fn put(key: u8, value: u8) -> [u8; 3] {
    [0, key, value]
}
pub(super) fn delete(key: u8) -> [u8; 3] {
    [1, key, 0]
}
/// Fails when the register holds something.
pub(super) fn absent(key: u8) -> [u8; 3] {
    [2, key, 0]
}
/// Fails when the register holds nothing.
pub(super) fn present(key: u8) -> [u8; 3] {
    [3, key, 0]
}
/// Adds to the register's number, from 0.
pub(super) fn add(key: u8, value: u8) -> [u8; 3] {
    [4, key, value]
}

const PROGRAM: &str = r#"(module
    (import "althing" "input_len" (func $input_len (result i32)))
    (import "althing" "input" (func $input (param i32)))
    (import "althing" "take" (func $take (param i32 i32 i32)))
    (import "althing" "abort" (func $abort (param i32 i32 i32)))
    (import "althing" "kv_get" (func $kv_get (param i32 i32) (result i64)))
    (import "althing" "kv_put" (func $kv_put (param i32 i32 i32 i32)))
    (import "althing" "kv_del" (func $kv_del (param i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "althing_abi_1"))
    (func (export "c_end_block"))
    (func (export "c_m") (local $i i32) (local $n i32) (local $op i32) (local $v i64)
        (local.set $n (call $input_len))
        (call $input (i32.const 0))
        (block $done
            (loop $next
                (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
                (local.set $op (i32.load8_u (local.get $i)))
                (if (i32.eq (local.get $op) (i32.const 1)) (then
                    (drop (call $kv_del (i32.add (local.get $i) (i32.const 1)) (i32.const 1)))))
                (if (i32.gt_u (local.get $op) (i32.const 1)) (then
                    (local.set $v (call $kv_get (i32.add (local.get $i) (i32.const 1)) (i32.const 1)))))
                (if (i32.eq (local.get $op) (i32.const 2)) (then
                    (if (i64.ge_s (local.get $v) (i64.const 0)) (then
                        (call $abort (i32.const 1) (i32.const 0) (i32.const 0))))))
                (if (i32.eq (local.get $op) (i32.const 3)) (then
                    (if (i64.lt_s (local.get $v) (i64.const 0)) (then
                        (call $abort (i32.const 2) (i32.const 0) (i32.const 0))))))
                (if (i32.eq (local.get $op) (i32.const 4)) (then
                    (i32.store8 (i32.const 4096) (i32.const 0))
                    (if (i64.ge_s (local.get $v) (i64.const 0)) (then
                        (call $take (i32.const 4096) (i32.const 0) (i32.const 1))))
                    (i32.store8 (i32.add (local.get $i) (i32.const 2)) (i32.add
                        (i32.load8_u (i32.const 4096))
                        (i32.load8_u (i32.add (local.get $i) (i32.const 2)))))))
                (if (i32.or (i32.eqz (local.get $op)) (i32.eq (local.get $op) (i32.const 4))) (then
                    (call $kv_put (i32.add (local.get $i) (i32.const 1)) (i32.const 1)
                        (i32.add (local.get $i) (i32.const 2)) (i32.const 1))))
                (local.set $i (i32.add (local.get $i) (i32.const 3)))
                (br $next)))))"#;

/// The machine is made once: starting it reserves memory for all its instances.
pub(crate) static RUNTIME: LazyLock<Arc<Runtime>> =
    LazyLock::new(|| Arc::new(Runtime::new(Config::default()).unwrap()));

/// The program as a module with its description.
fn module() -> Vec<u8> {
    described(PROGRAM, &["end_block", "m"])
}

/// A program as a module whose description names these methods.
pub(crate) fn described(program: &str, methods: &[&str]) -> Vec<u8> {
    let mut code = wat::parse_str(program).unwrap();
    let method = |name: &str| Method {
        name: name.into(),
        kind: if name == "init" { MethodKind::Init } else { MethodKind::Call },
        role: None,
        arguments: Vec::new(),
        result: Type::Unit,
        docs: String::new(),
    };
    let abi = Abi {
        abi_version: ABI_VERSION,
        name: "registers".into(),
        version: "1".into(),
        docs: String::new(),
        state_version: 1,
        migrates_from: Vec::new(),
        state: Vec::new(),
        methods: methods.iter().copied().map(method).collect(),
        events: Vec::new(),
        errors: Vec::new(),
        build: Vec::new(),
    };
    let name = althing_abi::exports::SECTION;
    let mut section = vec![u8::try_from(name.len()).unwrap()];
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(&abi.encode());
    code.push(0);
    let mut left = section.len();
    while left >= 128 {
        code.push(u8::try_from(left & 127).unwrap() | 128);
        left >>= 7;
    }
    code.push(u8::try_from(left).unwrap());
    code.extend_from_slice(&section);
    code
}

pub(crate) type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// A state in memory.
#[derive(Clone, Default)]
pub(crate) struct State(pub(crate) Entries);

impl StateView for State {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.0.get(key).cloned())
    }
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StateFault> {
        let later = |key: &Vec<u8>| after.is_none_or(|after| key.as_slice() > after);
        let all = self.0.iter().filter(|(key, _)| key.starts_with(prefix) && later(key));
        Ok(all.take(limit).map(|(k, v)| (k.clone(), v.clone())).collect())
    }
}

impl State {
    pub(crate) fn apply(&mut self, writes: Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => self.0.insert(key, value),
                None => self.0.remove(&key),
            };
        }
    }
}

pub(super) fn contract(name: &str) -> ContractId {
    ContractId::new(name).unwrap()
}

fn secret(who: &str) -> SecretKey {
    let mut seed = [0; 32];
    seed[..who.len()].copy_from_slice(who.as_bytes());
    SecretKey::from_seed(&seed)
}

/// Members `bad`, `one` and `two` with a key each, named as they are; contracts `registers` and `governance`.
pub(super) struct Chain {
    pub(super) executor: Executor,
    /// The state after each height.
    pub(super) states: Vec<State>,
    blocks: BTreeMap<Height, PastBlock>,
    sequences: BTreeMap<String, u64>,
}

/// Who, which contract, what.
pub(super) type Sent<'a> = (&'a str, &'a str, Vec<[u8; 3]>);

impl Chain {
    pub(super) fn new() -> Self {
        let mut state = State::default();
        let code = module();
        let hash = code_hash(&code);
        state.0.insert(keyspace::code(&hash), code);
        for name in ["registers", "governance"] {
            let entry = ContractEntry {
                code: hash,
                state_version: 1,
                schema: Hash::ZERO,
                upgrades: 0,
                deployer: None,
                since: Height(0),
            };
            state.0.insert(keyspace::contract(&contract(name)), encode(&entry));
        }
        state.0.insert(keyspace::governor(), encode(&contract("governance")));
        state.0.insert(keyspace::parameters(), encode(&Parameters::default()));
        let authority = Authority { node: NodeId([1; 32]), organisation: OrganisationId::new("one").unwrap() };
        let list = AuthorityList::new(vec![authority], Threshold::TwoThirds).unwrap();
        state.0.insert(keyspace::authorities(), encode(&list));
        let executor = Executor::new(Arc::clone(&RUNTIME), ChainId::new("test").unwrap(), ChainKind::Root);
        let mut chain = Self { executor, states: vec![state], blocks: BTreeMap::new(), sequences: BTreeMap::new() };
        for who in ["bad", "one", "two"] {
            chain.belongs(who, who);
        }
        chain
    }

    /// From the next block on a key belongs to an organisation.
    pub(super) fn belongs(&mut self, key: &str, organisation: &str) {
        let entry = KeyEntry {
            organisation: OrganisationId::new(organisation).unwrap(),
            roles: [Role::Operator, Role::Voter].into(),
        };
        let state = self.states.last_mut().unwrap();
        state.0.insert(keyspace::key_entry(&secret(key).public()), encode(&entry));
    }

    pub(super) fn height(&self) -> Height {
        Height(self.states.len() as u64 - 1)
    }

    fn transaction(&mut self, who: &str, operation: Operation, content: Content) -> Transaction {
        let sequence = self.sequences.entry(who.to_owned()).or_default();
        *sequence += 1;
        Transaction {
            version: TRANSACTION_VERSION,
            chain: self.executor.chain().clone(),
            attributes: ChainKind::Root.attributes(),
            operation,
            content,
            postscript: Text::default(),
            operator: secret(who).public(),
            sequence: Sequence(*sequence - 1),
            timestamp_ms: 0,
            expiry: Height(1_000),
            fuel_limit: 200_000_000,
        }
    }

    /// Makes a block of these calls, and gives their hashes.
    pub(super) fn block(&mut self, calls: Vec<Sent<'_>>) -> Vec<Hash> {
        let transactions = calls
            .into_iter()
            .map(|(who, to, steps)| {
                let (method, arguments) = (Text::new("m").unwrap(), Bytes::new(steps.concat()).unwrap());
                let content = Content::Call { contract: contract(to), method, arguments };
                (who.to_owned(), Operation::Call, content)
            })
            .collect();
        self.contents(transactions).into_iter().map(|receipt| receipt.transaction).collect()
    }

    /// Makes a block of anything, and gives the receipts.
    pub(super) fn contents(&mut self, contents: Vec<(String, Operation, Content)>) -> Vec<Receipt> {
        let height = self.height().next();
        let block = BlockContext {
            height,
            timestamp_ms: 1_000 * height.0,
            packer: NodeId([1; 32]),
            previous: None,
            recovered: None,
        };
        let transactions: Vec<_> = contents
            .into_iter()
            .map(|(who, operation, content)| {
                let transaction = self.transaction(&who, operation, content);
                Arc::new(Signed::sign(transaction, &secret(&who)).verify().unwrap())
            })
            .collect();
        let state = self.states.last().unwrap();
        let done = self.executor.verify(state, &block, &transactions).unwrap().unwrap();
        let mut after = state.clone();
        after.apply(done.writes);
        self.states.push(after);
        let transactions = transactions.iter().map(|t| (t.hash(), t.signed().value.clone())).collect();
        self.blocks.insert(height, PastBlock { block, transactions, receipts: done.receipts.clone() });
        done.receipts
    }

    pub(super) fn succeeded(&self, transaction: &Hash) -> bool {
        let mut receipts = self.blocks.values().flat_map(|block| &block.receipts);
        receipts.find(|r| r.transaction == *transaction).unwrap().status == Status::Succeeded
    }

    /// The plan for organisation `bad` from a height on.
    pub(super) fn plan(&self, from: u64) -> Result<Plan, PlanRefusal> {
        self.plan_of(self, from).unwrap()
    }

    pub(super) fn plan_of(&self, source: &dyn Source, from: u64) -> Result<Result<Plan, PlanRefusal>, ExecutionError> {
        let request = PlanRequest {
            organisation: OrganisationId::new("bad").unwrap(),
            from: Height(from),
            base: self.height(),
            block: Hash([7; 32]),
        };
        let before = &self.states[usize::try_from(from).unwrap().saturating_sub(1).min(self.states.len() - 1)];
        self.executor.remediation_plan(before, self.states.last().unwrap(), &request, source)
    }

    /// A register of contract `registers` after a height.
    pub(super) fn register(&self, height: Height, key: u8) -> Option<u8> {
        let state = &self.states[usize::try_from(height.0).unwrap()];
        state.0.get(&keyspace::storage(&contract("registers"), &[key])).map(|value| value[0])
    }
}

impl Source for Chain {
    fn past_block(&self, height: Height) -> Result<Option<PastBlock>, StateFault> {
        Ok(self.blocks.get(&height).cloned())
    }
    fn go_on(&self, _: u64, _: u64) -> bool {
        true
    }
}

/// What a plan puts back: register and value.
pub(super) fn restored(plan: &Plan) -> BTreeMap<u8, Option<u8>> {
    let entries = plan.items.iter().filter_map(|item| match item {
        PlanItem::Restore(entry) => {
            assert_eq!(entry.contract, contract("registers"));
            Some((entry.key[0], entry.value.as_ref().map(|value| value[0])))
        }
        _ => None,
    });
    entries.collect()
}
