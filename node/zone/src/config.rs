//! The configuration file (TOML): read, resolved and checked before anything starts.
//!
//! Paths are seen from the file's folder. docs/guides/zone-server.md explains every field with a complete example.

use crate::{
    answer::ServedZone,
    brake::BrakeConfig,
    error::{Result, ZoneFault},
    keys::KeyRing,
    notify::Secondary,
    publish::{Making, Shared},
    record::Owner,
    serial::SerialPolicy,
    serve::ServeLimits,
    version::SoaFields,
};
use althing_api::config::LogConfig;
use domain::utils::base64;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Addresses, each served over UDP and TCP.
    pub listen: Vec<SocketAddr>,
    /// Address of the metrics; none: no metrics.
    #[serde(default)]
    pub metrics_listen: Option<SocketAddr>,
    /// The log.
    #[serde(default)]
    pub log: LogConfig,
    /// Limits of the server.
    #[serde(default)]
    pub limits: ServeLimits,
    /// Keys.
    #[serde(default, rename = "key")]
    pub keys: Vec<KeyConfig>,
    /// Secondaries.
    #[serde(default, rename = "secondary")]
    pub secondaries: Vec<SecondaryConfig>,
    /// Zones.
    #[serde(rename = "zone")]
    pub zones: Vec<ZoneConfig>,
}

/// A key.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// Its name: a domain name.
    pub name: String,
    /// `hmac-sha256`, `hmac-sha384` or `hmac-sha512`.
    #[serde(default = "default_algorithm")]
    pub algorithm: String,
    /// The secret in base64.
    #[serde(default)]
    pub secret: Option<String>,
    /// A file that holds the secret in base64.
    #[serde(default)]
    pub secret_file: Option<PathBuf>,
}

impl std::fmt::Debug for KeyConfig {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyConfig").field("name", &self.name).finish_non_exhaustive()
    }
}

fn default_algorithm() -> String {
    "hmac-sha256".into()
}

/// A secondary.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SecondaryConfig {
    /// Its name in the log and in metrics.
    pub name: String,
    /// Key that signs what it asks and what it is told.
    #[serde(default)]
    pub key: Option<String>,
    /// Where NOTIFY goes; none: it is not told.
    #[serde(default)]
    pub notify: Option<SocketAddr>,
    /// The address that NOTIFY comes from.
    #[serde(default)]
    pub notify_from: Option<IpAddr>,
    /// Addresses from which it may transfer without a key, for resolvers that know none.
    #[serde(default)]
    pub unsigned: Vec<IpAddr>,
    /// Zones it may have; empty: all.
    #[serde(default)]
    pub zones: Vec<String>,
}

/// A zone.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneConfig {
    /// Its name.
    pub name: String,
    /// Its state folder.
    pub state: PathBuf,
    /// Where its data come from.
    pub source: SourceConfig,
    /// Its SOA record.
    pub soa: SoaConfig,
    /// Which serial comes next.
    #[serde(default)]
    pub serial: SerialPolicy,
    /// The first serial of a new state folder comes after this one.
    #[serde(default)]
    pub serial_floor: Option<u32>,
    /// Whether a ZONEMD record is made.
    #[serde(default = "yes")]
    pub zonemd: bool,
    /// Master file that is written after changes; none: no file.
    #[serde(default)]
    pub master_file: Option<PathBuf>,
    /// Most deltas kept for IXFR.
    #[serde(default = "default_history")]
    pub history: usize,
    /// When the zone is held.
    #[serde(default)]
    pub brake: BrakeConfig,
}

const fn yes() -> bool {
    true
}
const fn default_history() -> usize {
    10_000
}

/// Where a zone's data come from.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum SourceConfig {
    /// The contracts of the root chain.
    RootChain(ChainConfig),
    /// The contract of a TLD's chain.
    TldChain(ChainConfig),
}

/// A chain that is followed.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// Addresses of nodes, such as `http://127.0.0.1:8100`; when one does not answer, the next is asked.
    pub nodes: Vec<String>,
    /// The genesis document that is trusted.
    pub genesis: PathBuf,
    /// Seconds between readings of the whole zone; none: [`ROOT_RECHECK_S`] or [`TLD_RECHECK_S`].
    #[serde(default)]
    pub recheck_s: Option<u64>,
}

/// Seconds between readings of the whole root zone.
pub const ROOT_RECHECK_S: u64 = 600;
/// Seconds between readings of a whole TLD zone, which may be large: each entry is proven again.
pub const TLD_RECHECK_S: u64 = 86_400;

