//! Sees gaps begin, go on and end while scans come in.

use std::collections::{HashMap, HashSet};

use super::book::{Book, DEFERRED_MS, Place};
use super::scope::Scope;
use super::seen::{Newcomer, Seen};
use crate::limits;
use crate::model::gap::{Gap, GapCause};
use crate::model::quality::Cause;
use crate::model::reading::{GroupId, SeriesId};
use crate::time::{Interval, UtcTime};

/// An entry that goes on is stored again after so long, so that a power cut takes little of its end.
const STORED_AGAIN_AFTER_MS: i64 = 3_600_000;
/// Scans in a row that are older than one before them: no late ones any more, the clock was set back.
const LATE_SCANS_MAX: u32 = 16;

/// A group that is scanned.
#[derive(Debug)]
struct Followed {
    /// When the first scan came of which none is known before.
    since: Option<UtcTime>,
    /// The latest time that it was scanned at.
    last: UtcTime,
    /// Scans in a row since then that are older.
    late: u32,
    /// Why a pause until the next scan would be one.
    pause: GapCause,
}

impl Followed {
    /// Goes on to a scan; gives the time and the cause of the pause before it, where it is a later one.
    fn go_on(&mut self, at: UtcTime) -> Option<(UtcTime, GapCause)> {
        self.late = if at < self.last { self.late + 1 } else { 0 };
        if (1..LATE_SCANS_MAX).contains(&self.late) {
            return None;
        }
        let (last, pause) = (self.last, self.pause);
        (self.last, self.late, self.pause) = (at, 0, OVERRUN);
        Some((last, pause))
    }
}

/// An entry that goes on.
#[derive(Clone, Copy, Debug)]
struct Open {
    from: UtcTime,
    /// The time that the stored entry tells.
    stored: UtcTime,
}

/// How often a scope had a gap on a day.
#[derive(Clone, Copy, Debug)]
struct Flaps {
    day: UtcTime,
    count: u32,
    /// The start of the last one.
    from: UtcTime,
}

const OVERRUN: GapCause = GapCause::Read(Cause::Overrun);

/// What is known of the groups that are scanned and of the gaps that go on.
#[derive(Debug, Default)]
pub(super) struct Watch {
    groups: HashMap<GroupId, Followed>,
    /// All groups that were scanned since the store was opened.
    scanned: HashSet<GroupId>,
    open: HashMap<Scope, Open>,
    flaps: HashMap<Scope, Flaps>,
    /// Why nothing was scanned before the store was opened.
    before: Option<GapCause>,
}

impl Watch {
    /// Whether the group was scanned since the store was opened, and its series in no other one since.
    pub(super) fn follows(&self, group: GroupId) -> bool {
        self.groups.contains_key(&group)
    }

    /// Notes why nothing was scanned before the store was opened; the first cause that is told counts.
    pub(super) fn opened_after(&mut self, cause: GapCause) {
        self.before.get_or_insert(cause);
    }

    /// The clock was set: a pause that ends with the next scan is due to that.
    pub(super) fn clock_was_set(&mut self) {
        for followed in self.groups.values_mut() {
            followed.pause = GapCause::Clock;
        }
    }

    /// Takes in an entry that is stored.
    pub(super) fn restore(&mut self, scope: Scope, gap: &Gap) {
        if gap.ongoing {
            self.open.insert(scope, Open { from: gap.from, stored: gap.to });
        }
        if gap.partial && scope != Scope::All {
            let (day, from) = (gap.from.floor(Interval::DAY), gap.from);
            self.flaps.insert(scope, Flaps { day, count: limits::GAPS_A_DAY_MAX, from });
        }
    }

    /// Begins to follow a group with the scan that is about to be seen: its series may have been
    /// scanned before, by themselves or in other groups, and some of them may be new.
    pub(super) fn follow(&mut self, book: &mut Book, seen: &Seen<'_>, newcomer: &Newcomer) {
        let mut kin = newcomer.relatives.iter().chain([&seen.group]);
        let was_scanned = kin.any(|group| self.scanned.contains(group));
        let pause = if was_scanned { OVERRUN } else { self.before.unwrap_or(OVERRUN) };
        if let (Some(last), Some(interval)) = (newcomer.last(), seen.interval) {
            self.catch_up(book, Scope::Group(seen.group), last, interval);
            for group in &newcomer.relatives {
                self.catch_up(book, Scope::Group(*group), last, interval);
                self.end(book, Scope::Group(*group), last.plus(interval).min(seen.at));
            }
        }
        for group in &newcomer.relatives {
            self.retire(book, *group);
        }
        let bases = seen.series.iter().zip(&newcomer.scanned).map(|(series, last)| {
            let is_new = self.cause_of(book, Scope::Series(*series)) == Some(GapCause::Configuration);
            last.filter(|_| !is_new)
        });
        let bases: Vec<Option<UtcTime>> = bases.collect();
        let common = bases.first().copied().flatten().filter(|_| bases.iter().all(|base| *base == bases[0]));
        let since = newcomer.last().is_none().then_some(seen.at);
        let last = common.unwrap_or(seen.at);
        self.groups.insert(seen.group, Followed { since, last, late: 0, pause });
        for (series, base) in seen.series.iter().zip(bases) {
            let (Some(base), Some(interval)) = (base, seen.interval) else { continue };
            self.catch_up(book, Scope::Series(*series), base, interval);
            if common.is_none() {
                self.pause(book, (Scope::Series(*series), pause), base..seen.at, interval);
            }
        }
    }

