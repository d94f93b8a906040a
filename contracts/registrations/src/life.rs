//! The life of a name in its registrar's hands: register, renew, update, statuses, delete, restore.
//!
//! ```text
//!   who (registrar, sponsor or registry) -> status and phase -> rules (form) -> domain -> hosts set -> hosts deleted -> glue
//! ```
//! A refusal anywhere fails the call, and the machine then undoes all of it.

use crate::{Refusal, rules, state::Registrations};
use alloc::collections::BTreeSet;
use althing_interface::{
    rdata::Ds,
    registrations::{
        Action, Change, Charter, CodeChange, Domain, Grace, GraceKind, Host, MAX_HOSTS, Phase, RegistrantChange,
        Registration, RegistrationError, Right, Settings, Status, WeakDigest, add_years, subtract_years,
    },
};
use althing_sdk::prelude::*;

extern crate alloc;

/// The digest type of SHA-1, accepted with a warning (RFC 8624 3.3).
const SHA1: u8 = 1;

/// Whether a name server within the TLD must have addresses at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glue {
    /// It must.
    Needed,
    /// They may come later: while an existing TLD is loaded.
    Later,
}

/// The registrar for which the signer acts.
pub(crate) fn registrar(cx: &Ctx) -> Result<OrganisationId, Refusal> {
    let caller = cx.organisation().ok_or(RegistrationError::NoOrganisation {})?;
    ensure!(cx.has_role(Role::Registrar), RegistrationError::NotRegistrar { caller });
    ensure!(cx.has_role(Role::Operator), RegistrationError::NoDuty { caller });
    Ok(caller)
}

/// Checks that the signer acts for the registrar that sponsors a name.
pub(crate) fn sponsor(cx: &Ctx, name: &DomainName, domain: &Domain) -> Result<(), Refusal> {
    let caller = registrar(cx)?;
    let sponsor = domain.sponsor.clone();
    ensure!(sponsor == caller, RegistrationError::NotSponsor { name: name.clone(), sponsor, caller });
    Ok(())
}

/// Checks that the signer acts for the organisation that runs the TLD.
pub(crate) fn registry(cx: &Ctx, charter: &Charter) -> Result<(), Refusal> {
    let caller = cx.organisation().ok_or(RegistrationError::NoOrganisation {})?;
    let registry = charter.registry.clone();
    ensure!(registry == caller, RegistrationError::NotRegistry { registry, caller });
    ensure!(cx.has_role(Role::Operator), RegistrationError::NoDuty { caller });
    Ok(())
}

/// The grace periods of a domain that are not over, and one more of this kind.
pub(crate) fn with_grace(old: &List<Grace, 4>, kind: GraceKind, now_ms: u64, length_ms: u64) -> List<Grace, 4> {
    let mut out: Vec<Grace> =
        old.iter().filter(|grace| grace.kind != kind && now_ms < grace.until_ms).cloned().collect();
    if length_ms > 0 {
        out.push(Grace { kind, until_ms: now_ms.saturating_add(length_ms) });
    }
    out.sort_unstable_by_key(|grace| grace.kind);
    List::new(out).unwrap_or_default()
}

fn in_grace(domain: &Domain, kind: GraceKind, now_ms: u64) -> bool {
    domain.grace.iter().any(|grace| grace.kind == kind && now_ms < grace.until_ms)
}

impl Registrations {
    pub(crate) fn new_name(
        &mut self,
        cx: &mut Ctx,
        name: &DomainName,
        years: u8,
        registration: Registration,
    ) -> Result<(), Refusal> {
        let sponsor = registrar(cx)?;
        let (charter, settings, now) = (self.charter_now()?, self.settings_now(), cx.time_ms());
        self.free(&charter.tld, &settings, name)?;
        let expires_ms = rules::extended(name, &settings, now, now, years)?;
        let domain = Domain {
            grace: with_grace(&List::default(), GraceKind::Add, now, settings.add_grace_ms),
            ..bare(sponsor, now, expires_ms)
        };
        self.apply(
            cx,
            &charter.tld,
            &settings,
            name,
            (None, domain),
            of(registration),
            Action::Registered,
            Glue::Needed,
        )
    }

    /// Checks that a name can be registered.
    pub(crate) fn free(&self, tld: &DomainName, settings: &Settings, name: &DomainName) -> Result<(), Refusal> {
        rules::name(tld, settings, name)?;
        if let Some(reason) = self.reserved.get(name) {
            return Err(RegistrationError::Reserved { name: name.clone(), reason: reason.to_string() }.into());
        }
        ensure!(!self.domains.has(name), RegistrationError::Exists { name: name.clone() });
        Ok(())
    }

