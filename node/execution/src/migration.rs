//! A change of code and the migration of the contract's state: some of it at the end of each block, all of it or nothing.
//!
//! ```text
//!  begin --> steps, as many as a block may --more--> what was changed is kept, the next block goes on
//!                 |                  '--done--> flip, invariants, trial of governance --> in force
//!                 '--a step fails, or one of these--> this block's steps are undone, the others put back
//! ```
//!
//! What one block does is bounded by [`MIGRATION_FUEL`] and [`MIGRATION_ENTRIES`] for all migrations together; each step
//! may use [`END_BLOCK_FUEL`] by itself. Nobody enters a contract that migrates: see [`althing_runtime::World`].

use crate::{
    admission::decode_entry,
    error::ExecutionError,
    overlay::Overlay,
    transaction::{Run, Runner, failed},
};
use althing_runtime::{CallContext, Entry, Invocation, ModuleInfo, World};
use althing_types::{
    codec::{Bytes, Text, decode, encode},
    govern::{ChangeResult, END_BLOCK_FUEL},
    hash::Hash,
    id::ContractId,
    keyspace::{self, ContractEntry, MAX_CONTRACT_VALUE},
    migration::{
        INVARIANT_FUEL, MAX_MIGRATIONS, MIGRATION_BLOCKS, MIGRATION_BYTES, MIGRATION_ENTRIES, MIGRATION_FUEL,
        Migration, Phase,
    },
    receipt::{Failure, FailureCode},
    view::StateView,
};

/// Entries that are read ahead when a migration is put back or cleaned up.
const PAGE: usize = 64;

/// What the migrations of one block have used up.
#[derive(Default)]
struct Used {
    fuel: u64,
    entries: usize,
    steps: u64,
}

impl Used {
    /// Whether a further step may be made: the first one always.
    const fn has_room(&self) -> bool {
        self.steps == 0 || (self.fuel < MIGRATION_FUEL && self.entries < MIGRATION_ENTRIES)
    }
}

/// How the steps of one block ended.
enum Stand {
    More,
    Done,
}

/// A change of code that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// Number that the governing contract gave it.
    pub(crate) tag: u64,
    /// Why nothing of it is in the state; `None` when it is done.
    pub(crate) failure: Option<Failure>,
    /// Fuel of the migration or the initialiser.
    pub(crate) fuel: u64,
}

impl Ended {
    /// As it is told to the governing contract.
    pub(crate) fn told(&self) -> ChangeResult {
        let message = self.failure.as_ref().map_or("", |failure| failure.message.as_str());
        ChangeResult { tag: self.tag, done: self.failure.is_none(), message: Text::truncated(message) }
    }
}

