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
    /// Takes in a newer sample.
    fn update(&mut self, at: UtcTime, sample: &Sample) {
        match sample.quality {
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

    /// Takes in one scan of `series`, later than every one before.
    pub(super) fn update(&mut self, series: &[SeriesId], at: UtcTime, samples: &[Sample]) {
        for (series, sample) in series.iter().zip(samples) {
            self.slot(*series).get_or_insert_default().update(at, sample);
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
