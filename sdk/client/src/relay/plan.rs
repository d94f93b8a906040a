//! What is due, as a pure function of what the receiver holds and what the sender can prove.

use super::{RelayConfig, contract};
use crate::verify::VerifiedHeader;
use althing_api::model::StateEntry;
use althing_interface::{
    layout,
    root_sync::{
        MAX_MESSAGE, Peer, TrustedList,
        delivery::{Delivery, ProvenCursor, ProvenMessage},
    },
};
use althing_types::{
    authority::AuthorityList,
    codec::{Bytes, List, decode, encode},
    id::{ChainId, Height},
    keyspace,
    proof::StateProof,
};
use borsh::BorshDeserialize;

/// What a chain holds of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Height of the receiving chain.
    pub height: Height,
    /// The peer.
    pub peer: Peer,
    /// The list that its next header must be decided by.
    pub trusted: TrustedList,
    /// Sequence number of the last message received.
    pub received: u64,
}

/// What the sender's chain holds of what comes next, proven under one header: entries of [`Receiver::keys`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The header.
    pub header: VerifiedHeader,
    /// The entries, in the order of the keys.
    pub entries: Vec<StateEntry>,
}

/// A header, and the list after it when it is another one; no messages.
pub(super) fn of_header(header: &VerifiedHeader, next_list: Option<AuthorityList>) -> Delivery {
    Delivery {
        header: header.header().clone(),
        certificate: header.certificate().clone(),
        next_list,
        messages: List::default(),
        end: None,
        acknowledged: None,
    }
}

impl Receiver {
    /// Keys of the sender's state: the list of its next height, its cursor, and one message more than a delivery has.
    pub fn keys(&self, own: &ChainId, messages: usize) -> Vec<Vec<u8>> {
        let contract = contract();
        let mut keys = vec![keyspace::authorities(), keyspace::storage(&contract, &layout::received_key(own))];
        let first = self.received.saturating_add(1);
        let last = self.received.saturating_add(u64::try_from(messages).unwrap_or(u64::MAX)).saturating_add(1);
        keys.extend((first..=last).map(|number| keyspace::storage(&contract, &layout::outbox_key(own, number))));
        keys
    }

    /// The delivery that is due, of at most so many messages and bytes; `None` when none is. The header must be decided by
    /// the trusted list.
    pub fn plan(&self, reply: &Reply, config: &RelayConfig, messages: usize, room: usize) -> Option<Delivery> {
        let header = reply.header.header();
        let mut entries = reply.entries.iter();
        let (list, cursor) = (entries.next()?, entries.next()?);
        let changes = header.next_authorities != header.authorities && header.height >= self.peer.seen;
        let next_list = if changes { Some(read::<AuthorityList>(list)?) } else { None };
        if header.next_authorities != header.authorities && !changes {
            // A later header is known there already: this node is behind.
            return None;
        }
        let mut delivery = of_header(&reply.header, next_list);
        delivery.acknowledged = read::<u64>(cursor)
            .filter(|received| *received > self.peer.acknowledged)
            .and_then(|received| Some(ProvenCursor { received, proof: cursor.proof.clone()? }));
        let mut left = room.saturating_sub(encode(&delivery).len());
        let (mut proven, mut end) = (Vec::new(), None);
        for entry in entries {
            let Some(value) = &entry.value else {
                end.clone_from(&entry.proof);
                break;
            };
            let (message, proof) = (Bytes::<MAX_MESSAGE>::new(value.0.clone()).ok()?, entry.proof.clone()?);
            let message = ProvenMessage { message, proof };
            let length = encode(&message).len();
            if proven.len() >= messages || length > left {
                break;
            }
            left = left.saturating_sub(length);
            proven.push(message);
        }
        let far = |blocks: u64| header.height.0 >= self.peer.checked.0.saturating_add(blocks);
        let confirm = end.is_some() && config.confirm_blocks.is_some_and(|blocks| far(blocks.max(1)));
        let cursor = delivery.acknowledged.as_ref().map_or(0, |cursor| cursor.received);
        let acknowledge = cursor.saturating_sub(self.peer.acknowledged) >= config.acknowledge.max(1);
        let due = !proven.is_empty() || delivery.next_list.is_some() || confirm || acknowledge;
        delivery.end = end.filter(|end: &StateProof| encode(end).len() <= left);
        delivery.messages = List::new(proven).ok()?;
        due.then_some(delivery)
    }
}

fn read<T: BorshDeserialize>(entry: &StateEntry) -> Option<T> {
    let value = entry.value.as_ref()?;
    decode("value", &value.0, keyspace::MAX_CONTRACT_VALUE).ok()
}
