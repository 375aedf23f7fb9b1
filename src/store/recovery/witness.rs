//! What the file of the main database holds, seen before sled opens it.
//!
//! sled takes a damaged place in its log for the end of it, and overwrites what comes after. The ring
//! and the small tables are read here first, and put back where sled has lost them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use crate::store::disk::database::Database;
use crate::store::disk::frame::Framed;
use crate::store::disk::salvage;
use crate::store::disk::tree::Tree;
use crate::store::error::StoreError;
use crate::store::ring::{self, Record};

/// Epochs whose ring records are kept: no more than two are unsealed at a time.
const EPOCHS_MAX: usize = 2;

/// A record with its stamp.
struct Seen {
    stamp: u32,
    value: Vec<u8>,
}

/// What the file of the main database holds.
#[derive(Default)]
pub(super) struct Witness {
    /// Ring records of the newest epochs by slot.
    rings: BTreeMap<u32, HashMap<u32, Seen>>,
    ledgers: BTreeMap<(Tree, Vec<u8>), Seen>,
}

impl Witness {
    /// Looks through the file of the database in `path`.
    pub(super) fn of(path: &Path) -> Self {
        let mut witness = Self::default();
        // A file that is not there, or reads only in part, witnesses what it can.
        let _ = salvage::records_of(path, |framed| witness.see(framed));
        witness
    }

    fn see(&mut self, framed: Framed<'_>) {
        let seen = Seen { stamp: framed.stamp, value: framed.value.to_vec() };
        if Tree::LEDGERS.contains(&framed.tree) {
            let known = self.ledgers.get(&(framed.tree, framed.key.to_vec()));
            if known.is_none_or(|known| known.stamp < seen.stamp) {
                self.ledgers.insert((framed.tree, framed.key.to_vec()), seen);
            }
        } else if framed.tree == Tree::Ring
            && let Some(epoch) = Record::from_bytes(framed.value).map(|record| record.epoch)
            && let Some(slot) = ring::slot(framed.key, epoch)
        {
            self.see_ring(epoch, slot, seen);
        }
    }

    fn see_ring(&mut self, epoch: u32, slot: u32, seen: Seen) {
        let slots = self.rings.entry(epoch).or_default();
        if slots.get(&slot).is_none_or(|known| known.stamp < seen.stamp) {
            slots.insert(slot, seen);
        }
        if self.rings.len() > EPOCHS_MAX {
            self.rings.pop_first();
        }
    }

    /// The epochs from `next` on that have a first record.
    pub(super) fn epochs_from(&self, next: u32) -> Vec<u32> {
        let begun = self.rings.range(next..).filter(|(_, slots)| slots.contains_key(&0));
        begun.map(|(epoch, _)| *epoch).collect()
    }

    /// The records of an epoch in a row from the first, each written after the one before. What an
    /// earlier run left behind in a slot that was not written again since has an older stamp.
    pub(super) fn chain(&self, epoch: u32) -> Vec<&[u8]> {
        let Some(slots) = self.rings.get(&epoch) else { return Vec::new() };
        let mut last = None;
        let in_a_row = (0..).map_while(|slot| slots.get(&slot));
        let chain = in_a_row.take_while(|seen| last.replace(seen.stamp).is_none_or(|last| last < seen.stamp));
        chain.map(|seen| seen.value.as_slice()).collect()
    }

    /// Puts back the entries of small tables that were written after everything that `database` still
    /// has; an older one that it lacks was taken out.
    pub(super) fn put_ledgers_back(&self, database: &Database) -> Result<(), StoreError> {
        let newest = database.newest_stamp()?;
        for ((tree, key), seen) in self.ledgers.iter().filter(|(_, seen)| seen.stamp > newest) {
            if let Some(table) = database.table(*tree) {
                table.put(key, &seen.value)?;
            }
        }
        Ok(())
    }
}
