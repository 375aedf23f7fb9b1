//! The door to sled: nothing else in the program names it.
//!
//! sled has four habits that this file shields the rest from. Its flush alone does not survive a
//! power cut, so [`Database::sync`] adds its own `fdatasync`. It panics on damaged files, so every
//! call is caught. Its first write error sticks until it is opened anew. And a value above a quarter
//! of a segment becomes a file of its own, which a full disk does not survive, so values are short.

use std::fs::File;
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::directory;
use super::error::StoreError;
use crate::limits;

/// Bytes as the database hands them out.
pub(super) type Bytes = sled::IVec;

/// Bytes of pages that sled keeps in memory; more does not help, see `docs/storage-format.md`.
const CACHE_BYTES: u64 = 4 * 1_024 * 1_024;

/// The open database.
pub(super) struct Database {
    // The trees come before the database, so that they are dropped before it.
    /// Series by ID.
    pub(super) series: Table,
    /// Groups by ID.
    pub(super) groups: Table,
    /// Cursors by name.
    pub(super) cursors: Table,
    /// Records of the open epoch.
    pub(super) ring: Table,
    /// Blocks of sealed epochs.
    pub(super) blocks: Table,
    /// Markers of sealed epochs.
    pub(super) epochs: Table,
    file: File,
    sled: sled::Db,
}

impl Database {
    /// Opens the database in `path`, or makes it.
    ///
    /// # Errors
    /// `Damaged` when its files do not read back; `Failing` when the system does not let us.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let is_new = !path.join("db").exists();
        directory::remove_half_written_snapshots(path);
        let sled = guarded("the database", || {
            let config = sled::Config::new().segment_size(limits::STORE_SEGMENT_BYTES);
            config.path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None).open()
        })?;
        let table = |name: &'static str| Table::newest(&sled, name);
        let database = Self {
            series: table("series")?,
            groups: table("groups")?,
            cursors: table("cursors")?,
            ring: table("ring")?,
            blocks: table("blocks")?,
            epochs: table("epochs")?,
            file: File::open(path.join("db")).map_err(|error| failing(&error))?,
            sled,
        };
        if is_new {
            database.sync()?;
            directory::sync_new_database(path).map_err(|error| failing(&error))?;
        }
        Ok(database)
    }

    /// Begins the ring anew where the old one does not read any more.
    pub(super) fn renew_ring(&mut self) -> Result<(), StoreError> {
        self.ring = self.ring.renewed(&self.sled)?;
        Ok(())
    }

    /// Begins the cursors anew where the old ones do not read any more.
    pub(super) fn renew_cursors(&mut self) -> Result<(), StoreError> {
        self.cursors = self.cursors.renewed(&self.sled)?;
        Ok(())
    }

    /// Returns when everything written before is on the medium.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        guarded("the database", || self.sled.flush())?;
        rustix::fs::fdatasync(&self.file).map_err(|error| failing(&error.into()))
    }
}

/// One tree of the database.
///
/// A damaged page of a tree can be neither read nor overwritten, so a tree is given up for the next
/// one of its name: `ring`, `ring-1`, `ring-2` and on.
pub(super) struct Table {
    name: &'static str,
    renewals: u32,
    tree: sled::Tree,
}

impl Table {
    /// The tree of `name`, the last one where it was renewed.
    fn newest(sled: &sled::Db, name: &'static str) -> Result<Self, StoreError> {
        let names = guarded(name, || Ok(sled.tree_names()))?;
        let exists = |renewals: &u32| names.iter().any(|known| *known == tree_name(name, *renewals));
        let renewals = (1..u32::MAX).take_while(exists).last().unwrap_or(0);
        Self::open(sled, name, renewals)
    }

    /// An empty tree in place of this one.
    fn renewed(&self, sled: &sled::Db) -> Result<Self, StoreError> {
        Self::open(sled, self.name, self.renewals + 1)
    }

    fn open(sled: &sled::Db, name: &'static str, renewals: u32) -> Result<Self, StoreError> {
        let tree = guarded(name, || sled.open_tree(tree_name(name, renewals)))?;
        Ok(Self { name, renewals, tree })
    }

    /// Puts `value` under `key`, in place of what was there.
    pub(super) fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        guarded(self.name, || self.tree.insert(key, value)).map(|_| ())
    }

    /// Takes out what is under `key`.
    pub(super) fn remove(&self, key: &[u8]) -> Result<(), StoreError> {
        guarded(self.name, || self.tree.remove(key)).map(|_| ())
    }

    /// Keys and values in `range`, in order, read as the iterator moves.
    pub(super) fn scan<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
    ) -> impl DoubleEndedIterator<Item = Result<(Bytes, Bytes), StoreError>> {
        Scan { name: self.name, entries: self.tree.range(range) }
    }

    /// All keys and values, in order.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = Result<(Bytes, Bytes), StoreError>> {
        self.scan::<&[u8]>(..)
    }
}

fn tree_name(name: &str, renewals: u32) -> String {
    if renewals == 0 { name.to_owned() } else { format!("{name}-{renewals}") }
}

struct Scan {
    name: &'static str,
    entries: sled::Iter,
}

impl Scan {
    fn step(
        &mut self,
        step: impl FnOnce(&mut sled::Iter) -> Option<sled::Result<(Bytes, Bytes)>>,
    ) -> Option<Result<(Bytes, Bytes), StoreError>> {
        guarded(self.name, || step(&mut self.entries).transpose()).transpose()
    }
}

impl Iterator for Scan {
    type Item = Result<(Bytes, Bytes), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl DoubleEndedIterator for Scan {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}

/// Calls sled; its panics become errors like any other.
fn guarded<T>(what: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    let damaged = |reason: String| StoreError::Damaged { what: what.to_owned(), reason };
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(sled::Error::Io(error))) if !speaks_of_damage(&error) => Err(failing(&error)),
        Ok(Err(error)) => Err(damaged(error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(damaged(text.unwrap_or("the database panicked").to_owned()))
        }
    }
}

/// Errors that sled gives for files that are too short or hold what they should not.
fn speaks_of_damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

fn failing(error: &std::io::Error) -> StoreError {
    StoreError::Failing { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(table: &Table, key: &[u8]) -> Option<Vec<u8>> {
        table.scan(key..=key).next().map(|entry| entry.unwrap().1.to_vec())
    }

    #[test]
    fn a_panic_of_the_database_is_an_error_that_tells_it() {
        let error = guarded::<()>("the ring", || panic!("page 7 is gone")).unwrap_err();
        let expected =
            StoreError::Damaged { what: "the ring".to_owned(), reason: "page 7 is gone".to_owned() };
        assert_eq!(error, expected);
    }

    #[test]
    fn a_renewed_tree_is_empty_and_stays_the_one_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut database = Database::open(&path).unwrap();
        for round in 0..3_u8 {
            assert_eq!(value(&database.ring, b"slot"), None);
            database.ring.put(b"slot", &[round]).unwrap();
            drop(database);
            database = Database::open(&path).unwrap();
            assert_eq!(value(&database.ring, b"slot"), Some(vec![round]));
            database.renew_ring().unwrap();
        }
    }

    #[test]
    fn a_half_written_snapshot_does_not_keep_the_database_shut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let database = Database::open(&path).unwrap();
        database.series.put(b"key", b"value").unwrap();
        database.sync().unwrap();
        drop(database);
        std::fs::write(path.join("snap.00000000000AF0C9.generating"), "torn").unwrap();
        let database = Database::open(&path).unwrap();
        assert_eq!(value(&database.series, b"key"), Some(b"value".to_vec()));
    }
}
