//! `althing block`: a block, with everything checked that its certificate covers.

use super::Context;
use crate::{
    args::BlockArgs,
    error::{CliError, Result},
    exit_code::Exit,
    output::{columns, table},
};
use althing_api::model::BlockDocument;
use althing_types::{hash::Hash, merkle, receipt::Status};
use serde::Serialize;

#[derive(Serialize)]
struct Shown {
    height: u64,
    verified: bool,
    #[serde(flatten)]
    block: BlockDocument,
}

/// Shows a block.
///
/// # Errors
/// When there is none, or what the node says of it is not what authorities certified.
pub(super) async fn run(context: &Context, options: &BlockArgs) -> Result<()> {
    let name = options.block.trim();
    let is_name = name == "latest" || name.parse::<u64>().is_ok() || Hash::from_hex(name).is_ok();
    if !is_name {
        return Err(CliError::usage("bad_block", format!("'{name}' names no block"))
            .field("block")
            .value(name)
            .rule("a height, a hash of 64 hexadecimal digits, or latest"));
    }
    let chain = context.chain().await?;
    let block = chain.client.block(name, options.transactions).await?;
    if let Some(verifier) = chain.verifier() {
        let known = verifier.header(block.header.height).await?;
        check(name, &block, &known.header().hash())?;
    }
    let shown = Shown { height: block.header.height.0, verified: chain.verifies(), block };
    context.output.print(&shown, human)
}

/// Checks that a block is the certified one, and that everything listed is what its header commits to.
///
/// # Errors
/// Code `not_proven`, with what differs.
pub(super) fn check(name: &str, block: &BlockDocument, certified: &Hash) -> Result<()> {
    let wrong = |what: &str, found: Hash, expected: Hash| {
        Err(CliError::new(
            Exit::Proof,
            "not_proven",
            format!("the node's block {name} has another {what} than was certified"),
        )
        .field(what)
        .value(found.to_string())
        .rule(expected.to_string()))
    };
    let hash = block.header.hash();
    if hash != *certified || block.hash != hash {
        return wrong("hash", hash, *certified);
    }
    if let Ok(asked) = Hash::from_hex(name)
        && asked != hash
    {
        return wrong("hash", hash, asked);
    }
    let root = merkle::root(&block.transaction_hashes);
    if root != block.header.transactions_root {
        return wrong("transactions root", root, block.header.transactions_root);
    }
    if let Some(transactions) = &block.transactions {
        let hashes: Vec<Hash> = transactions.iter().map(|t| t.value.hash()).collect();
        let root = merkle::root(&hashes);
        if root != block.header.transactions_root {
            return wrong("transactions root", root, block.header.transactions_root);
        }
    }
    if let Some(receipts) = &block.receipts {
        let hashes: Vec<Hash> = receipts.iter().map(althing_types::receipt::Receipt::hash).collect();
        let root = merkle::root(&hashes);
        if root != block.header.receipts_root {
            return wrong("receipts root", root, block.header.receipts_root);
        }
    }
    Ok(())
}

fn human(shown: &Shown) -> String {
    let (block, header) = (&shown.block, &shown.block.header);
    let mut text = table(&[
        ("height", header.height.to_string()),
        ("hash", block.hash.to_string()),
        ("verified", shown.verified.to_string()),
        ("previous", header.previous.to_string()),
        ("packer", header.packer.to_string()),
        ("time", format!("{} ms", header.timestamp_ms)),
        ("transactions root", header.transactions_root.to_string()),
        ("state root", header.state_root.to_string()),
        ("receipts root", header.receipts_root.to_string()),
        (
            "certificate",
            format!("round {}, {} signatures", block.certificate.round, block.certificate.signatures.len()),
        ),
        ("transactions", block.transaction_hashes.len().to_string()),
    ]);
    let rows: Vec<Vec<String>> = block
        .transaction_hashes
        .iter()
        .enumerate()
        .map(|(index, hash)| {
            let status =
                block.receipts.as_ref().and_then(|r| r.get(index)).map_or(String::new(), |r| match &r.status {
                    Status::Succeeded => format!("succeeded, fuel {}", r.fuel_used),
                    Status::Failed(failure) => format!("failed: {}", failure.message),
                });
            vec![index.to_string(), hash.to_string(), status]
        })
        .collect();
    if !rows.is_empty() {
        text.push_str(&format!("\n{}", columns(&["INDEX", "TRANSACTION", "STATUS"], &rows)));
    }
    text
}
