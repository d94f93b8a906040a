//! Contract `bootstrap`: base URLs of registries' and registrars' RDAP services (D 3), and the accreditation list.
//!
//! Entry points are here, who may do what in `authority`, checks without storage in `rules`, the state in `state`. A
//! method `reviewed_..` is what an accepted change of data calls (A6); it checks again all that the submission checked,
//! since TLD, claim and entry may have changed hands meanwhile. Nothing here asks an RDAP service.
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

mod authority;
mod rules;
mod state;
#[cfg(test)]
mod tests;

use althing_interface::{
    Refused,
    bootstrap::{
        Accreditation, AccreditationBatch, AccreditationEntry, AccreditationLoaded, AccreditationPage, BaseUrls,
        BootstrapError, Claim, ClaimStatus, Counts, Entry, EntryHistory, EntryPage, EntryRow, EntrySubmitted, Init,
        MAX_BATCH, MAX_PAGE, RegistrarData, RegistrarHistory, RegistrarId, RegistrarPage, RegistrarRow,
        RegistrarSubmitted, Settings, SettingsChanged,
    },
};
use althing_sdk::prelude::*;
use authority::{acting, others_bind, submit};
pub use state::Bootstrap;

/// Most past values that the view `registrar_history` gives.
const SHOWN: usize = 16;
/// Entries of each kind that the invariant looks at.
const CHECKED: usize = 64;

/// A refusal of this contract.
type Refusal = Refused<BootstrapError>;

#[contract_api]
impl Bootstrap {
    /// Sets what the chain starts with.
    #[init]
    fn init(&mut self, cx: &mut Ctx, init: Init) -> Result<(), Refusal> {
        rules::settings(&init.settings)?;
        self.settings.put(&init.settings);
        for binding in init.bindings.iter() {
            rules::tld(&binding.tld)?;
            self.bindings.put(&binding.tld, &binding.organisation);
        }
        self.counts.put(&Counts { changed: cx.height(), ..Counts::default() });
        Ok(())
    }

    /// Sets the base URLs of a TLD, or submits that for review; gives the review's proposal. Only the bound registry.
    #[call]
    fn set(&mut self, cx: &mut Ctx, tld: DomainName, urls: BaseUrls) -> Result<Option<u64>, Refusal> {
        let by = acting(cx)?;
        self.check_set(cx, &tld, &by, &urls)?;
        let proposal = submit(cx, "reviewed_set", &(&by, &tld, self.revision(&tld), &urls))?;
        match proposal {
            Some(proposal) => cx.emit(EntrySubmitted { tld, proposal }),
            None => self.put_entry(cx, &tld, by, Some(urls)),
        }
        Ok(proposal)
    }

    /// Deletes the entry of a TLD, or submits that for review; gives the review's proposal. Only the bound registry.
    #[call]
    fn delete(&mut self, cx: &mut Ctx, tld: DomainName) -> Result<Option<u64>, Refusal> {
        let by = acting(cx)?;
        self.check_delete(cx, &tld, &by)?;
        let proposal = submit(cx, "reviewed_delete", &(&by, &tld, self.revision(&tld)))?;
        match proposal {
            Some(proposal) => cx.emit(EntrySubmitted { tld, proposal }),
            None => self.put_entry(cx, &tld, by, None),
        }
        Ok(proposal)
    }

    /// Sets the base URLs of a TLD after the review.
    #[call(role = "governance")]
    fn reviewed_set(
        &mut self,
        cx: &mut Ctx,
        organisation: OrganisationId,
        tld: DomainName,
        basis: u64,
        urls: BaseUrls,
    ) -> Result<(), Refusal> {
        self.check_set(cx, &tld, &organisation, &urls)?;
        fresh(tld.as_str(), basis, self.revision(&tld))?;
        self.put_entry(cx, &tld, organisation, Some(urls));
        Ok(())
    }

    /// Deletes the entry of a TLD after the review.
    #[call(role = "governance")]
    fn reviewed_delete(
        &mut self,
        cx: &mut Ctx,
        organisation: OrganisationId,
        tld: DomainName,
        basis: u64,
    ) -> Result<(), Refusal> {
        self.check_delete(cx, &tld, &organisation)?;
        fresh(tld.as_str(), basis, self.revision(&tld))?;
        self.put_entry(cx, &tld, organisation, None);
        Ok(())
    }

