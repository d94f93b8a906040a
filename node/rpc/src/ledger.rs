//! What the server needs of the node: a reading side and a submitting side.

use althing_api::{
    ApiError, Refusal,
    checkpoint::CheckpointDocument,
    dry_run::{DryRunRequest, DryRunResponse},
    model::{
        AbnormalDocument, AccountDocument, ContractDocument, EventDocument, StatusDocument, TransactionStatus,
        TransactionSummary, ViewResponse,
    },
    recovery::RecoveryResponse,
    remediation::RemediationPlanResponse,
};
use althing_types::{
    authority::AuthorityList,
    block::{Block, Header},
    certificate::QuorumCertificate,
    crypto::PublicKey,
    event::EventId,
    genesis::Genesis,
    hash::Hash,
    id::{ContractId, Height, OrganisationId},
    proof::StateProof,
    receipt::Receipt,
    recovery::{ProvenRecovery, SignedRecovery},
    transaction::SignedTransaction,
    view::Entry,
};
use std::sync::Arc;
use tokio::sync::watch;

/// Why the ledger did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// State or events of the height are no longer kept.
    #[error("state of height {height} is no longer kept; the oldest is {oldest}")]
    Pruned {
        /// The height asked for.
        height: Height,
        /// Oldest height that is kept.
        oldest: Height,
    },
    /// The node began with a checkpoint and does not have what is older.
    #[error("height {height} is older than the checkpoint {base} that this node began with")]
    BeforeBase {
        /// The height asked for.
        height: Height,
        /// The checkpoint's height.
        base: Height,
    },
    /// No checkpoint of this height is offered.
    #[error("no checkpoint of height {height} is offered")]
    NoCheckpoint {
        /// The height asked for.
        height: Height,
    },
    /// The height is above the tip.
    #[error("height {height} is above the tip {tip}")]
    Ahead {
        /// The height asked for.
        height: Height,
        /// The tip.
        tip: Height,
    },
    /// The node cannot answer now: it is starting or halted.
    #[error("not ready: {reason}")]
    NotReady {
        /// Why.
        reason: String,
    },
    /// There is no such remediation plan.
    #[error("{message}")]
    NoPlan {
        /// The reason's number.
        number: u16,
        /// The reason.
        message: String,
    },
    /// The node's own fault, such as a disk error.
    #[error("node fault: {reason}")]
    Fault {
        /// What the store said.
        reason: String,
    },
}

impl From<althing_types::view::StateFault> for LedgerError {
    fn from(fault: althing_types::view::StateFault) -> Self {
        Self::Fault { reason: fault.reason }
    }
}

/// Entries under a prefix at the tip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scanned {
    /// Height of which this is the state; [`Ledger::prove`] answers for it.
    pub height: Height,
    /// Entries in ascending key order.
    pub entries: Vec<Entry>,
}