impl SourceConfig {
    /// The chain.
    pub const fn chain(&self) -> &ChainConfig {
        let (Self::RootChain(chain) | Self::TldChain(chain)) = self;
        chain
    }
    /// The chain, to be changed.
    pub const fn chain_mut(&mut self) -> &mut ChainConfig {
        let (Self::RootChain(chain) | Self::TldChain(chain)) = self;
        chain
    }
    /// Seconds between readings of the whole zone.
    pub fn recheck_s(&self) -> u64 {
        let default = match self {
            Self::RootChain(_) => ROOT_RECHECK_S,
            Self::TldChain(_) => TLD_RECHECK_S,
        };
        self.chain().recheck_s.unwrap_or(default)
    }
}

/// The SOA record without its serial.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SoaConfig {
    /// Primary name server.
    pub mname: String,
    /// Mailbox of who is responsible, as a name.
    pub rname: String,
    /// Seconds between checks of a secondary.
    #[serde(default = "default_refresh")]
    pub refresh: u32,
    /// Seconds before a failed check is repeated.
    #[serde(default = "default_retry")]
    pub retry: u32,
    /// Seconds after which a secondary stops to serve what it cannot check.
    #[serde(default = "default_expire")]
    pub expire: u32,
    /// Time to live of negative answers in seconds.
    #[serde(default = "default_minimum")]
    pub minimum: u32,
    /// Time to live of the record in seconds.
    #[serde(default = "default_minimum")]
    pub ttl: u32,
}

