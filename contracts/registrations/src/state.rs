//! The state of `registrations` and its primitive changes: each keeps totals and indexes right and tells its event.
//! Whether a change is allowed is decided before. Field numbers are those of `althing_interface::layout`.

use crate::Refusal;
use althing_interface::registrations::{
    Action, Apex, ApexChanged, Charter, CharterChanged, Counts, Domain, DomainChanged, Host, HostChanged, LoadClosed,
    RegistrationError, ReservedChanged, Settings, SettingsChanged, WeakDigest, apex_image, domain_image, host_image,
};
use althing_sdk::prelude::*;

/// Names below a TLD, their hosts, and the TLD's own delegation.
#[contract(
    name = "registrations",
    state_version = 1,
    events(
        DomainChanged,
        HostChanged,
        ApexChanged,
        SettingsChanged,
        CharterChanged,
        ReservedChanged,
        LoadClosed,
        WeakDigest
    )
)]
pub struct Registrations {
    /// Domains by name.
    #[key(1)]
    pub(crate) domains: Map<DomainName, Domain>,
    /// Subordinate hosts by name; each lies in a domain and has an address.
    #[key(2)]
    pub(crate) hosts: Map<DomainName, Host>,
    /// The TLD's own delegation.
    #[key(3)]
    pub(crate) apex: Value<Apex>,
    /// Totals.
    #[key(4)]
    pub(crate) counts: Value<Counts>,
    /// Which domains name a host within the TLD. Also of hosts without addresses.
    #[key(5)]
    pub(crate) users: Index<DomainName, DomainName>,
    /// Names by the time at which something is due.
    #[key(6)]
    pub(crate) due: Index<u64, DomainName>,
    /// Names by registrar.
    #[key(7)]
    pub(crate) by_sponsor: Index<OrganisationId, DomainName>,
    /// Reasons of reserved names.
    #[key(8)]
    pub(crate) reserved: Map<DomainName, Text<120>>,
    /// What the registry decided for all names.
    #[key(9)]
    pub(crate) settings: Value<Settings>,
    /// The TLD and who runs it.
    #[key(10)]
    pub(crate) charter: Value<Charter>,
}

impl Registrations {
    /// The TLD and who runs it.
    pub(crate) fn charter_now(&self) -> Result<Charter, Refusal> {
        // Missing only after a deployment without initialiser, which the machine does not allow.
        self.charter.get().ok_or_else(|| {
            RegistrationError::NoAnswer { contract: "registrations", reason: "no charter".into() }.into()
        })
    }

    /// The settings.
    pub(crate) fn settings_now(&self) -> Settings {
        self.settings.get().unwrap_or_default()
    }

    /// The domain of a name that must be registered.
    pub(crate) fn registered(&self, name: &DomainName) -> Result<Domain, Refusal> {
        self.domains.get(name).ok_or_else(|| RegistrationError::NoSuchDomain { name: name.clone() }.into())
    }

    /// Whether the apex brings addresses of a host.
    pub(crate) fn apex_has(&self, host: &DomainName) -> bool {
        self.apex.get().is_some_and(|apex| has_host(&apex, host))
    }

    /// Whether a host within the TLD has addresses.
    pub(crate) fn has_addresses(&self, host: &DomainName) -> bool {
        self.hosts.has(host) || self.apex_has(host)
    }

    /// The subordinate hosts of a domain, in order.
    pub(crate) fn hosts_of(&self, name: &DomainName, most: usize) -> Vec<DomainName> {
        let own = self.hosts.has(name).then(|| name.clone());
        let below = self.hosts.iter_after(name).map(|(host, _)| host).take_while(|host| host.is_within(name));
        own.into_iter().chain(below).take(most).collect()
    }

    /// Sets or removes a domain; the indexes and totals follow.
    pub(crate) fn put_domain(
        &mut self,
        cx: &mut Ctx,
        tld: &DomainName,
        name: &DomainName,
        old: Option<&Domain>,
        new: Option<&Domain>,
        action: Action,
    ) {
        let Some(last) = new.or(old) else { return };
        match new {
            Some(domain) => self.domains.put(name, domain),
            None => {
                self.domains.remove(name);
            }
        }
        let (old_due, new_due) = (old.map(Domain::due_ms), new.map(Domain::due_ms));
        if old_due != new_due {
            old_due.iter().for_each(|due| {
                self.due.remove(due, name);
            });
            new_due.iter().for_each(|due| self.due.add(due, name));
        }
        let (old_sponsor, new_sponsor) = (old.map(|d| &d.sponsor), new.map(|d| &d.sponsor));
        if old_sponsor != new_sponsor {
            old_sponsor.iter().for_each(|sponsor| {
                self.by_sponsor.remove(sponsor, name);
            });
            new_sponsor.iter().for_each(|sponsor| self.by_sponsor.add(sponsor, name));
        }
        let missing = self.put_users(tld, name, old, new);
        let is = |domain: Option<&Domain>| u32::from(domain.is_some());
        let published = |domain: Option<&Domain>| u32::from(domain.is_some_and(Domain::published));
        let records = |domain: Option<&Domain>| domain.map_or(0, Domain::records);
        self.count(cx, |counts| {
            shift(&mut counts.domains, is(old), is(new));
            shift(&mut counts.published, published(old), published(new));
            shift(&mut counts.records, records(old), records(new));
            shift(&mut counts.missing, missing.0, missing.1);
        });
        let published = new.is_some_and(Domain::published);
        let image = cx.sha3(&domain_image(new));
        cx.emit(DomainChanged { name: name.clone(), action, sponsor: last.sponsor.clone(), published, image });
    }

