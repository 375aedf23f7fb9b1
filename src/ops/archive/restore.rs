//! A backup back into a store: what it does not have is added, what it has stays as it is.
//!
//! The whole file is checked before anything is changed. A reading is there already when the store had
//! one of the same series and time as the restore began, so that a second restore adds nothing, and
//! two readings of one time in a backup are both brought back. What is added is appended as late data:
//! it gets new sequence numbers, and goes to the readers of scans like any other.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

use super::{ArchiveError, Progress};
use crate::model::reading::{GroupId, Sample, Scan, SeriesId};
use crate::store::backup::{BackupError, BackupReader, Entry, Record, ScanFrame, Totals};
use crate::store::{Store, StoreError, Wanted, What};
use crate::time::UtcTime;

/// Bytes that are read from the file together.
const BUFFER_BYTES: usize = 128 * 1_024;
/// Rows that are added together.
const ROWS_TOGETHER: usize = 1_024;

/// What a restore did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// Readings in the backup.
    pub readings: u64,
    /// Those that were added; all others were there.
    pub readings_added: u64,
    /// Entries of small tables in the backup.
    pub records: u64,
    /// Those that were added; all others were there, or stand for series that have other IDs here.
    pub records_added: u64,
    /// Readers of scans that go on where they were; only in a store that was empty.
    pub cursors_set: u64,
}

/// Restores the backup `file`, called `name`, into `store`.
///
/// # Errors
/// When the file is no whole backup, and then nothing was changed; when the store fails on the way.
pub fn restore(
    store: &Store,
    mut file: &File,
    name: &Path,
    progress: Progress<'_>,
) -> Result<RestoreReport, ArchiveError> {
    let fault = |source| ArchiveError::File { path: name.to_owned(), source };
    let bytes = file.metadata().map_err(fault)?.len();
    let mut halves = |half: u64, done: u64| progress(half * bytes + done, 2 * bytes);
    let refused = |fault| ArchiveError::Refused { path: name.to_owned(), fault };
    check(BufReader::with_capacity(BUFFER_BYTES, file), |done| halves(0, done)).map_err(refused)?;

    file.rewind().map_err(fault)?;
    let mut restoring = Restoring::into_store(store);
    let input = BufReader::with_capacity(BUFFER_BYTES, file);
    match restoring.all(input, |done| halves(1, done)) {
        Ok(()) => Ok(restoring.report),
        Err(failed) => {
            let readings_added = restoring.report.readings_added;
            Err(ArchiveError::Interrupted { readings_added, reason: failed.to_string() })
        }
    }
}

/// Reads a backup from one end to the other.
fn check(input: impl Read, mut progress: impl FnMut(u64)) -> Result<(), BackupError> {
    let mut reader = BackupReader::begin(input)?;
    let mut found = Totals::default();
    while let Some(entry) = reader.next_entry()? {
        if let Entry::Scans(frame) = entry {
            let unreadable = |_| reader.damaged("its readings cannot be decoded");
            for scan in frame.scans().map_err(unreadable)? {
                found.scans += 1;
                found.readings += scan.map_err(unreadable)?.1.samples.len() as u64;
            }
        }
        progress(reader.bytes());
    }
    if reader.totals() == Some(found) { Ok(()) } else { Err(reader.damaged("its end counts other readings")) }
}

/// Why a restore stopped on the way.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the file has changed since it was checked: {0}")]
    Changed(#[from] BackupError),
}

struct Restoring<'a> {
    store: &'a Store,
    /// The last sequence number that the store had given.
    had: u64,
    /// What each series and each group of the backup is here.
    series: HashMap<SeriesId, SeriesId>,
    groups: HashMap<GroupId, (GroupId, Arc<[SeriesId]>)>,
    records: Vec<Record>,
    /// Rows that are to be added together.
    rows: Vec<Record>,
    cursors: Vec<Cursor>,
    scans_added: u64,
    report: RestoreReport,
}

/// A reader of scans.
struct Cursor {
    name: String,
    /// How far it had come, in the numbers of the backup.
    sequence: u64,
    /// Scans up to there that were added.
    scans_added: u64,
}

impl<'a> Restoring<'a> {
    fn into_store(store: &'a Store) -> Self {
        Self {
            store,
            had: store.last_sequence(),
            series: HashMap::new(),
            groups: HashMap::new(),
            records: Vec::new(),
            rows: Vec::new(),
            cursors: Vec::new(),
            scans_added: 0,
            report: RestoreReport::default(),
        }
    }

    fn all(&mut self, input: impl Read, mut progress: impl FnMut(u64)) -> Result<(), Failed> {
        let mut reader = BackupReader::begin(input)?;
        while let Some(entry) = reader.next_entry()? {
            self.take(entry)?;
            progress(reader.bytes());
        }
        self.add_records()?;
        self.set_cursors()?;
        Ok(())
    }

    fn take(&mut self, entry: Entry) -> Result<(), Failed> {
        match entry {
            Entry::Begun { .. } => {}
            Entry::Series { series, point_id, parameter_id } => {
                self.series.insert(series, self.store.series(&point_id, &parameter_id)?);
            }
            Entry::Group { group, series } => {
                let here: Arc<[SeriesId]> =
                    series.iter().filter_map(|id| self.series.get(id)).copied().collect();
                self.groups.insert(group, (self.store.group(&here)?, here));
            }
            Entry::Cursor { name, sequence } => {
                self.cursors.push(Cursor { name, sequence, scans_added: 0 });
            }
            Entry::Record(record) if Store::is_row(&record) => self.take_row(record)?,
            Entry::Record(record) => self.records.push(record),
            Entry::Scans(frame) => self.take_scans(&frame)?,
        }
        Ok(())
    }

