//! Claims about transfers.

use super::*;
use althing_interface::registrations::{Change, CodeChange, TransferDefault, add_years, code_hash};

/// A name of ALICE with the code of tests.
fn coded(chain: &Chain, text: &str) {
    let code = Some(code_hash("test", &name(text), CODE));
    let registration = Registration { code, ..with(&["ns.example"], vec![]) };
    chain.names.by(ALICE).register(name(text), 1, registration).ok();
}

fn code() -> Text<64> {
    Text::new(CODE).unwrap()
}

#[test]
fn a_transfer_needs_the_code_and_waits_for_the_losing_registrar() {
    let chain = chain();
    coded(&chain, "a.lab");
    let request = |by: Org, code: &str| chain.names.by(by).request_transfer(name("a.lab"), Text::new(code).unwrap());
    refused(request(ALICE, CODE), 2106, &["already"]);
    refused(request(BOB, "correct-horse-batterY"), 2202, &["authorisation code"]);
    refused(request(BOB, ""), 2202, &[]);
    refused(request(ISP, CODE), 2201, &[]);
    request(BOB, CODE).ok();
    assert_eq!(chain.words("a.lab"), ["addPeriod", "pendingTransfer"]);
    assert_eq!(chain.domain("a.lab").code, None);
    refused(request(BOB, CODE), 2300, &["registrar-2"]);
    for call in [
        chain.names.by(ALICE).update(name("a.lab"), Change::default()),
        chain.names.by(ALICE).delete(name("a.lab")),
        chain.names.by(ALICE).renew(name("a.lab"), chain.domain("a.lab").expires_ms, 1),
    ] {
        refused(call, 2304, &["pendingTransfer"]);
    }
    refused(chain.names.by(BOB).approve_transfer(name("a.lab")), 2201, &[]);
    let before = chain.domain("a.lab").expires_ms;
    chain.names.by(ALICE).approve_transfer(name("a.lab")).ok();
    let domain = chain.domain("a.lab");
    assert_eq!((domain.sponsor.clone(), domain.transfer), (BOB.id(), None));
    assert_eq!(domain.expires_ms, add_years(before, 1, 0));
    assert_eq!(domain.transferred_ms, Some(chain.net.time_ms()));
    refused(chain.names.by(ALICE).update(name("a.lab"), Change::default()), 2201, &["registrar-2"]);
    assert!(chain.names.by(ISP).by_sponsor(ALICE.id(), None).ok().is_empty());
    assert_eq!(chain.names.by(ISP).by_sponsor(BOB.id(), None).ok().len(), 1);
}

#[test]
fn a_code_is_used_up_by_the_request() {
    let chain = chain();
    coded(&chain, "a.lab");
    chain.names.by(BOB).request_transfer(name("a.lab"), code()).ok();
    refused(chain.names.by(BOB).reject_transfer(name("a.lab")), 2201, &[]);
    chain.names.by(ALICE).reject_transfer(name("a.lab")).ok();
    assert_eq!(chain.domain("a.lab").sponsor, ALICE.id());
    refused(chain.names.by(BOB).request_transfer(name("a.lab"), code()), 2202, &[]);
    refused(chain.names.by(ALICE).approve_transfer(name("a.lab")), 2301, &["no transfer"]);
}

#[test]
fn the_gaining_registrar_can_take_its_request_back() {
    let chain = chain();
    coded(&chain, "a.lab");
    refused(chain.names.by(BOB).cancel_transfer(name("a.lab")), 2301, &[]);
    chain.names.by(BOB).request_transfer(name("a.lab"), code()).ok();
    refused(chain.names.by(ALICE).cancel_transfer(name("a.lab")), 2201, &["registrar-2"]);
    chain.names.by(BOB).cancel_transfer(name("a.lab")).ok();
    assert_eq!(chain.domain("a.lab").sponsor, ALICE.id());
}

#[test]
fn equal_codes_of_two_names_do_not_show() {
    let chain = chain();
    coded(&chain, "a.lab");
    coded(&chain, "b.lab");
    assert_ne!(chain.domain("a.lab").code, chain.domain("b.lab").code);
    assert_ne!(code_hash("test", &name("a.lab"), CODE), code_hash("other", &name("a.lab"), CODE));
}

#[test]
fn a_short_code_transfers_nothing_whatever_its_hash() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    let short = Change { code: CodeChange::Set(code_hash("test", &name("a.lab"), "short")), ..Change::default() };
    chain.names.by(ALICE).update(name("a.lab"), short).ok();
    refused(chain.names.by(BOB).request_transfer(name("a.lab"), Text::new("short").unwrap()), 2202, &[]);
}

#[test]
fn a_transfer_is_decided_by_time_as_the_settings_say() {
    for (default, sponsor) in [(TransferDefault::Approve, BOB), (TransferDefault::Reject, ALICE)] {
        let chain = chain_with(Settings { transfer_default: default, ..settings() });
        coded(&chain, "a.lab");
        chain.names.by(BOB).request_transfer(name("a.lab"), code()).ok();
        chain.days(4);
        assert_eq!(chain.domain("a.lab").sponsor, ALICE.id());
        chain.days(1);
        assert_eq!(chain.domain("a.lab").sponsor, sponsor.id());
        assert_eq!(chain.domain("a.lab").transfer, None);
    }
}

#[test]
fn prohibitions_and_the_lock_forbid_transfers() {
    let chain = chain_with(Settings { transfer_lock_ms: 60 * DAY_MS, ..settings() });
    coded(&chain, "a.lab");
    refused(chain.names.by(BOB).request_transfer(name("a.lab"), code()), 2106, &["too shortly ago"]);
    chain.days(60);
    for (by, status) in [(ALICE, Status::ClientTransferProhibited), (REGISTRY, Status::ServerTransferProhibited)] {
        chain.names.by(by).set_status(name("a.lab"), statuses(&[status]), statuses(&[])).ok();
        refused(chain.names.by(BOB).request_transfer(name("a.lab"), code()), 2304, &[status.word()]);
        chain.names.by(by).set_status(name("a.lab"), statuses(&[]), statuses(&[status])).ok();
    }
    chain.names.by(BOB).request_transfer(name("a.lab"), code()).ok();
    let prohibit = statuses(&[Status::ServerTransferProhibited]);
    refused(chain.names.by(REGISTRY).set_status(name("a.lab"), prohibit, statuses(&[])), 2300, &[]);
}

#[test]
fn hosts_go_with_the_name() {
    let chain = chain();
    let registration = Registration {
        code: Some(code_hash("test", &name("a.lab"), CODE)),
        ..with(&["ns.a.lab"], vec![set("ns.a.lab", &["192.0.2.1"])])
    };
    chain.names.by(ALICE).register(name("a.lab"), 1, registration).ok();
    chain.names.by(BOB).request_transfer(name("a.lab"), code()).ok();
    chain.names.by(ALICE).approve_transfer(name("a.lab")).ok();
    let hosts = list(vec![set("ns.a.lab", &["192.0.2.2"])]);
    let change = Change { hosts, ..Change::default() };
    refused(chain.names.by(ALICE).update(name("a.lab"), change.clone()), 2201, &[]);
    chain.names.by(BOB).update(name("a.lab"), change).ok();
    assert_eq!(chain.names.by(ISP).host(name("ns.a.lab")).ok(), Some(host(&["192.0.2.2"])));
}
