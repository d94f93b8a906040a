//! `althing complaint`: complain of a member, and see what others complain of.

use super::{Context, send};
use crate::{
    args::{Accused, ComplaintCommand, SignOptions},
    ca::date,
    chain::typed,
    error::{CliError, Result},
    governed::{Governed, member_list},
    output::{columns, table},
};
use althing_interface::{
    layout,
    node_removal::{self, Complain, Complaint, EvidenceRecord, MAX_TEXT, Offence},
};
use althing_types::{
    codec::Text,
    crypto::NodeId,
    hash::Hash,
    id::{ContractId, OrganisationId},
    keyspace::storage,
};
use serde::Serialize;
use std::collections::BTreeSet;

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

/// What is held against a member, as the chain keeps it.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Held {
    /// A member complained.
    Complaint(Complaint),
    /// One of its nodes signed two messages of which only one may be; the contract has checked both signatures. It opens
    /// a review as enough complaints do.
    Evidence(EvidenceRecord),
}

impl Held {
    fn row(&self) -> Vec<String> {
        let short = |node: &NodeId| node.to_string().chars().take(12).collect();
        let review = |number: Option<u64>| number.map_or("-".into(), |number| number.to_string());
        match self {
            Self::Complaint(c) => vec![
                c.complainant.to_string(),
                c.node.as_ref().map_or("the organisation".into(), short),
                date(c.time_ms),
                review(c.review),
                c.evidence.to_string(),
            ],
            Self::Evidence(e) => vec![
                e.reporter.to_string(),
                short(&e.node),
                date(e.time_ms),
                review(e.review),
                format!("signed two {} for height {}, round {}", plural(e.offence), e.signed_height, e.signed_round),
            ],
        }
    }
}

const fn plural(offence: Offence) -> &'static str {
    match offence {
        Offence::Prevote => "prevotes",
        Offence::Precommit => "precommits",
        Offence::Proposal => "proposals",
    }
}

async fn list(context: &Context, organisation: &OrganisationId) -> Result<()> {
    let chain = context.chain().await?;
    Governed::of(&chain)?;
    let contract = ContractId::new(node_removal::ID)?;
    let prefix = storage(&contract, &layout::complaints_prefix(organisation));
    let mut complaints = Vec::new();
    for (_, value) in &chain.scan(&prefix).await?.entries {
        complaints.extend(typed::<Complaint>("complaint", Some(value))?);
    }
    // Evidence is kept by node: those that the member has, and those that somebody complained of.
    let mut nodes: BTreeSet<NodeId> = complaints.iter().filter_map(|complaint| complaint.node).collect();
    let own = member_list(&chain).await?.1.nodes.into_vec().into_iter().filter(|n| n.organisation == *organisation);
    nodes.extend(own.map(|node| node.node));
    let mut held: Vec<Held> = complaints.into_iter().map(Held::Complaint).collect();
    for node in nodes {
        let prefix = storage(&contract, &layout::evidence_prefix(&node));
        for (_, value) in &chain.scan(&prefix).await?.entries {
            held.extend(typed::<EvidenceRecord>("evidence", Some(value))?.map(Held::Evidence));
        }
    }
    context.output.print(&held, |held| {
        if held.is_empty() {
            return format!("no complaints of {organisation}, and no evidence against its nodes");
        }
        let rows: Vec<Vec<String>> = held.iter().map(Held::row).collect();
        columns(&["BY", "OF", "AT", "REVIEW", "EVIDENCE"], &rows)
    })
}
