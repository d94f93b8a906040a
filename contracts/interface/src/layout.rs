//! Keys of the built-in contracts' state: what a client needs to ask for a proof.
//!
//! Each function gives the contract's own key; [`althing_types::keyspace::storage`] with the contract's id makes the key
//! of the chain's state of it. A key is the field's number, then for maps the entry's key in the ordered
//! form of [`althing_types::order`]: names sort by their labels from the right.

use alloc::vec::Vec;
use althing_types::{
    name::DomainName,
    order::{Key, storage_key},
};

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

/// `tld_binding`: the binding of a TLD.
pub fn binding_key(tld: &DomainName) -> Vec<u8> {
    storage_key(tld_binding::BINDINGS, tld)
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
    storage_key(domain_records::DELEGATIONS, tld)
}
/// `domain_records`: prefix of all delegations.
pub fn delegations_prefix() -> Vec<u8> {
    field(domain_records::DELEGATIONS)
}
/// `domain_records`: a host.
pub fn host_key(host: &DomainName) -> Vec<u8> {
    storage_key(domain_records::HOSTS, host)
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
/// `domain_records`: prefix of the TLDs that use a host; the rest of a key is the TLD's ordered form.
pub fn users_prefix(host: &DomainName) -> Vec<u8> {
    storage_key(domain_records::USERS, host)
}

/// The name in a key of a map by names: what [`bindings_prefix`], [`delegations_prefix`] and [`hosts_prefix`] find.
pub fn name_of(key: &[u8]) -> Option<DomainName> {
    let mut rest = key.get(1..)?;
    DomainName::decode_key(&mut rest).filter(|_| rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_documented_and_name_their_entry() {
        let name = DomainName::parse("a.nic.lab").unwrap();
        assert_eq!(host_key(&name), b"\x02lab\0nic\0a\0\0");
        assert_eq!(name_of(&host_key(&name)), Some(name));
        assert_eq!(name_of(&counts_key()), None);
        assert_eq!(binding_key(&DomainName::parse("lab").unwrap()), b"\x01lab\0\0");
    }
}
