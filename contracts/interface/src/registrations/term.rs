//! Terms in years. A year is one of the Gregorian calendar, in UTC: the same day, month and time of day; 29 February is
//! followed by 28 February. Networks for trials give a year a length of their own.

/// A day in milliseconds.
pub const DAY_MS: u64 = 86_400_000;

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;
/// Days of 400 years.
const ERA: u64 = 146_097;
/// Last year that is calculated with; far later than any term.
const LAST_YEAR: u64 = 9_999;

/// Day of the calendar: year, month from 1, day from 1.
#[derive(Clone, Copy)]
struct Date {
    year: u64,
    month: u64,
    day: u64,
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days since 1970 to a date, counted in years that begin in March, so that the leap day is the last one.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "years to LAST_YEAR: all values are below 4 million, divisors are constants"
)]
const fn date_of(days: u64) -> Date {
    let shifted = days + EPOCH;
    let (era, in_era) = (shifted / ERA, shifted % ERA);
    let year_of_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * in_year + 2) / 153;
    let day = in_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    Date { year, month, day }
}

#[expect(clippy::arithmetic_side_effects, reason = "years from 1970 to LAST_YEAR: all values are below 4 million")]
const fn days_of(date: Date) -> u64 {
    let year = if date.month <= 2 { date.year - 1 } else { date.year };
    let (era, year_of_era) = (year / 400, year % 400);
    let from_march = if date.month > 2 { date.month - 3 } else { date.month + 9 };
    let in_year = (153 * from_march + 2) / 5 + date.day - 1;
    era * ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + in_year - EPOCH
}

/// A time in milliseconds since 1970 moved to another year of the calendar.
fn with_year(time_ms: u64, change: impl FnOnce(u64) -> u64) -> u64 {
    let (days, rest) = (time_ms / DAY_MS, time_ms % DAY_MS);
    let last = days_of(Date { year: LAST_YEAR, month: 12, day: 31 });
    let mut date = date_of(days.min(last));
    date.year = change(date.year).clamp(1970, LAST_YEAR);
    if date.month == 2 && date.day == 29 && !is_leap(date.year) {
        date.day = 28;
    }
    days_of(date).saturating_mul(DAY_MS).saturating_add(rest)
}

/// So many years later. `year_ms` is the length of a year, 0 for years of the calendar.
pub fn add_years(time_ms: u64, years: u8, year_ms: u64) -> u64 {
    if year_ms == 0 {
        return with_year(time_ms, |year| year.saturating_add(u64::from(years)));
    }
    time_ms.saturating_add(year_ms.saturating_mul(u64::from(years)))
}

/// So many years earlier, not before 1970. `year_ms` is the length of a year, 0 for years of the calendar.
pub fn subtract_years(time_ms: u64, years: u8, year_ms: u64) -> u64 {
    if year_ms == 0 {
        return with_year(time_ms, |year| year.saturating_sub(u64::from(years)));
    }
    time_ms.saturating_sub(year_ms.saturating_mul(u64::from(years)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds of a date at 12:00.
    fn noon(year: u64, month: u64, day: u64) -> u64 {
        days_of(Date { year, month, day }) * DAY_MS + DAY_MS / 2
    }

    #[test]
    fn days_and_dates_are_each_others_inverse() {
        assert_eq!(days_of(Date { year: 1970, month: 1, day: 1 }), 0);
        assert_eq!(days_of(Date { year: 2026, month: 11, day: 22 }), 20_779);
        let mut expected = (1970, 1, 1);
        for day in 0..200_000 {
            let date = date_of(day);
            assert_eq!((date.year, date.month, date.day), expected);
            assert_eq!(days_of(date), day);
            let long = match expected.1 {
                2 => 28 + u64::from(is_leap(expected.0)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            expected = match expected {
                (year, 12, 31) => (year + 1, 1, 1),
                (year, month, day) if day == long => (year, month + 1, 1),
                (year, month, day) => (year, month, day + 1),
            };
        }
    }

    #[test]
    fn a_year_later_is_the_same_day() {
        assert_eq!(add_years(noon(2026, 11, 22), 10, 0), noon(2036, 11, 22));
        assert_eq!(add_years(noon(2024, 2, 29), 1, 0), noon(2025, 2, 28));
        assert_eq!(add_years(noon(2024, 2, 29), 4, 0), noon(2028, 2, 29));
        assert_eq!(subtract_years(noon(2027, 3, 1), 1, 0), noon(2026, 3, 1));
        assert_eq!(subtract_years(5, 1, 0), 5);
        assert_eq!(add_years(7, 3, 100), 307);
    }

    #[test]
    fn no_time_overflows() {
        for time in [0, u64::MAX, u64::MAX / 2] {
            assert!(add_years(time, u8::MAX, 0) <= noon(LAST_YEAR, 12, 31) + DAY_MS);
            subtract_years(time, u8::MAX, 0);
            add_years(time, u8::MAX, u64::MAX);
        }
    }
}
