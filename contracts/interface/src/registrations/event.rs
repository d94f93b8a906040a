//! Events of `registrations`. They say which entry to read again; the entries themselves are in the state, with proofs.

use crate::describe::{events, words};
use althing_types::{hash::Hash, id::OrganisationId, name::DomainName};

words! {
    /// What was done with a name.
    Action {
        /// Registered.
        Registered = 0 "registered",
        /// Taken over from an existing TLD.
        Loaded = 1 "loaded",
        /// Renewed by its registrar.
        Renewed = 2 "renewed",
        /// Renewed because its term was over.
        AutoRenewed = 3 "auto_renewed",
        /// Name servers, DS records, authorisation code or registrant were changed.
        Updated = 4 "updated",
        /// Statuses were changed.
        StatusChanged = 5 "status_changed",
        /// A transfer was asked for.
        TransferRequested = 6 "transfer_requested",
        /// It went to another registrar.
        Transferred = 7 "transferred",
        /// A transfer ended without effect.
        TransferEnded = 8 "transfer_ended",
        /// The registry gave it to another registrar.
        Assigned = 9 "assigned",
        /// Deleted by its registrar; it can be restored.
        Deleted = 10 "deleted",
        /// Deleted because its term was over; it can be restored.
        Expired = 11 "expired",
        /// Taken back out of redemption.
        Restored = 12 "restored",
        /// It cannot be restored any more.
        Doomed = 13 "doomed",
        /// It is free.
        Purged = 14 "purged",
        /// A name server went with the name in which it lay.
        Detached = 15 "detached",
    }
}

events! {
    /// A name is not what it was.
    DomainChanged {
        /// The name.
        name: DomainName;
        /// What was done.
        action: Action,
        /// Its registrar from now on; the last one when it was purged.
        sponsor: OrganisationId,
        /// Whether it is in the zone from now on.
        published: bool,
        /// SHA3-256 of what it gives to the zone from now on: [`crate::registrations::domain_image`]. So what a change led to
        /// can be checked after the state of that height is gone.
        image: Hash,
    }
    /// A subordinate host has other addresses, or none.
    HostChanged {
        /// The host.
        host: DomainName;
        /// SHA3-256 of its addresses from now on: [`crate::registrations::host_image`].
        image: Hash,
    }
    /// The TLD's own delegation is another one.
    ApexChanged {
;
        /// Whether it came from the root.
        from_root: bool,
        /// SHA3-256 of it: [`crate::registrations::apex_image`].
        image: Hash,
    }
    /// The settings are others.
    SettingsChanged {
;
    }
    /// Another organisation runs the TLD.
    CharterChanged {
;
        /// The organisation.
        registry: OrganisationId,
    }
    /// A name was reserved or freed.
    ReservedChanged {
        /// The name.
        name: DomainName;
        /// Whether it is reserved from now on.
        reserved: bool,
    }
    /// A warning: a new DS record uses SHA-1, which RFC 8624 3.3 forbids for new delegations. Loaded names do not warn.
    WeakDigest {
        /// The name, or the TLD for its own.
        name: DomainName;
        /// Key tag of the DS record.
        key_tag: u16,
    }
    /// No more names are loaded.
    LoadClosed {
;
    }
}
