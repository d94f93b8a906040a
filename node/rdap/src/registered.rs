//! Questions that the chain of a TLD answers as its registry.
//!
//! ```text
//!   name --> chain of its TLD --> proven entry --> object --> on to the registrar, as after any registry
//!                            '--> proven absence --> 404 that says where the proof is
//! ```
//! No server of others is asked here.

use crate::{
    answer::{Answer, LEVEL_0},
    directory::Directory,
    error::RdapFault,
    lookup::{Given, Lookup, add_notice, provenance},
    pattern::{NamePattern, Search},
    registration::{self, REDACTED},
    search::truncated,
    tld::{FoundDomain, Listing, More, NameBegin, Read, TldChain},
};
use althing_types::name::DomainName;
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

/// The time of this machine, which statuses of grace periods are told by.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Lookup {
    /// The chain that is the registry of a name.
    pub(crate) fn chain_of(&self, name: &DomainName) -> Option<&TldChain> {
        self.chains.iter().find(|chain| name.is_within(&chain.tld))
    }

    /// A domain as a registry would answer it, and its part for the extension.
    ///
    /// # Errors
    /// The answer, when there is none.
    pub(crate) async fn registered(
        &self,
        directory: &Directory,
        chain: &TldChain,
        name: &DomainName,
    ) -> Result<(Given, Value), Answer> {
        let (object, part) = if *name == chain.tld {
            let read = chain.apex().await.map_err(|fault| unproven(&fault))?;
            let Some(apex) = &read.value else { return Err(self.proven_absent("no name servers of the TLD", &read)) };
            (registration::apex(name, apex, &read.place, &self.public), registration::part("registry", &read, &[]))
        } else {
            let read = chain.domain(name).await.map_err(|fault| unproven(&fault))?;
            let Some(found) = &read.value else { return Err(self.proven_absent("no such name", &read)) };
            let object = registration::domain(found, &read.place, chain, directory, &self.public, now_ms());
            (object, registration::part("registry", &read, &[]))
        };
        let mut given = self.given(object, &format!("domain/{}", name.as_str()));
        conform(&mut given.object);
        Ok((given, part))
    }

    /// A name server within a TLD that a chain is the registry of.
    pub(crate) async fn registered_host(&self, chain: &TldChain, name: &DomainName) -> Answer {
        let read = match chain.host(name).await {
            Ok(read) => read,
            Err(fault) => return unproven(&fault),
        };
        let Some(host) = &read.value else { return self.proven_absent("no such name server", &read) };
        let mut object = registration::nameserver(name, Some(host), &self.public);
        conform(&mut object);
        provenance(&mut object, &[registration::part("registry", &read, &[])]);
        Answer::good(&Value::Object(object), Duration::from_secs(self.cache.default_s))
    }

    /// A search within a TLD that a chain is the registry of.
    pub(crate) async fn registered_search(&self, directory: &Directory, chain: &TldChain, search: &Search) -> Answer {
        let now = now_ms();
        let domain = |read: &Read<FoundDomain>| {
            let found = read.value.as_ref()?;
            Some(registration::domain(found, &read.place, chain, directory, &self.public, now))
        };
        let answer = match search {
            Search::Domains(pattern) => match begin(pattern) {
                Some(begin) => {
                    let listing = chain.domains(&begin, |name| pattern.matches(name), self.results).await;
                    listing.map(|listing| self.listed(search, &listing, domain))
                }
                None => return inner_star(),
            },
            Search::DomainsByHost(NamePattern::Exact(host)) => {
                let listing = chain.users(host, self.results).await;
                listing.map(|listing| self.listed(search, &listing, domain))
            }
            Search::Nameservers(pattern) => match begin(pattern) {
                Some(begin) => {
                    let listing = chain.subordinate(&begin, |name| pattern.matches(name), self.results).await;
                    let host = |read: &Read<(DomainName, _)>| {
                        let (name, host) = read.value.as_ref()?;
                        Some(registration::nameserver(name, Some(host), &self.public))
                    };
                    listing.map(|listing| self.listed(search, &listing, host))
                }
                None => return inner_star(),
            },
            _ => {
                let reason = "the registry searches for name servers by one whole name";
                return Answer::error(422, "Pattern not supported", reason);
            }
        };
        answer.unwrap_or_else(|fault| unproven(&fault))
    }

    fn listed<T>(
        &self,
        search: &Search,
        listing: &Listing<T>,
        object: impl Fn(&Read<T>) -> Option<Map<String, Value>>,
    ) -> Answer {
        let member = search.class().results();
        let (mut results, mut parts) = (Vec::new(), Vec::new());
        for read in &listing.found {
            if let Some(object) = object(read) {
                parts.push(registration::part("results", read, &[format!("$.{member}[{}]", results.len())]));
                results.push(Value::Object(object));
            }
        }
        if results.is_empty() && listing.more == More::No {
            return self.absent("the registry found nothing");
        }
        let redacted = results.iter().any(|result| result.get(REDACTED).is_some());
        let mut body = Map::new();
        body.insert("rdapConformance".into(), if redacted { json!([LEVEL_0, REDACTED]) } else { json!([LEVEL_0]) });
        body.insert(member.into(), results.into());
        if listing.more == More::Perhaps {
            add_notice(&mut body, truncated(self.results));
        }
        provenance(&mut body, &parts);
        Answer::good(&Value::Object(body), Duration::from_secs(self.cache.default_s))
    }

    /// What this node says itself, as if it had been asked for it.
    fn given(&self, object: Map<String, Value>, path: &str) -> Given {
        let url = self.public.join(path).unwrap_or_else(|_| self.public.clone());
        let lifetime = Some(Duration::from_secs(self.cache.default_s));
        Given { object, asked: url.clone(), url, lifetime }
    }

    /// 404 with where it is proven.
    fn proven_absent<T>(&self, what: &str, read: &Read<T>) -> Answer {
        let line = format!("{what}: proven at height {} of {}", read.place.proof.height, read.place.proof.chain);
        let mut answer = self.absent(&line);
        if let Ok(Value::Object(mut body)) = serde_json::from_slice(&answer.body) {
            provenance(&mut body, &[registration::part("registry", read, &[])]);
            answer.body = serde_json::to_vec(&body).unwrap_or_default().into();
        }
        answer
    }
}

