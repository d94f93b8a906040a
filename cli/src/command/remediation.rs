//! `althing remediation`: what a removed member did is put right by a plan that members vote on.
//!
//! A plan is believed for what it says, not for being right: its hash is computed here from its documents, and that it is
//! the plan of the chain follows from computing it again, on a node of one's own.

use super::{Context, proposal, send};
use crate::{
    args::{RemediationCommand, SignOptions},
    chain::Chain,
    error::{CliError, Result},
    exit_code::Exit,
    governed::Governed,
    home::{Access, write_file},
    output::table,
};
use althing_api::{ErrorCode, model::HexBytes};
use althing_client::ClientError;
use althing_interface::governance::ProposalKind;
use althing_types::{
    codec::Bytes,
    hash::Hash,
    id::{Height, OrganisationId},
    keyspace,
    remediation::{Plan, PlanHead, PlanItem, document_hash},
    transaction::{Content, Operation},
};
use serde::{Deserialize, Serialize};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Longest file of a plan in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Pause before asking again for a plan that is being computed.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs a command of `althing remediation`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &RemediationCommand) -> Result<()> {
    match command {
        RemediationCommand::Plan { organisation, from, base, out } => {
            plan(context, organisation, *from, *base, out.as_deref()).await
        }
        RemediationCommand::Propose { file, sign } => propose(context, file, sign).await,
        RemediationCommand::Check { proposal } => check(context, *proposal).await,
    }
}

/// A plan as it is kept in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile {
    plan_hash: Hash,
    documents: Vec<HexBytes>,
}

/// Asks the node for a plan until it is computed, and checks that it is one, and about this.
async fn computed(
    context: &Context,
    chain: &Chain,
    organisation: &OrganisationId,
    from: Height,
    base: Height,
) -> Result<Plan> {
    let (began, limit) = (Instant::now(), Duration::from_secs(context.global.timeout));
    let answer = loop {
        match chain.client.remediation_plan(organisation, from, Some(base)).await {
            Err(ClientError::Api { error, .. })
                if matches!(error.code, ErrorCode::NotReady | ErrorCode::Timeout | ErrorCode::Busy)
                    && began.elapsed() < limit =>
            {
                context.output.note("the plan is being computed");
                tokio::time::sleep(PAUSE).await;
            }
            other => break other?,
        }
    };
    let bad = |reason: String| {
        CliError::new(Exit::Network, "bad_answer", format!("the node's plan is none: {reason}")).field("plan")
    };
    let documents = answer.documents.into_iter().map(|document| document.0).collect();
    let plan = Plan::read(documents).map_err(|error| bad(error.to_string()))?;
    let PlanHead { chain: of, organisation: about, from: first, base: last, .. } = &plan.head;
    if *of != chain.genesis.chain || about != organisation || *first != from || *last != base {
        return Err(bad(format!("it is about {about} of chain {of}, heights {first} to {last}")));
    }
    if plan.hash() != answer.plan_hash {
        return Err(bad(format!("its hash is {}, the node says {}", plan.hash(), answer.plan_hash)));
    }
    Ok(plan)
}

async fn plan(
    context: &Context,
    organisation: &OrganisationId,
    from: Height,
    base: Option<Height>,
    out: Option<&Path>,
) -> Result<()> {
    #[derive(Serialize)]
    struct Shown {
        plan_hash: Hash,
        #[serde(flatten)]
        head: PlanHead,
        changes: Vec<proposal::Change>,
        items: Vec<PlanItem>,
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
    }
    let chain = context.chain().await?;
    let base = match base {
        Some(base) => base,
        None => chain.client.status().await?.height,
    };
    let plan = computed(context, &chain, organisation, from, base).await?;
    let changes = proposal::described(&chain, &plan).await?;
    let plan_hash = plan.hash();
    if let Some(path) = out {
        let documents = plan.documents.iter().cloned().map(HexBytes).collect();
        let text = serde_json::to_string_pretty(&PlanFile { plan_hash, documents })
            .map_err(|e| CliError::internal("json", e.to_string()))?;
        write_file(path, text.as_bytes(), Access::Public)?;
    }
    let file = out.map(|path| path.display().to_string());
    let shown = Shown { plan_hash, head: plan.head, changes, items: plan.items, file };
    context.output.print(&shown, |s| {
        let mut rows = rows(&s.plan_hash, &s.head);
        if let Some(file) = &s.file {
            rows.push(("file", file.clone()));
            rows.push(("propose", format!("althing remediation propose {file} --key NAME")));
        }
        format!("{}\n\nchanges:\n{}", table(&rows), proposal::change_text(&s.changes, usize::MAX))
    })
}

