//! Changes that wait: asked for, answered, settled.
//!
//! ```text
//!   submit -> check -> whom to ask, brake -> carried out at once | kept as one held change
//!   answer, settle, release -> evaluate (rules, overtaken, whom to ask) -> carried out | goes on waiting | ended
//! ```
//! A held change is the whole change of one call: nothing of it is carried out before all of it is. Nothing here touches
//! delegations, hosts or users but through `carry_out`.

use crate::{
    Refusal,
    change::{Checked, acting, active, binding},
    consent::{Agreement, Asked},
    state::DomainRecords,
};
use alloc::collections::BTreeSet;
use althing_interface::domain_records::{
    Change, DelegationChange, RecordsError,
    held::{
        Brake, ChangeAnswered, ChangeHeld, ChangeOutcome, ChangeSettled, HeldChange, HeldContent, HeldStatus,
        MAX_EXPIRED, MAX_HELD, MAX_HELD_OF_ONE, MAX_SETTLED,
    },
};
use althing_sdk::{prelude::*, types::codec::encode};

/// Where a change comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A registry's own transaction.
    Registry,
    /// The TLD's own chain, through contract `root_sync`, which is in the middle of its call.
    TldChain,
}

/// What is to be done with a held change that nothing forbids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Decision {
    /// It is carried out when its consents and the brake allow it.
    ByConsent,
    /// A quorum released it.
    Released,
}

fn list<T, const MAX: usize>(values: impl IntoIterator<Item = T>) -> List<T, MAX> {
    List::new(values.into_iter().collect()).unwrap_or_default()
}

impl DomainRecords {
    /// Carries a change out, or keeps it until others agree. The right of `asker` was checked before.
    pub(crate) fn submit(
        &mut self,
        cx: &mut Ctx,
        tld: &DomainName,
        asker: &OrganisationId,
        change: &Change,
        origin: Origin,
    ) -> Result<ChangeOutcome, Refusal> {
        let checked = self.check(tld, change)?;
        if origin == Origin::TldChain {
            self.take_back_earlier(cx, tld, asker, change);
        }
        let asked = self.whom_to_ask(cx, tld, asker, &checked)?;
        let altered = self.altered(&checked);
        let brake = self.brake(cx, asker, altered);
        if asked.organisations().is_empty() && brake == Brake::Off {
            self.tally(cx, asker, altered);
            let concerned = self.carry_out(cx, tld, &checked);
            self.tell(cx, concerned, (origin == Origin::TldChain).then_some(tld));
            return Ok(ChangeOutcome::Applied);
        }
        if origin == Origin::Registry {
            self.expire(cx);
        }
        if let Some(id) = self.asked_before(cx, tld, asker, change) {
            return Ok(ChangeOutcome::Held { id });
        }
        self.hold(cx, tld, asker, change, &checked, &asked, brake, origin)
    }

    /// The open held change that asks for the same.
    fn asked_before(&self, cx: &Ctx, tld: &DomainName, asker: &OrganisationId, change: &Change) -> Option<u64> {
        let now = cx.time_ms();
        let open: Vec<u64> = self.held_of.members(asker).collect();
        open.into_iter().find(|id| {
            self.held.get(id).is_some_and(|held| held.tld == *tld && held.expires_ms > now)
                && self.contents.get(id).is_some_and(|content| content.change == *change)
        })
    }

