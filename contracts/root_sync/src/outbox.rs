//! Messages to peers: numbered without gaps, kept until the peer has acknowledged them.
//!
//! ```text
//!  tell ---room---> outbox, number sent + 1 ---acknowledged---> gone
//!    '---no room--> deferred (the last image, the last bootstrap entry) ---room---> outbox
//! ```
//!
//! A peer that is gone can fill [`MAX_CHANGES`] places with changes, not more: of what comes later only the last is
//! kept, since an image says all. The rest of the [`MAX_OUTBOX`] places is for answers.

use crate::{Refusal, RootSync};
use althing_interface::{
    domain_records,
    root_sync::{
        Answer, Body, Deferred, MAX_CHANGES, MAX_MESSAGE, MAX_OUTBOX, Message, Peer, PeerStatus, Queued, Side,
        SyncError,
    },
};
use althing_sdk::{prelude::*, types::codec::encode};

/// Contract of TLD chains whose registry changes the apex.
pub(crate) const REGISTRATIONS: &str = "registrations";
/// Contract of the root chain that keeps bootstrap entries.
const BOOTSTRAP: &str = "bootstrap";

/// The kind of peer that the calling contract speaks to with this method.
pub(crate) fn speaks_to(cx: &Ctx, method: &'static str) -> Result<Side, Refusal> {
    let caller = cx.caller();
    match (caller.as_ref().map(ContractId::as_str), method) {
        (Some(domain_records::ID), "changed") | (Some(BOOTSTRAP), "bootstrap_changed") => Ok(Side::Tld),
        (Some(REGISTRATIONS), "changed") => Ok(Side::Root),
        (caller, method) => {
            let caller = caller.unwrap_or("a transaction").to_owned();
            Err(SyncError::NotItsCall { method, caller }.into())
        }
    }
}

/// Messages that a peer has not acknowledged.
pub(crate) const fn unacknowledged(peer: &Peer) -> u64 {
    peer.sent.saturating_sub(peer.acknowledged)
}

impl RootSync {
    /// Tells the peer of a TLD something; the message's number, or `None` when nobody is told, or later.
    pub(crate) fn tell(
        &mut self,
        cx: &mut Ctx,
        tld: &DomainName,
        side: Side,
        body: Body,
    ) -> Result<Option<u64>, Refusal> {
        let Some(mut peer) = self.tlds.get(tld).and_then(|chain| self.peers.get(&chain)) else { return Ok(None) };
        if peer.side != side || peer.status == PeerStatus::Distrusted {
            return Ok(None);
        }
        let waiting = self.deferred.get(&peer.chain);
        if waiting.is_some() || unacknowledged(&peer) >= MAX_CHANGES {
            let message = self.message(cx, &peer, body);
            fits(&message)?;
            let mut waiting = waiting.unwrap_or(Deferred { image: None, bootstrap: None });
            match message.body {
                Body::Changed(image) => waiting.image = Some(image),
                Body::Bootstrap(urls) => waiting.bootstrap = Some(urls),
                Body::Answer(_) => {}
            }
            self.deferred.put(&peer.chain, &waiting);
            return Ok(None);
        }
        let sequence = self.append(cx, &mut peer, body)?;
        self.peers.put(&peer.chain, &peer);
        Ok(Some(sequence))
    }

    /// Appends an answer. The caller stores the peer.
    pub(crate) fn answer(&mut self, cx: &mut Ctx, peer: &mut Peer, answer: Answer) -> Result<(), Refusal> {
        let open = unacknowledged(peer);
        ensure!(open < MAX_OUTBOX, SyncError::Full { chain: peer.chain.clone(), unacknowledged: open });
        self.append(cx, peer, Body::Answer(answer)).map(|_| ())
    }

    /// The peer has received messages up to this number: they go, and what waited comes in their place. The caller stores
    /// the peer.
    pub(crate) fn acknowledge(&mut self, cx: &mut Ctx, peer: &mut Peer, received: u64) -> Result<(), Refusal> {
        let received = received.min(peer.sent);
        while peer.acknowledged < received {
            peer.acknowledged = peer.acknowledged.saturating_add(1);
            self.outbox.remove(&(peer.chain.clone(), peer.acknowledged));
        }
        if unacknowledged(peer) >= MAX_CHANGES {
            return Ok(());
        }
        let Some(waiting) = self.deferred.get(&peer.chain) else { return Ok(()) };
        self.deferred.remove(&peer.chain);
        if let Some(image) = waiting.image {
            self.append(cx, peer, Body::Changed(image))?;
        }
        if let Some(urls) = waiting.bootstrap {
            self.append(cx, peer, Body::Bootstrap(urls))?;
        }
        Ok(())
    }

    fn message(&self, cx: &Ctx, peer: &Peer, body: Body) -> Message {
        Message {
            sequence: peer.sent.saturating_add(1),
            height: cx.height(),
            tld: peer.tld.clone(),
            received: self.received.get(&peer.chain).unwrap_or(0),
            basis: peer.changed_received,
            body,
        }
    }

    fn append(&mut self, cx: &mut Ctx, peer: &mut Peer, body: Body) -> Result<u64, Refusal> {
        let message = self.message(cx, peer, body);
        fits(&message)?;
        let sequence = message.sequence;
        peer.sent = sequence;
        if matches!(message.body, Body::Changed(_)) {
            peer.changed_sent = sequence;
        }
        self.outbox.put(&(peer.chain.clone(), sequence), &message);
        cx.emit(Queued { peer: peer.chain.clone(), sequence, kind: Text::truncated(message.body.kind()) });
        Ok(sequence)
    }
}

fn fits(message: &Message) -> Result<(), Refusal> {
    let found = encode(message).len();
    let tld = || message.tld.clone();
    ensure!(found <= MAX_MESSAGE, SyncError::TooLong { tld: tld(), found: found as u64 });
    Ok(())
}
