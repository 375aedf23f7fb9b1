//! How events enter, and how the site replies. The site alone decides whether it takes part.

use thiserror::Error;

use crate::config::site::Site;
use crate::limits;
use crate::model::demand_response::{Act, DemandResponse, DrEvent, EventOrder, EventStatus, Measured, Reply};
use crate::ops::Ops;
use crate::store::{Added, StoreError};
use crate::time::trust::ClockState;
use crate::time::{Interval, UtcOffset, UtcTime};

/// Why nothing was noted. Each text says what is wrong and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OrderError {
    /// The site takes part in nothing.
    #[error("the site takes part in no demand response; add [demand_response] to the site file")]
    NoDemandResponse,
    /// Nobody knows what time it is.
    #[error("the clock is not set, so nobody can say whether it is too late; set it first")]
    ClockUnset,
    /// Not an ID.
    #[error("an ID has 1 to {} ASCII letters, digits, '-', '_' and '.'", limits::ID_CHARS_MAX)]
    Id(Named),
    /// Not a name.
    #[error("the name has 1 to {} printable characters", limits::NAME_CHARS_MAX)]
    Name,
    /// It ends before it begins, or where it begins.
    #[error("the event must end after it starts")]
    EndBeforeStart,
    /// It does not begin and end on a quarter of an hour.
    #[error("an event starts and ends on a quarter of an hour of the local clock")]
    NotOnQuarter(Named),
    /// It does not lie in one day.
    #[error("an event lies within one local day; enter one for each day")]
    OverMidnight,
    /// It has begun.
    #[error("the event has begun already; one can only be asked for what is to come")]
    Begun,
    /// It is too far away.
    #[error("the event is more than {} days away", limits::DR_AHEAD_DAYS_MAX)]
    TooFarAhead,
    /// The deadline is before the invitation.
    #[error("the deadline must not be before the invitation")]
    DeadlineBeforeInvitation,
    /// The deadline is after the start.
    #[error("the deadline must not be after the start of the event")]
    DeadlineAfterStart,
    /// Not an amount.
    #[error("must be a number from 0 to {}", limits::DR_AMOUNT_MAX)]
    Amount(Named),
    /// No point has this ID.
    #[error("there is no point '{0}'; the static data list the points")]
    NoSuchPoint(String),
    /// The point tells no load.
    #[error("the point '{0}' tells no load; it needs a register of energy taken, or a power")]
    NoLoad(String),
    /// The site has no point that tells the load of the whole.
    #[error("no point tells the load of the site; name one here or in [demand_response]")]
    NoSiteLoad,
    /// Another event has this ID.
    #[error("another event has the ID '{0}'; nothing was changed, give each event an ID of its own")]
    Differs(String),
    /// There are too many.
    #[error("{} events are not over yet, and more are not kept; cancel one", limits::DR_OPEN_EVENTS_MAX)]
    TooMany,
    /// No event has this ID.
    #[error("there is no event '{0}'")]
    NoSuchEvent(String),
    /// It was cancelled.
    #[error("the event was cancelled")]
    Cancelled,
    /// It is too late to reply.
    #[error("the deadline has passed; who has not replied does not take part")]
    DeadlinePassed,
    /// It is over.
    #[error("the event is over")]
    Over,
    /// The medium takes nothing.
    #[error("it is noted in memory only, because the store takes no writes: {0}; say it again later")]
    Store(#[from] StoreError),
}

/// What of an event is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// Its ID.
    Event,
    /// Its other number.
    Number,
    /// The ID of its invitation.
    Invitation,
    /// Its start.
    Start,
    /// Its end.
    End,
    /// What is wanted of all sites.
    Wanted,
    /// What is wanted of this site.
    WantedHere,
    /// What a kilowatt-hour is worth.
    Price,
    /// What is promised.
    Promise,
}

/// An event that was entered, now or before.
#[derive(Clone, Debug, PartialEq)]
pub struct Entered {
    /// As it is kept.
    pub event: DrEvent,
    /// Whether it was not known before.
    pub is_new: bool,
}

