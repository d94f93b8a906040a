//! How much fuel a block of this node's making uses: as much as the authorities have lately executed in time.
//!
//! The parameter `max_block_fuel` says what a legal block may use at most. How much is executed within the time of a
//! round depends on the machines and on what else runs there; a primary that always packs the most can leave a busy
//! chain without decisions. So each node follows what became of full blocks, by rounds and not by clocks, as all nodes
//! see the same rounds: one that needed a second round makes the next ones smaller by an eighth, one that needed more
//! halves them, and each that was decided in the first round lets them grow by a sixteenth of the most. A primary that
//! is down costs one round of so many and does not hold the size down. Within a height each further round halves.
//!
//! Policy of the primary alone: no rule of the chain depends on it, and a restart forgets it.

use althing_types::id::Round;

/// Share of the most with which a node begins.
const FIRST: u64 = 4;
/// Share of the most below which the target never falls; one transaction is packed however small it is.
const LEAST: u64 = 64;
/// Most halvings within a height.
const HALVINGS: u32 = 6;

/// Fuel after which a block of ours takes no further transaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    target: u64,
}

impl Pace {
    /// The pace of a node that has seen no block; `most` is the parameter `max_block_fuel`.
    pub(crate) const fn new(most: u64) -> Self {
        Self { target: most / FIRST }
    }

    /// The fuel for a block of a round.
    pub(crate) fn of(self, round: Round, most: u64) -> u64 {
        let target = self.target.min(most) >> round.turn().min(HALVINGS);
        target.max(most / LEAST)
    }

    /// Learns from a block that was decided.
    pub(crate) fn decided(&mut self, round: Round, fuel_used: u64, most: u64) {
        if fuel_used < self.target / 2 {
            // It was decided soon or late for reasons other than its size.
            return;
        }
        self.target = match round.turn() {
            0 => self.target.saturating_add(most / 16).min(most),
            1 => self.target.saturating_sub(self.target / 8),
            _ => fuel_used.min(self.target) / 2,
        }
        .max(most / LEAST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 1 << 30;

    #[test]
    fn blocks_grow_to_the_most_while_the_first_round_decides() {
        let mut pace = Pace::new(MOST);
        assert_eq!(pace.of(Round(0), MOST), MOST / 4);
        for _ in 0..12 {
            pace.decided(Round(0), pace.of(Round(0), MOST), MOST);
        }
        assert_eq!(pace.of(Round(0), MOST), MOST);
    }

    #[test]
    fn late_decisions_of_full_blocks_shrink_the_next_ones_and_of_small_ones_do_not() {
        let mut pace = Pace::new(MOST);
        pace.decided(Round(7), 5, MOST);
        assert_eq!(pace.of(Round(0), MOST), MOST / 4);
        pace.decided(Round(2), MOST / 4, MOST);
        assert_eq!(pace.of(Round(0), MOST), MOST / 8);
        for _ in 0..50 {
            pace.decided(Round(3), MOST, MOST);
        }
        assert_eq!(pace.of(Round(0), MOST), MOST / 64);
    }

    #[test]
    fn each_round_of_a_height_halves_and_a_recovery_begins_anew() {
        let pace = Pace::new(MOST);
        assert_eq!(pace.of(Round(2), MOST), MOST / 16);
        assert_eq!(pace.of(Round(30), MOST), MOST / 64);
        assert_eq!(pace.of(Round::of_recovery(3), MOST), MOST / 4);
    }

    #[test]
    fn one_of_four_primaries_down_does_not_hold_the_size_down() {
        let mut pace = Pace::new(MOST);
        for height in 0..400u32 {
            let round = Round(u32::from(height % 4 == 0));
            pace.decided(round, pace.of(round, MOST).max(pace.of(Round(0), MOST)), MOST);
        }
        assert!(pace.of(Round(0), MOST) > MOST / 2, "{pace:?}");
    }

    #[test]
    fn a_lower_limit_of_the_chain_holds_at_once() {
        assert_eq!(Pace::new(MOST).of(Round(0), MOST / 100), MOST / 100);
    }
}
