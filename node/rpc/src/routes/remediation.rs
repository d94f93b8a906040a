//! Remediation plans.

use crate::{
    app::{App, Weight},
    extract::RawBody,
    problem::Problem,
};
use althing_api::remediation::{RemediationPlanRequest, RemediationPlanResponse};
use axum::{Json, extract::State};
use std::sync::Arc;

/// `POST /v1/remediation-plans`
pub(crate) async fn plan(State(app): State<Arc<App>>, body: RawBody) -> Result<Json<RemediationPlanResponse>, Problem> {
    let RemediationPlanRequest { organisation, from_height, base_height } = body.json()?;
    app.read(Weight::Heavy, move |ledger| ledger.remediation_plan(&organisation, from_height, base_height))
        .await
        .map(Json)
}
