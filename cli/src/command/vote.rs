//! `althing vote`: a member's vote on a proposal.
//!
//! The hash that binds a vote to what the proposal says is computed here, from the content that was read with a proof.

use super::{Context, send};
use crate::{
    args::{SignOptions, VoteCommand},
    call::Outcome,
    error::Result,
    governed::Governed,
    output::table,
};
use althing_interface::governance::{CastVote, Choice, ProposalStatus, Withdraw};
use althing_types::hash::Hash;
use serde::Serialize;

#[derive(Serialize)]
struct Voted {
    proposal: u64,
    vote: &'static str,
    agree: u32,
    object: u32,
    threshold: u32,
    status: ProposalStatus,
    transaction: Hash,
    height: u64,
}

/// Runs a command of `althing vote`.
///
/// # Errors
/// The command's failure; when the contract refuses the vote, its numbered error.
pub(super) async fn run(context: &Context, command: &VoteCommand) -> Result<()> {
    match command {
        VoteCommand::Agree { id, sign } => vote(context, *id, sign, Some(Choice::Agree)).await,
        VoteCommand::Object { id, sign } => vote(context, *id, sign, Some(Choice::Object)).await,
        VoteCommand::Withdraw { id, sign } => vote(context, *id, sign, None).await,
    }
}

async fn vote(context: &Context, id: u64, sign: &SignOptions, choice: Option<Choice>) -> Result<()> {
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let content = governed.proposal(id).await?.content;
    let outcome: Outcome = match choice {
        Some(choice) => send::call(context, &chain, sign, &CastVote { proposal: id, content, choice }).await?,
        None => send::call(context, &chain, sign, &Withdraw { proposal: id, content }).await?,
    };
    let after = governed.proposal(id).await?.proposal;
    let voted = Voted {
        proposal: id,
        vote: choice.map_or("withdrawn", Choice::text),
        agree: after.agree,
        object: after.object,
        threshold: after.electorate.needed,
        status: after.status,
        transaction: outcome.hash,
        height: outcome.height,
    };
    context.output.print(&voted, |v| {
        table(&[
            ("proposal", v.proposal.to_string()),
            ("vote", v.vote.to_owned()),
            ("agree", format!("{} of {} needed", v.agree, v.threshold)),
            ("object", v.object.to_string()),
            ("status", v.status.to_string()),
            ("block", v.height.to_string()),
        ])
    })
}
