//! The state of `domain_records` and its primitive changes: each keeps totals and users right and tells its event. Whether
//! a change is allowed is decided before, in `change`. Field numbers are those of `althing_interface::layout`.

use crate::rules;
use althing_interface::domain_records::{
    Apex, ApexSet, Counts, Delegation, DelegationDeleted, DelegationSet, Host, HostDeleted, HostSet, WeakDigest,
    held::{
        ChangeAnswered, ChangeHeld, ChangeSettled, HeldChange, HeldContent, HeldCounts, HeldStatus, HoldSettings,
        HoldSettingsChanged, Tally,
    },
};
use althing_sdk::prelude::*;

/// Delegations, name-server hosts and the apex of the root zone.
#[contract(
    name = "domain_records",
    state_version = 1,
    events(
        DelegationSet,
        DelegationDeleted,
        HostSet,
        HostDeleted,
        ApexSet,
        WeakDigest,
        ChangeHeld,
        ChangeAnswered,
        ChangeSettled,
        HoldSettingsChanged
    )
)]
pub struct DomainRecords {
    /// Delegations by TLD.
    #[key(1)]
    pub(crate) delegations: Map<DomainName, Delegation>,
    /// Hosts by name; each has an address.
    #[key(2)]
    pub(crate) hosts: Map<DomainName, Host>,
    /// The root's name servers.
    #[key(3)]
    pub(crate) apex: Value<Apex>,
    /// Totals.
    #[key(4)]
    pub(crate) counts: Value<Counts>,
    /// Which TLDs use a host; the root stands for the apex. Also of hosts without addresses.
    #[key(5)]
    pub(crate) users: Index<DomainName, DomainName>,
    /// Changes that wait or waited, by number.
    #[key(6)]
    pub(crate) held: Map<u64, HeldChange>,
    /// What they would do.
    #[key(7)]
    pub(crate) contents: Map<u64, HeldContent>,
    /// Totals of held changes.
    #[key(8)]
    pub(crate) held_counts: Value<HeldCounts>,
    /// When changes wait.
    #[key(9)]
    pub(crate) hold_settings: Value<HoldSettings>,
    /// Open held changes by who asked.
    #[key(10)]
    pub(crate) held_of: Index<OrganisationId, u64>,
    /// Open held changes by when they expire.
    #[key(11)]
    pub(crate) expiries: Index<u64, u64>,
    /// Settled changes by height.
    #[key(12)]
    pub(crate) settled: Index<Height, u64>,
    /// What each organisation changed lately, while there is a brake.
    #[key(13)]
    pub(crate) tallies: Map<OrganisationId, Tally>,
    /// What all together changed lately, while there is a brake.
    #[key(14)]
    pub(crate) zone_tally: Value<Tally>,
    /// TLDs that contract `root_sync` has yet to be told of.
    #[key(15)]
    pub(crate) untold: Map<DomainName, Height>,
}

impl DomainRecords {
    /// Sets or deletes a delegation and keeps track of who uses which host. A host that nobody uses any more goes.
    pub(crate) fn put_delegation(
        &mut self,
        cx: &mut Ctx,
        tld: &DomainName,
        old: Option<&Delegation>,
        new: Option<&Delegation>,
    ) {
        if old == new {
            return;
        }
        let (old_ns, old_ds) = old.map_or((&[][..], &[][..]), |d| (&d.ns[..], &d.ds[..]));
        let (new_ns, new_ds) = new.map_or((&[][..], &[][..]), |d| (&d.ns[..], &d.ds[..]));
        match new {
            Some(delegation) => {
                self.delegations.put(tld, delegation);
                cx.emit(DelegationSet { tld: tld.clone(), delegation: delegation.clone() });
            }
            None => {
                self.delegations.remove(tld);
                cx.emit(DelegationDeleted { tld: tld.clone() });
            }
        }
        for ds in new_ds.iter().filter(|ds| ds.digest_type == rules::SHA1 && !old_ds.contains(ds)) {
            cx.emit(WeakDigest { tld: tld.clone(), key_tag: ds.key_tag });
        }
        let (before, after) = (rules::delegation_records(old), rules::delegation_records(new));
        self.count(cx, |counts| {
            counts.records = counts.records.saturating_sub(before).saturating_add(after);
            counts.delegations =
                counts.delegations.saturating_sub(u32::from(old.is_some())).saturating_add(u32::from(new.is_some()));
        });
        self.put_users(cx, tld, old_ns, new_ns);
    }

