//! The node itself: status, genesis, health, figures, the API's own description.

use crate::{
    app::{App, Weight},
    problem::Problem,
};
use althing_api::model::{GenesisDocument, HealthDocument, StatusDocument};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn typed(body: impl IntoResponse, form: &'static str) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
    response
}

/// `GET /v1/status`
pub(crate) async fn status(State(app): State<Arc<App>>) -> Result<Json<StatusDocument>, Problem> {
    app.read(Weight::Light, |ledger| ledger.status()).await.map(Json)
}

/// `GET /v1/genesis`
pub(crate) async fn genesis(State(app): State<Arc<App>>) -> Json<GenesisDocument> {
    let genesis = app.services.ledger.genesis();
    Json(GenesisDocument { hash: genesis.hash(), genesis: (*genesis).clone() })
}

/// `GET /healthz`
pub(crate) async fn health() -> Json<HealthDocument> {
    Json(HealthDocument { status: "ok".into() })
}

/// `GET /readyz`
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Json<HealthDocument>, Problem> {
    app.read(Weight::Light, |ledger| ledger.ready()).await?;
    Ok(Json(HealthDocument { status: "ok".into() }))
}

/// `GET /metrics`
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &app.services.registry)
        .map_err(|e| Problem::internal(&e.to_string()))?;
    Ok(typed(text, OPEN_METRICS))
}

/// `GET /openapi.json`
pub(crate) async fn openapi() -> Response {
    typed(althing_api::openapi::DOCUMENT, "application/json")
}
