//! The world: virtual time, a network with weather, machines that lose power, and the oracle watching.
//!
//! One queue of events, ordered by time and then by a running number; everything else follows from the seed. Every
//! event goes into the trace hash, so two runs of one seed can be compared byte for byte.

use crate::{
    network::{Climate, Weather},
    node::{Action, Event, Footprint, Node, Place, Sight, To},
    oracle::{Oracle, Violation},
    random::Random,
};
use sha3::{Digest, Sha3_256};
use std::collections::BTreeMap;

/// After this time there are no more faults, whatever was reached.
const FAULTS_END_MS: u64 = 30_000;
/// From then on this is enough time to reach the target.
const PROGRESS_MS: u64 = 60_000;

enum Item<N: Node> {
    Node { place: Place, event: Event<N> },
    Boot(usize),
    Weather,
}

struct Slot<N: Node> {
    node: Option<N>,
    disk: Option<N::Disk>,
    boot: u32,
    correct: bool,
    /// The machine's clock runs this much faster, per thousand.
    pace_permille: u64,
    clock_ms: u64,
}

/// How a run ended well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) trace: String,
    pub(crate) events: u64,
    pub(crate) crashes: u64,
    pub(crate) lost: u64,
    pub(crate) heights: u64,
    pub(crate) virtual_ms: u64,
}

/// A simulated world of nodes.
pub(crate) struct World<N: Node> {
    pub(crate) shared: N::Shared,
    slots: Vec<Slot<N>>,
    queue: BTreeMap<(u64, u64), Item<N>>,
    sequence: u64,
    now_ms: u64,
    random: Random,
    climate: Climate,
    weather: Weather,
    healed_ms: Option<u64>,
    oracle: Oracle,
    trace: Sha3_256,
    report: Report,
    violation: Option<Violation>,
    /// The machine and the number of its action before which it loses power, for directed tests.
    pub(crate) crash_at: Option<(usize, u64)>,
    acted: Vec<u64>,
}

impl<N: Node> World<N> {
    /// A world of as many nodes as there are entries in `correct`; in a calm climate nothing goes wrong.
    pub(crate) fn new(seed: u64, shared: N::Shared, correct: &[bool], oracle: Oracle, climate: Climate) -> Self {
        let faults = climate != Climate::Calm;
        let mut random = Random::new(seed);
        let slots = correct.iter().map(|correct| Slot {
            node: None,
            disk: Some(N::blank()),
            boot: 0,
            correct: *correct,
            pace_permille: if faults { random.between(900, 1_100) } else { 1_000 },
            clock_ms: if faults { random.below(5_000) } else { 0 },
        });
        let slots: Vec<Slot<N>> = slots.collect();
        let report = Report { trace: String::new(), events: 0, crashes: 0, lost: 0, heights: 0, virtual_ms: 0 };
        let mut queue = BTreeMap::new();
        let count = slots.len();
        for index in 0..count {
            queue.insert((random.below(10), index as u64), Item::Boot(index));
        }
        queue.insert((20, count as u64), Item::Weather);
        Self {
            shared,
            slots,
            queue,
            sequence: count as u64 + 1,
            now_ms: 0,
            random,
            climate,
            weather: Weather::calm(count),
            healed_ms: (!faults).then_some(0),
            oracle,
            trace: Sha3_256::new(),
            report,
            violation: None,
            crash_at: None,
            acted: vec![0; count],
        }
    }

    /// Runs until every correct node has committed `target` heights.
    pub(crate) fn run(mut self, target: u64) -> Result<Report, Violation> {
        while let Some(((at, _), item)) = self.queue.pop_first() {
            self.now_ms = at;
            match item {
                Item::Boot(index) => self.boot(index),
                Item::Weather => self.change_weather(target),
                Item::Node { place, event } => self.deliver(place, event),
            }
            if let Some(violation) = self.violation.take() {
                return Err(violation);
            }
            if self.report.heights >= target && self.healed_ms.is_some() {
                break;
            }
            if let Some(healed) = self.healed_ms
                && self.now_ms > healed + PROGRESS_MS
            {
                if !self.oracle.hears_progress() {
                    break;
                }
                let heights = self.heights();
                return Err(Violation::Progress { heights, after_ms: self.now_ms - healed });
            }
        }
        self.report.trace = self.trace.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.report.virtual_ms = self.now_ms;
        Ok(self.report)
    }

    fn heights(&self) -> Vec<u64> {
        let slots = self.slots.iter().filter(|slot| slot.correct);
        slots.map(|slot| slot.node.as_ref().map_or(0, N::height)).collect()
    }

    fn put(&mut self, after_ms: u64, item: Item<N>) {
        self.sequence += 1;
        self.queue.insert((self.now_ms + after_ms, self.sequence), item);
    }

    fn note(&mut self, kind: u8, index: usize, footprint: u64) {
        self.report.events += 1;
        let mut bytes = [0u8; 18];
        bytes[0] = kind;
        bytes[1] = u8::try_from(index).unwrap_or(u8::MAX);
        bytes[2..10].copy_from_slice(&self.now_ms.to_le_bytes());
        bytes[10..].copy_from_slice(&footprint.to_le_bytes());
        self.trace.update(bytes);
    }

