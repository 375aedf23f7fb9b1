//! Aligned readings: what a computed parameter comes to, wherever each of its summands was read.
//!
//! Meters on several lines are never read at the very same millisecond. Readings belong together that
//! lie in the same interval of the computed parameter; of several the first one counts, so that what is read
//! once more in an interval that goes on moves nothing that was told. The value has the time of the oldest,
//! so that none is shown as newer than it is. Where a summand has no reading there is no value.

use std::iter::Peekable;
use std::ops::Range;

use super::selection::Term;
use super::thinning::Thinned;
use crate::model::point::Parameter;
use crate::model::quality::{Doubt, Quality};
use crate::model::reading::{Reading, Sample, Value};
use crate::stats::indicator::weighted_sum;
use crate::store::{History, Store, StoreError};
use crate::time::{Interval, UtcOffset, UtcTime};

/// Decimals of a sum that does not say.
const DECIMALS: u8 = 6;

/// The readings of a weighted sum, in order of time.
pub(super) struct Aligned<E, I: Iterator<Item = Result<Reading, E>>> {
    terms: Vec<(f64, Peekable<Thinned<I>>)>,
    interval: Interval,
    decimals: Option<u8>,
    offset: UtcOffset,
}

impl Aligned<StoreError, History> {
    /// What the parameter that is `computed` of `terms` comes to in `range`.
    ///
    /// Its summands are read over whole intervals: an edge that parts what belongs together hides no value.
    pub(super) fn history(
        store: &Store,
        terms: &[Term<'_>],
        range: &Range<UtcTime>,
        computed: &Parameter,
        offset: UtcOffset,
    ) -> Result<impl Iterator<Item = Result<Reading, StoreError>> + use<>, StoreError> {
        let whole = whole_slots(range, computed.interval, offset);
        let each =
            terms.iter().map(|(factor, view)| Ok((*factor, store.history(view.series, whole.clone())?)));
        let aligned = Self::new(each.collect::<Result<_, StoreError>>()?, computed.interval, offset);
        let range = range.clone();
        Ok(Self { decimals: computed.decimals, ..aligned }
            .filter(move |reading| reading.as_ref().map_or(true, |reading| range.contains(&reading.at))))
    }
}

/// The intervals that `range` touches, from the start of the first to the end of the last.
fn whole_slots(range: &Range<UtcTime>, interval: Interval, offset: UtcOffset) -> Range<UtcTime> {
    let slot = |at: UtcTime| at.floor_local(interval, offset);
    let last = slot(range.end);
    let next = UtcTime::from_ms(last.as_ms().saturating_add(interval.as_ms()));
    slot(range.start)..if last < range.end { next } else { range.end }
}

impl<E, I: Iterator<Item = Result<Reading, E>>> Aligned<E, I> {
    /// Puts the readings of each summand together, which come in order of time.
    pub(super) fn new(terms: Vec<(f64, I)>, interval: Interval, offset: UtcOffset) -> Self {
        let thinned =
            |(factor, readings): (f64, I)| (factor, Thinned::firsts(readings, interval, offset).peekable());
        Self { terms: terms.into_iter().map(thinned).collect(), interval, decimals: None, offset }
    }

    fn slot(&self, at: UtcTime) -> UtcTime {
        at.floor_local(self.interval, self.offset)
    }
}

impl<E, I: Iterator<Item = Result<Reading, E>>> Iterator for Aligned<E, I> {
    type Item = Result<Reading, E>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let mut nexts = Vec::with_capacity(self.terms.len());
            for (_, readings) in &mut self.terms {
                match readings.peek()? {
                    Ok(reading) => nexts.push(reading.at),
                    Err(_) => return readings.next(),
                }
            }
            let newest = nexts.iter().map(|at| self.slot(*at)).max()?;
            let behind: Vec<bool> = nexts.iter().map(|at| self.slot(*at) < newest).collect();
            if behind.contains(&true) {
                for ((_, readings), behind) in self.terms.iter_mut().zip(behind) {
                    if behind {
                        readings.next();
                    }
                }
                continue;
            }
            let mut together = Vec::with_capacity(self.terms.len());
            for (factor, readings) in &mut self.terms {
                match readings.next()? {
                    Ok(reading) => together.push((*factor, reading)),
                    Err(error) => return Some(Err(error)),
                }
            }
            return combine(&together, self.decimals).map(Ok);
        }
    }
}

