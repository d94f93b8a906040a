//! The chain of a TLD as its registry: entries of contract `registrations`, read with proofs when somebody asks.
//!
//! ```text
//!   question --> channel --> the chain's thread: header certified, entries or their absence proven --> answer
//! ```
//! Nothing is kept from one question to the next but verified headers; a node of the chain that goes back behind a height
//! that was proven is not believed. What the entries mean for RDAP is [`crate::registration`]'s to say.

use crate::{
    chain::ProofReference,
    error::{RdapFault, Result},
};
use althing_client::{Client, ClientError, VerifiedHeader, Verifier};
use althing_interface::{
    layout::{self, registrations as keys},
    registrations::{self, Apex, Charter, Domain, Host},
};
use althing_types::{
    codec,
    genesis::Genesis,
    id::{ContractId, Height, OrganisationId},
    keyspace::{self, storage},
    name::DomainName,
    order::Key as _,
};
use borsh::BorshDeserialize;
use std::{
    cell::Cell,
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::{LocalSet, spawn_local},
    time::timeout,
};

/// Questions that wait for a chain's thread.
const QUEUE: usize = 256;

/// Most keys that are looked at for one search.
const LOOKED_AT: usize = 500;

/// Where entries were read: under one verified header.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where a proof can be had.
    pub proof: Arc<ProofReference>,
    /// The header's time, in milliseconds since 1970.
    pub time_ms: u64,
    height: Height,
}

/// What the chain's thread is asked.
#[derive(Debug)]
enum Wanted {
    /// Entries with proofs, at a height or at the tip.
    Entries(Vec<Vec<u8>>, Option<Height>),
    /// Keys under a prefix, at most [`LOOKED_AT`].
    Keys(Vec<u8>),
}

/// What it answers.
#[derive(Debug)]
enum Found {
    Entries(Place, Vec<Option<Vec<u8>>>),
    Keys(Vec<Vec<u8>>),
}

type Asked = (Wanted, oneshot::Sender<Result<Found>>);

/// The chain of a TLD. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TldChain {
    /// The TLD.
    pub tld: DomainName,
    /// The chain's id.
    pub name: String,
    /// IANA ids of the organisations that are registrars there.
    pub registrars: Arc<BTreeMap<OrganisationId, u32>>,
    contract: ContractId,
    deadline: Duration,
    questions: mpsc::Sender<Asked>,
    /// Why the last question had no answer.
    fault: Arc<Mutex<Option<String>>>,
}

/// A domain as the chain has it.
#[derive(Clone, Debug)]
pub struct FoundDomain {
    /// Its name.
    pub name: DomainName,
    /// Its entry.
    pub domain: Domain,
    /// Addresses of its name servers within the TLD.
    pub hosts: BTreeMap<DomainName, Host>,
}

/// Something that was read, with where.
#[derive(Clone, Debug)]
pub struct Read<T> {
    /// What; `None`: proven to be absent.
    pub value: Option<T>,
    /// Under which header.
    pub place: Place,
    /// Key of the entry in the chain's state.
    pub key: Vec<u8>,
}

/// Results of a search. Each is proven; that a node left none out is not.
#[derive(Clone, Debug)]
pub struct Listing<T> {
    /// What was found, ordered by name.
    pub found: Vec<Read<T>>,
    /// Whether there may be more.
    pub more: More,
}

/// Whether there may be more than what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum More {
    /// There may.
    Perhaps,
    /// That is all that the node told of.
    No,
}

/// The names of keys that are wanted.
fn select(keys: Vec<Vec<u8>>, name: impl Fn(&[u8]) -> Option<DomainName>, most: usize) -> (Vec<DomainName>, More) {
    let full = keys.len() >= LOOKED_AT;
    let mut names = keys.iter().filter_map(|key| name(key));
    let out = names.by_ref().take(most).collect();
    let more = if full || names.next().is_some() { More::Perhaps } else { More::No };
    (out, more)
}

