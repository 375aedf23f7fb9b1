//! The period databases of one tier in a data directory: which there are, which are open, and when one ends.
//!
//! The newest is written; older ones are read by their contents (`contents`), or opened where they have
//! none, and the few that were asked for last stay open.

pub(in crate::store) mod block;
pub(in crate::store) mod contents;
pub(in crate::store) mod marker;
pub(in crate::store) mod period;
pub(in crate::store) mod retention;
pub(in crate::store) mod sealed;

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::limits;
use crate::store::disk::directory;
use crate::store::disk::engine::{self, Use};
use crate::store::disk::salvage;
use crate::store::error::StoreError;
use crate::store::periods::contents::Contents;
use period::{Period, Tier};

/// The period databases of one data directory.
pub(super) struct Periods {
    data: PathBuf,
    tier: Tier,
    known: Mutex<Known>,
}

/// A period that was damaged and has been rebuilt from what could be salvaged.
pub(super) struct Rebuilt {
    /// What happened, for a person.
    pub(super) note: String,
    /// The epochs that belong there.
    pub(super) epochs: Range<u32>,
}

#[derive(Default)]
struct Known {
    /// The first epoch of each period.
    firsts: BTreeSet<u32>,
    /// Those that are held open, the one used last at the end.
    open: Vec<(u32, Arc<Period>)>,
    /// The contents that were used last, the last one at the end.
    contents: Vec<(u32, Arc<Contents>)>,
    /// Those that somebody else may still hold open; one directory cannot be opened twice.
    lent: HashMap<u32, Weak<Period>>,
    /// Those that were rebuilt; what does not read even then is lost.
    salvaged: BTreeSet<u32>,
    /// Those that were rebuilt, not told yet.
    rebuilt: Vec<Rebuilt>,
}

impl Periods {
    /// The periods of `tier` that lie in the directory `data`.
    pub(super) fn of(data: &Path, tier: Tier) -> Self {
        let names = directory::entries(data).map(|entry| entry.file_name());
        let firsts = names.filter_map(|name| period::first_of(name.to_str()?, tier)).collect();
        Self { data: data.to_owned(), tier, known: Mutex::new(Known { firsts, ..Known::default() }) }
    }

    /// The first epoch of each period, oldest first.
    pub(super) fn firsts(&self) -> Vec<u32> {
        self.known().firsts.iter().copied().collect()
    }

    /// The period that holds `epoch`, opened if it is not.
    ///
    /// # Errors
    /// `Damaged` when there is none; `Failing` when the system does not let it be opened.
    pub(super) fn holding(&self, epoch: u32) -> Result<Arc<Period>, StoreError> {
        let mut known = self.known();
        let first = known.firsts.range(..=epoch).next_back().copied();
        let first = first.ok_or_else(|| StoreError::Damaged {
            what: format!("epoch {epoch}"),
            reason: "its period is missing".to_owned(),
        })?;
        known.open(first, &self.data, self.tier)
    }

    /// The contents of the period that holds `epoch`, where they list it.
    pub(super) fn contents(&self, epoch: u32) -> Option<Arc<Contents>> {
        let mut known = self.known();
        let first = known.firsts.range(..=epoch).next_back().copied()?;
        known.contents(first, &self.data, self.tier).filter(|contents| contents.lists(epoch))
    }

    /// Removes the contents of the period that holds `epoch`: they are not what they should be.
    pub(super) fn distrust_contents(&self, epoch: u32) {
        let mut known = self.known();
        let Some(first) = known.firsts.range(..=epoch).next_back().copied() else { return };
        known.contents.retain(|(listed, _)| *listed != first);
        Contents::remove(&self.directory_of(first));
    }

    /// The periods that are written no more and have no contents yet.
    pub(super) fn unlisted(&self) -> Vec<u32> {
        let mut firsts = self.firsts();
        firsts.pop();
        firsts.retain(|first| !Contents::are_in(&self.directory_of(*first)));
        firsts
    }

    /// The directory of the period that begins with `first`.
    pub(super) fn directory_of(&self, first: u32) -> PathBuf {
        period::directory_of(&self.data, self.tier, first)
    }

    /// The first epoch of the period that holds `epoch`, where there is one.
    pub(super) fn first_of(&self, epoch: u32) -> Option<u32> {
        self.known().firsts.range(..=epoch).next_back().copied()
    }

    /// Begins a new period with `epoch`.
    ///
    /// # Errors
    /// When its database cannot be made.
    pub(super) fn begin(&self, epoch: u32) -> Result<Arc<Period>, StoreError> {
        let mut known = self.known();
        // The one before is written no more, and who reads it opens it anew: sled's memory of a
        // database grows with what was written into it since it was opened.
        known.close();
        let period = known.open(epoch, &self.data, self.tier)?;
        known.firsts.insert(epoch);
        Ok(period)
    }

    /// Bytes on disk of the period that begins with `first`.
    pub(super) fn bytes(&self, first: u32) -> u64 {
        directory::tree_bytes(&self.directory_of(first))
    }

