//! Rows as a copy of the store carries them: a batch at a time, as they are stored.

use std::collections::BTreeMap;

use super::sums::{self, DAY_MINUTES};
use crate::store::Store;
use crate::store::backup::Record;
use crate::store::disk::engine::Table;
use crate::store::disk::tree::Tree;
use crate::store::error::StoreError;

/// Rows that are read and held together.
const BATCH_RECORDS: usize = 512;

impl Store {
    /// Hands every durable row to `each`, quarter hours before days before months, those of a quarter hour
    /// in order of time; of a row that was computed anew the latest.
    ///
    /// # Errors
    /// When the rows do not read at present, or the first one of `each`.
    pub fn each_row<E: From<StoreError>>(
        &self,
        mut each: impl FnMut(&Record) -> Result<(), E>,
    ) -> Result<(), E> {
        for first in self.shared.quarters.firsts() {
            // One that retention has removed meanwhile is not missed.
            let Ok(period) = self.shared.quarters.holding(first) else { continue };
            in_batches(
                Tree::Quarters,
                |from| batch(&period.records, from),
                |record| each(&self.latest_version(record)?),
            )?;
        }
        for tree in [Tree::Quarters, Tree::Days, Tree::Months] {
            let read = |from: &[u8]| {
                self.shared.with_database(|database| match database.table(tree) {
                    Some(table) => batch(table, from),
                    None => Ok(Vec::new()),
                })
            };
            in_batches(tree, read, |record| each(&record))?;
        }
        Ok(())
    }

    fn latest_version(&self, record: Record) -> Result<Record, StoreError> {
        let late = self.shared.with_database(|database| value_of(&database.late_quarters, &record.key))?;
        Ok(Record { value: late.unwrap_or(record.value), ..record })
    }

    /// Whether an entry of a copy is a row.
    #[must_use]
    pub fn is_row(record: &Record) -> bool {
        matches!(Tree::from_code(record.tree), Some(Tree::Quarters | Tree::Days | Tree::Months))
    }

    /// Takes in rows that the store does not have, as they were stored by one with the same IDs; gives how
    /// many it took. They are on the medium with the next flush.
    ///
    /// # Errors
    /// When the databases do not read or take writes at present.
    pub fn add_rows(&self, rows: &[Record]) -> Result<u64, StoreError> {
        let mut added = 0;
        let mut quarters: BTreeMap<u32, Vec<KeyAndValue<'_>>> = BTreeMap::new();
        for record in rows {
            let Some((start, _)) = super::of_key(&record.key) else { continue };
            match Tree::from_code(record.tree) {
                Some(Tree::Quarters) if !self.has_quarter(start, &record.key)? => {
                    quarters.entry(start / DAY_MINUTES).or_default().push((&record.key, &record.value));
                }
                Some(tree @ (Tree::Days | Tree::Months)) => {
                    added += self.shared.with_database(|database| {
                        let Some(table) = database.table(tree) else { return Ok(0) };
                        if value_of(table, &record.key)?.is_some() {
                            return Ok(0);
                        }
                        table.put(&record.key, &record.value).map(|()| 1)
                    })?;
                }
                _ => {}
            }
        }
        for (day, records) in quarters {
            added += records.len() as u64;
            sums::put_records(&self.shared, day, records.into_iter(), true)?;
        }
        Ok(added)
    }

    fn has_quarter(&self, minutes: u32, key: &[u8]) -> Result<bool, StoreError> {
        if self.shared.with_database(|database| value_of(&database.late_quarters, key))?.is_some() {
            return Ok(true);
        }
        match self.shared.quarters.first_of(minutes / DAY_MINUTES) {
            Some(first) => Ok(value_of(&self.shared.quarters.holding(first)?.records, key)?.is_some()),
            None => Ok(false),
        }
    }
}

type KeyAndValue<'a> = (&'a [u8], &'a [u8]);
type Batch = Vec<(Vec<u8>, Vec<u8>)>;

/// The first entries of a table from a key on.
fn batch(table: &Table, from: &[u8]) -> Result<Batch, StoreError> {
    let entries = table.scan(from..).take(BATCH_RECORDS);
    entries.map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
}

/// Reads a table batch by batch, so that nobody waits for the end of it.
fn in_batches<E: From<StoreError>>(
    tree: Tree,
    read: impl Fn(&[u8]) -> Result<Batch, StoreError>,
    mut each: impl FnMut(Record) -> Result<(), E>,
) -> Result<(), E> {
    let mut from = Vec::new();
    loop {
        let batch = read(&from)?;
        let Some((last, _)) = batch.last() else { return Ok(()) };
        // The key that comes next after the last one.
        from = [last.as_slice(), &[0]].concat();
        for (key, value) in batch {
            each(Record { tree: tree.code(), key, value })?;
        }
    }
}

fn value_of(table: &Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    let found = table.scan(key..=key).next().transpose()?;
    Ok(found.map(|(_, value)| value.to_vec()))
}
