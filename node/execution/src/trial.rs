//! Whether members could still decide something: tried on a fork, with the governing contract as it would be.
//!
//! ```text
//!  a member opens a proposal --> members vote --> ends of blocks, after the timelock --> it is done, and its effect is there
//! ```
//!
//! The proposal is about the chain's parameters, because its effect is in the system entries: a contract that only says
//! that it did something is found out. No signature is checked here; each voter acts with the roles of its key. All of
//! it is undone, and it is bounded by [`TRIAL_FUEL`].

use crate::{
    error::ExecutionError,
    executor::Executor,
    outcome::BlockContext,
    overlay::Overlay,
    transaction::{Run, Runner},
};
use althing_interface::{
    call::Call,
    governance::{
        CastVote, Choice, MAX_PERIOD_MS, Open, ProposalKind, ProposalStatus, ViewStatus, content_hash, more_than_half,
    },
};
use althing_runtime::{CallContext, Entry, World};
use althing_types::{
    codec::{List, decode, encode},
    crypto::PublicKey,
    genesis::Parameters,
    govern::{BlockFacts, END_BLOCK, END_BLOCK_FUEL},
    hash::Hash,
    id::{Height, OrganisationId, Round},
    keyspace,
    organisation::{KeyEntry, MAX_ORGANISATIONS, Organisation, Role},
    receipt::{Failure, FailureCode},
};

/// Most fuel of a whole trial.
pub(crate) const TRIAL_FUEL: u64 = 2_000_000_000;
/// Most fuel of one call of a member: a trap uses up all that a call is given.
const CALL_FUEL: u64 = 50_000_000;
/// Ends of blocks in which the proposal must be carried out: more than the proposals that may be before it.
const ENDS: u64 = 280;
/// Ends of blocks that close other votes when no further one can be opened.
const CLOSING: u64 = 8;
/// Members that are tried as openers.
const OPENERS: usize = 8;

/// Why the trial fails: what was tried, and what came of it.
type Outcome<T> = Result<Result<T, Failure>, ExecutionError>;

fn brick<T>(what: &str, why: &str) -> Outcome<T> {
    let message = format!("would_brick_governance: {what}: {why}");
    Ok(Err(Failure::new(FailureCode::WouldBrickGovernance, &message)))
}

/// Goes on with what was found, or ends with the failure.
macro_rules! found {
    ($outcome:expr) => {
        match $outcome? {
            Ok(value) => value,
            Err(failure) => return Ok(Err(failure)),
        }
    };
}

struct Voter {
    key: PublicKey,
    entry: KeyEntry,
}

struct Trial<'a, 'b> {
    runner: &'a Runner<'a>,
    overlay: &'a mut Overlay<'b>,
    fuel: u64,
}

impl Runner<'_> {
    /// Tries whether the chain can be governed with the state as it is staged; nothing of the trial stays.
    pub(crate) fn try_governance(&self, overlay: &mut Overlay<'_>) -> Outcome<()> {
        if self.governor.is_none() {
            return Ok(Ok(()));
        }
        overlay.checkpoint();
        let outcome = Trial { runner: self, overlay: &mut *overlay, fuel: TRIAL_FUEL }.run();
        overlay.revert();
        outcome
    }
}

impl Trial<'_, '_> {
    fn run(&mut self) -> Outcome<()> {
        let voters = self.voters()?;
        let Some(first) = voters.first() else { return brick("voting", "no member has a voter's key") };
        let now = Executor::parameters(&*self.overlay)?;
        let parameters = changed(&now);
        if parameters == now {
            return Ok(Ok(()));
        }
        let kind = ProposalKind::Parameters { parameters: parameters.clone() };
        let id = found!(self.open(&voters, &kind));
        let content = content_hash(self.runner.chain, id, &kind);
        let needed = more_than_half(u32::try_from(voters.len()).unwrap_or(u32::MAX));
        let (mut agreed, mut refusal) = (0u32, "nobody voted".to_owned());
        for voter in &voters {
            match self.call(voter, &CastVote { proposal: id, content, choice: Choice::Agree })? {
                Ok(_) => agreed = agreed.saturating_add(1),
                Err(failure) => refusal = failure.message.to_string(),
            }
            // Members without a voter's key count as well: more than these may be needed.
            if agreed >= needed && found!(self.status(first, id)) != ProposalStatus::Open {
                break;
            }
        }
        if agreed == 0 {
            return brick("no member can vote", &refusal);
        }
        let later_ms = self.runner.block.timestamp_ms.saturating_add(MAX_PERIOD_MS);
        for end in 1..=ENDS {
            let status = found!(self.status(first, id));
            match status {
                ProposalStatus::Done if Executor::parameters(&*self.overlay)? == parameters => return Ok(Ok(())),
                ProposalStatus::Done => return brick("carrying out", "it is called done and has no effect"),
                ProposalStatus::Open => return brick("voting", &format!("{agreed} votes of members decide nothing")),
                ProposalStatus::Waiting | ProposalStatus::Executing => {}
                other => return brick("voting", &format!("what all members agree to ends as {other}")),
            }
            found!(self.end_block(end, later_ms));
        }
        brick("carrying out", "what members agreed to is not done at the end of any block")
    }

