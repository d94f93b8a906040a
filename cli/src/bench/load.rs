//! Load: transactions signed beforehand, sent in batches, no more on the way than allowed.

use super::{CONTRACT, METHOD, feed::Feed};
use crate::error::{CliError, Result};
use althing_api::{RefusalCode, model::MAX_BATCH};
use althing_client::{Client, ClientError};
use althing_types::{
    codec::{Bytes, Text, encode},
    crypto::{SecretKey, Signed},
    hash::{Tag, hash},
    id::{ChainId, ContractId, Height, Sequence},
    transaction::{Attributes, Content, Operation, SignedTransaction, TRANSACTION_VERSION, Transaction},
};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Bytes of a note.
const NOTE: usize = 100;
/// Slots that are written in turn: the state grows to this many entries and stays.
const SLOTS: u64 = 4_096;
/// Fuel limit of one call; the call takes less than a hundredth of the chain's maximum.
pub const FUEL: u64 = 1_000_000;
/// Pause when as many transactions are on the way as allowed, or a node asks for one.
const PAUSE: Duration = Duration::from_millis(5);
/// Transactions of one key in one batch.
const RUN: usize = 32;

/// One call of the benchmark's contract.
///
/// # Errors
/// Never for the lengths used here; the types ask for it.
pub fn transaction(
    chain: &ChainId,
    key: &SecretKey,
    sequence: Sequence,
    expiry: Height,
    now_ms: u64,
) -> Result<Transaction> {
    let public = key.public();
    let digest = hash(Tag::Contract, &[b"bench", &public.0, &sequence.0.to_le_bytes()]).0;
    let slot = u32::try_from(u64::from(u16::from_le_bytes([digest[0], digest[1]])) % SLOTS).unwrap_or_default();
    let note: Vec<u8> = digest.iter().copied().cycle().take(NOTE).collect();
    let too_long = |e: althing_types::codec::TooLong| CliError::internal("too_long", e.to_string());
    let arguments = encode(&(slot, Bytes::<128>::new(note).map_err(too_long)?));
    Ok(Transaction {
        version: TRANSACTION_VERSION,
        chain: chain.clone(),
        attributes: Attributes::Root,
        operation: Operation::Call,
        content: Content::Call {
            contract: ContractId::new(CONTRACT)?,
            method: Text::new(METHOD).map_err(too_long)?,
            arguments: Bytes::new(arguments).map_err(too_long)?,
        },
        postscript: Text::default(),
        operator: public,
        sequence,
        timestamp_ms: now_ms,
        expiry,
        fuel_limit: FUEL,
    })
}

/// One key with its signed transactions, in order.
#[derive(Debug)]
pub struct Sender {
    key: SecretKey,
    next: Sequence,
    signed: VecDeque<SignedTransaction>,
}

impl Sender {
    /// A key whose next sequence number is known.
    pub const fn new(key: SecretKey, next: Sequence) -> Self {
        Self { key, next, signed: VecDeque::new() }
    }

    /// The key.
    pub const fn key(&self) -> &SecretKey {
        &self.key
    }

    /// Signs until `count` transactions are ready.
    ///
    /// # Errors
    /// As [`transaction`].
    pub fn sign(&mut self, chain: &ChainId, count: usize, expiry: Height) -> Result<()> {
        let now_ms = crate::devnet::setup::now_ms();
        while self.signed.len() < count {
            let one = transaction(chain, &self.key, self.next, expiry, now_ms)?;
            self.signed.push_back(Signed::sign(one, &self.key));
            self.next = self.next.next();
        }
        Ok(())
    }
}

/// Counters that the senders share.
#[derive(Debug, Default)]
pub struct Shared {
    /// Accepted by a node.
    pub accepted: AtomicU64,
    /// Told to come later.
    pub postponed: AtomicU64,
    /// Set to end the load.
    pub stop: AtomicBool,
    /// Signed under load, because the supply ran out.
    pub late: AtomicU64,
}

/// What senders keep to.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The chain.
    pub chain: ChainId,
    /// Most transactions on the way, of all senders.
    pub in_flight: u64,
    /// Expiry of transactions signed under load.
    pub expiry: Height,
}

