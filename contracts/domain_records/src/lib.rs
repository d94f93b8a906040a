//! Contract `domain_records`, root part: delegations of bound TLDs, name-server hosts, the root's apex.
//!
//! Only the organisation to which contract `tld_binding` binds a TLD changes that TLD; what others use as well waits for
//! their consent, and too much at a time for a vote. Entry points are here, who may do what in `change`, what waits in
//! `hold`, for whom in `consent` and `brake`, what contract `root_sync` hears in `tell`, checks without storage in `rules`,
//! the state in `state`. Records are typed values: there is no text
//! to escape, and no record type but NS, DS, A and AAAA can be said.
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

mod brake;
mod change;
mod consent;
mod hold;
mod rules;
mod state;
mod tell;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeSet;
use althing_interface::{
    Refused,
    domain_records::{
        Apex, ApexChange, Change, Counts, Delegation, DelegationChange, DelegationEntry, DelegationPage, Host,
        HostEntry, HostPage, MAX_DS, MAX_NS, MAX_PAGE, RecordsError, UserPage,
        held::{ChangeOutcome, HeldCounts, HeldEntry, HeldIds, HeldPage, HeldStatus, HoldSettings, MAX_HELD_PAGE},
    },
    rdata::Ds,
    root_sync::{Outcome, TldImage},
};
use althing_sdk::{prelude::*, types::codec::encode};
use change::{authorise, authorise_removal, of_delegation, of_host};
use hold::Origin;
pub use state::DomainRecords;

/// Longest page in bytes: below the longest result of a call, above the longest delegation.
const MAX_PAGE_BYTES: usize = 60_000;

/// Delegations that the invariant looks at.
const CHECKED: usize = 64;

/// A refusal of this contract.
type Refusal = Refused<RecordsError>;

#[contract_api]
impl DomainRecords {
    /// Changes hosts and delegation of a TLD at once. Only its registry.
    #[call]
    fn change(&mut self, cx: &mut Ctx, tld: DomainName, change: Change) -> Result<ChangeOutcome, Refusal> {
        let asker = authorise(cx, &tld)?;
        self.submit(cx, &tld, &asker, &change, Origin::Registry)
    }

    /// Sets the whole delegation of a TLD. Only its registry.
    #[call]
    fn set_delegation(
        &mut self,
        cx: &mut Ctx,
        tld: DomainName,
        delegation: Delegation,
    ) -> Result<ChangeOutcome, Refusal> {
        let asker = authorise(cx, &tld)?;
        self.submit(cx, &tld, &asker, &of_delegation(DelegationChange::Set(delegation)), Origin::Registry)
    }

    /// Sets the name servers of a TLD; its DS records stay. Only its registry.
    #[call]
    fn set_ns(
        &mut self,
        cx: &mut Ctx,
        tld: DomainName,
        ns: List<DomainName, MAX_NS>,
        ttl: u32,
    ) -> Result<ChangeOutcome, Refusal> {
        let asker = authorise(cx, &tld)?;
        let (ds, ds_ttl) = self.delegations.get(&tld).map(|old| (old.ds, old.ds_ttl)).unwrap_or_default();
        self.submit(
            cx,
            &tld,
            &asker,
            &of_delegation(DelegationChange::Set(Delegation { ns, ns_ttl: ttl, ds, ds_ttl })),
            Origin::Registry,
        )
    }

    /// Sets the DS records of a delegated TLD. Only its registry.
    #[call]
    fn set_ds(
        &mut self,
        cx: &mut Ctx,
        tld: DomainName,
        ds: List<Ds, MAX_DS>,
        ttl: u32,
    ) -> Result<ChangeOutcome, Refusal> {
        let asker = authorise(cx, &tld)?;
        ensure!(!ds.is_empty(), RecordsError::NoDs { tld });
        let old = self.delegated_tld(&tld)?;
        self.submit(
            cx,
            &tld,
            &asker,
            &of_delegation(DelegationChange::Set(Delegation { ds, ds_ttl: ttl, ..old })),
            Origin::Registry,
        )
    }

    /// Deletes all DS records of a TLD. Only its registry.
    #[call]
    fn delete_ds(&mut self, cx: &mut Ctx, tld: DomainName) -> Result<ChangeOutcome, Refusal> {
        let asker = authorise(cx, &tld)?;
        let old = self.delegated_tld(&tld)?;
        ensure!(!old.ds.is_empty(), RecordsError::NoDs { tld });
        let unsigned = Delegation { ds: List::default(), ds_ttl: 0, ..old };
        self.submit(cx, &tld, &asker, &of_delegation(DelegationChange::Set(unsigned)), Origin::Registry)
    }