    /// Keeps the users of hosts within the TLD. Gives how many hosts without addresses were named before and are now,
    /// of those that are concerned.
    fn put_users(
        &mut self,
        tld: &DomainName,
        name: &DomainName,
        old: Option<&Domain>,
        new: Option<&Domain>,
    ) -> (u32, u32) {
        let (old_ns, new_ns) = (old.map_or(&[][..], |d| &d.ns[..]), new.map_or(&[][..], |d| &d.ns[..]));
        let (mut before, mut after) = (0u32, 0u32);
        for host in new_ns.iter().filter(|host| !old_ns.contains(host) && host.is_within(tld)) {
            if !self.users.any(host) && !self.has_addresses(host) {
                after = after.saturating_add(1);
            }
            self.users.add(host, name);
        }
        for host in old_ns.iter().filter(|host| !new_ns.contains(host) && host.is_within(tld)) {
            self.users.remove(host, name);
            if !self.users.any(host) && !self.has_addresses(host) {
                before = before.saturating_add(1);
            }
        }
        (before, after)
    }

    /// Sets or removes the addresses of a host; whether that changed anything.
    pub(crate) fn put_host(&mut self, cx: &mut Ctx, name: &DomainName, new: Option<&Host>) -> bool {
        let old = self.hosts.get(name);
        if old.as_ref() == new {
            return false;
        }
        let before = self.lacks(name);
        match new {
            Some(host) => self.hosts.put(name, host),
            None => {
                self.hosts.remove(name);
            }
        }
        let after = self.lacks(name);
        self.count(cx, |counts| {
            shift(&mut counts.hosts, u32::from(old.is_some()), u32::from(new.is_some()));
            shift(&mut counts.records, old.as_ref().map_or(0, Host::records), new.map_or(0, Host::records));
            shift(&mut counts.missing, before, after);
        });
        cx.emit(HostChanged { host: name.clone(), image: cx.sha3(&host_image(new)) });
        true
    }

    /// Sets or removes the TLD's own delegation.
    pub(crate) fn put_apex(&mut self, cx: &mut Ctx, tld: &DomainName, new: Option<&Apex>, from_root: bool) {
        let old = self.apex.get();
        if old.as_ref() == new {
            return;
        }
        let mut hosts: Vec<DomainName> =
            old.iter().chain(new).flat_map(|apex| apex.hosts.iter().map(|entry| entry.name.clone())).collect();
        hosts.retain(|host| host.is_within(tld));
        hosts.sort_unstable();
        hosts.dedup();
        let lacking = |contract: &Self| hosts.iter().fold(0u32, |sum, host| sum.saturating_add(contract.lacks(host)));
        let before = lacking(self);
        match new {
            Some(apex) => self.apex.put(apex),
            None => {
                self.apex.remove();
            }
        }
        let after = lacking(self);
        self.count(cx, |counts| shift(&mut counts.missing, before, after));
        cx.emit(ApexChanged { from_root, image: cx.sha3(&apex_image(new)) });
    }

    /// Sets the settings.
    pub(crate) fn put_settings(&mut self, cx: &mut Ctx, settings: &Settings) {
        self.settings.put(settings);
        // Times to live are part of the zone.
        self.count(cx, |_| {});
        cx.emit(SettingsChanged {});
    }

    /// 1 when a host is named by a domain and has no addresses.
    fn lacks(&self, host: &DomainName) -> u32 {
        u32::from(self.users.any(host) && !self.has_addresses(host))
    }

    /// Totals from the entries themselves.
    pub(crate) fn count_anew(&mut self, cx: &Ctx) {
        let mut counts = Counts { changed: cx.height(), ..Counts::default() };
        for (_, domain) in self.domains.iter() {
            counts.domains = counts.domains.saturating_add(1);
            counts.published = counts.published.saturating_add(u32::from(domain.published()));
            counts.records = counts.records.saturating_add(domain.records());
        }
        for (_, host) in self.hosts.iter() {
            counts.hosts = counts.hosts.saturating_add(1);
            counts.records = counts.records.saturating_add(host.records());
        }
        let mut last = None;
        for (host, _) in self.users.iter() {
            if last.as_ref() != Some(&host) {
                counts.missing = counts.missing.saturating_add(u32::from(!self.has_addresses(&host)));
                last = Some(host);
            }
        }
        self.counts.put(&counts);
    }

    fn count(&mut self, cx: &Ctx, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get().unwrap_or_default();
        change(&mut counts);
        counts.changed = cx.height();
        self.counts.put(&counts);
    }
}

/// Whether an apex brings addresses of a host.
pub(crate) fn has_host(apex: &Apex, host: &DomainName) -> bool {
    apex.hosts.iter().any(|entry| entry.name == *host)
}

/// A total of which one part was `before` and is `after`.
fn shift(total: &mut u32, before: u32, after: u32) {
    *total = total.saturating_sub(before).saturating_add(after);
}
