//! Node identities as libp2p writes them: a peer id is the node's public key itself, so each gives the other.

use crate::event::StartError;
use althing_types::crypto::{NodeId, SecretKey};
use libp2p::{PeerId, identity};

/// Multihash code "identity", its length, and the protobuf head of an Ed25519 key of 32 bytes.
const HEAD: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];

/// The peer id of a node.
pub(crate) fn peer_of(node: &NodeId) -> Option<PeerId> {
    let mut bytes = HEAD.to_vec();
    bytes.extend_from_slice(&node.0);
    PeerId::from_bytes(&bytes).ok()
}

/// The node of a peer id; nothing for keys of other kinds.
pub(crate) fn node_of(peer: &PeerId) -> Option<NodeId> {
    let bytes = peer.to_bytes();
    let key = bytes.strip_prefix(&HEAD)?;
    Some(NodeId(key.try_into().ok()?))
}

/// The node's key in the library's form.
pub(crate) fn keypair(key: &SecretKey) -> Result<identity::Keypair, StartError> {
    identity::Keypair::ed25519_from_bytes(key.seed()).map_err(|e| StartError::Key { reason: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_id_and_a_node_id_give_each_other() {
        let key = SecretKey::from_seed(&[9; 32]);
        let node = NodeId::from(key.public());
        let peer = keypair(&key).unwrap().public().to_peer_id();
        assert_eq!(node_of(&peer), Some(node));
        assert_eq!(peer_of(&node), Some(peer));
        assert_eq!(node_of(&PeerId::random()), None);
    }
}
