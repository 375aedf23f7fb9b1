//! A small table that is held in memory and written through to the database, such as the gaps.
//!
//! The table itself knows no database: it tells what changed, and the writer puts that into its tree
//! with the next write. What was told and did not reach the medium is told again with everything else.

/// One entry that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Change {
    /// Its key.
    pub(in crate::store) key: Vec<u8>,
    /// Its value; `None` when the entry is gone.
    pub(in crate::store) value: Option<Vec<u8>>,
}

/// A table that is held in memory and written through to the database.
pub(in crate::store) trait Ledger {
    /// Takes in an entry as it is stored; `None` when no version wrote that.
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()>;

    /// The entries that changed since this was last asked.
    fn take_changes(&mut self) -> Vec<Change>;

    /// Nothing is known to be stored any more: every entry counts as changed.
    fn forget_stored(&mut self);
}
