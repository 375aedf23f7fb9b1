//! The main database: names, cursors and other small tables, the rings of the epochs that are not
//! sealed, and the markers of those that are. The sealed readings themselves lie in period databases.

use std::path::Path;

use crate::store::disk::engine::{Engine, Table, Use};
use crate::store::disk::tree::Tree;
use crate::store::error::StoreError;
use crate::store::ledgers::ledger::Change;

/// Bytes of pages that sled keeps in memory; the tables are small and mostly written.
const CACHE_BYTES: u64 = 2 * 1_024 * 1_024;

/// The open main database.
pub(in crate::store) struct Database {
    // The tables come before the engine, so that they are dropped before it.
    /// Series by ID.
    pub(in crate::store) series: Table,
    /// Groups by ID.
    pub(in crate::store) groups: Table,
    /// Records of the epochs that are not sealed.
    pub(in crate::store) ring: Table,
    /// Markers of sealed epochs.
    pub(in crate::store) epochs: Table,
    /// Rows of quarter hours that were computed anew after their period was over.
    pub(in crate::store) late_quarters: Table,
    /// Rows of days.
    pub(in crate::store) days: Table,
    /// Rows of months.
    pub(in crate::store) months: Table,
    /// The small tables that are held in memory.
    ledgers: Vec<(Tree, Table)>,
    engine: Engine,
}

impl Database {
    /// Opens the database in `path`, or makes it.
    ///
    /// # Errors
    /// `Damaged` when its files do not read back; `Failing` when the system does not let us.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, StoreError> {
        let engine = Engine::open(path, CACHE_BYTES, Use::Write)?;
        let ledger = |tree| Ok((tree, engine.table(tree)?));
        Ok(Self {
            series: engine.table(Tree::Series)?,
            groups: engine.table(Tree::Groups)?,
            ring: engine.table(Tree::Ring)?,
            epochs: engine.table(Tree::Epochs)?,
            late_quarters: engine.table(Tree::Quarters)?,
            days: engine.table(Tree::Days)?,
            months: engine.table(Tree::Months)?,
            ledgers: Tree::LEDGERS.into_iter().map(ledger).collect::<Result<_, _>>()?,
            engine,
        })
    }

    /// The table of one of the trees that lie here; `None` for one that does not.
    pub(in crate::store) fn table(&self, tree: Tree) -> Option<&Table> {
        match tree {
            Tree::Series => Some(&self.series),
            Tree::Groups => Some(&self.groups),
            Tree::Ring => Some(&self.ring),
            Tree::Epochs => Some(&self.epochs),
            Tree::Quarters => Some(&self.late_quarters),
            Tree::Days => Some(&self.days),
            Tree::Months => Some(&self.months),
            _ => self.ledgers.iter().find(|(known, _)| *known == tree).map(|(_, table)| table),
        }
    }

    /// The highest stamp of all its records.
    pub(in crate::store) fn newest_stamp(&self) -> Result<u32, StoreError> {
        let tables = [&self.series, &self.groups, &self.ring, &self.epochs];
        let tables = tables.into_iter().chain(self.ledgers.iter().map(|(_, table)| table));
        tables.map(Table::newest_stamp).try_fold(0, |newest, stamp| Ok(newest.max(stamp?)))
    }

    /// Writes what changed in a small table.
    pub(in crate::store) fn write(&self, tree: Tree, changes: &[Change]) -> Result<(), StoreError> {
        let Some(table) = self.table(tree) else { return Ok(()) };
        changes.iter().try_for_each(|Change { key, value }| match value {
            Some(value) => table.put(key, value),
            None => table.remove(key),
        })
    }

    /// Returns when everything written before is on the medium.
    pub(in crate::store) fn sync(&self) -> Result<(), StoreError> {
        self.engine.sync()
    }
}
