//! The root chain as a source: delegations, hosts and apex of the contract `domain_records`, every entry proven.
//!
//! ```text
//!   events (as a node tells them) --> names that changed --> their entries at that height, with proofs
//!                                 --> the contract's totals at that height, with proof: nothing was left out
//! ```
//! A node that invents an event makes us read an entry in vain. A node that hides one is found out by the totals, which
//! count what there is and name the height of the last change; then the whole zone is read again.

use super::{Reading, Step, ZoneSource};
use crate::{
    error::{Result, ZoneFault},
    master,
    record::Owner,
    version::{Origin, Owners},
};
use althing_client::{Client, ClientError, Filter, Followed, Follower, VerifiedHeader, Verifier};
use althing_interface::{
    domain_records::{self, Apex, Counts, Delegation, Host},
    layout,
    zone::{Record as ChainRecord, Zone},
};
use althing_types::{
    codec,
    event::{Event, EventId},
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

/// Readings of the whole zone before giving up because it changes all the time.
const ATTEMPTS: usize = 20;
/// While nothing changes, the totals are proven this often.
const PROOF_INTERVAL: Duration = Duration::from_secs(15);

/// What one name holds, to be compared with the totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Share {
    /// NS and DS records; for the root its NS records.
    delegation: u32,
    /// A and AAAA records.
    host: u32,
}

