//! The data directory: who may use it, what lies in it, what is moved aside.
//!
//! ```text
//! running           while it is used: the kernel's boot ID, to tell a power cut from a stop
//! lock              held while a process has the store open
//! format            the form of all this
//! last-sequence     sequence number of the last sealed scan; outlives a database that is lost, in
//!                   whole or at its end, so that no number is given twice and the loss is seen
//! names             series and groups once more, for a main database that is lost or cannot be opened
//! reserve           space to give back when the disk is full: sled needs some to open again
//! db/               the main database: conf, db, snap.*, blobs/ (always empty)
//! raw-0000004711/   the sealed readings from epoch 4711 on, a database of the same make, and when it
//!                   is written no more its contents: where each block lies in it
//! quarter-0000019814/  rows of quarter hours from that day on, counted from 1970
//! damaged-1/        a database that could not be opened, for a person to look at
//! ```

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::format;
use crate::limits;
use crate::model::gap::GapCause;
use crate::rights;
use crate::store::error::StoreError;

/// Bytes of the reserve: four segments, as a snapshot and the first writes after opening need.
const RESERVE_BYTES: usize = 4 * limits::STORE_SEGMENT_BYTES;
/// The reserve is filled again only when the medium has this many times its size free.
const RESERVE_FREE_FACTOR: u64 = 8;
/// Bytes that the medium must take before the database is opened again: a segment, and what the
/// file system needs beside it.
const PROBE_BYTES: usize = 2 * limits::STORE_SEGMENT_BYTES;
/// Damaged databases kept; a medium that damages one after another must not fill up with them.
const DAMAGED_MAX: u32 = 3;
const DAMAGED_PREFIX: &str = "damaged-";
/// Ends the name of a directory that is being removed.
const GONE: &str = "gone";
/// Ends the name of a database that is to take another's place.
const NEW: &str = "new";

/// A data directory that this process alone may use.
#[derive(Debug)]
pub(in crate::store) struct Directory {
    path: PathBuf,
    pause: GapCause,
    _lock: File,
}

/// The file that the lock is taken on. On a medium that takes no writes it is only read, or the
/// directory itself stands in for it: readings can wait in memory until it takes some.
fn open_lock(path: &Path, lock_path: &Path) -> io::Result<File> {
    let is_read_only = |error: &io::Error| error.kind() == io::ErrorKind::ReadOnlyFilesystem;
    match File::options().create(true).truncate(false).write(true).open(lock_path) {
        Err(error) if is_read_only(&error) => File::open(lock_path).or_else(|_| File::open(path)),
        other => other,
    }
}

