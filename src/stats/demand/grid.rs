//! The grid: what had flowed at each edge of a grid of steps, filled by one walk over the readings.
//!
//! Its size depends on the time it covers, not on how many readings there are.

use std::ops::Range;

use crate::counter::{Assumption, Event, Rulings};
use crate::stats::growth::{GAP_INTERVALS, Growth, Stretch};
use crate::stats::summary::Moment;
use crate::time::{Interval, UtcTime};

/// An edge that is nearer to a reading than this part of a step was read: meters do not answer on the dot.
const NEAR_OF_STEP: i64 = 10;

/// How often the readings come that fill a grid.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// From one edge of the grid to the next.
    pub step: Interval,
    /// From one reading to the next as long as nothing fails.
    pub interval: Interval,
    /// The longest time between readings on whose line an end of a window may lie.
    pub line_max: Interval,
}

/// What had flowed at one edge.
#[derive(Clone, Copy, Debug)]
struct Edge {
    kwh: f64,
    covered_ms: f64,
    resets: u32,
    replacements: u32,
    interpolated: bool,
}

/// What flowed between two edges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Between {
    /// In kWh.
    pub kwh: f64,
    /// The share of the time over which that is known from neighbouring readings.
    pub covered: f64,
    /// An edge lies on a straight line, more than three quarters of a step from the nearest reading.
    pub interpolated: bool,
    /// What the register did meanwhile, the worst of it.
    pub happened: Happened,
}

/// What a register did over some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It grew.
    Growth,
    /// It was set to zero: what flowed before that in the same stretch is lost.
    Reset,
    /// It was replaced, and nobody said what flowed meanwhile.
    Replacement,
}

impl Happened {
    /// What somebody ruled is known.
    fn of(event: Option<&Event>, rulings: &Rulings) -> Self {
        let Some(event) = event else { return Self::Growth };
        let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
        let is_ruled = rulings.iter().any(|ruling| {
            ruling.at == event.at && same(ruling.before, event.before) && same(ruling.after, event.after)
        });
        match event.assumption {
            _ if is_ruled => Self::Growth,
            Assumption::Reset => Self::Reset,
            Assumption::Replaced => Self::Replacement,
            Assumption::RolledOver | Assumption::Glitch => Self::Growth,
        }
    }
}

/// What had flowed at each edge of a grid of steps.
#[derive(Clone, Debug)]
pub struct EnergyGrid {
    first: UtcTime,
    pace: Pace,
    edges: Vec<Option<Edge>>,
    kwh: f64,
    covered_ms: f64,
    resets: u32,
    replacements: u32,
}

impl EnergyGrid {
    /// A grid of the edges `first`, `first` + step, ... up to `last`, of which nothing is known.
    #[must_use]
    pub fn over(first: UtcTime, last: UtcTime, pace: Pace) -> Self {
        let steps = last.ms_since(first).max(0) / pace.step.as_ms();
        let edges = vec![None; usize::try_from(steps).unwrap_or(0) + 1];
        Self { first, pace, edges, kwh: 0.0, covered_ms: 0.0, resets: 0, replacements: 0 }
    }

    /// Fills it from the readings of a register, in the order of time, of which one unit is `kwh` kWh.
    ///
    /// # Errors
    /// The first one of the readings.
    pub fn fill_from_register<E>(
        &mut self,
        modulus: Option<f64>,
        rulings: &Rulings,
        kwh: f64,
        readings: impl Iterator<Item = Result<Moment, E>>,
    ) -> Result<(), E> {
        let mut growth = Growth::new(modulus, rulings.clone());
        let mut add = |(stretch, event): (Stretch, Option<Event>)| {
            let stretch = Stretch { amount: stretch.amount * kwh, ..stretch };
            self.add(&stretch, Happened::of(event.as_ref(), rulings));
        };
        for reading in readings {
            growth.push_judged(reading?).into_iter().for_each(&mut add);
        }
        growth.finish_judged().into_iter().for_each(add);
        Ok(())
    }

