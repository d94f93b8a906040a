//! From orders to receipts: sequence numbers, signatures, batches, finality.
//!
//! ```text
//! waiting --sign--> signed --accepted--> in flight --final--> done
//!                     ^  ^                  |  |
//!                     |  +--lost by a node--+  +--left out: expired --> signed again, same sequence number
//!                     +--"later" (pool full)   +--left out: number used by another --> signed again, new number
//! ```
//!
//! A transaction is known by its hash: sending it again is harmless, so whatever a killed or lagging node has lost is
//! sent again. A new signature under another sequence number is made only when the old one can never be included.

use crate::{client::Client, error::ClientError, limits::check};
use althing_api::{
    Refusal, RefusalCode,
    model::{MAX_BATCH, TransactionStatus},
};
use althing_types::{
    codec::{Bytes, Text, TooLong},
    crypto::{PublicKey, SecretKey, Signed},
    genesis::{Genesis, Parameters},
    hash::Hash,
    id::{ContractId, Height, Sequence},
    receipt::Receipt,
    transaction::{AbnormalCode, Content, Operation, SignedTransaction, TRANSACTION_VERSION, Transaction},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{Instant, sleep};

/// Longest wait for the oldest transactions before the others are looked after.
const LOOK: Duration = Duration::from_millis(500);
/// Pause after a node said "later".
const LATER: Duration = Duration::from_millis(100);
/// Time without news of a transaction after which it is sent again, through another node when there is one.
const SEND_AGAIN: Duration = Duration::from_secs(10);
/// Fewest transactions of one key that are kept in flight, whatever the node's pool says.
const LEAST_PER_KEY: usize = 8;

/// What is to be done, before it has a sequence number and a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Operation type.
    pub operation: Operation,
    /// What is to be done.
    pub content: Content,
    /// A note for people.
    pub postscript: String,
    /// Most fuel; `None` takes [`SubmitterConfig::call_fuel`] for calls and the chain's maximum for other content.
    pub fuel_limit: Option<u64>,
}

impl Order {
    /// A call of a contract's method; `arguments` are the canonical bytes of the argument tuple.
    ///
    /// # Errors
    /// [`ClientError::Argument`] when something is too long.
    pub fn call(
        contract: ContractId,
        method: &str,
        arguments: Vec<u8>,
        operation: Operation,
    ) -> Result<Self, ClientError> {
        let method = Text::new(method).map_err(too_long("method"))?;
        let arguments = Bytes::new(arguments).map_err(too_long("arguments"))?;
        Ok(Self::of(operation, Content::Call { contract, method, arguments }))
    }

    /// A new contract; `arguments` are the canonical bytes of the initialiser's argument tuple.
    ///
    /// # Errors
    /// [`ClientError::Argument`] when something is too long.
    pub fn deploy(contract: ContractId, code: Vec<u8>, arguments: Vec<u8>) -> Result<Self, ClientError> {
        let code = Bytes::new(code).map_err(too_long("code"))?;
        let arguments = Bytes::new(arguments).map_err(too_long("arguments"))?;
        Ok(Self::of(Operation::Deploy, Content::Deploy { contract, code, arguments }))
    }

    /// New code of a contract.
    ///
    /// # Errors
    /// [`ClientError::Argument`] when the code is too long.
    pub fn upgrade(contract: ContractId, code: Vec<u8>) -> Result<Self, ClientError> {
        let code = Bytes::new(code).map_err(too_long("code"))?;
        Ok(Self::of(Operation::Upgrade, Content::Upgrade { contract, code }))
    }

    /// Code for a proposal to name by its hash.
    ///
    /// # Errors
    /// [`ClientError::Argument`] when the code is too long.
    pub fn upload(code: Vec<u8>) -> Result<Self, ClientError> {
        let code = Bytes::new(code).map_err(too_long("code"))?;
        Ok(Self::of(Operation::Upload, Content::Upload { code }))
    }

    const fn of(operation: Operation, content: Content) -> Self {
        Self { operation, content, postscript: String::new(), fuel_limit: None }
    }
}

fn too_long(field: &'static str) -> impl Fn(TooLong) -> ClientError {
    move |e| ClientError::Argument { field, rule: e.to_string() }
}

