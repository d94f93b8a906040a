//! Contract `root_sync`: what root chain and TLD chain tell each other, and what either believes of the other (P 0068,
//! P 0070).
//!
//! The same code runs on both sides. Each side keeps an outbox of numbered messages for each peer chain; anyone may carry
//! them over, and nobody is believed: a delivery brings a certified header of the peer chain and a state proof for each
//! message.
//!
//! ```text
//!  domain_records --changed--> outbox of the root   ==delivery==>  root_sync of the TLD --apply_root--> registrations
//!  registrations  --changed--> outbox of the TLD    ==delivery==>  root_sync of the root --apply_synced--> domain_records
//!                                                   <==answer====  (applied, held or refused)
//! ```
//!
//! The root is authoritative. A message to the root names its `basis`, the last change of the root that the TLD chain
//! had received when it wrote the message; the root refuses it when it has told the TLD of a later one. What the root
//! applied for the TLD is answered and not told again.
//!
//! Deliveries and what becomes of them are in [`delivery`].

pub mod delivery;
mod notice;

use crate::{
    call::calls,
    describe::values,
    domain_records::{Delegation, HostEntry},
};
use althing_types::{
    authority::AuthorityList,
    codec::{Bytes, List, Text},
    hash::Hash,
    id::{ChainId, Height, OrganisationId},
    name::DomainName,
    wire::{FieldSchema, Schema, VariantSchema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use delivery::{MAX_DELIVERY, RefusalCode};
pub use notice::{
    Answered, Delivered, DeliveryRefused, HeldDecided, ListFollowed, PeerDistrusted, PeerForked, PeerTrusted,
    PolicySet, Queued, SyncError,
};
use serde::{Deserialize, Serialize};

/// The contract's id.
pub const ID: &str = "root_sync";
/// Version of its state schema.
pub const STATE_VERSION: u32 = 1;
/// Most peers that the genesis names; later ones come by a vote.
pub const MAX_SEEDS: usize = 64;
/// Most hosts of an image: as many as a delegation has name servers.
pub const MAX_IMAGE_HOSTS: usize = 32;
/// Most base URLs of a bootstrap entry.
pub const MAX_URLS: usize = 8;
/// Longest base URL in bytes.
pub const MAX_URL: usize = 512;
/// Longest canonical form of a message in bytes, so that it fits into a transaction with its proof and a certificate
/// of 128 signatures.
pub const MAX_MESSAGE: usize = 16 * 1024;
/// Most messages to a peer that it has not acknowledged.
pub const MAX_OUTBOX: u64 = 128;
/// From this number on only answers are appended; the last image waits for a place.
pub const MAX_CHANGES: u64 = 64;
/// Refusals of one peer that are kept; events tell of all.
pub const MAX_REFUSALS: u64 = 64;
/// Longest reason in bytes.
pub const MAX_REASON: usize = 256;
/// Most entries of one page of a view.
pub const MAX_PAGE: usize = 32;

/// Which kind of chain a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Side {
    /// The peer is the root chain; this is a TLD chain.
    Root = 0,
    /// The peer is the chain of a TLD; this is the root chain.
    Tld = 1,
}

impl Wire for Side {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Side",
        variants: &[VariantSchema { name: "Root", fields: &[] }, VariantSchema { name: "Tld", fields: &[] }],
    };
}

/// What becomes of a proven change of a TLD chain on the root chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Policy {
    /// It is applied at once.
    #[default]
    Automatic = 0,
    /// It waits for a vote that releases or rejects it.
    Held = 1,
}

impl Wire for Policy {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Policy",
        variants: &[VariantSchema { name: "Automatic", fields: &[] }, VariantSchema { name: "Held", fields: &[] }],
    };
}

/// Whether a peer is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum PeerStatus {
    /// It is.
    Trusted = 0,
    /// Its authorities certified two headers of one height: nothing of it is believed until a vote trusts it anew.
    Forked = 1,
    /// A vote ended the trust.
    Distrusted = 2,
}

impl Wire for PeerStatus {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "PeerStatus",
        variants: &[
            VariantSchema { name: "Trusted", fields: &[] },
            VariantSchema { name: "Forked", fields: &[] },
            VariantSchema { name: "Distrusted", fields: &[] },
        ],
    };
}

/// How `domain_records.apply_synced` and `registrations.apply_root` end when they do not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// It is so from now on.
    Applied = 0,
    /// It waits for the consent of others.
    Held = 1,
}

impl Wire for Outcome {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Outcome",
        variants: &[VariantSchema { name: "Applied", fields: &[] }, VariantSchema { name: "Held", fields: &[] }],
    };
}

/// What became of a change at the chain that received it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was applied.
    Applied,
    /// It waits there: for a vote, or for the consent of others.
    Held,
    /// It was not applied.
    Refused {
        /// Number of the error of the contract that was to apply it, or one of [`refused`].
        code: u32,
        /// In words.
        reason: Text<MAX_REASON>,
    },
}

