//! Samples of a migration that is under way.

use super::{Samples, bytes, contract_id};
use althing_types::{
    id::Height,
    keyspace,
    migration::{Migration, Phase},
    receipt::{Failure, FailureCode},
};

/// A migration in each of its phases.
pub(super) fn migrating(all: &mut Samples) {
    let failure = Failure::new(FailureCode::Trap, "unreachable code");
    let phases =
        [("Forward", Phase::Forward), ("Back", Phase::Back { failure: failure.clone() }), ("Clean", Phase::Clean)];
    for (name, phase) in phases {
        all.add(&format!("Phase.{name}"), phase);
    }
    all.add(
        "Migration",
        Migration {
            tag: 7,
            contract: contract_id("guestbook"),
            code: keyspace::code_hash(b"\0asm\x01\0\0\0"),
            from: 1,
            cursor: bytes(b"cursor"),
            phase: Phase::Back { failure },
            since: Height(9),
            steps: 3,
            entries: 700,
            fuel_used: 1_000,
        },
    );
}