/// What all keys of a pattern begin with; `None` when its star is not in the first label.
fn begin(pattern: &NamePattern) -> Option<NameBegin> {
    match pattern {
        NamePattern::Exact(name) => {
            let (label, scope) = name.as_str().split_once('.')?;
            Some(NameBegin { scope: DomainName::parse(scope).ok()?, begin: label.to_owned() })
        }
        NamePattern::Partial { head, scope } => {
            (!head.contains('.')).then(|| NameBegin { scope: scope.clone(), begin: head.clone() })
        }
    }
}

fn inner_star() -> Answer {
    Answer::error(422, "Pattern not supported", "the registry searches for the beginning of a name's first label")
}

fn conform(object: &mut Map<String, Value>) {
    let names = if object.contains_key(REDACTED) { json!([LEVEL_0, REDACTED]) } else { json!([LEVEL_0]) };
    object.insert("rdapConformance".into(), names);
}

/// A chain that gave no proof, in words that tell nothing of this node's network.
fn unproven(fault: &RdapFault) -> Answer {
    tracing::warn!(%fault, "a TLD's chain gave no answer");
    match fault {
        RdapFault::Slow { .. } => Answer::error(504, "Upstream too slow", "the TLD's chain did not answer in time"),
        RdapFault::Unreachable { .. } => Answer::error(502, "Upstream fault", "no node of the TLD's chain answers"),
        _ => Answer::error(502, "Upstream fault", "what a node of the TLD's chain says is not proven"),
    }
}
