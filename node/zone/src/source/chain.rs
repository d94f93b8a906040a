//! A chain as a source: the entries of the contract that keeps its zone, every one proven.
//!
//! ```text
//!   events (as a node tells them) --> names that changed --> their entries before and at that height, with proofs
//!                                 --> the contract's totals at that height, with proof: nothing was left out
//! ```
//! A node that invents an event makes us read an entry in vain. A node that hides one is found out by the totals, which
//! count what there is and name the height of the last change; then the whole zone is read again.
//!
//! What is particular to a kind of chain is its [`Keeping`]: [`super::root_chain`], [`super::tld_chain`]. What is remembered of
//! the zone is an [`Image`] of it, which has no names.

use super::{
    Reading, Step, ZoneSource,
    keeping::{Image, Keeping, Part, Touched},
};
use crate::{
    error::{Result, ZoneFault},
    master,
    record::{Owner, Record},
    version::{Origin, Owners},
};
use althing_api::model::MAX_SCAN;
use althing_client::{Client, ClientError, Filter, Followed, Follower, VerifiedHeader, Verifier};
use althing_interface::{layout, zone::Record as ChainRecord};
use althing_types::{
    codec,
    event::EventId,
    genesis::Genesis,
    id::{ContractId, Height},
    keyspace::{self, storage},
    name::DomainName,
};
use async_trait::async_trait;
use borsh::BorshDeserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::time::Instant;

/// Readings of the whole zone before giving up because the nodes forget its height too soon.
const ATTEMPTS: usize = 3;
/// While nothing changes, the totals are proven this often.
const PROOF_INTERVAL: Duration = Duration::from_secs(15);
/// Events of one page while names that changed during a reading are looked up.
const EVENTS: usize = 1_000;

/// Follows one chain.
#[derive(Debug)]
pub struct ChainSource<K> {
    client: Client,
    verifier: Verifier,
    contract: ContractId,
    keeping: K,
    follower: Option<Follower>,
    image: Image,
    /// Names touched at a height that is not over yet.
    open: Option<(Height, BTreeSet<DomainName>)>,
    /// A height that was over before the event that was read last.
    over: Option<(Height, BTreeSet<DomainName>)>,
    /// Height of the last change that was taken over.
    changed: Height,
    /// Height up to which all is taken over.
    reached: Height,
    proven: Instant,
}

impl<K: Keeping> ChainSource<K> {
    /// A source that trusts a genesis document and asks a client's nodes.
    ///
    /// # Errors
    /// [`ZoneFault::NotProven`] when the genesis document breaks a rule.
    pub fn new(client: Client, genesis: Genesis, keeping: K) -> Result<Self> {
        let not_proven = |reason: String| ZoneFault::NotProven { source_name: client.url().into(), reason };
        let verifier = Verifier::new(client.clone(), genesis).map_err(|e| not_proven(e.to_string()))?;
        let contract = ContractId::new(K::CONTRACT).map_err(|e| not_proven(e.to_string()))?;
        Ok(Self {
            client,
            verifier,
            contract,
            keeping,
            follower: None,
            image: Image::default(),
            open: None,
            over: None,
            changed: Height(0),
            reached: Height(0),
            proven: Instant::now(),
        })
    }

    fn key(&self, own: &[u8]) -> Vec<u8> {
        storage(&self.contract, own)
    }
    fn filter(&self) -> Filter {
        Filter { contract: Some(self.contract.clone()), ..Filter::default() }
    }

    fn fault(&self, error: ClientError) -> ZoneFault {
        let source_name = self.client.url().to_owned();
        match error {
            ClientError::Verify(error) => ZoneFault::NotProven { source_name, reason: error.to_string() },
            other => ZoneFault::Unreachable { source_name, reason: other.to_string() },
        }
    }

