//! How far each reader of scans has come, such as the uplink.

use std::collections::HashMap;

use super::error::StoreError;
use crate::limits;

/// The cursors by name.
#[derive(Debug, Default)]
pub(super) struct Cursors(HashMap<String, Cursor>);

#[derive(Clone, Copy, Debug)]
struct Cursor {
    sequence: u64,
    /// Whether it is on the medium, or on its way there.
    stored: bool,
}

impl Cursors {
    /// The cursors of a database.
    pub(super) fn stored(cursors: HashMap<String, u64>) -> Self {
        let stored = |(name, sequence)| (name, Cursor { sequence, stored: true });
        Self(cursors.into_iter().map(stored).collect())
    }

    /// The sequence number that a reader has come to; 0 for a new one.
    pub(super) fn get(&self, name: &str) -> u64 {
        self.0.get(name).map_or(0, |cursor| cursor.sequence)
    }

    /// Moves a cursor.
    pub(super) fn set(&mut self, name: &str, sequence: u64) -> Result<(), StoreError> {
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

    /// The cursors that moved since they were stored; they count as stored from now on.
    pub(super) fn take_moved(&mut self) -> Vec<(String, u64)> {
        let moved = self.0.iter_mut().filter(|(_, cursor)| !cursor.stored);
        moved
            .map(|(name, cursor)| {
                cursor.stored = true;
                (name.clone(), cursor.sequence)
            })
            .collect()
    }

    /// Nothing is known to be stored any more.
    pub(super) fn forget_stored(&mut self) {
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
        let mut cursors = Cursors::stored(HashMap::from([("a".to_owned(), 7)]));
        assert_eq!((cursors.get("a"), cursors.get("b")), (7, 0));
        assert!(cursors.take_moved().is_empty());
        cursors.set("b", 9).unwrap();
        assert_eq!(cursors.take_moved(), [("b".to_owned(), 9)]);
        assert!(cursors.take_moved().is_empty());
        cursors.forget_stored();
        assert_eq!(cursors.take_moved().len(), 2);
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
