//! Everything that the store holds into one stream.

use std::io::{self, BufWriter, Write};

use super::{ArchiveError, Progress};
use crate::model::reading::Scan;
use crate::store::backup::{BackupWriter, Totals};
use crate::store::{Store, StoreError, Taken, Wanted, What};
use crate::time::UtcTime;

/// Bytes that are written to the file together.
const BUFFER_BYTES: usize = 128 * 1_024;
/// Scans after which it is told how far the backup has come.
const PROGRESS_SCANS: u64 = 4_096;

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BackupReport {
    /// Scans.
    pub scans: u64,
    /// Readings of them.
    pub readings: u64,
    /// Stretches of the store that do not read back, or were removed meanwhile, and are not in it.
    pub unread: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes all that is durable now to `out`, with the names and small tables that belong to it. It is a
/// backup only once all of it is on its medium, see `NewFile`.
///
/// # Errors
/// When `out` takes no more, or the store closes meanwhile.
pub fn backup(
    store: &Store,
    made_at: UtcTime,
    out: impl Write,
    progress: Progress<'_>,
) -> Result<BackupReport, ArchiveError> {
    // A medium that takes no writes at present still has what was durable before.
    if let Err(error @ StoreError::Closed) = store.flush() {
        return Err(error.into());
    }
    let through = store.durable().sequence;
    let out = Counted { out: BufWriter::with_capacity(BUFFER_BYTES, out), bytes: 0 };
    let mut writer = BackupWriter::begin(out, made_at, through).map_err(ArchiveError::Output)?;
    write_tables(store, &mut writer)?;
    store.each_row(|row| writer.record(row).map_err(ArchiveError::Output))?;

    let wanted = Wanted { what: What::All, times: UtcTime::ALWAYS, sequences: 0..through.saturating_add(1) };
    let mut walk = store.walk(wanted);
    let mut scans = 0_u64;
    while let Some(taken) = walk.next() {
        let taken = taken?;
        writer.scan(taken.sequence, &scan_of(taken)).map_err(ArchiveError::Output)?;
        scans += 1;
        if scans % PROGRESS_SCANS == 1 {
            let (done, of) = walk.progress();
            progress(done, of);
        }
    }
    let (mut out, Totals { scans, readings }) = writer.finish().map_err(ArchiveError::Output)?;
    out.flush().map_err(ArchiveError::Output)?;
    Ok(BackupReport { scans, readings, unread: walk.unread(), bytes: out.bytes })
}

/// Names, cursors and small tables.
fn write_tables(store: &Store, writer: &mut BackupWriter<impl Write>) -> Result<(), ArchiveError> {
    let records = store.all_records()?;
    let mut write = || {
        for (series, point_id, parameter_id) in store.all_series() {
            writer.series(series, &point_id, &parameter_id)?;
        }
        for (group, series) in store.all_groups() {
            writer.group(group, &series)?;
        }
        for (name, sequence) in store.all_cursors() {
            writer.cursor(&name, sequence)?;
        }
        records.iter().try_for_each(|record| writer.record(record))
    };
    write().map_err(ArchiveError::Output)
}

fn scan_of(taken: Taken) -> Scan {
    let samples = taken.samples.into_iter().map(|(_, sample)| sample).collect();
    Scan { group: taken.group, at: taken.at, samples }
}

/// Counts what is written.
struct Counted<W> {
    out: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
