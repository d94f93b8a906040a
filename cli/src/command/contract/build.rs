//! `althing contract build`: a contract crate to WebAssembly, checked.

use super::{Context, module::Module};
use crate::{
    error::{CliError, Result},
    home::{Access, write_file},
    output::table,
};
use althing_build::{BuildError, Request, find_toolchain, target_dir};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

#[derive(Deserialize)]
struct Manifest {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
}

#[derive(Serialize)]
struct Built {
    package: String,
    out: String,
    size: usize,
    code_hash: althing_types::hash::Hash,
    state_version: u32,
    toolchain: String,
}

/// A module that was built from source.
pub(in crate::command) struct Compiled {
    /// The module.
    pub(in crate::command) module: Module,
    /// The compiler's version.
    pub(in crate::command) toolchain: String,
    package: String,
    folder: PathBuf,
}

/// Builds a crate and checks the module. `locked` refuses to change the crate's `Cargo.lock`.
///
/// # Errors
/// When there is no such crate, no toolchain, it does not build, or what comes out is no contract.
pub(in crate::command) fn compile(context: &Context, manifest: &Path, locked: bool) -> Result<Compiled> {
    let text = std::fs::read_to_string(manifest).map_err(|e| {
        CliError::file("read", manifest, &e).field("--manifest-path").rule("the Cargo.toml of a contract crate")
    })?;
    let parsed: Manifest = toml::from_str(&text).map_err(|e| {
        CliError::data("bad_manifest", format!("{} names no package: {e}", manifest.display()))
            .field("--manifest-path")
            .value(manifest.display().to_string())
            .rule("the Cargo.toml of a contract crate")
    })?;
    let folder = manifest.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = std::fs::canonicalize(folder).map_err(|e| CliError::file("find", folder, &e))?;
    let toolchain = find_toolchain().map_err(|e| failed(&e))?;
    context.output.note(&format!("building {} with {}", parsed.package.name, toolchain.version));
    let shown = !context.output.json && !context.output.quiet;
    let request = Request {
        manifest: manifest.to_owned(),
        packages: vec![parsed.package.name.clone()],
        target_dir: target_dir(&folder.join("target").join("contract")),
        locked,
        output: if shown { althing_build::Output::Shown } else { althing_build::Output::Kept },
    };
    let built = althing_build::build(&toolchain, &request).map_err(|e| failed(&e))?;
    let path =
        built.first().map(|m| m.path.clone()).ok_or_else(|| CliError::internal("no_module", "nothing was built"))?;
    let module = Module::read(&path)?;
    Ok(Compiled { module, toolchain: toolchain.version, package: parsed.package.name, folder })
}

/// Builds the crate, checks the module, and writes it.
///
/// # Errors
/// As [`compile`]; when the file cannot be written.
pub(super) fn run(context: &Context, manifest: &Path, out: Option<&Path>, locked: bool) -> Result<()> {
    let Compiled { module, toolchain, package, folder } = compile(context, manifest, locked)?;
    let own = folder.join(format!("{}.wasm", package.replace('-', "_")));
    let out = out.unwrap_or(&own);
    write_file(out, &module.code, Access::Public)?;
    let report = module.report();
    let built = Built {
        package,
        out: out.display().to_string(),
        size: report.size,
        code_hash: report.code_hash,
        state_version: report.state_version,
        toolchain,
    };
    context.output.print(&built, |b| {
        table(&[
            ("contract", b.package.clone()),
            ("module", b.out.clone()),
            ("size", format!("{} bytes", b.size)),
            ("code hash", b.code_hash.to_string()),
            ("state version", b.state_version.to_string()),
        ])
    })
}

fn failed(error: &BuildError) -> CliError {
    let code = match error {
        BuildError::NoToolchain { .. } => "no_toolchain",
        BuildError::Run { .. } => "not_started",
        BuildError::Failed { .. } => "build_failed",
        BuildError::NoModule { .. } => "no_module",
    };
    CliError::data(code, error.to_string()).field("--manifest-path").rule("a contract crate that builds to WebAssembly")
}