    /// Removes the period that begins with `first`; who reads in it at the moment ends in peace.
    ///
    /// # Errors
    /// When its directory cannot be removed.
    pub(super) fn remove(&self, first: u32) -> Result<(), StoreError> {
        let mut known = self.known();
        known.firsts.remove(&first);
        known.contents.retain(|(listed, _)| *listed != first);
        if let Some(place) = known.open.iter().position(|(open, _)| *open == first) {
            let (_, period) = known.open.remove(place);
            known.lend(first, period);
        }
        drop(known);
        directory::remove_whole(&self.directory_of(first))
    }

    /// Closes the period that holds `epoch`, to be opened again when it is needed. What sled wrote since
    /// it was opened hangs together: damage in one place would cost everything after it. What was
    /// written before it was opened does not.
    pub(super) fn release(&self, epoch: u32) {
        let mut known = self.known();
        let first = known.firsts.range(..=epoch).next_back().copied();
        if let Some(place) = known.open.iter().position(|(open, _)| Some(*open) == first) {
            let (first, period) = known.open.remove(place);
            known.lend(first, period);
        }
    }

    /// Rebuilds the period that holds `epoch` from every record that still holds in its file, once;
    /// `false` when that has been done before.
    ///
    /// # Errors
    /// When somebody reads in it at the moment, or the new one cannot be written.
    pub(super) fn salvage(&self, epoch: u32) -> Result<bool, StoreError> {
        let mut known = self.known();
        let Some(first) = known.firsts.range(..=epoch).next_back().copied() else { return Ok(false) };
        if known.salvaged.contains(&first) {
            return Ok(false);
        }
        known.close();
        if known.lent.get(&first).is_some_and(|lent| lent.strong_count() > 0) {
            return Err(StoreError::Failing { reason: "a damaged period is still being read".to_owned() });
        }
        let path = self.directory_of(first);
        let (period, note) = salvage::period(&self.data, &path, self.tier, "a record does not read back")?;
        known.open.push((first, Arc::new(period)));
        known.was_rebuilt(first, note);
        Ok(true)
    }

    /// Lets go of every open period, such as one whose last write failed.
    pub(super) fn close(&self) {
        self.known().close();
    }

    /// What was found damaged and rebuilt since this was last asked.
    pub(super) fn take_rebuilt(&self) -> Vec<Rebuilt> {
        std::mem::take(&mut self.known().rebuilt)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // No step leaves it half done, so one that panicked elsewhere does no harm.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn open(&mut self, first: u32, data: &Path, tier: Tier) -> Result<Arc<Period>, StoreError> {
        if let Some(place) = self.open.iter().position(|(open, _)| *open == first) {
            let used = self.open.remove(place);
            let period = Arc::clone(&used.1);
            self.open.push(used);
            return Ok(period);
        }
        let period = match self.lent.remove(&first).and_then(|lent| lent.upgrade()) {
            Some(lent) => lent,
            None => Arc::new(self.open_directory(first, data, tier)?),
        };
        if self.open.len() >= limits::PERIODS_OPEN_MAX {
            let (oldest, closed) = self.open.remove(0);
            self.lend(oldest, closed);
        }
        self.open.push((first, Arc::clone(&period)));
        Ok(period)
    }

    fn contents(&mut self, first: u32, data: &Path, tier: Tier) -> Option<Arc<Contents>> {
        let held = self.contents.iter().position(|(listed, _)| *listed == first);
        let contents = match held {
            Some(place) => self.contents.remove(place).1,
            None => Arc::new(Contents::open(&period::directory_of(data, tier, first))?),
        };
        if self.contents.len() >= limits::PERIODS_OPEN_MAX {
            self.contents.remove(0);
        }
        self.contents.push((first, Arc::clone(&contents)));
        Some(contents)
    }

    fn open_directory(&mut self, first: u32, data: &Path, tier: Tier) -> Result<Period, StoreError> {
        let path = period::directory_of(data, tier, first);
        // Only the newest is ever written.
        let is_newest = self.firsts.last().is_none_or(|newest| first >= *newest);
        match Period::open(&path, tier, if is_newest { Use::Write } else { Use::Read }) {
            Err(StoreError::Damaged { reason, .. }) => {
                let (period, note) = salvage::period(data, &path, tier, &reason)?;
                self.was_rebuilt(first, note);
                Ok(period)
            }
            other => other,
        }
    }

    fn was_rebuilt(&mut self, first: u32, note: String) {
        let end = self.firsts.range(first.saturating_add(1)..).next().copied();
        self.rebuilt.push(Rebuilt { note, epochs: first..end.unwrap_or(u32::MAX) });
        self.salvaged.insert(first);
        self.contents.retain(|(listed, _)| *listed != first);
    }

    fn close(&mut self) {
        for (first, period) in std::mem::take(&mut self.open) {
            self.lend(first, period);
        }
    }

    fn lend(&mut self, first: u32, period: Arc<Period>) {
        self.lent.retain(|_, lent| lent.strong_count() > 0);
        match Arc::try_unwrap(period) {
            Ok(period) => engine::close(period),
            Err(period) => {
                self.lent.insert(first, Arc::downgrade(&period));
            }
        }
    }
}
