//! A search answered: of names by the registry of the one TLD that it is within, of registrars by what is known here
//! (RFC 9082 3.2, RFC 9083 8).
//!
//! ```text
//!   pattern --> registry of its TLD --> results --> each of that registry and of the pattern, or none of them is passed on
//!   fn, handle ----------------------------------> registrars of chains and lists
//! ```
//! Registrars are not searched: each knows its own names alone, and a client would take a part for the whole.

use crate::{
    answer::{self, Answer, LEVEL_0, absent, unsupported},
    directory::{Directory, Origin, Registry},
    fetch::{FetchFault, unfit},
    lookup::{Given, Lookup, add_notice, provenance, strip},
    pattern::Search,
    question::Source,
};
use althing_types::name::DomainName;
use icann_rdap_common::response::RdapResponse;
use serde_json::{Map, Value, json};
use std::time::Duration;

impl Lookup {
    /// Answers a search by what a directory says.
    pub(crate) async fn search(&self, directory: &Directory, search: &Search, source: Source) -> Answer {
        match search {
            Search::RegistrarsByName(pattern) => self.registrars(directory, |_, name, other| {
                pattern.matches(name) || other.is_some_and(|o| pattern.matches(o))
            }),
            Search::RegistrarsByHandle(pattern) => {
                self.registrars(directory, |id, _, _| pattern.matches(&id.to_string()))
            }
            _ if source == Source::Registrar => {
                unsupported("registrars are not searched: each knows its own names alone; leave source out")
            }
            _ => self.names(directory, search).await,
        }
    }

    /// Registrars that are searched for, ordered by id.
    fn registrars(&self, directory: &Directory, wanted: impl Fn(u32, &str, Option<&str>) -> bool) -> Answer {
        let mut found = directory
            .registrars()
            .filter(|(id, registrar)| wanted(*id, &registrar.name, registrar.other_name.as_deref()));
        let mut results = Vec::new();
        let mut origins: Vec<(&Origin, Vec<String>)> = Vec::new();
        for (id, registrar) in found.by_ref().take(self.results) {
            let mut object = answer::registrar(id, registrar, &self.public);
            if let Some(object) = object.as_object_mut() {
                strip(object);
                object.remove("rdapConformance");
            }
            let member = format!("$.entitySearchResults[{}]", results.len());
            results.push(object);
            match origins.iter_mut().find(|(origin, _)| *origin == &registrar.origin) {
                Some((_, members)) => members.push(member),
                None => origins.push((&registrar.origin, vec![member])),
            }
        }
        if results.is_empty() {
            return self.absent("no registrar that is known here is like that");
        }
        let mut body = Map::new();
        body.insert("rdapConformance".into(), json!([LEVEL_0]));
        body.insert("entitySearchResults".into(), results.into());
        if found.next().is_some() {
            add_notice(&mut body, truncated(self.results));
        }
        let part = |(origin, members): &(&Origin, Vec<String>)| json!({ "part": "results", "found": origin, "members": members });
        let parts: Vec<Value> = origins.iter().map(part).collect();
        provenance(&mut body, &parts);
        Answer::good(&Value::Object(body), Duration::from_secs(self.cache.default_s))
    }

    async fn names(&self, directory: &Directory, search: &Search) -> Answer {
        if let Some(chain) = search.scope().and_then(|scope| self.chain_of(scope)) {
            return self.registered_search(directory, chain, search).await;
        }
        let (tld, registry) = match search.scope() {
            Some(scope) => match directory.registry(scope) {
                Some(found) => found,
                None => return self.absent(&format!("no registry is known for '{}'", scope.as_str())),
            },
            // An address is of no TLD: only where there is one registry it is plain whom to ask.
            None => match directory.only_registry() {
                Some(found) => found,
                None => {
                    let reason = "a search for an address leaves the TLD open; ask the registry of one";
                    return Answer::error(422, "Pattern not supported", reason);
                }
            },
        };
        match self.search_each(directory, registry, search).await {
            Ok(mut given) => {
                let lifetime = self.lifetime([given.lifetime]);
                let results = search.class().results();
                let all = given.object.get_mut(results).and_then(Value::as_array_mut);
                if all.is_some_and(|all| {
                    let more = all.len() > self.results;
                    all.truncate(self.results);
                    more
                }) {
                    add_notice(&mut given.object, truncated(self.results));
                }
                if search.scope().is_none() || matches!(search, Search::DomainsByHost(_)) {
                    let line = format!("Only the registry of .{} was asked.", tld.as_str());
                    add_notice(&mut given.object, json!({ "title": "One registry", "description": [line] }));
                }
                let parts = [answer::part("registry", [&given.asked, &given.url], &registry.origin, &[])];
                provenance(&mut given.object, &parts);
                Answer::good(&Value::Object(given.object), lifetime)
            }
            // RFC 7480 5.3: 404 is what a search without results is answered.
            Err(FetchFault::Status { status: 404, .. }) => {
                absent("the registry found nothing").kept(Duration::from_secs(self.cache.absent_s))
            }
            Err(FetchFault::Status { status: 400 | 405 | 501, .. }) => {
                unsupported(&format!("the registry of .{} does not search in this way", tld.as_str()))
                    .kept(Duration::from_secs(self.cache.absent_s))
            }
            Err(FetchFault::Status { status: 422, .. }) => {
                Answer::error(422, "Pattern not supported", "the registry does not search for patterns like this one")
                    .kept(Duration::from_secs(self.cache.absent_s))
            }
            Err(fault) => self.failed("registry", &fault),
        }
    }

