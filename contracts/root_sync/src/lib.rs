//! Contract `root_sync`: carries changes of a TLD between root chain and TLD chain without trusting the carrier
//! (P 0068, P 0070; docs/adr/017).
//!
//! Entry points are here; what a delivery proves is decided in `light` without storage; `deliver` takes proven messages
//! in and has them applied; `outbox` writes messages; `trust` decides whom to listen to; the state is in `state`.
//! Nothing here knows who carries: any member may.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "a test fails by panicking"
    )
)]

mod apply;
mod deliver;
mod light;
mod outbox;
mod state;
#[cfg(test)]
mod tests;
mod trust;

use althing_interface::{
    Refused,
    root_sync::{
        Body, HeldPage, Init, MAX_OUTBOX, MAX_PAGE, MAX_REASON, MessagePage, Peer, PeerPage, PeerSeed, Policy,
        RefusalPage, SyncError, TldImage, TrustedList, Urls, Verdict,
        delivery::{MAX_DELIVERY, Taken},
    },
};
use althing_sdk::{
    prelude::*,
    types::{codec::encode, id::ChainId},
};
pub use state::RootSync;

/// Longest page of the outbox in bytes: below the longest result of a call, above the longest message.
const MAX_PAGE_BYTES: usize = 60_000;
/// Peers that the invariant looks at: as many as a root zone has TLDs.
const CHECKED: usize = 2_048;

/// A refusal of this contract.
type Refusal = Refused<SyncError>;

#[contract_api]
impl RootSync {
    /// Trusts the peers of the genesis.
    #[init]
    fn init(&mut self, cx: &mut Ctx, init: Init) -> Result<(), Refusal> {
        for seed in init.peers.into_vec() {
            self.trust_peer(cx, seed)?;
        }
        Ok(())
    }

    /// Tells the peer of a TLD what the TLD is from now on. Only contracts `domain_records` and `registrations`.
    #[call]
    fn changed(&mut self, cx: &mut Ctx, tld: DomainName, image: TldImage) -> Result<Option<u64>, Refusal> {
        let side = outbox::speaks_to(cx, "changed")?;
        self.tell(cx, &tld, side, Body::Changed(image))
    }

    /// Tells the chain of a TLD its bootstrap entry. Only contract `bootstrap`.
    #[call]
    fn bootstrap_changed(&mut self, cx: &mut Ctx, tld: DomainName, urls: Urls) -> Result<Option<u64>, Refusal> {
        let side = outbox::speaks_to(cx, "bootstrap_changed")?;
        self.tell(cx, &tld, side, Body::Bootstrap(urls))
    }

    /// Brings a certified header of a peer, and proven messages. Any member's key. Wrong input does not fail the call:
    /// it is refused and recorded.
    #[call]
    fn deliver(&mut self, cx: &mut Ctx, peer: ChainId, delivery: Bytes<MAX_DELIVERY>) -> Result<Taken, Refusal> {
        let by = cx.organisation().filter(|_| cx.caller().is_none());
        let by = by.ok_or(SyncError::NotAMember {})?;
        self.take_delivery(cx, &peer, &delivery, &by)
    }

    /// Trusts a new peer, or a known one anew: after a recovery, a fork, or the end of trust.
    #[call(role = "governance")]
    fn trust(&mut self, cx: &mut Ctx, peer: PeerSeed) -> Result<(), Refusal> {
        self.trust_peer(cx, peer)
    }

    /// Ends the trust in a peer. What it said stays; nothing more is taken from it, and nothing more is told it.
    #[call(role = "governance")]
    fn distrust(&mut self, cx: &mut Ctx, peer: ChainId) -> Result<(), Refusal> {
        self.end_trust(cx, &peer)
    }

    /// Says what becomes of changes of a TLD chain.
    #[call(role = "governance")]
    fn set_policy(&mut self, cx: &mut Ctx, peer: ChainId, policy: Policy) -> Result<(), Refusal> {
        self.put_policy(cx, &peer, policy)
    }

    /// Applies a change that is held.
    #[call(role = "governance")]
    fn release(&mut self, cx: &mut Ctx, peer: ChainId, sequence: u64) -> Result<Verdict, Refusal> {
        self.release_held(cx, &peer, sequence)
    }

