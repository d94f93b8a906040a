//! The state of `tld_binding`. Field numbers are those of `althing_interface::layout`.

use crate::{Refusal, rules};
use althing_interface::tld_binding::{
    Binding, BindingCounts, BindingError, BindingStatus, Bound, Released, StatusChanged,
};
use althing_sdk::prelude::*;

/// Which organisation runs which top-level domain.
#[contract(name = "tld_binding", state_version = 1, events(Bound, StatusChanged, Released))]
pub struct TldBinding {
    /// Bindings by TLD.
    #[key(1)]
    pub(crate) bindings: Map<DomainName, Binding>,
    /// Totals.
    #[key(2)]
    pub(crate) counts: Value<BindingCounts>,
}

impl TldBinding {
    /// The binding of a TLD that must have one.
    pub(crate) fn bound(&self, tld: &DomainName) -> Result<Binding, Refusal> {
        self.bindings.get(tld).ok_or_else(|| BindingError::NotBound { tld: tld.clone() }.into())
    }

    /// Adds a binding of a TLD that had none.
    pub(crate) fn insert(&mut self, tld: &DomainName, binding: &Binding) {
        self.bindings.put(tld, binding);
        self.count(|n| n.saturating_add(1));
    }

    /// Removes the binding of a TLD that had one.
    pub(crate) fn delete(&mut self, tld: &DomainName) {
        self.bindings.remove(tld);
        self.count(|n| n.saturating_sub(1));
    }

    pub(crate) fn set_status(&mut self, cx: &mut Ctx, tld: DomainName, status: BindingStatus) -> Result<(), Refusal> {
        let binding = rules::set_status(self.bound(&tld)?, &tld, status, cx.height())?;
        self.bindings.put(&tld, &binding);
        cx.emit(StatusChanged { tld, status });
        Ok(())
    }

    fn count(&mut self, change: impl Fn(u32) -> u32) {
        let counts = self.counts.get().unwrap_or_default();
        self.counts.put(&BindingCounts { bindings: change(counts.bindings) });
    }
}
