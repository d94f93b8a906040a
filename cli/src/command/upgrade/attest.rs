//! `althing upgrade attest`: builds a proposed module from its source and, when the bytes are the same, says so on the
//! chain for the signer's organisation.

use super::{
    Context,
    status::{attesting, code_of},
};
use crate::{
    args::SignOptions,
    command::{contract::build::compile, send},
    error::{CliError, Result},
    exit_code::Exit,
    governed::Governed,
    output::table,
};
use althing_interface::governance::Attest;
use althing_types::{
    hash::Hash,
    id::{ContractId, OrganisationId},
    keyspace::code_hash,
};
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Attested {
    proposal: u64,
    contract: ContractId,
    code: Hash,
    toolchain: String,
    attestations: Vec<OrganisationId>,
    attestations_needed: u16,
    transaction: Hash,
    height: u64,
}

/// Builds, compares and attests.
///
/// # Errors
/// When the source does not build to the proposed bytes: nothing is sent then.
pub(super) async fn run(context: &Context, id: u64, source: &Path, sign: &SignOptions) -> Result<()> {
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let (contract, code) = code_of(id, &governed.proposal(id).await?.kind)?;
    let built = compile(context, &source.join("Cargo.toml"), true)?;
    let found = code_hash(&built.module.code);
    if found != code {
        return Err(CliError::new(
            Exit::Refused,
            "other_code",
            format!("the source gives other code than proposal {id} names"),
        )
        .field("code")
        .value(found.to_string())
        .rule(code.to_string())
        .hint(format!(
            "built with {}: the proposer's toolchain and the committed Cargo.lock are needed",
            built.toolchain
        )));
    }
    let outcome = send::call(context, &chain, sign, &Attest { code }).await?;
    let attested = Attested {
        proposal: id,
        contract,
        code,
        toolchain: built.toolchain,
        attestations: attesting(&governed, code).await?,
        attestations_needed: governed.settings().await?.attestations_needed,
        transaction: outcome.hash,
        height: outcome.height,
    };
    context.output.print(&attested, |a| {
        table(&[
            ("rebuilt", format!("{} for {}", a.code, a.contract)),
            ("attested", format!("{} of {} needed", a.attestations.len(), a.attestations_needed)),
            ("block", a.height.to_string()),
        ])
    })
}
