//! Finds a toolchain that builds to WebAssembly.

use crate::{BuildError, ROUTE_VARIABLE, TARGET};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

/// Debian's compiler.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
/// Debian's cargo.
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// By which way contracts are built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The active toolchain has the target.
    Rustup,
    /// Debian's compiler builds the library from source.
    Debian,
}

/// A toolchain that builds to WebAssembly.
#[derive(Clone, Debug)]
pub struct Toolchain {
    /// The way.
    pub route: Route,
    /// What the compiler says about its version.
    pub version: String,
    pub(crate) cargo: PathBuf,
    pub(crate) rustc: PathBuf,
    pub(crate) linker: Option<PathBuf>,
    /// Sources of the library, left out of messages.
    pub(crate) library: Option<PathBuf>,
}

impl Toolchain {
    /// Sets what this toolchain needs on a cargo command.
    pub(crate) fn prepare(&self, command: &mut Command) {
        if self.route == Route::Debian {
            let mut path = OsString::from("/usr/bin");
            if let Some(rest) = std::env::var_os("PATH") {
                path.push(":");
                path.push(rest);
            }
            command.env("PATH", path).env("RUSTC", &self.rustc).env("RUSTC_BOOTSTRAP", "1");
            command.args(["-Zbuild-std=core,alloc", "-Zbuild-std-features=optimize_for_size"]);
        }
        if let Some(linker) = &self.linker {
            command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
    }
}

/// What a program prints, on success.
fn ask(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).env_remove("RUSTC_WRAPPER").output().ok()?;
    if !output.status.success() {
        return None;
    }
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn program(variable: &str, fallback: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| PathBuf::from(fallback), PathBuf::from)
}

fn has_core(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.into_iter().any(|file| {
        let name = file.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libcore-") && name.ends_with(".rlib")
    })
}

fn rustup() -> Result<Toolchain, String> {
    let (rustc, cargo) = (program("RUSTC", "rustc"), program("CARGO", "cargo"));
    let Some(version) = ask(&rustc, &["--version"]) else {
        return Err(format!("rustup: {} does not run", rustc.display()));
    };
    let Some(folder) = ask(&rustc, &["--print", "target-libdir", "--target", TARGET]) else {
        return Err(format!("rustup: {} does not know {TARGET}", rustc.display()));
    };
    if !has_core(Path::new(&folder)) {
        return Err(format!("rustup: the active toolchain ({version}) has no target {TARGET}"));
    }
    let library = ask(&rustc, &["--print", "sysroot"]).map(|root| Path::new(&root).join("lib/rustlib/src/rust"));
    Ok(Toolchain { route: Route::Rustup, version, cargo, rustc, linker: None, library })
}

/// Folders that may hold `rust-lld`: the active toolchain first, then every other one.
fn sysroots() -> Vec<PathBuf> {
    let mut out: Vec<PathBuf> =
        ask(Path::new("rustc"), &["--print", "sysroot"]).into_iter().map(PathBuf::from).collect();
    let home = std::env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".rustup")));
    if let Some(home) = home {
        let mut others: Vec<PathBuf> = std::fs::read_dir(home.join("toolchains"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        others.sort();
        out.extend(others);
    }
    out.push(PathBuf::from("/usr"));
    out
}

fn linker() -> Option<PathBuf> {
    for root in sysroots() {
        let hosts = std::fs::read_dir(root.join("lib/rustlib")).into_iter().flatten().flatten();
        for host in hosts {
            let candidate = host.path().join("bin/rust-lld");
            if candidate.is_file() {
                return Some(candidate);
            }
        }
    }
    // Older ones, such as Debian 12's lld 14, do not define `__heap_end`.
    let packaged = (17..=30).rev().map(|version| PathBuf::from(format!("/usr/bin/wasm-ld-{version}")));
    packaged.into_iter().find(|path| path.is_file())
}

fn debian() -> Result<Toolchain, String> {
    let (rustc, cargo) = (PathBuf::from(DEBIAN_RUSTC), PathBuf::from(DEBIAN_CARGO));
    if !rustc.is_file() || !cargo.is_file() {
        return Err(format!("debian: no {DEBIAN_RUSTC} and {DEBIAN_CARGO} (packages rustc-web and cargo-web)"));
    }
    let (Some(version), Some(root)) = (ask(&rustc, &["--version"]), ask(&rustc, &["--print", "sysroot"])) else {
        return Err(format!("debian: {DEBIAN_RUSTC} does not run"));
    };
    let library = Path::new(&root).join("lib/rustlib/src/rust");
    if !library.join("library/core/Cargo.toml").is_file() {
        return Err(format!("debian: no library sources in {} (package rust-web-src)", library.display()));
    }
    let Some(linker) = linker() else {
        return Err("debian: no rust-lld in any rustup toolchain, and no wasm-ld of version 17 or later".to_owned());
    };
    Ok(Toolchain { route: Route::Debian, version, cargo, rustc, linker: Some(linker), library: Some(library) })
}

/// The first toolchain that can build contracts: the active one if it has the target, else Debian's.
///
/// # Errors
/// [`BuildError::NoToolchain`] says what was tried and what to install.
pub fn find_toolchain() -> Result<Toolchain, BuildError> {
    let only = std::env::var(ROUTE_VARIABLE).unwrap_or_default();
    let mut tried = Vec::new();
    for (name, route) in [("rustup", rustup as fn() -> _), ("debian", debian as fn() -> _)] {
        if !only.is_empty() && only != name {
            tried.push(format!("{name}: left out by {ROUTE_VARIABLE}={only}"));
            continue;
        }
        match route() {
            Ok(toolchain) => return Ok(toolchain),
            Err(reason) => tried.push(reason),
        }
    }
    Err(BuildError::NoToolchain { tried })
}
