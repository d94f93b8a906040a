//! The SDK's test interface over the real machine and a world in memory.

use crate::modules::module;
use althing_abi::Abi;
use althing_runtime::{CallContext, Config, Entry as RealEntry, Invocation, MemoryWorld, Runtime, World};
use althing_sdk::testing::{Context, Entry, Machine, Native, Outcome};
use althing_types::{hash::Hash, id::ContractId};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

/// Fuel of one step: a transaction's limit of a default chain.
const FUEL: u64 = 1_000_000_000;
/// The machine is made once: starting it reserves memory for all its instances.
static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| Arc::new(Runtime::new(Config::default()).expect("machine")));

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

    fn put_system(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.world.write_system(key, Some(value));
        self.world.finish();
    }

    fn put_state(&mut self, contract: &ContractId, state: &BTreeMap<Vec<u8>, Vec<u8>>) {
        for (key, _) in self.world.entries(contract) {
            self.world.write(contract, &key, None);
        }
        for (key, value) in state {
            self.world.write(contract, key, Some(value.clone()));
        }
        self.world.finish();
    }

    fn state(&self, contract: &ContractId) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.world.entries(contract).into_iter().collect()
    }
}
