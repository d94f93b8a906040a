//! Claims about what contract `root_sync` is told, with a stand-in that writes down, or refuses while it is told to.

use super::*;
use althing_interface::{layout, root_sync};

/// Writes down what it is told.
#[contract(name = "root_sync", state_version = 1)]
pub(crate) struct Listener {
    told: Map<DomainName, BaseUrls>,
    deaf: Value<bool>,
}

/// The stand-in's refusal.
#[derive(ContractError, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deaf {
    /// It takes nothing.
    #[code(1)]
    Deaf,
}

#[contract_api]
impl Listener {
    /// Takes or refuses from now on.
    #[call]
    fn set_deaf(&mut self, deaf: bool) {
        self.deaf.put(&deaf);
    }
    /// As the real one.
    #[call]
    fn bootstrap_changed(&mut self, cx: &mut Ctx, tld: DomainName, urls: BaseUrls) -> Result<Option<u64>, Deaf> {
        ensure!(cx.caller().is_some_and(|caller| caller.as_str() == ID), Deaf::Deaf);
        ensure!(self.deaf.get() != Some(true), Deaf::Deaf);
        self.told.put(&tld, &urls);
        Ok(Some(1))
    }
    /// What it was told last.
    #[view]
    fn told(&self, tld: DomainName) -> Option<BaseUrls> {
        self.told.get(&tld)
    }
}

#[test]
fn the_chain_of_a_tld_is_told_and_no_failure_undoes_a_change() {
    let chain = chain();
    let listener = chain.net.deploy_with::<Listener>(GOVERNOR, root_sync::ID, &());
    let set = |org: Org, tld: &str, url: &str| chain.bootstrap.by(org).set(name(tld), urls(&[url])).gives(None);
    set(LAB, "lab", "https://one.nic.lab/");
    listener.by(LAB).told(name("lab")).gives(Some(urls(&["https://one.nic.lab/"])));
    listener.by(LAB).set_deaf(true).ok();
    set(LAB, "lab", "https://two.nic.lab/");
    assert_eq!(chain.bootstrap.by(LAB).entry(name("lab")).ok().unwrap().urls, urls(&["https://two.nic.lab/"]));
    let untold =
        |chain: &Chain| chain.bootstrap.state().keys().filter(|key| key[0] == layout::bootstrap::UNTOLD).count();
    assert_eq!(untold(&chain), 1);
    // The next change of any TLD tells what was left untold.
    listener.by(LAB).set_deaf(false).ok();
    set(NET, "net", "https://rdap.nic.net/");
    listener.by(LAB).told(name("lab")).gives(Some(urls(&["https://two.nic.lab/"])));
    listener.by(LAB).told(name("net")).gives(Some(urls(&["https://rdap.nic.net/"])));
    assert_eq!(untold(&chain), 0);
    chain.bootstrap.by(LAB).delete(name("lab")).gives(None);
    listener.by(LAB).told(name("lab")).gives(Some(urls(&[])));
}