    /// Asks one base URL after the other until one answers, were it with a refusal.
    async fn search_each(
        &self,
        directory: &Directory,
        registry: &Registry,
        search: &Search,
    ) -> Result<Given, FetchFault> {
        let mut last = unfit("the registry", "it has no base URL");
        let Some((by, value)) = search.query() else { return Err(last) };
        // A server may be of several TLDs; it speaks of those and of no other.
        let own = |name: &DomainName| {
            directory.registry(name).is_some_and(|(_, other)| other.urls == registry.urls)
                || matches!(search, Search::NameserversByAddress(_))
        };
        for base in &registry.urls {
            let mut url = base
                .join(search.class().path())
                .map_err(|error| unfit(base.host_str().unwrap_or_default(), error.to_string()))?;
            url.query_pairs_mut().append_pair(by, &value);
            match self.ask(&url, |body| read_results(body, search, own)).await {
                Err(fault @ FetchFault::Status { status: 400..=428 | 430..=499 | 501, .. }) => return Err(fault),
                Err(fault) => {
                    tracing::debug!(%fault, "a registry's server is passed over");
                    last = fault;
                }
                given => return given,
            }
        }
        Err(last)
    }
}

pub(crate) fn truncated(limit: usize) -> Value {
    json!({
        "title": "Results are left out",
        "type": "result set truncated due to unexplainable reasons",
        "description": [format!("There are more than the {limit} results that this server gives. Search for less.")],
    })
}

/// Reads the results of a search: all are of the class, of names that `own` knows as the registry's, and match.
///
/// # Errors
/// What is wrong with them.
pub fn read_results(
    body: &[u8],
    search: &Search,
    own: impl Fn(&DomainName) -> bool,
) -> Result<Map<String, Value>, String> {
    let (class, member) = (search.class().object(), search.class().results());
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if let Err(error) = RdapResponse::try_from(value.clone()) {
        return Err(error.to_string());
    }
    let Value::Object(mut object) = value else { return Err("it is no object".into()) };
    strip(&mut object);
    let Some(Value::Array(results)) = object.get_mut(member) else { return Err(format!("it has no {member}")) };
    for result in results {
        let Value::Object(result) = result else { return Err("a result is no object".into()) };
        strip(result);
        result.remove("rdapConformance");
        if result.get("objectClassName").and_then(Value::as_str) != Some(class) {
            return Err(format!("a result is of another class than {class}"));
        }
        let name = result.get("ldhName").and_then(Value::as_str).and_then(|name| DomainName::parse(name).ok());
        let Some(name) = name else { return Err("a result has no name".into()) };
        if !search.matches(&name) || !own(&name) {
            return Err("a result is about a name that was not searched for".into());
        }
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::NamePattern;

    const GOOD: &str = r#"{"rdapConformance":["rdap_level_0"],"althing_x":1,"domainSearchResults":[{"objectClassName":"domain","ldhName":"EXAMPLE.lab","rdapConformance":["a"],"althing_y":1},{"objectClassName":"domain","ldhName":"exam.lab"}]}"#;

    fn read(text: &str) -> Result<Map<String, Value>, String> {
        let search = Search::Domains(NamePattern::parse("exam*.lab").unwrap());
        read_results(text.as_bytes(), &search, |name| name.tld() == Some("lab"))
    }

    #[test]
    fn results_are_what_was_searched_for_or_nothing() {
        let object = read(GOOD).unwrap();
        assert_eq!(object["domainSearchResults"][0], json!({"objectClassName": "domain", "ldhName": "EXAMPLE.lab"}));
        assert!(!object.contains_key("althing_x"));
        for (from, to) in [
            ("exam.lab", "other.lab"),
            ("exam.lab", "exam.net"),
            ("\"domain\",\"ldhName\":\"exam", "\"entity\",\"ldhName\":\"exam"),
            ("domainSearchResults", "nameserverSearchResults"),
            ("\"ldhName\":\"exam", "\"x\":\"exam"),
        ] {
            assert!(read(&GOOD.replace(from, to)).is_err(), "{from}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_server_sends_nothing_panics(at in 0usize..220, byte in proptest::num::u8::ANY) {
            let mut damaged = GOOD.as_bytes().to_vec();
            if let Some(place) = damaged.get_mut(at) {
                *place = byte;
            }
            let search = Search::Domains(NamePattern::parse("exam*.lab").unwrap());
            let _ = read_results(&damaged, &search, |_| true);
        }
    }
}
