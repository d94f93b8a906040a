//! Contract `registrations`: names one label below a TLD, as a registry keeps them.
//!
//! Objects as in EPP: a domain (RFC 5731) with sponsor, term, statuses, name servers and DS records; a subordinate host
//! (RFC 5732) with its addresses; the apex, which is the TLD's own delegation as the root should have it.
//!
//! ```text
//!            register            delete, expiry            time is over            time is over
//!   (none) ------------> active ---------------> redemption ------------> pending delete -----------> (none)
//!                         | ^ '--- delete in the add grace period: at once ------------------------------^
//!                renew,   | |                        |
//!       transfer, expiry  '-'  <------ restore ------'
//! ```
//!
//! Personal data has no place here: a registrant is a keyed digest and a pointer to whoever may tell more.

mod calls;
mod error;
mod event;
mod settings;
mod status;
mod term;
mod zone;

pub use calls::{
    ApplyRoot, ApproveTransfer, Assign, CancelTransfer, CloseLoad, Delete, Load, Recount, Register, RejectTransfer,
    Renew, RequestTransfer, Reserve, Restore, SetApex, SetRegistry, SetSettings, SetStatus, Unreserve, Update,
    ViewApex, ViewBySponsor, ViewCharter, ViewCheck, ViewCounts, ViewDomain, ViewDomains, ViewDue, ViewHost, ViewHosts,
    ViewReserved, ViewSettings, ViewUsers,
};
pub use error::RegistrationError;
pub use event::{
    Action, ApexChanged, CharterChanged, DomainChanged, HostChanged, LoadClosed, ReservedChanged, SettingsChanged,
    WeakDigest,
};
pub use settings::{Expiry, GraceKind, Script, Settings, TransferDefault};
pub use status::{Right, Status};
pub use term::{DAY_MS, add_years, subtract_years};
pub use zone::{TldZone, apex_image, apex_records, domain_image, domain_records, host_image, host_records};

use crate::{
    describe::values,
    domain_records::{Delegation, HostEntry},
    rdata::{Ds, Ipv4, Ipv6},
};
use alloc::{collections::BTreeSet, vec::Vec};
use althing_types::{
    codec::{List, Text, encode},
    hash::{Hash, Tag, hash},
    id::{Height, OrganisationId},
    name::DomainName,
    wire::{FieldSchema, Schema, VariantSchema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The contract's id.
pub const ID: &str = "registrations";
/// Version of its state schema.
pub const STATE_VERSION: u32 = 1;
/// Most name servers of a domain.
pub const MAX_NS: usize = 13;
/// Most DS records of a domain.
pub const MAX_DS: usize = 10;
/// Most addresses of one family of a host.
pub const MAX_ADDRESSES: usize = 13;
/// Most subordinate hosts of one domain, and of one change.
pub const MAX_HOSTS: usize = 26;
/// Most hosts that come with the apex.
pub const MAX_APEX_HOSTS: usize = 32;
/// Longest term in years (P 0027; the custom of registries).
pub const MAX_YEARS: u8 = 10;
/// Shortest authorisation code in characters: 16 of base 32 are 80 bits, beyond guessing from the hash.
pub const MIN_CODE: usize = 16;
/// Longest authorisation code in characters.
pub const MAX_CODE: usize = 64;
/// Longest pointer to a registrant's data in bytes.
pub const MAX_POINTER: usize = 256;
/// Longest reason of a reserved name in bytes.
pub const MAX_REASON: usize = 120;
/// Most names of one call that reserves, frees, assigns or loads: as many as a receipt has events. Hosts that are loaded
/// with names count as well.
pub const MAX_BATCH: usize = 256;
/// Most entries of one page of domains, hosts, and what is due.
pub const MAX_PAGE: usize = 64;
/// Most names of one page of names alone.
pub const MAX_NAMES: usize = 256;
/// Most names for which one end of a block does what is due.
pub const MAX_DUE: u32 = 48;

values! {
    /// Argument of the initialiser.
    Init {
        /// The TLD, usually one label.
        tld: DomainName,
        /// The organisation that runs it.
        registry: OrganisationId,
        /// What it decided for all names.
        settings: Settings,
    }
    /// Which TLD this is and who runs it.
    Charter {
        /// The TLD.
        tld: DomainName,
        /// The organisation that runs it: sets server statuses, the apex and reserved names.
        registry: OrganisationId,
        /// Whether the registry may still load names of an existing TLD.
        loading: bool,
    }
    /// Who holds a name, without a word about the person.
    Registrant {
        /// Keyed digest of the registrant's data; the key is with the registrar.
        digest: Hash,
        /// Where those who may know can ask, as an address of RDAP.
        pointer: Text<MAX_POINTER>,
    }
    /// A grace period that has begun.
    Grace {
        /// Which.
        kind: GraceKind,
        /// Its end in milliseconds since 1970.
        until_ms: u64,
    }
    /// A transfer that waits for the losing registrar.
    Transfer {
        /// The gaining registrar.
        to: OrganisationId,
        /// When it asked, in milliseconds since 1970.
        asked_ms: u64,
        /// When it is decided without an answer, in milliseconds since 1970.
        due_ms: u64,
    }
}

/// Where a name is in its life. Times are in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Registered.
    Active,
    /// Deleted; the registrar can restore it until then (RFC 3915 redemptionPeriod).
    Redemption {
        /// End.
        until_ms: u64,
    },
    /// Deleted; free from then on (RFC 3915 pendingDelete).
    PendingDelete {
        /// End.
        until_ms: u64,
    },
}

impl Wire for Phase {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Phase",
        variants: &[
            VariantSchema { name: "Active", fields: &[] },
            VariantSchema { name: "Redemption", fields: &[FieldSchema { name: "until_ms", kind: u64::SCHEMA }] },
            VariantSchema { name: "PendingDelete", fields: &[FieldSchema { name: "until_ms", kind: u64::SCHEMA }] },
        ],
    };
}