/// Follows the root chain.
#[derive(Debug)]
pub struct RootChain {
    client: Client,
    verifier: Verifier,
    contract: ContractId,
    follower: Option<Follower>,
    shares: BTreeMap<DomainName, Share>,
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

impl RootChain {
    /// A source that trusts a genesis document and asks a client's nodes.
    ///
    /// # Errors
    /// [`ZoneFault::NotProven`] when the genesis document breaks a rule.
    pub fn new(client: Client, genesis: Genesis) -> Result<Self> {
        let not_proven = |reason: String| ZoneFault::NotProven { source_name: client.url().into(), reason };
        let verifier = Verifier::new(client.clone(), genesis).map_err(|e| not_proven(e.to_string()))?;
        let contract = ContractId::new(domain_records::ID).map_err(|e| not_proven(e.to_string()))?;
        Ok(Self {
            client,
            verifier,
            contract,
            follower: None,
            shares: BTreeMap::new(),
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

    fn fault(&self, error: ClientError) -> ZoneFault {
        let source_name = self.client.url().to_owned();
        match error {
            ClientError::Verify(error) => ZoneFault::NotProven { source_name, reason: error.to_string() },
            other => ZoneFault::Unreachable { source_name, reason: other.to_string() },
        }
    }

    async fn scan<T: BorshDeserialize>(&self, prefix: &[u8]) -> Result<(VerifiedHeader, BTreeMap<DomainName, T>)> {
        let scan = self.verifier.verified_scan(&self.key(prefix)).await.map_err(|e| self.fault(e))?;
        let own = self.key(&[]).len();
        let mut out = BTreeMap::new();
        for (key, value) in &scan.entries {
            let name = key
                .get(own..)
                .and_then(layout::name_of)
                .ok_or_else(|| ZoneFault::Entry { key: hex::encode(key), reason: "its key names no domain".into() })?;
            if let Some(value) = typed(key, Some(value))? {
                out.insert(name, value);
            }
        }
        Ok((scan.header, out))
    }

    /// Reads entries at a height with proofs; `None` when the nodes have forgotten that height.
    async fn read(
        &self,
        keys: &[Vec<u8>],
        height: Option<Height>,
    ) -> Result<Option<(VerifiedHeader, Vec<Option<Vec<u8>>>)>> {
        match self.verifier.verified_batch(keys, height).await {
            Ok(read) => Ok(Some(read)),
            Err(error) if error.api().is_some_and(|e| e.code == althing_api::ErrorCode::HeightPruned) => Ok(None),
            Err(error) => Err(self.fault(error)),
        }
    }

    /// Takes over what a block changed.
    async fn take(&mut self, height: Height, names: BTreeSet<DomainName>) -> Result<Step> {
        let mut keys = vec![self.key(&layout::counts_key())];
        for name in &names {
            keys.push(match name.is_root() {
                true => self.key(&layout::apex_key()),
                false => self.key(&layout::delegation_key(name)),
            });
            keys.push(self.key(&layout::host_key(name)));
        }
        let Some((header, values)) = self.read(&keys, Some(height)).await? else {
            return Ok(Step::Lost(format!("height {height} is pruned")));
        };
        let mut entries = keys.iter().zip(&values).map(|(key, value)| (key.as_slice(), value.as_deref()));
        let mut next = || entries.next().unwrap_or_default();
        let (key, value) = next();
        let counts: Counts = typed(key, value)?.unwrap_or_default();
        let mut owners = Owners::new();
        for name in names {
            let (first_key, first) = next();
            let (host_key, host) = next();
            let mut zone = Zone::default();
            match name.is_root() {
                true => zone.apex = typed::<Apex>(first_key, first)?,
                false => {
                    zone.delegations.extend(typed::<Delegation>(first_key, first)?.map(|d| (name.clone(), d)));
                }
            }
            zone.hosts.extend(typed::<Host>(host_key, host)?.map(|h| (name.clone(), h)));
            self.shares.insert(name.clone(), share(&zone, &name));
            owners.insert(owner(&name)?, records(&zone)?.into_values().flatten().collect());
        }
        self.shares.retain(|_, share| *share != Share::default());
        if let Err(fault) = self.complete(&counts) {
            return Ok(Step::Lost(fault.to_string()));
        }
        self.changed = counts.changed;
        self.reached = height;
        self.proven = Instant::now();
        Ok(Step::Changed(origin(&header), owners))
    }

    /// Whether what is known is as much as the proven totals say.
    fn complete(&self, counts: &Counts) -> Result<()> {
        let root = DomainName::root();
        let tlds = self.shares.iter().filter(|(name, share)| share.delegation > 0 && **name != root).count();
        let hosts = self.shares.values().filter(|share| share.host > 0).count();
        let records: u64 = self.shares.values().map(|s| u64::from(s.delegation).saturating_add(s.host.into())).sum();
        let pairs = [
            ("delegations", tlds as u64, counts.delegations),
            ("hosts", hosts as u64, counts.hosts),
            ("records", records, counts.records),
        ];
        for (what, found, proven) in pairs {
            if found != u64::from(proven) {
                return Err(ZoneFault::Incomplete { what, found, proven: proven.into() });
            }
        }
        Ok(())
    }

    /// Everything up to a height was told.
    async fn reach(&mut self, height: Height) -> Result<Step> {
        self.reached = self.reached.max(height);
        if self.proven.elapsed() >= PROOF_INTERVAL {
            let key = self.key(&layout::counts_key());
            if let Some((_, values)) = self.read(std::slice::from_ref(&key), Some(height)).await? {
                let counts: Counts = typed(&key, values.first().and_then(Option::as_deref))?.unwrap_or_default();
                if counts.changed > self.changed {
                    let reason = format!("a change at height {} was not told", counts.changed);
                    return Ok(Step::Lost(reason));
                }
                self.proven = Instant::now();
            }
        }
        Ok(Step::Reached(height.0))
    }
}

#[async_trait(?Send)]
impl ZoneSource for RootChain {
    fn name(&self) -> String {
        format!("{} at {}", self.verifier.genesis().chain, self.client.url())
    }

    async fn whole(&mut self) -> Result<Reading> {
        (self.open, self.over, self.follower) = (None, None, None);
        for _ in 0..ATTEMPTS {
            let (first, delegations) = self.scan::<Delegation>(&layout::delegations_prefix()).await?;
            let (second, hosts) = self.scan::<Host>(&layout::hosts_prefix()).await?;
            let keys = [self.key(&layout::apex_key()), self.key(&layout::counts_key())];
            let Some((header, values)) = self.read(&keys, None).await? else { continue };
            let [apex_key, counts_key] = &keys;
            let mut values = values.iter().map(Option::as_deref);
            let apex: Option<Apex> = typed(apex_key, values.next().flatten())?;
            let counts: Counts = typed(counts_key, values.next().flatten())?.unwrap_or_default();
            // Reads at several heights, all at or above the last change and below the totals', saw one state.
            let (oldest, newest) = (first.height().min(second.height()), first.height().max(second.height()));
            if counts.changed > oldest || header.height() < newest {
                continue;
            }
            let (zone, root) = (Zone { apex, delegations, hosts }, DomainName::root());
            let names = zone.delegations.keys().chain(zone.hosts.keys()).chain([&root]);
            self.shares = names.map(|name| (name.clone(), share(&zone, name))).collect();
            self.shares.retain(|_, share| *share != Share::default());
            self.complete(&counts)?;
            self.changed = counts.changed;
            self.reached = header.height();
            self.proven = Instant::now();
            let from = EventId { height: header.height().next(), index: 0 };
            let filter = Filter { contract: Some(self.contract.clone()), ..Filter::default() };
            self.follower = Some(Follower::new(self.client.clone(), from, filter));
            let records = records(&zone)?.into_values().flatten().collect();
            return Ok(Reading { origin: origin(&header), records });
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
                    if let Some(name) = touched(&document.event) {
                        self.open.get_or_insert_with(|| (height, BTreeSet::new())).1.insert(name);
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

/// The name that an event is about: the first field of its data.
fn touched(event: &Event) -> Option<DomainName> {
    match event.name.as_str() {
        "DelegationSet" | "DelegationDeleted" | "HostSet" | "HostDeleted" => {
            DomainName::deserialize(&mut event.data.as_slice()).ok()
        }
        "ApexSet" => Some(DomainName::root()),
        _ => None,
    }
}

fn origin(header: &VerifiedHeader) -> Origin {
    Origin { height: header.height().0, block: header.header().hash(), published_ms: 0 }
}

fn share(zone: &Zone, name: &DomainName) -> Share {
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let delegation = match name.is_root() {
        true => zone.apex.as_ref().map_or(0, |a| a.ns.len()),
        false => zone.delegations.get(name).map_or(0, |d| d.ns.len().saturating_add(d.ds.len())),
    };
    let host = zone.hosts.get(name).map_or(0, |h| h.v4.len().saturating_add(h.v6.len()));
    Share { delegation: count(delegation), host: count(host) }
}

fn owner(name: &DomainName) -> Result<Owner> {
    Owner::parse(&format!("{}.", name.as_str())).map_err(|reason| ZoneFault::Entry { key: name.to_string(), reason })
}

/// The records of a zone by owner.
fn records(zone: &Zone) -> Result<Owners> {
    let text: String = zone.records().iter().map(|record: &ChainRecord| format!("{record}\n")).collect();
    let parsed = master::parse(&text, &Owner::root()).map_err(|reason| ZoneFault::Misread {
        zone: ".".into(),
        form: "text",
        reason,
    })?;
    let mut out = Owners::new();
    for record in parsed {
        out.entry(record.key.owner()).or_default().push(record);
    }
    Ok(out)
}

fn typed<T: BorshDeserialize>(key: &[u8], value: Option<&[u8]>) -> Result<Option<T>> {
    value
        .map(|v| codec::decode("state value", v, keyspace::MAX_CONTRACT_VALUE.saturating_mul(16)))
        .transpose()
        .map_err(|e| ZoneFault::Entry { key: hex::encode(key), reason: e.to_string() })
}