    /// Takes in a scan.
    pub(super) fn see(&mut self, book: &mut Book, seen: &Seen<'_>) {
        let first = || Followed { since: Some(seen.at), last: seen.at, late: 0, pause: OVERRUN };
        let before = self.groups.entry(seen.group).or_insert_with(first).go_on(seen.at);
        if let (Some((last, cause)), Some(interval)) = (before, seen.interval)
            && self.pause(book, (Scope::Group(seen.group), cause), last..seen.at, interval)
        {
            for series in seen.series {
                self.end(book, Scope::Series(*series), last.plus(interval).min(seen.at));
            }
        }
        self.scanned.insert(seen.group);
        let of_group = seen.common_cause();
        if self.open.is_empty() && seen.is_whole() {
            return;
        }
        self.see_scope(book, Scope::Group(seen.group), seen.at, of_group);
        for (series, cause) in seen.series.iter().zip(seen.causes()) {
            self.see_scope(book, Scope::Series(*series), seen.at, cause.filter(|_| of_group.is_none()));
        }
    }

    /// A series that the site does not have any more misses its readings from `from` on; one that it
    /// has again ends that with its next scan.
    pub(super) fn not_configured(&mut self, book: &mut Book, series: SeriesId, from: UtcTime) {
        let (scope, cause) = (Scope::Series(series), GapCause::Configuration);
        if self.cause_of(book, scope) != Some(cause) {
            self.end(book, scope, from);
            self.begin(book, scope, Gap { from, to: from, cause, missing: 0, ongoing: true, partial: false });
        }
    }

    /// The group is not scanned any more: what went on ended with its last scan.
    pub(super) fn retire(&mut self, book: &mut Book, group: GroupId) {
        self.groups.remove(&group);
        self.end(book, Scope::Group(group), UtcTime::from_ms(i64::MIN));
    }

    /// Takes over what `younger` has seen since the store was opened without its database. `before`
    /// tells when a group was scanned last before that, and how often it should be.
    pub(super) fn go_on_as(
        &mut self,
        book: &mut Book,
        younger: Self,
        before: impl Fn(GroupId) -> Option<(UtcTime, Interval)>,
    ) {
        let before_it = self.before.or(younger.before);
        let pause = before_it.unwrap_or(OVERRUN);
        let groups: Vec<(GroupId, UtcTime)> =
            younger.groups.iter().filter_map(|(group, followed)| Some((*group, followed.since?))).collect();
        for (group, since) in groups {
            if let Some((last, interval)) = before(group) {
                self.catch_up(book, Scope::Group(group), last, interval);
                self.pause(book, (Scope::Group(group), pause), last..since, interval);
            }
        }
        // What is not configured is so still; everything else ended with the last scan.
        let mut ended: Vec<Scope> = self.open.keys().copied().collect();
        ended.retain(|scope| self.cause_of(book, *scope) != Some(GapCause::Configuration));
        for scope in ended {
            self.end(book, scope, UtcTime::from_ms(i64::MIN));
        }
        let configured = std::mem::take(&mut self.open);
        *self = Self { before: before_it, ..younger };
        for (scope, open) in configured {
            self.open.entry(scope).or_insert(open);
        }
    }

    fn cause_of(&self, book: &Book, scope: Scope) -> Option<GapCause> {
        self.place_of(scope).and_then(|place| book.get(place)).map(|gap| gap.cause)
    }

    fn place_of(&self, scope: Scope) -> Option<Place> {
        self.open.get(&scope).map(|open| (scope, open.from))
    }

    /// The stored end of what went on until the `last` scan is an old one.
    fn catch_up(&self, book: &mut Book, scope: Scope, last: UtcTime, interval: Interval) {
        if let Some(flaps) = self.flaps.get(&scope) {
            book.edit((scope, flaps.from), |gap| {
                if gap.partial && last > gap.to && last.ms_since(gap.to) <= DEFERRED_MS {
                    gap.to = last;
                }
            });
        }
        let Some(place) = self.place_of(scope) else { return };
        let scans = last.ms_since(place.1) / interval.as_ms() + 1;
        book.edit(place, |gap| {
            if gap.cause != GapCause::Configuration && last > gap.to {
                gap.to = last;
                if !gap.partial {
                    gap.missing = gap.missing.max(u32::try_from(scans).unwrap_or(u32::MAX));
                }
            }
        });
    }

