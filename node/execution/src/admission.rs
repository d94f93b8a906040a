//! What a transaction must fulfil before it may be in a block: checked at entry and again at execution.

use crate::error::ExecutionError;
use althing_types::{
    codec,
    crypto::PublicKey,
    genesis::{ChainKind, Parameters},
    id::{ChainId, Height, Sequence},
    keyspace,
    organisation::KeyEntry,
    transaction::{AbnormalCode, Content, Operation, TRANSACTION_VERSION, Transaction},
    view::StateView,
};

/// How many sequence numbers a transaction may be ahead of its key's state and still wait in the mempool.
pub const MAX_SEQUENCE_AHEAD: u64 = 16_384;

/// Why a transaction is not admitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The numbered reason.
    pub code: AbnormalCode,
    /// Field, value and rule.
    pub message: String,
}

impl Refusal {
    /// The refusal of a key that belongs to no member organisation.
    pub fn unknown_operator(key: &PublicKey) -> Self {
        unknown_operator(key)
    }
}

/// The rules of one chain at one height.
#[derive(Clone, Copy)]
pub struct Admission<'a> {
    /// The chain.
    pub chain: &'a ChainId,
    /// Its kind.
    pub kind: &'a ChainKind,
    /// Its parameters.
    pub parameters: &'a Parameters,
    /// The height of the block that the transaction would be in.
    pub height: Height,
}

fn refuse<T>(code: AbnormalCode, message: String) -> Result<T, Refusal> {
    Err(Refusal { code, message })
}

