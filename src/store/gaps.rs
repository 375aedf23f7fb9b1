//! The gap ledger: every stretch without readings with its cause, kept while the store takes scans.
//!
//! ```text
//! key     i64 start, milliseconds since 1970 UTC | scope u8 | group or series u32
//! value   version (1) u8 | cause u8 | ongoing u8 | i64 end | u32 missing
//! scope   0 everything, 1 a group, 2 a series
//! ```
//!
//! Big-endian. A scan in which every series of its group misses its reading for the same cause makes
//! one entry for the group; a single series that misses its own makes one for itself. An entry is
//! written when it begins and when it ends, and now and then in between.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::ledger::{Change, Ledger};
use crate::limits;
use crate::model::gap::{Gap, GapCause};
use crate::model::quality::{Cause, Quality};
use crate::model::reading::{GroupId, Sample, SeriesId};
use crate::time::{Interval, UtcTime};

const VERSION: u8 = 1;
/// An entry that goes on is written again after so many readings, so that little of its end is lost at
/// a power cut.
const REWRITTEN_AFTER: u32 = 3_600;

/// Whose readings are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Scope {
    /// Everybody's.
    All,
    /// Those of all series of a group.
    Group(GroupId),
    /// Those of one series.
    Series(SeriesId),
}

impl Scope {
    const fn code(self) -> (u8, u32) {
        match self {
            Self::All => (0, 0),
            Self::Group(group) => (1, group.0 as u32),
            Self::Series(series) => (2, series.0),
        }
    }

    fn from_code(code: u8, number: u32) -> Option<Self> {
        Some(match code {
            0 => Self::All,
            1 => Self::Group(GroupId(u16::try_from(number).ok()?)),
            2 => Self::Series(SeriesId(number)),
            _ => return None,
        })
    }
}

/// An entry by its start and whose it is.
type Place = (UtcTime, Scope);

/// The ledger.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    entries: BTreeMap<Place, Gap>,
    /// The entry of each scope that goes on.
    open: HashMap<Scope, UtcTime>,
    /// How often a scope had a gap in the hour of its last one.
    frequency: HashMap<Scope, (UtcTime, u32, UtcTime)>,
    /// When each group was scanned last, and why nothing was since then.
    scanned: HashMap<GroupId, (UtcTime, GapCause)>,
    changed: BTreeSet<Place>,
    removed: Vec<Place>,
    /// Entries that had to go because there were too many.
    dropped: u64,
}

/// A scan as the ledger sees it.
pub(super) struct Seen<'a> {
    /// The group.
    pub(super) group: GroupId,
    /// Its series.
    pub(super) series: &'a [SeriesId],
    /// When it was scanned.
    pub(super) at: UtcTime,
    /// What came of it.
    pub(super) samples: &'a [Sample],
    /// How often the group should be scanned, where that is known.
    pub(super) interval: Option<Interval>,
}

impl Gaps {
    /// Takes in a scan.
    pub(super) fn see(&mut self, seen: &Seen<'_>) {
        self.see_pause(seen);
        let overrun = GapCause::Read(Cause::Overrun);
        let last = self.scanned.get(&seen.group).map_or(seen.at, |(last, _)| seen.at.max(*last));
        self.scanned.insert(seen.group, (last, overrun));
        let causes = seen.samples.iter().map(|sample| match sample.quality {
            Quality::Missing(cause) => Some(GapCause::Read(cause)),
            Quality::Good | Quality::Suspect(_) => None,
        });
        let first = causes.clone().next().flatten();
        let of_group = first.filter(|_| causes.clone().all(|cause| cause == first));
        self.see_scope(Scope::Group(seen.group), seen.at, of_group);
        for (series, cause) in seen.series.iter().zip(causes) {
            self.see_scope(Scope::Series(*series), seen.at, cause.filter(|_| of_group.is_none()));
        }
    }

    /// The time since the scan before, where that is longer than it should be.
    fn see_pause(&mut self, seen: &Seen<'_>) {
        let Some((last, cause)) = self.scanned.get(&seen.group).copied() else { return };
        let Some(interval) = seen.interval else { return };
        let pause_ms = seen.at.ms_since(last);
        if pause_ms * 2 <= interval.as_ms() * 3 {
            return;
        }
        self.close(Scope::Group(seen.group), last);
        let missing = u32::try_from((pause_ms / interval.as_ms() - 1).max(1)).unwrap_or(u32::MAX);
        let from = last.plus(interval);
        let gap = Gap { from, to: seen.at, cause, missing, ongoing: false };
        self.add(Scope::Group(seen.group), gap);
    }

