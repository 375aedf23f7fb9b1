//! What reading each meter has taught.
//!
//! ```text
//! key     meter ID, ASCII
//! value   version (2) u8 | unit u8 | lesson*
//! lesson  kind u8 | table u8 | first address u16 | number u16 | tried again from i64, ms | held so often u8
//! kind    1 these addresses are read apart, 2 no read is longer than this number
//! table   1 coil, 2 discrete input, 3 holding register, 4 input register: their function codes
//! ```
//!
//! Big-endian.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits;
use crate::model::learned::{Learned, Lesson, Retrial};
use crate::model::register::{Span, Table, UnitId};
use crate::store::ledgers::fields::take;
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::time::UtcTime;

const VERSION: u8 = 2;
/// The form before lessons were doubted, which is read and never written.
const VERSION_WITHOUT_DOUBTS: u8 = 1;
const APART: u8 = 1;
const LONGEST: u8 = 2;
/// Lessons of one meter: the addresses, and the longest read of registers and of bits.
const LESSONS_MAX: usize = limits::LEARNED_SPANS_MAX + 2;

/// What was learned, by the meter's ID, with the unit that it was learned of.
#[derive(Debug, Default)]
pub(in crate::store) struct Lessons {
    meters: BTreeMap<String, (UnitId, Learned)>,
    changed: BTreeSet<String>,
}

impl Lessons {
    /// What was learned of a meter at this unit.
    pub(in crate::store) fn of(&self, meter_id: &str, unit: UnitId) -> Option<Learned> {
        self.meters.get(meter_id).filter(|(of, _)| *of == unit).map(|(_, learned)| learned.clone())
    }

    /// Keeps what was learned of a meter, in place of what was known. Of too many meters the new one is not
    /// kept.
    pub(in crate::store) fn keep(&mut self, meter_id: &str, unit: UnitId, learned: Learned) {
        let is_known = self.meters.contains_key(meter_id);
        if learned.is_empty() {
            self.meters.remove(meter_id);
        } else if is_known || self.meters.len() < limits::METERS_MAX {
            self.meters.insert(meter_id.to_owned(), (unit, learned));
        }
        self.changed.insert(meter_id.to_owned());
    }
}

impl Ledger for Lessons {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let id =
            std::str::from_utf8(key).ok().filter(|id| !id.is_empty() && id.len() <= limits::ID_CHARS_MAX)?;
        if self.meters.len() >= limits::METERS_MAX {
            return None;
        }
        self.meters.insert(id.to_owned(), read(value)?);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let change = |id: String| {
            let value = self.meters.get(&id).map(|(unit, learned)| write(*unit, learned));
            Change { key: id.into_bytes(), value }
        };
        changed.map(change).collect()
    }

    fn forget_stored(&mut self) {
        self.changed.extend(self.meters.keys().cloned());
    }
}

fn write(unit: UnitId, learned: &Learned) -> Vec<u8> {
    let mut value = vec![VERSION, unit.0];
    for (lesson, retrial) in learned.lessons() {
        let (kind, table, span) = match lesson {
            Lesson::Apart(table, span) => (APART, table, *span),
            Lesson::Longest(table, max) => (LONGEST, table, Span { start: 0, count: *max }),
        };
        value.extend([kind, table.read_function()]);
        value.extend(span.start.to_be_bytes());
        value.extend(span.count.to_be_bytes());
        value.extend(retrial.at.as_ms().max(0).to_be_bytes());
        value.push(retrial.held);
    }
    value
}

fn read(value: &[u8]) -> Option<(UnitId, Learned)> {
    let mut rest = value;
    let [version, unit] = take(&mut rest)?;
    let lessons = match version {
        VERSION_WITHOUT_DOUBTS => read_without_doubts(rest)?,
        VERSION => read_all(rest, read_lesson)?,
        _ => return None,
    };
    (lessons.len() <= LESSONS_MAX).then_some((UnitId(unit), Learned::of(lessons)))
}

/// What `read` takes from `rest` until nothing is left, or more than can be.
fn read_all<T>(mut rest: &[u8], read: fn(&mut &[u8]) -> Option<T>) -> Option<Vec<T>> {
    let mut all = Vec::new();
    while !rest.is_empty() && all.len() <= LESSONS_MAX {
        all.push(read(&mut rest)?);
    }
    Some(all)
}

