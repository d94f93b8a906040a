//! The same contract tests on the native machine and on the real one, compared step by step: result, failure, events
//! and state. A difference means that contract tests prove less than their authors believe.
//!
//! The contracts are the examples, built to WebAssembly here with the toolchain that builds the built-in contracts, and
//! the built-in contracts as every node embeds them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod governance_scenarios;
mod machine;
mod modules;
mod registry_scenarios;

#[path = "../../examples/counter/tests/scenarios.rs"]
mod counter_scenarios;
#[path = "../../examples/guestbook/tests/scenarios.rs"]
mod guestbook_scenarios;

use althing_sdk::testing::{Net, Step};
use althing_types::receipt::FailureCode;
use machine::Vm;
use modules::module;

/// What both machines must agree on. Texts of panics name places in the source, which differ by design, and texts of
/// the machine's own refusals are its own; those of the contract must agree.
fn comparable(step: &Step) -> Step {
    let mut step = step.clone();
    if let Err(failure) = &mut step.outcome.result
        && !matches!(failure.code, FailureCode::ContractError | FailureCode::MissingRole | FailureCode::BadArguments)
    {
        failure.message = Default::default();
    }
    step
}

/// Runs a scenario on both machines and compares everything that could be seen.
fn compare(scenario: fn(Net)) {
    let (native, real) = (Net::native(), Net::on(Box::new(Vm::new())));
    scenario(native.clone());
    scenario(real.clone());
    let (native, real) = (native.transcript(), real.transcript());
    assert!(!native.is_empty());
    assert_eq!(native.len(), real.len());
    for (left, right) in native.iter().zip(&real) {
        assert_eq!(comparable(left), comparable(right), "native machine left, real machine right");
    }
}

#[test]
fn the_counter_behaves_alike_on_both_machines() {
    compare(counter_scenarios::everyone_raises_the_same_number);
    compare(counter_scenarios::a_refused_call_changes_nothing);
}

#[test]
fn the_guest_book_behaves_alike_on_both_machines() {
    compare(guestbook_scenarios::entries_are_found_by_number_and_by_organisation);
    compare(guestbook_scenarios::only_a_registry_takes_entries_down);
    compare(guestbook_scenarios::refused_entries_leave_no_trace);
}

#[test]
fn an_upgrade_migrates_alike_on_both_machines() {
    compare(guestbook_scenarios::an_upgrade_keeps_the_entries_of_version_1);
    compare(guestbook_scenarios::there_is_no_way_back_to_version_1);
    compare(guestbook_scenarios::an_upgrade_that_traps_or_breaks_an_invariant_changes_nothing);
    compare(guestbook_scenarios::a_migration_goes_on_in_steps);
}

#[test]
fn the_built_in_contracts_behave_alike_on_both_machines() {
    compare(registry_scenarios::a_tld_is_bound_delegated_changed_and_released);
    compare(registry_scenarios::only_the_bound_registry_changes_a_tld);
    compare(registry_scenarios::a_suspended_tld_waits_and_a_rebound_one_changes_hands);
}

#[test]
fn governance_behaves_alike_on_both_machines() {
    compare(governance_scenarios::a_chain_grows_by_votes_and_shrinks_by_reviews);
    compare(governance_scenarios::accepted_calls_are_made_over_several_blocks);
    compare(governance_scenarios::refused_votes_and_complaints_leave_no_trace);
}

#[test]
fn a_contract_of_hello_world_size_is_below_15_kilobytes() {
    let size = module("counter", "0.1.0").len();
    assert!(size < 15 * 1024, "the counter has {size} bytes");
}
