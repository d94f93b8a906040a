//! A question asked of those who know (D 4.4).
//!
//! ```text
//!   base URL of the registry (chain, else IANA) --> registry's answer --> registrar: chain, else link, else IANA's list
//!        404: nobody known                            404, 502, 504            |
//!                                                                              v
//!                                     merged answer, or the registry's with a notice why the registrar's is missing
//! ```

use crate::{
    answer::{self, Answer, LEVEL_0, PROVENANCE, absent},
    config::CacheConfig,
    directory::{Directory, Origin},
    fetch::{FetchFault, Fetcher, lifetime, text, unfit},
    merge::merge,
    question::{Question, Source},
    registration,
    tld::TldChain,
};
use althing_types::name::DomainName;
use icann_rdap_common::response::RdapResponse;
use reqwest::{
    Url,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue},
};
use serde_json::{Map, Value, json};
use std::{sync::Arc, time::Duration};

/// A directory that others replace while questions are answered.
pub type SharedDirectory = Arc<std::sync::RwLock<Arc<Directory>>>;

/// What a server of others answered.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) object: Map<String, Value>,
    /// Where the question was sent.
    pub(crate) asked: Url,
    /// Where the answer came from, after redirects.
    pub(crate) url: Url,
    pub(crate) lifetime: Option<Duration>,
}

/// A registrar to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    urls: Vec<Url>,
    origin: Origin,
}

/// Asks.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Asks servers of others.
    pub fetcher: Fetcher,
    /// For how long answers are kept.
    pub cache: CacheConfig,
    /// Where clients reach this node.
    pub public: Url,
    /// Most results of one search.
    pub results: usize,
    /// Chains that are the registries of their TLDs.
    pub chains: Vec<TldChain>,
}

impl Lookup {
    /// Answers a question by what a directory says.
    pub async fn answer(&self, directory: &Directory, question: &Question) -> Answer {
        match question {
            Question::Domain(name, source) => self.domain(directory, name, *source).await,
            Question::Nameserver(name) => self.nameserver(directory, name).await,
            Question::Registrar(id) => match directory.registrar(*id) {
                Some(registrar) => {
                    let body = answer::registrar(*id, registrar, &self.public);
                    Answer::good(&body, Duration::from_secs(self.cache.default_s))
                }
                None => self.absent(&format!("no registrar has the IANA id {id}")),
            },
            Question::Search(search, source) => self.search(directory, search, *source).await,
        }
    }

    pub(crate) fn absent(&self, description: &str) -> Answer {
        absent(description).kept(Duration::from_secs(self.cache.absent_s))
    }

    async fn nameserver(&self, directory: &Directory, name: &DomainName) -> Answer {
        if let Some(chain) = self.chain_of(name) {
            return self.registered_host(chain, name).await;
        }
        let Some((_, registry)) = directory.registry(name) else {
            return self.absent(&format!("no registry is known for '{}'", name.as_str()));
        };
        match self.ask_each(&registry.urls, "nameserver", name).await {
            Ok(mut given) => {
                let lifetime = self.lifetime([given.lifetime]);
                let parts = [answer::part("registry", [&given.asked, &given.url], &registry.origin, &[])];
                provenance(&mut given.object, &parts);
                Answer::good(&Value::Object(given.object), lifetime)
            }
            Err(fault) => self.failed("registry", &fault),
        }
    }