    fn see_scope(&mut self, scope: Scope, at: UtcTime, cause: Option<GapCause>) {
        let going_on = self.open.get(&scope).map(|from| (*from, scope));
        let Some(cause) = cause else {
            if going_on.is_some() {
                self.close(scope, at);
            }
            return;
        };
        if let Some(place) = going_on
            && let Some(gap) = self.entries.get_mut(&place)
        {
            if gap.cause == cause || gap.cause == GapCause::Mixed {
                gap.to = gap.to.max(at);
                gap.missing = gap.missing.saturating_add(1);
                if gap.missing.is_multiple_of(REWRITTEN_AFTER) {
                    self.changed.insert(place);
                }
                return;
            }
            self.close(scope, at);
        }
        self.begin(scope, at, cause);
    }

    fn begin(&mut self, scope: Scope, at: UtcTime, cause: GapCause) {
        let hour = at.floor(HOUR);
        let (known, count, from) = self.frequency.get(&scope).copied().unwrap_or((hour, 0, at));
        let count = if known == hour { count + 1 } else { 1 };
        // One that comes and goes all the time goes on in the entry of its last one.
        let goes_on = count > limits::GAPS_AN_HOUR_MAX && at >= from;
        if goes_on && let Some(gap) = self.entries.get_mut(&(from, scope)) {
            if gap.cause != cause {
                gap.cause = GapCause::Mixed;
            }
            (gap.to, gap.ongoing) = (gap.to.max(at), true);
            gap.missing = gap.missing.saturating_add(1);
            self.frequency.insert(scope, (hour, count, from));
            self.open.insert(scope, from);
            return;
        }
        self.frequency.insert(scope, (hour, count, at));
        self.add(scope, Gap { from: at, to: at, cause, missing: 1, ongoing: true });
    }

    /// Ends what goes on; `at` is when there was a reading, or a scan of another kind.
    fn close(&mut self, scope: Scope, at: UtcTime) {
        let Some(from) = self.open.remove(&scope) else { return };
        if let Some(gap) = self.entries.get_mut(&(from, scope)) {
            gap.to = gap.to.max(at);
            gap.ongoing = false;
            self.changed.insert((from, scope));
        }
    }

    /// Adds an entry, such as one that somebody else has seen.
    pub(super) fn add(&mut self, scope: Scope, gap: Gap) {
        let place = (gap.from, scope);
        if gap.ongoing {
            self.open.insert(scope, gap.from);
        }
        // Two of one scope and one start: the clock was set back. The longer one says more.
        let gap = match self.entries.get(&place) {
            Some(known) if known.to > gap.to => Gap { ongoing: gap.ongoing, ..*known },
            _ => gap,
        };
        self.entries.insert(place, gap);
        self.changed.insert(place);
        while self.entries.len() > limits::GAPS_MAX {
            let Some(((from, scope), _)) = self.entries.pop_first() else { break };
            self.open.retain(|open, since| (*since, *open) != (from, scope));
            self.changed.remove(&(from, scope));
            self.removed.push((from, scope));
            self.dropped += 1;
        }
    }

    /// Notes when a group was scanned last before the store was opened, and why nothing was since then.
    pub(super) fn scanned_before(&mut self, group: GroupId, at: UtcTime, pause: GapCause) {
        self.scanned.entry(group).or_insert((at, pause));
    }

    /// A series that the site does not have any more misses its readings from `at` on; one that it has
    /// again ends that with its next reading.
    pub(super) fn not_configured(&mut self, series: SeriesId, at: UtcTime) {
        let scope = Scope::Series(series);
        let known = self.open.get(&scope).and_then(|from| self.entries.get(&(*from, scope)));
        if known.is_some_and(|gap| gap.cause == GapCause::Configuration) {
            return;
        }
        self.close(scope, at);
        let cause = GapCause::Configuration;
        self.add(scope, Gap { from: at, to: at, cause, missing: 0, ongoing: true });
    }

    /// The gaps that touch `range` of a series that lies in `groups`, in order of their start.
    pub(super) fn of(&self, series: SeriesId, groups: &[GroupId], range: &Range<UtcTime>) -> Vec<Gap> {
        let is_of = |scope: &Scope| match scope {
            Scope::All => true,
            Scope::Group(group) => groups.contains(group),
            Scope::Series(of) => *of == series,
        };
        let before_end = self.entries.range(..(range.end, Scope::All));
        let found = before_end.filter(|((_, scope), gap)| {
            is_of(scope)
                && (gap.ongoing || gap.to > range.start || (gap.to == gap.from && gap.to >= range.start))
        });
        found.map(|(_, gap)| *gap).collect()
    }

