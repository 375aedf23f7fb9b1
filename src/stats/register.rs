//! What a register did in a period besides plain growth, and over which long stretch before it nobody
//! read it.

use std::ops::Range;
use std::sync::Arc;

use super::SeriesProfile;
use super::growth::{Growth, Stretch};
use super::quarter::{Boundary, Row};
use super::summary::{Moment, Summary};
use super::usable;
use crate::counter::{Counter, Event, Rulings};
use crate::model::reading::Reading;
use crate::time::{Interval, UtcTime};

/// The events up to the end of `period`, whose judgement the `readings` around it allow: the first
/// reading could be wrong itself, and the last one has no successor to judge it by.
#[must_use]
pub fn events(
    profile: &SeriesProfile,
    rulings: &Rulings,
    period: &Range<UtcTime>,
    readings: &[Reading],
) -> Vec<Event> {
    let mut counter = Counter::new(profile.modulus, Arc::clone(rulings));
    let mut moments = moments(readings).peekable();
    let Some(first) = moments.peek().map(|moment| moment.at) else { return Vec::new() };
    let steps = moments.filter_map(|moment| counter.push((moment.at, moment.value)));
    let judged = steps.filter_map(|step| step.event);
    let is_sure = |event: &Event| event.since > first || event.since >= period.start;
    judged.filter(|event| event.at < period.end && is_sure(event)).collect()
}

/// A stretch of time over which nobody read a register.
#[derive(Clone, Debug, PartialEq)]
pub struct Outage {
    /// From one reading to the next, and what flowed meanwhile.
    pub stretch: Stretch,
    /// What the register showed at its start; `None` where it was set anew meanwhile.
    from: Option<f64>,
}

impl Outage {
    /// The outage that ends with the first reading in `period`, where it began before `known_from`, from
    /// when on readings were expected.
    #[must_use]
    pub fn find(
        profile: &SeriesProfile,
        rulings: &Rulings,
        period: &Range<UtcTime>,
        known_from: UtcTime,
        readings: &[Reading],
    ) -> Option<Self> {
        let mut growth = Growth::new(profile.modulus, Arc::clone(rulings));
        let mut stretches: Vec<Stretch> =
            moments(readings).filter_map(|moment| growth.push(moment)).collect();
        stretches.extend(growth.finish());
        let stretch = stretches.into_iter().find(|stretch| period.contains(&stretch.time.end))?;
        let value_at = |at| moments(readings).find(|moment| moment.at == at).map(|moment| moment.value);
        let (from, to) = (value_at(stretch.time.start)?, value_at(stretch.time.end)?);
        let just_grew = (to - from).to_bits() == stretch.amount.to_bits();
        (stretch.time.start < known_from).then_some(Self { stretch, from: just_grew.then_some(from) })
    }

    /// What it comes to in `period`, which lies in it and had no reading.
    #[must_use]
    pub fn row(&self, period: &Range<UtcTime>, interval: Interval) -> Row {
        let summary = Summary {
            growth: self.stretch.share(period),
            covered_ms: self.stretch.covered_ms(period, interval),
            ..Summary::default()
        };
        let since = self.stretch.time.start..period.start;
        let boundary = self.from.map(|from| from + self.stretch.share(&since));
        Row { summary, boundary: boundary.map(|value| Boundary { value, interpolated: true }) }
    }
}

fn moments(readings: &[Reading]) -> impl Iterator<Item = Moment> {
    readings.iter().filter_map(|reading| Some(Moment { value: usable(reading)?, at: reading.at }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counter::Assumption;
    use crate::model::reading::{Sample, Value};
    use crate::stats::SeriesKind;

    const PROFILE: SeriesProfile =
        SeriesProfile { kind: SeriesKind::Register, interval: Interval::MINUTE, modulus: None };

    fn at(minute: i64) -> UtcTime {
        UtcTime::from_ms(minute * 60_000)
    }

    fn readings(values: &[(i64, f64)]) -> Vec<Reading> {
        let reading =
            |(minute, value): &(i64, f64)| Reading::new(at(*minute), Sample::good(Value::Number(*value)));
        values.iter().map(reading).collect()
    }

    fn found(values: &[(i64, f64)]) -> Vec<(i64, Assumption)> {
        let events = events(&PROFILE, &Rulings::default(), &(at(15)..at(30)), &readings(values));
        events.iter().map(|event| (event.at.as_ms() / 60_000, event.assumption)).collect()
    }

    #[test]
    fn an_event_is_found_where_the_readings_around_it_allow_a_judgement() {
        let reset = [(13, 70.0), (14, 71.0), (20, 3.0), (21, 4.0)];
        assert_eq!(found(&reset), [(20, Assumption::Reset)]);
        assert_eq!(found(&reset[..3]), [], "the last one could be a wrong reading");
        assert_eq!(found(&[(14, 999.0), (15, 70.0), (16, 71.0), (17, 72.0)]), [], "the first one, too");
        assert_eq!(found(&[(13, 7.0), (14, 0.0), (15, 8.0)]), [], "so could one before");
        assert_eq!(found(&[(12, 7.0), (13, 7.0), (14, 0.0), (15, 8.0)]), [(14, Assumption::Glitch)]);
        assert_eq!(
            found(&[(28, 7.0), (29, 8.0), (30, 0.0), (31, 8.0)]),
            [],
            "that is the next quarter hour's"
        );
    }

    #[test]
    fn an_outage_is_a_stretch_that_began_long_ago_and_ended_in_the_period() {
        let find = |values: &[(i64, f64)]| {
            let period = at(15)..at(30);
            let found = Outage::find(&PROFILE, &Rulings::default(), &period, at(11), &readings(values));
            found.map(|found| (found.stretch.time.start.as_ms() / 60_000, found.stretch.amount))
        };
        assert_eq!(find(&[(-90, 1.0), (20, 5.0), (21, 6.0)]), Some((-90, 4.0)));
        assert_eq!(find(&[(-90, 1.0), (20, 5.0)]), Some((-90, 4.0)));
        assert_eq!(find(&[(-90, 1.0), (12, 4.0), (20, 5.0), (21, 6.0)]), None);
        assert_eq!(find(&[(-90, 1.0), (40, 4.0)]), None);
    }

    #[test]
    fn what_flowed_in_an_outage_lies_on_a_straight_line() {
        let outage = |values: &[(i64, f64)]| {
            let readings = readings(values);
            Outage::find(&PROFILE, &Rulings::default(), &(at(60)..at(75)), at(50), &readings).unwrap()
        };
        let row = outage(&[(0, 10.0), (60, 14.0)]).row(&(at(15)..at(30)), Interval::MINUTE);
        assert_eq!((row.summary.readings, row.summary.growth), (0, 1.0));
        assert_eq!(row.boundary, Some(Boundary { value: 11.0, interpolated: true }));
        let reset = outage(&[(0, 100.0), (60, 4.0)]).row(&(at(15)..at(30)), Interval::MINUTE);
        assert_eq!((reset.summary.growth, reset.boundary), (1.0, None), "no line leads over a reset");
    }
}
