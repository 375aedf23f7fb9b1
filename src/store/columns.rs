//! Reads readings and scans out of columns, whether they lie in memory or in blocks.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::reading::{GroupId, Reading, Sample, Scan};
use crate::store::code::column::Piece;
use crate::store::code::ramp::RampCoder;
use crate::store::code::sample::SampleCoder;
use crate::store::code::strand::Strand;
use crate::store::disk::key::{self, series_column};
use crate::store::epoch::Epoch;
use crate::store::error::StoreError;
use crate::store::periods::block;
use crate::time::UtcTime;

/// The columns of one epoch.
pub(super) trait Columns {
    /// The groups that have scans in it.
    fn groups(&self) -> Result<Vec<GroupId>, StoreError>;

    /// The pieces of a column that hold scans of index `from` on; none when the group has no scans.
    fn pieces(&self, group: GroupId, column: u16, from: usize) -> Result<Vec<Piece>, StoreError>;
}

impl Columns for Epoch {
    fn groups(&self) -> Result<Vec<GroupId>, StoreError> {
        Ok(Epoch::groups(self).keys().copied().collect())
    }

    fn pieces(&self, group: GroupId, column: u16, from: usize) -> Result<Vec<Piece>, StoreError> {
        Ok(Epoch::groups(self).get(&group).map_or_else(Vec::new, |columns| columns.pieces(column, from)))
    }
}

/// The pieces of `column` that hold scans of index `from` on, out of the values of stored blocks: the one
/// that holds its first piece, and those behind it that begin with it.
pub(super) fn column_of(
    group: GroupId,
    column: u16,
    from: usize,
    values: impl Iterator<Item = Result<impl AsRef<[u8]>, StoreError>>,
) -> Result<Vec<Piece>, StoreError> {
    let mut found: Vec<Piece> = Vec::new();
    for value in values {
        let value = value?;
        let pieces = block::pieces(value.as_ref()).ok_or_else(|| unreadable(group))?;
        for part in pieces.iter().filter(|part| part.column == column) {
            let piece = part.to_piece();
            if piece.first != found.last().map_or(0, Piece::end) {
                return Err(unreadable(group));
            }
            found.push(piece);
        }
        if pieces.last().is_some_and(|part| part.column > column) {
            break;
        }
    }
    found.retain(|piece| piece.end() > from);
    Ok(found)
}

/// Where a series is found: its groups and its place in each.
pub(super) type Places = [(GroupId, u16)];

/// The readings of a series in `range`, in ascending time; those of equal time as they were taken.
pub(super) fn readings(
    columns: &dyn Columns,
    places: &Places,
    range: &Range<UtcTime>,
) -> Result<Vec<Reading>, StoreError> {
    let mut readings = Vec::new();
    let mut taken = Vec::new();
    for (group, place) in places {
        let times = columns.pieces(*group, key::TIMES, 0)?;
        let scans = times.last().map_or(0, Piece::end);
        // Only readings out of several groups can be of one time and out of order.
        let sequences = if places.len() > 1 { numbers(columns, *group, key::SEQUENCES)? } else { Vec::new() };
        let mut samples = Strand::<SampleCoder>::of(columns.pieces(*group, series_column(*place), 0)?);
        let mut times = Strand::<RampCoder>::of(times);
        readings.reserve(scans);
        // Side by side, since each number waits for the one before it in its column only: the processor
        // is at both columns at once.
        for index in 0..scans {
            let at = UtcTime::from_ms(times.at(index).ok_or_else(|| unreadable(*group))?);
            if range.contains(&at) {
                let sample = samples.at(index).ok_or_else(|| unreadable(*group))?;
                readings.push(Reading::new(at, sample));
                taken.extend(sequences.get(index));
            }
        }
    }
    if taken.is_empty() {
        // As they were taken is nearly always as they are in time, which is soon seen.
        readings.sort_by_key(|reading| reading.at);
        return Ok(readings);
    }
    let mut in_order: Vec<(i64, Reading)> = taken.into_iter().zip(readings).collect();
    in_order.sort_by_key(|(sequence, reading)| (reading.at, *sequence));
    Ok(in_order.into_iter().map(|(_, reading)| reading).collect())
}

/// How many readings [`readings`] would give.
pub(super) fn count(
    columns: &dyn Columns,
    places: &Places,
    range: &Range<UtcTime>,
) -> Result<u64, StoreError> {
    let mut count = 0;
    for (group, _) in places {
        count += times(columns, *group)?.iter().filter(|at| range.contains(at)).count() as u64;
    }
    Ok(count)
}

/// How many readings a series has in the whole epoch; no column is decoded for it.
pub(super) fn count_all(columns: &dyn Columns, places: &Places) -> Result<u64, StoreError> {
    let mut count = 0;
    for (group, _) in places {
        let pieces = columns.pieces(*group, key::TIMES, 0)?;
        count += pieces.iter().map(|piece| piece.count as u64).sum::<u64>();
    }
    Ok(count)
}

