//! Keeps every reading through power cuts, and the newest of every series at hand.
//!
//! ```text
//!  append ──> open epoch (memory, coded columns) ──> pending scans ──> writer thread
//!                 │ latest table                                         │ each durability window:
//!                 │                                                      │   ring records, sync
//!                 └─ full: frozen ────────────────────────────────────>  │ each full epoch, in steps:
//!                                                                        │   blocks, marker, sync
//!                                                                        │ each quarter hour:
//!                                                                        │   rows, and of day and month
//! ```
//!
//! A scan can be read as soon as it is appended. It is durable (`Store::durable`) once its ring record
//! or its epoch's marker is on the medium; what a power cut takes is at most what was appended within
//! the durability window. `docs/storage-format.md` draws the bytes.
//!
//! - `disk`: the data directory, sled's databases, records in their frames, and what is done with damage.
//!   The main database has what is new and what is small.
//! - `periods`: sealed readings, in databases of some days each.
//! - `rows`: what they come to over quarter hours, days and months, kept when they have gone.
//! - `ledgers`: small tables in memory and in the main database: gaps with their causes, what registers
//!   did besides growing, events of demand response, starts of the store, cursors, wear of the flash, who
//!   did what to the gateway.
//! - `state` decides what is to be done next, `writer` does it, `recovery` reads what is there at a start.
//! - `code`: how readings become few bits.
//!
//! No handle ever waits for the disk except in `flush`, `close` and where sealed epochs are read.

mod audit;
pub mod backup;
mod code;
mod columns;
mod controls;
mod disk;
mod entering;
mod epoch;
mod error;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod history;
mod index;
mod job;
mod latest;
mod ledgers;
mod lessons;
mod names;
mod names_file;
mod periods;
mod profile;
mod recovery;
mod redating;
mod responses;
mod ring;
mod rows;
mod ruling;
mod shared;
mod state;
mod status;
mod walk;
mod whole;
mod writer;
#[cfg(test)]
mod yardstick;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

pub use crate::stats::SeriesProfile;
pub use audit::AuditPage;
pub use error::StoreError;
pub use history::History;
pub use latest::Latest;
pub use ledgers::boots::{Boot, ClockChange};
pub use ledgers::control_lines::ControlLine;
pub use ledgers::counter_events::{CounterEvent, Ruled};
pub use ledgers::entries::ManualEntry;
pub use ledgers::flash::Wear;
pub use ledgers::responses::Added;
pub use rows::summed::Summed;
pub use status::{Durable, StoreStatus};
pub use walk::{Taken, Walk, Wanted, What};

use crate::config::site::StoreSettings;
use crate::limits;
use crate::model::alarm::Alarm;
use crate::model::gap::Gap;
use crate::model::reading::{GroupId, Scan, SeriesId};
use crate::model::tou::Tou;
use crate::time::{UtcOffset, UtcTime};
use columns::Columns;
use disk::block_device::DeviceWatch;
use disk::directory::Directory;
use names::{NameCounts, Names};
use names_file::NamesFile;
use periods::Periods;
use periods::period::Tier;
use profile::SiteProfile;
use shared::Shared;
use state::{Outage, State};
use writer::Writer;

/// A handle to the store; clones share it, and the last one to go closes it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
    thread: Arc<WriterThread>,
    data: Arc<PathBuf>,
}

