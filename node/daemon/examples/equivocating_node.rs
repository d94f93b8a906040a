//! A node that breaks the rules on purpose, for tests of what the others do about it. Not part of the product.
//!
//! It is the real node with another way out: from a height on, each of its votes for a block is followed by a second,
//! conflicting one, which goes to some of its peers only. So no single peer's silence hides it, and not everybody sees
//! it. It takes the arguments of `althingd`, so that a test can start it in the place of one; the height comes from
//! the environment variable `ALTHING_EQUIVOCATE_FROM` (default 1).

use althing_api::config::NodeConfig;
use althing_daemon::{assemble, wire::Wire};
use althing_network::{CallError, Channel, Gossip, Handle, Peer, Request, RequestId, Response};
use althing_types::{
    crypto::{NodeId, SecretKey, Signed},
    hash::{Hash, Tag, hash},
    id::Height,
    transaction::SignedTransaction,
    vote::{SignedVote, Vote},
};
use clap::Parser;
use std::{collections::BTreeSet, path::PathBuf, process::ExitCode};

/// Runs a node that votes twice.
#[derive(Debug, Parser)]
struct Arguments {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// The network, with a second opinion on every vote.
#[derive(Clone)]
struct TwoFaced {
    network: Handle,
    key: SecretKey,
    from: Height,
}

impl TwoFaced {
    /// A vote that contradicts an own one; `None` when it is not to be contradicted.
    fn contradiction(&self, message: &Gossip) -> Option<SignedVote> {
        let Gossip::Vote(vote) = message else { return None };
        let vote = &vote.value;
        let block = vote.block.filter(|_| vote.voter == NodeId::from(self.key.public()) && vote.height >= self.from)?;
        let other: Hash = hash(Tag::Vote, &[b"another block", &block.0]);
        Some(Signed::sign(Vote { block: Some(other), ..vote.clone() }, &self.key))
    }
}

impl Wire for TwoFaced {
    fn publish(&self, message: &Gossip) -> Result<(), CallError> {
        Wire::publish(&self.network, message)?;
        if let Some(second) = self.contradiction(message) {
            tracing::warn!(height = second.value.height.0, kind = ?second.value.kind, "voting twice");
            // Every second peer, the first one always.
            for peer in self.network.peers().iter().step_by(2) {
                self.network.send(peer, &Gossip::Vote(second.clone()))?;
            }
        }
        Ok(())
    }
    fn publish_transactions<'a>(
        &self,
        transactions: impl IntoIterator<Item = &'a SignedTransaction>,
    ) -> Result<(), CallError> {
        Wire::publish_transactions(&self.network, transactions)
    }
    fn request(&self, to: NodeId, request: Request) -> Result<RequestId, CallError> {
        self.network.request(to, request)
    }
    fn respond(&self, channel: Channel, response: Response) -> Result<(), CallError> {
        self.network.respond(channel, response)
    }
    fn set_members(&self, members: BTreeSet<NodeId>) {
        self.network.set_members(members);
    }
    fn set_peers(&self, peers: Vec<Peer>) {
        self.network.set_peers(peers);
    }
    fn penalise(&self, node: &NodeId, reason: &str) {
        self.network.penalise(node, reason);
    }
    fn connected(&self) -> usize {
        Wire::connected(&self.network)
    }
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("equivocating_node: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config: NodeConfig = assemble::read_config(&arguments.config)?;
    let from = std::env::var("ALTHING_EQUIVOCATE_FROM").ok();
    let from = Height(from.map(|text| text.parse()).transpose()?.unwrap_or(1));
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).init();
    assemble::run_over(config, move |network, key| TwoFaced { network, key: key.clone(), from })
}
