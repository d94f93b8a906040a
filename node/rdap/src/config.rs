//! The configuration file (TOML): read, resolved and checked before anything starts.
//!
//! Paths are seen from the file's folder. docs/guides/rdap.md explains every field with a complete example.

use crate::{
    error::{RdapFault, Result},
    fetch::FetchConfig,
    oidc::OidcConfig,
};
use althing_api::config::LogConfig;
use althing_types::{id::OrganisationId, name::DomainName};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Most results of one search that may be configured.
const MAX_RESULTS: usize = 200;

/// The file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address that is served.
    pub listen: SocketAddr,
    /// Folder of the last good copies of published files.
    pub state: PathBuf,
    /// Where clients reach this node, such as `https://rdap.example/`: for links to itself.
    pub public_url: String,
    /// Certificate and key; none: no TLS here (behind a proxy, or on loopback).
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// The log.
    #[serde(default)]
    pub log: LogConfig,
    /// Chains, the first one counts before the next.
    #[serde(default, rename = "chain")]
    pub chains: Vec<ChainConfig>,
    /// Chains of TLDs that are asked as their registries.
    #[serde(default, rename = "tld_chain")]
    pub tld_chains: Vec<TldChainConfig>,
    /// What IANA and ICANN publish.
    #[serde(default)]
    pub published: PublishedConfig,
    /// How servers of others are asked.
    #[serde(default)]
    pub fetch: FetchConfig,
    /// Certificates in PEM that are trusted beside the system's when others are asked.
    #[serde(default)]
    pub trust: Vec<PathBuf>,
    /// Where addresses and autonomous systems are asked for.
    #[serde(default)]
    pub elsewhere: Elsewhere,
    /// Limits.
    #[serde(default)]
    pub limits: Limits,
    /// For how long answers are kept.
    #[serde(default)]
    pub cache: CacheConfig,
    /// The OpenID provider whose tokens are taken.
    #[serde(default)]
    pub oidc: Option<OidcConfig>,
    /// Users with keys.
    #[serde(default, rename = "user")]
    pub users: Vec<UserConfig>,
}

/// The server's certificate.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Certificates in PEM, the server's first.
    pub certificates: PathBuf,
    /// The key in PEM.
    pub key: PathBuf,
}

/// A chain that is followed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// Addresses of nodes; when one does not answer, the next is asked.
    pub nodes: Vec<String>,
    /// The genesis document that is trusted.
    pub genesis: PathBuf,
}

/// The chain of a TLD.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct TldChainConfig {
    /// The TLD, in A-labels.
    pub tld: String,
    /// Addresses of nodes; when one does not answer, the next is asked.
    pub nodes: Vec<String>,
    /// The genesis document that is trusted.
    pub genesis: PathBuf,
    /// IANA ids of the organisations that are registrars on this chain.
    #[serde(default)]
    pub registrars: BTreeMap<OrganisationId, u32>,
}

/// Where published files come from: `https://..`, `file:///..` or a path; none: the file is not used.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct PublishedConfig {
    /// IANA's bootstrap file for domains.
    pub bootstrap: Option<String>,
    /// Servers that it lacks.
    pub supplement: Option<String>,
    /// IANA's list of registrar ids.
    pub registrar_ids: Option<String>,
    /// ICANN's list of accredited registrars.
    pub accredited: Option<String>,
    /// Seconds between looks at each.
    pub refresh_s: u64,
}

impl Default for PublishedConfig {
    fn default() -> Self {
        Self { bootstrap: None, supplement: None, registrar_ids: None, accredited: None, refresh_s: 3_600 }
    }
}

/// Base URLs of other RDAP services to which questions are redirected.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Elsewhere {
    /// For `/ip/..`.
    pub ip: Option<String>,
    /// For `/autnum/..`.
    pub autnum: Option<String>,
}

