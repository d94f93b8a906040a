//! What the handle, the swarm's task and the connections' tasks share: links, members, bans, counters, the sink.
//!
//! A message goes from [`crate::Handle`] straight into the queues of the links and from a connection's task straight
//! into the sink; the swarm's task sees neither. That saves two task switches per message and peer.

use crate::{
    config::{Limits, Peer},
    counts::{Counts, Kind, one},
    event::{Event, Published},
    link::{Link, lane_of, lock},
    message::{Frame, Gossip, Lane},
};
use althing_types::{
    authority::MAX_AUTHORITIES,
    codec::{self, List},
    crypto::NodeId,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{BuildHasher, RandomState},
    net::SocketAddr,
    sync::{
        Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Messages remembered to tell a relayed copy from a new message.
const SEEN: usize = 8192;
/// How long they are remembered; a message that its maker sends again later is a new one.
const SEEN_FOR: Duration = Duration::from_secs(2);

type Sink = Box<dyn Fn(Event) -> bool + Send + Sync>;

/// State of one network.
pub(crate) struct Shared {
    pub(crate) me: NodeId,
    pub(crate) limits: Limits,
    pub(crate) counts: Counts,
    sink: Sink,
    members: RwLock<BTreeSet<NodeId>>,
    /// Addresses that the swarm's task has still to take.
    listed: Mutex<Option<Vec<Peer>>>,
    bans: Mutex<BTreeMap<NodeId, Instant>>,
    links: RwLock<BTreeMap<NodeId, Arc<Link>>>,
    seen: Mutex<Seen>,
    /// Wakes the swarm's task when members, addresses, bans or `closing` changed.
    pub(crate) notify: tokio::sync::Notify,
    pub(crate) closing: AtomicBool,
    pub(crate) listen: OnceLock<SocketAddr>,
    /// Our own requests without an answer.
    pub(crate) requests: AtomicUsize,
    finished: (Mutex<bool>, Condvar),
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "network of {}", self.me)
    }
}

#[derive(Default)]
struct Seen {
    state: RandomState,
    first: BTreeMap<u64, (NodeId, Instant)>,
    order: VecDeque<(Instant, u64)>,
}

impl Seen {
    /// Whether another neighbour brought the same bytes a moment ago; remembers them otherwise.
    fn is_copy(&mut self, from: &NodeId, bytes: &[u8], now: Instant) -> bool {
        let key = self.state.hash_one(bytes);
        while let Some((at, old)) = self.order.front().copied() {
            if self.order.len() < SEEN && now.saturating_duration_since(at) < SEEN_FOR {
                break;
            }
            self.order.pop_front();
            if self.first.get(&old).is_some_and(|(_, kept)| *kept == at) {
                self.first.remove(&old);
            }
        }
        match self.first.get(&key) {
            Some((first, _)) if first != from => true,
            Some(_) => false,
            None => {
                self.first.insert(key, (*from, now));
                self.order.push_back((now, key));
                false
            }
        }
    }
}

impl Shared {
    pub(crate) fn new(me: NodeId, limits: Limits, members: BTreeSet<NodeId>, sink: Sink) -> Self {
        Self {
            me,
            limits,
            counts: Counts::default(),
            sink,
            members: RwLock::new(members),
            listed: Mutex::default(),
            bans: Mutex::default(),
            links: RwLock::default(),
            seen: Mutex::default(),
            notify: tokio::sync::Notify::new(),
            closing: AtomicBool::new(false),
            listen: OnceLock::new(),
            requests: AtomicUsize::new(0),
            finished: (Mutex::new(false), Condvar::new()),
        }
    }

    /// Hands an event to the node; `false` when it cannot take it.
    pub(crate) fn deliver(&self, event: Event) -> bool {
        (self.sink)(event)
    }

    // --- who may be connected

    /// Whether a node may be connected now.
    pub(crate) fn admits(&self, node: &NodeId) -> bool {
        *node != self.me && self.is_member(node) && self.banned_until(node).is_none()
    }

    pub(crate) fn is_member(&self, node: &NodeId) -> bool {
        self.members.read().unwrap_or_else(PoisonError::into_inner).contains(node)
    }

