//! Serial numbers of zones: their arithmetic (RFC 1982) and which one comes next.
//!
//! A serial never goes back, whatever the clock or the data do: the next one is always ahead of the last one.

use serde::{Deserialize, Serialize};

/// How the next serial is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SerialPolicy {
    /// `YYYYMMDDnn` of the day in UTC, or one more than the last serial when that is not ahead of it.
    #[default]
    Date,
    /// One more than the last serial.
    Increment,
}

/// Whether `next` comes after `last` (RFC 1982 3.2). Numbers half a circle apart do not.
pub const fn is_after(next: u32, last: u32) -> bool {
    let ahead = next.wrapping_sub(last);
    ahead != 0 && ahead < 1 << 31
}

impl SerialPolicy {
    /// The serial that follows `last`; the first one of all without.
    pub fn next(self, last: Option<u32>, now_s: u64) -> u32 {
        let wanted = match self {
            Self::Date => date_serial(now_s),
            Self::Increment => 1,
        };
        match (self, last) {
            (_, None) => wanted,
            (Self::Date, Some(last)) if is_after(wanted, last) => wanted,
            (_, Some(last)) => last.wrapping_add(1),
        }
    }
}

/// `YYYYMMDD00` of a time in seconds since 1970, UTC.
fn date_serial(now_s: u64) -> u32 {
    let (year, month, day) = date(now_s / 86_400);
    let number = year.saturating_mul(1_000_000).saturating_add(month.saturating_mul(10_000));
    u32::try_from(number.saturating_add(day.saturating_mul(100))).unwrap_or(u32::MAX)
}

/// Year, month and day of a day since 1970 in the Gregorian calendar.
fn date(mut day: u64) -> (u64, u64, u64) {
    let mut year = 1970u64;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    // Four hundred years have 146,097 days: whole ones are skipped, so that no clock makes this loop long.
    year = year.saturating_add((day / 146_097).saturating_mul(400));
    day %= 146_097;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day = day.saturating_sub(length);
        year = year.saturating_add(1);
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1u64;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day = day.saturating_sub(length);
        month = month.saturating_add(1);
    }
    (year, month, day.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn serials_wrap() {
        assert!(is_after(0, u32::MAX) && is_after(1, 0) && is_after(0x8000_0000, 1));
        assert!(!is_after(5, 5) && !is_after(4, 5) && !is_after(u32::MAX, 0));
        // RFC 1982 3.2: not defined at exactly half the circle; here neither is after the other.
        assert!(!is_after(0x8000_0000, 0) && !is_after(0, 0x8000_0000));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, serial) in [
            (0, 1_970_010_100),
            (951_782_399, 2_000_022_800),
            (951_782_400, 2_000_022_900),
            (951_868_800, 2_000_030_100),
            (1_735_603_200, 2_024_123_100),
            (1_795_305_600, 2_026_112_200),
        ] {
            assert_eq!(date_serial(seconds), serial);
        }
        assert_eq!(date_serial(u64::MAX), u32::MAX);
    }

    #[test]
    fn a_day_with_more_than_a_hundred_changes_runs_on() {
        let day = 1_795_305_600;
        let policy = SerialPolicy::Date;
        assert_eq!(policy.next(None, day), 2_026_112_200);
        assert_eq!(policy.next(Some(2_026_112_200), day), 2_026_112_201);
        assert_eq!(policy.next(Some(2_026_112_299), day), 2_026_112_300);
        assert_eq!(policy.next(Some(2_026_112_300), day.saturating_add(86_400)), 2_026_112_301);
        assert_eq!(policy.next(Some(2_026_112_301), day.saturating_add(3 * 86_400)), 2_026_112_500);
    }

    #[test]
    fn a_clock_that_was_set_back_changes_nothing() {
        assert_eq!(SerialPolicy::Date.next(Some(2_026_112_200), 0), 2_026_112_201);
        assert_eq!(SerialPolicy::Increment.next(Some(u32::MAX), 0), 0);
        assert_eq!(SerialPolicy::Increment.next(None, 0), 1);
    }

    proptest! {
        #[test]
        fn the_next_serial_is_always_ahead(last: u32, now_s: u64) {
            for policy in [SerialPolicy::Date, SerialPolicy::Increment] {
                prop_assert!(is_after(policy.next(Some(last), now_s), last));
            }
        }

        #[test]
        fn only_one_of_two_is_after_the_other(a: u32, b: u32) {
            prop_assert!(!(is_after(a, b) && is_after(b, a)));
        }
    }
}
