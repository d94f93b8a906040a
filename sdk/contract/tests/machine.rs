//! What the native machine promises: calls between contracts, undoing, order, limits, and what it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects, reason = "tests")]
#![allow(missing_docs, reason = "contracts of tests")]

use althing_sdk::{
    abi::Abi,
    prelude::*,
    testing::{Entry, Net, Org},
    types::receipt::FailureCode,
};

const ORG: Org = Org::new("org-a", &[Role::Governance]);

/// A contract that does as it is told.
#[contract(name = "probe", state_version = 1, events(Seen))]
pub struct Probe {
    values: Map<(DomainName, u32), Text<16>>,
    pairs: Index<i64, Text<8>>,
    count: Value<u64>,
}

#[derive(Event)]
pub struct Seen {
    #[topic]
    pub number: u64,
}

#[derive(Event)]
pub struct Undeclared {
    pub number: u64,
}

#[derive(ContractError, Debug)]
pub enum Fail {
    /// Told to fail.
    #[code(3)]
    Told,
    /// Told to fail, with a reason.
    #[code(4)]
    Because(Text<32>),
}

#[contract_api]
impl Probe {
    #[call]
    fn count(&mut self, cx: &mut Ctx) -> u64 {
        let count = self.count.get().unwrap_or(0) + 1;
        self.count.put(&count);
        cx.emit(Seen { number: count });
        count
    }
    #[call]
    fn count_and_fail(&mut self, cx: &mut Ctx) -> Result<(), Fail> {
        self.count(cx);
        Err(Fail::Told)
    }
    #[call]
    fn fail_because(&mut self) -> Result<(), Fail> {
        Err(Fail::Because(Text::truncated("of a reason")))
    }
    #[call]
    fn panic(&mut self, cx: &mut Ctx) {
        self.count(cx);
        self.values.get(&(DomainName::root(), 1)).unwrap();
    }
    #[call]
    fn emit_undeclared(&mut self, cx: &mut Ctx) {
        cx.emit(Undeclared { number: 1 });
    }
    /// Calls a method of another contract and goes on when that fails.
    #[call]
    fn forward(&mut self, cx: &mut Ctx, to: ContractId, method: Text<32>) -> Option<u32> {
        self.count(cx);
        let called: Result<(), CallError> = cx.call(&to, &method, &());
        self.count(cx);
        called.err().map(|error| error.number().unwrap_or(error.failure.code as u32 + 1000))
    }
    #[call]
    fn who(&mut self, cx: &mut Ctx) -> (PublicKey, Option<OrganisationId>, Option<ContractId>, ContractId, Height) {
        (cx.signer(), cx.organisation(), cx.caller(), cx.contract(), cx.height())
    }
    #[call]
    fn fill(&mut self) {
        for (name, number) in [("b.example", 2), ("example", 9), ("a.example", 1), ("example", 10), ("test", 0)] {
            self.values.put(&(DomainName::parse(name).unwrap(), number), &Text::truncated(name));
        }
        for (key, member) in [(5, "x"), (-5, "y"), (5, "a"), (0, "")] {
            self.pairs.add(&key, &Text::truncated(member));
        }
    }
    #[call]
    fn too_large(&mut self) {
        for _ in 0..10_000 {
            self.values.put(&(DomainName::root(), 0), &Text::truncated("x"));
        }
        let held: Vec<_> = (0..9).map(|_| self.values.iter()).collect();
        drop(held);
    }
    #[view]
    fn walk(&self) -> List<u32, 8> {
        List::new(self.values.iter().map(|((_, number), _)| number).collect()).unwrap()
    }
    #[view]
    fn below(&self, name: DomainName) -> List<u32, 8> {
        List::new(self.values.iter_prefix(&name).map(|((_, number), _)| number).collect()).unwrap()
    }
    #[view]
    fn pairs(&self) -> List<(i64, Text<8>), 8> {
        List::new(self.pairs.iter().collect()).unwrap()
    }
    #[view]
    fn members(&self, key: i64, after: Option<Text<8>>) -> List<Text<8>, 8> {
        let members = match after {
            Some(after) => self.pairs.members_after(&key, &after),
            None => self.pairs.members(&key),
        };
        List::new(members.collect()).unwrap()
    }
}

fn id(text: &str) -> ContractId {
    ContractId::new(text).unwrap()
}

#[test]
fn a_failed_call_is_undone_and_an_outer_one_goes_on() {
    let net = Net::native();
    let (outer, inner) = (net.deploy_with::<Probe>(ORG, "outer", &()), net.deploy_with::<Probe>(ORG, "inner", &()));
    outer.by(ORG).forward(id("inner"), Text::truncated("count_and_fail")).gives(Some(3));
    assert!(inner.state().is_empty());
    assert_eq!(net.events().iter().map(|event| event.contract.to_string()).collect::<Vec<_>>(), ["outer", "outer"]);
    outer.by(ORG).count().gives(3);
    inner.by(ORG).count().gives(1);
}

