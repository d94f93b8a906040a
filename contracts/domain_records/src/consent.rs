//! Who must consent to a change of hosts, and whether enough of them did. Counted anew each time from those who use the
//! hosts at present.

use crate::{Refusal, change::Checked, rules::small, state::DomainRecords};
use alloc::collections::{BTreeMap, BTreeSet};
use althing_interface::{
    domain_records::{
        MAX_HOST_CHANGES, RecordsError,
        held::{HeldChange, MAX_CONSENTS, MAX_USERS},
    },
    tld_binding::{self, BindingStatus, BindingsOf},
};
use althing_sdk::{prelude::*, types::receipt::FailureCode};

/// Organisations to ask, by host. Hosts that concern nobody else are not in it.
#[derive(Default)]
pub(crate) struct Asked(Vec<(DomainName, BTreeSet<OrganisationId>)>);

/// Whether those who were asked agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// Of each host, the needed share consented.
    Reached,
    /// Some are missing.
    Missing,
    /// So many objected that it cannot be reached.
    Impossible,
}

/// How many of these must consent: the share, rounded up.
pub(crate) fn needed(organisations: usize, share_percent: u8) -> usize {
    organisations.saturating_mul(share_percent.into()).div_ceil(100)
}

impl Asked {
    /// Hosts for which somebody must be asked.
    pub(crate) fn hosts(&self) -> List<DomainName, MAX_HOST_CHANGES> {
        List::new(self.0.iter().map(|(host, _)| host.clone()).collect()).unwrap_or_default()
    }

    /// All organisations that must be asked.
    pub(crate) fn organisations(&self) -> BTreeSet<OrganisationId> {
        self.0.iter().flat_map(|(_, organisations)| organisations.iter().cloned()).collect()
    }

    /// Whether those who answered suffice.
    pub(crate) fn agreement(&self, held: &HeldChange, share_percent: u8) -> Agreement {
        let mut agreement = Agreement::Reached;
        for (_, organisations) in &self.0 {
            let answered = |list: &[OrganisationId]| list.iter().filter(|o| organisations.contains(*o)).count();
            let needed = needed(organisations.len(), share_percent);
            if organisations.len().saturating_sub(answered(&held.objections)) < needed {
                return Agreement::Impossible;
            }
            if answered(&held.consents) < needed {
                agreement = Agreement::Missing;
            }
        }
        agreement
    }
}

impl DomainRecords {
    /// Whom a registry must ask before a change: for each host whose addresses become other ones, the organisations of the
    /// other TLDs that name it. Suspended TLDs and the registry's own ask nobody.
    pub(crate) fn whom_to_ask(
        &self,
        cx: &mut Ctx,
        tld: &DomainName,
        asker: &OrganisationId,
        checked: &Checked,
    ) -> Result<Asked, Refusal> {
        let mut users: Vec<(DomainName, Vec<DomainName>)> = Vec::new();
        let mut tlds = BTreeSet::new();
        for (host, addresses) in &checked.hosts {
            if self.hosts.get(host) == *addresses {
                continue;
            }
            let others: Vec<DomainName> =
                self.users.members(host).filter(|user| user != tld && !user.is_root()).take(MAX_USERS).collect();
            tlds.extend(others.iter().cloned());
            if tlds.len() >= MAX_USERS {
                return Err(too_many(tld, MAX_USERS, "TLDs"));
            }
            if !others.is_empty() {
                users.push((host.clone(), others));
            }
        }
        let registries = registries(cx, &tlds)?;
        let mut asked = Asked::default();
        for (host, others) in users {
            let organisations: BTreeSet<OrganisationId> =
                others.iter().filter_map(|other| registries.get(other)).filter(|o| *o != asker).cloned().collect();
            if !organisations.is_empty() {
                asked.0.push((host, organisations));
            }
        }
        if asked.organisations().len() > MAX_CONSENTS {
            return Err(too_many(tld, MAX_CONSENTS, "organisations"));
        }
        Ok(asked)
    }
}

fn too_many(tld: &DomainName, maximum: usize, what: &'static str) -> Refusal {
    RecordsError::TooManyUsers { tld: tld.clone(), maximum: small(maximum), what }.into()
}

/// The organisations of those TLDs that are bound and not suspended.
fn registries(cx: &mut Ctx, tlds: &BTreeSet<DomainName>) -> Result<BTreeMap<DomainName, OrganisationId>, Refusal> {
    let mut out = BTreeMap::new();
    let Ok(bindings) = ContractId::new(tld_binding::ID) else { return Ok(out) };
    let tlds: Vec<DomainName> = tlds.iter().cloned().collect();
    for part in tlds.chunks(tld_binding::MAX_PAGE) {
        let asked: List<DomainName, { tld_binding::MAX_PAGE }> = List::new(part.to_vec()).unwrap_or_default();
        let found = match cx.call::<BindingsOf>(&bindings, "bindings_of", &(asked,)) {
            Ok(found) => found,
            // Without that contract no registry is known, and no change of a registry comes this far.
            Err(error) if error.failure.code == FailureCode::NoSuchContract => return Ok(out),
            Err(error) => {
                return Err(RecordsError::NoBindings { reason: error.failure.message.as_str().to_owned() }.into());
            }
        };
        for (tld, binding) in part.iter().zip(found.into_vec()) {
            if let Some(binding) = binding.filter(|binding| binding.status == BindingStatus::Active) {
                out.insert(tld.clone(), binding.organisation);
            }
        }
    }
    Ok(out)
}
