//! Carrying out what members accepted.

use crate::{Governance, Refusal, remediation::repair, state::govern};
use althing_interface::governance::{
    CALLS_PER_BLOCK, CoordinatorChanged, CoordinatorRecord, GovernanceError, ParametersChanged, Proposal,
    ProposalClass, ProposalExecuted, ProposalKind, ProposalStatus, ProposedCall, SettingsChanged, check_settings,
};
use althing_sdk::{
    CallError,
    prelude::*,
    types::{
        govern::{DeployPolicy, MAX_CHANGE_MESSAGE, Standing, SystemChange},
        wire::{Schema, Wire},
    },
};
use borsh::{
    BorshDeserialize, BorshSerialize,
    io::{Read, Result as IoResult, Write},
};

/// Most fuel of one proposed call.
const CALL_FUEL: u64 = 100_000_000;
/// Fuel that must be left for the rest of the end of a block.
const SPARE_FUEL: u64 = 100_000_000;
/// Time of something that is waited for and not due by itself.
const NEVER_MS: u64 = u64::MAX;

/// What became of a step of a proposal.
pub(crate) enum Step {
    /// There is more to do in a later block.
    More,
    /// The node does it and tells how it ended.
    PutOff,
    /// It is done.
    Done,
}

/// Bytes that are passed on as they are.
struct AsTheyAre<'a>(&'a [u8]);

impl BorshSerialize for AsTheyAre<'_> {
    fn serialize<W: Write>(&self, writer: &mut W) -> IoResult<()> {
        writer.write_all(self.0)
    }
}

/// A result of any type, which nobody reads.
struct Ignored;

impl BorshSerialize for Ignored {
    fn serialize<W: Write>(&self, _: &mut W) -> IoResult<()> {
        Ok(())
    }
}
impl BorshDeserialize for Ignored {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let mut part = [0u8; 256];
        while reader.read(&mut part)? > 0 {}
        Ok(Self)
    }
}
impl Wire for Ignored {
    const SCHEMA: &'static Schema = &Schema::Unit;
}

/// Makes a proposed call.
pub(crate) fn make(cx: &mut Ctx, call: &ProposedCall, fuel: u64) -> Result<(), CallError> {
    let arguments = AsTheyAre(&call.arguments);
    cx.call_with_fuel::<Ignored>(&call.contract, &call.method, &arguments, fuel).map(|_| ())
}

impl Governance {
    /// Does the next step of an accepted proposal.
    pub(crate) fn carry_out(&mut self, cx: &mut Ctx, mut proposal: Proposal) {
        let step = match self.contents.get(&proposal.id) {
            Some(kind) => self.step(cx, &mut proposal, kind),
            None => Err("its content is missing".to_owned()),
        };
        match step {
            Ok(Step::Done) => self.conclude(cx, proposal, ProposalStatus::Done, ""),
            Err(message) => self.conclude(cx, proposal, ProposalStatus::Failed, &message),
            Ok(Step::More) => self.leave(&proposal, 0),
            Ok(Step::PutOff) => self.leave(&proposal, NEVER_MS),
        }
    }

    pub(crate) fn leave(&mut self, proposal: &Proposal, due_ms: u64) {
        self.plan(proposal, Some(due_ms));
        self.proposals.put(&proposal.id, proposal);
    }

    pub(crate) fn conclude(&mut self, cx: &mut Ctx, mut proposal: Proposal, status: ProposalStatus, message: &str) {
        let message = Text::truncated(message);
        proposal.status = status;
        proposal.until_ms = cx.time_ms();
        proposal.message = message.clone();
        self.plan(&proposal, None);
        self.proposals.put(&proposal.id, &proposal);
        cx.emit(ProposalExecuted { proposal: proposal.id, status, message });
    }

    /// The node tells how what was put off ended.
    pub(crate) fn put_off_ended(&mut self, cx: &mut Ctx, tag: u64, done: bool, message: &Text<MAX_CHANGE_MESSAGE>) {
        let waited = self.proposals.get(&tag).filter(|proposal| proposal.status == ProposalStatus::Executing);
        if let Some(proposal) = waited {
            if done && proposal.class == ProposalClass::Remediate {
                return self.part_done(cx, proposal, message);
            }
            let status = if done { ProposalStatus::Done } else { ProposalStatus::Failed };
            self.conclude(cx, proposal, status, message);
        }
    }

