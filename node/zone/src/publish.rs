//! From readings to versions: what differs, whether it may be served, its serial and digest, and that it is durable
//! before anyone sees it.

use crate::{
    brake::{self, Alarm, BrakeConfig},
    check, digest,
    error::{Result, ZoneFault},
    record::{Owner, Record},
    record_set::RecordSet,
    serial::{SerialPolicy, is_after},
    source::Reading,
    store::{Restored, Store},
    version::{Delta, Difference, Origin, Owners, Published, SoaFields, Version, condense, delegations},
};
use domain::base::Rtype;
use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::sync::watch;

/// Records that the deltas of a history may hold however small the zone is.
const MIN_HISTORY_RECORDS: usize = 100_000;

/// How versions are made.
#[derive(Clone, Debug)]
pub struct Making {
    /// The zone.
    pub apex: Owner,
    /// Its SOA without serial.
    pub soa: SoaFields,
    /// Which serial comes next.
    pub serial: SerialPolicy,
    /// The first serial of a new state folder comes after this one.
    pub serial_floor: Option<u32>,
    /// Whether a ZONEMD record is made.
    pub zonemd: bool,
    /// When a zone is held.
    pub brake: BrakeConfig,
    /// Most deltas kept for IXFR.
    pub history: usize,
}

/// The version that is served, for all who serve it.
#[derive(Debug)]
pub struct Shared {
    published: RwLock<Option<Arc<Published>>>,
    serial: watch::Sender<Option<u32>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { published: RwLock::new(None), serial: watch::Sender::new(None) }
    }
}

impl Shared {
    /// The present version; `None` before the first.
    pub fn published(&self) -> Option<Arc<Published>> {
        self.published.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// Tells of every new serial.
    pub fn serials(&self) -> watch::Receiver<Option<u32>> {
        self.serial.subscribe()
    }
    fn set(&self, published: Published) {
        let serial = published.version.serial;
        *self.published.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(published));
        self.serial.send_replace(Some(serial));
    }
}

/// What became of a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is what is served already.
    Unchanged,
    /// It is served with this serial.
    Published(u32),
    /// It is held.
    Held(Alarm),
}

/// A zone that is not served.
#[derive(Debug)]
struct Held {
    origin: Origin,
    records: RecordSet,
    alarm: Alarm,
    /// Held because it could not be made durable: tried again by itself.
    retry: bool,
    /// There is nothing to serve yet: a new chain whose zone has no name servers. Nobody is alarmed.
    empty: bool,
}

/// Makes the versions of one zone.
#[derive(Debug)]
pub struct Publisher {
    making: Making,
    store: Store,
    shared: Arc<Shared>,
    held: Option<Held>,
    /// The next serial must be after this one too.
    floor: Option<u32>,
}

impl Publisher {
    /// Opens the state folder and serves what is in it.
    ///
    /// # Errors
    /// [`ZoneFault`] 2xx; 402 when what is stored does not read as it should.
    pub fn open(making: Making, folder: &Path) -> Result<Self> {
        let (store, Restored { published, lost }) = Store::open(folder, &making.apex)?;
        let shared = Arc::new(Shared::default());
        let mut floor = making.serial_floor;
        if let Some(published) = published {
            let version = &published.version;
            let records: Vec<&Record> = version.records.iter().collect();
            check::reads_back(&version.apex, &version.soa, &records)?;
            tracing::info!(zone = %version.apex, serial = version.serial, records = version.records.len(),
                deltas = published.history.len(), height = version.origin.height, "restored");
            floor = lost;
            shared.set(published);
        }
        Ok(Self { making, store, shared, held: None, floor })
    }

    /// What is served.
    pub fn shared(&self) -> Arc<Shared> {
        self.shared.clone()
    }
    /// Why the zone is held; `None` when it is not.
    pub fn alarm(&self) -> Option<&Alarm> {
        self.held.as_ref().filter(|held| !held.empty).map(|held| &held.alarm)
    }
    /// The zone's name.
    pub fn zone(&self) -> String {
        self.making.apex.to_string()
    }
    /// The state folder.
    pub fn folder(&self) -> &Path {
        self.store.folder()
    }

    /// Takes a whole zone.
    ///
    /// # Errors
    /// [`ZoneFault`] 201 when it cannot be made durable: what was served before is served on.
    pub fn whole(&mut self, reading: Reading, now_ms: u64) -> Result<Outcome> {
        self.take(reading.records, reading.origin, None, now_ms)
    }

    /// Takes changed owners.
    ///
    /// # Errors
    /// As [`Self::whole`].
    pub fn changed(&mut self, origin: Origin, owners: &Owners, now_ms: u64) -> Result<Outcome> {
        let mut records = self.latest();
        for (owner, wanted) in owners {
            let old: Vec<Record> = records.of_owner(owner).cloned().collect();
            for record in old {
                records.remove(&record.key);
            }
            for record in wanted {
                records.insert(record.clone());
            }
        }
        self.take(records, origin, Some(owners), now_ms)
    }

