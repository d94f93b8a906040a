//! Contracts and their views.

use crate::{
    app::{App, Weight},
    extract::{Param, RawBody},
    problem::Problem,
};
use althing_api::{
    ApiError, ErrorCode,
    dry_run::{DryRunRequest, DryRunResponse},
    model::{ContractDocument, ContractList, ViewRequest, ViewResponse},
};
use althing_types::{
    id::ContractId,
    transaction::{MAX_ARGUMENTS, MAX_CODE},
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// Longest method name in bytes.
const MAX_METHOD: usize = 64;

fn unknown(id: &str) -> Problem {
    let mut error = ApiError::parameter("contract", id, "must be a deployed contract; see /v1/contracts");
    error.code = ErrorCode::ContractUnknown;
    error.into()
}

/// `POST /v1/views`
pub(crate) async fn view(State(app): State<Arc<App>>, body: RawBody) -> Result<Json<ViewResponse>, Problem> {
    let request: ViewRequest = body.json()?;
    if request.method.is_empty() || request.method.len() > MAX_METHOD {
        return Err(Problem::parameter("method", &request.method, format!("must be 1 to {MAX_METHOD} bytes")));
    }
    if request.arguments.0.len() > MAX_ARGUMENTS {
        let length = request.arguments.0.len().to_string();
        return Err(Problem::parameter("arguments", &length, format!("must be at most {MAX_ARGUMENTS} bytes")));
    }
    app.read(Weight::Heavy, move |ledger| ledger.view(&request.contract, &request.method, &request.arguments.0))
        .await
        .map(Json)
}

/// `POST /v1/dry-runs`
pub(crate) async fn dry_run(State(app): State<Arc<App>>, body: RawBody) -> Result<Json<DryRunResponse>, Problem> {
    let request: DryRunRequest = body.json()?;
    if request.code.is_some() == request.module.is_some() {
        return Err(Problem::parameter("code", "", "must be there when 'module' is not, and only then"));
    }
    if request.module.as_ref().is_some_and(|module| module.0.len() > MAX_CODE) {
        return Err(Problem::parameter("module", "", format!("must be at most {MAX_CODE} bytes")));
    }
    if request.arguments.0.len() > MAX_ARGUMENTS {
        return Err(Problem::parameter("arguments", "", format!("must be at most {MAX_ARGUMENTS} bytes")));
    }
    app.read(Weight::Heavy, move |ledger| ledger.dry_run(&request)).await.map(Json)
}

/// `GET /v1/contracts`
pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<ContractList>, Problem> {
    app.read(Weight::Light, |ledger| {
        let height = *ledger.tip().borrow();
        Ok(ContractList { height, contracts: ledger.contracts()? })
    })
    .await
    .map(Json)
}

/// `GET /v1/contracts/{contract}`
pub(crate) async fn one(State(app): State<Arc<App>>, param: Param) -> Result<Json<ContractDocument>, Problem> {
    let id: ContractId = param.parse("contract")?;
    let found = app.read(Weight::Light, move |ledger| ledger.contract(&id)).await?;
    found.map(Json).ok_or_else(|| unknown(&param.0))
}

/// `GET /v1/contracts/{contract}/code`
pub(crate) async fn code(State(app): State<Arc<App>>, param: Param) -> Result<Response, Problem> {
    let id: ContractId = param.parse("contract")?;
    let code = app.read(Weight::Light, move |ledger| ledger.code(&id)).await?.ok_or_else(|| unknown(&param.0))?;
    let mut response = code.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/wasm"));
    Ok(response)
}
