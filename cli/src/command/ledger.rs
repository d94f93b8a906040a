//! `althing chain export` and `althing audit`: the whole chain as a file, and computed again from it.
//!
//! The export asks a node for every block. The audit asks nobody: `althingd`, started beside this program, computes the
//! file again; only it has the contract machine.

use super::Context;
use crate::{
    args::{AuditArgs, ChainCommand},
    devnet::{process::Program, setup::read_genesis},
    error::{CliError, Result},
    exit_code::Exit,
    output::table,
};
use althing_client::Client;
use althing_types::{
    codec::Bytes,
    export::{ExportRecord, head},
    genesis::Genesis,
    hash::Hash,
    id::Height,
    keyspace,
};
use flate2::{Compression, GzBuilder, write::GzEncoder};
use serde::Serialize;
use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
    process::{Command, Stdio},
};

#[derive(Serialize)]
struct Exported {
    chain: String,
    genesis_hash: Hash,
    height: Height,
    block: Hash,
    transactions: u64,
    bytes: u64,
    out: String,
}

/// Runs a command of `althing chain`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &ChainCommand) -> Result<()> {
    let ChainCommand::Export { out, to } = command;
    let chain = context.chain().await?;
    let partial = out.with_extension("partial");
    let exported = export(context, &chain.client, &chain.genesis, &partial, to.map(Height)).await;
    let mut exported = match exported {
        Ok(exported) => exported,
        Err(error) => {
            let _ = std::fs::remove_file(&partial);
            return Err(error);
        }
    };
    std::fs::rename(&partial, out).map_err(|e| CliError::file("write", out, &e))?;
    exported.out = out.display().to_string();
    context.output.print(&exported, |e| {
        table(&[
            ("chain", e.chain.clone()),
            ("genesis", e.genesis_hash.to_string()),
            ("last height", e.height.to_string()),
            ("block", e.block.to_string()),
            ("transactions", e.transactions.to_string()),
            ("bytes", e.bytes.to_string()),
            ("written to", e.out.clone()),
        ])
    })
}

/// The file under construction.
struct Writer {
    packed: GzEncoder<BufWriter<File>>,
    path: std::path::PathBuf,
}

impl Writer {
    fn create(path: &Path) -> Result<Self> {
        let fault = |e| CliError::file("write", path, &e);
        let file = File::create(path).map_err(fault)?;
        // Name and time of the file would make two exports of one chain differ.
        let packed =
            GzBuilder::new().mtime(0).operating_system(255).write(BufWriter::new(file), Compression::default());
        let mut writer = Self { packed, path: path.to_path_buf() };
        writer.packed.write_all(&head()).map_err(fault)?;
        Ok(writer)
    }

    fn put(&mut self, record: &ExportRecord) -> Result<()> {
        self.packed.write_all(&record.frame()).map_err(|e| CliError::file("write", &self.path, &e))
    }

    fn finish(self) -> Result<u64> {
        let fault = |e| CliError::file("write", &self.path, &e);
        let mut file = self.packed.finish().map_err(fault)?;
        file.flush().map_err(fault)?;
        let file = file.into_inner().map_err(|e| CliError::file("write", &self.path, e.error()))?;
        file.sync_all().map_err(fault)?;
        Ok(file.metadata().map_err(fault)?.len())
    }
}

