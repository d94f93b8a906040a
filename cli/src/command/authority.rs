//! `althing authority`: who decides on blocks, and how nodes are doing.

use super::{Context, send};
use crate::{
    args::{AuthorityCommand, SignOptions},
    chain::{Chain, typed},
    error::{CliError, Result},
    governed::{Governed, member_list},
    output::{columns, table},
};
use althing_interface::governance::{Elect, Score, score};
use althing_types::{
    authority::AuthorityList,
    codec::List,
    crypto::NodeId,
    govern::{SelectionPolicy, Standing},
    hash::Hash,
    id::{Height, OrganisationId},
    keyspace,
};
use serde::Serialize;

/// Runs a command of `althing authority`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &AuthorityCommand) -> Result<()> {
    let chain = context.chain().await?;
    match command {
        AuthorityCommand::List { height } => list(context, &chain, height.map(Height)).await,
        AuthorityCommand::Score => scores(context, &chain).await,
        AuthorityCommand::Elect { nodes, none: _, sign } => elect(context, &chain, nodes, sign).await,
    }
}

/// The list that decides a block, and the block's height: the state before it names the list.
async fn deciding(chain: &Chain, height: Option<Height>) -> Result<(Height, AuthorityList)> {
    if height.is_some_and(|height| height.0 == 0) {
        return Err(CliError::usage("bad_height", "no authority decided the genesis")
            .field("--height")
            .value("0")
            .rule("1 or above"));
    }
    if height == Some(Height(1)) {
        let list = chain.genesis.authority_list().map_err(|e| CliError::internal("genesis", e.to_string()))?;
        return Ok((Height(1), list));
    }
    if let Some(height) = height
        && let Some(list) = recovered(chain, height).await?
    {
        return Ok((height, list));
    }
    let before = height.map(|height| Height(height.0.saturating_sub(1)));
    let entries = chain.read(&[keyspace::authorities()], before).await?;
    let list = typed("authority list", entries.values.first().and_then(Option::as_deref))?;
    let list = list.ok_or_else(|| CliError::internal("bad_state", "the state has no authority list"))?;
    Ok((Height(entries.height.0.saturating_add(1)), list))
}

/// The list of a height that began with a recovery: the state before it names another one.
async fn recovered(chain: &Chain, height: Height) -> Result<Option<AuthorityList>> {
    let Some(document) = chain.client.headers(height, 1).await?.headers.into_iter().next() else { return Ok(None) };
    let Some(recovery) = document.recovery else { return Ok(None) };
    let list = recovery.signed.plan.authorities;
    let decided_by = match chain.verifier() {
        Some(verifier) => verifier.header(height).await?.header().authorities,
        None => document.header.authorities,
    };
    Ok((list.hash() == decided_by).then_some(list))
}

#[derive(Serialize)]
struct Row {
    position: usize,
    org: OrganisationId,
    node_id: NodeId,
}

async fn list(context: &Context, chain: &Chain, height: Option<Height>) -> Result<()> {
    let (height, list) = deciding(chain, height).await?;
    let members = list.members().iter().enumerate();
    let rows: Vec<Row> = members
        .map(|(position, authority)| Row { position, org: authority.organisation.clone(), node_id: authority.node })
        .collect();
    context.output.print(&rows, |rows| {
        let cells: Vec<Vec<String>> =
            rows.iter().map(|r| vec![r.position.to_string(), r.org.to_string(), r.node_id.to_string()]).collect();
        let how = if chain.verifies() { "verified" } else { "NOT verified" };
        format!(
            "{}\n{} authorities decide block {height}, {} of them are a quorum ({how})",
            columns(&["TURN", "ORGANISATION", "NODE ID"], &cells),
            list.count(),
            list.quorum()
        )
    })
}

#[derive(Serialize)]
struct Scored {
    org: OrganisationId,
    node_id: NodeId,
    standing: Standing,
    since: Height,
    verified: u64,
    missed: u64,
    score: u64,
}

async fn scores(context: &Context, chain: &Chain) -> Result<()> {
    let (height, counted) = Governed::of(chain)?.scores().await?;
    let (_, list) = member_list(chain).await?;
    let mut rows: Vec<Scored> = list
        .nodes
        .iter()
        .map(|node| {
            let none = Score { node: node.node, verified: 0, missed: 0 };
            let found = counted.nodes.iter().find(|score| score.node == node.node).unwrap_or(&none);
            Scored {
                org: node.organisation.clone(),
                node_id: node.node,
                standing: node.standing,
                since: node.since,
                verified: found.verified,
                missed: found.missed,
                score: score(node.since, height, found),
            }
        })
        .collect();
    rows.sort_by(|a, b| b.score.cmp(&a.score).then(a.node_id.cmp(&b.node_id)));
    context.output.print(&rows, |rows| {
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|r| {
                vec![
                    r.score.to_string(),
                    r.verified.to_string(),
                    r.missed.to_string(),
                    r.standing.text().into(),
                    r.org.to_string(),
                    r.node_id.to_string().chars().take(12).collect(),
                ]
            })
            .collect();
        columns(&["SCORE", "VERIFIED", "MISSED", "STANDING", "ORGANISATION", "NODE ID"], &cells)
    })
}

#[derive(Serialize)]
struct Elected {
    nodes: Vec<NodeId>,
    policy: SelectionPolicy,
    election_blocks: u64,
    transaction: Hash,
    height: u64,
}

async fn elect(context: &Context, chain: &Chain, nodes: &[NodeId], sign: &SignOptions) -> Result<()> {
    let settings = Governed::of(chain)?.settings().await?;
    let list = List::new(nodes.to_vec()).map_err(|e| {
        CliError::usage("too_many", format!("too many nodes: {e}"))
            .field("NODE_ID")
            .value(nodes.len().to_string())
            .rule(format!("at most {}", e.maximum))
    })?;
    let outcome = send::call(context, chain, sign, &Elect { nodes: list }).await?;
    let elected = Elected {
        nodes: nodes.to_vec(),
        policy: settings.policy,
        election_blocks: settings.election_blocks,
        transaction: outcome.hash,
        height: outcome.height,
    };
    context.output.print(&elected, |e| {
        let counts = match e.policy {
            SelectionPolicy::Election => {
                format!("at the next election; there is one every {} blocks", e.election_blocks)
            }
            SelectionPolicy::Score => "not now: this chain's policy is score".to_owned(),
        };
        table(&[
            ("voice for", if e.nodes.is_empty() { "nobody".into() } else { format!("{} nodes", e.nodes.len()) }),
            ("counts", counts),
            ("block", e.height.to_string()),
        ])
    })
}
