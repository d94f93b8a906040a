//! Paths of the API. `{name}` marks a path parameter, in the form that the router understands.

/// Prefix of all versioned paths.
pub const VERSION: &str = "/v1";

/// `POST`: submit one transaction or a batch.
pub const TRANSACTIONS: &str = "/v1/transactions";
/// `POST`: status of many transactions, optionally waiting until all are decided.
pub const TRANSACTIONS_STATUS: &str = "/v1/transactions/status";
/// `GET`: one transaction.
pub const TRANSACTION: &str = "/v1/transactions/{hash}";
/// `GET`: one transaction, waiting until it is decided.
pub const TRANSACTION_WAIT: &str = "/v1/transactions/{hash}/wait";
/// `GET`: a block by height, `latest` or hash.
pub const BLOCK: &str = "/v1/blocks/{block}";
/// `GET`: headers with certificates, from a height.
pub const HEADERS: &str = "/v1/headers/{height}";
/// `GET`: one state entry with proof.
pub const STATE_ENTRY: &str = "/v1/state/{key}";
/// `GET`: checkpoints that the node offers.
pub const CHECKPOINTS: &str = "/v1/checkpoints";
/// `GET`: one chunk of a checkpoint.
pub const CHECKPOINT_CHUNK: &str = "/v1/checkpoints/{height}/chunks/{place}";
/// `GET`: final blocks with certificates from a height, as canonical bytes.
pub const CHAIN: &str = "/v1/chain/{height}";
/// `GET`: state entries under a prefix.
pub const STATE: &str = "/v1/state";
/// `POST`: many state entries at one height, with proofs.
pub const STATE_BATCH: &str = "/v1/state/batch";
/// `POST`: call a view of a contract.
pub const VIEWS: &str = "/v1/views";
/// `POST`: try a change of code on a fork of the present state.
pub const DRY_RUNS: &str = "/v1/dry-runs";
/// `POST`: compute what would put right what a member did.
pub const REMEDIATION_PLANS: &str = "/v1/remediation-plans";
/// `POST`: go on after the loss of the quorum, by a plan that the member organisations signed.
pub const RECOVERIES: &str = "/v1/recoveries";
/// `GET`: contracts.
pub const CONTRACTS: &str = "/v1/contracts";
/// `GET`: one contract with its ABI.
pub const CONTRACT: &str = "/v1/contracts/{contract}";
/// `GET`: a contract's code.
pub const CONTRACT_CODE: &str = "/v1/contracts/{contract}/code";
/// `GET`: events from a cursor: a page, or a stream when `text/event-stream` is accepted.
pub const EVENTS: &str = "/v1/events";
/// `GET`: transactions that were left out, with their reasons.
pub const ABNORMAL: &str = "/v1/abnormal";
/// `GET`: the node.
pub const STATUS: &str = "/v1/status";
/// `GET`: the genesis document.
pub const GENESIS: &str = "/v1/genesis";
/// `GET`: a key: its organisation and next sequence number.
pub const ACCOUNT: &str = "/v1/accounts/{key}";
/// `GET`: recent transactions of a key.
pub const ACCOUNT_TRANSACTIONS: &str = "/v1/accounts/{key}/transactions";
/// `GET`: the process is alive.
pub const HEALTH: &str = "/healthz";
/// `GET`: the node follows the chain and takes in transactions.
pub const READY: &str = "/readyz";
/// `GET`: figures in the OpenMetrics text form.
pub const METRICS: &str = "/metrics";
/// `GET`: the OpenAPI document.
pub const OPENAPI: &str = "/openapi.json";

/// Fills the first `{parameter}` of a path. The value must be plain (hexadecimal, a number or an identifier).
pub fn fill(path: &str, value: &dyn core::fmt::Display) -> String {
    match (path.find('{'), path.find('}')) {
        (Some(open), Some(close)) if open < close => {
            let (before, rest) = path.split_at(open);
            let after = rest.get(close.saturating_sub(open).saturating_add(1)..).unwrap_or_default();
            format!("{before}{value}{after}")
        }
        _ => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_filled_in_place() {
        assert_eq!(fill(TRANSACTION_WAIT, &"ab"), "/v1/transactions/ab/wait");
        assert_eq!(fill(BLOCK, &7), "/v1/blocks/7");
        assert_eq!(fill(STATUS, &7), STATUS);
    }
}
