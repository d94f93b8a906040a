//! Sockets: datagrams and connections in, answers out, within limits.
//!
//! | limit | what happens beyond it |
//! |---|---|
//! | connections, of all and of one address | closed at once |
//! | a request longer than [`MAX_REQUEST`] | the connection is closed |
//! | a connection that asks nothing for the idle time | closed |
//! | a reader that does not take a message within the write time | closed |
//! | transfers at a time | the request waits for the idle time, then the connection is closed |

use crate::{
    answer::{Answer, Answerer, Transport},
    error::{Result, ZoneFault},
    status::Tally,
    transfer::Transfer,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::timeout,
};

/// Longest request in octets: a question, a serial, EDNS and a signature are far shorter.
pub const MAX_REQUEST: usize = 4096;

/// Limits of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServeLimits {
    /// Connections at a time.
    pub max_connections: usize,
    /// Connections of one address at a time.
    pub max_connections_per_address: usize,
    /// Transfers at a time.
    pub max_transfers: usize,
    /// Seconds within which a connection must ask something.
    pub idle_s: u64,
    /// Seconds within which a reader must take a message.
    pub write_s: u64,
    /// Longest message of a transfer in octets: 1,024 to 65,535.
    pub message_bytes: usize,
}

impl Default for ServeLimits {
    fn default() -> Self {
        Self {
            max_connections: 256,
            max_connections_per_address: 32,
            max_transfers: 32,
            idle_s: 30,
            write_s: 10,
            message_bytes: 32 * 1024,
        }
    }
}

/// What all tasks of the server share.
struct Server {
    answerer: Answerer,
    limits: ServeLimits,
    tally: Arc<Tally>,
    connections: Arc<Semaphore>,
    transfers: Semaphore,
    addresses: Mutex<BTreeMap<IpAddr, usize>>,
}

/// A server that runs.
#[derive(Debug)]
pub struct Serving {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    tasks: Vec<JoinHandle<()>>,
}

impl Serving {
    /// Waits until all tasks have ended; they do when the server is told to stop.
    pub async fn ended(self) {
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// Seconds since 1970.
pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Listens on addresses, each over UDP and TCP, and serves until told to stop. Port 0 takes a free one.
///
/// # Errors
/// [`ZoneFault::Listen`].
pub async fn serve(
    mut answerer: Answerer,
    listen: &[SocketAddr],
    limits: ServeLimits,
    tally: Arc<Tally>,
    stop: watch::Receiver<bool>,
) -> Result<Serving> {
    answerer.message_limit = limits.message_bytes.clamp(1024, 65_535);
    let server = Arc::new(Server {
        answerer,
        limits,
        tally,
        connections: Arc::new(Semaphore::new(limits.max_connections)),
        transfers: Semaphore::new(limits.max_transfers),
        addresses: Mutex::new(BTreeMap::new()),
    });
    let (mut addresses, mut tasks) = (Vec::new(), Vec::new());
    for address in listen {
        let fault = |error| ZoneFault::Listen { address: address.to_string(), error };
        let (tcp, udp) = bind(*address).await.map_err(fault)?;
        addresses.push(tcp.local_addr().map_err(fault)?);
        tasks.push(tokio::spawn(datagrams(server.clone(), udp, stop.clone())));
        tasks.push(tokio::spawn(connections(server.clone(), tcp, stop.clone())));
    }
    Ok(Serving { addresses, tasks })
}

/// One port for both transports; when any is wanted, one that is free for both.
async fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, UdpSocket)> {
    let mut attempts = 0u8;
    loop {
        let tcp = TcpListener::bind(address).await?;
        match UdpSocket::bind(tcp.local_addr()?).await {
            Ok(udp) => return Ok((tcp, udp)),
            Err(_) if address.port() == 0 && attempts < 16 => attempts = attempts.saturating_add(1),
            Err(error) => return Err(error),
        }
    }
}

async fn datagrams(server: Arc<Server>, socket: UdpSocket, mut stop: watch::Receiver<bool>) {
    let mut buffer = vec![0u8; MAX_REQUEST];
    loop {
        let received = tokio::select! {
            received = socket.recv_from(&mut buffer) => received,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        // An error here tells of an earlier answer that could not be delivered.
        let Ok((length, peer)) = received else { continue };
        let request = buffer.get(..length).unwrap_or_default().to_vec();
        if let Answer::Message(octets, why) = server.answerer.answer(request, Transport::Udp, peer.ip(), now_s()) {
            server.tally.request(why);
            if let Some(why) = why {
                tracing::debug!(%peer, why, "refused over UDP");
            }
            let _ = socket.send_to(&octets, peer).await;
        }
    }
}

async fn connections(server: Arc<Server>, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = server.connections.clone().try_acquire_owned() else {
            server.tally.request(Some("too many connections"));
            continue;
        };
        if !server.enter(peer.ip()) {
            server.tally.request(Some("too many connections of one address"));
            continue;
        }
        let (server, mut stop) = (server.clone(), stop.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = converse(&server, stream, peer) => {}
                _ = stop.wait_for(|stop| *stop) => {}
            }
            server.leave(peer.ip());
            drop(permit);
        });
    }
}