    /// Claims to be a registrar of the accreditation list.
    #[call(role = "registrar")]
    fn apply(&mut self, cx: &mut Ctx, id: RegistrarId) -> Result<(), Refusal> {
        let organisation = acting(cx)?;
        self.accredited(id)?;
        if let Some(claim) = self.claims.get(&organisation) {
            return Err(BootstrapError::HasClaim { organisation, id: claim.id }.into());
        }
        // A claim that was not approved keeps nobody else from making his: an impostor cannot block a registrar.
        if let Some(holder) = self.claimants.get(&id) {
            let approved = self.claims.get(&holder).is_some_and(|claim| claim.status == ClaimStatus::Approved);
            ensure!(!approved, BootstrapError::Claimed { id, organisation: holder });
            self.put_claim(cx, holder, id, None);
        }
        self.put_claim(cx, organisation, id, Some(ClaimStatus::Pending));
        Ok(())
    }

    /// Approves a claim.
    #[call]
    fn approve(&mut self, cx: &mut Ctx, organisation: OrganisationId, id: RegistrarId) -> Result<(), Refusal> {
        self.management(cx)?;
        let claimed = self.claims.get(&organisation).is_some_and(|claim| claim.id == id);
        ensure!(claimed, BootstrapError::NoClaim { organisation });
        self.accredited(id)?;
        self.put_claim(cx, organisation, id, Some(ClaimStatus::Approved));
        Ok(())
    }

    /// Ends a claim, and the registrar's entry with it.
    #[call]
    fn revoke(&mut self, cx: &mut Ctx, organisation: OrganisationId) -> Result<(), Refusal> {
        self.management(cx)?;
        let Some(claim) = self.claims.get(&organisation) else {
            return Err(BootstrapError::NoClaim { organisation }.into());
        };
        let own = self.registrars.get(&claim.id).is_some_and(|registrar| registrar.by == organisation);
        if own {
            self.put_registrar(cx, claim.id, organisation.clone(), None);
        }
        self.put_claim(cx, organisation, claim.id, None);
        Ok(())
    }

    /// Sets the signer's registrar entry, or submits that for review; gives the review's proposal.
    #[call]
    fn set_registrar(&mut self, cx: &mut Ctx, data: RegistrarData) -> Result<Option<u64>, Refusal> {
        let by = acting(cx)?;
        let id = self.check_registrar(&by, &data)?;
        let proposal = submit(cx, "reviewed_set_registrar", &(&by, id, self.registrar_revision(id), &data))?;
        match proposal {
            Some(proposal) => cx.emit(RegistrarSubmitted { id, proposal }),
            None => self.put_registrar(cx, id, by, Some(data)),
        }
        Ok(proposal)
    }

    /// Deletes the signer's registrar entry, or submits that for review; gives the review's proposal.
    #[call]
    fn delete_registrar(&mut self, cx: &mut Ctx) -> Result<Option<u64>, Refusal> {
        let by = acting(cx)?;
        let id = self.check_registrar_there(&by)?;
        let proposal = submit(cx, "reviewed_delete_registrar", &(&by, id, self.registrar_revision(id)))?;
        match proposal {
            Some(proposal) => cx.emit(RegistrarSubmitted { id, proposal }),
            None => self.put_registrar(cx, id, by, None),
        }
        Ok(proposal)
    }

    /// Sets a registrar's entry after the review.
    #[call(role = "governance")]
    fn reviewed_set_registrar(
        &mut self,
        cx: &mut Ctx,
        organisation: OrganisationId,
        id: RegistrarId,
        basis: u64,
        data: RegistrarData,
    ) -> Result<(), Refusal> {
        let own = self.check_registrar(&organisation, &data)?;
        ensure!(own == id, BootstrapError::NoClaim { organisation });
        fresh(&id.to_string(), basis, self.registrar_revision(id))?;
        self.put_registrar(cx, id, organisation, Some(data));
        Ok(())
    }

