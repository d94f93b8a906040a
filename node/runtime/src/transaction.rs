//! What all nested calls of one transaction or view share.

use crate::{
    call::{CallContext, Entry, NodeFault},
    frame::{self, Frame},
    limits::MAX_DEPTH,
    runtime::Runtime,
    world::World,
};
use althing_types::{
    id::ContractId,
    receipt::{Failure, FailureCode},
};
use std::ptr::NonNull;

/// Result of a frame and the fuel it is charged.
pub(crate) type Finished = (Result<Vec<u8>, Failure>, u64);

/// Shared by the frames of one transaction.
pub(crate) struct Transaction<'a> {
    pub(crate) runtime: &'a Runtime,
    pub(crate) world: &'a mut dyn World,
    pub(crate) context: &'a CallContext,
    /// Contracts that are active, the outermost first.
    pub(crate) active: Vec<ContractId>,
    pub(crate) logs: Vec<String>,
    /// The tick at which the watchdog stops it.
    pub(crate) deadline: u64,
    pub(crate) limit_ms: u64,
}

impl<'a> Transaction<'a> {
    /// Nothing entered yet.
    pub(crate) fn new(runtime: &'a Runtime, world: &'a mut dyn World, context: &'a CallContext, limit_ms: u64) -> Self {
        let deadline = runtime.ticker.now().saturating_add(Runtime::ticks(limit_ms));
        Self { runtime, world, context, active: Vec::with_capacity(MAX_DEPTH), logs: Vec::new(), deadline, limit_ms }
    }

    /// The log lines.
    pub(crate) fn into_logs(self) -> Vec<String> {
        self.logs
    }

    /// Enters a contract, runs it to its end, and undoes its effects when it failed.
    ///
    /// # Errors
    /// [`NodeFault`] when the node failed.
    pub(crate) fn enter(&mut self, frame: Frame<'_>) -> Result<Finished, NodeFault> {
        if self.active.len() >= MAX_DEPTH {
            let message = format!("calls nested deeper than {MAX_DEPTH}");
            return Ok((Err(Failure::new(FailureCode::CallDepth, &message)), 0));
        }
        if self.active.contains(&frame.contract) {
            let message = format!("contract '{}' is running already", frame.contract);
            return Ok((Err(Failure::new(FailureCode::Reentrancy, &message)), 0));
        }
        if frame.entry != Entry::Migrate && self.world.migrating(&frame.contract)? {
            let message = format!("contract '{}' is migrating: ask again later", frame.contract);
            return Ok((Err(Failure::new(FailureCode::Migrating, &message)), 0));
        }
        let read_only = frame.read_only;
        if !read_only {
            self.world.checkpoint();
        }
        self.active.push(frame.contract.clone());
        let finished = frame::run(self, frame);
        self.active.pop();
        if !read_only {
            match &finished {
                Ok((Ok(_), _)) => self.world.accept(),
                Ok((Err(_), _)) | Err(_) => self.world.revert(),
            }
        }
        finished
    }

    /// A handle that a frame's store can hold although it has a lifetime. See [`Shared`].
    pub(crate) fn share(&mut self) -> Shared {
        Shared(NonNull::from(self).cast())
    }
}

/// A transaction inside a store. Stores hold `'static` data only, but live no longer than [`frame::run`], which
/// borrows the transaction mutably for as long.
pub(crate) struct Shared(NonNull<Transaction<'static>>);

#[expect(unsafe_code, reason = "a store must be Send to run on a stack of its own; it never leaves its thread")]
// SAFETY: the store that holds this handle is created, polled to its end and dropped within one call of `frame::run`
// on one thread; no other thread ever sees it.
unsafe impl Send for Shared {}

impl Shared {
    /// Lends the transaction to one host function.
    pub(crate) fn with<R>(&mut self, use_it: impl FnOnce(&mut Transaction<'_>) -> R) -> R {
        #[expect(unsafe_code, reason = "wasmtime's stores cannot hold borrowed data")]
        // SAFETY: `frame::run` made the handle from its exclusive borrow of the transaction and uses the transaction
        // again only after the store is dropped, so the pointee is alive and this is the only access: `&mut self`
        // keeps a frame from lending it twice, and an outer frame is suspended in its own `with` while an inner one
        // runs. The lifetime given out is that of the closure call.
        let transaction = unsafe { self.0.as_mut() };
        use_it(transaction)
    }
}
