//! Contract `domain_records`, root part: delegations of bound TLDs, name-server hosts, the root's apex.
//!
//! A host is an object of its own, as in EPP (RFC 5732): one name with its addresses, used by any number of TLDs. A host
//! disappears with the last delegation that names it, so that no orphan glue can stay behind. A change of addresses that
//! TLDs of other organisations use waits for their consent: [`held`].

pub mod held;

use crate::{
    call::calls,
    describe::{errors, events, values},
    rdata::{Ds, Ipv4, Ipv6},
};
use althing_types::{
    codec::List,
    id::{Height, OrganisationId},
    name::DomainName,
    wire::{FieldSchema, Schema, VariantSchema, Wire},
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

values! {
    /// Value of a TLD in the state: its delegation from the root.
    Delegation {
        /// Name servers: 1 to [`MAX_NS`], in canonical order (RFC 4034 6.1), each once.
        ns: List<DomainName, MAX_NS>,
        /// Time to live of the NS records, in seconds.
        ns_ttl: u32,
        /// Delegation signers, ordered, each once; empty for an unsigned TLD.
        ds: List<Ds, MAX_DS>,
        /// Time to live of the DS records, in seconds; 0 when there are none.
        ds_ttl: u32,
    }
}

values! {
    /// Value of a name-server host in the state. It has at least one address.
    Host {
        /// IPv4 addresses, ordered, each once.
        v4: List<Ipv4, MAX_ADDRESSES>,
        /// Time to live of the A records, in seconds; 0 when there are none.
        a_ttl: u32,
        /// IPv6 addresses, ordered, each once.
        v6: List<Ipv6, MAX_ADDRESSES>,
        /// Time to live of the AAAA records, in seconds; 0 when there are none.
        aaaa_ttl: u32,
    }
}

values! {
    /// The root's own name servers.
    Apex {
        /// Name servers: 1 to [`MAX_NS`], in canonical order, each once.
        ns: List<DomainName, MAX_NS>,
        /// Time to live of the NS records, in seconds.
        ttl: u32,
    }
}

values! {
    /// Totals, kept with every change: who holds this proof and that many delegations and hosts holds them all.
    #[derive(Copy, Default)]
    Counts {
        /// TLDs with a delegation.
        delegations: u32,
        /// Hosts with addresses.
        hosts: u32,
        /// NS, DS, A and AAAA records of all of them and of the apex.
        records: u32,
        /// Height of the last change.
        changed: Height,
    }
}

values! {
    /// What becomes of one host in a change.
    HostChange {
        /// The host.
        host: DomainName,
        /// Its addresses from now on; `None` deletes them.
        addresses: Option<Host>,
    }
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

impl Wire for DelegationChange {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "DelegationChange",
        variants: &[
            VariantSchema { name: "Keep", fields: &[] },
            VariantSchema { name: "Set", fields: &[FieldSchema { name: "0", kind: Delegation::SCHEMA }] },
            VariantSchema { name: "Delete", fields: &[] },
        ],
    };
}

values! {
    /// Hosts and delegation of one TLD, changed at once. The order inside does not matter: rules are checked on the
    /// outcome.
    Change {
        /// Hosts, each once.
        hosts: List<HostChange, MAX_HOST_CHANGES>,
        /// The delegation.
        delegation: DelegationChange,
    }
}

values! {
    /// Hosts and name servers of the root's apex, changed at once.
    ApexChange {
        /// Hosts, each once.
        hosts: List<HostChange, MAX_HOST_CHANGES>,
        /// The name servers from now on; `None` keeps them.
        apex: Option<Apex>,
    }
}

values! {
    /// One entry of the view `delegations`.
    DelegationEntry {
        /// The TLD.
        tld: DomainName,
        /// Its delegation.
        delegation: Delegation,
    }
}

values! {
    /// One entry of the view `hosts`.
    HostEntry {
        /// The host.
        name: DomainName,
        /// Its addresses.
        host: Host,
    }
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
    /// Counts everything anew, after a remediation has put single entries back. Role: governance.
    Recount("recount", Update) {}
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
    }
    /// View: hosts in the order of their state keys, [`HostPage`].
    ViewHosts("hosts", Call) {
        /// The last host of the page before; `None` for the first page.
        after: Option<DomainName>,
    }
    /// View: the TLDs that use a host, [`UserPage`].
    ViewUsers("users", Call) {
        /// The host.
        host: DomainName,
        /// The last TLD of the page before; `None` for the first page.
        after: Option<DomainName>,
    }
}