impl Runner<'_> {
    /// Replaces a contract's code: at once when no step of a migration is needed, else it is begun and [`Self::migrate`]
    /// goes on. The result says how it ended; there is none yet when it has only begun.
    pub(crate) fn begin_upgrade(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        (tag, contract, code): (u64, ContractId, Hash),
    ) -> Result<Option<Ended>, ExecutionError> {
        let ended = |failure| Ok(Some(Ended { tag, failure, fuel: 0 }));
        let info = match self.stored(overlay, &code)? {
            Ok(info) => info,
            Err((run, _)) => return ended(run.err()),
        };
        let old = match self.replaceable(overlay, &contract, &info)? {
            Ok(old) => old,
            Err(failure) => return ended(Some(failure)),
        };
        if old.state_version == info.abi.state_version {
            overlay.checkpoint();
            let outcome = self.put_in_force(overlay, context, &contract, &info)?;
            match &outcome {
                Ok(()) => overlay.accept(),
                Err(_) => overlay.revert(),
            }
            return ended(outcome.err());
        }
        if overlay.scan_keys(&keyspace::migrations(), None, MAX_MIGRATIONS)?.len() >= MAX_MIGRATIONS {
            let message = format!("{MAX_MIGRATIONS} contracts are migrating already");
            return ended(Some(Failure::new(FailureCode::Migrating, &message)));
        }
        let migration = Migration {
            tag,
            contract,
            code,
            from: old.state_version,
            cursor: Bytes::default(),
            phase: Phase::Forward,
            since: self.block.height,
            steps: 0,
            entries: 0,
            fuel_used: 0,
        };
        put(overlay, &migration);
        Ok(None)
    }

    /// The present entry of a contract whose code may be replaced by this one.
    pub(crate) fn replaceable(
        &self,
        overlay: &Overlay<'_>,
        contract: &ContractId,
        info: &ModuleInfo,
    ) -> Result<Result<ContractEntry, Failure>, ExecutionError> {
        let entry = decode_entry::<ContractEntry>("contract", overlay.read_key(&keyspace::contract(contract))?)?;
        let Some(old) = entry else {
            let message = format!("no contract '{contract}' on this chain");
            return Ok(Err(Failure::new(FailureCode::NoSuchContract, &message)));
        };
        if overlay.read_key(&keyspace::migration(contract))?.is_some() {
            let message = format!("contract '{contract}' is migrating already");
            return Ok(Err(Failure::new(FailureCode::Migrating, &message)));
        }
        let (from, to) = (old.state_version, info.abi.state_version);
        let migrates = to > from && info.has_migration();
        let same = old.schema == info.abi.schema_hash();
        if !migrates && (from != to || !same) {
            let message = format!(
                "state version {from} -> {to} with {} schema: raise state_version and add a #[migrate(from = {from})]",
                if same { "the same" } else { "another" }
            );
            return Ok(Err(Failure::new(FailureCode::MigrationMissing, &message)));
        }
        Ok(Ok(old))
    }

    /// Makes new code the contract's, and asks whether everything is in order with it.
    fn put_in_force(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        info: &ModuleInfo,
    ) -> Result<Result<(), Failure>, ExecutionError> {
        self.flip(overlay, contract, info)?;
        if let Err(failure) = self.hold_invariants(overlay, context, contract, info)?.0 {
            return Ok(Err(failure));
        }
        self.try_governance(overlay)
    }

    /// Writes a contract's new entry.
    pub(crate) fn flip(
        &self,
        overlay: &mut Overlay<'_>,
        contract: &ContractId,
        info: &ModuleInfo,
    ) -> Result<(), ExecutionError> {
        let key = keyspace::contract(contract);
        let old: Option<ContractEntry> = decode_entry("contract", overlay.read_key(&key)?)?;
        let entry = ContractEntry {
            code: info.hash,
            state_version: info.abi.state_version,
            schema: info.abi.schema_hash(),
            upgrades: old.as_ref().map_or(0, |old| old.upgrades.saturating_add(1)),
            deployer: old.and_then(|old| old.deployer),
            since: self.block.height,
        };
        overlay.write_key(key, Some(encode(&entry)));
        Ok(())
    }

    /// Asks each invariant of the contract's present code; the first one that is broken is told, and the fuel of all.
    pub(crate) fn hold_invariants(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        contract: &ContractId,
        info: &ModuleInfo,
    ) -> Result<(Result<(), Failure>, u64), ExecutionError> {
        let mut fuel = 0u64;
        for invariant in info.abi.invariants() {
            let entry = Entry::View(&invariant.name);
            let (outcome, used) = self.invoke(overlay, context, contract, entry, &[], INVARIANT_FUEL)?;
            fuel = fuel.saturating_add(used);
            let why = match &outcome {
                Ok(bytes) if bytes.as_slice() == [0] => "it does not hold",
                Ok(_) => continue,
                Err(failure) => failure.message.as_str(),
            };
            let message = format!("invariant '{}' of '{contract}' is broken: {why}", invariant.name);
            return Ok((Err(Failure::new(FailureCode::InvariantBroken, &message)), fuel));
        }
        Ok((Ok(()), fuel))
    }

    /// Makes every step within the fuel of one transaction: what is left after them is too much for it.
    pub(crate) fn migrate_at_once(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        (contract, info, from): (&ContractId, &ModuleInfo, u32),
        limit: u64,
    ) -> Result<Run, ExecutionError> {
        let (mut input, mut fuel) = (encode(&from), 0u64);
        loop {
            let left = limit.saturating_sub(fuel);
            let (outcome, used) = self.step(overlay, context, (contract, info.hash), &input, left)?;
            fuel = fuel.saturating_add(used);
            match outcome {
                Ok(cursor) if cursor.is_empty() => return Ok((Ok(Vec::new()), fuel)),
                Ok(_) if fuel >= limit => {
                    return Ok(failed(
                        FailureCode::OutOfFuel,
                        "the migration does not fit into one transaction",
                        limit,
                    ));
                }
                Ok(mut cursor) => {
                    input = encode(&from);
                    input.append(&mut cursor);
                }
                Err(failure) => return Ok((Err(failure), fuel)),
            }
        }
    }

    fn step(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        (contract, code): (&ContractId, Hash),
        input: &[u8],
        fuel: u64,
    ) -> Result<Run, ExecutionError> {
        let invocation = Invocation { contract, code, entry: Entry::Migrate, input, fuel };
        let outcome = self.runtime.invoke(overlay, context, &invocation)?;
        Ok((outcome.result, outcome.fuel_used))
    }

    /// Goes on with every migration, or with one; gives those that have ended.
    pub(crate) fn migrate(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        only: Option<&ContractId>,
    ) -> Result<Vec<Ended>, ExecutionError> {
        let (mut used, mut ended) = (Used::default(), Vec::new());
        for (key, bytes) in overlay.scan_keys(&keyspace::migrations(), None, MAX_MIGRATIONS)? {
            let Some(mut migration) = decode_entry::<Migration>("migration", Some(bytes))? else { continue };
            if only.is_some_and(|only| *only != migration.contract) {
                continue;
            }
            if migration.phase == Phase::Forward && used.has_room() {
                ended.extend(self.forward(overlay, context, &mut migration, &mut used)?);
            }
            if !matches!(migration.phase, Phase::Forward) && overlay.read_key(&key)?.is_some() {
                ended.extend(back_or_clean(overlay, &mut migration, &mut used)?);
            }
        }
        Ok(ended)
    }

    /// Makes the steps of this block.
    fn forward(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        migration: &mut Migration,
        used: &mut Used,
    ) -> Result<Option<Ended>, ExecutionError> {
        overlay.checkpoint();
        let failure = match self.steps(overlay, context, migration, used)? {
            Ok(Stand::More) => {
                keep_old_values(overlay, migration)?;
                overlay.accept();
                put(overlay, migration);
                return Ok(None);
            }
            Ok(Stand::Done) => {
                let record = migration.entries > 0;
                migration.phase = Phase::Clean;
                overlay.write_key(keyspace::migration(&migration.contract), record.then(|| encode(migration)));
                match self.arrive(overlay, context, migration)? {
                    Ok(()) => {
                        overlay.accept();
                        return Ok(Some(migration_ended(migration, None)));
                    }
                    Err(failure) => failure,
                }
            }
            Err(failure) => failure,
        };
        overlay.revert();
        if migration.entries == 0 {
            overlay.write_key(keyspace::migration(&migration.contract), None);
            return Ok(Some(migration_ended(migration, Some(failure))));
        }
        migration.phase = Phase::Back { failure };
        put(overlay, migration);
        Ok(None)
    }

    /// The last step is made: the new code is put in force.
    fn arrive(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        migration: &Migration,
    ) -> Result<Result<(), Failure>, ExecutionError> {
        match self.stored(overlay, &migration.code)? {
            Ok(info) => self.put_in_force(overlay, context, &migration.contract, &info),
            Err((run, _)) => Ok(run.map(|_| ())),
        }
    }

    fn steps(
        &self,
        overlay: &mut Overlay<'_>,
        context: &CallContext,
        migration: &mut Migration,
        used: &mut Used,
    ) -> Result<Result<Stand, Failure>, ExecutionError> {
        let refuse = |code, message: &str| Ok(Err(Failure::new(code, message)));
        let blocks = self.block.height.0.saturating_sub(migration.since.0);
        if blocks >= MIGRATION_BLOCKS {
            return refuse(FailureCode::OutOfFuel, &format!("the migration has not ended after {blocks} blocks"));
        }
        while used.has_room() {
            let mut input = encode(&migration.from);
            input.extend_from_slice(&migration.cursor);
            let before = overlay.weight();
            let code = (&migration.contract, migration.code);
            let (outcome, fuel) = self.step(overlay, context, code, &input, END_BLOCK_FUEL)?;
            used.fuel = used.fuel.saturating_add(fuel);
            used.entries = used.entries.saturating_add(overlay.weight().saturating_sub(before));
            used.steps = used.steps.saturating_add(1);
            migration.steps = migration.steps.saturating_add(1);
            migration.fuel_used = migration.fuel_used.saturating_add(fuel);
            let left = match outcome {
                Ok(left) => left,
                Err(failure) => return Ok(Err(failure)),
            };
            if left.is_empty() {
                return Ok(Ok(Stand::Done));
            }
            migration.cursor = match Bytes::new(left) {
                Ok(cursor) => cursor,
                Err(e) => return refuse(FailureCode::SizeLimit, &format!("the place that a migration keeps: {e}")),
            };
        }
        let own = keyspace::storage(&migration.contract, &[]);
        if overlay.changed()?.iter().any(|(key, _)| !key.starts_with(&own)) {
            return refuse(FailureCode::NotAllowed, "a migration over several blocks may change its own state only");
        }
        Ok(Ok(Stand::More))
    }
}