    /// Drops a change that is held; the peer is told.
    #[call(role = "governance")]
    fn reject(&mut self, cx: &mut Ctx, peer: ChainId, sequence: u64, reason: Text<MAX_REASON>) -> Result<(), Refusal> {
        self.reject_held(cx, &peer, sequence, reason)
    }

    /// A peer.
    #[view]
    fn peer(&self, chain: ChainId) -> Option<Peer> {
        self.peers.get(&chain)
    }

    /// The peer that is spoken to about a TLD.
    #[view]
    fn peer_of(&self, tld: DomainName) -> Option<Peer> {
        self.tlds.get(&tld).and_then(|chain| self.peers.get(&chain))
    }

    /// Peers in the order of their ids: those after `after`, or from the first one.
    #[view]
    fn peers(&self, after: Option<ChainId>) -> PeerPage {
        let page = self.peers.page::<MAX_PAGE>(after.as_ref()).into_vec();
        List::new(page.into_iter().map(|(_, peer)| peer).collect()).unwrap_or_default()
    }

    /// The authority list that a peer's next header must be decided by.
    #[view]
    fn trusted(&self, chain: ChainId) -> Option<TrustedList> {
        self.lists.get(&chain)
    }

    /// Sequence number of the last message that was received from a peer; 0 before the first one.
    #[view]
    fn received(&self, chain: ChainId) -> u64 {
        self.received.get(&chain).unwrap_or(0)
    }

    /// Messages to a peer that were not acknowledged, in their order: those after `after`. Only an empty page says that
    /// there are no more.
    #[view]
    fn outbox(&self, peer: ChainId, after: u64) -> MessagePage {
        let (mut page, mut bytes) = (Vec::new(), 0usize);
        let acknowledged = self.peers.get(&peer).map_or(0, |peer| peer.acknowledged);
        let mut sequence = after.max(acknowledged);
        while page.len() < MAX_PAGE {
            sequence = sequence.saturating_add(1);
            let Some(message) = self.outbox.get(&(peer.clone(), sequence)) else { break };
            bytes = bytes.saturating_add(encode(&message).len());
            if bytes > MAX_PAGE_BYTES {
                break;
            }
            page.push(message);
        }
        List::new(page).unwrap_or_default()
    }

    /// Refused deliveries of a peer, the oldest kept one first: those after number `after`. What claimed to be of a
    /// chain that is no peer stands under this chain's own id.
    #[view]
    fn refusals(&self, peer: ChainId, after: Option<u64>) -> RefusalPage {
        let all = self.refusals.iter_prefix(&peer).map(|(_, record)| record);
        let rest = all.filter(|record| after.is_none_or(|after| record.number > after));
        List::new(rest.take(MAX_PAGE).collect()).unwrap_or_default()
    }

    /// Changes that wait for a vote, at most one of each peer.
    #[view]
    fn held(&self, after: Option<ChainId>) -> HeldPage {
        let entries = match &after {
            Some(after) => self.held.iter_after(after),
            None => self.held.iter(),
        };
        let (mut page, mut bytes) = (Vec::new(), 0usize);
        for (_, held) in entries.take(MAX_PAGE) {
            bytes = bytes.saturating_add(encode(&held).len());
            if bytes > MAX_PAGE_BYTES {
                break;
            }
            page.push(held);
        }
        List::new(page).unwrap_or_default()
    }

    /// What the root says of the TLD's bootstrap entry.
    #[view]
    fn bootstrap(&self, tld: DomainName) -> Option<Urls> {
        self.bootstrap.get(&tld)
    }

    /// Each peer has a list; its outbox holds exactly what it did not acknowledge, and no more than fits.
    #[invariant]
    fn outboxes_hold_what_is_not_acknowledged(&self) -> bool {
        self.peers.iter().take(CHECKED).all(|(chain, peer)| {
            let has = |sequence: u64| self.outbox.has(&(chain.clone(), sequence));
            let open = peer.sent.checked_sub(peer.acknowledged);
            self.lists.has(&chain)
                && open.is_some_and(|open| open <= MAX_OUTBOX && (open == 0 || has(peer.sent)))
                && !has(peer.sent.saturating_add(1))
                && !has(peer.acknowledged)
        })
    }
}
