//! Quorum certificates: the precommits that made a block final.

use crate::{
    authority::{AuthorityList, MAX_AUTHORITIES},
    codec::List,
    crypto::{NodeId, PublicKey, Signature},
    hash::{Hash, Tag, preimage_of},
    id::{ChainId, Height, Round},
    vote::{Vote, VoteKind},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// One authority's precommit inside a certificate.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct CertificateSignature {
    /// Who signed.
    pub voter: NodeId,
    /// Over the [`Vote`] that the certificate describes.
    pub signature: Signature,
}

/// Proof that more than the threshold of the authorities precommitted a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct QuorumCertificate {
    /// The chain.
    pub chain: ChainId,
    /// The decided height.
    pub height: Height,
    /// The round in which it was decided.
    pub round: Round,
    /// Hash of the block's header.
    pub block: Hash,
    /// Precommits, strictly ascending by voter.
    pub signatures: List<CertificateSignature, MAX_AUTHORITIES>,
}

/// Why a certificate proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Not of the chain that was asked for.
    #[error("certificate is of chain {found}, not {expected}")]
    Chain {
        /// The certificate's.
        found: ChainId,
        /// The one asked for.
        expected: ChainId,
    },
    /// A voter twice, or out of order.
    #[error("voter {voter} is not in strictly ascending order")]
    Order {
        /// The voter.
        voter: NodeId,
    },
    /// A voter that is no authority of the height.
    #[error("voter {voter} is no authority of height {height}")]
    Stranger {
        /// The voter.
        voter: NodeId,
        /// The height.
        height: Height,
    },
    /// A signature that does not verify.
    #[error("signature of {voter} does not verify")]
    Signature {
        /// The voter.
        voter: NodeId,
    },
    /// Too few signatures.
    #[error("{found} signatures of {needed} needed")]
    TooFew {
        /// Signatures given.
        found: usize,
        /// Signatures needed.
        needed: usize,
    },
}

impl QuorumCertificate {
    /// The vote that `voter` must have signed.
    pub fn vote_of(&self, voter: NodeId) -> Vote {
        Vote {
            chain: self.chain.clone(),
            height: self.height,
            round: self.round,
            kind: VoteKind::Precommit,
            block: Some(self.block),
            voter,
        }
    }

    /// Checks the certificate against the authority list of its height.
    ///
    /// # Errors
    /// [`CertificateError`] for the first thing that is wrong.
    #[cfg(feature = "crypto")]
    pub fn verify(&self, chain: &ChainId, authorities: &AuthorityList) -> Result<(), CertificateError> {
        self.check(chain, authorities, |key, message, signature| {
            crate::crypto::verify(key, &crate::hash::sha3_256(message).0, signature).is_ok()
        })
    }

    /// As `verify`, with another's cryptography: `is_good` gets a key, a message and a signature, and says whether the
    /// signature is good of the SHA3-256 hash of the message. It is asked last, and only as long as all were good.
    ///
    /// # Errors
    /// [`CertificateError`] for the first thing that is wrong.
    pub fn check(
        &self,
        chain: &ChainId,
        authorities: &AuthorityList,
        mut is_good: impl FnMut(&PublicKey, &[u8], &Signature) -> bool,
    ) -> Result<(), CertificateError> {
        if self.chain != *chain {
            return Err(CertificateError::Chain { found: self.chain.clone(), expected: chain.clone() });
        }
        let mut last: Option<NodeId> = None;
        for entry in self.signatures.iter() {
            let voter = entry.voter;
            if last.is_some_and(|before| before >= voter) {
                return Err(CertificateError::Order { voter });
            }
            last = Some(voter);
            if authorities.position(&voter).is_none() {
                return Err(CertificateError::Stranger { voter, height: self.height });
            }
        }
        let (found, needed) = (self.signatures.len(), authorities.quorum());
        if found < needed {
            return Err(CertificateError::TooFew { found, needed });
        }
        for entry in self.signatures.iter() {
            let voter = entry.voter;
            if !is_good(&voter.key(), &preimage_of(Tag::Vote, &self.vote_of(voter)), &entry.signature) {
                return Err(CertificateError::Signature { voter });
            }
        }
        Ok(())
    }
}