impl Admission<'_> {
    /// Checks all that needs no state: version, chain, kind, sizes, expiry, fuel limit.
    ///
    /// # Errors
    /// [`Refusal`] for the first rule that is broken.
    pub fn check_form(&self, transaction: &Transaction) -> Result<(), Refusal> {
        let limits = self.parameters;
        if transaction.version != TRANSACTION_VERSION {
            let found = transaction.version;
            return refuse(
                AbnormalCode::Version,
                format!("version is {found}, this chain takes {TRANSACTION_VERSION}"),
            );
        }
        if transaction.chain != *self.chain {
            let found = &transaction.chain;
            return refuse(AbnormalCode::WrongChain, format!("chain is {found}, this chain is {}", self.chain));
        }
        let attributes = self.kind.attributes();
        if transaction.attributes != attributes {
            let found = transaction.attributes;
            return refuse(
                AbnormalCode::WrongKind,
                format!("attributes are {found:?}, this chain takes {attributes:?}"),
            );
        }
        self.check_sizes(transaction)?;
        if transaction.expiry < self.height {
            let (expiry, height) = (transaction.expiry, self.height);
            return refuse(AbnormalCode::Expired, format!("expiry is {expiry}, the next block is {height}"));
        }
        let furthest = self.height.0.saturating_add(limits.max_expiry_blocks);
        if transaction.expiry.0 > furthest {
            let expiry = transaction.expiry;
            return refuse(AbnormalCode::ExpiryTooFar, format!("expiry is {expiry}, at most {furthest} is allowed"));
        }
        let fuel = transaction.fuel_limit;
        if fuel == 0 || fuel > limits.max_transaction_fuel {
            let maximum = limits.max_transaction_fuel;
            return refuse(AbnormalCode::FuelLimit, format!("fuel_limit is {fuel}, 1 to {maximum} is allowed"));
        }
        Ok(())
    }

    fn check_sizes(&self, transaction: &Transaction) -> Result<(), Refusal> {
        let limits = self.parameters;
        let within = |field: &str, found: usize, maximum: u32| {
            if found as u64 > u64::from(maximum) {
                return refuse(AbnormalCode::TooLarge, format!("{field} has {found} bytes, {maximum} are allowed"));
            }
            Ok(())
        };
        within("postscript", transaction.postscript.len(), limits.max_postscript_bytes)?;
        let fits = match &transaction.content {
            Content::Call { arguments, .. } => {
                within("arguments", arguments.len(), limits.max_arguments_bytes)?;
                matches!(
                    transaction.operation,
                    Operation::Call | Operation::Register | Operation::Update | Operation::Delete
                )
            }
            Content::Deploy { code, arguments, .. } => {
                within("arguments", arguments.len(), limits.max_arguments_bytes)?;
                within("code", code.len(), limits.max_code_bytes)?;
                transaction.operation == Operation::Deploy
            }
            Content::Upgrade { code, .. } => {
                within("code", code.len(), limits.max_code_bytes)?;
                transaction.operation == Operation::Upgrade
            }
            Content::Upload { code } => {
                within("code", code.len(), limits.max_code_bytes)?;
                transaction.operation == Operation::Upload
            }
            Content::StorePlan { document } => {
                within("document", document.len(), limits.max_code_bytes)?;
                transaction.operation == Operation::StorePlan
            }
        };
        if fits {
            return Ok(());
        }
        let operation = transaction.operation;
        refuse(AbnormalCode::WrongKind, format!("operation {operation:?} does not fit the content"))
    }

    /// Checks the sequence number against the next one that the state expects.
    ///
    /// # Errors
    /// [`Refusal`] when it was used before or is too far ahead.
    pub fn check_sequence(&self, transaction: &Transaction, next: Sequence) -> Result<(), Refusal> {
        let found = transaction.sequence;
        if found < next {
            return refuse(AbnormalCode::SequenceUsed, format!("sequence is {found}, the next unused one is {next}"));
        }
        if found.0.saturating_sub(next.0) > MAX_SEQUENCE_AHEAD {
            return refuse(
                AbnormalCode::SequenceGap,
                format!("sequence is {found}, more than {MAX_SEQUENCE_AHEAD} ahead of {next}"),
            );
        }
        Ok(())
    }

    /// Whether a key belongs to a member organisation.
    ///
    /// # Errors
    /// [`ExecutionError`] when the store cannot answer.
    pub fn is_member(&self, view: &dyn StateView, key: &PublicKey) -> Result<bool, ExecutionError> {
        Ok(key_entry(view, key)?.is_some())
    }

    /// Checks everything for a transaction that waits for its turn: form, operator, sequence.
    ///
    /// # Errors
    /// The outer error is the node's own; the inner [`Refusal`] is the sender's.
    pub fn check_entry(
        &self,
        view: &dyn StateView,
        transaction: &Transaction,
    ) -> Result<Result<(), Refusal>, ExecutionError> {
        if let Err(refusal) = self.check_form(transaction) {
            return Ok(Err(refusal));
        }
        if key_entry(view, &transaction.operator)?.is_none() {
            return Ok(Err(unknown_operator(&transaction.operator)));
        }
        Ok(self.check_sequence(transaction, next_sequence(view, &transaction.operator)?))
    }
}

pub(crate) fn unknown_operator(key: &PublicKey) -> Refusal {
    Refusal {
        code: AbnormalCode::UnknownOperator,
        message: format!("operator key {key} belongs to no member organisation"),
    }
}

/// Whose key it is; `None` for strangers.
pub(crate) fn key_entry(view: &dyn StateView, key: &PublicKey) -> Result<Option<KeyEntry>, ExecutionError> {
    decode_entry("key", view.read(&keyspace::key_entry(key))?)
}

/// The next unused sequence number of a key.
///
/// # Errors
/// [`ExecutionError`] when the store cannot answer.
pub(crate) fn next_sequence(view: &dyn StateView, key: &PublicKey) -> Result<Sequence, ExecutionError> {
    Ok(decode_entry("sequence", view.read(&keyspace::sequence(key))?)?.unwrap_or_default())
}

pub(crate) fn decode_entry<T: borsh::BorshDeserialize>(
    entry: &'static str,
    bytes: Option<Vec<u8>>,
) -> Result<Option<T>, ExecutionError> {
    let Some(bytes) = bytes else { return Ok(None) };
    codec::decode(entry, &bytes, 1 << 20)
        .map(Some)
        .map_err(|e| ExecutionError::SystemEntry { entry, reason: e.to_string() })
}