    fn step(&mut self, cx: &mut Ctx, proposal: &mut Proposal, kind: ProposalKind) -> Result<Step, String> {
        let tag = proposal.id;
        match kind {
            ProposalKind::Calls { calls } | ProposalKind::Change { calls } => call_some(cx, proposal, &calls),
            ProposalKind::Deploy { contract, code, arguments } => {
                let arguments = Bytes::new(arguments.into_vec()).unwrap_or_default();
                self.put_off(cx, code, &SystemChange::Deploy { tag, contract, code, arguments })
            }
            ProposalKind::Upgrade { contract, code, .. } => {
                self.put_off(cx, code, &SystemChange::Upgrade { tag, contract, code })
            }
            ProposalKind::Remediate { plan, parts, .. } => repair(cx, proposal, plan, parts),
            other => match self.apply(cx, tag, other) {
                Ok(()) => Ok(Step::Done),
                Err(refusal) => Err(refusal.error.to_string()),
            },
        }
    }

    fn put_off(&self, cx: &mut Ctx, code: Hash, change: &SystemChange) -> Result<Step, String> {
        let mut put_off = || {
            let needed = u32::from(self.numbers()?.attestations_needed);
            let found = u32::try_from(self.attesting(&code).count()).unwrap_or(u32::MAX);
            ensure!(found >= needed, GovernanceError::Unattested { code, found, needed });
            govern(cx, change)
        };
        put_off().map(|()| Step::PutOff).map_err(|refusal: Refusal| refusal.error.to_string())
    }

    /// Does what is done in one step.
    fn apply(&mut self, cx: &mut Ctx, proposal: u64, kind: ProposalKind) -> Result<(), Refusal> {
        match kind {
            ProposalKind::Admit { node, organisation, certificate } => self.admit(cx, node, organisation, certificate),
            ProposalKind::Promote { node } => {
                let record = self.promotable(node)?;
                self.set_standing(cx, record, Standing::Authority)
            }
            ProposalKind::Demote { node, standing } => {
                let record = self.demotable(node, standing)?;
                self.set_standing(cx, record, standing)
            }
            ProposalKind::Remove { organisation, node } => self.expel(cx, organisation, node),
            ProposalKind::Parameters { parameters } => {
                govern(cx, &SystemChange::Parameters(parameters.clone()))?;
                self.parameters.put(&parameters);
                cx.emit(ParametersChanged { proposal });
                Ok(())
            }
            ProposalKind::Settings { settings } => {
                check_settings(&settings)?;
                govern(cx, &SystemChange::OpenDeploy(settings.deploy == DeployPolicy::Open))?;
                self.settings.put(&settings);
                cx.emit(SettingsChanged { proposal });
                self.unsettle()
            }
            ProposalKind::Coordinator { organisation } => {
                ensure!(self.members.has(&organisation), GovernanceError::NotMember { organisation });
                let previous = self.leader()?.organisation;
                let record = CoordinatorRecord { organisation: organisation.clone(), since_ms: cx.time_ms() };
                self.coordinator.put(&record);
                cx.emit(CoordinatorChanged { organisation, previous });
                Ok(())
            }
            ProposalKind::Calls { .. }
            | ProposalKind::Change { .. }
            | ProposalKind::Deploy { .. }
            | ProposalKind::Upgrade { .. }
            | ProposalKind::Remediate { .. } => Ok(()),
        }
    }
}

/// Makes the next calls of a proposal, as many as a block may. The first one that fails ends the proposal.
fn call_some(cx: &mut Ctx, proposal: &mut Proposal, calls: &[ProposedCall]) -> Result<Step, String> {
    let done = usize::try_from(proposal.progress).unwrap_or(usize::MAX);
    for (made, call) in (0u32..).zip(calls.iter().skip(done)) {
        let fuel = cx.fuel_left() > CALL_FUEL.saturating_add(SPARE_FUEL);
        if made >= CALLS_PER_BLOCK || (made > 0 && !fuel) {
            return Ok(Step::More);
        }
        if let Err(error) = make(cx, call, CALL_FUEL) {
            return Err(format!("call {}: {}", proposal.progress, error.failure.message));
        }
        proposal.progress = proposal.progress.saturating_add(1);
    }
    Ok(Step::Done)
}