    /// Entries that there are, and entries that had to go.
    pub(super) fn counts(&self) -> (usize, u64) {
        (self.entries.len(), self.dropped)
    }
}

const HOUR: Interval = match Interval::from_ms(3_600_000) {
    Some(hour) => hour,
    None => Interval::DAY,
};

fn key_of((from, scope): Place) -> Vec<u8> {
    let (code, number) = scope.code();
    // The sign bit is turned over, so that times before 1970 sort before those after.
    let from = from.as_ms().cast_unsigned() ^ (1 << 63);
    [from.to_be_bytes().as_slice(), &[code], &number.to_be_bytes()].concat()
}

fn value_of(gap: &Gap) -> Vec<u8> {
    let head = [VERSION, gap.cause.code(), u8::from(gap.ongoing)];
    [head.as_slice(), &gap.to.as_ms().to_be_bytes(), &gap.missing.to_be_bytes()].concat()
}

impl Ledger for Gaps {
    fn restore(&mut self, key: &[u8], value: &[u8]) -> Option<()> {
        let (from, rest) = key.split_first_chunk::<8>()?;
        let (&code, number) = rest.split_first()?;
        let scope = Scope::from_code(code, u32::from_be_bytes(number.try_into().ok()?))?;
        let from = UtcTime::from_ms((u64::from_be_bytes(*from) ^ (1 << 63)).cast_signed());
        let (&[VERSION, cause, ongoing], rest) = value.split_first_chunk::<3>()? else { return None };
        let (to, missing) = rest.split_first_chunk::<8>()?;
        let gap = Gap {
            from,
            to: UtcTime::from_ms(i64::from_be_bytes(*to)),
            cause: GapCause::from_code(cause)?,
            missing: u32::from_be_bytes(missing.try_into().ok()?),
            ongoing: ongoing == 1,
        };
        if gap.ongoing {
            self.open.insert(scope, from);
        }
        self.entries.insert((from, scope), gap);
        Some(())
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let places = std::mem::take(&mut self.changed).into_iter();
        let mut changes: Vec<Change> = places
            .filter_map(|place| {
                let value = Some(value_of(self.entries.get(&place)?));
                Some(Change { key: key_of(place), value })
            })
            .collect();
        let removed = std::mem::take(&mut self.removed).into_iter();
        changes.extend(removed.map(|place| Change { key: key_of(place), value: None }));
        changes
    }

