//! The entries of the gap ledger, a bounded number of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::record;
use super::scope::Scope;
use crate::limits;
use crate::model::gap::{Gap, GapCause};
use crate::model::reading::{GroupId, SeriesId};
use crate::store::ledgers::ledger::Change;
use crate::time::UtcTime;

/// Losses of one cause that follow each other this closely are one.
const LOSSES_JOINED_MS: i64 = 3_600_000;

/// How long the changes of entries that change all the time wait for each other, to spare the medium.
pub(super) const DEFERRED_MS: i64 = 600_000;

/// Whose an entry is, and its start.
pub(super) type Place = (Scope, UtcTime);

/// The entries.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: BTreeMap<Place, Gap>,
    /// In which order they go when there are too many: those that are over, the oldest first, and then
    /// those that go on.
    ranks: BTreeSet<(bool, UtcTime, Scope)>,
    changed: BTreeSet<Place>,
    /// Changes of entries that change all the time; they wait for each other.
    deferred: BTreeSet<Place>,
    deferred_since: Option<UtcTime>,
    removed: Vec<Place>,
    /// Entries that had to go because there were too many.
    dropped: u64,
}

impl Book {
    /// The entry at a place.
    pub(super) fn get(&self, place: Place) -> Option<&Gap> {
        self.entries.get(&place)
    }

    /// Puts an entry in and has it stored.
    pub(super) fn put(&mut self, scope: Scope, gap: Gap) {
        let place = (scope, gap.from);
        // Two of one scope and one start: the clock was set back. The longer one says more.
        let gap = match self.entries.get(&place) {
            Some(known) if known.to > gap.to => Gap { ongoing: gap.ongoing, ..*known },
            _ => gap,
        };
        self.insert(scope, gap);
        self.store(place);
        self.drop_surplus();
    }

    /// Takes in an entry that is stored.
    pub(super) fn insert(&mut self, scope: Scope, gap: Gap) {
        if let Some(known) = self.entries.insert((scope, gap.from), gap) {
            self.ranks.remove(&(known.ongoing, known.from, scope));
        }
        self.ranks.insert((gap.ongoing, gap.from, scope));
    }

    /// Changes an entry, which is not stored yet with that; says whether there is one.
    pub(super) fn edit(&mut self, place: Place, change: impl FnOnce(&mut Gap)) -> bool {
        let Some(gap) = self.entries.get_mut(&place) else { return false };
        let went_on = gap.ongoing;
        change(gap);
        if gap.ongoing != went_on {
            let (scope, from) = place;
            let goes_on = gap.ongoing;
            self.ranks.remove(&(went_on, from, scope));
            self.ranks.insert((goes_on, from, scope));
        }
        true
    }

    /// Has an entry stored as it is now.
    pub(super) fn store(&mut self, place: Place) {
        self.changed.insert(place);
    }

    /// Has an entry that changes all the time stored with others of its kind, within [`DEFERRED_MS`].
    pub(super) fn store_later(&mut self, place: Place, now: UtcTime) {
        self.deferred.insert(place);
        let since = *self.deferred_since.get_or_insert(now);
        if now < since || now.ms_since(since) >= DEFERRED_MS {
            self.store_deferred();
        }
    }

    /// Has everything stored that waits; says whether something did.
    pub(super) fn store_deferred(&mut self) -> bool {
        let waited = !self.deferred.is_empty();
        self.changed.append(&mut self.deferred);
        self.deferred_since = None;
        waited
    }

    /// Readings of everybody in `lost` are missing, whole or in part. What goes piece by piece, as the
    /// oldest on a full medium, is one entry.
    pub(super) fn lose(&mut self, lost: &Range<UtcTime>, cause: GapCause) {
        let before = self.entries.range((Scope::All, UtcTime::from_ms(i64::MIN))..=(Scope::All, lost.start));
        let joined = before.rev().map(|(place, gap)| (*place, gap)).find(|(_, gap)| gap.cause == cause);
        match joined {
            Some((place, gap)) if lost.start.ms_since(gap.to) <= LOSSES_JOINED_MS => {
                self.edit(place, |gap| gap.to = gap.to.max(lost.end));
                self.store(place);
            }
            _ => {
                self.put(Scope::All, Gap::partial(lost.clone(), cause));
            }
        }
    }

