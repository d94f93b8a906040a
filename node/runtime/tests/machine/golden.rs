//! Committed traces: what reference modules return, store, emit and cost. A difference is a change of consensus and
//! needs a new cost version. `ALTHING_BLESS=1` writes the file anew.

use crate::common::*;
use althing_runtime::Entry;
use std::fmt::Write;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/machine/golden.txt");

/// Name, body of the module, input of its method `m`.
const MODULES: &[(&str, &str, &[u8])] = &[
    ("nothing", r#"(func (export "c_m"))"#, b""),
    (
        "echo",
        r#"(func (export "c_m") (call $input (i32.const 16)) (call $ret (i32.const 16) (call $input_len)))"#,
        b"some input",
    ),
    (
        "fibonacci",
        r#"(func $fib (param i32) (result i32)
            (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
            (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))
        (func (export "c_m") (i32.store (i32.const 0) (call $fib (i32.const 15))) (call $ret (i32.const 0) (i32.const 4)))"#,
        b"",
    ),
    (
        "storage",
        r#"(func (export "c_m") (local $i i32)
            (loop $l
                (i32.store (i32.const 0) (local.get $i))
                (call $kv_put (i32.const 0) (i32.const 4) (i32.const 8) (local.get $i))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 5))))
            (drop (call $kv_del (i32.const 0) (i32.const 4)))
            (drop (call $kv_get (i32.const 4) (i32.const 4)))
            (drop (call $kv_get (i32.const 0) (i32.const 4)))
            (local.set $i (call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
            (loop $s (br_if $s (i64.ge_s (call $scan_next (local.get $i)) (i64.const 0))))
            (call $scan_close (local.get $i)))"#,
        b"",
    ),
    (
        "events",
        r#"(data (i32.const 0) "Boundtopic") (func (export "c_m")
            (call $emit (i32.const 0) (i32.const 5) (i32.const 5) (i32.const 5) (i32.const 0) (i32.const 10))
            (call $log (i32.const 0) (i32.const 5)))"#,
        b"",
    ),
    (
        "crypto",
        r#"(func (export "c_m")
            (call $hash (i32.const 0) (i32.const 0) (i32.const 100) (i32.const 200))
            (drop (call $ed25519 (i32.const 200) (i32.const 232) (i32.const 0) (i32.const 50)))
            (call $ret (i32.const 200) (i32.const 32)))"#,
        b"",
    ),
    (
        "memory",
        r#"(func (export "c_m")
            (drop (memory.grow (i32.const 3)))
            (memory.fill (i32.const 0) (i32.const 7) (i32.const 100000))
            (memory.copy (i32.const 100000) (i32.const 0) (i32.const 50000))
            (drop (i32.div_u (i32.const 9) (i32.const 2))))"#,
        b"",
    ),
    ("abort", r#"(func (export "c_m") (call $abort (i32.const 12) (i32.const 0) (i32.const 3)))"#, b""),
    ("trap", r#"(func (export "c_m") unreachable)"#, b""),
    ("too_deep", r#"(func $f (call $f) (call $f)) (func (export "c_m") (call $f))"#, b""),
    ("facts", r#"(func (export "c_m") (drop (call $ctx (i32.const 1))) (drop (call $ctx (i32.const 12))))"#, b""),
    (
        "nested",
        r#"(data (i32.const 0) "echo") (data (i32.const 8) "m") (func (export "c_m")
            (call $take (i32.const 64) (i32.const 0) (i32.wrap_i64
                (call $call (i32.const 0) (i32.const 4) (i32.const 8) (i32.const 1) (i32.const 0) (i32.const 9) (i64.const 100000))))
            (call $ret (i32.const 64) (i32.const 9)))"#,
        b"",
    ),
];

fn trace() -> String {
    let mut net = Net::new();
    let mut out = String::new();
    for (name, body, input) in MODULES {
        net.deploy(name, &module(body));
        let outcome = net.run(name, Entry::Call("m"), input, FUEL).unwrap();
        writeln!(out, "{name}\n  result {:?}\n  fuel {}", outcome.result, outcome.fuel_used).unwrap();
        for line in &outcome.logs {
            writeln!(out, "  log {line:?}").unwrap();
        }
        for event in net.world.finish() {
            writeln!(out, "  event {} {:?} {:?}", event.name, event.topic, event.data).unwrap();
        }
        for (key, value) in net.world.entries(&id(name)) {
            writeln!(out, "  entry {key:?} = {value:?}").unwrap();
        }
    }
    out
}

#[test]
fn traces_are_the_committed_ones() {
    let found = trace();
    if std::env::var_os("ALTHING_BLESS").is_some() {
        std::fs::write(FILE, &found).unwrap();
    }
    let committed = std::fs::read_to_string(FILE).unwrap();
    assert!(found == committed, "costs or results changed; found:\n{found}");
}

#[test]
fn traces_do_not_vary() {
    assert_eq!(trace(), trace());
}
