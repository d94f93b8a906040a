//! What a module must be before it is compiled: the first gate for uploaded code.
//!
//! One pass over the bytes: counts are capped before anything grows with them, every instruction is validated against
//! the allowed features, and the module is rewritten with the stack-height limit ([`crate::instrument`]). It runs no
//! code, and whatever it refuses is refused on every node for the same reason.

use crate::{
    instrument::{Instrumented, Rewriter, STACK_EXPORT},
    limits::*,
};
use althing_abi::{Abi, exports, functions, schema::MethodKind};
use althing_types::{
    receipt::{Failure, FailureCode},
    transaction::MAX_CODE,
};
use std::collections::{BTreeMap, BTreeSet};
use wasmparser::{
    BlockType, CompositeInnerType, ElementItems, Encoding, ExternalKind, FuncToValidate, FuncType,
    FuncValidatorAllocations, FunctionBody, Operator, OperatorsReader, Parser, Payload, TypeRef, ValType, ValidPayload,
    Validator, ValidatorResources, WasmFeatures,
};

/// What contract code may use. No floats, no vectors, no threads, no reference types: of the latter only the longer
/// encoding of `call_indirect`, which compilers write by default.
pub(crate) const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::CALL_INDIRECT_OVERLONG);

/// A module that passed.
pub(crate) struct Inspected {
    /// The module with the stack-height limit, without custom sections.
    pub(crate) module: Vec<u8>,
    /// Its description.
    pub(crate) abi: Abi,
    /// Pages of memory that an instance starts with.
    pub(crate) pages: u64,
    /// Names of its entry points.
    pub(crate) entries: Vec<String>,
}

fn refused(message: &str) -> Failure {
    Failure::new(FailureCode::CodeRefused, message)
}

fn malformed(error: &wasmparser::BinaryReaderError) -> Failure {
    refused(&format!("at byte {}: {}", error.offset(), error.message()))
}

fn cap(what: &str, found: u64, maximum: u64) -> Result<(), Failure> {
    if found > maximum { Err(refused(&format!("{found} {what}, at most {maximum} are allowed"))) } else { Ok(()) }
}

#[derive(Default)]
struct Inspection {
    types: Vec<FuncType>,
    /// Type of each function, imported ones first.
    functions: Vec<u32>,
    imports: u32,
    bodies: u32,
    customs: u32,
    globals: u32,
    pages: Option<u64>,
    exports: BTreeMap<String, (ExternalKind, u32)>,
}

/// Checks a module and rewrites it with the stack-height limit.
///
/// # Errors
/// [`FailureCode::CodeRefused`] with the reason.
pub(crate) fn inspect(code: &[u8]) -> Result<Inspected, Failure> {
    cap("bytes of code", code.len() as u64, MAX_CODE as u64)?;
    let mut inspection = Inspection::default();
    let mut validator = Validator::new_with_features(FEATURES);
    let mut rewriter = Rewriter::default();
    let mut allocations = FuncValidatorAllocations::default();
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    for payload in parser.parse_all(code) {
        let payload = payload.map_err(|e| malformed(&e))?;
        inspection.before(&payload)?;
        match validator.payload(&payload).map_err(|e| malformed(&e))? {
            ValidPayload::Func(function, body) => {
                allocations = inspection.function(function, &body, code, &mut rewriter, allocations)?;
            }
            ValidPayload::Parser(_) => return Err(refused("nested modules are not allowed")),
            ValidPayload::Ok | ValidPayload::End(_) => {}
        }
        if let Some((id, range)) = payload.as_section() {
            let bytes = code.get(range).unwrap_or_default();
            rewriter.section(id, bytes, inspection.globals).map_err(|e| refused(&e))?;
        }
    }
    inspection.required()?;
    let abi = Abi::read(code).map_err(|e| refused(&format!("section {}: {e}", exports::SECTION)))?;
    inspection.described(&abi)?;
    let Instrumented { module } = rewriter.finish();
    let entries = inspection.exports.into_iter().filter(|(name, _)| is_entry(name)).map(|(name, _)| name).collect();
    Ok(Inspected { module, abi, pages: inspection.pages.unwrap_or_default(), entries })
}

/// Whether an export of this name is an entry point.
fn is_entry(name: &str) -> bool {
    name == exports::INIT
        || name == exports::MIGRATE
        || name.starts_with(exports::CALL_PREFIX)
        || name.starts_with(exports::VIEW_PREFIX)
}