impl Ops {
    /// Enters an event on behalf of `who`; the same order again changes nothing. What is given back is on
    /// the medium.
    ///
    /// # Errors
    /// Why nothing was noted.
    pub fn enter_event(&self, order: EventOrder, who: &str) -> Result<Entered, OrderError> {
        self.check_clock()?;
        self.enter_event_at(order, who, self.clock().now())
    }

    /// As [`enter_event`](Self::enter_event), as of an instant that may be past.
    ///
    /// # Errors
    /// As [`enter_event`](Self::enter_event).
    pub fn enter_event_at(&self, order: EventOrder, who: &str, at: UtcTime) -> Result<Entered, OrderError> {
        let site = self.site();
        let settings = site.demand_response.as_ref().filter(|settings| settings.participates);
        let settings = settings.ok_or(OrderError::NoDemandResponse)?;
        if let Some(known) = self.store().dr_event(&order.id) {
            return self.entered_before(known, &order);
        }
        check(&order, at, site.cems.offset)?;
        let measured = measured(&order, &site, settings)?;
        let mut event = DrEvent {
            entered_at: at,
            measured,
            method: settings.method,
            samples_until: settings.samples_until,
            rule: settings.rule,
            reply: None,
            cancelled_at: None,
            baseline: None,
            outcome: None,
            audit: Vec::new(),
            order,
        };
        event.note(at, who, Act::Entered);
        match self.store().add_dr_event(event.clone(), at) {
            Added::New => {}
            Added::Known(known) => return self.entered_before(*known, &event.order),
            Added::Full => return Err(OrderError::TooMany),
        }
        log::info!("demand response: {who} entered the event {}", event.order.id);
        // What cannot be computed now is frozen later.
        if let Err(error) = self.settle_response(&event) {
            log::warn!("demand response: no baseline yet for {}: {error}", event.order.id);
        }
        self.store().flush()?;
        let event = self.store().dr_event(&event.order.id).unwrap_or(event);
        Ok(Entered { event, is_new: true })
    }

    fn entered_before(&self, known: DrEvent, order: &EventOrder) -> Result<Entered, OrderError> {
        if known.order != *order {
            return Err(OrderError::Differs(order.id.clone()));
        }
        self.note_contact(&order.id);
        self.store().flush()?;
        Ok(Entered { event: known, is_new: false })
    }

    /// Notes what the site promises, in kW, or that it does not take part.
    ///
    /// # Errors
    /// Why nothing was noted.
    pub fn reply_to_event(
        &self,
        id: &str,
        promised_kw: Option<f64>,
        who: &str,
    ) -> Result<DrEvent, OrderError> {
        self.check_clock()?;
        self.reply_to_event_at(id, promised_kw, who, self.clock().now())
    }

    /// As [`reply_to_event`](Self::reply_to_event), as of an instant that may be past.
    ///
    /// # Errors
    /// As [`reply_to_event`](Self::reply_to_event).
    pub fn reply_to_event_at(
        &self,
        id: &str,
        promised_kw: Option<f64>,
        who: &str,
        at: UtcTime,
    ) -> Result<DrEvent, OrderError> {
        if promised_kw.is_some_and(|promised| promised <= 0.0) {
            return Err(OrderError::Amount(Named::Promise));
        }
        amount(promised_kw, Named::Promise)?;
        let event = self.known(id)?;
        if at > event.order.invitation.deadline {
            return Err(OrderError::DeadlinePassed);
        }
        self.change_event(id, |event| {
            event.reply = Some(Reply { at, promised_kw });
            event.note(at, who, promised_kw.map_or(Act::Declined, Act::Promised));
        })
    }

    /// Notes that an event is cancelled.
    ///
    /// # Errors
    /// Why nothing was noted.
    pub fn cancel_event(&self, id: &str, who: &str) -> Result<DrEvent, OrderError> {
        self.check_clock()?;
        let at = self.clock().now();
        if self.known(id)?.status(at) == EventStatus::Ended {
            return Err(OrderError::Over);
        }
        self.change_event(id, |event| {
            event.cancelled_at = Some(at);
            event.note(at, who, Act::Cancelled);
        })
    }

    /// Every event, in the order in which they start.
    #[must_use]
    pub fn dr_events(&self) -> Vec<DrEvent> {
        let mut events = self.store().dr_events();
        events.sort_by(|a, b| (a.order.time.start, &a.order.id).cmp(&(b.order.time.start, &b.order.id)));
        events
    }

