//! What a remediation plan does, beside what is now: its entries by contract, field and key, as far as the contract's
//! ABI decodes them.

use super::{super::key_text::field, Change};
use crate::{
    call::Abis,
    chain::Chain,
    error::{CliError, Result},
    exit_code::Exit,
};
use althing_abi::{json, schema::Type};
use althing_types::{
    hash::{Hash, sha3_256},
    id::ContractId,
    keyspace,
    remediation::{Plan, PlanDocument, PlanHead, PlanItem, RestoredEntry, stored_head},
};

/// State entries that are read at a time.
const PAGE: usize = 256;
/// Longest text of a value that is shown.
const LONGEST: usize = 400;

fn bad_plan(plan: &Hash, reason: String) -> CliError {
    CliError::new(Exit::Proof, "bad_plan", format!("plan {plan}: {reason}"))
        .field("plan")
        .value(plan.to_string())
        .rule("documents that the plan's hash names")
}

/// The head of a plan that was uploaded.
async fn head(chain: &Chain, plan: &Hash) -> Result<PlanHead> {
    let bytes = chain.read(&[keyspace::remediation(plan)], None).await?.values.pop().flatten();
    stored_head(plan, bytes.as_deref()).map_err(|failure| bad_plan(plan, failure.message.to_string()))
}

/// A plan that was uploaded, out of proven state.
///
/// # Errors
/// When it is not there, or its documents are not those that its hash names.
pub(in crate::command) async fn stored_plan(chain: &Chain, plan: &Hash) -> Result<Plan> {
    let head = head(chain, plan).await?;
    let keys: Vec<Vec<u8>> = head.parts.iter().map(keyspace::remediation).collect();
    let mut documents = Vec::new();
    for keys in keys.chunks(8) {
        let found = chain.read(keys, None).await?.values;
        documents.extend(found.into_iter().map(Option::unwrap_or_default));
    }
    documents.push(althing_types::codec::encode(&PlanDocument::Head(head)));
    let found = Plan::read(documents).map_err(|error| bad_plan(plan, error.to_string()))?;
    if found.hash() == *plan { Ok(found) } else { Err(bad_plan(plan, format!("its documents are {}", found.hash()))) }
}

/// What a proposal's plan changes.
///
/// # Errors
/// When no node answers or a proof fails.
pub(super) async fn changes(chain: &Chain, plan: &Hash) -> Result<Vec<Change>> {
    let plan = stored_plan(chain, plan).await?;
    described(chain, &plan).await
}

fn short(hash: &Hash) -> String {
    hash.to_string().chars().take(12).collect()
}

/// What a plan does and says: each value that is put back with the present one, then transactions and keys.
///
/// # Errors
/// When no node answers or a proof fails.
pub(in crate::command) async fn described(chain: &Chain, plan: &Plan) -> Result<Vec<Change>> {
    let mut abis = Abis::new(chain);
    let mut out = Vec::new();
    let entries: Vec<&RestoredEntry> = plan
        .items
        .iter()
        .filter_map(|item| match item {
            PlanItem::Restore(entry) => Some(entry),
            _ => None,
        })
        .collect();
    for entries in entries.chunks(PAGE) {
        let keys: Vec<Vec<u8>> = entries.iter().map(|e| keyspace::storage(&e.contract, &e.key)).collect();
        // What the plan found, when that state is still kept; else what is there now.
        let found = match chain.read(&keys, Some(plan.head.base)).await {
            Ok(found) => found,
            Err(_) => chain.read(&keys, None).await?,
        };
        for (entry, before) in entries.iter().zip(found.values) {
            let place = place(&mut abis, &entry.contract, &entry.key).await;
            let same = before.as_deref().map(sha3_256) == entry.expected;
            let before =
                if same { before.map(|value| place.value(&value)) } else { Some("(another value since)".into()) };
            let after = entry.value.as_ref().map(|value| place.value(value));
            let what = format!("{}, because of {}", place.name, short(&entry.because));
            // The two sides of a change must not both be missing: then it would read as a remark.
            let after = if before.is_none() && after.is_none() { Some("nothing".into()) } else { after };
            out.push(Change::new(what, before, after));
        }
    }
    for item in &plan.items {
        let what = match item {
            PlanItem::Restore(_) => continue,
            PlanItem::Mark { transaction, height } => format!("mark {transaction} of height {height}"),
            PlanItem::Repackage { transaction, height } => {
                format!("{transaction} of height {height} was lost: it is packed again")
            }
            PlanItem::Leave { transaction, height, reason } => {
                format!("{transaction} of height {height} was lost and must be sent again: {}", reason.text())
            }
            PlanItem::Depends { transaction, height } => {
                format!("{transaction} of height {height} succeeded only because of bad ones: it stays")
            }
            PlanItem::Keep { contract, key, because, by } => {
                let place = place(&mut abis, contract, key).await;
                let by = by.as_ref().map_or("a decision of the members".to_owned(), short);
                format!("{} stays: {by} wrote it after {}", place.name, short(because))
            }
        };
        out.push(Change::new(what, None, None));
    }
    Ok(out)
}

