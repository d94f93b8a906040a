//! What the server says of itself: counters, `status.json` in the state folder, and metrics.

use crate::{brake::Alarm, transfer::TransferKind};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{Mutex, PoisonError},
};

/// Counters of one server.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Of all zones; `transferred` and `notified` are empty here.
    counts: Counts,
    zones: BTreeMap<String, Serials>,
}

/// Last serials of one zone, by who has them.
#[derive(Clone, Debug, Default)]
struct Serials {
    transferred: BTreeMap<String, u32>,
    notified: BTreeMap<String, u32>,
}

/// What is counted: by the server, but for the serials, which are of one zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that got what they asked for, transfers aside.
    pub answered: u64,
    /// Refusals by reason.
    pub refused: BTreeMap<String, u64>,
    /// Whole transfers.
    pub whole_transfers: u64,
    /// Incremental transfers.
    pub incremental_transfers: u64,
    /// Requests for changes when there were none.
    pub empty_transfers: u64,
    /// Transfers that were broken off.
    pub broken_transfers: u64,
    /// Last serial transferred, by key or address.
    pub transferred: BTreeMap<String, u32>,
    /// Last serial that a secondary acknowledged, by its name.
    pub notified: BTreeMap<String, u32>,
}

impl Tally {
    fn with(&self, work: impl FnOnce(&mut Counts)) {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).counts);
    }
    fn with_zone(&self, zone: &str, work: impl FnOnce(&mut Serials)) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.zones.get_mut(zone) {
            Some(serials) => work(serials),
            None => work(inner.zones.entry(zone.to_owned()).or_default()),
        }
    }
    /// A request was answered, or refused for a reason.
    pub fn request(&self, why: Option<&str>) {
        self.with(|counts| {
            let counter = match why {
                None => &mut counts.answered,
                Some(why) => counts.refused.entry(why.into()).or_default(),
            };
            *counter = counter.saturating_add(1);
        });
    }
    /// A transfer of a zone was sent.
    pub fn transfer(&self, kind: TransferKind, zone: &str, to: String, serial: u32) {
        self.with(|counts| {
            let counter = match kind {
                TransferKind::Whole => &mut counts.whole_transfers,
                TransferKind::Changes => &mut counts.incremental_transfers,
                TransferKind::Nothing => &mut counts.empty_transfers,
            };
            *counter = counter.saturating_add(1);
        });
        self.with_zone(zone, |serials| {
            serials.transferred.insert(to, serial);
        });
    }
    /// A transfer was broken off.
    pub fn broken(&self) {
        self.with(|counts| counts.broken_transfers = counts.broken_transfers.saturating_add(1));
    }
    /// A secondary acknowledged a serial of a zone.
    pub fn notified(&self, zone: &str, secondary: &str, serial: u32) {
        self.with_zone(zone, |serials| {
            serials.notified.insert(secondary.into(), serial);
        });
    }
    /// The counts now, with the serials of one zone.
    pub fn counts(&self, zone: &str) -> Counts {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Serials { transferred, notified } = inner.zones.get(zone).cloned().unwrap_or_default();
        Counts { transferred, notified, ..inner.counts.clone() }
    }
}

/// Where one zone stands: the content of `status.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneStatus {
    /// The zone.
    pub zone: String,
    /// Serial that is served; none before the first version.
    pub serial: Option<u32>,
    /// Height of the block that it comes from.
    pub height: u64,
    /// Hash of that block's header.
    pub block: String,
    /// Records without the SOA.
    pub records: u64,
    /// Delegations.
    pub delegations: u32,
    /// Deltas kept for IXFR.
    pub deltas: u64,
    /// Height up to which the source was followed.
    pub followed: u64,
    /// Why the source fails; none when it does not.
    pub failing: Option<String>,
    /// Why the zone is held; none when it is not.
    pub alarm: Option<Alarm>,
    /// Counters of the server.
    pub counts: Counts,
}

/// Metrics in the text form of Prometheus.
pub fn metrics(zones: &[ZoneStatus]) -> String {
    let mut out = String::new();
    let mut family = |name: &str, kind: &str, help: &str, values: &mut dyn Iterator<Item = (String, u64)>| {
        let _ = writeln!(out, "# HELP althing_zone_{name} {help}\n# TYPE althing_zone_{name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(out, "althing_zone_{name}{labels} {value}");
        }
    };
    let quoted = |text: &str| text.replace(['"', '\\', '\n'], "_");
    let label = |status: &ZoneStatus| format!("{{zone=\"{}\"}}", quoted(&status.zone));
    let mut gauge = |name, help, value: fn(&ZoneStatus) -> u64| {
        family(name, "gauge", help, &mut zones.iter().map(|z| (label(z), value(z))));
    };
    gauge("serial", "Serial that is served.", |z| z.serial.unwrap_or_default().into());
    gauge("height", "Height of the version that is served.", |z| z.height);
    gauge("followed_height", "Height up to which the source was followed.", |z| z.followed);
    gauge("records", "Records without the SOA.", |z| z.records);
    gauge("delegations", "Delegations.", |z| z.delegations.into());
    gauge("held", "1 while the zone is held for a human.", |z| z.alarm.is_some().into());
    gauge("source_failing", "1 while the source fails.", |z| z.failing.is_some().into());
    let Some(counts) = zones.first().map(|z| &z.counts) else { return out };
    let kinds = [
        ("whole", counts.whole_transfers),
        ("incremental", counts.incremental_transfers),
        ("empty", counts.empty_transfers),
        ("broken", counts.broken_transfers),
    ];
    let transfers = kinds.iter().map(|(kind, count)| (format!("{{kind=\"{kind}\"}}"), *count));
    family("transfers_total", "counter", "Transfers.", &mut transfers.into_iter());
    let refused = counts.refused.iter().map(|(why, count)| (format!("{{reason=\"{}\"}}", quoted(why)), *count));
    family("refused_total", "counter", "Refused requests.", &mut refused.into_iter());
    let told = zones.iter().flat_map(|z| {
        z.counts
            .notified
            .iter()
            .map(|(who, s)| (format!("{{zone=\"{}\",secondary=\"{}\"}}", quoted(&z.zone), quoted(who)), u64::from(*s)))
    });
    let told: Vec<(String, u64)> = told.collect();
    family("notified_serial", "gauge", "Last serial that a secondary acknowledged.", &mut told.into_iter());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_name_zone_and_reason() {
        let tally = Tally::default();
        tally.request(Some("no key of the zone"));
        tally.transfer(TransferKind::Changes, ".", "k.".into(), 7);
        tally.notified(".", "named", 7);
        tally.notified("lab.", "named", 9);
        let status = |zone: &str| {
            let counts = tally.counts(zone);
            ZoneStatus { zone: zone.into(), serial: Some(7), counts, ..ZoneStatus::default() }
        };
        let text = metrics(&[status("."), status("lab.")]);
        for line in [
            "althing_zone_serial{zone=\".\"} 7",
            "althing_zone_held{zone=\".\"} 0",
            "althing_zone_transfers_total{kind=\"incremental\"} 1",
            "althing_zone_refused_total{reason=\"no key of the zone\"} 1",
            "althing_zone_notified_serial{zone=\".\",secondary=\"named\"} 7",
            "althing_zone_notified_serial{zone=\"lab.\",secondary=\"named\"} 9",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} in {text}");
        }
    }
}
