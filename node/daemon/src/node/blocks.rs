//! Building blocks, and bringing proposed ones from hashes to an executed outcome.

use super::{Checked, Effect, Halt, Node, Timer, log::LogRecord, proposed::Legal};
use althing_consensus::Input;
use althing_execution::{BlockContext, Execution};
use althing_mempool::Selection;
use althing_network::{Request, Response};
use althing_state::Storage;
use althing_types::{
    block::{Block, CompactBlock, HEADER_VERSION, Header, certificate_hash},
    certificate::QuorumCertificate,
    codec::List,
    crypto::{NodeId, Verified},
    hash::Hash,
    id::{Height, Round},
    recovery::ProvenRecovery,
    transaction::Transaction,
};
use std::sync::Arc;

/// How long to wait for missing transactions before another peer is asked, in milliseconds.
const FETCH_RETRY_MS: u64 = 250;

/// Why a proposed block is not executed, or not voted for.
enum Check {
    Legal(Box<Legal>),
    Illegal(String),
}

/// A block without its transactions.
pub(super) struct Body<'a> {
    header: &'a Header,
    previous: Option<&'a QuorumCertificate>,
    recovery: Option<&'a ProvenRecovery>,
}

impl<'a> Body<'a> {
    pub(super) fn of(block: &'a Block) -> Self {
        Self { header: &block.header, previous: block.previous.as_ref(), recovery: block.recovery.as_ref() }
    }
    fn of_compact(block: &'a CompactBlock) -> Self {
        Self { header: &block.header, previous: block.previous.as_ref(), recovery: block.recovery.as_ref() }
    }
}

impl<S: Storage> Node<S> {
    fn parent_time_ms(&self) -> u64 {
        self.tip.header.as_ref().map_or(self.genesis.timestamp_ms, |h| h.timestamp_ms)
    }

    /// Packs a block as primary and hands it to the core.
    pub(super) fn build(&mut self, now_ms: u64, height: Height, round: Round) -> Result<(), Halt> {
        self.building = None;
        if self.working != Some(height) || height != self.next_height() {
            return Ok(());
        }
        let limits = &self.parameters;
        let candidates = self.pool().select(Selection {
            count: limits.max_block_transactions as usize,
            bytes: limits.max_block_bytes as usize,
            // The block's fuel is limited by what is used, not by what was reserved: execution stops in time.
            fuel: u64::MAX,
        });
        let timestamp_ms = now_ms.max(self.parent_time_ms().saturating_add(1));
        let context = BlockContext {
            height,
            timestamp_ms,
            packer: self.me,
            previous: self.certificate.clone(),
            recovered: self.plan().cloned(),
        };
        let enough = self.pace.of(round, limits.max_block_fuel);
        let probe = Arc::clone(&self.probe);
        let execution = {
            let view = self.store.view();
            probe.time("execute", || self.executor.propose(&*view, &context, &candidates, enough))?
        };
        let staged = probe.time("tree", || self.store.stage(height, &execution.writes))?;
        let header = Header {
            version: HEADER_VERSION,
            chain: self.genesis.chain.clone(),
            height,
            previous: self.tip.block,
            packer: self.me,
            transactions_root: execution.transactions_root(),
            state_root: staged.root,
            receipts_root: execution.receipts_root(),
            authorities: self.authorities.hash(),
            next_authorities: execution.next_authorities.hash(),
            timestamp_ms: context.timestamp_ms,
            instruction: execution.instruction,
            previous_certificate: certificate_hash(context.previous.as_ref()),
        };
        let recovery = self.recovery.clone();
        let block = assemble(header, context.previous, recovery, &execution.transactions)?;
        self.mark_abnormal(&execution.abnormal)?;
        for mark in &execution.abnormal {
            self.pool().remove(&mark.transaction);
        }
        let hash = block.header.hash();
        let compact = compact(&block, &execution)?;
        self.proposed.learn(hash, compact, self.me);
        self.keep_legal(hash, Legal { block, execution, staged })?;
        self.step(now_ms, Input::Built { height, round, block: hash })
    }

    /// Logs a legal block and keeps it; the log is made durable before any vote for it is sent.
    fn keep_legal(&mut self, hash: Hash, legal: Legal) -> Result<(), Halt> {
        let record = LogRecord::Block(legal.block);
        self.store.log_append(&record.encode())?;
        let LogRecord::Block(block) = record else { return Ok(()) };
        self.proposed.put_legal(hash, Legal { block, ..legal });
        Ok(())
    }

