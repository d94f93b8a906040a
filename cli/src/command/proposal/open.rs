//! `althing proposal open`: new proposals.

use super::opened;
use crate::{
    args::{OpenCommand, SignOptions},
    call::{self, Abis},
    chain::Chain,
    command::{
        Context,
        contract::{check_upgrade, module::Module},
        send,
        upgrade::before_proposing,
    },
    error::{CliError, Result},
    governed::Governed,
};
use althing_abi::schema::MethodKind;
use althing_interface::{
    call::Call,
    governance::{Open, ProposalKind, ProposedCall},
    layout,
    tld_binding::{self, Bind, Binding, Rebind},
};
use althing_types::{
    codec::{Bytes, List, Text, TooLong, encode},
    id::{ContractId, OrganisationId},
    keyspace::{self, code_hash, storage},
    name::DomainName,
    transaction::{Content, Operation},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::path::Path;

/// Longest file of calls or numbers in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Runs a command of `althing proposal open`.
///
/// # Errors
/// When the content is malformed, or the contract refuses it.
pub(super) async fn run(context: &Context, command: &OpenCommand) -> Result<()> {
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let (kind, sign) = match command {
        OpenCommand::Calls { file, sign } => (calls(&chain, file).await?, sign),
        OpenCommand::Bind { tld, organisation, sign } => (bind(&governed, tld, organisation).await?, sign),
        OpenCommand::Promote { node, sign } => (ProposalKind::Promote { node: *node }, sign),
        OpenCommand::Demote { node, to, sign } => (ProposalKind::Demote { node: *node, standing: *to }, sign),
        OpenCommand::Parameters { file, sign } => {
            let parameters = changed(file, &chain.parameters().await?.1)?;
            (ProposalKind::Parameters { parameters }, sign)
        }
        OpenCommand::Settings { file, sign } => {
            (ProposalKind::Settings { settings: changed(file, &governed.settings().await?)? }, sign)
        }
        OpenCommand::Coordinator { organisation, sign } => {
            (ProposalKind::Coordinator { organisation: organisation.clone() }, sign)
        }
        OpenCommand::Deploy { id, file, arguments, sign } => {
            let module = Module::read(file)?;
            let arguments = Bytes::new(module.initial(arguments.as_deref())?).map_err(too_long("arguments"))?;
            let code = upload(context, &chain, module, sign).await?;
            (ProposalKind::Deploy { contract: id.clone(), code, arguments }, sign)
        }
        OpenCommand::Upgrade { id, file, sign } => return upgrade(context, id, file, false, sign).await,
    };
    propose(context, &governed, kind, sign).await
}

/// Tries a module, uploads it and proposes it as new code of a contract.
///
/// # Errors
/// When the module is none, lacks a migration, its dry run fails and that is not asked for, or the chain refuses it.
pub(in crate::command) async fn upgrade(
    context: &Context,
    id: &ContractId,
    file: &Path,
    even_if_it_fails: bool,
    sign: &SignOptions,
) -> Result<()> {
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let module = Module::read(file)?;
    // What breaks callers is for the members to judge: `proposal diff` shows it.
    if !even_if_it_fails {
        check_upgrade(&chain, id, &module).await?;
    }
    let tried = before_proposing(&chain, id, &module).await?;
    context.output.note(&tried.text());
    if !even_if_it_fails {
        tried.verdict().map_err(|mut e| {
            e.hint = Some("--even-if-it-fails proposes it all the same".into());
            e
        })?;
    }
    let forecast = Some(tried.forecast());
    let code = upload(context, &chain, module, sign).await?;
    propose(context, &governed, ProposalKind::Upgrade { contract: id.clone(), code, forecast }, sign).await
}

/// Opens a proposal and shows it.
///
/// # Errors
/// When the contract refuses it.
pub(in crate::command) async fn propose(
    context: &Context,
    governed: &Governed<'_>,
    kind: ProposalKind,
    sign: &SignOptions,
) -> Result<()> {
    let outcome = send::call(context, governed.chain(), sign, &Open { kind }).await?;
    opened(context, governed, &outcome).await
}

/// Stores code on the chain for a proposal to name by its hash; does nothing when it is there already.
async fn upload(
    context: &Context,
    chain: &Chain,
    module: Module,
    sign: &SignOptions,
) -> Result<althing_types::hash::Hash> {
    let hash = code_hash(&module.code);
    let stored = chain.read(&[keyspace::code(&hash)], None).await?.values.pop().flatten();
    if stored.is_none() {
        let content = Content::Upload { code: Bytes::new(module.code).map_err(too_long("FILE"))? };
        let mut options = sign.sending();
        options.fuel = None;
        send::perform(context, chain, &options, Operation::Upload, content).await?;
    }
    Ok(hash)
}

fn too_long(field: &'static str) -> impl Fn(TooLong) -> CliError {
    move |e| {
        CliError::usage("too_long", format!("{field}: {e}"))
            .field(field)
            .value(e.found.to_string())
            .rule(format!("at most {}", e.maximum))
    }
}

fn read_json(file: &Path, rule: &str) -> Result<Value> {
    let bad = |reason: String| {
        CliError::data("bad_json", format!("{}: {reason}", file.display()))
            .field("FILE")
            .value(file.display().to_string())
            .rule(rule)
    };
    let size = std::fs::metadata(file).map_err(|e| CliError::file("read", file, &e))?.len();
    if size > MAX_FILE {
        return Err(bad(format!("{size} bytes are too many")));
    }
    let text = std::fs::read(file).map_err(|e| CliError::file("read", file, &e))?;
    serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))
}

