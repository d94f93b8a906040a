//! Carries messages of contract `root_sync` from one chain to another: the relay.
//!
//! ```text
//!  receiver: peer, trusted list, last received (proven)
//!      |  messages after it, their end, the other's cursor, each with its proof, under one header of the sender
//!      |  the header is decided by the trusted list?   yes: deliver
//!      |                                               no: deliver the header that leaves the list, without messages
//!      '--> one delivery, or nothing that is due
//! ```
//!
//! A relay keeps nothing that matters: what is due follows from what the receiver has proven to hold, so it goes on after
//! a restart, several may work at once, and any member can run one. Nobody trusts it; it checks proofs only so that a
//! node that lies cannot make its owner's key deliver what is refused. How long to wait between steps is the caller's.

mod plan;

use crate::{
    error::{ClientError, VerifyError},
    submit::{Order, Submitter, SubmitterConfig},
    verify::{VerifiedHeader, Verifier},
};
use althing_interface::{
    layout,
    root_sync::{
        self, Peer, PeerStatus, TrustedList,
        delivery::{Delivery, MAX_MESSAGES, Progress, RefusalCode, Taken},
    },
};
use althing_types::{
    authority::AuthorityList,
    codec::{decode, encode},
    crypto::SecretKey,
    genesis::Parameters,
    hash::Hash,
    id::{ChainId, ContractId, Height},
    keyspace,
    receipt::{Failure, FailureCode, Status},
    transaction::{MAX_ARGUMENTS, Operation},
};
use borsh::BorshDeserialize;
pub use plan::{Receiver, Reply};

/// Numbers of `SyncError` that fewer messages, or an emptier outbox, may cure.
const NOT_NOW: u32 = 12;
const FULL: u32 = 13;

/// How a relay works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayConfig {
    /// Most messages of one delivery, at most [`MAX_MESSAGES`].
    pub messages: usize,
    /// Blocks of the sender after which it is proven anew that there is no message; `None` proves it with messages only.
    pub confirm_blocks: Option<u64>,
    /// Messages that the receiver has sent and the sender is proven to have received, from which on a delivery only says
    /// so.
    pub acknowledge: u64,
    /// Most fuel of a delivery; the chain's maximum is kept.
    pub fuel: u64,
    /// How deliveries are sent.
    pub submit: SubmitterConfig,
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            messages: MAX_MESSAGES,
            confirm_blocks: None,
            acknowledge: 16,
            fuel: 200_000_000,
            submit: SubmitterConfig::default(),
        }
    }
}

/// What one step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing was due.
    Idle {
        /// Height of the sender's chain.
        height: Height,
        /// The last message that the receiver has.
        received: u64,
    },
    /// A delivery was accepted.
    Delivered {
        /// The transaction.
        transaction: Hash,
        /// How far it brought the receiver.
        progress: Progress,
    },
    /// Another carrier was quicker; the next step looks again.
    Outrun {
        /// How the receiver saw it.
        code: RefusalCode,
    },
    /// The receiver could not take the messages now: the next step brings fewer.
    TooMany {
        /// What it said.
        reason: String,
    },
    /// The receiver's outbox has no room for answers: the other direction is due first.
    Full,
    /// The delivery was refused and recorded. That is a fault of the relay or of the chains; the caller should wait long.
    Refused {
        /// The transaction.
        transaction: Hash,
        /// Why.
        code: RefusalCode,
    },
}

/// Why a step could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A node did not answer, or an answer is not proven.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The receiver has no such peer.
    #[error("chain {to} has no peer {from}: members there have to trust it by a vote")]
    NoPeer {
        /// The sender.
        from: ChainId,
        /// The receiver.
        to: ChainId,
    },
    /// The receiver does not listen to the sender.
    #[error("chain {to} does not trust {from} ({status:?}): members there have to trust it anew by a vote")]
    NotTrusted {
        /// The sender.
        from: ChainId,
        /// The receiver.
        to: ChainId,
        /// What it is there.
        status: PeerStatus,
    },
    /// The sender's chain went on under a list that the trusted one never named.
    #[error(
        "height {height} of {from} is decided by a list that the one that {to} trusts did not name (a recovery): \
             members of {to} have to trust it by a vote"
    )]
    NeedsTrust {
        /// The sender.
        from: ChainId,
        /// The receiver.
        to: ChainId,
        /// First height of the other list, as far as is known.
        height: Height,
    },
    /// A value of the state that says nothing.
    #[error("the value of {what} on chain {chain} is not understood: {reason}")]
    State {
        /// Its name.
        what: &'static str,
        /// The chain.
        chain: ChainId,
        /// What is wrong.
        reason: String,
    },
    /// The delivery failed for another reason than those a relay can do something about.
    #[error("delivery {transaction} failed: {}", .failure.message.as_str())]
    Failed {
        /// The transaction.
        transaction: Hash,
        /// The failure.
        failure: Box<Failure>,
    },
}

