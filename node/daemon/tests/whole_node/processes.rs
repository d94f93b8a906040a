//! Real processes on loopback: a node that is no member joins, follows, decides, and is removed; one that votes twice
//! is reported. Lists change by the height, as the schedule of the test says.

use crate::setup::{self, Step};
use althing_types::{
    codec::{self, List},
    crypto::{NodeId, SecretKey, Signed},
    genesis::{Genesis, GenesisContract},
    id::{ContractId, OrganisationId},
    keyspace,
    organisation::{MemberKey, Organisation, Role},
    transaction::Transaction,
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// One process; it ends with the test.
struct Running {
    child: Child,
    api: SocketAddr,
    folder: PathBuf,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn try_ask(&self, method: &str, path: &str, body: &[u8]) -> std::io::Result<serde_json::Value> {
        let mut stream = TcpStream::connect(self.api)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\ncontent-type: application/octet-stream\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (start, end) = (answer.find('{').unwrap_or(0), answer.rfind('}').map_or(0, |at| at + 1));
        Ok(serde_json::from_str(answer.get(start..end).unwrap_or_default()).unwrap_or_default())
    }

    fn status(&self) -> serde_json::Value {
        self.until("an API", || self.try_ask("GET", "/v1/status", b"").ok().filter(|s| s["height"].is_u64()))
    }

    fn height(&self) -> u64 {
        self.status()["height"].as_u64().unwrap()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn until<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{what} did not come\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn until_height(&self, height: u64) {
        self.until(&format!("height {height}"), || (self.height() >= height).then_some(()));
    }
}

/// Nodes of one chain in a folder.
struct Net {
    folder: tempfile::TempDir,
    keys: Vec<SecretKey>,
    addresses: Vec<SocketAddr>,
}

impl Net {
    fn new(nodes: u8) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            keys: (1..=nodes).map(|n| SecretKey::from_seed(&[n; 32])).collect(),
            addresses: (0..nodes).map(|_| free_address()).collect(),
        }
    }

    fn write(&self, genesis: &Genesis, contracts: &[(&str, Vec<u8>)]) {
        genesis.check().unwrap();
        std::fs::write(self.folder.path().join("genesis.json"), serde_json::to_string(genesis).unwrap()).unwrap();
        std::fs::create_dir_all(self.folder.path().join("contracts")).unwrap();
        for (name, code) in contracts {
            std::fs::write(self.folder.path().join("contracts").join(format!("{name}.wasm")), code).unwrap();
        }
    }

    fn start(&self, node: usize, program: &Path, peers: &[usize]) -> Running {
        let folder = self.folder.path().join(format!("node-{node}"));
        std::fs::create_dir_all(&folder).unwrap();
        let key = folder.join("key");
        let seed: String = self.keys[node].seed().iter().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(&key, seed).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        let api = free_address();
        let mut config = format!(
            "key_file = \"key\"\n[[chain]]\ngenesis = \"../genesis.json\"\ndata_dir = \"data\"\n\
             contracts_dir = \"../contracts\"\n[chain.api]\nlisten = \"{api}\"\n[chain.network]\n\
             listen = \"/ip4/127.0.0.1/tcp/{}\"\n",
            self.addresses[node].port()
        );
        for peer in peers {
            let (id, port) = (NodeId::from(self.keys[*peer].public()), self.addresses[*peer].port());
            config.push_str(&format!(
                "[[chain.network.peers]]\nnode_id = \"{id}\"\naddress = \"/ip4/127.0.0.1/tcp/{port}\"\n"
            ));
        }
        std::fs::write(folder.join("node.toml"), config).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child = Command::new(program)
            .arg("--config")
            .arg(folder.join("node.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Running { child, api, folder }
    }
}

fn althingd() -> PathBuf {
    env!("CARGO_BIN_EXE_althingd").into()
}

#[test]
fn a_joiner_is_refused_then_follows_then_decides_then_is_cut_off() {
    const ADMITTED: u64 = 15;
    const DECIDES: u64 = 45;
    const REMOVED: u64 = 60;
    let net = Net::new(2);
    let user = SecretKey::from_seed(&[100; 32]);
    let step = |height, members: &[usize], authorities: &[usize]| Step {
        height,
        members: members.iter().copied().collect(),
        authorities: authorities.to_vec(),
    };
    let schedule = [
        step(0, &[0], &[0]),
        step(ADMITTED, &[0, 1], &[0]),
        step(DECIDES, &[0, 1], &[0, 1]),
        step(REMOVED, &[0], &[0]),
    ];
    let addresses: Vec<String> = net.addresses.iter().map(SocketAddr::to_string).collect();
    let governor = setup::governor(&net.keys, &addresses, &schedule);
    let users = [user.clone()];
    let mut genesis = setup::genesis(&net.keys, &users, &schedule, Some(keyspace::code_hash(&governor)));
    genesis.parameters.empty_block_interval_ms = 200;
    net.write(&genesis, &[("governance", governor), ("load", althing_bundle::load().to_vec())]);

    // The first node is told of nobody: it learns the other's address from the member list.
    let first = net.start(0, &althingd(), &[]);
    let joiner = net.start(1, &althingd(), &[0]);
    let status = joiner.status();
    assert_eq!((&status["member"], &status["standing"]), (&false.into(), &serde_json::Value::Null), "{status}");
    assert_eq!(status["height"], 0);
    assert!(joiner.log().contains("this node is no member by the state that it has"), "{}", joiner.log());
    let transaction = |sequence| -> Vec<u8> {
        let signed: Signed<Transaction> = setup::transaction(&genesis.chain, &user, sequence);
        codec::encode(&List::<_, 512>::new(vec![signed]).unwrap())
    };
    let refused = joiner.try_ask("POST", "/v1/transactions", &transaction(0)).unwrap().to_string();
    assert!(refused.contains("no member"), "{refused}");
    assert!(first.height() < ADMITTED && first.status()["peers"].as_array().unwrap().is_empty());

    first.until_height(ADMITTED);
    let admitted = Instant::now();
    joiner.until_height(ADMITTED);
    assert!(admitted.elapsed() < Duration::from_secs(5), "{:?}", admitted.elapsed());
    let status = joiner.status();
    assert_eq!((&status["member"], status["standing"].as_str()), (&true.into(), Some("ordinary")), "{status}");

    // It follows promptly, and passes on what its API takes.
    let mut longest = Duration::ZERO;
    for _ in 0..5 {
        let height = first.height() + 1;
        first.until_height(height);
        let final_at = Instant::now();
        joiner.until_height(height);
        longest = longest.max(final_at.elapsed());
    }
    println!("the follower was at most {longest:?} behind");
    assert!(longest < Duration::from_secs(2), "{longest:?} behind");
    let hash = setup::transaction(&genesis.chain, &user, 0).value.hash();
    joiner.try_ask("POST", "/v1/transactions", &transaction(0)).unwrap();
    let path = format!("/v1/transactions/{hash}");
    first.until("the forwarded transaction", || {
        first.try_ask("GET", &path, b"").ok().filter(|answer| answer.to_string().contains("\"final\""))
    });
    assert!(!joiner.log().contains("panicked"));

    // With two authorities no block is final without the joiner.
    first.until_height(DECIDES + 2);
    assert_eq!(joiner.status()["is_authority"], true);
    // It hears of its removal, then is parted with, and hears of nothing more.
    first.until_height(REMOVED);
    joiner.until("its removal", || (joiner.status()["member"] == false).then_some(()));
    assert!(joiner.log().contains("this node is no member any more"), "{}", joiner.log());
    first.until("the parting", || first.status()["peers"].as_array()?.is_empty().then_some(()));
    joiner.until("the parting", || joiner.status()["peers"].as_array()?.is_empty().then_some(()));
    // What it had fetched by then, it executes.
    first.until_height(first.height() + 10);
    let (stopped_at, level) = (joiner.height(), first.height());
    assert!(stopped_at >= REMOVED, "{stopped_at}");
    first.until_height(level + 15);
    assert_eq!(joiner.height(), stopped_at, "a removed node must hear of no block");
}

#[test]
fn a_double_vote_of_a_real_node_is_on_chain_soon() {
    let liar = althingd().parent().unwrap().join("examples/equivocating_node");
    assert!(liar.exists(), "{} is missing: build the examples first", liar.display());
    let net = Net::new(4);
    let user = SecretKey::from_seed(&[100; 32]);
    let module = wat::parse_str(
        "(module (memory (export \"memory\") 1) (func (export \"althing_abi_1\")) (func (export \"c_report\")))",
    );
    let contract = setup::describe(module.unwrap(), "node_removal", "report");
    let mut genesis = setup::genesis(&net.keys, &[user], &[], None);
    let mut contracts = genesis.contracts.to_vec();
    let id = ContractId::new("node_removal").unwrap();
    contracts.push(GenesisContract::new(id, keyspace::code_hash(&contract)));
    genesis.contracts = List::new(contracts).unwrap();
    let mut organisations = genesis.organisations.to_vec();
    let nodes = net.keys.iter().map(|key| MemberKey { key: key.public(), duties: [Role::Node].into() });
    organisations.push(Organisation {
        id: OrganisationId::new("runner").unwrap(),
        roles: [Role::Registry].into(),
        keys: List::new(nodes.collect()).unwrap(),
    });
    genesis.organisations = List::new(organisations).unwrap();
    genesis.parameters.empty_block_interval_ms = 300;
    net.write(&genesis, &[("node_removal", contract), ("load", althing_bundle::load().to_vec())]);
    let everybody = [0, 1, 2, 3];
    let start = |node: usize| {
        let program = if node == 3 { liar.clone() } else { althingd() };
        let others: Vec<usize> = everybody.into_iter().filter(|other| *other != node).collect();
        net.start(node, &program, &others)
    };
    let running: Vec<Running> = everybody.into_iter().map(start).collect();
    // A report is the only transaction that a node key ever signs.
    let reports = || -> u64 {
        let sequence = |n: usize| {
            let path = format!("/v1/accounts/{}", net.keys[n].public());
            running[0].try_ask("GET", &path, b"").ok().and_then(|a| a["sequence"].as_u64()).unwrap_or(0)
        };
        (0..3).map(sequence).sum()
    };
    running[0].until("a report", || (reports() > 0).then_some(()));
    assert!(running[3].log().contains("voting twice"), "{}", running[3].log());
    let height = running[0].height();
    running[1].until_height(height + 3);
}
