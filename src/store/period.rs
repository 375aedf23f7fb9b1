//! A period database: the sealed readings of some days, in a directory of its own. It is written from
//! one end to the other, read, and removed as a whole; nothing in it is ever overwritten.
//!
//! Its directory carries the number of its first epoch (`raw-0000004711`), so the names alone tell
//! which epochs there should be and where each lies.

use std::path::{Path, PathBuf};

use super::engine::{Engine, Table, Use};
use super::error::StoreError;
use super::tree::Tree;

/// Bytes of pages that sled keeps in memory for each open period.
const CACHE_BYTES: u64 = 512 * 1_024;
const PREFIX: &str = "raw-";
/// Digits of a `u32`.
const DIGITS: usize = 10;

/// An open period database.
pub(super) struct Period {
    // The tables come before the engine, so that they are dropped before it.
    /// Blocks of its epochs.
    pub(super) blocks: Table,
    /// Their markers, as in the main database.
    pub(super) epochs: Table,
    engine: Engine,
}

impl Period {
    /// Opens the database in `path`, or makes it.
    ///
    /// # Errors
    /// `Damaged` when its files do not read back; `Failing` when the system does not let us.
    pub(super) fn open(path: &Path, purpose: Use) -> Result<Self, StoreError> {
        let engine = Engine::open(path, CACHE_BYTES, purpose)?;
        Ok(Self { blocks: engine.table(Tree::Blocks)?, epochs: engine.table(Tree::Epochs)?, engine })
    }

    /// Returns when everything written before is on the medium.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.engine.sync()
    }
}

/// The directory of the period that begins with epoch `first`.
pub(super) fn directory_of(data: &Path, first: u32) -> PathBuf {
    data.join(format!("{PREFIX}{first:0DIGITS$}"))
}

/// The first epoch of the period whose directory has this name; `None` for any other name.
pub(super) fn first_epoch(name: &str) -> Option<u32> {
    let digits = name.strip_prefix(PREFIX)?;
    (digits.len() == DIGITS).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_named_after_its_first_epoch() {
        let path = directory_of(Path::new("/data"), 4_711);
        assert_eq!(path, Path::new("/data/raw-0000004711"));
        for (name, first) in [
            ("raw-0000004711", Some(4_711)),
            ("raw-4294967295", Some(u32::MAX)),
            ("raw-4711", None),
            ("raw-0000004711.damaged", None),
            ("db", None),
        ] {
            assert_eq!(first_epoch(name), first, "{name}");
        }
    }
}
