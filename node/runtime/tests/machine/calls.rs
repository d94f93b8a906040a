//! Calls from contract to contract.

use crate::common::*;
use althing_types::{
    codec,
    receipt::{Failure, FailureCode},
};

/// A caller of contract `callee`, method `m`: gives the call's return value (8 B) and then the take-buffer.
fn caller(callee: &str, gas: i64, before: &str) -> Vec<u8> {
    let length = callee.len();
    module(&format!(
        r#"(data (i32.const 0) "{callee}") (data (i32.const 100) "m")
        (func (export "c_m") (local $r i64) (local $n i64)
            {before}
            (call $input (i32.const 300))
            (local.set $r (call $call (i32.const 0) (i32.const {length}) (i32.const 100) (i32.const 1) (i32.const 300) (call $input_len) (i64.const {gas})))
            (local.set $n (if (result i64) (i64.lt_s (local.get $r) (i64.const 0))
                (then (i64.shr_u (i64.sub (i64.const 0) (local.get $r)) (i64.const 8))) (else (local.get $r))))
            (i64.store (i32.const 1000) (local.get $r))
            (call $take (i32.const 1008) (i32.const 0) (i32.wrap_i64 (local.get $n)))
            (call $ret (i32.const 1000) (i32.add (i32.const 8) (i32.wrap_i64 (local.get $n)))))"#
    ))
}

const PUT: &str = "(call $kv_put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))
    (call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))";

/// The failure that the caller was given.
fn given(result: &[u8]) -> Failure {
    let value = i64::from_le_bytes(result[..8].try_into().unwrap());
    assert!(value < 0, "the call succeeded: {value}");
    let failure: Failure = codec::decode("failure", &result[8..], 10_000).unwrap();
    assert_eq!(-value, ((result.len() - 8) as i64) * 256 + i64::from(failure.code as u8));
    failure
}

#[test]
fn arguments_result_and_caller_are_passed() {
    let mut net = Net::new();
    net.deploy("a", &caller("b", 0, ""));
    let callee = r#"(func (export "c_m") (local $n i32)
        (call $input (i32.const 0)) (local.set $n (call $input_len))
        (call $take (local.get $n) (i32.const 0) (i32.wrap_i64 (call $ctx (i32.const 15))))
        (call $ret (i32.const 0) (i32.add (local.get $n) (i32.const 1))))"#;
    net.deploy("b", &module(callee));
    assert_eq!(net.call("a", "m", b"hi:").result.unwrap()[8..], *b"hi:a");
}

