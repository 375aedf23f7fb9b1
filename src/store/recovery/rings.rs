//! The scans of the rings: epochs that were not sealed when the process ended.

use super::witness::Witness;
use super::{Recovered, RingPen};
use crate::model::gap::GapCause;
use crate::store::disk::database::Database;
use crate::store::epoch::Epoch;
use crate::store::error::StoreError;
use crate::store::ring::{self, Record, RingCoder};
use crate::store::status::Durable;

impl Recovered {
    /// Replays the rings of the epochs that are not sealed, oldest first.
    pub(super) fn read_rings(&mut self, database: &Database, witness: &Witness) -> Result<(), StoreError> {
        let next = self.index.next_number();
        let mut epochs = witness.epochs_from(next);
        for epoch in [next, next.saturating_add(1)] {
            if !epochs.contains(&epoch) && slots_of(database, epoch)? > 0 {
                epochs.push(epoch);
            }
        }
        epochs.sort_unstable();
        if let Some(first) = epochs.first().filter(|first| **first > next) {
            self.damage.push(format!("epochs {next} to {} were never sealed and are lost", first - 1));
            self.index.go_on_from(*first);
        }
        self.pen = Some(RingPen { epoch: self.index.next_number(), ..RingPen::default() });
        for epoch in &epochs {
            self.put_back(database, *epoch, &witness.chain(*epoch))?;
            self.replay(database, *epoch)?;
        }
        if epochs.first().is_some_and(|first| *first > next) {
            let after = self.unsealed.iter().find_map(Epoch::extent).map(|extent| extent.first);
            self.miss_between(next, next, after);
        }
        Ok(())
    }

    /// Puts records back that sled does not give any more.
    fn put_back(&mut self, database: &Database, epoch: u32, chain: &[&[u8]]) -> Result<(), StoreError> {
        let kept = slots_of(database, epoch)?;
        let lost = (0_u32..).zip(chain).skip(kept as usize);
        let count = lost.clone().count();
        if count == 0 {
            return Ok(());
        }
        for (slot, record) in lost {
            database.ring.put(&ring::key(epoch, slot), record)?;
        }
        self.damage.push(format!("{count} records of the ring were lost and are put back"));
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
                self.ledgers.gaps.opened_after(GapCause::Storage);
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
