//! Files of a new local network: genesis, keys, one configuration per node.

use super::node_dir;
use crate::{
    error::{CliError, Result},
    exit_code::Exit,
    home::{Access, make_folder, write_file},
    keyfile::{self, KeyFile},
};
use althing_api::config::{ApiConfig, ApiLimits, LogConfig, Membership, NetworkConfig, NodeConfig, PeerConfig};
use althing_types::{
    authority::{Authority, Threshold},
    codec::List,
    crypto::{NodeId, PublicKey, SecretKey},
    genesis::{ChainKind, FaultModel, Genesis, GenesisContract, Parameters},
    id::{ChainId, ContractId, OrganisationId},
    keyspace::code_hash,
    organisation::{MemberKey, Organisation, Role},
};
use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
};

/// Ports are looked for here: below the range from which systems take ports for outgoing connections, so that a stopped
/// node finds its port free when it starts again.
const PORTS: std::ops::Range<u16> = 11_000..31_000;
/// Attempts at finding a run of free ports.
const ATTEMPTS: u32 = 200;

/// What a new network shall be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Number of authorities.
    pub authorities: usize,
    /// The chain's id.
    pub chain: ChainId,
    /// The chain's parameters.
    pub parameters: Parameters,
    /// First API port; free ones when `None`.
    pub api_port: Option<u16>,
    /// First peer-to-peer port; free ones when `None`.
    pub network_port: Option<u16>,
    /// Log filter of the nodes.
    pub log: String,
    /// Limits of the API.
    pub limits: ApiLimits,
    /// Further organisations.
    pub organisations: Vec<Organisation>,
    /// Further contracts: id and code.
    pub contracts: Vec<(ContractId, Vec<u8>)>,
    /// Whether keys are written to files.
    pub keys: Keys,
}

/// What becomes of the signing keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Encrypted files, with the pass phrase beside them.
    Files,
    /// Nothing: the caller keeps them.
    Forgotten,
}

/// Keys of a new network.
#[derive(Debug)]
pub struct Made {
    /// The operator's key.
    pub operator: SecretKey,
    /// The registries' keys, by number from 1.
    pub registries: Vec<(OrganisationId, SecretKey)>,
}

impl Plan {
    /// A plan with defaults for everything but the number of authorities and the chain's id.
    pub fn new(authorities: usize, chain: ChainId) -> Self {
        Self {
            authorities,
            chain,
            parameters: Parameters::default(),
            api_port: None,
            network_port: None,
            log: "info".into(),
            limits: ApiLimits::default(),
            organisations: Vec::new(),
            contracts: Vec::new(),
            keys: Keys::Files,
        }
    }

