//! Answers that follow from the pinned genesis hash.
//!
//! ```text
//! genesis hash -> genesis document -> authority list of height 1
//! trusted list of height a -> header of height h > a:
//!     header names the same list   -> its certificate is checked against that list
//!     header names another list    -> the first height c with a change is searched by halves; header c is checked
//!                                     against the trusted list and names the list of c + 1; on from there
//!     header c + 1 brings a recovery instead: it is checked under the state root of header c, see `types::recovery`
//! verified header -> state root -> state proof -> value, or proven absence
//! ```
//!
//! Each list is taken over only from a header that the list before it certified: lists are followed in sequence, none
//! is skipped. Heights between two changes are skipped, since one list certifies all of them.

use crate::{
    client::Client,
    error::{ClientError, VerifyError},
};
use althing_api::{
    ErrorCode,
    model::{HeaderDocument, MAX_SCAN, StateEntry},
};
use althing_types::{
    authority::AuthorityList,
    block::Header,
    certificate::QuorumCertificate,
    genesis::Genesis,
    hash::Hash,
    id::Height,
    proof::ProofError,
    recovery::{LastFinal, check_round},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Verified headers that are remembered.
const MAX_HEADERS_KEPT: usize = 256;
/// Keys of one batch request.
const BATCH: usize = 512;
/// How often a list of keys is read again while it moves.
const MAX_LISTINGS: usize = 5;
/// Pause before a node that is behind is asked again.
const BEHIND_PAUSE: Duration = Duration::from_millis(100);

/// A header whose certificate was checked against the authority list that follows from the genesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedHeader {
    header: Header,
    certificate: QuorumCertificate,
}

impl VerifiedHeader {
    /// The header.
    pub const fn header(&self) -> &Header {
        &self.header
    }
    /// The certificate that was checked.
    pub const fn certificate(&self) -> &QuorumCertificate {
        &self.certificate
    }
    /// Its height.
    pub const fn height(&self) -> Height {
        self.header.height
    }

    /// Checks one state entry under this header's state root.
    ///
    /// # Errors
    /// [`VerifyError::NoProof`] and [`VerifyError::Proof`].
    pub fn check_entry(&self, entry: &StateEntry) -> Result<(), VerifyError> {
        let key = || hex::encode(&entry.key.0);
        let proof = entry.proof.as_ref().ok_or_else(|| VerifyError::NoProof { key: key() })?;
        proof
            .verify(&self.header.state_root, &entry.key.0, entry.value.as_ref().map(|v| v.0.as_slice()))
            .map_err(|error: ProofError| VerifyError::Proof { height: self.header.height, key: key(), error })
    }
}

/// A state entry, or its absence, that was proven under a verified header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedValue {
    /// The header.
    pub header: VerifiedHeader,
    /// The key.
    pub key: Vec<u8>,
    /// The value; `None`: proven to be absent.
    pub value: Option<Vec<u8>>,
}

/// Entries under a prefix, each proven under one verified header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedScan {
    /// The header.
    pub header: VerifiedHeader,
    /// Key and value in ascending key order.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether the node's list of keys stood still while it was read. The proofs show that no entry is forged; that
    /// the node left no key out cannot be proven by this tree.
    pub stable: bool,
}

/// Checks a node's answers. Cheap to clone; clones share what was verified.
#[derive(Clone, Debug)]
pub struct Verifier {
    client: Client,
    genesis: Arc<Genesis>,
    genesis_hash: Hash,
    trusted: Arc<Mutex<Trusted>>,
}

#[derive(Debug)]
struct Trusted {
    /// Lists by the first height they are known to decide; the one of height 1 is always there.
    lists: BTreeMap<Height, AuthorityList>,
    /// Verified headers; the oldest are forgotten first.
    headers: BTreeMap<Height, VerifiedHeader>,
    /// Greatest verified height.
    highest: Height,
}

