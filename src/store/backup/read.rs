//! Reads a backup back.

use std::collections::{HashMap, HashSet};
use std::io::Read;

use super::frame::{FrameReader, Kind};
use super::{BackupError, Entry, Record, ScanFrame, Totals};
use crate::model::reading::{GroupId, SeriesId};
use crate::time::UtcTime;

/// Reads the entries of a backup in order. Each is checked before it is given out, and the order of
/// all; that none is missing is known only once the last one has been read.
pub struct BackupReader<R> {
    frames: FrameReader<R>,
    /// The kind that was read last.
    last: Option<Kind>,
    series: HashSet<SeriesId>,
    /// The groups, each with how many series it has.
    groups: HashMap<GroupId, usize>,
    totals: Option<Totals>,
}

impl<R: Read> BackupReader<R> {
    /// Reads how the stream begins.
    ///
    /// # Errors
    /// When it is no backup, or one of a later version.
    pub fn begin(input: R) -> Result<Self, BackupError> {
        let frames = FrameReader::begin(input)?;
        Ok(Self { frames, last: None, series: HashSet::new(), groups: HashMap::new(), totals: None })
    }

    /// The next entry; `None` when the last one has been read and the backup is whole.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, BackupError> {
        if self.totals.is_some() {
            return Ok(None);
        }
        let (kind, payload) = self.frames.next()?;
        self.check_order(kind)?;
        let entry = match kind {
            Kind::Begun => begun(&payload),
            Kind::Series => self.series(&payload),
            Kind::Group => self.group(&payload),
            Kind::Cursor => cursor(&payload),
            Kind::Record => record(&payload),
            Kind::Scans => self.scans(&payload),
            Kind::End => {
                self.totals = totals(&payload);
                if self.totals.is_some() {
                    self.frames.end()?;
                    return Ok(None);
                }
                None
            }
        };
        entry.map(Some).ok_or_else(|| self.frames.damaged("it says nothing that can be understood"))
    }

    /// What the backup holds, by its own account; known once it has been read to its end.
    #[must_use]
    pub fn totals(&self) -> Option<Totals> {
        self.totals
    }

    /// Bytes read so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.frames.bytes()
    }

    /// Damage of the entry that was read last, which only its reader could see.
    #[must_use]
    pub fn damaged(&self, reason: &'static str) -> BackupError {
        self.frames.damaged(reason)
    }

    fn check_order(&mut self, kind: Kind) -> Result<(), BackupError> {
        let fits = match self.last.replace(kind) {
            None => kind == Kind::Begun,
            Some(last) => kind >= last && kind != Kind::Begun,
        };
        if fits { Ok(()) } else { Err(self.frames.damaged("it is not where such a part belongs")) }
    }

    fn series(&mut self, payload: &[u8]) -> Option<Entry> {
        let (id, name) = payload.split_first_chunk::<4>()?;
        let (point_id, parameter_id) = std::str::from_utf8(name).ok()?.split_once('\0')?;
        let series = SeriesId(u32::from_be_bytes(*id));
        let (point_id, parameter_id) = (point_id.to_owned(), parameter_id.to_owned());
        self.series.insert(series).then_some(Entry::Series { series, point_id, parameter_id })
    }

    fn group(&mut self, payload: &[u8]) -> Option<Entry> {
        let (id, list) = payload.split_first_chunk::<2>()?;
        let (ids, rest) = list.as_chunks::<4>();
        let series: Vec<SeriesId> = ids.iter().map(|id| SeriesId(u32::from_be_bytes(*id))).collect();
        let group = GroupId(u16::from_be_bytes(*id));
        let known = series.iter().all(|series| self.series.contains(series));
        let is_new = self.groups.insert(group, series.len()).is_none();
        (rest.is_empty() && known && is_new).then_some(Entry::Group { group, series })
    }

    fn scans(&self, payload: &[u8]) -> Option<Entry> {
        let frame = ScanFrame::of(payload)?;
        let fits = frame.widths().all(|(group, width)| self.groups.get(&group) == Some(&width));
        fits.then_some(Entry::Scans(frame))
    }
}

fn begun(payload: &[u8]) -> Option<Entry> {
    let (made_at, through) = two_numbers(payload)?;
    Some(Entry::Begun { made_at: UtcTime::from_ms(made_at.cast_signed()), through })
}

fn cursor(payload: &[u8]) -> Option<Entry> {
    let (sequence, name) = payload.split_first_chunk::<8>()?;
    let name = std::str::from_utf8(name).ok()?.to_owned();
    Some(Entry::Cursor { name, sequence: u64::from_be_bytes(*sequence) })
}

fn record(payload: &[u8]) -> Option<Entry> {
    let ([tree, key_bytes], rest) = payload.split_first_chunk::<2>()?;
    let (key, value) = rest.split_at_checked(usize::from(*key_bytes))?;
    Some(Entry::Record(Record { tree: *tree, key: key.to_vec(), value: value.to_vec() }))
}

fn totals(payload: &[u8]) -> Option<Totals> {
    let (scans, readings) = two_numbers(payload)?;
    Some(Totals { scans, readings })
}

fn two_numbers(payload: &[u8]) -> Option<(u64, u64)> {
    let (first, rest) = payload.split_first_chunk::<8>()?;
    let second: [u8; 8] = rest.try_into().ok()?;
    Some((u64::from_be_bytes(*first), u64::from_be_bytes(second)))
}
