//! Any order of deliveries of a history ends as the order in which it happened does, or is refused on the way.

use super::*;
use proptest::prelude::*;

/// What happens to the TLD chain before each block.
#[derive(Clone, Debug)]
enum Happening {
    Changes(u8),
    NewAuthorities,
    Nothing,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (1..4u8).prop_map(Happening::Changes),
        1 => Just(Happening::NewAuthorities),
        1 => Just(Happening::Nothing)
    ]
}

/// Plays a history on the TLD chain: its blocks, each with the number of the last message.
fn play(tld: &Chain, root: &Chain, history: &[Happening]) -> Vec<(Block, u64)> {
    let (mut number, mut set) = (0u8, 1u8);
    let mut blocks = Vec::new();
    for happening in history {
        match happening {
            Happening::Changes(count) => {
                for _ in 0..*count {
                    number += 1;
                    tld.change(number);
                }
            }
            Happening::NewAuthorities => {
                set += 1;
                tld.sets.borrow_mut().1 = set;
            }
            Happening::Nothing => {}
        }
        blocks.push((tld.decide(), tld.peer(root).sent));
    }
    blocks
}

/// Brings what a block can prove that is new to the root; whether it was accepted.
fn bring(root: &Chain, tld: &Chain, block: &Block, last: u64, first: u64) -> bool {
    let last = last.min(first.saturating_add(15)).max(first - 1);
    let delivery = Delivery { end: None, ..block.delivery(&root.id, first..=last) };
    matches!(root.deliver(tld, &delivery), Taken::Accepted(_))
}

fn outcome(root: &Chain, tld: &Chain) -> (u64, Option<TldImage>, AuthorityList) {
    let trusted = root.sync.by(CARRIER).trusted(tld.id.clone()).ok().unwrap();
    (root.received(tld), root.image(), trusted.list)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_deliveries_ends_as_the_order_of_the_chain(
        history in proptest::collection::vec(happening(), 1..7),
        picks in proptest::collection::vec((any::<proptest::sample::Index>(), 0..3u64), 0..20),
    ) {
        let (straight, tld) = pair();
        let blocks = play(&tld, &straight, &history);
        for (block, last) in &blocks {
            let first = straight.received(&tld) + 1;
            bring(&straight, &tld, block, *last, first);
        }
        let expected = outcome(&straight, &tld);
        prop_assert_eq!(expected.0, blocks.last().unwrap().1);

        let (shuffled, _) = pair();
        for (pick, back) in &picks {
            // Some carrier brings some block, from a message that is due or was before.
            let (block, last) = pick.get(&blocks);
            let first = (shuffled.received(&tld) + 1).saturating_sub(*back).max(1).min(last + 1);
            let before = shuffled.received(&tld);
            let taken = bring(&shuffled, &tld, block, *last, first);
            let after = shuffled.received(&tld);
            prop_assert!(after >= before && (taken || after == before));
        }
        // An honest carrier comes at last and goes on from what is there.
        for (block, last) in &blocks {
            let first = shuffled.received(&tld) + 1;
            if first <= *last || block.set != block.next {
                bring(&shuffled, &tld, block, *last, first.min(last + 1));
            }
        }
        let found = outcome(&shuffled, &tld);
        prop_assert_eq!(found, expected);
    }
}
