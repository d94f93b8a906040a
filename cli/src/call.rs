//! Contract calls between JSON and canonical bytes, by the contract's ABI; receipts and events the other way round.

use crate::{
    chain::Chain,
    error::{CliError, Result},
    exit_code::Exit,
};
use althing_abi::{
    json::{self, JsonError},
    schema::{Abi, Field, Method, MethodKind, Type},
};
use althing_client::Final;
use althing_types::{
    event::Event,
    hash::Hash,
    id::ContractId,
    receipt::{Failure, FailureCode, Receipt, Status},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::BTreeMap, io::Read};

/// Longest JSON arguments in bytes.
const MAX_JSON: u64 = 4 * 1024 * 1024;

impl From<JsonError> for CliError {
    fn from(error: JsonError) -> Self {
        Self::usage(error.code.to_string(), format!("{}: {}", error.path, error.rule))
            .field(error.path.clone())
            .value(error.value.clone())
            .rule(error.rule)
    }
}

/// Reads JSON arguments: text, `@FILE`, or `-` for standard input; none are `null`.
///
/// # Errors
/// When the file cannot be read or the text is not JSON.
pub fn read_arguments(text: Option<&str>) -> Result<Value> {
    let Some(text) = text else { return Ok(Value::Null) };
    let (source, content) = match text {
        "-" => {
            let mut content = String::new();
            std::io::stdin()
                .take(MAX_JSON)
                .read_to_string(&mut content)
                .map_err(|e| CliError::internal("stdin", format!("standard input cannot be read: {e}")))?;
            ("standard input".to_owned(), content)
        }
        _ => match text.strip_prefix('@') {
            Some(path) => {
                let path = std::path::Path::new(path);
                let content = std::fs::read_to_string(path).map_err(|e| CliError::file("read", path, &e))?;
                (path.display().to_string(), content)
            }
            None => ("the command line".to_owned(), text.to_owned()),
        },
    };
    serde_json::from_str(&content).map_err(|e| {
        CliError::usage("bad_json", format!("the arguments on {source} are not JSON: {e}"))
            .field("arguments")
            .value(content.trim())
            .rule("a JSON object by argument name, or an array in order")
    })
}

/// The method of this name and kind.
///
/// # Errors
/// With the methods that there are.
pub fn method<'a>(abi: &'a Abi, contract: &str, name: &str, kind: MethodKind) -> Result<&'a Method> {
    let word = match kind {
        MethodKind::Call => "call",
        MethodKind::View => "view",
        MethodKind::Init => "initialiser",
        MethodKind::Invariant => "invariant",
    };
    match abi.method(name) {
        Some(method) if method.kind == kind => Ok(method),
        other => {
            let message = match other.map(|m| m.kind) {
                Some(MethodKind::View) => format!("'{name}' of '{contract}' is a view: use althing contract query"),
                Some(MethodKind::Call) => format!("'{name}' of '{contract}' is a call: use althing contract call"),
                Some(MethodKind::Invariant) => {
                    format!("'{name}' of '{contract}' is an invariant: nodes ask it after each upgrade")
                }
                Some(MethodKind::Init) => format!("'{name}' of '{contract}' is the initialiser: it runs at deployment"),
                None => format!("'{contract}' has no {word} '{name}'"),
            };
            let known: Vec<&str> = abi.methods.iter().filter(|m| m.kind == kind).map(|m| m.name.as_str()).collect();
            Err(CliError::usage("no_such_method", message)
                .field("method")
                .value(name)
                .rule(format!("one of: {}", known.join(", "))))
        }
    }
}

/// Canonical bytes of a method's arguments.
///
/// # Errors
/// When the JSON does not fit, with the way to the place, the value and the rule.
pub fn encode_arguments(method: &Method, arguments: &Value) -> Result<Vec<u8>> {
    json::encode_arguments(method, arguments)
        .map_err(|e| CliError::from(e).hint(format!("{} takes {}", method.name, signature(method))))
}

/// A method's arguments and result in one line.
pub fn signature(method: &Method) -> String {
    let arguments: Vec<String> =
        method.arguments.iter().map(|f| format!("{}: {}", f.name, type_text(&f.kind))).collect();
    format!("({}) -> {}", arguments.join(", "), type_text(&method.result))
}