/// Carries from one chain to another, in one direction.
#[derive(Debug)]
pub struct Relay {
    from: Verifier,
    to: Verifier,
    submitter: Submitter,
    key: SecretKey,
    config: RelayConfig,
    /// Most messages of the next delivery: fewer after one that was too much.
    messages: usize,
}

impl Relay {
    /// A relay between two chains of which the genesis is trusted. `key` is a member's on the receiving chain.
    pub fn new(from: Verifier, to: Verifier, key: SecretKey, config: RelayConfig) -> Self {
        let config = RelayConfig { messages: config.messages.clamp(1, MAX_MESSAGES), ..config };
        let submitter = Submitter::new(to.client().clone(), to.genesis(), config.submit.clone());
        Self { from, to, submitter, key, messages: config.messages, config }
    }

    /// The sending chain.
    pub fn from(&self) -> &ChainId {
        &self.from.genesis().chain
    }
    /// The receiving chain.
    pub fn to(&self) -> &ChainId {
        &self.to.genesis().chain
    }

    /// What the receiver holds of the sender, proven; `None` when the sender is no peer of it.
    ///
    /// # Errors
    /// [`RelayError::Client`] and [`RelayError::State`].
    pub async fn receiver(&self) -> Result<Option<Receiver>, RelayError> {
        receiver(&self.to, self.from()).await
    }

    /// Brings the next delivery that is due, if one is.
    ///
    /// # Errors
    /// [`RelayError`]; every one may be tried again.
    pub async fn step(&mut self) -> Result<Step, RelayError> {
        let (from, to) = (self.from().clone(), self.to().clone());
        let receiver =
            self.receiver().await?.ok_or_else(|| RelayError::NoPeer { from: from.clone(), to: to.clone() })?;
        let status = receiver.peer.status;
        if status != PeerStatus::Trusted {
            return Err(RelayError::NotTrusted { from, to, status });
        }
        let reply = self.ask(&receiver).await?;
        let height = reply.header.height();
        if height < receiver.trusted.since {
            // The sender's tip is the block that named the trusted list; its next one is the first of that list.
            return Ok(Step::Idle { height, received: receiver.received });
        }
        let trusted = receiver.trusted.list.hash();
        let delivery = if reply.header.header().authorities == trusted {
            let room = room(&self.to.client().parameters(self.to.genesis()).await?);
            receiver.plan(&reply, &self.config, self.messages, room)
        } else {
            Some(self.leave(&receiver, &reply.header).await?)
        };
        match delivery {
            None => Ok(Step::Idle { height, received: receiver.received }),
            Some(delivery) => self.deliver(&delivery).await,
        }
    }

    /// Asks the sender for what comes next, at its tip.
    async fn ask(&self, receiver: &Receiver) -> Result<Reply, RelayError> {
        let keys = receiver.keys(self.to(), self.messages);
        let answer = self.from.client().state_batch(&keys, None).await?;
        let header = self.from.header(answer.height).await?;
        for (entry, key) in answer.entries.iter().zip(&keys) {
            if entry.key.0 != *key {
                let (found, expected) = (hex::encode(&entry.key.0), hex::encode(key));
                return Err(ClientError::from(VerifyError::Key { index: 0, found, expected }).into());
            }
            header.check_entry(entry).map_err(ClientError::from)?;
        }
        Ok(Reply { header, entries: answer.entries })
    }

    /// The header with which the sender's chain leaves the trusted list, and the list after it.
    async fn leave(&self, receiver: &Receiver, tip: &VerifiedHeader) -> Result<Delivery, RelayError> {
        let Receiver { peer, trusted, .. } = receiver;
        let hash = trusted.list.hash();
        let needs_trust =
            |height: Height| RelayError::NeedsTrust { from: self.from().clone(), to: self.to().clone(), height };
        let mut good = self.from.header(peer.seen.max(trusted.since)).await?;
        if good.header().authorities != hash {
            return Err(needs_trust(good.height()));
        }
        // `good` is decided by the trusted list, `other` by another one: the change is found by halves.
        let mut other = tip.clone();
        while other.height().0.saturating_sub(good.height().0) > 1 {
            let middle = self.from.header(Height(good.height().0.midpoint(other.height().0))).await?;
            if middle.header().authorities == hash {
                good = middle;
            } else {
                other = middle;
            }
        }
        if good.header().next_authorities != other.header().authorities {
            return Err(needs_trust(other.height()));
        }
        let next = self.list_of(other.height()).await?;
        Ok(plan::of_header(&good, Some(next)))
    }

