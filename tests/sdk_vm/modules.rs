//! Contracts as WebAssembly modules: the built-in ones as every node embeds them, and the examples, built with the
//! toolchain that builds those.
//!
//! Also part of the tests with real processes, which deploy them.

use althing_abi::Abi;
use althing_build::{Output, Request, find_toolchain};
use std::{collections::BTreeMap, path::Path, sync::LazyLock};

/// Folders of the examples, from the workspace's folder, with their packages.
const EXAMPLES: [(&str, &[&str]); 2] =
    [("examples/counter", &["counter"]), ("examples/guestbook", &["guestbook", "guestbook-faulty", "guestbook-v1"])];

type Modules = BTreeMap<(String, String), Vec<u8>>;

/// Every example as a module, by the name and version of its description.
static MODULES: LazyLock<Modules> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder");
    let toolchain = find_toolchain().unwrap_or_else(|error| panic!("{error}"));
    let mut modules = Modules::new();
    for (folder, packages) in EXAMPLES {
        let manifest = root.join(folder).join("Cargo.toml");
        // A target folder for each: their compiler flags differ, so that in a common one each build would undo the
        // other's, in every run.
        let target_dir = althing_build::target_dir(&root.join("target").join("contracts")).join(folder);
        let packages = packages.iter().map(|package| (*package).to_owned()).collect();
        let request = Request { manifest, packages, target_dir, locked: false, output: Output::Kept };
        for built in althing_build::build(&toolchain, &request).unwrap_or_else(|error| panic!("{error}")) {
            let code = std::fs::read(&built.path).expect("module");
            let abi = Abi::read(&code).unwrap_or_else(|error| panic!("{}: {error}", built.package));
            modules.insert((abi.name, abi.version), code);
        }
    }
    modules
});

/// The module of a contract, by the name and version of its description.
pub(crate) fn module(name: &str, version: &str) -> &'static [u8] {
    if let Some(bundled) = althing_bundle::contracts().iter().find(|bundled| bundled.id == name) {
        return bundled.code;
    }
    MODULES.get(&(name.to_owned(), version.to_owned())).unwrap_or_else(|| panic!("no module of {name} {version}"))
}