    /// Fills it from the readings of a power, in the order of time, of which one unit is `kw` kW. What is
    /// given back does not count.
    ///
    /// # Errors
    /// The first one of the readings.
    pub fn fill_from_power<E>(
        &mut self,
        kw: f64,
        readings: impl Iterator<Item = Result<Moment, E>>,
    ) -> Result<(), E> {
        let mut before: Option<Moment> = None;
        for reading in readings {
            let reading = reading?;
            let taken = Moment { value: (reading.value * kw).max(0.0), ..reading };
            if let Some(before) = before.filter(|before| before.at < taken.at) {
                let hours = super::hours(taken.at.ms_since(before.at));
                let amount = f64::midpoint(before.value, taken.value) * hours;
                self.add(&Stretch { time: before.at..taken.at, amount }, Happened::Growth);
            }
            before = Some(taken);
        }
        Ok(())
    }

    /// Fills it from what a register grew by in times that follow each other; `None` where that is not
    /// known.
    pub fn fill_from_rows(&mut self, rows: impl Iterator<Item = (Range<UtcTime>, Option<f64>)>) {
        for (time, kwh) in rows {
            let happened = if kwh.is_some() { Happened::Growth } else { Happened::Replacement };
            self.add(&Stretch { time, amount: kwh.unwrap_or(0.0) }, happened);
        }
    }

    /// Takes in the next stretch, which begins where the one before ended.
    fn add(&mut self, stretch: &Stretch, happened: Happened) {
        let Range { start, end } = stretch.time;
        let length_ms = end.ms_since(start);
        if length_ms <= 0 {
            return;
        }
        self.set(start, 0.0, 0.0, false);
        if happened == Happened::Growth {
            let is_line = within(length_ms, self.pace.line_max);
            let step_ms = self.pace.step.as_ms();
            let mut at = self.edge_after(start);
            while at < end && self.place(at).is_some() {
                let (part, away_ms) = (start..at, at.ms_since(start).min(end.ms_since(at)));
                if is_line || away_ms <= step_ms / NEAR_OF_STEP {
                    let covered_ms = stretch.covered_ms(&part, self.pace.interval);
                    let interpolated = away_ms > step_ms * 3 / 4;
                    self.set(at, stretch.share(&part), covered_ms, interpolated);
                }
                at = at.plus(self.pace.step);
            }
        }
        self.kwh += stretch.amount;
        self.covered_ms += stretch.covered_ms(&stretch.time, self.pace.interval);
        self.resets += u32::from(happened == Happened::Reset);
        self.replacements += u32::from(happened == Happened::Replacement);
        self.set(end, 0.0, 0.0, false);
    }

    /// Notes an edge, if `at` is one, that is `kwh` further than the stretches before; the first word counts.
    fn set(&mut self, at: UtcTime, kwh: f64, covered_ms: f64, interpolated: bool) {
        let (resets, replacements) = (self.resets, self.replacements);
        let (kwh, covered_ms) = (self.kwh + kwh, self.covered_ms + covered_ms);
        let edge = Edge { kwh, covered_ms, resets, replacements, interpolated };
        if let Some(place) = self.place(at)
            && let Some(slot) = self.edges.get_mut(place)
        {
            slot.get_or_insert(edge);
        }
    }

    fn edge_after(&self, at: UtcTime) -> UtcTime {
        let past_ms = at.ms_since(self.first).max(-self.pace.step.as_ms());
        let steps = past_ms.div_euclid(self.pace.step.as_ms()) + 1;
        UtcTime::from_ms(self.first.as_ms() + steps * self.pace.step.as_ms())
    }

    /// Where `at` stands in the grid, if it is an edge of it.
    fn place(&self, at: UtcTime) -> Option<usize> {
        let past_ms = at.ms_since(self.first);
        if past_ms < 0 || past_ms % self.pace.step.as_ms() != 0 {
            return None;
        }
        usize::try_from(past_ms / self.pace.step.as_ms()).ok().filter(|place| *place < self.edges.len())
    }

    fn edge(&self, at: UtcTime) -> Option<&Edge> {
        self.edges.get(self.place(at)?)?.as_ref()
    }

