//! What a chain allows in one transaction, as it is now: members can vote other numbers than the genesis has.
//!
//! Read unproven: a node that lies here makes orders fail before they are sent, or be refused after.

use crate::{client::Client, error::ClientError, submit::Order};
use althing_types::{
    codec,
    genesis::{Genesis, Parameters},
    keyspace,
    transaction::Content,
};

/// Longest encoding of parameters in bytes.
const MAX_PARAMETERS: usize = 4096;

impl Client {
    /// The chain's parameters at the tip, unproven; those of `genesis` on a chain whose state has none.
    ///
    /// # Errors
    /// [`ClientError::Answer`] when the node's bytes are no parameters.
    pub async fn parameters(&self, genesis: &Genesis) -> Result<Parameters, ClientError> {
        let found = self.state_batch(&[keyspace::parameters()], None).await?.entries.pop();
        match found.and_then(|entry| entry.value) {
            None => Ok(genesis.parameters.clone()),
            Some(value) => codec::decode("parameters", &value.0, MAX_PARAMETERS)
                .map_err(|error| ClientError::Answer { url: self.url().into(), reason: error.to_string() }),
        }
    }
}

/// Checks an order against a chain's parameters before it takes a sequence number.
pub(crate) fn check(order: &Order, parameters: &Parameters) -> Result<(), ClientError> {
    let within = |field: &'static str, length: usize, most: u32| {
        if u64::try_from(length).is_ok_and(|l| l <= u64::from(most)) {
            return Ok(());
        }
        Err(ClientError::Argument { field, rule: format!("is {length} bytes; the chain allows at most {most}") })
    };
    within("postscript", order.postscript.len(), parameters.max_postscript_bytes)?;
    match &order.content {
        Content::Call { arguments, .. } => within("arguments", arguments.len(), parameters.max_arguments_bytes)?,
        Content::Deploy { code, arguments, .. } => {
            within("code", code.len(), parameters.max_code_bytes)?;
            within("arguments", arguments.len(), parameters.max_arguments_bytes)?;
        }
        Content::Upgrade { code, .. } | Content::Upload { code } => {
            within("code", code.len(), parameters.max_code_bytes)?
        }
        Content::StorePlan { document } => within("document", document.len(), parameters.max_code_bytes)?,
    }
    let most = parameters.max_transaction_fuel;
    match order.fuel_limit {
        Some(fuel) if fuel == 0 || fuel > most => {
            Err(ClientError::Argument { field: "fuel_limit", rule: format!("is {fuel}; must be 1 to {most}") })
        }
        _ => Ok(()),
    }
}