    /// Writes the files.
    ///
    /// # Errors
    /// When a rule of the genesis is broken, no free ports are found, or a file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<Made> {
        let dir = &std::path::absolute(dir).map_err(|e| CliError::file("resolve", dir, &e))?;
        make_folder(dir, Access::Secret)?;
        let operator = keyfile::generate()?;
        let mut registries = Vec::new();
        let mut nodes = Vec::new();
        for number in 1..=self.authorities {
            registries.push((OrganisationId::new(format!("registry-{number}"))?, keyfile::generate()?));
            nodes.push(keyfile::generate()?);
        }
        let genesis = self.genesis(&operator, &registries, &nodes)?;
        let text = serde_json::to_string_pretty(&genesis).map_err(|e| CliError::internal("json", e.to_string()))?;
        let made = Made { operator, registries };
        if self.keys == Keys::Files {
            write_keys(dir, &made)?;
        }
        self.write_nodes(dir, &nodes)?;
        // Last: a folder with a genesis is a whole network.
        write_file(&dir.join("genesis.json"), format!("{text}\n").as_bytes(), Access::Public)?;
        Ok(made)
    }

    /// Id and code of every contract of the genesis.
    fn code(&self) -> Result<Vec<(ContractId, Vec<u8>)>> {
        let mut out = Vec::new();
        for bundled in althing_bundle::contracts() {
            out.push((ContractId::new(bundled.id)?, bundled.code.to_vec()));
        }
        out.extend(self.contracts.iter().cloned());
        Ok(out)
    }

    fn genesis(
        &self,
        operator: &SecretKey,
        registries: &[(OrganisationId, SecretKey)],
        nodes: &[SecretKey],
    ) -> Result<Genesis> {
        let too_many = |e: althing_types::codec::TooLong| CliError::usage("genesis", format!("too many: {e}"));
        let member = |id: OrganisationId, role, key: PublicKey| -> Result<Organisation> {
            Ok(Organisation {
                id,
                roles: BTreeSet::from([role]),
                keys: List::new(vec![MemberKey::whole(key)]).map_err(too_many)?,
            })
        };
        let mut organisations = vec![member(OrganisationId::new("operator")?, Role::Observer, operator.public())?];
        for (id, key) in registries {
            organisations.push(member(id.clone(), Role::Registry, key.public())?);
        }
        organisations.extend(self.organisations.iter().cloned());
        let contracts =
            self.code()?.into_iter().map(|(id, code)| GenesisContract { id, code: code_hash(&code) }).collect();
        let authorities = registries
            .iter()
            .zip(nodes)
            .map(|((organisation, _), node)| Authority {
                node: node.public().into(),
                organisation: organisation.clone(),
            })
            .collect();
        let genesis = Genesis {
            chain: self.chain.clone(),
            kind: ChainKind::Root,
            timestamp_ms: now_ms(),
            fault_model: FaultModel::Byzantine,
            threshold: Threshold::TwoThirds,
            authorities: List::new(authorities).map_err(too_many)?,
            organisations: List::new(organisations).map_err(too_many)?,
            operator: Some(operator.public()),
            governance: None,
            contracts: List::new(contracts).map_err(too_many)?,
            parameters: self.parameters.clone(),
        };
        genesis.check().map_err(|e| {
            CliError::usage("genesis", format!("no chain may start so: {e}")).field("genesis").rule(e.to_string())
        })?;
        Ok(genesis)
    }

    fn write_nodes(&self, dir: &Path, keys: &[SecretKey]) -> Result<()> {
        let count = keys.len();
        let api = ports(self.api_port, "--api-port", count, &[])?;
        let network = ports(self.network_port, "--network-port", count, &api)?;
        let address = |port: u16| format!("/ip4/127.0.0.1/tcp/{port}");
        let peers: Vec<PeerConfig> = keys
            .iter()
            .zip(&network)
            .map(|(key, port)| PeerConfig { node_id: NodeId::from(key.public()), address: address(*port) })
            .collect();
        // The nodes' own bundle may come from another build: what the genesis names lies beside it.
        for (id, code) in self.code()? {
            write_file(&dir.join("contracts").join(format!("{id}.wasm")), &code, Access::Public)?;
        }
        for (index, ((key, api), network)) in keys.iter().zip(&api).zip(&network).enumerate() {
            let folder = node_dir(dir, index);
            make_folder(&folder, Access::Secret)?;
            let contracts_dir = Some("../contracts".into());
            let own = key.public().into();
            let config = NodeConfig {
                key_file: "node.key".into(),
                chains: vec![Membership { genesis: "../genesis.json".into(), data_dir: "data".into(), contracts_dir }],
                network: NetworkConfig {
                    listen: address(*network),
                    peers: peers.iter().filter(|p| p.node_id != own).cloned().collect(),
                },
                api: ApiConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, *api)), limits: self.limits.clone() },
                log: LogConfig { filter: self.log.clone(), ..LogConfig::default() },
            };
            config.check().map_err(|e| {
                CliError::usage("bad_config", e.to_string()).field(e.field).value(e.value.clone()).rule(e.rule)
            })?;
            let text = toml::to_string_pretty(&config)
                .map_err(|e| CliError::internal("toml", format!("configuration has no TOML form: {e}")))?;
            let seed = format!("{}\n", hex::encode(key.seed()));
            write_file(&folder.join("node.key"), seed.as_bytes(), Access::Secret)?;
            write_file(&folder.join("config.toml"), text.as_bytes(), Access::Public)?;
        }
        Ok(())
    }
}

fn write_keys(dir: &Path, made: &Made) -> Result<()> {
    let phrase = hex::encode(keyfile::random::<16>()?.as_slice());
    write_file(&dir.join("passphrase"), format!("{phrase}\n").as_bytes(), Access::Secret)?;
    let keys = dir.join("keys");
    make_folder(&keys, Access::Secret)?;
    let all = made.registries.iter().map(|(id, key)| (id.as_str(), key)).chain([("operator", &made.operator)]);
    for (name, key) in all {
        let path = keys.join(format!("{name}.json"));
        // A folder whose making was interrupted may hold keys of a network that never was.
        let _ = std::fs::remove_file(&path);
        KeyFile::seal(name, key, &phrase)?.write(&path)?;
    }
    Ok(())
}

