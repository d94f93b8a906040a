//! `althing bench`: throughput and latency of a network of its own.

use super::Context;
use crate::{
    args::BenchArgs,
    bench::{
        self, CONTRACT,
        feed::Feed,
        figures::{Sample, fsync_us, percentile, rounded, signature_verify_us},
        load::{self, Rules, Sender, Shared},
    },
    chain,
    devnet::Network,
    error::{CliError, Result},
    exit_code::Exit,
    output::table,
};
use althing_client::Client;
use althing_types::id::{ContractId, Height, Sequence};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// Length of the light load.
const LIGHT: Duration = Duration::from_secs(5);
/// Start of the full load that is not measured.
const WARM_UP: Duration = Duration::from_secs(3);
/// Time within which everything accepted must be final after the load.
const DRAIN: Duration = Duration::from_secs(60);
/// Rest after the load, in which the idle cost is measured.
const IDLE: Duration = Duration::from_secs(5);
/// Share of the bound for which transactions are signed beforehand.
const SUPPLY: f64 = 0.6;
/// Time between two looks at the nodes' heights.
const WATCH: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Latency {
    p50: f64,
    p99: f64,
}

#[derive(Serialize)]
struct Report {
    authorities: usize,
    seconds: f64,
    cores: usize,
    committed: u64,
    committed_per_s: f64,
    latency_ms: Latency,
    cpu_us_per_tx: f64,
    /// CPU time of this process, which makes the load on the same cores.
    load_cpu_us_per_tx: f64,
    bytes_written_per_tx: f64,
    signature_verify_us: f64,
    fsync_us: f64,
    bound_per_s: f64,
    ratio: f64,
    /// Time of all nodes together on each part of the work, per transaction.
    parts_us_per_tx: BTreeMap<String, f64>,
    blocks_per_s: f64,
    transactions_per_block: f64,
    slowest_second_per_s: f64,
    largest_lag_blocks: u64,
    resident_mib: f64,
    idle_cpu_percent: f64,
    postponed: u64,
    signed_under_load: u64,
    counted_by_contract: u64,
}

/// Runs the benchmark.
///
/// # Errors
/// When the network does not come up, a call fails, or the figures do not add up.
pub(super) async fn run(context: &Context, options: &BenchArgs) -> Result<()> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("althing-bench-");
    let made = match &options.temp {
        Some(folder) => builder.tempdir_in(folder),
        None => builder.tempdir(),
    };
    let folder = made.map_err(|e| CliError::internal("temporary_folder", format!("no temporary folder: {e}")))?;
    let outcome = tokio::select! {
        outcome = measure(context, options, folder.path()) => outcome,
        request = super::devnet::stopped() => {
            request.and(Err(CliError::new(Exit::Interrupted, "interrupted", "stopped by request")))
        }
    };
    if let Ok(network) = Network::open(folder.path()) {
        network.down()?;
    }
    if options.keep {
        let path = folder.keep();
        context.output.note(&format!("kept {}", path.display()));
    }
    let report = outcome?;
    context.output.print(&report, human)
}