impl Verifier {
    /// Starts from a genesis document that is trusted as it is (for example from the network's own folder).
    ///
    /// # Errors
    /// [`VerifyError::GenesisRule`].
    pub fn new(client: Client, genesis: Genesis) -> Result<Self, ClientError> {
        genesis.check().map_err(VerifyError::from)?;
        let list = genesis.authority_list().map_err(|e| VerifyError::GenesisRule(e.into()))?;
        let trusted =
            Trusted { lists: BTreeMap::from([(Height(1), list)]), headers: BTreeMap::new(), highest: Height(0) };
        let genesis_hash = genesis.hash();
        Ok(Self { client, genesis: Arc::new(genesis), genesis_hash, trusted: Arc::new(Mutex::new(trusted)) })
    }

    /// Fetches the genesis document and compares it with the pinned hash.
    ///
    /// # Errors
    /// [`VerifyError::Genesis`] when the node serves another chain.
    pub async fn from_pinned(client: Client, genesis_hash: Hash) -> Result<Self, ClientError> {
        let genesis = client.genesis().await?.genesis;
        let found = genesis.hash();
        if found != genesis_hash {
            return Err(VerifyError::Genesis { found, pinned: genesis_hash }.into());
        }
        Self::new(client, genesis)
    }

    /// The trusted genesis document.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The client that is asked.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The node's latest header.
    ///
    /// # Errors
    /// [`VerifyError::NoBlock`] before the first block, [`VerifyError::Behind`] when the node stays below a height that
    /// was verified before, and those of [`Self::header`].
    pub async fn latest(&self) -> Result<VerifiedHeader, ClientError> {
        let trusted = self.locked(|t| t.highest);
        let end = Instant::now().checked_add(self.client.config().retry_for);
        loop {
            let found = self.client.status().await?.height;
            if found >= trusted && found > Height(0) {
                return self.header(found).await;
            }
            if found == Height(0) && trusted == Height(0) {
                return Err(VerifyError::NoBlock.into());
            }
            if end.is_none_or(|end| Instant::now() >= end) {
                return Err(VerifyError::Behind { found, trusted }.into());
            }
            self.client.rotate();
            sleep(BEHIND_PAUSE).await;
        }
    }

    /// The header of a height.
    ///
    /// # Errors
    /// [`ClientError::Verify`] for the first thing that is not proven.
    pub async fn header(&self, height: Height) -> Result<VerifiedHeader, ClientError> {
        if height == Height(0) {
            return Err(VerifyError::NoBlock.into());
        }
        if let Some(known) = self.locked(|t| t.headers.get(&height).cloned()) {
            return Ok(known);
        }
        let document = self.fetch(height).await?;
        loop {
            let Some((from, list)) =
                self.locked(|t| t.lists.range(..=height).next_back().map(|(h, l)| (*h, l.clone())))
            else {
                return Err(VerifyError::NoBlock.into());
            };
            if document.header.authorities == list.hash() {
                return Ok(self.accept(document, height, &list)?);
            }
            self.follow(from, &list, height, &document).await?;
        }
    }

    /// The list that decided a verified header's height.
    ///
    /// # Errors
    /// [`VerifyError::Authorities`] when that header was not verified by this verifier.
    pub fn authorities(&self, header: &VerifiedHeader) -> Result<AuthorityList, VerifyError> {
        let height = header.height();
        let list = self.locked(|t| t.lists.range(..=height).next_back().map(|(_, list)| list.clone()));
        let (found, expected) = (list.as_ref().map_or(Hash::ZERO, AuthorityList::hash), header.header.authorities);
        list.filter(|_| found == expected).ok_or(VerifyError::Authorities { height, found, expected })
    }

    /// One state entry at the tip, or at a height.
    ///
    /// # Errors
    /// [`ClientError::Verify`] for the first thing that is not proven.
    pub async fn verified_state(&self, key: &[u8], height: Option<Height>) -> Result<VerifiedValue, ClientError> {
        let document = self.patient(height, async || self.client.state(key, height).await).await?;
        if let Some(height) = height {
            expect_height(document.height, height)?;
        }
        expect_key(0, &document.entry.key.0, key)?;
        let header = self.header(document.height).await?;
        header.check_entry(&document.entry)?;
        Ok(VerifiedValue { header, key: key.to_vec(), value: document.entry.value.map(|v| v.0) })
    }

