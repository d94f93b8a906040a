//! Changes of the root zone that wait: for the consent of other registries, or for a quorum's confirmation.
//!
//! ```text
//!   change --> nobody to ask, below the brake --> applied
//!      '-----> open --consents, no brake--> applied        (of all, or of the set share)
//!               |  '--release (a vote)----> applied
//!               |--objection, refuse (a vote)--> refused
//!               |--withdraw (who asked)--------> withdrawn
//!               |--its time is over------------> expired
//!               '--a rule forbids it by then---> failed
//! ```
//! Nothing of a held change is in delegations, hosts, users or totals before it is applied.

use super::{Change, ID, MAX_HOST_CHANGES};
use crate::{
    call::calls,
    describe::{events, values},
};
use althing_types::{
    codec::List,
    hash::Hash,
    id::{Height, OrganisationId},
    name::DomainName,
    wire::{FieldSchema, Schema, VariantSchema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most open held changes.
pub const MAX_HELD: u32 = 1024;
/// Most open held changes that one organisation asked for.
pub const MAX_HELD_OF_ONE: u32 = 128;
/// Settled changes that are kept, the latest.
pub const MAX_SETTLED: u32 = 256;
/// Most organisations that one change may have to ask.
pub const MAX_CONSENTS: usize = 256;
/// Most TLDs that are looked at to find whom a change must ask.
pub const MAX_USERS: usize = 2048;
/// Most entries of a page of the view `held_changes`.
pub const MAX_HELD_PAGE: usize = 16;
/// Most changes that one vote releases or refuses.
pub const MAX_IDS: usize = 128;
/// Expired changes that one call takes away.
pub const MAX_EXPIRED: usize = 16;
/// Parts of a brake's window: what was changed is known for each.
pub const WINDOW_PARTS: usize = 8;
/// Parts of a change that are compared with what was there when it was asked for: its hosts and the delegation.
pub const MAX_PARTS: usize = MAX_HOST_CHANGES + 1;
/// Longest window of a brake in blocks.
pub const MAX_WINDOW_BLOCKS: u64 = 10_000_000;
/// Shortest and longest time that a held change waits, in milliseconds: one second, one year.
pub const EXPIRY_MS: core::ops::RangeInclusive<u64> = 1_000..=31_536_000_000;

/// Declares enumerations without fields, with a text of each.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $number:literal $text:literal),* $(,)? })*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
            #[borsh(use_discriminant = true)]
            #[serde(rename_all = "snake_case")]
            #[repr(u8)]
            pub enum $name { $($(#[$vmeta])* $variant = $number),* }
            impl Wire for $name {
                const SCHEMA: &'static Schema = &Schema::Enum {
                    name: stringify!($name),
                    variants: &[$(VariantSchema { name: stringify!($variant), fields: &[] }),*],
                };
            }
            impl core::fmt::Display for $name {
                fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    f.write_str(match self { $(Self::$variant => $text),* })
                }
            }
        )*
    };
}

words! {
    /// Where a held change stands.
    HeldStatus {
        /// It waits.
        Open = 0 "open",
        /// It was carried out.
        Applied = 1 "applied",
        /// A registry objected, or a vote refused it.
        Refused = 2 "refused",
        /// Who asked for it took it back.
        Withdrawn = 3 "withdrawn",
        /// Its time was over.
        Expired = 4 "expired",
        /// When its turn came, a rule forbade it.
        Failed = 5 "failed",
    }
    /// Which brake holds a change.
    Brake {
        /// None.
        Off = 0 "none",
        /// The organisation changed as much in the window as it may.
        Organisation = 1 "organisation",
        /// All together changed as much in the window as they may.
        Zone = 2 "zone",
    }
}

values! {
    /// A change that waits, or that waited.
    HeldChange {
        /// Its number, from 1.
        id: u64,
        /// The TLD whose change it is.
        tld: DomainName,
        /// The registry that asked for it.
        organisation: OrganisationId,
        /// Where it stands.
        status: HeldStatus,
        /// Which brake holds it; then a vote must release it.
        brake: Brake,
        /// Whether it came from the TLD's own chain through contract `root_sync`.
        synced: bool,
        /// Hosts whose addresses it changes and that TLDs of other organisations use, when last counted.
        hosts: List<DomainName, MAX_HOST_CHANGES>,
        /// Those organisations, when last counted; all but suspended ones.
        needed: List<OrganisationId, MAX_CONSENTS>,
        /// Organisations that consented.
        consents: List<OrganisationId, MAX_CONSENTS>,
        /// Organisations that objected.
        objections: List<OrganisationId, MAX_CONSENTS>,
        /// Height at which it was asked for.
        asked: Height,
        /// Block time from which it is expired, in milliseconds since 1970.
        expires_ms: u64,
        /// Height at which it was settled; 0 while it is open.
        settled: Height,
        /// Number of the `RecordsError` that forbade it; 0 when none did.
        number: u32,
    }
}

values! {
    /// What a held change would do.
    HeldContent {
        /// The change.
        change: Change,
        /// SHA3-256 of what was there when it was asked for, `Option<Host>` of each host in the change's order, then
        /// `Option<Delegation>`: a change of something that somebody else changed since is not carried out.
        before: List<Hash, MAX_PARTS>,
    }
}

values! {
    /// One entry of the view `held_changes`, and what the view `held` gives.
    HeldEntry {
        /// Its standing.
        held: HeldChange,
        /// What it would do.
        change: Change,
    }
}

