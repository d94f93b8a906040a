//! `althing proposal`: what members vote on.
//!
//! [`change`] says what a proposal would change, [`open`] makes new ones.

mod change;
mod open;
mod plan;

pub(super) use change::Change;
pub(super) use open::{propose, proposed, upgrade};
pub(super) use plan::{described, stored_plan};

use super::Context;
use crate::{
    args::ProposalCommand,
    ca::date,
    call::Outcome,
    error::{CliError, Result},
    exit_code::Exit,
    governed::{Asked, Cast, Governed},
    output::{columns, table},
};
use althing_interface::governance::{Choice, Member, Proposal, ProposalClass, ProposalKind, ProposalStatus};
use althing_types::{
    crypto::PublicKey,
    hash::Hash,
    id::{Height, OrganisationId},
};
use serde::Serialize;

/// Runs a command of `althing proposal`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &ProposalCommand) -> Result<()> {
    match command {
        ProposalCommand::List { open } => list(context, *open).await,
        ProposalCommand::Show { id } => {
            let chain = context.chain().await?;
            show(context, &Governed::of(&chain)?, *id).await
        }
        ProposalCommand::Diff { id } => diff(context, *id).await,
        ProposalCommand::Open(command) => open::run(context, command).await,
    }
}

#[derive(Serialize)]
struct Line {
    id: u64,
    class: ProposalClass,
    status: ProposalStatus,
    opener: OrganisationId,
    agree: u32,
    object: u32,
    threshold: u32,
    electorate: u32,
    closes_at: u64,
    content_hash: Hash,
}

impl From<&Proposal> for Line {
    fn from(p: &Proposal) -> Self {
        Self {
            id: p.id,
            class: p.class,
            status: p.status,
            opener: p.opener.clone(),
            agree: p.agree,
            object: p.object,
            threshold: p.electorate.needed,
            electorate: p.electorate.electors,
            closes_at: p.closes_ms,
            content_hash: p.content,
        }
    }
}

fn lines_text(lines: &[Line]) -> String {
    let rows: Vec<Vec<String>> = lines
        .iter()
        .map(|l| {
            vec![
                l.id.to_string(),
                l.class.to_string(),
                l.status.to_string(),
                l.opener.to_string(),
                format!("{} of {}", l.agree, l.threshold),
                l.object.to_string(),
                if l.status == ProposalStatus::Open { date(l.closes_at) } else { "-".into() },
            ]
        })
        .collect();
    columns(&["ID", "WHAT", "STATUS", "OPENED BY", "AGREE", "OBJECT", "VOTE UNTIL"], &rows)
}

async fn list(context: &Context, only_open: bool) -> Result<()> {
    let chain = context.chain().await?;
    let proposals = Governed::of(&chain)?.proposals(only_open).await?;
    let lines: Vec<Line> = proposals.iter().map(Line::from).collect();
    context.output.print(&lines, |lines| if lines.is_empty() { "no proposals".into() } else { lines_text(lines) })
}

/// Proposals of some contracts' code, as rows for people and machines.
pub(super) async fn about(
    governed: &Governed<'_>,
    wanted: impl Fn(&ProposalKind) -> bool,
) -> Result<(impl Serialize, String)> {
    let mut lines = Vec::new();
    for proposal in governed.proposals(false).await? {
        let code = matches!(proposal.class, ProposalClass::Deploy | ProposalClass::Upgrade);
        if code && wanted(&governed.proposal(proposal.id).await?.kind) {
            lines.push(Line::from(&proposal));
        }
    }
    let text = if lines.is_empty() { "no proposals".to_owned() } else { lines_text(&lines) };
    Ok((lines, text))
}

/// Changes as lines, the first `most` of them.
pub(super) fn change_text(changes: &[Change], most: usize) -> String {
    change::text(changes.get(..most).unwrap_or(changes), None)
}

#[derive(Serialize)]
struct Vote {
    organisation: OrganisationId,
    choice: Choice,
    height: Height,
    time: u64,
    key: PublicKey,
}

#[derive(Serialize)]
struct Shown {
    id: u64,
    class: ProposalClass,
    status: ProposalStatus,
    title: String,
    opener: OrganisationId,
    opened: Height,
    opened_at: u64,
    electorate: u32,
    /// Members that may vote and are still members.
    electors: Vec<OrganisationId>,
    agree: u32,
    object: u32,
    threshold: u32,
    closes_at: u64,
    /// While it waits: when the wait ends. Once it is ended: when that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    content_hash: Hash,
    votes: Vec<Vote>,
    changes: Vec<Change>,
    calls_made: u32,
    message: String,
    content: ProposalKind,
    height: Height,
    verified: bool,
}

/// Members that may vote on a proposal, of those that are members now.
fn electors(proposal: &Proposal, members: &[Member]) -> Vec<OrganisationId> {
    let electorate = &proposal.electorate;
    let chosen = |id: &OrganisationId| electorate.chosen.as_ref().is_none_or(|chosen| chosen.contains(id));
    members
        .iter()
        .filter(|member| member.joined < electorate.joined_before && chosen(&member.organisation.id))
        .map(|member| member.organisation.id.clone())
        .collect()
}

/// Shows a proposal whole.
///
/// # Errors
/// When there is none, no node answers, or a proof fails.
pub(super) async fn show(context: &Context, governed: &Governed<'_>, id: u64) -> Result<()> {
    let (asked, votes) = governed.votes(id).await?;
    let members = governed.members().await?;
    let changes = change::changes(governed, &asked).await?;
    let shown = shown(governed, asked, votes, &members, changes);
    context.output.print(&shown, Shown::text)
}

