//! What may be bound and how a binding changes. Pure: values in, values or a numbered error out.

use althing_interface::{
    label::{LabelError, check_tld},
    tld_binding::{Binding, BindingError, BindingStatus},
};
use althing_sdk::prelude::*;

/// Checks that a name can be a top-level domain.
pub(crate) fn tld(tld: &DomainName) -> Result<(), BindingError> {
    check_tld(tld).map_err(|error| match error {
        LabelError::NotOneLabel { name, labels } => BindingError::NotOneLabel { tld: name, labels },
        LabelError::Rule { rule, .. } => BindingError::Label { tld: tld.clone(), rule },
        LabelError::Reserved { name, reason } => BindingError::Reserved { tld: name, reason },
    })
}

/// The binding of a TLD that has none.
pub(crate) fn bind(
    present: Option<Binding>,
    tld: &DomainName,
    organisation: OrganisationId,
    height: Height,
) -> Result<Binding, BindingError> {
    match present {
        Some(Binding { organisation, .. }) => Err(BindingError::AlreadyBound { tld: tld.clone(), organisation }),
        None => Ok(Binding { organisation, status: BindingStatus::Active, since: height, changed: height }),
    }
}

/// The binding of a TLD that goes to another organisation.
pub(crate) fn rebind(
    old: Binding,
    tld: &DomainName,
    organisation: OrganisationId,
    height: Height,
) -> Result<Binding, BindingError> {
    if old.organisation == organisation {
        return Err(BindingError::AlreadyBound { tld: tld.clone(), organisation });
    }
    Ok(Binding { organisation, since: height, changed: height, ..old })
}

/// The binding with another status.
pub(crate) fn set_status(
    old: Binding,
    tld: &DomainName,
    status: BindingStatus,
    height: Height,
) -> Result<Binding, BindingError> {
    let tld = tld.clone();
    match (old.status, status) {
        (BindingStatus::Suspended, BindingStatus::Suspended) => Err(BindingError::AlreadySuspended { tld }),
        (BindingStatus::Active, BindingStatus::Active) => Err(BindingError::NotSuspended { tld }),
        _ => Ok(Binding { status, changed: height, ..old }),
    }
}