/// A type in a few words.
pub fn type_text(kind: &Type) -> String {
    match kind {
        Type::Unit => "nothing".into(),
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::U128 => "u128".into(),
        Type::I64 => "i64".into(),
        Type::Text { max } => format!("text up to {max}"),
        Type::Bytes { max } => format!("bytes up to {max}"),
        Type::Fixed(length) => format!("{length} bytes"),
        Type::Hash => "hash".into(),
        Type::PublicKey => "key".into(),
        Type::Name => "domain name".into(),
        Type::Organisation => "organisation".into(),
        Type::ContractId => "contract".into(),
        Type::Role => "role".into(),
        Type::Option(inner) => format!("{} or null", type_text(inner)),
        Type::List { max, item } => format!("[{}; up to {max}]", type_text(item)),
        Type::Tuple(items) => format!("[{}]", items.iter().map(type_text).collect::<Vec<_>>().join(", ")),
        Type::Struct { fields, .. } => fields_text(fields),
        Type::Enum { variants, .. } => {
            let texts: Vec<String> = variants
                .iter()
                .map(|v| {
                    if v.fields.is_empty() { v.name.clone() } else { format!("{} {}", v.name, fields_text(&v.fields)) }
                })
                .collect();
            texts.join(" | ")
        }
    }
}

fn fields_text(fields: &[Field]) -> String {
    let texts: Vec<String> = fields.iter().map(|f| format!("{}: {}", f.name, type_text(&f.kind))).collect();
    format!("{{{}}}", texts.join(", "))
}

/// ABIs as they are needed, each fetched once.
#[derive(Debug)]
pub struct Abis<'a> {
    chain: &'a Chain,
    known: BTreeMap<ContractId, Option<Abi>>,
}

impl<'a> Abis<'a> {
    /// None yet.
    pub const fn new(chain: &'a Chain) -> Self {
        Self { chain, known: BTreeMap::new() }
    }
    /// The ABI of a contract; `None` when it cannot be had.
    pub async fn of(&mut self, id: &ContractId) -> Option<&Abi> {
        if !self.known.contains_key(id) {
            let abi = self.chain.abi(id).await.ok();
            self.known.insert(id.clone(), abi);
        }
        self.known.get(id)?.as_ref()
    }
    /// An event with its fields as JSON; as hexadecimal text when its contract's ABI does not fit.
    pub async fn event(&mut self, event: &Event) -> Value {
        let decoded = self.of(&event.contract).await.and_then(|abi| decode_event(abi, event));
        json!({
            "contract": event.contract,
            "name": event.name,
            "fields": decoded.unwrap_or_else(|| Value::String(hex::encode(&*event.data))),
        })
    }
}

fn decode_event(abi: &Abi, event: &Event) -> Option<Value> {
    let kind = abi.event(&event.name)?;
    let fields = kind.fields.iter().map(|f| Field { name: f.name.clone(), kind: f.kind.clone() }).collect();
    json::decode(&Type::Struct { name: kind.name.clone(), fields }, &event.data).ok()
}

/// What became of a transaction, decoded.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    /// Its hash.
    pub hash: Hash,
    /// Height of its block.
    pub height: u64,
    /// Its position in the block.
    pub index: u32,
    /// Whether it succeeded.
    pub succeeded: bool,
    /// Fuel charged.
    pub fuel_used: u64,
    /// The call's result.
    pub result: Value,
    /// Its events.
    pub events: Vec<Value>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Value>,
}

impl Outcome {
    /// Decodes a receipt; `called` is the contract and method, when it was a call.
    pub async fn of(abis: &mut Abis<'_>, done: &Final, called: Option<(&ContractId, &str)>) -> Self {
        let Receipt { status, fuel_used, result, events, .. } = &done.receipt;
        let mut shown = Vec::new();
        for event in events.iter() {
            shown.push(abis.event(event).await);
        }
        let abi = match called {
            Some((contract, _)) => abis.of(contract).await,
            None => None,
        };
        let decoded = called
            .and_then(|(_, method)| abi?.method(method))
            .and_then(|method| json::decode(&method.result, result).ok());
        let plain = || if result.is_empty() { Value::Null } else { Value::String(hex::encode(&**result)) };
        Self {
            hash: done.hash,
            height: done.height.0,
            index: done.index,
            succeeded: matches!(status, Status::Succeeded),
            fuel_used: *fuel_used,
            result: decoded.unwrap_or_else(plain),
            events: shown,
            failure: match status {
                Status::Succeeded => None,
                Status::Failed(failure) => Some(failure_value(abi, failure)),
            },
        }
    }