/// How transactions are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmitterConfig {
    /// Transactions of one request, at most 512.
    pub batch: usize,
    /// Most transactions that are sent and not yet final.
    pub window: usize,
    /// Expiry, in blocks after the height known when signing; the chain's own maximum is kept.
    pub expiry_blocks: u64,
    /// Fuel limit of calls that name none; the chain's maximum is kept.
    pub call_fuel: u64,
    /// How long a transaction may take before it is given up, counted anew whenever another one of the same run becomes
    /// final: many that wait for each other on a slow chain are not lost while it advances.
    pub timeout: Duration,
}

impl Default for SubmitterConfig {
    fn default() -> Self {
        Self {
            batch: 256,
            window: 2_048,
            expiry_blocks: 10_000,
            call_fuel: 10_000_000,
            timeout: Duration::from_secs(120),
        }
    }
}

/// A transaction that is in a final block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Final {
    /// Its hash.
    pub hash: Hash,
    /// Height of its block.
    pub height: Height,
    /// Its position in the block.
    pub index: u32,
    /// What became of it; it may have failed.
    pub receipt: Receipt,
}

/// Signs and sends transactions of any number of keys and waits until they are final.
///
/// One submitter should be the only user of its keys while it works: when another sender uses a sequence number of the
/// same key, the transaction is signed again with a later number and the order within the key is lost.
#[derive(Debug)]
pub struct Submitter {
    client: Client,
    genesis: Arc<Genesis>,
    config: SubmitterConfig,
    /// What the chain allows, as it was when the last orders were taken.
    parameters: Parameters,
    sequences: BTreeMap<PublicKey, Sequence>,
    height: Height,
}

/// One order on its way.
struct Item {
    key: SecretKey,
    public: PublicKey,
    order: Order,
    state: State,
}

enum State {
    Waiting,
    Sent(Sent),
    Done(Result<Final, ClientError>),
}

struct Sent {
    transaction: SignedTransaction,
    hash: Hash,
    /// Whether a node has it, as far as is known.
    in_flight: bool,
    first: Instant,
    last: Instant,
}

/// What a run keeps besides its items.
#[derive(Default)]
struct Run {
    /// Sequence numbers that a refused transaction has left open.
    holes: BTreeMap<PublicKey, BTreeSet<Sequence>>,
    /// Most transactions in flight of keys whose node said "too many".
    allowed: BTreeMap<PublicKey, usize>,
}

impl Submitter {
    /// A submitter for the chain of `genesis`.
    pub fn new(client: Client, genesis: &Genesis, config: SubmitterConfig) -> Self {
        let config =
            SubmitterConfig { batch: config.batch.clamp(1, MAX_BATCH), window: config.window.max(1), ..config };
        let parameters = genesis.parameters.clone();
        let genesis = Arc::new(genesis.clone());
        Self { client, genesis, config, parameters, sequences: BTreeMap::new(), height: Height(0) }
    }

    /// Forgets what is known about a key's sequence number; the node is asked again.
    pub fn forget(&mut self, key: &PublicKey) {
        self.sequences.remove(key);
    }

    /// Signs, sends and waits for one transaction.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Abnormal`], [`ClientError::NotFinal`] and the transport's.
    pub async fn send(&mut self, key: &SecretKey, order: Order) -> Result<Final, ClientError> {
        let mut results = self.send_all(vec![(key.clone(), order)], |_| {}).await?;
        results.pop().unwrap_or_else(|| Err(ClientError::Argument { field: "order", rule: "no result".into() }))
    }

