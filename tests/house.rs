//! The rules of the house, checked against the repository itself: which crate may import which, and what every file
//! must look like. Each test is one rule; its message names every offender and what to do.
//!
//! Reads manifests through `cargo metadata` (no dependency is resolved, nothing is fetched) and files as text.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[path = "house/source.rs"]
mod source;

use cargo_metadata::{DependencyKind, MetadataCommand};
use source::{attributes, code_of, line_of, words};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Longest source file in lines.
const MAX_LINES: usize = 600;

/// Layers from the bottom. Imports point down only, never along a row.
const LAYERS: [(&str, &[&str]); 9] = [
    ("root", &["node/types"]),
    ("words", &["node/api", "node/identity", "sdk/abi", "sdk/macros", "sdk/build", "contracts/interface"]),
    ("cores", &["node/consensus", "node/mempool", "node/sync", "sdk/contract"]),
    ("adapters", &["node/state", "node/runtime", "node/network"]),
    (
        "engine",
        &[
            "node/execution",
            "contracts/tld_binding",
            "contracts/domain_records",
            "contracts/governance",
            "contracts/node_admission",
            "contracts/node_removal",
            "contracts/registrations",
            "contracts/root_sync",
            "contracts/bootstrap",
            "contracts/load",
            "contracts/bundle",
        ],
    ),
    ("surface", &["node/rpc", "sdk/client"]),
    ("binaries", &["node/daemon", "node/zone", "node/rdap", "cli"]),
    ("examples", &["examples/rdap_backend"]),
    ("tests", &["tests"]),
];

/// Crates that only one of ours may import.
const ONE_OWNER: [(&str, &str); 6] = [
    ("rocksdb", "node/state"),
    ("jmt", "node/state"),
    ("wasmtime", "node/runtime"),
    ("libp2p", "node/network"),
    ("arc-malachitebft-core-consensus", "node/consensus"),
    ("arc-malachitebft-core-types", "node/consensus"),
];

/// What types, words, cores and contracts never import: the outside world and chance.
const OUTSIDE: [&str; 16] = [
    "tokio",
    "async-std",
    "smol",
    "libp2p",
    "rocksdb",
    "jmt",
    "wasmtime",
    "rand",
    "rand_core",
    "rand_chacha",
    "getrandom",
    "axum",
    "hyper",
    "reqwest",
    "chrono",
    "crossbeam-channel",
];

/// Files that may say `unsafe` (docs/adr/008).
const UNSAFE_FILES: [&str; 4] = [
    "sdk/contract/src/host/wasm.rs",
    "sdk/contract/src/allocator.rs",
    "node/runtime/src/cache.rs",
    "node/runtime/src/transaction.rs",
];

/// Expected output of the macros: not written by hand.
const GOLDEN: &str = "sdk/macros/tests/expanded/";

/// One crate of the workspace: its folder and what it imports when it is not being tested.
struct Crate {
    folder: String,
    imports: BTreeSet<String>,
    outside: BTreeSet<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn crates() -> Vec<Crate> {
    let root = root();
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec().unwrap();
    let inside = |path: &Path| path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
    let mut crates: Vec<Crate> = metadata
        .packages
        .iter()
        .map(|package| {
            let used = || package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development);
            Crate {
                folder: inside(package.manifest_path.parent().unwrap().as_std_path()),
                imports: used().filter_map(|d| d.path.as_ref()).map(|p| inside(p.as_std_path())).collect(),
                outside: used().filter(|d| d.path.is_none()).map(|d| d.name.clone()).collect(),
            }
        })
        .collect();
    crates.sort_by(|a, b| a.folder.cmp(&b.folder));
    crates
}

fn layer(folder: &str) -> Option<usize> {
    LAYERS.iter().position(|(_, folders)| folders.contains(&folder))
}

/// Every file that is, or is about to be, part of the repository: paths from its root.
fn files() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()
        .filter(|output| output.status.success() && !output.stdout.is_empty());
    let mut files: Vec<String> = match listed {
        Some(output) => String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect(),
        None => walk(&root()),
    };
    files.retain(|file| root().join(file).is_file());
    files.sort();
    files.dedup();
    assert!(files.len() > 50, "only {} files found", files.len());
    files
}

/// The same without git, as in an unpacked archive.
fn walk(root: &Path) -> Vec<String> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !matches!(name.as_str(), "target" | "bin" | ".git" | ".althing" | "corpus" | "artifacts") {
                    open.push(path);
                }
            } else {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found
}

/// Path and text of every Rust file.
fn sources() -> Vec<(String, String)> {
    let rust = files().into_iter().filter(|file| file.ends_with(".rs"));
    rust.map(|file| {
        let text = read(&file);
        (file, text)
    })
    .collect()
}

