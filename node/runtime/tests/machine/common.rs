//! What the tests share: modules from text with a description, and a call in one line.

use althing_abi::{
    Abi,
    schema::{Method, MethodKind, Type},
};
use althing_runtime::{CallContext, Config, Entry, Invocation, MemoryWorld, NodeFault, Outcome, Runtime};
use althing_types::{
    crypto::PublicKey,
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId},
    organisation::Role,
    receipt::{Failure, FailureCode},
};

/// Fuel of a test call unless the test is about fuel.
pub(crate) const FUEL: u64 = 20_000_000;

pub(crate) const IMPORTS: &str = r#"
    (import "althing" "input_len" (func $input_len (result i32)))
    (import "althing" "input" (func $input (param i32)))
    (import "althing" "take" (func $take (param i32 i32 i32)))
    (import "althing" "ret" (func $ret (param i32 i32)))
    (import "althing" "abort" (func $abort (param i32 i32 i32)))
    (import "althing" "ctx" (func $ctx (param i32) (result i64)))
    (import "althing" "log" (func $log (param i32 i32)))
    (import "althing" "gas_left" (func $gas_left (result i64)))
    (import "althing" "kv_get" (func $kv_get (param i32 i32) (result i64)))
    (import "althing" "kv_put" (func $kv_put (param i32 i32 i32 i32)))
    (import "althing" "kv_del" (func $kv_del (param i32 i32) (result i32)))
    (import "althing" "scan" (func $scan (param i32 i32 i32 i32) (result i32)))
    (import "althing" "scan_next" (func $scan_next (param i32) (result i64)))
    (import "althing" "scan_close" (func $scan_close (param i32)))
    (import "althing" "emit" (func $emit (param i32 i32 i32 i32 i32 i32)))
    (import "althing" "call" (func $call (param i32 i32 i32 i32 i32 i32 i64) (result i64)))
    (import "althing" "hash" (func $hash (param i32 i32 i32 i32)))
    (import "althing" "ed25519" (func $ed25519 (param i32 i32 i32 i32) (result i32)))
"#;

/// A module of all imports, the marker and a memory of one page; `body` has the rest.
pub(crate) fn module(body: &str) -> Vec<u8> {
    module_of(&format!("{IMPORTS} (memory (export \"memory\") 1) (func (export \"althing_abi_1\")) {body}"))
}

/// A module of exactly this text, with a description that lists its entry points.
pub(crate) fn module_of(text: &str) -> Vec<u8> {
    let mut code = wat::parse_str(format!("(module {text})")).unwrap();
    let methods = text
        .split("(export \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter_map(|name| {
            let (name, kind) = match name {
                "init" => ("init", MethodKind::Init),
                _ if name.starts_with("c_") => (name.strip_prefix("c_")?, MethodKind::Call),
                _ => (name.strip_prefix("v_")?, MethodKind::View),
            };
            let (name, docs, result) = (name.to_owned(), String::new(), Type::Unit);
            Some(Method { name, kind, role: None, arguments: Vec::new(), result, docs })
        })
        .collect();
    let migrates_from = if text.contains("(export \"migrate\"") { vec![1] } else { Vec::new() };
    let abi = Abi {
        abi_version: althing_abi::schema::ABI_VERSION,
        name: "test".into(),
        version: "1".into(),
        docs: String::new(),
        state_version: 2,
        migrates_from,
        state: Vec::new(),
        methods,
        events: Vec::new(),
        errors: Vec::new(),
        build: Vec::new(),
    };
    append_description(&mut code, &abi.encode());
    code
}

/// Appends a custom section.
pub(crate) fn append_description(code: &mut Vec<u8>, bytes: &[u8]) {
    let name = althing_abi::exports::SECTION;
    let mut section = vec![name.len() as u8];
    section.extend_from_slice(name.as_bytes());
    section.extend_from_slice(bytes);
    code.push(0);
    let mut left = section.len();
    while left >= 128 {
        code.push((left & 127) as u8 | 128);
        left >>= 7;
    }
    code.push(left as u8);
    code.extend_from_slice(&section);
}

pub(crate) fn id(text: &str) -> ContractId {
    ContractId::new(text).unwrap()
}

pub(crate) fn context() -> CallContext {
    CallContext {
        chain: ChainId::new("test").unwrap(),
        height: Height(7),
        timestamp_ms: 1_700_000_000_123,
        transaction: Hash([9; 32]),
        signer: PublicKey([5; 32]),
        organisation: Some(OrganisationId::new("org-a").unwrap()),
        roles: [Role::Registry, Role::Governance].into(),
        governor: None,
    }
}

/// One machine with one world.
pub(crate) struct Net {
    pub(crate) runtime: Runtime,
    pub(crate) world: MemoryWorld,
}

impl Net {
    pub(crate) fn new() -> Self {
        Self { runtime: Runtime::new(Config::default()).unwrap(), world: MemoryWorld::new() }
    }

    /// Checks and deploys a module.
    pub(crate) fn deploy(&mut self, contract: &str, code: &[u8]) -> Hash {
        self.runtime.check(code).unwrap();
        self.world.deploy(&id(contract), code)
    }

    pub(crate) fn run(
        &mut self,
        contract: &str,
        entry: Entry<'_>,
        input: &[u8],
        fuel: u64,
    ) -> Result<Outcome, NodeFault> {
        use althing_runtime::World;
        let contract = id(contract);
        let code = self.world.code_hash(&contract).unwrap().unwrap();
        let invocation = Invocation { contract: &contract, code, entry, input, fuel };
        self.runtime.invoke(&mut self.world, &context(), &invocation)
    }

    pub(crate) fn call(&mut self, contract: &str, method: &str, input: &[u8]) -> Outcome {
        self.run(contract, Entry::Call(method), input, FUEL).unwrap()
    }

    pub(crate) fn view(&mut self, contract: &str, method: &str, input: &[u8], fuel: u64) -> Outcome {
        use althing_runtime::World;
        let contract = id(contract);
        let code = self.world.code_hash(&contract).unwrap().unwrap();
        let invocation = Invocation { contract: &contract, code, entry: Entry::View(method), input, fuel };
        self.runtime.invoke_view(&mut self.world, &context(), &invocation).unwrap()
    }
}

/// Deploys one module and calls its method `m`.
pub(crate) fn call_m(body: &str) -> Outcome {
    let mut net = Net::new();
    net.deploy("c", &module(body));
    net.call("c", "m", b"")
}

pub(crate) fn failure(outcome: &Outcome) -> Failure {
    outcome.result.clone().unwrap_err()
}

pub(crate) fn code(outcome: &Outcome) -> FailureCode {
    failure(outcome).code
}
