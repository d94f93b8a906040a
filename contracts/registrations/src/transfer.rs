//! Transfers between registrars (RFC 5731 3.2.4).
//!
//! ```text
//!   active --request (code)--> pending --approve, or time is over--> sponsored by the gaining registrar
//!      ^                          |
//!      '---reject, cancel, or time is over------'      which of the two by time: the settings say
//! ```
//! The chain keeps only a hash of the authorisation code. The code itself is in the request and thereby public, so the
//! request uses it up: after a rejection the losing registrar sets another one.

use crate::{
    Refusal,
    life::{registrar, sponsor, with_grace},
    rules,
    state::Registrations,
};
use althing_interface::registrations::{
    Action, Domain, GraceKind, MAX_CODE, MIN_CODE, RegistrationError, Right, Settings, Transfer, add_years, code_hash,
};
use althing_sdk::prelude::*;

impl Registrations {
    pub(crate) fn ask(&mut self, cx: &mut Ctx, name: &DomainName, code: &Text<MAX_CODE>) -> Result<(), Refusal> {
        let to = registrar(cx)?;
        let old = self.registered(name)?;
        if let Some(transfer) = old.transfer {
            return Err(RegistrationError::PendingTransfer { name: name.clone(), to: transfer.to }.into());
        }
        rules::allowed(name, &old, Right::Transfer)?;
        let refuse = |reason: &str| RegistrationError::NotTransferable { name: name.clone(), reason: reason.into() };
        ensure!(old.sponsor != to, refuse("it is the signer's already"));
        let (charter, settings, now) = (self.charter_now()?, self.settings_now(), cx.time_ms());
        let free_ms = old.transferred_ms.unwrap_or(old.created_ms).saturating_add(settings.transfer_lock_ms);
        ensure!(
            now >= free_ms,
            refuse(&format!("it was registered or transferred too shortly ago; not before {free_ms} ms since 1970"))
        );
        // Compared as hashes, so the time it takes tells nothing of the code.
        let good = code.len() >= MIN_CODE && old.code == Some(code_hash(&cx.chain(), name, code));
        ensure!(good, RegistrationError::WrongCode { name: name.clone() });
        let due_ms = now.saturating_add(settings.transfer_pending_ms);
        let transfer = Some(Transfer { to, asked_ms: now, due_ms });
        let new = Domain { transfer, code: None, ..old.clone() };
        self.put_domain(cx, &charter.tld, name, Some(&old), Some(&new), Action::TransferRequested);
        Ok(())
    }

    pub(crate) fn agree(&mut self, cx: &mut Ctx, name: &DomainName) -> Result<(), Refusal> {
        let old = self.registered(name)?;
        sponsor(cx, name, &old)?;
        let transfer = waiting(name, &old)?;
        let (charter, settings) = (self.charter_now()?, self.settings_now());
        self.hand_over(cx, &charter.tld, &settings, name, &old, &transfer);
        Ok(())
    }

    pub(crate) fn refuse(&mut self, cx: &mut Ctx, name: &DomainName) -> Result<(), Refusal> {
        let old = self.registered(name)?;
        sponsor(cx, name, &old)?;
        waiting(name, &old)?;
        let charter = self.charter_now()?;
        self.end_transfer(cx, &charter.tld, name, &old);
        Ok(())
    }

    pub(crate) fn take_back(&mut self, cx: &mut Ctx, name: &DomainName) -> Result<(), Refusal> {
        let caller = registrar(cx)?;
        let old = self.registered(name)?;
        let to = waiting(name, &old)?.to;
        ensure!(to == caller, RegistrationError::NotGaining { name: name.clone(), to, caller });
        let charter = self.charter_now()?;
        self.end_transfer(cx, &charter.tld, name, &old);
        Ok(())
    }

    /// The name goes to the gaining registrar, with its term, name servers, hosts and statuses.
    pub(crate) fn hand_over(
        &mut self,
        cx: &mut Ctx,
        tld: &DomainName,
        settings: &Settings,
        name: &DomainName,
        old: &Domain,
        transfer: &Transfer,
    ) {
        let now = cx.time_ms();
        let longer = add_years(old.expires_ms, settings.transfer_years, settings.year_ms);
        let new = Domain {
            sponsor: transfer.to.clone(),
            transfer: None,
            transferred_ms: Some(now),
            changed_ms: now,
            expires_ms: longer.min(rules::latest(settings, now)).max(old.expires_ms),
            grace: with_grace(&List::default(), GraceKind::Transfer, now, settings.transfer_grace_ms),
            ..old.clone()
        };
        self.put_domain(cx, tld, name, Some(old), Some(&new), Action::Transferred);
    }

    /// The name stays where it is.
    pub(crate) fn end_transfer(&mut self, cx: &mut Ctx, tld: &DomainName, name: &DomainName, old: &Domain) {
        let new = Domain { transfer: None, ..old.clone() };
        self.put_domain(cx, tld, name, Some(old), Some(&new), Action::TransferEnded);
    }
}

fn waiting(name: &DomainName, domain: &Domain) -> Result<Transfer, Refusal> {
    domain.transfer.clone().ok_or_else(|| RegistrationError::NoTransfer { name: name.clone() }.into())
}
