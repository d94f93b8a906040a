//! Claims about published files: the real ones put together (R5), and what happens when one goes wrong (hostile case 24).
use crate::town::{Play, Server, Town, write_files};
use althing_interface::bootstrap::{self, RegistrarStatus};
use althing_rdap::{
    chain::{ChainView, ProofReference, Proven},
    directory::{Directory, Origin, Published},
    published::{File, Kind},
};
use althing_types::{
    codec::{List, Text},
    id::{Height, OrganisationId},
    name::DomainName,
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// The folder of real files; `None` when this checkout has none.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("ALTHING_TEST_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: ALTHING_TEST_DATA names no folder");
    }
    folder
}

fn real() -> Option<Published> {
    let folder = data()?;
    let read = |kind, path: &str| File::parse(kind, &std::fs::read(folder.join(path)).unwrap()).unwrap();
    let File::Bootstrap(bootstrap) = read(Kind::Bootstrap, "rdap/dns-2025-11-06.json") else { panic!() };
    let File::Bootstrap(supplement) = read(Kind::Supplement, "rdap/supplemental-cctld-rdap.json") else { panic!() };
    let File::RegistrarIds(ids) = read(Kind::RegistrarIds, "registrars/registrar-ids.csv") else { panic!() };
    let File::Accredited(accredited) = read(Kind::Accredited, "registrars/accredited-registrars.csv") else { panic!() };
    Some(Published {
        bootstrap: Arc::new(bootstrap),
        supplement: Arc::new(supplement),
        registrar_ids: Arc::new(ids),
        accredited: Arc::new(accredited),
    })
}

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn proven<T>(value: T) -> Proven<T> {
    let proof = ProofReference { chain: "root".into(), height: 9, block: "b".into(), state_root: "r".into() };
    Proven { value, key: vec![1, 2], proof: Arc::new(proof) }
}

/// A chain that has `com` and registrar 292, and says that registrar 2 is terminated.
fn chain() -> ChainView {
    let urls = |text: &str| List::new(vec![Text::new(text).unwrap()]).unwrap();
    let by = OrganisationId::new("registry-1").unwrap();
    let entry = bootstrap::Entry {
        urls: urls("https://rdap.chain.example/com/"),
        by: by.clone(),
        revision: 1,
        changed: Height(9),
        changed_ms: 1_800_000_000_000,
    };
    let data = bootstrap::RegistrarData {
        country: Text::new("Iceland").unwrap(),
        contact: Text::new("desk").unwrap(),
        link: Text::new("https://chain.example").unwrap(),
        urls: urls("https://rdap.chain.example/292/"),
    };
    let registrar = bootstrap::Registrar { data, by, revision: 1, changed: Height(9), changed_ms: 1 };
    let listed = |name: &str, status| proven(bootstrap::Accreditation { name: Text::new(name).unwrap(), status });
    ChainView {
        entries: BTreeMap::from([(name("com"), proven(entry))]),
        registrars: BTreeMap::from([(292, proven(registrar))]),
        accreditations: BTreeMap::from([
            (292, listed("MarkMonitor Inc.", RegistrarStatus::Accredited)),
            (2, listed("Network Solutions, LLC", RegistrarStatus::Terminated)),
        ]),
        ..ChainView::default()
    }
}

#[test]
fn the_real_files_make_one_directory_and_their_conflicts_are_decided() {
    let Some(published) = real() else { return };
    let directory = Directory::new(&[], &published);
    assert_eq!((published.registrar_ids.len(), published.accredited.len()), (4_177, 3_016));
    assert_eq!(directory.sizes(), (1_192 + 19, 4_177));
    // On ICANN's list, but not accredited at IANA: IANA's word.
    for (id, status) in [
        (816, RegistrarStatus::Terminated),
        (1641, RegistrarStatus::Terminated),
        (1908, RegistrarStatus::Terminated),
        (3842, RegistrarStatus::Terminated),
        (9995, RegistrarStatus::Reserved),
    ] {
        let registrar = directory.registrar(id).unwrap();
        assert_eq!((registrar.status, registrar.urls.len()), (status, 0), "{id}");
    }
    // Accredited at IANA, not on ICANN's list: nine, known without a contact.
    let all: Vec<_> = published.registrar_ids.keys().filter_map(|id| Some((*id, directory.registrar(*id)?))).collect();
    let accredited = || all.iter().filter(|(_, registrar)| registrar.status == RegistrarStatus::Accredited);
    assert_eq!(accredited().count(), 3_020);
    assert_eq!(accredited().filter(|(_, registrar)| registrar.contact.is_none()).count(), 9);
    assert_eq!(accredited().filter(|(_, registrar)| registrar.urls.is_empty()).count(), 3);
    assert_eq!(all.iter().filter(|(_, registrar)| registrar.other_name.is_some()).count(), 25);
    // Ten terminated ones still have a base URL at IANA; none is used, and each one used ends in a slash.
    let terminated = |id: &u32| published.registrar_ids[id].status == RegistrarStatus::Terminated;
    assert_eq!(
        published.registrar_ids.keys().filter(|id| terminated(id) && published.registrar_ids[id].url.is_some()).count(),
        10
    );
    assert!(
        all.iter().all(|(_, registrar)| registrar.status == RegistrarStatus::Accredited || registrar.urls.is_empty())
    );
    assert!(all.iter().flat_map(|(_, registrar)| &registrar.urls).all(|url| url.path().ends_with('/')));
}

#[test]
fn the_served_file_says_what_iana_s_says() {
    let Some(mut published) = real() else { return };
    published.supplement = Arc::default();
    let directory = Directory::new(&[], &published);
    let File::Bootstrap(served) = File::parse(Kind::Bootstrap, &directory.file()).unwrap() else { panic!() };
    assert_eq!(served, *published.bootstrap);
}