    /// What flowed between two edges; `None` where one of them is not known.
    #[must_use]
    pub fn between(&self, time: &Range<UtcTime>) -> Option<Between> {
        let (from, to) = (self.edge(time.start)?, self.edge(time.end)?);
        Some(Between {
            kwh: (to.kwh - from.kwh).max(0.0),
            covered: share(to.covered_ms - from.covered_ms, time),
            interpolated: from.interpolated || to.interpolated,
            happened: match (to.replacements > from.replacements, to.resets > from.resets) {
                (true, _) => Happened::Replacement,
                (false, true) => Happened::Reset,
                (false, false) => Happened::Growth,
            },
        })
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a day fit a double")]
fn within(length_ms: i64, interval: Interval) -> bool {
    length_ms as f64 <= GAP_INTERVALS * interval.as_ms() as f64
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a day fit a double")]
fn share(covered_ms: f64, time: &Range<UtcTime>) -> f64 {
    (covered_ms / time.end.ms_since(time.start).max(1) as f64).min(1.0)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::counter::Ruling;

    const SECOND_MS: i64 = 1_000;
    const MINUTE_MS: i64 = 60_000;

    fn at(ms: i64) -> UtcTime {
        UtcTime::from_ms(ms)
    }

    fn minute(minute: i64) -> UtcTime {
        at(minute * MINUTE_MS)
    }

    fn pace(interval: Interval) -> Pace {
        Pace { step: Interval::MINUTE, interval, line_max: interval }
    }

    fn moments(values: &[(i64, f64)]) -> impl Iterator<Item = Result<Moment, Infallible>> {
        values.iter().map(|(ms, value)| Ok(Moment { at: at(*ms), value: *value }))
    }

    fn by_minutes(values: &[(i64, f64)]) -> Vec<(i64, f64)> {
        values.iter().map(|(minute, value)| (minute * MINUTE_MS, *value)).collect()
    }

    /// A grid of minutes 0 to 60 over a register that is read each minute.
    fn filled(values: &[(i64, f64)], modulus: Option<f64>, rulings: &[Ruling]) -> EnergyGrid {
        let mut grid = EnergyGrid::over(minute(0), minute(60), pace(Interval::MINUTE));
        let values = by_minutes(values);
        let Ok(()) = grid.fill_from_register(modulus, &Rulings::from(rulings), 1.0, moments(&values));
        grid
    }

    /// What flowed in the 15 minutes before `end`, and what the register did.
    fn window(grid: &EnergyGrid, end: i64) -> Option<(f64, Happened)> {
        grid.between(&(minute(end - 15)..minute(end))).map(|of| (of.kwh, of.happened))
    }

    fn each_minute(range: Range<i64>, value: impl Fn(i64) -> f64) -> Vec<(i64, f64)> {
        range.map(|minute| (minute, value(minute))).collect()
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "an hour of minutes")]
    fn a_gap_inside_a_window_does_not_matter_and_one_at_an_end_does() {
        let mut values = each_minute(0..61, |minute| minute as f64);
        values.retain(|(minute, _)| !(20..28).contains(minute));
        let grid = filled(&values, None, &[]);
        for end in 15..=60 {
            let known = |minute: i64| !(20..28).contains(&minute);
            let expected = (known(end) && known(end - 15)).then_some((15.0, Happened::Growth));
            assert_eq!(window(&grid, end), expected, "{end}");
        }
        assert_eq!(window(&grid, 14), None, "the grid does not reach back that far");
        assert_eq!(window(&grid, 61), None, "nor on");
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "an hour of minutes")]
    fn a_rollover_counts_through_and_a_reset_or_another_meter_is_told() {
        let rolled =
            filled(&each_minute(0..61, |minute| (990 + minute) as f64 % 1_000.0), Some(1_000.0), &[]);
        assert_eq!(window(&rolled, 20), Some((15.0, Happened::Growth)));
        let reset =
            each_minute(
                0..61,
                |minute| if minute < 30 { 500.0 + minute as f64 } else { (minute - 30) as f64 },
            );
        let grid = filled(&reset, None, &[]);
        assert_eq!(window(&grid, 29), Some((15.0, Happened::Growth)));
        assert_eq!(window(&grid, 30), Some((14.0, Happened::Reset)), "what flowed before the reset is lost");
        assert_eq!(window(&grid, 44), Some((14.0, Happened::Reset)));
        assert_eq!(window(&grid, 45), Some((15.0, Happened::Growth)));
        let replaced = each_minute(0..61, |minute| if minute < 30 { 500.0 } else { 300.0 } + minute as f64);
        let grid = filled(&replaced, None, &[]);
        assert_eq!(window(&grid, 40), Some((14.0, Happened::Replacement)));
        let ruling = Ruling {
            at: minute(30),
            before: 529.0,
            after: 330.0,
            verdict: Assumption::Replaced,
            counted: 1.0,
        };
        assert_eq!(window(&filled(&replaced, None, &[ruling]), 40), Some((15.0, Happened::Growth)));
    }

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "an hour of minutes")]
    fn a_wrong_reading_is_passed_over() {
        let mut values = each_minute(0..31, |minute| minute as f64);
        values[20].1 = 9_999.0;
        let grid = filled(&values, None, &[]);
        assert_eq!(window(&grid, 19), Some((15.0, Happened::Growth)));
        assert_eq!(window(&grid, 20), None, "between its neighbours lie two minutes");
        assert_eq!(window(&grid, 21), Some((15.0, Happened::Growth)));
    }

    #[test]
    fn lines_that_are_longer_than_a_step_are_told() {
        let quarters = by_minutes(&[(0, 0.0), (15, 30.0), (30, 45.0)]);
        let mut grid = EnergyGrid::over(minute(0), minute(30), pace(Interval::QUARTER_HOUR));
        let Ok(()) = grid.fill_from_register(None, &Rulings::default(), 1.0, moments(&quarters));
        let of = |end: i64| {
            let of = grid.between(&(minute(end - 15)..minute(end)));
            of.map(|of| (of.kwh, of.interpolated))
        };
        assert_eq!((of(15), of(30)), (Some((30.0, false)), Some((15.0, false))));
        assert_eq!(of(20), Some((25.0, true)));
    }

    #[test]
    fn a_meter_that_answers_a_little_late_was_read_at_the_edge() {
        let late = |minute: i64| minute * MINUTE_MS + 250;
        let mut grid = EnergyGrid::over(minute(0), minute(60), pace(Interval::QUARTER_HOUR));
        let readings = [(late(-15), 0.0), (late(0), 10.0), (late(30), 40.0), (late(45), 55.0)];
        let Ok(()) = grid.fill_from_register(None, &Rulings::default(), 1.0, moments(&readings));
        let of = |end: i64| grid.between(&(minute(end - 15)..minute(end))).map(|of| of.interpolated);
        assert_eq!([15, 30, 45, 60].map(of), [None, None, Some(false), None]);
        assert!(grid.between(&(minute(0)..minute(30))).is_some(), "both ends of the gap are known");
        assert_eq!(grid.between(&(minute(0)..minute(40))).map(|of| of.interpolated), Some(true));
    }

    #[test]
    fn the_mean_of_a_power_covers_the_time_between_its_readings_and_gives_nothing_back() {
        let mut values: Vec<(i64, f64)> = (0..=1_800).map(|second| (second * SECOND_MS, 60.0)).collect();
        values.retain(|(ms, _)| !(1_000_000..1_030_000).contains(ms));
        let mut grid = EnergyGrid::over(minute(0), minute(30), pace(Interval::SECOND));
        let Ok(()) = grid.fill_from_power(1.0, moments(&values));
        let first = grid.between(&(minute(0)..minute(15))).unwrap();
        assert!((first.kwh - 15.0).abs() < 1e-9 && first.covered > 0.999, "{first:?}");
        let second = grid.between(&(minute(15)..minute(30))).unwrap();
        assert!((second.covered - 870.0 / 900.0).abs() < 2e-3, "{second:?}");
        let given: Vec<(i64, f64)> = (0..=900).map(|second| (second * SECOND_MS, -60.0)).collect();
        let mut grid = EnergyGrid::over(minute(0), minute(15), pace(Interval::SECOND));
        let Ok(()) = grid.fill_from_power(1.0, moments(&given));
        assert_eq!(grid.between(&(minute(0)..minute(15))).map(|of| of.kwh), Some(0.0));
    }

    #[test]
    fn a_row_that_is_missing_breaks_the_windows_over_it() {
        let mut grid = EnergyGrid::over(minute(0), minute(60), pace(Interval::MINUTE));
        let quarter = |number: i64| minute(number * 15)..minute(number * 15 + 15);
        grid.fill_from_rows(
            [Some(5.0), None, Some(7.0), Some(8.0)].into_iter().zip(0..).map(|(kwh, n)| (quarter(n), kwh)),
        );
        assert_eq!(window(&grid, 15), Some((5.0, Happened::Growth)));
        assert_eq!(window(&grid, 30), Some((0.0, Happened::Replacement)));
        assert_eq!(window(&grid, 45), Some((7.0, Happened::Growth)));
        assert_eq!(window(&grid, 40), None, "in between nothing is known");
    }

    proptest! {
        /// The plain model, with readings missing: a window is told only where its ends lie between two
        /// readings that follow each other, and then it is exact all the same.
        #[test]
        fn a_window_is_told_exactly_or_not_at_all(
            minutes in prop::collection::vec((0_u32..5_000, prop::bool::weighted(0.8)), 40),
            late in 7_i64..53,
        ) {
            let watts = |minute: i64| usize::try_from(minute).ok().and_then(|place| minutes.get(place)).map_or(0, |of| of.0);
            let is_read = |minute: i64| usize::try_from(minute).ok().and_then(|place| minutes.get(place)).is_some_and(|of| of.1);
            // The power of a minute holds from its reading to the next.
            let flowed = |second: i64| -> f64 {
                (late..second).map(|past| f64::from(watts((past - late) / 60)) / 3_600.0).sum()
            };
            let readings: Vec<(i64, f64)> = (0..40)
                .filter(|minute| is_read(*minute))
                .map(|minute| minute * 60 + late)
                .map(|second| (second * SECOND_MS, 1_500.0 + flowed(second)))
                .collect();
            let mut grid = EnergyGrid::over(minute(1), minute(39), pace(Interval::MINUTE));
            let Ok(()) = grid.fill_from_register(None, &Rulings::default(), 1.0, moments(&readings));
            let is_known = |edge: i64| is_read(edge - 1) && is_read(edge);
            for end in 16..=39 {
                let found = grid.between(&(minute(end - 15)..minute(end))).map(|of| of.kwh);
                prop_assert_eq!(found.is_some(), is_known(end) && is_known(end - 15), "{}", end);
                let naive = flowed(end * 60) - flowed((end - 15) * 60);
                prop_assert!(found.is_none_or(|kwh| (kwh - naive).abs() < 1e-6), "{end}: {found:?} {naive}");
            }
        }

        /// The plain model: what flows in every second, added up second by second.
        #[test]
        fn every_window_is_what_adding_up_its_seconds_gives(
            powers in prop::collection::vec(0_u32..5_000, 40),
            (late, modulus) in (0_i64..60, 2_000_u32..100_000),
        ) {
            // Watts hold for a minute that begins `late` seconds after the full one, when the register is
            // read as well.
            let flowed = |second: i64| -> f64 {
                (0..second).map(|past| {
                    let place = usize::try_from((past - late).div_euclid(60).max(0)).unwrap();
                    f64::from(powers.get(place).copied().unwrap_or(0)) / 3_600.0
                }).sum()
            };
            let modulus = f64::from(modulus);
            let readings: Vec<(i64, f64)> = (0..40)
                .map(|minute| minute * 60 + late)
                .map(|second| (second * SECOND_MS, (1_500.0 + flowed(second)) % modulus))
                .collect();
            let mut grid = EnergyGrid::over(minute(1), minute(39), pace(Interval::MINUTE));
            let Ok(()) = grid.fill_from_register(Some(modulus), &Rulings::default(), 1.0, moments(&readings));
            for end in 16..=39 {
                let naive = flowed(end * 60) - flowed((end - 15) * 60);
                let found = grid.between(&(minute(end - 15)..minute(end))).map(|of| of.kwh);
                prop_assert!(found.is_some_and(|kwh| (kwh - naive).abs() < 1e-6), "{end}: {found:?} {naive}");
            }
        }
    }
}
