//! What the zone is at a height.
//!
//! A [`ZoneSource`] reads a whole zone, then tells of each change: for every block the owners that it touched with all
//! their records. It vouches for what it gives; a chain's source proves every entry. [`follow`] drives one.

pub mod chain;
pub mod fed;
pub mod keeping;
pub mod root_chain;
pub mod tld_chain;

use crate::{
    error::{Result, ZoneFault},
    record_set::RecordSet,
    version::{Origin, Owners},
};
use async_trait::async_trait;
use std::time::Duration;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};

/// First pause after a failed reading; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Offers that wait at most before the source does.
const QUEUE: usize = 16;
/// Longest pause after failed readings.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A whole zone without SOA and ZONEMD.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Where it comes from; the time is set when it is published.
    pub origin: Origin,
    /// Its records.
    pub records: RecordSet,
}

/// What comes next from a source.
#[derive(Clone, Debug)]
pub enum Step {
    /// A block changed these owners.
    Changed(Origin, Owners),
    /// Nothing changed up to this height.
    Reached(u64),
    /// The changes do not lead to what is proven, or are not known any more: read the whole zone.
    Lost(String),
}

/// Where zone data comes from.
#[async_trait(?Send)]
pub trait ZoneSource: Send {
    /// Its name in the log.
    fn name(&self) -> String;

    /// Reads the whole zone; steps go on from there.
    ///
    /// # Errors
    /// [`ZoneFault`] 3xx.
    async fn whole(&mut self) -> Result<Reading>;

    /// Waits for what comes next. A call that is dropped may lose a change: read the whole zone then.
    ///
    /// # Errors
    /// [`ZoneFault`] 3xx; the next call is for [`Self::whole`].
    async fn next(&mut self) -> Result<Step>;
}

/// What a publisher gets.
#[derive(Debug)]
pub enum Offer {
    /// A whole zone.
    Whole(Reading),
    /// Changed owners.
    Changed(Origin, Owners),
    /// Nothing changed up to this height.
    Reached(u64),
    /// The source fails; what is served is served on.
    Failing(ZoneFault),
}

/// Starts a thread that follows a source; it ends when nobody listens any more.
///
/// # Errors
/// [`ZoneFault::Unreachable`] when the thread cannot be started.
pub fn start(source: Box<dyn ZoneSource>, recheck: Duration) -> Result<mpsc::Receiver<Offer>> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    let source_name = source.name();
    let fault = |error: std::io::Error| ZoneFault::Unreachable { source_name, reason: error.to_string() };
    // A thread of its own: the client's futures cannot move between threads.
    std::thread::Builder::new()
        .name("source".into())
        .spawn(move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(follow(source, recheck, sender)),
            Err(error) => tracing::error!(%error, "the source's thread cannot start"),
        })
        .map_err(fault)?;
    Ok(receiver)
}

/// Reads from a source until nobody listens: the whole zone at the start, every `recheck`, and after every failure, and
/// the changes in between.
pub async fn follow(mut source: Box<dyn ZoneSource>, recheck: Duration, offers: mpsc::Sender<Offer>) {
    let mut pause = FIRST_PAUSE;
    loop {
        let read = tokio::select! {
            read = source.whole() => read,
            () = offers.closed() => return,
        };
        let failure = match read {
            Ok(reading) => {
                pause = FIRST_PAUSE;
                if offers.send(Offer::Whole(reading)).await.is_err() {
                    return;
                }
                match steps(source.as_mut(), recheck, &offers).await {
                    Ok(true) => continue,
                    Ok(false) => return,
                    Err(failure) => failure,
                }
            }
            Err(failure) => failure,
        };
        tracing::warn!(source = source.name(), error = %failure, "the source fails; asked again in {pause:?}");
        if offers.send(Offer::Failing(failure)).await.is_err() {
            return;
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

/// Passes steps on; `true` when the whole zone should be read again, `false` when nobody listens any more.
async fn steps(source: &mut dyn ZoneSource, recheck: Duration, offers: &mpsc::Sender<Offer>) -> Result<bool> {
    let end = Instant::now().checked_add(recheck).unwrap_or_else(Instant::now);
    loop {
        let step = tokio::select! {
            step = timeout_at(end, source.next()) => step,
            () = offers.closed() => return Ok(false),
        };
        let offer = match step {
            Err(_) => return Ok(true),
            Ok(Ok(Step::Changed(origin, owners))) => Offer::Changed(origin, owners),
            Ok(Ok(Step::Reached(height))) => Offer::Reached(height),
            Ok(Ok(Step::Lost(reason))) => {
                tracing::warn!(source = source.name(), reason, "the whole zone is read again");
                return Ok(true);
            }
            Ok(Err(failure)) => return Err(failure),
        };
        if offers.send(offer).await.is_err() {
            return Ok(false);
        }
    }
}
