//! The state of `bootstrap` and its primitive changes: each keeps totals and history right and tells its event. Whether
//! a change is allowed is decided before. Field numbers are those of `althing_interface::layout`.

use althing_interface::bootstrap::{
    Accreditation, AccreditationChanged, AccreditationLoaded, BaseUrls, Claim, ClaimChanged, ClaimStatus, Counts,
    Entry, EntryChange, EntryDeleted, EntrySet, EntrySubmitted, Registrar, RegistrarChange, RegistrarData,
    RegistrarDeleted, RegistrarId, RegistrarSet, RegistrarSubmitted, Settings, SettingsChanged,
};
use althing_sdk::prelude::*;

/// Most past values that one change forgets: the history comes down to a lower setting step by step.
const FORGOTTEN: usize = 4;

/// Where registration data are asked for.
#[contract(
    name = "bootstrap",
    state_version = 1,
    events(
        EntrySet,
        EntryDeleted,
        EntrySubmitted,
        RegistrarSet,
        RegistrarDeleted,
        RegistrarSubmitted,
        ClaimChanged,
        AccreditationChanged,
        AccreditationLoaded,
        SettingsChanged
    )
)]
pub struct Bootstrap {
    /// Entries by TLD.
    #[key(1)]
    pub(crate) entries: Map<DomainName, Entry>,
    /// Entries by registrar id.
    #[key(2)]
    pub(crate) registrars: Map<u32, Registrar>,
    /// The accreditation list.
    #[key(3)]
    pub(crate) accreditations: Map<u32, Accreditation>,
    /// Claims on registrar ids.
    #[key(4)]
    pub(crate) claims: Map<OrganisationId, Claim>,
    /// Totals.
    #[key(5)]
    pub(crate) counts: Value<Counts>,
    /// The settings.
    #[key(6)]
    pub(crate) settings: Value<Settings>,
    /// Who claims a registrar id.
    #[key(7)]
    pub(crate) claimants: Map<u32, OrganisationId>,
    /// Who runs a TLD, on a chain without contract `tld_binding`.
    #[key(8)]
    pub(crate) bindings: Map<DomainName, OrganisationId>,
    /// Past values of entries of TLDs.
    #[key(9)]
    pub(crate) history: Map<(DomainName, u64), EntryChange>,
    /// Past values of entries of registrars.
    #[key(10)]
    pub(crate) registrar_history: Map<(u32, u64), RegistrarChange>,
    /// TLDs whose own chains contract `root_sync` could not be told of yet.
    #[key(11)]
    pub(crate) untold: Map<DomainName, Height>,
}

impl Bootstrap {
    /// The settings in force.
    pub(crate) fn numbers(&self) -> Settings {
        self.settings.get().unwrap_or_default()
    }

    /// Number of the last change of a TLD's entry; 0 before the first.
    pub(crate) fn revision(&self, tld: &DomainName) -> u64 {
        match self.entries.get(tld) {
            Some(entry) => entry.revision,
            None => self.history.iter_prefix(tld).last().map_or(0, |((_, revision), _)| revision),
        }
    }

    /// Number of the last change of a registrar's entry; 0 before the first.
    pub(crate) fn registrar_revision(&self, id: RegistrarId) -> u64 {
        match self.registrars.get(&id) {
            Some(registrar) => registrar.revision,
            None => self.registrar_history.iter_prefix(&id).last().map_or(0, |((_, revision), _)| revision),
        }
    }

    /// Sets or deletes the entry of a TLD.
    pub(crate) fn put_entry(&mut self, cx: &mut Ctx, tld: &DomainName, by: OrganisationId, urls: Option<BaseUrls>) {
        let revision = self.revision(tld).saturating_add(1);
        let (height, time_ms) = (cx.height(), cx.time_ms());
        let there = self.entries.has(tld);
        let past = EntryChange { revision, by: by.clone(), urls: urls.clone().unwrap_or_default(), height, time_ms };
        self.history.put(&(tld.clone(), revision), &past);
        self.forget(tld, revision);
        let now = urls.is_some();
        match urls {
            Some(urls) => {
                let entry =
                    Entry { urls: urls.clone(), by: by.clone(), revision, changed: height, changed_ms: time_ms };
                self.entries.put(tld, &entry);
                cx.emit(EntrySet { tld: tld.clone(), urls, by, revision });
            }
            None => {
                self.entries.remove(tld);
                cx.emit(EntryDeleted { tld: tld.clone(), by, revision });
            }
        }
        self.count(cx, |counts| counts.entries = moved(counts.entries, there, now));
        self.tell(cx, tld);
    }

