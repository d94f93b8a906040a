//! `althing review`: votes on the removal of a member or of one of its nodes.

use super::{Context, complaint, proposal, send};
use crate::{
    args::{Accused, ReviewCommand, SignOptions},
    error::{CliError, Result},
    governed::Governed,
    output::table,
};
use althing_interface::{
    layout,
    node_removal::{self, Ground, OpenReview, Review},
};
use althing_types::{id::ContractId, keyspace::storage};

/// Runs a command of `althing review`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &ReviewCommand) -> Result<()> {
    match command {
        ReviewCommand::Open { accused, reason, sign } => open(context, accused, reason, sign).await,
        ReviewCommand::Show { id } => show(context, *id).await,
    }
}

async fn open(context: &Context, accused: &Accused, reason: &str, sign: &SignOptions) -> Result<()> {
    let call = OpenReview {
        organisation: accused.organisation.clone(),
        node: accused.node,
        reason: complaint::text("--reason", reason)?,
    };
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let outcome = send::call(context, &chain, sign, &call).await?;
    proposal::opened(context, &governed, &outcome).await
}

async fn show(context: &Context, id: u64) -> Result<()> {
    let chain = context.chain().await?;
    Governed::of(&chain)?;
    let key = storage(&ContractId::new(node_removal::ID)?, &layout::review_key(id));
    let (_, review) = chain.value::<Review>("review", key).await?;
    let review = review.ok_or_else(|| {
        CliError::not_found("review_unknown", format!("there is no review in proposal {id}"))
            .field("review")
            .value(id.to_string())
            .rule("the number of a proposal that a review has opened")
    })?;
    context.output.print(&review, |r| {
        let ground = match r.ground {
            Ground::Complaints => "complaints of members",
            Ground::Evidence => "two signed messages that conflict",
            Ground::Finding => "the coordinator's own finding",
        };
        table(&[
            ("review of", r.accused.to_string()),
            ("node", r.node.map_or("all of them".into(), |node| node.to_string())),
            ("opened by", r.opener.to_string()),
            ("ground", ground.to_owned()),
            ("reason", r.reason.to_string()),
            ("the vote", format!("althing proposal show {}", r.proposal)),
        ])
    })
}
