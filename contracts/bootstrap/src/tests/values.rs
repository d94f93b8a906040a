//! Claims about base URLs and texts.

use super::{data, text, urls};
use crate::rules;
use althing_interface::bootstrap::{BootstrapError, RegistrarData, Transport};

#[test]
fn base_urls_have_one_form() {
    for good in [
        "https://rdap.nic.lab/",
        "https://rdap.nic.lab/rdap/v1/",
        "https://rdap.nic.lab:8443/a%2Fb/",
        "https://api.rdap.nic.xn--p1acf/",
        "https://rdap.identitydigital.services/rdap/",
    ] {
        assert_eq!(rules::base_url(good, Transport::Secure), Ok(()), "{good}");
    }
    for (bad, rule) in [
        ("http://rdap.nic.lab/", "https"),
        ("ftp://rdap.nic.lab/", "begin"),
        ("HTTPS://rdap.nic.lab/", "begin"),
        ("//rdap.nic.lab/", "begin"),
        ("", "begin"),
        ("https://rdap.nic.lab", "end in '/'"),
        ("https://rdap.nic.lab/rdap", "end in '/'"),
        ("https:///", "host"),
        ("https://lab/", "one label"),
        ("https://RDAP.nic.lab/", "lower case"),
        ("https://rdap.nic.lab./", "final dot"),
        ("https://rdap..lab/", "no domain name"),
        ("https://r\u{e9}seau.lab/", "no domain name"),
        ("https://xn--a.lab/", "A-label"),
        ("https://ab--cd.lab/", "--"),
        ("https://a_b.lab/", "_"),
        ("https://user:word@rdap.nic.lab/", "user"),
        ("https://rdap.nic.lab:0/", "port"),
        ("https://rdap.nic.lab:080/", "port"),
        ("https://rdap.nic.lab:65536/", "port"),
        ("https://rdap.nic.lab:/", "port"),
        ("https://192.0.2.1/", "address"),
        ("https://[2001:db8::1]/", "address"),
        ("https://2130706433/", "address"),
        ("https://rdap.nic.lab/?q=/", "query"),
        ("https://rdap.nic.lab/#/", "fragment"),
        ("https://rdap.nic.lab/a b/", "character"),
        ("https://rdap.nic.lab/a\n/", "character"),
        ("https://rdap.nic.lab/../", "segment"),
        ("https://rdap.nic.lab/a//", "segment"),
        ("https://rdap.nic.lab/%zz/", "%"),
    ] {
        let found = rules::base_url(bad, Transport::Secure).unwrap_err();
        assert!(found.contains(rule), "{bad}: {found}");
    }
}

#[test]
fn closed_networks_may_say_http_and_addresses() {
    for good in ["http://127.0.0.1:8080/rdap/", "http://rdap/", "http://[::1]:9/", "https://rdap.nic.lab/"] {
        assert_eq!(rules::base_url(good, Transport::Any), Ok(()), "{good}");
    }
    for bad in ["http://[::1/", "http://1.2.3/", "http://[0:0::1]/", "gopher://a/"] {
        assert!(rules::base_url(bad, Transport::Any).is_err(), "{bad}");
    }
}

#[test]
fn https_comes_first_and_nothing_twice() {
    let check = |texts: &[&str]| rules::urls("lab", &urls(texts), Transport::Any);
    assert_eq!(check(&["https://a.lab/", "http://a.lab/"]), Ok(()));
    assert!(
        matches!(check(&["http://a.lab/", "https://a.lab/"]), Err(BootstrapError::Urls { rule, .. }) if rule.contains("before"))
    );
    assert!(
        matches!(check(&["https://a.lab/", "https://a.lab/"]), Err(BootstrapError::Urls { rule, .. }) if rule.contains("twice"))
    );
    let long: Vec<String> = (0..8).map(|n| format!("https://a{n}.lab/{}/", "x".repeat(400))).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    assert!(matches!(check(&long), Err(BootstrapError::Urls { rule, .. }) if rule.contains("2048")));
}

#[test]
fn a_registrar_says_nothing_that_breaks_a_page_or_a_log() {
    assert_eq!(rules::registrar(7, &data(&[]), Transport::Secure), Ok(()));
    let bad = [
        RegistrarData { country: text(""), ..data(&[]) },
        RegistrarData { contact: text("a\nb"), ..data(&[]) },
        RegistrarData { contact: text(" a"), ..data(&[]) },
        RegistrarData { link: text("javascript:alert(1)"), ..data(&[]) },
        RegistrarData { link: text("https://a.example/\"><script>"), ..data(&[]) },
        data(&["http://a.example/"]),
    ];
    for one in bad {
        assert!(rules::registrar(7, &one, Transport::Secure).is_err(), "{one:?}");
    }
}

#[test]
fn of_the_real_base_urls_two_need_mending() {
    let Some(folder) = std::env::var_os("ALTHING_TEST_DATA") else { return };
    let file = std::path::Path::new(&folder).join("rdap/dns-2025-11-06.json");
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let (mut good, mut bad) = (0usize, Vec::new());
    for service in file["services"].as_array().unwrap() {
        let tlds = service[0].as_array().unwrap().len();
        for url in service[1].as_array().unwrap() {
            match rules::base_url(url.as_str().unwrap(), Transport::Secure) {
                Ok(()) => good += tlds,
                Err(rule) => bad.push((url.as_str().unwrap().to_owned(), rule)),
            }
        }
    }
    let http = bad.iter().filter(|(url, rule)| url.starts_with("http://") && *rule == "must be https").count();
    let slash = bad.iter().filter(|(_, rule)| rule.contains("end in '/'")).count();
    assert_eq!((http, slash, bad.len()), (2, 0, 2), "{bad:?}");
    assert!(good > 1_100, "{good}");
}