    /// The list that decides a height; the receiver compares its hash.
    async fn list_of(&self, height: Height) -> Result<AuthorityList, RelayError> {
        let client = self.from.client();
        let document = client.headers(height, 1).await?.headers.into_iter().next();
        document.and_then(|document| document.authorities).ok_or_else(|| {
            let reason = format!("no authority list of height {height}");
            ClientError::Answer { url: client.url().into(), reason }.into()
        })
    }

    async fn deliver(&mut self, delivery: &Delivery) -> Result<Step, RelayError> {
        let arguments = encode(&(self.from(), encode(delivery)));
        let contract = contract();
        let mut order = Order::call(contract, "deliver", arguments, Operation::Call)?;
        let most = self.to.client().parameters(self.to.genesis()).await?.max_transaction_fuel;
        order.fuel_limit = Some(self.config.fuel.min(most));
        let done = self.submitter.send(&self.key, order).await?;
        let transaction = done.hash;
        match done.receipt.status {
            Status::Succeeded => {
                let taken: Taken = typed("delivery's result", self.to(), &done.receipt.result)?;
                Ok(self.judge(transaction, taken))
            }
            Status::Failed(failure) => self.failed(transaction, failure, delivery.messages.len()),
        }
    }

    fn judge(&mut self, transaction: Hash, taken: Taken) -> Step {
        match taken {
            Taken::Accepted(progress) => {
                self.messages = self.config.messages;
                Step::Delivered { transaction, progress }
            }
            Taken::Refused(
                code @ (RefusalCode::Replayed | RefusalCode::Nothing | RefusalCode::Stale | RefusalCode::UnknownList),
            ) => Step::Outrun { code },
            Taken::Refused(code) => Step::Refused { transaction, code },
        }
    }

    fn failed(&mut self, transaction: Hash, failure: Failure, messages: usize) -> Result<Step, RelayError> {
        let number = (failure.code == FailureCode::ContractError).then_some(failure.detail);
        let too_much = number == Some(NOT_NOW) || failure.code == FailureCode::OutOfFuel;
        if number == Some(FULL) {
            self.messages = 1;
            return Ok(Step::Full);
        }
        if too_much && messages > 1 {
            self.messages = messages.div_ceil(2);
            return Ok(Step::TooMany { reason: failure.message.as_str().to_owned() });
        }
        Err(RelayError::Failed { transaction, failure: Box::new(failure) })
    }
}

/// What a chain holds of a peer, proven; `None` when it is no peer.
///
/// # Errors
/// [`RelayError::Client`] and [`RelayError::State`].
pub async fn receiver(on: &Verifier, peer: &ChainId) -> Result<Option<Receiver>, RelayError> {
    let contract = contract();
    let keys = [layout::peer_key(peer), layout::trusted_list_key(peer), layout::received_key(peer)];
    let keys = keys.map(|key| keyspace::storage(&contract, &key));
    let (header, values) = on.verified_batch(&keys, None).await?;
    let chain = &on.genesis().chain;
    let [Some(peer), Some(trusted), received] = values.as_slice() else { return Ok(None) };
    let received = received.as_deref().map(|bytes| typed("received", chain, bytes)).transpose()?;
    Ok(Some(Receiver {
        height: header.height(),
        peer: typed::<Peer>("peer", chain, peer)?,
        trusted: typed::<TrustedList>("trusted list", chain, trusted)?,
        received: received.unwrap_or(0),
    }))
}

fn typed<T: BorshDeserialize>(what: &'static str, chain: &ChainId, bytes: &[u8]) -> Result<T, RelayError> {
    decode(what, bytes, keyspace::MAX_CONTRACT_VALUE).map_err(|error| RelayError::State {
        what,
        chain: chain.clone(),
        reason: error.to_string(),
    })
}

fn contract() -> ContractId {
    #[expect(clippy::expect_used, reason = "the ids of built-in contracts are checked by a test")]
    ContractId::new(root_sync::ID).expect("contract id")
}

/// Bytes that a delivery may have.
fn room(parameters: &Parameters) -> usize {
    let most = usize::try_from(parameters.max_arguments_bytes).unwrap_or(MAX_ARGUMENTS);
    most.saturating_sub(ChainId::MAX).saturating_sub(16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_interface::root_sync::SyncError;

    #[test]
    fn numbers_of_failures_are_those_of_the_contract() {
        let chain = ChainId::new("a").unwrap();
        assert_eq!(SyncError::NotNow { sequence: 1, reason: String::new() }.number(), NOT_NOW);
        assert_eq!(SyncError::Full { chain, unacknowledged: 1 }.number(), FULL);
        assert_eq!(contract().as_str(), root_sync::ID);
    }
}