async fn export(
    context: &Context,
    client: &Client,
    genesis: &Genesis,
    path: &Path,
    to: Option<Height>,
) -> Result<Exported> {
    let tip = client.status().await?.height;
    let last = to.unwrap_or(tip);
    if last > tip {
        return Err(CliError::not_found("height_ahead", format!("the node is at height {tip}"))
            .field("--to")
            .value(last.to_string())
            .rule(format!("must be at most {tip}")));
    }
    let mut writer = Writer::create(path)?;
    writer.put(&ExportRecord::Genesis(Box::new(genesis.clone())))?;
    for contract in genesis.contracts.iter() {
        if let Some(code) = code_of(client, &contract.code).await? {
            writer.put(&ExportRecord::Code(code))?;
        } else {
            context.output.warn(&format!("the code of genesis contract '{}' is not at hand", contract.id));
        }
    }
    let progress = context.output.progress("blocks", last.0);
    let (mut height, mut block, mut transactions) = (Height(0), genesis.hash(), 0u64);
    while height < last {
        for (next, certificate) in client.chain(height.next()).await? {
            if next.header.previous != block || next.header.height != height.next() {
                let message = format!("block {} of the node does not follow block {block}", next.header.height);
                return Err(CliError::new(Exit::Proof, "not_linked", message));
            }
            (height, block) = (next.header.height, next.header.hash());
            transactions = transactions.saturating_add(next.transactions.len() as u64);
            writer.put(&ExportRecord::Block(Box::new((next, certificate))))?;
            if height == last {
                break;
            }
        }
        progress.set(height.0);
    }
    writer.put(&ExportRecord::End { height, block })?;
    let bytes = writer.finish()?;
    let (chain, genesis_hash) = (genesis.chain.to_string(), genesis.hash());
    Ok(Exported { chain, genesis_hash, height, block, transactions, bytes, out: path.display().to_string() })
}

/// Code by its hash: from the chain's state, which keeps it, else from this program.
async fn code_of(client: &Client, hash: &Hash) -> Result<Option<Bytes<{ althing_types::transaction::MAX_CODE }>>> {
    let stored = client.state(&keyspace::code(hash), None).await?.entry.value.map(|value| value.0);
    let bundled = || althing_bundle::contracts().iter().map(|c| c.code.to_vec());
    let known = stored.into_iter().chain(bundled()).find(|code| keyspace::code_hash(code) == *hash);
    Ok(known.and_then(|code| Bytes::new(code).ok()))
}

/// Runs `althing audit`.
///
/// # Errors
/// When the chain disagrees, the file is damaged, or `althingd` cannot be run.
pub(super) fn audit(context: &Context, options: &AuditArgs) -> Result<()> {
    std::fs::File::open(&options.file).map_err(|e| CliError::file("read", &options.file, &e))?;
    let program = Program::NODE.find()?;
    let mut command = Command::new(&program);
    command.arg("audit").arg("--json").arg(&options.file).stdin(Stdio::null()).stderr(Stdio::piped());
    if let Some(folder) = &options.contracts {
        command.arg("--contracts").arg(folder);
    }
    let home = context.home.path().join("genesis.json");
    let trusted = context.global.genesis.clone().or_else(|| home.exists().then_some(home));
    if let Some(path) = &trusted {
        command.arg("--genesis-hash").arg(read_genesis(path)?.hash().to_string());
    }
    if !context.output.quiet && !context.output.json {
        command.stderr(Stdio::inherit());
    }
    let failed = |reason: String| CliError::internal("no_audit", format!("{} audit: {reason}", program.display()));
    let output = command.output().map_err(|e| failed(e.to_string()))?;
    let Ok(report) = serde_json::from_slice::<serde_json::Value>(&output.stdout) else {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{} {}", output.status, text.trim())));
    };
    let text = |name: &str| match report.get(name) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "unknown".into(),
    };
    context.output.print(&report, |_| {
        table(&[
            ("chain", text("chain")),
            ("genesis", text("genesis_hash")),
            ("trusted", trusted.map_or_else(|| "the file's own genesis".into(), |path| path.display().to_string())),
            ("last height", text("height")),
            ("block", text("block")),
            ("state root", text("state_root")),
            ("transactions", text("transactions")),
            ("clean", text("clean")),
        ])
    })?;
    let Some(failure) = report.get("failure") else { return Ok(()) };
    let part = |name: &str| {
        failure.get(name).map_or_else(String::new, |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
    };
    let damaged = part("kind") == "damaged";
    let (exit, code) = if damaged { (Exit::Data, "damaged_file") } else { (Exit::Proof, "chain_disagrees") };
    let message = if damaged {
        format!(
            "{} is damaged behind height {}: {} is {}",
            options.file.display(),
            text("height"),
            part("what"),
            part("found")
        )
    } else {
        format!(
            "{} disagrees at height {}: {} is {}",
            options.file.display(),
            part("height"),
            part("what"),
            part("found")
        )
    };
    Err(CliError::new(exit, code, message).field(part("what")).value(part("found")).rule(part("expected")))
}