    /// Reads entries at a height with proofs; `None` when the nodes have forgotten that height.
    async fn read(&self, keys: &[Vec<u8>], height: Height) -> Result<Option<(VerifiedHeader, Vec<Option<Vec<u8>>>)>> {
        match self.verifier.verified_batch(keys, Some(height)).await {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.api().is_some_and(|e| e.code == althing_api::ErrorCode::HeightPruned) => Ok(None),
            Err(error) => Err(self.fault(error)),
        }
    }

    /// Reads what some names are at a height: one part for each name.
    async fn parts(
        &self,
        names: &BTreeSet<DomainName>,
        height: Height,
    ) -> Result<Option<(VerifiedHeader, BTreeMap<DomainName, Part>)>> {
        let own: Vec<(&DomainName, Vec<u8>)> =
            names.iter().flat_map(|name| self.keeping.keys_of(name).into_iter().map(move |key| (name, key))).collect();
        let keys: Vec<Vec<u8>> = own.iter().map(|(_, key)| self.key(key)).collect();
        let Some((header, values)) = self.read(&keys, height).await? else { return Ok(None) };
        let mut out: BTreeMap<DomainName, Part> = BTreeMap::new();
        for ((name, key), value) in own.into_iter().zip(values) {
            let whole = out.entry(name.clone()).or_default();
            if let Some(value) = value {
                whole.join(self.keeping.part(&key, name, &value)?);
            }
        }
        Ok(Some((header, out)))
    }

    /// Takes over what a block changed.
    async fn take(&mut self, height: Height, names: BTreeSet<DomainName>) -> Result<Step> {
        let pruned = |height: Height| Ok(Step::Lost(format!("the state of height {height} is pruned")));
        let Some((_, before)) = self.parts(&names, height.previous()).await? else {
            return pruned(height.previous());
        };
        let Some((header, mut after)) = self.parts(&names, height).await? else { return pruned(height) };
        let turned = self.image.replace(self.keeping.zone(), &before, &after);
        if !turned.is_empty() {
            let Some((_, more)) = self.parts(&turned, height).await? else { return pruned(height) };
            after.extend(more);
        }
        let counts_key = self.key(&self.keeping.counts_key());
        let Some((_, values)) = self.read(std::slice::from_ref(&counts_key), height).await? else {
            return pruned(height);
        };
        let (proven, changed) = self.keeping.totals(values.first().and_then(Option::as_deref))?;
        if let Err(fault) = self.image.complete(K::TOTALS, &proven) {
            return Ok(Step::Lost(fault.to_string()));
        }
        let mut owners = Owners::new();
        for (name, part) in after {
            owners.insert(owner(&name)?, self.parse(&self.image.records(&name, part))?);
        }
        self.changed = changed;
        self.reached = height;
        self.proven = Instant::now();
        Ok(Step::Changed(origin(&header), owners))
    }

    fn parse(&self, records: &[ChainRecord]) -> Result<Vec<Record>> {
        let text: String = records.iter().map(|record| format!("{record}\n")).collect();
        master::parse(&text, &Owner::root()).map_err(|reason| ZoneFault::Misread {
            zone: self.keeping.zone().to_string(),
            form: "text",
            reason,
        })
    }

    /// Everything up to a height was told.
    async fn reach(&mut self, height: Height) -> Result<Step> {
        self.reached = self.reached.max(height);
        if self.proven.elapsed() >= PROOF_INTERVAL {
            let key = self.key(&self.keeping.counts_key());
            if let Some((_, values)) = self.read(std::slice::from_ref(&key), height).await? {
                let (_, changed) = self.keeping.totals(values.first().and_then(Option::as_deref))?;
                if changed > self.changed {
                    return Ok(Step::Lost(format!("a change at height {changed} was not told")));
                }
                self.proven = Instant::now();
            }
        }
        Ok(Step::Reached(height.0))
    }