/// The reading side. Every method may block on the disk: the server calls it on blocking threads. All are consistent
/// with the last committed block at the time of the call.
pub trait Ledger: Send + Sync + 'static {
    /// The genesis document.
    fn genesis(&self) -> Arc<Genesis>;

    /// The tip's height, updated after each commit. The server waits on it.
    fn tip(&self) -> watch::Receiver<Height>;

    /// The node. [`StatusDocument::peers`] and pending figures may be a moment old.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn status(&self) -> Result<StatusDocument, LedgerError>;

    /// `Ok` when the node follows the chain and takes in transactions.
    ///
    /// # Errors
    /// [`LedgerError::NotReady`] with the reason.
    fn ready(&self) -> Result<(), LedgerError>;

    /// Where a transaction stands. Final wins over every other mark, and pending over abnormal: a client that is told
    /// "abnormal" gives the transaction up or signs it again.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn transaction(&self, hash: &Hash) -> Result<TransactionStatus, LedgerError>;

    /// Recent transactions of a key, newest first; a bounded memory, not an archive.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn transactions_of(&self, key: &PublicKey, limit: usize) -> Result<Vec<TransactionSummary>, LedgerError>;

    /// A key: organisation, sequence by state, sequence with pending transactions.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn account(&self, key: &PublicKey) -> Result<AccountDocument, LedgerError>;

    /// A final block with its certificate; `None` above the tip and for height 0.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn block(&self, height: Height) -> Result<Option<(Block, QuorumCertificate)>, LedgerError>;

    /// The height of a block by its header's hash.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn height_of_block(&self, hash: &Hash) -> Result<Option<Height>, LedgerError>;

    /// Final blocks with certificates from a height on, as many as fit into one answer; none above the tip.
    ///
    /// # Errors
    /// [`LedgerError::BeforeBase`] when the node began with a later checkpoint.
    fn chain(&self, from: Height) -> Result<Vec<(Block, QuorumCertificate)>, LedgerError>;

    /// Checkpoints that are offered, the newest first.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn checkpoints(&self) -> Result<Vec<CheckpointDocument>, LedgerError>;

    /// Canonical bytes of the chunk of a checkpoint that holds a place of the tree.
    ///
    /// # Errors
    /// [`LedgerError::NoCheckpoint`] when none of this height is offered.
    fn chunk(&self, height: Height, place: &Hash) -> Result<Vec<u8>, LedgerError>;

    /// Receipts of a final block, in order.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn receipts(&self, height: Height) -> Result<Vec<Receipt>, LedgerError>;

    /// A final header with its certificate and the list that decided it; `None` above the tip and for height 0.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn header(&self, height: Height) -> Result<Option<(Header, QuorumCertificate, AuthorityList)>, LedgerError>;

    /// The recovery that a height began with; `None` for most.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn recovery(&self, height: Height) -> Result<Option<ProvenRecovery>, LedgerError>;

    /// A state entry at a height with its proof under that height's state root.
    ///
    /// # Errors
    /// [`LedgerError::Pruned`] and [`LedgerError::Ahead`] for heights that are not kept.
    fn prove(&self, height: Height, key: &[u8]) -> Result<(Option<Vec<u8>>, StateProof), LedgerError>;

    /// At most `limit` entries at the tip whose key starts with `prefix`, from the first key greater than `after`.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Scanned, LedgerError>;

    /// Calls a view on the tip's state. An unknown contract is a failure inside the response.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn view(&self, contract: &ContractId, method: &str, arguments: &[u8]) -> Result<ViewResponse, LedgerError>;

    /// Tries a change of code on a fork of the tip's state.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn dry_run(&self, request: &DryRunRequest) -> Result<DryRunResponse, LedgerError>;

    /// Computes the plan that puts right what an organisation did from one height to another, the tip when it is
    /// missing. May take minutes; one at a time.
    ///
    /// # Errors
    /// [`LedgerError::NoPlan`] with the reason; [`LedgerError::Pruned`] and [`LedgerError::Ahead`] for heights that are
    /// not kept; [`LedgerError::NotReady`] while another one is computed.
    fn remediation_plan(
        &self,
        organisation: &OrganisationId,
        from: Height,
        base: Option<Height>,
    ) -> Result<RemediationPlanResponse, LedgerError>;

    /// Deployed contracts at the tip in the order of their ids, without ABI.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn contracts(&self) -> Result<Vec<ContractDocument>, LedgerError>;

    /// One contract with its ABI; `None` when there is none of this id.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn contract(&self, id: &ContractId) -> Result<Option<ContractDocument>, LedgerError>;

    /// A contract's present code; `None` when there is none of this id.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn code(&self, id: &ContractId) -> Result<Option<Vec<u8>>, LedgerError>;

    /// At most `limit` events from `from` on (inclusive), ascending, up to the tip.
    ///
    /// # Errors
    /// [`LedgerError::Pruned`] when events of `from` are no longer kept.
    fn events(&self, from: EventId, limit: usize) -> Result<Vec<EventDocument>, LedgerError>;

    /// At most `limit` transactions that were left out, numbered above `after`, ascending.
    ///
    /// # Errors
    /// [`LedgerError`] when the node cannot answer.
    fn abnormal(&self, after: Option<u64>, limit: usize) -> Result<Vec<AbnormalDocument>, LedgerError>;
}

/// The submitting side.
#[async_trait::async_trait]
pub trait Submit: Send + Sync + 'static {
    /// Checks transactions and takes them into the pool; one result per transaction, in order. A transaction that is
    /// already pending or final is accepted again.
    async fn submit(&self, transactions: Vec<SignedTransaction>) -> Vec<Result<Hash, Refusal>>;

    /// Checks a recovery against the end of the chain and goes on by it.
    ///
    /// # Errors
    /// [`ErrorCode::RecoveryRefused`](althing_api::ErrorCode::RecoveryRefused) with the number of the rule, or why the
    /// node cannot look at it now.
    async fn recover(&self, recovery: SignedRecovery) -> Result<RecoveryResponse, ApiError>;
}
