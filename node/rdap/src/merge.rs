//! Two answers about one domain become one (D 4.4 step 4). Pure.
//!
//! | member | rule |
//! |---|---|
//! | names, handle, status, name servers, DNSSEC, public ids, variants, port 43, language | the registry's alone, also where it says nothing |
//! | entities | the registry's; of the registrar's those with a role that the registry's answer lacks or has with an empty card only |
//! | events | the registry's; of the registrar's those with another action |
//! | links, notices, remarks | both, each once |
//! | redacted | both, each once; places that moved are named anew |
//! | members of extensions | the registry's; the registrar's where the registry has none |
//! | conformance | both, each once |
//!
//! Nothing that the registry said is changed or left out, so everything that it redacted stays redacted.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Members for which the registry alone is asked.
const REGISTRY_ONLY: [&str; 14] = [
    "objectClassName",
    "handle",
    "ldhName",
    "unicodeName",
    "variants",
    "nameservers",
    "secureDNS",
    "status",
    "publicIds",
    "network",
    "port43",
    "lang",
    "errorCode",
    "title",
];
/// Lists that are put together entry by entry.
const LISTS: [&str; 3] = ["links", "notices", "remarks"];
/// Roles of people and organisations that registrars know best.
const CONTACTS: [&str; 9] =
    ["registrant", "administrative", "technical", "billing", "abuse", "reseller", "sponsor", "proxy", "noc"];

/// A merged answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The answer.
    pub answer: Map<String, Value>,
    /// JSONPath of what came from the registrar.
    pub from_registrar: Vec<String>,
}

/// Merges a registry's and a registrar's answer about the same domain.
pub fn merge(registry: Map<String, Value>, registrar: Map<String, Value>) -> Merged {
    let mut merged = Merged { answer: registry, from_registrar: Vec::new() };
    let mut moved = BTreeMap::new();
    let mut redacted = Vec::new();
    for (name, value) in registrar {
        match (name.as_str(), value) {
            ("entities", Value::Array(entities)) => moved = merged.add_entities(entities),
            ("events", Value::Array(events)) => merged.add_events(events),
            ("rdapConformance", Value::Array(names)) => {
                merged.add_each("rdapConformance", names, false);
            }
            ("redacted", Value::Array(entries)) => redacted = entries,
            (list, Value::Array(entries)) if LISTS.contains(&list) => merged.add_each(list, entries, true),
            (name, _) if REGISTRY_ONLY.contains(&name) || LISTS.contains(&name) => {}
            ("entities" | "events" | "rdapConformance" | "redacted", _) => {}
            (name, value) => {
                if !merged.answer.contains_key(name) {
                    merged.from_registrar.push(format!("$.{name}"));
                    merged.answer.insert(name.to_owned(), value);
                }
            }
        }
    }
    let redacted = redacted.into_iter().map(|entry| replaced(entry, &moved)).collect();
    merged.add_each("redacted", redacted, true);
    merged
}

impl Merged {
    /// A list of the answer, taken out to be put back.
    fn list(&mut self, name: &str) -> Vec<Value> {
        match self.answer.remove(name) {
            Some(Value::Array(list)) => list,
            _ => Vec::new(),
        }
    }

    /// Puts a list back; an empty one is no member.
    fn put(&mut self, name: &str, list: Vec<Value>) {
        if !list.is_empty() {
            self.answer.insert(name.to_owned(), Value::Array(list));
        }
    }

    /// Adds entries that are not there yet.
    fn add_each(&mut self, name: &str, entries: Vec<Value>, told: bool) {
        if entries.is_empty() {
            return;
        }
        let mut list = self.list(name);
        // Looked up by text: comparing each with each would let long lists take minutes.
        let mut there: BTreeSet<String> = list.iter().map(Value::to_string).collect();
        let mut places = Vec::new();
        for entry in entries {
            if there.insert(entry.to_string()) {
                places.push(format!("$.{name}[{}]", list.len()));
                list.push(entry);
            }
        }
        self.put(name, list);
        if told {
            self.from_registrar.extend(places);
        }
    }

    fn add_events(&mut self, events: Vec<Value>) {
        let action = |event: &Value| event.get("eventAction").and_then(Value::as_str).map(str::to_owned);
        let there = self.list("events");
        let known: BTreeSet<Option<String>> = there.iter().map(action).collect();
        self.put("events", there);
        let new = events.into_iter().filter(|event| !known.contains(&action(event))).collect();
        self.add_each("events", new, true);
    }

