//! The increase of a register that only grows, told apart from what meters do to it.
//!
//! An energy register falls for three reasons: it rolled over at its last digit, somebody reset or
//! replaced the meter, or one reading is wrong. Two numbers alone cannot say which, so each
//! judgement is returned as an [`Event`] with both values and the assumption that was made:
//!
//! | Seen | Assumed | Counted |
//! |---|---|---|
//! | grows | energy flowed | the difference |
//! | one reading falls, the next is not below the one before | the reading is wrong | nothing for it |
//! | one reading rises, the next falls back to or above the one before | the reading is wrong | nothing for it |
//! | falls, and from the old value through the modulus it is at most [`ROLLOVER_SHARE`] of it | rolled over once | the way through the modulus |
//! | falls to at most [`RESET_SHARE`] of the old value | restarted from zero | the new value |
//! | falls to anything else | the meter was replaced by a used one | nothing |
//!
//! Where two of these look alike the more frequent one is assumed: a register that is reset twice
//! within two readings, for instance, looks like one wrong reading. Somebody who knows the meter can
//! settle an event with a [`Ruling`]; what was assumed then no longer counts.
//!
//! A wrong reading is only seen by the one after it. Give one reading beyond each end of the span
//! of interest where there is one; [`Counter`] tells which increase belongs to which time.

use std::sync::Arc;

use crate::time::UtcTime;

/// The largest part of its whole range that a register is believed to advance in one step over its
/// end. A tenth of a six-digit kWh register is 100 000 kWh between two readings.
pub const ROLLOVER_SHARE: f64 = 0.1;
/// A register that falls to this part of its old value or less is believed to have been reset and
/// to have counted up from zero since.
pub const RESET_SHARE: f64 = 0.1;

/// A register's reading: when and what.
pub type CounterReading = (UtcTime, f64);

/// What [`increase`] found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Increase {
    /// How far the register advanced, in its unit; never negative.
    pub amount: f64,
    /// Everything on the way that was not plain growth.
    pub events: Vec<Event>,
}

/// A step that was not plain growth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When the last value that was believed was read.
    pub since: UtcTime,
    /// When the value was read that did not follow from it.
    pub at: UtcTime,
    /// The last value that was believed.
    pub before: f64,
    /// The value that did not follow from it.
    pub after: f64,
    /// What is assumed to have happened.
    pub assumption: Assumption,
    /// What is counted for it, in the register's unit.
    pub counted: f64,
}

/// What somebody who knows the meter says of the step from one value to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ruling {
    /// When the later value was read.
    pub at: UtcTime,
    /// The value before.
    pub before: f64,
    /// The later value.
    pub after: f64,
    /// What happened.
    pub verdict: Assumption,
    /// What flowed in between, in the register's unit.
    pub counted: f64,
}

/// The rulings on one register, in order of their time.
pub type Rulings = Arc<[Ruling]>;

/// Why a register did not just grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assumption {
    /// It passed its last digit once.
    RolledOver,
    /// It was set to zero and has counted up since.
    Reset,
    /// Another register took its place; what flowed in between is unknown and not counted.
    Replaced,
    /// This one reading is wrong; it is left out.
    Glitch,
}

impl Assumption {
    /// What a step from `before` to `after` counts if this is what happened; `None` for a rollover of a
    /// register of which nobody knows where it starts again.
    #[must_use]
    pub fn counts(self, before: f64, after: f64, modulus: Option<f64>) -> Option<f64> {
        match self {
            Self::RolledOver => modulus.map(|modulus| modulus - before + after),
            Self::Reset => Some(after),
            Self::Replaced | Self::Glitch => Some(0.0),
        }
    }
}

/// One judged reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// When the reading was taken; the increase happened up to then.
    pub at: UtcTime,
    /// How far the register advanced since the reading before; never negative.
    pub amount: f64,
    /// Set when it did not just grow.
    pub event: Option<Event>,
}

/// How far the register advanced over `readings`, which come in the order of time.
///
/// `modulus` is the value at which it starts again from zero, such as 1 000 000 for six digits;
/// without it no fall is taken for a rollover. Values that are not finite are left out.
pub fn increase(
    readings: impl Iterator<Item = CounterReading>,
    modulus: Option<f64>,
    rulings: &Rulings,
) -> Increase {
    let mut counter = Counter::new(modulus, Arc::clone(rulings));
    let mut total = Increase::default();
    for reading in readings {
        total.extend(counter.push(reading));
    }
    total.extend(counter.finish());
    total
}