/// Consecutive ports: from `first`, or free ones, none of them in `taken`.
fn ports(first: Option<u16>, option: &str, count: usize, taken: &[u16]) -> Result<Vec<u16>> {
    let run =
        |first: u16| -> Option<Vec<u16>> { (0..count).map(|i| first.checked_add(u16::try_from(i).ok()?)).collect() };
    let free = |port: &u16| !taken.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    if let Some(first) = first {
        let wanted = run(first).unwrap_or_default();
        return match wanted.iter().find(|p| !free(p)) {
            None if !wanted.is_empty() => Ok(wanted),
            other => {
                let port = other.copied().unwrap_or(first);
                Err(CliError::new(Exit::Internal, "port_taken", format!("port {port} is not free"))
                    .field(option)
                    .value(port.to_string())
                    .rule(format!("{count} free ports in a row from {first}")))
            }
        };
    }
    for _ in 0..ATTEMPTS {
        let start =
            PORTS.start.saturating_add(u16::from_le_bytes(*keyfile::random::<2>()?) % (PORTS.end - PORTS.start));
        if let Some(wanted) = run(start)
            && wanted.iter().all(free)
        {
            return Ok(wanted);
        }
    }
    Err(CliError::new(Exit::Internal, "port_taken", "no free ports found")
        .field(option)
        .rule(format!("{count} free ports in a row between {} and {}", PORTS.start, PORTS.end)))
}

/// The socket of a multiaddress `/ip4/A/tcp/P`; `None` for others.
pub fn socket_of(address: &str) -> Option<SocketAddr> {
    let mut parts = address.strip_prefix("/ip4/")?.split('/');
    let (ip, tcp, port) = (parts.next()?, parts.next()?, parts.next()?);
    if tcp != "tcp" {
        return None;
    }
    Some(SocketAddr::from((ip.parse::<Ipv4Addr>().ok()?, port.parse().ok()?)))
}

/// Reads a node's key file: 64 hexadecimal digits.
///
/// # Errors
/// When it is not there or not that.
pub fn read_node_key(path: &Path) -> Result<SecretKey> {
    let text = std::fs::read_to_string(path).map_err(|e| CliError::file("read", path, &e))?;
    let mut seed = zeroize::Zeroizing::new([0u8; 32]);
    hex::decode_to_slice(text.trim(), seed.as_mut_slice()).map_err(|_| {
        CliError::new(Exit::Key, "damaged_key", format!("{} is no node key", path.display()))
            .field("node.key")
            .rule("64 hexadecimal digits")
    })?;
    Ok(SecretKey::from_seed(&seed))
}

/// Reads a genesis document and checks its rules.
///
/// # Errors
/// When it is not there, is no genesis, or breaks a rule.
pub fn read_genesis(path: &Path) -> Result<Genesis> {
    let text = std::fs::read_to_string(path).map_err(|e| CliError::file("read", path, &e))?;
    let bad = |what: String| {
        CliError::data("bad_genesis", format!("{} is no genesis document: {what}", path.display()))
            .field("genesis")
            .value(path.display().to_string())
            .rule("a genesis document as JSON that keeps every rule")
    };
    let genesis: Genesis = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
    genesis.check().map_err(|e| bad(e.to_string()))?;
    Ok(genesis)
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiaddresses_give_their_socket() {
        assert_eq!(socket_of("/ip4/127.0.0.1/tcp/7000"), "127.0.0.1:7000".parse().ok());
        assert_eq!(socket_of("/ip4/127.0.0.1/udp/7000"), None);
        assert_eq!(socket_of("/dns/x/tcp/1"), None);
    }

    #[test]
    fn a_written_network_is_read_back_and_its_keys_open() {
        let folder = tempfile::tempdir().unwrap();
        let made = Plan::new(3, ChainId::new("t").unwrap()).write(folder.path()).unwrap();
        let network = super::super::Network::open(folder.path()).unwrap();
        assert_eq!(network.count(), 3);
        assert_eq!(network.genesis().unwrap().operator, Some(made.operator.public()));
        let phrase = std::fs::read_to_string(folder.path().join("passphrase")).unwrap();
        let file = KeyFile::read(&folder.path().join("keys/registry-2.json")).unwrap();
        assert_eq!(file.open(phrase.trim()).unwrap().public(), made.registries[1].1.public());
        for index in 0..3 {
            let text = std::fs::read_to_string(node_dir(folder.path(), index).join("config.toml")).unwrap();
            let config: NodeConfig = toml::from_str(&text).unwrap();
            assert_eq!(config.network.peers.len(), 2);
        }
    }

    #[test]
    fn secret_files_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        Plan::new(1, ChainId::new("t").unwrap()).write(folder.path()).unwrap();
        for file in ["passphrase", "keys/operator.json", "node-0/node.key"] {
            let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_taken_port_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = ports(Some(port), "--api-port", 1, &[]).unwrap_err();
        assert_eq!((error.code.as_str(), error.value.clone()), ("port_taken", Some(port.to_string())));
    }
}
