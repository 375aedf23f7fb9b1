//! What reading each meter has taught.
//!
//! ```text
//! key     meter ID, ASCII
//! value   version (1) u8 | unit u8 | registers of the longest read u16, 0 for any | the same of bits u16
//!         | (table u8, first address u16, number u16)*
//! table   1 coil, 2 discrete input, 3 holding register, 4 input register: their function codes
//! ```
//!
//! Big-endian.

use std::collections::{BTreeMap, BTreeSet};

use crate::limits;
use crate::model::learned::Learned;
use crate::model::register::{Span, Table, UnitId};
use crate::store::ledgers::fields::take;
use crate::store::ledgers::ledger::{Change, Ledger};

const VERSION: u8 = 1;

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
    for max in [learned.registers_max, learned.bits_max] {
        value.extend(max.unwrap_or(0).to_be_bytes());
    }
    for (table, span) in &learned.apart {
        value.push(table.read_function());
        value.extend(span.start.to_be_bytes());
        value.extend(span.count.to_be_bytes());
    }
    value
}

fn read(value: &[u8]) -> Option<(UnitId, Learned)> {
    let mut rest = value.strip_prefix(&[VERSION])?;
    let [unit] = take(&mut rest)?;
    let mut max = || Some(u16::from_be_bytes(take(&mut rest)?)).map(|max| (max > 0).then_some(max));
    let (registers_max, bits_max) = (max()?, max()?);
    let mut apart = Vec::new();
    while !rest.is_empty() {
        let [function] = take(&mut rest)?;
        let table = Table::ALL.into_iter().find(|table| table.read_function() == function)?;
        let (start, count) = (u16::from_be_bytes(take(&mut rest)?), u16::from_be_bytes(take(&mut rest)?));
        let span = Span { start, count };
        if count == 0 || span.end() > 0x1_0000 || apart.len() >= limits::LEARNED_SPANS_MAX {
            return None;
        }
        apart.push((table, span));
    }
    Some((UnitId(unit), Learned { registers_max, bits_max, apart }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: UnitId = UnitId(7);

    fn learned() -> Learned {
        let apart = vec![
            (Table::HoldingRegister, Span { start: 12, count: 4 }),
            (Table::Coil, Span { start: 65_535, count: 1 }),
        ];
        Learned { registers_max: Some(40), bits_max: None, apart }
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
    fn what_no_version_wrote_is_refused() {
        let whole = write(UNIT, &learned());
        for cut in (0..6).chain([7, 8, 9, 10, 12]) {
            assert_eq!(read(&whole[..cut]), None, "{cut}");
        }
        for (place, byte) in [(0, 2), (6, 5), (10, 0)] {
            let mut damaged = whole.clone();
            damaged[place] = byte;
            if place == 10 {
                damaged[9] = 0;
            }
            assert_eq!(read(&damaged), None, "{place}");
        }
        assert_eq!(Lessons::default().restore(b"", &whole), None);
        let many = [write(UNIT, &Learned::default()), [3, 0, 1, 0, 1].repeat(limits::LEARNED_SPANS_MAX + 1)];
        assert_eq!(read(&many.concat()), None);
    }
}
