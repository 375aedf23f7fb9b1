//! Scans in the order in which they were taken, with only the columns that are wanted.
//!
//! A walk sees the store as it stood when it began. Memory holds the coded columns of one epoch at a
//! time and of those that were not sealed then, so it does not grow with what is walked over.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::vec;

use super::Store;
use crate::model::reading::{GroupId, Sample, SeriesId};
use crate::store::code::column::Piece;
use crate::store::code::ramp::RampCoder;
use crate::store::code::sample::SampleCoder;
use crate::store::code::strand::Strand;
use crate::store::columns::{Columns, unreadable};
use crate::store::disk::key::{self, series_column};
use crate::store::epoch::Epoch;
use crate::store::error::StoreError;
use crate::store::index::Sealed;
use crate::store::shared::Shared;
use crate::time::UtcTime;

/// Which samples of a scan are wanted.
#[derive(Clone, Debug)]
pub enum What {
    /// All.
    All,
    /// Those of these series; scans without any of them are left out.
    Series(HashSet<SeriesId>),
    /// None: only when and of which group there were scans.
    Times,
}

/// Which scans are wanted, and what of them.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Which samples.
    pub what: What,
    /// Scans taken in this half-open range.
    pub times: Range<UtcTime>,
    /// Scans with a sequence number in this half-open range.
    pub sequences: Range<u64>,
}

impl Wanted {
    fn touches(&self, epoch: &Sealed) -> bool {
        let extent = &epoch.extent;
        extent.first < self.times.end
            && extent.last >= self.times.start
            && extent.first_sequence < self.sequences.end
            && extent.last_sequence >= self.sequences.start
    }
}

/// A scan with the samples of it that were wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// Its sequence number.
    pub sequence: u64,
    /// The group that was read.
    pub group: GroupId,
    /// The time that its samples share.
    pub at: UtcTime,
    /// The samples, each with its place in the group.
    pub samples: Vec<(u16, Sample)>,
}

impl Store {
    /// The scans that are `wanted`, as the store stands now, in the order they were taken; what is not
    /// durable yet is seen as well.
    #[must_use]
    pub fn walk(&self, wanted: Wanted) -> Walk {
        let state = self.shared.state();
        let sealed: Vec<Sealed> = state.index.iter().filter(|epoch| wanted.touches(epoch)).copied().collect();
        let unsealed: Vec<Epoch> = state.unsealed().cloned().collect();
        drop(state);
        Walk {
            shared: Arc::clone(&self.shared),
            wanted,
            epochs: sealed.len() + unsealed.len(),
            sealed: sealed.into_iter(),
            unsealed: unsealed.into_iter(),
            rows: Rows::default(),
            unread: 0,
        }
    }
}

/// The scans of [`Store::walk`].
pub struct Walk {
    shared: Arc<Shared>,
    wanted: Wanted,
    epochs: usize,
    sealed: vec::IntoIter<Sealed>,
    unsealed: vec::IntoIter<Epoch>,
    /// What is left of the epoch that is being read.
    rows: Rows,
    unread: u64,
}

impl Walk {
    /// Epochs that are behind, and how many there are.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        let left = self.sealed.len() + self.unsealed.len();
        ((self.epochs - left) as u64, self.epochs as u64)
    }

    /// Epochs that gave nothing, or not all, because they do not read back or were removed meanwhile.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.unread
    }

    /// Opens the next epoch; says whether there was one.
    fn open_next(&mut self) -> Result<bool, StoreError> {
        if self.sealed.len() + self.unsealed.len() == 0 {
            return Ok(false);
        }
        if self.shared.state().is_closing() {
            return Err(StoreError::Closed);
        }
        if let Some(epoch) = self.sealed.next() {
            let read = |columns: &dyn Columns| Rows::of(columns, &self.wanted, |group| self.places(group));
            match self.shared.read_sealed(epoch.number, read)? {
                Some(rows) => self.rows = rows,
                None => self.unread += 1,
            }
            return Ok(true);
        }
        let Some(epoch) = self.unsealed.next() else { return Ok(false) };
        self.rows = Rows::of(&epoch, &self.wanted, |group| self.places(group))?;
        Ok(true)
    }

    /// The places of a group that are wanted; `None` when its scans are not.
    fn places(&self, group: GroupId) -> Option<Vec<u16>> {
        let state = self.shared.state();
        let series = state.names.group_series(group)?;
        let places = (0_u16..).zip(series.iter());
        match &self.wanted.what {
            What::All => Some(places.map(|(place, _)| place).collect()),
            What::Times => Some(Vec::new()),
            What::Series(wanted) => {
                let places: Vec<u16> =
                    places.filter(|(_, series)| wanted.contains(series)).map(|(place, _)| place).collect();
                (!places.is_empty()).then_some(places)
            }
        }
    }
}

