//! State entries with proofs.

use crate::{
    app::{App, Weight},
    extract::{Arguments, Param, RawBody},
    ledger::{Ledger, LedgerError},
    problem::Problem,
};
use althing_api::model::{
    HexBytes, MAX_SCAN, MAX_SCAN_WITH_PROOFS, MAX_STATE_BATCH, MAX_STATE_KEY, StateBatch, StateBatchRequest,
    StateDocument, StateEntry,
};
use althing_types::id::Height;
use axum::{Json, extract::State};
use std::sync::Arc;

/// Longest values of one answer together; a page or batch ends early, or is refused, above it.
const MAX_ANSWER: usize = 16 * 1024 * 1024;

fn prove(ledger: &dyn Ledger, height: Height, key: Vec<u8>) -> Result<StateEntry, LedgerError> {
    let (value, proof) = ledger.prove(height, &key)?;
    Ok(StateEntry { key: key.into(), value: value.map(HexBytes), proof: Some(proof) })
}

/// `GET /v1/state/{key}`
pub(crate) async fn entry(
    State(app): State<Arc<App>>,
    param: Param,
    mut arguments: Arguments,
) -> Result<Json<StateDocument>, Problem> {
    let height = arguments.number("height", 0, u64::MAX)?.map(Height);
    arguments.finish()?;
    let key = param.bytes("key", MAX_STATE_KEY)?;
    app.read(Weight::Light, move |ledger| {
        let height = height.unwrap_or_else(|| *ledger.tip().borrow());
        Ok(StateDocument { height, entry: prove(ledger, height, key)? })
    })
    .await
    .map(Json)
}

/// `POST /v1/state/batch`
pub(crate) async fn batch(State(app): State<Arc<App>>, body: RawBody) -> Result<Json<StateBatch>, Problem> {
    let request: StateBatchRequest = body.json()?;
    if request.keys.is_empty() || request.keys.len() > MAX_STATE_BATCH {
        let count = request.keys.len().to_string();
        return Err(Problem::parameter("keys", &count, format!("must be 1 to {MAX_STATE_BATCH} keys")));
    }
    if let Some(long) = request.keys.iter().find(|k| k.0.len() > MAX_STATE_KEY) {
        return Err(Problem::parameter(
            "keys",
            &hex::encode(&long.0),
            format!("must be at most {MAX_STATE_KEY} bytes"),
        ));
    }
    let answer = app
        .read(Weight::Heavy, move |ledger| {
            let height = request.height.unwrap_or_else(|| *ledger.tip().borrow());
            let mut entries = Vec::with_capacity(request.keys.len());
            let mut size = 0usize;
            for key in request.keys {
                let entry = prove(ledger, height, key.0)?;
                size = size.saturating_add(entry.value.as_ref().map_or(0, |v| v.0.len()));
                entries.push(entry);
                if size > MAX_ANSWER {
                    return Ok(None);
                }
            }
            Ok(Some(StateBatch { height, entries, next: None }))
        })
        .await?;
    answer.map(Json).ok_or_else(|| {
        Problem::parameter(
            "keys",
            "batch",
            format!("values together must be at most {MAX_ANSWER} bytes; ask for fewer"),
        )
    })
}

/// `GET /v1/state`: the keys are those of the tip; with `height`, their values and proofs are of that height.
pub(crate) async fn scan(State(app): State<Arc<App>>, mut arguments: Arguments) -> Result<Json<StateBatch>, Problem> {
    let prefix = arguments
        .bytes("prefix", MAX_STATE_KEY)?
        .ok_or_else(|| Problem::parameter("prefix", "", "must be given, as hexadecimal bytes"))?;
    let after = arguments.bytes("after", MAX_STATE_KEY)?;
    let height = arguments.number("height", 0, u64::MAX)?.map(Height);
    let proofs = arguments.flag("proofs", true)?;
    let values = arguments.flag("values", true)?;
    let most = if proofs || height.is_some() { MAX_SCAN_WITH_PROOFS } else { MAX_SCAN };
    let limit = arguments.count("limit", most.min(100), most)?;
    arguments.finish()?;
    app.read(Weight::Heavy, move |ledger| {
        let scanned = ledger.scan(&prefix, after.as_deref(), limit)?;
        let height = height.unwrap_or(scanned.height);
        let full = scanned.entries.len() >= limit;
        let (mut entries, mut size, mut last, mut cut) = (Vec::new(), 0usize, None, false);
        for (key, value) in scanned.entries {
            if size > MAX_ANSWER {
                cut = true;
                break;
            }
            last = Some(HexBytes(key.clone()));
            let mut entry = if proofs || height != scanned.height {
                prove(ledger, height, key)?
            } else {
                StateEntry { key: key.into(), value: Some(HexBytes(value)), proof: None }
            };
            if entry.value.is_none() {
                continue;
            }
            if !proofs {
                entry.proof = None;
            }
            if !values {
                entry.value = None;
            }
            size = size.saturating_add(entry.value.as_ref().map_or(0, |v| v.0.len()));
            entries.push(entry);
        }
        Ok(StateBatch { height, entries, next: if full || cut { last } else { None } })
    })
    .await
    .map(Json)
}
