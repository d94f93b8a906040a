//! What one contract call costs: `cargo run --release -p althing-runtime --example call_cost`.
//!
//! A fresh instance reads one key, writes three values of 100 bytes and emits one event, over a world in memory. The
//! same module is also instantiated by plain wasmtime in the same run, so that the machine's own share is seen.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a measurement stops at the first error"
)]

use althing_abi::{
    Abi,
    schema::{Method, MethodKind, Type},
};
use althing_runtime::{CallContext, Config, Entry, Invocation, MemoryWorld, Runtime};
use althing_types::{
    crypto::PublicKey,
    hash::Hash,
    id::{ChainId, ContractId, Height},
};
use std::time::Instant;

const WORK: &str = r#"(module
    (import "althing" "input_len" (func $input_len (result i32)))
    (import "althing" "input" (func $input (param i32)))
    (import "althing" "take" (func $take (param i32 i32 i32)))
    (import "althing" "kv_get" (func $kv_get (param i32 i32) (result i64)))
    (import "althing" "kv_put" (func $kv_put (param i32 i32 i32 i32)))
    (import "althing" "emit" (func $emit (param i32 i32 i32 i32 i32 i32)))
    (memory (export "memory") 2)
    (data (i32.const 32768) "key0key1key2Changedtopic")
    (func (export "althing_abi_1"))
    (func $write (param $sp i32)
        ;; A little of the stack, as compiled code uses it.
        (memory.fill (local.get $sp) (i32.const 7) (i32.const 400)))
    (func (export "c_nothing"))
    (func (export "c_work")
        (call $write (i32.const 32000))
        (call $input (i32.const 40000))
        (drop (call $kv_get (i32.const 32768) (i32.const 4)))
        (call $kv_put (i32.const 32768) (i32.const 4) (i32.const 40000) (i32.const 100))
        (call $kv_put (i32.const 32772) (i32.const 4) (i32.const 40000) (i32.const 100))
        (call $kv_put (i32.const 32776) (i32.const 4) (i32.const 40000) (i32.const 100))
        (call $emit (i32.const 32780) (i32.const 7) (i32.const 32787) (i32.const 5) (i32.const 40000) (i32.const 40))))"#;

fn described(mut code: Vec<u8>, methods: &[&str]) -> Vec<u8> {
    let method = |name: &&str| {
        let (name, docs) = ((*name).to_owned(), String::new());
        Method { name, kind: MethodKind::Call, role: None, arguments: Vec::new(), result: Type::Unit, docs }
    };
    let abi = Abi {
        abi_version: althing_abi::schema::ABI_VERSION,
        name: "cost".into(),
        version: "1".into(),
        docs: String::new(),
        state_version: 1,
        migrates_from: Vec::new(),
        state: Vec::new(),
        methods: methods.iter().map(method).collect(),
        events: Vec::new(),
        errors: Vec::new(),
        build: Vec::new(),
    };
    let name = althing_abi::exports::SECTION.as_bytes();
    let content = [&[name.len() as u8], name, &abi.encode()].concat();
    code.extend_from_slice(&[0, (content.len() & 127) as u8 | 128, (content.len() >> 7) as u8]);
    code.extend_from_slice(&content);
    code
}

/// Median and fastest of many rounds, in microseconds each.
fn measure(rounds: usize, mut once: impl FnMut()) -> (f64, f64) {
    const EACH: usize = 200;
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            (0..EACH).for_each(|_| once());
            start.elapsed().as_secs_f64() * 1e6 / EACH as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    (times[times.len() / 2], times[0])
}

/// The same work by wasmtime alone: an instance of the module as it is, its memory used, one call.
fn bare() -> (f64, f64) {
    use wasmtime::{Engine, Instance, Module, Store};
    let mut pool = wasmtime::PoolingAllocationConfig::new();
    pool.linear_memory_keep_resident(256 << 10).max_memory_size(16 << 20);
    let mut config = wasmtime::Config::new();
    config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool)).concurrency_support(false);
    let engine = Engine::new(&config).unwrap();
    let text = r#"(module (memory (export "memory") 2) (data (i32.const 32768) "key0key1key2Changedtopic")
        (func (export "c_work") (memory.fill (i32.const 32000) (i32.const 7) (i32.const 400))))"#;
    let module = Module::new(&engine, wat::parse_str(text).unwrap()).unwrap();
    measure(200, || {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).unwrap();
        instance.get_typed_func::<(), ()>(&mut store, "c_work").unwrap().call(&mut store, ()).unwrap();
    })
}

fn main() {
    let runtime = Runtime::new(Config::default()).unwrap();
    let mut world = MemoryWorld::new();
    let contract = ContractId::new("cost").unwrap();
    let code = described(wat::parse_str(WORK).unwrap(), &["nothing", "work"]);
    runtime.check(&code).unwrap();
    let code = world.deploy(&contract, &code);
    let context = CallContext {
        chain: ChainId::new("test").unwrap(),
        height: Height(1),
        timestamp_ms: 1,
        transaction: Hash::ZERO,
        signer: PublicKey([1; 32]),
        organisation: None,
        roles: Default::default(),
        governor: None,
    };
    let input = [3u8; 100];
    let mut fuel = 0;
    let mut run = |method: &str| {
        let call =
            Invocation { contract: &contract, code, entry: Entry::Call(method), input: &input, fuel: 10_000_000 };
        let outcome = runtime.invoke(&mut world, &context, &call).unwrap();
        assert!(outcome.result.is_ok());
        fuel = outcome.fuel_used;
        world.finish();
    };
    let nothing = measure(200, || run("nothing"));
    let work = measure(200, || run("work"));
    let bare = bare();
    println!("plain wasmtime, fresh instance, one call   median {:6.2} us   fastest {:6.2} us", bare.0, bare.1);
    println!("machine, a method that does nothing        median {:6.2} us   fastest {:6.2} us", nothing.0, nothing.1);
    println!("machine, 1 get, 3 puts of 100 B, 1 event   median {:6.2} us   fastest {:6.2} us", work.0, work.1);
    println!("ratio to plain wasmtime                    median {:6.2}      fuel {fuel}", work.0 / bare.0);
}
