//! What the registry does: the apex, reserved names, names of a registrar that ends, the load of an existing TLD.

use crate::{
    Refusal,
    life::{Glue, bare, of, registry, warn_of_weak},
    rules,
    state::{Registrations, has_host},
};
use althing_interface::{
    registrations::{
        Action, Apex, Domain, HostChange, Init, LoadClosed, LoadEntry, Loaded, MAX_BATCH, RegistrationError,
        ReservedChanged, ReservedName,
    },
    root_sync::{self, Outcome, TldImage},
};
use althing_sdk::{prelude::*, types::receipt::FailureCode};

impl Registrations {
    /// Takes over TLD, registry and settings.
    pub(crate) fn begin(&mut self, cx: &mut Ctx, init: Init) -> Result<(), Refusal> {
        let Init { tld, registry, settings } = init;
        ensure!(!tld.is_root(), RegistrationError::NotBelow { name: tld, tld: DomainName::root() });
        self.charter.put(&althing_interface::registrations::Charter { tld, registry, loading: true });
        self.put_settings(cx, &rules::settings(&settings)?);
        Ok(())
    }

    pub(crate) fn change_apex(&mut self, cx: &mut Ctx, apex: &Apex) -> Result<(), Refusal> {
        let charter = self.charter_now()?;
        registry(cx, &charter)?;
        let (tld, old) = (charter.tld, self.apex.get());
        let new = rules::apex(&tld, apex)?;
        if old.as_ref() == Some(&new) {
            return Ok(());
        }
        // A host that goes with the old apex may serve domains.
        for entry in old.iter().flat_map(|apex| apex.hosts.iter()).filter(|entry| entry.name.is_within(&tld)) {
            if !has_host(&new, &entry.name)
                && !self.hosts.has(&entry.name)
                && let Some(user) = self.users.members(&entry.name).next()
            {
                return Err(RegistrationError::HostInUse { host: entry.name.clone(), user }.into());
            }
        }
        let before = old.as_ref().map_or(&[][..], |old| &old.delegation.ds[..]);
        warn_of_weak(cx, &tld, before, &new.delegation.ds);
        self.put_apex(cx, &tld, Some(&new), false);
        tell_root(cx, &tld, &new)
    }

    /// Takes over what the root has. The root is authoritative: what it has is taken as it is.
    pub(crate) fn apply_image(&mut self, cx: &mut Ctx, image: TldImage) -> Result<Outcome, Refusal> {
        let from_root_sync = cx.caller().is_some_and(|caller| caller.as_str() == root_sync::ID);
        ensure!(from_root_sync, RegistrationError::NotRootSync {});
        let charter = self.charter_now()?;
        let TldImage { delegation, hosts } = image;
        let apex = delegation.map(|delegation| {
            let mut hosts = hosts.into_vec();
            hosts.retain(|entry| delegation.ns.contains(&entry.name));
            hosts.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            hosts.dedup_by(|a, b| a.name == b.name);
            Apex { delegation, hosts: List::new(hosts).unwrap_or_default() }
        });
        self.put_apex(cx, &charter.tld, apex.as_ref(), true);
        Ok(Outcome::Applied)
    }

    pub(crate) fn set_aside(&mut self, cx: &mut Ctx, names: List<ReservedName, MAX_BATCH>) -> Result<(), Refusal> {
        let charter = self.charter_now()?;
        registry(cx, &charter)?;
        for ReservedName { name, reason } in names.into_vec() {
            let label = name.labels().count() == charter.tld.labels().count().saturating_add(1);
            if !label || !name.is_within(&charter.tld) {
                return Err(RegistrationError::NotBelow { name, tld: charter.tld }.into());
            }
            self.reserved.put(&name, &reason);
            cx.emit(ReservedChanged { name, reserved: true });
        }
        Ok(())
    }

    pub(crate) fn set_free(&mut self, cx: &mut Ctx, names: List<DomainName, MAX_BATCH>) -> Result<(), Refusal> {
        registry(cx, &self.charter_now()?)?;
        for name in names.into_vec() {
            ensure!(self.reserved.remove(&name), RegistrationError::NotReserved { name });
            cx.emit(ReservedChanged { name, reserved: false });
        }
        Ok(())
    }