/// Sends the transactions of some keys to one node until told to stop; gives the keys back.
///
/// # Errors
/// When the node cannot be reached or refuses for good.
pub async fn send(
    client: Client,
    mut senders: Vec<Sender>,
    rules: Rules,
    shared: Arc<Shared>,
    feed: Feed,
) -> Result<Vec<Sender>> {
    let mut turn = 0usize;
    while !shared.stop.load(Ordering::Relaxed) {
        let on_the_way = shared.accepted.load(Ordering::Relaxed).saturating_sub(feed.committed());
        if on_the_way >= rules.in_flight {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        let mut batch = Vec::with_capacity(MAX_BATCH);
        let mut owners = Vec::with_capacity(MAX_BATCH);
        for _ in 0..senders.len() {
            let at = turn.checked_rem(senders.len()).unwrap_or(0);
            turn = turn.wrapping_add(1);
            let Some(sender) = senders.get_mut(at) else { break };
            if sender.signed.is_empty() {
                sender.sign(&rules.chain, RUN, rules.expiry)?;
                shared.late.fetch_add(RUN as u64, Ordering::Relaxed);
            }
            let room = MAX_BATCH.saturating_sub(batch.len()).min(RUN);
            for one in sender.signed.drain(..room.min(sender.signed.len())) {
                batch.push(one);
                owners.push(at);
            }
            if batch.len() >= MAX_BATCH {
                break;
            }
        }
        let results = match client.submit(&batch).await {
            Ok(results) => results,
            Err(error) => {
                give_back(&mut senders, owners, batch, |_| true);
                match error {
                    ClientError::Api { .. } | ClientError::Transport { .. } if !shared.stop.load(Ordering::Relaxed) => {
                        shared.postponed.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                    other => return Err(other.into()),
                }
            }
        };
        let mut later = vec![false; batch.len()];
        let mut accepted = 0u64;
        for (result, later) in results.iter().zip(&mut later) {
            match &result.refusal {
                None => accepted = accepted.saturating_add(1),
                // It was taken in before the answer to an earlier attempt got lost.
                Some(refusal) if refusal.code == RefusalCode::SequenceUsed => accepted = accepted.saturating_add(1),
                Some(refusal) if refusal.code.is_temporary() => *later = true,
                Some(refusal) => {
                    return Err(CliError::new(
                        crate::exit_code::Exit::Refused,
                        refusal.code.text(),
                        refusal.message.clone(),
                    )
                    .field("transaction")
                    .value(result.hash.to_string()));
                }
            }
        }
        shared.accepted.fetch_add(accepted, Ordering::Relaxed);
        let postponed = later.iter().filter(|l| **l).count() as u64;
        if postponed > 0 {
            shared.postponed.fetch_add(postponed, Ordering::Relaxed);
            give_back(&mut senders, owners, batch, |index| later.get(index).copied().unwrap_or_default());
            tokio::time::sleep(PAUSE).await;
        }
    }
    Ok(senders)
}

/// Puts transactions back in front of their key's queue, in order.
fn give_back(senders: &mut [Sender], owners: Vec<usize>, batch: Vec<SignedTransaction>, which: impl Fn(usize) -> bool) {
    for (index, (owner, one)) in owners.into_iter().zip(batch).enumerate().rev() {
        if which(index)
            && let Some(sender) = senders.get_mut(owner)
        {
            sender.signed.push_front(one);
        }
    }
}

/// Sends one transaction at a time and waits for it; times in milliseconds.
///
/// # Errors
/// When one is refused, fails, or is not final in time.
pub async fn latencies(client: &Client, sender: &mut Sender, rules: &Rules, for_time: Duration) -> Result<Vec<f64>> {
    const LIMIT: Duration = Duration::from_secs(30);
    let end = Instant::now().checked_add(for_time);
    let mut out = Vec::new();
    while end.is_none_or(|end| Instant::now() < end) || out.is_empty() {
        sender.sign(&rules.chain, 1, rules.expiry)?;
        let Some(one) = sender.signed.pop_front() else { break };
        let hash = one.value.hash();
        let started = Instant::now();
        let results = client.submit(std::slice::from_ref(&one)).await?;
        if let Some(refusal) = results.first().and_then(|r| r.refusal.as_ref()) {
            return Err(CliError::new(crate::exit_code::Exit::Refused, refusal.code.text(), refusal.message.clone()));
        }
        let document = client.wait(&hash, LIMIT).await?;
        match document.status {
            althing_api::model::TransactionStatus::Final { receipt, .. }
                if receipt.status == althing_types::receipt::Status::Succeeded => {}
            other => {
                return Err(CliError::internal(
                    "call_failed",
                    format!("a call of the benchmark did not succeed: {other:?}"),
                ));
            }
        }
        out.push(started.elapsed().as_secs_f64() * 1e3);
        // Not in step with the blocks: the next one comes at another moment of the interval.
        tokio::time::sleep(Duration::from_millis(20u64.saturating_add(u64::from(hash.0[0] % 64)))).await;
    }
    Ok(out)
}