#[test]
fn a_chain_counts_before_every_file() {
    let Some(published) = real() else { return };
    let directory = Directory::new(&[Arc::new(chain())], &published);
    let (_, com) = directory.registry(&name("example.com")).unwrap();
    assert_eq!(com.urls[0].as_str(), "https://rdap.chain.example/com/");
    assert!(matches!(&com.origin, Origin::Chain { proof, key } if proof.height == 9 && key == "0102"));
    let (_, net) = directory.registry(&name("example.net")).unwrap();
    assert!(matches!(&net.origin, Origin::Iana { publication: Some(time) } if time == "2025-11-06T23:00:01Z"));
    assert!(directory.registry(&name("example.zz")).is_none());
    let registrar = directory.registrar(292).unwrap();
    assert_eq!(
        (registrar.country.as_deref(), registrar.urls[0].as_str()),
        (Some("Iceland"), "https://rdap.chain.example/292/")
    );
    let terminated = directory.registrar(2).unwrap();
    assert_eq!((terminated.status, terminated.urls.len()), (RegistrarStatus::Terminated, 0));
    assert_eq!(directory.from_chain(), 1);
    let File::Bootstrap(served) = File::parse(Kind::Bootstrap, &directory.file()).unwrap() else { panic!() };
    assert_eq!(served.entries[&name("com")][0].as_str(), "https://rdap.chain.example/com/");
    // The chain's change is later than IANA's publication.
    assert_eq!(served.publication.unwrap().timestamp_millis(), 1_800_000_000_000);
}

#[test]
fn of_two_chains_the_first_counts() {
    let mut second = chain();
    second.entries.get_mut(&name("com")).unwrap().value.urls = List::default();
    let directory = Directory::new(&[Arc::new(chain()), Arc::new(second)], &Published::default());
    assert_eq!(directory.registry(&name("com")).unwrap().1.urls.len(), 1);
}

/// Waits until the node's directory and troubles are so.
async fn until(town: &Town, what: &str, so: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    for _ in 0..300 {
        let health = town.get("/healthz").await.json();
        if so(&health) {
            return health;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} did not happen: {}", town.get("/healthz").await.text)
}

#[tokio::test]
async fn a_file_that_goes_wrong_changes_nothing_and_raises_an_alarm() {
    let town = Town::with(|config| config.published.refresh_s = 1).await;
    let file = town.folder.path().join("dns.json");
    let good = std::fs::read_to_string(&file).unwrap();
    for (bad, why) in [
        ("".to_owned(), "EOF"),
        (good.replace("2026-01-01", "2025-01-01"), "older"),
        (good.replace("\"down\"", "\"lab\""), "twice"),
        (good.replace(",[[\"down\"],[\"http://127.0.0.1:1/\"]]", ""), "tenth"),
    ] {
        // Another time of change than before, whatever the file system's resolution.
        std::fs::write(&file, &bad).unwrap();
        let health =
            until(&town, why, |health| health["troubles"]["file bootstrap"].as_str().is_some_and(|t| t.contains(why)))
                .await;
        assert_eq!(health["registries"], 2, "{why}");
        assert!(town.get("/metrics").await.text.contains("althing_rdap_file_alarm{name=\"bootstrap\"} 1"));
    }
    let (registry, registrar) = (town.registry.url("/other/"), town.registrar.url("/registrar/"));
    write_files(town.folder.path(), &registry, &registrar);
    until(&town, "recovery", |health| health["troubles"].as_object().unwrap().is_empty()).await;
    assert!(town.get("/bootstrap/dns.json").await.text.contains("/other/"));
}

#[tokio::test]
async fn files_over_http_are_asked_for_conditionally_and_survive_a_restart() {
    let publisher = Server::start().await;
    let text =
        r#"{"version":"1.0","publication":"2026-01-01T00:00:00Z","services":[[["lab"],["https://rdap.nic.lab/"]]]}"#;
    publisher.on("/dns.json", Play::Rdap(serde_json::from_str(text).unwrap()));
    let (place, address) = (publisher.url("/dns.json"), publisher.address.to_string());
    let kept = tempfile::tempdir().unwrap();
    let state = kept.path().to_path_buf();
    let with = |config: &mut althing_rdap::config::Config| {
        config.published.bootstrap = Some(place.clone());
        config.fetch.allow.push(address.clone());
        config.state = state.clone();
    };
    let town = Town::with(with).await;
    assert!(town.get("/bootstrap/dns.json").await.text.contains("rdap.nic.lab"));
    town.node.stop().await;
    publisher.on("/dns.json", Play::Status(500));
    let town = Town::with(with).await;
    let health = until(&town, "alarm", |health| health["troubles"]["file bootstrap"].is_string()).await;
    assert_eq!(health["registries"], 1);
    assert!(town.get("/bootstrap/dns.json").await.text.contains("rdap.nic.lab"));
}

#[tokio::test]
async fn the_bootstrap_file_is_served_with_validators() {
    let town = Town::start().await;
    let first = town.get("/bootstrap/dns.json").await;
    assert_eq!((first.status, first.header("content-type")), (200, "application/json"));
    assert_eq!(first.header("last-modified"), "Thu, 01 Jan 2026 00:00:00 GMT");
    let tag = first.header("etag").to_owned();
    let again = town.http().get(town.url("/bootstrap/dns.json")).header("if-none-match", tag);
    let again = town.send(again).await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let since =
        town.http().get(town.url("/bootstrap/dns.json")).header("if-modified-since", "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(town.send(since).await.status, 304);
}