    pub(crate) fn longer(
        &mut self,
        cx: &mut Ctx,
        name: &DomainName,
        expires_ms: u64,
        years: u8,
    ) -> Result<(), Refusal> {
        let old = self.registered(name)?;
        sponsor(cx, name, &old)?;
        rules::allowed(name, &old, Right::Renew)?;
        let given_ms = expires_ms;
        let expires_ms = old.expires_ms;
        ensure!(given_ms == expires_ms, RegistrationError::OtherTerm { name: name.clone(), expires_ms, given_ms });
        let (charter, settings, now) = (self.charter_now()?, self.settings_now(), cx.time_ms());
        let new = Domain {
            expires_ms: rules::extended(name, &settings, now, old.expires_ms, years)?,
            grace: with_grace(&old.grace, GraceKind::Renew, now, settings.renew_grace_ms),
            changed_ms: now,
            ..old.clone()
        };
        self.put_domain(cx, &charter.tld, name, Some(&old), Some(&new), Action::Renewed);
        Ok(())
    }

    pub(crate) fn change(&mut self, cx: &mut Ctx, name: &DomainName, change: Change) -> Result<(), Refusal> {
        let old = self.registered(name)?;
        sponsor(cx, name, &old)?;
        rules::allowed(name, &old, Right::Update)?;
        let (charter, settings) = (self.charter_now()?, self.settings_now());
        let both = (Some(&old), old.clone());
        self.apply(cx, &charter.tld, &settings, name, both, change, Action::Updated, Glue::Needed)
    }

    /// Changes a domain and its hosts; the signer's right was checked before.
    #[expect(clippy::too_many_arguments, reason = "all of one change; a structure would have one user")]
    pub(crate) fn apply(
        &mut self,
        cx: &mut Ctx,
        tld: &DomainName,
        settings: &Settings,
        name: &DomainName,
        (old, base): (Option<&Domain>, Domain),
        change: Change,
        action: Action,
        glue: Glue,
    ) -> Result<(), Refusal> {
        let hosts = rules::host_changes(name, &change.hosts)?;
        for (host, addresses) in &hosts {
            ensure!(!self.apex_has(host), RegistrationError::ApexHost { host: host.clone() });
            let there = addresses.is_some() || self.hosts.has(host);
            ensure!(there, RegistrationError::NoSuchHost { host: host.clone() });
        }
        let mut new = base;
        if let Some(ns) = &change.ns {
            new.ns = rules::name_servers(name, settings, ns)?;
        }
        if let Some(ds) = &change.ds {
            new.ds = rules::signers(name, ds)?;
        }
        rules::signed_is_delegated(name, &new.ns, &new.ds)?;
        match change.code {
            CodeChange::Keep => {}
            CodeChange::Set(code) => new.code = Some(code),
            CodeChange::Remove => new.code = None,
        }
        match change.registrant {
            RegistrantChange::Keep => {}
            RegistrantChange::Set(registrant) => new.registrant = Some(registrant),
            RegistrantChange::Remove => new.registrant = None,
        }
        if old != Some(&new) {
            new.changed_ms = cx.time_ms();
            self.put_domain(cx, tld, name, old, Some(&new), action);
        }
        self.apply_hosts(cx, name, &hosts)?;
        if glue == Glue::Needed {
            warn_of_weak(cx, name, old.map_or(&[][..], |old| &old.ds[..]), &new.ds);
            for host in new.ns.iter().filter(|host| host.is_within(tld)) {
                let (host, name) = (host.clone(), name.clone());
                ensure!(self.has_addresses(&host), RegistrationError::MissingGlue { host, name });
            }
        }
        Ok(())
    }

    fn apply_hosts(
        &mut self,
        cx: &mut Ctx,
        name: &DomainName,
        hosts: &[(DomainName, Option<Host>)],
    ) -> Result<(), Refusal> {
        for (host, addresses) in hosts {
            if addresses.is_none()
                && let Some(user) = self.users.members(host).next()
            {
                return Err(RegistrationError::HostInUse { host: host.clone(), user }.into());
            }
            self.put_host(cx, host, addresses.as_ref());
        }
        if hosts.iter().any(|(_, addresses)| addresses.is_some()) {
            let too_many = self.hosts_of(name, MAX_HOSTS.saturating_add(1)).len() > MAX_HOSTS;
            let maximum = rules::small(MAX_HOSTS);
            ensure!(!too_many, RegistrationError::TooManyHosts { name: name.clone(), maximum });
        }
        Ok(())
    }

    pub(crate) fn change_status(
        &mut self,
        cx: &mut Ctx,
        name: &DomainName,
        add: &BTreeSet<Status>,
        remove: &BTreeSet<Status>,
    ) -> Result<(), Refusal> {
        let old = self.registered(name)?;
        let charter = self.charter_now()?;
        let all = || add.iter().chain(remove).copied();
        if all().any(Status::is_server) {
            registry(cx, &charter)?;
            rules::side(all(), true)?;
        } else {
            sponsor(cx, name, &old)?;
            // The one update that clientUpdateProhibited lets pass is its own removal.
            let unlocks = add.is_empty() && remove.iter().eq([&Status::ClientUpdateProhibited]);
            let locked = Domain { status: old.status.difference(remove).copied().collect(), ..old.clone() };
            rules::allowed(name, if unlocks { &locked } else { &old }, Right::Update)?;
        }
        if let Some(transfer) =
            old.transfer.as_ref().filter(|_| add.iter().any(|s| s.forbids() == Some(Right::Transfer)))
        {
            return Err(RegistrationError::PendingTransfer { name: name.clone(), to: transfer.to.clone() }.into());
        }
        let status: BTreeSet<Status> = old.status.difference(remove).chain(add).copied().collect();
        if status == old.status {
            return Ok(());
        }
        let new = Domain { status, changed_ms: cx.time_ms(), ..old.clone() };
        self.put_domain(cx, &charter.tld, name, Some(&old), Some(&new), Action::StatusChanged);
        Ok(())
    }