errors! {
    /// Why a call of `domain_records` was refused. Numbers never change their meaning.
    RecordsError {
        /// The TLD is bound to no organisation.
        1 NotBound("tld '{tld}' is bound to no organisation") {
            /// The TLD.
            tld: DomainName,
        }
        /// The TLD is bound to another organisation.
        2 NotYours("tld '{tld}' is bound to {bound}; the signer acts for {caller}") {
            /// The TLD.
            tld: DomainName,
            /// Its registry.
            bound: OrganisationId,
            /// The signer's organisation.
            caller: OrganisationId,
        }
        /// The registry is suspended.
        3 Suspended("tld '{tld}' is suspended") {
            /// The TLD.
            tld: DomainName,
        }
        /// The TLD has no delegation.
        4 NotDelegated("tld '{tld}' has no delegation") {
            /// The TLD.
            tld: DomainName,
        }
        /// No name server is given.
        5 NoNameServer("ns of '{owner}' is empty; 1 to {MAX_NS} name servers are needed") {
            /// The TLD, or the root.
            owner: DomainName,
        }
        /// A value is given twice.
        6 Duplicate("{field} of '{owner}' has {value} twice") {
            /// The field.
            field: &'static str,
            /// The TLD, host or root.
            owner: DomainName,
            /// The value.
            value: alloc::string::String,
        }
        /// A time to live is out of range.
        7 Ttl("{field} of '{owner}' is {ttl}; 1 to {MAX_TTL} seconds are allowed") {
            /// The field.
            field: &'static str,
            /// The TLD, host or root.
            owner: DomainName,
            /// The value.
            ttl: u32,
        }
        /// A name cannot be that of a host.
        8 HostName("host name '{host}': {rule}") {
            /// The name.
            host: DomainName,
            /// The broken rule.
            rule: &'static str,
        }
        /// A name server inside the TLD has no address.
        9 MissingGlue("name server '{host}' lies in '{tld}' and has no address; set the host in the same change") {
            /// The TLD.
            tld: DomainName,
            /// The host.
            host: DomainName,
        }
        /// A host is given without address.
        10 NoAddress("host '{host}' has no address; delete it instead") {
            /// The host.
            host: DomainName,
        }
        /// An address is not one that a name server can have.
        11 Address("address {address} of host '{host}' is {rule}") {
            /// The host.
            host: DomainName,
            /// The address.
            address: alloc::string::String,
            /// What is wrong with it.
            rule: &'static str,
        }
        /// The DS digest type is not assigned.
        12 DigestType("ds {key_tag} of '{tld}': digest type {digest_type} is not 1 to 6") {
            /// The TLD.
            tld: DomainName,
            /// Key tag of the DS record.
            key_tag: u16,
            /// The digest type.
            digest_type: u8,
        }
        /// The DS digest has the wrong length for its type.
        13 DigestLength("ds {key_tag} of '{tld}': digest of {found} octets; digest type {digest_type} has {needed}") {
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
        }
        /// The DS algorithm signs no zones.
        14 Algorithm("ds {key_tag} of '{tld}': algorithm {algorithm} signs no zones") {
            /// The TLD.
            tld: DomainName,
            /// Key tag of the DS record.
            key_tag: u16,
            /// The algorithm.
            algorithm: u8,
        }
        /// There is no DS record to set or delete.
        15 NoDs("tld '{tld}' has no DS records to set or delete") {
            /// The TLD.
            tld: DomainName,
        }
        /// The TLD does not use the host.
        16 NotUsed("tld '{tld}' does not use host '{host}'") {
            /// The TLD on whose behalf the change was asked.
            tld: DomainName,
            /// The host.
            host: DomainName,
        }
        /// The host serves the root.
        17 ApexHost("host '{host}' serves the root; only the operator may change it") {
            /// The host.
            host: DomainName,
        }
        /// The host serves TLDs and not the root.
        18 TldHost("host '{host}' serves TLDs, not the root; a registry that uses it may change it") {
            /// The host.
            host: DomainName,
        }
        /// The host has no addresses.
        19 NoSuchHost("host '{host}' has no addresses that could be deleted") {
            /// The host.
            host: DomainName,
        }
        /// The addresses of the host are needed by the TLD in which it lies.
        20 GlueNeeded("host '{host}' serves '{tld}', in which it lies; its addresses are needed") {
            /// The host.
            host: DomainName,
            /// The TLD.
            tld: DomainName,
        }
        /// The signer acts for no organisation.
        21 NoOrganisation("the signer acts for no organisation") {}
        /// The contract `tld_binding` did not answer.
        22 NoBindings("contract tld_binding did not answer: {reason}") {
            /// Its failure.
            reason: alloc::string::String,
        }
        /// The signing key is the registry's, and not one that changes records.
        23 NoDuty("the signing key of {caller} has not the duty operator, which changes records") {
            /// The registry.
            caller: OrganisationId,
        }
        /// There is no such held change.
        24 NoSuchHeld("there is no held change {id}") {
            /// The number.
            id: u64,
        }
        /// The held change came to its end.
        25 NotOpen("held change {id} is {status}, not open") {
            /// The number.
            id: u64,
            /// How it ended.
            status: held::HeldStatus,
        }
        /// The organisation's consent is not needed.
        26 NotAsked("held change {id} of '{tld}' needs no consent of {caller}: no active TLD of it uses a changed host") {
            /// The number.
            id: u64,
            /// The TLD.
            tld: DomainName,
            /// The signer's organisation.
            caller: OrganisationId,
        }
        /// Another organisation asked for the held change.
        27 NotAsker("held change {id} was asked for by {organisation}; the signer acts for {caller}") {
            /// The number.
            id: u64,
            /// Who asked.
            organisation: OrganisationId,
            /// The signer's organisation.
            caller: OrganisationId,
        }
        /// Too many changes wait.
        28 TooManyHeld("{whose} has {count} open held changes; at most {maximum} are allowed") {
            /// An organisation, or the zone.
            whose: alloc::string::String,
            /// Open ones.
            count: u32,
            /// The most.
            maximum: u32,
        }
        /// Too many would have to be asked.
        29 TooManyUsers("the changed hosts of '{tld}' are used by more than {maximum} {what}") {
            /// The TLD.
            tld: DomainName,
            /// The most.
            maximum: u32,
            /// What is counted.
            what: &'static str,
        }
        /// A setting is out of range.
        30 Setting("{field} is {value}; {rule}") {
            /// The field.
            field: &'static str,
            /// The value.
            value: u64,
            /// The rule.
            rule: &'static str,
        }
        /// Somebody else changed the same thing since.
        31 Overtaken("'{name}' was changed after the change was asked for") {
            /// The host, or the TLD for its delegation.
            name: DomainName,
        }
        /// Only contract `root_sync` may call this.
        32 NotRootSync("only contract root_sync applies changes of TLD chains") {}
        /// The organisation answered the same before.
        33 AnsweredBefore("{caller} answered held change {id} the same way before") {
            /// The number.
            id: u64,
            /// The signer's organisation.
            caller: OrganisationId,
        }
    }
}

events! {
    /// A delegation is this from now on.
    DelegationSet {
        /// The TLD.
        tld: DomainName;
        /// Its delegation.
        delegation: Delegation,
    }
    /// A delegation ended.
    DelegationDeleted {
        /// The TLD.
        tld: DomainName;
    }
    /// A host has these addresses from now on.
    HostSet {
        /// The host.
        host: DomainName;
        /// On behalf of which TLD; the root for the operator.
        by: DomainName,
        /// Its addresses.
        addresses: Host,
    }
    /// A host has no addresses from now on.
    HostDeleted {
        /// The host.
        host: DomainName;
        /// On behalf of which TLD; the root for the operator.
        by: DomainName,
    }
    /// The root's name servers are these from now on.
    ApexSet {
;
        /// The name servers.
        apex: Apex,
    }
    /// A warning: a new DS record uses SHA-1, which RFC 8624 3.3 forbids for new delegations.
    WeakDigest {
        /// The TLD.
        tld: DomainName;
        /// Key tag of the DS record.
        key_tag: u16,
    }
}
