//! Whom to dial and when. Pure; time is passed in.
//!
//! Of two members that know each other's address the smaller id dials at once and the greater one waits a little, so
//! that they rarely meet half-way. Each failure doubles the wait, up to a limit. A node may have two addresses, that of
//! the configuration and that of the member list: they are tried in turn.

use crate::config::{Limits, Peer};
use althing_types::crypto::NodeId;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// A connection that lasted less than this was a failure.
const SHORT: Duration = Duration::from_secs(3);
/// Head start of the smaller id.
const COURTESY: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Due(Instant),
    Dialling,
    Connected(Instant),
}

#[derive(Debug)]
struct Entry {
    /// From the configuration; never changes.
    configured: Option<String>,
    /// From the member list.
    listed: Option<String>,
    /// Whether the next attempt goes to the second of two addresses.
    second: bool,
    state: State,
    wait: Duration,
}

impl Entry {
    const fn new(state: State, wait: Duration) -> Self {
        Self { configured: None, listed: None, second: false, state, wait }
    }

    /// The address of the next attempt; the one after that goes to the other.
    fn next_address(&mut self) -> String {
        let (first, second) = (self.listed.as_ref(), self.configured.as_ref());
        let chosen = if self.second { second.or(first) } else { first.or(second) };
        let address = chosen.cloned().unwrap_or_default();
        self.second = !self.second;
        address
    }
}

/// The nodes with a known address and the state of each.
#[derive(Debug)]
pub(crate) struct Dialler {
    me: NodeId,
    least: Duration,
    most: Duration,
    parallel: usize,
    entries: BTreeMap<NodeId, Entry>,
}

impl Dialler {
    pub(crate) fn new(me: NodeId, peers: Vec<Peer>, limits: &Limits, now: Instant) -> Self {
        let mut dialler = Self {
            me,
            least: limits.redial_least,
            most: limits.redial_most,
            parallel: limits.pending_outgoing as usize,
            entries: BTreeMap::new(),
        };
        for Peer { node, address } in peers.into_iter().filter(|p| p.node != me) {
            dialler.entry(node, now).configured = Some(address);
        }
        dialler
    }

    fn entry(&mut self, node: NodeId, now: Instant) -> &mut Entry {
        let state = State::Due(self.after(&node, Duration::ZERO, now));
        self.entries.entry(node).or_insert_with(|| Entry::new(state, self.least))
    }

    /// Replaces the addresses that are not from the configuration. A node with a new address is dialled at once, unless
    /// it is among the `connected`.
    pub(crate) fn set_listed(&mut self, peers: Vec<Peer>, connected: &BTreeSet<NodeId>, now: Instant) {
        let mut listed: BTreeMap<NodeId, String> = peers.into_iter().map(|p| (p.node, p.address)).collect();
        listed.remove(&self.me);
        self.entries.retain(|node, entry| entry.configured.is_some() || listed.contains_key(node));
        for (node, entry) in &mut self.entries {
            if !listed.contains_key(node) {
                entry.listed = None;
            }
        }
        for (node, address) in listed {
            let fresh = !self.entries.contains_key(&node);
            let entry = self.entry(node, now);
            let changed = entry.listed.as_ref() != Some(&address);
            entry.listed = Some(address);
            if connected.contains(&node) {
                if fresh {
                    entry.state = State::Connected(now);
                }
            } else if changed {
                entry.second = false;
                self.hurry(&node, now);
            }
        }
    }

    /// Forgets the failures of a node that has become a member, and dials it at once.
    pub(crate) fn hurry(&mut self, node: &NodeId, now: Instant) {
        let (at, least) = (self.after(node, Duration::ZERO, now), self.least);
        if let Some(entry) = self.entries.get_mut(node) {
            entry.wait = least;
            if let State::Due(_) = entry.state {
                entry.state = State::Due(at);
            }
        }
    }

    fn after(&self, node: &NodeId, wait: Duration, now: Instant) -> Instant {
        let courtesy = if self.me > *node { COURTESY } else { Duration::ZERO };
        now.checked_add(wait.saturating_add(courtesy)).unwrap_or(now)
    }

    /// The next time that somebody is to be dialled.
    pub(crate) fn next(&self) -> Option<Instant> {
        if self.dialling() >= self.parallel {
            return None;
        }
        self.entries.values().filter_map(|e| if let State::Due(at) = e.state { Some(at) } else { None }).min()
    }

    fn dialling(&self) -> usize {
        self.entries.values().filter(|e| e.state == State::Dialling).count()
    }

    /// Takes those that are to be dialled now; `put_off` names a time before which a node is left alone.
    pub(crate) fn take_due(&mut self, now: Instant, put_off: impl Fn(&NodeId) -> Option<Instant>) -> Vec<Peer> {
        let mut due = Vec::new();
        let mut free = self.parallel.saturating_sub(self.dialling());
        for (node, entry) in &mut self.entries {
            let State::Due(at) = entry.state else { continue };
            if at > now || free == 0 {
                continue;
            }
            if let Some(later) = put_off(node) {
                entry.state = State::Due(later.max(now.checked_add(self.least).unwrap_or(now)));
                continue;
            }
            free = free.saturating_sub(1);
            entry.state = State::Dialling;
            due.push(Peer { node: *node, address: entry.next_address() });
        }
        due
    }

    /// A member is connected.
    pub(crate) fn connected(&mut self, node: &NodeId, now: Instant) {
        if let Some(entry) = self.entries.get_mut(node) {
            entry.state = State::Connected(now);
        }
    }

