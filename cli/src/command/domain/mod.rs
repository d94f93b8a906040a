//! `althing domain`: names below a TLD, on the chain of that TLD.
//!
//! [`show`] reads, proof-verified; [`change`] and [`transfer`] sign and send, and name the result code of EPP when the
//! contract refuses; [`registry`] has what the registry alone does.

mod change;
mod registry;
mod show;
mod transfer;

use super::{Context, send};
use crate::{
    args::{DomainCommand, HostAddresses, SignOptions},
    call::Outcome,
    chain::{Chain, typed},
    error::{CliError, Result},
};
use althing_interface::{
    call::Call,
    domain_records::{Host, MAX_ADDRESSES},
    layout::registrations as layout,
    registrations::{self, Charter, Domain, RegistrationError},
};
use althing_types::{codec::List, id::ContractId, keyspace::storage, name::DomainName};
use std::net::IpAddr;

/// Runs a command of `althing domain`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &DomainCommand) -> Result<()> {
    match command {
        DomainCommand::Register { name, years, content, sign } => {
            change::register(context, name, *years, content, sign).await
        }
        DomainCommand::Renew { name, years, sign } => change::renew(context, name, *years, sign).await,
        DomainCommand::Update { name, content, no_ns, no_ds, no_hosts, no_registrant, sign } => {
            let removed = change::Removed { ns: *no_ns, ds: *no_ds, hosts: no_hosts, registrant: *no_registrant };
            change::update(context, name, content, &removed, sign).await
        }
        DomainCommand::Host { host, addresses, delete, key } => match key {
            Some(key) => change::host(context, host, addresses, *delete, key).await,
            None => show::host(context, host).await,
        },
        DomainCommand::Hold { held } => change::hold(context, held, true).await,
        DomainCommand::Release { held } => change::hold(context, held, false).await,
        DomainCommand::Status { name, add, remove, sign } => change::status(context, name, add, remove, sign).await,
        DomainCommand::Code { name, out, sign, .. } => transfer::code(context, name, out.as_deref(), sign).await,
        DomainCommand::Transfer(command) => transfer::run(context, command).await,
        DomainCommand::Delete(one) => change::delete(context, one).await,
        DomainCommand::Restore(one) => change::restore(context, one).await,
        DomainCommand::Show { name } => show::domain(context, name).await,
        DomainCommand::List { registrar, limit } => show::list(context, registrar.as_ref(), *limit).await,
        DomainCommand::Check { names } => show::check(context, names).await,
        DomainCommand::Apex { ns, ds, hosts, ttl, key } => match key {
            Some(key) => registry::set_apex(context, (ns, ds, hosts), *ttl, key).await,
            None => show::apex(context).await,
        },
        DomainCommand::Reserve { names, file, reason, sign } => {
            registry::reserve(context, names, file.as_deref(), reason, sign).await
        }
        DomainCommand::Unreserve { names, sign } => registry::unreserve(context, names, sign).await,
        DomainCommand::Reserved => show::reserved(context).await,
        DomainCommand::CloseLoad { sign } => registry::close_load(context, sign).await,
    }
}

/// Key of the contract's own entry in the chain's state.
fn entry(key: &[u8]) -> Result<Vec<u8>> {
    Ok(storage(&ContractId::new(registrations::ID)?, key))
}

/// What every signer of a member's key has.
fn signing(key: &str) -> SignOptions {
    SignOptions { key: key.to_owned(), postscript: String::new() }
}

/// Makes one call and waits until it has succeeded; a refusal names the result code of EPP.
async fn call<C: Call>(context: &Context, chain: &Chain, sign: &SignOptions, call: &C) -> Result<Outcome> {
    send::call(context, chain, sign, call).await.map_err(with_epp)
}

/// Makes one call and prints what became of it.
async fn make<C: Call>(context: &Context, sign: &SignOptions, what: &C) -> Result<()> {
    let chain = context.chain().await?;
    let outcome = call(context, &chain, sign, what).await?;
    context.output.print(&outcome, Outcome::human)
}