    /// Publishes what is held when a human released it, or when it was held for a fault that may be over.
    ///
    /// # Errors
    /// As [`Self::whole`].
    pub fn release(&mut self, now_ms: u64) -> Result<Option<Outcome>> {
        let folder = self.store.folder();
        let Some(held) = &self.held else { return Ok(None) };
        if !held.retry {
            if !held.alarm.is_released(folder) {
                return Ok(None);
            }
            tracing::warn!(zone = %self.making.apex, token = held.alarm.token, "released by hand");
        }
        self.publish(held.records.clone(), held.origin, true, now_ms).map(Some)
    }

    /// The latest zone data: what is held, else what is served without what the server made itself.
    fn latest(&self) -> RecordSet {
        if let Some(held) = &self.held {
            return held.records.clone();
        }
        let Some(published) = self.shared.published() else { return RecordSet::default() };
        let mut records = published.version.records.clone();
        for record in self.own(&published.version) {
            records.remove(&record.key);
        }
        records
    }

    /// ZONEMD records of a version.
    fn own(&self, version: &Version) -> Vec<Record> {
        let own = version.records.of_owner(&self.making.apex);
        own.filter(|r| r.key.record_type() == Rtype::ZONEMD).cloned().collect()
    }

    fn take(&mut self, records: RecordSet, origin: Origin, owners: Option<&Owners>, now_ms: u64) -> Result<Outcome> {
        let count = delegations(&self.making.apex, records.iter());
        let checked = match owners {
            Some(owners) if self.held.is_none() => {
                check::content(&self.making.apex, &records, owners.values().flatten())
            }
            _ => check::content(&self.making.apex, &records, records.iter()),
        };
        let before = self.most(now_ms);
        let alarm = |reason, releasable| {
            let serving = self.shared.published().map_or(0, |p| p.version.serial);
            let zone = self.making.apex.to_string();
            Alarm::new(&zone, reason, releasable, serving, origin.height, (before, count))
        };
        let alarm = match checked {
            Err(fault) => Some(alarm(fault.to_string(), false)),
            Ok(()) if !self.making.brake.allows(before, count) => {
                let brake = self.making.brake;
                let reason = format!(
                    "Z404 {count} delegations are left of {before} within {} hours; {}% may go, at least {} must stay",
                    brake.window_h, brake.shrink_percent, brake.minimum
                );
                Some(alarm(reason, true))
            }
            Ok(()) => None,
        };
        let Some(alarm) = alarm else {
            let outcome = self.publish(records.clone(), origin, owners.is_none(), now_ms);
            if let Err(fault) = &outcome {
                // The next change builds on this one, so it must not be forgotten.
                let serving = self.shared.published().map_or(0, |p| p.version.serial);
                let zone = self.making.apex.to_string();
                let alarm = Alarm::new(&zone, fault.to_string(), false, serving, origin.height, (before, count));
                self.held = Some(Held { origin, records, alarm, retry: true, empty: false });
            }
            return outcome;
        };
        let apex = &self.making.apex;
        let empty = self.shared.published().is_none()
            && !records.of_owner(apex).any(|record| record.key.record_type() == Rtype::NS);
        let known = |held: &Held| held.alarm.token == alarm.token && held.empty == empty;
        let new = !self.held.as_ref().is_some_and(known);
        if new && empty {
            tracing::info!(zone = %alarm.zone, height = alarm.height, "there is no zone yet: it has no name servers");
        } else if new {
            tracing::error!(zone = %alarm.zone, serving = alarm.serving, height = alarm.height, token = alarm.token,
                reason = alarm.reason, "zone held: the last good one is served on");
            alarm.write(self.store.folder())?;
        }
        self.held = Some(Held { origin, records, alarm: alarm.clone(), retry: false, empty });
        Ok(Outcome::Held(alarm))
    }

    /// Most delegations that were served within the brake's window.
    fn most(&self, now_ms: u64) -> u32 {
        let Some(published) = self.shared.published() else { return 0 };
        let window = u64::from(self.making.brake.window_h).saturating_mul(3_600_000);
        let start = now_ms.saturating_sub(window);
        let mut most = published.version.delegations;
        for delta in published.history.iter().rev() {
            most = most.max(delta.delegations);
            if delta.origin.published_ms < start {
                break;
            }
            most = most.max(delta.delegations_before);
        }
        most
    }