const fn migration_ended(migration: &Migration, failure: Option<Failure>) -> Ended {
    Ended { tag: migration.tag, failure, fuel: migration.fuel_used }
}

fn put(overlay: &mut Overlay<'_>, migration: &Migration) {
    overlay.write_key(keyspace::migration(&migration.contract), Some(encode(migration)));
}

/// Keeps what was there before this block's steps, if no earlier block has.
fn keep_old_values(overlay: &mut Overlay<'_>, migration: &mut Migration) -> Result<(), ExecutionError> {
    let prefix = keyspace::storage(&migration.contract, &[]).len();
    for (key, before) in overlay.changed()? {
        let undo = keyspace::undo(&migration.contract, key.get(prefix..).unwrap_or_default());
        if overlay.read_key(&undo)?.is_none() {
            overlay.write_key(undo, Some(encode(&before)));
            migration.entries = migration.entries.saturating_add(1);
        }
    }
    Ok(())
}

/// Puts the next entries back, or forgets what they were; how it ended, once none is left.
fn back_or_clean(
    overlay: &mut Overlay<'_>,
    migration: &mut Migration,
    used: &mut Used,
) -> Result<Option<Ended>, ExecutionError> {
    let prefix = keyspace::undo(&migration.contract, &[]);
    let mut bytes = 0usize;
    while used.entries < MIGRATION_ENTRIES && bytes < MIGRATION_BYTES {
        let page = overlay.scan_keys(&prefix, None, PAGE)?;
        for (key, value) in &page {
            bytes = bytes.saturating_add(value.len());
            if let Phase::Back { .. } = migration.phase {
                let before: Option<Vec<u8>> = decode("old value", value, MAX_CONTRACT_VALUE.saturating_add(8))
                    .map_err(|e| ExecutionError::SystemEntry { entry: "old value", reason: e.to_string() })?;
                overlay.write_key(keyspace::undone(key), before);
            }
            overlay.write_key(key.clone(), None);
        }
        used.entries = used.entries.saturating_add(page.len());
        migration.entries = migration.entries.saturating_sub(page.len() as u64);
        if page.len() < PAGE {
            overlay.write_key(keyspace::migration(&migration.contract), None);
            let Phase::Back { failure } = &migration.phase else { return Ok(None) };
            return Ok(Some(migration_ended(migration, Some(failure.clone()))));
        }
    }
    put(overlay, migration);
    Ok(None)
}

/// The migration of a contract that is not ended.
pub(crate) fn present(view: &dyn StateView, contract: &ContractId) -> Result<Option<Migration>, ExecutionError> {
    decode_entry("migration", view.read(&keyspace::migration(contract))?)
}