/// The same without the golden files of the macros.
fn written() -> Vec<(String, String)> {
    sources().into_iter().filter(|(file, _)| !file.starts_with(GOLDEN)).collect()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

#[track_caller]
fn none(what: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{what}:\n  {}", offenders.join("\n  "));
}

#[test]
fn every_crate_has_a_layer() {
    let homeless: Vec<String> = crates().into_iter().map(|c| c.folder).filter(|f| layer(f).is_none()).collect();
    none("give these crates a row in LAYERS of tests/house.rs and a line in ARCHITECTURE.md", &homeless);
}

#[test]
fn imports_point_down_only() {
    let mut offenders = Vec::new();
    for krate in crates() {
        let Some(own) = layer(&krate.folder) else { continue };
        for import in &krate.imports {
            if own + 1 == LAYERS.len() {
                continue; // The tests import what they test.
            }
            match layer(import) {
                Some(other) if other < own => {}
                _ => offenders.push(format!("{} ({}) imports {import}", krate.folder, LAYERS[own].0)),
            }
        }
    }
    none("imports that do not point to a lower layer", &offenders);
}

#[test]
fn the_api_server_knows_no_store_no_machine_and_no_consensus() {
    let allowed = ["node/types", "node/api", "sdk/abi"];
    none("rpc talks to the node through its two traits only", &beyond("node/rpc", &allowed));
}

#[test]
fn contracts_import_only_the_sdk_the_interface_and_types() {
    let allowed = ["node/types", "sdk/contract", "sdk/abi", "sdk/macros", "contracts/interface"];
    let mut offenders = beyond("contracts/interface", &["node/types"]);
    for krate in crates().iter().filter(|c| c.folder.starts_with("contracts/") && c.folder != "contracts/bundle") {
        offenders.extend(beyond(&krate.folder, &allowed));
    }
    none("a contract is built on the SDK alone", &offenders);
}

#[test]
fn programs_around_the_node_import_words_types_and_the_client_only() {
    let words = ["node/types", "node/api", "sdk/abi", "contracts/interface", "sdk/client"];
    let mut offenders = Vec::new();
    for folder in ["node/zone", "node/rdap"] {
        offenders.extend(beyond(folder, &words));
    }
    // The command line also builds contracts, starts chains with the built-in ones, and certifies members.
    let more: Vec<&str> = words.into_iter().chain(["contracts/bundle", "sdk/build", "node/identity"]).collect();
    offenders.extend(beyond("cli", &more));
    none("these programs see the node through its API only", &offenders);
}

/// What a crate imports of ours beyond what it may; nothing when there is no such crate yet.
fn beyond(folder: &str, allowed: &[&str]) -> Vec<String> {
    let krate = crates().into_iter().find(|c| c.folder == folder);
    let imports = krate.map(|c| c.imports).unwrap_or_default();
    imports.iter().filter(|i| !allowed.contains(&i.as_str())).map(|i| format!("{folder} imports {i}")).collect()
}

#[test]
fn types_words_cores_and_contracts_import_neither_the_outside_nor_chance() {
    let cores = LAYERS.iter().position(|(name, _)| *name == "cores");
    let mut offenders = Vec::new();
    for krate in crates() {
        if layer(&krate.folder) <= cores || krate.folder.starts_with("contracts/") {
            let bad = krate.outside.iter().filter(|name| OUTSIDE.contains(&name.as_str()));
            offenders.extend(bad.map(|name| format!("{} imports {name}", krate.folder)));
        }
    }
    none("they are pure: time, input and chance are passed in", &offenders);
}

#[test]
fn store_tree_machine_wire_and_consensus_library_have_one_owner_each() {
    let mut offenders = Vec::new();
    for krate in crates() {
        for (name, owner) in ONE_OWNER {
            if krate.outside.contains(name) && krate.folder != owner {
                offenders.push(format!("{} imports {name}, which belongs to {owner}", krate.folder));
            }
        }
    }
    none("one crate wraps each heavy library", &offenders);
}

#[test]
fn no_source_file_is_longer_than_600_lines() {
    let long = |(file, text): (String, String)| {
        let lines = text.lines().count();
        (lines > MAX_LINES).then(|| format!("{file}: {lines}"))
    };
    none("split these files", &written().into_iter().filter_map(long).collect::<Vec<_>>());
}

#[test]
fn every_source_file_opens_with_its_purpose() {
    let silent = |(file, text): (String, String)| (!text.starts_with("//!")).then_some(file);
    none("the first line must begin with //!", &written().into_iter().filter_map(silent).collect::<Vec<_>>());
}

#[test]
fn every_crate_has_a_library_that_says_what_it_is() {
    let mut offenders = Vec::new();
    for krate in crates() {
        let path = root().join(&krate.folder).join("src/lib.rs");
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.lines().take_while(|line| line.starts_with("//!")).map(str::len).sum::<usize>() < 40 {
            offenders.push(format!("{}/src/lib.rs", krate.folder));
        }
    }
    none("write what the crate is for, where it stands and what it must not do", &offenders);
}

#[test]
fn a_silenced_lint_has_a_reason() {
    let mut offenders = Vec::new();
    for (file, text) in written() {
        let code = code_of(&text);
        for (at, attribute) in attributes(&code) {
            let silences = ["allow", "expect"]
                .iter()
                .any(|w| words(attribute, w).iter().any(|i| attribute[i + w.len()..].starts_with('(')));
            if silences && words(attribute, "reason").is_empty() {
                offenders.push(format!("{file}:{}", line_of(&code, at)));
            }
        }
    }
    none("add a reason", &offenders);
}

#[test]
fn nothing_is_left_half_done() {
    let marks = [concat!("FIX", "ME"), concat!("XX", "X:"), concat!("HA", "CK:")];
    let mut offenders = Vec::new();
    for (file, text) in written() {
        let code = code_of(&text);
        for name in ["todo", "unimplemented", "dbg"] {
            let calls = words(&code, name).into_iter().filter(|at| code[at + name.len()..].starts_with('!'));
            offenders.extend(calls.map(|at| format!("{file}:{}: {name}!", line_of(&code, at))));
        }
        for mark in marks {
            offenders.extend(text.match_indices(mark).map(|(at, _)| format!("{file}:{}: {mark}", line_of(&text, at))));
        }
    }
    none("finish it, or open an issue", &offenders);
}

#[test]
fn unsafe_code_is_in_four_files_only_and_says_why_it_is_sound() {
    let mut offenders = Vec::new();
    for (file, text) in written() {
        let code = code_of(&text);
        let mut blocks = 0;
        for at in words(&code, "unsafe") {
            let rest = code[at + "unsafe".len()..].trim_start();
            // The macros write `#[unsafe(export_name = ..)]` into contracts: names of entry points, not unsafe code.
            if rest.starts_with('(') && file.starts_with("sdk/macros/") {
                continue;
            }
            if !UNSAFE_FILES.contains(&file.as_str()) {
                offenders.push(format!("{file}:{}", line_of(&code, at)));
            }
            blocks += usize::from(rest.starts_with('{') || rest.starts_with("impl"));
        }
        if blocks > text.matches("SAFETY:").count() {
            offenders.push(format!("{file}: a block without a SAFETY comment"));
        }
    }
    none("unsafe code (docs/adr/008)", &offenders);
}

#[test]
fn the_root_documents_exist() {
    let wanted = [
        "README.md",
        "ARCHITECTURE.md",
        "GLOSSARY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE",
        "Makefile",
        "deny.toml",
        "clippy.toml",
        "rustfmt.toml",
        "rust-toolchain.toml",
        ".ci/run",
        "docs/adr/README.md",
    ];
    let missing = |file: &&&str| fs::read_to_string(root().join(**file)).unwrap_or_default().trim().len() < 40;
    none("write them", &wanted.iter().filter(missing).map(|f| (*f).to_owned()).collect::<Vec<_>>());
}

#[test]
fn the_architecture_names_every_crate() {
    let text = read("ARCHITECTURE.md");
    let unnamed = |folder: &String| !text.contains(&format!("`{folder}`")) && !text.contains(&format!("[{folder}]"));
    none(
        "ARCHITECTURE.md has no line for",
        &crates().into_iter().map(|c| c.folder).filter(unnamed).collect::<Vec<_>>(),
    );
}

#[test]
fn the_tests_that_the_architecture_names_exist() {
    let tests: BTreeSet<String> =
        sources().iter().flat_map(|(_, text)| text.lines().filter_map(function_name).collect::<Vec<_>>()).collect();
    let mut offenders = Vec::new();
    for paragraph in read("ARCHITECTURE.md").split("\n- ").filter(|p| p.contains("Invariant:")) {
        let Some((_, named)) = paragraph.split_once("Checked by") else { continue };
        let named = named.split("\n\n").next().unwrap_or_default();
        for name in named.split('`').skip(1).step_by(2).filter(|n| !n.contains(['/', '.', ' '])) {
            if !tests.contains(name) {
                offenders.push(name.to_owned());
            }
        }
    }
    none("ARCHITECTURE.md names tests that are not there", &offenders);
}

#[test]
fn the_tests_that_documents_name_by_file_exist() {
    let sources = sources();
    let mut offenders = Vec::new();
    let mut named = 0;
    for document in files().into_iter().filter(|file| file.ends_with(".md")) {
        for name in read(&document).split('`').skip(1).step_by(2).filter(|n| n.contains(".rs::")) {
            named += 1;
            let Some((file, test)) = name.split_once("::") else { continue };
            let found = sources.iter().find(|(path, _)| path == file);
            if !found.is_some_and(|(_, text)| text.lines().filter_map(function_name).any(|f| f == test)) {
                offenders.push(format!("{document}: {name}"));
            }
        }
    }
    assert!(named > 0, "docs/guides/names.md names the tests of hostile input");
    none("documents name tests that are not there", &offenders);
}

fn function_name(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("fn ")?;
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut offenders = Vec::new();
    for file in files().into_iter().filter(|f| f.ends_with(".md")) {
        let text = read(&file);
        let folder = Path::new(&file).parent().unwrap_or(Path::new("")).to_path_buf();
        for (at, _) in text.match_indices("](") {
            let target: String = text[at + 2..].chars().take_while(|c| !matches!(c, ')' | ' ' | '\n')).collect();
            let path = target.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            if !root().join(&folder).join(path).exists() {
                offenders.push(format!("{file}:{}: {target}", line_of(&text, at)));
            }
        }
    }
    none("links to nothing", &offenders);
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = read("Cargo.toml");
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let table = table.split("\n[").next().unwrap_or_default();
    let mut offenders = Vec::new();
    for line in table.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#') && !l.contains("path = "))
    {
        let reason = line.rsplit_once('#').map_or(0, |(_, reason)| reason.trim().len());
        if reason < 8 {
            offenders.push(line.to_owned());
        }
    }
    none("say at the end of the line why it was chosen", &offenders);
}

#[test]
fn every_declared_dependency_is_used() {
    let manifest = read("Cargo.toml");
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap_or_default();
    let table = table.split("\n[").next().unwrap_or_default();
    let used: String =
        crates().iter().map(|krate| format!("\n{}", read(&format!("{}/Cargo.toml", krate.folder)))).collect();
    let declared = table.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim());
    let offenders: Vec<String> = declared
        .filter(|name| !name.starts_with('#'))
        .filter(|name| !used.contains(&format!("\n{name}.")) && !used.contains(&format!("\n{name} = ")))
        .map(str::to_owned)
        .collect();
    none("no crate uses these entries of the root manifest", &offenders);
}

