//! Targets of the access node: what registries, registrars, IANA, ICANN and clients send.

use althing_interface::bootstrap::RegistrarStatus;
use althing_rdap::{
    directory::{Directory, Published},
    fetch::{FetchConfig, Fetcher, lifetime},
    lookup::read_object,
    merge::merge,
    published::{File, Kind},
    question::{parse_name, parse_network},
    special::special_purpose,
};
use althing_types::name::DomainName;
use reqwest::{
    Url,
    header::{CACHE_CONTROL, HeaderMap, HeaderValue},
};
use serde_json::{Map, Value};
use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

/// A registry's and a registrar's answer, a zero octet between them: checked, then merged.
///
/// Nobody but this node speaks for this node, and what the registry said stays, whatever the registrar says.
pub fn rdap_answer(data: &[u8]) {
    let name = DomainName::parse("example.lab").expect("a name");
    let at = data.iter().position(|octet| *octet == 0).unwrap_or(data.len());
    let (one, two) = (&data[..at], data.get(at + 1..).unwrap_or_default());
    let _ = read_object(one, "nameserver", &name);
    let Ok(registry) = read_object(one, "domain", &name) else { return };
    ours(&registry);
    // A redaction that names a place which is not there loses that place, and is another one then.
    let again = merge(registry.clone(), registry.clone()).from_registrar;
    assert!(again.iter().all(|place| place.starts_with("$.redacted")), "{again:?}");
    let Ok(registrar) = read_object(two, "domain", &name) else { return };
    let merged = merge(registry.clone(), registrar);
    ours(&merged.answer);
    for (member, value) in &registry {
        match (value, merged.answer.get(member)) {
            (Value::Array(before), Some(Value::Array(after))) => {
                assert_eq!(after.get(..before.len()), Some(before.as_slice()), "{member}");
            }
            (before, after) => assert_eq!(after, Some(before), "{member}"),
        }
    }
    // Each place that is said to be the registrar's is there.
    for place in &merged.from_registrar {
        let (member, index) = place.trim_start_matches("$.").rsplit_once('[').unwrap_or((&place[2..], ""));
        match merged.answer.get(member) {
            Some(Value::Array(list)) if !index.is_empty() => {
                let index: usize = index.trim_end_matches(']').parse().expect("an index");
                assert!(index < list.len(), "{place}");
            }
            found => assert!(merged.answer.contains_key(&place[2..]) || found.is_some(), "{place}"),
        }
    }
}

/// Asserts that no member is one that only this node says.
fn ours(object: &Map<String, Value>) {
    assert!(!object.keys().any(|member| member.starts_with("althing_")));
    let names = object.get("rdapConformance").and_then(Value::as_array);
    assert!(!names.into_iter().flatten().any(|name| name.as_str().is_some_and(|name| name.starts_with("althing_"))));
}

/// IANA's bootstrap file, or the supplement: the file that is served in its place says the same.
pub fn rdap_bootstrap(data: &[u8]) {
    let _ = File::parse(Kind::Supplement, data);
    let Ok(File::Bootstrap(file)) = File::parse(Kind::Bootstrap, data) else { return };
    let entries = file.entries.clone();
    for (name, urls) in &entries {
        assert!(!name.is_root() && urls.iter().all(|url| url.path().ends_with('/')));
    }
    let published = Published { bootstrap: Arc::new(file), ..Published::default() };
    let directory = Directory::new(&[], &published);
    for name in entries.keys() {
        assert_eq!(directory.registry(name).map(|(found, _)| found), Some(name));
    }
    match File::parse(Kind::Bootstrap, &directory.file()) {
        Ok(File::Bootstrap(again)) => assert_eq!(again.entries, entries, "two files of one directory"),
        other => panic!("the served file is refused: {other:?}"),
    }
}

/// Lists of registrars, IANA's behind an even octet and ICANN's behind an odd one: who is not accredited has no address.
pub fn rdap_registrars(data: &[u8]) {
    let Some((which, text)) = data.split_first() else { return };
    let kind = if which % 2 == 0 { Kind::RegistrarIds } else { Kind::Accredited };
    let (ids, published) = match File::parse(kind, text) {
        Ok(File::RegistrarIds(ids)) => {
            (ids.keys().copied().collect(), Published { registrar_ids: Arc::new(ids), ..Published::default() })
        }
        Ok(File::Accredited(list)) => {
            (list.keys().copied().collect(), Published { accredited: Arc::new(list), ..Published::default() })
        }
        _ => return,
    };
    let ids: Vec<u32> = ids;
    let directory = Directory::new(&[], &published);
    for id in ids {
        let registrar = directory.registrar(id).expect("it is on the list");
        assert!(registrar.status == RegistrarStatus::Accredited || registrar.urls.is_empty());
    }
}

/// Where a redirect or a link leads, and how long an answer may be kept: what may be asked is https and no address of
/// special purpose.
pub fn rdap_place(data: &[u8]) {
    static FETCHER: OnceLock<Fetcher> = OnceLock::new();
    let fetcher = FETCHER.get_or_init(|| Fetcher::new(FetchConfig::default(), &[]).expect("a fetcher"));
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, value);
        let _ = lifetime(&headers);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let from = Url::parse("https://rdap.example/domain/a").expect("a URL");
    for url in [Url::parse(text).ok(), from.join(text).ok()].into_iter().flatten() {
        if fetcher.check(&url).is_err() {
            continue;
        }
        assert!(url.scheme() == "https" && url.username().is_empty() && url.password().is_none(), "{url}");
        let host = url.host_str().expect("a host");
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            assert_eq!(special_purpose(address), None, "{url}");
        }
        assert!(url.port().is_none_or(|port| port >= 1024), "{url}");
    }
}

/// A client's question: one form of each name and network, which is its own form.
pub fn rdap_question(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(name) = parse_name(text) {
        assert!(name.as_str().is_ascii() && !name.is_root());
        assert_eq!(parse_name(name.as_str()).as_ref(), Ok(&name), "{text:?}");
    }
    let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
    if let Ok(network) = parse_network(address, bits) {
        let (address, bits) = network.split_once('/').map_or((&*network, None), |(a, bits)| (a, Some(bits)));
        assert_eq!(parse_network(address, bits).as_ref(), Ok(&network), "{text:?}");
    }
}