/// Limits of the server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time.
    pub connections: u32,
    /// Connections of one address at a time.
    pub connections_per_address: u32,
    /// Questions that are worked on at a time.
    pub questions: usize,
    /// Milliseconds in which the head of a request must be there.
    pub header_ms: u64,
    /// Milliseconds for one request.
    pub request_ms: u64,
    /// Milliseconds for one connection as a whole.
    pub connection_ms: u64,
    /// Questions a second of an address without key.
    pub per_second: u32,
    /// How many of them at once.
    pub burst: u32,
    /// Users with keys or tokens at a time.
    pub users_online: usize,
    /// Seconds for which a user counts after its last question.
    pub online_s: u64,
    /// Most results of one search; what is beyond is left out, with a notice.
    pub results: usize,
    /// Tiers of users with keys.
    #[serde(rename = "tier")]
    pub tiers: Vec<Tier>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            connections_per_address: 32,
            questions: 256,
            header_ms: 5_000,
            request_ms: 30_000,
            connection_ms: 300_000,
            per_second: 10,
            burst: 40,
            users_online: 1_024,
            online_s: 300,
            results: 50,
            tiers: Vec::new(),
        }
    }
}

/// What users of one kind may do.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Its name.
    pub name: String,
    /// Questions a second; 0: none are answered.
    pub per_second: u32,
    /// How many at once.
    pub burst: u32,
}

/// For how long answers are kept.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct CacheConfig {
    /// Answers that are kept.
    pub entries: u64,
    /// Seconds when the servers say nothing.
    pub default_s: u64,
    /// Most seconds, whatever they say.
    pub most_s: u64,
    /// Seconds for what does not exist.
    pub absent_s: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { entries: 65_536, default_s: 60, most_s: 3_600, absent_s: 30 }
    }
}

