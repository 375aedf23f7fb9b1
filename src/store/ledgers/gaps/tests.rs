//! The gap ledger by examples, and against a plain list of what came of every tick.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::limits;
use crate::model::quality::Cause;
use crate::model::reading::{Sample, Value};

const GROUP: GroupId = GroupId(3);
const SERIES: [SeriesId; 2] = [SeriesId(7), SeriesId(8)];
const ALWAYS: Range<UtcTime> = UtcTime::from_ms(i64::MIN)..UtcTime::from_ms(i64::MAX);
const TIMEOUT: GapCause = GapCause::Read(Cause::Timeout);

fn at(second: i64) -> UtcTime {
    UtcTime::from_ms(second * 1_000)
}

fn value() -> Sample {
    Sample::good(Value::Number(1.0))
}

fn missing(cause: Cause) -> Sample {
    Sample::missing(cause)
}

fn seen<'a>(group: GroupId, series: &'a [SeriesId], second: i64, samples: &'a [Sample]) -> Seen<'a> {
    Seen { group, series, at: at(second), samples, interval: Some(Interval::SECOND) }
}

/// The next scan of the group; its series were scanned last at `last`, should nobody know yet.
fn see_after(gaps: &mut Gaps, last: Option<i64>, second: i64, samples: &[Sample; 2]) {
    let seen = seen(GROUP, &SERIES, second, samples);
    if !gaps.follows(GROUP) {
        gaps.follow(&seen, &Newcomer { scanned: vec![last.map(at); 2], relatives: Vec::new() });
    }
    gaps.see(&seen);
}

fn see(gaps: &mut Gaps, second: i64, samples: &[Sample; 2]) {
    see_after(gaps, None, second, samples);
}

fn stored_again(gaps: &mut Gaps) -> Gaps {
    let mut back = Gaps::default();
    gaps.forget_stored();
    for change in gaps.take_changes() {
        assert_eq!(back.restore(&change.key, &change.value.unwrap()), Some(()));
    }
    back
}

fn all(gaps: &Gaps, series: SeriesId) -> Vec<(i64, i64, GapCause, u32, bool)> {
    let of_its_own = if series == SERIES[0] { GroupId(4) } else { GroupId(5) };
    let groups = [GROUP, of_its_own];
    let gaps = gaps.of(series, &groups, &ALWAYS).into_iter();
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
    let timeout = (1, 3, TIMEOUT, 2, false);
    assert_eq!(all(&gaps, SERIES[0]), [timeout]);
    assert_eq!(all(&gaps, SERIES[1]), [timeout, (3, 4, GapCause::Read(Cause::NotAvailable), 2, true)]);
    assert_eq!(gaps.counts().0, 2);
}

