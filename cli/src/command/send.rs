//! Signing, sending and waiting: what `tx send`, `contract call`, `deploy` and `upgrade` have in common.

use super::{Context, key};
use crate::{
    args::{SendOptions, SignOptions},
    call::{Abis, Outcome},
    chain::Chain,
    error::{CliError, Result},
    output::table,
};
use althing_client::{Order, Submitter, SubmitterConfig};
use althing_interface::call::Call;
use althing_types::{
    hash::Hash,
    id::ContractId,
    transaction::{Content, Operation},
};
use serde::Serialize;
use std::time::Duration;

/// A transaction that was taken in and is not waited for.
#[derive(Serialize)]
struct Sent {
    hash: Hash,
    status: &'static str,
}

/// Signs and sends one transaction; waits for its receipt and shows it, unless told not to.
///
/// # Errors
/// When it is refused, fails, or is not final in time.
pub(super) async fn send(
    context: &Context,
    chain: &Chain,
    options: &SendOptions,
    operation: Operation,
    content: Content,
) -> Result<()> {
    if options.no_wait {
        let key = key::open(context, &options.key)?;
        let order = order(options, operation, content);
        let hash = submitter(context, chain, options.expires_in).send_only(&key, order).await?;
        return context.output.print(&Sent { hash, status: "pending" }, |s| {
            table(&[("transaction", s.hash.to_string()), ("status", s.status.into())])
        });
    }
    let outcome = perform(context, chain, options, operation, content).await?;
    context.output.print(&outcome, Outcome::human)
}

/// Signs and sends one transaction and waits until it has succeeded.
///
/// # Errors
/// When it is refused, fails, or is not final in time.
pub(super) async fn perform(
    context: &Context,
    chain: &Chain,
    options: &SendOptions,
    operation: Operation,
    content: Content,
) -> Result<Outcome> {
    let key = key::open(context, &options.key)?;
    let called = match &content {
        Content::Call { contract, method, .. } => Some((contract.clone(), method.as_str().to_owned())),
        Content::Deploy { .. } | Content::Upgrade { .. } | Content::Upload { .. } | Content::StorePlan { .. } => None,
    };
    let order = order(options, operation, content);
    let done = submitter(context, chain, options.expires_in).send(&key, order).await?;
    let called = called.as_ref().map(|(contract, method): &(ContractId, String)| (contract, method.as_str()));
    let outcome = Outcome::of(&mut Abis::new(chain), &done, called).await;
    outcome.check()?;
    Ok(outcome)
}

/// Makes one call of a built-in contract with a member's key, and waits until it has succeeded.
///
/// # Errors
/// As [`perform`]; when the arguments are longer than a transaction may be.
pub(super) async fn call<C: Call>(context: &Context, chain: &Chain, sign: &SignOptions, call: &C) -> Result<Outcome> {
    let content = call.content().map_err(|e| {
        CliError::usage("too_long", format!("{}.{}: {e}", C::CONTRACT, C::METHOD))
            .field("arguments")
            .value(e.found.to_string())
            .rule(format!("at most {} bytes", e.maximum))
    })?;
    perform(context, chain, &sign.sending(), C::OPERATION, content).await
}

fn order(options: &SendOptions, operation: Operation, content: Content) -> Order {
    Order { operation, content, postscript: options.postscript.clone(), fuel_limit: options.fuel }
}

/// A submitter with the command line's limits.
pub(super) fn submitter(context: &Context, chain: &Chain, expiry_blocks: u64) -> Submitter {
    let timeout = Duration::from_secs(context.global.timeout);
    let config = SubmitterConfig { expiry_blocks, timeout, ..SubmitterConfig::default() };
    Submitter::new(chain.client.clone(), &chain.genesis, config)
}