/// A user.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UserConfig {
    /// Its name, for the audit log.
    pub name: String,
    /// SHA3-256 of its key, hexadecimal. The key itself is in no file of this node.
    pub key_sha3: String,
    /// Its tier.
    pub tier: String,
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`RdapFault::ConfigFile`], [`RdapFault::Config`].
    pub fn read(file: &Path) -> Result<Self> {
        let refuse = |reason: String| RdapFault::ConfigFile { file: file.into(), reason };
        let text = fs::read_to_string(file).map_err(|error| refuse(error.to_string()))?;
        let mut config: Self = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
        config.resolve(file.parent().unwrap_or_else(|| Path::new(".")));
        config.check()?;
        Ok(config)
    }

    fn resolve(&mut self, folder: &Path) {
        let absolute = |path: &mut PathBuf| *path = folder.join(&path);
        absolute(&mut self.state);
        self.trust.iter_mut().for_each(absolute);
        self.chains.iter_mut().for_each(|chain| absolute(&mut chain.genesis));
        self.tld_chains.iter_mut().for_each(|chain| absolute(&mut chain.genesis));
        if let Some(tls) = &mut self.tls {
            absolute(&mut tls.certificates);
            absolute(&mut tls.key);
        }
        if let Some(place) = self.oidc.as_mut().and_then(|oidc| oidc.jwks.as_mut())
            && !place.contains("://")
        {
            *place = folder.join(&*place).display().to_string();
        }
        let published = &mut self.published;
        for place in [
            &mut published.bootstrap,
            &mut published.supplement,
            &mut published.registrar_ids,
            &mut published.accredited,
        ] {
            if let Some(place) = place
                && !place.contains("://")
            {
                *place = folder.join(&*place).display().to_string();
            }
        }
    }

    /// Checks the values.
    ///
    /// # Errors
    /// [`RdapFault::Config`] for the first field that breaks a rule.
    pub fn check(&self) -> Result<()> {
        let nothing = [&self.published.bootstrap, &self.published.registrar_ids].into_iter().all(Option::is_none);
        if self.chains.is_empty() && self.tld_chains.is_empty() && nothing {
            let rule = "a chain, a tld_chain or published.bootstrap is needed";
            return Err(RdapFault::config("chain", "missing", rule));
        }
        let public = reqwest::Url::parse(&self.public_url);
        if !public.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.path().ends_with('/')) {
            return Err(RdapFault::config("public_url", &self.public_url, "must be an http(s) URL that ends in '/'"));
        }
        let positive = [
            ("published.refresh_s", self.published.refresh_s),
            ("fetch.deadline_ms", self.fetch.deadline_ms),
            ("fetch.connect_ms", self.fetch.connect_ms),
            ("fetch.max_bytes", self.fetch.max_bytes as u64),
            ("limits.connections", self.limits.connections.into()),
            ("limits.connections_per_address", self.limits.connections_per_address.into()),
            ("limits.questions", self.limits.questions as u64),
            ("limits.header_ms", self.limits.header_ms),
            ("limits.request_ms", self.limits.request_ms),
            ("limits.connection_ms", self.limits.connection_ms),
            ("limits.per_second", self.limits.per_second.into()),
            ("limits.burst", self.limits.burst.into()),
            ("limits.users_online", self.limits.users_online as u64),
            ("limits.online_s", self.limits.online_s),
            ("limits.results", self.limits.results as u64),
        ];
        if let Some((field, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(RdapFault::config(*field, "0", "must be at least 1"));
        }
        for allowed in &self.fetch.allow {
            let port = allowed.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                return Err(RdapFault::config("fetch.allow", allowed, "must be host:port"));
            }
        }
        if self.limits.results > MAX_RESULTS {
            let rule = format!("must be at most {MAX_RESULTS}");
            return Err(RdapFault::config("limits.results", self.limits.results.to_string(), rule));
        }
        let mut tlds = BTreeSet::new();
        for (index, chain) in self.tld_chains.iter().enumerate() {
            let name = DomainName::parse(&chain.tld).ok().filter(|name| !name.is_root());
            if !name.is_some_and(|name| name.as_str() == chain.tld && tlds.insert(name)) {
                let rule = "must be a name in A-labels and lower case, named once";
                return Err(RdapFault::config(format!("tld_chain[{index}].tld"), &chain.tld, rule));
            }
        }
        self.check_users()
    }

    fn check_users(&self) -> Result<()> {
        let mut tiers = BTreeSet::new();
        for tier in &self.limits.tiers {
            if !tiers.insert(tier.name.as_str()) {
                return Err(RdapFault::config("limits.tier.name", &tier.name, "is there twice"));
            }
        }
        if let Some(oidc) = &self.oidc {
            if !reqwest::Url::parse(&oidc.issuer).is_ok_and(|url| matches!(url.scheme(), "http" | "https")) {
                return Err(RdapFault::config("oidc.issuer", &oidc.issuer, "must be an http(s) URL"));
            }
            if oidc.audience.is_empty() {
                return Err(RdapFault::config("oidc.audience", "empty", "must name this node as its tokens do"));
            }
            if !tiers.contains(oidc.tier.as_str()) {
                return Err(RdapFault::config("oidc.tier", &oidc.tier, "is no limits.tier"));
            }
            if oidc.refresh_s == 0 {
                return Err(RdapFault::config("oidc.refresh_s", "0", "must be at least 1"));
            }
        }
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for (index, user) in self.users.iter().enumerate() {
            let field = |name: &str| format!("user[{index}].{name}");
            if !names.insert(&user.name) {
                return Err(RdapFault::config(field("name"), &user.name, "is there twice"));
            }
            if !tiers.contains(user.tier.as_str()) {
                return Err(RdapFault::config(field("tier"), &user.tier, "is no limits.tier"));
            }
            let good = hex::decode(&user.key_sha3).is_ok_and(|hash| hash.len() == 32);
            if !good || !keys.insert(user.key_sha3.to_ascii_lowercase()) {
                return Err(RdapFault::config(
                    field("key_sha3"),
                    "a value",
                    "must be 64 hexadecimal digits, used once",
                ));
            }
        }
        Ok(())
    }
}
