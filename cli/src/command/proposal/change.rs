//! What a proposal would change, beside what is now: for people who are to vote on it.
//!
//! "Now" is the state at which the proposal was looked at; of one that was carried out it already has the change.

use crate::{
    call::Abis,
    chain::Chain,
    error::{CliError, Result},
    governed::{Asked, Governed, member_list},
};
use althing_abi::{
    diff::diff,
    json,
    schema::{Abi, Type},
};
use althing_interface::{
    governance::{ProposalKind, ProposedCall},
    layout,
    tld_binding::{self, Binding},
};
use althing_types::{
    crypto::NodeId,
    govern::{MemberList, Standing},
    hash::Hash,
    id::{ContractId, OrganisationId},
    keyspace::{self, ContractEntry, storage},
    name::DomainName,
    organisation::{Organisation, Role},
};
use serde::Serialize;
use serde_json::Value;

/// Changes that fit on one screen.
pub(super) const SCREEN: usize = 20;

/// One thing that would be otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::command) struct Change {
    /// What.
    pub(in crate::command) what: String,
    /// What it is now; absent for what is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::command) before: Option<String>,
    /// What it would be; absent for what would go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::command) after: Option<String>,
}

impl Change {
    pub(in crate::command) fn new(what: impl Into<String>, before: Option<String>, after: Option<String>) -> Self {
        Self { what: what.into(), before, after }
    }
}

/// Changes as lines, the first `most` of them.
pub(in crate::command) fn text(changes: &[Change], most: Option<usize>) -> String {
    let shown = most.unwrap_or(changes.len());
    let mut lines: Vec<String> = changes
        .iter()
        .take(shown)
        .map(|c| match (&c.before, &c.after) {
            (None, None) => format!("  {}", c.what),
            (None, Some(after)) => format!("+ {}: {after}", c.what),
            (Some(before), None) => format!("- {}: {before}", c.what),
            (Some(before), Some(after)) => format!("~ {}: {before} -> {after}", c.what),
        })
        .collect();
    if lines.is_empty() {
        lines.push("  nothing: it is so already".into());
    }
    let left = changes.len().saturating_sub(shown);
    if left > 0 {
        lines.push(format!("  and {left} more: althing proposal diff"));
    }
    lines.join("\n")
}

fn short(node: &NodeId) -> String {
    node.to_string().chars().take(12).collect()
}

/// What is asked, in one line.
pub(super) fn title(kind: &ProposalKind) -> String {
    match kind {
        ProposalKind::Admit { node, .. } => {
            format!("admit node {} of {} ({})", short(&node.node), node.organisation, node.kind.text())
        }
        ProposalKind::Promote { node } => format!("let node {} stand as authority", short(node)),
        ProposalKind::Demote { node, standing } => {
            format!("let node {} stand as authority no more, but as {}", short(node), standing.text())
        }
        ProposalKind::Remove { organisation, node: None } => format!("remove {organisation} with all its nodes"),
        ProposalKind::Remove { organisation, node: Some(node) } => {
            format!("remove node {} of {organisation}", short(node))
        }
        ProposalKind::Parameters { .. } => "other parameters of the chain".into(),
        ProposalKind::Settings { .. } => "other numbers that governance works by".into(),
        ProposalKind::Coordinator { organisation } => format!("{organisation} is to lead votes"),
        ProposalKind::Calls { calls } => format!("make {} calls with the role governance", calls.len()),
        ProposalKind::Deploy { contract, .. } => format!("deploy contract {contract}"),
        ProposalKind::Upgrade { contract, .. } => format!("replace the code of contract {contract}"),
        ProposalKind::Change { calls } => format!("write a reviewed change of {} calls", calls.len()),
        ProposalKind::Remediate { organisation, from, restored, marked, .. } => {
            format!("put right what {organisation} did from height {from} on: {restored} values, {marked} transactions")
        }
    }
}

