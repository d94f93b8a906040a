//! What becomes of a proven message: it is applied by the contract whose records it changes, held, or refused with an
//! answer. A proven message is always taken in, so that none can stop those behind it.

use crate::{Refusal, RootSync, outbox::REGISTRATIONS};
use althing_interface::{
    domain_records,
    root_sync::{
        Answer, Answered, Body, Delivered, HeldChange, HeldDecided, MAX_REASON, Message, Outcome, Peer, Policy, Side,
        SyncError, Verdict, refused,
    },
};
use althing_sdk::{
    prelude::*,
    types::{id::ChainId, receipt::FailureCode},
};

fn refusal(code: u32, reason: &str) -> Verdict {
    Verdict::Refused { code, reason: Text::truncated(reason) }
}

impl RootSync {
    /// Takes one proven message in. `alone`: the delivery has no other. The caller stores the peer.
    pub(crate) fn take_message(
        &mut self,
        cx: &mut Ctx,
        peer: &mut Peer,
        message: Message,
        by: &OrganisationId,
        alone: bool,
    ) -> Result<Verdict, Refusal> {
        let (sequence, kind) = (message.sequence, message.body.kind());
        let own_tld = message.tld == peer.tld;
        let verdict = match &message.body {
            _ if !own_tld && !matches!(message.body, Body::Changed(_)) => {
                refusal(refused::OTHER_TLD, "the message is about another TLD")
            }
            Body::Answer(answer) => {
                peer.answer = Some(answer.clone());
                let Answer { of, verdict } = answer.clone();
                cx.emit(Answered { peer: peer.chain.clone(), of, verdict });
                Verdict::Applied
            }
            Body::Bootstrap(urls) if peer.side == Side::Root => {
                self.bootstrap.put(&peer.tld, urls);
                Verdict::Applied
            }
            Body::Bootstrap(_) => refusal(refused::NOT_ITS_TO_SAY, "bootstrap entries are the root's to tell"),
            Body::Changed(_) => {
                let verdict = self.take_change(cx, peer, &message, alone)?;
                peer.changed_received = sequence;
                self.answer(cx, peer, Answer { of: sequence, verdict: verdict.clone() })?;
                verdict
            }
        };
        let kind = Text::truncated(kind);
        cx.emit(Delivered { peer: peer.chain.clone(), sequence, kind, verdict: verdict.clone(), by: by.clone() });
        Ok(verdict)
    }

    fn take_change(
        &mut self,
        cx: &mut Ctx,
        peer: &mut Peer,
        message: &Message,
        alone: bool,
    ) -> Result<Verdict, Refusal> {
        if let Some(held) = self.held.get(&peer.chain) {
            // An image says all: the earlier one must not be released after this one.
            let reason = format!("message {} came while this one was held", message.sequence);
            self.decide(cx, peer, &held, refusal(refused::SUPERSEDED, &reason))?;
        }
        if message.tld != peer.tld {
            return Ok(refusal(refused::OTHER_TLD, &format!("'{}' is not the TLD of this peer", message.tld)));
        }
        if peer.policy == Policy::Held && self.stale_basis(peer, message).is_none() {
            let held = HeldChange { peer: peer.chain.clone(), height: cx.height(), message: message.clone() };
            self.held.put(&peer.chain, &held);
            return Ok(Verdict::Held);
        }
        self.apply(cx, peer, message, alone)
    }

    /// Why the root does not apply a message: the sender had not heard, or not only, of what the root told it last.
    fn stale_basis(&self, peer: &Peer, message: &Message) -> Option<Verdict> {
        if peer.side == Side::Root {
            return None;
        }
        let (basis, told) = (message.basis, peer.changed_sent);
        let waiting = self.deferred.get(&peer.chain).is_some_and(|deferred| deferred.image.is_some());
        let reason = match () {
            () if basis > told => format!("made on the root's message {basis}, which it has not sent"),
            () if basis < told => format!("made on the root's message {basis}; message {told} changed the TLD since"),
            () if waiting => format!("made on the root's message {basis}; a later change waits for room"),
            () => return None,
        };
        Some(refusal(refused::STALE_BASIS, &reason))
    }

