//! What the benchmark measures around the load: single operations, processes, and the nodes' own figures.

use super::load::transaction;
use crate::{
    devnet::{Network, process::Process},
    error::{CliError, Result},
    keyfile,
};
use althing_types::{
    crypto::Signed,
    id::{ChainId, Height, Sequence},
};
use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

/// Runs of which the median is taken.
const RUNS: u32 = 10;
/// Verifications of one run.
const VERIFICATIONS: u32 = 400;
/// Synced writes that are timed.
const SYNCS: usize = 100;
/// Bytes of one synced write.
const SYNC_BYTES: usize = 4_096;
/// Microseconds of one clock tick of `/proc/PID/stat`: the kernel counts for programs in hundredths of a second.
const TICK_US: u64 = 10_000;

/// CPU time of one strict verification of a transaction, in microseconds: the median of ten runs.
///
/// # Errors
/// When the system gives no random bytes, or a signature does not verify.
pub fn signature_verify_us() -> Result<f64> {
    let key = keyfile::generate()?;
    let one = transaction(&ChainId::new("althing-bench")?, &key, Sequence(0), Height(1), 0)?;
    let signed = Signed::sign(one, &key);
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let copies = vec![signed.clone(); VERIFICATIONS as usize];
        let started = (Instant::now(), own_cpu_us());
        for copy in copies {
            copy.verify().map_err(|e| CliError::internal("verification", e.to_string()))?;
        }
        // CPU time where the kernel tells it: others may be using the machine.
        let spent = match (started.1, own_cpu_us()) {
            (Some(before), Some(after)) if after > before => after - before,
            _ => micros(started.0.elapsed()),
        };
        runs.push(spent / f64::from(VERIFICATIONS));
    }
    Ok(median(runs))
}

/// CPU time of this thread so far, in microseconds (`/proc/thread-self/schedstat`).
fn own_cpu_us() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e3)
}

/// A figure with three decimals: no more is known.
pub fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// Time of one synced append of 4 KiB in a folder, in microseconds: the median.
///
/// # Errors
/// When the folder cannot be written.
pub fn fsync_us(dir: &Path) -> Result<f64> {
    let path = dir.join("sync-probe");
    let fail = |e: std::io::Error| CliError::file("write", &path, &e);
    let mut file = std::fs::File::create(&path).map_err(fail)?;
    let mut times = Vec::new();
    for _ in 0..SYNCS {
        file.write_all(&[0x5a; SYNC_BYTES]).map_err(fail)?;
        let started = Instant::now();
        file.sync_data().map_err(fail)?;
        times.push(micros(started.elapsed()));
    }
    std::fs::remove_file(&path).map_err(fail)?;
    Ok(median(times))
}

/// A duration in microseconds.
pub fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// The value in the middle; 0 of nothing.
pub fn median(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}

/// The smallest value that `percent` of all values do not exceed; 0 of nothing.
pub fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = values.len().saturating_mul(percent).div_ceil(100).saturating_sub(1);
    values.get(rank).copied().unwrap_or_default()
}

/// What the processes of a network have used so far.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// CPU time of all nodes, in microseconds.
    pub cpu_us: u64,
    /// CPU time of this process, which makes the load, in microseconds.
    pub own_cpu_us: u64,
    /// Bytes that all nodes wrote to storage.
    pub written: u64,
    /// Resident memory of the largest node, in bytes.
    pub resident: u64,
    /// Time that all nodes spent on each part of their work, in microseconds.
    pub parts: BTreeMap<String, f64>,
}

impl Sample {
    /// Looks at all nodes.
    ///
    /// # Errors
    /// When one of them is not running any more.
    pub async fn take(network: &Network) -> Result<Self> {
        let own = crate::devnet::process::own_usage().unwrap_or_default();
        let mut out = Self { own_cpu_us: own.cpu_ticks.saturating_mul(TICK_US), ..Self::default() };
        for index in 0..network.count() {
            let process = network.process(index);
            let (Some(usage), Some(written)) =
                (process.as_ref().and_then(Process::usage), process.as_ref().and_then(Process::written_bytes))
            else {
                return Err(CliError::internal("node_ended", format!("node {index} ended under load"))
                    .field("node")
                    .value(index.to_string())
                    .rule("a node that runs")
                    .hint(network.log_tail(index)));
            };
            out.cpu_us = out.cpu_us.saturating_add(usage.cpu_ticks.saturating_mul(TICK_US));
            out.written = out.written.saturating_add(written);
            out.resident = out.resident.max(usage.resident);
        }
        for url in network.urls() {
            // Nodes without these figures are measured all the same.
            for (part, us) in super::feed::metrics(&url).await.map(|text| parts(&text)).unwrap_or_default() {
                *out.parts.entry(part).or_default() += us;
            }
        }
        Ok(out)
    }

    /// What was used since an earlier look; the memory is that of now.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let parts = self
            .parts
            .iter()
            .map(|(part, us)| (part.clone(), us - earlier.parts.get(part).copied().unwrap_or_default()))
            .collect();
        Self {
            cpu_us: self.cpu_us.saturating_sub(earlier.cpu_us),
            own_cpu_us: self.own_cpu_us.saturating_sub(earlier.own_cpu_us),
            written: self.written.saturating_sub(earlier.written),
            resident: self.resident,
            parts,
        }
    }
}

/// The parts of the work in an OpenMetrics text, in microseconds.
fn parts(text: &str) -> BTreeMap<String, f64> {
    let mut out = BTreeMap::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("althing_work_seconds_total{part=\"") else { continue };
        if let Some((part, value)) = rest.split_once("\"}")
            && let Ok(seconds) = value.trim().parse::<f64>()
        {
            out.insert(part.to_owned(), seconds * 1e6);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(values.clone(), 50), 50.0);
        assert_eq!(percentile(values.clone(), 99), 99.0);
        assert_eq!(percentile(values, 100), 100.0);
        assert_eq!(percentile(vec![3.0], 1), 3.0);
        assert_eq!(percentile(Vec::new(), 50), 0.0);
    }

    #[test]
    fn parts_are_read_from_the_metrics_text() {
        let text = "# HELP x\nalthing_work_seconds_total{part=\"verify\"} 1.5\nalthing_height 7\n";
        assert_eq!(parts(text), BTreeMap::from([("verify".to_owned(), 1.5e6)]));
    }
}
