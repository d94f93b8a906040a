//! Begins an empty store with a checkpoint of other nodes (P 0048), none of which is trusted.
//!
//! ```text
//! genesis --client library--> verified header of the newest checkpoint that is offered
//!   --> chunks, each checked under its state root and kept in `joining/` --> `store.partial/` --rename--> `store/`
//!           '-- a bad one: its giver is named and asked for nothing more
//! ```
//!
//! What was fetched is found again after a kill: each chunk is a file that is checked when it is read again. The store is
//! put in place by one rename when it is whole, so a node never starts on half of one.

use althing_api::ErrorCode;
use althing_client::{Client, ClientConfig, ClientError, VerifiedHeader, Verifier};
use althing_state::{Base, RocksOptions, RocksStore, Storage};
use althing_types::{
    authority::AuthorityList,
    checkpoint::{Chunk, MAX_CHUNK},
    codec,
    genesis::Genesis,
    hash::Hash,
    id::Height,
    keyspace,
};
use anyhow::{Context, bail};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long sources that do not answer are asked again before the node gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Pause between two rounds over all sources.
const PAUSE: Duration = Duration::from_secs(1);
/// How often another checkpoint is begun because the one under way is no longer offered.
const MOST_TARGETS: u32 = 10;

/// A node that offers checkpoints.
struct Source {
    url: String,
    client: Client,
    verifier: Verifier,
    /// Why it is not asked any more.
    bad: Option<String>,
    /// Heights that it offered when it was asked last.
    offers: BTreeSet<Height>,
}

/// What one attempt came to.
enum Progress {
    Whole(Vec<PathBuf>),
    /// Nobody offers the checkpoint any more.
    Gone,
}

