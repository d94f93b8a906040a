//! The layout of state keys.
//!
//! | first byte | rest | value |
//! |---|---|---|
//! | 0 | system key, see the functions below | canonical bytes of the type named there |
//! | 1 | length of contract id (1 B), contract id, the contract's own key | the contract's own bytes |

use crate::{
    crypto::PublicKey,
    hash::{Hash, Tag, hash},
    id::{ContractId, Height, OrganisationId},
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Longest key that a contract may use, in bytes.
pub const MAX_CONTRACT_KEY: usize = 512;
/// Longest value that a contract may store, in bytes.
pub const MAX_CONTRACT_VALUE: usize = 64 * 1024;

fn system(kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(rest.len().saturating_add(2));
    key.push(0);
    key.push(kind);
    key.extend_from_slice(rest);
    key
}

/// Next sequence number of a key: [`crate::id::Sequence`].
pub fn sequence(operator: &PublicKey) -> Vec<u8> {
    system(1, &operator.0)
}
/// Whose key it is: [`crate::organisation::KeyEntry`].
pub fn key_entry(key: &PublicKey) -> Vec<u8> {
    system(2, &key.0)
}
/// A member organisation: [`crate::organisation::Organisation`].
pub fn organisation(id: &OrganisationId) -> Vec<u8> {
    system(3, id.as_str().as_bytes())
}
/// A deployed contract: [`ContractEntry`].
pub fn contract(id: &ContractId) -> Vec<u8> {
    system(4, id.as_str().as_bytes())
}
/// Prefix of all [`contract`] keys.
pub fn contracts() -> Vec<u8> {
    system(4, &[])
}
/// Contract code by its hash: the module's bytes.
pub fn code(hash: &Hash) -> Vec<u8> {
    system(5, &hash.0)
}
/// The authority list of the next height: [`crate::authority::AuthorityList`].
pub fn authorities() -> Vec<u8> {
    system(6, &[])
}
/// Chain parameters: [`crate::genesis::Parameters`].
pub fn parameters() -> Vec<u8> {
    system(7, &[])
}
/// The member list: [`crate::govern::MemberList`]; missing on a chain without governance.
pub fn members() -> Vec<u8> {
    system(8, &[])
}
/// The contract that governs: [`ContractId`]; missing on a chain without governance.
pub fn governor() -> Vec<u8> {
    system(9, &[])
}
/// Changes of code that wait for the end of the block: a list of [`crate::govern::SystemChange`].
pub fn deferred() -> Vec<u8> {
    system(10, &[])
}
/// How they ended: a list of [`crate::govern::ChangeResult`].
pub fn results() -> Vec<u8> {
    system(11, &[])
}
/// Whether members may deploy under their own namespace: one byte; missing means no.
pub fn open_deploy() -> Vec<u8> {
    system(12, &[])
}
/// A document of a remediation plan by its hash: [`crate::remediation::PlanDocument`].
pub fn remediation(document: &Hash) -> Vec<u8> {
    system(13, &document.0)
}

/// What was done of a remediation plan: [`crate::remediation::PlanProgress`].
pub fn remediation_progress(plan: &Hash) -> Vec<u8> {
    let mut key = remediation(plan);
    key.push(1);
    key
}

/// Says that a part of a remediation plan is stored, without its bytes: one byte.
pub fn remediation_part(document: &Hash) -> Vec<u8> {
    let mut key = remediation(document);
    key.push(2);
    key
}

/// Why a transaction is marked: [`crate::remediation::TransactionMark`].
pub fn mark(transaction: &Hash) -> Vec<u8> {
    system(14, &transaction.0)
}

/// Number of member organisations: u32.
pub fn member_count() -> Vec<u8> {
    system(17, &[0])
}
/// The last recovery after a loss of the quorum: [`crate::recovery::RecoveryPlan`]; missing when there was none.
pub fn recovery() -> Vec<u8> {
    system(17, &[1])
}
/// A contract's migration that is not ended: [`crate::migration::Migration`].
pub fn migration(id: &ContractId) -> Vec<u8> {
    system(15, id.as_str().as_bytes())
}
/// Prefix of all [`migration`] keys.
pub fn migrations() -> Vec<u8> {
    system(15, &[])
}
/// What an entry was before a migration changed it: canonical bytes of an optional value. `key` is a contract's own
/// key; an empty one gives the prefix of all that is kept for the contract.
pub fn undo(id: &ContractId, key: &[u8]) -> Vec<u8> {
    system(16, storage(id, key).get(1..).unwrap_or_default())
}
/// The full key of the entry that an [`undo`] key is about.
pub fn undone(key: &[u8]) -> Vec<u8> {
    let mut out = alloc::vec![1];
    out.extend_from_slice(key.get(2..).unwrap_or_default());
    out
}
/// Contracts that work at the end of each block after the governing one: a list of [`ContractId`]; missing when there
/// is none.
pub fn block_end() -> Vec<u8> {
    system(18, &[])
}
/// Prefix of all [`organisation`] keys.
pub fn organisations() -> Vec<u8> {
    system(3, &[])
}
/// A contract's own key.
pub fn storage(id: &ContractId, key: &[u8]) -> Vec<u8> {
    let id = id.as_str().as_bytes();
    let mut out = Vec::with_capacity(id.len().saturating_add(key.len()).saturating_add(2));
    out.push(1);
    #[expect(clippy::cast_possible_truncation, reason = "contract ids are at most 48 bytes")]
    out.push(id.len() as u8);
    out.extend_from_slice(id);
    out.extend_from_slice(key);
    out
}

/// The contract and its own key, of a key that [`storage`] made; `None` for others.
pub fn parse_storage(key: &[u8]) -> Option<(ContractId, Vec<u8>)> {
    let (kind, rest) = key.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (id, own) = rest.split_at_checked(usize::from(*length))?;
    let id = core::str::from_utf8(id).ok().filter(|_| *kind == 1)?;
    Some((ContractId::new(id).ok()?, own.to_vec()))
}

/// Position of a key in the state tree.
pub fn key_hash(key: &[u8]) -> Hash {
    hash(Tag::StateKey, &[key])
}

/// A deployed contract.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ContractEntry {
    /// Hash of the present code, under [`Tag::Code`].
    pub code: Hash,
    /// Version of the state schema of the present code.
    pub state_version: u32,
    /// Hash of the state schema of the present code.
    pub schema: Hash,
    /// How often the code was replaced.
    pub upgrades: u32,
    /// Who deployed it; `None` for genesis contracts.
    pub deployer: Option<PublicKey>,
    /// Height of the last deploy or upgrade.
    pub since: Height,
}

/// The identity of contract code.
pub fn code_hash(code: &[u8]) -> Hash {
    hash(Tag::Code, &[code])
}
