//! A small chain of tests: deploy contracts, call them as organisations, look at what happened.
#![expect(clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]

use super::{Answer, Context, Entry, Machine, Native, NativeMachine, Org, Outcome};
use crate::Contract;
use althing_abi::Abi;
use althing_types::{
    codec::encode,
    crypto::PublicKey,
    event::Event,
    govern::{BlockFacts, END_BLOCK},
    hash::sha3_256,
    id::{ChainId, ContractId, Height},
    organisation::Role,
    receipt::{Failure, FailureCode},
    wire::{ContractError, Wire},
};
use borsh::BorshSerialize;
use std::{cell::RefCell, collections::BTreeMap, marker::PhantomData, rc::Rc};

/// One step of a test and everything that could be seen after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Who called what.
    pub what: String,
    /// How it ended.
    pub outcome: Outcome,
    /// State of the contract after it.
    pub state: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Most steps of a migration.
const MAX_STEPS: usize = 100_000;

struct Inner {
    machine: Box<dyn Machine>,
    chain: ChainId,
    height: u64,
    time_ms: u64,
    sequence: u64,
    steps: Vec<Step>,
    /// The code of each contract; its version of the state is known to the chain, not to the contract.
    codes: BTreeMap<ContractId, Native>,
}

/// A chain of one test. Clones are the same chain.
#[derive(Clone)]
pub struct Net {
    inner: Rc<RefCell<Inner>>,
}