impl Directory {
    /// Makes the directory if it is missing and takes its lock.
    pub(in crate::store) fn take(path: &Path) -> Result<Self, StoreError> {
        let unusable = |path: &Path, error: &io::Error| StoreError::Directory {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        rights::private_folder(path).map_err(|error| unusable(path, &error))?;
        let lock_path = path.join("lock");
        let lock = open_lock(path, &lock_path);
        let lock = lock.map_err(|error| unusable(&lock_path, &error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                format::check(path)?;
                finish_what_was_cut_short(path);
                Ok(Self { path: path.to_owned(), pause: begin(&path.join("running")), _lock: lock })
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::InUse { dir: path.to_owned() }),
            Err(error) => Err(unusable(&lock_path, &error.into())),
        }
    }

    /// Why nothing was read between the last time that the directory was used and this one.
    pub(in crate::store) const fn pause(&self) -> GapCause {
        self.pause
    }

    /// The directory is left in order.
    pub(in crate::store) fn leave(&self) {
        // What stays is taken for a power cut, which it nearly is.
        let _ = fs::remove_file(self.path.join("running"));
    }

    /// The directory of the database.
    pub(in crate::store) fn database(&self) -> PathBuf {
        self.path.join("db")
    }

    /// The data directory itself.
    pub(in crate::store) fn path(&self) -> &Path {
        &self.path
    }

    /// The sequence number that was known to be durable when the last epoch was sealed; 0 when that
    /// is not known.
    pub(in crate::store) fn last_sequence(&self) -> u64 {
        let text = fs::read_to_string(self.path.join("last-sequence")).unwrap_or_default();
        text.strip_suffix('\n').and_then(|number| number.parse().ok()).unwrap_or(0)
    }

    /// Notes the sequence number up to which scans are durable.
    pub(in crate::store) fn note_last_sequence(&self, sequence: u64) {
        let (path, next) = (self.path.join("last-sequence"), self.path.join("last-sequence.new"));
        let noted = File::create(&next).and_then(|mut file| {
            writeln!(file, "{sequence}")?;
            file.sync_all()?;
            fs::rename(&next, &path)
        });
        if let Err(error) = noted {
            log::warn!("store: {}: {error}; a loss of stored readings may go unseen", path.display());
        }
    }

    /// Whether the medium takes writes again.
    ///
    /// # Errors
    /// `Failing` when it does not.
    pub(in crate::store) fn probe(&self) -> Result<(), StoreError> {
        let path = self.path.join("probe");
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![0; PROBE_BYTES])?;
            file.sync_all()
        });
        // Nothing to do about a file that cannot be removed; it is written again the next time.
        let _ = fs::remove_file(&path);
        written.map_err(|error| StoreError::Failing { reason: error.to_string() })
    }

    /// Fills the reserve while there is plenty of space; without space there is none.
    pub(in crate::store) fn fill_reserve(&self) {
        let path = self.path.join("reserve");
        let is_full = fs::metadata(&path).is_ok_and(|file| file.len() >= RESERVE_BYTES as u64);
        let free_bytes = rustix::fs::statvfs(&self.path).map_or(0, |fs| fs.f_bavail * fs.f_frsize);
        if is_full || free_bytes < RESERVE_FREE_FACTOR * RESERVE_BYTES as u64 {
            return;
        }
        let written = File::create(&path).and_then(|mut file| {
            file.write_all(&vec![0; RESERVE_BYTES])?;
            file.sync_all()
        });
        if written.is_err() {
            self.give_reserve();
        }
    }

    /// Gives the reserve back to the medium.
    pub(in crate::store) fn give_reserve(&self) {
        // Nothing to do about a reserve that is not there.
        let _ = fs::remove_file(self.path.join("reserve"));
    }
}

/// Notes that the directory is used since this start of the machine; gives why nothing was read since
/// it was used before. The note of a process that ended in order is gone.
fn begin(note: &Path) -> GapCause {
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let before = fs::read_to_string(note);
    let noted = File::create(note).and_then(|mut file| {
        file.write_all(boot_id.as_bytes())?;
        file.sync_all()?;
        note.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    });
    if let Err(error) = noted {
        log::warn!("store: {}: {error}; a power cut may be taken for a stop", note.display());
    }
    match before {
        Ok(before) if before != boot_id => GapCause::Power,
        _ => GapCause::Stopped,
    }
}

/// Moves a damaged database of the directory `data` aside; gives where to. The first few are kept, of
/// later ones only the newest.
pub(in crate::store) fn move_aside(data: &Path, database: &Path) -> Result<PathBuf, StoreError> {
    let place = |number: u32| data.join(format!("{DAMAGED_PREFIX}{number}"));
    let aside = (1..DAMAGED_MAX).map(place).find(|path| !path.exists());
    let aside = aside.unwrap_or_else(|| place(DAMAGED_MAX));
    // Renaming a directory fails on one that is not empty, and that error says more than this.
    let _ = fs::remove_dir_all(&aside);
    let moved = fs::rename(database, &aside).and_then(|()| File::open(data)?.sync_all());
    moved.map_err(|error| StoreError::Directory { path: database.to_owned(), reason: error.to_string() })?;
    Ok(aside)
}

/// Removes the oldest database that was moved aside; says whether there was one.
pub(in crate::store) fn remove_damaged(data: &Path) -> bool {
    let place = |number: u32| data.join(format!("{DAMAGED_PREFIX}{number}"));
    (1..=DAMAGED_MAX).map(place).find(|path| path.exists()).is_some_and(|path| remove_whole(&path).is_ok())
}

/// Removes a directory with everything in it. It gets another name first, so that a crash in between
/// does not leave one that looks like a database without its file.
pub(in crate::store) fn remove_whole(path: &Path) -> Result<(), StoreError> {
    let gone = path.with_extension(GONE);
    let removed = fs::rename(path, &gone).and_then(|()| fs::remove_dir_all(&gone));
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::Directory { path: path.to_owned(), reason: error.to_string() })
        }
        _ => Ok(()),
    }
}

