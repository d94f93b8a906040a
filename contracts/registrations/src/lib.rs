//! Contract `registrations`: names one label below a TLD, as a registry keeps them.
//!
//! | file | what |
//! |---|---|
//! | `life` | register, renew, update, statuses, delete, restore |
//! | `transfer` | transfers between registrars |
//! | `registry` | the apex, reserved names, names of a registrar that ends, the load of an existing TLD |
//! | `due` | what happens by time alone, at the end of each block |
//! | `rules` | checks without storage |
//! | `state` | the state and its primitive changes |
//!
//! Entry points are here. Registrars change the names that they sponsor and no others; the registry sets server statuses,
//! the apex and reserved names; the chain's members set the settings. Personal data has no place in any value.
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

extern crate alloc;

mod due;
mod life;
mod registry;
mod rules;
mod state;
#[cfg(test)]
mod tests;
mod transfer;

use alloc::collections::BTreeSet;
use althing_interface::{
    Refused,
    registrations::{
        Apex, Availabilities, Availability, Change, Charter, CharterChanged, Counts, Domain, DomainEntry, DomainPage,
        DueEntry, DuePage, Host, HostPage, Init, LoadEntry, Loaded, MAX_BATCH, MAX_CODE, MAX_NAMES, MAX_PAGE, NamePage,
        Registration, RegistrationError, ReservedName, ReservedPage, Settings, Status, SubordinateHost,
    },
    root_sync::{Outcome, TldImage},
};
use althing_sdk::{prelude::*, types::codec::encode};
pub use state::Registrations;

/// Longest page in bytes: below the longest result of a call, above the longest domain.
const MAX_PAGE_BYTES: usize = 60_000;

/// Domains that the invariant looks at.
const CHECKED: usize = 64;

/// A refusal of this contract.
type Refusal = Refused<RegistrationError>;

#[contract_api]
impl Registrations {
    /// Takes over TLD, registry and settings of the genesis.
    #[init]
    fn init(&mut self, cx: &mut Ctx, init: Init) -> Result<(), Refusal> {
        self.begin(cx, init)
    }

    /// Registers a name. A registrar.
    #[call]
    fn register(
        &mut self,
        cx: &mut Ctx,
        name: DomainName,
        years: u8,
        registration: Registration,
    ) -> Result<(), Refusal> {
        self.new_name(cx, &name, years, registration)
    }

    /// Extends a term that ends when the caller says it does. The sponsoring registrar.
    #[call]
    fn renew(&mut self, cx: &mut Ctx, name: DomainName, expires_ms: u64, years: u8) -> Result<(), Refusal> {
        self.longer(cx, &name, expires_ms, years)
    }

    /// Changes a domain and its subordinate hosts at once. The sponsoring registrar.
    #[call]
    fn update(&mut self, cx: &mut Ctx, name: DomainName, change: Change) -> Result<(), Refusal> {
        self.change(cx, &name, change)
    }

    /// Sets and removes statuses: the sponsoring registrar those of the client, the registry those of the server.
    #[call]
    fn set_status(
        &mut self,
        cx: &mut Ctx,
        name: DomainName,
        add: BTreeSet<Status>,
        remove: BTreeSet<Status>,
    ) -> Result<(), Refusal> {
        self.change_status(cx, &name, &add, &remove)
    }

    /// Asks for a transfer with the authorisation code. The gaining registrar.
    #[call]
    fn request_transfer(&mut self, cx: &mut Ctx, name: DomainName, code: Text<MAX_CODE>) -> Result<(), Refusal> {
        self.ask(cx, &name, &code)
    }

    /// Agrees to a transfer. The losing registrar.
    #[call]
    fn approve_transfer(&mut self, cx: &mut Ctx, name: DomainName) -> Result<(), Refusal> {
        self.agree(cx, &name)
    }

    /// Refuses a transfer. The losing registrar.
    #[call]
    fn reject_transfer(&mut self, cx: &mut Ctx, name: DomainName) -> Result<(), Refusal> {
        self.refuse(cx, &name)
    }