impl Net {
    /// A chain on the native machine.
    pub fn native() -> Self {
        Self::on(Box::new(NativeMachine::new()))
    }
    /// A chain on a machine. It starts at height 1, at a fixed time.
    pub fn on(machine: Box<dyn Machine>) -> Self {
        let inner = Inner {
            machine,
            chain: ChainId::new("test").expect("chain id"),
            height: 1,
            time_ms: 1_700_000_000_000,
            sequence: 0,
            steps: vec![],
            codes: BTreeMap::new(),
        };
        Self { inner: Rc::new(RefCell::new(inner)) }
    }
    /// The same chain with another id than `test`, for tests with several chains.
    ///
    /// # Panics
    /// When the id breaks the rule of identifiers.
    #[must_use]
    pub fn named(self, chain: &str) -> Self {
        self.inner.borrow_mut().chain = ChainId::new(chain).expect("chain id");
        self
    }
    /// Deploys a contract under its own name and runs its initialiser, which must need no arguments.
    ///
    /// # Panics
    /// When the initialiser fails.
    #[track_caller]
    pub fn deploy<C: Contract>(&self, by: Org) -> Deployed<C> {
        self.deploy_with::<C>(by, C::NAME, &())
    }
    /// Deploys a contract under another id, with the initialiser's arguments as a tuple.
    ///
    /// # Panics
    /// When the initialiser fails, or when there are arguments and no initialiser.
    #[track_caller]
    pub fn deploy_with<C: Contract>(&self, by: Org, id: &str, arguments: &impl BorshSerialize) -> Deployed<C> {
        let id = ContractId::new(id).expect("contract id");
        let (code, input) = (C::native(), encode(arguments));
        self.install(&id, code);
        if code.entry(althing_abi::exports::INIT).is_some() {
            let outcome = self.step(by, &id, Entry::Init, &input);
            assert!(outcome.result.is_ok(), "deploying {id} failed: {:?}", outcome.result);
        } else {
            assert!(input.is_empty(), "contract {id} has no initialiser for these arguments");
        }
        Deployed { net: self.clone(), id, marker: PhantomData }
    }
    fn install(&self, id: &ContractId, code: Native) {
        let mut inner = self.inner.borrow_mut();
        inner.machine.install(id, &code);
        inner.codes.insert(id.clone(), code);
    }
    /// Makes a contract the governing one: what it calls is called with the role `governance`.
    ///
    /// # Panics
    /// When the id breaks the rule of identifiers.
    pub fn set_governor(&self, id: &str) {
        let id = ContractId::new(id).expect("contract id");
        self.inner.borrow_mut().machine.set_governor(&id);
    }
    /// System entries that the governing contract has written, by their full keys.
    pub fn system(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.inner.borrow().machine.system()
    }
    /// Sets a system entry, as the node does it for what no contract writes.
    pub fn put_system(&self, key: Vec<u8>, value: Vec<u8>) {
        self.inner.borrow_mut().machine.put_system(key, value);
    }
    /// Height of the present block.
    pub fn height(&self) -> Height {
        Height(self.inner.borrow().height)
    }
    /// Time of the present block in milliseconds since 1970.
    pub fn time_ms(&self) -> u64 {
        self.inner.borrow().time_ms
    }
    /// Ends the present block as the node does: calls the governing contract's `end_block` with the facts, signed by
    /// nobody, with the role `governance`.
    ///
    /// # Panics
    /// When the contract fails.
    #[track_caller]
    pub fn end_block(&self, governor: &str, facts: &BlockFacts) -> Outcome {
        let id = ContractId::new(governor).expect("contract id");
        let outcome = self.run(None, &id, Entry::Call(END_BLOCK), &encode(&(facts,)));
        assert!(outcome.result.is_ok(), "the end of the block failed: {:?}", outcome.result);
        outcome
    }
    /// Moves to a later block: the next height, so many milliseconds later.
    pub fn pass(&self, ms: u64) {
        let mut inner = self.inner.borrow_mut();
        inner.height = inner.height.saturating_add(1);
        inner.time_ms = inner.time_ms.saturating_add(ms);
    }
    /// Every step so far, to be compared with the same test on another machine.
    pub fn transcript(&self) -> Vec<Step> {
        self.inner.borrow().steps.clone()
    }
    /// Every event so far, in order.
    pub fn events(&self) -> Vec<Event> {
        self.inner.borrow().steps.iter().flat_map(|step| step.outcome.events.clone()).collect()
    }
    fn step(&self, by: Org, contract: &ContractId, entry: Entry<'_>, input: &[u8]) -> Outcome {
        self.run(Some(by), contract, entry, input)
    }
    fn run(&self, by: Option<Org>, contract: &ContractId, entry: Entry<'_>, input: &[u8]) -> Outcome {
        let mut inner = self.inner.borrow_mut();
        inner.sequence = inner.sequence.saturating_add(1);
        let context = Context {
            chain: inner.chain.clone(),
            height: Height(inner.height),
            time_ms: inner.time_ms,
            transaction: sha3_256(&inner.sequence.to_le_bytes()),
            signer: by.map_or(PublicKey([0; 32]), |by| by.key()),
            organisation: by.map(|by| by.id()),
            roles: by.map_or_else(|| [Role::Governance].into(), |by| by.roles()),
        };
        let outcome = inner.machine.invoke(&context, contract, entry, input);
        if let Some(abi) = inner.codes.get(contract).and_then(|code| Abi::decode(code.abi).ok()) {
            for event in outcome.events.iter().filter(|event| event.contract == *contract) {
                assert!(
                    abi.event(&event.name).is_some(),
                    "contract {contract} emitted the event '{0}' that its description does not have: \
                     add it to `#[contract(events({0}))]`",
                    event.name
                );
            }
        }
        let state = inner.machine.state(contract);
        inner.steps.push(Step {
            what: format!("{} {contract} {entry:?}", by.map_or("the node", |by| by.name())),
            outcome: outcome.clone(),
            state,
        });
        outcome
    }
}

/// A deployed contract.
pub struct Deployed<C> {
    net: Net,
    id: ContractId,
    marker: PhantomData<fn() -> C>,
}

impl<C> Clone for Deployed<C> {
    fn clone(&self) -> Self {
        Self { net: self.net.clone(), id: self.id.clone(), marker: PhantomData }
    }
}

