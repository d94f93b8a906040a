//! Whom this chain listens to: decided by the genesis and by votes, never by what a peer says.

use crate::{Refusal, RootSync};
use althing_interface::root_sync::{
    Peer, PeerDistrusted, PeerSeed, PeerStatus, PeerTrusted, Policy, PolicySet, Side, SyncError, TrustedList,
};
use althing_sdk::{
    prelude::*,
    types::{
        hash::{Tag, preimage_of},
        id::ChainId,
    },
};

impl RootSync {
    /// Trusts a list for a peer. A peer that is known keeps its sequence numbers and its outbox: only what is believed of
    /// its authorities begins anew.
    pub(crate) fn trust_peer(&mut self, cx: &mut Ctx, seed: PeerSeed) -> Result<(), Refusal> {
        let PeerSeed { chain, tld, side, list, since } = seed;
        ensure!(chain.as_str() != cx.chain(), SyncError::OwnChain { chain });
        ensure!(tld.labels().count() == 1, SyncError::NoTld { tld });
        if let Some(taken) = self.tlds.get(&tld).filter(|taken| *taken != chain) {
            let active = self.peers.get(&taken).is_some_and(|peer| peer.status != PeerStatus::Distrusted);
            ensure!(!active, SyncError::TldTaken { tld, chain: taken });
        }
        let known = self.peers.get(&chain);
        if let Some(known) = known.as_ref().filter(|known| known.tld != tld || known.side != side) {
            return Err(SyncError::OtherPeer { chain, tld: known.tld.clone() }.into());
        }
        let mut peer = known.unwrap_or_else(|| new_peer(chain.clone(), tld.clone(), side));
        peer.status = PeerStatus::Trusted;
        peer.seen = since.previous();
        peer.seen_block = Hash::ZERO;
        let hash = cx.sha3(&preimage_of(Tag::Authorities, &list));
        self.peers.put(&chain, &peer);
        self.lists.put(&chain, &TrustedList { list, since });
        self.tlds.put(&tld, &chain);
        cx.emit(PeerTrusted { peer: chain, tld, since, list: hash });
        Ok(())
    }

    /// Ends the trust in a peer.
    pub(crate) fn end_trust(&mut self, cx: &mut Ctx, chain: &ChainId) -> Result<(), Refusal> {
        let mut peer = self.known(chain)?;
        let already = peer.status == PeerStatus::Distrusted;
        ensure!(!already, SyncError::Distrusted { chain: chain.clone() });
        peer.status = PeerStatus::Distrusted;
        self.peers.put(chain, &peer);
        cx.emit(PeerDistrusted { peer: chain.clone() });
        Ok(())
    }

    /// Says what becomes of a TLD chain's changes.
    pub(crate) fn put_policy(&mut self, cx: &mut Ctx, chain: &ChainId, policy: Policy) -> Result<(), Refusal> {
        let mut peer = self.known(chain)?;
        ensure!(peer.side == Side::Tld, SyncError::RootIsNotHeld { chain: chain.clone() });
        peer.policy = policy;
        self.peers.put(chain, &peer);
        cx.emit(PolicySet { peer: chain.clone(), policy });
        Ok(())
    }
}

const fn new_peer(chain: ChainId, tld: DomainName, side: Side) -> Peer {
    Peer {
        chain,
        tld,
        side,
        status: PeerStatus::Trusted,
        policy: Policy::Automatic,
        seen: Height(0),
        seen_block: Hash::ZERO,
        seen_ms: 0,
        checked: Height(0),
        sent: 0,
        acknowledged: 0,
        changed_sent: 0,
        changed_received: 0,
        answer: None,
        refusals: 0,
    }
}
