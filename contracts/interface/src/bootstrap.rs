//! Contract `bootstrap`: where the registration data of a TLD (registry side) and of a registrar's names (registrar side)
//! are asked for by RDAP (D 3; RFC 9224).
//!
//! | side | key | who changes it | what must hold |
//! |---|---|---|---|
//! | registry | TLD | the organisation bound to it | base URLs in the form of RFC 9224 |
//! | registrar | IANA id | the organisation whose claim on that id was approved | the id is on the list as accredited |
//! | accreditation | IANA id | the management node | what ICANN and IANA publish |
//!
//! Where contract `governance` says that changes of data are reviewed, a change of either side becomes a proposal of it
//! and takes effect when the reviewers accepted it. A registrar's name and status are the list's, never its own word.

mod notice;

pub use notice::{
    AccreditationChanged, AccreditationLoaded, BootstrapError, ClaimChanged, EntryDeleted, EntrySet, EntrySubmitted,
    RegistrarDeleted, RegistrarSet, RegistrarSubmitted, SettingsChanged,
};

use crate::{call::calls, describe::values};
use althing_types::{
    codec::{List, Text},
    id::{Height, OrganisationId},
    name::DomainName,
    wire::{Schema, VariantSchema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The contract's id.
pub const ID: &str = "bootstrap";
/// Version of its state schema.
pub const STATE_VERSION: u32 = 1;
/// Most base URLs of an entry.
pub const MAX_URLS: usize = 8;
/// Longest base URL in bytes.
pub const MAX_URL: usize = 512;
/// Most bytes of all base URLs of an entry, so that a change fits into a proposal.
pub const MAX_URL_BYTES: usize = 2048;
/// Longest name of a registrar in bytes.
pub const MAX_REGISTRAR_NAME: usize = 256;
/// Longest name of a country or territory in bytes.
pub const MAX_COUNTRY: usize = 64;
/// Longest public contact in bytes.
pub const MAX_CONTACT: usize = 512;
/// Most entries of one page of a view.
pub const MAX_PAGE: usize = 16;
/// Most entries of one batch of the accreditation list.
pub const MAX_BATCH: usize = 128;
/// Most bindings that a chain's genesis gives to this contract.
pub const MAX_BINDINGS: usize = 256;
/// Most changes of one entry that are kept as its history.
pub const MAX_HISTORY: u16 = 24;

/// A registrar's number in IANA's registry (RFC 5733, `IANA Registrar ID`).
pub type RegistrarId = u32;
/// Base URLs: ordered by preference, `https` before `http` (RFC 9224 3), each ending in `/`, each once.
pub type BaseUrls = List<Text<MAX_URL>, MAX_URLS>;

/// Declares an enumeration without fields.
macro_rules! choices {
    ($($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal),* $(,)? })*) => {$(
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
        )]
        #[borsh(use_discriminant = true)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum $name { $($(#[$doc])* $variant = $number),* }
        impl Wire for $name {
            const SCHEMA: &'static Schema = &Schema::Enum {
                name: stringify!($name),
                variants: &[$(VariantSchema { name: stringify!($variant), fields: &[] }),*],
            };
        }
    )*};
}

choices! {
    /// Which base URLs are accepted.
    Transport {
        /// `https` and names only.
        Secure = 0,
        /// `http` too, and addresses in the place of names: for closed networks and tests.
        Any = 1,
    }
    /// A registrar's status in IANA's registry (D 3.3 Table 1).
    RegistrarStatus {
        /// May register names.
        Accredited = 0,
        /// A number that is no registrar's.
        Reserved = 1,
        /// Was accredited once.
        Terminated = 2,
    }
    /// Where an organisation's claim on a registrar id stands.
    ClaimStatus {
        /// It waits for the management node.
        Pending = 0,
        /// The organisation is that registrar.
        Approved = 1,
    }
}

values! {
    /// What the members set for this contract.
    Settings {
        /// Which base URLs are accepted.
        transport: Transport,
        /// How many changes of one entry are kept: 1 to [`MAX_HISTORY`].
        history: u16,
        /// Who keeps the accreditation list and approves claims; `None` for whose node is the management node of the
        /// moment.
        management: Option<OrganisationId>,
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self { transport: Transport::Secure, history: 16, management: None }
    }
}

