//! Calls of `registrations` as typed values.

use super::{Apex, Change, ID, LoadEntry, MAX_BATCH, MAX_CODE, MAX_PAGE, Registration, ReservedName, Settings, Status};
use crate::{call::calls, root_sync::TldImage};
use alloc::collections::BTreeSet;
use althing_types::{
    codec::{List, Text},
    id::OrganisationId,
    name::DomainName,
};

calls! { ID;
    /// Registers a name. A registrar.
    Register("register", Register) {
        /// The name.
        name: DomainName,
        /// Its term: 1 to [`MAX_YEARS`](super::MAX_YEARS).
        years: u8,
        /// With what.
        registration: Registration,
    }
    /// Extends a term. The sponsoring registrar.
    Renew("renew", Update) {
        /// The name.
        name: DomainName,
        /// When its term ends now, so that nothing is renewed twice (RFC 5731 3.2.3).
        expires_ms: u64,
        /// Years to add.
        years: u8,
    }
    /// Changes a domain and its hosts. The sponsoring registrar.
    Update("update", Update) {
        /// The name.
        name: DomainName,
        /// The change.
        change: Change,
    }
    /// Sets and removes statuses: a registrar those of the client, the registry those of the server.
    SetStatus("set_status", Update) {
        /// The name.
        name: DomainName,
        /// Statuses to set.
        add: BTreeSet<Status>,
        /// Statuses to remove.
        remove: BTreeSet<Status>,
    }
    /// Asks for a transfer. The gaining registrar, with the authorisation code.
    RequestTransfer("request_transfer", Update) {
        /// The name.
        name: DomainName,
        /// The code; used up by this.
        code: Text<MAX_CODE>,
    }
    /// Agrees to a transfer. The losing registrar.
    ApproveTransfer("approve_transfer", Update) {
        /// The name.
        name: DomainName,
    }
    /// Refuses a transfer. The losing registrar.
    RejectTransfer("reject_transfer", Update) {
        /// The name.
        name: DomainName,
    }
    /// Takes a request back. The gaining registrar.
    CancelTransfer("cancel_transfer", Update) {
        /// The name.
        name: DomainName,
    }
    /// Deletes a name: at once in the add grace period, else into redemption. The sponsoring registrar.
    Delete("delete", Delete) {
        /// The name.
        name: DomainName,
    }
    /// Takes a name back out of redemption. The sponsoring registrar.
    Restore("restore", Update) {
        /// The name.
        name: DomainName,
    }
    /// Reserves names. The registry.
    Reserve("reserve", Register) {
        /// Names and reasons.
        names: List<ReservedName, MAX_BATCH>,
    }
    /// Frees reserved names. The registry.
    Unreserve("unreserve", Delete) {
        /// The names.
        names: List<DomainName, MAX_BATCH>,
    }
    /// Gives names to another registrar, as when one ends its business. The registry.
    Assign("assign", Update) {
        /// The names.
        names: List<DomainName, MAX_BATCH>,
        /// The registrar.
        to: OrganisationId,
    }
    /// Sets the TLD's own delegation; it is told to the root. The registry.
    SetApex("set_apex", Update) {
        /// The delegation and its hosts.
        apex: Apex,
    }
    /// Takes over what the root has of the TLD. Only contract `root_sync`.
    ApplyRoot("apply_root", Update) {
        /// What the root has.
        image: TldImage,
    }
    /// Takes over names of an existing TLD. The registry, until the load is closed.
    Load("load", Register) {
        /// The names.
        entries: List<LoadEntry, MAX_BATCH>,
    }
    /// Ends the load for good. The registry.
    CloseLoad("close_load", Update) {}
    /// Changes the settings. Role: governance.
    SetSettings("set_settings", Update) {
        /// The settings.
        settings: Settings,
    }
    /// Gives the TLD to another organisation. Role: governance.
    SetRegistry("set_registry", Update) {
        /// The organisation.
        registry: OrganisationId,
    }
    /// Counts everything anew, after a remediation has put single entries back. Role: governance.
    Recount("recount", Update) {}
    /// View: `Option<Domain>`.
    ViewDomain("domain", Call) {
        /// The name.
        name: DomainName,
    }
    /// View: `Option<Host>`.
    ViewHost("host", Call) {
        /// The host.
        host: DomainName,
    }
    /// View: names in canonical order, [`DomainPage`](super::DomainPage).
    ViewDomains("domains", Call) {
        /// The last name of the page before; `None` for the first page.
        after: Option<DomainName>,
    }
    /// View: hosts in canonical order, [`HostPage`](super::HostPage).
    ViewHosts("hosts", Call) {
        /// The last host of the page before; `None` for the first page.
        after: Option<DomainName>,
    }
    /// View: a registrar's names, [`NamePage`](super::NamePage).
    ViewBySponsor("by_sponsor", Call) {
        /// The registrar.
        sponsor: OrganisationId,
        /// The last name of the page before; `None` for the first page.
        after: Option<DomainName>,
    }
    /// View: domains that name a host within the TLD, [`NamePage`](super::NamePage).
    ViewUsers("users", Call) {
        /// The host.
        host: DomainName,
        /// The last name of the page before; `None` for the first page.
        after: Option<DomainName>,
    }
    /// View: what is due next by time, [`DuePage`](super::DuePage).
    ViewDue("due", Call) {}
    /// View: reserved names, [`ReservedPage`](super::ReservedPage).
    ViewReserved("reserved", Call) {
        /// The last name of the page before; `None` for the first page.
        after: Option<DomainName>,
    }
    /// View: which names can be registered (RFC 5731 3.1.1), [`Availabilities`](super::Availabilities).
    ViewCheck("check", Call) {
        /// The names.
        names: List<DomainName, MAX_PAGE>,
    }
    /// View: [`Counts`](super::Counts).
    ViewCounts("counts", Call) {}
    /// View: `Option<Apex>`.
    ViewApex("apex", Call) {}
    /// View: [`Settings`].
    ViewSettings("settings", Call) {}
    /// View: [`Charter`](super::Charter).
    ViewCharter("charter", Call) {}
}
