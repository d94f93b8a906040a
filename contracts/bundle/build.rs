//! Builds the built-in contracts to WebAssembly and writes the table that `src/lib.rs` includes.
//!
//! The inner build has a target folder of its own, `target/contracts`, so it never waits for the cargo that runs this
//! script, and the library that the Debian route builds is built once for all outer target folders. Where that folder
//! cannot be written it is inside this script's output; `ALTHING_WASM_TARGET_DIR` names another one.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

/// Built-in contracts: id on the chain, package.
const CONTRACTS: [(&str, &str); 8] = [
    ("tld_binding", "althing-tld-binding"),
    ("domain_records", "althing-domain-records"),
    ("governance", "althing-governance"),
    ("node_admission", "althing-node-admission"),
    ("node_removal", "althing-node-removal"),
    ("registrations", "althing-registrations"),
    ("root_sync", "althing-root-sync"),
    ("bootstrap", "althing-bootstrap"),
];

/// Not part of any chain's genesis by default: what `althing bench` calls.
const LOAD: (&str, &str) = ("load", "althing-load");

/// What the modules are made of, from the workspace's folder.
const SOURCES: [&str; 32] = [
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "node/types/Cargo.toml",
    "node/types/src",
    "sdk/abi/Cargo.toml",
    "sdk/abi/src",
    "sdk/contract/Cargo.toml",
    "sdk/contract/src",
    "sdk/macros/Cargo.toml",
    "sdk/macros/src",
    "contracts/interface/Cargo.toml",
    "contracts/interface/src",
    "contracts/tld_binding/Cargo.toml",
    "contracts/tld_binding/src",
    "contracts/domain_records/Cargo.toml",
    "contracts/domain_records/src",
    "contracts/governance/Cargo.toml",
    "contracts/governance/src",
    "contracts/node_admission/Cargo.toml",
    "contracts/node_admission/src",
    "contracts/node_removal/Cargo.toml",
    "contracts/node_removal/src",
    "contracts/registrations/Cargo.toml",
    "contracts/registrations/src",
    "contracts/root_sync/Cargo.toml",
    "contracts/root_sync/src",
    "contracts/bootstrap/Cargo.toml",
    "contracts/bootstrap/src",
    "contracts/load/Cargo.toml",
    "contracts/load/src",
    "contracts/bundle/build.rs",
];

fn main() {
    if let Err(message) = run() {
        // One plain message instead of a panic with a backtrace.
        for line in message.lines() {
            println!("cargo::error={line}");
        }
        std::process::exit(1);
    }
}

fn run() -> Result<(), String> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} is not set"));
    let (own, out) = (variable("CARGO_MANIFEST_DIR")?, variable("OUT_DIR")?);
    let root = own.ancestors().nth(2).ok_or("the crate is not inside the workspace")?.to_path_buf();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    for name in [althing_build::TARGET_DIR_VARIABLE, althing_build::ROUTE_VARIABLE] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let toolchain = althing_build::find_toolchain().map_err(|error| error.to_string())?;
    let shared = Some(root.join("target").join("contracts")).filter(|folder| std::fs::create_dir_all(folder).is_ok());
    let request = althing_build::Request {
        manifest: root.join("Cargo.toml"),
        packages: CONTRACTS.iter().chain([&LOAD]).map(|(_, package)| (*package).to_owned()).collect(),
        target_dir: althing_build::target_dir(&shared.unwrap_or_else(|| out.join("wasm"))),
        locked: true,
        output: althing_build::Output::Kept,
    };
    let modules = althing_build::build(&toolchain, &request).map_err(|error| error.to_string())?;
    let mut table = String::from("&[\n");
    for ((id, _), module) in CONTRACTS.iter().zip(&modules) {
        // Kept under a name of its own: a shared target folder may be rebuilt by someone else.
        let kept = out.join(format!("{id}.wasm"));
        copy_if_changed(&module.path, &kept)?;
        writeln!(table, "    Bundled {{ id: {id:?}, code: include_bytes!({:?}) }},", kept.display().to_string())
            .map_err(|error| error.to_string())?;
    }
    table.push(']');
    if let Some(module) = modules.last() {
        copy_if_changed(&module.path, &out.join("load.wasm"))?;
    }
    std::fs::write(out.join("contracts.rs"), table).map_err(|error| format!("cannot write the table: {error}"))
}

fn copy_if_changed(from: &Path, to: &Path) -> Result<(), String> {
    let bytes = std::fs::read(from).map_err(|error| format!("cannot read {}: {error}", from.display()))?;
    if std::fs::read(to).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    std::fs::write(to, bytes).map_err(|error| format!("cannot write {}: {error}", to.display()))
}
