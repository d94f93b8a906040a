//! `althing upgrade dry-run`: what a change of code would do, tried by a node on a fork of the present state.
//!
//! The node's answer cannot be proven. A member who votes runs it again, on a node of its own, and compares.

use super::{Context, entry, status::code_of};
use crate::{
    chain::Chain,
    command::{
        contract::module::Module,
        proposal::{Change, change_text},
    },
    error::{CliError, Result},
    exit_code::Exit,
    governed::Governed,
    output::table,
};
use althing_abi::{
    diff::diff,
    json,
    schema::{Abi, Type},
};
use althing_api::{
    dry_run::{DryRunChange, DryRunRequest, DryRunResponse},
    model::HexBytes,
};
use althing_interface::governance::{Forecast, ProposalKind};
use althing_types::{
    hash::Hash,
    id::ContractId,
    keyspace::{self, code_hash, parse_storage},
    receipt::Failure,
};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path};

/// Entries that fit on one screen.
const SCREEN: usize = 40;

/// An event that would be emitted.
#[derive(Serialize)]
struct Told {
    contract: ContractId,
    name: String,
    data: String,
}

/// What a proposal says of its dry run, beside what this one says.
#[derive(Serialize)]
struct Comparison {
    proposal: u64,
    forecast: Forecast,
    same: bool,
}

/// A dry run in words.
#[derive(Serialize)]
pub(in crate::command) struct Tried {
    contract: ContractId,
    code: Hash,
    passes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    would_brick_governance: bool,
    height: u64,
    predicted: Hash,
    state_root: Hash,
    fuel_used: u64,
    blocks: u64,
    changed: u64,
    abi: Vec<althing_abi::diff::Change>,
    changes: Vec<Change>,
    events: Vec<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared: Option<Comparison>,
    verified: bool,
}

/// Runs the command.
///
/// # Errors
/// When it cannot be tried, or would fail.
pub(super) async fn run(
    context: &Context,
    id: Option<&ContractId>,
    file: Option<&Path>,
    proposal: Option<u64>,
) -> Result<()> {
    let chain = context.chain().await?;
    let tried = match (id, file, proposal) {
        (_, _, Some(number)) => proposed(&chain, number).await?,
        (Some(id), Some(file), None) => try_module(&chain, id, &Module::read(file)?).await?,
        _ => {
            return Err(CliError::usage("nothing_to_try", "name a contract and a module, or a proposal")
                .field("--proposal")
                .rule("CONTRACT MODULE.wasm, or --proposal ID"));
        }
    };
    context.output.print(&tried, Tried::text)?;
    tried.verdict()
}

/// Tries a module before it is proposed.
///
/// # Errors
/// When no node answers.
pub(in crate::command) async fn before_proposing(chain: &Chain, id: &ContractId, module: &Module) -> Result<Tried> {
    try_module(chain, id, module).await
}

async fn try_module(chain: &Chain, id: &ContractId, module: &Module) -> Result<Tried> {
    let request = DryRunRequest {
        contract: id.clone(),
        code: None,
        module: Some(HexBytes(module.code.clone())),
        arguments: HexBytes::default(),
    };
    tried(chain, &request, code_hash(&module.code), &module.abi).await
}

/// Tries what a proposal is about, and compares.
async fn proposed(chain: &Chain, number: u64) -> Result<Tried> {
    let kind = Governed::of(chain)?.proposal(number).await?.kind;
    let (contract, code) = code_of(number, &kind)?;
    let stored = chain.read(&[keyspace::code(&code)], None).await?.values.pop().flatten().unwrap_or_default();
    let abi = Abi::read(&stored).map_err(|e| {
        CliError::data("no_abi", format!("the code of proposal {number}: {e}"))
            .field("code")
            .value(code.to_string())
            .rule("code that is on the chain")
    })?;
    let arguments = match &kind {
        ProposalKind::Deploy { arguments, .. } => HexBytes(arguments.to_vec()),
        _ => HexBytes::default(),
    };
    let request = DryRunRequest { contract, code: Some(code), module: None, arguments };
    let mut tried = tried(chain, &request, code, &abi).await?;
    if let ProposalKind::Upgrade { forecast: Some(forecast), .. } = kind {
        let same = forecast.predicted == tried.predicted && tried.passes;
        tried.compared = Some(Comparison { proposal: number, forecast, same });
    }
    Ok(tried)
}

