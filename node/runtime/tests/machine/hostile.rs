//! Contracts that try to take more than they are given.

use crate::common::*;
use althing_runtime::{Config, Entry, Invocation, MemoryWorld, NodeFault, Outcome, Runtime};
use althing_types::receipt::FailureCode;

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let outcome = call_m(r#"(func (export "c_m") (loop $l br $l))"#);
    assert_eq!(code(&outcome), FailureCode::OutOfFuel);
    assert_eq!(outcome.fuel_used, FUEL);
}

#[test]
fn a_memory_bomb_meets_the_memory_limit() {
    let outcome = call_m(r#"(func (export "c_m") (loop $l (drop (memory.grow (i32.const 16))) br $l))"#);
    assert_eq!(code(&outcome), FailureCode::MemoryLimit);
    assert_eq!(outcome.fuel_used, FUEL);
    let outcome = call_m(r#"(func (export "c_m") (drop (memory.grow (i32.const 65535))))"#);
    assert_eq!(code(&outcome), FailureCode::MemoryLimit);
}

#[test]
fn a_declared_maximum_gives_minus_one_as_the_standard_says() {
    let code = module_of(
        r#"(import "althing" "ret" (func $ret (param i32 i32))) (memory (export "memory") 1 2)
        (func (export "althing_abi_1"))
        (func (export "c_m") (i32.store (i32.const 0) (memory.grow (i32.const 2))) (call $ret (i32.const 0) (i32.const 4)))"#,
    );
    let mut net = Net::new();
    net.deploy("c", &code);
    assert_eq!(net.call("c", "m", b"").result.unwrap(), [255; 4]);
}

#[test]
fn memory_is_charged_by_the_page() {
    let pages = |n: u32| call_m(&format!(r#"(func (export "c_m") (drop (memory.grow (i32.const {n}))))"#)).fuel_used;
    let per_page = pages(11) - pages(10);
    assert!(per_page >= althing_runtime::limits::FUEL_PER_PAGE, "{per_page}");
    assert_eq!(pages(21) - pages(10), 11 * per_page);
}

/// Writes its depth to memory and the log at each level, so that the depth that was reached is seen from outside.
const DEEP: &str = r#"
    (func $deep (param $d i32) (result i32)
        (local i64 i64 i64)
        (if (i32.eqz (i32.rem_u (local.get $d) (i32.const 1000)))
            (then (i32.store (i32.const 0) (local.get $d)) (call $log (i32.const 0) (i32.const 4))))
        (i32.add (call $deep (i32.add (local.get $d) (i32.const 1))) (local.get $d)))
    (func (export "c_m") (drop (call $deep (i32.const 1))))"#;

fn deep(quick_compile: bool, body: &str) -> Outcome {
    let runtime = Runtime::new(Config { quick_compile, ..Config::default() }).unwrap();
    let mut world = MemoryWorld::new();
    let code = world.deploy(&id("c"), &module(body));
    let invocation = Invocation { contract: &id("c"), code, entry: Entry::Call("m"), input: b"", fuel: 100_000_000 };
    runtime.invoke(&mut world, &context(), &invocation).unwrap()
}

#[test]
fn deep_recursion_meets_the_stack_limit_at_the_same_depth_whatever_the_compiler_does() {
    let (fast, quick) = (deep(false, DEEP), deep(true, DEEP));
    assert_eq!(code(&fast), FailureCode::StackLimit);
    assert_eq!(fast, quick);
    assert!(fast.logs.len() > 3, "{} log lines", fast.logs.len());
}

#[test]
fn mutual_and_indirect_recursion_meet_it_too() {
    let body = r#"(type $t (func (param i32)))
        (table 2 2 funcref) (elem (i32.const 0) $a $b)
        (func $a (param i32) (call_indirect (type $t) (local.get 0) (i32.const 1)))
        (func $b (param i32) (call $a (local.get 0)))
        (func (export "c_m") (call $a (i32.const 1)))"#;
    let (fast, quick) = (deep(false, body), deep(true, body));
    assert_eq!(code(&fast), FailureCode::StackLimit);
    assert_eq!(fast, quick);
}

/// A function whose many values stay alive across its call to itself: as much native stack as a frame can take.
#[test]
fn frames_full_of_live_values_do_not_reach_the_native_limit() {
    for (reads, results) in [(20, 1), (400, 1), (2_000, 1), (300, 4)] {
        let mut body = String::from("(func $f (param i32) (result i32) ");
        let name = "(local i64)";
        body.push_str(name);
        for i in 0..reads {
            body.push_str(&format!("(i64.load offset={} (local.get 0)) ", (i * results) % 60_000));
        }
        body.push_str("(local.set 1 (i64.extend_i32_u (call $f (i32.add (local.get 0) (i32.const 1)))))");
        for _ in 0..reads {
            body.push_str("(local.get 1) i64.mul (local.set 1) ");
        }
        body.push_str("(i32.wrap_i64 (local.get 1))) (func (export \"c_m\") (drop (call $f (i32.const 0))))");
        for quick in [false, true] {
            assert_eq!(code(&deep(quick, &body)), FailureCode::StackLimit, "{reads} values, quick {quick}");
        }
    }
}

#[test]
fn the_stack_is_given_back_on_every_way_out_of_a_function() {
    // 100,000 calls, each left in another way: by falling through, return, branches to the function's own label.
    let body = r#"
        (func $way (param i32) (result i32)
            (block (block (block (block (br_table 0 1 2 3 (local.get 0)))
                (return (i32.const 1)))
                (br 2 (i32.const 2)))
                (drop (br_if 1 (i32.const 3) (i32.const 1))))
            (if (result i32) (i32.const 1) (then (return (i32.const 4))) (else (i32.const 5))))
        (func $two (param i32) (result i32 i64)
            (if (local.get 0) (then (return (i32.const 1) (i64.const 2))))
            (i32.const 3) (i64.const 4))
        (func (export "c_m") (local $i i32)
            (loop $l
                (drop (call $way (i32.and (local.get $i) (i32.const 3))))
                (drop (drop (call $two (i32.and (local.get $i) (i32.const 1)))))
                (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100000)))))"#;
    let outcome = call_m(body);
    assert_eq!(outcome.result, Ok(Vec::new()));
}

#[test]
fn raw_traps_have_their_code_and_cost_all_fuel() {
    for (what, body) in [
        ("unreachable", "unreachable"),
        ("load", "(drop (i32.load (i32.const 65536)))"),
        ("store", "(i64.store offset=65535 (i32.const 1) (i64.const 1))"),
        ("division", "(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
        ("overflow", "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"),
        ("fill", "(memory.fill (i32.const 65000) (i32.const 1) (i32.const 1000))"),
    ] {
        let outcome = call_m(&format!(r#"(func (export "c_m") {body})"#));
        assert_eq!(code(&outcome), FailureCode::Trap, "{what}");
        assert_eq!(outcome.fuel_used, FUEL, "{what}");
    }
}

#[test]
fn indirect_calls_to_nothing_or_of_another_type_trap() {
    let tables = r#"(type $t (func)) (table 4 4 funcref) (elem (i32.const 1) $other) (func $other (param i32))"#;
    for place in [0, 1, 9] {
        let body = format!(r#"{tables} (func (export "c_m") (call_indirect (type $t) (i32.const {place})))"#);
        assert_eq!(code(&call_m(&body)), FailureCode::Trap, "place {place}");
    }
}

#[test]
fn giant_and_many_log_lines_fail() {
    let outcome = call_m(r#"(func (export "c_m") (call $log (i32.const 0) (i32.const 1025)))"#);
    assert_eq!(code(&outcome), FailureCode::SizeLimit);
    let outcome = call_m(r#"(func (export "c_m") (loop $l (call $log (i32.const 0) (i32.const 1)) br $l))"#);
    assert_eq!(code(&outcome), FailureCode::SizeLimit);
    assert_eq!(outcome.logs.len(), althing_runtime::limits::MAX_LOGS);
}

#[test]
fn giant_keys_values_events_and_results_fail() {
    let memory = "(memory.grow (i32.const 4)) drop";
    for body in [
        "(call $kv_put (i32.const 0) (i32.const 513) (i32.const 0) (i32.const 1))",
        "(call $kv_put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 65537))",
        "(drop (call $kv_get (i32.const 0) (i32.const 513)))",
        "(drop (call $scan (i32.const 0) (i32.const 513) (i32.const 0) (i32.const 0)))",
        "(call $emit (i32.const 0) (i32.const 65) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))",
        "(call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 257) (i32.const 0) (i32.const 0))",
        "(call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16385))",
        "(loop $l (call $emit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) br $l)",
        "(call $ret (i32.const 0) (i32.const 65537))",
        "(loop $l (drop (call $scan (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))) br $l)",
    ] {
        let outcome = call_m(&format!(r#"(func (export "c_m") {memory} {body})"#));
        assert_eq!(code(&outcome), FailureCode::SizeLimit, "{body}");
        assert!(outcome.fuel_used < FUEL, "{body}");
    }
}

#[test]
fn host_functions_run_out_of_fuel_too() {
    for body in [
        "(call $kv_put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))",
        "(drop (call $ed25519 (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))",
        "(call $hash (i32.const 0) (i32.const 0) (i32.const 60000) (i32.const 0))",
        "(drop (call $gas_left))",
    ] {
        let outcome = call_m(&format!(r#"(func (export "c_m") (loop $l {body} br $l))"#));
        assert_eq!(code(&outcome), FailureCode::OutOfFuel, "{body}");
        assert_eq!(outcome.fuel_used, FUEL, "{body}");
    }
}

#[test]
fn too_little_fuel_to_enter_is_out_of_fuel() {
    let mut net = Net::new();
    net.deploy("c", &module(r#"(func (export "c_m"))"#));
    for fuel in [0, 1, 5_000] {
        let outcome = net.run("c", Entry::Call("m"), b"", fuel).unwrap();
        assert_eq!((code(&outcome), outcome.fuel_used), (FailureCode::OutOfFuel, fuel));
    }
}

#[test]
fn a_view_that_outruns_the_watchdog_ends_without_stopping_the_node() {
    let runtime = Runtime::new(Config { view_limit_ms: 30, ..Config::default() }).unwrap();
    let mut world = MemoryWorld::new();
    let code = world.deploy(&id("c"), &module(r#"(func (export "v_m") (loop $l br $l))"#));
    let view = Invocation { contract: &id("c"), code, entry: Entry::View("m"), input: b"", fuel: u64::MAX / 2 };
    let outcome = runtime.invoke_view(&mut world, &context(), &view).unwrap();
    assert_eq!(failure(&outcome).code, FailureCode::OutOfFuel);
    assert!(failure(&outcome).message.contains("30 ms"));
}

#[test]
fn a_transaction_that_outruns_the_watchdog_is_the_nodes_fault() {
    let runtime = Runtime::new(Config { call_limit_ms: 30, ..Config::default() }).unwrap();
    let mut world = MemoryWorld::new();
    let code = world.deploy(&id("c"), &module(r#"(func (export "c_m") (loop $l br $l))"#));
    let call = Invocation { contract: &id("c"), code, entry: Entry::Call("m"), input: b"", fuel: u64::MAX / 2 };
    let fault = runtime.invoke(&mut world, &context(), &call).unwrap_err();
    assert_eq!(fault, NodeFault::Watchdog { contract: id("c"), limit_ms: 30 });
}
