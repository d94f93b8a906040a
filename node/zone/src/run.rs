//! The server as a whole: for each zone a source, a publisher and what tells of its versions; one set of sockets.
//!
//! ```text
//!   source thread --offers--> zone task: publisher, status.json, release --serials--> notify tasks, master file task
//! ```

use crate::{
    answer::Answerer,
    config::{Config, ZoneConfig},
    error::{Result, ZoneFault},
    master, notify,
    publish::{Making, Outcome, Publisher, Shared},
    record::Owner,
    serve::{self, Serving},
    source::{self, Offer, ZoneSource, root_chain::RootChain, tld_chain::TldChain},
    status::{self, Tally, ZoneStatus},
    store,
};
use althing_client::{Client, ClientConfig};
use althing_types::{
    genesis::{ChainKind, Genesis},
    name::DomainName,
};
use std::{
    fs,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::{mpsc, watch},
    task::{JoinHandle, block_in_place},
    time::{MissedTickBehavior, interval, sleep, timeout},
};

/// How often the state folder is looked at for a release, and the status written.
const TICK: Duration = Duration::from_secs(1);
/// Least time between two master files.
const MASTER_PAUSE: Duration = Duration::from_secs(2);
/// Name of the status file.
pub const STATUS_FILE: &str = "status.json";

/// Status of all zones, for the metrics.
pub type Statuses = Arc<Mutex<Vec<ZoneStatus>>>;

/// A zone that runs.
#[derive(Debug)]
pub struct RunningZone {
    /// Its versions.
    pub shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// A server that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    /// Its zones in the order of the configuration.
    pub zones: Vec<RunningZone>,
    /// Its counters.
    pub tally: Arc<Tally>,
    serving: Serving,
    others: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// Stops the server and waits until all is written.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        self.serving.ended().await;
        for zone in self.zones {
            let _ = zone.task.await;
        }
        for other in self.others {
            let _ = other.await;
        }
    }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Starts everything that a configuration names.
///
/// # Errors
/// [`ZoneFault`] of whatever cannot be started.
pub async fn start(config: &Config) -> Result<Running> {
    let mut sources: Vec<Box<dyn ZoneSource>> = Vec::new();
    for (index, zone) in config.zones.iter().enumerate() {
        sources.push(source_of(zone, index)?);
    }
    start_with(config, sources).await
}

/// Starts with given sources in place of the configured ones, one for each zone.
///
/// # Errors
/// As [`start`].
pub async fn start_with(config: &Config, sources: Vec<Box<dyn ZoneSource>>) -> Result<Running> {
    config.check()?;
    let (stop, stopped) = watch::channel(false);
    let tally = Arc::new(Tally::default());
    let statuses: Statuses = Arc::new(Mutex::new(Vec::new()));
    let ring = config.ring()?;
    let mut answerer = Answerer { keys: ring.clone(), ..Answerer::default() };
    let (mut zones, mut others) = (Vec::new(), Vec::new());
    let mut publishers = Vec::new();
    for (index, zone) in config.zones.iter().enumerate() {
        let making: Making = config.making(zone, index)?;
        let apex = making.apex.clone();
        let publisher = Publisher::open(making, &zone.state)?;
        answerer.zones.push(config.served(&apex, publisher.shared())?);
        publishers.push((apex, publisher));
    }
    let serving = serve::serve(answerer, &config.listen, config.limits, tally.clone(), stopped.clone()).await?;
    if let Some(address) = config.metrics_listen {
        let fault = |error| ZoneFault::Listen { address: address.to_string(), error };
        let listener = TcpListener::bind(address).await.map_err(fault)?;
        others.push(tokio::spawn(metrics(listener, statuses.clone(), stopped.clone())));
    }
    for (index, ((apex, publisher), source)) in publishers.into_iter().zip(sources).enumerate() {
        let Some(zone) = config.zones.get(index) else { continue };
        let shared = publisher.shared();
        for secondary in 0..config.secondaries.len() {
            if let (Some(secondary), zones) = config.secondary(secondary, &ring)?
                && (zones.is_empty() || zones.contains(&apex))
            {
                let (shared, tally) = (shared.clone(), tally.clone());
                others.push(tokio::spawn(notify::notify(secondary, apex.clone(), shared, tally, stopped.clone())));
            }
        }
        if let Some(file) = &zone.master_file {
            others.push(tokio::spawn(master_file(file.clone(), shared.clone(), stopped.clone())));
        }
        let offers = source::start(source, Duration::from_secs(zone.source.recheck_s()))?;
        let reporter = Reporter { index, tally: tally.clone(), statuses: statuses.clone() };
        zones.push(RunningZone { shared, task: tokio::spawn(tend(publisher, offers, reporter, stopped.clone())) });
    }
    Ok(Running { addresses: serving.addresses.clone(), zones, tally, serving, others, stop })
}

