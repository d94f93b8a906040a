//! Builds contracts to WebAssembly, by whichever toolchain is there: for `althing contract build` and for the build
//! script that embeds the built-in contracts.
//!
//! | route | compiler | library `core` |
//! |---|---|---|
//! | rustup | the active toolchain | its target `wasm32-unknown-unknown` |
//! | Debian | `/usr/bin/rustc` (packages rustc-web, cargo-web, rust-web-src) | built from source |
//!
//! Both use the same flags, so that a module holds only what the machine of the ledger accepts: no reference types, no
//! floats in the library's hot paths, 32 KiB of stack, overflow checks on, paths of this machine left out.
//! The build runs in a target folder of its own: it never waits for the cargo that may be running it.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking"))]

mod toolchain;

pub use toolchain::{Route, Toolchain, find_toolchain};

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The compilation target.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Environment variable: a target folder to be shared by all builds of contracts on a machine.
pub const TARGET_DIR_VARIABLE: &str = "ALTHING_WASM_TARGET_DIR";
/// Environment variable: `rustup` or `debian`, to take that route only.
pub const ROUTE_VARIABLE: &str = "ALTHING_WASM_TOOLCHAIN";

/// Separator of `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\x1f";
/// Bytes of stack of a module.
const STACK: u32 = 32 * 1024;

/// Why contracts could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// No toolchain can build WebAssembly.
    #[error(
        "no toolchain here can build contracts to WebAssembly; install one of these:\n  \
         rustup target add wasm32-unknown-unknown\n  \
         apt-get install --no-install-recommends rustc-web cargo-web rust-web-src   (Debian; also needs the rust-lld of a rustup toolchain)\n\
         what was tried:\n  {}", tried.join("\n  ")
    )]
    NoToolchain {
        /// What was tried, and what was missing.
        tried: Vec<String>,
    },
    /// A program could not be started.
    #[error("cannot run {program}: {source}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// The compiler refused.
    #[error("building {packages} to WebAssembly failed ({status}){}{output}", if output.is_empty() { "" } else { ":\n" })]
    Failed {
        /// What was being built.
        packages: String,
        /// How cargo ended.
        status: String,
        /// What cargo said; empty when it was shown.
        output: String,
    },
    /// There is no module after the build.
    #[error("package {package} built, but there is no {path}: its Cargo.toml needs `[lib] crate-type = [\"cdylib\", \"rlib\"]`", path = path.display())]
    NoModule {
        /// The package.
        package: String,
        /// Where the module was expected.
        path: PathBuf,
    },
}

/// What cargo says while it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Goes to the terminal.
    Shown,
    /// Is kept for the error.
    Kept,
}

/// What is to be built.
#[derive(Clone, Debug)]
pub struct Request {
    /// The `Cargo.toml` of the package, or of the workspace that holds the packages.
    pub manifest: PathBuf,
    /// Names of the packages; each gives one module.
    pub packages: Vec<String>,
    /// Target folder. It keeps the compiled library of the Debian route: share it between builds.
    pub target_dir: PathBuf,
    /// Whether `Cargo.lock` must be there and fit.
    pub locked: bool,
    /// What cargo says.
    pub output: Output,
}

/// A built module.
#[derive(Clone, Debug)]
pub struct Module {
    /// The package.
    pub package: String,
    /// The module's file.
    pub path: PathBuf,
}

fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
}

/// Compiler flags: features of the machine, stack, and paths that differ from machine to machine.
fn flags(toolchain: &Toolchain, source: &Path) -> OsString {
    let mut flags: Vec<OsString> = vec![
        "-Ctarget-cpu=mvp".into(),
        "-Ctarget-feature=+mutable-globals,+bulk-memory,+sign-ext".into(),
        format!("-Clink-arg=-zstack-size={STACK}").into(),
    ];
    // The last one that fits counts.
    let mut remap = |from: &Path, to: &str| {
        let mut flag = OsString::from("--remap-path-prefix=");
        flag.push(from);
        flag.push("=");
        flag.push(to);
        flags.push(flag);
    };
    remap(source, "src");
    if let Some(home) = cargo_home() {
        // One folder for each registry lies between.
        let registry = home.join("registry").join("src");
        let folders = std::fs::read_dir(&registry).into_iter().flatten().flatten();
        for folder in folders {
            remap(&folder.path(), "deps");
        }
    }
    if let Some(library) = &toolchain.library {
        remap(library, "rust");
    }
    flags.join(OsStr::new(SEPARATOR))
}