impl Iterator for Walk {
    type Item = Result<Taken, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.rows.next(&self.wanted) {
                Some(Ok(taken)) => return Some(Ok(taken)),
                Some(Err(error)) => {
                    // It will never read again; what comes after it follows.
                    self.rows = Rows::default();
                    self.unread += 1;
                    self.shared.state().note_damage(error.to_string());
                }
                None => match self.open_next() {
                    Ok(true) => {}
                    Ok(false) => return None,
                    Err(error) => {
                        (self.sealed, self.unsealed) = (Vec::new().into_iter(), Vec::new().into_iter());
                        return Some(Err(error));
                    }
                },
            }
        }
    }
}

/// The scans of one epoch that are still to be read.
#[derive(Default)]
pub(super) struct Rows {
    groups: Vec<GroupRows>,
}

impl Rows {
    /// The scans in `columns`; `places_of` says what is wanted of a group, `None` when nothing.
    pub(super) fn of(
        columns: &dyn Columns,
        wanted: &Wanted,
        places_of: impl Fn(GroupId) -> Option<Vec<u16>>,
    ) -> Result<Self, StoreError> {
        let mut groups = Vec::new();
        for group in columns.groups()? {
            let Some(places) = places_of(group) else { continue };
            let mut rows = GroupRows::of(columns, group, &places)?;
            if rows.find_next(wanted)? {
                groups.push(rows);
            }
        }
        Ok(Self { groups })
    }

    /// The next scan.
    pub(super) fn next(&mut self, wanted: &Wanted) -> Option<Result<Taken, StoreError>> {
        let next = (0..self.groups.len()).min_by_key(|group| self.groups[*group].sequence)?;
        let rows = &mut self.groups[next];
        let taken = rows.take();
        match (taken, rows.find_next(wanted)) {
            (Ok(taken), Ok(more)) => {
                if !more {
                    self.groups.swap_remove(next);
                }
                Some(Ok(taken))
            }
            (Err(error), _) | (_, Err(error)) => Some(Err(error)),
        }
    }
}

/// The scans of one group of an epoch that are still to be read.
struct GroupRows {
    group: GroupId,
    scans: usize,
    /// Index of the next scan.
    index: usize,
    sequence: u64,
    at: UtcTime,
    times: Strand<RampCoder>,
    sequences: Strand<RampCoder>,
    samples: Vec<(u16, Strand<SampleCoder>)>,
}

impl GroupRows {
    fn of(columns: &dyn Columns, group: GroupId, places: &[u16]) -> Result<Self, StoreError> {
        let times = columns.pieces(group, key::TIMES, 0)?;
        let sequences = columns.pieces(group, key::SEQUENCES, 0)?;
        // A column that lost its end must not be taken for a short one.
        let scans = times.last().map_or(0, Piece::end).max(sequences.last().map_or(0, Piece::end));
        let strand = |place: &u16| {
            let pieces = columns.pieces(group, series_column(*place), 0)?;
            Ok((*place, Strand::of(pieces)))
        };
        Ok(Self {
            group,
            scans,
            index: 0,
            sequence: 0,
            at: UtcTime::default(),
            times: Strand::of(times),
            sequences: Strand::of(sequences),
            samples: places.iter().map(strand).collect::<Result<_, _>>()?,
        })
    }

    /// Goes on to the next scan that is wanted; says whether there is one.
    fn find_next(&mut self, wanted: &Wanted) -> Result<bool, StoreError> {
        while self.index < self.scans {
            let (Some(at), Some(sequence)) = (self.times.at(self.index), self.sequences.at(self.index))
            else {
                return Err(unreadable(self.group));
            };
            (self.at, self.sequence) = (UtcTime::from_ms(at), sequence.cast_unsigned());
            if wanted.times.contains(&self.at) && wanted.sequences.contains(&self.sequence) {
                return Ok(true);
            }
            self.index += 1;
        }
        Ok(false)
    }

