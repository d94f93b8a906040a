//! Nodes that are to join a chain: their key and configuration, and, inside a local network, all that a request needs.
//!
//! Nothing here asks the chain for anything: `althing member request` does that.

use super::{Network, SeatEntry, node_dir, setup};
use crate::{
    ca::{Order, Validity, store::Store},
    error::{CliError, Result},
    home::{Access, Home, Purpose, write_file},
    keyfile::{self, KeyFile},
};
use althing_api::config::{ApiConfig, LogConfig, Membership, NetworkConfig, NodeConfig, PeerConfig};
use althing_identity::read_root;
use althing_types::{
    crypto::{NodeId, PublicKey},
    genesis::Genesis,
    id::{ChainId, OrganisationId},
    identity::Usage,
    keyspace::code_hash,
    organisation::Role,
};
use serde::Serialize;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

/// How long the certificate of an added node is valid, in milliseconds.
const CERTIFICATE_MS: u64 = 365 * 86_400_000;
/// File that says whose an added node is.
const SEAT: &str = "member.json";

/// What a new node is told.
#[derive(Clone, Debug)]
pub struct Joiner<'a> {
    /// The chain's genesis document.
    pub genesis: &'a Path,
    /// Nodes to dial: identity and multiaddress.
    pub peers: Vec<PeerConfig>,
    /// Multiaddress to listen on.
    pub listen: String,
    /// Address of the API.
    pub api: SocketAddr,
    /// Folder with code of the genesis contracts that the node's bundle may lack.
    pub contracts: Option<&'a Path>,
    /// APIs of nodes to take a checkpoint from.
    pub checkpoint_from: Vec<String>,
}

/// A node's folder that was made.
#[derive(Clone, Debug, Serialize)]
pub struct Made {
    /// Its identity.
    pub node_id: NodeId,
    /// The folder.
    pub dir: String,
    /// The configuration for `althingd --config`.
    pub config: String,
}

/// A node that was added to a local network, with all that a request to join needs.
#[derive(Clone, Debug, Serialize)]
pub struct Added {
    /// Its number.
    pub node: usize,
    /// Its identity.
    pub node_id: NodeId,
    /// Its organisation.
    pub organisation: OrganisationId,
    /// What the organisation is to the chain.
    pub kind: Role,
    /// Where other nodes reach it.
    pub address: String,
    /// Base URL of its API, once it runs.
    pub api: String,
    /// The organisation's own key, which is in the home folder under the organisation's name.
    pub public_key: PublicKey,
    /// The node's certificate.
    pub certificate: String,
}

/// Writes key and configuration of a node that is to join.
///
/// # Errors
/// When the folder has a node already, the genesis document is none, or code of one of its contracts is nowhere.
pub fn init(dir: &Path, joiner: &Joiner<'_>) -> Result<Made> {
    let dir = &std::path::absolute(dir).map_err(|e| CliError::file("resolve", dir, &e))?;
    for file in ["node.key", "config.toml"] {
        let path = dir.join(file);
        if path.exists() {
            return Err(CliError::usage("node_exists", format!("there is a node in {}", dir.display()))
                .field("--dir")
                .value(path.display().to_string())
                .rule("a folder without a node; keys are never overwritten"));
        }
    }
    let genesis = setup::read_genesis(joiner.genesis)?;
    let contracts_dir = copy_code(&genesis, joiner.contracts, &dir.join("contracts"))?.then(|| "contracts".into());
    let text = std::fs::read(joiner.genesis).map_err(|e| CliError::file("read", joiner.genesis, &e))?;
    write_file(&dir.join("genesis.json"), &text, Access::Public)?;
    let key = keyfile::generate()?;
    let membership = Membership {
        genesis: "genesis.json".into(),
        data_dir: "data".into(),
        contracts_dir,
        checkpoint_from: joiner.checkpoint_from.clone(),
        network: NetworkConfig { listen: joiner.listen.clone(), peers: joiner.peers.clone() },
        api: ApiConfig { listen: joiner.api, limits: Default::default() },
    };
    let config = NodeConfig {
        key_file: "node.key".into(),
        chains: vec![membership],
        relays: Vec::new(),
        log: LogConfig::default(),
    };
    setup::write_node(dir, &key, &config)?;
    Ok(Made {
        node_id: key.public().into(),
        dir: dir.display().to_string(),
        config: dir.join("config.toml").display().to_string(),
    })
}

