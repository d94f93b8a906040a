//! `althing recovery`: going on after the quorum is lost for good (P 0049).

use super::{Context, key};
use crate::{
    args::{RecoveryCommand, RecoveryDraft, RecoverySign},
    chain::typed,
    devnet::setup::now_ms,
    error::{CliError, Result},
    exit_code::Exit,
    output::table,
    recovery::{self, Replace, judge, refused, remember},
};
use althing_api::recovery::RecoveryProgress;
use althing_types::{
    authority::{Authority, AuthorityList},
    codec::List,
    codec::Text,
    crypto::NodeId,
    govern::MemberList,
    hash::Hash,
    id::{ChainId, Height, OrganisationId},
    keyspace,
    recovery::{RecoveryPlan, SignedRecovery, needed},
};
use serde::Serialize;
use std::{path::Path, time::Duration};

/// Pause between two looks at a node.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Runs a command of `althing recovery`.
///
/// # Errors
/// The command's failure; of a plan that is refused, the number of the rule.
pub(super) async fn run(context: &Context, command: &RecoveryCommand) -> Result<()> {
    match command {
        RecoveryCommand::Draft(options) => draft(context, options).await,
        RecoveryCommand::Sign(options) => sign(context, options),
        RecoveryCommand::Merge { files, out, without } => {
            let mut all = Vec::new();
            for file in files {
                all.push(recovery::read(file)?);
            }
            let mut rest = all.into_iter();
            let Some(mut merged) = rest.next() else { return Ok(()) };
            rest.try_for_each(|other| merged.merge(other)).map_err(|error| refused(&error))?;
            let kept = merged.signatures.iter().filter(|s| !without.contains(&s.organisation)).cloned().collect();
            merged.signatures = List::new(kept).unwrap_or_default();
            recovery::write(out, &merged)?;
            print(context, &merged, Some(out), None)
        }
        RecoveryCommand::Show { file } => show(context, file).await,
        RecoveryCommand::Apply { file, no_wait } => apply(context, file, *no_wait).await,
    }
}

async fn draft(context: &Context, options: &RecoveryDraft) -> Result<()> {
    let chain = context.chain().await?;
    let status = chain.client.status().await?;
    let keys = [keyspace::members(), keyspace::authorities()];
    let entries = chain.read(&keys, Some(status.height)).await?;
    let mut values = entries.values.iter().map(Option::as_deref);
    let members: Option<MemberList> = typed("member list", values.next().flatten())?;
    let members = members.unwrap_or_else(|| chain.genesis.member_list());
    let present: Option<AuthorityList> = typed("authority list", values.next().flatten())?;
    let present = present.ok_or_else(|| CliError::internal("bad_state", "the state has no authority list"))?;
    let mut chosen = Vec::new();
    for text in &options.authorities {
        chosen.push(member(&members, text.trim())?);
    }
    chosen.sort_by_key(|authority| authority.node);
    let bad_list = |e: althing_types::authority::AuthorityListError| {
        CliError::usage("bad_authorities", e.to_string()).field("--authorities")
    };
    let authorities = AuthorityList::new(chosen, present.threshold()).map_err(bad_list)?;
    let reason = Text::new(options.reason.clone())
        .map_err(|e| CliError::usage("bad_reason", e.to_string()).field("--reason").rule("at most 1024 bytes"))?;
    let first = status.height.next();
    let in_force = status.recovery.filter(|notice| notice.height == first);
    let number = options.number.unwrap_or_else(|| in_force.map_or(1, |notice| notice.number.saturating_add(1)));
    let plan = RecoveryPlan {
        chain: status.chain_id,
        height: status.height,
        block: entries.block.unwrap_or(status.block_hash),
        number,
        authorities,
        reason,
        drafted_ms: now_ms(),
    };
    let drafted = SignedRecovery::unsigned(plan);
    recovery::write(&options.out, &drafted)?;
    print(context, &drafted, Some(&options.out), None)
}

/// The member node of this id, or the only one of this organisation.
fn member(members: &MemberList, text: &str) -> Result<Authority> {
    let by_id: Option<NodeId> = text.parse().ok();
    let mut found = members.nodes.iter().filter(|member| match by_id {
        Some(node) => member.node == node,
        None => member.organisation.as_str() == text,
    });
    let wrong = |message: String| {
        CliError::usage("bad_authorities", message)
            .field("--authorities")
            .value(text)
            .rule("the id of a member node, or of an organisation with one member node; see althing member list")
    };
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(Authority { node: one.node, organisation: one.organisation.clone() }),
        (None, _) => Err(wrong(format!("'{text}' is no member"))),
        (Some(_), Some(_)) => Err(wrong(format!("organisation '{text}' has more than one member node"))),
    }
}

