//! Who is asked for what: the chains' entries and the published files, put together (R5, D 4.2).
//!
//! 1. An entry of a chain counts and nothing else for that TLD or registrar; of several chains the first configured one.
//! 2. Without one: IANA's bootstrap file; without that: the supplement. Of registrars: IANA's list of ids says name,
//!    status and base URL; ICANN's list adds country, contact and link.
//! 3. Where the two lists differ, the list of ids is right: it is the registry of these numbers. So who is on ICANN's list
//!    and terminated or reserved at IANA is that; another name on ICANN's list is kept as a second name.
//! 4. Base URLs of who is not accredited are not used.
//! 5. A TLD whose chain this node reads is answered by this node, whatever the files say; where an entry of a chain sends
//!    clients elsewhere, the served file does so.
//! 6. A status on a chain comes from the chain's accreditation list, also for registrars without an entry of their own.

use crate::{
    chain::{ChainView, ProofReference, Proven},
    published::{Accredited, Bootstrap, RegistrarId},
};
use althing_interface::bootstrap::RegistrarStatus;
use althing_types::name::DomainName;
use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::Serialize;
use serde_json::{Value, json};
use sha3::Digest;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Where a base URL comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub enum Origin {
    /// A chain, with where the proof is.
    Chain {
        /// The reference.
        #[serde(flatten)]
        proof: ProofReference,
        /// Key of the entry in the chain's state, hexadecimal.
        key: String,
    },
    /// IANA's file or list.
    Iana {
        /// Time of publication, when it names one.
        #[serde(skip_serializing_if = "Option::is_none")]
        publication: Option<String>,
    },
    /// The supplement.
    Supplement,
    /// A link in the registry's answer.
    Link,
    /// This node, for a TLD whose chain it reads.
    Node,
}

impl Origin {
    /// One word, for metrics.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Chain { .. } => "chain",
            Self::Iana { .. } => "iana",
            Self::Supplement => "supplement",
            Self::Link => "link",
            Self::Node => "node",
        }
    }
}

/// A registry's services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registry {
    /// Base URLs in the order in which they are asked.
    pub urls: Vec<Url>,
    /// Where they come from.
    pub origin: Origin,
}

/// A registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registrar {
    /// Name.
    pub name: String,
    /// Another name on ICANN's list.
    pub other_name: Option<String>,
    /// Status.
    pub status: RegistrarStatus,
    /// Country or territory.
    pub country: Option<String>,
    /// Public contact.
    pub contact: Option<String>,
    /// Web site.
    pub link: Option<String>,
    /// Base URLs in the order in which they are asked; none for who is not accredited.
    pub urls: Vec<Url>,
    /// Where the base URLs, or the rest when there are none, come from.
    pub origin: Origin,
}

/// What the published files say at the moment.
#[derive(Clone, Debug, Default)]
pub struct Published {
    /// IANA's bootstrap file.
    pub bootstrap: Arc<Bootstrap>,
    /// The supplement.
    pub supplement: Arc<Bootstrap>,
    /// IANA's list of registrar ids.
    pub registrar_ids: Arc<BTreeMap<u32, RegistrarId>>,
    /// ICANN's list of accredited registrars.
    pub accredited: Arc<BTreeMap<u32, Accredited>>,
}

/// Everything put together. A value; a change makes another one.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    registries: BTreeMap<DomainName, Registry>,
    registrars: BTreeMap<u32, Registrar>,
    /// The served bootstrap file.
    file: Arc<[u8]>,
    file_hash: [u8; 32],
    publication: Option<DateTime<Utc>>,
}

impl Directory {
    /// Puts chains and files together.
    pub fn new(chains: &[Arc<ChainView>], published: &Published) -> Self {
        Self::with_own(chains, published, &[])
    }

    /// The same, with TLDs that this node answers for as their registry, and where clients reach it.
    pub fn with_own(chains: &[Arc<ChainView>], published: &Published, own: &[(DomainName, Url)]) -> Self {
        let registries = registries(chains, published, own);
        let registrars = registrars(chains, published);
        let changed = chains.iter().filter_map(|chain| DateTime::from_timestamp_millis(chain.changed_ms()));
        let publication = changed.chain(published.bootstrap.publication).max();
        let file: Arc<[u8]> = bootstrap_file(&registries, publication).into();
        let file_hash = sha3::Sha3_256::digest(&file).into();
        Self { registries, registrars, file, file_hash, publication }
    }

    /// The registry that answers for a name: the longest entry that the name is in (RFC 9224 4).
    pub fn registry(&self, name: &DomainName) -> Option<(&DomainName, &Registry)> {
        let text = name.as_str();
        let ends = std::iter::once(0).chain(text.match_indices('.').map(|(at, _)| at.saturating_add(1)));
        ends.filter_map(|start| DomainName::parse(text.get(start..)?).ok())
            .find_map(|suffix| self.registries.get_key_value(&suffix))
    }

    /// The registry when there is one alone.
    pub fn only_registry(&self) -> Option<(&DomainName, &Registry)> {
        self.registries.first_key_value().filter(|_| self.registries.len() == 1)
    }

    /// All registrars, ordered by id.
    pub fn registrars(&self) -> impl Iterator<Item = (u32, &Registrar)> {
        self.registrars.iter().map(|(id, registrar)| (*id, registrar))
    }

    /// A registrar.
    pub fn registrar(&self, id: u32) -> Option<&Registrar> {
        self.registrars.get(&id)
    }

    /// The bootstrap file in the form of RFC 9224.
    pub fn file(&self) -> Arc<[u8]> {
        Arc::clone(&self.file)
    }

