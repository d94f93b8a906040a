//! Records: golden bytes, and a decoder that takes any bytes.

use super::{bench::block, signed_proposal, signed_vote};
use crate::{MAX_RECORD, Record, TimerKind};
use althing_types::{
    hash::sha3_256,
    id::{ChainId, Height, Round},
    vote::VoteKind,
};
use proptest::prelude::*;

fn all() -> [Record; 5] {
    let (height, round) = (Height(7), Round(2));
    let block = block(height, round, 1);
    [
        Record::Proposal(signed_proposal(1, 7, 2, 1)),
        Record::Vote(signed_vote(1, 7, 2, VoteKind::Precommit, Some(1))),
        Record::BlockReady { height, round, block, valid: true },
        Record::Built { height, round, block },
        Record::Timeout { height, round, kind: TimerKind::Prevote },
    ]
}

#[test]
fn records_keep_their_bytes() {
    let found = all().map(|record| hex::encode(record.encode()));
    let expected = [
        "sha3 0bacd7a60dc944658420091dd2714d556648b54aa058040cc8745303d0c39a74",
        "sha3 34d631aa2a8792d1923cce6769ecb831bad8a3801e48a4968b4e72adf3f693f8",
        "020700000000000000020000007229b04050b362f596121df2bb6b4a9e5217cf7253363a5db801b776cf738fc801",
        "030700000000000000020000007229b04050b362f596121df2bb6b4a9e5217cf7253363a5db801b776cf738fc8",
        "0407000000000000000200000001",
    ];
    // The two long ones are compared by their hash.
    let short = |text: &String| {
        if text.len() > 200 { format!("sha3 {}", sha3_256(text.as_bytes())) } else { text.clone() }
    };
    assert_eq!(found.each_ref().map(short), expected);
}

#[test]
fn every_record_comes_back_and_fits() {
    for record in all() {
        assert_eq!(Record::decode(&record.encode()), Ok(record));
    }
    let mut longest = signed_proposal(1, u64::MAX, u32::MAX, 1);
    longest.value.chain = ChainId::new("c".repeat(64)).unwrap();
    longest.value.valid_round = Some(Round(1));
    assert!(Record::Proposal(longest).encode().len() <= MAX_RECORD);
}

#[test]
fn a_record_names_its_height() {
    assert!(all().iter().all(|record| record.height() == Height(7)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_refused_or_canonical(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(record.encode(), bytes);
        }
    }

    #[test]
    fn a_changed_record_is_refused_or_canonical(which in 0usize..5, at in any::<prop::sample::Index>(), value in any::<u8>(), cut in any::<bool>()) {
        let mut bytes = all()[which].encode();
        let at = at.index(bytes.len());
        bytes[at] = value;
        if cut {
            bytes.truncate(at);
            prop_assert!(Record::decode(&bytes).is_err(), "a torn record is no record");
        } else if let Ok(record) = Record::decode(&bytes) {
            prop_assert_eq!(record.encode(), bytes);
        }
    }
}