values! {
    /// Totals of held changes: who holds proofs of that many open ones holds them all.
    #[derive(Copy, Default)]
    HeldCounts {
        /// The number of the last one.
        last: u64,
        /// Open ones.
        open: u32,
        /// Settled ones that are kept.
        settled: u32,
    }
}

values! {
    /// When changes wait.
    HoldSettings {
        /// Of a host's other organisations, the share that must consent, in percent; 1 to 100.
        share_percent: u8,
        /// Time that a held change waits, in milliseconds; within [`EXPIRY_MS`].
        expiry_ms: u64,
        /// Delegations and hosts that one organisation may change within the window; 0 for no brake.
        changes: u32,
        /// Delegations and hosts that all together may change within the window; 0 for no brake.
        zone_changes: u32,
        /// The window in blocks; 1 to [`MAX_WINDOW_BLOCKS`].
        window_blocks: u64,
    }
}

impl Default for HoldSettings {
    /// Consent of all within 30 days; no brake.
    fn default() -> Self {
        Self { share_percent: 100, expiry_ms: 2_592_000_000, changes: 0, zone_changes: 0, window_blocks: 1_000 }
    }
}

values! {
    /// What was changed in a part of a brake's window.
    TallyPart {
        /// The part's first height.
        from: Height,
        /// Delegations and hosts changed in it.
        changes: u32,
    }
}

values! {
    /// What one organisation, or all together, changed lately.
    #[derive(Default)]
    Tally {
        /// By part of the window, oldest first.
        parts: List<TallyPart, { WINDOW_PARTS + 2 }>,
    }
}

/// What became of a change that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeOutcome {
    /// It was carried out.
    Applied,
    /// It waits.
    Held {
        /// Its number.
        id: u64,
    },
}

impl Wire for ChangeOutcome {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "ChangeOutcome",
        variants: &[
            VariantSchema { name: "Applied", fields: &[] },
            VariantSchema { name: "Held", fields: &[FieldSchema { name: "id", kind: u64::SCHEMA }] },
        ],
    };
}

/// Result of the view `held_changes`.
pub type HeldPage = List<HeldChange, MAX_HELD_PAGE>;
/// Numbers of held changes.
pub type HeldIds = List<u64, MAX_IDS>;

calls! { ID;
    /// Makes a TLD what its own chain says, by the rules of `change`: `root_sync::Outcome`. Only contract `root_sync`.
    /// Whatever becomes of a change that is held, `root_sync.changed` tells the TLD's chain.
    ApplySynced("apply_synced", Call) {
        /// The TLD.
        tld: DomainName,
        /// What it shall be.
        image: crate::root_sync::TldImage,
    }
    /// Consents to a held change on behalf of TLDs that use its hosts.
    Consent("consent", Update) {
        /// The held change.
        id: u64,
    }
    /// Objects to a held change on behalf of TLDs that use its hosts.
    Object("object", Update) {
        /// The held change.
        id: u64,
    }
    /// Takes a held change back. Only who asked for it.
    Withdraw("withdraw", Update) {
        /// The held change.
        id: u64,
    }
    /// Counts anew who must consent, and carries the change out when nobody is missing. Anyone.
    Settle("settle", Update) {
        /// The held change.
        id: u64,
    }
    /// Carries held changes out, whatever holds them. Role: governance.
    ReleaseHeld("release_held", Update) {
        /// Held changes.
        ids: HeldIds,
    }
    /// Refuses held changes. Role: governance.
    RefuseHeld("refuse_held", Update) {
        /// Held changes.
        ids: HeldIds,
    }
    /// Sets who must consent and for how long changes wait. Role: governance.
    SetConsent("set_consent", Update) {
        /// Share in percent.
        share_percent: u8,
        /// Time in milliseconds.
        expiry_ms: u64,
    }
    /// Sets the brake. Role: governance.
    SetBrake("set_brake", Update) {
        /// For one organisation; 0 for off.
        changes: u32,
        /// For all together; 0 for off.
        zone_changes: u32,
        /// Window in blocks.
        window_blocks: u64,
    }
    /// View: `Option<HeldEntry>`.
    ViewHeld("held", Call) {
        /// The held change.
        id: u64,
    }
    /// View: held changes by number, open and settled, [`HeldPage`].
    ViewHeldChanges("held_changes", Call) {
        /// The last number of the page before; `None` for the first page.
        after: Option<u64>,
    }
    /// View: [`HeldCounts`].
    ViewHeldCounts("held_counts", Call) {}
    /// View: [`HoldSettings`].
    ViewHoldSettings("hold_settings", Call) {}
}

events! {
    /// A change waits from now on.
    ChangeHeld {
        /// The TLD.
        tld: DomainName;
        /// The held change's number.
        id: u64,
        /// Who asked for it.
        organisation: OrganisationId,
        /// Which brake holds it.
        brake: Brake,
        /// Whose consent it needs.
        needed: List<OrganisationId, MAX_CONSENTS>,
    }
    /// An organisation consented to a held change or objected to it.
    ChangeAnswered {
        /// The TLD.
        tld: DomainName;
        /// The held change's number.
        id: u64,
        /// Who answered.
        organisation: OrganisationId,
        /// Whether it consented.
        consented: bool,
    }
    /// A held change came to its end.
    ChangeSettled {
        /// The TLD.
        tld: DomainName;
        /// The held change's number.
        id: u64,
        /// How.
        status: HeldStatus,
        /// Number of the `RecordsError` that forbade it; 0 when none did.
        number: u32,
    }
    /// The settings of held changes are these from now on.
    HoldSettingsChanged {
;
        /// The settings.
        settings: HoldSettings,
    }
}
