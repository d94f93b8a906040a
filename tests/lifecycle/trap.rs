//! Modules in which one entry point does otherwise than it says.

use wasm_encoder::{CodeSection, Function, Instruction, Module, RawSection};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// What the entry point does instead.
#[derive(Clone, Copy)]
pub(crate) enum Instead {
    /// It traps.
    Trap,
    /// Nothing at all, and it succeeds.
    Nothing,
}

/// A module with another body for one export.
pub(crate) fn with(code: &[u8], export: &str, instead: Instead) -> Vec<u8> {
    let (mut imports, mut target) = (0u32, None);
    for payload in Parser::new(0).parse_all(code) {
        match payload.unwrap() {
            Payload::ImportSection(section) => {
                let functions = section.into_imports().filter(|i| matches!(i.as_ref().unwrap().ty, TypeRef::Func(_)));
                imports = functions.count() as u32;
            }
            Payload::ExportSection(section) => {
                for found in section.into_iter().map(Result::unwrap) {
                    if found.name == export && matches!(found.kind, ExternalKind::Func) {
                        target = Some(found.index);
                    }
                }
            }
            _ => {}
        }
    }
    let target = target.unwrap_or_else(|| panic!("no export {export}")) - imports;
    let (mut module, mut bodies, mut index) = (Module::new(), CodeSection::new(), 0u32);
    let mut left = 0u32;
    for payload in Parser::new(0).parse_all(code) {
        let payload = payload.unwrap();
        match &payload {
            Payload::CodeSectionStart { count, .. } => left = *count,
            Payload::CodeSectionEntry(body) => {
                if index == target {
                    let mut function = Function::new([]);
                    if matches!(instead, Instead::Trap) {
                        function.instruction(&Instruction::Unreachable);
                    }
                    function.instruction(&Instruction::End);
                    bodies.function(&function);
                } else {
                    bodies.raw(&code[body.range()]);
                }
                index += 1;
                left -= 1;
                if left == 0 {
                    module.section(&bodies);
                }
            }
            other => {
                if let Some((id, range)) = other.as_section() {
                    module.section(&RawSection { id, data: &code[range] });
                }
            }
        }
    }
    module.finish()
}