    /// SHA3-256 of that file.
    pub const fn file_hash(&self) -> [u8; 32] {
        self.file_hash
    }

    /// Time of the last change, as the file says.
    pub const fn publication(&self) -> Option<DateTime<Utc>> {
        self.publication
    }

    /// Whether another one says the same.
    pub fn same(&self, other: &Self) -> bool {
        self.registries == other.registries && self.registrars == other.registrars && self.file == other.file
    }

    /// Registries and registrars.
    pub fn sizes(&self) -> (usize, usize) {
        (self.registries.len(), self.registrars.len())
    }

    /// How many registries' base URLs come from a chain.
    pub fn from_chain(&self) -> usize {
        self.registries.values().filter(|registry| matches!(registry.origin, Origin::Chain { .. })).count()
    }
}

fn urls<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Url> {
    texts.filter_map(|text| Url::parse(text).ok()).collect()
}

fn registries(
    chains: &[Arc<ChainView>],
    published: &Published,
    own: &[(DomainName, Url)],
) -> BTreeMap<DomainName, Registry> {
    let mut out = BTreeMap::new();
    for (name, urls) in &published.supplement.entries {
        out.insert(name.clone(), Registry { urls: urls.clone(), origin: Origin::Supplement });
    }
    let publication = published.bootstrap.publication.map(stamp);
    for (name, urls) in &published.bootstrap.entries {
        let origin = Origin::Iana { publication: publication.clone() };
        out.insert(name.clone(), Registry { urls: urls.clone(), origin });
    }
    for (name, url) in own {
        out.insert(name.clone(), Registry { urls: vec![url.clone()], origin: Origin::Node });
    }
    for chain in chains.iter().rev() {
        for (name, entry) in &chain.entries {
            let urls = urls(entry.value.urls.iter().map(|url| url.as_str()));
            out.insert(name.clone(), Registry { urls, origin: chain_origin(entry) });
        }
    }
    out
}

fn chain_origin<T>(proven: &Proven<T>) -> Origin {
    Origin::Chain { proof: (*proven.proof).clone(), key: hex::encode(&proven.key) }
}

fn registrars(chains: &[Arc<ChainView>], published: &Published) -> BTreeMap<u32, Registrar> {
    let ids: BTreeSet<u32> = published.registrar_ids.keys().chain(published.accredited.keys()).copied().collect();
    let mut out: BTreeMap<u32, Registrar> = ids.into_iter().map(|id| (id, from_lists(id, published))).collect();
    for chain in chains.iter().rev() {
        for (id, listed) in &chain.accreditations {
            let name = listed.value.name.as_str().to_owned();
            let origin = chain_origin(listed);
            let registrar = out.entry(*id).or_insert_with(|| Registrar {
                name: name.clone(),
                other_name: None,
                status: listed.value.status,
                country: None,
                contact: None,
                link: None,
                urls: Vec::new(),
                origin,
            });
            registrar.name = name;
            registrar.status = listed.value.status;
        }
        for (id, entry) in &chain.registrars {
            let data = &entry.value.data;
            let Some(registrar) = out.get_mut(id) else { continue };
            registrar.country = Some(data.country.as_str().to_owned());
            registrar.contact = Some(data.contact.as_str().to_owned());
            registrar.link = Some(data.link.as_str().to_owned());
            registrar.urls = urls(data.urls.iter().map(|url| url.as_str()));
            registrar.origin = chain_origin(entry);
        }
    }
    for registrar in out.values_mut().filter(|registrar| registrar.status != RegistrarStatus::Accredited) {
        registrar.urls.clear();
    }
    out
}

fn from_lists(id: u32, published: &Published) -> Registrar {
    let (iana, icann) = (published.registrar_ids.get(&id), published.accredited.get(&id));
    let filled = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let name = iana.map(|iana| iana.name.clone()).or_else(|| icann.map(|icann| icann.name.clone()));
    let name = name.unwrap_or_default();
    Registrar {
        other_name: icann.map(|icann| icann.name.clone()).filter(|other| *other != name),
        name,
        status: iana.map_or(RegistrarStatus::Accredited, |iana| iana.status),
        country: filled(icann.map(|icann| icann.country.as_str())),
        contact: filled(icann.map(|icann| icann.contact.as_str())),
        link: filled(icann.map(|icann| icann.link.as_str())),
        urls: iana.and_then(|iana| iana.url.clone()).into_iter().collect(),
        origin: Origin::Iana { publication: None },
    }
}

/// A time as RFC 9224 and RFC 9083 write it.
pub fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
}

/// The file: entries with the same base URLs in one service, ordered.
fn bootstrap_file(registries: &BTreeMap<DomainName, Registry>, publication: Option<DateTime<Utc>>) -> Vec<u8> {
    let mut services: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for (name, registry) in registries.iter().filter(|(_, registry)| !registry.urls.is_empty()) {
        services.entry(registry.urls.iter().map(Url::as_str).collect()).or_default().push(name.as_str());
    }
    let mut services: Vec<(Vec<&str>, Vec<&str>)> = services.into_iter().map(|(urls, names)| (names, urls)).collect();
    services.sort();
    let services: Vec<Value> = services.into_iter().map(|(names, urls)| json!([names, urls])).collect();
    let document = json!({
        "version": "1.0",
        "publication": stamp(publication.unwrap_or_default()),
        "description": "RDAP bootstrap file for domains: entries of the ledger, completed from IANA's file",
        "services": services,
    });
    serde_json::to_vec(&document).unwrap_or_default()
}
