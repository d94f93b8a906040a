//! Contract `tld_binding`: which organisation runs which top-level domain.
//!
//! The root operator binds, rebinds, suspends, resumes and releases until governance takes this over. Contract
//! `domain_records` asks the view `binding` before it lets anyone change a TLD. Entry points are here, checks without
//! storage in `rules`, the state in `state`. Names arrive in canonical form; Unicode text is turned into names by
//! programs, never here.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "a test fails by panicking"
    )
)]

mod rules;
mod state;
#[cfg(test)]
mod tests;

use althing_interface::{
    Refused, domain_records,
    tld_binding::{
        Binding, BindingCounts, BindingEntry, BindingError, BindingPage, BindingStatus, BindingsOf, Bound, Released,
    },
};
use althing_sdk::{prelude::*, types::receipt::FailureCode};
pub use state::TldBinding;

/// Most bindings that the invariant looks at: a root zone has fewer.
const CHECKED: usize = 2_048;

/// A refusal of this contract.
type Refusal = Refused<BindingError>;

#[contract_api]
impl TldBinding {
    /// Binds a TLD to the organisation that will run it.
    #[call(role = "governance")]
    fn bind(&mut self, cx: &mut Ctx, tld: DomainName, organisation: OrganisationId) -> Result<(), Refusal> {
        rules::tld(&tld)?;
        let binding = rules::bind(self.bindings.get(&tld), &tld, organisation, cx.height())?;
        self.insert(&tld, &binding);
        cx.emit(Bound { tld, organisation: binding.organisation, previous: None });
        Ok(())
    }

    /// Gives a bound TLD to another organisation. Delegation, hosts and status stay.
    #[call(role = "governance")]
    fn rebind(&mut self, cx: &mut Ctx, tld: DomainName, organisation: OrganisationId) -> Result<(), Refusal> {
        let old = self.bound(&tld)?;
        let previous = Some(old.organisation.clone());
        let binding = rules::rebind(old, &tld, organisation, cx.height())?;
        self.bindings.put(&tld, &binding);
        cx.emit(Bound { tld, organisation: binding.organisation, previous });
        Ok(())
    }

    /// Stops the registry of a TLD from changing it.
    #[call(role = "governance")]
    fn suspend(&mut self, cx: &mut Ctx, tld: DomainName) -> Result<(), Refusal> {
        self.set_status(cx, tld, BindingStatus::Suspended)
    }

    /// Lets the registry of a suspended TLD change it again.
    #[call(role = "governance")]
    fn resume(&mut self, cx: &mut Ctx, tld: DomainName) -> Result<(), Refusal> {
        self.set_status(cx, tld, BindingStatus::Active)
    }

    /// Ends the binding of a TLD that is not delegated any more.
    #[call(role = "governance")]
    fn release(&mut self, cx: &mut Ctx, tld: DomainName) -> Result<(), Refusal> {
        let binding = self.bound(&tld)?;
        if delegated(cx, &tld)? {
            return Err(BindingError::StillDelegated { tld }.into());
        }
        self.delete(&tld);
        cx.emit(Released { tld, organisation: binding.organisation });
        Ok(())
    }

    /// Counts everything anew, after a remediation has put single entries back.
    #[call(role = "governance")]
    fn recount(&mut self, cx: &mut Ctx) {
        let _ = cx;
        let bindings = u32::try_from(self.bindings.iter().count()).unwrap_or(u32::MAX);
        self.counts.put(&BindingCounts { bindings });
    }

    /// The binding of a TLD.
    #[view]
    fn binding(&self, tld: DomainName) -> Option<Binding> {
        self.bindings.get(&tld)
    }

    /// Bindings in canonical order of the TLDs: those after `after`, or from the first one.
    #[view]
    fn bindings(&self, after: Option<DomainName>) -> BindingPage {
        let page = self.bindings.page::<{ althing_interface::tld_binding::MAX_PAGE }>(after.as_ref()).into_vec();
        List::new(page.into_iter().map(|(tld, binding)| BindingEntry { tld, binding }).collect()).unwrap_or_default()
    }

    /// The bindings of some TLDs, in their order: one call for who asks about many.
    #[view]
    fn bindings_of(&self, tlds: List<DomainName, { althing_interface::tld_binding::MAX_PAGE }>) -> BindingsOf {
        List::new(tlds.iter().map(|tld| self.bindings.get(tld)).collect()).unwrap_or_default()
    }

    /// The total is that of the bindings, each of a name that may be a TLD: for as many as a root zone has.
    #[invariant]
    fn bindings_and_total_agree(&self) -> bool {
        let total = self.counts.get().unwrap_or_default().bindings as usize;
        let seen = self.bindings.iter().take(CHECKED).filter(|(tld, _)| rules::tld(tld).is_ok()).count();
        if total < CHECKED { seen == total } else { seen == CHECKED }
    }

    /// How many TLDs are bound.
    #[view]
    fn counts(&self) -> BindingCounts {
        self.counts.get().unwrap_or_default()
    }
}

/// Whether contract `domain_records` has a delegation of this TLD. On a chain without that contract there is none.
fn delegated(cx: &mut Ctx, tld: &DomainName) -> Result<bool, Refusal> {
    let Ok(records) = ContractId::new(domain_records::ID) else { return Ok(false) };
    match cx.call::<bool>(&records, "delegated", &(tld,)) {
        Ok(delegated) => Ok(delegated),
        Err(error) if error.failure.code == FailureCode::NoSuchContract => Ok(false),
        Err(error) => Err(BindingError::NoRecords { reason: error.failure.message.as_str().to_owned() }.into()),
    }
}
