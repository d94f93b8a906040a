//! The same source, toolchain and lock give the same module, wherever they lie.

use crate::modules::module;
use althing_build::{Output, Request, build, find_toolchain};
use althing_types::keyspace::code_hash;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Copies the files of the repository.
fn copy_repository(to: &Path) {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root()).output().unwrap();
    for file in String::from_utf8(output.stdout).unwrap().lines().filter(|file| root().join(file).is_file()) {
        let target = to.join(file);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(root().join(file), target).unwrap();
    }
}

/// The counter as an author's crate, with the SDK below it; gives the module.
fn built_in(folder: &Path) -> Vec<u8> {
    let example = root().join("examples/counter");
    fs::create_dir_all(folder.join("src")).unwrap();
    copy_repository(&folder.join("althing"));
    let manifest = fs::read_to_string(example.join("Cargo.toml")).unwrap();
    let manifest =
        manifest.replace("../../sdk", "althing/sdk").replace("[workspace]", "[workspace]\nexclude = [\"althing\"]");
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(example.join("src/lib.rs"), folder.join("src/lib.rs")).unwrap();
    fs::copy(example.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let request = Request {
        manifest: folder.join("Cargo.toml"),
        packages: vec!["counter".into()],
        target_dir: folder.join("target"),
        locked: true,
        output: Output::Kept,
    };
    let built = build(&find_toolchain().unwrap(), &request).unwrap_or_else(|error| panic!("{error}"));
    fs::read(&built[0].path).unwrap()
}

#[test]
fn a_crate_gives_the_same_bytes_in_another_folder() {
    let folder = tempfile::tempdir().unwrap();
    let one = built_in(&folder.path().join("one"));
    let other = built_in(&folder.path().join("another/place/with/a/longer/name"));
    assert_eq!(code_hash(&one), code_hash(&other), "{} and {} bytes", one.len(), other.len());
    assert!(one.len() > 1_000);
    assert_eq!(module("counter", "0.1.0").len().abs_diff(one.len()) / 1024, 0, "it is not the counter");
}

#[test]
fn a_built_in_contract_is_what_its_source_gives() {
    let folder = tempfile::tempdir().unwrap();
    let request = Request {
        manifest: root().join("Cargo.toml"),
        packages: vec!["althing-tld-binding".into()],
        target_dir: folder.path().to_path_buf(),
        locked: true,
        output: Output::Kept,
    };
    let built = build(&find_toolchain().unwrap(), &request).unwrap_or_else(|error| panic!("{error}"));
    let found = fs::read(&built[0].path).unwrap();
    assert_eq!(code_hash(&found), code_hash(module("tld_binding", "")), "genesis documents name another module");
}
