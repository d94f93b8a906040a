//! Typed calls of each API method, with retries over one or several nodes.

use crate::error::ClientError;
use althing_api::model::{
    AbnormalList, AccountDocument, BlockDocument, ContractDocument, ContractList, EventPage, GenesisDocument,
    HeaderList, StateBatch, StateDocument, StatusDocument, SubmitResult, TransactionDocument, TransactionList,
    ViewResponse,
};
use althing_types::{
    crypto::PublicKey,
    event::EventId,
    hash::Hash,
    id::{ContractId, Height},
    transaction::SignedTransaction,
};
use std::time::Duration;

/// How the client deals with nodes that do not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Time-out of one connection attempt.
    pub connect_timeout: Duration,
    /// Time-out of one request; waits get their own time on top.
    pub request_timeout: Duration,
    /// How long a call is retried over all nodes before it fails.
    pub retry_for: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(20),
            retry_for: Duration::from_secs(20),
        }
    }
}

/// A client of one or several nodes of one chain. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {}

macro_rules! stub {
    () => {
        Err(ClientError::Transport { url: String::new(), reason: "not written yet".into() })
    };
}

#[expect(unused_variables, clippy::unused_async, reason = "signatures first")]
impl Client {
    /// A client of one node, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::with_config(&[url], ClientConfig::default())
    }
    /// A client of several nodes: when one does not answer, the next is asked.
    ///
    /// # Errors
    /// [`ClientError::Url`], also when there is none.
    pub fn with_config(urls: &[&str], config: ClientConfig) -> Result<Self, ClientError> {
        stub!()
    }
    /// The node asked first.
    pub fn url(&self) -> &str {
        ""
    }
    /// The node.
    pub async fn status(&self) -> Result<StatusDocument, ClientError> {
        stub!()
    }
    /// The genesis document. Unchecked: see [`crate::Verifier`].
    pub async fn genesis(&self) -> Result<GenesisDocument, ClientError> {
        stub!()
    }
    /// Submits up to 512 transactions; one result each, in order.
    pub async fn submit(&self, transactions: &[SignedTransaction]) -> Result<Vec<SubmitResult>, ClientError> {
        stub!()
    }
    /// Where a transaction stands.
    pub async fn transaction(&self, hash: &Hash) -> Result<TransactionDocument, ClientError> {
        stub!()
    }
    /// Waits until a transaction is decided, at most for `timeout`; gives its status then.
    pub async fn wait(&self, hash: &Hash, timeout: Duration) -> Result<TransactionDocument, ClientError> {
        stub!()
    }
    /// Status of up to 512 transactions; waits at most for `timeout` until all are decided.
    pub async fn transactions(
        &self,
        hashes: &[Hash],
        timeout: Duration,
    ) -> Result<Vec<TransactionDocument>, ClientError> {
        stub!()
    }
    /// Recent transactions of a key, newest first.
    pub async fn transactions_of(&self, key: &PublicKey, limit: usize) -> Result<TransactionList, ClientError> {
        stub!()
    }
    /// A key: organisation and sequence numbers.
    pub async fn account(&self, key: &PublicKey) -> Result<AccountDocument, ClientError> {
        stub!()
    }
    /// A block by height, hash or `latest`; `full` adds transactions and receipts.
    pub async fn block(&self, block: &str, full: bool) -> Result<BlockDocument, ClientError> {
        stub!()
    }
    /// Up to `count` headers with certificates, from `height`.
    pub async fn headers(&self, height: Height, count: usize) -> Result<HeaderList, ClientError> {
        stub!()
    }
    /// A state entry with proof; at the tip when `height` is `None`.
    pub async fn state(&self, key: &[u8], height: Option<Height>) -> Result<StateDocument, ClientError> {
        stub!()
    }
    /// Up to 1024 state entries with proofs, all at one height.
    pub async fn state_batch(&self, keys: &[Vec<u8>], height: Option<Height>) -> Result<StateBatch, ClientError> {
        stub!()
    }
    /// One page of entries under a prefix at the tip, without proofs.
    pub async fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<StateBatch, ClientError> {
        stub!()
    }
    /// Calls a view. Not provable.
    pub async fn view(
        &self,
        contract: &ContractId,
        method: &str,
        arguments: &[u8],
    ) -> Result<ViewResponse, ClientError> {
        stub!()
    }
    /// Deployed contracts.
    pub async fn contracts(&self) -> Result<ContractList, ClientError> {
        stub!()
    }
    /// One contract with its ABI.
    pub async fn contract(&self, id: &ContractId) -> Result<ContractDocument, ClientError> {
        stub!()
    }
    /// A contract's code.
    pub async fn code(&self, id: &ContractId) -> Result<Vec<u8>, ClientError> {
        stub!()
    }
    /// One page of events from a cursor.
    pub async fn events(&self, from: EventId, filter: &crate::Filter, limit: usize) -> Result<EventPage, ClientError> {
        stub!()
    }
    /// Transactions that were left out, numbered above `after`.
    pub async fn abnormal(&self, after: Option<u64>, limit: usize) -> Result<AbnormalList, ClientError> {
        stub!()
    }
}