    async fn domain(&self, directory: &Directory, name: &DomainName, source: Source) -> Answer {
        let (given, part) = match self.of_registry(directory, name).await {
            Ok(given) => given,
            Err(answer) => return answer,
        };
        let mut parts = vec![part];
        if source == Source::Registry {
            let lifetime = self.lifetime([given.lifetime]);
            let mut object = given.object;
            provenance(&mut object, &parts);
            return Answer::good(&Value::Object(object), lifetime);
        }
        let Some(target) = self.target(directory, &given, name) else {
            const NONE: &str = "no service of the registrar is known";
            return match source {
                Source::Registrar => self.absent(NONE),
                _ => self.alone(given, &parts, NONE),
            };
        };
        match self.ask_target(&target, name).await {
            Ok(other) => {
                let lifetime = self.lifetime([given.lifetime, other.lifetime]);
                let mut object = if source == Source::Both {
                    let mut merged = merge(given.object, other.object);
                    if self.chain_of(name).is_some() {
                        registration::told(&mut merged.answer);
                    }
                    parts.push(answer::part(
                        "registrar",
                        [&other.asked, &other.url],
                        &target.origin,
                        &merged.from_registrar,
                    ));
                    merged.answer
                } else {
                    parts = vec![answer::part("registrar", [&other.asked, &other.url], &target.origin, &[])];
                    other.object
                };
                provenance(&mut object, &parts);
                Answer::good(&Value::Object(object), lifetime)
            }
            Err(fault) if source == Source::Registrar => self.failed("registrar", &fault),
            Err(fault) => self.alone(given, &parts, class(&fault)),
        }
    }

    /// The registry's answer about a domain, and its part for the extension.
    async fn of_registry(&self, directory: &Directory, name: &DomainName) -> Result<(Given, Value), Answer> {
        if let Some(chain) = self.chain_of(name) {
            return self.registered(directory, chain, name).await;
        }
        let Some((_, registry)) = directory.registry(name) else {
            return Err(self.absent(&format!("no registry is known for '{}'", name.as_str())));
        };
        let given = self.ask_each(&registry.urls, "domain", name).await;
        let given = given.map_err(|fault| self.failed("registry", &fault))?;
        let part = answer::part("registry", [&given.asked, &given.url], &registry.origin, &[]);
        Ok((given, part))
    }

    /// The registry's answer with a notice why the registrar's is missing.
    fn alone(&self, given: Given, parts: &[Value], reason: &str) -> Answer {
        let lifetime = self.lifetime([given.lifetime]).min(Duration::from_secs(self.cache.absent_s));
        let mut object = given.object;
        add_missing(&mut object, reason);
        provenance(&mut object, parts);
        Answer::good(&Value::Object(object), lifetime)
    }

    /// Who the registrar is and where it is asked: its entry on a chain, else the link in the registry's answer, else
    /// IANA's list.
    fn target(&self, directory: &Directory, given: &Given, name: &DomainName) -> Option<Target> {
        let listed = registrar_id(&given.object).and_then(|id| directory.registrar(id));
        let path = format!("domain/{}", name.as_str());
        let targets = listed.map(|registrar| Target {
            urls: registrar.urls.iter().filter_map(|base| base.join(&path).ok()).collect(),
            origin: registrar.origin.clone(),
        });
        let targets = targets.filter(|target| !target.urls.is_empty());
        match targets {
            Some(target) if matches!(target.origin, Origin::Chain { .. }) => Some(target),
            listed => match related(&given.object, &given.url) {
                Some(url) => Some(Target { urls: vec![url], origin: Origin::Link }),
                None => listed,
            },
        }
    }

    async fn ask_target(&self, target: &Target, name: &DomainName) -> Result<Given, FetchFault> {
        let mut last = unfit("the registrar", "it has no base URL");
        for url in &target.urls {
            match self.ask(url, |body| read_object(body, "domain", name)).await {
                Ok(given) => return Ok(given),
                Err(fault) => last = fault,
            }
        }
        Err(last)
    }

    /// Asks one base URL after the other until one gives an answer or says that there is nothing.
    async fn ask_each(&self, bases: &[Url], class: &'static str, name: &DomainName) -> Result<Given, FetchFault> {
        let mut last = unfit("the registry", "it has no base URL");
        for base in bases {
            let url = base
                .join(&format!("{class}/{}", name.as_str()))
                .map_err(|error| unfit(base.host_str().unwrap_or_default(), error.to_string()))?;
            match self.ask(&url, |body| read_object(body, class, name)).await {
                Err(FetchFault::Status { host, status: 404, .. }) => {
                    return Err(FetchFault::Status { host, status: 404, retry_after_s: None });
                }
                Err(fault) => {
                    tracing::debug!(%fault, "a registry's server is passed over");
                    last = fault;
                }
                given => return given,
            }
        }
        Err(last)
    }

