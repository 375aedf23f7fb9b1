//! Tally: one walk over a series fills the summaries of all periods.

use std::ops::Range;
use std::sync::Arc;

use super::growth::{Growth, Stretch};
use super::summary::{Moment, Summary};
use super::{SeriesKind, SeriesProfile, usable};
use crate::counter::Rulings;
use crate::model::reading::Reading;
use crate::time::{Interval, UtcTime};

/// The summary of each of `periods`, which follow each other in time without overlap.
///
/// `readings` come in order of time, one every interval as long as nothing fails. For a register they
/// should reach one reading beyond each end, so that what flowed across the outer edges is shared out
/// too; what it did is what the `rulings` on it say.
///
/// # Errors
/// The first error among `readings`.
pub fn tally<E>(
    profile: &SeriesProfile,
    rulings: &Rulings,
    periods: &[Range<UtcTime>],
    readings: impl Iterator<Item = Result<Reading, E>>,
) -> Result<Vec<Summary>, E> {
    let summaries = vec![Summary::default(); periods.len()];
    let mut tally =
        Tally { kind: profile.kind, interval: profile.interval, periods, summaries, first_open: 0 };
    let mut growth =
        (profile.kind == SeriesKind::Register).then(|| Growth::new(profile.modulus, Arc::clone(rulings)));
    for reading in readings {
        let reading = reading?;
        let Some(value) = usable(&reading) else { continue };
        let moment = Moment { value, at: reading.at };
        tally.add(moment);
        if let Some(stretch) = growth.as_mut().and_then(|growth| growth.push(moment)) {
            tally.spread(&stretch);
        }
    }
    if let Some(stretch) = growth.as_mut().and_then(Growth::finish) {
        tally.spread(&stretch);
    }
    Ok(tally.summaries)
}

struct Tally<'p> {
    kind: SeriesKind,
    interval: Interval,
    periods: &'p [Range<UtcTime>],
    summaries: Vec<Summary>,
    /// Every period before this one ends before any stretch still to come.
    first_open: usize,
}

