//! What contract `bootstrap` says: why a call was refused, and what was changed.

use super::{BaseUrls, ClaimStatus, MAX_HISTORY, RegistrarId, RegistrarStatus, Settings};
use crate::describe::{errors, events};
use althing_types::{id::OrganisationId, name::DomainName};

errors! {
    /// Why a call of `bootstrap` was refused. Numbers never change their meaning.
    BootstrapError {
        /// The TLD is bound to no organisation.
        1 NotBound("tld '{tld}' is bound to no organisation") {
            /// The TLD.
            tld: DomainName,
        }
        /// The TLD is bound to another organisation.
        2 NotYours("tld '{tld}' is bound to {bound}; the change is of {caller}") {
            /// The TLD.
            tld: DomainName,
            /// Its registry.
            bound: OrganisationId,
            /// Whose change it is.
            caller: OrganisationId,
        }
        /// The registry is suspended.
        3 Suspended("tld '{tld}' is suspended") {
            /// The TLD.
            tld: DomainName,
        }
        /// The signer's key belongs to no organisation.
        4 NoOrganisation("the signer's key belongs to no organisation") {}
        /// The signer's key lacks a duty.
        5 NoDuty("the signer's key of {caller} has not the duty {duty}") {
            /// The organisation.
            caller: OrganisationId,
            /// The duty.
            duty: &'static str,
        }
        /// A base URL breaks a rule of form.
        6 Url("{field} '{url}': {rule}") {
            /// The field.
            field: &'static str,
            /// The URL.
            url: alloc::string::String,
            /// The broken rule.
            rule: &'static str,
        }
        /// A base URL is given twice, or all of them are too long.
        7 Urls("urls of '{owner}': {rule}") {
            /// The TLD or the registrar id.
            owner: alloc::string::String,
            /// The broken rule.
            rule: &'static str,
        }
        /// There is no such entry.
        8 NoEntry("'{owner}' has no entry") {
            /// The TLD or the registrar id.
            owner: alloc::string::String,
        }
        /// The name has not exactly one label.
        9 NotOneLabel("tld '{tld}' has {labels} labels; a top-level domain has exactly one") {
            /// The name given.
            tld: DomainName,
            /// Its labels.
            labels: u32,
        }
        /// The entry was changed while the change was under review.
        10 Stale("the change of '{owner}' was made on revision {basis}; it is at {found} now") {
            /// The TLD or the registrar id.
            owner: alloc::string::String,
            /// The revision that the change was made on.
            basis: u64,
            /// The revision that there is.
            found: u64,
        }
        /// The registrar id is not on the list as accredited.
        11 NotAccredited("registrar {id} is {status} on the accreditation list") {
            /// The registrar id.
            id: RegistrarId,
            /// What the list says.
            status: &'static str,
        }
        /// Another organisation has claimed the registrar id.
        12 Claimed("registrar {id} is claimed by {organisation}") {
            /// The registrar id.
            id: RegistrarId,
            /// Who has claimed it.
            organisation: OrganisationId,
        }
        /// The organisation has a claim already.
        13 HasClaim("{organisation} has claimed registrar {id} already") {
            /// The organisation.
            organisation: OrganisationId,
            /// The registrar id.
            id: RegistrarId,
        }
        /// The organisation has not claimed that registrar id.
        14 NoClaim("{organisation} has no claim on a registrar id, or on another one") {
            /// The organisation.
            organisation: OrganisationId,
        }
        /// The claim was not approved yet.
        15 NotApproved("the claim of {organisation} on registrar {id} is not approved") {
            /// The organisation.
            organisation: OrganisationId,
            /// The registrar id.
            id: RegistrarId,
        }
        /// Only the management node's organisation may do this.
        16 NotManagement("only the management node's organisation may do this; the signer acts for {caller}") {
            /// The signer's organisation.
            caller: OrganisationId,
        }
        /// A text of a registrar's entry breaks a rule.
        17 Field("{field} of registrar {id}: {rule}") {
            /// The field.
            field: &'static str,
            /// The registrar id.
            id: RegistrarId,
            /// The broken rule.
            rule: &'static str,
        }
        /// An id is given twice in one batch.
        18 Duplicate("registrar {id} is in the batch twice") {
            /// The registrar id.
            id: RegistrarId,
        }
        /// The accreditation list is older than the one that was loaded last.
        19 Older("the list was published at {given} ms; one of {loaded} ms is loaded") {
            /// Time of publication given.
            given: u64,
            /// Time of publication of the loaded list.
            loaded: u64,
        }
        /// A setting is out of range.
        20 BadSettings("history is {history}; 1 to {MAX_HISTORY} are allowed") {
            /// The value given.
            history: u16,
        }
        /// Another contract did not answer.
        21 NoAnswer("contract {contract} did not answer: {reason}") {
            /// The contract.
            contract: &'static str,
            /// Its failure.
            reason: alloc::string::String,
        }
        /// Contract `tld_binding` says who runs which TLD.
        22 OthersBind("contract tld_binding binds the TLDs of this chain") {}
    }
}

events! {
    /// A TLD's base URLs were set.
    EntrySet {
        /// The TLD.
        tld: DomainName;
        /// The base URLs.
        urls: BaseUrls,
        /// Who set them.
        by: OrganisationId,
        /// Number of the change.
        revision: u64,
    }
    /// A TLD's entry was deleted.
    EntryDeleted {
        /// The TLD.
        tld: DomainName;
        /// Who deleted it.
        by: OrganisationId,
        /// Number of the change.
        revision: u64,
    }
    /// A change of a TLD's entry waits for its review.
    EntrySubmitted {
        /// The TLD.
        tld: DomainName;
        /// The proposal.
        proposal: u64,
    }
    /// A registrar's entry was set.
    RegistrarSet {
        /// The registrar id.
        id: RegistrarId;
        /// Who set it.
        by: OrganisationId,
        /// Number of the change.
        revision: u64,
    }
    /// A registrar's entry was deleted.
    RegistrarDeleted {
        /// The registrar id.
        id: RegistrarId;
        /// Who deleted it.
        by: OrganisationId,
        /// Number of the change.
        revision: u64,
    }
    /// A change of a registrar's entry waits for its review.
    RegistrarSubmitted {
        /// The registrar id.
        id: RegistrarId;
        /// The proposal.
        proposal: u64,
    }
    /// A claim was made, approved or ended.
    ClaimChanged {
        /// The registrar id.
        id: RegistrarId;
        /// Whose claim.
        organisation: OrganisationId,
        /// Where it stands; `None`: it ended.
        status: Option<ClaimStatus>,
    }
    /// What the accreditation list says of a registrar id was changed.
    AccreditationChanged {
        /// The registrar id.
        id: RegistrarId;
        /// Its status; `None`: the list does not have it any more.
        status: Option<RegistrarStatus>,
    }
    /// A batch of the accreditation list was loaded.
    AccreditationLoaded {
        ;
        /// Ids on the list now.
        accreditations: u32,
        /// Time of publication in milliseconds since 1970.
        published_ms: u64,
    }
    /// The settings were changed.
    SettingsChanged {
        ;
        /// The settings.
        settings: Settings,
    }
}
