//! Sums up readings into rows of quarter hours, those into rows of local days, and those into rows of
//! local months. `summed` reads them back.
//!
//! A row is always computed from what lies below it, by the same code the first time and every later
//! time: when late readings come, the rows above are computed anew, with the next revision.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time};

use crate::config::site::StoreSettings;
use crate::counter::{Event, Rulings};
use crate::limits;
use crate::model::reading::{GroupId, SeriesId};
use crate::stats::SeriesKind;
use crate::stats::quarter::Row;
use crate::stats::register::Outage;
use crate::store::disk::engine::Table;
use crate::store::error::StoreError;
use crate::store::profile::SiteProfile;
use crate::store::rows::quarter_row::QuarterRow;
use crate::store::rows::quarters::Quarter;
use crate::store::rows::{self, RowRecord};
use crate::store::shared::Shared;
use crate::time::{Interval, UtcOffset, UtcTime};

/// Minutes of a day.
pub(super) const DAY_MINUTES: u32 = 1_440;
/// Rows of days and months that are removed at one sealing.
const EXPIRED_AT_ONCE: usize = 64;

/// Lets every group go on with the quarter hour after the last one that is stored.
pub(in crate::store) fn resume(shared: &Shared) -> Result<(), StoreError> {
    let Some(newest) = shared.quarters.firsts().last().copied() else { return Ok(()) };
    let period = shared.quarters.holding(newest)?;
    let mut last: HashMap<GroupId, u32> = HashMap::new();
    for entry in period.records.all().rev().take(limits::QUARTERS_WAITING_MAX) {
        if let Some((minutes, group)) = rows::of_key(&entry?.0) {
            let known = last.entry(group).or_insert(minutes);
            *known = minutes.max(*known);
        }
    }
    let mut state = shared.state();
    for (group, minutes) in last {
        let start = UtcTime::from_ms(i64::from(minutes) * Interval::MINUTE.as_ms());
        state.quarters.summed_up_to(group, start.plus(Interval::QUARTER_HOUR));
    }
    Ok(())
}

/// Removes rows that have been kept long enough: a period of quarter hours, and a few days and months at
/// a time.
pub(in crate::store) fn remove_expired(
    shared: &Shared,
    settings: &StoreSettings,
    now: UtcTime,
) -> Result<(), StoreError> {
    let today = minutes(now) / DAY_MINUTES;
    let kept_from = today.saturating_sub(settings.quarter_days);
    // One at a time, should the clock be wrong for a moment.
    if let [oldest, next, ..] = shared.quarters.firsts().as_slice()
        && *next <= kept_from
    {
        shared.quarters.remove(*oldest)?;
    }
    let day_from = today.saturating_sub(settings.day_years.saturating_mul(366));
    let month_from = month_number(now, UtcOffset::UTC).saturating_sub(settings.day_years.saturating_mul(12));
    shared.with_database(|database| {
        let late_from = kept_from.saturating_mul(DAY_MINUTES);
        for (table, from) in
            [(&database.late_quarters, late_from), (&database.days, day_from), (&database.months, month_from)]
        {
            let end = rows::key(from, GroupId(0), 0);
            let old: Vec<_> = table.scan(..end).take(EXPIRED_AT_ONCE).collect::<Result<_, _>>()?;
            old.iter().try_for_each(|(key, _)| table.remove(key))?;
        }
        Ok(())
    })
}

