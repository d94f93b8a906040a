//! Claims about a chain's node that lies: the directory keeps what was proven last, `/healthz` says what is wrong, and the
//! truth is taken over again as soon as somebody tells it.
use crate::{
    played_chain::{Lie, PlayedChain, Told, genesis},
    town::Town,
};
use althing_rdap::config::ChainConfig;
use serde_json::Value;
use std::{path::PathBuf, sync::Arc, time::Duration};
use tempfile::TempDir;

const FIRST: &str = "https://rdap.first.example/";
const SECOND: &str = "https://rdap.second.example/";

/// A node that follows a chain over these nodes.
async fn town(nodes: Vec<String>) -> (Town, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("genesis.json");
    std::fs::write(&file, serde_json::to_vec(&genesis()).unwrap()).unwrap();
    let town = Town::with(|config| config.chains = vec![ChainConfig { nodes, genesis: file }]).await;
    (town, folder)
}

/// A chain with `lab` at the first place and `tld` at a third, followed.
async fn followed() -> (Arc<PlayedChain>, Town, TempDir) {
    let (chain, url) = PlayedChain::start().await;
    chain.set(Told::Truly, "lab", Some(FIRST));
    chain.set(Told::Truly, "tld", Some("https://rdap.tld.example/"));
    let (town, folder) = town(vec![url]).await;
    until(&town, "the first entry", |served, _| served.contains(FIRST)).await;
    (chain, town, folder)
}