    #[expect(clippy::too_many_arguments, reason = "what was found out about one change")]
    fn hold(
        &mut self,
        cx: &mut Ctx,
        tld: &DomainName,
        asker: &OrganisationId,
        change: &Change,
        checked: &Checked,
        asked: &Asked,
        brake: Brake,
        origin: Origin,
    ) -> Result<ChangeOutcome, Refusal> {
        let mut counts = self.held_counts.get().unwrap_or_default();
        let of_one = u32::try_from(self.held_of.members(asker).count()).unwrap_or(u32::MAX);
        for (whose, count, maximum) in [("the zone", counts.open, MAX_HELD), (asker.as_str(), of_one, MAX_HELD_OF_ONE)]
        {
            ensure!(count < maximum, RecordsError::TooManyHeld { whose: whose.to_owned(), count, maximum });
        }
        counts.last = counts.last.saturating_add(1);
        counts.open = counts.open.saturating_add(1);
        let held = HeldChange {
            id: counts.last,
            tld: tld.clone(),
            organisation: asker.clone(),
            status: HeldStatus::Open,
            brake,
            synced: origin == Origin::TldChain,
            hosts: asked.hosts(),
            needed: list(asked.organisations()),
            consents: List::default(),
            objections: List::default(),
            asked: cx.height(),
            expires_ms: cx.time_ms().saturating_add(self.settings().expiry_ms),
            settled: Height(0),
            number: 0,
        };
        let content = HeldContent { change: change.clone(), before: list(self.fingerprints(cx, tld, checked)) };
        self.held.put(&held.id, &held);
        self.contents.put(&held.id, &content);
        self.held_counts.put(&counts);
        self.held_of.add(asker, &held.id);
        self.expiries.add(&held.expires_ms, &held.id);
        cx.emit(ChangeHeld { tld: tld.clone(), id: held.id, organisation: asker.clone(), brake, needed: held.needed });
        Ok(ChangeOutcome::Held { id: held.id })
    }

    /// Hashes of what a change is about as it is now: its hosts in order, then the delegation.
    fn fingerprints(&self, cx: &Ctx, tld: &DomainName, checked: &Checked) -> Vec<Hash> {
        let hosts = checked.hosts.iter().map(|(host, _)| cx.sha3(&encode(&self.hosts.get(host))));
        hosts.chain([cx.sha3(&encode(&self.delegations.get(tld)))]).collect()
    }

    /// Refuses a change of something that is neither as it was when the change was asked for, nor as it shall be. A host
    /// that lost its addresses since, as with its last user, is nobody's who would be overridden.
    fn not_overtaken(
        &self,
        cx: &Ctx,
        tld: &DomainName,
        content: &HeldContent,
        checked: &Checked,
    ) -> Result<(), Refusal> {
        let now = self.fingerprints(cx, tld, checked);
        let delegation = content.change.delegation == DelegationChange::Keep || checked.old == checked.new;
        let as_wanted = checked.hosts.iter().map(|(host, addresses)| {
            let present = self.hosts.get(host);
            (host, present.is_none() || present == *addresses)
        });
        let parts = as_wanted.chain([(tld, delegation)]);
        for ((name, fine), (now, before)) in parts.zip(now.iter().zip(content.before.iter())) {
            ensure!(fine || now == before, RecordsError::Overtaken { name: name.clone() });
        }
        Ok(())
    }

    /// Whether a held change may still be carried out, and whom it asks as things are.
    fn evaluate(&self, cx: &mut Ctx, held: &HeldChange, content: &HeldContent) -> Result<(Checked, Asked), Refusal> {
        let registry = active(binding(cx, &held.tld)?, &held.tld)?;
        if registry != held.organisation {
            let (tld, caller) = (held.tld.clone(), held.organisation.clone());
            return Err(RecordsError::NotYours { tld, bound: registry, caller }.into());
        }
        let checked = self.check(&held.tld, &content.change)?;
        self.not_overtaken(cx, &held.tld, content, &checked)?;
        let asked = self.whom_to_ask(cx, &held.tld, &held.organisation, &checked)?;
        Ok((checked, asked))
    }

    /// A held change, and what it would do.
    pub(crate) fn known(&self, id: u64) -> Result<(HeldChange, HeldContent), Refusal> {
        let found = self.held.get(&id).zip(self.contents.get(&id));
        found.ok_or_else(|| RecordsError::NoSuchHeld { id }.into())
    }