    /// The core wants to know whether a block is legal.
    pub(super) fn need_block(
        &mut self,
        now_ms: u64,
        height: Height,
        round: Round,
        hash: Hash,
        proposer: NodeId,
    ) -> Result<(), Halt> {
        if self.working != Some(height) {
            return Ok(());
        }
        self.needed.retain(|need| need.0 == height);
        if !self.needed.contains(&(height, round, hash)) {
            self.needed.push((height, round, hash));
        }
        self.proposed.want(hash);
        if self.proposed.compact(&hash).is_none() && proposer != self.me {
            let id = self.new_request();
            self.effect(Effect::Request { to: proposer, id, request: Request::CompactBlock { block: hash } });
            self.timer(Timer::Fetch, FETCH_RETRY_MS);
            return Ok(());
        }
        self.try_wanted(now_ms)
    }

    /// Executes every wanted block that has all its transactions, and answers the core.
    pub(super) fn try_wanted(&mut self, now_ms: u64) -> Result<(), Halt> {
        let mut missing = false;
        for hash in self.proposed.wanted() {
            if self.proposed.legal(&hash).is_none() && !self.proposed.is_illegal(&hash) {
                let Some((compact, _)) = self.proposed.compact(&hash) else { continue };
                let compact = compact.clone();
                let Ok(transactions) = self.resolve(&compact) else {
                    missing = true;
                    continue;
                };
                let late = compact.header.timestamp_ms > now_ms.saturating_add(self.parameters.clock_drift_ms);
                if late {
                    tracing::warn!(block = ?hash, "a proposed block's time is too far ahead of our clock");
                    self.answer(now_ms, hash, false)?;
                    continue;
                }
                match self.execute(&Body::of_compact(&compact), &transactions)? {
                    Check::Legal(legal) => self.keep_legal(hash, *legal)?,
                    Check::Illegal(reason) => {
                        tracing::warn!(block = ?hash, packer = %compact.header.packer, reason, "illegal block");
                        self.proposed.put_illegal(hash);
                    }
                }
            }
            let valid = self.proposed.legal(&hash).is_some();
            self.answer(now_ms, hash, valid)?;
        }
        if missing { self.fetch_missing(now_ms) } else { Ok(()) }
    }

    fn answer(&mut self, now_ms: u64, block: Hash, valid: bool) -> Result<(), Halt> {
        let needs: Vec<_> = self.needed.iter().copied().filter(|need| need.2 == block).collect();
        self.needed.retain(|need| need.2 != block);
        for (height, round, block) in needs {
            self.step(now_ms, Input::BlockReady { height, round, block, valid })?;
        }
        Ok(())
    }

    /// The transactions of a block in order; `Err` lists those that this node does not hold.
    fn resolve(&self, compact: &CompactBlock) -> Result<Vec<Arc<Verified<Transaction>>>, Vec<Hash>> {
        let pool = self.pool();
        let mut found = Vec::with_capacity(compact.transactions.len());
        let mut missing = Vec::new();
        for hash in compact.transactions.iter() {
            let fetched = || self.proposed.fetched(hash).map(|c| &c.transaction);
            let held = pool.get(hash).or_else(fetched).map(Arc::clone);
            match held {
                Some(transaction) => found.push(transaction),
                None => missing.push(*hash),
            }
        }
        if missing.is_empty() { Ok(found) } else { Err(missing) }
    }

