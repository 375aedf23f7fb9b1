//! Filling: one value for every interval of the local clock, be there readings or not.
//!
//! What was read comes first and keeps its own time. What is made up says so, lies at the start of its
//! interval, and rests on readings at most [`limits::QUERY_EDGE_DAYS_MAX`] days away. Nothing is made up
//! for a time that has not come.

use std::ops::Range;

use super::historical_data::Readings;
use crate::limits;
use crate::model::reading::{Reading, Value};
use crate::stats::usable;
use crate::store::StoreError;
use crate::time::{Interval, UtcOffset, UtcTime};

/// What stands for an interval in which nothing was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fill {
    /// No value: the interval is left out.
    #[default]
    None,
    /// A row without a value.
    Null,
    /// The value before it.
    Previous,
    /// The value on a straight line between its neighbours.
    Linear,
}

/// What a row of historical data tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// What was read, with a value or with the cause why there is none.
    Read(Reading),
    /// Nothing was read in the interval that begins then.
    Absent(UtcTime),
    /// Nothing was read either; this is the value before it.
    Carried(UtcTime, Value),
    /// Nothing was read either; this lies on the line between its neighbours.
    Interpolated(UtcTime, f64),
}

/// The intervals of the local clock that a range touches, up to now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slots {
    range: Range<UtcTime>,
    first: UtcTime,
    interval: Interval,
}

impl Slots {
    pub(super) fn new(range: &Range<UtcTime>, interval: Interval, offset: UtcOffset, now: UtcTime) -> Self {
        let first = range.start.floor_local(interval, offset);
        Self { range: range.start..range.end.min(now).max(range.start), first, interval }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        if self.range.is_empty() {
            return 0;
        }
        let length_ms = self.range.end.ms_since(self.first).unsigned_abs();
        length_ms.div_ceil(self.interval.as_ms().unsigned_abs())
    }

    /// The part of the range that interval `number` covers.
    fn slot(&self, number: u64) -> Range<UtcTime> {
        let shift_ms = i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(self.interval.as_ms());
        let start = UtcTime::from_ms(self.first.as_ms().saturating_add(shift_ms));
        start.max(self.range.start)..start.plus(self.interval).min(self.range.end)
    }

    fn place_of(&self, at: UtcTime) -> u64 {
        at.ms_since(self.first).max(0).unsigned_abs() / self.interval.as_ms().unsigned_abs()
    }
}

/// What is filled, and from what.
pub(super) struct Filling<'s> {
    /// Gives the readings of a range.
    pub(super) read: &'s dyn Fn(Range<UtcTime>) -> Result<Readings, StoreError>,
    pub(super) slots: Slots,
    pub(super) fill: Fill,
    /// Registers only grow, so that no line is drawn down from one of their readings to the next.
    pub(super) is_register: bool,
}

/// What is known of one interval.
#[derive(Clone, Debug, Default)]
struct Seen {
    /// The last reading with a value, or else the last one.
    kept: Option<Reading>,
    first_usable: Option<(UtcTime, f64)>,
    last_usable: Option<(UtcTime, f64)>,
}

impl Seen {
    fn add(&mut self, reading: Reading) {
        if let Some(number) = usable(&reading) {
            self.first_usable.get_or_insert((reading.at, number));
            self.last_usable = Some((reading.at, number));
        }
        let hides_a_value = self.kept.as_ref().is_some_and(|kept| kept.quality.has_value());
        if reading.quality.has_value() || !hides_a_value {
            self.kept = Some(reading);
        }
    }
}

