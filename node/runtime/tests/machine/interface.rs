//! The host interface as a contract meets it.

use crate::common::*;
use althing_runtime::{Entry, World};
use althing_types::{
    codec,
    crypto::SecretKey,
    hash::sha3_256,
    organisation::Role,
    receipt::{Failure, FailureCode},
};
use std::collections::BTreeSet;

/// Returns the take-buffer whose length is on the stack.
const GIVE: &str = r#"(func $give (param $n i64)
    (call $take (i32.const 1024) (i32.const 0) (i32.wrap_i64 (local.get $n)))
    (call $ret (i32.const 1024) (i32.wrap_i64 (local.get $n))))"#;

#[test]
fn input_comes_in_and_result_goes_out() {
    let mut net = Net::new();
    let echo = r#"(func (export "c_m") (call $input (i32.const 16)) (call $ret (i32.const 16) (call $input_len)))"#;
    net.deploy("c", &module(echo));
    assert_eq!(net.call("c", "m", b"hello").result.unwrap(), b"hello");
    assert_eq!(net.call("c", "m", b"").result.unwrap(), b"");
}

#[test]
fn abort_codes_become_failure_codes() {
    for (number, code, detail) in [
        (1, FailureCode::ContractError, 1),
        (77, FailureCode::ContractError, 77),
        (-1, FailureCode::Panic, 0),
        (-2, FailureCode::BadArguments, 0),
        (-3, FailureCode::MissingRole, 0),
        (-4, FailureCode::MigrationMissing, 0),
        (0, FailureCode::HostMisuse, 0),
        (-99, FailureCode::HostMisuse, 0),
    ] {
        let outcome = call_m(&format!(
            r#"(data (i32.const 8) "the reason") (func (export "c_m") (call $abort (i32.const {number}) (i32.const 8) (i32.const 10)))"#
        ));
        let found = failure(&outcome);
        assert_eq!((found.code, found.detail), (code, detail), "{number}");
        assert!(code == FailureCode::HostMisuse || found.message.as_str() == "the reason");
        assert!(outcome.fuel_used < FUEL / 2, "a panic is charged exactly");
    }
}

#[test]
fn a_long_or_odd_panic_message_is_cut_and_repaired() {
    let outcome = call_m(
        r#"(func (export "c_m") (memory.fill (i32.const 0) (i32.const 0xff) (i32.const 5000))
            (call $abort (i32.const -1) (i32.const 0) (i32.const 5000)))"#,
    );
    assert!(failure(&outcome).message.len() <= 512);
}

