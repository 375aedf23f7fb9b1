//! A period database: what was sealed in some days, in a directory of its own. It is written from one
//! end to the other, read, and removed as a whole.
//!
//! Its directory carries the number that it begins with (`raw-0000004711`): of an epoch, or of a day
//! where quarter-hour rows are kept. So the names alone tell what there should be and where it lies.

use std::path::{Path, PathBuf};

use crate::store::disk::engine::{Engine, Table, Use};
use crate::store::disk::tree::Tree;
use crate::store::error::StoreError;

/// Bytes of pages that sled keeps in memory for each open period.
const CACHE_BYTES: u64 = 512 * 1_024;
/// Digits of a `u32`.
const DIGITS: usize = 10;

/// What is kept in periods, each for a time of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Tier {
    /// Sealed readings by epoch.
    Readings,
    /// Rows of quarter hours by day.
    Quarters,
}

impl Tier {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Readings => "raw-",
            Self::Quarters => "quarter-",
        }
    }

    /// The tree of its records.
    pub(in crate::store) const fn records(self) -> Tree {
        match self {
            Self::Readings => Tree::Blocks,
            Self::Quarters => Tree::Quarters,
        }
    }
}

/// An open period database.
pub(in crate::store) struct Period {
    // The tables come before the engine, so that they are dropped before it.
    /// Blocks of its epochs, or rows of its quarter hours.
    pub(in crate::store) records: Table,
    /// Markers of its epochs, as in the main database.
    pub(in crate::store) epochs: Table,
    engine: Engine,
}

impl Period {
    /// Opens the database in `path`, or makes it.
    ///
    /// # Errors
    /// `Damaged` when its files do not read back; `Failing` when the system does not let us.
    pub(in crate::store) fn open(path: &Path, tier: Tier, purpose: Use) -> Result<Self, StoreError> {
        let engine = Engine::open(path, CACHE_BYTES, purpose)?;
        Ok(Self { records: engine.table(tier.records())?, epochs: engine.table(Tree::Epochs)?, engine })
    }

    /// Returns when everything written before is on the medium.
    pub(in crate::store) fn sync(&self) -> Result<(), StoreError> {
        self.engine.sync()
    }
}

/// The directory of the period of `tier` that begins with `first`.
pub(in crate::store) fn directory_of(data: &Path, tier: Tier, first: u32) -> PathBuf {
    data.join(format!("{}{first:0DIGITS$}", tier.prefix()))
}

/// What the period of `tier` begins with whose directory has this name; `None` for any other name.
pub(in crate::store) fn first_of(name: &str, tier: Tier) -> Option<u32> {
    let digits = name.strip_prefix(tier.prefix())?;
    (digits.len() == DIGITS).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_named_after_what_it_begins_with() {
        let path = directory_of(Path::new("/data"), Tier::Readings, 4_711);
        assert_eq!(path, Path::new("/data/raw-0000004711"));
        for (name, first) in [
            ("raw-0000004711", Some(4_711)),
            ("raw-4294967295", Some(u32::MAX)),
            ("raw-4711", None),
            ("raw-0000004711.damaged", None),
            ("quarter-0000004711", None),
            ("db", None),
        ] {
            assert_eq!(first_of(name, Tier::Readings), first, "{name}");
        }
    }
}