impl Filling<'_> {
    /// The rows of the intervals `part`, in order of time; at most a page.
    pub(super) fn rows(&self, part: &Range<u64>) -> Result<Vec<Told>, StoreError> {
        if part.is_empty() {
            return Ok(Vec::new());
        }
        let window = self.slots.slot(part.start).start..self.slots.slot(part.end - 1).end;
        let mut seen = vec![Seen::default(); usize::try_from(part.end - part.start).unwrap_or(0)];
        for reading in (self.read)(window.clone())? {
            let reading = reading?;
            let place = self.slots.place_of(reading.at).saturating_sub(part.start);
            if let Some(slot) = usize::try_from(place).ok().and_then(|place| seen.get_mut(place)) {
                slot.add(reading);
            }
        }
        let starts: Vec<UtcTime> = part.clone().map(|number| self.slots.slot(number).start).collect();
        match self.fill {
            Fill::None | Fill::Null => Ok(rows_of(&starts, seen, |_, _| None)),
            Fill::Previous => self.carried(&window, &starts, seen),
            Fill::Linear => self.interpolated(&window, &starts, seen),
        }
    }

    fn carried(
        &self,
        window: &Range<UtcTime>,
        starts: &[UtcTime],
        seen: Vec<Seen>,
    ) -> Result<Vec<Told>, StoreError> {
        let mut before = None;
        if is_empty(seen.first()) {
            before = self
                .last_before(window.start, |reading| reading.quality.has_value().then(|| reading.clone()))?;
        }
        let mut carried = Vec::with_capacity(seen.len());
        for slot in &seen {
            carried.push(before.clone());
            before = slot.kept.clone().filter(|kept| kept.quality.has_value()).or(before);
        }
        Ok(rows_of(starts, seen, |place, at| {
            let reading = carried.get(place)?.as_ref().filter(|reading| is_near(reading.at, at))?;
            Some(Told::Carried(at, reading.value.clone()?))
        }))
    }

    fn interpolated(
        &self,
        window: &Range<UtcTime>,
        starts: &[UtcTime],
        seen: Vec<Seen>,
    ) -> Result<Vec<Told>, StoreError> {
        let number = |reading: &Reading| usable(reading).map(|number| (reading.at, number));
        let mut before = if is_empty(seen.first()) { self.last_before(window.start, number)? } else { None };
        let mut after = if is_empty(seen.last()) { self.first_after(window.end, number)? } else { None };
        let mut neighbours = vec![(None, None); seen.len()];
        for (place, slot) in seen.iter().enumerate() {
            neighbours[place].0 = before;
            before = slot.last_usable.or(before);
        }
        for (place, slot) in seen.iter().enumerate().rev() {
            neighbours[place].1 = after;
            after = slot.first_usable.or(after);
        }
        Ok(rows_of(starts, seen, |place, at| {
            let (before, after) = *neighbours.get(place)?;
            let (before, after): ((UtcTime, f64), (UtcTime, f64)) = (before?, after?);
            let is_known = is_near(before.0, at) && is_near(after.0, at);
            let falls = self.is_register && after.1 < before.1;
            (is_known && !falls).then(|| Told::Interpolated(at, on_line(before, after, at)))
        }))
    }

    /// The last before `edge` that `take` takes, looked for a day at a time.
    fn last_before<T>(
        &self,
        edge: UtcTime,
        take: impl Fn(&Reading) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut until = edge;
        for days in 1..=limits::QUERY_EDGE_DAYS_MAX {
            let from = UtcTime::from_ms(edge.as_ms().saturating_sub(days * Interval::DAY.as_ms()));
            let mut last = None;
            for reading in (self.read)(from..until)? {
                last = take(&reading?).or(last);
            }
            if last.is_some() {
                return Ok(last);
            }
            until = from;
        }
        Ok(None)
    }

    /// The first at or after `edge` that `take` takes.
    fn first_after<T>(
        &self,
        edge: UtcTime,
        take: impl Fn(&Reading) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let days_ms = limits::QUERY_EDGE_DAYS_MAX * Interval::DAY.as_ms();
        let until = UtcTime::from_ms(edge.as_ms().saturating_add(days_ms));
        for reading in (self.read)(edge..until)? {
            if let Some(taken) = take(&reading?) {
                return Ok(Some(taken));
            }
        }
        Ok(None)
    }
}

fn is_empty(slot: Option<&Seen>) -> bool {
    slot.is_some_and(|slot| slot.last_usable.is_none())
}

fn is_near(reading: UtcTime, at: UtcTime) -> bool {
    at.ms_since(reading).abs() <= limits::QUERY_EDGE_DAYS_MAX * Interval::DAY.as_ms()
}