    /// The time between two scans, where that is longer than it should be; says whether it is.
    fn pause(
        &mut self,
        book: &mut Book,
        (scope, cause): (Scope, GapCause),
        scans: std::ops::Range<UtcTime>,
        interval: Interval,
    ) -> bool {
        let (pause_ms, interval_ms) = (scans.end.ms_since(scans.start), interval.as_ms());
        if pause_ms.saturating_mul(2) <= interval_ms.saturating_mul(3) {
            return false;
        }
        let from = scans.start.plus(interval);
        self.end(book, scope, from);
        let missing = (pause_ms + interval_ms / 2) / interval_ms - 1;
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        self.begin(book, scope, Gap { from, to: scans.end, cause, missing, ongoing: false, partial: false });
        true
    }

    fn see_scope(&mut self, book: &mut Book, scope: Scope, at: UtcTime, cause: Option<GapCause>) {
        let Some(cause) = cause else { return self.end(book, scope, at) };
        if !self.extend(book, scope, at, cause) {
            self.end(book, scope, at);
            self.begin(
                book,
                scope,
                Gap { from: at, to: at, cause, missing: 1, ongoing: true, partial: false },
            );
        }
    }

    /// One more reading is missing of what goes on; says whether it does, for this cause.
    fn extend(&mut self, book: &mut Book, scope: Scope, at: UtcTime, cause: GapCause) -> bool {
        let Some(open) = self.open.get_mut(&scope) else { return false };
        let place = (scope, open.from);
        let Some(cause) = book.get(place).and_then(|gap| of_both(gap.cause, cause)) else { return false };
        let changes = book.get(place).is_some_and(|gap| gap.cause != cause);
        book.edit(place, |gap| {
            (gap.cause, gap.to) = (cause, gap.to.max(at));
            gap.missing = gap.missing.saturating_add(1);
        });
        if changes || at.ms_since(open.stored) >= STORED_AGAIN_AFTER_MS {
            open.stored = at;
            book.store(place);
        }
        true
    }

    fn begin(&mut self, book: &mut Book, scope: Scope, gap: Gap) {
        let from = if comes_and_goes(gap.cause) {
            self.flap(book, scope, gap)
        } else {
            book.put(scope, gap);
            gap.from
        };
        if gap.ongoing {
            self.open.insert(scope, Open { from, stored: gap.to });
        }
    }

    /// Puts in what may come and go all day; gives the start of the entry that tells it.
    fn flap(&mut self, book: &mut Book, scope: Scope, gap: Gap) -> UtcTime {
        let day = gap.from.floor(Interval::DAY);
        let known = self.flaps.get(&scope).filter(|flaps| flaps.day == day).copied();
        let Flaps { count, from, .. } = known.unwrap_or(Flaps { day, count: 0, from: gap.from });
        // One that comes and goes all the time goes on in the entry of its last one.
        let joins = gap.from >= from && count >= limits::GAPS_A_DAY_MAX;
        let joined = joins && book.edit((scope, from), |last| join(last, &gap));
        let from = if joined { from } else { gap.from };
        self.flaps.insert(scope, Flaps { day, count: count + 1, from });
        if joined {
            book.store_later((scope, from), gap.to);
        } else {
            book.put(scope, gap);
        }
        from
    }

    /// Ends what goes on; `at` is when there was a reading, or should have been one that is missing for
    /// another cause.
    fn end(&mut self, book: &mut Book, scope: Scope, at: UtcTime) {
        let Some(open) = self.open.remove(&scope) else { return };
        let place = (scope, open.from);
        book.edit(place, |gap| {
            gap.to = gap.to.max(at);
            gap.ongoing = false;
        });
        match book.get(place).filter(|gap| gap.partial).map(|gap| gap.to) {
            Some(now) => book.store_later(place, now),
            None => book.store(place),
        }
    }
}

/// Whether a cause comes and goes with every other reading, so that it cannot be told each time.
const fn comes_and_goes(cause: GapCause) -> bool {
    matches!(cause, GapCause::Read(_) | GapCause::Mixed)
}

/// The cause of a gap whose next reading is missing for the cause `next`; `None` when that is another
/// gap. A meter that is asked less often is so for what came before, and is silent when it is asked.
fn of_both(gap: GapCause, next: GapCause) -> Option<GapCause> {
    const BACKED_OFF: GapCause = GapCause::Read(Cause::BackedOff);
    match (gap, next) {
        _ if gap == next => Some(gap),
        (GapCause::Mixed, _) | (GapCause::Read(_), BACKED_OFF) => Some(gap),
        (BACKED_OFF, GapCause::Read(_)) => Some(next),
        _ => None,
    }
}

/// Lets the entry `gap` go on with the `next` one, with readings in between.
fn join(gap: &mut Gap, next: &Gap) {
    if gap.cause != next.cause {
        gap.cause = GapCause::Mixed;
    }
    gap.partial = true;
    (gap.to, gap.ongoing) = (gap.to.max(next.to), next.ongoing);
    gap.missing = gap.missing.saturating_add(next.missing);
}
