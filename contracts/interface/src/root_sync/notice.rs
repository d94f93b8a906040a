//! What contract `root_sync` refuses to do, and what it tells the world.

use super::{MAX_MESSAGE, MAX_OUTBOX, Policy, Verdict, delivery::RefusalCode};
use crate::describe::{errors, events};
use alloc::string::String;
use althing_types::{
    codec::Text,
    hash::Hash,
    id::{ChainId, Height, OrganisationId},
    name::DomainName,
};

errors! {
    /// Why a call of `root_sync` failed. Refused deliveries do not fail, see [`RefusalCode`]. Numbers never change
    /// their meaning.
    SyncError {
        /// The calling contract has no say in this.
        1 NotItsCall("'{method}' is not for {caller}") {
            /// The method.
            method: &'static str,
            /// Who called it.
            caller: String,
        }
        /// Deliveries come with a member's transaction, not through another contract.
        2 NotAMember("a delivery needs the key of a member organisation, and no contract between") {}
        /// No such peer.
        3 NoPeer("chain {chain} is no peer") {
            /// The chain.
            chain: ChainId,
        }
        /// A chain cannot be its own peer.
        4 OwnChain("chain {chain} is this one") {
            /// The chain.
            chain: ChainId,
        }
        /// A known peer keeps its TLD and its side.
        5 OtherPeer("peer {chain} stands for tld '{tld}'; it cannot become another kind of peer") {
            /// The chain.
            chain: ChainId,
            /// Its TLD.
            tld: DomainName,
        }
        /// The TLD has another peer.
        6 TldTaken("tld '{tld}' has peer {chain} already; distrust it first") {
            /// The TLD.
            tld: DomainName,
            /// Its peer.
            chain: ChainId,
        }
        /// The name is no TLD.
        7 NoTld("'{tld}' is no top-level domain") {
            /// The name.
            tld: DomainName,
        }
        /// The peer is distrusted already.
        8 Distrusted("peer {chain} is distrusted already") {
            /// The chain.
            chain: ChainId,
        }
        /// The root's changes are never held.
        9 RootIsNotHeld("peer {chain} is the root; its changes are always applied") {
            /// The chain.
            chain: ChainId,
        }
        /// No change of this number is held.
        10 NotHeld("message {sequence} of peer {chain} is not held") {
            /// The chain.
            chain: ChainId,
            /// The number.
            sequence: u64,
        }
        /// An image is too long for a message.
        11 TooLong("the message about '{tld}' would have {found} bytes; {MAX_MESSAGE} are the most") {
            /// The TLD.
            tld: DomainName,
            /// Bytes.
            found: u64,
        }
        /// The contract that was to apply a change could not be asked now. Nothing of the delivery was taken in; it can
        /// be tried again, with more fuel or fewer messages.
        12 NotNow("message {sequence} could not be applied now: {reason}") {
            /// The message.
            sequence: u64,
            /// What happened.
            reason: String,
        }
        /// The outbox has no room for the answer.
        13 Full("{unacknowledged} messages to peer {chain} are not acknowledged; {MAX_OUTBOX} are the most") {
            /// The chain.
            chain: ChainId,
            /// How many.
            unacknowledged: u64,
        }
    }
}

events! {
    /// A message to a peer was appended.
    Queued {
        /// The peer.
        peer: ChainId;
        /// Its number.
        sequence: u64,
        /// `changed`, `answer` or `bootstrap`.
        kind: Text<16>,
    }
    /// A proven message of a peer was taken in.
    Delivered {
        /// The peer.
        peer: ChainId;
        /// Its number.
        sequence: u64,
        /// `changed`, `answer` or `bootstrap`.
        kind: Text<16>,
        /// What became of it; of an answer: that it was taken note of.
        verdict: Verdict,
        /// Who delivered it.
        by: OrganisationId,
    }
    /// A delivery was refused.
    DeliveryRefused {
        /// The peer that it claimed to be of.
        peer: ChainId;
        /// Why.
        code: RefusalCode,
        /// Who delivered it.
        by: OrganisationId,
    }
    /// A peer's chain answered a message.
    Answered {
        /// The peer.
        peer: ChainId;
        /// The message's number.
        of: u64,
        /// What became of it there.
        verdict: Verdict,
    }
    /// The authority list of a peer changed.
    ListFollowed {
        /// The peer.
        peer: ChainId;
        /// First height of the new list.
        since: Height,
        /// Its hash.
        list: Hash,
    }
    /// A peer is trusted from now on, with this list.
    PeerTrusted {
        /// The peer.
        peer: ChainId;
        /// The TLD that is spoken of.
        tld: DomainName,
        /// First height of the list.
        since: Height,
        /// Hash of the list.
        list: Hash,
    }
    /// A peer is not trusted any more.
    PeerDistrusted {
        /// The peer.
        peer: ChainId;
    }
    /// The authorities of a peer certified two headers of one height. Nothing of it is believed from now on.
    PeerForked {
        /// The peer.
        peer: ChainId;
        /// The height.
        height: Height,
        /// The header accepted first.
        first: Hash,
        /// The other one.
        second: Hash,
    }
    /// What becomes of a peer's changes from now on.
    PolicySet {
        /// The peer.
        peer: ChainId;
        /// The policy.
        policy: Policy,
    }
    /// A change that was held was decided.
    HeldDecided {
        /// The peer.
        peer: ChainId;
        /// The message's number.
        sequence: u64,
        /// What became of it.
        verdict: Verdict,
    }
}