impl Tally<'_> {
    fn add(&mut self, moment: Moment) {
        // The period that ends last before `moment` is not the one; the next may be.
        let kind = self.kind;
        let index = self.periods.partition_point(|period| kind.times_of(period).end <= moment.at);
        let holds = self.periods.get(index).is_some_and(|period| kind.times_of(period).contains(&moment.at));
        if let (true, Some(summary)) = (holds, self.summaries.get_mut(index)) {
            summary.add(moment);
        }
    }

    fn spread(&mut self, stretch: &Stretch) {
        let rest = self.periods.iter().zip(&mut self.summaries).enumerate().skip(self.first_open);
        for (index, (period, summary)) in rest {
            if period.start >= stretch.time.end {
                break;
            }
            summary.growth += stretch.share(period);
            summary.covered_ms += stretch.covered_ms(period, self.interval);
            if period.end <= stretch.time.end {
                self.first_open = index + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::quality::{Cause, Doubt, Quality};
    use crate::model::reading::{Sample, Value};
    use crate::stats::Function;
    use crate::stats::summary::Expected;

    fn reading(at: i64, value: f64) -> Reading {
        Reading::new(UtcTime::from_ms(at), Sample::good(Value::Number(value)))
    }

    fn profile(kind: SeriesKind, interval: Interval) -> SeriesProfile {
        SeriesProfile { kind, interval, modulus: None }
    }

    fn tallied(kind: SeriesKind, periods: &[Range<UtcTime>], readings: Vec<Reading>) -> Vec<Summary> {
        tally(
            &profile(kind, Interval::SECOND),
            &Rulings::default(),
            periods,
            readings.into_iter().map(Ok::<_, ()>),
        )
        .unwrap()
    }

    fn hours(count: i64) -> Vec<Range<UtcTime>> {
        (0..count).map(|h| UtcTime::from_ms(h * 3_600)..UtcTime::from_ms((h + 1) * 3_600)).collect()
    }

    fn sums(periods: &[Range<UtcTime>], readings: Vec<Reading>) -> Vec<Option<f64>> {
        let summaries = tallied(SeriesKind::Register, periods, readings);
        summaries.iter().map(|s| s.value(Function::Sum, SeriesKind::Register)).collect()
    }

    #[test]
    fn readings_on_the_edges_give_exact_increases() {
        let readings = vec![reading(0, 10.0), reading(3_600, 14.0), reading(7_200, 15.5)];
        assert_eq!(sums(&hours(2), readings), [Some(4.0), Some(1.5)]);
    }

    #[test]
    fn an_amount_that_is_told_at_midnight_belongs_to_the_day_before() {
        let readings = vec![reading(0, 1.0), reading(1_800, 2.0), reading(3_600, 4.0), reading(7_200, 8.0)];
        let summaries = tallied(SeriesKind::Delta, &hours(2), readings);
        assert_eq!(summaries.iter().map(|summary| summary.total).collect::<Vec<_>>(), [6.0, 8.0]);
    }

    #[test]
    fn an_edge_between_two_readings_is_crossed_on_a_straight_line() {
        let readings = vec![reading(-900, 9.0), reading(2_700, 13.0), reading(6_300, 14.0)];
        let found = sums(&hours(2), readings);
        for (found, expected) in found.into_iter().zip([3.25, 0.75]) {
            assert!((found.unwrap() - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn a_period_in_which_nothing_was_read_has_no_sum() {
        let readings = vec![reading(0, 10.0), reading(7_300, 12.0)];
        let found = sums(&hours(3), readings);
        assert!(found[0].is_some() && found[1].is_none() && found[2].is_some());
    }

    #[test]
    fn a_doubtful_or_missing_reading_enters_no_statistic() {
        let at = UtcTime::from_ms(10);
        let doubtful =
            Sample { value: Some(Value::Number(1e9)), quality: Quality::Suspect(Doubt::OutOfRange) };
        let readings = vec![
            reading(5, 2.0),
            Reading::new(at, doubtful),
            Reading::new(at, Sample::missing(Cause::Timeout)),
            reading(20, 4.0),
        ];
        let summaries = tallied(SeriesKind::Level, &hours(1), readings);
        assert_eq!(summaries[0].readings, 2);
        assert_eq!(summaries[0].value(Function::Avg, SeriesKind::Level), Some(3.0));
    }

    #[test]
    fn an_error_on_the_way_is_told_instead_of_a_part_of_the_sum() {
        let readings = vec![Ok(reading(0, 1.0)), Err(())];
        let profile = profile(SeriesKind::Level, Interval::SECOND);
        let found = tally(&profile, &Rulings::default(), &hours(1), readings.into_iter());
        assert_eq!(found, Err(()));
    }

    /// The value of the register at `at` by a search for its two neighbours.
    fn register_at(readings: &[(i64, f64)], at: i64) -> Option<f64> {
        let before = readings.iter().rev().find(|(time, _)| *time <= at)?;
        let after = readings.iter().find(|(time, _)| *time >= at)?;
        if before.0 == after.0 {
            return Some(before.1);
        }
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let share = (at - before.0) as f64 / (after.0 - before.0) as f64;
        Some(before.1 + (after.1 - before.1) * share)
    }

    /// How well the increase at the instant `at` is known, by a search for the readings around it.
    fn known_at(readings: &[(i64, f64)], at: i64, interval_ms: i64) -> f64 {
        let before = readings.iter().rev().find(|(time, _)| *time <= at);
        let after = readings.iter().find(|(time, _)| *time > at);
        let Some((before, after)) = before.zip(after) else { return 0.0 };
        let gap_ms = after.0 - before.0;
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let worth = interval_ms as f64 / gap_ms as f64;
        if 2 * gap_ms <= 3 * interval_ms { 1.0 } else { worth }
    }

    proptest! {
        #[test]
        fn completeness_agrees_with_asking_every_instant_of_the_period(
            gaps in proptest::collection::vec(1_i64..6, 0..12),
            first in -8_i64..8,
            interval in 1_i64..4,
            now in 0_i64..40,
        ) {
            let mut readings = vec![(first, 5.0)];
            for gap in gaps {
                let (at, value) = *readings.last().unwrap();
                readings.push((at + gap, value + 2.0));
            }
            let length = 6_i64;
            let periods: Vec<_> = (0..5)
                .map(|n| UtcTime::from_ms(n * length)..UtcTime::from_ms((n + 1) * length)).collect();
            // What lies after now has not been read yet.
            readings.retain(|(at, _)| *at <= now);
            let interval_of = Interval::from_ms(interval).unwrap();
            let stream = readings.iter().map(|(at, value)| Ok::<_, ()>(reading(*at, *value)));
            let found = tally(&profile(SeriesKind::Register, interval_of), &Rulings::default(), &periods, stream).unwrap();
            for (summary, period) in found.iter().zip(&periods) {
                let instants = period.start.as_ms()..period.end.as_ms();
                let inside = readings.iter().filter(|(at, _)| instants.contains(at)).count();
                let known: f64 = instants.clone().map(|at| known_at(&readings, at, interval)).sum();
                let passed = instants.filter(|at| *at < now).count();
                #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                let (length, interval, inside, passed) =
                    (length as f64, interval as f64, inside as f64, passed as f64);
                let naive = (inside * interval.min(length) / length).min(known / length).min(passed / length);
                let expected = Expected { period: period.clone(), interval: interval_of, now: UtcTime::from_ms(now) };
                let share = summary.completeness(Function::Sum, SeriesKind::Register, &expected);
                prop_assert!((share - naive).abs() < 1e-9, "{share} against {naive} in {period:?}");
                let value = summary.value(Function::Sum, SeriesKind::Register);
                prop_assert_eq!(value.is_some(), inside > 0.0 && known > 0.0);
            }
        }

        #[test]
        fn a_growing_register_agrees_with_looking_up_both_edges(
            steps in proptest::collection::vec((1_i64..5_000, 0_u32..100), 2..60),
            period in 100_i64..20_000,
        ) {
            let mut readings = vec![(-3_000, 500.0)];
            for (gap, growth) in steps {
                let (at, value) = *readings.last().unwrap();
                readings.push((at + gap, value + f64::from(growth)));
            }
            let end = readings.last().unwrap().0;
            let edges: Vec<i64> = (0..=end / period).map(|n| n * period).collect();
            let periods: Vec<_> =
                edges.windows(2).map(|w| UtcTime::from_ms(w[0])..UtcTime::from_ms(w[1])).collect();
            let stream = readings.iter().map(|(at, value)| reading(*at, *value)).collect();
            let found = tallied(SeriesKind::Register, &periods, stream);
            for (summary, edge) in found.iter().zip(edges.windows(2)) {
                let naive = register_at(&readings, edge[1]).unwrap() - register_at(&readings, edge[0]).unwrap();
                prop_assert!((summary.growth - naive).abs() < 1e-6, "{} against {naive}", summary.growth);
                let inside = readings.iter().filter(|(at, _)| (edge[0]..edge[1]).contains(at));
                prop_assert_eq!(summary.readings, inside.count() as u64);
            }
        }

        #[test]
        fn levels_agree_with_filtering_each_period_by_itself(
            values in proptest::collection::vec((0_i64..20_000, -1_000_i32..1_000), 0..80),
        ) {
            let mut values = values;
            values.sort_by_key(|(at, _)| *at);
            let periods = hours(5);
            let stream = values.iter().map(|(at, value)| reading(*at, f64::from(*value))).collect();
            let found = tallied(SeriesKind::Level, &periods, stream);
            for (summary, period) in found.iter().zip(&periods) {
                let inside: Vec<f64> = values.iter()
                    .filter(|(at, _)| period.contains(&UtcTime::from_ms(*at)))
                    .map(|(_, value)| f64::from(*value)).collect();
                prop_assert_eq!(summary.readings, inside.len() as u64);
                let max = inside.iter().copied().reduce(f64::max);
                let min = inside.iter().copied().reduce(f64::min);
                prop_assert_eq!(summary.value(Function::Max, SeriesKind::Level), max);
                prop_assert_eq!(summary.value(Function::Min, SeriesKind::Level), min);
                prop_assert_eq!(summary.value(Function::Last, SeriesKind::Level), inside.last().copied());
                if let Some(avg) = summary.value(Function::Avg, SeriesKind::Level) {
                    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
                    let naive = inside.iter().sum::<f64>() / inside.len() as f64;
                    prop_assert!((avg - naive).abs() < 1e-9);
                }
            }
        }
    }
}
