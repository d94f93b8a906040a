//! Files of a new local network: genesis documents, keys, one configuration per node.

use super::{
    contracts, node_dir,
    profile::{Company, Profile, THRESHOLD, too_many},
};
use crate::{
    error::{CliError, Result},
    exit_code::Exit,
    home::{Access, make_folder, write_file},
    keyfile::{self, KeyFile},
};
use althing_api::config::{
    ApiConfig, ApiLimits, LogConfig, Membership, NetworkConfig, NodeConfig, PeerConfig, RelayConfig,
};
use althing_types::{
    codec::List,
    crypto::{NodeId, SecretKey},
    genesis::{FaultModel, Genesis, Parameters},
    id::{ChainId, ContractId},
    organisation::Organisation,
};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

/// Ports are looked for here: below the range from which systems take ports for outgoing connections, so that a stopped
/// node finds its port free when it starts again.
const PORTS: std::ops::Range<u16> = 11_000..31_000;
/// Environment variable with another range, as `FROM-TO`: networks that start at the same time must not look in the same
/// place, since a port is taken by its node only, a moment after it was found free.
pub const PORTS_VARIABLE: &str = "ALTHING_PORTS";
/// Attempts at finding a run of free ports.
const ATTEMPTS: u32 = 200;

/// File in a node's folder with the key of its relay.
const RELAY_KEY: &str = "relay.key";

/// What a new network shall be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who takes part.
    pub profile: Profile,
    /// Number of authorities of a plain network.
    pub authorities: usize,
    /// Id of the chain where there is one; those of a network with TLD chains are of its profile.
    pub chain: ChainId,
    /// Parameters of every chain.
    pub parameters: Parameters,
    /// First API port; free ones when `None`.
    pub api_port: Option<u16>,
    /// First peer-to-peer port; free ones when `None`.
    pub network_port: Option<u16>,
    /// Log filter of the nodes.
    pub log: String,
    /// Limits of the API.
    pub limits: ApiLimits,
    /// Further organisations of the first chain.
    pub organisations: Vec<Organisation>,
    /// Further contracts of the first chain: id and code.
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

