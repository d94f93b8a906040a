//! The answer to one call of a test, and what a test may claim about it. Claims panic when they do not hold.
#![expect(clippy::panic, reason = "a test fails by panicking")]

use super::Outcome;
use althing_types::{
    codec::encode,
    receipt::{Failure, FailureCode},
    wire::{ContractError, Event, Wire},
};
use std::{fmt::Debug, marker::PhantomData};

/// How a call ended, typed by the method's result and error.
#[must_use = "claim something about the answer: `ok()`, `fails_with(..)`, `outcome()`"]
pub struct Answer<R, E> {
    outcome: Outcome,
    what: String,
    marker: PhantomData<fn() -> (R, E)>,
}

impl<R: Wire, E: ContractError> Answer<R, E> {
    pub(crate) const fn new(outcome: Outcome, what: String) -> Self {
        Self { outcome, what, marker: PhantomData }
    }
    /// The call succeeded; its result.
    ///
    /// # Panics
    /// When the call failed.
    #[track_caller]
    pub fn ok(self) -> R {
        match &self.outcome.result {
            Ok(bytes) => match R::try_from_slice(bytes) {
                Ok(result) => result,
                Err(error) => panic!("{}: result of another type: {error}", self.what),
            },
            Err(failure) => panic!("{} failed: {failure:?}", self.what),
        }
    }
    /// The call succeeded and emitted exactly this event, among others or alone; the answer can be asked on.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn emits<T: Event>(self, event: &T) -> Self {
        let (topic, data) = (event.topic(), event.data());
        let same = |e: &althing_types::event::Event| {
            e.name.as_str() == T::SCHEMA.name && e.topic.as_slice() == topic && e.data.as_slice() == data
        };
        assert!(
            self.outcome.events.iter().any(same),
            "{}: event {} with these fields was not emitted: {:?}",
            self.what,
            T::SCHEMA.name,
            self.outcome
        );
        self
    }
    /// The call succeeded without an event; the answer can be asked on.
    ///
    /// # Panics
    /// When there was an event.
    #[track_caller]
    pub fn emits_nothing(self) -> Self {
        assert!(self.outcome.events.is_empty(), "{}: emitted {:?}", self.what, self.outcome.events);
        self
    }
    /// The call failed with this error of the contract.
    ///
    /// # Panics
    /// When it succeeded or failed otherwise.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads as a sentence: fails_with(Fail::Exists)")]
    pub fn fails_with(self, error: E) {
        match &self.outcome.result {
            Err(failure) if failure.code == FailureCode::ContractError && failure.detail == error.number() => {}
            other => panic!("{}: expected error {} ({}), got {other:?}", self.what, error.number(), error.name()),
        }
    }
    /// The call failed in this way; the failure, to look at its text.
    ///
    /// # Panics
    /// When it succeeded or failed otherwise.
    #[track_caller]
    pub fn fails(self, code: FailureCode) -> Failure {
        match self.outcome.result {
            Err(failure) if failure.code == code => failure,
            other => panic!("{}: expected {code:?}, got {other:?}", self.what),
        }
    }
    /// The call failed because the signer's organisation lacks the method's role.
    ///
    /// # Panics
    /// When it succeeded or failed otherwise.
    #[track_caller]
    pub fn lacks_role(self) {
        let _ = self.fails(FailureCode::MissingRole);
    }
    /// Everything about how the call ended.
    pub fn outcome(self) -> Outcome {
        self.outcome
    }
}

impl<R: Wire + PartialEq + Debug, E: ContractError> Answer<R, E> {
    /// The call succeeded with this result.
    ///
    /// # Panics
    /// When it failed or gave another result.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "reads as a sentence: gives(3)")]
    pub fn gives(self, result: R) {
        let what = self.what.clone();
        let found = self.ok();
        assert!(encode(&found) == encode(&result), "{what}: expected {result:?}, got {found:?}");
    }
}
