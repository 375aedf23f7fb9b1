//! Months of billing: from midnight of one billing day to midnight of the next, in local time.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};

use crate::time::{UtcOffset, UtcTime};

/// The month that holds the instants just before `end`: a window that ends at midnight belongs to the day
/// that ends then. `None` where the calendar ends.
#[must_use]
pub fn month_before(end: UtcTime, billing_day: i8, offset: UtcOffset) -> Option<Range<UtcTime>> {
    let last = UtcTime::from_ms(end.as_ms().saturating_sub(1));
    month_of(last, billing_day, offset)
}

/// The month that holds `at`; `None` where the calendar ends.
#[must_use]
pub fn month_of(at: UtcTime, billing_day: i8, offset: UtcOffset) -> Option<Range<UtcTime>> {
    let date = at.civil(offset).date();
    let of_this_month = Date::new(date.year(), date.month(), billing_day).ok()?;
    let first = if date >= of_this_month { of_this_month } else { moved(of_this_month, -1)? };
    let midnight =
        |date: Date| UtcTime::from_civil(DateTime::from_parts(date, Time::midnight()), offset).ok();
    Some(midnight(first)?..midnight(moved(first, 1)?)?)
}

fn moved(date: Date, months: i8) -> Option<Date> {
    date.checked_add(jiff::Span::new().months(months)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_instant;

    fn shanghai() -> UtcOffset {
        UtcOffset::from_minutes(480).unwrap()
    }

    fn at(text: &str) -> UtcTime {
        parse_instant(text, shanghai()).unwrap()
    }

    #[test]
    fn a_month_begins_at_midnight_of_its_billing_day() {
        for (time, day, start, end) in [
            ("2024-07-24T14:40:00+08:00", 1, "2024-07-01", "2024-08-01"),
            ("2024-07-24T14:40:00+08:00", 15, "2024-07-15", "2024-08-15"),
            ("2024-07-14T23:59:59+08:00", 15, "2024-06-15", "2024-07-15"),
            ("2024-07-15T00:00:00+08:00", 15, "2024-07-15", "2024-08-15"),
            ("2024-01-03T00:00:00+08:00", 28, "2023-12-28", "2024-01-28"),
            ("2024-02-29T00:00:00+08:00", 28, "2024-02-28", "2024-03-28"),
        ] {
            assert_eq!(month_of(at(time), day, shanghai()), Some(at(start)..at(end)), "{time} {day}");
        }
        let midnight = at("2024-07-15");
        assert_eq!(month_before(midnight, 15, shanghai()), Some(at("2024-06-15")..midnight));
        assert_eq!(month_of(UtcTime::from_ms(i64::MAX), 1, shanghai()), None);
    }
}