    /// One key of each member that may vote for it.
    fn voters(&self) -> Result<Vec<Voter>, ExecutionError> {
        let mut voters = Vec::new();
        for (_, bytes) in self.overlay.scan_keys(&keyspace::organisations(), None, MAX_ORGANISATIONS)? {
            let Ok(organisation) = decode::<Organisation>("organisation", &bytes, bytes.len()) else { continue };
            let found = organisation.keys.iter().find(|key| key.duties.contains(&Role::Voter));
            voters.extend(found.map(|key| Voter { key: key.key, entry: organisation.entry_of(key) }));
        }
        Ok(voters)
    }

    /// Opens the proposal by whichever member can; when none can, after other votes were closed.
    fn open(&mut self, voters: &[Voter], kind: &ProposalKind) -> Outcome<u64> {
        let mut refusal = String::new();
        for closing in 0..=CLOSING {
            if closing > 0 {
                let later_ms = self.runner.block.timestamp_ms.saturating_add(MAX_PERIOD_MS);
                found!(self.end_block(closing, later_ms));
            }
            // In between, one is enough to see whether there is room.
            for voter in voters.iter().take(if closing == 0 { OPENERS } else { 1 }) {
                match self.call(voter, &Open { kind: kind.clone() })? {
                    Ok(bytes) => match decode::<u64>("number", &bytes, 8) {
                        Ok(id) => return Ok(Ok(id)),
                        Err(error) => return brick("opening a proposal", &error.to_string()),
                    },
                    Err(failure) => refusal = failure.message.to_string(),
                }
            }
        }
        brick("no member can open a proposal", &refusal)
    }

    fn status(&mut self, by: &Voter, id: u64) -> Outcome<ProposalStatus> {
        let query = ViewStatus { proposal: id };
        let context = self.context(Some(by), self.runner.block);
        let (outcome, _) = self.enter(&context, self.runner.block, Entry::View(ViewStatus::METHOD), &encode(&query))?;
        let bytes = match outcome {
            Ok(bytes) => bytes,
            Err(failure) => return brick("asking for a proposal", &failure.message),
        };
        match decode::<Option<ProposalStatus>>("status", &bytes, 16) {
            Ok(Some(status)) => Ok(Ok(status)),
            Ok(None) => brick("asking for a proposal", "it is not there"),
            Err(error) => brick("asking for a proposal", &error.to_string()),
        }
    }

    fn call<C: Call>(&mut self, by: &Voter, call: &C) -> Outcome<Vec<u8>> {
        let context = self.context(Some(by), self.runner.block);
        self.enter(&context, self.runner.block, Entry::Call(C::METHOD), &encode(call)).map(|(outcome, _)| outcome)
    }

    /// A later block that carries nothing.
    fn end_block(&mut self, after: u64, time_ms: u64) -> Outcome<()> {
        let present = self.runner.block;
        let block = BlockContext {
            height: Height(present.height.0.saturating_add(after)),
            timestamp_ms: time_ms.saturating_add(after),
            packer: present.packer,
            previous: None,
            recovered: None,
        };
        let facts = BlockFacts {
            height: block.height,
            time_ms: block.timestamp_ms,
            packer: block.packer,
            previous_round: Round(0),
            verified: List::default(),
            recovered: None,
            results: List::default(),
        };
        let context = self.context(None, &block);
        let (outcome, _) = self.enter(&context, &block, Entry::Call(END_BLOCK), &encode(&(facts,)))?;
        // Changes of code that others have waiting are no part of this.
        self.overlay.write_key(keyspace::deferred(), None);
        match outcome {
            Ok(_) => Ok(Ok(())),
            Err(failure) => brick("the end of a block fails", &failure.message),
        }
    }

    fn context(&self, by: Option<&Voter>, block: &BlockContext) -> CallContext {
        let nobody = self.runner.nobody(self.runner.governor.cloned());
        let (height, timestamp_ms) = (block.height, block.timestamp_ms);
        let base = CallContext { height, timestamp_ms, transaction: Hash::ZERO, ..nobody };
        match by {
            None => base,
            Some(Voter { key, entry }) => {
                let organisation: Option<OrganisationId> = Some(entry.organisation.clone());
                CallContext { signer: *key, organisation, roles: entry.roles.clone(), ..base }
            }
        }
    }

    fn enter(
        &mut self,
        context: &CallContext,
        block: &BlockContext,
        entry: Entry<'_>,
        input: &[u8],
    ) -> Result<Run, ExecutionError> {
        let Some(governor) = self.runner.governor else { return Ok((Ok(Vec::new()), 0)) };
        let runner = Runner { block, ..*self.runner };
        let most = if entry == Entry::Call(END_BLOCK) { END_BLOCK_FUEL } else { CALL_FUEL };
        let run = runner.invoke(self.overlay, context, governor, entry, input, self.fuel.min(most))?;
        self.fuel = self.fuel.saturating_sub(run.1);
        Ok(run)
    }
}

/// Parameters that differ from these in something that decides nothing by itself.
fn changed(now: &Parameters) -> Parameters {
    let with = |retention_blocks| Parameters { retention_blocks, ..now.clone() };
    let candidates = [now.retention_blocks.checked_add(1), now.retention_blocks.checked_sub(1)];
    let found = candidates.into_iter().flatten().map(with).find(|parameters| parameters.check().is_ok());
    found.unwrap_or_else(|| now.clone())
}