impl Plan {
    /// A plan with defaults for everything but the number of authorities and the chain's id.
    pub fn new(authorities: usize, chain: ChainId) -> Self {
        Self {
            profile: Profile::Plain,
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

    /// Writes the files. Gives the signing keys by name.
    ///
    /// # Errors
    /// When a rule of a genesis is broken, no free ports are found, or a file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<BTreeMap<String, SecretKey>> {
        let dir = &std::path::absolute(dir).map_err(|e| CliError::file("resolve", dir, &e))?;
        make_folder(dir, Access::Secret)?;
        let company = self.profile.company(self.authorities, &self.chain)?;
        let places = self.places(&company)?;
        let made: BTreeMap<String, SecretKey> =
            company.parties.iter().map(|party| (party.organisation.to_string(), party.key.clone())).collect();
        if self.keys == Keys::Files {
            write_keys(dir, &made)?;
        }
        let timestamp_ms = now_ms();
        let geneses = (0..company.chains.len())
            .map(|chain| self.genesis(dir, &company, chain, &places, timestamp_ms))
            .collect::<Result<Vec<_>>>()?;
        // The nodes' own bundle may come from another build: what the genesis documents name lies beside them.
        for (id, code) in contracts::code(&self.profile, &company.chains, &self.contracts)? {
            write_file(&dir.join("contracts").join(format!("{id}.wasm")), &code, Access::Public)?;
        }
        self.write_nodes(dir, &company, &places)?;
        // The first chain's last: a folder with a genesis is a whole network.
        for (index, genesis) in geneses.iter().enumerate().rev() {
            let text = serde_json::to_string_pretty(genesis).map_err(|e| CliError::internal("json", e.to_string()))?;
            let path = dir.join(genesis_path(&genesis.chain, index == 0));
            write_file(&path, format!("{text}\n").as_bytes(), Access::Public)?;
        }
        Ok(made)
    }

    /// Two ports for each node of each chain, chain by chain.
    fn places(&self, company: &Company) -> Result<Vec<Place>> {
        let pairs: Vec<(usize, usize)> = company
            .chains
            .iter()
            .enumerate()
            .flat_map(|(chain, draft)| draft.seats.iter().map(move |seat| (chain, seat.party)))
            .filter(|(_, party)| company.parties.get(*party).is_some_and(|party| party.node.is_some()))
            .collect();
        let api = ports(self.api_port, "--api-port", pairs.len(), &[])?;
        let network = ports(self.network_port, "--network-port", pairs.len(), &api)?;
        let sockets = api.into_iter().zip(network);
        Ok(pairs
            .into_iter()
            .zip(sockets)
            .map(|((chain, party), (api, network))| Place { chain, party, api, network })
            .collect())
    }

    fn genesis(
        &self,
        dir: &Path,
        company: &Company,
        index: usize,
        places: &[Place],
        timestamp_ms: u64,
    ) -> Result<Genesis> {
        let missing = || CliError::internal("no_chain", "a chain without members");
        let draft = company.chains.get(index).ok_or_else(missing)?;
        let further: &[_] = if index == 0 { &self.contracts } else { &[] };
        let (mut organisations, mut nodes) = (Vec::new(), Vec::new());
        for seat in &draft.seats {
            let party = company.parties.get(seat.party).ok_or_else(missing)?;
            organisations.push(party.member(&draft.id, seat.kind, self.profile.is_governed())?);
            if let Some(place) = places.iter().find(|place| place.chain == index && place.party == seat.party) {
                nodes.extend(party.entry(seat, &format!("127.0.0.1:{}", place.network))?);
            }
        }
        if index == 0 {
            organisations.extend(self.organisations.iter().cloned());
        }
        let genesis = Genesis {
            chain: draft.id.clone(),
            kind: draft.kind.clone(),
            timestamp_ms,
            fault_model: FaultModel::Byzantine,
            threshold: THRESHOLD,
            authorities: List::new(company.authorities(draft)).map_err(too_many)?,
            organisations: List::new(organisations).map_err(too_many)?,
            operator: self.profile.operator(company).map(SecretKey::public),
            governance: self.profile.governance(dir, draft, nodes, timestamp_ms)?,
            contracts: List::new(contracts::of_chain(&self.profile, company, draft, further)?).map_err(too_many)?,
            parameters: self.parameters.clone(),
        };
        genesis.check().map_err(|e| {
            CliError::usage("genesis", format!("no chain may start so: {e}")).field("genesis").rule(e.to_string())
        })?;
        Ok(genesis)
    }

    fn write_nodes(&self, dir: &Path, company: &Company, places: &[Place]) -> Result<()> {
        let nodes = company.parties.iter().enumerate().filter_map(|(party, p)| Some((party, p, p.node.as_ref()?)));
        for (index, (party, runner, key)) in nodes.enumerate() {
            let folder = node_dir(dir, index);
            let own = places.iter().filter(|place| place.party == party);
            let chains = own.map(|place| self.membership(company, place, places)).collect::<Result<Vec<_>>>()?;
            let mut relays = Vec::new();
            if let Some((root, tld, key)) = &runner.relay {
                write_seed(&folder.join(RELAY_KEY), key)?;
                relays.push(RelayConfig { root: root.clone(), tld: tld.clone(), key_file: RELAY_KEY.into() });
            }
            let log = LogConfig { filter: self.log.clone(), ..LogConfig::default() };
            let config = NodeConfig { key_file: "node.key".into(), chains, relays, log };
            write_node(&folder, key, &config)?;
        }
        Ok(())
    }

    fn membership(&self, company: &Company, place: &Place, places: &[Place]) -> Result<Membership> {
        let missing = || CliError::internal("no_chain", "a place in no chain");
        let draft = company.chains.get(place.chain).ok_or_else(missing)?;
        let others = places.iter().filter(|other| other.chain == place.chain && other.party != place.party);
        let peers = others.filter_map(|other| {
            let node = company.parties.get(other.party)?.node.as_ref()?;
            Some(PeerConfig { node_id: NodeId::from(node.public()), address: loopback(other.network) })
        });
        Ok(Membership {
            network: NetworkConfig { listen: loopback(place.network), peers: peers.collect() },
            api: ApiConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, place.api)), limits: self.limits.clone() },
            ..in_network(&draft.id, place.chain == 0)
        })
    }
}

