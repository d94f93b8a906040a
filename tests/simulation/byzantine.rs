//! Dishonest authorities: one vice per node. The engine inside is the real one; the vice is in what leaves the node.

use crate::{
    node::{Law, To},
    random::{Random, mix},
    setup::Setup,
};
use althing_consensus::{Input, Output};
use althing_types::{
    crypto::{SecretKey, Signed},
    hash::Hash,
    id::{Height, Round},
    vote::{SignedProposal, SignedVote},
};

/// How an authority misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Vice {
    /// Says nothing, also as primary.
    Silent,
    /// As primary, proposes two blocks to two halves and votes for both.
    TwoProposals,
    /// Votes for a block towards some and for none, or another, towards others.
    DoubleVoter,
    /// Runs twice with one key; each half of the network hears another twin.
    Twins,
    /// Forgets everything of the height in progress when it loses power.
    Amnesiac,
}

impl Vice {
    pub(crate) fn draw(random: &mut Random) -> Self {
        match random.below(6) {
            0 => Self::Silent,
            1 | 2 => Self::TwoProposals,
            3 => Self::DoubleVoter,
            4 => Self::Twins,
            _ => Self::Amnesiac,
        }
    }
}

/// A message with those who are to get it.
pub(crate) type Parcel<T> = (To, Signed<T>);

/// Which nodes hear the one story at this place; the others hear the other.
pub(crate) fn half(index: usize, height: Height, round: Round) -> u64 {
    mix(index as u64 ^ height.0 << 20 ^ u64::from(round.0) << 8)
}

/// What becomes of a proposal of a dishonest primary.
pub(crate) fn proposals(
    vice: Vice,
    setup: &mut Setup,
    index: usize,
    signed: SignedProposal,
) -> Vec<Parcel<althing_types::vote::Proposal>> {
    match vice {
        Vice::Silent => Vec::new(),
        Vice::TwoProposals => {
            let (height, round) = (signed.value.height, signed.value.round);
            let side = half(index, height, round);
            let mut other = signed.value.clone();
            other.block = other_block(setup, index, height, round);
            other.valid_round = None;
            vec![(To::Mask(side), signed), (To::Mask(!side), Signed::sign(other, &setup.keys[index]))]
        }
        Vice::DoubleVoter | Vice::Twins | Vice::Amnesiac => vec![(To::All, signed)],
    }
}

/// What becomes of a vote of a dishonest authority.
pub(crate) fn votes(
    vice: Vice,
    setup: &mut Setup,
    index: usize,
    signed: SignedVote,
    seen: Option<Hash>,
) -> Vec<Parcel<althing_types::vote::Vote>> {
    let (height, round) = (signed.value.height, signed.value.round);
    let own = signed.value.voter == setup.ids[index];
    let other = match vice {
        Vice::Silent => return Vec::new(),
        Vice::TwoProposals
            if own && setup.list(height).primary(height, round) == setup.ids[index] && signed.value.block.is_some() =>
        {
            Some(other_block(setup, index, height, round))
        }
        Vice::DoubleVoter if own => {
            if signed.value.block.is_some() {
                None
            } else {
                seen
            }
        }
        _ => return vec![(To::All, signed)],
    };
    let key: &SecretKey = &setup.keys[index];
    let side = half(index, height, round);
    let mut second = signed.value.clone();
    second.block = other;
    vec![(To::Mask(side), signed), (To::Mask(!side), Signed::sign(second, key))]
}

/// The second block of a primary with two; at every other place it is invalid.
fn other_block(setup: &mut Setup, index: usize, height: Height, round: Round) -> Hash {
    let valid = half(index, height, round) >> 63 == 0;
    setup.build(height, round, u64::MAX ^ index as u64, valid)
}

/// Twins do not hear each other: a message of their own key would make the real engine fall silent.
pub(crate) fn hears(vice: Option<Vice>, me: althing_types::crypto::NodeId, input: &Input) -> bool {
    let from = match input {
        Input::Vote(vote) => vote.voter,
        Input::Proposal(proposal) => proposal.proposer,
        _ => return true,
    };
    from != me || !matches!(vice, Some(Vice::Twins | Vice::TwoProposals | Vice::DoubleVoter))
}

/// Whether an output matters for a twin that commits nothing.
pub(crate) const fn matters_to_twin(output: &Output) -> bool {
    !matches!(output, Output::Log(_) | Output::Sync | Output::Decide { .. } | Output::Fault(_) | Output::Evidence(_))
}
