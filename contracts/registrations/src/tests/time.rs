//! Claims about what happens by time alone.

use super::*;
use althing_interface::registrations::{Expiry, MAX_DUE, Phase, add_years};

#[test]
fn a_term_that_ends_is_renewed_by_a_year() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    let first = chain.domain("a.lab").expires_ms;
    chain.pass(first - chain.net.time_ms() - 1);
    assert_eq!(chain.domain("a.lab").expires_ms, first);
    chain.pass(1);
    assert_eq!(chain.domain("a.lab").expires_ms, add_years(first, 1, 0));
    assert_eq!(chain.words("a.lab"), ["autoRenewPeriod", "ok"]);
    // Deleted in that period, the year is taken back; restored, it is paid again.
    chain.days(10);
    chain.names.by(ALICE).delete(name("a.lab")).ok();
    assert_eq!(chain.domain("a.lab").expires_ms, first);
    chain.names.by(ALICE).restore(name("a.lab")).ok();
    assert_eq!(chain.domain("a.lab").expires_ms, add_years(chain.net.time_ms(), 1, 0));
}

#[test]
fn a_term_that_ends_leads_to_redemption_where_the_settings_say_so() {
    let chain = chain_with(Settings { expiry: Expiry::Delete, ..settings() });
    chain.registered(ALICE, "a.lab");
    chain.registered(ALICE, "kept.lab");
    let prohibit = statuses(&[Status::ServerDeleteProhibited]);
    chain.names.by(REGISTRY).set_status(name("kept.lab"), prohibit, statuses(&[])).ok();
    chain.days(366);
    assert!(matches!(chain.domain("a.lab").phase, Phase::Redemption { .. }));
    // What the registry does not let go is renewed instead.
    assert_eq!(chain.domain("kept.lab").phase, Phase::Active);
    chain.days(30);
    assert!(matches!(chain.domain("a.lab").phase, Phase::PendingDelete { .. }));
    chain.days(5);
    assert!(chain.gone("a.lab"));
}

#[test]
fn one_block_does_bounded_work_and_the_rest_follows() {
    let chain = chain_with(Settings { year_ms: 10_000, ..settings() });
    let total = 3 * MAX_DUE + 5;
    for number in 0..total {
        chain.registered(ALICE, &format!("n{number}.lab"));
    }
    let ends = chain.domain("n0.lab").expires_ms;
    chain.net.pass(10_000);
    for block in 1..=4u32 {
        let outcome = chain.names.by(GOVERNANCE).end_block().outcome();
        assert!(outcome.result.is_ok());
        assert!(outcome.events.len() <= MAX_DUE as usize, "{} events", outcome.events.len());
        let mut after = None;
        let mut renewed = 0;
        loop {
            let page = chain.names.by(ISP).domains(after.clone()).ok();
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            renewed += u32::try_from(page.iter().filter(|entry| entry.domain.expires_ms > ends).count()).unwrap();
        }
        assert_eq!(renewed, (block * MAX_DUE).min(total));
        chain.net.pass(1);
    }
    chain.names.by(GOVERNANCE).end_block().emits_nothing().ok();
}

#[test]
fn an_end_of_block_with_nothing_due_changes_nothing() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    let before = chain.names.state();
    chain.net.pass(1);
    chain.names.by(GOVERNANCE).end_block().emits_nothing().ok();
    assert_eq!(chain.names.state(), before);
    chain.names.by(ALICE).end_block().lacks_role();
}

#[test]
fn a_name_that_becomes_free_takes_its_hosts_away_from_others() {
    let chain = chain_with(Settings { expiry: Expiry::Delete, ..settings() });
    let hosts = vec![set("ns.a.lab", &["192.0.2.1"])];
    chain.names.by(ALICE).register(name("a.lab"), 1, with(&["ns.a.lab"], hosts)).ok();
    let users = 30;
    for number in 0..users {
        let ns = if number == 0 { vec!["ns.a.lab"] } else { vec!["ns.a.lab", "ns.example"] };
        let signed = Registration { ds: list(vec![ds(1, 2, 32)]), ..with(&ns, vec![]) };
        chain.names.by(BOB).register(name(&format!("u{number}.lab")), 5, signed).ok();
    }
    chain.days(366);
    // In redemption the addresses stay, so that other names go on.
    assert!(chain.names.by(ISP).host(name("ns.a.lab")).ok().is_some());
    chain.days(30);
    chain.net.pass(5 * DAY_MS);
    let outcome = chain.names.by(GOVERNANCE).end_block().outcome();
    assert!(outcome.events.len() <= 8, "{}", outcome.events.len());
    assert!(!chain.gone("a.lab"), "not free while a name still names its host");
    chain.pass(1);
    assert!(chain.gone("a.lab"));
    assert_eq!(chain.names.by(ISP).host(name("ns.a.lab")).ok(), None);
    let (first, second) = (chain.domain("u0.lab"), chain.domain("u1.lab"));
    assert!(first.ns.is_empty() && first.ds.is_empty());
    assert_eq!((second.ns.len(), second.ds.len()), (1, 1));
    assert_eq!(chain.names.by(ISP).counts().ok().missing, 0);
}

#[test]
fn names_with_many_hosts_do_not_tell_more_than_a_receipt_holds() {
    let chain = chain_with(Settings { expiry: Expiry::Delete, ..settings() });
    for number in 0..12 {
        let domain = format!("n{number}.lab");
        let hosts = (0..26).map(|host| set(&format!("h{host}.{domain}"), &["192.0.2.1"])).collect();
        chain.names.by(ALICE).register(name(&domain), 1, with(&[], hosts)).ok();
    }
    chain.days(366);
    chain.days(30);
    chain.net.pass(5 * DAY_MS);
    let mut blocks = 0;
    while chain.names.by(ISP).counts().ok().domains > 0 {
        let outcome = chain.names.by(GOVERNANCE).end_block().outcome();
        assert!(outcome.result.is_ok() && outcome.events.len() <= 128, "{}", outcome.events.len());
        chain.net.pass(1);
        blocks += 1;
    }
    assert_eq!((blocks, chain.names.by(ISP).counts().ok().hosts), (3, 0));
}

#[test]
fn an_entry_of_the_index_without_its_name_is_dropped() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    chain.names.by(ALICE).delete(name("a.lab")).ok();
    assert!(chain.names.by(ISP).due().ok().is_empty());
}
