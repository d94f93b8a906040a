//! A chain's contract `bootstrap` as a value, every entry proven and nothing left out.
//!
//! ```text
//!   whole: all entries and the totals, each with proof, of one state
//!   then:  events --> ids that changed --> their entries and the totals at that height, with proofs
//! ```
//! A node that hides a change is found out by the totals, which count the changes and what there is; then all is read
//! again. How far a view is behind is known from the height up to which events were told.

use crate::{
    error::{RdapFault, Result},
    kept::Kept,
};
use althing_client::{Client, ClientError, Filter, Followed, Follower, VerifiedHeader, Verifier};
use althing_interface::{
    bootstrap::{self, Accreditation, Counts, Entry, Registrar},
    layout,
};
use althing_types::{
    codec,
    event::{Event, EventId},
    genesis::Genesis,
    hash::Hash,
    id::{ContractId, Height},
    keyspace::{self, storage},
    name::DomainName,
};
use borsh::BorshDeserialize;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

/// Readings of everything before giving up because it changes all the time.
const ATTEMPTS: usize = 20;
/// While nothing changes, the totals are proven this often.
const PROOF_INTERVAL: Duration = Duration::from_secs(15);
/// Pause after a failure; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Where a proof can be had: the entry's key is asked for at this height and checked under this state root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct ProofReference {
    /// The chain.
    pub chain: String,
    /// The height.
    pub height: u64,
    /// Hash of the block, hexadecimal.
    pub block: String,
    /// Its state root, hexadecimal.
    pub state_root: String,
}

/// A value with where its proof is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven<T> {
    /// The value.
    pub value: T,
    /// Its key in the chain's state.
    pub key: Vec<u8>,
    /// Under which header it was proven last.
    pub proof: Arc<ProofReference>,
}

/// What a chain says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChainView {
    /// Entries of TLDs.
    pub entries: BTreeMap<DomainName, Proven<Entry>>,
    /// Entries of registrars.
    pub registrars: BTreeMap<u32, Proven<Registrar>>,
    /// The accreditation list.
    pub accreditations: BTreeMap<u32, Proven<Accreditation>>,
    /// The totals.
    pub counts: Counts,
    /// Height up to which all is taken over.
    pub reached: u64,
}

impl ChainView {
    /// Block time of the last change of an entry, in milliseconds since 1970.
    pub fn changed_ms(&self) -> i64 {
        let entries = self.entries.values().map(|entry| entry.value.changed_ms);
        let last = entries.chain(self.registrars.values().map(|entry| entry.value.changed_ms)).max();
        last.and_then(|ms| i64::try_from(ms).ok()).unwrap_or(0)
    }

    /// Whether this is as much as the proven totals say.
    fn complete(&self, chain: &str) -> Result<()> {
        let pairs = [
            ("entries", self.entries.len(), self.counts.entries),
            ("registrars", self.registrars.len(), self.counts.registrars),
            ("accreditations", self.accreditations.len(), self.counts.accreditations),
        ];
        for (what, found, proven) in pairs {
            if found as u64 != u64::from(proven) {
                let (chain, found) = (chain.to_owned(), found as u64);
                return Err(RdapFault::Incomplete { chain, what, found, proven: proven.into() });
            }
        }
        Ok(())
    }
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Touched {
    Entry(DomainName),
    Registrar(u32),
    Accreditation(u32),
}

/// What is known of a chain at a moment.
#[derive(Clone, Debug, Default)]
pub struct ChainState {
    /// The last good view; `None` before the first.
    pub view: Option<Arc<ChainView>>,
    /// Why it is not renewed at the moment.
    pub fault: Option<String>,
}

/// Follows a chain.
#[derive(Debug)]
pub struct ChainFollower {
    name: String,
    client: Client,
    verifier: Verifier,
    contract: ContractId,
    genesis: Hash,
    kept: Option<Kept>,
}

impl ChainFollower {
    /// A follower that trusts a genesis document and asks a client's nodes.
    ///
    /// # Errors
    /// [`RdapFault::NotProven`] when the genesis document breaks a rule.
    pub fn new(client: Client, genesis: Genesis) -> Result<Self> {
        let (name, hash) = (genesis.chain.to_string(), genesis.hash());
        let not_proven = |reason: String| RdapFault::NotProven { chain: name.clone(), reason };
        let verifier = Verifier::new(client.clone(), genesis).map_err(|error| not_proven(error.to_string()))?;
        let contract = ContractId::new(bootstrap::ID).map_err(|error| not_proven(error.to_string()))?;
        Ok(Self { name, client, verifier, contract, genesis: hash, kept: None })
    }

