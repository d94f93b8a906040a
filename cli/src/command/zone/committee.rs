//! Changes that the members of a governed chain decide: opened, voted and waited for with the keys of the home folder.
//!
//! This is for networks in which one person holds the keys of enough members, as in a trial: it proposes calls in
//! parcels, votes for each with as many members as are needed, and waits until all are carried out.

use crate::{
    call::{Abis, Outcome},
    chain::Chain,
    command::proposal::number,
    error::{CliError, Result},
    exit_code::Exit,
    governed::Governed,
    output::Progress,
};
use althing_client::{Order, Submitter};
use althing_interface::{
    call::Call,
    governance::{CastVote, Choice, MAX_OPEN_OF_ONE, Open, ProposalKind, ProposalStatus, ProposedCall, more_than_half},
};
use althing_types::{
    codec::{List, encode},
    crypto::SecretKey,
    id::{ContractId, OrganisationId},
};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// Most calls of one proposal.
const CALLS: usize = 256;
/// Longest sum of the calls of one proposal in bytes, below what a proposal may have.
const BYTES: usize = 28 * 1024;
/// Most proposals at a time, so that the opener can still open others.
const AT_A_TIME: usize = MAX_OPEN_OF_ONE / 2;
/// Time between two looks at proposals.
const POLL: Duration = Duration::from_millis(300);
/// Time beyond the timelock in which a proposal must come to its end.
const GRACE: Duration = Duration::from_secs(120);
/// Most fuel of one transaction here.
const FUEL: u64 = 200_000_000;

/// Members whose votes suffice.
#[derive(Debug)]
pub(in crate::command) struct Committee {
    voters: Vec<(OrganisationId, SecretKey)>,
    timelock: Duration,
}

fn order<C: Call>(call: &C, note: &str) -> Result<Order> {
    let content = call.content().map_err(|e| CliError::internal("too_long", format!("{}: {e}", C::METHOD)))?;
    Ok(Order { operation: C::OPERATION, content, postscript: note.to_owned(), fuel_limit: Some(FUEL) })
}

/// Calls in parcels that fit into a proposal each, in their order.
fn parcels(calls: Vec<ProposedCall>) -> Vec<Vec<ProposedCall>> {
    let mut out: Vec<Vec<ProposedCall>> = Vec::new();
    let mut bytes = 0usize;
    for call in calls {
        let size = encode(&call).len();
        match out.last_mut().filter(|last| last.len() < CALLS && bytes.saturating_add(size) <= BYTES) {
            Some(last) => {
                bytes = bytes.saturating_add(size);
                last.push(call);
            }
            None => {
                bytes = size;
                out.push(vec![call]);
            }
        }
    }
    out
}

impl Committee {
    /// The voters, if they are enough.
    ///
    /// # Errors
    /// Code `too_few_voters` when the home folder has keys of too few members.
    pub(in crate::command) async fn new(
        governed: &Governed<'_>,
        voters: BTreeMap<OrganisationId, SecretKey>,
        home: &str,
    ) -> Result<Self> {
        let members = governed.counts().await?.members;
        let needed = usize::try_from(more_than_half(members)).unwrap_or(usize::MAX);
        if voters.len() < needed {
            let names: Vec<&str> = voters.keys().map(OrganisationId::as_str).collect();
            return Err(CliError::not_found(
                "too_few_voters",
                format!("the home folder has voter's keys of {} of {members} members", voters.len()),
            )
            .field("--home")
            .value(format!("{home}: {}", names.join(", ")))
            .rule(format!("keys of {needed} members, more than half: who changes bindings here is decided by votes"))
            .hint("propose the changes instead: althing proposal open calls FILE.json"));
        }
        let timelock = Duration::from_millis(governed.settings().await?.timelock_ms);
        Ok(Self { voters: voters.into_iter().take(needed).collect(), timelock })
    }

    /// Has calls decided and carried out.
    ///
    /// # Errors
    /// When a proposal is refused, not accepted, or fails; what other proposals did stays.
    pub(in crate::command) async fn carry(
        &self,
        chain: &Chain,
        submitter: &mut Submitter,
        calls: Vec<ProposedCall>,
        note: &str,
        progress: &Progress,
        done: &mut u64,
    ) -> Result<()> {
        let governed = Governed::of(chain)?;
        let parcels = parcels(calls);
        for group in parcels.chunks(AT_A_TIME) {
            let numbers = self.open(chain, submitter, group, note).await?;
            self.vote(chain, submitter, &governed, &numbers, note).await?;
            self.wait(&governed, &numbers, progress, *done).await?;
            let made: usize = group.iter().map(Vec::len).sum();
            *done = done.saturating_add(made as u64);
            progress.set(*done);
        }
        Ok(())
    }