/// Copies the code of the genesis contracts that this program does not bring; tells whether there was any.
fn copy_code(genesis: &Genesis, from: Option<&Path>, to: &Path) -> Result<bool> {
    let mut copied = false;
    for contract in genesis.contracts.iter() {
        if althing_bundle::contracts().iter().any(|bundled| code_hash(bundled.code) == contract.code) {
            continue;
        }
        let missing = |found: &str| {
            CliError::not_found("no_code", format!("the code of genesis contract '{}' is {found}", contract.id))
                .field("--contracts")
                .value(contract.code.to_string())
                .rule(format!("a folder with {}.wasm, whose hash the genesis names", contract.id))
        };
        let path = from.ok_or_else(|| missing("not in this program"))?.join(format!("{}.wasm", contract.id));
        let code = std::fs::read(&path).map_err(|_| missing("not there"))?;
        if code_hash(&code) != contract.code {
            return Err(missing("another one"));
        }
        write_file(&to.join(format!("{}.wasm", contract.id)), &code, Access::Public)?;
        copied = true;
    }
    Ok(copied)
}

/// Adds a node that is to join to a local network, with a key for its organisation and a certificate of the network's
/// own authority. It joins the network's first chain, or the one named. It is not started.
///
/// # Errors
/// When the network has no authority of certificates, no ports are free, or a file cannot be written.
pub fn add(
    network: &Network,
    chain: Option<&ChainId>,
    organisation: &OrganisationId,
    kind: Role,
    now_ms: u64,
) -> Result<Added> {
    let joined = network.chain(chain)?;
    let home = Home::new(Some(network.dir()))?;
    let store = Store::of(&home);
    let authority = store.open(&home)?;
    let taken = network.ports();
    let first = |ports: Vec<u16>| ports.first().copied().unwrap_or_default();
    let api = first(setup::ports(None, "--api-port", 1, &taken)?);
    let listen = first(setup::ports(None, "--network-port", 1, &[taken.as_slice(), &[api]].concat())?);
    let public_key = own_key(&home, organisation)?;

    let key = keyfile::generate()?;
    let node_id = NodeId::from(key.public());
    let begin = read_root(authority.certificate())?.not_before_ms;
    let order = Order {
        organisation: organisation.clone(),
        kind,
        usage: Usage::Node,
        subject: key.public(),
        tlds: Vec::new(),
        registrar: None,
        common_name: format!("node of {organisation}").chars().take(64).collect(),
        validity: Validity { not_before_ms: begin, not_after_ms: now_ms.saturating_add(CERTIFICATE_MS) },
    };
    let (pem, _) = store.issue(&authority, &order, now_ms)?;

    let index = network.count();
    let folder = node_dir(network.dir(), index);
    let known = network.nodes.iter().filter_map(|node| {
        let seat = node.in_chain(joined).filter(|seat| seat.founder)?;
        Some(PeerConfig { node_id: node.node_id, address: setup::loopback(seat.network?.port()) })
    });
    let membership = Membership {
        network: NetworkConfig { listen: setup::loopback(listen), peers: known.collect() },
        api: ApiConfig { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, api)), limits: Default::default() },
        ..setup::in_network(network.chain_id(joined)?, joined == 0)
    };
    let config = NodeConfig {
        key_file: "node.key".into(),
        chains: vec![membership],
        relays: Vec::new(),
        log: LogConfig::default(),
    };
    let certificate: PathBuf = folder.join("node.crt");
    write_file(&certificate, pem.as_bytes(), Access::Public)?;
    let seat = SeatEntry { organisation: Some(organisation.clone()), kind: Some(kind), standing: None };
    let text = serde_json::to_string_pretty(&seat).map_err(|e| CliError::internal("json", e.to_string()))?;
    write_file(&folder.join(SEAT), format!("{text}\n").as_bytes(), Access::Public)?;
    // Last: a folder with a configuration is a node of the network.
    setup::write_node(&folder, &key, &config)?;
    Network::open(network.dir())?.write_file()?;
    Ok(Added {
        node: index,
        node_id,
        organisation: organisation.clone(),
        kind,
        address: format!("127.0.0.1:{listen}"),
        api: format!("http://127.0.0.1:{api}"),
        public_key,
        certificate: certificate.display().to_string(),
    })
}