fn sign(context: &Context, options: &RecoverySign) -> Result<()> {
    let mut signed = recovery::read(&options.file)?;
    let organisation = match &options.organisation {
        Some(given) => given.clone(),
        None => OrganisationId::new(&options.key)?,
    };
    let secret = key::open(context, &options.key)?;
    let replace = if options.replace { Replace::Allowed } else { Replace::Never };
    // Before the signature exists: what is remembered and not signed does no harm.
    remember(&context.home, &signed.plan, &organisation, replace)?;
    signed.sign(organisation, &secret).map_err(|error| refused(&error))?;
    let out = options.out.as_ref().unwrap_or(&options.file);
    recovery::write(out, &signed)?;
    print(context, &signed, Some(out), None)
}

async fn show(context: &Context, file: &Path) -> Result<()> {
    let signed = recovery::read(file)?;
    // Without a node the file alone is shown.
    if context.client().is_err() {
        return print(context, &signed, None, None);
    }
    let chain = context.chain().await?;
    let judgement = judge(&chain, &signed).await?;
    print(context, &signed, None, Some(&judgement))
}

#[derive(Serialize)]
struct Applied {
    plan: Hash,
    progress: RecoveryProgress,
    first_height: Height,
    height: Height,
}

async fn apply(context: &Context, file: &Path, no_wait: bool) -> Result<()> {
    let signed = recovery::read(file)?;
    let client = context.client()?;
    let mut answer = client.recover(&signed).await?;
    let first_height = signed.plan.first_height();
    let end = std::time::Instant::now().checked_add(Duration::from_secs(context.global.timeout));
    while !no_wait && answer.progress != RecoveryProgress::Final {
        if end.is_none_or(|end| std::time::Instant::now() >= end) {
            return Err(CliError::new(Exit::Timeout, "not_final", format!("block {first_height} is not final yet"))
                .field("plan")
                .value(answer.plan.to_string())
                .rule("final within the time-out")
                .hint("the plan stays in force on the node; look whether a quorum of the new authorities runs"));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        answer = client.recover(&signed).await?;
    }
    let applied = Applied { plan: answer.plan, progress: answer.progress, first_height, height: answer.height };
    context.output.print(&applied, |a| {
        table(&[
            ("plan", a.plan.to_string()),
            (
                "progress",
                match a.progress {
                    RecoveryProgress::Waiting => "waits until the node has caught up".into(),
                    RecoveryProgress::InForce => format!("in force for block {}", a.first_height),
                    RecoveryProgress::Final => format!("block {} is final under it", a.first_height),
                },
            ),
            ("height", a.height.to_string()),
        ])
    })
}

#[derive(Serialize)]
struct Shown<'a> {
    plan: Hash,
    chain: &'a ChainId,
    height: Height,
    block: Hash,
    number: u16,
    authorities: &'a AuthorityList,
    reason: &'a str,
    drafted_ms: u64,
    signed: Vec<&'a OrganisationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    needed: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    good: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

fn print(
    context: &Context,
    recovery: &SignedRecovery,
    file: Option<&Path>,
    judgement: Option<&recovery::Judgement>,
) -> Result<()> {
    let plan = &recovery.plan;
    let members = judgement.map(|judgement| judgement.members).filter(|members| *members > 0);
    let refusal = judgement.and_then(|judgement| judgement.refusal.as_ref());
    let shown = Shown {
        plan: plan.hash(),
        chain: &plan.chain,
        height: plan.height,
        block: plan.block,
        number: plan.number,
        authorities: &plan.authorities,
        reason: &plan.reason,
        drafted_ms: plan.drafted_ms,
        signed: recovery.signatures.iter().map(|entry| &entry.organisation).collect(),
        members,
        needed: members.map(needed),
        good: judgement.map(|judgement| judgement.refusal.is_none()),
        refusal: refusal.map(|error| error.number()),
        message: refusal.map(|error| error.text()),
        file: file.map(|file| file.display().to_string()),
    };
    context.output.print(&shown, |s| {
        let nodes = s.authorities.members().iter();
        let nodes: Vec<String> = nodes.map(|a| format!("{} ({})", a.organisation, a.node)).collect();
        let signers: Vec<String> = s.signed.iter().map(ToString::to_string).collect();
        let of = match (s.needed, s.members) {
            (Some(needed), Some(members)) => format!("{}, {needed} of {members} are needed", signers.len()),
            _ => signers.len().to_string(),
        };
        let mut rows = vec![
            ("plan", s.plan.to_string()),
            ("chain", s.chain.to_string()),
            ("goes on after", format!("height {}, block {}", s.height, s.block)),
            ("number", s.number.to_string()),
            ("new authorities", format!("{}, quorum {}", s.authorities.count(), s.authorities.quorum())),
        ];
        rows.extend(nodes.into_iter().map(|node| ("", node)));
        rows.push(("reason", s.reason.to_owned()));
        rows.push(("signatures", of));
        rows.extend(signers.into_iter().map(|signer| ("", signer)));
        match (&s.message, s.good) {
            (Some(message), _) => rows.push(("check", message.clone())),
            (None, Some(_)) => rows.push(("check", "good: every node of this chain takes it".into())),
            (None, None) => rows.push(("check", "the file alone; give --api to check it against the chain".into())),
        }
        if let Some(file) = &s.file {
            rows.push(("file", file.clone()));
        }
        table(&rows)
    })
}
