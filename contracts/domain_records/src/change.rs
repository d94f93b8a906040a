//! Who may change what, and a change as a whole: checked in form, applied, checked on its outcome. A refusal anywhere
//! fails the call, and the machine then undoes all of it.
//!
//! ```text
//!   authorise (tld_binding) -> rules (form) -> delegation -> hosts set -> hosts deleted -> glue (outcome)
//! ```

use crate::{Refusal, rules, state::DomainRecords};
use althing_interface::{
    domain_records::{Apex, ApexChange, Change, Delegation, DelegationChange, Host, HostChange, RecordsError},
    tld_binding::{self, Binding, BindingStatus},
};
use althing_sdk::{prelude::*, types::receipt::FailureCode};

/// Checks that the signer acts for the organisation to which the TLD is bound, and that it may act.
pub(crate) fn authorise(cx: &mut Ctx, tld: &DomainName) -> Result<(), Refusal> {
    let binding = binding(cx, tld)?;
    let caller = cx.organisation().ok_or(RecordsError::NoOrganisation {})?;
    if caller != binding.organisation {
        return Err(RecordsError::NotYours { tld: tld.clone(), bound: binding.organisation, caller }.into());
    }
    ensure!(cx.has_role(Role::Operator), RecordsError::NoDuty { caller });
    match binding.status {
        BindingStatus::Active => Ok(()),
        BindingStatus::Suspended => Err(RecordsError::Suspended { tld: tld.clone() }.into()),
    }
}

/// As [`authorise`]; for a suspended TLD the operator may act instead of the registry, so that it can be released.
pub(crate) fn authorise_removal(cx: &mut Ctx, tld: &DomainName) -> Result<(), Refusal> {
    if cx.has_role(Role::Governance) && binding(cx, tld)?.status == BindingStatus::Suspended {
        return Ok(());
    }
    authorise(cx, tld)
}

fn binding(cx: &mut Ctx, tld: &DomainName) -> Result<Binding, Refusal> {
    let not_bound = || RecordsError::NotBound { tld: tld.clone() };
    let bindings = ContractId::new(tld_binding::ID).map_err(|_| not_bound())?;
    match cx.call::<Option<Binding>>(&bindings, "binding", &(tld,)) {
        Ok(binding) => binding.ok_or_else(|| not_bound().into()),
        Err(error) if error.failure.code == FailureCode::NoSuchContract => Err(not_bound().into()),
        Err(error) => Err(RecordsError::NoBindings { reason: error.failure.message.as_str().to_owned() }.into()),
    }
}

impl DomainRecords {
    /// The delegation of a TLD that must have one.
    pub(crate) fn delegated_tld(&self, tld: &DomainName) -> Result<Delegation, Refusal> {
        self.delegations.get(tld).ok_or_else(|| RecordsError::NotDelegated { tld: tld.clone() }.into())
    }

    /// Changes hosts and delegation of a TLD; the signer's right was checked before.
    pub(crate) fn apply(&mut self, cx: &mut Ctx, tld: &DomainName, change: &Change) -> Result<(), Refusal> {
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
        // Before the delegation goes, since that may take the host with it.
        for (host, addresses) in &hosts {
            if addresses.is_none() && !self.hosts.has(host) {
                return Err(RecordsError::NoSuchHost { host: host.clone() }.into());
            }
        }
        self.put_delegation(cx, tld, old.as_ref(), new.as_ref());
        for (host, addresses) in hosts.iter().filter(|(_, addresses)| addresses.is_some()) {
            self.may_change_host(tld, new.as_ref(), host)?;
            self.put_host(cx, tld, host, addresses.as_ref());
        }
        for (host, _) in hosts.iter().filter(|(_, addresses)| addresses.is_none()) {
            // It may have gone with the delegation already.
            if self.hosts.has(host) {
                self.may_change_host(tld, new.as_ref(), host)?;
                self.not_needed_by_its_tld(tld, host)?;
                self.put_host(cx, tld, host, None);
            }
        }
        let inside = new.iter().flat_map(|d| d.ns.iter()).filter(|host| host.is_within(tld));
        for host in inside {
            ensure!(self.hosts.has(host), RecordsError::MissingGlue { tld: tld.clone(), host: host.clone() });
        }
        Ok(())
    }

    /// A TLD's registry may change a host that its delegation names. A host that nobody names may be prepared or cleared
    /// by the delegated TLD in which it lies. Hosts of the apex are the operator's.
    fn may_change_host(
        &self,
        tld: &DomainName,
        delegation: Option<&Delegation>,
        host: &DomainName,
    ) -> Result<(), Refusal> {
        ensure!(!self.users.has(host, &DomainName::root()), RecordsError::ApexHost { host: host.clone() });
        let used = delegation.is_some_and(|d| d.ns.contains(host));
        let own = delegation.is_some() && host.is_within(tld);
        ensure!(used || (own && !self.users.any(host)), RecordsError::NotUsed { tld: tld.clone(), host: host.clone() });
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

    /// Changes the apex and its hosts; the operator's role was checked before.
    pub(crate) fn apply_apex(&mut self, cx: &mut Ctx, change: &ApexChange) -> Result<(), Refusal> {
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
        for (host, addresses) in &hosts {
            let mine = self.users.has(host, &root) || !self.users.any(host);
            ensure!(mine, RecordsError::TldHost { host: host.clone() });
            if addresses.is_none() {
                self.not_needed_by_its_tld(&root, host)?;
            }
            self.put_host(cx, &root, host, addresses.as_ref());
        }
        Ok(())
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