    /// An event that is not cancelled.
    fn known(&self, id: &str) -> Result<DrEvent, OrderError> {
        let event = self.store().dr_event(id).ok_or_else(|| OrderError::NoSuchEvent(shortened(id)))?;
        if event.cancelled_at.is_some() { Err(OrderError::Cancelled) } else { Ok(event) }
    }

    fn change_event(&self, id: &str, change: impl FnOnce(&mut DrEvent)) -> Result<DrEvent, OrderError> {
        let event = self.store().change_dr_event(id, change);
        let event = event.ok_or_else(|| OrderError::NoSuchEvent(shortened(id)))?;
        self.store().flush()?;
        Ok(event)
    }

    fn check_clock(&self) -> Result<(), OrderError> {
        if self.clock().state() == ClockState::Unset { Err(OrderError::ClockUnset) } else { Ok(()) }
    }
}

fn shortened(id: &str) -> String {
    id.chars().take(limits::ID_CHARS_MAX).collect()
}

fn measured(order: &EventOrder, site: &Site, settings: &DemandResponse) -> Result<Measured, OrderError> {
    let Some(id) = &order.point_id else { return settings.measured.clone().ok_or(OrderError::NoSiteLoad) };
    let point = site.points.iter().find(|point| point.id == *id);
    let point = point.ok_or_else(|| OrderError::NoSuchPoint(shortened(id)))?;
    Measured::of_point(point).ok_or_else(|| OrderError::NoLoad(id.clone()))
}

fn check(order: &EventOrder, at: UtcTime, offset: UtcOffset) -> Result<(), OrderError> {
    let invitation = &order.invitation;
    check_id(Some(&order.id), Named::Event)?;
    check_id(order.number.as_deref(), Named::Number)?;
    check_id(invitation.id.as_deref(), Named::Invitation)?;
    let chars = order.name.chars().count();
    if chars == 0 || chars > limits::NAME_CHARS_MAX || order.name.chars().any(char::is_control) {
        return Err(OrderError::Name);
    }
    amount(order.wanted_kw, Named::Wanted)?;
    amount(invitation.wanted_kw, Named::WantedHere)?;
    amount(invitation.price_per_kwh, Named::Price)?;
    check_times(order, at, offset)
}

fn check_id(id: Option<&str>, named: Named) -> Result<(), OrderError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_id = |id: &str| !id.is_empty() && id.len() <= limits::ID_CHARS_MAX && id.chars().all(allowed);
    if id.is_none_or(is_id) { Ok(()) } else { Err(OrderError::Id(named)) }
}

fn amount(amount: Option<f64>, named: Named) -> Result<(), OrderError> {
    let fits = amount.is_none_or(|amount| (0.0..=limits::DR_AMOUNT_MAX).contains(&amount));
    if fits { Ok(()) } else { Err(OrderError::Amount(named)) }
}

fn check_times(order: &EventOrder, at: UtcTime, offset: UtcOffset) -> Result<(), OrderError> {
    let (start, end) = (order.time.start, order.time.end);
    let is_on_quarter = |at: UtcTime| at.floor_local(Interval::QUARTER_HOUR, offset) == at;
    let midnight_after = start.floor_local(Interval::DAY, offset).plus(Interval::DAY);
    let ahead_ms = limits::DR_AHEAD_DAYS_MAX * Interval::DAY.as_ms();
    let refused = [
        (end <= start, OrderError::EndBeforeStart),
        (!is_on_quarter(start), OrderError::NotOnQuarter(Named::Start)),
        (!is_on_quarter(end), OrderError::NotOnQuarter(Named::End)),
        (end > midnight_after, OrderError::OverMidnight),
        (start <= at, OrderError::Begun),
        (start.ms_since(at) > ahead_ms, OrderError::TooFarAhead),
        (order.invitation.deadline < order.invitation.at, OrderError::DeadlineBeforeInvitation),
        (order.invitation.deadline > start, OrderError::DeadlineAfterStart),
    ];
    refused.into_iter().find(|(is_so, _)| *is_so).map_or(Ok(()), |(_, error)| Err(error))
}