    fn publish(&mut self, mut records: RecordSet, origin: Origin, whole: bool, now_ms: u64) -> Result<Outcome> {
        let Making { apex, soa, .. } = &self.making;
        let before = self.shared.published();
        let last = before.as_ref().map(|p| p.version.serial);
        let old: Vec<Record> = before.as_ref().map(|p| self.own(&p.version)).unwrap_or_default();
        if let (Some(before), None) = (&before, self.floor) {
            let mut data = before.version.records.clone();
            for record in &old {
                data.remove(&record.key);
            }
            let same_soa = before.version.soa == soa.record(apex, before.version.serial);
            let (gone, come) = data.compare(&records);
            if same_soa && old.is_empty() != self.making.zonemd && gone.is_empty() && come.is_empty() {
                if self.held.take().is_some() {
                    tracing::info!(zone = %apex, "the zone is again what is served: the alarm ended");
                }
                brake::clear(self.store.folder());
                return Ok(Outcome::Unchanged);
            }
        }
        let after = match (last, self.floor) {
            (Some(last), Some(floor)) if is_after(floor, last) => Some(floor),
            (last, floor) => last.or(floor),
        };
        let serial = self.making.serial.next(after, now_ms / 1000);
        let soa = soa.record(apex, serial);
        let delegations = delegations(apex, records.iter());
        if self.making.zonemd {
            let digest = digest::digest(apex, Some(&soa), records.iter());
            records.insert(digest::zonemd(apex, self.making.soa.ttl, serial, &digest));
        }
        let origin = Origin { published_ms: now_ms, ..origin };
        let version = Version { apex: apex.clone(), serial, soa, records, origin, delegations };
        let mut history = Vec::new();
        match &before {
            None => {
                self.verify(&version, version.records.iter())?;
                let published = Published { version, history };
                self.store.compact(&published)?;
                self.done(published, serial);
            }
            Some(before) => {
                let (deleted, added) = before.version.records.compare(&version.records);
                let difference = Difference { deleted, added };
                match whole {
                    true => self.verify(&version, version.records.iter())?,
                    false => self.verify(&version, &difference.added)?,
                }
                let delta = Delta {
                    from: before.version.serial,
                    to: serial,
                    origin,
                    delegations_before: before.version.delegations,
                    delegations,
                    soa_before: before.version.soa.clone(),
                    soa_after: version.soa.clone(),
                    deleted: difference.deleted,
                    added: difference.added,
                };
                history.extend_from_slice(kept(&before.history, &delta, self.making.history, version.records.len()));
                self.store.append(&delta)?;
                history.push(Arc::new(delta));
                let published = Published { version, history };
                if self.store.wants_compaction()
                    && let Err(error) = self.store.compact(&published)
                {
                    // The journal holds everything already; only its length is a matter of time.
                    tracing::warn!(%error, "the journal cannot be written anew");
                }
                self.done(published, serial);
            }
        }
        Ok(Outcome::Published(serial))
    }

    fn verify<'a>(&self, version: &Version, records: impl IntoIterator<Item = &'a Record>) -> Result<()> {
        let records: Vec<&Record> = records.into_iter().collect();
        check::reads_back(&version.apex, &version.soa, &records)
    }

    fn done(&mut self, published: Published, serial: u32) {
        let version = &published.version;
        tracing::info!(zone = %version.apex, serial, height = version.origin.height, records = version.records.len(),
            delegations = version.delegations,
            deleted = published.history.last().map_or(0, |d| d.deleted.len()),
            added = published.history.last().map_or(version.records.len(), |d| d.added.len()), "published");
        self.floor = None;
        self.held = None;
        brake::clear(self.store.folder());
        self.shared.set(published);
    }
}

/// The latest deltas that stay in the history beside a new one: so many that they are not more than wanted, nor hold more
/// records than a whole transfer would be worth.
fn kept<'a>(history: &'a [Arc<Delta>], new: &Delta, most: usize, records: usize) -> &'a [Arc<Delta>] {
    let size = |delta: &Delta| delta.deleted.len().saturating_add(delta.added.len());
    let room = records.saturating_mul(2).saturating_add(MIN_HISTORY_RECORDS);
    let mut total = size(new);
    let mut count = 0usize;
    for delta in history.iter().rev().take(most.saturating_sub(1)) {
        total = total.saturating_add(size(delta));
        if total > room {
            break;
        }
        count = count.saturating_add(1);
    }
    history.get(history.len().saturating_sub(count)..).unwrap_or_default()
}

/// The zone at an earlier serial, made from a later one: what a secondary of that serial holds.
///
/// # Errors
/// [`ZoneFault::Content`] when the history does not reach back to the serial.
pub fn earlier(published: &Published, serial: u32) -> Result<RecordSet> {
    let mut records = published.version.records.clone();
    if serial == published.version.serial {
        return Ok(records);
    }
    let deltas = published.since(serial).ok_or_else(|| ZoneFault::Content {
        zone: published.version.apex.to_string(),
        record: serial.to_string(),
        rule: "a serial of the history",
    })?;
    let forward = condense(deltas.iter().map(Arc::as_ref));
    Difference { deleted: forward.added, added: forward.deleted }.apply(&mut records);
    Ok(records)
}
