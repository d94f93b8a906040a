//! Who may change what, and a change as a whole: checked in form and on its outcome, then carried out. Between the two it
//! may have to wait: see `hold`.
//!
//! ```text
//!   authorise (tld_binding) -> check: form, hosts set, hosts deleted, glue -> hold? -> carry out
//! ```

use crate::{Refusal, rules, state::DomainRecords};
use alloc::collections::BTreeSet;
use althing_interface::{
    domain_records::{Apex, ApexChange, Change, Delegation, DelegationChange, Host, HostChange, RecordsError},
    tld_binding::{self, Binding, BindingStatus},
};
use althing_sdk::{prelude::*, types::receipt::FailureCode};

/// Checks that the signer acts for the organisation to which the TLD is bound, and that it may act. Gives that
/// organisation.
pub(crate) fn authorise(cx: &mut Ctx, tld: &DomainName) -> Result<OrganisationId, Refusal> {
    let binding = binding(cx, tld)?;
    let caller = acting(cx, Some(&binding), tld)?;
    active(binding, tld)?;
    Ok(caller)
}

/// The signer's organisation, with a key that changes records; where a binding is given, that of the binding.
pub(crate) fn acting(cx: &Ctx, binding: Option<&Binding>, tld: &DomainName) -> Result<OrganisationId, Refusal> {
    let caller = cx.organisation().ok_or(RecordsError::NoOrganisation {})?;
    if let Some(Binding { organisation: bound, .. }) = binding.filter(|b| b.organisation != caller) {
        return Err(RecordsError::NotYours { tld: tld.clone(), bound: bound.clone(), caller }.into());
    }
    ensure!(cx.has_role(Role::Operator), RecordsError::NoDuty { caller });
    Ok(caller)
}

/// The organisation of a binding that is not suspended.
pub(crate) fn active(binding: Binding, tld: &DomainName) -> Result<OrganisationId, Refusal> {
    match binding.status {
        BindingStatus::Active => Ok(binding.organisation),
        BindingStatus::Suspended => Err(RecordsError::Suspended { tld: tld.clone() }.into()),
    }
}

/// As [`authorise`]; for a suspended TLD the operator may act instead of the registry, so that it can be released. It is
/// `None` then: nobody else is asked.
pub(crate) fn authorise_removal(cx: &mut Ctx, tld: &DomainName) -> Result<Option<OrganisationId>, Refusal> {
    if cx.has_role(Role::Governance) && binding(cx, tld)?.status == BindingStatus::Suspended {
        return Ok(None);
    }
    authorise(cx, tld).map(Some)
}

/// The binding of a TLD that must have one.
pub(crate) fn binding(cx: &mut Ctx, tld: &DomainName) -> Result<Binding, Refusal> {
    let not_bound = || RecordsError::NotBound { tld: tld.clone() };
    let bindings = ContractId::new(tld_binding::ID).map_err(|_| not_bound())?;
    match cx.call::<Option<Binding>>(&bindings, "binding", &(tld,)) {
        Ok(binding) => binding.ok_or_else(|| not_bound().into()),
        Err(error) if error.failure.code == FailureCode::NoSuchContract => Err(not_bound().into()),
        Err(error) => Err(RecordsError::NoBindings { reason: error.failure.message.as_str().to_owned() }.into()),
    }
}

/// A change that keeps the rules, and what was there.
pub(crate) struct Checked {
    /// The delegation until now.
    pub(crate) old: Option<Delegation>,
    /// The delegation from now on.
    pub(crate) new: Option<Delegation>,
    /// Hosts in canonical order with their addresses from now on.
    pub(crate) hosts: Vec<(DomainName, Option<Host>)>,
}

impl Checked {
    /// Whether the TLD names a host until now and no longer.
    fn leaves(&self, host: &DomainName) -> bool {
        let names = |delegation: &Option<Delegation>| delegation.as_ref().is_some_and(|d| d.ns.contains(host));
        names(&self.old) && !names(&self.new)
    }
}

impl DomainRecords {
    /// The delegation of a TLD that must have one.
    pub(crate) fn delegated_tld(&self, tld: &DomainName) -> Result<Delegation, Refusal> {
        self.delegations.get(tld).ok_or_else(|| RecordsError::NotDelegated { tld: tld.clone() }.into())
    }

    /// Whether a change keeps the rules as things are, and what it comes to. Changes nothing.
    pub(crate) fn check(&self, tld: &DomainName, change: &Change) -> Result<Checked, Refusal> {
        let hosts = rules::host_changes(&change.hosts)?;
        let old = self.delegations.get(tld);
        let new = match &change.delegation {
            DelegationChange::Keep => old.clone(),
            DelegationChange::Set(given) => Some(rules::delegation(tld, given)?),
            DelegationChange::Delete => {
                self.delegated_tld(tld)?;
                None
            }
        };
        let checked = Checked { old, new, hosts };
        // Before the delegation goes, since that may take the host with it.
        for (host, addresses) in &checked.hosts {
            if addresses.is_none() && !self.hosts.has(host) {
                return Err(RecordsError::NoSuchHost { host: host.clone() }.into());
            }
        }
        for (host, _) in checked.hosts.iter().filter(|(_, addresses)| addresses.is_some()) {
            self.may_change_host(tld, &checked, host)?;
        }
        for (host, _) in checked.hosts.iter().filter(|(_, addresses)| addresses.is_none()) {
            // It may go with the delegation already.
            if !checked.leaves(host) || self.used_by_others(host, tld) {
                self.may_change_host(tld, &checked, host)?;
                self.not_needed_by_its_tld(tld, host)?;
            }
        }
        let inside = checked.new.iter().flat_map(|d| d.ns.iter()).filter(|host| host.is_within(tld));
        for host in inside {
            let addressed = match checked.hosts.iter().find(|(changed, _)| changed == host) {
                Some((_, addresses)) => addresses.is_some(),
                None => self.hosts.has(host),
            };
            ensure!(addressed, RecordsError::MissingGlue { tld: tld.clone(), host: host.clone() });
        }
        Ok(checked)
    }