    /// Deletes the delegation of a TLD, and the hosts that only it used. Its registry, or the operator while it is
    /// suspended.
    #[call]
    fn delete_delegation(&mut self, cx: &mut Ctx, tld: DomainName) -> Result<ChangeOutcome, Refusal> {
        let change = of_delegation(DelegationChange::Delete);
        match authorise_removal(cx, &tld)? {
            Some(asker) => self.submit(cx, &tld, &asker, &change, Origin::Registry),
            None => {
                let checked = self.check(&tld, &change)?;
                let concerned = self.carry_out(cx, &tld, &checked);
                self.tell(cx, concerned, None);
                Ok(ChangeOutcome::Applied)
            }
        }
    }

    /// Sets the addresses of a host on behalf of a TLD that uses it. Only that TLD's registry.
    #[call]
    fn set_host(
        &mut self,
        cx: &mut Ctx,
        tld: DomainName,
        host: DomainName,
        addresses: Host,
    ) -> Result<ChangeOutcome, Refusal> {
        let asker = authorise(cx, &tld)?;
        self.submit(cx, &tld, &asker, &of_host(host, Some(addresses)), Origin::Registry)
    }

    /// Deletes the addresses of a host on behalf of a TLD that uses it. Only that TLD's registry.
    #[call]
    fn delete_host(&mut self, cx: &mut Ctx, tld: DomainName, host: DomainName) -> Result<ChangeOutcome, Refusal> {
        let asker = authorise(cx, &tld)?;
        self.submit(cx, &tld, &asker, &of_host(host, None), Origin::Registry)
    }

    /// Sets the root's own name servers.
    #[call(role = "governance")]
    fn set_apex(&mut self, cx: &mut Ctx, apex: Apex) -> Result<(), Refusal> {
        self.apply_apex(cx, &ApexChange { hosts: List::default(), apex: Some(apex) }).map(|_| ())
    }

    /// Changes the root's own name servers and their hosts at once.
    #[call(role = "governance")]
    fn change_apex(&mut self, cx: &mut Ctx, change: ApexChange) -> Result<(), Refusal> {
        let concerned = self.apply_apex(cx, &change)?;
        self.tell(cx, concerned, None);
        Ok(())
    }

    /// Counts everything anew, after a remediation has put single entries back.
    #[call(role = "governance")]
    fn recount(&mut self, cx: &mut Ctx) {
        self.count_anew(cx);
    }

    /// Makes a TLD what its own chain says. Only contract `root_sync`.
    #[call]
    fn apply_synced(&mut self, cx: &mut Ctx, tld: DomainName, image: TldImage) -> Result<Outcome, Refusal> {
        self.apply_image(cx, &tld, &image)
    }

    /// Consents to a held change. Only a registry whose TLDs use its hosts.
    #[call]
    fn consent(&mut self, cx: &mut Ctx, id: u64) -> Result<HeldStatus, Refusal> {
        self.answer(cx, id, true)
    }

    /// Objects to a held change. Only a registry whose TLDs use its hosts.
    #[call]
    fn object(&mut self, cx: &mut Ctx, id: u64) -> Result<HeldStatus, Refusal> {
        self.answer(cx, id, false)
    }

    /// Takes a held change back. Only who asked for it.
    #[call]
    fn withdraw(&mut self, cx: &mut Ctx, id: u64) -> Result<(), Refusal> {
        self.withdraw_one(cx, id)
    }

    /// Counts anew who must consent, and carries the change out when nobody is missing. Anyone.
    #[call]
    fn settle(&mut self, cx: &mut Ctx, id: u64) -> Result<HeldStatus, Refusal> {
        self.settle_one(cx, id)
    }

    /// Carries held changes out, whatever holds them.
    #[call(role = "governance")]
    fn release_held(&mut self, cx: &mut Ctx, ids: HeldIds) -> Result<(), Refusal> {
        ids.iter().try_for_each(|id| self.release_one(cx, *id))
    }

    /// Refuses held changes.
    #[call(role = "governance")]
    fn refuse_held(&mut self, cx: &mut Ctx, ids: HeldIds) -> Result<(), Refusal> {
        ids.iter().try_for_each(|id| self.refuse_one(cx, *id))
    }

    /// Sets whose consent is enough, and for how long changes wait.
    #[call(role = "governance")]
    fn set_consent(&mut self, cx: &mut Ctx, share_percent: u8, expiry_ms: u64) -> Result<(), Refusal> {
        let settings = HoldSettings { share_percent, expiry_ms, ..self.settings() };
        self.put_settings(cx, settings)
    }

    /// Sets how much may be changed within a window before changes wait for a vote; 0 for no brake.
    #[call(role = "governance")]
    fn set_brake(&mut self, cx: &mut Ctx, changes: u32, zone_changes: u32, window_blocks: u64) -> Result<(), Refusal> {
        let settings = HoldSettings { changes, zone_changes, window_blocks, ..self.settings() };
        self.put_settings(cx, settings)
    }