    /// Asks one URL, and has its answer read.
    pub(crate) async fn ask(
        &self,
        url: &Url,
        read: impl Fn(&[u8]) -> Result<Map<String, Value>, String>,
    ) -> Result<Given, FetchFault> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/rdap+json, application/json;q=0.5"));
        let fetched = self.fetcher.fetch(url, headers, self.fetcher.config().max_bytes).await?;
        let host = fetched.url.host_str().unwrap_or_default().to_owned();
        let media = text(&fetched.headers, CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        let media = media.split(';').next().unwrap_or_default().trim();
        if !matches!(media, "application/rdap+json" | "application/json") {
            return Err(unfit(&host, format!("it is of type '{media}'")));
        }
        let object = read(&fetched.body).map_err(|reason| unfit(&host, reason))?;
        Ok(Given { object, lifetime: lifetime(&fetched.headers), asked: url.clone(), url: fetched.url })
    }

    /// An answer of an upstream that failed.
    pub(crate) fn failed(&self, who: &str, fault: &FetchFault) -> Answer {
        let description = format!("the {who} gave no answer that can be used: {}", class(fault));
        match fault {
            FetchFault::Status { status: 404, .. } => self.absent(&format!("the {who} knows no such object")),
            FetchFault::Status { status: 429, retry_after_s, .. } => {
                Answer::error(503, "Try later", &description).retry_after(retry_after_s.unwrap_or(10).min(3_600))
            }
            fault if fault.is_late() => Answer::error(504, "Upstream too slow", &description),
            _ => Answer::error(502, "Upstream fault", &description),
        }
    }

    /// The shortest of what the servers said, within this node's limits.
    pub(crate) fn lifetime<const N: usize>(&self, said: [Option<Duration>; N]) -> Duration {
        let default = Duration::from_secs(self.cache.default_s);
        let shortest = said.into_iter().map(|one| one.unwrap_or(default)).min().unwrap_or(default);
        shortest.min(Duration::from_secs(self.cache.most_s))
    }
}

/// What went wrong, in words that tell nothing of this node's network.
const fn class(fault: &FetchFault) -> &'static str {
    match fault {
        FetchFault::Forbidden { .. } => "the address that was given for it may not be asked",
        FetchFault::Transport { .. } => "it cannot be reached",
        FetchFault::Late { .. } => "it did not answer in time",
        FetchFault::TooLong { .. } => "its answer is too long",
        FetchFault::Redirects { .. } => "it redirects without end",
        FetchFault::Status { status: 404, .. } => "it knows no such object",
        FetchFault::Status { status: 429, .. } => "it takes no more questions at the moment",
        FetchFault::Status { .. } => "it answered with an error",
        FetchFault::Unfit { .. } => "its answer does not fit the question",
    }
}

/// Reads an answer: an RDAP object of this class and name.
///
/// # Errors
/// What is wrong with it.
pub fn read_object(body: &[u8], class: &str, name: &DomainName) -> Result<Map<String, Value>, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let found = value.get("objectClassName").and_then(Value::as_str).unwrap_or("none").to_owned();
    if found != class {
        return Err(format!("it is an object of class {found}"));
    }
    let ldh = value.get("ldhName").and_then(Value::as_str).unwrap_or_default();
    if DomainName::parse(ldh).ok().as_ref() != Some(name) {
        return Err("it is about another name".into());
    }
    if let Err(error) = RdapResponse::try_from(value.clone()) {
        return Err(error.to_string());
    }
    let Value::Object(mut object) = value else { return Err("it is no object".into()) };
    strip(&mut object);
    Ok(object)
}

/// What only this node says, nobody else says.
pub(crate) fn strip(object: &mut Map<String, Value>) {
    object.retain(|member, _| !member.starts_with("althing_"));
    if let Some(Value::Array(names)) = object.get_mut("rdapConformance") {
        names.retain(|name| name.as_str().is_some_and(|name| !name.starts_with("althing_")));
    }
}

