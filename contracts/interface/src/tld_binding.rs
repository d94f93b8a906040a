//! Contract `tld_binding`: which organisation runs which top-level domain.
//!
//! ```text
//!   (none) --bind--> active --suspend--> suspended
//!      ^               |  <--resume-----     |
//!      '----release----'---------------------'      rebind: another organisation, same status
//! ```

use crate::{
    call::calls,
    describe::{errors, events, values},
};
use alloc::string::String;
use althing_types::{
    codec::List,
    id::{Height, OrganisationId},
    name::DomainName,
    wire::{Schema, VariantSchema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The contract's id.
pub const ID: &str = "tld_binding";
/// Version of its state schema.
pub const STATE_VERSION: u32 = 1;
/// Most entries of one page of the view `bindings`.
pub const MAX_PAGE: usize = 256;

/// Whether a registry may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum BindingStatus {
    /// The registry may change its TLD.
    Active = 0,
    /// The registry may change nothing; the delegation stays as it is.
    Suspended = 1,
}

impl Wire for BindingStatus {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "BindingStatus",
        variants: &[VariantSchema { name: "Active", fields: &[] }, VariantSchema { name: "Suspended", fields: &[] }],
    };
}

values! {
    /// Value of a TLD in the state.
    Binding {
        /// The registry.
        organisation: OrganisationId,
        /// Whether it may act.
        status: BindingStatus,
        /// Height at which this organisation was bound.
        since: Height,
        /// Height of the last change of this value.
        changed: Height,
    }
}

values! {
    /// Totals, kept with every change: who holds this proof and that many bindings holds them all.
    #[derive(Copy, Default)]
    BindingCounts {
        /// Bound TLDs.
        bindings: u32,
    }
}

values! {
    /// One entry of the view `bindings`.
    BindingEntry {
        /// The TLD.
        tld: DomainName,
        /// Its binding.
        binding: Binding,
    }
}

/// Result of the view `bindings`.
pub type BindingPage = List<BindingEntry, MAX_PAGE>;
/// Result of the view `bindings_of`: as many as were asked for.
pub type BindingsOf = List<Option<Binding>, MAX_PAGE>;

calls! { ID;
    /// Binds a TLD to an organisation. Role: operator.
    Bind("bind", Register) {
        /// The TLD: one label.
        tld: DomainName,
        /// The registry.
        organisation: OrganisationId,
    }
    /// Gives a bound TLD to another organisation; delegation and hosts stay. Role: operator.
    Rebind("rebind", Update) {
        /// The TLD.
        tld: DomainName,
        /// The new registry.
        organisation: OrganisationId,
    }
    /// Stops the registry from acting. Role: operator.
    Suspend("suspend", Update) {
        /// The TLD.
        tld: DomainName,
    }
    /// Lets the registry act again. Role: operator.
    Resume("resume", Update) {
        /// The TLD.
        tld: DomainName,
    }
    /// Ends the binding of a TLD that has no delegation any more. Role: operator.
    Release("release", Delete) {
        /// The TLD.
        tld: DomainName,
    }
    /// Counts everything anew, after a remediation has put single entries back. Role: governance.
    Recount("recount", Update) {}
    /// View: the binding of a TLD, `Option<Binding>`.
    ViewBinding("binding", Call) {
        /// The TLD.
        tld: DomainName,
    }
    /// View: bindings in the order of their state keys, [`BindingPage`].
    ViewBindings("bindings", Call) {
        /// The last TLD of the page before; `None` for the first page.
        after: Option<DomainName>,
    }
    /// View: the bindings of some TLDs, in their order, [`BindingsOf`].
    ViewBindingsOf("bindings_of", Call) {
        /// The TLDs.
        tlds: List<DomainName, MAX_PAGE>,
    }
    /// View: [`BindingCounts`].
    ViewCounts("counts", Call) {}
}

errors! {
    /// Why a call of `tld_binding` was refused. Numbers never change their meaning.
    BindingError {
        /// The name has not exactly one label.
        1 NotOneLabel("tld '{tld}' has {labels} labels; a top-level domain has exactly one") {
            /// The name given.
            tld: DomainName,
            /// Its labels.
            labels: u32,
        }
        /// The label breaks a rule of form, characters or scripts.
        2 Label("tld '{tld}': {rule}") {
            /// The name given.
            tld: DomainName,
            /// The broken rule, with the characters concerned.
            rule: String,
        }
        /// The label is reserved.
        3 Reserved("tld '{tld}' is reserved: {reason}") {
            /// The name given.
            tld: DomainName,
            /// Where it is reserved.
            reason: &'static str,
        }
        /// The TLD is bound already.
        4 AlreadyBound("tld '{tld}' is bound to {organisation} already") {
            /// The TLD.
            tld: DomainName,
            /// Its registry.
            organisation: OrganisationId,
        }
        /// The TLD is bound to no organisation.
        5 NotBound("tld '{tld}' is bound to no organisation") {
            /// The TLD.
            tld: DomainName,
        }
        /// The registry is suspended already.
        6 AlreadySuspended("tld '{tld}' is suspended already") {
            /// The TLD.
            tld: DomainName,
        }
        /// The registry is not suspended.
        7 NotSuspended("tld '{tld}' is not suspended") {
            /// The TLD.
            tld: DomainName,
        }
        /// The TLD still has a delegation.
        8 StillDelegated("tld '{tld}' still has a delegation; delete it before the release") {
            /// The TLD.
            tld: DomainName,
        }
        /// The contract `domain_records` did not answer.
        9 NoRecords("contract domain_records did not answer: {reason}") {
            /// Its failure.
            reason: String,
        }
    }
}

events! {
    /// A TLD was bound, or given to another organisation.
    Bound {
        /// The TLD.
        tld: DomainName;
        /// Its registry from now on.
        organisation: OrganisationId,
        /// Its registry until now.
        previous: Option<OrganisationId>,
    }
    /// A registry was stopped or may act again.
    StatusChanged {
        /// The TLD.
        tld: DomainName;
        /// The new status.
        status: BindingStatus,
    }
    /// A binding ended.
    Released {
        /// The TLD.
        tld: DomainName;
        /// Its registry until now.
        organisation: OrganisationId,
    }
}
