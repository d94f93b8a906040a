//! Claims about a TLD's chain as its registry (D 2, 3.1): what is proven is answered, and nothing else.
use crate::{
    ledger::{Honesty, Ledger, genesis, key},
    town::{Play, Town, registrar_answer},
};
use althing_interface::{
    domain_records::{Delegation, Host as ApexHost, HostEntry},
    layout::registrations as keys,
    rdata::Ds,
    registrations::{Apex, Charter, Domain, Grace, GraceKind, Host, Phase, Registrant, Status},
};
use althing_rdap::config::TldChainConfig;
use althing_types::{
    codec::{Bytes, List, Text},
    hash::Hash,
    id::OrganisationId,
    name::DomainName,
    order::Key as _,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn list<T: std::fmt::Debug, const MAX: usize>(values: Vec<T>) -> List<T, MAX> {
    List::new(values).unwrap()
}

fn domain(ns: &[&str]) -> Domain {
    Domain {
        sponsor: OrganisationId::new("registrar-1").unwrap(),
        phase: Phase::Active,
        status: BTreeSet::new(),
        ns: list(ns.iter().map(|ns| name(ns)).collect()),
        ds: List::default(),
        created_ms: 1_600_000_000_000,
        changed_ms: 1_600_000_000_000,
        transferred_ms: None,
        expires_ms: 1_900_000_000_000,
        grace: List::default(),
        transfer: None,
        code: None,
        registrant: None,
    }
}

fn host(v4: &str, v6: &str) -> Host {
    Host { v4: list(vec![v4.parse().unwrap()]), v6: list(vec![v6.parse().unwrap()]) }
}

/// A town whose TLD `lab` is on a chain with some names.
async fn town() -> (Town, Ledger) {
    let (ledger, url) = Ledger::start().await;
    let charter = Charter { tld: name("lab"), registry: OrganisationId::new("registry-one").unwrap(), loading: false };
    ledger.set(&keys::charter_key(), Some(&charter));
    let mut full = domain(&["ns1.example.lab", "ns.lab", "ns.elsewhere.net"]);
    full.status = BTreeSet::from([Status::ClientTransferProhibited, Status::ServerHold]);
    full.ds = list(vec![Ds { key_tag: 7, algorithm: 13, digest_type: 2, digest: Bytes::new(vec![0xab; 32]).unwrap() }]);
    full.changed_ms = 1_700_000_000_000;
    full.transferred_ms = Some(1_650_000_000_000);
    full.grace = list(vec![Grace { kind: GraceKind::Transfer, until_ms: 1 }]);
    let pointer = Text::new("https://seller.example/who/1").unwrap();
    full.registrant = Some(Registrant { digest: Hash([7; 32]), pointer });
    ledger.set(&keys::domain_key(&name("example.lab")), Some(&full));
    ledger.set(&keys::host_key(&name("ns1.example.lab")), Some(&host("192.0.2.1", "2001:db8::1")));
    for (text, ns) in [("exam.lab", "ns1.example.lab"), ("other.lab", "ns.net"), ("xn--bcher-kva.lab", "ns.net")] {
        ledger.set(&keys::domain_key(&name(text)), Some(&domain(&[ns])));
    }
    for user in ["exam.lab", "example.lab"] {
        let mut own = vec![keys::USERS];
        name("ns1.example.lab").encode_key(&mut own);
        name(user).encode_key(&mut own);
        ledger.set(&own, Some(&()));
    }
    let delegation = Delegation { ns: list(vec![name("ns.lab")]), ns_ttl: 60, ds: List::default(), ds_ttl: 0 };
    let own = ApexHost { v4: list(vec!["192.0.2.9".parse().unwrap()]), a_ttl: 60, v6: List::default(), aaaa_ttl: 0 };
    let hosts = list(vec![HostEntry { name: name("ns.lab"), host: own }]);
    ledger.set(&keys::apex_key(), Some(&Apex { delegation, hosts }));
    let town = Town::with(|config| {
        let file = config.state.with_file_name("genesis.json");
        std::fs::write(&file, serde_json::to_vec(&genesis()).unwrap()).unwrap();
        config.tld_chains = vec![TldChainConfig {
            tld: "lab".into(),
            nodes: vec![url],
            genesis: file,
            registrars: [(OrganisationId::new("registrar-1").unwrap(), 7)].into(),
        }];
        config.fetch.deadline_ms = 3_000;
    })
    .await;
    // The chain is there before the files are read.
    for _ in 0..200 {
        if town.get("/entity/7").await.status == 200 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    (town, ledger)
}

fn listed(answer: &Value, member: &str) -> Vec<String> {
    let results = answer[member].as_array().unwrap();
    results.iter().map(|result| result["ldhName"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_registered_name_is_answered_from_its_chain_with_where_it_is_proven() {
    let (town, ledger) = town().await;
    let reply = town.get("/domain/Example.LAB?source=registry").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let answer = reply.json();
    assert_eq!((&answer["ldhName"], &answer["objectClassName"]), (&json!("example.lab"), &json!("domain")));
    assert_eq!(answer["status"], json!(["client transfer prohibited", "server hold"]));
    let events: Vec<_> =
        answer["events"].as_array().unwrap().iter().map(|e| (&e["eventAction"], &e["eventDate"])).collect();
    assert_eq!(events[0], (&json!("registration"), &json!("2020-09-13T12:26:40Z")));
    let words: Vec<_> = events.iter().map(|(action, _)| action.as_str().unwrap()).collect();
    assert_eq!(words, ["registration", "expiration", "last changed", "transfer", "last update of RDAP database"]);
    let servers = answer["nameservers"].as_array().unwrap();
    assert_eq!(servers[0]["ipAddresses"], json!({"v4": ["192.0.2.1"], "v6": ["2001:db8::1"]}));
    // Addresses of the apex's hosts are the apex's; of hosts of other TLDs the chain has none.
    assert_eq!(servers[1]["ipAddresses"], json!({"v4": ["192.0.2.9"]}));
    assert!(servers[2].get("ipAddresses").is_none() && servers[2]["ldhName"] == "ns.elsewhere.net");
    let ds = json!([{"keyTag": 7, "algorithm": 13, "digestType": 2, "digest": "AB".repeat(32)}]);
    assert_eq!(answer["secureDNS"], json!({"delegationSigned": true, "dsData": ds}));
    let registrar = &answer["entities"][0];
    assert_eq!((&registrar["handle"], &registrar["roles"]), (&json!("7"), &json!(["registrar"])));
    assert_eq!(registrar["publicIds"], json!([{"type": "IANA Registrar ID", "identifier": "7"}]));
    assert_eq!(registrar["vcardArray"][1][1][3], "Seller, Ltd.");
    assert_eq!(answer["redacted"][0]["method"], "removal");
    assert_eq!(answer["rdapConformance"], json!(["rdap_level_0", "redacted", "althing_provenance"]));
    assert_eq!(answer["remarks"][0]["links"][0]["href"], "https://seller.example/who/1");
    let part = &answer["althing_provenance"]["parts"][0];
    let (found, own) = (&part["found"], key(&keys::domain_key(&name("example.lab"))));
    assert_eq!((&part["part"], &found["origin"]), (&json!("registry"), &json!("chain")));
    assert_eq!((&found["chain"], &found["height"]), (&json!("lab-chain"), &json!(ledger.height())));
    assert_eq!((&found["key"], found["state_root"].as_str().unwrap().len()), (&json!(hex::encode(own)), 64));
    assert!(icann_rdap_common::response::RdapResponse::try_from(answer).is_ok());
    assert!(town.registry.asked().is_empty());
    let unicode = town.get("/domain/b%C3%BCcher.lab?source=registry").await.json();
    assert_eq!((&unicode["unicodeName"], &unicode["status"]), (&json!("b\u{fc}cher.lab"), &json!(["active"])));
}

#[tokio::test]
async fn its_registrar_is_asked_and_merged_as_after_any_registry() {
    let (town, _ledger) = town().await;
    town.known();
    town.registrar.on("/registrar/domain/example.lab", Play::Rdap(registrar_answer("example.lab")));
    let answer = town.get("/domain/example.lab").await.json();
    let parts = answer["althing_provenance"]["parts"].as_array().unwrap();
    assert_eq!(
        (parts.len(), &parts[1]["part"], &parts[1]["found"]["origin"]),
        (2, &json!("registrar"), &json!("iana"))
    );
    assert_eq!(answer["entities"][1]["vcardArray"][1][1][3], "Ada Lovelace");
    // The registrant is there now, so nobody says that it was left out.
    assert!(answer.get("redacted").is_none());
    assert!(town.registry.asked().is_empty());
    town.registrar.on("/registrar/domain/exam.lab", Play::Status(500));
    let alone = town.get("/domain/exam.lab").await;
    assert_eq!((alone.status, alone.notices()), (200, vec!["Registrar data are missing".to_owned()]));
    assert_eq!(alone.json()["redacted"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_proven_not_to_be_there() {
    let (town, ledger) = town().await;
    for path in ["/domain/none.lab", "/nameserver/ns.none.lab", "/domain/www.example.lab"] {
        let reply = town.get(path).await;
        assert_eq!((reply.status, &reply.json()["errorCode"]), (404, &json!(404)), "{path}");
        let found = reply.json()["althing_provenance"]["parts"][0]["found"].clone();
        assert_eq!((&found["origin"], &found["height"]), (&json!("chain"), &json!(ledger.height())), "{path}");
        assert!(reply.json()["description"][0].as_str().unwrap().contains("proven at height"));
    }
    assert!(town.registry.asked().is_empty() && town.registrar.asked().is_empty());
}

#[tokio::test]
async fn name_servers_and_the_tld_itself_are_on_the_chain_too() {
    let (town, _ledger) = town().await;
    let own = town.get("/nameserver/ns1.example.lab").await.json();
    assert_eq!(own["ipAddresses"], json!({"v4": ["192.0.2.1"], "v6": ["2001:db8::1"]}));
    assert_eq!(own["rdapConformance"], json!(["rdap_level_0", "althing_provenance"]));
    assert!(icann_rdap_common::response::RdapResponse::try_from(own).is_ok());
    let apex = town.get("/nameserver/ns.lab").await.json();
    assert_eq!(apex["ipAddresses"], json!({"v4": ["192.0.2.9"]}));
    let tld = town.get("/domain/lab").await.json();
    assert_eq!((&tld["ldhName"], &tld["nameservers"][0]["ldhName"]), (&json!("lab"), &json!("ns.lab")));
    // Clients that use this node's bootstrap file come here.
    let file = town.get("/bootstrap/dns.json").await.json();
    assert!(file["services"].as_array().unwrap().contains(&json!([["lab"], ["https://rdap.test/"]])));
}

#[tokio::test]
async fn a_node_that_lies_gets_nothing_answered() {
    let (town, ledger) = town().await;
    for (honesty, path) in [
        (Honesty::Hides, "/domain/example.lab"),
        (Honesty::Forges, "/domain/example.lab"),
        (Honesty::Hides, "/nameserver/ns1.example.lab"),
        (Honesty::Forges, "/domains?name=exam*.lab"),
    ] {
        *ledger.honesty.lock().unwrap() = honesty;
        let reply = town.get(path).await;
        assert_eq!(reply.status, 502, "{honesty:?} {path}: {}", reply.text);
        assert!(!reply.text.contains("127.0.0.1"));
        let troubles = town.get("/healthz").await.json()["troubles"].clone();
        assert!(troubles["registry of .lab"].as_str().unwrap().starts_with("R301 lab-chain"), "{troubles}");
    }
    *ledger.honesty.lock().unwrap() = Honesty::Honest;
    assert_eq!(town.get("/domain/example.lab").await.status, 200);
    assert_eq!(town.get("/healthz").await.json()["troubles"], json!({}));
}

#[tokio::test]
async fn a_node_that_goes_back_is_held_to_what_was_proven() {
    let (town, ledger) = town().await;
    assert_eq!(town.get("/domain/other.lab?source=registry").await.status, 200);
    let before = ledger.height();
    ledger.set::<Domain>(&keys::domain_key(&name("other.lab")), None);
    town.node.app.cache.invalidate_all();
    assert_eq!(town.get("/domain/other.lab?source=registry").await.status, 404);
    *ledger.tip.lock().unwrap() = before;
    town.node.app.cache.invalidate_all();
    assert_eq!(town.get("/domain/other.lab?source=registry").await.status, 404);
}

#[tokio::test]
async fn the_chain_of_another_tld_is_no_registry_of_this_one() {
    let (town, ledger) = town().await;
    let charter = Charter { tld: name("net"), registry: OrganisationId::new("registry-one").unwrap(), loading: false };
    ledger.set(&keys::charter_key(), Some(&charter));
    assert_eq!(town.get("/domain/example.lab").await.status, 502);
}

#[tokio::test]
async fn its_names_are_searched_by_their_beginning() {
    let (town, ledger) = town().await;
    let reply = town.get("/domains?name=exam*.lab").await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let answer = reply.json();
    assert_eq!(listed(&answer, "domainSearchResults"), ["exam.lab", "example.lab"]);
    let parts = answer["althing_provenance"]["parts"].as_array().unwrap();
    assert_eq!(parts[1]["members"], json!(["$.domainSearchResults[1]"]));
    assert_eq!(parts[1]["found"]["key"], json!(hex::encode(key(&keys::domain_key(&name("example.lab"))))));
    let servers = &answer["domainSearchResults"][0]["nameservers"];
    assert_eq!(servers[0]["ipAddresses"]["v4"], json!(["192.0.2.1"]));
    assert!(icann_rdap_common::response::RdapResponse::try_from(answer).is_ok());
    let exact = town.get("/domains?name=exam.lab").await.json();
    assert_eq!(listed(&exact, "domainSearchResults"), ["exam.lab"]);
    let users = town.get("/domains?nsLdhName=ns1.example.lab").await.json();
    assert_eq!(listed(&users, "domainSearchResults"), ["exam.lab", "example.lab"]);
    let servers = town.get("/nameservers?name=ns*.example.lab").await.json();
    assert_eq!(listed(&servers, "nameserverSearchResults"), ["ns1.example.lab"]);
    for (path, status) in [
        ("/domains?name=none*.lab", 404),
        ("/domains?nsLdhName=ns.none.lab", 404),
        ("/nameservers?name=x*.lab", 404),
        ("/domains?nsLdhName=ns*.lab", 422),
        ("/nameservers?name=ns1.exam*.lab", 422),
    ] {
        assert_eq!(town.get(path).await.status, status, "{path}");
    }
    for number in 0..60 {
        ledger.set(&keys::domain_key(&name(&format!("many{number:02}.lab"))), Some(&domain(&["ns.net"])));
    }
    let many = town.get("/domains?name=many*.lab").await;
    assert_eq!(listed(&many.json(), "domainSearchResults").len(), 50);
    assert_eq!(many.notices(), ["Results are left out"]);
}
