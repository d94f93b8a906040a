//! Checkpoints in chunks, and final blocks in bulk. Both are heavy reads, answered in canonical bytes.

use crate::{
    app::{App, Weight},
    extract::{Arguments, Param},
    ledger::LedgerError,
    problem::Problem,
};
use althing_api::checkpoint::CheckpointList;
use althing_types::{codec, hash::Hash, id::Height};
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

fn binary(bytes: Vec<u8>) -> Response {
    let mut response = Body::from(bytes).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    response
}

/// `GET /v1/checkpoints`
pub(crate) async fn list(State(app): State<Arc<App>>, arguments: Arguments) -> Result<Json<CheckpointList>, Problem> {
    arguments.finish()?;
    let checkpoints = app.read(Weight::Light, |ledger| ledger.checkpoints()).await?;
    Ok(Json(CheckpointList { checkpoints }))
}

/// `GET /v1/checkpoints/{height}/chunks/{place}`
pub(crate) async fn chunk(
    State(app): State<Arc<App>>,
    path: Path<(String, String)>,
    arguments: Arguments,
) -> Result<Response, Problem> {
    arguments.finish()?;
    let Path((height, text)) = path;
    let height = Height(Param(height).number("height")?);
    let place = place(&text)?;
    app.read(Weight::Heavy, move |ledger| ledger.chunk(height, &place)).await.map(binary)
}

/// The first place whose digits begin with these.
fn place(text: &str) -> Result<Hash, Problem> {
    let digits = !text.is_empty() && text.len() <= 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let hash = Hash::from_hex(&format!("{text:0<64}")).ok().filter(|_| digits);
    hash.ok_or_else(|| Problem::parameter("place", text, "must be 1 to 64 hexadecimal digits"))
}

/// `GET /v1/chain/{height}`
pub(crate) async fn chain(
    State(app): State<Arc<App>>,
    param: Param,
    arguments: Arguments,
) -> Result<Response, Problem> {
    arguments.finish()?;
    let from = Height(param.number("height")?);
    if from == Height(0) {
        return Err(Problem::parameter("height", &param.0, "must be at least 1: the genesis is no block"));
    }
    let bytes = app
        .read(Weight::Heavy, move |ledger| {
            let blocks = ledger.chain(from)?;
            if blocks.is_empty() {
                return Err(LedgerError::Ahead { height: from, tip: *ledger.tip().borrow() });
            }
            Ok(codec::encode(&blocks))
        })
        .await?;
    Ok(binary(bytes))
}