/// Fills the store of `data_dir` from a checkpoint when it is empty and sources are named. Without any checkpoint on
/// offer the store stays empty, and the node begins with the genesis.
///
/// # Errors
/// When no source answers or all of them lie, and when the disk fails.
pub async fn join(data_dir: &Path, sources: &[String], genesis: &Genesis) -> anyhow::Result<()> {
    let work = data_dir.join("joining");
    if sources.is_empty() || !is_empty(&data_dir.join("store"))? {
        return remove(&work);
    }
    let mut sources = sources.iter().map(|url| Source::new(url, genesis)).collect::<anyhow::Result<Vec<_>>>()?;
    for _ in 0..MOST_TARGETS {
        let Some((header, authorities)) = target(&mut sources, &work).await? else {
            tracing::warn!("no checkpoint is offered: beginning with the genesis");
            return remove(&work);
        };
        let height = header.height();
        tracing::info!(height = height.0, root = %header.header().state_root, "joining from a checkpoint");
        match fetch(&mut sources, &header, &work).await? {
            Progress::Gone => {
                tracing::warn!(height = height.0, "the checkpoint is no longer offered: taking a newer one");
                remove(&work)?;
            }
            Progress::Whole(files) => {
                build(data_dir, genesis, &header, &authorities, &files)?;
                return remove(&work);
            }
        }
    }
    bail!("checkpoints went faster than they could be fetched, {MOST_TARGETS} times")
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Whether there is no chain in the store yet.
fn is_empty(store: &Path) -> anyhow::Result<bool> {
    if !store.exists() {
        return Ok(true);
    }
    // Whether it is whole is looked at when the node opens it.
    let options = RocksOptions { verify_up_to_bytes: 0, ..RocksOptions::default() };
    Ok(RocksStore::open(store, options)?.tip()?.is_none())
}

impl Source {
    fn new(url: &str, genesis: &Genesis) -> anyhow::Result<Self> {
        // One attempt at a time: there are other sources.
        let config = ClientConfig { retry_for: Duration::ZERO, ..ClientConfig::default() };
        let client = Client::with_config(&[url], config)?;
        let verifier = Verifier::new(client.clone(), genesis.clone())?;
        Ok(Self { url: url.into(), client, verifier, bad: None, offers: BTreeSet::new() })
    }

    fn give_up(&mut self, reason: String) {
        tracing::warn!(source = self.url, reason, "a source of checkpoints is not asked any more");
        self.bad = Some(reason);
    }
}

fn why(sources: &[Source], last: &BTreeMap<String, String>) -> String {
    let reason = |source: &Source| {
        let reason = source.bad.clone().or_else(|| last.get(&source.url).cloned());
        format!("{}: {}", source.url, reason.unwrap_or_else(|| "nothing of use".into()))
    };
    sources.iter().map(reason).collect::<Vec<_>>().join("; ")
}

/// The checkpoint to fetch: the one under way as long as it is offered, else the newest whose header can be verified.
/// `None` when sources answer and none offers any.
async fn target(sources: &mut [Source], work: &Path) -> anyhow::Result<Option<(VerifiedHeader, AuthorityList)>> {
    let end = tokio::time::Instant::now().checked_add(PATIENCE);
    let mut last = BTreeMap::new();
    loop {
        let mut answered = false;
        for source in sources.iter_mut().filter(|source| source.bad.is_none()) {
            match source.client.checkpoints().await {
                Ok(list) => {
                    answered = true;
                    source.offers = list.into_iter().map(|document| document.height).collect();
                }
                Err(error) => drop(last.insert(source.url.clone(), error.to_string())),
            }
        }
        let mut heights: Vec<Height> = sources.iter().flat_map(|source| source.offers.iter().copied()).collect();
        heights.sort_unstable_by(|a, b| b.cmp(a));
        heights.dedup();
        let begun = begun(work);
        heights.sort_by_key(|height| Some(*height) != begun);
        if answered && heights.is_empty() {
            return Ok(None);
        }
        for height in heights {
            // Any source may know the headers, also one that does not offer this checkpoint.
            for source in sources.iter_mut().filter(|source| source.bad.is_none()) {
                match source.verifier.header(height).await {
                    Ok(header) => {
                        let authorities = source.verifier.authorities(&header)?;
                        return Ok(Some((header, authorities)));
                    }
                    Err(error @ ClientError::Verify(_)) => source.give_up(error.to_string()),
                    Err(error) => drop(last.insert(source.url.clone(), error.to_string())),
                }
            }
        }
        if sources.iter().all(|source| source.bad.is_some()) || end.is_none_or(|end| tokio::time::Instant::now() >= end)
        {
            bail!("no source gives a checkpoint that follows from the genesis: {}", why(sources, &last));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn begun(work: &Path) -> Option<Height> {
    fs::read_to_string(work.join("height")).ok()?.trim().parse().ok().map(Height)
}

fn file_of(work: &Path, index: usize) -> PathBuf {
    work.join(format!("chunk-{index:06}"))
}

/// Reads and checks a chunk that was kept.
fn kept(path: &Path, header: &VerifiedHeader, place: &Hash) -> Option<Chunk> {
    let bytes = fs::read(path).ok()?;
    let chunk: Chunk = codec::decode("chunk", &bytes, MAX_CHUNK).ok()?;
    chunk.verify_at(header.height(), &header.header().state_root, place).ok()?;
    Some(chunk)
}

/// Fetches what is missing, chunk by chunk.
async fn fetch(sources: &mut [Source], header: &VerifiedHeader, work: &Path) -> anyhow::Result<Progress> {
    let height = header.height();
    if begun(work) != Some(height) {
        remove(work)?;
        fs::create_dir_all(work).with_context(|| work.display().to_string())?;
        write_synced(&work.join("height"), height.to_string().as_bytes())?;
    }
    let (mut place, mut files, mut resumed) = (Some(Hash::ZERO), Vec::new(), 0usize);
    while let Some(at) = place {
        let path = file_of(work, files.len());
        let chunk = match kept(&path, header, &at) {
            Some(chunk) => {
                resumed = resumed.saturating_add(1);
                chunk
            }
            None => {
                let Some((chunk, bytes)) = fetch_one(sources, header, &at).await? else { return Ok(Progress::Gone) };
                write_synced(&path, &bytes)?;
                chunk
            }
        };
        files.push(path);
        place = chunk.prefix.after();
        if files.len().is_multiple_of(100) || place.is_none() {
            let done = at.0.first().copied().unwrap_or(0);
            tracing::info!(height = height.0, chunks = files.len(), resumed, of_256 = done, "checkpoint chunks");
        }
    }
    Ok(Progress::Whole(files))
}

/// One chunk from whichever source gives a good one; `None` when nobody offers the checkpoint any more.
async fn fetch_one(
    sources: &mut [Source],
    header: &VerifiedHeader,
    place: &Hash,
) -> anyhow::Result<Option<(Chunk, Vec<u8>)>> {
    let (height, root) = (header.height(), header.header().state_root);
    let end = tokio::time::Instant::now().checked_add(PATIENCE);
    let mut last = BTreeMap::new();
    loop {
        for source in sources.iter_mut().filter(|source| source.bad.is_none() && source.offers.contains(&height)) {
            match source.client.chunk(height, place).await {
                Ok((chunk, bytes)) => match chunk.verify_at(height, &root, place) {
                    Ok(_) => return Ok(Some((chunk, bytes))),
                    Err(error) => {
                        source.give_up(format!("a bad chunk of height {height} ({}): {error}", error.number()));
                    }
                },
                Err(error @ ClientError::Answer { .. }) => source.give_up(error.to_string()),
                Err(error) if error.api().is_some_and(|api| api.code == ErrorCode::CheckpointUnknown) => {
                    source.offers.remove(&height);
                }
                Err(error) => {
                    tracing::warn!(source = source.url, %error, "a chunk was not given");
                    last.insert(source.url.clone(), error.to_string());
                }
            }
        }
        if sources.iter().all(|source| source.bad.is_some()) {
            bail!("every source of checkpoints gave what does not follow from the genesis: {}", why(sources, &last));
        }
        if !sources.iter().any(|source| source.bad.is_none() && source.offers.contains(&height)) {
            return Ok(None);
        }
        if end.is_none_or(|end| tokio::time::Instant::now() >= end) {
            bail!("no source gives the chunk at {place} of height {height}: {}", why(sources, &last));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let place = || path.display().to_string();
    let mut file = File::create(path).with_context(place)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).with_context(place)
}

/// Makes the store and puts it in place.
fn build(
    data_dir: &Path,
    genesis: &Genesis,
    header: &VerifiedHeader,
    authorities: &AuthorityList,
    files: &[PathBuf],
) -> anyhow::Result<()> {
    let (partial, store) = (data_dir.join("store.partial"), data_dir.join("store"));
    remove(&partial)?;
    let height = header.height();
    let made = RocksStore::open(&partial, RocksOptions::default())?;
    let mut adoption = made.adopt(height)?;
    let mut place = Some(Hash::ZERO);
    for path in files {
        let at = place.with_context(|| format!("{} is behind the end of the tree", path.display()))?;
        let chunk = kept(path, header, &at).with_context(|| format!("{} has changed on disk", path.display()))?;
        let leaves = chunk.verify_at(height, &header.header().state_root, &at)?;
        adoption.add(&chunk.entries, &leaves)?;
        place = chunk.prefix.after();
    }
    if let Some(at) = place {
        bail!("the chunks end before {at}");
    }
    let entries = adoption.entries();
    let stored = made.view().read(&keyspace::authorities())?.context("the state names no authority list")?;
    let next: AuthorityList = codec::decode("authority list", &stored, 1 << 20)?;
    adoption.finish(&Base {
        genesis,
        header: header.header(),
        certificate: header.certificate(),
        authorities,
        next_authorities: &next,
    })?;
    drop(made);
    remove(&store)?;
    fs::rename(&partial, &store).with_context(|| store.display().to_string())?;
    File::open(data_dir).and_then(|folder| folder.sync_all()).with_context(|| data_dir.display().to_string())?;
    tracing::info!(height = height.0, entries, "the store begins with the checkpoint");
    Ok(())
}