impl TldChain {
    /// Starts the chain's thread. It ends when the last clone is gone.
    ///
    /// # Errors
    /// [`RdapFault::NotProven`] when the genesis document breaks a rule, [`RdapFault::File`] without a thread.
    pub fn start(
        tld: DomainName,
        client: Client,
        genesis: Genesis,
        registrars: BTreeMap<OrganisationId, u32>,
        deadline: Duration,
    ) -> Result<Self> {
        let name = genesis.chain.to_string();
        let not_proven = |reason: String| RdapFault::NotProven { chain: name.clone(), reason };
        let verifier = Verifier::new(client, genesis).map_err(|error| not_proven(error.to_string()))?;
        let contract = ContractId::new(registrations::ID).map_err(|error| not_proven(error.to_string()))?;
        let fault = |error| RdapFault::file("start a thread for", name.clone(), error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(fault)?;
        let (questions, asked) = mpsc::channel(QUEUE);
        let chain = name.clone();
        // What a verifier awaits is bound to one thread.
        let thread = std::thread::Builder::new().name(format!("tld-{}", tld.as_str()).chars().take(15).collect());
        thread
            .spawn(move || {
                let reader = Reader { name: chain, verifier, highest: Rc::default() };
                LocalSet::new().block_on(&runtime, reader.run(asked));
            })
            .map_err(fault)?;
        Ok(Self { tld, name, registrars: Arc::new(registrars), contract, deadline, questions, fault: Arc::default() })
    }

    /// A name one label below the TLD, with the addresses of its name servers.
    ///
    /// # Errors
    /// [`RdapFault`] when nothing is proven.
    pub async fn domain(&self, name: &DomainName) -> Result<Read<FoundDomain>> {
        let key = self.key(&keys::domain_key(name));
        let (place, values) = self.entries(vec![key.clone()], None).await?;
        let Some(domain) = self.value::<Domain>(&key, values.into_iter().next().flatten())? else {
            return Ok(Read { value: None, place, key });
        };
        let hosts = self.hosts(&domain.ns.iter().cloned().collect::<Vec<_>>(), place.height).await?;
        Ok(Read { value: Some(FoundDomain { name: name.clone(), domain, hosts }), place, key })
    }

    /// The addresses of a host within the TLD; those of the apex count before those of a subordinate host.
    ///
    /// # Errors
    /// As [`Self::domain`].
    pub async fn host(&self, name: &DomainName) -> Result<Read<Host>> {
        let (host, apex) = (self.key(&keys::host_key(name)), self.key(&keys::apex_key()));
        let (place, values) = self.entries(vec![host.clone(), apex.clone()], None).await?;
        let mut values = values.into_iter();
        let (own, of_apex) = (values.next().flatten(), values.next().flatten());
        if let Some(found) = self.value::<Apex>(&apex, of_apex)?.as_ref().and_then(|apex| apex_host(apex, name)) {
            return Ok(Read { value: Some(found), place, key: apex });
        }
        Ok(Read { value: self.value(&host, own)?, place, key: host })
    }

    /// The TLD's own delegation.
    ///
    /// # Errors
    /// As [`Self::domain`].
    pub async fn apex(&self) -> Result<Read<Apex>> {
        let key = self.key(&keys::apex_key());
        let (place, values) = self.entries(vec![key.clone()], None).await?;
        Ok(Read { value: self.value(&key, values.into_iter().next().flatten())?, place, key })
    }

    /// Domains that are wanted, of those whose names begin in this way; at most so many.
    ///
    /// # Errors
    /// As [`Self::domain`].
    pub async fn domains(
        &self,
        begin: &NameBegin,
        wanted: impl Fn(&DomainName) -> bool,
        most: usize,
    ) -> Result<Listing<FoundDomain>> {
        let listed = self.keys(self.begun(keys::DOMAINS, begin)).await?;
        self.each(select(listed, |key| self.name_of(key).filter(|name| wanted(name)), most)).await
    }

    /// Domains that name a host within the TLD; at most so many.
    ///
    /// # Errors
    /// As [`Self::domain`].
    pub async fn users(&self, host: &DomainName, most: usize) -> Result<Listing<FoundDomain>> {
        let mut own = vec![keys::USERS];
        host.encode_key(&mut own);
        let prefix = self.key(&own);
        let listed = self.keys(prefix.clone()).await?;
        let name = |key: &[u8]| {
            let mut rest = key.get(prefix.len()..)?;
            DomainName::decode_key(&mut rest).filter(|_| rest.is_empty())
        };
        self.each(select(listed, name, most)).await
    }

    /// Hosts that are wanted, of those whose names begin in this way; at most so many.
    ///
    /// # Errors
    /// As [`Self::domain`].
    pub async fn subordinate(
        &self,
        begin: &NameBegin,
        wanted: impl Fn(&DomainName) -> bool,
        most: usize,
    ) -> Result<Listing<(DomainName, Host)>> {
        let listed = self.keys(self.begun(keys::HOSTS, begin)).await?;
        let (names, more) = select(listed, |key| self.name_of(key).filter(|name| wanted(name)), most);
        let wanted: Vec<_> = names.iter().map(|name| self.key(&keys::host_key(name))).collect();
        let (place, values) = self.entries(wanted.clone(), None).await?;
        let mut found = Vec::new();
        for (name, (key, bytes)) in names.into_iter().zip(wanted.into_iter().zip(values)) {
            if let Some(host) = self.value::<Host>(&key, bytes)? {
                found.push(Read { value: Some((name, host)), place: place.clone(), key });
            }
        }
        Ok(Listing { found, more })
    }

    async fn each(&self, (names, more): (Vec<DomainName>, More)) -> Result<Listing<FoundDomain>> {
        let wanted: Vec<_> = names.iter().map(|name| self.key(&keys::domain_key(name))).collect();
        let (place, values) = self.entries(wanted.clone(), None).await?;
        let mut domains = Vec::new();
        for (name, (key, bytes)) in names.into_iter().zip(wanted.into_iter().zip(values)) {
            if let Some(domain) = self.value::<Domain>(&key, bytes)? {
                domains.push((name, domain, key));
            }
        }
        let ns: Vec<DomainName> = domains.iter().flat_map(|(_, domain, _)| domain.ns.iter().cloned()).collect();
        let hosts = self.hosts(&ns, place.height).await?;
        let read = |(name, domain, key): (DomainName, Domain, Vec<u8>)| {
            let own = domain.ns.iter().filter_map(|ns| Some((ns.clone(), hosts.get(ns)?.clone()))).collect();
            Read { value: Some(FoundDomain { name, domain, hosts: own }), place: place.clone(), key }
        };
        Ok(Listing { found: domains.into_iter().map(read).collect(), more })
    }

    /// Addresses of those name servers that are within the TLD.
    async fn hosts(&self, ns: &[DomainName], height: Height) -> Result<BTreeMap<DomainName, Host>> {
        let inside: Vec<&DomainName> = ns.iter().filter(|host| host.is_within(&self.tld)).collect();
        if inside.is_empty() {
            return Ok(BTreeMap::new());
        }
        let apex = self.key(&keys::apex_key());
        let mut wanted = vec![apex.clone()];
        wanted.extend(inside.iter().map(|host| self.key(&keys::host_key(host))));
        let (_, values) = self.entries(wanted.clone(), Some(height)).await?;
        let mut read = wanted.into_iter().zip(values);
        let apex: Option<Apex> = match read.next() {
            Some((key, value)) => self.value(&key, value)?,
            None => None,
        };
        let mut out = BTreeMap::new();
        for (host, (key, value)) in inside.into_iter().zip(read) {
            let own: Option<Host> = self.value(&key, value)?;
            let addresses = apex.as_ref().and_then(|apex| apex_host(apex, host)).or(own);
            out.extend(addresses.map(|addresses| (host.clone(), addresses)));
        }
        Ok(out)
    }

    /// Why the last question had no answer; `None` when it had one.
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn key(&self, own: &[u8]) -> Vec<u8> {
        storage(&self.contract, own)
    }

    /// The prefix of the keys of names that begin in this way.
    fn begun(&self, field: u8, begin: &NameBegin) -> Vec<u8> {
        let mut own = vec![field];
        begin.encode(&mut own);
        self.key(&own)
    }

    fn name_of(&self, key: &[u8]) -> Option<DomainName> {
        layout::name_of(key.get(self.key(&[]).len()..)?)
    }

    fn value<T: BorshDeserialize>(&self, key: &[u8], bytes: Option<Vec<u8>>) -> Result<Option<T>> {
        let read =
            |bytes: Vec<u8>| codec::decode("state value", &bytes, keyspace::MAX_CONTRACT_VALUE.saturating_mul(16));
        bytes.map(read).transpose().map_err(|error| RdapFault::Entry {
            chain: self.name.clone(),
            key: hex::encode(key),
            reason: error.to_string(),
        })
    }

    /// Entries, and with them the proof that the chain is of this TLD.
    async fn entries(&self, wanted: Vec<Vec<u8>>, height: Option<Height>) -> Result<(Place, Vec<Option<Vec<u8>>>)> {
        let read = self.chartered(wanted, height).await;
        let fault = read.as_ref().err().map(ToString::to_string);
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        read
    }

    async fn chartered(
        &self,
        mut wanted: Vec<Vec<u8>>,
        height: Option<Height>,
    ) -> Result<(Place, Vec<Option<Vec<u8>>>)> {
        let charter = self.key(&keys::charter_key());
        wanted.push(charter.clone());
        let Found::Entries(place, mut values) = self.ask(Wanted::Entries(wanted, height)).await? else {
            return Err(self.unreachable("another answer than was asked for"));
        };
        let found: Option<Charter> = self.value(&charter, values.pop().flatten())?;
        match found {
            Some(found) if found.tld == self.tld => Ok((place, values)),
            found => {
                let of = found.map_or("no TLD".to_owned(), |found| format!("'{}'", found.tld.as_str()));
                let reason = format!("it is the chain of {of}, not of '{}'", self.tld.as_str());
                Err(RdapFault::NotProven { chain: self.name.clone(), reason })
            }
        }
    }

    async fn keys(&self, prefix: Vec<u8>) -> Result<Vec<Vec<u8>>> {
        match self.ask(Wanted::Keys(prefix)).await? {
            Found::Keys(keys) => Ok(keys),
            Found::Entries(..) => Err(self.unreachable("another answer than was asked for")),
        }
    }

    async fn ask(&self, wanted: Wanted) -> Result<Found> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.questions.send((wanted, reply)).await.map_err(|_| self.unreachable("its thread ended"))?;
            answer.await.map_err(|_| self.unreachable("its thread ended"))?
        };
        match timeout(self.deadline, asked).await {
            Ok(found) => found,
            Err(_) => Err(RdapFault::Slow {
                chain: self.name.clone(),
                ms: u64::try_from(self.deadline.as_millis()).unwrap_or(u64::MAX),
            }),
        }
    }

    fn unreachable(&self, reason: &str) -> RdapFault {
        RdapFault::Unreachable { chain: self.name.clone(), reason: reason.to_owned() }
    }
}