    /// Rows are added a batch at a time, and before the scans: what those come to is then known already.
    fn take_row(&mut self, row: Record) -> Result<(), StoreError> {
        self.rows.push(row);
        if self.rows.len() >= ROWS_TOGETHER { self.add_rows() } else { Ok(()) }
    }

    fn add_rows(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.rows);
        self.report.records += rows.len() as u64;
        if self.has_same_ids() {
            self.report.records_added += self.store.add_rows(&rows)?;
        }
        Ok(())
    }

    fn take_scans(&mut self, frame: &ScanFrame) -> Result<(), Failed> {
        self.add_rows()?;
        let present = self.present(frame)?;
        for scan in frame.scans()? {
            let (sequence, scan) = scan?;
            self.report.readings += scan.samples.len() as u64;
            let Some((group, series)) = self.groups.get(&scan.group) else { continue };
            let missing = present.missing(self.store, *group, series, &scan);
            if let Some(late) = self.late(missing, scan)? {
                self.add(sequence, late)?;
            }
        }
        // A medium that takes no more is noticed here, not when memory is full.
        self.store.flush()?;
        Ok(())
    }

    /// What the store had, as the restore began, at the times of the scans in `frame`.
    fn present(&self, frame: &ScanFrame) -> Result<Present, StoreError> {
        let mut times = HashSet::new();
        let (mut first, mut last) = (i64::MAX, i64::MIN);
        for scan in frame.scans()? {
            let (_, scan) = scan?;
            (first, last) = (first.min(scan.at.as_ms()), last.max(scan.at.as_ms()));
            times.insert(scan.at);
        }
        let mut present = Present::default();
        if self.had == 0 {
            return Ok(present);
        }
        let range = UtcTime::from_ms(first)..UtcTime::from_ms(last.saturating_add(1));
        let wanted = Wanted { what: What::Times, times: range, sequences: 0..self.had.saturating_add(1) };
        for taken in self.store.walk(wanted) {
            let taken = taken?;
            if times.contains(&taken.at) {
                present.groups.entry(taken.at).or_default().insert(taken.group);
            }
        }
        Ok(present)
    }

    /// The part of `scan` that is missing, as a scan of a group here.
    fn late(&self, missing: Missing, scan: Scan) -> Result<Option<Scan>, StoreError> {
        match missing {
            Missing::Nothing => Ok(None),
            Missing::All(group) => Ok(Some(Scan { group, ..scan })),
            Missing::Some(series, samples) => {
                Ok(Some(Scan { group: self.store.group(&series)?, at: scan.at, samples }))
            }
        }
    }

    fn add(&mut self, sequence: u64, scan: Scan) -> Result<(), StoreError> {
        self.report.readings_added += scan.samples.len() as u64;
        self.store.append_late_blocking(scan)?;
        self.scans_added += 1;
        let scans_added = self.scans_added;
        for cursor in self.cursors.iter_mut().filter(|cursor| sequence <= cursor.sequence) {
            cursor.scans_added = scans_added;
        }
        Ok(())
    }

    /// The entries of small tables speak of series by their IDs, so they are of use only where these
    /// are the same.
    fn add_records(&mut self) -> Result<(), StoreError> {
        self.add_rows()?;
        self.report.records += self.records.len() as u64;
        if self.has_same_ids() {
            self.report.records_added += self.store.add_records(&self.records)?;
        }
        Ok(())
    }

    fn has_same_ids(&self) -> bool {
        let same_series = self.series.iter().all(|(there, here)| there == here);
        same_series && self.groups.iter().all(|(there, (here, _))| there == here)
    }

    /// In a store that was empty, and in which nobody else has appended meanwhile, the scans are
    /// numbered in the order of the backup: its readers go on where they were.
    fn set_cursors(&mut self) -> Result<(), StoreError> {
        if self.had > 0 || self.store.last_sequence() != self.scans_added {
            return Ok(());
        }
        for cursor in self.cursors.iter().filter(|cursor| cursor.scans_added > 0) {
            if self.store.cursor(&cursor.name) == 0 {
                self.store.move_cursor(&cursor.name, cursor.scans_added)?;
                self.report.cursors_set += 1;
            }
        }
        self.store.flush().map(|_| ())
    }
}

/// The groups that have scans, by time.
#[derive(Default)]
struct Present {
    groups: HashMap<UtcTime, HashSet<GroupId>>,
}

/// What the store does not have of a scan.
enum Missing {
    Nothing,
    All(GroupId),
    Some(Vec<SeriesId>, Vec<Sample>),
}

impl Present {
    /// What is missing of `scan`, which is one of `group` and `series` here.
    fn missing(&self, store: &Store, group: GroupId, series: &[SeriesId], scan: &Scan) -> Missing {
        let Some(groups) = self.groups.get(&scan.at) else { return Missing::All(group) };
        if groups.contains(&group) {
            return Missing::Nothing;
        }
        let there: HashSet<SeriesId> =
            groups.iter().filter_map(|group| store.group_series(*group)).flat_map(|of| of.to_vec()).collect();
        let missing = series.iter().zip(&scan.samples).filter(|(series, _)| !there.contains(series));
        let (missing, samples): (Vec<SeriesId>, Vec<Sample>) =
            missing.map(|(series, sample)| (*series, sample.clone())).unzip();
        match missing.len() {
            0 => Missing::Nothing,
            all if all == series.len() => Missing::All(group),
            _ => Missing::Some(missing, samples),
        }
    }
}
