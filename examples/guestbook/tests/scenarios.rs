//! What the guest book promises, before and after its upgrade.

use althing_sdk::{
    prelude::*,
    testing::{Deployed, Net, Org},
    types::receipt::FailureCode,
};
use guestbook::{Entry, EntryId, Fail, Guestbook, Removed, Written};

const REGISTRY: Org = Org::new("registry-lab", &[Role::Registry]);
const REGISTRAR: Org = Org::new("registrar-one", &[Role::Registrar]);

fn text(text: &str) -> Text<280> {
    Text::new(text).unwrap()
}

fn open(net: &Net) -> Deployed<Guestbook> {
    net.deploy_with::<Guestbook>(REGISTRY, "guestbook", &(Text::<64>::new("Visitors").unwrap(),))
}

#[ledger_test]
fn entries_are_found_by_number_and_by_organisation(net: Net) {
    let book = open(&net);
    book.by(REGISTRAR).title().gives(Text::new("Visitors").unwrap());
    let written = Written { organisation: REGISTRAR.id(), id: EntryId(0) };
    book.by(REGISTRAR).write(text("hello")).emits(&written).gives(EntryId(0));
    net.pass(1_000);
    book.by(REGISTRY).write(text("welcome")).gives(EntryId(1));
    book.by(REGISTRAR).write(text("again")).gives(EntryId(2));
    let mine = book.by(REGISTRY).entries_of(REGISTRAR.id()).ok();
    assert_eq!(mine.into_vec(), [EntryId(0), EntryId(2)]);
    let page = book.by(REGISTRY).entries(Some(EntryId(0))).ok().into_vec();
    assert_eq!(
        page.iter().map(|(id, entry)| (id.0, entry.text.as_str())).collect::<Vec<_>>(),
        [(1, "welcome"), (2, "again")]
    );
}

#[ledger_test]
fn only_a_registry_takes_entries_down(net: Net) {
    let book = open(&net);
    book.by(REGISTRAR).write(text("hello")).ok();
    book.by(REGISTRAR).remove(EntryId(0)).lacks_role();
    book.by(REGISTRY).remove(EntryId(0)).emits(&Removed { id: EntryId(0) }).ok();
    book.by(REGISTRY).remove(EntryId(0)).fails_with(Fail::NoSuchEntry);
    book.by(REGISTRY).entry(EntryId(0)).gives(None);
    assert!(book.by(REGISTRY).entries_of(REGISTRAR.id()).ok().is_empty());
}

#[ledger_test]
fn refused_entries_leave_no_trace(net: Net) {
    let book = open(&net);
    let before = book.state();
    book.by(REGISTRAR).write(text("")).fails_with(Fail::Empty);
    let outcome = book.by(REGISTRAR).raw(althing_sdk::testing::Entry::Call("write"), &[9, 9]);
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::BadArguments);
    assert_eq!(book.state(), before);
}

#[ledger_test]
fn an_upgrade_keeps_the_entries_of_version_1(net: Net) {
    let title = (Text::<64>::new("Visitors").unwrap(),);
    let old = net.deploy_with::<guestbook_v1::Guestbook>(REGISTRY, "guestbook", &title);
    old.by(REGISTRAR).write(text("hello")).ok();
    let Ok(book) = old.upgrade::<Guestbook>(REGISTRY) else { panic!("the migration failed") };
    let entry = Entry { organisation: REGISTRAR.id(), text: text("hello"), written_ms: None };
    book.by(REGISTRAR).entry(EntryId(0)).gives(Some(entry));
    book.by(REGISTRAR).write(text("after the upgrade")).gives(EntryId(1));
}

#[ledger_test]
fn an_upgrade_that_traps_or_breaks_an_invariant_changes_nothing(net: Net) {
    for (says, code) in [("trap", FailureCode::Panic), ("lie", FailureCode::InvariantBroken)] {
        let title = (Text::<64>::new("Visitors").unwrap(),);
        let old = net.deploy_with::<guestbook_v1::Guestbook>(REGISTRY, &format!("book-{says}"), &title);
        for words in ["hello", says, "good bye"] {
            old.by(REGISTRAR).write(text(words)).ok();
        }
        let before = old.state();
        let Err(outcome) = old.upgrade::<guestbook_faulty::Guestbook>(REGISTRY) else { panic!("{says} passes") };
        assert_eq!(outcome.result.unwrap_err().code, code);
        assert_eq!(old.state(), before);
        old.by(REGISTRAR).write(text("still version 1")).ok();
    }
}

#[ledger_test]
fn a_migration_goes_on_in_steps(net: Net) {
    let title = (Text::<64>::new("Visitors").unwrap(),);
    let old = net.deploy_with::<guestbook_v1::Guestbook>(REGISTRY, "guestbook", &title);
    for number in 0..530 {
        old.by(REGISTRAR).write(text(&format!("entry {number}"))).ok();
    }
    let steps = net.transcript().len();
    let Ok(book) = old.upgrade::<guestbook_faulty::Guestbook>(REGISTRY) else { panic!("the migration failed") };
    assert!(net.transcript().len().saturating_sub(steps) > 4, "it was done in one step");
    for number in [0, 511, 512, 529] {
        let entry = book.by(REGISTRAR).entry(guestbook_faulty::EntryId(number)).ok().unwrap();
        assert_eq!((entry.text.as_str(), entry.written_ms), (format!("entry {number}").as_str(), None));
    }
}

#[ledger_test]
fn there_is_no_way_back_to_version_1(net: Net) {
    let book = open(&net);
    let outcome = book.upgrade::<guestbook_v1::Guestbook>(REGISTRY).err().map(|outcome| outcome.result);
    // Version 1 knows no state but its own.
    assert!(matches!(outcome, Some(Err(failure)) if failure.code == FailureCode::MigrationMissing));
    book.by(REGISTRAR).write(text("still here")).ok();
}
