//! `althing sync status`: what a chain knows of its peers, and how far each of two chains is behind the other.

use super::{Context, contract, ends};
use crate::{
    args::Ends,
    chain::{Chain, typed},
    error::{CliError, Result},
    output::{columns, table},
};
use althing_interface::{
    layout,
    root_sync::{Answer, HeldChange, Peer, TrustedList, Verdict},
};
use althing_types::{
    id::{ChainId, Height},
    keyspace::storage,
};
use serde::Serialize;

/// What a chain holds of a peer.
#[derive(Serialize)]
struct Known {
    #[serde(flatten)]
    peer: Peer,
    /// Sequence number of the last message received from it.
    received: u64,
    /// First height of the trusted authority list.
    list_since: Height,
    /// Its authorities.
    authorities: usize,
    /// The message that waits for a vote.
    held: Option<u64>,
}

/// One direction between two chains.
#[derive(Serialize)]
struct Direction {
    from: ChainId,
    to: ChainId,
    /// Height of the sending chain.
    height: Height,
    /// Messages sent, and received by the other chain.
    sent: u64,
    received: u64,
    /// Messages that the other chain has not received.
    behind: u64,
    /// Greatest height of the sender that the receiver has seen, and how far that is behind.
    seen: Height,
    blocks_behind: u64,
    /// Greatest height of the sender up to which the receiver knows that it has every message.
    checked: Height,
    /// What became of the last message that was answered.
    answer: Option<Answer>,
    /// The receiver's side.
    receiver: Known,
}

#[derive(Serialize)]
struct Both {
    verified: bool,
    directions: [Direction; 2],
}

#[derive(Serialize)]
struct Peers {
    chain: ChainId,
    verified: bool,
    peers: Vec<Known>,
}

/// Runs `althing sync status`.
///
/// # Errors
/// When a node does not answer, a proof fails, or the chains are no peers.
pub(super) async fn run(context: &Context, given: &Ends) -> Result<()> {
    if given.are_left_out() { one(context).await } else { both(context, given).await }
}

async fn one(context: &Context) -> Result<()> {
    let chain = context.chain().await?;
    let mut peers = Vec::new();
    for (_, value) in &chain.scan(&storage(&contract()?, &layout::peers_prefix())).await?.entries {
        if let Some(peer) = typed::<Peer>("peer", Some(value))? {
            peers.extend(known(&chain, &peer.chain).await?.map(|(_, known)| known));
        }
    }
    let found = Peers { chain: chain.genesis.chain.clone(), verified: chain.verifies(), peers };
    context.output.print(&found, |found| {
        if found.peers.is_empty() {
            return format!("chain {} has no peers", found.chain);
        }
        let row = |known: &Known| {
            let Known { peer, received, held, .. } = known;
            vec![
                peer.tld.to_string(),
                peer.chain.to_string(),
                word(&peer.status),
                word(&peer.policy),
                format!("{} ({} acknowledged)", peer.sent, peer.acknowledged),
                received.to_string(),
                peer.seen.to_string(),
                held.map_or("-".to_owned(), |held| held.to_string()),
                peer.refusals.to_string(),
            ]
        };
        let heading = ["TLD", "PEER", "STATUS", "POLICY", "SENT", "RECEIVED", "SEEN", "HELD", "REFUSED"];
        columns(&heading, &found.peers.iter().map(row).collect::<Vec<_>>())
    })
}

async fn both(context: &Context, given: &Ends) -> Result<()> {
    let [from, to] = ends(context, given).await?;
    let verified = from.verifies() && to.verifies();
    let (at_from, at_to) = (must_know(&from, &to).await?, must_know(&to, &from).await?);
    let forth = direction(&from, &to, &at_from, must_know(&to, &from).await?.1);
    let back = direction(&to, &from, &at_to, at_from.1);
    context.output.print(&Both { verified, directions: [forth, back] }, |both| {
        both.directions.iter().map(text).collect::<Vec<_>>().join("\n\n")
    })
}

fn direction(from: &Chain, to: &Chain, sender: &(Height, Known), receiver: Known) -> Direction {
    let (height, Known { peer, .. }) = sender;
    Direction {
        from: from.genesis.chain.clone(),
        to: to.genesis.chain.clone(),
        height: *height,
        sent: peer.sent,
        received: receiver.received,
        behind: peer.sent.saturating_sub(receiver.received),
        seen: receiver.peer.seen,
        blocks_behind: height.0.saturating_sub(receiver.peer.seen.0),
        checked: receiver.peer.checked,
        answer: peer.answer.clone(),
        receiver,
    }
}

fn text(direction: &Direction) -> String {
    let Direction { height, sent, received, behind, seen, blocks_behind, checked, receiver, .. } = direction;
    let answer = direction.answer.as_ref().map_or("none yet".to_owned(), |answer| match &answer.verdict {
        Verdict::Applied => format!("message {}: applied", answer.of),
        Verdict::Held => format!("message {}: held", answer.of),
        Verdict::Refused { code, reason } => format!("message {}: refused, {code}: {reason}", answer.of),
    });
    table(&[
        ("from", format!("{} at height {height}", direction.from)),
        ("to", format!("{}, for which it is {}", direction.to, word(&receiver.peer.status))),
        ("messages", format!("{sent} sent, {received} received, {behind} to be carried")),
        ("last answer", answer),
        ("headers", format!("seen up to {seen}, {blocks_behind} blocks behind")),
        ("complete", format!("up to height {checked}")),
        ("trusted list", format!("{} authorities, since height {}", receiver.authorities, receiver.list_since)),
        ("refused", format!("{} deliveries", receiver.peer.refusals)),
    ])
}

/// A plain enumeration's word.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

async fn must_know(chain: &Chain, peer: &Chain) -> Result<(Height, Known)> {
    let (own, other) = (&chain.genesis.chain, &peer.genesis.chain);
    known(chain, other).await?.ok_or_else(|| {
        CliError::not_found("no_peer", format!("chain {own} has no peer {other}"))
            .field("peer")
            .value(other.as_str())
            .rule("a peer of the chain; see althing sync status")
    })
}

async fn known(chain: &Chain, peer: &ChainId) -> Result<Option<(Height, Known)>> {
    let contract = contract()?;
    let keys =
        [layout::peer_key(peer), layout::trusted_list_key(peer), layout::received_key(peer), layout::held_key(peer)];
    let keys = keys.map(|key| storage(&contract, &key));
    let entries = chain.read(&keys, None).await?;
    let value = |at: usize| entries.values.get(at).and_then(Option::as_deref);
    let peer = typed::<Peer>("peer", value(0))?;
    let trusted = typed::<TrustedList>("trusted list", value(1))?;
    let (Some(peer), Some(TrustedList { list, since })) = (peer, trusted) else { return Ok(None) };
    let received = typed::<u64>("received", value(2))?.unwrap_or(0);
    let held = typed::<HeldChange>("held change", value(3))?.map(|held| held.message.sequence);
    Ok(Some((entries.height, Known { peer, received, list_since: since, authorities: list.count(), held })))
}