/// At most `scans_max` scans with a sequence number in `sequences`, in order; `width_of` gives the
/// number of series of a group.
pub(super) fn scans(
    columns: &dyn Columns,
    sequences: &Range<u64>,
    scans_max: usize,
    width_of: impl Fn(GroupId) -> Option<u16>,
) -> Result<Vec<(u64, Scan)>, StoreError> {
    let mut wanted: Vec<(u64, GroupId, usize)> = Vec::new();
    for group in columns.groups()? {
        let numbers = numbers(columns, group, key::SEQUENCES)?.into_iter().map(i64::cast_unsigned);
        let indexed = numbers.enumerate().filter(|(_, number)| sequences.contains(number));
        wanted.extend(indexed.map(|(index, number)| (number, group, index)));
    }
    wanted.sort_unstable_by_key(|(number, ..)| *number);
    wanted.truncate(scans_max);

    let mut found = Vec::with_capacity(wanted.len());
    for (group, rows) in rows_by_group(&wanted) {
        let width = width_of(group).ok_or_else(|| unreadable(group))?;
        found.extend(group_scans(columns, group, width, &rows)?);
    }
    found.sort_unstable_by_key(|(number, _)| *number);
    Ok(found)
}

/// For each group the sequence numbers and indexes of its wanted scans, in order.
fn rows_by_group(wanted: &[(u64, GroupId, usize)]) -> BTreeMap<GroupId, Vec<(u64, usize)>> {
    let mut rows: BTreeMap<GroupId, Vec<(u64, usize)>> = BTreeMap::new();
    for (number, group, index) in wanted {
        rows.entry(*group).or_default().push((*number, *index));
    }
    rows
}

/// The scans of one group at `rows`, which follow one another without a hole: the sequence numbers
/// of a group ascend with the index.
fn group_scans(
    columns: &dyn Columns,
    group: GroupId,
    width: u16,
    rows: &[(u64, usize)],
) -> Result<Vec<(u64, Scan)>, StoreError> {
    let (Some((_, first)), Some((_, last))) = (rows.first(), rows.last()) else { return Ok(Vec::new()) };
    let times = times(columns, group)?;
    let mut scans = Vec::with_capacity(rows.len());
    for (number, index) in rows {
        let at = *times.get(*index).ok_or_else(|| unreadable(group))?;
        scans.push((*number, Scan { group, at, samples: Vec::with_capacity(usize::from(width)) }));
    }
    for place in 0..width {
        let mut rows = rows.iter().map(|(_, index)| *index).zip(&mut scans).peekable();
        each_sample(columns, group, place, &(*first..last + 1), |index, sample| {
            if let Some((_, (_, scan))) = rows.next_if(|(row, _)| *row == index) {
                scan.samples.push(sample);
            }
        })?;
    }
    Ok(scans)
}

/// The times of all scans of a group, in the order they were taken.
pub(super) fn times(columns: &dyn Columns, group: GroupId) -> Result<Vec<UtcTime>, StoreError> {
    Ok(numbers(columns, group, key::TIMES)?.into_iter().map(UtcTime::from_ms).collect())
}

/// The sequence number of a group's last scan.
pub(super) fn last_sequence(columns: &dyn Columns, group: GroupId) -> Result<Option<u64>, StoreError> {
    Ok(numbers(columns, group, key::SEQUENCES)?.last().copied().map(i64::cast_unsigned))
}

/// The samples of the series at `place` in the first `scans` scans of a group, in the order they were
/// taken.
pub(super) fn samples(
    columns: &dyn Columns,
    group: GroupId,
    place: u16,
    scans: usize,
) -> Result<Vec<Sample>, StoreError> {
    let mut samples = Vec::with_capacity(scans);
    each_sample(columns, group, place, &(0..scans), |_, sample| samples.push(sample))?;
    Ok(samples)
}

fn numbers(columns: &dyn Columns, group: GroupId, column: u16) -> Result<Vec<i64>, StoreError> {
    let pieces = columns.pieces(group, column, 0)?;
    let mut numbers = Vec::with_capacity(pieces.iter().map(|piece| piece.count).sum());
    for piece in &pieces {
        let read = piece.decode::<RampCoder>(&(0..usize::MAX), |_, number| numbers.push(number));
        read.ok_or_else(|| unreadable(group))?;
    }
    Ok(numbers)
}

/// Hands the samples of one series at the scans `wanted`, none of which may lie beyond the last, to
/// `each`, in order.
fn each_sample(
    columns: &dyn Columns,
    group: GroupId,
    place: u16,
    wanted: &Range<usize>,
    mut each: impl FnMut(usize, Sample),
) -> Result<(), StoreError> {
    let mut reached = wanted.start;
    for piece in columns.pieces(group, series_column(place), wanted.start)? {
        if piece.first >= wanted.end {
            break;
        }
        piece.decode::<SampleCoder>(wanted, &mut each).ok_or_else(|| unreadable(group))?;
        reached = piece.end();
    }
    // The last piece, or all of them, may be missing.
    if reached < wanted.end { Err(unreadable(group)) } else { Ok(()) }
}

/// The error for columns of a group that do not fit together or do not decode.
pub(super) fn unreadable(group: GroupId) -> StoreError {
    StoreError::Damaged {
        what: format!("a sealed epoch of group {}", group.0),
        reason: "its columns do not read back".to_owned(),
    }
}
