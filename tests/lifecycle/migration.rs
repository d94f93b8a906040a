//! A migration that is too much for one block: nobody calls the contract meanwhile, a fault puts everything back, and a
//! node that restarts in between goes on.

use crate::{
    chain::{Chain, book, id},
    trap::{Instead, with},
};
use althing_execution::Candidate;
use althing_interface::{
    domain_records::{self, Counts},
    layout,
    tld_binding::{self, BindingCounts},
};
use althing_types::{
    codec::{Text, encode},
    govern::SystemChange,
    hash::Hash,
    id::OrganisationId,
    keyspace::{self, storage},
    migration::{MIGRATION_ENTRIES, Phase},
    order::storage_key,
    receipt::FailureCode,
    transaction::Content,
    view::Entry,
};
use std::collections::BTreeMap;

/// Entries of a large book.
const LARGE: u64 = 30_000;

/// The state of a book of version 1; each entry says what `says` gives for its number.
fn entries(count: u64, says: impl Fn(u64) -> String) -> Vec<Entry> {
    let organisation = OrganisationId::new("member-1").unwrap();
    let mut out = vec![(vec![3], encode(&count)), (vec![4], encode(&Text::<64>::new("Visitors").unwrap()))];
    for number in 0..count {
        let entry = (organisation.clone(), Text::<280>::new(says(number)).unwrap());
        out.push((storage_key(1, &number), encode(&entry)));
        out.push((storage_key(2, &(organisation.clone(), number)), vec![1]));
    }
    out
}

fn with_book(count: u64, says: impl Fn(u64) -> String) -> Chain {
    let mut chain = Chain::start();
    chain.put_contract("book", book("1.0.0"), entries(count, says).into_iter());
    chain
}

fn plain(number: u64) -> String {
    format!("entry {number}")
}

fn entry_of(chain: &Chain, number: u64) -> Result<Vec<u8>, FailureCode> {
    chain.view("book", "entry", &encode(&number)).map_err(|failure| failure.code)
}

fn write(chain: &mut Chain) -> Option<FailureCode> {
    let arguments = althing_types::codec::Bytes::new(encode(&Text::<280>::new("late").unwrap())).unwrap();
    let content = Content::Call { contract: id("book"), method: Text::new("write").unwrap(), arguments };
    chain.block(vec![(0, content)]).remove(0).status.failure().map(|failure| failure.code)
}

fn results(chain: &Chain) -> Option<Vec<u8>> {
    chain.state.0.get(&keyspace::results()).cloned()
}

#[test]
fn a_small_migration_is_done_at_the_end_of_one_block() {
    let mut chain = with_book(10, plain);
    let code = chain.store(book("2.0.0"));
    chain.change("book", code);
    assert_eq!((chain.entry("book").code, chain.entry("book").state_version), (code, 2));
    assert_eq!((chain.migration("book"), chain.kept("book")), (None, 0));
    assert_eq!(write(&mut chain), None);
    assert!(entry_of(&chain, 10).is_ok());
}

#[test]
fn a_large_migration_goes_on_over_blocks_and_the_contract_is_closed_meanwhile() {
    let mut chain = with_book(LARGE, plain);
    let old = chain.entry("book");
    let code = chain.store(book("2.0.0"));
    let predicted = chain.dry_run("book", Candidate::Stored(code));
    assert_eq!(predicted.failure, None);
    assert!(predicted.blocks > 3, "{} blocks", predicted.blocks);
    chain.change("book", code);
    let (mut blocks, mut before) = (1, 0);
    while let Some(migration) = chain.migration("book").filter(|migration| !migration.is_open()) {
        assert_eq!((migration.phase.clone(), migration.from), (Phase::Forward, 1));
        assert!(migration.entries > before, "no step was made");
        assert!(
            migration.entries - before <= MIGRATION_ENTRIES as u64 + 512,
            "{} in one block",
            migration.entries - before
        );
        assert_eq!(migration.entries, chain.kept("book") as u64);
        before = migration.entries;
        assert_eq!(chain.entry("book"), old, "the new code is in force too early");
        assert_eq!(entry_of(&chain, 0), Err(FailureCode::Migrating));
        // A node that restarts knows the state alone: here it is another chain over the same state.
        assert_eq!(write(&mut chain), Some(FailureCode::Migrating));
        blocks += 1;
    }
    assert_eq!(blocks, predicted.blocks);
    assert_eq!(chain.entry("book").code, code);
    assert!(results(&chain).is_some(), "the governing contract is not told");
    assert_eq!(write(&mut chain), None, "it stays closed");
    while chain.migration("book").is_some() {
        chain.block(Vec::new());
    }
    assert_eq!(chain.kept("book"), 0);
    for number in [0, 511, 512, LARGE - 1] {
        let expected =
            (OrganisationId::new("member-1").unwrap(), Text::<280>::new(plain(number)).unwrap(), None::<u64>);
        assert_eq!(entry_of(&chain, number), Ok(encode(&Some(expected))));
    }
}