fn rows(plan: &Hash, head: &PlanHead) -> Vec<(&'static str, String)> {
    let counts = &head.counts;
    vec![
        ("plan", plan.to_string()),
        ("organisation", head.organisation.to_string()),
        ("heights", format!("{} to {}", head.from, head.base)),
        ("put back", format!("{} values; {} stay, written later by others", counts.restored, counts.kept)),
        ("marked", format!("{} transactions", counts.marked)),
        ("lost", format!("{} transactions packed again, {} left to their senders", counts.repackaged, counts.left)),
        ("dependent", format!("{} transactions succeeded only because of bad ones, and stay", counts.dependent)),
        ("blocks", format!("{} to carry it out", head.parts.len())),
    ]
}

fn read_plan(file: &Path) -> Result<Plan> {
    let bad = |reason: String| {
        CliError::data("bad_plan", format!("{}: {reason}", file.display()))
            .field("FILE")
            .value(file.display().to_string())
            .rule("a file that althing remediation plan --out wrote")
    };
    let size = std::fs::metadata(file).map_err(|e| CliError::file("read", file, &e))?.len();
    if size > MAX_FILE {
        return Err(bad(format!("{size} bytes are too many")));
    }
    let text = std::fs::read(file).map_err(|e| CliError::file("read", file, &e))?;
    let found: PlanFile = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
    let documents = found.documents.into_iter().map(|document| document.0).collect();
    let plan = Plan::read(documents).map_err(|e| bad(e.to_string()))?;
    if plan.hash() == found.plan_hash { Ok(plan) } else { Err(bad(format!("its hash is {}", plan.hash()))) }
}

async fn propose(context: &Context, file: &Path, sign: &SignOptions) -> Result<()> {
    let plan = read_plan(file)?;
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    if plan.head.chain != chain.genesis.chain {
        return Err(CliError::usage("wrong_chain", format!("the plan is for chain '{}'", plan.head.chain))
            .field("chain")
            .value(plan.head.chain.as_str())
            .rule(chain.genesis.chain.as_str()));
    }
    let progress = context.output.progress("uploading", plan.documents.len() as u64);
    for document in &plan.documents {
        let key = keyspace::remediation(&document_hash(document));
        if chain.read(&[key], None).await?.values.pop().flatten().is_none() {
            let document = Bytes::new(document.clone()).map_err(|e| CliError::internal("plan", e.to_string()))?;
            let mut options = sign.sending();
            options.fuel = None;
            let content = Content::StorePlan { document };
            send::perform(context, &chain, &options, Operation::StorePlan, content).await?;
        }
        progress.advance(1);
    }
    drop(progress);
    let subject = plan.head.subject();
    let kind = ProposalKind::Remediate {
        plan: plan.hash(),
        organisation: subject.organisation,
        from: subject.from,
        parts: subject.parts,
        restored: subject.restored,
        marked: subject.marked,
    };
    proposal::propose(context, &governed, kind, sign).await
}

async fn check(context: &Context, id: u64) -> Result<()> {
    #[derive(Serialize)]
    struct Checked {
        proposal: u64,
        plan_hash: Hash,
        computed: Hash,
        same: bool,
        #[serde(flatten)]
        head: PlanHead,
    }
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let ProposalKind::Remediate { plan: hash, .. } = governed.proposal(id).await?.kind else {
        return Err(CliError::usage("no_plan", format!("proposal {id} proposes no remediation plan"))
            .field("proposal")
            .value(id.to_string())
            .rule("a proposal of the kind remediate"));
    };
    let stored = proposal::stored_plan(&chain, &hash).await?;
    let PlanHead { organisation, from, base, .. } = &stored.head;
    let again = computed(context, &chain, organisation, *from, *base).await?;
    let computed = again.hash();
    let checked = Checked { proposal: id, plan_hash: hash, computed, same: computed == hash, head: stored.head };
    if !checked.same {
        let message = format!("proposal {id} names plan {hash}, this node computes {computed}");
        return Err(CliError::new(Exit::Proof, "other_plan", message)
            .field("plan")
            .value(hash.to_string())
            .rule(computed.to_string())
            .hint("ask another node too; when it says the same, vote against the proposal"));
    }
    context.output.print(&checked, |c| {
        let mut rows = rows(&c.plan_hash, &c.head);
        rows.insert(0, ("check", format!("proposal {}: this node computes the same plan", c.proposal)));
        table(&rows)
    })
}
