//! Rollup: which stretches of a period are told from the rows that the store keeps of days and months, and
//! which from the readings themselves.
//!
//! A row stands for its readings only where it surely has them all: no quarter hour is missing that the
//! gap ledger does not know of. What late readings change is told when the row is computed anew, together
//! with its revision.

use std::ops::Range;

use super::incompleteness::Missing;
use crate::model::gap::{Gap, GapCause};
use crate::model::reading::SeriesId;
use crate::model::tou::Rate;
use crate::stats::SeriesKind;
use crate::stats::calendar::Period;
use crate::stats::quarter::Row;
use crate::stats::rates::amount;
use crate::store::{Store, StoreError, Summed};
use crate::time::{Interval, UtcOffset, UtcTime};

/// Intervals after the last reading of a register in which there need not be another.
const READ_INTERVALS: f64 = 1.5;

/// What a question needs to know of a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Sums, means and extremes: a row has them.
    Rows,
    /// Sums by rate: a row has them, but not how complete each is.
    FullRows,
    /// What no row has.
    Readings,
}

/// What a stretch of time is told from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Origin {
    /// The readings in it.
    Readings,
    /// A stored row of it.
    Row(Summed),
}

/// A stretch of a period.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Segment {
    /// The place of the period.
    pub(super) period: usize,
    pub(super) time: Range<UtcTime>,
    pub(super) origin: Origin,
}

/// A series that is looked for in rows.
#[derive(Clone, Copy)]
pub(super) struct Rollup<'a> {
    pub(super) store: &'a Store,
    pub(super) series: SeriesId,
    pub(super) kind: SeriesKind,
    pub(super) interval: Interval,
    pub(super) offset: UtcOffset,
    pub(super) needs: Needs,
}

impl Rollup<'_> {
    /// The segments of `periods`, in order of time; `gaps` are those of the series.
    pub(super) fn segments(
        &self,
        periods: &[Range<UtcTime>],
        gaps: &[Gap],
    ) -> Result<Vec<Segment>, StoreError> {
        let of_rows: Vec<Gap> = gaps.iter().filter(|gap| !is_of_readings_alone(gap)).copied().collect();
        let mut segments = Vec::new();
        for (number, period) in periods.iter().enumerate() {
            let mut at = period.start;
            while at < period.end {
                let (end, origin) = self.longest(at, period.end, &of_rows)?;
                segments.push(Segment { period: number, time: at..end, origin });
                at = end;
            }
        }
        Ok(segments)
    }

    /// The longest row that begins at `at`, or readings up to where the next one may begin.
    fn longest(&self, at: UtcTime, end: UtcTime, gaps: &[Gap]) -> Result<(UtcTime, Origin), StoreError> {
        let is_short = end.ms_since(at) < Interval::DAY.as_ms();
        if self.needs == Needs::Readings || is_short {
            return Ok((end, Origin::Readings));
        }
        let midnight = at.floor_local(Interval::DAY, self.offset);
        let day_end = midnight.plus(Interval::DAY);
        if at != midnight {
            return Ok((day_end.min(end), Origin::Readings));
        }
        if let Some(month_end) = self.month_end(at).filter(|month_end| *month_end <= end)
            && let Some(row) = self.store.month_row(self.series, at)?
            && self.is_whole(&row.row, &(at..month_end), gaps)
        {
            return Ok((month_end, Origin::Row(row)));
        }
        let row = self.store.day_row(self.series, at)?;
        let row = row.filter(|row| self.is_whole(&row.row, &(at..day_end), gaps));
        Ok((day_end, row.map_or(Origin::Readings, Origin::Row)))
    }

    /// The end of the local month that begins at `at`; `None` where none does.
    fn month_end(&self, at: UtcTime) -> Option<UtcTime> {
        let before = UtcTime::from_ms(at.as_ms() - 1);
        let reach = UtcTime::from_ms(at.as_ms() + 32 * Interval::DAY.as_ms());
        let mut months = Period::Month.cut(&(before..reach), self.offset, 1);
        months.next().filter(|month| month.end == at)?;
        months.next().map(|month| month.end)
    }

    /// Whether the row surely has every reading that there is.
    fn is_whole(&self, row: &Row, time: &Range<UtcTime>, gaps: &[Gap]) -> bool {
        let length_ms = as_f64(time.end.ms_since(time.start));
        let interval_ms = as_f64(self.interval.as_ms());
        let expected = (length_ms / interval_ms).max(1.0);
        let lacks = |of: f64| of - as_f64(i64::try_from(row.summary.readings).unwrap_or(i64::MAX));
        if !self.reaches_the_end(row, time, gaps) {
            return false;
        }
        if self.needs == Needs::FullRows {
            let is_known = self.kind != SeriesKind::Register || row.summary.covered_ms >= length_ms - 1.0;
            return lacks(expected) <= 0.0 && is_known && self.is_rated(row);
        }
        let possible = expected * Missing::of(gaps, time, self.interval).complete_at_most;
        // A little less than one reading where they are a quarter of an hour apart or more.
        lacks(possible) < 0.999 * self.of_a_quarter_hour()
    }

    /// Whether the last reading is where it should be. It is not in a row of the days of another time zone,
    /// that the site has been said to be in before. And where a register was not read up to the end, what
    /// flowed then is in the row only when the quarter hour is summed up in which it was read again.
    fn reaches_the_end(&self, row: &Row, time: &Range<UtcTime>, gaps: &[Gap]) -> bool {
        let is_register = self.kind == SeriesKind::Register;
        let Some(last) = row.summary.last else { return !is_register };
        let rest = last.at..time.end;
        let rest_ms = as_f64(rest.end.ms_since(rest.start));
        let possible = Missing::of(gaps, &rest, self.interval).complete_at_most * rest_ms;
        let missing = possible / as_f64(self.interval.as_ms());
        let is_read_to_the_end = rest_ms <= READ_INTERVALS * as_f64(self.interval.as_ms());
        let is_there = missing <= 2.0 + self.of_a_quarter_hour();
        time.contains(&last.at) && is_there && (is_read_to_the_end || !is_register)
    }

    /// Readings in a quarter of an hour.
    fn of_a_quarter_hour(&self) -> f64 {
        as_f64(Interval::QUARTER_HOUR.as_ms()) / as_f64(self.interval.as_ms())
    }

    /// Whether all that flowed did so at some rate: the row was made by a calendar as there is now.
    fn is_rated(&self, row: &Row) -> bool {
        let of_rates: f64 = Rate::ALL.iter().map(|rate| row.rates.of(*rate)).sum();
        let all = amount(&row.summary, self.kind).unwrap_or(0.0);
        (of_rates - all).abs() <= all.abs() * 1e-9 + 1e-9
    }
}

