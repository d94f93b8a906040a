//! Code that is refused at the deploy.

use crate::common::*;
use althing_runtime::{Config, Runtime, limits::*};
use althing_types::{
    receipt::{Failure, FailureCode},
    transaction::MAX_CODE,
};

fn refusal(code: &[u8]) -> Failure {
    let runtime = Runtime::new(Config { quick_compile: true, ..Config::default() }).unwrap();
    runtime.check(code).map(|_| ()).expect_err("the code must be refused")
}

fn refused(code: &[u8], because: &str) {
    let failure = refusal(code);
    assert_eq!(failure.code, FailureCode::CodeRefused);
    assert!(failure.message.contains(because), "'{}' does not say '{because}'", failure.message);
}

const REQUIRED: &str = r#"(memory (export "memory") 1) (func (export "althing_abi_1"))"#;

#[test]
fn a_module_of_what_is_required_passes() {
    let runtime = Runtime::new(Config::default()).unwrap();
    let info =
        runtime.check(&module_of(&format!(r#"{REQUIRED} (func (export "init")) (func (export "c_m"))"#))).unwrap();
    assert!(info.has_init() && !info.has_migration());
    assert_eq!(info.abi.state_version, 2);
}

#[test]
fn floats_vectors_threads_and_references_are_refused() {
    for body in [
        "(func (drop (f32.const 1)))",
        "(func (drop (f64.add (f64.const 1) (f64.const 2))))",
        "(func (param f64))",
        "(func (local f32))",
        "(global f64 (f64.const 0))",
        "(func (drop (f64.convert_i64_s (i64.const 1))))",
        "(func (drop (i32.trunc_sat_f64_u (f64.const 1))))",
        "(func (drop (v128.const i64x2 0 0)))",
        "(func (drop (i32.atomic.load (i32.const 0))))",
        "(func (atomic.fence))",
        "(func (param externref))",
        "(func (drop (ref.null func)))",
        "(func (result i32) (return_call 0))",
        "(tag)",
        "(memory 1)",
    ] {
        let failure = refusal(&module_of(&format!("{REQUIRED} {body}")));
        assert_eq!(failure.code, FailureCode::CodeRefused, "{body}");
    }
    refused(&module_of(r#"(memory (export "memory") 1 2 shared) (func (export "althing_abi_1"))"#), "shared");
    refused(&module_of(r#"(memory (export "memory") i64 1) (func (export "althing_abi_1"))"#), "memory64");
}

#[test]
fn unknown_imports_are_refused() {
    for (import, because) in [
        (r#"(import "env" "kv_get" (func (param i32 i32) (result i64)))"#, "unknown"),
        (r#"(import "althing" "clock" (func (result i64)))"#, "unknown"),
        (r#"(import "wasi_snapshot_preview1" "random_get" (func (param i32 i32) (result i32)))"#, "unknown"),
        (r#"(import "althing" "kv_get" (func (param i32 i64) (result i64)))"#, "another type"),
        (r#"(import "althing" "kv_get" (func (param i32 i32)))"#, "another type"),
        (r#"(import "althing" "memory" (memory 1))"#, "only functions"),
        (r#"(import "althing" "kv_get" (global i32))"#, "only functions"),
    ] {
        refused(&module_of(&format!("{import} {REQUIRED}")), because);
    }
}

#[test]
fn a_start_function_is_refused() {
    refused(&module_of(&format!("{REQUIRED} (func $s) (start $s)")), "start function");
}

#[test]
fn missing_or_wrong_exports_are_refused() {
    refused(&module_of(r#"(memory 1) (func (export "althing_abi_1"))"#), "memory");
    refused(&module_of(r#"(memory (export "memory") 1)"#), "althing_abi_1");
    refused(&module_of(&format!(r#"{REQUIRED} (func (export "c_m") (param i32))"#)), "without parameters");
    refused(
        &module_of(&format!(r#"{REQUIRED} (func (export "v_m") (result i32) (i32.const 0))"#)),
        "without parameters",
    );
    refused(&module_of(&format!(r#"{REQUIRED} (global (export "init") i32 (i32.const 0))"#)), "without parameters");
    refused(&module_of(&format!(r#"{REQUIRED} (global (export "althing stack") i32 (i32.const 0))"#)), "reserved");
}

#[test]
fn a_missing_or_broken_description_is_refused() {
    let plain = wat::parse_str(format!("(module {REQUIRED})")).unwrap();
    refused(&plain, "althing.abi");
    let mut broken = plain.clone();
    append_description(&mut broken, &[1, 2, 3]);
    refused(&broken, "althing.abi");
    let mut twice = module_of(REQUIRED);
    append_description(&mut twice, &[]);
    refused(&twice, "althing.abi");
}

#[test]
fn a_description_that_does_not_fit_the_exports_is_refused() {
    // `module_of` lists the entry points that the text shows; a start of a name inside a comment is listed as well.
    refused(&module_of(&format!(r#"{REQUIRED} (; (export "c_absent") ;)"#)), "c_absent");
    let mut hidden = wat::parse_str(format!(r#"(module {REQUIRED} (func (export "c_hidden")))"#)).unwrap();
    let listed = module_of(REQUIRED);
    let at = listed.windows(11).position(|w| w == b"althing.abi").unwrap() + 11;
    append_description(&mut hidden, &listed[at..]);
    refused(&hidden, "c_hidden");
}

#[test]
fn counts_above_the_caps_are_refused() {
    let many = |n: usize, what: &str| module_of(&format!("{REQUIRED} {}", what.repeat(n)));
    refused(&many(MAX_FUNCTIONS as usize + 1, "(func)"), "functions");
    refused(&many(MAX_GLOBALS as usize + 1, "(global i32 (i32.const 0))"), "globals");
    refused(&many(MAX_DATA_SEGMENTS as usize + 1, r#"(data (i32.const 0) "")"#), "data segments");
    refused(&many(MAX_CUSTOM_SECTIONS as usize + 1, r#"(@custom "x" "")"#), "custom sections");
    refused(&many(2, "(table 1 funcref)"), "tables");
    refused(&module_of(&format!("{REQUIRED} (table {} funcref)", MAX_TABLE + 1)), "table elements");
    let exports: String = (0..=MAX_EXPORTS).map(|i| format!(r#"(export "e{i}" (func 0))"#)).collect();
    refused(&module_of(&format!("{REQUIRED} {exports}")), "exports");
    refused(
        &module_of(&format!(r#"{REQUIRED} (export "{}" (func 0))"#, "n".repeat(MAX_NAME + 1))),
        "name of an export",
    );
    let imports = r#"(import "althing" "gas_left" (func (result i64)))"#.repeat(MAX_IMPORTS as usize + 1);
    refused(&module_of(&format!("{imports} {REQUIRED}")), "imports");
    let types: String = (0..=MAX_TYPES).map(|_| "(type (func))").collect();
    refused(&module_of(&format!("{types} {REQUIRED}")), "types");
    let segments = "(elem (i32.const 0) 0)".repeat(MAX_ELEMENT_SEGMENTS as usize + 1);
    refused(&module_of(&format!("{REQUIRED} (table 1 funcref) {segments}")), "element segments");
    let items = format!("(elem (i32.const 0) {})", "0 ".repeat(MAX_ELEMENTS as usize + 1));
    refused(&module_of(&format!("{REQUIRED} (table 1 funcref) {items}")), "items of element segments");
}

#[test]
fn functions_above_the_caps_are_refused() {
    let function = |body: &str| module_of(&format!("{REQUIRED} (func {body})"));
    refused(&function(&"(param i32)".repeat(MAX_PARAMETERS + 1)), "parameters");
    refused(&function(&"(local i32)".repeat(MAX_LOCALS as usize + 1)), "locals");
    refused(&function(&"(nop)".repeat(MAX_BODY)), "bytes in a function");
    let nested = format!("{}{}", "(block ".repeat(MAX_NESTING as usize), ")".repeat(MAX_NESTING as usize));
    refused(&function(&nested), "nested deeper");
    let table = format!("(br_table {} (i32.const 0))", "0 ".repeat(MAX_BRANCH_TARGETS as usize + 1));
    refused(&function(&table), "branch-table targets");
    let wide = format!("{} {}", "(local i64)".repeat(1_000), "(block)".repeat(3_000));
    refused(&function(&wide), "branches times locals");
}

#[test]
fn too_much_code_or_memory_is_refused() {
    refused(
        &module_of(&format!(r#"(memory (export "memory") {}) (func (export "althing_abi_1"))"#, MAX_PAGES + 1)),
        "pages",
    );
    let filler = format!(r#"{REQUIRED} (data (i32.const 0) "{}")"#, "x".repeat(MAX_CODE));
    refused(&module_of(&filler), "bytes of code");
}

#[test]
fn segments_outside_of_the_memory_or_table_are_found_at_the_deploy() {
    refused(&module_of(&format!(r#"{REQUIRED} (data (i32.const 65535) "ab")"#)), "out of bounds");
    refused(&module_of(&format!("{REQUIRED} (table 1 funcref) (elem (i32.const 1) 0)")), "out of bounds");
}

#[test]
fn bytes_that_are_no_module_are_refused_without_a_panic() {
    let good = module_of(&format!(r#"{REQUIRED} (func (export "c_m") (drop (i32.const 300)))"#));
    for bytes in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0", b"not wasm at all"] {
        refused(bytes, "");
    }
    let runtime = Runtime::new(Config { quick_compile: true, ..Config::default() }).unwrap();
    for cut in 0..good.len() {
        assert!(runtime.check(&good[..cut]).is_err(), "cut at {cut}");
    }
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[at] ^= 1 << bit;
            let _either = runtime.check(&changed);
        }
    }
}

#[test]
fn the_longer_encoding_of_indirect_calls_is_accepted() {
    let code = module_of(&format!(
        r#"{REQUIRED} (type $t (func)) (table 1 funcref) (elem (i32.const 0) 0)
        (func (export "c_m") (call_indirect (type $t) (i32.const 0)))"#
    ));
    // call_indirect: opcode 0x11, type, table. The table's number 0 becomes 80 80 80 80 00, as compilers write it.
    let at = code.windows(3).position(|w| w == [0x11, 0x00, 0x00]).unwrap();
    let mut longer = code[..at + 2].to_vec();
    longer.extend_from_slice(&[0x80, 0x80, 0x80, 0x80, 0x00]);
    longer.extend_from_slice(&code[at + 3..]);
    // The function's length and the code section's length grow by four; both are one byte here.
    let body = code[..at].iter().rposition(|b| *b == 7).unwrap();
    longer[body] += 4;
    let section = code.windows(2).position(|w| w[0] == 10 && usize::from(w[1]) + 2 > at - body).unwrap();
    longer[section + 1] += 4;
    let mut net = Net::new();
    net.deploy("c", &longer);
    assert_eq!(net.call("c", "m", b"").result, Ok(Vec::new()));
}

#[test]
fn the_worst_module_within_the_caps_still_compiles() {
    // As many branches over as many locals as the caps allow, in each of as many functions as the code size allows.
    let locals = 400;
    let blocks = MAX_ANALYSIS as usize / (locals + 1) - 10;
    let mut one = format!("(func {}", "(local i64)".repeat(locals));
    for i in 0..blocks {
        let (a, b) = (i % locals, (i * 7 + 1) % locals);
        one.push_str(&format!("(loop (local.set {a} (i64.add (local.get {b}) (i64.const 1))))"));
    }
    one.push(')');
    let code = module_of(&format!("{REQUIRED} {}", one.repeat(4)));
    let runtime = Runtime::new(Config::default()).unwrap();
    runtime.check(&code).unwrap();
}