values! {
    /// Which organisation runs a TLD, on a chain without contract `tld_binding`.
    OwnBinding {
        /// The TLD.
        tld: DomainName,
        /// Its registry.
        organisation: OrganisationId,
    }
    /// Argument of the initialiser.
    #[derive(Default)]
    Init {
        /// The settings.
        settings: Settings,
        /// Bindings; they count only where there is no contract `tld_binding`.
        bindings: List<OwnBinding, MAX_BINDINGS>,
    }
    /// Value of a TLD in the state.
    Entry {
        /// Base URLs of its registry's RDAP service, at least one.
        urls: BaseUrls,
        /// Who set them.
        by: OrganisationId,
        /// Number of the change that made this value, from 1; it never goes back.
        revision: u64,
        /// Height of that change.
        changed: Height,
        /// Block time of that change in milliseconds since 1970.
        changed_ms: u64,
    }
    /// What a registrar says of itself (D 3.3 Table 1, without what the accreditation list says).
    RegistrarData {
        /// Country or territory.
        country: Text<MAX_COUNTRY>,
        /// Public contact.
        contact: Text<MAX_CONTACT>,
        /// Its web site.
        link: Text<MAX_URL>,
        /// Base URLs of its RDAP service; may be empty.
        urls: BaseUrls,
    }
    /// Value of a registrar in the state.
    Registrar {
        /// What it says of itself.
        data: RegistrarData,
        /// The organisation.
        by: OrganisationId,
        /// Number of the change that made this value, from 1; it never goes back.
        revision: u64,
        /// Height of that change.
        changed: Height,
        /// Block time of that change in milliseconds since 1970.
        changed_ms: u64,
    }
    /// An organisation's claim to be a registrar.
    Claim {
        /// The registrar id.
        id: RegistrarId,
        /// Where it stands.
        status: ClaimStatus,
        /// Height of the last change.
        changed: Height,
    }
    /// What the accreditation list says of a registrar id.
    Accreditation {
        /// The registrar's name.
        name: Text<MAX_REGISTRAR_NAME>,
        /// Its status.
        status: RegistrarStatus,
    }
    /// One change of the accreditation list.
    AccreditationChange {
        /// The registrar id.
        id: RegistrarId,
        /// What the list says from now on; `None`: it does not have the id any more.
        accreditation: Option<Accreditation>,
    }
    /// One entry of the view `accreditations`.
    AccreditationEntry {
        /// The registrar id.
        id: RegistrarId,
        /// What the list says.
        accreditation: Accreditation,
    }
    /// A past value of a TLD's entry.
    EntryChange {
        /// Number of the change.
        revision: u64,
        /// Who made it.
        by: OrganisationId,
        /// The base URLs from then on; empty: deleted.
        urls: BaseUrls,
        /// Height of the change.
        height: Height,
        /// Block time in milliseconds since 1970.
        time_ms: u64,
    }
    /// A past value of a registrar's entry.
    RegistrarChange {
        /// Number of the change.
        revision: u64,
        /// Who made it.
        by: OrganisationId,
        /// The data from then on; `None`: deleted.
        data: Option<RegistrarData>,
        /// Height of the change.
        height: Height,
        /// Block time in milliseconds since 1970.
        time_ms: u64,
    }
    /// One entry of the view `entries`.
    EntryRow {
        /// The TLD.
        tld: DomainName,
        /// Its entry.
        entry: Entry,
    }
    /// A registrar as Table 1 of the draft has it (D 3.3).
    RegistrarRow {
        /// ID.
        id: RegistrarId,
        /// Name and status, as the accreditation list says; `None` when the list does not have the id any more.
        accreditation: Option<Accreditation>,
        /// The rest, as the registrar says.
        registrar: Registrar,
    }
    /// Totals, kept with every change: who holds this proof and that many entries holds them all.
    #[derive(Copy, Default)]
    Counts {
        /// TLDs with an entry.
        entries: u32,
        /// Registrars with an entry.
        registrars: u32,
        /// Ids on the accreditation list.
        accreditations: u32,
        /// Claims, pending ones included.
        claims: u32,
        /// Time of publication of the accreditation list that was loaded last, in milliseconds since 1970.
        published_ms: u64,
        /// Changes of entries, registrars and the list so far. Each tells one event, so that a follower who has counted
        /// fewer knows that one was kept from him.
        changes: u64,
        /// Height of the last of them.
        changed: Height,
    }
}

/// Result of the view `entries`.
pub type EntryPage = List<EntryRow, MAX_PAGE>;
/// Result of the view `registrars`.
pub type RegistrarPage = List<RegistrarRow, MAX_PAGE>;
/// Result of the view `accreditations`.
pub type AccreditationPage = List<AccreditationEntry, MAX_BATCH>;
/// Result of the view `history`.
pub type EntryHistory = List<EntryChange, { MAX_HISTORY as usize }>;
/// Result of the view `registrar_history`.
pub type RegistrarHistory = List<RegistrarChange, 16>;
/// A batch of the accreditation list.
pub type AccreditationBatch = List<AccreditationChange, MAX_BATCH>;

