//! Signing, sending and waiting: what `tx send`, `contract call`, `deploy` and `upgrade` have in common.

use super::{Context, key};
use crate::{
    args::SendOptions,
    call::{Abis, Outcome},
    chain::Chain,
    error::Result,
    output::table,
};
use althing_client::{Order, Submitter, SubmitterConfig};
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
    let key = key::open(context, &options.key)?;
    let called = match &content {
        Content::Call { contract, method, .. } => Some((contract.clone(), method.as_str().to_owned())),
        Content::Deploy { .. } | Content::Upgrade { .. } | Content::Upload { .. } => None,
    };
    let order = Order { operation, content, postscript: options.postscript.clone(), fuel_limit: options.fuel };
    let mut submitter = submitter(context, chain, options.expires_in);
    if options.no_wait {
        let hash = submitter.send_only(&key, order).await?;
        return context.output.print(&Sent { hash, status: "pending" }, |s| {
            table(&[("transaction", s.hash.to_string()), ("status", s.status.into())])
        });
    }
    let done = submitter.send(&key, order).await?;
    let called = called.as_ref().map(|(contract, method): &(ContractId, String)| (contract, method.as_str()));
    let outcome = Outcome::of(&mut Abis::new(chain), &done, called).await;
    outcome.check()?;
    context.output.print(&outcome, Outcome::human)
}

/// A submitter with the command line's limits.
pub(super) fn submitter(context: &Context, chain: &Chain, expiry_blocks: u64) -> Submitter {
    let timeout = Duration::from_secs(context.global.timeout);
    let config = SubmitterConfig { expiry_blocks, timeout, ..SubmitterConfig::default() };
    Submitter::new(chain.client.clone(), &chain.genesis, config)
}
