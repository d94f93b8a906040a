//! Blocks and headers.

use crate::{
    app::{App, Weight},
    extract::{Arguments, Param},
    ledger::{Ledger, LedgerError},
    problem::Problem,
};
use althing_api::{
    ErrorCode,
    model::{BlockDocument, HeaderDocument, HeaderList, MAX_HEADERS},
};
use althing_types::{hash::Hash, id::Height};
use axum::{Json, extract::State};
use std::sync::Arc;

enum Selector {
    Latest,
    Height(Height),
    Hash(Hash),
}

fn selector(param: &Param) -> Result<Selector, Problem> {
    let text = param.0.as_str();
    if text == "latest" {
        return Ok(Selector::Latest);
    }
    if text.len() == 64 {
        return param.parse("block").map(Selector::Hash);
    }
    param.number("block").map(|h| Selector::Height(Height(h))).map_err(|_| {
        Problem::parameter("block", text, "must be a height, a header hash of 64 hexadecimal digits, or latest")
    })
}

/// `GET /v1/blocks/{block}`
pub(crate) async fn block(
    State(app): State<Arc<App>>,
    param: Param,
    mut arguments: Arguments,
) -> Result<Json<BlockDocument>, Problem> {
    let full = arguments.flag("full", false)?;
    arguments.finish()?;
    let selector = selector(&param)?;
    let found = app
        .read(Weight::Heavy, move |ledger| {
            let height = match selector {
                Selector::Latest => *ledger.tip().borrow(),
                Selector::Height(height) => height,
                Selector::Hash(hash) => match ledger.height_of_block(&hash)? {
                    Some(height) => height,
                    None => return Ok(None),
                },
            };
            document(ledger, height, full)
        })
        .await?;
    found.map(Json).ok_or_else(|| {
        let mut error = althing_api::ApiError::parameter("block", &param.0, "must be a final block of this chain");
        error.code = ErrorCode::BlockUnknown;
        error.into()
    })
}

fn document(ledger: &dyn Ledger, height: Height, full: bool) -> Result<Option<BlockDocument>, LedgerError> {
    let Some((block, certificate)) = ledger.block(height)? else { return Ok(None) };
    let receipts = if full { Some(ledger.receipts(height)?) } else { None };
    Ok(Some(BlockDocument {
        hash: block.header.hash(),
        transaction_hashes: block.transaction_hashes(),
        header: block.header,
        certificate,
        transactions: full.then(|| block.transactions.into_vec()),
        receipts,
    }))
}

/// `GET /v1/headers/{height}`
pub(crate) async fn headers(
    State(app): State<Arc<App>>,
    param: Param,
    mut arguments: Arguments,
) -> Result<Json<HeaderList>, Problem> {
    let count = arguments.count("count", 1, MAX_HEADERS)?;
    arguments.finish()?;
    let from = Height(param.number("height")?);
    if from == Height(0) {
        return Err(Problem::parameter("height", &param.0, "must be at least 1: the genesis has no header"));
    }
    let weight = if count > 8 { Weight::Heavy } else { Weight::Light };
    let headers = app
        .read(weight, move |ledger| {
            let mut headers: Vec<HeaderDocument> = Vec::with_capacity(count);
            let mut height = from;
            while headers.len() < count {
                let Some((header, certificate, list)) = ledger.header(height)? else { break };
                let known = headers.last().is_some_and(|before| before.header.authorities == header.authorities);
                let authorities = (!known).then_some(list);
                // A recovery always brings another list.
                let recovery = if known { None } else { ledger.recovery(height)? };
                headers.push(HeaderDocument { hash: header.hash(), header, certificate, authorities, recovery });
                height = height.next();
            }
            if headers.is_empty() {
                return Err(LedgerError::Ahead { height: from, tip: *ledger.tip().borrow() });
            }
            Ok(headers)
        })
        .await?;
    Ok(Json(HeaderList { headers }))
}