    pub(crate) fn give(
        &mut self,
        cx: &mut Ctx,
        names: List<DomainName, MAX_BATCH>,
        to: &OrganisationId,
    ) -> Result<(), Refusal> {
        let charter = self.charter_now()?;
        registry(cx, &charter)?;
        for name in names.into_vec() {
            let old = self.registered(&name)?;
            if old.sponsor != *to {
                let new =
                    Domain { sponsor: to.clone(), transfer: None, code: None, changed_ms: cx.time_ms(), ..old.clone() };
                self.put_domain(cx, &charter.tld, &name, Some(&old), Some(&new), Action::Assigned);
            }
        }
        Ok(())
    }

    pub(crate) fn take_in(&mut self, cx: &mut Ctx, entries: List<LoadEntry, MAX_BATCH>) -> Result<Loaded, Refusal> {
        let (charter, settings, now) = (self.charter_now()?, self.settings_now(), cx.time_ms());
        registry(cx, &charter)?;
        ensure!(charter.loading, RegistrationError::LoadClosed {});
        let mut out = Loaded::default();
        for entry in entries.into_vec() {
            let LoadEntry { name, sponsor, created_ms, expires_ms, status, registration } = entry;
            rules::name(&charter.tld, &settings, &name)?;
            if self.domains.has(&name) {
                out.present = out.present.saturating_add(1);
                continue;
            }
            let wrong = |field, value, rule| RegistrationError::LoadedTime { field, name: name.clone(), value, rule };
            ensure!(created_ms <= now, wrong("created_ms", created_ms, "not later than now"));
            let latest = rules::latest(&settings, now);
            let in_range = created_ms < expires_ms && expires_ms <= latest;
            ensure!(in_range, wrong("expires_ms", expires_ms, "after the registration, at most ten years ahead"));
            let domain = Domain { status, ..bare(sponsor, created_ms, expires_ms) };
            let change = of(althing_interface::registrations::Registration {
                // Addresses of the TLD's own name servers are the apex's.
                hosts: without_apex(self, registration.hosts.into_vec()),
                ..registration
            });
            self.apply(cx, &charter.tld, &settings, &name, (None, domain), change, Action::Loaded, Glue::Later)?;
            out.loaded = out.loaded.saturating_add(1);
        }
        Ok(out)
    }

    pub(crate) fn end_load(&mut self, cx: &mut Ctx) -> Result<(), Refusal> {
        let mut charter = self.charter_now()?;
        registry(cx, &charter)?;
        ensure!(charter.loading, RegistrationError::LoadClosed {});
        let missing = self.counts.get().unwrap_or_default().missing;
        ensure!(missing == 0, RegistrationError::LoadIncomplete { missing });
        charter.loading = false;
        self.charter.put(&charter);
        cx.emit(LoadClosed {});
        Ok(())
    }
}

fn without_apex<const MAX: usize>(contract: &Registrations, mut hosts: Vec<HostChange>) -> List<HostChange, MAX> {
    hosts.retain(|change| !contract.apex_has(&change.host));
    List::new(hosts).unwrap_or_default()
}

/// Tells the root what the TLD's delegation is from now on. A chain without `root_sync` tells nobody.
fn tell_root(cx: &mut Ctx, tld: &DomainName, apex: &Apex) -> Result<(), Refusal> {
    let Ok(sync) = ContractId::new(root_sync::ID) else { return Ok(()) };
    let image = TldImage { delegation: Some(apex.delegation.clone()), hosts: apex.hosts.clone() };
    match cx.call::<Option<u64>>(&sync, "changed", &(tld, image)) {
        Ok(_) => Ok(()),
        Err(error) if error.failure.code == FailureCode::NoSuchContract => Ok(()),
        Err(error) => {
            let reason = error.failure.message.as_str().to_owned();
            Err(RegistrationError::NoAnswer { contract: root_sync::ID, reason }.into())
        }
    }
}
