//! Every limit of the machine in one place. All of them are part of consensus: a change is a new cost version.

/// Version of costs, limits and instrumentation; part of the key of compiled code.
pub const MACHINE_VERSION: &str = "althing-vm1-gas1";

/// Bytes of a page of linear memory.
pub const PAGE: usize = 64 * 1024;
/// Most pages of linear memory: 16 MiB.
pub const MAX_PAGES: u64 = 256;
/// The same in bytes.
pub const MAX_MEMORY: usize = 16 << 20;
/// Fuel for each page of linear memory, declared or grown.
pub const FUEL_PER_PAGE: u64 = 4_000;
/// Fuel for entering a contract: its instance and its checks.
pub const FUEL_PER_ENTRY: u64 = 5_000;
/// Most contracts that may be active in one another, the first included.
pub const MAX_DEPTH: usize = 8;
/// Most open scans of one contract call.
pub const MAX_SCANS: usize = 8;
/// Most entries fetched ahead by a scan.
pub const MAX_SCAN_BATCH: usize = 64;
/// Longest log line in bytes.
pub const MAX_LOG: usize = 1024;
/// Most log lines of a transaction.
pub const MAX_LOGS: usize = 64;

/// The stack height at which a call fails, in the units of [`FRAME`], [`FRAME_SLOT`] and body bytes.
pub const MAX_STACK: i32 = 1 << 20;
/// Units of stack that each active function costs.
pub const FRAME: u32 = 64;
/// Units of stack for each parameter, local and operand.
pub const FRAME_SLOT: u32 = 8;
/// Native stack of one contract call. The units above overestimate native bytes; this is eight times their limit, so
/// that the native limit is never met first, whatever the compiler does.
pub const NATIVE_STACK: usize = 8 << 20;
/// Native stack left to host functions of one contract call.
pub const HOST_STACK: usize = 1 << 20;

/// Most function types of a module.
pub const MAX_TYPES: u32 = 512;
/// Most parameters or results of a function.
pub const MAX_PARAMETERS: usize = 32;
/// Most imports of a module.
pub const MAX_IMPORTS: u32 = 64;
/// Most functions of a module.
pub const MAX_FUNCTIONS: u32 = 4_096;
/// Most elements of the one table.
pub const MAX_TABLE: u64 = 4_096;
/// Most globals of a module.
pub const MAX_GLOBALS: u32 = 256;
/// Most exports of a module.
pub const MAX_EXPORTS: u32 = 512;
/// Longest name of an export in bytes.
pub const MAX_NAME: usize = 128;
/// Most element segments of a module.
pub const MAX_ELEMENT_SEGMENTS: u32 = 64;
/// Most items of all element segments.
pub const MAX_ELEMENTS: u32 = 8_192;
/// Most data segments of a module.
pub const MAX_DATA_SEGMENTS: u32 = 1_024;
/// Most custom sections of a module.
pub const MAX_CUSTOM_SECTIONS: u32 = 32;
/// Longest body of a function in bytes.
pub const MAX_BODY: usize = 128 * 1024;
/// Most locals of a function, parameters included.
pub const MAX_LOCALS: u32 = 2_048;
/// Deepest nesting of blocks.
pub const MAX_NESTING: u32 = 512;
/// Most targets of all branch tables of a function.
pub const MAX_BRANCH_TARGETS: u32 = 8_192;
/// Most blocks and branches of a function times its locals: what a compiler's variable analysis grows with.
pub const MAX_ANALYSIS: u64 = 500_000;
