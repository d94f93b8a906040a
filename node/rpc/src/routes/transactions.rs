//! Transactions and the keys that sign them.

use crate::{
    app::{App, Weight},
    extract::{Arguments, BodyForm, Param, RawBody},
    problem::Problem,
};
use althing_api::{
    ApiError, ErrorCode, Refusal, RefusalCode,
    model::{
        AbnormalList, AccountDocument, HexBytes, MAX_BATCH, MAX_ROWS, StatusRequest, StatusResponse, SubmitRequest,
        SubmitResponse, SubmitResult, TransactionDocument, TransactionList, TransactionStatus,
    },
};
use althing_types::{
    codec::{self, List},
    crypto::PublicKey,
    hash::Hash,
    transaction::{MAX_TRANSACTION, SignedTransaction},
};
use axum::{Json, extract::State, http::StatusCode};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// Longest time between two looks at a waiting transaction: marks of abnormal ones do not move the tip.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// `POST /v1/transactions`
pub(crate) async fn submit(
    State(app): State<Arc<App>>,
    body: RawBody,
) -> Result<(StatusCode, Json<SubmitResponse>), Problem> {
    let (parsed, single) = match body.form {
        BodyForm::Binary => (binary(&body.bytes)?, false),
        BodyForm::Json => json(body.json()?)?,
    };
    let mut results: Vec<Option<SubmitResult>> = Vec::with_capacity(parsed.len());
    let mut good = Vec::with_capacity(parsed.len());
    for one in parsed {
        results.push(one.map_or_else(
            |refusal| Some(refused(Hash::ZERO, refusal)),
            |t| {
                good.push(t);
                None
            },
        ));
    }
    let hashes: Vec<Hash> = good.iter().map(|t| t.value.hash()).collect();
    let mut answers = if good.is_empty() { Vec::new() } else { app.services.submit.submit(good).await }.into_iter();
    let mut hashes = hashes.into_iter();
    for slot in &mut results {
        if slot.is_none() {
            let hash = hashes.next().unwrap_or_default();
            *slot = Some(match answers.next() {
                Some(Ok(hash)) => SubmitResult { hash, accepted: true, refusal: None },
                Some(Err(refusal)) => refused(hash, refusal),
                None => return Err(Problem::internal("fewer results than transactions")),
            });
        }
    }
    let results: Vec<SubmitResult> = results.into_iter().flatten().collect();
    if single && let Some(refusal) = results.iter().find_map(|r| r.refusal.clone()) {
        return Err(ApiError::refused(refusal).into());
    }
    Ok((StatusCode::ACCEPTED, Json(SubmitResponse { results })))
}

const fn refused(hash: Hash, refusal: Refusal) -> SubmitResult {
    SubmitResult { hash, accepted: false, refusal: Some(refusal) }
}

type Parsed = Result<SignedTransaction, Refusal>;

fn binary(bytes: &[u8]) -> Result<Vec<Parsed>, Problem> {
    let list: List<SignedTransaction, MAX_BATCH> = codec::decode("list of transactions", bytes, bytes.len())
        .map_err(|e| Problem::new(ErrorCode::BadBytes, e.to_string()))?;
    check_count(list.len())?;
    Ok(list.into_vec().into_iter().map(Ok).collect())
}

fn json(request: SubmitRequest) -> Result<(Vec<Parsed>, bool), Problem> {
    let (texts, single) = match (request.transaction, request.transactions) {
        (Some(one), None) => (vec![one], true),
        (None, Some(many)) => (many, false),
        _ => {
            let rule = "must have exactly one of transaction and transactions";
            return Err(Problem::parameter("body", "", rule));
        }
    };
    check_count(texts.len())?;
    let parse = |HexBytes(bytes): HexBytes| {
        codec::decode::<SignedTransaction>("transaction", &bytes, MAX_TRANSACTION).map_err(|e| {
            let code = match &e {
                codec::DecodeError::TooLong { .. } => RefusalCode::TooLarge,
                codec::DecodeError::Malformed { .. } => RefusalCode::Malformed,
            };
            Refusal::new(code, e.to_string())
        })
    };
    Ok((texts.into_iter().map(parse).collect(), single))
}

fn check_count(count: usize) -> Result<(), Problem> {
    if (1..=MAX_BATCH).contains(&count) {
        return Ok(());
    }
    Err(Problem::parameter("transactions", &count.to_string(), format!("must be 1 to {MAX_BATCH} transactions")))
}

/// `GET /v1/transactions/{hash}`
pub(crate) async fn one(State(app): State<Arc<App>>, param: Param) -> Result<Json<TransactionDocument>, Problem> {
    let hash: Hash = param.parse("hash")?;
    app.read(Weight::Light, move |ledger| Ok(TransactionDocument { hash, status: ledger.transaction(&hash)? }))
        .await
        .map(Json)
}