/// A contract's key in words, and how its value is read.
struct Place {
    name: String,
    value: Option<Type>,
}

async fn place(abis: &mut Abis<'_>, contract: &ContractId, key: &[u8]) -> Place {
    let known = abis.of(contract).await.and_then(|abi| field(abi, key));
    match known {
        Some((name, value)) => Place { name: format!("{contract} {name}"), value },
        None => Place { name: format!("{contract} key {}", hex::encode(key)), value: None },
    }
}

impl Place {
    fn value(&self, bytes: &[u8]) -> String {
        let decoded = self.value.as_ref().and_then(|kind| json::decode(kind, bytes).ok());
        let text = decoded.map_or_else(|| format!("bytes {}", hex::encode(bytes)), |value| value.to_string());
        match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
            None => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_abi::schema::{Abi, StateField, StateKind};
    use althing_types::{id::OrganisationId, name::DomainName, order::storage_key};

    fn abi() -> Abi {
        let field = |key, name: &str, kind, types| StateField { key, name: name.into(), kind, types };
        Abi {
            abi_version: 1,
            name: "t".into(),
            version: "1".into(),
            docs: String::new(),
            state_version: 1,
            migrates_from: Vec::new(),
            state: vec![
                field(1, "bindings", StateKind::Map, vec![Type::Name, Type::U64]),
                field(2, "total", StateKind::Value, vec![Type::U64]),
                field(3, "of", StateKind::Index, vec![Type::Organisation, Type::U32]),
            ],
            methods: Vec::new(),
            events: Vec::new(),
            errors: Vec::new(),
            build: Vec::new(),
        }
    }

    #[test]
    fn keys_are_told_by_field_and_entry() {
        let name = |key: &[u8]| field(&abi(), key).map(|(name, _)| name);
        let tld = DomainName::parse("lab").unwrap();
        assert_eq!(name(&storage_key(1, &tld)), Some(format!("bindings[{tld}]")));
        assert_eq!(name(&[2]).as_deref(), Some("total"));
        let pair = (OrganisationId::new("a").unwrap(), 7u32);
        assert_eq!(name(&storage_key(3, &pair)).as_deref(), Some("of[a, 7]"));
        assert_eq!(name(&[2, 1]), None, "more bytes than the key has");
        assert_eq!(name(&[9]), None);
    }

    #[test]
    fn values_are_decoded_and_unknown_ones_shown_as_bytes() {
        let known = Place { name: "x".into(), value: Some(Type::U64) };
        assert_eq!(known.value(&7u64.to_le_bytes()), "7");
        assert_eq!(known.value(&[1]), "bytes 01");
        assert!(Place { name: "x".into(), value: None }.value(&[1; 500]).ends_with("..."));
    }
}
