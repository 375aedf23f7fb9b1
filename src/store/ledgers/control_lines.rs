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

use crate::limits;
use crate::model::control::ControlAct;
use crate::model::reading::SeriesId;
use crate::store::ledgers::book::{Book, Line};
use crate::store::ledgers::fields::{take, take_number};
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

impl Book<ControlLine> {
    /// Notes what happened to a series, and on whose account.
    pub(in crate::store) fn note_act(&mut self, series: SeriesId, at: UtcTime, act: ControlAct, by: &str) {
        let by = by.chars().take(limits::NAME_CHARS_MAX).collect();
        self.note(|number| ControlLine { number, series, at, act, by });
    }
}

impl Line for ControlLine {
    const LINES_MAX: usize = limits::CONTROL_LINES_MAX;

    fn write(&self) -> Vec<u8> {
        let (code, number) = parts(self.act);
        let mut value = vec![VERSION];
        value.extend(self.series.0.to_be_bytes());
        value.extend(self.at.as_ms().to_be_bytes());
        value.push(code);
        value.extend(number.to_be_bytes());
        value.extend(self.by.bytes());
        value
    }

    fn read(number: u32, value: &[u8]) -> Option<Self> {
        let mut rest = value.strip_prefix(&[VERSION])?;
        let series = SeriesId(u32::from_be_bytes(take(&mut rest)?));
        let at = UtcTime::from_ms(i64::from_be_bytes(take(&mut rest)?));
        let [code] = take(&mut rest)?;
        let act = act(code, take_number(&mut rest)?)?;
        Some(Self { number, series, at, act, by: String::from_utf8(rest.to_vec()).ok()? })
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

    fn line(act: ControlAct) -> ControlLine {
        ControlLine { number: 3, series: SERIES, at: UtcTime::from_ms(7), act, by: "控制台".to_owned() }
    }

    #[test]
    fn every_act_reads_back_as_it_was_written() {
        for act in ACTS {
            assert_eq!(ControlLine::read(3, &line(act).write()), Some(line(act)));
        }
    }

    #[test]
    fn a_name_is_cut_to_its_length() {
        let mut book = Book::default();
        book.note_act(SERIES, UtcTime::from_ms(7), ControlAct::Released, &"李".repeat(1_000));
        assert_eq!(book.last(1, |_| true)[0].by.chars().count(), limits::NAME_CHARS_MAX);
    }

    #[test]
    fn what_no_version_wrote_is_refused() {
        let whole = line(ControlAct::Held(1.5)).write();
        for cut in 0..22 {
            assert_eq!(ControlLine::read(0, &whole[..cut]), None, "{cut}");
        }
        for (place, bytes) in [(0, [2, 0]), (13, [0, 0]), (13, [9, 0]), (14, [0x7F, 0xF0])] {
            let mut damaged = whole.clone();
            damaged[place..place + 2].copy_from_slice(&bytes);
            assert_eq!(ControlLine::read(0, &damaged), None, "{place}");
        }
    }
}
