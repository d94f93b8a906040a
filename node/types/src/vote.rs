//! What authorities sign: proposals, prevotes and precommits, and the evidence of signing two of them.
//!
//! Every signed message binds chain, height, round and kind, so that none can be replayed in another place.

use crate::{
    crypto::{NodeId, PublicKey, Signable, Signed},
    hash::{Hash, Tag, hash_of},
    id::{ChainId, Height, Round},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Which of the two votes of a round.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum VoteKind {
    /// First vote; PBFT's prepare.
    Prevote = 0,
    /// Second vote; PBFT's commit.
    Precommit = 1,
}

/// A vote of an authority.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Vote {
    /// The chain.
    pub chain: ChainId,
    /// The height to decide.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// Which vote.
    pub kind: VoteKind,
    /// Hash of the block's header; `None` votes for no block.
    pub block: Option<Hash>,
    /// Who votes.
    pub voter: NodeId,
}

impl Signable for Vote {
    fn signing_hash(&self) -> Hash {
        hash_of(Tag::Vote, self)
    }
    fn signer(&self) -> PublicKey {
        self.voter.key()
    }
}

/// A vote with its signature.
pub type SignedVote = Signed<Vote>;

/// A primary's proposal of a block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Proposal {
    /// The chain.
    pub chain: ChainId,
    /// The height to decide.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// Hash of the block's header.
    pub block: Hash,
    /// The earlier round in which a quorum prevoted this block, for a re-proposal.
    pub valid_round: Option<Round>,
    /// The primary.
    pub proposer: NodeId,
}

impl Signable for Proposal {
    fn signing_hash(&self) -> Hash {
        hash_of(Tag::Proposal, self)
    }
    fn signer(&self) -> PublicKey {
        self.proposer.key()
    }
}

/// A proposal with its signature.
pub type SignedProposal = Signed<Proposal>;

/// Proof that an authority signed two things of which a correct one signs only one.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Two different votes of one kind in one round.
    Votes(SignedVote, SignedVote),
    /// Two different proposals in one round.
    Proposals(SignedProposal, SignedProposal),
}

impl Evidence {
    /// Who is to blame, when the two messages really conflict. Signatures are not checked here.
    pub fn offender(&self) -> Option<NodeId> {
        match self {
            Self::Votes(a, b) => {
                let (a, b) = (&a.value, &b.value);
                let same = a.chain == b.chain && a.height == b.height && a.round == b.round && a.kind == b.kind;
                (same && a.voter == b.voter && a.block != b.block).then_some(a.voter)
            }
            Self::Proposals(a, b) => {
                let (a, b) = (&a.value, &b.value);
                let same = a.chain == b.chain && a.height == b.height && a.round == b.round;
                (same && a.proposer == b.proposer && a != b).then_some(a.proposer)
            }
        }
    }
}
