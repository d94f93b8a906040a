//! The real root zone through both contracts: a base zone, every later change set, and the zone that must come out. Each
//! TLD has a registry of its own, so that every change of a shared host waits for the consent of all others.
//!
//! The data is not part of the product. `ALTHING_TEST_DATA` names its folder; without it the test says so and passes,
//! with `ALTHING_REQUIRE_TEST_DATA=1` it fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use althing_domain_records::DomainRecords;
use althing_interface::{
    call::Call,
    domain_records::{
        self as records, ChangeApex, ChangeTld, Counts,
        held::{ChangeOutcome, Consent, HeldChange, HeldCounts, HeldStatus, Settle},
    },
    label::check_tld,
    layout,
    tld_binding::{self as bindings, Bind, BindingCounts, Release},
    zone::{Plan, Record, Zone},
};
use althing_sdk::{
    Contract,
    prelude::*,
    testing::{Context, Entry, Machine, NativeMachine},
    types::{
        codec::{decode, encode},
        hash::sha3_256,
        id::ChainId,
        receipt::Failure,
    },
};
use althing_tld_binding::TldBinding;
use std::{
    collections::BTreeSet,
    io::Read,
    path::{Path, PathBuf},
};

/// The folder with the data, when there is one.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("ALTHING_TEST_DATA").map(|root| PathBuf::from(root).join("rootzone"));
    let found = folder.filter(|folder| folder.is_dir());
    let required = std::env::var("ALTHING_REQUIRE_TEST_DATA").is_ok_and(|v| v == "1");
    assert!(found.is_some() || !required, "ALTHING_TEST_DATA names no folder with a folder rootzone");
    if found.is_none() {
        eprintln!("skipped: ALTHING_TEST_DATA names no folder with a folder rootzone");
    }
    found
}

/// The lines of the one file in the folder whose name starts so.
fn lines(folder: &Path, start: &str) -> Vec<String> {
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(start)).expect(start);
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> BTreeSet<Record> {
    lines.into_iter().map(|line| line.parse().expect(line)).collect()
}

fn sorted_lines(zone: &Zone) -> Vec<String> {
    let mut lines: Vec<String> = zone.records().iter().map(ToString::to_string).collect();
    lines.sort_unstable();
    lines
}

/// Both contracts on a machine.
struct Ledger {
    machine: NativeMachine,
    height: u64,
    calls: u64,
    /// Consents that were given.
    consents: u64,
}

impl Ledger {
    fn new() -> Self {
        let mut machine = NativeMachine::new();
        machine.install(&ContractId::new(bindings::ID).unwrap(), &TldBinding::native());
        machine.install(&ContractId::new(records::ID).unwrap(), &DomainRecords::native());
        Self { machine, height: 0, calls: 0, consents: 0 }
    }

    fn call<C: Call>(&mut self, organisation: &str, role: Role, call: &C) -> Vec<u8> {
        match self.attempt(organisation, role, call) {
            Ok(result) => result,
            Err(failure) => panic!("{organisation} {}: {failure:?}", C::METHOD),
        }
    }

    fn attempt<C: Call>(&mut self, organisation: &str, role: Role, call: &C) -> Result<Vec<u8>, Failure> {
        self.calls += 1;
        let context = Context {
            chain: ChainId::new("root").unwrap(),
            height: Height(self.height),
            time_ms: self.height * 1_000,
            transaction: sha3_256(&self.calls.to_le_bytes()),
            signer: PublicKey([7; 32]),
            organisation: Some(OrganisationId::new(organisation).unwrap()),
            roles: BTreeSet::from([role]),
        };
        let contract = ContractId::new(C::CONTRACT).unwrap();
        self.machine.invoke(&context, &contract, Entry::Call(C::METHOD), &encode(call)).result
    }

    /// Lets everyone who is asked consent to changes that wait, as a client does that has all keys.
    fn consent(&mut self, ids: Vec<u64>) {
        for id in ids {
            for round in 0.. {
                let state = self.machine.state(&ContractId::new(records::ID).unwrap());
                let held: HeldChange = decode("held change", &state[&layout::held_change_key(id)], 1 << 16).unwrap();
                if held.status != HeldStatus::Open {
                    assert_eq!(held.status, HeldStatus::Applied, "{held:?}");
                    break;
                }
                assert!(round < 4, "{held:?}");
                // Whoever was to be asked may have left the host with another change of this version.
                if round % 2 == 1 {
                    self.call("anyone", Role::Operator, &Settle { id });
                }
                for organisation in held.needed.iter().filter(|o| round % 2 == 0 && !held.consents.contains(*o)) {
                    match self.attempt(organisation.as_str(), Role::Operator, &Consent { id }) {
                        Ok(_) => self.consents += 1,
                        Err(failure) => assert!([25, 26].contains(&failure.detail), "{failure:?}"),
                    }
                }
            }
        }
    }

