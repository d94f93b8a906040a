//! Deliveries: what a carrier brings from a peer chain, and the numbered reasons why it is refused.

use super::{MAX_MESSAGE, Verdict};
use crate::describe::values;
use althing_types::{
    authority::AuthorityList,
    block::Header,
    certificate::QuorumCertificate,
    codec::{Bytes, List},
    id::Height,
    proof::StateProof,
    wire::{FieldSchema, Schema, VariantSchema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Longest canonical form of a delivery in bytes.
pub const MAX_DELIVERY: usize = 60 * 1024;
/// Most messages of one delivery.
pub const MAX_MESSAGES: usize = 16;

/// What a carrier brings: a certified header of the peer chain, and what is proven under its state root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Delivery {
    /// A header of the peer chain.
    pub header: Header,
    /// Its certificate.
    pub certificate: QuorumCertificate,
    /// The list that decides the next height, when the header names another one than it was decided by.
    pub next_list: Option<AuthorityList>,
    /// Messages in their order, from the first one that was not received.
    pub messages: List<ProvenMessage, MAX_MESSAGES>,
    /// Proof that there is no further message at that height.
    pub end: Option<StateProof>,
    /// What the peer has received of this chain's messages.
    pub acknowledged: Option<ProvenCursor>,
}

/// A message with its proof.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ProvenMessage {
    /// Canonical bytes of a [`super::Message`]: the value of [`crate::layout::outbox_key`] on the peer chain.
    pub message: Bytes<MAX_MESSAGE>,
    /// Leads to the header's state root.
    pub proof: StateProof,
}

/// The value of [`crate::layout::received_key`] on the peer chain.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ProvenCursor {
    /// Sequence number of the last message that the peer has received.
    pub received: u64,
    /// Leads to the header's state root.
    pub proof: StateProof,
}

/// Declares the refusals.
macro_rules! refusals {
    ($($(#[doc = $doc:literal])* $number:literal $name:ident,)*) => {
        /// Why a delivery was refused. Numbers never change their meaning.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
        )]
        #[borsh(use_discriminant = true)]
        #[serde(rename_all = "snake_case")]
        #[repr(u8)]
        pub enum RefusalCode {
            $($(#[doc = $doc])* $name = $number,)*
        }
        impl Wire for RefusalCode {
            const SCHEMA: &'static Schema = &Schema::Enum {
                name: "RefusalCode",
                variants: &[$(VariantSchema { name: stringify!($name), fields: &[] }),*],
            };
        }
        impl RefusalCode {
            /// Every code with its name and meaning, in the order of the numbers.
            pub const ALL: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$name, stringify!($name), concat!($($doc),*).trim_ascii())),*];
        }
    };
}

refusals! {
    /// The chain is no peer.
    0 UnknownPeer,
    /// The trust in the peer has ended, or its authorities certified two headers of one height.
    1 NotTrusted,
    /// The bytes are no canonical form of a delivery, or of a message with the number of its place.
    2 Malformed,
    /// Header or certificate is of another chain than the peer.
    3 WrongChain,
    /// The header is older than the trusted authority list; or it is older than the newest header seen and brings a
    /// change of the list.
    4 Stale,
    /// The header was decided by another authority list than the trusted one: a change in between was not delivered, or
    /// the list is an old one, or none of this chain.
    5 UnknownList,
    /// The certificate is of another block, is not in order, or has a signature that is not good.
    6 Forged,
    /// The certificate has too few signatures.
    7 TooFew,
    /// The header changes the authority list and the next list is missing, or is not the one that the header names.
    8 WrongNextList,
    /// A state proof does not lead to the header's state root.
    9 NotProven,
    /// The first message was received before.
    10 Replayed,
    /// The first message is not the one that follows the last received.
    11 Gap,
    /// There is nothing new in the delivery.
    12 Nothing,
    /// The header has the height of the newest one seen and is another one: the peer's authorities certified two.
    13 Forked,
    /// A cursor of more messages than were sent.
    14 WrongCursor,
}

impl RefusalCode {
    /// The stable number.
    pub const fn number(self) -> u8 {
        self as u8
    }
    /// The stable name.
    pub fn name(self) -> &'static str {
        Self::ALL.get(usize::from(self.number())).map_or("", |(_, name, _)| name)
    }
    /// What it means.
    pub fn meaning(self) -> &'static str {
        Self::ALL.get(usize::from(self.number())).map_or("", |(_, _, docs)| docs)
    }
}

/// What became of a delivery: the result of the call `deliver`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// It was taken in.
    Accepted(Progress),
    /// It was refused and recorded; nothing of it was taken in.
    Refused(RefusalCode),
}

impl Wire for Taken {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Taken",
        variants: &[
            VariantSchema { name: "Accepted", fields: &[FieldSchema { name: "0", kind: Progress::SCHEMA }] },
            VariantSchema { name: "Refused", fields: &[FieldSchema { name: "0", kind: RefusalCode::SCHEMA }] },
        ],
    };
}

values! {
    /// How far a delivery brought the receiver.
    Progress {
        /// Sequence number of the last message received now.
        received: u64,
        /// Greatest height seen now.
        seen: Height,
        /// What became of each message, in their order.
        verdicts: List<Verdict, MAX_MESSAGES>,
        /// Whether the authority list changed.
        list_changed: bool,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::codec::encode;

    #[test]
    fn numbers_of_refusals_are_their_places() {
        for (place, (code, name, meaning)) in RefusalCode::ALL.iter().enumerate() {
            assert_eq!(usize::from(code.number()), place);
            assert_eq!((code.name(), code.meaning()), (*name, *meaning));
            assert_eq!(encode(code), [code.number()]);
        }
    }
}
