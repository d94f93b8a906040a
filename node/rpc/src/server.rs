//! Listening, connections and shutdown.

use crate::{
    Ledger, Metrics, Submit,
    app::{App, ClientAddress, router},
    quota::{Slot, Slots},
    socket::Socket,
};
use althing_api::config::ApiLimits;
use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::registry::Registry;
use std::{future::Future, io, net::IpAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tower::ServiceExt;
use tracing::Instrument;

/// Longest head of a request in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// Most header fields of a request.
const MAX_FIELDS: usize = 64;
/// Pause after the listener ran out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time between two cleanings of the rate limiter.
const CLEAN_EVERY: Duration = Duration::from_secs(60);

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
    Listener(#[from] io::Error),
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
    let (stop, stopping) = watch::channel(false);
    let metrics = services.metrics.clone();
    let slots = Slots::new(limits.max_connections, limits.max_connections_per_address);
    let app = Arc::new(App::new(services, limits.clone(), stopping.clone()));
    let router = router(Arc::clone(&app));
    let mut connections = JoinSet::new();
    let mut clean = tokio::time::interval(CLEAN_EVERY);
    let mut shutdown = pin!(shutdown);
    let outcome = loop {
        tokio::select! {
            () = &mut shutdown => break Ok(()),
            _ = clean.tick() => app.rates.clean(),
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let Some(slot) = slots.take(address.ip()) else {
                        metrics.refused_connections.inc();
                        continue;
                    };
                    let connection =
                        connection(stream, address.ip(), slot, router.clone(), limits.clone(), stopping.clone());
                    let gauge = metrics.connections.clone();
                    gauge.inc();
                    let counted = async move {
                        connection.await;
                        gauge.dec();
                    };
                    connections.spawn(counted.in_current_span());
                }
                Err(error) if is_passing(&error) => tokio::time::sleep(ACCEPT_PAUSE).await,
                Err(error) => break Err(ServeError::Listener(error)),
            },
        }
    };
    drop(listener);
    let _ = stop.send(true);
    let end = tokio::time::Instant::now().checked_add(Duration::from_millis(limits.request_timeout_ms));
    let drain = async { while connections.join_next().await.is_some() {} };
    if let Some(end) = end
        && tokio::time::timeout_at(end, drain).await.is_err()
    {
        connections.shutdown().await;
    }
    outcome
}

/// Whether a failed accept says something about one connection or about a lack of descriptors, not about the listener.
fn is_passing(error: &io::Error) -> bool {
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::OutOfMemory
    ) || matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}

async fn connection(
    stream: TcpStream,
    address: IpAddr,
    slot: Slot,
    router: Router,
    limits: ApiLimits,
    mut stopping: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let io = TokioIo::new(Socket::new(stream, Duration::from_millis(limits.write_timeout_ms)));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ClientAddress(address));
        router.clone().oneshot(request.map(Body::new))
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_millis(limits.header_timeout_ms))
            .max_headers(MAX_FIELDS)
            .max_buf_size(MAX_HEAD)
            .serve_connection(io, service)
    );
    let stopped = async { stopping.wait_for(|stop| *stop).await.is_ok() };
    let ended = tokio::select! {
        result = connection.as_mut() => Some(result),
        _ = stopped => None,
    };
    let result = match ended {
        Some(result) => result,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%address, %error, "connection ended");
    }
    drop(slot);
}
