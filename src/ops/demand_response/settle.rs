//! What is frozen of an event, and when.

use std::ops::Range;

use jiff::civil::Date;

use super::loads::completeness;
use crate::limits;
use crate::model::demand_response::{
    Baseline, BaselineMethod, DrEvent, EventStatus, NoBaseline, Outcome, SamplesUntil, WorkCalendar,
};
use crate::model::tou::midnight_of;
use crate::ops::Ops;
use crate::ops::query::QueryError;
use crate::stats::baseline::{self, Search};
use crate::time::trust::ClockState;
use crate::time::{Interval, UtcOffset, UtcTime};

impl Ops {
    /// Freezes whatever of the events is due. Call it now and then: what is asked for meanwhile is the
    /// same, only computed each time.
    ///
    /// # Errors
    /// When the store cannot be read at present; what was not frozen is tried again the next time.
    pub fn settle_responses(&self) -> Result<(), QueryError> {
        // By a clock that nothing speaks for, everything would be over or nothing.
        if self.clock().state() == ClockState::Unset {
            return Ok(());
        }
        // One that cannot be settled keeps no other from it.
        let settled =
            self.store().dr_events().iter().map(|event| self.settle_response(event)).collect::<Vec<_>>();
        settled.into_iter().collect()
    }

    /// Freezes whatever of one event is due.
    pub(super) fn settle_response(&self, event: &DrEvent) -> Result<(), QueryError> {
        let (now, id) = (self.clock().now(), &event.order.id);
        let status = event.status(now);
        if status == EventStatus::Void {
            return Ok(());
        }
        if event.baseline.is_none() && now >= self.baseline_due(event) {
            let frozen = self.new_baseline(event)?;
            self.store().change_dr_event(id, |event| {
                event.baseline.get_or_insert(frozen);
            });
        }
        if event.outcome.is_none() && event.promised_kw().is_some() && status == EventStatus::Ended {
            let outcome = self.new_outcome(event)?;
            let is_whole = outcome.completeness >= 1.0 && outcome.load_kw.iter().all(Option::is_some);
            let days_ms = limits::DR_SETTLE_DAYS_MAX * Interval::DAY.as_ms();
            if is_whole || now.ms_since(event.order.time.end) >= days_ms {
                self.store().change_dr_event(id, |event| {
                    event.outcome.get_or_insert(outcome);
                });
            }
        }
        Ok(())
    }

    /// When all that the baseline is made of has been measured: not before the event was entered, and
    /// where samples reach up to a day that is not over yet, a little after it is.
    pub(in crate::ops) fn baseline_due(&self, event: &DrEvent) -> UtcTime {
        let offset = self.site().cems.offset;
        let known_from = match event.method {
            BaselineMethod::QuarterBefore => event.order.time.start,
            _ => midnight_of(samples_before(event, offset), offset).unwrap_or(event.order.time.start),
        };
        known_from.plus(self.reading_pause(event)).max(event.entered_at)
    }

    /// How long it takes until what happened has been read.
    fn reading_pause(&self, event: &DrEvent) -> Interval {
        let interval =
            self.served().load_of(&event.measured).map_or(Interval::QUARTER_HOUR, |(of, _)| of.interval);
        let pause_ms = interval.min(Interval::QUARTER_HOUR).as_ms() + Interval::MINUTE.as_ms();
        Interval::from_ms(pause_ms).unwrap_or(Interval::QUARTER_HOUR)
    }

    fn new_baseline(&self, event: &DrEvent) -> Result<Result<Baseline, NoBaseline>, QueryError> {
        let site = self.site();
        let (offset, time) = (site.cems.offset, &event.order.time);
        if event.method == BaselineMethod::QuarterBefore {
            let before_ms = time.start.as_ms() - Interval::QUARTER_HOUR.as_ms();
            let loads = self.loads(&event.measured, &(UtcTime::from_ms(before_ms)..time.start))?;
            let load_kw = loads.first().and_then(|quarter| quarter.load_kw);
            return Ok(baseline::of_quarter_before(load_kw, event.quarters()));
        }
        let usual = WorkCalendar::default();
        let search = Search {
            method: event.method,
            calendar: site.demand_response.as_ref().map_or(&usual, |settings| &settings.calendar),
            event_day: day_of(time.start, offset),
            before: samples_before(event, offset),
            response_days: &self.response_days(&event.order.id, offset),
        };
        let window = (time.start.ms_since(time.start.floor_local(Interval::DAY, offset)), event.quarters());
        baseline::of_days(&search, |day| {
            let midnight = midnight_of(day, offset).unwrap_or(time.start);
            self.sample_day(&event.measured, midnight, window)
        })
    }

    /// The days of all events but one that the site took part in.
    fn response_days(&self, but: &str, offset: UtcOffset) -> Vec<Date> {
        let events = self.store().dr_events().into_iter();
        let others = events.filter(|event| event.order.id != but && event.promised_kw().is_some());
        others.map(|event| day_of(event.order.time.start, offset)).collect()
    }

    /// What came of an event that is over: frozen, or as far as it is known now.
    pub(in crate::ops) fn outcome_of(&self, event: &DrEvent) -> Result<Outcome, QueryError> {
        event.outcome.clone().map_or_else(|| self.new_outcome(event), Ok)
    }

    fn new_outcome(&self, event: &DrEvent) -> Result<Outcome, QueryError> {
        let Range { start, end } = event.order.time;
        let loads = self.loads(&event.measured, &(start..end))?;
        let completeness = completeness(&loads);
        Ok(Outcome { load_kw: loads.into_iter().map(|quarter| quarter.load_kw).collect(), completeness })
    }
}

fn day_of(at: UtcTime, offset: UtcOffset) -> Date {
    at.civil(offset).date()
}

/// The day before which samples lie.
fn samples_before(event: &DrEvent, offset: UtcOffset) -> Date {
    match event.samples_until {
        SamplesUntil::EventDay => day_of(event.order.time.start, offset),
        SamplesUntil::InvitationDay => day_of(event.order.invitation.at.min(event.order.time.start), offset),
    }
}