// The root zone's own values.
const fn default_refresh() -> u32 {
    1800
}
const fn default_retry() -> u32 {
    900
}
const fn default_expire() -> u32 {
    604_800
}
const fn default_minimum() -> u32 {
    86_400
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ZoneFault`] 101 and 102.
    pub fn read(file: &Path) -> Result<Self> {
        let fault = |reason: String| ZoneFault::ConfigFile { file: file.into(), reason };
        let text = fs::read_to_string(file).map_err(|e| fault(e.to_string()))?;
        let config: Self = toml::from_str(&text).map_err(|e| fault(e.to_string()))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let config = config.resolved(folder);
        config.check()?;
        Ok(config)
    }

    /// With paths seen from a folder.
    fn resolved(mut self, folder: &Path) -> Self {
        for key in &mut self.keys {
            key.secret_file = key.secret_file.take().map(|f| folder.join(f));
        }
        for zone in &mut self.zones {
            zone.state = folder.join(&zone.state);
            zone.master_file = zone.master_file.take().map(|f| folder.join(f));
            let genesis = &mut zone.source.chain_mut().genesis;
            *genesis = folder.join(&*genesis);
        }
        self
    }

    /// Checks what can be checked without starting.
    ///
    /// # Errors
    /// [`ZoneFault`] 102.
    pub fn check(&self) -> Result<()> {
        let refuse =
            |field: &str, value: &dyn ToString, rule: &str| Err(ZoneFault::config(field, value.to_string(), rule));
        if self.listen.is_empty() {
            return refuse("listen", &"empty", "at least one address");
        }
        if self.zones.is_empty() {
            return refuse("zone", &"empty", "at least one zone");
        }
        if !(1024..=65_535).contains(&self.limits.message_bytes) {
            return refuse("limits.message_bytes", &self.limits.message_bytes, "1024 to 65535");
        }
        let (mut names, mut folders) = (BTreeSet::new(), BTreeSet::new());
        for (index, zone) in self.zones.iter().enumerate() {
            let field = |name: &str| format!("zone[{index}].{name}");
            if !names.insert(name(&field("name"), &zone.name)?) || !folders.insert(&zone.state) {
                return refuse(&field("name"), &zone.name, "each zone once, with a state folder of its own");
            }
            if zone.brake.shrink_percent > 100 {
                return refuse(&field("brake.shrink_percent"), &zone.brake.shrink_percent, "0 to 100");
            }
            if zone.brake.window_h > 24 * 366 {
                return refuse(&field("brake.window_h"), &zone.brake.window_h, "at most 8784 hours");
            }
            if zone.source.chain().nodes.is_empty() {
                return refuse(&field("source.nodes"), &"empty", "at least one node");
            }
            if zone.source.recheck_s() < 10 {
                return refuse(&field("source.recheck_s"), &zone.source.recheck_s(), "at least 10 seconds");
            }
            let is_root = name(&field("name"), &zone.name)?.eq(&Owner::root());
            match zone.source {
                SourceConfig::RootChain(_) if !is_root => {
                    return refuse(&field("name"), &zone.name, "source root_chain serves the zone \".\"");
                }
                SourceConfig::TldChain(_) if is_root => {
                    return refuse(&field("name"), &zone.name, "source tld_chain serves the zone of a TLD");
                }
                _ => {}
            }
            self.making(zone, index)?;
        }
        let ring = self.ring()?;
        for index in 0..self.secondaries.len() {
            self.secondary(index, &ring)?;
        }
        Ok(())
    }

    /// The keys.
    ///
    /// # Errors
    /// [`ZoneFault`] 102; the secret is not in it.
    pub fn ring(&self) -> Result<KeyRing> {
        let mut ring = KeyRing::default();
        for (index, key) in self.keys.iter().enumerate() {
            let field = |name: &str| format!("key[{index}].{name}");
            let text = match (&key.secret, &key.secret_file) {
                (Some(secret), None) => secret.clone(),
                (None, Some(file)) => fs::read_to_string(file)
                    .map_err(|e| ZoneFault::config(field("secret_file"), file.display(), e.to_string()))?,
                _ => return Err(ZoneFault::config(field("secret"), "hidden", "one of secret and secret_file")),
            };
            let secret: Vec<u8> = base64::decode(text.trim())
                .map_err(|e| ZoneFault::config(field("secret"), "hidden", format!("base64: {e}")))?;
            ring.add(&key.name, &key.algorithm, &secret)
                .map_err(|rule| ZoneFault::config(field("name"), &key.name, rule))?;
        }
        Ok(ring)
    }

    /// How the versions of a zone are made.
    ///
    /// # Errors
    /// [`ZoneFault`] 102.
    pub fn making(&self, zone: &ZoneConfig, index: usize) -> Result<Making> {
        let field = |name: &str| format!("zone[{index}].{name}");
        let soa = &zone.soa;
        Ok(Making {
            apex: name(&field("name"), &zone.name)?,
            soa: SoaFields {
                mname: name(&field("soa.mname"), &soa.mname)?,
                rname: name(&field("soa.rname"), &soa.rname)?,
                refresh: soa.refresh,
                retry: soa.retry,
                expire: soa.expire,
                minimum: soa.minimum,
                ttl: soa.ttl,
            },
            serial: zone.serial,
            serial_floor: zone.serial_floor,
            zonemd: zone.zonemd,
            brake: zone.brake,
            history: zone.history.max(1),
        })
    }

    /// A secondary with its zones; empty: all.
    ///
    /// # Errors
    /// [`ZoneFault`] 102.
    pub fn secondary(&self, index: usize, ring: &KeyRing) -> Result<(Option<Secondary>, BTreeSet<Owner>)> {
        let field = |name: &str| format!("secondary[{index}].{name}");
        let Some(config) = self.secondaries.get(index) else { return Ok((None, BTreeSet::new())) };
        let key = match &config.key {
            None => None,
            Some(text) => {
                let key = ring.named(&name(&field("key"), text)?);
                Some(key.ok_or_else(|| ZoneFault::config(field("key"), text, "the name of a key of this file"))?)
            }
        };
        let mut zones = BTreeSet::new();
        for text in &config.zones {
            zones.insert(name(&field("zones"), text)?);
        }
        let secondary = config.notify.map(|address| Secondary {
            name: config.name.clone(),
            address,
            from: config.notify_from,
            key,
        });
        Ok((secondary, zones))
    }

    /// A zone as it is served: which keys and addresses may have it.
    ///
    /// # Errors
    /// [`ZoneFault`] 102.
    pub fn served(&self, apex: &Owner, shared: Arc<Shared>) -> Result<ServedZone> {
        let mut served = ServedZone { apex: apex.clone(), shared, keys: BTreeSet::new(), unsigned: BTreeSet::new() };
        for (index, config) in self.secondaries.iter().enumerate() {
            let field = |name: &str| format!("secondary[{index}].{name}");
            let mut zones = BTreeSet::new();
            for text in &config.zones {
                zones.insert(name(&field("zones"), text)?);
            }
            if zones.is_empty() || zones.contains(apex) {
                served.unsigned.extend(&config.unsigned);
                if let Some(key) = &config.key {
                    served.keys.insert(name(&field("key"), key)?);
                }
            }
        }
        Ok(served)
    }
}

fn name(field: &str, text: &str) -> Result<Owner> {
    Owner::parse(text).map_err(|e| ZoneFault::config(field, text, format!("a domain name: {e}")))
}
