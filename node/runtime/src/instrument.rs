//! The stack-height limit, written into the module itself.
//!
//! How deep native code can go depends on the compiler, so the native stack must not decide. Each function is
//! rewritten to count a height that depends on the module's bytes alone:
//!
//! ```text
//! function f                         function f
//!   body        becomes                left -= cost(f); if left < 0 { unreachable }
//!                                      block (result of f)
//!                                        body, with `return` as a branch to the end of the block
//!                                      end
//!                                      left += cost(f)
//! ```
//!
//! `cost(f) = FRAME + FRAME_SLOT * (parameters + locals + highest operand stack) + bytes of the body`. The bytes stand
//! for values that a compiler may keep alive although the operand stack does not. Labels keep their numbers: a branch
//! to the function's own label now means the block, which has the same results.
//!
//! `left` is a global, exported under a reserved name, that starts at [`MAX_STACK`](crate::limits::MAX_STACK). It is
//! negative after the limit's own `unreachable` and never after another trap; a fresh instance starts anew.

use crate::limits::{FRAME, FRAME_SLOT, MAX_STACK};
use wasm_encoder::{CodeSection, Encode, RawSection, SectionId};
use wasmparser::{FuncType, ValType};

/// Export of the global that counts the stack that is left.
pub(crate) const STACK_EXPORT: &str = "althing stack";

const OP_UNREACHABLE: u8 = 0x00;
const OP_BLOCK: u8 = 0x02;
const OP_IF: u8 = 0x04;
const OP_END: u8 = 0x0b;
const OP_BR: u8 = 0x0c;
const OP_GLOBAL_GET: u8 = 0x23;
const OP_GLOBAL_SET: u8 = 0x24;
const OP_I32_CONST: u8 = 0x41;
const OP_I32_LT_S: u8 = 0x48;
const OP_I32_ADD: u8 = 0x6a;
const OP_I32_SUB: u8 = 0x6b;
const TYPE_EMPTY: u8 = 0x40;
const TYPE_FUNC: u8 = 0x60;
const TYPE_I32: u8 = 0x7f;
const TYPE_I64: u8 = 0x7e;
const MUTABLE: u8 = 0x01;
const EXPORT_GLOBAL: u8 = 0x03;

/// The rewritten module.
pub(crate) struct Instrumented {
    /// Its bytes.
    pub(crate) module: Vec<u8>,
}

/// Rebuilds a module section by section; functions go through [`Rewriter::function`].
#[derive(Default)]
pub(crate) struct Rewriter {
    sections: Vec<(u8, Vec<u8>)>,
    code: CodeSection,
    code_at: Option<usize>,
    /// Number of the global, known once the exports are met, which is before the code.
    global: u32,
    globals_done: bool,
    types: u32,
    /// Result lists that need a block type of their own, in the order of their new type numbers.
    block_types: Vec<Vec<ValType>>,
}

/// Appends items to a section that is a vector: its count grows, its bytes stay.
fn extend(section: &[u8], added: u32, items: &[u8]) -> Result<Vec<u8>, String> {
    let (count, length) = read_leb(section).ok_or("a section without a count")?;
    let mut out = Vec::with_capacity(section.len().saturating_add(items.len()).saturating_add(5));
    count.saturating_add(added).encode(&mut out);
    out.extend_from_slice(section.get(length..).unwrap_or_default());
    out.extend_from_slice(items);
    Ok(out)
}

fn read_leb(bytes: &[u8]) -> Option<(u32, usize)> {
    let mut reader = wasmparser::BinaryReader::new(bytes, 0);
    let value = reader.read_var_u32().ok()?;
    Some((value, reader.current_position()))
}

impl Rewriter {
    /// Takes over a section. `globals` is the number of the module's own globals.
    ///
    /// # Errors
    /// A reason for people when the bytes are no section; the validator has seen them before, so never.
    pub(crate) fn section(&mut self, id: u8, bytes: &[u8], globals: u32) -> Result<(), String> {
        const GLOBAL: u8 = SectionId::Global as u8;
        const EXPORT: u8 = SectionId::Export as u8;
        const CODE: u8 = SectionId::Code as u8;
        const CUSTOM: u8 = SectionId::Custom as u8;
        const TYPE: u8 = SectionId::Type as u8;
        match id {
            CUSTOM => return Ok(()),
            CODE => {
                self.code_at = Some(self.sections.len());
                return Ok(());
            }
            TYPE => self.types = read_leb(bytes).ok_or("a type section without a count")?.0,
            GLOBAL => {
                self.sections.push((GLOBAL, extend(bytes, 1, &stack_global())?));
                self.globals_done = true;
                return Ok(());
            }
            EXPORT => {
                if !self.globals_done {
                    self.sections.push((GLOBAL, extend(&[0], 1, &stack_global())?));
                    self.globals_done = true;
                }
                self.global = globals;
                let mut item = Vec::new();
                STACK_EXPORT.encode(&mut item);
                item.push(EXPORT_GLOBAL);
                self.global.encode(&mut item);
                self.sections.push((EXPORT, extend(bytes, 1, &item)?));
                return Ok(());
            }
            _ => {}
        }
        self.sections.push((id, bytes.to_vec()));
        Ok(())
    }