impl Wire for Verdict {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Verdict",
        variants: &[
            VariantSchema { name: "Applied", fields: &[] },
            VariantSchema { name: "Held", fields: &[] },
            VariantSchema {
                name: "Refused",
                fields: &[
                    FieldSchema { name: "code", kind: u32::SCHEMA },
                    FieldSchema { name: "reason", kind: <Text<MAX_REASON> as Wire>::SCHEMA },
                ],
            },
        ],
    };
}

/// Numbers of [`Verdict::Refused`] that `root_sync` gives itself. The numbers below 1000 are those of the contract that
/// was to apply the change.
pub mod refused {
    /// The root has told the TLD of a later change than the message was made on.
    pub const STALE_BASIS: u32 = 1001;
    /// The message is about another TLD than the peer's.
    pub const OTHER_TLD: u32 = 1002;
    /// A chain of this kind does not say such things.
    pub const NOT_ITS_TO_SAY: u32 = 1003;
    /// A later change of the same TLD came while this one was held.
    pub const SUPERSEDED: u32 = 1004;
    /// A vote rejected it.
    pub const REJECTED: u32 = 1005;
    /// This chain has no contract that applies it, or that contract broke down.
    pub const NOT_APPLIED: u32 = 1006;
}

values! {
    /// All that one chain tells the other of a TLD: its delegation from the root, and the addresses of its name servers.
    TldImage {
        /// The delegation; `None` when there is none.
        delegation: Option<Delegation>,
        /// Addresses of name servers that have some, each once.
        hosts: List<HostEntry, MAX_IMAGE_HOSTS>,
    }
    /// A peer as the genesis or a vote names it.
    PeerSeed {
        /// Its chain.
        chain: ChainId,
        /// The TLD that is spoken of.
        tld: DomainName,
        /// What it is.
        side: Side,
        /// The authority list that is trusted without proof.
        list: AuthorityList,
        /// First height that this list decides, as far as is trusted.
        since: Height,
    }
    /// Argument of the initialiser.
    Init {
        /// Peers that are trusted from the start.
        peers: List<PeerSeed, MAX_SEEDS>,
    }
    /// What is known of a peer, without its authority list.
    Peer {
        /// Its chain.
        chain: ChainId,
        /// The TLD that is spoken of.
        tld: DomainName,
        /// What it is.
        side: Side,
        /// Whether it is listened to.
        status: PeerStatus,
        /// What becomes of its changes.
        policy: Policy,
        /// Greatest height of a header that was accepted.
        seen: Height,
        /// Hash of that header; zeros before the first one.
        seen_block: Hash,
        /// Block time of that header in milliseconds since 1970.
        seen_ms: u64,
        /// Greatest height at which it was proven that there was no further message.
        checked: Height,
        /// Sequence number of the last message to it; 0 before the first one.
        sent: u64,
        /// Sequence number of the last message that it is known to have received.
        acknowledged: u64,
        /// Sequence number of the last [`Body::Changed`] to it.
        changed_sent: u64,
        /// Sequence number of the last [`Body::Changed`] from it.
        changed_received: u64,
        /// Its last answer.
        answer: Option<Answer>,
        /// Refused deliveries so far.
        refusals: u64,
    }
    /// The authority list that a peer's next header must be decided by.
    TrustedList {
        /// The list.
        list: AuthorityList,
        /// First height that it decides, as far as is known here.
        since: Height,
    }
    /// What became of one message.
    Answer {
        /// Its sequence number.
        of: u64,
        /// What became of it.
        verdict: Verdict,
    }
    /// One message of an outbox.
    Message {
        /// From 1, without gaps for each peer.
        sequence: u64,
        /// Height at which it was appended.
        height: Height,
        /// The TLD that it is about.
        tld: DomainName,
        /// Sequence number of the last message that the sender had received.
        received: u64,
        /// Sequence number of the last [`Body::Changed`] that the sender had received.
        basis: u64,
        /// What it says.
        body: Body,
    }
    /// A change that waits for a vote.
    HeldChange {
        /// The peer.
        peer: ChainId,
        /// When it was taken in.
        height: Height,
        /// The message; its body is a [`Body::Changed`].
        message: Message,
    }
    /// What a peer is still to be told when its outbox has room.
    Deferred {
        /// The last image.
        image: Option<TldImage>,
        /// The last bootstrap entry.
        bootstrap: Option<Urls>,
    }
    /// A delivery that was refused.
    RefusalRecord {
        /// How many were refused before, of this peer.
        number: u64,
        /// Why.
        code: RefusalCode,
        /// In words.
        reason: Text<MAX_REASON>,
        /// Who delivered it.
        by: OrganisationId,
        /// The height of the header in it; 0 when it could not be read.
        header: Height,
        /// At which height of this chain.
        height: Height,
        /// Block time of that.
        time_ms: u64,
    }
}

