//! Every answer that is not 2xx: one JSON form, with `Retry-After` where trying again makes sense.

use crate::ledger::LedgerError;
use althing_api::{ApiError, ErrorCode};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// An error on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    error: Box<ApiError>,
    retry_after_s: Option<u64>,
}

impl Problem {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        ApiError::new(code, message).into()
    }
    pub(crate) fn parameter(field: &str, value: &str, rule: impl Into<String>) -> Self {
        ApiError::parameter(field, value, rule).into()
    }
    pub(crate) fn rate_limited(wait_s: u64) -> Self {
        let mut problem = Self::new(ErrorCode::RateLimited, "too many requests from this address");
        problem.retry_after_s = Some(wait_s.max(1));
        problem
    }
    pub(crate) fn busy(what: &str) -> Self {
        Self::new(ErrorCode::Busy, format!("all {what} are taken; try again"))
    }
    pub(crate) fn internal(reason: &str) -> Self {
        tracing::error!(reason, "request failed by the node's own fault");
        Self::new(ErrorCode::Internal, "the node failed to answer; its log says why")
    }
    pub(crate) fn into_error(self) -> ApiError {
        *self.error
    }
}

impl From<ApiError> for Problem {
    fn from(error: ApiError) -> Self {
        let retry_after_s = (error.status() == 503).then_some(1);
        Self { error: Box::new(error), retry_after_s }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        let message = error.to_string();
        let height = |code, height: althing_types::id::Height, rule: String| {
            let mut api = ApiError::new(code, message.clone());
            api.field = Some("height".into());
            api.value = Some(height.to_string());
            api.rule = Some(rule);
            Self::from(api)
        };
        match error {
            LedgerError::Pruned { height: h, oldest } => {
                height(ErrorCode::HeightPruned, h, format!("must be at least {oldest}"))
            }
            LedgerError::Ahead { height: h, tip } => {
                height(ErrorCode::HeightAhead, h, format!("must be at most {tip}"))
            }
            LedgerError::BeforeBase { height: h, base } => {
                height(ErrorCode::HeightPruned, h, format!("must be above {base}"))
            }
            LedgerError::NoCheckpoint { height: h } => {
                height(ErrorCode::CheckpointUnknown, h, "must be one of /v1/checkpoints".into())
            }
            LedgerError::NotReady { .. } => Self::new(ErrorCode::NotReady, message.clone()),
            LedgerError::NoPlan { number, .. } => {
                let mut api = ApiError::new(ErrorCode::PlanRefused, message.clone());
                api.field = Some("plan".into());
                api.value = Some(number.to_string());
                api.rule = Some(message);
                api.into()
            }
            LedgerError::Fault { reason } => Self::internal(&reason),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(*self.error)).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