/// A value with the fields of a file put over those of the present one.
fn changed<T: Serialize + DeserializeOwned>(file: &Path, now: &T) -> Result<T> {
    const RULE: &str = "a JSON object with the fields that are to change";
    let bad =
        |reason: String| CliError::data("bad_fields", format!("{}: {reason}", file.display())).field("FILE").rule(RULE);
    let mut all = serde_json::to_value(now).map_err(|e| CliError::internal("json", e.to_string()))?;
    let (Value::Object(fields), Value::Object(known)) = (read_json(file, RULE)?, &mut all) else {
        return Err(bad("no object".into()));
    };
    if fields.is_empty() {
        return Err(bad("no fields".into()));
    }
    for (name, value) in fields {
        let Some(slot) = known.get_mut(&name) else {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            return Err(bad(format!("there is no field '{name}'"))
                .value(name)
                .rule(format!("one of: {}", names.join(", "))));
        };
        *slot = value;
    }
    serde_json::from_value(all).map_err(|e| bad(e.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    contract: ContractId,
    method: String,
    #[serde(default)]
    arguments: Value,
}

async fn calls(chain: &Chain, file: &Path) -> Result<ProposalKind> {
    const RULE: &str = "a list of {contract, method, arguments}";
    let given: Vec<Given> = serde_json::from_value(read_json(file, RULE)?)
        .map_err(|e| CliError::data("bad_calls", format!("{}: {e}", file.display())).field("FILE").rule(RULE))?;
    let mut abis = Abis::new(chain);
    let mut out = Vec::new();
    for (index, one) in given.into_iter().enumerate() {
        let abi = match abis.of(&one.contract).await {
            Some(abi) => abi,
            // Once more, for the reason.
            None => {
                return Err(chain
                    .abi(&one.contract)
                    .await
                    .err()
                    .unwrap_or_else(|| CliError::internal("abi", "no ABI")));
            }
        };
        let method = call::method(abi, one.contract.as_str(), &one.method, MethodKind::Call)?;
        let arguments = call::encode_arguments(method, &one.arguments).map_err(|mut e| {
            e.message = format!("call {index}: {}", e.message);
            e
        })?;
        out.push(ProposedCall {
            contract: one.contract,
            method: Text::new(one.method).map_err(too_long("method"))?,
            arguments: Bytes::new(arguments).map_err(too_long("arguments"))?,
        });
    }
    Ok(ProposalKind::Calls { calls: List::new(out).map_err(too_long("calls"))? })
}

/// A typed call as part of a proposal.
///
/// # Errors
/// When its arguments are too long for one.
pub(in crate::command) fn proposed<C: Call>(call: &C) -> Result<ProposedCall> {
    Ok(ProposedCall {
        contract: ContractId::new(C::CONTRACT)?,
        method: Text::new(C::METHOD).map_err(too_long("method"))?,
        arguments: Bytes::new(encode(call)).map_err(too_long("arguments"))?,
    })
}

async fn bind(governed: &Governed<'_>, tld: &DomainName, organisation: &OrganisationId) -> Result<ProposalKind> {
    let organisation = organisation.clone();
    if governed.member(&organisation).await?.1.is_none() {
        return Err(CliError::not_found("member_unknown", format!("organisation '{organisation}' is no member"))
            .field("organisation")
            .value(organisation.as_str())
            .rule("an organisation of althing member list"));
    }
    let key = storage(&ContractId::new(tld_binding::ID)?, &layout::binding_key(tld));
    let (_, binding) = governed.chain().value::<Binding>("binding", key).await?;
    let tld = tld.clone();
    let call = match binding {
        Some(_) => proposed(&Rebind { tld, organisation })?,
        None => proposed(&Bind { tld, organisation })?,
    };
    Ok(ProposalKind::Calls { calls: List::new(vec![call]).map_err(too_long("calls"))? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::govern::GovernanceSettings;

    #[test]
    fn a_file_changes_the_fields_that_it_names_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("settings.json");
        let now = GovernanceSettings::default();
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            changed::<GovernanceSettings>(&file, &now)
        };
        let expected = GovernanceSettings { vote_ms: 7, ..now.clone() };
        assert_eq!(read(r#"{"vote_ms": 7}"#).unwrap(), expected);
        assert_eq!(read(r#"{"vote": 7}"#).unwrap_err().value.as_deref(), Some("vote"));
        for bad in ["[]", "{}", "{", r#"{"vote_ms": "long"}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