async fn tried(chain: &Chain, request: &DryRunRequest, code: Hash, new: &Abi) -> Result<Tried> {
    let answer = chain.client.dry_run(request).await?;
    let exists = chain.value::<keyspace::ContractEntry>("contract entry", keyspace::contract(&request.contract));
    let old = match exists.await?.1 {
        Some(_) => Some(chain.abi(&request.contract).await?),
        None => None,
    };
    let mut others = BTreeMap::new();
    for (contract, _) in answer.changes.iter().filter_map(|change| parse_storage(&change.key.0)) {
        if contract != request.contract && !others.contains_key(&contract) {
            let abi = chain.abi(&contract).await.ok();
            others.insert(contract, abi);
        }
    }
    let abi_of = |contract: &ContractId| match others.get(contract) {
        Some(abi) => abi.clone(),
        None => Some(new.clone()),
    };
    let change = |change: &DryRunChange| {
        let key = &change.key.0;
        let other = parse_storage(key).and_then(|(contract, _)| others.get(&contract).cloned().flatten());
        let (before, after) = match &other {
            Some(abi) => (Some(abi), Some(abi)),
            None => (old.as_ref(), Some(new)),
        };
        Change {
            what: entry::place(key, abi_of),
            before: change.before.as_ref().map(|bytes| entry::value(before, key, &bytes.0)),
            after: change.after.as_ref().map(|bytes| entry::value(after, key, &bytes.0)),
        }
    };
    let DryRunResponse {
        height,
        predicted,
        blocks,
        events,
        state_root,
        failure,
        ungoverned,
        fuel_used,
        changed,
        changes,
    } = answer;
    let told = events.into_iter().map(|event| {
        let fields = abi_of(&event.contract).and_then(|abi| event_text(&abi, &event.name, &event.data.0));
        let data = fields.unwrap_or_else(|| hex::encode(&event.data.0));
        Told { contract: event.contract, name: event.name, data }
    });
    Ok(Tried {
        contract: request.contract.clone(),
        code,
        passes: failure.is_none(),
        would_brick_governance: ungoverned.is_some(),
        failure,
        height: height.0,
        predicted,
        state_root,
        fuel_used,
        blocks,
        changed,
        abi: old.as_ref().map(|old| diff(old, new)).unwrap_or_default(),
        changes: changes.iter().map(change).collect(),
        events: told.collect(),
        compared: None,
        verified: false,
    })
}

/// The fields of an event as JSON.
fn event_text(abi: &Abi, name: &str, data: &[u8]) -> Option<String> {
    let event = abi.event(name)?;
    let fields = event.fields.iter().map(|f| althing_abi::schema::Field { name: f.name.clone(), kind: f.kind.clone() });
    let kind = Type::Struct { name: event.name.clone(), fields: fields.collect() };
    json::decode(&kind, data).ok().map(|value| value.to_string())
}

impl Tried {
    /// What a proposal of it says.
    pub(in crate::command) const fn forecast(&self) -> Forecast {
        Forecast {
            predicted: self.predicted,
            base: althing_types::id::Height(self.height),
            changed: self.changed,
            fuel: self.fuel_used,
            blocks: self.blocks,
        }
    }

    /// Whether it would pass.
    ///
    /// # Errors
    /// When it would fail.
    pub(in crate::command) fn verdict(&self) -> Result<()> {
        let Some(failure) = &self.failure else { return Ok(()) };
        let code = serde_json::to_value(failure.code).ok().and_then(|c| c.as_str().map(str::to_owned));
        let code = code.unwrap_or_else(|| "failed".into());
        Err(CliError::new(Exit::Refused, code, format!("the dry run fails: {}", failure.message))
            .field("code")
            .value(self.code.to_string())
            .rule("code whose dry run passes"))
    }

    /// For people.
    pub(in crate::command) fn text(&self) -> String {
        let outcome = match &self.failure {
            None => "passes".to_owned(),
            Some(failure) => format!("FAILS: {}", failure.message),
        };
        let mut rows = vec![
            ("contract", self.contract.to_string()),
            ("code", self.code.to_string()),
            ("dry run", outcome),
            ("tried on", format!("the state of block {} (one node's answer, NOT verified)", self.height)),
            ("fuel", format!("{} in {} block(s)", self.fuel_used, self.blocks)),
            ("predicted", format!("{} (state root {})", self.predicted, self.state_root)),
        ];
        if let Some(compared) = &self.compared {
            let same = if compared.same { "still what the proposal says" } else { "OTHERWISE than the proposal says" };
            rows.push((
                "proposal",
                format!("{}: {same} (tried at block {})", compared.proposal, compared.forecast.base),
            ));
        }
        let line =
            |c: &althing_abi::diff::Change| format!("{} {}", if c.breaking { "BREAKS" } else { "      " }, c.what);
        let abi: Vec<String> = self.abi.iter().map(line).collect();
        let abi = if abi.is_empty() { "       no difference".to_owned() } else { abi.join("\n") };
        let mut out = format!("{}\n\ninterface:\n{abi}", table(&rows));
        out.push_str(&format!("\n\nstate, {} entries:\n{}", self.changed, change_text(&self.changes, SCREEN)));
        if !self.events.is_empty() {
            let events: Vec<String> =
                self.events.iter().take(SCREEN).map(|e| format!("  {}.{} {}", e.contract, e.name, e.data)).collect();
            out.push_str(&format!("\n\nevents, {}:\n{}", self.events.len(), events.join("\n")));
        }
        out
    }
}