fn shown(governed: &Governed<'_>, asked: Asked, votes: Vec<Cast>, members: &[Member], changes: Vec<Change>) -> Shown {
    let Asked { proposal, kind, content, height } = asked;
    let vote = |(organisation, vote): Cast| Vote {
        organisation,
        choice: vote.choice,
        height: vote.height,
        time: vote.time_ms,
        key: vote.key,
    };
    Shown {
        id: proposal.id,
        class: proposal.class,
        status: proposal.status,
        title: change::title(&kind),
        electors: electors(&proposal, members),
        opener: proposal.opener,
        opened: proposal.opened,
        opened_at: proposal.opened_ms,
        electorate: proposal.electorate.electors,
        agree: proposal.agree,
        object: proposal.object,
        threshold: proposal.electorate.needed,
        closes_at: proposal.closes_ms,
        until: Some(proposal.until_ms).filter(|until| *until > 0),
        content_hash: content,
        votes: votes.into_iter().map(vote).collect(),
        changes,
        calls_made: proposal.progress,
        message: proposal.message.to_string(),
        content: kind,
        height,
        verified: governed.chain().verifies(),
    }
}

impl Shown {
    fn text(&self) -> String {
        let who = |choice: Choice| {
            let names: Vec<&str> =
                self.votes.iter().filter(|v| v.choice == choice).map(|v| v.organisation.as_str()).collect();
            if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
        };
        let silent: Vec<&str> = self
            .electors
            .iter()
            .filter(|id| !self.votes.iter().any(|v| v.organisation == **id))
            .map(OrganisationId::as_str)
            .collect();
        let status = match (self.status, self.until) {
            (ProposalStatus::Open, _) => format!("open until {}", date(self.closes_at)),
            (ProposalStatus::Waiting, Some(until)) => format!("accepted; can be vetoed until {}", date(until)),
            (status, Some(until)) if status.is_final() => format!("{status}, {}", date(until)),
            (status, _) => status.to_string(),
        };
        let how = if self.verified { "verified" } else { "NOT verified" };
        let mut rows = vec![
            ("proposal", format!("{}: {}", self.id, self.title)),
            ("opened by", format!("{}, {}", self.opener, date(self.opened_at))),
            ("status", status),
            ("needed", format!("{} of {} must agree", self.threshold, self.electorate)),
            ("agree", format!("{}: {}", self.agree, who(Choice::Agree))),
            ("object", format!("{}: {}", self.object, who(Choice::Object))),
        ];
        if !self.status.is_final() {
            rows.push(("not voted", if silent.is_empty() { "nobody".to_owned() } else { silent.join(", ") }));
        }
        if self.calls_made > 0 {
            let what = if self.class == ProposalClass::Remediate { "parts done" } else { "calls made" };
            rows.push((what, self.calls_made.to_string()));
        }
        if !self.message.is_empty() {
            rows.push(("outcome", self.message.clone()));
        }
        rows.push(("content", self.content_hash.to_string()));
        rows.push(("height", format!("{} ({how})", self.height)));
        format!("{}\n\nchanges:\n{}", table(&rows), change::text(&self.changes, Some(change::SCREEN)))
    }
}

async fn diff(context: &Context, id: u64) -> Result<()> {
    #[derive(Serialize)]
    struct Difference {
        id: u64,
        title: String,
        status: ProposalStatus,
        changes: Vec<Change>,
        height: Height,
        verified: bool,
    }
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let asked = governed.proposal(id).await?;
    let difference = Difference {
        id,
        title: change::title(&asked.kind),
        status: asked.proposal.status,
        changes: change::changes(&governed, &asked).await?,
        height: asked.height,
        verified: chain.verifies(),
    };
    context.output.print(&difference, |d| format!("{}\n{}", d.title, change::text(&d.changes, None)))
}

/// Shows a proposal that a transaction has just opened.
///
/// # Errors
/// When the call gave no number, no node answers, or a proof fails.
pub(super) async fn opened(context: &Context, governed: &Governed<'_>, outcome: &Outcome) -> Result<()> {
    #[derive(Serialize)]
    struct Opened {
        proposal: u64,
        title: String,
        content_hash: Hash,
        threshold: u32,
        electorate: u32,
        closes_at: u64,
        transaction: Hash,
        height: u64,
    }
    let number = number(outcome)?;
    let asked = governed.proposal(number).await?;
    let opened = Opened {
        proposal: number,
        title: change::title(&asked.kind),
        content_hash: asked.content,
        threshold: asked.proposal.electorate.needed,
        electorate: asked.proposal.electorate.electors,
        closes_at: asked.proposal.closes_ms,
        transaction: outcome.hash,
        height: outcome.height,
    };
    context.output.print(&opened, |o| {
        table(&[
            ("proposal", format!("{}: {}", o.proposal, o.title)),
            ("needed", format!("{} of {} must agree, until {}", o.threshold, o.electorate, date(o.closes_at))),
            ("content", o.content_hash.to_string()),
            ("block", o.height.to_string()),
            ("vote", format!("althing vote agree {} --key NAME", o.proposal)),
        ])
    })
}

/// The number of the proposal that a call has opened.
///
/// # Errors
/// When its result is none.
pub(super) fn number(outcome: &Outcome) -> Result<u64> {
    outcome.result.as_u64().ok_or_else(|| {
        CliError::new(Exit::Network, "bad_answer", "the transaction succeeded, but its result is no number")
            .field("result")
            .value(outcome.result.to_string())
            .rule("the number of a proposal")
    })
}