    /// Keeps what is proven in a state folder, and begins with what is there.
    #[must_use]
    pub fn keeping(mut self, state: &Path) -> Self {
        self.kept = Some(Kept::new(state, &self.name, self.genesis, &self.contract));
        self
    }

    /// What is known before anybody is asked.
    pub fn begin(&self) -> ChainState {
        let Some(view) = self.kept.as_ref().and_then(Kept::get) else { return ChainState::default() };
        let fault =
            format!("{}: not heard of since the start; what was proven up to height {}", self.name, view.reached);
        ChainState { view: Some(Arc::new(view)), fault: Some(fault) }
    }

    /// The chain's id.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Follows until nobody listens any more.
    pub async fn run(self, states: watch::Sender<ChainState>) {
        let mut pause = FIRST_PAUSE;
        while !states.is_closed() {
            if let Err(fault) = self.follow(&states, &mut pause).await {
                tracing::warn!(chain = self.name, %fault, "the chain is read again");
                states.send_modify(|state| state.fault = Some(fault.to_string()));
                // Another node may tell the truth.
                self.client.rotate();
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    /// Reads all, then takes over change after change; ends with a fault, or when all must be read again.
    async fn follow(&self, states: &watch::Sender<ChainState>, pause: &mut Duration) -> Result<()> {
        let mut view = self.whole().await?;
        if let Some(last) = &states.borrow().view {
            self.later(&view, last)?;
        }
        let publish = |view: &ChainView| {
            states.send_modify(|state| {
                if state.view.as_deref() != Some(view) {
                    state.view = Some(Arc::new(view.clone()));
                }
                state.fault = None;
            });
        };
        self.keep(&view);
        publish(&view);
        *pause = FIRST_PAUSE;
        let from = EventId { height: Height(view.reached).next(), index: 0 };
        let filter = Filter { contract: Some(self.contract.clone()), ..Filter::default() };
        let mut follower = Follower::new(self.client.clone(), from, filter);
        let (mut touched, mut told, mut proven) = (BTreeSet::new(), 0u64, Instant::now());
        while !states.is_closed() {
            let followed = match timeout(PROOF_INTERVAL, follower.next()).await {
                Ok(followed) => followed.map_err(|error| self.fault(error))?,
                // The follower tries again longer than this wait: whether anybody answers at all is to be asked here.
                Err(_) => {
                    self.nothing_hidden(&view, Height(view.reached)).await?;
                    proven = Instant::now();
                    continue;
                }
            };
            match followed {
                Followed::Event(document) => {
                    if let Some(one) = touch(&document.event) {
                        touched.insert(one);
                        told = told.saturating_add(1);
                    }
                }
                Followed::Height(height) => {
                    if !touched.is_empty() {
                        let due = view.counts.changes.saturating_add(std::mem::take(&mut told));
                        self.take(&mut view, height, std::mem::take(&mut touched)).await?;
                        if view.counts.changes != due {
                            return Err(self.hidden(view.counts.changes, due));
                        }
                        proven = Instant::now();
                        self.keep(&view);
                        publish(&view);
                    } else if proven.elapsed() >= PROOF_INTERVAL {
                        self.nothing_hidden(&view, height).await?;
                        proven = Instant::now();
                    }
                    view.reached = view.reached.max(height.0);
                }
            }
        }
        Ok(())
    }

    /// Keeps a view that has just changed, at once: whatever stops this node may do so at any time.
    fn keep(&self, view: &ChainView) {
        if let Some(Err(fault)) = self.kept.as_ref().map(|kept| kept.put(view)) {
            tracing::warn!(%fault, "what was proven cannot be kept");
        }
    }

    /// Checks that a view is not of an earlier state than the last one: that is proven as well, and no longer true.
    fn later(&self, view: &ChainView, last: &ChainView) -> Result<()> {
        let (found, before) = (view.counts.changes, last.counts.changes);
        if found >= before {
            return Ok(());
        }
        let reason = format!("an older state: it has {found} changes, {before} were proven before");
        Err(RdapFault::NotProven { chain: self.name.clone(), reason })
    }

    fn key(&self, own: &[u8]) -> Vec<u8> {
        storage(&self.contract, own)
    }

    fn fault(&self, error: ClientError) -> RdapFault {
        let chain = self.name.clone();
        match error {
            ClientError::Verify(error) => RdapFault::NotProven { chain, reason: error.to_string() },
            other => RdapFault::Unreachable { chain, reason: other.to_string() },
        }
    }

    fn reference(&self, header: &VerifiedHeader) -> Arc<ProofReference> {
        Arc::new(ProofReference {
            chain: self.name.clone(),
            height: header.height().0,
            block: header.header().hash().to_string(),
            state_root: header.header().state_root.to_string(),
        })
    }

    fn typed<T: BorshDeserialize>(&self, key: &[u8], value: &[u8]) -> Result<T> {
        codec::decode("state value", value, keyspace::MAX_CONTRACT_VALUE.saturating_mul(16)).map_err(|error| {
            RdapFault::Entry { chain: self.name.clone(), key: hex::encode(key), reason: error.to_string() }
        })
    }

    async fn scan<K: Ord, T: BorshDeserialize>(
        &self,
        prefix: &[u8],
        name_of: fn(&[u8]) -> Option<K>,
    ) -> Result<(Height, BTreeMap<K, Proven<T>>)> {
        let scan = self.verifier.verified_scan(&self.key(prefix)).await.map_err(|error| self.fault(error))?;
        let (own, proof) = (self.key(&[]).len(), self.reference(&scan.header));
        let mut out = BTreeMap::new();
        for (key, value) in scan.entries {
            let name = key.get(own..).and_then(name_of).ok_or_else(|| RdapFault::Entry {
                chain: self.name.clone(),
                key: hex::encode(&key),
                reason: "its key names nothing".into(),
            })?;
            let value = self.typed(&key, &value)?;
            out.insert(name, Proven { value, key, proof: Arc::clone(&proof) });
        }
        Ok((scan.header.height(), out))
    }

    async fn whole(&self) -> Result<ChainView> {
        for _ in 0..ATTEMPTS {
            let (first, entries) = self.scan(&layout::bootstrap_entries_prefix(), layout::name_of).await?;
            let (second, registrars) = self.scan(&layout::registrars_prefix(), layout::registrar_of).await?;
            let (third, accreditations) = self.scan(&layout::accreditations_prefix(), layout::registrar_of).await?;
            let key = self.key(&layout::bootstrap_counts_key());
            let read = self.verifier.verified_batch(std::slice::from_ref(&key), None).await;
            let (header, values) = read.map_err(|error| self.fault(error))?;
            let counts: Counts = match values.first().and_then(Option::as_deref) {
                Some(value) => self.typed(&key, value)?,
                None => Counts::default(),
            };
            // Reads at several heights, all at or above the last change and below the totals', saw one state.
            let (oldest, newest) = (first.min(second).min(third), first.max(second).max(third));
            if counts.changed > oldest || header.height() < newest {
                continue;
            }
            let view = ChainView { entries, registrars, accreditations, counts, reached: header.height().0 };
            view.complete(&self.name)?;
            return Ok(view);
        }
        Err(RdapFault::Moving { chain: self.name.clone(), attempts: ATTEMPTS })
    }

    /// Takes over what was changed up to a height.
    async fn take(&self, view: &mut ChainView, height: Height, touched: BTreeSet<Touched>) -> Result<()> {
        let own = |touched: &Touched| match touched {
            Touched::Entry(tld) => layout::bootstrap_entry_key(tld),
            Touched::Registrar(id) => layout::registrar_key(*id),
            Touched::Accreditation(id) => layout::accreditation_key(*id),
        };
        let mut keys = vec![self.key(&layout::bootstrap_counts_key())];
        keys.extend(touched.iter().map(|one| self.key(&own(one))));
        let read = self.verifier.verified_batch(&keys, Some(height)).await;
        let (header, values) = read.map_err(|error| self.fault(error))?;
        let proof = self.reference(&header);
        let mut read = keys.into_iter().zip(values);
        if let Some((key, Some(value))) = read.next() {
            view.counts = self.typed(&key, &value)?;
        }
        for (one, (key, value)) in touched.into_iter().zip(read) {
            match one {
                Touched::Entry(tld) => self.put(&mut view.entries, tld, key, value, &proof)?,
                Touched::Registrar(id) => self.put(&mut view.registrars, id, key, value, &proof)?,
                Touched::Accreditation(id) => self.put(&mut view.accreditations, id, key, value, &proof)?,
            }
        }
        view.complete(&self.name)
    }

    fn put<K: Ord, T: BorshDeserialize>(
        &self,
        map: &mut BTreeMap<K, Proven<T>>,
        name: K,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
        proof: &Arc<ProofReference>,
    ) -> Result<()> {
        match value {
            Some(bytes) => {
                let value = self.typed(&key, &bytes)?;
                map.insert(name, Proven { value, key, proof: Arc::clone(proof) });
            }
            None => {
                map.remove(&name);
            }
        }
        Ok(())
    }

    /// Checks that no change was kept from us.
    async fn nothing_hidden(&self, view: &ChainView, height: Height) -> Result<()> {
        let key = self.key(&layout::bootstrap_counts_key());
        let read = self.verifier.verified_batch(std::slice::from_ref(&key), Some(height)).await;
        let (_, values) = read.map_err(|error| self.fault(error))?;
        let counts: Counts = match values.first().and_then(Option::as_deref) {
            Some(value) => self.typed(&key, value)?,
            None => Counts::default(),
        };
        if counts.changes != view.counts.changes {
            return Err(self.hidden(counts.changes, view.counts.changes));
        }
        Ok(())
    }

    fn hidden(&self, proven: u64, told: u64) -> RdapFault {
        let reason = format!("{proven} changes are proven, {told} were told");
        RdapFault::NotProven { chain: self.name.clone(), reason }
    }
}

/// What an event is about: the first field of its data.
fn touch(event: &Event) -> Option<Touched> {
    let mut data = event.data.as_slice();
    match event.name.as_str() {
        "EntrySet" | "EntryDeleted" => DomainName::deserialize(&mut data).ok().map(Touched::Entry),
        "RegistrarSet" | "RegistrarDeleted" => u32::deserialize(&mut data).ok().map(Touched::Registrar),
        "AccreditationChanged" => u32::deserialize(&mut data).ok().map(Touched::Accreditation),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_interface::bootstrap::{AccreditationChanged, ClaimChanged, EntryDeleted, RegistrarSet};
    use althing_types::{
        codec::{Bytes, Text},
        id::OrganisationId,
        wire::Event as Told,
    };

    fn told<E: Told>(event: &E) -> Event {
        Event {
            contract: ContractId::new(bootstrap::ID).unwrap(),
            name: Text::new(E::SCHEMA.name).unwrap(),
            topic: Bytes::new(event.topic()).unwrap(),
            data: Bytes::new(event.data()).unwrap(),
        }
    }

    #[test]
    fn each_counted_change_names_what_to_read_again() {
        let by = || OrganisationId::new("registry-1").unwrap();
        let tld = DomainName::parse("lab").unwrap();
        let deleted = told(&EntryDeleted { tld: tld.clone(), by: by(), revision: 7 });
        assert_eq!(touch(&deleted), Some(Touched::Entry(tld)));
        assert_eq!(touch(&told(&RegistrarSet { id: 7, by: by(), revision: 1 })), Some(Touched::Registrar(7)));
        assert_eq!(touch(&told(&AccreditationChanged { id: 9, status: None })), Some(Touched::Accreditation(9)));
        // Claims are no part of what is followed, and no part of the count.
        assert_eq!(touch(&told(&ClaimChanged { id: 7, organisation: by(), status: None })), None);
    }

    #[test]
    fn a_view_with_less_than_the_proven_total_is_refused() {
        let mut view = ChainView::default();
        assert!(view.complete("root").is_ok());
        view.counts.registrars = 1;
        assert!(view.complete("root").unwrap_err().to_string().starts_with("R303 root: 0 registrars"));
    }
}
