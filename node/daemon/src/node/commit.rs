//! A decided block becomes durable; then the node looks to the next height.

use super::{Committed, Effect, Halt, Node, proposed::Legal};
use althing_state::{Commit, Storage, Tip};
use althing_types::certificate::QuorumCertificate;
use std::sync::Arc;

impl<S: Storage> Node<S> {
    /// Writes everything of the block in one batch, then forgets the height.
    pub(super) fn commit(
        &mut self,
        now_ms: u64,
        legal: Legal,
        certificate: QuorumCertificate,
        caught_up: bool,
    ) -> Result<(), Halt> {
        let Legal { block, execution, staged } = legal;
        let probe = Arc::clone(&self.probe);
        let state_root = staged.root;
        let commit = Commit {
            block: &block,
            certificate: &certificate,
            receipts: &execution.receipts,
            next_authorities: &execution.next_authorities,
            staged,
            writes: &execution.writes,
        };
        probe.time("write", || self.store.commit(commit))?;
        let (height, hash) = (block.header.height, certificate.block);
        let used: Vec<_> = execution.transactions.iter().map(|t| (t.operator, t.sequence)).collect();
        self.pool().committed(&used, height);
        let transactions = execution.transactions.len();
        if !caught_up {
            self.pace.decided(certificate.round, execution.fuel_used, self.parameters.max_block_fuel);
        }
        let packed = block.header.packer == self.me;
        probe.committed(height, transactions, execution.fuel_used);
        self.tip = Tip { height, block: hash, state_root, header: Some(block.header) };
        if !caught_up {
            tracing::debug!(height = height.0, transactions, round = certificate.round.0, "committed");
        }
        self.certificate = Some(certificate);
        self.previous_authorities = Some(std::mem::replace(&mut self.authorities, execution.next_authorities));
        self.recovery = None;
        self.parameters = execution.parameters;
        self.proposed.clear();
        self.outputs.clear();
        self.needed.clear();
        self.working = None;
        self.building = None;
        self.decided = None;
        self.last_commit_ms = now_ms;
        if let Some(members) = execution.members {
            self.effect(Effect::Members(members));
        }
        self.effect(Effect::Committed(Committed { height, block: hash, transactions, caught_up }));
        if caught_up {
            return Ok(());
        }
        if packed {
            // Who missed the votes, or has none, hears of the block at once.
            self.announce();
        }
        self.on_tip(now_ms)
    }
}
