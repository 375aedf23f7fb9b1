//! The audit book: who did what to the gateway, in rings of which none can push entries of another one out.
//!
//! What is noted again is counted to the entry that it has ([`repeats`]), so that neither a platform that
//! renews a value nor somebody who guesses passwords fills the book or wears the medium out. [`entry`] draws
//! the bytes. No number is given twice, so that the numbers tell how many entries had to go.

mod entry;
mod repeats;

use std::collections::{BTreeMap, BTreeSet};

use crate::limits;
use crate::model::audit::{AuditEntry, Note, Ring};
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::time::trust::Sight;
use repeats::{Place, Repeats};

/// The entries by number.
#[derive(Debug, Default)]
pub(in crate::store) struct AuditBook {
    entries: BTreeMap<u32, AuditEntry>,
    /// Their numbers by ring.
    rings: BTreeMap<Ring, BTreeSet<u32>>,
    /// The number that was given last.
    last: u32,
    repeats: Repeats,
    /// Entries of which only the count has changed since they were written.
    counted: BTreeSet<u32>,
    /// Since when they wait, by the clock that nobody sets, in milliseconds.
    counted_since_ms: i64,
    changed: BTreeSet<u32>,
}

impl AuditBook {
    /// Notes something that was seen at `sight`; says whether it is to be written.
    pub(in crate::store) fn note(&mut self, note: Note, sight: &Sight) -> bool {
        let note = note.bounded();
        match self.repeats.place(note, &self.entries, sight.steady_ms) {
            Place::Known(number) => self.count(number, sight) || self.settle(sight.steady_ms),
            Place::New(note) => {
                let number = self.begin(note, sight);
                self.repeats.opened(number, sight.steady_ms);
                true
            }
        }
    }

    /// Has the counts written that wait for it, where the pause is over; says whether there are any.
    pub(in crate::store) fn settle(&mut self, steady_ms: i64) -> bool {
        let is_due = steady_ms.saturating_sub(self.counted_since_ms) >= limits::AUDIT_SETTLE_MS;
        let settles = is_due && !self.counted.is_empty();
        if settles {
            self.settle_all();
        }
        settles
    }

    /// Has all counts written, because the gateway stops.
    pub(in crate::store) fn settle_all(&mut self) {
        self.changed.append(&mut self.counted);
    }

    /// At most `count` entries that `fit`, the newest first; of those up to the number `from`, or of all.
    pub(in crate::store) fn newest(
        &self,
        from: Option<u32>,
        count: usize,
        fits: impl Fn(&AuditEntry) -> bool,
    ) -> Vec<AuditEntry> {
        let up_to = self.entries.range(..=from.unwrap_or(u32::MAX)).rev();
        up_to.map(|(_, entry)| entry).filter(|entry| fits(entry)).take(count).cloned().collect()
    }

    /// Entries that had to go.
    pub(in crate::store) fn gone(&self) -> u64 {
        u64::from(self.last).saturating_sub(self.entries.len() as u64)
    }

    /// Takes over what was noted in `younger` before these entries were known.
    pub(in crate::store) fn go_on_as(&mut self, younger: Self) {
        for entry in younger.entries.into_values() {
            self.last = self.last.saturating_add(1);
            self.put(AuditEntry { number: self.last, ..entry });
            self.changed.insert(self.last);
        }
    }

    fn begin(&mut self, note: Note, sight: &Sight) -> u32 {
        self.last = self.last.saturating_add(1);
        let (at, clock) = (sight.shown, sight.state);
        self.put(AuditEntry { number: self.last, note, at, clock, last: at, count: 1 });
        self.changed.insert(self.last);
        self.last
    }

    /// Counts a note to the entry that it has; says whether that is to be written soon.
    fn count(&mut self, number: u32, sight: &Sight) -> bool {
        let Some(entry) = self.entries.get_mut(&number) else { return false };
        entry.count = entry.count.saturating_add(1);
        entry.last = sight.shown;
        if entry.note.ring() != Ring::Refusals {
            self.changed.insert(number);
            return true;
        }
        if self.counted.is_empty() {
            self.counted_since_ms = sight.steady_ms;
        }
        self.counted.insert(number);
        false
    }

    /// Puts an entry into its ring, of which the oldest goes where it is full.
    fn put(&mut self, entry: AuditEntry) {
        let ring = self.rings.entry(entry.note.ring()).or_default();
        ring.insert(entry.number);
        self.entries.insert(entry.number, entry);
        if ring.len() > limits::AUDIT_RING_MAX
            && let Some(oldest) = ring.pop_first()
        {
            self.entries.remove(&oldest);
            self.counted.remove(&oldest);
            self.changed.insert(oldest);
        }
    }
}

impl Ledger for AuditBook {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let number = Some(u32::from_be_bytes(key.try_into().ok()?)).filter(|number| *number > 0)?;
        let entry = entry::read(number, value)?;
        self.last = self.last.max(number);
        self.put(entry);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let changed = std::mem::take(&mut self.changed).into_iter();
        let change = |number: u32| {
            self.counted.remove(&number);
            let value = self.entries.get(&number).map(entry::write);
            Change { key: number.to_be_bytes().to_vec(), value }
        };
        changed.map(change).collect()
    }

    fn forget_stored(&mut self) {
        self.counted.clear();
        self.changed.extend(self.entries.keys());
    }
}

#[cfg(test)]
mod tests;
