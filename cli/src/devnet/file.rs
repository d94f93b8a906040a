//! `devnet.json`, and what `devnet status` shows: how a local network looks to other programs.

use althing_types::{
    crypto::NodeId,
    genesis::{ChainKind, Genesis},
    govern::Standing,
    id::OrganisationId,
    organisation::Role,
};
use serde::{Deserialize, Serialize};
use std::path::Path;

use super::{access_node::AccessNodeEntry, zone_server::ZoneServerEntry};

/// The file that others read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevnetFile {
    /// One entry per node, by index.
    pub nodes: Vec<NodeEntry>,
    /// The chains, the first one first.
    #[serde(default)]
    pub chains: Vec<ChainEntry>,
    /// One entry for each zone that a server of this network serves.
    #[serde(default)]
    pub zone_servers: Vec<ZoneServerEntry>,
    /// Access nodes for registration data: at most one.
    #[serde(default)]
    pub access_nodes: Vec<AccessNodeEntry>,
}

/// One chain in [`DevnetFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainEntry {
    /// Its id.
    pub chain: String,
    /// `root`, `tld`, `registry` or `registrar`.
    pub kind: String,
    /// The TLD of a TLD chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tld: Option<String>,
    /// File of its genesis document.
    pub genesis: String,
}

impl ChainEntry {
    /// Of a genesis document and its file.
    pub(super) fn of(genesis: &Genesis, path: &Path) -> Self {
        let (kind, tld) = match &genesis.kind {
            ChainKind::Root => ("root", None),
            ChainKind::Tld(label) => ("tld", Some(label.to_string())),
            ChainKind::Registry => ("registry", None),
            ChainKind::Registrar => ("registrar", None),
        };
        Self { chain: genesis.chain.to_string(), kind: kind.into(), tld, genesis: path.display().to_string() }
    }
}

/// One node in [`DevnetFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Its index, from 0.
    pub index: usize,
    /// Its process; of a stopped node the last one.
    pub pid: u32,
    /// Base URL of its API for the first of its chains.
    pub api: String,
    /// Its identity.
    pub node_id: NodeId,
    /// Whose it is; only in a governed network.
    #[serde(flatten)]
    pub seat: SeatEntry,
    /// Its chains, in the order of its configuration.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chains: Vec<NodeChain>,
}

/// One chain of a node in [`NodeEntry`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeChain {
    /// Its id.
    pub chain: String,
    /// Base URL of the node's API for it.
    pub api: String,
    /// What the node may do at the start of that chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// Whose a node of a governed network is. What it may do now is in the chain's member list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatEntry {
    /// The organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrganisationId>,
    /// What the organisation is to the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Role>,
    /// What the node may do at the start of the chain; absent for one that is to join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// One node as `devnet status` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct NodeReport {
    /// Index, process, API, identity.
    #[serde(flatten)]
    pub entry: NodeEntry,
    /// Whether its process lives.
    pub running: bool,
    /// Its height in its first chain, when it answers.
    pub height: Option<u64>,
    /// Hash of its last block there.
    pub block_hash: Option<String>,
    /// Connected peers there.
    pub peers: Option<usize>,
    /// Why it has stopped following that chain, when it has.
    pub halted: Option<String>,
    /// The same for each of its chains; the entry leaves them to this field.
    pub chains: Vec<ChainReport>,
}

/// One chain of a node as `devnet status` shows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ChainReport {
    /// Its id.
    pub chain: String,
    /// Base URL of the node's API for it.
    pub api: String,
    /// The node's height, when it answers.
    pub height: Option<u64>,
    /// Hash of its last block.
    pub block_hash: Option<String>,
    /// Connected peers.
    pub peers: Option<usize>,
    /// Why it has stopped following the chain, when it has.
    pub halted: Option<String>,
}
