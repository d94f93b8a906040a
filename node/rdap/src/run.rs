//! The program: chains and files become a directory, the directory is served.
//!
//! ```text
//!   chain followers (a thread each) --+--> one task: directory made anew, kept answers dropped --> routes
//!   published files on a schedule ----+
//! ```

use crate::{
    answer::Answer,
    chain::{ChainFollower, ChainState},
    config::Config,
    directory::Directory,
    error::{RdapFault, Result},
    fetch::Fetcher,
    limit::Gate,
    lookup::{Lookup, SharedDirectory},
    metrics::{Metrics, Named},
    oidc::Oidc,
    question::Question,
    refresh::Refresher,
    routes::App,
    serve,
    tld::TldChain,
};
use althing_client::{Client, ClientConfig};
use althing_types::{genesis::Genesis, name::DomainName};
use moka::{Expiry, future::Cache};
use reqwest::Url;
use std::{
    fs,
    future::Future as _,
    net::SocketAddr,
    path::Path,
    pin::pin,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A node that runs.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// What its requests share.
    pub app: Arc<App>,
    tasks: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Running {
    /// Stops: no new connection, running requests end.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// How long each answer is kept.
struct Lifetime;

impl Expiry<Question, Answer> for Lifetime {
    fn expire_after_create(&self, _: &Question, answer: &Answer, _: Instant) -> Option<Duration> {
        Some(answer.lifetime)
    }
}

/// Reads the genesis document that is trusted.
///
/// # Errors
/// [`RdapFault::File`], [`RdapFault::Config`].
pub fn read_genesis(file: &Path) -> Result<Genesis> {
    let text = fs::read(file).map_err(|error| RdapFault::file("read", file, error))?;
    serde_json::from_slice(&text)
        .map_err(|error| RdapFault::config("chain.genesis", file.display().to_string(), error.to_string()))
}

/// Followers of the configured chains.
///
/// # Errors
/// [`RdapFault`] of the first that cannot be made.
pub fn followers(config: &Config) -> Result<Vec<ChainFollower>> {
    let mut out = Vec::new();
    for chain in &config.chains {
        let urls: Vec<&str> = chain.nodes.iter().map(String::as_str).collect();
        let client = Client::with_config(&urls, ClientConfig::default())
            .map_err(|error| RdapFault::config("chain.nodes", chain.nodes.join(" "), error.to_string()))?;
        out.push(ChainFollower::new(client, read_genesis(&chain.genesis)?)?.keeping(&config.state));
    }
    Ok(out)
}

/// The chains that are registries of their TLDs.
///
/// # Errors
/// [`RdapFault`] of the first that cannot be made.
pub fn tld_chains(config: &Config) -> Result<Vec<TldChain>> {
    let deadline = Duration::from_millis(config.fetch.deadline_ms);
    let mut out = Vec::new();
    for chain in &config.tld_chains {
        let tld = DomainName::parse(&chain.tld);
        let tld = tld.map_err(|error| RdapFault::config("tld_chain.tld", &chain.tld, error.to_string()))?;
        let urls: Vec<&str> = chain.nodes.iter().map(String::as_str).collect();
        let client = Client::with_config(&urls, ClientConfig::default())
            .map_err(|error| RdapFault::config("tld_chain.nodes", chain.nodes.join(" "), error.to_string()))?;
        out.push(TldChain::start(tld, client, read_genesis(&chain.genesis)?, chain.registrars.clone(), deadline)?);
    }
    Ok(out)
}

/// The fetcher of a configuration.
///
/// # Errors
/// [`RdapFault`] when a trusted certificate cannot be read.
pub fn fetcher(config: &Config) -> Result<Fetcher> {
    let read = |file: &std::path::PathBuf| fs::read(file).map_err(|error| RdapFault::file("read", file, error));
    let roots = config.trust.iter().map(read).collect::<Result<Vec<_>>>()?;
    let own = Url::parse(&config.public_url)
        .map_err(|error| RdapFault::config("public_url", &config.public_url, error.to_string()))?;
    Ok(Fetcher::new(config.fetch.clone(), &roots)?.except(own))
}

/// Starts everything that a configuration names.
///
/// # Errors
/// [`RdapFault`] of whatever cannot be started.
pub async fn start(config: &Config) -> Result<Running> {
    config.check()?;
    let fetcher = fetcher(config)?;
    let url =
        |field: &str, text: &str| Url::parse(text).map_err(|error| RdapFault::config(field, text, error.to_string()));
    let elsewhere = |field: &str, text: &Option<String>| text.as_ref().map(|text| url(field, text)).transpose();
    let tls = config.tls.as_ref().map(serve::acceptor).transpose()?;
    let listen = |error| RdapFault::Listen { address: config.listen.to_string(), error };
    let listener = TcpListener::bind(config.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let refresher = Refresher::open(&config.published, &config.state, fetcher.clone())?;
    let chains = followers(config)?;
    let directory: SharedDirectory = Arc::default();
    let tiers = config.limits.tiers.iter().map(|tier| tier.name.clone()).collect();
    let oidc = config.oidc.clone().map(|oidc| Oidc::new(oidc, tiers, fetcher.clone()));
    let cache = Cache::builder().max_capacity(config.cache.entries).expire_after(Lifetime).build();
    let app = Arc::new(App {
        lookup: Lookup {
            fetcher,
            cache: config.cache,
            public: url("public_url", &config.public_url)?,
            results: config.limits.results,
            chains: tld_chains(config)?,
        },
        directory,
        cache,
        gate: Gate::new(&config.limits, &config.users, oidc),
        metrics: Metrics::new(),
        troubles: RwLock::default(),
        permits: tokio::sync::Semaphore::new(config.limits.questions),
        elsewhere: (
            elsewhere("elsewhere.ip", &config.elsewhere.ip)?,
            elsewhere("elsewhere.autnum", &config.elsewhere.autnum)?,
        ),
    });
    let (stop, stopped) = watch::channel(false);
    let mut states = Vec::new();
    for follower in chains {
        let (sender, receiver) = watch::channel(follower.begin());
        states.push((follower.name().to_owned(), receiver));
        follow(follower, sender)?;
    }
    let every = Duration::from_secs(config.published.refresh_s);
    let tending = Tending { app: Arc::clone(&app), states, refresher, every };
    let tasks = vec![
        tokio::spawn(tending.run(stopped.clone())),
        tokio::spawn(serve::serve(listener, tls, Arc::clone(&app), config.limits.clone(), stopped)),
    ];
    Ok(Running { address, app, tasks, stop })
}

/// Gives a follower a thread of its own: checking proofs is work, and what it awaits is bound to one thread.
fn follow(follower: ChainFollower, states: watch::Sender<ChainState>) -> Result<()> {
    let fault = |error| RdapFault::file("start a thread for", follower.name(), error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fault)?;
    let name = format!("chain-{}", follower.name());
    let thread = std::thread::Builder::new().name(name.chars().take(15).collect());
    let fault = |error| RdapFault::file("start a thread for", "a chain", error);
    thread.spawn(move || runtime.block_on(follower.run(states))).map(drop).map_err(fault)
}

/// Keeps the directory what chains and files say.
struct Tending {
    app: Arc<App>,
    states: Vec<(String, watch::Receiver<ChainState>)>,
    refresher: Refresher,
    every: Duration,
}

impl Tending {
    async fn run(mut self, stop: watch::Receiver<bool>) {
        let mut told = pin!(serve::stopped(stop));
        // The kept copies serve before anything is fetched.
        self.renew();
        let mut schedule = tokio::time::interval(self.every);
        loop {
            tokio::select! {
                () = &mut told => return,
                _ = schedule.tick() => {
                    if self.refresher.refresh().await {
                        self.renew();
                    }
                    self.report();
                }
                () = changed(&mut self.states) => {
                    self.renew();
                    self.report();
                }
            }
        }
    }

    /// TLDs that this node answers for as their registry, and where it does.
    fn own(&self) -> Vec<(DomainName, Url)> {
        let lookup = &self.app.lookup;
        lookup.chains.iter().map(|chain| (chain.tld.clone(), lookup.public.clone())).collect()
    }

    fn renew(&self) {
        let views: Vec<_> = self.states.iter().filter_map(|(_, state)| state.borrow().view.clone()).collect();
        let directory = Arc::new(Directory::with_own(&views, &self.refresher.published(), &self.own()));
        let before = Arc::clone(&self.app.directory.read().unwrap_or_else(PoisonError::into_inner));
        let (registries, registrars) = directory.sizes();
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.app.metrics.registries.set(count(registries));
        self.app.metrics.registries_of_chains.set(count(directory.from_chain()));
        self.app.metrics.registrars.set(count(registrars));
        if !before.same(&directory) {
            tracing::info!(registries, registrars, of_chains = directory.from_chain(), "directory");
            *self.app.directory.write().unwrap_or_else(PoisonError::into_inner) = directory;
            self.app.cache.invalidate_all();
        }
        self.report();
    }

    fn report(&self) {
        let mut troubles = std::collections::BTreeMap::new();
        for (name, state) in &self.states {
            let (label, state) = (Named { name: name.clone() }, state.borrow());
            self.app.metrics.chain_faults.get_or_create(&label).set(i64::from(state.fault.is_some()));
            let height = state.view.as_ref().map_or(0, |view| view.reached);
            self.app.metrics.chain_heights.get_or_create(&label).set(i64::try_from(height).unwrap_or(i64::MAX));
            if let Some(fault) = &state.fault {
                troubles.insert(format!("chain {name}"), fault.clone());
            }
        }
        let alarms = self.refresher.alarms();
        for kind in crate::published::Kind::ALL {
            let label = Named { name: kind.text().to_owned() };
            self.app.metrics.file_alarms.get_or_create(&label).set(i64::from(alarms.contains_key(kind.text())));
        }
        troubles.extend(alarms.into_iter().map(|(file, alarm)| (format!("file {file}"), alarm)));
        *self.app.troubles.write().unwrap_or_else(PoisonError::into_inner) = troubles;
    }
}

/// Waits until a chain's state is another.
async fn changed(states: &mut [(String, watch::Receiver<ChainState>)]) {
    if states.is_empty() {
        std::future::pending::<()>().await;
    }
    let waits = states.iter_mut().map(|(_, state)| Box::pin(state.changed()));
    let mut waits: Vec<_> = waits.collect();
    std::future::poll_fn(|cx| {
        let ready = waits.iter_mut().any(|wait| wait.as_mut().poll(cx).is_ready());
        if ready { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}