    fn open(&self, cx: &Ctx, id: u64) -> Result<(HeldChange, HeldContent), Refusal> {
        let (held, content) = self.known(id)?;
        let expired = held.status == HeldStatus::Open && held.expires_ms <= cx.time_ms();
        let status = if expired { HeldStatus::Expired } else { held.status };
        ensure!(status == HeldStatus::Open, RecordsError::NotOpen { id, status });
        Ok((held, content))
    }

    /// An organisation consents or objects.
    pub(crate) fn answer(&mut self, cx: &mut Ctx, id: u64, consented: bool) -> Result<HeldStatus, Refusal> {
        let (mut held, content) = self.open(cx, id)?;
        let caller = acting(cx, None, &held.tld)?;
        let (checked, asked) = match self.evaluate(cx, &held, &content) {
            Ok(found) => found,
            Err(refusal) => return Ok(self.end(cx, held, HeldStatus::Failed, refusal.error.number())),
        };
        let organisations = asked.organisations();
        if !organisations.contains(&caller) {
            return Err(RecordsError::NotAsked { id, tld: held.tld, caller }.into());
        }
        let (to, from) = match consented {
            true => (&mut held.consents, &mut held.objections),
            false => (&mut held.objections, &mut held.consents),
        };
        ensure!(!to.contains(&caller), RecordsError::AnsweredBefore { id, caller });
        // Answers of those who are not asked any more go: so there are never more of them than may be asked.
        let asked_too = |other: &&OrganisationId| organisations.contains(*other) && **other != caller;
        *from = list(from.iter().filter(asked_too).cloned());
        *to = list(to.iter().filter(asked_too).chain([&caller]).cloned().collect::<BTreeSet<_>>());
        cx.emit(ChangeAnswered { tld: held.tld.clone(), id, organisation: caller, consented });
        Ok(self.conclude(cx, held, &checked, &asked, Decision::ByConsent))
    }

    /// Counts anew who must consent; anyone may ask for that, also when the change's time is over.
    pub(crate) fn settle_one(&mut self, cx: &mut Ctx, id: u64) -> Result<HeldStatus, Refusal> {
        let (held, content) = self.known(id)?;
        ensure!(held.status == HeldStatus::Open, RecordsError::NotOpen { id, status: held.status });
        Ok(self.decide(cx, held, &content, Decision::ByConsent))
    }

    /// A quorum releases a change. One that is not open any more is passed over.
    pub(crate) fn release_one(&mut self, cx: &mut Ctx, id: u64) -> Result<(), Refusal> {
        let (held, content) = self.known(id)?;
        if held.status == HeldStatus::Open {
            self.decide(cx, held, &content, Decision::Released);
        }
        Ok(())
    }

    /// A quorum refuses a change. One that is not open any more is passed over.
    pub(crate) fn refuse_one(&mut self, cx: &mut Ctx, id: u64) -> Result<(), Refusal> {
        let (held, _) = self.known(id)?;
        if held.status == HeldStatus::Open {
            self.end(cx, held, HeldStatus::Refused, 0);
        }
        Ok(())
    }

    /// Who asked takes a change back.
    pub(crate) fn withdraw_one(&mut self, cx: &mut Ctx, id: u64) -> Result<(), Refusal> {
        let (held, _) = self.open(cx, id)?;
        let caller = acting(cx, None, &held.tld)?;
        if caller != held.organisation {
            return Err(RecordsError::NotAsker { id, organisation: held.organisation, caller }.into());
        }
        self.end(cx, held, HeldStatus::Withdrawn, 0);
        Ok(())
    }

    fn decide(&mut self, cx: &mut Ctx, held: HeldChange, content: &HeldContent, decision: Decision) -> HeldStatus {
        if held.expires_ms <= cx.time_ms() {
            return self.end(cx, held, HeldStatus::Expired, 0);
        }
        match self.evaluate(cx, &held, content) {
            Ok((checked, asked)) => self.conclude(cx, held, &checked, &asked, decision),
            Err(refusal) => self.end(cx, held, HeldStatus::Failed, refusal.error.number()),
        }
    }