    /// What is due at the end of a block: changes whose time is over end, and what `root_sync` could not be told is told.
    #[call(role = "governance")]
    fn end_block(&mut self, cx: &mut Ctx) {
        self.expire(cx);
        self.tell(cx, BTreeSet::new(), None);
    }

    /// A held change and what it would do.
    #[view]
    fn held(&self, id: u64) -> Option<HeldEntry> {
        self.known(id).ok().map(|(held, content)| HeldEntry { held, change: content.change })
    }

    /// Held changes by number, open and settled: those after `after`, or from the first one.
    #[view]
    fn held_changes(&self, after: Option<u64>) -> HeldPage {
        let page = self.held.page::<MAX_HELD_PAGE>(after.as_ref()).into_vec();
        List::new(page.into_iter().map(|(_, held)| held).collect()).unwrap_or_default()
    }

    /// How many changes wait.
    #[view]
    fn held_counts(&self) -> HeldCounts {
        self.held_counts.get().unwrap_or_default()
    }

    /// When changes wait.
    #[view]
    fn hold_settings(&self) -> HoldSettings {
        self.settings()
    }

    /// A TLD as contract `root_sync` is told of it.
    #[view]
    fn image(&self, tld: DomainName) -> TldImage {
        self.image_of(&tld)
    }

    /// As many changes are held as the totals say, and each open one is due to expire.
    #[invariant]
    fn held_changes_are_counted(&self) -> bool {
        let counts = self.held_counts.get().unwrap_or_default();
        let (mut open, mut settled) = (0u32, 0u32);
        for (_, held) in self.held.iter() {
            let count = if held.status == HeldStatus::Open { &mut open } else { &mut settled };
            *count = count.saturating_add(1);
        }
        (open, settled) == (counts.open, counts.settled) && self.expiries.iter().count() == open as usize
    }

    /// The delegation of a TLD.
    #[view]
    fn delegation(&self, tld: DomainName) -> Option<Delegation> {
        self.delegations.get(&tld)
    }

    /// Whether a TLD has a delegation.
    #[view]
    fn delegated(&self, tld: DomainName) -> bool {
        self.delegations.has(&tld)
    }

    /// The addresses of a host.
    #[view]
    fn host(&self, host: DomainName) -> Option<Host> {
        self.hosts.get(&host)
    }

    /// The root's own name servers.
    #[view]
    fn apex(&self) -> Option<Apex> {
        self.apex.get()
    }

    /// How many delegations, hosts and records there are.
    #[view]
    fn counts(&self) -> Counts {
        self.counts.get().unwrap_or_default()
    }

    /// There are delegations exactly when the total says so, and of the apex and of the first delegations each name
    /// server is listed with its user.
    #[invariant]
    fn name_servers_are_listed(&self) -> bool {
        let total = self.counts.get().unwrap_or_default().delegations;
        let listed = |user: &DomainName, ns: &[DomainName]| ns.iter().all(|host| self.users.has(host, user));
        let apex = self.apex.get().is_none_or(|apex| listed(&DomainName::root(), &apex.ns));
        let mut entries = self.delegations.iter().take(CHECKED).peekable();
        entries.peek().is_some() == (total > 0) && apex && entries.all(|(tld, entry)| listed(&tld, &entry.ns))
    }

    /// Delegations in canonical order of the TLDs: those after `after`, or from the first one. Only an empty page says
    /// that there are no more.
    #[view]
    fn delegations(&self, after: Option<DomainName>) -> DelegationPage {
        let entries = match &after {
            Some(after) => self.delegations.iter_after(after),
            None => self.delegations.iter(),
        };
        let (mut page, mut bytes) = (Vec::new(), 0usize);
        for (tld, delegation) in entries.take(MAX_PAGE) {
            let entry = DelegationEntry { tld, delegation };
            bytes = bytes.saturating_add(encode(&entry).len());
            if bytes > MAX_PAGE_BYTES {
                break;
            }
            page.push(entry);
        }
        List::new(page).unwrap_or_default()
    }

    /// Hosts in canonical order of their names: those after `after`, or from the first one.
    #[view]
    fn hosts(&self, after: Option<DomainName>) -> HostPage {
        let page = self.hosts.page::<MAX_PAGE>(after.as_ref()).into_vec();
        List::new(page.into_iter().map(|(name, host)| HostEntry { name, host }).collect()).unwrap_or_default()
    }

    /// The TLDs that use a host, the root for the apex: those after `after`, or from the first one.
    #[view]
    fn users(&self, host: DomainName, after: Option<DomainName>) -> UserPage {
        let members = match &after {
            Some(after) => self.users.members_after(&host, after),
            None => self.users.members(&host),
        };
        List::new(members.take(MAX_PAGE).collect()).unwrap_or_default()
    }
}