/// What a proposal changes.
///
/// # Errors
/// When no node answers or a proof fails.
pub(super) async fn changes(governed: &Governed<'_>, asked: &Asked) -> Result<Vec<Change>> {
    let chain = governed.chain();
    Ok(match &asked.kind {
        ProposalKind::Admit { node, organisation, certificate } => {
            let mut out = Vec::new();
            if governed.member(&organisation.id).await?.1.is_none() {
                out.push(Change::new(format!("member {}", organisation.id), None, Some(words(organisation))));
            }
            let address = if node.address.is_empty() { "no address" } else { node.address.as_str() };
            let after = format!("{} of {}, {address}", Standing::Backup.text(), node.organisation);
            out.push(Change::new(format!("node {}", node.node), None, Some(after)));
            let serial = hex::encode(&*certificate.serial);
            out.push(Change::new("certificate", None, Some(format!("serial {serial}, hash {}", certificate.hash))));
            out
        }
        ProposalKind::Promote { node } => standing(chain, *node, Some(Standing::Authority)).await?,
        ProposalKind::Demote { node, standing: after } => standing(chain, *node, Some(*after)).await?,
        ProposalKind::Remove { organisation, node } => removal(governed, organisation, *node).await?,
        ProposalKind::Parameters { parameters } => {
            let (_, now) =
                chain.value::<althing_types::genesis::Parameters>("parameters", keyspace::parameters()).await?;
            fields(now.as_ref(), parameters)?
        }
        ProposalKind::Settings { settings } => fields(Some(&governed.settings().await?), settings)?,
        ProposalKind::Coordinator { organisation } => {
            let now = governed.coordinator().await?;
            vec![Change::new("who leads votes", Some(now.to_string()), Some(organisation.to_string()))]
        }
        ProposalKind::Calls { calls } | ProposalKind::Change { calls } => made_calls(chain, calls).await?,
        ProposalKind::Remediate { plan, .. } => super::plan::changes(chain, plan).await?,
        ProposalKind::Deploy { contract, code, .. } => new_code(chain, contract, code).await?,
        ProposalKind::Upgrade { contract, code, forecast } => {
            let mut out = new_code(chain, contract, code).await?;
            out.extend(forecast.as_ref().map(|said| {
                let what = format!(
                    "by its proposer's dry run at block {}: {} entries of the state, {} fuel in {} block(s), predicted \
                     {}; compare: althing upgrade dry-run --proposal {}",
                    said.base, said.changed, said.fuel, said.blocks, said.predicted, asked.proposal.id
                );
                Change::new(what, None, None)
            }));
            out
        }
    })
}

fn words(organisation: &Organisation) -> String {
    let list = |roles: &std::collections::BTreeSet<Role>| roles.iter().map(|r| r.text()).collect::<Vec<_>>().join(", ");
    let keys: Vec<String> = organisation.keys.iter().map(|k| format!("key {} ({})", k.key, list(&k.duties))).collect();
    format!("{}; {}", list(&organisation.roles), keys.join("; "))
}

fn place(list: &MemberList, node: NodeId) -> Option<String> {
    let found = list.nodes.iter().find(|member| member.node == node)?;
    Some(format!("{} of {}", found.standing.text(), found.organisation))
}

async fn standing(chain: &Chain, node: NodeId, after: Option<Standing>) -> Result<Vec<Change>> {
    let (_, list) = member_list(chain).await?;
    let owner = list.nodes.iter().find(|member| member.node == node).map(|member| member.organisation.clone());
    let after = after.zip(owner).map(|(standing, owner)| format!("{} of {owner}", standing.text()));
    let count = |standing| list.nodes.iter().filter(|member| member.standing == standing).count();
    let now = count(Standing::Authority);
    let before = place(&list, node);
    if before == after {
        return Ok(Vec::new());
    }
    let mut out = vec![Change::new(format!("node {node}"), before, after.clone())];
    let before_is = list.nodes.iter().any(|m| m.node == node && m.standing == Standing::Authority);
    let after_is = after.is_some_and(|text| text.starts_with(Standing::Authority.text()));
    let then = now.saturating_sub(usize::from(before_is)).saturating_add(usize::from(after_is));
    if then != now {
        out.push(Change::new("nodes that stand as authorities", Some(now.to_string()), Some(then.to_string())));
    }
    Ok(out)
}

async fn removal(governed: &Governed<'_>, organisation: &OrganisationId, node: Option<NodeId>) -> Result<Vec<Change>> {
    let (_, list) = member_list(governed.chain()).await?;
    let mut out = Vec::new();
    if node.is_none()
        && let Some(member) = governed.member(organisation).await?.1
    {
        out.push(Change::new(format!("member {organisation}"), Some(words(&member.organisation)), None));
    }
    let leaves = list.nodes.iter().filter(|m| m.organisation == *organisation && node.is_none_or(|n| n == m.node));
    out.extend(leaves.map(|m| Change::new(format!("node {}", m.node), place(&list, m.node), None)));
    Ok(out)
}

