//! `althing upgrade status`: a contract's code, the proposals to change it, and a migration that is under way; or one
//! proposal with those who have rebuilt its module.

use super::{Context, proposal};
use crate::{
    error::{CliError, Result},
    governed::Governed,
    output::table,
};
use althing_interface::{
    call::Call,
    governance::{self, ProposalKind, ProposalStatus, ViewAttestations},
};
use althing_types::{
    codec::{List, decode, encode},
    hash::Hash,
    id::{ContractId, OrganisationId},
    keyspace::{self, ContractEntry},
    migration::{Migration, Phase},
};
use serde::Serialize;

/// Longest list of attestations in bytes.
const MAX_LIST: usize = 64 * 1024;

/// Shows a contract, or a proposal by its number.
///
/// # Errors
/// When there is none, no node answers, or a proof fails.
pub(super) async fn run(context: &Context, what: &str) -> Result<()> {
    match what.parse::<u64>() {
        Ok(id) => of_proposal(context, id).await,
        Err(_) => of_contract(context, &ContractId::new(what)?).await,
    }
}

#[derive(Serialize)]
struct Progress {
    phase: &'static str,
    code: Hash,
    since: u64,
    steps: u64,
    entries: u64,
    fuel_used: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<Migration> for Progress {
    fn from(migration: Migration) -> Self {
        let (phase, reason) = match migration.phase {
            Phase::Forward => ("forward", None),
            Phase::Back { failure } => ("back", Some(failure.message.to_string())),
            Phase::Clean => ("clean", None),
        };
        Self {
            phase,
            code: migration.code,
            since: migration.since.0,
            steps: migration.steps,
            entries: migration.entries,
            fuel_used: migration.fuel_used,
            reason,
        }
    }
}

impl Progress {
    fn text(&self) -> String {
        match self.phase {
            "forward" => format!(
                "since block {}, {} steps, {} entries; calls are refused until it ends",
                self.since, self.steps, self.entries
            ),
            "back" => format!(
                "failed: {}; {} entries are still to be put back, calls are refused until then",
                self.reason.as_deref().unwrap_or_default(),
                self.entries
            ),
            _ => format!("done; {} old values are still to be removed", self.entries),
        }
    }
}

async fn progress(governed: &Governed<'_>, contract: &ContractId) -> Result<Option<Progress>> {
    let (_, found) = governed.chain().value::<Migration>("migration", keyspace::migration(contract)).await?;
    Ok(found.map(Progress::from))
}

async fn of_contract(context: &Context, id: &ContractId) -> Result<()> {
    #[derive(Serialize)]
    struct Shown<P> {
        contract: ContractId,
        #[serde(flatten)]
        entry: ContractEntry,
        #[serde(skip_serializing_if = "Option::is_none")]
        migration: Option<Progress>,
        proposals: P,
        verified: bool,
    }
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let (_, entry) = chain.contract(id).await?;
    let wanted = |kind: &ProposalKind| match kind {
        ProposalKind::Upgrade { contract, .. } | ProposalKind::Deploy { contract, .. } => contract == id,
        _ => false,
    };
    let migration = progress(&governed, id).await?;
    let (proposals, text) = proposal::about(&governed, wanted).await?;
    let shown = Shown { contract: id.clone(), entry, migration, proposals, verified: chain.verifies() };
    context.output.print(&shown, |s| {
        let mut rows = vec![
            ("contract", s.contract.to_string()),
            ("code", s.entry.code.to_string()),
            ("state version", s.entry.state_version.to_string()),
            ("upgrades so far", s.entry.upgrades.to_string()),
        ];
        if let Some(migration) = &s.migration {
            rows.push(("migration", migration.text()));
        }
        format!("{}\n\n{text}", table(&rows))
    })
}

async fn of_proposal(context: &Context, id: u64) -> Result<()> {
    #[derive(Serialize)]
    struct Shown {
        proposal: u64,
        contract: ContractId,
        code: Hash,
        status: ProposalStatus,
        agree: u32,
        threshold: u32,
        until: u64,
        attestations: Vec<OrganisationId>,
        attestations_needed: u16,
        #[serde(skip_serializing_if = "Option::is_none")]
        migration: Option<Progress>,
        message: String,
        verified: bool,
    }
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let asked = governed.proposal(id).await?;
    let (contract, code) = code_of(id, &asked.kind)?;
    let shown = Shown {
        proposal: id,
        status: asked.proposal.status,
        agree: asked.proposal.agree,
        threshold: asked.proposal.electorate.needed,
        until: asked.proposal.until_ms,
        attestations: attesting(&governed, code).await?,
        attestations_needed: governed.settings().await?.attestations_needed,
        migration: progress(&governed, &contract).await?.filter(|migration| migration.code == code),
        message: asked.proposal.message.to_string(),
        verified: chain.verifies(),
        contract,
        code,
    };
    context.output.print(&shown, |s| {
        let names: Vec<&str> = s.attestations.iter().map(OrganisationId::as_str).collect();
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let mut rows = vec![
            ("proposal", format!("{}: code {} for {}", s.proposal, s.code, s.contract)),
            ("status", s.status.to_string()),
            ("agree", format!("{} of {}", s.agree, s.threshold)),
            ("rebuilt by", format!("{names}: {} of {} needed", s.attestations.len(), s.attestations_needed)),
        ];
        if let Some(migration) = &s.migration {
            rows.push(("migration", migration.text()));
        }
        if !s.message.is_empty() {
            rows.push(("outcome", s.message.clone()));
        }
        table(&rows)
    })
}

/// The contract and the code that a proposal is about.
///
/// # Errors
/// When it is about something else.
pub(super) fn code_of(id: u64, kind: &ProposalKind) -> Result<(ContractId, Hash)> {
    match kind {
        ProposalKind::Upgrade { contract, code, .. } | ProposalKind::Deploy { contract, code, .. } => {
            Ok((contract.clone(), *code))
        }
        other => Err(CliError::usage("not_code", format!("proposal {id} is not about code"))
            .field("proposal")
            .value(other.class().to_string())
            .rule("a proposal of the class upgrade or deploy")),
    }
}

/// Members that say that they have rebuilt a module. A node's word: attestations of those who have left do not count,
/// which only the contract knows.
///
/// # Errors
/// When no node answers, or not with a list.
pub(super) async fn attesting(governed: &Governed<'_>, code: Hash) -> Result<Vec<OrganisationId>> {
    let query = ViewAttestations { code };
    let contract = ContractId::new(governance::ID)?;
    let answer = governed.chain().client.view(&contract, ViewAttestations::METHOD, &encode(&query)).await?;
    let bytes = answer.result.unwrap_or_default().0;
    let list: List<OrganisationId, 256> = decode("attestations", &bytes, MAX_LIST)
        .map_err(|e| CliError::internal("bad_answer", format!("the node's list of attestations: {e}")))?;
    Ok(list.into_vec())
}
