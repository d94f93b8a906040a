//! Contract `domain_records`, root part: delegations of bound TLDs, name-server hosts, the root's apex.
//!
//! A host is an object of its own, as in EPP (RFC 5732): one name with its addresses, used by any number of TLDs. A host
//! disappears with the last delegation that names it, so that no orphan glue can stay behind.

use crate::{
    call::calls,
    rdata::{Ds, Ipv4, Ipv6},
};
use althing_types::{
    codec::List,
    id::{Height, OrganisationId},
    name::DomainName,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The contract's id.
pub const ID: &str = "domain_records";
/// Version of its state schema.
pub const STATE_VERSION: u32 = 1;
/// Most name servers of a delegation, and of the apex.
pub const MAX_NS: usize = 32;
/// Most DS records of a delegation.
pub const MAX_DS: usize = 32;
/// Most addresses of one family of a host.
pub const MAX_ADDRESSES: usize = 32;
/// Most hosts of one change.
pub const MAX_HOST_CHANGES: usize = 128;
/// Most entries of one page of a view.
pub const MAX_PAGE: usize = 64;
/// Longest time to live in seconds: seven days (RFC 8767 4 advises resolvers to cap there).
pub const MAX_TTL: u32 = 604_800;

/// Value of a TLD in the state: its delegation from the root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Delegation {
    /// Name servers: 1 to [`MAX_NS`], in canonical order (RFC 4034 6.1), each once.
    pub ns: List<DomainName, MAX_NS>,
    /// Time to live of the NS records, in seconds.
    pub ns_ttl: u32,
    /// Delegation signers, ordered, each once; empty for an unsigned TLD.
    pub ds: List<Ds, MAX_DS>,
    /// Time to live of the DS records, in seconds; 0 when there are none.
    pub ds_ttl: u32,
}

/// Value of a name-server host in the state. It has at least one address.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Host {
    /// IPv4 addresses, ordered, each once.
    pub v4: List<Ipv4, MAX_ADDRESSES>,
    /// Time to live of the A records, in seconds; 0 when there are none.
    pub a_ttl: u32,
    /// IPv6 addresses, ordered, each once.
    pub v6: List<Ipv6, MAX_ADDRESSES>,
    /// Time to live of the AAAA records, in seconds; 0 when there are none.
    pub aaaa_ttl: u32,
}

/// The root's own name servers.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Apex {
    /// Name servers: 1 to [`MAX_NS`], in canonical order, each once.
    pub ns: List<DomainName, MAX_NS>,
    /// Time to live of the NS records, in seconds.
    pub ttl: u32,
}

/// Totals, kept with every change: who holds this proof and that many delegations and hosts holds them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Counts {
    /// TLDs with a delegation.
    pub delegations: u32,
    /// Hosts with addresses.
    pub hosts: u32,
    /// NS, DS, A and AAAA records of all of them and of the apex.
    pub records: u32,
    /// Height of the last change.
    pub changed: Height,
}

/// What becomes of one host in a change.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct HostChange {
    /// The host.
    pub host: DomainName,
    /// Its addresses from now on; `None` deletes them.
    pub addresses: Option<Host>,
}

/// What becomes of a delegation in a change.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DelegationChange {
    /// It stays as it is.
    Keep,
    /// It is this from now on.
    Set(Delegation),
    /// It ends.
    Delete,
}

/// Hosts and delegation of one TLD, changed at once. Hosts are set first, then the delegation, then hosts are deleted;
/// the rules are checked on the outcome.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Change {
    /// Hosts, each once.
    pub hosts: List<HostChange, MAX_HOST_CHANGES>,
    /// The delegation.
    pub delegation: DelegationChange,
}

/// Hosts and name servers of the root's apex, changed at once.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ApexChange {
    /// Hosts, each once.
    pub hosts: List<HostChange, MAX_HOST_CHANGES>,
    /// The name servers from now on; `None` keeps them.
    pub apex: Option<Apex>,
}

/// One entry of the view `delegations`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct DelegationEntry {
    /// The TLD.
    pub tld: DomainName,
    /// Its delegation.
    pub delegation: Delegation,
}

/// One entry of the view `hosts`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct HostEntry {
    /// The host.
    pub name: DomainName,
    /// Its addresses.
    pub host: Host,
}

/// Result of the view `delegations`.
pub type DelegationPage = List<DelegationEntry, MAX_PAGE>;
/// Result of the view `hosts`.
pub type HostPage = List<HostEntry, MAX_PAGE>;
/// Result of the view `users`: TLDs; the root stands for the apex.
pub type UserPage = List<DomainName, MAX_PAGE>;