/// Whether only the readings have gone, and rows may have been made of them before.
const fn is_of_readings_alone(gap: &Gap) -> bool {
    matches!(gap.cause, GapCause::Quota | GapCause::Storage)
}

/// The gaps of a series as they concern an answer that is told from rows in `times`, which come in order:
/// what has happened to the readings of those times is nothing that the rows are missing.
pub(super) fn gaps_beside_rows(gaps: &[Gap], times: &[Range<UtcTime>]) -> Vec<Gap> {
    let mut left = Vec::new();
    for gap in gaps {
        if !is_of_readings_alone(gap) {
            left.push(*gap);
            continue;
        }
        let mut from = gap.from;
        for time in times.iter().filter(|time| time.end > gap.from && time.start < gap.to) {
            if from < time.start {
                left.push(Gap { from, to: time.start, ongoing: false, ..*gap });
            }
            from = from.max(time.end);
        }
        if from < gap.to {
            left.push(Gap { from, ..*gap });
        }
    }
    left
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds and counts of a few years fit a double")]
const fn as_f64(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(range: Range<i64>) -> Range<UtcTime> {
        UtcTime::from_ms(range.start * 60_000)..UtcTime::from_ms(range.end * 60_000)
    }

    fn gap(range: Range<i64>, cause: GapCause) -> Gap {
        let Range { start, end } = minutes(range);
        Gap { from: start, to: end, cause, missing: 0, ongoing: false, partial: false }
    }

    #[test]
    fn readings_that_were_removed_are_nothing_that_rows_are_missing() {
        let power = gap(0..90, GapCause::Power);
        let gaps = [power, gap(10..100, GapCause::Quota), gap(40..50, GapCause::Storage)];
        let rows = [minutes(20..30), minutes(30..60), minutes(95..200)];
        let left = gaps_beside_rows(&gaps, &rows);
        assert_eq!(left, [power, gap(10..20, GapCause::Quota), gap(60..95, GapCause::Quota)]);
        assert_eq!(gaps_beside_rows(&gaps, &[]), gaps);
    }
}
