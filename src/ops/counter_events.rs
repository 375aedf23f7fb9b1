//! What registers did besides plain growth, and what a technician says of it.

use thiserror::Error;

use super::{Ops, profile};
use crate::counter::Assumption;
use crate::limits;
use crate::model::point::{Parameter, Point};
use crate::model::reading::SeriesId;
use crate::store::{CounterEvent, Ruled};
use crate::time::UtcTime;

/// What a technician says of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Correction {
    /// What was assumed is right.
    Confirm,
    /// This has happened.
    To(Assumption),
    /// So much flowed, in the register's unit.
    Amount(f64),
    /// What was said before is taken back.
    TakeBack,
}

/// Why nothing was noted.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CorrectionError {
    /// No event has this number.
    #[error("there is no event {0}; 'events' lists them")]
    NoSuchEvent(u32),
    /// The register's end is not known.
    #[error("where this register starts again from zero is not known; give the amount that flowed")]
    NoModulus,
    /// An amount that cannot have flowed.
    #[error("an amount is a number from 0 to {}", limits::COUNTER_AMOUNT_MAX)]
    Amount,
    /// The statistics of that time cannot be computed anew.
    #[error("the readings of that time are no longer kept, so nothing can be computed anew")]
    ReadingsGone,
}

/// An event and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct CounterEventOf {
    /// The point's ID.
    pub point: String,
    /// The parameter's ID.
    pub parameter: String,
    /// The unit of both values.
    pub unit: String,
    /// What happened.
    pub event: CounterEvent,
}

impl Ops {
    /// The newest events, at most `count`, of one point or of all; in the order in which they were found.
    #[must_use]
    pub fn counter_events(&self, point_id: Option<&str>, count: usize) -> Vec<CounterEventOf> {
        let served = self.served();
        let all: Vec<_> =
            served.parameters().filter(|(point, ..)| point_id.is_none_or(|id| id == point.id)).collect();
        let series: Vec<SeriesId> = all.iter().map(|(.., series)| *series).collect();
        let mut events = self.store().counter_events(&series, &UtcTime::ALWAYS);
        let surplus = events.len().saturating_sub(count);
        let of = |event: CounterEvent| {
            let (point, parameter, _) = all.iter().find(|(.., series)| *series == event.series)?;
            Some(CounterEventOf {
                point: point.id.clone(),
                parameter: parameter.id.clone(),
                unit: parameter.unit.clone(),
                event,
            })
        };
        events.drain(surplus..).filter_map(of).collect()
    }

    /// Notes what a technician says of an event; statistics keep to it from now on. Gives the event as
    /// it is then.
    ///
    /// # Errors
    /// When there is no such event, the amount cannot be or is not known, or the readings have gone.
    pub fn correct(&self, number: u32, correction: Correction) -> Result<CounterEvent, CorrectionError> {
        let known = self.store().counter_event(number).ok_or(CorrectionError::NoSuchEvent(number))?;
        if self.store().readings_from().is_none_or(|from| known.event.since < from) {
            return Err(CorrectionError::ReadingsGone);
        }
        let ruled = |(verdict, counted)| Ruled { at: self.clock().now(), verdict, counted };
        let ruling = self.verdict(&known, correction)?.map(ruled);
        let event = self.store().rule(number, ruling).ok_or(CorrectionError::NoSuchEvent(number))?;
        log::info!("store: event {number} of a register: {:?}, counted {}", correction, event.verdict().1);
        Ok(event)
    }

    fn verdict(
        &self,
        known: &CounterEvent,
        correction: Correction,
    ) -> Result<Option<(Assumption, f64)>, CorrectionError> {
        let event = known.event;
        Ok(match correction {
            Correction::TakeBack => None,
            Correction::Confirm => Some((event.assumption, event.counted)),
            Correction::To(assumption) => {
                let counts = assumption.counts(event.before, event.after, self.modulus(known.series));
                Some((assumption, counts.filter(|amount| *amount >= 0.0).ok_or(CorrectionError::NoModulus)?))
            }
            Correction::Amount(amount) if (0.0..=limits::COUNTER_AMOUNT_MAX).contains(&amount) => {
                // A reading that something flowed up to is not a wrong one.
                let verdict = Some(event.assumption).filter(|assumed| *assumed != Assumption::Glitch);
                Some((verdict.unwrap_or(Assumption::Replaced), amount))
            }
            Correction::Amount(_) => return Err(CorrectionError::Amount),
        })
    }

    fn modulus(&self, series: SeriesId) -> Option<f64> {
        let served = self.served();
        let (_, parameter, _): (&Point, &Parameter, _) =
            served.parameters().find(|(.., known)| *known == series)?;
        profile(parameter).modulus
    }
}
