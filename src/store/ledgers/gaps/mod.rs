//! The gap ledger: every stretch without readings with its cause, kept while the store takes scans.
//!
//! A scan in which every series of its group misses its reading for the same cause makes one entry for
//! the group; a single series that misses its own makes one for itself. An entry is stored when it
//! begins, when it ends, and about hourly in between; one that comes and goes all day has its changes
//! stored together. `record` draws the bytes.

mod book;
mod record;
mod scope;
mod seen;
#[cfg(test)]
mod tests;
mod watch;

use std::ops::Range;

use crate::model::gap::{Gap, GapCause};
use crate::model::reading::{GroupId, SeriesId};
use crate::store::ledgers::ledger::{Change, Ledger};
use crate::time::{Interval, UtcTime};
use book::Book;
use watch::Watch;

pub(in crate::store) use seen::{Newcomer, Seen};

/// The ledger.
#[derive(Debug, Default)]
pub(in crate::store) struct Gaps {
    book: Book,
    watch: Watch,
}

impl Gaps {
    /// Whether the group is followed; one that is not is introduced with [`Gaps::follow`] before its
    /// scan is seen.
    pub(in crate::store) fn follows(&self, group: GroupId) -> bool {
        self.watch.follows(group)
    }

    /// Begins to follow the group of a scan that is about to be seen.
    pub(in crate::store) fn follow(&mut self, seen: &Seen<'_>, newcomer: &Newcomer) {
        self.watch.follow(&mut self.book, seen, newcomer);
    }

    /// Takes in a scan.
    pub(in crate::store) fn see(&mut self, seen: &Seen<'_>) {
        self.watch.see(&mut self.book, seen);
    }

    /// Notes why nothing was scanned before the store was opened; the first cause that is told counts.
    pub(in crate::store) fn opened_after(&mut self, cause: GapCause) {
        self.watch.opened_after(cause);
    }

    /// The clock was set: a pause that ends with the next scan of a group is due to that.
    pub(in crate::store) fn clock_was_set(&mut self) {
        self.watch.clock_was_set();
    }

    /// The site does not have a series any more, whose next reading would have been due at `from`.
    pub(in crate::store) fn not_configured(&mut self, series: SeriesId, from: UtcTime) {
        self.watch.not_configured(&mut self.book, series, from);
    }

    /// A group is not scanned any more.
    pub(in crate::store) fn retire(&mut self, group: GroupId) {
        self.watch.retire(&mut self.book, group);
    }

    /// Readings of everybody in `lost` are missing, whole or in part.
    pub(in crate::store) fn lose(&mut self, lost: &Range<UtcTime>, cause: GapCause) {
        self.book.lose(lost, cause);
    }

    /// Has everything stored that waits to be; says whether something did.
    pub(in crate::store) fn store_deferred(&mut self) -> bool {
        self.book.store_deferred()
    }

    /// Takes over what `younger` has seen since the store was opened without its database. `before`
    /// tells when a group was scanned last before that, and how often it should be.
    pub(in crate::store) fn go_on_as(
        &mut self,
        younger: Self,
        before: impl Fn(GroupId) -> Option<(UtcTime, Interval)>,
    ) {
        self.watch.go_on_as(&mut self.book, younger.watch, before);
        for (scope, gap) in younger.book.into_entries() {
            self.book.put(scope, gap);
        }
    }

    /// The gaps that touch `range` of a series that lies in `groups`, in order of their start.
    pub(in crate::store) fn of(
        &self,
        series: SeriesId,
        groups: &[GroupId],
        range: &Range<UtcTime>,
    ) -> Vec<Gap> {
        self.book.of(series, groups, range)
    }

    /// Entries that there are, and entries that had to go.
    pub(in crate::store) fn counts(&self) -> (usize, u64) {
        self.book.counts()
    }
}

impl Ledger for Gaps {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let (scope, gap) = record::read(key, value)?;
        self.watch.restore(scope, &gap);
        self.book.insert(scope, gap);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        self.book.take_changes()
    }

    fn forget_stored(&mut self) {
        self.book.forget_stored();
    }
}
