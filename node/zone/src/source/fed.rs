//! A source that is fed by the program it runs in: for tests, and for zones that come from elsewhere than a chain.
//!
//! It proves nothing; whoever feeds it vouches for the data.

use super::{Reading, Step, ZoneSource};
use crate::{
    error::{Result, ZoneFault},
    record::Record,
    record_set::RecordSet,
    version::{Difference, Origin, Owners},
};
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Changes that wait at most before the feeder does.
const QUEUE: usize = 64;

/// The feeding end.
#[derive(Clone, Debug)]
pub struct Feeder {
    state: Arc<Mutex<(u64, RecordSet)>>,
    changes: mpsc::Sender<(u64, Owners)>,
}

/// The reading end.
#[derive(Debug)]
pub struct FedSource {
    state: Arc<Mutex<(u64, RecordSet)>>,
    changes: mpsc::Receiver<(u64, Owners)>,
    seen: u64,
}

/// A source that begins with some records, and what feeds it.
pub fn fed(records: impl IntoIterator<Item = Record>) -> (Feeder, FedSource) {
    let state = Arc::new(Mutex::new((1, records.into_iter().collect())));
    let (sender, receiver) = mpsc::channel(QUEUE);
    (Feeder { state: state.clone(), changes: sender }, FedSource { state, changes: receiver, seen: 0 })
}

impl Feeder {
    /// Takes records out and puts others in, as one block would. Gives the new height.
    pub async fn change(&self, difference: Difference) -> u64 {
        let (height, owners) = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            difference.apply(&mut state.1);
            state.0 = state.0.saturating_add(1);
            let touched = difference.deleted.iter().chain(&difference.added).map(|r| r.key.owner());
            let owners: Owners = touched.map(|o| (o.clone(), state.1.of_owner(&o).cloned().collect())).collect();
            (state.0, owners)
        };
        // Without a reader the change is in the whole zone that the next one reads.
        let _ = self.changes.send((height, owners)).await;
        height
    }

    /// The records as they are now.
    pub fn records(&self) -> RecordSet {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}

#[async_trait(?Send)]
impl ZoneSource for FedSource {
    fn name(&self) -> String {
        "fed".into()
    }

    async fn whole(&mut self) -> Result<Reading> {
        let (height, records) = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.seen = height;
        Ok(Reading { origin: Origin { height, ..Origin::default() }, records })
    }

    async fn next(&mut self) -> Result<Step> {
        loop {
            let Some((height, owners)) = self.changes.recv().await else {
                return Err(ZoneFault::Unreachable { source_name: "fed".into(), reason: "its feeder is gone".into() });
            };
            if height > self.seen {
                self.seen = height;
                return Ok(Step::Changed(Origin { height, ..Origin::default() }, owners));
            }
        }
    }
}