#[test]
fn bad_pointers_handles_and_fields_are_misuse() {
    for body in [
        "(call $input (i32.const -1)) (call $ret (i32.const 65536) (i32.const 1))",
        "(call $ret (i32.const -1) (i32.const -1))",
        "(call $log (i32.const 65530) (i32.const 7))",
        "(drop (call $kv_get (i32.const 65536) (i32.const 1)))",
        "(call $kv_put (i32.const 0) (i32.const 1) (i32.const 65535) (i32.const 2))",
        "(call $take (i32.const 0) (i32.const 0) (i32.const 1))",
        "(call $take (i32.const 0) (i32.const -1) (i32.const -1))",
        "(drop (call $scan_next (i32.const 0)))",
        "(call $scan_close (i32.const -1))",
        "(drop (call $ctx (i32.const 9)))",
        "(call $hash (i32.const 7) (i32.const 0) (i32.const 0) (i32.const 0))",
        "(call $hash (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 65505))",
        "(drop (call $ed25519 (i32.const 65505) (i32.const 0) (i32.const 0) (i32.const 0)))",
        "(call $abort (i32.const -1) (i32.const 65536) (i32.const 1))",
    ] {
        let outcome = call_m(&format!(r#"(func (export "c_m") {body})"#));
        assert_eq!(code(&outcome), FailureCode::HostMisuse, "{body}");
        assert!(outcome.fuel_used < FUEL, "{body}");
    }
}

#[test]
fn facts_are_those_of_the_call() {
    let fact = |field: i32| {
        let body = format!(r#"{GIVE} (func (export "c_m") (call $give (call $ctx (i32.const {field}))))"#);
        call_m(&body).result.unwrap()
    };
    assert_eq!(fact(10), [5; 32]);
    assert_eq!(fact(11), b"org-a");
    assert_eq!(codec::decode::<BTreeSet<Role>>("roles", &fact(12), 100).unwrap(), context().roles);
    assert_eq!(fact(13), b"test");
    assert_eq!(fact(14), b"c");
    assert_eq!(fact(15), b"");
    assert_eq!(fact(16), [9; 32]);
    let number = |field: i32| {
        let body = format!(
            r#"(func (export "c_m") (i64.store (i32.const 0) (call $ctx (i32.const {field}))) (call $ret (i32.const 0) (i32.const 8)))"#
        );
        u64::from_le_bytes(call_m(&body).result.unwrap().try_into().unwrap())
    };
    assert_eq!((number(1), number(2), number(3), number(4)), (7, 1_700_000_000_123, 2, 0));
}

#[test]
fn storage_keeps_what_is_put_and_forgets_what_is_deleted() {
    let mut net = Net::new();
    let body = format!(
        r#"{GIVE} (data (i32.const 0) "keyvalue")
        (func (export "c_put") (call $kv_put (i32.const 0) (i32.const 3) (i32.const 3) (i32.const 5)))
        (func (export "c_empty") (call $kv_put (i32.const 0) (i32.const 3) (i32.const 3) (i32.const 0)))
        (func (export "c_del") (i32.store (i32.const 64) (call $kv_del (i32.const 0) (i32.const 3))) (call $ret (i32.const 64) (i32.const 4)))
        (func (export "v_get") (local $n i64) (local.set $n (call $kv_get (i32.const 0) (i32.const 3)))
            (if (i64.eq (local.get $n) (i64.const -1)) (then (call $abort (i32.const 4) (i32.const 0) (i32.const 0))))
            (call $give (local.get $n)))"#
    );
    net.deploy("c", &module(&body));
    assert_eq!(failure(&net.view("c", "get", b"", FUEL)).detail, 4);
    net.call("c", "put", b"").result.unwrap();
    assert_eq!(net.view("c", "get", b"", FUEL).result.unwrap(), b"value");
    assert_eq!(net.call("c", "del", b"").result.unwrap(), [1, 0, 0, 0]);
    assert_eq!(net.call("c", "del", b"").result.unwrap(), [0; 4]);
    net.call("c", "empty", b"").result.unwrap();
    assert_eq!(net.view("c", "get", b"", FUEL).result.unwrap(), b"", "an empty value is a value");
}

/// Walks over the keys with prefix `p` and appends them to the result; `during` runs at each step.
fn walker(during: &str) -> Vec<u8> {
    module(&format!(
        r#"(data (i32.const 0) "p")
        (func (export "c_m") (local $n i64) (local $k i32) (local $out i32) (local $h i32)
            (local.set $out (i32.const 2048))
            (local.set $h (call $scan (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
            (block $end (loop $l
                (local.set $n (call $scan_next (local.get $h)))
                (br_if $end (i64.lt_s (local.get $n) (i64.const 0)))
                (call $take (i32.const 16) (i32.const 0) (i32.wrap_i64 (local.get $n)))
                (local.set $k (i32.load (i32.const 16)))
                (memory.copy (local.get $out) (i32.const 20) (local.get $k))
                (local.set $out (i32.add (local.get $out) (local.get $k)))
                {during}
                (br $l)))
            (call $scan_close (local.get $h))
            (call $ret (i32.const 2048) (i32.sub (local.get $out) (i32.const 2048))))"#
    ))
}

#[test]
fn a_scan_gives_keys_of_the_prefix_in_order() {
    let mut net = Net::new();
    net.deploy("c", &walker(""));
    for i in (0..200u8).rev() {
        net.world.write(&id("c"), &[b'p', i], Some(vec![i]));
    }
    net.world.write(&id("c"), b"o", Some(vec![]));
    net.world.write(&id("c"), b"q", Some(vec![]));
    net.world.write(&id("d"), b"pp", Some(vec![]));
    let expected: Vec<u8> = (0..200u8).flat_map(|i| [b'p', i]).collect();
    assert_eq!(net.call("c", "m", b"").result.unwrap(), expected);
}

#[test]
fn a_scan_sees_the_writes_of_its_own_call() {
    // Each step deletes the key after the one it got: every second key is seen.
    let during = "(i32.store8 (i32.const 21) (i32.add (i32.load8_u (i32.const 21)) (i32.const 1)))
        (drop (call $kv_del (i32.const 20) (i32.const 2)))";
    let mut net = Net::new();
    net.deploy("c", &walker(during));
    for i in 0..100u8 {
        net.world.write(&id("c"), &[b'p', i], Some(vec![]));
    }
    let expected: Vec<u8> = (0..50u8).flat_map(|i| [b'p', i * 2]).collect();
    assert_eq!(net.call("c", "m", b"").result.unwrap(), expected);
}

#[test]
fn events_carry_contract_name_topic_and_data() {
    let mut net = Net::new();
    let body = r#"(data (i32.const 0) "Boundtopicdata")
        (func (export "c_m") (call $emit (i32.const 0) (i32.const 5) (i32.const 5) (i32.const 5) (i32.const 10) (i32.const 4)))"#;
    net.deploy("c", &module(body));
    net.call("c", "m", b"").result.unwrap();
    let [event] = net.world.all_events() else { panic!("one event") };
    assert_eq!((event.contract.as_str(), event.name.as_str()), ("c", "Bound"));
    assert_eq!((event.topic.as_slice(), event.data.as_slice()), (&b"topic"[..], &b"data"[..]));
}

#[test]
fn views_cannot_change_anything() {
    let writes = r#"(data (i32.const 0) "k")
        (func $put (call $kv_put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))
        (func (export "c_put") (call $put)) (func (export "v_set") (call $put))
        (func (export "v_del") (drop (call $kv_del (i32.const 0) (i32.const 1))))
        (func (export "v_emit") (call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
        (func (export "v_mode") (i64.store (i32.const 8) (call $ctx (i32.const 4))) (call $ret (i32.const 8) (i32.const 1)))"#;
    let mut net = Net::new();
    net.deploy("c", &module(writes));
    for method in ["set", "del", "emit"] {
        assert_eq!(code(&net.view("c", method, b"", FUEL)), FailureCode::ReadOnly, "{method}");
        let in_transaction = net.run("c", Entry::View(method), b"", FUEL).unwrap();
        assert_eq!(code(&in_transaction), FailureCode::ReadOnly, "{method}");
    }
    assert_eq!(net.view("c", "mode", b"", FUEL).result.unwrap(), [1]);
    assert!(net.world.entries(&id("c")).is_empty() && net.world.all_events().is_empty());
    net.call("c", "put", b"").result.unwrap();
    assert_eq!(net.world.entries(&id("c")).len(), 1);
}

#[test]
fn hashes_and_signatures_are_those_of_the_ledger() {
    let key = SecretKey::from_seed(&[3; 32]);
    let signature = key.sign(b"message");
    let body = r#"(func (export "c_hash") (call $input (i32.const 0)) (call $hash (i32.const 0) (i32.const 0) (call $input_len) (i32.const 4096))
            (call $ret (i32.const 4096) (i32.const 32)))
        (func (export "c_verify") (call $input (i32.const 0))
            (i32.store (i32.const 4096) (call $ed25519 (i32.const 0) (i32.const 32) (i32.const 96) (i32.sub (call $input_len) (i32.const 96))))
            (call $ret (i32.const 4096) (i32.const 4)))"#;
    let mut net = Net::new();
    net.deploy("c", &module(body));
    assert_eq!(net.call("c", "hash", b"abc").result.unwrap(), sha3_256(b"abc").0);
    let input = |message: &[u8]| [&key.public().0[..], &signature.0[..], message].concat();
    assert_eq!(net.call("c", "verify", &input(b"message")).result.unwrap(), [1, 0, 0, 0]);
    assert_eq!(net.call("c", "verify", &input(b"massage")).result.unwrap(), [0; 4]);
}

#[test]
fn unknown_methods_and_a_missing_initialiser_have_their_codes() {
    let mut net = Net::new();
    net.deploy("c", &module(r#"(func (export "c_m"))"#));
    assert_eq!(code(&net.call("c", "other", b"")), FailureCode::NoSuchMethod);
    assert_eq!(code(&net.view("c", "m", b"", FUEL)), FailureCode::NoSuchMethod);
    assert_eq!(net.run("c", Entry::Init, b"", FUEL).unwrap().result, Ok(Vec::new()));
    assert_eq!(code(&net.run("c", Entry::Init, b"x", FUEL).unwrap()), FailureCode::BadArguments);
    assert_eq!(code(&net.run("c", Entry::Migrate, b"", FUEL).unwrap()), FailureCode::MigrationMissing);
    let full = r#"(func (export "init") (call $kv_put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))
        (func (export "migrate") (call $ret (i32.const 0) (i32.const 1)))"#;
    net.deploy("d", &module(full));
    net.run("d", Entry::Init, b"", FUEL).unwrap().result.unwrap();
    assert_eq!(net.run("d", Entry::Migrate, b"", FUEL).unwrap().result.unwrap(), [0]);
    assert_eq!(net.world.entries(&id("d")).len(), 1);
}

#[test]
fn a_failed_call_leaves_no_trace_in_the_world() {
    let body = r#"(func (export "c_m")
        (call $kv_put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))
        (call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
        (call $log (i32.const 0) (i32.const 1)) unreachable)"#;
    let mut net = Net::new();
    net.deploy("c", &module(body));
    let outcome = net.call("c", "m", b"");
    assert_eq!(outcome.result, Err(Failure::new(FailureCode::Trap, "unreachable code reached")));
    assert!(net.world.entries(&id("c")).is_empty() && net.world.all_events().is_empty());
    assert_eq!(outcome.logs.len(), 1, "lines for the operator stay");
}
