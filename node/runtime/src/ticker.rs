//! The watchdog's clock: a thread that counts ticks and moves the engine's epoch. It decides no result.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use wasmtime::Engine;

/// Length of a tick in milliseconds.
pub(crate) const TICK_MS: u64 = 10;

/// Counts ticks until it is dropped. A suspended machine does not count.
pub(crate) struct Ticker {
    ticks: Arc<AtomicU64>,
}

impl Ticker {
    /// Starts the thread. It ends by itself when the ticker or the engine is gone.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(crate) fn start(engine: &Engine) -> std::io::Result<Self> {
        let ticks = Arc::new(AtomicU64::new(0));
        let (weak_engine, weak_ticks) = (engine.weak(), Arc::downgrade(&ticks));
        thread::Builder::new().name("althing-epoch".into()).spawn(move || {
            loop {
                thread::sleep(Duration::from_millis(TICK_MS));
                let (Some(engine), Some(ticks)) = (weak_engine.upgrade(), weak_ticks.upgrade()) else { return };
                ticks.fetch_add(1, Ordering::Relaxed);
                engine.increment_epoch();
            }
        })?;
        Ok(Self { ticks })
    }

    /// Ticks so far.
    pub(crate) fn now(&self) -> u64 {
        self.ticks.load(Ordering::Relaxed)
    }
}