    /// Many state entries (any number), all at one height, in the order of `keys`.
    ///
    /// # Errors
    /// [`ClientError::Verify`] for the first thing that is not proven.
    pub async fn verified_batch(
        &self,
        keys: &[Vec<u8>],
        height: Option<Height>,
    ) -> Result<(VerifiedHeader, Vec<Option<Vec<u8>>>), ClientError> {
        let mut header = match height {
            Some(height) => Some(self.header(height).await?),
            None if keys.is_empty() => Some(self.latest().await?),
            None => None,
        };
        let mut values = Vec::with_capacity(keys.len());
        for chunk in keys.chunks(BATCH) {
            let at = header.as_ref().map(VerifiedHeader::height);
            let answer = self.patient(at, async || self.client.state_batch(chunk, at).await).await?;
            let header = match &header {
                Some(header) => {
                    expect_height(answer.height, header.height())?;
                    header
                }
                None => header.insert(self.header(answer.height).await?),
            };
            for (index, (entry, key)) in answer.entries.into_iter().zip(chunk).enumerate() {
                expect_key(index, &entry.key.0, key)?;
                header.check_entry(&entry)?;
                values.push(entry.value.map(|v| v.0));
            }
        }
        header.map(|header| (header, values)).ok_or_else(|| VerifyError::NoBlock.into())
    }

