//! Options of `althing node`: the files of a node that is to join.

use althing_api::config::PeerConfig;
use clap::{Args, Subcommand};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    str::FromStr,
};

/// `althing node`.
#[derive(Debug, Subcommand)]
pub enum NodeCommand {
    /// Make the key and the configuration of a node that is to join a chain.
    Init(NodeInit),
}

/// Options of `node init`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing node init --genesis genesis.json --peer 3b6a...29@root-1.example:7000 --listen 0.0.0.0:7000 --api 127.0.0.1:8100 --dir node\n  althingd --config node/config.toml\n\n--genesis is the chain's genesis document, from a member that you trust; --api is where the node's own API is to listen."
)]
pub struct NodeInit {
    /// A member's node to dial: NODE_ID@HOST:PORT; again for each further one.
    #[arg(long = "peer", value_name = "NODE_ID@HOST:PORT", required = true, value_parser = peer)]
    pub peers: Vec<PeerConfig>,
    /// Address to listen on for other nodes.
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: HostPort,
    /// Folder to write.
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Folder with code of genesis contracts (ID.wasm) that this program does not bring.
    #[arg(long, value_name = "DIR")]
    pub contracts: Option<PathBuf>,
    /// API of a node to take a checkpoint from, such as http://192.0.2.1:8100; again for each further one.
    #[arg(long = "checkpoint-from", value_name = "URL")]
    pub checkpoint_from: Vec<String>,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    host: String,
    port: u16,
}

impl FromStr for HostPort {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || format!("'{text}' is not of the form HOST:PORT, such as 192.0.2.1:7000 or [2001:db8::1]:7000");
        let (host, port) = text.rsplit_once(':').ok_or_else(rule)?;
        let port = port.parse().map_err(|_| rule())?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let good = match bare {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-')),
        };
        if good { Ok(Self { host: bare.unwrap_or(host).to_owned(), port }) } else { Err(rule()) }
    }
}

impl std::fmt::Display for HostPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl HostPort {
    /// As a multiaddress.
    pub fn multiaddress(&self) -> String {
        let kind = match &self.host {
            host if host.contains(':') => "ip6",
            host if host.parse::<Ipv4Addr>().is_ok() => "ip4",
            _ => "dns",
        };
        format!("/{kind}/{}/tcp/{}", self.host, self.port)
    }
}

fn peer(text: &str) -> Result<PeerConfig, String> {
    let (node_id, address) = text.split_once('@').ok_or("a peer is NODE_ID@HOST:PORT")?;
    let node_id = node_id.parse().map_err(|_| format!("'{node_id}' is no node id of 64 hexadecimal digits"))?;
    Ok(PeerConfig { node_id, address: address.parse::<HostPort>()?.multiaddress() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_become_multiaddresses() {
        for (text, address) in [
            ("192.0.2.1:7000", "/ip4/192.0.2.1/tcp/7000"),
            ("[2001:db8::1]:7000", "/ip6/2001:db8::1/tcp/7000"),
            ("a.example:7000", "/dns/a.example/tcp/7000"),
        ] {
            let parsed: HostPort = text.parse().unwrap();
            assert_eq!((parsed.multiaddress().as_str(), parsed.to_string().as_str()), (address, text));
        }
        for bad in ["", "a", "a:", "a:x", ":7", "2001:db8::1:7", "[a]:7", "a/b:7", "a:70000"] {
            assert!(bad.parse::<HostPort>().is_err(), "{bad}");
        }
        assert!(peer(&format!("{}@a.example:1", "ab".repeat(32))).is_ok());
        assert!(peer("xyz@a.example:1").is_err() && peer("a.example:1").is_err());
    }
}