/// The registrar's IANA id in a registry's answer (ICANN's response profile 2.4.1).
fn registrar_id(object: &Map<String, Value>) -> Option<u32> {
    let entities = object.get("entities")?.as_array()?;
    let is_registrar = |entity: &&Value| {
        let roles = entity.get("roles").and_then(Value::as_array);
        roles.is_some_and(|roles| roles.iter().any(|role| role == "registrar"))
    };
    let ids = entities.iter().find(is_registrar)?.get("publicIds")?.as_array()?;
    let id = ids.iter().find(|id| id.get("type").is_some_and(|kind| kind == "IANA Registrar ID"))?.get("identifier")?;
    match id {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    }
}

/// The link to the registrar's answer (ICANN's technical implementation guide 3.2): not to the registry itself.
fn related(object: &Map<String, Value>, registry: &Url) -> Option<Url> {
    let links = object.get("links")?.as_array()?;
    let wanted = |link: &&Value| {
        let is = |member: &str, text: &str| link.get(member).and_then(Value::as_str) == Some(text);
        is("rel", "related") && is("type", "application/rdap+json")
    };
    let url = Url::parse(links.iter().find(wanted)?.get("href")?.as_str()?).ok()?;
    (url != *registry).then_some(url)
}

/// Says why the registrar's part is missing.
fn add_missing(object: &mut Map<String, Value>, reason: &str) {
    let notice = json!({
        "title": "Registrar data are missing",
        "type": "object truncated due to unexplainable reasons",
        "description": [format!("This answer is the registry's alone. Of the registrar: {reason}.")],
    });
    add_notice(object, notice);
}

/// Adds a notice (RFC 9083 4.3).
pub(crate) fn add_notice(object: &mut Map<String, Value>, notice: Value) {
    match object.get_mut("notices") {
        Some(Value::Array(notices)) => notices.push(notice),
        _ => {
            object.insert("notices".into(), json!([notice]));
        }
    }
}

/// Adds the extension and its conformance.
pub(crate) fn provenance(object: &mut Map<String, Value>, parts: &[Value]) {
    object.insert(PROVENANCE.into(), json!({ "parts": parts }));
    match object.get_mut("rdapConformance") {
        Some(Value::Array(names)) => names.push(PROVENANCE.into()),
        _ => {
            object.insert("rdapConformance".into(), json!([LEVEL_0, PROVENANCE]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> DomainName {
        DomainName::parse("example.lab").unwrap()
    }

    const GOOD: &str = r#"{"objectClassName":"domain","ldhName":"EXAMPLE.lab.","rdapConformance":["rdap_level_0","althing_provenance"],"althing_x":1,"entities":[{"objectClassName":"entity","roles":["registrar"],"publicIds":[{"type":"IANA Registrar ID","identifier":"292"}]}]}"#;

    #[test]
    fn an_answer_is_about_the_question_or_none() {
        let object = read_object(GOOD.as_bytes(), "domain", &name()).unwrap();
        assert_eq!(registrar_id(&object), Some(292));
        assert!(!object.contains_key("althing_x") && object["rdapConformance"] == json!(["rdap_level_0"]));
        for (from, to) in
            [("EXAMPLE", "other"), ("\"domain\"", "\"entity\""), ("ldhName", "name"), ("[{\"objectClassName", "{\"x")]
        {
            assert!(read_object(GOOD.replace(from, to).as_bytes(), "domain", &name()).is_err(), "{from}");
        }
    }

    #[test]
    fn numbers_of_registrars_are_read_as_text_or_number() {
        let with =
            |id: &str| registrar_id(&read_object(GOOD.replace("\"292\"", id).as_bytes(), "domain", &name()).unwrap());
        assert_eq!((with("\"x\""), with("\"-1\"")), (None, None));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_server_sends_nothing_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..512), at in 0usize..400, byte in proptest::num::u8::ANY) {
            let _ = read_object(&bytes, "domain", &name());
            let mut damaged = GOOD.as_bytes().to_vec();
            if let Some(place) = damaged.get_mut(at) {
                *place = byte;
            }
            if let Ok(object) = read_object(&damaged, "domain", &name()) {
                let _ = registrar_id(&object);
                let _ = merge(object.clone(), object);
            }
        }
    }
}
