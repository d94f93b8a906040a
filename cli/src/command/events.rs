//! `althing events`: events from a cursor on, decoded by their contract's ABI.

use super::Context;
use crate::{
    args::EventsArgs,
    call::{Abis, event_text},
    error::{CliError, Result},
};
use althing_api::model::{EventDocument, MAX_EVENT_PAGE, cursor_text, parse_cursor};
use althing_client::{Filter, Followed, Follower};
use serde_json::{Value, json};

/// Shows events.
///
/// # Errors
/// When the cursor is none or no node answers.
pub(super) async fn run(context: &Context, options: &EventsArgs) -> Result<()> {
    let mut from = parse_cursor(&options.from).ok_or_else(|| {
        CliError::usage("bad_cursor", format!("'{}' is no place among events", options.from))
            .field("--from")
            .value(options.from.clone())
            .rule("height:index, or height")
    })?;
    let chain = context.chain().await?;
    let filter = Filter { contract: options.contract.clone(), name: options.name.clone(), topic: Vec::new() };
    let mut abis = Abis::new(&chain);
    let mut left = options.limit.unwrap_or(u64::MAX);
    if options.follow {
        let mut follower = Follower::new(chain.client.clone(), from, filter);
        let mut signal = std::pin::pin!(super::devnet::stopped());
        while left > 0 {
            let followed = tokio::select! {
                ended = &mut signal => return ended,
                followed = follower.next() => followed?,
            };
            if let Followed::Event(event) = followed {
                show(context, &mut abis, &event).await?;
                left = left.saturating_sub(1);
            }
        }
        return Ok(());
    }
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(MAX_EVENT_PAGE);
        let page = chain.client.events(from, &filter, count).await?;
        for event in &page.events {
            show(context, &mut abis, event).await?;
            left = left.saturating_sub(1);
        }
        let next = parse_cursor(&page.next);
        match next {
            Some(next) if next > from && next.height <= page.height => from = next,
            _ => break,
        }
    }
    Ok(())
}

async fn show(context: &Context, abis: &mut Abis<'_>, document: &EventDocument) -> Result<()> {
    let mut value = abis.event(&document.event).await;
    if let Value::Object(fields) = &mut value {
        fields.insert("cursor".into(), json!(cursor_text(document.id)));
        fields.insert("transaction".into(), json!(document.transaction));
    }
    context.output.stream(&value, |v| format!("{:>12}  {}", cursor_text(document.id), event_text(v)))
}