/// Where a node of a chain listens.
struct Place {
    chain: usize,
    party: usize,
    api: u16,
    network: u16,
}

/// The genesis document of a chain, seen from the network's folder.
pub(super) fn genesis_path(chain: &ChainId, first: bool) -> PathBuf {
    if first { "genesis.json".into() } else { Path::new("chains").join(chain.as_str()).join("genesis.json") }
}

/// Where a node in a network's folder finds a chain; its addresses are still to be said.
pub(super) fn in_network(chain: &ChainId, first: bool) -> Membership {
    let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Membership {
        genesis: Path::new("..").join(genesis_path(chain, first)),
        data_dir: if first { "data".into() } else { format!("data-{chain}").into() },
        contracts_dir: Some("../contracts".into()),
        network: NetworkConfig { listen: loopback(0), peers: Vec::new() },
        api: ApiConfig { listen: nowhere, limits: ApiLimits::default() },
        checkpoint_from: Vec::new(),
    }
}

/// The multiaddress of a port on loopback.
pub(super) fn loopback(port: u16) -> String {
    format!("/ip4/127.0.0.1/tcp/{port}")
}

/// Writes a node's folder: `node.key` and `config.toml`.
///
/// # Errors
/// When the configuration breaks a rule or a file cannot be written.
pub(super) fn write_node(folder: &Path, key: &SecretKey, config: &NodeConfig) -> Result<()> {
    config
        .check()
        .map_err(|e| CliError::usage("bad_config", e.to_string()).field(e.field).value(e.value.clone()).rule(e.rule))?;
    let text = toml::to_string_pretty(config)
        .map_err(|e| CliError::internal("toml", format!("configuration has no TOML form: {e}")))?;
    make_folder(folder, Access::Secret)?;
    write_seed(&folder.join("node.key"), key)?;
    write_file(&folder.join("config.toml"), text.as_bytes(), Access::Public)
}

/// Writes a key that a process must be able to use by itself.
fn write_seed(path: &Path, key: &SecretKey) -> Result<()> {
    let seed = zeroize::Zeroizing::new(format!("{}\n", hex::encode(key.seed())));
    write_file(path, seed.as_bytes(), Access::Secret)
}

fn write_keys(dir: &Path, made: &BTreeMap<String, SecretKey>) -> Result<()> {
    let path = dir.join("passphrase");
    // A folder whose making was interrupted may hold an authority under the pass phrase that is there.
    let phrase = match std::fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => text.trim_end_matches(['\n', '\r']).to_owned(),
        _ => {
            let phrase = hex::encode(keyfile::random::<16>()?.as_slice());
            write_file(&path, format!("{phrase}\n").as_bytes(), Access::Secret)?;
            phrase
        }
    };
    let keys = dir.join("keys");
    make_folder(&keys, Access::Secret)?;
    for (name, key) in made {
        let path = keys.join(format!("{name}.json"));
        // It may also hold keys of a network that never was.
        let _ = std::fs::remove_file(&path);
        KeyFile::seal(name, key, &phrase)?.write(&path)?;
    }
    Ok(())
}

/// Consecutive ports: from `first`, or free ones, none of them in `taken`.
pub(super) fn ports(first: Option<u16>, option: &str, count: usize, taken: &[u16]) -> Result<Vec<u16>> {
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
    let range = range(std::env::var(PORTS_VARIABLE).ok().as_deref())?;
    for _ in 0..ATTEMPTS {
        let offset = u16::from_le_bytes(*keyfile::random::<2>()?).checked_rem(range.end.saturating_sub(range.start));
        if let Some(wanted) = run(range.start.saturating_add(offset.unwrap_or(0)))
            && wanted.iter().all(|port| range.contains(port) && free(port))
        {
            return Ok(wanted);
        }
    }
    Err(CliError::new(Exit::Internal, "port_taken", "no free ports found")
        .field(option)
        .rule(format!("{count} free ports in a row between {} and {}", range.start, range.end)))
}

