//! The factory's calendar: where in its month, week and day an instant lies, in local time.

use crate::time::{UtcOffset, UtcTime};

/// Slots of fifteen minutes in one day.
pub const SLOTS: usize = 96;
/// Seconds of one slot.
pub const SLOT_SECONDS: i64 = 900;
/// Minutes that the factory's wall clock is ahead of UTC.
pub const OFFSET_MINUTES: i32 = 480;
/// 2020-01-01T00:00:00+08:00, when every register of the factory stood at zero.
pub const EPOCH: UtcTime = UtcTime::from_ms(1_577_808_000_000);

const EPOCH_YEAR: i16 = 2020;
/// Monday is 0; the epoch was a Wednesday.
const EPOCH_WEEKDAY: usize = 2;
const SECONDS_A_DAY: i64 = 86_400;

/// The kind of day that a flow depends on, beside the slot: month and day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// 0 is January.
    pub month: usize,
    /// 0 is Monday; 5 and 6 are days of rest.
    pub weekday: usize,
}

impl Day {
    /// Whether the factory rests.
    #[must_use]
    pub const fn is_rest(self) -> bool {
        self.weekday >= 5
    }
}

/// A local instant, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The calendar year.
    pub year: i16,
    /// The kind of day.
    pub day: Day,
    /// Days of the month that are over.
    pub days_before: usize,
    /// The slot of the day, 0 to 95.
    pub slot: usize,
    /// Whole seconds since the slot began, 0 to 899.
    pub second: i64,
}

impl Moment {
    /// Year, month (0 is January) and day of the month (0 is the first).
    #[must_use]
    pub const fn date(self) -> (i16, usize, usize) {
        (self.year, self.day.month, self.days_before)
    }

    /// Takes `at` apart; an instant before the [`EPOCH`] counts as the epoch.
    #[must_use]
    pub fn at(at: UtcTime) -> Self {
        let at = at.max(EPOCH);
        let offset = UtcOffset::from_minutes(OFFSET_MINUTES).unwrap_or(UtcOffset::UTC);
        let civil = at.civil(offset);
        let seconds = at.ms_since(EPOCH) / 1_000;
        let of_day = seconds % SECONDS_A_DAY;
        let index = |number: i64| usize::try_from(number).unwrap_or(0);
        let from_one = |number: i8| usize::try_from(number - 1).unwrap_or(0);
        let weekday = (index(seconds / SECONDS_A_DAY) + EPOCH_WEEKDAY) % 7;
        Self {
            year: civil.year(),
            day: Day { month: from_one(civil.month()), weekday },
            days_before: from_one(civil.day()),
            slot: index(of_day / SLOT_SECONDS),
            second: of_day % SLOT_SECONDS,
        }
    }

    /// How often each kind of day has come and gone between the epoch and the start of this day.
    ///
    /// Walks over months, not days, so that a register costs the same on any day of a year.
    #[must_use]
    pub fn days_since_epoch(self) -> [[i64; 7]; 12] {
        let mut counts = [[0; 7]; 12];
        let mut first_weekday = EPOCH_WEEKDAY;
        for year in EPOCH_YEAR..=self.year {
            for (month, counts) in counts.iter_mut().enumerate() {
                let is_last = year == self.year && month == self.day.month;
                let days = if is_last { self.days_before } else { days_in_month(year, month) };
                for day in 0..7 {
                    let weeks = (days + 6 - day) / 7;
                    counts[(first_weekday + day) % 7] += i64::try_from(weeks).unwrap_or(0);
                }
                if is_last {
                    break;
                }
                first_weekday = (first_weekday + days) % 7;
            }
        }
        counts
    }
}

const fn days_in_month(year: i16, month: usize) -> usize {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        1 if leap => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_instant;

    fn moment(text: &str) -> Moment {
        Moment::at(parse_instant(text, UtcOffset::UTC).unwrap())
    }

    #[test]
    fn an_instant_is_taken_apart_in_local_time() {
        let expected =
            Moment { year: 2024, day: Day { month: 5, weekday: 2 }, days_before: 11, slot: 42, second: 5 };
        assert_eq!(moment("2024-06-12T10:30:05+08:00"), expected);
        assert_eq!(moment("2024-06-12T02:30:05.900Z"), expected);
        assert_eq!(moment("2024-06-12T23:59:59+08:00").slot, 95);
    }

    #[test]
    fn an_instant_before_the_epoch_counts_as_the_epoch() {
        assert_eq!(moment("1999-01-01T00:00:00Z"), Moment::at(EPOCH));
    }

    #[test]
    fn every_day_since_the_epoch_is_counted_once_under_its_own_kind() {
        let mut counts = [[0; 7]; 12];
        let mut at = EPOCH;
        for _ in 0..5 * 366 {
            let moment = Moment::at(at);
            assert_eq!(moment.days_since_epoch(), counts, "{at:?}");
            counts[moment.day.month][moment.day.weekday] += 1;
            at = at.plus(crate::time::Interval::DAY);
        }
    }
}
