//! Who may change what, and what becomes of a change: written at once, or submitted for review (A6).
//!
//! ```text
//!   set, delete ----> registry: tld_binding, or the own map -----+--> nobody reviews: written
//!   set_registrar --> registrar: approved claim, accredited -----+--> reviewed: governance.submit_change
//!                                                                          | accepted, at the end of a block
//!   reviewed_.. <----------------------------------------------------------+ all of it checked again
//! ```

use crate::{Refusal, state::Bootstrap};
use althing_interface::{
    bootstrap::{BootstrapError, ClaimStatus, RegistrarId, RegistrarStatus},
    governance::{self, NodeRecord, ProposedCall, ProposedCalls},
    root_sync,
    tld_binding::{self, Binding, BindingStatus},
};
use althing_sdk::{
    prelude::*,
    types::{
        codec::encode,
        crypto::NodeId,
        govern::{GovernanceSettings, ReviewMode},
        receipt::FailureCode,
    },
    wire::{Wire, borsh::BorshSerialize},
};

/// The organisation whose key signed, when the key may act for it day by day.
pub(crate) fn acting(cx: &Ctx) -> Result<OrganisationId, Refusal> {
    let caller = cx.organisation().ok_or(BootstrapError::NoOrganisation {})?;
    ensure!(cx.has_role(Role::Operator), BootstrapError::NoDuty { caller, duty: "operator" });
    Ok(caller)
}

/// Asks another contract; `None` when the chain has no such contract.
fn ask<R: Wire>(
    cx: &mut Ctx,
    contract: &'static str,
    method: &str,
    arguments: &impl BorshSerialize,
) -> Result<Option<R>, Refusal> {
    let no_answer = |reason: String| BootstrapError::NoAnswer { contract, reason };
    let id = ContractId::new(contract).map_err(|_| no_answer(String::new()))?;
    match cx.call::<R>(&id, method, arguments) {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.failure.code == FailureCode::NoSuchContract => Ok(None),
        Err(error) => Err(no_answer(error.failure.message.as_str().to_owned()).into()),
    }
}

/// Whether contract `tld_binding` is there to say who runs which TLD.
pub(crate) fn others_bind(cx: &mut Ctx, tld: &DomainName) -> Result<bool, Refusal> {
    Ok(ask::<Option<Binding>>(cx, tld_binding::ID, "binding", &(tld,))?.is_some())
}

impl Bootstrap {
    /// Checks that an organisation runs a TLD and is not suspended.
    pub(crate) fn registry(&self, cx: &mut Ctx, tld: &DomainName, caller: &OrganisationId) -> Result<(), Refusal> {
        let (bound, status) = match ask::<Option<Binding>>(cx, tld_binding::ID, "binding", &(tld,))? {
            Some(binding) => binding.map(|binding| (binding.organisation, binding.status)),
            None => self.bindings.get(tld).map(|organisation| (organisation, BindingStatus::Active)),
        }
        .ok_or_else(|| BootstrapError::NotBound { tld: tld.clone() })?;
        if bound != *caller {
            return Err(BootstrapError::NotYours { tld: tld.clone(), bound, caller: caller.clone() }.into());
        }
        ensure!(status == BindingStatus::Active, BootstrapError::Suspended { tld: tld.clone() });
        Ok(())
    }

    /// The registrar id of an organisation whose claim was approved.
    pub(crate) fn registrar_id(&self, organisation: &OrganisationId) -> Result<RegistrarId, Refusal> {
        let organisation = || organisation.clone();
        let claim =
            self.claims.get(&organisation()).ok_or_else(|| BootstrapError::NoClaim { organisation: organisation() })?;
        let approved = claim.status == ClaimStatus::Approved;
        ensure!(approved, BootstrapError::NotApproved { organisation: organisation(), id: claim.id });
        Ok(claim.id)
    }

    /// Checks that the list has an id as accredited.
    pub(crate) fn accredited(&self, id: RegistrarId) -> Result<(), Refusal> {
        let status = match self.accreditations.get(&id).map(|accreditation| accreditation.status) {
            Some(RegistrarStatus::Accredited) => return Ok(()),
            Some(RegistrarStatus::Reserved) => "reserved",
            Some(RegistrarStatus::Terminated) => "terminated",
            None => "not",
        };
        Err(BootstrapError::NotAccredited { id, status }.into())
    }

    /// Checks that the signer keeps the accreditation list: governance, the organisation of the settings, or the one
    /// whose node is the management node of the moment.
    pub(crate) fn management(&self, cx: &mut Ctx) -> Result<(), Refusal> {
        if cx.has_role(Role::Governance) {
            return Ok(());
        }
        let caller = acting(cx)?;
        let management = match self.numbers().management {
            Some(organisation) => Some(organisation),
            None => match ask::<Option<NodeId>>(cx, governance::ID, "management_node", &())?.flatten() {
                Some(node) => {
                    let record = ask::<Option<NodeRecord>>(cx, governance::ID, "node", &(node,))?.flatten();
                    record.map(|record| record.node.organisation)
                }
                None => None,
            },
        };
        ensure!(management.as_ref() == Some(&caller), BootstrapError::NotManagement { caller });
        Ok(())
    }
}

/// TLDs told late that one change takes care of.
const MAX_LATE: usize = 4;

impl Bootstrap {
    /// Tells the chain of a TLD its entry, through contract `root_sync`, and those that could not be told of before. An
    /// entry is told whole, so that the last word is enough; no failure of `root_sync` undoes a change.
    pub(crate) fn tell(&mut self, cx: &mut Ctx, tld: &DomainName) {
        let late = self.untold.iter().map(|(late, _)| late).filter(|late| late != tld).take(MAX_LATE);
        let mut all: Vec<DomainName> = late.collect();
        all.push(tld.clone());
        for tld in all {
            let urls = self.entries.get(&tld).map(|entry| entry.urls).unwrap_or_default();
            match ask::<Option<u64>>(cx, root_sync::ID, "bootstrap_changed", &(&tld, urls)) {
                Ok(_) => {
                    self.untold.remove(&tld);
                }
                Err(_) => self.untold.put(&tld, &cx.height()),
            }
        }
    }
}

/// Submits a change for review; `None` when nobody reviews, so that it is to be written now.
pub(crate) fn submit(
    cx: &mut Ctx,
    method: &'static str,
    arguments: &impl BorshSerialize,
) -> Result<Option<u64>, Refusal> {
    let settings = ask::<Option<GovernanceSettings>>(cx, governance::ID, "settings", &())?.flatten();
    if settings.is_none_or(|settings| settings.review == ReviewMode::None) {
        return Ok(None);
    }
    let too_long = |_| BootstrapError::NoAnswer { contract: governance::ID, reason: "the change is too long".into() };
    let call = ProposedCall {
        contract: cx.contract(),
        method: Text::new(method).map_err(too_long)?,
        arguments: Bytes::new(encode(arguments)).map_err(too_long)?,
    };
    let calls: ProposedCalls = List::new(vec![call]).map_err(too_long)?;
    Ok(ask::<Option<u64>>(cx, governance::ID, "submit_change", &(calls,))?.flatten())
}