/// The range in which free ports are looked for.
fn range(given: Option<&str>) -> Result<std::ops::Range<u16>> {
    let Some(text) = given else { return Ok(PORTS) };
    let ends = text.split_once('-').and_then(|(from, to)| Some((from.parse::<u16>().ok()?, to.parse::<u16>().ok()?)));
    ends.filter(|(from, to)| *from > 0 && from < to).map(|(from, to)| from..to).ok_or_else(|| {
        CliError::usage("bad_ports", "this is no range of ports")
            .field(PORTS_VARIABLE)
            .value(text)
            .rule("FROM-TO, such as 20000-20400")
    })
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
    use super::{super::profile::Directory, *};
    use althing_interface::{bootstrap, root_sync};
    use althing_types::name::DomainName;

    #[test]
    fn a_range_of_ports_is_two_numbers_in_order() {
        assert_eq!(range(None).unwrap(), PORTS);
        assert_eq!(range(Some("20000-20400")).unwrap(), 20_000..20_400);
        for bad in ["", "20000", "20400-20000", "0-9", "a-b", "1-70000"] {
            assert_eq!(range(Some(bad)).unwrap_err().code, "bad_ports", "{bad}");
        }
    }

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
        let genesis = network.genesis().unwrap();
        assert_eq!(genesis.operator, Some(made["operator"].public()));
        let contracts: Vec<&str> = genesis.contracts.iter().map(|contract| contract.id.as_str()).collect();
        assert!(contracts.contains(&"tld_binding") && !contracts.contains(&"governance"), "{contracts:?}");
        let phrase = std::fs::read_to_string(folder.path().join("passphrase")).unwrap();
        let file = KeyFile::read(&folder.path().join("keys/registry-2.json")).unwrap();
        assert_eq!(file.open(phrase.trim()).unwrap().public(), made["registry-2"].public());
        for index in 0..3 {
            let text = std::fs::read_to_string(node_dir(folder.path(), index).join("config.toml")).unwrap();
            let config: NodeConfig = toml::from_str(&text).unwrap();
            assert_eq!(config.chains[0].network.peers.len(), 2);
        }
    }

    #[test]
    fn a_root_network_is_governed_by_seven_members_and_has_their_authority() {
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(0, ChainId::new("t").unwrap());
        plan.profile = Profile::Root(Box::new(super::super::profile::quick_settings()));
        let made = plan.write(folder.path()).unwrap();
        let network = super::super::Network::open(folder.path()).unwrap();
        let genesis = network.genesis().unwrap();
        assert_eq!((network.count(), made.len(), genesis.organisations.len()), (7, 7, 7));
        assert_eq!((genesis.operator, genesis.authorities.len()), (None, 4));
        let governance = genesis.governance.unwrap();
        let root = crate::ca::store::read_certificates(&folder.path().join("ca/ca.crt")).unwrap();
        assert_eq!(governance.certificate_authority.as_slice(), root[0]);
        assert_eq!(governance.coordinator.as_str(), "coordinator");
        network.write_file().unwrap();
        let text = std::fs::read_to_string(folder.path().join("devnet.json")).unwrap();
        let file: serde_json::Value = serde_json::from_str(&text).unwrap();
        let said = |index: usize| {
            let node = &file["nodes"][index];
            ["organisation", "kind", "standing"].map(|field| node[field].as_str().unwrap().to_owned())
        };
        assert_eq!(said(3), ["registry-4", "registry", "authority"]);
        assert_eq!(said(4), ["registry-5", "registry", "backup"]);
        assert_eq!(said(5), ["isp-1", "isp", "ordinary"]);
        assert_eq!(said(6), ["coordinator", "coordinator", "ordinary"]);
    }

    #[test]
    fn registries_of_tlds_are_in_two_chains_that_trust_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let label = |text: &str| DomainName::parse(text).unwrap();
        let mut plan = Plan::new(0, ChainId::new("unused").unwrap());
        plan.profile = Profile::Names {
            root: Some(ChainId::new("althing-root").unwrap()),
            labels: vec![label("alpha"), label("beta")],
            directories: Vec::new(),
            settings: Box::new(super::super::profile::quick_settings()),
        };
        plan.write(folder.path()).unwrap();
        let network = super::super::Network::open(folder.path()).unwrap();
        let ids: Vec<String> = network.chain_ids().iter().map(ToString::to_string).collect();
        assert_eq!((ids.join(" ").as_str(), network.count()), ("althing-root tld-alpha tld-beta", 10));
        let config = |node: usize| -> NodeConfig {
            let text = std::fs::read_to_string(node_dir(folder.path(), node).join("config.toml")).unwrap();
            let config: NodeConfig = toml::from_str(&text).unwrap();
            config.check().unwrap();
            config
        };
        let registry = config(1);
        assert_eq!((registry.chains.len(), registry.relays[0].tld.as_str()), (2, "tld-beta"));
        assert_eq!((config(2).chains.len(), config(2).relays.len()), (1, 0));
        let genesis = |id: &str| {
            let chain = network.chain(Some(&ChainId::new(id).unwrap())).unwrap();
            network.genesis_of(chain).unwrap().clone()
        };
        let (root, beta) = (genesis("althing-root"), genesis("tld-beta"));
        let relay = read_node_key(&node_dir(folder.path(), 1).join(RELAY_KEY)).unwrap().public();
        for genesis in [&root, &beta] {
            let own = genesis.organisations.iter().find(|o| o.id.as_str() == "registry-2").unwrap();
            assert!(own.keys.iter().any(|key| key.key == relay), "{}", genesis.chain);
        }
        let peers = |genesis: &Genesis| {
            let contract = genesis.contracts.iter().find(|c| c.id.as_str() == root_sync::ID).unwrap();
            let init = contract.init.as_ref().unwrap();
            let (init,): (root_sync::Init,) =
                althing_types::codec::decode("init", init.as_slice(), init.len()).unwrap();
            init.peers.into_vec()
        };
        let (of_root, of_beta) = (peers(&root), peers(&beta));
        assert_eq!((of_root.len(), of_beta.len()), (2, 1));
        assert_eq!((of_root[1].chain.as_str(), &of_root[1].list), ("tld-beta", &beta.authority_list().unwrap()));
        assert_eq!((of_beta[0].chain.as_str(), &of_beta[0].list), ("althing-root", &root.authority_list().unwrap()));
        let has = |genesis: &Genesis, id: &str| genesis.contracts.iter().any(|c| c.id.as_str() == id);
        assert!(has(&root, "tld_binding") && !has(&root, "registrations"));
        assert!(!has(&beta, "tld_binding") && has(&beta, "registrations"));
    }

    #[test]
    fn chains_of_entries_carry_one_contract_and_what_governs_it() {
        let folder = tempfile::tempdir().unwrap();
        let lab = DomainName::parse("lab").unwrap();
        let mut plan = Plan::new(0, ChainId::new("unused").unwrap());
        plan.profile = Profile::Names {
            root: None,
            labels: Vec::new(),
            directories: vec![Directory::Registry(vec![lab.clone()]), Directory::Registrar],
            settings: Box::new(super::super::profile::quick_settings()),
        };
        plan.write(folder.path()).unwrap();
        let network = super::super::Network::open(folder.path()).unwrap();
        let ids: Vec<String> = network.chain_ids().iter().map(ToString::to_string).collect();
        assert_eq!((ids.join(" ").as_str(), network.count()), ("rdap-registry rdap-registrar", 8));
        for (genesis, bound) in network.chains().map(|(genesis, _)| genesis).zip([1, 0]) {
            let mut contracts: Vec<&str> = genesis.contracts.iter().map(|contract| contract.id.as_str()).collect();
            contracts.sort_unstable();
            assert_eq!(contracts, ["bootstrap", "governance", "node_admission", "node_removal"], "{}", genesis.chain);
            let contract = genesis.contracts.iter().find(|c| c.id.as_str() == bootstrap::ID).unwrap();
            let init = contract.init.as_ref().unwrap();
            let (init,): (bootstrap::Init,) =
                althing_types::codec::decode("init", init.as_slice(), init.len()).unwrap();
            assert_eq!((init.bindings.len(), genesis.authorities.len()), (bound, 4), "{}", genesis.chain);
            assert!(init.bindings.iter().all(|b| b.tld == lab && b.organisation.as_str() == "registry-1"));
            assert_eq!(init.settings.management.unwrap().as_str(), "coordinator");
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