    fn forget(&mut self, tld: &DomainName, revision: u64) {
        let kept = u64::from(self.numbers().history);
        let old: Vec<_> = self
            .history
            .iter_prefix(tld)
            .map(|(key, _)| key)
            .take_while(|(_, past)| past.saturating_add(kept) <= revision)
            .take(FORGOTTEN)
            .collect();
        for key in old {
            self.history.remove(&key);
        }
    }

    /// Sets or deletes the entry of a registrar.
    pub(crate) fn put_registrar(
        &mut self,
        cx: &mut Ctx,
        id: RegistrarId,
        by: OrganisationId,
        data: Option<RegistrarData>,
    ) {
        let revision = self.registrar_revision(id).saturating_add(1);
        let (height, time_ms) = (cx.height(), cx.time_ms());
        let there = self.registrars.has(&id);
        let past = RegistrarChange { revision, by: by.clone(), data: data.clone(), height, time_ms };
        self.registrar_history.put(&(id, revision), &past);
        self.forget_registrar(id, revision);
        let now = data.is_some();
        match data {
            Some(data) => {
                let registrar = Registrar { data, by: by.clone(), revision, changed: height, changed_ms: time_ms };
                self.registrars.put(&id, &registrar);
                cx.emit(RegistrarSet { id, by, revision });
            }
            None => {
                self.registrars.remove(&id);
                cx.emit(RegistrarDeleted { id, by, revision });
            }
        }
        self.count(cx, |counts| counts.registrars = moved(counts.registrars, there, now));
    }

    fn forget_registrar(&mut self, id: RegistrarId, revision: u64) {
        let kept = u64::from(self.numbers().history);
        let old: Vec<_> = self
            .registrar_history
            .iter_prefix(&id)
            .map(|(key, _)| key)
            .take_while(|(_, past)| past.saturating_add(kept) <= revision)
            .take(FORGOTTEN)
            .collect();
        for key in old {
            self.registrar_history.remove(&key);
        }
    }

    /// Sets what the accreditation list says of an id; whether that changed anything.
    pub(crate) fn put_accreditation(&mut self, cx: &mut Ctx, id: RegistrarId, new: Option<&Accreditation>) -> bool {
        let old = self.accreditations.get(&id);
        if old.as_ref() == new {
            return false;
        }
        match new {
            Some(accreditation) => self.accreditations.put(&id, accreditation),
            None => {
                self.accreditations.remove(&id);
            }
        }
        cx.emit(AccreditationChanged { id, status: new.map(|accreditation| accreditation.status) });
        self.count(cx, |counts| counts.accreditations = moved(counts.accreditations, old.is_some(), new.is_some()));
        true
    }

    /// Sets or ends an organisation's claim.
    pub(crate) fn put_claim(
        &mut self,
        cx: &mut Ctx,
        organisation: OrganisationId,
        id: RegistrarId,
        status: Option<ClaimStatus>,
    ) {
        let there = self.claims.has(&organisation);
        match status {
            Some(status) => {
                self.claims.put(&organisation, &Claim { id, status, changed: cx.height() });
                self.claimants.put(&id, &organisation);
            }
            None => {
                self.claims.remove(&organisation);
                self.claimants.remove(&id);
            }
        }
        let mut counts = self.counts.get().unwrap_or_default();
        counts.claims = moved(counts.claims, there, status.is_some());
        self.counts.put(&counts);
        cx.emit(ClaimChanged { id, organisation, status });
    }

    /// Totals from the entries themselves.
    pub(crate) fn count_anew(&mut self, cx: &Ctx) {
        let mut counts = self.counts.get().unwrap_or_default();
        counts.entries = small(self.entries.iter().count());
        counts.registrars = small(self.registrars.iter().count());
        counts.accreditations = small(self.accreditations.iter().count());
        counts.claims = small(self.claims.iter().count());
        // No event: followers read everything again.
        counts.changes = counts.changes.saturating_add(1);
        counts.changed = cx.height();
        self.counts.put(&counts);
    }

    /// One change of an entry, a registrar or the list, which tells one event.
    fn count(&mut self, cx: &Ctx, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.get().unwrap_or_default();
        change(&mut counts);
        counts.changes = counts.changes.saturating_add(1);
        counts.changed = cx.height();
        self.counts.put(&counts);
    }
}

/// A total after one value came, went or stayed.
fn moved(total: u32, there: bool, now: bool) -> u32 {
    total.saturating_sub(u32::from(there)).saturating_add(u32::from(now))
}

/// A bounded number of entries.
pub(crate) fn small(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
