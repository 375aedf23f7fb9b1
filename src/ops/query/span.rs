//! How long a time range may be.

use std::ops::Range;

use super::error::QueryError;
use crate::time::{Interval, UtcTime};

/// A leap year, so that any calendar year can be asked for at once.
const DAYS_MAX: i64 = 366;
/// A long month of readings that are closer together than a quarter of an hour.
const FINE_DAYS_MAX: i64 = 31;

/// Refuses a range that is empty or too long for readings every `interval`.
pub(super) fn check(range: &Range<UtcTime>, interval: Interval) -> Result<(), QueryError> {
    if range.start >= range.end {
        return Err(QueryError::RangeEmpty);
    }
    let fine = interval < Interval::QUARTER_HOUR;
    let days_max = if fine { FINE_DAYS_MAX } else { DAYS_MAX };
    if range.end.ms_since(range.start) > days_max * Interval::DAY.as_ms() {
        return Err(QueryError::RangeTooLong { days_max, fine });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_year_of_quarter_hours_or_a_month_of_seconds_may_be_asked_for() {
        let days = |count: i64| UtcTime::from_ms(0)..UtcTime::from_ms(count * Interval::DAY.as_ms());
        for (range, interval, verdict) in [
            (days(366), Interval::QUARTER_HOUR, Ok(())),
            (days(31), Interval::SECOND, Ok(())),
            (days(0), Interval::SECOND, Err(QueryError::RangeEmpty)),
            (days(-1), Interval::SECOND, Err(QueryError::RangeEmpty)),
            (days(367), Interval::DAY, Err(QueryError::RangeTooLong { days_max: 366, fine: false })),
            (days(32), Interval::MINUTE, Err(QueryError::RangeTooLong { days_max: 31, fine: true })),
        ] {
            assert_eq!(check(&range, interval), verdict, "{range:?}");
        }
    }
}