    /// The scan that was found.
    fn take(&mut self) -> Result<Taken, StoreError> {
        let index = self.index;
        let read = self.samples.iter_mut().map(|(place, strand)| Some((*place, strand.at(index)?)));
        let samples: Option<Vec<_>> = read.collect();
        self.index += 1;
        Ok(Taken {
            sequence: self.sequence,
            group: self.group,
            at: self.at,
            samples: samples.ok_or_else(|| unreadable(self.group))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::site::StoreSettings;
    use crate::model::reading::{Scan, Value};

    fn everything() -> Wanted {
        let times = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
        Wanted { what: What::All, times, sequences: 0..u64::MAX }
    }

    fn number(number: u32) -> Sample {
        Sample::good(Value::Number(f64::from(number)))
    }

    /// Two groups that share a series, enough scans for some sealed epochs.
    fn store_of(dir: &std::path::Path, scans: u32) -> (Store, Vec<SeriesId>, Vec<Scan>) {
        let settings = StoreSettings { durability_window_ms: 20, ..StoreSettings::default() };
        let store = Store::open(dir, &settings).unwrap();
        let series: Vec<SeriesId> = ["P", "Q", "U"].map(|name| store.series("PT", name).unwrap()).into();
        let groups = [store.group(&series[..2]).unwrap(), store.group(&series[1..]).unwrap()];
        let scan = |n: u32| {
            let at = UtcTime::from_ms(1_700_000_000_000 + i64::from(n) * 500);
            let group = groups[usize::from(n.is_multiple_of(3))];
            Scan { group, at, samples: vec![number(n), number(n * 7 % 11)] }
        };
        let scans: Vec<Scan> = (1..=scans).map(scan).collect();
        for scan in &scans {
            store.append_blocking(scan.clone()).unwrap();
        }
        // An epoch is sealed a step with each write.
        let mut flushes = 0..10_000;
        while store.status().epochs == 0 {
            assert!(flushes.next().is_some(), "nothing was sealed");
            store.flush().unwrap();
        }
        (store, series, scans)
    }

    fn numbered(scans: &[Scan]) -> Vec<Taken> {
        let taken = |(sequence, scan): (u64, &Scan)| Taken {
            sequence,
            group: scan.group,
            at: scan.at,
            samples: (0..).zip(scan.samples.clone()).collect(),
        };
        (1..).zip(scans).map(taken).collect()
    }

    #[test]
    fn a_walk_gives_every_scan_in_the_order_it_was_taken() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _, scans) = store_of(dir.path(), 9_000);
        let walked: Vec<Taken> = store.walk(everything()).map(Result::unwrap).collect();
        assert_eq!(walked, numbered(&scans));
    }

    #[test]
    fn only_what_is_wanted_is_given() {
        let dir = tempfile::tempdir().unwrap();
        let (store, series, scans) = store_of(dir.path(), 9_000);
        let times = scans[100].at..scans[8_000].at;
        let what = What::Series([series[1]].into());
        let wanted = Wanted { what, times, sequences: 0..7_000 };
        let expected = numbered(&scans).into_iter().skip(100).take(6_899).map(|mut taken| {
            let place = u16::from(taken.sequence % 3 != 0);
            taken.samples.retain(|(of, _)| *of == place);
            taken
        });
        assert!(store.walk(wanted).map(Result::unwrap).eq(expected));
        let of_nothing = Wanted { what: What::Series([SeriesId(99)].into()), ..everything() };
        assert_eq!(store.walk(of_nothing).count(), 0);
        let mut times = store.walk(Wanted { what: What::Times, ..everything() });
        assert!(times.all(|taken| taken.unwrap().samples.is_empty()));
    }

    #[test]
    fn a_walk_over_a_store_that_closes_ends_with_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let (store, ..) = store_of(dir.path(), 9_000);
        let mut walk = store.walk(everything());
        assert!(walk.next().unwrap().is_ok());
        store.close().unwrap();
        assert_eq!(walk.find(Result::is_err), Some(Err(StoreError::Closed)));
        assert_eq!(walk.next(), None);
    }
}
