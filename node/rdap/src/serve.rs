//! Listening, TLS, connections, shutdown.

use crate::{
    config::{Limits, TlsConfig},
    error::{RdapFault, Result},
    limit::{Slot, Slots},
    routes::{App, ClientAddress},
};
use axum::{Router, body::Body};
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use std::{pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

/// Longest head of a request in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// Most header fields of a request.
const MAX_FIELDS: usize = 64;
/// Pause after a failed accept, such as for a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Time between two cleanings of the rate limits.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// How long running requests may take after the stop.
const DRAIN: Duration = Duration::from_secs(5);

/// Reads certificate and key.
///
/// # Errors
/// [`RdapFault::Tls`] names the file.
pub fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let refuse = |file: &std::path::Path, reason: String| RdapFault::Tls { file: file.into(), reason };
    let certificates = CertificateDer::pem_file_iter(&config.certificates)
        .and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>)
        .map_err(|error| refuse(&config.certificates, error.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&config.key).map_err(|error| refuse(&config.key, error.to_string()))?;
    let mut server = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(|error| refuse(&config.certificates, error.to_string()))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

/// Serves until told to stop, then lets running requests end.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    app: Arc<App>,
    limits: Limits,
    stop: watch::Receiver<bool>,
) {
    let mut told = pin!(stopped(stop.clone()));
    let router = crate::routes::router(Arc::clone(&app));
    let slots = Slots::new(&limits);
    let limits = Arc::new(limits);
    let mut connections = JoinSet::new();
    let mut clean = tokio::time::interval(CLEAN_EVERY);
    loop {
        tokio::select! {
            () = &mut told => break,
            _ = clean.tick() => app.gate.clean(),
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, address)) => {
                    let Some(slot) = slots.take(address.ip()) else {
                        app.metrics.refused_connections.inc();
                        continue;
                    };
                    let client = ClientAddress(address.ip());
                    let served = Served { client, router: router.clone(), limits: Arc::clone(&limits), stop: stop.clone() };
                    let (tls, gauge) = (tls.clone(), app.metrics.connections.clone());
                    gauge.inc();
                    connections.spawn(async move {
                        served.connection(stream, tls, slot).await;
                        gauge.dec();
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let drain = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, drain).await.is_err() {
        connections.shutdown().await;
    }
}

/// Waits until the node is told to stop.
pub(crate) async fn stopped(mut stop: watch::Receiver<bool>) {
    while !*stop.borrow_and_update() {
        if stop.changed().await.is_err() {
            return;
        }
    }
}

/// What one connection needs.
struct Served {
    client: ClientAddress,
    router: Router,
    limits: Arc<Limits>,
    stop: watch::Receiver<bool>,
}

impl Served {
    async fn connection(self, stream: TcpStream, tls: Option<TlsAcceptor>, slot: Slot) {
        let _ = stream.set_nodelay(true);
        let whole = Duration::from_millis(self.limits.connection_ms);
        let head = Duration::from_millis(self.limits.header_ms);
        let work = async {
            match tls {
                None => self.http(stream).await,
                Some(acceptor) => match timeout(head, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => self.http(stream).await,
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS"),
                    Err(_) => tracing::debug!("no TLS in time"),
                },
            }
        };
        let _ = timeout(whole, work).await;
        drop(slot);
    }

    async fn http<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(self, stream: S) {
        let (client, router) = (self.client, self.router);
        let longest = Duration::from_millis(self.limits.request_ms);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(client);
            let answered = router.clone().oneshot(request.map(Body::new));
            async move {
                match timeout(longest, answered).await {
                    Ok(response) => response,
                    Err(_) => Ok(crate::routes::too_slow()),
                }
            }
        });
        let mut connection = pin!(
            http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_millis(self.limits.header_ms))
                .max_headers(MAX_FIELDS)
                .max_buf_size(MAX_HEAD)
                .serve_connection(TokioIo::new(stream), service)
        );
        let stop = self.stop;
        let ended = tokio::select! {
            result = connection.as_mut() => Some(result),
            () = stopped(stop) => None,
        };
        let result = match ended {
            Some(result) => result,
            None => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = result {
            tracing::debug!(%error, "a connection ended");
        }
    }
}