    /// A member is connected no longer, or never let us in.
    pub(crate) fn disconnected(&mut self, node: &NodeId, now: Instant) {
        let Some(entry) = self.entries.get_mut(node) else { return };
        if let State::Connected(since) = entry.state
            && now.saturating_duration_since(since) >= SHORT
        {
            entry.wait = self.least;
        }
        let wait = entry.wait;
        entry.wait = wait.saturating_mul(2).min(self.most);
        let at = self.after(node, wait, now);
        if let Some(entry) = self.entries.get_mut(node) {
            entry.state = State::Due(at);
        }
    }

    /// An attempt failed.
    pub(crate) fn failed(&mut self, node: &NodeId, now: Instant) {
        if self.entries.get(node).is_some_and(|e| e.state == State::Dialling) {
            self.disconnected(node, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialler(me: u8, now: Instant) -> Dialler {
        let peers = [1u8, 2, 3].map(|i| Peer { node: NodeId([i; 32]), address: format!("host:{i}") });
        Dialler::new(NodeId([me; 32]), peers.to_vec(), &Limits::default(), now)
    }

    fn nodes(peers: Vec<Peer>) -> Vec<u8> {
        peers.into_iter().map(|p| p.node.0[0]).collect()
    }

    #[test]
    fn the_smaller_id_dials_first() {
        let now = Instant::now();
        assert_eq!(nodes(dialler(2, now).take_due(now, |_| None)), vec![3]);
        assert_eq!(nodes(dialler(2, now).take_due(now + COURTESY, |_| None)), vec![1, 3]);
    }

    #[test]
    fn failures_double_the_wait_up_to_the_limit() {
        let mut now = Instant::now();
        let mut dialler = dialler(1, now);
        let mut waits = Vec::new();
        for _ in 0..7 {
            dialler.take_due(now, |_| None);
            dialler.failed(&NodeId([2; 32]), now);
            dialler.failed(&NodeId([3; 32]), now);
            let next = dialler.next().unwrap();
            waits.push((next - now).as_millis());
            now = next;
        }
        assert_eq!(waits, vec![200, 400, 800, 1600, 2000, 2000, 2000]);
    }

    #[test]
    fn a_connected_peer_is_not_dialled() {
        let now = Instant::now();
        let mut dialler = dialler(1, now);
        dialler.connected(&NodeId([2; 32]), now);
        assert_eq!(nodes(dialler.take_due(now, |_| None)), vec![3]);
        dialler.disconnected(&NodeId([2; 32]), now);
        assert!(dialler.next().is_some());
    }

    #[test]
    fn only_a_lasting_connection_resets_the_wait() {
        let now = Instant::now();
        let node = NodeId([2; 32]);
        let mut dialler = dialler(1, now);
        dialler.take_due(now, |_| None);
        for wait in [200, 400, 800] {
            dialler.connected(&node, now);
            dialler.disconnected(&node, now);
            assert_eq!(dialler.next(), Some(now + Duration::from_millis(wait)));
        }
        dialler.connected(&node, now);
        dialler.disconnected(&node, now + SHORT);
        assert_eq!(dialler.next(), Some(now + SHORT + Duration::from_millis(200)));
    }

    #[test]
    fn a_banned_peer_is_put_off() {
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let mut dialler = dialler(1, now);
        assert!(dialler.take_due(now, |_| Some(later)).is_empty());
        assert_eq!(dialler.next(), Some(later));
    }

    #[test]
    fn listed_addresses_come_go_and_take_turns_with_configured_ones() {
        let now = Instant::now();
        let mut dialler = dialler(1, now);
        let listed = |n: u8| Peer { node: NodeId([n; 32]), address: format!("listed:{n}") };
        let nobody = BTreeSet::new();
        dialler.set_listed(vec![listed(1), listed(2), listed(4)], &nobody, now);
        let addresses = |peers: Vec<Peer>| peers.into_iter().map(|p| p.address).collect::<Vec<_>>();
        assert_eq!(addresses(dialler.take_due(now, |_| None)), ["listed:2", "host:3", "listed:4"]);
        dialler.failed(&NodeId([2; 32]), now);
        let next = dialler.next().unwrap();
        assert_eq!(addresses(dialler.take_due(next, |_| None)), ["host:2"]);
        // Node 4 is listed no longer; node 5 is new, but connected already.
        dialler.set_listed(vec![listed(2), listed(5)], &BTreeSet::from([NodeId([5; 32])]), next);
        for node in [2, 3, 4, 5] {
            dialler.failed(&NodeId([node; 32]), next);
        }
        let late = next + Duration::from_secs(60);
        assert_eq!(nodes(dialler.take_due(late, |_| None)), [2, 3]);
    }

    #[test]
    fn a_node_that_became_a_member_is_dialled_without_the_waits_of_before() {
        let mut now = Instant::now();
        let node = NodeId([2; 32]);
        let mut dialler = dialler(1, now);
        for _ in 0..7 {
            dialler.take_due(now, |_| None);
            dialler.failed(&node, now);
            now += Duration::from_secs(2);
        }
        dialler.hurry(&node, now);
        assert!(nodes(dialler.take_due(now, |_| None)).contains(&2));
        dialler.failed(&node, now);
        assert_eq!(dialler.next(), Some(now + Duration::from_millis(200)));
    }
}
