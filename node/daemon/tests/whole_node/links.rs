//! Who is connected with whom in the simulation: pairs that admit each other, as the real network keeps them; and what
//! is said only by those who may.

use crate::{
    setup::START_MS,
    world::{Parcel, World},
};
use althing_daemon::node::Event;
use althing_network::Gossip;
use althing_state::Storage;
use althing_types::{crypto::NodeId, id::Height};

/// Longest time until a pair that may be connected is.
const DIALLED_WITHIN_MS: u64 = 2_000;

impl World {
    pub(crate) fn is_linked(&self, a: usize, b: usize) -> bool {
        self.links.contains(&(a.min(b), a.max(b)))
    }

    fn id(&self, n: usize) -> NodeId {
        NodeId::from(self.keys[n].public())
    }

    fn admits(&self, a: usize, b: usize) -> bool {
        let machine = &self.machines[a];
        let contacts = machine.contacts.as_ref().filter(|_| machine.node.is_some());
        contacts.is_some_and(|contacts| contacts.admitted().contains(&self.id(b)))
    }

    /// The admitted of a node have changed: those that are no longer are cut off at once, others are dialled.
    pub(crate) fn meet(&mut self, index: usize) {
        for other in (0..self.machines.len()).filter(|other| *other != index) {
            let both = self.admits(index, other) && self.admits(other, index);
            if both && !self.is_linked(index, other) {
                let after = 1 + self.random.below(if self.now_ms < START_MS + 10 { 1 } else { DIALLED_WITHIN_MS });
                self.push(index, 0, after, Parcel::Dialled(other));
            } else if !both && self.is_linked(index, other) {
                self.cut_off += 1;
                self.disconnect(index, other);
            }
        }
    }

    pub(crate) fn connect(&mut self, a: usize, b: usize) {
        if self.admits(a, b) && self.admits(b, a) && self.links.insert((a.min(b), a.max(b))) {
            self.tell(a, Event::PeerConnected(self.id(b)));
            self.tell(b, Event::PeerConnected(self.id(a)));
        }
    }

    pub(crate) fn disconnect(&mut self, a: usize, b: usize) {
        if self.links.remove(&(a.min(b), a.max(b))) {
            self.tell(a, Event::PeerDisconnected(self.id(b)));
            self.tell(b, Event::PeerDisconnected(self.id(a)));
        }
    }

    /// An event that does not cross the wire. It comes a moment later: a node is in the middle of its effects.
    fn tell(&mut self, index: usize, event: Event) {
        let life = self.machines[index].life;
        let parcel = match event {
            Event::PeerConnected(node) => Parcel::Connected(node),
            Event::PeerDisconnected(node) => Parcel::Disconnected(node),
            _ => return,
        };
        self.push(index, life, 0, parcel);
    }

    /// Nobody votes for a height, or proposes a block, of whose list he is not.
    pub(crate) fn check_entitled(&self, from: usize, message: &Gossip) {
        let (height, author): (Height, NodeId) = match message {
            Gossip::Vote(vote) => (vote.value.height, vote.value.voter),
            Gossip::Proposal { proposal, .. } => (proposal.value.height, proposal.value.proposer),
            Gossip::Transactions(_) | Gossip::Status { .. } | Gossip::Recovery(_) => return,
        };
        let list = self.machines[from].store.authorities(height).unwrap().expect("a message of a known height");
        assert!(
            list.position(&author).is_some(),
            "node {from} sends a message of {author}, who does not decide {height}"
        );
    }

    /// The authority lists of all heights, by the blocks of node 0; every certificate is checked against its own.
    pub(crate) fn lists(&self) -> Vec<Vec<NodeId>> {
        let store = &self.machines[0].store;
        let mut lists = Vec::new();
        let mut before = None;
        for height in self.blocks.keys() {
            let list = store.authorities(*height).unwrap().unwrap();
            let block = store.block(*height).unwrap().unwrap();
            assert_eq!(block.header.authorities, list.hash());
            let certificate = store.certificate(*height).unwrap().unwrap();
            certificate.verify(&self.genesis.chain, &list).unwrap();
            if let Some((previous_list, previous_height)) = before.replace((list.clone(), *height)) {
                let carried = block.previous.expect("a block after the first carries a certificate");
                assert_eq!(carried.height, previous_height);
                carried.verify(&self.genesis.chain, &previous_list).unwrap();
            }
            lists.push(list.members().iter().map(|authority| authority.node).collect());
        }
        lists
    }
}