values! {
    /// Value of a registered name in the state. Times are in milliseconds since 1970.
    Domain {
        /// The sponsoring registrar.
        sponsor: OrganisationId,
        /// Where it is in its life.
        phase: Phase,
        /// Statuses that were set; those that follow from the rest are told by [`Domain::words`].
        status: BTreeSet<Status>,
        /// Name servers in canonical order, each once; none for a name that is not in the zone.
        ns: List<DomainName, MAX_NS>,
        /// Delegation signers, ordered, each once.
        ds: List<Ds, MAX_DS>,
        /// When it was registered.
        created_ms: u64,
        /// When it was changed last.
        changed_ms: u64,
        /// When it went to another registrar last.
        transferred_ms: Option<u64>,
        /// When its term ends.
        expires_ms: u64,
        /// Grace periods, one of a kind at most, in the order of kinds; some may be over.
        grace: List<Grace, 4>,
        /// A transfer that waits.
        transfer: Option<Transfer>,
        /// Hash of the authorisation code, as [`code_hash`] makes it.
        code: Option<Hash>,
        /// Who holds it.
        registrant: Option<Registrant>,
    }
    /// Value of a subordinate host in the state. It has at least one address.
    Host {
        /// IPv4 addresses, ordered, each once.
        v4: List<Ipv4, MAX_ADDRESSES>,
        /// IPv6 addresses, ordered, each once.
        v6: List<Ipv6, MAX_ADDRESSES>,
    }
    /// The TLD's own delegation, as the root should have it, with addresses of its name servers.
    Apex {
        /// Name servers and DS records.
        delegation: Delegation,
        /// Hosts with addresses, in canonical order; each name server within the TLD is among them.
        hosts: List<HostEntry, MAX_APEX_HOSTS>,
    }
    /// Totals, kept with every change: who holds this proof and that many domains and hosts holds them all.
    #[derive(Copy, Default)]
    Counts {
        /// Registered names, whatever their phase.
        domains: u32,
        /// Those that are in the zone.
        published: u32,
        /// Subordinate hosts.
        hosts: u32,
        /// NS and DS records of all domains, addresses of all hosts.
        records: u32,
        /// Host names within the TLD that domains name and that have no addresses: only while names are loaded.
        missing: u32,
        /// Height of the last change of a domain, a host, the apex or the settings.
        changed: Height,
    }
    /// What becomes of one host in a change.
    HostChange {
        /// The host: below the domain, or the domain itself.
        host: DomainName,
        /// Its addresses from now on; `None` deletes them.
        addresses: Option<Host>,
    }
    /// What a name is registered with.
    Registration {
        /// Name servers; may be empty.
        ns: List<DomainName, MAX_NS>,
        /// Delegation signers.
        ds: List<Ds, MAX_DS>,
        /// Subordinate hosts.
        hosts: List<HostChange, MAX_HOSTS>,
        /// Hash of an authorisation code.
        code: Option<Hash>,
        /// Who holds it.
        registrant: Option<Registrant>,
    }
}

/// What becomes of a part that a domain may have or not.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeChange {
    /// It stays.
    #[default]
    Keep,
    /// It is this from now on.
    Set(Hash),
    /// There is none from now on.
    Remove,
}

/// What becomes of the registrant.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistrantChange {
    /// It stays.
    #[default]
    Keep,
    /// It is this from now on.
    Set(Registrant),
    /// There is none from now on.
    Remove,
}

macro_rules! part_schema {
    ($($name:ident($type:ty)),*) => {
        $(impl Wire for $name {
            const SCHEMA: &'static Schema = &Schema::Enum {
                name: stringify!($name),
                variants: &[
                    VariantSchema { name: "Keep", fields: &[] },
                    VariantSchema { name: "Set", fields: &[FieldSchema { name: "0", kind: <$type>::SCHEMA }] },
                    VariantSchema { name: "Remove", fields: &[] },
                ],
            };
        })*
    };
}
part_schema!(CodeChange(Hash), RegistrantChange(Registrant));