/// Answers the requests of one connection until it ends.
async fn converse(server: &Server, mut stream: TcpStream, peer: SocketAddr) {
    let (idle, write) = (Duration::from_secs(server.limits.idle_s), Duration::from_secs(server.limits.write_s));
    let _ = stream.set_nodelay(true);
    loop {
        let Ok(Some(request)) = timeout(idle, request(&mut stream)).await else { return };
        match server.answerer.answer(request, Transport::Tcp, peer.ip(), now_s()) {
            Answer::Silence => return,
            Answer::Message(octets, why) => {
                server.tally.request(why);
                if let Some(why) = why {
                    tracing::info!(%peer, why, "refused");
                }
                if !send(&mut stream, &octets, write).await {
                    return;
                }
            }
            Answer::Transfer(transfer) => {
                let Ok(Ok(_permit)) = timeout(idle, server.transfers.acquire()).await else {
                    server.tally.request(Some("too many transfers"));
                    return;
                };
                if !send_all(server, &mut stream, *transfer, peer, write).await {
                    return;
                }
            }
        }
    }
}

/// Reads one request; `None` when the connection ends or the request is too long.
async fn request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = usize::from(stream.read_u16().await.ok()?);
    if length > MAX_REQUEST {
        return None;
    }
    let mut request = vec![0u8; length];
    stream.read_exact(&mut request).await.ok()?;
    Some(request)
}

async fn send(stream: &mut TcpStream, octets: &[u8], within: Duration) -> bool {
    let Ok(length) = u16::try_from(octets.len()) else { return false };
    let mut framed = Vec::with_capacity(octets.len().saturating_add(2));
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(octets);
    matches!(timeout(within, stream.write_all(&framed)).await, Ok(Ok(())))
}

async fn send_all(
    server: &Server,
    stream: &mut TcpStream,
    mut transfer: Transfer,
    peer: SocketAddr,
    write: Duration,
) -> bool {
    let (kind, serial, zone, key) = (transfer.kind(), transfer.serial(), transfer.zone(), transfer.key());
    let (mut messages, mut octets) = (0u64, 0u64);
    loop {
        let message = match transfer.message(now_s()) {
            Ok(Some(message)) => message,
            Ok(None) => break,
            Err(error) => {
                tracing::error!(%peer, zone, serial, %error, "transfer broken off");
                return false;
            }
        };
        if !send(stream, &message, write).await {
            tracing::warn!(%peer, zone, serial, messages, "transfer broken off: the reader is gone or too slow");
            server.tally.broken();
            return false;
        }
        messages = messages.saturating_add(1);
        octets = octets.saturating_add(message.len() as u64);
    }
    tracing::info!(%peer, zone, serial, kind = ?kind, key, messages, octets, "transferred");
    server.tally.transfer(kind, &zone, key.unwrap_or_else(|| peer.ip().to_string()), serial);
    true
}

impl Server {
    fn enter(&self, address: IpAddr) -> bool {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_default();
        if *count >= self.limits.max_connections_per_address {
            return false;
        }
        *count = count.saturating_add(1);
        true
    }

    fn leave(&self, address: IpAddr) {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                addresses.remove(&address);
            }
        }
    }
}