    fn conclude(
        &mut self,
        cx: &mut Ctx,
        mut held: HeldChange,
        checked: &Checked,
        asked: &Asked,
        decision: Decision,
    ) -> HeldStatus {
        (held.hosts, held.needed) = (asked.hosts(), list(asked.organisations()));
        let altered = self.altered(checked);
        if decision == Decision::ByConsent {
            match asked.agreement(&held, self.settings().share_percent) {
                Agreement::Impossible => return self.end(cx, held, HeldStatus::Refused, 0),
                Agreement::Missing => return self.wait(held),
                Agreement::Reached => {}
            }
            // Once held by a brake, a change stays so until a vote.
            if held.brake == Brake::Off {
                held.brake = self.brake(cx, &held.organisation, altered);
            }
            if held.brake != Brake::Off {
                return self.wait(held);
            }
            self.tally(cx, &held.organisation, altered);
        }
        let mut concerned = self.carry_out(cx, &held.tld, checked);
        if held.synced {
            concerned.remove(&held.tld);
        }
        let status = self.end(cx, held, HeldStatus::Applied, 0);
        self.tell(cx, concerned, None);
        status
    }

    fn wait(&mut self, held: HeldChange) -> HeldStatus {
        self.held.put(&held.id, &held);
        HeldStatus::Open
    }

    /// Ends a held change. A TLD's own chain learns what the root has then, whether that is what it asked for or not.
    fn end(&mut self, cx: &mut Ctx, held: HeldChange, status: HeldStatus, number: u32) -> HeldStatus {
        let told = held.synced.then(|| held.tld.clone());
        self.close(cx, held, status, number);
        self.tell(cx, told.into_iter().collect(), None);
        status
    }

    /// A TLD's own chain says all in each of its changes: what it asked for before and is held is taken back.
    fn take_back_earlier(&mut self, cx: &mut Ctx, tld: &DomainName, asker: &OrganisationId, change: &Change) {
        let open: Vec<u64> = self.held_of.members(asker).collect();
        for id in open {
            let earlier = self.held.get(&id).filter(|held| held.synced && held.tld == *tld);
            if let Some(held) = earlier
                && self.contents.get(&id).is_none_or(|content| content.change != *change)
            {
                self.close(cx, held, HeldStatus::Withdrawn, 0);
            }
        }
    }

    /// Of the settled ones the latest are kept.
    fn close(&mut self, cx: &mut Ctx, mut held: HeldChange, status: HeldStatus, number: u32) {
        (held.status, held.settled, held.number) = (status, cx.height(), number);
        self.held.put(&held.id, &held);
        self.held_of.remove(&held.organisation, &held.id);
        self.expiries.remove(&held.expires_ms, &held.id);
        self.settled.add(&held.settled, &held.id);
        let mut counts = self.held_counts.get().unwrap_or_default();
        counts.open = counts.open.saturating_sub(1);
        counts.settled = counts.settled.saturating_add(1);
        if counts.settled > MAX_SETTLED
            && let Some((height, oldest)) = self.settled.iter().next()
        {
            self.settled.remove(&height, &oldest);
            self.held.remove(&oldest);
            self.contents.remove(&oldest);
            counts.settled = counts.settled.saturating_sub(1);
        }
        self.held_counts.put(&counts);
        cx.emit(ChangeSettled { tld: held.tld.clone(), id: held.id, status, number });
    }

    /// Ends changes whose time is over, the oldest first, so many at a time.
    pub(crate) fn expire(&mut self, cx: &mut Ctx) {
        let now = cx.time_ms();
        let over: Vec<u64> =
            self.expiries.iter().take_while(|(at, _)| *at <= now).take(MAX_EXPIRED).map(|(_, id)| id).collect();
        for id in over {
            if let Some(held) = self.held.get(&id) {
                self.end(cx, held, HeldStatus::Expired, 0);
            }
        }
    }
}
