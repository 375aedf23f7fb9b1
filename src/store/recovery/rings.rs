//! The scans of the rings: epochs that were not sealed when the process ended.

use std::collections::HashMap;
use std::path::Path;

use super::{Recovered, RingPen};
use crate::store::database::Database;
use crate::store::epoch::Epoch;
use crate::store::error::StoreError;
use crate::store::ring::{self, Record, RingCoder};
use crate::store::salvage;
use crate::store::status::Durable;
use crate::store::tree::Tree;

impl Recovered {
    /// Replays the rings of the epochs that are not sealed, oldest first.
    pub(super) fn read_rings(&mut self, database: &Database, path: &Path) -> Result<(), StoreError> {
        let found = Found::in_file(path);
        let next = self.index.next_number();
        let mut epochs = found.epochs_from(next);
        for epoch in [next, next.saturating_add(1)] {
            let is_here = database.ring.scan(ring::key(epoch, 0)..=ring::key(epoch, 0)).next().transpose()?;
            let is_here = is_here.is_some_and(|(_, value)| {
                Record::from_bytes(&value).is_some_and(|record| record.epoch == epoch)
            });
            if is_here && !epochs.contains(&epoch) {
                epochs.push(epoch);
            }
        }
        epochs.sort_unstable();
        if let Some(first) = epochs.first().filter(|first| **first > next) {
            self.damage.push(format!("epochs {next} to {} were never sealed and are lost", first - 1));
            self.index.go_on_from(*first);
        }
        self.pen = Some(RingPen { epoch: self.index.next_number(), ..RingPen::default() });
        for epoch in epochs {
            self.put_back(database, path, epoch, &found)?;
            self.replay(database, epoch)?;
        }
        Ok(())
    }

    /// Puts records back that hold in the file although sled does not give them any more.
    fn put_back(
        &mut self,
        database: &Database,
        path: &Path,
        epoch: u32,
        found: &Found,
    ) -> Result<(), StoreError> {
        let (kept, chain) = (slots_of(database, epoch)?, found.chain(epoch));
        if chain <= kept {
            return Ok(());
        }
        let mut outcome = Ok(());
        let read = salvage::records_of(path, |framed| {
            let slot = ring::slot(framed.key, epoch).filter(|_| framed.tree == Tree::Ring);
            let is_wanted = slot.is_some_and(|slot| {
                (kept..chain).contains(&slot) && found.stamps.get(&(epoch, slot)) == Some(&framed.stamp)
            });
            if is_wanted && outcome.is_ok() {
                outcome = database.ring.put(framed.key, framed.value);
            }
        });
        outcome?;
        if read.is_ok() {
            self.damage.push(format!("{} records of the ring were carved out of the file", chain - kept));
        }
        database.sync()
    }

    /// Replays the records of an epoch, batch by batch, up to the first that is not there.
    fn replay(&mut self, database: &Database, epoch: u32) -> Result<(), StoreError> {
        let mut replayed = Epoch::default();
        let mut pen = RingPen { epoch, ..RingPen::default() };
        let mut batch = Vec::new();
        let mut slot = 0_u32;
        let mut is_readable = true;
        for entry in database.ring.scan(ring::key(epoch, 0)..=ring::key(epoch, u32::MAX)) {
            let (key, value) = entry?;
            let record = Record::from_bytes(&value).filter(|record| record.epoch == epoch);
            let Some(record) = record.filter(|_| *key == ring::key(epoch, slot)) else { break };
            slot += 1;
            batch.extend_from_slice(record.part);
            if !record.ends_batch {
                continue;
            }
            if !self.replay_batch(&batch, &mut pen.coder, &mut replayed) {
                self.damage.push(format!("record {} of the ring does not read back", pen.slot));
                is_readable = false;
                break;
            }
            batch.clear();
            pen.slot = slot;
        }
        // A batch whose end was never written was never acknowledged. Its records must go, or a
        // shorter batch in their place would seem to go on with them.
        for stale in pen.slot..slot {
            database.ring.remove(&ring::key(epoch, stale))?;
        }
        self.unsealed.push(replayed);
        self.pen = is_readable.then_some(pen);
        Ok(())
    }

    fn replay_batch(&mut self, batch: &[u8], coder: &mut RingCoder, epoch: &mut Epoch) -> bool {
        let width_of = |group| self.names.width(group).map(usize::from);
        let Some(scans) = coder.decode(batch, width_of) else { return false };
        for (sequence, scan) in scans {
            if sequence <= self.durable.sequence {
                return false;
            }
            epoch.push(sequence, &scan);
            self.durable = Durable { sequence, through: Some(scan.at) };
        }
        true
    }
}

/// Slots in a row from the first that hold records of `epoch`.
fn slots_of(database: &Database, epoch: u32) -> Result<u32, StoreError> {
    let mut slots = 0;
    for entry in database.ring.scan(ring::key(epoch, 0)..=ring::key(epoch, u32::MAX)) {
        let (key, value) = entry?;
        let is_next = *key == ring::key(epoch, slots)
            && Record::from_bytes(&value).is_some_and(|record| record.epoch == epoch);
        if !is_next {
            break;
        }
        slots += 1;
    }
    Ok(slots)
}

/// The ring records that hold in the file of the database, whether sled gives them or not.
#[derive(Default)]
struct Found {
    /// The newest stamp of each slot of each epoch.
    stamps: HashMap<(u32, u32), u32>,
}

impl Found {
    fn in_file(path: &Path) -> Self {
        let mut found = Self::default();
        let read = salvage::records_of(path, |framed| {
            let record = Record::from_bytes(framed.value).filter(|_| framed.tree == Tree::Ring);
            let Some(record) = record else { return };
            let Some(slot) = ring::slot(framed.key, record.epoch) else { return };
            let stamp = found.stamps.entry((record.epoch, slot)).or_insert(framed.stamp);
            *stamp = framed.stamp.max(*stamp);
        });
        if let Err(error) = read {
            log::warn!("store: {}: {error}", path.display());
        }
        found
    }

    /// The epochs from `next` on that have a first record.
    fn epochs_from(&self, next: u32) -> Vec<u32> {
        let firsts = self.stamps.keys().filter(|(epoch, slot)| *epoch >= next && *slot == 0);
        firsts.map(|(epoch, _)| *epoch).collect()
    }

    /// Slots in a row from the first, each written after the one before. What an earlier run left
    /// behind in a slot that was not written again since has an older stamp.
    fn chain(&self, epoch: u32) -> u32 {
        let stamps = (0_u32..).map_while(|slot| self.stamps.get(&(epoch, slot)));
        let mut last = None;
        let chain = stamps.take_while(|stamp| last.replace(**stamp).is_none_or(|last| last < **stamp));
        u32::try_from(chain.count()).unwrap_or(u32::MAX)
    }
}