/// The description of each error begins with its result code: it becomes the error's code and a part of its message.
fn with_epp(mut error: CliError) -> CliError {
    let found = error.rule.as_deref().and_then(|rule| rule.strip_prefix("EPP ")?.get(..4)?.parse::<u16>().ok());
    if let Some(code) = found {
        error.code = format!("epp_{code}");
        error.message = format!("EPP {code}, {}: {}", RegistrationError::epp_text(code), error.message);
        error.rule = error.rule.as_deref().and_then(|rule| rule.get(10..)).map(str::to_owned);
    }
    error
}

/// A name that must be registered, with the entries it was read from.
async fn registered(chain: &Chain, name: &DomainName) -> Result<(crate::chain::Entries, Domain)> {
    let (entries, domain) = chain.value::<Domain>("domain", entry(&layout::domain_key(name))?).await?;
    if domain.is_none() {
        // A chain without the contract proves the absence of every name.
        charter(chain).await?;
    }
    let proven = if chain.verifies() { "its absence is proven" } else { "the node says so" };
    let domain = domain.ok_or_else(|| {
        CliError::not_found("epp_2303", format!("'{name}' is not registered at height {}: {proven}", entries.height))
            .field("name")
            .value(name.to_string())
            .rule("a registered name (EPP 2303, Object does not exist)")
    })?;
    Ok((entries, domain))
}

/// The TLD of the chain.
async fn charter(chain: &Chain) -> Result<Charter> {
    let entries = chain.read(&[entry(&layout::charter_key())?], None).await?;
    typed::<Charter>("charter", entries.values.first().and_then(Option::as_deref))?.ok_or_else(|| {
        CliError::not_found(
            "no_registrations",
            format!("chain '{}' has no contract registrations", chain.genesis.chain),
        )
        .field("chain")
        .value(chain.genesis.chain.as_str())
        .rule("the chain of a TLD")
        .hint("--chain names the chain of the TLD; --api a node of it")
    })
}

/// A bounded list out of what was given.
/// The addresses of a host with one time to live in seconds.
///
/// # Errors
/// When there are more than a host may have.
pub(super) fn host_of(entry: &HostAddresses, ttl: u32) -> Result<Host> {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for address in &entry.addresses {
        match address {
            IpAddr::V4(address) => v4.push((*address).into()),
            IpAddr::V6(address) => v6.push((*address).into()),
        }
    }
    let ttl_of = |empty: bool| if empty { 0 } else { ttl };
    let (a_ttl, aaaa_ttl) = (ttl_of(v4.is_empty()), ttl_of(v6.is_empty()));
    let (v4, v6) = (list::<_, MAX_ADDRESSES>("--host", v4)?, list::<_, MAX_ADDRESSES>("--host", v6)?);
    Ok(Host { v4, a_ttl, v6, aaaa_ttl })
}

/// A list of a bounded type, from an option of this name.
///
/// # Errors
/// When there are more than the type holds.
pub(super) fn list<T, const MAX: usize>(field: &str, values: Vec<T>) -> Result<List<T, MAX>> {
    List::new(values).map_err(|e| {
        CliError::usage("too_many", format!("{field}: {e}"))
            .field(field)
            .value(e.found.to_string())
            .rule(format!("at most {}", e.maximum))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::Exit;

    #[test]
    fn a_refusal_names_the_result_code_of_epp() {
        let refused = CliError::new(Exit::Refused, "contract_error", "Exists (9): 'a.lab.' is registered already")
            .rule("EPP 2302. The name is registered already.");
        let error = with_epp(refused);
        assert_eq!(error.code, "epp_2302");
        assert!(error.message.starts_with("EPP 2302, Object exists: "), "{}", error.message);
        assert_eq!(error.rule.as_deref(), Some("The name is registered already."));
        let other = CliError::usage("x", "y").rule("one of: a");
        assert_eq!(with_epp(other.clone()), other);
    }
}
