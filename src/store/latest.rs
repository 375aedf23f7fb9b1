//! The newest reading of every series, held in memory.

use crate::model::quality::{Cause, Quality};
use crate::model::reading::{Reading, Sample, SeriesId};
use crate::time::UtcTime;

/// The newest that is known of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latest {
    /// The last reading that had a value; it keeps its own time.
    pub reading: Option<Reading>,
    /// When and why the newest scan had no value; `None` when it had one.
    pub failing: Option<(UtcTime, Cause)>,
}

impl Latest {
    /// When the series was scanned last, whatever came of it.
    #[must_use]
    pub fn at(&self) -> Option<UtcTime> {
        let read = self.reading.as_ref().map(|reading| reading.at);
        read.max(self.failing.map(|(at, _)| at))
    }

    /// Takes in a newer sample.
    fn update(&mut self, at: UtcTime, sample: &Sample) {
        match sample.quality {
            Quality::Missing(Cause::Withdrawn) => {
                self.reading.take_if(|reading| reading.at == at);
                self.failing = Some((at, Cause::Withdrawn));
            }
            Quality::Missing(cause) => self.failing = Some((at, cause)),
            Quality::Good | Quality::Suspect(_) => {
                self.reading = Some(Reading::new(at, sample.clone()));
                self.failing = None;
            }
        }
    }
}

/// One [`Latest`] for every series.
#[derive(Debug, Default)]
pub(super) struct LatestTable(Vec<Option<Latest>>);

impl LatestTable {
    /// What is known of `series`; `None` when it was never scanned.
    pub(super) fn get(&self, series: SeriesId) -> Option<Latest> {
        self.0.get(series.0 as usize)?.clone()
    }

    /// When a series was scanned last.
    pub(super) fn last_at(&self, series: SeriesId) -> Option<UtcTime> {
        self.0.get(series.0 as usize)?.as_ref().and_then(Latest::at)
    }

    /// Takes in one scan of `series`, later than every one before.
    pub(super) fn update(&mut self, series: &[SeriesId], at: UtcTime, samples: &[Sample]) {
        for (series, sample) in series.iter().zip(samples) {
            self.slot(*series).get_or_insert_default().update(at, sample);
        }
    }

    /// What is known of each of `series`.
    pub(super) fn of(&self, series: &[SeriesId]) -> Vec<Option<Latest>> {
        series.iter().map(|series| self.get(*series)).collect()
    }

    /// Puts back what was `known` of each of `series` before a scan of `at` was taken in, where that is
    /// newer.
    pub(super) fn put_back(&mut self, series: &[SeriesId], known: Vec<Option<Latest>>, at: UtcTime) {
        for (series, known) in series.iter().zip(known) {
            if let Some(mut known) = known.filter(|known| known.at().is_some_and(|newest| newest > at)) {
                let slot = self.slot(*series);
                let late = slot.take().and_then(|latest| latest.reading);
                if known.reading.as_ref().is_none_or(|reading| reading.at <= at) {
                    known.reading = late;
                }
                *slot = Some(known);
            }
        }
    }

    /// Takes from `older` what is not known here.
    pub(super) fn fill_from(&mut self, older: Self) {
        for (series, older) in (0_u32..).zip(older.0) {
            let Some(older) = older else { continue };
            match self.slot(SeriesId(series)) {
                Some(known) => known.reading = known.reading.take().or(older.reading),
                slot => *slot = Some(older),
            }
        }
    }

    /// Whether nothing older could add anything to what is known of these series.
    pub(super) fn knows_all(&self, series: &[SeriesId]) -> bool {
        let known = |series: &SeriesId| {
            self.0
                .get(series.0 as usize)
                .is_some_and(|known| known.as_ref().is_some_and(|known| known.reading.is_some()))
        };
        series.iter().all(known)
    }

    /// Takes in samples of one series, in order, all older than every one known so far.
    pub(super) fn fill(&mut self, series: SeriesId, older: impl Iterator<Item = (UtcTime, Sample)>) {
        let mut latest = Latest::default();
        let mut seen = false;
        for (at, sample) in older {
            latest.update(at, &sample);
            seen = true;
        }
        match self.slot(series) {
            Some(known) => known.reading = known.reading.take().or(latest.reading),
            slot => *slot = seen.then_some(latest),
        }
    }

    fn slot(&mut self, series: SeriesId) -> &mut Option<Latest> {
        let index = series.0 as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, None);
        }
        &mut self.0[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::Value;

    const SERIES: SeriesId = SeriesId(3);

    fn number(value: f64) -> Sample {
        Sample::good(Value::Number(value))
    }

    #[test]
    fn an_old_value_keeps_its_time_while_the_meter_fails() {
        let mut table = LatestTable::default();
        assert_eq!(table.get(SERIES), None);
        table.update(&[SERIES], UtcTime::from_ms(1_000), &[number(1.0)]);
        table.update(&[SERIES], UtcTime::from_ms(2_000), &[Sample::missing(Cause::Timeout)]);
        let latest = table.get(SERIES).unwrap();
        assert_eq!(latest.reading, Some(Reading::new(UtcTime::from_ms(1_000), number(1.0))));
        assert_eq!(latest.failing, Some((UtcTime::from_ms(2_000), Cause::Timeout)));
        table.update(&[SERIES], UtcTime::from_ms(3_000), &[number(2.0)]);
        assert_eq!(table.get(SERIES).unwrap().failing, None);
    }

    #[test]
    fn a_late_scan_changes_only_what_is_older_than_itself() {
        let missing = Sample::missing(Cause::Timeout);
        let good = |at, value| Some(Reading::new(UtcTime::from_ms(at), number(value)));
        let failing = Some((UtcTime::from_ms(9_000), Cause::Timeout));
        for (late_at, late, reading, still_failing) in [
            (6_000, number(2.0), good(6_000, 2.0), failing),
            (6_000, missing.clone(), good(5_000, 1.0), failing),
            (4_000, number(2.0), good(5_000, 1.0), failing),
            (9_500, number(2.0), good(9_500, 2.0), None),
        ] {
            let mut table = LatestTable::default();
            table.update(&[SERIES], UtcTime::from_ms(5_000), &[number(1.0)]);
            table.update(&[SERIES], UtcTime::from_ms(9_000), std::slice::from_ref(&missing));
            let (known, at) = (table.of(&[SERIES]), UtcTime::from_ms(late_at));
            table.update(&[SERIES], at, &[late]);
            table.put_back(&[SERIES], known, at);
            assert_eq!(table.get(SERIES), Some(Latest { reading, failing: still_failing }), "{late_at}");
        }
    }

    #[test]
    fn older_samples_fill_in_only_what_newer_ones_leave_open() {
        let mut table = LatestTable::default();
        table.update(&[SERIES], UtcTime::from_ms(9_000), &[Sample::missing(Cause::Timeout)]);
        assert!(!table.knows_all(&[SERIES]));
        let older = [(UtcTime::from_ms(1_000), number(1.0)), (UtcTime::from_ms(2_000), number(2.0))];
        table.fill(SERIES, older.clone().into_iter());
        assert!(table.knows_all(&[SERIES]));
        table.fill(SERIES, older.into_iter().take(1));
        let latest = table.get(SERIES).unwrap();
        assert_eq!(latest.reading, Some(Reading::new(UtcTime::from_ms(2_000), number(2.0))));
        assert_eq!(latest.failing, Some((UtcTime::from_ms(9_000), Cause::Timeout)));
    }
}
