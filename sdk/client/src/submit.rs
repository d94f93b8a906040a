//! From orders to receipts: sequence numbers, signatures, batches, finality.

use crate::{client::Client, error::ClientError};
use althing_types::{
    crypto::SecretKey,
    genesis::Genesis,
    hash::Hash,
    id::{ContractId, Height},
    receipt::Receipt,
    transaction::{Content, Operation},
};
use std::time::Duration;

/// What is to be done, before it has a sequence number and a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Operation type.
    pub operation: Operation,
    /// What is to be done.
    pub content: Content,
    /// A note for people.
    pub postscript: String,
    /// Most fuel; `None` takes the chain's maximum for a transaction.
    pub fuel_limit: Option<u64>,
}

impl Order {
    /// A call of a contract's method; `arguments` are the canonical bytes of the argument tuple.
    ///
    /// # Errors
    /// [`ClientError::Argument`] when something is too long.
    pub fn call(
        contract: ContractId,
        method: &str,
        arguments: Vec<u8>,
        operation: Operation,
    ) -> Result<Self, ClientError> {
        let argument = |field: &'static str| {
            move |e: althing_types::codec::TooLong| ClientError::Argument { field, rule: e.to_string() }
        };
        let content = Content::Call {
            contract,
            method: althing_types::codec::Text::new(method).map_err(argument("method"))?,
            arguments: althing_types::codec::Bytes::new(arguments).map_err(argument("arguments"))?,
        };
        Ok(Self { operation, content, postscript: String::new(), fuel_limit: None })
    }
}

/// How transactions are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitterConfig {
    /// Transactions of one request.
    pub batch: usize,
    /// Most transactions that are sent and not yet final.
    pub window: usize,
    /// Expiry, in blocks after the height known when signing.
    pub expiry_blocks: u64,
    /// How long one transaction may take to become final before it is given up.
    pub timeout: Duration,
}

impl Default for SubmitterConfig {
    fn default() -> Self {
        Self { batch: 256, window: 2_048, expiry_blocks: 10_000, timeout: Duration::from_secs(120) }
    }
}

/// A transaction that is in a final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Final {
    /// Its hash.
    pub hash: Hash,
    /// Height of its block.
    pub height: Height,
    /// Its position in the block.
    pub index: u32,
    /// What became of it; it may have failed.
    pub receipt: Receipt,
}

/// Signs and sends transactions of any number of keys and waits until they are final.
#[derive(Debug)]
pub struct Submitter {}

#[expect(unused_variables, clippy::unused_async, reason = "signatures first")]
impl Submitter {
    /// A submitter for the chain of `genesis`.
    pub fn new(client: Client, genesis: &Genesis, config: SubmitterConfig) -> Self {
        Self {}
    }
    /// Signs, sends and waits for one transaction.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Abnormal`], [`ClientError::NotFinal`] and the transport's.
    pub async fn send(&mut self, key: &SecretKey, order: Order) -> Result<Final, ClientError> {
        Err(ClientError::Argument { field: "key", rule: "not written yet".into() })
    }
    /// Signs and sends one transaction and does not wait for finality; gives its hash.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_only(&mut self, key: &SecretKey, order: Order) -> Result<Hash, ClientError> {
        Err(ClientError::Argument { field: "key", rule: "not written yet".into() })
    }
    /// Sends many transactions, those of one key in the given order, in batches and with a window; `progress` gets the
    /// number of final transactions so far. Results are in the order of the orders; a refused transaction does not stop
    /// the others, but later ones of its key get new sequence numbers.
    ///
    /// # Errors
    /// Only when nothing more can be sent: no node answers, or nothing becomes final within the time-out.
    pub async fn send_all(
        &mut self,
        orders: Vec<(SecretKey, Order)>,
        progress: impl FnMut(usize) + Send,
    ) -> Result<Vec<Result<Final, ClientError>>, ClientError> {
        Err(ClientError::Argument { field: "orders", rule: "not written yet".into() })
    }
}
