//! Register edges: the readings of a register just beyond the ends of a range.
//!
//! What flowed up to midnight lies between the last reading before it and the first one after it.
//! Two readings on each side are taken, because a single wrong one is only seen by its neighbours.

use std::ops::Range;

use crate::limits;
use crate::model::reading::{Reading, SeriesId};
use crate::stats::usable;
use crate::store::{Store, StoreError};
use crate::time::{Interval, UtcTime};

/// Readings wanted beyond each end.
const WANTED: usize = 2;
/// Intervals in which they are found as long as nothing fails.
const INTERVALS_NEAR: i64 = 4;

/// The usable readings next to a range, in order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RegisterEdges {
    pub(super) before: Vec<Reading>,
    pub(super) after: Vec<Reading>,
}

impl RegisterEdges {
    /// Looks at most [`limits::QUERY_EDGE_DAYS_MAX`] days far, a day at a time.
    pub(super) fn find(
        store: &Store,
        series: SeriesId,
        range: &Range<UtcTime>,
        interval: Interval,
    ) -> Result<Self, StoreError> {
        let near_ms = interval.as_ms().saturating_mul(INTERVALS_NEAR).min(Interval::DAY.as_ms());
        Ok(Self {
            before: before(store, series, range.start, near_ms)?,
            after: after(store, series, range.end)?,
        })
    }
}

fn before(store: &Store, series: SeriesId, edge: UtcTime, near_ms: i64) -> Result<Vec<Reading>, StoreError> {
    let mut found: Vec<Reading> = Vec::new();
    let mut until = edge;
    let days = (1..=limits::QUERY_EDGE_DAYS_MAX).map(|days| days * Interval::DAY.as_ms());
    for back_ms in std::iter::once(near_ms).chain(days) {
        let from = UtcTime::from_ms(edge.as_ms().saturating_sub(back_ms)).min(until);
        let mut older = newest_of(store.history(series, from..until)?)?;
        older.append(&mut found);
        found = older;
        if found.len() >= WANTED {
            break;
        }
        until = from;
    }
    let surplus = found.len().saturating_sub(WANTED);
    Ok(found.split_off(surplus))
}

/// The last usable ones, in order of time.
fn newest_of(history: impl Iterator<Item = Result<Reading, StoreError>>) -> Result<Vec<Reading>, StoreError> {
    let mut newest = Vec::new();
    for reading in history {
        let reading = reading?;
        if usable(&reading).is_some() {
            if newest.len() == WANTED {
                newest.remove(0);
            }
            newest.push(reading);
        }
    }
    Ok(newest)
}

fn after(store: &Store, series: SeriesId, edge: UtcTime) -> Result<Vec<Reading>, StoreError> {
    let days_ms = limits::QUERY_EDGE_DAYS_MAX * Interval::DAY.as_ms();
    let until = UtcTime::from_ms(edge.as_ms().saturating_add(days_ms));
    let mut found = Vec::new();
    for reading in store.history(series, edge..until)? {
        let reading = reading?;
        if usable(&reading).is_some() {
            found.push(reading);
        }
        if found.len() == WANTED {
            break;
        }
    }
    Ok(found)
}
