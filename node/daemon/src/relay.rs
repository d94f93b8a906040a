//! Carries messages of contract `root_sync` between two chains of this process, in both directions.
//!
//! A relay sees what any other member's would: the APIs of its own nodes, and proofs from the genesis documents on. It has
//! no say in what is applied, and keeps nothing: what comes next follows from what the receiving chain has proven to hold,
//! so that it goes on after a restart, and beside others.
//!
//! ```text
//! step ── delivered ──► step at once
//!      ── nothing due ► step after POLL
//!      ── failed ─────► step after a pause that doubles from LEAST to MOST; told when the reason changes
//!      ── refused ────► step after REFUSED: the same would be refused and recorded again
//! ```

use crate::metrics::{RelayFigures, RelayProbe};
use althing_client::{
    Client, Verifier,
    relay::{Relay, RelayConfig, RelayError, Step},
};
use althing_types::{crypto::SecretKey, genesis::Genesis};
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::sync::watch;
use tracing::{Instrument, Span};

/// Pause when nothing is due.
const POLL: Duration = Duration::from_secs(1);
/// First pause after a failure.
const LEAST: Duration = Duration::from_secs(1);
/// Longest pause after a failure.
const MOST: Duration = Duration::from_secs(60);
/// Pause after a delivery that was refused for good.
const REFUSED: Duration = Duration::from_secs(300);

/// One of the two chains.
#[derive(Clone, Debug)]
pub(crate) struct End {
    /// Its genesis document: that of the process's own node.
    pub(crate) genesis: Genesis,
    /// Where that node's API listens.
    pub(crate) api: SocketAddr,
    /// The figures that its API shows of what is brought to this chain.
    pub(crate) figures: RelayFigures,
}

/// Starts a thread that carries in both directions until `stop` changes or its sender is gone.
///
/// # Errors
/// When the address or the genesis document of an end cannot be used, or there is no thread to be had.
pub(crate) fn start(
    root: &End,
    tld: &End,
    key: &SecretKey,
    runtime: &tokio::runtime::Handle,
    mut stop: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let direction = |from: &End, to: &End| -> anyhow::Result<(Relay, RelayProbe, Span)> {
        let relay = Relay::new(verifier(from)?, verifier(to)?, key.clone(), RelayConfig::default());
        // At the level of errors, so that no filter leaves it out.
        let span = tracing::error_span!("relay", from = %from.genesis.chain, to = %to.genesis.chain);
        Ok((relay, to.figures.of(&from.genesis.chain), span))
    };
    let ((down, down_probe, down_span), (up, up_probe, up_span)) = (direction(root, tld)?, direction(tld, root)?);
    let runtime = runtime.clone();
    std::thread::Builder::new().name(format!("relay {}", tld.genesis.chain)).spawn(move || {
        runtime.block_on(async move {
            tokio::select! {
                _ = stop.changed() => {}
                () = carry(down, down_probe).instrument(down_span) => {}
                () = carry(up, up_probe).instrument(up_span) => {}
            }
        });
    })?;
    Ok(())
}

fn verifier(end: &End) -> anyhow::Result<Verifier> {
    let client = Client::new(&base_url(end.api))?;
    Ok(Verifier::new(client, end.genesis.clone())?)
}

/// The URL under which this process reaches its own listener.
fn base_url(api: SocketAddr) -> String {
    let ip = match api.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, api.port()))
}

async fn carry(mut relay: Relay, probe: RelayProbe) {
    let mut pauses = Pauses::default();
    loop {
        let outcome = relay.step().await;
        outcome.as_ref().map_or_else(|_| probe.failed(), |step| probe.stepped(step));
        let pause = match &outcome {
            Ok(Step::Idle { .. }) => POLL,
            Ok(Step::Delivered { transaction, progress }) => {
                tracing::info!(%transaction, received = progress.received, "delivered");
                Duration::ZERO
            }
            Ok(Step::Outrun { code }) => {
                tracing::debug!(?code, "another carrier was quicker");
                POLL
            }
            Ok(Step::TooMany { reason }) => {
                tracing::debug!(reason, "fewer messages next time");
                Duration::ZERO
            }
            Ok(Step::Full) => POLL,
            Ok(Step::Refused { transaction, code }) => {
                tracing::error!(%transaction, ?code, "a delivery was refused");
                REFUSED
            }
            Err(error) => pauses.failed(error),
        };
        if outcome.is_ok() && pauses.recovered() {
            tracing::info!("goes on");
        }
        tokio::time::sleep(pause).await;
    }
}

/// Pauses after failures in a row.
#[derive(Debug, Default)]
struct Pauses {
    next: Option<Duration>,
    told: String,
}

impl Pauses {
    /// The pause after one more failure; tells of it when it is not the one before.
    fn failed(&mut self, error: &RelayError) -> Duration {
        let text = error.to_string();
        let pause = self.next.unwrap_or(LEAST);
        if text == self.told {
            tracing::debug!(error = text, ?pause, "cannot carry");
        } else {
            tracing::warn!(error = text, ?pause, "cannot carry; will try again");
            self.told = text;
        }
        self.next = Some(pause.saturating_mul(2).min(MOST));
        pause
    }

    /// A step succeeded; says whether one had failed before.
    fn recovered(&mut self) -> bool {
        self.told.clear();
        self.next.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::id::ChainId;

    #[test]
    fn pauses_double_up_to_a_minute_and_begin_anew() {
        let chain = |id: &str| ChainId::new(id).unwrap();
        let error = RelayError::NoPeer { from: chain("a"), to: chain("b") };
        let mut pauses = Pauses::default();
        let seconds: Vec<u64> = (0..8).map(|_| pauses.failed(&error).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(pauses.recovered() && !pauses.recovered());
        assert_eq!(pauses.failed(&error).as_secs(), 1);
    }

    #[test]
    fn a_listener_on_every_address_is_reached_by_loopback() {
        assert_eq!(base_url("0.0.0.0:8080".parse().unwrap()), "http://127.0.0.1:8080");
        assert_eq!(base_url("[::]:8080".parse().unwrap()), "http://[::1]:8080");
        assert_eq!(base_url("192.0.2.1:8080".parse().unwrap()), "http://192.0.2.1:8080");
    }
}