    fn change_weather(&mut self, target: u64) {
        let nearly = target - target / 10;
        let lowest = self.heights().into_iter().min().unwrap_or(0);
        if self.healed_ms.is_some() {
            return;
        }
        if lowest >= nearly || self.now_ms >= FAULTS_END_MS {
            self.weather = Weather::calm(self.slots.len());
            self.healed_ms = Some(self.now_ms);
            return;
        }
        let (weather, lasts_ms) = Weather::draw(&mut self.random, self.slots.len(), self.climate);
        self.weather = weather;
        self.put(lasts_ms, Item::Weather);
        if let Some(height) = lowest.checked_sub(1) {
            self.oracle.forget_below(althing_types::id::Height(height));
        }
    }

    fn clock(&self, index: usize) -> u64 {
        self.now_ms + self.slots[index].clock_ms
    }

    fn boot(&mut self, index: usize) {
        let now_ms = self.clock(index);
        let slot = &mut self.slots[index];
        let Some(disk) = slot.disk.take() else { return };
        slot.boot += 1;
        let place = Place { index, boot: slot.boot };
        let (node, actions) = N::boot(&mut self.shared, place, disk, now_ms);
        slot.node = Some(node);
        self.note(b'b', index, u64::from(place.boot));
        self.perform(place, actions);
    }

    fn deliver(&mut self, place: Place, event: Event<N>) {
        let now_ms = self.clock(place.index);
        let slot = &mut self.slots[place.index];
        let Some(node) = &mut slot.node else { return };
        let (kind, footprint) = match &event {
            // A message reaches whatever life the machine is in; what it scheduled for itself died with it.
            Event::Wire { wire, .. } => (b'w', wire.footprint()),
            Event::Local(_) if slot.boot != place.boot => return,
            Event::Local(local) => (b'l', local.footprint()),
        };
        let place = Place { boot: slot.boot, ..place };
        let actions = node.handle(&mut self.shared, now_ms, event);
        self.note(kind, place.index, footprint);
        self.perform(place, actions);
    }

    fn perform(&mut self, place: Place, actions: Vec<Action<N>>) {
        let before = self.slots[place.index].node.as_ref().map_or(0, N::height);
        for action in actions {
            if matches!(action, Action::Write(_) | Action::Send { .. }) && self.loses_power(place.index) {
                self.crash(place.index);
                return;
            }
            match action {
                Action::Write(write) => {
                    if let Some(node) = &mut self.slots[place.index].node {
                        node.write(write);
                    }
                }
                Action::Send { to, wire } => self.send(place.index, &to, &wire),
                Action::Later { after_ms, local } => {
                    let after_ms = after_ms * 1_000 / self.slots[place.index].pace_permille;
                    self.put(after_ms, Item::Node { place, event: Event::Local(local) });
                }
                Action::Show(sight) => self.show(place.index, &sight),
            }
        }
        if self.slots[place.index].node.as_ref().map_or(0, N::height) > before {
            self.report.heights = self.heights().into_iter().min().unwrap_or(0);
        }
    }

    fn show(&mut self, index: usize, sight: &Sight) {
        if let Sight::Decided(certificate) = sight {
            let footprint = certificate.block.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            self.note(b'd', index, footprint);
        }
        if self.slots[index].correct
            && let Err(violation) = self.oracle.judge(&mut self.shared, index, sight)
        {
            self.violation.get_or_insert(violation);
        }
    }

    fn send(&mut self, from: usize, to: &To, wire: &N::Wire) {
        for index in 0..self.slots.len() {
            let meant = match to {
                To::All => index != from,
                To::One(one) => index == *one,
                To::Mask(mask) => index != from && mask >> index & 1 == 1,
            };
            if !meant {
                continue;
            }
            let loss_permille = self.weather.loss_permille;
            if !self.weather.reaches(from, index) || self.random.permille(loss_permille) {
                self.report.lost += 1;
                continue;
            }
            let copies = 1 + u64::from(self.random.permille(self.weather.duplicate_permille));
            for _ in 0..copies {
                let after_ms = self.random.between(self.weather.delay_ms.0, self.weather.delay_ms.1);
                let place = Place { index, boot: 0 };
                self.put(after_ms, Item::Node { place, event: Event::Wire { from, wire: wire.clone() } });
            }
        }
    }

    fn loses_power(&mut self, index: usize) -> bool {
        self.acted[index] += 1;
        self.crash_at == Some((index, self.acted[index])) || self.random.permille(self.weather.crash_permille)
    }

    fn crash(&mut self, index: usize) {
        let Some(node) = self.slots[index].node.take() else { return };
        self.slots[index].disk = Some(node.unplug(&mut self.random));
        self.report.crashes += 1;
        self.note(b'c', index, 0);
        let outage_ms = self.random.between(self.weather.outage_ms.0, self.weather.outage_ms.1);
        self.put(outage_ms, Item::Boot(index));
    }
}