/// Where a database is built that is to take the place of the one in `path`.
pub(in crate::store) fn successor(path: &Path) -> PathBuf {
    path.with_extension(NEW)
}

/// Lets the database beside `path` take its place; the damaged one is moved aside. Gives where to.
pub(in crate::store) fn succeed(data: &Path, path: &Path) -> Result<PathBuf, StoreError> {
    let aside = move_aside(data, path)?;
    let moved = fs::rename(successor(path), path).and_then(|()| File::open(data)?.sync_all());
    moved.map_err(|error| StoreError::Directory { path: path.to_owned(), reason: error.to_string() })?;
    Ok(aside)
}

/// Ends what a crash has cut short: removals, and databases that were to take the place of others.
fn finish_what_was_cut_short(data: &Path) {
    for path in entries(data).map(|entry| entry.path()).filter(|path| path.is_dir()) {
        let ended = match path.extension().and_then(|extension| extension.to_str()) {
            Some(GONE) => fs::remove_dir_all(&path),
            // Its predecessor is still there, so it may not be whole.
            Some(NEW) if path.with_extension("").exists() => fs::remove_dir_all(&path),
            Some(NEW) => fs::rename(&path, path.with_extension("")),
            _ => Ok(()),
        };
        if let Err(error) = ended {
            log::warn!("store: {}: {error}", path.display());
        }
    }
}

/// Bytes of all files below `path`.
pub(in crate::store) fn tree_bytes(path: &Path) -> u64 {
    let bytes = |entry: fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => tree_bytes(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries(path).map(bytes).sum()
}

/// Files in the `blobs/` of all databases in the directory `data`.
pub(in crate::store) fn blob_files(data: &Path) -> usize {
    entries(data).map(|entry| entries(&entry.path().join("blobs")).count()).sum()
}

/// sled refuses to open next to a snapshot that a crash left half written.
pub(in crate::store) fn remove_half_written_snapshots(path: &Path) {
    for entry in entries(path) {
        if entry.file_name().to_string_lossy().ends_with(".generating") {
            // If it cannot be removed, opening fails and says so.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes the files of a new database survive a power cut: their names lie in directories that
/// nothing else would sync.
pub(in crate::store) fn sync_new_database(path: &Path) -> io::Result<()> {
    File::open(path.join("conf"))?.sync_all()?;
    for directory in [Some(path), path.parent(), path.parent().and_then(Path::parent)] {
        if let Some(directory) = directory.filter(|directory| !directory.as_os_str().is_empty()) {
            File::open(directory)?.sync_all()?;
        }
    }
    Ok(())
}

/// What lies in a directory; nothing when it cannot be read.
pub(in crate::store) fn entries(path: &Path) -> impl Iterator<Item = fs::DirEntry> {
    fs::read_dir(path).into_iter().flatten().filter_map(Result::ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_user_of_a_directory_is_told_so() {
        let dir = tempfile::tempdir().unwrap();
        let first = Directory::take(dir.path()).unwrap();
        let refused = Directory::take(dir.path()).unwrap_err();
        assert_eq!(refused, StoreError::InUse { dir: dir.path().to_owned() });
        drop(first);
        assert!(Directory::take(dir.path()).is_ok());
    }

    #[test]
    fn the_last_sequence_number_is_kept_and_a_torn_note_of_it_is_no_number() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::take(dir.path()).unwrap();
        assert_eq!(directory.last_sequence(), 0);
        directory.note_last_sequence(1_234);
        assert_eq!(directory.last_sequence(), 1_234);
        fs::write(dir.path().join("last-sequence"), "12").unwrap();
        assert_eq!(directory.last_sequence(), 0);
    }

    #[test]
    fn the_first_damaged_databases_are_kept_and_the_newest() {
        let dir = tempfile::tempdir().unwrap();
        let directory = Directory::take(dir.path()).unwrap();
        for number in [1, 2, 3, 3] {
            fs::create_dir(directory.database()).unwrap();
            fs::write(directory.database().join("db"), "damaged").unwrap();
            let aside = move_aside(dir.path(), &directory.database()).unwrap();
            assert_eq!(aside, dir.path().join(format!("damaged-{number}")));
        }
        assert!(!directory.database().exists());
        assert!((0..3).all(|_| remove_damaged(dir.path())) && !remove_damaged(dir.path()));
    }
}
