//! Calendar periods: cuts a time range at local quarter hours, days, weeks, months and years.

use std::ops::Range;

use jiff::civil::{Date, DateTime, Time};

use crate::time::{Interval, UtcOffset, UtcTime};

/// The length of one row of a statistic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A quarter of an hour.
    QuarterHour,
    /// An hour.
    Hour,
    /// A day from midnight to midnight.
    Day,
    /// A week from Monday to Sunday (ISO 8601).
    Week,
    /// A calendar month.
    Month,
    /// A month that begins on the site's billing day.
    BillingMonth,
    /// A quarter of a year, from January, April, July or October.
    Quarter,
    /// A calendar year.
    Year,
    /// The whole range in one row.
    Total,
}

impl Period {
    /// Cuts `range` at every edge of this period in the local time of `offset`. The first and the
    /// last piece are only as long as the range lets them be, so that all pieces together are the
    /// range.
    ///
    /// Billing months begin on `billing_day`, 1 to 28.
    #[must_use]
    pub const fn cut(self, range: &Range<UtcTime>, offset: UtcOffset, billing_day: i8) -> Periods {
        Periods { period: self, offset, billing_day, start: range.start, end: range.end }
    }

    /// The first edge after `at`; `None` where the calendar ends or the period has no edges.
    fn edge_after(self, at: UtcTime, offset: UtcOffset, billing_day: i8) -> Option<UtcTime> {
        let fixed = |interval: Interval| {
            // Edges lie on whole multiples of local time, and an offset need not be whole hours.
            let offset_ms = i64::from(offset.minutes()) * Interval::MINUTE.as_ms();
            let local = UtcTime::from_ms(at.as_ms().saturating_add(offset_ms));
            UtcTime::from_ms(local.floor(interval).plus(interval).as_ms().saturating_sub(offset_ms))
        };
        let edge = match self {
            Self::QuarterHour => fixed(Interval::QUARTER_HOUR),
            Self::Hour => fixed(HOUR),
            Self::Day => fixed(Interval::DAY),
            Self::Total => return None,
            Self::Week | Self::Month | Self::BillingMonth | Self::Quarter | Self::Year => {
                let next = self.first_day_after(at.civil(offset).date(), billing_day)?;
                UtcTime::from_civil(DateTime::from_parts(next, Time::midnight()), offset).ok()?
            }
        };
        // Time goes on, even where the calendar of the last representable day does not.
        Some(edge).filter(|edge| *edge > at)
    }

    /// The first day of the period that follows the one of `day`.
    fn first_day_after(self, day: Date, billing_day: i8) -> Option<Date> {
        if matches!(self, Self::BillingMonth) {
            let months = i8::from(day.day() >= billing_day);
            let first = day.first_of_month().checked_add(jiff::Span::new().months(months)).ok()?;
            return first.checked_add(jiff::Span::new().days(billing_day - 1)).ok();
        }
        if matches!(self, Self::Week) {
            let days_left = 7 - day.weekday().to_monday_zero_offset();
            return day.checked_add(jiff::Span::new().days(days_left)).ok();
        }
        let months: i8 = match self {
            Self::Quarter => 3,
            Self::Year => 12,
            _ => 1,
        };
        // Months since the start of the period are dropped, then one period is added.
        let into = (day.month() - 1) % months;
        let first = day.first_of_month();
        first.checked_add(jiff::Span::new().months(months - into)).ok()
    }
}

const HOUR: Interval = match Interval::from_ms(3_600_000) {
    Some(hour) => hour,
    None => Interval::DAY,
};

/// The pieces of a range, in order of time; see [`Period::cut`].
#[derive(Clone, Debug)]
pub struct Periods {
    period: Period,
    offset: UtcOffset,
    billing_day: i8,
    start: UtcTime,
    end: UtcTime,
}

impl Iterator for Periods {
    type Item = Range<UtcTime>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.start >= self.end {
            return None;
        }
        let edge = self.period.edge_after(self.start, self.offset, self.billing_day);
        let end = edge.map_or(self.end, |edge| edge.min(self.end));
        let piece = self.start..end;
        self.start = end;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::parse_instant;

    const ALL: [Period; 9] = [
        Period::QuarterHour,
        Period::Hour,
        Period::Day,
        Period::Week,
        Period::Month,
        Period::BillingMonth,
        Period::Quarter,
        Period::Year,
        Period::Total,
    ];
    /// The 20th: what lies between two of them is in two calendar months.
    const BILLING_DAY: i8 = 20;

    fn shanghai() -> UtcOffset {
        UtcOffset::from_minutes(480).unwrap()
    }

    fn at(text: &str) -> UtcTime {
        parse_instant(text, shanghai()).unwrap()
    }

