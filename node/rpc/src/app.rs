//! The router with what stands before every handler: rate limit, time-out, caught panics, figures.

use crate::{
    Metrics, Services,
    ledger::{Ledger, LedgerError},
    metrics::RequestLabels,
    problem::Problem,
    quota::{Rates, Slots},
    routes,
};
use althing_api::{ErrorCode, config::ApiLimits, path};
use axum::{
    Router,
    extract::{MatchedPath, Request, State},
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodRouter, get, post},
};
use futures::FutureExt;
use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Light reads that run at a time; more wait for their turn.
const MAX_READS: usize = 32;

/// Where a request comes from; put into each request by the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// What handlers share.
pub(crate) struct App {
    pub(crate) services: Services,
    pub(crate) limits: ApiLimits,
    pub(crate) rates: Rates,
    pub(crate) streams: Slots,
    pub(crate) waiters: Arc<Semaphore>,
    pub(crate) stopping: watch::Receiver<bool>,
    reads: Arc<Semaphore>,
    views: Arc<Semaphore>,
}

/// How heavy a read is: which queue it waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// A few look-ups.
    Light,
    /// A view, a scan, many proofs.
    Heavy,
}

impl App {
    pub(crate) fn new(services: Services, limits: ApiLimits, stopping: watch::Receiver<bool>) -> Self {
        let permits = |n: u32| Arc::new(Semaphore::new(usize::try_from(n).unwrap_or(1)));
        Self {
            rates: Rates::new(limits.requests_per_second, limits.request_burst),
            streams: Slots::new(limits.max_streams, limits.max_streams_per_address),
            waiters: permits(limits.max_waiters),
            reads: Arc::new(Semaphore::new(MAX_READS)),
            views: permits(limits.max_views),
            services,
            limits,
            stopping,
        }
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.services.metrics
    }

    /// Runs a read on a blocking thread. The place in the queue is held until the read has really ended, also when the
    /// client has gone.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        weight: Weight,
        work: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, Problem> {
        let queue = match weight {
            Weight::Light => &self.reads,
            Weight::Heavy => &self.views,
        };
        let permit: OwnedSemaphorePermit =
            Arc::clone(queue).acquire_owned().await.map_err(|_| Problem::busy("workers"))?;
        let ledger = Arc::clone(&self.services.ledger);
        let span = tracing::Span::current();
        let task = tokio::task::spawn_blocking(move || {
            let outcome = span.in_scope(|| work(&*ledger));
            drop(permit);
            outcome
        });
        match task.await {
            Ok(outcome) => outcome.map_err(Problem::from),
            Err(error) => Err(Problem::internal(&error.to_string())),
        }
    }
}

/// Every route of the API.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    for (path, methods) in table() {
        router = router.route(path, methods);
    }
    router
        .method_not_allowed_fallback(async || {
            Problem::new(ErrorCode::MethodNotAllowed, "this path does not take this method; see /openapi.json")
        })
        .fallback(async |request: Request| unknown_path(request.uri().path()))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

fn table() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    use routes::{blocks, checkpoints, contracts, events, node, recovery, remediation, state, transactions};
    vec![
        (path::TRANSACTIONS, post(transactions::submit)),
        (path::TRANSACTIONS_STATUS, post(transactions::status)),
        (path::TRANSACTION, get(transactions::one)),
        (path::TRANSACTION_WAIT, get(transactions::wait)),
        (path::ACCOUNT, get(transactions::account)),
        (path::ACCOUNT_TRANSACTIONS, get(transactions::of_account)),
        (path::ABNORMAL, get(transactions::abnormal)),
        (path::BLOCK, get(blocks::block)),
        (path::HEADERS, get(blocks::headers)),
        (path::CHAIN, get(checkpoints::chain)),
        (path::CHECKPOINTS, get(checkpoints::list)),
        (path::CHECKPOINT_CHUNK, get(checkpoints::chunk)),
        (path::STATE_ENTRY, get(state::entry)),
        (path::STATE, get(state::scan)),
        (path::STATE_BATCH, post(state::batch)),
        (path::VIEWS, post(contracts::view)),
        (path::DRY_RUNS, post(contracts::dry_run)),
        (path::REMEDIATION_PLANS, post(remediation::plan)),
        (path::RECOVERIES, post(recovery::apply)),
        (path::CONTRACTS, get(contracts::list)),
        (path::CONTRACT, get(contracts::one)),
        (path::CONTRACT_CODE, get(contracts::code)),
        (path::EVENTS, get(events::events)),
        (path::STATUS, get(node::status)),
        (path::GENESIS, get(node::genesis)),
        (path::HEALTH, get(node::health)),
        (path::READY, get(node::ready)),
        (path::METRICS, get(node::metrics)),
        (path::OPENAPI, get(node::openapi)),
    ]
}

fn unknown_path(path: &str) -> Problem {
    let mut error = althing_api::ApiError::parameter("path", path, "must be one of /openapi.json");
    error.code = ErrorCode::UnknownPath;
    error.into()
}

/// Stands before every handler.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let address = request.extensions().get::<ClientAddress>().copied();
    let probe = route == path::HEALTH;
    let rate = match address {
        Some(ClientAddress(address)) if !probe => app.rates.check(address),
        _ => Ok(()),
    };
    let mut response = match rate {
        Err(wait) => {
            app.metrics().rate_limited.inc();
            Problem::rate_limited(wait.as_secs().saturating_add(1)).into_response()
        }
        Ok(()) => {
            let waits = matches!(route.as_str(), path::TRANSACTION_WAIT | path::TRANSACTIONS_STATUS);
            let extra = if waits { app.limits.max_wait_ms } else { 0 };
            let limit = Duration::from_millis(app.limits.request_timeout_ms.saturating_add(extra));
            match tokio::time::timeout(limit, AssertUnwindSafe(next.run(request)).catch_unwind()).await {
                Ok(Ok(response)) => response,
                Ok(Err(_)) => Problem::internal(&format!("a handler of {route} panicked")).into_response(),
                Err(_) => Problem::new(ErrorCode::Timeout, format!("no answer within {} ms", limit.as_millis()))
                    .into_response(),
            }
        }
    };
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let status = response.status().as_u16();
    app.metrics().requests.get_or_create(&RequestLabels { route, status }).inc();
    response
}