/// Version 1: `registers of the longest read u16, 0 for any | the same of bits u16 | (table u8, first address u16,
/// number u16)*`. When it was taught is not known, so that it is tried again at once.
fn read_without_doubts(mut rest: &[u8]) -> Option<Vec<(Lesson, Retrial)>> {
    let mut max = || Some(u16::from_be_bytes(take(&mut rest)?));
    let longest = [(Table::HoldingRegister, max()?), (Table::Coil, max()?)];
    let longest = longest.into_iter().filter(|(_, max)| *max > 0);
    let longest = longest.map(|(table, max)| Lesson::Longest(table, max));
    let apart = read_all(rest, |rest| Some(Lesson::Apart(read_table(rest)?, read_span(rest)?)))?;
    Some(longest.chain(apart).map(|lesson| (lesson, Retrial::AT_ONCE)).collect())
}

fn read_lesson(rest: &mut &[u8]) -> Option<(Lesson, Retrial)> {
    let [kind] = take(rest)?;
    let (table, span) = (read_table(rest)?, read_span(rest)?);
    let lesson = match kind {
        APART => Lesson::Apart(table, span),
        LONGEST => Lesson::Longest(table, span.count),
        _ => return None,
    };
    let at = UtcTime::from_ms(i64::from_be_bytes(take(rest)?));
    let [held] = take(rest)?;
    Some((lesson, Retrial { at, held }))
}

fn read_table(rest: &mut &[u8]) -> Option<Table> {
    let [function] = take(rest)?;
    Table::ALL.into_iter().find(|table| table.read_function() == function)
}

fn read_span(rest: &mut &[u8]) -> Option<Span> {
    let (start, count) = (u16::from_be_bytes(take(rest)?), u16::from_be_bytes(take(rest)?));
    let span = Span { start, count };
    (count > 0 && span.end() <= 0x1_0000).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: UnitId = UnitId(7);

    fn learned() -> Learned {
        let retrial =
            |seconds: i64, held| Retrial { at: UtcTime::from_ms(1_772_323_200_000 + seconds * 1_000), held };
        Learned::of(vec![
            (Lesson::Apart(Table::HoldingRegister, Span { start: 12, count: 4 }), retrial(0, 0)),
            (Lesson::Longest(Table::HoldingRegister, 40), retrial(5, 3)),
            (Lesson::Apart(Table::Coil, Span { start: 65_535, count: 1 }), Retrial::AT_ONCE),
        ])
    }

    #[test]
    fn what_was_learned_comes_back_for_the_same_unit_alone() {
        let mut lessons = Lessons::default();
        lessons.keep("m-1", UNIT, learned());
        let change = lessons.take_changes().remove(0);
        let mut restored = Lessons::default();
        assert_eq!(restored.restore(&change.key, &change.value.unwrap()), Some(()));
        assert_eq!(restored.of("m-1", UNIT), Some(learned()));
        assert_eq!((restored.of("m-1", UnitId(8)), restored.of("m-2", UNIT)), (None, None));
    }

    #[test]
    fn what_is_forgotten_goes_from_the_medium() {
        let mut lessons = Lessons::default();
        lessons.keep("m-1", UNIT, learned());
        lessons.keep("m-1", UNIT, Learned::default());
        assert_eq!(lessons.take_changes(), [Change { key: b"m-1".to_vec(), value: None }]);
    }

    #[test]
    fn what_was_learned_before_lessons_were_doubted_is_tried_again_at_once() {
        let value = [&[1, 7][..], &[0, 40, 0, 0], &[3, 0, 12, 0, 4]].concat();
        let apart = Lesson::Apart(Table::HoldingRegister, Span { start: 12, count: 4 });
        let lessons = [Lesson::Longest(Table::HoldingRegister, 40), apart];
        let learned = Learned::of(lessons.map(|lesson| (lesson, Retrial::AT_ONCE)).to_vec());
        assert_eq!(read(&value), Some((UNIT, learned)));
        for cut in [3, 4, 5, 7, 10] {
            assert_eq!(read(&value[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn what_no_version_wrote_is_refused() {
        let whole = write(UNIT, &learned());
        for cut in (0..whole.len()).filter(|cut| *cut < 2 || (cut - 2) % 15 > 0) {
            assert_eq!(read(&whole[..cut]), None, "{cut}");
        }
        // The version, the kind, the table, the number, the end of the addresses.
        for (place, byte) in [(0, 3), (2, 3), (3, 5), (7, 0), (37, 2)] {
            let mut damaged = whole.clone();
            damaged[place] = byte;
            assert_eq!(read(&damaged), None, "{place}");
        }
        assert_eq!(Lessons::default().restore(b"", &whole), None);
        let many = [vec![VERSION, 7], whole[2..17].repeat(LESSONS_MAX + 1)].concat();
        assert_eq!(read(&many), None);
    }
}