    /// Adds entities of roles that are missing; gives where each one went.
    fn add_entities(&mut self, entities: Vec<Value>) -> BTreeMap<usize, usize> {
        let mut list = self.list("entities");
        let known: BTreeSet<String> = list.iter().filter(|entity| says_something(entity)).flat_map(roles).collect();
        let mut there = BTreeMap::new();
        for (at, entity) in list.iter().enumerate() {
            there.entry(entity.to_string()).or_insert(at);
        }
        let (mut moved, mut places) = (BTreeMap::new(), Vec::new());
        for (from, entity) in entities.into_iter().enumerate() {
            let text = entity.to_string();
            if let Some(to) = there.get(&text) {
                moved.insert(from, *to);
                continue;
            }
            let mine = roles(&entity);
            let contact = !mine.is_empty() && mine.iter().all(|role| CONTACTS.contains(&role.as_str()));
            if contact && !mine.iter().any(|role| known.contains(role)) {
                moved.insert(from, list.len());
                places.push(format!("$.entities[{}]", list.len()));
                there.insert(text, list.len());
                list.push(entity);
            }
        }
        self.put("entities", list);
        self.from_registrar.extend(places);
        moved
    }
}

/// Roles of an entity.
fn roles(entity: &Value) -> Vec<String> {
    let roles = entity.get("roles").and_then(Value::as_array);
    roles.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Whether an entity's card has anything but its version and empty texts.
fn says_something(entity: &Value) -> bool {
    let card = entity.get("vcardArray").and_then(|card| card.get(1)).and_then(Value::as_array);
    let text = |property: &Value| {
        let name = property.get(0).and_then(Value::as_str).unwrap_or_default();
        name != "version" && property.get(3).is_some_and(has_text)
    };
    card.into_iter().flatten().any(text) || (card.is_none() && entity.get("handle").is_some())
}

fn has_text(value: &Value) -> bool {
    match value {
        Value::String(text) => !text.trim().is_empty() && !text.eq_ignore_ascii_case("redacted for privacy"),
        Value::Array(values) => values.iter().any(has_text),
        Value::Null => false,
        _ => true,
    }
}

/// A redaction whose places are those of the merged answer: entities that went elsewhere are numbered anew, a place that
/// is not there any more is left out; that something was redacted stays.
fn replaced(mut entry: Value, moved: &BTreeMap<usize, usize>) -> Value {
    const START: &str = "$.entities[";
    let Some(object) = entry.as_object_mut() else { return entry };
    for member in ["prePath", "postPath", "replacementPath"] {
        let Some(path) = object.get(member).and_then(Value::as_str) else { continue };
        let Some((index, rest)) = path.strip_prefix(START).and_then(|rest| rest.split_once(']')) else { continue };
        let Ok(index) = index.parse::<usize>() else { continue };
        match moved.get(&index) {
            Some(to) => {
                let path = format!("{START}{to}]{rest}");
                object.insert(member.to_owned(), path.into());
            }
            None => {
                object.remove(member);
            }
        }
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            _ => panic!("no object"),
        }
    }

    fn card(name: &str) -> Value {
        json!(["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", name]]])
    }

    fn registry() -> Value {
        json!({
            "objectClassName": "domain", "ldhName": "example.lab", "handle": "D1", "status": ["active"],
            "rdapConformance": ["rdap_level_0", "redacted"],
            "nameservers": [{"objectClassName": "nameserver", "ldhName": "ns1.example.lab"}],
            "events": [{"eventAction": "registration", "eventDate": "2020-01-01T00:00:00Z"}],
            "entities": [
                {"objectClassName": "entity", "roles": ["registrar"], "vcardArray": card("Seller")},
                {"objectClassName": "entity", "roles": ["registrant"], "vcardArray": card("")},
                {"objectClassName": "entity", "roles": ["technical"], "vcardArray": card("Registry's word")}
            ],
            "redacted": [{"name": {"description": "Registrant Name"}, "postPath": "$.entities[1].vcardArray[1][1][3]"}],
            "notices": [{"title": "Terms", "description": ["a"]}]
        })
    }

    fn registrar() -> Value {
        json!({
            "objectClassName": "domain", "ldhName": "example.lab", "handle": "OTHER", "status": ["locked"],
            "rdapConformance": ["rdap_level_0", "icann_rdap_response_profile_1"],
            "nameservers": [], "secureDNS": {"delegationSigned": true}, "port43": "whois.seller.example",
            "events": [
                {"eventAction": "registration", "eventDate": "1999-01-01T00:00:00Z"},
                {"eventAction": "registrar expiration", "eventDate": "2030-01-01T00:00:00Z"}
            ],
            "entities": [
                {"objectClassName": "entity", "roles": ["technical"], "vcardArray": card("Other word")},
                {"objectClassName": "entity", "roles": ["registrar"], "vcardArray": card("Impostor")},
                {"objectClassName": "entity", "roles": ["registrant"], "vcardArray": card("Real Person")}
            ],
            "redacted": [
                {"name": {"description": "Registrant Email"}, "postPath": "$.entities[2].vcardArray[1][2]"},
                {"name": {"description": "Tech Email"}, "postPath": "$.entities[0].vcardArray[1][2]"}
            ],
            "notices": [{"title": "Terms", "description": ["a"]}, {"title": "Status Codes", "description": ["b"]}],
            "seller_extra": {"a": 1}
        })
    }

    #[test]
    fn the_registry_keeps_the_last_word() {
        let merged = merge(object(registry()), object(registrar()));
        let answer = Value::Object(merged.answer);
        for member in ["handle", "status", "nameservers", "ldhName"] {
            assert_eq!(answer[member], registry()[member], "{member}");
        }
        assert!(answer.get("secureDNS").is_none() && answer.get("port43").is_none());
        let names: Vec<_> =
            answer["entities"].as_array().unwrap().iter().map(|e| e["vcardArray"][1][1][3].as_str().unwrap()).collect();
        assert_eq!(names, ["Seller", "", "Registry's word", "Real Person"]);
        let events: Vec<_> =
            answer["events"].as_array().unwrap().iter().map(|e| e["eventDate"].as_str().unwrap()).collect();
        assert_eq!(events, ["2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"]);
        assert_eq!(answer["notices"].as_array().unwrap().len(), 2);
        assert_eq!(answer["rdapConformance"], json!(["rdap_level_0", "redacted", "icann_rdap_response_profile_1"]));
        assert_eq!(answer["seller_extra"], json!({"a": 1}));
        let mut places = merged.from_registrar;
        places.sort();
        assert_eq!(
            places,
            ["$.entities[3]", "$.events[1]", "$.notices[1]", "$.redacted[1]", "$.redacted[2]", "$.seller_extra"]
        );
    }

    #[test]
    fn redactions_survive_and_name_their_new_places() {
        let answer = Value::Object(merge(object(registry()), object(registrar())).answer);
        let redacted = answer["redacted"].as_array().unwrap();
        assert_eq!(redacted[0], registry()["redacted"][0]);
        assert_eq!(redacted[1]["postPath"], "$.entities[3].vcardArray[1][2]");
        assert_eq!(redacted[2]["name"]["description"], "Tech Email");
        assert!(redacted[2].get("postPath").is_none());
    }

    #[test]
    fn merging_with_itself_changes_nothing() {
        let merged = merge(object(registry()), object(registry()));
        assert_eq!((Value::Object(merged.answer), merged.from_registrar), (registry(), vec![]));
    }

    /// What fits into an answer of the longest size; compared each with each, this test would take minutes.
    #[test]
    fn long_lists_are_merged_entry_by_entry() {
        const MANY: usize = 60_000;
        let lists = |from: usize| {
            let numbers = || from..from.saturating_add(MANY);
            let notices: Vec<Value> = numbers().map(|n| json!({"title": n.to_string(), "description": []})).collect();
            let entities: Vec<Value> = numbers().map(|n| json!({"handle": n.to_string(), "roles": ["noc"]})).collect();
            object(json!({ "notices": notices, "entities": entities }))
        };
        let merged = merge(lists(0), lists(MANY / 2));
        let length = |name: &str| merged.answer[name].as_array().unwrap().len();
        assert_eq!((length("notices"), length("entities")), (MANY + MANY / 2, MANY));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_registrar_says_the_registry_s_word_stays(names in proptest::collection::vec("[a-zA-Z]{1,12}", 0..8), wrong in proptest::bool::ANY) {
            let mut other = object(registrar());
            for name in names.iter().map(String::as_str).chain(["entities", "events", "notices", "redacted", "status"]) {
                if wrong {
                    other.insert(name.into(), json!({"x": [1, null]}));
                }
            }
            let answer = Value::Object(merge(object(registry()), other).answer);
            for (name, value) in object(registry()) {
                match value {
                    Value::Array(list) => proptest::prop_assert_eq!(&answer[&name].as_array().unwrap()[..list.len()], &list[..]),
                    value => proptest::prop_assert_eq!(&answer[&name], &value),
                }
            }
        }
    }
}