    fn forget_stored(&mut self) {
        self.changed = self.entries.keys().copied().collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::reading::Value;

    const GROUP: GroupId = GroupId(3);
    const SERIES: [SeriesId; 2] = [SeriesId(7), SeriesId(8)];

    fn at(second: i64) -> UtcTime {
        UtcTime::from_ms(second * 1_000)
    }

    fn value() -> Sample {
        Sample::good(Value::Number(1.0))
    }

    fn missing(cause: Cause) -> Sample {
        Sample::missing(cause)
    }

    fn see(gaps: &mut Gaps, second: i64, samples: &[Sample; 2]) {
        gaps.see(&Seen {
            group: GROUP,
            series: &SERIES,
            at: at(second),
            samples,
            interval: Some(Interval::SECOND),
        });
    }

    fn all(gaps: &Gaps, series: SeriesId) -> Vec<(i64, i64, GapCause, u32, bool)> {
        let range = at(i64::MIN / 1_000)..at(i64::MAX / 1_000);
        let gaps = gaps.of(series, &[GROUP], &range).into_iter();
        gaps.map(|g| (g.from.as_ms() / 1_000, g.to.as_ms() / 1_000, g.cause, g.missing, g.ongoing)).collect()
    }

    #[test]
    fn a_meter_that_is_silent_makes_one_entry_and_a_single_value_that_is_missing_one_of_its_own() {
        let mut gaps = Gaps::default();
        see(&mut gaps, 0, &[value(), value()]);
        see(&mut gaps, 1, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
        see(&mut gaps, 2, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
        see(&mut gaps, 3, &[value(), missing(Cause::NotAvailable)]);
        see(&mut gaps, 4, &[value(), missing(Cause::NotAvailable)]);
        let timeout = (1, 3, GapCause::Read(Cause::Timeout), 2, false);
        assert_eq!(all(&gaps, SERIES[0]), [timeout]);
        assert_eq!(all(&gaps, SERIES[1]), [timeout, (3, 4, GapCause::Read(Cause::NotAvailable), 2, true)]);
    }

    #[test]
    fn another_cause_begins_another_entry() {
        let mut gaps = Gaps::default();
        see(&mut gaps, 1, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
        see(&mut gaps, 2, &[missing(Cause::LineDown), missing(Cause::LineDown)]);
        let found = all(&gaps, SERIES[0]);
        assert_eq!(found[0], (1, 2, GapCause::Read(Cause::Timeout), 1, false));
        assert_eq!(found[1], (2, 2, GapCause::Read(Cause::LineDown), 1, true));
    }

    #[test]
    fn time_in_which_nothing_was_scanned_is_a_gap_with_the_cause_of_the_pause() {
        let mut gaps = Gaps::default();
        gaps.scanned_before(GROUP, at(10), GapCause::Power);
        see(&mut gaps, 100, &[value(), value()]);
        see(&mut gaps, 101, &[value(), value()]);
        assert_eq!(all(&gaps, SERIES[0]), [(11, 100, GapCause::Power, 89, false)]);
    }

    #[test]
    fn a_series_that_left_the_site_misses_its_readings_until_it_is_back() {
        let mut gaps = Gaps::default();
        see(&mut gaps, 0, &[value(), value()]);
        gaps.not_configured(SERIES[1], at(0));
        gaps.not_configured(SERIES[1], at(0));
        assert_eq!(all(&gaps, SERIES[1]), [(0, 0, GapCause::Configuration, 0, true)]);
        see(&mut gaps, 1, &[value(), value()]);
        assert_eq!(all(&gaps, SERIES[1]), [(0, 1, GapCause::Configuration, 0, false)]);
        assert_eq!(all(&gaps, SERIES[0]), []);
    }

    #[test]
    fn one_that_comes_and_goes_all_the_time_does_not_fill_the_ledger() {
        let mut gaps = Gaps::default();
        for second in 0..3_600 {
            let cause = if second % 4 == 0 { Cause::Timeout } else { Cause::Garbled };
            let sample = if second % 2 == 0 { missing(cause) } else { value() };
            see(&mut gaps, second, &[sample.clone(), sample]);
        }
        let found = all(&gaps, SERIES[0]);
        assert_eq!(found.len(), limits::GAPS_AN_HOUR_MAX as usize);
        assert_eq!(found.iter().map(|gap| gap.3).sum::<u32>(), 1_800, "a missing reading is not counted");
        assert_eq!(found.last().unwrap().2, GapCause::Mixed);
        assert_eq!(found.last().unwrap().1, 3_599);
    }

    #[test]
    fn the_oldest_entries_go_when_there_are_too_many() {
        let mut gaps = Gaps::default();
        for number in 0..i64::try_from(limits::GAPS_MAX).unwrap() + 5 {
            let gap =
                Gap { from: at(number), to: at(number), cause: GapCause::Quota, missing: 0, ongoing: false };
            gaps.add(Scope::All, gap);
        }
        assert_eq!(gaps.counts(), (limits::GAPS_MAX, 5));
        assert_eq!(all(&gaps, SERIES[0])[0].0, 5);
        assert_eq!(gaps.take_changes().iter().filter(|change| change.value.is_none()).count(), 5);
    }

    fn any_sample() -> impl Strategy<Value = Sample> {
        prop_oneof![
            3 => Just(value()),
            2 => Just(missing(Cause::Timeout)),
            1 => Just(missing(Cause::Exception(2))),
        ]
    }

    proptest! {
        #[test]
        fn every_reading_that_is_missing_is_counted_once_and_every_entry_reads_back(
            scans in prop::collection::vec((any_sample(), any_sample(), 0_i64..3), 1..60)
        ) {
            let mut gaps = Gaps::default();
            let mut second = -20;
            let mut expected = [0_u32; 2];
            let mut is_first = true;
            for (left, right, skipped) in &scans {
                let skipped = if is_first { 0 } else { *skipped };
                is_first = false;
                second += 1 + skipped;
                for (count, sample) in expected.iter_mut().zip([left, right]) {
                    *count += u32::from(sample.value.is_none()) + u32::try_from(skipped).unwrap();
                }
                see(&mut gaps, second, &[left.clone(), right.clone()]);
            }
            let mut back = Gaps::default();
            for change in gaps.take_changes() {
                prop_assert_eq!(back.restore(&change.key, &change.value.unwrap()), Some(()));
            }
            prop_assert!(gaps.take_changes().is_empty());
            for (series, expected) in SERIES.into_iter().zip(expected) {
                let found = all(&gaps, series);
                prop_assert_eq!(found.iter().map(|gap| gap.3).sum::<u32>(), expected);
                prop_assert!(found.iter().all(|gap| gap.0 <= gap.1));
                prop_assert_eq!(all(&back, series), found);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(
            key in prop::collection::vec(any::<u8>(), 0..20),
            value in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            Gaps::default().restore(&key, &value);
        }
    }
}