#[test]
fn another_cause_begins_another_entry() {
    let mut gaps = Gaps::default();
    see(&mut gaps, 1, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
    see(&mut gaps, 2, &[missing(Cause::LineDown), missing(Cause::LineDown)]);
    let line_down = GapCause::Read(Cause::LineDown);
    assert_eq!(all(&gaps, SERIES[0]), [(1, 2, TIMEOUT, 1, false), (2, 2, line_down, 1, true)]);
}

#[test]
fn a_dead_meter_that_is_asked_less_often_is_one_entry() {
    let mut gaps = Gaps::default();
    for second in 0..1_000 {
        let cause = if second % 60 == 1 { Cause::Timeout } else { Cause::BackedOff };
        see(&mut gaps, second, &[missing(cause), missing(cause)]);
    }
    assert_eq!(all(&gaps, SERIES[0]), [(0, 999, TIMEOUT, 1_000, true)]);
}

#[test]
fn an_entry_that_goes_on_is_stored_when_it_begins_when_it_ends_and_hourly() {
    let mut gaps = Gaps::default();
    let mut stored = 0;
    for second in 0..7_300 {
        see(&mut gaps, second, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
        stored += gaps.take_changes().len();
    }
    see(&mut gaps, 7_300, &[value(), value()]);
    assert_eq!((stored, gaps.take_changes().len()), (3, 1));
}

#[test]
fn what_went_on_when_the_power_went_ends_with_the_last_scan_before() {
    let mut gaps = Gaps::default();
    for second in 0..100 {
        see(&mut gaps, second, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
    }
    let mut first_stored = Gaps::default();
    let mut early = Gaps::default();
    see(&mut early, 0, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
    for change in early.take_changes() {
        first_stored.restore(&change.key, &change.value.unwrap()).unwrap();
    }
    first_stored.opened_after(GapCause::Power);
    see_after(&mut first_stored, Some(99), 200, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
    let told = [
        (0, 100, TIMEOUT, 100, false),
        (100, 200, GapCause::Power, 100, false),
        (200, 200, TIMEOUT, 1, true),
    ];
    assert_eq!(all(&first_stored, SERIES[0]), told);
}

#[test]
fn a_gap_goes_on_over_a_quick_restart() {
    let mut gaps = Gaps::default();
    see(&mut gaps, 0, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
    let mut back = stored_again(&mut gaps);
    back.opened_after(GapCause::Stopped);
    see_after(&mut back, Some(0), 1, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
    assert_eq!(all(&back, SERIES[0]), [(0, 1, TIMEOUT, 2, true)]);
}

#[test]
fn a_pause_without_a_restart_is_an_overrun_unless_the_clock_was_set() {
    let mut gaps = Gaps::default();
    for (second, was_set) in [(0, false), (5, true), (10, false)] {
        see(&mut gaps, second, &[value(), value()]);
        if was_set {
            gaps.clock_was_set();
        }
    }
    let overrun = GapCause::Read(Cause::Overrun);
    assert_eq!(all(&gaps, SERIES[0]), [(1, 5, overrun, 4, false), (6, 10, GapCause::Clock, 4, false)]);
}

#[test]
fn late_scans_are_no_pause_and_after_a_clock_that_was_set_back_pauses_are_seen_again() {
    let mut gaps = Gaps::default();
    for second in [100, 101, 50, 51, 102] {
        see(&mut gaps, second, &[value(), value()]);
    }
    assert_eq!(all(&gaps, SERIES[0]), []);
    for second in 0..20 {
        see(&mut gaps, second, &[value(), value()]);
    }
    see(&mut gaps, 25, &[value(), value()]);
    assert_eq!(all(&gaps, SERIES[0]), [(20, 25, GapCause::Read(Cause::Overrun), 5, false)]);
}

#[test]
fn a_series_that_left_the_site_misses_its_readings_until_it_is_back() {
    let mut gaps = Gaps::default();
    gaps.opened_after(GapCause::Stopped);
    see(&mut gaps, 0, &[value(), value()]);
    gaps.retire(GROUP);
    gaps.not_configured(SERIES[1], at(1));
    gaps.not_configured(SERIES[1], at(2));
    assert_eq!(all(&gaps, SERIES[1]), [(1, 1, GapCause::Configuration, 0, true)]);
    see_after(&mut gaps, Some(0), 100, &[value(), value()]);
    assert_eq!(all(&gaps, SERIES[1]), [(1, 100, GapCause::Configuration, 0, false)]);
    // The other one was not scanned all the time either, and nobody took it out of the site.
    assert_eq!(all(&gaps, SERIES[0]), [(1, 100, GapCause::Read(Cause::Overrun), 99, false)]);
}

#[test]
fn a_series_that_is_scanned_in_another_group_takes_its_gap_along() {
    let mut gaps = Gaps::default();
    see(&mut gaps, 0, &[value(), value()]);
    see(&mut gaps, 1, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
    let (series, samples) = ([SERIES[0], SeriesId(9)], [value(), value()]);
    let other = seen(GroupId(4), &series, 10, &samples);
    gaps.follow(&other, &Newcomer { scanned: vec![Some(at(1)), None], relatives: vec![GROUP] });
    gaps.see(&other);
    let pause = (2, 10, GapCause::Read(Cause::Overrun), 8, false);
    assert_eq!(all(&gaps, SERIES[0]), [(1, 2, TIMEOUT, 1, false), pause]);
    let new = gaps.of(series[1], &[GroupId(4)], &ALWAYS);
    assert_eq!(new, [], "nothing is missing of one that is new");
    assert!(!gaps.follows(GROUP));
}

#[test]
fn one_that_comes_and_goes_all_day_does_not_fill_the_ledger() {
    let mut gaps = Gaps::default();
    let mut stored = 0;
    for second in 0..86_400 {
        let cause = if second % 4 == 0 { Cause::Timeout } else { Cause::Garbled };
        let sample = if second % 2 == 0 { missing(cause) } else { value() };
        see(&mut gaps, second, &[sample.clone(), sample]);
        stored += gaps.take_changes().len();
    }
    assert!(stored < 2 * limits::GAPS_A_DAY_MAX as usize + 24 * 6 + 2, "{stored} entries are stored");
    assert!(gaps.store_deferred() && gaps.take_changes().len() == 1);
    let found = gaps.of(SERIES[0], &[GROUP], &ALWAYS);
    assert_eq!(found.len(), limits::GAPS_A_DAY_MAX as usize);
    assert_eq!(found.iter().map(|gap| gap.missing).sum::<u32>(), 43_200, "a missing reading is not counted");
    let last = found.last().unwrap();
    assert!(last.partial && last.cause == GapCause::Mixed && last.to == at(86_399), "{last:?}");
}

#[test]
fn one_that_comes_and_goes_and_leaves_the_site_is_told_as_not_configured() {
    let mut gaps = Gaps::default();
    for second in 0..200 {
        let sample = if second % 2 == 0 { missing(Cause::Timeout) } else { value() };
        see(&mut gaps, second, &[sample, value()]);
    }
    gaps.not_configured(SERIES[0], at(200));
    assert_eq!(all(&gaps, SERIES[0]).last(), Some(&(200, 200, GapCause::Configuration, 0, true)));
}

#[test]
fn what_the_medium_lost_on_a_day_of_many_gaps_is_an_entry_of_its_own_and_stored_at_once() {
    let mut gaps = Gaps::default();
    for second in 0..200 {
        let sample = if second % 2 == 0 { missing(Cause::Timeout) } else { value() };
        see(&mut gaps, second, &[sample.clone(), sample]);
    }
    let mut back = stored_again(&mut gaps);
    back.opened_after(GapCause::Storage);
    see_after(&mut back, Some(199), 300, &[value(), value()]);
    let stored = back.take_changes();
    assert!(all(&back, SERIES[0]).contains(&(200, 300, GapCause::Storage, 100, false)));
    assert_eq!(stored.len(), 1, "it does not wait for others: {stored:?}");
}

#[test]
fn a_power_cut_leaves_no_hole_behind_one_that_comes_and_goes() {
    let mut gaps = Gaps::default();
    for second in 0..500 {
        let sample = if second % 2 == 0 { missing(Cause::Timeout) } else { value() };
        see(&mut gaps, second, &[sample.clone(), sample]);
    }
    let mut back = Gaps::default();
    for change in gaps.take_changes() {
        back.restore(&change.key, &change.value.unwrap()).unwrap();
    }
    assert!(gaps.store_deferred());
    back.opened_after(GapCause::Power);
    see_after(&mut back, Some(499), 600, &[value(), value()]);
    let found = back.of(SERIES[0], &[GROUP], &ALWAYS);
    let covered = |second| found.iter().any(|gap| gap.from <= at(second) && at(second) < gap.to);
    assert!((0..600).step_by(2).all(covered), "{found:?}");
}

#[test]
fn what_was_seen_without_the_database_goes_on_from_what_it_holds() {
    let mut gaps = Gaps::default();
    see(&mut gaps, 0, &[missing(Cause::Timeout), missing(Cause::Timeout)]);
    let mut stored = stored_again(&mut gaps);
    let mut younger = Gaps::default();
    younger.opened_after(GapCause::Power);
    see(&mut younger, 50, &[value(), value()]);
    see(&mut younger, 51, &[missing(Cause::Garbled), missing(Cause::Garbled)]);
    stored.go_on_as(younger, |_| Some((at(9), Interval::SECOND)));
    see(&mut stored, 52, &[missing(Cause::Garbled), missing(Cause::Garbled)]);
    let garbled = (51, 52, GapCause::Read(Cause::Garbled), 2, true);
    let told = [(0, 10, TIMEOUT, 10, false), (10, 50, GapCause::Power, 40, false), garbled];
    assert_eq!(all(&stored, SERIES[0]), told);
}

/// What happens to a small plant with one tick a second.
#[derive(Clone, Debug)]
enum Event {
    Scan([Option<Cause>; 2]),
    /// So many ticks are left out.
    Overrun(i64),
    /// What changed is stored.
    Store,
    /// The gateway ends in order, and starts again after so many ticks.
    Stop(i64),
    /// As much, with the loss of what was not stored.
    PowerCut(i64),
    /// The series are scanned together, or each in a group of its own.
    Regroup,
}

fn any_cause() -> impl Strategy<Value = Option<Cause>> {
    prop_oneof![4 => Just(None), 2 => Just(Some(Cause::Timeout)), 1 => Just(Some(Cause::Exception(2)))]
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (any_cause(), any_cause()).prop_map(|(left, right)| Event::Scan([left, right])),
        4 => any_cause().prop_map(|both| Event::Scan([both, both])),
        1 => (1_i64..4).prop_map(Event::Overrun),
        3 => Just(Event::Store),
        1 => (0_i64..5).prop_map(Event::Stop),
        1 => (0_i64..5).prop_map(Event::PowerCut),
        1 => Just(Event::Regroup),
    ]
}

/// The ledger, and beside it what came of every tick of each series.
#[derive(Default)]
struct Plant {
    gaps: Gaps,
    stored: BTreeMap<Vec<u8>, Vec<u8>>,
    ticks: [BTreeMap<i64, Option<GapCause>>; 2],
    durable: Option<i64>,
    last: Option<i64>,
    tick: i64,
    pause: Option<GapCause>,
    apart: bool,
}

impl Plant {
    fn happen(&mut self, event: &Event) {
        match event {
            Event::Scan(causes) => self.scan(*causes),
            Event::Overrun(ticks) => self.tick += ticks,
            Event::Store => self.store(),
            Event::Stop(ticks) => {
                self.store();
                self.open_again(GapCause::Stopped, *ticks);
            }
            Event::PowerCut(ticks) => {
                for ticks in &mut self.ticks {
                    ticks.retain(|tick, _| self.durable.is_some_and(|durable| *tick <= durable));
                }
                self.last = self.durable;
                self.open_again(GapCause::Power, *ticks);
            }
            Event::Regroup => self.apart = !self.apart,
        }
    }

    fn store(&mut self) {
        for change in self.gaps.take_changes() {
            match change.value {
                Some(value) => self.stored.insert(change.key, value),
                None => self.stored.remove(&change.key),
            };
        }
        self.durable = self.last;
    }

    fn open_again(&mut self, cause: GapCause, ticks: i64) {
        self.gaps = Gaps::default();
        for (key, value) in &self.stored {
            self.gaps.restore(key, value).unwrap();
        }
        self.gaps.opened_after(cause);
        self.pause = Some(cause);
        self.tick += ticks;
    }

    fn scan(&mut self, causes: [Option<Cause>; 2]) {
        self.tick += 1;
        let overrun = GapCause::Read(Cause::Overrun);
        let pause = self.pause.take().unwrap_or(overrun);
        for (ticks, cause) in self.ticks.iter_mut().zip(causes) {
            for left_out in self.last.map_or(self.tick, |last| last + 1)..self.tick {
                ticks.insert(left_out, Some(pause));
            }
            ticks.insert(self.tick, cause.map(GapCause::Read));
        }
        let samples = causes.map(|cause| cause.map_or_else(value, missing));
        if self.apart {
            self.see(GroupId(4), &SERIES[..1], &samples[..1], &[GROUP]);
            self.see(GroupId(5), &SERIES[1..], &samples[1..], &[GROUP]);
        } else {
            self.see(GROUP, &SERIES, &samples, &[GroupId(4), GroupId(5)]);
        }
        self.last = Some(self.tick);
    }

    fn see(&mut self, group: GroupId, series: &[SeriesId], samples: &[Sample], relatives: &[GroupId]) {
        let seen = seen(group, series, self.tick, samples);
        if !self.gaps.follows(group) {
            let scanned = vec![self.last.map(at); series.len()];
            self.gaps.follow(&seen, &Newcomer { scanned, relatives: relatives.to_vec() });
        }
        self.gaps.see(&seen);
    }
}

proptest! {
    #[test]
    fn every_tick_without_a_reading_lies_in_one_gap_with_its_cause_and_no_other_tick_does(
        events in prop::collection::vec(any_event(), 1..60)
    ) {
        let mut plant = Plant::default();
        for event in &events {
            plant.happen(event);
        }
        plant.happen(&Event::Scan([None, Some(Cause::Timeout)]));
        for (series, ticks) in SERIES.into_iter().zip(&plant.ticks) {
            let found = all(&plant.gaps, series);
            // One that comes and goes too often covers what is there as well.
            prop_assume!(found.len() < limits::GAPS_A_DAY_MAX as usize);
            for (tick, expected) in ticks {
                let covers = |gap: &&(i64, i64, GapCause, u32, bool)| {
                    gap.0 <= *tick && (*tick < gap.1 || (gap.4 && *tick == gap.1))
                };
                let causes: Vec<GapCause> = found.iter().filter(covers).map(|gap| gap.2).collect();
                let expected: Vec<GapCause> = expected.iter().copied().collect();
                prop_assert_eq!(causes, expected, "tick {} of {:?}", tick, found);
            }
            let missing = ticks.values().filter(|cause| cause.is_some()).count();
            let counted: u32 = found.iter().map(|gap| gap.3).sum();
            prop_assert_eq!(counted as usize, missing, "{:?}", found);
        }
    }
}