    /// Starts a function; `locals` are the bytes of its local declarations.
    pub(crate) fn function(&mut self, kind: &FuncType, locals: &[u8]) -> Rewrite<'_> {
        let mut block = Vec::new();
        match kind.results() {
            [] => block.push(TYPE_EMPTY),
            [one] => block.push(value_type(*one)),
            many => {
                let known = self.block_types.iter().position(|t| t == many);
                let position = known.unwrap_or_else(|| {
                    self.block_types.push(many.to_vec());
                    self.block_types.len().saturating_sub(1)
                });
                let number = u64::from(self.types).saturating_add(position as u64);
                i64::try_from(number).unwrap_or(i64::MAX).encode(&mut block);
            }
        }
        Rewrite { locals: locals.to_vec(), body: Vec::new(), block, rewriter: self }
    }

    /// The rewritten module.
    pub(crate) fn finish(mut self) -> Instrumented {
        if let Some(position) = self.code_at {
            let mut bytes = Vec::new();
            self.code.encode(&mut bytes);
            // The encoder writes the section's length before its content; the content is kept here.
            let content = read_leb(&bytes).map_or(0, |(_, length)| length);
            self.sections.insert(position, (SectionId::Code as u8, bytes.split_off(content)));
        }
        let mut types = Vec::new();
        for results in &self.block_types {
            types.extend_from_slice(&[TYPE_FUNC, 0]);
            u32::try_from(results.len()).unwrap_or(u32::MAX).encode(&mut types);
            types.extend(results.iter().map(|r| value_type(*r)));
        }
        let added = u32::try_from(self.block_types.len()).unwrap_or(u32::MAX);
        let mut module = wasm_encoder::Module::new();
        for (id, bytes) in &self.sections {
            let extended = if *id == SectionId::Type as u8 { extend(bytes, added, &types).ok() } else { None };
            module.section(&RawSection { id: *id, data: extended.as_deref().unwrap_or(bytes) });
        }
        Instrumented { module: module.finish() }
    }
}

/// Contracts have integers only: the validator refused all other types.
fn value_type(kind: ValType) -> u8 {
    if kind == ValType::I64 { TYPE_I64 } else { TYPE_I32 }
}

fn stack_global() -> Vec<u8> {
    let mut out = vec![TYPE_I32, MUTABLE, OP_I32_CONST];
    MAX_STACK.encode(&mut out);
    out.push(OP_END);
    out
}

/// One function that is being rewritten.
pub(crate) struct Rewrite<'a> {
    rewriter: &'a mut Rewriter,
    locals: Vec<u8>,
    block: Vec<u8>,
    body: Vec<u8>,
}

impl Rewrite<'_> {
    /// Takes over instructions as they are.
    pub(crate) fn copy(&mut self, instructions: &[u8]) {
        self.body.extend_from_slice(instructions);
    }

    /// A `return` inside `frames` open blocks, the function itself included.
    pub(crate) fn leave(&mut self, frames: u32) {
        self.body.push(OP_BR);
        frames.saturating_sub(1).encode(&mut self.body);
    }

    /// Ends the function.
    pub(crate) fn finish(self, locals: u32, height: u32, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let slots = locals.saturating_add(height).saturating_mul(FRAME_SLOT);
        let cost = FRAME.saturating_add(slots).saturating_add(length).min(MAX_STACK.unsigned_abs());
        let cost = i32::try_from(cost).unwrap_or(MAX_STACK);
        let global = self.rewriter.global;
        let get = |out: &mut Vec<u8>| {
            out.push(OP_GLOBAL_GET);
            global.encode(out);
        };
        let adjust = |out: &mut Vec<u8>, operation: u8| {
            get(out);
            out.push(OP_I32_CONST);
            cost.encode(out);
            out.push(operation);
            out.push(OP_GLOBAL_SET);
            global.encode(out);
        };
        let mut out = self.locals;
        adjust(&mut out, OP_I32_SUB);
        get(&mut out);
        out.extend_from_slice(&[OP_I32_CONST, 0, OP_I32_LT_S, OP_IF, TYPE_EMPTY, OP_UNREACHABLE, OP_END, OP_BLOCK]);
        out.extend_from_slice(&self.block);
        out.extend_from_slice(&self.body);
        adjust(&mut out, OP_I32_ADD);
        out.push(OP_END);
        self.rewriter.code.raw(&out);
    }
}
