//! Contract `domain_records`, root part: delegations of bound TLDs, name-server hosts, the root's apex.
//!
//! Only the organisation to which contract `tld_binding` binds a TLD changes that TLD. Entry points are here, who may do
//! what in `change`, checks without storage in `rules`, the state in `state`. Records are typed values: there is no text
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

mod change;
mod rules;
mod state;
#[cfg(test)]
mod tests;

use althing_interface::{
    Refused,
    domain_records::{
        Apex, ApexChange, Change, Counts, Delegation, DelegationChange, DelegationEntry, DelegationPage, Host,
        HostEntry, HostPage, MAX_DS, MAX_NS, MAX_PAGE, RecordsError, UserPage,
    },
    rdata::Ds,
};
use althing_sdk::{prelude::*, types::codec::encode};
use change::{authorise, authorise_removal, of_delegation, of_host};
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
    fn change(&mut self, cx: &mut Ctx, tld: DomainName, change: Change) -> Result<(), Refusal> {
        authorise(cx, &tld)?;
        self.apply(cx, &tld, &change)
    }

    /// Sets the whole delegation of a TLD. Only its registry.
    #[call]
    fn set_delegation(&mut self, cx: &mut Ctx, tld: DomainName, delegation: Delegation) -> Result<(), Refusal> {
        authorise(cx, &tld)?;
        self.apply(cx, &tld, &of_delegation(DelegationChange::Set(delegation)))
    }

    /// Sets the name servers of a TLD; its DS records stay. Only its registry.
    #[call]
    fn set_ns(&mut self, cx: &mut Ctx, tld: DomainName, ns: List<DomainName, MAX_NS>, ttl: u32) -> Result<(), Refusal> {
        authorise(cx, &tld)?;
        let (ds, ds_ttl) = self.delegations.get(&tld).map(|old| (old.ds, old.ds_ttl)).unwrap_or_default();
        self.apply(cx, &tld, &of_delegation(DelegationChange::Set(Delegation { ns, ns_ttl: ttl, ds, ds_ttl })))
    }

    /// Sets the DS records of a delegated TLD. Only its registry.
    #[call]
    fn set_ds(&mut self, cx: &mut Ctx, tld: DomainName, ds: List<Ds, MAX_DS>, ttl: u32) -> Result<(), Refusal> {
        authorise(cx, &tld)?;
        ensure!(!ds.is_empty(), RecordsError::NoDs { tld });
        let old = self.delegated_tld(&tld)?;
        self.apply(cx, &tld, &of_delegation(DelegationChange::Set(Delegation { ds, ds_ttl: ttl, ..old })))
    }

    /// Deletes all DS records of a TLD. Only its registry.
    #[call]
    fn delete_ds(&mut self, cx: &mut Ctx, tld: DomainName) -> Result<(), Refusal> {
        authorise(cx, &tld)?;
        let old = self.delegated_tld(&tld)?;
        ensure!(!old.ds.is_empty(), RecordsError::NoDs { tld });
        let unsigned = Delegation { ds: List::default(), ds_ttl: 0, ..old };
        self.apply(cx, &tld, &of_delegation(DelegationChange::Set(unsigned)))
    }

    /// Deletes the delegation of a TLD, and the hosts that only it used. Its registry, or the operator while it is
    /// suspended.
    #[call]
    fn delete_delegation(&mut self, cx: &mut Ctx, tld: DomainName) -> Result<(), Refusal> {
        authorise_removal(cx, &tld)?;
        self.apply(cx, &tld, &of_delegation(DelegationChange::Delete))
    }

    /// Sets the addresses of a host on behalf of a TLD that uses it. Only that TLD's registry.
    #[call]
    fn set_host(&mut self, cx: &mut Ctx, tld: DomainName, host: DomainName, addresses: Host) -> Result<(), Refusal> {
        authorise(cx, &tld)?;
        self.apply(cx, &tld, &of_host(host, Some(addresses)))
    }

    /// Deletes the addresses of a host on behalf of a TLD that uses it. Only that TLD's registry.
    #[call]
    fn delete_host(&mut self, cx: &mut Ctx, tld: DomainName, host: DomainName) -> Result<(), Refusal> {
        authorise(cx, &tld)?;
        self.apply(cx, &tld, &of_host(host, None))
    }

    /// Sets the root's own name servers.
    #[call(role = "governance")]
    fn set_apex(&mut self, cx: &mut Ctx, apex: Apex) -> Result<(), Refusal> {
        self.apply_apex(cx, &ApexChange { hosts: List::default(), apex: Some(apex) })
    }

    /// Changes the root's own name servers and their hosts at once.
    #[call(role = "governance")]
    fn change_apex(&mut self, cx: &mut Ctx, change: ApexChange) -> Result<(), Refusal> {
        self.apply_apex(cx, &change)
    }

    /// Counts everything anew, after a remediation has put single entries back.
    #[call(role = "governance")]
    fn recount(&mut self, cx: &mut Ctx) {
        self.count_anew(cx);
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