    /// All entries under a prefix, all at one height near the tip.
    ///
    /// # Errors
    /// [`ClientError::Verify`] for the first thing that is not proven.
    pub async fn verified_scan(&self, prefix: &[u8]) -> Result<VerifiedScan, ClientError> {
        let (mut keys, mut height, mut stable) = self.list_keys(prefix).await?;
        let mut listings = 1usize;
        while !stable && listings < MAX_LISTINGS {
            let (again, at, still) = self.list_keys(prefix).await?;
            stable = still || again == keys;
            keys = if stable { again } else { keys.union(&again).cloned().collect() };
            height = at;
            listings = listings.saturating_add(1);
        }
        let keys: Vec<Vec<u8>> = keys.into_iter().collect();
        let (header, values) = self.verified_batch(&keys, Some(height)).await?;
        let entries = keys.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?))).collect();
        Ok(VerifiedScan { header, entries, stable })
    }

    /// Reads the keys under a prefix; the height of the last page; whether all pages were of one height.
    async fn list_keys(&self, prefix: &[u8]) -> Result<(BTreeSet<Vec<u8>>, Height, bool), ClientError> {
        let (mut keys, mut after, mut first): (BTreeSet<Vec<u8>>, Option<Vec<u8>>, Option<Height>) = Default::default();
        loop {
            let page = self.client.keys(prefix, after.as_deref(), MAX_SCAN).await?;
            if page.height == Height(0) {
                return Err(VerifyError::NoBlock.into());
            }
            let first = *first.get_or_insert(page.height);
            for entry in page.entries {
                let key = entry.key.0;
                if !key.starts_with(prefix) || after.as_ref().is_some_and(|after| key <= *after) {
                    let expected = hex::encode(after.as_deref().unwrap_or(prefix));
                    let index = keys.len();
                    return Err(VerifyError::Key { index, found: hex::encode(key), expected }.into());
                }
                keys.insert(key);
            }
            match page.next {
                None => return Ok((keys, page.height, page.height == first)),
                Some(next) if after.as_ref().is_some_and(|after| next.0 <= *after) => {
                    let expected = hex::encode(after.unwrap_or_default());
                    return Err(VerifyError::Key { index: keys.len(), found: hex::encode(next.0), expected }.into());
                }
                Some(next) => after = Some(next.0),
            }
        }
    }

    /// Takes over the list that follows `list` somewhere in `from..=height`.
    async fn follow(
        &self,
        from: Height,
        list: &AuthorityList,
        height: Height,
        target: &HeaderDocument,
    ) -> Result<(), ClientError> {
        let hash = list.hash();
        let wrong = |height: Height, found: Hash| VerifyError::Authorities { height, found, expected: hash };
        if height <= from {
            return Err(wrong(height, target.header.authorities).into());
        }
        // `good` is decided by the trusted list and verified, `other` by another list.
        let first = self.fetch(from).await?;
        let mut good = self.accept(first, from, list)?;
        let (mut other, mut other_document) = (height, target.clone());
        while other.0.saturating_sub(good.height().0) > 1 {
            let middle = Height(good.height().0.midpoint(other.0));
            let document = self.fetch(middle).await?;
            if document.header.authorities == hash {
                good = self.accept(document, middle, list)?;
            } else {
                (other, other_document) = (middle, document);
            }
        }
        if let Some(recovery) = &other_document.recovery {
            let last = LastFinal {
                chain: &self.genesis.chain,
                height: good.height(),
                block: good.header.hash(),
                state_root: good.header.state_root,
            };
            recovery.verify(&last).map_err(|error| VerifyError::Recovery { height: other, error })?;
            self.locked(|t| t.lists.insert(other, recovery.signed.plan.authorities.clone()));
            return Ok(());
        }
        let expected = good.header.next_authorities;
        let next = match other_document.authorities {
            Some(next) => next,
            None => return Err(wrong(other, other_document.header.authorities).into()),
        };
        let found = next.hash();
        if found != expected || expected == hash {
            return Err(VerifyError::Authorities { height: other, found, expected }.into());
        }
        self.locked(|t| t.lists.insert(other, next));
        Ok(())
    }

    async fn fetch(&self, height: Height) -> Result<HeaderDocument, ClientError> {
        let answer = self.patient(Some(height), async || self.client.headers(height, 1).await).await?;
        let Some(document) = answer.headers.into_iter().next() else {
            let reason = format!("no header of height {height}");
            return Err(ClientError::Answer { url: self.client.url().into(), reason });
        };
        expect_height(document.header.height, height)?;
        Ok(document)
    }

    /// Checks a header under the list that decides its height, and remembers it.
    fn accept(
        &self,
        document: HeaderDocument,
        height: Height,
        list: &AuthorityList,
    ) -> Result<VerifiedHeader, VerifyError> {
        let HeaderDocument { header, certificate, recovery, .. } = document;
        check_round(certificate.round, recovery.as_ref().map(|recovery| &recovery.signed.plan))
            .map_err(|error| VerifyError::Recovery { height, error })?;
        if header.chain != self.genesis.chain {
            let (found, expected) = (header.chain, self.genesis.chain.clone());
            return Err(VerifyError::Chain { height, found, expected });
        }
        expect_height(header.height, height)?;
        let (found, expected) = (header.authorities, list.hash());
        if found != expected {
            return Err(VerifyError::Authorities { height, found, expected });
        }
        if height == Height(1) && header.previous != self.genesis_hash {
            return Err(VerifyError::Genesis { found: header.previous, pinned: self.genesis_hash });
        }
        let hash = header.hash();
        if certificate.block != hash {
            return Err(VerifyError::Block { height, found: certificate.block, expected: hash });
        }
        expect_height(certificate.height, height)?;
        certificate.verify(&self.genesis.chain, list).map_err(|error| VerifyError::Certificate { height, error })?;
        let verified = VerifiedHeader { header, certificate };
        self.locked(|t| {
            t.highest = t.highest.max(height);
            t.headers.insert(height, verified.clone());
            while t.headers.len() > MAX_HEADERS_KEPT {
                t.headers.pop_first();
            }
        });
        Ok(verified)
    }

    /// Asks again while the node is behind a height that is known to exist.
    async fn patient<T>(
        &self,
        height: Option<Height>,
        ask: impl AsyncFn() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let exists = height.is_some_and(|h| h <= self.locked(|t| t.highest));
        let end = Instant::now().checked_add(self.client.config().retry_for);
        loop {
            match ask().await {
                Err(error)
                    if exists
                        && error.api().is_some_and(|e| e.code == ErrorCode::HeightAhead)
                        && end.is_some_and(|end| Instant::now() < end) =>
                {
                    self.client.rotate();
                    sleep(BEHIND_PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    fn locked<T>(&self, work: impl FnOnce(&mut Trusted) -> T) -> T {
        work(&mut self.trusted.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn expect_height(found: Height, expected: Height) -> Result<(), VerifyError> {
    if found == expected { Ok(()) } else { Err(VerifyError::Height { found, expected }) }
}

fn expect_key(index: usize, found: &[u8], expected: &[u8]) -> Result<(), VerifyError> {
    if found == expected {
        return Ok(());
    }
    Err(VerifyError::Key { index, found: hex::encode(found), expected: hex::encode(expected) })
}
