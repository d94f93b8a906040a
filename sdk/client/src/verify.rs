//! Answers that follow from the pinned genesis hash.

use crate::{client::Client, error::ClientError};
use althing_types::{block::Header, certificate::QuorumCertificate, genesis::Genesis, hash::Hash, id::Height};

/// A header whose certificate was checked against the authority list that follows from the genesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedHeader {
    header: Header,
    certificate: QuorumCertificate,
}

impl VerifiedHeader {
    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }
    /// The certificate that was checked.
    pub const fn certificate(&self) -> &QuorumCertificate {
        &self.certificate
    }
    /// Its height.
    pub const fn height(&self) -> Height {
        self.header.height
    }
}

/// A state entry, or its absence, that was proven under a verified header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedValue {
    /// The header.
    pub header: VerifiedHeader,
    /// The key.
    pub key: Vec<u8>,
    /// The value; `None`: proven to be absent.
    pub value: Option<Vec<u8>>,
}

/// Entries under a prefix, each proven under one verified header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedScan {
    /// The header.
    pub header: VerifiedHeader,
    /// Key and value in ascending key order.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether the node's list of keys stood still while it was read. The proofs show that no entry is forged; that
    /// the node left no key out cannot be proven by this tree.
    pub stable: bool,
}

/// Checks a node's answers. Cheap to clone; clones share what was verified.
#[derive(Clone, Debug)]
pub struct Verifier {}

#[expect(unused_variables, clippy::unused_async, reason = "signatures first")]
impl Verifier {
    /// Starts from a genesis document that is trusted as it is (for example from the network's own folder).
    ///
    /// # Errors
    /// [`crate::VerifyError::GenesisRule`].
    pub fn new(client: Client, genesis: Genesis) -> Result<Self, ClientError> {
        Ok(Self {})
    }
    /// Fetches the genesis document and compares it with the pinned hash.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn from_pinned(client: Client, genesis_hash: Hash) -> Result<Self, ClientError> {
        Ok(Self {})
    }
    /// The node's latest header.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn latest(&self) -> Result<VerifiedHeader, ClientError> {
        Err(crate::VerifyError::NoBlock.into())
    }
    /// The header of a height.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn header(&self, height: Height) -> Result<VerifiedHeader, ClientError> {
        Err(crate::VerifyError::NoBlock.into())
    }
    /// One state entry at the tip, or at a height.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn verified_state(&self, key: &[u8], height: Option<Height>) -> Result<VerifiedValue, ClientError> {
        Err(crate::VerifyError::NoBlock.into())
    }
    /// Many state entries (any number), all at one height, in the order of `keys`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn verified_batch(
        &self,
        keys: &[Vec<u8>],
        height: Option<Height>,
    ) -> Result<(VerifiedHeader, Vec<Option<Vec<u8>>>), ClientError> {
        Err(crate::VerifyError::NoBlock.into())
    }
    /// All entries under a prefix, all at one height near the tip.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn verified_scan(&self, prefix: &[u8]) -> Result<VerifiedScan, ClientError> {
        Err(crate::VerifyError::NoBlock.into())
    }
}