    /// Makes a change that was checked just before. Gives the TLDs whose delegation or in-TLD glue is another now.
    pub(crate) fn carry_out(&mut self, cx: &mut Ctx, tld: &DomainName, checked: &Checked) -> BTreeSet<DomainName> {
        let mut concerned = BTreeSet::new();
        if checked.old != checked.new {
            concerned.insert(tld.clone());
        }
        self.put_delegation(cx, tld, checked.old.as_ref(), checked.new.as_ref());
        let (set, deleted): (Vec<_>, Vec<_>) = checked.hosts.iter().partition(|(_, addresses)| addresses.is_some());
        for (host, addresses) in set.into_iter().chain(deleted) {
            if self.put_host(cx, tld, host, addresses.as_ref()) {
                concerned.extend(self.glue_of(host));
            }
        }
        concerned
    }

    /// The TLD in which a host lies, if its delegation names the host.
    fn glue_of(&self, host: &DomainName) -> Option<DomainName> {
        host.tld().and_then(|label| DomainName::parse(label).ok()).filter(|parent| self.users.has(host, parent))
    }

    /// Whether any other TLD, or the apex, names a host.
    fn used_by_others(&self, host: &DomainName, tld: &DomainName) -> bool {
        self.users.members(host).any(|user| user != *tld)
    }

    /// A TLD's registry may change a host that its delegation names. A host that nobody names may be prepared or cleared
    /// by the delegated TLD in which it lies. Hosts of the apex are the operator's.
    fn may_change_host(&self, tld: &DomainName, checked: &Checked, host: &DomainName) -> Result<(), Refusal> {
        ensure!(!self.users.has(host, &DomainName::root()), RecordsError::ApexHost { host: host.clone() });
        let used = checked.new.as_ref().is_some_and(|d| d.ns.contains(host));
        let own = checked.new.is_some() && host.is_within(tld);
        let free = || !self.used_by_others(host, tld);
        ensure!(used || (own && free()), RecordsError::NotUsed { tld: tld.clone(), host: host.clone() });
        Ok(())
    }

    /// The addresses of a host stay while the TLD in which it lies names it (another TLD than `tld`, which is checked
    /// on its own outcome).
    fn not_needed_by_its_tld(&self, tld: &DomainName, host: &DomainName) -> Result<(), Refusal> {
        let Some(parent) = host.tld().and_then(|label| DomainName::parse(label).ok()) else { return Ok(()) };
        let needed = parent != *tld && self.users.has(host, &parent);
        ensure!(!needed, RecordsError::GlueNeeded { host: host.clone(), tld: parent });
        Ok(())
    }

    /// Changes the apex and its hosts; the operator's role was checked before. Gives the TLDs whose in-TLD glue is
    /// another now.
    pub(crate) fn apply_apex(&mut self, cx: &mut Ctx, change: &ApexChange) -> Result<BTreeSet<DomainName>, Refusal> {
        let hosts = rules::host_changes(&change.hosts)?;
        let apex: Option<Apex> = change.apex.as_ref().map(rules::apex).transpose()?;
        for (host, addresses) in &hosts {
            if addresses.is_none() && !self.hosts.has(host) {
                return Err(RecordsError::NoSuchHost { host: host.clone() }.into());
            }
        }
        if let Some(apex) = &apex {
            self.put_apex(cx, apex);
        }
        let root = DomainName::root();
        let mut concerned = BTreeSet::new();
        for (host, addresses) in &hosts {
            let mine = self.users.has(host, &root) || !self.users.any(host);
            ensure!(mine, RecordsError::TldHost { host: host.clone() });
            if addresses.is_none() {
                self.not_needed_by_its_tld(&root, host)?;
            }
            if self.put_host(cx, &root, host, addresses.as_ref()) {
                concerned.extend(self.glue_of(host));
            }
        }
        Ok(concerned)
    }
}

/// A change of one host and nothing else.
pub(crate) fn of_host(host: DomainName, addresses: Option<Host>) -> Change {
    let hosts = List::new(vec![HostChange { host, addresses }]).unwrap_or_default();
    Change { hosts, delegation: DelegationChange::Keep }
}

/// A change of the delegation and nothing else.
pub(crate) fn of_delegation(delegation: DelegationChange) -> Change {
    Change { hosts: List::default(), delegation }
}