    /// Sets the root's name servers.
    pub(crate) fn put_apex(&mut self, cx: &mut Ctx, new: &Apex) {
        let old = self.apex.get();
        if old.as_ref() == Some(new) {
            return;
        }
        let old_ns = old.as_ref().map_or(&[][..], |apex| &apex.ns[..]);
        self.apex.put(new);
        cx.emit(ApexSet { apex: new.clone() });
        let (before, after) = (rules::small(old_ns.len()), rules::small(new.ns.len()));
        self.count(cx, |counts| counts.records = counts.records.saturating_sub(before).saturating_add(after));
        self.put_users(cx, &DomainName::root(), old_ns, &new.ns);
    }

    fn put_users(&mut self, cx: &mut Ctx, user: &DomainName, old: &[DomainName], new: &[DomainName]) {
        for host in new.iter().filter(|host| !old.contains(host)) {
            self.users.add(host, user);
        }
        for host in old.iter().filter(|host| !new.contains(host)) {
            self.users.remove(host, user);
            if !self.users.any(host) {
                self.put_host(cx, user, host, None);
            }
        }
    }

    /// Sets or deletes the addresses of a host; whether that changed anything.
    pub(crate) fn put_host(&mut self, cx: &mut Ctx, by: &DomainName, name: &DomainName, new: Option<&Host>) -> bool {
        let old = self.hosts.get(name);
        if old.as_ref() == new {
            return false;
        }
        let (host, by) = (name.clone(), by.clone());
        match new {
            Some(addresses) => {
                self.hosts.put(name, addresses);
                cx.emit(HostSet { host, by, addresses: addresses.clone() });
            }
            None => {
                self.hosts.remove(name);
                cx.emit(HostDeleted { host, by });
            }
        }
        let (before, after) = (rules::host_records(old.as_ref()), rules::host_records(new));
        self.count(cx, |counts| {
            counts.records = counts.records.saturating_sub(before).saturating_add(after);
            counts.hosts =
                counts.hosts.saturating_sub(u32::from(old.is_some())).saturating_add(u32::from(new.is_some()));
        });
        true
    }

    /// Totals from the entries themselves.
    pub(crate) fn count_anew(&mut self, cx: &Ctx) {
        let mut counts = Counts { changed: cx.height(), ..Counts::default() };
        counts.records = rules::small(self.apex.get().map_or(0, |apex| apex.ns.len()));
        for (_, delegation) in self.delegations.iter() {
            counts.delegations = counts.delegations.saturating_add(1);
            counts.records = counts.records.saturating_add(rules::delegation_records(Some(&delegation)));
        }
        for (_, host) in self.hosts.iter() {
            counts.hosts = counts.hosts.saturating_add(1);
            counts.records = counts.records.saturating_add(rules::host_records(Some(&host)));
        }
        self.counts.put(&counts);
        self.count_held_anew();
    }

    fn count_held_anew(&mut self) {
        let Some(old) = self.held_counts.get() else { return };
        let mut counts = HeldCounts { last: old.last, ..HeldCounts::default() };
        for (id, held) in self.held.iter() {
            counts.last = counts.last.max(id);
            let count = if held.status == HeldStatus::Open { &mut counts.open } else { &mut counts.settled };
            *count = count.saturating_add(1);
        }
        self.held_counts.put(&counts);
    }

    fn count(&mut self, cx: &Ctx, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get().unwrap_or_default();
        change(&mut counts);
        counts.changed = cx.height();
        self.counts.put(&counts);
    }
}