/// A row for each interval: what was read with a value, or what `fill` makes up, or what was read without
/// one, or nothing.
fn rows_of(starts: &[UtcTime], seen: Vec<Seen>, fill: impl Fn(usize, UtcTime) -> Option<Told>) -> Vec<Told> {
    let rows = starts.iter().zip(seen).enumerate();
    rows.map(|(place, (start, slot))| match slot.kept {
        Some(kept) if kept.quality.has_value() => Told::Read(kept),
        kept => fill(place, *start).or(kept.map(Told::Read)).unwrap_or(Told::Absent(*start)),
    })
    .collect()
}

#[expect(clippy::cast_precision_loss, reason = "two months in milliseconds are far below 2^53")]
fn on_line(before: (UtcTime, f64), after: (UtcTime, f64), at: UtcTime) -> f64 {
    let (whole, part) = (after.0.ms_since(before.0) as f64, at.ms_since(before.0) as f64);
    if whole <= 0.0 { before.1 } else { before.1 + (after.1 - before.1) * (part / whole) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::config::site::StoreSettings;
    use crate::model::quality::Cause;
    use crate::model::reading::{Sample, Scan};
    use crate::store::Store;

    const MINUTE_MS: i64 = 60_000;

    fn minute(minute: i64) -> UtcTime {
        UtcTime::from_ms(20_000 * Interval::DAY.as_ms() + minute * MINUTE_MS)
    }

    fn minutes(at: UtcTime) -> i64 {
        at.ms_since(minute(0)) / MINUTE_MS
    }

    /// What is told of every ten minutes of `range`, when readings were taken at these minutes; `None` for
    /// a failed one.
    fn told(
        readings: &[(i64, Option<f64>)],
        range: Range<i64>,
        now: i64,
        fill: Fill,
        is_register: bool,
    ) -> Vec<Told> {
        let dir = tempfile::tempdir().unwrap();
        let settings = StoreSettings { raw_days: 400, ..StoreSettings::default() };
        let store = Store::open(dir.path(), &settings).unwrap();
        let series = store.series("PT", "P").unwrap();
        let group = store.group(&[series]).unwrap();
        for (at, value) in readings {
            let sample = value.map_or(Sample::missing(Cause::Timeout), |v| Sample::good(Value::Number(v)));
            store.append_blocking(Scan { group, at: minute(*at), samples: vec![sample] }).unwrap();
        }
        store.flush().unwrap();
        let range = minute(range.start)..minute(range.end);
        let interval = Interval::from_ms(10 * MINUTE_MS).unwrap();
        let slots = Slots::new(&range, interval, UtcOffset::UTC, minute(now));
        let count = slots.count();
        let read = |range: Range<UtcTime>| Ok(Box::new(store.history(series, range)?) as Readings);
        let filling = Filling { read: &read, slots, fill, is_register };
        let whole = filling.rows(&(0..count)).unwrap();
        // However it is cut into pages, the whole is the same.
        let pages: Vec<Told> =
            (0..count).step_by(2).flat_map(|at| filling.rows(&(at..count.min(at + 2))).unwrap()).collect();
        assert_eq!(pages, whole);
        whole
    }

    fn shown(told: &[Told]) -> Vec<String> {
        let each = told.iter().map(|told| match told {
            Told::Read(reading) => format!("{} read {:?}", minutes(reading.at), reading.number()),
            Told::Absent(at) => format!("{} absent", minutes(*at)),
            Told::Carried(at, value) => format!("{} carried {:?}", minutes(*at), value.number()),
            Told::Interpolated(at, number) => format!("{} line {number}", minutes(*at)),
        });
        each.collect()
    }

    const READINGS: [(i64, Option<f64>); 5] =
        [(-5, Some(1.0)), (12, Some(2.0)), (18, None), (31, None), (52, Some(6.0))];

    #[test]
    fn every_interval_has_one_row_and_what_was_read_keeps_its_time() {
        let rows = |fill| shown(&told(&READINGS, 5..60, 1_000, fill, false));
        assert_eq!(
            rows(Fill::Null),
            ["5 absent", "12 read Some(2.0)", "20 absent", "31 read None", "40 absent", "52 read Some(6.0)"]
        );
        assert_eq!(
            rows(Fill::Previous),
            [
                "5 carried Some(1.0)",
                "12 read Some(2.0)",
                "20 carried Some(2.0)",
                "30 carried Some(2.0)",
                "40 carried Some(2.0)",
                "52 read Some(6.0)"
            ]
        );
        let line = rows(Fill::Linear);
        assert_eq!(
            line[1..],
            ["12 read Some(2.0)", "20 line 2.8", "30 line 3.8", "40 line 4.8", "52 read Some(6.0)"]
        );
        assert!(line[0].starts_with("5 line 1.58"), "{line:?}");
    }

    #[test]
    fn nothing_is_made_up_for_a_time_that_has_not_come_nor_without_neighbours() {
        let rows = |now, fill| shown(&told(&[(12, Some(2.0))], 0..60, now, fill, false));
        assert_eq!(rows(25, Fill::Previous), ["0 absent", "12 read Some(2.0)", "20 carried Some(2.0)"]);
        assert_eq!(rows(25, Fill::Linear), ["0 absent", "12 read Some(2.0)", "20 absent"]);
        assert_eq!(rows(0, Fill::Previous), Vec::<String>::new());
    }

    #[test]
    fn no_line_is_drawn_across_a_reset_of_a_register_nor_across_more_than_a_month() {
        let readings = [(2, Some(90.0)), (32, Some(5.0))];
        assert_eq!(shown(&told(&readings, 10..20, 1_000, Fill::Linear, true)), ["10 absent"]);
        assert_eq!(shown(&told(&readings, 10..20, 1_000, Fill::Linear, false)).len(), 1);
        let month = 31 * 24 * 60;
        let far = [(0, Some(1.0)), (2 * month, Some(3.0))];
        let at = |start: i64, fill| shown(&told(&far, start..start + 10, 4 * month, fill, false));
        assert_eq!(at(month, Fill::Linear), [format!("{month} line 2")]);
        assert_eq!(at(month + 10, Fill::Linear), [format!("{} absent", month + 10)]);
        assert_eq!(at(month + 10, Fill::Previous), [format!("{} absent", month + 10)]);
    }

    /// The same, by looking at all readings for each interval.
    fn naive(readings: &[(i64, Option<f64>)], range: &Range<i64>, fill: Fill) -> Vec<String> {
        let first = range.start.div_euclid(10) * 10;
        let starts = (first..range.end).step_by(10);
        starts.map(|at| naive_row(readings, at.max(range.start)..(at + 10).min(range.end), fill)).collect()
    }

    fn naive_row(readings: &[(i64, Option<f64>)], slot: Range<i64>, fill: Fill) -> String {
        let inside: Vec<_> = readings.iter().filter(|(minute, _)| slot.contains(minute)).collect();
        if let Some((minute, value)) = inside.iter().rev().find(|(_, value)| value.is_some()) {
            return format!("{minute} read {value:?}");
        }
        let from = slot.start;
        let before = readings.iter().rev().find(|(minute, value)| *minute < from && value.is_some());
        let after = readings.iter().find(|(minute, value)| *minute >= slot.end && value.is_some());
        let failed = || inside.last().map(|(minute, _)| format!("{minute} read None"));
        let absent = || failed().unwrap_or_else(|| format!("{from} absent"));
        match (fill, before, after) {
            (Fill::Previous, Some((_, value)), _) => format!("{from} carried {value:?}"),
            (Fill::Linear, Some((b, Some(x))), Some((a, Some(y)))) => {
                format!("{from} line {}", on_line((minute(*b), *x), (minute(*a), *y), minute(from)))
            }
            _ => absent(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn rows_are_those_of_a_naive_model(
            readings in proptest::collection::btree_map(-60_i64..160, proptest::option::of(0_i32..100), 0..24),
            start in 0_i64..40,
        ) {
            let readings: Vec<(i64, Option<f64>)> =
                readings.into_iter().map(|(at, value)| (at, value.map(f64::from))).collect();
            let range = start..100;
            for fill in [Fill::Null, Fill::Previous, Fill::Linear] {
                let found = shown(&told(&readings, range.clone(), 1_000, fill, false));
                prop_assert_eq!(found, naive(&readings, &range, fill));
            }
        }
    }
}
