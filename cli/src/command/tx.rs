//! `althing tx`: send transactions and see what became of them.

use super::{Context, key, query::public_key, send};
use crate::{
    args::{SendOptions, TxCommand},
    call::{self, Abis, Outcome},
    chain::Chain,
    error::{CliError, Result},
    exit_code::Exit,
    output::{columns, table},
};
use althing_abi::schema::MethodKind;
use althing_api::model::{TransactionDocument, TransactionStatus};
use althing_client::Final;
use althing_types::{
    codec::{Bytes, Text, decode, encode},
    crypto::Signed,
    hash::Hash,
    id::{ContractId, Height},
    keyspace,
    remediation::{MarkKind, TransactionMark},
    transaction::{Content, MAX_TRANSACTION, Operation, SignedTransaction, TRANSACTION_VERSION, Transaction},
};
use serde::Serialize;
use std::{path::Path, time::Duration};

/// Runs a command of `althing tx`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &TxCommand) -> Result<()> {
    let chain = context.chain().await?;
    match command {
        TxCommand::Send { contract, method, arguments, file, sign_only, options } => match (contract, method, file) {
            (_, _, Some(file)) => send_file(context, &chain, file, options).await,
            (Some(contract), Some(method), None) => {
                let content = call_content(&chain, contract, method, arguments.as_deref()).await?;
                if *sign_only {
                    sign(context, &chain, content, options).await
                } else {
                    send::send(context, &chain, options, Operation::Call, content).await
                }
            }
            _ => Err(CliError::usage("usage", "contract and method, or --file, are needed").field("contract")),
        },
        TxCommand::Status { hash } => {
            let document = chain.client.transaction(hash).await?;
            show(context, &chain, &document, Duration::ZERO).await
        }
        TxCommand::Wait { hash } => {
            let limit = Duration::from_secs(context.global.timeout);
            let document = chain.client.wait(hash, limit).await?;
            show(context, &chain, &document, limit).await
        }
        TxCommand::List { key, abnormal, limit } => {
            let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
            if *abnormal {
                list_abnormal(context, &chain, limit).await
            } else {
                list(context, &chain, key, limit).await
            }
        }
    }
}

/// The content of a call whose arguments were checked against the contract's ABI.
///
/// # Errors
/// When there is no such contract or method, or the arguments do not fit.
pub(super) async fn call_content(
    chain: &Chain,
    contract: &ContractId,
    method: &str,
    arguments: Option<&str>,
) -> Result<Content> {
    let arguments = call::read_arguments(arguments)?;
    let abi = chain.abi(contract).await?;
    let described = call::method(&abi, contract.as_str(), method, MethodKind::Call)?;
    let bytes = call::encode_arguments(described, &arguments)?;
    let too_long = |field: &'static str| {
        move |e: althing_types::codec::TooLong| {
            CliError::usage("too_long", format!("{field}: {e}"))
                .field(field)
                .value(e.found.to_string())
                .rule(format!("at most {} bytes", e.maximum))
        }
    };
    Ok(Content::Call {
        contract: contract.clone(),
        method: Text::new(method).map_err(too_long("method"))?,
        arguments: Bytes::new(bytes).map_err(too_long("arguments"))?,
    })
}

/// Signs a transaction and prints its bytes.
async fn sign(context: &Context, chain: &Chain, content: Content, options: &SendOptions) -> Result<()> {
    let key = key::open(context, &options.key)?;
    let account = chain.client.account(&key.public()).await?;
    let fuel_limit = match options.fuel {
        Some(fuel) => fuel,
        None => chain.parameters().await?.1.max_transaction_fuel,
    };
    let transaction = Transaction {
        version: TRANSACTION_VERSION,
        chain: chain.genesis.chain.clone(),
        attributes: chain.genesis.kind.attributes(),
        operation: Operation::Call,
        content,
        postscript: Text::new(options.postscript.as_str()).map_err(|e| {
            CliError::usage("too_long", format!("the postscript is too long: {e}")).field("--postscript")
        })?,
        operator: key.public(),
        sequence: account.next_sequence,
        timestamp_ms: crate::devnet::setup::now_ms(),
        expiry: Height(account.height.0.saturating_add(options.expires_in)),
        fuel_limit,
    };
    #[derive(Serialize)]
    struct SignedBytes {
        hash: Hash,
        transaction: String,
    }
    let hash = transaction.hash();
    let signed = Signed::sign(transaction, &key);
    let out = SignedBytes { hash, transaction: hex::encode(encode(&signed)) };
    context.output.print(&out, |o| o.transaction.clone())
}

/// Sends signed bytes.
async fn send_file(context: &Context, chain: &Chain, file: &Path, options: &SendOptions) -> Result<()> {
    let text = std::fs::read_to_string(file).map_err(|e| CliError::file("read", file, &e))?;
    let bad = |reason: String| {
        CliError::data("malformed", format!("{} holds no signed transaction: {reason}", file.display()))
            .field("--file")
            .value(text.trim())
            .rule("canonical bytes of a signed transaction as hexadecimal text")
    };
    let bytes = hex::decode(text.trim()).map_err(|e| bad(e.to_string()))?;
    let signed: SignedTransaction =
        decode("signed transaction", &bytes, MAX_TRANSACTION).map_err(|e| bad(e.to_string()))?;
    let results = chain.client.submit(std::slice::from_ref(&signed)).await?;
    let result =
        results.first().ok_or_else(|| CliError::new(Exit::Network, "bad_answer", "the node gave no result"))?;
    if let Some(refusal) = &result.refusal {
        return Err(CliError::new(Exit::Refused, refusal.code.text(), refusal.message.clone())
            .field("transaction")
            .value(result.hash.to_string()));
    }
    let hash = signed.value.hash();
    let limit = if options.no_wait { Duration::ZERO } else { Duration::from_secs(context.global.timeout) };
    let document =
        if options.no_wait { chain.client.transaction(&hash).await? } else { chain.client.wait(&hash, limit).await? };
    show(context, chain, &document, limit).await
}