/// The weighted sum of readings: its time is that of the oldest, its quality the worst of all. `None`
/// where there are none. It is rounded to `decimals`, or to six: the last bits of a sum are no measurement.
pub(super) fn combine(readings: &[(f64, Reading)], decimals: Option<u8>) -> Option<Reading> {
    let at = readings.iter().map(|(_, reading)| reading.at).min()?;
    let quality =
        readings.iter().map(|(_, reading)| reading.quality).max_by_key(|quality| badness(*quality))?;
    let each = readings.iter().map(|(factor, reading)| (*factor, reading.number()));
    let sum = weighted_sum(each).filter(|_| quality.has_value());
    let scale = 10_f64.powi(i32::from(decimals.unwrap_or(DECIMALS)));
    let rounded = sum.map(|sum| (sum * scale).round() / scale).filter(|sum| sum.is_finite());
    Some(Reading::new(at, Sample { value: rounded.map(Value::Number), quality }))
}

const fn badness(quality: Quality) -> u8 {
    match quality {
        Quality::Good => 0,
        Quality::Suspect(Doubt::Rounded | Doubt::Interpolated | Doubt::Redated | Doubt::Entered) => 1,
        Quality::Suspect(Doubt::OutOfRange | Doubt::ClockUnset) => 2,
        Quality::Missing(_) => 3,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::quality::Cause;
    use crate::model::reading::Scan;
    use crate::ops::query::selection::ParameterView;

    /// Two measured points, and one that is computed of them.
    const POINTS: &str = r#"
        [[point]]
        id = "A"
        name = "a"
        role = "sub"
        category = "G"
        meter = "m"
        [[point.parameter]]
        id = "P"
        name = "P"
        register = { table = "input", address = 0, type = "u16" }
        unit = "kW"
        reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
        [[point]]
        id = "B"
        name = "b"
        role = "sub"
        category = "G"
        meter = "m"
        [[point.parameter]]
        id = "P"
        name = "P"
        register = { table = "input", address = 1, type = "u16" }
        unit = "kW"
        reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
        [[point]]
        id = "SUM"
        name = "s"
        category = "G"
        role = "virtual"
        [[point.parameter]]
        id = "P"
        name = "P"
        formula = "A/P + 10 * B/P"
        unit = "kW"
        reading_type = "0.0.0.12.1.1.37.0.0.0.0.0.0.0.0.3.38.0"
    "#;

    fn good(ms: i64, value: f64) -> Reading {
        Reading::new(UtcTime::from_ms(ms), Sample::good(Value::Number(value)))
    }

    fn aligned(terms: Vec<(f64, Vec<Reading>)>) -> Vec<Reading> {
        let each = |(factor, readings): (f64, Vec<Reading>)| (factor, readings.into_iter().map(Ok::<_, ()>));
        let terms = terms.into_iter().map(each).collect();
        Aligned::new(terms, Interval::SECOND, UtcOffset::UTC).map(Result::unwrap).collect()
    }

    #[test]
    fn there_is_a_value_where_every_summand_was_read_and_it_is_as_old_as_the_oldest() {
        let a = vec![good(0, 1.0), good(1_020, 2.0), good(3_000, 4.0)];
        let b = vec![good(1_010, 10.0), good(2_010, 20.0), good(3_700, 30.0), good(3_900, 40.0)];
        let found: Vec<_> = aligned(vec![(1.0, a), (-0.5, b)])
            .iter()
            .map(|reading| (reading.at.as_ms(), reading.number()))
            .collect();
        assert_eq!(found, [(1_010, Some(-3.0)), (3_000, Some(-11.0))]);
    }

    #[test]
    fn the_worst_quality_is_that_of_the_sum() {
        let missing = Reading::new(UtcTime::from_ms(500), Sample::missing(Cause::Timeout));
        let doubtful =
            Sample { value: Some(Value::Number(9.0)), quality: Quality::Suspect(Doubt::OutOfRange) };
        let doubtful = Reading::new(UtcTime::from_ms(700), doubtful);
        let sum = combine(&[(1.0, good(600, 1.0)), (1.0, doubtful.clone())], None).unwrap();
        assert_eq!((sum.number(), sum.quality), (Some(10.0), doubtful.quality));
        let sum = combine(&[(1.0, doubtful), (1.0, missing.clone())], None).unwrap();
        assert_eq!((sum.number(), sum.quality, sum.at), (None, missing.quality, missing.at));
        assert_eq!(combine(&[], None), None);
        let sum = |decimals| combine(&[(1.0, good(0, 0.1)), (1.0, good(0, 0.2))], decimals).unwrap().number();
        assert_eq!((sum(None), sum(Some(0))), (Some(0.3), Some(0.0)));
    }

    #[test]
    fn summands_are_read_over_whole_intervals() {
        let whole = |from, to| {
            let range = UtcTime::from_ms(from)..UtcTime::from_ms(to);
            let whole = whole_slots(&range, Interval::SECOND, UtcOffset::UTC);
            (whole.start.as_ms(), whole.end.as_ms())
        };
        assert_eq!(whole(1_020, 2_010), (1_000, 3_000));
        assert_eq!(whole(1_000, 2_000), (1_000, 2_000));
        assert_eq!(whole(i64::MIN, 500).1, 1_000);
    }

    #[test]
    fn two_neighbouring_ranges_give_together_what_the_whole_range_gives() {
        let site = crate::config::site_with(POINTS).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), &site.store).unwrap();
        let parameter = |point: usize| &site.points[point].parameters[0];
        let summands = [0, 1].map(|point| {
            let series = store.series(&site.points[point].id, &parameter(point).id).unwrap();
            let group = store.group(&[series]).unwrap();
            // The first summand is read 100 ms into each second, the second 600 ms into it.
            for second in 0..4 {
                let at = UtcTime::from_ms(second * 1_000 + if point == 0 { 100 } else { 600 });
                let samples = vec![Sample::good(Value::Number(f64::from(i32::try_from(second).unwrap())))];
                store.append_blocking(Scan { group, at, samples }).unwrap();
            }
            series
        });
        let view = |point: usize| ParameterView {
            category: &site.categories[0],
            point: &site.points[point],
            parameter: parameter(point),
            series: summands[point],
        };
        let terms = [(1.0, view(0)), (10.0, view(1))];
        let told = |from: i64, to: i64| -> Vec<Reading> {
            let range = UtcTime::from_ms(from)..UtcTime::from_ms(to);
            let found = Aligned::history(&store, &terms, &range, parameter(2), UtcOffset::UTC);
            found.unwrap().map(Result::unwrap).collect()
        };
        let whole = told(0, 4_000);
        assert_eq!(whole.iter().map(|r| r.at.as_ms()).collect::<Vec<_>>(), [100, 1_100, 2_100, 3_100]);
        for cut in [1_000, 1_050, 1_100, 1_101, 1_300, 1_600, 1_601, 1_999, 2_000] {
            assert_eq!([told(0, cut), told(cut, 4_000)].concat(), whole, "cut at {cut} ms");
        }
    }

    #[test]
    fn an_error_of_a_summand_is_told() {
        let terms = vec![
            (1.0, vec![Ok(good(0, 1.0)), Err(())].into_iter()),
            (1.0, vec![Ok(good(0, 1.0))].into_iter()),
        ];
        let mut found = Aligned::new(terms, Interval::SECOND, UtcOffset::UTC);
        assert_eq!((found.next(), found.next()), (Some(Ok(good(0, 2.0))), Some(Err(()))));
    }

    proptest! {
        /// The plain model: a map from each second to the first reading in it.
        #[test]
        fn aligned_readings_are_the_seconds_that_every_summand_has(
            a in prop::collection::btree_map(0_i64..40, -9_i32..9, 0..20),
            b in prop::collection::btree_map(0_i64..40, -9_i32..9, 0..20),
        ) {
            let readings = |map: &std::collections::BTreeMap<i64, i32>| -> Vec<Reading> {
                map.iter().map(|(tick, value)| good(tick * 300, f64::from(*value))).collect()
            };
            let first_in = |map: &std::collections::BTreeMap<i64, i32>, second: i64| {
                map.iter().filter(|(tick, _)| *tick * 300 / 1_000 == second).map(|(_, value)| *value).next()
            };
            let found: Vec<_> =
                aligned(vec![(1.0, readings(&a)), (2.0, readings(&b))]).iter().map(Reading::number).collect();
            let naive: Vec<_> = (0..12)
                .filter_map(|second| Some(Some(f64::from(first_in(&a, second)? + 2 * first_in(&b, second)?))))
                .collect();
            prop_assert_eq!(found, naive);
        }
    }
}
