//! NOTIFY (RFC 1996): tells a secondary of each new serial until it says that it heard.
//!
//! ```text
//!   new serial --> send --acknowledged--> wait for the next one
//!                   ^ '--no answer--> pause, doubled each time --'
//!                   '--------- a newer serial: at once
//! ```
//! Serials that come while an answer is awaited are told of together: the last one only.

use crate::{keys, message, publish::Shared, record::Owner, serve::now_s, status::Tally};
use domain::{
    base::{
        Message, Rtype,
        iana::{Class, Opcode, Rcode},
    },
    tsig::{ClientTransaction, Key},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::UdpSocket,
    sync::watch,
    time::{sleep, timeout},
};

/// How long an answer is awaited.
const PATIENCE: Duration = Duration::from_secs(2);
/// First pause before the next attempt; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Attempts for one serial; the secondary's own checks find it later.
const MAX_ATTEMPTS: u32 = 12;
/// Octets of a NOTIFY at most.
const LIMIT: usize = 1232;

/// A secondary that is told.
#[derive(Clone, Debug)]
pub struct Secondary {
    /// Its name in the log.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Our address that it knows; any when left out.
    pub from: Option<std::net::IpAddr>,
    /// What messages are signed with.
    pub key: Option<Arc<Key>>,
}

/// Tells one secondary of one zone until told to stop.
pub async fn notify(
    secondary: Secondary,
    apex: Owner,
    shared: Arc<Shared>,
    tally: Arc<Tally>,
    stop: watch::Receiver<bool>,
) {
    let mut stop = stop;
    tokio::select! {
        () = tell(&secondary, &apex, &shared, &tally) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

async fn tell(secondary: &Secondary, apex: &Owner, shared: &Shared, tally: &Tally) {
    let mut serials = shared.serials();
    loop {
        let serial = *serials.borrow_and_update();
        if let Some(serial) = serial {
            let mut pause = FIRST_PAUSE;
            for attempt in 1..=MAX_ATTEMPTS {
                match attempt_one(secondary, apex, shared).await {
                    Ok(()) => {
                        tally.notified(&apex.to_string(), &secondary.name, serial);
                        tracing::debug!(secondary = secondary.name, zone = %apex, serial, attempt, "notified");
                        break;
                    }
                    Err(reason) => {
                        tracing::warn!(secondary = secondary.name, zone = %apex, serial, attempt, reason, "NOTIFY failed");
                    }
                }
                tokio::select! {
                    () = sleep(pause) => {}
                    changed = serials.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        serials.mark_changed();
                        break;
                    }
                }
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
        if serials.changed().await.is_err() {
            return;
        }
    }
}

/// Sends one NOTIFY and awaits its answer.
async fn attempt_one(secondary: &Secondary, apex: &Owner, shared: &Shared) -> Result<(), String> {
    let Some(published) = shared.published() else { return Ok(()) };
    let mut builder = message::builder(LIMIT);
    let header = builder.header_mut();
    header.set_random_id();
    header.set_opcode(Opcode::NOTIFY);
    header.set_aa(true);
    let mut builder = builder.question();
    let fault = |e: domain::base::message_builder::PushError| e.to_string();
    builder.push((apex.to_name(), Rtype::SOA, Class::IN)).map_err(fault)?;
    let mut builder = builder.answer();
    builder.push_ref(&published.version.soa).map_err(fault)?;
    let mut builder = builder.additional();
    let transaction = match &secondary.key {
        Some(key) => Some(ClientTransaction::request(key.clone(), &mut builder, keys::time(now_s())).map_err(fault)?),
        None => None,
    };
    let id = builder.header().id();
    let octets = builder.finish().into_target();
    let any = match secondary.address {
        SocketAddr::V4(_) => std::net::IpAddr::from([0u8; 4]),
        SocketAddr::V6(_) => std::net::IpAddr::from([0u8; 16]),
    };
    let socket = UdpSocket::bind((secondary.from.unwrap_or(any), 0)).await.map_err(|e| e.to_string())?;
    socket.connect(secondary.address).await.map_err(|e| e.to_string())?;
    socket.send(&octets).await.map_err(|e| e.to_string())?;
    let answer = timeout(PATIENCE, async {
        let mut buffer = vec![0u8; LIMIT.saturating_mul(2)];
        loop {
            let length = socket.recv(&mut buffer).await.map_err(|e| e.to_string())?;
            let Ok(mut message) = Message::from_octets(buffer.get(..length).unwrap_or_default().to_vec()) else {
                continue;
            };
            let header = message.header();
            if !header.qr() || header.id() != id || header.opcode() != Opcode::NOTIFY {
                continue;
            }
            if let Some(transaction) = &transaction {
                // An error may come unsigned: from a secondary that does not know the key.
                match transaction.clone().answer(&mut message, keys::time(now_s())) {
                    Err(error) if header.rcode() == Rcode::NOERROR => return Err(format!("its answer: {error}")),
                    _ => {}
                }
            }
            return match header.rcode() {
                Rcode::NOERROR => Ok(()),
                rcode => Err(format!("it answered {rcode}")),
            };
        }
    });
    answer.await.unwrap_or_else(|_| Err("no answer".into()))
}
