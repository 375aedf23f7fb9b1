//! The row of one series over one quarter hour, from its readings; for a register also what it did
//! besides plain growth, and the outage that ended then.

use std::ops::Range;
use std::sync::Arc;

use crate::counter::{Event, Rulings};
use crate::limits;
use crate::model::reading::{Reading, SeriesId};
use crate::stats::quarter::Row;
use crate::stats::rates::RatedTime;
use crate::stats::register::{self, Outage};
use crate::stats::{SeriesKind, SeriesProfile, usable};
use crate::store::error::StoreError;
use crate::store::history::History;
use crate::store::shared::Shared;
use crate::time::{Interval, UtcTime};

/// Intervals beyond each end of a quarter hour in which a register's next readings are found as long as
/// nothing fails.
const INTERVALS_NEAR: i64 = 4;
/// Readings of a register that are wanted before an outage: a wrong one is seen by its neighbours, and
/// the first of all has none.
const WANTED_BEFORE: usize = 3;
/// Readings of a register that are wanted after an outage.
const WANTED_AFTER: usize = 2;

/// What the readings of a series tell about a quarter hour.
#[derive(Default)]
pub(in crate::store) struct QuarterRow {
    pub(in crate::store) row: Row,
    /// What a register did besides plain growth, up to the end of the quarter hour.
    pub(in crate::store) events: Vec<Event>,
    /// By which rulings.
    pub(in crate::store) rulings: Rulings,
    /// The time over which nobody read a register, where that ended in the quarter hour.
    pub(in crate::store) outage: Option<Outage>,
}

impl QuarterRow {
    /// What the readings of `series` tell about the quarter hour `period`, which `rated` cuts by rate.
    pub(in crate::store) fn of(
        shared: &Arc<Shared>,
        profile: &SeriesProfile,
        series: SeriesId,
        period: &Range<UtcTime>,
        rated: &[RatedTime],
    ) -> Result<Self, StoreError> {
        if profile.kind != SeriesKind::Register {
            let readings = read(shared, series, profile.kind.times_of(period))?;
            let row = Row::of(profile, &<_>::default(), period, rated, &readings);
            return Ok(Self { row, ..Self::default() });
        }
        let rulings = shared.state().ledgers.counters.rulings(series);
        let near_ms = near_ms(profile.interval);
        let readings = around(shared, series, period, near_ms)?;
        let near_from = UtcTime::from_ms(period.start.as_ms() - near_ms);
        Ok(Self {
            row: Row::of(profile, &rulings, period, rated, &readings),
            events: register::events(profile, &rulings, period, &readings),
            outage: Outage::find(profile, &rulings, period, near_from, &readings),
            rulings,
        })
    }
}

/// How far a register's next reading is away as long as nothing fails.
fn near_ms(interval: Interval) -> i64 {
    interval.as_ms().saturating_mul(INTERVALS_NEAR).min(Interval::DAY.as_ms())
}

/// The readings of a register in `period` and the usable ones next to it, however far away those are;
/// nothing in the midst of an outage, which is told by the quarter hour that it ends in.
fn around(
    shared: &Arc<Shared>,
    series: SeriesId,
    period: &Range<UtcTime>,
    near_ms: i64,
) -> Result<Vec<Reading>, StoreError> {
    let near = UtcTime::from_ms(period.start.as_ms() - near_ms)
        ..UtcTime::from_ms(period.end.as_ms().saturating_add(near_ms));
    let mut readings = read(shared, series, near.clone())?;
    let has = |readings: &[Reading], is_there: &dyn Fn(UtcTime) -> bool| {
        readings.iter().any(|reading| is_there(reading.at) && usable(reading).is_some())
    };
    if !has(&readings, &|_| true) {
        return Ok(Vec::new());
    }
    // One at the very start is enough for the row, but not to see the outage that it ends.
    if !has(&readings, &|at| at < period.start) {
        let mut older = last_before(shared, series, near.start)?;
        older.append(&mut readings);
        readings = older;
    }
    if !has(&readings, &|at| at >= period.end) {
        readings.extend(first_after(shared, series, near.end)?);
    }
    Ok(readings)
}

fn read(shared: &Arc<Shared>, series: SeriesId, range: Range<UtcTime>) -> Result<Vec<Reading>, StoreError> {
    History::new(shared, series, range)?.collect()
}

/// The last usable readings of a register before `at`, looked for no further back than a month.
fn last_before(shared: &Arc<Shared>, series: SeriesId, at: UtcTime) -> Result<Vec<Reading>, StoreError> {
    let mut until = at;
    for _ in 0..limits::QUERY_EDGE_DAYS_MAX {
        let from = UtcTime::from_ms(until.as_ms() - Interval::DAY.as_ms());
        let mut found = read(shared, series, from..until)?;
        found.retain(|reading| usable(reading).is_some());
        if !found.is_empty() {
            let surplus = found.len().saturating_sub(WANTED_BEFORE);
            return Ok(found.split_off(surplus));
        }
        until = from;
    }
    Ok(Vec::new())
}

/// The first usable readings of a register from `at` on, looked for no further than a month, and no
/// further than it was ever read.
fn first_after(shared: &Arc<Shared>, series: SeriesId, at: UtcTime) -> Result<Vec<Reading>, StoreError> {
    let newest = shared.state().latest.get(series).and_then(|latest| Some(latest.reading?.at));
    let mut from = at;
    for _ in 0..limits::QUERY_EDGE_DAYS_MAX {
        if newest.is_none_or(|newest| newest < from) {
            break;
        }
        let until = from.plus(Interval::DAY);
        let mut found: Vec<Reading> = Vec::new();
        for reading in History::new(shared, series, from..until)? {
            let reading = reading?;
            if usable(&reading).is_some() {
                found.push(reading);
                if found.len() >= WANTED_AFTER {
                    break;
                }
            }
        }
        if !found.is_empty() {
            return Ok(found);
        }
        from = until;
    }
    Ok(Vec::new())
}