/// The source that a zone's configuration names. A chain has one zone, so each has a client of its own.
fn source_of(zone: &ZoneConfig, index: usize) -> Result<Box<dyn ZoneSource>> {
    let nodes = &zone.source.chain().nodes;
    let urls: Vec<&str> = nodes.iter().map(String::as_str).collect();
    let client = Client::with_config(&urls, ClientConfig::default())
        .map_err(|e| ZoneFault::config(format!("zone[{index}].source.nodes"), nodes.join(" "), e.to_string()))?;
    let genesis = read_genesis(zone, index)?;
    Ok(match zone_of(&genesis.kind) {
        Some(tld) if !tld.is_root() => Box::new(TldChain::tld(client, genesis, tld)?),
        _ => Box::new(RootChain::root(client, genesis)?),
    })
}

/// The zone of a kind of chain; `None` when it has none.
fn zone_of(kind: &ChainKind) -> Option<DomainName> {
    match kind {
        ChainKind::Root => Some(DomainName::root()),
        ChainKind::Tld(label) => DomainName::parse(label).ok(),
        ChainKind::Registry | ChainKind::Registrar => None,
    }
}

/// Reads the genesis document that a zone's configuration trusts: of the chain that keeps this zone.
///
/// # Errors
/// [`ZoneFault`] 102.
pub fn read_genesis(zone: &ZoneConfig, index: usize) -> Result<Genesis> {
    let file = &zone.source.chain().genesis;
    let fault = |rule: String| ZoneFault::config(format!("zone[{index}].source.genesis"), file.display(), rule);
    let text = fs::read_to_string(file).map_err(|e| fault(e.to_string()))?;
    let genesis: Genesis = serde_json::from_str(&text).map_err(|e| fault(e.to_string()))?;
    genesis.check().map_err(|e| fault(e.to_string()))?;
    let of_chain = zone_of(&genesis.kind).map(|name| format!("{}.", name.as_str()));
    let wanted = Owner::parse(&zone.name).ok();
    let found = of_chain.as_deref().and_then(|name| Owner::parse(name).ok());
    if found.is_none() || found != wanted {
        let keeps = of_chain.map_or_else(|| "no zone".to_owned(), |name| format!("the zone {name}"));
        return Err(fault(format!("chain {} keeps {keeps}, not {}", genesis.chain, zone.name)));
    }
    Ok(genesis)
}

/// Where a zone's task reports.
struct Reporter {
    index: usize,
    tally: Arc<Tally>,
    statuses: Statuses,
}