/// The writer thread; it is stopped and waited for when the last handle goes.
struct WriterThread {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl WriterThread {
    fn stop(&self) {
        self.shared.ask_close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("store: the writer panicked");
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Store {
    /// Opens the store in `dir`, which is made if it is missing.
    ///
    /// A damaged database is moved aside and what it still holds is put into a new one:
    /// [`StoreStatus::damage`] says so. Where the medium lets no database be opened, because it is full
    /// or takes no writes, the store starts without: scans wait in memory, and it is tried again.
    ///
    /// # Errors
    /// When another process uses the directory or it cannot be made.
    pub fn open(dir: &Path, settings: &StoreSettings) -> Result<Self, StoreError> {
        let directory = Directory::take(dir)?;
        let periods = Periods::of(dir, Tier::Readings);
        let quarters = Periods::of(dir, Tier::Quarters);
        let last_sequence = directory.last_sequence();
        let epoch_bytes_max = epoch_bytes_max(settings);
        let (mut state, database, pen) = match writer::open_databases(&directory, &periods) {
            Ok((database, mut recovered)) => {
                directory.fill_reserve();
                let pen = recovered.pen.take();
                let state = State::new(recovered, pen.as_ref(), last_sequence, epoch_bytes_max);
                (state, Some(database), pen)
            }
            Err(error) => {
                log::error!("store: {error}; readings wait in memory until it can be opened");
                let (names, _) = Names::restored(&NamesFile::of(dir).read(), NameCounts::default());
                let outage = Outage {
                    reason: error.to_string(),
                    retry_at: writer::retry_at(Instant::now()),
                    never_opened: true,
                };
                (State::without_database(names, last_sequence, epoch_bytes_max, outage), None, None)
            }
        };
        state.ledgers.gaps.opened_after(directory.pause());
        let window = Duration::from_millis(settings.durability_window_ms.max(0).unsigned_abs());
        let durable = state.durable;
        state.are_over(periods.unlisted());
        let shared = Arc::new(Shared::new(state, database, (periods, quarters), window));
        if let Err(error) = rows::sums::resume(&shared) {
            log::warn!("store: {error}; quarter hours that were under way are summed up anew or left out");
        }
        let writer = Writer {
            shared: Arc::clone(&shared),
            directory,
            settings: settings.clone(),
            pen: pen.unwrap_or_default(),
            sealing: None,
            listing: None,
            written: durable,
            damage_strikes: 0,
            device: DeviceWatch::of(dir),
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(|| writer.run());
        let thread = thread.map_err(|error| StoreError::Directory {
            path: dir.to_owned(),
            reason: format!("no thread for the writer: {error}"),
        })?;
        let thread = WriterThread { shared: Arc::clone(&shared), thread: Mutex::new(Some(thread)) };
        Ok(Self { shared, thread: Arc::new(thread), data: Arc::new(dir.to_owned()) })
    }

    /// The series of this name; a new one gets an ID that is never given again, durable before
    /// anything is stored under it.
    ///
    /// # Errors
    /// When the name cannot be one or all IDs are given out.
    pub fn series(&self, point_id: &str, parameter_id: &str) -> Result<SeriesId, StoreError> {
        let mut state = self.shared.state();
        let before = state.names.counts();
        let series = state.names.series(point_id, parameter_id)?;
        if state.names.counts() != before && state.wait_for_durability() {
            self.shared.wake_writer();
        }
        Ok(series)
    }

    /// The group of this list of series: the same list has the same ID.
    ///
    /// # Errors
    /// When the list is empty, too long, names a series twice or an unknown one, or all IDs are given
    /// out.
    pub fn group(&self, series: &[SeriesId]) -> Result<GroupId, StoreError> {
        let mut state = self.shared.state();
        let before = state.names.counts();
        let group = state.names.group(series)?;
        if state.names.counts() != before && state.wait_for_durability() {
            self.shared.wake_writer();
        }
        Ok(group)
    }

    /// Tells what the series of the site stand for, where its local days begin and which rate applies
    /// when; replaces what was told before. Series that nobody described are kept, but neither summed up
    /// nor missed.
    pub fn describe(
        &self,
        profiles: impl IntoIterator<Item = (SeriesId, SeriesProfile)>,
        offset: UtcOffset,
        tou: Tou,
    ) {
        let mut state = self.shared.state();
        let tou = Arc::new(tou);
        state.describe(SiteProfile { series: profiles.into_iter().collect(), offset, tou });
        if state.wait_for_durability() {
            self.shared.wake_writer();
        }
    }

    /// Has the writer take what changed in a small table with its next write.
    fn write_soon(&self, mut state: MutexGuard<'_, State>) {
        if state.wait_for_durability() {
            self.shared.wake_writer();
        }
    }

    /// Takes a scan at once, however slow the medium is: this is for who must not miss the next one.
    /// What the writer cannot keep up with becomes durable later, when its epoch is sealed; memory
    /// holds a bounded number of scans, and what is lost beyond is counted in the status.
    ///
    /// # Errors
    /// When the scan does not fit its group or the store is closed.
    pub fn append_now(&self, scan: Scan) -> Result<(), StoreError> {
        self.shared.append_now(scan)
    }

    /// Takes a scan; waits while the writer is behind: this is for who has many to give. While the
    /// medium fails it does not wait, as [`Store::append_now`].
    ///
    /// # Errors
    /// When the scan does not fit its group or the store is closed.
    pub async fn append(&self, scan: Scan) -> Result<(), StoreError> {
        self.shared.append(scan).await
    }

    /// As [`Store::append`], blocking the thread while it waits.
    ///
    /// # Errors
    /// When the scan does not fit its group or the store is closed.
    pub fn append_blocking(&self, scan: Scan) -> Result<(), StoreError> {
        self.shared.append_blocking(scan)
    }

    /// The newest that is known of a series; `None` when it was never scanned.
    #[must_use]
    pub fn latest(&self, series: SeriesId) -> Option<Latest> {
        self.shared.state().latest.get(series)
    }

    /// Readings of `series` in the half-open `range`, in ascending time, those without a value
    /// included; what is not durable yet is seen as well.
    ///
    /// # Errors
    /// When the series is unknown.
    pub fn history(&self, series: SeriesId, range: Range<UtcTime>) -> Result<History, StoreError> {
        History::new(&self.shared, series, range)
    }

    /// How many readings [`Store::history`] would give. Epochs that lie whole in the range are not
    /// decoded.
    ///
    /// # Errors
    /// When the series is unknown or what is stored does not read back.
    pub fn count(&self, series: SeriesId, range: Range<UtcTime>) -> Result<u64, StoreError> {
        history::count(&self.shared, series, &range)
    }

    /// Changes whenever readings of a time come after later ones of their series, or go: as long as it is
    /// the same, a time that is over gives the same readings.
    #[must_use]
    pub fn past_revision(&self) -> u64 {
        self.shared.state().past_revision
    }

    /// The stretches in `range` in which readings of `series` are missing, each with its cause, in
    /// order of their start; one can lie in another. What the ledger had to let go is counted in the
    /// status.
    ///
    /// # Errors
    /// When the series is unknown.
    pub fn gaps(&self, series: SeriesId, range: &Range<UtcTime>) -> Result<Vec<Gap>, StoreError> {
        let state = self.shared.state();
        let places = state.names.places(series).ok_or(StoreError::UnknownSeries(series))?;
        let groups: Vec<GroupId> = places.iter().map(|(group, _)| *group).collect();
        Ok(state.gaps(series, &groups, range))
    }

    /// What somebody should look after.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        self.shared.state().alarms()
    }

    /// How far the scans are acknowledged as being on the medium.
    #[must_use]
    pub fn durable(&self) -> Durable {
        self.shared.state().durable
    }

    /// Tells whenever more scans are durable: the sequence number of the last one.
    #[must_use]
    pub fn watch_durable(&self) -> watch::Receiver<u64> {
        self.shared.watch_durable()
    }

    /// At most `scans_max` durable scans whose sequence number is above `sequence`, in order; an empty
    /// answer means that there are no more. One call looks into one epoch only, so a short answer
    /// does not. An epoch that does not read back is left out and noted in [`StoreStatus::damage`].
    ///
    /// # Errors
    /// When the database cannot be read at present.
    pub fn scans_after(&self, sequence: u64, scans_max: usize) -> Result<Vec<(u64, Scan)>, StoreError> {
        let state = self.shared.state();
        let wanted = sequence.saturating_add(1)..state.durable.sequence.saturating_add(1);
        let sealed = state.index.after(sequence);
        let unsealed: Vec<_> = state.unsealed().cloned().collect();
        drop(state);

        let width_of = |group| self.shared.state().names.width(group);
        for epoch in sealed {
            let read = |columns: &dyn Columns| columns::scans(columns, &wanted, scans_max, width_of);
            match self.shared.read_sealed(epoch.number, read)? {
                Some(scans) if !scans.is_empty() => return Ok(scans),
                _ => {}
            }
        }
        for epoch in unsealed {
            let scans = columns::scans(&epoch, &wanted, scans_max, width_of)?;
            if !scans.is_empty() {
                return Ok(scans);
            }
        }
        Ok(Vec::new())
    }

    /// The series of a group, in its order.
    #[must_use]
    pub fn group_series(&self, group: GroupId) -> Option<Arc<[SeriesId]>> {
        self.shared.state().names.group_series(group).cloned()
    }

    /// Point and parameter of a series.
    #[must_use]
    pub fn series_name(&self, series: SeriesId) -> Option<(String, String)> {
        let state = self.shared.state();
        let (point, parameter) = state.names.series_name(series)?;
        Some((point.to_owned(), parameter.to_owned()))
    }

    /// The sequence number that a reader of scans has come to; 0 for a new one.
    #[must_use]
    pub fn cursor(&self, name: &str) -> u64 {
        self.shared.state().ledgers.cursors.get(name)
    }

    /// Moves a reader's cursor; durable with the next flush.
    ///
    /// # Errors
    /// When the name cannot be one, there are too many cursors, or the store is closed.
    pub fn move_cursor(&self, name: &str, sequence: u64) -> Result<(), StoreError> {
        if self.shared.state().move_cursor(name, sequence)? {
            self.shared.wake_writer();
        }
        Ok(())
    }

    /// Blocks until everything appended before is on the medium.
    ///
    /// # Errors
    /// When the database takes no writes, or the store is closed.
    pub fn flush(&self) -> Result<Durable, StoreError> {
        self.shared.flush()
    }

    /// The state of the store.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        let disk_bytes = disk::directory::tree_bytes(&self.data);
        let blob_files = disk::directory::blob_files(&self.data);
        StoreStatus { disk_bytes, blob_files, ..self.shared.state().status() }
    }

    /// Asks the writer to look through its queue once more. Gives the steps that it has made so far: a count
    /// that moves on with every call of a database, so that a long work is told from one that hangs.
    #[must_use]
    pub fn ask_for_a_step(&self) -> u64 {
        self.shared.wake_writer();
        self.shared.steps.count()
    }

    /// Makes everything durable and closes the database; other handles get `Closed` from then on.
    ///
    /// # Errors
    /// When the database takes no writes, so that what was not durable is lost.
    pub fn close(&self) -> Result<(), StoreError> {
        let flushed = self.shared.flush();
        self.thread.stop();
        match flushed {
            Ok(_) | Err(StoreError::Closed) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Bytes of memory that an epoch may take: bounded for the memory, and for what must find room on disk.
fn epoch_bytes_max(settings: &StoreSettings) -> usize {
    let of_size = periods::retention::size_max_bytes(settings) / limits::EPOCHS_OF_SIZE_MAX;
    limits::OPEN_BYTES_MAX.min(usize::try_from(of_size).unwrap_or(usize::MAX))
}