    pub(crate) fn banned_until(&self, node: &NodeId) -> Option<Instant> {
        lock(&self.bans).get(node).copied().filter(|until| *until > Instant::now())
    }

    pub(crate) fn set_members(&self, members: BTreeSet<NodeId>) {
        *self.members.write().unwrap_or_else(PoisonError::into_inner) = members;
        for link in self.links() {
            if !self.is_member(&link.node) {
                link.close();
            }
        }
        self.notify.notify_one();
    }

    pub(crate) fn members(&self) -> BTreeSet<NodeId> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_peers(&self, peers: Vec<Peer>) {
        *lock(&self.listed) = Some(peers);
        self.notify.notify_one();
    }

    pub(crate) fn take_peers(&self) -> Option<Vec<Peer>> {
        lock(&self.listed).take()
    }

    /// Ends the connection and keeps the node away for a while. Strangers need no ban.
    pub(crate) fn penalise(&self, node: &NodeId, reason: &str) {
        if !self.is_member(node) {
            return;
        }
        tracing::warn!(peer = %node, reason, "peer penalised");
        one(&self.counts.penalties);
        let now = Instant::now();
        {
            let mut bans = lock(&self.bans);
            bans.retain(|_, until| *until > now);
            bans.insert(*node, now.checked_add(self.limits.ban).unwrap_or(now));
        }
        if let Some(link) = self.link(node) {
            link.close();
        }
        self.notify.notify_one();
    }

    // --- links

    pub(crate) fn link(&self, node: &NodeId) -> Option<Arc<Link>> {
        self.links.read().unwrap_or_else(PoisonError::into_inner).get(node).cloned()
    }