#[test]
fn a_trap_in_a_later_block_puts_everything_back() {
    let at = 25_000;
    let mut chain = with_book(LARGE, |number| if number == at { "trap".into() } else { plain(number) });
    let (old, before) = (chain.entry("book"), chain.entries("book"));
    let code = chain.store(book("2.1.0"));
    let run = chain.dry_run("book", Candidate::Stored(code));
    assert_eq!(run.failure.map(|failure| failure.code), Some(FailureCode::Panic));
    assert!(run.blocks >= 3, "it failed in block {}", run.blocks);
    chain.change("book", code);
    let mut phases = BTreeMap::new();
    while let Some(migration) = chain.migration("book") {
        let name = match migration.phase {
            Phase::Forward => "forward",
            Phase::Back { .. } => "back",
            Phase::Clean => "clean",
        };
        *phases.entry(name).or_insert(0) += 1;
        assert_eq!(entry_of(&chain, 0), Err(FailureCode::Migrating));
        chain.block(Vec::new());
    }
    assert!(phases["forward"] >= 2 && phases["back"] >= 1 && !phases.contains_key("clean"), "{phases:?}");
    assert!(chain.entries("book") == before, "something of it stayed");
    assert_eq!((chain.entry("book"), chain.kept("book")), (old, 0));
    assert_eq!(write(&mut chain), None, "the old code does not go on");
}

#[test]
fn a_broken_invariant_undoes_the_change_by_its_name() {
    let mut chain = with_book(10, |number| if number == 3 { "lie".into() } else { plain(number) });
    let (old, before) = (chain.entry("book"), chain.entries("book"));
    let code = chain.store(book("2.1.0"));
    let failure = chain.dry_run("book", Candidate::Module(book("2.1.0"))).failure.unwrap();
    assert_eq!(failure.code, FailureCode::InvariantBroken);
    assert!(failure.message.contains("'nobody_lies'"), "{failure:?}");
    chain.change("book", code);
    assert!(chain.entries("book") == before);
    assert_eq!((chain.entry("book"), chain.migration("book")), (old, None));
}

#[test]
fn a_broken_invariant_after_several_blocks_puts_everything_back() {
    let mut chain = with_book(LARGE, |number| if number == 3 { "lie".into() } else { plain(number) });
    let before = chain.entries("book");
    let code = chain.store(book("2.1.0"));
    chain.change("book", code);
    assert!(chain.migration("book").is_some());
    while chain.migration("book").is_some() {
        chain.block(Vec::new());
    }
    assert!(chain.entries("book") == before);
    assert_eq!(chain.kept("book"), 0);
}

#[test]
fn built_in_contracts_notice_totals_that_are_wrong() {
    let cases = [
        (
            tld_binding::ID,
            layout::binding_counts_key(),
            encode(&BindingCounts { bindings: 3 }),
            "bindings_and_total_agree",
        ),
        (
            domain_records::ID,
            layout::counts_key(),
            encode(&Counts { delegations: 1, ..Counts::default() }),
            "name_servers_are_listed",
        ),
    ];
    let mut chain = Chain::start();
    for (contract, key, wrong, invariant) in cases {
        // Other code with the same state: one view of it does nothing.
        let view = if contract == tld_binding::ID { "v_bindings" } else { "v_hosts" };
        let other = with(crate::modules::module(contract, ""), view, Instead::Nothing);
        assert_eq!(chain.dry_run(contract, Candidate::Module(&other)).failure, None, "{invariant} is always broken");
        chain.state.0.insert(storage(&id(contract), &key), wrong);
        let failure = chain.dry_run(contract, Candidate::Module(&other)).failure.unwrap();
        assert_eq!(failure.code, FailureCode::InvariantBroken);
        assert!(failure.message.contains(invariant), "{failure:?}");
    }
}

#[test]
fn another_layout_without_a_migration_is_refused() {
    let mut chain = with_book(3, plain);
    let before = chain.state.0.clone();
    let failure = chain.dry_run("book", Candidate::Module(crate::modules::module("counter", "0.1.0"))).failure.unwrap();
    assert_eq!(failure.code, FailureCode::MigrationMissing);
    assert!(chain.state.0 == before);
    let code = chain.store(crate::modules::module("counter", "0.1.0"));
    let old = chain.entry("book");
    chain.change("book", code);
    assert_eq!(chain.entry("book"), old);
}

#[test]
fn what_is_predicted_is_what_is_written_and_says_when_the_state_has_moved() {
    let mut chain = with_book(10, plain);
    let first = chain.dry_run("book", Candidate::Module(book("2.0.0")));
    chain.block(Vec::new());
    let later = chain.dry_run("book", Candidate::Module(book("2.0.0")));
    assert_eq!(first.predicted, later.predicted, "it depends on the height");
    assert_eq!(write(&mut chain), None);
    let moved = chain.dry_run("book", Candidate::Module(book("2.0.0")));
    assert_ne!(first.predicted, moved.predicted);
    let code = chain.store(book("2.0.0"));
    chain.change("book", code);
    for (key, value) in moved.writes.iter().filter(|(key, _)| key[0] == 1) {
        assert_eq!(chain.state.0.get(key), value.as_ref());
    }
    assert!(moved.writes.len() > 10);
}

#[test]
fn two_changes_of_one_contract_do_not_mix() {
    let mut chain = with_book(LARGE, plain);
    let (code, other): (Hash, Hash) = (chain.store(book("2.0.0")), chain.store(book("2.1.0")));
    chain.change("book", code);
    assert_eq!(chain.migration("book").unwrap().code, code);
    chain.change("book", other);
    assert_eq!(chain.migration("book").unwrap().code, code);
    let failure = chain.dry_run("book", Candidate::Stored(other)).failure.unwrap();
    assert_eq!(failure.code, FailureCode::Migrating);
    // Nor may the governing contract put single entries back meanwhile.
    let restore = SystemChange::Restore {
        contract: id("book"),
        key: althing_types::codec::Bytes::new(vec![3]).unwrap(),
        value: None,
    };
    let read = |key: &[u8]| Ok::<_, ()>(chain.state.0.get(key).cloned());
    assert!(restore.writes(read).unwrap().is_err());
}
