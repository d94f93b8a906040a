//! What a call knows about itself, and what it can do besides storage.

use crate::host;
use alloc::{collections::BTreeSet, string::String};
use althing_abi::exports::{abort, field};
use althing_types::{
    codec::{Bytes, List, Text, encode},
    crypto::{PublicKey, Signature},
    govern::SystemChange,
    hash::Hash,
    id::{ContractId, Height, OrganisationId},
    identity::Facts,
    organisation::Role,
    receipt::{Failure, FailureCode, MAX_MESSAGE},
    wire::{Event, Wire},
};
use borsh::BorshSerialize;

/// The context of the running call. Methods that need it take `cx: &mut Ctx` (views `cx: &Ctx`) as first argument.
pub struct Ctx {
    _private: (),
}

/// A call of another contract that failed. Its writes and events are undone; ours are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// What the other contract's call ended with; `detail` is its own error number.
    pub failure: Failure,
}

impl CallError {
    /// The other contract's own error number, when it returned one.
    pub fn number(&self) -> Option<u32> {
        (self.failure.code == FailureCode::ContractError).then_some(self.failure.detail)
    }
}

fn text(field: i32) -> Option<String> {
    let bytes = host::bytes(field);
    if bytes.is_empty() { None } else { String::from_utf8(bytes).ok() }
}

fn fixed<const N: usize>(field: i32) -> [u8; N] {
    match host::bytes(field).try_into() {
        Ok(bytes) => bytes,
        Err(_) => host::fail(abort::PANIC, "the host gave a context field of another length"),
    }
}

impl Ctx {
    pub(crate) const fn new() -> Self {
        Self { _private: () }
    }
    /// Height of the block that the call is part of; in a view, of the state that it reads.
    pub fn height(&self) -> Height {
        Height(host::number(field::HEIGHT))
    }
    /// Time of the block in milliseconds since 1970; the same on every node.
    pub fn time_ms(&self) -> u64 {
        host::number(field::TIME_MS)
    }
    /// Key that signed the transaction.
    pub fn signer(&self) -> PublicKey {
        PublicKey(fixed(field::SIGNER))
    }
    /// Organisation of that key; `None` when it belongs to none.
    pub fn organisation(&self) -> Option<OrganisationId> {
        text(field::ORGANISATION).and_then(|id| OrganisationId::new(id).ok())
    }
    /// Roles of that organisation.
    pub fn roles(&self) -> BTreeSet<Role> {
        borsh::from_slice(&host::bytes(field::ROLES)).unwrap_or_default()
    }
    /// Whether that organisation holds a role.
    pub fn has_role(&self, role: Role) -> bool {
        // The set's canonical bytes: a count, then one byte for each role.
        host::bytes(field::ROLES).get(4..).unwrap_or_default().contains(&(role as u8))
    }
    /// Contract that called this one; `None` when the transaction did.
    pub fn caller(&self) -> Option<ContractId> {
        text(field::CALLER).and_then(|id| ContractId::new(id).ok())
    }
    /// Id of this contract on the chain.
    pub fn contract(&self) -> ContractId {
        match text(field::CONTRACT).map(ContractId::new) {
            Some(Ok(id)) => id,
            _ => host::fail(abort::PANIC, "the host gave no contract id"),
        }
    }
    /// Id of the chain.
    pub fn chain(&self) -> String {
        text(field::CHAIN).unwrap_or_default()
    }
    /// Hash of the transaction; zeros in a view.
    pub fn transaction(&self) -> Hash {
        Hash(fixed(field::TRANSACTION))
    }
    /// Fuel that is left.
    pub fn fuel_left(&self) -> u64 {
        host::fuel_left()
    }
    /// Tells the world about a change. The event is kept only when the whole transaction succeeds.
    #[expect(clippy::needless_pass_by_value, reason = "an event is written down in place and told once")]
    pub fn emit<E: Event>(&mut self, event: E) {
        host::emit(E::SCHEMA.name, &event.topic(), &event.data());
    }
    /// Calls a method of another contract with its arguments as a tuple, and all the fuel that is left.
    ///
    /// ```ignore
    /// let total: u64 = cx.call(&counter, "add", &(1u64,))?;
    /// ```
    ///
    /// # Errors
    /// [`CallError`] when the other contract's call failed; its changes are undone, ours stay.
    pub fn call<R: Wire>(
        &mut self,
        contract: &ContractId,
        method: &str,
        arguments: &impl BorshSerialize,
    ) -> Result<R, CallError> {
        self.call_with_fuel(contract, method, arguments, 0)
    }
    /// As [`call`](Self::call), with at most so much fuel; 0 stands for all that is left.
    ///
    /// # Errors
    /// [`CallError`] when the other contract's call failed.
    pub fn call_with_fuel<R: Wire>(
        &mut self,
        contract: &ContractId,
        method: &str,
        arguments: &impl BorshSerialize,
        fuel: u64,
    ) -> Result<R, CallError> {
        let bytes =
            host::call(contract.as_str(), method, &encode(arguments), fuel).map_err(|failure| CallError { failure })?;
        match R::try_from_slice(&bytes) {
            Ok(result) => Ok(result),
            Err(_) => host::fail(abort::PANIC, "the called contract's result is of another type"),
        }
    }
    /// Checks a chain of X.509 certificates (DER, the leaf first) against a root at the block's time, and tells what
    /// the leaf says.
    ///
    /// # Errors
    /// The number of the rule that is broken, and its text.
    pub fn certificate<const LENGTH: usize, const CHAIN: usize>(
        &self,
        root: &[u8],
        chain: &List<Bytes<LENGTH>, CHAIN>,
    ) -> Result<Facts, (u32, Text<MAX_MESSAGE>)> {
        fn read<T: borsh::BorshDeserialize>(bytes: &[u8]) -> T {
            match borsh::from_slice(bytes) {
                Ok(value) => value,
                Err(_) => host::fail(abort::PANIC, "the host gave an unreadable answer about a certificate"),
            }
        }
        host::certificate(root, &encode(chain)).map(|facts| read(&facts)).map_err(|refusal| read(&refusal))
    }
    /// Changes what the node itself reads from the state. Only for the contract that the genesis names as governor:
    /// in any other the call ends as not allowed.
    ///
    /// # Errors
    /// The failure says which rule the change breaks; nothing of it is in the state then.
    pub fn govern(&mut self, change: &SystemChange) -> Result<(), Failure> {
        host::govern(&encode(change))
    }
    /// Writes a line for the node's operator and for tests; at most 1 KiB, 64 lines in a transaction. It is no part
    /// of the receipt.
    pub fn log(&self, text: &str) {
        host::log(text);
    }
    /// SHA3-256 of bytes.
    pub fn sha3(&self, bytes: &[u8]) -> Hash {
        Hash(host::hash(bytes))
    }
    /// Whether an Ed25519 signature is good by the strict rules.
    pub fn signature_is_good(&self, key: &PublicKey, signature: &Signature, message: &[u8]) -> bool {
        host::ed25519(&key.0, &signature.0, message)
    }
}