/// Fields in which two values differ.
fn fields<T: Serialize>(now: Option<&T>, then: &T) -> Result<Vec<Change>> {
    let object = |value: &T| serde_json::to_value(value).map_err(|e| CliError::internal("json", e.to_string()));
    let before = now.map(object).transpose()?.unwrap_or_default();
    let after = object(then)?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut out = Vec::new();
    for (name, value) in after.as_object().into_iter().flatten() {
        let old = before.get(name);
        if old != Some(value) {
            out.push(Change::new(name.clone(), old.map(text), Some(text(value))));
        }
    }
    Ok(out)
}

async fn made_calls(chain: &Chain, calls: &[ProposedCall]) -> Result<Vec<Change>> {
    let mut abis = Abis::new(chain);
    let mut shown = Vec::new();
    let mut names = Vec::new();
    for call in calls {
        let arguments = abis.of(&call.contract).await.and_then(|abi| decoded(abi, call));
        let known = arguments.as_ref().and_then(|a| a.get("tld")).and_then(Value::as_str);
        let tld = known.filter(|_| call.contract.as_str() == tld_binding::ID).and_then(|t| DomainName::parse(t).ok());
        names.push(tld);
        let text = arguments.map_or_else(|| format!("bytes {}", hex::encode(&*call.arguments)), |a| a.to_string());
        shown.push(format!("{}.{} {text}", call.contract, call.method));
    }
    let id = ContractId::new(tld_binding::ID)?;
    let keys: Vec<Vec<u8>> = names.iter().flatten().map(|tld| storage(&id, &layout::binding_key(tld))).collect();
    let mut bindings = if keys.is_empty() { Vec::new() } else { chain.read(&keys, None).await?.values }.into_iter();
    let mut out = Vec::new();
    for (tld, text) in names.into_iter().zip(shown) {
        let Some(tld) = tld else {
            out.push(Change::new(text, None, None));
            continue;
        };
        let bytes = bindings.next().flatten();
        let binding: Option<Binding> = crate::chain::typed("binding", bytes.as_deref())?;
        let now = binding.map_or("not bound".to_owned(), |b| format!("bound to {}", b.organisation));
        out.push(Change::new(format!("TLD {tld}"), Some(now), Some(text)));
    }
    Ok(out)
}

/// Arguments of a call as JSON; `None` when the contract's ABI does not fit.
fn decoded(abi: &Abi, call: &ProposedCall) -> Option<Value> {
    let method = abi.method(&call.method)?;
    let kind = Type::Struct { name: method.name.clone(), fields: method.arguments.clone() };
    json::decode(&kind, &call.arguments).ok()
}

async fn new_code(chain: &Chain, contract: &ContractId, code: &Hash) -> Result<Vec<Change>> {
    let (_, now) = chain.value::<ContractEntry>("contract entry", keyspace::contract(contract)).await?;
    let before = now.as_ref().map(|entry| entry.code.to_string());
    let mut out = Vec::new();
    if now.as_ref().is_none_or(|entry| entry.code != *code) {
        out.push(Change::new(format!("code of {contract}"), before, Some(code.to_string())));
    }
    let stored = chain.read(&[keyspace::code(code)], None).await?.values.pop().flatten();
    let Some(new) = stored.and_then(|bytes| Abi::read(&bytes).ok()) else {
        out.push(Change::new("the code is not on the chain, or has no readable ABI", None, None));
        return Ok(out);
    };
    let version = now.map(|entry| entry.state_version.to_string());
    out.push(Change::new("state version", version.clone(), Some(new.state_version.to_string())));
    if version.is_some() {
        for found in diff(&chain.abi(contract).await?, &new) {
            let breaks = if found.breaking { " (breaks callers)" } else { "" };
            out.push(Change::new(format!("{}{breaks}", found.what), None, None));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::govern::GovernanceSettings;

    #[test]
    fn only_fields_that_differ_are_shown_with_both_values() {
        let now = GovernanceSettings::default();
        let then = GovernanceSettings { timelock_ms: 5, ..now.clone() };
        let found = fields(Some(&now), &then).unwrap();
        assert_eq!(found, [Change::new("timelock_ms", Some("172800000".into()), Some("5".into()))]);
        assert_eq!(text(&found, None), "~ timelock_ms: 172800000 -> 5");
        assert!(text(&fields(Some(&now), &now).unwrap(), None).contains("nothing"));
    }

    #[test]
    fn a_long_list_fits_a_screen_and_says_how_much_is_left() {
        let many = vec![Change::new("x", None, Some("y".into())); SCREEN + 3];
        let lines = text(&many, Some(SCREEN));
        assert_eq!(lines.lines().count(), SCREEN + 1);
        assert!(lines.ends_with("and 3 more: althing proposal diff"));
    }
}
