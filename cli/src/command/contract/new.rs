//! `althing contract new`: a contract crate from the template, with its tests.

use super::Context;
use crate::{
    error::{CliError, Result},
    home::{Access, write_file},
    output::table,
};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Files of the template, with `{name}`, `{crate}`, `{type}` and `{sdk}` to fill in.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("tests/scenarios.rs", include_str!("template/scenarios.rs.txt")),
    (".gitignore", "/target\n*.wasm\n"),
];

#[derive(Serialize)]
struct New {
    name: String,
    dir: String,
    sdk: String,
    files: Vec<String>,
}

/// Writes the crate.
///
/// # Errors
/// When the name is bad, the folder is in use, or the SDK is not found.
pub(super) fn run(context: &Context, name: &str, dir: Option<&Path>, sdk: Option<&Path>) -> Result<()> {
    check_name(name)?;
    let dir = dir.map_or_else(|| PathBuf::from(name), Path::to_owned);
    if std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::usage("folder_in_use", format!("{} is not empty", dir.display()))
            .field("--dir")
            .value(dir.display().to_string())
            .rule("a new or empty folder"));
    }
    let sdk = find_sdk(sdk)?;
    let package = name.replace('-', "_");
    let sdk_text = sdk.display().to_string().replace('\\', "/");
    for (file, text) in FILES {
        let filled = text
            .replace("{name}", name)
            .replace("{crate}", &package)
            .replace("{type}", &type_name(name))
            .replace("{sdk}", &sdk_text);
        write_file(&dir.join(file), filled.as_bytes(), Access::Public)?;
    }
    // The same versions as the node's own build, and nothing to fetch where that was built.
    let lock = sdk.join("../../Cargo.lock");
    if let Ok(text) = std::fs::read(&lock) {
        write_file(&dir.join("Cargo.lock"), &text, Access::Public)?;
    }
    let files = FILES.iter().map(|(file, _)| (*file).to_owned()).collect();
    let new = New { name: name.to_owned(), dir: dir.display().to_string(), sdk: sdk_text, files };
    context.output.print(&new, |n| {
        let next = format!(
            "cd {} && cargo test && althing contract build\nalthing contract deploy {} {}.wasm",
            n.dir,
            n.name,
            n.name.replace('-', "_")
        );
        format!(
            "{}\n\n{next}",
            table(&[("contract", n.name.clone()), ("folder", n.dir.clone()), ("sdk", n.sdk.clone())])
        )
    })
}

fn check_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain) && name.len() <= 48 {
        return Ok(());
    }
    Err(CliError::usage("bad_contract_name", format!("'{name}' is no name for a contract crate"))
        .field("name")
        .value(name)
        .rule("1 to 48 of a-z 0-9 _ and -, first a letter"))
}

/// `my-counter` to `MyCounter`.
fn type_name(name: &str) -> String {
    name.split(['-', '_'])
        .flat_map(|part| {
            let mut chars = part.chars();
            chars.next().map(|c| c.to_ascii_uppercase()).into_iter().chain(chars)
        })
        .collect()
}

/// The SDK: given, else ALTHING_SDK, else `sdk/contract` of a folder above this program or above the current folder.
fn find_sdk(given: Option<&Path>) -> Result<PathBuf> {
    let is_sdk = |path: &Path| path.join("Cargo.toml").is_file();
    let absolute = |path: PathBuf| std::fs::canonicalize(&path).map_err(|e| CliError::file("find", &path, &e));
    let named = given.map(Path::to_owned).or_else(|| std::env::var_os("ALTHING_SDK").map(PathBuf::from));
    let missing = |value: String| {
        CliError::not_found("no_sdk", "the contract SDK is not found")
            .field("--sdk")
            .value(value)
            .rule("the folder sdk/contract of the source tree; or ALTHING_SDK")
    };
    if let Some(path) = named {
        return if is_sdk(&path) { absolute(path) } else { Err(missing(path.display().to_string())) };
    }
    let starts = [std::env::current_exe().ok(), std::env::current_dir().ok()];
    for start in starts.into_iter().flatten() {
        for folder in start.ancestors() {
            let path = folder.join("sdk").join("contract");
            if is_sdk(&path) {
                return absolute(path);
            }
        }
    }
    Err(missing(String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_types() {
        assert_eq!(type_name("my-counter_2"), "MyCounter2");
        assert!(check_name("a_b-c").is_ok());
        for bad in ["", "A", "1a", "a/b", "a.b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
