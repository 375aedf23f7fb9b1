//! What the site orders: to hold a value, and to let go of it.

use thiserror::Error;

use super::Bound;
use crate::limits;
use crate::mapping;
use crate::model::control::{ControlAct, Hold};
use crate::model::reading::SeriesId;
use crate::ops::{Ops, ServedSite};
use crate::store::{ControlLine, StoreError};
use crate::time::Interval;
use crate::time::trust::ClockState;

/// A value that somebody at the site wants.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// The point's ID.
    pub point: String,
    /// The parameter's ID.
    pub parameter: String,
    /// In the parameter's unit.
    pub value: f64,
    /// For how long, unless it is said again; as long as the site file allows without it.
    pub lease: Option<Interval>,
    /// Who wants it.
    pub by: String,
}

/// Why nothing was ordered.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ControlError {
    /// The site has no such parameter.
    #[error("there is no parameter {0}; 'controls' lists those that may be written")]
    NoSuchParameter(String),
    /// It may not be written.
    #[error("{0} may not be written; that takes 'writable' with bounds in the site file")]
    NotWritable(String),
    /// Outside of what may be written.
    #[error("{value} is outside {min} to {max}, which the site file allows")]
    OutOfBounds {
        /// As ordered.
        value: f64,
        /// The least.
        min: f64,
        /// The greatest.
        max: f64,
    },
    /// Longer than it may be held.
    #[error("it may be held for {0} at most before it is said again")]
    LeaseTooLong(Interval),
    /// Nobody knows what time it is.
    #[error("the gateway's clock is not set, so nobody can say when the hold ends; set it first")]
    ClockUnset,
    /// Nobody holds it.
    #[error("{0} is at rest; there is nothing to let go of")]
    NothingHeld(String),
    /// It could not be noted, and so it is not done.
    #[error("it could not be noted, so nothing is written: {0}")]
    Store(StoreError),
    /// It is done, and could not be noted.
    #[error("it goes to rest, but that could not be noted: {0}")]
    Unnoted(StoreError),
}

/// A line of the book of what was written, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlLineOf {
    /// The point's ID.
    pub point: String,
    /// The parameter's ID.
    pub parameter: String,
    /// The unit of the values.
    pub unit: String,
    /// What happened.
    pub line: ControlLine,
}

impl Ops {
    /// Holds a parameter at a value from now on; the same again renews it. It is written soon after.
    ///
    /// # Errors
    /// Why nothing was ordered.
    pub fn hold(&self, holding: &Holding) -> Result<(), ControlError> {
        let served = self.served();
        let bound = named(&served, &holding.point, &holding.parameter)?;
        let writable = bound.writable;
        if !writable.allows(holding.value) {
            let (value, min, max) = (holding.value, writable.min, writable.max);
            return Err(ControlError::OutOfBounds { value, min, max });
        }
        let bounds = writable.min..=writable.max;
        let held = mapping::words(&bound.metered.register, holding.value, &bound.metered.conversion, bounds);
        if held.is_err() {
            let (value, min, max) = (holding.value, writable.min, writable.max);
            return Err(ControlError::OutOfBounds { value, min, max });
        }
        let lease = holding.lease.unwrap_or(writable.lease);
        if lease > writable.lease {
            return Err(ControlError::LeaseTooLong(writable.lease));
        }
        if self.clock().state() == ClockState::Unset {
            return Err(ControlError::ClockUnset);
        }
        let now = self.clock().now();
        let by: String = holding.by.chars().take(limits::NAME_CHARS_MAX).collect();
        let wanted = Hold { value: holding.value, by: by.clone(), since: now, until: now.plus(lease) };
        self.controls.progress().entry(bound.series).or_default().lease_ends_ms =
            Some(self.clock().steady_ms().saturating_add(lease.as_ms()));
        self.store().change_control(bound.series, |control| control.hold = Some(wanted));
        self.store().note_control(bound.series, now, ControlAct::Held(holding.value), &by);
        log::info!("control: {by} holds {}/{} at {}", holding.point, holding.parameter, holding.value);
        if let Err(error) = self.store().flush() {
            // What nobody could know of after a power cut is not begun.
            self.store().change_control(bound.series, |control| control.hold = None);
            return Err(ControlError::Store(error));
        }
        self.controls.changed.notify_one();
        Ok(())
    }

    /// Lets a parameter go to rest on behalf of `by`. One that an event moves is left alone by that event
    /// from now on.
    ///
    /// # Errors
    /// Why nothing was ordered.
    pub fn release(&self, point: &str, parameter: &str, by: &str) -> Result<(), ControlError> {
        let served = self.served();
        let bound = named(&served, point, parameter)?;
        let event = self.event_of(&bound);
        let held = self.store().controls().into_iter().find(|(series, _)| *series == bound.series);
        let is_held = held.is_some_and(|(_, control)| control.hold.is_some());
        if event.is_none() && !is_held {
            return Err(ControlError::NothingHeld(format!("{point}/{parameter}")));
        }
        self.store().change_control(bound.series, |control| {
            control.hold = None;
            control.declined_event = event.or(control.declined_event.take());
        });
        self.store().note_control(bound.series, self.clock().now(), ControlAct::Released, by);
        log::info!("control: {by} lets {point}/{parameter} go");
        self.controls.changed.notify_one();
        self.store().flush().map(|_| ()).map_err(ControlError::Unnoted)
    }

    /// The last `count` lines of the book of what was written, of one point or of all, oldest first.
    #[must_use]
    pub fn control_lines(&self, point_id: Option<&str>, count: usize) -> Vec<ControlLineOf> {
        let served = self.served();
        let all: Vec<_> =
            served.parameters().filter(|(point, ..)| point_id.is_none_or(|id| id == point.id)).collect();
        let series: Vec<SeriesId> = all.iter().map(|(.., series)| *series).collect();
        let of = |line: ControlLine| {
            let (point, parameter, _) = all.iter().find(|(.., series)| *series == line.series)?;
            let (point, parameter, unit) = (point.id.clone(), parameter.id.clone(), parameter.unit.clone());
            Some(ControlLineOf { point, parameter, unit, line })
        };
        self.store().control_lines(&series, count).into_iter().filter_map(of).collect()
    }
}

fn named<'s>(served: &'s ServedSite, point: &str, parameter: &str) -> Result<Bound<'s>, ControlError> {
    let is_named = |bound: &Bound<'_>| bound.point.id == point && bound.parameter.id == parameter;
    if let Some(bound) = served.writables().find(is_named) {
        return Ok(bound);
    }
    let name = format!("{point}/{parameter}");
    let is_known = served.parameters().any(|(known, of, _)| known.id == point && of.id == parameter);
    Err(if is_known { ControlError::NotWritable(name) } else { ControlError::NoSuchParameter(name) })
}