    /// Deletes a registrar's entry after the review.
    #[call(role = "governance")]
    fn reviewed_delete_registrar(
        &mut self,
        cx: &mut Ctx,
        organisation: OrganisationId,
        id: RegistrarId,
        basis: u64,
    ) -> Result<(), Refusal> {
        let own = self.check_registrar_there(&organisation)?;
        ensure!(own == id, BootstrapError::NoClaim { organisation });
        fresh(&id.to_string(), basis, self.registrar_revision(id))?;
        self.put_registrar(cx, id, organisation, None);
        Ok(())
    }

    /// Changes the accreditation list.
    #[call]
    fn load_accreditation(
        &mut self,
        cx: &mut Ctx,
        changes: AccreditationBatch,
        published_ms: u64,
    ) -> Result<(), Refusal> {
        self.management(cx)?;
        rules::batch(&changes)?;
        let loaded = self.counts().published_ms;
        ensure!(published_ms >= loaded, BootstrapError::Older { given: published_ms, loaded });
        for change in changes.iter() {
            self.put_accreditation(cx, change.id, change.accreditation.as_ref());
        }
        let counts = Counts { published_ms, ..self.counts() };
        self.counts.put(&counts);
        let accreditations = counts.accreditations;
        cx.emit(AccreditationLoaded { accreditations, published_ms });
        Ok(())
    }

    /// Changes the settings.
    #[call(role = "governance")]
    fn set_settings(&mut self, cx: &mut Ctx, settings: Settings) -> Result<(), Refusal> {
        rules::settings(&settings)?;
        self.settings.put(&settings);
        cx.emit(SettingsChanged { settings });
        Ok(())
    }

    /// Binds a TLD, or ends its binding, on a chain without contract `tld_binding`.
    #[call(role = "governance")]
    fn bind(&mut self, cx: &mut Ctx, tld: DomainName, organisation: Option<OrganisationId>) -> Result<(), Refusal> {
        rules::tld(&tld)?;
        ensure!(!others_bind(cx, &tld)?, BootstrapError::OthersBind {});
        match organisation {
            Some(organisation) => self.bindings.put(&tld, &organisation),
            None => {
                let there = self.bindings.remove(&tld);
                ensure!(there, BootstrapError::NotBound { tld });
            }
        }
        Ok(())
    }

    /// Counts everything anew, after a remediation has put single entries back.
    #[call(role = "governance")]
    fn recount(&mut self, cx: &mut Ctx) {
        self.count_anew(cx);
    }

    /// The entry of a TLD.
    #[view]
    fn entry(&self, tld: DomainName) -> Option<Entry> {
        self.entries.get(&tld)
    }

    /// Entries in canonical order of the TLDs: those after `after`, or from the first one.
    #[view]
    fn entries(&self, after: Option<DomainName>) -> EntryPage {
        let page = self.entries.page::<MAX_PAGE>(after.as_ref()).into_vec();
        List::new(page.into_iter().map(|(tld, entry)| EntryRow { tld, entry }).collect()).unwrap_or_default()
    }

    /// A registrar.
    #[view]
    fn registrar(&self, id: RegistrarId) -> Option<RegistrarRow> {
        let registrar = self.registrars.get(&id)?;
        Some(RegistrarRow { id, accreditation: self.accreditations.get(&id), registrar })
    }

    /// Registrars by id: those after `after`, or from the first one.
    #[view]
    fn registrars(&self, after: Option<u32>) -> RegistrarPage {
        let page = self.registrars.page::<MAX_PAGE>(after.as_ref()).into_vec();
        let row = |(id, registrar)| RegistrarRow { id, accreditation: self.accreditations.get(&id), registrar };
        List::new(page.into_iter().map(row).collect()).unwrap_or_default()
    }

    /// What the accreditation list says of an id.
    #[view]
    fn accreditation(&self, id: RegistrarId) -> Option<Accreditation> {
        self.accreditations.get(&id)
    }

    /// The accreditation list by id: what is after `after`, or from the first one.
    #[view]
    fn accreditations(&self, after: Option<u32>) -> AccreditationPage {
        let page = self.accreditations.page::<MAX_BATCH>(after.as_ref()).into_vec();
        let entry = |(id, accreditation)| AccreditationEntry { id, accreditation };
        List::new(page.into_iter().map(entry).collect()).unwrap_or_default()
    }

