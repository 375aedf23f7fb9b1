//! The readings of one series in ascending time, an epoch at a time.

use std::ops::Range;
use std::sync::Arc;
use std::vec;

use crate::model::reading::{GroupId, Reading, SeriesId};
use crate::store::columns::{self, Columns};
use crate::store::epoch::Epoch;
use crate::store::error::StoreError;
use crate::store::index::Sealed;
use crate::store::shared::Shared;
use crate::time::UtcTime;

/// Readings of one series in ascending time; those of equal time in the order they were taken, but for
/// what somebody entered in place of another.
///
/// Sealed epochs are read only as the iterator comes to them, so memory holds one of them at a time,
/// or a few where the clock was set back. An epoch that does not read back is noted as damage, and the
/// readings after it follow.
pub struct History {
    shared: Arc<Shared>,
    places: Vec<(GroupId, u16)>,
    range: Range<UtcTime>,
    /// Sealed epochs still to be read; the one that begins first is last.
    sealed: Vec<Sealed>,
    /// Readings of the epochs that have been read, oldest epoch first.
    runs: Vec<Run>,
    /// The run that holds the next reading.
    front: usize,
    /// How many of its readings come before those of all others.
    clear: usize,
    /// One that was looked at already.
    ahead: Option<Reading>,
}

struct Run {
    epoch: u32,
    readings: vec::IntoIter<Reading>,
}

impl Run {
    fn next_at(&self) -> Option<UtcTime> {
        self.readings.as_slice().first().map(|reading| reading.at)
    }
}

impl History {
    /// The readings of `series` in `range`, as the store stands now.
    pub(super) fn new(
        shared: &Arc<Shared>,
        series: SeriesId,
        range: Range<UtcTime>,
    ) -> Result<Self, StoreError> {
        let state = shared.state();
        let places = state.names.places(series).ok_or(StoreError::UnknownSeries(series))?.to_vec();
        let mut sealed = state.index.within(&range);
        let mut runs = Vec::new();
        // The few columns of one series are decoded sooner than whole epochs are copied.
        for (epoch, columns) in state.unsealed_by_number().filter(|(_, epoch)| touches(epoch, &range)) {
            let readings = columns::readings(columns, &places, &range)?.into_iter();
            runs.push(Run { epoch, readings });
        }
        drop(state);
        sealed.sort_by_key(|epoch| std::cmp::Reverse((epoch.extent.first, epoch.number)));
        Ok(Self { shared: Arc::clone(shared), places, range, sealed, runs, front: 0, clear: 0, ahead: None })
    }

    /// Reads the sealed epochs that may hold the next reading.
    fn read_ahead(&mut self) -> Result<(), StoreError> {
        loop {
            let next_at = self.runs.iter().filter_map(Run::next_at).min();
            let is_due = |epoch: &mut Sealed| next_at.is_none_or(|at| epoch.extent.first <= at);
            let Some(epoch) = self.sealed.pop_if(is_due) else { return Ok(()) };
            let read = |columns: &dyn Columns| columns::readings(columns, &self.places, &self.range);
            if let Some(readings) = self.shared.read_sealed(epoch.number, read)? {
                self.add_run(epoch.number, readings);
            }
        }
    }

    /// Finds the run that holds the next reading, and how far it can be followed without looking at
    /// the others: to its end, unless the clock was set back.
    #[cold]
    fn find_front(&mut self) -> Result<(), StoreError> {
        self.read_ahead()?;
        // The first of equal times is that of the oldest epoch.
        let nexts = || (0..).zip(&self.runs).filter_map(|(place, run)| Some((place, run.next_at()?)));
        let Some((front, _)) = nexts().min_by_key(|(_, at)| *at) else { return Ok(()) };
        let others = nexts().filter(|(place, _)| *place != front).map(|(_, at)| at);
        let end = others.chain(self.sealed.last().map(|epoch| epoch.extent.first)).min();
        let readings = self.runs.get(front).map_or(&[][..], |run| run.readings.as_slice());
        let clear = end.map_or(readings.len(), |end| readings.partition_point(|reading| reading.at < end));
        (self.front, self.clear) = (front, clear.max(1));
        Ok(())
    }

    fn add_run(&mut self, epoch: u32, readings: Vec<Reading>) {
        self.runs.retain(|run| !run.readings.as_slice().is_empty());
        self.runs.push(Run { epoch, readings: readings.into_iter() });
        self.runs.sort_by_key(|run| run.epoch);
    }
}

impl History {
    /// The next reading as it was taken.
    #[inline]
    fn next_taken(&mut self) -> Option<Result<Reading, StoreError>> {
        if self.clear == 0
            && let Err(error) = self.find_front()
        {
            return Some(Err(error));
        }
        self.clear = self.clear.checked_sub(1)?;
        self.runs.get_mut(self.front)?.readings.next().map(Ok)
    }

    /// What stands at the time of `reading`, which was entered by hand: the last that was.
    #[cold]
    fn last_entered(&mut self, mut reading: Reading) -> Result<Reading, StoreError> {
        while let Some(later) = self.next_taken().transpose()? {
            if later.at != reading.at || !later.quality.is_by_hand() {
                self.ahead = Some(later);
                break;
            }
            reading = later;
        }
        Ok(reading)
    }
}

impl Iterator for History {
    type Item = Result<Reading, StoreError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let next = match self.ahead.take() {
            Some(reading) => Ok(reading),
            None => self.next_taken()?,
        };
        match next {
            Ok(reading) if reading.quality.is_by_hand() => Some(self.last_entered(reading)),
            next => Some(next),
        }
    }
}

/// Whether an epoch has readings of a range.
fn touches(epoch: &Epoch, range: &Range<UtcTime>) -> bool {
    epoch.extent().is_some_and(|extent| extent.first < range.end && extent.last >= range.start)
}

/// How many readings [`History`] would give; epochs that lie whole in the range are not decoded.
pub(super) fn count(
    shared: &Arc<Shared>,
    series: SeriesId,
    range: &Range<UtcTime>,
) -> Result<u64, StoreError> {
    let state = shared.state();
    let places = state.names.places(series).ok_or(StoreError::UnknownSeries(series))?.to_vec();
    if state.ledgers.entries.has(series) {
        drop(state);
        return History::new(shared, series, range.clone())?
            .try_fold(0, |count, reading| reading.map(|_| count + 1));
    }
    let sealed = state.index.within(range);
    let mut count = 0;
    for epoch in state.unsealed().filter(|epoch| touches(epoch, range)) {
        count += columns::count(epoch, &places, range)?;
    }
    drop(state);
    for epoch in sealed {
        let is_inside = range.contains(&epoch.extent.first) && range.contains(&epoch.extent.last);
        let counted = shared.read_sealed(epoch.number, |columns| {
            if is_inside {
                columns::count_all(columns, &places)
            } else {
                columns::count(columns, &places, range)
            }
        })?;
        count += counted.unwrap_or(0);
    }
    Ok(count)
}
