//! What every generated entry point does: check the role, decode the arguments, run, give back the result.

use crate::{Ctx, contract::State, host};
use alloc::string::String;
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

/// Runs a migration: `body` says whether it knew the version.
pub fn migrate<S, E>(body: impl FnOnce(&mut S, &mut Ctx, u32) -> Result<bool, E>)
where
    S: State,
    E: ContractError,
{
    let from = arguments::<u32>();
    match body(&mut S::open(), &mut Ctx::new(), from) {
        Ok(true) => host::ret(&[]),
        Ok(false) => {
            host::fail(abort::MIGRATION_UNKNOWN, "the contract has no migration from the present state version")
        }
        Err(error) => refuse(&error),
    }
}

/// A migration of single values that found no field is a mistake of the author's.
pub fn rewritten(fields: usize) {
    if fields == 0 {
        host::fail(
            abort::PANIC,
            "no state field holds values of the migration's result type: name it with `field = \"..\"`",
        )
    }
}