/// Sums up one quarter hour of a group, and the day and the month that it completes or changes. One of
/// which the readings have gone stays as it is. While the medium takes no writes the rows wait in memory.
pub(in crate::store) fn sum_up(shared: &Arc<Shared>, (start, group): Quarter) -> Result<(), StoreError> {
    let state = shared.state();
    let Some(series) = state.names.group_series(group).cloned() else { return Ok(()) };
    let profile = state.profiles.clone();
    let has_gone = state.readings_from().is_some_and(|from| start < from.floor(Interval::QUARTER_HOUR));
    let waiting = state.waiting_rows.get((start, group));
    drop(state);
    if has_gone && waiting.is_none() {
        return Ok(());
    }
    let period = start..start.plus(Interval::QUARTER_HOUR);
    let rated = profile.rated(&period);
    let mut rows = Vec::with_capacity(series.len());
    let mut outages = Vec::new();
    let mut found = Vec::new();
    for series in series.iter() {
        let Some(known) = profile.series.get(series) else {
            rows.push(Row::default());
            continue;
        };
        let QuarterRow { row, events, rulings, outage } =
            QuarterRow::of(shared, known, *series, &period, &rated)?;
        if known.kind == SeriesKind::Register {
            found.push((*series, events, rulings));
        }
        outages.extend(outage.map(|outage| (rows.len(), outage, known.interval)));
        rows.push(row);
    }
    // Only memory may have what rows were computed from that have waited.
    let was_waiting = waiting.is_some();
    let sync = was_waiting || shared.state().quarters.is_idle();
    if let Some(waiting) = waiting {
        rows = no_fewer_readings(&rows, &waiting.rows);
    }
    if shared.state().failing().is_some() {
        note_events(shared, &period, &found, !was_waiting);
        shared.state().waiting_rows.put((start, group), &rows, profile.offset);
        return Ok(());
    }
    let is_changed = put_quarter(shared, (start, group), &rows, sync)?;
    note_events(shared, &period, &found, is_changed);
    if is_changed {
        // Before the day is summed up, of which they are a part.
        fill_outages(shared, start, group, &outages, &profile)?;
    }
    let day = local_midnight(start, profile.offset);
    let is_last_of_day = period.end >= day.plus(Interval::DAY);
    let day_is_known = shared.with_database(|database| {
        Ok(record(&database.days, day.local_day(profile.offset), group, day)?.is_some())
    })?;
    if is_changed && (is_last_of_day || day_is_known) {
        sum_up_day(shared, day, group, series.len(), profile.offset)?;
    }
    Ok(())
}

/// What registers did in a quarter hour and before it, and by which rulings.
type Found = [(SeriesId, Vec<Event>, Rulings)];

/// Notes what registers did. What happened in a quarter hour before may be known only now, and changes it;
/// but where nothing is new in this one, nothing of that is, and summing up would go round in circles.
fn note_events(shared: &Shared, period: &Range<UtcTime>, found: &Found, is_new: bool) {
    let mut state = shared.state();
    for (series, events, rulings) in found {
        if !state.ledgers.counters.found(*series, period, (events, rulings)) {
            continue;
        }
        for event in events.iter().filter(|event| is_new && event.at < period.start) {
            state.sum_up_again(*series, event);
        }
        state.wait_for_durability();
    }
}

/// Spreads what flowed while registers were not read over the time in which that was, up to the quarter
/// hour that begins at `end`. The one in which an outage began is summed up again; those between get
/// their rows at once, and so do whole days of which nothing is known.
fn fill_outages(
    shared: &Shared,
    end: UtcTime,
    group: GroupId,
    outages: &[(usize, Outage, Interval)],
    profile: &SiteProfile,
) -> Result<(), StoreError> {
    let offset = profile.offset;
    let begins =
        || outages.iter().map(|(_, outage, _)| outage.stretch.time.start.floor(Interval::QUARTER_HOUR));
    let Some(begin) = begins().min() else { return Ok(()) };
    for begin in begins() {
        shared.state().quarters.see_again((begin, group));
    }
    let width = shared.state().names.group_series(group).map_or(0, |series| series.len());
    let mut at = begin.plus(Interval::QUARTER_HOUR);
    while at < end {
        let day = local_midnight(at, offset);
        let next_day = day.plus(Interval::DAY);
        if at == day && next_day <= end && !is_known(shared, day, group, offset)? {
            let mut rows = vec![Row::default(); width];
            fill(&mut rows, outages, &(at..next_day), profile);
            put_day(shared, at, group, &rows, offset)?;
            at = next_day;
            continue;
        }
        let period = at..at.plus(Interval::QUARTER_HOUR);
        let known = quarter_record(shared, at, group)?;
        let mut rows = known.map_or_else(|| vec![Row::default(); width], |known| known.rows);
        fill(&mut rows, outages, &period, profile);
        put_quarter(shared, (at, group), &rows, shared.state().quarters.is_idle())?;
        at = period.end;
        if at == next_day {
            sum_up_day(shared, day, group, width, offset)?;
        }
    }
    Ok(())
}

/// Whether anything is stored of a day of a group.
fn is_known(shared: &Shared, day: UtcTime, group: GroupId, offset: UtcOffset) -> Result<bool, StoreError> {
    let of_day = shared
        .with_database(|database| Ok(record(&database.days, day.local_day(offset), group, day)?.is_some()))?;
    Ok(of_day || quarter_record(shared, day, group)?.is_some())
}

/// Puts what outages come to in `period` into the rows of the registers that were not read then.
fn fill(
    rows: &mut [Row],
    outages: &[(usize, Outage, Interval)],
    period: &Range<UtcTime>,
    profile: &SiteProfile,
) {
    let rated = profile.rated(period);
    for (place, outage, interval) in outages {
        let time = &outage.stretch.time;
        let is_inside = time.start <= period.start && period.end <= time.end;
        if let Some(row) = rows.get_mut(*place).filter(|row| is_inside && row.summary.readings == 0) {
            *row = outage.row(period, &rated, *interval);
        }
    }
}

