//! Going on after the loss of the quorum.

use crate::{app::App, extract::RawBody, problem::Problem};
use althing_api::recovery::{RecoveryRequest, RecoveryResponse};
use axum::{Json, extract::State};
use std::sync::Arc;

/// `POST /v1/recoveries`
pub(crate) async fn apply(State(app): State<Arc<App>>, body: RawBody) -> Result<Json<RecoveryResponse>, Problem> {
    let request: RecoveryRequest = body.json()?;
    Ok(Json(app.services.submit.recover(request.recovery).await?))
}
