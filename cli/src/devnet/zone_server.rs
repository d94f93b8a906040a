//! The zone server of a local network with TLD chains: one process that serves `.` and every TLD of the network.
//!
//! ```text
//! DIR/zone-server/config.toml            what `althing-zone` reads
//! DIR/zone-server/tsig.key               the key as a clause for BIND, dig -k and includes; tsig.secret has it in base64
//! DIR/zone-server/state-ZONE/  log  process.json
//! ```
//!
//! The server is a separate program and never linked; its configuration is written as text.

use super::{
    Network,
    process::{Process, Program},
    setup,
};
use crate::{
    error::{CliError, Result},
    home::{Access, make_folder, write_file},
    keyfile,
};
use althing_types::genesis::ChainKind;
use serde::{Deserialize, Serialize};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};
use toml::{Table, Value};

/// Name of the key for transfers.
const KEY_NAME: &str = "xfr.althing.";
/// Its algorithm.
const ALGORITHM: &str = "hmac-sha256";
/// Time to live of negative answers, in seconds: short, as in a trial people look again at once.
const NEGATIVE_S: i64 = 60;
/// Time in which a killed server must be gone.
const GRACE: Duration = Duration::from_secs(10);
/// Seconds between checks of a secondary that is told of no change.
const REFRESH_S: i64 = 60;

/// One zone of a server in [`super::DevnetFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneServerEntry {
    /// The zone, such as `.` or `se.`.
    pub zone: String,
    /// Where it is served, over UDP and TCP.
    pub address: SocketAddr,
    /// The server's process; of a stopped one the last.
    pub pid: u32,
    /// Name of the key that transfers are signed with (RFC 8945).
    pub key_name: String,
    /// Its algorithm.
    pub algorithm: String,
    /// File with the key as a clause `key "NAME" { algorithm ...; secret "..."; };`, which `dig -k` and name servers read.
    pub key_file: PathBuf,
    /// File with the secret alone, in base64.
    pub secret_file: PathBuf,
}

fn folder(dir: &Path) -> PathBuf {
    dir.join("zone-server")
}

/// Writes the server's folder for a network; does nothing when it is there.
///
/// # Errors
/// When no port is free or a file cannot be written.
pub fn write(network: &Network) -> Result<()> {
    let folder = folder(network.dir());
    let file = folder.join("config.toml");
    if file.exists() {
        return Ok(());
    }
    let port = setup::ports(None, "--zone-port", 1, &network.ports())?.first().copied().unwrap_or_default();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut zones = Vec::new();
    for (index, (genesis, path)) in network.chains().enumerate() {
        let (name, kind) = match &genesis.kind {
            ChainKind::Root => (".".to_owned(), "root_chain"),
            ChainKind::Tld(label) => (format!("{label}."), "tld_chain"),
            ChainKind::Registry | ChainKind::Registrar => continue,
        };
        zones.push(Value::Table(zone(&name, kind, network.all_urls(index), path)));
    }
    if zones.is_empty() {
        return Ok(());
    }
    let secret = domain::utils::base64::encode_string(keyfile::random::<32>()?.as_slice());
    make_folder(&folder, Access::Secret)?;
    write_file(&folder.join("tsig.secret"), format!("{secret}\n").as_bytes(), Access::Secret)?;
    let clause = format!("key \"{KEY_NAME}\" {{\n    algorithm {ALGORITHM};\n    secret \"{secret}\";\n}};\n");
    write_file(&folder.join("tsig.key"), clause.as_bytes(), Access::Secret)?;
    let key =
        table([("name", KEY_NAME.into()), ("algorithm", ALGORITHM.into()), ("secret_file", "tsig.secret".into())]);
    let secondary = table([("name", "local".into()), ("key", KEY_NAME.into())]);
    let config = table([
        ("listen", Value::Array(vec![address.to_string().into()])),
        ("key", Value::Array(vec![key.into()])),
        ("secondary", Value::Array(vec![secondary.into()])),
        ("zone", Value::Array(zones)),
    ]);
    let text = toml::to_string_pretty(&config).map_err(|e| CliError::internal("toml", e.to_string()))?;
    write_file(&file, text.as_bytes(), Access::Public)
}

fn zone(name: &str, kind: &str, nodes: Vec<String>, genesis: &Path) -> Table {
    let nodes: Vec<Value> = nodes.into_iter().map(Value::from).collect();
    let label = if name == "." { "root" } else { name.trim_end_matches('.') };
    let source =
        table([("kind", kind.into()), ("nodes", nodes.into()), ("genesis", genesis.display().to_string().into())]);
    let soa = table([
        ("mname", "ns.althing.".into()),
        ("rname", "hostmaster.althing.".into()),
        ("refresh", REFRESH_S.into()),
        ("minimum", NEGATIVE_S.into()),
    ]);
    table([
        ("name", name.into()),
        ("state", format!("state-{label}").into()),
        ("source", source.into()),
        ("soa", soa.into()),
    ])
}

pub(super) fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Starts the server, unless it runs or the network has none.
///
/// # Errors
/// When the program is missing or cannot be started.
pub fn start(dir: &Path) -> Result<()> {
    if folder(dir).join("config.toml").exists() && process(dir).is_none() {
        Process::start(&Program::ZONE, &folder(dir))?;
    }
    Ok(())
}

/// Ends the server, if it runs.
///
/// # Errors
/// When it does not die.
pub fn stop(dir: &Path) -> Result<()> {
    process(dir).map_or(Ok(()), |process| process.kill(GRACE))
}

/// The server's process, if it lives and is ours.
pub fn process(dir: &Path) -> Option<Process> {
    Process::read(&folder(dir)).filter(Process::lives)
}

/// What `devnet.json` says of it: an entry for each zone; none without a server.
pub fn entries(dir: &Path) -> Vec<ZoneServerEntry> {
    let folder = folder(dir);
    let (Some(config), Some(address)) = (read(&folder), address(dir)) else { return Vec::new() };
    let pid = Process::read(&folder).map_or(0, |p| p.pid);
    let zones = config.get("zone").and_then(Value::as_array).cloned().unwrap_or_default();
    let names = zones.iter().filter_map(|zone| zone.get("name")?.as_str());
    let entry = |zone: &str| ZoneServerEntry {
        zone: zone.to_owned(),
        address,
        pid,
        key_name: KEY_NAME.into(),
        algorithm: ALGORITHM.into(),
        key_file: folder.join("tsig.key"),
        secret_file: folder.join("tsig.secret"),
    };
    names.map(entry).collect()
}

/// Where it listens.
pub fn address(dir: &Path) -> Option<SocketAddr> {
    read(&folder(dir))?.get("listen")?.get(0)?.as_str()?.parse().ok()
}

fn read(folder: &Path) -> Option<Table> {
    std::fs::read_to_string(folder.join("config.toml")).ok()?.parse().ok()
}