    /// Takes over an entry of the whole zone.
    fn put(&mut self, key: &[u8], name: &DomainName, value: &[u8], out: &mut Vec<Record>) -> Result<()> {
        let part = self.keeping.part(key, name, value)?;
        let records = self.image.put(name, part);
        out.extend(self.parse(&records)?);
        Ok(())
    }

    /// Reads the whole zone as it is at the tip's height. Keys are listed while the chain goes on; names that events
    /// touched meanwhile are read too, so that none is missed. `None` when the nodes forgot the height meanwhile.
    async fn attempt(&mut self) -> Result<Option<(VerifiedHeader, Vec<Record>)>> {
        let header = self.verifier.latest().await.map_err(|e| self.fault(e))?;
        let height = header.height();
        self.image = Image::default();
        let frame: Vec<Vec<u8>> = self.keeping.frame().iter().map(|key| self.key(key)).collect();
        if !frame.is_empty() {
            let Some((_, values)) = self.read(&frame, height).await? else { return Ok(None) };
            self.keeping.learn(&values)?;
        }
        let mut out = Vec::new();
        let apex = self.keeping.zone().clone();
        let prefixes = self.keeping.prefixes();
        let alone: Vec<Vec<u8>> = self
            .keeping
            .keys_of(&apex)
            .into_iter()
            .filter(|key| !prefixes.iter().any(|prefix| key.starts_with(prefix)))
            .collect();
        let keys: Vec<Vec<u8>> = alone.iter().map(|key| self.key(key)).collect();
        let Some((_, values)) = self.read(&keys, height).await? else { return Ok(None) };
        for (key, value) in alone.iter().zip(values) {
            if let Some(value) = value {
                self.put(key, &apex, &value, &mut out)?;
            }
        }
        for prefix in &prefixes {
            let mut seen = BTreeSet::new();
            let mut after: Option<Vec<u8>> = None;
            loop {
                let listed = self.client.keys(&self.key(prefix), after.as_deref(), MAX_SCAN).await;
                let page = listed.map_err(|e| self.fault(e))?;
                let keys: Vec<Vec<u8>> = page.entries.into_iter().map(|entry| entry.key.0).collect();
                if !self.put_all(&keys, height, &mut seen, &mut out).await? {
                    return Ok(None);
                }
                match page.next {
                    // A node that goes in circles would keep us for ever.
                    Some(next) if after.as_ref().is_none_or(|after| next.0 > *after) => after = Some(next.0),
                    _ => break,
                }
            }
            let Some(touched) = self.touched_since(height).await? else { return Ok(None) };
            let mut missed = Vec::new();
            for name in touched {
                missed.extend(
                    self.keeping.keys_of(&name).iter().filter(|key| key.starts_with(prefix)).map(|key| self.key(key)),
                );
            }
            if !self.put_all(&missed, height, &mut seen, &mut out).await? {
                return Ok(None);
            }
        }
        let key = self.key(&self.keeping.counts_key());
        let Some((_, values)) = self.read(std::slice::from_ref(&key), height).await? else { return Ok(None) };
        let (proven, changed) = self.keeping.totals(values.first().and_then(Option::as_deref))?;
        self.image.complete(K::TOTALS, &proven)?;
        self.changed = changed;
        Ok(Some((header, out)))
    }

    /// Reads entries that were not seen before; `false` when the nodes have forgotten the height.
    async fn put_all(
        &mut self,
        keys: &[Vec<u8>],
        height: Height,
        seen: &mut BTreeSet<u64>,
        out: &mut Vec<Record>,
    ) -> Result<bool> {
        let keys: Vec<Vec<u8>> = keys.iter().filter(|key| seen.insert(self.image.mark(key))).cloned().collect();
        if keys.is_empty() {
            return Ok(true);
        }
        let Some((_, values)) = self.read(&keys, height).await? else { return Ok(false) };
        let own = self.key(&[]).len();
        for (key, value) in keys.iter().zip(values) {
            let Some(value) = value else { continue };
            let own = key.get(own..).unwrap_or_default();
            let name = layout::name_of(own)
                .ok_or_else(|| ZoneFault::Entry { key: hex::encode(key), reason: "its key names no domain".into() })?;
            self.put(own, &name, &value, out)?;
        }
        Ok(true)
    }