async fn measure(context: &Context, options: &BenchArgs, dir: &Path) -> Result<Report> {
    let authorities = usize::from(options.authorities);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (verify_us, sync_us) = (signature_verify_us()?, fsync_us(dir)?);
    let bound = cores as f64 * 1e6 / (f64::from(options.authorities) * verify_us);
    context.output.note(&format!("one verification {verify_us:.1} us, one fsync {sync_us:.0} us, bound {bound:.0}/s"));
    let setup = bench::prepare(dir, authorities, usize::from(options.senders))?;
    let network = setup.network;
    network.start_all()?;
    network.wait_height(1, Duration::from_secs(context.global.timeout), |_| {}).await?;
    let clients = network.urls().into_iter().map(|url| chain::client(&[url], 30)).collect::<Result<Vec<_>>>()?;
    let first = clients.first().cloned().ok_or_else(|| CliError::internal("no_node", "no node"))?;
    let rules = Rules { chain: network.genesis()?.chain, in_flight: options.in_flight.into(), expiry: Height(90_000) };
    let mut senders: Vec<Sender> = setup.senders.into_iter().map(|key| Sender::new(key, Sequence(0))).collect();

    context.output.note("light load");
    let mut single = senders.pop().ok_or_else(|| CliError::internal("no_sender", "no sender"))?;
    let times = load::latencies(&first, &mut single, &rules, LIGHT).await?;
    senders.push(single);
    let light = times.len() as u64;

    context.output.note("signing");
    let seconds = Duration::from_secs(options.seconds);
    let supply = bound * SUPPLY * seconds.saturating_add(WARM_UP).as_secs_f64();
    let each = supply / f64::from(options.senders);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of at most some thousands")]
    let each = each.max(1.0) as usize;
    let chain_id = rules.chain.clone();
    let mut senders = tokio::task::spawn_blocking(move || -> Result<Vec<Sender>> {
        senders.iter_mut().try_for_each(|s| s.sign(&chain_id, each, Height(90_000)))?;
        Ok(senders)
    })
    .await
    .map_err(|e| CliError::internal("signing", e.to_string()))??;

    context.output.note("full load");
    let feed = Feed::start(first.clone(), first.status().await?.height);
    let shared = Arc::new(Shared::default());
    let mut tasks = tokio::task::JoinSet::new();
    for (index, client) in clients.iter().enumerate() {
        let own: Vec<Sender> = take_every(&mut senders, clients.len().saturating_sub(index));
        tasks.spawn(load::send(client.clone(), own, rules.clone(), Arc::clone(&shared), feed.clone()));
    }
    tokio::time::sleep(WARM_UP).await;
    let (before, from) = (Sample::take(&network).await?, Instant::now());
    let largest_lag = watch(context, &network, &feed, seconds, &mut tasks).await?;
    let (after, to) = (Sample::take(&network).await?, Instant::now());
    shared.stop.store(true, Ordering::Relaxed);
    let mut senders = Vec::new();
    while let Some(done) = tasks.join_next().await {
        senders.extend(done.map_err(|e| CliError::internal("load", e.to_string()))??);
    }

    context.output.note("draining");
    let accepted = shared.accepted.load(Ordering::Relaxed);
    drain(&feed, accepted).await?;
    let (rest_from, rest) = (Instant::now(), Sample::take(&network).await?);
    tokio::time::sleep(IDLE).await;
    let idle = Sample::take(&network).await?.since(&rest);
    let idle_us = rest_from.elapsed().as_secs_f64() * 1e6;
    feed.stop();
    let counted = counted(&first, &senders).await?;
    let expected = feed.committed().saturating_add(light);
    if counted != expected {
        return Err(CliError::internal("does_not_add_up", "the contract counted other calls than the blocks hold")
            .field("calls")
            .value(counted.to_string())
            .rule(expected.to_string()));
    }

    let used = after.since(&before);
    let window = to.saturating_duration_since(from).as_secs_f64();
    let blocks = feed.between(from, to);
    let committed: u64 = blocks.iter().map(|b| b.transactions).sum();
    let per = |value: f64| if committed == 0 { 0.0 } else { value / committed as f64 };
    let filled = blocks.iter().filter(|b| b.transactions > 0).count();
    let rate = committed as f64 / window;
    Ok(Report {
        authorities,
        seconds: rounded(window),
        cores,
        committed,
        committed_per_s: rounded(rate),
        latency_ms: Latency { p50: rounded(percentile(times.clone(), 50)), p99: rounded(percentile(times, 99)) },
        cpu_us_per_tx: rounded(per(used.cpu_us as f64)),
        load_cpu_us_per_tx: rounded(per(used.own_cpu_us as f64)),
        bytes_written_per_tx: rounded(per(used.written as f64)),
        signature_verify_us: rounded(verify_us),
        fsync_us: rounded(sync_us),
        bound_per_s: rounded(bound),
        ratio: rounded(rate / bound),
        parts_us_per_tx: used.parts.iter().map(|(part, us)| (part.clone(), rounded(per(*us)))).collect(),
        blocks_per_s: rounded(blocks.len() as f64 / window),
        transactions_per_block: if filled == 0 { 0.0 } else { rounded(committed as f64 / filled as f64) },
        slowest_second_per_s: slowest(&feed, from, to),
        largest_lag_blocks: largest_lag,
        resident_mib: rounded(after.resident as f64 / f64::from(1024 * 1024)),
        idle_cpu_percent: rounded(idle.cpu_us as f64 / idle_us * 100.0),
        postponed: shared.postponed.load(Ordering::Relaxed),
        signed_under_load: shared.late.load(Ordering::Relaxed),
        counted_by_contract: counted,
    })
}

/// Takes an even share out of what is left for `shares` takers.
fn take_every(senders: &mut Vec<Sender>, shares: usize) -> Vec<Sender> {
    let count = senders.len().div_ceil(shares.max(1));
    senders.drain(..count.min(senders.len())).collect()
}

