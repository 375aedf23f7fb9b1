//! Values that somebody enters by hand, such as the output of a day, and the book of who entered what.

use thiserror::Error;

use super::{Ops, ServedSite};
use crate::limits;
use crate::model::point::{Parameter, Source};
use crate::model::reading::SeriesId;
use crate::store::{ManualEntry, StoreError};
use crate::time::trust::ClockState;
use crate::time::{Interval, TimeFault, UtcTime, is_date, parse_instant};

/// Larger than anything that is entered by hand.
const VALUE_MAX: f64 = 1e15;

/// What somebody enters.
#[derive(Clone, Debug, PartialEq)]
pub struct Entering {
    /// The point's ID.
    pub point: String,
    /// The parameter's ID.
    pub parameter: String,
    /// The value; `None` takes back what stands there.
    pub value: Option<f64>,
    /// The time that it is for, as written; now without it. A date alone is the whole day.
    pub at: Option<String>,
    /// Who enters it.
    pub by: String,
}

/// Why nothing was entered.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum EnteringError {
    /// The site has no such parameter.
    #[error("there is no parameter {point}/{parameter}; 'points' lists them")]
    NoSuchParameter {
        /// The point's ID.
        point: String,
        /// The parameter's ID.
        parameter: String,
    },
    /// It is read from a meter or computed.
    #[error("{0} is not entered by hand; that takes manual = true in the site file")]
    NotManual(String),
    /// Outside of what can be.
    #[error("{value} is outside {min} to {max}, which the site file allows")]
    OutOfRange {
        /// As entered.
        value: f64,
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// The time is not one.
    #[error("the time is refused: {0}")]
    Time(TimeFault),
    /// The time has not come yet.
    #[error("the time lies ahead; enter it when it has come")]
    Ahead,
    /// Nothing of that time can be changed any more.
    #[error("readings of that time are no longer kept; only the last {0} days can be changed")]
    TooOld(u32),
    /// What the gateway's clock shows is worth nothing.
    #[error("the gateway's clock is not set; give the time that the value is for")]
    ClockUnset,
    /// There is nothing to take back.
    #[error("nothing was entered for that time")]
    NothingThere,
    /// The store has not taken it to the medium.
    #[error("the value waits in memory, because it is not on the medium yet: {0}")]
    Store(StoreError),
}

/// A line of the book and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryOf {
    /// The point's ID.
    pub point: String,
    /// The parameter's ID.
    pub parameter: String,
    /// The unit of the values.
    pub unit: String,
    /// What was entered.
    pub entry: ManualEntry,
}

impl Ops {
    /// Keeps a value that somebody enters, in place of what was entered for that time before.
    ///
    /// # Errors
    /// When the parameter is none that is entered by hand, or value or time cannot be.
    pub fn enter(&self, entering: &Entering) -> Result<EntryOf, EnteringError> {
        let served = self.served();
        let name = |series: SeriesId, parameter: &Parameter| (series, parameter.clone());
        let found = served
            .parameters()
            .find(|(point, parameter, _)| point.id == entering.point && parameter.id == entering.parameter)
            .map(|(_, parameter, series)| name(series, parameter));
        let Some((series, parameter)) = found else {
            let Entering { point, parameter, .. } = entering.clone();
            return Err(EnteringError::NoSuchParameter { point, parameter });
        };
        if parameter.source != Source::Manual {
            return Err(EnteringError::NotManual(format!("{}/{}", entering.point, entering.parameter)));
        }
        check_value(&parameter, entering.value)?;
        let at = self.time_of(&served, &parameter, entering.at.as_deref())?;
        if entering.value.is_none() && !self.stands(series, at)? {
            return Err(EnteringError::NothingThere);
        }
        let by: String = entering.by.chars().take(limits::NAME_CHARS_MAX).collect();
        let entry = self
            .store()
            .enter(series, at, entering.value, (self.clock().now(), &by))
            .map_err(EnteringError::Store)?;
        log::info!("{by} entered {:?} for {}/{}", entering.value, entering.point, entering.parameter);
        let Entering { point, parameter: id, .. } = entering.clone();
        Ok(EntryOf { point, parameter: id, unit: parameter.unit, entry })
    }

    /// The last `count` lines of the book, of one point or of all, oldest first.
    #[must_use]
    pub fn manual_entries(&self, point_id: Option<&str>, count: usize) -> Vec<EntryOf> {
        let served = self.served();
        let all: Vec<_> =
            served.parameters().filter(|(point, ..)| point_id.is_none_or(|id| id == point.id)).collect();
        let series: Vec<SeriesId> = all.iter().map(|(.., series)| *series).collect();
        let entries = self.store().manual_entries(&series, count).into_iter();
        let of = |entry: ManualEntry| {
            let (point, parameter, _) = all.iter().find(|(.., series)| *series == entry.series)?;
            let (point, parameter, unit) = (point.id.clone(), parameter.id.clone(), parameter.unit.clone());
            Some(EntryOf { point, parameter, unit, entry })
        };
        entries.filter_map(of).collect()
    }

    /// The time that a value is for. A date alone is the whole day: an amount is told when the day is
    /// over, anything else when it begins.
    fn time_of(
        &self,
        served: &ServedSite,
        parameter: &Parameter,
        written: Option<&str>,
    ) -> Result<UtcTime, EnteringError> {
        let now = self.clock().now();
        let Some(text) = written else {
            let is_known = self.clock().state() != ClockState::Unset;
            return if is_known { Ok(now.floor(Interval::SECOND)) } else { Err(EnteringError::ClockUnset) };
        };
        let at = parse_instant(text, served.site().cems.offset).map_err(EnteringError::Time)?;
        let is_day = is_date(text) && parameter.reading_type.is_delta();
        let at = if is_day { at.plus(Interval::DAY) } else { at };
        // The output of today may be known before midnight.
        let latest = if is_day { now.plus(Interval::DAY) } else { now };
        if at > latest {
            return Err(EnteringError::Ahead);
        }
        let kept_days = served.site().store.raw_days;
        let kept_ms = i64::from(kept_days) * Interval::DAY.as_ms();
        if now.ms_since(at) >= kept_ms { Err(EnteringError::TooOld(kept_days)) } else { Ok(at) }
    }

    fn stands(&self, series: SeriesId, at: UtcTime) -> Result<bool, EnteringError> {
        let only = at..at.plus(Interval::MILLISECOND);
        let mut readings = self.store().history(series, only).map_err(EnteringError::Store)?;
        let there = readings.next().transpose().map_err(EnteringError::Store)?;
        Ok(there.is_some_and(|reading| reading.quality.has_value()))
    }
}

fn check_value(parameter: &Parameter, value: Option<f64>) -> Result<(), EnteringError> {
    let Some(value) = value else { return Ok(()) };
    let (min, max) = parameter.valid.map_or((-VALUE_MAX, VALUE_MAX), |valid| (valid.min, valid.max));
    if (min..=max).contains(&value) { Ok(()) } else { Err(EnteringError::OutOfRange { value, min, max }) }
}
