//! The configuration of wasmtime. What it leaves to chance elsewhere is fixed here.
//!
//! Calls that belong to features we do not compile (threads, collector, components, backtraces of the parallel
//! compiler) are absent; what they would switch off does not exist in this build.

use crate::{inspect, limits::*};
use wasmtime::{
    Config, Engine, Inlining, InstanceAllocationStrategy, ModuleVersionStrategy, OperatorCost, OptLevel,
    PoolingAllocationConfig, Strategy, VariableOperatorCost, WasmFeatures,
};

/// Most instances at a time: callers (16 of transactions, 16 of views), each nested [`MAX_DEPTH`] deep.
pub(crate) const MAX_CALLERS: usize = 16;
const INSTANCES: u32 = 256;
/// Memory of a slot that is zeroed in place after use instead of being given back: the 32 KiB stack, the data and a
/// small heap of a typical contract.
const KEEP_RESIDENT: usize = 256 * 1024;

/// Fuel of each operator, version 1: one each, more where the processor takes longer.
fn operator_cost() -> OperatorCost {
    OperatorCost {
        I32DivS: 4,
        I32DivU: 4,
        I32RemS: 4,
        I32RemU: 4,
        I64DivS: 8,
        I64DivU: 8,
        I64RemS: 8,
        I64RemU: 8,
        Call: 2,
        CallIndirect: 4,
        BrTable: 2,
        MemoryGrow: 255,
        MemoryCopy: 20,
        MemoryFill: 20,
        MemoryInit: 20,
        TableCopy: 20,
        TableInit: 20,
        variable: VariableOperatorCost { memory_grow_per_page: 255, ..VariableOperatorCost::new() },
        ..OperatorCost::new()
    }
}

/// Builds the engine.
///
/// # Errors
/// What wasmtime says when this machine cannot run it.
pub(crate) fn engine(level: OptLevel) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(INSTANCES)
        .total_memories(INSTANCES)
        .total_tables(INSTANCES)
        .total_stacks(INSTANCES)
        .total_component_instances(0)
        .max_memories_per_module(1)
        .max_tables_per_module(1)
        .table_elements(usize::try_from(MAX_TABLE).unwrap_or(usize::MAX))
        .max_memory_size(MAX_MEMORY)
        .max_core_instance_size(1 << 20)
        .max_unused_warm_slots(64)
        .decommit_batch_size(16)
        .linear_memory_keep_resident(KEEP_RESIDENT)
        .table_keep_resident(8 << 10);
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(level)
        .cranelift_nan_canonicalization(true)
        .compiler_inlining(Inlining::No)
        .consume_fuel(true)
        .operator_cost(operator_cost())
        .epoch_interruption(true)
        .max_wasm_stack(NATIVE_STACK)
        .async_stack_size(NATIVE_STACK.saturating_add(HOST_STACK))
        .signals_based_traps(true)
        .memory_reservation(4 << 30)
        .memory_guard_size(32 << 20)
        .memory_reservation_for_growth(0)
        .memory_may_move(false)
        .guard_before_linear_memory(true)
        .memory_init_cow(true)
        .table_lazy_init(true)
        .generate_address_map(false)
        .wasm_backtrace_max_frames(None)
        .native_unwind_info(false)
        .shared_memory(false)
        .concurrency_support(false)
        .module_version(ModuleVersionStrategy::Custom(MACHINE_VERSION.into()))?;
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config.wasm_features(WasmFeatures::all(), false);
    config.wasm_features(WasmFeatures::from_bits_truncate(inspect::FEATURES.bits()), true);
    Engine::new(&config)
}