#[test]
fn a_failed_inner_call_undoes_only_its_own_writes_and_events() {
    let mut net = Net::new();
    net.deploy("a", &caller("b", 0, PUT));
    net.deploy(
        "b",
        &module(&format!(r#"(func (export "c_m") {PUT} (call $abort (i32.const 5) (i32.const 0) (i32.const 1)))"#)),
    );
    let outcome = net.call("a", "m", b"");
    let failure = given(&outcome.result.unwrap());
    assert_eq!((failure.code, failure.detail), (FailureCode::ContractError, 5));
    assert_eq!(net.world.entries(&id("a")).len(), 1);
    assert!(net.world.entries(&id("b")).is_empty());
    let emitters: Vec<&str> = net.world.all_events().iter().map(|e| e.contract.as_str()).collect();
    assert_eq!(emitters, ["a"]);
}

#[test]
fn an_outer_failure_undoes_the_inner_call_too() {
    let mut net = Net::new();
    let outer = r#"(data (i32.const 0) "b") (data (i32.const 100) "m")
        (func (export "c_m")
            (drop (call $call (i32.const 0) (i32.const 1) (i32.const 100) (i32.const 1) (i32.const 0) (i32.const 0) (i64.const 0)))
            unreachable)"#;
    net.deploy("a", &module(outer));
    net.deploy("b", &module(&format!(r#"(func (export "c_m") {PUT})"#)));
    assert_eq!(code(&net.call("a", "m", b"")), FailureCode::Trap);
    assert!(net.world.entries(&id("b")).is_empty() && net.world.all_events().is_empty());
}

#[test]
fn a_contract_is_not_entered_while_it_runs() {
    let mut net = Net::new();
    net.deploy("a", &caller("b", 0, ""));
    net.deploy("b", &caller("a", 0, ""));
    let outer = net.call("a", "m", b"").result.unwrap();
    assert_eq!(given(&outer[8..]).code, FailureCode::Reentrancy);
    net.deploy("s", &caller("s", 0, ""));
    assert_eq!(given(&net.call("s", "m", b"").result.unwrap()).code, FailureCode::Reentrancy);
}

#[test]
fn the_depth_of_calls_is_limited() {
    let mut net = Net::new();
    for i in 0..12 {
        net.deploy(&format!("c{i:02}"), &caller(&format!("c{:02}", i + 1), 0, PUT));
    }
    let mut result = net.call("c00", "m", b"").result.unwrap();
    for _ in 1..althing_runtime::limits::MAX_DEPTH {
        assert!(i64::from_le_bytes(result[..8].try_into().unwrap()) > 0);
        result.drain(..8);
    }
    assert_eq!(given(&result).code, FailureCode::CallDepth);
    assert_eq!(net.world.all_events().len(), althing_runtime::limits::MAX_DEPTH);
}

#[test]
fn unknown_contracts_and_methods_fail_the_inner_call_only() {
    let mut net = Net::new();
    net.deploy("a", &caller("nobody", 0, ""));
    assert_eq!(given(&net.call("a", "m", b"").result.unwrap()).code, FailureCode::NoSuchContract);
    net.deploy("b", &module(""));
    net.deploy("a", &caller("b", 0, ""));
    assert_eq!(given(&net.call("a", "m", b"").result.unwrap()).code, FailureCode::NoSuchMethod);
    net.deploy("a", &caller("NOT AN ID", 0, ""));
    assert_eq!(given(&net.call("a", "m", b"").result.unwrap()).code, FailureCode::NoSuchContract);
}

#[test]
fn a_gas_limit_bounds_the_inner_call_and_its_trap() {
    let mut net = Net::new();
    net.deploy("a", &caller("b", 500_000, ""));
    for (body, expected) in [("(loop $l br $l)", FailureCode::OutOfFuel), ("unreachable", FailureCode::Trap)] {
        net.deploy("b", &module(&format!(r#"(func (export "c_m") {body})"#)));
        let outcome = net.call("a", "m", b"");
        assert_eq!(given(&outcome.result.unwrap()).code, expected);
        assert!((500_000..700_000).contains(&outcome.fuel_used), "{}", outcome.fuel_used);
    }
}

#[test]
fn without_a_gas_limit_an_inner_loop_uses_up_the_transaction() {
    let mut net = Net::new();
    net.deploy("a", &caller("b", 0, PUT));
    net.deploy("b", &module(r#"(func (export "c_m") (loop $l br $l))"#));
    let outcome = net.call("a", "m", b"");
    assert_eq!((code(&outcome), outcome.fuel_used), (FailureCode::OutOfFuel, FUEL));
    assert!(net.world.entries(&id("a")).is_empty());
}

#[test]
fn views_can_be_called_and_stay_views() {
    let mut net = Net::new();
    net.deploy("b", &module(&format!(r#"(func (export "v_m") {PUT})"#)));
    net.deploy("a", &caller("b", 0, ""));
    assert_eq!(given(&net.call("a", "m", b"").result.unwrap()).code, FailureCode::ReadOnly);

    // A view that calls: only views, and below them only views.
    let text = |name: &str| {
        format!(
            r#"(data (i32.const 0) "b") (data (i32.const 100) "m")
            (func (export "{name}") (local $r i64)
                (local.set $r (call $call (i32.const 0) (i32.const 1) (i32.const 100) (i32.const 1) (i32.const 0) (i32.const 0) (i64.const 0)))
                (i64.store (i32.const 200) (local.get $r)) (call $ret (i32.const 200) (i32.const 8)))"#
        )
    };
    net.deploy("v", &module(&text("v_m")));
    net.deploy("b", &module(r#"(func (export "v_m"))"#));
    assert_eq!(net.view("v", "m", b"", FUEL).result.unwrap(), [0; 8]);
    net.deploy("b", &module(&format!(r#"(func (export "c_m") {PUT})"#)));
    let value = i64::from_le_bytes(net.view("v", "m", b"", FUEL).result.unwrap().try_into().unwrap());
    assert_eq!((-value) & 255, FailureCode::ReadOnly as i64);
    assert!(net.world.entries(&id("b")).is_empty());
}

#[test]
fn deep_guests_may_nest_in_one_another() {
    // Each contract goes nearly as deep as the stack limit allows before it calls the next one.
    let deep = |callee: &str| {
        module(&format!(
            r#"(data (i32.const 0) "{callee}") (data (i32.const 100) "m")
            (func $deep (param $d i32)
                (if (local.get $d)
                    (then (call $deep (i32.sub (local.get $d) (i32.const 1))))
                    (else (drop (call $call (i32.const 0) (i32.const 3) (i32.const 100) (i32.const 1) (i32.const 0) (i32.const 0) (i64.const 0))))))
            (func (export "c_m") (call $deep (i32.const 5000)))"#
        ))
    };
    let mut net = Net::new();
    for i in 0..8 {
        net.deploy(&format!("c{i:02}"), &deep(&format!("c{:02}", i + 1)));
    }
    assert_eq!(net.call("c00", "m", b"").result, Ok(Vec::new()));
}