/// `GET /v1/transactions/{hash}/wait`
pub(crate) async fn wait(
    State(app): State<Arc<App>>,
    param: Param,
    mut arguments: Arguments,
) -> Result<Json<TransactionDocument>, Problem> {
    let most = app.limits.max_wait_ms;
    let timeout_ms = arguments.number("timeout_ms", 0, most)?.unwrap_or_else(|| most.min(10_000));
    arguments.finish()?;
    let hash: Hash = param.parse("hash")?;
    let documents = decided(&app, vec![hash], Duration::from_millis(timeout_ms)).await?;
    documents.into_iter().next().map(Json).ok_or_else(|| Problem::internal("no status"))
}

/// `POST /v1/transactions/status`
pub(crate) async fn status(State(app): State<Arc<App>>, body: RawBody) -> Result<Json<StatusResponse>, Problem> {
    let request: StatusRequest = body.json()?;
    if request.hashes.is_empty() || request.hashes.len() > MAX_BATCH {
        let count = request.hashes.len().to_string();
        return Err(Problem::parameter("hashes", &count, format!("must be 1 to {MAX_BATCH} hashes")));
    }
    if request.timeout_ms > app.limits.max_wait_ms {
        let rule = format!("must be at most {}", app.limits.max_wait_ms);
        return Err(Problem::parameter("timeout_ms", &request.timeout_ms.to_string(), rule));
    }
    let transactions = decided(&app, request.hashes, Duration::from_millis(request.timeout_ms)).await?;
    Ok(Json(StatusResponse { transactions }))
}

/// Status of each hash, as soon as all are decided or the time is over.
async fn decided(app: &App, hashes: Vec<Hash>, limit: Duration) -> Result<Vec<TransactionDocument>, Problem> {
    let mut tip = app.services.ledger.tip();
    let mut stopping = app.stopping.clone();
    let end = Instant::now().checked_add(limit).unwrap_or_else(Instant::now);
    let mut documents: Vec<TransactionDocument> =
        hashes.into_iter().map(|hash| TransactionDocument { hash, status: TransactionStatus::Unknown }).collect();
    let mut waiter = None;
    loop {
        tip.borrow_and_update();
        documents = app
            .read(Weight::Light, move |ledger| {
                for document in documents.iter_mut().filter(|d| !d.status.is_decided()) {
                    document.status = ledger.transaction(&document.hash)?;
                }
                Ok(documents)
            })
            .await?;
        let now = Instant::now();
        if now >= end || *stopping.borrow() || documents.iter().all(|d| d.status.is_decided()) {
            return Ok(documents);
        }
        if waiter.is_none() {
            let permit = Arc::clone(&app.waiters).try_acquire_owned().map_err(|_| Problem::busy("waiting places"))?;
            waiter = Some(permit);
        }
        let look = end.min(now.checked_add(LOOK_AGAIN).unwrap_or(end));
        tokio::select! {
            changed = tip.changed() => if changed.is_err() { tokio::time::sleep_until(look).await },
            _ = stopping.changed() => {}
            () = tokio::time::sleep_until(look) => {}
        }
    }
}

/// `GET /v1/accounts/{key}`
pub(crate) async fn account(State(app): State<Arc<App>>, param: Param) -> Result<Json<AccountDocument>, Problem> {
    let key: PublicKey = param.parse("key")?;
    app.read(Weight::Light, move |ledger| ledger.account(&key)).await.map(Json)
}

/// `GET /v1/accounts/{key}/transactions`
pub(crate) async fn of_account(
    State(app): State<Arc<App>>,
    param: Param,
    mut arguments: Arguments,
) -> Result<Json<TransactionList>, Problem> {
    let limit = arguments.count("limit", 50, MAX_ROWS)?;
    arguments.finish()?;
    let key: PublicKey = param.parse("key")?;
    let transactions = app.read(Weight::Light, move |ledger| ledger.transactions_of(&key, limit)).await?;
    Ok(Json(TransactionList { transactions }))
}

/// `GET /v1/abnormal`
pub(crate) async fn abnormal(
    State(app): State<Arc<App>>,
    mut arguments: Arguments,
) -> Result<Json<AbnormalList>, Problem> {
    let after = arguments.number("after", 0, u64::MAX)?;
    let limit = arguments.count("limit", 100, MAX_ROWS)?;
    arguments.finish()?;
    let abnormal = app.read(Weight::Light, move |ledger| ledger.abnormal(after, limit)).await?;
    Ok(Json(AbnormalList { abnormal }))
}