/// Base URLs of a bootstrap entry.
pub type Urls = List<Text<MAX_URL>, MAX_URLS>;
/// Result of the view `peers`.
pub type PeerPage = List<Peer, MAX_PAGE>;
/// Result of the view `outbox`.
pub type MessagePage = List<Message, MAX_PAGE>;
/// Result of the view `refusals`.
pub type RefusalPage = List<RefusalRecord, MAX_PAGE>;
/// Result of the view `held`.
pub type HeldPage = List<HeldChange, MAX_PAGE>;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The TLD is this from now on.
    Changed(TldImage),
    /// What became of a message.
    Answer(Answer),
    /// The TLD's bootstrap entry is this from now on. Only the root says so.
    Bootstrap(Urls),
}

impl Body {
    /// One word for it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Changed(_) => "changed",
            Self::Answer(_) => "answer",
            Self::Bootstrap(_) => "bootstrap",
        }
    }
}

impl Wire for Body {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Body",
        variants: &[
            VariantSchema { name: "Changed", fields: &[FieldSchema { name: "0", kind: TldImage::SCHEMA }] },
            VariantSchema { name: "Answer", fields: &[FieldSchema { name: "0", kind: Answer::SCHEMA }] },
            VariantSchema { name: "Bootstrap", fields: &[FieldSchema { name: "0", kind: Urls::SCHEMA }] },
        ],
    };
}

calls! { ID;
    /// Tells the peer of a TLD what the TLD is from now on; gives the number of the message, `None` when there is no
    /// such peer, or when it is told later (`Option<u64>`). Only contracts `domain_records` and `registrations`.
    Changed("changed", Call) {
        /// The TLD.
        tld: DomainName,
        /// What it is.
        image: TldImage,
    }
    /// Tells the chain of a TLD its bootstrap entry, as [`Changed`]. Only contract `bootstrap`.
    BootstrapChanged("bootstrap_changed", Call) {
        /// The TLD.
        tld: DomainName,
        /// Its base URLs.
        urls: Urls,
    }
    /// Brings headers and messages of a peer; gives [`delivery::Taken`]. Any member's key. Wrong input does not fail
    /// the call: it is refused and recorded.
    Deliver("deliver", Call) {
        /// The peer.
        peer: ChainId,
        /// Canonical bytes of [`delivery::Delivery`].
        delivery: Bytes<MAX_DELIVERY>,
    }
    /// Trusts a new peer, or a known one anew: after a recovery, a fork, or the end of trust. Role: governance.
    Trust("trust", Call) {
        /// The peer.
        peer: PeerSeed,
    }
    /// Ends the trust in a peer. Role: governance.
    Distrust("distrust", Call) {
        /// The peer.
        peer: ChainId,
    }
    /// Says what becomes of changes of a TLD chain. Role: governance.
    SetPolicy("set_policy", Call) {
        /// The peer.
        peer: ChainId,
        /// What becomes of them.
        policy: Policy,
    }
    /// Applies a held change; gives its [`Verdict`]. Role: governance.
    Release("release", Call) {
        /// The peer.
        peer: ChainId,
        /// The message's number.
        sequence: u64,
    }
    /// Drops a held change. Role: governance.
    Reject("reject", Call) {
        /// The peer.
        peer: ChainId,
        /// The message's number.
        sequence: u64,
        /// Why; the peer is told.
        reason: Text<MAX_REASON>,
    }
    /// View: `Option<Peer>`.
    ViewPeer("peer", Call) {
        /// Its chain.
        chain: ChainId,
    }
    /// View: the peer that is spoken to about a TLD, `Option<Peer>`.
    ViewPeerOf("peer_of", Call) {
        /// The TLD.
        tld: DomainName,
    }
    /// View: [`PeerPage`].
    ViewPeers("peers", Call) {
        /// The last chain of the page before.
        after: Option<ChainId>,
    }
    /// View: the trusted list of a peer, `Option<TrustedList>`.
    ViewTrusted("trusted", Call) {
        /// Its chain.
        chain: ChainId,
    }
    /// View: sequence number of the last message from a peer, `u64`.
    ViewReceived("received", Call) {
        /// Its chain.
        chain: ChainId,
    }
    /// View: messages to a peer in their order, [`MessagePage`].
    ViewOutbox("outbox", Call) {
        /// The peer.
        peer: ChainId,
        /// Sequence number of the last one of the page before; 0 for the first page.
        after: u64,
    }
    /// View: refused deliveries of a peer, the oldest kept one first, [`RefusalPage`]. Those of no peer stand under
    /// this chain's own id.
    ViewRefusals("refusals", Call) {
        /// The peer.
        peer: ChainId,
        /// Number of the last one of the page before.
        after: Option<u64>,
    }
    /// View: changes that wait for a vote, at most one of each peer, [`HeldPage`].
    ViewHeld("held", Call) {
        /// The last peer of the page before.
        after: Option<ChainId>,
    }
    /// View: what the root says of the TLD's bootstrap entry, `Option<Urls>`.
    ViewBootstrap("bootstrap", Call) {
        /// The TLD.
        tld: DomainName,
    }
}