#[test]
fn dependencies_are_declared_once_for_the_whole_workspace() {
    let mut offenders = Vec::new();
    for krate in crates() {
        let file = format!("{}/Cargo.toml", krate.folder);
        let mut inside = false;
        for line in read(&file).lines().map(str::trim) {
            if line.starts_with('[') {
                inside = line.trim_matches(['[', ']']).ends_with("dependencies");
            } else if inside && line.contains('=') && !line.starts_with('#') {
                let example = krate.folder == "tests" && line.contains("../examples/");
                if !line.contains("workspace = true") && !example {
                    offenders.push(format!("{file}: {line}"));
                }
            }
        }
    }
    none("versions belong into the root manifest", &offenders);
}

#[test]
fn every_package_comes_from_the_public_index() {
    let mut offenders = Vec::new();
    for file in files().into_iter().filter(|f| f.ends_with("Cargo.lock")) {
        let sources: BTreeMap<String, ()> =
            read(&file).lines().filter(|l| l.starts_with("source = ")).map(|l| (l.to_owned(), ())).collect();
        let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
        offenders.extend(sources.into_keys().filter(|s| s != public).map(|s| format!("{file}: {s}")));
    }
    none("packages from elsewhere", &offenders);
}

#[test]
fn no_path_of_one_machine_is_in_the_repository() {
    let marks: Vec<String> =
        ["work", "home", "root", "Users", "var/tmp", "mnt"].iter().map(|folder| format!("/{folder}/")).collect();
    let mut offenders = Vec::new();
    for file in files() {
        let Ok(text) = fs::read_to_string(root().join(&file)) else { continue };
        for (number, line) in text.lines().enumerate() {
            let foreign = |mark: &&String| {
                line.match_indices(mark.as_str()).any(|(at, _)| {
                    // `name/work/` is a relative path and `https://host/home/` an address.
                    let before = line[..at].chars().next_back();
                    !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '*' | '>'))
                })
            };
            if let Some(mark) = marks.iter().find(foreign) {
                offenders.push(format!("{file}:{}: {mark}", number + 1));
            }
        }
    }
    none("paths of one machine", &offenders);
}
