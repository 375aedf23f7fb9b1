//! Reads rows back, put together to any stretch of time: what is told of times of which the readings
//! themselves have gone.

use std::ops::Range;

use crate::model::reading::{GroupId, SeriesId};
use crate::stats::SeriesKind;
use crate::stats::quarter::Row;
use crate::store::Store;
use crate::store::disk::database::Database;
use crate::store::error::StoreError;
use crate::store::rows::RowRecord;
use crate::store::rows::sums::{first_of_month, month_number, quarter_record, record};
use crate::time::{Interval, UtcOffset, UtcTime};

/// What readings came to, with how often that was computed anew.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summed {
    /// What they came to.
    pub row: Row,
    /// The sum of the revisions of all rows in it: it changes whenever one of them does.
    pub revision: u32,
}

impl Store {
    /// What the readings of `series` in `period` came to, as far as that is kept in rows: for times of
    /// which the readings themselves have gone. Quarter hours that lie in the period only in part are
    /// left out.
    ///
    /// # Errors
    /// When the series is unknown or the rows do not read at present.
    pub fn summed(&self, series: SeriesId, period: &Range<UtcTime>) -> Result<Summed, StoreError> {
        let (places, offset) = self.places_of(series)?;
        let mut best = Summed::default();
        for (group, place) in places {
            let summed = self.summed_in(group, usize::from(place), period, offset)?;
            // In a quarter hour that was not read a register has grown all the same.
            let worth = |summed: &Summed| (summed.row.summary.readings, summed.row.summary.covered_ms);
            if worth(&summed) > worth(&best) {
                best = summed;
            }
        }
        let state = self.shared.state();
        let kind = state.profiles.series.get(&series).map_or(SeriesKind::Level, |profile| profile.kind);
        let corrections = state.ledgers.entries.corrections(series, &kind.times_of(period));
        drop(state);
        best.revision = best.revision.saturating_add(corrections);
        Ok(best)
    }

    /// What the readings of `series` came to on the local day that begins at `midnight`, where that has
    /// been summed up.
    ///
    /// # Errors
    /// When the series is unknown or the rows do not read at present.
    pub fn day_row(&self, series: SeriesId, midnight: UtcTime) -> Result<Option<Summed>, StoreError> {
        self.stored_row(series, |database, group, offset| {
            record(&database.days, midnight.local_day(offset), group, midnight)
        })
    }

    /// As [`Store::day_row`], of the local month that begins at `first`.
    ///
    /// # Errors
    /// As there.
    pub fn month_row(&self, series: SeriesId, first: UtcTime) -> Result<Option<Summed>, StoreError> {
        self.stored_row(series, |database, group, offset| {
            record(&database.months, month_number(first, offset), group, first)
        })
    }

    /// The row that knows most, of all groups that the series has been in.
    fn stored_row(
        &self,
        series: SeriesId,
        read: impl Fn(&Database, GroupId, UtcOffset) -> Result<Option<RowRecord>, StoreError>,
    ) -> Result<Option<Summed>, StoreError> {
        let (places, offset) = self.places_of(series)?;
        let mut best: Option<Summed> = None;
        for (group, place) in places {
            let found = self.shared.with_database(|database| read(database, group, offset))?;
            let Some(found) = found else { continue };
            let Some(row) = found.rows.get(usize::from(place)) else { continue };
            if best.is_none_or(|best| row.summary.readings > best.row.summary.readings) {
                best = Some(Summed { row: *row, revision: u32::from(found.revision) });
            }
        }
        Ok(best)
    }

    fn places_of(&self, series: SeriesId) -> Result<(Vec<(GroupId, u16)>, UtcOffset), StoreError> {
        let state = self.shared.state();
        let places = state.names.places(series).ok_or(StoreError::UnknownSeries(series))?.to_vec();
        Ok((places, state.profiles.offset))
    }

    fn summed_in(
        &self,
        group: GroupId,
        place: usize,
        period: &Range<UtcTime>,
        offset: UtcOffset,
    ) -> Result<Summed, StoreError> {
        let mut summed = Summed::default();
        let mut at = ceil_quarter(period.start);
        while at < period.end {
            let (end, found) = self.longest_row(group, at, period.end, offset)?;
            if let Some(found) = found {
                summed.revision = summed.revision.saturating_add(u32::from(found.revision));
                if let Some(row) = found.rows.get(place) {
                    summed.row.add(row);
                    if at == period.start {
                        summed.row.boundary = row.boundary;
                    }
                }
            }
            at = end;
        }
        Ok(summed)
    }

    /// The rows of the longest stretch that begins at `at` and does not reach beyond `end`.
    fn longest_row(
        &self,
        group: GroupId,
        at: UtcTime,
        end: UtcTime,
        offset: UtcOffset,
    ) -> Result<(UtcTime, Option<RowRecord>), StoreError> {
        if at.floor_local(Interval::DAY, offset) == at {
            let day_end = at.plus(Interval::DAY);
            let month_end =
                first_of_month(at, offset, 1).filter(|_| first_of_month(at, offset, 0) == Some(at));
            let of_table = self.shared.with_database(|database| {
                if let Some(month_end) = month_end.filter(|month_end| *month_end <= end) {
                    let found = record(&database.months, month_number(at, offset), group, at)?;
                    if found.is_some() {
                        return Ok(Some((month_end, found)));
                    }
                }
                if day_end > end {
                    return Ok(None);
                }
                let found = record(&database.days, at.local_day(offset), group, at)?;
                Ok(found.is_some().then_some((day_end, found)))
            })?;
            if let Some(found) = of_table {
                return Ok(found);
            }
        }
        let quarter_end = at.plus(Interval::QUARTER_HOUR);
        if quarter_end > end {
            return Ok((end, None));
        }
        Ok((quarter_end, quarter_record(&self.shared, at, group)?))
    }

    /// From when on the readings themselves are kept; `None` when there are none.
    #[must_use]
    pub fn readings_from(&self) -> Option<UtcTime> {
        self.shared.state().readings_from()
    }
}

fn ceil_quarter(at: UtcTime) -> UtcTime {
    let floor = at.floor(Interval::QUARTER_HOUR);
    if floor == at { at } else { floor.plus(Interval::QUARTER_HOUR) }
}