    async fn open(
        &self,
        chain: &Chain,
        submitter: &mut Submitter,
        group: &[Vec<ProposedCall>],
        note: &str,
    ) -> Result<Vec<u64>> {
        let (_, opener) = self.voters.first().ok_or_else(|| CliError::internal("no_voter", "there is no voter"))?;
        let mut orders = Vec::new();
        for calls in group {
            let calls = List::new(calls.clone()).map_err(|e| CliError::internal("too_many", e.to_string()))?;
            orders.push((opener.clone(), order(&Open { kind: ProposalKind::Calls { calls } }, note)?));
        }
        let outcomes = all(chain, submitter, orders, Open::METHOD).await?;
        outcomes.iter().map(number).collect()
    }

    async fn vote(
        &self,
        chain: &Chain,
        submitter: &mut Submitter,
        governed: &Governed<'_>,
        numbers: &[u64],
        note: &str,
    ) -> Result<()> {
        let mut orders = Vec::new();
        for number in numbers {
            let content = governed.proposal(*number).await?.content;
            let call = CastVote { proposal: *number, content, choice: Choice::Agree };
            for (_, key) in &self.voters {
                orders.push((key.clone(), order(&call, note)?));
            }
        }
        all(chain, submitter, orders, CastVote::METHOD).await.map(|_| ())
    }

    async fn wait(&self, governed: &Governed<'_>, numbers: &[u64], progress: &Progress, base: u64) -> Result<()> {
        let started = Instant::now();
        loop {
            let (mut open, mut made) = (0usize, 0u64);
            for number in numbers {
                let proposal = governed.proposal(*number).await?.proposal;
                made = made.saturating_add(proposal.progress.into());
                match proposal.status {
                    ProposalStatus::Done => {}
                    status if status.is_final() => {
                        let message = format!("proposal {number} is {status}: {}", proposal.message);
                        return Err(CliError::new(Exit::Refused, "not_carried_out", message)
                            .field("proposal")
                            .value(number.to_string())
                            .rule("a proposal that is accepted and carried out")
                            .hint(format!(
                                "althing proposal show {number}; where an interrupted run had proposed the same, run it again: only what is missing is sent"
                            )));
                    }
                    _ => open = open.saturating_add(1),
                }
            }
            progress.set(base.saturating_add(made));
            if open == 0 {
                return Ok(());
            }
            if started.elapsed() > self.timelock.saturating_add(GRACE) {
                return Err(CliError::new(Exit::Timeout, "not_carried_out", format!("{open} proposals are not ended"))
                    .field("proposal")
                    .value(numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
                    .rule("carried out soon after the timelock")
                    .hint("althing proposal list --open; then run it again"));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Sends calls of contract `governance` and waits until all have succeeded.
async fn all(
    chain: &Chain,
    submitter: &mut Submitter,
    orders: Vec<(SecretKey, Order)>,
    method: &str,
) -> Result<Vec<Outcome>> {
    let contract = ContractId::new(althing_interface::governance::ID)?;
    let mut abis = Abis::new(chain);
    let mut out = Vec::new();
    for result in submitter.send_all(orders, |_| {}).await? {
        let outcome = Outcome::of(&mut abis, &result?, Some((&contract, method))).await;
        outcome.check()?;
        out.push(outcome);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::codec::{Bytes, Text};

    #[test]
    fn parcels_keep_order_and_both_limits() {
        let call = |size: usize| ProposedCall {
            contract: ContractId::new("c").unwrap(),
            method: Text::new("m").unwrap(),
            arguments: Bytes::new(vec![0; size]).unwrap(),
        };
        let small: Vec<ProposedCall> = (0..600).map(|n| call(n % 3)).collect();
        let found = parcels(small.clone());
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [256, 256, 88]);
        assert_eq!(found.concat(), small);
        let large = parcels((0..10).map(|_| call(4096)).collect());
        assert!(large.iter().all(|parcel| encode(parcel).len() <= BYTES + 4));
        assert_eq!(large.iter().map(Vec::len).sum::<usize>(), 10);
        assert!(parcels(Vec::new()).is_empty());
    }
}
