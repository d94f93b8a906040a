//! What happens by time alone, at the end of each block: terms end, transfers are decided, deleted names become free.
//!
//! | bound in one block | |
//! |---|---|
//! | names | [`MAX_DUE`], the earliest first |
//! | domains that lose a name server which lies in a name that becomes free | [`MAX_DETACHED`] for each such name |
//! | events | [`MAX_TOLD`] |
//! | fuel | stops below [`FUEL_RESERVE`] |
//!
//! Nothing here can be refused: what fails would be met again at the end of every later block. What is left over is done
//! in the next blocks; a name is not free before its own turn.

use crate::{life::with_grace, state::Registrations};
use althing_interface::registrations::{
    Action, Domain, Expiry, GraceKind, MAX_DUE, MAX_HOSTS, Phase, Settings, Status, TransferDefault, add_years,
};
use althing_sdk::prelude::*;

/// Most domains that lose a name server in one block for one name that becomes free.
const MAX_DETACHED: usize = 8;
/// Most events of one block: half of what a receipt holds, since the end of a block is told in one receipt.
const MAX_TOLD: usize = 128;
/// Most events for one name: itself, its hosts, the domains that lose one.
const MAX_TOLD_EACH: usize = 1 + MAX_HOSTS + MAX_DETACHED;
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
        let mut told = 0usize;
        for (at, name) in due {
            if cx.fuel_left() < FUEL_RESERVE || told.saturating_add(MAX_TOLD_EACH) > MAX_TOLD {
                return;
            }
            match self.domains.get(&name).filter(|domain| domain.due_ms() == at) {
                Some(domain) => {
                    told = told.saturating_add(self.advance(cx, &charter.tld, &settings, &name, &domain));
                }
                // An entry that a remediation left behind.
                None => {
                    self.due.remove(&at, &name);
                }
            }
        }
    }

    /// Does what is due for one name; how many events that told at most.
    fn advance(
        &mut self,
        cx: &mut Ctx,
        tld: &DomainName,
        settings: &Settings,
        name: &DomainName,
        old: &Domain,
    ) -> usize {
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
                let hosts = self.hosts_of(name, MAX_HOSTS);
                let (detached, all) = self.detach(cx, tld, name, &hosts);
                if all {
                    self.purge(cx, tld, name, old);
                    return hosts.len().saturating_add(detached).saturating_add(1);
                }
                return detached;
            }
        }
        1
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

    /// Takes the hosts of a name that becomes free away from the domains that name them: from how many, and whether
    /// nobody names them any more. Else the next registrant could answer for those domains.
    fn detach(&mut self, cx: &mut Ctx, tld: &DomainName, name: &DomainName, hosts: &[DomainName]) -> (usize, bool) {
        let mut done = 0usize;
        for host in hosts {
            let left = MAX_DETACHED.saturating_sub(done);
            let users: Vec<DomainName> =
                self.users.members(host).filter(|user| user != name).take(left.saturating_add(1)).collect();
            for user in users {
                if done == MAX_DETACHED {
                    return (done, false);
                }
                done = done.saturating_add(1);
                self.drop_name_server(cx, tld, &user, host);
            }
        }
        (done, true)
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
