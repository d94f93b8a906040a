//! Contract `tld_binding`: which organisation runs which top-level domain.
//!
//! ```text
//!   (none) --bind--> active --suspend--> suspended
//!      ^               |  <--resume-----     |
//!      '----release----'---------------------'      rebind: another organisation, same status
//! ```

use crate::call::calls;
use alloc::string::String;
use althing_types::{
    codec::List,
    id::{Height, OrganisationId},
    name::DomainName,
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

/// Value of a TLD in the state.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Binding {
    /// The registry.
    pub organisation: OrganisationId,
    /// Whether it may act.
    pub status: BindingStatus,
    /// Height at which this organisation was bound.
    pub since: Height,
    /// Height of the last change of this value.
    pub changed: Height,
}

/// Totals, kept with every change: who holds this proof and that many bindings holds them all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BindingCounts {
    /// Bound TLDs.
    pub bindings: u32,
}

/// One entry of the view `bindings`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BindingEntry {
    /// The TLD.
    pub tld: DomainName,
    /// Its binding.
    pub binding: Binding,
}

/// Result of the view `bindings`.
pub type BindingPage = List<BindingEntry, MAX_PAGE>;

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
    /// View: the binding of a TLD, `Option<Binding>`.
    ViewBinding("binding", Call) {
        /// The TLD.
        tld: DomainName,
    }
    /// View: bindings in the order of their state keys, [`BindingPage`].
    ViewBindings("bindings", Call) {
        /// The last TLD of the page before; `None` for the first page.
        after: Option<DomainName>,
        /// Most entries wanted, at most [`MAX_PAGE`].
        limit: u32,
    }
    /// View: [`BindingCounts`].
    ViewCounts("counts", Call) {}
}

/// Why a call of `tld_binding` was refused. Numbers never change their meaning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// 1
    #[error("tld '{tld}' has {labels} labels; a top-level domain has exactly one")]
    NotOneLabel {
        /// The name given.
        tld: DomainName,
        /// Its labels.
        labels: u32,
    },
    /// 2
    #[error("tld '{tld}': {rule}")]
    Label {
        /// The name given.
        tld: DomainName,
        /// The broken rule, with the characters concerned.
        rule: String,
    },
    /// 3
    #[error("tld '{tld}' is reserved: {reason}")]
    Reserved {
        /// The name given.
        tld: DomainName,
        /// Where it is reserved.
        reason: &'static str,
    },
    /// 4
    #[error("tld '{tld}' is bound to {organisation} already")]
    AlreadyBound {
        /// The TLD.
        tld: DomainName,
        /// Its registry.
        organisation: OrganisationId,
    },
    /// 5
    #[error("tld '{tld}' is bound to no organisation")]
    NotBound {
        /// The TLD.
        tld: DomainName,
    },
    /// 6
    #[error("tld '{tld}' is suspended already")]
    AlreadySuspended {
        /// The TLD.
        tld: DomainName,
    },
    /// 7
    #[error("tld '{tld}' is not suspended")]
    NotSuspended {
        /// The TLD.
        tld: DomainName,
    },
    /// 8
    #[error("tld '{tld}' still has a delegation; delete it before the release")]
    StillDelegated {
        /// The TLD.
        tld: DomainName,
    },
    /// 9
    #[error("limit {limit} is not 1 to {MAX_PAGE}")]
    PageLimit {
        /// The limit given.
        limit: u32,
    },
}

impl BindingError {
    /// The stable number.
    pub const fn code(&self) -> u32 {
        match self {
            Self::NotOneLabel { .. } => 1,
            Self::Label { .. } => 2,
            Self::Reserved { .. } => 3,
            Self::AlreadyBound { .. } => 4,
            Self::NotBound { .. } => 5,
            Self::AlreadySuspended { .. } => 6,
            Self::NotSuspended { .. } => 7,
            Self::StillDelegated { .. } => 8,
            Self::PageLimit { .. } => 9,
        }
    }
}

/// Event: a TLD was bound, or given to another organisation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Bound {
    /// The TLD; topic.
    pub tld: DomainName,
    /// Its registry from now on.
    pub organisation: OrganisationId,
    /// Its registry until now.
    pub previous: Option<OrganisationId>,
}

/// Event: a registry was stopped or may act again.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct StatusChanged {
    /// The TLD; topic.
    pub tld: DomainName,
    /// The new status.
    pub status: BindingStatus,
}

/// Event: a binding ended.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Released {
    /// The TLD; topic.
    pub tld: DomainName,
    /// Its registry until now.
    pub organisation: OrganisationId,
}
