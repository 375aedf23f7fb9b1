//! Values that somebody enters by hand: kept as scans like any other, and noted in the book of entries.

use super::Store;
use crate::model::quality::{Cause, Doubt, Quality};
use crate::model::reading::{Sample, Scan, SeriesId, Value};
use crate::store::error::StoreError;
use crate::store::ledgers::entries::ManualEntry;
use crate::time::UtcTime;

impl Store {
    /// Keeps a value that somebody entered for the time `at`, in place of the one that stood there;
    /// `None` takes it back. Returns when it is durable.
    ///
    /// # Errors
    /// When the series is unknown, the store is closed, or the medium takes no writes; then the value
    /// waits in memory with the readings.
    pub fn enter(
        &self,
        series: SeriesId,
        at: UtcTime,
        value: Option<f64>,
        (entered, by): (UtcTime, &str),
    ) -> Result<ManualEntry, StoreError> {
        let before = self.entered_at(series, at)?;
        let group = self.group(&[series])?;
        let sample = value.map_or_else(
            || Sample::missing(Cause::Withdrawn),
            |value| Sample { value: Some(Value::Number(value)), quality: Quality::Suspect(Doubt::Entered) },
        );
        let mut state = self.shared.state();
        state.take_late(Scan { group, at, samples: vec![sample] })?;
        let entry = ManualEntry { number: 0, series, at, entered, value, before, by: by.to_owned() };
        let entry = state.ledgers.entries.note(entry);
        drop(state);
        self.flush()?;
        Ok(entry)
    }

    /// The last `count` entries of some series, oldest first.
    #[must_use]
    pub fn manual_entries(&self, series: &[SeriesId], count: usize) -> Vec<ManualEntry> {
        self.shared.state().ledgers.entries.of(series, count)
    }

    /// What stands at `at`.
    fn entered_at(&self, series: SeriesId, at: UtcTime) -> Result<Option<f64>, StoreError> {
        let only = at..UtcTime::from_ms(at.as_ms().saturating_add(1));
        let last = self.history(series, only)?.last().transpose()?;
        Ok(last.and_then(|reading| reading.number()))
    }
}