    /// Takes a request for a transfer back. The gaining registrar.
    #[call]
    fn cancel_transfer(&mut self, cx: &mut Ctx, name: DomainName) -> Result<(), Refusal> {
        self.take_back(cx, &name)
    }

    /// Deletes a name: in the add grace period at once, else into redemption. The sponsoring registrar.
    #[call]
    fn delete(&mut self, cx: &mut Ctx, name: DomainName) -> Result<(), Refusal> {
        self.remove(cx, &name)
    }

    /// Takes a name back out of redemption. The sponsoring registrar.
    #[call]
    fn restore(&mut self, cx: &mut Ctx, name: DomainName) -> Result<(), Refusal> {
        self.bring_back(cx, &name)
    }

    /// Reserves names. The registry.
    #[call]
    fn reserve(&mut self, cx: &mut Ctx, names: List<ReservedName, MAX_BATCH>) -> Result<(), Refusal> {
        self.set_aside(cx, names)
    }

    /// Frees reserved names. The registry.
    #[call]
    fn unreserve(&mut self, cx: &mut Ctx, names: List<DomainName, MAX_BATCH>) -> Result<(), Refusal> {
        self.set_free(cx, names)
    }

    /// Gives names to another registrar, as when one ends its business. The registry.
    #[call]
    fn assign(&mut self, cx: &mut Ctx, names: List<DomainName, MAX_BATCH>, to: OrganisationId) -> Result<(), Refusal> {
        self.give(cx, names, &to)
    }

    /// Sets the TLD's own delegation and tells the root of it. The registry.
    #[call]
    fn set_apex(&mut self, cx: &mut Ctx, apex: Apex) -> Result<(), Refusal> {
        self.change_apex(cx, &apex)
    }

    /// Takes over what the root has of the TLD. Only contract `root_sync`.
    #[call]
    fn apply_root(&mut self, cx: &mut Ctx, image: TldImage) -> Result<Outcome, Refusal> {
        self.apply_image(cx, image)
    }

    /// Takes over names of an existing TLD; those that are there already stay as they are. The registry.
    #[call]
    fn load(&mut self, cx: &mut Ctx, entries: List<LoadEntry, MAX_BATCH>) -> Result<Loaded, Refusal> {
        self.take_in(cx, entries)
    }

    /// Ends the load for good. The registry.
    #[call]
    fn close_load(&mut self, cx: &mut Ctx) -> Result<(), Refusal> {
        self.end_load(cx)
    }

    /// Changes the settings.
    #[call(role = "governance")]
    fn set_settings(&mut self, cx: &mut Ctx, settings: Settings) -> Result<(), Refusal> {
        self.put_settings(cx, &rules::settings(&settings)?);
        Ok(())
    }

    /// Gives the TLD to another organisation.
    #[call(role = "governance")]
    fn set_registry(&mut self, cx: &mut Ctx, registry: OrganisationId) -> Result<(), Refusal> {
        let charter = self.charter_now()?;
        self.charter.put(&Charter { registry: registry.clone(), ..charter });
        cx.emit(CharterChanged { registry });
        Ok(())
    }

    /// Counts everything anew, after a remediation has put single entries back.
    #[call(role = "governance")]
    fn recount(&mut self, cx: &mut Ctx) {
        self.count_anew(cx);
    }

    /// Does what is due by time, within bounds. The node calls it at the end of each block.
    #[call(role = "governance")]
    fn end_block(&mut self, cx: &mut Ctx) {
        self.attend(cx);
    }

    /// A registered name.
    #[view]
    fn domain(&self, name: DomainName) -> Option<Domain> {
        self.domains.get(&name)
    }

    /// The addresses of a subordinate host.
    #[view]
    fn host(&self, host: DomainName) -> Option<Host> {
        self.hosts.get(&host)
    }

    /// The TLD's own delegation.
    #[view]
    fn apex(&self) -> Option<Apex> {
        self.apex.get()
    }

    /// How many domains, hosts and records there are.
    #[view]
    fn counts(&self) -> Counts {
        self.counts.get().unwrap_or_default()
    }

    /// What the registry decided for all names.
    #[view]
    fn settings(&self) -> Settings {
        self.settings_now()
    }

