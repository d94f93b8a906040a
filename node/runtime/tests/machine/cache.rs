//! Compiled modules: the caches save time and change nothing.

use crate::common::*;
use althing_runtime::{Config, Entry, Invocation, MemoryWorld, NodeFault, Outcome, Runtime};
use althing_types::{hash::Hash, receipt::FailureCode};
use std::{fs, path::PathBuf};

const BODY: &str = r#"(func (export "c_m") (local $i i32)
    (loop $l (call $kv_put (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 8))
        (i32.store (i32.const 0) (local.tee $i (i32.add (local.get $i) (i32.const 1))))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 9))))
    (call $ret (i32.const 0) (i32.const 4)))"#;

fn run(config: Config, code: &[u8]) -> Outcome {
    let runtime = Runtime::new(config).unwrap();
    let mut world = MemoryWorld::new();
    let hash = world.deploy(&id("c"), code);
    let contract = id("c");
    let call = Invocation { contract: &contract, code: hash, entry: Entry::Call("m"), input: b"", fuel: FUEL };
    let first = runtime.invoke(&mut world, &context(), &call).unwrap();
    assert_eq!(runtime.invoke(&mut world, &context(), &call).unwrap(), first, "warm differs from cold");
    first
}

fn folder() -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    let config = Config { cache: Some(folder.path().join("modules")), ..Config::default() };
    (folder, config)
}

fn files(config: &Config) -> Vec<PathBuf> {
    let all = fs::read_dir(config.cache.as_ref().unwrap()).unwrap().map(|e| e.unwrap().path());
    let mut modules: Vec<PathBuf> = all.filter(|p| p.extension().is_some_and(|e| e == "module")).collect();
    modules.sort();
    modules
}

#[test]
fn outcome_and_fuel_are_the_same_with_cold_and_warm_caches_and_either_compiler_level() {
    let code = module(BODY);
    let (_folder, config) = folder();
    let cold = run(config.clone(), &code);
    assert_eq!(files(&config).len(), 1);
    let from_file = run(config, &code);
    let in_memory = run(Config::default(), &code);
    let quick = run(Config { quick_compile: true, ..Config::default() }, &code);
    assert!(cold.result.is_ok());
    assert_eq!([&from_file, &in_memory, &quick], [&cold; 3]);
}

#[test]
fn a_changed_file_is_not_loaded_but_replaced() {
    let code = module(BODY);
    let (_folder, config) = folder();
    let good = run(config.clone(), &code);
    let file = files(&config).pop().unwrap();
    let original = fs::read(&file).unwrap();
    for at in [0, 8, 39, 40, 48, 52, original.len() / 2, original.len() - 1] {
        let mut changed = original.clone();
        changed[at] ^= 1;
        fs::write(&file, &changed).unwrap();
        assert_eq!(run(config.clone(), &code), good);
        assert_eq!(fs::read(&file).unwrap(), original, "byte {at}: the file was not replaced");
    }
    for cut in [0, 7, 40, original.len() - 1] {
        fs::write(&file, &original[..cut]).unwrap();
        assert_eq!(run(config.clone(), &code), good);
        assert_eq!(fs::read(&file).unwrap(), original);
    }
}

#[test]
fn a_file_of_another_module_or_another_node_is_not_loaded() {
    let (one, other) = (module(BODY), module(r#"(func (export "c_m") unreachable)"#));
    let (_folder, config) = folder();
    run(config.clone(), &one);
    let first = files(&config).pop().unwrap();
    run(config.clone(), &other);
    let second = files(&config).into_iter().find(|f| *f != first).unwrap();
    fs::copy(&first, &second).unwrap();
    assert_eq!(code(&run(config.clone(), &other)), FailureCode::Trap);

    let (_foreign, strange) = folder();
    run(strange.clone(), &one);
    let strange_file = files(&strange).pop().unwrap();
    assert_eq!(strange_file.file_name(), first.file_name(), "the same machine gives the same key");
    let own = fs::read(&first).unwrap();
    fs::copy(&strange_file, &first).unwrap();
    run(config, &one);
    assert_eq!(fs::read(&first).unwrap(), own, "made with another secret");
}

#[cfg(unix)]
#[test]
fn secret_and_modules_are_readable_by_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (_folder, config) = folder();
    run(config.clone(), &module(BODY));
    let secret = config.cache.as_ref().unwrap().join("secret");
    for file in files(&config).into_iter().chain([secret]) {
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn more_modules_than_fit_in_memory_work_all_the_same() {
    let runtime = Runtime::new(Config { modules: 2, ..Config::default() }).unwrap();
    let mut world = MemoryWorld::new();
    for round in 0..2 {
        for i in 0..4u8 {
            let contract = id(&format!("c{i}"));
            let text = format!(
                r#"(func (export "c_m") (i32.store8 (i32.const 0) (i32.const {i})) (call $ret (i32.const 0) (i32.const 1)))"#
            );
            let hash = world.deploy(&contract, &module(&text));
            let call = Invocation { contract: &contract, code: hash, entry: Entry::Call("m"), input: b"", fuel: FUEL };
            assert_eq!(runtime.invoke(&mut world, &context(), &call).unwrap().result.unwrap(), [i], "round {round}");
        }
    }
}

#[test]
fn code_that_is_not_stored_is_the_nodes_fault() {
    let runtime = Runtime::new(Config::default()).unwrap();
    let contract = id("c");
    let call = Invocation { contract: &contract, code: Hash([1; 32]), entry: Entry::Call("m"), input: b"", fuel: FUEL };
    let fault = runtime.invoke(&mut MemoryWorld::new(), &context(), &call).unwrap_err();
    assert_eq!(fault, NodeFault::CodeMissing { code: Hash([1; 32]) });
}

#[test]
fn many_threads_share_one_machine() {
    let runtime = Runtime::new(Config::default()).unwrap();
    let code = module(BODY);
    let expected = run(Config::default(), &code);
    std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                let mut world = MemoryWorld::new();
                let hash = world.deploy(&id("c"), &code);
                let contract = id("c");
                let call =
                    Invocation { contract: &contract, code: hash, entry: Entry::Call("m"), input: b"", fuel: FUEL };
                for _ in 0..50 {
                    assert_eq!(runtime.invoke(&mut world, &context(), &call).unwrap(), expected);
                }
            });
        }
    });
}
