//! The note that a database was closed in order, and what its file was like then.
//!
//! ```text
//! db/closed   bytes of the file, CRC-32 over the heads of its segments: two decimal numbers
//! ```
//!
//! sled takes a file that was cut short, or whose segments have lost their heads, for one with less in
//! it, and overwrites the rest. With the note that is seen before sled gets its hands on it.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::limits;

/// Bytes of the head that sled gives each segment.
const SEGMENT_HEAD_BYTES: usize = 20;

/// Whether the file of the database in `path` is what it was when it was closed; `true` where nothing
/// was noted, because it was not closed in order.
pub(in crate::store) fn holds(path: &Path) -> bool {
    let Ok(noted) = fs::read_to_string(place(path)) else { return true };
    // A note that is torn says nothing.
    if !noted.ends_with('\n') {
        return true;
    }
    summary(path).is_ok_and(|summary| summary == noted)
}

/// Notes what the file of the database in `path` is like, now that it is closed. One that was only read
/// is what it was.
pub(in crate::store) fn write(path: &Path) -> io::Result<()> {
    let (place, summary) = (place(path), summary(path)?);
    if fs::read_to_string(&place).is_ok_and(|noted| noted == summary) {
        return Ok(());
    }
    fs::write(&place, summary)?;
    File::open(&place)?.sync_all()
}

/// From now on the file changes.
pub(in crate::store) fn remove(path: &Path) {
    if fs::remove_file(place(path)).is_ok() {
        // A note that comes back after a power cut makes the file look damaged, and it is salvaged.
        let _ = File::open(path).and_then(|directory| directory.sync_all());
    }
}

fn place(path: &Path) -> PathBuf {
    path.join("closed")
}

fn summary(path: &Path) -> io::Result<String> {
    let file = File::open(path.join("db"))?;
    let bytes = file.metadata()?.len();
    let mut crc = crc32fast::Hasher::new();
    let mut head = [0; SEGMENT_HEAD_BYTES];
    for start in (0..bytes).step_by(limits::STORE_SEGMENT_BYTES) {
        file.read_exact_at(&mut head, start)?;
        crc.update(&head);
    }
    Ok(format!("{bytes} {}\n", crc.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_cut_or_lost_a_head_after_it_was_closed_is_told_from_one_that_was_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("db");
        let whole = vec![7; 3 * limits::STORE_SEGMENT_BYTES];
        fs::write(&file, &whole).unwrap();
        assert!(holds(dir.path()), "nothing is noted yet");
        write(dir.path()).unwrap();
        assert!(holds(dir.path()));

        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        assert!(!holds(dir.path()));
        let mut headless = whole.clone();
        headless[limits::STORE_SEGMENT_BYTES + 3] = 8;
        fs::write(&file, &headless).unwrap();
        assert!(!holds(dir.path()));
        fs::remove_file(&file).unwrap();
        assert!(!holds(dir.path()));

        remove(dir.path());
        assert!(holds(dir.path()));
    }
}
