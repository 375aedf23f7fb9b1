//! A run of scans as the payload of one frame: the blocks of its coded columns.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::model::reading::{GroupId, Scan};
use crate::store::code::column::Piece;
use crate::store::columns::Columns;
use crate::store::epoch::Epoch;
use crate::store::error::StoreError;
use crate::store::periods::block::{self, Block};
use crate::store::walk::{Rows, Taken, Wanted, What};
use crate::time::UtcTime;

/// Columns of a group beside those of its series: times and sequence numbers.
const COLUMNS_BESIDE: usize = 2;

/// The payload that holds the scans of `epoch`.
pub(super) fn payload(epoch: &Epoch) -> Vec<u8> {
    let mut payload = Vec::new();
    for (group, columns) in epoch.groups() {
        for Block { value, .. } in block::blocks(0, *group, columns) {
            payload.extend_from_slice(&group.0.to_be_bytes());
            // A stored value is far shorter than 4 GiB.
            payload.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
            payload.extend_from_slice(&value);
        }
    }
    payload
}

/// A run of scans.
#[derive(Debug)]
pub struct ScanFrame {
    groups: BTreeMap<GroupId, Vec<Vec<Piece>>>,
}

impl ScanFrame {
    /// The scans of a payload; `None` when it is none of ours.
    pub(super) fn of(mut payload: &[u8]) -> Option<Self> {
        let mut groups: BTreeMap<GroupId, Vec<Vec<Piece>>> = BTreeMap::new();
        while !payload.is_empty() {
            let (group, rest) = payload.split_first_chunk::<2>()?;
            let (bytes, rest) = rest.split_first_chunk::<4>()?;
            let bytes = usize::try_from(u32::from_be_bytes(*bytes)).ok()?;
            let (value, rest) = rest.split_at_checked(bytes)?;
            payload = rest;
            let columns = groups.entry(GroupId(u16::from_be_bytes(*group))).or_default();
            for part in block::pieces(value)? {
                add(columns, usize::from(part.column), part.to_piece())?;
            }
        }
        groups.values().all(|columns| is_whole(columns)).then_some(Self { groups })
    }

    /// The groups that have scans in it, each with how many series it has.
    pub(super) fn widths(&self) -> impl Iterator<Item = (GroupId, usize)> {
        self.groups.iter().map(|(group, columns)| (*group, columns.len() - COLUMNS_BESIDE))
    }

    /// The scans with their sequence numbers, in order; one that does not read back is the last.
    ///
    /// # Errors
    /// When its columns do not fit together.
    pub fn scans(&self) -> Result<impl Iterator<Item = Result<(u64, Scan), StoreError>>, StoreError> {
        let wanted = Wanted { what: What::All, times: all_times(), sequences: 0..u64::MAX };
        let mut rows = Rows::of(self, &wanted, |group| self.places(group))?;
        let mut failed = false;
        Ok(std::iter::from_fn(move || {
            let next = rows.next(&wanted).filter(|_| !failed)?;
            failed = next.is_err();
            Some(next.map(numbered_scan))
        }))
    }

    fn places(&self, group: GroupId) -> Option<Vec<u16>> {
        let width = self.groups.get(&group)?.len() - COLUMNS_BESIDE;
        u16::try_from(width).ok().map(|width| (0..width).collect())
    }
}

fn numbered_scan(taken: Taken) -> (u64, Scan) {
    let samples = taken.samples.into_iter().map(|(_, sample)| sample).collect();
    (taken.sequence, Scan { group: taken.group, at: taken.at, samples })
}

fn all_times() -> Range<UtcTime> {
    // Nothing is as late as the last instant that there is.
    UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX)
}

/// Adds a piece to its column; `None` when it does not follow what is there.
fn add(columns: &mut Vec<Vec<Piece>>, column: usize, piece: Piece) -> Option<()> {
    if column == columns.len() {
        columns.push(Vec::new());
    }
    let pieces = columns.get_mut(column)?;
    let expected = pieces.last().map_or(0, Piece::end);
    (piece.first == expected).then(|| pieces.push(piece))
}

/// Whether there are times, sequence numbers and samples, and of all the same number.
fn is_whole(columns: &[Vec<Piece>]) -> bool {
    let mut ends = columns.iter().map(|pieces| pieces.last().map_or(0, Piece::end));
    let scans = ends.next().unwrap_or(0);
    columns.len() > COLUMNS_BESIDE && scans > 0 && ends.all(|end| end == scans)
}

impl Columns for ScanFrame {
    fn groups(&self) -> Result<Vec<GroupId>, StoreError> {
        Ok(self.groups.keys().copied().collect())
    }

    fn pieces(&self, group: GroupId, column: u16, from: usize) -> Result<Vec<Piece>, StoreError> {
        let pieces = self.groups.get(&group).and_then(|columns| columns.get(usize::from(column)));
        let wanted = pieces.into_iter().flatten().filter(|piece| piece.end() > from);
        Ok(wanted.cloned().collect())
    }
}
