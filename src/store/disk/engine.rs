//! The door to sled: nothing else in the program names it.
//!
//! sled has four habits that this file shields the rest from. Its flush alone does not survive a
//! power cut, so [`Engine::sync`] adds its own `fdatasync`. It panics on damaged files, so every
//! call is caught. Its first write error sticks until it is opened anew. And a value above a quarter
//! of a segment becomes a file of its own, which a full disk does not survive, so values are short.

use std::cell::OnceCell;
use std::fs::File;
use std::ops::RangeBounds;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::health::Beat;
use crate::limits;
use crate::store::disk::closing_note;
use crate::store::disk::directory;
use crate::store::disk::frame::Framed;
use crate::store::disk::tree::Tree;
use crate::store::error::StoreError;

/// How often, and how far apart, a database is tried whose lock is not free yet.
const UNLOCK_TRIES: u32 = 100;
const UNLOCK_PAUSE: Duration = Duration::from_millis(10);

/// Empty records behind those that room is made for: more than half a page of sled.
const FENCES_BEHIND: u8 = 9;

/// Bytes as the database hands them out.
pub(in crate::store) type Bytes = sled::IVec;

/// A key with its value.
pub(in crate::store) type Entry = (Bytes, Bytes);

/// What a database is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Use {
    /// To be read and written.
    Write,
    /// To be read only.
    Read,
}

/// An open sled database.
pub(in crate::store) struct Engine {
    path: PathBuf,
    file: File,
    /// `None` only while it is dropped.
    sled: Option<sled::Db>,
    written: Arc<Written>,
}

/// What was written since the database was opened.
#[derive(Default)]
struct Written {
    /// Stamp of the last record that was written or read.
    stamp: AtomicU32,
    /// Whether something was written since the last sync.
    unsynced: AtomicBool,
}

impl Engine {
    /// Opens the database in `path`, or makes it; `cache_bytes` of its pages are kept in memory. One
    /// that is to be written says so.
    ///
    /// # Errors
    /// `Damaged` when its files do not read back; `Failing` when the system does not let us.
    pub(in crate::store) fn open(path: &Path, cache_bytes: u64, purpose: Use) -> Result<Self, StoreError> {
        if !closing_note::holds(path) {
            return Err(damaged("the database", "its file is not the one that was closed"));
        }
        if purpose == Use::Write {
            // sled may write as soon as it opens the file.
            closing_note::remove(path);
        }
        let is_new = !path.join("db").exists();
        directory::remove_half_written_snapshots(path);
        let config = sled::Config::new().segment_size(limits::STORE_SEGMENT_BYTES);
        let config = config.path(path).cache_capacity(cache_bytes).flush_every_ms(None);
        let sled = Some(open_unlocked(&config)?);
        let file = File::open(path.join("db")).map_err(|error| failing(&error))?;
        let engine = Self { path: path.to_owned(), file, sled, written: Arc::default() };
        if is_new {
            engine.sync()?;
            directory::sync_new_database(path).map_err(|error| failing(&error))?;
        }
        Ok(engine)
    }

    /// The table of `tree`, made if it is missing.
    pub(in crate::store) fn table(&self, tree: Tree) -> Result<Table, StoreError> {
        let sled = self.sled.as_ref().ok_or(StoreError::Closed)?;
        let sled = guarded(tree.name(), || sled.open_tree(tree.name()))?;
        Ok(Table { tree, sled, written: Arc::clone(&self.written) })
    }

    /// Returns when everything written before is on the medium.
    pub(in crate::store) fn sync(&self) -> Result<(), StoreError> {
        let sled = self.sled.as_ref().ok_or(StoreError::Closed)?;
        guarded("the database", || sled.flush())?;
        rustix::fs::fdatasync(&self.file).map_err(|error| failing(&error.into()))?;
        note_call();
        self.written.unsynced.store(false, Ordering::Release);
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.sled.take());
        // What was not synced may still be on its way, so nothing is known of the file then.
        if !self.written.unsynced.load(Ordering::Acquire)
            && let Err(error) = closing_note::write(&self.path)
        {
            log::debug!("store: {}: {error}; its end is not noted", self.path.display());
        }
    }
}