    /// The failure as an error, if it failed.
    ///
    /// # Errors
    /// When it failed: code, message and the contract's own error.
    pub fn check(&self) -> Result<()> {
        let Some(failure) = &self.failure else { return Ok(()) };
        let text = |field: &str| failure.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, said) = (text("name"), text("message"));
        let what = match (name.is_empty(), said.strip_prefix(&format!("{name}: "))) {
            (true, _) if said.is_empty() => text("code"),
            (true, _) => format!("{}: {said}", text("code")),
            (false, rest) => format!("{name} ({}): {}", failure["number"], rest.unwrap_or(&said)),
        };
        let message =
            format!("the transaction is in block {}, but failed: {}", self.height, what.trim_end_matches(": "));
        let mut error = CliError::new(Exit::Refused, text("code"), message)
            .field("transaction")
            .value(self.hash.to_string())
            .hint(format!("althing tx status {}", self.hash));
        if !text("docs").is_empty() {
            error = error.rule(text("docs"));
        }
        Err(error)
    }

    /// Readable lines.
    pub fn human(&self) -> String {
        let mut rows = vec![
            ("transaction", self.hash.to_string()),
            ("block", format!("{}, position {}", self.height, self.index)),
            ("status", if self.succeeded { "succeeded".into() } else { "failed".to_owned() }),
            ("fuel used", self.fuel_used.to_string()),
        ];
        if !self.result.is_null() {
            rows.push(("result", self.result.to_string()));
        }
        if let Some(failure) = &self.failure {
            rows.push(("failure", failure.to_string()));
        }
        for event in &self.events {
            rows.push(("event", event_text(event)));
        }
        crate::output::table(&rows)
    }
}

/// A decoded event in one line.
pub fn event_text(event: &Value) -> String {
    let text = |field: &str| event.get(field).and_then(Value::as_str).unwrap_or_default();
    format!("{}.{} {}", text("contract"), text("name"), event.get("fields").unwrap_or(&Value::Null))
}

fn failure_value(abi: Option<&Abi>, failure: &Failure) -> Value {
    let code = serde_json::to_value(failure.code).unwrap_or_default();
    let mut out = json!({ "code": code, "message": failure.message });
    if failure.code == FailureCode::ContractError {
        out["number"] = json!(failure.detail);
        if let Some(error) = abi.and_then(|a| a.error(failure.detail)) {
            out["name"] = json!(error.name);
            out["docs"] = json!(error.docs);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_are_no_json_are_pointed_at() {
        let error = read_arguments(Some("{broken")).unwrap_err();
        assert_eq!((error.code.as_str(), error.field.as_deref()), ("bad_json", Some("arguments")));
        assert_eq!(read_arguments(None).unwrap(), Value::Null);
        assert_eq!(read_arguments(Some("[1]")).unwrap(), json!([1]));
    }

    #[test]
    fn a_wrong_method_lists_the_right_ones() {
        let one = |name: &str, kind| Method {
            name: name.into(),
            kind,
            role: None,
            arguments: Vec::new(),
            result: Type::Unit,
            docs: String::new(),
        };
        let abi = Abi {
            abi_version: 1,
            name: "c".into(),
            version: "1".into(),
            docs: String::new(),
            state_version: 1,
            migrates_from: Vec::new(),
            state: Vec::new(),
            methods: vec![one("add", MethodKind::Call), one("value", MethodKind::View)],
            events: Vec::new(),
            errors: Vec::new(),
            build: Vec::new(),
        };
        assert!(method(&abi, "c", "add", MethodKind::Call).is_ok());
        let error = method(&abi, "c", "sub", MethodKind::Call).unwrap_err();
        assert_eq!(error.rule.as_deref(), Some("one of: add"));
        assert!(method(&abi, "c", "value", MethodKind::Call).unwrap_err().message.contains("contract query"));
    }
}