values! {
    /// What becomes of a domain and its hosts, at once. The order inside does not matter.
    #[derive(Default)]
    Change {
        /// Name servers from now on; `None` keeps them.
        ns: Option<List<DomainName, MAX_NS>>,
        /// Delegation signers from now on; `None` keeps them.
        ds: Option<List<Ds, MAX_DS>>,
        /// Subordinate hosts, each once.
        hosts: List<HostChange, MAX_HOSTS>,
        /// The authorisation code.
        code: CodeChange,
        /// Who holds the name.
        registrant: RegistrantChange,
    }
    /// A name of an existing TLD that is moved in. Times are in milliseconds since 1970.
    LoadEntry {
        /// The name.
        name: DomainName,
        /// Its registrar.
        sponsor: OrganisationId,
        /// When it was registered.
        created_ms: u64,
        /// When its term ends.
        expires_ms: u64,
        /// Statuses.
        status: BTreeSet<Status>,
        /// With what it is registered. Name servers within the TLD may get their addresses by a later entry.
        registration: Registration,
    }
    /// What a call of `load` did.
    #[derive(Copy, Default)]
    Loaded {
        /// Names taken over.
        loaded: u32,
        /// Names that were there already, and were left as they are.
        present: u32,
    }
    /// A reserved name.
    ReservedName {
        /// The name.
        name: DomainName,
        /// Why.
        reason: Text<MAX_REASON>,
    }
    /// One entry of the view `domains`.
    DomainEntry {
        /// The name.
        name: DomainName,
        /// Its value.
        domain: Domain,
    }
    /// One entry of the view `hosts`.
    SubordinateHost {
        /// The host.
        name: DomainName,
        /// Its addresses.
        host: Host,
    }
    /// One entry of the view `due`.
    DueEntry {
        /// When, in milliseconds since 1970.
        due_ms: u64,
        /// The name.
        name: DomainName,
    }
    /// One entry of the view `check`.
    Availability {
        /// The name.
        name: DomainName,
        /// Why it cannot be registered; `None` when it can.
        reason: Option<Text<200>>,
    }
}

/// Result of the view `domains`.
pub type DomainPage = List<DomainEntry, MAX_PAGE>;
/// Result of the view `hosts`.
pub type HostPage = List<SubordinateHost, MAX_PAGE>;
/// Result of the views `by_sponsor` and `users`.
pub type NamePage = List<DomainName, MAX_NAMES>;
/// Result of the view `due`.
pub type DuePage = List<DueEntry, MAX_PAGE>;
/// Result of the view `reserved`.
pub type ReservedPage = List<ReservedName, MAX_NAMES>;
/// Result of the view `check`.
pub type Availabilities = List<Availability, MAX_PAGE>;

/// The hash of an authorisation code as the chain keeps it. Chain and name are part of it: equal codes of two names, or
/// of one name on two chains, do not show, and no table of hashes serves twice.
pub fn code_hash(chain: &str, name: &DomainName, code: &str) -> Hash {
    hash(Tag::Contract, &[&encode(&("authorisation code", chain, name, code))])
}

impl Domain {
    /// Whether it is in the zone: registered, with name servers, and not on hold.
    pub fn published(&self) -> bool {
        let held = self.status.contains(&Status::ClientHold) || self.status.contains(&Status::ServerHold);
        self.phase == Phase::Active && !held && !self.ns.is_empty()
    }

    /// When something happens to it by time alone, in milliseconds since 1970.
    pub fn due_ms(&self) -> u64 {
        match self.phase {
            Phase::Active => self.transfer.as_ref().map_or(self.expires_ms, |t| t.due_ms.min(self.expires_ms)),
            Phase::Redemption { until_ms } | Phase::PendingDelete { until_ms } => until_ms,
        }
    }

    /// Its NS and DS records.
    pub fn records(&self) -> u32 {
        u32::try_from(self.ns.len().saturating_add(self.ds.len())).unwrap_or(u32::MAX)
    }

    /// Its statuses at a time in the words of RFC 5731 and RFC 3915, set and derived, ordered.
    pub fn words(&self, now_ms: u64) -> Vec<&'static str> {
        let mut out: BTreeSet<&'static str> = self.status.iter().map(|status| status.word()).collect();
        match self.phase {
            Phase::Active if self.ns.is_empty() => {
                out.insert("inactive");
            }
            Phase::Active => {}
            Phase::Redemption { .. } => out.extend(["pendingDelete", "redemptionPeriod"]),
            Phase::PendingDelete { .. } => {
                out.insert("pendingDelete");
            }
        }
        if self.transfer.is_some() {
            out.insert("pendingTransfer");
        }
        if out.is_empty() {
            out.insert("ok");
        }
        if self.phase == Phase::Active {
            out.extend(self.grace.iter().filter(|grace| now_ms < grace.until_ms).map(|grace| grace.kind.word()));
        }
        out.into_iter().collect()
    }
}

impl Host {
    /// Its A and AAAA records.
    pub fn records(&self) -> u32 {
        u32::try_from(self.v4.len().saturating_add(self.v6.len())).unwrap_or(u32::MAX)
    }
}