calls! { ID;
    /// Changes hosts and delegation of a TLD at once. Only the bound registry.
    ChangeTld("change", Update) {
        /// The TLD.
        tld: DomainName,
        /// The change.
        change: Change,
    }
    /// Sets the whole delegation. Only the bound registry.
    SetDelegation("set_delegation", Update) {
        /// The TLD.
        tld: DomainName,
        /// The delegation.
        delegation: Delegation,
    }
    /// Sets the name servers; the DS records stay. Only the bound registry.
    SetNs("set_ns", Update) {
        /// The TLD.
        tld: DomainName,
        /// Name servers.
        ns: List<DomainName, MAX_NS>,
        /// Time to live in seconds.
        ttl: u32,
    }
    /// Sets the DS records of a delegated TLD. Only the bound registry.
    SetDs("set_ds", Update) {
        /// The TLD.
        tld: DomainName,
        /// Delegation signers, at least one.
        ds: List<Ds, MAX_DS>,
        /// Time to live in seconds.
        ttl: u32,
    }
    /// Deletes all DS records. Only the bound registry.
    DeleteDs("delete_ds", Delete) {
        /// The TLD.
        tld: DomainName,
    }
    /// Deletes the delegation, and the hosts that only it used. The bound registry; for a suspended TLD the operator.
    DeleteDelegation("delete_delegation", Delete) {
        /// The TLD.
        tld: DomainName,
    }
    /// Sets the addresses of a host that the TLD uses. Only the TLD's bound registry.
    SetHost("set_host", Update) {
        /// On behalf of which TLD.
        tld: DomainName,
        /// The host.
        host: DomainName,
        /// Its addresses.
        addresses: Host,
    }
    /// Deletes the addresses of a host that the TLD uses. Only the TLD's bound registry.
    DeleteHost("delete_host", Delete) {
        /// On behalf of which TLD.
        tld: DomainName,
        /// The host.
        host: DomainName,
    }
    /// Sets the root's name servers. Role: operator.
    SetApex("set_apex", Update) {
        /// The name servers.
        apex: Apex,
    }
    /// Changes the root's name servers and their hosts at once. Role: operator.
    ChangeApex("change_apex", Update) {
        /// The change.
        change: ApexChange,
    }
    /// View: `Option<Delegation>`.
    ViewDelegation("delegation", Call) {
        /// The TLD.
        tld: DomainName,
    }
    /// View: `bool`.
    ViewDelegated("delegated", Call) {
        /// The TLD.
        tld: DomainName,
    }
    /// View: `Option<Host>`.
    ViewHost("host", Call) {
        /// The host.
        host: DomainName,
    }
    /// View: `Option<Apex>`.
    ViewApex("apex", Call) {}
    /// View: [`Counts`].
    ViewCounts("counts", Call) {}
    /// View: delegations in the order of their state keys, [`DelegationPage`].
    ViewDelegations("delegations", Call) {
        /// The last TLD of the page before; `None` for the first page.
        after: Option<DomainName>,
        /// Most entries wanted, at most [`MAX_PAGE`].
        limit: u32,
    }
    /// View: hosts in the order of their state keys, [`HostPage`].
    ViewHosts("hosts", Call) {
        /// The last host of the page before; `None` for the first page.
        after: Option<DomainName>,
        /// Most entries wanted, at most [`MAX_PAGE`].
        limit: u32,
    }
    /// View: the TLDs that use a host, [`UserPage`].
    ViewUsers("users", Call) {
        /// The host.
        host: DomainName,
        /// The last TLD of the page before; `None` for the first page.
        after: Option<DomainName>,
        /// Most entries wanted, at most [`MAX_PAGE`].
        limit: u32,
    }
}