/// Waits out the loaded phase; gives the largest distance between the highest node and the lowest that was seen.
async fn watch(
    context: &Context,
    network: &Network,
    feed: &Feed,
    seconds: Duration,
    tasks: &mut tokio::task::JoinSet<Result<Vec<Sender>>>,
) -> Result<u64> {
    let progress = context.output.progress("full load", seconds.as_secs());
    let started = Instant::now();
    let mut largest = 0u64;
    while started.elapsed() < seconds {
        tokio::select! {
            () = tokio::time::sleep(WATCH.min(seconds.saturating_sub(started.elapsed()))) => {}
            Some(ended) = tasks.join_next() => {
                // Senders end only when told to, or when something is wrong.
                ended.map_err(|e| CliError::internal("load", e.to_string()))??;
            }
        }
        let heights: Vec<u64> = network.reports().await.iter().filter_map(|r| r.height).collect();
        let lag = heights.iter().max().copied().unwrap_or(0).saturating_sub(heights.iter().min().copied().unwrap_or(0));
        largest = largest.max(lag);
        progress.set(started.elapsed().as_secs());
        progress.say(&format!("{} final", feed.committed()));
    }
    Ok(largest)
}

async fn drain(feed: &Feed, accepted: u64) -> Result<()> {
    let started = Instant::now();
    while feed.committed() < accepted {
        if started.elapsed() > DRAIN {
            let message = format!("{} of {accepted} accepted transactions are final", feed.committed());
            return Err(CliError::new(Exit::Timeout, "not_drained", message)
                .field("committed")
                .value(feed.committed().to_string())
                .rule(format!("{accepted} within {} s after the load", DRAIN.as_secs())));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// What the contract counted, over all keys.
async fn counted(client: &Client, senders: &[Sender]) -> Result<u64> {
    let id = ContractId::new(CONTRACT)?;
    let mut sum = 0u64;
    for sender in senders {
        let answer = client.view(&id, "calls", &sender.key().public().0).await?;
        let bytes = answer.result.map(|r| r.0).unwrap_or_default();
        let calls: u64 = chain::typed("calls", Some(&bytes))?.unwrap_or_default();
        sum = sum.saturating_add(calls);
    }
    Ok(sum)
}

/// Transactions of the whole second with the fewest.
fn slowest(feed: &Feed, from: Instant, to: Instant) -> f64 {
    let mut at = from;
    let mut least = u64::MAX;
    while let Some(next) = at.checked_add(Duration::from_secs(1)).filter(|n| *n <= to) {
        least = least.min(feed.between(at, next).iter().map(|b| b.transactions).sum());
        at = next;
    }
    if least == u64::MAX { 0.0 } else { least as f64 }
}

fn human(report: &Report) -> String {
    let r = report;
    let parts: Vec<String> = r.parts_us_per_tx.iter().map(|(part, us)| format!("{part} {us:.1}")).collect();
    table(&[
        (
            "committed",
            format!("{:.0} transactions/s over {:.1} s ({} in all)", r.committed_per_s, r.seconds, r.committed),
        ),
        ("bound", format!("{:.0}/s on {} cores; ratio {:.3}", r.bound_per_s, r.cores, r.ratio)),
        ("latency at light load", format!("p50 {:.0} ms, p99 {:.0} ms", r.latency_ms.p50, r.latency_ms.p99)),
        (
            "cpu",
            format!(
                "{:.0} us per transaction, all {} nodes together; {:.0} us for making the load",
                r.cpu_us_per_tx, r.authorities, r.load_cpu_us_per_tx
            ),
        ),
        ("parts, us per transaction", parts.join(", ")),
        ("written", format!("{:.0} bytes per transaction", r.bytes_written_per_tx)),
        ("blocks", format!("{:.1}/s, {:.0} transactions each", r.blocks_per_s, r.transactions_per_block)),
        ("slowest second", format!("{:.0}", r.slowest_second_per_s)),
        ("largest lag of a node", format!("{} blocks", r.largest_lag_blocks)),
        ("memory of the largest node", format!("{:.0} MiB", r.resident_mib)),
        ("idle", format!("{:.1} % of a core, all nodes together", r.idle_cpu_percent)),
        ("one verification", format!("{:.1} us", r.signature_verify_us)),
        ("one fsync", format!("{:.0} us", r.fsync_us)),
    ])
}
