//! Who may connect and whom to dial: from the member list of the state and the peers of the configuration.
//!
//! The member list decides. A node whose own state may be old (it has just started, or is no member yet) lets in the
//! peers of its configuration as well, because the list that it knows may name nobody who is still there. Once a block
//! became final by votes that it heard itself, its state is the present one, and only the list counts.
//!
//! Pure: it opens no connection.

use althing_network::Peer;
use althing_types::{
    crypto::NodeId,
    govern::{MemberList, MemberNode},
};
use std::collections::BTreeSet;

/// What a new member list means for this node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standpoint {
    /// As before.
    Same,
    /// It has become a member.
    Joined,
    /// It is a member no longer.
    Left,
}

/// The nodes that this one is in touch with.
#[derive(Clone, Debug)]
pub struct Contacts {
    me: NodeId,
    configured: Vec<Peer>,
    list: MemberList,
    /// Whether the list is known to be the present one.
    settled: bool,
    /// Nodes that were removed a moment ago: they stay connected until [`Self::part`], so that they get the block that
    /// says so. Nothing that they sign counts any more.
    leaving: BTreeSet<NodeId>,
}

fn place(list: &MemberList, node: &NodeId) -> Option<MemberNode> {
    let nodes = &list.nodes;
    nodes.binary_search_by_key(node, |member| member.node).ok().and_then(|index| nodes.get(index)).cloned()
}

impl Contacts {
    /// Contacts of the node `me`, by the list of its own state.
    pub const fn new(me: NodeId, configured: Vec<Peer>, list: MemberList) -> Self {
        Self { me, configured, list, settled: false, leaving: BTreeSet::new() }
    }

    /// The peers of the configuration.
    pub fn configured(&self) -> &[Peer] {
        &self.configured
    }

    /// Who may connect, in either direction.
    pub fn admitted(&self) -> BTreeSet<NodeId> {
        let configured = self.configured.iter().filter(|_| !self.settled).map(|peer| peer.node);
        let members = self.list.nodes.iter().map(|member| member.node);
        members.chain(configured).chain(self.leaving.iter().copied()).filter(|node| *node != self.me).collect()
    }

    /// Addresses of the list, to be dialled beside those of the configuration.
    pub fn addresses(&self) -> Vec<Peer> {
        let dialled = self.list.nodes.iter().filter(|m| m.node != self.me && !m.address.is_empty());
        dialled.map(|m| Peer { node: m.node, address: m.address.to_string() }).collect()
    }

    /// Whether this node is in the list.
    pub fn is_member(&self) -> bool {
        place(&self.list, &self.me).is_some()
    }

    /// Takes the list of a later state.
    pub fn set_list(&mut self, list: MemberList) -> Standpoint {
        let before = self.is_member();
        let gone = self.list.nodes.iter().map(|member| member.node).filter(|node| place(&list, node).is_none());
        self.leaving.extend(gone.collect::<Vec<_>>());
        self.leaving.retain(|node| place(&list, node).is_none());
        self.list = list;
        match (before, self.is_member()) {
            (false, true) => Standpoint::Joined,
            (true, false) => {
                // It may be taken in again, long after it last heard of anything.
                self.settled = false;
                Standpoint::Left
            }
            _ => Standpoint::Same,
        }
    }

    /// Whether somebody is to be parted with.
    pub fn has_leaving(&self) -> bool {
        !self.leaving.is_empty()
    }

    /// Parts with those who were removed; says whether that changes who is admitted.
    pub fn part(&mut self) -> bool {
        !core::mem::take(&mut self.leaving).is_empty()
    }

    /// A block became final; says whether that changes who is admitted.
    pub fn committed(&mut self, caught_up: bool) -> bool {
        let settles = !caught_up && !self.settled && self.is_member();
        self.settled |= settles;
        settles
    }
}

/// The entry of a node in a member list.
pub fn member(list: &MemberList, node: &NodeId) -> Option<MemberNode> {
    place(list, node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::{
        codec::{List, Text},
        govern::Standing,
        id::{Height, OrganisationId},
        organisation::Role,
    };

    fn id(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    fn list(nodes: &[u8]) -> MemberList {
        let entry = |n: &u8| MemberNode {
            node: id(*n),
            organisation: OrganisationId::new("registry").unwrap(),
            kind: Role::Registry,
            standing: Standing::Ordinary,
            address: if *n == 3 { Text::default() } else { Text::new(format!("host-{n}:7000")).unwrap() },
            since: Height(0),
        };
        MemberList { nodes: List::new(nodes.iter().map(entry).collect()).unwrap() }
    }

    fn ids(nodes: &[u8]) -> BTreeSet<NodeId> {
        nodes.iter().map(|n| id(*n)).collect()
    }

    fn contacts(me: u8, members: &[u8]) -> Contacts {
        Contacts::new(id(me), vec![Peer { node: id(9), address: "host-9:7000".into() }], list(members))
    }

    #[test]
    fn configured_peers_are_admitted_only_until_the_state_is_the_present_one() {
        let mut contacts = contacts(1, &[1, 2, 3]);
        assert_eq!(contacts.admitted(), ids(&[2, 3, 9]));
        assert!(!contacts.committed(true), "a fetched block may be an old one");
        assert_eq!(contacts.admitted(), ids(&[2, 3, 9]));
        assert!(contacts.committed(false));
        assert_eq!(contacts.admitted(), ids(&[2, 3]));
        assert!(!contacts.committed(false));
    }

    #[test]
    fn a_joiner_keeps_its_configured_peers_until_it_is_a_member() {
        let mut contacts = contacts(5, &[1, 2]);
        assert!(!contacts.is_member() && !contacts.committed(false));
        assert_eq!(contacts.admitted(), ids(&[1, 2, 9]));
        assert_eq!(contacts.set_list(list(&[1, 2, 5])), Standpoint::Joined);
        assert!(contacts.committed(false));
        assert_eq!(contacts.admitted(), ids(&[1, 2]));
        assert_eq!(contacts.set_list(list(&[2, 5])), Standpoint::Same);
        assert_eq!(contacts.admitted(), ids(&[1, 2]), "it must hear of its removal");
        assert!(contacts.has_leaving() && contacts.part() && !contacts.part());
        assert_eq!(contacts.admitted(), ids(&[2]));
        assert_eq!(contacts.set_list(list(&[2])), Standpoint::Left);
        assert_eq!(contacts.admitted(), ids(&[2, 9]), "it must be able to come back");
    }

    #[test]
    fn members_with_an_address_are_dialled_and_nobody_dials_himself() {
        let dialled: Vec<String> = contacts(1, &[1, 2, 3, 4]).addresses().into_iter().map(|p| p.address).collect();
        assert_eq!(dialled, ["host-2:7000", "host-4:7000"]);
    }
}
