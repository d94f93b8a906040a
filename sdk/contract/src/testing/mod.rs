//! Tests of contracts: organisations, deployments and calls, natively or on any other [`Machine`].
//!
//! ```
//! # use althing_sdk::prelude::*;
//! # #[contract(name = "counter", state_version = 1)]
//! # pub struct Counter { total: Value<u64> }
//! # #[contract_api]
//! # impl Counter {
//! #     #[call(role = "registry")]
//! #     fn add(&mut self, by: u64) -> u64 { let t = self.total.get().unwrap_or(0) + by; self.total.put(&t); t }
//! # }
//! use althing_sdk::testing::{Net, Org};
//!
//! const ORG_A: Org = Org::new("org-a", &[Role::Registry]);
//! const ORG_B: Org = Org::new("org-b", &[Role::Registrar]);
//!
//! let net = Net::native();
//! let counter = net.deploy::<Counter>(ORG_A);
//! assert_eq!(counter.by(ORG_A).add(2).ok(), 2);
//! counter.by(ORG_B).add(2).lacks_role();
//! ```
//!
//! The native machine runs the contract as a plain function over ordered maps: quick, and with a debugger. It knows no
//! fuel and no memory limit. The same test runs on the real machine through another [`Machine`], and
//! [`Net::transcript`] is compared: results, failures, events and state after every step.

mod answer;
mod native;
mod net;

pub use answer::Answer;
pub use native::NativeMachine;
pub use net::{By, Deployed, Net, Step};

use althing_types::{
    crypto::PublicKey,
    event::Event,
    hash::{Hash, sha3_256},
    id::{ChainId, ContractId, Height, OrganisationId},
    organisation::Role,
    receipt::Failure,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most contracts that may be active in one another, the first included. The real machine has the same limit.
pub const MAX_DEPTH: usize = 8;

/// An organisation of a test: its id, its roles, and one key that follows from the id.
#[derive(Clone, Copy, Debug)]
pub struct Org {
    id: &'static str,
    roles: &'static [Role],
}

impl Org {
    /// An organisation.
    pub const fn new(id: &'static str, roles: &'static [Role]) -> Self {
        Self { id, roles }
    }
    /// Its id.
    ///
    /// # Panics
    /// When the id breaks the rule of identifiers.
    #[expect(clippy::expect_used, reason = "a test fails by panicking")]
    pub fn id(&self) -> OrganisationId {
        OrganisationId::new(self.id).expect("organisation id")
    }
    /// The text of its id.
    pub const fn name(&self) -> &'static str {
        self.id
    }
    /// Its roles.
    pub fn roles(&self) -> BTreeSet<Role> {
        self.roles.iter().copied().collect()
    }
    /// Its key. There is no secret to it: signatures are checked before contracts run.
    pub fn key(&self) -> PublicKey {
        PublicKey(sha3_256(self.id.as_bytes()).0)
    }
}

/// The facts of one transaction or view, as the real machine is given them.
#[derive(Clone, Debug)]
pub struct Context {
    /// The chain.
    pub chain: ChainId,
    /// Height of the block.
    pub height: Height,
    /// Time of the block in milliseconds since 1970.
    pub time_ms: u64,
    /// Hash of the transaction.
    pub transaction: Hash,
    /// Key that signed it.
    pub signer: PublicKey,
    /// Organisation of that key.
    pub organisation: Option<OrganisationId>,
    /// Its roles.
    pub roles: BTreeSet<Role>,
}

/// What is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A method that may change state.
    Call(&'a str),
    /// A method that only reads.
    View(&'a str),
    /// The initialiser.
    Init,
    /// The migration.
    Migrate,
}

/// How one call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The result's canonical bytes, or the failure.
    pub result: Result<Vec<u8>, Failure>,
    /// Events in order; none after a failure.
    pub events: Vec<Event>,
    /// Log lines.
    pub logs: Vec<String>,
}

/// A contract as plain functions; made by `#[contract_api]`.
#[derive(Clone, Copy)]
pub struct Native {
    /// Name of the contract.
    pub name: &'static str,
    /// The description's bytes.
    pub abi: &'static [u8],
    /// Entry points by the name of their export.
    pub entries: &'static [(&'static str, extern "C-unwind" fn())],
}

impl Native {
    pub(crate) fn entry(&self, export: &str) -> Option<extern "C-unwind" fn()> {
        self.entries.iter().find(|(name, _)| *name == export).map(|(_, entry)| *entry)
    }
}

/// Something that contracts run on. The SDK brings [`NativeMachine`]; the real machine is another.
pub trait Machine {
    /// Puts a contract's code in place, replacing older code of the same id; runs nothing.
    fn install(&mut self, contract: &ContractId, code: &Native);
    /// Runs one entry point as a transaction (or a view) of its own; a failure leaves no trace in state and events.
    fn invoke(&mut self, context: &Context, contract: &ContractId, entry: Entry<'_>, input: &[u8]) -> Outcome;
    /// Everything that a contract has stored.
    fn state(&self, contract: &ContractId) -> BTreeMap<Vec<u8>, Vec<u8>>;
    /// Puts back everything that a contract had stored.
    fn put_state(&mut self, contract: &ContractId, state: &BTreeMap<Vec<u8>, Vec<u8>>);
    /// Makes a contract the governing one; before that there is none.
    fn set_governor(&mut self, contract: &ContractId);
    /// System entries that the governing contract has written, by their full keys.
    fn system(&self) -> BTreeMap<Vec<u8>, Vec<u8>>;
    /// Sets a system entry, as the node does it for what no contract writes.
    fn put_system(&mut self, key: Vec<u8>, value: Vec<u8>);
}