impl Increase {
    fn extend(&mut self, step: Option<Step>) {
        if let Some(step) = step {
            self.amount += step.amount;
            self.events.extend(step.event);
        }
    }
}

/// Judges readings one by one, each as soon as its successor is known.
///
/// Sum the steps whose time lies in (start, end] for the increase from start to end.
#[derive(Clone, Debug)]
pub struct Counter {
    modulus: Option<f64>,
    rulings: Rulings,
    believed: Option<CounterReading>,
    waiting: Option<CounterReading>,
}

impl Counter {
    /// A counter that starts again from zero at `modulus`, in the unit of its readings, and keeps to
    /// the `rulings`.
    #[must_use]
    pub const fn new(modulus: Option<f64>, rulings: Rulings) -> Self {
        Self { modulus, rulings, believed: None, waiting: None }
    }

    /// Takes the next reading and judges the one before it. The first reading only sets the start.
    pub fn push(&mut self, (at, value): CounterReading) -> Option<Step> {
        if !value.is_finite() {
            return None;
        }
        if self.believed.is_none() {
            self.believed = Some((at, value));
            return None;
        }
        let waiting = self.waiting.replace((at, value))?;
        self.judge(waiting, Some(value))
    }

    /// Judges the last reading, of which no successor will come: it is taken for right.
    pub fn finish(&mut self) -> Option<Step> {
        let waiting = self.waiting.take()?;
        self.judge(waiting, None)
    }

    fn judge(&mut self, (at, after): CounterReading, next: Option<f64>) -> Option<Step> {
        let (since, before) = self.believed?;
        let Some((assumption, counted)) = self.verdict(at, before, after, next) else {
            self.believed = Some((at, after));
            return Some(Step { at, amount: after - before, event: None });
        };
        if assumption != Assumption::Glitch {
            self.believed = Some((at, after));
        }
        let event = Event { since, at, before, after, assumption, counted };
        Some(Step { at, amount: counted, event: Some(event) })
    }

    /// What has happened and what it counts; `None` where the register just grew.
    fn verdict(&self, at: UtcTime, before: f64, after: f64, next: Option<f64>) -> Option<(Assumption, f64)> {
        if let Some(ruling) = self.ruling(at, before, after) {
            return Some((ruling.verdict, ruling.counted));
        }
        if next.is_some_and(|next| is_glitch(before, after, next)) {
            return Some((Assumption::Glitch, 0.0));
        }
        (after < before).then(|| fall(before, after, self.modulus))
    }

    /// The ruling on just this step: with other values around it, it would be another one.
    fn ruling(&self, at: UtcTime, before: f64, after: f64) -> Option<&Ruling> {
        let place = self.rulings.binary_search_by_key(&at, |ruling| ruling.at).ok()?;
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        self.rulings.get(place).filter(|ruling| same(ruling.before, before) && same(ruling.after, after))
    }
}

/// Whether `value` falls or jumps out of a line that goes on without it.
fn is_glitch(before: f64, value: f64, next: f64) -> bool {
    let dips = value < before && next >= before;
    let spikes = value > next && next >= before;
    dips || spikes
}

