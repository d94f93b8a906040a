//! Tests of the contract: values (`values`), calls on a small chain with `tld_binding` beside it (`calls`), changes that
//! wait for consent (`held`) or for a vote (`brake`), and what is said with `root_sync` (`synced`).

mod brake;
mod calls;
mod held;
mod synced;
mod values;

use althing_interface::{
    domain_records::{Delegation, Host},
    rdata::Ds,
};
use althing_sdk::prelude::*;

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn list<T, const MAX: usize>(values: Vec<T>) -> List<T, MAX> {
    List::new(values).ok().unwrap()
}

fn names<const MAX: usize>(texts: &[&str]) -> List<DomainName, MAX> {
    list(texts.iter().map(|t| name(t)).collect())
}

/// A host with these addresses, of either family.
fn host(addresses: &[&str]) -> Host {
    let v4: Vec<_> = addresses.iter().filter_map(|a| a.parse().ok()).collect();
    let v6: Vec<_> = addresses.iter().filter_map(|a| a.parse().ok()).collect();
    let ttl = |empty: bool| if empty { 0 } else { 172_800 };
    Host { a_ttl: ttl(v4.is_empty()), aaaa_ttl: ttl(v6.is_empty()), v4: list(v4), v6: list(v6) }
}

/// An unsigned delegation.
fn delegation(ns: &[&str]) -> Delegation {
    Delegation { ns: names(ns), ns_ttl: 172_800, ds: List::default(), ds_ttl: 0 }
}

/// A DS record of algorithm 8.
fn ds(key_tag: u16, digest_type: u8, length: usize) -> Ds {
    Ds { key_tag, algorithm: 8, digest_type, digest: Bytes::new(vec![0xAB; length]).unwrap() }
}
