//! What the counter promises.

use althing_sdk::{
    prelude::*,
    testing::{Net, Org},
};
use counter::{Counter, Fail, Raised};

const ORG_A: Org = Org::new("org-a", &[Role::Registry]);
const ORG_B: Org = Org::new("org-b", &[]);

#[ledger_test]
fn everyone_raises_the_same_number(net: Net) {
    let counter = net.deploy::<Counter>(ORG_A);
    counter.by(ORG_A).add(2).emits(&Raised { by: ORG_A.key(), total: 2 }).gives(2);
    counter.by(ORG_B).add(3).emits(&Raised { by: ORG_B.key(), total: 5 }).gives(5);
    counter.by(ORG_B).total().gives(5);
}

#[ledger_test]
fn a_refused_call_changes_nothing(net: Net) {
    let counter = net.deploy::<Counter>(ORG_A);
    counter.by(ORG_A).add(u64::MAX).ok();
    let before = counter.state();
    counter.by(ORG_A).add(0).fails_with(Fail::Nothing);
    counter.by(ORG_A).add(1).fails_with(Fail::TooLarge);
    assert_eq!(counter.state(), before);
}