    /// Executes a block and compares everything that its header claims. The header's time is not compared with any
    /// clock here: that is a reason not to vote, never a reason to refuse a final block.
    fn execute(&self, body: &Body<'_>, transactions: &[Arc<Verified<Transaction>>]) -> Result<Check, Halt> {
        let Body { header, previous, recovery } = *body;
        let illegal = |reason: String| Ok(Check::Illegal(reason));
        if header.version != HEADER_VERSION || header.chain != self.genesis.chain {
            return illegal(format!("version {} of chain {}", header.version, header.chain));
        }
        if header.height != self.next_height() || header.previous != self.tip.block {
            return illegal(format!("height {} on {} does not follow our tip", header.height, header.previous));
        }
        if header.authorities != self.authorities.hash() || self.authorities.position(&header.packer).is_none() {
            return illegal("another authority list than ours, or a packer outside of it".into());
        }
        if header.timestamp_ms <= self.parent_time_ms() {
            return illegal(format!("time {} is not after the parent's", header.timestamp_ms));
        }
        if let Err(reason) = self.check_previous(header, previous) {
            return illegal(reason);
        }
        if let Err(error) = self.check_carried(recovery) {
            return illegal(error.text());
        }
        let context = BlockContext {
            height: header.height,
            timestamp_ms: header.timestamp_ms,
            packer: header.packer,
            previous: previous.cloned(),
            recovered: self.plan().cloned(),
        };
        let execution = {
            let view = self.store.view();
            match self.probe.time("execute", || self.executor.verify(&*view, &context, transactions))? {
                Ok(execution) => execution,
                Err(reason) => return illegal(reason.to_string()),
            }
        };
        let staged = self.probe.time("tree", || self.store.stage(header.height, &execution.writes))?;
        let pairs = [
            ("transactions root", header.transactions_root, execution.transactions_root()),
            ("state root", header.state_root, staged.root),
            ("receipts root", header.receipts_root, execution.receipts_root()),
            ("next authorities", header.next_authorities, execution.next_authorities.hash()),
        ];
        if let Some((what, theirs, ours)) = pairs.into_iter().find(|(_, theirs, ours)| theirs != ours) {
            return illegal(format!("{what} is {theirs}, we computed {ours}"));
        }
        if header.instruction != execution.instruction {
            return illegal(format!("instruction {:?}, we computed {:?}", header.instruction, execution.instruction));
        }
        let block = assemble(header.clone(), context.previous, recovery.cloned(), &execution.transactions)?;
        Ok(Check::Legal(Box::new(Legal { block, execution, staged })))
    }

    /// Checks the certificate of the block before that a block carries. Another node may hold other signatures of the
    /// same quorum, so it need not be the one that this node has.
    fn check_previous(&self, header: &Header, previous: Option<&QuorumCertificate>) -> Result<(), String> {
        if header.previous_certificate != certificate_hash(previous) {
            return Err("the certificate of the block before is not the one that the header names".into());
        }
        let Some(previous) = previous else {
            return if self.tip.height == Height(0) {
                Ok(())
            } else {
                Err("no certificate of the block before".into())
            };
        };
        if previous.height != self.tip.height || previous.block != self.tip.block {
            return Err(format!("a certificate of block {} at height {}", previous.block, previous.height));
        }
        if self.certificate.as_ref() == Some(previous) {
            return Ok(());
        }
        let list = self.previous_authorities.as_ref().ok_or("no authority list of the height before")?;
        previous.verify(&self.genesis.chain, list).map_err(|e| format!("certificate of the block before: {e}"))
    }

    /// Executes a final block; a difference is our own fault and stops the node.
    pub(super) fn execute_final(
        &self,
        body: &Body<'_>,
        transactions: &[Arc<Verified<Transaction>>],
    ) -> Result<Legal, Halt> {
        match self.execute(body, transactions)? {
            Check::Legal(legal) => Ok(*legal),
            Check::Illegal(reason) => Err(Halt::Broken {
                reason: format!("block {} is final, but this node's execution differs: {reason}", body.header.height),
            }),
        }
    }

    /// Executes the decided block if all of it is here.
    pub(super) fn execute_decided(&mut self, _now_ms: u64, hash: &Hash) -> Result<bool, Halt> {
        let Some((compact, _)) = self.proposed.compact(hash) else { return Ok(false) };
        let compact = compact.clone();
        let Ok(transactions) = self.resolve(&compact) else { return Ok(false) };
        let legal = self.execute_final(&Body::of_compact(&compact), &transactions)?;
        self.proposed.put_legal(*hash, legal);
        Ok(true)
    }

    /// Brings back a block from the log after a restart.
    pub(super) fn restore_block(&mut self, block: Block) -> Result<(), Halt> {
        let mut transactions = Vec::with_capacity(block.transactions.len());
        for signed in block.transactions.iter() {
            let verified = signed.clone().verify();
            let verified = verified.map_err(|e| Halt::Broken { reason: format!("a logged block: {e}") })?;
            transactions.push(Arc::new(verified));
        }
        let hash = block.header.hash();
        match self.execute(&Body::of(&block), &transactions)? {
            Check::Legal(legal) => {
                let compact = compact(&block, &legal.execution)?;
                self.proposed.learn(hash, compact, self.me);
                self.proposed.put_legal(hash, *legal);
            }
            Check::Illegal(reason) => tracing::error!(block = ?hash, reason, "a logged block is illegal now"),
        }
        Ok(())
    }