    /// The entries that touch `range` of a series that lies in `groups`, in order of their start.
    pub(super) fn of(&self, series: SeriesId, groups: &[GroupId], range: &Range<UtcTime>) -> Vec<Gap> {
        let groups = groups.iter().map(|group| Scope::Group(*group));
        let scopes = [Scope::All, Scope::Series(series)].into_iter().chain(groups);
        let touches =
            |gap: &Gap| gap.ongoing || gap.to > range.start || (gap.to == gap.from && gap.to >= range.start);
        let begun = |scope| self.entries.range((scope, UtcTime::from_ms(i64::MIN))..(scope, range.end));
        let mut found: Vec<Gap> = scopes.flat_map(begun).map(|(_, gap)| *gap).filter(touches).collect();
        found.sort_by_key(|gap| gap.from);
        found
    }

    /// Every entry.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (Scope, Gap)> {
        self.entries.into_iter().map(|((scope, _), gap)| (scope, gap))
    }

    /// Entries that there are, and entries that had to go.
    pub(super) fn counts(&self) -> (usize, u64) {
        (self.entries.len(), self.dropped)
    }

    /// What is to be stored since this was last asked.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        let to_store = std::mem::take(&mut self.changed).into_iter();
        let stored =
            to_store.filter_map(|place| Some((place, Some(record::value(self.entries.get(&place)?)))));
        let gone = std::mem::take(&mut self.removed).into_iter().map(|place| (place, None));
        let change = |((scope, from), value)| Change { key: record::key(scope, from), value };
        stored.chain(gone).map(change).collect()
    }

    /// Nothing is known to be stored any more.
    pub(super) fn forget_stored(&mut self) {
        self.changed = self.entries.keys().copied().collect();
    }

    fn drop_surplus(&mut self) {
        while self.entries.len() > limits::GAPS_MAX {
            let Some((_, from, scope)) = self.ranks.pop_first() else { break };
            self.entries.remove(&(scope, from));
            self.changed.remove(&(scope, from));
            self.removed.push((scope, from));
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALWAYS: Range<UtcTime> = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);

    fn at(second: i64) -> UtcTime {
        UtcTime::from_ms(second * 1_000)
    }

    fn gap(from: i64, to: i64, ongoing: bool) -> Gap {
        let cause = GapCause::Power;
        Gap { from: at(from), to: at(to), cause, missing: 0, ongoing, partial: false }
    }

    #[test]
    fn the_oldest_entries_go_when_there_are_too_many_but_not_what_still_goes_on() {
        let series = SeriesId(1);
        let mut book = Book::default();
        book.put(Scope::Series(series), gap(0, 0, true));
        for number in 1..i64::try_from(limits::GAPS_MAX).unwrap() + 5 {
            book.put(Scope::All, gap(number, number, false));
        }
        assert_eq!(book.counts(), (limits::GAPS_MAX, 5));
        let starts: Vec<_> = book.of(series, &[], &ALWAYS).iter().take(2).map(|gap| gap.from).collect();
        assert_eq!(starts, [at(0), at(6)]);
        assert_eq!(book.take_changes().iter().filter(|change| change.value.is_none()).count(), 5);
    }

    #[test]
    fn what_goes_piece_by_piece_is_one_entry() {
        let mut book = Book::default();
        book.lose(&(at(0)..at(100)), GapCause::Quota);
        book.lose(&(at(50)..at(60)), GapCause::Storage);
        book.lose(&(at(110)..at(200)), GapCause::Quota);
        book.lose(&(at(90_000)..at(90_001)), GapCause::Quota);
        let found = book.of(SeriesId(1), &[], &ALWAYS);
        let told: Vec<_> = found.iter().map(|gap| (gap.from, gap.to, gap.cause)).collect();
        assert_eq!(told[0], (at(0), at(200), GapCause::Quota));
        assert_eq!(told[1], (at(50), at(60), GapCause::Storage));
        assert_eq!(told.len(), 3);
        assert!(found.iter().all(|gap| gap.partial));
    }

    #[test]
    fn only_what_touches_the_range_is_told() {
        let mut book = Book::default();
        let group = GroupId(4);
        book.put(Scope::Group(group), gap(0, 10, false));
        book.put(Scope::Group(group), gap(20, 30, false));
        book.put(Scope::Group(group), gap(40, 41, true));
        book.put(Scope::Group(GroupId(5)), gap(25, 26, false));
        let starts = |from, to| -> Vec<UtcTime> {
            book.of(SeriesId(1), &[group], &(at(from)..at(to))).iter().map(|gap| gap.from).collect()
        };
        assert_eq!(starts(10, 20), []);
        assert_eq!(starts(9, 21), [at(0), at(20)]);
        assert_eq!(starts(100, 200), [at(40)]);
    }
}
