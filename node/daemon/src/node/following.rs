//! Following the others: answers to peers that lag, and catching up when this node does.

use super::{Effect, Halt, Node, Question, RequestId};
use althing_network::{CertifiedBlock, Request, Response};
use althing_state::Storage;
use althing_types::{
    codec::{self, List},
    crypto::NodeId,
    id::Height,
};

/// Most bytes of blocks in one answer, so that it stays below the wire's limit with its certificates.
const ANSWER_BYTES: usize = 3 * 1024 * 1024;
/// Most blocks in one answer.
const ANSWER_BLOCKS: u32 = 64;

impl<S: Storage> Node<S> {
    pub(super) fn on_request(&mut self, _from: NodeId, question: Question, request: Request) -> Result<(), Halt> {
        let response = match request {
            Request::Blocks { from, count } => self.blocks_from(from, count)?,
            other => self.answer_proposed(&other),
        };
        self.effect(Effect::Respond { question, response });
        Ok(())
    }

    fn blocks_from(&self, from: Height, count: u32) -> Result<Response, Halt> {
        let mut blocks = Vec::new();
        let (mut height, mut bytes) = (from.max(Height(1)), 0usize);
        while height <= self.tip.height && (blocks.len() as u64) < u64::from(count.min(ANSWER_BLOCKS)) {
            let block = self.store.block(height)?;
            let Some((block, certificate)) = block.zip(self.store.certificate(height)?) else { break };
            bytes = bytes.saturating_add(codec::encode(&block).len());
            if bytes > ANSWER_BYTES && !blocks.is_empty() {
                break;
            }
            blocks.push(CertifiedBlock { block, certificate });
            height = height.next();
        }
        Ok(List::new(blocks).map_or(Response::Busy, Response::Blocks))
    }

    pub(super) fn on_peer_height(&mut self, _now_ms: u64, _from: NodeId, _height: Height) -> Result<(), Halt> {
        Ok(())
    }
    pub(super) fn on_blocks(
        &mut self,
        _now_ms: u64,
        _from: NodeId,
        _request: RequestId,
        _blocks: Option<Vec<CertifiedBlock>>,
    ) -> Result<(), Halt> {
        Ok(())
    }
    pub(super) fn on_disconnected(&mut self, _now_ms: u64, _node: NodeId) -> Result<(), Halt> {
        Ok(())
    }
    pub(super) fn tick_catchup(&mut self, _now_ms: u64) -> Result<(), Halt> {
        Ok(())
    }
    pub(super) fn catch_up(&mut self, _now_ms: u64) -> Result<(), Halt> {
        Ok(())
    }
    /// Another block is final: what was waiting for it goes on.
    pub(super) fn on_tip(&mut self, now_ms: u64) -> Result<(), Halt> {
        self.pace(now_ms)
    }
    /// Greatest height that a peer said it has.
    pub fn highest_known(&self) -> Height {
        self.tip.height
    }
    /// Whether blocks are being fetched.
    pub const fn is_syncing(&self) -> bool {
        false
    }
}