/// The organisation's key in the home folder, made when there is none.
fn own_key(home: &Home, organisation: &OrganisationId) -> Result<PublicKey> {
    let path = home.key(organisation.as_str());
    if path.exists() {
        return Ok(KeyFile::read(&path)?.public_key);
    }
    let key = keyfile::generate()?;
    KeyFile::seal(organisation.as_str(), &key, &home.passphrase(Purpose::Protect)?)?.write(&path)?;
    Ok(key.public())
}

/// Whose an added node is; nothing for one of a network that is not governed.
pub(super) fn read_seat(folder: &Path) -> Result<SeatEntry> {
    let path = folder.join(SEAT);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(SeatEntry::default()),
        Err(error) => return Err(CliError::file("read", &path, &error)),
    };
    serde_json::from_str(&text).map_err(|e| {
        CliError::data("bad_member", format!("{} is not what it should be: {e}", path.display()))
            .field(SEAT)
            .rule("as `althing devnet add` wrote it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devnet::{profile, setup::Plan};

    fn governed(folder: &Path) -> Network {
        let mut plan = Plan::new(0, ChainId::new("t").unwrap());
        plan.profile = profile::Profile::Root(Box::new(profile::quick_settings()));
        plan.write(folder).unwrap();
        Network::open(folder).unwrap()
    }

    #[test]
    fn an_added_node_has_key_certificate_and_peers() {
        let folder = tempfile::tempdir().unwrap();
        let network = governed(folder.path());
        let id = OrganisationId::new("registry-6").unwrap();
        let added = add(&network, None, &id, Role::Registry, setup::now_ms()).unwrap();
        assert_eq!(added.node, 7);
        let after = Network::open(folder.path()).unwrap();
        assert_eq!(
            (after.count(), after.nodes[7].node_id, after.nodes[7].chains[0].founder),
            (8, added.node_id, false)
        );
        assert_eq!(after.nodes[7].chains[0].seat.organisation, Some(id));
        let chain = crate::ca::store::read_certificates(Path::new(&added.certificate)).unwrap();
        let root = network.genesis().unwrap().governance.unwrap().certificate_authority;
        let facts = althing_identity::check_chain(&root, &chain, setup::now_ms()).unwrap();
        assert_eq!((facts.subject, facts.usage), (added.node_id.key(), Usage::Node));
        let text = std::fs::read_to_string(folder.path().join("node-7/config.toml")).unwrap();
        let config: NodeConfig = toml::from_str(&text).unwrap();
        assert_eq!(config.chains[0].network.peers.len(), 7);
        assert!(folder.path().join("keys/registry-6.json").exists());
    }

    #[test]
    fn a_joiner_gets_a_whole_folder_and_never_loses_its_key() {
        let folder = tempfile::tempdir().unwrap();
        governed(&folder.path().join("net"));
        let genesis = folder.path().join("net/genesis.json");
        let joiner = Joiner {
            genesis: &genesis,
            peers: vec![PeerConfig { node_id: NodeId([7; 32]), address: "/dns/a.example/tcp/7000".into() }],
            listen: setup::loopback(7001),
            api: "127.0.0.1:8001".parse().unwrap(),
            contracts: None,
            checkpoint_from: vec!["http://a.example:8100".into()],
        };
        let made = init(&folder.path().join("joiner"), &joiner).unwrap();
        let config: NodeConfig = toml::from_str(&std::fs::read_to_string(&made.config).unwrap()).unwrap();
        config.check().unwrap();
        assert_eq!(config.chains[0].network.peers[0].address, "/dns/a.example/tcp/7000");
        assert_eq!(config.chains[0].checkpoint_from, joiner.checkpoint_from);
        assert_eq!(init(&folder.path().join("joiner"), &joiner).unwrap_err().code, "node_exists");
    }
}
