//! What the end of a block costs at worst. Not run by itself:
//!
//! ```text
//! cargo test --release --workspace --test lifecycle -- --ignored --nocapture the_end_of_a_block
//! ```

use crate::chain::{Chain, Size, id, node};
use althing_execution::overlay::Overlay;
use althing_interface::{
    call::Call,
    governance::{self, MAX_OPEN, MAX_OPEN_OF_ONE, Open, ProposalKind, ProposedCall},
};
use althing_runtime::{CallContext, Entry, Invocation};
use althing_types::{
    codec::{Bytes, List, Text, encode},
    crypto::PublicKey,
    govern::{BlockFacts, END_BLOCK, END_BLOCK_FUEL, GovernanceSettings},
    hash::Hash,
    id::{Height, Round},
    keyspace::code_hash,
    organisation::Role,
};
use std::time::Instant;

/// As many as the contract takes: nodes, authorities that a list usually has, members that open all proposals.
const LARGE: Size = Size { members: 40, nodes: 512, authorities: 21 };
const HOUR: u64 = 3_600_000;

fn large(election_blocks: u64) -> Chain {
    let settings = GovernanceSettings {
        vote_ms: HOUR,
        timelock_ms: 0,
        most_authorities: 21,
        election_blocks,
        ..GovernanceSettings::default()
    };
    let mut chain = Chain::sized(&LARGE, settings);
    // The longest content that there is room for in a block's worth of transactions: a call with an argument.
    let call = ProposedCall {
        contract: id("tld_binding"),
        method: Text::new("suspend").unwrap(),
        arguments: Bytes::new(vec![0; 64]).unwrap(),
    };
    let kind = ProposalKind::Calls { calls: List::new(vec![call; 64]).unwrap() };
    for member in 0..MAX_OPEN / MAX_OPEN_OF_ONE {
        let open = || (member, Open { kind: kind.clone() }.content().unwrap());
        for receipt in chain.block((0..MAX_OPEN_OF_ONE).map(|_| open()).collect()).iter().take(MAX_OPEN_OF_ONE) {
            assert!(receipt.status.failure().is_none(), "{:?}", receipt.status);
        }
    }
    chain
}

/// Runs the contract's part of the end of a block, `ms` later: fuel, and milliseconds of the quickest of five runs.
fn measure(chain: &Chain, ms: u64, silent: u32) -> (u64, f64) {
    let block = chain.context();
    let facts = BlockFacts {
        height: block.height,
        time_ms: block.timestamp_ms + ms,
        packer: node(0),
        previous_round: Round(silent),
        verified: List::new((0..LARGE.authorities).map(node).collect()).unwrap(),
        recovered: None,
        results: List::default(),
    };
    let context = CallContext {
        chain: chain.chain.clone(),
        height: Height(block.height.0),
        timestamp_ms: facts.time_ms,
        transaction: Hash::ZERO,
        signer: PublicKey([0; 32]),
        organisation: None,
        roles: [Role::Governance].into(),
        governor: Some(id(governance::ID)),
    };
    let governor = althing_bundle::contracts().iter().find(|bundled| bundled.id == governance::ID).unwrap();
    let (contract, input) = (id(governance::ID), encode(&(facts,)));
    let mut best = (0, f64::MAX);
    for _ in 0..5 {
        let mut overlay = Overlay::new(&chain.state);
        let code = code_hash(governor.code);
        let invocation = Invocation {
            contract: &contract,
            code,
            entry: Entry::Call(END_BLOCK),
            input: &input,
            fuel: END_BLOCK_FUEL,
        };
        let started = Instant::now();
        let outcome = chain.executor.runtime().invoke(&mut overlay, &context, &invocation).unwrap();
        let took_ms = started.elapsed().as_secs_f64() * 1_000.0;
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        best = (outcome.fuel_used, took_ms.min(best.1));
    }
    best
}

#[test]
#[ignore = "a measurement"]
fn the_end_of_a_block_is_cheap_with_everything_full() {
    let (quiet, electing) = (large(u64::MAX), large(1));
    println!(
        "{} members, {} nodes, {} authorities, {MAX_OPEN} open proposals",
        LARGE.members, LARGE.nodes, LARGE.authorities
    );
    let rows = [
        ("nothing is due", measure(&quiet, 0, 0)),
        ("a silent primary 256 times before", measure(&quiet, 0, 256)),
        ("32 votes end", measure(&quiet, 2 * HOUR, 0)),
        ("the authority list is chosen anew", measure(&electing, 0, 0)),
        ("all of these", measure(&electing, 2 * HOUR, 256)),
    ];
    for (what, (fuel, ms)) in rows {
        println!("{what:<36} {fuel:>12} fuel {ms:>8.2} ms");
        assert!(fuel < END_BLOCK_FUEL / 2, "{what}: too near to the limit");
    }
    let started = Instant::now();
    let governor = althing_bundle::contracts().iter().find(|bundled| bundled.id == governance::ID).unwrap();
    let other = crate::trap::with(governor.code, "v_scores", crate::trap::Instead::Trap);
    let run = quiet.dry_run(governance::ID, althing_execution::Candidate::Module(&other));
    println!("trial of governance: {:?}, {} ms with compiling", run.failure, started.elapsed().as_millis());
}
