//! Takes deliveries in, or refuses them. A refusal is a result, not a failure: a failed call would leave no trace, and who
//! delivers wrong things shall be known.

use crate::{
    Refusal, RootSync,
    light::{self, Known, Proven, Wrong},
    outbox::unacknowledged,
};
use althing_interface::root_sync::{
    Body, DeliveryRefused, ListFollowed, MAX_OUTBOX, MAX_REFUSALS, Peer, PeerForked, PeerStatus, RefusalRecord,
    SyncError,
    delivery::{Progress, RefusalCode, Taken},
};
use althing_sdk::{
    prelude::*,
    types::{
        hash::{Tag, preimage_of},
        id::ChainId,
    },
};

impl RootSync {
    /// Checks a delivery and takes it in, or records why not.
    pub(crate) fn take_delivery(
        &mut self,
        cx: &mut Ctx,
        chain: &ChainId,
        bytes: &[u8],
        by: &OrganisationId,
    ) -> Result<Taken, Refusal> {
        let Ok(own) = ChainId::new(cx.chain()) else { return Err(SyncError::NotAMember {}.into()) };
        let (Some(peer), Some(trusted)) = (self.peers.get(chain), self.lists.get(chain)) else {
            let reason = format!("chain {chain} is no peer");
            let wrong = Wrong { code: RefusalCode::UnknownPeer, reason, header: Height(0), fork: None };
            let number = self.strangers.get().unwrap_or(0);
            self.strangers.put(&number.saturating_add(1));
            self.record(cx, &own, chain, number, &wrong, by);
            return Ok(Taken::Refused(wrong.code));
        };
        let received = self.received.get(chain).unwrap_or(0);
        match light::check(cx, &Known { own: &own, peer: &peer, trusted: &trusted, received }, bytes) {
            Ok(proven) => self.take_proven(cx, peer, received, proven, by).map(Taken::Accepted),
            Err(wrong) => {
                self.refuse(cx, peer, &wrong, by);
                Ok(Taken::Refused(wrong.code))
            }
        }
    }

    fn refuse(&mut self, cx: &mut Ctx, mut peer: Peer, wrong: &Wrong, by: &OrganisationId) {
        let number = peer.refusals;
        peer.refusals = number.saturating_add(1);
        if let Some(second) = wrong.fork {
            peer.status = PeerStatus::Forked;
            let (height, first) = (peer.seen, peer.seen_block);
            cx.emit(PeerForked { peer: peer.chain.clone(), height, first, second });
        }
        self.peers.put(&peer.chain, &peer);
        self.record(cx, &peer.chain, &peer.chain, number, wrong, by);
    }

    /// Writes a refusal down in the log of `log`; the oldest one goes when there are too many.
    fn record(
        &mut self,
        cx: &mut Ctx,
        log: &ChainId,
        claimed: &ChainId,
        number: u64,
        wrong: &Wrong,
        by: &OrganisationId,
    ) {
        let record = RefusalRecord {
            number,
            code: wrong.code,
            reason: Text::truncated(&wrong.reason),
            by: by.clone(),
            header: wrong.header,
            height: cx.height(),
            time_ms: cx.time_ms(),
        };
        self.refusals.put(&(log.clone(), number), &record);
        if let Some(old) = number.checked_sub(MAX_REFUSALS) {
            self.refusals.remove(&(log.clone(), old));
        }
        cx.emit(DeliveryRefused { peer: claimed.clone(), code: wrong.code, by: by.clone() });
    }

    fn take_proven(
        &mut self,
        cx: &mut Ctx,
        mut peer: Peer,
        mut received: u64,
        proven: Proven,
        by: &OrganisationId,
    ) -> Result<Progress, Refusal> {
        let Proven { header, block, next, messages, end, acknowledged } = proven;
        if header.height > peer.seen || peer.seen_block == Hash::ZERO {
            peer.seen = header.height;
            peer.seen_block = block;
            peer.seen_ms = header.timestamp_ms;
        }
        let list_changed = next.is_some();
        if let Some(next) = next {
            let hash = cx.sha3(&preimage_of(Tag::Authorities, &next.list));
            self.lists.put(&peer.chain, &next);
            cx.emit(ListFollowed { peer: peer.chain.clone(), since: next.since, list: hash });
        }
        let told = messages.iter().map(|message| message.received).chain(acknowledged).max();
        if let Some(told) = told {
            self.acknowledge(cx, &mut peer, told)?;
        }
        // Each change is answered, and may end one that is held, which is answered too.
        let changes = messages.iter().filter(|message| matches!(message.body, Body::Changed(_))).count() as u64;
        let open = unacknowledged(&peer);
        let fits = open.saturating_add(changes.saturating_mul(2)) <= MAX_OUTBOX;
        ensure!(changes == 0 || fits, SyncError::Full { chain: peer.chain, unacknowledged: open });
        let (mut verdicts, alone) = (Vec::new(), messages.len() == 1);
        for message in messages {
            received = message.sequence;
            // Answers say what was received, this message included.
            self.received.put(&peer.chain, &received);
            verdicts.push(self.take_message(cx, &mut peer, message, by, alone)?);
        }
        if end {
            peer.checked = peer.checked.max(header.height);
        }
        self.peers.put(&peer.chain, &peer);
        Ok(Progress { received, seen: peer.seen, verdicts: List::new(verdicts).unwrap_or_default(), list_changed })
    }
}