    /// Makes the calls of a plan; the changes of TLDs backwards at odd heights, since their order must not matter.
    fn follow(&mut self, plan: Plan) {
        self.height += 1;
        let registry = |tld: &DomainName| format!("registry-{}", tld.as_str());
        for tld in plan.bind {
            let organisation = OrganisationId::new(registry(&tld)).unwrap();
            self.call("operator", Role::Governance, &Bind { tld, organisation });
        }
        for change in plan.apex {
            self.call("operator", Role::Governance, &ChangeApex { change });
        }
        let mut changes = plan.changes;
        if self.height % 2 == 1 {
            changes.reverse();
        }
        let mut waiting = Vec::new();
        for (tld, change) in changes {
            let result = self.call(&registry(&tld), Role::Operator, &ChangeTld { tld, change });
            match decode("result", &result, 64).unwrap() {
                ChangeOutcome::Applied => {}
                ChangeOutcome::Held { id } => waiting.push(id),
            }
        }
        self.consent(waiting);
        for tld in plan.release {
            self.call("operator", Role::Governance, &Release { tld });
        }
    }

    /// The zone as a client would read it from the state, and the totals that prove it whole.
    fn zone(&self) -> Zone {
        let state = self.machine.state(&ContractId::new(records::ID).unwrap());
        let mut zone = Zone::default();
        for (key, value) in &state {
            if key.starts_with(&layout::delegations_prefix()) {
                let delegation = decode("delegation", value, 1 << 16).unwrap();
                zone.delegations.insert(layout::name_of(key).unwrap(), delegation);
            } else if key.starts_with(&layout::hosts_prefix()) {
                zone.hosts.insert(layout::name_of(key).unwrap(), decode("host", value, 1 << 16).unwrap());
            } else if *key == layout::apex_key() {
                zone.apex = Some(decode("apex", value, 1 << 16).unwrap());
            }
        }
        let counts: Counts = decode("counts", &state[&layout::counts_key()], 64).unwrap();
        let found = (zone.delegations.len(), zone.hosts.len(), zone.records().len());
        assert_eq!((counts.delegations as usize, counts.hosts as usize, counts.records as usize), found);
        let state = self.machine.state(&ContractId::new(bindings::ID).unwrap());
        let counts: BindingCounts = decode("counts", &state[&layout::binding_counts_key()], 64).unwrap();
        assert_eq!(counts.bindings as usize, zone.delegations.len());
        zone
    }
}

#[test]
fn every_real_tld_may_be_bound() {
    let Some(folder) = data() else { return };
    let zone = Zone::from_records(&parse(lines(&folder, "root-base").iter().map(String::as_str))).unwrap();
    assert_eq!(zone.delegations.len(), 1_458);
    let refused: Vec<_> = zone.delegations.keys().filter_map(|tld| check_tld(tld).err()).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

#[test]
fn the_real_history_comes_out_as_it_went_in() {
    let Some(folder) = data() else { return };
    let base = lines(&folder, "root-base");
    let mut records = parse(base.iter().map(String::as_str));
    let mut zone = Zone::from_records(&records).unwrap();
    let mut ledger = Ledger::new();
    ledger.follow(Plan::new(&Zone::default(), &zone));
    assert_eq!(ledger.zone(), zone);
    assert_eq!(sorted_lines(&ledger.zone()), base, "the base zone comes back line by line");
    let imported = ledger.calls;
    assert_eq!(ledger.consents, 0, "a first import asks nobody");

    let mut serials = 0;
    for line in lines(&folder, "root-changes") {
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap();
        let part = |name: &str| -> BTreeSet<Record> {
            parse(entry[name].as_array().unwrap().iter().map(|line| line.as_str().unwrap()))
        };
        let (add, del) = (part("add"), part("del"));
        if add.is_empty() && del.is_empty() {
            continue;
        }
        serials += 1;
        assert!(del.iter().all(|record| records.remove(record)), "{}", entry["serial"]);
        assert!(add.into_iter().all(|record| records.insert(record)), "{}", entry["serial"]);
        let next = Zone::from_records(&records).unwrap();
        ledger.follow(Plan::new(&zone, &next));
        assert_eq!(ledger.zone(), next, "{}", entry["serial"]);
        zone = next;
    }
    assert_eq!(serials, 256);
    assert_eq!(sorted_lines(&ledger.zone()), lines(&folder, "root-expected"));
    let state = ledger.machine.state(&ContractId::new(records::ID).unwrap());
    let held: HeldCounts = decode("counts", &state[&layout::held_counts_key()], 64).unwrap();
    assert!(held.last > 0 && held.open == 0, "{held:?}");
    let (calls, held, consents) = (ledger.calls - imported, held.last, ledger.consents);
    eprintln!("{imported} calls for the base zone; {calls} for {serials} serials, {held} held, {consents} consents");
}
