//! A module file, checked as far as that is possible without the contract machine.
//!
//! The node has the last word: it also instruments, limits and compiles the code.

use crate::{
    call,
    error::{CliError, Result},
};
use althing_abi::{
    exports, functions,
    schema::{Abi, MethodKind},
};
use althing_types::{hash::Hash, keyspace::code_hash, transaction::MAX_CODE};
use serde::Serialize;
use std::path::Path;
use wasmparser::{ExternalKind, Parser, Payload, Validator, WasmFeatures};

/// What the machine accepts: no float, no SIMD, no threads. Operations of these are refused at validation.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG);

/// A module with its ABI.
pub(in crate::command) struct Module {
    /// Its bytes.
    pub(in crate::command) code: Vec<u8>,
    /// Its ABI.
    pub(in crate::command) abi: Abi,
    imports: Vec<String>,
}

/// What `contract check` shows.
#[derive(Serialize)]
pub(in crate::command) struct Report {
    pub(in crate::command) name: String,
    pub(in crate::command) version: String,
    pub(in crate::command) code_hash: Hash,
    pub(in crate::command) size: usize,
    pub(in crate::command) state_version: u32,
    pub(in crate::command) schema: Hash,
    pub(in crate::command) methods: Vec<String>,
    pub(in crate::command) imports: Vec<String>,
}

impl Module {
    /// Reads and checks a module.
    ///
    /// # Errors
    /// When it cannot be read, is too large, no valid module, or no contract.
    pub(in crate::command) fn read(path: &Path) -> Result<Self> {
        let code = std::fs::read(path).map_err(|e| CliError::file("read", path, &e))?;
        Self::parse(&path.display().to_string(), code)
    }

    /// Canonical arguments of the initialiser, from JSON text.
    ///
    /// # Errors
    /// When they do not fit, or there are some and no initialiser.
    pub(in crate::command) fn initial(&self, arguments: Option<&str>) -> Result<Vec<u8>> {
        let value = call::read_arguments(arguments)?;
        match self.abi.init() {
            Some(init) => call::encode_arguments(init, &value),
            None if value.is_null() => Ok(Vec::new()),
            None => Err(CliError::usage("no_initialiser", format!("'{}' has no initialiser", self.abi.name))
                .field("arguments")
                .value(value.to_string())
                .rule("no arguments")),
        }
    }

    fn parse(name: &str, code: Vec<u8>) -> Result<Self> {
        let refuse = |message: String, value: &str, rule: &str| {
            CliError::data("code_refused", format!("{name}: {message}")).field("FILE").value(value).rule(rule)
        };
        if code.len() > MAX_CODE {
            return Err(refuse(
                "the module is too large".into(),
                &code.len().to_string(),
                &format!("at most {MAX_CODE} bytes"),
            ));
        }
        Validator::new_with_features(FEATURES).validate_all(&code).map_err(|e| {
            refuse(
                format!("not a valid module at byte {}: {}", e.offset(), e.message()),
                e.message(),
                "WebAssembly without floating point, SIMD, threads and reference types",
            )
        })?;
        let (imports, exports) = interface(&code).map_err(|e| refuse(e.to_string(), "", "a readable module"))?;
        for (module, function) in &imports {
            let known = module == functions::MODULE && functions::find(function).is_some();
            if !known {
                return Err(refuse(
                    format!("unknown import {module}.{function}"),
                    &format!("{module}.{function}"),
                    "only host functions of the contract SDK",
                ));
            }
        }
        let abi =
            Abi::read(&code).map_err(|e| refuse(e.to_string(), "althing.abi", "a contract built with the SDK"))?;
        let mut wanted = vec![exports::MARKER.to_owned(), exports::MEMORY.to_owned()];
        wanted.extend(abi.methods.iter().map(|m| match m.kind {
            MethodKind::Call => format!("{}{}", exports::CALL_PREFIX, m.name),
            MethodKind::View | MethodKind::Invariant => format!("{}{}", exports::VIEW_PREFIX, m.name),
            MethodKind::Init => exports::INIT.to_owned(),
        }));
        if let Some(missing) = wanted.iter().find(|w| !exports.contains(w)) {
            return Err(refuse(format!("export {missing} is missing"), missing, "every method of the ABI is exported"));
        }
        let imports = imports.into_iter().map(|(_, function)| function).collect();
        Ok(Self { code, abi, imports })
    }

    /// What it is.
    pub(in crate::command) fn report(&self) -> Report {
        Report {
            name: self.abi.name.clone(),
            version: self.abi.version.clone(),
            code_hash: code_hash(&self.code),
            size: self.code.len(),
            state_version: self.abi.state_version,
            schema: self.abi.schema_hash(),
            methods: self.abi.methods.iter().map(|m| m.name.clone()).collect(),
            imports: self.imports.clone(),
        }
    }
}

/// Imports as module and function, and names of exports.
type Interface = (Vec<(String, String)>, Vec<String>);

/// What a module imports and exports.
fn interface(code: &[u8]) -> wasmparser::Result<Interface> {
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(code) {
        match payload? {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    imports.push((import.module.to_owned(), import.name.to_owned()));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    if matches!(export.kind, ExternalKind::Func | ExternalKind::Memory | ExternalKind::Global) {
                        exports.push(export.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_contract_is_refused_with_a_reason() {
        let float = [
            0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // header
            1, 4, 1, 0x60, 0, 0, // type: no parameters
            3, 2, 1, 0, // one function
            10, 10, 1, 8, 0, 0x43, 0, 0, 0, 0, 0x1a, 0x0b, // f32.const 0; drop
        ];
        for (code, reason) in [
            (b"no module".to_vec(), "not a valid module"),
            (vec![0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], "abi"),
            (float.to_vec(), "not a valid module"),
        ] {
            let error = Module::parse("f", code).err().unwrap();
            assert_eq!(error.code, "code_refused");
            assert!(error.message.to_lowercase().contains(reason), "{error:?}");
        }
    }
}