/// Computes the rows of a day from its quarter hours.
fn sum_up_day(
    shared: &Shared,
    day: UtcTime,
    group: GroupId,
    width: usize,
    offset: UtcOffset,
) -> Result<(), StoreError> {
    let mut rows = vec![Row::default(); width];
    let mut at = day;
    while at < day.plus(Interval::DAY) {
        if let Some(found) = quarter_record(shared, at, group)? {
            add_rows(&mut rows, &found, at == day);
        }
        at = at.plus(Interval::QUARTER_HOUR);
    }
    put_day(shared, day, group, &rows, offset)
}

/// Puts the rows of a day, and computes those of the month where the day ends or changes it.
fn put_day(
    shared: &Shared,
    day: UtcTime,
    group: GroupId,
    rows: &[Row],
    offset: UtcOffset,
) -> Result<(), StoreError> {
    let Some(month) = first_of_month(day, offset, 0) else { return Ok(()) };
    let Some(next) = first_of_month(day, offset, 1) else { return Ok(()) };
    shared.with_database(|database| {
        if !put(&database.days, day.local_day(offset), group, day, rows)? {
            return Ok(());
        }
        let number = month_number(month, offset);
        let is_last = day.plus(Interval::DAY) >= next;
        if !is_last && record(&database.months, number, group, month)?.is_none() {
            return Ok(());
        }
        let mut rows = vec![Row::default(); rows.len()];
        let mut at = month;
        while at < next {
            if let Some(found) = record(&database.days, at.local_day(offset), group, at)? {
                add_rows(&mut rows, &found, at == month);
            }
            at = at.plus(Interval::DAY);
        }
        put(&database.months, number, group, month, &rows).map(|_| ())
    })
}

/// Takes in the rows that follow in time; those of the very start tell what registers showed then.
fn add_rows(rows: &mut [Row], later: &RowRecord, is_start: bool) {
    for (row, later) in rows.iter_mut().zip(&later.rows) {
        row.add(later);
        if is_start {
            row.boundary = later.boundary;
        }
    }
}

/// Puts the rows of a quarter hour into its period, or beside the days and months when that is over;
/// says whether they say something new.
fn put_quarter(
    shared: &Shared,
    (start, group): Quarter,
    new: &[Row],
    sync: bool,
) -> Result<bool, StoreError> {
    let known = stored_quarter(shared, start, group)?;
    let new = known.as_ref().map_or_else(|| new.to_vec(), |known| no_fewer_readings(new, &known.rows));
    if known.as_ref().is_some_and(|known| known.rows == new) || new.iter().all(Row::is_empty) {
        return Ok(false);
    }
    let minutes = minutes(start);
    let revision = known.map_or(0, |known| known.revision.saturating_add(1));
    let parts = (0_u8..).zip(rows::encode(&new, start, revision));
    let records: Vec<_> = parts.map(|(part, value)| (rows::key(minutes, group, part), value)).collect();
    let records = records.iter().map(|(key, value)| (key.as_slice(), value.as_slice()));
    put_records(shared, minutes / DAY_MINUTES, records, sync)?;
    Ok(true)
}

/// Puts rows of quarter hours of a `day` into their period, or beside the days and months when that is
/// over; and returns when they are on the medium, where that is to be waited for.
pub(super) fn put_records<'a>(
    shared: &Shared,
    day: u32,
    mut records: impl Iterator<Item = (&'a [u8], &'a [u8])>,
    sync: bool,
) -> Result<(), StoreError> {
    let newest = shared.quarters.firsts().last().copied();
    if newest.is_some_and(|first| day < first) {
        return shared.with_database(|database| {
            records.try_for_each(|(key, value)| database.late_quarters.put(key, value))?;
            if sync { database.sync() } else { Ok(()) }
        });
    }
    let is_full = newest.is_none_or(|first| {
        day.saturating_sub(first) >= limits::QUARTER_PERIOD_DAYS_MAX
            || shared.quarters.bytes(first) >= limits::PERIOD_BYTES_MAX
    });
    let period = match newest {
        Some(first) if !is_full || day <= first => shared.quarters.holding(first)?,
        _ => shared.quarters.begin(day)?,
    };
    for (key, value) in records {
        period.records.put(key, value)?;
    }
    if sync { period.sync() } else { Ok(()) }
}

