//! What happens by time alone, at the end of each block: terms end, transfers are decided, deleted names become free.
//!
//! | bound in one block | |
//! |---|---|
//! | names | [`MAX_DUE`], the earliest first |
//! | domains that lose a name server which lies in a name that becomes free | [`MAX_DETACHED`] for each such name |
//! | fuel | stops below [`FUEL_RESERVE`] |
//!
//! Nothing here can be refused: what fails would be met again at the end of every later block. What is left over is done
//! in the next blocks; a name is not free before its own turn.

use crate::state::Registrations;
use althing_interface::registrations::{
    Action, Domain, Expiry, GraceKind, MAX_DUE, MAX_HOSTS, Phase, Settings, Status, TransferDefault, add_years,
};
use althing_sdk::prelude::*;

use crate::life::with_grace;

/// Most domains that lose a name server in one block for one name that becomes free.
const MAX_DETACHED: usize = 8;
/// Fuel that must be left to begin with another name: several times what one costs.
const FUEL_RESERVE: u64 = 20_000_000;

impl Registrations {
    /// Does what is due.
    pub(crate) fn attend(&mut self, cx: &mut Ctx) {
        let now = cx.time_ms();
        let most = usize::try_from(MAX_DUE).unwrap_or(usize::MAX);
        let due: Vec<(u64, DomainName)> = self.due.iter().take_while(|(due, _)| *due <= now).take(most).collect();
        if due.is_empty() {
            return;
        }
        let Some(charter) = self.charter.get() else { return };
        let settings = self.settings_now();
        for (at, name) in due {
            if cx.fuel_left() < FUEL_RESERVE {
                return;
            }
            match self.domains.get(&name).filter(|domain| domain.due_ms() == at) {
                Some(domain) => self.advance(cx, &charter.tld, &settings, &name, &domain),
                // An entry that a remediation left behind.
                None => {
                    self.due.remove(&at, &name);
                }
            }
        }
    }

    fn advance(&mut self, cx: &mut Ctx, tld: &DomainName, settings: &Settings, name: &DomainName, old: &Domain) {
        let now = cx.time_ms();
        match (old.phase, &old.transfer) {
            (Phase::Active, Some(transfer)) if transfer.due_ms <= now => match settings.transfer_default {
                TransferDefault::Approve => self.hand_over(cx, tld, settings, name, old, transfer),
                TransferDefault::Reject => self.end_transfer(cx, tld, name, old),
            },
            (Phase::Active, _) => self.expire(cx, tld, settings, name, old),
            (Phase::Redemption { until_ms }, _) => {
                let until_ms = until_ms.saturating_add(settings.pending_delete_ms);
                let new = Domain { phase: Phase::PendingDelete { until_ms }, changed_ms: now, ..old.clone() };
                self.put_domain(cx, tld, name, Some(old), Some(&new), Action::Doomed);
            }
            (Phase::PendingDelete { .. }, _) => {
                if self.detach(cx, tld, name) {
                    self.purge(cx, tld, name, old);
                }
            }
        }
    }

    /// The end of a term. A name that the registry does not let go is renewed in any case.
    fn expire(&mut self, cx: &mut Ctx, tld: &DomainName, settings: &Settings, name: &DomainName, old: &Domain) {
        let kept = old.status.contains(&Status::ServerDeleteProhibited);
        if settings.expiry == Expiry::Delete && !kept {
            self.begin_redemption(cx, tld, settings, name, (old, old.clone()), Action::Expired);
            return;
        }
        let new = Domain {
            // Later than before even where the calendar ends.
            expires_ms: add_years(old.expires_ms, 1, settings.year_ms).max(old.expires_ms.saturating_add(1)),
            grace: with_grace(&old.grace, GraceKind::AutoRenew, cx.time_ms(), settings.auto_renew_grace_ms),
            changed_ms: cx.time_ms(),
            ..old.clone()
        };
        self.put_domain(cx, tld, name, Some(old), Some(&new), Action::AutoRenewed);
    }

    /// Takes the hosts of a name that becomes free away from the domains that name them; whether nobody names them any
    /// more. Else the next registrant could answer for those domains.
    fn detach(&mut self, cx: &mut Ctx, tld: &DomainName, name: &DomainName) -> bool {
        let mut left = MAX_DETACHED;
        for host in self.hosts_of(name, MAX_HOSTS) {
            let users: Vec<DomainName> =
                self.users.members(&host).filter(|user| user != name).take(left.saturating_add(1)).collect();
            for user in users {
                if left == 0 {
                    return false;
                }
                left = left.saturating_sub(1);
                self.drop_name_server(cx, tld, &user, &host);
            }
        }
        true
    }

    fn drop_name_server(&mut self, cx: &mut Ctx, tld: &DomainName, user: &DomainName, host: &DomainName) {
        let Some(old) = self.domains.get(user) else {
            self.users.remove(host, user);
            return;
        };
        let ns: Vec<DomainName> = old.ns.iter().filter(|ns| *ns != host).cloned().collect();
        let ds = if ns.is_empty() { List::default() } else { old.ds.clone() };
        let new = Domain { ns: List::new(ns).unwrap_or_default(), ds, changed_ms: cx.time_ms(), ..old.clone() };
        self.put_domain(cx, tld, user, Some(&old), Some(&new), Action::Detached);
    }
}
