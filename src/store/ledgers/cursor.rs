//! How far each reader of scans has come, such as the uplink.

use std::collections::HashMap;

use crate::limits;
use crate::store::error::StoreError;
use crate::store::ledgers::ledger::{Change, Ledger};

/// The cursors by name.
#[derive(Debug, Default)]
pub(in crate::store) struct Cursors(HashMap<String, Cursor>);

#[derive(Clone, Copy, Debug)]
struct Cursor {
    sequence: u64,
    /// Whether it is on the medium, or on its way there.
    stored: bool,
}

impl Cursors {
    /// The sequence number that a reader has come to; 0 for a new one.
    pub(in crate::store) fn get(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |cursor| cursor.sequence)
    }

    /// Every cursor with the sequence number that its reader has come to.
    pub(in crate::store) fn all(&self) -> Vec<(String, u64)> {
        self.0.iter().map(|(name, cursor)| (name.clone(), cursor.sequence)).collect()
    }

    /// Moves a cursor.
    pub(in crate::store) fn set(&mut self, name: &str, sequence: u64) -> Result<(), StoreError> {
        if name.is_empty() || name.chars().count() > limits::ID_CHARS_MAX {
            return Err(StoreError::Name { name: name.to_owned() });
        }
        let count = self.0.len();
        if count >= limits::STORE_CURSORS_MAX && !self.0.contains_key(name) {
            return Err(StoreError::NamesUsedUp { what: "cursors", count });
        }
        self.0.insert(name.to_owned(), Cursor { sequence, stored: false });
        Ok(())
    }
}

impl Ledger for Cursors {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let name = String::from_utf8(key.to_vec()).ok()?;
        let sequence = value.try_into().map(u64::from_be_bytes).ok()?;
        self.0.insert(name, Cursor { sequence, stored: true });
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let moved = self.0.iter_mut().filter(|(_, cursor)| !cursor.stored);
        moved
            .map(|(name, cursor)| {
                cursor.stored = true;
                Change { key: name.clone().into_bytes(), value: Some(cursor.sequence.to_be_bytes().to_vec()) }
            })
            .collect()
    }

    fn forget_stored(&mut self) {
        for cursor in self.0.values_mut() {
            cursor.stored = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_stored_once_for_each_move() {
        let mut cursors = Cursors::default();
        assert_eq!(cursors.restore(b"a", &7_u64.to_be_bytes()), Some(()));
        assert_eq!(cursors.restore(b"a", b"7"), None);
        assert_eq!((cursors.get("a"), cursors.get("b")), (7, 0));
        assert!(cursors.take_changes().is_empty());
        cursors.set("b", 9).unwrap();
        let change = Change { key: b"b".to_vec(), value: Some(9_u64.to_be_bytes().to_vec()) };
        assert_eq!(cursors.take_changes(), [change]);
        assert!(cursors.take_changes().is_empty());
        cursors.forget_stored();
        assert_eq!(cursors.take_changes().len(), 2);
    }

    #[test]
    fn there_are_only_so_many_cursors() {
        let mut cursors = Cursors::default();
        for number in 0..limits::STORE_CURSORS_MAX {
            cursors.set(&number.to_string(), 1).unwrap();
        }
        assert!(matches!(cursors.set("one more", 1), Err(StoreError::NamesUsedUp { .. })));
        assert_eq!(cursors.set("0", 2), Ok(()));
        assert!(matches!(cursors.set("", 1), Err(StoreError::Name { .. })));
    }
}
