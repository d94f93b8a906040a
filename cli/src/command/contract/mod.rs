//! `althing contract`: write, build, check, deploy, call, query, upgrade, list, describe and compare contracts.

pub(super) mod build;
pub(super) mod module;
mod new;

use super::{Context, send, tx};
use crate::{
    args::{ContractCommand, SendOptions},
    call::{self, signature},
    chain::Chain,
    error::{CliError, Result},
    exit_code::Exit,
    output::{columns, table},
};
use althing_abi::{
    diff::{Change, diff},
    json,
    schema::{Abi, MethodKind},
};
use althing_types::{
    codec::Bytes,
    id::{ContractId, Height},
    keyspace,
    transaction::{Content, Operation},
};
use module::Module;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// Runs a command of `althing contract`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &ContractCommand) -> Result<()> {
    match command {
        ContractCommand::New { name, dir, sdk } => new::run(context, name, dir.as_deref(), sdk.as_deref()),
        ContractCommand::Build { manifest_path, out, locked } => {
            build::run(context, manifest_path, out.as_deref(), *locked)
        }
        ContractCommand::Check { file } => check(context, file),
        ContractCommand::Deploy { id, file, arguments, options } => {
            deploy(context, id, file, arguments.as_deref(), options).await
        }
        ContractCommand::Call { id, method, arguments, options } => {
            let chain = context.chain().await?;
            let content = tx::call_content(&chain, id, method, arguments.as_deref()).await?;
            send::send(context, &chain, options, Operation::Call, content).await
        }
        ContractCommand::Query { id, method, arguments } => query(context, id, method, arguments.as_deref()).await,
        ContractCommand::Upgrade { id, file, breaking, options } => {
            upgrade(context, id, file, *breaking, options).await
        }
        ContractCommand::List => list(context).await,
        ContractCommand::Abi { contract } => {
            let abi = abi_of(context, contract).await?;
            context.output.print(&abi, abi_text)
        }
        ContractCommand::AbiDiff { old, new } => {
            let (old_abi, new_abi) = (abi_of(context, old).await?, abi_of(context, new).await?);
            abi_diff(context, &old_abi, &new_abi)
        }
    }
}

fn check(context: &Context, file: &Path) -> Result<()> {
    let module = Module::read(file)?;
    context.output.print(&module.report(), |r| {
        table(&[
            ("contract", format!("{} {}", r.name, r.version)),
            ("code hash", r.code_hash.to_string()),
            ("size", format!("{} bytes", r.size)),
            ("state", format!("version {}, schema {}", r.state_version, r.schema)),
            ("methods", r.methods.join(", ")),
            ("imports", r.imports.join(", ")),
            ("check", "passed; the node has the last word".into()),
        ])
    })
}

fn code<const MAX: usize>(module: Vec<u8>) -> Result<Bytes<MAX>> {
    Bytes::new(module).map_err(|e| {
        CliError::data("too_large", format!("the module is too large: {e}"))
            .field("FILE")
            .value(e.found.to_string())
            .rule(format!("at most {} bytes", e.maximum))
    })
}

async fn deploy(
    context: &Context,
    id: &ContractId,
    file: &Path,
    arguments: Option<&str>,
    options: &SendOptions,
) -> Result<()> {
    let module = Module::read(file)?;
    let bytes = module.initial(arguments)?;
    let chain = context.chain().await?;
    let content = Content::Deploy { contract: id.clone(), code: code(module.code)?, arguments: code(bytes)? };
    send::send(context, &chain, options, Operation::Deploy, content).await
}

async fn upgrade(context: &Context, id: &ContractId, file: &Path, breaking: bool, options: &SendOptions) -> Result<()> {
    let module = Module::read(file)?;
    let chain = context.chain().await?;
    let old = check_upgrade(&chain, id, &module).await?;
    let new = &module.abi;
    let broken: Vec<String> = diff(&old, new).into_iter().filter(|c| c.breaking).map(|c| c.what).collect();
    if !broken.is_empty() && !breaking {
        return Err(CliError::new(Exit::Refused, "abi_breaks", format!("the new ABI breaks: {}", broken.join("; ")))
            .field("FILE")
            .value(file.display().to_string())
            .rule("an ABI that keeps what callers use, or --breaking"));
    }
    let content = Content::Upgrade { contract: id.clone(), code: code(module.code)? };
    send::send(context, &chain, options, Operation::Upgrade, content).await
}

/// Refuses code that cannot replace a contract's; gives the ABI of the present code.
///
/// # Errors
/// When it is the present code, or lays out its state differently without a migration.
pub(super) async fn check_upgrade(chain: &Chain, id: &ContractId, module: &Module) -> Result<Abi> {
    let (_, entry) = chain.contract(id).await?;
    if entry.code == keyspace::code_hash(&module.code) {
        return Err(CliError::usage("same_code", format!("'{id}' runs this very code already"))
            .field("FILE")
            .value(entry.code.to_string())
            .rule("other code"));
    }
    let old = chain.abi(id).await?;
    let new = &module.abi;
    let migrates = new.migrates_from.contains(&entry.state_version);
    if new.schema_hash() != entry.schema && (new.state_version <= entry.state_version || !migrates) {
        return Err(CliError::new(Exit::Refused, "migration_missing", "the new code lays out its state differently")
            .field("state_version")
            .value(format!("{}, migrates from {:?}", new.state_version, new.migrates_from))
            .rule(format!("above {0}, with a migration from {0}", entry.state_version))
            .hint("raise state_version and write #[migrate(from = ...)]"));
    }
    Ok(old)
}