    /// Has a change applied by the contract whose records it changes.
    fn apply(&mut self, cx: &mut Ctx, peer: &Peer, message: &Message, alone: bool) -> Result<Verdict, Refusal> {
        let Body::Changed(image) = &message.body else { return Ok(Verdict::Applied) };
        if let Some(stale) = self.stale_basis(peer, message) {
            return Ok(stale);
        }
        let outcome = match peer.side {
            Side::Tld => call(cx, domain_records::ID, "apply_synced", &(&peer.tld, image)),
            Side::Root => call(cx, REGISTRATIONS, "apply_root", &(image,)),
        };
        let failure = match outcome {
            Ok(Outcome::Applied) => return Ok(Verdict::Applied),
            Ok(Outcome::Held) => return Ok(Verdict::Held),
            Err(failure) => failure,
        };
        let reason = failure.message.as_str();
        match failure.code {
            FailureCode::ContractError => Ok(refusal(failure.detail, reason)),
            // The same at every try: the message must not stop those behind it.
            FailureCode::NoSuchContract
            | FailureCode::NoSuchMethod
            | FailureCode::BadArguments
            | FailureCode::MissingRole
            | FailureCode::NotAllowed
            | FailureCode::Panic
            | FailureCode::Trap
            | FailureCode::MemoryLimit => Ok(refusal(refused::NOT_APPLIED, reason)),
            // Too many events: of this message alone, or of several together.
            FailureCode::SizeLimit if alone => Ok(refusal(refused::NOT_APPLIED, reason)),
            // What the carrier decides, as fuel, or what passes, as a migration: it must not cost the message.
            _ => Err(SyncError::NotNow { sequence: message.sequence, reason: reason.to_owned() }.into()),
        }
    }

    /// Applies a held change by a vote.
    pub(crate) fn release_held(&mut self, cx: &mut Ctx, chain: &ChainId, sequence: u64) -> Result<Verdict, Refusal> {
        let (mut peer, held) = self.held_change(chain, sequence)?;
        let verdict = self.apply(cx, &peer, &held.message, true)?;
        self.decide(cx, &mut peer, &held, verdict.clone())?;
        self.peers.put(chain, &peer);
        Ok(verdict)
    }

    /// Drops a held change by a vote.
    pub(crate) fn reject_held(
        &mut self,
        cx: &mut Ctx,
        chain: &ChainId,
        sequence: u64,
        reason: Text<MAX_REASON>,
    ) -> Result<(), Refusal> {
        let (mut peer, held) = self.held_change(chain, sequence)?;
        self.decide(cx, &mut peer, &held, Verdict::Refused { code: refused::REJECTED, reason })?;
        self.peers.put(chain, &peer);
        Ok(())
    }

    fn held_change(&self, chain: &ChainId, sequence: u64) -> Result<(Peer, HeldChange), Refusal> {
        let peer = self.known(chain)?;
        let held = self.held.get(chain).filter(|held| held.message.sequence == sequence);
        let held = held.ok_or_else(|| SyncError::NotHeld { chain: chain.clone(), sequence })?;
        Ok((peer, held))
    }

    /// Ends a held change and tells the peer. The caller stores the peer.
    fn decide(&mut self, cx: &mut Ctx, peer: &mut Peer, held: &HeldChange, verdict: Verdict) -> Result<(), Refusal> {
        let sequence = held.message.sequence;
        self.held.remove(&peer.chain);
        cx.emit(HeldDecided { peer: peer.chain.clone(), sequence, verdict: verdict.clone() });
        self.answer(cx, peer, Answer { of: sequence, verdict })
    }
}

fn call(
    cx: &mut Ctx,
    contract: &str,
    method: &str,
    arguments: &impl althing_sdk::wire::borsh::BorshSerialize,
) -> Result<Outcome, althing_sdk::types::receipt::Failure> {
    let none = || althing_sdk::types::receipt::Failure::new(FailureCode::NoSuchContract, "no such contract");
    let contract = ContractId::new(contract).map_err(|_| none())?;
    cx.call::<Outcome>(&contract, method, arguments).map_err(|error| error.failure)
}
