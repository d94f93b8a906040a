//! Keys of the built-in contracts' state: what a client needs to ask for a proof.
//!
//! Each function gives the contract's own key; [`althing_types::keyspace::storage`] with the contract's id makes the key
//! of the chain's state of it. A key is the field's number and the borsh form of the entry's key.

use alloc::vec::Vec;
use althing_types::{codec::encode, name::DomainName};
use borsh::BorshSerialize;

/// Field numbers of `tld_binding`.
pub mod tld_binding {
    /// Map from TLD to `Binding`.
    pub const BINDINGS: u8 = 1;
    /// Value of `BindingCounts`.
    pub const COUNTS: u8 = 2;
}

/// Field numbers of `domain_records`.
pub mod domain_records {
    /// Map from TLD to `Delegation`.
    pub const DELEGATIONS: u8 = 1;
    /// Map from host name to `Host`.
    pub const HOSTS: u8 = 2;
    /// Value of `Apex`.
    pub const APEX: u8 = 3;
    /// Value of `Counts`.
    pub const COUNTS: u8 = 4;
    /// Index from host name to the TLDs that use it.
    pub const USERS: u8 = 5;
}

fn field(number: u8) -> Vec<u8> {
    alloc::vec![number]
}

fn entry<K: BorshSerialize>(number: u8, key: &K) -> Vec<u8> {
    let mut out = field(number);
    out.extend_from_slice(&encode(key));
    out
}

/// `tld_binding`: the binding of a TLD.
pub fn binding_key(tld: &DomainName) -> Vec<u8> {
    entry(tld_binding::BINDINGS, tld)
}
/// `tld_binding`: prefix of all bindings.
pub fn bindings_prefix() -> Vec<u8> {
    field(tld_binding::BINDINGS)
}
/// `tld_binding`: the totals.
pub fn binding_counts_key() -> Vec<u8> {
    field(tld_binding::COUNTS)
}
/// `domain_records`: the delegation of a TLD.
pub fn delegation_key(tld: &DomainName) -> Vec<u8> {
    entry(domain_records::DELEGATIONS, tld)
}
/// `domain_records`: prefix of all delegations.
pub fn delegations_prefix() -> Vec<u8> {
    field(domain_records::DELEGATIONS)
}
/// `domain_records`: a host.
pub fn host_key(host: &DomainName) -> Vec<u8> {
    entry(domain_records::HOSTS, host)
}
/// `domain_records`: prefix of all hosts.
pub fn hosts_prefix() -> Vec<u8> {
    field(domain_records::HOSTS)
}
/// `domain_records`: the root's name servers.
pub fn apex_key() -> Vec<u8> {
    field(domain_records::APEX)
}
/// `domain_records`: the totals.
pub fn counts_key() -> Vec<u8> {
    field(domain_records::COUNTS)
}
