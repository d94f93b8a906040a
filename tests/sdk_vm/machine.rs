//! The SDK's test interface over the real machine and a world in memory.

use althing_abi::Abi;
use althing_build::{Output, Request, find_toolchain};
use althing_runtime::{CallContext, Config, Entry as RealEntry, Invocation, MemoryWorld, Runtime};
use althing_sdk::testing::{Context, Entry, Machine, Native, Outcome};
use althing_types::{hash::Hash, id::ContractId};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock},
};

/// Fuel of one step: a transaction's limit of a default chain.
const FUEL: u64 = 1_000_000_000;
/// Folders of the examples with their packages, from the workspace's folder.
const EXAMPLES: [(&str, &str); 3] =
    [("examples/counter", "counter"), ("examples/guestbook", "guestbook"), ("examples/guestbook/v1", "guestbook-v1")];

type Modules = BTreeMap<(String, String), Vec<u8>>;

/// Every example and every built-in contract as a module, by the name and version of its description.
static MODULES: LazyLock<Modules> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace's folder");
    let toolchain = find_toolchain().unwrap_or_else(|error| panic!("{error}"));
    // The folder of the built-in contracts: what both need is built once.
    let target_dir = althing_build::target_dir(&root.join("target").join("contracts"));
    let mut modules = Modules::new();
    for (folder, package) in EXAMPLES {
        let request = Request {
            manifest: root.join(folder).join("Cargo.toml"),
            packages: vec![package.to_owned()],
            target_dir: target_dir.clone(),
            locked: false,
            output: Output::Kept,
        };
        let built = althing_build::build(&toolchain, &request).unwrap_or_else(|error| panic!("{error}"));
        let code = std::fs::read(&built.first().expect("one module").path).expect("module");
        let abi = Abi::read(&code).unwrap_or_else(|error| panic!("{package}: {error}"));
        modules.insert((abi.name, abi.version), code);
    }
    for bundled in althing_bundle::contracts() {
        let abi = Abi::read(bundled.code).unwrap_or_else(|error| panic!("{}: {error}", bundled.id));
        modules.insert((abi.name, abi.version), bundled.code.to_vec());
    }
    modules
});

/// The machine is made once: starting it reserves memory for all its instances.
static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| Arc::new(Runtime::new(Config::default()).expect("machine")));

/// The module of an example or built-in contract.
pub(crate) fn module(name: &str, version: &str) -> &'static [u8] {
    MODULES.get(&(name.to_owned(), version.to_owned())).unwrap_or_else(|| panic!("no module of {name} {version}"))
}

/// The real machine.
pub(crate) struct Vm {
    world: MemoryWorld,
    codes: BTreeMap<ContractId, Hash>,
    governor: Option<ContractId>,
}

impl Vm {
    pub(crate) fn new() -> Self {
        Self { world: MemoryWorld::new(), codes: BTreeMap::new(), governor: None }
    }
}

/// A description without what differs by compiler.
fn without_build(mut abi: Abi) -> Abi {
    abi.build.clear();
    abi
}

impl Machine for Vm {
    fn install(&mut self, contract: &ContractId, code: &Native) {
        let native = Abi::decode(code.abi).expect("description");
        let bytes = module(&native.name, &native.version);
        let info = RUNTIME.check(bytes).unwrap_or_else(|failure| panic!("{contract} was refused: {failure:?}"));
        assert_eq!(without_build(info.abi), without_build(native), "the module describes what its source says");
        self.codes.insert(contract.clone(), self.world.deploy(contract, bytes));
    }

    fn invoke(&mut self, context: &Context, contract: &ContractId, entry: Entry<'_>, input: &[u8]) -> Outcome {
        let facts = CallContext {
            chain: context.chain.clone(),
            height: context.height,
            timestamp_ms: context.time_ms,
            transaction: context.transaction,
            signer: context.signer,
            organisation: context.organisation.clone(),
            roles: context.roles.clone(),
            governor: self.governor.clone(),
        };
        let real = match entry {
            Entry::Call(method) => RealEntry::Call(method),
            Entry::View(method) => RealEntry::View(method),
            Entry::Init => RealEntry::Init,
            Entry::Migrate => RealEntry::Migrate,
        };
        let code = *self.codes.get(contract).expect("installed");
        let invocation = Invocation { contract, code, entry: real, input, fuel: FUEL };
        let outcome = RUNTIME.invoke(&mut self.world, &facts, &invocation).expect("the machine's own fault");
        Outcome { result: outcome.result, events: self.world.finish(), logs: outcome.logs }
    }

    fn set_governor(&mut self, contract: &ContractId) {
        self.governor = Some(contract.clone());
    }

    fn system(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.world.system().into_iter().collect()
    }

    fn state(&self, contract: &ContractId) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.world.entries(contract).into_iter().collect()
    }
}