    pub(crate) fn remove(&mut self, cx: &mut Ctx, name: &DomainName) -> Result<(), Refusal> {
        let old = self.registered(name)?;
        sponsor(cx, name, &old)?;
        rules::allowed(name, &old, Right::Delete)?;
        for host in self.hosts_of(name, MAX_HOSTS) {
            if let Some(user) = self.users.members(&host).find(|user| user != name) {
                return Err(RegistrationError::HostInUse { host, user }.into());
            }
        }
        let (charter, settings, now) = (self.charter_now()?, self.settings_now(), cx.time_ms());
        if in_grace(&old, GraceKind::Add, now) {
            self.purge(cx, &charter.tld, name, &old);
            return Ok(());
        }
        let mut last = old.clone();
        if in_grace(&old, GraceKind::AutoRenew, now) {
            last.expires_ms = subtract_years(old.expires_ms, 1, settings.year_ms);
        }
        self.begin_redemption(cx, &charter.tld, &settings, name, (&old, last), Action::Deleted);
        Ok(())
    }

    /// From active to redemption.
    pub(crate) fn begin_redemption(
        &mut self,
        cx: &mut Ctx,
        tld: &DomainName,
        settings: &Settings,
        name: &DomainName,
        (old, last): (&Domain, Domain),
        action: Action,
    ) {
        let now = cx.time_ms();
        let new = Domain {
            phase: Phase::Redemption { until_ms: now.saturating_add(settings.redemption_ms) },
            grace: List::default(),
            transfer: None,
            code: None,
            changed_ms: now,
            ..last
        };
        self.put_domain(cx, tld, name, Some(old), Some(&new), action);
    }

    /// Frees a name, whose hosts nobody else uses.
    pub(crate) fn purge(&mut self, cx: &mut Ctx, tld: &DomainName, name: &DomainName, old: &Domain) {
        self.put_domain(cx, tld, name, Some(old), None, Action::Purged);
        for host in self.hosts_of(name, MAX_HOSTS) {
            self.put_host(cx, &host, None);
        }
    }

    pub(crate) fn bring_back(&mut self, cx: &mut Ctx, name: &DomainName) -> Result<(), Refusal> {
        let old = self.registered(name)?;
        sponsor(cx, name, &old)?;
        ensure!(matches!(old.phase, Phase::Redemption { .. }), RegistrationError::NotDeleted { name: name.clone() });
        let (charter, settings, now) = (self.charter_now()?, self.settings_now(), cx.time_ms());
        // A term that ended meanwhile is renewed with the restoration.
        let expires_ms = if old.expires_ms > now { old.expires_ms } else { add_years(now, 1, settings.year_ms) };
        let new = Domain { phase: Phase::Active, expires_ms, changed_ms: now, ..old.clone() };
        self.put_domain(cx, &charter.tld, name, Some(&old), Some(&new), Action::Restored);
        Ok(())
    }
}

/// Tells of new DS records with SHA-1, which are accepted.
pub(crate) fn warn_of_weak(cx: &mut Ctx, name: &DomainName, old: &[Ds], new: &[Ds]) {
    for ds in new.iter().filter(|ds| ds.digest_type == SHA1 && !old.contains(ds)) {
        cx.emit(WeakDigest { name: name.clone(), key_tag: ds.key_tag });
    }
}

/// A registered name without anything.
pub(crate) fn bare(sponsor: OrganisationId, now_ms: u64, expires_ms: u64) -> Domain {
    Domain {
        sponsor,
        phase: Phase::Active,
        status: BTreeSet::new(),
        ns: List::default(),
        ds: List::default(),
        created_ms: now_ms,
        changed_ms: now_ms,
        transferred_ms: None,
        expires_ms,
        grace: List::default(),
        transfer: None,
        code: None,
        registrant: None,
    }
}

/// A registration as a change of a name without anything.
pub(crate) fn of(registration: Registration) -> Change {
    let Registration { ns, ds, hosts, code, registrant } = registration;
    Change {
        ns: Some(ns),
        ds: Some(ds),
        hosts,
        code: code.map_or(CodeChange::Keep, CodeChange::Set),
        registrant: registrant.map_or(RegistrantChange::Keep, RegistrantChange::Set),
    }
}