    /// Asks peers for what wanted blocks still lack, one after the other.
    pub(super) fn fetch_missing(&mut self, now_ms: u64) -> Result<(), Halt> {
        let mut asked = false;
        for hash in self.proposed.wanted() {
            let Some(peer) = self.next_peer(&hash) else { continue };
            let id = self.new_request();
            let known = self.proposed.compact(&hash).map(|(compact, _)| compact.clone());
            let request = match known {
                None => Request::CompactBlock { block: hash },
                Some(compact) => match self.resolve(&compact) {
                    Ok(_) => continue,
                    Err(missing) => {
                        Request::Transactions { block: hash, hashes: List::new(missing).unwrap_or_default() }
                    }
                },
            };
            self.effect(Effect::Request { to: peer, id, request });
            asked = true;
        }
        if asked {
            self.timer(Timer::Fetch, FETCH_RETRY_MS);
            return Ok(());
        }
        self.tick_catchup(now_ms)
    }

    /// The next authority to ask, each in turn: first who told us of the block.
    fn next_peer(&mut self, hash: &Hash) -> Option<NodeId> {
        let first = self.proposed.compact(hash).map(|(_, from)| *from).filter(|from| *from != self.me);
        let turn = self.fetch_turn;
        self.fetch_turn = turn.wrapping_add(1);
        if turn.is_multiple_of(2) && first.is_some() {
            return first;
        }
        let others: Vec<NodeId> = self.authorities.members().iter().map(|m| m.node).filter(|n| *n != self.me).collect();
        let index = (turn / 2).checked_rem(others.len())?;
        others.get(index).copied()
    }

    pub(super) fn on_fetched(
        &mut self,
        now_ms: u64,
        _from: NodeId,
        transactions: Option<Vec<Checked>>,
    ) -> Result<(), Halt> {
        let Some(transactions) = transactions else { return Ok(()) };
        self.proposed.keep_fetched(transactions);
        self.try_wanted(now_ms)?;
        self.try_decided(now_ms)
    }

    pub(super) fn on_fetched_block(
        &mut self,
        now_ms: u64,
        from: NodeId,
        block: Option<CompactBlock>,
    ) -> Result<(), Halt> {
        let Some(block) = block else { return Ok(()) };
        let hash = block.header.hash();
        // Only what was asked for, and only what its own header vouches for.
        if self.proposed.wanted().contains(&hash) && block.is_consistent() {
            self.proposed.learn(hash, block, from);
            self.try_wanted(now_ms)?;
            self.try_decided(now_ms)?;
        }
        Ok(())
    }

    /// Answers a question about a block that is not final yet.
    pub(super) fn answer_proposed(&self, request: &Request) -> Response {
        match request {
            Request::CompactBlock { block } => {
                Response::CompactBlock(self.proposed.compact(block).map(|(compact, _)| compact.clone()))
            }
            Request::Transactions { hashes, .. } => {
                let pool = self.pool();
                let held = hashes.iter().filter_map(|hash| {
                    let fetched = || self.proposed.fetched(hash).map(|c| &c.transaction);
                    let held = pool.get(hash).or_else(fetched)?;
                    Some(held.signed().clone())
                });
                Response::Transactions(List::new(held.collect()).unwrap_or_default())
            }
            Request::Blocks { .. } => Response::Busy,
        }
    }
}

fn assemble(
    header: Header,
    previous: Option<QuorumCertificate>,
    recovery: Option<ProvenRecovery>,
    transactions: &[Arc<Verified<Transaction>>],
) -> Result<Block, Halt> {
    let signed = transactions.iter().map(|t| t.signed().clone()).collect();
    let transactions = List::new(signed).map_err(|e| Halt::Broken { reason: format!("a block of our own: {e}") })?;
    Ok(Block { header, previous, recovery, transactions })
}

fn compact(block: &Block, execution: &Execution) -> Result<CompactBlock, Halt> {
    let hashes = List::new(execution.hashes.clone());
    let transactions = hashes.map_err(|e| Halt::Broken { reason: format!("a block of our own: {e}") })?;
    let (header, previous, recovery) = (block.header.clone(), block.previous.clone(), block.recovery.clone());
    Ok(CompactBlock { header, previous, recovery, transactions })
}