    /// Signs and sends one transaction and does not wait for finality; gives its hash.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_only(&mut self, key: &SecretKey, order: Order) -> Result<Hash, ClientError> {
        self.parameters = self.client.parameters(&self.genesis).await?;
        check(&order, &self.parameters)?;
        let public = key.public();
        let end = Instant::now().checked_add(self.config.timeout);
        let mut sequence = self.next_sequence(&public).await?;
        loop {
            let transaction = self.sign(key, &order, sequence)?;
            let result = self.client.submit(std::slice::from_ref(&transaction)).await?.pop();
            let hash = transaction.value.hash();
            let Some(refusal) = result.and_then(|r| r.refusal) else {
                self.sequences.insert(public, sequence.next());
                return Ok(hash);
            };
            let fresh = refusal.code == RefusalCode::SequenceUsed;
            if !(fresh || refusal.code.is_temporary()) || end.is_none_or(|end| Instant::now() >= end) {
                self.forget(&public);
                return Err(ClientError::Refused { hash, refusal });
            }
            sleep(LATER).await;
            if fresh {
                self.forget(&public);
                sequence = self.next_sequence(&public).await?;
            }
        }
    }

    /// Sends many transactions, those of one key in the given order, in batches and with a window; `progress` gets the
    /// number of decided transactions so far. Results are in the order of the orders; a refused transaction does not
    /// stop the others.
    ///
    /// # Errors
    /// Only when nothing more can be sent: no node answers for the client's retry time.
    pub async fn send_all(
        &mut self,
        orders: Vec<(SecretKey, Order)>,
        mut progress: impl FnMut(usize) + Send,
    ) -> Result<Vec<Result<Final, ClientError>>, ClientError> {
        self.parameters = self.client.parameters(&self.genesis).await?;
        let mut items: Vec<Item> = Vec::with_capacity(orders.len());
        for (key, order) in orders {
            let state = check(&order, &self.parameters).map_or_else(|e| State::Done(Err(e)), |()| State::Waiting);
            items.push(Item { public: key.public(), key, order, state });
        }
        let outcome = self.run(&mut items, &mut progress).await;
        // Numbers of transactions that were given up may or may not be used: ask again next time.
        for item in &items {
            if !matches!(item.state, State::Done(Ok(_))) {
                self.sequences.remove(&item.public);
            }
        }
        outcome?;
        let unfinished = || ClientError::Argument { field: "order", rule: "was not sent".into() };
        Ok(items
            .into_iter()
            .map(|item| if let State::Done(result) = item.state { result } else { Err(unfinished()) })
            .collect())
    }

    async fn run(&mut self, items: &mut [Item], progress: &mut (impl FnMut(usize) + Send)) -> Result<(), ClientError> {
        let mut run = Run::default();
        let mut reported = 0usize;
        let mut advanced: Option<Instant> = None;
        loop {
            let later = self.send_due(items, &mut run).await?;
            self.look(items, &mut run).await?;
            let done = |items: &[Item]| items.iter().filter(|i| matches!(i.state, State::Done(_))).count();
            let now = Instant::now();
            if done(items) > reported {
                advanced = Some(now);
            }
            for item in items.iter_mut() {
                if let State::Sent(sent) = &item.state
                    && now.saturating_duration_since(advanced.map_or(sent.first, |at| at.max(sent.first)))
                        > self.config.timeout
                {
                    let waited_ms = u64::try_from(self.config.timeout.as_millis()).unwrap_or(u64::MAX);
                    item.state = State::Done(Err(ClientError::NotFinal { hash: sent.hash, waited_ms }));
                }
            }
            let done = done(items);
            if done > reported {
                reported = done;
                progress(done);
            }
            if done == items.len() {
                return Ok(());
            }
            if later {
                sleep(LATER).await;
            }
        }
    }

    /// Signs and submits what the window allows, in the order of the items, until it is full or nothing is due;
    /// whether a node said "later".
    async fn send_due(&mut self, items: &mut [Item], run: &mut Run) -> Result<bool, ClientError> {
        loop {
            let batch = self.pick(items, run).await?;
            if batch.is_empty() {
                return Ok(false);
            }
            let transactions: Vec<SignedTransaction> = batch
                .iter()
                .filter_map(|at| match items.get(*at).map(|i| &i.state) {
                    Some(State::Sent(sent)) => Some(sent.transaction.clone()),
                    _ => None,
                })
                .collect();
            let results = self.client.submit(&transactions).await?;
            let mut later = false;
            for (at, result) in batch.into_iter().zip(results) {
                if let Some(item) = items.get_mut(at) {
                    later |= self.judge(item, run, result.refusal).await?;
                }
            }
            if later {
                let mut counts: BTreeMap<PublicKey, usize> = BTreeMap::new();
                for item in items.iter() {
                    if matches!(&item.state, State::Sent(sent) if sent.in_flight) {
                        let count = counts.entry(item.public).or_default();
                        *count = count.saturating_add(1);
                    }
                }
                for (key, allowed) in &mut run.allowed {
                    *allowed = counts.get(key).copied().unwrap_or(0).max(LEAST_PER_KEY).min(*allowed);
                }
                return Ok(true);
            }
        }
    }

    /// Positions of the next batch; all of them are signed.
    async fn pick(&mut self, items: &mut [Item], run: &mut Run) -> Result<Vec<usize>, ClientError> {
        let mut in_flight: BTreeMap<PublicKey, usize> = BTreeMap::new();
        let mut total = 0usize;
        for item in items.iter() {
            if matches!(&item.state, State::Sent(sent) if sent.in_flight) {
                let count = in_flight.entry(item.public).or_default();
                *count = count.saturating_add(1);
                total = total.saturating_add(1);
            }
        }
        let mut batch = Vec::new();
        let mut full: BTreeSet<PublicKey> = BTreeSet::new();
        for (at, item) in items.iter_mut().enumerate() {
            if batch.len() >= self.config.batch || total >= self.config.window {
                break;
            }
            let due = match &item.state {
                State::Waiting => true,
                State::Sent(sent) => !sent.in_flight,
                State::Done(_) => false,
            };
            if !due || full.contains(&item.public) {
                continue;
            }
            let count = in_flight.entry(item.public).or_default();
            if run.allowed.get(&item.public).is_some_and(|most| *count >= *most) {
                // Later ones of the key must not overtake this one.
                full.insert(item.public);
                continue;
            }
            if matches!(item.state, State::Waiting) {
                let hole = run.holes.get_mut(&item.public).and_then(BTreeSet::pop_first);
                let sequence = match hole {
                    Some(sequence) => sequence,
                    None => {
                        let sequence = self.next_sequence(&item.public).await?;
                        self.sequences.insert(item.public, sequence.next());
                        sequence
                    }
                };
                let transaction = self.sign(&item.key, &item.order, sequence)?;
                item.state = State::Sent(Sent::new(transaction));
            }
            *count = count.saturating_add(1);
            total = total.saturating_add(1);
            batch.push(at);
        }
        Ok(batch)
    }

    /// Takes in what a node said to one submitted transaction; whether a pause should come before the next batch.
    async fn judge(&mut self, item: &mut Item, run: &mut Run, refusal: Option<Refusal>) -> Result<bool, ClientError> {
        let State::Sent(sent) = &mut item.state else { return Ok(false) };
        let Some(refusal) = refusal else {
            sent.in_flight = true;
            sent.last = Instant::now();
            return Ok(false);
        };
        match refusal.code {
            RefusalCode::Halted => {
                self.client.rotate();
                Ok(true)
            }
            RefusalCode::SenderLimit | RefusalCode::PoolFull | RefusalCode::SequenceGap => {
                run.allowed.entry(item.public).or_insert(usize::MAX);
                Ok(true)
            }
            RefusalCode::SequenceUsed => {
                // It may be this very transaction that used the number.
                let hash = sent.hash;
                let status = self.client.transaction(&hash).await?.status;
                if let TransactionStatus::Final { height, index, receipt } = status {
                    item.state = State::Done(Ok(Final { hash, height, index, receipt: *receipt }));
                } else {
                    self.renumber(item).await?;
                }
                Ok(true)
            }
            RefusalCode::Expired => {
                self.renew(item).await?;
                Ok(true)
            }
            _ => {
                let hash = sent.hash;
                run.holes.entry(item.public).or_default().insert(sent.transaction.value.sequence);
                item.state = State::Done(Err(ClientError::Refused { hash, refusal }));
                Ok(false)
            }
        }
    }

    /// Asks after the oldest transactions in flight and waits a little until they are decided.
    async fn look(&mut self, items: &mut [Item], run: &mut Run) -> Result<(), ClientError> {
        let mut places = Vec::new();
        let mut hashes = Vec::new();
        for (at, item) in items.iter().enumerate() {
            if let State::Sent(sent) = &item.state
                && sent.in_flight
                && hashes.len() < self.config.batch
            {
                places.push(at);
                hashes.push(sent.hash);
            }
        }
        if hashes.is_empty() {
            return Ok(());
        }
        let documents = self.client.transactions(&hashes, LOOK).await?;
        for (at, document) in places.into_iter().zip(documents) {
            let Some(item) = items.get_mut(at) else { continue };
            let State::Sent(sent) = &mut item.state else { continue };
            match document.status {
                TransactionStatus::Final { height, index, receipt } => {
                    self.height = self.height.max(height);
                    item.state = State::Done(Ok(Final { hash: sent.hash, height, index, receipt: *receipt }));
                }
                TransactionStatus::Unknown => sent.in_flight = false,
                TransactionStatus::Pending if sent.last.elapsed() > SEND_AGAIN => {
                    self.client.rotate();
                    sent.in_flight = false;
                }
                TransactionStatus::Pending => {}
                TransactionStatus::Abnormal { code: AbnormalCode::Expired, .. } => self.renew(item).await?,
                TransactionStatus::Abnormal { code: AbnormalCode::SequenceUsed, .. } => self.renumber(item).await?,
                TransactionStatus::Abnormal { code, message, .. } => {
                    let (hash, sequence) = (sent.hash, sent.transaction.value.sequence);
                    run.holes.entry(item.public).or_default().insert(sequence);
                    let code = code.text().into();
                    item.state = State::Done(Err(ClientError::Abnormal { hash, code, message }));
                }
            }
        }
        Ok(())
    }

    /// Signs again with the same number and a new expiry: the old one can never be included any more.
    async fn renew(&mut self, item: &mut Item) -> Result<(), ClientError> {
        let State::Sent(sent) = &item.state else { return Ok(()) };
        let (sequence, first) = (sent.transaction.value.sequence, sent.first);
        self.height = self.client.account(&item.public).await?.height.max(self.height);
        let mut sent = Sent::new(self.sign(&item.key, &item.order, sequence)?);
        sent.first = first;
        item.state = State::Sent(sent);
        Ok(())
    }

    /// Signs again with a new number: the old one was used by a transaction of another sender.
    async fn renumber(&mut self, item: &mut Item) -> Result<(), ClientError> {
        let State::Sent(sent) = &item.state else { return Ok(()) };
        let first = sent.first;
        let account = self.client.account(&item.public).await?;
        self.height = self.height.max(account.height);
        let known = self.sequences.get(&item.public).copied().unwrap_or_default();
        let sequence = known.max(account.next_sequence);
        self.sequences.insert(item.public, sequence.next());
        let mut sent = Sent::new(self.sign(&item.key, &item.order, sequence)?);
        sent.first = first;
        item.state = State::Sent(sent);
        Ok(())
    }

    async fn next_sequence(&mut self, key: &PublicKey) -> Result<Sequence, ClientError> {
        if let Some(known) = self.sequences.get(key) {
            return Ok(*known);
        }
        let account = self.client.account(key).await?;
        self.height = self.height.max(account.height);
        self.sequences.insert(*key, account.next_sequence);
        Ok(account.next_sequence)
    }

    fn sign(&self, key: &SecretKey, order: &Order, sequence: Sequence) -> Result<SignedTransaction, ClientError> {
        let parameters = &self.parameters;
        let blocks = self.config.expiry_blocks.min(parameters.max_expiry_blocks);
        let default_fuel = match order.content {
            Content::Call { .. } => self.config.call_fuel.min(parameters.max_transaction_fuel),
            Content::Deploy { .. } | Content::Upgrade { .. } | Content::Upload { .. } | Content::StorePlan { .. } => {
                parameters.max_transaction_fuel
            }
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let transaction = Transaction {
            version: TRANSACTION_VERSION,
            chain: self.genesis.chain.clone(),
            attributes: self.genesis.kind.attributes(),
            operation: order.operation,
            content: order.content.clone(),
            postscript: Text::new(order.postscript.clone()).map_err(too_long("postscript"))?,
            operator: key.public(),
            sequence,
            timestamp_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            expiry: Height(self.height.0.saturating_add(blocks)),
            fuel_limit: order.fuel_limit.unwrap_or(default_fuel),
        };
        Ok(Signed::sign(transaction, key))
    }
}

impl Sent {
    fn new(transaction: SignedTransaction) -> Self {
        let now = Instant::now();
        Self { hash: transaction.value.hash(), transaction, in_flight: false, first: now, last: now }
    }
}
