//! Plans of recovery as files, what a signer remembers of them, and their check against a node.
//!
//! A file holds a [`SignedRecovery`] as JSON, so that people can read what they sign. The record of what was signed lies
//! in the home folder, one file per chain, height and organisation.

use crate::{
    chain::Chain,
    error::{CliError, Result},
    exit_code::Exit,
    home::{Access, Home, make_folder, write_file},
};
use althing_types::{
    codec::{Bytes, List, decode},
    hash::Hash,
    id::{Height, OrganisationId},
    recovery::{LastFinal, ProvenEntry, ProvenRecovery, RecoveryError, RecoveryPlan, SignedRecovery},
};
use std::{
    io::Read,
    path::{Path, PathBuf},
};

/// Longest file of a plan in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Reads a plan.
///
/// # Errors
/// When the file is not there, is too long, or is no plan.
pub fn read(path: &Path) -> Result<SignedRecovery> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| CliError::file("read", path, &e))?;
    file.take(MAX_FILE.saturating_add(1)).read_to_string(&mut text).map_err(|e| CliError::file("read", path, &e))?;
    let bad = |reason: String| {
        CliError::data("bad_plan", format!("{} is no plan of recovery: {reason}", path.display()))
            .field("file")
            .value(path.display().to_string())
    };
    if text.len() as u64 > MAX_FILE {
        return Err(bad(format!("it is longer than {MAX_FILE} bytes")));
    }
    serde_json::from_str(&text).map_err(|e| bad(e.to_string()))
}

/// Writes a plan.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, recovery: &SignedRecovery) -> Result<()> {
    let mut text = serde_json::to_string_pretty(recovery).map_err(|e| CliError::internal("json", e.to_string()))?;
    text.push('\n');
    write_file(path, text.as_bytes(), Access::Public)
}

/// A refused plan as an error of the command line.
pub fn refused(error: &RecoveryError) -> CliError {
    CliError::new(Exit::Refused, "recovery_refused", error.text())
        .field("recovery")
        .value(error.number().to_string())
        .rule(error.to_string())
}

/// Where it is remembered which plan an organisation signed.
fn record(home: &Home, plan: &RecoveryPlan, organisation: &OrganisationId) -> PathBuf {
    let name = format!("{}_{}_{organisation}.txt", plan.chain, plan.height);
    // Colons are legal in ids and not in the names of files everywhere.
    home.path().join("recoveries").join(name.replace(':', "+"))
}

/// Remembers that an organisation signs this plan.
///
/// # Errors
/// Code `other_plan_signed` when it has signed another one for the same chain and height, unless `replace` says so.
pub fn remember(home: &Home, plan: &RecoveryPlan, organisation: &OrganisationId, replace: Replace) -> Result<()> {
    let path = record(home, plan, organisation);
    let hash = plan.hash().to_string();
    match std::fs::read_to_string(&path) {
        Ok(before) if before.trim() == hash => return Ok(()),
        Ok(before) if replace == Replace::Never => {
            return Err(CliError::new(
                Exit::Refused,
                "other_plan_signed",
                format!("organisation {organisation} has signed plan {} for height {}", before.trim(), plan.height),
            )
            .field("plan")
            .value(hash)
            .rule("one plan per chain and height")
            .hint("when the plan signed before is given up by all, sign with --replace"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(CliError::file("read", &path, &error)),
    }
    if let Some(folder) = path.parent() {
        make_folder(folder, Access::Secret)?;
    }
    write_file(&path, hash.as_bytes(), Access::Secret)
}

/// Whether a second plan of one height may be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// No.
    Never,
    /// Yes: the one before is given up.
    Allowed,
}

/// What the chain says of a plan.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Member organisations at the plan's height.
    pub members: u32,
    /// Why it is refused; `None` when it is good.
    pub refusal: Option<RecoveryError>,
}

/// Checks a plan as every node does, with values that are proven under the state root of the plan's height.
///
/// # Errors
/// When no node answers or a header fails its check. A plan that is refused is no error here.
pub async fn judge(chain: &Chain, recovery: &SignedRecovery) -> Result<Judgement> {
    let plan = &recovery.plan;
    let status = chain.client.status().await?;
    let last_known = status.height;
    if plan.chain != status.chain_id {
        let (found, expected) = (plan.chain.clone(), status.chain_id);
        return Ok(Judgement { members: 0, refusal: Some(RecoveryError::Chain { found, expected }) });
    }
    if plan.height > last_known {
        let (found, expected) = (plan.height, last_known);
        return Ok(Judgement { members: 0, refusal: Some(RecoveryError::Height { found, expected }) });
    }
    let (block, state_root) = end_at(chain, plan.height, (status.height, status.block_hash, status.state_root)).await?;
    let batch = chain.client.state_batch(&recovery.state_keys(), Some(plan.height)).await?;
    let mut entries = Vec::with_capacity(batch.entries.len());
    for entry in batch.entries {
        let none = || CliError::new(Exit::Proof, "not_proven", "the node gave an entry without a proof");
        let value = entry.value.map(|value| Bytes::new(value.0)).transpose();
        let value =
            value.map_err(|_| CliError::new(Exit::Network, "too_long", "the node gave a value that is too long"))?;
        entries.push(ProvenEntry { value, proof: entry.proof.ok_or_else(none)? });
    }
    let members = entries.first().and_then(|entry| entry.value.as_ref());
    let members = members.and_then(|value| decode("number of members", value.as_slice(), 4).ok()).unwrap_or(0);
    let entries = List::new(entries).map_err(|_| CliError::data("too_long", "more signatures than a plan may have"))?;
    let proven = ProvenRecovery { signed: recovery.clone(), entries };
    let last = LastFinal { chain: &chain.genesis.chain, height: plan.height, block, state_root };
    let mut refusal = proven.verify(&last).err();
    if refusal.is_none() && last_known > plan.height {
        let header = chain.client.headers(plan.first_height(), 1).await?.headers.into_iter().next();
        let other = |r: &ProvenRecovery| r.signed.plan != *plan;
        let decided = header.filter(|document| document.recovery.as_ref().is_none_or(other));
        refusal = decided.map(|document| RecoveryError::Final { height: plan.first_height(), block: document.hash });
    }
    Ok(Judgement { members, refusal })
}

/// Block hash and state root of a height: verified, or believed on request.
async fn end_at(chain: &Chain, height: Height, tip: (Height, Hash, Hash)) -> Result<(Hash, Hash)> {
    if height.0 == 0 || !chain.verifies() {
        if tip.0 == height {
            return Ok((tip.1, tip.2));
        }
        let header = chain.client.headers(height, 1).await?.headers.into_iter().next();
        let header = header.ok_or_else(|| CliError::not_found("block_unknown", format!("no block {height}")))?;
        return Ok((header.hash, header.header.state_root));
    }
    let Some(verifier) = chain.verifier() else { return Ok((tip.1, tip.2)) };
    let header = verifier.header(height).await?;
    Ok((header.header().hash(), header.header().state_root))
}