    /// Whether this is the link that its peer is reached by.
    pub(crate) fn is_current(&self, link: &Link) -> bool {
        self.link(&link.node).is_some_and(|l| l.connection == link.connection)
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.links.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Connected members, ascending.
    pub(crate) fn peers(&self) -> Vec<NodeId> {
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        links.values().filter(|l| l.takes()).map(|l| l.node).collect()
    }

    pub(crate) fn insert_link(&self, link: Arc<Link>) {
        self.links.write().unwrap_or_else(PoisonError::into_inner).insert(link.node, link);
    }

    /// Puts a link into the place of one that is in use, so that no frame falls between the two.
    pub(crate) fn replace_link(&self, old: &Link, link: Arc<Link>) {
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        if old.is_active() {
            link.inherit(old);
            link.activate();
        }
        old.drain();
        links.insert(link.node, link);
    }

    /// Removes a link, unless another one has taken its place.
    pub(crate) fn remove_link(&self, node: &NodeId, connection: libp2p::swarm::ConnectionId) -> bool {
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        let found = links.get(node).is_some_and(|l| l.connection == connection);
        if found {
            links.remove(node);
        }
        found
    }

    /// Tells every peer whom we are connected to.
    pub(crate) fn announce(&self) {
        let mut peers = self.peers();
        peers.truncate(MAX_AUTHORITIES);
        if let Ok(peers) = List::new(peers) {
            let frame: Arc<[u8]> = codec::encode(&Frame::Links(peers)).into();
            self.broadcast(Lane::Consensus, &frame);
        }
    }

    // --- sending

    /// Queues a frame for every connected member.
    pub(crate) fn broadcast(&self, lane: Lane, frame: &Arc<[u8]>) -> Published {
        let mut published = Published::default();
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
        for link in links.values() {
            self.queue(link, lane, frame, &mut published);
        }
        published
    }

    /// Queues a frame for one member.
    pub(crate) fn send(&self, to: &NodeId, lane: Lane, frame: &Arc<[u8]>) -> Published {
        let mut published = Published::default();
        if let Some(link) = self.links.read().unwrap_or_else(PoisonError::into_inner).get(to) {
            self.queue(link, lane, frame, &mut published);
        }
        published
    }

    /// Queues a frame for one peer.
    fn queue(&self, link: &Link, lane: Lane, frame: &Arc<[u8]>, published: &mut Published) {
        if link.takes() {
            let dropped = link.push(lane, Arc::clone(frame), &self.limits);
            published.peers = published.peers.saturating_add(1);
            published.dropped = published.dropped.saturating_add(dropped);
            self.counts.dropped_out.fetch_add(dropped as u64, Ordering::Relaxed);
        }
    }

    // --- receiving

    /// Takes one frame from a peer.
    ///
    /// # Errors
    /// What the peer did wrong.
    pub(crate) fn receive(&self, link: &Link, lane: Lane, bytes: &[u8]) -> Result<(), String> {
        self.counts.came(Kind::of_frame(bytes), bytes.len());
        let frame = Frame::decode(bytes).map_err(|e| e.to_string())?;
        if lane_of(&frame) != lane {
            return Err("a message on the wrong lane".into());
        }
        let message = match frame {
            Frame::Gossip(message) => message,
            Frame::Links(neighbours) => {
                if neighbours.windows(2).any(|pair| matches!(pair, [a, b] if a >= b)) {
                    return Err("links are not in ascending order".into());
                }
                link.set_neighbours(neighbours.iter().copied().collect());
                return Ok(());
            }
        };
        if let Some(author) = message.author() {
            if author == self.me || self.is_copy(&link.node, bytes) {
                one(&self.counts.duplicates);
                return Ok(());
            }
            self.relay(link, &author, &message, bytes)?;
        }
        if !self.deliver(Event::Gossip { from: link.node, message }) {
            one(&self.counts.dropped_in);
        }
        Ok(())
    }

    fn is_copy(&self, from: &NodeId, bytes: &[u8]) -> bool {
        lock(&self.seen).is_copy(from, bytes, Instant::now())
    }

    /// Passes a message on to those who say that they are not connected to its author. Only then is its signature
    /// checked here, so that we never pass on what we would be blamed for.
    fn relay(&self, link: &Link, author: &NodeId, message: &Gossip, bytes: &[u8]) -> Result<(), String> {
        if !self.is_member(author) {
            return Ok(());
        }
        let wanting = |l: &Arc<Link>| l.is_active() && l.node != link.node && l.node != *author && l.lacks(author);
        let targets: Vec<_> = {
            let links = self.links.read().unwrap_or_else(PoisonError::into_inner);
            links.values().filter(|l| wanting(l)).cloned().collect()
        };
        if targets.is_empty() {
            return Ok(());
        }
        let genuine = match message {
            Gossip::Proposal { proposal, .. } => proposal.clone().verify().is_ok(),
            Gossip::Vote(vote) => vote.clone().verify().is_ok(),
            Gossip::Transactions(_) | Gossip::Status { .. } | Gossip::Recovery(_) => return Ok(()),
        };
        if !genuine {
            return Err(format!("signature by {author} does not verify"));
        }
        let frame: Arc<[u8]> = bytes.into();
        let mut published = Published::default();
        for target in &targets {
            self.queue(target, Lane::Consensus, &frame, &mut published);
            one(&self.counts.relayed);
        }
        Ok(())
    }

    // --- the end

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(crate) fn finish(&self) {
        *lock(&self.finished.0) = true;
        self.finished.1.notify_all();
    }

    pub(crate) fn wait_finished(&self, most: Duration) -> bool {
        let guard = lock(&self.finished.0);
        let (guard, _) =
            self.finished.1.wait_timeout_while(guard, most, |done| !*done).unwrap_or_else(PoisonError::into_inner);
        *guard
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_from_another_neighbour_is_told_from_a_repetition() {
        let mut seen = Seen::default();
        let (a, b) = (NodeId([1; 32]), NodeId([2; 32]));
        let now = Instant::now();
        assert!(!seen.is_copy(&a, b"vote", now));
        assert!(seen.is_copy(&b, b"vote", now));
        assert!(!seen.is_copy(&a, b"vote", now));
        assert!(!seen.is_copy(&b, b"vote", now + SEEN_FOR));
    }

    #[test]
    fn memory_of_copies_is_bounded() {
        let mut seen = Seen::default();
        let now = Instant::now();
        for i in 0..20_000u32 {
            seen.is_copy(&NodeId([1; 32]), &i.to_le_bytes(), now);
        }
        assert!(seen.order.len() <= SEEN && seen.first.len() <= SEEN);
    }
}