impl<C: Contract> Deployed<C> {
    /// Its id.
    pub const fn id(&self) -> &ContractId {
        &self.id
    }
    /// Its methods, called with an organisation's key.
    pub fn by(&self, org: Org) -> C::By {
        By { net: self.net.clone(), id: self.id.clone(), org }.into()
    }
    /// Everything that it has stored.
    pub fn state(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.net.inner.borrow().machine.state(&self.id)
    }
    /// Replaces its code, running the migration when the version of the state differs, and the new code's invariants
    /// after it.
    ///
    /// # Errors
    /// How the migration or an invariant ended, when it failed: the old code and state stay.
    ///
    /// # Panics
    /// When the new code changes the state's layout and keeps its version.
    #[track_caller]
    pub fn upgrade<N: Contract>(&self, by: Org) -> Result<Deployed<N>, Outcome> {
        let upgraded = Deployed { net: self.net.clone(), id: self.id.clone(), marker: PhantomData };
        let read = |code: &Native| match Abi::decode(code.abi) {
            Ok(abi) => abi,
            Err(error) => panic!("{}: {error}", code.name),
        };
        let old = *self.net.inner.borrow().codes.get(&self.id).expect("deployed");
        let (before, after) = (read(&old), read(&N::native()));
        self.net.install(&self.id, N::native());
        if before.state_version == after.state_version {
            assert!(
                before.schema_hash() == after.schema_hash(),
                "the state of {} changed its layout and kept state_version {}: raise it and add a migration",
                self.id,
                after.state_version
            );
            return Ok(upgraded);
        }
        let stored = self.state();
        if let Err(outcome) = self.migrate(by, before.state_version).and_then(|()| self.check_invariants(by, &after)) {
            self.net.install(&self.id, old);
            self.net.inner.borrow_mut().machine.put_state(&self.id, &stored);
            return Err(outcome);
        }
        Ok(upgraded)
    }

    /// Makes step after step until nothing is left, as the node does at the ends of blocks.
    fn migrate(&self, by: Org, from: u32) -> Result<(), Outcome> {
        let mut cursor = Vec::new();
        for _ in 0..MAX_STEPS {
            let mut input = encode(&from);
            input.append(&mut cursor);
            let outcome = self.net.step(by, &self.id, Entry::Migrate, &input);
            match outcome.result {
                Ok(left) if left.is_empty() => return Ok(()),
                Ok(left) => cursor = left,
                Err(_) => return Err(outcome),
            }
        }
        panic!("the migration of {} does not come to an end", self.id)
    }

    fn check_invariants(&self, by: Org, abi: &Abi) -> Result<(), Outcome> {
        for invariant in abi.invariants() {
            let mut outcome = self.net.step(by, &self.id, Entry::View(&invariant.name), &[]);
            if outcome.result.as_deref() == Ok(&[0]) {
                let failure = Failure::new(FailureCode::InvariantBroken, &invariant.name);
                outcome.result = Err(failure);
            }
            if outcome.result.is_err() {
                return Err(outcome);
            }
        }
        Ok(())
    }
}

/// A contract and who calls it.
pub struct By {
    net: Net,
    id: ContractId,
    org: Org,
}

impl By {
    /// Calls a method that may change state, with its arguments as a tuple.
    #[doc(hidden)]
    pub fn call<R: Wire, E: ContractError>(&self, method: &str, arguments: &impl BorshSerialize) -> Answer<R, E> {
        self.enter(Entry::Call(method), method, &encode(arguments))
    }
    /// Calls a method that only reads, with its arguments as a tuple.
    #[doc(hidden)]
    pub fn view<R: Wire, E: ContractError>(&self, method: &str, arguments: &impl BorshSerialize) -> Answer<R, E> {
        self.enter(Entry::View(method), method, &encode(arguments))
    }
    /// Calls a method with bytes that need not be its arguments: for hostile tests.
    pub fn raw(&self, entry: Entry<'_>, input: &[u8]) -> Outcome {
        self.net.step(self.org, &self.id, entry, input)
    }
    fn enter<R: Wire, E: ContractError>(&self, entry: Entry<'_>, method: &str, input: &[u8]) -> Answer<R, E> {
        let outcome = self.net.step(self.org, &self.id, entry, input);
        Answer::new(outcome, format!("{}.{method} by {}", self.id, self.org.id()))
    }
}