/// Waits until the served bootstrap file and the trouble with the chain are so; gives the trouble.
async fn until(town: &Town, what: &str, so: impl Fn(&str, &str) -> bool) -> String {
    for _ in 0..6_000 {
        let (served, trouble) = now(town).await;
        if so(&served, &trouble) {
            return trouble;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not happen: {:?}", now(town).await)
}

async fn now(town: &Town) -> (String, String) {
    let health: Value = town.get("/healthz").await.json();
    let trouble = health["troubles"]["chain played"].as_str().unwrap_or_default().to_owned();
    (town.get("/bootstrap/dns.json").await.text, trouble)
}

#[tokio::test]
async fn changes_that_are_told_are_taken_over() {
    let (chain, town, _folder) = followed().await;
    chain.set(Told::Truly, "lab", Some(SECOND));
    until(&town, "the change", |served, trouble| served.contains(SECOND) && trouble.is_empty()).await;
    chain.set(Told::Truly, "lab", None);
    // Without the chain's word, IANA's counts again.
    until(&town, "the deletion", |served, _| !served.contains(SECOND) && served.contains("rdap.tld.example")).await;
    assert!(town.get("/bootstrap/dns.json").await.text.contains(&town.registry.url("/registry/")));
}

/// Each lie, and what is said of it.
#[tokio::test]
async fn a_lie_changes_nothing_and_is_said_until_it_ends() {
    for (lie, why) in [
        (Lie::Value, "not proven"),
        (Lie::Absence, "not proven"),
        (Lie::NoProof, "not proven"),
        (Lie::OtherChain, "not proven"),
        (Lie::Forged, "not proven"),
        (Lie::OtherRoot, "not proven"),
    ] {
        let (chain, town, _folder) = followed().await;
        chain.lie(lie.clone());
        chain.set(Told::Truly, "lab", Some(SECOND));
        let trouble = until(&town, &format!("{lie:?}"), |_, trouble| !trouble.is_empty()).await;
        assert!(trouble.contains(why), "{lie:?}: {trouble}");
        let (served, _) = now(&town).await;
        assert!(served.contains(FIRST) && !served.contains(SECOND), "{lie:?}: {served}");
        assert!(town.get("/metrics").await.text.contains("althing_rdap_chain_fault{name=\"played\"} 1"), "{lie:?}");
        assert_eq!(town.get("/healthz").await.status, 200);
        chain.lie(Lie::None);
        until(&town, "the truth", |served, trouble| served.contains(SECOND) && trouble.is_empty()).await;
        town.node.stop().await;
    }
}

#[tokio::test]
async fn an_event_that_is_kept_back_is_found_out_by_the_next_one() {
    let (chain, town, _folder) = followed().await;
    chain.set(Told::Not, "lab", Some(SECOND));
    // The totals say one change more than was told; read anew, both changes are there.
    chain.set(Told::Truly, "tld", Some("https://rdap.other.example/"));
    until(&town, "the change that was kept back", |served, _| served.contains(SECOND)).await;
    assert!(town.get("/bootstrap/dns.json").await.text.contains("rdap.other.example"));
}

/// While nothing is told, the totals are proven every 15 s.
#[tokio::test]
async fn an_event_that_is_kept_back_is_found_out_though_nothing_follows() {
    let (chain, town, _folder) = followed().await;
    chain.set(Told::Not, "lab", Some(SECOND));
    until(&town, "the change that was kept back", |served, _| served.contains(SECOND)).await;
}

#[tokio::test]
async fn entries_that_a_list_leaves_out_are_missed() {
    let (chain, url) = PlayedChain::start().await;
    chain.set(Told::Truly, "lab", Some(FIRST));
    chain.lie(Lie::HiddenKeys);
    let (town, _folder) = town(vec![url]).await;
    let trouble = until(&town, "the trouble", |_, trouble| !trouble.is_empty()).await;
    assert!(trouble.contains("0 entries were found, 1 are proven"), "{trouble}");
    chain.lie(Lie::None);
    until(&town, "the truth", |served, trouble| served.contains(FIRST) && trouble.is_empty()).await;
}

/// An old state is proven as well as the new one; what was proven before is known to be later.
#[tokio::test]
async fn nobody_goes_back_to_an_older_state() {
    let (chain, town, _folder) = followed().await;
    chain.set(Told::Truly, "lab", Some(SECOND));
    until(&town, "the change", |served, _| served.contains(SECOND)).await;
    // The node hides a change and, once all is read again, everything after the first entry.
    chain.lie(Lie::Value);
    chain.set(Told::Truly, "tld", Some("https://rdap.other.example/"));
    until(&town, "the fault", |_, trouble| !trouble.is_empty()).await;
    chain.lie(Lie::Old(2));
    let trouble = until(&town, "the old state", |_, trouble| trouble.contains("older")).await;
    assert!(trouble.starts_with("R301 played: not proven"), "{trouble}");
    let (served, _) = now(&town).await;
    assert!(served.contains(SECOND) && !served.contains(FIRST), "{served}");
    chain.lie(Lie::None);
    until(&town, "the truth", |served, trouble| served.contains("rdap.other.example") && trouble.is_empty()).await;
}

#[tokio::test]
async fn an_honest_node_behind_a_liar_is_asked() {
    let (liar, bad) = PlayedChain::start().await;
    let (honest, good) = PlayedChain::start().await;
    for chain in [&liar, &honest] {
        chain.set(Told::Truly, "lab", Some(FIRST));
    }
    liar.lie(Lie::Forged);
    let (town, _folder) = town(vec![bad, good]).await;
    until(&town, "the honest word", |served, trouble| served.contains(FIRST) && trouble.is_empty()).await;
}

/// A node over the state folder of an earlier one.
async fn after(earlier: &TempDir, genesis: PathBuf, nodes: Vec<String>) -> Town {
    let state = earlier.path().join("state");
    Town::with(|config| (config.chains, config.state) = (vec![ChainConfig { nodes, genesis }], state)).await
}

#[tokio::test]
async fn a_node_that_starts_while_the_chain_is_silent_goes_on_with_what_was_proven() {
    let (chain, town, folder) = followed().await;
    let Town { node, folder: earlier, .. } = town;
    node.stop().await;
    let genesis = folder.path().join("genesis.json");
    let next = after(&earlier, genesis.clone(), vec!["http://127.0.0.1:1".into()]).await;
    // Each of the two faults, the one of the start and the one of the first try, tells of the chain.
    until(&next, "what was kept", |served, trouble| served.contains(FIRST) && trouble.contains("played")).await;
    next.node.stop().await;
    // It is the way back too: what was changed meanwhile is taken over, and the trouble ends.
    chain.set(Told::Truly, "lab", Some(SECOND));
    let next = after(&earlier, genesis, vec![chain.serve().await]).await;
    until(&next, "the change", |served, trouble| served.contains(SECOND) && trouble.is_empty()).await;
}

#[tokio::test]
async fn a_restart_is_no_way_back_to_an_older_state() {
    let (chain, town, folder) = followed().await;
    chain.set(Told::Truly, "lab", Some(SECOND));
    until(&town, "the change", |served, _| served.contains(SECOND)).await;
    let Town { node, folder: earlier, .. } = town;
    node.stop().await;
    chain.lie(Lie::Old(2));
    let next = after(&earlier, folder.path().join("genesis.json"), vec![chain.serve().await]).await;
    until(&next, "the older state", |_, trouble| trouble.contains("older state")).await;
    assert!(now(&next).await.0.contains(SECOND));
}