/// Names one label or more below a scope: the labels of the scope, then the beginning of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameBegin {
    /// What they are within.
    pub scope: DomainName,
    /// How the next label begins.
    pub begin: String,
}

impl NameBegin {
    /// Appends what all their keys begin with.
    fn encode(&self, out: &mut Vec<u8>) {
        self.scope.encode_key(out);
        // Without the mark of the end.
        out.pop();
        out.extend_from_slice(self.begin.as_bytes());
    }
}

pub(crate) fn apex_host(apex: &Apex, name: &DomainName) -> Option<Host> {
    let entry = apex.hosts.iter().find(|entry| entry.name == *name)?;
    let v4 = codec::List::new(entry.host.v4.iter().copied().collect()).ok()?;
    let v6 = codec::List::new(entry.host.v6.iter().copied().collect()).ok()?;
    Some(Host { v4, v6 })
}

/// The chain's thread.
struct Reader {
    name: String,
    verifier: Verifier,
    /// Greatest height that was proven.
    highest: Rc<Cell<Height>>,
}

impl Reader {
    async fn run(self, mut asked: mpsc::Receiver<Asked>) {
        let reader = Rc::new(self);
        while let Some((wanted, reply)) = asked.recv().await {
            let reader = Rc::clone(&reader);
            spawn_local(async move {
                // Nobody waits any more: nothing is lost.
                let _ = reply.send(reader.read(wanted).await);
            });
        }
    }

