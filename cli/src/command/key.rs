//! `althing key`: make and look at signing keys.

use super::Context;
use crate::{
    args::KeyCommand,
    error::{CliError, Result},
    home::Purpose,
    keyfile::{self, KeyFile},
    output::{columns, table},
};
use althing_types::crypto::{PublicKey, SecretKey};
use serde::Serialize;

#[derive(Serialize)]
struct Shown {
    name: String,
    public_key: PublicKey,
    file: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened: Option<bool>,
}

/// Runs a command of `althing key`.
///
/// # Errors
/// The command's failure.
pub(super) fn run(context: &Context, command: &KeyCommand) -> Result<()> {
    match command {
        KeyCommand::New { name } => new(context, name),
        KeyCommand::Show { name, check } => show(context, name, *check),
        KeyCommand::List => list(context),
    }
}

fn new(context: &Context, name: &str) -> Result<()> {
    keyfile::check_name(name)?;
    let path = context.home.key(name);
    let key = keyfile::generate()?;
    if path.exists() {
        // Before the pass phrase is asked for.
        return Err(CliError::usage("key_exists", format!("there is a key '{name}' already"))
            .field("name")
            .value(name)
            .rule("a new name; keys are never overwritten"));
    }
    let file = KeyFile::seal(name, &key, &context.home.passphrase(Purpose::Protect)?)?;
    file.write(&path)?;
    print(context, &file, None)
}

fn show(context: &Context, name: &str, check: bool) -> Result<()> {
    keyfile::check_name(name)?;
    let file = KeyFile::read(&context.home.key(name))?;
    let opened = if check {
        file.open(&context.home.passphrase(Purpose::Open)?)?;
        Some(true)
    } else {
        None
    };
    print(context, &file, opened)
}

fn print(context: &Context, file: &KeyFile, opened: Option<bool>) -> Result<()> {
    let path = context.home.key(&file.name).display().to_string();
    let shown = Shown { name: file.name.clone(), public_key: file.public_key, file: path, opened };
    context.output.print(&shown, |s| {
        let mut rows =
            vec![("name", s.name.clone()), ("public key", s.public_key.to_string()), ("file", s.file.clone())];
        if s.opened == Some(true) {
            rows.push(("pass phrase", "opens it".into()));
        }
        table(&rows)
    })
}

/// Names of the keys in the home folder, sorted.
///
/// # Errors
/// When the folder cannot be read; no folder is no keys.
pub(super) fn names(context: &Context) -> Result<Vec<String>> {
    let folder = context.home.keys();
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CliError::file("read", &folder, &error)),
    };
    let mut names: Vec<String> = entries
        .filter_map(|e| e.ok()?.file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
        .filter(|name| keyfile::check_name(name).is_ok())
        .collect();
    names.sort();
    Ok(names)
}

fn list(context: &Context) -> Result<()> {
    let mut keys = Vec::new();
    for name in names(context)? {
        let path = context.home.key(&name);
        match KeyFile::read(&path) {
            Ok(file) => {
                keys.push(Shown { name, public_key: file.public_key, file: path.display().to_string(), opened: None })
            }
            Err(error) => context.output.warn(&error.message),
        }
    }
    #[derive(Serialize)]
    struct List {
        keys: Vec<Shown>,
    }
    context.output.print(&List { keys }, |l| {
        if l.keys.is_empty() {
            return format!("no keys in {}", context.home.keys().display());
        }
        let rows: Vec<Vec<String>> = l.keys.iter().map(|k| vec![k.name.clone(), k.public_key.to_string()]).collect();
        columns(&["NAME", "PUBLIC KEY"], &rows)
    })
}

/// The public half of a key of the home folder; no pass phrase is needed.
///
/// # Errors
/// When there is no such key.
pub(super) fn public(context: &Context, name: &str) -> Result<PublicKey> {
    keyfile::check_name(name)?;
    Ok(KeyFile::read(&context.home.key(name))?.public_key)
}

/// Opens a key of the home folder.
///
/// # Errors
/// When there is no such key or the pass phrase does not open it.
pub(super) fn open(context: &Context, name: &str) -> Result<SecretKey> {
    keyfile::check_name(name)?;
    KeyFile::read(&context.home.key(name))?.open(&context.home.passphrase(Purpose::Open)?)
}