/// The `new` rows, but for those of fewer readings than were `known`: readings of that time have gone
/// since, and what they came to has not. Nor has what is known to have flowed while nothing was read.
fn no_fewer_readings(new: &[Row], known: &[Row]) -> Vec<Row> {
    let rows = new.iter().enumerate().map(|(place, new)| match known.get(place) {
        Some(known) if known.summary.readings > new.summary.readings || new.is_empty() => *known,
        _ => *new,
    });
    rows.collect()
}

/// Puts rows in place of those that are known, with the next revision; says whether they differ.
fn put(table: &Table, number: u32, group: GroupId, start: UtcTime, new: &[Row]) -> Result<bool, StoreError> {
    let known = record(table, number, group, start)?;
    if known.as_ref().is_some_and(|known| known.rows == new) {
        return Ok(false);
    }
    let revision = known.map_or(0, |known| known.revision.saturating_add(1));
    for (part, value) in (0_u8..).zip(rows::encode(new, start, revision)) {
        table.put(&rows::key(number, group, part), &value)?;
    }
    Ok(true)
}

/// The rows of a group that are stored under `number`, all parts together.
pub(in crate::store) fn record(
    table: &Table,
    number: u32,
    group: GroupId,
    start: UtcTime,
) -> Result<Option<RowRecord>, StoreError> {
    let keys = rows::key(number, group, 0)..=rows::key(number, group, u8::MAX);
    let parts = table.scan(keys).map(|entry| Ok(rows::decode(&entry?.1, start)));
    let parts = parts.collect::<Result<Vec<_>, StoreError>>()?;
    Ok(rows::join(parts.into_iter()))
}

/// The rows of a quarter hour, those that wait for the medium first.
pub(in crate::store) fn quarter_record(
    shared: &Shared,
    start: UtcTime,
    group: GroupId,
) -> Result<Option<RowRecord>, StoreError> {
    let waiting = shared.state().waiting_rows.get((start, group));
    if waiting.is_some() { Ok(waiting) } else { stored_quarter(shared, start, group) }
}

/// The rows of a quarter hour on the medium; what was computed after its period was over comes first.
fn stored_quarter(shared: &Shared, start: UtcTime, group: GroupId) -> Result<Option<RowRecord>, StoreError> {
    let minutes = minutes(start);
    let late = shared.with_database(|database| record(&database.late_quarters, minutes, group, start))?;
    if late.is_some() {
        return Ok(late);
    }
    match shared.quarters.first_of(minutes / DAY_MINUTES) {
        Some(first) => record(&shared.quarters.holding(first)?.records, minutes, group, start),
        None => Ok(None),
    }
}

fn minutes(at: UtcTime) -> u32 {
    u32::try_from(at.as_ms().div_euclid(Interval::MINUTE.as_ms())).unwrap_or(0)
}

fn local_midnight(at: UtcTime, offset: UtcOffset) -> UtcTime {
    at.floor_local(Interval::DAY, offset)
}

pub(in crate::store) fn month_number(day: UtcTime, offset: UtcOffset) -> u32 {
    let date = day.civil(offset).date();
    u32::try_from(i32::from(date.year()) * 12 + i32::from(date.month()) - 1).unwrap_or(0)
}

/// Local midnight of the first day of the month of `at`, or of one `months` later.
pub(in crate::store) fn first_of_month(at: UtcTime, offset: UtcOffset, months: i8) -> Option<UtcTime> {
    let first: Date = at.civil(offset).date().first_of_month();
    let date = first.checked_add(jiff::Span::new().months(months)).ok()?;
    UtcTime::from_civil(DateTime::from_parts(date, Time::midnight()), offset).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::summary::Summary;

    fn row(readings: u64, growth: f64) -> Row {
        Row { summary: Summary { readings, growth, ..Summary::default() }, ..Row::default() }
    }

    #[test]
    fn a_row_is_replaced_by_one_of_as_many_readings_and_by_none_that_knows_less() {
        let outage =
            Row { summary: Summary { covered_ms: 1_000.0, ..row(0, 5.0).summary }, ..Row::default() };
        for (known, new, kept) in [
            (row(3, 1.0), row(3, 2.0), row(3, 2.0)),
            (row(3, 1.0), row(4, 2.0), row(4, 2.0)),
            (row(3, 1.0), row(2, 2.0), row(3, 1.0)),
            (outage, Row::default(), outage),
            (outage, row(1, 4.0), row(1, 4.0)),
        ] {
            assert_eq!(no_fewer_readings(&[new], &[known]), [kept]);
        }
        assert_eq!(no_fewer_readings(&[row(1, 1.0)], &[]), [row(1, 1.0)]);
    }
}
