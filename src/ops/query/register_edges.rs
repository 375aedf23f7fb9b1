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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::site::StoreSettings;
    use crate::model::quality::Cause;
    use crate::model::reading::{Sample, Scan, Value};

    const DAY_MS: i64 = 86_400_000;

    /// Scans as (day, value); a failed scan has none.
    fn edges(scans: &[(i64, Option<f64>)], range: Range<i64>) -> (Vec<f64>, Vec<f64>) {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreSettings { raw_days: 400, ..StoreSettings::default() };
        let store = Store::open(dir.path(), &settings).unwrap();
        let series = store.series("PT", "EPI").unwrap();
        let group = store.group(&[series]).unwrap();
        for (day, value) in scans {
            let sample = value.map_or(Sample::missing(Cause::Timeout), |v| Sample::good(Value::Number(v)));
            let at = UtcTime::from_ms((1_000 + day) * DAY_MS);
            store.append_blocking(Scan { group, at, samples: vec![sample] }).unwrap();
        }
        store.flush().unwrap();
        let day = |day: i64| UtcTime::from_ms((1_000 + day) * DAY_MS);
        let range = day(range.start)..day(range.end);
        let edges = RegisterEdges::find(&store, series, &range, Interval::QUARTER_HOUR).unwrap();
        let numbers = |readings: Vec<Reading>| readings.iter().filter_map(Reading::number).collect();
        (numbers(edges.before), numbers(edges.after))
    }

    #[test]
    fn the_nearest_two_on_each_side_are_found_behind_failed_scans() {
        let scans = [
            (0, Some(1.0)),
            (1, Some(2.0)),
            (2, Some(3.0)),
            (8, None),
            (9, None),
            (10, Some(4.0)),
            (20, None),
            (21, Some(5.0)),
            (25, Some(6.0)),
            (26, Some(7.0)),
        ];
        assert_eq!(edges(&scans, 10..20), (vec![2.0, 3.0], vec![5.0, 6.0]));
        assert_eq!(edges(&scans, 1..26), (vec![1.0], vec![7.0]));
    }

    #[test]
    fn a_gap_of_more_than_a_month_is_not_crossed() {
        let scans = [(0, Some(1.0)), (32, Some(2.0)), (63, Some(3.0))];
        assert_eq!(edges(&scans, 32..33), (vec![], vec![3.0]));
        assert_eq!(edges(&scans, 31..33), (vec![1.0], vec![3.0]));
    }
}