/// Opens a database. sled lets go of its file lock a moment after a database is closed, so one that
/// was just open is tried again for a while; no other process can hold it (`Directory::take`).
fn open_unlocked(config: &sled::Config) -> Result<sled::Db, StoreError> {
    for _ in 1..UNLOCK_TRIES {
        match guarded("the database", || config.open()) {
            Err(StoreError::Failing { reason }) if reason.contains("could not acquire lock") => {
                std::thread::sleep(UNLOCK_PAUSE);
            }
            other => return other,
        }
    }
    guarded("the database", || config.open())
}

/// One tree of a database, its values in their frames.
pub(in crate::store) struct Table {
    tree: Tree,
    sled: sled::Tree,
    written: Arc<Written>,
}

impl Table {
    /// Puts `value` under `key`, in place of what was there.
    pub(in crate::store) fn put(&self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.written.unsynced.store(true, Ordering::Release);
        let stamp = self.written.stamp.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let framed = Framed { tree: self.tree, stamp, key, value }.to_bytes();
        let framed = framed.ok_or_else(|| damaged(self.tree.name(), "a value is too long to be stored"))?;
        guarded(self.tree.name(), || self.sled.insert(key, framed)).map(|_| ())
    }

    /// Makes room for records that are about to be put under `keys`, which come in order and behind all
    /// others.
    ///
    /// sled writes a page again for every ten records that come to it, and once more when it splits at
    /// seventeen. Two empty records beside each one to come split the pages while they are small: each
    /// then holds eight of them and gets four records, so that a record is written once, and not three
    /// times.
    pub(in crate::store) fn make_room<'k>(
        &self,
        keys: impl Iterator<Item = &'k [u8]>,
    ) -> Result<(), StoreError> {
        self.written.unsynced.store(true, Ordering::Release);
        let mut last: &[u8] = &[];
        let fence = |key: &[u8], place: u8| {
            let beside = [key, &[place]].concat();
            guarded(self.tree.name(), || self.sled.insert(beside, &[])).map(|_| ())
        };
        for key in keys {
            fence(key, 0)?;
            fence(key, 1)?;
            last = key;
        }
        // Behind the last, so that its page is split off from what comes next.
        (0..FENCES_BEHIND).try_for_each(|place| fence(last, 2 + place))
    }

    /// Takes out what is under `key`.
    pub(in crate::store) fn remove(&self, key: &[u8]) -> Result<(), StoreError> {
        self.written.unsynced.store(true, Ordering::Release);
        guarded(self.tree.name(), || self.sled.remove(key)).map(|_| ())
    }

    /// Keys and values in `range`, in order, read as the iterator moves.
    pub(in crate::store) fn scan<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
    ) -> impl DoubleEndedIterator<Item = Result<Entry, StoreError>> {
        Scan { table: self, entries: self.sled.range(range) }
    }

    /// All keys and values, in order.
    pub(in crate::store) fn all(&self) -> impl DoubleEndedIterator<Item = Result<Entry, StoreError>> {
        self.scan::<&[u8]>(..)
    }

    /// The highest stamp of its records.
    pub(in crate::store) fn newest_stamp(&self) -> Result<u32, StoreError> {
        let mut newest = 0;
        let mut entries = self.sled.iter();
        while let Some((_, stored)) = guarded(self.tree.name(), || entries.next().transpose())? {
            newest = newest.max(Framed::at_start_of(&stored).map_or(0, |framed| framed.stamp));
        }
        Ok(newest)
    }

    /// Takes the value out of its frame.
    fn unframed(&self, key: Bytes, stored: &Bytes) -> Result<Entry, StoreError> {
        let framed = Framed::at_start_of(stored).filter(|f| f.tree == self.tree && *f.key == *key);
        let framed = framed.ok_or_else(|| damaged(self.tree.name(), "a record is not what was written"))?;
        self.written.stamp.fetch_max(framed.stamp, Ordering::Relaxed);
        let value = stored.subslice(framed.value_offset(), framed.value.len());
        Ok((key, value))
    }
}

struct Scan<'a> {
    table: &'a Table,
    entries: sled::Iter,
}

impl Scan<'_> {
    fn step(
        &mut self,
        step: impl Fn(&mut sled::Iter) -> Option<sled::Result<Entry>>,
    ) -> Option<Result<Entry, StoreError>> {
        loop {
            let entry =
                guarded(self.table.tree.name(), || step(&mut self.entries).transpose()).transpose()?;
            match entry {
                // An empty record that made room.
                Ok((_, stored)) if stored.is_empty() => {}
                entry => return Some(entry.and_then(|(key, stored)| self.table.unframed(key, &stored))),
            }
        }
    }
}

