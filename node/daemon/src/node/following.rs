//! Following the others: answers to peers that lag, and catching up when this node does.

use super::{Effect, Halt, Node, Question, RequestId, Timer, blocks::Body};
use crate::preverify;
use althing_network::{CertifiedBlock, Request, Response};
use althing_state::{Storage, StoreError};
use althing_sync::{Answer, Fault, Input, Output};
use althing_types::{
    block::{Block, certificate_hash},
    certificate::QuorumCertificate,
    codec::{self, List},
    crypto::{NodeId, Verified},
    id::Height,
    merkle,
    transaction::Transaction,
};
use std::{collections::VecDeque, sync::Arc};

/// Most bytes of blocks in one answer, so that it stays below the wire's limit with its certificates.
const ANSWER_BYTES: usize = 3 * 1024 * 1024;
/// Most blocks in one answer.
pub const ANSWER_BLOCKS: u32 = 64;

/// Final blocks from a height on: at most `count`, and no more than fit into one answer. None when the store does not
/// have the first one, because it began with a later checkpoint.
///
/// # Errors
/// [`StoreError`] when the store cannot answer.
pub fn blocks_from(
    store: &dyn Storage,
    from: Height,
    count: u32,
) -> Result<Vec<(Block, QuorumCertificate)>, StoreError> {
    let mut blocks = Vec::new();
    let (mut height, mut bytes) = (from.max(Height(1)), 0usize);
    while (blocks.len() as u64) < u64::from(count) {
        let block = store.block(height)?;
        let Some((block, certificate)) = block.zip(store.certificate(height)?) else { break };
        bytes = bytes.saturating_add(codec::encode(&block).len());
        if bytes > ANSWER_BYTES && !blocks.is_empty() {
            break;
        }
        blocks.push((block, certificate));
        height = height.next();
    }
    Ok(blocks)
}

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
        let blocks = blocks_from(&*self.store, from, count.min(ANSWER_BLOCKS))?;
        let blocks = blocks.into_iter().map(|(block, certificate)| CertifiedBlock { block, certificate }).collect();
        Ok(List::new(blocks).map_or(Response::Busy, Response::Blocks))
    }

    pub(super) fn on_peer_height(&mut self, now_ms: u64, from: NodeId, height: Height) -> Result<(), Halt> {
        self.follow(now_ms, Input::Status { peer: from, height })
    }

    pub(super) fn on_blocks(
        &mut self,
        now_ms: u64,
        request: RequestId,
        blocks: Option<Vec<CertifiedBlock>>,
    ) -> Result<(), Halt> {
        let answer = match blocks {
            Some(blocks) => Answer::Blocks {
                bytes: codec::encode(&blocks).len(),
                blocks: blocks.into_iter().map(|b| (b.block, b.certificate)).collect(),
            },
            None => Answer::Failed,
        };
        self.follow(now_ms, Input::Answered { request: request.0, answer })
    }

    pub(super) fn on_disconnected(&mut self, now_ms: u64, node: NodeId) -> Result<(), Halt> {
        self.follow(now_ms, Input::Disconnected { peer: node })
    }

    /// Looks at the clock for requests that got no answer.
    pub(super) fn tick_catchup(&mut self, now_ms: u64) -> Result<(), Halt> {
        self.follow(now_ms, Input::Tick)?;
        self.after_catchup(now_ms)
    }

    /// Gives the catch-up machine an input and carries out its outputs, those that follow from them included.
    fn follow(&mut self, now_ms: u64, input: Input) -> Result<(), Halt> {
        let mut outputs: VecDeque<Output> = self.catchup.step(now_ms, input).into();
        while let Some(output) = outputs.pop_front() {
            match output {
                Output::Request { id, peer, from, count } => {
                    let request = Request::Blocks { from, count };
                    self.effect(Effect::Request { to: peer, id: RequestId(id), request });
                }
                Output::Apply(blocks) => outputs.extend(self.apply(now_ms, blocks)?),
                Output::Penalise { peer, fault } => match fault {
                    // It may just be slow, or be restarting: the machine leaves it alone for a while.
                    Fault::NoAnswer | Fault::Empty => {}
                    Fault::Unasked | Fault::Invalid => {
                        let reason = format!("an answer to a request for blocks: {fault:?}");
                        self.effect(Effect::Penalise { node: peer, reason });
                    }
                },
            }
        }
        if let Some(at_ms) = self.catchup.deadline_ms() {
            self.timer(Timer::CatchUp, at_ms.saturating_sub(now_ms).max(1));
        }
        Ok(())
    }

    /// Checks and commits final blocks in order; returns what the machine asks for next.
    fn apply(&mut self, now_ms: u64, blocks: Vec<(Block, QuorumCertificate)>) -> Result<Vec<Output>, Halt> {
        let mut outputs = Vec::new();
        for (block, certificate) in blocks {
            let height = block.header.height;
            if height != self.next_height() {
                continue;
            }
            let checked = self.check_final(&block, &certificate);
            let Some(transactions) = checked else {
                outputs.extend(self.catchup.step(now_ms, Input::Rejected { height }));
                break;
            };
            if let Some(recovery) = block.recovery.as_ref().filter(|carried| self.check_carried(Some(carried)).is_err())
            {
                // The members went on without this node, or with another plan than the one that it heard of.
                self.adopt(recovery.clone());
            }
            let legal = self.execute_final(&Body::of(&block), &transactions)?;
            self.commit(now_ms, legal, certificate, true)?;
            self.try_waiting_recovery(now_ms)?;
            outputs.extend(self.catchup.step(now_ms, Input::Tip { height }));
        }
        self.after_catchup(now_ms)?;
        Ok(outputs)
    }

    /// Whether the certificate makes this very block final; then its transactions, their signatures checked.
    fn check_final(&self, block: &Block, certificate: &QuorumCertificate) -> Option<Vec<Arc<Verified<Transaction>>>> {
        let hash = block.header.hash();
        let same = certificate.block == hash && certificate.height == block.header.height;
        // Both are vouched for by the header alone: a peer may have put something else into their place.
        let root = merkle::root(&block.transaction_hashes()) == block.header.transactions_root;
        let previous = certificate_hash(block.previous.as_ref()) == block.header.previous_certificate;
        if !same || !root || !previous {
            return None;
        }
        let list = self.list_of_final(certificate, block.recovery.as_ref());
        let list =
            list.inspect_err(|error| tracing::warn!(height = block.header.height.0, error = error.text())).ok()?;
        if block.header.authorities != list.hash() || certificate.verify(&self.genesis.chain, &list).is_err() {
            return None;
        }
        // The header vouches for the transactions but not for their signatures: those are not part of their hashes.
        let checked = preverify::transactions(block.transactions.to_vec());
        checked.into_iter().map(|c| c.map(|c| c.transaction)).collect()
    }

    /// Another block is final by our own votes: the catch-up machine hears of it, and the next height is paced.
    pub(super) fn on_tip(&mut self, now_ms: u64) -> Result<(), Halt> {
        self.follow(now_ms, Input::Tip { height: self.tip.height })?;
        self.after_catchup(now_ms)
    }

    fn after_catchup(&mut self, now_ms: u64) -> Result<(), Halt> {
        // Blocks that are final elsewhere need no votes of ours. A peer that only claims to be ahead cannot keep this
        // node from voting: the machine gives up on it.
        if self.catchup.is_active() { Ok(()) } else { self.pace(now_ms) }
    }

    /// Greatest height that a peer said it has.
    pub fn highest_known(&self) -> Height {
        self.catchup.target()
    }

    /// Whether this node fetches blocks, because a peer is more than a block ahead.
    pub fn is_syncing(&self) -> bool {
        self.catchup.is_active() && self.catchup.target() > self.next_height()
    }
}
