//! What contract `root_sync` is told, and what it brings: a TLD as the root has it, and as the TLD's own chain wants it.
//!
//! A TLD is told whole, so that the last word is enough: what could not be told is told later, and no failure of
//! `root_sync` undoes a change of the root zone.

use crate::{
    Refusal,
    change::{active, binding},
    hold::Origin,
    state::DomainRecords,
};
use alloc::collections::BTreeSet;
use althing_interface::{
    domain_records::{Change, DelegationChange, HostChange, HostEntry, RecordsError, held::ChangeOutcome},
    root_sync::{self, Outcome, TldImage},
};
use althing_sdk::{prelude::*, types::receipt::FailureCode};

/// TLDs told late that one call takes care of.
const MAX_LATE: usize = 16;

impl DomainRecords {
    /// A TLD as the root has it: its delegation, and the addresses of its name servers that lie in it.
    pub(crate) fn image_of(&self, tld: &DomainName) -> TldImage {
        let delegation = self.delegations.get(tld);
        let inside = delegation.iter().flat_map(|d| d.ns.iter()).filter(|host| host.is_within(tld));
        let hosts = inside.filter_map(|name| Some(HostEntry { name: name.clone(), host: self.hosts.get(name)? }));
        let hosts = List::new(hosts.collect()).unwrap_or_default();
        TldImage { delegation, hosts }
    }

    /// Tells `root_sync` of TLDs that changed, and of some that it could not be told of before. While its own call for
    /// `asker` is running it cannot be told: of that TLD it knows, the others are told later.
    pub(crate) fn tell(&mut self, cx: &mut Ctx, concerned: BTreeSet<DomainName>, asker: Option<&DomainName>) {
        if let Some(asker) = asker {
            for tld in concerned.iter().filter(|tld| *tld != asker) {
                self.untold.put(tld, &cx.height());
            }
            return;
        }
        let late: Vec<DomainName> = self.untold.iter().take(MAX_LATE).map(|(tld, _)| tld).collect();
        let all: BTreeSet<DomainName> = concerned.into_iter().chain(late).collect();
        for tld in all {
            let told = self.tell_one(cx, &tld);
            if !told {
                self.untold.put(&tld, &cx.height());
            } else if self.untold.has(&tld) {
                self.untold.remove(&tld);
            }
        }
    }

    /// Whether `root_sync` took it over, or is not there.
    fn tell_one(&self, cx: &mut Ctx, tld: &DomainName) -> bool {
        let Ok(sync) = ContractId::new(root_sync::ID) else { return true };
        match cx.call::<Option<u64>>(&sync, "changed", &(tld, self.image_of(tld))) {
            Ok(_) => true,
            Err(error) => error.failure.code == FailureCode::NoSuchContract,
        }
    }

    /// Makes a TLD what its own chain says, as its registry's change.
    pub(crate) fn apply_image(&mut self, cx: &mut Ctx, tld: &DomainName, image: &TldImage) -> Result<Outcome, Refusal> {
        ensure!(cx.caller().is_some_and(|caller| caller.as_str() == root_sync::ID), RecordsError::NotRootSync {});
        let registry = active(binding(cx, tld)?, tld)?;
        let delegation = match (&image.delegation, self.delegations.has(tld)) {
            (Some(wanted), _) => DelegationChange::Set(wanted.clone()),
            (None, true) => DelegationChange::Delete,
            (None, false) => DelegationChange::Keep,
        };
        let hosts = image
            .hosts
            .iter()
            .map(|entry| HostChange { host: entry.name.clone(), addresses: Some(entry.host.clone()) });
        let change = Change { hosts: List::new(hosts.collect()).unwrap_or_default(), delegation };
        match self.submit(cx, tld, &registry, &change, Origin::TldChain)? {
            ChangeOutcome::Applied => Ok(Outcome::Applied),
            ChangeOutcome::Held { .. } => Ok(Outcome::Held),
        }
    }
}