/// Variables that an outer cargo, rustup or make leaves and that would change the inner build.
fn is_foreign(name: &str, route: Route) -> bool {
    let kept = ["CARGO_HOME", "CARGO_HTTP", "CARGO_NET", "CARGO_REGISTR", "CARGO_SOURCE", "CARGO_TERM"];
    if name.starts_with("CARGO") {
        return !kept.iter().any(|prefix| name.starts_with(prefix));
    }
    match name {
        "RUSTUP_TOOLCHAIN" | "LD_LIBRARY_PATH" => route == Route::Debian,
        "RUSTUP_HOME" => false,
        "TARGET" | "HOST" | "PROFILE" | "OPT_LEVEL" | "DEBUG" | "NUM_JOBS" | "OUT_DIR" | "MAKEFLAGS" | "MFLAGS"
        | "MAKELEVEL" => true,
        _ => ["RUSTFLAGS", "RUSTC", "RUSTDOC", "DEP_"].iter().any(|prefix| name.starts_with(prefix)),
    }
}

/// The name of a package's module file.
fn module_name(package: &str) -> String {
    format!("{}.wasm", package.replace('-', "_"))
}

/// Builds packages to modules, in the order of the request.
///
/// # Errors
/// [`BuildError`] when cargo cannot be run, refuses, or leaves no module.
pub fn build(toolchain: &Toolchain, request: &Request) -> Result<Vec<Module>, BuildError> {
    let source = request.manifest.parent().unwrap_or(Path::new(".")).to_path_buf();
    let source = std::fs::canonicalize(&source).unwrap_or(source);
    let mut command = Command::new(&toolchain.cargo);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| is_foreign(name, toolchain.route)) {
            command.env_remove(&name);
        }
    }
    command.current_dir(&source).arg("build").arg("--release").arg("--lib").args(["--target", TARGET]);
    command.arg("--manifest-path").arg(source.join(request.manifest.file_name().unwrap_or(OsStr::new("Cargo.toml"))));
    for package in &request.packages {
        command.args(["-p", package]);
    }
    if request.locked {
        command.arg("--locked");
    }
    toolchain.prepare(&mut command);
    command
        .env("CARGO_TARGET_DIR", &request.target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(toolchain, &source))
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z")
        .env("CARGO_PROFILE_RELEASE_LTO", "true")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_PANIC", "abort")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
        // Symbols go; custom sections, the description among them, stay.
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env("CARGO_INCREMENTAL", "0")
        .env("ALTHING_BUILD_RUSTC", &toolchain.version);
    let failed =
        |status: String, output: String| BuildError::Failed { packages: request.packages.join(", "), status, output };
    let run = |source| BuildError::Run { program: toolchain.cargo.display().to_string(), source };
    match request.output {
        Output::Shown => {
            let status = command.stdin(Stdio::null()).status().map_err(run)?;
            if !status.success() {
                return Err(failed(status.to_string(), String::new()));
            }
        }
        Output::Kept => {
            let output = command.stdin(Stdio::null()).output().map_err(run)?;
            if !output.status.success() {
                return Err(failed(output.status.to_string(), String::from_utf8_lossy(&output.stderr).into_owned()));
            }
        }
    }
    let folder = request.target_dir.join(TARGET).join("release");
    let one = |package: &String| {
        let path = folder.join(module_name(package));
        if path.is_file() {
            Ok(Module { package: package.clone(), path })
        } else {
            Err(BuildError::NoModule { package: package.clone(), path })
        }
    };
    request.packages.iter().map(one).collect()
}

/// The target folder to use: the shared one of [`TARGET_DIR_VARIABLE`], else `own`.
pub fn target_dir(own: &Path) -> PathBuf {
    std::env::var_os(TARGET_DIR_VARIABLE).map_or_else(|| own.to_path_buf(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_an_outer_cargo_do_not_reach_the_inner_one() {
        for name in
            ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WRAPPER", "CARGO_TARGET_DIR", "CARGO_MAKEFLAGS", "TARGET"]
        {
            assert!(is_foreign(name, Route::Rustup), "{name}");
        }
        for name in ["CARGO_HOME", "PATH", "HOME", "RUSTUP_HOME", "CARGO_NET_OFFLINE", "RUSTUP_TOOLCHAIN"] {
            assert!(!is_foreign(name, Route::Rustup), "{name}");
        }
        assert!(is_foreign("RUSTUP_TOOLCHAIN", Route::Debian));
    }

    #[test]
    fn the_message_says_what_to_install() {
        let text = BuildError::NoToolchain { tried: vec!["rustup: no target".into()] }.to_string();
        assert!(text.contains("rustup target add") && text.contains("apt-get install") && text.contains("no target"));
    }

    #[test]
    fn modules_are_named_as_cargo_names_them() {
        assert_eq!(module_name("althing-tld-binding"), "althing_tld_binding.wasm");
    }
}
