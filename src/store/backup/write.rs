//! Writes a backup.

use std::io::{self, Write};

use super::frame::{FrameWriter, Kind};
use super::{Record, Totals, scans};
use crate::limits;
use crate::model::reading::{GroupId, Scan, SeriesId, Value};
use crate::store::epoch::Epoch;
use crate::time::UtcTime;

/// Bytes that a reading without text takes at most.
const READING_BYTES: usize = 9;

/// Writes a backup; what is written counts for nothing before [`BackupWriter::finish`].
///
/// The entries come in the order of the methods here.
pub struct BackupWriter<W> {
    frames: FrameWriter<W>,
    /// Scans that are not written yet.
    open: Epoch,
    /// Bytes that their readings take in memory, roughly.
    open_bytes: usize,
    totals: Totals,
}

impl<W: Write> BackupWriter<W> {
    /// Begins a backup made at `made_at` of all scans up to `through`.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn begin(out: W, made_at: UtcTime, through: u64) -> io::Result<Self> {
        let mut frames = FrameWriter::begin(out)?;
        frames.write(Kind::Begun, &[made_at.as_ms().to_be_bytes(), through.to_be_bytes()].concat())?;
        Ok(Self { frames, open: Epoch::default(), open_bytes: 0, totals: Totals::default() })
    }

    /// Writes a series.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn series(&mut self, series: SeriesId, point_id: &str, parameter_id: &str) -> io::Result<()> {
        let id = series.0.to_be_bytes();
        self.frames.write(Kind::Series, &[&id, point_id.as_bytes(), &[0], parameter_id.as_bytes()].concat())
    }

    /// Writes a group.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn group(&mut self, group: GroupId, series: &[SeriesId]) -> io::Result<()> {
        let mut payload = group.0.to_be_bytes().to_vec();
        payload.extend(series.iter().flat_map(|series| series.0.to_be_bytes()));
        self.frames.write(Kind::Group, &payload)
    }

    /// Writes a cursor.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn cursor(&mut self, name: &str, sequence: u64) -> io::Result<()> {
        self.frames.write(Kind::Cursor, &[&sequence.to_be_bytes(), name.as_bytes()].concat())
    }

    /// Writes an entry of a small table.
    ///
    /// # Errors
    /// Those of the stream, or when the key is longer than any is.
    pub fn record(&mut self, record: &Record) -> io::Result<()> {
        let key_bytes = u8::try_from(record.key.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        self.frames.write(Kind::Record, &[&[record.tree, key_bytes], &*record.key, &record.value].concat())
    }

    /// Writes a scan; its number is above that of the one before.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn scan(&mut self, sequence: u64, scan: &Scan) -> io::Result<()> {
        self.open.push(sequence, scan);
        self.open_bytes += scan.samples.iter().map(|sample| bytes_of(sample.value.as_ref())).sum::<usize>();
        self.totals.scans += 1;
        self.totals.readings += scan.samples.len() as u64;
        let is_full = self.open.is_full(limits::BACKUP_FRAME_BYTES_MAX);
        if is_full || self.open_bytes >= limits::BACKUP_FRAME_READINGS_BYTES {
            self.write_open()?;
        }
        Ok(())
    }

    /// Ends the backup; gives the stream and what was written to it.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn finish(mut self) -> io::Result<(W, Totals)> {
        self.write_open()?;
        let Totals { scans, readings } = self.totals;
        self.frames.write(Kind::End, &[scans.to_be_bytes(), readings.to_be_bytes()].concat())?;
        Ok((self.frames.into_inner(), self.totals))
    }

    fn write_open(&mut self) -> io::Result<()> {
        if self.open.scans() > 0 {
            self.frames.write(Kind::Scans, &scans::payload(&self.open))?;
            (self.open, self.open_bytes) = (Epoch::default(), 0);
        }
        Ok(())
    }
}

fn bytes_of(value: Option<&Value>) -> usize {
    READING_BYTES
        + match value {
            Some(Value::Text(text)) => text.len(),
            _ => 0,
        }
}
