//! What is fetched in bulk, in canonical bytes: chunks of checkpoints, and final blocks.
//!
//! Nothing here is proven by the answer itself: a chunk is checked under a verified header
//! ([`Chunk::verify_at`](althing_types::checkpoint::Chunk::verify_at)), blocks by who replays them.

use crate::{client::Client, error::ClientError};
use althing_api::{
    checkpoint::{CheckpointDocument, CheckpointList},
    path,
};
use althing_types::{
    block::Block,
    certificate::QuorumCertificate,
    checkpoint::{Chunk, MAX_CHUNK},
    codec::{self, List},
    hash::Hash,
    id::Height,
};

/// Most blocks of one answer.
pub const MAX_CHAIN_PAGE: usize = 64;
/// Longest page of blocks in bytes: one block may be as long as blocks can be.
const MAX_PAGE: usize = 32 * 1024 * 1024;

impl Client {
    /// Checkpoints that the node offers, the newest first.
    ///
    /// # Errors
    /// [`ClientError`] when the node does not answer.
    pub async fn checkpoints(&self) -> Result<Vec<CheckpointDocument>, ClientError> {
        let list: CheckpointList = self.get(path::CHECKPOINTS.into()).await?;
        Ok(list.checkpoints)
    }

    /// The chunk of a checkpoint that holds a place of the tree, unchecked, and its bytes.
    ///
    /// # Errors
    /// [`ClientError::Answer`] when the bytes are no chunk.
    pub async fn chunk(&self, height: Height, place: &Hash) -> Result<(Chunk, Vec<u8>), ClientError> {
        let target = path::fill(&path::fill(path::CHECKPOINT_CHUNK, &height), place);
        let bytes = self.binary(target).await?;
        let chunk = codec::decode("chunk", &bytes, MAX_CHUNK)
            .map_err(|error| ClientError::Answer { url: self.url().into(), reason: error.to_string() })?;
        Ok((chunk, bytes))
    }

    /// Final blocks with certificates from a height on, unchecked: at least one.
    ///
    /// # Errors
    /// [`ClientError::Answer`] when the bytes are no blocks.
    pub async fn chain(&self, from: Height) -> Result<Vec<(Block, QuorumCertificate)>, ClientError> {
        let bytes = self.binary(path::fill(path::CHAIN, &from)).await?;
        let unexpected = |reason: String| ClientError::Answer { url: self.url().into(), reason };
        let blocks: List<(Block, QuorumCertificate), MAX_CHAIN_PAGE> =
            codec::decode("blocks", &bytes, MAX_PAGE).map_err(|error| unexpected(error.to_string()))?;
        if blocks.is_empty() || blocks.iter().zip(from.0..).any(|((block, _), height)| block.header.height.0 != height)
        {
            return Err(unexpected(format!("other blocks than those from {from} on")));
        }
        Ok(blocks.into_vec())
    }
}