calls! { ID;
    /// Sets the base URLs of a TLD; gives the number of the review's proposal, `None` when they are set. Only the bound
    /// registry.
    Set("set", Update) {
        /// The TLD.
        tld: DomainName,
        /// Base URLs.
        urls: BaseUrls,
    }
    /// Deletes the entry of a TLD; gives what `set` gives. Only the bound registry.
    Delete("delete", Delete) {
        /// The TLD.
        tld: DomainName,
    }
    /// Sets the base URLs of a TLD after a review, or because the members decided it at once. Role: governance.
    ReviewedSet("reviewed_set", Update) {
        /// The registry, which must be bound.
        organisation: OrganisationId,
        /// The TLD.
        tld: DomainName,
        /// Number of the last change of the entry that the reviewers have seen; 0: there was none.
        basis: u64,
        /// Base URLs.
        urls: BaseUrls,
    }
    /// Claims to be a registrar of the accreditation list. Role: registrar.
    Apply("apply", Register) {
        /// The registrar id.
        id: RegistrarId,
    }
    /// Approves a claim. Role: governance, or the management node's organisation.
    Approve("approve", Update) {
        /// Whose claim.
        organisation: OrganisationId,
        /// The registrar id that is claimed.
        id: RegistrarId,
    }
    /// Ends a claim, and the registrar's entry with it. Role: governance, or the management node's organisation.
    Revoke("revoke", Delete) {
        /// Whose claim.
        organisation: OrganisationId,
    }
    /// Sets the signer's own registrar entry; gives what `set` gives. Only an approved registrar.
    SetRegistrar("set_registrar", Update) {
        /// The data.
        data: RegistrarData,
    }
    /// Deletes the signer's own registrar entry; gives what `set` gives. Only an approved registrar.
    DeleteRegistrar("delete_registrar", Delete) {}
    /// Changes the accreditation list. Role: governance, or the management node's organisation.
    LoadAccreditation("load_accreditation", Update) {
        /// What changes, each id once.
        changes: AccreditationBatch,
        /// Time of publication of the list, in milliseconds since 1970; not before the one that was loaded last.
        published_ms: u64,
    }
    /// Changes the settings. Role: governance.
    SetSettings("set_settings", Update) {
        /// The settings.
        settings: Settings,
    }
    /// Binds a TLD, or ends its binding, on a chain without contract `tld_binding`. Role: governance.
    Bind("bind", Update) {
        /// The TLD.
        tld: DomainName,
        /// Its registry; `None` ends the binding.
        organisation: Option<OrganisationId>,
    }
    /// Counts everything anew, after a remediation has put single entries back. Role: governance.
    Recount("recount", Update) {}
    /// View: `Option<Entry>`.
    ViewEntry("entry", Call) {
        /// The TLD.
        tld: DomainName,
    }
    /// View: entries in the order of their state keys, [`EntryPage`].
    ViewEntries("entries", Call) {
        /// The last TLD of the page before; `None` for the first page.
        after: Option<DomainName>,
    }
    /// View: `Option<RegistrarRow>`.
    ViewRegistrar("registrar", Call) {
        /// The registrar id.
        id: RegistrarId,
    }
    /// View: registrars by id, [`RegistrarPage`].
    ViewRegistrars("registrars", Call) {
        /// The last id of the page before; `None` for the first page.
        after: Option<RegistrarId>,
    }
    /// View: `Option<Accreditation>`.
    ViewAccreditation("accreditation", Call) {
        /// The registrar id.
        id: RegistrarId,
    }
    /// View: the accreditation list by id, [`AccreditationPage`].
    ViewAccreditations("accreditations", Call) {
        /// The last id of the page before; `None` for the first page.
        after: Option<RegistrarId>,
    }
    /// View: `Option<Claim>`.
    ViewClaim("claim", Call) {
        /// Whose claim.
        organisation: OrganisationId,
    }
    /// View: past values of a TLD's entry, oldest first, [`EntryHistory`].
    ViewHistory("history", Call) {
        /// The TLD.
        tld: DomainName,
    }
    /// View: past values of a registrar's entry, oldest first, [`RegistrarHistory`].
    ViewRegistrarHistory("registrar_history", Call) {
        /// The registrar id.
        id: RegistrarId,
    }
    /// View: [`Settings`].
    ViewSettings("settings", Call) {}
    /// View: [`Counts`].
    ViewCounts("counts", Call) {}
}
