//! What every generated entry point does: check the role, decode the arguments, run, give back the result.

use crate::{Ctx, contract::State, host};
use alloc::{string::String, vec::Vec};
use althing_abi::exports::abort;
use althing_types::{
    codec::encode,
    organisation::Role,
    wire::{ContractError, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};

fn arguments<A: BorshDeserialize>() -> A {
    match A::try_from_slice(&host::input()) {
        Ok(arguments) => arguments,
        Err(_) => host::fail(abort::BAD_ARGUMENTS, "the arguments are not canonical bytes of the method's arguments"),
    }
}

fn require(role: Role) {
    if !Ctx::new().has_role(role) {
        let mut text = String::from("the signer's organisation lacks the role ");
        text.push_str(role.text());
        host::fail(abort::MISSING_ROLE, &text)
    }
}

fn refuse<E: ContractError>(error: &E) -> ! {
    let mut text = String::from(error.name());
    if !error.detail().is_empty() {
        text.push_str(": ");
        text.push_str(error.detail());
    }
    host::fail(i32::try_from(error.number()).unwrap_or(i32::MAX), &text)
}

/// Runs a method.
pub fn run<S, A, R, E>(role: Option<Role>, body: impl FnOnce(&mut S, &mut Ctx, A) -> Result<R, E>)
where
    S: State,
    A: BorshDeserialize,
    R: Wire + BorshSerialize,
    E: ContractError,
{
    if let Some(role) = role {
        require(role);
    }
    let arguments = arguments::<A>();
    match body(&mut S::open(), &mut Ctx::new(), arguments) {
        Ok(result) => host::ret(&encode(&result)),
        Err(error) => refuse(&error),
    }
}

/// Where a migration is: the steps before are done, this one goes on from a place of its own.
pub struct Steps {
    step: u32,
    place: Vec<u8>,
    left: Option<Vec<u8>>,
}

impl Steps {
    fn resume(cursor: &[u8]) -> Self {
        match cursor.split_first_chunk() {
            Some((step, place)) => Self { step: u32::from_le_bytes(*step), place: place.to_vec(), left: None },
            None => Self { step: 0, place: Vec::new(), left: None },
        }
    }
    /// Whether a step is still to be made.
    pub const fn is_due(&self, step: u32) -> bool {
        step >= self.step
    }
    /// The place of a step that is still to be made; it has none when it begins.
    pub fn begin<P: BorshDeserialize>(&self, step: u32) -> Option<Option<P>> {
        if step > self.step || self.place.is_empty() {
            return self.is_due(step).then_some(None);
        }
        if step < self.step {
            return None;
        }
        match P::try_from_slice(&self.place) {
            Ok(place) => Some(Some(place)),
            Err(_) => host::fail(abort::BAD_ARGUMENTS, "the place is not canonical bytes of the migration's place"),
        }
    }
    fn pause(&mut self, step: u32, place: &[u8]) {
        let mut cursor = step.to_le_bytes().to_vec();
        cursor.extend_from_slice(place);
        self.left = Some(cursor);
    }
    /// Keeps the place to which a step has come, if there is more to do; whether there is.
    pub fn leave<P: BorshSerialize>(&mut self, step: u32, place: &Option<P>) -> bool {
        if let Some(place) = place {
            self.pause(step, &encode(place));
        }
        place.is_some()
    }
    /// Rewrites the next values; whether there is more to do.
    pub fn rewrite<S: State, Old: Wire, New: Wire + 'static>(
        &mut self,
        step: u32,
        state: &mut S,
        only: Option<&str>,
        change: &dyn Fn(Old) -> New,
    ) -> bool {
        if !self.is_due(step) {
            return false;
        }
        let after: &[u8] = if step == self.step { &self.place } else { &[] };
        let (fields, left) = state.rewrite::<Old, New>(only, change, after);
        if fields == 0 {
            host::fail(
                abort::PANIC,
                "no state field holds values of the migration's result type: name it with `field = \"..\"`",
            )
        }
        if let Some(place) = &left {
            self.pause(step, place);
        }
        left.is_some()
    }
}

/// Runs a step of a migration: `body` says whether it knew the version.
pub fn migrate<S, E>(body: impl FnOnce(&mut S, &mut Ctx, u32, &mut Steps) -> Result<bool, E>)
where
    S: State,
    E: ContractError,
{
    let input = host::input();
    let Some((from, cursor)) = input.split_first_chunk() else {
        host::fail(abort::BAD_ARGUMENTS, "the input is no state version")
    };
    let mut steps = Steps::resume(cursor);
    match body(&mut S::open(), &mut Ctx::new(), u32::from_le_bytes(*from), &mut steps) {
        Ok(true) => host::ret(&steps.left.unwrap_or_default()),
        Ok(false) => {
            host::fail(abort::MIGRATION_UNKNOWN, "the contract has no migration from the present state version")
        }
        Err(error) => refuse(&error),
    }
}
