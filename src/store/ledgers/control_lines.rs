//! The book of what was written to meters: what was wanted, by whom, and what came of it.
//!
//! ```text
//! key     number u32
//! value   version (1) u8 | series u32 | at i64 | act u8 | value f64 | by, UTF-8
//! act     1 held, 2 released, 3 lease over, 4 reached, 5 rested, 6 strayed, 7 failed, 8 abandoned
//! ```
//!
//! Big-endian, times in milliseconds since 1970 UTC; the value is 0 for an act that has none. A bounded
//! number of lines; the oldest go first.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits;
use crate::model::control::ControlAct;
use crate::model::reading::SeriesId;
use crate::store::ledgers::fields::{take, take_number};
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::time::UtcTime;

const VERSION: u8 = 1;

/// One line of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlLine {
    /// Its number, never given again.
    pub number: u32,
    /// What was written.
    pub series: SeriesId,
    /// When.
    pub at: UtcTime,
    /// What happened.
    pub act: ControlAct,
    /// On whose account.
    pub by: String,
}

/// The book.
#[derive(Debug, Default)]
pub(in crate::store) struct ControlLines {
    lines: BTreeMap<u32, ControlLine>,
    next: u32,
    changed: BTreeSet<u32>,
}

impl ControlLines {
    /// Notes a line under the next number.
    pub(in crate::store) fn note(&mut self, series: SeriesId, at: UtcTime, act: ControlAct, by: &str) {
        let number = self.next;
        let by = by.chars().take(limits::NAME_CHARS_MAX).collect();
        self.put(ControlLine { number, series, at, act, by });
        self.changed.insert(number);
        while self.lines.len() > limits::CONTROL_LINES_MAX
            && let Some((oldest, _)) = self.lines.pop_first()
        {
            self.changed.insert(oldest);
        }
    }

    /// The last `count` lines of some series, oldest first.
    pub(in crate::store) fn of(&self, series: &[SeriesId], count: usize) -> Vec<ControlLine> {
        let of_series = self.lines.values().rev().filter(|line| series.contains(&line.series));
        let mut last: Vec<ControlLine> = of_series.take(count).cloned().collect();
        last.reverse();
        last
    }

    fn put(&mut self, line: ControlLine) {
        self.next = self.next.max(line.number.saturating_add(1));
        self.lines.insert(line.number, line);
    }
}

impl Ledger for ControlLines {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let number = u32::from_be_bytes(key.try_into().ok()?);
        self.put(read(number, value)?);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let change = |number: u32| Change {
            key: number.to_be_bytes().to_vec(),
            value: self.lines.get(&number).map(write),
        };
        changed.map(change).collect()
    }

    fn forget_stored(&mut self) {
        self.changed.extend(self.lines.keys());
    }
}

const fn parts(act: ControlAct) -> (u8, f64) {
    match act {
        ControlAct::Held(value) => (1, value),
        ControlAct::Released => (2, 0.0),
        ControlAct::LeaseOver => (3, 0.0),
        ControlAct::Reached(value) => (4, value),
        ControlAct::Rested(value) => (5, value),
        ControlAct::Strayed(value) => (6, value),
        ControlAct::Failed(value) => (7, value),
        ControlAct::Abandoned => (8, 0.0),
    }
}

const fn act(code: u8, value: f64) -> Option<ControlAct> {
    Some(match code {
        1 => ControlAct::Held(value),
        2 => ControlAct::Released,
        3 => ControlAct::LeaseOver,
        4 => ControlAct::Reached(value),
        5 => ControlAct::Rested(value),
        6 => ControlAct::Strayed(value),
        7 => ControlAct::Failed(value),
        8 => ControlAct::Abandoned,
        _ => return None,
    })
}

fn write(line: &ControlLine) -> Vec<u8> {
    let (code, number) = parts(line.act);
    let mut value = vec![VERSION];
    value.extend(line.series.0.to_be_bytes());
    value.extend(line.at.as_ms().to_be_bytes());
    value.push(code);
    value.extend(number.to_be_bytes());
    value.extend(line.by.bytes());
    value
}

fn read(number: u32, value: &[u8]) -> Option<ControlLine> {
    let mut rest = value.strip_prefix(&[VERSION])?;
    let series = SeriesId(u32::from_be_bytes(take(&mut rest)?));
    let at = UtcTime::from_ms(i64::from_be_bytes(take(&mut rest)?));
    let [code] = take(&mut rest)?;
    let act = act(code, take_number(&mut rest)?)?;
    Some(ControlLine { number, series, at, act, by: String::from_utf8(rest.to_vec()).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERIES: SeriesId = SeriesId(7);
    const ACTS: [ControlAct; 8] = [
        ControlAct::Held(1.5),
        ControlAct::Released,
        ControlAct::LeaseOver,
        ControlAct::Reached(1.5),
        ControlAct::Rested(-0.5),
        ControlAct::Strayed(2.0),
        ControlAct::Failed(1.5),
        ControlAct::Abandoned,
    ];

    fn book_of(acts: &[ControlAct]) -> ControlLines {
        let mut book = ControlLines::default();
        for (ms, act) in (0..).zip(acts) {
            book.note(SERIES, UtcTime::from_ms(ms), *act, "控制台");
        }
        book
    }

    #[test]
    fn the_book_reads_back_as_it_was_written() {
        let mut book = book_of(&ACTS);
        let mut read_back = ControlLines::default();
        for Change { key, value } in book.take_changes() {
            assert_eq!(read_back.restore(&key, &value.unwrap()), Some(()));
        }
        assert_eq!(read_back.of(&[SERIES], 9), book.of(&[SERIES], 9));
        assert_eq!(read_back.of(&[SERIES], 9).len(), ACTS.len());
        assert_eq!(book.of(&[SERIES], 1)[0].act, ControlAct::Abandoned, "the last");
        assert_eq!(book.of(&[SeriesId(8)], 9), []);
        read_back.note(SERIES, UtcTime::from_ms(9), ControlAct::Released, "x");
        assert_eq!(read_back.of(&[SERIES], 1)[0].number, 8, "no number is given twice");
    }

    #[test]
    fn the_oldest_lines_go_first() {
        let mut book = book_of(&vec![ControlAct::Released; limits::CONTROL_LINES_MAX + 2]);
        assert_eq!(book.lines.len(), limits::CONTROL_LINES_MAX);
        let gone = book.take_changes().into_iter().filter(|change| change.value.is_none());
        assert_eq!(gone.count(), 2);
    }

    #[test]
    fn what_no_version_wrote_is_refused() {
        let whole = write(&book_of(&[ControlAct::Held(1.5)]).of(&[SERIES], 1)[0]);
        for cut in 0..22 {
            assert_eq!(read(0, &whole[..cut]), None, "{cut}");
        }
        for (place, byte) in [(0, 2), (13, 0), (13, 9), (14, 0x7F)] {
            let mut damaged = whole.clone();
            damaged[place] = byte;
            damaged[15] = if place == 14 { 0xF0 } else { damaged[15] };
            assert_eq!(read(0, &damaged), None, "{place}");
        }
        assert_eq!(ControlLines::default().restore(b"abc", &whole), None);
    }
}