impl Inspection {
    /// Caps and rules that need no validation; runs before the validator builds anything.
    fn before(&mut self, payload: &Payload<'_>) -> Result<(), Failure> {
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => return Err(refused("a component, not a module")),
            Payload::TypeSection(section) => {
                cap("types", section.count().into(), MAX_TYPES.into())?;
                for group in section.clone() {
                    for kind in group.map_err(|e| malformed(&e))?.into_types() {
                        let CompositeInnerType::Func(function) = kind.composite_type.inner else {
                            return Err(refused("only function types are allowed"));
                        };
                        cap("parameters of a function", function.params().len() as u64, MAX_PARAMETERS as u64)?;
                        cap("results of a function", function.results().len() as u64, MAX_PARAMETERS as u64)?;
                        self.types.push(function);
                    }
                    cap("types", self.types.len() as u64, MAX_TYPES.into())?;
                }
            }
            Payload::ImportSection(section) => {
                cap("imports", section.count().into(), MAX_IMPORTS.into())?;
                for import in section.clone().into_imports() {
                    let import = import.map_err(|e| malformed(&e))?;
                    self.import(import.module, import.name, import.ty)?;
                }
            }
            Payload::FunctionSection(section) => {
                cap("functions", section.count().into(), MAX_FUNCTIONS.into())?;
                for kind in section.clone() {
                    self.functions.push(kind.map_err(|e| malformed(&e))?);
                }
            }
            Payload::TableSection(section) => {
                cap("tables", section.count().into(), 1)?;
                for table in section.clone() {
                    cap("table elements", table.map_err(|e| malformed(&e))?.ty.initial, MAX_TABLE)?;
                }
            }
            Payload::MemorySection(section) => {
                cap("memories", section.count().into(), 1)?;
                for memory in section.clone() {
                    let memory = memory.map_err(|e| malformed(&e))?;
                    if memory.shared {
                        return Err(refused("shared memory is not allowed"));
                    }
                    cap("pages of memory", memory.initial, MAX_PAGES)?;
                    self.pages = Some(memory.initial);
                }
            }
            Payload::GlobalSection(section) => {
                cap("globals", section.count().into(), MAX_GLOBALS.into())?;
                self.globals = section.count();
            }
            Payload::ExportSection(section) => self.exports(section)?,
            Payload::StartSection { .. } => return Err(refused("a start function is not allowed")),
            Payload::ElementSection(section) => {
                cap("element segments", section.count().into(), MAX_ELEMENT_SEGMENTS.into())?;
                let mut items = 0u32;
                for segment in section.clone() {
                    items = items.saturating_add(match segment.map_err(|e| malformed(&e))?.items {
                        ElementItems::Functions(list) => list.count(),
                        ElementItems::Expressions(_, list) => list.count(),
                    });
                }
                cap("items of element segments", items.into(), MAX_ELEMENTS.into())?;
            }
            Payload::DataSection(section) => cap("data segments", section.count().into(), MAX_DATA_SEGMENTS.into())?,
            Payload::DataCountSection { count, .. } => cap("data segments", (*count).into(), MAX_DATA_SEGMENTS.into())?,
            Payload::CodeSectionStart { count, .. } => cap("functions", (*count).into(), MAX_FUNCTIONS.into())?,
            Payload::CodeSectionEntry(body) => cap("bytes in a function", body.range().len() as u64, MAX_BODY as u64)?,
            Payload::CustomSection(_) => {
                self.customs = self.customs.saturating_add(1);
                cap("custom sections", self.customs.into(), MAX_CUSTOM_SECTIONS.into())?;
            }
            Payload::Version { .. } | Payload::End(_) => {}
            _ => return Err(refused("a section of this kind is not allowed")),
        }
        Ok(())
    }

    fn import(&mut self, module: &str, name: &str, kind: TypeRef) -> Result<(), Failure> {
        let shown = |text: &str| text.chars().take(64).collect::<String>();
        let TypeRef::Func(index) = kind else {
            return Err(refused(&format!("import {}.{}: only functions can be imported", shown(module), shown(name))));
        };
        let row = functions::find(name).filter(|_| module == functions::MODULE);
        let Some(row) = row else {
            return Err(refused(&format!("import {}.{} is unknown", shown(module), shown(name))));
        };
        let value = |kind: &functions::ValueType| match kind {
            functions::ValueType::I32 => ValType::I32,
            functions::ValueType::I64 => ValType::I64,
        };
        let fits = self.types.get(index as usize).is_some_and(|found| {
            found.params().iter().copied().eq(row.arguments.iter().map(|(_, kind)| value(kind)))
                && found.results().iter().copied().eq(row.result.iter().map(value))
        });
        if !fits {
            return Err(refused(&format!("import {module}.{name} has another type than the host function")));
        }
        self.functions.push(index);
        self.imports = self.imports.saturating_add(1);
        Ok(())
    }

    fn exports(&mut self, section: &wasmparser::ExportSectionReader<'_>) -> Result<(), Failure> {
        cap("exports", section.count().into(), MAX_EXPORTS.into())?;
        for export in section.clone() {
            let export = export.map_err(|e| malformed(&e))?;
            cap("bytes in the name of an export", export.name.len() as u64, MAX_NAME as u64)?;
            if export.name == STACK_EXPORT {
                return Err(refused(&format!("the export '{STACK_EXPORT}' is reserved")));
            }
            self.exports.insert(export.name.to_owned(), (export.kind, export.index));
        }
        Ok(())
    }

    /// Exports that must be there, and that entry points have the type `() -> ()`.
    fn required(&self) -> Result<(), Failure> {
        let Some((ExternalKind::Memory, _)) = self.exports.get(exports::MEMORY) else {
            return Err(refused("the memory must be exported as 'memory'"));
        };
        if !self.exports.contains_key(exports::MARKER) {
            return Err(refused(&format!("the export '{}' is missing: not built for this host", exports::MARKER)));
        }
        for (name, (kind, index)) in &self.exports {
            let plain = |index: u32| {
                let kind = self.functions.get(index as usize).and_then(|t| self.types.get(*t as usize));
                kind.is_some_and(|t| t.params().is_empty() && t.results().is_empty())
            };
            let function = matches!(kind, ExternalKind::Func);
            if (is_entry(name) || name == exports::MARKER) && !(function && plain(*index)) {
                return Err(refused(&format!("the export '{name}' must be a function without parameters and results")));
            }
        }
        Ok(())
    }

    /// That the description lists the entry points, all of them and no others: nothing hidden can be called.
    fn described(&self, abi: &Abi) -> Result<(), Failure> {
        let mut listed = BTreeSet::new();
        for method in &abi.methods {
            listed.insert(match method.kind {
                MethodKind::Call => format!("{}{}", exports::CALL_PREFIX, method.name),
                MethodKind::View | MethodKind::Invariant => format!("{}{}", exports::VIEW_PREFIX, method.name),
                MethodKind::Init => exports::INIT.to_owned(),
            });
        }
        if !abi.migrates_from.is_empty() {
            listed.insert(exports::MIGRATE.to_owned());
        }
        let found: BTreeSet<&String> = self.exports.keys().filter(|name| is_entry(name)).collect();
        if let Some(name) = listed.iter().find(|name| !found.contains(name)) {
            return Err(refused(&format!("the description has an entry point '{name}' that is not exported")));
        }
        match found.into_iter().find(|name| !listed.contains(*name)) {
            Some(name) => Err(refused(&format!("the export '{name}' is missing in the description"))),
            None => Ok(()),
        }
    }

    fn function(
        &mut self,
        function: FuncToValidate<ValidatorResources>,
        body: &FunctionBody<'_>,
        code: &[u8],
        rewriter: &mut Rewriter,
        allocations: FuncValidatorAllocations,
    ) -> Result<FuncValidatorAllocations, Failure> {
        let index = self.imports.saturating_add(self.bodies);
        self.bodies = self.bodies.saturating_add(1);
        let kind = self.functions.get(index as usize).and_then(|t| self.types.get(*t as usize));
        let kind = kind.ok_or_else(|| refused("a function body without a type"))?;
        let mut validator = function.into_validator(allocations);
        let mut bytes = body.get_binary_reader_for_operators().map_err(|e| malformed(&e))?;
        bytes.set_features(FEATURES);
        let mut reader = OperatorsReader::new(bytes);
        let mut locals = body.get_binary_reader();
        validator.read_locals(&mut locals).map_err(|e| malformed(&e))?;
        cap("locals of a function", validator.len_locals().into(), MAX_LOCALS.into())?;

        let start = reader.original_position();
        let declared = code.get(body.range().start..start).unwrap_or_default();
        let mut rewrite = rewriter.function(kind, declared);
        let (mut height, mut branches, mut targets) = (0, 0u32, 0u32);
        let mut copied = start;
        while !reader.eof() {
            let position = reader.original_position();
            let operator = reader.read().map_err(|e| malformed(&e))?;
            match &operator {
                Operator::Return => {
                    rewrite.copy(code.get(copied..position).unwrap_or_default());
                    rewrite.leave(validator.control_stack_height());
                    copied = reader.original_position();
                }
                Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty } => {
                    branches = branches.saturating_add(1).saturating_add(match blockty {
                        BlockType::FuncType(_) => 16,
                        BlockType::Empty | BlockType::Type(_) => 0,
                    });
                }
                Operator::Br { .. } | Operator::BrIf { .. } => branches = branches.saturating_add(1),
                Operator::BrTable { targets: table } => targets = targets.saturating_add(table.len()).saturating_add(1),
                _ => {}
            }
            validator.op(position, &operator).map_err(|e| malformed(&e))?;
            height = height.max(validator.operand_stack_height());
            if validator.control_stack_height() > MAX_NESTING {
                return Err(refused(&format!("blocks nested deeper than {MAX_NESTING}")));
            }
            cap("branch-table targets in a function", targets.into(), MAX_BRANCH_TARGETS.into())?;
        }
        reader.finish().map_err(|e| malformed(&e))?;
        let branching = u64::from(branches.saturating_add(targets));
        let analysis = branching.saturating_mul(u64::from(validator.len_locals()).saturating_add(1));
        cap("branches times locals in a function", analysis, MAX_ANALYSIS)?;
        rewrite.copy(code.get(copied..body.range().end).unwrap_or_default());
        rewrite.finish(validator.len_locals(), height, body.range().len());
        Ok(validator.into_allocations())
    }
}