    /// Names that events after a height are about; `None` when one is about everything.
    async fn touched_since(&self, height: Height) -> Result<Option<BTreeSet<DomainName>>> {
        let mut names = BTreeSet::new();
        let mut next = EventId { height: height.next(), index: 0 };
        loop {
            let page = self.client.events(next, &self.filter(), EVENTS).await.map_err(|e| self.fault(e))?;
            for document in page.events {
                match self.keeping.touched(&document.event) {
                    Some(Touched::Name(name)) => drop(names.insert(name)),
                    Some(Touched::Everything) => return Ok(None),
                    None => {}
                }
            }
            match althing_api::model::parse_cursor(&page.next) {
                Some(following) if following > next && following.height <= page.height => next = following,
                _ => return Ok(Some(names)),
            }
        }
    }
}

#[async_trait(?Send)]
impl<K: Keeping> ZoneSource for ChainSource<K> {
    fn name(&self) -> String {
        format!("{} at {}", self.verifier.genesis().chain, self.client.url())
    }

    async fn whole(&mut self) -> Result<Reading> {
        (self.open, self.over, self.follower) = (None, None, None);
        for _ in 0..ATTEMPTS {
            let Some((header, records)) = self.attempt().await? else { continue };
            self.reached = header.height();
            self.proven = Instant::now();
            let from = EventId { height: header.height().next(), index: 0 };
            self.follower = Some(Follower::new(self.client.clone(), from, self.filter()));
            return Ok(Reading { origin: origin(&header), records: records.into_iter().collect() });
        }
        Err(ZoneFault::Moving { attempts: ATTEMPTS })
    }

    async fn next(&mut self) -> Result<Step> {
        loop {
            if let Some((height, names)) = self.over.take() {
                return self.take(height, names).await;
            }
            let Some(follower) = &mut self.follower else { return Ok(Step::Lost("nothing was read yet".into())) };
            let followed = match follower.next().await {
                Ok(followed) => followed,
                Err(error) => return Err(self.fault(error)),
            };
            match followed {
                Followed::Event(document) => {
                    let height = document.id.height;
                    if self.open.as_ref().is_some_and(|(open, _)| *open < height) {
                        self.over = self.open.take();
                    }
                    match self.keeping.touched(&document.event) {
                        Some(Touched::Name(name)) => {
                            self.open.get_or_insert_with(|| (height, BTreeSet::new())).1.insert(name);
                        }
                        Some(Touched::Everything) => {
                            return Ok(Step::Lost(format!("{} changes all entries", document.event.name)));
                        }
                        None => {}
                    }
                }
                Followed::Height(height) => {
                    if self.open.as_ref().is_some_and(|(open, _)| *open <= height) {
                        self.over = self.open.take();
                        continue;
                    }
                    return self.reach(height).await;
                }
            }
        }
    }
}

fn origin(header: &VerifiedHeader) -> Origin {
    Origin { height: header.height().0, block: header.header().hash(), published_ms: 0 }
}

fn owner(name: &DomainName) -> Result<Owner> {
    Owner::parse(&format!("{}.", name.as_str())).map_err(|reason| ZoneFault::Entry { key: name.to_string(), reason })
}

/// Decodes a state value.
///
/// # Errors
/// [`ZoneFault::Entry`] when the bytes are not of this type.
pub fn typed<T: BorshDeserialize>(key: &[u8], value: &[u8]) -> Result<T> {
    codec::decode("state value", value, keyspace::MAX_CONTRACT_VALUE.saturating_mul(16))
        .map_err(|e| ZoneFault::Entry { key: hex::encode(key), reason: e.to_string() })
}
