//! Records of the node's log keep their bytes: what an older program wrote before a crash, a newer one must read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use althing_consensus::{Record, TimerKind};
use althing_daemon::node::log::{LogRecord, MAX_RECORD};
use althing_types::{
    block::Block,
    codec::{DecodeError, decode},
    hash::Hash,
    id::{Height, Round},
};

/// The vocabulary's golden bytes, which hold the form of what a record carries.
const WORDS: &str = include_str!("../../types/tests/golden.txt");

fn word(name: &str) -> Vec<u8> {
    let line = WORDS.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).expect(name);
    hex::decode(line.split(' ').next().unwrap()).unwrap()
}

/// Every kind of record with its bytes.
fn all() -> Vec<(LogRecord, Vec<u8>)> {
    let (height, round, block) = (Height(7), Round(2), Hash([0xab; 32]));
    let golden = |text: &str| hex::decode(text.replace("HASH", &"ab".repeat(32))).unwrap();
    let vote = decode("vote", &word("Signed.Vote"), usize::MAX).unwrap();
    let proposal = decode("proposal", &word("Signed.Proposal"), usize::MAX).unwrap();
    let of_core = |record, bytes: Vec<u8>| (LogRecord::Consensus(record), bytes);
    let of_block = |name: &str| {
        let block: Block = decode("block", &word(name), usize::MAX).unwrap();
        (LogRecord::Block(block), [&[1], word(name).as_slice()].concat())
    };
    vec![
        of_core(Record::Proposal(proposal), [&[0, 0], word("Signed.Proposal").as_slice()].concat()),
        of_core(Record::Vote(vote), [&[0, 1], word("Signed.Vote").as_slice()].concat()),
        of_core(Record::BlockReady { height, round, block, valid: true }, golden("0002070000000000000002000000HASH01")),
        of_core(Record::Built { height, round, block }, golden("0003070000000000000002000000HASH")),
        of_core(Record::Timeout { height, round, kind: TimerKind::Prevote }, golden("000407000000000000000200000001")),
        of_block("Block"),
        of_block("Block.empty"),
    ]
}

#[test]
fn log_records_keep_their_bytes() {
    for (record, bytes) in all() {
        assert_eq!(hex::encode(record.encode()), hex::encode(&bytes), "{record:?}");
        assert_eq!(LogRecord::decode(&bytes), Ok(record));
    }
}

#[test]
fn a_torn_or_lengthened_record_is_refused() {
    for (record, bytes) in all() {
        for length in 0..bytes.len() {
            assert!(LogRecord::decode(&bytes[..length]).is_err(), "{length} bytes of {record:?}");
        }
        assert!(LogRecord::decode(&[bytes.as_slice(), &[0]].concat()).is_err(), "{record:?}");
    }
    let unknown = LogRecord::decode(&[2]);
    assert!(unknown.is_err(), "a kind of record that there is not: {unknown:?}");
}

#[test]
fn a_changed_record_is_refused_or_canonical() {
    for (_, bytes) in all() {
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff, bytes[at] ^ 1] {
                let mut changed = bytes.clone();
                changed[at] = value;
                if let Ok(record) = LogRecord::decode(&changed) {
                    assert_eq!(record.encode(), changed);
                }
            }
        }
    }
}

#[test]
fn a_record_longer_than_any_is_refused_unread() {
    let long = vec![1; MAX_RECORD + 1];
    assert!(matches!(LogRecord::decode(&long), Err(DecodeError::TooLong { .. })));
}