    fn starts(period: Period, start: &str, end: &str) -> Vec<String> {
        let pieces = period.cut(&(at(start)..at(end)), shanghai(), BILLING_DAY);
        pieces.map(|piece| piece.start.civil(shanghai()).to_string()).collect()
    }

    #[test]
    fn periods_begin_where_a_wall_calendar_says() {
        for (period, start, end, expected) in [
            (Period::QuarterHour, "2024-04-01", "2024-04-01T00:30:00+08:00", "00:00:00 00:15:00"),
            (Period::Hour, "2024-04-01T22:00:00+08:00", "2024-04-02", "22:00:00 23:00:00"),
        ] {
            let expected: Vec<_> = expected.split(' ').map(|clock| format!("2024-04-01T{clock}")).collect();
            assert_eq!(starts(period, start, end), expected);
        }
        for (period, start, end, expected) in [
            (Period::Day, "2024-02-28", "2024-03-02", "2024-02-28 2024-02-29 2024-03-01"),
            (Period::Week, "2024-12-30", "2025-01-08", "2024-12-30 2025-01-06"),
            (Period::Month, "2023-12-01", "2024-03-01", "2023-12-01 2024-01-01 2024-02-01"),
            (Period::BillingMonth, "2024-01-20", "2024-03-21", "2024-01-20 2024-02-20 2024-03-20"),
            (Period::Quarter, "2024-01-01", "2024-12-31", "2024-01-01 2024-04-01 2024-07-01 2024-10-01"),
            (Period::Year, "2023-01-01", "2024-01-02", "2023-01-01 2024-01-01"),
            (Period::Total, "2023-01-01", "2024-01-02", "2023-01-01"),
        ] {
            let expected: Vec<_> = expected.split(' ').map(|day| format!("{day}T00:00:00")).collect();
            assert_eq!(starts(period, start, end), expected, "{period:?}");
        }
    }

    #[test]
    fn a_range_that_begins_inside_a_period_gets_the_rest_of_it() {
        let months = starts(Period::Month, "2024-01-31", "2024-04-10");
        assert_eq!(
            months,
            ["2024-01-31T00:00:00", "2024-02-01T00:00:00", "2024-03-01T00:00:00", "2024-04-01T00:00:00"]
        );
        let quarters = starts(Period::Quarter, "2024-02-29", "2024-08-01");
        assert_eq!(quarters, ["2024-02-29T00:00:00", "2024-04-01T00:00:00", "2024-07-01T00:00:00"]);
    }

    #[test]
    fn the_end_of_the_calendar_ends_the_last_period() {
        let end = UtcTime::from_ms(i64::MAX);
        for period in ALL {
            let start = UtcTime::from_ms(end.as_ms() - 1_000);
            assert_eq!(period.cut(&(start..end), shanghai(), BILLING_DAY).count(), 1, "{period:?}");
        }
    }

    proptest! {
        #[test]
        fn all_pieces_together_are_the_range_and_each_lies_in_one_period(
            start_ms in 0_i64..4_000_000_000_000,
            length_ms in 1_i64..8_640_000_000,
            minutes in -720_i32..=840,
        ) {
            let offset = UtcOffset::from_minutes(minutes).unwrap();
            let range = UtcTime::from_ms(start_ms)..UtcTime::from_ms(start_ms + length_ms);
            for period in ALL {
                let mut reached = range.start;
                for piece in period.cut(&range, offset, BILLING_DAY) {
                    prop_assert_eq!(piece.start, reached);
                    prop_assert!(piece.start < piece.end);
                    let last = UtcTime::from_ms(piece.end.as_ms() - 1);
                    prop_assert_eq!(label(period, piece.start, offset), label(period, last, offset));
                    if piece.end < range.end {
                        prop_assert_ne!(label(period, last, offset), label(period, piece.end, offset));
                    }
                    reached = piece.end;
                }
                prop_assert_eq!(reached, range.end);
            }
        }
    }

    /// Names the period that holds `at`, by calendar fields alone.
    fn label(period: Period, at: UtcTime, offset: UtcOffset) -> String {
        let civil = at.civil(offset);
        let (year, month) = (civil.year(), civil.month());
        match period {
            Period::QuarterHour => format!("{} {} {}", civil.date(), civil.hour(), civil.minute() / 15),
            Period::Hour => format!("{} {}", civil.date(), civil.hour()),
            Period::Day => civil.date().to_string(),
            Period::Week => {
                let week = civil.date().iso_week_date();
                format!("{} {}", week.year(), week.week())
            }
            Period::Month => format!("{year} {month}"),
            Period::BillingMonth if civil.day() >= BILLING_DAY => format!("{year} {month}"),
            Period::BillingMonth if month == 1 => format!("{} 12", year - 1),
            Period::BillingMonth => format!("{year} {}", month - 1),
            Period::Quarter => format!("{year} {}", (month - 1) / 3),
            Period::Year => year.to_string(),
            Period::Total => String::new(),
        }
    }
}
