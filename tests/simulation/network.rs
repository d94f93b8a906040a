//! Weather: for some time the network and the machines behave in one way, then in another.

use crate::random::Random;

/// What weather a world has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Climate {
    /// Nothing goes wrong.
    Calm,
    /// A bit of everything.
    Mixed,
    /// Half of the messages are lost most of the time.
    Stormy,
}

/// How the world behaves for now.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    pub(crate) loss_permille: u64,
    pub(crate) duplicate_permille: u64,
    pub(crate) delay_ms: (u64, u64),
    /// For each node, those it can send to.
    reach: Vec<u64>,
    /// Chance of a crash before each disk operation or message.
    pub(crate) crash_permille: u64,
    pub(crate) outage_ms: (u64, u64),
}

impl Weather {
    /// Nothing goes wrong.
    pub(crate) fn calm(n: usize) -> Self {
        let reach = vec![u64::MAX; n];
        let (delay_ms, outage_ms) = ((1, 8), (5, 20));
        Self { loss_permille: 0, duplicate_permille: 0, delay_ms, reach, crash_permille: 0, outage_ms }
    }

    /// The weather of the next while, and how long it lasts in milliseconds.
    pub(crate) fn draw(random: &mut Random, n: usize, climate: Climate) -> (Self, u64) {
        let mut weather = Self::calm(n);
        if climate == Climate::Stormy {
            weather.loss_permille = random.between(200, 700);
            return (weather, random.between(50, 250));
        }
        let mut lasts_ms = random.between(50, 600);
        match random.below(10) {
            0..=2 => lasts_ms = random.between(50, 250),
            3 => weather.loss_permille = random.between(10, 100),
            4 => weather.loss_permille = random.between(100, 600),
            5 => weather.split(random.next(), true),
            6 => {
                for reach in &mut weather.reach {
                    *reach = random.next() | random.next();
                }
            }
            7 | 8 => {
                weather.crash_permille = random.between(1, 40);
                weather.outage_ms = (1, random.between(10, 300));
                weather.loss_permille = random.below(50);
            }
            _ => {
                weather.delay_ms = (1, random.between(20, 250));
                weather.duplicate_permille = random.between(0, 400);
            }
        }
        (weather, lasts_ms)
    }

    /// Two groups that do not hear each other.
    fn split(&mut self, side: u64, both_ways: bool) {
        for (index, reach) in self.reach.iter_mut().enumerate() {
            let here = side >> index & 1 == 1;
            *reach = if here {
                side
            } else if both_ways {
                !side
            } else {
                u64::MAX
            };
        }
    }

    pub(crate) fn reaches(&self, from: usize, to: usize) -> bool {
        self.reach[from] >> to & 1 == 1
    }
}