    /// Which TLD this is and who runs it.
    #[view]
    fn charter(&self) -> Option<Charter> {
        self.charter.get()
    }

    /// Names in canonical order: those after `after`, or from the first one. Only an empty page says that there are no
    /// more.
    #[view]
    fn domains(&self, after: Option<DomainName>) -> DomainPage {
        let entries = match &after {
            Some(after) => self.domains.iter_after(after),
            None => self.domains.iter(),
        };
        let (mut page, mut bytes) = (Vec::new(), 0usize);
        for (name, domain) in entries.take(MAX_PAGE) {
            let entry = DomainEntry { name, domain };
            bytes = bytes.saturating_add(encode(&entry).len());
            if bytes > MAX_PAGE_BYTES {
                break;
            }
            page.push(entry);
        }
        List::new(page).unwrap_or_default()
    }

    /// Subordinate hosts in canonical order: those after `after`, or from the first one.
    #[view]
    fn hosts(&self, after: Option<DomainName>) -> HostPage {
        let page = self.hosts.page::<MAX_PAGE>(after.as_ref()).into_vec();
        List::new(page.into_iter().map(|(name, host)| SubordinateHost { name, host }).collect()).unwrap_or_default()
    }

    /// The names of a registrar: those after `after`, or from the first one.
    #[view]
    fn by_sponsor(&self, sponsor: OrganisationId, after: Option<DomainName>) -> NamePage {
        let members = match &after {
            Some(after) => self.by_sponsor.members_after(&sponsor, after),
            None => self.by_sponsor.members(&sponsor),
        };
        List::new(members.take(MAX_NAMES).collect()).unwrap_or_default()
    }

    /// The domains that name a host within the TLD: those after `after`, or from the first one.
    #[view]
    fn users(&self, host: DomainName, after: Option<DomainName>) -> NamePage {
        let members = match &after {
            Some(after) => self.users.members_after(&host, after),
            None => self.users.members(&host),
        };
        List::new(members.take(MAX_NAMES).collect()).unwrap_or_default()
    }

    /// For which names something is due next.
    #[view]
    fn due(&self) -> DuePage {
        let entries = self.due.iter().take(MAX_PAGE).map(|(due_ms, name)| DueEntry { due_ms, name }).collect();
        List::new(entries).unwrap_or_default()
    }

    /// Reserved names in canonical order: those after `after`, or from the first one.
    #[view]
    fn reserved(&self, after: Option<DomainName>) -> ReservedPage {
        let page = self.reserved.page::<MAX_NAMES>(after.as_ref()).into_vec();
        List::new(page.into_iter().map(|(name, reason)| ReservedName { name, reason }).collect()).unwrap_or_default()
    }

    /// Which names can be registered, and why others cannot.
    #[view]
    fn check(&self, names: List<DomainName, MAX_PAGE>) -> Result<Availabilities, Refusal> {
        let (charter, settings) = (self.charter_now()?, self.settings_now());
        let entry = |name: DomainName| {
            let refusal = self.free(&charter.tld, &settings, &name).err();
            Availability { name, reason: refusal.map(|refusal| Text::truncated(&refusal.error.to_string())) }
        };
        Ok(List::new(names.into_vec().into_iter().map(entry).collect()).unwrap_or_default())
    }

    /// There are domains exactly when the total says so, and of the first ones each stands in the indexes: by registrar,
    /// by time, and as user of its name servers within the TLD.
    #[invariant]
    fn domains_are_listed(&self) -> bool {
        let total = self.counts.get().unwrap_or_default().domains;
        let Some(charter) = self.charter.get() else { return false };
        let mut entries = self.domains.iter().take(CHECKED).peekable();
        entries.peek().is_some() == (total > 0)
            && entries.all(|(name, domain)| {
                let mut inside = domain.ns.iter().filter(|host| host.is_within(&charter.tld));
                self.by_sponsor.has(&domain.sponsor, &name)
                    && self.due.has(&domain.due_ms(), &name)
                    && inside.all(|host| self.users.has(host, &name))
            })
    }
}