    /// An organisation's claim on a registrar id.
    #[view]
    fn claim(&self, organisation: OrganisationId) -> Option<Claim> {
        self.claims.get(&organisation)
    }

    /// Past values of a TLD's entry, oldest first.
    #[view]
    fn history(&self, tld: DomainName) -> EntryHistory {
        List::new(last(self.history.iter_prefix(&tld).map(|(_, change)| change), MAX_SHOWN)).unwrap_or_default()
    }

    /// The last past values of a registrar's entry, oldest first.
    #[view]
    fn registrar_history(&self, id: RegistrarId) -> RegistrarHistory {
        List::new(last(self.registrar_history.iter_prefix(&id).map(|(_, change)| change), SHOWN)).unwrap_or_default()
    }

    /// The settings.
    #[view]
    fn settings(&self) -> Settings {
        self.numbers()
    }

    /// How many entries there are.
    #[view]
    fn counts(&self) -> Counts {
        self.counts.get().unwrap_or_default()
    }

    /// There are entries exactly when the totals say so, each of the first has a base URL and its last change in the
    /// history, and each claim has its claimant.
    #[invariant]
    fn totals_history_and_claims_agree(&self) -> bool {
        let counts = self.counts.get().unwrap_or_default();
        let some = (self.entries.iter().next().is_some() == (counts.entries > 0))
            && (self.registrars.iter().next().is_some() == (counts.registrars > 0))
            && (self.accreditations.iter().next().is_some() == (counts.accreditations > 0))
            && (self.claims.iter().next().is_some() == (counts.claims > 0));
        let entries = self
            .entries
            .iter()
            .take(CHECKED)
            .all(|(tld, entry)| !entry.urls.is_empty() && self.history.has(&(tld, entry.revision)));
        let claims =
            self.claims.iter().take(CHECKED).all(|(by, claim)| self.claimants.get(&claim.id).as_ref() == Some(&by));
        some && entries && claims
    }
}

/// Most past values that the view `history` gives.
const MAX_SHOWN: usize = althing_interface::bootstrap::MAX_HISTORY as usize;

/// The last so many of a walk, in order.
fn last<T>(walk: impl Iterator<Item = T>, most: usize) -> Vec<T> {
    let mut all: Vec<T> = walk.collect();
    let first = all.len().saturating_sub(most);
    all.split_off(first)
}

/// Refuses a change that was made on another revision than the present one.
fn fresh(owner: &str, basis: u64, found: u64) -> Result<(), Refusal> {
    ensure!(basis == found, BootstrapError::Stale { owner: owner.to_owned(), basis, found });
    Ok(())
}

impl Bootstrap {
    fn check_set(&self, cx: &mut Ctx, tld: &DomainName, by: &OrganisationId, urls: &BaseUrls) -> Result<(), Refusal> {
        rules::tld(tld)?;
        self.registry(cx, tld, by)?;
        let owner = || tld.as_str().to_owned();
        ensure!(!urls.is_empty(), BootstrapError::Urls { owner: owner(), rule: "at least one base URL is needed" });
        Ok(rules::urls(tld.as_str(), urls, self.numbers().transport)?)
    }

    fn check_delete(&self, cx: &mut Ctx, tld: &DomainName, by: &OrganisationId) -> Result<(), Refusal> {
        self.registry(cx, tld, by)?;
        ensure!(self.entries.has(tld), BootstrapError::NoEntry { owner: tld.as_str().to_owned() });
        Ok(())
    }

    fn check_registrar(&self, by: &OrganisationId, data: &RegistrarData) -> Result<RegistrarId, Refusal> {
        let id = self.registrar_id(by)?;
        self.accredited(id)?;
        rules::registrar(id, data, self.numbers().transport)?;
        Ok(id)
    }

    /// A registrar that lost its accreditation may still delete its entry.
    fn check_registrar_there(&self, by: &OrganisationId) -> Result<RegistrarId, Refusal> {
        let id = self.registrar_id(by)?;
        ensure!(self.registrars.has(&id), BootstrapError::NoEntry { owner: id.to_string() });
        Ok(id)
    }
}