#[test]
fn failures_carry_their_number_and_reason() {
    let probe = Net::native().deploy::<Probe>(ORG);
    probe.by(ORG).count_and_fail().fails_with(Fail::Told);
    let failure = probe.by(ORG).fail_because().fails(FailureCode::ContractError);
    assert_eq!((failure.detail, failure.message.as_str()), (4, "Because: of a reason"));
    let failure = probe.by(ORG).panic().fails(FailureCode::Panic);
    assert!(
        failure.message.contains("called `Option::unwrap()` on a `None` value (")
            && failure.message.contains("machine.rs:")
    );
    assert!(probe.state().is_empty());
}

#[test]
fn a_contract_is_not_entered_twice_and_missing_ones_are_named() {
    let probe = Net::native().deploy::<Probe>(ORG);
    let code = |code: FailureCode| Some(code as u32 + 1000);
    probe.by(ORG).forward(id("probe"), Text::truncated("count")).gives(code(FailureCode::Reentrancy));
    probe.by(ORG).forward(id("nobody"), Text::truncated("count")).gives(code(FailureCode::NoSuchContract));
    let other = probe.by(ORG).raw(Entry::Call("nothing"), &[]);
    assert_eq!(other.result.unwrap_err().code, FailureCode::NoSuchMethod);
}

#[test]
fn the_context_tells_who_calls_whom() {
    let net = Net::native();
    let probe = net.deploy::<Probe>(ORG);
    net.pass(5);
    probe.by(ORG).who().gives((ORG.key(), Some(ORG.id()), None, id("probe"), Height(2)));
}

#[test]
fn maps_and_indexes_are_walked_in_the_order_of_their_keys() {
    let probe = Net::native().deploy::<Probe>(ORG);
    probe.by(ORG).fill().ok();
    let numbers = |list: List<u32, 8>| list.into_vec();
    assert_eq!(numbers(probe.by(ORG).walk().ok()), [9, 10, 1, 2, 0]);
    assert_eq!(numbers(probe.by(ORG).below(DomainName::parse("example").unwrap()).ok()), [9, 10]);
    let pairs = probe.by(ORG).pairs().ok().into_vec();
    let pairs: Vec<(i64, &str)> = pairs.iter().map(|(key, member)| (*key, member.as_str())).collect();
    assert_eq!(pairs, [(-5, "y"), (0, ""), (5, "a"), (5, "x")]);
    probe.by(ORG).members(5, Some(Text::truncated("a"))).gives(List::new(vec![Text::truncated("x")]).unwrap());
}

#[test]
fn limits_of_the_real_machine_hold_natively() {
    let probe = Net::native().deploy::<Probe>(ORG);
    let _ = probe.by(ORG).too_large().fails(FailureCode::SizeLimit);
}

#[test]
#[should_panic(expected = "#[contract(events(Undeclared))]")]
fn events_outside_the_description_fail_the_test() {
    let probe = Net::native().deploy::<Probe>(ORG);
    let _ = probe.by(ORG).emit_undeclared().outcome();
}

#[contract(name = "roles", state_version = 1)]
pub struct Roles;

#[contract_api]
impl Roles {
    #[call(role = "registry")]
    fn registry(&mut self) {}
    #[call(role = "registrar")]
    fn registrar(&mut self) {}
    #[call(role = "isp")]
    fn isp(&mut self) {}
    #[call(role = "recursive_operator")]
    fn recursive_operator(&mut self) {}
    #[call(role = "coordinator")]
    fn coordinator(&mut self) {}
    #[call(role = "regulator")]
    fn regulator(&mut self) {}
    #[call(role = "observer")]
    fn observer(&mut self) {}
    #[call(role = "governance")]
    fn governance(&mut self) {}
    #[call(role = "operator")]
    fn operator(&mut self) {}
    #[call(role = "voter")]
    fn voter(&mut self) {}
    #[call(role = "deployer")]
    fn deployer(&mut self) {}
    #[call(role = "node")]
    fn node(&mut self) {}
}

#[test]
fn every_role_can_be_asked_for_by_its_text() {
    let net = Net::native();
    let roles = net.deploy::<Roles>(ORG);
    let abi = Abi::decode(Roles::native().abi).unwrap();
    for role in Role::ALL {
        assert_eq!(abi.method(role.text()).unwrap().role, Some(role));
        let outcome = roles.by(ORG).raw(Entry::Call(role.text()), &[]).result;
        assert_eq!(outcome.is_ok(), role == Role::Governance, "{role:?} {outcome:?}");
    }
}
