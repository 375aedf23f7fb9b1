//! Rows of quarter hours wait here while the medium takes no writes: they outlive the readings that
//! memory cannot hold for so long.
//!
//! Memory for them is bounded too. The oldest go first, but for those of local midnight: what a register
//! showed then is what a bill is made from.

use std::collections::BTreeMap;

use crate::limits;
use crate::stats::quarter::Row;
use crate::store::rows::quarters::Quarter;
use crate::store::rows::{self, RowRecord};
use crate::time::{Interval, UtcOffset};

/// The rows that the medium has not taken yet, as they will be stored.
#[derive(Debug, Default)]
pub(in crate::store) struct WaitingRows {
    parts: BTreeMap<Quarter, Vec<Vec<u8>>>,
    bytes: usize,
    dropped: u64,
}

impl WaitingRows {
    /// Keeps the rows of a quarter hour in place of those that it has, where local days begin by `offset`.
    pub(in crate::store) fn put(&mut self, quarter: Quarter, new: &[Row], offset: UtcOffset) {
        self.settle(quarter);
        let parts = rows::encode(new, quarter.0, 0);
        self.bytes += bytes(&parts);
        self.parts.insert(quarter, parts);
        while self.bytes > limits::WAITING_ROWS_BYTES_MAX {
            let is_midnight = |(at, _): &Quarter| at.floor_local(Interval::DAY, offset) == *at;
            let oldest = self.parts.keys().find(|quarter| !is_midnight(quarter));
            let Some(oldest) = oldest.or_else(|| self.parts.keys().next()).copied() else { break };
            self.settle(oldest);
            self.dropped += 1;
        }
    }

    /// The rows of a quarter hour.
    pub(in crate::store) fn get(&self, quarter: Quarter) -> Option<RowRecord> {
        rows::join(self.parts.get(&quarter)?.iter().map(|part| rows::decode(part, quarter.0)))
    }

    /// The first quarter hour whose rows wait.
    pub(in crate::store) fn first(&self) -> Option<Quarter> {
        self.parts.keys().next().copied()
    }

    /// The rows of a quarter hour wait no more.
    pub(in crate::store) fn settle(&mut self, quarter: Quarter) {
        if let Some(parts) = self.parts.remove(&quarter) {
            self.bytes -= bytes(&parts);
        }
    }

    /// Quarter hours whose rows wait.
    pub(in crate::store) fn len(&self) -> usize {
        self.parts.len()
    }

    /// Quarter hours whose rows were lost.
    pub(in crate::store) const fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn bytes(parts: &[Vec<u8>]) -> usize {
    parts.iter().map(|part| part.len() + limits::WAITING_ROW_OVERHEAD_BYTES).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::reading::GroupId;
    use crate::stats::summary::Summary;
    use crate::time::UtcTime;

    fn quarter(number: i64) -> Quarter {
        (UtcTime::from_ms(number * Interval::QUARTER_HOUR.as_ms()), GroupId(1))
    }

    fn rows(number: i64) -> Vec<Row> {
        let growth = f64::from(i32::try_from(number).unwrap());
        vec![Row { summary: Summary { readings: 15, growth, ..Summary::default() }, ..Row::default() }; 1_000]
    }

    #[test]
    fn the_rows_of_a_quarter_hour_come_back_until_they_are_settled() {
        let mut waiting = WaitingRows::default();
        for number in [4, 3] {
            waiting.put(quarter(3), &rows(number), UtcOffset::UTC);
        }
        assert_eq!((waiting.len(), waiting.first()), (1, Some(quarter(3))));
        assert_eq!(waiting.get(quarter(3)).unwrap().rows, rows(3));
        waiting.settle(quarter(3));
        assert_eq!((waiting.first(), waiting.bytes, waiting.get(quarter(3))), (None, 0, None));
    }

    #[test]
    fn when_too_many_wait_the_oldest_go_but_for_those_of_midnight() {
        let mut waiting = WaitingRows::default();
        for number in 0..1_000 {
            waiting.put(quarter(number), &rows(number), UtcOffset::UTC);
            assert!(waiting.bytes <= limits::WAITING_ROWS_BYTES_MAX);
        }
        assert!(waiting.dropped() > 100);
        let kept: Vec<i64> =
            waiting.parts.keys().map(|(at, _)| at.as_ms() / Interval::QUARTER_HOUR.as_ms()).collect();
        let midnights: Vec<i64> = (0..1_000).step_by(96).collect();
        assert_eq!(kept[..8], midnights[..8]);
        assert_eq!(kept.last(), Some(&999));
        assert_eq!(waiting.get(quarter(96)).unwrap().rows, rows(96));
    }
}