    async fn read(&self, wanted: Wanted) -> Result<Found> {
        match wanted {
            Wanted::Keys(prefix) => {
                let page =
                    self.verifier.client().keys(&prefix, None, LOOKED_AT).await.map_err(|error| self.fault(error))?;
                let keys = page.entries.into_iter().map(|entry| entry.key.0);
                Ok(Found::Keys(keys.filter(|key| key.starts_with(&prefix)).take(LOOKED_AT).collect()))
            }
            Wanted::Entries(keys, height) => {
                let read = self.verifier.verified_batch(&keys, height).await;
                let (mut header, mut values) = read.map_err(|error| self.fault(error))?;
                if height.is_none() && header.height() < self.highest.get() {
                    let read = self.verifier.verified_batch(&keys, Some(self.highest.get())).await;
                    (header, values) = read.map_err(|error| self.fault(error))?;
                }
                self.highest.set(self.highest.get().max(header.height()));
                Ok(Found::Entries(self.place(&header), values))
            }
        }
    }

    fn place(&self, header: &VerifiedHeader) -> Place {
        let proof = ProofReference {
            chain: self.name.clone(),
            height: header.height().0,
            block: header.header().hash().to_string(),
            state_root: header.header().state_root.to_string(),
        };
        Place { proof: Arc::new(proof), time_ms: header.header().timestamp_ms, height: header.height() }
    }

    fn fault(&self, error: ClientError) -> RdapFault {
        let chain = self.name.clone();
        match error {
            ClientError::Verify(error) => RdapFault::NotProven { chain, reason: error.to_string() },
            other => RdapFault::Unreachable { chain, reason: other.to_string() },
        }
    }
}
