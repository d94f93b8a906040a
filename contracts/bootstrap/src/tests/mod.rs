//! Tests of the contract: values (`values`), both sides without review (`calls`), under review
//! (`review`), and what chains of TLDs are told (`synced`).

mod calls;
mod review;
mod synced;
mod values;

use crate::Bootstrap;
use althing_interface::bootstrap::{
    Accreditation, AccreditationChange, BaseUrls, ID, Init, RegistrarData, RegistrarStatus, Settings,
};
use althing_sdk::{
    prelude::*,
    testing::{Answer, Deployed, Net, Org},
    types::receipt::FailureCode,
    wire::{ContractError, Wire},
};
use althing_tld_binding::TldBinding;

const GOVERNOR: Org = Org::new("operator", &[Role::Governance]);
const LAB: Org = Org::new("lab-registry", &[Role::Registry, Role::Operator]);
const NET: Org = Org::new("net-registry", &[Role::Registry, Role::Operator]);
const SELLER: Org = Org::new("seller", &[Role::Registrar, Role::Operator]);
const OTHER: Org = Org::new("other-seller", &[Role::Registrar, Role::Operator]);

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).unwrap()
}

fn urls(texts: &[&str]) -> BaseUrls {
    List::new(texts.iter().map(|one| text(one)).collect()).unwrap()
}

fn data(texts: &[&str]) -> RegistrarData {
    RegistrarData {
        country: text("Iceland"),
        contact: text("Abuse desk abuse@seller.example"),
        link: text("https://www.seller.example"),
        urls: urls(texts),
    }
}

fn listed(id: u32, name: &str, status: RegistrarStatus) -> AccreditationChange {
    AccreditationChange { id, accreditation: Some(Accreditation { name: text(name), status }) }
}

fn batch<const MAX: usize>(changes: Vec<AccreditationChange>) -> List<AccreditationChange, MAX> {
    List::new(changes).unwrap()
}

/// The call was refused with this number and a message that names these parts.
#[track_caller]
fn refused<R: Wire, E: ContractError>(answer: Answer<R, E>, number: u32, parts: &[&str]) {
    let failure = answer.fails(FailureCode::ContractError);
    assert_eq!(failure.detail, number, "{}", failure.message);
    for part in parts {
        assert!(failure.message.contains(part), "'{part}' is not in '{}'", failure.message);
    }
}

/// A chain on which `lab` and `net` are bound, and registrars 7 and 8 are accredited, 9 is terminated.
struct Chain {
    net: Net,
    bindings: Deployed<TldBinding>,
    bootstrap: Deployed<Bootstrap>,
}

fn chain() -> Chain {
    chain_with(Settings::default())
}

fn chain_with(settings: Settings) -> Chain {
    let net = Net::native();
    let bindings = net.deploy::<TldBinding>(GOVERNOR);
    let bootstrap = net.deploy_with::<Bootstrap>(GOVERNOR, ID, &(Init { settings, ..Init::default() },));
    bindings.by(GOVERNOR).bind(name("lab"), LAB.id()).ok();
    bindings.by(GOVERNOR).bind(name("net"), NET.id()).ok();
    let list = vec![
        listed(7, "Seller Ltd.", RegistrarStatus::Accredited),
        listed(8, "Other Seller Inc.", RegistrarStatus::Accredited),
        listed(9, "Gone GmbH", RegistrarStatus::Terminated),
    ];
    bootstrap.by(GOVERNOR).load_accreditation(batch(list), 1_000).ok();
    Chain { net, bindings, bootstrap }
}

impl Chain {
    /// The organisation is this registrar.
    fn registrar(&self, org: Org, id: u32) {
        self.bootstrap.by(org).apply(id).ok();
        self.bootstrap.by(GOVERNOR).approve(org.id(), id).ok();
    }
    /// What the contract says of itself holds.
    fn sound(&self) {
        self.bootstrap.by(GOVERNOR).totals_history_and_claims_agree().gives(true);
    }
}
