//! The native machine: contracts as plain functions over ordered maps.

use super::{Context, Entry, Machine, Native, Outcome};
use crate::host::native::{Session, World, enter};
use althing_abi::exports;
use althing_types::id::ContractId;
use std::collections::BTreeMap;

/// Contracts as plain functions over ordered maps. It knows no fuel and no memory limit.
#[derive(Default)]
pub struct NativeMachine {
    world: World,
}

impl NativeMachine {
    /// A machine without contracts.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Machine for NativeMachine {
    fn install(&mut self, contract: &ContractId, code: &Native) {
        self.world.contracts.insert(contract.clone(), *code);
    }

    fn invoke(&mut self, context: &Context, contract: &ContractId, entry: Entry<'_>, input: &[u8]) -> Outcome {
        let (export, read_only) = match entry {
            Entry::Call(method) => (format!("{}{method}", exports::CALL_PREFIX), false),
            Entry::View(method) => (format!("{}{method}", exports::VIEW_PREFIX), true),
            Entry::Init => (exports::INIT.to_owned(), false),
            Entry::Migrate => (exports::MIGRATE.to_owned(), false),
        };
        let session = Session::new(std::mem::take(&mut self.world), context.clone());
        let (result, mut session) = session.during(|| enter(contract, &export, input, read_only));
        let events = std::mem::take(&mut session.world.events);
        self.world = session.world;
        Outcome { result, events, logs: session.logs }
    }

    fn set_governor(&mut self, contract: &ContractId) {
        self.world.governor = Some(contract.clone());
    }

    fn system(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.world.system.clone()
    }

    fn put_system(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.world.system.insert(key, value);
    }

    fn put_state(&mut self, contract: &ContractId, state: &BTreeMap<Vec<u8>, Vec<u8>>) {
        self.world.state.insert(contract.clone(), state.clone());
    }

    fn state(&self, contract: &ContractId) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.world.state.get(contract).cloned().unwrap_or_default()
    }
}
