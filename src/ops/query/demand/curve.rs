//! A curve: what flowed at the demand point over some time, from its readings; the power and the rows of
//! quarter hours are looked at only where the register does not tell.

use std::ops::Range;

use super::source::{DemandSource, Tap, before};
use crate::limits;
use crate::ops::query::error::QueryError;
use crate::stats::demand::grid::{Between, EnergyGrid, Pace};
use crate::stats::demand::{Demand, Sources};
use crate::stats::summary::Moment;
use crate::stats::usable;
use crate::store::{Store, StoreError};
use crate::time::{Interval, UtcTime};

/// How many readings one question has gone through.
#[derive(Default)]
pub(super) struct Spent(u64);

#[cfg(test)]
impl Spent {
    pub(super) const fn readings(&self) -> u64 {
        self.0
    }
}

/// What flowed at the demand point over some time.
pub(super) struct Curve<'a> {
    source: &'a DemandSource,
    store: &'a Store,
    first: UtcTime,
    last: UtcTime,
    step: Interval,
    register: EnergyGrid,
    power: Option<EnergyGrid>,
    rows: Option<EnergyGrid>,
}

impl<'a> Curve<'a> {
    /// The curve of the windows whose ends lie between `first` and `last`, both included, known at each
    /// `step`.
    pub(super) fn over(
        source: &'a DemandSource,
        store: &'a Store,
        (first, last): (UtcTime, UtcTime),
        step: Interval,
        spent: &mut Spent,
    ) -> Result<Self, QueryError> {
        let first = before(first, source.rule.window.as_ms());
        let mut register = EnergyGrid::over(first, last, source.register.pace(step));
        let rulings = store.rulings(source.register.series);
        let Tap { profile, kilo, .. } = source.register;
        let readings = moments(store, &source.register, (first, last), spent)?;
        register.fill_from_register(profile.modulus, &rulings, kilo, readings)?;
        Ok(Self { source, store, first, last, step, register, power: None, rows: None })
    }

    /// The demand of the window that ends at `end`.
    pub(super) fn demand(&mut self, end: UtcTime, spent: &mut Spent) -> Result<Demand, QueryError> {
        let window = before(end, self.source.rule.window.as_ms())..end;
        let sources = self.sources(&window, spent)?;
        Ok(self.source.rule.demand(&sources))
    }

    /// What is known of what flowed over `time`.
    pub(super) fn sources(
        &mut self,
        time: &Range<UtcTime>,
        spent: &mut Spent,
    ) -> Result<Sources, QueryError> {
        let mut sources = Sources { register: self.register.between(time), ..Sources::default() };
        if self.source.rule.wants_power(sources.register.as_ref()) {
            sources.power = self.power(time, spent)?;
            let is_old = self.store.readings_from().is_none_or(|from| time.start < from);
            if is_old && sources.power.is_none() && sources.register.is_none() {
                sources.rows = self.rows(time)?;
            }
        }
        Ok(sources)
    }

    fn power(&mut self, time: &Range<UtcTime>, spent: &mut Spent) -> Result<Option<Between>, QueryError> {
        let Some(tap) = &self.source.power else { return Ok(None) };
        if self.power.is_none() {
            let mut grid = EnergyGrid::over(self.first, self.last, tap.pace(self.step));
            grid.fill_from_power(tap.kilo, moments(self.store, tap, (self.first, self.last), spent)?)?;
            self.power = Some(grid);
        }
        Ok(self.power.as_ref().and_then(|grid| grid.between(time)))
    }

    fn rows(&mut self, time: &Range<UtcTime>) -> Result<Option<Between>, QueryError> {
        if self.rows.is_none() {
            let pace = Pace { interval: Interval::QUARTER_HOUR, ..self.source.register.pace(self.step) };
            let mut grid = EnergyGrid::over(self.first, self.last, pace);
            let mut at = self.first.floor(Interval::QUARTER_HOUR);
            let mut rows = Vec::new();
            while at < self.last {
                let quarter = at..at.plus(Interval::QUARTER_HOUR);
                at = quarter.end;
                let summed = self.store.summed(self.source.register.series, &quarter)?.row.summary;
                rows.push((
                    quarter,
                    is_whole(summed.covered_ms).then_some(summed.growth * self.source.register.kilo),
                ));
            }
            grid.fill_from_rows(rows.into_iter());
            self.rows = Some(grid);
        }
        Ok(self.rows.as_ref().and_then(|grid| grid.between(time)))
    }
}

/// Whether a register's growth is known over a whole quarter of an hour, but for rounding.
fn is_whole(covered_ms: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "a quarter of an hour")]
    let whole_ms = Interval::QUARTER_HOUR.as_ms() as f64;
    covered_ms >= whole_ms - 1.0
}

/// The usable readings from `first` to `last` and the next ones around them, counted as they come.
fn moments<'s>(
    store: &Store,
    tap: &Tap,
    (first, last): (UtcTime, UtcTime),
    spent: &'s mut Spent,
) -> Result<impl Iterator<Item = Result<Moment, QueryError>> + use<'s>, StoreError> {
    let near_ms = tap.near_ms();
    let range = before(first, near_ms)..UtcTime::from_ms(last.as_ms().saturating_add(near_ms));
    let readings = store.history(tap.series, range)?;
    Ok(readings.filter_map(move |reading| {
        spent.0 += 1;
        if spent.0 > limits::QUERY_READINGS_MAX {
            return Some(Err(QueryError::TooManyReadings { readings: spent.0 }));
        }
        match reading {
            Ok(reading) => Some(Ok(Moment { value: usable(&reading)?, at: reading.at })),
            Err(error) => Some(Err(error.into())),
        }
    }))
}
