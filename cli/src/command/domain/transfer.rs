//! Transfers between registrars, and their authorisation codes.
//!
//! A code is never an argument of the command line, which other users of a machine can read: it comes from a file, from
//! ALTHING_AUTH_CODE, or from the terminal.

use super::change::changed;
use crate::{
    args::{SignOptions, TransferCommand},
    command::Context,
    error::{CliError, Result},
    home::{Access, write_file},
};
use althing_interface::registrations::{
    ApproveTransfer, CancelTransfer, Change, CodeChange, MAX_CODE, MIN_CODE, RejectTransfer, RequestTransfer, Update,
    code_hash,
};
use althing_types::{codec::Text, name::DomainName};
use std::{io::IsTerminal, path::Path};
use zeroize::Zeroizing;

/// Characters of a code: letters and digits that nobody confuses on paper; 32 of them, 5 bits each.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters of a new code, 120 bits.
const LENGTH: usize = 24;

/// Runs a command of `althing domain transfer`.
///
/// # Errors
/// When it is refused, or not final in time.
pub(super) async fn run(context: &Context, command: &TransferCommand) -> Result<()> {
    match command {
        TransferCommand::Request { name, code_file, sign } => {
            let code = given_code(code_file.as_deref())?;
            changed(context, name, sign, &RequestTransfer { name: name.clone(), code }).await
        }
        TransferCommand::Approve(one) => {
            changed(context, &one.name, &one.sign, &ApproveTransfer { name: one.name.clone() }).await
        }
        TransferCommand::Reject(one) => {
            changed(context, &one.name, &one.sign, &RejectTransfer { name: one.name.clone() }).await
        }
        TransferCommand::Cancel(one) => {
            changed(context, &one.name, &one.sign, &CancelTransfer { name: one.name.clone() }).await
        }
    }
}

fn given_code(file: Option<&Path>) -> Result<Text<MAX_CODE>> {
    let code = if let Some(path) = file {
        Zeroizing::new(std::fs::read_to_string(path).map_err(|e| CliError::file("read", path, &e))?)
    } else if let Ok(code) = std::env::var("ALTHING_AUTH_CODE") {
        Zeroizing::new(code)
    } else if std::io::stdin().is_terminal() {
        let asked = rpassword::prompt_password("Authorisation code: ");
        Zeroizing::new(asked.map_err(|e| CliError::usage("no_code", format!("cannot read the code: {e}")))?)
    } else {
        return Err(CliError::usage("no_code", "no authorisation code and no terminal to ask on")
            .field("--code-file")
            .rule("--code-file FILE, or set ALTHING_AUTH_CODE"));
    };
    let code = code.trim();
    // The code itself is not repeated.
    Text::new(code).ok().filter(|code| code.len() >= MIN_CODE).ok_or_else(|| {
        CliError::usage("bad_code", format!("an authorisation code of {} characters", code.chars().count()))
            .field("--code-file")
            .rule(format!("{MIN_CODE} to {MAX_CODE} characters"))
    })
}

/// A new code.
fn new_code() -> Result<Zeroizing<String>> {
    let mut seed = Zeroizing::new([0u8; LENGTH]);
    getrandom::fill(seed.as_mut_slice()).map_err(|e| CliError::internal("random", format!("no randomness: {e}")))?;
    let letter = |byte: &u8| ALPHABET.get(usize::from(byte & 31)).copied().map_or('a', char::from);
    Ok(Zeroizing::new(seed.iter().map(letter).collect()))
}

/// Gives a name a new code, or takes it away when there is no file to write it to.
///
/// # Errors
/// When the file is there already, or the change is refused.
pub(super) async fn code(context: &Context, name: &DomainName, out: Option<&Path>, sign: &SignOptions) -> Result<()> {
    let chain = context.chain().await?;
    let change = match out {
        None => CodeChange::Remove,
        Some(path) => {
            if path.exists() {
                return Err(CliError::usage("file_exists", format!("{} exists", path.display()))
                    .field("--out")
                    .value(path.display().to_string())
                    .rule("a file that does not exist"));
            }
            let code = new_code()?;
            // Written first: a code that only the chain's hash knows would be lost.
            write_file(path, format!("{}\n", *code).as_bytes(), Access::Secret)?;
            CodeChange::Set(code_hash(chain.genesis.chain.as_str(), name, &code))
        }
    };
    let update = Update { name: name.clone(), change: Change { code: change, ..Change::default() } };
    let sent = changed(context, name, sign, &update).await;
    if let (Err(_), Some(path)) = (&sent, out) {
        context.output.warn(&format!("the code in {} may not be the name's", path.display()));
    }
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_codes_are_long_enough_and_differ() {
        let (one, other) = (new_code().unwrap(), new_code().unwrap());
        assert!(one.len() == LENGTH && LENGTH >= MIN_CODE && LENGTH <= MAX_CODE);
        assert_ne!(*one, *other);
        assert!(one.bytes().all(|byte| ALPHABET.contains(&byte)));
    }
}