/// What a fall that lasts is taken for, and what it counts.
fn fall(before: f64, after: f64, modulus: Option<f64>) -> (Assumption, f64) {
    if let Some(modulus) = modulus {
        let through = modulus - before + after;
        if before <= modulus && after >= 0.0 && through <= modulus * ROLLOVER_SHARE {
            return (Assumption::RolledOver, through);
        }
    }
    if (0.0..=before * RESET_SHARE).contains(&after) {
        return (Assumption::Reset, after);
    }
    (Assumption::Replaced, 0.0)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "whole numbers are counted exactly")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[f64], modulus: Option<f64>) -> Increase {
        let readings =
            values.iter().zip(0..).map(|(value, minute)| (UtcTime::from_ms(minute * 60_000), *value));
        increase(readings, modulus, &Rulings::default())
    }

    fn assumptions(increase: &Increase) -> Vec<Assumption> {
        increase.events.iter().map(|event| event.assumption).collect()
    }

    #[test]
    fn a_counter_that_grows_has_no_events() {
        let grown = of(&[10.0, 10.0, 12.5, 20.0], None);
        assert_eq!(grown, Increase { amount: 10.0, events: Vec::new() });
    }

    #[test]
    fn fewer_than_two_readings_have_no_increase() {
        assert_eq!(of(&[], None), Increase::default());
        assert_eq!(of(&[7.0], Some(100.0)), Increase::default());
    }

    #[test]
    fn over_the_last_digit_the_way_through_the_modulus_counts() {
        let rolled = of(&[990.0, 998.0, 5.0, 8.0], Some(1000.0));
        assert_eq!(rolled.amount, 18.0);
        let expected = Event {
            since: UtcTime::from_ms(60_000),
            at: UtcTime::from_ms(120_000),
            before: 998.0,
            after: 5.0,
            assumption: Assumption::RolledOver,
            counted: 7.0,
        };
        assert_eq!(rolled.events, [expected]);
    }

    #[test]
    fn without_a_modulus_the_same_fall_is_a_reset() {
        let reset = of(&[990.0, 998.0, 5.0, 8.0], None);
        assert_eq!((reset.amount, assumptions(&reset)), (16.0, vec![Assumption::Reset]));
    }

    #[test]
    fn a_fall_from_the_middle_of_the_range_is_a_reset_even_with_a_modulus() {
        let reset = of(&[400.0, 410.0, 0.0, 3.0], Some(1000.0));
        assert_eq!((reset.amount, assumptions(&reset)), (13.0, vec![Assumption::Reset]));
    }

    #[test]
    fn a_fall_to_another_high_value_is_a_replaced_meter_and_counts_nothing() {
        let replaced = of(&[400.0, 410.0, 200.0, 203.0], None);
        assert_eq!((replaced.amount, assumptions(&replaced)), (13.0, vec![Assumption::Replaced]));
    }

    #[test]
    fn one_wrong_reading_below_or_above_the_line_is_left_out() {
        for wrong in [0.0, 3.0, 105.0, 65_535.0] {
            let glitched = of(&[100.0, 101.0, wrong, 102.0, 103.0], Some(100_000.0));
            assert_eq!((glitched.amount, assumptions(&glitched)), (3.0, vec![Assumption::Glitch]), "{wrong}");
            assert_eq!((glitched.events[0].before, glitched.events[0].after), (101.0, wrong));
        }
    }

    #[test]
    fn a_fall_on_the_last_reading_is_taken_for_right_because_no_other_follows() {
        let reset = of(&[100.0, 101.0, 2.0], None);
        assert_eq!((reset.amount, assumptions(&reset)), (3.0, vec![Assumption::Reset]));
    }

    #[test]
    fn each_step_belongs_to_the_time_of_its_reading() {
        let mut counter = Counter::new(None, Rulings::default());
        let at = UtcTime::from_ms;
        assert_eq!(counter.push((at(0), 1.0)), None);
        assert_eq!(counter.push((at(10), 3.0)), None);
        let step = Step { at: at(10), amount: 2.0, event: None };
        assert_eq!(counter.push((at(20), 7.0)), Some(step));
        assert_eq!(counter.finish().map(|step| (step.at, step.amount)), Some((at(20), 4.0)));
        assert_eq!(counter.finish(), None);
    }

    /// What four readings a minute apart come to where this was ruled on the third one.
    fn ruled(values: &[f64; 4], verdict: Assumption, counted: f64) -> (f64, Vec<Assumption>) {
        let ruling =
            Ruling { at: UtcTime::from_ms(120_000), before: values[1], after: values[2], verdict, counted };
        let readings =
            values.iter().zip(0..).map(|(value, minute)| (UtcTime::from_ms(minute * 60_000), *value));
        let found = increase(readings, Some(1_000.0), &Rulings::from([ruling]));
        (found.amount, assumptions(&found))
    }

    #[test]
    fn what_somebody_ruled_takes_the_place_of_what_would_be_assumed() {
        let replaced = [400.0, 410.0, 200.0, 203.0];
        assert_eq!(ruled(&replaced, Assumption::Replaced, 2.5), (15.5, vec![Assumption::Replaced]));
        assert_eq!(ruled(&replaced, Assumption::Reset, 200.0), (213.0, vec![Assumption::Reset]));
        // Two wrong readings in a row, of which one is ruled out: the other one is judged by itself.
        assert_eq!(ruled(&replaced, Assumption::Glitch, 0.0).0, 10.0);
        // What looks like one wrong reading was a reset, and the register has caught up since.
        let caught_up = [5.0, 6.0, 0.5, 7.0];
        assert_eq!(ruled(&caught_up, Assumption::Reset, 0.5), (8.0, vec![Assumption::Reset]));
    }

    #[test]
    fn a_ruling_on_other_values_is_none_on_these() {
        let ruling = Ruling {
            at: UtcTime::from_ms(120_000),
            before: 410.0,
            after: 199.0,
            verdict: Assumption::Reset,
            counted: 199.0,
        };
        let readings = [400.0, 410.0, 200.0, 203.0].into_iter().zip(0..);
        let readings = readings.map(|(value, minute)| (UtcTime::from_ms(minute * 60_000), value));
        assert_eq!(increase(readings, None, &Rulings::from([ruling])).amount, 13.0);
    }

    #[test]
    fn what_is_no_number_is_left_out() {
        assert_eq!(of(&[f64::NAN, 1.0, f64::INFINITY, 2.0], None).amount, 1.0);
    }

    /// A meter simulated step by step: what flowed, and what its register shows after each step.
    fn simulate(start: u32, flows: &[u32], modulus: u32) -> (f64, Vec<f64>) {
        let mut shown = start % modulus;
        let mut readings = vec![f64::from(shown)];
        for flow in flows {
            shown = (shown + flow) % modulus;
            readings.push(f64::from(shown));
        }
        (f64::from(flows.iter().sum::<u32>()), readings)
    }

    proptest! {
        #[test]
        fn whatever_flows_is_counted_over_any_number_of_rollovers(
            start in 0_u32..10_000, flows in proptest::collection::vec(0_u32..=400, 0..200),
        ) {
            let (flowed, readings) = simulate(start, &flows, 10_000);
            let found = of(&readings, Some(10_000.0));
            prop_assert_eq!(found.amount, flowed);
            let rollovers = readings.windows(2).filter(|pair| pair[1] < pair[0]).count();
            prop_assert_eq!(assumptions(&found), vec![Assumption::RolledOver; rollovers]);
        }

        #[test]
        fn one_wrong_reading_anywhere_inside_changes_nothing_but_the_events(
            flows in proptest::collection::vec(1_u32..=400, 4..60), at in any::<proptest::sample::Index>(),
            wrong in prop_oneof![Just(0.0), Just(4_294_967_295.0), Just(-1.0)],
        ) {
            let (flowed, mut readings) = simulate(5_000, &flows, u32::MAX);
            // Neither first nor last: those are known only with a reading on their other side.
            let at = 1 + at.index(readings.len() - 2);
            readings[at] = wrong;
            let found = of(&readings, Some(4_294_967_295.0));
            prop_assert_eq!(found.amount, flowed);
            prop_assert_eq!(assumptions(&found), vec![Assumption::Glitch]);
        }

        #[test]
        fn a_reset_loses_only_what_flowed_before_it_in_its_own_step(
            before in proptest::collection::vec(0_u32..=400, 1..60),
            after in proptest::collection::vec(0_u32..=400, 1..60),
        ) {
            let (flowed_before, mut readings) = simulate(5_000, &before, u32::MAX);
            let (flowed_after, restarted) = simulate(0, &after, u32::MAX);
            readings.extend(&restarted);
            let found = of(&readings, None);
            prop_assert_eq!(found.amount, flowed_before + flowed_after);
            prop_assert_eq!(assumptions(&found), vec![Assumption::Reset]);
        }

        #[test]
        fn whatever_is_read_the_increase_is_a_number_and_not_negative(
            values in proptest::collection::vec(any::<f64>(), 0..40), modulus in proptest::option::of(any::<f64>()),
        ) {
            let found = of(&values, modulus);
            prop_assert!(found.amount >= 0.0, "{:?}", found);
        }
    }
}
