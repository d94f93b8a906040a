//! Contracts that work at the end of each block besides the governing one.

use crate::{
    BlockContext, ExecutionError, Executor,
    remediation::tests::chain::{RUNTIME, State, described},
};
use althing_types::{
    authority::{Authority, Threshold},
    codec::{Bytes, List},
    crypto::{NodeId, SecretKey},
    genesis::{ChainKind, FaultModel, Genesis, GenesisContract, Parameters},
    id::{ChainId, ContractId, Height, OrganisationId},
    keyspace::{self, code_hash, storage},
    organisation::{MemberKey, Organisation, Role},
    receipt::Status,
};
use std::sync::{Arc, LazyLock};

/// Counts its calls under the key `n`, from what its initialiser was given on.
const COUNTS: &str = r#"(module
    (import "althing" "input" (func $input (param i32)))
    (import "althing" "take" (func $take (param i32 i32 i32)))
    (import "althing" "kv_get" (func $get (param i32 i32) (result i64)))
    (import "althing" "kv_put" (func $put (param i32 i32 i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "n")
    (func (export "althing_abi_1"))
    (func (export "init")
        (call $input (i32.const 8))
        (call $put (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 1)))
    (func (export "c_end_block")
        (drop (call $get (i32.const 0) (i32.const 1)))
        (call $take (i32.const 8) (i32.const 0) (i32.const 1))
        (i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1)))
        (call $put (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 1))))"#;
/// Writes, then traps.
const TRAPS: &str = r#"(module
    (import "althing" "kv_put" (func $put (param i32 i32 i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "n")
    (func (export "althing_abi_1"))
    (func (export "c_end_block")
        (call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))
        (unreachable)))"#;
/// Never comes to an end.
const LOOPS: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "althing_abi_1"))
    (func (export "c_end_block") (loop $again (br $again))))"#;

static MODULES: LazyLock<[Vec<u8>; 3]> = LazyLock::new(|| {
    let all = [(COUNTS, ["init", "end_block"].as_slice()), (TRAPS, &["end_block"]), (LOOPS, &["end_block"])];
    all.map(|(program, methods)| described(program, methods))
});

fn contract(name: &str, module: usize, init: Option<u8>) -> GenesisContract {
    let init = init.map(|byte| Bytes::new(vec![byte]).unwrap());
    let code = code_hash(&MODULES[module]);
    GenesisContract { init, block_end: true, ..GenesisContract::new(ContractId::new(name).unwrap(), code) }
}

fn genesis(contracts: Vec<GenesisContract>) -> Genesis {
    let key = SecretKey::from_seed(&[7; 32]).public();
    let organisation = OrganisationId::new("one").unwrap();
    let keys = List::new(vec![MemberKey::whole(key)]).unwrap();
    Genesis {
        chain: ChainId::new("t").unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: 1,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(vec![Authority { node: key.into(), organisation: organisation.clone() }]).unwrap(),
        organisations: List::new(vec![Organisation { id: organisation, roles: [Role::Registry].into(), keys }])
            .unwrap(),
        operator: None,
        contracts: List::new(contracts).unwrap(),
        governance: None,
        parameters: Parameters::default(),
    }
}

fn start(genesis: &Genesis) -> Result<(Executor, State), ExecutionError> {
    let executor = Executor::new(Arc::clone(&RUNTIME), genesis.chain.clone(), genesis.kind.clone());
    let code = |hash: &_| MODULES.iter().find(|module| code_hash(module) == *hash).cloned();
    let mut state = State::default();
    state.apply(executor.genesis(genesis, code)?);
    Ok((executor, state))
}

fn block(height: u64) -> BlockContext {
    BlockContext {
        height: Height(height),
        timestamp_ms: height,
        packer: NodeId([0; 32]),
        previous: None,
        recovered: None,
    }
}

fn value(state: &State, name: &str) -> Option<Vec<u8>> {
    state.0.get(&storage(&ContractId::new(name).unwrap(), b"n")).cloned()
}

#[test]
fn each_named_contract_works_at_each_end_and_a_failure_is_its_own() {
    let genesis = genesis(vec![contract("trap", 1, None), contract("count", 0, Some(40)), contract("loop", 2, None)]);
    let (executor, mut state) = start(&genesis).unwrap();
    assert_eq!(value(&state, "count"), Some(vec![40]));
    for height in 1..=2 {
        let outcome = executor.propose(&state, &block(height), &[], u64::MAX).unwrap();
        let [receipt] = outcome.receipts.as_slice() else { panic!("one receipt tells of the failure") };
        let Status::Failed(failure) = &receipt.status else { panic!("{receipt:?}") };
        assert!(failure.message.as_str().contains("unreachable"), "{failure:?}");
        assert!(receipt.fuel_used > 100_000_000, "the endless one used its fuel up: {}", receipt.fuel_used);
        state.apply(outcome.writes);
        assert_eq!(value(&state, "count"), Some(vec![40 + u8::try_from(height).unwrap()]));
        assert_eq!(value(&state, "trap"), None);
    }
}

#[test]
fn an_uneventful_end_has_no_receipt() {
    let (executor, state) = start(&genesis(vec![contract("count", 0, Some(0))])).unwrap();
    assert!(executor.propose(&state, &block(1), &[], u64::MAX).unwrap().receipts.is_empty());
    let quiet = GenesisContract { block_end: false, ..contract("count", 0, Some(0)) };
    let (executor, state) = start(&genesis(vec![quiet])).unwrap();
    assert!(!state.0.contains_key(&keyspace::block_end()));
    let outcome = executor.propose(&state, &block(1), &[], u64::MAX).unwrap();
    assert!(outcome.receipts.is_empty() && outcome.writes.is_empty());
}

#[test]
fn a_genesis_that_names_what_a_contract_has_not_is_refused() {
    let with_arguments = start(&genesis(vec![contract("trap", 1, Some(1))])).err().unwrap();
    assert!(with_arguments.to_string().contains("no initialiser"), "{with_arguments}");
    let many: Vec<_> = (0..9).map(|n| contract(&format!("c{n}"), 2, None)).collect();
    assert!(genesis(many).check().unwrap_err().to_string().contains("at most 8"));
}