/// Shows where a transaction stands; `waited` is how long it was waited for.
async fn show(context: &Context, chain: &Chain, document: &TransactionDocument, waited: Duration) -> Result<()> {
    #[derive(Serialize)]
    struct Shown<'a> {
        status: &'a str,
        #[serde(flatten)]
        outcome: Outcome,
        /// Why members marked it, if they did.
        #[serde(skip_serializing_if = "Option::is_none")]
        mark: Option<TransactionMark>,
    }
    let hash = document.hash;
    match &document.status {
        TransactionStatus::Unknown => Err(CliError::not_found("transaction_unknown", format!("no node knows {hash}"))
            .field("hash")
            .value(hash.to_string())
            .rule("a transaction that was sent; nodes forget refused ones")),
        TransactionStatus::Pending if !waited.is_zero() => {
            Err(CliError::new(Exit::Timeout, "not_final", format!("{hash} is not final after {} s", waited.as_secs()))
                .field("hash")
                .value(hash.to_string())
                .rule("final within --timeout"))
        }
        TransactionStatus::Pending => context
            .output
            .print(document, |d| table(&[("transaction", d.hash.to_string()), ("status", "pending".into())])),
        TransactionStatus::Abnormal { height, code, message } => Err(CliError::new(
            Exit::Refused,
            code.text(),
            format!("left out of every block at height {height}: {message}"),
        )
        .field("transaction")
        .value(hash.to_string())),
        TransactionStatus::Final { height, index, receipt } => {
            let block = chain.client.block(&height.0.to_string(), true).await.ok();
            let called = block
                .and_then(|b| b.transactions?.into_iter().nth(usize::try_from(*index).ok()?))
                .filter(|t| t.value.hash() == hash)
                .and_then(|t| match t.value.content {
                    Content::Call { contract, method, .. } => Some((contract, method)),
                    Content::Deploy { .. }
                    | Content::Upgrade { .. }
                    | Content::Upload { .. }
                    | Content::StorePlan { .. } => None,
                });
            let done = Final { hash, height: *height, index: *index, receipt: (**receipt).clone() };
            let called = called.as_ref().map(|(c, m)| (c, m.as_str()));
            let outcome = Outcome::of(&mut Abis::new(chain), &done, called).await;
            let (_, mark) = chain.value::<TransactionMark>("mark", keyspace::mark(&hash)).await?;
            context.output.print(&Shown { status: "final", outcome, mark }, |s| match &s.mark {
                Some(mark) => format!("{}\n\n{}", s.outcome.human(), mark_text(mark)),
                None => s.outcome.human(),
            })
        }
    }
}

fn mark_text(mark: &TransactionMark) -> String {
    let TransactionMark { kind, proposal, height, .. } = mark;
    match kind {
        MarkKind::Remedied => format!(
            "MARKED by proposal {proposal} at height {height}: its sender was removed, and what it wrote was put back where nobody wrote later"
        ),
        MarkKind::Repackaged => format!(
            "packed again by proposal {proposal} at height {height}: it was lost because of a member that was removed, and its writes were made then"
        ),
    }
}

async fn list(context: &Context, chain: &Chain, key: &str, limit: usize) -> Result<()> {
    let key = public_key(context, key)?;
    let list = chain.client.transactions_of(&key, limit).await?;
    context.output.print(&list, |l| {
        let rows: Vec<Vec<String>> = l
            .transactions
            .iter()
            .map(|t| {
                let status = match t.succeeded {
                    Some(true) => "succeeded",
                    Some(false) => "failed",
                    None => "pending",
                };
                vec![
                    t.sequence.to_string(),
                    t.height.map_or("-".into(), |h| h.to_string()),
                    status.into(),
                    match (&t.contract, &t.method) {
                        (Some(contract), Some(method)) => format!("{contract}.{method}"),
                        (Some(contract), None) => contract.to_string(),
                        (None, _) => "code".into(),
                    },
                    t.hash.to_string(),
                ]
            })
            .collect();
        columns(&["SEQUENCE", "HEIGHT", "STATUS", "WHAT", "HASH"], &rows)
    })
}

async fn list_abnormal(context: &Context, chain: &Chain, limit: usize) -> Result<()> {
    let list = chain.client.abnormal(None, limit).await?;
    context.output.print(&list, |l| {
        let rows: Vec<Vec<String>> = l
            .abnormal
            .iter()
            .map(|a| {
                vec![
                    a.number.to_string(),
                    a.abnormal.height.to_string(),
                    a.abnormal.code.text().into(),
                    a.abnormal.transaction.to_string(),
                    a.abnormal.message.to_string(),
                ]
            })
            .collect();
        columns(&["NUMBER", "HEIGHT", "CODE", "TRANSACTION", "REASON"], &rows)
    })
}