/// Takes offers, looks for releases, reports.
async fn tend(
    mut publisher: Publisher,
    mut offers: mpsc::Receiver<Offer>,
    reporter: Reporter,
    mut stop: watch::Receiver<bool>,
) {
    let (mut followed, mut failing) = (0u64, None::<String>);
    let mut written = None::<ZoneStatus>;
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let offer = tokio::select! {
            offer = offers.recv() => match offer {
                Some(offer) => Some(offer),
                None => {
                    tracing::error!(zone = publisher.zone(), "the source has ended: the zone stays as it is; restart");
                    return;
                }
            },
            _ = tick.tick() => None,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        // What follows computes and writes files: other tasks of this thread move elsewhere meanwhile.
        let outcome: Result<Option<Outcome>> = block_in_place(|| match offer {
            Some(Offer::Whole(reading)) => {
                (followed, failing) = (reading.origin.height, None);
                publisher.whole(reading, now_ms()).map(Some)
            }
            Some(Offer::Changed(origin, owners)) => {
                followed = origin.height;
                publisher.changed(origin, &owners, now_ms()).map(Some)
            }
            Some(Offer::Reached(height)) => {
                followed = followed.max(height);
                Ok(None)
            }
            Some(Offer::Failing(fault)) => {
                failing = Some(fault.to_string());
                Ok(None)
            }
            None => {
                let released = publisher.release(now_ms());
                let status = status_of(&publisher, followed, failing.clone(), &reporter);
                if written.as_ref() != Some(&status) {
                    write_status(publisher.folder(), &status);
                    reporter.put(status.clone());
                    written = Some(status);
                }
                released
            }
        });
        if let Err(error) = outcome {
            tracing::error!(%error, "a version could not be made; tried again");
        }
    }
}

fn status_of(publisher: &Publisher, followed: u64, failing: Option<String>, reporter: &Reporter) -> ZoneStatus {
    let shared = publisher.shared();
    let published = shared.published();
    let version = published.as_ref().map(|p| &p.version);
    ZoneStatus {
        zone: publisher.zone(),
        serial: version.map(|v| v.serial),
        height: version.map_or(0, |v| v.origin.height),
        block: version.map_or_else(String::new, |v| v.origin.block.to_string()),
        records: version.map_or(0, |v| v.records.len() as u64),
        delegations: version.map_or(0, |v| v.delegations),
        deltas: published.as_ref().map_or(0, |p| p.history.len() as u64),
        followed,
        failing,
        alarm: publisher.alarm().cloned(),
        counts: reporter.tally.counts(&publisher.zone()),
    }
}

fn write_status(folder: &Path, status: &ZoneStatus) {
    let text = serde_json::to_vec_pretty(status).unwrap_or_default();
    if let Err(error) = store::replace(&folder.join(STATUS_FILE), |out| out.write_all(&text)) {
        tracing::warn!(%error, "the status cannot be written");
    }
}

impl Reporter {
    fn put(&self, status: ZoneStatus) {
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        match statuses.iter_mut().find(|s| s.zone == status.zone) {
            Some(place) => *place = status,
            None => {
                let at = self.index.min(statuses.len());
                statuses.insert(at, status);
            }
        }
    }
}

/// Writes the master file after changes, the last version only when they come fast.
async fn master_file(file: PathBuf, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut serials = shared.serials();
    loop {
        serials.mark_unchanged();
        if let Some(published) = shared.published() {
            let version = &published.version;
            let written = block_in_place(|| {
                store::replace(&file, |out| master::write(&version.soa, version.records.iter(), out))
            });
            match written {
                Ok(octets) => tracing::debug!(file = %file.display(), serial = version.serial, octets, "master file"),
                Err(error) => tracing::error!(%error, "the master file cannot be written"),
            }
        }
        tokio::select! {
            () = async {
                sleep(MASTER_PAUSE).await;
                let _ = serials.changed().await;
            } => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Answers every request with the metrics.
async fn metrics(listener: TcpListener, statuses: Statuses, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let Ok((mut stream, _)) = accepted else {
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        let text = status::metrics(&statuses.lock().unwrap_or_else(PoisonError::into_inner));
        let answer = async {
            let mut request = [0u8; 1024];
            let _ = stream.read(&mut request).await;
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                text.len()
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(text.as_bytes()).await;
        };
        let _ = timeout(Duration::from_secs(2), answer).await;
    }
}
