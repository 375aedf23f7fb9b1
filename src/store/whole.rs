//! What a copy of the whole store needs beyond reading and appending: all names, all cursors, the small
//! tables as they are stored, and scans that come late.

use std::collections::HashSet;
use std::sync::Arc;

use super::Store;
use crate::model::reading::{GroupId, Scan, SeriesId};
use crate::store::backup::Record;
use crate::store::disk::engine::Table;
use crate::store::disk::tree::Tree;
use crate::store::error::StoreError;

/// The trees of small tables that a copy carries as they are. Cursors are carried by name; how a medium
/// wears out and when a store was started is of no interest on another, and what is held at a meter now is
/// none of its business. What was done to a gateway is told by its own book: nobody writes into that of
/// another one by way of a file.
fn record_trees() -> impl Iterator<Item = Tree> {
    let is_left_out = |tree: &Tree| {
        matches!(tree, Tree::Cursors | Tree::Flash | Tree::Boots | Tree::Controls | Tree::Audit)
    };
    Tree::LEDGERS.into_iter().filter(move |tree| !is_left_out(tree))
}

impl Store {
    /// The sequence number of the last scan taken; 0 when there is none.
    #[must_use]
    pub fn last_sequence(&self) -> u64 {
        self.shared.state().last_sequence
    }

    /// Every series by ID, with its point and its parameter.
    pub fn all_series(&self) -> impl Iterator<Item = (SeriesId, String, String)> {
        let count = u32::try_from(self.shared.state().names.counts().series).unwrap_or(u32::MAX);
        (0..count).map(SeriesId).filter_map(|series| {
            let (point, parameter) = self.series_name(series)?;
            Some((series, point, parameter))
        })
    }

    /// Every group by ID, with its series.
    pub fn all_groups(&self) -> impl Iterator<Item = (GroupId, Arc<[SeriesId]>)> {
        let count = u16::try_from(self.shared.state().names.counts().groups).unwrap_or(u16::MAX);
        (0..count).map(GroupId).filter_map(|group| Some((group, self.group_series(group)?)))
    }

    /// Every cursor with the sequence number that its reader has come to.
    #[must_use]
    pub fn all_cursors(&self) -> Vec<(String, u64)> {
        self.shared.state().ledgers.cursors.all()
    }

    /// Every durable entry of the small tables, each table in the order of its keys.
    ///
    /// # Errors
    /// When the database does not read at present.
    pub fn all_records(&self) -> Result<Vec<Record>, StoreError> {
        self.shared.with_database(|database| {
            let mut records = Vec::new();
            for tree in record_trees() {
                for entry in database.table(tree).into_iter().flat_map(Table::all) {
                    let (key, value) = entry?;
                    records.push(Record { tree: tree.code(), key: key.to_vec(), value: value.to_vec() });
                }
            }
            Ok(records)
        })
    }

    /// Takes in entries of the small tables that the store does not have, as they were stored by one
    /// with the same IDs; gives how many it took. Those of tables that this program does not know are
    /// left out.
    ///
    /// # Errors
    /// When the database does not read or take writes at present.
    pub fn add_records(&self, records: &[Record]) -> Result<u64, StoreError> {
        if records.is_empty() {
            return Ok(0);
        }
        self.flush()?;
        let known = self.all_records()?;
        let known: HashSet<_> = known.iter().map(|record| (record.tree, record.key.as_slice())).collect();
        let new = records.iter().filter(|record| !known.contains(&(record.tree, record.key.as_slice())));
        let mut state = self.shared.state();
        let mut added = 0;
        for record in new {
            let tree = record_trees().find(|tree| tree.code() == record.tree);
            let Some(ledger) = tree.and_then(|tree| state.ledgers.of(tree)) else { continue };
            added += u64::from(ledger.restore(&record.key, &record.value).is_some());
        }
        if added > 0 {
            // They count as stored otherwise, and would be gone with the next start.
            state.ledgers.forget_stored();
            state.wait_for_durability();
        }
        drop(state);
        self.flush().map(|_| added)
    }

    /// As [`Store::append_blocking`], for a scan that may be older than others of its group: what was
    /// newest stays the newest.
    ///
    /// # Errors
    /// When the scan does not fit its group or the store is closed.
    pub fn append_late_blocking(&self, scan: Scan) -> Result<(), StoreError> {
        self.shared.append_late_blocking(scan)
    }
}