impl Iterator for Scan<'_> {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl DoubleEndedIterator for Scan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}

/// Lets go of a database; sled may panic when one that is damaged or failing is closed.
pub(in crate::store) fn close<T>(database: T) {
    if catch_unwind(AssertUnwindSafe(move || drop(database))).is_err() {
        log::error!("store: a database panicked while it was closed");
    }
}

thread_local! {
    /// Counts what this thread does with databases. Salvaging one takes minutes, in many calls from many
    /// places: all of them pass here.
    static CALLS: OnceCell<Beat> = const { OnceCell::new() };
}

/// Lets `calls` tell from now on that this thread moves; the first one stays.
pub(in crate::store) fn count_calls_of_this_thread(calls: Beat) {
    CALLS.with(|known| {
        let _is_first = known.set(calls);
    });
}

fn note_call() {
    CALLS.with(|calls| {
        if let Some(calls) = calls.get() {
            calls.give();
        }
    });
}

/// Calls sled; its panics become errors like any other.
fn guarded<T>(what: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    let called = catch_unwind(AssertUnwindSafe(call));
    note_call();
    match called {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(sled::Error::Io(error))) if !speaks_of_damage(&error) => Err(failing(&error)),
        Ok(Err(error)) => Err(damaged(what, &error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(damaged(what, text.unwrap_or("the database panicked")))
        }
    }
}

/// Errors that sled gives for files that are too short or hold what they should not.
fn speaks_of_damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

fn damaged(what: &str, reason: &str) -> StoreError {
    StoreError::Damaged { what: what.to_owned(), reason: reason.to_owned() }
}

fn failing(error: &std::io::Error) -> StoreError {
    StoreError::Failing { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHE_BYTES: u64 = 1_024 * 1_024;

    #[test]
    fn a_panic_of_the_database_is_an_error_that_tells_it() {
        let error = guarded::<()>("the ring", || panic!("page 7 is gone")).unwrap_err();
        assert_eq!(error, damaged("the ring", "page 7 is gone"));
    }

    #[test]
    fn a_thread_that_works_with_a_database_is_seen_to_move_and_others_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let calls = Beat::default();
        let work = |calls: Option<Beat>, name: &'static str| {
            let path = dir.path().join(name);
            std::thread::spawn(move || {
                calls.into_iter().for_each(count_calls_of_this_thread);
                let engine = Engine::open(&path, CACHE_BYTES, Use::Write).unwrap();
                let table = engine.table(Tree::Ring).unwrap();
                (0..100_u8).for_each(|key| table.put(&[key], b"value").unwrap());
                assert_eq!(table.all().count(), 100);
            })
            .join()
            .unwrap();
        };
        work(None, "unseen");
        assert_eq!(calls.count(), 0);
        work(Some(calls.clone()), "seen");
        assert!(calls.count() > 200, "{} calls", calls.count());
    }

    #[test]
    fn what_was_put_is_read_back_and_a_record_under_a_foreign_key_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let engine = Engine::open(&dir.path().join("db"), CACHE_BYTES, Use::Write).unwrap();
        let table = engine.table(Tree::Ring).unwrap();
        table.put(b"a", b"first").unwrap();
        table.put(b"a", b"second").unwrap();
        let read = |key: &[u8]| table.scan(key..=key).next().map(|entry| entry.map(|(_, v)| v.to_vec()));
        assert_eq!(read(b"a"), Some(Ok(b"second".to_vec())));
        let stored = table.sled.get(b"a").unwrap().unwrap();
        table.sled.insert(b"b", stored).unwrap();
        assert!(matches!(read(b"b"), Some(Err(StoreError::Damaged { .. }))));
    }

    #[test]
    fn a_half_written_snapshot_does_not_keep_the_database_shut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let engine = Engine::open(&path, CACHE_BYTES, Use::Write).unwrap();
        engine.table(Tree::Series).unwrap().put(b"key", b"value").unwrap();
        engine.sync().unwrap();
        drop(engine);
        std::fs::write(path.join("snap.00000000000AF0C9.generating"), "torn").unwrap();
        let engine = Engine::open(&path, CACHE_BYTES, Use::Write).unwrap();
        let table = engine.table(Tree::Series).unwrap();
        assert_eq!(table.all().next().unwrap().unwrap().1.to_vec(), b"value");
    }
}