async fn query(context: &Context, id: &ContractId, method: &str, arguments: Option<&str>) -> Result<()> {
    #[derive(Serialize)]
    struct Answer {
        contract: ContractId,
        method: String,
        height: Height,
        verified: bool,
        result: Value,
        fuel_used: u64,
        logs: Vec<String>,
    }
    let value = call::read_arguments(arguments)?;
    let chain = context.chain().await?;
    let abi = chain.abi(id).await?;
    let described = call::method(&abi, id.as_str(), method, MethodKind::View)?;
    let bytes = call::encode_arguments(described, &value)?;
    let answer = chain.client.view(id, method, &bytes).await?;
    if let Some(failure) = &answer.failure {
        let known = abi.error(failure.detail).map_or(String::new(), |e| format!(" {} ({})", e.name, failure.detail));
        let code = serde_json::to_value(failure.code).ok().and_then(|c| c.as_str().map(str::to_owned));
        return Err(CliError::new(
            Exit::Refused,
            code.unwrap_or_else(|| "failed".into()),
            format!("the view failed:{known} {}", failure.message),
        )
        .field("method")
        .value(format!("{id}.{method}")));
    }
    let bytes = answer.result.unwrap_or_default().0;
    let result = json::decode(&described.result, &bytes).map_err(|e| {
        CliError::new(Exit::Network, "bad_answer", format!("the result is not of the view's type: {e}")).field("result")
    })?;
    let shown = Answer {
        contract: id.clone(),
        method: method.to_owned(),
        height: answer.height,
        // A view is computed by the node: there is nothing that could be proven.
        verified: false,
        result,
        fuel_used: answer.fuel_used,
        logs: answer.logs,
    };
    context.output.print(&shown, |a| {
        let text = serde_json::to_string_pretty(&a.result).unwrap_or_default();
        a.logs.iter().map(|l| format!("log: {l}\n")).collect::<String>() + &text
    })
}

async fn list(context: &Context) -> Result<()> {
    let chain = context.chain().await?;
    let list = chain.client.contracts().await?;
    context.output.print(&list, |l| {
        let rows: Vec<Vec<String>> = l
            .contracts
            .iter()
            .map(|c| {
                vec![
                    c.id.to_string(),
                    c.entry.code.to_string().chars().take(16).collect(),
                    c.entry.state_version.to_string(),
                    c.entry.upgrades.to_string(),
                    c.entry.since.to_string(),
                    c.entry.deployer.map_or("genesis".into(), |k| k.to_string().chars().take(12).collect()),
                ]
            })
            .collect();
        columns(&["CONTRACT", "CODE", "STATE", "UPGRADES", "SINCE", "DEPLOYER"], &rows)
    })
}

/// The ABI of a deployed contract, or of a module when the text is a path.
async fn abi_of(context: &Context, text: &str) -> Result<Abi> {
    if text.contains('/') || text.ends_with(".wasm") {
        return Ok(Module::read(Path::new(text))?.abi);
    }
    let id = ContractId::new(text)?;
    context.chain().await?.abi(&id).await
}

fn abi_text(abi: &Abi) -> String {
    let mut out = vec![format!("{} {}, state version {}", abi.name, abi.version, abi.state_version)];
    let docs = |text: &str| text.lines().next().map_or(String::new(), |l| format!("    {}", l.trim()));
    if !abi.docs.is_empty() {
        out.push(docs(&abi.docs));
    }
    for method in &abi.methods {
        let kind = match method.kind {
            MethodKind::Call => "call",
            MethodKind::View => "view",
            MethodKind::Init => "init",
            MethodKind::Invariant => "invariant",
        };
        let role = method.role.map_or(String::new(), |r| format!("  [role {}]", r.text()));
        out.push(format!("{kind} {}{}{role}", method.name, signature(method)));
        out.push(docs(&method.docs));
    }
    for event in &abi.events {
        let fields: Vec<String> = event
            .fields
            .iter()
            .map(|f| format!("{}{}: {}", if f.topic { "#" } else { "" }, f.name, call::type_text(&f.kind)))
            .collect();
        out.push(format!("event {} {{{}}}", event.name, fields.join(", ")));
    }
    for error in &abi.errors {
        out.push(format!("error {} {}: {}", error.number, error.name, error.docs.lines().next().unwrap_or_default()));
    }
    out.retain(|l| !l.trim().is_empty());
    out.join("\n")
}

fn abi_diff(context: &Context, old: &Abi, new: &Abi) -> Result<()> {
    #[derive(Serialize)]
    struct Difference {
        breaking: bool,
        changes: Vec<Change>,
    }
    let changes = diff(old, new);
    let difference = Difference { breaking: changes.iter().any(|c| c.breaking), changes };
    context.output.print(&difference, |d| {
        if d.changes.is_empty() {
            return "no difference".into();
        }
        let line = |c: &Change| format!("{} {}", if c.breaking { "BREAKS" } else { "      " }, c.what);
        d.changes.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    if !difference.breaking {
        return Ok(());
    }
    Err(CliError::new(Exit::Refused, "abi_breaks", "the new ABI breaks callers, followers or state")
        .rule("an ABI that keeps what others use"))
}