/// Why a call of `domain_records` was refused. Numbers never change their meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    /// 1
    #[error("tld '{tld}' is bound to no organisation")]
    NotBound {
        /// The TLD.
        tld: DomainName,
    },
    /// 2
    #[error("tld '{tld}' is bound to {bound}; the signer acts for {caller}")]
    NotYours {
        /// The TLD.
        tld: DomainName,
        /// Its registry.
        bound: OrganisationId,
        /// The signer's organisation.
        caller: OrganisationId,
    },
    /// 3
    #[error("tld '{tld}' is suspended")]
    Suspended {
        /// The TLD.
        tld: DomainName,
    },
    /// 4
    #[error("tld '{tld}' has no delegation")]
    NotDelegated {
        /// The TLD.
        tld: DomainName,
    },
    /// 5
    #[error("ns of '{owner}' is empty; 1 to {MAX_NS} name servers are needed")]
    NoNameServer {
        /// The TLD, or the root.
        owner: DomainName,
    },
    /// 6
    #[error("{field} of '{owner}' has {value} twice")]
    Duplicate {
        /// The field.
        field: &'static str,
        /// The TLD, host or root.
        owner: DomainName,
        /// The value.
        value: alloc::string::String,
    },
    /// 7
    #[error("{field} of '{owner}' is {ttl}; 1 to {MAX_TTL} seconds are allowed")]
    Ttl {
        /// The field.
        field: &'static str,
        /// The TLD, host or root.
        owner: DomainName,
        /// The value.
        ttl: u32,
    },
    /// 8
    #[error("host name '{host}': {rule}")]
    HostName {
        /// The name.
        host: DomainName,
        /// The broken rule.
        rule: &'static str,
    },
    /// 9
    #[error("name server '{host}' lies in '{tld}' and has no address; set the host in the same change")]
    MissingGlue {
        /// The TLD.
        tld: DomainName,
        /// The host.
        host: DomainName,
    },
    /// 10
    #[error("host '{host}' has no address; delete it instead")]
    NoAddress {
        /// The host.
        host: DomainName,
    },
    /// 11
    #[error("address {address} of host '{host}' is {rule}")]
    Address {
        /// The host.
        host: DomainName,
        /// The address.
        address: alloc::string::String,
        /// What is wrong with it.
        rule: &'static str,
    },
    /// 12
    #[error("ds {key_tag} of '{tld}': digest type {digest_type} is not 1 to 6")]
    DigestType {
        /// The TLD.
        tld: DomainName,
        /// Key tag of the DS record.
        key_tag: u16,
        /// The digest type.
        digest_type: u8,
    },
    /// 13
    #[error("ds {key_tag} of '{tld}': digest of {found} octets; digest type {digest_type} has {needed}")]
    DigestLength {
        /// The TLD.
        tld: DomainName,
        /// Key tag of the DS record.
        key_tag: u16,
        /// The digest type.
        digest_type: u8,
        /// Octets given.
        found: u32,
        /// Octets of this type.
        needed: u32,
    },
    /// 14
    #[error("ds {key_tag} of '{tld}': algorithm {algorithm} signs no zones")]
    Algorithm {
        /// The TLD.
        tld: DomainName,
        /// Key tag of the DS record.
        key_tag: u16,
        /// The algorithm.
        algorithm: u8,
    },
    /// 15
    #[error("ds of '{tld}' is empty; use delete_ds")]
    NoDs {
        /// The TLD.
        tld: DomainName,
    },
    /// 16
    #[error("tld '{tld}' does not use host '{host}'")]
    NotUsed {
        /// The TLD on whose behalf the change was asked.
        tld: DomainName,
        /// The host.
        host: DomainName,
    },
    /// 17
    #[error("host '{host}' serves the root; only the operator may change it")]
    ApexHost {
        /// The host.
        host: DomainName,
    },
    /// 18
    #[error("host '{host}' serves TLDs, not the root; a registry that uses it may change it")]
    TldHost {
        /// The host.
        host: DomainName,
    },
    /// 19
    #[error("host '{host}' has no addresses that could be deleted")]
    NoSuchHost {
        /// The host.
        host: DomainName,
    },
    /// 20
    #[error("host '{host}' serves '{tld}', in which it lies; its addresses are needed")]
    GlueNeeded {
        /// The host.
        host: DomainName,
        /// The TLD.
        tld: DomainName,
    },
    /// 21
    #[error("limit {limit} is not 1 to {MAX_PAGE}")]
    PageLimit {
        /// The limit given.
        limit: u32,
    },
    /// 22
    #[error("the signer acts for no organisation")]
    NoOrganisation,
}

impl RecordsError {
    /// The stable number.
    pub const fn code(&self) -> u32 {
        match self {
            Self::NotBound { .. } => 1,
            Self::NotYours { .. } => 2,
            Self::Suspended { .. } => 3,
            Self::NotDelegated { .. } => 4,
            Self::NoNameServer { .. } => 5,
            Self::Duplicate { .. } => 6,
            Self::Ttl { .. } => 7,
            Self::HostName { .. } => 8,
            Self::MissingGlue { .. } => 9,
            Self::NoAddress { .. } => 10,
            Self::Address { .. } => 11,
            Self::DigestType { .. } => 12,
            Self::DigestLength { .. } => 13,
            Self::Algorithm { .. } => 14,
            Self::NoDs { .. } => 15,
            Self::NotUsed { .. } => 16,
            Self::ApexHost { .. } => 17,
            Self::TldHost { .. } => 18,
            Self::NoSuchHost { .. } => 19,
            Self::GlueNeeded { .. } => 20,
            Self::PageLimit { .. } => 21,
            Self::NoOrganisation => 22,
        }
    }
}

/// Event: a delegation is this from now on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct DelegationSet {
    /// The TLD; topic.
    pub tld: DomainName,
    /// Its delegation.
    pub delegation: Delegation,
}

/// Event: a delegation ended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct DelegationDeleted {
    /// The TLD; topic.
    pub tld: DomainName,
}

/// Event: a host has these addresses from now on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct HostSet {
    /// The host; topic.
    pub host: DomainName,
    /// On behalf of which TLD; the root for the operator.
    pub by: DomainName,
    /// Its addresses.
    pub addresses: Host,
}

/// Event: a host has no addresses from now on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct HostDeleted {
    /// The host; topic.
    pub host: DomainName,
    /// On behalf of which TLD; the root for the operator.
    pub by: DomainName,
}

/// Event: the root's name servers are these from now on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ApexSet {
    /// The name servers.
    pub apex: Apex,
}

/// Event, a warning: a new DS record uses SHA-1, which RFC 8624 3.3 forbids for new delegations.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct WeakDigest {
    /// The TLD; topic.
    pub tld: DomainName,
    /// Key tag of the DS record.
    pub key_tag: u16,
}
