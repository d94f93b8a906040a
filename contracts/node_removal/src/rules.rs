//! Checks of `node_removal` that need no storage: what two messages prove.

use crate::Refusal;
use althing_interface::node_removal::{Offence, RemovalError};
use althing_sdk::{
    prelude::*,
    types::{
        codec::encode,
        crypto::{NodeId, Signature},
        hash::Tag,
        id::{ChainId, Round},
        vote::{Evidence, VoteKind},
        wire::borsh::{BorshDeserialize, BorshSerialize},
    },
};

/// An offence, if the signatures are good.
pub(crate) struct Found {
    pub(crate) node: NodeId,
    pub(crate) height: Height,
    pub(crate) round: Round,
    pub(crate) offence: Offence,
    /// Signatures, each with the bytes whose hash was signed.
    pub(crate) signed: [(Signature, Vec<u8>); 2],
}

/// Reads evidence of this chain. Signatures are not checked here.
pub(crate) fn offence(chain: &str, evidence: &[u8]) -> Result<Found, Refusal> {
    let Ok(evidence) = Evidence::try_from_slice(evidence) else {
        return Err(RemovalError::BadEvidence { rule: "the bytes are no canonical form" }.into());
    };
    let Some(node) = evidence.offender() else { return Err(RemovalError::NoConflict {}.into()) };
    let of_chain = |found: &ChainId| {
        ensure!(found.as_str() == chain, RemovalError::OtherChain { chain: found.as_str().to_owned() });
        Ok::<(), Refusal>(())
    };
    match &evidence {
        Evidence::Votes(a, b) => {
            of_chain(&a.value.chain)?;
            let offence = match a.value.kind {
                VoteKind::Prevote => Offence::Prevote,
                VoteKind::Precommit => Offence::Precommit,
            };
            let signed = [(a.signature, tagged(Tag::Vote, &a.value)), (b.signature, tagged(Tag::Vote, &b.value))];
            Ok(Found { node, height: a.value.height, round: a.value.round, offence, signed })
        }
        Evidence::Proposals(a, b) => {
            of_chain(&a.value.chain)?;
            let signed =
                [(a.signature, tagged(Tag::Proposal, &a.value)), (b.signature, tagged(Tag::Proposal, &b.value))];
            Ok(Found { node, height: a.value.height, round: a.value.round, offence: Offence::Proposal, signed })
        }
    }
}

/// What is hashed and signed of a message: length of the tag, the tag, the message's canonical bytes.
fn tagged(tag: Tag, value: &impl BorshSerialize) -> Vec<u8> {
    let text = tag.text().as_bytes();
    let mut out = Vec::with_capacity(256);
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text);
    out.extend_from_slice(&encode(value));
    out
}
