//! `althing complaint`: complain of a member, and see what others complain of.

use super::{Context, send};
use crate::{
    args::{Accused, ComplaintCommand, SignOptions},
    ca::date,
    chain::typed,
    error::{CliError, Result},
    governed::Governed,
    output::{columns, table},
};
use althing_interface::{
    layout,
    node_removal::{self, Complain, Complaint, MAX_TEXT},
};
use althing_types::{
    codec::Text,
    hash::Hash,
    id::{ContractId, OrganisationId},
    keyspace::storage,
};
use serde::Serialize;

/// Runs a command of `althing complaint`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &ComplaintCommand) -> Result<()> {
    match command {
        ComplaintCommand::File { accused, evidence, reference, sign } => {
            file(context, accused, evidence, *reference, sign).await
        }
        ComplaintCommand::List { organisation } => list(context, organisation).await,
    }
}

/// Text of evidence or of a reason.
///
/// # Errors
/// When it is empty or too long.
pub(super) fn text(option: &str, text: &str) -> Result<Text<MAX_TEXT>> {
    Text::new(text).ok().filter(|text| !text.trim().is_empty()).ok_or_else(|| {
        CliError::usage("bad_text", format!("{option} is empty or too long"))
            .field(option)
            .value(text)
            .rule(format!("1 to {MAX_TEXT} bytes"))
    })
}

async fn file(
    context: &Context,
    accused: &Accused,
    evidence: &str,
    reference: Option<Hash>,
    sign: &SignOptions,
) -> Result<()> {
    #[derive(Serialize)]
    struct Filed {
        organisation: OrganisationId,
        counting: usize,
        needed: u16,
        transaction: Hash,
        height: u64,
    }
    let call = Complain {
        organisation: accused.organisation.clone(),
        node: accused.node,
        evidence: text("--evidence", evidence)?,
        reference: reference.unwrap_or(Hash([0; 32])),
    };
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let outcome = send::call(context, &chain, sign, &call).await?;
    let said = |field: &str| outcome.events.iter().find_map(|event| event.get("fields")?.get(field)?.as_u64());
    let filed = Filed {
        organisation: accused.organisation.clone(),
        counting: said("counting").and_then(|n| usize::try_from(n).ok()).unwrap_or_default(),
        needed: governed.settings().await?.complaints_needed,
        transaction: outcome.hash,
        height: outcome.height,
    };
    context.output.print(&filed, |f| {
        table(&[
            ("complaint of", f.organisation.to_string()),
            ("counting", format!("{} of {} that a review needs", f.counting, f.needed)),
            ("block", f.height.to_string()),
        ])
    })
}

async fn list(context: &Context, organisation: &OrganisationId) -> Result<()> {
    let chain = context.chain().await?;
    Governed::of(&chain)?;
    let prefix = storage(&ContractId::new(node_removal::ID)?, &layout::complaints_prefix(organisation));
    let mut complaints = Vec::new();
    for (_, value) in &chain.scan(&prefix).await?.entries {
        complaints.extend(typed::<Complaint>("complaint", Some(value))?);
    }
    context.output.print(&complaints, |complaints| {
        if complaints.is_empty() {
            return format!("no complaints of {organisation}");
        }
        let rows: Vec<Vec<String>> = complaints
            .iter()
            .map(|c| {
                vec![
                    c.complainant.to_string(),
                    c.node.map_or("the organisation".into(), |n| n.to_string().chars().take(12).collect()),
                    date(c.time_ms),
                    c.review.map_or("-".into(), |r| r.to_string()),
                    c.evidence.to_string(),
                ]
            })
            .collect();
        columns(&["BY", "OF", "AT", "REVIEW", "EVIDENCE"], &rows)
    })
}
